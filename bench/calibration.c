#include "bench/calibration.h"

#include <stdio.h>

const char *const bench_part_names[BENCH_PARTS] = {
#define X(id, name) name,
    BENCH_PART_LIST(X)
#undef X
};

const char *const bench_kind_names[BENCH_KINDS] = {"mobile", "pbx"};

static const double VALUE_MAX = 1e12;

static enum cc_error refuse(struct cc_json_reason *reason, const char *path, const char *wanted)
{
    snprintf(reason->text, sizeof(reason->text), "%s: %s", path, wanted);
    return CC_INVALID;
}

/* A number from 0 at object.name; in: where the object stands, for the reason. */
static enum cc_error number_at(const json_t *object, const char *in, const char *name, double *out,
                               struct cc_json_reason *reason)
{
    const json_t *value = json_object_get(object, name);
    char path[128];
    snprintf(path, sizeof(path), "%s%s%s", in, *in ? "." : "", name);
    if (!json_is_number(value))
        return refuse(reason, path, "must be a number");
    *out = json_number_value(value);
    if (!(*out >= 0 && *out <= VALUE_MAX))
        return refuse(reason, path, "must be from 0 to 10^12");
    return CC_OK;
}

static enum cc_error text_at(const json_t *object, const char *name, char *out, size_t size,
                             struct cc_json_reason *reason)
{
    struct cc_slice text;
    enum cc_error error = cc_json_string_at(object, name, size - 1, &text, reason);
    if (!error)
        snprintf(out, size, "%.*s", (int)text.length, text.data);
    return error;
}

static enum cc_error read_parts(const json_t *object, const char *in, double out[BENCH_PARTS],
                                struct cc_json_reason *reason)
{
    for (size_t part = 0; part < BENCH_PARTS; part++) {
        enum cc_error error = number_at(object, in, bench_part_names[part], &out[part], reason);
        if (error)
            return error;
    }
    return CC_OK;
}

static enum cc_error read_step(const json_t *object, const char *in, struct bench_load_step *out,
                               struct cc_json_reason *reason)
{
    const struct {
        const char *name;
        double *field;
    } numbers[] = {{"webhooks_s", &out->webhooks_s},
                   {"foreign_cores", &out->foreign_cores},
                   {"p50_ms", &out->p50_ms},
                   {"p99_ms", &out->p99_ms}};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        enum cc_error error = number_at(object, in, numbers[i].name, numbers[i].field, reason);
        if (error)
            return error;
    }
    char cores[64];
    snprintf(cores, sizeof(cores), "%s.cores", in);
    return read_parts(json_object_get(object, "cores"), cores, out->cores, reason);
}

static enum cc_error read_curve(const json_t *object, const char *in, struct bench_curve *out,
                                struct cc_json_reason *reason)
{
    const json_t *steps = json_object_get(object, "steps");
    enum cc_error error =
        number_at(object, in, "webhooks_per_call", &out->webhooks_per_call, reason);
    if (error)
        return error;
    if (out->webhooks_per_call < 1)
        return refuse(reason, in, "webhooks_per_call must be from 1");
    out->count = json_array_size(steps);
    if (out->count < 2 || out->count > BENCH_LOAD_STEPS_MAX)
        return refuse(reason, in, "steps must be a list of 2 to 16 steps");
    for (size_t i = 0; i < out->count; i++) {
        char path[48];
        snprintf(path, sizeof(path), "%s.steps[%zu]", in, i);
        error = read_step(json_array_get(steps, i), path, &out->steps[i], reason);
        if (error)
            return error;
        if (i > 0 && out->steps[i].webhooks_s <= out->steps[i - 1].webhooks_s)
            return refuse(reason, path, "webhooks_s must rise from step to step");
    }
    return CC_OK;
}

struct figure {
    const char *name;
    size_t offset;
};

static const struct figure figures[] = {
#define FIGURE(name)                                                                               \
    {                                                                                              \
#name, offsetof(struct bench_calibration, name)                                            \
    }
    FIGURE(cores),
    FIGURE(edges),
    FIGURE(workers),
    FIGURE(numbers),
    FIGURE(worker_bytes_per_number),
    FIGURE(redis_bytes_per_number),
    FIGURE(postgres_bytes_per_number),
    FIGURE(postgres_bytes_per_record),
    FIGURE(spool_bytes_per_record),
#undef FIGURE
};
enum { FIGURES = sizeof(figures) / sizeof(figures[0]) };

static enum cc_error read_document(const json_t *document, struct bench_calibration *out,
                                   struct cc_json_reason *reason)
{
    enum cc_error error = text_at(document, "machine", out->machine, sizeof(out->machine), reason);
    if (!error)
        error = text_at(document, "date", out->date, sizeof(out->date), reason);
    for (size_t i = 0; i < FIGURES && !error; i++)
        error = number_at(document, "", figures[i].name,
                          (double *)(void *)((char *)out + figures[i].offset), reason);
    if (!error && (out->cores < 1 || out->edges < 1 || out->workers < 1))
        error = refuse(reason, "cores, edges, workers", "must be from 1");
    if (!error)
        error =
            read_parts(json_object_get(document, "memory_mb"), "memory_mb", out->memory_mb, reason);
    for (size_t kind = 0; kind < BENCH_KINDS && !error; kind++)
        error = read_curve(json_object_get(document, bench_kind_names[kind]),
                           bench_kind_names[kind], &out->curves[kind], reason);
    return error;
}

enum cc_error bench_calibration_read(struct cc_slice json, struct bench_calibration *out,
                                     struct cc_json_reason *reason)
{
    json_t *document = NULL;
    *out = (struct bench_calibration){0};
    enum cc_error error = cc_json_parse(json, 1024 * 1024, &document, reason);
    if (!error)
        error = read_document(document, out, reason);
    json_decref(document);
    return error;
}

static void write_parts(const double values[BENCH_PARTS], struct cc_buffer *out)
{
    cc_buffer_text(out, "{");
    for (size_t part = 0; part < BENCH_PARTS; part++)
        cc_buffer_printf(out, "%s\"%s\": %.4f", part ? ", " : "", bench_part_names[part],
                         values[part]);
    cc_buffer_text(out, "}");
}

static void write_curve(const struct bench_curve *curve, struct cc_buffer *out)
{
    cc_buffer_printf(out, "{\"webhooks_per_call\": %.3f, \"steps\": [\n", curve->webhooks_per_call);
    for (size_t i = 0; i < curve->count; i++) {
        const struct bench_load_step *step = &curve->steps[i];
        cc_buffer_printf(out, "    {\"webhooks_s\": %.1f, \"p50_ms\": %.2f, \"p99_ms\": %.2f, ",
                         step->webhooks_s, step->p50_ms, step->p99_ms);
        cc_buffer_printf(out, "\"foreign_cores\": %.3f,\n     \"cores\": ", step->foreign_cores);
        write_parts(step->cores, out);
        cc_buffer_text(out, i + 1 < curve->count ? "},\n" : "}]}");
    }
}

void bench_calibration_write(const struct bench_calibration *calibration, struct cc_buffer *out)
{
    cc_buffer_text(out, "{\n  \"machine\": ");
    cc_buffer_json_string(out, cc_slice_of(calibration->machine));
    cc_buffer_printf(out, ",\n  \"date\": \"%s\"", calibration->date);
    for (size_t i = 0; i < FIGURES; i++)
        cc_buffer_printf(
            out, ",\n  \"%s\": %.10g", figures[i].name,
            *(const double *)(const void *)((const char *)calibration + figures[i].offset));
    cc_buffer_text(out, ",\n  \"memory_mb\": ");
    write_parts(calibration->memory_mb, out);
    for (size_t kind = 0; kind < BENCH_KINDS; kind++) {
        cc_buffer_printf(out, ",\n  \"%s\": ", bench_kind_names[kind]);
        write_curve(&calibration->curves[kind], out);
    }
    cc_buffer_text(out, "\n}\n");
}
