/*
 * The commands: one table; one file per group holds their handlers.
 */
#ifndef CP_CLI_COMMANDS_H
#define CP_CLI_COMMANDS_H

#include "control-plane/cli/args.h"
#include "control-plane/context.h"

extern const struct cp_command cp_commands[];
extern const size_t cp_command_count;

typedef enum cc_error cp_handler(struct cp_context *context, const struct cp_arguments *arguments);
cp_handler cp_cli_init, cp_cli_up, cp_cli_down, cp_cli_ports, cp_cli_serve, cp_cli_status,
    cp_cli_help;
cp_handler cp_cli_edge_add, cp_cli_edge_remove, cp_cli_edge_list, cp_cli_cell_create,
    cp_cli_cell_list, cp_cli_cell_show;
cp_handler cp_cli_cell_switchover, cp_cli_cell_failover, cp_cli_cell_evacuate, cp_cli_cell_heal,
    cp_cli_break_glass_evacuate;
cp_handler cp_cli_cell_drain, cp_cli_cell_undrain, cp_cli_cell_restart, cp_cli_cell_destroy,
    cp_cli_cell_diff, cp_cli_cell_apply;
cp_handler cp_cli_cell_backup, cp_cli_cell_backups, cp_cli_cell_restore, cp_cli_cell_restore_drill,
    cp_cli_backups_run, cp_cli_backups_round;
cp_handler cp_cli_tenant_create, cp_cli_tenant_list;
cp_handler cp_cli_number_create, cp_cli_number_import, cp_cli_number_list, cp_cli_number_delete;
cp_handler cp_cli_carrier_create, cp_cli_carrier_rotate, cp_cli_carrier_list, cp_cli_carrier_delete;
cp_handler cp_cli_flow_put, cp_cli_flow_publish, cp_cli_flow_show, cp_cli_call_show,
    cp_cli_call_explain;
cp_handler cp_cli_template_list, cp_cli_template_show, cp_cli_template_check, cp_cli_template_keys;
cp_handler cp_cli_doctor, cp_cli_registry_reconcile, cp_cli_registry_backup,
    cp_cli_registry_backups, cp_cli_registry_restore, cp_cli_registry_restore_drill;
cp_handler cp_cli_map_show, cp_cli_map_publish, cp_cli_map_rollback;
cp_handler cp_cli_certificates_list, cp_cli_certificates_renew;
cp_handler cp_cli_transitions_list, cp_cli_transitions_resume, cp_cli_transitions_diagram,
    cp_cli_transitions_tables;

/* Parses and runs; exit status 0, 1 or 2. Resuming a run comes through here again. */
int cp_cli_run(struct cp_context *context, int argc, char *const *argv);

/* Prints a result: as a table, or with --output json as an array of objects; JSON, integers and
 * booleans stay what they are. */
void cp_cli_print(struct cp_context *context, const PGresult *result);

/* "number +46…: created" or {"what":"number","name":"+46…","changed":true}. */
void cp_cli_done(struct cp_context *context, const char *what, const char *name, bool changed);

/* JSON as it is, with --output json; else indented. */
void cp_cli_print_json(struct cp_context *context, struct cc_slice json);

#endif
