#include "edge/settings.h"

#define KEY(name, kind, required, fallback, low, high, help)                                       \
    {                                                                                              \
#name, CC_CONFIG_##kind, offsetof(struct edge_settings, name), required, fallback, low,    \
            high, help                                                                             \
    }

#define KEY_AS(key, name, fallback, help)                                                          \
    {                                                                                              \
        key, CC_CONFIG_TEXT, offsetof(struct edge_settings, name), false, fallback, 0, 0, help     \
    }

static const struct cc_config_key keys[] = {
    KEY(id, TEXT, true, NULL, 0, 0, "name of this edge, as reports and records show it"),
    KEY(listen_address, TEXT, false, "127.0.0.1", 0, 0, "IPv4 address of the plain port"),
    KEY(listen_port, INTEGER, false, "8080", -1, 65535,
        "carriers, plain: behind a load balancer; 0: any free port; -1: none"),
    KEY(tls_address, TEXT, false, "127.0.0.1", 0, 0, "IPv4 address of the TLS port"),
    KEY(tls_port, INTEGER, false, "-1", -1, 65535, "carriers; 0: any free port; -1: none"),
    KEY_AS("tls.certificate_file", tls_certificate_file, NULL,
           "PEM, shown to workers and sources; absent: plain HTTP to them"),
    KEY_AS("tls.key_file", tls_key_file, NULL, "PEM; absent: in the certificate's file"),
    KEY_AS("tls.authority_file", tls_authority_file, NULL,
           "PEM of whom workers and sources must come from"),
    KEY_AS("public_tls.certificate_file", public_certificate_file, NULL,
           "PEM, shown to carriers; absent: as tls.certificate_file"),
    KEY_AS("public_tls.key_file", public_certificate_key_file, NULL,
           "PEM; absent: in the certificate's file"),
    KEY(telemetry_address, TEXT, false, "127.0.0.1", 0, 0, "IPv4 address"),
    KEY(telemetry_port, INTEGER, false, "8081", 0, 65535,
        "healthz, readyz, metrics, state; plain HTTP for whoever reaches it"),
    KEY(publications_directory, TEXT, true, NULL, 0, 0, "signed files, last known good"),
    KEY(journal_directory, TEXT, true, NULL, 0, 0, "what the edge answered by itself"),
    KEY(journal_max_bytes, INTEGER, false, "1073741824", 4194304, 0x10000000000, "over all cells"),
    KEY(journal_memory_max_bytes, INTEGER, false, "67108864", 0, 0x10000000000,
        "of what the disk does not take, over all cells"),
    KEY(sources, TEXT_LIST, false, NULL, 0, 0, "control planes, host:port, tried in turn"),
    KEY(source_token_file, TEXT, false, NULL, 0, 0, "bearer token for the sources"),
    KEY(public_key_file, TEXT, true, NULL, 0, 0, "PEM, one or two Ed25519 keys"),
    KEY(discovery_directory, TEXT, false, NULL, 0, 0, "<cell>.endpoints files"),
    KEY(deadline_ms, INTEGER, false, "1000", 50, 60000, "a call is answered within this"),
    KEY(drain_ms, INTEGER, false, "10000", 0, 600000, "hard end of a graceful stop"),
    KEY(in_flight_max, INTEGER, false, "2000", 1, 100000, "calls waiting for a cell"),
    KEY(log_level, TEXT, false, "info", 0, 0, "debug, info, warning or error"),
};
enum { KEY_COUNT = sizeof(keys) / sizeof(keys[0]) };

static const char *const levels[] = {"debug", "info", "warning", "error"};

static int level_of(const char *name)
{
    for (int i = 0; i < 4; i++)
        if (name && strcmp(name, levels[i]) == 0)
            return i;
    return -1;
}

enum cc_error edge_settings_load(struct cc_slice yaml, const char *file_name,
                                 char *const *environment, struct edge_settings *out,
                                 struct cc_buffer *errors)
{
    enum cc_error error =
        cc_config_load(yaml, file_name, "CALLCELL_EDGE", environment, keys, KEY_COUNT, out, errors);
    if (error == CC_OK && level_of(out->log_level) < 0) {
        cc_buffer_printf(errors, "%s: log_level: must be debug, info, warning or error\n",
                         file_name);
        error = CC_INVALID;
    }
    if (error == CC_OK && !out->tls_certificate_file != !out->tls_authority_file) {
        cc_buffer_printf(errors, "%s: tls: needs both certificate_file and authority_file\n",
                         file_name);
        error = CC_INVALID;
    }
    if (error == CC_OK && out->tls_port >= 0 && !out->tls_certificate_file &&
        !out->public_certificate_file) {
        cc_buffer_printf(errors, "%s: tls_port: needs public_tls.certificate_file or tls\n",
                         file_name);
        error = CC_INVALID;
    }
    if (error == CC_OK && out->tls_port < 0 && out->listen_port < 0) {
        cc_buffer_printf(errors, "%s: listen_port: neither it nor tls_port is open\n", file_name);
        error = CC_INVALID;
    }
    return error;
}

void edge_settings_free(struct edge_settings *settings)
{
    cc_config_free(keys, KEY_COUNT, settings);
}

enum cc_log_level edge_settings_log_level(const struct edge_settings *settings)
{
    int level = level_of(settings->log_level);
    return level < 0 ? CC_LOG_INFO : (enum cc_log_level)level;
}

void edge_settings_describe(struct cc_buffer *out)
{
    cc_config_describe(keys, KEY_COUNT, out);
}
