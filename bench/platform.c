/* Rim: starts programs and waits for them, kills. */
#include "bench/platform.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATH_TEXT_MAX = 512, ARGUMENTS_MAX = 16, NODES_MAX = 3, ID_MAX = 32 };

extern char **environ;

static int spawn_and_wait(const char *const arguments[], bool quiet)
{
    posix_spawn_file_actions_t actions;
    pid_t pid;
    int status;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    if (quiet)
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    int error = posix_spawnp(&pid, arguments[0], &actions, NULL,
                             (char *const *)(uintptr_t)arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error || waitpid(pid, &status, 0) != pid)
        return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static enum cc_error tell_failure(const char *const arguments[], int status)
{
    fprintf(stderr, "callcell-bench: exit status %d:", status);
    for (size_t i = 0; arguments[i]; i++)
        fprintf(stderr, " %s", arguments[i]);
    fprintf(stderr, "\n");
    return CC_IO;
}

/* The home's command line with these arguments, NULL at the end. */
static enum cc_error cli(const char *home, ...)
{
    char program[PATH_TEXT_MAX];
    const char *arguments[ARGUMENTS_MAX + 1] = {program};
    va_list list;
    size_t count = 1;
    snprintf(program, sizeof(program), "%s/bin/callcell", home);
    va_start(list, home);
    while (count < ARGUMENTS_MAX && (arguments[count] = va_arg(list, const char *)))
        count++;
    va_end(list);
    int status = spawn_and_wait(arguments, false);
    return status ? tell_failure(arguments, status) : CC_OK;
}

static void cell_of(const char *country, char out[ID_MAX])
{
    snprintf(out, ID_MAX, "%s-1", country);
}

void bench_platform_key(const char *home, const char *country, struct bench_key_place *out)
{
    snprintf(out->id, sizeof(out->id), "bench-%s", country);
    snprintf(out->secret_file, sizeof(out->secret_file), "%s/carriers/%s/%s.secret", home, country,
             out->id);
}

static enum cc_error make_cell(const char *home, const char *country)
{
    char program[PATH_TEXT_MAX], cell[ID_MAX];
    cell_of(country, cell);
    snprintf(program, sizeof(program), "%s/bin/callcell", home);
    if (spawn_and_wait((const char *const[]){program, "cell", "show", cell, NULL}, true) == 0)
        return CC_OK;
    return cli(home, "cell", "create", country, NULL);
}

static enum cc_error make_tenant(const char *home, const char *country, const char *tenant)
{
    char flow[PATH_TEXT_MAX];
    snprintf(flow, sizeof(flow), "%s/share/bench/switchboard.json", home);
    enum cc_error error = cli(home, "tenant", "create", tenant, "--country", country, NULL);
    if (!error)
        error = cli(home, "flow", "put", "bench", "--tenant", tenant, "--country", country,
                    "--file", flow, NULL);
    if (!error)
        error =
            cli(home, "flow", "publish", "bench", "--tenant", tenant, "--country", country, NULL);
    return error;
}

static void write_number(const struct bench_number *number, bool pbx, FILE *out)
{
    fprintf(out, "{\"number\":\"%s\",\"tenant\":\"%s\",\"kind\":\"%s\"%s}\n", number->number,
            number->tenant, number->kind, pbx ? ",\"flow\":\"bench\"" : "");
}

void bench_platform_write_numbers(const struct bench_population *population, size_t country,
                                  FILE *out)
{
    for (int64_t tenant = 0; tenant < population->tenants; tenant++)
        for (int kind = 0; kind < 2; kind++)
            for (int64_t i = 0; i < (kind ? population->pbxs : population->mobiles); i++) {
                struct bench_number number =
                    bench_population_number(population, country, tenant, kind == 1, i);
                write_number(&number, kind == 1, out);
            }
}

static enum cc_error import_numbers(const char *home, const struct bench_population *population,
                                    size_t country)
{
    char path[] = "/tmp/callcell-bench-XXXXXX";
    int descriptor = mkstemp(path);
    FILE *file = descriptor >= 0 ? fdopen(descriptor, "w") : NULL;
    if (!file) {
        perror("callcell-bench: a file in /tmp");
        return CC_IO;
    }
    bench_platform_write_numbers(population, country, file);
    enum cc_error error = fclose(file) ? CC_IO : CC_OK;
    if (!error)
        error =
            cli(home, "number", "import", path, "--country", population->countries[country], NULL);
    unlink(path);
    return error;
}

static enum cc_error prepare_country(const char *home, const struct bench_population *population,
                                     size_t country)
{
    const char *code = population->countries[country];
    struct bench_key_place key;
    bench_platform_key(home, code, &key);
    enum cc_error error = make_cell(home, code);
    if (!error)
        error = cli(home, "carrier", "create", key.id, "--country", code, "--tenants", "*", NULL);
    for (int64_t tenant = 0; !error && tenant < population->tenants; tenant++) {
        struct bench_number number = bench_population_number(population, country, tenant, false, 0);
        error = make_tenant(home, code, number.tenant);
    }
    return error ? error : import_numbers(home, population, country);
}

enum cc_error bench_platform_prepare(const char *home, const struct bench_scenario *scenario)
{
    enum cc_error error = CC_OK;
    for (size_t i = 0; !error && i < scenario->population.country_count; i++)
        error = prepare_country(home, &scenario->population, i);
    return error;
}

static enum cc_error read_secret(const char *path, struct bench_secret *out)
{
    char text[256];
    FILE *file = fopen(path, "re");
    size_t length = file ? fread(text, 1, sizeof(text), file) : 0;
    if (file)
        fclose(file);
    enum cc_error error = bench_secret_parse(cc_slice(text, length), out);
    if (error)
        fprintf(stderr, "callcell-bench: %s holds no secret\n", path);
    return error;
}

enum cc_error bench_platform_keys(const char *home, const struct bench_scenario *scenario,
                                  struct bench_key_names *storage, struct bench_carrier *carrier)
{
    carrier->key_count = 0;
    for (size_t i = 0; i < scenario->population.country_count; i++) {
        struct bench_key *key = &carrier->keys[i];
        struct bench_key_place *place = &storage->places[i];
        bench_platform_key(home, scenario->population.countries[i], place);
        enum cc_error error = read_secret(place->secret_file, &key->secret);
        if (error)
            return error;
        key->country = scenario->population.countries[i];
        key->id = place->id;
        carrier->key_count++;
    }
    return CC_OK;
}

/* Redis keeps nothing on disk: started anew, it is empty. */
static enum cc_error cool_cell(const char *home, const char *country)
{
    char cell[ID_MAX], service[PATH_TEXT_MAX];
    cell_of(country, cell);
    snprintf(service, sizeof(service), "%s/run/services/%s-redis", home, cell);
    const char *const arguments[] = {"sv", "-w", "20", "restart", service, NULL};
    int status = spawn_and_wait(arguments, false);
    return status ? tell_failure(arguments, status) : cli(home, "cell", "restart", cell, NULL);
}

enum cc_error bench_platform_cool(const char *home, const struct bench_scenario *scenario)
{
    enum cc_error error = CC_OK;
    for (size_t i = 0; !error && i < scenario->population.country_count; i++)
        error = cool_cell(home, scenario->population.countries[i]);
    return error;
}

/* The first number in a file of the home. */
static bool kill_pid_of(const char *home, const char *folder, const char *name, const char *file)
{
    char path[PATH_TEXT_MAX];
    int pid = 0;
    snprintf(path, sizeof(path), "%s/%s/%s/%s", home, folder, name, file);
    FILE *in = fopen(path, "re");
    bool found = in && fscanf(in, "%d", &pid) == 1 && pid > 1;
    if (in)
        fclose(in);
    return found && kill(pid, SIGKILL) == 0;
}

static bool is_primary(const char *home, const char *cell, int node)
{
    char data[PATH_TEXT_MAX], file[PATH_TEXT_MAX + 32];
    snprintf(data, sizeof(data), "%s/cells/%s/pg/node%d/data", home, cell, node);
    snprintf(file, sizeof(file), "%s/standby.signal", data);
    bool is_standby = access(file, F_OK) == 0;
    snprintf(file, sizeof(file), "%s/postmaster.pid", data);
    return !is_standby && access(file, F_OK) == 0;
}

static enum cc_error kill_primary(const char *home, const char *cell)
{
    for (int node = 1; node <= NODES_MAX; node++) {
        char service[ID_MAX * 2], data[ID_MAX * 2];
        if (!is_primary(home, cell, node))
            continue;
        snprintf(service, sizeof(service), "%s-node%d", cell, node);
        snprintf(data, sizeof(data), "%s/pg/node%d/data", cell, node);
        bool keeper = kill_pid_of(home, "run/services", service, "supervise/pid");
        bool postgres = kill_pid_of(home, "cells", data, "postmaster.pid");
        return keeper && postgres ? CC_OK : CC_NOT_FOUND;
    }
    return CC_NOT_FOUND;
}

enum cc_error bench_platform_kill(const char *home, const char *part)
{
    static const char primary[] = "-primary";
    size_t length = strlen(part), ending = sizeof(primary) - 1;
    if (length > ending && length - ending < ID_MAX &&
        strcmp(part + length - ending, primary) == 0) {
        char cell[ID_MAX];
        snprintf(cell, sizeof(cell), "%.*s", (int)(length - ending), part);
        return kill_primary(home, cell);
    }
    return kill_pid_of(home, "run/services", part, "supervise/pid") ? CC_OK : CC_NOT_FOUND;
}
