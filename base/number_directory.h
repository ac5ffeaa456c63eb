/*
 * A country's number directory: number -> tenant, kind and fallback target, from the payload of a
 * CC_PUBLICATION_NUMBERS. Payload: one line per number, sorted by number, tab-separated:
 *   +46101234567\tacme\tpbx\t+46700000001\n        ("-" for no fallback target)
 * Looked up by binary search in place: memory is the file plus 4 bytes a number.
 */
#ifndef CC_NUMBER_DIRECTORY_H
#define CC_NUMBER_DIRECTORY_H

#include "base/call_event.h"
#include "base/publication.h"

struct cc_number_entry {
    struct cc_slice number;
    struct cc_slice tenant;
    enum cc_call_kind kind;
    struct cc_slice fallback_target; /* empty: none */
};

struct cc_number_directory; /* opaque, immutable */

/* CC_INVALID with the line in reason when a line is malformed, unsorted or double. Copies the
 * payload. */
enum cc_error cc_number_directory_parse(const struct cc_publication *publication,
                                        struct cc_number_directory **out,
                                        struct cc_json_reason *reason) CC_MUST_CHECK;
void cc_number_directory_free(struct cc_number_directory *directory);

/* CC_NOT_FOUND when unknown. Slices are borrowed from the directory. */
enum cc_error cc_number_directory_find(const struct cc_number_directory *directory,
                                       struct cc_slice number,
                                       struct cc_number_entry *out) CC_MUST_CHECK;
size_t cc_number_directory_count(const struct cc_number_directory *directory);
int64_t cc_number_directory_epoch(const struct cc_number_directory *directory);

/* Appends one line; the writer gives entries in sorted order (byte order of the number). */
void cc_number_directory_append(struct cc_buffer *payload, const struct cc_number_entry *entry);

#endif
