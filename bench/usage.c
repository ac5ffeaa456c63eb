/* Rim: /proc and folders of the supervisor. */
#include "bench/usage.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PROCESSES_MAX = 32768, DEPTH_MAX = 32 };

struct process {
    int pid, parent;
    double cpu_s; /* its own and that of children it has waited for */
};

struct table {
    struct process *list;
    size_t count;
};

static bool read_text(const char *path, char *out, size_t size)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    size_t length = fread(out, 1, size - 1, file);
    out[length] = '\0';
    fclose(file);
    return length > 0;
}

/* --- services --- */

static enum bench_part part_of(const char *service, const char *cell, const char *primary)
{
    size_t length = strlen(cell);
    if (strncmp(service, "edge-", 5) == 0)
        return BENCH_EDGE;
    if (strncmp(service, cell, length) != 0 || service[length] != '-')
        return BENCH_CONTROL;
    const char *part = service + length + 1;
    if (strncmp(part, "worker-", 7) == 0)
        return BENCH_WORKER;
    if (strcmp(part, "redis") == 0)
        return BENCH_REDIS;
    if (strncmp(part, "node", 4) == 0)
        return strcmp(part, primary) == 0 ? BENCH_PRIMARY : BENCH_REPLICA;
    return BENCH_CONTROL;
}

enum cc_error bench_running_find(const char *home, const char *cell, const char *primary,
                                 struct bench_running *out)
{
    char path[512], text[32];
    out->count = 0;
    snprintf(path, sizeof(path), "%s/run/services", home);
    DIR *folder = opendir(path);
    if (!folder)
        return CC_NOT_FOUND;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        snprintf(path, sizeof(path), "%s/run/services/%s/supervise/pid", home, entry->d_name);
        if (entry->d_name[0] == '.' || !read_text(path, text, sizeof(text)) ||
            out->count == BENCH_RUNNING_MAX)
            continue;
        out->list[out->count++] = (struct bench_running_one){
            .pid = (int)strtol(text, NULL, 10), .part = part_of(entry->d_name, cell, primary)};
    }
    closedir(folder);
    return out->count > 0 ? CC_OK : CC_NOT_FOUND;
}

size_t bench_running_count(const struct bench_running *services, enum bench_part part)
{
    size_t count = 0;
    for (size_t i = 0; i < services->count; i++)
        count += services->list[i].part == part;
    return count;
}

/* --- processes --- */

/* "pid (name) state parent ...": the 14th to 17th fields are user and system time in ticks, its own
 * and its children's; the name may hold spaces and brackets. */
static bool read_process(int pid, struct process *out)
{
    char path[64], text[1024];
    long long user, kernel, childrens_user, childrens_kernel;
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    if (!read_text(path, text, sizeof(text)))
        return false;
    const char *after_name = strrchr(text, ')');
    out->pid = pid;
    if (!after_name ||
        sscanf(after_name + 1, " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lld %lld %lld %lld",
               &out->parent, &user, &kernel, &childrens_user, &childrens_kernel) != 5)
        return false;
    out->cpu_s =
        (double)(user + kernel + childrens_user + childrens_kernel) / (double)sysconf(_SC_CLK_TCK);
    return true;
}

static enum cc_error read_table(struct table *out)
{
    out->count = 0;
    out->list = calloc(PROCESSES_MAX, sizeof(*out->list));
    if (!out->list)
        return CC_NO_MEMORY;
    DIR *folder = opendir("/proc");
    if (!folder)
        return CC_IO;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        int pid = (int)strtol(entry->d_name, NULL, 10);
        if (pid > 0 && out->count < PROCESSES_MAX && read_process(pid, &out->list[out->count]))
            out->count++;
    }
    closedir(folder);
    return CC_OK;
}

static const struct process *find_process(const struct table *table, int pid)
{
    for (size_t i = 0; i < table->count; i++)
        if (table->list[i].pid == pid)
            return &table->list[i];
    return NULL;
}

/* BENCH_PARTS: it belongs to none of the services. */
static enum bench_part part_of_process(const struct bench_running *services,
                                       const struct table *table, const struct process *process)
{
    for (int depth = 0; process && depth < DEPTH_MAX; depth++) {
        for (size_t i = 0; i < services->count; i++)
            if (services->list[i].pid == process->pid)
                return services->list[i].part;
        process = find_process(table, process->parent);
    }
    return BENCH_PARTS;
}

static bool read_machine(double *out)
{
    char text[512];
    long long user, nice, kernel, idle, waiting, interrupts, soft;
    if (!read_text("/proc/stat", text, sizeof(text)) ||
        sscanf(text, "cpu %lld %lld %lld %lld %lld %lld %lld", &user, &nice, &kernel, &idle,
               &waiting, &interrupts, &soft) != 7)
        return false;
    *out = (double)(user + nice + kernel + interrupts + soft) / (double)sysconf(_SC_CLK_TCK);
    return true;
}

enum cc_error bench_usage_read(const struct bench_running *services, struct bench_usage *out)
{
    struct table table = {0};
    *out = (struct bench_usage){0};
    enum cc_error error = read_machine(&out->machine_s) ? read_table(&table) : CC_IO;
    for (size_t i = 0; !error && i < table.count; i++) {
        enum bench_part part = part_of_process(services, &table, &table.list[i]);
        if (part < BENCH_PARTS)
            out->part_s[part] += table.list[i].cpu_s;
    }
    free(table.list);
    return error;
}

static double proportional_mb(int pid)
{
    char path[64], text[2048];
    snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", pid);
    if (!read_text(path, text, sizeof(text)))
        return 0;
    const char *line = strstr(text, "\nPss:");
    return line ? strtod(line + 5, NULL) / 1000 : 0;
}

enum cc_error bench_memory_read(const struct bench_running *services, double out[BENCH_PARTS])
{
    struct table table = {0};
    memset(out, 0, sizeof(*out) * BENCH_PARTS);
    enum cc_error error = read_table(&table);
    for (size_t i = 0; !error && i < table.count; i++) {
        enum bench_part part = part_of_process(services, &table, &table.list[i]);
        if (part < BENCH_PARTS)
            out[part] += proportional_mb(table.list[i].pid);
    }
    free(table.list);
    return error;
}
