/* Any JSON as a flow; whatever compiles is walked by calls of random length and random results. */
#include "cell/flows/flow.h"
#include "tests/fuzz/fuzz.h"

static struct cell_zone *zone;

static const struct cell_zone *find_zone(void *context, struct cc_slice name)
{
    (void)context;
    return cc_slice_is(name, "X/Y") ? zone : NULL;
}

static void make_zone(void)
{
    static const char block[] =
        "TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\1\0\0\0\1\0\0\0\0\0\0\0";
    static const char footer[] = "\nCET-1CEST,M3.5.0,M10.5.0/3\n";
    char file[2 * (sizeof(block) - 1) + sizeof(footer) - 1];
    memcpy(file, block, sizeof(block) - 1);
    memcpy(file + sizeof(block) - 1, block, sizeof(block) - 1);
    memcpy(file + 2 * (sizeof(block) - 1), footer, sizeof(footer) - 1);
    HOLDS(cell_zone_parse(cc_slice(file, sizeof(file)), &zone) == CC_OK);
}

/* The first bytes of the document serve as the caller's choices too. */
static void set_result(struct cc_call_event *event, uint8_t choice)
{
    static const char *const digits[] = {"1", "2", "", "12", "#", "0"};
    event->type = choice & 1 ? CC_EVENT_GATHER_COMPLETED : CC_EVENT_DIAL_COMPLETED;
    event->digits = cc_slice_of(digits[(choice >> 1) % 6]);
    event->reason = (enum cc_result_reason)(choice % 4);
    event->status = (enum cc_result_status)(choice % 6);
    event->occurred_at_us += choice * INT64_C(3600000000);
}

static void walk(const struct cell_flow *flow, const uint8_t *data, size_t size)
{
    static struct cc_action actions[CC_ACTIONS_MAX];
    struct cc_call_event event = {.type = CC_EVENT_CALL_INITIATED};
    struct cell_flow_position at, next;
    size_t count = 0;
    enum cell_flow_outcome outcome = cell_flow_walk(flow, NULL, &event, actions, &count, &next);
    HOLDS(outcome != CELL_FLOW_UNFIT); /* the compiler's bounds make a start always fit */
    for (size_t i = 0; i < size && i < 50 && outcome == CELL_FLOW_WAITING; i++) {
        enum cell_flow_outcome last = CELL_FLOW_UNFIT;
        at = next;
        set_result(&event, data[i]);
        last = cell_flow_walk(flow, &at, &event, actions, &count, &next);
        HOLDS(count <= CC_ACTIONS_MAX);
        if (last == CELL_FLOW_UNFIT)
            next = at;
        else
            outcome = last;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct cell_zones zones = {find_zone, NULL};
    struct cc_json_reason reason = {""};
    struct cell_flow *flow = NULL;
    json_t *document = NULL;
    enum cc_error error = CC_OK;
    if (!zone)
        make_zone();
    if (cc_json_parse(fuzz_input(data, size), CELL_FLOW_BYTES_MAX, &document, &reason))
        return 0;
    error = cell_flow_compile(document, &zones, &flow, &reason);
    json_decref(document);
    if (!error)
        walk(flow, data, size);
    else
        HOLDS(error == CC_INVALID && reason.text[0]);
    cell_flow_free(flow);
    return 0;
}
