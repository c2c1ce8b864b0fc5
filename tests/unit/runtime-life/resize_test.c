/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of runtime/life/resize on a fixture tree, with this process as the container's init: the
 * mark in the record, who is let in meanwhile, and what is put back. The test plays the kernel from
 * the progress function. A write replaces the first bytes of a plain file: numbers have nine
 * digits, and "max" is the beginning of a text.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
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
#include "base/file.h"
#include "base/log.h"
#include "base/num.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/sys.h"
#include "cgroups/internal.h"
#include "runtime/life/internal.h"
#include "tests/unit/cgroups/fixture.h"
#include "tests/unit/story.h"
#include "base/ban.h"

#define MIB UINT64_C(1048576)

static const char config[] = "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"rootfs\"},\"linux\":{"
			     "\"namespaces\":[{\"type\":\"mount\"}],\"resources\":{"
			     "\"memory\":{\"limit\":536870912},\"pids\":{\"limit\":100000000}}}}";

static struct fixture top, fix; /* the root of the tree; the container's cgroup */
static char root[80], boot[37];
static struct life_host host = {.root = root};
static struct life_rec_process self;
static struct life_rec_cgroup cgroup = {.manager = {true, CG_CGROUPFS}, .path = (char *)"/box"};
static struct spec_resources want;
static struct spec_memory memory;
static struct spec_pids pids;
static struct life_resize_args args;
static uint64_t usage, least;
static unsigned rounds;
static void (*meanwhile)(void); /* in the second round */

static void put_number(const char *file, uint64_t v)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64 "\n", v);
	fixture_put(&fix, file, text);
}

static bool begins(const char *file, const char *text)
{
	return str_starts(fixture_get(&fix, file), text);
}

static void kernel(void *arg, const struct cg_shrink_step *now)
{
	(void)arg;
	(void)now;
	usage = usage > least + 40 * MIB ? usage - 40 * MIB : least;
	put_number("memory.current", usage);
	if (++rounds == 2 && meanwhile)
		meanwhile();
}

static struct life_record record(void)
{
	return (struct life_record){
		.schema = {true, 1},
		.id = (char *)"box",
		.oci_version = (char *)"1.3.0",
		.boot_id = boot,
		.bundle = (char *)"/b",
		.rootfs = (char *)"/b/rootfs",
		.created = (char *)"now",
		.owner = (char *)"root",
		.stage = {true, LIFE_STAGE_CREATED},
		.init = &self,
		.creator = &self,
		.cgroup = &cgroup,
	};
}

static int setup(void **state)
{
	struct life_box b = LIFE_BOX_INIT;
	struct life_record rec;
	uint64_t start;

	(void)state;
	fixture_make(&top);
	assert_int_equal(mkdirat(top.fd, "box", 0700), 0);
	snprintf(fix.path, sizeof(fix.path), "%.40s/box", top.path);
	fix.fd = open(fix.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(root, sizeof(root), "%s/state", top.path);
	cg_where_root_for_test(top.fd);
	assert_int_equal(sys_boot_id(boot), 0);
	assert_int_equal(proc_start_time(getpid(), &start), 0);
	self = (struct life_rec_process){{true, getpid()}, {true, start}};
	rec = record();
	OK(life_store_claim(&host, "box", &b, &e));
	OK(life_store_write(&b, &rec, &e));
	assert_int_equal(file_replace_at(b.dir_fd, LIFE_CONFIG, config, strlen(config), 0600), 0);
	life_box_done(&b);
	usage = 400 * MIB;
	least = 0;
	rounds = 0;
	meanwhile = NULL;
	put_number("memory.current", usage);
	fixture_put(&fix, "memory.max", "536870912\n");
	fixture_put(&fix, "memory.high", "max\n");
	fixture_put(&fix, "memory.reclaim", "");
	fixture_put(&fix, "memory.events", "oom_kill 0\n");
	fixture_put(&fix, "pids.max", "100000000\n");
	fixture_put(&fix, "cgroup.events", "populated 1\nfrozen 0\n");
	fixture_put(&fix, "cgroup.controllers", "memory pids\n");
	memory = (struct spec_memory){.limit = {true, 120 * MIB}};
	pids = (struct spec_pids){.limit = {true, 200000000}};
	want = (struct spec_resources){.memory = &memory, .pids = &pids};
	args = (struct life_resize_args){.id = "box", .want = &want, .progress = kernel};
	return 0;
}

static int teardown(void **state)
{
	sigset_t none;

	(void)state;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	cg_where_root_for_test(-1);
	close(fix.fd);
	fixture_done(&top);
	return 0;
}

/* What the record says now. */
static void look(struct life_box *b)
{
	*b = (struct life_box)LIFE_BOX_INIT;
	OK(life_store_open(&host, "box", false, b, &e));
	assert_non_null(b->rec);
}

static void assert_unchanged(void)
{
	struct life_box b;

	assert_true(begins("memory.max", "536870912"));
	assert_true(begins("pids.max", "100000000"));
	assert_true(begins("memory.high", "max"));
	look(&b);
	assert_null(b.rec->shrink);
	assert_null(b.rec->resources);
	life_box_done(&b);
}

/* ---- what others see meanwhile ---- */

static void others(void)
{
	struct err mine = e;
	struct life_box b = LIFE_BOX_INIT;
	struct spec_resources small = {.pids = &pids};
	struct life_resize_args again = {.id = "box", .want = &small};
	struct life_update_args update = {.id = "box", .on_top = &small};

	look(&b);
	assert_non_null(b.rec->shrink);
	assert_int_equal(b.rec->shrink->by->pid.v, getpid());
	assert_string_equal(b.rec->shrink->high, "max");
	life_box_done(&b);
	/* The lock is free. */
	b = (struct life_box)LIFE_BOX_INIT;
	OK(life_store_open(&host, "box", true, &b, &e));
	life_box_done(&b);
	FAILS(EBUSY, life_resize(&host, &again, &e));
	HAS("a resize is taking memory back");
	FAILS(EBUSY, life_update(&host, &update, &e));
	HAS("a resize is taking memory back");
	e = mine;
}

static void test_shrinks_and_records(void **state)
{
	struct life_box b;

	(void)state;
	meanwhile = others;
	OK(life_resize(&host, &args, &e));
	assert_true(rounds >= 7);
	assert_true(args.taken >= 280 * MIB && args.floor == 0);
	assert_true(begins("memory.max", "125829120"));
	assert_true(begins("pids.max", "200000000"));
	assert_true(begins("memory.high", "max"));
	look(&b);
	assert_null(b.rec->shrink);
	assert_int_equal(b.rec->resources->memory->limit.v, 120 * MIB);
	assert_int_equal(b.rec->resources->pids->limit.v, 200000000);
	life_box_done(&b);
}

static void test_growing_takes_nothing_back(void **state)
{
	(void)state;
	memory.limit.v = 900 * MIB;
	OK(life_resize(&host, &args, &e));
	assert_int_equal(rounds, 0);
	assert_true(begins("memory.max", "943718400"));
	assert_string_equal(fixture_get(&fix, "memory.high"), "max\n");
	assert_string_equal(fixture_get(&fix, "memory.reclaim"), "");
}

static void test_what_does_not_fit(void **state)
{
	(void)state;
	least = 240 * MIB;
	FAILS(EBUSY, life_resize(&host, &args, &e));
	assert_int_equal(e.class, ERR_STATE);
	assert_true(args.floor > 240 * MIB && args.floor < 256 * MIB);
	assert_unchanged();
}

static void test_force(void **state)
{
	(void)state;
	least = 240 * MIB;
	args.is_forced = true;
	OK(life_resize(&host, &args, &e));
	assert_true(args.floor > 240 * MIB);
	assert_true(begins("memory.max", "125829120"));
	assert_true(begins("memory.high", "max"));
}

static void interrupt(void)
{
	(void)raise(SIGTERM);
}

static void test_a_signal(void **state)
{
	(void)state;
	meanwhile = interrupt;
	FAILS(EINTR, life_resize(&host, &args, &e));
	HAS("interrupted by SIGTERM");
	assert_unchanged();
}

/* Of another file than those that were read before. */
static void break_pids(void)
{
	unlinkat(fix.fd, "pids.max", 0);
}

static void test_a_write_that_fails_afterwards(void **state)
{
	(void)state;
	meanwhile = break_pids;
	FAILS(ENOENT, life_resize(&host, &args, &e));
	HAS("pids.max");
	fixture_put(&fix, "pids.max", "100000000\n");
	assert_unchanged();
}

static void test_refused_before_anything(void **state)
{
	(void)state;
	break_pids();
	FAILS(ENOENT, life_resize(&host, &args, &e));
	assert_int_equal(rounds, 0);
	assert_string_equal(fixture_get(&fix, "memory.high"), "max\n");
	fixture_put(&fix, "pids.max", "100000000\n");
	assert_unchanged();
}

static void steal(void)
{
	struct life_box b = LIFE_BOX_INIT;

	OK(life_store_open(&host, "box", true, &b, &e));
	OK(life_store_remove(&b, &e));
	life_box_done(&b);
}

static void test_deleted_meanwhile(void **state)
{
	(void)state;
	meanwhile = steal;
	FAILS(ENOENT, life_resize(&host, &args, &e));
	HAS("does not exist");
	assert_true(begins("memory.high", "max"));
	assert_true(begins("memory.max", "536870912"));
}

/* ---- killed in the middle ---- */

static void die_now(void)
{
	(void)kill(getpid(), SIGKILL);
}

static void kill_one(void)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		meanwhile = die_now;
		_exit(life_resize(&host, &args, &e) == 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_false(begins("memory.high", "max"));
	put_number("memory.current", usage);
}

static void test_the_next_resize_mends(void **state)
{
	struct spec_resources small = {.pids = &pids};
	struct life_resize_args next = {.id = "box", .want = &small};
	struct life_box b;

	(void)state;
	kill_one();
	OK(life_resize(&host, &next, &e));
	assert_true(begins("memory.high", "max"));
	assert_true(begins("pids.max", "200000000"));
	assert_true(begins("memory.max", "536870912"));
	look(&b);
	assert_null(b.rec->shrink);
	life_box_done(&b);
}

static void test_the_next_update_mends(void **state)
{
	struct spec_resources small = {.pids = &pids};
	struct life_update_args next = {.id = "box", .on_top = &small};

	(void)state;
	kill_one();
	OK(life_update(&host, &next, &e));
	assert_true(begins("memory.high", "max"));
	assert_true(begins("pids.max", "200000000"));
}

static void test_looked_at_after_a_kill(void **state)
{
	struct life_size size;
	struct life_resize_plan plan;
	AUTO(arena) a = {0};

	(void)state;
	kill_one();
	OK(life_resize_look(&host, "box", &a, &size, &e));
	assert_true(size.limits.high == CG_UNLIMITED);
	assert_true(size.limits.memory == 512 * MIB);
	/* The plan, of reading alone. */
	OK(life_resize_plan(&host, &args, &a, &plan, &e));
	assert_true(plan.target == 120 * MIB);
	assert_int_equal(plan.n, 5);
	assert_string_equal(plan.v[0].file, "memory.high");
	assert_string_equal(plan.v[1].file, "memory.reclaim");
	assert_string_equal(plan.v[2].file, "pids.max");
	assert_string_equal(plan.v[3].file, "memory.max");
	assert_string_equal(plan.v[4].file, "memory.high");
	assert_true(begins("memory.max", "536870912"));
	assert_false(begins("memory.high", "max"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_shrinks_and_records, setup, teardown),
		cmocka_unit_test_setup_teardown(test_growing_takes_nothing_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_does_not_fit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_force, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_signal, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_write_that_fails_afterwards, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_refused_before_anything, setup, teardown),
		cmocka_unit_test_setup_teardown(test_deleted_meanwhile, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_next_resize_mends, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_next_update_mends, setup, teardown),
		cmocka_unit_test_setup_teardown(test_looked_at_after_a_kill, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
