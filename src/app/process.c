/* SPDX-License-Identifier: PostgreSQL */
/* process.c - what the kernel says of this process, under the names that Prometheus' own clients
 * use for it.  Looked at when somebody asks. */
#include <sys/resource.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "pgcable/clock.h"
#include "pgcable/mem.h"
#include "pgcable/metrics.h"

#include "app.h"

struct app_process {
    struct pgc_metric *resident;
    struct pgc_metric *fds;
    struct pgc_metric *max_fds;
};

struct app_process *
app_process_new(struct pgc_metrics *metrics)
{
    struct app_process *process = pgc_xcalloc(1, sizeof(*process));

    process->resident =
        pgc_gauge(metrics, "process_resident_memory_bytes", "", "Memory that is resident.");
    process->fds = pgc_gauge(metrics, "process_open_fds", "", "Descriptors that are open.");
    process->max_fds =
        pgc_gauge(metrics, "process_max_fds", "", "Descriptors that may be open; -1 = any number.");
    pgc_metric_set(pgc_gauge(metrics, "process_start_time_seconds", "",
                       "When the process started, as Unix time."),
        pgc_wall_s());
    return process;
}

void
app_process_free(struct app_process *process)
{
    free(process);
}

/* The second number in it is what is resident, in pages. */
static int64_t
process_resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    char line[128] = "";
    char *end = line;

    if (file == NULL) {
        return 0;
    }
    if (fgets(line, sizeof(line), file) != NULL) {
        (void)strtoll(line, &end, 10);
    }
    fclose(file);
    return strtoll(end, NULL, 10) * sysconf(_SC_PAGESIZE);
}

static int64_t
process_count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    const struct dirent *entry;
    int64_t count = -1; /* the folder itself */

    if (dir == NULL) {
        return 0;
    }
    while ((entry = readdir(dir)) != NULL) {
        count += entry->d_name[0] != '.' ? 1 : 0;
    }
    closedir(dir);
    return count;
}

void
app_process_look(struct app_process *process)
{
    struct rlimit limit = {0};

    pgc_metric_set(process->resident, process_resident_bytes());
    pgc_metric_set(process->fds, process_count_fds());
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        pgc_metric_set(
            process->max_fds, limit.rlim_cur == RLIM_INFINITY ? -1 : (int64_t)limit.rlim_cur);
    }
}
