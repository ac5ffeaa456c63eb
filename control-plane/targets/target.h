/*
 * Where processes run: one interface for all targets. `local` is a supervisor on this machine;
 * others are added as a file and a row in cp_target_find.
 *
 * A service is one process with a name. It is installed stopped, and started for good by start: it
 * then comes back after a crash and after a reboot.
 */
#ifndef CP_TARGETS_TARGET_H
#define CP_TARGETS_TARGET_H

#include "control-plane/context.h"

struct cp_service {
    const char *name;               /* "se-1-worker-1"; "b/se-1-worker-3" at site b */
    const char *const *argv;        /* NULL-terminated; argv[0] is an absolute path */
    const char *const *environment; /* "NAME=value", NULL-terminated, or NULL */
    const char *folder;             /* made before each start, when it is not there; or NULL */
    const char *stop_signal;        /* "INT": sent instead of TERM; NULL: TERM */
    const char *first;              /* lines of sh, run before each start in its folder of the
                                     * supervisor; whether they succeed does not matter; or NULL */
};

struct cp_target {
    const char *name;
    enum cc_error (*install)(struct cp_context *context, const struct cp_service *service);
    enum cc_error (*start)(struct cp_context *context, const char *service);
    enum cc_error (*restart)(struct cp_context *context, const char *service);
    /* Stopped for good, also after a start of the whole home, until start; its own time to drain.
     */
    enum cc_error (*stop)(struct cp_context *context, const char *service);
    /* The same at once, with all that it started (SIGKILL): for what does not listen any more. */
    enum cc_error (*kill)(struct cp_context *context, const char *service);
    /* The same for those of its processes only whose program is called so: what a keeper started
     * goes on without it. */
    enum cc_error (*kill_those)(struct cp_context *context, const char *service, const char *name);
    /* Stopped and forgotten; not being there is success. Its logs stay. */
    enum cc_error (*remove)(struct cp_context *context, const char *service);
    bool (*is_up)(struct cp_context *context, const char *service);
    /* Tells edges where a cell's workers are; an endpoint is a line of their file
     * (docs/api/internal.md), comments too. */
    enum cc_error (*announce)(struct cp_context *context, const char *cell,
                              const char *const *endpoints, size_t count);
};

/* NULL when there is no such target. */
const struct cp_target *cp_target_find(const char *name);

#endif
