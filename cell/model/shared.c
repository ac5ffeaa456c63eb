#include "cell/model/shared.h"

#include <inttypes.h>
#include <stdio.h>

/* Values live a week without use by a writer: what nobody asks for leaves Redis. */
#define LIFETIME_S "604800"
#define STREAM_MAX "100000"

const char cell_shared_read_script[] =
    "local held = redis.call('GET', KEYS[1])\n"
    "if not held then return false end\n"
    "local version, flow = string.match(held, '^p (%d+) ([^\\n]*)\\n')\n"
    "if not version or flow == '-' then return held end\n"
    "local published = redis.call('HGET', KEYS[2], flow)\n"
    "if published and tonumber(published) > tonumber(version) then\n"
    "  return 'm ' .. published .. ' -\\n'\n"
    "end\n"
    "return held\n";

const char cell_shared_put_script[] =
    "local head = redis.call('GETRANGE', KEYS[1], 0, 40)\n"
    "local kind, version = string.match(head, '^(%a) (%d+)')\n"
    "version = tonumber(version or -1)\n"
    "local offered = tonumber(ARGV[1])\n"
    "if version > offered or (version == offered and kind ~= 'm') then return 0 end\n"
    "redis.call('SET', KEYS[1], ARGV[2], 'EX', " LIFETIME_S ")\n"
    "return 1\n";

const char cell_shared_change_script[] =
    "local id\n"
    "for i = 2, #KEYS do\n"
    "  local head = redis.call('GETRANGE', KEYS[i], 0, 40)\n"
    "  local version = tonumber(string.match(head, '^%a (%d+)') or -1)\n"
    "  if version < tonumber(ARGV[2]) then\n"
    "    redis.call('SET', KEYS[i], 'm ' .. ARGV[2] .. ' -\\n', 'EX', " LIFETIME_S ")\n"
    "  end\n"
    "  id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', " STREAM_MAX ", '*',\n"
    "    'tenant', ARGV[1], 'number', ARGV[i + 1], 'flow', '', 'version', ARGV[2])\n"
    "end\n"
    "return id\n";

const char cell_shared_publish_script[] =
    "local held = tonumber(redis.call('HGET', KEYS[2], ARGV[3]) or -1)\n"
    "if held < tonumber(ARGV[2]) then redis.call('HSET', KEYS[2], ARGV[3], ARGV[2]) end\n"
    "return redis.call('XADD', KEYS[1], 'MAXLEN', '~', " STREAM_MAX ", '*',\n"
    "  'tenant', ARGV[1], 'number', '*', 'flow', ARGV[3], 'version', ARGV[2])\n";

const char cell_shared_applied_script[] =
    "local applied = {}\n"
    "for _, name in ipairs(redis.call('SMEMBERS', KEYS[1])) do\n"
    "  local id = redis.call('GET', 'worker:' .. name)\n"
    "  if id then applied[#applied + 1] = id end\n"
    "end\n"
    "return applied\n";

/* Reads digits at *at and moves it behind them; false without any or beyond int64_t. */
static bool read_number(struct cc_slice text, size_t *at, int64_t *out)
{
    int64_t value = 0;
    size_t start = *at;
    while (*at < text.length && text.data[*at] >= '0' && text.data[*at] <= '9') {
        int64_t digit = text.data[*at] - '0';
        if (value > (INT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
        (*at)++;
    }
    *out = value;
    return *at > start;
}

static bool read_kind(char letter, enum cell_shared_kind *out)
{
    switch (letter) {
    case 'p':
        *out = CELL_SHARED_PLAN;
        return true;
    case 'x':
        *out = CELL_SHARED_GONE;
        return true;
    case 'm':
        *out = CELL_SHARED_MARKER;
        return true;
    default:
        return false;
    }
}

enum cc_error cell_shared_read(struct cc_slice bytes, struct cell_shared_value *out)
{
    *out = (struct cell_shared_value){0};
    const char *newline = bytes.length ? memchr(bytes.data, '\n', bytes.length) : NULL;
    if (!newline)
        return CC_INVALID;
    struct cc_slice head = cc_slice(bytes.data, (size_t)(newline - bytes.data));
    size_t at = 2;
    if (head.length < 5 || head.data[1] != ' ' || !read_kind(head.data[0], &out->kind) ||
        !read_number(head, &at, &out->row_version) || at + 2 > head.length || head.data[at] != ' ')
        return CC_INVALID;
    out->flow_id = cc_slice(head.data + at + 1, head.length - at - 1);
    if (cc_slice_is(out->flow_id, "-"))
        out->flow_id = cc_slice(NULL, 0);
    out->plan = cc_slice(newline + 1, bytes.length - head.length - 1);
    return (out->kind == CELL_SHARED_PLAN) == (out->plan.length > 0) ? CC_OK : CC_INVALID;
}

size_t cell_shared_head(enum cell_shared_kind kind, int64_t row_version, struct cc_slice flow_id,
                        char *head)
{
    static const char letters[] = {'p', 'x', 'm'};
    if (flow_id.length == 0)
        flow_id = cc_slice("-", 1);
    int length = snprintf(head, CELL_SHARED_HEAD_MAX, "%c %" PRId64 " %.*s\n", letters[kind],
                          row_version, (int)flow_id.length, flow_id.data);
    return length < CELL_SHARED_HEAD_MAX ? (size_t)length : CELL_SHARED_HEAD_MAX - 1;
}

static struct cc_slice key_of(char *key, int length)
{
    return cc_slice(key, length < CELL_SHARED_KEY_MAX ? (size_t)length : CELL_SHARED_KEY_MAX - 1);
}

struct cc_slice cell_shared_plan_key(struct cc_slice tenant, struct cc_slice number, char *key)
{
    return key_of(key, snprintf(key, CELL_SHARED_KEY_MAX, "plan:%.*s:%.*s", (int)tenant.length,
                                tenant.data, (int)number.length, number.data));
}

struct cc_slice cell_shared_flow_key(struct cc_slice tenant, struct cc_slice flow, int64_t version,
                                     char *key)
{
    return key_of(key,
                  snprintf(key, CELL_SHARED_KEY_MAX, "flow:%.*s:%.*s:%" PRId64, (int)tenant.length,
                           tenant.data, (int)flow.length, flow.data, version));
}

struct cc_slice cell_shared_flows_key(struct cc_slice tenant, char *key)
{
    return key_of(
        key, snprintf(key, CELL_SHARED_KEY_MAX, "flows:%.*s", (int)tenant.length, tenant.data));
}

static bool read_id(struct cc_slice id, int64_t *ms, int64_t *n)
{
    size_t at = 0;
    if (!read_number(id, &at, ms) || at >= id.length || id.data[at] != '-')
        return false;
    at++;
    return read_number(id, &at, n) && at == id.length;
}

bool cell_shared_id_reached(struct cc_slice id, struct cc_slice wanted)
{
    int64_t ms, n, wanted_ms, wanted_n;
    if (!read_id(id, &ms, &n) || !read_id(wanted, &wanted_ms, &wanted_n))
        return false;
    return ms > wanted_ms || (ms == wanted_ms && n >= wanted_n);
}
