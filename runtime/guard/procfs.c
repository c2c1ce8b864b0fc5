/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/guard/procfs: a procfs that nobody else can have changed, and opening files in it
 * (security.md P4, P5; class C6: a label or sysctl written into the wrong file).
 * It does not know what is written. Called by limits.c, sysctl.c, lsm.c, keyring.c and
 * runtime/init.
 */
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/stat.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "base/auto.h"
#include "base/log.h"
#include "base/str.h"
#include "base/sys.h"
#include "runtime/guard/guard.h"
#include "runtime/guard/procfs.h"
#include "base/ban.h"

/* The inode number of a procfs root (PROC_ROOT_INO), whatever the pid namespace. */
#define PROC_ROOT_INODE 1

static bool is_proc_root(int fd)
{
	struct statfs fs;
	struct stat st;

	return fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC && fstat(fd, &st) == 0 &&
	       st.st_ino == PROC_ROOT_INODE;
}

static int private_proc(void)
{
	AUTO_FD fs_fd = sys_fsopen("proc", FSOPEN_CLOEXEC);

	if (fs_fd < 0)
		return fs_fd;
	/* Since 5.8; without it the instance is still private, only more talkative. */
	(void)sys_fsconfig(fs_fd, FSCONFIG_SET_STRING, "hidepid", "ptraceable", 0);
	int r = sys_fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	if (r < 0)
		return r;
	return sys_fsmount(fs_fd, FSMOUNT_CLOEXEC,
			   MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
}

int guard_proc_open(int *ret_proc_fd, struct err *e)
{
	AUTO_FD fd = private_proc();

	if (fd < 0) {
		log_debug("no private procfs: %s; using the one at /proc", err_words(-fd));
		/* A user namespace that does not own its pid namespace may not make a procfs. */
		fd = sys_open_tree(AT_FDCWD, "/proc", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	}
	/* Nor clone one with locked mounts on it: the lookups then refuse to enter those. */
	if (fd < 0)
		fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, -errno, "open \"/proc\"");
	if (!is_proc_root(fd))
		return err_set(e, ERR_STATE, ENOTSUP, "\"/proc\" is not the root of a procfs");
	*ret_proc_fd = fd_take(&fd);
	return 0;
}

int guard_proc_root(int proc_fd, int *ret_own_fd, struct err *e)
{
	if (proc_fd >= 0)
		return proc_fd;
	AUTO_FD fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, errno, "open \"/proc\"");
	if (!is_proc_root(fd))
		return err_set(e, ERR_STATE, ENOTSUP, "\"/proc\" is not the root of a procfs");
	*ret_own_fd = fd_take(&fd);
	return *ret_own_fd;
}

/* The mount id of fd, or of the entry `name` in it. */
static int mount_id(int fd, const char *name, uint64_t *ret)
{
	struct statx st;

	if (statx(fd, name, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_MNT_ID, &st) < 0)
		return -errno;
	if (!(st.stx_mask & STATX_MNT_ID))
		return -ENOSYS;
	*ret = st.stx_mnt_id;
	return 0;
}

/* One step of the walk: *inout_fd becomes its entry `name`, on the same mount. */
static int walk_into(int *inout_fd, const char *name, int flags, uint64_t mnt)
{
	uint64_t id = 0;
	AUTO_FD next = openat(*inout_fd, name, flags | O_NOFOLLOW | O_CLOEXEC);

	if (next < 0)
		return -errno;
	int r = mount_id(next, "", &id);
	if (r < 0)
		return r;
	if (id != mnt)
		return -EXDEV;
	fd_replace(inout_fd, fd_take(&next));
	return 0;
}

/* The only symlinks that a path of ours may start with: their targets are "PID" and "PID/task/TID".
 */
static int expand_self(int proc_fd, const char *path, char *ret, size_t size)
{
	char link[64];
	const char *slash = strchr(path, '/');
	size_t head = slash ? (size_t)(slash - path) : strlen(path);
	bool is_self = (head == 4 && memcmp(path, "self", 4) == 0) ||
		       (head == 11 && memcmp(path, "thread-self", 11) == 0);

	if (!is_self)
		return str_copy(ret, size, path);
	ssize_t n = readlinkat(proc_fd, head == 4 ? "self" : "thread-self", link, sizeof(link) - 1);
	if (n < 0)
		return -errno;
	link[n] = '\0';
	n = snprintf(ret, size, "%s%s", link, path + head);
	return (size_t)n < size ? 0 : -ENAMETOOLONG;
}

/* openat2 blocked by an outer container's filter: the same answer, component by component. */
static int walk_open(int proc_fd, const char *path, int flags)
{
	char full[512];
	uint64_t mnt = 0;
	AUTO_FD fd = FD_NONE;

	int r = expand_self(proc_fd, path, full, sizeof(full));
	if (r >= 0)
		r = mount_id(proc_fd, "", &mnt);
	if (r < 0)
		return r;
	fd = openat(proc_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	for (char *part = full, *next; part; part = next) {
		next = strchr(part, '/');
		if (next)
			*next++ = '\0';
		if (part[0] == '\0' || str_eq(part, ".") || str_eq(part, ".."))
			return -EINVAL;
		r = walk_into(&fd, part, next ? O_PATH | O_DIRECTORY : flags, mnt);
		if (r < 0)
			return r;
	}
	return fd_take(&fd);
}

int guard_proc_file(int proc_fd, const char *path, int flags)
{
	uint64_t resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS;

	if (str_starts(path, "sys/"))
		resolve |= RESOLVE_NO_SYMLINKS;
	int fd = sys_openat2(proc_fd, path, (uint64_t)flags | O_CLOEXEC, 0, resolve);
	if (fd == -ENOSYS || fd == -EPERM)
		return walk_open(proc_fd, path, flags);
	return fd;
}
