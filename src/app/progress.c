/* SPDX-License-Identifier: PostgreSQL */
/*
 * progress.c - while a verb works or waits, a line on the terminal says for how long.
 *
 * A thread of its own, because libpq's calls wait.  The cursor stays at the line's beginning, and
 * the line is shorter than any that a verb prints, so that whatever comes next takes its place.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "pgcable/mem.h"

#include "app.h"

enum { PROGRESS_FIRST_S = 2 };

struct app_progress {
    pthread_t thread;
    sem_t ended;
};

static void *
progress_main(void *arg)
{
    struct app_progress *progress = arg;
    unsigned seconds = PROGRESS_FIRST_S;
    struct timespec next;

    clock_gettime(CLOCK_REALTIME, &next);
    next.tv_sec += PROGRESS_FIRST_S;
    while (sem_timedwait(&progress->ended, &next) != 0) {
        if (errno == ETIMEDOUT) {
            fprintf(stderr, "%u s ...\r", seconds++);
            next.tv_sec++;
        }
    }
    if (seconds > PROGRESS_FIRST_S) {
        fputs("\033[K", stderr);
    }
    return NULL;
}

struct app_progress *
app_progress_begin(void)
{
    struct app_progress *progress;

    if (isatty(STDERR_FILENO) != 1) {
        return NULL;
    }
    progress = pgc_xcalloc(1, sizeof(*progress));
    sem_init(&progress->ended, 0, 0);
    if (pthread_create(&progress->thread, NULL, progress_main, progress) != 0) {
        sem_destroy(&progress->ended);
        free(progress); /* then without */
        return NULL;
    }
    return progress;
}

void
app_progress_end(struct app_progress *progress)
{
    if (progress == NULL) {
        return;
    }
    sem_post(&progress->ended);
    pthread_join(progress->thread, NULL);
    sem_destroy(&progress->ended);
    free(progress);
}
