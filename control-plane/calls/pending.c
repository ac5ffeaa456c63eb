#include "control-plane/calls/pending.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/call_record.h"
#include "base/io/spool.h"
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

/* What is not there holds nothing; what cannot be read may. */
static int is_unreadable(const char *path, int reason)
{
    (void)path;
    return reason != ENOENT && reason != ENOTDIR;
}

/* Folders of spools of the cell's workers ("spool", "spool-2") and of journals for it, each with
 * below appended. on_error: as glob takes it. The caller globfree()s also after a failure. */
static enum cc_error find(struct cp_context *context, const char *cell, const char *below,
                          int (*on_error)(const char *path, int reason), glob_t *out)
{
    const char *const patterns[] = {
        cp_path(context, "cells/%s/workers/*/spool*%s", cell, below),
        cp_path(context, "sites/*/cells/%s/workers/*/spool*%s", cell, below),
        cp_path(context, "edges/*/journal/%s%s", cell, below),
    };
    *out = (glob_t){0};
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        int status = glob(patterns[i], i ? GLOB_APPEND : 0, on_error, out);
        if (status != 0 && status != GLOB_NOMATCH)
            return cp_fail(context, CC_IO, "spools of %s cannot be read (%s)", cell, patterns[i]);
    }
    return CC_OK;
}

void cp_pending_add(struct cp_context *context, const char *cell, const char *tenant,
                    const char *call, json_t *events)
{
    glob_t found;
    if (find(context, cell, "/*.spool", NULL, &found))
        context->message[0] = '\0'; /* what was found until then */
    for (size_t i = 0; i < found.gl_pathc; i++) {
        const char *path = found.gl_pathv[i];
        struct search search = {tenant, call, path + strlen(context->home) + 1, events};
        read_segment(&search, path);
    }
    globfree(&found);
}

enum cc_error cp_pending_count(struct cp_context *context, const char *cell, uint64_t *out,
                               const char **where)
{
    glob_t found;
    *out = 0;
    *where = "";
    enum cc_error error = find(context, cell, "", is_unreadable, &found);
    for (size_t i = 0; !error && i < found.gl_pathc; i++) {
        const char *folder = found.gl_pathv[i] + strlen(context->home) + 1;
        uint64_t left = 0;
        error = cc_spool_left(found.gl_pathv[i], &left);
        if (error)
            error = cp_fail(context, error, "%s cannot be read", folder);
        if (left > 0)
            *where = cp_copy(context, cc_slice_of(folder));
        *out += left;
    }
    globfree(&found);
    return error;
}
