/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of base/path_walk: random trees where it and openat2 must answer alike, an attacker
 * who renames meanwhile, and hosts that block openat2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include "base/auto.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/sys.h"
#include "tests/unit/base/answer.h"
#include "tests/unit/base/scratch.h"
#include "base/ban.h"

#define N(v) (sizeof(v) / sizeof((v)[0]))

/* What the kernel and the walk say must not differ, whatever the tree and the path. */
static void compare_random(int root_fd, unsigned *seed)
{
	static const char *const parts[] = {"d0", "d1", "d2", "l0", "l1", "l2", "l3",
					    "f0", "..", ".",  "",   "no", "d0", "d1"};
	static const int flag_sets[] = {O_PATH, O_PATH | O_DIRECTORY, O_RDONLY | O_NONBLOCK,
					O_RDONLY | O_DIRECTORY, O_RDWR};
	char path[256] = "";
	int n = 1 + rand_r(seed) % 6, flags = flag_sets[(unsigned)rand_r(seed) % N(flag_sets)];
	bool nofollow = rand_r(seed) % 2;
	struct answer by[2];

	for (int i = 0; i < n; i++) {
		size_t len = strlen(path);

		snprintf(path + len, sizeof(path) - len, "%s%s",
			 i || rand_r(seed) % 3 == 0 ? "/" : "",
			 parts[(unsigned)rand_r(seed) % N(parts)]);
	}
	/* Half of the paths become links, so that the tree gets wilder with time. */
	if (rand_r(seed) % 40 == 0 && *path) {
		char name[32];

		snprintf(name, sizeof(name), "%sl%d", rand_r(seed) % 2 ? "d0/" : "",
			 rand_r(seed) % 4);
		unlinkat(root_fd, name, 0);
		assert_int_equal(symlinkat(path, root_fd, name), 0);
	}
	for (int walk = 0; walk < 2; walk++) {
		path_test_force_walk(walk);
		by[walk] = answer_of(nofollow ? path_open_in_nofollow(root_fd, path, flags)
					      : path_open_in(root_fd, path, flags));
	}
	path_test_force_walk(false);
	if (!same(&by[0], &by[1]))
		fail_msg("\"%s\" flags %o%s: openat2 %d, walk %d", path, flags,
			 nofollow ? " nofollow" : "", by[0].err, by[1].err);
}

static void test_random(void **state)
{
	static const char *const dirs[] = {"d0", "d1", "d2", "d0/d1", "d0/d2", "d0/d1/d0", "d1/d0"};
	struct scratch s;
	unsigned seed = 4711;

	(void)state;
	scratch_make(&s);
	for (size_t i = 0; i < N(dirs); i++)
		assert_int_equal(mkdirat(s.fd, dirs[i], 0755), 0);
	scratch_file(&s, "f0", "x");
	scratch_file(&s, "d0/f0", "x");
	/* For the second half, as a user: who may not search or read gets the same answer. */
	assert_int_equal(fchmodat(s.fd, "d2", 0444, 0), 0);
	assert_int_equal(fchmodat(s.fd, "d0/d2", 0, 0), 0);
	assert_int_equal(fchmodat(s.fd, "d0/f0", 0, 0), 0);
	for (int i = 0; i < 20000; i++)
		compare_random(s.fd, &seed);
	if (geteuid() == 0) {
		assert_int_equal(fchmod(s.fd, 0777), 0);
		assert_int_equal(fchmodat(s.fd, "d0", 0777, 0), 0);
		assert_int_equal(seteuid(65534), 0);
		for (int i = 0; i < 20000; i++)
			compare_random(s.fd, &seed);
		assert_int_equal(seteuid(0), 0);
	}
	scratch_done(&s);
}

/*
 * An attacker's process: "sw" is by turns a directory, a link that climbs and an absolute link, and
 * "deep/in" moves out of the root and back while somebody walks through it.
 */
static _Noreturn void attack(int dir_fd)
{
	for (;;) {
		renameat(dir_fd, "root/sw", dir_fd, "root/sw_dir");
		symlinkat("../../outside", dir_fd, "root/sw");
		unlinkat(dir_fd, "root/sw", 0);
		symlinkat("/../outside", dir_fd, "root/sw");
		unlinkat(dir_fd, "root/sw", 0);
		renameat(dir_fd, "root/sw_dir", dir_fd, "root/sw");
		renameat(dir_fd, "root/deep/in", dir_fd, "outside/in");
		renameat(dir_fd, "outside/in", dir_fd, "root/deep/in");
	}
}

static void race_once(const struct scratch *s, int root_fd)
{
	/* The root's own "outside" is where every link must lead. */
	auto_fd_done(&(int){path_mkdirs_in(root_fd, "sw/made", 0755)});
	auto_fd_done(&(int){path_mkfile_in(root_fd, "sw/file", 0644)});
	auto_fd_done(&(int){path_mkdirs_in(root_fd, "deep/in/../../../outside/up", 0755)});
	AUTO_FD fd = path_open_in(root_fd, "sw/secret", O_RDONLY);
	AUTO_FD up = path_open_in(root_fd, "deep/in/../../secret", O_RDONLY);

	assert_true(fd < 0 && up < 0);
	assert_int_equal(faccessat(s->fd, "outside/made", F_OK, 0), -1);
	assert_int_equal(faccessat(s->fd, "outside/file", F_OK, 0), -1);
	assert_int_equal(faccessat(s->fd, "outside/up", F_OK, 0), -1);
	unlinkat(root_fd, "outside/made", AT_REMOVEDIR);
	unlinkat(root_fd, "outside/file", 0);
	unlinkat(root_fd, "outside/up", AT_REMOVEDIR);
	unlinkat(root_fd, "outside", AT_REMOVEDIR);
}

static void test_race(void **state)
{
	struct scratch s;
	AUTO_FD root_fd = FD_NONE, pidfd = FD_NONE;
	int status;
	pid_t pid;

	(void)state;
	scratch_make(&s);
	assert_int_equal(mkdirat(s.fd, "root", 0755), 0);
	assert_int_equal(mkdirat(s.fd, "root/sw", 0755), 0);
	assert_int_equal(mkdirat(s.fd, "root/deep", 0755), 0);
	assert_int_equal(mkdirat(s.fd, "root/deep/in", 0755), 0);
	assert_int_equal(mkdirat(s.fd, "outside", 0755), 0);
	scratch_file(&s, "outside/secret", "secret");
	scratch_file(&s, "secret", "secret");
	root_fd = openat(s.fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	pid = proc_clone(0, -1, &pidfd);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		attack(s.fd);
	}
	for (int walk = 0; walk < 2; walk++) {
		uint64_t stop = proc_now_usec() + 300000;

		path_test_force_walk(walk);
		while (proc_now_usec() < stop)
			race_once(&s, root_fd);
	}
	path_test_force_walk(false);
	kill(pid, SIGKILL);
	assert_int_equal(proc_wait(pidfd, -1, &status), 0);
	scratch_done(&s);
}

/* openat2 refused by an outer container's filter, with both errnos that are seen there. */
static int blocked_child(int root_fd, unsigned code)
{
	struct sock_filter rows[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | code),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = N(rows), .filter = rows};
	AUTO_FD fd = FD_NONE;
	struct stat st;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    sys_seccomp(SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
		return 1;
	if (sys_has(SYS_OPENAT2))
		return 2;
	fd = path_open_in(root_fd, "climb_abs", O_RDONLY);
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size != 6)
		return 3;
	fd_replace(&fd, path_mkdirs_in(root_fd, "a/b", 0755));
	return fd >= 0 && path_open_in(root_fd, "out", O_PATH) == -ENOENT ? 0 : 4;
}

static void test_blocked(void **state)
{
	static const unsigned codes[] = {ENOSYS, EPERM};
	struct scratch s;

	(void)state;
	scratch_make(&s);
	assert_int_equal(mkdirat(s.fd, "etc", 0755), 0);
	assert_int_equal(mkdirat(s.fd, "a", 0755), 0);
	scratch_file(&s, "etc/passwd", "inside");
	assert_int_equal(symlinkat("/../../etc/passwd", s.fd, "climb_abs"), 0);
	assert_int_equal(symlinkat("../outside", s.fd, "out"), 0);
	for (size_t i = 0; i < N(codes); i++) {
		int pidfd = FD_NONE, status = 0;
		pid_t pid = proc_clone(0, -1, &pidfd);

		if (pid == 0)
			_exit(blocked_child(s.fd, codes[i]));
		assert_int_equal(proc_wait(pidfd, -1, &status), 0);
		assert_int_equal(status, 0);
		close(pidfd);
	}
	scratch_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_race),
		cmocka_unit_test(test_blocked),
	};

	return cmocka_run_group_tests_name("base/path_walk", tests, NULL, NULL);
}
