#include "control-plane/serve_observed.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/timestamp.h"
#include "control-plane/facts.h"

enum { READ_MS = 5000, QUERY_MS = 3000, TEXT_MAX = 8 * 1024 * 1024 };

struct cp_observed {
    struct cc_pg_pool *pool;
    struct cc_deadline due;
    struct cc_buffer text; /* of the last reading */
    int64_t read_at_us;    /* monotonic; 0: never */
    bool reading;
};

/* A family of series: its columns are its labels, the last one is the value. */
struct family {
    const char *name, *kind, *help;
};

static const struct cc_pg_statement facts_statement = {
    "facts", "SELECT name, subject, value, greatest(extract(epoch FROM now() - at), 0)::bigint "
             "FROM facts ORDER BY name, subject LIMIT 4096"};
static const struct cc_pg_statement newest_statement = {
    "newest", "SELECT country, kind, max(epoch) FROM publications GROUP BY country, kind "
              "ORDER BY country, kind LIMIT 4096"};
/* What a reporter makes up must not crowd out what others hold. */
#define OF_PUBLISHED "WHERE (country, kind) IN (SELECT country, kind FROM publications) "
static const struct cc_pg_statement reported_statement = {
    "reported", "SELECT reporter, country, kind, coalesce(epoch, 0) FROM reports " OF_PUBLISHED
                "ORDER BY reporter, country, kind LIMIT 4096"};
static const struct cc_pg_statement refused_statement = {
    "refused", "SELECT reporter, country, kind, refused_epoch FROM reports " OF_PUBLISHED
               "AND refused_epoch IS NOT NULL ORDER BY reporter, country, kind LIMIT 4096"};

static const struct family newest = {"callcell_control_newest_epoch", "gauge",
                                     "Newest epoch that is published"};
static const struct family reported = {"callcell_control_reported_epoch", "gauge",
                                       "Epoch that an edge or worker says it holds; 0: none"};
static const struct family refused = {"callcell_control_refused_epoch", "gauge",
                                      "Epoch that an edge or worker refused last"};

static void append_head(const struct family *family, struct cc_buffer *out)
{
    cc_buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help, family->name,
                     family->kind);
}

/* Exposition format: backslash, quote and line feed are escaped. */
static void append_label(const char *name, const char *value, struct cc_buffer *out)
{
    cc_buffer_printf(out, "%s=\"", name);
    for (const char *at = value; *at; at++) {
        if (*at == '\n')
            cc_buffer_text(out, "\\n");
        else if (*at == '"' || *at == '\\')
            cc_buffer_printf(out, "\\%c", *at);
        else
            cc_buffer_append(out, cc_slice(at, 1));
    }
    cc_buffer_text(out, "\"");
}

static void append_family(const struct family *family, const PGresult *rows, struct cc_buffer *out)
{
    int labels = PQnfields(rows) - 1;
    if (PQntuples(rows) > 0)
        append_head(family, out);
    for (int row = 0; row < PQntuples(rows); row++) {
        for (int i = 0; i < labels; i++) {
            cc_buffer_text(out, i > 0 ? "," : family->name);
            cc_buffer_text(out, i > 0 ? "" : "{");
            append_label(PQfname(rows, i), PQgetvalue(rows, row, i), out);
        }
        cc_buffer_printf(out, "} %s\n", PQgetvalue(rows, row, labels));
    }
}

/* A name that is not in the list is left out: it has no help text, and nobody watches it. */
static void append_facts(const PGresult *rows, struct cc_buffer *out)
{
    for (enum cp_fact fact = 0; fact < CP_FACT_COUNT; fact++) {
        bool first = true;
        for (int row = 0; row < PQntuples(rows); row++) {
            const char *name = cp_fact_name(fact);
            if (strcmp(PQgetvalue(rows, row, 0), name) != 0)
                continue;
            if (first)
                cc_buffer_printf(out,
                                 "# HELP callcell_control_%s %s\n# TYPE callcell_control_%s "
                                 "gauge\n",
                                 name, cp_fact_help(fact), name);
            first = false;
            cc_buffer_printf(out, "callcell_control_%s{", name);
            append_label("subject", PQgetvalue(rows, row, 1), out);
            cc_buffer_printf(out, "} %s\n", PQgetvalue(rows, row, 2));
        }
    }
}

/* Who measures may be dead while the last good value stands: its age is what tells. */
static void append_ages(const PGresult *rows, struct cc_buffer *out)
{
    static const struct family age = {
        "callcell_control_fact_age_seconds", "gauge",
        "How long ago each fact was measured, when the registry was read last"};
    if (PQntuples(rows) > 0)
        append_head(&age, out);
    for (int row = 0; row < PQntuples(rows); row++) {
        cc_buffer_printf(out, "%s{", age.name);
        append_label("name", PQgetvalue(rows, row, 0), out);
        cc_buffer_text(out, ",");
        append_label("subject", PQgetvalue(rows, row, 1), out);
        cc_buffer_printf(out, "} %s\n", PQgetvalue(rows, row, 3));
    }
}

static void on_read(void *context, enum cc_error error, const struct cc_pg_outcome *outcome)
{
    struct cp_observed *observed = context;
    struct cc_buffer text;
    observed->reading = false;
    if (error == CC_CANCELLED)
        return;
    if (error || outcome->count != 4) {
        CC_LOG(CC_LOG_WARNING, "facts_not_read", cc_log_error_field(error));
        return;
    }
    cc_buffer_init(&text, TEXT_MAX);
    append_facts(outcome->results[0], &text);
    append_ages(outcome->results[0], &text);
    append_family(&newest, outcome->results[1], &text);
    append_family(&reported, outcome->results[2], &text);
    append_family(&refused, outcome->results[3], &text);
    if (text.error) {
        CC_LOG(CC_LOG_WARNING, "facts_not_shown", cc_log_error_field(text.error));
        cc_buffer_deinit(&text);
        return;
    }
    cc_buffer_deinit(&observed->text);
    observed->text = text;
    observed->read_at_us = cc_monotonic_us();
}

static void on_due(struct cc_deadline *deadline)
{
    static const struct cc_pg_query queries[] = {{.statement = &facts_statement},
                                                 {.statement = &newest_statement},
                                                 {.statement = &reported_statement},
                                                 {.statement = &refused_statement}};
    struct cp_observed *observed = CC_CONTAINER_OF(deadline, struct cp_observed, due);
    int64_t now_us = cc_monotonic_us();
    struct cc_pg_transaction transaction = {.queries = queries,
                                            .query_count = 4,
                                            .deadline_us = now_us + QUERY_MS * 1000,
                                            .done = on_read,
                                            .context = observed};
    int64_t pause_ms = observed->read_at_us ? READ_MS : 500;
    if (!observed->reading)
        observed->reading = cc_pg_submit(observed->pool, &transaction) == CC_OK;
    if (cc_deadline_set(&observed->due, now_us + pause_ms * 1000))
        CC_LOG(CC_LOG_ERROR, "facts_no_memory", cc_log_error_field(CC_NO_MEMORY));
}

enum cc_error cp_observed_create(struct cc_loop *loop, struct cc_pg_pool *pool,
                                 struct cp_observed **out)
{
    struct cp_observed *observed = calloc(1, sizeof(*observed));
    if (!observed)
        return CC_NO_MEMORY;
    observed->pool = pool;
    cc_buffer_init(&observed->text, TEXT_MAX);
    cc_deadline_init(&observed->due, loop, on_due);
    *out = observed;
    return cc_deadline_set(&observed->due, cc_monotonic_us());
}

void cp_observed_stop(struct cp_observed *observed)
{
    if (observed)
        cc_deadline_clear(&observed->due);
}

void cp_observed_free(struct cp_observed *observed)
{
    if (observed)
        cc_buffer_deinit(&observed->text);
    free(observed);
}

void cp_observed_expose(const struct cp_observed *observed, struct cc_buffer *out)
{
    static const struct family age = {"callcell_control_observed_age_seconds", "gauge",
                                      "Age of what is shown of the registry; -1: never read"};
    int64_t seconds =
        observed->read_at_us ? (cc_monotonic_us() - observed->read_at_us) / CC_SECOND_US : -1;
    append_head(&age, out);
    cc_buffer_printf(out, "%s %lld\n", age.name, (long long)seconds);
    cc_buffer_append(out, cc_buffer_slice(&observed->text));
}
