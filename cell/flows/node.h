/*
 * Inside cell/flows only: what a flow is made of, and what a node type has to offer.
 *
 * A node type is one file node_<type>.c that defines a struct cell_node_type, and one row of the
 * table in flow.c. Its compile turns the node's JSON into data of its own; enter is called when the
 * walk comes to the node, resume when a webhook brings the result that a waiting node waits for.
 */
#ifndef CELL_FLOWS_NODE_H
#define CELL_FLOWS_NODE_H

#include "base/arena.h"
#include "cell/flows/flow.h"

enum { CELL_NODE_NONE = UINT16_MAX, CELL_PATH_MAX = 160 };

/* What the walk does after a node. */
enum cell_node_then {
    CELL_NODE_GO,   /* on to step->next; CELL_NODE_NONE: the call is hung up */
    CELL_NODE_WAIT, /* here, for the carrier's next webhook */
    CELL_NODE_END   /* the call was told to end */
};

/* One webhook's walk. */
struct cell_step {
    const struct cc_call_event *event;
    struct cc_action *actions; /* CC_ACTIONS_MAX */
    size_t action_count;
    uint16_t next; /* for CELL_NODE_GO */
    uint8_t tries; /* of the waiting node, in and out; 0 for one just entered */
};

struct cell_node;
struct cell_compiler;

struct cell_node_type {
    const char *name;
    const char *const *fields; /* all that the node may have besides "type"; NULL-terminated */
    bool acts;                 /* enter adds an action */
    bool waits;
    enum cc_call_event_type awaits; /* waits: the event that brings the result */
    enum cc_error (*compile)(struct cell_compiler *compiler, struct cell_node *node) CC_MUST_CHECK;
    enum cell_node_then (*enter)(const struct cell_node *node, struct cell_step *step);
    enum cell_node_then (*resume)(const struct cell_node *node, struct cell_step *step); /* waits */
};

extern const struct cell_node_type cell_node_hours;
extern const struct cell_node_type cell_node_say;
extern const struct cell_node_type cell_node_play;
extern const struct cell_node_type cell_node_menu;
extern const struct cell_node_type cell_node_connect;
extern const struct cell_node_type cell_node_hangup;

struct cell_node {
    const struct cell_node_type *type;
    struct cc_slice id;
    const void *data; /* the type's own, in the flow's region */
};

/* Nodes stand in the byte order of their ids. */
struct cell_flow {
    struct cc_arena region;
    size_t bytes; /* taken from the region */
    struct cell_node *nodes;
    size_t node_count;
    uint16_t entry;
};

/* The node type of a name; NULL when there is none. */
const struct cell_node_type *cell_node_type_find(struct cc_slice name);

/* For qsort and bsearch: the byte order of ids. */
int cell_node_order(const void *a, const void *b);

/* Whether some node type waits for the event: then it is a result. */
bool cell_node_is_result(enum cc_call_event_type type);

/* Adds an action; false when the answer is full (the compiler saw to it that it is not). */
bool cell_step_act(struct cell_step *step, const struct cc_action *action);

/* Zeroed memory that lives as long as the flow. NULL: out of memory. */
void *cell_flow_alloc(struct cell_flow *flow, size_t bytes);

/* A reference from one node to another. */
struct cell_edge {
    uint16_t from;
    uint16_t to;
};

/* One compilation. The object being read is named by json and path ("nodes.menu.prompt"). */
struct cell_compiler {
    struct cell_flow *flow;
    const struct cell_zones *zones;
    struct cc_json_reason *reason;
    struct cell_edge *edges; /* grows; in order of `from` */
    size_t edge_count;
    size_t edge_capacity;
    uint16_t node; /* being compiled */
    const json_t *json;
    char path[CELL_PATH_MAX];
};

/* The compiler's current object, put aside while an inner one is read. */
struct cell_compiler_place {
    const json_t *json;
    size_t path_length;
};

/* Refuses the document: "<path>.<field>: <words>"; field may be NULL. Returns CC_INVALID. */
enum cc_error cell_refuse(struct cell_compiler *compiler, const char *field, const char *format,
                          ...) __attribute__((format(printf, 3, 4))) CC_MUST_CHECK;

/* Refuses when the current value is no object or has a field that is not listed. */
enum cc_error cell_read_fields(struct cell_compiler *compiler,
                               const char *const *fields) CC_MUST_CHECK;

/* Goes into a field's value (whatever its type) and back out. Entering a missing field is refused.
 */
enum cc_error cell_read_enter(struct cell_compiler *compiler, const char *field,
                              struct cell_compiler_place *back) CC_MUST_CHECK;
void cell_read_leave(struct cell_compiler *compiler, struct cell_compiler_place back);
/* The same for an array's element: path "...targets[2]". */
void cell_read_enter_element(struct cell_compiler *compiler, size_t index,
                             struct cell_compiler_place *back);

/* A text of minimum to maximum bytes, copied into the region. Absent: empty when optional. */
enum cc_error cell_read_text(struct cell_compiler *compiler, const char *field, bool required,
                             size_t minimum, size_t maximum, struct cc_slice *out) CC_MUST_CHECK;

/* An integer; absent: the value out already has. */
enum cc_error cell_read_integer(struct cell_compiler *compiler, const char *field, int64_t minimum,
                                int64_t maximum, int64_t *out) CC_MUST_CHECK;

/* A node's id, noted as an edge of the graph. Absent: CELL_NODE_NONE when optional. */
enum cc_error cell_read_reference(struct cell_compiler *compiler, const char *field, bool required,
                                  uint16_t *out) CC_MUST_CHECK;

/* What is said or played: the current object is {"say": {...}} or {"play": {...}}, or has the
 * fields of either itself. */
enum cc_error cell_read_prompt(struct cell_compiler *compiler, struct cc_prompt *out) CC_MUST_CHECK;
enum cc_error cell_read_say(struct cell_compiler *compiler, struct cc_prompt *out) CC_MUST_CHECK;
enum cc_error cell_read_play(struct cell_compiler *compiler, struct cc_prompt *out) CC_MUST_CHECK;

/* Checks of the whole graph: every node can be reached, no circle without a waiting node, and no
 * way on which one answer would have more than CC_ACTIONS_MAX actions or walk more than
 * CELL_FLOW_STEPS_MAX nodes. */
enum cc_error cell_flow_check(struct cell_compiler *compiler) CC_MUST_CHECK;

#endif
