/*
 * Backups and restore drills when they are due, without hands: a service of its own, so that
 * `serve` never waits for a disk.
 */
#ifndef CP_BACKUP_AGENT_H
#define CP_BACKUP_AGENT_H

#include "control-plane/context.h"

/* Runs `callcell backups round` every few seconds, each as a process of its own, until it is
 * ended. */
enum cc_error cp_backup_agent(struct cp_context *context) CC_MUST_CHECK;

/* For every cell: tells what is known of its archive; takes a backup, or holds a drill, when one is
 * due. A cell's trouble is logged and does not keep the others waiting for their turn. */
enum cc_error cp_backup_round(struct cp_context *context) CC_MUST_CHECK;

/* Installs the service and starts it. */
enum cc_error cp_backup_install(struct cp_context *context) CC_MUST_CHECK;

#endif
