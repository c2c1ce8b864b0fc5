// SPDX-License-Identifier: Apache-2.0
/* Tests of cgroups/update and cgroups/stats on a fixture tree of plain files. A write replaces the
 * first bytes of such a file, so old and new texts here are of one length. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "fixture.h"
#include "base/file.h"
#include "base/log.h"
#include "base/str.h"
#include "cgroups/internal.h"
#include "base/ban.h"

static struct fixture fix;
static struct cg cg;
static struct err e;
static struct spec_resources want, force;
static struct spec_cpu cpu, force_cpu;
static struct spec_memory memory, force_memory;
static struct spec_pids pids;
static struct spec_block_io io;
static struct spec_linux linux_;
static struct spec_config conf;
static char log_path[64];

#define SET(field, value) ((field).has = true, (field).v = (value))

static int setup(void **state)
{
	(void)state;
	fixture_make(&fix);
	cg = (struct cg)CG_NONE;
	cg.dir_fd = fix.fd; /* borrowed: no cg_done() */
	str_copy(cg.path, sizeof(cg.path), "/t");
	want = (struct spec_resources){0};
	force = (struct spec_resources){0};
	cpu = force_cpu = (struct spec_cpu){0};
	memory = force_memory = (struct spec_memory){0};
	pids = (struct spec_pids){0};
	io = (struct spec_block_io){0};
	linux_ = (struct spec_linux){0};
	conf = (struct spec_config){.linux_ = &linux_};
	err_clear(&e);
	cg_where_root_for_test(fix.fd);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	cg_where_root_for_test(-1);
	fixture_done(&fix);
	return 0;
}

static int update(void)
{
	AUTO(cg_update) u = {.want = &want, .force = &force, .conf = &conf};

	return cg_update(&cg, &u, &e);
}

/* The place of "to FILE" in the log since `from`; files are named once in a test. */
static long place(const char *file)
{
	AUTO(buf) text = {0}, needle = {0};

	assert_int_equal(file_read_path(log_path, 1 << 20, &text), 0);
	buf_printf(&needle, " to %s", file);
	const char *at = NULL;
	for (const char *s = text.data; (s = strstr(s, needle.data)); s++)
		at = s;
	assert_non_null(at);
	return at - text.data;
}

static void V02_V03_half_a_bandwidth_keeps_the_other(void **state)
{
	(void)state;
	want.cpu = &cpu;
	fixture_put(&fix, "cpu.max", "50000 100000\n");
	SET(cpu.quota, 60000);
	assert_int_equal(update(), 0);
	assert_string_equal(fixture_get(&fix, "cpu.max"), "60000 100000\n");
	cpu = (struct spec_cpu){0};
	SET(cpu.period, 200000);
	assert_int_equal(update(), 0);
	assert_string_equal(fixture_get(&fix, "cpu.max"), "60000 200000\n");
	fixture_put(&fix, "cpu.max", "max 200000\n");
	SET(cpu.period, 300000);
	assert_int_equal(update(), 0);
	assert_string_equal(fixture_get(&fix, "cpu.max"), "max 300000\n");
	/* Without a controller there is no limit to lift. */
	cpu = (struct spec_cpu){0};
	SET(cpu.quota, -1);
	unlinkat(fix.fd, "cpu.max", 0);
	assert_int_equal(update(), 0);
}

static void V02_V03_a_half_that_cannot_be_read_is_not_no_limit(void **state)
{
	(void)state;
	want.cpu = &cpu;
	SET(cpu.period, 200000);
	assert_int_equal(mkdirat(fix.fd, "cpu.max", 0700), 0);
	assert_int_equal(update(), -EISDIR);
	assert_string_equal(e.text, "read cpu.max of cgroup \"/t\": is a directory");
}

static void V06_burst_against_the_quota_in_force(void **state)
{
	(void)state;
	want.cpu = &cpu;
	fixture_put(&fix, "cpu.max", "50000 100000\n");
	fixture_put(&fix, "cpu.max.burst", "20000\n");
	SET(cpu.burst, 60000);
	assert_int_equal(update(), -EINVAL);
	assert_string_equal(e.text,
			    "linux.resources.cpu.burst: 60000 is more than the quota, 50000");
	cpu = (struct spec_cpu){0};
	SET(cpu.quota, 10000);
	assert_int_equal(update(), -EINVAL);
	assert_string_equal(e.text, "linux.resources.cpu.quota: 10000 is less than the burst in "
				    "force, 20000: lower cpu.burst as well");
	assert_string_equal(fixture_get(&fix, "cpu.max"), "50000 100000\n");
}

static void V07_idle_and_weight(void **state)
{
	(void)state;
	want.cpu = &cpu;
	force.cpu = &force_cpu;
	fixture_put(&fix, "cpu.idle", "1\n");
	fixture_put(&fix, "cpu.weight", "000\n");
	SET(cpu.shares, 1024);
	assert_int_equal(update(), 0);
	assert_string_equal(fixture_get(&fix, "cpu.weight"), "000\n");
	cpu = (struct spec_cpu){0};
	SET(cpu.idle, 0);
	SET(force_cpu.shares, 1024);
	assert_int_equal(update(), 0);
	assert_string_equal(fixture_get(&fix, "cpu.weight"), "100\n");
	assert_string_equal(fixture_get(&fix, "cpu.idle"), "0\n");
}

static void V21_swap_and_limit_depend_on_each_other(void **state)
{
	(void)state;
	want.memory = &memory;
	force.memory = &force_memory;
	fixture_put(&fix, "memory.max", "1048576\n");
	fixture_put(&fix, "memory.swap.max", "1048576\n");
	SET(memory.swap, 3145728);
	assert_int_equal(update(), 0);
	assert_string_equal(fixture_get(&fix, "memory.swap.max"), "2097152\n");
	assert_string_equal(fixture_get(&fix, "memory.max"), "1048576\n");
	/* The limit alone: the sum stays. */
	memory = (struct spec_memory){0};
	SET(force_memory.swap, 4194304);
	SET(memory.limit, 2097152);
	assert_int_equal(update(), 0);
	assert_string_equal(fixture_get(&fix, "memory.max"), "2097152\n");
	SET(memory.limit, 5242880);
	assert_int_equal(update(), -EINVAL);
	assert_non_null(strstr(e.text, "memory.swap in force, 4194304"));
	/* No limit to count from. */
	memory = (struct spec_memory){0};
	fixture_put(&fix, "memory.max", "max\n");
	SET(memory.swap, 3145728);
	assert_int_equal(update(), -EINVAL);
	SET(force_memory.limit, -1);
	assert_int_equal(update(), 0);
	assert_string_equal(fixture_get(&fix, "memory.swap.max"), "3145728\n");
}

static void V29_check_before_update(void **state)
{
	(void)state;
	want.memory = &memory;
	fixture_put(&fix, "memory.max", "9999999\n");
	fixture_put(&fix, "memory.current", "5000000\n");
	fixture_put(&fix, "memory.swap.current", "1000000\n");
	fixture_put(&fix, "memory.swap.max", "9999999\n");
	SET(memory.check_before_update, true);
	SET(memory.limit, 5000000);
	assert_int_equal(update(), -EBUSY);
	assert_non_null(
		strstr(e.text, "rejecting memory limit 5000000: the container uses 5000000"));
	SET(memory.swap, 6000000);
	assert_int_equal(update(), -EBUSY);
	assert_non_null(strstr(e.text, "rejecting memory+swap limit 6000000"));
	assert_string_equal(fixture_get(&fix, "memory.max"), "9999999\n");
	memory.swap.has = memory.check_before_update.has = false;
	memory.swap.v = 0;
	/* What an earlier update asked for stays asked for. */
	force.memory = &force_memory;
	SET(force_memory.check_before_update, true);
	assert_int_equal(update(), -EBUSY);
	SET(memory.limit, 5000001);
	assert_int_equal(update(), 0);
	assert_string_equal(fixture_get(&fix, "memory.max"), "5000001\n");
}

static void V09_an_empty_list_is_cleared(void **state)
{
	(void)state;
	want.cpu = &cpu;
	fixture_put(&fix, "cpuset.cpus", "\n");
	fixture_put(&fix, "cpuset.cpus.effective", "0-3\n");
	cpu.cpus = (char *)"1";
	assert_int_equal(update(), 0);
	assert_string_equal(fixture_get(&fix, "cpuset.cpus"), "1");
	fixture_put(&fix, "cpuset.cpus", "1\n");
	cpu.cpus = (char *)"";
	assert_int_equal(update(), 0);
	assert_string_equal(fixture_get(&fix, "cpuset.cpus"), "\n\n");
	cpu.cpus = (char *)"9";
	fixture_put(&fix, "cpuset.cpus", "3\n");
	assert_int_equal(update(), -EINVAL);
	assert_string_equal(fixture_get(&fix, "cpuset.cpus"), "3\n");
}

static void U105_order_of_writes(void **state)
{
	(void)state;
	want.memory = &memory;
	want.pids = &pids;
	fixture_put(&fix, "memory.max", "5000000\n");
	fixture_put(&fix, "memory.swap.max", "5000000\n");
	fixture_put(&fix, "pids.max", "50\n");
	/* Memory shrinks into swap that grows: the swap first. */
	SET(memory.limit, 3000000);
	SET(memory.swap, 9000000);
	SET(pids.limit, 60);
	assert_int_equal(update(), 0);
	assert_true(place("memory.swap.max") < place("memory.max"));
	assert_true(place("pids.max") < place("memory.max"));
	fixture_put(&fix, "memory.max", "3000000\n");
	fixture_put(&fix, "memory.swap.max", "6000000\n");
	/* And back: the memory first. */
	SET(memory.limit, 5000000);
	SET(memory.swap, 7000000);
	assert_int_equal(update(), 0);
	assert_true(place("memory.max") < place("memory.swap.max"));
	fixture_put(&fix, "memory.max", "5000000\n");
	fixture_put(&fix, "memory.swap.max", "5000000\n");
	/* Both shrink: memory while there is the old swap to shrink into. */
	SET(memory.limit, 3000000);
	SET(memory.swap, 6000000);
	assert_int_equal(update(), 0);
	assert_true(place("memory.max") < place("memory.swap.max"));
}

static void U105_all_is_put_back(void **state)
{
	(void)state;
	struct strpair pairs[] = {{(char *)"misc.max", (char *)"sgx 5"}};
	want.memory = &memory;
	want.pids = &pids;
	want.cpu = &cpu;
	want.unified = (struct strmap){pairs, 1};
	fixture_put(&fix, "memory.max", "5000000\n");
	fixture_put(&fix, "pids.max", "50\n");
	fixture_put(&fix, "cpu.max", "50000 100000\n");
	/* Neither read nor written. */
	assert_int_equal(mkdirat(fix.fd, "misc.max", 0700), 0);
	SET(memory.limit, 3000000);
	SET(pids.limit, 60);
	SET(cpu.quota, 60000);
	assert_int_equal(update(), -EISDIR);
	assert_non_null(strstr(e.text, "linux.resources.unified.misc.max"));
	assert_string_equal(fixture_get(&fix, "memory.max"), "5000000\n");
	assert_string_equal(fixture_get(&fix, "pids.max"), "50\n");
	assert_string_equal(fixture_get(&fix, "cpu.max"), "50000 100000\n");
}

/* What U105_whichever_write_fails() changes: file, before, after. */
static const struct {
	const char *file, *before, *after;
} many[] = {
	{"cpu.weight", "035\n", "100\n"},
	{"cpu.max", "50000 100000\n", "60000 100000\n"},
	{"memory.swap.max", "4000000\n", "5000000\n"},
	{"memory.max", "5000000\n", "3000000\n"},
	{"memory.low", "100\n", "200\n"},
	{"pids.max", "50\n", "40\n"},
	{"hugetlb.2MB.rsvd.max", "4194304\n", "2097152\n"},
	{"hugetlb.2MB.max", "4194304\n", "2097152\n"},
	{"cpuset.cpus", "0-3\n", "1-2\n"},
	{"memory.high", "9000000\n", "4000000\n"},
};
#define N_MANY (sizeof(many) / sizeof(many[0]))

static void want_many(void)
{
	static struct spec_hugepage_limit huge = {.page_size = (char *)"2MB",
						  .limit = {true, 2097152}};
	static struct strpair high = {(char *)"memory.high", (char *)"4000000"};

	want.memory = &memory;
	want.pids = &pids;
	want.cpu = &cpu;
	SET(cpu.shares, 1024);
	SET(cpu.quota, 60000);
	SET(cpu.period, 100000);
	cpu.cpus = (char *)"1-2";
	SET(memory.limit, 3000000);
	SET(memory.swap, 8000000);
	SET(memory.reservation, 200);
	SET(pids.limit, 40);
	want.hugepage_limits.v = &huge;
	want.hugepage_limits.n = 1;
	want.unified = (struct strmap){&high, 1};
}

/* /dev/full in the place of each file in turn: it opens, and its write fails. */
/* What is used above the new limit is asked for before it is written; not when it fits, and not by
 * a limit that grows. */
static void V30_room_is_made_before_memory_max(void **state)
{
	static const struct {
		const char *usage;
		int64_t limit;
		const char *asked;
	} rows[] = {
		{"50000000\n", 40000000, "10000000"},
		{"90000000\n", 40000000, "33554432"}, /* a bite */
		{"40000000\n", 40000000, ""},
		{"50000000\n", 80000000, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fixture_put(&fix, "memory.max", "60000000\n");
		fixture_put(&fix, "memory.swap.max", "max\n");
		fixture_put(&fix, "memory.current", rows[i].usage);
		fixture_put(&fix, "memory.reclaim", "");
		memory = (struct spec_memory){0};
		SET(memory.limit, rows[i].limit);
		want.memory = &memory;
		assert_int_equal(update(), 0);
		assert_string_equal(fixture_get(&fix, "memory.reclaim"), rows[i].asked);
	}
}

static void U105_whichever_write_fails(void **state)
{
	(void)state;
	for (size_t bad = 0; bad <= N_MANY; bad++) {
		for (size_t i = 0; i < N_MANY; i++) {
			unlinkat(fix.fd, many[i].file, 0);
			if (i == bad)
				assert_int_equal(symlinkat("/dev/full", fix.fd, many[i].file), 0);
			else
				fixture_put(&fix, many[i].file, many[i].before);
		}
		want_many();
		err_clear(&e);
		assert_int_equal(update(), bad < N_MANY ? -ENOSPC : 0);
		for (size_t i = 0; i < N_MANY; i++)
			if (i != bad)
				assert_string_equal(fixture_get(&fix, many[i].file),
						    bad < N_MANY ? many[i].before : many[i].after);
		if (bad < N_MANY)
			assert_non_null(strstr(e.text, many[bad].file));
	}
}

static void U104_notes_bring_a_killed_update_back(void **state)
{
	AUTO(cg_update) u = {.want = &want, .force = &force, .conf = &conf};
	struct strvec notes;

	(void)state;
	for (size_t i = 0; i < N_MANY; i++)
		fixture_put(&fix, many[i].file, many[i].before);
	want_many();
	assert_int_equal(cg_update_notes(&cg, &u, &notes, &e), 0);
	assert_int_equal(notes.n, N_MANY);
	/* What loosens or is neither comes first, what tightens afterwards and backwards. */
	assert_string_equal(notes.v[0], "cpu.weight 035");
	assert_string_equal(notes.v[N_MANY - 1], "memory.max 5000000");
	for (size_t i = 0; i < N_MANY; i++)
		assert_string_equal(fixture_get(&fix, many[i].file), many[i].before);
	/* As if killed after any number of its writes. */
	for (size_t n = 0; n <= N_MANY; n++) {
		for (size_t i = 0; i < n; i++)
			fixture_put(&fix, many[i].file, many[i].after);
		cg_back(&cg, &notes, NULL, false);
		for (size_t i = 0; i < N_MANY; i++)
			assert_string_equal(fixture_get(&fix, many[i].file), many[i].before);
	}
	/* No way out of the directory, and no other files of the kernel's. */
	char *wild[] = {(char *)"../pids.max 9", (char *)"pids.max", (char *)""};
	notes = (struct strvec){wild, 3};
	cg_back(&cg, &notes, NULL, false);
	assert_string_equal(fixture_get(&fix, "pids.max"), "50\n");
}

static void U105_a_missing_file_is_found_before_the_first_write(void **state)
{
	(void)state;
	want.memory = &memory;
	want.pids = &pids;
	fixture_put(&fix, "cgroup.controllers", "pids\n");
	fixture_put(&fix, "pids.max", "50\n");
	SET(memory.limit, 3000000);
	SET(pids.limit, 60);
	assert_int_equal(update(), -ENOENT);
	assert_string_equal(e.text, "linux.resources.memory.limit: the requested cgroup controller "
				    "`memory` is not available in cgroup \"/t\"");
	assert_string_equal(fixture_get(&fix, "pids.max"), "50\n");
}

static void V44_lines_of_a_disk(void **state)
{
	(void)state;
	struct spec_throttle_device d = {{true, 8}, {true, 0}, {true, 1}};
	struct strpair pairs[] = {{(char *)"misc.max", (char *)"sgx 5"}};
	want.block_io = &io;
	want.unified = (struct strmap){pairs, 1};
	io.read_bps = (struct spec_throttle_device_vec){&d, 1};
	assert_int_equal(mkdirat(fix.fd, "misc.max", 0700), 0);
	/* The line as it was comes back, not another disk's. */
	fixture_put(&fix, "io.max",
		    "8:16 rbps=5 wbps=max riops=max wiops=max\n"
		    "8:0 rbps=7 wbps=max riops=9 wiops=max\n");
	assert_int_equal(update(), -EISDIR);
	assert_int_equal(
		strncmp(fixture_get(&fix, "io.max"), "8:0 rbps=7 wbps=max riops=9 wiops=max", 37),
		0);
	/* No line: no limit. */
	fixture_put(&fix, "io.max", "\n");
	assert_int_equal(update(), -EISDIR);
	assert_string_equal(fixture_get(&fix, "io.max"),
			    "8:0 rbps=max wbps=max riops=max wiops=max");
}

static void V56_unified_has_the_last_word(void **state)
{
	(void)state;
	struct strpair pairs[] = {{(char *)"pids.max", (char *)"70"}};
	AUTO(cg_update) u = {.want = &want, .force = &force, .conf = &conf};
	want.pids = &pids;
	want.unified = (struct strmap){pairs, 1};
	fixture_put(&fix, "pids.max", "50\n");
	SET(pids.limit, 60);
	assert_int_equal(cg_update(&cg, &u, &e), 0);
	assert_string_equal(fixture_get(&fix, "pids.max"), "70\n");
	assert_false(cg_update_sets(&u, "pids.max"));
	cg_update_undo(&cg, &u);
	assert_string_equal(fixture_get(&fix, "pids.max"), "50\n");
	cg_update_done(&u);
	want.unified.n = 0;
	assert_int_equal(cg_update(&cg, &u, &e), 0);
	assert_true(cg_update_sets(&u, "pids.max"));
}

/* ---- stats ---- */

static void U109_stats_of_a_full_cgroup(void **state)
{
	(void)state;
	AUTO(arena) a = {0};
	struct cg_stats s;
	fixture_put(&fix, "cgroup.events", "populated 1\nfrozen 0\n");
	fixture_put(&fix, "cpu.stat",
		    "usage_usec 1500\nuser_usec 1000\nsystem_usec 500\nnr_periods 9\nnr_throttled "
		    "3\nthrottled_usec 77\n");
	fixture_put(&fix, "cpu.pressure",
		    "some avg10=1.05 avg60=0.50 avg300=12.00 total=123\nfull avg10=0.00 avg60=0.00 "
		    "avg300=0.01 total=9\n");
	fixture_put(&fix, "memory.current", "1000\n");
	fixture_put(&fix, "memory.max", "max\n");
	fixture_put(&fix, "memory.peak", "2000\n");
	fixture_put(&fix, "memory.stat", "file 7\nanon 5\n");
	fixture_put(&fix, "memory.events", "low 0\noom 2\noom_kill 1\n");
	fixture_put(&fix, "memory.swap.current", "10\n");
	fixture_put(&fix, "memory.swap.max", "20\n");
	fixture_put(&fix, "pids.current", "4\n");
	fixture_put(&fix, "pids.max", "9\n");
	fixture_put(&fix, "io.stat",
		    "7:1 \n8:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n");
	fixture_put(&fix, "hugetlb.2MB.current", "0\n");
	fixture_put(&fix, "hugetlb.2MB.rsvd.current", "2097152\n");
	fixture_put(&fix, "hugetlb.2MB.events", "max 6\n");
	fixture_put(&fix, "hugetlb.1GB.current", "1073741824\n");
	fixture_put(&fix, "cpuset.cpus.effective", "0-1\n");
	assert_int_equal(cg_stats_read(&cg, &a, &s, &e), 0);
	assert_int_equal(s.cpu.usage, 1500);
	assert_int_equal(s.cpu.kernel, 500);
	assert_int_equal(s.cpu.throttled_usec, 77);
	assert_true(s.cpu.psi.has);
	assert_int_equal(s.cpu.psi.some.avg10, 105);
	assert_int_equal(s.cpu.psi.some.avg60, 50);
	assert_int_equal(s.cpu.psi.some.avg300, 1200);
	assert_int_equal(s.cpu.psi.full.avg300, 1);
	assert_int_equal(s.cpu.psi.full.total, 9);
	assert_false(s.memory.psi.has);
	assert_true(s.memory.usage.limit == CG_UNLIMITED);
	assert_int_equal(s.memory.usage.max, 2000);
	assert_int_equal(s.memory.n_raw, 2);
	assert_string_equal(s.memory.raw[0].key, "anon");
	assert_int_equal(s.memory.cache, 7);
	assert_int_equal(s.memory.oom_kills, 1);
	assert_int_equal(s.memory.swap.limit, 20);
	assert_int_equal(s.pids.current, 4);
	assert_int_equal(s.io.n, 1);
	assert_int_equal(s.io.v[0].wbytes, 8192);
	assert_int_equal(s.n_hugetlb, 2);
	assert_string_equal(s.hugetlb[0].size, "1GB");
	assert_int_equal(s.hugetlb[0].u.usage, 1073741824);
	assert_int_equal(s.hugetlb[1].u.usage, 2097152);
	assert_int_equal(s.hugetlb[1].u.failcnt, 6);
	assert_string_equal(s.cpuset.cpus, "0-1");
	assert_null(s.cpuset.mems);
}

static void U109_stats_without_controllers(void **state)
{
	(void)state;
	AUTO(arena) a = {0};
	struct cg_stats s;
	assert_int_equal(cg_stats_read(&cg, &a, &s, &e), -ENOENT);
	fixture_put(&fix, "cgroup.events", "populated 1\nfrozen 0\n");
	fixture_put(&fix, "cgroup.threads", "1\n2\n");
	assert_int_equal(cg_stats_read(&cg, &a, &s, &e), 0);
	assert_int_equal(s.pids.current, 2);
	assert_false(s.pids.has_controller);
	assert_false(s.memory.has);
	assert_int_equal(s.io.n, 0);
	assert_int_equal(s.n_hugetlb, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(V02_V03_half_a_bandwidth_keeps_the_other, setup,
						teardown),
		cmocka_unit_test_setup_teardown(V02_V03_a_half_that_cannot_be_read_is_not_no_limit,
						setup, teardown),
		cmocka_unit_test_setup_teardown(V06_burst_against_the_quota_in_force, setup,
						teardown),
		cmocka_unit_test_setup_teardown(V07_idle_and_weight, setup, teardown),
		cmocka_unit_test_setup_teardown(V21_swap_and_limit_depend_on_each_other, setup,
						teardown),
		cmocka_unit_test_setup_teardown(V29_check_before_update, setup, teardown),
		cmocka_unit_test_setup_teardown(V09_an_empty_list_is_cleared, setup, teardown),
		cmocka_unit_test_setup_teardown(U105_order_of_writes, setup, teardown),
		cmocka_unit_test_setup_teardown(U105_all_is_put_back, setup, teardown),
		cmocka_unit_test_setup_teardown(V30_room_is_made_before_memory_max, setup,
						teardown),
		cmocka_unit_test_setup_teardown(U105_whichever_write_fails, setup, teardown),
		cmocka_unit_test_setup_teardown(U104_notes_bring_a_killed_update_back, setup,
						teardown),
		cmocka_unit_test_setup_teardown(U105_a_missing_file_is_found_before_the_first_write,
						setup, teardown),
		cmocka_unit_test_setup_teardown(V44_lines_of_a_disk, setup, teardown),
		cmocka_unit_test_setup_teardown(V56_unified_has_the_last_word, setup, teardown),
		cmocka_unit_test_setup_teardown(U109_stats_of_a_full_cgroup, setup, teardown),
		cmocka_unit_test_setup_teardown(U109_stats_without_controllers, setup, teardown),
	};
	struct log_settings set = {.path = log_path, .level = LOG_LEVEL_DEBUG};
	struct err bad = ERR_INIT;

	str_copy(log_path, sizeof(log_path), "/tmp/stiva-update.XXXXXX");
	int fd = mkstemp(log_path);
	if (fd < 0 || log_open(&set, &bad) < 0)
		return 1;
	close(fd);
	int r = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(log_path);
	return r;
}
