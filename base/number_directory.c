#include "base/number_directory.h"

#include <stdio.h>
#include <stdlib.h>

/* offsets[i]: where line i starts in payload. */
struct cc_number_directory {
    int64_t epoch;
    size_t count;
    uint32_t *offsets;
    size_t length;
    char payload[];
};

static const char *const kind_names[] = {"mobile", "pbx"};

/* Takes the text up to the separator off *rest; false when the separator is not there. */
static bool take_field(struct cc_slice *rest, char separator, struct cc_slice *out)
{
    const char *end = rest->length > 0 ? memchr(rest->data, separator, rest->length) : NULL;
    if (!end)
        return false;
    *out = cc_slice(rest->data, (size_t)(end - rest->data));
    *rest = cc_slice(end + 1, rest->length - out->length - 1);
    return true;
}

/* Reads one line off *rest; NULL, or what is wrong with it. */
static const char *read_entry(struct cc_slice *rest, struct cc_number_entry *out)
{
    struct cc_slice line;
    struct cc_slice kind;
    *out = (struct cc_number_entry){0};
    if (!take_field(rest, '\n', &line))
        return "does not end with a line feed";
    if (!take_field(&line, '\t', &out->number) || !take_field(&line, '\t', &out->tenant) ||
        !take_field(&line, '\t', &kind))
        return "must have four fields separated by tabs";
    if (!cc_name_is_e164(out->number))
        return "number must be E.164";
    if (!cc_name_is_tenant(out->tenant))
        return "tenant must match [a-z][a-z0-9-]{1,30}";
    if (cc_slice_is(kind, kind_names[CC_CALL_PBX]))
        out->kind = CC_CALL_PBX;
    else if (!cc_slice_is(kind, kind_names[CC_CALL_MOBILE]))
        return "kind must be mobile or pbx";
    if (!cc_slice_is(line, "-")) {
        if (!cc_name_is_e164(line))
            return "fallback target must be E.164 or -";
        out->fallback_target = line;
    }
    return NULL;
}

static int compare(struct cc_slice a, struct cc_slice b)
{
    size_t common = a.length < b.length ? a.length : b.length;
    int order = common > 0 ? memcmp(a.data, b.data, common) : 0;
    if (order != 0)
        return order;
    return a.length < b.length ? -1 : a.length > b.length;
}

static size_t count_lines(struct cc_slice payload)
{
    size_t count = 0;
    for (size_t i = 0; i < payload.length; i++)
        count += payload.data[i] == '\n';
    return count;
}

static enum cc_error index_lines(struct cc_number_directory *directory,
                                 struct cc_json_reason *reason)
{
    struct cc_slice rest = cc_slice(directory->payload, directory->length);
    struct cc_slice previous = cc_slice(NULL, 0);
    while (rest.length > 0) {
        struct cc_number_entry entry;
        uint32_t offset = (uint32_t)(rest.data - directory->payload);
        const char *problem = read_entry(&rest, &entry);
        if (!problem && compare(previous, entry.number) >= 0)
            problem = "number must be greater than the one before";
        if (problem) {
            if (reason)
                (void)snprintf(reason->text, sizeof(reason->text), "line %zu: %s",
                               directory->count + 1, problem);
            return CC_INVALID;
        }
        directory->offsets[directory->count++] = offset;
        previous = entry.number;
    }
    return CC_OK;
}

enum cc_error cc_number_directory_parse(const struct cc_publication *publication,
                                        struct cc_number_directory **out,
                                        struct cc_json_reason *reason)
{
    struct cc_slice payload = publication->payload;
    *out = NULL;
    if (payload.length >= UINT32_MAX)
        return CC_TOO_LARGE;
    struct cc_number_directory *directory = malloc(sizeof(*directory) + payload.length);
    if (!directory)
        return CC_NO_MEMORY;
    *directory =
        (struct cc_number_directory){.epoch = publication->epoch, .length = payload.length};
    if (payload.length > 0)
        memcpy(directory->payload, payload.data, payload.length);
    directory->offsets = calloc(count_lines(payload) + 1, sizeof(*directory->offsets));
    enum cc_error error = directory->offsets ? index_lines(directory, reason) : CC_NO_MEMORY;
    if (error) {
        cc_number_directory_free(directory);
        return error;
    }
    *out = directory;
    return CC_OK;
}

void cc_number_directory_free(struct cc_number_directory *directory)
{
    if (!directory)
        return;
    free(directory->offsets);
    free(directory);
}

enum cc_error cc_number_directory_find(const struct cc_number_directory *directory,
                                       struct cc_slice number, struct cc_number_entry *out)
{
    size_t low = 0;
    size_t high = directory->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        size_t offset = directory->offsets[middle];
        struct cc_slice rest = cc_slice(directory->payload + offset, directory->length - offset);
        if (read_entry(&rest, out))
            return CC_CORRUPT;
        int order = compare(number, out->number);
        if (order == 0)
            return CC_OK;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    *out = (struct cc_number_entry){0};
    return CC_NOT_FOUND;
}

size_t cc_number_directory_count(const struct cc_number_directory *directory)
{
    return directory->count;
}

int64_t cc_number_directory_epoch(const struct cc_number_directory *directory)
{
    return directory->epoch;
}

void cc_number_directory_append(struct cc_buffer *payload, const struct cc_number_entry *entry)
{
    cc_buffer_append(payload, entry->number);
    cc_buffer_text(payload, "\t");
    cc_buffer_append(payload, entry->tenant);
    cc_buffer_text(payload, "\t");
    cc_buffer_text(payload, kind_names[entry->kind == CC_CALL_PBX]);
    cc_buffer_text(payload, "\t");
    if (entry->fallback_target.length > 0)
        cc_buffer_append(payload, entry->fallback_target);
    else
        cc_buffer_text(payload, "-");
    cc_buffer_text(payload, "\n");
}
