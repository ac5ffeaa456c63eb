/*
 * Publications on disk: <directory>/<country>/<kind>-<epoch, 20 digits>.pub and .sig (64 raw
 * bytes). Blocking: before the loop runs, or on the thread pool.
 */
#ifndef CC_IO_PUBLICATION_STORE_H
#define CC_IO_PUBLICATION_STORE_H

#include "base/publication.h"

enum { CC_PUBLICATIONS_KEPT = 3, CC_PUBLICATION_FILE_MAX = 128 * 1024 * 1024 };

/* Both files by tmp + fsync + rename, the signature first, so that a .pub never stands without its
 * .sig; then deletes what is older than the CC_PUBLICATIONS_KEPT newest of this kind. Files 0600,
 * folders 0700. */
enum cc_error cc_publication_store_write(const char *directory,
                                         const struct cc_publication *publication,
                                         struct cc_slice bytes,
                                         struct cc_slice signature) CC_MUST_CHECK;

/* Epochs on disk, newest first, at most capacity. Nothing there: 0. */
size_t cc_publication_store_list(const char *directory, const char *country,
                                 enum cc_publication_kind kind, int64_t *epochs, size_t capacity);

/* bytes and signature are initialised here; deinit both in any case. CC_NOT_FOUND, CC_IO,
 * CC_TOO_LARGE. */
enum cc_error cc_publication_store_read(const char *directory, const char *country,
                                        enum cc_publication_kind kind, int64_t epoch,
                                        struct cc_buffer *bytes,
                                        struct cc_buffer *signature) CC_MUST_CHECK;

/* Calls each(context, country) for every country folder. */
void cc_publication_store_countries(const char *directory,
                                    void (*each)(void *context, const char *country),
                                    void *context);

#endif
