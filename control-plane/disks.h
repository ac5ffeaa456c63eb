/*
 * The file systems that a home stands on: its own, and those that are mounted for a Postgres node
 * or for backups (docs/adr/0022). How much of each is free is measured when it is asked for: the
 * registry lies on one of them, and could keep no measurement once it is full.
 */
#ifndef CP_DISKS_H
#define CP_DISKS_H

#include <stddef.h>
#include <sys/statvfs.h>

#include "base/buffer.h"

enum { CP_DISKS_MAX = 64, CP_DISK_NAME = 128 };

struct cp_disk {
    char name[CP_DISK_NAME]; /* "home", "backups", or a folder below the home */
    struct statvfs space;
};

/* Each file system once, the home's first; returns how many. backups: their folder when it is not
 * the home's own, else empty. One that does not say is left out. */
size_t cp_disks_find(const char *home, const char *backups, struct cp_disk out[CP_DISKS_MAX]);

/* callcell_control_disk_free_ratio{subject="<name>"}, 0 to 1. */
void cp_disks_expose(const char *home, const char *backups, struct cc_buffer *out);

#endif
