/* SPDX-License-Identifier: PostgreSQL */
/* print.c - the settings for people: values, descriptions, what a reload cannot change. */
#include <stdlib.h>

#include "pgcable/mem.h"

#include "conf_internal.h"

void
pgc_conf_print(const struct pgc_conf *conf, struct pgc_buf *out)
{
    const struct option *option;

    for (size_t i = 0; (option = pgc_option_at(i)) != NULL; i++) {
        struct pgc_buf value = {0};

        pgc_option_write(option, conf, &value);
        if (option->secret) {
            pgc_buf_addf(
                out, "# %s = %s\n", option->name, value.length > 0 ? "(set)" : "(not set)");
        } else {
            pgc_buf_addf(
                out, "%s =%s%s\n", option->name, value.length > 0 ? " " : "", pgc_buf_str(&value));
        }
        if (value.data != NULL) {
            pgc_wipe(value.data, value.size);
        }
        pgc_buf_fini(&value);
    }
}

void
pgc_conf_describe(struct pgc_buf *out)
{
    const struct option *option;

    for (size_t i = 0; (option = pgc_option_at(i)) != NULL; i++) {
        pgc_buf_addf(out, "%s%s =%s%s\n    ", i > 0 ? "\n" : "", option->name,
            option->fallback[0] != '\0' ? " " : "", option->fallback);
        pgc_option_write_rule(option, out);
        if (option->secret) {
            pgc_buf_addf(out, ", or %s_file = path", option->name);
        }
        pgc_buf_addf(out, "; %s\n    %s\n",
            option->reloadable ? "changed by a reload" : "changed by a restart", option->help);
    }
}

void
pgc_conf_restart_needed(
    const struct pgc_conf *old, const struct pgc_conf *new_conf, struct pgc_buf *names)
{
    const struct option *option;

    for (size_t i = 0; (option = pgc_option_at(i)) != NULL; i++) {
        struct pgc_buf before = {0};
        struct pgc_buf after = {0};

        if (option->reloadable) {
            continue;
        }
        pgc_option_write(option, old, &before);
        pgc_option_write(option, new_conf, &after);
        if (strcmp(pgc_buf_str(&before), pgc_buf_str(&after)) != 0) {
            pgc_buf_addf(names, "%s%s", names->length > 0 ? ", " : "", option->name);
        }
        pgc_buf_fini(&before);
        pgc_buf_fini(&after);
    }
}
