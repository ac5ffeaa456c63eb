#include "control-plane/cli/doctor_judge.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/timestamp.h"

/* As the tickets of the alert rules (alerts.yaml of each program): who comes from an alert's page
 * sees here what woke them. */
enum {
    TEXT_MAX = 512,
    HOUR_S = 3600,
    CERTIFICATE_S = 8 * HOUR_S,
    BACKUP_S = 30 * HOUR_S,
    DRILL_S = 10 * 24 * HOUR_S,
    ARCHIVE_S = 600,
    MEASURED_S = 600,
    JOINING_S = 60,
    SPOOL_S = 120,
    JOURNAL_S = 900
};

static const char *text(const json_t *value, const char *path)
{
    const char *found = json_string_value(cc_json_at(value, path));
    return found ? found : "?";
}

static bool is(const json_t *value, const char *path, const char *word)
{
    return strcmp(text(value, path), word) == 0;
}

void cp_doctor_add(json_t *findings, enum cp_verdict verdict, const char *check, const char *todo,
                   const char *format, ...)
{
    static const char *const names[] = {"ok", "note", "finding"};
    char line[TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    json_array_append_new(findings, json_pack("{s:s, s:s, s:s, s:s}", "check", check, "verdict",
                                              names[verdict], "text", line, "do", todo));
}

/* One that joins becomes synchronous by itself, unless it takes too long. */
static void judge_replica(const json_t *replica, json_t *findings)
{
    long long connected_s = (long long)json_integer_value(json_object_get(replica, "connected_s"));
    if (is(replica, "state", "joining") && connected_s <= JOINING_S)
        cp_doctor_add(findings, CP_NOTE, "registry", "callcell doctor again in a minute",
                      "the registry's replica is joining: commits do not wait for it yet");
    else if (is(replica, "state", "joining"))
        cp_doctor_add(findings, CP_FINDING, "registry", "see log/registry-node2/current",
                      "the registry's replica has been connected for %lld s and is not synchronous",
                      connected_s);
    else if (is(replica, "state", "none"))
        cp_doctor_add(findings, CP_FINDING, "registry", "see log/registry-node2/current",
                      "the registry has no synchronous replica");
}

static void judge_control(const json_t *status, json_t *findings)
{
    size_t i;
    json_t *serve;
    bool leader = false;
    json_array_foreach(json_object_get(status, "serves"), i, serve)
    {
        leader = leader || json_is_true(json_object_get(serve, "leads"));
        if (!is(serve, "health", "ready"))
            cp_doctor_add(findings, CP_FINDING, "serve", "callcell up, and its log below log/",
                          "%s: %s", text(serve, "instance"), text(serve, "health"));
    }
    cp_doctor_add(findings, leader ? CP_OK : CP_FINDING, "leader",
                  leader ? "" : "callcell up; serve and the registry must be up",
                  leader ? "one serve leads" : "no serve leads: nothing renews certificates");
    if (!is(status, "registry", "up"))
        cp_doctor_add(findings, CP_FINDING, "registry",
                      "callcell up, and log/registry-node1/current",
                      "the registry does not answer");
    judge_replica(json_object_get(status, "registry_replica"), findings);
}

static void judge_certificate(const char *subject, double expires_at, int64_t now_us,
                              json_t *findings)
{
    double left_s = expires_at - (double)(now_us / CC_SECOND_US);
    if (left_s < CERTIFICATE_S)
        cp_doctor_add(findings, CP_FINDING, "certificates", "callcell certificates renew",
                      left_s < 0 ? "the certificate of %s expired %.0f s ago"
                                 : "the certificate of %s expires in %.0f s",
                      subject, fabs(left_s));
}

static void judge_age(const char *subject, double age_s, int64_t most_s, const char *what,
                      const char *todo, json_t *findings)
{
    if (age_s > (double)most_s)
        cp_doctor_add(findings, CP_FINDING, "backups", todo, "the last %s of %s is %.0f h old",
                      what, subject, age_s / HOUR_S);
}

static void judge_archive(const json_t *fact, const char *subject, double value, json_t *findings)
{
    if (is(fact, "name", "archive_gap") && value != 0)
        cp_doctor_add(findings, CP_FINDING, "backups", "callcell cell backup --full",
                      "the archive of %s has a gap", subject);
    if (is(fact, "name", "archive_oldest_seconds") && value > ARCHIVE_S)
        cp_doctor_add(findings, CP_FINDING, "backups", "look at the disk of the backups",
                      "WAL of %s has waited %.0f s to be archived", subject, value);
}

/* A last good value may outlive who measured it. */
static void judge_measured(const json_t *fact, json_t *findings)
{
    static const char *const watched[] = {"archive_failing", "archive_oldest_seconds",
                                          "durability_degraded"};
    long long age_s = (long long)json_integer_value(json_object_get(fact, "age_s"));
    for (size_t i = 0; i < sizeof(watched) / sizeof(watched[0]); i++) {
        if (is(fact, "name", watched[i]) && age_s > MEASURED_S)
            cp_doctor_add(findings, CP_FINDING, "facts", "callcell up",
                          "nobody has measured %s of %s for %lld s", watched[i],
                          text(fact, "subject"), age_s);
    }
}

static void judge_facts(const json_t *status, int64_t now_us, json_t *findings)
{
    size_t i;
    json_t *fact;
    double now_s = (double)(now_us / CC_SECOND_US);
    json_array_foreach(json_object_get(status, "facts"), i, fact)
    {
        double value = json_number_value(json_object_get(fact, "value"));
        if (is(fact, "name", "certificate_expires_at"))
            judge_certificate(text(fact, "subject"), value, now_us, findings);
        if (is(fact, "name", "backup_finished_at"))
            judge_age(text(fact, "subject"), now_s - value, BACKUP_S, "backup",
                      "callcell cell backup", findings);
        if (is(fact, "name", "restore_drill_finished_at"))
            judge_age(text(fact, "subject"), now_s - value, DRILL_S, "restore drill",
                      "callcell cell restore-drill", findings);
        judge_archive(fact, text(fact, "subject"), value, findings);
        judge_measured(fact, findings);
        if (is(fact, "name", "restore_drill_ok") && value == 0)
            cp_doctor_add(findings, CP_FINDING, "backups", "callcell cell restore-drill",
                          "the last restore drill of %s failed", text(fact, "subject"));
    }
}

static void judge_holds(const json_t *edge, json_t *findings)
{
    size_t i;
    json_t *hold;
    json_array_foreach(json_object_get(edge, "holds"), i, hold)
    {
        long long epoch = (long long)json_integer_value(json_object_get(hold, "epoch"));
        long long newest = (long long)json_integer_value(json_object_get(hold, "newest"));
        if (epoch > newest)
            cp_doctor_add(findings, CP_FINDING, "publications", "callcell registry reconcile",
                          "%s holds %s %s epoch %lld, the registry published only %lld",
                          text(edge, "edge"), text(hold, "country"), text(hold, "kind"), epoch,
                          newest);
        else if (epoch < newest)
            cp_doctor_add(findings, CP_FINDING, "publications",
                          "callcell status shows what it refused; its log says why",
                          "%s holds %s %s epoch %lld of %lld", text(edge, "edge"),
                          text(hold, "country"), text(hold, "kind"), epoch, newest);
    }
}

/* What was lost cannot be mended any more: it is worth knowing. */
static void judge_journal(const json_t *edge, json_t *findings)
{
    double oldest_s = json_number_value(json_object_get(edge, "journal_oldest_s"));
    double lost = json_number_value(json_object_get(edge, "journal_lost"));
    if (oldest_s > JOURNAL_S)
        cp_doctor_add(findings, CP_FINDING, "journal", "see docs/runbooks/full-disk.md#the-edge",
                      "records of %s have waited %.0f s for their cell", text(edge, "edge"),
                      oldest_s);
    if (lost > 0)
        cp_doctor_add(findings, CP_NOTE, "journal", "see docs/runbooks/full-disk.md#the-edge",
                      "%s has lost %.0f records since it started", text(edge, "edge"), lost);
}

static void judge_edges(const json_t *status, int64_t now_us, json_t *findings)
{
    size_t i;
    json_t *edge;
    json_array_foreach(json_object_get(status, "edges"), i, edge)
    {
        double skew = json_number_value(json_object_get(edge, "clock_skew_s"));
        const json_t *expires = json_object_get(edge, "certificate_expires_at");
        if (!is(edge, "health", "ready"))
            cp_doctor_add(findings, CP_FINDING, "edges", "callcell up, and then its log below log/",
                          "%s: %s", text(edge, "edge"), text(edge, "health"));
        if (fabs(skew) > CP_SKEW_MAX_S)
            cp_doctor_add(findings, CP_FINDING, "clock", "mend time synchronisation (chrony)",
                          "the clock of %s is %.1f s off", text(edge, "edge"), skew);
        if (json_number_value(expires) > 0)
            judge_certificate(text(edge, "edge"), json_number_value(expires), now_us, findings);
        judge_journal(edge, findings);
        judge_holds(edge, findings);
    }
}

static void judge_spool(const char *worker, const char *cell, const json_t *state, int64_t now_us,
                        json_t *findings)
{
    static const char page[] = "see docs/runbooks/full-disk.md#a-workers-spool";
    int64_t oldest_us = json_integer_value(cc_json_at(state, "spool.oldest_us"));
    long long age_s = oldest_us > 0 ? (now_us - oldest_us) / CC_SECOND_US : 0;
    long long unrecorded = (long long)json_integer_value(cc_json_at(state, "spool.unrecorded"));
    if (age_s > SPOOL_S)
        cp_doctor_add(findings, CP_FINDING, "spool", page,
                      "records of %s of %s have waited %lld s for Postgres", worker, cell, age_s);
    if (unrecorded > 0)
        cp_doctor_add(findings, CP_NOTE, "spool", page,
                      "%s of %s has given %lld answers unrecorded since it started", worker, cell,
                      unrecorded);
    if (json_integer_value(cc_json_at(state, "spool.quarantined")) > 0)
        cp_doctor_add(findings, CP_FINDING, "spool", "look at what stands in its quarantine",
                      "%s of %s has put records aside", worker, cell);
}

/* Counted since the worker started: whether it goes on is for the alert to say. */
static void judge_spool_disk(const json_t *worker, const char *cell, json_t *findings)
{
    static const struct {
        const char *key, *what;
    } counted[] = {
        {"sync_failures", "times that its disk did not take its spool"},
        {"damage_cut", "damaged ends of its spool cut away"},
        {"event_id_clashes", "records put aside whose event id another event has"},
        {"event_id_clashes_lost", "of these not kept: their file is full, or cannot be written"},
        {"records_lost", "records lost that Postgres refuses"},
    };
    for (size_t i = 0; i < sizeof(counted) / sizeof(counted[0]); i++) {
        double count = json_number_value(json_object_get(worker, counted[i].key));
        if (count > 0)
            cp_doctor_add(findings, CP_NOTE, "spool",
                          "see docs/runbooks/full-disk.md#records-are-put-aside-or-lost",
                          "%s of %s since it started: %.0f %s", text(worker, "worker"), cell, count,
                          counted[i].what);
    }
}

/* A drained worker is out on purpose: its health is nobody's concern. */
static void judge_worker(const json_t *worker, const char *cell, json_t *findings)
{
    char todo[TEXT_MAX];
    const char *name = text(worker, "worker");
    if (json_is_true(json_object_get(worker, "drained"))) {
        (void)snprintf(todo, sizeof(todo), "callcell cell undrain %s %s takes it back", cell, name);
        cp_doctor_add(findings, CP_NOTE, "workers", todo, "%s of %s is drained", name, cell);
    } else if (!is(worker, "health", "ready")) {
        cp_doctor_add(findings, CP_FINDING, "workers", "callcell up, and then its log below log/",
                      "%s of %s: %s", name, cell, text(worker, "health"));
    }
}

/* Edges ask the workers of the standby site when they have no other: one anywhere is enough. */
static void judge_service(const json_t *cell, json_t *findings)
{
    size_t i;
    json_t *worker;
    const char *name = text(cell, "cell"), *drained = NULL;
    char todo[TEXT_MAX];
    json_array_foreach(json_object_get(cell, "workers"), i, worker)
    {
        bool out = json_is_true(json_object_get(worker, "drained"));
        if (!out && is(worker, "health", "ready"))
            return;
        drained = out && !drained ? text(worker, "worker") : drained;
    }
    if (drained)
        (void)snprintf(todo, sizeof(todo), "callcell cell undrain %s %s", name, drained);
    else
        (void)snprintf(todo, sizeof(todo), "callcell cell heal %s, and log/%s-worker-1/current",
                       name, name);
    cp_doctor_add(findings, CP_FINDING, "workers", todo,
                  "no worker of %s serves: edges answer its calls themselves", name);
}

static void judge_workers(const json_t *cell, int64_t now_us, json_t *findings)
{
    size_t i;
    json_t *worker;
    if (!is(cell, "state", "creating"))
        judge_service(cell, findings);
    json_array_foreach(json_object_get(cell, "workers"), i, worker)
    {
        const char *name = text(worker, "worker");
        const json_t *state = json_object_get(worker, "state");
        judge_worker(worker, text(cell, "cell"), findings);
        if (json_is_false(cc_json_at(state, "redis_up")))
            cp_doctor_add(findings, CP_FINDING, "redis", "callcell up, and log/<cell>-redis",
                          "%s of %s does not reach Redis", name, text(cell, "cell"));
        judge_spool(name, text(cell, "cell"), state, now_us, findings);
        judge_spool_disk(worker, text(cell, "cell"), findings);
    }
}

static void judge_cells(const json_t *status, int64_t now_us, json_t *findings)
{
    size_t i;
    json_t *cell;
    json_array_foreach(json_object_get(status, "cells"), i, cell)
    {
        const char *name = text(cell, "cell");
        const json_t *primary = json_object_get(cell, "primary");
        if (!json_object_get(primary, "node"))
            cp_doctor_add(findings, CP_FINDING, "postgres", "callcell cell heal, or cell failover",
                          "%s has no primary that answers", name);
        else if (!json_is_true(json_object_get(primary, "synchronous")))
            cp_doctor_add(findings, CP_FINDING, "postgres", "callcell cell heal",
                          "%s has degraded durability: commits wait for no replica", name);
        if (json_integer_value(json_object_get(primary, "archive_failures")) > 0)
            cp_doctor_add(findings, CP_FINDING, "backups", "look at the disk of the backups",
                          "%s cannot archive its WAL: its disk will fill", name);
        judge_workers(cell, now_us, findings);
    }
}

static void judge_unfinished(const json_t *status, json_t *findings)
{
    size_t i;
    json_t *run;
    json_array_foreach(json_object_get(status, "unfinished"), i, run)
    {
        if (!json_is_true(json_object_get(run, "under_way")))
            cp_doctor_add(findings, CP_NOTE, "runs", text(run, "command"),
                          "%s of %s was begun %lld s ago and not finished", text(run, "table"),
                          text(run, "target"),
                          (long long)json_integer_value(json_object_get(run, "age_s")));
    }
}

void cp_doctor_judge(const json_t *status, int64_t now_us, json_t *findings)
{
    judge_control(status, findings);
    judge_facts(status, now_us, findings);
    judge_edges(status, now_us, findings);
    judge_cells(status, now_us, findings);
    judge_unfinished(status, findings);
}
