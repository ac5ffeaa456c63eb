/*
 * The safest action: what is answered when no decision can be had (design: "what never gets an
 * error"). Pure; one policy for edges and cells, so that a tester compares either with the same
 * table.
 *
 *   emergency, originating       connect to exactly what was dialled
 *   unknown event type           no actions
 *   call.answered / completed,
 *   play.completed               no actions (nothing is to be done)
 *   mobile, first                connect as dialled, unless a barred prefix matches: reject 603 /
 * 21 mobile, mid-call             no actions pbx, first                   connect to the fallback
 * target, else reject 480 / 20 pbx, mid-call                connect to the fallback target, else
 * hangup unknown tenant or number, terminating                  first: reject 404 / 1; mid-call:
 * hangup (goes before the four above)
 */
#ifndef CC_SAFEST_H
#define CC_SAFEST_H

#include "base/answer.h"

/* A country's call policy, from its routing map. Slices are borrowed from the map. */
struct cc_call_policy {
    struct cc_slice country_code;     /* "46": with '+' in front an E.164 prefix */
    struct cc_slice national_prefix;  /* "0" */
    const struct cc_slice *emergency; /* dialled numbers, for example "112" */
    size_t emergency_count;
    const struct cc_slice *barred_prefixes; /* E.164 prefixes with '+' */
    size_t barred_count;
};

/* Whether the caller dialled an emergency number: direction originating and call.to.dialled equal
 * to one of the country's numbers, or urn:service:sos with or without sub-services (RFC 5031). */
bool cc_is_emergency(const struct cc_call_event *event, const struct cc_call_policy *policy);

/* A dialled number in E.164 form: "0046701..." and, by the country's national prefix, "0701..." are
 * resolved, a caller-ID code (*31# or #31#) in front is dropped; anything else (short codes) is
 * returned as it is. The result is borrowed from dialled or room. */
enum { CC_DIALLED_ROOM = 96 };
struct cc_slice cc_dialled_to_e164(struct cc_slice dialled, const struct cc_call_policy *policy,
                                   char room[CC_DIALLED_ROOM]);

/* Whether an E.164 number is one of the country's: behind its code, and without a national prefix
 * that begins with 0, which is dialled in front of a number and is no part of it. (Another digit
 * may be both: 8 in Lithuania.) */
bool cc_is_national(struct cc_slice number, const struct cc_call_policy *policy);

/* Whether the number the event would dial starts with a barred prefix. A dialled number in national
 * or international ("00") form is first brought into E.164 form. */
bool cc_is_barred(const struct cc_call_event *event, const struct cc_call_policy *policy);

enum cc_safest_case {
    CC_SAFEST_EMERGENCY,
    CC_SAFEST_NOTHING,
    CC_SAFEST_CONNECT_DIALLED,
    CC_SAFEST_BARRED,
    CC_SAFEST_FALLBACK_TARGET,
    CC_SAFEST_BUSY,
    CC_SAFEST_HANGUP,
    CC_SAFEST_UNKNOWN_NUMBER
};

/* Fills actions (room for CC_ACTIONS_MAX) and says which row of the table above applied.
 * known_number false: the number or tenant is known not to exist. fallback_target: E.164 or empty.
 */
enum cc_safest_case cc_safest(const struct cc_call_event *event,
                              const struct cc_call_policy *policy, bool known_number,
                              struct cc_slice fallback_target, struct cc_action *actions,
                              size_t *action_count);

#endif
