/* doctor: preflight before init, check-up afterwards; needs neither the registry nor a home that is
 * up. What the programs say is judged in doctor_judge.c, this machine here. */
#include <dirent.h>
#include <math.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <unistd.h>

#include "base/io/loop.h"
#include "control-plane/cli/commands.h"
#include "control-plane/cli/doctor_judge.h"
#include "control-plane/cli/status.h"
#include "control-plane/disks.h"
#include "control-plane/files.h"
#include "control-plane/places.h"
#include "control-plane/registry.h"
#include "control-plane/routemap/held.h"
#include "control-plane/targets/local.h"

enum {
    HOME_MAX = 70,
    OPEN_FILES_MIN = 4096,
    FREE_PERCENT = 15,
    DEPTH_MAX = 8,
    PERCENT = 100,
    INODES_PERCENT = 5
};
#define FREE_MIN_BYTES (INT64_C(2) * 1000 * 1000 * 1000)

static void check_programs(json_t *findings)
{
    static const struct {
        const char *path, *package;
    } programs[] = {
        {"/usr/lib/postgresql/15/bin/postgres", "postgresql-15"},
        {"/usr/lib/postgresql/15/bin/initdb", "postgresql-15"},
        {"/usr/bin/pg_autoctl", "pg-auto-failover-cli"},
        {"/usr/lib/postgresql/15/lib/pgautofailover.so", "postgresql-15-auto-failover"},
        {"/usr/sbin/pgbouncer", "pgbouncer"},
        {"/usr/bin/redis-server", "redis-server"},
        {"/usr/bin/runsvdir", "runit"},
        {"/usr/bin/sv", "runit"},
        {"/usr/bin/pgbackrest", "pgbackrest"},
    };
    bool all = true;
    for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
        if (access(programs[i].path, R_OK) == 0)
            continue;
        char todo[96];
        (void)snprintf(todo, sizeof(todo), "apt-get install %s", programs[i].package);
        cp_doctor_add(findings, CP_FINDING, "programs", todo, "%s is missing", programs[i].path);
        all = false;
    }
    if (all)
        cp_doctor_add(findings, CP_OK, "programs", "", "all that is needed is installed");
}

static void check_own_programs(struct cp_context *context, json_t *findings)
{
    static const char *const names[] = {"callcell", "callcell-edge", "callcell-cell"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (access(cp_format(context, "%s/%s", context->bin, names[i]), X_OK) != 0)
            cp_doctor_add(findings, CP_FINDING, "programs", "install it there, or set CALLCELL_BIN",
                          "%s is not in %s", names[i], context->bin);
    }
}

static void check_limits(struct cp_context *context, json_t *findings)
{
    struct rlimit files = {0};
    bool enough = getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_max >= OPEN_FILES_MIN;
    cp_doctor_add(findings, enough ? CP_OK : CP_FINDING, "limits",
                  enough ? "" : "raise the hard limit of open files (LimitNOFILE)",
                  "%lld open files for each process", (long long)files.rlim_max);
    if (strlen(context->home) > HOME_MAX)
        cp_doctor_add(findings, CP_FINDING, "home", "use a home with a shorter path",
                      "%s is longer than %d bytes: too long for sockets", context->home, HOME_MAX);
    if (geteuid() == 0)
        cp_doctor_add(findings, CP_FINDING, "user", "give the home to an ordinary user",
                      "Postgres does not run as root");
}

static void judge_disk(const struct cp_disk *disk, const char *path, json_t *findings)
{
    const struct statvfs *space = &disk->space;
    int64_t free_bytes = (int64_t)space->f_bavail * (int64_t)space->f_frsize;
    int64_t percent = (int64_t)(space->f_bavail * PERCENT / space->f_blocks);
    bool enough = percent >= FREE_PERCENT && free_bytes >= FREE_MIN_BYTES;
    cp_doctor_add(findings, enough ? CP_OK : CP_FINDING, "disk",
                  enough ? "" : "see docs/runbooks/full-disk.md", "%lld MB (%lld %%) free for %s",
                  (long long)(free_bytes / 1000000), (long long)percent, path);
    if (space->f_files > 0 && space->f_favail * PERCENT / space->f_files < INODES_PERCENT)
        cp_doctor_add(findings, CP_FINDING, "disk", "see docs/runbooks/full-disk.md",
                      "few inodes are free for %s", path);
}

static void check_disks(struct cp_context *context, json_t *findings)
{
    struct cp_disk *disks = cp_alloc(context, CP_DISKS_MAX * sizeof(*disks));
    const char *backups = context->settings.backup_directory;
    size_t count = cp_disks_find(context->home, backups ? backups : "", disks);
    if (count == 0)
        cp_doctor_add(findings, CP_NOTE, "disk", "callcell init", "%s is not there yet",
                      context->home);
    for (size_t i = 0; i < count; i++)
        judge_disk(&disks[i], strcmp(disks[i].name, "home") == 0 ? context->home : disks[i].name,
                   findings);
}

/* The kernel's own word; a container often cannot know, hence only a note. */
static void check_clock(struct cp_context *context, json_t *findings)
{
    struct timex kernel = {0};
    int state = adjtimex(&kernel);
    bool synchronised = state >= 0 && state != TIME_ERROR && !(kernel.status & STA_UNSYNC);
    cp_doctor_add(findings, synchronised ? CP_OK : CP_NOTE, "clock",
                  synchronised ? "" : "see that chrony or systemd-timesyncd runs",
                  synchronised ? "the clock is synchronised"
                               : "the kernel does not know that the clock is synchronised");
    PGresult *result;
    if (!context->registry ||
        cp_sql(context, &result, "SELECT (extract(epoch FROM clock_timestamp()) * 1e6)::bigint",
               CP_NO_PARAMETERS))
        return;
    double skew_s = (double)(cp_sql_integer(result, 0, 0) - cp_now_us()) / 1e6;
    if (fabs(skew_s) > CP_SKEW_MAX_S)
        cp_doctor_add(findings, CP_FINDING, "clock", "mend time synchronisation (chrony)",
                      "the registry's clock differs by %.1f s", skew_s);
}

static bool is_taken(int port)
{
    int one = 1, probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (probe < 0)
        return false;
    (void)setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    bool taken = bind(probe, (const struct sockaddr *)&address, sizeof(address)) != 0;
    (void)close(probe);
    return taken;
}

/* A port that a service of ours wants, and that listens while the service does not run. */
static int check_port(struct cp_context *context, int port, const char *service, json_t *findings)
{
    if (!is_taken(port) || (cp_local_is_up(context) && cp_target_local.is_up(context, service)))
        return 0;
    cp_doctor_add(findings, CP_FINDING, "ports",
                  "stop what listens there, or set CALLCELL_PORT_OFFSET before init",
                  "port %d, which %s needs, is taken", port, service);
    return 1;
}

static void check_ports(struct cp_context *context, const struct cp_places *places,
                        json_t *findings)
{
    int taken = 0;
    for (int i = 1; i <= CP_SERVES; i++)
        taken += check_port(context, cp_port(context, cp_ports_serve(i)),
                            cp_format(context, "serve-%d", i), findings);
    taken += check_port(context, cp_port(context, cp_ports_registry_monitor()), "registry-monitor",
                        findings);
    taken += check_port(context, cp_port(context, cp_ports_pooler(cp_ports_registry_monitor())),
                        "registry-monitor-pooler", findings);
    for (int node = 1; node <= 2; node++)
        taken += check_port(context, cp_port(context, cp_ports_registry_node(node)),
                            cp_format(context, "registry-node%d", node), findings);
    for (size_t i = 0; i < places->edge_count; i++)
        taken += check_port(context, places->edges[i].port, places->edges[i].edge, findings);
    for (size_t i = 0; i < places->cell_count; i++)
        taken += check_port(context, cp_port(context, cp_ports_redis(places->cells[i].number)),
                            cp_format(context, "%s-redis", places->cells[i].cell), findings);
    if (taken == 0)
        cp_doctor_add(findings, CP_OK, "ports", "", "free, or held by us");
}

/* One note for all: they have one cause. */
static void check_priority(struct cp_context *context, json_t *findings)
{
    struct cp_local_priority seen = cp_local_priority(context);
    if (seen.behind > 0)
        cp_doctor_add(findings, CP_NOTE, "priority", "as root, with CAP_SYS_NICE: ./dev cli up",
                      "%d of %d programs that answer calls do not come before Postgres",
                      seen.behind, seen.running);
    else if (seen.running > 0)
        cp_doctor_add(findings, CP_OK, "priority", "", "calls come first");
}

/* Everything below a folder of secrets is its owner's alone; returns how many are not. */
static int count_open(struct cp_context *context, const char *folder, int depth, json_t *findings)
{
    DIR *open = depth < DEPTH_MAX ? opendir(folder) : NULL;
    int found = 0;
    for (struct dirent *entry; open && (entry = readdir(open));) {
        struct stat status;
        const char *path = cp_format(context, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] == '.' || lstat(path, &status) != 0)
            continue;
        if (S_ISDIR(status.st_mode)) {
            found += count_open(context, path, depth + 1, findings);
        } else if (S_ISREG(status.st_mode) && (status.st_mode & 077)) {
            cp_doctor_add(findings, CP_FINDING, "secrets", "chmod 0600 it",
                          "%s can be read by others", path);
            found++;
        }
    }
    if (open)
        (void)closedir(open);
    return found;
}

static void check_secrets(struct cp_context *context, const struct cp_places *places,
                          json_t *findings)
{
    int open = count_open(context, cp_path(context, "etc"), 0, findings);
    open += count_open(context, cp_path(context, "carriers"), 0, findings);
    for (size_t i = 0; i < places->cell_count; i++)
        open += count_open(context, cp_path(context, "cells/%s/etc", places->cells[i].cell), 0,
                           findings);
    if (open == 0)
        cp_doctor_add(findings, CP_OK, "secrets", "", "only their owner can read them");
}

static void check_kind(struct cp_context *context, const char *country,
                       enum cc_publication_kind kind, json_t *findings)
{
    struct cp_held held;
    if (cp_held_check(context, country, kind) == CC_STALE)
        cp_doctor_add(findings, CP_FINDING, "publications", "callcell registry reconcile", "%s",
                      context->message);
    if (cp_held_find(context, country, kind, &held))
        return;
    const char *claim = cp_held_claim(context, country, kind, &held);
    if (claim)
        cp_doctor_add(findings, CP_FINDING, "publications", "callcell registry reconcile", "%s",
                      claim);
}

/* A registry restored from an old backup. */
static void check_held(struct cp_context *context, json_t *findings)
{
    PGresult *result;
    if (!context->registry ||
        cp_sql(context, &result, "SELECT country FROM countries", CP_NO_PARAMETERS))
        return;
    for (int row = 0; row < PQntuples(result); row++) {
        for (enum cc_publication_kind kind = 0; kind < CC_PUBLICATION_KINDS; kind++)
            check_kind(context, cp_sql_value(result, row, 0), kind, findings);
    }
    context->message[0] = '\0';
}

static void check_machine(struct cp_context *context, bool initialised, json_t *findings)
{
    struct cp_places *places = cp_alloc(context, sizeof(*places));
    cp_places_read(context, places);
    check_programs(findings);
    check_own_programs(context, findings);
    check_limits(context, findings);
    check_disks(context, findings);
    check_clock(context, findings);
    check_ports(context, places, findings);
    check_priority(context, findings);
    if (initialised)
        check_secrets(context, places, findings);
}

static bool print_findings(struct cp_context *context, const json_t *findings)
{
    size_t i;
    json_t *item;
    int count = 0;
    json_array_foreach(findings, i, item)
    {
        const char *verdict = json_string_value(json_object_get(item, "verdict"));
        const char *todo = json_string_value(json_object_get(item, "do"));
        count += strcmp(verdict, "finding") == 0;
        if (!context->json)
            printf("%-8s%s: %s%s%s\n", verdict, json_string_value(json_object_get(item, "check")),
                   json_string_value(json_object_get(item, "text")), todo && *todo ? "; " : "",
                   todo ? todo : "");
    }
    char *text = context->json ? json_dumps(findings, JSON_INDENT(1)) : NULL;
    if (text)
        printf("%s\n", text);
    free(text);
    return count == 0;
}

enum cc_error cp_cli_doctor(struct cp_context *context, const struct cp_arguments *arguments)
{
    (void)arguments;
    bool initialised = cp_file_exists(cp_path(context, "etc/control.yaml"));
    bool up = initialised && cp_local_is_up(context);
    json_t *findings = json_array();
    json_t *status = up ? cp_status_json(context) : NULL;
    check_machine(context, initialised, findings);
    check_held(context, findings);
    if (!initialised)
        cp_doctor_add(findings, CP_NOTE, "home", "callcell init", "%s is not initialised",
                      context->home);
    else if (!up)
        cp_doctor_add(findings, CP_FINDING, "platform", "callcell up", "the platform is down");
    if (status)
        cp_doctor_judge(status, cc_wall_clock_us(), findings);
    json_decref(status);
    bool clean = print_findings(context, findings);
    json_decref(findings);
    return clean ? CC_OK : cp_fail(context, CC_CONFLICT, "there is something to mend");
}
