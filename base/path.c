/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/path: the only resolver of paths inside a tree that an attacker may own. The kernel resolves
 * (openat2) where it can; making directories, and hosts that block openat2, use the walk in
 * path_walk.c. It must not know what a path is for. Called by rootfs, init, guard, life, image.
 */
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/auto.h"
#include "base/path_walk.h"
#include "base/str.h"
#include "base/sys.h"
#include "base/ban.h"

/* security.md P12: a rename or mount anywhere on the machine may make openat2 say EAGAIN. */
#define OPENAT2_TRIES 128
/* Of parents that had to be made on the way. */
#define PARENT_MODE 0755

static bool is_walk_forced;

void path_test_force_walk(bool on)
{
	is_walk_forced = on;
}

static bool wants_walk(void)
{
#ifdef STIVA_FAULTS
	const char *s = getenv("STIVA_NO_OPENAT2");

	if (s && str_eq(s, "1"))
		return true;
#endif
	return is_walk_forced;
}

/* Return: fd, -errno, or -ENOSYS when the walk has to do it. */
static int open_by_kernel(int root_fd, const char *path, int flags)
{
	int r = -EAGAIN;

	if (wants_walk())
		return -ENOSYS;
	for (int i = 0; i < OPENAT2_TRIES && r == -EAGAIN; i++)
		r = sys_openat2(root_fd, path, (uint64_t)(unsigned)(flags | O_CLOEXEC), 0,
				RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
	/* EPERM may also be the file's own answer (O_NOATIME, sealed, immutable). */
	if (r == -EPERM && !sys_has(SYS_OPENAT2))
		return -ENOSYS;
	return r;
}

static int open_in(int root_fd, const char *path, int flags)
{
	struct path_goal goal = {.flags = flags};
	int r;

	if (flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)))
		return -EINVAL;
	r = open_by_kernel(root_fd, path, flags);
	return r == -ENOSYS ? path_walk(root_fd, path, &goal) : r;
}

int path_open_in(int root_fd, const char *path, int flags)
{
	return open_in(root_fd, path, flags & ~O_NOFOLLOW);
}

int path_open_in_nofollow(int root_fd, const char *path, int flags)
{
	return open_in(root_fd, path, flags | O_NOFOLLOW);
}

int path_mkdirs_in(int root_fd, const char *path, mode_t mode)
{
	struct path_goal goal = {.flags = O_PATH | O_DIRECTORY,
				 .make = PATH_MAKE_DIR,
				 .mode = mode,
				 .dir_mode = mode};
	int r;

	/* Nearly always it is there. */
	r = open_by_kernel(root_fd, path, O_PATH | O_DIRECTORY);
	return r == -ENOENT || r == -ENOSYS ? path_walk(root_fd, path, &goal) : r;
}

int path_mkfile_in(int root_fd, const char *path, mode_t mode)
{
	struct path_goal goal = {
		.flags = O_PATH, .make = PATH_MAKE_FILE, .mode = mode, .dir_mode = PARENT_MODE};
	AUTO_FD fd = open_by_kernel(root_fd, path, O_PATH);
	struct stat st;

	if (fd == -ENOENT || fd == -ENOSYS)
		fd = path_walk(root_fd, path, &goal);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? -EISDIR : fd_take(&fd);
}

int path_parent_in(int root_fd, const char *path, bool make_parents, char *ret_name)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	char parent[PATH_MAX] = "/";

	if (!path_is_name(name))
		return -EINVAL;
	if (strlen(name) > NAME_MAX)
		return -ENAMETOOLONG;
	if (slash && slash != path) {
		if ((size_t)(slash - path) >= sizeof(parent))
			return -ENAMETOOLONG;
		memcpy(parent, path, (size_t)(slash - path));
		parent[slash - path] = '\0';
	}
	memcpy(ret_name, name, strlen(name) + 1);
	return make_parents ? path_mkdirs_in(root_fd, parent, PARENT_MODE)
			    : path_open_in(root_fd, parent, O_PATH | O_DIRECTORY);
}

int path_clean(const char *path, char *ret, size_t size)
{
	size_t len = 0;

	while (*path) {
		size_t n = strcspn(path, "/");

		if (n == 2 && path[0] == '.' && path[1] == '.') {
			while (len > 0 && ret[--len] != '/')
				;
		} else if (n > 0 && !(n == 1 && path[0] == '.')) {
			if (len + 1 + n >= size)
				return -ENAMETOOLONG;
			ret[len++] = '/';
			memcpy(ret + len, path, n);
			len += n;
		}
		path += n;
		path += *path == '/';
	}
	if (size < 2)
		return -ENAMETOOLONG;
	if (len == 0)
		ret[len++] = '/';
	ret[len] = '\0';
	return (int)len;
}

bool path_is_name(const char *name)
{
	return *name && !str_eq(name, ".") && !str_eq(name, "..") && !strchr(name, '/');
}
