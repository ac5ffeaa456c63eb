/*
 * The sites of a cell: a, the home itself, and b, its standby site, a home of the same layout below
 * sites/b with a supervisor of its own. Which there are and which is active stands in a file of the
 * cell at each site, cell.json: what is asked in trouble must not need the registry.
 */
#ifndef CP_SITES_H
#define CP_SITES_H

#include "control-plane/context.h"

#define CP_SITE_FIRST "a"
#define CP_SITE_SECOND "b"

struct cp_sites {
    int count;           /* 1 or 2 */
    const char *active;  /* one of the constants */
    const char *standby; /* NULL: none */
    int64_t term;        /* fencing term, from 1 */
    const char *country; /* "" with one site */
    int number;          /* of the cell; 0 with one site */
};

/* What the newer of the two files says; without any: one site. Never fails. */
void cp_sites_read(struct cp_context *context, const char *cell, struct cp_sites *out);
/* Writes the file at every site that has a folder of the cell. */
enum cc_error cp_sites_write(struct cp_context *context, const char *cell,
                             const struct cp_sites *sites) CC_MUST_CHECK;

/* Where the sockets of the cell's Postgres are, those of both sites. */
const char *cp_cell_sockets(struct cp_context *context, const char *cell);

/* Below the root of a site. */
const char *cp_site_path(struct cp_context *context, const char *site, const char *below);
/* "b/se-1-redis": as the target knows a service of that site. */
const char *cp_site_service(struct cp_context *context, const char *site, const char *service);
/* A port of site a as it is at this site. */
int cp_site_port(const char *site, int port);
const char *cp_site_other(const char *site);
bool cp_site_is(const char *site, const char *other);

#endif
