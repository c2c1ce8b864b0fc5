/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/rootfs/copyup: fills a new tmpfs with what lies under it (option tmpcopyup): modes,
 * owners, times and extended attributes kept, other mounts not entered. The source is the
 * container's and may change meanwhile: every name is opened without following links. Called by
 * special.c in the child.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include "base/fd.h"
#include "runtime/rootfs/plan.h"
#include "base/ban.h"

/* Each level holds two open directories. */
#define DEPTH_MAX 128

static int copy_level(int from_fd, int to_fd, unsigned depth, struct err *e);

static int copy_xattrs(int from_fd, int to_fd)
{
	char names[4096], value[4096];
	ssize_t n = flistxattr(from_fd, names, sizeof(names));

	for (ssize_t i = 0; i < n; i += (ssize_t)strlen(names + i) + 1) {
		ssize_t k = fgetxattr(from_fd, names + i, value, sizeof(value));

		/* tmpfs takes fewer kinds than a disk (user.* since 6.6): those are left behind. */
		if (k >= 0 && fsetxattr(to_fd, names + i, value, (size_t)k, 0) < 0 &&
		    errno != EOPNOTSUPP && errno != EPERM)
			return -errno;
	}
	return 0;
}

static int copy_meta(int from_fd, int to_fd, const struct stat *st)
{
	struct timespec times[2] = {st->st_atim, st->st_mtim};

	if (fchown(to_fd, st->st_uid, st->st_gid) < 0 || fchmod(to_fd, st->st_mode & 07777) < 0)
		return -errno;
	int r = copy_xattrs(from_fd, to_fd);
	if (r == 0 && futimens(to_fd, times) < 0)
		r = -errno;
	return r;
}

static int copy_bytes(int from_fd, int to_fd)
{
	ssize_t n;

	do
		n = sendfile(to_fd, from_fd, NULL, 1 << 20);
	while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 ? -errno : 0;
}

static int copy_file(int from_dir, int to_dir, const char *name, const struct stat *st)
{
	struct stat now;
	AUTO_FD from_fd =
		openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (from_fd < 0 || fstat(from_fd, &now) < 0)
		return -errno;
	if (!S_ISREG(now.st_mode) || now.st_dev != st->st_dev)
		return -ESTALE;
	AUTO_FD to_fd =
		openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to_fd < 0)
		return -errno;
	int r = copy_bytes(from_fd, to_fd);
	return r < 0 ? r : copy_meta(from_fd, to_fd, &now);
}

static int copy_link(int from_dir, int to_dir, const char *name, const struct stat *st)
{
	char text[PATH_MAX];
	ssize_t n = readlinkat(from_dir, name, text, sizeof(text) - 1);

	if (n < 0)
		return -errno;
	text[n] = '\0';
	if (symlinkat(text, to_dir, name) < 0 ||
	    fchownat(to_dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return 0;
}

static int copy_node(int to_dir, const char *name, const struct stat *st)
{
	if (mknodat(to_dir, name, st->st_mode, st->st_rdev) < 0 ||
	    fchownat(to_dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return 0;
}

static int copy_dir(int from_dir, int to_dir, const char *name, const struct stat *st,
		    unsigned depth, struct err *e)
{
	AUTO_FD from_fd = openat(from_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (from_fd < 0)
		return err_sys(e, errno, "tmpcopyup: open \"%s\"", name);
	if (mkdirat(to_dir, name, 0700) < 0)
		return err_sys(e, errno, "tmpcopyup: make \"%s\"", name);
	AUTO_FD to_fd = openat(to_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (to_fd < 0)
		return err_sys(e, errno, "tmpcopyup: open the copy of \"%s\"", name);
	int r = copy_level(from_fd, to_fd, depth + 1, e);
	if (r < 0)
		return r;
	r = copy_meta(from_fd, to_fd, st);
	return r < 0 ? err_sys(e, r, "tmpcopyup: \"%s\"", name) : 0;
}

static int copy_entry(int from_fd, int to_fd, const char *name, dev_t dev, unsigned depth,
		      struct err *e)
{
	struct stat st;
	uint64_t id;
	int r = 0;
	AUTO_FD fd = openat(from_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "tmpcopyup: read \"%s\"", name);
	/* Another mount, maybe of the same file system: its place stays, empty. */
	if (sys_mount_id(fd, &id) != -ENOENT || st.st_dev != dev) {
		if (S_ISDIR(st.st_mode) && mkdirat(to_fd, name, 0755) < 0)
			return err_sys(e, errno, "tmpcopyup: make \"%s\"", name);
		return 0;
	}
	if (S_ISDIR(st.st_mode))
		return copy_dir(from_fd, to_fd, name, &st, depth, e);
	if (S_ISREG(st.st_mode))
		r = copy_file(from_fd, to_fd, name, &st);
	else if (S_ISLNK(st.st_mode))
		r = copy_link(from_fd, to_fd, name, &st);
	else
		r = copy_node(to_fd, name, &st);
	return r < 0 ? err_sys(e, r, "tmpcopyup: copy \"%s\"", name) : 0;
}

static int copy_level(int from_fd, int to_fd, unsigned depth, struct err *e)
{
	struct stat st;
	struct dirent *d;
	int r = 0;

	if (depth > DEPTH_MAX)
		return err_set(e, ERR_INPUT, ELOOP, "tmpcopyup: more than %d levels of directories",
			       DEPTH_MAX);
	if (fstat(from_fd, &st) < 0)
		return err_sys(e, errno, "tmpcopyup: read a directory");
	int list_fd = openat(from_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (list_fd < 0)
		return err_sys(e, errno, "tmpcopyup: read a directory");
	AUTO_DIR dir = fdopendir(list_fd);
	if (!dir) {
		close(list_fd);
		return err_sys(e, ENOMEM, "tmpcopyup: read a directory");
	}
	while (r == 0 && (errno = 0, d = readdir(dir)))
		if (!str_eq(d->d_name, ".") && !str_eq(d->d_name, ".."))
			r = copy_entry(from_fd, to_fd, d->d_name, st.st_dev, depth, e);
	return r;
}

int root_copy_up(int from_fd, int to_fd, struct err *e)
{
	return copy_level(from_fd, to_fd, 0, e);
}
