#include "tests/support/servers.h"

#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <hiredis/hiredis.h>
#include <libpq-fe.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/loop_thread.h"

#define PG_BIN "/usr/lib/postgresql/15/bin/"
enum { TRIES = 3000, TRY_MS = 10 };

static void must(int condition, const char *what)
{
    if (!condition) {
        perror(what);
        abort();
    }
}

int64_t test_free_port(void)
{
    int64_t port = 0;
    int fd = test_listen(&port);
    close(fd);
    return port;
}

static void make_folder(struct test_server *server)
{
    snprintf(server->folder, sizeof(server->folder), "/tmp/callcell-test-XXXXXX");
    must(mkdtemp(server->folder) != NULL, "mkdtemp");
}

/* ---- processes ---- */

static void become_postgres(void)
{
    const struct passwd *user = getpwnam("postgres");
    must(user && initgroups("postgres", user->pw_gid) == 0 && setgid(user->pw_gid) == 0 &&
             setuid(user->pw_uid) == 0,
         "setuid postgres");
}

static pid_t start(char *const *arguments, const char *log, int as_postgres)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    must(pid >= 0, "fork");
    if (pid > 0)
        return pid;
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    must(fd >= 0, log);
    dup2(fd, 1);
    dup2(fd, 2);
    setpgid(0, 0);
    if (as_postgres && geteuid() == 0)
        become_postgres();
    must(chdir("/") == 0, "chdir");
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* after setuid, which clears it */
    if (getppid() != parent)
        _exit(1);
    execv(arguments[0], arguments);
    _exit(127);
}

static void run(char *const *arguments, const char *log, int as_postgres)
{
    int status = 0;
    pid_t pid = start(arguments, log, as_postgres);
    must(waitpid(pid, &status, 0) == pid && status == 0, arguments[0]);
}

void test_server_signal(const struct test_server *server, int number)
{
    must(kill(server->pid, number) == 0, "kill");
}

void test_server_kill(struct test_server *server)
{
    if (server->pid == 0)
        return;
    kill(server->pid, SIGKILL);
    kill(server->pid, SIGCONT);
    waitpid(server->pid, NULL, 0);
    server->pid = 0;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
    (void)status, (void)type, (void)ftw;
    return remove(path);
}

void test_server_end(struct test_server *server)
{
    test_server_kill(server);
    if (server->folder[0])
        nftw(server->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    server->folder[0] = '\0';
}

/* ---- Redis ---- */

static int redis_answers(int64_t port, const char *password)
{
    redisContext *context = redisConnect("127.0.0.1", (int)port);
    int good = 0;
    if (context && !context->err) {
        if (password)
            freeReplyObject(redisCommand(context, "AUTH %s", password));
        redisReply *reply = redisCommand(context, "PING");
        good = reply && reply->type == REDIS_REPLY_STATUS;
        freeReplyObject(reply);
    }
    if (context)
        redisFree(context);
    return good;
}

void test_redis_restart(struct test_server *server, const char *password)
{
    char port[16], log[TEST_FOLDER_MAX + 16];
    snprintf(port, sizeof(port), "%d", (int)server->port);
    snprintf(log, sizeof(log), "%s/log", server->folder);
    char *arguments[] = {"/usr/bin/redis-server",
                         "--port",
                         port,
                         "--bind",
                         "127.0.0.1",
                         "--save",
                         "",
                         "--appendonly",
                         "no",
                         "--dir",
                         server->folder,
                         "--requirepass",
                         (char *)(uintptr_t)(password ? password : ""),
                         NULL};
    server->pid = start(arguments, log, 0);
    for (int i = 0; i < TRIES; i++) {
        if (redis_answers(server->port, password))
            return;
        poll(NULL, 0, TRY_MS);
    }
    must(0, "redis-server");
}

void test_redis_start(struct test_server *server, const char *password)
{
    memset(server, 0, sizeof(*server));
    make_folder(server);
    server->port = test_free_port();
    test_redis_restart(server, password);
}

/* ---- Postgres ---- */

static void give_folder_to_postgres(const struct test_server *server)
{
    const struct passwd *user = getpwnam("postgres");
    if (geteuid() == 0)
        must(user && chown(server->folder, user->pw_uid, user->pw_gid) == 0, "chown");
}

static void append(const struct test_server *server, const char *name, const char *text)
{
    char path[TEST_FOLDER_MAX + 64];
    snprintf(path, sizeof(path), "%s/data/%s", server->folder, name);
    FILE *file = fopen(path, "a");
    must(file && fputs(text, file) >= 0 && fclose(file) == 0, path);
    const struct passwd *user = getpwnam("postgres");
    if (geteuid() == 0)
        must(user && chown(path, user->pw_uid, user->pw_gid) == 0, "chown");
}

void test_postgres_create(struct test_server *server)
{
    char data[TEST_FOLDER_MAX + 16], log[TEST_FOLDER_MAX + 16], settings[256];
    memset(server, 0, sizeof(*server));
    make_folder(server);
    give_folder_to_postgres(server);
    server->port = test_free_port();
    snprintf(data, sizeof(data), "%s/data", server->folder);
    snprintf(log, sizeof(log), "%s/log", server->folder);
    char *arguments[] = {PG_BIN "initdb", "-D", data,          "-U", "postgres", "-A",
                         "trust",         "-N", "--no-locale", "-E", "UTF8",     NULL};
    run(arguments, log, 1);
    snprintf(settings, sizeof(settings),
             "port = %d\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '%s'\n"
             "fsync = off\nshared_buffers = 16MB\n",
             (int)server->port, server->folder);
    append(server, "postgresql.conf", settings);
}

void test_postgres_create_standby(struct test_server *server, const struct test_server *from)
{
    char source[TEST_FOLDER_MAX + 16], log[TEST_FOLDER_MAX + 16], settings[128];
    memset(server, 0, sizeof(*server));
    make_folder(server);
    give_folder_to_postgres(server);
    server->port = test_free_port();
    snprintf(source, sizeof(source), "%s/data", from->folder);
    snprintf(log, sizeof(log), "%s/log", server->folder);
    char *arguments[] = {"/bin/cp", "-a", source, server->folder, NULL};
    run(arguments, log, 1);
    snprintf(settings, sizeof(settings), "port = %d\nunix_socket_directories = '%s'\n",
             (int)server->port, server->folder);
    append(server, "postgresql.conf", settings);
    append(server, "standby.signal", "");
}

static PGconn *connect_postgres(const struct test_server *server)
{
    char conninfo[128];
    snprintf(conninfo, sizeof(conninfo), "hostaddr=127.0.0.1 port=%d user=postgres dbname=postgres",
             (int)server->port);
    PGconn *pg = PQconnectdb(conninfo);
    if (PQstatus(pg) == CONNECTION_OK)
        return pg;
    PQfinish(pg);
    return NULL;
}

void test_postgres_start(struct test_server *server)
{
    char data[TEST_FOLDER_MAX + 16], log[TEST_FOLDER_MAX + 16];
    snprintf(data, sizeof(data), "%s/data", server->folder);
    snprintf(log, sizeof(log), "%s/log", server->folder);
    char *arguments[] = {PG_BIN "postgres", "-D", data, NULL};
    server->pid = start(arguments, log, 1);
    for (int i = 0; i < TRIES; i++) {
        PGconn *pg = connect_postgres(server);
        if (pg) {
            PQfinish(pg);
            return;
        }
        poll(NULL, 0, TRY_MS);
    }
    must(0, "postgres");
}

void test_postgres_sql(const struct test_server *server, const char *sql, char *out,
                       size_t capacity)
{
    PGconn *pg = connect_postgres(server);
    must(pg != NULL, "connect to postgres");
    PGresult *result = PQexec(pg, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        fprintf(stderr, "%s: %s\n", sql, PQerrorMessage(pg));
        abort();
    }
    if (out)
        snprintf(out, capacity, "%s", PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "");
    PQclear(result);
    PQfinish(pg);
}
