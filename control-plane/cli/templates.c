/* Commands about templates. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/names.h"
#include "control-plane/cli/commands.h"
#include "control-plane/templates/store.h"
#include "control-plane/unknown.h"

static int is_template(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    return length > 5 && strcmp(entry->d_name + length - 5, ".yaml") == 0;
}

/* One template as a JSON object. */
static json_t *summary(struct cp_context *context, const char *file)
{
    const char *name = cp_copy(context, cc_slice(file, strlen(file) - 5));
    struct cp_template template;
    struct cc_buffer errors;
    cc_buffer_init(&errors, 0);
    enum cc_error error = cp_template_inspect(context, name, NULL, &template, NULL, &errors);
    json_t *one = json_pack("{s:s, s:b, s:I, s:I, s:I}", "template", name, "sound", !error,
                            "workers", (json_int_t) template.workers, "redis_megabytes",
                            (json_int_t) template.redis_megabytes, "postgres_megabytes",
                            (json_int_t) template.postgres_megabytes);
    cc_buffer_deinit(&errors);
    return one;
}

static void print_summaries(struct cp_context *context, const json_t *list)
{
    if (context->json) {
        char *text = json_dumps(list, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
        printf("%s\n", text ? text : "[]");
        free(text);
        return;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        const char *name = json_string_value(json_object_get(one, "template"));
        if (!json_is_true(json_object_get(one, "sound")))
            printf("%-16s HAS FAULTS; see: callcell template check %s/templates/%s.yaml\n", name,
                   context->share, name);
        else
            printf("%-16s workers %lld, Redis %lld MB, Postgres %lld MB\n", name,
                   json_integer_value(json_object_get(one, "workers")),
                   json_integer_value(json_object_get(one, "redis_megabytes")),
                   json_integer_value(json_object_get(one, "postgres_megabytes")));
    }
}

enum cc_error cp_cli_template_list(struct cp_context *context, const struct cp_arguments *arguments)
{
    (void)arguments;
    const char *folder = cp_format(context, "%s/templates", context->share);
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_template, alphasort);
    if (count < 0)
        return cp_fail(context, CC_NOT_FOUND, "cannot read %s (see CALLCELL_SHARE)", folder);
    json_t *list = json_array();
    for (int i = 0; i < count; i++) {
        json_array_append_new(list, summary(context, entries[i]->d_name));
        free(entries[i]);
    }
    free(entries);
    print_summaries(context, list);
    json_decref(list);
    return CC_OK;
}

/* "key\tvalue\torigin" lines, as a table or as JSON. */
static void print_origins(struct cp_context *context, struct cc_buffer *origins)
{
    json_t *object = json_object();
    cc_buffer_append(origins, cc_slice("", 1));
    char *rest = NULL;
    for (char *line = strtok_r(origins->data, "\n", &rest); line;
         line = strtok_r(NULL, "\n", &rest)) {
        char *value = strchr(line, '\t'), *origin = strrchr(line, '\t');
        *value++ = '\0';
        *origin++ = '\0';
        if (!context->json)
            printf("%-24s %s  (%s)\n", line, value, origin);
        json_t *parsed = json_loads(value, JSON_DECODE_ANY, NULL);
        json_object_set_new(
            object, line,
            json_pack("{s:o, s:s}", "value", parsed ? parsed : json_null(), "from", origin));
    }
    char *text = json_dumps(object, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
    if (context->json)
        printf("%s\n", text ? text : "{}");
    free(text);
    json_decref(object);
}

enum cc_error cp_cli_template_show(struct cp_context *context, const struct cp_arguments *arguments)
{
    const char *name = arguments->positionals[0], *country = cp_argument(arguments, "country");
    struct cp_template template;
    if (!cc_name_is_resource(cc_slice_of(name)))
        return cp_fail(context, CC_UNSUPPORTED, "%s is no name of a template", name);
    if (country && !cc_name_is_country(cc_slice_of(country)))
        return cp_fail(context, CC_UNSUPPORTED, "--country %s: a country is two lower-case letters",
                       country);
    enum cc_error error = country ? cp_template_find(context, name, country, &template) : CC_OK;
    if (error)
        return error;
    struct cc_buffer origins, errors;
    cc_buffer_init(&origins, 0);
    cc_buffer_init(&errors, 0);
    error = cp_template_inspect(context, name, country, &template, &origins, &errors);
    if (error == CC_NOT_FOUND)
        error = cp_unknown(context, "template", name, "callcell template list");
    else if (error)
        error = cp_fail(context, error, "%.*s", errors.length > 0 ? (int)errors.length - 1 : 0,
                        errors.data ? errors.data : "");
    else
        print_origins(context, &origins);
    cc_buffer_deinit(&origins);
    cc_buffer_deinit(&errors);
    return error;
}

enum cc_error cp_cli_template_check(struct cp_context *context,
                                    const struct cp_arguments *arguments)
{
    const char *file = arguments->positionals[0];
    const char *path = strpbrk(file, "/.") ? file : cp_format(context, "./%s", file);
    struct cp_template template;
    struct cc_buffer errors;
    cc_buffer_init(&errors, 0);
    enum cc_error error = cp_template_inspect(context, path, NULL, &template, NULL, &errors);
    if (error == CC_NOT_FOUND)
        error = cp_fail(context, CC_UNSUPPORTED, "cannot read %s", file);
    else if (error)
        error =
            cp_fail(context, error, "%s has faults:\n%.*s", file,
                    errors.length > 0 ? (int)errors.length - 1 : 0, errors.data ? errors.data : "");
    else
        printf("%s: sound\n", file);
    cc_buffer_deinit(&errors);
    return error;
}

enum cc_error cp_cli_template_keys(struct cp_context *context, const struct cp_arguments *arguments)
{
    (void)context;
    (void)arguments;
    struct cc_buffer out;
    cc_buffer_init(&out, 0);
    cp_template_page(&out);
    enum cc_error error = out.error;
    printf("%.*s", (int)out.length, out.data ? out.data : "");
    cc_buffer_deinit(&out);
    return error;
}
