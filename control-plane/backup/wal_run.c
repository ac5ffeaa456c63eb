#include "control-plane/backup/wal_run.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { SEGMENTS_OF_A_LOG = 256, RUN_MAX = 1024 * 1024, HALF = 8 };

static bool hexadecimal(const char *digits, uint64_t *out)
{
    *out = 0;
    for (int i = 0; i < HALF; i++) {
        if (!isxdigit((unsigned char)digits[i]))
            return false;
        int digit = digits[i] <= '9' ? digits[i] - '0' : (digits[i] & ~0x20) - 'A' + 10;
        *out = *out * 16 + (uint64_t)digit;
    }
    return true;
}

static bool position_of(const char *name, uint64_t *out)
{
    uint64_t timeline, log, segment;
    if (strlen(name) < CP_WAL_NAME || !hexadecimal(name, &timeline) ||
        !hexadecimal(name + HALF, &log) || !hexadecimal(name + HALF + HALF, &segment) ||
        segment >= SEGMENTS_OF_A_LOG)
        return false;
    *out = log * SEGMENTS_OF_A_LOG + segment;
    return true;
}

enum cc_error cp_wal_run_init(struct cp_wal_run *run, const char *first, const char *last)
{
    uint64_t from, to;
    *run = (struct cp_wal_run){._first = 0};
    if (strlen(last) != CP_WAL_NAME || !position_of(last, &to))
        return CC_INVALID;
    if (!position_of(first, &from) || from > to)
        from = to;
    if (to - from >= RUN_MAX)
        from = to - RUN_MAX + 1;
    run->_first = from;
    run->_count = run->_missing = (size_t)(to - from + 1);
    run->_seen = calloc(run->_count, sizeof(*run->_seen));
    return run->_seen ? CC_OK : CC_NO_MEMORY;
}

void cp_wal_run_deinit(struct cp_wal_run *run)
{
    free(run->_seen);
}

void cp_wal_run_see(struct cp_wal_run *run, const char *name)
{
    uint64_t position;
    if (!position_of(name, &position) || name[CP_WAL_NAME] == '.' || position < run->_first ||
        position - run->_first >= run->_count || run->_seen[position - run->_first])
        return;
    run->_seen[position - run->_first] = true;
    run->_missing--;
}

bool cp_wal_run_is_whole(const struct cp_wal_run *run)
{
    return run->_missing == 0;
}
