/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of checkpoint/mig_policy: whole migrations as tables: a container that writes at a rate
 * into a set of pages, a line, and what the policy makes of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "checkpoint/mig_policy.h"

#define PAGE 4096u
#define MB   1000000u

struct world {
	const char *name;
	uint64_t memory, hot; /* bytes: all of it, and what is written to */
	uint64_t write_rate;  /* bytes per second, into the hot */
	uint64_t line;	      /* bytes per second */
	uint64_t rtt_usec;
	struct mig_policy_args args;
	bool obeys; /* a throttle slows its writing down */
	/* how it ends, after at least and at most so many rounds, and how many throttles at least
	 */
	enum mig_policy_what end;
	uint32_t least, most;
	unsigned throttles;
};

static const struct world worlds[] = {
	{"idle 1 GB on 1 GB/s",
	 1000 * MB,
	 0,
	 0,
	 1000 * MB,
	 200,
	 {0},
	 false,
	 MIG_POLICY_GO,
	 2,
	 2,
	 0},
	{"small and slow writer",
	 100 * MB,
	 10 * MB,
	 5 * MB,
	 100 * MB,
	 500,
	 {0},
	 false,
	 MIG_POLICY_GO,
	 2,
	 4,
	 0},
	{"50 MB/s into 200 MB of 1 GB, 10 Gbit, a hash pass of 210 ms allowed",
	 1000 * MB,
	 200 * MB,
	 50 * MB,
	 1200 * MB,
	 300,
	 {.max_downtime_usec = 300000},
	 false,
	 MIG_POLICY_GO,
	 2,
	 4,
	 0},
	{"converges over several rounds on a slow line",
	 400 * MB,
	 200 * MB,
	 20 * MB,
	 40 * MB,
	 20000,
	 {.max_downtime_usec = 500000},
	 false,
	 MIG_POLICY_GO,
	 3,
	 12,
	 0},
	{"500 MB/s, on 100 MB/s, cannot be slowed down",
	 1000 * MB,
	 800 * MB,
	 500 * MB,
	 100 * MB,
	 500,
	 {.max_bytes = UINT64_MAX},
	 false,
	 MIG_POLICY_ABORT,
	 4,
	 30,
	 1},
	{"the same with no more bytes than three times its memory",
	 1000 * MB,
	 800 * MB,
	 500 * MB,
	 100 * MB,
	 500,
	 {0},
	 false,
	 MIG_POLICY_ABORT,
	 3,
	 4,
	 0},
	{"500 MB/s, on 100 MB/s, slowed down until it fits",
	 300 * MB,
	 280 * MB,
	 500 * MB,
	 200 * MB,
	 500,
	 {.max_downtime_usec = 600000, .max_bytes = 1000000 * (uint64_t)MB},
	 true,
	 MIG_POLICY_GO,
	 4,
	 30,
	 1},
	{"the same by throttle alone: what it has sent before does not end that",
	 300 * MB,
	 280 * MB,
	 500 * MB,
	 200 * MB,
	 500,
	 {.max_downtime_usec = 600000, .on_stall = MIG_STALL_THROTTLE},
	 true,
	 MIG_POLICY_GO,
	 4,
	 30,
	 5},
	{"the same with force",
	 1000 * MB,
	 800 * MB,
	 500 * MB,
	 100 * MB,
	 500,
	 {.on_stall = MIG_STALL_FORCE},
	 false,
	 MIG_POLICY_FORCE,
	 3,
	 6,
	 0},
	{"the same with abort",
	 1000 * MB,
	 800 * MB,
	 500 * MB,
	 100 * MB,
	 500,
	 {.on_stall = MIG_STALL_ABORT},
	 false,
	 MIG_POLICY_ABORT,
	 3,
	 6,
	 0},
	{"throttle only, and it does not help",
	 1000 * MB,
	 800 * MB,
	 500 * MB,
	 100 * MB,
	 500,
	 {.on_stall = MIG_STALL_THROTTLE, .max_bytes = UINT64_MAX},
	 false,
	 MIG_POLICY_ABORT,
	 10,
	 30,
	 8},
	{"just above the target: force",
	 200 * MB,
	 30 * MB,
	 900 * MB,
	 100 * MB,
	 500,
	 {.max_bytes = UINT64_MAX},
	 false,
	 MIG_POLICY_FORCE,
	 4,
	 30,
	 1},
	{"--bandwidth below the line decides",
	 400 * MB,
	 100 * MB,
	 300 * MB,
	 1000 * MB,
	 500,
	 {.bandwidth = 10 * MB, .on_stall = MIG_STALL_ABORT},
	 false,
	 MIG_POLICY_ABORT,
	 2,
	 6,
	 0},
	{"two rounds and no more",
	 1000 * MB,
	 800 * MB,
	 500 * MB,
	 100 * MB,
	 500,
	 {.max_iterations = 2, .on_stall = MIG_STALL_FORCE},
	 false,
	 MIG_POLICY_FORCE,
	 2,
	 2,
	 0},
	{"so many bytes and no more",
	 1000 * MB,
	 800 * MB,
	 500 * MB,
	 100 * MB,
	 500,
	 {.max_bytes = 1500 * MB, .on_stall = MIG_STALL_FORCE},
	 false,
	 MIG_POLICY_FORCE,
	 2,
	 2,
	 0},
	{"a far line whose fixed costs are above the target",
	 50 * MB,
	 0,
	 0,
	 100 * MB,
	 200000,
	 {0},
	 false,
	 MIG_POLICY_FORCE,
	 2,
	 2,
	 0},
};

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void a_world_ends_as_it_should(const struct world *w)
{
	struct mig_policy p;
	struct mig_policy_answer a = {0};
	uint64_t dirty = w->memory, bytes, usec = 0;
	unsigned throttles = 0;
	uint32_t n = 0;
	uint64_t rate = w->write_rate, line = w->line;

	if (w->args.bandwidth)
		line = least(line, w->args.bandwidth);
	mig_policy_begin(&p, &w->args);
	do {
		uint64_t scan = w->memory / 5000; /* 5 GB/s, in microseconds */

		bytes = dirty;
		usec = scan + bytes * 1000000 / line + w->rtt_usec;
		struct mig_policy_round r = {.bytes = bytes,
					     .usec = usec,
					     .scan_usec = w->memory / 5000 / 3,
					     .pages = w->memory / PAGE,
					     .dirty_pages = dirty / PAGE,
					     .rtt_usec = w->rtt_usec,
					     .fixed_usec = 25000};

		a = mig_policy_next(&p, &r);
		n++;
		assert_non_null(a.reason);
		assert_true(n <= 30);
		if (n == 1)
			assert_int_equal(a.what, MIG_POLICY_CONTINUE);
		if (a.what == MIG_POLICY_GO)
			assert_true(a.downtime_usec <= p.args.max_downtime_usec);
		if (a.what == MIG_POLICY_THROTTLE) {
			throttles++;
			assert_in_range(a.throttle_pct, 20, 90);
			if (w->obeys)
				rate = w->write_rate * (100 - a.throttle_pct) / 100;
		}
		dirty = least(w->hot, rate * (usec + a.wait_usec) / 1000000);
	} while (a.what == MIG_POLICY_CONTINUE || a.what == MIG_POLICY_THROTTLE);
	if (a.what != w->end || n < w->least || n > w->most || throttles < w->throttles)
		fail_msg("%s: ended with %d after %u rounds and %u throttles: %s, %llu us", w->name,
			 a.what, n, throttles, a.reason, (unsigned long long)a.downtime_usec);
	/* What it said of the pause holds, within half of it, where it said go. */
	if (a.what == MIG_POLICY_GO) {
		uint64_t real =
			dirty * 1000000 / line + w->memory / 15000 + 25000 + 2 * w->rtt_usec;

		if (real > a.downtime_usec * 3 / 2)
			fail_msg("%s: predicted %llu us, took %llu", w->name,
				 (unsigned long long)a.downtime_usec, (unsigned long long)real);
	}
}

static void worlds_end_as_they_should(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(worlds) / sizeof(worlds[0]); i++)
		a_world_ends_as_it_should(&worlds[i]);
}

static void without_a_line_nothing_is_promised(void **state)
{
	struct mig_policy p;
	struct mig_policy_args args = {.on_stall = MIG_STALL_AUTO, .max_iterations = 3};
	struct mig_policy_round r = {.usec = 1000, .pages = 100, .dirty_pages = 100};
	struct mig_policy_answer a;

	(void)state;
	mig_policy_begin(&p, &args);
	for (int i = 0; i < 2; i++) {
		a = mig_policy_next(&p, &r);
		assert_int_equal(a.what, MIG_POLICY_CONTINUE);
		assert_true(a.downtime_usec == UINT64_MAX);
	}
	a = mig_policy_next(&p, &r);
	assert_int_equal(a.what, MIG_POLICY_ABORT);
}

static void extremes_do_not_overflow(void **state)
{
	struct mig_policy p;
	struct mig_policy_args args = {.max_downtime_usec = UINT64_MAX,
				       .max_iterations = UINT32_MAX};
	struct mig_policy_round r = {.bytes = UINT64_MAX,
				     .usec = UINT64_MAX,
				     .scan_usec = 0,
				     .pages = UINT64_MAX / PAGE,
				     .dirty_pages = UINT64_MAX / PAGE,
				     .rtt_usec = UINT64_MAX,
				     .fixed_usec = UINT64_MAX,
				     .fs_left_bytes = UINT64_MAX};

	(void)state;
	mig_policy_begin(&p, &args);
	for (int i = 0; i < 5; i++)
		(void)mig_policy_next(&p, &r);
	r = (struct mig_policy_round){0};
	mig_policy_begin(&p, &(struct mig_policy_args){0});
	assert_int_equal(mig_policy_next(&p, &r).what, MIG_POLICY_CONTINUE);
	/* Nothing to carry, and nothing costs anything. */
	assert_int_equal(mig_policy_next(&p, &r).what, MIG_POLICY_GO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(worlds_end_as_they_should),
					   cmocka_unit_test(without_a_line_nothing_is_promised),
					   cmocka_unit_test(extremes_do_not_overflow)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
