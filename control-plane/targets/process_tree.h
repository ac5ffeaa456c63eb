/*
 * A process and all that it started: a Postgres node is a tree, and killing its head leaves the
 * rest running.
 */
#ifndef CP_TARGETS_PROCESS_TREE_H
#define CP_TARGETS_PROCESS_TREE_H

#include <stdbool.h>
#include <sys/types.h>

enum { CP_PROCESS_TREE_MAX = 1024 };

/* Whether any of them is stopped by a signal: the head of a frozen Postgres may be well. */
bool cp_process_tree_is_frozen(pid_t root);

/* SIGKILL to root and its descendants (at most CP_PROCESS_TREE_MAX), found before the first is
 * killed; with name, to those of them only whose program is called so ("pg_autoctl"). Returns how
 * many were signalled. */
int cp_process_tree_kill(pid_t root, const char *name);

#endif
