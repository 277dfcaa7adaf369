/* SPDX-License-Identifier: PostgreSQL */
/* migrations.h - the files of sql/, as embed.cmake puts them into the program. */
#ifndef PGCABLE_MIGRATIONS_H
#define PGCABLE_MIGRATIONS_H

#include "pgcable/migrate.h"

extern const struct pgc_migration pgc_pg_migrations[];
extern const size_t pgc_pg_migration_count;
extern const char *const pgc_pg_uninstall_sql;

#endif
