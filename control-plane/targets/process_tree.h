/*
 * A process and all that it started: a Postgres node is a tree, and killing its head leaves the
 * rest running.
 */
#ifndef CP_TARGETS_PROCESS_TREE_H
#define CP_TARGETS_PROCESS_TREE_H

#include <sys/types.h>

enum { CP_PROCESS_TREE_MAX = 1024 };

/* SIGKILL to root and its descendants (at most CP_PROCESS_TREE_MAX), found before the first is
 * killed. Returns how many were signalled. */
int cp_process_tree_kill(pid_t root);

#endif
