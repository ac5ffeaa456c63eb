/*
 * Gives every file of a corpus folder to a fuzz target, as TAP: what a fuzzer once found stays
 * found, in every build and without a fuzzing engine. Usage: replay_<name> FOLDER
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/fuzz/fuzz.h"

enum { INPUT_MAX = 1024 * 1024 };

static size_t read_file(const char *path, uint8_t *out)
{
    FILE *file = fopen(path, "rb");
    size_t size = file ? fread(out, 1, INPUT_MAX, file) : 0;
    if (file)
        (void)fclose(file);
    return size;
}

int main(int argc, char **argv)
{
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    uint8_t *input = malloc(INPUT_MAX);
    int count = 0;
    if (!folder || !input) {
        (void)fprintf(stderr, "usage: %s CORPUS_FOLDER\n", argv[0]);
        return 2;
    }
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        char path[4096];
        if (entry->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof(path), "%s/%s", argv[1], entry->d_name);
        size_t size = read_file(path, input);
        uint8_t *exact = malloc(size + 1); /* so that a sanitizer sees an overrun by one */
        if (!exact)
            return 2;
        memcpy(exact, input, size);
        uint8_t *tight = realloc(exact, size > 0 ? size : 1);
        (void)LLVMFuzzerTestOneInput(tight ? tight : exact, size);
        free(tight ? tight : exact);
        printf("ok %d - %s\n", ++count, entry->d_name);
    }
    printf("1..%d\n", count);
    closedir(folder);
    free(input);
    return count > 0 ? 0 : 1;
}
