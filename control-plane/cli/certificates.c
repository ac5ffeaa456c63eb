/* certificates list, certificates renew. */
#include <stdio.h>
#include <stdlib.h>

#include "base/timestamp.h"
#include "control-plane/certificates/certificates.h"
#include "control-plane/cli/commands.h"
#include "control-plane/registry.h"

enum { TIME_TEXT = 40 };

static const char *state_of(const struct cp_identity *identity, int64_t now_us)
{
    if (!identity->readable)
        return "unreadable";
    if (cp_identity_is_foreign(identity))
        return "FOREIGN";
    if (identity->facts.until_us < now_us)
        return "EXPIRED";
    return cp_identity_is_due(identity, now_us) ? "due" : "good";
}

static json_t *row_of(struct cp_context *context, const struct cp_identity *identity)
{
    char until[TIME_TEXT] = "";
    if (identity->readable)
        cc_timestamp_format(identity->facts.until_us, until);
    return json_pack("{s:s, s:s, s:s, s:s, s:s}", "name", identity->name, "identity",
                     identity->facts.identity, "serial", identity->facts.serial, "until",
                     cp_copy(context, cc_slice_of(until)), "state",
                     state_of(identity, cp_now_us()));
}

static const char *at(const json_t *row, const char *key)
{
    return json_string_value(json_object_get(row, key));
}

enum cc_error cp_cli_certificates_list(struct cp_context *context,
                                       const struct cp_arguments *arguments)
{
    struct cp_identity *identities = NULL;
    size_t count = 0;
    (void)arguments;
    enum cc_error error = cp_identities(context, &identities, &count);
    if (error)
        return error;
    json_t *rows = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(rows, row_of(context, &identities[i]));
    char *text = context->json ? json_dumps(rows, JSON_COMPACT) : NULL;
    if (text)
        cp_cli_print_json(context, cc_slice_of(text));
    for (size_t i = 0; !context->json && i < count; i++) {
        const json_t *row = json_array_get(rows, i);
        printf("%-16s %-28s %-10s until %s  %s\n", at(row, "name"), at(row, "identity"),
               at(row, "state"), at(row, "until"), at(row, "serial"));
    }
    free(text);
    json_decref(rows);
    return CC_OK;
}

/* The registry is told when it is there: certificates are renewed with it gone too. */
static void record(struct cp_context *context)
{
    if (cp_registry_open(context) || cp_identities_record(context))
        (void)fprintf(stderr, "callcell: renewed, but the registry was not told: %s\n",
                      context->message);
}

static enum cc_error foretell(struct cp_context *context, enum cp_renewal which, const char *name)
{
    struct cp_identity *identities = NULL;
    size_t count = 0;
    enum cc_error error = cp_identities(context, &identities, &count);
    for (size_t i = 0; i < count; i++)
        if (cp_identity_is_wanted(&identities[i], which, name))
            cp_would(context, "renew %s (%s)", identities[i].name,
                     state_of(&identities[i], cp_now_us()));
    return error;
}

enum cc_error cp_cli_certificates_renew(struct cp_context *context,
                                        const struct cp_arguments *arguments)
{
    const char *name = cp_argument(arguments, "name");
    bool all = cp_argument(arguments, "all") != NULL;
    size_t renewed = 0;
    if (all && name)
        return cp_fail(context, CC_UNSUPPORTED, "--all and --name exclude each other");
    enum cp_renewal which = all ? CP_RENEW_ALL : name ? CP_RENEW_NAMED : CP_RENEW_DUE;
    if (context->dry_run)
        return foretell(context, which, name);
    enum cc_error error = cp_identities_renew(context, which, name, &renewed);
    if (error)
        return error;
    record(context);
    cp_cli_done(context, "certificates",
                cp_format(context, "%zu renewed, taken up within a second or two", renewed),
                renewed > 0);
    return CC_OK;
}
