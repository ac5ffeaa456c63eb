/*
 * Whether a report is one that its sender may make: under its own name, of what its token may read.
 * What is stored is compared with what was published and shown to people. Pure.
 */
#ifndef CP_SERVE_REPORT_H
#define CP_SERVE_REPORT_H

#include "base/json.h"
#include "control-plane/serve_index.h"

/* identity: of the certificate, empty without TLS; an operator's may stand for any program. reason:
 * of false, about the first thing that is wrong. */
bool cp_report_is_valid(struct cc_slice body, size_t bytes_max, const struct cp_index_token *token,
                        struct cc_slice identity, struct cc_json_reason *reason);

#endif
