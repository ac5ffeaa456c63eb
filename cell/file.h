/*
 * Small files read whole, at start and for time zones. Rim: reads the disk.
 */
#ifndef CELL_FILE_H
#define CELL_FILE_H

#include "base/buffer.h"

/* Appends the file's bytes. CC_NOT_FOUND, CC_IO, CC_TOO_LARGE beyond the buffer's limit. */
enum cc_error cell_file_read(const char *path, struct cc_buffer *out) CC_MUST_CHECK;

/* A secret's file as NUL-terminated text without its newline; the caller frees with
 * cell_secret_free. CC_INVALID when it is empty. */
enum cc_error cell_secret_read(const char *path, char **out) CC_MUST_CHECK;
void cell_secret_free(char *secret); /* wipes; NULL is fine */

#endif
