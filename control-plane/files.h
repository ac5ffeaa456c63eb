/*
 * Files of the home: written whole (temporary, fsync, rename), secrets 0600, folders 0700.
 */
#ifndef CP_FILES_H
#define CP_FILES_H

#include "control-plane/context.h"

/* CC_NOT_FOUND, CC_IO; no message. The bytes live as long as the context and are NUL-terminated. */
enum cc_error cp_file_read(struct cp_context *context, const char *path,
                           struct cc_slice *out) CC_MUST_CHECK;
/* Without the white space at the end: tokens and passwords. CC_NOT_FOUND with a message. */
enum cc_error cp_file_secret(struct cp_context *context, const char *path,
                             const char **out) CC_MUST_CHECK;
/* mode 0600 or 0700. Nothing is written when the file already holds these bytes. */
enum cc_error cp_file_write(struct cp_context *context, const char *path, struct cc_slice bytes,
                            unsigned mode) CC_MUST_CHECK;
/* In a comparison (context->differences) nothing below is written, made or removed; what would be
 * is noted. */
void cp_difference(struct cp_context *context, const char *what, const char *name, const char *is,
                   const char *should, const char *mend);
/* With all folders above it, mode 0700. */
enum cc_error cp_folder_make(struct cp_context *context, const char *path) CC_MUST_CHECK;
bool cp_file_exists(const char *path);
/* rm -rf. */
enum cc_error cp_tree_remove(struct cp_context *context, const char *path) CC_MUST_CHECK;

/* The secret in this file, made from 32 random bytes (base64url) when there is none. */
enum cc_error cp_secret_ensure(struct cp_context *context, const char *path,
                               const char **out) CC_MUST_CHECK;

#endif
