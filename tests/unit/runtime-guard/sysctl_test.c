/* SPDX-License-Identifier: Apache-2.0 */
/* Which sysctls may be set, and that they are written into the right file or nowhere. */
#include "tests/unit/runtime-guard/helpers.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mount.h>

#include "base/auto.h"
#include "runtime/guard/guard.h"

#define ALL_NS "{\"type\":\"ipc\"},{\"type\":\"network\"},{\"type\":\"uts\"},{\"type\":\"user\"}"

static struct spec_config *config(struct arena *a, const char *ns, const char *key,
				  const char *value)
{
	AUTO(buf) b = {0};

	buf_printf(&b,
		   "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"x\"},\"linux\":{\"namespaces\":["
		   "%s],\"sysctl\":{",
		   ns);
	json_print_string(key, &b);
	buf_addc(&b, ':');
	json_print_string(value, &b);
	buf_adds(&b, "}}}");
	return parse(a, &spec_table_config, b.data);
}

static int check(const char *ns, const char *key, const char *value, struct err *e)
{
	AUTO(arena) a = {0};
	return guard_sysctl_check(config(&a, ns, key, value), e);
}

/* ---- the check ---- */

static void test_allowed(void **state)
{
	(void)state;
	static const char *const names[][2] = {
		{"{\"type\":\"ipc\"}", "kernel.msgmax"},
		{"{\"type\":\"ipc\"}", "kernel.sem"},
		{"{\"type\":\"ipc\"}", "kernel/shm_rmid_forced"},
		{"{\"type\":\"ipc\"}", "fs.mqueue.msg_max"},
		{"{\"type\":\"network\"}", "net.ipv4.ip_forward"},
		{"{\"type\":\"network\"}", "net/ipv4/conf/eth0.100/mtu"},
		{"{\"type\":\"network\"}", "net.ipv4.conf.eth0/100.mtu"},
		{"{\"type\":\"uts\"}", "kernel.domainname"},
		{"{\"type\":\"user\"}", "user.max_user_namespaces"},
	};
	struct err e = ERR_INIT;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(check(names[i][0], names[i][1], "1", &e), 0);
		/* The same without that namespace. */
		int r = check("{\"type\":\"mount\"}", names[i][1], "1", &e);
		assert_int_equal(r, -EINVAL);
		assert_non_null(strstr(e.text, "linux.sysctl."));
		assert_non_null(strstr(e.text, "namespace of its own"));
	}
	assert_int_equal(check(ALL_NS, "net.ipv4.tcp_rmem", "4096\t87380 6291456", &e), 0);
	assert_int_equal(check(ALL_NS, "net.core.x", "", &e), 0);
}

static void test_refused(void **state)
{
	(void)state;
	static const char *const names[] = {
		"kernel.hostname",
		"kernel/hostname",
		"kernel.core_pattern",
		"kernel.panic",
		"vm.swappiness",
		"fs.file-max",
		"kernel.msgmaxx",
		"kernel.sem.x",
		"fs.mqueue",
		"net",
		"net.",
		"net..ipv4",
		".net.ipv4",
		"/net/ipv4/x",
		"net/../kernel/panic",
		"net/./x",
		"net.ipv4.//.kernel",
		"net/ipv4/",
		"net.ipv4.a b",
		"net.ipv4.a\tb",
		"net.ipv4.a\nb",
		"networking.x",
		"kernel",

		"user",
		"userx.y",
		"net.ipv4.\xc3\xa9",
	};
	struct err e = ERR_INIT;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		err_clear(&e);
		if (check(ALL_NS, names[i], "1", &e) != -EINVAL)
			fail_msg("\"%s\" was allowed", names[i]);
		assert_memory_equal(e.text, "linux.sysctl", 12);
	}
	assert_int_equal(check(ALL_NS, "net.ipv4.x", "1\n2", &e), -EINVAL);
	assert_int_equal(check(ALL_NS, "net.ipv4.x", "1\x7f", &e), -EINVAL);
}

/* A joined namespace that is the host's own is not the container's. */
static void test_joined(void **state)
{
	(void)state;
	struct err e = ERR_INIT;

	assert_int_equal(check("{\"type\":\"network\",\"path\":\"/proc/self/ns/net\"}",
			       "net.ipv4.x", "1", &e),
			 -EINVAL);
	assert_non_null(strstr(e.text, "is the host's"));
	assert_int_equal(check("{\"type\":\"ipc\",\"path\":\"/proc/1/../self/ns/ipc\"}",
			       "kernel.sem", "1", &e),
			 -EINVAL);
	/* Somebody else's: here any file that is not ours will do. */
	assert_int_equal(check("{\"type\":\"network\",\"path\":\"/proc/self/ns/uts\"}",
			       "net.ipv4.x", "1", &e),
			 0);
}

static void test_domainname(void **state)
{
	(void)state;
	AUTO(arena) a = {0};
	struct err e = ERR_INIT;
	struct spec_config *c = config(&a, ALL_NS, "kernel.domainname", "a.example");

	c->domainname = arena_strdup(&a, "a.example");
	assert_int_equal(guard_sysctl_check(c, &e), 0);
	c->domainname = arena_strdup(&a, "b.example");
	assert_int_equal(guard_sysctl_check(c, &e), -EINVAL);
	assert_non_null(strstr(e.text, "\"b.example\""));
}

/* ---- the writes ---- */

static void set(const char *key, const char *value, int proc_fd, int want, const char *text)
{
	struct arena a = {0};
	struct err e = ERR_INIT;
	int r = guard_sysctl_apply(config(&a, ALL_NS, key, value), proc_fd, &e);

	if (r != want || (text && !strstr(e.text, text))) {
		dprintf(2, "%s: %d \"%s\"\n", key, r, e.text);
		leave(1);
	}
	arena_done(&a);
}

static void need_value(const char *path, const char *want)
{
	char text[128];
	read_text(AT_FDCWD, path, text, sizeof(text));
	NEED(strcmp(text, want) == 0);
}

/* Makes openat2(2) fail as an outer container's old filter does. */
static void forbid_openat2(void)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog p = {4, f};
	NEED(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	NEED(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &p) == 0);
}

static void writes(void *arg)
{
	struct err e = ERR_INIT;
	int proc_fd = FD_NONE;
	bool is_blocked = arg != NULL;

	NEED(unshare(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS) == 0);
	NEED(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	if (is_blocked)
		forbid_openat2();
	set("net.ipv4.ip_forward", "1", FD_NONE, 0, NULL);
	need_value("/proc/sys/net/ipv4/ip_forward", "1\n");
	set("net/ipv4/conf/lo/forwarding", "0", FD_NONE, 0, NULL);
	need_value("/proc/sys/net/ipv4/conf/lo/forwarding", "0\n");
	set("kernel.msgmax", "1234", FD_NONE, 0, NULL);
	need_value("/proc/sys/kernel/msgmax", "1234\n");
	set("kernel.domainname", "d.example", FD_NONE, 0, NULL);
	need_value("/proc/sys/kernel/domainname", "d.example\n");
	set("net.ipv4.nosuch", "1", FD_NONE, -ENOENT,
	    "linux.sysctl.net.ipv4.nosuch: the kernel does not have it");
	set("net.ipv4.ip_forward", "x", FD_NONE, -EINVAL,
	    "linux.sysctl.net.ipv4.ip_forward: write \"x\"");
	set("kernel.panic", "1", FD_NONE, -EINVAL, "may not be set");

	NEED_OK(guard_proc_open(&proc_fd, &e), &e);
	set("net.ipv4.ip_forward", "0", proc_fd, 0, NULL);
	need_value("/proc/sys/net/ipv4/ip_forward", "0\n");

	/* A file, and then a directory, put over the way there: refused, or passed by. */
	char path[64];
	int dir = open("/tmp", O_RDONLY | O_DIRECTORY);
	snprintf(path, sizeof(path), "/tmp/guard-decoy-%d", getpid());
	NEED(dir >= 0);
	write_text(AT_FDCWD, path, "decoy");
	NEED(mount(path, "/proc/sys/net/ipv4/ip_forward", NULL, MS_BIND, NULL) == 0);
	set("net.ipv4.ip_forward", "1", FD_NONE, -EXDEV, NULL);
	set("net.ipv4.ip_forward", "1", proc_fd, 0, NULL);
	NEED(umount2("/proc/sys/net/ipv4/ip_forward", 0) == 0);
	need_value("/proc/sys/net/ipv4/ip_forward", "1\n");
	need_value(path, "decoy");
	NEED(unlink(path) == 0);
	NEED(mount("none", "/proc/sys/net", "tmpfs", 0, NULL) == 0);
	set("net.ipv4.ip_forward", "0", FD_NONE, -EXDEV, NULL);
	set("net.ipv4.ip_forward", "0", proc_fd, 0, NULL);
	NEED(mount("none", "/proc", "tmpfs", 0, NULL) == 0);
	set("net.ipv4.ip_forward", "0", FD_NONE, -ENOTSUP, "is not the root of a procfs");
	set("net.ipv4.ip_forward", "1", proc_fd, 0, NULL);
	NEED(fstatat(proc_fd, "self/oom_score_adj", &(struct stat){0}, 0) == 0);
}

static void test_writes(void **state)
{
	(void)state;
	need_root();
	assert_int_equal(in_child(writes, NULL), 0);
}

static void test_writes_without_openat2(void **state)
{
	(void)state;
	need_root();
	assert_int_equal(in_child(writes, (void *)"blocked"), 0);
}

static void test_nothing(void **state)
{
	(void)state;
	AUTO(arena) a = {0};
	struct err e = ERR_INIT;
	struct spec_config *c =
		parse(&a, &spec_table_config,
		      "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"x\"},\"linux\":{}}");

	assert_int_equal(guard_sysctl_check(c, &e), 0);
	assert_int_equal(guard_sysctl_apply(c, FD_NONE, &e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_allowed), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_joined),	cmocka_unit_test(test_domainname),
		cmocka_unit_test(test_writes),	cmocka_unit_test(test_writes_without_openat2),
		cmocka_unit_test(test_nothing),
	};
	return cmocka_run_group_tests_name("runtime-guard/sysctl", tests, NULL, NULL);
}
