/*
 * YAML configuration by a table of keys. All errors are reported together, each with file, line and
 * key. An environment variable <PREFIX>__<KEY> (dots become "__", upper case) overrides a key:
 * CALLCELL_EDGE__LISTEN_PORT=9000.
 */
#ifndef CC_CONFIG_H
#define CC_CONFIG_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/err.h"
#include "base/slice.h"

enum cc_config_kind {
    CC_CONFIG_TEXT,     /* char *, owned by the struct, free with cc_config_free */
    CC_CONFIG_INTEGER,  /* int64_t */
    CC_CONFIG_BOOLEAN,  /* bool */
    CC_CONFIG_TEXT_LIST /* struct cc_config_list */
};

struct cc_config_list {
    char **items; /* count NUL-terminated texts */
    size_t count;
};

/* One key. Nested YAML mappings are written with dots: "redis.port". */
struct cc_config_key {
    const char *name;
    enum cc_config_kind kind;
    size_t offset; /* of the field in the target struct: offsetof() */
    bool required;
    const char *default_value; /* as it would stand in YAML; lists: comma-separated; NULL: zero */
    int64_t minimum, maximum;  /* integers only; both 0: any */
    const char *help;
};

/* Fills target (zeroed by the caller). yaml: the file's bytes; file_name for messages only.
 * environment: a NULL-terminated "NAME=value" array or NULL. Unknown keys are errors; so are
 * unknown variables under the prefix. On CC_INVALID, errors holds one line per error:
 * "edge.yaml:12: listen_port: must be 1 to 65535, is 99999". Call cc_config_free in both cases. */
enum cc_error cc_config_load(struct cc_slice yaml, const char *file_name,
                             const char *environment_prefix, char *const *environment,
                             const struct cc_config_key *keys, size_t key_count, void *target,
                             struct cc_buffer *errors) CC_MUST_CHECK;

void cc_config_free(const struct cc_config_key *keys, size_t key_count, void *target);

/* Markdown table of the keys, for docs. */
void cc_config_describe(const struct cc_config_key *keys, size_t key_count, struct cc_buffer *out);

#endif
