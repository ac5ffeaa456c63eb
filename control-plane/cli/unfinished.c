#include "control-plane/cli/unfinished.h"

#include "base/timestamp.h"
#include "control-plane/backup/registry_restore.h"
#include "control-plane/failover/break_glass.h"
#include "control-plane/failover/evacuate.h"
#include "control-plane/registry.h"
#include "control-plane/run_file.h"

enum { COMMAND_MAX = 64 * 1024 };

/* A word as a shell takes it. */
static void append_word(struct cc_buffer *out, const char *word)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./_-";
    if (*word && strspn(word, plain) == strlen(word)) {
        cc_buffer_printf(out, " %s", word);
        return;
    }
    cc_buffer_text(out, " '");
    for (const char *at = word; *at; at++)
        cc_buffer_printf(out, *at == '\'' ? "'\\%c'" : "%c", *at);
    cc_buffer_text(out, "'");
}

/* words: a JSON array, as text. */
static const char *as_typed(struct cp_context *context, const char *words)
{
    size_t i;
    json_t *array = NULL, *word;
    struct cc_buffer out;
    if (cc_json_parse(cc_slice_of(words), COMMAND_MAX, &array, NULL))
        return "";
    cc_buffer_init(&out, 0);
    cc_buffer_text(&out, "callcell");
    json_array_foreach(array, i, word)
    {
        const char *text = json_string_value(word);
        append_word(&out, text ? text : "");
    }
    const char *typed = out.error ? "" : cp_copy(context, cc_buffer_slice(&out));
    cc_buffer_deinit(&out);
    json_decref(array);
    return typed;
}

struct begun {
    const char *words; /* of the command, a JSON array */
    const char *table, *target, *state;
    int64_t since_us;
    bool under_way;
};

static void add(struct cp_context *context, const struct begun *begun, json_t *out)
{
    char since[CC_TIMESTAMP_TEXT_MAX];
    cc_timestamp_format(begun->since_us, since);
    json_array_append_new(
        out,
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:I, s:b}", "command", as_typed(context, begun->words),
                  "table", begun->table, "target", begun->target, "state", begun->state, "since",
                  since, "age_s", (json_int_t)((cp_now_us() - begun->since_us) / CC_SECOND_US),
                  "under_way", begun->under_way));
}

/* Who walks a table holds a lock of this number (control-plane/run.h). */
static void add_registrys(struct cp_context *context, json_t *out)
{
    PGresult *result;
    if (!context->registry ||
        cp_sql_read(
            context, &result,
            "SELECT command, transition_table, subject, state, (extract(epoch FROM started_at) * "
            "1000000)::bigint, EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND "
            "granted AND objsubid = 1 AND (classid::bigint << 32) | objid::bigint = "
            "hashtextextended(transition_table || ' ' || subject, 0)) FROM runs WHERE finished_at "
            "IS NULL ORDER BY run",
            CP_NO_PARAMETERS))
        return;
    for (int row = 0; row < PQntuples(result); row++)
        add(context,
            &(struct begun){.words = cp_sql_value(result, row, 0),
                            .table = cp_sql_value(result, row, 1),
                            .target = cp_sql_value(result, row, 2),
                            .state = cp_sql_value(result, row, 3),
                            .since_us = cp_sql_integer(result, row, 4),
                            .under_way = strcmp(cp_sql_value(result, row, 5), "t") == 0},
            out);
}

/* Of what mends the registry or does without it. */
static void add_file(struct cp_context *context, const char *path, const char *table,
                     const char *target, json_t *out)
{
    struct cp_run_file_kept kept;
    if (cp_run_file_look(context, path, &kept))
        add(context,
            &(struct begun){.words = kept.command,
                            .table = table,
                            .target = target,
                            .state = kept.state,
                            .since_us = kept.at_us,
                            .under_way = kept.under_way},
            out);
}

json_t *cp_unfinished_json(struct cp_context *context, const struct cp_places *places)
{
    json_t *out = json_array();
    add_registrys(context, out);
    add_file(context, cp_registry_restore_run(context), cp_registry_restore_table.name, "registry",
             out);
    for (size_t i = 0; i < places->cell_count; i++)
        add_file(context, cp_break_glass_run(context, places->cells[i].cell),
                 cp_break_glass_evacuate_table.name, places->cells[i].cell, out);
    return out;
}
