#include "control-plane/calls/pending.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/call_record.h"
#include "base/io/spool_frame.h"

enum { SEGMENT_MAX = 64 * 1024 * 1024, RECORD_MAX = 64 * 1024 };

struct search {
    const char *tenant, *call, *where;
    json_t *events;
};

static bool same(const json_t *a, const json_t *b, const char *key)
{
    return json_equal(json_object_get(a, key), json_object_get(b, key));
}

static bool is_known(const json_t *events, const json_t *record)
{
    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *event = json_array_get(events, i);
        if (same(event, record, "event_id") && same(event, record, "decision_id"))
            return true;
    }
    return false;
}

static bool is(const json_t *record, const char *key, const char *value)
{
    const char *text = json_string_value(json_object_get(record, key));
    return text && strcmp(text, value) == 0;
}

static void look_at(struct search *search, struct cc_slice payload)
{
    json_t *record = NULL;
    if (!memmem(payload.data, payload.length, search->call, strlen(search->call)) ||
        cc_json_parse(payload, RECORD_MAX, &record, NULL))
        return;
    if (is(record, "call_id", search->call) && is(record, "tenant", search->tenant) &&
        !is_known(search->events, record)) {
        json_object_set_new(record, "where", json_string(search->where));
        json_array_append(search->events, record);
    }
    json_decref(record);
}

static void read_segment(struct search *search, const char *path)
{
    FILE *file = fopen(path, "re");
    char *bytes = file ? malloc(SEGMENT_MAX) : NULL;
    size_t length = bytes ? fread(bytes, 1, SEGMENT_MAX, file) : 0;
    struct cc_spool_frame frame;
    for (size_t at = 0; at < length; at += frame.bytes) {
        if (!cc_spool_frame_read(cc_slice(bytes + at, length - at), RECORD_MAX, &frame))
            break;
        look_at(search, frame.payload);
    }
    free(bytes);
    if (file)
        (void)fclose(file);
}

void cp_pending_add(struct cp_context *context, const char *cell, const char *tenant,
                    const char *call, json_t *events)
{
    const char *const patterns[] = {
        cp_path(context, "cells/%s/workers/*/spool*/*.spool", cell),
        cp_path(context, "sites/*/cells/%s/workers/*/spool*/*.spool", cell),
        cp_path(context, "edges/*/journal/%s/*.spool", cell),
    };
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        glob_t found = {0};
        if (glob(patterns[i], 0, NULL, &found) == 0) {
            for (size_t f = 0; f < found.gl_pathc; f++) {
                const char *path = found.gl_pathv[f];
                struct search search = {tenant, call, path + strlen(context->home) + 1, events};
                read_segment(&search, path);
            }
        }
        globfree(&found);
    }
}
