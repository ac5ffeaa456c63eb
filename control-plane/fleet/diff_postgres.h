/*
 * The Postgres part of a cell's drift: settings of nodes and monitor, migrations, roles, and
 * whether the cell holds the tenants and numbers that the registry says.
 */
#ifndef CP_FLEET_DIFF_POSTGRES_H
#define CP_FLEET_DIFF_POSTGRES_H

#include "control-plane/postgres/group.h"

/* Each notes what is different in context->differences. */
void cp_diff_settings(struct cp_postgres_group *group);
void cp_diff_migrations(struct cp_postgres_group *group);
void cp_diff_roles(struct cp_postgres_group *group);
void cp_diff_numbers(struct cp_postgres_group *group, const char *country);

/* Settings that a reload takes up are written and reloaded. */
enum cc_error cp_apply_settings(struct cp_postgres_group *group) CC_MUST_CHECK;

#endif
