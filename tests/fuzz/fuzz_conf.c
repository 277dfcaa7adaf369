/* SPDX-License-Identifier: PostgreSQL */
/* A file of settings is refused with a reason, or what --print-config makes of it says the same. */
#include <sys/mman.h>

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

#include "pgcable/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The settings of a file with this content; NULL if it is refused. */
static struct pgc_conf *
load(const void *content, size_t size)
{
    struct pgc_err err = {0};
    struct pgc_conf *conf;
    int fd = memfd_create("pgcable.conf", MFD_CLOEXEC);
    char path[32];

    assert(fd >= 0 && write(fd, content, size) == (ssize_t)size);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    conf = pgc_conf_load(path, NULL, 0, &err);
    assert((conf == NULL) == (err.message[0] != '\0'));
    (void)close(fd);
    return conf;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pgc_conf *conf = load(data, size);
    struct pgc_conf *again = NULL;
    struct pgc_buf first = {0};
    struct pgc_buf second = {0};

    if (conf == NULL) {
        return 0;
    }
    conf->hs256_secret[0] = '\0'; /* it is not printed */
    pgc_conf_print(conf, &first);
    again = load(first.data, first.length);
    assert(again != NULL);
    pgc_conf_print(again, &second);
    assert(strcmp(pgc_buf_str(&first), pgc_buf_str(&second)) == 0);
    pgc_buf_fini(&first);
    pgc_buf_fini(&second);
    pgc_conf_free(conf);
    pgc_conf_free(again);
    return 0;
}
