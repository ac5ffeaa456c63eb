/*
 * Redis over hiredis with our own loop adapter: one flush per tick, errors count as readable, every
 * command has a deadline, reconnect with backoff and jitter. One connection per cc_redis.
 */
#ifndef CC_IO_REDIS_H
#define CC_IO_REDIS_H

#include <hiredis/hiredis.h>

#include "base/io/loop.h"
#include "base/slice.h"

struct cc_redis; /* opaque */

struct cc_redis_options {
    const char *host; /* IPv4 */
    int64_t port;
    const char *user;     /* NULL: default user */
    const char *password; /* NULL: none */
    size_t pending_max;   /* commands under way, default 4,096; beyond it CC_FULL */
    const char *name;     /* for logs and CLIENT SETNAME */
};
/* Starts connecting; commands before it is up wait for their deadline. Copies the options. */
enum cc_error cc_redis_create(struct cc_loop *loop, const struct cc_redis_options *options,
                              struct cc_redis **out) CC_MUST_CHECK;
/* Callbacks under way get CC_CANCELLED before it returns (when called from one of them: right
 * after). */
void cc_redis_free(struct cc_redis *redis);
bool cc_redis_is_up(const struct cc_redis *redis);
/* Not up, and an attempt to connect has failed or the connection was lost. */
bool cc_redis_has_failed(const struct cc_redis *redis);

/* Exactly once, from the loop. error CC_OK: reply (may be a nil or an error reply: CC_PROTOCOL with
 * the reply given); CC_TIMEOUT, CC_UNAVAILABLE, CC_CANCELLED: reply NULL. reply is borrowed for the
 * call. */
typedef void (*cc_redis_done)(void *context, enum cc_error error, const redisReply *reply);

/* arguments are copied. While the connection is known to be down: CC_UNAVAILABLE at once (done is
 * not called), so that a caller goes on to its next source without waiting. */
enum cc_error cc_redis_command(struct cc_redis *redis, const struct cc_slice *arguments,
                               size_t count, int64_t deadline_us, cc_redis_done done,
                               void *context) CC_MUST_CHECK;

/* How often the connection was (re)made: a reader of streams sees that it may have missed
 * something. */
uint64_t cc_redis_generation(const struct cc_redis *redis);

#endif
