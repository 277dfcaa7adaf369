/* SPDX-License-Identifier: PostgreSQL */
/*
 * confine - runs a program under a seccomp filter, as systemd makes it from a unit.
 *
 *   confine CALLS FAMILIES PROGRAM [argument ...]
 *
 * CALLS is a file with the system calls that are allowed, one a line; all others fail with EPERM.
 * FAMILIES is the list of address families that socket() may make, such as "1 2 10".  Memory that
 * is both writable and executable is refused, too, and so are namespaces, as
 * MemoryDenyWriteExecute= and RestrictNamespaces= do.
 */
#include <sys/mman.h>
#include <sys/prctl.h>

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
confine_die(const char *what, const char *which, int error)
{
    fprintf(stderr, "confine: %s %s: %s\n", what, which, strerror(error));
    exit(126);
}

static void
confine_check(int result, const char *what, const char *which)
{
    if (result < 0) {
        confine_die(what, which, -result);
    }
}

/* A name that this machine does not have, such as one of another architecture, is skipped. */
static void
confine_allow(scmp_filter_ctx filter, const char *name)
{
    int call = seccomp_syscall_resolve_name(name);

    if (call == __NR_SCMP_ERROR || call < 0) {
        return;
    }
    if (call == SCMP_SYS(socket) || call == SCMP_SYS(unshare) || call == SCMP_SYS(setns)) {
        return; /* sockets by their family, below; namespaces never */
    }
    if (call == SCMP_SYS(mmap)) {
        confine_check(seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1,
                          SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)),
            "allow", name);
        confine_check(seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1,
                          SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_WRITE, 0)),
            "allow", name);
    } else if (call == SCMP_SYS(mprotect)) {
        confine_check(seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1,
                          SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)),
            "allow", name);
    } else if (call == SCMP_SYS(clone)) {
        confine_check(
            seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1,
                SCMP_A0(SCMP_CMP_MASKED_EQ,
                    CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWIPC, 0)),
            "allow", name);
    } else if (call == SCMP_SYS(clone3)) {
        /* its flags are out of a filter's reach: libc is told to use clone() */
        confine_check(seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), call, 0), "refuse", name);
    } else {
        confine_check(seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0), "allow", name);
    }
}

static void
confine_read(scmp_filter_ctx filter, const char *path)
{
    FILE *in = fopen(path, "r");
    char name[64];

    if (in == NULL) {
        confine_die("read", path, errno);
    }
    while (fscanf(in, "%63s", name) == 1) {
        confine_allow(filter, name);
    }
    fclose(in);
}

int
main(int argc, char **argv)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    char *family;
    char *rest = NULL;

    if (argc < 4 || filter == NULL) {
        fputs("usage: confine CALLS FAMILIES PROGRAM [argument ...]\n", stderr);
        return 2;
    }
    confine_read(filter, argv[1]);
    for (family = strtok_r(argv[2], " ", &rest); family != NULL;
         family = strtok_r(NULL, " ", &rest)) {
        confine_check(seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
                          SCMP_A0(SCMP_CMP_EQ, strtoul(family, NULL, 10))),
            "allow address family", family);
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        confine_die("set", "no_new_privs", errno);
    }
    confine_check(seccomp_load(filter), "load", "the filter");
    seccomp_release(filter);
    execv(argv[3], argv + 3);
    confine_die("run", argv[3], errno);
}
