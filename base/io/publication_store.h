/*
 * Publications on disk: <directory>/<country>/<kind>-<epoch, 20 digits>.pub and the same with .sig.
 * Every function blocks: for start-up and for the thread pool. Not for others than
 * publication_client.c.
 */
#ifndef CC_IO_PUBLICATION_STORE_H
#define CC_IO_PUBLICATION_STORE_H

#include "base/publication.h"

enum { PUBLICATIONS_KEPT = 3, PUBLICATIONS_READ_MAX = 16 };

struct publication_place {
    const char *directory;
    const char *country;
    enum cc_publication_kind kind;
};

/* The countries that have a folder, in no order; at most capacity. */
size_t publication_store_countries(const char *directory, char (*out)[CC_COUNTRY_LENGTH + 1],
                                   size_t capacity);

/* The newest epochs that have a .pub, newest first; at most capacity. */
size_t publication_store_epochs(const struct publication_place *place, int64_t *out,
                                size_t capacity);

/* The file and its signature (empty when there is none) are appended. CC_IO, CC_TOO_LARGE. */
enum cc_error publication_store_read(const struct publication_place *place, int64_t epoch,
                                     struct cc_buffer *bytes,
                                     struct cc_buffer *signature) CC_MUST_CHECK;

/* Both files through tmp + fsync + rename, the signature first, and the folder's fsync. Keeps this
 * epoch and the two below it: what is newer was refused at boot. CC_IO, CC_TOO_LARGE (path). */
enum cc_error publication_store_write(const struct publication_place *place, int64_t epoch,
                                      struct cc_slice bytes,
                                      struct cc_slice signature) CC_MUST_CHECK;

#endif
