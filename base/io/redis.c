/*
 * Redis over hiredis. Two layers:
 *
 *   link     one redisAsyncContext with its uv_poll: our loop adapter. hiredis may free the context
 *            from inside any of its calls; on_cleanup then cuts the link loose.
 *   cc_redis commands with deadlines, and the connection's states:
 *
 *     CONNECTING --handshake answered--> UP --lost, or a command's deadline passed--> DOWN
 *        | refused, time-out              ^                                            |
 *        +------------------------------> DOWN --back-off--> RECONNECTING -------------+
 *
 * A frozen Redis gives no sign, and a late reply would be taken for the next command's: one command
 * that times out ends the connection.
 */
#include "base/io/redis.h"

#include <hiredis/async.h>
#include <stdlib.h>

#include "base/crypto.h"
#include "base/log.h"

enum { PENDING_DEFAULT = 4096, ARGUMENTS_MAX = 1024, READS_AT_DEADLINE = 16 };
#define CONNECT_US INT64_C(1000000)
#define BACKOFF_FIRST_US INT64_C(20000)
#define BACKOFF_MAX_US INT64_C(1000000)

struct link {
    uv_poll_t poll;             /* first: freed in its close callback */
    uv_prepare_t flush;         /* one write per tick; runs while there is something to write */
    struct cc_redis *redis;     /* whose link may be another one already */
    redisAsyncContext *context; /* NULL: freed by hiredis */
    int events;                 /* what poll watches */
    int closing;                /* handles still to be closed */
    bool connected, flushing;
};

enum state { CONNECTING, RECONNECTING, UP, DOWN };

struct cc_redis {
    struct cc_loop *loop;
    char *host, *user, *password, *name;
    int port;
    size_t pending_max, pending;
    enum state state;
    struct link *link;
    struct cc_deadline timer; /* of connecting, or until the next attempt */
    int64_t backoff_us;
    uint64_t generation;
    struct command *waiting; /* before the first connection is up, newest first */
    struct command *awaited; /* see read_what_is_there */
    bool failure_logged, freed;
};

struct command {
    struct cc_redis *redis;
    struct command *next; /* waiting */
    char *bytes;          /* waiting */
    int length;
    bool sent;
    bool timed_out;
    struct cc_deadline deadline;
    cc_redis_done done;
    void *context;
};

static void connect_now(struct cc_redis *redis);
static void on_connected(const redisAsyncContext *context, int status);
static void on_handshake(redisAsyncContext *context, void *reply, void *data);
static void lost(struct cc_redis *redis, const char *reason);
static void on_timer(struct cc_deadline *deadline);
static void on_reply(redisAsyncContext *context, void *reply, void *data);
static void on_command_deadline(struct cc_deadline *deadline);

/* ---- the link: hiredis on uv_poll ---- */

static void on_link_closed(uv_handle_t *handle)
{
    struct link *link = handle->data;
    if (--link->closing == 0)
        free(link);
}

/* hiredis frees the context, because we said so or because the connection failed. */
static void on_cleanup(void *data)
{
    struct link *link = data;
    struct cc_redis *redis = link->redis;
    if (redis->link == link)
        lost(redis, link->context->errstr);
    link->context = NULL;
    link->closing = 2;
    uv_close((uv_handle_t *)&link->poll, on_link_closed);
    uv_close((uv_handle_t *)&link->flush, on_link_closed);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct link *link = poll->data;
    /* An error counts as readable and writable: hiredis then finds it in the socket. */
    if (status != 0) {
        link->events = 0; /* libuv has stopped */
        events = UV_READABLE | UV_WRITABLE;
    }
    if ((events & UV_WRITABLE) && link->context)
        redisAsyncHandleWrite(link->context);
    if ((events & UV_READABLE) && link->context)
        redisAsyncHandleRead(link->context);
}

static void watch(struct link *link, int events)
{
    if (link->events == events || link->closing)
        return;
    link->events = events;
    if (events)
        uv_poll_start(&link->poll, events, on_poll);
    else
        uv_poll_stop(&link->poll);
}

static void on_add_read(void *data)
{
    struct link *link = data;
    watch(link, link->events | UV_READABLE);
}

static void on_del_read(void *data)
{
    struct link *link = data;
    watch(link, link->events & ~UV_READABLE);
}

static void on_flush(uv_prepare_t *flush)
{
    struct link *link = flush->data;
    uv_prepare_stop(flush);
    link->flushing = true;
    if (link->context)
        redisAsyncHandleWrite(link->context);
    link->flushing = false;
}

/* While flushing it means that the kernel has not taken all: then the socket tells when to go on.
 */
static void on_add_write(void *data)
{
    struct link *link = data;
    if (!link->connected || link->flushing)
        watch(link, link->events | UV_WRITABLE);
    else if (!(link->events & UV_WRITABLE) && !link->closing)
        uv_prepare_start(&link->flush, on_flush);
}

static void on_del_write(void *data)
{
    struct link *link = data;
    watch(link, link->events & ~UV_WRITABLE);
}

static enum cc_error link_create(struct cc_redis *redis, redisAsyncContext *context)
{
    struct link *link = calloc(1, sizeof(*link));
    if (!link)
        return CC_NO_MEMORY;
    if (uv_poll_init_socket(cc_loop_uv(redis->loop), &link->poll, context->c.fd) != 0) {
        free(link);
        return CC_IO;
    }
    uv_prepare_init(cc_loop_uv(redis->loop), &link->flush);
    link->poll.data = link->flush.data = link;
    link->redis = redis;
    link->context = context;
    context->data = link;
    context->ev = (__typeof__(context->ev)){.data = link,
                                            .addRead = on_add_read,
                                            .delRead = on_del_read,
                                            .addWrite = on_add_write,
                                            .delWrite = on_del_write,
                                            .cleanup = on_cleanup};
    redis->link = link;
    return CC_OK;
}

/* ---- connecting ---- */

static char *copy_text(const char *text, enum cc_error *error)
{
    char *copy = text ? strdup(text) : NULL;
    if (text && !copy)
        *error = CC_NO_MEMORY;
    return copy;
}

static void free_redis(void *object)
{
    struct cc_redis *redis = object;
    free(redis->host);
    free(redis->user);
    free(redis->password);
    free(redis->name);
    free(redis);
}

enum cc_error cc_redis_create(struct cc_loop *loop, const struct cc_redis_options *options,
                              struct cc_redis **out)
{
    struct cc_redis *redis = calloc(1, sizeof(*redis));
    enum cc_error error = CC_OK;
    *out = NULL;
    if (!redis)
        return CC_NO_MEMORY;
    redis->loop = loop;
    redis->host = copy_text(options->host, &error);
    redis->user = copy_text(options->user, &error);
    redis->password = copy_text(options->password, &error);
    redis->name = copy_text(options->name ? options->name : "callcell", &error);
    redis->port = (int)options->port;
    redis->pending_max = options->pending_max ? options->pending_max : PENDING_DEFAULT;
    redis->backoff_us = BACKOFF_FIRST_US;
    cc_deadline_init(&redis->timer, loop, on_timer);
    if (error == CC_OK) /* on_timer connects, from the loop */
        error = cc_deadline_set(&redis->timer, 0);
    if (error != CC_OK) {
        free_redis(redis);
        return error;
    }
    redis->state = CONNECTING;
    *out = redis;
    return CC_OK;
}

static void send_handshake(struct cc_redis *redis, redisAsyncContext *context)
{
    if (redis->password && redis->user)
        redisAsyncCommand(context, on_handshake, NULL, "AUTH %s %s", redis->user, redis->password);
    else if (redis->password)
        redisAsyncCommand(context, on_handshake, NULL, "AUTH %s", redis->password);
    redisAsyncCommand(context, on_handshake, NULL, "CLIENT SETNAME %s", redis->name);
    redisAsyncCommand(context, on_handshake, redis, "PING");
}

static void schedule(struct cc_redis *redis, int64_t due_us)
{
    if (cc_deadline_set(&redis->timer, due_us) != CC_OK)
        CC_LOG(CC_LOG_ERROR, "redis_not_retried", cc_log_text("name", redis->name),
               cc_log_error_field(CC_NO_MEMORY));
}

/* Between half of the back-off and all of it, so that many clients do not come at once. */
static int64_t jittered(int64_t backoff_us)
{
    uint32_t random = 0;
    if (cc_random_bytes((uint8_t *)&random, sizeof(random)) != CC_OK)
        return backoff_us;
    return backoff_us / 2 + (int64_t)(random % (uint32_t)(backoff_us / 2 + 1));
}

static struct command *reverse(struct command *list)
{
    struct command *reversed = NULL;
    while (list) {
        struct command *next = list->next;
        list->next = reversed;
        reversed = list;
        list = next;
    }
    return reversed;
}

static void command_end(struct command *command, enum cc_error error, const redisReply *reply)
{
    command->redis->pending--;
    if (command->redis->awaited == command)
        command->redis->awaited = NULL;
    cc_deadline_clear(&command->deadline);
    command->done(command->context, error, reply);
    free(command->bytes);
    free(command);
}

static void end_waiting(struct cc_redis *redis, enum cc_error error)
{
    struct command *command = reverse(redis->waiting);
    redis->waiting = NULL;
    while (command) {
        struct command *next = command->next;
        command_end(command, error, NULL);
        command = next;
    }
}

/* The connection is useless: all that is under way on it ends with CC_UNAVAILABLE, and after the
 * back-off it is made again. */
static void go_down(struct cc_redis *redis, const char *reason)
{
    if (redis->state == DOWN || redis->freed)
        return;
    if (!redis->failure_logged)
        CC_LOG(CC_LOG_WARNING, "redis_down", cc_log_text("name", redis->name),
               cc_log_text("host", redis->host), cc_log_number("port", redis->port),
               cc_log_text("reason", reason));
    redis->failure_logged = true;
    redis->state = DOWN;
    struct link *link = redis->link;
    redis->link = NULL;
    schedule(redis, cc_loop_now_us(redis->loop) + jittered(redis->backoff_us));
    redis->backoff_us =
        redis->backoff_us * 2 < BACKOFF_MAX_US ? redis->backoff_us * 2 : BACKOFF_MAX_US;
    if (link && link->context)
        redisAsyncFree(link->context);
    end_waiting(redis, CC_UNAVAILABLE);
}

static void connect_now(struct cc_redis *redis)
{
    redisAsyncContext *context = redisAsyncConnect(redis->host, redis->port);
    if (!context || context->err || link_create(redis, context) != CC_OK) {
        if (context)
            redisAsyncFree(context);
        go_down(redis, "cannot start to connect");
        return;
    }
    schedule(redis, cc_loop_now_us(redis->loop) + CONNECT_US);
    redisAsyncSetConnectCallback(context, on_connected);
    send_handshake(redis, context);
}

static void on_timer(struct cc_deadline *deadline)
{
    struct cc_redis *redis = CC_CONTAINER_OF(deadline, struct cc_redis, timer);
    if (redis->link) {
        go_down(redis, "connecting took too long");
        return;
    }
    if (redis->state == DOWN)
        redis->state = RECONNECTING;
    connect_now(redis);
}

/* NULL: this connection is given up already. */
static struct cc_redis *redis_of(const redisAsyncContext *context)
{
    struct link *link = context->data;
    return link->redis->link == link ? link->redis : NULL;
}

static void on_connected(const redisAsyncContext *context, int status)
{
    struct link *link = context->data;
    link->connected = status == REDIS_OK; /* else hiredis frees the context: on_cleanup */
}

static void lost(struct cc_redis *redis, const char *reason)
{
    redis->link = NULL; /* hiredis is freeing it */
    go_down(redis, reason && *reason ? reason : "connection lost");
}

static void send_waiting(struct cc_redis *redis);

/* data: redis at the last command of the handshake. */
static void on_handshake(redisAsyncContext *context, void *reply, void *data)
{
    struct cc_redis *redis = redis_of(context);
    const redisReply *answer = reply;
    if (!redis || !answer || redis->state == UP)
        return; /* the connection is going */
    if (answer->type == REDIS_REPLY_ERROR) {
        go_down(redis, answer->str);
        return;
    }
    if (!data)
        return;
    cc_deadline_clear(&redis->timer);
    redis->state = UP;
    redis->generation++;
    redis->backoff_us = BACKOFF_FIRST_US;
    redis->failure_logged = false;
    CC_LOG(CC_LOG_INFO, "redis_up", cc_log_text("name", redis->name),
           cc_log_text("host", redis->host), cc_log_number("port", redis->port));
    send_waiting(redis);
}

/* ---- commands ---- */

static void send_command(struct command *command)
{
    command->sent = true;
    if (redisAsyncFormattedCommand(command->redis->link->context, on_reply, command, command->bytes,
                                   (size_t)command->length) == REDIS_OK) {
        free(command->bytes);
        command->bytes = NULL;
    } else {
        command_end(command, CC_UNAVAILABLE, NULL);
    }
}

static void send_waiting(struct cc_redis *redis)
{
    struct command *command = reverse(redis->waiting);
    redis->waiting = NULL;
    while (command) {
        struct command *next = command->next;
        send_command(command);
        command = next;
    }
}

static enum cc_error format(const struct cc_slice *arguments, size_t count, char **out,
                            int *out_length)
{
    const char *texts[ARGUMENTS_MAX];
    size_t lengths[ARGUMENTS_MAX];
    for (size_t i = 0; i < count; i++) {
        texts[i] = arguments[i].data ? arguments[i].data : "";
        lengths[i] = arguments[i].length;
    }
    long long length = redisFormatCommandArgv(out, (int)count, texts, lengths);
    if (length < 0)
        return CC_NO_MEMORY;
    *out_length = (int)length;
    return CC_OK;
}

enum cc_error cc_redis_command(struct cc_redis *redis, const struct cc_slice *arguments,
                               size_t count, int64_t deadline_us, cc_redis_done done, void *context)
{
    if (count == 0 || count > ARGUMENTS_MAX)
        return CC_INVALID;
    if (redis->freed || redis->state == DOWN || redis->state == RECONNECTING)
        return CC_UNAVAILABLE;
    if (redis->pending >= redis->pending_max)
        return CC_FULL;
    struct command *command = calloc(1, sizeof(*command));
    if (!command)
        return CC_NO_MEMORY;
    *command = (struct command){.redis = redis, .done = done, .context = context};
    cc_deadline_init(&command->deadline, redis->loop, on_command_deadline);
    enum cc_error error = format(arguments, count, &command->bytes, &command->length);
    if (error == CC_OK)
        error = cc_deadline_set(&command->deadline, deadline_us);
    if (error == CC_OK && redis->state == UP &&
        redisAsyncFormattedCommand(redis->link->context, on_reply, command, command->bytes,
                                   (size_t)command->length) != REDIS_OK)
        error = CC_UNAVAILABLE;
    if (error != CC_OK) {
        cc_deadline_clear(&command->deadline);
        free(command->bytes);
        free(command);
        return error;
    }
    redis->pending++;
    if (redis->state == UP) {
        command->sent = true;
        free(command->bytes);
        command->bytes = NULL;
    } else {
        command->next = redis->waiting;
        redis->waiting = command;
    }
    return CC_OK;
}

static void on_reply(redisAsyncContext *context, void *reply, void *data)
{
    struct command *command = data;
    const redisReply *answer = reply;
    /* Its callback may ask again: that must find us down. */
    if (!answer && redis_of(context))
        lost(redis_of(context), context->errstr);
    if (answer)
        command_end(command, answer->type == REDIS_REPLY_ERROR ? CC_PROTOCOL : CC_OK, answer);
    else if (command->redis->freed)
        command_end(command, CC_CANCELLED, NULL);
    else
        command_end(command, command->timed_out ? CC_TIMEOUT : CC_UNAVAILABLE, NULL);
}

static void end_waiting_one(struct command *command)
{
    struct command **at = &command->redis->waiting;
    while (*at != command)
        at = &(*at)->next;
    *at = command->next;
    command_end(command, CC_TIMEOUT, NULL);
}

/* The reply may lie in the socket: a loop that was held up must not take that for Redis being slow.
 */
static bool read_what_is_there(struct command *command)
{
    struct cc_redis *redis = command->redis;
    struct link *link = redis->link;
    redis->awaited = command;
    for (int i = 0; i < READS_AT_DEADLINE && redis->awaited && redis->link == link; i++)
        redisAsyncHandleRead(link->context);
    bool ended = redis->awaited != command;
    redis->awaited = NULL;
    return ended;
}

static void on_command_deadline(struct cc_deadline *deadline)
{
    struct command *command = CC_CONTAINER_OF(deadline, struct command, deadline);
    struct cc_redis *redis = command->redis;
    if (!command->sent) {
        end_waiting_one(command);
        return;
    }
    if (read_what_is_there(command))
        return;
    command->timed_out = true;
    go_down(redis, "no reply before the deadline");
}

/* ---- the rest ---- */

void cc_redis_free(struct cc_redis *redis)
{
    if (!redis || redis->freed)
        return;
    redis->freed = true;
    cc_deadline_clear(&redis->timer);
    struct link *link = redis->link;
    redis->link = NULL;
    end_waiting(redis, CC_CANCELLED);
    if (link && link->context)
        redisAsyncFree(link->context);
    cc_loop_bury(redis->loop, redis, free_redis);
}

bool cc_redis_has_failed(const struct cc_redis *redis)
{
    return redis->state == RECONNECTING || redis->state == DOWN;
}

bool cc_redis_is_up(const struct cc_redis *redis)
{
    return redis->state == UP;
}

uint64_t cc_redis_generation(const struct cc_redis *redis)
{
    return redis->generation;
}
