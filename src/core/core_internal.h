/* SPDX-License-Identifier: PostgreSQL */
/* core_internal.h - what the files of this folder share and nobody else sees. */
#ifndef PGCABLE_CORE_INTERNAL_H
#define PGCABLE_CORE_INTERNAL_H

#include <stdarg.h>
#include <stddef.h>

#include "pgcable/buf.h"
#include "pgcable/compiler.h"

/* pgc_buf_addf() for those that take a format themselves. */
void pgc_buf_addv(struct pgc_buf *buf, const char *fmt, va_list args) PGC_PRINTF(2, 0);

#endif
