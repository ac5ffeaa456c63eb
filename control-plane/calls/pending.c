#include "control-plane/calls/pending.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>

#include "base/io/spool.h"
#include "control-plane/files.h"

enum { RECORD_MAX = 1024 * 1024 };

struct search {
    const char *tenant, *call, *where;
    json_t *found;
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

static void see(void *pointer, struct cc_slice payload)
{
    struct search *search = pointer;
    json_t *record = NULL;
    if (!memmem(payload.data, payload.length, search->call, strlen(search->call)) ||
        cc_json_parse(payload, RECORD_MAX, &record, NULL))
        return;
    if (is(record, "call_id", search->call) && is(record, "tenant", search->tenant) &&
        !is_known(search->found, record)) {
        json_object_set_new(record, "where", json_string(search->where));
        json_array_append(search->found, record);
    }
    json_decref(record);
}

/* What is not there holds nothing; what cannot be read may. */
static int is_unreadable(const char *path, int reason)
{
    (void)path;
    return reason != ENOENT && reason != ENOTDIR;
}

/* Folders of spools of the cell's workers ("spool", "spool-2") and of journals for it. The caller
 * globfree()s also after a failure. */
static enum cc_error find(struct cp_context *context, const char *cell, glob_t *out)
{
    const char *const patterns[] = {
        cp_path(context, "cells/%s/workers/*/spool*", cell),
        cp_path(context, "sites/*/cells/%s/workers/*/spool*", cell),
        cp_path(context, "edges/*/journal/%s", cell),
    };
    *out = (glob_t){0};
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        int status = glob(patterns[i], i ? GLOB_APPEND : 0, is_unreadable, out);
        if (status != 0 && status != GLOB_NOMATCH)
            return cp_fail(context, CC_IO, "spools of %s cannot be read (%s)", cell, patterns[i]);
    }
    return CC_OK;
}

enum cc_error cp_pending_find(struct cp_context *context, const char *cell, const char *tenant,
                              const char *call, json_t *out)
{
    glob_t found;
    enum cc_error error = find(context, cell, &found);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        const char *folder = found.gl_pathv[i] + strlen(context->home) + 1;
        struct search search = {tenant, call, folder, out};
        enum cc_error one = cc_spool_look(found.gl_pathv[i], see, &search);
        if (one && one != CC_NOT_FOUND)
            error = cp_fail(context, one, "%s cannot be read", folder);
    }
    globfree(&found);
    return error;
}

void cp_pending_add(const json_t *pending, json_t *events)
{
    for (size_t i = 0; i < json_array_size(pending); i++) {
        json_t *record = json_array_get(pending, i);
        if (!is_known(events, record))
            json_array_append(events, record);
    }
}

static enum cc_error count(struct cp_context *context, const glob_t *found, uint64_t *out,
                           const char **where)
{
    enum cc_error error = CC_OK;
    *out = 0;
    *where = "";
    for (size_t i = 0; !error && i < found->gl_pathc; i++) {
        const char *folder = found->gl_pathv[i] + strlen(context->home) + 1;
        uint64_t left = 0;
        error = cc_spool_left(found->gl_pathv[i], &left);
        if (error)
            error = cp_fail(context, error, "%s cannot be read", folder);
        if (left > 0)
            *where = cp_copy(context, cc_slice_of(folder));
        *out += left;
    }
    return error;
}

enum cc_error cp_pending_count(struct cp_context *context, const char *cell, uint64_t *out,
                               const char **where)
{
    glob_t found;
    *out = 0;
    *where = "";
    enum cc_error error = find(context, cell, &found);
    if (!error)
        error = count(context, &found, out, where);
    globfree(&found);
    return error;
}

enum cc_error cp_pending_of_edge(struct cp_context *context, const char *edge, uint64_t *out,
                                 const char **where, const char **aside)
{
    glob_t found = {0};
    const char *lanes = cp_path(context, "edges/%s/journal/*", edge);
    enum cc_error error = CC_OK;
    int status = glob(lanes, 0, is_unreadable, &found);
    *aside = "";
    if (status != 0 && status != GLOB_NOMATCH)
        error = cp_fail(context, CC_IO, "the journal of %s cannot be read (%s)", edge, lanes);
    if (!error)
        error = count(context, &found, out, where);
    for (size_t i = 0; !error && i < found.gl_pathc; i++) {
        const char *file = cp_format(context, "%s/quarantine.jsonl", found.gl_pathv[i]);
        if (cp_file_exists(file))
            *aside = file + strlen(context->home) + 1;
    }
    globfree(&found);
    return error;
}
