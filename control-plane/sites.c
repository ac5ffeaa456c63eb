/* Rim: reads and writes the files of a cell's sites. */
#include "control-plane/sites.h"

#include <string.h>

#include "control-plane/files.h"

enum { SECOND_SITE_PORTS = 50, FILE_MAX = 4096 };

bool cp_site_is(const char *site, const char *other)
{
    return strcmp(site, other) == 0;
}

const char *cp_site_other(const char *site)
{
    return cp_site_is(site, CP_SITE_FIRST) ? CP_SITE_SECOND : CP_SITE_FIRST;
}

const char *cp_site_path(struct cp_context *context, const char *site, const char *below)
{
    return cp_site_is(site, CP_SITE_FIRST) ? cp_path(context, "%s", below)
                                           : cp_path(context, "sites/%s/%s", site, below);
}

const char *cp_site_service(struct cp_context *context, const char *site, const char *service)
{
    return cp_site_is(site, CP_SITE_FIRST) ? service : cp_format(context, "%s/%s", site, service);
}

int cp_site_port(const char *site, int port)
{
    return cp_site_is(site, CP_SITE_FIRST) ? port : port + SECOND_SITE_PORTS;
}

static const char *file_at(struct cp_context *context, const char *cell, const char *site)
{
    return cp_site_path(context, site, cp_format(context, "cells/%s/cell.json", cell));
}

static const char *text_of(struct cp_context *context, const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? cp_copy(context, cc_slice_of(text)) : "";
}

/* The one with the higher term is the newer one. */
static void read_one(struct cp_context *context, const char *file, struct cp_sites *out)
{
    struct cc_slice text;
    json_t *object = NULL;
    if (cp_file_read(context, file, &text) || cc_json_parse(text, FILE_MAX, &object, NULL))
        return;
    int64_t term = json_integer_value(json_object_get(object, "term"));
    if (term > out->term || out->count == 1) {
        const char *active = text_of(context, object, "active");
        out->count = 2;
        out->active = cp_site_is(active, CP_SITE_SECOND) ? CP_SITE_SECOND : CP_SITE_FIRST;
        out->standby = cp_site_other(out->active);
        out->term = term;
        out->country = text_of(context, object, "country");
        out->number = (int)json_integer_value(json_object_get(object, "number"));
    }
    json_decref(object);
}

void cp_sites_read(struct cp_context *context, const char *cell, struct cp_sites *out)
{
    *out = (struct cp_sites){.count = 1, .active = CP_SITE_FIRST, .term = 1, .country = ""};
    read_one(context, file_at(context, cell, CP_SITE_FIRST), out);
    read_one(context, file_at(context, cell, CP_SITE_SECOND), out);
}

enum cc_error cp_sites_write(struct cp_context *context, const char *cell,
                             const struct cp_sites *sites)
{
    static const char *const names[] = {CP_SITE_FIRST, CP_SITE_SECOND};
    enum cc_error error = CC_OK;
    struct cc_slice text = cc_slice_of(
        cp_format(context,
                  "{\"cell\":\"%s\",\"country\":\"%s\",\"number\":%d,\"active\":\"%s\","
                  "\"term\":%lld}\n",
                  cell, sites->country, sites->number, sites->active, (long long)sites->term));
    for (size_t i = 0; !error && sites->count == 2 && i < 2; i++) {
        const char *folder =
            cp_site_path(context, names[i], cp_format(context, "cells/%s/etc", cell));
        if (cp_file_exists(folder))
            error = cp_file_write(context, file_at(context, cell, names[i]), text, 0600);
    }
    return error;
}

const char *cp_cell_sockets(struct cp_context *context, const char *cell)
{
    struct cp_sites sites;
    cp_sites_read(context, cell, &sites);
    return sites.count == 2 ? cp_path(context, "run/pg/%s", cell)
                            : cp_path(context, "cells/%s/pg/sock", cell);
}
