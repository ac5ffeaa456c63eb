/* Commands about numbers and carriers. */
#include <stdio.h>
#include <stdlib.h>

#include "base/crypto.h"
#include "control-plane/cli/commands.h"
#include "control-plane/cli/country.h"
#include "control-plane/files.h"
#include "control-plane/idempotency.h"
#include "control-plane/provision/carrier_create.h"
#include "control-plane/provision/number_create.h"
#include "control-plane/registry.h"
#include "control-plane/routemap/compose.h"

enum { LINE_MAX_BYTES = 64 * 1024, NUMBERS_MAX = 10 * 1000 * 1000 };

static void fill_number(struct cp_context *context, const json_t *document, const char *tenant,
                        struct cp_number *out)
{
    char *text = cc_json_canonical(document);
    const char *fallback = json_string_value(json_object_get(document, "fallback_target"));
    *out = (struct cp_number){
        .number =
            cp_copy(context, cc_slice_of(json_string_value(json_object_get(document, "number")))),
        .tenant = tenant,
        .kind = cp_copy(context, cc_slice_of(json_string_value(json_object_get(document, "kind")))),
        .fallback = fallback ? cp_copy(context, cc_slice_of(fallback)) : NULL,
        .document = cp_copy(context, cc_slice_of(text))};
    free(text);
}

static enum cc_error create_once(struct cp_context *context, const char *country,
                                 const struct cp_number *item, const char *key, bool *changed)
{
    const char *subject = cp_format(context, "%s/%s", country, item->number);
    struct cp_idempotency once = {.key = key,
                                  .command = cp_format(context, "number create %s", item->number),
                                  .table = cp_number_create_table.name,
                                  .subject = subject};
    enum cc_error error = cp_idempotency_begin(
        context, &once, cp_format(context, "%s %s %s", country, item->tenant, item->document));
    *changed = once.changed;
    if (error || once.done)
        return error;
    error = cp_numbers_create(context, country, subject, item, 1, changed);
    return error ? error : cp_idempotency_finish(context, &once, changed);
}

static enum cc_error refuse_foreign(struct cp_context *context, const char *country,
                                    const char *number)
{
    struct cc_call_policy policy;
    struct cc_json_reason reason = {.text = ""};
    enum cc_error error = cp_policy_of_country(context, country, &policy);
    if (!error && cp_number_check_country(number, country, &policy, &reason))
        error = cp_fail(context, CC_UNSUPPORTED, "number create: %s", reason.text);
    return error;
}

enum cc_error cp_cli_number_create(struct cp_context *context, const struct cp_arguments *arguments)
{
    struct cp_number_options options = {.kind = cp_argument(arguments, "kind"),
                                        .forward_always = cp_argument(arguments, "forward-always"),
                                        .barring = cp_argument(arguments, "bar"),
                                        .caller_id = cp_argument(arguments, "caller-id"),
                                        .flow = cp_argument(arguments, "flow"),
                                        .fallback = cp_argument(arguments, "fallback"),
                                        .hide_caller_id =
                                            cp_argument(arguments, "hide-caller-id") != NULL};
    const char *number = arguments->positionals[0], *country = NULL;
    json_t *document = NULL;
    struct cc_json_reason reason = {.text = ""};
    bool changed = false;
    if (cp_number_document(number, &options, &document, &reason))
        return cp_fail(context, CC_UNSUPPORTED, "number create: %s", reason.text);
    struct cp_number item;
    fill_number(context, document, cp_argument(arguments, "tenant"), &item);
    json_decref(document);
    enum cc_error error = cp_cli_country(context, arguments, &country);
    if (!error)
        error = refuse_foreign(context, country, number);
    if (!error)
        error = create_once(context, country, &item, cp_argument(arguments, "idempotency-key"),
                            &changed);
    if (!error)
        cp_cli_done(context, "number", number, changed);
    return error;
}

/* A file that is read for a country. */
struct import {
    const char *path, *country;
    struct cc_call_policy policy;
    struct cp_number *items;
    size_t count;
};

static enum cc_error read_line(struct cp_context *context, const struct import *import,
                               struct cc_slice line, struct cp_number *out,
                               struct cc_json_reason *reason)
{
    json_t *document = NULL;
    const char *tenant = NULL;
    enum cc_error error = cc_json_parse(line, LINE_MAX_BYTES, &document, reason);
    struct cc_slice text;
    if (!error)
        error = cc_json_string_at(document, "tenant", CC_TENANT_MAX, &text, reason);
    if (!error) {
        tenant = cp_copy(context, text);
        (void)json_object_del(document, "tenant");
        error = cp_number_check(document, reason);
    }
    if (!error)
        fill_number(context, document, tenant, out);
    if (!error)
        error = cp_number_check_country(out->number, import->country, &import->policy, reason);
    json_decref(document);
    return error;
}

static enum cc_error read_lines(struct cp_context *context, struct cc_slice text,
                                struct import *import)
{
    size_t lines = 1;
    for (size_t i = 0; i < text.length; i++)
        lines += text.data[i] == '\n';
    if (lines > NUMBERS_MAX)
        return cp_fail(context, CC_TOO_LARGE, "%s: more than %d lines", import->path, NUMBERS_MAX);
    import->items = cp_alloc(context, lines * sizeof(*import->items));
    const char *at = text.data, *end = text.data + text.length;
    for (size_t line = 1; at < end; line++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((newline ? newline : end) - at);
        struct cc_json_reason reason = {.text = ""};
        struct cp_number *item = &import->items[import->count];
        if (length > 0 && read_line(context, import, cc_slice(at, length), item, &reason))
            return cp_fail(context, CC_UNSUPPORTED, "%s:%zu: %s", import->path, line, reason.text);
        import->count += length > 0;
        at += length + 1;
    }
    return CC_OK;
}

static int by_number(const void *a, const void *b)
{
    return strcmp(((const struct cp_number *)a)->number, ((const struct cp_number *)b)->number);
}

static enum cc_error refuse_doubles(struct cp_context *context, const struct import *import)
{
    struct cp_number *items = import->items;
    qsort(items, import->count, sizeof(*items), by_number);
    for (size_t i = 1; i < import->count; i++) {
        if (strcmp(items[i].number, items[i - 1].number) == 0)
            return cp_fail(context, CC_UNSUPPORTED, "%s: %s stands there twice", import->path,
                           items[i].number);
    }
    return CC_OK;
}

static const char *import_subject(struct cp_context *context, const char *country,
                                  struct cc_slice text)
{
    uint8_t digest[CC_SHA256_BYTES] = {0};
    char hex[17] = "";
    if (!cc_sha256(text, digest))
        cc_hex_encode(cc_slice((const char *)digest, 8), hex);
    return cp_format(context, "%s/import:%s", country, hex);
}

enum cc_error cp_cli_number_import(struct cp_context *context, const struct cp_arguments *arguments)
{
    struct import import = {.path = arguments->positionals[0]};
    struct cc_slice text;
    bool changed = false;
    if (cp_file_read(context, import.path, &text))
        return cp_fail(context, CC_UNSUPPORTED, "cannot read %s", import.path);
    enum cc_error error = cp_cli_country(context, arguments, &import.country);
    if (!error)
        error = cp_policy_of_country(context, import.country, &import.policy);
    if (!error)
        error = read_lines(context, text, &import);
    if (!error)
        error = refuse_doubles(context, &import);
    if (!error)
        error = cp_numbers_create(context, import.country,
                                  import_subject(context, import.country, text), import.items,
                                  import.count, &changed);
    if (!error)
        cp_cli_done(context, "import", cp_format(context, "%zu numbers", import.count), changed);
    return error;
}

enum cc_error cp_cli_number_list(struct cp_context *context, const struct cp_arguments *arguments)
{
    const char *country = NULL, *tenant = cp_argument(arguments, "tenant");
    const char *after = cp_argument(arguments, "after"), *limit = cp_argument(arguments, "limit");
    if (limit && strspn(limit, "0123456789") != strlen(limit))
        return cp_fail(context, CC_UNSUPPORTED, "--limit %s: must be a whole number", limit);
    PGresult *result;
    enum cc_error error = cp_cli_country(context, arguments, &country);
    if (!error)
        error = cp_cli_tenant(context, arguments, country);
    if (!error)
        error =
            cp_sql(context, &result,
                   "SELECT number, tenant, kind, state, document FROM numbers WHERE country = $1 "
                   "AND ($2 = '' OR tenant = $2) AND number COLLATE \"C\" > $3 "
                   "ORDER BY number COLLATE \"C\" LIMIT $4::bigint",
                   CP_PARAMETERS(country, tenant ? tenant : "", after ? after : "",
                                 limit ? limit : "1000"));
    if (!error)
        cp_cli_print(context, result);
    return error;
}

enum cc_error cp_cli_number_delete(struct cp_context *context, const struct cp_arguments *arguments)
{
    const char *country = NULL;
    bool changed = false;
    enum cc_error error = cp_cli_country(context, arguments, &country);
    if (!error)
        error = cp_number_delete(context, country, arguments->positionals[0], &changed);
    if (!error)
        cp_cli_done(context, "number", arguments->positionals[0], changed);
    return error;
}

enum cc_error cp_cli_carrier_create(struct cp_context *context,
                                    const struct cp_arguments *arguments)
{
    const char *country = NULL, *mode = cp_argument(arguments, "mode");
    bool changed = false;
    enum cc_error error = cp_cli_country(context, arguments, &country);
    if (!error)
        error =
            cp_carrier_create(context, country, arguments->positionals[0],
                              cp_argument(arguments, "tenants"), mode ? mode : "enforce", &changed);
    if (!error)
        cp_cli_done(context, "carrier", arguments->positionals[0], changed);
    return error;
}

enum cc_error cp_cli_carrier_rotate(struct cp_context *context,
                                    const struct cp_arguments *arguments)
{
    const char *country = NULL;
    enum cc_error error = cp_cli_country(context, arguments, &country);
    if (!error)
        error = cp_carrier_rotate(context, country, arguments->positionals[0]);
    if (!error)
        cp_cli_done(context, "carrier", arguments->positionals[0], true);
    return error;
}

enum cc_error cp_cli_carrier_delete(struct cp_context *context,
                                    const struct cp_arguments *arguments)
{
    const char *country = NULL;
    bool changed = false;
    enum cc_error error = cp_cli_country(context, arguments, &country);
    if (!error)
        error = cp_carrier_delete(context, country, arguments->positionals[0], &changed);
    if (!error)
        cp_cli_done(context, "carrier", arguments->positionals[0], changed);
    return error;
}

enum cc_error cp_cli_carrier_list(struct cp_context *context, const struct cp_arguments *arguments)
{
    const char *country = NULL;
    PGresult *result;
    enum cc_error error = cp_cli_some_country(context, arguments, &country);
    if (error)
        return error;
    error =
        cp_sql(context, &result,
               "SELECT country, key_id, array_to_string(tenants, ',') AS tenants, mode, "
               "cardinality(secrets) AS secrets FROM carrier_keys WHERE $1 = '' OR country = $1 "
               "ORDER BY country, key_id",
               CP_PARAMETERS(country));
    if (!error)
        cp_cli_print(context, result);
    return error;
}
