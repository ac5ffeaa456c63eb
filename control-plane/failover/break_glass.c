/* Rim: files. */
#include "control-plane/failover/break_glass.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "control-plane/files.h"
#include "control-plane/run_file.h"
#include "control-plane/sites.h"

enum { FILE_MAX = 4096 };

const char *cp_break_glass_run(struct cp_context *context, const char *cell)
{
    return cp_path(context, "run/break-glass/%s.run", cell);
}

static const char *kept_at(struct cp_context *context, const char *cell)
{
    return cp_path(context, "run/break-glass/%s.json", cell);
}

enum cc_error cp_break_glass_lock(struct cp_context *context, const char *cell, int *out)
{
    enum cc_error error = cp_folder_make(context, cp_path(context, "run/break-glass"));
    return error ? error : cp_run_file_lock(context, kept_at(context, cell), out);
}

enum cc_error cp_break_glass_keep(struct cp_context *context, const char *cell, const char *to,
                                  int64_t term)
{
    const char *text = cp_format(context, "{\"to\":\"%s\",\"term\":%lld}\n", to, (long long)term);
    return cp_file_write(context, kept_at(context, cell), cc_slice_of(text), 0600);
}

bool cp_break_glass_recall(struct cp_context *context, const char *cell, const char **to,
                           int64_t *term)
{
    struct cc_slice bytes;
    json_t *kept = NULL;
    const char *file = kept_at(context, cell);
    if (!cp_file_exists(file) || cp_file_read(context, file, &bytes) ||
        cc_json_parse(bytes, FILE_MAX, &kept, NULL))
        return false;
    const char *site = json_string_value(json_object_get(kept, "to"));
    *term = json_integer_value(json_object_get(kept, "term"));
    *to = site && cp_site_is(site, CP_SITE_FIRST) ? CP_SITE_FIRST : CP_SITE_SECOND;
    json_decref(kept);
    return site && *term > 0;
}

enum cc_error cp_break_glass_forget(struct cp_context *context, const char *cell)
{
    return cp_tree_remove(context, kept_at(context, cell));
}

/* ---- the log ---- */

static bool is_logged(struct cp_context *context, const char *path, const char *line)
{
    struct cc_slice text;
    return cp_file_exists(path) && !cp_file_read(context, path, &text) &&
           memmem(text.data, text.length, line, strlen(line));
}

static bool append(int file, const char *line)
{
    size_t length = strlen(line);
    return write(file, line, length) == (ssize_t)length && fsync(file) == 0;
}

enum cc_error cp_break_glass_log(struct cp_context *context, const char *cell, const char *to,
                                 int64_t term)
{
    const char *path =
        cp_site_path(context, to, cp_format(context, "cells/%s/break-glass.log", cell));
    const char *line = cp_format(context, "evacuated to site %s under term %lld by %s\n", to,
                                 (long long)term, context->actor);
    if (is_logged(context, path, line))
        return CC_OK;
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    bool written = file >= 0 && append(file, line);
    if (file >= 0)
        written = close(file) == 0 && written;
    return written ? CC_OK : cp_fail(context, CC_IO, "cannot write %s", path);
}
