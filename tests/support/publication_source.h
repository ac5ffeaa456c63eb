/*
 * A small source of publications (docs/api/signed-files.md) for tests, on the test's own loop, and
 * files to give to it. It wants the token "abc".
 */
#ifndef TESTS_PUBLICATION_SOURCE_H
#define TESTS_PUBLICATION_SOURCE_H

#include "base/io/http_server.h"
#include "base/publication.h"

enum { FILES_MAX = 32, POLLS_MAX = 8, REPORT_MAX = 8192 };

struct file {
    char country[CC_COUNTRY_LENGTH + 1];
    enum cc_publication_kind kind;
    int64_t epoch;
    char sha256[CC_SHA256_TEXT + 1];
    struct cc_buffer bytes;
    uint8_t signature[CC_ED25519_SIGNATURE_BYTES];
    bool is_unsigned;
};

struct source {
    struct cc_loop *loop; /* set before source_up */
    struct cc_http_server *server;
    int64_t port;
    char address[32];
    int64_t version;
    struct file *files[FILES_MAX];
    size_t file_count;
    struct cc_http_request *waiting[POLLS_MAX];
    size_t waiting_count;
    int polls, fetches, reports, bad_tokens;
    bool files_fail;
    char query[128];
    char report[REPORT_MAX];
};

/* Composed and signed; the caller frees it with file_free. */
struct file *file_make(const struct cc_ed25519 *signer, const char *country,
                       enum cc_publication_kind kind, int64_t epoch, const char *payload);
void file_free(struct file *file);

/* On the port it had before, or any. */
void source_up(struct source *source);
/* Polls that wait are answered first. */
void source_down(struct source *source);
/* Lists it under the next version of the index; the file stays the caller's. */
void source_publish(struct source *source, struct file *file);

#endif
