/* The publication client against small sources in the same loop, and its files on disk. */
#include "base/io/publication_client.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "tests/support/publication_source.h"

enum { WAIT_US = 10000000, PATH_MAX_BYTES = 512 };

static struct {
    struct cc_loop *loop;
    struct cc_http_client *http;
    struct cc_publication_client *client;
    struct cc_publication_client_options options;
    bool kinds[CC_PUBLICATION_KINDS];
    char folder[64];
    char directory[96];
    char key_file[96];
    struct cc_ed25519 *signer;
    struct source sources[2];
    const char *addresses[2];
    struct file *made[FILES_MAX];
    size_t made_count;
    struct cc_publication held[CC_PUBLICATION_KINDS];
    int64_t taken[FILES_MAX];
    size_t taken_count;
    int refused;
    enum cc_error last_refused;
    bool free_in_take;
    struct cc_deadline tick;
} t;

/* Lives until tear_down. */
static struct file *make(const char *country, enum cc_publication_kind kind, int64_t epoch,
                         const char *payload)
{
    struct file *file = file_make(t.signer, country, kind, epoch, payload);
    t.made[t.made_count++] = file;
    return file;
}

/* ---- the client ---- */

/* A payload "refuse..." is refused. */
static enum cc_error take(void *context, const struct cc_publication *publication,
                          struct cc_json_reason *reason)
{
    struct cc_publication *held = &t.held[publication->kind];
    ck_assert_ptr_eq(context, &t);
    if (cc_slice_starts_with(publication->payload, CC_SLICE_LITERAL("refuse"))) {
        (void)snprintf(reason->text, sizeof(reason->text), "the test says no");
        return CC_TOO_DIFFERENT;
    }
    *held = *publication;
    t.taken[t.taken_count++] = publication->epoch;
    if (t.free_in_take) {
        cc_publication_client_free(t.client);
        t.client = NULL;
    }
    return CC_OK;
}

static void on_refused(void *context, enum cc_publication_kind kind, enum cc_error error)
{
    ck_assert_ptr_eq(context, &t);
    ck_assert_int_lt(kind, CC_PUBLICATION_KINDS);
    t.refused++;
    t.last_refused = error;
}

static void on_tick(struct cc_deadline *deadline)
{
    ck_assert_int_eq(cc_deadline_set(deadline, cc_loop_now_us(t.loop) + 10000), CC_OK);
}

#define UNTIL(condition)                                                                           \
    do {                                                                                           \
        int64_t give_up_us = cc_monotonic_us() + WAIT_US;                                          \
        while (!(condition) && cc_monotonic_us() < give_up_us)                                     \
            uv_run(cc_loop_uv(t.loop), UV_RUN_ONCE);                                               \
        ck_assert_msg((condition), "%s", #condition);                                              \
    } while (0)

static void write_key(void)
{
    char *private_pem = NULL;
    char *public_pem = NULL;
    char *older_private = NULL;
    char *older_public = NULL;
    ck_assert_int_eq(cc_ed25519_generate(&private_pem, &public_pem), CC_OK);
    ck_assert_int_eq(cc_ed25519_generate(&older_private, &older_public), CC_OK);
    ck_assert_int_eq(cc_ed25519_from_private_pem(cc_slice_of(private_pem), &t.signer), CC_OK);
    FILE *file = fopen(t.key_file, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fprintf(file, "%s%s", older_public, public_pem), 0);
    ck_assert_int_eq(fclose(file), 0);
    free(private_pem);
    free(public_pem);
    free(older_private);
    free(older_public);
}

static void set_up(void)
{
    memset(&t, 0, sizeof(t));
    cc_log_init("test", CC_LOG_ERROR);
    (void)snprintf(t.folder, sizeof(t.folder), "/tmp/callcell-publications-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(t.folder));
    (void)snprintf(t.directory, sizeof(t.directory), "%s/publications", t.folder);
    (void)snprintf(t.key_file, sizeof(t.key_file), "%s/key.pem", t.folder);
    write_key();
    ck_assert_int_eq(cc_loop_create(&t.loop), CC_OK);
    cc_deadline_init(&t.tick, t.loop, on_tick);
    on_tick(&t.tick);
    struct cc_http_client_options http = {.response_max = 65536};
    ck_assert_int_eq(cc_http_client_create(t.loop, &http, &t.http), CC_OK);
    t.kinds[CC_PUBLICATION_MAP] = true;
    t.kinds[CC_PUBLICATION_NUMBERS] = true;
    for (size_t i = 0; i < 2; i++) {
        t.sources[i].loop = t.loop;
        source_up(&t.sources[i]);
        t.addresses[i] = t.sources[i].address;
    }
    t.options = (struct cc_publication_client_options){.directory = t.directory,
                                                       .reporter = "edge-1",
                                                       .kinds = t.kinds,
                                                       .sources = t.addresses,
                                                       .source_count = 1,
                                                       .token = "abc",
                                                       .public_key_file = t.key_file,
                                                       .report_interval_ms = 300,
                                                       .take = take,
                                                       .on_refused = on_refused,
                                                       .context = &t};
}

static void create(void)
{
    ck_assert_int_eq(cc_publication_client_create(t.loop, t.http, &t.options, &t.client), CC_OK);
}

static void stop_client(void)
{
    cc_publication_client_free(t.client);
    t.client = NULL;
}

static void remove_folder(const char *path)
{
    char inner[PATH_MAX_BYTES];
    DIR *folder = opendir(path);
    if (!folder)
        return;
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(inner, sizeof(inner), "%s/%s", path, entry->d_name);
        if (entry->d_type == DT_DIR)
            remove_folder(inner);
        else
            (void)unlink(inner);
    }
    (void)closedir(folder);
    (void)rmdir(path);
}

static void tear_down(void)
{
    stop_client();
    cc_http_client_free(t.http);
    cc_deadline_clear(&t.tick);
    for (size_t i = 0; i < 2; i++)
        source_down(&t.sources[i]);
    cc_loop_free(t.loop);
    for (size_t i = 0; i < t.made_count; i++)
        file_free(t.made[i]);
    cc_ed25519_free(t.signer);
    remove_folder(t.folder);
}

/* ---- disk ---- */

static void path_of(const char *country, const struct file *file, const char *suffix,
                    char path[PATH_MAX_BYTES])
{
    (void)snprintf(path, PATH_MAX_BYTES, "%s/%s/%s-%020lld%s", t.directory, country,
                   cc_publication_kind_name(file->kind), (long long)file->epoch, suffix);
}

static void write_bytes(const char *path, struct cc_slice bytes)
{
    FILE *out = fopen(path, "w");
    ck_assert_ptr_nonnull(out);
    ck_assert_uint_eq(fwrite(bytes.data, 1, bytes.length, out), bytes.length);
    ck_assert_int_eq(fclose(out), 0);
}

/* In the folder of country, which may be another one than the file's. */
static void store(const char *country, const struct file *file)
{
    char path[PATH_MAX_BYTES];
    (void)mkdir(t.directory, 0700);
    (void)snprintf(path, sizeof(path), "%s/%s", t.directory, country);
    (void)mkdir(path, 0700);
    path_of(country, file, ".pub", path);
    write_bytes(path, cc_buffer_slice(&file->bytes));
    path_of(country, file, ".sig", path);
    if (!file->is_unsigned)
        write_bytes(path, cc_slice((const char *)file->signature, sizeof(file->signature)));
}

static bool is_on_disk(const struct file *file)
{
    char path[PATH_MAX_BYTES];
    struct stat pub;
    struct stat sig;
    path_of(file->country, file, ".pub", path);
    bool there = stat(path, &pub) == 0;
    path_of(file->country, file, ".sig", path);
    return there && stat(path, &sig) == 0 && (pub.st_mode & 0777) == 0600 &&
           (sig.st_mode & 0777) == 0600 && (size_t)pub.st_size == file->bytes.length &&
           sig.st_size == CC_ED25519_SIGNATURE_BYTES;
}

static size_t files_in(const char *country)
{
    char path[PATH_MAX_BYTES];
    size_t count = 0;
    (void)snprintf(path, sizeof(path), "%s/%s", t.directory, country);
    DIR *folder = opendir(path);
    if (!folder)
        return 0;
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder))
        count += entry->d_name[0] != '.';
    (void)closedir(folder);
    return count;
}

static bool reported(const struct source *source, const char *text)
{
    return strstr(source->report, text) != NULL;
}

/* ---- tests ---- */

START_TEST(boots_from_disk_without_any_source)
{
    store("se", make("se", CC_PUBLICATION_MAP, 7, "seven"));
    store("se", make("se", CC_PUBLICATION_MAP, 8, "eight"));
    store("se", make("se", CC_PUBLICATION_SEALING, 1, "not asked for"));
    store("no", make("no", CC_PUBLICATION_NUMBERS, 3, ""));
    t.options.source_count = 0;
    create();
    ck_assert_uint_eq(t.taken_count, 2);
    ck_assert_int_eq(t.held[CC_PUBLICATION_MAP].epoch, 8);
    ck_assert_int_eq(t.held[CC_PUBLICATION_NUMBERS].epoch, 3);
    ck_assert_int_eq(t.refused, 0);
    ck_assert_int_eq(cc_publication_client_last_contact_us(t.client), 0);
}
END_TEST

START_TEST(boot_of_one_country_leaves_the_others)
{
    store("se", make("se", CC_PUBLICATION_MAP, 7, "seven"));
    store("no", make("no", CC_PUBLICATION_MAP, 9, "nine"));
    t.options.country = "se";
    create();
    ck_assert_uint_eq(t.taken_count, 1);
    ck_assert_int_eq(t.taken[0], 7);
    UNTIL(t.sources[0].polls == 1);
    ck_assert_ptr_nonnull(strstr(t.sources[0].query, "&country=se&"));
}
END_TEST

/* What the newest file can suffer from, and the error that says so. */
static const enum cc_error damages[] = {CC_SIGNATURE, CC_SIGNATURE, CC_CONFLICT, CC_CONFLICT,
                                        CC_TOO_DIFFERENT};

START_TEST(boot_passes_by_what_it_refuses)
{
    struct file *bad =
        make(_i == 2 ? "no" : "se", CC_PUBLICATION_MAP, 8, _i == 4 ? "refuse" : "eight");
    if (_i == 0)
        bad->bytes.data[bad->bytes.length - 1] ^= 1;
    bad->is_unsigned = _i == 1;
    if (_i == 3)
        bad->epoch = 9; /* its name says so, its header does not */
    store("se", bad);
    store("se", make("se", CC_PUBLICATION_MAP, 7, "seven"));
    create();
    ck_assert_uint_eq(t.taken_count, 1);
    ck_assert_int_eq(t.held[CC_PUBLICATION_MAP].epoch, 7);
    ck_assert_int_eq(t.refused, 1);
    ck_assert_int_eq(t.last_refused, damages[_i]);
    UNTIL(t.sources[0].reports > 0);
    ck_assert(reported(&t.sources[0], cc_error_name(damages[_i])));
    ck_assert(
        reported(&t.sources[0], "\"held\":[{\"country\":\"se\",\"kind\":\"map\",\"epoch\":7"));
}
END_TEST

START_TEST(what_was_refused_at_boot_is_fetched_and_mended)
{
    struct file *good = make("se", CC_PUBLICATION_MAP, 8, "eight");
    struct file *bad = make("se", CC_PUBLICATION_MAP, 8, "eight");
    bad->bytes.data[bad->bytes.length - 1] ^= 1;
    store("se", bad);
    source_publish(&t.sources[0], good);
    create();
    ck_assert_int_eq(t.refused, 1);
    UNTIL(t.held[CC_PUBLICATION_MAP].epoch == 8 && t.client);
    UNTIL(is_on_disk(good) && reported(&t.sources[0], "\"refused\":[]"));
    stop_client();
    t.taken_count = 0;
    create();
    ck_assert_int_eq(t.held[CC_PUBLICATION_MAP].epoch, 8);
    ck_assert_int_eq(t.refused, 1);
}
END_TEST

START_TEST(maps_come_one_by_one_and_others_newest_only)
{
    struct source *source = &t.sources[0];
    source_publish(source, make("se", CC_PUBLICATION_MAP, 1, "one"));
    create();
    UNTIL(t.taken_count == 1);
    for (int64_t epoch = 1; epoch <= 4; epoch++) {
        source->files[source->file_count++] = make("se", CC_PUBLICATION_NUMBERS, epoch, "");
        source->files[source->file_count++] = make("se", CC_PUBLICATION_MAP, epoch + 1, "more");
        source->files[source->file_count++] = make("se", CC_PUBLICATION_SEALING, epoch, "secret");
    }
    source_publish(source, make("no", CC_PUBLICATION_MAP, 20, "twenty"));
    UNTIL(t.taken_count == 7);
    const int64_t wanted[] = {1, 2, 3, 4, 5, 4, 20};
    for (size_t i = 0; i < 7; i++)
        ck_assert_int_eq(t.taken[i], wanted[i]);
    UNTIL(reported(source, "\"kind\":\"map\",\"epoch\":20") &&
          reported(source, "\"kind\":\"numbers\",\"epoch\":4"));
    ck_assert(reported(source, "{\"reporter\":\"edge-1\",\"held\":[{\"country\":\"se\",\"kind\":"
                               "\"map\",\"epoch\":5,\"sha256\":\""));
    ck_assert(reported(source, source->files[source->file_count - 1]->sha256));
    ck_assert_int_eq(source->fetches, 7);
    ck_assert_int_eq(source->bad_tokens, 0);
    ck_assert_int_gt(cc_publication_client_last_contact_us(t.client), 0);
    ck_assert_int_eq(t.refused, 0);
}
END_TEST

START_TEST(a_refusal_is_told_once_and_the_old_one_kept)
{
    struct source *source = &t.sources[0];
    source_publish(source, make("se", CC_PUBLICATION_MAP, 1, "one"));
    create();
    UNTIL(t.taken_count == 1);
    source_publish(source, make("se", CC_PUBLICATION_MAP, 2, "refuse"));
    UNTIL(reported(source,
                   "\"epoch\":2,\"error\":\"too_different\",\"reason\":\"the test says no\""));
    ck_assert(reported(source, "\"held\":[{\"country\":\"se\",\"kind\":\"map\",\"epoch\":1"));
    int fetches = source->fetches;
    /* Another country's news: the refused one is asked for again, and nothing is said twice. */
    source_publish(source, make("no", CC_PUBLICATION_MAP, 1, "one"));
    UNTIL(t.taken_count == 2);
    UNTIL(source->fetches >= fetches + 2);
    int reports = source->reports;
    UNTIL(source->reports >= reports + 2);
    ck_assert_int_le(source->fetches, fetches + 3);
    ck_assert_int_eq(t.refused, 1);
    ck_assert(reported(source, "\"error\":\"too_different\""));
    /* A rollback: its content follows what is held, not what was refused. */
    source_publish(source, make("se", CC_PUBLICATION_MAP, 3, "one"));
    UNTIL(t.taken_count == 3);
    ck_assert_int_eq(t.held[CC_PUBLICATION_MAP].epoch, 3);
    UNTIL(reported(source, "\"refused\":[]"));
    ck_assert_int_eq(t.refused, 1);
}
END_TEST

START_TEST(unsigned_or_damaged_answers_are_refused)
{
    struct source *source = &t.sources[0];
    struct file *file = make("se", CC_PUBLICATION_NUMBERS, 1, "text");
    if (_i == 0)
        file->is_unsigned = true;
    else
        file->bytes.data[file->bytes.length - 1] ^= 1;
    source_publish(source, file);
    create();
    UNTIL(reported(source, "\"epoch\":1,\"error\":\"signature\""));
    ck_assert_int_eq(t.refused, 1);
    ck_assert_uint_eq(t.taken_count, 0);
    ck_assert_uint_eq(files_in("se"), 0);
}
END_TEST

START_TEST(a_file_too_large_is_refused_and_others_are_taken)
{
    struct source *source = &t.sources[0];
    char *payload = calloc(1, 70000);
    memset(payload, 'a', 69999);
    source_publish(source, make("se", CC_PUBLICATION_MAP, 1, payload));
    source_publish(source, make("se", CC_PUBLICATION_NUMBERS, 1, "small"));
    free(payload);
    create();
    UNTIL(t.held[CC_PUBLICATION_NUMBERS].epoch == 1);
    UNTIL(reported(source, "\"kind\":\"map\",\"epoch\":1,\"error\":\"too_large\""));
    ck_assert_int_eq(t.refused, 1);
}
END_TEST

START_TEST(a_source_that_was_away_is_found_again)
{
    struct source *source = &t.sources[0];
    source_down(source);
    create();
    int64_t until_us = cc_monotonic_us() + 300000; /* some attempts */
    UNTIL(cc_monotonic_us() > until_us);
    ck_assert_int_eq(cc_publication_client_last_contact_us(t.client), 0);
    source->version = 8;
    source_publish(source, make("se", CC_PUBLICATION_MAP, 1, "one"));
    source_up(source);
    UNTIL(t.taken_count == 1);
    /* Away again in the middle of a poll, and back with more and a lower version. */
    UNTIL(source->waiting_count == 1);
    source_down(source);
    source_publish(source, make("se", CC_PUBLICATION_MAP, 2, "two"));
    source->version = 1;
    source_up(source);
    UNTIL(t.taken_count == 2 && reported(source, "\"epoch\":2"));
    ck_assert_int_eq(t.refused, 0);
}
END_TEST

START_TEST(the_second_source_serves_when_the_first_does_not)
{
    struct source *second = &t.sources[1];
    t.options.source_count = 2;
    if (_i == 0)
        source_down(&t.sources[0]);
    t.sources[0].files_fail = true;
    struct file *file = make("se", CC_PUBLICATION_MAP, 1, "one");
    source_publish(&t.sources[0], file);
    source_publish(second, file);
    create();
    UNTIL(t.taken_count == 1 && reported(second, "\"epoch\":1"));
    UNTIL(second->waiting_count == 1);
    source_publish(second, make("se", CC_PUBLICATION_MAP, 2, "two"));
    UNTIL(t.taken_count == 2);
    ck_assert_int_le(t.sources[0].fetches, 2);
}
END_TEST

START_TEST(a_stale_source_is_refused_once)
{
    struct source *source = &t.sources[0];
    struct file *held = make("se", CC_PUBLICATION_MAP, 7, "seven");
    store("se", held);
    source_publish(source, make("se", CC_PUBLICATION_MAP, 5, "five"));
    create();
    UNTIL(reported(source, "\"epoch\":5,\"error\":\"stale\""));
    ck_assert(reported(source, "\"held\":[{\"country\":\"se\",\"kind\":\"map\",\"epoch\":7"));
    UNTIL(source->waiting_count == 1);
    source_publish(source, make("se", CC_PUBLICATION_NUMBERS, 1, "text"));
    UNTIL(t.held[CC_PUBLICATION_NUMBERS].epoch == 1);
    ck_assert_int_eq(t.refused, 1);
    ck_assert_int_eq(source->fetches, 1);
    /* Another content under the epoch held. */
    source_publish(source, make("se", CC_PUBLICATION_MAP, 7, "another seven"));
    UNTIL(reported(source, "\"epoch\":7,\"error\":\"conflict\""));
    ck_assert_int_eq(t.held[CC_PUBLICATION_MAP].epoch, 7);
    ck_assert_str_eq(t.held[CC_PUBLICATION_MAP].sha256, held->sha256);
    /* What is newer again is taken. */
    source_publish(source, make("se", CC_PUBLICATION_MAP, 9, "nine"));
    UNTIL(t.held[CC_PUBLICATION_MAP].epoch == 9);
    UNTIL(reported(source, "\"refused\":[]"));
    ck_assert_int_eq(t.refused, 2);
}
END_TEST

START_TEST(three_are_kept_on_disk)
{
    struct source *source = &t.sources[0];
    struct file *maps[6];
    char leftover[PATH_MAX_BYTES];
    struct stat folder;
    for (int64_t i = 0; i < 6; i++)
        maps[i] = make("se", CC_PUBLICATION_MAP, i + 1, "payload");
    store("se", maps[0]);
    path_of("se", maps[0], ".pub.tmp", leftover);
    write_bytes(leftover, CC_SLICE_LITERAL("half"));
    struct file *ahead = make("se", CC_PUBLICATION_MAP, 99, "refuse");
    store("se", ahead);
    for (size_t i = 1; i < 6; i++)
        source_publish(source, maps[i]);
    create();
    ck_assert_int_eq(t.refused, 1);
    UNTIL(is_on_disk(maps[5]) && files_in("se") == 6);
    ck_assert(is_on_disk(maps[4]) && is_on_disk(maps[3]));
    ck_assert_int_eq(stat(t.directory, &folder), 0);
    ck_assert_uint_eq(folder.st_mode & 0777, 0700);
    struct file *numbers = make("no", CC_PUBLICATION_NUMBERS, 1, "x");
    source_publish(source, numbers);
    UNTIL(is_on_disk(numbers) && files_in("no") == 2);
    (void)snprintf(leftover, sizeof(leftover), "%s/no", t.directory);
    ck_assert_int_eq(stat(leftover, &folder), 0);
    ck_assert_uint_eq(folder.st_mode & 0777, 0700);
    stop_client();
    t.taken_count = 0;
    t.options.source_count = 0;
    create();
    ck_assert_uint_eq(t.taken_count, 2);
    ck_assert_int_eq(t.held[CC_PUBLICATION_MAP].epoch, 6);
}
END_TEST

START_TEST(freed_at_any_time)
{
    struct source *source = &t.sources[0];
    source_publish(source, make("se", CC_PUBLICATION_MAP, 1, "one"));
    t.free_in_take = _i == 0;
    create();
    if (_i == 1)
        UNTIL(source->polls == 1);
    else if (_i == 2)
        UNTIL(source->fetches == 1);
    else if (_i == 3)
        UNTIL(t.taken_count == 1);
    else if (_i == 4)
        UNTIL(source->waiting_count == 1);
    else
        UNTIL(!t.client);
    stop_client();
    size_t taken = t.taken_count;
    int reports = source->reports;
    int64_t until_us = cc_monotonic_us() + 100000;
    UNTIL(cc_monotonic_us() > until_us);
    ck_assert_uint_eq(t.taken_count, taken);
    ck_assert_int_le(source->reports, reports + 1);
}
END_TEST

START_TEST(options_that_cannot_work_are_refused)
{
    struct cc_publication_client *client = NULL;
    cc_log_init("test", CC_LOG_ERROR + 1);
    t.options.reporter = "edge 1";
    ck_assert_int_eq(cc_publication_client_create(t.loop, t.http, &t.options, &client), CC_INVALID);
    t.options.reporter = "edge-1";
    t.options.country = "sweden";
    ck_assert_int_eq(cc_publication_client_create(t.loop, t.http, &t.options, &client), CC_INVALID);
    t.options.country = NULL;
    t.options.public_key_file = "/nonexistent";
    ck_assert_int_eq(cc_publication_client_create(t.loop, t.http, &t.options, &client), CC_IO);
    write_bytes(t.key_file, CC_SLICE_LITERAL("no key"));
    t.options.public_key_file = t.key_file;
    ck_assert_int_eq(cc_publication_client_create(t.loop, t.http, &t.options, &client), CC_INVALID);
    ck_assert_ptr_null(client);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("publication_client");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 60);
    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_test(all, boots_from_disk_without_any_source);
    tcase_add_test(all, boot_of_one_country_leaves_the_others);
    tcase_add_loop_test(all, boot_passes_by_what_it_refuses, 0,
                        (int)(sizeof(damages) / sizeof(*damages)));
    tcase_add_test(all, what_was_refused_at_boot_is_fetched_and_mended);
    tcase_add_test(all, maps_come_one_by_one_and_others_newest_only);
    tcase_add_test(all, a_refusal_is_told_once_and_the_old_one_kept);
    tcase_add_loop_test(all, unsigned_or_damaged_answers_are_refused, 0, 2);
    tcase_add_test(all, a_file_too_large_is_refused_and_others_are_taken);
    tcase_add_test(all, a_source_that_was_away_is_found_again);
    tcase_add_loop_test(all, the_second_source_serves_when_the_first_does_not, 0, 2);
    tcase_add_test(all, a_stale_source_is_refused_once);
    tcase_add_test(all, three_are_kept_on_disk);
    tcase_add_loop_test(all, freed_at_any_time, 0, 5);
    tcase_add_test(all, options_that_cannot_work_are_refused);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
