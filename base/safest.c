#include "base/safest.h"

#include <stdio.h>
#include <strings.h>

enum { DIALLED_MAX = 64, COUNTRY_CODE_MAX = 3 };

static struct cc_slice after(struct cc_slice text, size_t count)
{
    return cc_slice(text.data + count, text.length - count);
}

/* A caller-ID code in front of the number (3GPP TS 22.030: *31# or #31#) is not part of it. */
static struct cc_slice without_clir_code(struct cc_slice dialled)
{
    bool has_code = cc_slice_starts_with(dialled, CC_SLICE_LITERAL("*31#")) ||
                    cc_slice_starts_with(dialled, CC_SLICE_LITERAL("#31#"));
    return has_code ? after(dialled, 4) : dialled;
}

/* RFC 5031: "urn:service:sos" or "urn:service:sos.<sub-service>", without regard to case. */
static bool is_sos_urn(struct cc_slice dialled)
{
    struct cc_slice urn = CC_SLICE_LITERAL("urn:service:sos");
    if (dialled.length < urn.length || strncasecmp(dialled.data, urn.data, urn.length) != 0)
        return false;
    return dialled.length == urn.length || dialled.data[urn.length] == '.';
}

bool cc_is_emergency(const struct cc_call_event *event, const struct cc_call_policy *policy)
{
    struct cc_slice dialled = without_clir_code(event->to_dialled);
    if (event->direction != CC_CALL_ORIGINATING || dialled.length == 0)
        return false;
    if (is_sos_urn(dialled))
        return true;
    for (size_t i = 0; i < policy->emergency_count; i++) {
        if (cc_slice_equal(dialled, policy->emergency[i]))
            return true;
    }
    return false;
}

struct cc_slice cc_dialled_to_e164(struct cc_slice dialled, const struct cc_call_policy *policy,
                                   char room[CC_DIALLED_ROOM])
{
    struct cc_slice number = without_clir_code(dialled);
    struct cc_slice country_code = cc_slice(NULL, 0);
    if (number.length == 0 || number.length > DIALLED_MAX || number.data[0] == '+')
        return number;
    if (cc_slice_starts_with(number, CC_SLICE_LITERAL("00"))) {
        number = after(number, 2);
    } else if (policy->country_code.length > 0 && policy->country_code.length <= COUNTRY_CODE_MAX &&
               cc_slice_starts_with(number, policy->national_prefix)) {
        number = after(number, policy->national_prefix.length);
        country_code = policy->country_code;
    } else {
        return number;
    }
    int length =
        snprintf(room, CC_DIALLED_ROOM, "+%.*s%.*s", (int)country_code.length,
                 country_code.length ? country_code.data : "", (int)number.length, number.data);
    return cc_slice(room, length < CC_DIALLED_ROOM ? (size_t)length : CC_DIALLED_ROOM - 1);
}

bool cc_is_national(struct cc_slice number, const struct cc_call_policy *policy)
{
    struct cc_slice prefix = policy->national_prefix;
    if (number.length == 0 || !cc_slice_starts_with(after(number, 1), policy->country_code))
        return false;
    struct cc_slice rest = after(number, 1 + policy->country_code.length);
    bool dialled =
        cc_slice_starts_with(prefix, CC_SLICE_LITERAL("0")) && cc_slice_starts_with(rest, prefix);
    return rest.length > 0 && !dialled;
}

bool cc_is_barred(const struct cc_call_event *event, const struct cc_call_policy *policy)
{
    char room[CC_DIALLED_ROOM];
    struct cc_slice number = cc_dialled_to_e164(cc_call_event_dialled(event), policy, room);
    for (size_t i = 0; i < policy->barred_count; i++) {
        if (cc_slice_starts_with(number, policy->barred_prefixes[i]))
            return true;
    }
    return false;
}

static enum cc_safest_case choose(const struct cc_call_event *event,
                                  const struct cc_call_policy *policy, bool known_number,
                                  bool has_fallback)
{
    bool first = cc_call_event_is_first(event);
    if (cc_is_emergency(event, policy))
        return CC_SAFEST_EMERGENCY;
    if (event->type == CC_EVENT_UNKNOWN || event->type == CC_EVENT_CALL_ANSWERED ||
        event->type == CC_EVENT_CALL_COMPLETED || event->type == CC_EVENT_PLAY_COMPLETED)
        return CC_SAFEST_NOTHING;
    if (!known_number && event->direction == CC_CALL_TERMINATING)
        return first ? CC_SAFEST_UNKNOWN_NUMBER : CC_SAFEST_HANGUP;
    if (event->kind == CC_CALL_MOBILE) {
        if (!first)
            return CC_SAFEST_NOTHING;
        return cc_is_barred(event, policy) ? CC_SAFEST_BARRED : CC_SAFEST_CONNECT_DIALLED;
    }
    if (has_fallback)
        return CC_SAFEST_FALLBACK_TARGET;
    return first ? CC_SAFEST_BUSY : CC_SAFEST_HANGUP;
}

enum cc_safest_case cc_safest(const struct cc_call_event *event,
                              const struct cc_call_policy *policy, bool known_number,
                              struct cc_slice fallback_target, struct cc_action *actions,
                              size_t *action_count)
{
    enum cc_safest_case row = choose(event, policy, known_number, fallback_target.length > 0);
    *action_count = 1;
    switch (row) {
    case CC_SAFEST_NOTHING:
        *action_count = 0;
        break;
    case CC_SAFEST_EMERGENCY: /* what was dialled makes it one; a number beside it could be any */
        actions[0] = (struct cc_action){.kind = CC_ACTION_CONNECT, .target_count = 1};
        actions[0].targets[0] =
            (struct cc_target){.kind = CC_TARGET_DIALLED, .value = event->to_dialled};
        break;
    case CC_SAFEST_CONNECT_DIALLED:
        actions[0] = cc_action_connect_event(event);
        break;
    case CC_SAFEST_BARRED:
        actions[0] = cc_action_reject(603, 21, "barred");
        break;
    case CC_SAFEST_FALLBACK_TARGET:
        actions[0] = cc_action_connect_e164(fallback_target);
        break;
    case CC_SAFEST_BUSY:
        actions[0] = cc_action_reject(480, 20, "unavailable");
        break;
    case CC_SAFEST_HANGUP:
        actions[0] = cc_action_hangup();
        break;
    case CC_SAFEST_UNKNOWN_NUMBER:
        actions[0] = cc_action_reject(404, 1, "unknown number");
        break;
    }
    return row;
}
