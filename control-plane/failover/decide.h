/*
 * What may be done to a cell's Postgres, from what was seen of it (pure): whether its standby may
 * be promoted, whether its monitor has to be made anew.
 */
#ifndef CP_FAILOVER_DECIDE_H
#define CP_FAILOVER_DECIDE_H

#include <stdbool.h>
#include <stdint.h>

struct cp_failover_view {
    bool standby_answers; /* its Postgres takes connections, or can be started */
    bool was_synchronous; /* when the primary was last seen, its commits waited for this standby */
    int64_t
        gap_bytes; /* of WAL between what the primary and the standby last said; 0: none known */
    int64_t gap_s; /* since the primary was last seen */
    bool accept_loss;
};

enum cp_failover_verdict {
    CP_FAILOVER_GO,           /* nothing acknowledged is lost */
    CP_FAILOVER_LOSES,        /* something may be lost, and nobody has accepted that */
    CP_FAILOVER_GO_WITH_LOSS, /* it was accepted */
    CP_FAILOVER_NO_STANDBY    /* there is nothing to promote */
};

enum cp_failover_verdict cp_failover_decide(const struct cp_failover_view *view);

struct cp_monitor_view {
    bool has_data;      /* it was made whole, and its files are there */
    bool answers;       /* it said which nodes it knows */
    bool knows_primary; /* only when it answers */
    bool is_starting;   /* its Postgres runs and says "not yet" */
};

enum cp_monitor_verdict {
    CP_MONITOR_KEEP,     /* all is well */
    CP_MONITOR_WAIT,     /* silence says nothing: it was started just now */
    CP_MONITOR_REGISTER, /* it said that it does not know the primary */
    CP_MONITOR_REMAKE    /* it is lost */
};

/* late: it was given its time. Only a primary that is surely not watched may be taken down to be
 * registered anew: meanwhile it works alone. */
enum cp_monitor_verdict cp_monitor_decide(const struct cp_monitor_view *view, bool late);

struct cp_node_view {
    bool answers;      /* its Postgres takes connections; else the rest says nothing */
    bool recovers;     /* it follows another node */
    bool takes_writes; /* it does not, and writes are allowed */
    int64_t timeline;
};

enum cp_primary_verdict {
    CP_PRIMARY_ALONE, /* it takes writes; the other one follows or cannot be reached */
    CP_PRIMARY_NONE,  /* it takes no writes */
    CP_PRIMARY_RIVAL  /* the other one follows nobody either: each may hold acknowledged writes */
};

/* Whether a node is the primary, and the other one is not. */
enum cp_primary_verdict cp_primary_decide(const struct cp_node_view *node,
                                          const struct cp_node_view *other);

/* Which of two nodes, counted from 1, is the standby when neither takes writes and no monitor says
 * it. observed: the primary when one was last seen, or -1. 0: it cannot be told. */
int cp_standby_choose(const struct cp_node_view *node1, const struct cp_node_view *node2,
                      int observed);

#endif
