/* SPDX-License-Identifier: PostgreSQL */
/* server.h - the throwaway PostgreSQL that tests/unit/with-postgres started. */
#ifndef PGCABLE_TESTS_SERVER_H
#define PGCABLE_TESTS_SERVER_H

#include <stdbool.h>

/* Says so on standard error if the test was not started through with-postgres. */
bool server_is_missing(void);

const char *server_dsn(void);

/* Kill it without a warning and start it again; fails the test if that does not work. */
void server_crash(void);

#endif
