#include "cell/flows/node.h"

#include "base/timestamp.h"

enum { DAYS = 7, INTERVALS_MAX = 10, ZONE_NAME_MAX = 64, DAY_S = 86400 };

/* Seconds of the local day; open from its start up to but not including its end. */
struct interval {
    int32_t start_s;
    int32_t end_s;
};

struct day {
    struct interval intervals[INTERVALS_MAX];
    size_t count;
};

struct hours {
    const struct cell_zone *zone;
    struct day days[DAYS];
    uint16_t open;
    uint16_t closed;
};

static const char *const day_names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun", NULL};

static enum cc_error compile_zone(struct cell_compiler *compiler, struct hours *hours)
{
    struct cc_slice name;
    enum cc_error error = cell_read_text(compiler, "zone", true, 1, ZONE_NAME_MAX, &name);
    if (error)
        return error;
    if (compiler->zones)
        hours->zone = compiler->zones->find(compiler->zones->context, name);
    if (!hours->zone)
        return cell_refuse(compiler, "zone", "no time zone \"%.*s\"", (int)name.length, name.data);
    return CC_OK;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "HH:MM", "24:00" included, in seconds; -1 for anything else. */
static int32_t parse_clock(const json_t *value)
{
    const char *text = json_string_value(value);
    int hour = 0, minute = 0;
    if (!text || json_string_length(value) != 5 || text[2] != ':')
        return -1;
    if (!is_digit(text[0]) || !is_digit(text[1]) || !is_digit(text[3]) || !is_digit(text[4]))
        return -1;
    hour = (text[0] - '0') * 10 + (text[1] - '0');
    minute = (text[3] - '0') * 10 + (text[4] - '0');
    if (minute > 59 || hour > 24 || (hour == 24 && minute > 0))
        return -1;
    return (hour * 60 + minute) * 60;
}

static enum cc_error compile_interval(struct cell_compiler *compiler, struct day *day)
{
    struct interval interval = {0, 0};
    if (json_array_size(compiler->json) != 2)
        return cell_refuse(compiler, NULL, "must be [\"HH:MM\", \"HH:MM\"]");
    interval.start_s = parse_clock(json_array_get(compiler->json, 0));
    interval.end_s = parse_clock(json_array_get(compiler->json, 1));
    if (interval.start_s < 0 || interval.start_s == DAY_S || interval.end_s < 0)
        return cell_refuse(compiler, NULL, "must be [\"HH:MM\", \"HH:MM\"]");
    if (interval.end_s <= interval.start_s)
        return cell_refuse(compiler, NULL, "the end must be later than the start");
    day->intervals[day->count++] = interval;
    return CC_OK;
}

static enum cc_error compile_day(struct cell_compiler *compiler, struct day *day)
{
    size_t count = json_array_size(compiler->json);
    if (!json_is_array(compiler->json) || count > INTERVALS_MAX)
        return cell_refuse(compiler, NULL, "must be a list of at most %d intervals", INTERVALS_MAX);
    for (size_t i = 0; i < count; i++) {
        struct cell_compiler_place back;
        enum cc_error error = CC_OK;
        cell_read_enter_element(compiler, i, &back);
        error = compile_interval(compiler, day);
        if (error)
            return error;
        cell_read_leave(compiler, back);
    }
    return CC_OK;
}

static enum cc_error compile_weekly(struct cell_compiler *compiler, struct hours *hours)
{
    struct cell_compiler_place back;
    enum cc_error error = cell_read_fields(compiler, day_names);
    for (size_t i = 0; !error && i < DAYS; i++) {
        if (!json_object_get(compiler->json, day_names[i]))
            continue;
        error = cell_read_enter(compiler, day_names[i], &back);
        if (!error)
            error = compile_day(compiler, &hours->days[i]);
        if (!error)
            cell_read_leave(compiler, back);
    }
    return error;
}

static enum cc_error compile_branches(struct cell_compiler *compiler, struct hours *hours)
{
    static const char *const fields[] = {"open", "closed", NULL};
    enum cc_error error = cell_read_fields(compiler, fields);
    if (!error)
        error = cell_read_reference(compiler, "open", true, &hours->open);
    if (!error)
        error = cell_read_reference(compiler, "closed", true, &hours->closed);
    return error;
}

static enum cc_error compile(struct cell_compiler *compiler, struct cell_node *node)
{
    struct hours *hours = cell_flow_alloc(compiler->flow, sizeof(*hours));
    struct cell_compiler_place back;
    enum cc_error error = CC_OK;
    if (!hours)
        return CC_NO_MEMORY;
    node->data = hours;
    error = compile_zone(compiler, hours);
    if (!error)
        error = cell_read_enter(compiler, "weekly", &back);
    if (!error)
        error = compile_weekly(compiler, hours);
    if (error)
        return error;
    cell_read_leave(compiler, back);
    error = cell_read_enter(compiler, "branches", &back);
    if (!error)
        error = compile_branches(compiler, hours);
    if (!error)
        cell_read_leave(compiler, back);
    return error;
}

static bool is_open(const struct hours *hours, int64_t time_us)
{
    int64_t local_us = time_us + cell_zone_offset_s(hours->zone, time_us) * CC_SECOND_US;
    int64_t days = local_us / CC_DAY_US - (local_us % CC_DAY_US < 0 ? 1 : 0);
    int64_t second = (local_us - days * CC_DAY_US) / CC_SECOND_US;
    int64_t weekday = ((days + 3) % DAYS + DAYS) % DAYS; /* 1970-01-01 was a Thursday; 0: Monday */
    const struct day *day = &hours->days[weekday];
    for (size_t i = 0; i < day->count; i++) {
        if (second >= day->intervals[i].start_s && second < day->intervals[i].end_s)
            return true;
    }
    return false;
}

static enum cell_node_then enter(const struct cell_node *node, struct cell_step *step)
{
    const struct hours *hours = node->data;
    step->next = is_open(hours, step->event->occurred_at_us) ? hours->open : hours->closed;
    return CELL_NODE_GO;
}

const struct cell_node_type cell_node_hours = {
    .name = "hours",
    .fields = (const char *const[]){"zone", "weekly", "branches", NULL},
    .compile = compile,
    .enter = enter,
};
