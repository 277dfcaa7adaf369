/* SPDX-License-Identifier: PostgreSQL */
/*
 * What sd_notify(3) says, without its library: one datagram to the socket that the manager named.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pgcable/log.h"

#include "app.h"

void
app_manager_tell(const char *state)
{
    const char *name = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t length;
    int fd;

    if (name == NULL || name[0] == '\0') {
        return;
    }
    if (strlen(name) >= sizeof(address.sun_path)) {
        pgc_log(PGC_LOG_WARN, 0, "tell the service manager %s: NOTIFY_SOCKET \"%s\" is too long",
            state, name);
        return;
    }
    memcpy(address.sun_path, name, strlen(name));
    length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
    if (name[0] == '@') {
        address.sun_path[0] = '\0'; /* in the abstract namespace, which has no files */
    }
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 ||
        sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address, length) < 0) {
        pgc_log(PGC_LOG_WARN, 0, "tell the service manager %s at \"%s\": %s", state, name,
            strerror(errno));
    }
    if (fd >= 0) {
        close(fd);
    }
}
