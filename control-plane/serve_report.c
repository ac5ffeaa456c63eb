#include "control-plane/serve_report.h"

#include <stdio.h>
#include <string.h>

#include "base/certificate.h"

static bool wrong(struct cc_json_reason *reason, const char *key, const char *what)
{
    (void)snprintf(reason->text, sizeof(reason->text), "%s: %s", key, what);
    return false;
}

/* All workers of a cell have one name in their certificates, the cell's. */
static bool is_named(struct cc_slice identity, struct cc_slice reporter)
{
    static const char edge[] = "urn:callcell:edge:", cell[] = "urn:callcell:cell:";
    if (identity.length == 0 || cc_identity_is(identity, "urn:callcell:operator"))
        return true;
    if (cc_identity_is(identity, edge))
        return cc_slice_equal(reporter, cc_slice(identity.data + sizeof(edge) - 1,
                                                 identity.length - (sizeof(edge) - 1)));
    if (!cc_identity_is(identity, cell))
        return false;
    struct cc_slice name =
        cc_slice(identity.data + sizeof(cell) - 1, identity.length - (sizeof(cell) - 1));
    return reporter.length > name.length && reporter.data[name.length] == '/' &&
           cc_slice_starts_with(reporter, name);
}

static bool are_rows_of(const struct cp_index_token *token, const json_t *body, const char *key,
                        struct cc_json_reason *reason)
{
    const json_t *rows = json_object_get(body, key);
    if (!json_is_array(rows))
        return wrong(reason, key, "must be an array");
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        const char *country = json_string_value(json_object_get(row, "country"));
        const char *name = json_string_value(json_object_get(row, "kind"));
        enum cc_publication_kind kind;
        if (!country || !name || !cc_name_is_country(cc_slice_of(country)) ||
            !cc_publication_kind_parse(cc_slice_of(name), &kind))
            return wrong(reason, key, "no such publication");
        if (!cp_index_may_read(token, cc_slice_of(country), kind))
            return wrong(reason, key, "not of this token");
        if (!json_is_integer(json_object_get(row, "epoch")))
            return wrong(reason, key, "epoch must be a whole number");
    }
    return true;
}

static bool is_reporter(const json_t *body, const struct cp_index_token *token,
                        struct cc_slice identity, struct cc_json_reason *reason)
{
    struct cc_slice reporter = {0};
    if (cc_json_string_at(body, "reporter", CP_HOLDER_MAX, &reporter, reason))
        return false;
    if (!cp_index_may_report(token, reporter))
        return wrong(reason, "reporter", "not of this token");
    return is_named(identity, reporter) || wrong(reason, "reporter", "not of this certificate");
}

bool cp_report_is_valid(struct cc_slice body, size_t bytes_max, const struct cp_index_token *token,
                        struct cc_slice identity, struct cc_json_reason *reason)
{
    json_t *report = NULL;
    bool valid = !cc_json_parse(body, bytes_max, &report, reason) &&
                 is_reporter(report, token, identity, reason) &&
                 are_rows_of(token, report, "held", reason) &&
                 are_rows_of(token, report, "refused", reason);
    json_decref(report);
    return valid;
}
