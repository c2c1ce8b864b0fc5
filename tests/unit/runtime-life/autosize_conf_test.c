/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of runtime/life/autosize_conf: policy files, ranges, budgets, amounts. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "runtime/life/internal.h"
#include "tests/unit/story.h"
#include "base/ban.h"

#define MIB (UINT64_C(1) << 20)

static void test_ranges(void **state)
{
	struct autosize_range r = {0};

	(void)state;
	OK(life_autosize_range(AUTOSIZE_MEMORY, "128M..2G", "--memory", &r, &e));
	assert_true(r.has);
	assert_int_equal(r.min, 128 * MIB);
	assert_int_equal(r.max, 2048 * MIB);
	OK(life_autosize_range(AUTOSIZE_CPU, "0.25..4", "--cpus", &r, &e));
	assert_int_equal(r.min, 250000);
	assert_int_equal(r.max, 4000000);
	OK(life_autosize_range(AUTOSIZE_CPU, "1..1", "--cpus", &r, &e));
	OK(life_autosize_range(AUTOSIZE_CPU, "0.01..0.123456", "--cpus", &r, &e));
	assert_int_equal(r.max, 123456);
}

static void test_bad_ranges(void **state)
{
	static const struct {
		enum autosize_res res;
		const char *text, *has;
	} rows[] = {
		{AUTOSIZE_MEMORY, "", "is not a range such as 128M..2G"},
		{AUTOSIZE_MEMORY, "128M", "is not a range"},
		{AUTOSIZE_MEMORY, "128M..", "is not a range"},
		{AUTOSIZE_MEMORY, "..2G", "is not a range"},
		{AUTOSIZE_MEMORY, "128M..2G..3G", "is not a range"},
		{AUTOSIZE_MEMORY, "128M..max", "is not a range"},
		{AUTOSIZE_MEMORY, "-1..2G", "is not a range"},
		{AUTOSIZE_MEMORY, "2G..128M", "is reversed"},
		{AUTOSIZE_MEMORY, "1k..128M", "begins below the least, 1.0M"},
		{AUTOSIZE_CPU, "0.25..x", "is not a range such as 0.25..4"},
		{AUTOSIZE_CPU, "0.25..-1", "is not a range"},
		{AUTOSIZE_CPU, "0.2500001..1", "is not a range"},
		{AUTOSIZE_CPU, ".5..1", "is not a range"},
		{AUTOSIZE_CPU, "1...2", "is not a range"},
		{AUTOSIZE_CPU, "1..1e3", "is not a range"},
		{AUTOSIZE_CPU, "1..100000", "is not a range"},
		{AUTOSIZE_CPU, "0..1", "begins below the least, 0.01"},
		{AUTOSIZE_CPU, "4..2", "is reversed"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct autosize_range r = {0};
		err_clear(&e);
		if (life_autosize_range(rows[i].res, rows[i].text, "--x", &r, &e) == 0)
			fail_msg("taken: %s", rows[i].text);
		HAS("--x: ");
		HAS(rows[i].has);
		assert_false(r.has);
	}
}

static void test_budgets(void **state)
{
	static const char *const bad[] = {
		"",	      "memory",	 "memory=", "memory=x",	  "swap=1G",
		"memory=1G,", ",cpus=1", "cpus=-1", "memory=max", "memory=1G,memory=2G"};
	uint64_t v[AUTOSIZE_RES_N] = {1, 1};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		FAILS(EINVAL, life_autosize_budget(bad[i], "--budget", v, &e));
		HAS("--budget: ");
		assert_int_equal(v[0], 1);
	}
	OK(life_autosize_budget("memory=4G,cpus=3", "--budget", v, &e));
	assert_int_equal(v[AUTOSIZE_MEMORY], 4096 * MIB);
	assert_int_equal(v[AUTOSIZE_CPU], 3000000);
	OK(life_autosize_budget("cpus=1.5", "--budget", v, &e));
	assert_int_equal(v[AUTOSIZE_MEMORY], AUTOSIZE_NONE);
	assert_int_equal(v[AUTOSIZE_CPU], 1500000);
}

static void test_amounts(void **state)
{
	char t[AUTOSIZE_TEXT_MAX];

	(void)state;
	assert_string_equal(life_autosize_amount(AUTOSIZE_MEMORY, 128 * MIB, t), "128.0M");
	assert_string_equal(life_autosize_amount(AUTOSIZE_MEMORY, MIB / 2, t), "0.5M");
	assert_string_equal(life_autosize_amount(AUTOSIZE_MEMORY, AUTOSIZE_NONE, t), "max");
	assert_string_equal(life_autosize_amount(AUTOSIZE_CPU, 250000, t), "0.25");
	assert_string_equal(life_autosize_amount(AUTOSIZE_CPU, 1996000, t), "2.00");
	assert_string_equal(life_autosize_amount(AUTOSIZE_CPU, 4000000, t), "4.00");
}

static int parse(const char *text, struct arena *a, struct autosize_policy *ret)
{
	return life_autosize_policy_parse(text, strlen(text), "p.json", a, ret, &e);
}

static void test_policies(void **state)
{
	AUTO(arena) a = {0};
	struct autosize_policy p = {0}, d = {0};

	(void)state;
	OK(life_autosize_policy_load(NULL, &a, &d, &e));
	assert_int_equal(d.memory->grow.v, 30);
	assert_int_equal(d.cpu->grow.v, 50);
	OK(parse("{\"memory\": {\"grow\": 60}, \"check\": {\"firstMs\": 700},"
		 "\"containers\": {\"web\": {\"weight\": 300, \"memory\": \"64M..1G\"}}}",
		 &a, &p));
	assert_int_equal(p.memory->grow.v, 60);
	assert_int_equal(p.memory->calm.v, d.memory->calm.v);
	assert_int_equal(p.cpu->grow.v, 50);
	assert_int_equal(p.check->first.v, 700);
	assert_int_equal(p.containers.n, 1);
	assert_string_equal(p.containers.v[0].id, "web");
	assert_int_equal(p.containers.v[0].weight.v, 300);
	/* The defaults are nobody's to change. */
	OK(life_autosize_policy_load(NULL, &a, &d, &e));
	assert_int_equal(d.memory->grow.v, 30);
	OK(parse("{}", &a, &p));
}

static void test_bad_policies(void **state)
{
	static const struct {
		const char *text, *has;
	} rows[] = {
		{"", "p.json"},
		{"[]", "p.json"},
		{"{\"memory\": {\"grow\": 0}}", "p.json: memory.grow: "},
		{"{\"memory\": {\"grow\": \"x\"}}", "p.json: memory.grow: "},
		{"{\"memory\": {\"grwo\": 5}}", "p.json: memory: unknown property \"grwo\""},
		{"{\"cpus\": {}}", "unknown property \"cpus\""},
		{"{\"cpu\": {\"guard\": 5}}", "p.json: cpu: unknown property \"guard\""},
		{"{\"cpu\": {\"quiet\": 50}}",
		 "p.json: cpu: quiet (50) must be less than pressure"},
		{"{\"memory\": {\"calmMs\": 86400000}}", "memory: calmMs (86400000) is more than"},
		{"{\"check\": {\"windowMs\": 100}}", "p.json: check.windowMs: "},
		{"{\"check\": {\"firstMs\": 90000}}", "check: firstMs (90000) is more than"},
		{"{\"budget\": \"x\"}", "budget: \"x\" is not"},
		{"{\"containers\": {\"a\": {\"weight\": 0}}}", "containers.a.weight: "},
		{"{\"containers\": {\"a\": {\"cpus\": \"2..1\"}}}", "containers.a: cpus: "},
		{"{\"containers\": {\"a\": {\"memory\": \"2\"}}}", "containers.a: memory: "},
		{"{\"containers\": {\"a\": {\"x\": 1}}}", "unknown property \"x\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO(arena) a = {0};
		struct autosize_policy p = {0};
		FAILS(EINVAL, parse(rows[i].text, &a, &p));
		HAS(rows[i].has);
		assert_null(p.memory);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ranges),	 cmocka_unit_test(test_bad_ranges),
		cmocka_unit_test(test_budgets),	 cmocka_unit_test(test_amounts),
		cmocka_unit_test(test_policies), cmocka_unit_test(test_bad_policies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
