/*
 * One Postgres under pg_auto_failover: a monitor and two nodes, of which one is the primary and the
 * other its synchronous replica. A cell has one, the registry has one.
 *
 * Nobody is trusted: over the socket only the home's owner comes in (peer), and named roles with
 * SCRAM as over TCP, each only to the database that it needs. A socket is nobody else's: its folder
 * is closed to others, while on a port of loopback any user of the machine may listen. Blocking:
 * for the CLI only.
 */
#ifndef CP_POSTGRES_GROUP_H
#define CP_POSTGRES_GROUP_H

#include <libpq-fe.h>

#include "control-plane/context.h"
#include "control-plane/targets/target.h"

/* Who is meant by a connection. */
enum cp_postgres_part {
    CP_POSTGRES_PRIMARY = -1, /* whichever node takes writes */
    CP_POSTGRES_MONITOR = 0,
    CP_POSTGRES_NODE_1 = 1,
    CP_POSTGRES_NODE_2 = 2,
    CP_POSTGRES_PARTS = 3
};

/* Where one of its processes lives. */
struct cp_postgres_place {
    const char *name;               /* "monitor", "node1", "node2" */
    const char *service;            /* "se-1-node1" */
    const char *data;               /* its data folder */
    int port;                       /* the offset is added */
    const char *folder;             /* of data and pg_autoctl's own files; its site's */
    const char *secrets_folder;     /* <role>.password, pgpass */
    const char *const *environment; /* of pg_autoctl and of what it starts */
};

struct cp_postgres_group {
    struct cp_context *context;
    const struct cp_target *target;
    const char *name;           /* "se-1": in messages */
    const char *secrets_folder; /* the passwords; copied to each place's */
    const char *socket_folder;  /* one for all: a base backup copies the primary's settings */
    const char *database;       /* "cell" */
    const char *roles;          /* may log in to it over TCP: "calls,events,directory"; "": none */
    const char *socket_roles;   /* may log in to it over the socket, by password; "": none */
    const char *more_settings;  /* further lines of postgresql.conf of the nodes; "" */
    int64_t buffers_megabytes;  /* shared_buffers of a node */
    const char *log;            /* what initdb and pg_autoctl say while they make something */
    struct {
        const char *service; /* "se-1-monitor-pooler" */
        int port;
    } pooler;              /* at the monitor's site: postgres/pooler.h */
    int other_pooler_port; /* where it may be after an evacuation, or 0 */
    struct cp_postgres_place places[CP_POSTGRES_PARTS];
};

/* Fills in everything that follows from the name and the folder (which holds pg/ and
 * etc/postgres/); database, roles, more_settings and buffers_megabytes are the caller's. ports:
 * monitor, node 1, node 2. Texts live in the context. */
void cp_postgres_group_init(struct cp_postgres_group *group, struct cp_context *context,
                            const struct cp_target *target, const char *name, const char *folder,
                            const int ports[CP_POSTGRES_PARTS]);

/* Puts a part into another folder than the group's own (another site's), with its own service; the
 * pooler goes with the monitor. */
void cp_postgres_group_place(struct cp_postgres_group *group, enum cp_postgres_part part,
                             const char *folder, const char *service, int port);

/* How long a statement may take: one that looks, and one that does something. */
enum { CP_POSTGRES_ASK_MS = 2000, CP_POSTGRES_EXECUTE_MS = 120 * 1000, CP_POSTGRES_RUN_S = 120 };

/* A connection over the socket as the home's owner, a superuser; waits up to 60 s for a server that
 * is starting. The caller's to PQfinish; NULL on failure. */
enum cc_error cp_postgres_connect(struct cp_postgres_group *group, enum cp_postgres_part part,
                                  const char *database, PGconn **out) CC_MUST_CHECK;
/* libpq's words for such a connection to one part, with a time-out of two seconds. */
const char *cp_postgres_conninfo(struct cp_postgres_group *group, enum cp_postgres_part part,
                                 const char *database);
/* The same for cp_pq_connect: one, or both nodes, of which one that takes writes is meant. Returns
 * how many. */
int cp_postgres_conninfos(struct cp_postgres_group *group, enum cp_postgres_part part,
                          const char *database, const char *out[2]);
/* Without waiting: NULL when it cannot be reached within two seconds. */
PGconn *cp_postgres_try(struct cp_postgres_group *group, enum cp_postgres_part part,
                        const char *database);

/* One statement without parameters, or several; CC_PROTOCOL with Postgres' words. */
enum cc_error cp_postgres_execute(struct cp_postgres_group *group, PGconn *connection,
                                  const char *sql) CC_MUST_CHECK;
/* role is one of ours: nothing in it needs quoting. The server gets the SCRAM verifier, never the
 * password, so that no log can hold it. */
enum cc_error cp_postgres_set_password(struct cp_postgres_group *group, PGconn *connection,
                                       const char *role, const char *password) CC_MUST_CHECK;
/* The password of a role, made when there is none. */
enum cc_error cp_postgres_password(struct cp_postgres_group *group, const char *role,
                                   const char **out) CC_MUST_CHECK;

/* Runs pg_autoctl or initdb in a part's environment, output to the group's log. CC_TIMEOUT: it was
 * killed. */
enum cc_error cp_postgres_run(struct cp_postgres_group *group, enum cp_postgres_part part,
                              const char *const *argv, int timeout_s) CC_MUST_CHECK;

#endif
