/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/fd: whole reads and writes, passing fds, sweeping them before exec.
 * It must not know what flows through an fd. Called by every room but spec.
 */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/auto.h"
#include "base/num.h"
#include "base/str.h"
#include "base/sys.h"
#include "base/ban.h"

int fd_write_all(int fd, const void *p, size_t n)
{
	const char *at = p;

	while (n > 0) {
		ssize_t w = write(fd, at, n);

		if (w < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		at += w;
		n -= (size_t)w;
	}
	return 0;
}

ssize_t fd_read_all(int fd, void *p, size_t n)
{
	char *at = p;
	size_t got = 0;

	while (got < n) {
		ssize_t r = read(fd, at + got, n - got);

		if (r < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		if (r == 0)
			break;
		got += (size_t)r;
	}
	return (ssize_t)got;
}

int fd_seqpacket_pair(int ret_fds[2])
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	ret_fds[0] = fds[0];
	ret_fds[1] = fds[1];
	return 0;
}

/* Room for the rights of FD_PASS_MAX fds, aligned as the macros of man 3 cmsg want it. */
union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int) * FD_PASS_MAX)];
};

int fd_send(int sock_fd, const void *p, size_t n, const int *fds, size_t n_fds)
{
	struct iovec iov = {.iov_base = (void *)(uintptr_t)p, .iov_len = n};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	union control control;
	ssize_t sent;

	if (n_fds > FD_PASS_MAX)
		return -EINVAL;
	if (n_fds > 0) {
		struct cmsghdr *c;

		memset(&control, 0, sizeof(control));
		m.msg_control = control.bytes;
		m.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
		c = CMSG_FIRSTHDR(&m);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * n_fds);
	}
	do {
		sent = sendmsg(sock_fd, &m, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return -errno;
	/* A stream socket may take less; the fds went with the first byte. */
	if ((size_t)sent < n) {
		const char *rest = (const char *)p + sent;

		return fd_send(sock_fd, rest, n - (size_t)sent, NULL, 0);
	}
	return 0;
}

/* Takes the fds out of a received message: at most `room` into fds, the others are closed.
 * Return: how many came, the closed ones too. */
static size_t take_fds(struct msghdr *m, int *fds, size_t room)
{
	size_t n = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		size_t here;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		here = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < here; i++, n++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (n < room)
				fds[n] = fd;
			else
				close(fd);
		}
	}
	return n;
}

ssize_t fd_recv(int sock_fd, void *p, size_t n, int *ret_fds, size_t *inout_n_fds)
{
	size_t room = inout_n_fds && ret_fds ? *inout_n_fds : 0, came;
	union control control;
	struct iovec iov = {.iov_base = p, .iov_len = n};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t got;

	if (inout_n_fds)
		*inout_n_fds = 0;
	m.msg_control = control.bytes;
	m.msg_controllen = sizeof(control.bytes);
	do {
		got = recvmsg(sock_fd, &m, MSG_CMSG_CLOEXEC);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	came = take_fds(&m, ret_fds, room);
	if (came > room || (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
		for (size_t i = 0; i < came && i < room; i++)
			close(ret_fds[i]);
		return -EMSGSIZE;
	}
	if (inout_n_fds)
		*inout_n_fds = came;
	return got;
}

/* Fills the address; a path too long for it is reached through an fd of its directory, which stays
 * open in *ret_dir_fd until the call is made. */
static int unix_address(const char *path, struct sockaddr_un *ret, int *ret_dir_fd)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX], proc[FD_PROC_MAX];
	int n, fd;

	*ret = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (*path == '\0')
		return -ENOENT;
	if (str_copy(ret->sun_path, sizeof(ret->sun_path), path) >= 0)
		return 0;
	if (!slash || (size_t)(slash - path) >= sizeof(dir))
		return -ENAMETOOLONG;
	memcpy(dir, path, (size_t)(slash - path));
	dir[slash - path] = '\0';
	fd = open(slash == path ? "/" : dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret_dir_fd = fd;
	n = snprintf(ret->sun_path, sizeof(ret->sun_path), "%s/%s", fd_proc_path(fd, proc),
		     slash + 1);
	return n < 0 || (size_t)n >= sizeof(ret->sun_path) ? -ENAMETOOLONG : 0;
}

int fd_unix_connect(const char *path)
{
	AUTO_FD dir_fd = FD_NONE;
	struct sockaddr_un to;
	int r = unix_address(path, &to, &dir_fd);
	AUTO_FD fd = FD_NONE;

	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	do {
		r = connect(fd, (const struct sockaddr *)&to, sizeof(to));
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : fd_take(&fd);
}

int fd_set_cloexec(int fd, bool on)
{
	return fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0) < 0 ? -errno : 0;
}

/* For outer containers whose seccomp filter does not know close_range. */
static int cloexec_by_walk(int first)
{
	AUTO_DIR dir = opendir("/proc/self/fd");
	const struct dirent *d;

	if (!dir)
		return -errno;
	while (errno = 0, (d = readdir(dir))) {
		int fd, r;

		if (num_int(d->d_name, &fd) < 0 || fd < first || fd == dirfd(dir))
			continue;
		r = fd_set_cloexec(fd, true);
		if (r < 0 && r != -EBADF)
			return r;
	}
	return -errno;
}

int fd_cloexec_from(int first)
{
	int r = sys_close_range((unsigned)first, UINT_MAX, CLOSE_RANGE_CLOEXEC);

	/* EINVAL: kernels before 5.11 know close_range without this flag. */
	if (r == -ENOSYS || r == -EPERM || r == -EINVAL)
		return cloexec_by_walk(first);
	return r;
}

int fd_secure_stdio(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		int now;

		if (fcntl(fd, F_GETFD) >= 0)
			continue;
		/* The lowest free number is given, and those below are all in use. */
		now = open("/dev/null", O_RDWR);
		if (now < 0)
			return -errno;
		if (now != fd) {
			close(now);
			return -EBADF;
		}
	}
	return 0;
}

char *fd_proc_path(int fd, char buf[FD_PROC_MAX])
{
	snprintf(buf, FD_PROC_MAX, "/proc/self/fd/%d", fd);
	return buf;
}
