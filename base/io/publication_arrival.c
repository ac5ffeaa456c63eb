/*
 * A publication on its way, one at a time:
 *
 *   publication_fetch_next -> on_fetched -> (pool: verify) -> on_verified: take or refuse
 *                          -> (pool: write_files) -> on_written -> publication_fetch_next ...
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/io/publication_private.h"
#include "base/io/publication_store.h"
#include "base/log.h"

enum {
    FETCH_MS = 30000,
    ITEM_BACKOFF_MS = 1000,
    ITEM_BACKOFF_MOST_MS = 60000, /* of one that is refused */
    ITEM_AWAY_MOST_MS = 5000      /* of one that cannot be had */
};

/* A fetched publication on its way; the client waits for it even when freed. */
struct arrival {
    struct cc_publication_client *client;
    struct publication_item *item;
    int64_t after;
    struct cc_buffer bytes;
    uint8_t signature[CC_ED25519_SIGNATURE_BYTES];
    size_t signature_length;
    struct cc_publication publication;
    struct publication_mark mark; /* also when nothing verifies: what the source says */
    enum cc_error error;
};

static void on_fetched(void *context, enum cc_error error, const struct cc_http_response *response);
static void verify(void *context);
static void on_verified(void *context);
static void write_files(void *context);
static void on_written(void *context);

static void put_off(struct cc_publication_client *client, struct publication_item *item,
                    int64_t most_ms)
{
    item->failures++;
    item->passed_epoch = 0;
    item->retry_at_us = cc_loop_now_us(client->loop) +
                        publication_backoff_us(item->failures, ITEM_BACKOFF_MS, most_ms);
}

void publication_on_fetch_due(struct cc_deadline *deadline)
{
    publication_fetch_next(CC_CONTAINER_OF(deadline, struct cc_publication_client, fetch_due));
}

static struct publication_item *choose_item(struct cc_publication_client *client,
                                            int64_t *earliest_us)
{
    int64_t now_us = cc_loop_now_us(client->loop);
    *earliest_us = INT64_MAX;
    for (struct publication_item *item = client->ledger.first; item; item = item->next) {
        if (!publication_item_is_wanted(item))
            continue;
        if (item->retry_at_us <= now_us)
            return item;
        if (item->retry_at_us < *earliest_us)
            *earliest_us = item->retry_at_us;
    }
    return NULL;
}

void publication_fetch_next(struct cc_publication_client *client)
{
    char path[PATH_TEXT_MAX];
    int64_t earliest_us = INT64_MAX;
    if (client->freed || client->fetch || client->arrival)
        return;
    cc_deadline_clear(&client->fetch_due);
    struct publication_item *item = choose_item(client, &earliest_us);
    if (!item) {
        if (earliest_us < INT64_MAX)
            publication_set_due(&client->fetch_due, earliest_us);
        return;
    }
    client->fetching = item;
    client->fetching_source = client->source;
    client->fetching_after = publication_item_ask_after(item);
    (void)snprintf(path, sizeof(path), "/v1/publications/%s/%s?after=%lld", item->country,
                   cc_publication_kind_name(item->kind), (long long)client->fetching_after);
    enum cc_error error = publication_start_exchange(client, "GET", path, cc_slice(NULL, 0),
                                                     FETCH_MS, on_fetched, &client->fetch);
    if (error) {
        put_off(client, item, ITEM_AWAY_MOST_MS);
        publication_set_due(&client->fetch_due, item->retry_at_us);
    }
}

static void fetch_failed(struct cc_publication_client *client, enum cc_error error, int status)
{
    struct publication_item *item = client->fetching;
    put_off(client, item, error == CC_TOO_LARGE ? ITEM_BACKOFF_MOST_MS : ITEM_AWAY_MOST_MS);
    if (error == CC_TOO_LARGE) {
        struct publication_refusal refusal = {.mark = item->listed,
                                              .error = error,
                                              .reason.text =
                                                  "larger than what the HTTP client takes"};
        publication_refuse(client, item, &refusal);
    } else if ((error || status >= 500) && client->fetching_source == client->source) {
        publication_source_failed(client, error ? error : CC_UNAVAILABLE, status);
    } else if (!error && status != 404 && status != 204) {
        CC_LOG(CC_LOG_WARNING, "publication_not_given", cc_log_text("country", item->country),
               cc_log_text("kind", cc_publication_kind_name(item->kind)),
               cc_log_number("status", status));
    }
    publication_fetch_next(client);
}

static void arrival_free(struct arrival *arrival)
{
    if (arrival->bytes.data)
        explicit_bzero(arrival->bytes.data, arrival->bytes.length);
    cc_buffer_deinit(&arrival->bytes);
    free(arrival);
}

/* Before the bytes are verified only the source can say which epoch they are. */
static void note_mark(struct arrival *arrival, const struct cc_http_response *response)
{
    struct cc_slice text = cc_http_response_header(response, "callcell-epoch");
    uint8_t digest[CC_SHA256_BYTES];
    int64_t epoch = 0;
    for (size_t i = 0; i < text.length && i < 18 && text.data[i] >= '0' && text.data[i] <= '9'; i++)
        epoch = epoch * 10 + (text.data[i] - '0');
    arrival->mark.epoch = epoch > 0 ? epoch : arrival->item->listed.epoch;
    if (cc_sha256(cc_buffer_slice(&arrival->bytes), digest) == CC_OK)
        cc_hex_encode(cc_slice((const char *)digest, sizeof(digest)), arrival->mark.sha256);
}

static struct arrival *arrival_create(struct cc_publication_client *client,
                                      const struct cc_http_response *response)
{
    struct cc_slice signature = cc_http_response_header(response, "callcell-signature");
    struct arrival *arrival = calloc(1, sizeof(*arrival));
    if (!arrival)
        return NULL;
    *arrival = (struct arrival){
        .client = client, .item = client->fetching, .after = client->fetching_after};
    cc_buffer_init(&arrival->bytes, CC_PUBLICATION_FILE_MAX);
    cc_buffer_append(&arrival->bytes, response->body);
    if (arrival->bytes.error == CC_NO_MEMORY) {
        arrival_free(arrival);
        return NULL;
    }
    /* Missing or malformed: unsigned, and refused as that. */
    if (cc_base64_decode(signature, arrival->signature, sizeof(arrival->signature),
                         &arrival->signature_length) != CC_OK)
        arrival->signature_length = 0;
    arrival->error = arrival->bytes.error;
    note_mark(arrival, response);
    return arrival;
}

static void on_fetched(void *context, enum cc_error error, const struct cc_http_response *response)
{
    struct cc_publication_client *client = context;
    client->fetch = NULL;
    if (error || response->status != 200) {
        fetch_failed(client, error, response ? response->status : 0);
        return;
    }
    if (client->fetching_source == client->source)
        publication_source_is_good(client);
    struct arrival *arrival = arrival_create(client, response);
    error = arrival ? cc_loop_work(client->loop, verify, on_verified, arrival) : CC_NO_MEMORY;
    if (error) {
        CC_LOG(CC_LOG_ERROR, "publication_not_verified", cc_log_error_field(error));
        if (arrival)
            arrival_free(arrival);
        put_off(client, client->fetching, ITEM_AWAY_MOST_MS);
        publication_fetch_next(client);
        return;
    }
    client->arrival = arrival;
}

static void verify(void *context)
{
    struct arrival *arrival = context;
    const struct publication_item *item = arrival->item;
    const struct cc_public_keys *keys = &arrival->client->keys;
    if (arrival->error)
        return;
    arrival->error =
        cc_publication_open(cc_buffer_slice(&arrival->bytes),
                            cc_slice((const char *)arrival->signature, arrival->signature_length),
                            (const struct cc_ed25519 *const *)keys->keys, keys->count, item->kind,
                            cc_slice_of(item->country), &arrival->publication);
}

/* The client may have been freed by the program's callback, or before. */
static void arrival_land(struct arrival *arrival)
{
    struct cc_publication_client *client = arrival->client;
    client->arrival = NULL;
    arrival_free(arrival);
    if (client->freed)
        cc_loop_bury(client->loop, client, publication_destroy);
    else
        publication_fetch_next(client);
}

/* A verified map with successors is passed by: they are asked for next. */
static void refuse_arrival(struct arrival *arrival, struct publication_refusal *refusal)
{
    struct cc_publication_client *client = arrival->client;
    struct publication_item *item = arrival->item;
    bool verified = arrival->publication.epoch > 0;
    refusal->mark = arrival->mark;
    if (!refusal->reason.text[0])
        (void)snprintf(refusal->reason.text, sizeof(refusal->reason.text), "%s",
                       cc_error_text(refusal->error));
    if (verified && arrival->mark.epoch > arrival->after &&
        arrival->mark.epoch < item->listed.epoch)
        item->passed_epoch = arrival->mark.epoch;
    else
        put_off(client, item, ITEM_BACKOFF_MOST_MS);
    publication_refuse(client, item, refusal);
}

static void on_verified(void *context)
{
    struct arrival *arrival = context;
    struct cc_publication_client *client = arrival->client;
    struct publication_refusal refusal = {.error = arrival->error};
    if (client->freed) {
        arrival_land(arrival);
        return;
    }
    if (!refusal.error) {
        arrival->mark.epoch = arrival->publication.epoch;
        if (arrival->mark.epoch <= arrival->item->held.epoch)
            refusal.error = CC_STALE;
    }
    if (!refusal.error)
        refusal.error =
            client->options.take(client->options.context, &arrival->publication, &refusal.reason);
    if (refusal.error) {
        refuse_arrival(arrival, &refusal);
        arrival_land(arrival);
        return;
    }
    publication_item_take(arrival->item, &arrival->mark);
    if (!client->freed)
        publication_report_soon(client);
    /* Not into the arrival: from here on it is the pool's. */
    enum cc_error error = cc_loop_work(client->loop, write_files, on_written, arrival);
    if (error) {
        arrival->error = error;
        on_written(arrival);
    }
}

static void write_files(void *context)
{
    struct arrival *arrival = context;
    struct publication_place place = {arrival->client->options.directory, arrival->item->country,
                                      arrival->item->kind};
    arrival->error = publication_store_write(
        &place, arrival->mark.epoch, cc_buffer_slice(&arrival->bytes),
        cc_slice((const char *)arrival->signature, arrival->signature_length));
}

/* In use all the same: only the next boot misses it. */
static void on_written(void *context)
{
    struct arrival *arrival = context;
    if (arrival->error)
        CC_LOG(CC_LOG_ERROR, "publication_not_written",
               cc_log_text("country", arrival->item->country),
               cc_log_text("kind", cc_publication_kind_name(arrival->item->kind)),
               cc_log_number("epoch", arrival->mark.epoch), cc_log_error_field(arrival->error));
    arrival_land(arrival);
}
