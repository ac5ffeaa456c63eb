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
