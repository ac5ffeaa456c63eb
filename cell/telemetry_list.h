/*
 * The series of a worker (base/telemetry.h): exposition and documentation come from this list.
 */
#ifndef CELL_TELEMETRY_LIST_H
#define CELL_TELEMETRY_LIST_H

#include "base/telemetry.h"

#define CELL_ANSWERS "callcell_cell_answers_total"
#define CELL_PLANS "callcell_cell_call_plan_loads_total"
#define CELL_DECISIONS "callcell_cell_decisions_total"
#define CELL_STEPS "callcell_cell_step_seconds"
#define CELL_BREAKERS "callcell_cell_breaker_open"
#define CELL_TRIPS "callcell_cell_breaker_trips_total"
#define CELL_FULL "callcell_cell_queue_full_total"

#define CELL_TELEMETRY(X)                                                                          \
    X(CELL_T_CALLS, COUNTER, "callcell_cell_call_events_total", "", "Call events received")        \
    X(CELL_T_ANSWER_TIME, HISTOGRAM, "callcell_cell_answer_seconds", "",                           \
      "From the whole request to the answer")                                                      \
    X(CELL_T_SOURCE_MEMORY, COUNTER, CELL_ANSWERS, "source=\"memory\"", "Answers by source")       \
    X(CELL_T_SOURCE_REDIS, COUNTER, CELL_ANSWERS, "source=\"redis\"", "Answers by source")         \
    X(CELL_T_SOURCE_REPLICA, COUNTER, CELL_ANSWERS, "source=\"replica\"", "Answers by source")     \
    X(CELL_T_SOURCE_PRIMARY, COUNTER, CELL_ANSWERS, "source=\"primary\"", "Answers by source")     \
    X(CELL_T_SOURCE_DISK, COUNTER, CELL_ANSWERS, "source=\"disk\"", "Answers by source")           \
    /* In the order of enum cell_decision. */                                                      \
    X(CELL_T_DECISION_CONNECT, COUNTER, CELL_DECISIONS, "decision=\"connect\"",                    \
      "Answers by decision")                                                                       \
    X(CELL_T_DECISION_FORWARD, COUNTER, CELL_DECISIONS, "decision=\"forward\"",                    \
      "Answers by decision")                                                                       \
    X(CELL_T_DECISION_BARRED, COUNTER, CELL_DECISIONS, "decision=\"barred\"",                      \
      "Answers by decision")                                                                       \
    X(CELL_T_DECISION_EMERGENCY, COUNTER, CELL_DECISIONS, "decision=\"emergency\"",                \
      "Answers by decision")                                                                       \
    X(CELL_T_DECISION_FLOW, COUNTER, CELL_DECISIONS, "decision=\"flow\"", "Answers by decision")   \
    X(CELL_T_DECISION_NOTHING, COUNTER, CELL_DECISIONS, "decision=\"nothing\"",                    \
      "Answers by decision")                                                                       \
    X(CELL_T_DECISION_UNKNOWN_EVENT, COUNTER, CELL_DECISIONS, "decision=\"unknown_event\"",        \
      "Answers by decision")                                                                       \
    X(CELL_T_DECISION_UNKNOWN_NUMBER, COUNTER, CELL_DECISIONS, "decision=\"unknown_number\"",      \
      "Answers by decision")                                                                       \
    X(CELL_T_DECISION_STATE_FORGED, COUNTER, CELL_DECISIONS, "decision=\"state_forged\"",          \
      "Answers by decision")                                                                       \
    X(CELL_T_DECISION_STATE_EXPIRED, COUNTER, CELL_DECISIONS, "decision=\"state_expired\"",        \
      "Answers by decision")                                                                       \
    X(CELL_T_DECISION_STATE_MISSING, COUNTER, CELL_DECISIONS, "decision=\"state_missing\"",        \
      "Answers by decision")                                                                       \
    X(CELL_T_DECISION_NO_FLOW, COUNTER, CELL_DECISIONS, "decision=\"no_flow\"",                    \
      "Answers by decision")                                                                       \
    X(CELL_T_DECISION_UNFIT, COUNTER, CELL_DECISIONS, "decision=\"unfit\"", "Answers by decision") \
    X(CELL_T_DECISION_NO_PLAN, COUNTER, CELL_DECISIONS, "decision=\"no_plan\"",                    \
      "Answers by decision")                                                                       \
    X(CELL_T_DECISION_FAULT, COUNTER, CELL_DECISIONS, "decision=\"fault\"", "Answers by decision") \
    X(CELL_T_NO_EVENT, COUNTER, "callcell_cell_refused_total", "why=\"no_event\"", "Refused")      \
    X(CELL_T_TOKEN, COUNTER, "callcell_cell_refused_total", "why=\"token\"", "Refused")            \
    X(CELL_T_ROLE, COUNTER, "callcell_cell_refused_total", "why=\"role\"", "Refused")              \
    X(CELL_T_NOT_MINE, COUNTER, "callcell_cell_refused_total", "why=\"not_mine\"", "Refused")      \
    X(CELL_T_NOT_READY, COUNTER, "callcell_cell_refused_total", "why=\"not_ready\"", "Refused")    \
    X(CELL_T_HTTP, COUNTER, "callcell_cell_refused_total", "why=\"http\"", "Refused")              \
    X(CELL_T_LOAD_REDIS, COUNTER, CELL_PLANS, "source=\"redis\",outcome=\"ok\"", "Loads")          \
    X(CELL_T_LOAD_REPLICA, COUNTER, CELL_PLANS, "source=\"replica\",outcome=\"ok\"", "Loads")      \
    X(CELL_T_LOAD_PRIMARY, COUNTER, CELL_PLANS, "source=\"primary\",outcome=\"ok\"", "Loads")      \
    X(CELL_T_FAIL_REDIS, COUNTER, CELL_PLANS, "source=\"redis\",outcome=\"failed\"", "Loads")      \
    X(CELL_T_FAIL_REPLICA, COUNTER, CELL_PLANS, "source=\"replica\",outcome=\"failed\"", "Loads")  \
    X(CELL_T_FAIL_PRIMARY, COUNTER, CELL_PLANS, "source=\"primary\",outcome=\"failed\"", "Loads")  \
    X(CELL_T_STEP_REDIS, HISTOGRAM, CELL_STEPS, "step=\"redis\"",                                  \
      "How long a look-up's step took")                                                            \
    X(CELL_T_STEP_REPLICA, HISTOGRAM, CELL_STEPS, "step=\"replica\"",                              \
      "How long a look-up's step took")                                                            \
    X(CELL_T_STEP_PRIMARY, HISTOGRAM, CELL_STEPS, "step=\"primary\"",                              \
      "How long a look-up's step took")                                                            \
    X(CELL_T_STEP_DISK, HISTOGRAM, CELL_STEPS, "step=\"disk\"", "How long a look-up's step took")  \
    X(CELL_T_BREAKER_REDIS, GAUGE, CELL_BREAKERS, "step=\"redis\"",                                \
      "1: passed over: not connected, or until a probe is answered")                               \
    X(CELL_T_BREAKER_REPLICA, GAUGE, CELL_BREAKERS, "step=\"replica\"",                            \
      "1: passed over: not connected, or until a probe is answered")                               \
    X(CELL_T_BREAKER_PRIMARY, GAUGE, CELL_BREAKERS, "step=\"primary\"",                            \
      "1: passed over: not connected, or until a probe is answered")                               \
    X(CELL_T_TRIP_REDIS, COUNTER, CELL_TRIPS, "step=\"redis\"", "Breakers opened")                 \
    X(CELL_T_TRIP_REPLICA, COUNTER, CELL_TRIPS, "step=\"replica\"", "Breakers opened")             \
    X(CELL_T_TRIP_PRIMARY, COUNTER, CELL_TRIPS, "step=\"primary\"", "Breakers opened")             \
    X(CELL_T_FULL_REDIS, COUNTER, CELL_FULL, "queue=\"redis\"",                                    \
      "Refused because a queue was at its bound")                                                  \
    X(CELL_T_FULL_REPLICA, COUNTER, CELL_FULL, "queue=\"replica\"",                                \
      "Refused because a queue was at its bound")                                                  \
    X(CELL_T_FULL_PRIMARY, COUNTER, CELL_FULL, "queue=\"primary\"",                                \
      "Refused because a queue was at its bound")                                                  \
    X(CELL_T_FULL_LOADS, COUNTER, CELL_FULL, "queue=\"loads\"",                                    \
      "Refused because a queue was at its bound")                                                  \
    X(CELL_T_FULL_REVALIDATIONS, COUNTER, CELL_FULL, "queue=\"revalidations\"",                    \
      "Refused because a queue was at its bound")                                                  \
    X(CELL_T_FULL_ANNOUNCEMENTS, COUNTER, CELL_FULL, "queue=\"announcements\"",                    \
      "Refused because a queue was at its bound")                                                  \
    X(CELL_T_PLANS_LOADED, GAUGE, "callcell_cell_call_plans_loaded", "",                           \
      "Call plans found on disk at start")                                                         \
    X(CELL_T_SNAPSHOTS_WRITTEN, COUNTER, "callcell_cell_snapshots_total", "outcome=\"written\"",   \
      "Snapshots of call plans")                                                                   \
    X(CELL_T_SNAPSHOTS_FAILED, COUNTER, "callcell_cell_snapshots_total", "outcome=\"failed\"",     \
      "Snapshots of call plans")                                                                   \
    X(CELL_T_SNAPSHOTS_REFUSED, COUNTER, "callcell_cell_snapshots_total", "outcome=\"refused\"",   \
      "Snapshots of call plans")                                                                   \
    X(CELL_T_SNAPSHOT_LEFT_OUT, COUNTER, "callcell_cell_snapshot_left_out_total", "",              \
      "Call plans and flows that a snapshot had no room for")                                      \
    X(CELL_T_SNAPSHOT_ITEMS, GAUGE, "callcell_cell_snapshot_items", "",                            \
      "Call plans and flows in the last snapshot")                                                 \
    X(CELL_T_SNAPSHOT_BYTES, GAUGE, "callcell_cell_snapshot_bytes", "",                            \
      "Size of the last snapshot")                                                                 \
    X(CELL_T_SNAPSHOT_TIME, HISTOGRAM, "callcell_cell_snapshot_seconds", "",                       \
      "How long a thread wrote a snapshot")                                                        \
    X(CELL_T_REVALIDATIONS, COUNTER, "callcell_cell_revalidations_total", "",                      \
      "Call plans looked up again in the background")                                              \
    X(CELL_T_PLANS_HELD, GAUGE, "callcell_cell_call_plans_held", "", "Call plans in memory")       \
    X(CELL_T_PLANS_EVICTED, GAUGE, "callcell_cell_call_plans_evicted", "",                         \
      "Call plans that left memory for others since the start")                                    \
    X(CELL_T_CHANGES, COUNTER, "callcell_cell_changes_applied_total", "",                          \
      "Entries of the change stream applied")                                                      \
    X(CELL_T_UNRECORDED, COUNTER, "callcell_cell_spool_refused_total", "",                         \
      "Records lost: neither the spool nor memory took them")                                      \
    X(CELL_T_HELD, COUNTER, "callcell_cell_records_held_total", "",                                \
      "Records that the spool did not take (full, or the disk failed) and memory did")             \
    X(CELL_T_IN_MEMORY, GAUGE, "callcell_cell_records_in_memory", "",                              \
      "Records not yet shipped that stand in memory only")                                         \
    X(CELL_T_SPOOL_RECORDS, GAUGE, "callcell_cell_spool_records", "", "Records not yet shipped")   \
    X(CELL_T_SPOOL_BYTES, GAUGE, "callcell_cell_spool_bytes", "", "Bytes of the spool")            \
    X(CELL_T_SPOOL_SYNC_FAILURES, COUNTER, "callcell_cell_spool_sync_failures_total", "",          \
      "Times that the disk did not take what was written to the spool")                            \
    X(CELL_T_SPOOL_CUT, COUNTER, "callcell_cell_spool_damage_cut_total", "",                       \
      "Damaged ends of spool files cut away since the start, with the records in them")            \
    X(CELL_T_SPOOL_OLDEST, GAUGE, "callcell_cell_spool_oldest_seconds", "",                        \
      "Age of the oldest record not yet shipped, 0: none")                                         \
    X(CELL_T_ADOPTED, COUNTER, "callcell_cell_spools_adopted_total", "",                           \
      "Spools of workers that are gone, taken over and shipped")                                   \
    X(CELL_T_ADOPTED_RECORDS, COUNTER, "callcell_cell_records_adopted_total", "",                  \
      "Records shipped out of adopted spools")                                                     \
    X(CELL_T_DEGRADED, GAUGE, "callcell_cell_durability_degraded", "",                             \
      "1: the primary's commits do not wait for a replica")                                        \
    X(CELL_T_PRIMARY_OK, GAUGE, "callcell_cell_primary_seconds_since_ok", "",                      \
      "Seconds since the primary last answered")                                                   \
    X(CELL_T_SHIPPED, COUNTER, "callcell_cell_records_shipped_total", "",                          \
      "Records committed in Postgres")                                                             \
    X(CELL_T_SHIP_FAILURES, COUNTER, "callcell_cell_ship_failures_total", "",                      \
      "Batches to be tried again")                                                                 \
    X(CELL_T_QUARANTINED, COUNTER, "callcell_cell_records_quarantined_total", "",                  \
      "Records that Postgres refuses, kept in a file")                                             \
    X(CELL_T_EVENT_ID_CLASHES, COUNTER, "callcell_cell_event_id_clashes_total", "",                \
      "Records put apart whose event id is another event's of the tenant's day")                   \
    X(CELL_T_EVENT_ID_CLASHES_LOST, COUNTER, "callcell_cell_event_id_clashes_lost_total", "",      \
      "Of these, not kept: their file is full, or cannot be written")                              \
    X(CELL_T_QUARANTINE_LOST, COUNTER, "callcell_cell_records_lost_total", "",                     \
      "Records that Postgres refuses and for which the file has no room")                          \
    X(CELL_T_JOURNALLED, COUNTER, "callcell_cell_journal_records_total", "",                       \
      "Records taken from edges' journals")                                                        \
    X(CELL_T_LEASE_TERM, GAUGE, "callcell_cell_lease_term", "",                                    \
      "Fencing term that this worker writes under, 0: none")                                       \
    X(CELL_T_LEASES_REFUSED, COUNTER, "callcell_cell_leases_refused_total", "",                    \
      "Leases not taken: unsigned, another cell's, or of a lower term")                            \
    X(CELL_T_FENCED, COUNTER, "callcell_cell_fenced_writes_total", "",                             \
      "Write transactions refused because the primary is under another term")                      \
    X(CELL_T_WRITES, COUNTER, "callcell_cell_directory_writes_total", "", "Directory writes")      \
    X(CELL_T_WRITES_REPEATED, COUNTER, "callcell_cell_directory_writes_repeated_total", "",        \
      "Directory writes repeated because their outcome was unknown")                               \
    X(CELL_T_WRITES_PENDING, COUNTER, "callcell_cell_directory_writes_pending_total", "",          \
      "Directory writes answered before every live worker had them")                               \
    X(CELL_T_MAP_EPOCH, GAUGE, "callcell_cell_map_epoch", "", "Epoch of the routing map in use")   \
    X(CELL_T_CLOCK_SKEW, FAMILY, "callcell_cell_clock_skew_seconds", "",                           \
      "Our clock minus the control plane's, median of five; absent: not told of late")             \
    X(CELL_T_CERTIFICATE_EXPIRES, GAUGE, "callcell_cell_certificate_expires_at", "",               \
      "When our certificate expires, Unix seconds; 0: none")                                       \
    X(CELL_T_CERTIFICATES_REFUSED, COUNTER, "callcell_cell_certificates_refused_total", "",        \
      "New certificate files that could not be used")                                              \
    X(CELL_T_PUBLICATIONS_REFUSED, COUNTER, "callcell_cell_publications_refused_total", "",        \
      "Publications refused")

enum cell_series { CELL_TELEMETRY(CC_SERIES_ID) CELL_SERIES_COUNT };

#endif
