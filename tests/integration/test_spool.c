#include "base/io/spool.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io/spool_frame.h"

static atomic_int syncs_begun, syncs_allowed; /* a sync waits until it is allowed */
static atomic_bool sync_fails;

/* In the C library's place. */
int fdatasync(int file)
{
    (void)file;
    int mine = atomic_fetch_add(&syncs_begun, 1) + 1;
    while (atomic_load(&syncs_allowed) < mine)
        sched_yield();
    errno = EIO;
    return atomic_load(&sync_fails) ? -1 : 0;
}

static char folder[64];
static struct cc_loop *loop;

static void set_up(void)
{
    atomic_store(&syncs_allowed, 1000000);
    (void)snprintf(folder, sizeof(folder), "/tmp/callcell-spool-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(cc_loop_create(&loop), CC_OK);
}

static void each_file(void (*call)(const char *path))
{
    DIR *dir = opendir(folder);
    char path[512];
    ck_assert_ptr_nonnull(dir);
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        (void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.')
            call(path);
    }
    closedir(dir);
}

static void remove_file(const char *path)
{
    ck_assert_int_eq(unlink(path), 0);
}

static void tear_down(void)
{
    cc_loop_free(loop);
    each_file(remove_file);
    ck_assert_int_eq(rmdir(folder), 0);
}

static struct cc_spool *open_with(int64_t segment_bytes, int64_t maximum_bytes)
{
    struct cc_spool *spool = NULL;
    struct cc_spool_options options = {.directory = folder,
                                       .segment_bytes = segment_bytes,
                                       .maximum_bytes = maximum_bytes,
                                       .record_max = 1024};
    ck_assert_int_eq(cc_spool_open(loop, &options, &spool), CC_OK);
    return spool;
}

static void append_numbers(struct cc_spool *spool, int from, int to)
{
    char text[32];
    for (int i = from; i <= to; i++) {
        (void)snprintf(text, sizeof(text), "record %d", i);
        ck_assert_int_eq(cc_spool_append(spool, cc_slice_of(text)), CC_OK);
    }
}

/* Reads batches and acknowledges each until nothing is left; checks that they are from..to in
 * order. */
static void ship_numbers(struct cc_spool *spool, int from, int to)
{
    char text[32];
    struct cc_spool_batch batch;
    for (int next = from;;) {
        ck_assert_int_eq(cc_spool_read(spool, 7, 4096, &batch), CC_OK);
        if (batch.count == 0) {
            ck_assert_int_eq(next, to + 1);
            return;
        }
        for (size_t i = 0; i < batch.count; i++) {
            (void)snprintf(text, sizeof(text), "record %d", next++);
            ck_assert(cc_slice_is(batch.records[i], text));
        }
        ck_assert_int_eq(cc_spool_acknowledge(spool, batch.first + batch.count), CC_OK);
        cc_spool_batch_free(&batch);
    }
}

START_TEST(ships_in_order_what_was_appended)
{
    struct cc_spool *spool = open_with(0, 0);
    append_numbers(spool, 1, 100);
    ck_assert_uint_eq(cc_spool_state(spool).records, 100);
    ck_assert_int_ne(cc_spool_state(spool).oldest_us, 0);
    ship_numbers(spool, 1, 100);
    ck_assert_uint_eq(cc_spool_state(spool).records, 0);
    ck_assert_int_eq(cc_spool_state(spool).oldest_us, 0);
    append_numbers(spool, 101, 120);
    ship_numbers(spool, 101, 120);
    cc_spool_close(spool);
}
END_TEST

/* "record from" .. "record from + count - 1" */
static void name_numbers(int from, size_t count, char texts[][32], struct cc_slice *records)
{
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(texts[i], 32, "record %d", from + (int)i);
        records[i] = cc_slice_of(texts[i]);
    }
}

static void is_a_small_segment(const char *path)
{
    struct stat status;
    ck_assert_int_eq(stat(path, &status), 0);
    if (strstr(path, ".spool"))
        ck_assert_int_le(status.st_size, 400);
}

START_TEST(several_at_once_are_as_one_by_one)
{
    struct cc_spool *spool = open_with(400, 0);
    struct cc_slice records[200];
    char texts[200][32];
    size_t taken = 0;
    append_numbers(spool, 1, 5);
    name_numbers(6, 200, texts, records);
    ck_assert_int_eq(cc_spool_append_all(spool, records, 200, &taken), CC_OK);
    ck_assert_uint_eq(taken, 200);
    append_numbers(spool, 206, 210);
    each_file(is_a_small_segment);
    ck_assert_uint_eq(cc_spool_state(spool).records, 210);
    cc_spool_close(spool);
    spool = open_with(400, 0);
    ship_numbers(spool, 1, 210);
    cc_spool_close(spool);
}
END_TEST

START_TEST(of_several_the_first_that_is_refused_is_told)
{
    struct cc_spool *spool = open_with(0, 0);
    struct cc_slice records[6];
    char texts[6][32], large[1025] = {0};
    size_t taken = 0;
    name_numbers(1, 6, texts, records);
    records[3] = cc_slice(large, sizeof(large));
    ck_assert_int_eq(cc_spool_append_all(spool, records, 6, &taken), CC_TOO_LARGE);
    ck_assert_uint_eq(taken, 3);
    ship_numbers(spool, 1, 3);
    cc_spool_close(spool);
    struct cc_spool *small = open_with(0, 2 * (8 + CC_SPOOL_FRAME_HEAD) + 10);
    name_numbers(1, 3, texts, records);
    ck_assert_int_eq(cc_spool_append_all(small, records, 3, &taken), CC_FULL);
    ck_assert_uint_eq(taken, 2);
    ship_numbers(small, 1, 2);
    cc_spool_close(small);
}
END_TEST

/* More than one read takes, of sizes that begin and end anywhere in it. */
START_TEST(a_long_batch_is_whole)
{
    enum { COUNT = 400, SIZE = 1000 };
    struct cc_spool *spool = open_with(0, 0);
    struct cc_spool_batch batch;
    char *text = malloc(SIZE);
    ck_assert_ptr_nonnull(text);
    for (int i = 0; i < COUNT; i++) {
        memset(text, 'a' + i % 26, SIZE);
        ck_assert_int_eq(cc_spool_append(spool, cc_slice(text, (size_t)(SIZE - i))), CC_OK);
    }
    ck_assert_int_eq(cc_spool_read(spool, 2 * COUNT, 1000 * 1000, &batch), CC_OK);
    ck_assert_uint_eq(batch.count, COUNT);
    for (int i = 0; i < COUNT; i++) {
        memset(text, 'a' + i % 26, SIZE);
        ck_assert(cc_slice_equal(batch.records[i], cc_slice(text, (size_t)(SIZE - i))));
    }
    cc_spool_batch_free(&batch);
    ck_assert_int_eq(cc_spool_read(spool, COUNT, 3 * SIZE, &batch), CC_OK);
    ck_assert_uint_eq(batch.count, 4); /* the bytes' bound is passed by at most one */
    cc_spool_batch_free(&batch);
    cc_spool_close(spool);
    free(text);
}
END_TEST

START_TEST(a_batch_not_acknowledged_is_read_again)
{
    struct cc_spool *spool = open_with(0, 0);
    struct cc_spool_batch batch;
    append_numbers(spool, 1, 10);
    ck_assert_int_eq(cc_spool_read(spool, 5, 4096, &batch), CC_OK);
    ck_assert_uint_eq(batch.count, 5);
    uint64_t first = batch.first;
    cc_spool_batch_free(&batch);
    ck_assert_int_eq(cc_spool_acknowledge(spool, first + 3), CC_OK);
    ship_numbers(spool, 4, 10);
    ck_assert_int_eq(cc_spool_acknowledge(spool, first + 100), CC_INVALID);
    cc_spool_close(spool);
}
END_TEST

START_TEST(reopens_where_it_stood)
{
    struct cc_spool *spool = open_with(200, 0);
    struct cc_spool_batch batch;
    append_numbers(spool, 1, 50);
    ck_assert_int_eq(cc_spool_read(spool, 4, 4096, &batch), CC_OK);
    ck_assert_uint_eq(batch.count, 4);
    ck_assert_int_eq(cc_spool_acknowledge(spool, batch.first + 4), CC_OK);
    cc_spool_batch_free(&batch);
    cc_spool_close(spool);
    spool = open_with(200, 0);
    ck_assert_uint_eq(cc_spool_state(spool).records, 46);
    append_numbers(spool, 51, 60);
    ship_numbers(spool, 5, 60);
    cc_spool_close(spool);
    spool = open_with(200, 0);
    ck_assert_uint_eq(cc_spool_state(spool).records, 0);
    append_numbers(spool, 61, 61);
    ship_numbers(spool, 61, 61);
    cc_spool_close(spool);
}
END_TEST

static int segments;
static void count_segment(const char *path)
{
    segments += strstr(path, ".spool") != NULL;
}

static int count_segments(void)
{
    segments = 0;
    each_file(count_segment);
    return segments;
}

START_TEST(shipped_segments_are_deleted)
{
    struct cc_spool *spool = open_with(200, 0);
    append_numbers(spool, 1, 100);
    ck_assert_int_gt(count_segments(), 10);
    int64_t before = cc_spool_state(spool).bytes;
    ship_numbers(spool, 1, 100);
    ck_assert_int_lt(cc_spool_state(spool).bytes, before / 10);
    cc_spool_close(spool);
    cc_loop_free(loop); /* runs what is on the thread pool */
    ck_assert_int_eq(cc_loop_create(&loop), CC_OK);
    spool = open_with(200, 0);
    cc_spool_close(spool);
    cc_loop_free(loop);
    ck_assert_int_eq(cc_loop_create(&loop), CC_OK);
    ck_assert_int_le(count_segments(), 1);
}
END_TEST

static char last_path[512];
static void remember_segment(const char *path)
{
    if (strstr(path, ".spool") && strcmp(path, last_path) > 0)
        (void)snprintf(last_path, sizeof(last_path), "%s", path);
}

static const char *last_segment_path(void)
{
    last_path[0] = '\0';
    each_file(remember_segment);
    return last_path;
}

static void append_bytes(const char *path, const char *bytes, size_t length)
{
    int fd = open(path, O_WRONLY | O_APPEND);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, bytes, length), (ssize_t)length);
    close(fd);
}

START_TEST(a_torn_tail_is_cut_at_each_length)
{
    char frame[CC_SPOOL_FRAME_HEAD + 4] = {0};
    cc_spool_frame_head(CC_SLICE_LITERAL("torn"), 1, (uint8_t *)frame);
    memcpy(frame + CC_SPOOL_FRAME_HEAD, "torn", 4);
    int last = 3;
    for (size_t length = 1; length < sizeof(frame); length++) {
        struct cc_spool *spool = open_with(0, 0);
        append_numbers(spool, last - 2, last);
        cc_spool_close(spool);
        append_bytes(last_segment_path(), frame, length);
        spool = open_with(0, 0);
        ck_assert_uint_eq(cc_spool_state(spool).cut, 1);
        ship_numbers(spool, last - 2, last);
        last += 3;
        cc_spool_close(spool);
    }
}
END_TEST

START_TEST(damage_in_the_middle_loses_only_the_rest_of_its_segment)
{
    struct cc_spool *spool = open_with(200, 0);
    append_numbers(spool, 1, 30);
    cc_spool_close(spool);
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/%020d.spool", folder, 1);
    int fd = open(path, O_WRONLY);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pwrite(fd, "X", 1, 24 + CC_SPOOL_FRAME_HEAD + 2), 1); /* in record 2 */
    close(fd);
    spool = open_with(200, 0);
    ck_assert_uint_eq(cc_spool_state(spool).cut, 1);
    struct cc_spool_batch batch;
    size_t seen = 0;
    for (;;) {
        ck_assert_int_eq(cc_spool_read(spool, 100, 4096, &batch), CC_OK);
        if (batch.count == 0)
            break;
        seen += batch.count;
        ck_assert_int_eq(cc_spool_acknowledge(spool, batch.first + batch.count), CC_OK);
        cc_spool_batch_free(&batch);
    }
    ck_assert_uint_lt(seen, 30);
    ck_assert_uint_gt(seen, 20);
    append_numbers(spool, 31, 40);
    ship_numbers(spool, 31, 40);
    cc_spool_close(spool);
}
END_TEST

START_TEST(the_bound_is_kept_and_space_comes_back)
{
    struct cc_spool *spool = open_with(400, 2000);
    char text[100];
    int appended = 0;
    memset(text, 'x', sizeof(text));
    while (cc_spool_append(spool, cc_slice(text, sizeof(text))) == CC_OK)
        appended++;
    ck_assert_int_eq(appended, 2000 / (100 + CC_SPOOL_FRAME_HEAD));
    ck_assert_int_eq(cc_spool_append(spool, cc_slice(text, sizeof(text))), CC_FULL);
    struct cc_spool_batch batch;
    ck_assert_int_eq(cc_spool_read(spool, 100, 100000, &batch), CC_OK);
    ck_assert_int_eq(cc_spool_acknowledge(spool, batch.first + batch.count), CC_OK);
    cc_spool_batch_free(&batch);
    ck_assert_int_eq(cc_spool_append(spool, cc_slice(text, sizeof(text))), CC_OK);
    char large[1025];
    memset(large, 'y', sizeof(large));
    ck_assert_int_eq(cc_spool_append(spool, cc_slice(large, sizeof(large))), CC_TOO_LARGE);
    cc_spool_close(spool);
}
END_TEST

START_TEST(what_is_shipped_does_not_fill_a_spool_smaller_than_a_segment)
{
    struct cc_spool *spool = open_with(0, 2000);
    char text[100];
    struct cc_spool_batch batch;
    memset(text, 'x', sizeof(text));
    for (int round = 0; round < 3; round++) {
        int appended = 0;
        while (cc_spool_append(spool, cc_slice(text, sizeof(text))) == CC_OK)
            appended++;
        ck_assert_int_eq(appended, 2000 / (100 + CC_SPOOL_FRAME_HEAD));
        ck_assert_int_eq(cc_spool_read(spool, 100, 100000, &batch), CC_OK);
        ck_assert_uint_eq(batch.count, (size_t)appended);
        ck_assert_int_eq(cc_spool_acknowledge(spool, batch.first + batch.count), CC_OK);
        cc_spool_batch_free(&batch);
    }
    cc_spool_close(spool);
}
END_TEST

START_TEST(a_full_disk_is_said_and_leaves_no_torn_record)
{
    struct cc_spool *spool = open_with(0, 0);
    append_numbers(spool, 1, 3);
    struct rlimit limit = {60, 60};
    ck_assert_ptr_ne(signal(SIGXFSZ, SIG_IGN), SIG_ERR);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ck_assert_int_eq(cc_spool_append(spool, CC_SLICE_LITERAL("no room for this")), CC_FULL);
    ship_numbers(spool, 1, 3);
    cc_spool_close(spool);
    spool = open_with(0, 0);
    ck_assert_uint_eq(cc_spool_state(spool).cut, 0);
    ck_assert_uint_eq(cc_spool_state(spool).records, 0);
    cc_spool_close(spool);
}
END_TEST

static void end_loop(void *context)
{
    (void)context;
    cc_loop_end(loop);
}

static void do_nothing(void *context)
{
    (void)context;
}

static void on_end(struct cc_deadline *deadline)
{
    (void)deadline;
    cc_loop_end(loop);
}

static void run_for_us(int64_t us)
{
    struct cc_deadline end;
    cc_deadline_init(&end, loop, on_end);
    ck_assert_int_eq(cc_deadline_set(&end, cc_monotonic_us() + us), CC_OK);
    cc_loop_run(loop);
}

START_TEST(a_disk_that_does_not_answer_holds_one_thread)
{
    struct cc_spool *spool = open_with(200, 0); /* a new segment every few records */
    atomic_store(&syncs_allowed, 0);
    for (int i = 0; i < 10; i++) {
        append_numbers(spool, 10 * i + 1, 10 * i + 10);
        run_for_us(30 * 1000);
    }
    while (atomic_load(&syncs_begun) == 0)
        run_for_us(1000);
    ck_assert_int_eq(atomic_load(&syncs_begun), 1);
    ck_assert_int_eq(cc_loop_work(loop, do_nothing, end_loop, NULL), CC_OK);
    cc_loop_run(loop); /* until that was done */
    atomic_store(&syncs_allowed, 1000000);
    ship_numbers(spool, 1, 100);
    cc_spool_close(spool);
}
END_TEST

START_TEST(a_failed_sync_is_counted)
{
    struct cc_spool *spool = open_with(0, 0);
    atomic_store(&sync_fails, true);
    append_numbers(spool, 1, 1);
    while (cc_spool_state(spool).sync_failures == 0)
        uv_run(cc_loop_uv(loop), UV_RUN_ONCE);
    ship_numbers(spool, 1, 1);
    cc_spool_close(spool);
}
END_TEST

START_TEST(a_spool_left_behind_is_opened_off_the_loop_and_shipped_on_it)
{
    struct cc_spool *spool = open_with(200, 0), *second = NULL;
    struct cc_spool_options options = {.directory = folder, .record_max = 1024, .adopts = true};
    struct stat before, after;
    char lock[128];
    append_numbers(spool, 1, 50);
    ck_assert_int_eq(cc_spool_open(NULL, &options, &second), CC_CONFLICT);
    cc_spool_close(spool);
    (void)snprintf(lock, sizeof(lock), "%s/lock", folder);
    ck_assert_int_eq(stat(lock, &before), 0);
    ck_assert_int_eq(cc_spool_open(NULL, &options, &spool), CC_OK);
    cc_spool_attach(spool, loop);
    ship_numbers(spool, 1, 50);
    cc_spool_close(spool);
    ck_assert_int_eq(stat(lock, &after), 0);
    ck_assert_int_eq(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
    options.directory = "/tmp/callcell-nowhere";
    ck_assert_int_eq(cc_spool_open(NULL, &options, &spool), CC_NOT_FOUND);
}
END_TEST

static uint64_t left_in(const char *directory)
{
    uint64_t left = 0;
    ck_assert_int_eq(cc_spool_left(directory, &left), CC_OK);
    return left;
}

START_TEST(what_is_left_is_counted_whoever_holds_it)
{
    struct cc_spool *spool = open_with(200, 0);
    struct cc_spool_batch batch;
    uint64_t left = 0;
    ck_assert_uint_eq(left_in(folder), 0);
    append_numbers(spool, 1, 50);
    ck_assert_uint_eq(left_in(folder), 50);
    ck_assert_int_eq(cc_spool_read(spool, 33, 4096, &batch), CC_OK);
    uint64_t shipped = batch.count;
    ck_assert_int_eq(cc_spool_acknowledge(spool, batch.first + batch.count), CC_OK);
    cc_spool_batch_free(&batch);
    ck_assert_uint_gt(shipped, 0);
    ck_assert_uint_eq(left_in(folder), 50 - shipped);
    cc_spool_close(spool);
    ck_assert_uint_eq(left_in(folder), 50 - shipped);
    spool = open_with(200, 0);
    ship_numbers(spool, (int)shipped + 1, 50);
    ck_assert_uint_eq(left_in(folder), 0);
    cc_spool_close(spool);
    ck_assert_int_eq(cc_spool_left("/tmp/callcell-nowhere", &left), CC_NOT_FOUND);
}
END_TEST

struct seen {
    int count, first, last;
};

static void see(void *context, struct cc_slice record)
{
    struct seen *seen = context;
    char text[16] = "";
    memcpy(text, record.data, record.length < sizeof(text) ? record.length : sizeof(text) - 1);
    (void)sscanf(text, "record %d", &seen->last);
    if (seen->count++ == 0)
        seen->first = seen->last;
}

START_TEST(what_is_left_is_shown_and_nothing_that_is_shipped)
{
    struct cc_spool *spool = open_with(200, 0);
    struct cc_spool_batch batch;
    struct seen seen = {0};
    append_numbers(spool, 1, 50);
    ck_assert_int_eq(cc_spool_read(spool, 33, 4096, &batch), CC_OK);
    int shipped = (int)batch.count;
    ck_assert_int_eq(cc_spool_acknowledge(spool, batch.first + batch.count), CC_OK);
    cc_spool_batch_free(&batch);
    ck_assert_int_eq(cc_spool_look(folder, see, &seen), CC_OK);
    ck_assert_int_eq(seen.count, 50 - shipped);
    ck_assert_int_eq(seen.first, shipped + 1);
    ck_assert_int_eq(seen.last, 50);
    cc_spool_close(spool);
    ck_assert_int_eq(cc_spool_look("/tmp/callcell-nowhere", see, &seen), CC_NOT_FOUND);
}
END_TEST

START_TEST(a_second_opener_is_refused)
{
    struct cc_spool *spool = open_with(0, 0), *second = NULL;
    struct cc_spool_options options = {.directory = folder};
    ck_assert_int_eq(cc_spool_open(loop, &options, &second), CC_CONFLICT);
    cc_spool_close(spool);
    ck_assert_int_eq(cc_spool_open(loop, &options, &second), CC_OK);
    cc_spool_close(second);
}
END_TEST

START_TEST(what_was_appended_survives_kill_9)
{
    int ready[2];
    char byte = 0;
    ck_assert_int_eq(pipe(ready), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        struct cc_spool *spool = open_with(200, 0);
        append_numbers(spool, 1, 500);
        (void)!write(ready[1], "x", 1);
        for (;;)
            pause();
    }
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    ck_assert_int_eq(kill(child, SIGKILL), 0);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    struct cc_spool *spool = open_with(200, 0);
    ship_numbers(spool, 1, 500);
    cc_spool_close(spool);
    close(ready[0]);
    close(ready[1]);
}
END_TEST

START_TEST(an_idle_spool_is_small)
{
    struct cc_spool *spool = open_with(4000, 0);
    append_numbers(spool, 1, 100);
    ship_numbers(spool, 1, 100);
    ck_assert_int_lt(cc_spool_state(spool).bytes, 1000);
    append_numbers(spool, 101, 110);
    cc_spool_close(spool);
    spool = open_with(4000, 0);
    ship_numbers(spool, 101, 110);
    cc_spool_close(spool);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("spool");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, ships_in_order_what_was_appended);
    tcase_add_test(tests, a_long_batch_is_whole);
    tcase_add_test(tests, a_batch_not_acknowledged_is_read_again);
    tcase_add_test(tests, reopens_where_it_stood);
    tcase_add_test(tests, shipped_segments_are_deleted);
    tcase_add_test(tests, a_torn_tail_is_cut_at_each_length);
    tcase_add_test(tests, damage_in_the_middle_loses_only_the_rest_of_its_segment);
    tcase_add_test(tests, the_bound_is_kept_and_space_comes_back);
    tcase_add_test(tests, what_is_shipped_does_not_fill_a_spool_smaller_than_a_segment);
    tcase_add_test(tests, a_full_disk_is_said_and_leaves_no_torn_record);
    tcase_add_test(tests, what_is_left_is_counted_whoever_holds_it);
    tcase_add_test(tests, what_is_left_is_shown_and_nothing_that_is_shipped);
    tcase_add_test(tests, a_second_opener_is_refused);
    tcase_add_test(tests, a_disk_that_does_not_answer_holds_one_thread);
    tcase_add_test(tests, a_failed_sync_is_counted);
    tcase_add_test(tests, a_spool_left_behind_is_opened_off_the_loop_and_shipped_on_it);
    tcase_add_test(tests, what_was_appended_survives_kill_9);
    tcase_add_test(tests, several_at_once_are_as_one_by_one);
    tcase_add_test(tests, of_several_the_first_that_is_refused_is_told);
    tcase_add_test(tests, an_idle_spool_is_small);
    Suite *suite = suite_create("spool");
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
