#include <check.h>
#include <stdlib.h>

#include "edge/settings.h"

static enum cc_error load(const char *yaml, struct edge_settings *settings, char *text, size_t size)
{
    struct cc_buffer errors;
    cc_buffer_init(&errors, 0);
    *settings = (struct edge_settings){0};
    enum cc_error error =
        edge_settings_load(cc_slice_of(yaml), "edge.yaml", NULL, settings, &errors);
    size_t length = errors.length < size ? errors.length : size - 1;
    if (length > 0)
        memcpy(text, errors.data, length);
    text[length] = '\0';
    cc_buffer_deinit(&errors);
    return error;
}

#define NEEDED                                                                                     \
    "id: edge-1\npublications_directory: /p\njournal_directory: /j\npublic_key_file: /k.pub\n"

START_TEST(settings_and_defaults)
{
    struct edge_settings settings;
    char errors[512];
    ck_assert_int_eq(load(NEEDED "sources: [\"127.0.0.1:7300\"]\n", &settings, errors, 512), CC_OK);
    ck_assert_str_eq(settings.id, "edge-1");
    ck_assert_int_eq(settings.deadline_ms, 1000);
    ck_assert_int_eq(settings.listen_port, 8080);
    ck_assert_uint_eq(settings.sources.count, 1);
    ck_assert_int_eq(edge_settings_log_level(&settings), CC_LOG_INFO);
    edge_settings_free(&settings);
}
END_TEST

START_TEST(settings_that_are_wrong)
{
    struct edge_settings settings;
    char errors[512];
    ck_assert_int_eq(load(NEEDED "deadline_ms: 3\nlisten_port: 99999\n", &settings, errors, 512),
                     CC_INVALID);
    ck_assert_ptr_nonnull(strstr(errors, "deadline_ms"));
    ck_assert_ptr_nonnull(strstr(errors, "listen_port"));
    edge_settings_free(&settings);
    ck_assert_int_eq(load(NEEDED "log_level: loud\n", &settings, errors, 512), CC_INVALID);
    ck_assert_ptr_nonnull(strstr(errors, "log_level"));
    edge_settings_free(&settings);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("edge/settings");
    TCase *tests = tcase_create("settings");
    tcase_add_test(tests, settings_and_defaults);
    tcase_add_test(tests, settings_that_are_wrong);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
