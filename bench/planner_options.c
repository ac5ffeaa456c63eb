#include "bench/planner_options.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

const char bench_planner_usage[] =
    "usage: callcell-bench plan --users N --calibration FILE [options]   what so many users need, "
    "and what it costs\n"
    "       callcell-bench calibrate [options]        measure this machine with a platform on it\n"
    "       callcell-bench simulate [options]         what a failure costs in a world of cells\n"
    "\n"
    "plan:\n"
    "  --users N  --country CC (se)  --profile mobile|pbx|mixed (mixed)  --pbx-share 0..1\n"
    "  --template NAME    default: small, or large where small would take several cells\n"
    "  --templates FOLDER  --prices FILE   default: beside the program\n"
    "  --attempts N       of a user in the busy hour (1)       --peak N   against its mean (3)\n"
    "  --webhooks-per-call N   as measured                     --busy-hour-share 0..1 (0.12)\n"
    "  --retention-days N (40)  --utilisation 0..1 (0.7)  --zones N (2)  --core-speed N (1)\n"
    "  --disk-slack N (3)  --wal-gb N (8)  --backup-share N (0.5)  --answer-bytes N (1000)\n"
    "  --from-live --telemetry HOST:PORT,... --live-users N [--live-seconds S (10)]\n"
    "                     calls, webhooks and mix of now, from edges' and workers' telemetry\n"
    "  --check            calibrate, predict 50, 70 and 90 % of full load, run and compare\n"
    "  --json\n"
    "calibrate, plan --check:\n"
    "  --home FOLDER  --cell NAME (se-1)  --edge HOST:PORT,...\n"
    "  --numbers FILE --key ID --secret-file FILE   mobile and PBX numbers that are there\n"
    "                     (callcell number import), 1,000 or more; without, some are made\n"
    "  --step-seconds S (10)  --out FILE, or - for the standard output\n"
    "simulate:\n"
    "  --countries N (1)  --cells N (1, of each)  --users N (250000, of all)\n"
    "  --failure nothing|cell|zone|region|control-plane|retry-storm   --failed N (1)\n"
    "  --lasts S (60)  --begins S (10)  --silent  --standby  --second-edge-elsewhere\n"
    "  --webhooks-user-hour N (7.5)  --zones N (2)  --edge-headroom N (1.86)\n"
    "  --cell-headroom N (1.86)  --size-spread N (0.3)  --storm N (10)  --eject S (0.12)\n"
    "  --return S (0.21)  --write-failover S (4.86)  --seed N (1)  --json\n";

enum kind { TEXT, FLAG, REAL, WHOLE, SEED, CHOICE };
enum command { PLAN = 1, CALIBRATE = 2, SIMULATE = 4 };

static const char *const command_names[] = {"plan", "calibrate", "simulate"};
static const char *const profiles[] = {"mobile", "pbx", "mixed", NULL};
static const char *const failures[] = {"nothing",       "cell",        "zone", "region",
                                       "control-plane", "retry-storm", NULL};

struct option {
    const char *name;
    int commands; /* that have it */
    enum kind kind;
    void *field;
    double least, most;         /* REAL, WHOLE */
    const char *const *choices; /* CHOICE */
};

bool bench_planner_knows(int argc, char *const *argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof(command_names) / sizeof(command_names[0]); i++)
        if (strcmp(argv[1], command_names[i]) == 0)
            return true;
    return false;
}

static int command_bit(const char *command)
{
    for (size_t i = 0; i < sizeof(command_names) / sizeof(command_names[0]); i++)
        if (strcmp(command, command_names[i]) == 0)
            return 1 << i;
    return 0;
}

static enum cc_error set_number(const struct option *option, const char *name, const char *value,
                                struct cc_buffer *problem)
{
    char *end = NULL;
    double number = strtod(value, &end);
    bool is_number = *value && *end == '\0' && isfinite(number);
    if (is_number && number >= option->least && number <= option->most &&
        (option->kind == REAL || number == floor(number))) {
        *(double *)option->field = number;
        return CC_OK;
    }
    cc_buffer_printf(problem, "%s: \"%s\" is not a%s number from %.12g to %.12g", name, value,
                     option->kind == WHOLE ? " whole" : "", option->least, option->most);
    return CC_INVALID;
}

static enum cc_error set_choice(const struct option *option, const char *name, const char *value,
                                struct cc_buffer *problem)
{
    for (const char *const *choice = option->choices; *choice; choice++) {
        if (strcmp(*choice, value) == 0) {
            *(const char **)option->field = value;
            return CC_OK;
        }
    }
    cc_buffer_printf(problem, "%s: \"%s\" is none of", name, value);
    for (const char *const *choice = option->choices; *choice; choice++)
        cc_buffer_printf(problem, " %s", *choice);
    return CC_INVALID;
}

static enum cc_error set_seed(const struct option *option, const char *name, const char *value,
                              struct cc_buffer *problem)
{
    char *end = NULL;
    *(uint64_t *)option->field = strtoull(value, &end, 10);
    if (*value >= '0' && *value <= '9' && *end == '\0')
        return CC_OK;
    cc_buffer_printf(problem, "%s: \"%s\" is not a whole number", name, value);
    return CC_INVALID;
}

static enum cc_error set(const struct option *option, const char *name, const char *value,
                         struct cc_buffer *problem)
{
    switch (option->kind) {
    case TEXT:
        *(const char **)option->field = value;
        return CC_OK;
    case FLAG:
        *(bool *)option->field = true;
        return CC_OK;
    case REAL:
    case WHOLE:
        return set_number(option, name, value, problem);
    case SEED:
        return set_seed(option, name, value, problem);
    case CHOICE:
        return set_choice(option, name, value, problem);
    }
    return CC_INVALID;
}

static enum cc_error take(struct bench_planner_options *out, const char *name, const char *value,
                          bool *used_value, struct cc_buffer *problem)
{
    struct bench_demand *demand = &out->demand;
    struct bench_simulation *world = &out->simulation;
    const struct option table[] = {
        {"--help", PLAN | CALIBRATE | SIMULATE, FLAG, &out->help, 0, 0, NULL},
        {"--json", PLAN | SIMULATE, FLAG, &out->json, 0, 0, NULL},
        {"--users", PLAN, WHOLE, &demand->users, 1, 1e10, NULL},
        {"--country", PLAN, TEXT, &out->country, 0, 0, NULL},
        {"--profile", PLAN, CHOICE, &out->profile, 0, 0, profiles},
        {"--pbx-share", PLAN, REAL, &demand->pbx_share, 0, 1, NULL},
        {"--template", PLAN, TEXT, &out->template, 0, 0, NULL},
        {"--templates", PLAN, TEXT, &out->templates, 0, 0, NULL},
        {"--prices", PLAN, TEXT, &out->prices, 0, 0, NULL},
        {"--calibration", PLAN, TEXT, &out->calibration, 0, 0, NULL},
        {"--attempts", PLAN, REAL, &demand->attempts_per_user, 0.001, 1000, NULL},
        {"--peak", PLAN, REAL, &demand->peak, 1, 1000, NULL},
        {"--webhooks-per-call", PLAN, REAL, &demand->webhooks_per_call, 1, 1000, NULL},
        {"--busy-hour-share", PLAN, REAL, &demand->busy_hour_share, 0.0417, 1, NULL},
        {"--retention-days", PLAN, REAL, &demand->retention_days, 0, 36500, NULL},
        {"--utilisation", PLAN, REAL, &demand->utilisation, 0.05, 1, NULL},
        {"--zones", PLAN, WHOLE, &demand->zones, 1, BENCH_ZONES_MAX, NULL},
        {"--core-speed", PLAN, REAL, &demand->core_speed, 0.01, 100, NULL},
        {"--disk-slack", PLAN, REAL, &demand->disk_slack, 1, 100, NULL},
        {"--wal-gb", PLAN, REAL, &demand->wal_gb, 0, 1000, NULL},
        {"--backup-share", PLAN, REAL, &demand->backup_share, 0, 100, NULL},
        {"--answer-bytes", PLAN, REAL, &demand->answer_bytes, 0, 1e6, NULL},
        {"--from-live", PLAN, FLAG, &out->from_live, 0, 0, NULL},
        {"--telemetry", PLAN, TEXT, &out->telemetry, 0, 0, NULL},
        {"--live-users", PLAN, WHOLE, &out->live_users, 1, 1e10, NULL},
        {"--live-seconds", PLAN, REAL, &out->live_s, 1, 3600, NULL},
        {"--check", PLAN, FLAG, &out->check, 0, 0, NULL},
        {"--home", PLAN | CALIBRATE, TEXT, &out->home, 0, 0, NULL},
        {"--cell", PLAN | CALIBRATE, TEXT, &out->cell, 0, 0, NULL},
        {"--edge", PLAN | CALIBRATE, TEXT, &out->edge, 0, 0, NULL},
        {"--key", PLAN | CALIBRATE, TEXT, &out->key, 0, 0, NULL},
        {"--secret-file", PLAN | CALIBRATE, TEXT, &out->secret_file, 0, 0, NULL},
        {"--numbers", PLAN | CALIBRATE, TEXT, &out->numbers, 0, 0, NULL},
        {"--step-seconds", PLAN | CALIBRATE, REAL, &out->step_s, 2, 600, NULL},
        {"--out", PLAN | CALIBRATE, TEXT, &out->out, 0, 0, NULL},
        {"--countries", SIMULATE, WHOLE, &world->countries, 1, 1000, NULL},
        {"--cells", SIMULATE, WHOLE, &world->cells, 1, 16384, NULL},
        {"--users", SIMULATE, WHOLE, &world->users, 1, 1e10, NULL},
        {"--failure", SIMULATE, CHOICE, &out->failure, 0, 0, failures},
        {"--failed", SIMULATE, WHOLE, &world->failed, 1, 1e6, NULL},
        {"--lasts", SIMULATE, REAL, &world->lasts_s, 0, 3600, NULL},
        {"--begins", SIMULATE, REAL, &world->begins_s, 0, 3600, NULL},
        {"--silent", SIMULATE, FLAG, &world->silent, 0, 0, NULL},
        {"--standby", SIMULATE, FLAG, &world->standby, 0, 0, NULL},
        {"--second-edge-elsewhere", SIMULATE, FLAG, &world->second_edge_elsewhere, 0, 0, NULL},
        {"--webhooks-user-hour", SIMULATE, REAL, &world->webhooks_user_hour, 0.001, 1e6, NULL},
        {"--zones", SIMULATE, WHOLE, &world->zones, 1, BENCH_ZONES_MAX, NULL},
        {"--edge-headroom", SIMULATE, REAL, &world->edge_headroom, 0, 1e6, NULL},
        {"--cell-headroom", SIMULATE, REAL, &world->cell_headroom, 0, 1e6, NULL},
        {"--size-spread", SIMULATE, REAL, &world->size_spread, 0, 3, NULL},
        {"--storm", SIMULATE, REAL, &world->storm, 1, 1000, NULL},
        {"--eject", SIMULATE, REAL, &world->eject_s, 0, 60, NULL},
        {"--return", SIMULATE, REAL, &world->return_s, 0, 600, NULL},
        {"--write-failover", SIMULATE, REAL, &world->write_failover_s, 0, 3600, NULL},
        {"--seed", SIMULATE, SEED, &world->seed, 0, 0, NULL},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (strcmp(table[i].name, name) != 0 || !(table[i].commands & command_bit(out->command)))
            continue;
        *used_value = table[i].kind != FLAG;
        if (!*used_value || value)
            return set(&table[i], name, value, problem);
        cc_buffer_printf(problem, "%s needs a value", name);
        return CC_INVALID;
    }
    cc_buffer_printf(problem, "%s has no option %s (see callcell-bench %s --help)", out->command,
                     name, out->command);
    return CC_INVALID;
}

static void check_platform(const struct bench_planner_options *options, struct cc_buffer *problem)
{
    const char *command = options->check ? "--check" : "calibrate";
    if (!options->home || !options->edge)
        cc_buffer_printf(problem, "%s needs --home and --edge", command);
    else if (options->numbers && !options->secret_file)
        cc_buffer_printf(problem, "%s with --numbers needs --secret-file", command);
    else if (!options->check && !options->out)
        cc_buffer_text(problem, "calibrate needs --out FILE");
}

static void check_plan(const struct bench_planner_options *options, struct cc_buffer *problem)
{
    if (options->check)
        check_platform(options, problem);
    else if (options->demand.users < 1)
        cc_buffer_text(problem, "plan needs --users N");
    else if (options->from_live && (!options->telemetry || options->live_users < 1))
        cc_buffer_text(problem, "--from-live needs --telemetry HOST:PORT,... and --live-users N");
    else if (!options->from_live && (options->telemetry || options->live_users > 0))
        cc_buffer_text(problem, "--telemetry and --live-users go with --from-live");
    else if (!options->calibration)
        cc_buffer_text(problem,
                       "plan needs --calibration FILE (callcell-bench calibrate writes it)");
}

static void check_simulation(const struct bench_planner_options *options, struct cc_buffer *problem)
{
    const struct bench_simulation *world = &options->simulation;
    bool of_cells = world->failure == BENCH_FAIL_CELL;
    double most = world->countries * (of_cells ? world->cells : 1);
    if (!options->failure)
        cc_buffer_text(problem, "simulate needs --failure (see callcell-bench simulate --help)");
    else if (world->countries * world->cells > 1e6)
        cc_buffer_text(problem, "--countries times --cells is above 1,000,000 cells");
    else if (world->failed > most)
        cc_buffer_printf(problem, "--failed: there are only %g %s", most,
                         of_cells ? "cells" : "countries");
}

static void settle(struct bench_planner_options *out, bool said_share)
{
    if (!said_share && strcmp(out->profile, "mixed") != 0)
        out->demand.pbx_share = strcmp(out->profile, "pbx") == 0 ? 1 : 0;
    for (enum bench_failure i = 0; out->failure && i < BENCH_FAILURES; i++)
        if (strcmp(bench_failure_names[i], out->failure) == 0)
            out->simulation.failure = i;
}

enum cc_error bench_planner_parse(int argc, char **argv, struct bench_planner_options *out,
                                  struct cc_buffer *problem)
{
    *out = (struct bench_planner_options){.command = argv[1],
                                          .demand = bench_plan_defaults,
                                          .country = "se",
                                          .profile = "mixed",
                                          .live_s = 10,
                                          .cell = "se-1",
                                          .step_s = 10,
                                          .simulation = bench_simulation_defaults};
    bool said_share = false;
    for (int i = 2; i < argc; i++) {
        bool used_value = false;
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        said_share = said_share || strcmp(argv[i], "--pbx-share") == 0;
        enum cc_error error = take(out, argv[i], value, &used_value, problem);
        if (error)
            return error;
        i += used_value;
    }
    settle(out, said_share);
    if (out->help)
        return CC_OK;
    if (strcmp(out->command, "plan") == 0)
        check_plan(out, problem);
    else if (strcmp(out->command, "calibrate") == 0)
        check_platform(out, problem);
    else
        check_simulation(out, problem);
    return problem->length > 0 ? CC_INVALID : CC_OK;
}
