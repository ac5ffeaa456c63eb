/*
 * A cc_loop on a thread of its own, for tests that talk to it with blocking sockets, and those
 * sockets.
 */
#ifndef TESTS_LOOP_THREAD_H
#define TESTS_LOOP_THREAD_H

#include "base/io/loop.h"
#include "base/slice.h"

struct loop_thread;

/* Aborts the test process when it cannot. */
struct loop_thread *loop_thread_start(void);
struct cc_loop *loop_thread_loop(struct loop_thread *thread);
/* Runs call(context) on the loop and waits for it. */
void loop_thread_call(struct loop_thread *thread, void (*call)(void *context), void *context);
/* Runs the loop until nothing is left on it, and frees all. */
void loop_thread_stop(struct loop_thread *thread);

/* Blocking sockets with a 5 s receive time-out. -1: refused. */
int test_connect(int64_t port);
/* A listener on a free port of 127.0.0.1. */
int test_listen(int64_t *port);
/* false: the peer has closed. */
bool test_send(int fd, struct cc_slice bytes);
/* Reads one response with Content-Length (or up to end of file). Status, or 0 when the connection
 * closed before one came, -1 when nothing came in time. body (may be NULL) has room for capacity
 * bytes and is NUL-terminated; *close says whether the response says so. */
int test_read_response(int fd, char *body, size_t capacity, bool *close);
/* Whether the peer closes (end of file or reset) within 5 s; bytes before are dropped. */
bool test_is_closed(int fd);
/* Waits until *value is at least least, 10 s at most; false: it never was. */
bool test_wait_for(const int *value, int least);

#endif
