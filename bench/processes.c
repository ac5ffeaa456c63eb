/* Rim: reads /proc on the thread pool, once a sample; a process belongs to a service by its
 * parents. */
#include "bench/processes.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PROCESSES_MAX = 4096, COMMAND_MAX = 512, PATH_TEXT_MAX = 96, NO_SERVICE = -1 };

struct process {
    int pid, parent;
    uint64_t cpu_ticks, started_ticks;
    uint64_t rss_pages;
    char name[16];
    int service; /* index, or NO_SERVICE */
    bool is_root;
};

struct known {
    int pid;
    uint64_t started_ticks, cpu_ticks;
};

struct bench_processes {
    struct cc_loop *loop;
    char home[COMMAND_MAX];
    struct bench_service services[BENCH_SERVICES_MAX];
    size_t service_count;
    size_t sample_count, sample_capacity;
    int64_t first_us, last_us;
    struct process found[PROCESSES_MAX];
    size_t found_count;
    struct known known[PROCESSES_MAX]; /* of the sample before */
    size_t known_count;
    bool busy;
    bool finishing;
};

static size_t read_text(int pid, const char *name, char *out, size_t size)
{
    char path[PATH_TEXT_MAX];
    snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
    FILE *file = fopen(path, "re");
    size_t length = file ? fread(out, 1, size - 1, file) : 0;
    if (file)
        fclose(file);
    out[length] = '\0';
    return length;
}

/* proc(5): pid (comm) state ppid ... utime stime, the 14th and 15th; starttime the 22nd; rss the
 * 24th. comm may hold anything, so that fields count from its last bracket. */
static bool read_stat(int pid, struct process *out)
{
    char text[1024];
    unsigned long user, system, rss;
    unsigned long long started;
    *out = (struct process){.pid = pid, .service = NO_SERVICE};
    if (!read_text(pid, "stat", text, sizeof(text)))
        return false;
    const char *open = strchr(text, '('), *close = strrchr(text, ')');
    if (!open || !close ||
        sscanf(close + 2,
               "%*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %*d %*d %llu "
               "%*u %lu",
               &out->parent, &user, &system, &started, &rss) != 5)
        return false;
    snprintf(out->name, sizeof(out->name), "%.*s", (int)(close - open - 1), open + 1);
    out->cpu_ticks = user + system;
    out->started_ticks = started;
    out->rss_pages = rss;
    return true;
}

/* The runsvdir of this home; its children are the runsv of each service. */
static bool is_root(const struct bench_processes *processes, const struct process *process)
{
    char command[COMMAND_MAX], wanted[COMMAND_MAX + 2];
    if (strcmp(process->name, "runsvdir") != 0)
        return false;
    size_t length = read_text(process->pid, "cmdline", command, sizeof(command));
    snprintf(wanted, sizeof(wanted), "%s/", processes->home);
    return memmem(command, length, wanted, strlen(wanted)) != NULL;
}

static void read_all(struct bench_processes *processes)
{
    processes->found_count = 0;
    DIR *folder = opendir("/proc");
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        int pid = (int)strtol(entry->d_name, NULL, 10);
        struct process *process = &processes->found[processes->found_count];
        if (pid <= 0 || processes->found_count == PROCESSES_MAX || !read_stat(pid, process))
            continue;
        process->is_root = is_root(processes, process);
        processes->found_count++;
    }
    if (folder)
        closedir(folder);
}

static struct process *find(struct bench_processes *processes, int pid)
{
    for (size_t i = 0; i < processes->found_count; i++)
        if (processes->found[i].pid == pid)
            return &processes->found[i];
    return NULL;
}

static int service_called(struct bench_processes *processes, const char *name)
{
    for (size_t i = 0; i < processes->service_count; i++)
        if (strcmp(processes->services[i].name, name) == 0)
            return (int)i;
    if (processes->service_count == BENCH_SERVICES_MAX)
        return NO_SERVICE;
    struct bench_service *service = &processes->services[processes->service_count];
    service->samples = calloc(processes->sample_capacity, sizeof(*service->samples));
    if (!service->samples)
        return NO_SERVICE;
    snprintf(service->name, sizeof(service->name), "%s", name);
    return (int)processes->service_count++;
}

/* "runsv\0edge-1" */
static int service_of_runsv(struct bench_processes *processes, int pid)
{
    char command[COMMAND_MAX];
    size_t length = read_text(pid, "cmdline", command, sizeof(command));
    size_t name = strlen(command) + 1;
    return name < length ? service_called(processes, command + name) : NO_SERVICE;
}

/* Up the parents to the child of the root. */
static int service_of(struct bench_processes *processes, struct process *process)
{
    enum { GENERATIONS_MAX = 16 };
    for (int i = 0; i < GENERATIONS_MAX; i++) {
        struct process *parent = find(processes, process->parent);
        if (!parent)
            return NO_SERVICE;
        if (parent->is_root)
            return service_of_runsv(processes, process->pid);
        if (parent->service != NO_SERVICE)
            return parent->service;
        process = parent;
    }
    return NO_SERVICE;
}

static uint64_t ticks_before(const struct bench_processes *processes, const struct process *process)
{
    for (size_t i = 0; i < processes->known_count; i++)
        if (processes->known[i].pid == process->pid &&
            processes->known[i].started_ticks == process->started_ticks)
            return processes->known[i].cpu_ticks;
    return 0;
}

static uint32_t pss_kib_of(int pid)
{
    char text[2048];
    unsigned kib = 0;
    read_text(pid, "smaps_rollup", text, sizeof(text));
    const char *line = strstr(text, "\nPss:");
    if (line)
        sscanf(line, "\nPss: %u", &kib);
    return kib;
}

static bool make_room(struct bench_processes *processes)
{
    if (processes->sample_count < processes->sample_capacity)
        return true;
    size_t capacity = processes->sample_capacity * 2;
    for (size_t i = 0; i < processes->service_count; i++) {
        struct bench_service *service = &processes->services[i];
        struct bench_usage *samples = realloc(service->samples, capacity * sizeof(*samples));
        if (!samples)
            return false;
        memset(samples + processes->sample_capacity, 0,
               processes->sample_capacity * sizeof(*samples));
        service->samples = samples;
    }
    processes->sample_capacity = capacity;
    return true;
}

static void add_usage(struct bench_processes *processes, const struct process *process,
                      bool with_pss)
{
    struct bench_usage *usage =
        &processes->services[process->service].samples[processes->sample_count];
    processes->services[process->service].cpu_ticks +=
        process->cpu_ticks - ticks_before(processes, process);
    usage->rss_kib += (uint32_t)(process->rss_pages * (uint64_t)sysconf(_SC_PAGESIZE) / 1024);
    usage->pss_kib += with_pss ? pss_kib_of(process->pid) : 0;
    usage->processes++;
}

static void close_usage(struct bench_processes *processes, size_t index, int64_t now_us)
{
    struct bench_service *service = &processes->services[index];
    struct bench_usage *usage = &service->samples[processes->sample_count];
    double seconds = (double)(now_us - processes->last_us) / 1e6;
    double ticks_a_second = (double)sysconf(_SC_CLK_TCK);
    usage->at_ms = (uint32_t)((now_us - processes->first_us) / 1000);
    if (processes->sample_count > 0 && seconds > 0)
        usage->cpu_ms =
            (uint32_t)((double)service->cpu_ticks / ticks_a_second * 1e3 / seconds + 0.5);
    if (processes->sample_count % BENCH_PSS_EVERY != 0)
        usage->pss_kib = usage[-1].pss_kib;
    service->cpu_ticks = 0;
}

static void remember(struct bench_processes *processes, const struct process *process)
{
    processes->known[processes->known_count++] =
        (struct known){process->pid, process->started_ticks, process->cpu_ticks};
}

/* On the pool: nobody else touches processes until `on_sampled`. */
static void sample(void *context)
{
    struct bench_processes *processes = context;
    if (!make_room(processes))
        return;
    read_all(processes);
    int64_t now_us = cc_monotonic_us();
    if (processes->sample_count == 0)
        processes->first_us = now_us;
    bool with_pss = processes->sample_count % BENCH_PSS_EVERY == 0;
    for (size_t i = 0; i < processes->found_count; i++) {
        struct process *process = &processes->found[i];
        process->service = process->pid == getpid() ? service_called(processes, "callcell-bench")
                                                    : service_of(processes, process);
        if (process->service != NO_SERVICE)
            add_usage(processes, process, with_pss);
    }
    for (size_t i = 0; i < processes->service_count; i++)
        close_usage(processes, i, now_us);
    processes->known_count = 0;
    for (size_t i = 0; i < processes->found_count; i++)
        if (processes->found[i].service != NO_SERVICE)
            remember(processes, &processes->found[i]);
    processes->last_us = now_us;
    processes->sample_count++;
}

static void on_sampled(void *context)
{
    struct bench_processes *processes = context;
    processes->busy = false;
    if (processes->finishing)
        cc_loop_end(processes->loop);
}

void bench_processes_sample(struct bench_processes *processes)
{
    if (processes->busy)
        return;
    processes->busy = cc_loop_work(processes->loop, sample, on_sampled, processes) == CC_OK;
}

void bench_processes_finish(struct bench_processes *processes)
{
    processes->finishing = true;
    if (processes->busy)
        cc_loop_run(processes->loop);
}

enum cc_error bench_processes_create(struct cc_loop *loop, const char *home,
                                     struct bench_processes **out)
{
    struct bench_processes *processes = calloc(1, sizeof(*processes));
    if (!processes)
        return CC_NO_MEMORY;
    processes->loop = loop;
    processes->sample_capacity = 256;
    snprintf(processes->home, sizeof(processes->home), "%s", home);
    *out = processes;
    return CC_OK;
}

void bench_processes_free(struct bench_processes *processes)
{
    for (size_t i = 0; processes && i < processes->service_count; i++)
        free(processes->services[i].samples);
    free(processes);
}

const struct bench_service *bench_processes_services(const struct bench_processes *processes,
                                                     size_t *service_count, size_t *sample_count)
{
    *service_count = processes->service_count;
    *sample_count = processes->sample_count;
    return processes->services;
}
