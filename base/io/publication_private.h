/* What publication_client.c and publication_arrival.c share. Not for others. */
#ifndef CC_IO_PUBLICATION_PRIVATE_H
#define CC_IO_PUBLICATION_PRIVATE_H

#include "base/clock_skew.h"
#include "base/io/publication_boot.h"
#include "base/io/publication_client.h"
#include "base/io/publication_ledger.h"

enum { PATH_TEXT_MAX = 512 };

struct source {
    const char *address;
    unsigned failures; /* in a row */
    int64_t not_before_us;
};

struct arrival;

struct cc_publication_client {
    struct cc_loop *loop;
    struct cc_http_client *http;
    struct cc_arena arena;
    struct cc_publication_client_options options; /* texts in the arena */
    char *authorization;
    bool kinds[CC_PUBLICATION_KINDS];
    struct cc_public_keys keys;
    struct publication_ledger ledger;
    struct source *sources;
    size_t source; /* the one in use */
    int64_t index_version;
    int64_t last_contact_us, poll_started_us, report_started_us;
    int64_t listed_us; /* when the whole index was last asked for */
    struct cc_clock_skew skew;
    struct cc_http_handle *poll, *fetch, *report; /* NULL: none under way */
    struct cc_deadline poll_due, fetch_due, report_due;
    struct publication_item *fetching;
    size_t fetching_source;
    int64_t fetching_after;
    struct arrival *arrival;
    bool report_again, report_failing, freed;
};

/* For what is wanted and may be asked for, unless one is on its way already. */
void publication_fetch_next(struct cc_publication_client *client);
void publication_on_fetch_due(struct cc_deadline *deadline);

/* The rest is publication_client.c's. */
void publication_set_due(struct cc_deadline *deadline, int64_t due_us);
/* Doubling from first_ms to most_ms, less up to half of it at random. */
int64_t publication_backoff_us(unsigned failures, int64_t first_ms, int64_t most_ms);
void publication_report_soon(struct cc_publication_client *client);
/* Notes, logs, counts and reports it when it is news. The program may free the client in it. */
void publication_refuse(struct cc_publication_client *client, struct publication_item *item,
                        const struct publication_refusal *refusal);
/* Of the source in use, with its token. */
enum cc_error publication_start_exchange(struct cc_publication_client *client, const char *method,
                                         const char *path, struct cc_slice body, int64_t within_ms,
                                         cc_http_done done,
                                         struct cc_http_handle **handle) CC_MUST_CHECK;
/* The one in use turns its back; the next one is asked, now or when its own back-off is over. */
void publication_source_failed(struct cc_publication_client *client, enum cc_error error,
                               int status);
/* A source that gives its index but no files goes on being asked ever later: it is good again only
 * when it has given a file, or nothing more is wanted of it. */
void publication_source_is_good(struct cc_publication_client *client);
void publication_destroy(void *object);

#endif
