/*
 * A pool of Postgres connections on one loop. Per connection one transaction is under way:
 *
 *   DOWN --timer--> CONNECTING --PQconnectPoll--> READY <--> BUSY
 *    ^                   | failed, time-out         |          |
 *    +-------------------+--------------------------+----------+  lost, or too late
 *
 * A pool keeps one. Each further one is a process in every Postgres that is asked, and on a small
 * machine dearer than a hundred reads: a pool that makes them as soon as something is late is what
 * makes a busy machine an overloaded one. So one more comes when transactions have waited for 10 ms
 * (connecting takes longer than that), at most one a second, and one that is lost comes back the
 * same way. One that is not there after a second is not given up for that, as the only one is, and
 * after one that failed the pool waits twice as long as before. Only one connects at a time, and
 * while nothing answers that is the first: all at once they took so long that none was there in
 * time, and the monitor's own neither. Of several pools to the same servers one is the scout
 * (pg.h).
 *
 * libpq facts this rests on: the socket may change at each PQconnectPoll (so the poll handle is
 * made anew); a killed backend shows as a poll status < 0 while PQstatus says OK; a frozen one not
 * at all, so every wait has a deadline of ours.
 */
#include "base/io/pg.h"

#include <stdlib.h>

#include "base/crypto.h"
#include "base/io/pg_conninfo.h"
#include "base/io/pg_transaction.h"
#include "base/log.h"

enum { CONNECTIONS_DEFAULT = 4, QUEUE_DEFAULT = 1024, CONNECT_DEFAULT_MS = 1000 };
#define BACKOFF_FIRST_US INT64_C(50000)
#define BACKOFF_MAX_US INT64_C(500000)
#define BREAKER_US INT64_C(1000000)
#define GROWTH_WAIT_US INT64_C(10000)
#define GROWTH_PAUSE_US INT64_C(1000000)
#define GROWTH_PAUSE_MAX_US INT64_C(8000000)
#define GROWTH_CONNECT_US INT64_C(5000000)
#define SCOUT_LOOK_US INT64_C(50000)
#define QUIET_US INT64_C(5000000)
#define LATE_US INT64_C(1000000)

enum state { DOWN, CONNECTING, READY, BUSY };

struct connection {
    struct cc_pg_pool *pool;
    enum state state;
    PGconn *pg;
    uv_poll_t *poll;          /* NULL: none; freed in its close callback */
    struct cc_deadline timer; /* of connecting, or until the next attempt */
    int64_t backoff_us;
    unsigned rotation; /* which host is tried first */
    struct pg_prepared prepared;
    struct pg_transaction *current;
};

struct cc_pg_pool {
    struct cc_loop *loop;
    char *name;
    struct pg_conninfo *conninfo;
    const struct cc_pg_guard *guard;
    const struct cc_pg_pool *scout;
    const struct cc_pg_transaction *warm_up;
    int64_t connect_timeout_us;
    size_t queue_max, queued;
    struct pg_transaction *first, *last;
    int64_t failed_at_us; /* last failed connect since one succeeded; 0: none */
    int64_t lost_at_us;   /* its last connection, since one succeeded; 0: none */
    int64_t begun_at_us;  /* when it last began to connect, or failed to grow */
    int64_t pause_us;     /* from then until it grows */
    bool failure_logged, freed;
    size_t up, count;
    struct connection connections[];
};

static void on_timer(struct cc_deadline *deadline);
static void on_connecting(uv_poll_t *poll, int status, int events);
static void on_socket(uv_poll_t *poll, int status, int events);
static void on_transaction_deadline(struct cc_deadline *deadline);
static void connection_lost(struct connection *connection, const char *reason);
static void warm_up(struct connection *connection);
static void pump(struct cc_pg_pool *pool);

/* ---- the pool ---- */

static void free_pool(void *object)
{
    struct cc_pg_pool *pool = object;
    pg_conninfo_free(pool->conninfo);
    free(pool->name);
    free(pool);
}

enum cc_error cc_pg_pool_create(struct cc_loop *loop, const struct cc_pg_options *options,
                                struct cc_pg_pool **out)
{
    size_t count = options->connections ? options->connections : CONNECTIONS_DEFAULT;
    struct cc_pg_pool *pool = calloc(1, sizeof(*pool) + count * sizeof(struct connection));
    *out = NULL;
    if (!pool)
        return CC_NO_MEMORY;
    pool->loop = loop;
    pool->count = count;
    pool->guard = options->guard;
    pool->scout = options->scout;
    pool->warm_up = options->warm_up;
    pool->pause_us = GROWTH_PAUSE_US;
    pool->queue_max = options->queue_max ? options->queue_max : QUEUE_DEFAULT;
    pool->connect_timeout_us =
        (options->connect_timeout_ms ? options->connect_timeout_ms : CONNECT_DEFAULT_MS) * 1000;
    pool->name = strdup(options->name ? options->name : "postgres");
    enum cc_error error = pool->name ? CC_OK : CC_NO_MEMORY;
    if (error == CC_OK)
        error =
            pg_conninfo_create(options->conninfo, options->password, pool->name, &pool->conninfo);
    for (size_t i = 0; error == CC_OK && i < count; i++) {
        struct connection *connection = &pool->connections[i];
        connection->pool = pool;
        connection->backoff_us = BACKOFF_FIRST_US;
        cc_deadline_init(&connection->timer, loop, on_timer);
    }
    if (error == CC_OK)
        error = cc_deadline_set(&pool->connections[0].timer, 0); /* on_timer connects */
    if (error != CC_OK) {
        for (size_t i = 0; i < count; i++)
            if (pool->connections[i].pool)
                cc_deadline_clear(&pool->connections[i].timer);
        free_pool(pool);
        return error;
    }
    *out = pool;
    return CC_OK;
}

static bool nothing_answers(const struct cc_pg_pool *pool)
{
    return pool->up == 0 && pool->failed_at_us != 0;
}

/* Lost or failed, and so has the scout. Quiet for a while only: what keeps the scout out may be its
 * own trouble. */
static bool waits_for_scout(const struct cc_pg_pool *pool)
{
    int64_t since_us =
        pool->failed_at_us > pool->lost_at_us ? pool->failed_at_us : pool->lost_at_us;
    return pool->scout && pool->up == 0 && pool->scout->up == 0 && since_us != 0 &&
           cc_loop_now_us(pool->loop) - since_us < QUIET_US;
}

bool cc_pg_pool_has_failed(const struct cc_pg_pool *pool)
{
    return nothing_answers(pool) || (pool->up == 0 && pool->lost_at_us != 0);
}

bool cc_pg_pool_is_up(const struct cc_pg_pool *pool)
{
    return pool->up > 0;
}

/* ---- polling ---- */

static void on_poll_closed(uv_handle_t *handle)
{
    free(handle);
}

static void poll_drop(struct connection *connection)
{
    if (!connection->poll)
        return;
    uv_poll_stop(connection->poll);
    uv_close((uv_handle_t *)connection->poll, on_poll_closed);
    connection->poll = NULL;
}

/* A new handle on the connection's socket of now. */
static enum cc_error poll_make(struct connection *connection, int events, uv_poll_cb on_event)
{
    uv_poll_t *poll = calloc(1, sizeof(*poll));
    if (!poll)
        return CC_NO_MEMORY;
    if (uv_poll_init(cc_loop_uv(connection->pool->loop), poll, PQsocket(connection->pg)) != 0) {
        free(poll);
        return CC_IO;
    }
    poll->data = connection;
    connection->poll = poll;
    return uv_poll_start(poll, events, on_event) == 0 ? CC_OK : CC_IO;
}

/* ---- connecting ---- */

static void schedule(struct connection *connection, int64_t due_us)
{
    if (cc_deadline_set(&connection->timer, due_us) != CC_OK)
        CC_LOG(CC_LOG_ERROR, "pg_not_retried", cc_log_text("name", connection->pool->name),
               cc_log_error_field(CC_NO_MEMORY));
}

static int64_t jittered(int64_t backoff_us)
{
    uint32_t random = 0;
    if (cc_random_bytes((uint8_t *)&random, sizeof(random)) != CC_OK)
        return backoff_us;
    return backoff_us / 2 + (int64_t)(random % (uint32_t)(backoff_us / 2 + 1));
}

static struct connection *find_in_state(struct cc_pg_pool *pool, enum state state)
{
    for (size_t i = 0; i < pool->count; i++)
        if (pool->connections[i].state == state)
            return &pool->connections[i];
    return NULL;
}

/* What is on its way is the only one now, and has no more time than that. */
static void last_is_lost(struct cc_pg_pool *pool)
{
    struct connection *coming = find_in_state(pool, CONNECTING);
    pool->lost_at_us = cc_loop_now_us(pool->loop);
    int64_t due_us = pool->begun_at_us + GROWTH_CONNECT_US;
    int64_t usual_us = pool->lost_at_us + pool->connect_timeout_us;
    if (coming)
        schedule(coming, due_us < usual_us ? due_us : usual_us);
}

static void connection_close(struct connection *connection)
{
    struct cc_pg_pool *pool = connection->pool;
    if ((connection->state == READY || connection->state == BUSY) && --pool->up == 0)
        last_is_lost(pool);
    connection->state = DOWN;
    connection->prepared.count = 0;
    cc_deadline_clear(&connection->timer);
    poll_drop(connection);
    PQfinish(connection->pg);
    connection->pg = NULL;
}

static void grow(struct cc_pg_pool *pool)
{
    struct connection *next = find_in_state(pool, DOWN);
    int64_t waited_us = cc_loop_now_us(pool->loop) + GROWTH_WAIT_US;
    int64_t rested_us = pool->begun_at_us + pool->pause_us;
    if (next && !cc_deadline_is_set(&next->timer)) /* else it comes already */
        schedule(next, waited_us > rested_us ? waited_us : rested_us);
}

/* While others are up it comes back when transactions wait for it, which some may do already. */
static void close_and_retry(struct connection *connection)
{
    struct cc_pg_pool *pool = connection->pool;
    connection_close(connection);
    if (pool->up > 0) {
        if (pool->first)
            grow(pool);
        return;
    }
    schedule(connection, cc_loop_now_us(pool->loop) + jittered(connection->backoff_us));
    connection->backoff_us =
        connection->backoff_us * 2 < BACKOFF_MAX_US ? connection->backoff_us * 2 : BACKOFF_MAX_US;
}

static void transaction_end(struct pg_transaction *transaction, enum cc_error error, bool standby)
{
    cc_deadline_clear(&transaction->deadline);
    if (!transaction->unheard)
        pg_transaction_report(transaction, error, standby);
    pg_transaction_free(transaction);
}

static struct pg_transaction *queue_take(struct cc_pg_pool *pool)
{
    struct pg_transaction *transaction = pool->first;
    pool->first = transaction->next;
    if (!pool->first)
        pool->last = NULL;
    pool->queued--;
    return transaction;
}

/* Nobody waits for a database that is gone: the caller has other sources. */
static void end_queue(struct cc_pg_pool *pool, enum cc_error error)
{
    for (size_t most = pool->queued; most > 0 && pool->first; most--)
        transaction_end(queue_take(pool), error, false);
}

/* This one got through: the others begin with the host that it began with. */
static void tell_the_others(const struct connection *connection)
{
    for (size_t i = 0; i < connection->pool->count; i++)
        connection->pool->connections[i].rotation = connection->rotation;
}

static void not_added(struct cc_pg_pool *pool, const char *reason)
{
    CC_LOG(CC_LOG_WARNING, "pg_connection_not_added", cc_log_text("name", pool->name),
           cc_log_text("reason", reason));
    pool->begun_at_us = cc_loop_now_us(pool->loop);
    pool->pause_us =
        pool->pause_us * 2 < GROWTH_PAUSE_MAX_US ? pool->pause_us * 2 : GROWTH_PAUSE_MAX_US;
}

static void connect_failed(struct connection *connection, const char *reason)
{
    struct cc_pg_pool *pool = connection->pool;
    if (pool->up > 0) /* once a second at most: see grow() */
        not_added(pool, reason);
    else if (!pool->failure_logged)
        CC_LOG(CC_LOG_WARNING, "pg_unreachable", cc_log_text("name", pool->name),
               cc_log_text("reason", reason));
    close_and_retry(connection);
    if (pool->up > 0)
        return;
    pool->failure_logged = true;
    pool->failed_at_us = cc_loop_now_us(pool->loop);
    if (connection != &pool->connections[0]) /* from now on the first alone tries */
        schedule(&pool->connections[0], cc_loop_now_us(pool->loop));
    end_queue(pool, CC_UNAVAILABLE);
}

/* "The transaction has already committed locally, but might not have been replicated". */
bool cc_pg_is_not_replicated(const PGresult *notice)
{
    const char *detail = PQresultErrorField(notice, PG_DIAG_MESSAGE_DETAIL);
    const char *message = PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY);
    return (detail && strstr(detail, "not have been replicated")) ||
           (message && strstr(message, "wait for synchronous replication"));
}

static void on_notice(void *context, const PGresult *notice)
{
    struct connection *connection = context;
    if (connection->current && cc_pg_is_not_replicated(notice))
        connection->current->not_replicated = true;
}

static void on_timer(struct cc_deadline *deadline)
{
    struct connection *connection = CC_CONTAINER_OF(deadline, struct connection, timer);
    struct cc_pg_pool *pool = connection->pool;
    if (connection->state == BUSY) { /* see start() */
        connection_lost(connection, PQerrorMessage(connection->pg));
        return;
    }
    if (connection->state == CONNECTING) {
        connection->rotation++; /* a host that swallows packets must not keep us from the others */
        connect_failed(connection, "connecting took too long");
        return;
    }
    if (find_in_state(pool, CONNECTING) || (pool->up > 0 && !pool->first) ||
        (nothing_answers(pool) && connection != &pool->connections[0]))
        return; /* until somebody waits again, or that one has failed */
    if (waits_for_scout(pool)) {
        schedule(connection, cc_loop_now_us(pool->loop) + SCOUT_LOOK_US);
        end_queue(pool, CC_UNAVAILABLE);
        return;
    }
    connection->state = CONNECTING;
    pool->begun_at_us = cc_loop_now_us(pool->loop);
    connection->pg = pg_conninfo_start(pool->conninfo, connection->rotation);
    if (!connection->pg || PQstatus(connection->pg) == CONNECTION_BAD) {
        connect_failed(connection, connection->pg ? PQerrorMessage(connection->pg) : "memory");
        return;
    }
    PQsetNoticeReceiver(connection->pg, on_notice, connection);
    int64_t patience_us = pool->up > 0 ? GROWTH_CONNECT_US : pool->connect_timeout_us;
    schedule(connection, cc_loop_now_us(pool->loop) + patience_us);
    if (poll_make(connection, UV_WRITABLE, on_connecting) != CC_OK)
        connect_failed(connection, "cannot poll");
}

/* What failed before has no say any more. */
static void grow_as_usual(struct cc_pg_pool *pool)
{
    pool->pause_us = GROWTH_PAUSE_US;
    for (size_t i = 0; i < pool->count; i++)
        if (pool->connections[i].state == DOWN)
            cc_deadline_clear(&pool->connections[i].timer);
}

static void connected(struct connection *connection)
{
    struct cc_pg_pool *pool = connection->pool;
    if (PQsetnonblocking(connection->pg, 1) != 0 || !PQenterPipelineMode(connection->pg) ||
        poll_make(connection, UV_READABLE, on_socket) != CC_OK) {
        connect_failed(connection, PQerrorMessage(connection->pg));
        return;
    }
    cc_deadline_clear(&connection->timer);
    connection->state = READY;
    connection->backoff_us = BACKOFF_FIRST_US;
    grow_as_usual(pool);
    tell_the_others(connection);
    pool->up++;
    pool->failed_at_us = pool->lost_at_us = 0;
    if (pool->failure_logged)
        CC_LOG(CC_LOG_INFO, "pg_up", cc_log_text("name", pool->name),
               cc_log_text("host", PQhost(connection->pg)),
               cc_log_text("port", PQport(connection->pg)));
    pool->failure_logged = false;
    warm_up(connection);
    pump(pool);
}

static void on_connecting(uv_poll_t *poll, int status, int events)
{
    struct connection *connection = poll->data;
    (void)status; /* libpq finds an error of the socket itself, and tries the next host */
    (void)events;
    poll_drop(connection);
    PostgresPollingStatusType next = PQconnectPoll(connection->pg);
    if (next == PGRES_POLLING_FAILED)
        connect_failed(connection, PQerrorMessage(connection->pg));
    else if (next == PGRES_POLLING_OK)
        connected(connection);
    else if (poll_make(connection, next == PGRES_POLLING_READING ? UV_READABLE : UV_WRITABLE,
                       on_connecting) != CC_OK)
        connect_failed(connection, "cannot poll");
}

/* ---- transactions ---- */

static bool breaker_is_open(const struct cc_pg_pool *pool)
{
    return waits_for_scout(pool) ||
           (nothing_answers(pool) && cc_loop_now_us(pool->loop) - pool->failed_at_us < BREAKER_US);
}

static enum cc_error set_deadline(struct pg_transaction *transaction, struct cc_pg_pool *pool,
                                  int64_t deadline_us)
{
    transaction->pool = pool;
    cc_deadline_init(&transaction->deadline, pool->loop, on_transaction_deadline);
    return cc_deadline_set(&transaction->deadline, deadline_us);
}

enum cc_error cc_pg_submit(struct cc_pg_pool *pool, const struct cc_pg_transaction *from)
{
    struct pg_transaction *transaction = NULL;
    if (pool->freed || breaker_is_open(pool))
        return CC_UNAVAILABLE;
    if (pool->queued >= pool->queue_max)
        return CC_FULL;
    enum cc_error error = pg_transaction_create(from, pool->guard, &transaction);
    if (error != CC_OK)
        return error;
    error = set_deadline(transaction, pool, from->deadline_us);
    if (error != CC_OK) {
        pg_transaction_free(transaction);
        return error;
    }
    if (pool->last)
        pool->last->next = transaction;
    else
        pool->first = transaction;
    pool->last = transaction;
    pool->queued++;
    pump(pool);
    return CC_OK;
}

static bool flush(struct connection *connection)
{
    int left = PQflush(connection->pg);
    return left >= 0 &&
           uv_poll_start(connection->poll, left > 0 ? UV_READABLE | UV_WRITABLE : UV_READABLE,
                         on_socket) == 0;
}

/* A connection that fails here is noticed by its poll or by the deadline: done must not run while
 * the submitter is on the stack. */
static void start(struct connection *connection, struct pg_transaction *transaction)
{
    connection->state = BUSY;
    connection->current = transaction;
    transaction->connection = connection;
    if (pg_transaction_send(transaction, connection->pg, &connection->prepared) != CC_OK ||
        !flush(connection))
        schedule(connection, 0);
}

/* Without memory it does without. */
static void warm_up(struct connection *connection)
{
    struct cc_pg_pool *pool = connection->pool;
    struct pg_transaction *transaction = NULL;
    if (!pool->warm_up || pg_transaction_create(pool->warm_up, NULL, &transaction) != CC_OK)
        return;
    transaction->unheard = true;
    if (set_deadline(transaction, pool, cc_loop_now_us(pool->loop) + pool->connect_timeout_us) !=
        CC_OK)
        pg_transaction_free(transaction);
    else
        start(connection, transaction);
}

static void pump(struct cc_pg_pool *pool)
{
    for (size_t i = 0; i < pool->count && pool->first; i++)
        if (pool->connections[i].state == READY)
            start(&pool->connections[i], queue_take(pool));
    if (pool->first && pool->up > 0)
        grow(pool);
}

static bool is_standby(const struct connection *connection)
{
    const char *value = PQparameterStatus(connection->pg, "in_hot_standby");
    return value && strcmp(value, "on") == 0;
}

static void complete(struct connection *connection)
{
    struct pg_transaction *transaction = connection->current;
    struct cc_pg_pool *pool = connection->pool;
    enum cc_error error = pg_transaction_error(transaction);
    bool standby = is_standby(connection);
    connection->current = NULL;
    connection->state = READY;
    if (pg_transaction_spoils_connection(transaction))
        close_and_retry(connection);
    transaction_end(transaction, error, standby);
    if (!pool->freed)
        pump(pool);
}

static void read_results(struct connection *connection)
{
    bool step_ended = false;
    while (connection->state == BUSY && !PQisBusy(connection->pg)) {
        PGresult *result = PQgetResult(connection->pg);
        if (!result && step_ended)
            return; /* nothing is there */
        step_ended = !result;
        if (result && PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
            PQclear(result);
            complete(connection);
            return;
        }
        pg_transaction_take(connection->current, &connection->prepared, result);
    }
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
    struct connection *connection = poll->data;
    (void)events;
    if (status < 0) {
        connection_lost(connection, "the socket failed");
        return;
    }
    bool alive = PQconsumeInput(connection->pg) == 1;
    if (connection->state == BUSY)
        read_results(connection); /* also what came before an end of file */
    if (connection->poll != poll)
        return; /* closed meanwhile */
    if (!alive || PQstatus(connection->pg) != CONNECTION_OK)
        connection_lost(connection, PQerrorMessage(connection->pg));
    else if (!flush(connection))
        connection_lost(connection, PQerrorMessage(connection->pg));
}

/* ---- endings ---- */

static void connection_lost(struct connection *connection, const char *reason)
{
    struct pg_transaction *transaction = connection->current;
    struct cc_pg_pool *pool = connection->pool;
    CC_LOG(CC_LOG_WARNING, "pg_connection_lost", cc_log_text("name", pool->name),
           cc_log_text("reason", reason));
    connection->current = NULL;
    close_and_retry(connection);
    if (transaction)
        transaction_end(transaction, transaction->writes ? CC_UNKNOWN_OUTCOME : CC_UNAVAILABLE,
                        false);
}

static void queue_remove(struct cc_pg_pool *pool, struct pg_transaction *transaction)
{
    struct pg_transaction *before = NULL;
    struct pg_transaction **at = &pool->first;
    for (; *at != transaction; at = &(*at)->next)
        before = *at;
    *at = transaction->next;
    if (pool->last == transaction)
        pool->last = before;
    pool->queued--;
}

/* A database that is slow is made no faster by a new connection for each late answer: this one
 * waits a while for it, when the pool has others. */
static bool wait_for_late(struct pg_transaction *transaction)
{
    struct cc_pg_pool *pool = transaction->pool;
    int64_t until_us = cc_loop_now_us(pool->loop) + LATE_US;
    if (transaction->unheard || pool->count == 1 ||
        cc_deadline_set(&transaction->deadline, until_us) != CC_OK)
        return false;
    transaction->unheard = true;
    return true;
}

static void on_transaction_deadline(struct cc_deadline *deadline)
{
    struct pg_transaction *transaction = CC_CONTAINER_OF(deadline, struct pg_transaction, deadline);
    struct connection *connection = transaction->connection;
    if (!connection) {
        queue_remove(transaction->pool, transaction);
        transaction_end(transaction, CC_TIMEOUT, false);
        return;
    }
    /* The answer may lie in the socket: a loop that was held up is not a slow database. */
    if (PQconsumeInput(connection->pg) == 1)
        read_results(connection);
    if (connection->current != transaction)
        return;
    enum cc_error error = transaction->writes ? CC_UNKNOWN_OUTCOME : CC_TIMEOUT;
    if (!transaction->unheard)
        CC_LOG(CC_LOG_WARNING, "pg_deadline_passed", cc_log_text("name", connection->pool->name),
               cc_log_text("statement",
                           transaction->queries[transaction->query_count - 1].statement.name));
    if (wait_for_late(transaction)) {
        pg_transaction_report(transaction, error, false);
        return;
    }
    connection->current = NULL;
    close_and_retry(connection);
    transaction_end(transaction, error, false);
}

void cc_pg_pool_free(struct cc_pg_pool *pool)
{
    if (!pool || pool->freed)
        return;
    pool->freed = true;
    end_queue(pool, CC_CANCELLED);
    for (size_t i = 0; i < pool->count; i++) {
        struct pg_transaction *transaction = pool->connections[i].current;
        pool->connections[i].current = NULL;
        connection_close(&pool->connections[i]);
        if (transaction)
            transaction_end(transaction, CC_CANCELLED, false);
    }
    cc_loop_bury(pool->loop, pool, free_pool);
}
