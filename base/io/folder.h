/*
 * Folders on local disk. Blocking: before the loop runs, or on the thread pool.
 */
#ifndef CC_IO_FOLDER_H
#define CC_IO_FOLDER_H

#include "base/err.h"

/* Makes the folder and those above it, mode 0700; fine when it stands already. CC_IO with errno
 * set, CC_TOO_LARGE for a path of 4,096 bytes or more. */
enum cc_error cc_folder_make(const char *path) CC_MUST_CHECK;

#endif
