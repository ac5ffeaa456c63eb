#include "control-plane/cli/country.h"

#include "base/names.h"
#include "control-plane/cli/commands.h"
#include "control-plane/registry.h"
#include "control-plane/unknown.h"

/* What a command names and a country has or has not, from what tells most to what tells least. A
 * country without a cell is meant by nobody, as long as another one has one. */
enum { HAS_CELL = 1, HAS_TENANTS, HAS_THIS_CELL, HAS_KEY, HAS_NUMBERS, COLUMNS };

static const char candidates_sql[] =
    "SELECT country, EXISTS (SELECT 1 FROM cells o WHERE o.country = c.country), "
    "NOT EXISTS (SELECT 1 FROM unnest(string_to_array($1, ',')) w WHERE NOT EXISTS "
    "(SELECT 1 FROM tenants t WHERE t.country = c.country AND t.tenant = w)), "
    "EXISTS (SELECT 1 FROM cells o WHERE o.country = c.country AND o.cell = $2), "
    "EXISTS (SELECT 1 FROM carrier_keys k WHERE k.country = c.country AND k.key_id = $3), "
    "coalesce(starts_with($4, '+' || (policy->>'country_code')), false) "
    "FROM countries c ORDER BY country";

struct candidates {
    PGresult *table;
    int *rows;
    int count;
    bool of_tenant; /* the --tenant given is in each of them */
};

/* The first word of the command, when it is such a thing. */
static const char *first_word(const struct cp_arguments *arguments, const char *placeholder)
{
    const char *is = arguments->command->positionals[0];
    return is && strcmp(is, placeholder) == 0 ? arguments->positionals[0] : NULL;
}

static const char *tenants_of(const struct cp_arguments *arguments)
{
    const char *tenant = cp_argument(arguments, "tenant");
    return tenant ? tenant : cp_argument(arguments, "tenants");
}

/* Keeps those that have it, if any has; whether any has. */
static bool narrow(struct candidates *candidates, int column)
{
    int kept = 0;
    for (int i = 0; i < candidates->count; i++) {
        int row = candidates->rows[i];
        if (strcmp(cp_sql_value(candidates->table, row, column), "t") == 0)
            candidates->rows[kept++] = row;
    }
    if (kept > 0)
        candidates->count = kept;
    return kept > 0;
}

/* A carrier key that is made may be in another country already: that one does not tell. */
static enum cc_error find_candidates(struct cp_context *context,
                                     const struct cp_arguments *arguments, struct candidates *out)
{
    bool makes_key = arguments->command->handle == cp_cli_carrier_create;
    enum cc_error error =
        cp_sql(context, &out->table, candidates_sql,
               CP_PARAMETERS(tenants_of(arguments), cp_argument(arguments, "cell"),
                             makes_key ? NULL : first_word(arguments, "KEY"),
                             first_word(arguments, "NUMBER")));
    if (error)
        return error;
    out->count = PQntuples(out->table);
    out->rows = cp_alloc(context, ((size_t)out->count + 1) * sizeof(*out->rows));
    for (int row = 0; row < out->count; row++)
        out->rows[row] = row;
    for (int column = HAS_CELL; column < COLUMNS; column++) {
        bool any = narrow(out, column);
        if (column == HAS_TENANTS)
            out->of_tenant = any && cp_argument(arguments, "tenant");
    }
    return CC_OK;
}

static enum cc_error ask_which(struct cp_context *context, const struct cp_arguments *arguments,
                               const struct candidates *candidates)
{
    const char *tenant = cp_argument(arguments, "tenant"), *choices = "";
    if (tenant && !candidates->of_tenant)
        return cp_unknown(context, "tenant", tenant, "callcell tenant list");
    for (int i = 0; i < candidates->count; i++)
        choices = cp_format(context, "%s%s--country %s", choices,
                            i == 0                      ? ""
                            : i + 1 < candidates->count ? ", "
                                                        : " or ",
                            cp_sql_value(candidates->table, candidates->rows[i], 0));
    const char *why = tenant ? cp_format(context, "tenant %s is in several countries", tenant)
                             : "there are several countries";
    return cp_fail(context, CC_UNSUPPORTED, "%s; say which: %s", why, choices);
}

/* CC_OK too when none is given. */
static enum cc_error check_given(struct cp_context *context, const char *country)
{
    PGresult *result;
    if (!country)
        return CC_OK;
    if (!cc_name_is_country(cc_slice_of(country)))
        return cp_fail(context, CC_UNSUPPORTED, "--country %s: a country is two lower-case letters",
                       country);
    enum cc_error error = cp_sql(context, &result, "SELECT 1 FROM countries WHERE country = $1",
                                 CP_PARAMETERS(country));
    return error || PQntuples(result) > 0
               ? error
               : cp_unknown(context, "country with a cell", country, "callcell cell list");
}

enum cc_error cp_cli_some_country(struct cp_context *context, const struct cp_arguments *arguments,
                                  const char **out)
{
    const char *country = cp_argument(arguments, "country");
    *out = country ? country : "";
    return check_given(context, country);
}

enum cc_error cp_cli_country(struct cp_context *context, const struct cp_arguments *arguments,
                             const char **out)
{
    struct candidates candidates = {0};
    *out = cp_argument(arguments, "country");
    if (*out)
        return check_given(context, *out);
    enum cc_error error = find_candidates(context, arguments, &candidates);
    if (!error && candidates.count == 0)
        error = cp_fail(context, CC_NOT_FOUND,
                        "there is no cell yet; run: callcell cell create COUNTRY");
    if (!error && candidates.count > 1)
        error = ask_which(context, arguments, &candidates);
    if (!error)
        *out = cp_sql_value(candidates.table, candidates.rows[0], 0);
    return error;
}

enum cc_error cp_cli_tenant(struct cp_context *context, const struct cp_arguments *arguments,
                            const char *country)
{
    PGresult *result;
    const char *tenant = cp_argument(arguments, "tenant");
    if (!tenant)
        return CC_OK;
    enum cc_error error =
        cp_sql(context, &result, "SELECT 1 FROM tenants WHERE country = $1 AND tenant = $2",
               CP_PARAMETERS(country, tenant));
    return error || PQntuples(result) > 0 ? error : cp_unknown_tenant(context, tenant, country);
}
