#include "control-plane/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TAIL_MAX = 4096, EXEC_FAILED = 127, PAUSE_MS = 5 };

static void child(const struct cp_process *process, int output)
{
    (void)setpgid(0, 0);
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (dup2(nothing, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0)
        _exit(EXEC_FAILED);
    for (size_t i = 0; process->environment && process->environment[i]; i++)
        (void)putenv((char *)(uintptr_t)process->environment[i]);
    (void)execvp(process->argv[0], (char *const *)(uintptr_t)process->argv);
    dprintf(2, "%s: %s\n", process->argv[0], strerror(errno));
    _exit(EXEC_FAILED);
}

/* Output goes to a file and not through us, so that a program outlives a killed command and ends
 * its work. It holds the lock of that file as long as it runs: the command that resumes waits for
 * it here. */
static int open_output(const char *log, int64_t until_us)
{
    int output = log ? open(log, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600)
                     : memfd_create("output", MFD_CLOEXEC);
    while (output >= 0 && flock(output, LOCK_EX | LOCK_NB)) {
        if (cp_now_us() >= until_us) {
            (void)close(output);
            return -1;
        }
        cp_pause_ms(PAUSE_MS);
    }
    return output;
}

enum cc_error cp_process_wait_earlier(struct cp_context *context, const char *log, int timeout_s)
{
    if (context->dry_run)
        return CC_OK;
    int output = open_output(log, cp_now_us() + (int64_t)timeout_s * 1000000);
    if (output < 0)
        return cp_fail(context, CC_TIMEOUT,
                       "%s: what an earlier command started is still at work after %d s", log,
                       timeout_s);
    (void)close(output);
    return CC_OK;
}

/* The last line written since start; in storage of the thread. */
static const char *last_line(int output, off_t start)
{
    static _Thread_local char bytes[TAIL_MAX];
    off_t end = lseek(output, 0, SEEK_END);
    off_t from = end - start >= TAIL_MAX ? end - TAIL_MAX + 1 : start;
    ssize_t length = pread(output, bytes, TAIL_MAX - 1, from);
    while (length > 0 && strchr("\n\r ", bytes[length - 1]))
        length--;
    bytes[length > 0 ? length : 0] = '\0';
    const char *newline = strrchr(bytes, '\n');
    return newline ? newline + 1 : bytes;
}

/* false: the deadline came first; then it is killed. */
static bool wait_for(pid_t pid, int64_t until_us, int *status)
{
    while (waitpid(pid, status, WNOHANG) == 0) {
        if (cp_now_us() >= until_us) {
            (void)kill(-pid, SIGKILL);
            (void)waitpid(pid, status, 0);
            return false;
        }
        cp_pause_ms(PAUSE_MS);
    }
    return true;
}

enum cc_error cp_process_run(struct cp_context *context, const struct cp_process *process)
{
    const char *verb = process->argv[1] ? process->argv[1] : "";
    int64_t until_us = cp_now_us() + (int64_t)process->timeout_s * 1000000;
    int output = open_output(process->log, until_us);
    if (output < 0)
        return cp_fail(context, CC_IO,
                       "%s %s: %s cannot be opened, or what an earlier command "
                       "started is still at work",
                       process->argv[0], verb, process->log);
    off_t start = lseek(output, 0, SEEK_END);
    enum cc_error error = CC_OK;
    int status = 0;
    pid_t pid = fork();
    if (pid == 0)
        child(process, output);
    if (pid < 0)
        error = cp_fail(context, CC_IO, "cannot fork: %s", strerror(errno));
    else if (!wait_for(pid, until_us, &status))
        error = cp_fail(context, CC_TIMEOUT, "%s %s: not done within %d s; its last words: %s",
                        process->argv[0], verb, process->timeout_s, last_line(output, start));
    else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        error = cp_fail(context, CC_IO, "%s %s failed: %s", process->argv[0], verb,
                        last_line(output, start));
    (void)close(output);
    return error;
}

static void detached_child(const char *const *argv, const char *log)
{
    (void)setsid();
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int output = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (dup2(nothing, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0)
        _exit(EXEC_FAILED);
    for (int i = 3; i < 256; i++)
        (void)close(i);
    (void)execvp(argv[0], (char *const *)(uintptr_t)argv);
    _exit(EXEC_FAILED);
}

enum cc_error cp_process_detach(struct cp_context *context, const char *const *argv,
                                const char *log, int *out_pid)
{
    pid_t pid = fork();
    if (pid < 0)
        return cp_fail(context, CC_IO, "cannot fork: %s", strerror(errno));
    if (pid == 0)
        detached_child(argv, log);
    *out_pid = (int)pid;
    return CC_OK;
}
