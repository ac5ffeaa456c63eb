#include "control-plane/targets/process_tree.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct process {
    pid_t parent; /* 0: there is no such process any more */
    char state;   /* 'T': stopped */
};

/* The command's name, in brackets, may hold anything. */
static struct process look_at(const char *pid)
{
    struct process found = {0};
    char path[64], text[512];
    int length = snprintf(path, sizeof(path), "/proc/%s/stat", pid);
    FILE *file = length > 0 && length < (int)sizeof(path) ? fopen(path, "re") : NULL;
    if (!file)
        return found;
    size_t got = fread(text, 1, sizeof(text) - 1, file);
    (void)fclose(file);
    text[got] = '\0';
    const char *after = strrchr(text, ')');
    if (after && strlen(after) > 4) {
        found.state = after[2];
        found.parent = (pid_t)strtol(after + 4, NULL, 10);
    }
    return found;
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
        if (pid > 1 && holds(pids, count, look_at(entry->d_name).parent) &&
            !holds(pids, count, pid))
            pids[count++] = pid;
    }
    (void)closedir(folder);
    return count;
}

/* root and its descendants; returns how many. */
static int find_tree(pid_t root, pid_t pids[CP_PROCESS_TREE_MAX])
{
    int count = 1;
    if (root <= 1)
        return 0;
    pids[0] = root;
    for (int before = 0; before < count;) {
        before = count;
        count = add_children(pids, count);
    }
    return count;
}

static bool is_called(pid_t pid, const char *name)
{
    char path[64], text[32] = "";
    (void)snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    size_t got = fread(text, 1, sizeof(text) - 1, file);
    (void)fclose(file);
    return got > 1 && got - 1 == strlen(name) && memcmp(text, name, got - 1) == 0;
}

int cp_process_tree_kill(pid_t root, const char *name)
{
    pid_t pids[CP_PROCESS_TREE_MAX];
    int count = find_tree(root, pids), signalled = 0;
    for (int i = 0; i < count; i++) {
        if (!name || is_called(pids[i], name))
            signalled += kill(pids[i], SIGKILL) == 0;
    }
    return signalled;
}

bool cp_process_tree_is_frozen(pid_t root)
{
    pid_t pids[CP_PROCESS_TREE_MAX];
    int count = find_tree(root, pids);
    for (int i = 0; i < count; i++) {
        char pid[16];
        (void)snprintf(pid, sizeof(pid), "%d", (int)pids[i]);
        if (look_at(pid).state == 'T')
            return true;
    }
    return false;
}
