/*
 * The directory: tenants, numbers and flows, written by the control plane. Rim: I/O.
 */
#ifndef CELL_DIRECTORY_DIRECTORY_H
#define CELL_DIRECTORY_DIRECTORY_H

#include "cell/worker.h"

enum cc_error cell_directory_create(struct cell_worker *worker,
                                    struct cell_directory **out) CC_MUST_CHECK;
void cell_directory_free(struct cell_directory *directory);

/* Routes of the role "directory". */
extern const struct cc_http_route cell_directory_routes[];
extern const size_t cell_directory_route_count;

#endif
