#include "control-plane/fleet/tenants.h"

#include "base/slot.h"
#include "control-plane/registry.h"

static bool owns_slot(const PGresult *ranges, uint16_t slot)
{
    for (int row = 0; row < PQntuples(ranges); row++) {
        if (slot >= cp_sql_integer(ranges, row, 0) && slot <= cp_sql_integer(ranges, row, 1))
            return true;
    }
    return false;
}

enum cc_error cp_tenants_of_cell(struct cp_context *context, const char *country, const char *cell,
                                 const char **list, size_t *count)
{
    PGresult *ranges, *tenants;
    enum cc_error error = cp_sql_read(
        context, &ranges, "SELECT first_slot, last_slot FROM slot_ranges WHERE cell = $1",
        CP_PARAMETERS(cell));
    if (!error)
        error =
            cp_sql_read(context, &tenants,
                        "SELECT tenant, coalesce(pinned_cell, '') FROM tenants WHERE country = $1 "
                        "ORDER BY tenant COLLATE \"C\"",
                        CP_PARAMETERS(country));
    if (error)
        return error;
    struct cc_buffer text;
    cc_buffer_init(&text, 0);
    *count = 0;
    for (int row = 0; row < PQntuples(tenants); row++) {
        const char *tenant = cp_sql_value(tenants, row, 0), *pin = cp_sql_value(tenants, row, 1);
        if (*pin ? strcmp(pin, cell) != 0 : !owns_slot(ranges, cc_slot_of(cc_slice_of(tenant))))
            continue;
        cc_buffer_printf(&text, "%s\"%s\"", (*count)++ ? "," : "", tenant);
    }
    *list = cp_format(context, "[%.*s]", (int)text.length, text.data ? text.data : "");
    cc_buffer_deinit(&text);
    return CC_OK;
}
