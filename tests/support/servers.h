/*
 * Real servers for tests: each on a free port, in a temporary folder, ended with the test process
 * even when that is killed (PR_SET_PDEATHSIG). What cannot be started aborts the test.
 */
#ifndef TESTS_SERVERS_H
#define TESTS_SERVERS_H

#include <stdint.h>
#include <sys/types.h>

enum { TEST_FOLDER_MAX = 64 };

struct test_server {
    pid_t pid; /* 0: not running */
    int64_t port;
    char folder[TEST_FOLDER_MAX];
};

int64_t test_free_port(void);

/* redis-server without persistence; password NULL: none. Returns when it answers PING. */
void test_redis_start(struct test_server *server, const char *password);

/* initdb (once) and postgres, as the user "postgres" when root; superuser "postgres" without
 * password on 127.0.0.1. Returns when it takes connections. */
void test_postgres_create(struct test_server *server);
void test_postgres_start(struct test_server *server);
/* A hot standby made from a copy of a created server that has not been started yet. */
void test_postgres_create_standby(struct test_server *server, const struct test_server *from);
/* Runs SQL as superuser over a connection of its own; first value of the last result into out (may
 * be NULL). */
void test_postgres_sql(const struct test_server *server, const char *sql, char *out,
                       size_t capacity);

/* kill -9, and waits until it is gone; the folder stays. */
void test_server_kill(struct test_server *server);
void test_server_signal(const struct test_server *server, int signal);
/* Again on the same port and folder after test_server_kill. */
void test_redis_restart(struct test_server *server, const char *password);
/* Kills it and removes the folder. */
void test_server_end(struct test_server *server);

#endif
