/* Rim: I/O. */
#include "cell/worker.h"

#include <stdio.h>
#include <strings.h>

#include "base/log.h"
#include "cell/file.h"

enum { PATH_ROOM = 4096, BEARER_LENGTH = 7 };

/* Whether the header is "Bearer <token>"; the token is compared in constant time. */
static bool shows(const struct cc_http_request *request, const char *token)
{
    size_t count = 0;
    struct cc_slice shown = cc_http_header(request, "authorization", &count);
    if (count != 1 || shown.length < BEARER_LENGTH ||
        strncasecmp(shown.data, "bearer ", BEARER_LENGTH) != 0)
        return false;
    return cc_crypto_equal(cc_slice(shown.data + BEARER_LENGTH, shown.length - BEARER_LENGTH),
                           cc_slice_of(token));
}

static bool may(struct cc_slice identity, enum cell_token token)
{
    static const char *const roles[][2] = {
        [CELL_TOKEN_EDGE] = {"urn:callcell:edge:", "urn:callcell:operator"},
        [CELL_TOKEN_JOURNAL] = {"urn:callcell:edge:", ""},
        [CELL_TOKEN_CONTROL] = {"urn:callcell:control", "urn:callcell:operator"}};
    return cc_identity_is(identity, roles[token][0]) || cc_identity_is(identity, roles[token][1]);
}

bool cell_worker_admits(struct cc_http_request *request, enum cell_token token)
{
    struct cell_worker *worker = cell_worker_of(request);
    if (worker->tls && !may(request->identity, token)) {
        cell_worker_count(worker, CELL_T_ROLE, 1);
        cc_http_problem(request, 403, "role", "Not for this certificate", request->identity);
        return false;
    }
    if (shows(request, token == CELL_TOKEN_CONTROL ? worker->control_token : worker->edge_token))
        return true;
    cell_worker_count(worker, CELL_T_TOKEN, 1);
    cc_http_problem(request, 401, "unauthorized", "Wrong or missing token", cc_slice(NULL, 0));
    return false;
}

bool cell_worker_serves_country(struct cc_http_request *request, struct cc_slice country)
{
    if (cc_slice_is(country, cell_worker_of(request)->settings->country))
        return true;
    cc_http_problem(request, 404, "not-found", "Not this cell's country", cc_slice(NULL, 0));
    return false;
}

enum cc_error cell_worker_pool(struct cell_worker *worker, const char *name, const char *role,
                               const char *target, size_t connections,
                               const struct cc_pg_transaction *warm_up, struct cc_pg_pool **out)
{
    char path[PATH_ROOM];
    char *password = NULL;
    struct cc_buffer conninfo;
    *out = NULL;
    cc_buffer_init(&conninfo, 0);
    snprintf(path, sizeof(path), "%s/%s.password", worker->settings->postgres_password_directory,
             role);
    enum cc_error error = cell_secret_read(path, &password);
    if (error)
        CC_LOG(CC_LOG_ERROR, "secret_unreadable", cc_log_text("file", path),
               cc_log_error_field(error));
    cell_settings_conninfo(worker->settings, role, target, &conninfo);
    if (!error)
        error = conninfo.error;
    if (!error) {
        struct cc_pg_options options = {
            .name = name,
            .conninfo = conninfo.data,
            .password = password,
            .connections = connections,
            .guard = worker->lease ? cell_lease_watch_guard(worker->lease) : NULL,
            .scout = strcmp(target, "read-write") == 0 ? worker->scout : NULL,
            .warm_up = warm_up};
        error = cc_pg_pool_create(worker->loop, &options, out);
    }
    cell_secret_free(password);
    cc_buffer_deinit(&conninfo);
    return error;
}

enum cc_error cell_worker_redis(struct cell_worker *worker, const char *name, struct cc_redis **out)
{
    const struct cell_settings *settings = worker->settings;
    char *password = NULL;
    enum cc_error error = CC_OK;
    *out = NULL;
    if (settings->redis_password_file)
        error = cell_secret_read(settings->redis_password_file, &password);
    if (!error) {
        struct cc_redis_options options = {.host = settings->redis_host,
                                           .port = settings->redis_port,
                                           .user = settings->redis_user,
                                           .password = password,
                                           .name = name};
        error = cc_redis_create(worker->loop, &options, out);
    }
    cell_secret_free(password);
    if (error)
        CC_LOG(CC_LOG_ERROR, "redis_unusable", cc_log_text("name", name),
               cc_log_error_field(error));
    return error;
}
