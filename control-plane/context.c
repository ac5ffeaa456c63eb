#include "control-plane/context.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/config.h"
#include "control-plane/files.h"
#include "control-plane/rights.h"

/* A registry with a million numbers is listed and published from memory. */
#define MEMORY_MAX ((size_t)2048 * 1024 * 1024)

static const struct cc_config_key setting_keys[] = {
    {"port_offset", CC_CONFIG_INTEGER, offsetof(struct cp_settings, port_offset), false, "0", 0,
     40000, "Added to every port"},
    {"listen_address", CC_CONFIG_TEXT, offsetof(struct cp_settings, listen_address), false,
     "127.0.0.1", 0, 0, "IPv4 address of `callcell serve`"},
    {"log_level", CC_CONFIG_TEXT, offsetof(struct cp_settings, log_level), false, "info", 0, 0,
     "debug, info, warning or error"},
    {"edge_confirm_s", CC_CONFIG_INTEGER, offsetof(struct cp_settings, edge_confirm_s), false, "30",
     1, 3600, "How long a publication may take to reach every edge"},
    {"registry_answer_s", CC_CONFIG_INTEGER, offsetof(struct cp_settings, registry_answer_s), false,
     "60", 1, 3600, "How long one statement of the registry may take before a command gives it up"},
    {"backup_directory", CC_CONFIG_TEXT, offsetof(struct cp_settings, backup_directory), false, "",
     0, 0, "Folder of the backup repositories; empty: backups of the home"},
    {"backup_every_h", CC_CONFIG_INTEGER, offsetof(struct cp_settings, backup_every_h), false, "24",
     1, 8760, "Hours between backups"},
    {"backup_full_every_h", CC_CONFIG_INTEGER, offsetof(struct cp_settings, backup_full_every_h),
     false, "168", 1, 8760, "Hours between full backups"},
    {"restore_drill_every_h", CC_CONFIG_INTEGER,
     offsetof(struct cp_settings, restore_drill_every_h), false, "168", 1, 8760,
     "Hours between restore drills"},
    {"backup_keep_full", CC_CONFIG_INTEGER, offsetof(struct cp_settings, backup_keep_full), false,
     "4", 1, 1000, "Full backups that are kept, with what hangs on them"},
    {"archive_queue_megabytes", CC_CONFIG_INTEGER,
     offsetof(struct cp_settings, archive_queue_megabytes), false, "4096", 64, 1048576,
     "WAL that may wait on the primary for a broken archive, before it is thrown away"},
};
enum { SETTING_COUNT = sizeof(setting_keys) / sizeof(setting_keys[0]) };

static void die_of_memory(void)
{
    (void)fputs("callcell: out of memory\n", stderr);
    exit(1);
}

void *cp_alloc(struct cp_context *context, size_t bytes)
{
    void *memory = cc_arena_alloc(&context->arena, bytes);
    if (!memory)
        die_of_memory();
    return memory;
}

const char *cp_copy(struct cp_context *context, struct cc_slice text)
{
    const char *copy = cc_arena_copy(&context->arena, text);
    if (!copy)
        die_of_memory();
    return copy;
}

static const char *format_all(struct cp_context *context, const char *prefix, const char *format,
                              va_list arguments)
{
    char *text = NULL;
    if (vasprintf(&text, format, arguments) < 0)
        die_of_memory();
    struct cc_slice whole = cc_arena_printf(&context->arena, "%s%s", prefix, text);
    free(text);
    if (!whole.data)
        die_of_memory();
    return whole.data;
}

const char *cp_format(struct cp_context *context, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const char *text = format_all(context, "", format, arguments);
    va_end(arguments);
    return text;
}

const char *cp_path(struct cp_context *context, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const char *text = format_all(context, "", format, arguments);
    va_end(arguments);
    return cp_format(context, "%s/%s", context->home, text);
}

enum cc_error cp_fail(struct cp_context *context, enum cc_error error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(context->message, sizeof(context->message), format, arguments);
    va_end(arguments);
    return error;
}

void cp_would(struct cp_context *context, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)fputs("would ", stdout);
    (void)vprintf(format, arguments);
    (void)fputs("\n", stdout);
    va_end(arguments);
    context->foretold = true;
}

int cp_port(const struct cp_context *context, int plan)
{
    return plan + (int)context->settings.port_offset;
}

int64_t cp_now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void cp_pause_ms(int milliseconds)
{
    struct timespec pause = {milliseconds / 1000, (long)(milliseconds % 1000) * 1000000};
    (void)nanosleep(&pause, NULL);
}

static const char *find_home(struct cp_context *context)
{
    const char *given = getenv("CALLCELL_HOME");
    if (!given || !*given)
        given = geteuid() == 0 ? "/var/lib/callcell" : ".callcell";
    if (given[0] == '/')
        return cp_copy(context, cc_slice_of(given));
    char folder[PATH_MAX];
    return getcwd(folder, sizeof(folder)) ? cp_format(context, "%s/%s", folder, given) : given;
}

static enum cc_error become(struct cp_context *context, uid_t uid, gid_t gid)
{
    struct passwd *owner = getpwuid(uid);
    if (!owner)
        return cp_fail(context, CC_FORBIDDEN, "%s belongs to user id %d, which does not exist",
                       context->home, (int)uid);
    if (cp_rights_before_change() || initgroups(owner->pw_name, gid) || setgid(gid) ||
        setuid(uid) || cp_rights_after_change())
        return cp_fail(context, CC_IO, "cannot become user %s: %s", owner->pw_name,
                       strerror(errno));
    if (setenv("HOME", context->home, 1) || setenv("USER", owner->pw_name, 1))
        return cp_fail(context, CC_IO, "cannot set the environment: %s", strerror(errno));
    /* The caller's folder may be closed to the new user; initdb and others insist on one. */
    char folder[PATH_MAX];
    if (!getcwd(folder, sizeof(folder)) || access(folder, R_OK | X_OK))
        return chdir(context->home) ? cp_fail(context, CC_IO, "cannot enter %s", context->home)
                                    : CC_OK;
    return CC_OK;
}

static enum cc_error drop_privileges(struct cp_context *context)
{
    if (geteuid() != 0)
        return CC_OK;
    struct stat home;
    if (stat(context->home, &home))
        return cp_fail(context, CC_NOT_FOUND,
                       "%s does not exist; make it for an ordinary user first: "
                       "install -d -m 0700 -o callcell -g callcell %s",
                       context->home, context->home);
    if (home.st_uid == 0)
        return cp_fail(context, CC_FORBIDDEN,
                       "%s belongs to root, and Postgres does not run as root; give it to an "
                       "ordinary user: chown -R callcell: %s",
                       context->home, context->home);
    return become(context, home.st_uid, home.st_gid);
}

static const char *folder_or(struct cp_context *context, const char *variable, const char *below)
{
    const char *given = getenv(variable);
    return given && *given ? cp_copy(context, cc_slice_of(given)) : cp_path(context, "%s", below);
}

enum cc_error cp_context_init(struct cp_context *context)
{
    *context = (struct cp_context){.actor = "unknown", .dry_run = context->dry_run};
    cc_arena_init(&context->arena, MEMORY_MAX);
    const char *sudo_user = getenv("SUDO_USER");
    struct passwd *person = getpwuid(getuid());
    if (sudo_user && *sudo_user)
        context->actor = cp_copy(context, cc_slice_of(sudo_user));
    else if (person)
        context->actor = cp_copy(context, cc_slice_of(person->pw_name));
    context->home = find_home(context);
    context->bin = folder_or(context, "CALLCELL_BIN", "bin");
    context->share = folder_or(context, "CALLCELL_SHARE", "share");
    (void)umask(0077);
    return drop_privileges(context);
}

enum cc_error cp_context_load(struct cp_context *context)
{
    struct cc_slice yaml;
    const char *path = cp_path(context, "etc/control.yaml");
    if (cp_file_read(context, path, &yaml))
        return cp_fail(context, CC_NOT_FOUND, "%s is not initialised; run: callcell init",
                       context->home);
    struct cc_buffer errors;
    cc_buffer_init(&errors, 0);
    enum cc_error error = cc_config_load(yaml, path, "CALLCELL_CONTROL", environ, setting_keys,
                                         SETTING_COUNT, &context->settings, &errors);
    if (error)
        (void)cp_fail(context, error, "%.*s", (int)errors.length, errors.data ? errors.data : "");
    cc_buffer_deinit(&errors);
    return error;
}

enum cc_error cp_context_default(struct cp_context *context)
{
    const char *offset = getenv("CALLCELL_PORT_OFFSET");
    struct cc_buffer errors;
    cc_buffer_init(&errors, 0);
    enum cc_error error = cc_config_load(
        cc_slice_of(cp_format(context, "port_offset: %s\n", offset && *offset ? offset : "0")),
        "CALLCELL_PORT_OFFSET", "CALLCELL_CONTROL", environ, setting_keys, SETTING_COUNT,
        &context->settings, &errors);
    if (error)
        (void)cp_fail(context, error, "%.*s", (int)errors.length, errors.data ? errors.data : "");
    cc_buffer_deinit(&errors);
    return error;
}

void cp_context_like(struct cp_context *context, const struct cp_context *parent, const char *actor)
{
    *context = (struct cp_context){.home = parent->home,
                                   .bin = parent->bin,
                                   .share = parent->share,
                                   .actor = actor,
                                   .settings = parent->settings,
                                   .borrows_settings = true,
                                   .command_line = "[]"};
    cc_arena_init(&context->arena, MEMORY_MAX);
}

void cp_context_rest(struct cp_context *context)
{
    for (size_t i = 0; i < context->result_count; i++)
        PQclear(context->results[i]);
    context->result_count = 0;
    cc_arena_reset(&context->arena);
}

void cp_context_free(struct cp_context *context)
{
    cp_context_rest(context);
    free(context->results);
    PQfinish(context->registry);
    if (!context->borrows_settings)
        cc_config_free(setting_keys, SETTING_COUNT, &context->settings);
    *context = (struct cp_context){0};
}
