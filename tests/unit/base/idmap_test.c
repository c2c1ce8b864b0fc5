/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of base/idmap: arithmetic, checks, subordinate ids, real maps of real processes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include "base/auto.h"
#include "base/idmap.h"
#include "base/proc.h"
#include "base/sys.h"
#include "tests/unit/base/scratch.h"
#include "base/ban.h"

/* Of <sys/mount.h>, which cannot be included beside <linux/mount.h> with glibc 2.36. */
int mount(const char *source, const char *target, const char *type, unsigned long flags,
	  const void *data);

#define MAP(v)                                                                                     \
	{                                                                                          \
		v, sizeof(v) / sizeof((v)[0])                                                      \
	}
#define NOBODY 65534u

static const struct id_range two[] = {{0, 100000, 1000}, {1000, 1000, 1}};
static const struct id_map two_map = MAP(two);

static void test_to_host(void **state)
{
	static const struct id_range high[] = {{4294967290u, 4294967200u, 5}};
	const struct id_map high_map = MAP(high), none = {NULL, 0};
	uint32_t host = 7;

	(void)state;
	assert_int_equal(idmap_to_host(&two_map, 0, &host), 0);
	assert_int_equal(host, 100000);
	assert_int_equal(idmap_to_host(&two_map, 999, &host), 0);
	assert_int_equal(host, 100999);
	assert_int_equal(idmap_to_host(&two_map, 1000, &host), 0);
	assert_int_equal(host, 1000);
	assert_int_equal(idmap_to_host(&two_map, 1001, &host), -EINVAL);
	assert_int_equal(idmap_to_host(&two_map, UINT32_MAX, &host), -EINVAL);
	assert_int_equal(idmap_to_host(&none, 0, &host), -EINVAL);
	assert_int_equal(idmap_to_host(&high_map, 4294967294u, &host), 0);
	assert_true(host == 4294967204u);
	assert_int_equal(idmap_to_host(&high_map, 4294967295u, &host), -EINVAL);
}

static void test_equal(void **state)
{
	static const struct id_range other[] = {{0, 100000, 1000}, {1000, 1000, 2}};
	const struct id_map other_map = MAP(other), first = {two, 1};

	(void)state;
	assert_true(idmap_equal(&two_map, &two_map));
	static const struct id_range turned[] = {{1000, 1000, 1}, {0, 100000, 1000}};
	const struct id_map turned_map = MAP(turned);

	assert_true(idmap_equal(&two_map, &turned_map));
	assert_false(idmap_equal(&two_map, &other_map));
	assert_false(idmap_equal(&two_map, &first));
}

static void check_says(const struct id_range *v, size_t n, int want, const char *text)
{
	const struct id_map m = {v, n};
	struct err e = ERR_INIT;

	assert_int_equal(idmap_check(&m, "linux.uidMappings", &e), want);
	if (!strstr(e.text, text))
		fail_msg("\"%s\" does not say \"%s\"", e.text, text);
}

static void test_check(void **state)
{
	static struct id_range many[341];
	static const struct id_range zero[] = {{0, 0, 1}, {5, 5, 0}};
	static const struct id_range inside[] = {{0, 0, 10}, {9, 100, 1}};
	static const struct id_range host[] = {{0, 100, 10}, {50, 91, 10}};
	static const struct id_range wrap[] = {{4294967295u, 0, 1}};
	static const struct id_range host_wrap[] = {{0, 4294967200u, 96}};
	static const struct id_range all[] = {{0, 0, 4294967295u}};
	static const struct id_range beside[] = {{0, 10, 10}, {10, 0, 10}, {20, 20, 1}};

	(void)state;
	for (unsigned i = 0; i < 341; i++)
		many[i] = (struct id_range){i, i, 1};
	check_says(many, 340, 0, "");
	check_says(many, 341, -E2BIG, "linux.uidMappings: 341 ranges");
	check_says(many, 0, 0, "");
	check_says(two, 2, 0, "");
	check_says(beside, 3, 0, "");
	check_says(all, 1, 0, "");
	check_says(zero, 2, -EINVAL, "linux.uidMappings[1].size: must not be 0");
	check_says(inside, 2, -EINVAL, "linux.uidMappings[1]: container ids overlap");
	check_says(host, 2, -EINVAL, "linux.uidMappings[1]: host ids overlap");
	check_says(wrap, 1, -ERANGE, "linux.uidMappings[0]: container ids");
	check_says(host_wrap, 1, -ERANGE, "linux.uidMappings[0]: host ids");
}

static void test_subid(void **state)
{
	struct scratch s;
	char path[96];
	uint32_t first = 0, count = 0;

	(void)state;
	scratch_make(&s);
	snprintf(path, sizeof(path), "%s/subuid", s.path);
	assert_int_equal(idmap_subid(path, 0, &first, &count), -ENOENT);
	scratch_file(&s, "subuid",
		     "# comment\n\nrootless:1:2\nbad\nroot:x:5\nroot:7:0\nroot:4294967295:5\n"
		     "root:1:2:3\n12345:200000:65536\nroot:100000:65536\nroot:1:1");
	assert_int_equal(idmap_subid(path, 0, &first, &count), 0);
	assert_true(first == 100000 && count == 65536);
	assert_int_equal(idmap_subid(path, 12345, &first, &count), 0);
	assert_true(first == 200000 && count == 65536);
	assert_int_equal(idmap_subid(path, 54321, &first, &count), -ENOENT);
	scratch_file(&s, "subuid", "0:5:6");
	assert_int_equal(idmap_subid(path, 0, &first, &count), 0);
	assert_true(first == 5 && count == 6);
	scratch_file(&s, "subuid", "");
	assert_int_equal(idmap_subid(path, 0, &first, &count), -ENOENT);
	assert_int_equal(idmap_subid(s.path, 0, &first, &count), -EINVAL);
	scratch_done(&s);
}

/* A process in a new user namespace that waits to be killed, or < 0. */
static pid_t new_user(int *ret_pidfd)
{
	pid_t pid = proc_clone(CLONE_NEWUSER, -1, ret_pidfd);

	if (pid == 0) {
		/* It must not outlive a failing test. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	return pid;
}

static void end(int *pidfd)
{
	int status;

	sys_pidfd_send_signal(*pidfd, SIGKILL);
	proc_wait(*pidfd, -1, &status);
	auto_fd_done(pidfd);
}

static void expect_maps(pid_t pid, const struct id_map *uids, const struct id_map *gids)
{
	AUTO(arena) a = {0};
	struct id_map got = {0};
	struct err e = ERR_INIT;

	assert_int_equal(idmap_read(pid, false, &a, &got, &e), 0);
	assert_true(idmap_equal(&got, uids));
	assert_int_equal(idmap_read(pid, true, &a, &got, &e), 0);
	assert_true(idmap_equal(&got, gids));
}

static void test_write_privileged(void **state)
{
	static struct id_range many[340];
	const struct id_map many_map = MAP(many);
	struct err e = ERR_INIT;
	int pidfd = FD_NONE;
	bool denied = true;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	pid = new_user(&pidfd);
	assert_true(pid > 0);
	for (unsigned i = 0; i < 340; i++)
		many[i] = (struct id_range){2 * i, 2 * i, 1};
	assert_int_equal(idmap_write(pid, &two_map, &many_map, &denied, &e), 0);
	assert_false(denied);
	expect_maps(pid, &two_map, &many_map);
	/* A map is written once. */
	assert_int_equal(idmap_write(pid, &two_map, &two_map, &denied, &e), -EPERM);
	assert_non_null(strstr(e.text, "uid_map"));
	end(&pidfd);
	assert_int_equal(idmap_write(0x7ffffffe, &two_map, &two_map, &denied, &e), -ENOENT);
}

/* 340 ranges of long numbers are more than the kernel's page. */
static void test_write_too_long(void **state)
{
	static struct id_range many[340];
	const struct id_map many_map = MAP(many);
	struct err e = ERR_INIT;
	bool denied;

	(void)state;
	if (geteuid() != 0)
		skip();
	for (unsigned i = 0; i < 340; i++)
		many[i] = (struct id_range){1000000000u + i, 1000000000u + i, 1};
	assert_int_equal(idmap_write(getpid(), &many_map, &many_map, &denied, &e), -E2BIG);
}

/* As nobody: the own id goes directly with setgroups closed, more needs newuidmap and says so. */
static int unprivileged_child(void)
{
	static const struct id_range own[] = {{0, NOBODY, 1}};
	static const struct id_range more[] = {{0, 100000, 65536}};
	const struct id_map own_map = MAP(own), more_map = MAP(more);
	struct err e = ERR_INIT;
	int pidfd = FD_NONE;
	bool denied = false;
	pid_t pid;

	if (setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0)
		return 1;
	/* Leaving root made us undumpable, and /proc/self root's. */
	prctl(PR_SET_DUMPABLE, 1);
	pid = new_user(&pidfd);
	if (pid == -EPERM || pid == -ENOSPC)
		return 0; /* a host without user namespaces for users */
	if (pid < 0)
		return 2;
	if (idmap_write(pid, &more_map, &own_map, &denied, &e) == 0)
		return 3;
	if (!strstr(e.text, "user 65534") ||
	    !(strstr(e.text, "add a range for the user to /etc/subuid") ||
	      strstr(e.text, "newuidmap is not installed")))
		return 4;
	if (idmap_write(pid, &own_map, &own_map, &denied, &e) != 0)
		return 5;
	if (!denied)
		return 6;
	expect_maps(pid, &own_map, &own_map);
	end(&pidfd);
	return 0;
}

/* As nobody with ranges of his own: newuidmap and newgidmap do it. */
static int helper_child(const struct scratch *s)
{
	static const struct id_range wide[] = {
		{0, NOBODY, 1}, {1, 300000, 5000}, {7000, 305000, 1}};
	const struct id_map map = MAP(wide);
	struct err e = ERR_INIT;
	char path[96];
	int pidfd = FD_NONE;
	bool denied = true;
	pid_t pid;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return 0;
	snprintf(path, sizeof(path), "%s/sub", s->path);
	if (mount(path, "/etc/subuid", NULL, MS_BIND, NULL) < 0 ||
	    mount(path, "/etc/subgid", NULL, MS_BIND, NULL) < 0)
		return 0;
	if (setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0)
		return 1;
	prctl(PR_SET_DUMPABLE, 1);
	pid = new_user(&pidfd);
	if (pid < 0)
		return pid == -EPERM || pid == -ENOSPC ? 0 : 2;
	if (idmap_write(pid, &map, &map, &denied, &e) != 0) {
		fprintf(stderr, "%s\n", e.text);
		return 3;
	}
	if (denied)
		return 4;
	expect_maps(pid, &map, &map);
	end(&pidfd);
	return 0;
}

static void test_write_by_helper(void **state)
{
	int pidfd = FD_NONE, status = 0;
	struct scratch s;
	pid_t pid;

	(void)state;
	if (geteuid() != 0 || access("/usr/bin/newuidmap", X_OK) < 0)
		skip();
	scratch_make(&s);
	scratch_file(&s, "sub", "nobody:300000:65536\n");
	pid = proc_clone(0, -1, &pidfd);
	if (pid == 0)
		_exit(helper_child(&s));
	assert_int_equal(proc_wait(pidfd, -1, &status), 0);
	assert_int_equal(status, 0);
	close(pidfd);
	scratch_done(&s);
}

static void test_write_unprivileged(void **state)
{
	int pidfd = FD_NONE, status = 0;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip();
	pid = proc_clone(0, -1, &pidfd);
	if (pid == 0)
		_exit(unprivileged_child());
	assert_int_equal(proc_wait(pidfd, -1, &status), 0);
	assert_int_equal(status, 0);
	close(pidfd);
}

static void test_read_own(void **state)
{
	AUTO(arena) a = {0};
	struct id_map m = {0};
	struct err e = ERR_INIT;
	uint32_t host;

	(void)state;
	assert_int_equal(idmap_read(getpid(), false, &a, &m, &e), 0);
	assert_true(m.n > 0);
	assert_int_equal(idmap_to_host(&m, geteuid(), &host), 0);
	assert_int_equal(idmap_read(0x7ffffffe, false, &a, &m, &e), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_to_host),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_subid),
		cmocka_unit_test(test_write_privileged),
		cmocka_unit_test(test_write_too_long),
		cmocka_unit_test(test_write_by_helper),
		cmocka_unit_test(test_write_unprivileged),
		cmocka_unit_test(test_read_own),
	};

	return cmocka_run_group_tests_name("base/idmap", tests, NULL, NULL);
}
