/* Rim: the scheduler of Linux. */
#include "control-plane/targets/priority.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control-plane/context.h"

enum { TRIES = 10, PAUSE_MS = 100, TEXT_MAX = 64 };

static bool open_group(pid_t process, int flags, int *out)
{
    char path[TEXT_MAX];
    (void)snprintf(path, sizeof(path), "/proc/%d/autogroup", (int)process);
    *out = open(path, flags | O_CLOEXEC);
    return *out >= 0;
}

/* A kernel without autogroups weighs each process alone. */
static bool raise_group(pid_t process)
{
    char text[TEXT_MAX];
    int file = -1;
    int length = snprintf(text, sizeof(text), "%d", CP_PRIORITY_OF_CALLS);
    if (!open_group(process, O_WRONLY, &file))
        return errno == ENOENT;
    bool done = write(file, text, (size_t)length) == length;
    for (int tries = 1; !done && errno == EAGAIN && tries < TRIES; tries++) {
        cp_pause_ms(PAUSE_MS);
        done = write(file, text, (size_t)length) == length;
    }
    (void)close(file);
    return done;
}

/* A number from a file of the home may name anybody's. */
static bool is_ours(pid_t process)
{
    char path[TEXT_MAX];
    struct stat status;
    (void)snprintf(path, sizeof(path), "/proc/%d", (int)process);
    return stat(path, &status) == 0 && status.st_uid == geteuid();
}

bool cp_priority_raise(pid_t process)
{
    pid_t session = getsid(process);
    return session > 1 && is_ours(session) &&
           setpriority(PRIO_PGRP, (id_t)session, CP_PRIORITY_OF_CALLS) == 0 && raise_group(session);
}

/* "/autogroup-17 nice -5"; nothing for a process that is in none, and is weighed alone. */
static bool group_is_raised(pid_t process)
{
    char text[TEXT_MAX] = "";
    int file = -1;
    if (!open_group(process, O_RDONLY, &file))
        return errno == ENOENT;
    ssize_t length = read(file, text, sizeof(text) - 1);
    (void)close(file);
    const char *nice = length > 0 ? strstr(text, "nice ") : NULL;
    return !nice || strtol(nice + 5, NULL, 10) <= CP_PRIORITY_OF_CALLS;
}

bool cp_priority_is_raised(pid_t process)
{
    errno = 0;
    int nice = getpriority(PRIO_PROCESS, (id_t)process);
    return errno == 0 && nice <= CP_PRIORITY_OF_CALLS && group_is_raised(process);
}
