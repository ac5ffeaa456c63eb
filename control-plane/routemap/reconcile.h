/*
 * Brings a registry that was restored from an old backup and what edges and workers hold together
 * again: the held files become part of the registry's history, so that the next publication has
 * an epoch that everybody takes.
 */
#ifndef CP_ROUTEMAP_RECONCILE_H
#define CP_ROUTEMAP_RECONCILE_H

#include "control-plane/routemap/held.h"

/* How the content of the registry differs from that of a held file. */
struct cp_difference {
    int64_t only_held, only_registry, changed; /* numbers, carriers' keys, sealing keys or slots */
    const char *examples;                      /* at most ten, "" */
};
enum cc_error cp_reconcile_compare(struct cp_context *context, const char *country,
                                   enum cc_publication_kind kind, const struct cp_held_file *file,
                                   struct cp_difference *out) CC_MUST_CHECK;

/* The held file as a publication of the registry. Repeated: no change. */
enum cc_error cp_reconcile_store(struct cp_context *context,
                                 const struct cp_held_file *file) CC_MUST_CHECK;

/* The registry's content becomes that of the held file. */
enum cc_error cp_reconcile_adopt(struct cp_context *context, const char *country,
                                 enum cc_publication_kind kind,
                                 const struct cp_held_file *file) CC_MUST_CHECK;

/* Tenants that only the cells know, and what numbers taken from a held file mean, are read from the
 * cells: they are the truth for both. */
enum cc_error cp_reconcile_read_cells(struct cp_context *context,
                                      const char *country) CC_MUST_CHECK;

#endif
