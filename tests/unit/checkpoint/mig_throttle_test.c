/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of checkpoint/mig_throttle on plain files in place of a cgroup: what is written, and what
 * is back afterwards, also when its maker is killed. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <cmocka.h>
#include "base/err.h"
#include "base/num.h"
#include "checkpoint/mig_throttle.h"
#include "tests/unit/cgroups/fixture.h"
#include "tests/unit/story.h"
#include "base/ban.h"

static struct fixture group;

static int make(void **state)
{
	(void)state;
	fixture_make(&group);
	return 0;
}

static int done(void **state)
{
	(void)state;
	fixture_done(&group);
	return 0;
}

static struct cg cg(void)
{
	struct cg c = CG_NONE;

	c.dir_fd = group.fd;
	return c;
}

/* A file begins with it: a kernel's file keeps nothing of what stood there, ours does. */
static void stands(const char *name, const char *text)
{
	if (strncmp(fixture_get(&group, name), text, strlen(text)) != 0)
		fail_msg("%s: \"%s\", expected \"%s\"", name, fixture_get(&group, name), text);
}

static uint64_t quota_now(void)
{
	const char *text = fixture_get(&group, "cpu.max");
	uint64_t quota;

	assert_int_equal(num_u64n(text, strcspn(text, " "), &quota), 0);
	return quota;
}

static void it_takes_and_gives_back(void **state)
{
	struct mig_throttle t = MIG_THROTTLE_NONE;
	const struct cg c = cg();

	(void)state;
	fixture_put(&group, "cpu.max", "90000 100000\n");
	OK(mig_throttle(&t, &c, 20, &e));
	stands("cpu.max", "72000 100000");
	OK(mig_throttle(&t, &c, 90, &e));
	stands("cpu.max", "9000 100000");
	mig_throttle_done(&t);
	stands("cpu.max", "90000 100000");
	/* Whoever has changed it since is not overruled. */
	fixture_put(&group, "cpu.max", "50000 100000\n");
	mig_throttle_done(&t);
	stands("cpu.max", "50000 100000");
	OK(mig_throttle(&t, &c, 100, &e));
	stands("cpu.max", "1000 100000");
	mig_throttle_done(&t);
	stands("cpu.max", "50000 100000");
}

static void without_a_limit_it_is_that_of_all_cpus(void **state)
{
	struct mig_throttle t = MIG_THROTTLE_NONE;
	const struct cg c = cg();
	char text[64];

	(void)state;
	fixture_put(&group, "cpu.max", "max 50000\n");
	OK(mig_throttle(&t, &c, 50, &e));
	snprintf(text, sizeof(text), "%ld 50000", 25000 * sysconf(_SC_NPROCESSORS_ONLN));
	stands("cpu.max", text);
	mig_throttle_done(&t);
	stands("cpu.max", "max 50000");
}

/* The kernel refuses a quota below the burst. */
static void a_burst_is_none_meanwhile(void **state)
{
	struct mig_throttle t = MIG_THROTTLE_NONE;
	const struct cg c = cg();

	(void)state;
	fixture_put(&group, "cpu.max", "90000 100000\n");
	fixture_put(&group, "cpu.max.burst", "20000\n");
	OK(mig_throttle(&t, &c, 90, &e));
	stands("cpu.max", "9000 100000");
	stands("cpu.max.burst", "0");
	mig_throttle_done(&t);
	stands("cpu.max", "90000 100000");
	stands("cpu.max.burst", "20000");
}

static void without_the_controller_it_does_nothing(void **state)
{
	struct mig_throttle t = MIG_THROTTLE_NONE;
	const struct cg c = cg();

	(void)state;
	OK(mig_throttle(&t, &c, 20, &e));
	OK(mig_throttle(&t, &c, 30, &e));
	mig_throttle_done(&t);
	assert_string_equal(fixture_get(&group, "cpu.max"), "-");
}

/* What it used since the look counts, not what it might: a limit above that slows nobody down. */
static void it_is_measured_by_what_is_used(void **state)
{
	struct mig_throttle t = MIG_THROTTLE_NONE;
	const struct cg c = cg();

	(void)state;
	fixture_put(&group, "cpu.max", "max 100000\n");
	fixture_put(&group, "cpu.stat", "usage_usec 5000000\nuser_usec 0\n");
	mig_throttle_look(&t, &c);
	t.seen_at -= 1000000; /* a second ago */
	/* Half of a CPU. */
	fixture_put(&group, "cpu.stat", "usage_usec 5500000\nuser_usec 0\n");
	OK(mig_throttle(&t, &c, 20, &e));
	assert_in_range(quota_now(), 30000, 40000);
	/* That it is slow now changes nothing of that. */
	fixture_put(&group, "cpu.stat", "usage_usec 5500001\nuser_usec 0\n");
	mig_throttle_look(&t, &c);
	OK(mig_throttle(&t, &c, 50, &e));
	assert_in_range(quota_now(), 18750, 25000);
	mig_throttle_done(&t);
	stands("cpu.max", "max 100000");
	/* Who uses nothing keeps the least that the kernel takes. */
	mig_throttle_look(&t, &c);
	t.seen_at -= 1000000;
	OK(mig_throttle(&t, &c, 20, &e));
	stands("cpu.max", "1000 100000");
	mig_throttle_done(&t);
}

static void killed_its_watchdog_gives_back(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	fixture_put(&group, "cpu.max", "90000 100000\n");
	fixture_put(&group, "cpu.max.burst", "20000\n");
	/* The watchdog becomes ours, and can be waited for. */
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct mig_throttle t = MIG_THROTTLE_NONE;
		const struct cg c = cg();

		if (mig_throttle(&t, &c, 90, &e) < 0 ||
		    strncmp(fixture_get(&group, "cpu.max"), "9000 100000", 11) != 0)
			_exit(1);
		kill(getpid(), SIGKILL);
		_exit(2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_true(waitpid(-1, &status, 0) > 0);
	stands("cpu.max", "90000 100000");
	stands("cpu.max.burst", "20000");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make, done)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_takes_and_gives_back),
		TEST(without_a_limit_it_is_that_of_all_cpus),
		TEST(a_burst_is_none_meanwhile),
		TEST(it_is_measured_by_what_is_used),
		TEST(without_the_controller_it_does_nothing),
		TEST(killed_its_watchdog_gives_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
