#include "control-plane/failover/decide.h"

/* A synchronous standby holds every acknowledged commit, whatever the last positions said: those
 * are a second old. */
enum cp_failover_verdict cp_failover_decide(const struct cp_failover_view *view)
{
    if (!view->standby_answers)
        return CP_FAILOVER_NO_STANDBY;
    if (view->was_synchronous)
        return CP_FAILOVER_GO;
    return view->accept_loss ? CP_FAILOVER_GO_WITH_LOSS : CP_FAILOVER_LOSES;
}

enum cp_monitor_verdict cp_monitor_decide(const struct cp_monitor_view *view, bool late)
{
    if (!view->has_data)
        return CP_MONITOR_REMAKE;
    if (view->answers)
        return view->knows_primary ? CP_MONITOR_KEEP : CP_MONITOR_REGISTER;
    return late && !view->is_starting ? CP_MONITOR_REMAKE : CP_MONITOR_WAIT;
}

enum cp_primary_verdict cp_primary_decide(const struct cp_node_view *node,
                                          const struct cp_node_view *other)
{
    if (!node->answers || !node->takes_writes)
        return CP_PRIMARY_NONE;
    return other->answers && !other->recovers ? CP_PRIMARY_RIVAL : CP_PRIMARY_ALONE;
}

int cp_standby_choose(const struct cp_node_view *node1, const struct cp_node_view *node2,
                      int observed)
{
    if (observed > 0)
        return observed == 1 ? 2 : 1;
    if (node1->answers == node2->answers)
        return 0;
    return node1->answers ? 1 : 2;
}
