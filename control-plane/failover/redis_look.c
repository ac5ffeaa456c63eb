#include "control-plane/failover/redis_look.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <string.h>

#include "control-plane/files.h"
#include "control-plane/sites.h"

enum { ANSWER_S = 2 };

static bool timed_out(const redisContext *redis)
{
    return redis->err == REDIS_ERR_IO && (errno == EAGAIN || errno == ETIMEDOUT);
}

/* It judges a user before it says that it is busy: who has not said who they are hears nothing of
 * that. */
static bool answers(redisContext *redis, const char *password)
{
    redisReply *known = redisCommand(redis, "AUTH operator %s", password);
    redisReply *reply = known ? redisCommand(redis, "PING") : NULL;
    bool busy = reply && reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "BUSY", 4) == 0;
    bool hangs = busy || (!reply && timed_out(redis));
    freeReplyObject(known);
    freeReplyObject(reply);
    return !hangs;
}

bool cp_redis_hangs(struct cp_context *context, const char *cell, int cell_number, const char *site)
{
    const struct timeval patience = {.tv_sec = ANSWER_S};
    int port = cp_site_port(site, cp_port(context, cp_ports_redis(cell_number)));
    const char *password = "";
    const char *below = cp_format(context, "cells/%s/etc/redis-operator.password", cell);
    if (cp_file_secret(context, cp_site_path(context, site, below), &password))
        return false;
    redisContext *redis = redisConnectWithTimeout("127.0.0.1", port, patience);
    bool hangs = redis && redis->err && timed_out(redis);
    if (redis && !redis->err)
        hangs = redisSetTimeout(redis, patience) == REDIS_OK && !answers(redis, password);
    redisFree(redis);
    return hangs;
}
