/* Rim: the publication client. */
#include "edge/map_source.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/io/publication_client.h"
#include "base/log.h"
#include "edge/telemetry_list.h"

enum { TOKEN_MAX = 512, REPORT_INTERVAL_MS = 5000, FILE_MAX = 128 * 1024 * 1024 };

struct edge_map_source {
    struct edge_map_source_options options;
    struct cc_publication_client *client;
    struct cc_http_client *http; /* apart from the calls': a number directory is large */
    bool kinds[CC_PUBLICATION_KINDS];
    char token[TOKEN_MAX];
};

static enum cc_error take(void *context, const struct cc_publication *publication,
                          struct cc_json_reason *reason);
static void on_refused(void *context, enum cc_publication_kind kind, enum cc_error error);

/* At start only: blocking. The token is the file without the white space around it. */
static enum cc_error read_token(const char *path, char token[TOKEN_MAX])
{
    if (!path)
        return CC_OK;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = file < 0 ? -1 : read(file, token, TOKEN_MAX - 1);
    if (file >= 0)
        (void)close(file);
    if (length <= 0) {
        CC_LOG(CC_LOG_ERROR, "source_credentials_unreadable", cc_log_text("file", path));
        return CC_IO;
    }
    token[length] = '\0';
    token[strcspn(token, " \t\r\n")] = '\0';
    return CC_OK;
}

enum cc_error edge_map_source_create(struct cc_loop *loop,
                                     const struct edge_map_source_options *options,
                                     struct edge_map_source **out)
{
    const struct edge_settings *settings = options->settings;
    struct edge_map_source *source = calloc(1, sizeof(*source));
    if (!source)
        return CC_NO_MEMORY;
    source->options = *options;
    source->kinds[CC_PUBLICATION_MAP] = true;
    source->kinds[CC_PUBLICATION_NUMBERS] = true;
    source->kinds[CC_PUBLICATION_CARRIERS] = true;
    enum cc_error error = read_token(settings->source_token_file, source->token);
    if (error == CC_OK)
        error = cc_http_client_create(
            loop,
            &(struct cc_http_client_options){
                .response_max = FILE_MAX, .tls = options->tls, .peer = "urn:callcell:control"},
            &source->http);
    if (error == CC_OK)
        error = cc_publication_client_create(
            loop, source->http,
            &(struct cc_publication_client_options){
                .directory = settings->publications_directory,
                .reporter = settings->id,
                .kinds = source->kinds,
                .sources = (const char *const *)settings->sources.items,
                .source_count = settings->sources.count,
                .token = source->token,
                .public_key_file = settings->public_key_file,
                .report_interval_ms = REPORT_INTERVAL_MS,
                .take = take,
                .on_refused = on_refused,
                .context = source,
            },
            &source->client);
    if (error != CC_OK) {
        edge_map_source_free(source);
        return error;
    }
    *out = source;
    return CC_OK;
}

void edge_map_source_free(struct edge_map_source *source)
{
    if (!source)
        return;
    cc_publication_client_free(source->client);
    if (source->http)
        cc_http_client_free(source->http);
    free(source);
}

int64_t edge_map_source_contact_age_ms(const struct edge_map_source *source)
{
    int64_t contact_us = cc_publication_client_last_contact_us(source->client);
    return contact_us == 0 ? -1 : (cc_monotonic_us() - contact_us) / 1000;
}

bool edge_map_source_clock_skew(const struct edge_map_source *source, int64_t *ahead_us)
{
    return cc_publication_client_clock_skew(source->client, ahead_us);
}

/* A cell whose workers come from a discovery file keeps them. */
static void enter_cells(struct edge_upstreams *upstreams, const struct cc_route_map *map)
{
    size_t count = 0;
    const struct cc_map_cell *cells = cc_route_map_cells(map, &count);
    for (size_t i = 0; i < count; i++) {
        struct edge_cell *cell = edge_upstreams_cell(upstreams, cells[i].id, true);
        if (!cell)
            CC_LOG(CC_LOG_ERROR, "cell_not_entered", cc_log_slice("cell", cells[i].id));
        else if (!cell->discovered)
            (void)edge_cell_set_from_map(cell, &cells[i]);
    }
}

static enum cc_error parse_map(const struct edge_snapshot *current,
                               const struct cc_publication *publication, void **thing,
                               struct cc_json_reason *reason)
{
    struct cc_route_map *map = NULL;
    enum cc_error error = cc_route_map_parse(publication, &map, reason);
    if (error == CC_OK)
        error = cc_route_map_follows(current ? current->map : NULL, map);
    if (error != CC_OK)
        cc_route_map_free(map);
    else
        *thing = map;
    return error;
}

static enum cc_error parse_other(const struct edge_snapshot *current,
                                 const struct cc_publication *publication, void **thing,
                                 struct cc_json_reason *reason)
{
    const struct cc_publication *held = current ? &current->held[publication->kind] : NULL;
    enum cc_error error =
        cc_publication_follows(held && held->epoch > 0 ? held : NULL, publication);
    if (error != CC_OK)
        return error;
    if (publication->kind == CC_PUBLICATION_NUMBERS) {
        struct cc_number_directory *numbers = NULL;
        error = cc_number_directory_parse(publication, &numbers, reason);
        *thing = numbers;
    } else {
        struct cc_carrier_keyring *carriers = NULL;
        error = cc_carrier_keyring_parse(publication, &carriers, reason);
        *thing = carriers;
    }
    return error;
}

static enum cc_error take(void *context, const struct cc_publication *publication,
                          struct cc_json_reason *reason)
{
    struct edge_map_source *source = context;
    struct edge_countries *countries = source->options.countries;
    void *thing = NULL;
    struct edge_snapshot *current =
        edge_countries_find(countries, cc_slice_of(publication->country));
    bool is_map = publication->kind == CC_PUBLICATION_MAP;
    enum cc_error error = is_map ? parse_map(current, publication, &thing, reason)
                                 : parse_other(current, publication, &thing, reason);
    if (error == CC_OK)
        error = edge_countries_put(countries, publication, thing);
    if (error != CC_OK)
        return error;
    if (is_map)
        enter_cells(source->options.upstreams, thing);
    cc_telemetry_set(source->options.telemetry, EDGE_COUNTRIES,
                     (int64_t)edge_countries_ready(countries));
    CC_LOG(CC_LOG_INFO, "publication_taken", cc_log_text("country", publication->country),
           cc_log_text("kind", cc_publication_kind_name(publication->kind)),
           cc_log_number("epoch", publication->epoch));
    return CC_OK;
}

static void on_refused(void *context, enum cc_publication_kind kind, enum cc_error error)
{
    struct edge_map_source *source = context;
    (void)error; /* logged by the client */
    size_t series = kind == CC_PUBLICATION_MAP       ? EDGE_MAP_REFUSED
                    : kind == CC_PUBLICATION_NUMBERS ? EDGE_NUMBERS_REFUSED
                                                     : EDGE_CARRIERS_REFUSED;
    cc_telemetry_add(source->options.telemetry, series, 1);
}
