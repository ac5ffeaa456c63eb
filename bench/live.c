#include "bench/live.h"

#include <stdlib.h>
#include <string.h>

static bool take_line(struct cc_slice *rest, struct cc_slice *line)
{
    if (rest->length == 0)
        return false;
    const char *end = memchr(rest->data, '\n', rest->length);
    size_t length = end ? (size_t)(end - rest->data) : rest->length;
    size_t used = end ? length + 1 : length;
    *line = cc_slice(rest->data, length);
    *rest = cc_slice(rest->data + used, rest->length - used);
    return true;
}

static double value_of(struct cc_slice line)
{
    char text[64] = "";
    const char *space = memrchr(line.data, ' ', line.length);
    size_t length = space ? line.length - (size_t)(space - line.data) - 1 : 0;
    if (length == 0 || length >= sizeof(text))
        return 0;
    memcpy(text, space + 1, length);
    return strtod(text, NULL);
}

void bench_live_add(struct bench_live *live, struct cc_slice page)
{
    const struct {
        const char *series;
        double *field;
    } counters[] = {
        {"callcell_edge_requests_total ", &live->requests},
        {"callcell_cell_decisions_total{decision=\"connect\"}", &live->mobile},
        {"callcell_cell_decisions_total{decision=\"forward\"}", &live->mobile},
        {"callcell_cell_decisions_total{decision=\"barred\"}", &live->mobile},
        {"callcell_cell_decisions_total{decision=\"flow\"}", &live->flow},
        {"callcell_cell_decisions_total{decision=\"nothing\"}", &live->ended},
    };
    struct cc_slice line;
    while (take_line(&page, &line))
        for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
            if (cc_slice_starts_with(line, cc_slice_of(counters[i].series)))
                *counters[i].field += value_of(line);
}

enum cc_error bench_live_demand(const struct bench_live *before, const struct bench_live *after,
                                double seconds, double live_users, struct bench_demand *demand)
{
    double requests = after->requests - before->requests, calls = after->ended - before->ended;
    double mobile = after->mobile - before->mobile;
    if (calls < 1 || requests < calls || seconds <= 0)
        return CC_NOT_FOUND;
    demand->webhooks_per_call = requests / calls;
    demand->attempts_per_user = calls / seconds * 3600 / live_users;
    demand->pbx_share = mobile < calls ? 1 - mobile / calls : 0;
    return CC_OK;
}
