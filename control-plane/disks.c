/* Rim: the file systems. */
#include "control-plane/disks.h"

#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define NAME "callcell_control_disk_free_ratio"

enum { PATH_SIZE = 512 };

struct found {
    struct cp_disk *disks;
    dev_t devices[CP_DISKS_MAX];
    size_t count;
};

static void add(struct found *found, const char *name, const char *path)
{
    struct stat status;
    if (found->count == CP_DISKS_MAX || stat(path, &status))
        return;
    for (size_t i = 0; i < found->count; i++) {
        if (found->devices[i] == status.st_dev)
            return;
    }
    struct cp_disk *disk = &found->disks[found->count];
    if (statvfs(path, &disk->space) || disk->space.f_blocks == 0)
        return;
    snprintf(disk->name, sizeof(disk->name), "%s", name);
    found->devices[found->count++] = status.st_dev;
}

size_t cp_disks_find(const char *home, const char *backups, struct cp_disk out[CP_DISKS_MAX])
{
    static const char *const below[] = {"registry/pg/*", "cells/*/pg/*", "sites/*/cells/*/pg/*"};
    struct found found = {.disks = out};
    add(&found, "home", home);
    for (size_t i = 0; i < sizeof(below) / sizeof(below[0]); i++) {
        char pattern[PATH_SIZE];
        glob_t paths;
        snprintf(pattern, sizeof(pattern), "%s/%s", home, below[i]);
        if (glob(pattern, 0, NULL, &paths))
            continue;
        for (size_t k = 0; k < paths.gl_pathc; k++)
            add(&found, paths.gl_pathv[k] + strlen(home) + 1, paths.gl_pathv[k]);
        globfree(&paths);
    }
    if (*backups)
        add(&found, "backups", backups);
    return found.count;
}

void cp_disks_expose(const char *home, const char *backups, struct cc_buffer *out)
{
    struct cp_disk disks[CP_DISKS_MAX];
    size_t count = cp_disks_find(home, backups, disks);
    cc_buffer_printf(out, "# HELP " NAME " Free part of each file system of the home (0 to 1)\n"
                          "# TYPE " NAME " gauge\n");
    for (size_t i = 0; i < count; i++)
        cc_buffer_printf(out, NAME "{subject=\"%s\"} %.4f\n", disks[i].name,
                         (double)disks[i].space.f_bavail / (double)disks[i].space.f_blocks);
}
