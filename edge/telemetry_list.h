/*
 * Every series of callcell-edge. Adding one: a row here, nothing else.
 */
#ifndef EDGE_TELEMETRY_LIST_H
#define EDGE_TELEMETRY_LIST_H

#include "base/telemetry.h"

#define EDGE_ANSWERS "callcell_edge_answers_total"
#define EDGE_ANSWERS_HELP "Call events answered 200, by who decided and why"
#define EDGE_REFUSED "callcell_edge_refused_total"
#define EDGE_REFUSED_HELP "Requests refused with 4xx or 5xx, by reason"
#define EDGE_FAILED "callcell_edge_attempts_failed_total"
#define EDGE_FAILED_HELP "Attempts at a worker that gave no answer, by reason"
#define EDGE_HEDGES "callcell_edge_hedges_total"
#define EDGE_HEDGES_HELP                                                                           \
    "Workers asked while another was silent, because it was slow or had been ejected"
#define EDGE_EJECTED "callcell_edge_ejections_total"
#define EDGE_EJECTED_HELP "Workers taken out, by reason"
#define EDGE_PUBLICATIONS "callcell_edge_publications_refused_total"
#define EDGE_PUBLICATIONS_HELP "Signed files that were not taken into use, by kind"

#define EDGE_TELEMETRY(X)                                                                          \
    X(EDGE_REQUESTS, COUNTER, "callcell_edge_requests_total", "", "Call requests that reached us") \
    X(EDGE_ANSWER_FIRST, COUNTER, EDGE_ANSWERS, "by=\"cell\",why=\"first\"", EDGE_ANSWERS_HELP)    \
    X(EDGE_ANSWER_SECOND, COUNTER, EDGE_ANSWERS, "by=\"cell\",why=\"second\"", EDGE_ANSWERS_HELP)  \
    X(EDGE_ANSWER_EMERGENCY, COUNTER, EDGE_ANSWERS, "by=\"edge\",why=\"emergency\"",               \
      EDGE_ANSWERS_HELP)                                                                           \
    X(EDGE_ANSWER_NO_CELL, COUNTER, EDGE_ANSWERS, "by=\"edge\",why=\"no_cell\"",                   \
      EDGE_ANSWERS_HELP)                                                                           \
    X(EDGE_ANSWER_OVERLOAD, COUNTER, EDGE_ANSWERS, "by=\"edge\",why=\"overload\"",                 \
      EDGE_ANSWERS_HELP)                                                                           \
    X(EDGE_ANSWER_UNKNOWN, COUNTER, EDGE_ANSWERS, "by=\"edge\",why=\"unknown\"",                   \
      EDGE_ANSWERS_HELP)                                                                           \
    X(EDGE_ANSWER_ABANDONED, COUNTER, EDGE_ANSWERS, "by=\"edge\",why=\"abandoned\"",               \
      EDGE_ANSWERS_HELP)                                                                           \
    X(EDGE_REFUSED_FRAMING, COUNTER, EDGE_REFUSED, "why=\"framing\"", EDGE_REFUSED_HELP)           \
    X(EDGE_REFUSED_NO_ROUTE, COUNTER, EDGE_REFUSED, "why=\"no_route\"", EDGE_REFUSED_HELP)         \
    X(EDGE_REFUSED_OVERLOAD, COUNTER, EDGE_REFUSED, "why=\"overload\"", EDGE_REFUSED_HELP)         \
    X(EDGE_REFUSED_COUNTRY, COUNTER, EDGE_REFUSED, "why=\"country\"", EDGE_REFUSED_HELP)           \
    X(EDGE_REFUSED_NOT_READY, COUNTER, EDGE_REFUSED, "why=\"not_ready\"", EDGE_REFUSED_HELP)       \
    X(EDGE_REFUSED_SIGNATURE, COUNTER, EDGE_REFUSED, "why=\"signature\"", EDGE_REFUSED_HELP)       \
    X(EDGE_REFUSED_FORBIDDEN, COUNTER, EDGE_REFUSED, "why=\"forbidden\"", EDGE_REFUSED_HELP)       \
    X(EDGE_REFUSED_BODY, COUNTER, EDGE_REFUSED, "why=\"body\"", EDGE_REFUSED_HELP)                 \
    X(EDGE_UNDELIVERED, COUNTER, "callcell_edge_answers_undelivered_total", "",                    \
      "Answers not journalled because the client had gone before they were given")                 \
    X(EDGE_REPORT_ONLY, COUNTER, "callcell_edge_report_only_total", "",                            \
      "Bad signatures let through because the key is in report-only mode")                         \
    X(EDGE_EMERGENCY_UNVERIFIED, COUNTER, "callcell_edge_emergency_unverified_total", "",          \
      "Emergency calls answered whose signature was not valid")                                    \
    X(EDGE_FAILED_TIMEOUT, COUNTER, EDGE_FAILED, "why=\"timeout\"", EDGE_FAILED_HELP)              \
    X(EDGE_FAILED_UNAVAILABLE, COUNTER, EDGE_FAILED, "why=\"unavailable\"", EDGE_FAILED_HELP)      \
    X(EDGE_FAILED_NOT_MINE, COUNTER, EDGE_FAILED, "why=\"not_mine\"", EDGE_FAILED_HELP)            \
    X(EDGE_FAILED_OVERLOADED, COUNTER, EDGE_FAILED, "why=\"overloaded\"", EDGE_FAILED_HELP)        \
    X(EDGE_FAILED_NO_PLAN, COUNTER, EDGE_FAILED, "why=\"no_plan\"", EDGE_FAILED_HELP)              \
    X(EDGE_FAILED_FULL, COUNTER, EDGE_FAILED, "why=\"full\"", EDGE_FAILED_HELP)                    \
    X(EDGE_FAILED_STATUS, COUNTER, EDGE_FAILED, "why=\"status\"", EDGE_FAILED_HELP)                \
    X(EDGE_HEDGES_SLOW, COUNTER, EDGE_HEDGES, "why=\"slow\"", EDGE_HEDGES_HELP)                    \
    X(EDGE_HEDGES_TROUBLE, COUNTER, EDGE_HEDGES, "why=\"ejected\"", EDGE_HEDGES_HELP)              \
    X(EDGE_HEDGES_DENIED, COUNTER, "callcell_edge_hedges_denied_total", "",                        \
      "Times that a second worker was not asked because too many calls had been asked twice")      \
    X(EDGE_HEDGES_WON, COUNTER, "callcell_edge_hedges_won_total", "",                              \
      "Attempts given up because a worker asked later answered first")                             \
    X(EDGE_EJECTED_FAILED, COUNTER, EDGE_EJECTED, "why=\"failed\"", EDGE_EJECTED_HELP)             \
    X(EDGE_EJECTED_FROZEN, COUNTER, EDGE_EJECTED, "why=\"frozen\"", EDGE_EJECTED_HELP)             \
    X(EDGE_EJECTED_SLOW, COUNTER, EDGE_EJECTED, "why=\"slow\"", EDGE_EJECTED_HELP)                 \
    X(EDGE_PROBES_SKIPPED, COUNTER, "callcell_edge_probes_skipped_total", "",                      \
      "Probes put off because too many were under way")                                            \
    X(EDGE_REINSTATED, COUNTER, "callcell_edge_reinstated_total", "",                              \
      "Ejected workers that answered again")                                                       \
    X(EDGE_MAP_REFUSED, COUNTER, EDGE_PUBLICATIONS, "kind=\"map\"", EDGE_PUBLICATIONS_HELP)        \
    X(EDGE_NUMBERS_REFUSED, COUNTER, EDGE_PUBLICATIONS, "kind=\"numbers\"",                        \
      EDGE_PUBLICATIONS_HELP)                                                                      \
    X(EDGE_CARRIERS_REFUSED, COUNTER, EDGE_PUBLICATIONS, "kind=\"carriers\"",                      \
      EDGE_PUBLICATIONS_HELP)                                                                      \
    X(EDGE_JOURNAL_WRITTEN, COUNTER, "callcell_edge_journal_written_total", "",                    \
      "Records written to the journal")                                                            \
    X(EDGE_JOURNAL_DELIVERED, COUNTER, "callcell_edge_journal_delivered_total", "",                \
      "Records that a cell took")                                                                  \
    X(EDGE_JOURNAL_LOST, COUNTER, "callcell_edge_journal_lost_total", "",                          \
      "Records not kept: disk and memory take none, or the cell refuses them as malformed")        \
    X(EDGE_JOURNAL_HELD, COUNTER, "callcell_edge_journal_held_total", "",                          \
      "Records that the disk did not take (full, or it failed) and memory did")                    \
    X(EDGE_JOURNAL_IN_MEMORY, GAUGE, "callcell_edge_journal_in_memory", "",                        \
      "Records waiting for their cell that stand in memory only")                                  \
    X(EDGE_JOURNAL_QUARANTINED, COUNTER, "callcell_edge_journal_quarantined_total", "",            \
      "Journal records that their cell refuses, kept in a file")                                   \
    X(EDGE_JOURNAL_OLDEST, GAUGE, "callcell_edge_journal_oldest_seconds", "",                      \
      "Age of the oldest journal record not yet delivered, 0: none")                               \
    X(EDGE_JOURNAL_RECORDS, GAUGE, "callcell_edge_journal_records", "",                            \
      "Records waiting for their cell")                                                            \
    X(EDGE_IN_FLIGHT, GAUGE, "callcell_edge_in_flight", "", "Calls waiting for a cell")            \
    X(EDGE_COUNTRIES, GAUGE, "callcell_edge_countries", "", "Countries with map and carriers")     \
    X(EDGE_CERTIFICATE_EXPIRES, GAUGE, "callcell_edge_certificate_expires_at",                     \
      "shown_to=\"workers\"", "When our certificate expires, Unix seconds; 0: none")               \
    X(EDGE_PUBLIC_CERTIFICATE_EXPIRES, GAUGE, "callcell_edge_certificate_expires_at",              \
      "shown_to=\"carriers\"", "When our certificate expires, Unix seconds; 0: none")              \
    X(EDGE_CERTIFICATES_REFUSED, COUNTER, "callcell_edge_certificates_refused_total", "",          \
      "New certificate files that could not be used")                                              \
    X(EDGE_HANDSHAKES_FAILED, COUNTER, "callcell_edge_handshakes_failed_total", "",                \
      "Connections to the TLS port that never came to a request")                                  \
    X(EDGE_CLOCK_SKEW, FAMILY, "callcell_edge_clock_skew_seconds", "",                             \
      "Our clock minus the control plane's, median of five; absent: not told of late")             \
    X(EDGE_MAP_EPOCH, FAMILY, "callcell_edge_map_epoch", "country=\"..\"",                         \
      "Epoch of the routing map in force, by country")                                             \
    X(EDGE_SECONDS, HISTOGRAM, "callcell_edge_answer_seconds", "",                                 \
      "From receipt to answer of call events answered 200")

enum edge_series { EDGE_TELEMETRY(CC_SERIES_ID) EDGE_SERIES_COUNT };

#endif
