/*
 * Leases as the control plane writes them: which fencing term a cell's workers at a site write
 * under (docs/adr/0011). Two files: `lease`, one JSON line, and `lease.sig`, 64 bytes of Ed25519
 * over it.
 */
#ifndef CP_FAILOVER_LEASE_H
#define CP_FAILOVER_LEASE_H

#include "control-plane/sites.h"

struct cp_lease {
    const char *cell;
    const char *site;
    int64_t term;         /* from 1 */
    bool break_glass;     /* issued by hand */
    const char *key_file; /* PEM to sign with; NULL: the home's etc/keys/signing.pem */
};

/* Writes file and file.sig. A worker that sees one without the other waits for the next look. CC_IO
 * and others with a message. */
enum cc_error cp_lease_write(struct cp_context *context, const struct cp_lease *lease,
                             const char *file) CC_MUST_CHECK;

/* The same at every site of the cell that has a folder of it, below its etc/lease. */
enum cc_error cp_lease_write_all(struct cp_context *context,
                                 const struct cp_lease *lease) CC_MUST_CHECK;

/* The term of the lease that a site's workers read; 0: there is none, or it has no signature. */
int64_t cp_lease_term(struct cp_context *context, const char *cell, const char *site);
/* Writes it where there is one of another term, or none. */
enum cc_error cp_lease_mend(struct cp_context *context, const struct cp_lease *lease) CC_MUST_CHECK;

/* The first lease of a cell at a site, unless there is one: of the term that the registry and the
 * sites know, 1 for a new cell. */
enum cc_error cp_lease_ensure(struct cp_context *context, const char *cell,
                              const char *site) CC_MUST_CHECK;

#endif
