#include "base/io/publication_boot.h"

#include <stdio.h>

#include "base/io/publication_store.h"
#include "base/log.h"

enum { COUNTRIES_MAX = 26 * 26 };

struct boot {
    const struct cc_publication_client_options *options;
    const struct cc_public_keys *keys;
    struct publication_ledger *ledger;
};

void publication_log_refusal(const struct publication_item *item,
                             const struct publication_refusal *refusal)
{
    CC_LOG(CC_LOG_WARNING, "publication_refused", cc_log_text("country", item->country),
           cc_log_text("kind", cc_publication_kind_name(item->kind)),
           cc_log_number("epoch", refusal->mark.epoch), cc_log_error_field(refusal->error),
           cc_log_text("reason", refusal->reason.text));
}

static void note_refused(const struct boot *boot, struct publication_item *item,
                         const struct publication_refusal *refusal)
{
    struct publication_refusal newest = item->refused;
    (void)publication_item_refuse(item, refusal);
    if (newest.mark.epoch > 0)
        item->refused = newest;
    publication_log_refusal(item, refusal);
    if (boot->options->on_refused)
        boot->options->on_refused(boot->options->context, item->kind, refusal->error);
}

static void note_sha256(struct cc_slice bytes, struct publication_mark *mark)
{
    uint8_t digest[CC_SHA256_BYTES];
    if (cc_sha256(bytes, digest) == CC_OK)
        cc_hex_encode(cc_slice((const char *)digest, sizeof(digest)), mark->sha256);
}

/* Fills the reason when the program has none. */
static enum cc_error open_and_take(const struct boot *boot, const struct publication_item *item,
                                   struct cc_slice bytes, struct cc_slice signature,
                                   struct publication_refusal *refusal)
{
    struct cc_publication publication;
    enum cc_error error = cc_publication_open(
        bytes, signature, (const struct cc_ed25519 *const *)boot->keys->keys, boot->keys->count,
        item->kind, cc_slice_of(item->country), &publication);
    if (!error && publication.epoch != refusal->mark.epoch)
        error = CC_CONFLICT; /* a file under another one's name */
    if (!error)
        error = boot->options->take(boot->options->context, &publication, &refusal->reason);
    return error;
}

/* Returns whether it was taken. */
static bool boot_one(const struct boot *boot, struct publication_item *item, int64_t epoch)
{
    struct publication_place place = {boot->options->directory, item->country, item->kind};
    struct publication_refusal refusal = {.mark.epoch = epoch};
    struct cc_buffer bytes;
    struct cc_buffer signature;
    cc_buffer_init(&bytes, CC_PUBLICATION_FILE_MAX);
    cc_buffer_init(&signature, CC_PUBLICATION_HEADER_MAX);
    refusal.error = publication_store_read(&place, epoch, &bytes, &signature);
    if (!refusal.error) {
        note_sha256(cc_buffer_slice(&bytes), &refusal.mark);
        refusal.error = open_and_take(boot, item, cc_buffer_slice(&bytes),
                                      cc_buffer_slice(&signature), &refusal);
    }
    if (refusal.error) {
        if (!refusal.reason.text[0])
            (void)snprintf(refusal.reason.text, sizeof(refusal.reason.text), "on disk: %s",
                           cc_error_text(refusal.error));
        note_refused(boot, item, &refusal);
    } else {
        publication_item_take(item, &refusal.mark);
    }
    if (bytes.data)
        explicit_bzero(bytes.data, bytes.length);
    cc_buffer_deinit(&bytes);
    cc_buffer_deinit(&signature);
    return !refusal.error;
}

static enum cc_error boot_country(const struct boot *boot, const char *country)
{
    int64_t epochs[PUBLICATIONS_READ_MAX];
    for (size_t kind = 0; kind < CC_PUBLICATION_KINDS; kind++) {
        struct publication_place place = {boot->options->directory, country,
                                          (enum cc_publication_kind)kind};
        size_t count = boot->options->kinds[kind]
                           ? publication_store_epochs(&place, epochs, PUBLICATIONS_READ_MAX)
                           : 0;
        if (count == 0)
            continue;
        struct publication_item *item =
            publication_ledger_item(boot->ledger, cc_slice_of(country), place.kind);
        if (!item)
            return CC_NO_MEMORY;
        for (size_t i = 0; i < count && !boot_one(boot, item, epochs[i]); i++)
            continue;
    }
    return CC_OK;
}

enum cc_error publication_boot(const struct cc_publication_client_options *options,
                               const struct cc_public_keys *keys, struct publication_ledger *ledger)
{
    struct boot boot = {options, keys, ledger};
    char countries[COUNTRIES_MAX][CC_COUNTRY_LENGTH + 1];
    enum cc_error error = CC_OK;
    if (options->country)
        return boot_country(&boot, options->country);
    size_t count = publication_store_countries(options->directory, countries, COUNTRIES_MAX);
    for (size_t i = 0; i < count && !error; i++)
        error = boot_country(&boot, countries[i]);
    return error;
}
