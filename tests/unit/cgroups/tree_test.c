// SPDX-License-Identifier: Apache-2.0
/*
 * Tests of cgroups/tree, walk, procs and bpf on a real cgroup2, in a cgroup of the test's own which
 * plays the root, mounted in a private mount namespace. Skipped without the rights for that.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/file.h"
#include "base/proc.h"
#include "base/str.h"
#include "cgroups/internal.h"
#include "base/ban.h"

static char mount_dir[] = "/tmp/stiva-cgroup2.XXXXXX";
static char base[64];
static int mount_fd = FD_NONE, root_fd = FD_NONE;
static struct err e;

static int group_setup(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return 0;
	if (!mkdtemp(mount_dir) || mount("none", mount_dir, "cgroup2", 0, NULL) < 0)
		return 0;
	mount_fd = open(mount_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	snprintf(base, sizeof(base), "stiva-unit-%d", (int)getpid());
	if (mkdirat(mount_fd, base, 0755) < 0)
		return 0;
	root_fd = openat(mount_fd, base, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return root_fd < 0 ? -1 : 0;
}

static int group_teardown(void **state)
{
	char path[80];
	int r = 0;

	(void)state;
	if (root_fd >= 0) {
		/* What a failed test left behind, its processes included. */
		cg_where_root_for_test(mount_fd);
		snprintf(path, sizeof(path), "/%s", base);
		r = cg_tree_remove(path, 0, 1, &e);
		if (r < 0)
			print_error("%s\n", e.text);
	}
	cg_where_root_for_test(-1);
	if (mount_fd >= 0)
		umount2(mount_dir, MNT_DETACH);
	rmdir(mount_dir);
	return r;
}

static int setup(void **state)
{
	(void)state;
	err_clear(&e);
	cg_where_root_for_test(root_fd);
	return 0;
}

#define NEED_CGROUP2()                                                                             \
	do {                                                                                       \
		if (root_fd < 0)                                                                   \
			skip();                                                                    \
	} while (0)
#define OK(call)                                                                                   \
	do {                                                                                       \
		int ok_ = (call);                                                                  \
		if (ok_ != 0)                                                                      \
			fail_msg("%s: %d: %s", #call, ok_, e.text);                                \
	} while (0)

static bool is_there(const char *path)
{
	return faccessat(root_fd, path + 1, F_OK, 0) == 0;
}

/* A child inside the cgroup dir_fd that sleeps until it is killed. */
static pid_t sleeper(int dir_fd)
{
	int pidfd = FD_NONE;
	pid_t pid = proc_clone(0, dir_fd, &pidfd);

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	assert_true(pid > 0);
	close(pidfd);
	return pid;
}

static void exit_7(int sig)
{
	(void)sig;
	_exit(7);
}

/* One that has a handler for SIGUSR2: a frozen process dies at once of a signal without. */
static pid_t handler(int dir_fd)
{
	int pidfd = FD_NONE, ready[2];
	char byte;

	assert_int_equal(pipe(ready), 0);
	pid_t pid = proc_clone(0, dir_fd, &pidfd);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGUSR2, exit_7);
		if (write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	assert_true(pid > 0);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	close(pidfd);
	return pid;
}

static int reap(pid_t pid)
{
	int status = 0;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* ---- making and removing ---- */

static void make_and_remove(void **state)
{
	AUTO(cg) c = CG_NONE, again = CG_NONE;
	struct stat st;

	(void)state;
	NEED_CGROUP2();
	mode_t mask = umask(077);
	OK(cg_tree_make("/a/b/c", NULL, &c, &e));
	umask(mask);
	assert_int_equal(c.made_levels, 3);
	assert_int_equal(fstatat(root_fd, "a/b/c", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0755);
	assert_true(st.st_ino == c.ino);
	assert_int_equal(fstatat(root_fd, "a", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0755);
	OK(cg_open("/a/b/c", &again, &e));
	assert_true(again.ino == c.ino);
	OK(cg_tree_remove("/a/b/c", c.ino + 1, 3, &e)); /* another one: left alone */
	assert_true(is_there("/a/b/c"));
	OK(cg_tree_remove("/a/b/c", c.ino, 3, &e));
	assert_false(is_there("/a"));
	OK(cg_tree_remove("/a/b/c", c.ino, 3, &e));
}

/* Whoever of two goes last takes the parents along, also when the other one made them. */
static void shared_parents(void **state)
{
	AUTO(cg) one = CG_NONE, two = CG_NONE;

	(void)state;
	NEED_CGROUP2();
	OK(cg_tree_make("/p/q/one", NULL, &one, &e));
	OK(cg_tree_make("/p/q/two", NULL, &two, &e));
	assert_int_equal(two.made_levels, 1);
	OK(cg_tree_remove("/p/q/one", one.ino, one.made_levels, &e));
	assert_true(is_there("/p/q/two"));
	OK(cg_tree_remove("/p/q/two", two.ino, two.made_levels, &e));
	assert_false(is_there("/p"));
	/* A parent that somebody else made stays. */
	assert_int_equal(mkdirat(root_fd, "engine", 0755), 0);
	OK(cg_tree_make("/engine/id", NULL, &one, &e));
	OK(cg_tree_remove("/engine/id", one.ino, one.made_levels, &e));
	assert_true(is_there("/engine"));
	assert_int_equal(unlinkat(root_fd, "engine", AT_REMOVEDIR), 0);
}

static void failure_leaves_nothing(void **state)
{
	AUTO(cg) c = CG_NONE;
	char key[] = "nope.max", value[] = "1";
	struct strpair pair = {key, value};
	struct spec_resources res = {.unified = {&pair, 1}};

	(void)state;
	NEED_CGROUP2();
	assert_true(cg_tree_make("/a/b/c", &res, &c, &e) < 0);
	assert_string_equal(
		e.text, "linux.resources.unified.nope.max: the requested cgroup controller `nope` "
			"is not available in "
			"the cgroup2 tree (/sys/fs/cgroup): this kernel does not have it, or it "
			"is in use elsewhere");
	assert_false(is_there("/a"));
	assert_true(c.dir_fd < 0);
}

static void C02_occupied(void **state)
{
	AUTO(cg) c = CG_NONE, again = CG_NONE;

	(void)state;
	NEED_CGROUP2();
	OK(cg_tree_make("/x", NULL, &c, &e));
	pid_t pid = sleeper(c.dir_fd);
	assert_int_equal(cg_tree_make("/x", NULL, &again, &e), -EBUSY);
	assert_string_equal(e.text, "container's cgroup is not empty: \"/x\"");
	assert_int_equal(cg_wait_empty(&c, 20, &e), -ETIMEDOUT);
	assert_true(str_starts(e.text, "cgroup \"/x\": 1 process did not end within 20 ms: pid "));
	assert_true(strstr(e.text, " (state ") != NULL);
	err_clear(&e);
	/* Killed by the removal, though nobody has reaped it. */
	OK(cg_tree_remove("/x", c.ino, 1, &e));
	assert_false(is_there("/x"));
	assert_int_equal(reap(pid), 128 + SIGKILL);
	OK(cg_wait_empty(&c, 0, &e));
}

#define DEPTH 300

/* What a container with a delegated cgroup may leave behind. */
static void deep_tree(void **state)
{
	AUTO(cg) c = CG_NONE;
	AUTO_FREE pid_t *pids = NULL;
	size_t n = 0;

	(void)state;
	NEED_CGROUP2();
	OK(cg_tree_make("/deep", NULL, &c, &e));
	int fd = openat(c.dir_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < DEPTH; i++) {
		assert_int_equal(mkdirat(fd, "side", 0755), 0);
		assert_int_equal(mkdirat(fd, "down", 0755), 0);
		int next = openat(fd, "down", O_PATH | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		close(fd);
		fd = next;
	}
	pid_t pid[3] = {sleeper(fd), sleeper(c.dir_fd), sleeper(fd)};
	close(fd);
	OK(cg_pids(&c, &pids, &n, &e));
	assert_int_equal(n, 3);
	assert_true(pids[0] < pids[1] && pids[1] < pids[2]);
	OK(cg_tree_remove("/deep", c.ino, 1, &e));
	assert_false(is_there("/deep"));
	for (int i = 0; i < 3; i++)
		assert_int_equal(reap(pid[i]), 128 + SIGKILL);
	free(ptr_take(&pids));
	assert_int_equal(cg_pids(&c, &pids, &n, &e), -ENOENT);
}

/* Several at once below the same parents: each finds its own, at the end nothing is left. */
static void concurrent(void **state)
{
	pid_t pid[4];

	(void)state;
	NEED_CGROUP2();
	for (int i = 0; i < 4; i++) {
		pid[i] = fork();
		assert_true(pid[i] >= 0);
		if (pid[i] > 0)
			continue;
		char path[32];
		snprintf(path, sizeof(path), "/race/a/c%d", i);
		for (int k = 0; k < 150; k++) {
			struct cg c = CG_NONE;
			if (cg_tree_make(path, NULL, &c, &e) < 0 ||
			    cg_tree_remove(path, c.ino, c.made_levels, &e) < 0) {
				fprintf(stderr, "# %s: %s\n", path, e.text);
				_exit(1);
			}
			cg_done(&c);
		}
		_exit(0);
	}
	int failed = 0;
	for (int i = 0; i < 4; i++)
		failed += reap(pid[i]);
	assert_int_equal(failed, 0);
	assert_false(is_there("/race"));
}

static void C13_delegate(void **state)
{
	AUTO(cg) c = CG_NONE;
	struct stat st;

	(void)state;
	NEED_CGROUP2();
	OK(cg_tree_make("/d", NULL, &c, &e));
	OK(cg_delegate(&c, 65534, &e));
	static const char *const theirs[] = {".", "cgroup.procs", "cgroup.threads",
					     "cgroup.subtree_control"};
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(fstatat(c.dir_fd, theirs[i], &st, 0), 0);
		assert_int_equal(st.st_uid, 65534);
		assert_int_equal(st.st_gid, 0);
	}
	assert_int_equal(fstatat(c.dir_fd, "cgroup.kill", &st, 0), 0);
	assert_int_equal(st.st_uid, 0);
	OK(cg_tree_remove("/d", c.ino, 1, &e));
}

/* ---- processes ---- */

static void freeze(void **state)
{
	AUTO(cg) c = CG_NONE, again = CG_NONE;

	(void)state;
	NEED_CGROUP2();
	OK(cg_tree_make("/f", NULL, &c, &e));
	OK(cg_freeze(&c, true, 1000, &e)); /* empty */
	assert_int_equal(cg_tree_make("/f", NULL, &again, &e), -EBUSY);
	assert_string_equal(e.text, "container's cgroup unexpectedly frozen: \"/f\"");
	err_clear(&e);
	OK(cg_freeze(&c, false, 1000, &e));
	pid_t pid = handler(c.dir_fd);
	assert_int_equal(cg_is_frozen(&c), 0);
	OK(cg_freeze(&c, true, 1000, &e));
	OK(cg_freeze(&c, true, 1000, &e)); /* twice is once */
	assert_int_equal(cg_is_frozen(&c), 1);
	OK(cg_signal(&c, SIGUSR2, &e)); /* waits; the cgroup stays frozen */
	assert_int_equal(cg_is_frozen(&c), 1);
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
	OK(cg_freeze(&c, false, 1000, &e));
	assert_int_equal(cg_is_frozen(&c), 0);
	assert_int_equal(reap(pid), 7);
	/* A frozen one can be removed. */
	pid = sleeper(c.dir_fd);
	OK(cg_freeze(&c, true, 1000, &e));
	OK(cg_tree_remove("/f", c.ino, 1, &e));
	assert_int_equal(reap(pid), 128 + SIGKILL);
	assert_int_equal(cg_freeze(&c, true, 1000, &e), -ENOENT);
	assert_string_equal(e.text, "freeze cgroup \"/f\": it does not exist");
	assert_true(cg_is_frozen(&c) < 0);
}

/* Signals to two levels many times over: each time the freezer's counts end up right. */
static void signal_storm(void **state)
{
	AUTO(cg) c = CG_NONE;
	int sub = FD_NONE;

	(void)state;
	NEED_CGROUP2();
	OK(cg_tree_make("/storm", NULL, &c, &e));
	assert_int_equal(mkdirat(c.dir_fd, "sub", 0755), 0);
	OK(cg_open_sub(&c, "sub", &sub, &e));
	for (int i = 0; i < 300; i++) {
		pid_t pid[2] = {sleeper(sub), sleeper(c.dir_fd)};
		OK(cg_signal(&c, SIGUSR1, &e));
		assert_int_equal(cg_is_frozen(&c), 0);
		assert_int_equal(reap(pid[0]), 128 + SIGUSR1);
		assert_int_equal(reap(pid[1]), 128 + SIGUSR1);
	}
	close(sub);
	OK(cg_tree_remove("/storm", c.ino, 1, &e));
}

static void signal_all(void **state)
{
	AUTO(cg) c = CG_NONE;
	pid_t pid[20];

	(void)state;
	NEED_CGROUP2();
	OK(cg_tree_make("/s", NULL, &c, &e));
	assert_int_equal(mkdirat(c.dir_fd, "sub", 0755), 0);
	int sub = FD_NONE;
	OK(cg_open_sub(&c, "sub", &sub, &e));
	for (int i = 0; i < 20; i++)
		pid[i] = sleeper(i % 2 ? sub : c.dir_fd);
	close(sub);
	OK(cg_signal(&c, SIGUSR1, &e));
	OK(cg_wait_empty(&c, 5000, &e));
	assert_int_equal(cg_is_frozen(&c), 0);
	for (int i = 0; i < 20; i++)
		assert_int_equal(reap(pid[i]), 128 + SIGUSR1);
	OK(cg_signal(&c, SIGUSR1, &e)); /* of nobody */
	AUTO(cg) from = CG_NONE;
	OK(cg_tree_make("/from", NULL, &from, &e));
	pid[0] = sleeper(from.dir_fd);
	OK(cg_join(c.dir_fd, pid[0], &e));
	OK(cg_tree_remove("/from", from.ino, 1, &e));
	OK(cg_kill(&c, &e));
	OK(cg_wait_empty(&c, 5000, &e));
	assert_int_equal(reap(pid[0]), 128 + SIGKILL);
	OK(cg_tree_remove("/s", c.ino, 1, &e));
}

/* ---- the device filter ---- */

static struct spec_linux linux_;
static struct spec_resources res;
static const struct spec_config conf = {.linux_ = &linux_};

/* errno of opening /dev/kmsg (c 1:11) and /dev/null inside the cgroup, as 2 bytes of a status. */
static int open_inside(int dir_fd, int flags, const char *device)
{
	int pidfd = FD_NONE;
	pid_t pid = proc_clone(0, dir_fd, &pidfd);

	if (pid == 0)
		_exit(openat(AT_FDCWD, device, flags | O_CLOEXEC) < 0 ? errno : 0);
	assert_true(pid > 0);
	close(pidfd);
	return reap(pid);
}

static void apply_rules(struct spec_device_rule *rules, size_t n, struct cg *c)
{
	memset(&linux_, 0, sizeof(linux_));
	memset(&res, 0, sizeof(res));
	linux_.resources = &res;
	res.devices.v = rules;
	res.devices.n = n;
	OK(cg_tree_make("/dev", NULL, c, &e));
	OK(cg_devices_apply(c, &conf, false, &e));
}

static void C04_device_filter(void **state)
{
	AUTO(cg) c = CG_NONE;
	char type[] = "c", w[] = "w";
	struct spec_device_rule deny[] = {{.allow = {true, false}}};
	struct spec_device_rule allow[] = {{.allow = {true, true}},
					   {.allow = {true, false},
					    .type = type,
					    .major = {true, 1},
					    .minor = {true, 11},
					    .access = w}};
	struct spec_device kmsg = {.type = type, .major = {true, 1}, .minor = {true, 11}};

	(void)state;
	NEED_CGROUP2();
	AUTO_FD probe = open("/dev/kmsg", O_RDWR | O_CLOEXEC);
	if (probe < 0)
		skip();
	apply_rules(deny, 1, &c);
	assert_int_equal(open_inside(c.dir_fd, O_RDONLY, "/dev/kmsg"), EPERM);
	assert_int_equal(open_inside(c.dir_fd, O_RDWR, "/dev/null"), 0);
	OK(cg_tree_remove("/dev", c.ino, 1, &e));
	apply_rules(allow, 2, &c); /* V60 */
	assert_int_equal(open_inside(c.dir_fd, O_RDONLY, "/dev/kmsg"), 0);
	assert_int_equal(open_inside(c.dir_fd, O_WRONLY, "/dev/kmsg"), EPERM);
	assert_int_equal(open_inside(c.dir_fd, O_RDWR, "/dev/kmsg"), EPERM);
	OK(cg_tree_remove("/dev", c.ino, 1, &e));
	/* linux.devices is allowed after all denials. */
	memset(&linux_, 0, sizeof(linux_));
	linux_.devices.v = &kmsg;
	linux_.devices.n = 1;
	OK(cg_tree_make("/dev", NULL, &c, &e));
	OK(cg_devices_apply(&c, &conf, false, &e));
	assert_int_equal(open_inside(c.dir_fd, O_RDWR, "/dev/kmsg"), 0);
	assert_int_equal(open_inside(c.dir_fd, O_RDONLY, "/dev/ptmx"), 0);
	OK(cg_tree_remove("/dev", c.ino, 1, &e));
}

#define MANY 3000

/* V69: the verifier's work must not grow with the square of the rules. */
static void V69_many_rules(void **state)
{
	static struct spec_device_rule rules[MANY];
	static char access[][4] = {"r", "w", "rm", "wm", "rw", "m"};
	AUTO(cg) c = CG_NONE;
	char type[] = "c";

	(void)state;
	NEED_CGROUP2();
	for (size_t i = 0; i < MANY; i++) {
		rules[i].allow = (struct opt_bool){true, i % 3 != 0};
		rules[i].type = i % 7 ? type : NULL;
		rules[i].major = (struct opt_i64){i % 7 != 0, (int64_t)i};
		rules[i].minor = (struct opt_i64){i % 5 != 0 && i % 7 != 0, (int64_t)(i % 256)};
		rules[i].access = access[i % 6];
	}
	apply_rules(rules, MANY, &c);
	assert_int_equal(open_inside(c.dir_fd, O_RDWR, "/dev/null"), 0);
	OK(cg_tree_remove("/dev", c.ino, 1, &e));
}

#define TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(make_and_remove),
		TEST(shared_parents),
		TEST(failure_leaves_nothing),
		TEST(C02_occupied),
		TEST(deep_tree),
		TEST(concurrent),
		TEST(C13_delegate),
		TEST(freeze),
		TEST(signal_storm),
		TEST(signal_all),
		TEST(C04_device_filter),
		TEST(V69_many_rules),
	};
	return cmocka_run_group_tests_name("cgroups/tree", tests, group_setup, group_teardown);
}
