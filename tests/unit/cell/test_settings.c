#include "tests/unit/cell/fixture.h"

#include "cell/settings.h"

#define WHOLE                                                                                      \
    "country: se\ncell: se-1\nworker: worker-1\nlisten_port: 20101\nedge_token_file: /e\n"         \
    "control_token_file: /c\nredis:\n  port: 20120\npostgres:\n"                                   \
    "  hosts: 127.0.0.1:20131,127.0.0.1:20132\n  password_directory: /p\n"                         \
    "publications_directory: /d\npublic_key_file: /k\nspool_directory: /s\n"

static struct cell_settings settings;
static struct cc_buffer errors;

static enum cc_error load(const char *yaml)
{
    settings = (struct cell_settings){0};
    cc_buffer_init(&errors, 0);
    enum cc_error error =
        cell_settings_load(cc_slice_of(yaml), "cell.yaml", NULL, &settings, &errors);
    cc_buffer_append(&errors, cc_slice("", 1));
    return error;
}

static void done(void)
{
    cell_settings_free(&settings);
    cc_buffer_deinit(&errors);
}

START_TEST(a_file_with_the_needed_keys_gets_the_defaults)
{
    ck_assert_msg(load(WHOLE) == CC_OK, "%s", errors.data);
    ck_assert_int_eq(settings.call_plans_max, 100000);
    ck_assert_int_eq(settings.budget_redis_ms, 30);
    ck_assert(cell_settings_has_role(&settings, "calls"));
    ck_assert(cell_settings_has_role(&settings, "directory"));
    ck_assert(!cell_settings_has_role(&settings, "orders"));
    done();
}
END_TEST

START_TEST(connections_name_all_hosts_the_role_and_the_target)
{
    struct cc_buffer conninfo;
    cc_buffer_init(&conninfo, 0);
    ck_assert_int_eq(load(WHOLE), CC_OK);
    cell_settings_conninfo(&settings, "calls", "standby", &conninfo);
    ck_assert_str_eq(conninfo.data,
                     "host=127.0.0.1,127.0.0.1 port=20131,20132 dbname=cell user=calls "
                     "target_session_attrs=standby options='-c timezone=UTC'");
    cc_buffer_deinit(&conninfo);
    done();
}
END_TEST

START_TEST(what_a_table_of_keys_cannot_say_is_checked_too)
{
    static const struct {
        const char *line;
        const char *error;
    } cases[] = {
        {"roles: [calls, kitchen]\n", "roles: "},
        {"log_level: loud\n", "log_level: "},
        {"sources: [\"127.0.0.1:7300\"]\n", "source_token_file: "},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cc_buffer yaml;
        cc_buffer_init(&yaml, 0);
        cc_buffer_text(&yaml, WHOLE);
        cc_buffer_append(&yaml, cc_slice(cases[i].line, strlen(cases[i].line) + 1));
        ck_assert_int_eq(load(yaml.data), CC_INVALID);
        ck_assert_msg(strstr(errors.data, cases[i].error) != NULL, "%s", errors.data);
        cc_buffer_deinit(&yaml);
        done();
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        a_file_with_the_needed_keys_gets_the_defaults,
        connections_name_all_hosts_the_role_and_the_target,
        what_a_table_of_keys_cannot_say_is_checked_too,
    };
    return fixture_run("settings", tests, sizeof(tests) / sizeof(tests[0]));
}
