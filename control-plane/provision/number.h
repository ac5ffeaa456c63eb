/*
 * What a person may say about a number, checked and brought into the form that cells store (pure).
 */
#ifndef CP_PROVISION_NUMBER_H
#define CP_PROVISION_NUMBER_H

#include "base/json.h"
#include "base/names.h"
#include "base/safest.h"

struct cp_number {
    const char *number; /* E.164 */
    const char *tenant;
    const char *kind;     /* "mobile" or "pbx" */
    const char *fallback; /* NULL: none */
    const char *document; /* canonical JSON, as internal.md */
};

struct cp_number_options {
    const char *kind, *forward_always, *barring, *caller_id, *flow, *fallback; /* NULL: not given */
    bool hide_caller_id;
};

/* The document of a number from the options of `number create`; the caller json_decref()s *out.
 * CC_INVALID with a reason. barring: comma-separated. */
enum cc_error cp_number_document(const char *number, const struct cp_number_options *options,
                                 json_t **out, struct cc_json_reason *reason) CC_MUST_CHECK;

/* A number belongs to one country, which alone answers for it: CC_INVALID with a reason when it is
 * none of this country's. */
enum cc_error cp_number_check_country(const char *number, const char *country,
                                      const struct cc_call_policy *policy,
                                      struct cc_json_reason *reason) CC_MUST_CHECK;

/* Checks a document (one line of an import without its "tenant"). */
enum cc_error cp_number_check(const json_t *document, struct cc_json_reason *reason) CC_MUST_CHECK;

#endif
