/*
 * status as text for a terminal, from the JSON of `status --output json` (pure).
 */
#ifndef CP_CLI_STATUS_SCREEN_H
#define CP_CLI_STATUS_SCREEN_H

#include "base/buffer.h"
#include "base/json.h"

struct cp_screen {
    int64_t now_us; /* wall clock: ages count from it */
    bool colour;    /* what is wrong is shown red */
};

void cp_screen_status(const json_t *status, const struct cp_screen *how, struct cc_buffer *out);
void cp_screen_cell(const json_t *cell, const struct cp_screen *how, struct cc_buffer *out);

#endif
