/*
 * What a worker's services share. Rim: I/O. start.h puts a worker together.
 */
#ifndef CELL_WORKER_H
#define CELL_WORKER_H

#include "base/io/http_client.h"
#include "base/io/pg.h"
#include "base/io/publication_client.h"
#include "base/io/redis.h"
#include "base/io/spool.h"
#include "cell/country.h"
#include "cell/lease_watch.h"
#include "cell/readiness.h"
#include "cell/settings.h"
#include "cell/telemetry_list.h"
#include "cell/zone_files.h"

struct cell_calls;
struct cell_events;
struct cell_directory;
struct cell_changes;
struct cell_durability;

enum { CELL_GIVER_MAX = 96 };

struct cell_worker {
    struct cell_settings *settings; /* the caller's */
    char giver[CELL_GIVER_MAX];     /* "se-1/worker-1" */
    struct cc_loop *loop;
    struct cc_telemetry telemetry;
    struct cell_country country;
    char *edge_token;
    char *control_token;
    char *source_token; /* NULL: none */
    struct cell_zone_files *zones;
    struct cell_lease_watch *lease; /* NULL: writes are not fenced */
    struct cc_spool *spool;
    struct cc_redis *redis; /* commands of all services; the change stream has its own connection */
    struct cc_http_client *http;
    struct cc_publication_client *publications;
    struct cell_changes *changes;
    struct cell_calls *calls; /* NULL without the role */
    struct cell_durability *durability;
    const struct cc_pg_pool *scout;   /* durability's: finds the primary for the other pools */
    struct cell_events *events;       /* ships the spool in every role */
    struct cell_directory *directory; /* NULL without the role */
    struct cc_http_route *routes;
    struct cc_tls *tls; /* NULL: plain */
    struct cc_http_server *server;
    struct cell_readiness readiness;
    struct cc_http_server *telemetry_server; /* NULL: none */
    bool stopping;
};

static inline struct cell_worker *cell_worker_of(const struct cc_http_request *request)
{
    return request->server_context;
}

/* What a request is about, and so which token it must show and, with TLS, who may send it. */
enum cell_token {
    CELL_TOKEN_EDGE,    /* calls: edges and the operator, the edges' token */
    CELL_TOKEN_JOURNAL, /* edges, their token */
    CELL_TOKEN_CONTROL  /* the directory: the operator and the control plane, its token */
};
/* Whether the request shows the token (constant time), else it is answered 401, and comes from one
 * who may, else 403. Both are counted. */
bool cell_worker_admits(struct cc_http_request *request, enum cell_token token);

/* Whether the path's country is ours; else it is answered 404. */
bool cell_worker_serves_country(struct cc_http_request *request, struct cc_slice country);

/* A pool of a role's connections. target: "read-write", "standby". name: static. warm_up: see
 * cc_pg_options. */
enum cc_error cell_worker_pool(struct cell_worker *worker, const char *name, const char *role,
                               const char *target, size_t connections,
                               const struct cc_pg_transaction *warm_up,
                               struct cc_pg_pool **out) CC_MUST_CHECK;

/* A connection to the cell's Redis of one's own. */
enum cc_error cell_worker_redis(struct cell_worker *worker, const char *name,
                                struct cc_redis **out) CC_MUST_CHECK;

static inline void cell_worker_count(struct cell_worker *worker, enum cell_series series,
                                     int64_t amount)
{
    cc_telemetry_add(&worker->telemetry, (size_t)series, amount);
}

#endif
