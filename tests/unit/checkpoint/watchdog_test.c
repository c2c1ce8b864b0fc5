/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of checkpoint/watchdog: when it acts, when it does not, and what it keeps. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/proc.h"
#include "base/sys.h"
#include "checkpoint/watchdog.h"

/* What it does: a byte into the pipe, the number of its descriptors. */
static int tube[2];

static void fire(void *ctx)
{
	unsigned char n = 0;

	(void)ctx;
	for (int fd = 0; fd < 1024; fd++)
		n = (unsigned char)(n + (fcntl(fd, F_GETFD) >= 0));
	(void)!write(tube[1], &n, 1);
}

static struct ckpt_watchdog_job job(int max_ms)
{
	return (struct ckpt_watchdog_job){.keep = &tube[1],
					  .n_keep = 1,
					  .cgroup_fd = FD_NONE,
					  .max_ms = max_ms,
					  .fire = fire};
}

/* The byte, -1 when there is none within that time. */
static int acted(int ms)
{
	struct pollfd p = {.fd = tube[0], .events = POLLIN};
	unsigned char n;

	return poll(&p, 1, ms) == 1 && read(tube[0], &n, 1) == 1 ? n : -1;
}

static int open_tube(void **state)
{
	(void)state;
	return pipe2(tube, O_CLOEXEC);
}

static int close_tube(void **state)
{
	(void)state;
	close(tube[0]);
	close(tube[1]);
	return 0;
}

static void told_to_stand_down_it_does_nothing(void **state)
{
	struct ckpt_watchdog dog = CKPT_WATCHDOG_NONE;
	struct ckpt_watchdog_job j = job(60000);
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(ckpt_watchdog_start(&j, &dog, &e), 0);
	assert_false(ckpt_watchdog_has_fired(&dog));
	assert_false(ckpt_watchdog_stand_down(&dog));
	assert_int_equal(dog.pidfd, FD_NONE);
	assert_false(ckpt_watchdog_stand_down(&dog));
	assert_int_equal(acted(0), -1);
}

static void it_acts_after_its_time_and_says_so(void **state)
{
	struct ckpt_watchdog dog = CKPT_WATCHDOG_NONE;
	struct ckpt_watchdog_job j = job(30);
	struct err e = ERR_INIT;
	uint64_t began = proc_now_usec();

	(void)state;
	assert_int_equal(ckpt_watchdog_start(&j, &dog, &e), 0);
	/* 0, 1, 2, the pipe, its own end. */
	assert_int_equal(acted(10000), 5);
	assert_true(proc_now_usec() - began >= 30000);
	assert_true(ckpt_watchdog_has_fired(&dog));
	assert_true(ckpt_watchdog_stand_down(&dog));
	assert_false(ckpt_watchdog_stand_down(&dog));
}

/* A maker that ends as `how` says, after it has told the pid of its watchdog. */
static void let_maker_die(int sig)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct ckpt_watchdog dog = CKPT_WATCHDOG_NONE;
		struct ckpt_watchdog_job j = job(-1);
		struct err e = ERR_INIT;

		(void)setsid();
		if (ckpt_watchdog_start(&j, &dog, &e) < 0)
			_exit(1);
		kill(sig ? 0 : getpid(), sig ? sig : SIGKILL);
		_exit(2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

static void it_acts_when_its_maker_dies(void **state)
{
	(void)state;
	let_maker_die(0);
	assert_int_equal(acted(10000), 5);
}

/* Its whole group, as a terminal does it. */
static void what_ends_its_makers_group_does_not_end_it(void **state)
{
	(void)state;
	let_maker_die(SIGTERM);
	assert_int_equal(acted(10000), 5);
	let_maker_die(SIGKILL);
	assert_int_equal(acted(10000), 5);
}

static void killed_it_has_not_acted(void **state)
{
	struct ckpt_watchdog dog = CKPT_WATCHDOG_NONE;
	struct ckpt_watchdog_job j = job(60000);
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(ckpt_watchdog_start(&j, &dog, &e), 0);
	assert_int_equal(sys_pidfd_send_signal(dog.pidfd, SIGKILL), 0);
	assert_false(ckpt_watchdog_stand_down(&dog));
	assert_int_equal(acted(0), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(told_to_stand_down_it_does_nothing, open_tube,
						close_tube),
		cmocka_unit_test_setup_teardown(it_acts_after_its_time_and_says_so, open_tube,
						close_tube),
		cmocka_unit_test_setup_teardown(it_acts_when_its_maker_dies, open_tube, close_tube),
		cmocka_unit_test_setup_teardown(what_ends_its_makers_group_does_not_end_it,
						open_tube, close_tube),
		cmocka_unit_test_setup_teardown(killed_it_has_not_acted, open_tube, close_tube),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
