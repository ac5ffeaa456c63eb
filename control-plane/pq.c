/* Rim: sockets and the clock. */
#include "control-plane/pq.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/io/loop.h"
#include "base/io/pg.h"

enum { TRIES_MAX = 4 };

struct attempt {
    PGconn *connection;
    PostgresPollingStatusType step;
};

static int left_ms(int64_t until_us)
{
    int64_t left = (until_us - cc_monotonic_us()) / 1000;
    return left > 0 ? (int)left : 0;
}

/* False: nothing moved in time, or the sockets cannot be waited for. A signal ends no wait. */
static bool wait_for(struct pollfd *sockets, nfds_t count, int64_t until_us)
{
    int ready;
    do
        ready = poll(sockets, count, left_ms(until_us));
    while (ready < 0 && errno == EINTR);
    return ready > 0;
}

/* ---- connecting ---- */

static bool is_under_way(const struct attempt *attempt)
{
    return attempt->step == PGRES_POLLING_READING || attempt->step == PGRES_POLLING_WRITING;
}

/* Waits for any attempt and moves those that can move; false when none is under way. */
static bool turn(struct attempt *attempts, int count, int64_t until_us)
{
    struct pollfd sockets[TRIES_MAX];
    bool under_way = false;
    for (int i = 0; i < count; i++) {
        const struct attempt *attempt = &attempts[i];
        bool waits = is_under_way(attempt);
        sockets[i] =
            (struct pollfd){.fd = waits ? PQsocket(attempt->connection) : -1,
                            .events = attempt->step == PGRES_POLLING_READING ? POLLIN : POLLOUT};
        under_way = under_way || waits;
    }
    if (!under_way || !wait_for(sockets, (nfds_t)count, until_us))
        return false;
    for (int i = 0; i < count; i++) {
        if (sockets[i].revents != 0)
            attempts[i].step = PQconnectPoll(attempts[i].connection);
    }
    return true;
}

static PGconn *take_connected(struct attempt *attempts, int count)
{
    for (int i = 0; i < count; i++) {
        if (attempts[i].step == PGRES_POLLING_OK) {
            PGconn *connection = attempts[i].connection;
            attempts[i] = (struct attempt){.step = PGRES_POLLING_FAILED};
            return connection;
        }
    }
    return NULL;
}

/* A line for each. */
static void say_why(const struct attempt *attempt, int timeout_ms, char *why, size_t size)
{
    size_t used = strlen(why);
    if (is_under_way(attempt))
        (void)snprintf(why + used, size - used, "no answer within %d ms\n", timeout_ms);
    else if (attempt->connection)
        (void)snprintf(why + used, size - used, "%s", PQerrorMessage(attempt->connection));
}

PGconn *cp_pq_connect_or_why(const char *const *conninfos, int count, int timeout_ms, char *why,
                             size_t size)
{
    struct attempt attempts[TRIES_MAX];
    int64_t until_us = cc_monotonic_us() + (int64_t)timeout_ms * 1000;
    PGconn *connected = NULL;
    count = count < TRIES_MAX ? count : TRIES_MAX;
    if (size > 0)
        *why = '\0';
    for (int i = 0; i < count; i++) {
        attempts[i] = (struct attempt){PQconnectStart(conninfos[i]), PGRES_POLLING_WRITING};
        if (PQstatus(attempts[i].connection) == CONNECTION_BAD)
            attempts[i].step = PGRES_POLLING_FAILED;
    }
    while (!(connected = take_connected(attempts, count)) && left_ms(until_us) > 0 &&
           turn(attempts, count, until_us)) {
    }
    for (int i = 0; i < count; i++) {
        if (size > 0)
            say_why(&attempts[i], timeout_ms, why, size);
        PQfinish(attempts[i].connection);
    }
    return connected;
}

PGconn *cp_pq_connect(const char *const *conninfos, int count, int timeout_ms)
{
    return cp_pq_connect_or_why(conninfos, count, timeout_ms, NULL, 0);
}

/* ---- asking ---- */

static void on_notice(void *context, const PGresult *notice)
{
    if (cc_pg_is_not_replicated(notice))
        *(bool *)context = true;
    else
        (void)fputs(PQresultErrorMessage(notice), stderr);
}

/* Reads meanwhile, or both ends might wait for each other. */
static bool send_all(PGconn *connection, int64_t until_us)
{
    struct pollfd socket = {.fd = PQsocket(connection), .events = POLLIN | POLLOUT};
    int left;
    while ((left = PQflush(connection)) > 0) {
        if (!wait_for(&socket, 1, until_us) ||
            ((socket.revents & POLLIN) && !PQconsumeInput(connection)))
            return false;
    }
    return left == 0;
}

static bool wait_readable(PGconn *connection, int64_t until_us)
{
    struct pollfd socket = {.fd = PQsocket(connection), .events = POLLIN};
    while (PQisBusy(connection)) {
        if (!wait_for(&socket, 1, until_us) || !PQconsumeInput(connection))
            return false;
    }
    return true;
}

static PGresult *read_last(PGconn *connection, int64_t until_us)
{
    PGresult *last = NULL, *next;
    for (;;) {
        if (!wait_readable(connection, until_us)) {
            PQclear(last);
            return NULL;
        }
        if (!(next = PQgetResult(connection)))
            return PQstatus(connection) == CONNECTION_OK ? last : (PQclear(last), NULL);
        PQclear(last);
        last = next;
    }
}

/* Non-blocking, or sending itself would wait for one that is frozen. */
static bool begin(PGconn *connection, const char *sql, const char *const *parameters, int count)
{
    if (PQsetnonblocking(connection, 1) != 0)
        return false;
    return count > 0
               ? PQsendQueryParams(connection, sql, count, NULL, parameters, NULL, NULL, 0) == 1
               : PQsendQuery(connection, sql) == 1;
}

PGresult *cp_pq_query(PGconn *connection, const char *sql, const char *const *parameters, int count,
                      int timeout_ms)
{
    int64_t until_us = cc_monotonic_us() + (int64_t)timeout_ms * 1000;
    bool not_replicated = false;
    if (!connection)
        return NULL;
    PQnoticeReceiver before = PQsetNoticeReceiver(connection, on_notice, &not_replicated);
    PGresult *result = begin(connection, sql, parameters, count) && send_all(connection, until_us)
                           ? read_last(connection, until_us)
                           : NULL;
    (void)PQsetNoticeReceiver(connection, before, NULL);
    if (not_replicated) {
        PQclear(result);
        return NULL;
    }
    return result;
}

const char *cp_pq_trouble(const PGconn *connection, const PGresult *result)
{
    if (result)
        return PQresultErrorMessage(result);
    switch (PQtransactionStatus(connection)) {
    case PQTRANS_ACTIVE: /* it is still at it */
        return "no answer in time";
    case PQTRANS_UNKNOWN:
        return connection ? PQerrorMessage(connection) : "not connected";
    case PQTRANS_IDLE:
    case PQTRANS_INTRANS:
    case PQTRANS_INERROR:
        break;
    }
    return "committed on the primary alone: its replica did not acknowledge it";
}

bool cp_pq_is_true(const PGresult *result)
{
    return PQntuples(result) == 1 && strcmp(PQgetvalue(result, 0, 0), "t") == 0;
}
