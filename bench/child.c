/* Rim: processes. */
#include "bench/child.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static enum cc_error start(const char *const *argv, int write_end, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    if (posix_spawn_file_actions_init(&actions))
        return CC_NO_MEMORY;
    int failed = posix_spawn_file_actions_adddup2(&actions, write_end, STDOUT_FILENO);
    if (!failed)
        failed =
            posix_spawnp(pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return failed ? CC_IO : CC_OK;
}

static void read_all(int read_end, struct cc_buffer *output)
{
    char chunk[4096];
    for (;;) {
        ssize_t length = read(read_end, chunk, sizeof(chunk));
        if (length > 0)
            cc_buffer_append(output, cc_slice(chunk, (size_t)length));
        else if (length == 0 || errno != EINTR)
            return;
    }
}

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

enum cc_error bench_child_run(const char *const *argv, struct cc_buffer *output, double *cpu_s)
{
    int ends[2], status = 0;
    pid_t pid;
    struct rusage used;
    if (pipe2(ends, O_CLOEXEC))
        return CC_IO;
    enum cc_error error = start(argv, ends[1], &pid);
    close(ends[1]);
    if (!error)
        read_all(ends[0], output);
    close(ends[0]);
    if (error)
        return error;
    while (wait4(pid, &status, 0, &used) < 0)
        if (errno != EINTR)
            return CC_IO;
    if (cpu_s)
        *cpu_s = seconds_of(used.ru_utime) + seconds_of(used.ru_stime);
    if (output->error)
        return output->error;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? CC_OK : CC_UNAVAILABLE;
}
