#include "bench/arrivals.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/random.h"

enum { NUMBER_TEXT_MAX = 32 };

static const double SECONDS_MAX = 1e7, RATE_MAX = 1e6;

static void next_step(struct bench_arrivals *arrivals)
{
    arrivals->step_started_us += arrivals->steps[arrivals->step].length_us;
    arrivals->step++;
    arrivals->given = 0;
    arrivals->gaps_us = 0;
}

/* Since the step began. Even ones are computed from their number, so that no error adds up. */
static int64_t next_in_step(struct bench_arrivals *arrivals)
{
    double rate = arrivals->steps[arrivals->step].rate;
    if (arrivals->kind == BENCH_EVEN)
        return (int64_t)((double)arrivals->given++ * 1e6 / rate);
    arrivals->gaps_us -= log(bench_random_unit(&arrivals->random)) * 1e6 / rate;
    return (int64_t)arrivals->gaps_us;
}

static bool next_recorded(struct bench_arrivals *arrivals, struct bench_arrival *out)
{
    if (arrivals->given >= arrivals->offset_count)
        return false;
    *out = (struct bench_arrival){.offset_us = arrivals->offsets_us[arrivals->given++]};
    return true;
}

bool bench_arrivals_next(struct bench_arrivals *arrivals, struct bench_arrival *out)
{
    if (arrivals->kind == BENCH_RECORDED)
        return next_recorded(arrivals, out);
    while (arrivals->step < arrivals->step_count) {
        int64_t length_us = arrivals->steps[arrivals->step].length_us;
        int64_t since_us = next_in_step(arrivals);
        if (length_us == 0 || since_us < length_us) {
            *out = (struct bench_arrival){.offset_us = arrivals->step_started_us + since_us,
                                          .step = arrivals->step};
            return true;
        }
        next_step(arrivals);
    }
    return false;
}

static bool read_number(struct cc_slice text, double limit, double *out)
{
    char copy[NUMBER_TEXT_MAX], *end = NULL;
    if (text.length == 0 || text.length >= sizeof(copy))
        return false;
    snprintf(copy, sizeof(copy), "%.*s", (int)text.length, text.data);
    *out = strtod(copy, &end);
    return end == copy + text.length && *out >= 0 && *out <= limit;
}

enum cc_error bench_step_parse(struct cc_slice text, struct bench_step *out)
{
    const char *colon = text.length ? memchr(text.data, ':', text.length) : NULL;
    if (!colon)
        return CC_INVALID;
    size_t length = (size_t)(colon - text.data);
    double rate, seconds;
    if (!read_number(cc_slice(text.data, length), RATE_MAX, &rate) ||
        !read_number(cc_slice(colon + 1, text.length - length - 1), SECONDS_MAX, &seconds))
        return CC_INVALID;
    *out = (struct bench_step){.rate = rate, .length_us = (int64_t)(seconds * 1e6)};
    return rate > 0 && out->length_us > 0 ? CC_OK : CC_INVALID;
}

enum cc_error bench_arrivals_steps(const char *text, struct bench_arrivals *out)
{
    out->step_count = 0;
    while (text) {
        if (out->step_count == BENCH_STEPS_MAX)
            return CC_TOO_LARGE;
        const char *comma = strchr(text, ',');
        struct cc_slice item = comma ? cc_slice(text, (size_t)(comma - text)) : cc_slice_of(text);
        enum cc_error error = bench_step_parse(item, &out->steps[out->step_count]);
        if (error)
            return error;
        out->step_count++;
        text = comma ? comma + 1 : NULL;
    }
    return CC_OK;
}

static size_t lines_in(struct cc_slice bytes)
{
    size_t lines = 0;
    for (size_t i = 0; i < bytes.length; i++)
        lines += bytes.data[i] == '\n' || i + 1 == bytes.length;
    return lines;
}

enum cc_error bench_arrivals_recorded(struct cc_slice bytes, struct bench_arrivals *out,
                                      size_t *line)
{
    out->kind = BENCH_RECORDED;
    out->offset_count = 0;
    size_t lines = lines_in(bytes);
    if (!(out->offsets_us = calloc(lines ? lines : 1, sizeof(*out->offsets_us))))
        return CC_NO_MEMORY;
    int64_t last_us = 0;
    for (*line = 1; *line <= lines; (*line)++) {
        const char *end = memchr(bytes.data, '\n', bytes.length);
        size_t length = end ? (size_t)(end - bytes.data) : bytes.length;
        size_t used = end ? length + 1 : length;
        double seconds;
        if (!read_number(cc_slice(bytes.data, length), SECONDS_MAX, &seconds) ||
            (int64_t)(seconds * 1e6) < last_us)
            return CC_INVALID;
        last_us = (int64_t)(seconds * 1e6);
        out->offsets_us[out->offset_count++] = last_us;
        bytes = cc_slice(bytes.data + used, bytes.length - used);
    }
    return lines ? CC_OK : CC_INVALID;
}

void bench_arrivals_deinit(struct bench_arrivals *arrivals)
{
    free(arrivals->offsets_us);
    arrivals->offsets_us = NULL;
    arrivals->offset_count = 0;
}

int64_t bench_arrivals_length_us(const struct bench_arrivals *arrivals)
{
    if (arrivals->kind == BENCH_RECORDED)
        return arrivals->offset_count ? arrivals->offsets_us[arrivals->offset_count - 1] : 0;
    int64_t length_us = 0;
    for (size_t i = 0; i < arrivals->step_count; i++)
        length_us += arrivals->steps[i].length_us;
    return length_us;
}

void bench_arrivals_stretch(struct bench_arrivals *arrivals, int64_t length_us)
{
    int64_t now_us = bench_arrivals_length_us(arrivals);
    for (size_t i = 0; now_us > 0 && i < arrivals->step_count; i++)
        arrivals->steps[i].length_us =
            (int64_t)((double)arrivals->steps[i].length_us * (double)length_us / (double)now_us);
    while (arrivals->offset_count > 0 &&
           arrivals->offsets_us[arrivals->offset_count - 1] >= length_us)
        arrivals->offset_count--;
}
