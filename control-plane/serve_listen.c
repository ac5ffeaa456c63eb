#include "control-plane/serve_listen.h"

#include <libpq-fe.h>
#include <stdlib.h>

#include "base/io/pg_conninfo.h"
#include "base/log.h"

enum { RETRY_MS = 500, CONNECT_MS = 2000 };

struct cp_listener {
    struct cc_loop *loop;
    struct pg_conninfo *conninfo;
    unsigned rotation; /* another host first each time: one of them may be frozen */
    void (*on_news)(void *context);
    void *context;
    PGconn *connection;
    uv_poll_t *poll;             /* a handle of its own per connection: closing takes a tick */
    struct cc_deadline deadline; /* next try, or end of this one */
    bool listening;
};

static void on_try(struct cc_deadline *deadline);
static void on_connecting(uv_poll_t *poll, int status, int events);
static void on_readable(uv_poll_t *poll, int status, int events);

static void on_poll_closed(uv_handle_t *handle)
{
    free(handle);
}

static void stop_polling(struct cp_listener *listener)
{
    if (listener->poll) {
        (void)uv_poll_stop(listener->poll);
        uv_close((uv_handle_t *)listener->poll, on_poll_closed);
    }
    listener->poll = NULL;
}

static void set_deadline(struct cp_listener *listener, int64_t milliseconds)
{
    if (cc_deadline_set(&listener->deadline, cc_monotonic_us() + milliseconds * 1000))
        CC_LOG(CC_LOG_ERROR, "listen_no_memory", cc_log_error_field(CC_NO_MEMORY));
}

static void drop(struct cp_listener *listener)
{
    stop_polling(listener);
    if (listener->connection && listener->listening)
        CC_LOG(CC_LOG_WARNING, "registry_connection_lost",
               cc_log_text("reason", PQerrorMessage(listener->connection)));
    PQfinish(listener->connection);
    listener->connection = NULL;
    listener->listening = false;
    set_deadline(listener, RETRY_MS);
}

/* The socket may be another one after each PQconnectPoll: the poll is made anew. */
static bool watch(struct cp_listener *listener, int events, uv_poll_cb callback)
{
    stop_polling(listener);
    uv_poll_t *poll = calloc(1, sizeof(*poll));
    if (!poll)
        return false;
    if (uv_poll_init(cc_loop_uv(listener->loop), poll, PQsocket(listener->connection))) {
        free(poll);
        return false;
    }
    poll->data = listener;
    listener->poll = poll;
    return uv_poll_start(poll, events, callback) == 0;
}

static void on_try(struct cc_deadline *deadline)
{
    struct cp_listener *listener = CC_CONTAINER_OF(deadline, struct cp_listener, deadline);
    stop_polling(listener);
    PQfinish(listener->connection);
    listener->connection = pg_conninfo_start(listener->conninfo, listener->rotation++);
    if (!listener->connection || PQstatus(listener->connection) == CONNECTION_BAD ||
        PQsetnonblocking(listener->connection, 1) || !watch(listener, UV_WRITABLE, on_connecting)) {
        drop(listener);
        return;
    }
    set_deadline(listener, CONNECT_MS);
}

static void on_connecting(uv_poll_t *poll, int status, int events)
{
    struct cp_listener *listener = poll->data;
    (void)events;
    PostgresPollingStatusType step =
        status < 0 ? PGRES_POLLING_FAILED : PQconnectPoll(listener->connection);
    bool ok = step != PGRES_POLLING_FAILED;
    if (step == PGRES_POLLING_READING || step == PGRES_POLLING_WRITING)
        ok = watch(listener, step == PGRES_POLLING_READING ? UV_READABLE : UV_WRITABLE,
                   on_connecting);
    if (step == PGRES_POLLING_OK)
        ok = PQsendQuery(listener->connection, "LISTEN publications") == 1 &&
             PQflush(listener->connection) >= 0 && watch(listener, UV_READABLE, on_readable);
    if (!ok)
        drop(listener);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct cp_listener *listener = poll->data;
    bool news = false;
    (void)events;
    if (status < 0 || !PQconsumeInput(listener->connection)) {
        drop(listener);
        return;
    }
    for (PGresult *result;
         !PQisBusy(listener->connection) && (result = PQgetResult(listener->connection));) {
        listener->listening = PQresultStatus(result) == PGRES_COMMAND_OK;
        PQclear(result);
        news = true;
    }
    for (PGnotify *notify; (notify = PQnotifies(listener->connection));) {
        PQfreemem(notify);
        news = true;
    }
    if (listener->listening)
        cc_deadline_clear(&listener->deadline);
    if (news)
        listener->on_news(listener->context);
}

enum cc_error cp_listener_create(struct cc_loop *loop, const char *conninfo, const char *password,
                                 void (*on_news)(void *context), void *context,
                                 struct cp_listener **out)
{
    struct cp_listener *listener = calloc(1, sizeof(*listener));
    if (!listener)
        return CC_NO_MEMORY;
    listener->loop = loop;
    listener->on_news = on_news;
    listener->context = context;
    enum cc_error error = pg_conninfo_create(conninfo, password, "serve", &listener->conninfo);
    if (error) {
        free(listener);
        return error;
    }
    cc_deadline_init(&listener->deadline, loop, on_try);
    set_deadline(listener, 0);
    *out = listener;
    return CC_OK;
}

void cp_listener_free(struct cp_listener *listener)
{
    if (!listener)
        return;
    cc_deadline_clear(&listener->deadline);
    stop_polling(listener);
    PQfinish(listener->connection);
    pg_conninfo_free(listener->conninfo);
    free(listener);
}
