/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of runtime/life/machine: every verb in every status, the live status from a record. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
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

static const char legal[LIFE_VERB_N][SPEC_STATUS_N + 1] = {
	/* creating, created, running, stopped, paused, broken */
	[LIFE_START] = ".c....",  [LIFE_KILL] = ".cr.p.",   [LIFE_DELETE] = ".c.s..",
	[LIFE_EXEC] = ".cr...",	  [LIFE_PAUSE] = ".cr.p.",  [LIFE_RESUME] = ".cr.p.",
	[LIFE_PS] = ".crsp.",	  [LIFE_MOUNTS] = ".cr.p.", [LIFE_WAIT] = ".crsp.",
	[LIFE_UPDATE] = ".cr.p.", [LIFE_EVENTS] = ".cr.p.",
};

static void test_every_verb_in_every_status(void **state)
{
	(void)state;
	for (int v = 0; v < LIFE_VERB_N; v++) {
		for (int s = 0; s < SPEC_STATUS_N; s++) {
			err_clear(&e);
			int r = life_machine_check((enum life_verb)v, (enum spec_status)s, &e);

			if (legal[v][s] != '.') {
				assert_int_equal(r, 0);
				continue;
			}
			assert_int_equal(r, s == SPEC_STOPPED ? -ESRCH : -EBUSY);
			assert_int_equal(e.class, ERR_STATE);
			assert_true(e.len > 10);
		}
	}
}

/* What engines look for (conformance 3.9). */
static void test_texts(void **state)
{
	static const struct {
		enum life_verb v;
		enum spec_status s;
		const char *text;
	} rows[] = {
		{LIFE_START, SPEC_STOPPED, "cannot start a container that has stopped"},
		{LIFE_START, SPEC_RUNNING, "cannot start an already running container"},
		{LIFE_KILL, SPEC_STOPPED, "container not running"},
		{LIFE_KILL, SPEC_STOPPED, "no such process"},
		{LIFE_KILL, SPEC_CREATING, "container not running"},
		{LIFE_PAUSE, SPEC_STOPPED, "container not running"},
		{LIFE_DELETE, SPEC_RUNNING, "running"},
		{LIFE_DELETE, SPEC_RUNNING, "--force"},
		{LIFE_DELETE, SPEC_BROKEN, "--force"},
		{LIFE_EXEC, SPEC_STOPPED, "stopped container"},
		{LIFE_EXEC, SPEC_STOPPED, "not running"},
		{LIFE_EXEC, SPEC_PAUSED, "paused"},
		{LIFE_EXEC, SPEC_PAUSED, "--ignore-paused"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		err_clear(&e);
		assert_true(life_machine_check(rows[i].v, rows[i].s, &e) < 0);
		HAS(rows[i].text);
	}
}

static void test_status_of_a_record(void **state)
{
	char boot[37];
	uint64_t start;
	struct life_rec_process self, gone;
	struct life_rec_cgroup none = {.manager = {true, CG_DISABLED}};
	struct life_record rec = {
		.boot_id = boot, .init = &self, .creator = &self, .cgroup = &none};
	struct life_box b = LIFE_BOX_INIT;

	(void)state;
	assert_int_equal(life_machine_status(&b), SPEC_BROKEN);
	assert_int_equal(sys_boot_id(boot), 0);
	assert_int_equal(proc_start_time(getpid(), &start), 0);
	self = (struct life_rec_process){{true, getpid()}, {true, start}};
	/* The number is ours, the start time is not: another process had it. */
	gone = (struct life_rec_process){{true, getpid()}, {true, start + 1}};
	b.rec = &rec;
	rec.stage = (struct opt_enum){true, LIFE_STAGE_CREATING};
	assert_int_equal(life_machine_status(&b), SPEC_CREATING);
	rec.creator = &gone;
	assert_int_equal(life_machine_status(&b), SPEC_BROKEN);
	rec.creator = NULL;
	assert_int_equal(life_machine_status(&b), SPEC_BROKEN);
	rec.stage = (struct opt_enum){true, LIFE_STAGE_CREATED};
	assert_int_equal(life_machine_status(&b), SPEC_RUNNING);
	rec.init = &gone;
	assert_int_equal(life_machine_status(&b), SPEC_STOPPED);
	assert_int_equal(life_machine_pidfd(&b), -ESRCH);
	rec.init = NULL;
	assert_int_equal(life_machine_status(&b), SPEC_STOPPED);
	assert_int_equal(life_machine_pidfd(&b), -ESRCH);
	rec.init = &self;
	int fd = life_machine_pidfd(&b);

	assert_true(fd >= 0);
	close(fd);
	boot[0] = boot[0] == 'x' ? 'y' : 'x';
	assert_int_equal(life_machine_status(&b), SPEC_STOPPED);
	assert_int_equal(life_machine_pidfd(&b), -ESRCH);
}

static void test_no_cgroup(void **state)
{
	struct life_rec_cgroup cgroup = {.manager = {true, CG_DISABLED}};
	char boot[37] = "another";
	struct life_record rec = {.boot_id = boot, .cgroup = &cgroup};
	struct life_box b = LIFE_BOX_INIT;
	struct cg cg = CG_NONE;

	(void)state;
	FAILS(ENOENT, life_machine_cgroup(&b, &cg, &e));
	b.rec = &rec;
	FAILS(ENOENT, life_machine_cgroup(&b, &cg, &e));
	/* "/" of another boot is opened by nobody. */
	cgroup = (struct life_rec_cgroup){.manager = {true, CG_CGROUPFS}, .path = (char *)"/x"};
	FAILS(ENOENT, life_machine_cgroup(&b, &cg, &e));
	assert_int_equal(cg.dir_fd, FD_NONE);
}

static void test_state(void **state)
{
	struct life_rec_process init = {{true, 77}, {true, 1}};
	struct life_record rec = {
		.oci_version = (char *)"1.2.0", .bundle = (char *)"/b", .init = &init};
	struct life_box b = LIFE_BOX_INIT;
	struct spec_state s;

	(void)state;
	memcpy(b.id, "name", 5);
	life_machine_state(&b, SPEC_BROKEN, &s);
	assert_string_equal(s.id, "name");
	assert_int_equal(s.pid.v, 0);
	b.rec = &rec;
	life_machine_state(&b, SPEC_RUNNING, &s);
	assert_int_equal(s.pid.v, 77);
	life_machine_state(&b, SPEC_STOPPED, &s);
	assert_int_equal(s.pid.v, 0);
	assert_string_equal(s.bundle, "/b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_verb_in_every_status),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_status_of_a_record),
		cmocka_unit_test(test_no_cgroup),
		cmocka_unit_test(test_state),
	};

	return cmocka_run_group_tests_name("runtime-life/machine", tests, NULL, NULL);
}
