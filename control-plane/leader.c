#include "control-plane/leader.h"

#include <libpq-fe.h>
#include <stdlib.h>

#include "base/io/pg.h"
#include "base/log.h"
#include "base/timestamp.h"
#include "control-plane/registry.h"

enum { ASK_MS = 1000, ANSWER_MS = 3000, FIRST_MS = 100, DUTIES_MAX = 16, DUTY_ANSWER_S = 10 };

struct leader_duty {
    struct cp_leader *leader;
    const struct cp_duty *duty;
    struct cc_deadline due;
    struct cp_context context;
    enum cc_error outcome; /* of the run under way, written on the pool thread */
    bool running, failing;
    int64_t runs, failures;
};

struct cp_leader {
    struct cc_loop *loop;
    const struct cp_context *parent;
    const char *instance;
    struct cc_pg_pool *pool; /* of one connection: it holds the lock */
    struct cc_deadline ask;
    int64_t asked_at_us; /* of the question under way */
    int64_t renewed_at_us;
    bool asking, leads, stopping;
    struct leader_duty duties[DUTIES_MAX];
    size_t duty_count;
};

static void on_ask(struct cc_deadline *deadline);
static void on_answer(void *context, enum cc_error error, const struct cc_pg_outcome *outcome);
static void on_duty_due(struct cc_deadline *deadline);
static void do_duty(void *context);
static void on_duty_done(void *context);

static const struct cc_pg_statement lead_statement = {"lead", "SELECT lead($1, $2::int)"};

static void set(struct cc_deadline *deadline, int64_t milliseconds)
{
    if (cc_deadline_set(deadline, cc_monotonic_us() + milliseconds * 1000))
        CC_LOG(CC_LOG_ERROR, "leader_no_memory", cc_log_error_field(CC_NO_MEMORY));
}

bool cp_leader_leads(const struct cp_leader *leader)
{
    return leader->leads &&
           cc_monotonic_us() - leader->renewed_at_us < (int64_t)CP_LEADER_TRUST_MS * 1000;
}

static void on_ask(struct cc_deadline *deadline)
{
    struct cp_leader *leader = CC_CONTAINER_OF(deadline, struct cp_leader, ask);
    set(&leader->ask, ASK_MS);
    if (leader->asking)
        return;
    const struct cc_pg_query query = {
        .statement = &lead_statement,
        .parameters = {cc_slice_of(leader->instance), CC_SLICE_LITERAL("10000")},
        .parameter_count = 2};
    _Static_assert(CP_LEADER_PATIENCE_MS == 10000, "as in the query");
    leader->asked_at_us = cc_monotonic_us();
    struct cc_pg_transaction transaction = {.queries = &query,
                                            .query_count = 1,
                                            .writes = true,
                                            .deadline_us = leader->asked_at_us + ANSWER_MS * 1000,
                                            .done = on_answer,
                                            .context = leader};
    leader->asking = cc_pg_submit(leader->pool, &transaction) == CC_OK;
    if (!leader->asking)
        leader->leads = false;
}

static void take_lead(struct cp_leader *leader)
{
    CC_LOG(CC_LOG_INFO, "leads", cc_log_text("instance", leader->instance));
    for (size_t i = 0; i < leader->duty_count; i++) {
        if (!leader->duties[i].running)
            set(&leader->duties[i].due, 0);
    }
}

/* Whatever went wrong with the question, the session and its lock may be gone. */
static void on_answer(void *context, enum cc_error error, const struct cc_pg_outcome *outcome)
{
    struct cp_leader *leader = context;
    leader->asking = false;
    if (error == CC_CANCELLED)
        return;
    bool before = leader->leads;
    leader->leads =
        !error && outcome->count == 1 && cc_slice_is(cc_pg_value(outcome->results[0], 0, 0), "t");
    if (leader->leads)
        leader->renewed_at_us = leader->asked_at_us;
    if (leader->leads && !before)
        take_lead(leader);
    else if (before && !leader->leads)
        CC_LOG(CC_LOG_WARNING, "leads_no_more", cc_log_text("instance", leader->instance),
               cc_log_error_field(error));
}

static void on_duty_due(struct cc_deadline *deadline)
{
    struct leader_duty *duty = CC_CONTAINER_OF(deadline, struct leader_duty, due);
    if (!cp_leader_leads(duty->leader) || duty->running)
        return;
    enum cc_error error = cc_loop_work(duty->leader->loop, do_duty, on_duty_done, duty);
    duty->running = !error;
    if (error)
        set(&duty->due, duty->duty->interval_ms);
}

/* On a pool thread: touches nothing but its own context and outcome. */
static void do_duty(void *context)
{
    struct leader_duty *duty = context;
    duty->context.message[0] = '\0';
    duty->outcome = cp_registry_open(&duty->context);
    if (!duty->outcome)
        duty->outcome = duty->duty->run(&duty->context);
    cp_context_rest(&duty->context);
}

static void on_duty_done(void *context)
{
    struct leader_duty *duty = context;
    duty->running = false;
    duty->runs++;
    if (duty->outcome) {
        duty->failures++;
        CC_LOG(duty->failing ? CC_LOG_DEBUG : CC_LOG_WARNING, "duty_failed",
               cc_log_text("duty", duty->duty->name), cc_log_text("reason", duty->context.message),
               cc_log_error_field(duty->outcome));
    }
    duty->failing = duty->outcome != CC_OK;
    if (!duty->leader->stopping)
        set(&duty->due, duty->duty->interval_ms);
}

static void add_duties(struct cp_leader *leader)
{
    for (size_t i = 0; i < cp_duty_count && i < DUTIES_MAX; i++) {
        struct leader_duty *duty = &leader->duties[leader->duty_count++];
        duty->leader = leader;
        duty->duty = &cp_duties[i];
        cp_context_like(&duty->context, leader->parent, leader->instance);
        /* A duty comes again; meanwhile it holds a thread of the pool. */
        duty->context.settings.registry_answer_s = DUTY_ANSWER_S;
        cc_deadline_init(&duty->due, leader->loop, on_duty_due);
    }
}

enum cc_error cp_leader_create(struct cc_loop *loop, const struct cp_context *context,
                               const char *instance, const char *conninfo, const char *password,
                               struct cp_leader **out)
{
    struct cp_leader *leader = calloc(1, sizeof(*leader));
    if (!leader)
        return CC_NO_MEMORY;
    leader->loop = loop;
    leader->parent = context;
    leader->instance = instance;
    cc_deadline_init(&leader->ask, loop, on_ask);
    add_duties(leader);
    *out = leader;
    struct cc_pg_options options = {
        .name = instance, .conninfo = conninfo, .password = password, .connections = 1};
    enum cc_error error = cc_pg_pool_create(loop, &options, &leader->pool);
    if (!error)
        set(&leader->ask, FIRST_MS);
    return error;
}

void cp_leader_stop(struct cp_leader *leader)
{
    if (!leader || leader->stopping)
        return;
    leader->stopping = true;
    leader->leads = false;
    cc_deadline_clear(&leader->ask);
    for (size_t i = 0; i < leader->duty_count; i++)
        cc_deadline_clear(&leader->duties[i].due);
    if (leader->pool)
        cc_pg_pool_free(leader->pool);
    leader->pool = NULL;
}

void cp_leader_free(struct cp_leader *leader)
{
    for (size_t i = 0; leader && i < leader->duty_count; i++)
        cp_context_free(&leader->duties[i].context);
    free(leader);
}

void cp_leader_expose(const struct cp_leader *leader, struct cc_buffer *out)
{
    cc_buffer_printf(out,
                     "# HELP callcell_control_leader Whether this process leads (1)\n"
                     "# TYPE callcell_control_leader gauge\ncallcell_control_leader %d\n",
                     cp_leader_leads(leader));
    cc_buffer_text(out, "# HELP callcell_control_duty_runs_total Runs of the leader's duties\n"
                        "# TYPE callcell_control_duty_runs_total counter\n");
    for (size_t i = 0; i < leader->duty_count; i++)
        cc_buffer_printf(out, "callcell_control_duty_runs_total{duty=\"%s\"} %lld\n",
                         leader->duties[i].duty->name, (long long)leader->duties[i].runs);
    cc_buffer_text(out, "# HELP callcell_control_duty_failures_total Those that failed\n"
                        "# TYPE callcell_control_duty_failures_total counter\n");
    for (size_t i = 0; i < leader->duty_count; i++)
        cc_buffer_printf(out, "callcell_control_duty_failures_total{duty=\"%s\"} %lld\n",
                         leader->duties[i].duty->name, (long long)leader->duties[i].failures);
}
