/*
 * What the directory takes: number documents, checked and brought into one form. Pure.
 *
 * {"number":"+46…","kind":"mobile","forward_always":null,"barring":[],
 *  "caller_id":{"presentation":"allowed","number":null}}
 * {"number":"+46…","kind":"pbx","flow":"main","fallback_target":"+46…"}
 *
 * The same meaning gives the same bytes: every field is there, barring is sorted and without
 * repeats; so that writing a number again is seen to change nothing.
 */
#ifndef CELL_DIRECTORY_RESOURCE_H
#define CELL_DIRECTORY_RESOURCE_H

#include "base/json.h"
#include "base/safest.h"

enum { CELL_NUMBERS_MAX = 1000, CELL_TENANT_NAME_MAX = 200 };

/* {"numbers":[...]}, 1 to CELL_NUMBERS_MAX of them, none twice, each one of the country's; policy
 * NULL: the country's is not known yet, and any number will do. *out: JSON array of documents, the
 * caller free()s it. On CC_INVALID reason names the number's index and field: "numbers.3.kind:
 * ...". */
enum cc_error cell_numbers_check(const json_t *body, const struct cc_call_policy *policy,
                                 char **out, struct cc_json_reason *reason) CC_MUST_CHECK;

#endif
