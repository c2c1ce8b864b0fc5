/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of runtime/life/autosize_policy: whole days of a container's life in a loop. A model plays
 * the container: what it needs, and what the kernel would tell of it at this limit.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "runtime/life/autosize_loop.h"
#include "tests/unit/story.h"
#include "base/ban.h"

#define MIB (UINT64_C(1) << 20)
#define SEC UINT64_C(1000000)
#define CPU AUTOSIZE_ONE_CPU

static struct arena arena;
static struct autosize_policy policy;

static int setup(void **state)
{
	(void)state;
	policy = (struct autosize_policy){0};
	OK(life_autosize_policy_load(NULL, &arena, &policy, &e));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

/* ---- the model ---- */

struct model {
	enum autosize_res res;
	struct autosize_range range;
	struct autosize_state st;
	uint64_t now, limit, need;
	uint64_t changes, grows, shrinks;
	struct autosize_decision d;
};

static struct model model_of(enum autosize_res res, uint64_t min, uint64_t max, uint64_t limit)
{
	return (struct model){
		.res = res, .range = {true, min, max}, .now = 100 * SEC, .limit = limit};
}

/* What the kernel would say: memory beyond the barrier is events and stalls, CPU beyond the quota
 * throttled periods. */
static struct autosize_sample look(const struct model *m)
{
	struct autosize_sample s = {.now = m->now, .limit = m->limit, .has_pressure = true};
	const uint64_t barrier = m->res == AUTOSIZE_MEMORY
					 ? life_autosize_barrier(&policy, &m->range, m->limit)
					 : m->limit;
	const uint64_t room = barrier == AUTOSIZE_NONE ? m->limit : barrier;
	const bool is_full = m->need >= room;

	s.used = s.need = is_full ? room : m->need;
	s.periods = 10;
	s.events = is_full ? 9 : 0;
	s.pressure = is_full ? 4000 : 0;
	return s;
}

static void step(struct model *m, uint64_t usec)
{
	m->now += usec;
	const struct autosize_sample s = look(m);

	life_autosize_decide(&policy, m->res, &m->range, &m->st, &s, &m->d);
	assert_true(m->d.to == m->limit || m->d.verdict != AUTOSIZE_STAY);
	if (m->d.verdict == AUTOSIZE_STAY)
		return;
	assert_true(m->d.verdict == AUTOSIZE_GROW ? m->d.to > m->limit : m->d.to < m->limit);
	assert_true(m->d.to >= m->range.min && m->d.to <= m->range.max);
	m->changes++;
	m->grows += m->d.verdict == AUTOSIZE_GROW;
	m->shrinks += m->d.verdict == AUTOSIZE_SHRINK;
	life_autosize_changed(&m->st, &s, m->d.to, m->now);
	m->limit = m->d.to;
}

static void run(struct model *m, uint64_t usec, uint64_t every)
{
	for (uint64_t end = m->now + usec; m->now < end;)
		step(m, every);
}

/* ---- growing ---- */

static void test_a_burst_grows_in_few_decisions(void **state)
{
	static const struct {
		enum autosize_res res;
		uint64_t min, max, need, decisions;
	} rows[] = {
		{AUTOSIZE_MEMORY, 128 * MIB, 2048 * MIB, 1024 * MIB, 10},
		{AUTOSIZE_MEMORY, 128 * MIB, 2048 * MIB, 300 * MIB, 5},
		{AUTOSIZE_MEMORY, 32 * MIB, 64 * MIB, 60 * MIB, 4},
		{AUTOSIZE_CPU, CPU / 4, 4 * CPU, 3 * CPU, 7},
		{AUTOSIZE_CPU, CPU / 4, 4 * CPU, CPU, 5},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct model m = model_of(rows[i].res, rows[i].min, rows[i].max, rows[i].min);

		m.need = rows[i].need;
		/* Every wake-up comes a second after the one before. */
		for (uint64_t k = 0; k < rows[i].decisions; k++)
			step(&m, SEC);
		assert_true(m.limit > rows[i].need);
		assert_int_equal(m.shrinks, 0);
		/* and then it stays */
		const uint64_t limit = m.limit;
		run(&m, 20 * SEC, SEC);
		assert_int_equal(m.limit, limit);
	}
}

static void test_never_above_the_range(void **state)
{
	struct model m = model_of(AUTOSIZE_MEMORY, 128 * MIB, 512 * MIB, 128 * MIB);

	(void)state;
	m.need = 4096 * MIB;
	run(&m, 60 * SEC, SEC / 10);
	assert_int_equal(m.limit, 512 * MIB);
	assert_int_equal(m.d.why, AUTOSIZE_WHY_TOP);
	assert_true(m.d.is_pressed);
	/* There the container has what any other has. */
	assert_int_equal(life_autosize_barrier(&policy, &m.range, m.limit), AUTOSIZE_NONE);
	assert_true(life_autosize_barrier(&policy, &m.range, 256 * MIB) < 256 * MIB);
}

static void test_growths_keep_their_distance(void **state)
{
	struct model m = model_of(AUTOSIZE_MEMORY, 128 * MIB, 65536 * MIB, 128 * MIB);

	(void)state;
	m.need = 60000 * MIB;
	step(&m, SEC);
	step(&m, 1000);
	assert_int_equal(m.grows, 1);
	assert_int_equal(m.d.why, AUTOSIZE_WHY_COOLDOWN);
	assert_true(m.d.wait_usec > 0 && m.d.wait_usec <= 200000);
	step(&m, m.d.wait_usec);
	assert_int_equal(m.grows, 2);
}

static void test_what_does_not_make_memory_grow(void **state)
{
	struct autosize_range range = {true, 128 * MIB, 2048 * MIB};
	const struct autosize_sample rows[] = {
		/* clean file pages fill the limit, and are dropped at no cost */
		{.limit = 256 * MIB, .used = 230 * MIB, .need = 90 * MIB, .events = 500},
		/* the host is short of memory, not the container */
		{.limit = 256 * MIB, .used = 90 * MIB, .need = 90 * MIB, .pressure = 6000},
		/* full, but nothing happens */
		{.limit = 256 * MIB, .used = 225 * MIB, .need = 225 * MIB},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct autosize_state st = {0};
		struct autosize_sample s = rows[i];
		struct autosize_decision d;

		s.now = SEC;
		life_autosize_decide(&policy, AUTOSIZE_MEMORY, &range, &st, &s, &d);
		assert_int_equal(d.verdict, AUTOSIZE_STAY);
		assert_false(d.is_pressed);
	}
}

static void test_what_makes_memory_grow(void **state)
{
	struct autosize_range range = {true, 128 * MIB, 2048 * MIB};
	const struct {
		struct autosize_sample s;
		enum autosize_why why;
	} rows[] = {
		{{.limit = 256 * MIB, .used = 230 * MIB, .need = 220 * MIB, .events = 1},
		 AUTOSIZE_WHY_EVENTS},
		/* a cache that is read again and again: its tasks wait */
		{{.limit = 256 * MIB, .used = 230 * MIB, .need = 90 * MIB, .pressure = 1000},
		 AUTOSIZE_WHY_PRESSURE},
		{{.limit = 256 * MIB, .used = 100 * MIB, .need = 90 * MIB, .ooms = 1},
		 AUTOSIZE_WHY_OOM},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct autosize_state st = {0};
		struct autosize_sample s = rows[i].s;
		struct autosize_decision d;

		s.now = SEC;
		life_autosize_decide(&policy, AUTOSIZE_MEMORY, &range, &st, &s, &d);
		assert_int_equal(d.verdict, AUTOSIZE_GROW);
		assert_int_equal(d.why, rows[i].why);
		assert_true(d.to >= 256 * MIB / 4 * 5);
	}
}

static void test_cpu_pressure_without_throttling_is_no_reason(void **state)
{
	struct autosize_range range = {true, CPU / 4, 4 * CPU};
	struct autosize_state st = {0};
	struct autosize_sample s = {.now = SEC,
				    .limit = CPU,
				    .used = CPU / 2,
				    .need = CPU / 2,
				    .pressure = 9000,
				    .events = 1,
				    .periods = 1};
	struct autosize_decision d;

	(void)state;
	life_autosize_decide(&policy, AUTOSIZE_CPU, &range, &st, &s, &d);
	assert_int_equal(d.verdict, AUTOSIZE_STAY);
	s.events = s.periods = 5;
	life_autosize_decide(&policy, AUTOSIZE_CPU, &range, &st, &s, &d);
	assert_int_equal(d.verdict, AUTOSIZE_GROW);
}

/* ---- shrinking ---- */

static void test_calm_shrinks_to_the_need_and_stays(void **state)
{
	static const struct {
		enum autosize_res res;
		uint64_t min, max, need;
	} rows[] = {
		{AUTOSIZE_MEMORY, 64 * MIB, 2048 * MIB, 200 * MIB},
		{AUTOSIZE_MEMORY, 64 * MIB, 2048 * MIB, 1 * MIB},
		{AUTOSIZE_CPU, CPU / 4, 4 * CPU, CPU},
		{AUTOSIZE_CPU, CPU / 4, 4 * CPU, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct model m = model_of(rows[i].res, rows[i].min, rows[i].max, rows[i].max);
		const struct autosize_rules *r = life_autosize_rules(&policy, rows[i].res);
		const uint64_t goal = life_autosize_goal(&policy, m.res, &m.range, rows[i].need);

		m.need = rows[i].need;
		/* Not a byte before the calm is over. */
		run(&m, (uint64_t)r->calm.v * 1000 - 2 * SEC, SEC);
		assert_int_equal(m.changes, 0);
		assert_int_equal(m.d.why, AUTOSIZE_WHY_CALM);
		const uint64_t before = m.limit;
		run(&m, 4 * SEC, SEC);
		assert_int_equal(m.shrinks, 1);
		assert_true(m.limit >= before * 79 / 100); /* a small step */
		run(&m, 600 * SEC, SEC);
		assert_int_equal(m.grows, 0);
		assert_true(m.limit >= goal && m.limit <= goal + goal / 8);
		assert_true(m.limit >= rows[i].need);
		const uint64_t changes = m.changes;
		run(&m, 3600 * SEC, 5 * SEC);
		assert_int_equal(m.changes, changes);
		assert_int_equal(m.d.wait_usec, 0); /* time alone changes nothing any more */
	}
}

/* The need of the whole calm counts, not that of its last moment. */
static void test_peaks_in_the_calm_are_kept(void **state)
{
	struct model m = model_of(AUTOSIZE_MEMORY, 64 * MIB, 1024 * MIB, 1024 * MIB);

	(void)state;
	m.need = 100 * MIB;
	run(&m, 10 * SEC, SEC);
	m.need = 600 * MIB;
	step(&m, SEC);
	m.need = 100 * MIB;
	run(&m, 21 * SEC, SEC);
	assert_int_equal(m.shrinks, 1);
	assert_true(m.limit >= 600 * MIB * 125 / 100);
}

/* A plateau of hours, at which nothing is to be done, is forgotten once it is over. */
static void test_the_need_of_long_ago_is_forgotten(void **state)
{
	struct model m = model_of(AUTOSIZE_MEMORY, 64 * MIB, 1024 * MIB, 64 * MIB);

	(void)state;
	m.need = 700 * MIB;
	run(&m, 3 * 3600 * SEC, 60 * SEC);
	assert_true(m.limit > 700 * MIB);
	m.need = 100 * MIB;
	step(&m, SEC);
	assert_true(m.d.wait_usec > 0);
	run(&m, 300 * SEC, 5 * SEC);
	assert_true(m.limit < 160 * MIB);
}

static void test_a_load_that_swings_does_not_flap(void **state)
{
	static const struct {
		enum autosize_res res;
		uint64_t min, max, low, high, period_s;
	} rows[] = {
		{AUTOSIZE_MEMORY, 64 * MIB, 2048 * MIB, 100 * MIB, 800 * MIB, 10},
		{AUTOSIZE_MEMORY, 64 * MIB, 2048 * MIB, 100 * MIB, 800 * MIB, 60},
		{AUTOSIZE_MEMORY, 64 * MIB, 2048 * MIB, 100 * MIB, 800 * MIB, 120},
		{AUTOSIZE_CPU, CPU / 4, 4 * CPU, CPU / 10, 2 * CPU, 10},
		{AUTOSIZE_CPU, CPU / 4, 4 * CPU, CPU / 10, 2 * CPU, 90},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct model m = model_of(rows[i].res, rows[i].min, rows[i].max, rows[i].min);

		/* Two hours to learn, then a day. */
		for (uint64_t t = 0; t < 26 * 3600; t++) {
			m.need = t / rows[i].period_s % 2 ? rows[i].high : rows[i].low;
			step(&m, SEC);
			if (t == 2 * 3600)
				m.changes = m.shrinks = 0;
		}
		/* An episode of a few steps an hour, to see whether it still swings; one that
		   followed each swing would make thousands. */
		assert_true(m.shrinks <= 24 * 12);
		if (rows[i].period_s <= 10)
			assert_int_equal(m.changes, 0);
	}
}

static void test_a_shrink_that_hurt_makes_the_next_one_later(void **state)
{
	struct model m = model_of(AUTOSIZE_MEMORY, 64 * MIB, 1024 * MIB, 1024 * MIB);
	uint64_t last = 0;

	(void)state;
	for (int i = 0; i < 4; i++) {
		m.need = 100 * MIB;
		const uint64_t shrinks = m.shrinks;
		const uint64_t since = m.now;
		while (m.shrinks == shrinks && m.now - since < 3600 * SEC)
			step(&m, SEC);
		assert_int_equal(m.shrinks, shrinks + 1);
		const uint64_t calm = m.now - since;
		assert_true(i == 0 || calm >= last * 3 / 2);
		last = calm;
		m.need = m.limit; /* at once it is needed */
		run(&m, 3 * SEC, SEC);
		assert_true(m.limit > m.need);
	}
	assert_true(m.st.calm_usec > 200 * SEC);
	/* Trust comes back. */
	m.need = 10 * MIB;
	run(&m, 7200 * SEC, SEC);
	assert_true(m.st.calm_usec <= 120 * SEC);
}

static void test_a_refused_shrink_backs_off(void **state)
{
	struct model m = model_of(AUTOSIZE_MEMORY, 64 * MIB, 1024 * MIB, 1024 * MIB);
	uint64_t refused = 0;

	(void)state;
	m.need = 100 * MIB;
	for (uint64_t t = 0; t < 3600; t++) {
		m.now += SEC;
		const struct autosize_sample s = look(&m);
		life_autosize_decide(&policy, m.res, &m.range, &m.st, &s, &m.d);
		if (m.d.verdict != AUTOSIZE_SHRINK)
			continue;
		refused++;
		life_autosize_refused(&policy, m.res, &m.st, 1000 * MIB, m.now);
	}
	/* 30 + 60 + 120 + ... s: seven would take more than an hour */
	assert_true(refused >= 3 && refused <= 7);
}

static void test_after_a_refusal_the_floor_is_asked_for(void **state)
{
	struct model m = model_of(AUTOSIZE_MEMORY, 64 * MIB, 1024 * MIB, 1024 * MIB);

	(void)state;
	m.need = 100 * MIB;
	for (int i = 0; i < 3600 && !m.shrinks; i++)
		step(&m, SEC);
	assert_int_equal(m.d.verdict, AUTOSIZE_SHRINK);
	m.limit = 1024 * MIB;
	life_autosize_refused(&policy, m.res, &m.st, 900 * MIB, m.now);
	m.shrinks = 0;
	for (int i = 0; i < 3600 && !m.shrinks; i++)
		step(&m, SEC);
	assert_int_equal(m.limit, 900 * MIB);
}

/* ---- the range ---- */

static void test_enters_its_range(void **state)
{
	struct model m = model_of(AUTOSIZE_MEMORY, 128 * MIB, 512 * MIB, AUTOSIZE_NONE);

	(void)state;
	m.need = 10 * MIB;
	step(&m, SEC);
	assert_int_equal(m.limit, 512 * MIB);
	assert_int_equal(m.d.why, AUTOSIZE_WHY_ENTER);
	m = model_of(AUTOSIZE_MEMORY, 128 * MIB, 512 * MIB, 32 * MIB);
	step(&m, SEC);
	assert_int_equal(m.limit, 128 * MIB);
	/* Refused: not again at every look. */
	m = model_of(AUTOSIZE_MEMORY, 128 * MIB, 512 * MIB, 1024 * MIB);
	m.need = 700 * MIB;
	const struct autosize_sample s = look(&m);
	life_autosize_decide(&policy, m.res, &m.range, &m.st, &s, &m.d);
	assert_int_equal(m.d.verdict, AUTOSIZE_SHRINK);
	life_autosize_refused(&policy, m.res, &m.st, 700 * MIB, m.now);
	step(&m, SEC);
	assert_int_equal(m.d.verdict, AUTOSIZE_STAY);
	assert_true(m.d.wait_usec > 0);
}

/* ---- the budget ---- */

static void test_share(void **state)
{
	struct autosize_claim v[] = {{.min = 100, .wish = 300, .weight = 100},
				     {.min = 100, .wish = 900, .weight = 300}};

	(void)state;
	assert_true(life_autosize_share(2000, v, 2)); /* all wishes fit */
	assert_int_equal(v[0].grant, 300);
	assert_int_equal(v[1].grant, 900);
	assert_true(life_autosize_share(800, v, 2)); /* 1 : 3 */
	assert_in_range(v[0].grant, 199, 200);
	assert_in_range(v[1].grant, 599, 600);
	assert_true(life_autosize_share(1100, v, 2)); /* 275 : 825 */
	assert_in_range(v[0].grant, 274, 275);
	assert_true(life_autosize_share(250, v, 2)); /* nobody below his least */
	assert_int_equal(v[0].grant, 100);
	assert_in_range(v[1].grant, 149, 150);
	assert_true(life_autosize_share(200, v, 2));
	assert_int_equal(v[0].grant + v[1].grant, 200);
	assert_false(life_autosize_share(199, v, 2));
	v[0].wish = 150; /* what one leaves the other gets */
	assert_true(life_autosize_share(900, v, 2));
	assert_int_equal(v[0].grant, 150);
	assert_in_range(v[1].grant, 749, 750);
}

/* minChange of the giver or of the getter: a small one is not kept small because what it asks for
 * is little to the large one. */
static void test_what_is_worth_a_change(void **state)
{
	const struct autosize_rules *r = policy.cpu;

	(void)state;
	assert_int_equal(r->min_change.v, 10);
	assert_true(life_autosize_is_worth(r, 70, 7, 1000, 7));
	/* 4 % of the one, 30 % of the other; and one of ten that give */
	assert_true(life_autosize_is_worth(r, 700, 30, 100, 30));
	assert_true(life_autosize_is_worth(r, 700, 5, 100, 50));
	assert_false(life_autosize_is_worth(r, 220, 20, 580, 20));
}

static uint64_t draw(uint64_t *seed, uint64_t n)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (*seed >> 33) % n;
}

static void test_the_budget_is_never_exceeded(void **state)
{
	uint64_t seed = 42;

	(void)state;
	for (int round = 0; round < 10000; round++) {
		struct autosize_claim v[8];
		const size_t n = 1 + (size_t)draw(&seed, 8);
		uint64_t least = 0, wishes = 0, sum = 0;

		for (size_t i = 0; i < n; i++) {
			v[i] = (struct autosize_claim){
				.min = (1 + draw(&seed, 256)) * MIB,
				.weight = 1 + (uint32_t)draw(&seed, AUTOSIZE_WEIGHT_MAX)};
			v[i].wish = v[i].min + draw(&seed, 4096) * MIB;
			least += v[i].min;
			wishes += v[i].wish;
		}
		const uint64_t budget =
			draw(&seed, 2) ? least + draw(&seed, 4096) * MIB : draw(&seed, 8192) * MIB;
		const bool is_possible = life_autosize_share(budget, v, n);
		assert_int_equal(is_possible, least <= budget);
		for (size_t i = 0; i < n; i++) {
			assert_true(v[i].grant >= v[i].min && v[i].grant <= v[i].wish);
			sum += v[i].grant;
		}
		if (!is_possible)
			continue;
		assert_true(sum <= budget);
		/* and nothing of it is wasted: at most a few bytes of rounding */
		assert_true(sum + 100 * n >= (wishes < budget ? wishes : budget));
	}
}

/* ---- samples ---- */

static void test_samples(void **state)
{
	struct autosize_counts a = {.at = 10 * SEC}, b = {.at = 70 * SEC};
	struct autosize_sample s;

	(void)state;
	a.memory.has_pressure = b.memory.has_pressure = true;
	b.memory.used = 100 * MIB;
	b.memory.idle = 30 * MIB;
	b.memory.stall_usec = 300000;
	life_autosize_sample(AUTOSIZE_MEMORY, &a, &b, 0, &s);
	assert_int_equal(s.need, 70 * MIB);
	assert_int_equal(s.pressure, 50); /* 0.5 % of a minute */
	/* A trigger says that it was in the last second. */
	life_autosize_sample(AUTOSIZE_MEMORY, &a, &b, SEC, &s);
	assert_int_equal(s.pressure, 3000);
	a.cpu.usage_usec = 5 * SEC;
	b.cpu.usage_usec = 35 * SEC;
	a.cpu.periods = 100;
	b.cpu.periods = 700;
	b.cpu.throttled = 30;
	b.cpu.throttled_usec = 200000;
	life_autosize_sample(AUTOSIZE_CPU, &a, &b, 0, &s);
	assert_int_equal(s.used, CPU / 2);
	assert_int_equal(s.pressure, 500); /* 30 of 600 */
	life_autosize_sample(AUTOSIZE_CPU, &a, &b, SEC, &s);
	assert_int_equal(s.pressure, 2000);
	/* The same moment, and counters that went back: nothing. */
	life_autosize_sample(AUTOSIZE_CPU, &b, &b, 0, &s);
	assert_int_equal(s.used, 0);
	life_autosize_sample(AUTOSIZE_CPU, &b, &a, SEC, &s);
	assert_int_equal(s.events + s.pressure + s.used, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(test_a_burst_grows_in_few_decisions),
		T(test_never_above_the_range),
		T(test_growths_keep_their_distance),
		T(test_what_does_not_make_memory_grow),
		T(test_what_makes_memory_grow),
		T(test_cpu_pressure_without_throttling_is_no_reason),
		T(test_calm_shrinks_to_the_need_and_stays),
		T(test_peaks_in_the_calm_are_kept),
		T(test_the_need_of_long_ago_is_forgotten),
		T(test_a_load_that_swings_does_not_flap),
		T(test_a_shrink_that_hurt_makes_the_next_one_later),
		T(test_a_refused_shrink_backs_off),
		T(test_after_a_refusal_the_floor_is_asked_for),
		T(test_enters_its_range),
		T(test_share),
		T(test_what_is_worth_a_change),
		T(test_the_budget_is_never_exceeded),
		T(test_samples),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
