#include "bench/scenario.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define FIELD(name) offsetof(struct bench_scenario, name)
#define WHO(name) offsetof(struct bench_scenario, population.name)

static const struct cc_config_key keys[] = {
    {"about", CC_CONFIG_TEXT, FIELD(about), true, NULL, 0, 0, "one sentence for the report"},
    {"countries", CC_CONFIG_TEXT_LIST, FIELD(countries), false, "se", 0, 0,
     "where calls come from; each has its cell, `se-1`"},
    {"tenants", CC_CONFIG_INTEGER, WHO(tenants), false, "1", 1, BENCH_TENANTS_MAX,
     "of each country"},
    {"mobiles", CC_CONFIG_INTEGER, WHO(mobiles), false, "100", 1, BENCH_NUMBERS_MAX,
     "numbers of each tenant"},
    {"pbxs", CC_CONFIG_INTEGER, WHO(pbxs), false, "10", 1, BENCH_NUMBERS_MAX,
     "switchboards of each tenant"},
    {"pbx_percent", CC_CONFIG_INTEGER, WHO(pbx_percent), false, "0", 0, 100,
     "share of the calls that go to switchboards"},
    {"hot_percent", CC_CONFIG_INTEGER, WHO(hot_percent), false, "0", 0, 100,
     "share of the calls that go to the first tenant; the rest is spread evenly"},
    {"arrivals", CC_CONFIG_TEXT, FIELD(arrivals_name), false, "constant", 0, 0,
     "`constant` (evenly, at the rate of each step), `poisson` or `recorded`"},
    {"steps", CC_CONFIG_TEXT_LIST, FIELD(steps), false, NULL, 0, 0,
     "`CALLS_PER_SECOND:SECONDS`, one after another"},
    {"recording", CC_CONFIG_TEXT, FIELD(recording), false, NULL, 0, 0,
     "with `recorded`: a file beside this one, the second at which each call starts, one a line"},
    {"pause_ms", CC_CONFIG_INTEGER, FIELD(pause_ms), false, "0", 0, 600000,
     "between an answer and the next webhook of its call"},
    {"first_only", CC_CONFIG_BOOLEAN, FIELD(first_only), false, "false", 0, 0,
     "only the first webhook of each call"},
    {"cold", CC_CONFIG_BOOLEAN, FIELD(cold), false, "false", 0, 0,
     "Redis and workers are started anew just before, so that nothing is cached"},
    {"kill", CC_CONFIG_TEXT_LIST, FIELD(kills), false, NULL, 0, 0,
     "`SECONDS:SERVICE`, kill -9 at that second of the run; `se-1-primary` is whichever node is "
     "it"},
};
enum { KEYS = sizeof(keys) / sizeof(keys[0]) };

struct reading {
    struct cc_slice yaml;
    const char *file_name;
    struct bench_scenario *scenario;
    struct cc_buffer *errors;
};

/* Line of a key of the top level, from 1; 0: it does not stand there. */
static size_t line_of(struct cc_slice yaml, const char *key)
{
    size_t length = strlen(key), line = 1;
    bool at_start = true;
    for (size_t i = 0; i < yaml.length; i++) {
        if (at_start && i + length < yaml.length && yaml.data[i + length] == ':' &&
            memcmp(yaml.data + i, key, length) == 0)
            return line;
        at_start = yaml.data[i] == '\n';
        line += at_start;
    }
    return 0;
}

static void __attribute__((format(printf, 3, 4)))
complain(const struct reading *reading, const char *key, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    cc_buffer_printf(reading->errors, "%s:%zu: %s: %s\n", reading->file_name,
                     line_of(reading->yaml, key), key, text);
}

static void read_countries(const struct reading *reading)
{
    struct bench_scenario *scenario = reading->scenario;
    if (scenario->countries.count > BENCH_COUNTRIES_MAX || scenario->countries.count == 0) {
        complain(reading, "countries", "must be 1 to %d", BENCH_COUNTRIES_MAX);
        return;
    }
    for (size_t i = 0; i < scenario->countries.count; i++) {
        const char *country = scenario->countries.items[i];
        if (!bench_population_knows(country))
            complain(reading, "countries", "no numbers are known of \"%s\"", country);
        else
            snprintf(scenario->population.countries[scenario->population.country_count++],
                     sizeof(scenario->population.countries[0]), "%s", country);
    }
}

static void read_steps(const struct reading *reading)
{
    struct bench_scenario *scenario = reading->scenario;
    bool recorded = scenario->arrivals.kind == BENCH_RECORDED;
    if (scenario->steps.count > BENCH_STEPS_MAX)
        complain(reading, "steps", "must be at most %d", BENCH_STEPS_MAX);
    else if (recorded == (scenario->steps.count > 0))
        complain(reading, "arrivals", "%s",
                 recorded ? "recorded calls have no steps" : "needs steps");
    for (size_t i = 0; i < scenario->steps.count && i < BENCH_STEPS_MAX; i++) {
        const char *text = scenario->steps.items[i];
        if (bench_step_parse(cc_slice_of(text), &scenario->arrivals.steps[i]))
            complain(reading, "steps", "\"%s\" is not CALLS_PER_SECOND:SECONDS", text);
        scenario->arrivals.step_count++;
    }
}

static void read_arrivals(const struct reading *reading)
{
    static const char *const names[] = {
        [BENCH_EVEN] = "constant", [BENCH_POISSON] = "poisson", [BENCH_RECORDED] = "recorded"};
    struct bench_scenario *scenario = reading->scenario;
    size_t kind = 0;
    while (kind <= BENCH_RECORDED && strcmp(names[kind], scenario->arrivals_name) != 0)
        kind++;
    if (kind > BENCH_RECORDED) {
        complain(reading, "arrivals", "must be constant, poisson or recorded, is \"%s\"",
                 scenario->arrivals_name);
        return;
    }
    scenario->arrivals.kind = (enum bench_arrivals_kind)kind;
    if ((kind == BENCH_RECORDED) != (scenario->recording != NULL))
        complain(reading, "arrivals", "recorded and recording go together");
    read_steps(reading);
}

/* "8:se-1-primary" */
static bool read_fault(const char *text, struct bench_fault *out)
{
    char *end = NULL;
    double seconds = strtod(text, &end);
    if (end == text || *end != ':' || !(seconds >= 0 && seconds < 1e7) || !end[1] ||
        strlen(end + 1) >= sizeof(out->part) || strchr(end, '/'))
        return false;
    out->at_us = (int64_t)(seconds * 1e6);
    snprintf(out->part, sizeof(out->part), "%s", end + 1);
    return true;
}

static void read_faults(const struct reading *reading)
{
    struct bench_scenario *scenario = reading->scenario;
    if (scenario->kills.count > BENCH_FAULTS_MAX) {
        complain(reading, "kill", "must be at most %d", BENCH_FAULTS_MAX);
        return;
    }
    for (size_t i = 0; i < scenario->kills.count; i++) {
        if (!read_fault(scenario->kills.items[i], &scenario->faults[i]))
            complain(reading, "kill", "\"%s\" is not SECONDS:SERVICE", scenario->kills.items[i]);
        scenario->fault_count++;
    }
}

enum cc_error bench_scenario_parse(struct cc_slice yaml, const char *file_name,
                                   struct bench_scenario *out, struct cc_buffer *errors)
{
    *out = (struct bench_scenario){0};
    enum cc_error error =
        cc_config_load(yaml, file_name, "CALLCELL_SCENARIO", NULL, keys, KEYS, out, errors);
    if (error)
        return error;
    struct reading reading = {yaml, file_name, out, errors};
    read_countries(&reading);
    read_arrivals(&reading);
    read_faults(&reading);
    return errors->length > 0 ? CC_INVALID : CC_OK;
}

void bench_scenario_free(struct bench_scenario *scenario)
{
    bench_arrivals_deinit(&scenario->arrivals);
    cc_config_free(keys, KEYS, scenario);
}

void bench_scenario_stretch(struct bench_scenario *scenario, int64_t length_us)
{
    double factor = (double)length_us / (double)bench_arrivals_length_us(&scenario->arrivals);
    for (size_t i = 0; i < scenario->fault_count; i++)
        scenario->faults[i].at_us = (int64_t)((double)scenario->faults[i].at_us * factor);
    bench_arrivals_stretch(&scenario->arrivals, length_us);
}

void bench_scenario_describe(struct cc_buffer *out)
{
    cc_config_describe(keys, KEYS, out);
}
