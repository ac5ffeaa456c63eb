#include "control-plane/tables.h"

#include "control-plane/backup/backup.h"
#include "control-plane/backup/drill.h"
#include "control-plane/backup/in_place.h"
#include "control-plane/backup/registry_restore.h"
#include "control-plane/backup/restore.h"
#include "control-plane/failover/evacuate.h"
#include "control-plane/failover/failover.h"
#include "control-plane/failover/heal.h"
#include "control-plane/failover/switchover.h"
#include "control-plane/fleet/destroy.h"
#include "control-plane/fleet/diff.h"
#include "control-plane/fleet/drain.h"
#include "control-plane/fleet/edge_remove.h"
#include "control-plane/provision/carrier_create.h"
#include "control-plane/provision/cell_create.h"
#include "control-plane/provision/edge_create.h"
#include "control-plane/provision/number_create.h"
#include "control-plane/provision/tenant_create.h"

const struct cc_transition_table *const cp_tables[] = {
    &cp_edge_create_table,           &cp_cell_create_table,     &cp_tenant_create_table,
    &cp_number_create_table,         &cp_number_delete_table,   &cp_carrier_create_table,
    &cp_carrier_delete_table,        &cp_cell_drain_table,      &cp_cell_undrain_table,
    &cp_cell_restart_table,          &cp_cell_heal_table,       &cp_cell_evacuate_table,
    &cp_break_glass_evacuate_table,  &cp_cell_switchover_table, &cp_cell_failover_table,
    &cp_cell_backup_table,           &cp_cell_restore_table,    &cp_restore_drill_table,
    &cp_cell_restore_in_place_table, &cp_cell_destroy_table,    &cp_cell_apply_table,
    &cp_registry_restore_table,      &cp_edge_remove_table,
};
const size_t cp_table_count = sizeof(cp_tables) / sizeof(cp_tables[0]);

void cp_tables_page(struct cc_buffer *out)
{
    cc_buffer_text(out, "# Transitions\n\nWhat takes long is a table of rows, walked by "
                        "`control-plane/run.c`. This page is the output of `callcell transitions "
                        "diagram`.\n");
    for (size_t i = 0; i < cp_table_count; i++) {
        cc_buffer_printf(out, "\n## %s\n\n```mermaid\n", cp_tables[i]->name);
        cc_transitions_diagram(cp_tables[i], out);
        cc_buffer_text(out, "```\n");
    }
}

static void append_text(struct cc_buffer *out, const char *key, const char *text)
{
    cc_buffer_printf(out, "\"%s\":", key);
    if (text)
        cc_buffer_json_string(out, cc_slice_of(text));
    else
        cc_buffer_text(out, "null");
}

static void append_row(struct cc_buffer *out, const struct cc_transition *row)
{
    cc_buffer_text(out, "{");
    append_text(out, "state", row->state);
    cc_buffer_text(out, ",");
    append_text(out, "next", row->next);
    cc_buffer_text(out, ",");
    append_text(out, "guard", row->guard_name);
    cc_buffer_text(out, ",");
    append_text(out, "comment", row->comment);
    cc_buffer_text(out, "}");
}

void cp_tables_json(struct cc_buffer *out)
{
    for (size_t i = 0; i < cp_table_count; i++) {
        const struct cc_transition_table *table = cp_tables[i];
        cc_buffer_text(out, i > 0 ? ",\n {" : "[{");
        append_text(out, "table", table->name);
        cc_buffer_text(out, ",");
        append_text(out, "first", table->first);
        cc_buffer_text(out, ",");
        append_text(out, "last", table->last);
        cc_buffer_text(out, ",\"rows\":[");
        for (size_t row = 0; row < table->count; row++) {
            cc_buffer_text(out, row > 0 ? ",\n  " : "\n  ");
            append_row(out, &table->rows[row]);
        }
        cc_buffer_text(out, "]}");
    }
    cc_buffer_text(out, "]\n");
}
