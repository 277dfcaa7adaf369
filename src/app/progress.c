/* SPDX-License-Identifier: PostgreSQL */
/*
 * progress.c - while a verb waits for the database, a line on the terminal says for how long.
 *
 * A thread of its own, because libpq's calls wait.  The cursor stays at the line's beginning, so
 * that whatever is printed next takes its place.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "pgcable/mem.h"

#include "app.h"

struct app_progress {
    const char *what;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool ended; /* under lock */
};

static void *
progress_main(void *arg)
{
    struct app_progress *progress = arg;
    struct timespec next;
    unsigned seconds = 0;

    clock_gettime(CLOCK_REALTIME, &next);
    pthread_mutex_lock(&progress->lock);
    while (!progress->ended) {
        next.tv_sec += seconds == 0 ? 2 : 1;
        while (!progress->ended &&
               pthread_cond_timedwait(&progress->wake, &progress->lock, &next) != ETIMEDOUT) {
        }
        seconds += seconds == 0 ? 2 : 1;
        if (!progress->ended) {
            fprintf(stderr, "%s: %u s ...\r", progress->what, seconds);
        }
    }
    pthread_mutex_unlock(&progress->lock);
    if (seconds > 2) {
        fputs("\033[K", stderr);
    }
    return NULL;
}

struct app_progress *
app_progress_begin(const char *what)
{
    struct app_progress *progress;

    if (isatty(STDERR_FILENO) != 1) {
        return NULL;
    }
    progress = pgc_xcalloc(1, sizeof(*progress));
    progress->what = what;
    pthread_mutex_init(&progress->lock, NULL);
    pthread_cond_init(&progress->wake, NULL);
    if (pthread_create(&progress->thread, NULL, progress_main, progress) != 0) {
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
    pthread_mutex_lock(&progress->lock);
    progress->ended = true;
    pthread_cond_signal(&progress->wake);
    pthread_mutex_unlock(&progress->lock);
    pthread_join(progress->thread, NULL);
    pthread_cond_destroy(&progress->wake);
    pthread_mutex_destroy(&progress->lock);
    free(progress);
}
