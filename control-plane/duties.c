/* What the leading serve does: a row each (leader.h). */
#include "control-plane/certificates/certificates.h"
#include "control-plane/failover/lost_promotion.h"
#include "control-plane/failover/observe.h"
#include "control-plane/leader.h"
#include "control-plane/postgres/keepers.h"
#include "control-plane/priority_watch.h"
#include "control-plane/registry_watch.h"

const struct cp_duty cp_duties[] = {
    {"durability", 1000, cp_observe_cells},
    {"registry", 5000, cp_registry_watch},
    {"keepers", 1000, cp_keepers_duty},
    {"lost_promotion", 2000, cp_lost_promotion_duty},
    {"priority", 10 * 1000, cp_priority_watch},
    {"certificates", 10 * 60 * 1000, cp_certificates_duty},
};
const size_t cp_duty_count = sizeof(cp_duties) / sizeof(cp_duties[0]);
