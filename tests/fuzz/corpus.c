/* SPDX-License-Identifier: PostgreSQL */
/*
 * corpus.c - stands in for libFuzzer, with any compiler: each file of the folder that is named on
 * the command line is one input, once.
 */
#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_BYTES = 65536 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
try_file(int folder, const char *name)
{
    uint8_t *data = malloc(MAX_BYTES);
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
    ssize_t size = data != NULL && fd >= 0 ? read(fd, data, MAX_BYTES) : -1;
    uint8_t *input;

    assert(size >= 0 && size < MAX_BYTES);
    /* Not a byte longer, so that a read beyond it is seen. */
    input = malloc((size_t)size);
    assert(input != NULL || size == 0);
    if (size > 0) {
        memcpy(input, data, (size_t)size);
    }
    (void)LLVMFuzzerTestOneInput(input, (size_t)size);
    free(input);
    free(data);
    (void)close(fd);
}

int
main(int argc, char **argv)
{
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    const struct dirent *entry;
    int count = 0;

    if (folder == NULL) {
        (void)fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] != '.') {
            try_file(dirfd(folder), entry->d_name);
            count++;
        }
    }
    (void)closedir(folder);
    printf("%d inputs\n", count);
    return count > 0 ? 0 : 1;
}
