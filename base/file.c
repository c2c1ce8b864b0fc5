/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/file: whole small files: bounded reads, kernel files, atomic replacement, locks.
 * It must not know what the files mean. Called by every room.
 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "base/auto.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/ban.h"

int file_read_at(int dir_fd, const char *name, size_t max, struct buf *out)
{
	AUTO_FD fd = FD_NONE;
	struct stat st;
	ssize_t got;
	size_t room;

	if (!path_is_name(name))
		return -EINVAL;
	/* O_NONBLOCK: a fifo must not hang us; it has no effect on a regular file. */
	fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if ((uint64_t)st.st_size > max)
		return -EFBIG;
	/* One byte more than the size tells a file that grew meanwhile. */
	room = (size_t)st.st_size + 1;
	got = fd_read_all(fd, buf_room(out, room), room);
	if (got < 0)
		return (int)got;
	out->data[out->len + (size_t)got] = '\0';
	if ((size_t)got == room)
		return -EFBIG;
	out->len += (size_t)got;
	return 0;
}

int file_read_path(const char *path, size_t max, struct buf *out)
{
	AUTO_FD fd = open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	for (;;) {
		ssize_t n = fd_read_all(fd, buf_room(out, 65536), 65536);

		if (n < 0)
			return (int)n;
		out->len += (size_t)n;
		out->data[out->len] = '\0';
		if (out->len > max)
			return -EFBIG;
		if (n < 65536)
			return 0;
	}
}

int file_read_kernel(int dir_fd, const char *path, char *ret, size_t size)
{
	AUTO_FD fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (size == 0 || size > INT_MAX)
		return -EINVAL;
	ret[0] = '\0';
	if (fd < 0)
		return -errno;
	n = fd_read_all(fd, ret, size);
	if (n < 0)
		return (int)n;
	if ((size_t)n == size) {
		ret[size - 1] = '\0';
		return -EFBIG;
	}
	ret[n] = '\0';
	return (int)n;
}

int file_write_kernel(int dir_fd, const char *path, const char *text)
{
	AUTO_FD fd = openat(dir_fd, path, O_WRONLY | O_CLOEXEC);
	size_t n = strlen(text);
	ssize_t w;

	if (fd < 0)
		return -errno;
	do {
		w = write(fd, text, n);
	} while (w < 0 && errno == EINTR);
	if (w < 0)
		return -errno;
	return (size_t)w == n ? 0 : -EIO;
}

/* A new file beside `name`, with a name of its own: two writers never share one. */
static int make_temporary(int dir_fd, const char *name, mode_t mode, char ret_temp[NAME_MAX + 1])
{
	for (unsigned i = 0; i < 100; i++) {
		unsigned long mark = (unsigned long)proc_now_usec() + i;
		int fd;

		snprintf(ret_temp, NAME_MAX + 1, ".%.200s.%d-%lx", name, (int)getpid(), mark);
		fd = openat(dir_fd, ret_temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			    mode);
		if (fd >= 0)
			return fd;
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

int file_replace_at(int dir_fd, const char *name, const void *p, size_t n, mode_t mode)
{
	char temp[NAME_MAX + 1];
	AUTO_FD fd = FD_NONE;
	int r;

	if (!path_is_name(name))
		return -EINVAL;
	if (strlen(name) > NAME_MAX)
		return -ENAMETOOLONG;
	fd = make_temporary(dir_fd, name, mode, temp);
	if (fd < 0)
		return fd;
	r = fd_write_all(fd, p, n);
	/* Network file systems tell a full disk only when the file is closed. */
	if (close(fd_take(&fd)) < 0 && r == 0)
		r = -errno;
	if (r == 0 && renameat(dir_fd, temp, dir_fd, name) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(dir_fd, temp, 0);
	return r;
}

int file_replace_path(const char *path, const void *p, size_t n, mode_t mode)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX];
	AUTO_FD dir_fd = FD_NONE;

	if (!slash)
		return file_replace_at(AT_FDCWD, path, p, n, mode);
	if ((size_t)(slash - path) + 1 >= sizeof(dir))
		return -ENAMETOOLONG;
	/* With the slash, so that "/name" gives "/". */
	memcpy(dir, path, (size_t)(slash - path) + 1);
	dir[slash - path + 1] = '\0';
	dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return -errno;
	return file_replace_at(dir_fd, slash + 1, p, n, mode);
}

int file_lock(int fd, bool exclusive, unsigned wait_ms)
{
	int op = (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB;
	uint64_t deadline = 0, now;
	long pause_usec = 200;

	for (;;) {
		struct timespec nap;

		if (flock(fd, op) == 0)
			return 0;
		if (errno == EINTR)
			continue;
		if (errno != EWOULDBLOCK)
			return -errno;
		if (wait_ms == 0)
			return -EBUSY;
		/* flock has no deadline of its own, and an alarm would be shared state. */
		now = proc_now_usec();
		if (deadline == 0)
			deadline = now + (uint64_t)wait_ms * 1000;
		if (now >= deadline)
			return -EBUSY;
		if ((uint64_t)pause_usec > deadline - now)
			pause_usec = (long)(deadline - now);
		nap = (struct timespec){.tv_sec = 0, .tv_nsec = pause_usec * 1000};
		nanosleep(&nap, NULL);
		if (pause_usec < 10000)
			pause_usec *= 2;
	}
}
