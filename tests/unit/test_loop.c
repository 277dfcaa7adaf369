/* SPDX-License-Identifier: PostgreSQL */
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "pgcable/clock.h"
#include "pgcable/loop.h"

enum { DEADLINE_MS = 60000 };

/* A loop, a diary of what happened on it, and things for callbacks to act on. */
struct scene {
    struct pgc_loop *loop;
    struct pgc_timer *deadline;
    struct pgc_timer *timer;
    struct pgc_watch *watch;
    char diary[16];
    size_t length;
    int sockets[2];
};

static void
note(struct scene *scene, char what)
{
    assert_true(scene->length + 1 < sizeof(scene->diary));
    scene->diary[scene->length++] = what;
}

static void
too_late(void *arg)
{
    (void)arg;
    fail_msg("nothing stopped the loop");
}

static int
scene_setup(void **state)
{
    struct scene *scene = calloc(1, sizeof(*scene));

    if (scene == NULL || socketpair(AF_UNIX, SOCK_STREAM, 0, scene->sockets) < 0) {
        free(scene);
        return -1;
    }
    scene->loop = pgc_loop_new();
    scene->deadline = pgc_timer_new(scene->loop, too_late, scene);
    pgc_timer_set(scene->deadline, DEADLINE_MS);
    *state = scene;
    return 0;
}

static int
scene_teardown(void **state)
{
    struct scene *scene = *state;

    pgc_timer_free(scene->deadline);
    pgc_timer_free(scene->timer);
    pgc_watch_free(scene->watch);
    pgc_loop_free(scene->loop);
    (void)close(scene->sockets[0]);
    (void)close(scene->sockets[1]);
    free(scene);
    return 0;
}

static void
note_timer_and_stop(void *arg)
{
    struct scene *scene = arg;

    note(scene, 't');
    pgc_loop_stop(scene->loop);
}

static void
note_deferred(void *arg)
{
    note(arg, 'd');
}

static void
note_deferred_and_stop(void *arg)
{
    struct scene *scene = arg;

    note(scene, 's');
    pgc_loop_stop(scene->loop);
}

static void
note_input(int ready, void *arg)
{
    (void)ready;
    note(arg, 'r');
}

static void
note_deferred_and_defer(void *arg)
{
    struct scene *scene = arg;

    note(scene, 'd');
    pgc_loop_defer(scene->loop, note_deferred_and_stop, scene);
}

static void
a_timer_fires_once_and_not_before_its_time(void **state)
{
    struct scene *scene = *state;
    int64_t start_ms = pgc_monotonic_ms();

    scene->timer = pgc_timer_new(scene->loop, note_timer_and_stop, scene);
    pgc_timer_set(scene->timer, 50);
    pgc_loop_run(scene->loop);
    assert_string_equal(scene->diary, "t");
    /* The loop's clock is the kernel's coarse one, which lags by up to 10 ms. */
    assert_in_range(pgc_monotonic_ms() - start_ms, 40, DEADLINE_MS);
}

static void
a_timer_that_is_set_again_moves(void **state)
{
    struct scene *scene = *state;

    scene->timer = pgc_timer_new(scene->loop, note_timer_and_stop, scene);
    pgc_timer_set(scene->timer, 2 * (int64_t)DEADLINE_MS);
    pgc_timer_set(scene->timer, -1);
    pgc_loop_run(scene->loop);
    assert_string_equal(scene->diary, "t");
}

static void
cancel_other_timer(void *arg)
{
    struct scene *scene = arg;

    note(scene, 'c');
    pgc_timer_cancel(scene->timer);
    pgc_loop_defer(scene->loop, note_deferred_and_stop, scene);
}

static void
a_cancelled_timer_does_not_fire(void **state)
{
    struct scene *scene = *state;
    struct pgc_timer *first = pgc_timer_new(scene->loop, cancel_other_timer, scene);

    /* Both are due when the loop looks; the first one is called first. */
    scene->timer = pgc_timer_new(scene->loop, note_timer_and_stop, scene);
    pgc_timer_set(first, 0);
    pgc_timer_set(scene->timer, 1);
    for (int64_t until = pgc_monotonic_ms() + 20; pgc_monotonic_ms() < until;) {
    }
    pgc_loop_run(scene->loop);
    assert_string_equal(scene->diary, "cs");
    pgc_timer_free(first);
}

static void
free_own_timer(void *arg)
{
    struct scene *scene = arg;

    pgc_timer_free(scene->timer);
    scene->timer = NULL;
    pgc_loop_stop(scene->loop);
}

static void
a_timer_may_free_itself(void **state)
{
    struct scene *scene = *state;

    scene->timer = pgc_timer_new(scene->loop, free_own_timer, scene);
    pgc_timer_set(scene->timer, 0);
    pgc_loop_run(scene->loop);
    assert_null(scene->timer);
}

static void
note_ready(int ready, void *arg)
{
    struct scene *scene = arg;

    note(scene, (char)('0' + ready));
    if (scene->length == 2) {
        pgc_loop_stop(scene->loop);
    }
}

static void
a_watch_reports_as_long_as_the_descriptor_is_ready(void **state)
{
    struct scene *scene = *state;

    assert_int_equal(write(scene->sockets[1], "x", 1), 1);
    scene->watch = pgc_watch_new(scene->loop, scene->sockets[0], note_ready, scene);
    pgc_watch_want(scene->watch, PGC_READABLE);
    pgc_loop_run(scene->loop);
    assert_string_equal(scene->diary, "11");
}

static void
change_what_is_wanted(int ready, void *arg)
{
    struct scene *scene = arg;

    note(scene, (char)('0' + ready));
    if (ready == PGC_READABLE) {
        pgc_watch_want(scene->watch, PGC_WRITABLE);
        return;
    }
    pgc_watch_want(scene->watch, 0);
    pgc_timer_set(scene->timer, 20); /* it would be called until then, were it not paused */
}

static void
a_watch_reports_only_what_is_wanted(void **state)
{
    struct scene *scene = *state;

    assert_int_equal(write(scene->sockets[1], "x", 1), 1);
    scene->timer = pgc_timer_new(scene->loop, note_timer_and_stop, scene);
    scene->watch = pgc_watch_new(scene->loop, scene->sockets[0], change_what_is_wanted, scene);
    pgc_watch_want(scene->watch, PGC_READABLE);
    pgc_loop_run(scene->loop);
    assert_string_equal(scene->diary, "12t");
}

static void
free_own_watch(int ready, void *arg)
{
    struct scene *scene = arg;

    (void)ready;
    pgc_watch_free(scene->watch);
    scene->watch = NULL;
    pgc_loop_stop(scene->loop);
}

static void
a_file_cannot_be_watched(void **state)
{
    struct scene *scene = *state;
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    scene->watch = pgc_watch_new(scene->loop, fd, note_input, scene);
    pgc_watch_want(scene->watch, PGC_READABLE); /* logged */
    pgc_watch_want(scene->watch, 0);
    pgc_loop_defer(scene->loop, note_deferred_and_defer, scene);
    pgc_loop_run(scene->loop);
    assert_string_equal(scene->diary, "ds");
    (void)close(fd);
}

static void
a_watch_may_free_itself(void **state)
{
    struct scene *scene = *state;

    scene->watch = pgc_watch_new(scene->loop, scene->sockets[0], free_own_watch, scene);
    pgc_watch_want(scene->watch, PGC_WRITABLE);
    pgc_loop_run(scene->loop);
    assert_null(scene->watch);
}

static void
defer_then_note(void *arg)
{
    struct scene *scene = arg;

    pgc_loop_defer(scene->loop, note_deferred, scene);
    pgc_loop_defer(scene->loop, note_deferred_and_stop, scene);
    note(scene, 't');
}

static void
deferred_work_runs_in_order_after_the_callback(void **state)
{
    struct scene *scene = *state;

    scene->timer = pgc_timer_new(scene->loop, defer_then_note, scene);
    pgc_timer_set(scene->timer, 0);
    pgc_loop_run(scene->loop);
    assert_string_equal(scene->diary, "tds");
}

static void
defer_again(void *arg)
{
    struct scene *scene = arg;

    note(scene, 'a');
    if (scene->length < 3) {
        pgc_loop_defer(scene->loop, defer_again, scene);
    } else {
        pgc_loop_stop(scene->loop);
    }
}

static void
deferred_work_may_defer_and_needs_no_event_to_go_on(void **state)
{
    struct scene *scene = *state;

    pgc_loop_defer(scene->loop, defer_again, scene);
    pgc_loop_run(scene->loop);
    assert_string_equal(scene->diary, "aaa");
}

static void
deferred_work_does_not_wait_until_there_is_no_input(void **state)
{
    struct scene *scene = *state;

    assert_int_equal(write(scene->sockets[1], "x", 1), 1); /* and nobody reads it */
    scene->watch = pgc_watch_new(scene->loop, scene->sockets[0], note_input, scene);
    pgc_watch_want(scene->watch, PGC_READABLE);
    pgc_loop_defer(scene->loop, note_deferred_and_defer, scene);
    pgc_loop_run(scene->loop);
    assert_string_equal(scene->diary, "drs");
}

static void
freeing_the_loop_runs_what_was_put_off(void **state)
{
    struct scene scene = {.loop = pgc_loop_new()};

    (void)state;
    pgc_loop_defer(scene.loop, note_deferred, &scene);
    pgc_loop_defer(scene.loop, note_deferred, &scene);
    pgc_loop_free(scene.loop);
    assert_string_equal(scene.diary, "dd");
    pgc_loop_free(NULL);
}

static void *
wake_from_elsewhere(void *arg)
{
    pgc_loop_wake_stop(arg);
    return NULL;
}

static void
another_thread_may_stop_the_loop(void **state)
{
    struct scene *scene = *state;
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, wake_from_elsewhere, scene->loop), 0);
    pgc_loop_run(scene->loop);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void
a_stopped_loop_can_run_again(void **state)
{
    struct scene *scene = *state;

    scene->timer = pgc_timer_new(scene->loop, note_timer_and_stop, scene);
    pgc_timer_set(scene->timer, 0);
    pgc_loop_run(scene->loop);
    pgc_timer_set(scene->timer, 0);
    pgc_loop_run(scene->loop);
    assert_string_equal(scene->diary, "tt");
}

static void
note_signal(int signo, void *arg)
{
    struct scene *scene = arg;

    note(scene, signo == SIGUSR1 ? '1' : '2');
    if (scene->length == 2) {
        pgc_loop_stop(scene->loop);
    }
}

static void
leave(int signo)
{
    struct rlimit limit;

    (void)getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    exit(128 + signo); /* as the signal would, but telling the coverage report first */
}

/* From here on so many can be opened; there may be gaps between those that are. */
static void
allow_descriptors(int more)
{
    struct rlimit limit;
    int fds[8] = {0};

    for (int i = 0; i <= more; i++) {
        fds[i] = dup(STDOUT_FILENO);
    }
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = (rlim_t)fds[more];
    for (int i = 0; i <= more; i++) {
        (void)close(fds[i]);
    }
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int
status_with_descriptors(int more)
{
    int status = 0;
    int silence = open("/dev/null", O_WRONLY | O_CLOEXEC);
    pid_t child = fork();

    if (child == 0) {
        (void)dup2(silence, STDERR_FILENO); /* the message is expected */
        (void)signal(SIGABRT, leave);
        allow_descriptors(more);
        pgc_loop_free(pgc_loop_new());
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    (void)close(silence);
    return status;
}

static void
without_descriptors_there_is_no_loop(void **state)
{
    (void)state;
    /* It takes four; libevent ends the process by itself if it lacks one. */
    for (int more = 0; more < 4; more++) {
        int status = status_with_descriptors(more);

        assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
}

static void
signals_arrive_as_callbacks(void **state)
{
    struct scene *scene = *state;

    pgc_loop_on_signal(scene->loop, SIGUSR1, note_signal, scene);
    pgc_loop_on_signal(scene->loop, SIGUSR2, note_signal, scene);
    assert_int_equal(raise(SIGUSR1), 0);
    assert_int_equal(raise(SIGUSR2), 0);
    pgc_loop_run(scene->loop);
    assert_non_null(strchr(scene->diary, '1'));
    assert_non_null(strchr(scene->diary, '2'));
}

#define SCENE_TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

int
main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(a_timer_fires_once_and_not_before_its_time),
        SCENE_TEST(a_timer_that_is_set_again_moves),
        SCENE_TEST(a_cancelled_timer_does_not_fire),
        SCENE_TEST(a_timer_may_free_itself),
        SCENE_TEST(a_watch_reports_as_long_as_the_descriptor_is_ready),
        SCENE_TEST(a_watch_reports_only_what_is_wanted),
        SCENE_TEST(a_watch_may_free_itself),
        SCENE_TEST(a_file_cannot_be_watched),
        SCENE_TEST(deferred_work_runs_in_order_after_the_callback),
        SCENE_TEST(deferred_work_may_defer_and_needs_no_event_to_go_on),
        SCENE_TEST(deferred_work_does_not_wait_until_there_is_no_input),
        cmocka_unit_test(freeing_the_loop_runs_what_was_put_off),
        SCENE_TEST(another_thread_may_stop_the_loop),
        SCENE_TEST(a_stopped_loop_can_run_again),
        SCENE_TEST(signals_arrive_as_callbacks),
        cmocka_unit_test(without_descriptors_there_is_no_loop),
    };

    pgc_loop_take_memory();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
