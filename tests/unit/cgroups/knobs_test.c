// SPDX-License-Identifier: Apache-2.0
/* Tests of cgroups/knobs: what each property comes to (conformance.md 2.2 to 2.5), or its refusal.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "cgroups/internal.h"
#include "cgroups/knobs.h"
#include "base/str.h"
#include "base/ban.h"

static struct spec_resources res;
static struct spec_cpu cpu;
static struct spec_memory memory;
static struct spec_pids pids;
static struct spec_block_io io;
static struct spec_network network;

static int setup(void **state)
{
	(void)state;
	memset(&res, 0, sizeof(res));
	memset(&cpu, 0, sizeof(cpu));
	memset(&memory, 0, sizeof(memory));
	memset(&pids, 0, sizeof(pids));
	memset(&io, 0, sizeof(io));
	memset(&network, 0, sizeof(network));
	res.cpu = &cpu;
	res.memory = &memory;
	res.pids = &pids;
	res.block_io = &io;
	res.network = &network;
	return 0;
}

#define SET(field, value) ((field).has = true, (field).v = (value))

/* The plan as text: "file=text[flags]" joined by "; ", flags of l(ift) o(ptional) L(ate) a(gain).
 */
static const char *plan_text(void)
{
	static char text[1024];
	AUTO(arena) a = {0};
	AUTO(buf) out = {0};
	struct knob_plan p = {.arena = &a};
	struct err e = ERR_INIT;

	if (cg_knobs_plan(&res, &p, &e) < 0)
		buf_printf(&out, "error: %s", e.text);
	for (size_t i = 0; e.code == 0 && i < p.n; i++) {
		const struct knob_write *w = &p.v[i];
		buf_printf(&out, "%s%s=%s", i ? "; " : "", w->file, w->text);
		if (w->alt_file)
			buf_printf(&out, "|%s=%s", w->alt_file, w->alt_text);
		if (w->flags)
			buf_printf(&out, "[%s%s%s%s]", w->flags & KNOB_LIFT ? "l" : "",
				   w->flags & KNOB_FILE_OPTIONAL ? "o" : "",
				   w->flags & KNOB_LATE ? "L" : "",
				   w->flags & KNOB_AGAIN ? "a" : "");
		assert_true(str_starts(w->prop, "linux.resources."));
		assert_memory_equal(w->file, w->ctrl, strlen(w->ctrl));
	}
	assert_true(str_copy(text, sizeof(text), out.data ? out.data : "") >= 0);
	return text;
}

static const char *needs_text(void)
{
	static char text[512];
	AUTO(arena) a = {0};
	AUTO(buf) out = {0};
	struct knob_plan p = {.arena = &a};
	struct knob_needs needs;
	struct err e = ERR_INIT;

	assert_int_equal(cg_knobs_plan(&res, &p, &e), 0);
	cg_knobs_needs(&p, &needs);
	for (size_t i = 0; i < needs.n; i++)
		buf_printf(&out, "%s%s:%s", i ? " " : "", needs.v[i].ctrl, needs.v[i].prop);
	assert_true(str_copy(text, sizeof(text), out.data ? out.data : "") >= 0);
	return text;
}

static void nothing(void **state)
{
	struct knob_plan p = {0};
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(cg_knobs_plan(NULL, &p, &e), 0);
	assert_int_equal(p.n, 0);
	assert_string_equal(plan_text(), "");
	assert_false(cg_knobs_has_late(NULL));
	assert_false(cg_knobs_has_late(&res));
}

/* What engines send for "not set" is neither written nor refused. */
static void V28_V05_V20_engine_defaults(void **state)
{
	(void)state;
	SET(cpu.shares, 0);
	SET(cpu.quota, 0);
	SET(cpu.period, 0);
	SET(cpu.realtime_runtime, 0);
	SET(cpu.realtime_period, 0);
	static char empty[] = "";
	cpu.cpus = cpu.mems = empty;
	SET(memory.limit, 0);
	SET(memory.swap, 0);
	SET(memory.reservation, 0);
	SET(memory.kernel, 0);
	SET(memory.kernel_tcp, -1);
	SET(memory.disable_oom_killer, false);
	SET(memory.use_hierarchy, true);
	SET(memory.check_before_update, true);
	SET(io.weight, 0);
	SET(io.leaf_weight, 0);
	SET(network.class_id, 0);
	assert_string_equal(plan_text(), "");
}

static void V01_V02_V03_V04_cpu_max(void **state)
{
	static const struct {
		int64_t quota;
		uint64_t period;
		const char *want;
	} rows[] = {
		{5000, 20000, "cpu.max=5000 20000"}, /* V01 */
		{5000, 0, "cpu.max=5000 100000"},    /* V02 */
		{0, 20000, "cpu.max=max 20000[l]"},  /* V03 */
		{-1, 20000, "cpu.max=max 20000[l]"}, /* V04 */
		{-1, 0, "cpu.max=max 100000[l]"},
		{-7, 0, "cpu.max=max 100000[l]"},
		{0, 0, ""}, /* V05 */
		{999, 0,
		 "error: linux.resources.cpu.quota: 999 is out of range (at least 1000, or -1)"},
		{5000, 999,
		 "error: linux.resources.cpu.period: 999 is out of range (1000 to 1000000)"},
		{5000, 1000001,
		 "error: linux.resources.cpu.period: 1000001 is out of range (1000 to 1000000)"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		SET(cpu.quota, rows[i].quota);
		SET(cpu.period, rows[i].period);
		assert_string_equal(plan_text(), rows[i].want);
	}
}

static void V06_V07_V09_cpu_rest(void **state)
{
	static char cpus[] = "0-1", mems[] = "0", bad[] = "0\n1";

	(void)state;
	SET(cpu.shares, 1024);
	SET(cpu.idle, 0);
	assert_string_equal(plan_text(), "cpu.idle=0[l]; cpu.weight=100");
	SET(cpu.idle, 1); /* 2.1: the weight is left out */
	assert_string_equal(plan_text(), "cpu.idle=1");
	SET(cpu.idle, 2);
	assert_string_equal(plan_text(),
			    "error: linux.resources.cpu.idle: 2 is out of range (0 or 1)");
	cpu.idle.has = false;
	SET(cpu.quota, 5000);
	SET(cpu.burst, 5000);
	assert_string_equal(plan_text(),
			    "cpu.weight=100; cpu.max.burst=5000[a]; cpu.max=5000 100000");
	SET(cpu.burst, 5001);
	assert_string_equal(plan_text(),
			    "error: linux.resources.cpu.burst: 5001 is more than the quota, 5000");
	SET(cpu.burst, 0);
	cpu.cpus = cpus;
	cpu.mems = mems;
	assert_string_equal(plan_text(), "cpu.weight=100; cpu.max.burst=0[la]; cpu.max=5000 "
					 "100000; cpuset.cpus=0-1; cpuset.mems=0");
	assert_string_equal(needs_text(),
			    "cpu:linux.resources.cpu.shares cpuset:linux.resources.cpu.cpus");
	cpu.cpus = bad;
	assert_string_equal(plan_text(),
			    "error: linux.resources.cpu.cpus: it has a control character");
}

static void V20_V21_V22_V23_V24_V25_V27_memory_values(void **state)
{
	enum { NO = INT32_MIN };
	static const struct {
		int64_t limit, swap, low;
		const char *want;
	} rows[] = {
		{100, NO, NO, "memory.max=100"},			   /* V20 */
		{-1, NO, NO, "memory.swap.max=max[l]; memory.max=max[l]"}, /* V24 */
		{-1, 50, NO, "memory.swap.max=50; memory.max=max[l]"},	   /* V25 */
		{100, 150, NO, "memory.swap.max=50; memory.max=100"},	   /* V21 */
		{100, 100, NO, "memory.swap.max=0[o]; memory.max=100"},	   /* V23, V26 */
		{100, 0, NO, "memory.max=100"},
		{100, -1, 50, "memory.swap.max=max[l]; memory.max=100; memory.low=50"},
		{NO, NO, -1, "memory.low=max"}, /* V27 */
		{100, 99, NO,
		 "error: linux.resources.memory.swap: 99 is less than memory.limit, 100 (it counts "
		 "memory and swap together)"},
		{NO, 99, NO,
		 "error: linux.resources.memory.swap: it counts memory and swap together, so it "
		 "needs memory.limit"},
		{-5, NO, NO,
		 "error: linux.resources.memory.limit: -5 is out of range (at least 1, or -1 for "
		 "unlimited)"},
		{100, -2, NO,
		 "error: linux.resources.memory.swap: -2 is out of range (at least 1, or -1 for "
		 "unlimited)"},
		{100, NO, 101,
		 "error: linux.resources.memory.reservation: 101 is more than memory.limit, 100"},
		{100, NO, -2,
		 "error: linux.resources.memory.reservation: -2 is out of range (at least 1, or -1 "
		 "for everything)"},
		{INT64_MAX, NO, NO, "memory.max=9223372036854775807"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memory.limit = (struct opt_i64){rows[i].limit != NO, rows[i].limit};
		memory.swap = (struct opt_i64){rows[i].swap != NO, rows[i].swap};
		memory.reservation = (struct opt_i64){rows[i].low != NO, rows[i].low};
		assert_string_equal(plan_text(), rows[i].want);
	}
}

static void V50_V51_V52_pids_limit(void **state)
{
	static char key[] = "pids.max", zero[] = "0", ten[] = "10";
	struct strpair pair = {key, ten};

	(void)state;
	SET(pids.limit, 5);
	assert_string_equal(plan_text(), "pids.max=5");
	SET(pids.limit, -1); /* V50 */
	assert_string_equal(plan_text(), "pids.max=max[l]");
	assert_string_equal(needs_text(), "");
	SET(pids.limit, 0); /* V51 */
	assert_string_equal(plan_text(), "pids.max=0[L]");
	assert_string_equal(needs_text(), "pids:linux.resources.pids.limit");
	assert_true(cg_knobs_has_late(&res));
	res.unified.v = &pair;
	res.unified.n = 1;
	assert_string_equal(plan_text(), "pids.max=10");
	pids.limit.has = false;
	assert_false(cg_knobs_has_late(&res));
	pair.value = zero;
	assert_string_equal(plan_text(), "pids.max=0[L]");
	assert_true(cg_knobs_has_late(&res));
}

static void V40_V41_V43_block_io(void **state)
{
	struct spec_throttle_device one = {{true, 8}, {true, 0}, {true, 1048576}};
	struct spec_throttle_device two = {{true, 8}, {true, 16}, {true, 0}};
	struct spec_throttle_device bad = {{true, 8}, {true, -1}, {true, 1}};
	struct spec_weight_device w = {
		.major = {true, 8}, .minor = {true, 0}, .weight = {true, 1000}};

	(void)state;
	SET(io.weight, 500); /* V40 */
	assert_string_equal(plan_text(), "io.bfq.weight=default 500|io.weight=default 4950");
	SET(io.weight, 9);
	assert_string_equal(
		plan_text(),
		"error: linux.resources.blockIO.weight: 9 is out of range (10 to 1000)");
	io.weight.has = false;
	io.weight_device.v = &w; /* V41 */
	io.weight_device.n = 1;
	assert_string_equal(plan_text(), "io.bfq.weight=8:0 1000|io.weight=8:0 10000");
	SET(w.leaf_weight, 10); /* V42 */
	assert_string_equal(plan_text(),
			    "error: linux.resources.blockIO.weightDevice[0].leafWeight: "
			    "cgroup v2 has no such setting");
	io.weight_device.n = 0;
	io.read_bps.v = io.write_iops.v = &one; /* V43 */
	io.read_bps.n = io.write_iops.n = 1;
	io.write_bps.v = io.read_iops.v = &two;
	io.write_bps.n = io.read_iops.n = 1;
	assert_string_equal(plan_text(), "io.max=8:0 rbps=1048576; io.max=8:16 wbps=max[l]; "
					 "io.max=8:16 riops=max[l]; io.max=8:0 wiops=1048576");
	assert_string_equal(needs_text(), "io:linux.resources.blockIO.throttleReadBpsDevice[0]");
	io.write_iops.v = &bad;
	assert_string_equal(plan_text(),
			    "error: linux.resources.blockIO.throttleWriteIOPSDevice[0]: "
			    "it needs a major and a minor number");
}

static void C08_C11_V53_V54_hugetlb_and_rdma(void **state)
{
	static char size[] = "2MB", bad[] = "../x", dev[] = "mlx5_0", blank[] = "a b";
	struct spec_hugepage_limit h = {size, {true, 4194304}};
	struct spec_rdma r = {dev, {true, 3}, {true, 10000}};

	(void)state;
	res.hugepage_limits.v = &h;
	res.hugepage_limits.n = 1;
	assert_string_equal(plan_text(),
			    "hugetlb.2MB.rsvd.max=4194304[o]; hugetlb.2MB.max=4194304");
	h.page_size = bad;
	assert_string_equal(plan_text(), "error: linux.resources.hugepageLimits[0].pageSize: "
					 "\"../x\" is not a page size such as 2MB");
	res.hugepage_limits.n = 0;
	res.rdma.v = &r;
	res.rdma.n = 1;
	assert_string_equal(plan_text(), "rdma.max=mlx5_0 hca_handle=3 hca_object=10000");
	r.hca_handles.has = false;
	assert_string_equal(plan_text(), "rdma.max=mlx5_0 hca_object=10000");
	r.hca_objects.has = false;
	assert_string_equal(
		plan_text(),
		"error: linux.resources.rdma.mlx5_0: it needs hcaHandles or hcaObjects");
	r.key = blank;
	assert_string_equal(plan_text(),
			    "error: linux.resources.rdma.a b: not the name of a device");
}

static void C05_C06_C09_V08_V28_V42_V55_v1_only(void **state)
{
	struct spec_interface_priority prio = {0};
	struct {
		struct opt_i64 *i64;
		struct opt_u64 *u64;
		struct opt_u32 *u32;
		struct opt_bool *b;
		const char *prop;
	} rows[] = {
		{.i64 = &cpu.realtime_runtime, .prop = "cpu.realtimeRuntime"}, /* V08 */
		{.u64 = &cpu.realtime_period, .prop = "cpu.realtimePeriod"},
		{.i64 = &memory.kernel, .prop = "memory.kernel"}, /* V28 */
		{.i64 = &memory.kernel_tcp, .prop = "memory.kernelTCP"},
		{.u64 = &memory.swappiness, .prop = "memory.swappiness"},
		{.b = &memory.disable_oom_killer, .prop = "memory.disableOOMKiller"},
		{.u32 = &io.leaf_weight, .prop = "blockIO.leafWeight"},
		{.u32 = &network.class_id, .prop = "network.classID"}, /* V55 */
	};
	char want[128];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		setup(NULL);
		if (rows[i].i64)
			SET(*rows[i].i64, 1);
		if (rows[i].u64)
			SET(*rows[i].u64, 1);
		if (rows[i].u32)
			SET(*rows[i].u32, 1);
		if (rows[i].b)
			SET(*rows[i].b, true);
		snprintf(want, sizeof(want),
			 "error: linux.resources.%s: cgroup v2 has no such setting", rows[i].prop);
		assert_string_equal(plan_text(), want);
	}
	setup(NULL);
	SET(memory.use_hierarchy, false);
	assert_true(str_starts(plan_text(), "error: linux.resources.memory.useHierarchy"));
	setup(NULL);
	network.priorities.v = &prio;
	network.priorities.n = 1;
	assert_true(str_starts(plan_text(), "error: linux.resources.network.priorities"));
}

static void C12_V56_unified(void **state)
{
	static char high[] = "memory.high", n[] = "1000", iomax[] = "io.max", odd[] = "misc.max",
		    lines[] = "8:0 rbps=1\n\n8:16 rbps=2\n", huge[] = "hugetlb.1GB.max",
		    empty[] = "";
	struct strpair v[] = {{high, n}, {iomax, lines}, {odd, n}, {huge, empty}};

	(void)state;
	SET(memory.limit, 2000);
	res.unified.v = v;
	res.unified.n = 4;
	assert_string_equal(plan_text(), "memory.max=2000; memory.high=1000; io.max=8:0 rbps=1; "
					 "io.max=8:16 rbps=2; misc.max=1000");
	assert_string_equal(needs_text(),
			    "memory:linux.resources.memory.limit io:linux.resources.unified.io.max "
			    "misc:linux.resources.unified.misc.max");
	static const char *const bad[] = {"memory",	   ".max",  "memory.", "memory/max",
					  "../memory.max", "a b.c", "",	       "memory.max\n"};
	char key[32];
	v[0].key = key;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		str_copy(key, sizeof(key), bad[i]);
		assert_non_null(
			strstr(plan_text(), "the specified key has not the form CONTROLLER.VALUE"));
	}
	str_copy(key, sizeof(key), "cgroup.freeze");
	assert_string_equal(plan_text(), "error: linux.resources.unified.cgroup.freeze: cgroup.* "
					 "files cannot be set");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(nothing, setup),
		cmocka_unit_test_setup(V28_V05_V20_engine_defaults, setup),
		cmocka_unit_test_setup(V01_V02_V03_V04_cpu_max, setup),
		cmocka_unit_test_setup(V06_V07_V09_cpu_rest, setup),
		cmocka_unit_test_setup(V20_V21_V22_V23_V24_V25_V27_memory_values, setup),
		cmocka_unit_test_setup(V50_V51_V52_pids_limit, setup),
		cmocka_unit_test_setup(V40_V41_V43_block_io, setup),
		cmocka_unit_test_setup(C08_C11_V53_V54_hugetlb_and_rdma, setup),
		cmocka_unit_test_setup(C05_C06_C09_V08_V28_V42_V55_v1_only, setup),
		cmocka_unit_test_setup(C12_V56_unified, setup),
	};
	return cmocka_run_group_tests_name("cgroups/knobs", tests, NULL, NULL);
}
