/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of base/fd and of the cleanup attributes in base/auto. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include "base/auto.h"
#include "base/fd.h"
#include "tests/unit/base/scratch.h"
#include "base/ban.h"

static void test_auto(void **state)
{
	int before = scratch_open_fds();
	int taken;

	(void)state;
	{
		AUTO_FD fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		AUTO_FD other = FD_NONE;

		errno = ENOTTY;
		fd_replace(&other, fd_take(&fd));
		assert_int_equal(fd, FD_NONE);
		assert_true(other >= 0);
		fd_replace(&other, open("/dev/zero", O_RDONLY | O_CLOEXEC));
		assert_int_equal(errno, ENOTTY);
		taken = fd_take(&other);
	}
	assert_int_equal(fcntl(taken, F_GETFD), FD_CLOEXEC);
	close(taken);
	assert_int_equal(scratch_open_fds(), before);
}

static void test_read_write(void **state)
{
	static char big[300000], got[sizeof(big)];
	int ends[2], status;
	pid_t pid;

	(void)state;
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 7);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0)
		_exit(fd_write_all(ends[1], big, sizeof(big)) == 0 ? 0 : 1);
	close(ends[1]);
	assert_int_equal(fd_read_all(ends[0], got, 10), 10);
	assert_int_equal(fd_read_all(ends[0], got + 10, sizeof(got)), sizeof(got) - 10);
	assert_memory_equal(big, got, sizeof(big));
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	close(ends[0]);
	assert_int_equal(fd_write_all(-1, "x", 1), -EBADF);
	assert_int_equal(fd_read_all(-1, got, 1), -EBADF);
	assert_int_equal(fd_write_all(-1, "", 0), 0);
}

static void test_passing(void **state)
{
	int before = scratch_open_fds();
	int pair[2], ends[2], fds[FD_PASS_MAX];
	size_t n = FD_PASS_MAX;
	char text[8];

	(void)state;
	assert_int_equal(fd_seqpacket_pair(pair), 0);
	assert_int_equal(fcntl(pair[0], F_GETFD), FD_CLOEXEC);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(fd_send(pair[0], "two", 3, ends, 2), 0);
	assert_int_equal(fd_recv(pair[1], text, sizeof(text), fds, &n), 3);
	assert_memory_equal(text, "two", 3);
	assert_int_equal(n, 2);
	assert_int_equal(fcntl(fds[0], F_GETFD), FD_CLOEXEC);
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(read(ends[0], text, 1), 1);
	close(fds[0]);
	close(fds[1]);

	/* As many as fit. */
	for (size_t i = 0; i < FD_PASS_MAX; i++)
		fds[i] = ends[0];
	assert_int_equal(fd_send(pair[0], "x", 1, fds, FD_PASS_MAX), 0);
	assert_int_equal(fd_send(pair[0], "x", 1, fds, FD_PASS_MAX + 1), -EINVAL);
	n = FD_PASS_MAX;
	assert_int_equal(fd_recv(pair[1], text, sizeof(text), fds, &n), 1);
	assert_int_equal(n, FD_PASS_MAX);
	for (size_t i = 0; i < n; i++)
		close(fds[i]);

	/* More than wanted, none wanted, a message cut short: an error, and nothing leaks. */
	assert_int_equal(fd_send(pair[0], "x", 1, ends, 2), 0);
	n = 1;
	assert_int_equal(fd_recv(pair[1], text, sizeof(text), fds, &n), -EMSGSIZE);
	assert_int_equal(n, 0);
	assert_int_equal(fd_send(pair[0], "x", 1, ends, 2), 0);
	assert_int_equal(fd_recv(pair[1], text, sizeof(text), NULL, NULL), -EMSGSIZE);
	assert_int_equal(fd_send(pair[0], "0123456789", 10, ends, 1), 0);
	n = 1;
	assert_int_equal(fd_recv(pair[1], text, sizeof(text), fds, &n), -EMSGSIZE);

	close(pair[0]);
	assert_int_equal(fd_recv(pair[1], text, sizeof(text), NULL, NULL), 0);
	assert_int_equal(fd_send(pair[1], "x", 1, NULL, 0), -EPIPE);
	close(pair[1]);
	close(ends[0]);
	close(ends[1]);
	assert_int_equal(scratch_open_fds(), before);
}

static int listen_at(const struct scratch *s, const char *dir, const char *name)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	char proc[FD_PROC_MAX];
	int dir_fd = openat(s->fd, dir, O_PATH | O_CLOEXEC);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(dir_fd >= 0 && fd >= 0);
	snprintf(at.sun_path, sizeof(at.sun_path), "%s/%s", fd_proc_path(dir_fd, proc), name);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 5), 0);
	close(dir_fd);
	return fd;
}

static void test_unix_connect(void **state)
{
	int before = scratch_open_fds();
	struct scratch s;
	char dir[NAME_MAX], path[PATH_MAX];
	int near_fd, far_fd, fd;

	(void)state;
	scratch_make(&s);
	memset(dir, 'd', 200);
	dir[200] = '\0';
	assert_int_equal(mkdirat(s.fd, dir, 0755), 0);
	near_fd = listen_at(&s, ".", "near");
	far_fd = listen_at(&s, dir, "far");
	snprintf(path, sizeof(path), "%s/near", s.path);
	fd = fd_unix_connect(path);
	assert_true(fd >= 0);
	close(fd);
	snprintf(path, sizeof(path), "%s/%s/far", s.path, dir);
	fd = fd_unix_connect(path);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
	snprintf(path, sizeof(path), "%s/%s/none", s.path, dir);
	assert_int_equal(fd_unix_connect(path), -ENOENT);
	assert_int_equal(fd_unix_connect(dir), -ENAMETOOLONG);
	assert_int_equal(fd_unix_connect(""), -ENOENT);
	close(far_fd);
	snprintf(path, sizeof(path), "%s/%s/far", s.path, dir);
	assert_int_equal(fd_unix_connect(path), -ECONNREFUSED);
	close(near_fd);
	scratch_done(&s);
	assert_int_equal(scratch_open_fds(), before);
}

static void test_cloexec(void **state)
{
	int a = open("/dev/null", O_RDONLY), b = open("/dev/null", O_RDONLY);

	(void)state;
	assert_int_equal(fcntl(a, F_GETFD), 0);
	assert_int_equal(fd_set_cloexec(a, true), 0);
	assert_int_equal(fcntl(a, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fd_set_cloexec(a, false), 0);
	assert_int_equal(fd_cloexec_from(b), 0);
	assert_int_equal(fcntl(a, F_GETFD), 0);
	assert_int_equal(fcntl(b, F_GETFD), FD_CLOEXEC);
	close(a);
	close(b);
	assert_int_equal(fd_set_cloexec(b, true), -EBADF);
}

static void test_secure_stdio(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		struct stat want, got;

		close(0);
		close(2);
		if (fd_secure_stdio() != 0 || fstat(null_fd, &want) < 0)
			_exit(1);
		for (int i = 0; i <= 2; i += 2)
			if (fstat(i, &got) < 0 || got.st_rdev != want.st_rdev)
				_exit(2);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(fd_secure_stdio(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_auto),	cmocka_unit_test(test_read_write),
		cmocka_unit_test(test_passing), cmocka_unit_test(test_unix_connect),
		cmocka_unit_test(test_cloexec), cmocka_unit_test(test_secure_stdio),
	};

	return cmocka_run_group_tests_name("base/fd", tests, NULL, NULL);
}
