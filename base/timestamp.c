#include "base/timestamp.h"

enum { YEAR_MIN = 1, YEAR_MAX = 9999, FRACTION_DIGITS_MAX = 9 };

int64_t cc_days_from_civil(int year, int month, int day)
{
    int64_t y = (int64_t)year - (month <= 2 ? 1 : 0);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

void cc_civil_from_days(int64_t days, int *year, int *month, int *day)
{
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t day_of_era = z - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted_month = (5 * day_of_year + 2) / 153;
    *day = (int)(day_of_year - (153 * shifted_month + 2) / 5 + 1);
    *month = (int)(shifted_month + (shifted_month < 10 ? 3 : -9));
    *year = (int)(year_of_era + era * 400 + (*month <= 2 ? 1 : 0));
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

struct reader {
    struct cc_slice rest;
    bool failed;
};

static int read_digits(struct reader *reader, size_t count)
{
    int value = 0;
    if (reader->rest.length < count) {
        reader->failed = true;
        return 0;
    }
    for (size_t i = 0; i < count; i++) {
        char c = reader->rest.data[i];
        if (c < '0' || c > '9') {
            reader->failed = true;
            return 0;
        }
        value = value * 10 + (c - '0');
    }
    reader->rest = cc_slice(reader->rest.data + count, reader->rest.length - count);
    return value;
}

static bool accept(struct reader *reader, const char *any_of)
{
    if (reader->rest.length == 0 || reader->rest.data[0] == '\0' ||
        !strchr(any_of, reader->rest.data[0]))
        return false;
    reader->rest = cc_slice(reader->rest.data + 1, reader->rest.length - 1);
    return true;
}

static void expect(struct reader *reader, const char *any_of)
{
    if (!accept(reader, any_of))
        reader->failed = true;
}

static int64_t read_fraction_us(struct reader *reader)
{
    if (!accept(reader, "."))
        return 0;
    int64_t fraction_us = 0;
    int64_t unit_us = CC_SECOND_US / 10;
    size_t digits = 0;
    while (reader->rest.length > 0 && reader->rest.data[0] >= '0' && reader->rest.data[0] <= '9') {
        fraction_us += read_digits(reader, 1) * unit_us;
        unit_us /= 10;
        digits++;
    }
    if (digits == 0 || digits > FRACTION_DIGITS_MAX)
        reader->failed = true;
    return fraction_us;
}

static int64_t read_offset_s(struct reader *reader)
{
    if (accept(reader, "Zz"))
        return 0;
    bool negative = reader->rest.length > 0 && reader->rest.data[0] == '-';
    expect(reader, "+-");
    int hours = read_digits(reader, 2);
    expect(reader, ":");
    int minutes = read_digits(reader, 2);
    if (hours > 23 || minutes > 59)
        reader->failed = true;
    int64_t offset_s = hours * 3600 + minutes * 60;
    return negative ? -offset_s : offset_s;
}

static int64_t read_days(struct reader *reader)
{
    int year = read_digits(reader, 4);
    expect(reader, "-");
    int month = read_digits(reader, 2);
    expect(reader, "-");
    int day = read_digits(reader, 2);
    if (reader->failed || year < YEAR_MIN || month < 1 || month > 12 || day < 1 ||
        day > days_in_month(year, month)) {
        reader->failed = true;
        return 0;
    }
    return cc_days_from_civil(year, month, day);
}

/* Leap seconds are inserted at the end of a UTC day only. */
static bool ends_day(int64_t second)
{
    return (second % 86400 + 86400) % 86400 == 86399;
}

enum cc_error cc_timestamp_parse(struct cc_slice text, int64_t *out_us)
{
    struct reader reader = {.rest = text};
    int64_t days = read_days(&reader);
    expect(&reader, "Tt");
    int hour = read_digits(&reader, 2);
    expect(&reader, ":");
    int minute = read_digits(&reader, 2);
    expect(&reader, ":");
    int second = read_digits(&reader, 2);
    int64_t fraction_us = read_fraction_us(&reader);
    int64_t offset_s = read_offset_s(&reader);
    *out_us = 0;
    if (reader.failed || reader.rest.length > 0 || hour > 23 || minute > 59 || second > 60)
        return CC_INVALID;
    bool leap = second == 60;
    int64_t time_s = days * 86400 + hour * 3600 + minute * 60 + second - (leap ? 1 : 0) - offset_s;
    if (leap && !ends_day(time_s))
        return CC_INVALID;
    if (time_s < cc_days_from_civil(YEAR_MIN, 1, 1) * 86400 ||
        time_s >= cc_days_from_civil(YEAR_MAX + 1, 1, 1) * 86400)
        return CC_INVALID;
    *out_us = time_s * CC_SECOND_US + fraction_us;
    return CC_OK;
}

static void put_digits(char *out, size_t count, int value)
{
    while (count-- > 0) {
        out[count] = (char)('0' + value % 10);
        value /= 10;
    }
}

void cc_timestamp_format(int64_t time_us, char *out)
{
    int64_t first_us = cc_days_from_civil(YEAR_MIN, 1, 1) * CC_DAY_US;
    int64_t last_us = cc_days_from_civil(YEAR_MAX + 1, 1, 1) * CC_DAY_US - 1;
    if (time_us < first_us)
        time_us = first_us;
    if (time_us > last_us)
        time_us = last_us;
    int64_t days = (time_us >= 0 ? time_us : time_us - CC_DAY_US + 1) / CC_DAY_US;
    int64_t in_day_us = time_us - days * CC_DAY_US;
    int in_day_s = (int)(in_day_us / CC_SECOND_US);
    int year = 0;
    int month = 0;
    int day = 0;
    cc_civil_from_days(days, &year, &month, &day);
    memcpy(out, "0000-00-00T00:00:00.000000Z", CC_TIMESTAMP_TEXT_MAX);
    put_digits(out, 4, year);
    put_digits(out + 5, 2, month);
    put_digits(out + 8, 2, day);
    put_digits(out + 11, 2, in_day_s / 3600);
    put_digits(out + 14, 2, in_day_s / 60 % 60);
    put_digits(out + 17, 2, in_day_s % 60);
    put_digits(out + 20, 6, (int)(in_day_us % CC_SECOND_US));
}
