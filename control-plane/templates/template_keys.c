#include "control-plane/templates/template_keys.h"

#include <stddef.h>

static bool is_digits(struct cc_slice text)
{
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    }
    return text.length > 0;
}

static bool is_country_code(struct cc_slice text)
{
    return is_digits(text) && text.length <= 3 && text.data[0] != '0';
}

static bool is_national_prefix(struct cc_slice text)
{
    return text.length == 0 || (is_digits(text) && text.length <= 3);
}

static bool is_emergency_number(struct cc_slice text)
{
    return is_digits(text) && text.length >= 2 && text.length <= 8;
}

static bool is_e164_prefix(struct cc_slice text)
{
    return text.length >= 2 && text.length <= CC_E164_MAX && text.data[0] == '+' &&
           is_digits(cc_slice(text.data + 1, text.length - 1));
}

/* The shape of an IANA name; whether the machine knows it is for the caller to see. */
static bool is_zone(struct cc_slice text)
{
    if (text.length == 0 || text.length > 64 || text.data[0] == '/' ||
        memmem(text.data, text.length, "..", 2))
        return false;
    for (size_t i = 0; i < text.length; i++) {
        char c = text.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              strchr("/_+-", c)))
            return false;
    }
    return true;
}

static int two_digits(const char *at)
{
    return is_digits(cc_slice(at, 2)) ? (at[0] - '0') * 10 + (at[1] - '0') : -1;
}

/* "MM-DD" of some year. */
static bool is_month_day(struct cc_slice text)
{
    static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (text.length != 5 || text.data[2] != '-')
        return false;
    int month = two_digits(text.data), day = two_digits(text.data + 3);
    return month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1];
}

static bool is_leap_year(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* "YYYY-MM-DD" that exists. */
static bool is_date(struct cc_slice text)
{
    if (text.length != 10 || text.data[4] != '-' || !is_digits(cc_slice(text.data, 4)) ||
        !is_month_day(cc_slice(text.data + 5, 5)))
        return false;
    int year = two_digits(text.data) * 100 + two_digits(text.data + 2);
    return memcmp(text.data + 5, "02-29", 5) != 0 || is_leap_year(year);
}

/* "easter", "easter-2", "easter+39": days from Easter Sunday. */
static bool is_easter(struct cc_slice text)
{
    if (!cc_slice_starts_with(text, CC_SLICE_LITERAL("easter")))
        return false;
    struct cc_slice rest = cc_slice(text.data + 6, text.length - 6);
    if (rest.length == 0)
        return true;
    return (rest.data[0] == '+' || rest.data[0] == '-') && rest.length <= 3 &&
           is_digits(cc_slice(rest.data + 1, rest.length - 1));
}

/* "fri:06-19..06-25": the weekday that lies between the two days. */
static bool is_weekday_between(struct cc_slice text)
{
    static const char *const days[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    if (text.length != 16 || text.data[3] != ':' || memcmp(text.data + 9, "..", 2) != 0 ||
        !is_month_day(cc_slice(text.data + 4, 5)) || !is_month_day(cc_slice(text.data + 11, 5)))
        return false;
    for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++) {
        if (memcmp(text.data, days[i], 3) == 0)
            return true;
    }
    return false;
}

/* Rule, space, name. */
static bool is_holiday(struct cc_slice text)
{
    const char *space = text.data ? memchr(text.data, ' ', text.length) : NULL;
    if (!space || text.length > 96 || space + 1 == text.data + text.length)
        return false;
    struct cc_slice rule = cc_slice(text.data, (size_t)(space - text.data));
    return is_month_day(rule) || is_date(rule) || is_easter(rule) || is_weekday_between(rule);
}

#define CELL(field) offsetof(struct cp_template, field)
#define COUNTRY(field) offsetof(struct cp_template_country, field)

/* name, kind, offset, count offset, minimum, maximum, check, shape, preset, unit, help */
const struct cp_template_key cp_template_keys[] = {
    {"workers", CP_TEMPLATE_INTEGER, CELL(workers), 0, 1, 2, NULL, NULL, NULL, "processes",
     "Workers of a cell, on each of its sites"},
    {"sites", CP_TEMPLATE_INTEGER, CELL(sites), 0, 1, 2, NULL, NULL, "1", "",
     "2: a standby site with workers, a Redis and the synchronous replica of its own"},
    {"redis_megabytes", CP_TEMPLATE_INTEGER, CELL(redis_megabytes), 0, 16, 1 << 20, NULL, NULL,
     NULL, "MB", "Memory of the cell's Redis, for call plans and the change stream"},
    {"postgres_megabytes", CP_TEMPLATE_INTEGER, CELL(postgres_megabytes), 0, 16, 1 << 20, NULL,
     NULL, NULL, "MB", "shared_buffers of each Postgres node"},
    {"spool_megabytes", CP_TEMPLATE_INTEGER, CELL(spool_megabytes), 0, 1, 1 << 20, NULL, NULL, NULL,
     "MB", "Disk for records that wait for Postgres, per worker"},
    {"call_plans_max", CP_TEMPLATE_INTEGER, CELL(call_plans_max), 0, 1, 100000000, NULL, NULL, NULL,
     "call plans", "Call plans that a worker keeps in memory"},
};
const size_t cp_template_key_count = sizeof(cp_template_keys) / sizeof(cp_template_keys[0]);

const struct cp_template_key cp_country_keys[] = {
    {"country_code", CP_TEMPLATE_TEXT, COUNTRY(policy.country_code), 0, 0, 0, is_country_code,
     "1 to 3 digits, not starting with 0", NULL, "",
     "Numbering plan: E.164 country code, with which every number of the country begins"},
    {"national_prefix", CP_TEMPLATE_TEXT, COUNTRY(policy.national_prefix), 0, 0, 0,
     is_national_prefix, "at most 3 digits", "", "",
     "Numbering plan: what is dialled before a national number"},
    {"emergency", CP_TEMPLATE_LIST, COUNTRY(policy.emergency), COUNTRY(policy.emergency_count), 0,
     0, is_emergency_number, "2 to 8 digits", NULL, "",
     "Emergency numbers as dialled; never empty"},
    {"barred_prefixes", CP_TEMPLATE_LIST, COUNTRY(policy.barred_prefixes),
     COUNTRY(policy.barred_count), 0, 0, is_e164_prefix, "+ and 1 to 15 digits", "", "",
     "Premium and satellite prefixes that an edge answer does not connect"},
    {"zone", CP_TEMPLATE_TEXT, COUNTRY(zone), 0, 0, 0, is_zone, "an IANA name like Europe/Oslo",
     "UTC", "", "Time zone of the country"},
    {"holidays", CP_TEMPLATE_LIST, COUNTRY(holidays), COUNTRY(holiday_count), 0, 0, is_holiday,
     "a rule (MM-DD, YYYY-MM-DD, easter-2, fri:06-19..06-25), a space and a name", "", "",
     "Public holidays; kept for the flows' calendar"},
};
const size_t cp_country_key_count = sizeof(cp_country_keys) / sizeof(cp_country_keys[0]);

static const char *kind_name(const struct cp_template_key *key)
{
    static const char *const names[] = {"whole number", "true or false", "text", "list of texts"};
    return names[key->kind];
}

static void append_key(struct cc_buffer *out, const struct cp_template_key *key)
{
    cc_buffer_printf(out, "| `%s` | %s%s%s", key->name, kind_name(key), *key->unit ? ", " : "",
                     key->unit);
    if (key->kind == CP_TEMPLATE_INTEGER)
        cc_buffer_printf(out, " | %lld to %lld", (long long)key->minimum, (long long)key->maximum);
    else
        cc_buffer_printf(out, " | %s", key->shape ? key->shape : "");
    cc_buffer_printf(out, " | %s | %s |\n",
                     !key->preset    ? "must be said"
                     : !*key->preset ? "none"
                                     : key->preset,
                     key->help);
}

static void append_table(struct cc_buffer *out, const struct cp_template_key *keys, size_t count)
{
    cc_buffer_text(out, "| key | type | limits | default | meaning |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < count; i++)
        append_key(out, &keys[i]);
}

void cp_template_page(struct cc_buffer *out)
{
    cc_buffer_text(
        out,
        "# Templates\n\n"
        "A template says what a cell of some size is made of, and what is particular to each "
        "country: "
        "`share/templates/<name>.yaml` of the home. `callcell template list` shows them, "
        "`callcell "
        "template show NAME --country se` what is in force and where it was said, `callcell "
        "template "
        "check FILE` every fault of a file with its line. A change of a template reaches a cell "
        "that "
        "exists with `callcell cell diff CELL` and `callcell cell apply CELL`.\n\n"
        "`extends: demo` takes everything from another template, and says only what is different; "
        "countries are merged key by key (a list is replaced as a whole). At most four templates "
        "in a "
        "chain, no circles.\n\n"
        "## Of the cell\n\n");
    append_table(out, cp_template_keys, cp_template_key_count);
    cc_buffer_text(out, "\n## Of a country, below `countries.<two letters>`\n\n");
    append_table(out, cp_country_keys, cp_country_key_count);
    cc_buffer_text(
        out,
        "\nA holiday's rule: `12-25` every year, `2026-06-19` once, `easter-2` days from Easter "
        "Sunday, "
        "`fri:06-19..06-25` the weekday between two days.\n\n"
        "## Sizes\n\n"
        "| template | users | calls in the busy hour | rests on |\n|---|---|---|---|\n"
        "| `demo` | a few thousand | | trying things out on one machine |\n"
        "| `small` | 250,000 | about 42 a second | 5 calls per user and day, 12 % of them in the "
        "busy "
        "hour |\n"
        "| `large` | 1,000,000 | about 170 a second | the same |\n\n"
        "What a user costs, measured on a cell of `demo` with 5,000 mobile numbers: 0.3 KB in "
        "Redis (224 "
        "bytes of call plan and the key), 0.65 KB in Postgres (number and compiled plan). A "
        "recorded "
        "event is about 0.7 KB in the spool, three events a call. Memory is twice what follows, "
        "for "
        "fragmentation and growth; the spool holds three hours of the busy hour with Postgres gone "
        "and "
        "one of the two workers dead. A planner that measures its own machine replaces these sums "
        "when "
        "there is one.\n\n"
        "This page is the output of `callcell template keys`.\n");
}
