/*
 * The machine's time zones (tzdata's TZif files), parsed once each and kept until the end. Rim:
 * reads the disk, a few kilobytes when a zone is first named.
 */
#ifndef CELL_ZONE_FILES_H
#define CELL_ZONE_FILES_H

#include "cell/flows/zone.h"

struct cell_zone_files; /* opaque */
enum cc_error cell_zone_files_create(const char *directory,
                                     struct cell_zone_files **out) CC_MUST_CHECK;
void cell_zone_files_free(struct cell_zone_files *files);

/* For cell_flow_compile and cell_call_plan_parse; as long as files live. */
struct cell_zones cell_zone_files_zones(struct cell_zone_files *files);

#endif
