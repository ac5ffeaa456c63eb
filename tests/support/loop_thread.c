#include "tests/support/loop_thread.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

struct loop_thread {
    struct cc_loop *loop;
    pthread_t thread;
    uv_async_t wake;
    pthread_mutex_t mutex;
    pthread_cond_t done;
    void (*call)(void *context);
    void *context;
    bool calling, stopping;
};

/* libh2o keeps a free list per thread, for good; ours end. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:h2o_mem_alloc_recycle\n";
}

const char *__lsan_default_options(void);
const char *__lsan_default_options(void)
{
    return "print_suppressions=0";
}

static void must(bool condition, const char *what)
{
    if (!condition) {
        perror(what);
        abort();
    }
}

static void on_wake(uv_async_t *async)
{
    struct loop_thread *thread = async->data;
    pthread_mutex_lock(&thread->mutex);
    bool calling = thread->calling;
    pthread_mutex_unlock(&thread->mutex);
    if (calling)
        thread->call(thread->context);
    pthread_mutex_lock(&thread->mutex);
    thread->calling = false;
    if (thread->stopping) {
        uv_close((uv_handle_t *)async, NULL);
        cc_loop_end(thread->loop);
    }
    pthread_cond_broadcast(&thread->done);
    pthread_mutex_unlock(&thread->mutex);
}

static void *run(void *context)
{
    struct loop_thread *thread = context;
    cc_loop_run(thread->loop);
    return NULL;
}

struct loop_thread *loop_thread_start(void)
{
    struct loop_thread *thread = calloc(1, sizeof(*thread));
    must(thread && cc_loop_create(&thread->loop) == CC_OK, "loop");
    pthread_mutex_init(&thread->mutex, NULL);
    pthread_cond_init(&thread->done, NULL);
    must(uv_async_init(cc_loop_uv(thread->loop), &thread->wake, on_wake) == 0, "async");
    thread->wake.data = thread;
    must(pthread_create(&thread->thread, NULL, run, thread) == 0, "thread");
    return thread;
}

struct cc_loop *loop_thread_loop(struct loop_thread *thread)
{
    return thread->loop;
}

void loop_thread_call(struct loop_thread *thread, void (*call)(void *context), void *context)
{
    pthread_mutex_lock(&thread->mutex);
    thread->call = call;
    thread->context = context;
    thread->calling = true;
    uv_async_send(&thread->wake);
    while (thread->calling)
        pthread_cond_wait(&thread->done, &thread->mutex);
    pthread_mutex_unlock(&thread->mutex);
}

void loop_thread_stop(struct loop_thread *thread)
{
    pthread_mutex_lock(&thread->mutex);
    thread->stopping = true;
    uv_async_send(&thread->wake);
    pthread_mutex_unlock(&thread->mutex);
    pthread_join(thread->thread, NULL);
    cc_loop_free(thread->loop);
    pthread_mutex_destroy(&thread->mutex);
    pthread_cond_destroy(&thread->done);
    free(thread);
}

static struct sockaddr_in local(int64_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

int test_connect(int64_t port)
{
    struct sockaddr_in address = local(port);
    struct timeval limit = {.tv_sec = 5};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(fd >= 0, "socket");
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

int test_listen(int64_t *port)
{
    struct sockaddr_in address = local(0);
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
             listen(fd, 64) == 0 && getsockname(fd, (struct sockaddr *)&address, &length) == 0,
         "listen");
    *port = ntohs(address.sin_port);
    return fd;
}

bool test_send(int fd, struct cc_slice bytes)
{
    while (bytes.length > 0) {
        ssize_t sent = send(fd, bytes.data, bytes.length, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        bytes = cc_slice(bytes.data + sent, bytes.length - (size_t)sent);
    }
    return true;
}

/* Up to the empty line; length of the head, 0: closed, -1: time-out. */
static int read_head(int fd, char *head, size_t capacity)
{
    size_t length = 0;
    while (length + 1 < capacity) {
        ssize_t got = recv(fd, head + length, 1, 0);
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return -1;
        if (got <= 0)
            return 0;
        head[++length] = '\0';
        if (length >= 4 && memcmp(head + length - 4, "\r\n\r\n", 4) == 0)
            return (int)length;
    }
    return 0;
}

int test_read_response(int fd, char *body, size_t capacity, bool *close_said)
{
    char head[8192];
    char drop[4096];
    int length = read_head(fd, head, sizeof(head));
    if (length <= 0)
        return length;
    int status = (int)strtol(head + 9, NULL, 10);
    const char *at = strcasestr(head, "\r\ncontent-length:");
    size_t left = at ? (size_t)strtoul(at + 17, NULL, 10) : (status == 100 ? 0 : SIZE_MAX);
    if (close_said)
        *close_said = strcasestr(head, "\r\nconnection: close") != NULL;
    size_t kept = 0;
    while (left > 0) {
        ssize_t got = recv(fd, drop, left < sizeof(drop) ? left : sizeof(drop), 0);
        if (got <= 0)
            break;
        for (ssize_t i = 0; body && i < got && kept + 1 < capacity; i++)
            body[kept++] = drop[i];
        left -= (size_t)got;
    }
    if (body)
        body[kept] = '\0';
    return left > 0 && at ? 0 : status;
}

bool test_is_closed(int fd)
{
    char drop[4096];
    for (;;) {
        ssize_t got = recv(fd, drop, sizeof(drop), 0);
        if (got == 0)
            return true;
        if (got < 0)
            return errno != EAGAIN && errno != EWOULDBLOCK;
    }
}

bool test_wait_for(const int *value, int least)
{
    for (int i = 0; i < 10000; i++) {
        if (__atomic_load_n(value, __ATOMIC_SEQ_CST) >= least)
            return true;
        poll(NULL, 0, 1);
    }
    return false;
}
