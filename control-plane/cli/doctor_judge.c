#include "control-plane/cli/doctor_judge.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/timestamp.h"

enum { TEXT_MAX = 512, HOUR_S = 3600 };
#define SKEW_MAX_S 1.0

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

static void judge_control(const json_t *status, json_t *findings)
{
    size_t i;
    json_t *serve, *fact;
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
    json_array_foreach(json_object_get(status, "facts"), i, fact)
    {
        if (is(fact, "name", "durability_degraded") && is(fact, "subject", "registry") &&
            json_number_value(json_object_get(fact, "value")) != 0)
            cp_doctor_add(findings, CP_FINDING, "registry", "see log/registry-node2/current",
                          "the registry has no synchronous replica");
    }
}

static void judge_certificate(const char *subject, double expires_at, int64_t now_us,
                              json_t *findings)
{
    double left_s = expires_at - (double)(now_us / CC_SECOND_US);
    if (left_s < HOUR_S)
        cp_doctor_add(findings, CP_FINDING, "certificates", "callcell certificates renew",
                      left_s < 0 ? "the certificate of %s expired %.0f s ago"
                                 : "the certificate of %s expires in %.0f s",
                      subject, fabs(left_s));
}

static void judge_facts(const json_t *status, int64_t now_us, json_t *findings)
{
    size_t i;
    json_t *fact;
    json_array_foreach(json_object_get(status, "facts"), i, fact)
    {
        double value = json_number_value(json_object_get(fact, "value"));
        if (is(fact, "name", "certificate_expires_at"))
            judge_certificate(text(fact, "subject"), value, now_us, findings);
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

static void judge_edges(const json_t *status, int64_t now_us, json_t *findings)
{
    size_t i;
    json_t *edge;
    json_array_foreach(json_object_get(status, "edges"), i, edge)
    {
        double skew = json_number_value(json_object_get(edge, "clock_skew_s"));
        const json_t *expires = json_object_get(edge, "certificate_expires_at");
        if (!is(edge, "health", "ready"))
            cp_doctor_add(findings, CP_FINDING, "edges", "callcell up, and its log below log/",
                          "%s: %s", text(edge, "edge"), text(edge, "health"));
        if (fabs(skew) > SKEW_MAX_S)
            cp_doctor_add(findings, CP_FINDING, "clock", "mend time synchronisation (chrony)",
                          "the clock of %s is %.1f s off", text(edge, "edge"), skew);
        if (json_number_value(expires) > 0)
            judge_certificate(text(edge, "edge"), json_number_value(expires), now_us, findings);
        judge_holds(edge, findings);
    }
}

static void judge_workers(const json_t *cell, json_t *findings)
{
    size_t i;
    json_t *worker;
    json_array_foreach(json_object_get(cell, "workers"), i, worker)
    {
        const char *name = text(worker, "worker");
        const json_t *state = json_object_get(worker, "state");
        if (!is(worker, "health", "ready"))
            cp_doctor_add(findings, CP_FINDING, "workers", "callcell up, and its log below log/",
                          "%s of %s: %s", name, text(cell, "cell"), text(worker, "health"));
        if (json_is_false(cc_json_at(state, "redis_up")))
            cp_doctor_add(findings, CP_FINDING, "redis", "callcell up, and log/<cell>-redis",
                          "%s of %s does not reach Redis", name, text(cell, "cell"));
        if (json_integer_value(cc_json_at(state, "spool.quarantined")) > 0)
            cp_doctor_add(findings, CP_FINDING, "spool", "look at what stands in its quarantine",
                          "%s of %s has put records aside", name, text(cell, "cell"));
    }
}

static void judge_cells(const json_t *status, json_t *findings)
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
        judge_workers(cell, findings);
    }
}

void cp_doctor_judge(const json_t *status, int64_t now_us, json_t *findings)
{
    judge_control(status, findings);
    judge_facts(status, now_us, findings);
    judge_edges(status, now_us, findings);
    judge_cells(status, findings);
}
