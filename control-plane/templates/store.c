#include "control-plane/templates/store.h"

#include "control-plane/files.h"
#include "control-plane/unknown.h"

struct folders {
    struct cp_context *context;
    const char *beside; /* folder of the file that was named, or NULL */
};

static bool is_path(const char *name)
{
    return strpbrk(name, "/.") != NULL;
}

static enum cc_error read_template(void *pointer, const char *name, struct cc_slice *yaml,
                                   const char **file)
{
    struct folders *folders = pointer;
    struct cp_context *context = folders->context;
    *file = name;
    if (is_path(name))
        return cp_file_read(context, name, yaml);
    if (folders->beside) {
        *file = cp_format(context, "%s/%s.yaml", folders->beside, name);
        enum cc_error error = cp_file_read(context, *file, yaml);
        if (error != CC_NOT_FOUND)
            return error;
    }
    *file = cp_format(context, "%s/templates/%s.yaml", context->share, name);
    return cp_file_read(context, *file, yaml);
}

static bool zone_known(void *pointer, struct cc_slice zone)
{
    struct folders *folders = pointer;
    return cp_file_exists(
        cp_format(folders->context, "/usr/share/zoneinfo/%.*s", (int)zone.length, zone.data));
}

enum cc_error cp_template_inspect(struct cp_context *context, const char *name, const char *country,
                                  struct cp_template *out, struct cc_buffer *origins,
                                  struct cc_buffer *errors)
{
    struct folders folders = {context, NULL};
    const char *slash = strrchr(name, '/');
    if (is_path(name))
        folders.beside = slash ? cp_copy(context, cc_slice(name, (size_t)(slash - name))) : ".";
    const struct cp_template_source source = {read_template, zone_known, &folders};
    return cp_template_load(&source, name, country, &context->arena, out, origins, errors);
}

enum cc_error cp_template_find(struct cp_context *context, const char *name, const char *country,
                               struct cp_template *out)
{
    struct cc_buffer errors;
    cc_buffer_init(&errors, 0);
    enum cc_error error = cp_template_inspect(context, name, country, out, NULL, &errors);
    if (error == CC_NOT_FOUND && errors.length > 0)
        error = cp_unknown(context, "template", name, "callcell template list");
    else if (error == CC_NOT_FOUND)
        error = cp_unknown(context, cp_format(context, "country of template %s", name), country,
                           cp_format(context, "%s/templates/%s.yaml", context->share, name));
    else if (error)
        error = cp_fail(context, error, "%.*s", (int)errors.length, errors.data ? errors.data : "");
    cc_buffer_deinit(&errors);
    return error;
}
