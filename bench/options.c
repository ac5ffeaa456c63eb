#include "bench/options.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/timestamp.h"
#include "bench/arrivals.h"

const char bench_usage[] =
    "usage: callcell-bench call [options]   sign and send one webhook, print question and answer\n"
    "       callcell-bench load [options]   open loop of calls, as they would come\n"
    "       callcell-bench run FILE|NAME --home DIR [options]   a scenario (docs/bench.md)\n"
    "\n"
    "  --edge HOST:PORT[,HOST:PORT]  the carrier's two edge addresses (default 127.0.0.1:8080),\n"
    "                                both with https:// before them for TLS\n"
    "  --ca FILE                     PEM of the authority that the edges' certificates come from\n"
    "  --secret-file FILE            the carrier's secret, whsec_...\n"
    "  --key ID                      id of the carrier's key\n"
    "  --country CC  --tenant T      without --tenant: the one-URL form\n"
    "  --output text|json\n"
    "call:\n"
    "  --kind mobile|pbx  --direction terminating|originating  --call ID\n"
    "  --from NUMBER  --to NUMBER  --dialled DIGITS  --occurred-at RFC3339\n"
    "  --dialogue [--inputs 1,busy,...]   play the whole call: digits and dial results in turn\n"
    "  --event TYPE  --event-id ID  --state STATE  --status S  --digits D  --reason R\n"
    "load:\n"
    "  --calls FILE | --numbers FILE  scripted dialogues, or made up over these numbers\n"
    "  --rate CALLS_PER_SECOND  --duration SECONDS, or --steps CALLS_PER_SECOND:SECONDS,...\n"
    "  --poisson  --recording FILE  instead: the second at which each call starts, one a line\n"
    "  --first-only  only the first webhook of each call\n"
    "  --home DIR  of the platform whose processes are watched\n"
    "load and run:\n"
    "  --name NAME  --json FILE  --html FILE  --progress  --seed N  --log FILE  "
    "--allow-unanswered\n"
    "run:\n"
    "  --duration SECONDS  the whole scenario in so many\n";

enum kind { TEXT, COPY, FLAG, REAL, SEED, TIME, INPUTS, OUTPUT, STEPS };

struct option {
    const char *name;
    enum kind kind;
    void *field;
    size_t size; /* COPY */
};

static enum cc_error copy(const struct option *option, const char *value)
{
    int length = snprintf(option->field, option->size, "%s", value);
    return length < 0 || (size_t)length >= option->size ? CC_TOO_LARGE : CC_OK;
}

static enum cc_error real(const struct option *option, const char *value)
{
    char *end = NULL;
    double number = strtod(value, &end);
    if (*end || end == value || !(number >= 0 && number < 1e9))
        return CC_INVALID;
    *(double *)option->field = number;
    return CC_OK;
}

static enum cc_error seed(const struct option *option, const char *value)
{
    char *end = NULL;
    *(uint64_t *)option->field = strtoull(value, &end, 10);
    return *end || end == value ? CC_INVALID : CC_OK;
}

static enum cc_error output(const struct option *option, const char *value)
{
    *(bool *)option->field = strcmp(value, "json") == 0;
    return strcmp(value, "json") == 0 || strcmp(value, "text") == 0 ? CC_OK : CC_INVALID;
}

static enum cc_error steps(const struct option *option, const char *value)
{
    struct bench_arrivals read;
    *(const char **)option->field = value;
    return bench_arrivals_steps(value, &read);
}

static enum cc_error set(const struct option *option, const char *value)
{
    switch (option->kind) {
    case TEXT:
        *(const char **)option->field = value;
        return CC_OK;
    case COPY:
        return copy(option, value);
    case FLAG:
        *(bool *)option->field = true;
        return CC_OK;
    case REAL:
        return real(option, value);
    case SEED:
        return seed(option, value);
    case TIME:
        return cc_timestamp_parse(cc_slice_of(value), option->field);
    case INPUTS:
        return bench_script_inputs(value, option->field);
    case OUTPUT:
        return output(option, value);
    case STEPS:
        return steps(option, value);
    }
    return CC_INVALID;
}

#define COPIED(field) (field), sizeof(field)

static const char *const wanted[] = {
    [TEXT] = "text",
    [COPY] = "a value: it is too long",
    [FLAG] = "a flag",
    [REAL] = "a number from 0",
    [SEED] = "a whole number",
    [TIME] = "an RFC 3339 time like 2026-11-23T09:00:00Z",
    [INPUTS] = "a list of digits and dial results like 1,busy",
    [OUTPUT] = "text or json",
    [STEPS] = "a list of calls a second and seconds like 20:5,200:10",
};

static enum cc_error take(struct bench_options *out, const char *name, const char *value,
                          bool *used_value, struct cc_buffer *problem)
{
    struct bench_script *script = &out->script;
    const struct option table[] = {
        {"--edge", TEXT, &out->edge, 0},
        {"--ca", TEXT, &out->authority_file, 0},
        {"--secret-file", TEXT, &out->secret_file, 0},
        {"--key", TEXT, &out->key, 0},
        {"--country", COPY, COPIED(script->country)},
        {"--tenant", COPY, COPIED(script->tenant)},
        {"--kind", COPY, COPIED(script->kind)},
        {"--direction", COPY, COPIED(script->direction)},
        {"--call", COPY, COPIED(script->call_id)},
        {"--from", COPY, COPIED(script->from)},
        {"--to", COPY, COPIED(script->to)},
        {"--dialled", COPY, COPIED(script->dialled)},
        {"--occurred-at", TIME, &script->occurred_at_us, 0},
        {"--dialogue", FLAG, &out->dialogue, 0},
        {"--inputs", INPUTS, script, 0},
        {"--event", TEXT, &out->event, 0},
        {"--event-id", TEXT, &out->event_id, 0},
        {"--state", TEXT, &out->state, 0},
        {"--status", TEXT, &out->status, 0},
        {"--digits", TEXT, &out->digits, 0},
        {"--reason", TEXT, &out->reason, 0},
        {"--output", OUTPUT, &out->json, 0},
        {"--calls", TEXT, &out->calls_file, 0},
        {"--numbers", TEXT, &out->numbers_file, 0},
        {"--rate", REAL, &out->rate, 0},
        {"--duration", REAL, &out->duration_s, 0},
        {"--seed", SEED, &out->seed, 0},
        {"--log", TEXT, &out->log_file, 0},
        {"--allow-unanswered", FLAG, &out->allow_unanswered, 0},
        {"--steps", STEPS, &out->steps, 0},
        {"--poisson", FLAG, &out->poisson, 0},
        {"--recording", TEXT, &out->recording, 0},
        {"--first-only", FLAG, &out->first_only, 0},
        {"--progress", FLAG, &out->progress, 0},
        {"--home", TEXT, &out->home, 0},
        {"--name", TEXT, &out->name, 0},
        {"--json", TEXT, &out->json_file, 0},
        {"--html", TEXT, &out->html_file, 0},
        {"--help", FLAG, &out->help, 0},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (strcmp(table[i].name, name) != 0)
            continue;
        *used_value = table[i].kind != FLAG;
        if (*used_value && !value)
            cc_buffer_printf(problem, "%s needs a value", name);
        else if (set(&table[i], value))
            cc_buffer_printf(problem, "%s: \"%s\" is not %s", name, value, wanted[table[i].kind]);
        return problem->length > 0 ? CC_INVALID : CC_OK;
    }
    cc_buffer_printf(problem, "unknown option %s (see callcell-bench --help)", name);
    return CC_INVALID;
}

static enum cc_error check(const struct bench_options *options, struct cc_buffer *problem)
{
    bool call = options->command && strcmp(options->command, "call") == 0;
    bool load = options->command && strcmp(options->command, "load") == 0;
    bool run = options->command && strcmp(options->command, "run") == 0;
    bool planned = options->steps || options->recording;
    if (!call && !load && !run)
        cc_buffer_text(problem, "say call, load or run (see callcell-bench --help)");
    else if (run && (!options->scenario || !options->home))
        cc_buffer_text(problem, "run needs a scenario and --home DIR");
    else if (!run && options->scenario)
        cc_buffer_printf(problem, "what is \"%s\"? (see callcell-bench --help)", options->scenario);
    else if (!run && !options->secret_file)
        cc_buffer_text(problem,
                       "--secret-file is needed: the file with the carrier's whsec_... secret");
    else if (!options->authority_file == (strncmp(options->edge, "https://", 8) == 0))
        cc_buffer_text(problem, "https:// edges and --ca FILE go together");
    else if (load && !options->calls_file == !options->numbers_file)
        cc_buffer_text(problem, "load needs one of --calls FILE and --numbers FILE");
    else if (load && options->rate <= 0)
        cc_buffer_text(problem, "--rate must be above 0");
    else if (load && options->numbers_file && options->duration_s <= 0 && !planned)
        cc_buffer_text(problem, "--numbers goes on for ever: give --duration SECONDS");
    else if (call && !*options->script.to && !*options->script.dialled)
        cc_buffer_text(problem, "call needs --to NUMBER or --dialled DIGITS");
    return problem->length > 0 ? CC_INVALID : CC_OK;
}

enum cc_error bench_options_parse(int argc, char **argv, struct bench_options *out,
                                  struct cc_buffer *problem)
{
    *out = (struct bench_options){
        .script = {.country = "se", .kind = "mobile", .direction = "terminating"},
        .edge = "127.0.0.1:8080",
        .rate = 50,
        .seed = 1};
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-' && (!out->command || !out->scenario)) {
            *(out->command ? &out->scenario : &out->command) = argv[i];
            continue;
        }
        bool used_value = false;
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        enum cc_error error = take(out, argv[i], value, &used_value, problem);
        if (error)
            return error;
        i += used_value;
    }
    if (!out->name)
        out->name = out->scenario ? out->scenario : out->command;
    return out->help ? CC_OK : check(out, problem);
}
