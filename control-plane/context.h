/*
 * What one run of `callcell` carries around: its home, its settings, its memory, its connection to
 * the registry and the message for the person who typed the command.
 *
 * The CLI is a short-lived process: strings and query results live until cp_context_free, and when
 * memory is out the process says so and ends (exit 1). `serve` uses none of this on its loop.
 */
#ifndef CP_CONTEXT_H
#define CP_CONTEXT_H

#include <libpq-fe.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/err.h"
#include "base/json.h"
#include "control-plane/ports.h"

struct cp_settings {
    int64_t port_offset;
    char *listen_address;
    char *log_level;
    int64_t edge_confirm_s;    /* how long a publication may take to reach all edges */
    int64_t registry_answer_s; /* how long one statement of the registry may take */
    char *backup_directory;    /* repositories of all cells; empty: backups of the home */
    int64_t backup_every_h, backup_full_every_h, restore_drill_every_h;
    int64_t backup_keep_full;        /* full backups kept, with all that hangs on them */
    int64_t archive_queue_megabytes; /* WAL that may wait for a broken archive */
};

struct cp_context {
    struct cc_arena arena;
    const char *home;  /* absolute */
    const char *bin;   /* folder of callcell-edge, callcell-cell */
    const char *share; /* folder of migrations/ and templates/ */
    const char *actor; /* for the audit: who typed it */
    struct cp_settings settings;
    bool json;                /* --output json */
    bool dry_run;             /* nothing may be changed: what would be is told to cp_would */
    bool foretold;            /* cp_would was told something */
    const char *command_line; /* JSON array, kept with a run so that it can be resumed */
    PGconn *registry;         /* NULL until cp_registry_open */
    PGresult **results;       /* freed with the context */
    size_t result_count, result_capacity;
    bool borrows_settings;
    json_t *differences; /* not NULL: files are compared and not written (fleet/diff.h) */
    char message[1024];  /* of the failure */
};

/* Finds the home and, when run as root, becomes the home's owner. CC_FORBIDDEN with a message when
 * the home belongs to root. Keeps dry_run, which is said before; the rest need not be set. */
enum cc_error cp_context_init(struct cp_context *context) CC_MUST_CHECK;
/* Reads etc/control.yaml; CC_NOT_FOUND with a message when the home is not initialised. */
enum cc_error cp_context_load(struct cp_context *context) CC_MUST_CHECK;
/* The settings that init would write, for a home that is not there yet. */
enum cc_error cp_context_default(struct cp_context *context) CC_MUST_CHECK;
void cp_context_free(struct cp_context *context);

/* A context of its own for a thread of the same process: home, settings (borrowed from parent,
 * which outlives it) and memory; actor is kept by pointer. cp_context_rest gives the memory of one
 * use back and keeps the registry's connection. */
void cp_context_like(struct cp_context *context, const struct cp_context *parent,
                     const char *actor);
void cp_context_rest(struct cp_context *context);

/* printf into the context's memory. */
const char *cp_format(struct cp_context *context, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same, below the home. */
const char *cp_path(struct cp_context *context, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Zeroed; never NULL. */
void *cp_alloc(struct cp_context *context, size_t bytes);
const char *cp_copy(struct cp_context *context, struct cc_slice text);

/* Of a dry run: prints a line "would ..." on stdout. */
void cp_would(struct cp_context *context, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Remembers the message and returns error. */
enum cc_error cp_fail(struct cp_context *context, enum cc_error error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

int cp_port(const struct cp_context *context, int plan);

/* What /proc and the clock say. */
int64_t cp_now_us(void);
void cp_pause_ms(int milliseconds); /* between two looks at a condition; never on a loop */

#endif
