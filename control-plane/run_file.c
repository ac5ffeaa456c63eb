/* Rim: files. */
#include "control-plane/run_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control-plane/files.h"

enum { BYTES_MAX = 64 * 1024 };

enum cc_error cp_run_file_lock(struct cp_context *context, const char *path, int *out)
{
    const char *lock = cp_format(context, "%s.lock", path);
    *out = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*out < 0)
        return cp_fail(context, CC_IO, "cannot write %s", lock);
    if (flock(*out, LOCK_EX | LOCK_NB) == 0)
        return CC_OK;
    (void)close(*out);
    *out = -1;
    return cp_fail(context, CC_CONFLICT, "another command does the same just now (%s)", lock);
}

static const char *text_in(struct cp_context *context, const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? cp_copy(context, cc_slice_of(text)) : "";
}

enum cc_error cp_run_file_begin(struct cp_context *context, const char *path,
                                const struct cc_transition_table *table, const char **out)
{
    struct cc_slice bytes;
    json_t *kept = NULL;
    *out = table->first;
    if (cp_file_exists(path)) {
        enum cc_error error = cp_file_read(context, path, &bytes);
        if (!error && !cc_json_parse(bytes, BYTES_MAX, &kept, NULL) &&
            strcmp(text_in(context, kept, "command"), context->command_line) == 0)
            *out = text_in(context, kept, "state");
        json_decref(kept);
        if (error)
            return error;
    }
    return cp_run_file_record(context, path, table, *out);
}

enum cc_error cp_run_file_record(struct cp_context *context, const char *path,
                                 const struct cc_transition_table *table, const char *state)
{
    if (strcmp(state, table->last) == 0)
        return unlink(path) ? cp_fail(context, CC_IO, "cannot remove %s", path) : CC_OK;
    json_t *kept = json_pack("{ss ss}", "command", context->command_line, "state", state);
    char *text = kept ? json_dumps(kept, JSON_COMPACT) : NULL;
    enum cc_error error =
        text ? cp_file_write(context, path, cc_slice_of(text), 0600) : CC_NO_MEMORY;
    free(text);
    json_decref(kept);
    return error;
}

static bool is_held(struct cp_context *context, const char *path)
{
    int lock = open(cp_format(context, "%s.lock", path), O_RDONLY | O_CLOEXEC);
    if (lock < 0)
        return false;
    bool held = flock(lock, LOCK_SH | LOCK_NB) != 0;
    (void)close(lock);
    return held;
}

bool cp_run_file_look(struct cp_context *context, const char *path, struct cp_run_file_kept *out)
{
    struct stat file;
    struct cc_slice bytes;
    json_t *kept = NULL;
    if (stat(path, &file) || cp_file_read(context, path, &bytes) ||
        cc_json_parse(bytes, BYTES_MAX, &kept, NULL))
        return false;
    *out = (struct cp_run_file_kept){.command = text_in(context, kept, "command"),
                                     .state = text_in(context, kept, "state"),
                                     .at_us = (int64_t)file.st_mtim.tv_sec * 1000000 +
                                              file.st_mtim.tv_nsec / 1000,
                                     .under_way = is_held(context, path)};
    json_decref(kept);
    return true;
}
