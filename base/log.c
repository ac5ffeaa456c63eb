#include "base/log.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/timestamp.h"

enum { LINE_MAX_BYTES = 64 * 1024, VALUE_MAX_BYTES = 2048, AT_ONCE_BYTES = 4096, NOTE_MAX = 128 };

static struct {
    pthread_mutex_t mutex;
    unsigned long long lost; /* lines, since the last one that was written */
} standard_error = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* For one page, when it is a pipe. */
static bool has_room(void)
{
    struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
    return poll(&out, 1, 0) == 1 && (out.revents & POLLOUT);
}

/* False: the rest of it is lost. */
static bool write_at_once(struct cc_slice line)
{
    while (line.length > 0) {
        if (!has_room())
            return false;
        size_t part = line.length < AT_ONCE_BYTES ? line.length : AT_ONCE_BYTES;
        ssize_t written = write(STDERR_FILENO, line.data, part);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        line = cc_slice(line.data + written, line.length - (size_t)written);
    }
    return true;
}

/* Begins a new line: the one before may have been cut off. */
static bool write_what_is_lost(void)
{
    char note[NOTE_MAX];
    int length = snprintf(note, sizeof(note),
                          "\n{\"level\":\"error\",\"event\":\"log_lines_lost\",\"lines\":%llu}\n",
                          standard_error.lost);
    if (!write_at_once(cc_slice(note, (size_t)length)))
        return false;
    standard_error.lost = 0;
    return true;
}

/* Who reads our log stops when its disk is full, as svlogd does: who waited for it would answer no
 * call. */
static void write_stderr(void *context, struct cc_slice line)
{
    (void)context;
    (void)pthread_mutex_lock(&standard_error.mutex);
    if ((standard_error.lost > 0 && !write_what_is_lost()) || !write_at_once(line))
        standard_error.lost++;
    (void)pthread_mutex_unlock(&standard_error.mutex);
}

static int64_t wall_clock_us(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * CC_SECOND_US + now.tv_nsec / 1000;
}

static struct {
    const char *component;
    enum cc_log_level minimum;
    void (*write)(void *context, struct cc_slice line);
    int64_t (*now_us)(void);
    void *context;
} sink = {
    .component = "unnamed", .minimum = CC_LOG_INFO, .write = write_stderr, .now_us = wall_clock_us};

void cc_log_init(const char *component, enum cc_log_level minimum)
{
    sink.component = component;
    sink.minimum = minimum;
}

void cc_log_redirect(void (*write)(void *context, struct cc_slice line), int64_t (*now_us)(void),
                     void *context)
{
    sink.write = write ? write : write_stderr;
    sink.now_us = now_us ? now_us : wall_clock_us;
    sink.context = context;
}

struct cc_log_field cc_log_text(const char *name, const char *value)
{
    return cc_log_slice(name, cc_slice_of(value));
}

struct cc_log_field cc_log_slice(const char *name, struct cc_slice value)
{
    return (struct cc_log_field){.name = name, .kind = CC_LOG_STRING, .string = value};
}

struct cc_log_field cc_log_number(const char *name, int64_t value)
{
    return (struct cc_log_field){.name = name, .kind = CC_LOG_INTEGER, .integer = value};
}

struct cc_log_field cc_log_error_field(enum cc_error error)
{
    return cc_log_text("error", cc_error_name(error));
}

/* A dialogue's: "state", "sealed_state"; not "sqlstate", "statement". */
static bool ends_in_word_state(const char *name)
{
    static const char word[] = "state";
    size_t length = strlen(name);
    if (length < sizeof(word) - 1)
        return false;
    size_t start = length - (sizeof(word) - 1);
    return strcasecmp(name + start, word) == 0 && (start == 0 || name[start - 1] == '_');
}

static bool is_redacted(const char *name)
{
    static const char *const words[] = {"secret", "token", "password", "authorization",
                                        "signature"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasestr(name, words[i]))
            return true;
    }
    return ends_in_word_state(name);
}

static void append_field(struct cc_buffer *line, const struct cc_log_field *field)
{
    cc_buffer_text(line, ",");
    cc_buffer_json_string(line, cc_slice_of(field->name));
    cc_buffer_text(line, ":");
    if (is_redacted(field->name)) {
        cc_buffer_text(line, "\"[redacted]\"");
    } else if (field->kind == CC_LOG_INTEGER) {
        cc_buffer_integer(line, field->integer);
    } else {
        struct cc_slice value = field->string;
        if (value.length > VALUE_MAX_BYTES)
            value.length = VALUE_MAX_BYTES;
        cc_buffer_json_string(line, value);
    }
}

bool cc_log_takes(enum cc_log_level level)
{
    return level >= sink.minimum && (unsigned)level <= CC_LOG_ERROR;
}

void cc_log_write(enum cc_log_level level, const char *event, const struct cc_log_field *fields,
                  size_t count)
{
    static const char *const level_names[] = {"debug", "info", "warning", "error"};
    if (!cc_log_takes(level))
        return;
    char time_text[CC_TIMESTAMP_TEXT_MAX];
    cc_timestamp_format(sink.now_us(), time_text);
    struct cc_buffer line;
    cc_buffer_init(&line, LINE_MAX_BYTES);
    cc_buffer_printf(&line,
                     "{\"ts\":\"%s\",\"level\":\"%s\",\"component\":\"%s\",\"event\":", time_text,
                     level_names[level], sink.component);
    cc_buffer_json_string(&line, cc_slice_of(event));
    for (size_t i = 0; i < count; i++)
        append_field(&line, &fields[i]);
    cc_buffer_text(&line, "}\n");
    if (line.error)
        sink.write(sink.context,
                   CC_SLICE_LITERAL("{\"level\":\"error\",\"event\":\"log_lost\"}\n"));
    else
        sink.write(sink.context, cc_buffer_slice(&line));
    cc_buffer_deinit(&line);
}
