/* Rim: writes to the registry. */
#include "control-plane/facts.h"

#include "control-plane/registry.h"

static const struct {
    const char *name, *help;
} facts[] = {
#define X(id, name, help) {name, help},
    CP_FACTS(X)
#undef X
};

const char *cp_fact_name(enum cp_fact fact)
{
    return facts[fact].name;
}

const char *cp_fact_help(enum cp_fact fact)
{
    return facts[fact].help;
}

enum cc_error cp_fact_set(struct cp_context *context, enum cp_fact fact, const char *subject,
                          double value)
{
    return cp_sql_run(context,
                      "INSERT INTO facts (name, subject, value) VALUES ($1, $2, $3::float8) "
                      "ON CONFLICT (name, subject) DO UPDATE SET value = EXCLUDED.value, "
                      "at = now()",
                      CP_PARAMETERS(facts[fact].name, subject, cp_format(context, "%.17g", value)));
}

enum cc_error cp_facts_forget(struct cp_context *context, const char *subject)
{
    return cp_sql_run(context, "DELETE FROM facts WHERE subject = $1", CP_PARAMETERS(subject));
}
