#include "base/config.h"

#include <stddef.h>

#include "tests/unit/base/suite.h"

struct settings {
    char *name;
    int64_t listen_port;
    bool verbose;
    struct cc_config_list sources;
    char *redis_host;
    int64_t redis_port;
};

static const struct cc_config_key keys[] = {
    {"name", CC_CONFIG_TEXT, offsetof(struct settings, name), true, NULL, 0, 0, "Its name"},
    {"listen_port", CC_CONFIG_INTEGER, offsetof(struct settings, listen_port), false, "8080", 1,
     65535, "Where it listens"},
    {"verbose", CC_CONFIG_BOOLEAN, offsetof(struct settings, verbose), false, NULL, 0, 0, "Talks"},
    {"sources", CC_CONFIG_TEXT_LIST, offsetof(struct settings, sources), false, "a:1,b:2", 0, 0,
     "Where from"},
    {"redis.host", CC_CONFIG_TEXT, offsetof(struct settings, redis_host), false, "127.0.0.1", 0, 0,
     "Redis"},
    {"redis.port", CC_CONFIG_INTEGER, offsetof(struct settings, redis_port), false, NULL, 0, 0,
     "Redis"}};
enum { KEYS = sizeof(keys) / sizeof(keys[0]) };

static struct settings settings;

static enum cc_error load(const char *yaml, char *const *environment, const char *expected_errors)
{
    struct cc_buffer errors;
    cc_buffer_init(&errors, 0);
    memset(&settings, 0, sizeof(settings));
    enum cc_error error = cc_config_load(cc_slice_of(yaml), "edge.yaml", "CALLCELL_EDGE",
                                         environment, keys, KEYS, &settings, &errors);
    ASSERT_SLICE(cc_buffer_slice(&errors), expected_errors);
    cc_buffer_deinit(&errors);
    return error;
}

static void unload(void)
{
    cc_config_free(keys, KEYS, &settings);
    ck_assert_ptr_null(settings.name);
    ck_assert_ptr_null(settings.sources.items);
}

START_TEST(everything_is_read)
{
    ck_assert_int_eq(load("# comment\n"
                          "name: edge-1\n"
                          "listen_port: 9000\n"
                          "verbose: true\n"
                          "sources: [\"x:1\", y:2]\n"
                          "redis:\n"
                          "  host: \"10.0.0.1\"\n"
                          "  port: -5\n",
                          NULL, ""),
                     CC_OK);
    ck_assert_str_eq(settings.name, "edge-1");
    ck_assert_int_eq(settings.listen_port, 9000);
    ck_assert(settings.verbose);
    ck_assert_uint_eq(settings.sources.count, 2);
    ck_assert_str_eq(settings.sources.items[1], "y:2");
    ck_assert_str_eq(settings.redis_host, "10.0.0.1");
    ck_assert_int_eq(settings.redis_port, -5);
    unload();
}
END_TEST

START_TEST(defaults_fill_what_is_absent_or_null)
{
    ck_assert_int_eq(load("name: a\nlisten_port:\nsources: ~\n", NULL, ""), CC_OK);
    ck_assert_int_eq(settings.listen_port, 8080);
    ck_assert(!settings.verbose);
    ck_assert_uint_eq(settings.sources.count, 2);
    ck_assert_str_eq(settings.sources.items[0], "a:1");
    ck_assert_str_eq(settings.redis_host, "127.0.0.1");
    unload();
}
END_TEST

START_TEST(an_empty_list_is_not_the_default)
{
    ck_assert_int_eq(load("name: a\nsources: []\n", NULL, ""), CC_OK);
    ck_assert_uint_eq(settings.sources.count, 0);
    unload();
}
END_TEST

START_TEST(all_errors_are_told_together)
{
    ck_assert_int_eq(load("listen_port: 99999\n"
                          "verbose: yes\n"
                          "colour: red\n"
                          "redis:\n"
                          "  port: 12x\n"
                          "  colour: {a: [1, 2]}\n"
                          "  host: [a]\n"
                          "sources: one\n",
                          NULL,
                          "edge.yaml:1: listen_port: must be 1 to 65535, is 99999\n"
                          "edge.yaml:2: verbose: must be true or false\n"
                          "edge.yaml:3: colour: unknown key\n"
                          "edge.yaml:5: redis.port: must be an integer, is 12x\n"
                          "edge.yaml:6: redis.colour: unknown key\n"
                          "edge.yaml:7: redis.host: must be a single value\n"
                          "edge.yaml:8: sources: must be a list\n"
                          "edge.yaml:1: name: is required\n"),
                     CC_INVALID);
    unload();
}
END_TEST

START_TEST(twice_is_an_error)
{
    ck_assert_int_eq(load("name: a\nname: b\n", NULL, "edge.yaml:2: name: stands there twice\n"),
                     CC_INVALID);
    unload();
}
END_TEST

START_TEST(shapes_that_are_no_configuration)
{
    ck_assert_int_eq(load("- a\n", NULL,
                          "edge.yaml:1: must be one mapping of keys to values\n"
                          "edge.yaml:1: name: is required\n"),
                     CC_INVALID);
    unload();
    ck_assert_int_eq(load("name: a\n---\nname: b\n", NULL,
                          "edge.yaml:3: must be one mapping of keys to values\n"),
                     CC_INVALID);
    unload();
    ck_assert_int_eq(
        load("name: &x a\nredis: 5\n", NULL, "edge.yaml:2: redis: must be a mapping\n"),
        CC_INVALID);
    unload();
    ck_assert_int_eq(load("name: &x a\nredis:\n  host: *x\n", NULL,
                          "edge.yaml:3: redis.host: must be a single value\n"),
                     CC_INVALID);
    unload();
    ck_assert_int_eq(load("name: \"a\\0b\"\n", NULL, "edge.yaml:1: name: must not contain a NUL\n"),
                     CC_INVALID);
    unload();
    ck_assert_int_eq(load("", NULL, "edge.yaml:1: name: is required\n"), CC_INVALID);
    unload();
}
END_TEST

START_TEST(broken_yaml_names_its_line)
{
    ck_assert_int_eq(
        load("name: a\nsources: [1\n", NULL, "edge.yaml:3: did not find expected ',' or ']'\n"),
        CC_INVALID);
    unload();
}
END_TEST

START_TEST(the_environment_overrides)
{
    char *const environment[] = {(char[]){"PATH=/bin"},
                                 (char[]){"CALLCELL_EDGE__LISTEN_PORT=9001"},
                                 (char[]){"CALLCELL_EDGE__REDIS__PORT=7"},
                                 (char[]){"CALLCELL_EDGE__SOURCES=p:1,q:2,r:3"},
                                 (char[]){"CALLCELL_EDGE__NAME=from=env"},
                                 (char[]){"CALLCELL_CELL__OTHER=1"},
                                 NULL};
    ck_assert_int_eq(load("name: a\nsources: [z:9]\n", environment, ""), CC_OK);
    ck_assert_str_eq(settings.name, "from=env");
    ck_assert_int_eq(settings.listen_port, 9001);
    ck_assert_int_eq(settings.redis_port, 7);
    ck_assert_uint_eq(settings.sources.count, 3);
    ck_assert_str_eq(settings.sources.items[2], "r:3");
    unload();
}
END_TEST

START_TEST(errors_of_the_environment)
{
    char *const environment[] = {(char[]){"CALLCELL_EDGE__LISTEN_PORT=0"},
                                 (char[]){"CALLCELL_EDGE__COLOUR=red"}, NULL};
    ck_assert_int_eq(load("name: a\n", environment,
                          "environment: CALLCELL_EDGE__LISTEN_PORT: must be 1 to 65535, is 0\n"
                          "environment: CALLCELL_EDGE__COLOUR: unknown variable\n"),
                     CC_INVALID);
    unload();
}
END_TEST

START_TEST(integers_are_decimal_and_whole)
{
    static const char *const bad[] = {"0x10", "1.0",     "1e3",    "1_000",
                                      "+1",   "\"- 1\"", "\" 1\"", "99999999999999999999",
                                      "-",    "\"\""};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct cc_buffer yaml;
        struct cc_buffer errors;
        cc_buffer_init(&yaml, 0);
        cc_buffer_init(&errors, 0);
        cc_buffer_printf(&yaml, "{name: a, redis: {port: %s}}", bad[i]);
        memset(&settings, 0, sizeof(settings));
        ck_assert_msg(cc_config_load(cc_buffer_slice(&yaml), "f", "P", NULL, keys, KEYS, &settings,
                                     &errors) == CC_INVALID,
                      "accepted %s", bad[i]);
        ck_assert_ptr_nonnull(
            memmem(errors.data, errors.length, "redis.port: must be an integer", 30));
        unload();
        cc_buffer_deinit(&errors);
        cc_buffer_deinit(&yaml);
    }
}
END_TEST

START_TEST(the_documentation)
{
    struct cc_buffer out;
    cc_buffer_init(&out, 0);
    cc_config_describe(keys, 2, &out);
    ASSERT_SLICE(cc_buffer_slice(&out),
                 "| Key | Kind | Default | Meaning |\n|---|---|---|---|\n"
                 "| `name` | text | required | Its name |\n"
                 "| `listen_port` | integer, 1 to 65535 | `8080` | Where it listens |\n");
    cc_buffer_deinit(&out);
}
END_TEST

SUITE_MAIN("config", everything_is_read, defaults_fill_what_is_absent_or_null,
           an_empty_list_is_not_the_default, all_errors_are_told_together, twice_is_an_error,
           shapes_that_are_no_configuration, broken_yaml_names_its_line, the_environment_overrides,
           errors_of_the_environment, integers_are_decimal_and_whole, the_documentation)
