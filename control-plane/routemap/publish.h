/*
 * Composes, signs and stores a country's publications; asks what edges hold. The registry's content
 * is the source: publishing when nothing changed makes no new epoch.
 */
#ifndef CP_ROUTEMAP_PUBLISH_H
#define CP_ROUTEMAP_PUBLISH_H

#include "base/publication.h"
#include "control-plane/context.h"

/* Newest epoch afterwards. CC_TOO_DIFFERENT: the map would move more than allow_slots slots. */
enum cc_error cp_publish(struct cp_context *context, const char *country,
                         enum cc_publication_kind kind, int64_t allow_slots,
                         int64_t *out_epoch) CC_MUST_CHECK;

/* All four kinds; no slot may move. */
enum cc_error cp_publish_all(struct cp_context *context, const char *country) CC_MUST_CHECK;

/* The content of map epoch `epoch` under a new epoch; the registry's slots and pins follow it. */
enum cc_error cp_map_rollback(struct cp_context *context, const char *country, int64_t epoch,
                              int64_t allow_slots, int64_t *out_epoch) CC_MUST_CHECK;

/* The newest stored file, or that of an epoch (0: newest), with its payload. CC_NOT_FOUND, no
 * message. */
struct cp_stored {
    int64_t epoch;
    const char *sha256;
    const char *created_at;
    struct cc_slice bytes;
    struct cc_slice payload;
};
enum cc_error cp_publication_stored(struct cp_context *context, const char *country,
                                    enum cc_publication_kind kind, int64_t epoch,
                                    struct cp_stored *out) CC_MUST_CHECK;

/* Waits until every registered edge reports the newest epoch of each kind that edges hold.
 * CC_TIMEOUT with a message naming edge, kind, epochs and any refusal. */
enum cc_error cp_edges_confirm(struct cp_context *context, const char *country) CC_MUST_CHECK;

#endif
