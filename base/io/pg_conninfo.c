#include "base/io/pg_conninfo.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/buffer.h"
#include "base/log.h"

enum { OPTIONS_MAX = 64, HOSTS_MAX = 8, LIST_MAX = 1024 };

struct list {
    char *text; /* owns the items' bytes */
    const char *items[HOSTS_MAX];
    unsigned count;
};

struct pg_conninfo {
    PQconninfoOption *options;
    char *password, *name;
    struct list hosts, ports;
};

/* "a,b,c" */
static enum cc_error split(const char *text, struct list *list)
{
    list->text = strdup(text);
    if (!list->text)
        return CC_NO_MEMORY;
    char *at = list->text;
    for (;;) {
        if (list->count == HOSTS_MAX)
            return CC_TOO_LARGE;
        list->items[list->count++] = at;
        at = strchr(at, ',');
        if (!at)
            return CC_OK;
        *at++ = '\0';
    }
}

static const char *option(const struct pg_conninfo *info, const char *keyword)
{
    for (const PQconninfoOption *o = info->options; o->keyword; o++)
        if (strcmp(o->keyword, keyword) == 0)
            return o->val;
    return NULL;
}

static bool is_literal(const char *host)
{
    struct sockaddr_in address;
    return uv_ip4_addr(host, 0, &address) == 0;
}

static enum cc_error read_hosts(struct pg_conninfo *info)
{
    const char *hosts = option(info, "hostaddr") ? option(info, "hostaddr") : option(info, "host");
    const char *ports = option(info, "port");
    enum cc_error error = split(hosts ? hosts : "127.0.0.1", &info->hosts);
    if (error == CC_OK)
        error = split(ports ? ports : "5432", &info->ports);
    if (error != CC_OK)
        return error;
    if (info->ports.count != 1 && info->ports.count != info->hosts.count)
        return CC_INVALID;
    for (unsigned i = 0; i < info->hosts.count; i++)
        if (info->hosts.items[i][0] != '/' && !is_literal(info->hosts.items[i]))
            return CC_INVALID;
    return CC_OK;
}

enum cc_error pg_conninfo_create(const char *conninfo, const char *password, const char *name,
                                 struct pg_conninfo **out)
{
    struct pg_conninfo *info = calloc(1, sizeof(*info));
    enum cc_error error = CC_OK;
    *out = NULL;
    if (!info)
        return CC_NO_MEMORY;
    info->options = PQconninfoParse(conninfo, NULL);
    info->password = password ? strdup(password) : NULL;
    info->name = strdup(name ? name : "callcell");
    if (!info->name || (password && !info->password))
        error = CC_NO_MEMORY;
    else if (!info->options)
        error = CC_INVALID;
    else
        error = read_hosts(info);
    if (error != CC_OK) {
        CC_LOG(CC_LOG_ERROR, "pg_conninfo_refused", cc_log_text("name", name),
               cc_log_error_field(error),
               cc_log_text("reason", "hosts must be IPv4 literals, one port or one for each"));
        pg_conninfo_free(info);
        return error;
    }
    *out = info;
    return CC_OK;
}

void pg_conninfo_free(struct pg_conninfo *info)
{
    if (!info)
        return;
    PQconninfoFree(info->options);
    free(info->password);
    free(info->name);
    free(info->hosts.text);
    free(info->ports.text);
    free(info);
}

struct keywords {
    const char *names[OPTIONS_MAX + 1];
    const char *values[OPTIONS_MAX + 1];
    unsigned count;
};

static void add(struct keywords *keywords, const char *name, const char *value)
{
    if (value && keywords->count < OPTIONS_MAX) {
        keywords->names[keywords->count] = name;
        keywords->values[keywords->count++] = value;
    }
}

static void add_options(const struct pg_conninfo *info, struct keywords *keywords)
{
    for (const PQconninfoOption *o = info->options; o->keyword; o++)
        if (strcmp(o->keyword, "host") != 0 && strcmp(o->keyword, "hostaddr") != 0 &&
            strcmp(o->keyword, "port") != 0)
            add(keywords, o->keyword, o->val);
    add(keywords, "password", info->password);
    if (!option(info, "application_name"))
        add(keywords, "application_name", info->name);
    if (!option(info, "gssencmode"))
        add(keywords, "gssencmode", "disable"); /* looking for a ticket reads files */
    if (!option(info, "client_encoding"))
        add(keywords, "client_encoding", "UTF8");
}

PGconn *pg_conninfo_start(const struct pg_conninfo *info, unsigned rotation)
{
    struct cc_buffer hosts, addresses, ports;
    struct keywords keywords = {.count = 0};
    PGconn *pg = NULL;
    cc_buffer_init(&hosts, LIST_MAX);
    cc_buffer_init(&addresses, LIST_MAX);
    cc_buffer_init(&ports, LIST_MAX);
    for (unsigned i = 0; i < info->hosts.count; i++) {
        unsigned at = (i + rotation) % info->hosts.count;
        const char *host = info->hosts.items[at];
        const char *comma = i > 0 ? "," : "";
        cc_buffer_printf(&hosts, "%s%s", comma, host);
        cc_buffer_printf(&addresses, "%s%s", comma, host[0] == '/' ? "" : host);
        cc_buffer_printf(&ports, "%s%s", comma, info->ports.items[info->ports.count == 1 ? 0 : at]);
    }
    cc_buffer_append(&hosts, cc_slice("", 1));
    cc_buffer_append(&addresses, cc_slice("", 1));
    cc_buffer_append(&ports, cc_slice("", 1));
    add_options(info, &keywords);
    if (hosts.error == CC_OK && addresses.error == CC_OK && ports.error == CC_OK) {
        add(&keywords, "host", hosts.data);
        add(&keywords, "hostaddr", addresses.data);
        add(&keywords, "port", ports.data);
        pg = PQconnectStartParams(keywords.names, keywords.values, 0);
    }
    cc_buffer_deinit(&hosts);
    cc_buffer_deinit(&addresses);
    cc_buffer_deinit(&ports);
    return pg;
}
