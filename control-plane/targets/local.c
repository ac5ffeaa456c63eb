#include "control-plane/targets/local.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control-plane/files.h"
#include "control-plane/process.h"
#include "control-plane/rights.h"
#include "control-plane/sites.h"
#include "control-plane/targets/priority.h"
#include "control-plane/targets/process_tree.h"

enum {
    SCAN_WAIT_MS = 15000,
    START_WAIT_MS = 3000,
    PAUSE_MS = 20,
    STOP_WAIT_MS = 10000,
    LOG_BYTES = 1000000,
    STOP_S = 30,
    LAST_STAGE = 6
};
#define TOOLS "/usr/lib/postgresql/15/bin:/usr/local/bin:/usr/bin:/bin"

const struct cp_target *cp_target_find(const char *name)
{
    return strcmp(name, cp_target_local.name) == 0 ? &cp_target_local : NULL;
}

/* A service's name without its site. */
static const char *name_of(const char *service)
{
    const char *slash = strchr(service, '/');
    return slash ? slash + 1 : service;
}

/* Below the root of the service's site; below ends in the service's name. */
static const char *path_of(struct cp_context *context, const char *below, const char *service)
{
    const char *name = name_of(service);
    const char *path = cp_format(context, "%s%s", below, name);
    return name == service
               ? cp_path(context, "%s", path)
               : cp_path(context, "sites/%.*s/%s", (int)(name - service - 1), service, path);
}

const char *cp_local_service_folder(struct cp_context *context, const char *service)
{
    return path_of(context, "run/services/", service);
}

/* A shell word; values never contain a single quote (checked by `init` for the home). */
static void append_word(struct cc_buffer *script, const char *word)
{
    cc_buffer_printf(script, " '%s'", word);
}

static enum cc_error write_script(struct cp_context *context, const char *path,
                                  struct cc_buffer *script)
{
    enum cc_error error = script->error;
    if (!error)
        error = cp_file_write(context, path, cc_buffer_slice(script), 0700);
    cc_buffer_deinit(script);
    return error;
}

static enum cc_error write_run(struct cp_context *context, const char *folder,
                               const struct cp_service *service)
{
    struct cc_buffer script;
    cc_buffer_init(&script, 0);
    cc_buffer_printf(&script, "#!/bin/sh\nexec 2>&1\numask 077\nulimit -n \"$(ulimit -Hn)\"\n");
    if (service->folder)
        cc_buffer_printf(&script, "mkdir -p '%s'\n", service->folder);
    if (service->first)
        cc_buffer_text(&script, service->first);
    cc_buffer_printf(&script, "exec env -i PATH=" TOOLS " LC_ALL=C.UTF-8 HOME='%s'", context->home);
    for (size_t i = 0; service->environment && service->environment[i]; i++)
        append_word(&script, service->environment[i]);
    for (size_t i = 0; service->argv[i]; i++)
        append_word(&script, service->argv[i]);
    cc_buffer_text(&script, "\n");
    return write_script(context, cp_format(context, "%s/run", folder), &script);
}

static enum cc_error write_log(struct cp_context *context, const char *folder, const char *service)
{
    const char *log = path_of(context, "log/", service);
    enum cc_error error = cp_folder_make(context, cp_format(context, "%s/log", folder));
    if (!error)
        error = cp_folder_make(context, log);
    if (!error)
        error = cp_file_write(context, cp_format(context, "%s/config", log),
                              cc_slice_of(cp_format(context, "s%d\nn5\n", LOG_BYTES)), 0600);
    if (error)
        return error;
    struct cc_buffer script;
    cc_buffer_init(&script, 0);
    cc_buffer_printf(&script, "#!/bin/sh\nexec svlogd '%s'\n", log);
    return write_script(context, cp_format(context, "%s/log/run", folder), &script);
}

/* runsv runs control/t, in the service's folder, in the place of sending TERM. */
static enum cc_error write_stop(struct cp_context *context, const char *folder,
                                const struct cp_service *service)
{
    struct cc_buffer script;
    if (!service->stop_signal)
        return CC_OK;
    enum cc_error error = cp_folder_make(context, cp_format(context, "%s/control", folder));
    if (error)
        return error;
    cc_buffer_init(&script, 0);
    cc_buffer_printf(&script, "#!/bin/sh\nkill -s %s \"$(cat supervise/pid)\"\n",
                     service->stop_signal);
    return write_script(context, cp_format(context, "%s/control/t", folder), &script);
}

/* A new folder is filled beside run/services and moved there whole: the supervisor never sees half
 * of one. The file "down" keeps it stopped until start. */
static enum cc_error install(struct cp_context *context, const struct cp_service *service)
{
    const char *folder = cp_local_service_folder(context, service->name);
    bool fresh = !cp_file_exists(folder);
    const char *target = fresh ? path_of(context, "run/new-", service->name) : folder;
    if (fresh && context->differences) {
        cp_difference(context, "service", service->name, "missing", "there", "apply");
        return CC_OK;
    }
    enum cc_error error = fresh ? cp_tree_remove(context, target) : CC_OK;
    if (!error)
        error = cp_folder_make(context, target);
    if (!error)
        error = write_run(context, target, service);
    if (!error)
        error = write_log(context, target, service->name);
    if (!error)
        error = write_stop(context, target, service);
    if (!error && fresh)
        error =
            cp_file_write(context, cp_format(context, "%s/down", target), cc_slice("", 0), 0600);
    if (!error && fresh && rename(target, folder))
        error = cp_fail(context, CC_IO, "cannot install %s: %s", service->name, strerror(errno));
    return error;
}

static enum cc_error sv(struct cp_context *context, const char *verb, const char *service,
                        int wait_s)
{
    const char *const argv[] = {"sv",
                                "-w",
                                cp_format(context, "%d", wait_s),
                                verb,
                                cp_local_service_folder(context, service),
                                NULL};
    return cp_process_run(context, &(struct cp_process){.argv = argv, .timeout_s = wait_s + 5});
}

/* runsv holds its end of this pipe open as long as it lives; the file itself stays behind. */
static bool is_supervised(const char *ok)
{
    int pipe_end = open(ok, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (pipe_end >= 0)
        (void)close(pipe_end);
    return pipe_end >= 0;
}

/* 0: it does not run. */
static pid_t pid_of(struct cp_context *context, const char *service)
{
    struct cc_slice text = {0};
    const char *folder = cp_local_service_folder(context, service);
    if (cp_file_read(context, cp_format(context, "%s/supervise/pid", folder), &text))
        return 0;
    return (pid_t)strtol(text.data, NULL, 10);
}

static bool answers_calls(struct cp_context *context, const char *service)
{
    const char *name = name_of(service);
    size_t length = strlen(name);
    return strstr(name, "-worker-") || (length > 6 && strcmp(name + length - 6, "-redis") == 0) ||
           cp_file_exists(cp_path(context, "edges/%s", name));
}

/* 0: it does not run. A number that was left by a supervisor that is gone may be anybody's. */
static pid_t supervised_pid_of(struct cp_context *context, const char *service)
{
    const char *folder = cp_local_service_folder(context, service);
    return is_supervised(cp_format(context, "%s/supervise/ok", folder)) ? pid_of(context, service)
                                                                        : 0;
}

/* Without the right to, what was started runs on as it is, and `callcell doctor` says so. */
static void put_before_others(struct cp_context *context, const char *service)
{
    pid_t pid = answers_calls(context, service) ? supervised_pid_of(context, service) : 0;
    if (pid > 0 && !cp_priority_is_raised(pid))
        (void)cp_priority_raise(pid);
}

static enum cc_error start(struct cp_context *context, const char *service)
{
    const char *ok =
        cp_format(context, "%s/supervise/ok", cp_local_service_folder(context, service));
    const char *down = cp_format(context, "%s/down", cp_local_service_folder(context, service));
    for (int waited = 0; !is_supervised(ok); waited += PAUSE_MS) {
        if (waited >= SCAN_WAIT_MS)
            return cp_fail(context, CC_TIMEOUT,
                           "the supervisor has not taken up %s; run: callcell up", service);
        cp_pause_ms(PAUSE_MS);
    }
    (void)unlink(down);
    if (sv(context, "up", service, 10))
        return cp_fail(context, CC_UNAVAILABLE, "%s does not stay up; see %s", service,
                       cp_format(context, "%s/current", path_of(context, "log/", service)));
    put_before_others(context, service);
    return CC_OK;
}

static enum cc_error restart(struct cp_context *context, const char *service)
{
    return sv(context, "restart", service, 30);
}

static bool is_up(struct cp_context *context, const char *service);

/* The file "down" is made first: killed between the two, the next start of the home keeps it down.
 */
static enum cc_error stop(struct cp_context *context, const char *service)
{
    const char *down = cp_format(context, "%s/down", cp_local_service_folder(context, service));
    enum cc_error error = cp_file_write(context, down, cc_slice("", 0), 0600);
    /* One that had to be killed in the end is an error to sv, and down all the same. */
    if (!error && sv(context, "force-stop", service, STOP_S) && is_up(context, service))
        error = cp_fail(context, CC_TIMEOUT, "%s does not stop", service);
    return error;
}

/* The supervisor is told first, or it would start the service again. */
static enum cc_error kill_those(struct cp_context *context, const char *service, const char *name)
{
    const char *folder = cp_local_service_folder(context, service);
    enum cc_error error =
        cp_file_write(context, cp_format(context, "%s/down", folder), cc_slice("", 0), 0600);
    pid_t head = error ? 0 : pid_of(context, service);
    if (!error) /* also one that is between two starts */
        (void)!sv(context, "down", service, 0);
    if (head > 0)
        (void)cp_process_tree_kill(head, name);
    for (int waited = 0; !error && is_up(context, service); waited += PAUSE_MS) {
        if (waited >= STOP_WAIT_MS)
            error = cp_fail(context, CC_TIMEOUT, "%s cannot be killed", service);
        cp_pause_ms(PAUSE_MS);
    }
    return error;
}

static enum cc_error kill_service(struct cp_context *context, const char *service)
{
    return kill_those(context, service, NULL);
}

/* Stops what was moved out of the supervisor's folder, its runsv with it, and forgets it. */
static enum cc_error end_old(struct cp_context *context, const char *service, const char *old)
{
    const char *ok = cp_format(context, "%s/supervise/ok", old);
    const char *const stop_it[] = {"sv", "-w", "30", "force-stop", old, NULL};
    const char *const end_it[] = {"sv", "-w", "10", "exit", old, NULL};
    if (!cp_file_exists(old))
        return CC_OK;
    if (is_supervised(ok)) {
        /* Whether it worked is seen below. */
        (void)!cp_process_run(context, &(struct cp_process){.argv = stop_it, .timeout_s = 40});
        (void)!cp_process_run(context, &(struct cp_process){.argv = end_it, .timeout_s = 20});
    }
    for (int waited = 0; is_supervised(ok); waited += PAUSE_MS) {
        if (waited >= STOP_WAIT_MS)
            return cp_fail(context, CC_TIMEOUT, "%s does not stop", service);
        cp_pause_ms(PAUSE_MS);
    }
    return cp_tree_remove(context, old);
}

/* Moved out of the supervisor's folder, which would start it again; its runsv follows the folder.
 * One of a removal that was killed there, and undone, may lie there still. */
static enum cc_error remove_service(struct cp_context *context, const char *service)
{
    const char *folder = cp_local_service_folder(context, service);
    const char *old = path_of(context, "run/old-", service);
    enum cc_error error = end_old(context, service, old);
    if (!error && cp_file_exists(folder) && rename(folder, old))
        error = cp_fail(context, CC_IO, "cannot take %s away: %s", service, strerror(errno));
    return error ? error : end_old(context, service, old);
}

static bool is_up(struct cp_context *context, const char *service)
{
    struct cc_slice state;
    const char *path =
        cp_format(context, "%s/supervise/stat", cp_local_service_folder(context, service));
    return !cp_file_read(context, path, &state) &&
           cc_slice_starts_with(state, CC_SLICE_LITERAL("run"));
}

static enum cc_error announce(struct cp_context *context, const char *cell,
                              const char *const *endpoints, size_t count)
{
    struct cc_buffer text;
    cc_buffer_init(&text, 0);
    cc_buffer_printf(&text, "# workers of %s\n", cell);
    for (size_t i = 0; i < count; i++)
        cc_buffer_printf(&text, "%s\n", endpoints[i]);
    enum cc_error error = text.error;
    if (!error)
        error = cp_file_write(context, cp_path(context, "discovery/%s.endpoints", cell),
                              cc_buffer_slice(&text), 0600);
    cc_buffer_deinit(&text);
    return error;
}

const struct cp_target cp_target_local = {"local", install,      start,      restart,
                                          stop,    kill_service, kill_those, remove_service,
                                          is_up,   announce};

static int supervisor_pid(struct cp_context *context, const char *site)
{
    struct cc_slice text, command;
    if (cp_file_read(context, cp_site_path(context, site, "run/runsvdir.pid"), &text))
        return 0;
    int pid = (int)strtol(text.data, NULL, 10);
    char path[64], bytes[512] = "";
    (void)snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
    FILE *file = pid > 1 ? fopen(path, "re") : NULL;
    if (!file)
        return 0;
    command = cc_slice(bytes, fread(bytes, 1, sizeof(bytes) - 1, file));
    (void)fclose(file);
    /* After a reboot the number may be another process's, even another home's supervisor. */
    const char *services = cp_site_path(context, site, "run/services");
    return memmem(command.data, command.length, services, strlen(services)) ? pid : 0;
}

bool cp_local_is_up(struct cp_context *context)
{
    return supervisor_pid(context, CP_SITE_FIRST) > 0;
}

static int is_service(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

struct services {
    const char **names;
    size_t count;
};

static void add_services(struct cp_context *context, const char *site, struct services *out)
{
    struct dirent **entries = NULL;
    int count =
        scandir(cp_site_path(context, site, "run/services"), &entries, is_service, alphasort);
    const char **names =
        cp_alloc(context, (out->count + (size_t)(count > 0 ? count : 0) + 1) * sizeof(*names));
    if (out->count > 0)
        memcpy(names, out->names, out->count * sizeof(*names));
    for (int i = 0; i < count; i++) {
        names[out->count++] =
            cp_site_service(context, site, cp_copy(context, cc_slice_of(entries[i]->d_name)));
        free(entries[i]);
    }
    free(entries);
    out->names = names;
}

/* What holds nothing that its end would lose. A Postgres is for heal: a promotion may hang on it.
 */
static bool may_be_killed(struct cp_context *context, const char *service)
{
    return answers_calls(context, service) || strncmp(service, "serve-", 6) == 0 ||
           strcmp(service, "backups") == 0;
}

/* One that a signal stopped does nothing more, and its supervisor takes it for well; killed, it is
 * started again. */
static void end_frozen(struct cp_context *context, const char *service)
{
    pid_t pid = may_be_killed(context, service) ? supervised_pid_of(context, service) : 0;
    if (pid > 0 && cp_process_tree_is_frozen(pid))
        (void)cp_process_tree_kill(pid, NULL);
}

/* What is meant to run (no file "down") and was stopped by hand; and what a signal stopped is
 * ended. Whether it stays up is for those to see who wait for it. */
static void start_stopped(struct cp_context *context, const char *site)
{
    struct services services = {0};
    add_services(context, site, &services);
    for (size_t i = 0; i < services.count; i++) {
        const char *folder = cp_local_service_folder(context, services.names[i]);
        if (!is_up(context, services.names[i]) &&
            !cp_file_exists(cp_format(context, "%s/down", folder)) &&
            is_supervised(cp_format(context, "%s/supervise/ok", folder)))
            (void)!sv(context, "up", services.names[i], 0);
        else
            end_frozen(context, services.names[i]);
    }
}

/* A supervisor that has just been started has not started all of its services. */
static void put_calls_before_others(struct cp_context *context, const char *site)
{
    struct services services = {0};
    int waited = 0;
    add_services(context, site, &services);
    for (size_t i = 0; cp_rights_include_priority() && i < services.count; i++) {
        const char *name = services.names[i];
        const char *folder = cp_local_service_folder(context, name);
        bool comes =
            answers_calls(context, name) && !cp_file_exists(cp_format(context, "%s/down", folder));
        for (; comes && supervised_pid_of(context, name) == 0 && waited < START_WAIT_MS;
             waited += PAUSE_MS)
            cp_pause_ms(PAUSE_MS);
        put_before_others(context, name);
    }
}

struct cp_local_priority cp_local_priority(struct cp_context *context)
{
    struct cp_local_priority seen = {0};
    struct services services = {0};
    add_services(context, CP_SITE_FIRST, &services);
    add_services(context, CP_SITE_SECOND, &services);
    for (size_t i = 0; i < services.count; i++) {
        const char *name = services.names[i];
        pid_t pid = answers_calls(context, name) ? supervised_pid_of(context, name) : 0;
        seen.running += pid > 0;
        seen.behind += pid > 0 && !cp_priority_is_raised(pid);
    }
    return seen;
}

enum cc_error cp_local_site_up(struct cp_context *context, const char *site)
{
    if (supervisor_pid(context, site) > 0) {
        start_stopped(context, site);
        put_calls_before_others(context, site);
        return CC_OK;
    }
    const char *services = cp_site_path(context, site, "run/services");
    const char *const argv[] = {"env",      "-i", "PATH=" TOOLS, "LC_ALL=C.UTF-8",
                                "runsvdir", "-P", services,      NULL};
    int pid = 0;
    enum cc_error error = cp_folder_make(context, services);
    if (!error)
        error = cp_folder_make(context, cp_site_path(context, site, "log"));
    if (!error)
        error = cp_process_detach(context, argv, cp_site_path(context, site, "log/supervisor.log"),
                                  &pid);
    if (!error)
        error = cp_file_write(context, cp_site_path(context, site, "run/runsvdir.pid"),
                              cc_slice_of(cp_format(context, "%d\n", pid)), 0600);
    if (!error)
        put_calls_before_others(context, site);
    return error;
}

enum cc_error cp_local_up(struct cp_context *context)
{
    enum cc_error error = cp_local_site_up(context, CP_SITE_FIRST);
    if (!error && cp_file_exists(cp_site_path(context, CP_SITE_SECOND, "run/services")))
        error = cp_local_site_up(context, CP_SITE_SECOND);
    return error;
}

/* Callers of a service stop before it; a monitor before its nodes, so that it fails nothing over.
 */
/* The stage, 0 to LAST_STAGE, in which it stops. */
static int stop_order(const char *service)
{
    service = name_of(service);
    if (strncmp(service, "registry-", 9) == 0)
        return strcmp(service, "registry-monitor") == 0 ? 5 : 6;
    if (strncmp(service, "serve-", 6) == 0)
        return 2;
    if (strstr(service, "-worker-"))
        return 1;
    if (strstr(service, "-monitor"))
        return 3;
    return strstr(service, "-node") || strstr(service, "-redis") ? 4 : 0;
}

/* One sv for a whole stage, so that its services stop side by side. */
static void stop_stage(struct cp_context *context, const struct services *services, int stage)
{
    const char **argv = cp_alloc(context, (services->count + 5) * sizeof(*argv));
    size_t at = 0;
    argv[at++] = "sv";
    argv[at++] = "-w";
    argv[at++] = "30";
    argv[at++] = "force-stop";
    for (size_t i = 0; i < services->count; i++) {
        const char *folder = cp_local_service_folder(context, services->names[i]);
        if (stop_order(services->names[i]) == stage &&
            is_supervised(cp_format(context, "%s/supervise/ok", folder)))
            argv[at++] = folder;
    }
    /* One that will not stop is found by the check at the end. */
    if (at > 4)
        (void)!cp_process_run(context, &(struct cp_process){.argv = argv, .timeout_s = 60});
}

static bool is_ours(const char *name)
{
    static const char *const names[] = {
        "runsvdir", "runsv",         "svlogd",        "postgres",   "pg_autoctl", "redis-server",
        "callcell", "callcell-edge", "callcell-cell", "pgbackrest", "pgbouncer"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return false;
}

static bool runs_here(struct cp_context *context, const char *pid)
{
    char path[288], bytes[4096] = "", name[32] = "";
    (void)snprintf(path, sizeof(path), "/proc/%s/comm", pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    size_t length = fread(name, 1, sizeof(name) - 1, file);
    (void)fclose(file);
    name[length > 0 ? length - 1 : 0] = '\0';
    if (!is_ours(name))
        return false;
    size_t home = strlen(context->home);
    (void)snprintf(path, sizeof(path), "/proc/%s/cwd", pid);
    ssize_t got = readlink(path, bytes, sizeof(bytes) - 1);
    if (got >= (ssize_t)home && memcmp(bytes, context->home, home) == 0 &&
        (bytes[home] == '/' || got == (ssize_t)home))
        return true;
    (void)snprintf(path, sizeof(path), "/proc/%s/cmdline", pid);
    file = fopen(path, "re");
    if (!file)
        return false;
    length = fread(bytes, 1, sizeof(bytes), file);
    (void)fclose(file);
    return memmem(bytes, length, cp_format(context, "%s/", context->home), home + 1) != NULL;
}

/* Processes of this home other than this one; each gets signal_number unless 0. */
static int count_left(struct cp_context *context, int signal_number)
{
    DIR *proc = opendir("/proc");
    int left = 0;
    for (struct dirent *entry; proc && (entry = readdir(proc));) {
        int pid =
            isdigit((unsigned char)entry->d_name[0]) ? (int)strtol(entry->d_name, NULL, 10) : 0;
        if (pid <= 1 || pid == (int)getpid() || pid == (int)getppid() ||
            !runs_here(context, entry->d_name))
            continue;
        left++;
        if (signal_number)
            (void)kill(pid, signal_number);
    }
    if (proc)
        (void)closedir(proc);
    return left;
}

static bool none_left(struct cp_context *context, int wait_ms)
{
    for (int waited = 0; waited < wait_ms; waited += PAUSE_MS) {
        if (count_left(context, 0) == 0)
            return true;
        cp_pause_ms(PAUSE_MS);
    }
    return false;
}

/* SIGHUP: runsvdir ends every runsv, then itself. */
static void end_supervisor(struct cp_context *context, const char *site)
{
    int supervisor = supervisor_pid(context, site);
    if (supervisor)
        (void)kill(supervisor, SIGHUP);
}

static void foretell_down(struct cp_context *context, const struct services *services)
{
    for (int stage = 0; stage <= LAST_STAGE; stage++)
        for (size_t i = 0; i < services->count; i++)
            if (stop_order(services->names[i]) == stage && is_up(context, services->names[i]))
                cp_would(context, "stop %s", services->names[i]);
    if (count_left(context, 0) > 0)
        cp_would(context, "end the supervisor and whatever else is left of %s", context->home);
}

enum cc_error cp_local_down(struct cp_context *context)
{
    struct services services = {0};
    add_services(context, CP_SITE_FIRST, &services);
    add_services(context, CP_SITE_SECOND, &services);
    if (context->dry_run) {
        foretell_down(context, &services);
        return CC_OK;
    }
    for (int stage = 0; stage <= LAST_STAGE; stage++)
        stop_stage(context, &services, stage);
    end_supervisor(context, CP_SITE_FIRST);
    end_supervisor(context, CP_SITE_SECOND);
    if (!none_left(context, STOP_WAIT_MS))
        (void)count_left(context, SIGKILL);
    if (!none_left(context, STOP_WAIT_MS))
        return cp_fail(context, CC_TIMEOUT, "%d processes of %s are still there",
                       count_left(context, 0), context->home);
    (void)unlink(cp_path(context, "run/runsvdir.pid"));
    (void)unlink(cp_site_path(context, CP_SITE_SECOND, "run/runsvdir.pid"));
    return CC_OK;
}
