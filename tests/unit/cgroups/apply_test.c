// SPDX-License-Identifier: Apache-2.0
/* Tests of cgroups/apply and cgroups/enable on a fixture tree of plain files. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "fixture.h"
#include "cgroups/internal.h"
#include "base/str.h"
#include "base/ban.h"

static struct fixture fix;
static struct cg cg;
static struct err e;
static struct spec_resources res;
static struct spec_cpu cpu;
static struct spec_memory memory;
static struct spec_pids pids;
static struct spec_block_io io;

#define SET(field, value) ((field).has = true, (field).v = (value))

static int setup(void **state)
{
	(void)state;
	fixture_make(&fix);
	cg = (struct cg)CG_NONE;
	cg.dir_fd = fix.fd; /* borrowed: no cg_done() */
	str_copy(cg.path, sizeof(cg.path), "/t");
	memset(&res, 0, sizeof(res));
	memset(&cpu, 0, sizeof(cpu));
	memset(&memory, 0, sizeof(memory));
	memset(&pids, 0, sizeof(pids));
	memset(&io, 0, sizeof(io));
	res.cpu = &cpu;
	res.memory = &memory;
	res.pids = &pids;
	res.block_io = &io;
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

static void values(void **state)
{
	(void)state;
	fixture_put(&fix, "cpu.weight", "");
	fixture_put(&fix, "memory.max", "");
	fixture_put(&fix, "pids.max", "");
	SET(cpu.shares, 512);
	SET(memory.limit, 1048576);
	SET(pids.limit, 100);
	assert_int_equal(cg_apply(&cg, &res, &e), 0);
	assert_string_equal(fixture_get(&fix, "cpu.weight"), "59");
	assert_string_equal(fixture_get(&fix, "memory.max"), "1048576");
	assert_string_equal(fixture_get(&fix, "pids.max"), "100");
	assert_int_equal(cg_apply(&cg, NULL, &e), 0);
}

static void V51_late_pids(void **state)
{
	(void)state;
	fixture_put(&fix, "pids.max", "");
	SET(pids.limit, 0);
	assert_int_equal(cg_apply(&cg, &res, &e), 0);
	assert_string_equal(fixture_get(&fix, "pids.max"), "");
	assert_int_equal(cg_apply_late(&cg, &res, &e), 0);
	assert_string_equal(fixture_get(&fix, "pids.max"), "0");
	SET(pids.limit, 7);
	assert_int_equal(cg_apply_late(&cg, &res, &e), 0);
	assert_string_equal(fixture_get(&fix, "pids.max"), "0");
}

static void V26_missing_files(void **state)
{
	(void)state;
	/* Nothing to take away, nothing to be kept from. */
	SET(pids.limit, -1);
	SET(cpu.quota, -1);
	assert_int_equal(cg_apply(&cg, &res, &e), 0);
	fixture_put(&fix, "memory.max", "");
	SET(memory.limit, 100);
	SET(memory.swap, 100);
	assert_int_equal(cg_apply(&cg, &res, &e), 0);
	SET(memory.swap, 101);
	assert_int_equal(cg_apply(&cg, &res, &e), -ENOENT);
	assert_string_equal(e.text,
			    "linux.resources.memory.swap: this kernel has no memory.swap.max "
			    "(cgroup \"/t\"): no such file or directory");
	assert_int_equal(e.class, ERR_MISSING);
}

static void V40_io_weight(void **state)
{
	(void)state;
	SET(io.weight, 500);
	assert_int_equal(cg_apply(&cg, &res, &e), -ENOENT);
	assert_string_equal(e.text,
			    "linux.resources.blockIO.weight: this kernel has no io.bfq.weight or "
			    "io.weight (cgroup \"/t\"): no such file or directory");
	fixture_put(&fix, "io.weight", "");
	assert_int_equal(cg_apply(&cg, &res, &e), 0);
	assert_string_equal(fixture_get(&fix, "io.weight"), "default 4950");
	fixture_put(&fix, "io.weight", "");
	fixture_put(&fix, "io.bfq.weight", "");
	assert_int_equal(cg_apply(&cg, &res, &e), 0);
	assert_string_equal(fixture_get(&fix, "io.bfq.weight"), "default 500");
	assert_string_equal(fixture_get(&fix, "io.weight"), "");
}

static void C08_V53_hugetlb(void **state)
{
	char size[] = "2MB";
	struct spec_hugepage_limit h = {size, {true, 4096}};

	(void)state;
	res.hugepage_limits.v = &h;
	res.hugepage_limits.n = 1;
	assert_int_equal(cg_apply(&cg, &res, &e), -ENOENT);
	assert_string_equal(e.text,
			    "linux.resources.hugepageLimits[0].pageSize: no such page size here "
			    "(there is: none)");
	fixture_put(&fix, "hugetlb.1GB.max", "");
	fixture_put(&fix, "hugetlb.1GB.rsvd.max", "");
	assert_int_equal(cg_apply(&cg, &res, &e), -ENOENT);
	assert_true(str_ends(e.text, "(there is: 1GB)"));
	fixture_put(&fix, "hugetlb.2MB.max", "");
	assert_int_equal(cg_apply(&cg, &res, &e), 0);
	fixture_put(&fix, "hugetlb.2MB.rsvd.max", "");
	assert_int_equal(cg_apply(&cg, &res, &e), 0);
	assert_string_equal(fixture_get(&fix, "hugetlb.2MB.max"), "4096");
	assert_string_equal(fixture_get(&fix, "hugetlb.2MB.rsvd.max"), "4096");
}

static void V09_cpuset(void **state)
{
	char cpus[] = "2-3";

	(void)state;
	cpu.cpus = cpus;
	fixture_put(&fix, "cpuset.cpus", "");
	fixture_put(&fix, "cpuset.cpus.effective", "0-2\n");
	assert_int_equal(cg_apply(&cg, &res, &e), 0);
	assert_string_equal(fixture_get(&fix, "cpuset.cpus"), "2-3");
	fixture_put(&fix, "cpuset.cpus.effective", "0-1\n");
	assert_int_equal(cg_apply(&cg, &res, &e), -EINVAL);
	assert_string_equal(
		e.text, "linux.resources.cpu.cpus: none of \"2-3\" is available (there is: 0-1)");
}

static void V56_unified_is_last(void **state)
{
	char key[] = "memory.max", value[] = "4096", odd[] = "memory.nope";
	struct strpair pair = {key, value};

	(void)state;
	fixture_put(&fix, "memory.max", "");
	SET(memory.limit, 1000);
	res.unified.v = &pair;
	res.unified.n = 1;
	assert_int_equal(cg_apply(&cg, &res, &e), 0);
	assert_string_equal(fixture_get(&fix, "memory.max"), "4096");
	pair.key = odd;
	assert_int_equal(cg_apply(&cg, &res, &e), -ENOENT);
	assert_string_equal(e.text,
			    "linux.resources.unified.memory.nope: this kernel has no memory.nope "
			    "(cgroup \"/t\"): no such file or directory");
}

/* ---- enabling, by cg_make() ---- */

static void C14_usual_controllers(void **state)
{
	AUTO(cg) c = CG_NONE;

	(void)state;
	fixture_put(&fix, "cgroup.controllers", "cpuset cpu io memory hugetlb pids rdma misc\n");
	fixture_put(&fix, "cgroup.subtree_control", "cpu\n");
	assert_int_equal(cg_tree_make("/id", NULL, &c, &e), 0);
	assert_string_equal(fixture_get(&fix, "cgroup.subtree_control"),
			    "+cpuset +io +memory +pids +hugetlb +rdma +misc");
	assert_int_equal(c.made_levels, 1);
	assert_string_equal(c.path, "/id");
	assert_true(c.dir_fd >= 0 && c.ino != 0);
	assert_int_equal(cg_tree_remove("/id", c.ino, c.made_levels, &e), 0);
}

static void C14_needed_controllers(void **state)
{
	AUTO(cg) c = CG_NONE;
	char key[] = "misc.max", value[] = "1";
	struct strpair pair = {key, value};

	(void)state;
	fixture_put(&fix, "cgroup.controllers", "memory misc\n");
	fixture_put(&fix, "cgroup.subtree_control", "\n");
	SET(memory.limit, 1000);
	res.unified.v = &pair;
	res.unified.n = 1;
	assert_int_equal(cg_tree_make("/id", &res, &c, &e), 0);
	assert_string_equal(fixture_get(&fix, "cgroup.subtree_control"), "+memory +misc");
}

/* A parent that the enabling would turn into a threaded one gets its controllers back. */
static void C15_threaded_parent(void **state)
{
	AUTO(cg) c = CG_NONE;

	(void)state;
	fixture_put(&fix, "cgroup.controllers", "cpu pids\n");
	fixture_put(&fix, "cgroup.subtree_control", "\n");
	fixture_put(&fix, "cgroup.type", "domain threaded\n");
	assert_int_equal(cg_tree_make("/id", NULL, &c, &e), 0);
	assert_string_equal(fixture_get(&fix, "cgroup.subtree_control"), "-cpu -pids");
	assert_int_equal(cg_tree_remove("/id", c.ino, c.made_levels, &e), 0);
	fixture_put(&fix, "cgroup.subtree_control", "\n");
	SET(pids.limit, 5);
	assert_int_equal(cg_tree_make("/id", &res, &c, &e), -EBUSY);
	assert_string_equal(e.text,
			    "linux.resources.pids.limit: the pids controller cannot be enabled in "
			    "cgroup \"/\": it has processes of its own");
	assert_int_equal(e.class, ERR_STATE);
}

static void C16_absent_controller(void **state)
{
	AUTO(cg) c = CG_NONE;

	(void)state;
	fixture_put(&fix, "cgroup.controllers", "cpu\n");
	fixture_put(&fix, "cgroup.subtree_control", "cpu\n");
	/* Values that limit nothing do not need it. */
	SET(memory.limit, -1);
	SET(pids.limit, -1);
	SET(memory.disable_oom_killer, false);
	assert_int_equal(cg_tree_make("/id", &res, &c, &e), 0);
	assert_int_equal(cg_tree_remove("/id", c.ino, c.made_levels, &e), 0);
	SET(memory.limit, 1);
	assert_int_equal(cg_tree_make("/id", &res, &c, &e), -ENOENT);
	assert_int_equal(e.class, ERR_MISSING);
	assert_true(str_starts(e.text,
			       "linux.resources.memory.limit: the requested cgroup controller "
			       "`memory` is not available in the cgroup2 tree "
			       "(/sys/fs/cgroup): "));
	assert_int_equal(faccessat(fix.fd, "id", F_OK, 0), -1);
}

static void C02_existing_leaf(void **state)
{
	AUTO(cg) c = CG_NONE;

	(void)state;
	fixture_put(&fix, "cgroup.controllers", "\n");
	fixture_put(&fix, "cgroup.subtree_control", "\n");
	assert_int_equal(mkdirat(fix.fd, "id", 0755), 0);
	fixture_put(&fix, "id/cgroup.events", "populated 1\nfrozen 0\n");
	assert_int_equal(cg_tree_make("/id", NULL, &c, &e), -EBUSY);
	assert_string_equal(e.text, "container's cgroup is not empty: \"/id\"");
	fixture_put(&fix, "id/cgroup.events", "populated 0\nfrozen 1\n");
	assert_int_equal(cg_tree_make("/id", NULL, &c, &e), -EBUSY);
	assert_string_equal(e.text, "container's cgroup unexpectedly frozen: \"/id\"");
	fixture_put(&fix, "id/cgroup.events", "populated 0\nfrozen 0\n");
	assert_int_equal(cg_tree_make("/id", NULL, &c, &e), 0);
	assert_int_equal(c.made_levels, 0);
}

/* A symbolic link below the root is not followed: not in its parents, not as the leaf. */
static void no_links(void **state)
{
	AUTO(cg) c = CG_NONE;
	int fd = FD_NONE;

	(void)state;
	fixture_put(&fix, "cgroup.controllers", "\n");
	fixture_put(&fix, "cgroup.subtree_control", "\n");
	assert_int_equal(mkdirat(fix.fd, "real", 0755), 0);
	assert_int_equal(symlinkat("real", fix.fd, "link"), 0);
	assert_int_equal(symlinkat("/tmp", fix.fd, "out"), 0);
	assert_true(cg_tree_make("/link/x", NULL, &c, &e) < 0);
	assert_true(cg_tree_make("/out/x", NULL, &c, &e) < 0);
	assert_true(cg_tree_make("/link", NULL, &c, &e) < 0);
	assert_true(cg_open("/link", &c, &e) < 0);
	assert_int_equal(faccessat(fix.fd, "real/x", F_OK, 0), -1);
	assert_int_equal(cg_open("/real", &c, &e), 0);
	assert_true(cg_open_sub(&c, "../real", &fd, &e) < 0);
	assert_true(cg_open_sub(&c, "a/..", &fd, &e) < 0);
	assert_int_equal(cg_open_sub(&c, "x", &fd, &e), -ENOENT);
	assert_int_equal(cg_open_sub(&c, "/", &fd, &e), 0);
	close(fd);
	err_clear(&e);
	assert_int_equal(cg_open("/none", &c, &e), -ENOENT);
	assert_int_equal(e.class, ERR_STATE);
	assert_true(cg_open("/", &c, &e) < 0);
	assert_true(cg_tree_remove("/", 0, 0, &e) < 0);
}

static void numbers(void **state)
{
	uint64_t v = 0;

	(void)state;
	fixture_put(&fix, "memory.events", "low 0\noom 3\noom_kill 12\n");
	fixture_put(&fix, "pids.max", "max\n");
	fixture_put(&fix, "pids.current", "42\n");
	assert_int_equal(cg_read_u64(&cg, "memory.events", "oom_kill", &v), 0);
	assert_int_equal(v, 12);
	assert_int_equal(cg_read_u64(&cg, "memory.events", "oom", &v), 0);
	assert_int_equal(v, 3);
	assert_int_equal(cg_read_u64(&cg, "memory.events", "oo", &v), -ENOENT);
	assert_int_equal(cg_read_u64(&cg, "pids.current", NULL, &v), 0);
	assert_int_equal(v, 42);
	assert_int_equal(cg_read_u64(&cg, "pids.max", NULL, &v), 0);
	assert_true(v == UINT64_MAX);
	assert_int_equal(cg_read_u64(&cg, "none", NULL, &v), -ENOENT);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(values),
		TEST(V51_late_pids),
		TEST(V26_missing_files),
		TEST(V40_io_weight),
		TEST(C08_V53_hugetlb),
		TEST(V09_cpuset),
		TEST(V56_unified_is_last),
		TEST(C14_usual_controllers),
		TEST(C14_needed_controllers),
		TEST(C15_threaded_parent),
		TEST(C16_absent_controller),
		TEST(C02_existing_leaf),
		TEST(no_links),
		TEST(numbers),
	};
	return cmocka_run_group_tests_name("cgroups/apply", tests, NULL, NULL);
}
