#include <stdio.h>
#include <stdlib.h>

#include "control-plane/cli/commands.h"
#include "control-plane/registry.h"

enum { OID_BOOL = 16, OID_INT8 = 20, OID_INT4 = 23, OID_JSON = 114, OID_JSONB = 3802 };

static void append_value(struct cc_buffer *out, const PGresult *result, int row, int column)
{
    Oid type = PQftype(result, column);
    const char *value = cp_sql_value(result, row, column);
    if (PQgetisnull(result, row, column))
        cc_buffer_text(out, "null");
    else if (type == OID_BOOL)
        cc_buffer_text(out, value[0] == 't' ? "true" : "false");
    else if (type == OID_INT8 || type == OID_INT4 || type == OID_JSON || type == OID_JSONB)
        cc_buffer_text(out, value);
    else
        cc_buffer_json_string(out, cc_slice_of(value));
}

static void print_as_json(const PGresult *result)
{
    struct cc_buffer out;
    cc_buffer_init(&out, (size_t)1 << 30);
    cc_buffer_text(&out, "[");
    for (int row = 0; row < PQntuples(result); row++) {
        cc_buffer_text(&out, row > 0 ? ",\n {" : "{");
        for (int column = 0; column < PQnfields(result); column++) {
            cc_buffer_text(&out, column > 0 ? "," : "");
            cc_buffer_json_string(&out, cc_slice_of(PQfname(result, column)));
            cc_buffer_text(&out, ":");
            append_value(&out, result, row, column);
        }
        cc_buffer_text(&out, "}");
    }
    cc_buffer_text(&out, "]\n");
    printf("%.*s", (int)out.length, out.data ? out.data : "");
    cc_buffer_deinit(&out);
}

static int width_of(const PGresult *result, int column)
{
    int width = (int)strlen(PQfname(result, column));
    for (int row = 0; row < PQntuples(result); row++) {
        int length = PQgetlength(result, row, column);
        width = length > width ? length : width;
    }
    return width;
}

void cp_cli_print(struct cp_context *context, const PGresult *result)
{
    if (context->json) {
        print_as_json(result);
        return;
    }
    for (int row = -1; row < PQntuples(result); row++) {
        for (int column = 0; column < PQnfields(result); column++) {
            bool last = column + 1 == PQnfields(result);
            const char *text =
                row < 0 ? PQfname(result, column) : cp_sql_value(result, row, column);
            printf("%-*s%s", last ? 0 : width_of(result, column), text, last ? "\n" : "  ");
        }
    }
}

void cp_cli_done(struct cp_context *context, const char *what, const char *name, bool changed)
{
    if (context->dry_run)
        return;
    if (!context->json) {
        printf("%s %s: %s\n", what, name, changed ? "done" : "no change");
        return;
    }
    struct cc_buffer out;
    cc_buffer_init(&out, 0);
    cc_buffer_text(&out, "{\"what\":");
    cc_buffer_json_string(&out, cc_slice_of(what));
    cc_buffer_text(&out, ",\"name\":");
    cc_buffer_json_string(&out, cc_slice_of(name));
    cc_buffer_printf(&out, ",\"changed\":%s}\n", changed ? "true" : "false");
    printf("%.*s", (int)out.length, out.data ? out.data : "");
    cc_buffer_deinit(&out);
}

void cp_cli_print_json(struct cp_context *context, struct cc_slice json)
{
    json_t *value = NULL;
    char *text = NULL;
    if (!context->json && !cc_json_parse(json, json.length + 1, &value, NULL))
        text = json_dumps(value, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    printf("%.*s\n", text ? (int)strlen(text) : (int)json.length, text ? text : json.data);
    free(text);
    json_decref(value);
}
