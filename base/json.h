/*
 * Strict JSON over jansson (RFC 8259): duplicate keys, trailing bytes, invalid UTF-8 and more than
 * 32 levels of depth are refused. Getters name the field they miss, for problem+json details.
 */
#ifndef CC_JSON_H
#define CC_JSON_H

#include <jansson.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

enum { CC_JSON_DEPTH_MAX = 32, CC_JSON_REASON_MAX = 160 };

/* What was wrong, in words for a person: "call.to.e164: must be E.164 (+ and 2 to 15 digits)". */
struct cc_json_reason {
    char text[CC_JSON_REASON_MAX];
};

/* Parses exactly one JSON object or array. The caller json_decref()s *out. CC_INVALID with reason
 * filled, CC_TOO_LARGE when longer than limit_bytes. reason may be NULL. */
enum cc_error cc_json_parse(struct cc_slice bytes, size_t limit_bytes, json_t **out,
                            struct cc_json_reason *reason) CC_MUST_CHECK;

/* As above for documents with fields that are not ours to judge: integers beyond 64 bits and
 * "\\u0000" are valid JSON (RFC 8259 section 9 lets a parser refuse them) and must not cost a call
 * its answer. In a document that has one, every number is a real. */
enum cc_error cc_json_parse_foreign(struct cc_slice bytes, size_t limit_bytes, json_t **out,
                                    struct cc_json_reason *reason) CC_MUST_CHECK;

/* The value at a dotted path ("call.to.e164"), borrowed, or NULL. */
json_t *cc_json_at(const json_t *object, const char *path);

/* A string at path of 1 to length_max bytes. Absent: CC_NOT_FOUND; another type or length:
 * CC_INVALID; both fill reason. The slice is borrowed from the json_t. */
enum cc_error cc_json_string_at(const json_t *object, const char *path, size_t length_max,
                                struct cc_slice *out, struct cc_json_reason *reason) CC_MUST_CHECK;

/* An integer at path within [minimum, maximum]; errors as above. */
enum cc_error cc_json_integer_at(const json_t *object, const char *path, int64_t minimum,
                                 int64_t maximum, int64_t *out,
                                 struct cc_json_reason *reason) CC_MUST_CHECK;

/* Compact text with sorted keys: equal values give equal bytes. The caller free()s it; NULL when
 * memory is out. */
char *cc_json_canonical(const json_t *value);

#endif
