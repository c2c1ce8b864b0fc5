/* SPDX-License-Identifier: Apache-2.0 */
/* Loading: with and without no_new_privs, flags, the notify fd and the duties around it. */
#include "tests/unit/runtime-guard/seccomp_helpers.h"

#include <sys/ioctl.h>

static void load_as_root(void *arg)
{
	const struct guard_filter *f = arg;
	struct err e = ERR_INIT;
	int listener;

	NEED_OK(guard_seccomp_load(f, &listener, &e), &e);
	NEED(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0);
	NEED(prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 2);
}

static void load_as_nobody(void *arg)
{
	const struct guard_filter *f = arg;
	struct err e = ERR_INIT;
	int listener;

	NEED(setresuid(65534, 65534, 65534) == 0);
	NEED(guard_seccomp_load(f, &listener, &e) == -EACCES);
	NEED(strstr(e.text, "noNewPrivileges"));
}

static void P11_load_without_nnp(void **state)
{
	(void)state;
	AUTO(arena) a = {0};
	struct guard_filter f;
	struct err e = ERR_INIT;

	need_root();
	assert_int_equal(prepare(&a, read_profile(), &f, &e), 0);
	assert_int_equal(in_child(load_as_root, &f), 0);
	assert_int_equal(in_child(load_as_nobody, &f), 0);
}

/* ---- flags ---- */

static unsigned flags_for(const char *flags)
{
	AUTO(arena) a = {0};
	struct guard_filter f;
	struct err e = ERR_INIT;
	char json[512];

	snprintf(json, sizeof(json),
		 "{\"defaultAction\":\"SCMP_ACT_ALLOW\"%s,\"listenerPath\":\"/x\",\"syscalls\":[{"
		 "\"names\":[\"mkdir\"],\"action\":\"SCMP_ACT_NOTIFY\"}]}",
		 flags);
	assert_int_equal(prepare(&a, json, &f, &e), 0);
	assert_true(f.wants_listener);
	return f.flags;
}

static void S04_flags(void **state)
{
	(void)state;
	AUTO(arena) a = {0};
	struct guard_filter f;
	struct err e = ERR_INIT;

	assert_int_equal(flags_for(""), SECCOMP_FILTER_FLAG_SPEC_ALLOW);
	assert_int_equal(flags_for(",\"flags\":[]"), 0);
	assert_int_equal(flags_for(",\"flags\":[\"SECCOMP_FILTER_FLAG_LOG\"]"),
			 SECCOMP_FILTER_FLAG_LOG);
	assert_int_equal(flags_for(",\"flags\":[\"SECCOMP_FILTER_FLAG_TSYNC\"]"),
			 SECCOMP_FILTER_FLAG_TSYNC | (1u << 4));
	assert_int_equal(flags_for(",\"flags\":[\"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV\"]"),
			 1u << 5);
	/* Without a listener it has nothing to say. */
	assert_int_equal(prepare(&a,
				 "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":["
				 "\"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV\"]}",
				 &f, &e),
			 0);
	assert_int_equal(f.flags, 0);
	assert_false(f.wants_listener);

	const char *const *words = guard_seccomp_kernel_flags();
	assert_string_equal(words[0], "SECCOMP_FILTER_FLAG_TSYNC");
	assert_string_equal(words[1], "SECCOMP_FILTER_FLAG_LOG");
	assert_string_equal(words[2], "SECCOMP_FILTER_FLAG_SPEC_ALLOW");
	assert_true(guard_seccomp_version()[0] == '2');
}

static void load_bad_flag(void *arg)
{
	struct guard_filter *f = arg;
	struct err e = ERR_INIT;
	int listener;

	f->flags = 1u << 30;
	NEED_OK(guard_no_new_privs(&e), &e);
	NEED(guard_seccomp_load(f, &listener, &e) == -EINVAL);
	NEED(strstr(e.text, "linux.seccomp: load ("));
}

static void load_every_flag(void *arg)
{
	struct guard_filter *f = arg;
	f->flags = SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_LOG |
		   SECCOMP_FILTER_FLAG_SPEC_ALLOW;
	load(f);
}

static void S04_load_flags(void **state)
{
	(void)state;
	AUTO(arena) a = {0};
	struct guard_filter f;
	struct err e = ERR_INIT;

	assert_int_equal(prepare(&a, read_profile(), &f, &e), 0);
	assert_int_equal(in_child(load_bad_flag, &f), 0);
	assert_int_equal(in_child(load_every_flag, &f), 0);
}

/* ---- notify ---- */

static int refuse_notify(struct arena *a, const char *json, struct err *e)
{
	struct guard_filter f;
	return prepare(a, json, &f, e);
}

static void S01_S06_S08_notify_duties(void **state)
{
	(void)state;
	AUTO(arena) a = {0};
	struct err e = ERR_INIT;

	assert_true(refuse_notify(&a, "{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}", &e) < 0);
	assert_non_null(strstr(e.text, "linux.seccomp.defaultAction"));
	assert_true(refuse_notify(&a,
				  "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerPath\":\"/x\","
				  "\"syscalls\":[{\"names\":[\"mkdir\",\"write\"],\"action\":"
				  "\"SCMP_ACT_NOTIFY\"}]}",
				  &e) < 0);
	assert_non_null(strstr(e.text, "used for the write syscall"));
	assert_true(refuse_notify(
			    &a, ALLOW_BUT("{\"names\":[\"mkdir\"],\"action\":\"SCMP_ACT_NOTIFY\"}"),
			    &e) < 0);
	assert_non_null(strstr(e.text, "linux.seccomp.listenerPath"));
}

static void answer_one(void *arg)
{
	const struct guard_filter *f = arg;
	struct err e = ERR_INIT;
	int listener = FD_NONE, status;
	struct seccomp_notif req = {0};
	struct seccomp_notif_resp resp = {0};

	NEED_OK(guard_no_new_privs(&e), &e);
	NEED_OK(guard_seccomp_load(f, &listener, &e), &e);
	NEED(listener >= 0 && (fcntl(listener, F_GETFD) & FD_CLOEXEC));
	pid_t pid = fork();
	NEED(pid >= 0);
	if (pid == 0)
		leave(syscall(SYS_mkdir, "/nonexistent/x", 0) == -1 && errno == 88 ? 0 : 2);
	NEED(ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &req) == 0);
	NEED(req.data.nr == SYS_mkdir);
	resp.id = req.id;
	resp.error = -88;
	NEED(ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &resp) == 0);
	NEED(waitpid(pid, &status, 0) == pid && status == 0);
	/* A second listener in one chain is refused, and said so. */
	int other;
	NEED(guard_seccomp_load(f, &other, &e) == -EBUSY && other == FD_NONE);
	NEED(strstr(e.text, "listener"));
}

static void test_notify(void **state)
{
	(void)state;
	AUTO(arena) a = {0};
	struct guard_filter f;
	struct err e = ERR_INIT;

	assert_int_equal(prepare(&a,
				 "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerPath\":\"/x\","
				 "\"flags\":[\"SECCOMP_FILTER_FLAG_TSYNC\"],"
				 "\"syscalls\":[{\"names\":[\"mkdir\"],\"action\":"
				 "\"SCMP_ACT_NOTIFY\"}]}",
				 &f, &e),
			 0);
	assert_int_equal(in_child(answer_one, &f), 0);
}

/* ---- raw programs ---- */

/* ld nr; jeq mkdir, ERRNO(ENOTNAM); ALLOW: written for x86_64, and only compared elsewhere */
static const struct sock_filter deny_mkdir[] = {
	{BPF_LD | BPF_W | BPF_ABS, 0, 0, 0},
	{BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 83},
	{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | 118},
	{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
};
#define DENY_MKDIR "IAAAAAAAAAAVAAABUwAAAAYAAAB2AAUABgAAAAAA/38="

static void raw_denies(void *arg)
{
	const struct guard_filter *f = arg;
	struct err e = ERR_INIT;
	int listener;

	NEED_OK(guard_no_new_privs(&e), &e);
	NEED_OK(guard_seccomp_load(f, &listener, &e), &e);
#ifdef __x86_64__
	NEED(syscall(SYS_mkdir, "/nonexistent/x", 0) == -1 && errno == 118);
#endif
}

static void A12_raw_program(void **state)
{
	AUTO(arena) a = {0};
	AUTO(buf) many = {0};
	struct guard_filter f;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(guard_seccomp_raw(DENY_MKDIR, NULL, &a, &f, &e), 0);
	assert_int_equal(f.n, 4);
	assert_memory_equal(f.insns, deny_mkdir, sizeof(deny_mkdir));
	assert_int_equal(f.flags, SECCOMP_FILTER_FLAG_SPEC_ALLOW);
	assert_false(f.wants_listener);
	assert_int_equal(in_child(raw_denies, &f), 0);
	assert_int_equal(guard_seccomp_raw("?", NULL, &a, &f, &e), -EINVAL);
	assert_non_null(strstr(e.text, "run.oci.seccomp_bpf_data: not base64"));
	assert_int_equal(guard_seccomp_raw("", NULL, &a, &f, &e), -EINVAL);
	assert_int_equal(guard_seccomp_raw("AAAA", NULL, &a, &f, &e), -EINVAL);
	assert_non_null(strstr(e.text, "3 bytes are no BPF program"));
	/* 24 bytes, three instructions, a round */
	for (int i = 0; i < 1365; i++)
		buf_adds(&many, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
	assert_int_equal(guard_seccomp_raw(many.data, NULL, &a, &f, &e), 0);
	assert_int_equal(f.n, 4095);
	buf_adds(&many, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
	assert_int_equal(guard_seccomp_raw(many.data, NULL, &a, &f, &e), -E2BIG);
}

/* A kernel without seccomp(2), played by a filter. */
static void no_seccomp(void *arg)
{
	static struct sock_filter no_call[] = {
		{BPF_LD | BPF_W | BPF_ABS, 0, 0, 0},
		{BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_seccomp},
		{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | ENOSYS},
		{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
	};
	struct guard_filter outer = {.insns = no_call, .n = 4};
	struct err e = ERR_INIT;
	int listener;

	load(&outer);
	NEED(guard_seccomp_load(arg, &listener, &e) == -ENOSYS);
	NEED(strstr(e.text, "linux.seccomp: this kernel has no seccomp"));
	NEED(guard_seccomp_kernel_flags()[0] == NULL);
}

static void S14_no_seccomp(void **state)
{
	(void)state;
	AUTO(arena) a = {0};
	struct guard_filter f;
	struct err e = ERR_INIT;

	assert_int_equal(prepare(&a, read_profile(), &f, &e), 0);
	assert_int_equal(in_child(no_seccomp, &f), 0);
}

static void test_no_filter(void **state)
{
	(void)state;
	struct guard_filter f = {0};
	struct err e = ERR_INIT;
	int listener = 5;

	assert_int_equal(guard_seccomp_load(&f, &listener, &e), 0);
	assert_int_equal(listener, FD_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(P11_load_without_nnp), cmocka_unit_test(S04_flags),
		cmocka_unit_test(S04_load_flags),	cmocka_unit_test(S01_S06_S08_notify_duties),
		cmocka_unit_test(test_notify),		cmocka_unit_test(test_no_filter),
		cmocka_unit_test(A12_raw_program),	cmocka_unit_test(S14_no_seccomp),
	};
	return cmocka_run_group_tests_name("runtime-guard/seccomp_load", tests, NULL, NULL);
}
