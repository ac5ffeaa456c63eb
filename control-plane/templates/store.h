/*
 * Rim: templates as files of share/templates.
 */
#ifndef CP_TEMPLATES_STORE_H
#define CP_TEMPLATES_STORE_H

#include "control-plane/context.h"
#include "control-plane/templates/template.h"

/* The template of this name for a country, with what it extends. CC_UNSUPPORTED: no such template;
 * CC_NOT_FOUND: not for this country; CC_INVALID: its faults; each with a message. */
enum cc_error cp_template_find(struct cp_context *context, const char *name, const char *country,
                               struct cp_template *out) CC_MUST_CHECK;

/* The same with every fault and every key's origin, for people. name: a template or, with a slash
 * or a dot in it, a file; what a file extends is looked for beside it first. */
enum cc_error cp_template_inspect(struct cp_context *context, const char *name, const char *country,
                                  struct cp_template *out, struct cc_buffer *origins,
                                  struct cc_buffer *errors) CC_MUST_CHECK;

#endif
