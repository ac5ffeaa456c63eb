#include "base/io/folder.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>

enum { PATH_TEXT_MAX = 4096 };

static bool make(const char *path)
{
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

enum cc_error cc_folder_make(const char *path)
{
    char part[PATH_TEXT_MAX];
    int length = snprintf(part, sizeof(part), "%s", path);
    if (length <= 0 || length >= (int)sizeof(part))
        return CC_TOO_LARGE;
    for (char *at = part + 1; *at; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        if (!make(part))
            return CC_IO;
        *at = '/';
    }
    return make(part) ? CC_OK : CC_IO;
}
