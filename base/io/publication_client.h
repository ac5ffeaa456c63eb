/*
 * Keeps a program supplied with publications: long-polls the control plane's sources, verifies,
 * writes to disk (tmp + fsync + rename, three kept), boots from disk, reports what it holds and
 * what it refused. Works for days without any source. Used by edges (all countries) and workers
 * (their own).
 *
 * On disk: <directory>/<country>/<kind>-<epoch, 20 digits>.pub and the same with .sig (64 raw
 * bytes).
 */
#ifndef CC_IO_PUBLICATION_CLIENT_H
#define CC_IO_PUBLICATION_CLIENT_H

#include "base/io/http_client.h"
#include "base/publication.h"

/* The program's own check and use of a verified publication. bytes: the whole file, borrowed.
 * Returns CC_OK when taken into use; else the refusal, with reason filled: the old one goes on
 * serving. Called from the loop and, at boot, from cc_publication_client_create: newest on disk
 * first, then older. */
typedef enum cc_error (*cc_publication_take)(void *context,
                                             const struct cc_publication *publication,
                                             struct cc_json_reason *reason);

struct cc_publication_client_options {
    const char *directory;
    const char *reporter;       /* "edge-1", "se-1/worker-1" */
    const char *country;        /* NULL: every country that the sources list */
    const bool *kinds;          /* CC_PUBLICATION_KINDS flags */
    const char *const *sources; /* "127.0.0.1:7300", tried in turn */
    size_t source_count;
    const char *token;           /* bearer token for the sources */
    const char *public_key_file; /* PEM, base/io/public_keys.h */
    int64_t report_interval_ms;  /* default 5,000 */
    cc_publication_take take;
    /* One call per refusal, after it was logged: for telemetry. */
    void (*on_refused)(void *context, enum cc_publication_kind kind, enum cc_error error);
    void *context;
};

enum { CC_PUBLICATION_FILE_MAX = 64 * 1024 * 1024 };

struct cc_publication_client; /* opaque */
/* Copies the options. http: its response_max bounds what can be fetched and should be
 * CC_PUBLICATION_FILE_MAX + CC_HTTP_HEAD_MAX; a larger file is refused as CC_TOO_LARGE. It outlives
 * the client. Blocking, for start-up: reads the keys and what is on disk. Works without any source,
 * and without anything on disk. CC_INVALID (reporter, country, key file), CC_IO (key file, folder),
 * each logged; CC_NO_MEMORY. */
enum cc_error cc_publication_client_create(struct cc_loop *loop, struct cc_http_client *http,
                                           const struct cc_publication_client_options *options,
                                           struct cc_publication_client **out) CC_MUST_CHECK;
/* May be called at any time, from the callbacks too; none is called afterwards. A file that is
 * being written is finished first, on the pool. */
void cc_publication_client_free(struct cc_publication_client *client);

/* Monotonic time of the last successful poll of any source; 0: never. */
int64_t cc_publication_client_last_contact_us(const struct cc_publication_client *client);

/* Our wall clock minus the sources', as base/clock_skew.h has it from the answers to reports.
 * false: not known, no source has told its time of late. */
bool cc_publication_client_clock_skew(const struct cc_publication_client *client,
                                      int64_t *ahead_us);

#endif
