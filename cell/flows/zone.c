#include "cell/flows/zone.h"

#include <stdlib.h>

#include "base/timestamp.h"

/*
 * A TZif file (RFC 8536) is a version 1 block, which is skipped, a 64-bit block, and a footer with
 * a POSIX TZ rule for the time after the last transition. Times before the first transition have
 * the first type.
 */
enum {
    HEADER_BYTES = 44,
    TYPES_MAX = 256,
    TRANSITIONS_MAX = 4096,
    OFFSET_MIN_S = -89999, /* RFC 8536 section 3.2 */
    OFFSET_MAX_S = 93599,
    DAY_S = 86400
};

enum rule_date_kind { DATE_JULIAN, DATE_ZERO_BASED, DATE_MONTH_WEEK_DAY };

/* When in a year the clocks change: POSIX Jn, n or Mm.w.d, and seconds of local time on that day.
 */
struct rule_date {
    enum rule_date_kind kind;
    int day;
    int week;
    int month;
    int64_t time_s;
};

struct rule {
    bool present;
    bool has_dst;
    int64_t standard_s; /* east of UTC */
    int64_t dst_s;
    struct rule_date start;
    struct rule_date end;
};

struct cell_zone {
    struct rule rule;
    int64_t *times_s;
    uint8_t *types;
    size_t transition_count;
    int32_t offsets_s[TYPES_MAX];
};

/* What is left to read; a read beyond the end gives zero and sets failed. */
struct reader {
    struct cc_slice left;
    bool failed;
};

static struct cc_slice take(struct reader *reader, size_t bytes)
{
    struct cc_slice taken = {NULL, 0};
    if (reader->failed || reader->left.length < bytes) {
        reader->failed = true;
        return taken;
    }
    taken = cc_slice(reader->left.data, bytes);
    reader->left.data += bytes;
    reader->left.length -= bytes;
    return taken;
}

static uint64_t take_big_endian(struct reader *reader, size_t bytes)
{
    struct cc_slice taken = take(reader, bytes);
    uint64_t value = 0;
    for (size_t i = 0; i < taken.length; i++)
        value = value << 8 | (uint8_t)taken.data[i];
    return value;
}

struct header {
    char version;
    size_t ut_count, standard_count, leap_count, time_count, type_count, char_count;
};

static enum cc_error take_header(struct reader *reader, struct header *header)
{
    struct cc_slice magic = take(reader, 4);
    struct cc_slice version = take(reader, 1);
    take(reader, 15);
    header->ut_count = take_big_endian(reader, 4);
    header->standard_count = take_big_endian(reader, 4);
    header->leap_count = take_big_endian(reader, 4);
    header->time_count = take_big_endian(reader, 4);
    header->type_count = take_big_endian(reader, 4);
    header->char_count = take_big_endian(reader, 4);
    if (reader->failed || !cc_slice_is(magic, "TZif"))
        return CC_INVALID;
    header->version = version.data[0];
    return header->version >= '2' && header->version <= '9' ? CC_OK : CC_UNSUPPORTED;
}

static void skip_first_block(struct reader *reader, const struct header *header)
{
    take(reader, header->time_count * 5);
    take(reader, header->type_count * 6);
    take(reader, header->char_count);
    take(reader, header->leap_count * 8);
    take(reader, header->standard_count + header->ut_count);
}

static enum cc_error check_counts(const struct header *header)
{
    if (header->leap_count)
        return CC_UNSUPPORTED; /* a "right" file counts leap seconds; our clock does not */
    if (header->type_count < 1 || header->type_count > TYPES_MAX)
        return CC_INVALID;
    if (header->time_count > TRANSITIONS_MAX)
        return CC_INVALID;
    return CC_OK;
}

static enum cc_error take_transitions(struct reader *reader, const struct header *header,
                                      struct cell_zone *zone)
{
    size_t count = header->time_count;
    if (reader->failed || reader->left.length < count * 9)
        return CC_INVALID;
    zone->transition_count = count;
    zone->times_s = calloc(count + 1, sizeof(*zone->times_s));
    zone->types = calloc(count + 1, sizeof(*zone->types));
    if (!zone->times_s || !zone->types)
        return CC_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        zone->times_s[i] = (int64_t)take_big_endian(reader, 8);
        if (i > 0 && zone->times_s[i] <= zone->times_s[i - 1])
            return CC_INVALID;
    }
    for (size_t i = 0; i < count; i++) {
        zone->types[i] = (uint8_t)take_big_endian(reader, 1);
        if (zone->types[i] >= header->type_count)
            return CC_INVALID;
    }
    return CC_OK;
}

static enum cc_error take_types(struct reader *reader, const struct header *header,
                                struct cell_zone *zone)
{
    for (size_t i = 0; i < header->type_count; i++) {
        zone->offsets_s[i] = (int32_t)(uint32_t)take_big_endian(reader, 4);
        take(reader, 2);
        if (zone->offsets_s[i] < OFFSET_MIN_S || zone->offsets_s[i] > OFFSET_MAX_S)
            return CC_INVALID;
    }
    take(reader, header->char_count);
    take(reader, header->standard_count + header->ut_count);
    return reader->failed ? CC_INVALID : CC_OK;
}

static bool next_is(const struct reader *text, char wanted)
{
    return !text->failed && text->left.length > 0 && text->left.data[0] == wanted;
}

static bool accept(struct reader *text, char wanted)
{
    if (!next_is(text, wanted))
        return false;
    take(text, 1);
    return true;
}

static bool next_is_digit(const struct reader *text)
{
    return !text->failed && text->left.length > 0 && text->left.data[0] >= '0' &&
           text->left.data[0] <= '9';
}

static int take_number(struct reader *text, int minimum, int maximum)
{
    int value = 0;
    if (!next_is_digit(text))
        text->failed = true;
    while (next_is_digit(text) && value <= maximum)
        value = value * 10 + (take(text, 1).data[0] - '0');
    if (value < minimum || value > maximum)
        text->failed = true;
    return value;
}

static bool is_letter(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* An abbreviation: letters, or anything between angle brackets. Its text is of no use to us. */
static void take_abbreviation(struct reader *text)
{
    size_t length = 0;
    if (accept(text, '<')) {
        while (!text->failed && !next_is(text, '>'))
            take(text, 1);
        take(text, 1);
        return;
    }
    while (text->left.length > length && is_letter(text->left.data[length]))
        length++;
    if (length < 3)
        text->failed = true;
    take(text, length);
}

/* [+-]hh[:mm[:ss]] in seconds. */
static int64_t take_clock(struct reader *text, int hours_max)
{
    int64_t sign = accept(text, '-') ? -1 : 1;
    int64_t seconds = 0;
    if (sign > 0)
        accept(text, '+');
    seconds = INT64_C(3600) * take_number(text, 0, hours_max);
    if (accept(text, ':'))
        seconds += INT64_C(60) * take_number(text, 0, 59);
    if (accept(text, ':'))
        seconds += take_number(text, 0, 59);
    return sign * seconds;
}

static void expect(struct reader *text, char wanted)
{
    if (!accept(text, wanted))
        text->failed = true;
}

static struct rule_date take_date(struct reader *text)
{
    struct rule_date date = {DATE_ZERO_BASED, 0, 0, 0, 7200};
    if (accept(text, 'M')) {
        date.kind = DATE_MONTH_WEEK_DAY;
        date.month = take_number(text, 1, 12);
        expect(text, '.');
        date.week = take_number(text, 1, 5);
        expect(text, '.');
        date.day = take_number(text, 0, 6);
    } else if (accept(text, 'J')) {
        date.kind = DATE_JULIAN;
        date.day = take_number(text, 1, 365);
    } else {
        date.day = take_number(text, 0, 365);
    }
    if (accept(text, '/'))
        date.time_s = take_clock(text, 167);
    return date;
}

/* POSIX offsets count west of UTC. */
static void take_rule(struct reader *text, struct rule *rule)
{
    take_abbreviation(text);
    rule->standard_s = -take_clock(text, 24);
    rule->present = true;
    if (text->left.length == 0)
        return;
    take_abbreviation(text);
    rule->has_dst = true;
    rule->dst_s = next_is(text, ',') ? rule->standard_s + 3600 : -take_clock(text, 24);
    expect(text, ',');
    rule->start = take_date(text);
    expect(text, ',');
    rule->end = take_date(text);
}

static enum cc_error take_footer(struct reader *reader, struct cell_zone *zone)
{
    struct reader text = {{NULL, 0}, false};
    const char *end = NULL;
    expect(reader, '\n');
    if (reader->failed || reader->left.length == 0)
        return CC_INVALID;
    end = memchr(reader->left.data, '\n', reader->left.length);
    if (!end)
        return CC_INVALID;
    text.left = cc_slice(reader->left.data, (size_t)(end - reader->left.data));
    if (text.left.length == 0)
        return CC_OK;
    take_rule(&text, &zone->rule);
    return text.failed || text.left.length > 0 ? CC_INVALID : CC_OK;
}

static enum cc_error parse_into(struct cc_slice tzif, struct cell_zone *zone)
{
    struct reader reader = {tzif, false};
    struct header header = {0};
    enum cc_error error = take_header(&reader, &header);
    if (error)
        return error;
    skip_first_block(&reader, &header);
    error = take_header(&reader, &header);
    if (!error)
        error = check_counts(&header);
    if (!error)
        error = take_transitions(&reader, &header, zone);
    if (!error)
        error = take_types(&reader, &header, zone);
    if (!error)
        error = take_footer(&reader, zone);
    return error;
}

enum cc_error cell_zone_parse(struct cc_slice tzif, struct cell_zone **out)
{
    enum cc_error error = CC_OK;
    struct cell_zone *zone = calloc(1, sizeof(*zone));
    *out = NULL;
    if (!zone)
        return CC_NO_MEMORY;
    error = parse_into(tzif, zone);
    if (error) {
        cell_zone_free(zone);
        return error;
    }
    *out = zone;
    return CC_OK;
}

void cell_zone_free(struct cell_zone *zone)
{
    if (!zone)
        return;
    free(zone->times_s);
    free(zone->types);
    free(zone);
}

static bool is_leap_year(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* 1970-01-01 was a Thursday; 0 is Sunday. */
static int weekday_of(int64_t days)
{
    return (int)(((days + 4) % 7 + 7) % 7);
}

static int64_t month_week_day(const struct rule_date *date, int year)
{
    int64_t first = cc_days_from_civil(year, date->month, 1);
    int64_t next_month = date->month == 12 ? cc_days_from_civil(year + 1, 1, 1)
                                           : cc_days_from_civil(year, date->month + 1, 1);
    int64_t day = first + (date->day - weekday_of(first) + 7) % 7 + 7 * (date->week - 1);
    return day >= next_month ? day - 7 : day;
}

/* Seconds since the epoch, as if the local clock were UTC. */
static int64_t date_in_year(const struct rule_date *date, int year)
{
    int64_t day = cc_days_from_civil(year, 1, 1);
    if (date->kind == DATE_MONTH_WEEK_DAY)
        day = month_week_day(date, year);
    else if (date->kind == DATE_ZERO_BASED)
        day += date->day;
    else
        day += date->day - 1 + (is_leap_year(year) && date->day >= 60 ? 1 : 0); /* no 29 February */
    return day * DAY_S + date->time_s;
}

static int64_t floor_divide(int64_t value, int64_t by)
{
    return value / by - (value % by < 0 ? 1 : 0);
}

static int64_t rule_offset(const struct rule *rule, int64_t time_s)
{
    int year = 0, month = 0, day = 0;
    int64_t start = 0, end = 0;
    bool dst = false;
    if (!rule->has_dst)
        return rule->standard_s;
    cc_civil_from_days(floor_divide(time_s + rule->standard_s, DAY_S), &year, &month, &day);
    start = date_in_year(&rule->start, year) - rule->standard_s;
    end = date_in_year(&rule->end, year) - rule->dst_s;
    dst = start < end ? time_s >= start && time_s < end : time_s >= start || time_s < end;
    return dst ? rule->dst_s : rule->standard_s;
}

/* Index of the last transition at or before the time; the caller knows that there is one. */
static size_t last_transition(const struct cell_zone *zone, int64_t time_s)
{
    size_t low = 0, high = zone->transition_count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (zone->times_s[middle] <= time_s)
            low = middle;
        else
            high = middle;
    }
    return low;
}

int64_t cell_zone_offset_s(const struct cell_zone *zone, int64_t time_us)
{
    int64_t time_s = floor_divide(time_us, CC_SECOND_US);
    size_t count = zone->transition_count;
    bool after_all = count == 0 || time_s >= zone->times_s[count - 1];
    if (after_all && zone->rule.present)
        return rule_offset(&zone->rule, time_s);
    if (count == 0 || time_s < zone->times_s[0])
        return zone->offsets_s[0];
    return zone->offsets_s[zone->types[last_transition(zone, time_s)]];
}
