/* Rim: capabilities of Linux. */
#include "control-plane/rights.h"

#include <linux/capability.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum cc_error cp_rights_before_change(void)
{
    return prctl(PR_SET_KEEPCAPS, 1L, 0L, 0L, 0L) ? CC_FORBIDDEN : CC_OK;
}

enum { PRIORITY = 1 << CAP_SYS_NICE };

/* glibc has no functions for these; capabilities(7). */
static bool get(struct __user_cap_data_struct out[_LINUX_CAPABILITY_U32S_3])
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    return syscall(SYS_capget, &header, out) == 0;
}

enum cc_error cp_rights_after_change(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct rights[_LINUX_CAPABILITY_U32S_3] = {0};
    if (!get(rights))
        return CC_FORBIDDEN;
    uint32_t kept = rights[0].permitted & PRIORITY;
    memset(rights, 0, sizeof(rights));
    rights[0].permitted = rights[0].effective = kept;
    return syscall(SYS_capset, &header, rights) ? CC_FORBIDDEN : CC_OK;
}

bool cp_rights_include_priority(void)
{
    struct __user_cap_data_struct rights[_LINUX_CAPABILITY_U32S_3] = {0};
    return get(rights) && (rights[0].effective & PRIORITY);
}
