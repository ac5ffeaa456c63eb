/*
 * How much of the disk under the home is free, as `serve` shows it, measured when it is asked for:
 * the registry lies on that disk, and could keep no measurement once it is full.
 */
#ifndef CP_SERVE_DISK_H
#define CP_SERVE_DISK_H

#include "base/buffer.h"

/* callcell_control_disk_free_ratio{subject="home"}, 0 to 1; nothing when the file system does not
 * say. */
void cp_disk_expose(const char *home, struct cc_buffer *out);

#endif
