/* registry reconcile: after the registry was restored from an old backup. */
#include <stdio.h>
#include <stdlib.h>

#include "base/slot.h"
#include "control-plane/cli/commands.h"
#include "control-plane/cli/country.h"
#include "control-plane/registry.h"
#include "control-plane/routemap/publish.h"
#include "control-plane/routemap/reconcile.h"

enum keep { KEEP_ASK, KEEP_HELD, KEEP_REGISTRY };

struct reconciling {
    struct cp_context *context;
    const char *country;
    enum keep keep;
    json_t *shown;
    bool behind[CC_PUBLICATION_KINDS];
    struct cp_held held[CC_PUBLICATION_KINDS];
    struct cp_held_file files[CC_PUBLICATION_KINDS];
    bool any_behind;
};

static enum cc_error find(struct reconciling *reconciling, enum cc_publication_kind kind)
{
    struct cp_context *context = reconciling->context;
    struct cp_held *held = &reconciling->held[kind];
    enum cc_error error = cp_held_find(context, reconciling->country, kind, held);
    if (error || held->epoch <= held->newest)
        return error;
    reconciling->behind[kind] = true;
    reconciling->any_behind = true;
    return cp_held_read(context, reconciling->country, kind, held->file, &reconciling->files[kind]);
}

static enum cc_error show(struct reconciling *reconciling, enum cc_publication_kind kind)
{
    const struct cp_held *held = &reconciling->held[kind];
    struct cp_difference difference = {.examples = ""};
    const char *name = cc_publication_kind_name(kind);
    enum cc_error error = CC_OK;
    if (reconciling->behind[kind])
        error = cp_reconcile_compare(reconciling->context, reconciling->country, kind,
                                     &reconciling->files[kind], &difference);
    if (error)
        return error;
    json_array_append_new(
        reconciling->shown,
        json_pack("{s:s, s:s, s:I, s:I, s:s, s:I, s:I, s:I, s:s, s:I, s:s}", "country",
                  reconciling->country, "kind", name, "registry_epoch", (json_int_t)held->newest,
                  "held_epoch", (json_int_t)held->epoch, "holder", held->holder, "only_held",
                  (json_int_t)difference.only_held, "only_registry",
                  (json_int_t)difference.only_registry, "changed", (json_int_t)difference.changed,
                  "examples", difference.examples, "claimed_epoch", (json_int_t)held->claimed,
                  "claimer", held->claimer));
    if (reconciling->context->json)
        return CC_OK;
    printf("%s %-8s registry epoch %lld, held epoch %lld", reconciling->country, name,
           (long long)held->newest, (long long)held->epoch);
    if (reconciling->behind[kind])
        printf(" by %s: %lld only held, %lld only in the registry, %lld differ%s%s", held->holder,
               (long long)difference.only_held, (long long)difference.only_registry,
               (long long)difference.changed, *difference.examples ? ": " : "",
               difference.examples);
    printf("\n");
    const char *claim = cp_held_claim(reconciling->context, reconciling->country, kind, held);
    if (claim)
        printf("%s\n", claim);
    return CC_OK;
}

/* The map first: tenants and tokens refer to its cells. */
static enum cc_error take_over(struct reconciling *reconciling)
{
    struct cp_context *context = reconciling->context;
    enum cc_error error = cp_sql_run(context, "BEGIN", CP_NO_PARAMETERS);
    for (enum cc_publication_kind kind = 0; !error && kind < CC_PUBLICATION_KINDS; kind++) {
        if (!reconciling->behind[kind])
            continue;
        error = cp_reconcile_store(context, &reconciling->files[kind]);
        if (!error && (reconciling->keep == KEEP_HELD || kind == CC_PUBLICATION_SEALING))
            error =
                cp_reconcile_adopt(context, reconciling->country, kind, &reconciling->files[kind]);
    }
    if (!error)
        return cp_sql_run(context, "COMMIT", CP_NO_PARAMETERS);
    cp_sql_rollback(context);
    return error;
}

static enum cc_error publish_kinds(struct reconciling *reconciling)
{
    enum cc_error error = CC_OK;
    for (enum cc_publication_kind kind = 0; !error && kind < CC_PUBLICATION_KINDS; kind++) {
        int64_t epoch = 0;
        error = cp_publish(reconciling->context, reconciling->country, kind, CC_SLOT_COUNT, &epoch);
    }
    return error;
}

static enum cc_error reconcile_country(struct reconciling *reconciling)
{
    struct cp_context *context = reconciling->context;
    enum cc_error error = CC_OK;
    for (enum cc_publication_kind kind = 0; !error && kind < CC_PUBLICATION_KINDS; kind++)
        error = find(reconciling, kind);
    for (enum cc_publication_kind kind = 0; !error && kind < CC_PUBLICATION_KINDS; kind++)
        error = show(reconciling, kind);
    if (error || reconciling->keep == KEEP_ASK || context->dry_run)
        return error;
    if (reconciling->any_behind)
        error = take_over(reconciling);
    if (!error && reconciling->keep == KEEP_HELD)
        error = cp_reconcile_read_cells(context, reconciling->country);
    if (!error)
        error = publish_kinds(reconciling);
    if (!error)
        error = cp_audit(context, "registry_reconcile", reconciling->country);
    return error ? error : cp_edges_confirm(context, reconciling->country);
}

static enum cc_error read_keep(struct cp_context *context, const struct cp_arguments *arguments,
                               enum keep *out)
{
    const char *keep = cp_argument(arguments, "keep");
    *out = !keep                           ? KEEP_ASK
           : strcmp(keep, "held") == 0     ? KEEP_HELD
           : strcmp(keep, "registry") == 0 ? KEEP_REGISTRY
                                           : KEEP_ASK;
    return keep && *out == KEEP_ASK
               ? cp_fail(context, CC_UNSUPPORTED, "--keep %s: must be held or registry", keep)
               : CC_OK;
}

enum cc_error cp_cli_registry_reconcile(struct cp_context *context,
                                        const struct cp_arguments *arguments)
{
    struct reconciling *reconciling = cp_alloc(context, sizeof(*reconciling));
    *reconciling = (struct reconciling){.context = context, .shown = json_array()};
    enum cc_error error = read_keep(context, arguments, &reconciling->keep);
    if (!error)
        error = cp_cli_country(context, arguments, &reconciling->country);
    if (!error)
        error = reconcile_country(reconciling);
    char *text = !error && context->json ? json_dumps(reconciling->shown, JSON_INDENT(1)) : NULL;
    if (text)
        printf("%s\n", text);
    else if (!error && !reconciling->any_behind)
        printf("nobody holds more than the registry has published\n");
    else if (!error && reconciling->keep == KEEP_ASK)
        printf("say which content is right: --keep held takes what edges and workers hold into the "
               "registry; --keep registry publishes the registry's under a new epoch\n");
    else if (!error && context->dry_run)
        cp_would(context, "%s",
                 reconciling->keep == KEEP_HELD
                     ? "take what edges and workers hold into the registry"
                     : "publish what the registry holds under a new epoch");
    context->foretold = true;
    free(text);
    json_decref(reconciling->shown);
    return error;
}
