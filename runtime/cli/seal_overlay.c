/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/cli/seal_overlay: the second way to keep the host's binary out of a container, where
 * executable memfds are forbidden (vm.memfd_noexec=2): the binary seen through a detached overlay
 * mount that has no upper layer. Its superblock has nothing to write to, so that no remount can
 * make it writable, unlike a read-only bind mount. Needs CAP_SYS_ADMIN. Called by seal.c.
 */
#include "runtime/cli/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "base/auto.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/sys.h"
#include "base/ban.h"

#ifndef OVERLAYFS_SUPER_MAGIC
#define OVERLAYFS_SUPER_MAGIC 0x794c7630
#endif
/* An overlay without an upper layer needs two lower ones that do not contain each other. */
#define OTHER_LAYER "/sys"

/* True when no line of mountinfo begins with this id: the mount is in no namespace that we see. */
static bool is_detached(uint64_t id)
{
	AUTO_FILE f = fopen("/proc/self/mountinfo", "re");
	AUTO_FREE char *line = NULL;
	char want[24];
	size_t size = 0;
	int n = snprintf(want, sizeof(want), "%llu ", (unsigned long long)id);

	if (!f)
		return false;
	while (getline(&line, &size, f) > 0) {
		if (strncmp(line, want, (size_t)n) == 0)
			return false;
	}
	return true;
}

bool cmd_seal_overlay_is(int self_fd)
{
	struct statfs fs;
	struct statx st;

	if (fstatfs(self_fd, &fs) < 0 || (uint32_t)fs.f_type != OVERLAYFS_SUPER_MAGIC ||
	    !(fs.f_flags & ST_RDONLY))
		return false;
	if (statx(self_fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &st) < 0 ||
	    !(st.stx_mask & STATX_MNT_ID))
		return false;
	return is_detached(st.stx_mnt_id);
}

/* Opens the directory of the running binary and proves that `name` in it is that binary. */
static int open_own_dir(int self_fd, char *path, size_t size, const char **ret_name)
{
	ssize_t n = readlink("/proc/self/exe", path, size - 1);
	AUTO_FD dir_fd = FD_NONE;
	struct stat a, b;
	char *slash;

	if (n < 0)
		return -errno;
	path[n] = '\0';
	slash = strrchr(path, '/');
	if (path[0] != '/' || !slash)
		return -ENOENT;
	*slash = '\0';
	dir_fd = open(slash == path ? "/" : path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return -errno;
	if (fstat(self_fd, &a) < 0 || fstatat(dir_fd, slash + 1, &b, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	/* Replaced or unlinked since we were started. */
	if (a.st_dev != b.st_dev || a.st_ino != b.st_ino)
		return -ESTALE;
	*ret_name = slash + 1;
	return fd_take(&dir_fd);
}

int cmd_seal_overlay(int self_fd)
{
	char path[4096], layers[FD_PROC_MAX + sizeof(OTHER_LAYER) + 1], dir[FD_PROC_MAX];
	const char *name = NULL;
	AUTO_FD dir_fd = open_own_dir(self_fd, path, sizeof(path), &name);
	AUTO_FD fs_fd = FD_NONE;
	AUTO_FD mount_fd = FD_NONE;
	int r;

	if (dir_fd < 0)
		return dir_fd;
	fs_fd = sys_fsopen("overlay", FSOPEN_CLOEXEC);
	if (fs_fd < 0)
		return fs_fd;
	/* The directory by its fd: its name may hold a ':' or a ','. */
	snprintf(layers, sizeof(layers), "%s:" OTHER_LAYER, fd_proc_path(dir_fd, dir));
	r = sys_fsconfig(fs_fd, FSCONFIG_SET_STRING, "lowerdir", layers, 0);
	if (r >= 0)
		r = sys_fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
	if (r < 0)
		return r;
	mount_fd = sys_fsmount(fs_fd, FSMOUNT_CLOEXEC,
			       MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	if (mount_fd < 0)
		return mount_fd;
	r = openat(mount_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return r < 0 ? -errno : r;
}
