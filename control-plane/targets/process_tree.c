#include "control-plane/targets/process_tree.h"

#include <dirent.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 0 when there is none such any more. The command's name, in brackets, may hold anything. */
static pid_t parent_of(const char *pid)
{
    char path[64], text[512];
    int length = snprintf(path, sizeof(path), "/proc/%s/stat", pid);
    FILE *file = length > 0 && length < (int)sizeof(path) ? fopen(path, "re") : NULL;
    if (!file)
        return 0;
    size_t got = fread(text, 1, sizeof(text) - 1, file);
    (void)fclose(file);
    text[got] = '\0';
    const char *after = strrchr(text, ')');
    return after && strlen(after) > 4 ? (pid_t)strtol(after + 4, NULL, 10) : 0;
}

static bool holds(const pid_t *pids, int count, pid_t pid)
{
    for (int i = 0; i < count; i++) {
        if (pids[i] == pid)
            return true;
    }
    return false;
}

/* One look at /proc; children of what was found by then are added. Returns the new count. */
static int add_children(pid_t *pids, int count)
{
    DIR *folder = opendir("/proc");
    if (!folder)
        return count;
    for (struct dirent *entry; (entry = readdir(folder)) && count < CP_PROCESS_TREE_MAX;) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid > 1 && holds(pids, count, parent_of(entry->d_name)) && !holds(pids, count, pid))
            pids[count++] = pid;
    }
    (void)closedir(folder);
    return count;
}

int cp_process_tree_kill(pid_t root)
{
    pid_t pids[CP_PROCESS_TREE_MAX] = {root};
    int count = 1;
    if (root <= 1)
        return 0;
    for (int before = 0; before < count;) {
        before = count;
        count = add_children(pids, count);
    }
    for (int i = 0; i < count; i++)
        (void)kill(pids[i], SIGKILL);
    return count;
}
