/*
 * What a name may look like: tenants, countries, numbers, ids. Each returns false for anything
 * else.
 */
#ifndef CC_NAMES_H
#define CC_NAMES_H

#include <stdint.h>

#include "base/slice.h"

enum {
    CC_TENANT_MAX = 31,    /* [a-z][a-z0-9-]{1,30} */
    CC_COUNTRY_LENGTH = 2, /* ISO 3166-1 alpha-2, lower case */
    CC_CELL_MAX = 15,      /* <country>-<n>, n without leading zero */
    CC_E164_MAX = 16,      /* "+" and 2 to 15 digits (ITU-T E.164) */
    CC_CARRIER_ID_MAX = 128,
    CC_UUID_TEXT = 36
};

bool cc_name_is_tenant(struct cc_slice text);
bool cc_name_is_country(struct cc_slice text);
bool cc_name_is_cell(struct cc_slice text);
bool cc_name_is_e164(struct cc_slice text);

/* An id of a carrier's making: 1 to 128 printable ASCII bytes without space, '"' or '\\'. */
bool cc_name_is_carrier_id(struct cc_slice text);

/* Something a caller dialled: 1 to 64 bytes of digits, '+', '*', '#', or a urn:service:... */
bool cc_name_is_dialled(struct cc_slice text);

/* A name of ours for flows, nodes, queues, templates: [a-z][a-z0-9_-]{0,62}. */
bool cc_name_is_resource(struct cc_slice text);

/* A UUID's 36 bytes in lower case, of any version. */
bool cc_name_is_uuid(struct cc_slice text);

/* UUID version 7 (RFC 9562) from a time and 10 random bytes; out holds CC_UUID_TEXT + 1 bytes. */
void cc_uuid7(int64_t time_us, const uint8_t random[10], char *out);

#endif
