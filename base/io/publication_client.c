/*
 *   create ─ boot from disk
 *   poll_source ─▶ on_index ─▶ fetch_next ─▶ on_fetched ─ verify ─ take ─ store ─┐
 *        ▲                          ▲───────────────── something newer ──────────┘
 *        └──────── nothing newer ───┘          beside it: report ─▶ on_reported, at an interval
 *
 * One exchange for publications and one for reports at a time, each with a deadline.
 */
#include "base/io/publication_client.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/io/publication_store.h"
#include "base/log.h"
#include "base/timestamp.h"

enum {
    KEYS_MAX = 2,
    ITEMS_MAX = 1200, /* 300 countries, each of the kinds */
    SOURCES_MAX = 8,
    WAIT_S = 20,
    INDEX_MAX = 1024 * 1024,
    BACKOFF_FIRST_MS = 100,
    BACKOFF_MOST_MS = 5000,
    REFUSED_AGAIN_MS = 30000,
    POLL_GAP_MS = 50, /* at the least, between polls: a source that never waits must not spin us */
    REPORT_DEFAULT_MS = 5000,
    KEY_FILE_MAX = 16 * 1024
};
#define POLL_DEADLINE_US ((WAIT_S + 10) * CC_SECOND_US)
#define FETCH_DEADLINE_US (60 * CC_SECOND_US)
#define REPORT_DEADLINE_US (5 * CC_SECOND_US)

/* What is held and what was last refused of one kind of one country. */
struct item {
    enum cc_publication_kind kind;
    char country[CC_COUNTRY_LENGTH + 1];
    bool held;
    struct cc_publication publication; /* payload empty */
    int64_t offered_epoch;             /* by the last index; 0: not in it */
    char offered_sha256[CC_SHA256_TEXT + 1];
    bool refused;
    int64_t refused_epoch;
    char refused_sha256[CC_SHA256_TEXT + 1];
    enum cc_error refused_error;
    struct cc_json_reason refused_reason;
    int64_t refused_until_us; /* not asked for again before, unless the index changes */
};

struct cc_publication_client {
    struct cc_loop *loop;
    struct cc_http_client *http;
    struct cc_publication_client_options options;
    char *directory, *reporter, *authorization;
    char *sources[SOURCES_MAX];
    size_t source; /* in use */
    bool kinds[CC_PUBLICATION_KINDS];
    struct cc_ed25519 *keys[KEYS_MAX];
    size_t key_count;
    struct item *items;
    size_t item_count;
    int64_t index_version; /* of the source in use; 0: none seen yet */
    int64_t backoff_ms;
    int64_t last_contact_us;
    struct item *fetching;
    struct cc_http_handle *poll, *report; /* under way, or NULL */
    struct cc_deadline poll_due, report_due;
};

static void boot_country(void *context, const char *country);
static void on_poll_due(struct cc_deadline *deadline);
static void on_index(void *context, enum cc_error error, const struct cc_http_response *response);
static void fetch_next(struct cc_publication_client *client);
static void on_fetched(void *context, enum cc_error error, const struct cc_http_response *response);
static enum cc_error take_in(struct cc_publication_client *client, struct item *item,
                             struct cc_slice bytes, struct cc_slice signature);
static void store(struct cc_publication_client *client, const struct item *item,
                  struct cc_slice bytes, struct cc_slice signature);
static void on_report_due(struct cc_deadline *deadline);
static void on_reported(void *context, enum cc_error error,
                        const struct cc_http_response *response);

/* ---- items ---- */

static struct item *find_item(struct cc_publication_client *client, struct cc_slice country,
                              enum cc_publication_kind kind)
{
    for (size_t i = 0; i < client->item_count; i++) {
        if (client->items[i].kind == kind && cc_slice_is(country, client->items[i].country))
            return &client->items[i];
    }
    if (client->item_count == ITEMS_MAX || !cc_name_is_country(country))
        return NULL;
    struct item *item = &client->items[client->item_count++];
    *item = (struct item){.kind = kind};
    memcpy(item->country, country.data, CC_COUNTRY_LENGTH);
    return item;
}

static bool is_wanted(const struct cc_publication_client *client, struct cc_slice country,
                      enum cc_publication_kind kind)
{
    return client->kinds[kind] &&
           (!client->options.country || cc_slice_is(country, client->options.country));
}

static void set_due(struct cc_deadline *deadline, int64_t due_us)
{
    if (cc_deadline_set(deadline, due_us) != CC_OK)
        CC_LOG(CC_LOG_ERROR, "publication_client_stuck", cc_log_error_field(CC_NO_MEMORY));
}

static void report_soon(struct cc_publication_client *client)
{
    if (!client->report)
        set_due(&client->report_due, cc_loop_now_us(client->loop));
}

/* Logged and counted once per publication. */
static void refuse(struct cc_publication_client *client, struct item *item, int64_t epoch,
                   const char *sha256, enum cc_error error, const struct cc_json_reason *reason)
{
    item->refused_until_us = cc_loop_now_us(client->loop) + REFUSED_AGAIN_MS * 1000;
    if (item->refused && item->refused_epoch == epoch && item->refused_error == error &&
        strcmp(item->refused_sha256, sha256) == 0)
        return;
    item->refused = true;
    item->refused_epoch = epoch;
    item->refused_error = error;
    item->refused_reason = *reason;
    (void)snprintf(item->refused_sha256, sizeof(item->refused_sha256), "%s", sha256);
    CC_LOG(CC_LOG_WARNING, "publication_refused", cc_log_text("country", item->country),
           cc_log_text("kind", cc_publication_kind_name(item->kind)), cc_log_number("epoch", epoch),
           cc_log_text("sha256", sha256), cc_log_error_field(error),
           cc_log_text("reason", reason->text),
           cc_log_number("held_epoch", item->held ? item->publication.epoch : 0));
    if (client->options.on_refused)
        client->options.on_refused(client->options.context, item->kind, error);
    report_soon(client);
}

/* ---- creation ---- */

static enum cc_error read_keys(struct cc_publication_client *client, const char *path)
{
    static const char begin[] = "-----BEGIN PUBLIC KEY-----";
    char text[KEY_FILE_MAX];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
    enum cc_error error = CC_OK;
    if (fd >= 0)
        close(fd);
    text[length > 0 ? length : 0] = '\0';
    for (const char *at = strstr(text, begin); at && error == CC_OK;) {
        const char *next = strstr(at + 1, begin);
        size_t bytes = next ? (size_t)(next - at) : strlen(at);
        if (client->key_count == KEYS_MAX)
            error = CC_TOO_LARGE;
        else
            error =
                cc_ed25519_from_public_pem(cc_slice(at, bytes), &client->keys[client->key_count]);
        client->key_count += error == CC_OK;
        at = next;
    }
    if (error == CC_OK && client->key_count == 0)
        error = CC_NOT_FOUND;
    if (error != CC_OK)
        CC_LOG(CC_LOG_ERROR, "public_key_unusable", cc_log_text("file", path),
               cc_log_error_field(error));
    return error;
}

static enum cc_error copy_options(struct cc_publication_client *client,
                                  const struct cc_publication_client_options *options)
{
    client->options = *options;
    if (client->options.report_interval_ms == 0)
        client->options.report_interval_ms = REPORT_DEFAULT_MS;
    memcpy(client->kinds, options->kinds, sizeof(client->kinds));
    client->directory = strdup(options->directory);
    client->reporter = strdup(options->reporter);
    client->items = calloc(ITEMS_MAX, sizeof(*client->items));
    if (asprintf(&client->authorization, "Bearer %s", options->token ? options->token : "") < 0)
        client->authorization = NULL;
    if (!client->directory || !client->reporter || !client->items || !client->authorization)
        return CC_NO_MEMORY;
    if (options->source_count > SOURCES_MAX)
        return CC_TOO_LARGE;
    for (size_t i = 0; i < options->source_count; i++) {
        client->sources[i] = strdup(options->sources[i]);
        if (!client->sources[i])
            return CC_NO_MEMORY;
    }
    return CC_OK;
}

static void release(void *object)
{
    struct cc_publication_client *client = object;
    for (size_t i = 0; i < client->key_count; i++)
        cc_ed25519_free(client->keys[i]);
    for (size_t i = 0; i < SOURCES_MAX; i++)
        free(client->sources[i]);
    free(client->directory);
    free(client->reporter);
    free(client->authorization);
    free(client->items);
    free(client);
}

enum cc_error cc_publication_client_create(struct cc_loop *loop, struct cc_http_client *http,
                                           const struct cc_publication_client_options *options,
                                           struct cc_publication_client **out)
{
    struct cc_publication_client *client = calloc(1, sizeof(*client));
    *out = NULL;
    if (!client)
        return CC_NO_MEMORY;
    client->loop = loop;
    client->http = http;
    client->backoff_ms = BACKOFF_FIRST_MS;
    cc_deadline_init(&client->poll_due, loop, on_poll_due);
    cc_deadline_init(&client->report_due, loop, on_report_due);
    enum cc_error error = copy_options(client, options);
    if (error == CC_OK)
        error = read_keys(client, options->public_key_file);
    if (error != CC_OK) {
        release(client);
        return error;
    }
    cc_publication_store_countries(client->directory, boot_country, client);
    if (options->source_count > 0) {
        set_due(&client->poll_due, cc_loop_now_us(loop));
        set_due(&client->report_due, cc_loop_now_us(loop));
    }
    *out = client;
    return CC_OK;
}

void cc_publication_client_free(struct cc_publication_client *client)
{
    if (!client)
        return;
    cc_deadline_clear(&client->poll_due);
    cc_deadline_clear(&client->report_due);
    if (client->poll)
        cc_http_exchange_cancel(client->poll);
    if (client->report)
        cc_http_exchange_cancel(client->report);
    cc_loop_bury(client->loop, client, release);
}

int64_t cc_publication_client_last_contact_us(const struct cc_publication_client *client)
{
    return client->last_contact_us;
}

/* ---- boot from disk, blocking, before the loop runs ---- */

static bool boot_epoch(struct cc_publication_client *client, struct item *item, int64_t epoch)
{
    struct cc_buffer bytes, signature;
    struct cc_json_reason reason = {.text = "cannot be read from disk"};
    enum cc_error error = cc_publication_store_read(client->directory, item->country, item->kind,
                                                    epoch, &bytes, &signature);
    if (error != CC_OK)
        refuse(client, item, epoch, "", error, &reason);
    else
        error = take_in(client, item, cc_buffer_slice(&bytes), cc_buffer_slice(&signature));
    cc_buffer_deinit(&bytes);
    cc_buffer_deinit(&signature);
    return error == CC_OK;
}

static void boot_country(void *context, const char *country)
{
    struct cc_publication_client *client = context;
    int64_t epochs[CC_PUBLICATIONS_KEPT * 2];
    for (int kind = 0; kind < CC_PUBLICATION_KINDS; kind++) {
        if (!is_wanted(client, cc_slice_of(country), (enum cc_publication_kind)kind))
            continue;
        struct item *item = find_item(client, cc_slice_of(country), (enum cc_publication_kind)kind);
        size_t count =
            cc_publication_store_list(client->directory, country, (enum cc_publication_kind)kind,
                                      epochs, sizeof(epochs) / sizeof(epochs[0]));
        for (size_t i = 0; item && i < count; i++) {
            if (boot_epoch(client, item, epochs[i]))
                break;
        }
    }
}

/* ---- polling ---- */

static enum cc_error start(struct cc_publication_client *client, const char *method,
                           const char *path, struct cc_slice body, int64_t timeout_us,
                           cc_http_done done, struct cc_http_handle **handle)
{
    const struct cc_http_header headers[] = {
        {CC_SLICE_LITERAL("authorization"), cc_slice_of(client->authorization)},
        {CC_SLICE_LITERAL("content-type"), CC_SLICE_LITERAL("application/json")},
    };
    const struct cc_http_exchange exchange = {
        .address = cc_slice_of(client->sources[client->source]),
        .method = cc_slice_of(method),
        .path = cc_slice_of(path),
        .headers = headers,
        .header_count = body.length > 0 ? 2 : 1,
        .body = body,
        .deadline_us = cc_loop_now_us(client->loop) + timeout_us,
        .retry_stale_connection = true,
        .done = done,
        .context = client,
    };
    return cc_http_exchange_start(client->http, &exchange, handle);
}

static int64_t jitter_us(int64_t range_us)
{
    uint8_t random[2] = {0};
    if (cc_random_bytes(random, sizeof(random)) != CC_OK)
        return 0;
    return range_us * (random[0] * 256 + random[1]) / 65536;
}

/* The next source after a while; its index is read from the beginning. */
static void source_failed(struct cc_publication_client *client, enum cc_error error)
{
    int64_t wait_us = client->backoff_ms * 1000;
    CC_LOG(CC_LOG_INFO, "publication_source_failed",
           cc_log_text("source", client->sources[client->source]), cc_log_error_field(error));
    client->source = (client->source + 1) % client->options.source_count;
    client->index_version = 0;
    if (client->source == 0) {
        client->backoff_ms *= 2;
        if (client->backoff_ms > BACKOFF_MOST_MS)
            client->backoff_ms = BACKOFF_MOST_MS;
    }
    set_due(&client->poll_due, cc_loop_now_us(client->loop) + wait_us / 2 + jitter_us(wait_us / 2));
}

static void on_poll_due(struct cc_deadline *deadline)
{
    struct cc_publication_client *client =
        CC_CONTAINER_OF(deadline, struct cc_publication_client, poll_due);
    char path[512];
    (void)snprintf(
        path, sizeof(path), "/v1/publications?after=%" PRId64 "&wait_s=%d&reporter=%s%s%s",
        client->index_version, WAIT_S, client->reporter, client->options.country ? "&country=" : "",
        client->options.country ? client->options.country : "");
    enum cc_error error =
        start(client, "GET", path, (struct cc_slice){0}, POLL_DEADLINE_US, on_index, &client->poll);
    if (error != CC_OK)
        source_failed(client, error);
}

static void read_offer(struct cc_publication_client *client, const json_t *entry)
{
    struct cc_slice country, kind_text, sha256;
    enum cc_publication_kind kind;
    int64_t epoch = 0;
    if (cc_json_string_at(entry, "country", CC_COUNTRY_LENGTH, &country, NULL) != CC_OK ||
        cc_json_string_at(entry, "kind", 16, &kind_text, NULL) != CC_OK ||
        cc_json_string_at(entry, "sha256", CC_SHA256_TEXT, &sha256, NULL) != CC_OK ||
        cc_json_integer_at(entry, "epoch", 1, INT64_MAX, &epoch, NULL) != CC_OK ||
        !cc_publication_kind_parse(kind_text, &kind) || !is_wanted(client, country, kind))
        return;
    struct item *item = find_item(client, country, kind);
    if (!item)
        return;
    item->offered_epoch = epoch;
    (void)snprintf(item->offered_sha256, sizeof(item->offered_sha256), "%.*s", (int)sha256.length,
                   sha256.data);
    if (item->held && epoch < item->publication.epoch) {
        struct cc_json_reason reason = {.text = "the source offers an older epoch than is held"};
        refuse(client, item, epoch, item->offered_sha256, CC_STALE, &reason);
    }
}

static enum cc_error read_index(struct cc_publication_client *client, struct cc_slice body)
{
    json_t *index = NULL;
    int64_t version = 0;
    enum cc_error error = cc_json_parse(body, INDEX_MAX, &index, NULL);
    if (error == CC_OK)
        error = cc_json_integer_at(index, "version", 0, INT64_MAX, &version, NULL);
    const json_t *list = error == CC_OK ? cc_json_at(index, "publications") : NULL;
    if (error == CC_OK && !json_is_array(list))
        error = CC_PROTOCOL;
    for (size_t i = 0; i < client->item_count && error == CC_OK; i++) {
        client->items[i].offered_epoch = 0;
        if (version != client->index_version)
            client->items[i].refused_until_us = 0;
    }
    for (size_t i = 0; error == CC_OK && i < json_array_size(list); i++)
        read_offer(client, json_array_get(list, i));
    if (error == CC_OK)
        client->index_version = version;
    json_decref(index);
    return error;
}

static void on_index(void *context, enum cc_error error, const struct cc_http_response *response)
{
    struct cc_publication_client *client = context;
    client->poll = NULL;
    if (error == CC_OK && response->status != 200)
        error = response->status == 401 || response->status == 403 ? CC_FORBIDDEN : CC_PROTOCOL;
    if (error == CC_OK)
        error = read_index(client, response->body);
    if (error != CC_OK) {
        source_failed(client, error);
        return;
    }
    client->backoff_ms = BACKOFF_FIRST_MS;
    client->last_contact_us = cc_monotonic_us();
    fetch_next(client);
}

/* ---- fetching ---- */

static bool is_due(const struct cc_publication_client *client, const struct item *item)
{
    int64_t held = item->held ? item->publication.epoch : 0;
    return item->offered_epoch > held && cc_loop_now_us(client->loop) >= item->refused_until_us;
}

static void fetch_next(struct cc_publication_client *client)
{
    char path[256];
    client->fetching = NULL;
    for (size_t i = 0; i < client->item_count && !client->fetching; i++) {
        if (is_due(client, &client->items[i]))
            client->fetching = &client->items[i];
    }
    if (!client->fetching) {
        set_due(&client->poll_due, cc_loop_now_us(client->loop) + POLL_GAP_MS * 1000);
        return;
    }
    const struct item *item = client->fetching;
    (void)snprintf(path, sizeof(path), "/v1/publications/%s/%s?after=%" PRId64, item->country,
                   cc_publication_kind_name(item->kind), item->held ? item->publication.epoch : 0);
    enum cc_error error = start(client, "GET", path, (struct cc_slice){0}, FETCH_DEADLINE_US,
                                on_fetched, &client->poll);
    if (error != CC_OK)
        source_failed(client, error);
}

static void use_response(struct cc_publication_client *client, struct item *item,
                         const struct cc_http_response *response)
{
    uint8_t bytes[CC_ED25519_SIGNATURE_BYTES];
    size_t length = 0;
    struct cc_slice text = cc_http_response_header(response, "callcell-signature");
    if (cc_base64_decode(text, bytes, sizeof(bytes), &length) != CC_OK)
        length = 0; /* refused as unsigned */
    struct cc_slice signature = cc_slice((const char *)bytes, length);
    if (take_in(client, item, response->body, signature) == CC_OK) {
        store(client, item, response->body, signature);
        report_soon(client);
    }
}

static void on_fetched(void *context, enum cc_error error, const struct cc_http_response *response)
{
    struct cc_publication_client *client = context;
    struct item *item = client->fetching;
    client->poll = NULL;
    if (error == CC_OK && response->status == 200) {
        use_response(client, item, response);
    } else if (error == CC_OK && (response->status == 204 || response->status == 404)) {
        item->offered_epoch = 0; /* until the next index */
    } else {
        source_failed(client, error == CC_OK ? CC_PROTOCOL : error);
        return;
    }
    fetch_next(client);
}

/* ---- taking ---- */

static void hex_sha256(struct cc_slice bytes, char out[CC_SHA256_TEXT + 1])
{
    uint8_t digest[CC_SHA256_BYTES] = {0};
    if (cc_sha256(bytes, digest) != CC_OK)
        memset(digest, 0, sizeof(digest));
    cc_hex_encode(cc_slice((const char *)digest, sizeof(digest)), out);
}

static enum cc_error take_in(struct cc_publication_client *client, struct item *item,
                             struct cc_slice bytes, struct cc_slice signature)
{
    struct cc_publication publication = {0};
    struct cc_json_reason reason = {.text = ""};
    char sha256[CC_SHA256_TEXT + 1];
    hex_sha256(bytes, sha256);
    enum cc_error error = cc_publication_open(
        bytes, signature, (const struct cc_ed25519 *const *)client->keys, client->key_count,
        item->kind, cc_slice_of(item->country), &publication);
    if (error == CC_OK)
        error = cc_publication_follows(item->held ? &item->publication : NULL, &publication);
    if (error == CC_OK)
        error = client->options.take(client->options.context, &publication, &reason);
    if (error != CC_OK) {
        if (reason.text[0] == '\0')
            (void)snprintf(reason.text, sizeof(reason.text), "%s", cc_error_text(error));
        refuse(client, item, publication.epoch > 0 ? publication.epoch : item->offered_epoch,
               sha256, error, &reason);
        return error;
    }
    CC_LOG(CC_LOG_INFO, "publication_taken", cc_log_text("country", item->country),
           cc_log_text("kind", cc_publication_kind_name(item->kind)),
           cc_log_number("epoch", publication.epoch), cc_log_text("sha256", sha256));
    item->held = true;
    item->publication = publication;
    item->publication.payload = (struct cc_slice){0};
    if (item->refused && item->refused_epoch <= publication.epoch)
        item->refused = false;
    return CC_OK;
}

struct store_job {
    char *directory;
    struct cc_publication publication;
    struct cc_buffer bytes;
    char signature[CC_ED25519_SIGNATURE_BYTES];
    enum cc_error error;
};

static void run_store(void *context)
{
    struct store_job *job = context;
    job->error =
        cc_publication_store_write(job->directory, &job->publication, cc_buffer_slice(&job->bytes),
                                   cc_slice(job->signature, sizeof(job->signature)));
}

static void on_stored(void *context)
{
    struct store_job *job = context;
    if (job->error != CC_OK)
        CC_LOG(CC_LOG_ERROR, "publication_not_stored",
               cc_log_text("country", job->publication.country),
               cc_log_text("kind", cc_publication_kind_name(job->publication.kind)),
               cc_log_number("epoch", job->publication.epoch), cc_log_error_field(job->error));
    cc_buffer_deinit(&job->bytes);
    free(job->directory);
    free(job);
}

static void store(struct cc_publication_client *client, const struct item *item,
                  struct cc_slice bytes, struct cc_slice signature)
{
    struct store_job *job = calloc(1, sizeof(*job));
    enum cc_error error = CC_NO_MEMORY;
    if (!job) {
        CC_LOG(CC_LOG_ERROR, "publication_not_stored", cc_log_error_field(error));
        return;
    }
    cc_buffer_init(&job->bytes, CC_PUBLICATION_FILE_MAX);
    cc_buffer_append(&job->bytes, bytes);
    memcpy(job->signature, signature.data, sizeof(job->signature));
    job->publication = item->publication;
    job->directory = strdup(client->directory);
    if (job->directory && job->bytes.error == CC_OK)
        error = cc_loop_work(client->loop, run_store, on_stored, job);
    if (error != CC_OK) {
        job->error = error;
        on_stored(job);
    }
}

/* ---- reporting ---- */

static void render_held(const struct cc_publication_client *client, struct cc_buffer *out)
{
    const char *comma = "";
    for (size_t i = 0; i < client->item_count; i++) {
        const struct item *item = &client->items[i];
        if (!item->held)
            continue;
        cc_buffer_printf(
            out, "%s{\"country\":\"%s\",\"kind\":\"%s\",\"epoch\":%" PRId64 ",\"sha256\":\"%s\"}",
            comma, item->country, cc_publication_kind_name(item->kind), item->publication.epoch,
            item->publication.sha256);
        comma = ",";
    }
}

static void render_refused(const struct cc_publication_client *client, struct cc_buffer *out)
{
    const char *comma = "";
    for (size_t i = 0; i < client->item_count; i++) {
        const struct item *item = &client->items[i];
        if (!item->refused)
            continue;
        cc_buffer_printf(out,
                         "%s{\"country\":\"%s\",\"kind\":\"%s\",\"epoch\":%" PRId64
                         ",\"sha256\":\"%s\",\"error\":\"%s\",\"reason\":",
                         comma, item->country, cc_publication_kind_name(item->kind),
                         item->refused_epoch, item->refused_sha256,
                         cc_error_name(item->refused_error));
        cc_buffer_json_string(out, cc_slice_of(item->refused_reason.text));
        cc_buffer_text(out, "}");
        comma = ",";
    }
}

static void on_report_due(struct cc_deadline *deadline)
{
    struct cc_publication_client *client =
        CC_CONTAINER_OF(deadline, struct cc_publication_client, report_due);
    struct cc_buffer body;
    enum cc_error error = CC_NO_MEMORY;
    cc_buffer_init(&body, INDEX_MAX);
    cc_buffer_text(&body, "{\"reporter\":");
    cc_buffer_json_string(&body, cc_slice_of(client->reporter));
    cc_buffer_text(&body, ",\"held\":[");
    render_held(client, &body);
    cc_buffer_text(&body, "],\"refused\":[");
    render_refused(client, &body);
    cc_buffer_text(&body, "]}");
    if (body.error == CC_OK && !client->report)
        error = start(client, "POST", "/v1/reports", cc_buffer_slice(&body), REPORT_DEADLINE_US,
                      on_reported, &client->report);
    cc_buffer_deinit(&body);
    int64_t interval_us = client->options.report_interval_ms * 1000;
    set_due(deadline, cc_loop_now_us(client->loop) + interval_us);
    if (error != CC_OK)
        CC_LOG(CC_LOG_DEBUG, "report_not_sent", cc_log_error_field(error));
}

/* A report that failed is followed by the next, which says the same. */
static void on_reported(void *context, enum cc_error error, const struct cc_http_response *response)
{
    struct cc_publication_client *client = context;
    client->report = NULL;
    if (error != CC_OK || response->status >= 300)
        CC_LOG(CC_LOG_DEBUG, "report_not_taken", cc_log_error_field(error));
}
