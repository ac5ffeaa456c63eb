/*
 * One JSON object a line on stderr: ts level component event, then the fields. Values of fields
 * whose names contain secret, token, password, authorization or signature, or are or end in the
 * word state, are replaced by "[redacted]". One write(2) per line of up to 4096 bytes; safe from
 * any thread once cc_log_init has run. Never waits: what a full pipe does not take is lost, and how
 * many lines is said (log_lines_lost) when it takes some again.
 */
#ifndef CC_LOG_H
#define CC_LOG_H

#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

enum cc_log_level { CC_LOG_DEBUG, CC_LOG_INFO, CC_LOG_WARNING, CC_LOG_ERROR };

/* One field; make it with the cc_log_* constructors below. */
struct cc_log_field {
    const char *name;
    enum { CC_LOG_STRING, CC_LOG_INTEGER } kind;
    struct cc_slice string;
    int64_t integer;
};

/* component: "edge", "cell", "control-plane"; static storage. minimum: lines below are dropped. */
void cc_log_init(const char *component, enum cc_log_level minimum);

/* Where lines go instead of stderr (tests); write is called with one whole line, and now_us gives
 * the time. NULL restores the default. */
void cc_log_redirect(void (*write)(void *context, struct cc_slice line), int64_t (*now_us)(void),
                     void *context);

struct cc_log_field cc_log_text(const char *name, const char *value);
struct cc_log_field cc_log_slice(const char *name, struct cc_slice value);
struct cc_log_field cc_log_number(const char *name, int64_t value);
struct cc_log_field cc_log_error_field(enum cc_error error); /* "error": name of the error */

/* Whether lines of this level are written: fields of others need not be made. */
bool cc_log_takes(enum cc_log_level level);

/* event: a short stable snake_case name that can be searched for. Use the macro:
 *   CC_LOG(CC_LOG_WARNING, "map_refused", cc_log_text("country", "se"), cc_log_error_field(e)); */
void cc_log_write(enum cc_log_level level, const char *event, const struct cc_log_field *fields,
                  size_t count);
#define CC_LOG(level, event, ...)                                                                  \
    do {                                                                                           \
        if (cc_log_takes(level))                                                                   \
            cc_log_write((level), (event), (const struct cc_log_field[]){__VA_ARGS__},             \
                         sizeof((const struct cc_log_field[]){__VA_ARGS__}) /                      \
                             sizeof(struct cc_log_field));                                         \
    } while (0)

#endif
