/*
 * Polls, reports, sources and the client's life. Three things are in flight beside each other, each
 * at most once:
 *
 *   poll     on_poll_due -> on_polled: the sources' index goes into the ledger -> on_poll_due ...
 *   arrival  publication_arrival.c
 *   report   on_report_due -> on_reported ...
 *
 * A source that fails backs off and the next one is asked from the index's beginning: the other one
 * may be younger, or restored. What is newer is decided by epochs alone.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/io/folder.h"
#include "base/io/publication_private.h"
#include "base/io/publication_store.h"
#include "base/log.h"
#include "base/timestamp.h"

enum {
    POLL_WAIT_S = 20,
    POLL_SPARE_MS = 5000,
    POLL_PAUSE_NEWS_MS = 50, /* from one poll's start to the next one's */
    POLL_PAUSE_MS = 1000,
    FULL_LIST_MS = 60000,
    REPORT_MS = 5000,
    REPORT_INTERVAL_MS = 5000,
    SOURCE_BACKOFF_MS = 100,
    SOURCE_BACKOFF_MOST_MS = 5000,
    INDEX_MAX_BYTES = 1024 * 1024,
    ARENA_BYTES = 64 * 1024,
    REPORTER_MAX = 128
};

static void on_poll_due(struct cc_deadline *deadline);
static void on_polled(void *context, enum cc_error error, const struct cc_http_response *response);
static void on_report_due(struct cc_deadline *deadline);
static void on_reported(void *context, enum cc_error error,
                        const struct cc_http_response *response);

void publication_set_due(struct cc_deadline *deadline, int64_t due_us)
{
    enum cc_error error = cc_deadline_set(deadline, due_us);
    if (error)
        CC_LOG(CC_LOG_ERROR, "publication_deadline_not_set", cc_log_error_field(error));
}

int64_t publication_backoff_us(unsigned failures, int64_t first_ms, int64_t most_ms)
{
    uint16_t random = 0;
    unsigned doublings = failures > 16 ? 16 : failures > 0 ? failures - 1 : 0;
    int64_t delay_us = (first_ms << doublings) * 1000;
    if (delay_us > most_ms * 1000)
        delay_us = most_ms * 1000;
    if (cc_random_bytes((uint8_t *)&random, sizeof(random)) != CC_OK)
        return delay_us;
    return delay_us - delay_us / 2 * random / UINT16_MAX;
}

void publication_report_soon(struct cc_publication_client *client)
{
    if (client->report)
        client->report_again = true;
    else
        publication_set_due(&client->report_due, cc_loop_now_us(client->loop));
}

void publication_refuse(struct cc_publication_client *client, struct publication_item *item,
                        const struct publication_refusal *refusal)
{
    if (client->freed || !publication_item_refuse(item, refusal))
        return;
    publication_log_refusal(item, refusal);
    publication_report_soon(client);
    if (client->options.on_refused)
        client->options.on_refused(client->options.context, item->kind, refusal->error);
}

enum cc_error publication_start_exchange(struct cc_publication_client *client, const char *method,
                                         const char *path, struct cc_slice body, int64_t within_ms,
                                         cc_http_done done, struct cc_http_handle **handle)
{
    const struct cc_http_header headers[] = {
        {CC_SLICE_LITERAL("authorization"), cc_slice_of(client->authorization)},
        {CC_SLICE_LITERAL("content-type"), CC_SLICE_LITERAL("application/json")}};
    struct cc_http_exchange exchange = {
        .address = cc_slice_of(client->sources[client->source].address),
        .method = cc_slice_of(method),
        .path = cc_slice_of(path),
        .headers = headers,
        .header_count = body.length > 0 ? 2 : 1,
        .body = body,
        .deadline_us = cc_loop_now_us(client->loop) + within_ms * 1000,
        /* A repeated report is the same report. A poll's broken connection is news: the source may
         * have been restored since, to the same version. */
        .retry_stale_connection = done != on_polled,
        .done = done,
        .context = client};
    return cc_http_exchange_start(client->http, &exchange, handle);
}

/* ---- sources ---- */

void publication_source_failed(struct cc_publication_client *client, enum cc_error error,
                               int status)
{
    struct source *source = &client->sources[client->source];
    int64_t now_us = cc_loop_now_us(client->loop);
    if (source->failures++ == 0)
        CC_LOG(CC_LOG_WARNING, "publication_source_failed", cc_log_text("source", source->address),
               cc_log_error_field(error), cc_log_number("status", status));
    source->not_before_us = now_us + publication_backoff_us(source->failures, SOURCE_BACKOFF_MS,
                                                            SOURCE_BACKOFF_MOST_MS);
    client->source = (client->source + 1) % client->options.source_count;
    client->index_version = 0;
    if (client->poll)
        cc_http_exchange_cancel(client->poll);
    client->poll = NULL;
    publication_set_due(&client->poll_due, now_us);
}

void publication_source_is_good(struct cc_publication_client *client)
{
    struct source *source = &client->sources[client->source];
    if (source->failures > 0)
        CC_LOG(CC_LOG_INFO, "publication_source_back", cc_log_text("source", source->address));
    source->failures = 0;
}

/* The first, from the one in use on, that may be asked; else when the first of them may. */
static int64_t choose_source(struct cc_publication_client *client)
{
    size_t first = client->source;
    int64_t earliest_us = INT64_MAX;
    for (size_t i = 0; i < client->options.source_count; i++) {
        size_t candidate = (first + i) % client->options.source_count;
        int64_t at_us = client->sources[candidate].not_before_us;
        if (at_us >= earliest_us)
            continue;
        client->source = candidate;
        earliest_us = at_us;
        if (at_us <= cc_loop_now_us(client->loop))
            break;
    }
    return earliest_us;
}

/* ---- polls ---- */

/* Now and then from the beginning: versions alone do not tell a restored source from the same one.
 */
static int64_t version_to_ask(const struct cc_publication_client *client, int64_t now_us)
{
    bool is_due = now_us - client->listed_us >= FULL_LIST_MS * (int64_t)1000;
    return is_due ? 0 : client->index_version;
}

static void on_poll_due(struct cc_deadline *deadline)
{
    struct cc_publication_client *client =
        CC_CONTAINER_OF(deadline, struct cc_publication_client, poll_due);
    char path[PATH_TEXT_MAX];
    const char *country = client->options.country;
    int64_t now_us = cc_loop_now_us(client->loop);
    int64_t may_us = choose_source(client);
    if (may_us > now_us) {
        publication_set_due(&client->poll_due, may_us);
        return;
    }
    int64_t after = version_to_ask(client, now_us);
    if (after == 0)
        client->listed_us = now_us;
    (void)snprintf(path, sizeof(path), "/v1/publications?after=%lld&wait_s=%d%s%s&reporter=%s",
                   (long long)after, POLL_WAIT_S, country ? "&country=" : "",
                   country ? country : "", client->options.reporter);
    client->poll_started_us = now_us;
    enum cc_error error =
        publication_start_exchange(client, "GET", path, cc_slice(NULL, 0),
                                   POLL_WAIT_S * 1000 + POLL_SPARE_MS, on_polled, &client->poll);
    if (error)
        publication_source_failed(client, error, 0);
}

/* An epoch below the one held, or another content under it, is refused as soon as it is listed. */
static void refuse_listed(struct cc_publication_client *client, struct publication_item *item)
{
    struct publication_refusal refusal = {.mark = item->listed};
    if (item->held.epoch == 0 || item->listed.epoch > item->held.epoch ||
        strcmp(item->listed.sha256, item->held.sha256) == 0)
        return;
    refusal.error = item->listed.epoch < item->held.epoch ? CC_STALE : CC_CONFLICT;
    (void)snprintf(refusal.reason.text, sizeof(refusal.reason.text),
                   "listed by the source; epoch %lld with sha256 %.16s is held",
                   (long long)item->held.epoch, item->held.sha256);
    publication_refuse(client, item, &refusal);
}

static enum cc_error read_entry(struct cc_publication_client *client, const json_t *entry)
{
    struct cc_slice country;
    struct cc_slice kind_name;
    struct cc_slice sha256;
    enum cc_publication_kind kind;
    int64_t epoch = 0;
    if (cc_json_string_at(entry, "country", CC_COUNTRY_LENGTH, &country, NULL) ||
        cc_json_string_at(entry, "kind", CC_SHA256_TEXT, &kind_name, NULL) ||
        cc_json_string_at(entry, "sha256", CC_SHA256_TEXT, &sha256, NULL) ||
        cc_json_integer_at(entry, "epoch", 1, INT64_MAX, &epoch, NULL) ||
        !cc_name_is_country(country) || sha256.length != CC_SHA256_TEXT)
        return CC_PROTOCOL;
    /* A kind of a later version is none of ours. */
    if (!cc_publication_kind_parse(kind_name, &kind) || !client->kinds[kind] ||
        (client->options.country && !cc_slice_is(country, client->options.country)))
        return CC_OK;
    struct publication_item *item = publication_ledger_item(&client->ledger, country, kind);
    if (!item)
        return CC_NO_MEMORY;
    item->listed.epoch = epoch;
    memcpy(item->listed.sha256, sha256.data, CC_SHA256_TEXT);
    refuse_listed(client, item);
    return CC_OK;
}

/* *news: the index is another one than before, and all put-off items may be asked for again. */
static enum cc_error read_index(struct cc_publication_client *client, struct cc_slice body,
                                bool *news)
{
    json_t *index = NULL;
    int64_t version = 0;
    if (cc_json_parse(body, INDEX_MAX_BYTES, &index, NULL))
        return CC_PROTOCOL;
    const json_t *list = json_object_get(index, "publications");
    enum cc_error error = cc_json_integer_at(index, "version", 0, INT64_MAX, &version, NULL);
    if (error || !json_is_array(list))
        error = CC_PROTOCOL;
    for (size_t i = 0; i < json_array_size(list) && !error && !client->freed; i++)
        error = read_entry(client, json_array_get(list, i));
    json_decref(index);
    if (error)
        return error;
    *news = version != client->index_version;
    client->index_version = version;
    for (struct publication_item *item = client->ledger.first; item && *news; item = item->next)
        item->retry_at_us = 0;
    return CC_OK;
}

static bool anything_is_wanted(const struct cc_publication_client *client)
{
    for (const struct publication_item *item = client->ledger.first; item; item = item->next) {
        if (publication_item_is_wanted(item))
            return true;
    }
    return false;
}

static void on_polled(void *context, enum cc_error error, const struct cc_http_response *response)
{
    struct cc_publication_client *client = context;
    bool news = false;
    client->poll = NULL;
    if (!error && response->status != 200)
        error = CC_PROTOCOL;
    if (!error)
        error = read_index(client, response->body, &news);
    if (client->freed)
        return;
    if (error) {
        publication_source_failed(client, error, response ? response->status : 0);
        return;
    }
    client->last_contact_us = cc_loop_now_us(client->loop);
    if (!anything_is_wanted(client))
        publication_source_is_good(client);
    if (client->report_failing)
        publication_report_soon(client);
    /* Answers that come at once, for ever, must not become a busy loop. */
    publication_set_due(&client->poll_due,
                        client->poll_started_us +
                            (news ? POLL_PAUSE_NEWS_MS : POLL_PAUSE_MS) * (int64_t)1000);
    publication_fetch_next(client);
}

/* ---- reports ---- */

static void report_failed(struct cc_publication_client *client, enum cc_error error, int status)
{
    if (!client->report_failing)
        CC_LOG(CC_LOG_WARNING, "publication_report_failed", cc_log_error_field(error),
               cc_log_number("status", status));
    client->report_failing = true;
}

static void on_report_due(struct cc_deadline *deadline)
{
    struct cc_publication_client *client =
        CC_CONTAINER_OF(deadline, struct cc_publication_client, report_due);
    struct cc_buffer body;
    cc_buffer_init(&body, INDEX_MAX_BYTES);
    publication_ledger_report(&client->ledger, client->options.reporter, &body);
    client->report_started_us = cc_monotonic_us();
    enum cc_error error = body.error;
    if (!error)
        error = publication_start_exchange(client, "POST", "/v1/reports", cc_buffer_slice(&body),
                                           REPORT_MS, on_reported, &client->report);
    cc_buffer_deinit(&body);
    if (error) {
        report_failed(client, error, 0);
        publication_set_due(&client->report_due, cc_loop_now_us(client->loop) +
                                                     client->options.report_interval_ms * 1000);
    }
}

/* A report is answered at once, unlike a poll. A source that does not tell its time says nothing.
 */
static void compare_clocks(struct cc_publication_client *client,
                           const struct cc_http_response *response)
{
    struct cc_clock_reading reading = {.asked_us = client->report_started_us,
                                       .heard_us = cc_monotonic_us(),
                                       .ours_us = cc_wall_clock_us()};
    if (cc_timestamp_parse(cc_http_response_header(response, "callcell-time"),
                           &reading.theirs_us) == CC_OK)
        (void)cc_clock_skew_enter(&client->skew, &reading);
}

static void on_reported(void *context, enum cc_error error, const struct cc_http_response *response)
{
    struct cc_publication_client *client = context;
    int status = response ? response->status : 0;
    int64_t pause_ms = client->report_again ? 0 : client->options.report_interval_ms;
    client->report = NULL;
    client->report_again = false;
    if (error || status < 200 || status > 299) {
        report_failed(client, error, status);
        pause_ms = client->options.report_interval_ms;
    } else {
        client->report_failing = false;
        compare_clocks(client, response);
    }
    publication_set_due(&client->report_due, cc_loop_now_us(client->loop) + pause_ms * 1000);
}

/* ---- life ---- */

void publication_destroy(void *object)
{
    struct cc_publication_client *client = object;
    publication_ledger_deinit(&client->ledger);
    cc_public_keys_deinit(&client->keys);
    if (client->authorization)
        explicit_bzero(client->authorization, strlen(client->authorization));
    cc_arena_reset(&client->arena);
    free(client);
}

/* What goes into the query of every poll as it stands. */
static bool is_reporter(const char *text)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/";
    size_t length = text ? strlen(text) : 0;
    return length > 0 && length <= REPORTER_MAX && strspn(text, plain) == length;
}

static const char *keep(struct cc_publication_client *client, const char *text)
{
    return cc_arena_copy(&client->arena, cc_slice_of(text));
}

static enum cc_error keep_options(struct cc_publication_client *client,
                                  const struct cc_publication_client_options *options)
{
    struct cc_publication_client_options *kept = &client->options;
    *kept = *options;
    memcpy(client->kinds, options->kinds, sizeof(client->kinds));
    kept->kinds = client->kinds;
    kept->token = NULL;
    if (kept->report_interval_ms <= 0)
        kept->report_interval_ms = REPORT_INTERVAL_MS;
    kept->directory = keep(client, options->directory);
    kept->reporter = keep(client, options->reporter);
    kept->country = options->country ? keep(client, options->country) : NULL;
    struct cc_slice authorization =
        cc_arena_printf(&client->arena, "Bearer %s", options->token ? options->token : "");
    client->authorization = (char *)(uintptr_t)authorization.data;
    client->sources =
        cc_arena_alloc(&client->arena, (options->source_count + 1) * sizeof(*client->sources));
    if (!kept->directory || !kept->reporter || (options->country && !kept->country) ||
        !client->authorization || !client->sources)
        return CC_NO_MEMORY;
    for (size_t i = 0; i < options->source_count; i++) {
        client->sources[i].address = keep(client, options->sources[i]);
        if (!client->sources[i].address)
            return CC_NO_MEMORY;
    }
    return CC_OK;
}

static enum cc_error boot(struct cc_publication_client *client)
{
    enum cc_error error = cc_public_keys_read(client->options.public_key_file, &client->keys);
    if (error) {
        CC_LOG(CC_LOG_ERROR, "publication_key_unusable",
               cc_log_text("file", client->options.public_key_file), cc_log_error_field(error));
        return error;
    }
    error = cc_folder_make(client->options.directory);
    if (error) {
        CC_LOG(CC_LOG_ERROR, "publication_folder_unusable",
               cc_log_text("folder", client->options.directory), cc_log_error_field(error));
        return error;
    }
    return publication_boot(&client->options, &client->keys, &client->ledger);
}

static enum cc_error start(struct cc_publication_client *client)
{
    int64_t now_us = cc_loop_now_us(client->loop);
    if (client->options.source_count == 0)
        return CC_OK;
    enum cc_error error = cc_deadline_set(&client->poll_due, now_us);
    if (!error)
        error = cc_deadline_set(&client->report_due, now_us);
    return error;
}

enum cc_error cc_publication_client_create(struct cc_loop *loop, struct cc_http_client *http,
                                           const struct cc_publication_client_options *options,
                                           struct cc_publication_client **out)
{
    *out = NULL;
    if (!is_reporter(options->reporter) ||
        (options->country && !cc_name_is_country(cc_slice_of(options->country)))) {
        CC_LOG(CC_LOG_ERROR, "publication_options_invalid",
               cc_log_text("reporter", options->reporter),
               cc_log_text("country", options->country));
        return CC_INVALID;
    }
    struct cc_publication_client *client = calloc(1, sizeof(*client));
    if (!client)
        return CC_NO_MEMORY;
    client->loop = loop;
    client->http = http;
    cc_arena_init(&client->arena, ARENA_BYTES);
    cc_deadline_init(&client->poll_due, loop, on_poll_due);
    cc_deadline_init(&client->fetch_due, loop, publication_on_fetch_due);
    cc_deadline_init(&client->report_due, loop, on_report_due);
    enum cc_error error = keep_options(client, options);
    if (!error)
        error = boot(client);
    if (!error)
        error = start(client);
    if (error) {
        cc_deadline_clear(&client->poll_due);
        publication_destroy(client);
        return error;
    }
    *out = client;
    return CC_OK;
}

static void cancel(struct cc_http_handle **handle)
{
    if (*handle)
        cc_http_exchange_cancel(*handle);
    *handle = NULL;
}

void cc_publication_client_free(struct cc_publication_client *client)
{
    if (!client || client->freed)
        return;
    client->freed = true;
    cc_deadline_clear(&client->poll_due);
    cc_deadline_clear(&client->fetch_due);
    cc_deadline_clear(&client->report_due);
    cancel(&client->poll);
    cancel(&client->fetch);
    cancel(&client->report);
    if (!client->arrival)
        cc_loop_bury(client->loop, client, publication_destroy);
}

int64_t cc_publication_client_last_contact_us(const struct cc_publication_client *client)
{
    return client->last_contact_us;
}

bool cc_publication_client_clock_skew(const struct cc_publication_client *client, int64_t *ahead_us)
{
    return cc_clock_skew_at(&client->skew, cc_monotonic_us(), ahead_us);
}
