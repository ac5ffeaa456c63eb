#include "control-plane/serve_disk.h"

#include <sys/statvfs.h>

#define NAME "callcell_control_disk_free_ratio"

void cp_disk_expose(const char *home, struct cc_buffer *out)
{
    struct statvfs disk;
    if (statvfs(home, &disk) || disk.f_blocks == 0)
        return;
    cc_buffer_printf(out,
                     "# HELP " NAME " Free part of the file system of the home (0 to 1)\n"
                     "# TYPE " NAME " gauge\n" NAME "{subject=\"home\"} %.4f\n",
                     (double)disk.f_bavail / (double)disk.f_blocks);
}
