/* One uv loop: a heap of deadlines behind one timer, burials after each round, stop signals. */
#include "base/io/loop.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

#if defined(__SANITIZE_ADDRESS__)
#define LEAKS_ARE_CHECKED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LEAKS_ARE_CHECKED 1
#endif
#endif
#ifndef LEAKS_ARE_CHECKED
#define LEAKS_ARE_CHECKED 0
#endif

enum { HEAP_FIRST = 64, WORK_MAX = 1024, FREE_LIMIT_MS = 3000, STALL_US = 100 * 1000 };

struct burial {
    void *object;
    void (*free_it)(void *object);
};

struct cc_loop {
    uv_loop_t uv;
    uv_async_t anchor; /* keeps uv_run going until cc_loop_end */
    uv_prepare_t bury_before_poll;
    uv_check_t bury_after_poll;
    uv_timer_t timer;
    uv_signal_t terminate, interrupt, proceed;
    struct cc_deadline **heap; /* positions 1 .. heap_count */
    size_t heap_count, heap_capacity;
    int64_t stalled_us; /* when it last found itself late, monotonic; 0: never */
    bool reads_first;
    struct burial *burials;
    size_t burial_count, burial_capacity;
    size_t work_count;
    bool stopping, ending;
    void (*on_stop)(void *context);
    void *stop_context;
};

static void on_timer(uv_timer_t *timer);

static struct cc_loop *loop_of(const uv_handle_t *handle)
{
    return handle->loop->data;
}

/* ---- burials ---- */

static void bury_all(struct cc_loop *loop)
{
    while (loop->burial_count > 0) {
        struct burial burial = loop->burials[--loop->burial_count];
        burial.free_it(burial.object);
    }
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct cc_loop *loop = loop_of((uv_handle_t *)prepare);
    bury_all(loop);
    if (loop->ending) /* libh2o runs the loop inside a callback, which swallows uv_stop */
        uv_stop(&loop->uv);
}

static void on_check(uv_check_t *check)
{
    bury_all(loop_of((uv_handle_t *)check));
}

void cc_loop_bury(struct cc_loop *loop, void *object, void (*free_it)(void *object))
{
    if (loop->burial_count == loop->burial_capacity) {
        size_t capacity = loop->burial_capacity ? loop->burial_capacity * 2 : HEAP_FIRST;
        struct burial *grown = realloc(loop->burials, capacity * sizeof(*grown));
        if (!grown)
            return; /* leaked: freeing it now could pull it from under its caller */
        loop->burials = grown;
        loop->burial_capacity = capacity;
    }
    loop->burials[loop->burial_count++] = (struct burial){object, free_it};
}

/* ---- life ---- */

static void on_anchor(uv_async_t *anchor)
{
    (void)anchor;
}

enum cc_error cc_loop_create(struct cc_loop **out)
{
    struct cc_loop *loop = calloc(1, sizeof(*loop));
    *out = NULL;
    if (!loop)
        return CC_NO_MEMORY;
    if (uv_loop_init(&loop->uv) != 0) {
        free(loop);
        return CC_IO;
    }
    loop->uv.data = loop;
    signal(SIGPIPE, SIG_IGN); /* hiredis writes without MSG_NOSIGNAL */
    /* Watchers run last started first: ours are the first, so they run after all others. */
    uv_prepare_init(&loop->uv, &loop->bury_before_poll);
    uv_prepare_start(&loop->bury_before_poll, on_prepare);
    uv_unref((uv_handle_t *)&loop->bury_before_poll);
    uv_check_init(&loop->uv, &loop->bury_after_poll);
    uv_check_start(&loop->bury_after_poll, on_check);
    uv_unref((uv_handle_t *)&loop->bury_after_poll);
    uv_timer_init(&loop->uv, &loop->timer);
    if (uv_async_init(&loop->uv, &loop->anchor, on_anchor) != 0) {
        cc_loop_free(loop);
        return CC_IO;
    }
    *out = loop;
    return CC_OK;
}

static void on_free_limit(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

static void close_handle(uv_handle_t *handle, void *context)
{
    (void)context;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

void cc_loop_free(struct cc_loop *loop)
{
    if (!loop)
        return;
    if (loop->anchor.loop)
        uv_close((uv_handle_t *)&loop->anchor, NULL);
    if (loop->on_stop) {
        uv_close((uv_handle_t *)&loop->terminate, NULL);
        uv_close((uv_handle_t *)&loop->interrupt, NULL);
    }
    uv_timer_t limit;
    uv_timer_init(&loop->uv, &limit);
    uv_timer_start(&limit, on_free_limit, FREE_LIMIT_MS, 0);
    uv_unref((uv_handle_t *)&limit);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    if (loop->work_count > 0) {
        /* Stuck in the kernel, on a disk most likely, and an orderly exit would join the pool. */
        CC_LOG(CC_LOG_WARNING, "stop_leaves_work",
               cc_log_number("pieces", (int64_t)loop->work_count));
        _exit(EXIT_SUCCESS);
    }
    uv_walk(&loop->uv, close_handle, NULL);
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    bury_all(loop);
    uv_run(&loop->uv, UV_RUN_NOWAIT);
    uv_loop_close(&loop->uv);
    free(loop->burials);
    free(loop->heap);
    free(loop);
}

uv_loop_t *cc_loop_uv(struct cc_loop *loop)
{
    return &loop->uv;
}

void cc_loop_run(struct cc_loop *loop)
{
    uv_run(&loop->uv, UV_RUN_DEFAULT);
    loop->ending = false;
}

void cc_loop_end(struct cc_loop *loop)
{
    loop->ending = true;
    uv_stop(&loop->uv);
}

/* ---- clocks ---- */

int64_t cc_loop_now_us(struct cc_loop *loop)
{
    return (int64_t)uv_now(&loop->uv) * 1000;
}

static int64_t clock_us(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t cc_monotonic_us(void)
{
    return clock_us(CLOCK_MONOTONIC);
}

int64_t cc_wall_clock_us(void)
{
    return clock_us(CLOCK_REALTIME);
}

/* ---- deadlines: a binary heap, the earliest at position 1 ---- */

static void heap_put(struct cc_loop *loop, struct cc_deadline *deadline, size_t position)
{
    loop->heap[position] = deadline;
    deadline->_position = position;
}

static void heap_rise(struct cc_loop *loop, struct cc_deadline *deadline, size_t position)
{
    while (position > 1 && loop->heap[position / 2]->_due_us > deadline->_due_us) {
        heap_put(loop, loop->heap[position / 2], position);
        position /= 2;
    }
    heap_put(loop, deadline, position);
}

static void heap_sink(struct cc_loop *loop, struct cc_deadline *deadline, size_t position)
{
    for (;;) {
        size_t child = position * 2;
        if (child > loop->heap_count)
            break;
        if (child < loop->heap_count && loop->heap[child + 1]->_due_us < loop->heap[child]->_due_us)
            child++;
        if (loop->heap[child]->_due_us >= deadline->_due_us)
            break;
        heap_put(loop, loop->heap[child], position);
        position = child;
    }
    heap_put(loop, deadline, position);
}

/* Up or down, as its due time asks. */
static void heap_place(struct cc_loop *loop, struct cc_deadline *deadline, size_t position)
{
    if (position > 1 && loop->heap[position / 2]->_due_us > deadline->_due_us)
        heap_rise(loop, deadline, position);
    else
        heap_sink(loop, deadline, position);
}

static void heap_remove(struct cc_loop *loop, struct cc_deadline *deadline)
{
    size_t position = deadline->_position;
    struct cc_deadline *last = loop->heap[loop->heap_count--];
    deadline->_position = 0;
    if (last != deadline)
        heap_place(loop, last, position);
}

static enum cc_error heap_reserve(struct cc_loop *loop)
{
    if (loop->heap_count + 1 < loop->heap_capacity)
        return CC_OK;
    size_t capacity = loop->heap_capacity ? loop->heap_capacity * 2 : HEAP_FIRST;
    struct cc_deadline **grown = realloc(loop->heap, capacity * sizeof(struct cc_deadline *));
    if (!grown)
        return CC_NO_MEMORY;
    loop->heap = grown;
    loop->heap_capacity = capacity;
    return CC_OK;
}

static void arm_timer(struct cc_loop *loop)
{
    if (loop->heap_count == 0) {
        uv_timer_stop(&loop->timer);
        return;
    }
    int64_t wait_us = loop->heap[1]->_due_us - cc_loop_now_us(loop);
    uint64_t wait_ms = wait_us <= 0 ? 0 : (uint64_t)(wait_us + 999) / 1000;
    uv_timer_start(&loop->timer, on_timer, wait_ms, 0);
}

/* What has come in during a stall is read before deadlines judge that it has not come. A time-out
 * of 0 would run the timer again before the poll. */
static bool is_put_off_by_stall(struct cc_loop *loop, int64_t now_us)
{
    bool late = loop->heap_count > 0 && now_us - loop->heap[1]->_due_us >= STALL_US;
    if (late && !loop->reads_first) {
        loop->stalled_us = now_us;
        loop->reads_first = true;
        uv_timer_start(&loop->timer, on_timer, 1, 0);
        return true;
    }
    loop->reads_first = false;
    return false;
}

bool cc_loop_stalled_after(const struct cc_loop *loop, int64_t since_us)
{
    return loop->stalled_us > since_us;
}

static void on_timer(uv_timer_t *timer)
{
    struct cc_loop *loop = loop_of((uv_handle_t *)timer);
    int64_t now_us = cc_loop_now_us(loop);
    if (is_put_off_by_stall(loop, now_us))
        return;
    /* Deadlines set by on_due for now or the past wait for the next round: none may starve the
     * loop. */
    size_t most = loop->heap_count;
    while (most-- > 0 && loop->heap_count > 0 && loop->heap[1]->_due_us <= now_us) {
        struct cc_deadline *deadline = loop->heap[1];
        heap_remove(loop, deadline);
        deadline->on_due(deadline);
    }
    arm_timer(loop);
}

void cc_deadline_init(struct cc_deadline *deadline, struct cc_loop *loop,
                      void (*on_due)(struct cc_deadline *deadline))
{
    *deadline = (struct cc_deadline){.on_due = on_due, ._loop = loop};
}

enum cc_error cc_deadline_set(struct cc_deadline *deadline, int64_t due_us)
{
    struct cc_loop *loop = deadline->_loop;
    int64_t now_us = cc_loop_now_us(loop);
    if (due_us < now_us)
        due_us = now_us; /* it is not late: nobody waited */
    if (deadline->_position == 0) {
        if (heap_reserve(loop) != CC_OK)
            return CC_NO_MEMORY;
        deadline->_due_us = due_us;
        heap_rise(loop, deadline, ++loop->heap_count);
    } else {
        deadline->_due_us = due_us;
        heap_place(loop, deadline, deadline->_position);
    }
    if (deadline->_position == 1)
        arm_timer(loop);
    return CC_OK;
}

void cc_deadline_clear(struct cc_deadline *deadline)
{
    if (deadline->_position == 0)
        return;
    heap_remove(deadline->_loop, deadline);
    if (deadline->_loop->heap_count == 0)
        uv_timer_stop(&deadline->_loop->timer);
}

bool cc_deadline_is_set(const struct cc_deadline *deadline)
{
    return deadline->_position != 0;
}

/* ---- stop ---- */

/* LeakSanitizer stops every thread at the very end of the process, and waits for ever for one whose
 * stop a SIGCONT has taken back. runit sends SIGCONT right after SIGTERM: where leaks are checked,
 * cc_loop_free waits for it. */
static bool is_followed_by_continue(int number)
{
    char path[64], name[16] = "";
    (void)snprintf(path, sizeof(path), "/proc/%d/comm", (int)getppid());
    FILE *file = LEAKS_ARE_CHECKED && number == SIGTERM ? fopen(path, "re") : NULL;
    bool read = file && fgets(name, sizeof(name), file);
    if (file)
        (void)fclose(file);
    return read && strcmp(name, "runsv\n") == 0;
}

static void on_proceed(uv_signal_t *handle, int number)
{
    (void)number;
    if (loop_of((uv_handle_t *)handle)->stopping)
        uv_unref((uv_handle_t *)handle);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct cc_loop *loop = loop_of((uv_handle_t *)handle);
    if (loop->stopping)
        _exit(1);
    loop->stopping = true;
    if (is_followed_by_continue(number))
        uv_ref((uv_handle_t *)&loop->proceed);
    loop->on_stop(loop->stop_context);
}

static void watch(struct cc_loop *loop, uv_signal_t *handle, uv_signal_cb on_arrival, int number)
{
    uv_signal_init(&loop->uv, handle);
    uv_signal_start(handle, on_arrival, number);
    uv_unref((uv_handle_t *)handle);
}

void cc_loop_on_stop(struct cc_loop *loop, void (*on_stop)(void *context), void *context)
{
    loop->on_stop = on_stop;
    loop->stop_context = context;
    watch(loop, &loop->terminate, on_signal, SIGTERM);
    watch(loop, &loop->interrupt, on_signal, SIGINT);
    if (LEAKS_ARE_CHECKED)
        watch(loop, &loop->proceed, on_proceed, SIGCONT);
}

/* ---- work ---- */

struct work {
    uv_work_t request;
    struct cc_loop *loop;
    void (*work)(void *context);
    void (*done)(void *context);
    void *context;
};

static void on_work(uv_work_t *request)
{
    struct work *work = request->data;
    work->work(work->context);
}

static void on_work_done(uv_work_t *request, int status)
{
    struct work *work = request->data;
    (void)status; /* never cancelled */
    work->loop->work_count--;
    work->done(work->context);
    free(work);
}

enum cc_error cc_loop_work(struct cc_loop *loop, void (*work)(void *context),
                           void (*done)(void *context), void *context)
{
    if (loop->work_count >= WORK_MAX)
        return CC_FULL;
    struct work *piece = calloc(1, sizeof(*piece));
    if (!piece)
        return CC_NO_MEMORY;
    *piece = (struct work){.loop = loop, .work = work, .done = done, .context = context};
    piece->request.data = piece;
    if (uv_queue_work(&loop->uv, &piece->request, on_work, on_work_done) != 0) {
        free(piece);
        return CC_IO;
    }
    loop->work_count++;
    return CC_OK;
}
