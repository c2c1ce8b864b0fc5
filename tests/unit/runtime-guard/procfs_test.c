/* SPDX-License-Identifier: Apache-2.0 */
/* The private procfs and its fallbacks, and that a lookup stays inside it, with and without
 * openat2. */
#include "tests/unit/runtime-guard/helpers.h"

#include <linux/filter.h>
#include <linux/magic.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/vfs.h>

#include "base/auto.h"
#include "runtime/guard/guard.h"
#include "runtime/guard/procfs.h"

static void forbid(int nr, int code)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)code),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog p = {4, f};
	NEED(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	NEED(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &p) == 0);
}

static void need_open(int proc_fd, const char *path, int flags, int want)
{
	int fd = guard_proc_file(proc_fd, path, flags);
	int got = fd < 0 ? fd : 0;

	if (got != want) {
		dprintf(2, "\"%s\": %d, not %d\n", path, got, want);
		leave(1);
	}
	if (fd >= 0)
		close(fd);
}

static void lookups(int proc_fd)
{
	char path[64];

	need_open(proc_fd, "self/status", O_RDONLY, 0);
	need_open(proc_fd, "thread-self/comm", O_WRONLY, 0);
	need_open(proc_fd, "sys/kernel/ostype", O_RDONLY, 0);
	snprintf(path, sizeof(path), "%d/status", getpid());
	need_open(proc_fd, path, O_RDONLY, 0);
	need_open(proc_fd, "self/nosuch", O_RDONLY, -ENOENT);
	need_open(proc_fd, "self/status/x", O_RDONLY, -ENOTDIR);
	need_open(proc_fd, "self/exe", O_RDONLY, -ELOOP);
	NEED(guard_proc_file(proc_fd, "self/cwd/etc", O_RDONLY) < 0);
	NEED(guard_proc_file(proc_fd, "self/root/etc/passwd", O_RDONLY) < 0);
	NEED(guard_proc_file(proc_fd, "../etc/passwd", O_RDONLY) < 0);
	NEED(guard_proc_file(proc_fd, "/etc/passwd", O_RDONLY) < 0);
	int fd = guard_proc_file(proc_fd, "self/status", O_RDONLY);
	NEED(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
}

static void opened(void *arg)
{
	struct err e = ERR_INIT;
	struct statfs fs;
	int fd = FD_NONE, own = FD_NONE;

	NEED_OK(guard_proc_open(&fd, &e), &e);
	NEED(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	NEED(fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC);
	if (arg)
		forbid(SYS_openat2, *(int *)arg);
	lookups(fd);
	NEED(guard_proc_root(fd, &own, &e) == fd && own == FD_NONE);
	NEED(guard_proc_root(FD_NONE, &own, &e) == own && own >= 0);
	lookups(own);
}

static void test_lookups(void **state)
{
	(void)state;
	int eperm = EPERM, enosys = ENOSYS;

	assert_int_equal(in_child(opened, NULL), 0);
	assert_int_equal(in_child(opened, &eperm), 0);
	assert_int_equal(in_child(opened, &enosys), 0);
}

/* A user namespace that does not own its pid namespace: first a clone of /proc, then /proc itself.
 */
static void in_userns(void *arg)
{
	NEED(unshare(*(int *)arg) == 0);
	opened(NULL);
}

static void test_fallbacks(void **state)
{
	(void)state;
	int with_mnt = CLONE_NEWUSER | CLONE_NEWNS, alone = CLONE_NEWUSER;

	need_root();
	assert_int_equal(in_child(in_userns, &with_mnt), 0);
	assert_int_equal(in_child(in_userns, &alone), 0);
}

static void no_new_api(void *arg)
{
	(void)arg;
	forbid(SYS_fsopen, ENOSYS);
	forbid(SYS_open_tree, ENOSYS);
	opened(NULL);
}

static void covered(void *arg)
{
	(void)arg;
	struct err e = ERR_INIT;
	int fd = FD_NONE, own = FD_NONE;

	NEED(unshare(CLONE_NEWNS) == 0);
	NEED(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	forbid(SYS_fsopen, EPERM);
	/* A part of a procfs is not its root. */
	NEED(mount("/proc/self/attr", "/proc", NULL, MS_BIND, NULL) == 0);
	NEED(guard_proc_open(&fd, &e) == -ENOTSUP && fd == FD_NONE);
	NEED(guard_proc_root(FD_NONE, &own, &e) == -ENOTSUP && own == FD_NONE);
	NEED(mount("none", "/proc", "tmpfs", 0, NULL) == 0);
	NEED(guard_proc_open(&fd, &e) == -ENOTSUP && fd == FD_NONE);
	NEED(strstr(e.text, "\"/proc\" is not the root of a procfs"));
}

static void test_no_new_api(void **state)
{
	(void)state;
	need_root();
	assert_int_equal(in_child(no_new_api, NULL), 0);
	assert_int_equal(in_child(covered, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lookups),
		cmocka_unit_test(test_fallbacks),
		cmocka_unit_test(test_no_new_api),
	};
	return cmocka_run_group_tests_name("runtime-guard/procfs", tests, NULL, NULL);
}
