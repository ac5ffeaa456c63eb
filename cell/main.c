/*
 * callcell-cell: a cell's worker.
 *   callcell-cell --config cell.yaml [--roles calls,events]
 *   callcell-cell --describe          configuration and telemetry as Markdown
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "cell/file.h"
#include "cell/start.h"

extern char **environ;

#define USAGE "callcell-cell --config FILE [--roles ROLE,...], or --describe"

enum { EXIT_USAGE = 2, CONFIG_BYTES_MAX = 1024 * 1024 };

static int usage(const char *problem)
{
    fprintf(stderr, "callcell-cell: %s; usage: " USAGE "\n", problem);
    return EXIT_USAGE;
}

static int describe(void)
{
    static const struct cc_series series[] = {CELL_TELEMETRY(CC_SERIES_ROW)};
    struct cc_buffer text;
    cc_buffer_init(&text, 0);
    cc_config_describe(cell_settings_keys, cell_settings_key_count, &text);
    cc_buffer_text(&text, "\n");
    cc_telemetry_describe(series, CELL_SERIES_COUNT, &text);
    fwrite(text.data, 1, text.length, stdout);
    cc_buffer_deinit(&text);
    return EXIT_SUCCESS;
}

static enum cc_log_level level_of(const char *name)
{
    static const char *const names[] = {"debug", "info", "warning", "error"};
    for (int level = CC_LOG_DEBUG; level <= CC_LOG_ERROR; level++) {
        if (strcmp(name, names[level]) == 0)
            return (enum cc_log_level)level;
    }
    return CC_LOG_INFO;
}

/* Reads the file and says all that is wrong with it. */
static enum cc_error load(const char *file_name, struct cell_settings *settings)
{
    struct cc_buffer yaml;
    struct cc_buffer errors;
    cc_buffer_init(&yaml, CONFIG_BYTES_MAX);
    cc_buffer_init(&errors, 0);
    enum cc_error error = cell_file_read(file_name, &yaml);
    if (error)
        fprintf(stderr, "callcell-cell: %s: %s\n", file_name, cc_error_text(error));
    else
        error = cell_settings_load(cc_buffer_slice(&yaml), file_name, environ, settings, &errors);
    if (errors.length > 0)
        fprintf(stderr, "%.*s", (int)errors.length, errors.data);
    cc_buffer_deinit(&yaml);
    cc_buffer_deinit(&errors);
    return error;
}

static int run(const char *file_name)
{
    struct cell_settings settings = {0};
    struct cell_worker *worker = NULL;
    int status = EXIT_FAILURE;
    if (load(file_name, &settings)) {
        status = EXIT_USAGE;
    } else {
        cc_log_init("cell", level_of(settings.log_level));
        if (cell_worker_start(&settings, &worker) == CC_OK) {
            cell_worker_run(worker);
            status = EXIT_SUCCESS;
        }
        cell_worker_free(worker);
    }
    cell_settings_free(&settings);
    return status;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"roles", required_argument, NULL, 'r'},
                                            {"describe", no_argument, NULL, 'd'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *file_name = NULL;
    int option;
    opterr = 0; /* usage() says it in one line */
    while ((option = getopt_long(argc, argv, "c:r:", options, NULL)) != -1) {
        if (option == 'c')
            file_name = optarg;
        else if (option == 'd')
            return describe();
        else if (option == 'h')
            return puts("usage: " USAGE) < 0;
        else if (option != 'r' || setenv("CALLCELL_CELL__ROLES", optarg, 1) != 0)
            return usage("unknown option");
    }
    if (!file_name || optind < argc)
        return usage("a configuration file is needed");
    return run(file_name);
}
