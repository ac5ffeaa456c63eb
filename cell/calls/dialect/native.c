#include "cell/calls/dialect/dialect.h"

const struct cell_dialect cell_dialect_native = {
    .name = "native",
    .content_type = "application/json",
    .read = cc_call_event_parse,
    .write = cc_answer_render,
};
