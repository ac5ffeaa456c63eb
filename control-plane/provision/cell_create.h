/*
 * Makes a cell: the table of transitions from a claim in the registry to edges that route to it.
 * To add a step, add a row to the table in cell_create.c and its act (and verify) beside the
 * others: cell_postgres.c (monitor, nodes, roles) or cell_processes.c (files, Redis, workers).
 */
#ifndef CP_PROVISION_CELL_CREATE_H
#define CP_PROVISION_CELL_CREATE_H

#include "base/transitions.h"
#include "control-plane/context.h"
#include "control-plane/postgres/group.h"
#include "control-plane/targets/target.h"
#include "control-plane/templates/template.h"

extern const struct cc_transition_table cp_cell_create_table;

struct cp_cell_create {
    struct cp_context *context;
    const char *country;
    const char *cell; /* "se-1" */
    const char *template_name;
    const struct cp_target *target;
    struct cp_template template;
    int number; /* of the cell, once claimed */
};

/* cell: NULL for <country>-1. CC_CONFLICT when it exists with another template or target. Repeated:
 * no change; *changed says whether something was done. */
enum cc_error cp_cell_create(struct cp_context *context, const char *country, const char *cell,
                             const char *template_name, const char *target,
                             bool *changed) CC_MUST_CHECK;

/* Rows of the table, by file. Each subject is a struct cp_cell_create *. */
enum cc_error cp_cell_make_folders(void *subject) CC_MUST_CHECK;
enum cc_error cp_cell_make_monitor(void *subject) CC_MUST_CHECK;
enum cc_error cp_cell_tune_monitor(void *subject) CC_MUST_CHECK;
enum cc_error cp_cell_make_node1(void *subject) CC_MUST_CHECK;
enum cc_error cp_cell_make_node2(void *subject) CC_MUST_CHECK;
enum cc_error cp_cell_verify_streaming(void *subject) CC_MUST_CHECK;
enum cc_error cp_cell_verify_synchronous(void *subject) CC_MUST_CHECK;
enum cc_error cp_cell_migrate(void *subject) CC_MUST_CHECK;
enum cc_error cp_cell_make_redis(void *subject) CC_MUST_CHECK;
enum cc_error cp_cell_start_workers(void *subject) CC_MUST_CHECK;
enum cc_error cp_cell_verify_workers(void *subject) CC_MUST_CHECK;

/* The cell's Postgres. target may be NULL where nothing is installed or started. */
void cp_cell_postgres(struct cp_context *context, const char *cell, int number,
                      const struct cp_target *target, struct cp_postgres_group *out);

/* Waits until a made cell has a primary and a synchronous replica: after a start of the whole home.
 * Of a cell that has one node left until it is healed: until that takes writes, and stderr says it.
 * CC_CONFLICT: its monitor knows no node; CC_TIMEOUT. Both with a message. */
enum cc_error cp_cell_wait_replicated(struct cp_context *context, const char *cell,
                                      int number) CC_MUST_CHECK;

/* What the country's template says of calls, as the registry keeps it. */
const char *cp_cell_policy_json(struct cp_cell_create *create);

/* Shared by the files above. */
const char *cp_cell_service(struct cp_cell_create *create, const char *part); /* "se-1-node1" */
const char *cp_cell_path(struct cp_cell_create *create, const char *below);   /* cells/se-1/... */
/* The same at any site. */
const char *cp_cell_path_at(struct cp_cell_create *create, const char *site, const char *below);

/* The parts of one site: its folders, with the secrets of the other; Redis; workers, started and
 * ready, but for those that are drained. The supervisor of the site runs. */
enum cc_error cp_cell_make_site(struct cp_cell_create *create, const char *site,
                                const char *secrets_of) CC_MUST_CHECK;
enum cc_error cp_cell_start_site(struct cp_cell_create *create, const char *site) CC_MUST_CHECK;
enum cc_error cp_cell_verify_site(struct cp_cell_create *create, const char *site) CC_MUST_CHECK;

#endif
