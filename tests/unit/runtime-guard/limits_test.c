/* SPDX-License-Identifier: Apache-2.0 */
/* rlimits, oom_score_adj, io priority, scheduler, affinity, personality, memory policy: applied in
 * a child and read back from the kernel. */
#include "tests/unit/runtime-guard/helpers.h"

#include <sched.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include "base/auto.h"
#include "runtime/guard/guard.h"

struct apply {
	const char *members; /* JSON of process, after the required ones */
	void (*check)(void);
	const char *error; /* what the error must have in it, or NULL */
	bool as_nobody;
};

static void run_apply(void *arg)
{
	const struct apply *t = arg;
	struct arena a = {0};
	struct err e = ERR_INIT;
	char json[1024];

	snprintf(json, sizeof(json),
		 "{\"cwd\":\"/\",\"args\":[\"x\"],\"user\":{\"uid\":0,\"gid\":0},%s}", t->members);
	struct spec_process *p = parse(&a, &spec_table_process, json);
	if (t->as_nobody)
		NEED(setresuid(65534, 65534, 65534) == 0);
	int r = guard_limits_apply(p, FD_NONE, &e);
	if (t->error) {
		if (r == 0 || !strstr(e.text, t->error)) {
			dprintf(2, "%d: \"%s\" has no \"%s\"\n", r, e.text, t->error);
			leave(1);
		}
		return;
	}
	if (r != 0)
		dprintf(2, "%s\n", e.text);
	NEED(r == 0);
	t->check();
}

static int try_apply(const char *members, void (*check)(void))
{
	struct apply t = {members, check, NULL, false};
	return in_child(run_apply, &t);
}

static int try_refused(const char *members, const char *error, bool as_nobody)
{
	struct apply t = {members, NULL, error, as_nobody};
	return in_child(run_apply, &t);
}

/* ---- rlimits ---- */

static void check_rlimits(void)
{
	struct rlimit l;
	NEED(getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur == 100 && l.rlim_max == 200);
	NEED(getrlimit(RLIMIT_CORE, &l) == 0 && l.rlim_cur == 0 && l.rlim_max == 0);
}

static void check_infinity(void)
{
	struct rlimit l;
	NEED(getrlimit(RLIMIT_CPU, &l) == 0 && l.rlim_cur == RLIM_INFINITY);
}

static void P12_rlimits(void **state)
{
	(void)state;
	struct rlimit cpu;

	assert_int_equal(try_apply("\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"soft\":100,\"hard\":"
				   "200},{\"type\":\"RLIMIT_CORE\",\"soft\":0,\"hard\":0}]",
				   check_rlimits),
			 0);
	getrlimit(RLIMIT_CPU, &cpu);
	if (cpu.rlim_max == RLIM_INFINITY)
		assert_int_equal(try_apply("\"rlimits\":[{\"type\":\"RLIMIT_CPU\",\"soft\":"
					   "18446744073709551615,\"hard\":18446744073709551615}]",
					   check_infinity),
				 0);
}

static void P12_rlimit_refused(void **state)
{
	(void)state;
	need_root();
	assert_int_equal(
		try_refused("\"rlimits\":[{\"type\":\"RLIMIT_CORE\",\"soft\":0,\"hard\":0},"
			    "{\"type\":\"RLIMIT_NOFILE\",\"soft\":5,\"hard\":"
			    "18446744073709551614}]",
			    "process.rlimits[1]: set RLIMIT_NOFILE to soft 5, hard "
			    "18446744073709551614 (the hard limit is ",
			    true),
		0);
	assert_int_equal(
		try_refused("\"rlimits\":[{\"type\":\"RLIMIT_CORE\",\"soft\":5,\"hard\":4}]",
			    "process.rlimits[0]: set RLIMIT_CORE", false),
		0);
}

/* ---- oom_score_adj ---- */

static void check_oom(void)
{
	char text[32];
	read_text(AT_FDCWD, "/proc/self/oom_score_adj", text, sizeof(text));
	NEED(strcmp(text, "765\n") == 0);
}

static void oom_not_ours(void *arg)
{
	(void)arg;
	struct spec_process p = {.oom_score_adj = {true, 500}};
	struct err e = ERR_INIT;

	NEED_OK(guard_limits_apply(&p, FD_NONE, &e), &e);
	/* Another user's process that is not dumpable may not write its own file... */
	NEED(setresuid(65534, 65534, 65534) == 0);
	NEED_OK(guard_limits_apply(&p, FD_NONE, &e), &e); /* ...but it is right already */
	p.oom_score_adj.v = 499;
	NEED(guard_limits_apply(&p, FD_NONE, &e) == -EACCES);
	NEED(strstr(e.text, "process.oomScoreAdj: lower from 500 to 499 without CAP_SYS_RESOURCE"));
	p.oom_score_adj.v = 501;
	NEED_OK(guard_limits_apply(&p, FD_NONE, &e), &e); /* with a warning */
}

static void P13_oom(void **state)
{
	(void)state;
	need_root();
	assert_int_equal(try_apply("\"oomScoreAdj\":765", check_oom), 0);
	assert_int_equal(in_child(oom_not_ours, NULL), 0);
}

static void check_noop(void)
{
}

/* A small RLIMIT_NOFILE must not stop the rest. */
static void test_order(void **state)
{
	(void)state;
	need_root();
	assert_int_equal(try_apply("\"oomScoreAdj\":765,\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\","
				   "\"soft\":3,\"hard\":3}]",
				   check_noop),
			 0);
}

/* ---- scheduler and io priority ---- */

static void check_batch(void)
{
	NEED(sched_getscheduler(0) == SCHED_BATCH);
	NEED(getpriority(PRIO_PROCESS, 0) == 7);
}

static void check_idle_reset(void)
{
	NEED(sched_getscheduler(0) == (SCHED_IDLE | SCHED_RESET_ON_FORK));
}

static void P16_scheduler(void **state)
{
	(void)state;
	assert_int_equal(
		try_apply("\"scheduler\":{\"policy\":\"SCHED_BATCH\",\"nice\":7}", check_batch), 0);
	assert_int_equal(try_apply("\"scheduler\":{\"policy\":\"SCHED_IDLE\",\"flags\":["
				   "\"SCHED_FLAG_RESET_ON_FORK\"]}",
				   check_idle_reset),
			 0);
	assert_int_equal(try_refused("\"scheduler\":{\"policy\":\"SCHED_ISO\"}",
				     "process.scheduler.policy: SCHED_ISO is not implemented",
				     false),
			 0);
	need_root();
	assert_int_equal(try_refused("\"scheduler\":{\"policy\":\"SCHED_FIFO\",\"priority\":5}",
				     "process.scheduler: set SCHED_FIFO (nice 0, priority 5)",
				     true),
			 0);
}

static void check_ioprio(void)
{
	NEED(syscall(SYS_ioprio_get, 1, 0) == (2 << 13 | 6));
}

static void check_ioprio_idle(void)
{
	NEED(syscall(SYS_ioprio_get, 1, 0) >> 13 == 3);
}

static void P17_ioprio(void **state)
{
	(void)state;
	assert_int_equal(try_apply("\"ioPriority\":{\"class\":\"IOPRIO_CLASS_BE\",\"priority\":6}",
				   check_ioprio),
			 0);
	assert_int_equal(
		try_apply("\"ioPriority\":{\"class\":\"IOPRIO_CLASS_IDLE\",\"priority\":0}",
			  check_ioprio_idle),
		0);
	need_root();
	assert_int_equal(
		try_refused("\"ioPriority\":{\"class\":\"IOPRIO_CLASS_RT\",\"priority\":0}",
			    "process.ioPriority: set IOPRIO_CLASS_RT 0", true),
		0);
}

/* ---- affinity ---- */

static void affinity(void *arg)
{
	(void)arg;
	struct err e = ERR_INIT;
	cpu_set_t before, one, after;
	char list[32];

	NEED(sched_getaffinity(0, sizeof(before), &before) == 0);
	int cpu = 0;
	while (!CPU_ISSET(cpu, &before))
		cpu++;
	snprintf(list, sizeof(list), "%d", cpu);
	NEED_OK(guard_affinity_apply(list, "x", &e), &e);
	NEED(sched_getaffinity(0, sizeof(one), &one) == 0);
	NEED(CPU_COUNT(&one) == 1 && CPU_ISSET(cpu, &one));
	NEED_OK(guard_affinity_apply(NULL, "x", &e), &e);
	NEED(sched_getaffinity(0, sizeof(after), &after) == 0);
	NEED(CPU_COUNT(&after) >= CPU_COUNT(&before));
	/* Cpus that are not there are left out, as long as one is; more than 1024 are no trouble.
	 */
	snprintf(list, sizeof(list), "%d,8000-8191", cpu);
	NEED_OK(guard_affinity_apply(list, "x", &e), &e);
	NEED(guard_affinity_apply("8000", "process.execCPUAffinity.final", &e) == -EINVAL);
	NEED(strstr(e.text, "process.execCPUAffinity.final: set cpus \"8000\""));
	static const char *const bad[] = {"", "a", "1-", "3-1", "1,,2", "8192", " 1", "0x1"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		NEED(guard_affinity_apply(bad[i], "process.execCPUAffinity.initial", &e) ==
		     -EINVAL);
		NEED(strstr(e.text, "process.execCPUAffinity.initial: \""));
	}
}

static void P18_R25_affinity_beyond_1024_cpus(void **state)
{
	(void)state;
	assert_int_equal(in_child(affinity, NULL), 0);
}

/* ---- personality and memory policy ---- */

static struct spec_linux *linux_of(struct arena *a, const char *members)
{
	char json[512];
	snprintf(json, sizeof(json),
		 "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"x\"},\"linux\":{%s}}", members);
	struct spec_config *c = parse(a, &spec_table_config, json);
	return c->linux_;
}

static void persona(void *arg)
{
	(void)arg;
	struct arena a = {0};
	struct err e = ERR_INIT;
	struct utsname u;

	NEED_OK(guard_personality(
			linux_of(&a, "\"personality\":{\"domain\":\"LINUX32\"}")->personality, &e),
		&e);
	NEED(personality(0xffffffff) == PER_LINUX32);
	NEED(uname(&u) == 0);
#ifdef __x86_64__
	NEED(strcmp(u.machine, "i686") == 0);
#endif
	NEED_OK(guard_personality(
			linux_of(&a, "\"personality\":{\"domain\":\"LINUX\",\"flags\":[]}")
				->personality,
			&e),
		&e);
	NEED(personality(0xffffffff) == PER_LINUX);
	struct spec_personality p = {.domain = {true, 0}};
	char flag[] = "ADDR_NO_RANDOMIZE", *flags[] = {flag, NULL};
	p.flags.v = flags;
	p.flags.n = 1;
	NEED(guard_personality(&p, &e) == -EINVAL);
	NEED(strstr(e.text, "linux.personality.flags: \"ADDR_NO_RANDOMIZE\""));
}

static void test_personality(void **state)
{
	(void)state;
	assert_int_equal(in_child(persona, NULL), 0);
}

static int policy(const char *json, struct err *e)
{
	struct arena a = {0};
	char members[256];

	snprintf(members, sizeof(members), "\"memoryPolicy\":%s", json);
	int r = guard_memory_policy(linux_of(&a, members)->memory_policy, e);
	arena_done(&a);
	return r;
}

static void mempolicy(void *arg)
{
	(void)arg;
	struct err e = ERR_INIT;
	int mode = -1;
	unsigned long nodes[16] = {0};

	NEED_OK(policy("{\"mode\":\"MPOL_BIND\",\"nodes\":\"0\",\"flags\":[\"MPOL_F_STATIC_NODES\"]"
		       "}",
		       &e),
		&e);
	NEED(syscall(SYS_get_mempolicy, &mode, nodes, 1024UL, NULL, 0UL) == 0);
	NEED((mode & 0xff) == 2 && (mode & 1 << 15) && nodes[0] == 1);
	NEED_OK(policy("{\"mode\":\"MPOL_DEFAULT\",\"nodes\":\"\"}", &e), &e);
	NEED_OK(policy("{\"mode\":\"MPOL_LOCAL\",\"nodes\":\"\"}", &e), &e);
	NEED_OK(policy("{\"mode\":\"MPOL_DEFAULT\"}", &e), &e);
	NEED(syscall(SYS_get_mempolicy, &mode, NULL, 0UL, NULL, 0UL) == 0 && mode == 0);
	/* Inconsistent: the kernel says so. */
	NEED(policy("{\"mode\":\"MPOL_BIND\",\"nodes\":\"\"}", &e) == -EINVAL);
	NEED(strstr(e.text, "linux.memoryPolicy: set MPOL_BIND with nodes \"\""));
	NEED(policy("{\"mode\":\"MPOL_DEFAULT\",\"nodes\":\"0\"}", &e) == -EINVAL);
	NEED(policy("{\"mode\":\"MPOL_BIND\",\"nodes\":\"1000\"}", &e) == -EINVAL);
	NEED(policy("{\"mode\":\"MPOL_BIND\",\"nodes\":\"0-\"}", &e) == -EINVAL);
	NEED(strstr(e.text, "linux.memoryPolicy.nodes"));
}

static void test_memory_policy(void **state)
{
	(void)state;
	if (syscall(SYS_get_mempolicy, NULL, NULL, 0UL, NULL, 0UL) < 0)
		skip();
	assert_int_equal(in_child(mempolicy, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(P12_rlimits),
		cmocka_unit_test(P12_rlimit_refused),
		cmocka_unit_test(P13_oom),
		cmocka_unit_test(test_order),
		cmocka_unit_test(P16_scheduler),
		cmocka_unit_test(P17_ioprio),
		cmocka_unit_test(P18_R25_affinity_beyond_1024_cpus),
		cmocka_unit_test(test_personality),
		cmocka_unit_test(test_memory_policy),
	};
	return cmocka_run_group_tests_name("runtime-guard/limits", tests, NULL, NULL);
}
