#include "base/config.h"

#include <stddef.h>

#include "tests/fuzz/fuzz.h"

struct settings {
    char *name;
    int64_t port;
    bool verbose;
    struct cc_config_list sources;
    int64_t redis_port;
};

static const struct cc_config_key keys[] = {
    {"name", CC_CONFIG_TEXT, offsetof(struct settings, name), false, "a", 0, 0, ""},
    {"port", CC_CONFIG_INTEGER, offsetof(struct settings, port), false, "8080", 1, 65535, ""},
    {"verbose", CC_CONFIG_BOOLEAN, offsetof(struct settings, verbose), false, NULL, 0, 0, ""},
    {"sources", CC_CONFIG_TEXT_LIST, offsetof(struct settings, sources), false, "a,b", 0, 0, ""},
    {"redis.port", CC_CONFIG_INTEGER, offsetof(struct settings, redis_port), false, NULL, 0, 0,
     ""}};
enum { KEYS = sizeof(keys) / sizeof(keys[0]) };

/* Refused with at least one line, or accepted within the bounds. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct settings settings = {0};
    struct cc_buffer errors;
    cc_buffer_init(&errors, 0);
    enum cc_error error =
        cc_config_load(fuzz_input(data, size), "f", "P", NULL, keys, KEYS, &settings, &errors);
    HOLDS((error == CC_INVALID) == (errors.length > 0));
    if (!error)
        HOLDS(settings.name && settings.port >= 1 && settings.port <= 65535);
    cc_config_free(keys, KEYS, &settings);
    cc_buffer_deinit(&errors);
    return 0;
}
