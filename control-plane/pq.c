/* Rim: sockets and the clock. */
#include "control-plane/pq.h"

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/io/loop.h"

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

static void give_up(struct attempt *attempt)
{
    PQfinish(attempt->connection);
    *attempt = (struct attempt){.step = PGRES_POLLING_FAILED};
}

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
    if (!under_way || poll(sockets, (nfds_t)count, left_ms(until_us)) <= 0)
        return false;
    for (int i = 0; i < count; i++) {
        if (sockets[i].revents == 0)
            continue;
        attempts[i].step = PQconnectPoll(attempts[i].connection);
        if (attempts[i].step == PGRES_POLLING_FAILED)
            give_up(&attempts[i]);
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

PGconn *cp_pq_connect(const char *const *conninfos, int count, int timeout_ms)
{
    struct attempt attempts[TRIES_MAX];
    int64_t until_us = cc_monotonic_us() + (int64_t)timeout_ms * 1000;
    PGconn *connected = NULL;
    count = count < TRIES_MAX ? count : TRIES_MAX;
    for (int i = 0; i < count; i++) {
        attempts[i] = (struct attempt){PQconnectStart(conninfos[i]), PGRES_POLLING_WRITING};
        if (PQstatus(attempts[i].connection) == CONNECTION_BAD)
            give_up(&attempts[i]);
    }
    while (!(connected = take_connected(attempts, count)) && left_ms(until_us) > 0 &&
           turn(attempts, count, until_us)) {
    }
    for (int i = 0; i < count; i++)
        give_up(&attempts[i]);
    return connected;
}

static bool wait_readable(PGconn *connection, int64_t until_us)
{
    struct pollfd socket = {.fd = PQsocket(connection), .events = POLLIN};
    while (PQisBusy(connection)) {
        if (poll(&socket, 1, left_ms(until_us)) <= 0 || !PQconsumeInput(connection))
            return false;
    }
    return true;
}

PGresult *cp_pq_query(PGconn *connection, const char *sql, const char *const *parameters, int count,
                      int timeout_ms)
{
    int64_t until_us = cc_monotonic_us() + (int64_t)timeout_ms * 1000;
    PGresult *last = NULL, *next;
    if (!connection || !PQsendQueryParams(connection, sql, count, NULL, parameters, NULL, NULL, 0))
        return NULL;
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
