/*
 * edge.yaml: one struct, filled once at start (CALLCELL_EDGE__<KEY> overrides a key).
 */
#ifndef EDGE_SETTINGS_H
#define EDGE_SETTINGS_H

#include "base/config.h"
#include "base/log.h"

struct edge_settings {
    char *id; /* "edge-1": reporter and giver */
    char *listen_address;
    int64_t listen_port; /* -1: no plain port for carriers */
    char *tls_address;
    int64_t tls_port;           /* -1: none */
    char *tls_certificate_file; /* NULL: plain HTTP to workers and sources */
    char *tls_key_file;         /* NULL: in the certificate's file */
    char *tls_authority_file;
    char *public_certificate_file; /* shown to carriers; NULL: tls_certificate_file */
    char *public_certificate_key_file;
    char *telemetry_address;
    int64_t telemetry_port;
    char *publications_directory;
    char *journal_directory;
    int64_t journal_max_bytes;
    int64_t journal_memory_max_bytes;
    struct cc_config_list sources;
    char *source_token_file; /* NULL: no token is shown */
    char *public_key_file;
    char *discovery_directory; /* NULL: the map's endpoints only */
    int64_t deadline_ms;
    int64_t drain_ms;
    int64_t in_flight_max; /* calls waiting for a cell; above it the edge answers by itself */
    char *log_level;
};

/* Zeroed by the caller; edge_settings_free in every case. On CC_INVALID errors holds one line each.
 */
enum cc_error edge_settings_load(struct cc_slice yaml, const char *file_name,
                                 char *const *environment, struct edge_settings *out,
                                 struct cc_buffer *errors) CC_MUST_CHECK;
void edge_settings_free(struct edge_settings *settings);

enum cc_log_level edge_settings_log_level(const struct edge_settings *settings);

/* Markdown table of the keys. */
void edge_settings_describe(struct cc_buffer *out);

#endif
