// SPDX-License-Identifier: Apache-2.0
/*
 * Tests of cgroups/shrink and cgroups/limits on a fixture tree of plain files. The test plays the
 * kernel: its progress function changes the usage between two rounds. A write replaces the first
 * bytes of such a file, so the numbers of a test have nine digits, and "max" is its beginning.
 */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "fixture.h"
#include "base/num.h"
#include "base/proc.h"
#include "base/str.h"
#include "cgroups/internal.h"
#include "base/ban.h"

#define MIB UINT64_C(1048576)

static struct fixture fix;
static struct cg cg;
static struct err e;
static struct cg_shrink s;
/* What the kernel does: a smaller usage each round, down to least. */
static uint64_t usage, step, least, highest_hold;
static unsigned rounds, end_at, abort_at;
static int abort_pipe[2];

static void put_number(const char *file, uint64_t v)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64 "\n", v);
	fixture_put(&fix, file, text);
}

static uint64_t get_number(const char *file)
{
	uint64_t v = 0;
	const char *text = fixture_get(&fix, file);

	return num_u64n(text, strspn(text, "0123456789"), &v) < 0 ? 0 : v;
}

static void kernel(void *arg, const struct cg_shrink_step *now)
{
	(void)arg;
	assert_int_equal(now->target, s.target);
	if (get_number("memory.high") > highest_hold)
		highest_hold = get_number("memory.high");
	rounds++;
	usage = usage > least + step ? usage - step : least;
	put_number("memory.current", usage);
	if (rounds == end_at)
		fixture_put(&fix, "cgroup.events", "populated 0\n");
	if (rounds == abort_at)
		assert_int_equal(write(abort_pipe[1], "x", 1), 1);
}

static int setup(void **state)
{
	(void)state;
	fixture_make(&fix);
	cg = (struct cg)CG_NONE;
	cg.dir_fd = fix.fd; /* borrowed: no cg_done() */
	str_copy(cg.path, sizeof(cg.path), "/t");
	s = (struct cg_shrink){.target = 120 * MIB, .abort_fd = FD_NONE, .progress = kernel};
	usage = 400 * MIB;
	step = 20 * MIB;
	least = 0;
	rounds = end_at = abort_at = 0;
	highest_hold = 0;
	err_clear(&e);
	put_number("memory.current", usage);
	fixture_put(&fix, "memory.high", "max\n");
	fixture_put(&fix, "memory.max", "536870912\n");
	fixture_put(&fix, "memory.reclaim", "");
	fixture_put(&fix, "cgroup.events", "populated 1\nfrozen 0\n");
	fixture_put(&fix, "memory.stat",
		    "inactive_anon 100000000\nactive_anon 0\ninactive_file 5000000\nunevictable "
		    "2097152\n");
	assert_int_equal(pipe(abort_pipe), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close(abort_pipe[0]);
	close(abort_pipe[1]);
	fixture_done(&fix);
	return 0;
}

static bool begins(const char *file, const char *text)
{
	return str_starts(fixture_get(&fix, file), text);
}

static void test_taken_back_and_held(void **state)
{
	(void)state;
	assert_int_equal(cg_shrink(&cg, &s, &e), 0);
	assert_true(s.before == 400 * MIB && s.lowest <= 120 * MIB);
	assert_true(rounds >= 8);
	/* It followed the usage down, and stands slightly below the target. */
	assert_true(highest_hold <= 400 * MIB && highest_hold > 200 * MIB);
	assert_true(get_number("memory.high") == cg_shrink_high(120 * MIB));
	assert_true(cg_shrink_high(120 * MIB) < 120 * MIB && cg_shrink_high(120 * MIB) > 115 * MIB);
	cg_shrink_done(&cg, &s);
	assert_true(begins("memory.high", "max"));
	/* Once. */
	fixture_put(&fix, "memory.high", "5\n");
	cg_shrink_done(&cg, &s);
	assert_true(begins("memory.high", "5"));
}

static void test_what_fits_is_held_too(void **state)
{
	(void)state;
	usage = least = 110 * MIB;
	put_number("memory.current", usage);
	assert_int_equal(cg_shrink(&cg, &s, &e), 0);
	assert_true(get_number("memory.high") == cg_shrink_high(120 * MIB));
	assert_string_equal(fixture_get(&fix, "memory.reclaim"), "");
	cg_shrink_done(&cg, &s);
}

static void test_without_memory_reclaim(void **state)
{
	(void)state;
	unlinkat(fix.fd, "memory.reclaim", 0);
	assert_int_equal(cg_shrink(&cg, &s, &e), 0);
	assert_true(rounds >= 8);
	/* Its write is what takes: never more than a bite below the usage, never below the target.
	 */
	assert_true(highest_hold < 400 * MIB && highest_hold > 300 * MIB);
	assert_string_equal(fixture_get(&fix, "memory.reclaim"), "-");
	cg_shrink_done(&cg, &s);
	assert_true(begins("memory.high", "max"));
}

static void test_it_does_not_fit(void **state)
{
	(void)state;
	uint64_t start = proc_now_usec();

	least = 220 * MIB;
	fixture_put(&fix, "memory.swap.max", "0\n");
	assert_int_equal(cg_shrink(&cg, &s, &e), -EBUSY);
	assert_int_equal(e.class, ERR_STATE);
	/* It does not wait for the whole deadline. */
	assert_true(proc_now_usec() - start < 15 * UINT64_C(1000000));
	assert_true(s.floor > 220 * MIB && s.floor < 2100 * MIB && s.floor % MIB == 0);
	assert_non_null(strstr(e.text, "120M of memory is too little"));
	assert_non_null(strstr(e.text, "from 400M to 220M"));
	assert_non_null(strstr(e.text, "96M is anonymous or tmpfs"));
	assert_true(begins("memory.high", "max"));
	assert_false(s.is_held);
}

static void test_the_deadline(void **state)
{
	(void)state;
	step = 1; /* it falls, but too slowly */
	s.deadline_ms = 50;
	assert_int_equal(cg_shrink(&cg, &s, &e), -EBUSY);
	assert_true(begins("memory.high", "max"));
	assert_true(s.floor > 399 * MIB);
	/* What it was is the most that could be said. */
	assert_true(s.floor <= 512 * MIB);
}

static void test_interrupted(void **state)
{
	(void)state;
	s.abort_fd = abort_pipe[0];
	abort_at = 2;
	assert_int_equal(cg_shrink(&cg, &s, &e), -EINTR);
	assert_true(rounds == 2);
	assert_true(begins("memory.high", "max"));
}

static void test_the_container_ends(void **state)
{
	(void)state;
	end_at = 3;
	assert_int_equal(cg_shrink(&cg, &s, &e), -ESRCH);
	assert_true(begins("memory.high", "max"));
}

static void test_a_limit_of_the_users_own(void **state)
{
	(void)state;
	fixture_put(&fix, "memory.high", "104857600\n");
	assert_int_equal(cg_shrink(&cg, &s, &e), 0);
	assert_true(get_number("memory.high") == 100 * MIB);
	assert_true(highest_hold == 100 * MIB);
	cg_shrink_done(&cg, &s);
	assert_true(get_number("memory.high") == 100 * MIB);
}

static void test_failing_writes(void **state)
{
	(void)state;
	/* memory.reclaim refuses. */
	unlinkat(fix.fd, "memory.reclaim", 0);
	assert_int_equal(mkdirat(fix.fd, "memory.reclaim", 0700), 0);
	assert_int_equal(cg_shrink(&cg, &s, &e), -EISDIR);
	assert_non_null(strstr(e.text, "memory.reclaim"));
	assert_true(begins("memory.high", "max"));
	/* The swap limit refuses: nothing is held. */
	err_clear(&e);
	assert_int_equal(mkdirat(fix.fd, "memory.swap.max", 0700), 0);
	s.swap = "5000";
	assert_int_equal(cg_shrink(&cg, &s, &e), -EISDIR);
	assert_non_null(strstr(e.text, "memory.swap.max"));
	assert_true(begins("memory.high", "max"));
	/* memory.high is not there. */
	err_clear(&e);
	s.swap = NULL;
	s.rest[0] = '\0';
	unlinkat(fix.fd, "memory.high", 0);
	assert_int_equal(cg_shrink(&cg, &s, &e), -ENOENT);
	assert_non_null(strstr(e.text, "memory.high"));
	/* No controller. */
	err_clear(&e);
	unlinkat(fix.fd, "memory.current", 0);
	assert_int_equal(cg_shrink(&cg, &s, &e), -ENOENT);
}

static void test_swap_is_raised_first_and_put_back(void **state)
{
	(void)state;
	fixture_put(&fix, "memory.swap.max", "1000\n");
	s.swap = "9000";
	str_copy(s.old_swap, sizeof(s.old_swap), "1000");
	assert_int_equal(cg_shrink(&cg, &s, &e), 0);
	assert_true(begins("memory.swap.max", "9000"));
	/* The update that followed failed. */
	cg_shrink_undo(&cg, &s);
	assert_true(begins("memory.swap.max", "1000"));
	assert_true(begins("memory.high", "max"));
}

static void test_room_for_what_comes_back_from_swap(void **state)
{
	(void)state;
	fixture_put(&fix, "memory.swap.max", "100000000\n");
	put_number("memory.swap.current", 70 * MIB);
	s.swap = "52428800"; /* 50 MiB */
	str_copy(s.old_swap, sizeof(s.old_swap), "100000000");
	least = 110 * MIB;
	/* 120 MiB hold what is used, but not the 20 MiB as well. */
	assert_int_equal(cg_shrink(&cg, &s, &e), -EBUSY);
	assert_non_null(strstr(e.text, "of swap has to come back"));
	assert_true(s.floor > 130 * MIB && s.floor < 136 * MIB);
	assert_true(begins("memory.swap.max", "100000000"));
	/* More in swap than the whole limit. */
	put_number("memory.swap.current", 400 * MIB);
	s.swap = "52428800";
	err_clear(&e);
	assert_int_equal(cg_shrink(&cg, &s, &e), -EBUSY);
}

/* ---- from an update ---- */

static void test_which_updates_shrink(void **state)
{
	struct spec_resources want = {0}, force = {0};
	struct spec_memory memory = {.limit = {true, 64 << 20}};
	AUTO(cg_update) u = {.want = &want, .force = &force, .is_resize = true};
	struct cg_write *v;
	size_t n;

	(void)state;
	want.memory = &memory;
	fixture_put(&fix, "memory.swap.max", "1048576\n");
	assert_int_equal(cg_update_shrinks(&cg, &u, &s, &e), 1);
	assert_true(s.target == 64 * MIB);
	assert_string_equal(s.rest, "max");
	assert_null(s.swap);
	/* Swap that grows is raised first. */
	memory.swap = (struct opt_i64){true, 128 << 20};
	assert_int_equal(cg_update_shrinks(&cg, &u, &s, &e), 1);
	assert_string_equal(s.swap, "67108864");
	assert_string_equal(s.old_swap, "1048576");
	assert_int_equal(cg_update_list(&cg, &u, &v, &n, &e), 0);
	assert_int_equal(n, 2);
	assert_string_equal(v[0].file, "memory.swap.max");
	assert_string_equal(v[1].file, "memory.max");
	assert_string_equal(v[1].from, "536870912");
	assert_string_equal(v[1].to, "67108864");
	/* Swap below what is in swap: the limit in force has to hold that as well. */
	s.swap = NULL;
	put_number("memory.swap.current", 70 * MIB);
	fixture_put(&fix, "memory.swap.max", "104857600\n");
	memory = (struct spec_memory){.swap = {true, INT64_C(562) << 20}};
	assert_int_equal(cg_update_shrinks(&cg, &u, &s, &e), 1);
	assert_true(s.target == 512 * MIB);
	assert_string_equal(s.swap, "52428800");
	put_number("memory.swap.current", 40 * MIB);
	assert_int_equal(cg_update_shrinks(&cg, &u, &s, &e), 0);
	/* Growing is none of it. */
	memory = (struct spec_memory){.limit = {true, INT64_C(1) << 30}};
	s.swap = NULL;
	assert_int_equal(cg_update_shrinks(&cg, &u, &s, &e), 0);
	assert_true(begins("memory.max", "536870912"));
}

static void test_limits_are_read(void **state)
{
	struct cg_limits l;
	AUTO(arena) a = {0};

	(void)state;
	fixture_put(&fix, "cpu.max", "150000 100000\n");
	fixture_put(&fix, "cpu.weight", "200\n");
	fixture_put(&fix, "pids.max", "500\n");
	fixture_put(&fix, "cpuset.cpus", "0-1\n");
	cg_limits_read(&cg, &a, &l);
	assert_true(l.has_cpu && l.quota == 150000 && l.period == 100000 && l.weight == 200);
	assert_true(l.has_memory && l.memory == 512 * MIB && l.high == CG_UNLIMITED && l.low == 0);
	assert_true(!l.has_swap && l.swap == CG_UNLIMITED && l.has_pids && l.pids == 500);
	assert_string_equal(l.cpus, "0-1");
	assert_null(l.mems);
	assert_false(l.has_io);
	/* All but what the kernel could take: file pages, and no swap for the rest. */
	fixture_put(&fix, "memory.swap.max", "0\n");
	fixture_put(&fix, "memory.swap.current", "0\n");
	assert_true(cg_limits_floor(&cg) == 400 * MIB - 5000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_taken_back_and_held, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_fits_is_held_too, setup, teardown),
		cmocka_unit_test_setup_teardown(test_without_memory_reclaim, setup, teardown),
		cmocka_unit_test_setup_teardown(test_it_does_not_fit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_deadline, setup, teardown),
		cmocka_unit_test_setup_teardown(test_interrupted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_container_ends, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_limit_of_the_users_own, setup, teardown),
		cmocka_unit_test_setup_teardown(test_failing_writes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_swap_is_raised_first_and_put_back, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_room_for_what_comes_back_from_swap, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_which_updates_shrink, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limits_are_read, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
