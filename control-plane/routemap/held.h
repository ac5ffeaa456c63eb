/*
 * What edges and workers hold, against what the registry has published. After the registry was
 * restored from an old backup its epochs lie behind: what it then publishes would be refused
 * everywhere. Only what a signed file proves is held: a report is a claim, and whoever can make one
 * must not be able to stop publishing with it.
 */
#ifndef CP_ROUTEMAP_HELD_H
#define CP_ROUTEMAP_HELD_H

#include "base/publication.h"
#include "control-plane/context.h"

struct cp_held {
    int64_t newest;     /* in the registry; 0: none */
    int64_t epoch;      /* the highest above it of which there is a file; 0: none */
    const char *holder; /* who has it: "edge-1", "se-1/worker-1" */
    const char *file;
    int64_t claimed; /* the highest above both that anybody reports; 0: none */
    const char *claimer;
};

enum cc_error cp_held_find(struct cp_context *context, const char *country,
                           enum cc_publication_kind kind, struct cp_held *out) CC_MUST_CHECK;

/* What is claimed and not proven, in words; NULL: nothing. */
const char *cp_held_claim(struct cp_context *context, const char *country,
                          enum cc_publication_kind kind, const struct cp_held *held);

/* CC_STALE with a message that says how to go on, when somebody holds a higher epoch than the
 * registry's newest. */
enum cc_error cp_held_check(struct cp_context *context, const char *country,
                            enum cc_publication_kind kind) CC_MUST_CHECK;

/* A held file, verified with our own key: its bytes, signature and payload. */
struct cp_held_file {
    struct cc_slice bytes, signature;
    struct cc_publication publication;
};
enum cc_error cp_held_read(struct cp_context *context, const char *country,
                           enum cc_publication_kind kind, const char *file,
                           struct cp_held_file *out) CC_MUST_CHECK;

#endif
