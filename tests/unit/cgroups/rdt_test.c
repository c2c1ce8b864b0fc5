// SPDX-License-Identifier: Apache-2.0
/* Tests of cgroups/rdt on a fixture tree in place of resctrl: no machine of ours has RDT. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "cgroups/internal.h"
#include "fixture.h"
#include "base/ban.h"

#define ROOT_SCHEMATA "    MB:0=100;1=100\n    L3:0=fffff;1=fffff\n"

static struct fixture f;

static int set_up(void **state)
{
	(void)state;
	fixture_make(&f);
	fixture_put(&f, "schemata", ROOT_SCHEMATA);
	cg_rdt_root_for_test(f.fd);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	cg_rdt_root_for_test(-1);
	fixture_done(&f);
	return 0;
}

static bool is_there(const char *name)
{
	return faccessat(f.fd, name, F_OK, 0) == 0;
}

/* A group that somebody made before, with this schemata. */
static void group(const char *name, const char *schemata)
{
	char file[128];

	assert_int_equal(mkdirat(f.fd, name, 0700), 0);
	snprintf(file, sizeof(file), "%s/schemata", name);
	fixture_put(&f, file, schemata);
}

static void make(const struct spec_intel_rdt *rdt, struct cg_rdt *r)
{
	struct err e = ERR_INIT;

	assert_int_equal(cg_rdt_plan(rdt, "box", r, &e), 0);
	assert_int_equal(cg_rdt_make(r, rdt, &e), 0);
}

static void plan_fails(const struct spec_intel_rdt *rdt, const char *text)
{
	struct err e = ERR_INIT;
	struct cg_rdt r;

	assert_true(cg_rdt_plan(rdt, "box", &r, &e) < 0);
	if (!strstr(e.text, text))
		fail_msg("%s", e.text);
	assert_non_null(strstr(e.text, "linux.intelRdt"));
}

static void L09_without_a_closID_the_group_bears_the_containers_id(void **state)
{
	struct spec_intel_rdt rdt = {0};
	struct err e = ERR_INIT;
	struct cg_rdt r;

	(void)state;
	make(&rdt, &r);
	assert_true(is_there("box"));
	assert_false(is_there("box/schemata")); /* nothing was asked for */
	assert_int_equal(cg_rdt_join(&r, 4711, &e), 0);
	assert_string_equal(fixture_get(&f, "box/tasks"), "4711\n");
	plan_fails(&rdt, "a group \"box\" exists already");
}

static void L09_a_closID_without_a_schema_must_be_there(void **state)
{
	struct spec_intel_rdt rdt = {.clos_id = (char *)"gold"};
	struct err e = ERR_INIT;
	struct cg_rdt r;

	(void)state;
	plan_fails(&rdt, "there is no group \"gold\"");
	assert_false(is_there("gold"));
	group("gold", "L3:0=ff\n");
	make(&rdt, &r);
	assert_int_equal(cg_rdt_join(&r, 5, &e), 0);
	assert_string_equal(fixture_get(&f, "gold/tasks"), "5\n");
	assert_string_equal(fixture_get(&f, "gold/schemata"), "L3:0=ff\n");
}

static void L09_a_slash_is_the_root_group(void **state)
{
	struct spec_intel_rdt rdt = {.clos_id = (char *)"/"};
	struct err e = ERR_INIT;
	struct cg_rdt r;

	(void)state;
	make(&rdt, &r);
	assert_int_equal(cg_rdt_join(&r, 5, &e), 0);
	assert_string_equal(fixture_get(&f, "tasks"), "5\n");
	assert_int_equal(cg_rdt_remove(&r, false, &e), 0);
	rdt.l3_cache_schema = (char *)"L3:0=f";
	plan_fails(&rdt, "the group \"/\" exists and its schemata are not \"L3:0=f\"");
}

static void L09_a_link_is_no_group(void **state)
{
	struct spec_intel_rdt rdt = {.clos_id = (char *)"gold"};

	(void)state;
	assert_int_equal(symlinkat("/tmp", f.fd, "gold"), 0);
	plan_fails(&rdt, "open the group \"gold\"");
}

static void L10_schemas_are_written_to_a_new_group(void **state)
{
	static const struct {
		const char *l3, *mb, *want;
	} rows[] = {
		{"L3:0=7f0;1=1f", NULL, "L3:0=7f0;1=1f\n"},
		{NULL, "MB:0=20;1=70", "MB:0=20;1=70\n"},
		{"L3:0=f", "MB:0=20", "L3:0=f\nMB:0=20\n"},
		/* the lines of MB in l3CacheSchema give way to memBwSchema, and only to it */
		{"L3CODE:0=f\nMB:0=90\nL3DATA:0=3\n", "MB:0=20",
		 "L3CODE:0=f\nL3DATA:0=3\nMB:0=20\n"},
		{"L3:0=f\nMB:0=90", NULL, "L3:0=f\nMB:0=90\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct spec_intel_rdt rdt = {.clos_id = (char *)"gold",
					     .l3_cache_schema = (char *)rows[i].l3,
					     .mem_bw_schema = (char *)rows[i].mb};
		struct err e = ERR_INIT;
		struct cg_rdt r;

		make(&rdt, &r);
		assert_string_equal(fixture_get(&f, "gold/schemata"), rows[i].want);
		assert_int_equal(cg_rdt_remove(&r, true, &e), 0);
		assert_false(is_there("gold"));
	}
}

static void L10_a_group_of_another_schema_is_an_error(void **state)
{
	struct spec_intel_rdt rdt = {.clos_id = (char *)"gold",
				     .l3_cache_schema = (char *)"L3:0=7F0;1=01f"};
	struct cg_rdt r;

	(void)state;
	group("gold", "    MB:0=20;1= 70\n    L3:0=007f0;1=1f\n");
	make(&rdt, &r); /* the same, spelt otherwise */
	rdt.l3_cache_schema = (char *)"L3:1=1f";
	make(&rdt, &r);
	assert_string_equal(fixture_get(&f, "gold/schemata"),
			    "    MB:0=20;1= 70\n    L3:0=007f0;1=1f\n");
	rdt.l3_cache_schema = (char *)"L3:0=7f1;1=1f";
	plan_fails(&rdt, "l3CacheSchema: the group \"gold\" exists and its schemata are not");
	rdt.l3_cache_schema = (char *)"L3:2=1f";
	plan_fails(&rdt, "has no such domain");
	rdt.l3_cache_schema = NULL;
	rdt.mem_bw_schema = (char *)"MB:0=30";
	plan_fails(&rdt, "memBwSchema: the group \"gold\" exists");
	rdt.mem_bw_schema = (char *)"MB:0=20;1=70";
	make(&rdt, &r);
	char *lines[] = {(char *)"L2:0=f", NULL};
	rdt.schemata = (struct strvec){lines, 1};
	plan_fails(&rdt, "schemata: the group \"gold\" exists and has no such domain");
}

static void L10_compare(void **state)
{
	static const char text[] = "    L3:0=fffff;1=0\n    MB:0=100;1= 10\n SMBA:0=2048\n";
	static const struct {
		const char *line;
		int want;
	} rows[] = {
		{"L3:0=fffff;1=0", 0},	{"L3:0=0xfffff", 0},
		{" L3 : 1 = 0 ", 0},	{"L3:1=00;", 0},
		{"L3:0=ffff", -EINVAL}, {"L3:1=g", -EINVAL},
		{"MB:0=100;1=10", 0},	{"MB:0=64", -EINVAL},
		{"SMBA:0=2048", 0},	{"SMBA:0=800", -EINVAL},
		{"L2:0=f", -ENOENT},	{"L3:7=f", -ENOENT},
		{"L3:0", -EINVAL},	{"L3:", 0},
		{"", -ENOENT},		{"L3:0=fffff;;1=0", 0},
		{"L3:0=", -EINVAL},	{"L3:0=11111111111111111", -EINVAL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int r = cg_rdt_compare(rows[i].line, strlen(rows[i].line), text);

		if (r != rows[i].want)
			fail_msg("\"%s\": %d", rows[i].line, r);
	}
}

static void L11_schemata_come_last_line_by_line(void **state)
{
	char *lines[] = {(char *)"L3:0=3", (char *)"", (char *)"MB:0=10", NULL};
	struct spec_intel_rdt rdt = {.clos_id = (char *)"gold",
				     .l3_cache_schema = (char *)"L3:0=f",
				     .mem_bw_schema = (char *)"MB:0=20",
				     .schemata = {lines, 3}};
	struct cg_rdt r;

	(void)state;
	make(&rdt, &r);
	assert_string_equal(fixture_get(&f, "gold/schemata"), "L3:0=f\nMB:0=20\nL3:0=3\nMB:0=10\n");
}

static void L12_monitoring_has_a_group_of_its_own(void **state)
{
	struct spec_intel_rdt rdt = {.clos_id = (char *)"gold", .enable_monitoring = {true, true}};
	struct err e = ERR_INIT;
	struct cg_rdt r;

	(void)state;
	group("gold", "L3:0=ff\n");
	make(&rdt, &r);
	assert_int_equal(cg_rdt_join(&r, 12, &e), 0);
	assert_string_equal(fixture_get(&f, "gold/tasks"), "12\n");
	assert_string_equal(fixture_get(&f, "gold/mon_groups/box/tasks"), "12\n");
	assert_int_equal(cg_rdt_remove(&r, false, &e), 0);
	assert_false(is_there("gold/mon_groups/box"));
	assert_true(is_there("gold"));
}

static void L13_only_the_containers_own_group_goes(void **state)
{
	struct spec_intel_rdt own = {.l3_cache_schema = (char *)"L3:0=f"};
	struct spec_intel_rdt named = {.clos_id = (char *)"gold",
				       .l3_cache_schema = (char *)"L3:0=f"};
	struct err e = ERR_INIT;
	struct cg_rdt r;

	(void)state;
	make(&own, &r);
	assert_true(is_there("box"));
	assert_int_equal(cg_rdt_remove(&r, false, &e), 0);
	assert_false(is_there("box"));
	assert_int_equal(cg_rdt_remove(&r, false, &e), 0); /* as often as one likes */
	make(&named, &r);
	assert_int_equal(cg_rdt_remove(&r, false, &e), 0);
	assert_true(is_there("gold"));
	/* A create that fails takes back what it made, and nothing else. */
	make(&named, &r);
	assert_int_equal(cg_rdt_remove(&r, true, &e), 0);
	assert_true(is_there("gold"));
}

static void L14_no_resctrl_is_an_error(void **state)
{
	struct spec_intel_rdt rdt = {0};

	(void)state;
	cg_rdt_root_for_test(-1);
	plan_fails(&rdt, "no resctrl file system is mounted");
}

static void L14_where_it_is_mounted(void **state)
{
	static const char other[] = "22 1 0:21 / /sys rw - sysfs sysfs rw\n"
				    "23 1 0:22 / /resctrl rw - tmpfs resctrl rw\n";
	char text[512], path[64];

	(void)state;
	assert_int_equal(cg_rdt_find_mount("", path, sizeof(path)), -ENOENT);
	assert_int_equal(cg_rdt_find_mount(other, path, sizeof(path)), -ENOENT);
	snprintf(text, sizeof(text),
		 "%s24 22 0:30 / /sys/fs/resctrl rw,relatime shared:7 - resctrl "
		 "resctrl rw\n",
		 other);
	assert_int_equal(cg_rdt_find_mount(text, path, sizeof(path)), 0);
	assert_string_equal(path, "/sys/fs/resctrl");
	assert_int_equal(cg_rdt_find_mount("1 2 0:3 / /a\\040b\\134 rw - resctrl none rw", path,
					   sizeof(path)),
			 0);
	assert_string_equal(path, "/a b\\");
	assert_int_equal(cg_rdt_find_mount("1 2 - resctrl none rw", path, sizeof(path)), -ENOENT);
	assert_int_equal(cg_rdt_find_mount(text, path, 8), -ENAMETOOLONG);
}

static void U108_update_writes_or_says_why_not(void **state)
{
	struct spec_intel_rdt rdt = {.l3_cache_schema = (char *)"L3:0=f"};
	struct err e = ERR_INIT;
	struct cg_rdt r, none = {0};

	(void)state;
	make(&rdt, &r);
	assert_int_equal(cg_rdt_update(&r, "L3:0=7", "MB:0=50", &e), 0);
	assert_string_equal(fixture_get(&f, "box/schemata"), "L3:0=f\nL3:0=7\nMB:0=50\n");
	assert_int_equal(cg_rdt_update(&none, NULL, NULL, &e), 0);
	assert_int_equal(cg_rdt_update(&none, "L3:0=7", NULL, &e), -EINVAL);
	assert_non_null(strstr(e.text, "made without linux.intelRdt"));
	assert_int_equal(cg_rdt_update(NULL, NULL, "MB:0=1", &e), -EINVAL);
	assert_int_equal(cg_rdt_update(&r, NULL, "L3:0=1", &e), -EINVAL);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(L09_without_a_closID_the_group_bears_the_containers_id),
		T(L09_a_closID_without_a_schema_must_be_there),
		T(L09_a_slash_is_the_root_group),
		T(L09_a_link_is_no_group),
		T(L10_schemas_are_written_to_a_new_group),
		T(L10_a_group_of_another_schema_is_an_error),
		T(L10_compare),
		T(L11_schemata_come_last_line_by_line),
		T(L12_monitoring_has_a_group_of_its_own),
		T(L13_only_the_containers_own_group_goes),
		T(L14_no_resctrl_is_an_error),
		T(L14_where_it_is_mounted),
		T(U108_update_writes_or_says_why_not),
	};
	return cmocka_run_group_tests_name("cgroups/rdt", tests, NULL, NULL);
}
