/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles into filters: loaded into a child that makes real system calls, and interpreted. */
#include "tests/unit/runtime-guard/seccomp_helpers.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>

/* ---- default action ---- */

static void calls_default_eperm(void)
{
	NEED(syscall(SYS_getpid) > 0);
	NEED(syscall(SYS_getppid) == -1 && errno == EPERM);
	NEED(syscall(SYS_chdir, "/") == -1 && errno == EPERM);
	NEED(syscall(NR_UNKNOWN) == -1 && errno == ENOSYS);
	/* Newer than all that this short profile names, and than Linux 5.0. */
	NEED(syscall(SYS_clone3, NULL, 0) == -1 && errno == ENOSYS);
}

static void test_default_eperm(void **state)
{
	(void)state;
	assert_int_equal(try_calls(DEFAULT_EPERM, calls_default_eperm), 0);
}

static void calls_default_eacces(void)
{
	NEED(syscall(SYS_getppid) == -1 && errno == EACCES);
	NEED(syscall(NR_UNKNOWN) == -1 && errno == EACCES);
}

static void test_default_other_errno(void **state)
{
	(void)state;
	assert_int_equal(try_calls("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":13,"
				   "\"syscalls\":[{\"names\":[" BASE_CALLS
				   "],\"action\":\"SCMP_ACT_ALLOW\"}]}",
				   calls_default_eacces),
			 0);
}

static void calls_named_new(void)
{
	/* fchmodat2 is above clone3, but below openat2's... the highest named one is the bound. */
	NEED(syscall(SYS_clone3, NULL, 0) == -1 && errno == EPERM);
	NEED(syscall(SYS_openat2, -1, "", NULL, 0) == -1 && errno == EINVAL);
	NEED(syscall(SYS_openat2 + 1, 0) == -1 && errno == ENOSYS);
}

static void test_default_explicit_eperm(void **state)
{
	(void)state;
	assert_int_equal(try_calls("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":1,"
				   "\"syscalls\":[{\"names\":[" BASE_CALLS
				   ",\"openat2\"],\"action\":\"SCMP_ACT_ALLOW\"}]}",
				   calls_named_new),
			 0);
}

static void calls_kill(void)
{
	syscall(SYS_getppid);
}

static void test_kill(void **state)
{
	(void)state;
	static const char *const kinds[] = {"KILL", "KILL_PROCESS", "KILL_THREAD", "TRAP"};
	char json[256];

	for (size_t i = 0; i < 4; i++) {
		snprintf(json, sizeof(json),
			 "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":["
			 "\"getppid\"],\"action\":\"SCMP_ACT_%s\"}]}",
			 kinds[i]);
		assert_int_equal(try_calls(json, calls_kill), 1000 + SIGSYS);
	}
}

static void calls_default_kill(void)
{
	syscall(NR_UNKNOWN);
}

static void test_default_kill_has_no_prologue(void **state)
{
	(void)state;
	assert_int_equal(try_calls("{\"defaultAction\":\"SCMP_ACT_KILL_PROCESS\",\"syscalls\":[{"
				   "\"names\":[" BASE_CALLS "],\"action\":\"SCMP_ACT_ALLOW\"}]}",
				   calls_default_kill),
			 1000 + SIGSYS);
}

/* ---- arguments ---- */

#define RULE(args)                                                                                 \
	"{\"names\":[\"getpgid\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":77,\"args\":[" args   \
	"]}"
#define ARG(i, v, v2, op)                                                                          \
	"{\"index\":" i ",\"value\":" v ",\"valueTwo\":" v2 ",\"op\":\"SCMP_CMP_" op "\"}"

static bool is_hit(uint64_t a0, uint64_t a1)
{
	errno = 0;
	return syscall(SYS_getpgid, a0, a1) == -1 && errno == 77;
}

#define BIG "18446744073709551614" /* 2^64 - 2 */

static void calls_eq(void)
{
	NEED(is_hit(5000000000ULL, 0) && !is_hit(5000000001ULL, 0) && !is_hit(705032704ULL, 0));
}
static void calls_ne(void)
{
	NEED(!is_hit(5000000000ULL, 0) && is_hit(705032704ULL, 0));
}
static void calls_lt(void)
{
	NEED(is_hit(4999999999ULL, 0) && !is_hit(5000000000ULL, 0) && !is_hit(~0ULL, 0));
}
static void calls_le(void)
{
	NEED(is_hit(5000000000ULL, 0) && !is_hit(5000000001ULL, 0));
}
static void calls_gt(void)
{
	NEED(is_hit(~0ULL, 0) && !is_hit(~0ULL - 1, 0) && !is_hit(0, 0));
}
static void calls_ge(void)
{
	NEED(is_hit(~0ULL - 1, 0) && !is_hit(~0ULL - 2, 0));
}
static void calls_masked(void)
{
	/* (arg & 0xf0000000f0) == 0x1000000020 */
	NEED(is_hit(0x1000000020ULL, 0) && is_hit(0x10f000002fULL, 0));
	NEED(!is_hit(0x1000000030ULL, 0) && !is_hit(0x20ULL, 0) && !is_hit(0x3000000020ULL, 0));
}
static void calls_and(void)
{
	NEED(is_hit(1, 2) && !is_hit(1, 3) && !is_hit(3, 2));
}
static void calls_or(void)
{
	NEED(is_hit(1, 9) && is_hit(2, 9) && is_hit(9, 3) && !is_hit(9, 9));
}

static void test_args(void **state)
{
	(void)state;
	static const struct trial trials[] = {
		{ALLOW_BUT(RULE(ARG("0", "5000000000", "0", "EQ"))), calls_eq},
		{ALLOW_BUT(RULE(ARG("0", "5000000000", "0", "NE"))), calls_ne},
		{ALLOW_BUT(RULE(ARG("0", "5000000000", "0", "LT"))), calls_lt},
		{ALLOW_BUT(RULE(ARG("0", "5000000000", "0", "LE"))), calls_le},
		{ALLOW_BUT(RULE(ARG("0", BIG, "0", "GT"))), calls_gt},
		{ALLOW_BUT(RULE(ARG("0", BIG, "0", "GE"))), calls_ge},
		{ALLOW_BUT(RULE(ARG("0", "1030792151280", "68719476768", "MASKED_EQ"))),
		 calls_masked},
		{ALLOW_BUT(RULE(ARG("0", "1", "0", "EQ") "," ARG("1", "2", "0", "EQ"))), calls_and},
		/* One argument twice: "or", for all of the entry (S10). */
		{ALLOW_BUT(RULE(ARG("0", "1", "0", "EQ") "," ARG("0", "2", "0", "EQ") "," ARG(
			 "1", "3", "0", "EQ"))),
		 calls_or},
	};
	for (size_t i = 0; i < sizeof(trials) / sizeof(trials[0]); i++) {
		print_message("trial %zu\n", i);
		assert_int_equal(try_calls(trials[i].json, trials[i].calls), 0);
	}
}

/* ---- podman's profile ---- */

static void calls_podman(void)
{
	NEED(syscall(SYS_getppid) > 0);
	NEED(syscall(SYS_userfaultfd, 0) == -1 && errno == EPERM);
	NEED(syscall(SYS_unshare, 0) == 0);
	NEED(syscall(SYS_bpf, 0, NULL, 0) == -1 && errno == EPERM);
	NEED(syscall(SYS_kexec_load, 0, 0, NULL, 0) == -1 && errno == EPERM);
	NEED(syscall(NR_UNKNOWN) == -1 && errno == ENOSYS);
	NEED(syscall(SYS_socket, AF_NETLINK, SOCK_RAW, 9) == -1 && errno == EINVAL);
	int fd = (int)syscall(SYS_socket, AF_UNIX, SOCK_STREAM, 0);
	NEED(fd >= 0);
	NEED(syscall(SYS_personality, 0xffffffffUL) >= 0);
	NEED(syscall(SYS_personality, 0x4000UL) == -1 && errno == ENOSYS);
	void *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	NEED(p != MAP_FAILED);
}

static void test_podman(void **state)
{
	(void)state;
	assert_int_equal(try_calls(read_profile(), calls_podman), 0);
}

/* ---- other architectures, by interpretation ---- */

static void test_arches(void **state)
{
	(void)state;
	AUTO(arena) a = {0};
	struct guard_filter f;
	struct err e = ERR_INIT;

	assert_int_equal(prepare(&a,
				 "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":["
				 "\"SCMP_ARCH_X86\",\"SCMP_ARCH_X32\",\"SCMP_ARCH_AARCH64\","
				 "\"SCMP_ARCH_MIPSEL64N32\",\"SCMP_ARCH_S390X\"],\"syscalls\":[{"
				 "\"names\":[\"read\",\"close_range\",\"nosuchcall\"],\"action\":"
				 "\"SCMP_ACT_ALLOW\"}]}",
				 &f, &e),
			 0);
	static const struct {
		uint32_t arch, read, base;
	} t[] = {
		/* read(2)'s number, and what the ABI adds to numbers since 5.1 */
		{AUDIT_ARCH_X86_64, 0, 0},
		{AUDIT_ARCH_I386, 3, 0},
		{AUDIT_ARCH_AARCH64, 63, 0},
		{AUDIT_ARCH_MIPSEL64N32, 6000, 6000},
		{AUDIT_ARCH_X86_64, X32_BIT, X32_BIT},
	};
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		assert_int_equal(run_bpf(&f, t[i].arch, t[i].read, 0), SECCOMP_RET_ALLOW);
		assert_int_equal(run_bpf(&f, t[i].arch, t[i].base + 436, 0), SECCOMP_RET_ALLOW);
		assert_int_equal(run_bpf(&f, t[i].arch, t[i].base + 435, 0), RET_ERRNO(EPERM));
		assert_int_equal(run_bpf(&f, t[i].arch, t[i].base + 437, 0), RET_ERRNO(ENOSYS));
		assert_int_equal(run_bpf(&f, t[i].arch, t[i].base + NR_UNKNOWN, 0),
				 RET_ERRNO(ENOSYS));
	}
	/* Not asked for: killed, whatever the number. */
	assert_int_equal(run_bpf(&f, AUDIT_ARCH_ARM, 9999, 0), SECCOMP_RET_KILL_THREAD);
	assert_int_equal(run_bpf(&f, AUDIT_ARCH_ARM, 3, 0), SECCOMP_RET_KILL_THREAD);
	/* Of the other byte order: listed in vain, but no error. */
	assert_int_equal(run_bpf(&f, AUDIT_ARCH_S390X, 3, 0), SECCOMP_RET_KILL_THREAD);
}

static void test_x32_not_listed(void **state)
{
	(void)state;
	AUTO(arena) a = {0};
	struct guard_filter f;
	struct err e = ERR_INIT;

	assert_int_equal(prepare(&a, DEFAULT_EPERM, &f, &e), 0);
	assert_int_equal(run_bpf(&f, AUDIT_ARCH_X86_64, 39, 0), SECCOMP_RET_ALLOW);
	assert_int_equal(run_bpf(&f, AUDIT_ARCH_X86_64, NR_UNKNOWN, 0), RET_ERRNO(ENOSYS));
	/* x32 is another architecture: not ENOSYS by accident. */
	assert_int_equal(run_bpf(&f, AUDIT_ARCH_X86_64, X32_BIT | 39, 0), SECCOMP_RET_KILL_THREAD);
	assert_int_equal(run_bpf(&f, AUDIT_ARCH_X86_64, X32_BIT | NR_UNKNOWN, 0),
			 SECCOMP_RET_KILL_THREAD);
	assert_int_equal(run_bpf(&f, AUDIT_ARCH_I386, NR_UNKNOWN, 0), SECCOMP_RET_KILL_THREAD);
	/* A tracer's "skip" is not a new call. */
	assert_int_equal(run_bpf(&f, AUDIT_ARCH_X86_64, UINT32_MAX, 0), RET_ERRNO(EPERM));
}

static void S03_arch_unknown_to_library(void **state)
{
	(void)state;
	AUTO(arena) a = {0};
	struct guard_filter f;
	struct err e = ERR_INIT;

	/* M68K came with libseccomp 2.6 */
	assert_int_equal(prepare(&a,
				 "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":["
				 "\"SCMP_ARCH_M68K\",\"SCMP_ARCH_LOONGARCH64\"]}",
				 &f, &e),
			 0);
	assert_int_equal(run_bpf(&f, AUDIT_ARCH_X86_64, 83, 0), SECCOMP_RET_ALLOW);
}

/* ---- rules ---- */

static void test_same_call_twice(void **state)
{
	(void)state;
	AUTO(arena) a = {0};
	struct guard_filter f;
	struct err e = ERR_INIT;

	/* The same rule twice is no conflict. */
	assert_int_equal(prepare(&a,
				 ALLOW_BUT("{\"names\":[\"mkdir\",\"mkdir\"],\"action\":"
					   "\"SCMP_ACT_KILL\"},{\"names\":[\"mkdir\"],\"action\":"
					   "\"SCMP_ACT_KILL\"}"),
				 &f, &e),
			 0);
	/* Of two actions the first holds. */
	assert_int_equal(prepare(&a,
				 ALLOW_BUT("{\"names\":[\"mkdir\"],\"action\":\"SCMP_ACT_LOG\"},"
					   "{\"names\":[\"mkdir\"],\"action\":\"SCMP_ACT_KILL\"}"),
				 &f, &e),
			 0);
	assert_int_equal(run_bpf(&f, AUDIT_ARCH_X86_64, 83, 0), SECCOMP_RET_LOG);
}

static void test_unknown_names(void **state)
{
	(void)state;
	AUTO(arena) a = {0};
	struct guard_filter f;
	struct err e = ERR_INIT;
	const char *json = ALLOW_BUT("{\"names\":[\"mkdir\",\"frobnicate\"],\"action\":"
				     "\"SCMP_ACT_KILL\"}");

	assert_int_equal(prepare(&a, json, &f, &e), 0);
	assert_int_equal(run_bpf(&f, AUDIT_ARCH_X86_64, 83, 0), SECCOMP_RET_KILL_THREAD);
	assert_true(guard_seccomp_check_names(parse(&a, &spec_table_seccomp, json), &e) < 0);
	assert_non_null(strstr(e.text, "syscalls[0].names[1]: \"frobnicate\""));
	assert_int_equal(
		guard_seccomp_check_names(parse(&a, &spec_table_seccomp, DEFAULT_EPERM), &e), 0);
}

static void test_errno_range(void **state)
{
	(void)state;
	AUTO(arena) a = {0};
	struct guard_filter f;
	struct err e = ERR_INIT;

	assert_true(prepare(&a,
			    ALLOW_BUT("{\"names\":[\"mkdir\"],\"action\":\"SCMP_ACT_ERRNO\","
				      "\"errnoRet\":4096}"),
			    &f, &e) < 0);
	assert_int_equal(prepare(&a,
				 ALLOW_BUT("{\"names\":[\"mkdir\"],\"action\":\"SCMP_ACT_TRACE\","
					   "\"errnoRet\":4096}"),
				 &f, &e),
			 0);
	assert_int_equal(run_bpf(&f, AUDIT_ARCH_X86_64, 83, 0), SECCOMP_RET_TRACE | 4096);
	assert_int_equal(prepare(&a,
				 ALLOW_BUT("{\"names\":[\"mkdir\"],\"action\":\"SCMP_ACT_ERRNO\","
					   "\"errnoRet\":0}"),
				 &f, &e),
			 0);
	assert_int_equal(run_bpf(&f, AUDIT_ARCH_X86_64, 83, 0), RET_ERRNO(0));
}

static void test_too_large(void **state)
{
	(void)state;
	AUTO(arena) a = {0};
	AUTO(buf) b = {0};
	struct guard_filter f;
	struct err e = ERR_INIT;

	buf_adds(&b, "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[");
	for (int i = 0; i < 1500; i++)
		buf_printf(&b,
			   "%s{\"names\":[\"getpgid\"],\"action\":\"SCMP_ACT_KILL\",\"args\":[{"
			   "\"index\":0,\"value\":%llu,\"op\":\"SCMP_CMP_EQ\"},{\"index\":1,"
			   "\"value\":%d,\"op\":\"SCMP_CMP_EQ\"}]}",
			   i ? "," : "", i * 10000000001ULL, i);
	buf_adds(&b, "]}");
	assert_int_equal(prepare(&a, b.data, &f, &e), -E2BIG);
	assert_non_null(strstr(e.text, "profile too large ("));
	assert_non_null(strstr(e.text, "kernel limit 4096"));
}

/* S13: a binary tree over the numbers, not a list: what it takes to find one of 330. */
static void S13_binary_tree(void **state)
{
	(void)state;
	AUTO(arena) a = {0};
	struct guard_filter f;
	struct err e = ERR_INIT;
	size_t worst = 0;

	assert_int_equal(prepare(&a, read_profile(), &f, &e), 0);
	for (uint32_t nr = 0; nr < 460; nr++) {
		(void)run_bpf(&f, AUDIT_ARCH_X86_64, nr, 0);
		worst = run_bpf_steps > worst ? run_bpf_steps : worst;
	}
	print_message("worst: %zu of %u instructions\n", worst, f.n);
	assert_in_range(worst, 1, 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(S13_binary_tree),
		cmocka_unit_test(test_default_eperm),
		cmocka_unit_test(test_default_other_errno),
		cmocka_unit_test(test_default_explicit_eperm),
		cmocka_unit_test(test_kill),
		cmocka_unit_test(test_default_kill_has_no_prologue),
		cmocka_unit_test(test_args),
		cmocka_unit_test(test_podman),
		cmocka_unit_test(test_arches),
		cmocka_unit_test(test_x32_not_listed),
		cmocka_unit_test(S03_arch_unknown_to_library),
		cmocka_unit_test(test_same_call_twice),
		cmocka_unit_test(test_unknown_names),
		cmocka_unit_test(test_errno_range),
		cmocka_unit_test(test_too_large),
	};
	return cmocka_run_group_tests_name("runtime-guard/seccomp", tests, NULL, NULL);
}
