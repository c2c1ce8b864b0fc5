/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of runtime/life/events on a folder of files: what is counted, when it is told, in which
 * order. That the kernel wakes us is for tests/bats/events.bats. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/proc.h"
#include "base/sys.h"
#include "runtime/life/internal.h"
#include "tests/unit/story.h"
#include "base/ban.h"

#define DIR_AT "/tmp/stiva-events-test"

static void put(const char *name, const char *text)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), DIR_AT "/%s", name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static int setup(void **state)
{
	(void)state;
	mkdir(DIR_AT, 0700);
	put("cgroup.events", "populated 1\nfrozen 0\n");
	put("memory.events", "low 9\nhigh 1\nmax 10\noom 2\noom_kill 1\noom_group_kill 0\n");
	put("memory.swap.events", "high 0\nmax 3\nfail 4\n");
	put("pids.events", "max 7\n");
	return 0;
}

static int teardown(void **state)
{
	static const char *const names[] = {"cgroup.events", "memory.events", "memory.swap.events",
					    "pids.events"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[128];

		snprintf(path, sizeof(path), DIR_AT "/%s", names[i]);
		unlink(path);
	}
	return rmdir(DIR_AT);
}

/* As life_watch_open() would, of a container whose init is the process of this pidfd. */
static struct life_watch watch(int pidfd)
{
	struct life_watch w = LIFE_WATCH_INIT;

	w.cg.dir_fd = open(DIR_AT, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	w.pidfd = pidfd;
	w.events_fd = open(DIR_AT "/cgroup.events", O_RDONLY | O_CLOEXEC);
	w.oom_fd = open(DIR_AT "/memory.events", O_RDONLY | O_CLOEXEC);
	w.ooms = 1;
	return w;
}

static enum life_event next(struct life_watch *w, uint64_t usec)
{
	enum life_event what = LIFE_EVENT_END;

	OK(life_watch_wait(w, proc_now_usec() + usec, &what, &e));
	return what;
}

static void assert_risen(const struct life_watch *w, enum life_limit limit, uint64_t n)
{
	for (int i = 0; i < LIFE_LIMIT_N; i++)
		if (w->risen[i] != (i == (int)limit ? n : 0))
			fail_msg("%s: %d", word_text(&life_words_limit, i), (int)w->risen[i]);
}

static void test_only_ooms_without_asking(void **state)
{
	struct life_watch w = watch(sys_pidfd_open(getpid(), 0));

	(void)state;
	put("pids.events", "max 8\n");
	put("memory.events", "max 11\noom 3\noom_kill 3\n");
	assert_int_equal(next(&w, 1000), LIFE_EVENT_OOM);
	assert_int_equal(next(&w, 1000), LIFE_EVENT_OOM);
	assert_int_equal(next(&w, 1000), LIFE_EVENT_TICK);
	life_watch_done(&w);
}

static void test_limits(void **state)
{
	struct life_watch w = watch(sys_pidfd_open(getpid(), 0));

	(void)state;
	life_watch_limits(&w);
	/* What was before does not count. */
	assert_int_equal(next(&w, 1000), LIFE_EVENT_TICK);
	put("pids.events", "max 12\n");
	assert_int_equal(next(&w, 1000), LIFE_EVENT_LIMIT);
	assert_risen(&w, LIFE_LIMIT_PIDS_MAX, 5);
	/* A second one waits, and takes what comes meanwhile along; ticks and OOM kills do not. */
	uint64_t told = proc_now_usec();
	put("memory.swap.events", "high 0\nmax 4\nfail 4\n");
	assert_int_equal(next(&w, 1000), LIFE_EVENT_TICK);
	put("memory.events", "high 1\nmax 10\noom 2\noom_kill 2\n");
	assert_int_equal(next(&w, 1000), LIFE_EVENT_OOM);
	assert_int_equal(next(&w, 1000), LIFE_EVENT_TICK);
	put("memory.swap.events", "high 0\nmax 9\nfail 4\n");
	assert_true(proc_now_usec() - told < 900000);
	assert_int_equal(next(&w, 20000000), LIFE_EVENT_LIMIT);
	assert_in_range(proc_now_usec() - told, 990000, 10000000);
	assert_int_equal(w.risen[LIFE_LIMIT_SWAP_MAX], 6);
	assert_int_equal(w.risen[LIFE_LIMIT_MEMORY_OOM_KILL], 1);
	assert_int_equal(w.risen[LIFE_LIMIT_PIDS_MAX], 0);
	life_watch_done(&w);
}

static void test_the_end_comes_last(void **state)
{
	int pidfd = FD_NONE;
	pid_t pid = proc_clone(0, -1, &pidfd);

	(void)state;
	if (pid == 0)
		_exit(0);
	assert_true(pid > 0);
	struct life_watch w = watch(pidfd);
	life_watch_limits(&w);
	w.quiet_until_usec = UINT64_MAX;
	put("memory.events", "high 2\nmax 10\noom 2\noom_kill 2\n");
	assert_int_equal(proc_wait_gone(pidfd, 10000), 0);
	assert_int_equal(next(&w, 20000000), LIFE_EVENT_OOM);
	assert_int_equal(next(&w, 20000000), LIFE_EVENT_LIMIT);
	assert_int_equal(w.risen[LIFE_LIMIT_MEMORY_HIGH], 1);
	assert_int_equal(next(&w, 20000000), LIFE_EVENT_END);
	life_watch_done(&w);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_files_that_are_not_there(void **state)
{
	(void)state;
	unlink(DIR_AT "/memory.swap.events");
	unlink(DIR_AT "/pids.events");
	unlink(DIR_AT "/memory.events");
	struct life_watch w = watch(sys_pidfd_open(getpid(), 0));
	life_watch_limits(&w);
	assert_int_equal(next(&w, 1000), LIFE_EVENT_TICK);
	put("cgroup.events", "populated 0\n");
	assert_int_equal(next(&w, 20000000), LIFE_EVENT_END);
	life_watch_done(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_only_ooms_without_asking, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_end_comes_last, setup, teardown),
		cmocka_unit_test_setup_teardown(test_files_that_are_not_there, setup, teardown),
	};

	return cmocka_run_group_tests_name("runtime-life/events", tests, NULL, NULL);
}
