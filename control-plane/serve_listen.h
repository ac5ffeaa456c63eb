/*
 * LISTEN on the registry without blocking: one connection of its own, made again when it is lost.
 */
#ifndef CP_SERVE_LISTEN_H
#define CP_SERVE_LISTEN_H

#include "base/io/loop.h"

struct cp_listener; /* opaque */

/* on_news: a notification came, or the connection was (re)made and some may have been missed.
 * Called from the loop. */
enum cc_error cp_listener_create(struct cc_loop *loop, const char *conninfo, const char *password,
                                 void (*on_news)(void *context), void *context,
                                 struct cp_listener **out) CC_MUST_CHECK;
void cp_listener_free(struct cp_listener *listener);

#endif
