#include "control-plane/backup/info.h"

#include <string.h>

#include "base/json.h"

static int64_t whole(const json_t *object, const char *outer, const char *inner)
{
    return json_integer_value(json_object_get(json_object_get(object, outer), inner));
}

static const char *text(const json_t *value, struct cc_arena *arena)
{
    const char *found = json_string_value(value);
    return found ? cc_arena_copy(arena, cc_slice_of(found)) : NULL;
}

static enum cc_error read_backup(const json_t *entry, struct cc_arena *arena, struct cp_backup *out)
{
    const json_t *repository = json_object_get(json_object_get(entry, "info"), "repository");
    const json_t *archive = json_object_get(entry, "archive");
    *out = (struct cp_backup){
        .label = text(json_object_get(entry, "label"), arena),
        .type = text(json_object_get(entry, "type"), arena),
        .started_at = whole(entry, "timestamp", "start"),
        .finished_at = whole(entry, "timestamp", "stop"),
        .database_bytes = whole(entry, "info", "size"),
        .repository_bytes = json_integer_value(json_object_get(repository, "delta")),
        .first_wal = text(json_object_get(archive, "start"), arena),
        .last_wal = text(json_object_get(archive, "stop"), arena),
        .failed = json_is_true(json_object_get(entry, "error")),
    };
    bool complete = out->label && out->type && out->finished_at > 0 && out->last_wal;
    return complete ? CC_OK : CC_INVALID;
}

static enum cc_error read_list(const json_t *root, struct cc_arena *arena,
                               struct cp_backup_list *out)
{
    const json_t *entries = json_object_get(json_array_get(root, 0), "backup");
    *out = (struct cp_backup_list){0};
    if (!json_is_array(entries))
        return CC_INVALID;
    out->count = json_array_size(entries);
    out->backups = cc_arena_alloc(arena, (out->count + 1) * sizeof(*out->backups));
    enum cc_error error = out->backups ? CC_OK : CC_NO_MEMORY;
    for (size_t i = 0; !error && i < out->count; i++)
        error = read_backup(json_array_get(entries, i), arena, &out->backups[i]);
    return error;
}

enum cc_error cp_backup_info_parse(struct cc_slice json, struct cc_arena *arena,
                                   struct cp_backup_list *out)
{
    json_t *root = NULL;
    *out = (struct cp_backup_list){0};
    enum cc_error error = cc_json_parse(json, json.length + 1, &root, NULL);
    if (!error)
        error = read_list(root, arena, out);
    json_decref(root);
    return error == CC_NO_MEMORY || !error ? error : CC_INVALID;
}

const struct cp_backup *cp_backup_newest(const struct cp_backup_list *list, bool only_full)
{
    for (size_t i = list->count; i > 0; i--) {
        if (!only_full || strcmp(list->backups[i - 1].type, "full") == 0)
            return &list->backups[i - 1];
    }
    return NULL;
}
