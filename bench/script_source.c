#include "bench/script_source.h"

#include <stdio.h>
#include <stdlib.h>

#include "bench/random.h"

enum { NUMBER_LINE_MAX = 16 * 1024, PBX_INPUTS = 4 };

static bool next_line(struct cc_slice *rest, struct cc_slice *line)
{
    while (rest->length > 0) {
        const char *end = memchr(rest->data, '\n', rest->length);
        size_t length = end ? (size_t)(end - rest->data) : rest->length;
        *line = cc_slice(rest->data, length);
        size_t used = end ? length + 1 : length;
        *rest = cc_slice(rest->data + used, rest->length - used);
        if (length > 0)
            return true;
    }
    return false;
}

static size_t count_lines(struct cc_slice bytes)
{
    struct cc_slice line;
    size_t count = 0;
    while (next_line(&bytes, &line))
        count++;
    return count;
}

void bench_script_source_calls(struct bench_script_source *source, const char *country,
                               struct cc_slice bytes)
{
    *source = (struct bench_script_source){.country = country, .rest = bytes};
}

static enum cc_error read_number(struct cc_slice line, const char *country,
                                 struct bench_number *out, struct cc_json_reason *reason)
{
    json_t *object = NULL;
    enum cc_error error = cc_json_parse(line, NUMBER_LINE_MAX, &object, reason);
    if (error)
        return error;
    const struct {
        const char *name;
        char *out;
        size_t size;
    } fields[] = {{"number", out->number, sizeof(out->number)},
                  {"tenant", out->tenant, sizeof(out->tenant)},
                  {"kind", out->kind, sizeof(out->kind)}};
    for (size_t i = 0; !error && i < sizeof(fields) / sizeof(fields[0]); i++) {
        struct cc_slice text = {0};
        error = cc_json_string_at(object, fields[i].name, fields[i].size - 1, &text, reason);
        if (!error)
            snprintf(fields[i].out, fields[i].size, "%.*s", (int)text.length, text.data);
    }
    snprintf(out->country, sizeof(out->country), "%s", country);
    json_decref(object);
    return error;
}

void bench_script_source_population(struct bench_script_source *source,
                                    const struct bench_population *population, uint64_t seed)
{
    *source = (struct bench_script_source){.population = population, .random = seed * 2 + 1};
}

enum cc_error bench_script_source_numbers(struct bench_script_source *source, const char *country,
                                          struct cc_slice bytes, uint64_t seed,
                                          struct cc_json_reason *reason)
{
    *source = (struct bench_script_source){.country = country, .random = seed * 2 + 1};
    size_t lines = count_lines(bytes);
    if (lines == 0)
        return CC_NOT_FOUND;
    source->numbers = calloc(lines, sizeof(*source->numbers));
    if (!source->numbers)
        return CC_NO_MEMORY;
    struct cc_slice line;
    while (next_line(&bytes, &line)) {
        source->line++;
        enum cc_error error =
            read_number(line, country, &source->numbers[source->number_count], reason);
        if (error) {
            bench_script_source_deinit(source);
            return error;
        }
        source->number_count++;
    }
    return CC_OK;
}

void bench_script_source_deinit(struct bench_script_source *source)
{
    free(source->numbers);
    source->numbers = NULL;
    source->number_count = 0;
}

static uint64_t draw(struct bench_script_source *source, uint64_t below)
{
    return bench_random_below(&source->random, below);
}

static struct bench_number draw_number(struct bench_script_source *source)
{
    return source->population ? bench_population_draw(source->population, &source->random)
                              : source->numbers[draw(source, source->number_count)];
}

static void generate(struct bench_script_source *source, struct bench_script *out)
{
    static const char *const inputs[] = {"1", "2", "9", "", "busy", "no-answer", "completed"};
    struct bench_number number = draw_number(source);
    bool pbx = strcmp(number.kind, "pbx") == 0;
    *out = (struct bench_script){.direction = "terminating"};
    snprintf(out->call_id, sizeof(out->call_id), "load-%llx-%llu",
             (unsigned long long)source->run_us, (unsigned long long)source->given);
    snprintf(out->country, sizeof(out->country), "%s", number.country);
    snprintf(out->tenant, sizeof(out->tenant), "%s", number.tenant);
    snprintf(out->kind, sizeof(out->kind), "%s", number.kind);
    snprintf(out->from, sizeof(out->from), "+4670%07llu",
             (unsigned long long)draw(source, 10000000));
    snprintf(out->to, sizeof(out->to), "%s", number.number);
    for (; pbx && out->input_count < PBX_INPUTS; out->input_count++)
        snprintf(out->inputs[out->input_count], sizeof(out->inputs[0]), "%s",
                 inputs[draw(source, sizeof(inputs) / sizeof(inputs[0]))]);
}

enum cc_error bench_script_source_next(struct bench_script_source *source, struct bench_script *out,
                                       struct cc_json_reason *reason)
{
    if (source->numbers || source->population) {
        generate(source, out);
        source->given++;
        return CC_OK;
    }
    struct cc_slice line;
    if (!next_line(&source->rest, &line))
        return CC_NOT_FOUND;
    source->line++;
    return bench_script_parse(line, source->country, out, reason);
}
