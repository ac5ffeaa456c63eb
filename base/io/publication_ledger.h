/*
 * What a program holds, what its sources list and what it refused, per country and kind. No I/O.
 * Not for others than publication_client.c.
 */
#ifndef CC_IO_PUBLICATION_LEDGER_H
#define CC_IO_PUBLICATION_LEDGER_H

#include "base/publication.h"

enum { PUBLICATION_ITEMS_MAX = 4096, PUBLICATION_REFUSALS_KNOWN = 8 };

struct publication_mark {
    int64_t epoch; /* 0: none */
    char sha256[CC_SHA256_TEXT + 1];
};

struct publication_refusal {
    struct publication_mark mark; /* epoch 0: none */
    enum cc_error error;
    struct cc_json_reason reason;
};

struct publication_item {
    struct publication_item *next;
    char country[CC_COUNTRY_LENGTH + 1];
    enum cc_publication_kind kind;
    struct publication_mark held, listed;
    struct publication_refusal refused;                           /* the last: goes into reports */
    struct publication_refusal known[PUBLICATION_REFUSALS_KNOWN]; /* a ring: told once each */
    size_t known_next;
    /* A refused map does not stand in the way of its successors (a rollback is one): the epoch to
     * ask after, when above the one held. */
    int64_t passed_epoch;
    unsigned failures;   /* in a row */
    int64_t retry_at_us; /* monotonic; not asked before */
};

struct publication_ledger {
    struct publication_item *first;
    size_t count;
};

void publication_ledger_deinit(struct publication_ledger *ledger);

/* Made when it does not exist; NULL when memory or the bound is reached. */
struct publication_item *publication_ledger_item(struct publication_ledger *ledger,
                                                 struct cc_slice country,
                                                 enum cc_publication_kind kind);

/* Whether the sources list something newer than what is held. */
bool publication_item_is_wanted(const struct publication_item *item);
int64_t publication_item_ask_after(const struct publication_item *item);

/* A refusal of an epoch not above the one taken is over. */
void publication_item_take(struct publication_item *item, const struct publication_mark *mark);
/* Returns whether it is news: the same one (epoch, hash, error) counts once. */
bool publication_item_refuse(struct publication_item *item,
                             const struct publication_refusal *refusal);

/* {"reporter":..,"held":[..],"refused":[..]} */
void publication_ledger_report(const struct publication_ledger *ledger, const char *reporter,
                               struct cc_buffer *out);

#endif
