/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of base/sys: -errno from every wrapper, probes, and the loopback interface. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/auto.h"
#include "base/proc.h"
#include "base/sys.h"
#include "base/ban.h"

static void test_errors(void **state)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};

	(void)state;
	errno = 0;
	assert_int_equal(sys_pidfd_open(-1, 0), -EINVAL);
	assert_int_equal(sys_pidfd_send_signal(-1, 0), -EBADF);
	assert_int_equal(sys_close_range(10, 5, 0), -EINVAL);
	assert_int_equal(sys_openat2(AT_FDCWD, "/nonexistent", O_PATH, 0, 0), -ENOENT);
	assert_int_equal(sys_openat2(AT_FDCWD, "/", O_PATH, 0, ~(uint64_t)0), -EINVAL);
	assert_true(sys_open_tree(-1, "", 0) < 0);
	assert_true(sys_move_mount(-1, "", -1, "", 0) < 0);
	assert_true(sys_fsopen("nonexistentfs", 0) < 0);
	assert_true(sys_fsconfig(-1, 0, NULL, NULL, 0) < 0);
	assert_true(sys_fsmount(-1, 0, 0) < 0);
	assert_true(sys_fspick(-1, "", 0) < 0);
	assert_true(sys_mount_setattr(-1, "", 0, &attr, sizeof(attr)) < 0);
	assert_true(sys_pivot_root("/nonexistent", "/nonexistent") < 0);
	assert_true(sys_seccomp(9999, 0, NULL) < 0);
	assert_true(sys_bpf(-1, NULL, 0) < 0);
	assert_true(sys_execveat(-1, "", NULL, NULL, AT_EMPTY_PATH) < 0);
	assert_true(sys_keyctl_setperm(-99, 0) < 0);
	/* Nobody gets -1 for "look at errno". */
	assert_int_equal(sys_execveat(AT_FDCWD, "/nonexistent", NULL, NULL, 0), -ENOENT);
}

static void test_good(void **state)
{
	AUTO_FD fd = sys_openat2(AT_FDCWD, "/etc", O_PATH | O_CLOEXEC, 0, 0);
	AUTO_FD pidfd = sys_pidfd_open(getpid(), 0);

	(void)state;
	assert_true(fd >= 0);
	assert_true(pidfd >= 0);
	assert_int_equal(sys_pidfd_send_signal(pidfd, 0), 0);
}

static void test_probes(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_true(sys_has(SYS_OPENAT2));
		assert_true(sys_has(SYS_TIME_NS));
		assert_true(sys_has(SYS_CGROUP_NS));
		assert_true(sys_has(SYS_SECCOMP));
		assert_true(sys_has(SYS_CGROUP_KILL));
	}
	assert_false(sys_has(SYS_FEATURE_N));
}

static void test_boot_id(void **state)
{
	char a[37], b[37];

	(void)state;
	assert_int_equal(sys_boot_id(a), 0);
	assert_int_equal(sys_boot_id(b), 0);
	assert_int_equal(strlen(a), 36);
	assert_string_equal(a, b);
}

static int loopback_child(void)
{
	struct ifreq req = {.ifr_name = "lo"};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (ioctl(fd, SIOCGIFFLAGS, &req) < 0 || (req.ifr_flags & IFF_UP))
		return 1;
	if (sys_loopback_up() != 0 || sys_loopback_up() != 0)
		return 2;
	if (ioctl(fd, SIOCGIFFLAGS, &req) < 0 || !(req.ifr_flags & IFF_UP))
		return 3;
	return req.ifr_flags & IFF_LOOPBACK ? 0 : 4;
}

static void test_loopback(void **state)
{
	int pidfd = FD_NONE, status = 0;
	pid_t pid = proc_clone(CLONE_NEWNET, -1, &pidfd);

	(void)state;
	if (pid == -EPERM)
		skip();
	if (pid == 0)
		_exit(loopback_child());
	assert_int_equal(proc_wait(pidfd, -1, &status), 0);
	assert_int_equal(status, 0);
	close(pidfd);
}

static void test_keyring(void **state)
{
	int pidfd = FD_NONE, status = 0;
	pid_t pid = proc_clone(0, -1, &pidfd);

	(void)state;
	if (pid == 0) {
		long serial = sys_keyctl_join("stiva-unit");

		/* ENOSYS, EPERM: an outer container's filter. */
		if (serial == -ENOSYS || serial == -EPERM)
			_exit(0);
		_exit(serial > 0 && sys_keyctl_setperm((int32_t)serial, 0x3f3f0000) == 0 ? 0 : 1);
	}
	assert_int_equal(proc_wait(pidfd, -1, &status), 0);
	assert_int_equal(status, 0);
	close(pidfd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_errors),	 cmocka_unit_test(test_good),
		cmocka_unit_test(test_probes),	 cmocka_unit_test(test_boot_id),
		cmocka_unit_test(test_loopback), cmocka_unit_test(test_keyring),
	};

	return cmocka_run_group_tests_name("base/sys", tests, NULL, NULL);
}
