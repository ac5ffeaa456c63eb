#include "base/io/publication_ledger.h"

#include <stdlib.h>

void publication_ledger_deinit(struct publication_ledger *ledger)
{
    while (ledger->first) {
        struct publication_item *next = ledger->first->next;
        free(ledger->first);
        ledger->first = next;
    }
    ledger->count = 0;
}

struct publication_item *publication_ledger_item(struct publication_ledger *ledger,
                                                 struct cc_slice country,
                                                 enum cc_publication_kind kind)
{
    struct publication_item **at = &ledger->first;
    for (; *at; at = &(*at)->next) {
        if ((*at)->kind == kind && cc_slice_is(country, (*at)->country))
            return *at;
    }
    if (ledger->count >= PUBLICATION_ITEMS_MAX || country.length != CC_COUNTRY_LENGTH)
        return NULL;
    struct publication_item *item = calloc(1, sizeof(*item));
    if (!item)
        return NULL;
    memcpy(item->country, country.data, CC_COUNTRY_LENGTH);
    item->kind = kind;
    *at = item;
    ledger->count++;
    return item;
}

bool publication_item_is_wanted(const struct publication_item *item)
{
    return item->listed.epoch > item->held.epoch;
}

int64_t publication_item_ask_after(const struct publication_item *item)
{
    return item->passed_epoch > item->held.epoch ? item->passed_epoch : item->held.epoch;
}

void publication_item_take(struct publication_item *item, const struct publication_mark *mark)
{
    item->held = *mark;
    item->passed_epoch = 0;
    item->failures = 0;
    item->retry_at_us = 0;
    if (item->refused.mark.epoch <= mark->epoch)
        item->refused = (struct publication_refusal){0};
}

static bool is_same(const struct publication_refusal *a, const struct publication_refusal *b)
{
    return a->mark.epoch == b->mark.epoch && a->error == b->error &&
           strcmp(a->mark.sha256, b->mark.sha256) == 0;
}

bool publication_item_refuse(struct publication_item *item,
                             const struct publication_refusal *refusal)
{
    item->refused = *refusal;
    for (size_t i = 0; i < PUBLICATION_REFUSALS_KNOWN; i++) {
        if (item->known[i].mark.epoch > 0 && is_same(&item->known[i], refusal))
            return false;
    }
    item->known[item->known_next] = *refusal;
    item->known_next = (item->known_next + 1) % PUBLICATION_REFUSALS_KNOWN;
    return true;
}

static void report_item(const struct publication_item *item, const struct publication_mark *mark,
                        size_t *count, struct cc_buffer *out)
{
    cc_buffer_printf(out, "%s{\"country\":\"%s\",\"kind\":\"%s\",\"epoch\":%lld",
                     (*count)++ > 0 ? "," : "", item->country, cc_publication_kind_name(item->kind),
                     (long long)mark->epoch);
}

void publication_ledger_report(const struct publication_ledger *ledger, const char *reporter,
                               struct cc_buffer *out)
{
    size_t held = 0;
    size_t refused = 0;
    cc_buffer_text(out, "{\"reporter\":");
    cc_buffer_json_string(out, cc_slice_of(reporter));
    cc_buffer_text(out, ",\"held\":[");
    for (const struct publication_item *item = ledger->first; item; item = item->next) {
        if (item->held.epoch == 0)
            continue;
        report_item(item, &item->held, &held, out);
        cc_buffer_printf(out, ",\"sha256\":\"%s\"}", item->held.sha256);
    }
    cc_buffer_text(out, "],\"refused\":[");
    for (const struct publication_item *item = ledger->first; item; item = item->next) {
        if (item->refused.mark.epoch == 0)
            continue;
        report_item(item, &item->refused.mark, &refused, out);
        cc_buffer_printf(out, ",\"error\":\"%s\",\"reason\":", cc_error_name(item->refused.error));
        cc_buffer_json_string(out, cc_slice_of(item->refused.reason.text));
        cc_buffer_text(out, "}");
    }
    cc_buffer_text(out, "]}");
}
