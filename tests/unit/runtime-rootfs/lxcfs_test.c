/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of runtime/rootfs/lxcfs: a FUSE of that type whose daemon (this test) never answers, or has
 * gone; what is no lxcfs. The real one is in tests/bats/view.bats. */
#include "cage.h"
#include "runtime/rootfs/plan.h"
#include "base/ban.h"

#define AT CAGE "/lxcfs"

static const struct root_lxcfs_file files[] = {{"/proc/meminfo", NULL}, {"/nonesuch", NULL}};

/* A FUSE without anybody who reads the kernel's questions. Return: the daemon's fd. */
static int fuse_mount(const char *type, unsigned owner)
{
	char opts[128];
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -1;
	mk(AT);
	snprintf(opts, sizeof(opts), "fd=%d,rootmode=40000,user_id=%u,group_id=0,allow_other", fd,
		 owner);
	assert_int_equal(mount("lxcfs", AT, type, MS_NOSUID | MS_NODEV, opts), 0);
	return fd;
}

static int look(const char *place, struct err *e)
{
	struct root_lxcfs l;
	int r = root_lxcfs_open(place, files, 2, MOUNT_ATTR_RDONLY, &l, e);

	for (size_t i = 0; i < ROOT_VIEW_MAX; i++)
		assert_int_equal(l.fds[i], FD_NONE);
	return r;
}

static void assert_says(const struct err *e, const char *words)
{
	if (!strstr(e->text, words))
		fail_msg("no \"%s\" in: %s", words, e->text);
}

static void test_none(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(look("", &e), -ENOENT);
	assert_says(&e, "no lxcfs is mounted");
	err_clear(&e);
	assert_int_equal(look(CAGE, &e), -ENODEV);
	assert_says(&e, "is not a mount of lxcfs");
	err_clear(&e);
	assert_int_equal(look("/nonesuch", &e), -ENOENT);
	err_clear(&e);
	assert_int_equal(look("/etc/passwd", &e), -ENOTDIR);
}

static void test_another_fuse(void **state)
{
	struct err e = ERR_INIT;
	int fd = fuse_mount("fuse.other", 0);

	(void)state;
	if (fd < 0)
		skip();
	assert_int_equal(look(AT, &e), -ENODEV);
	err_clear(&e);
	assert_int_equal(look("", &e), -ENOENT);
	close(fd);
}

static void test_a_users(void **state)
{
	struct err e = ERR_INIT;
	int fd = fuse_mount("fuse.lxcfs", 1000);

	(void)state;
	if (fd < 0)
		skip();
	assert_int_equal(look(AT, &e), -EPERM);
	assert_says(&e, "is not root's");
	err_clear(&e);
	assert_int_equal(look("", &e), -EPERM);
	close(fd);
}

static void test_dead(void **state)
{
	struct err e = ERR_INIT;
	int fd = fuse_mount("fuse.lxcfs", 0);

	(void)state;
	if (fd < 0)
		skip();
	close(fd);
	assert_int_equal(look(AT, &e), -ENOTCONN);
	assert_says(&e, "is dead");
	err_clear(&e);
	assert_int_equal(look("", &e), -ENOTCONN);
	/* Another mount over it: nobody can reach it any more. */
	assert_int_equal(mount("x", AT, "tmpfs", 0, NULL), 0);
	err_clear(&e);
	assert_int_equal(look("", &e), -ENOENT);
	assert_int_equal(umount2(AT, MNT_DETACH), 0);
}

static void test_stuck(void **state)
{
	struct err e = ERR_INIT;
	int fd = fuse_mount("fuse.lxcfs", 0);
	uint64_t start = proc_now_usec();

	(void)state;
	if (fd < 0)
		skip();
	assert_int_equal(look("", &e), -ETIMEDOUT);
	assert_says(&e, "does not answer");
	assert_in_range(proc_now_usec() - start, 2900000, 20000000);
	/* The child that asked is gone. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_none, cage_setup, cage_teardown),
		cmocka_unit_test_setup_teardown(test_another_fuse, cage_setup, cage_teardown),
		cmocka_unit_test_setup_teardown(test_a_users, cage_setup, cage_teardown),
		cmocka_unit_test_setup_teardown(test_dead, cage_setup, cage_teardown),
		cmocka_unit_test_setup_teardown(test_stuck, cage_setup, cage_teardown),
	};

	if (!cage_enter())
		return 0;
	return cmocka_run_group_tests_name("runtime-rootfs/lxcfs", tests, NULL, NULL);
}
