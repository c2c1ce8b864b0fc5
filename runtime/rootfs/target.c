/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/rootfs/target: the mount point of a mount: resolved once inside the root, made when
 * missing, refused when it would cover a part of a procfs (security.md C3, C6). It must not know
 * what gets mounted there. Called by bind.c, special.c and cgroup.c in the child.
 */
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include "base/path.h"
#include "runtime/rootfs/plan.h"
#include "base/ban.h"

/* Relative to /proc: what lxcfs and the engines cover with files of their own. */
static const char *const proc_files[] = {"cpuinfo",
					 "diskstats",
					 "meminfo",
					 "stat",
					 "swaps",
					 "uptime",
					 "loadavg",
					 "slabinfo",
					 "net/dev",
					 "sys/kernel/ns_last_pid",
					 "sys/crypto/fips_enabled"};

bool root_target_is_proc_file(const char *dest)
{
	const char *name = str_after(dest, "/proc/");

	for (size_t i = 0; name && i < sizeof(proc_files) / sizeof(proc_files[0]); i++)
		if (str_eq(name, proc_files[i]))
			return true;
	return false;
}

/* Names that must be what they say: a link here would redirect what relies on them (B60). */
static bool is_fixed_dir(const char *dest)
{
	return str_eq(dest, "/proc") || str_eq(dest, "/sys") || str_eq(dest, "/dev");
}

static bool is_file(int fd)
{
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode);
}

static int open_existing(const struct root_plan *p, const struct root_mount *m, bool is_fixed)
{
	if (str_eq(m->dest, "/")) {
		int fd = fcntl(p->root_fd, F_DUPFD_CLOEXEC, 3);
		return fd < 0 ? -errno : fd;
	}
	if (is_fixed)
		return path_open_in_nofollow(p->root_fd, m->dest, O_PATH | O_DIRECTORY);
	if (m->is_dest_nofollow)
		return path_open_in_nofollow(p->root_fd, m->dest, O_PATH);
	return path_open_in(p->root_fd, m->dest, O_PATH);
}

/* A target that resolved into a procfs, by whatever name, must be one of the known files. */
static int check_place(const struct root_plan *p, const struct root_mount *m, int fd, struct err *e)
{
	struct statfs fs;
	struct stat st;

	if (fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
		return root_mount_fail(m, -errno, NULL, e);
	/* Stacked on the root it would be what `exec` enters, but not what init sees. */
	if (root_is_itself(p, &st) && !str_eq(m->dest, "/"))
		return root_mount_fail(m, -EINVAL, "a link leads to the root itself", e);
	if (m->is_view) /* the config may have put anything there */
		return fs.f_type == PROC_SUPER_MAGIC || fs.f_type == SYSFS_MAGIC
			       ? 0
			       : root_mount_fail(m, -EPERM, "not a file of the kernel", e);
	if (fs.f_type != PROC_SUPER_MAGIC || str_eq(m->dest, "/proc") ||
	    root_target_is_proc_file(m->dest))
		return 0;
	return root_mount_fail(m, -EPERM, "the mount point lies in a procfs", e);
}

int root_target_open(const struct root_plan *p, const struct root_mount *m, int like_fd,
		     int *ret_fd, bool *ret_existed, struct err *e)
{
	bool is_fixed = is_fixed_dir(m->dest);
	AUTO_FD fd = open_existing(p, m, is_fixed);
	int r;

	*ret_existed = fd >= 0;
	if (fd == -ENOENT && !m->is_view) {
		fd = is_file(like_fd) ? path_mkfile_in(p->root_fd, m->dest, 0644)
				      : path_mkdirs_in(p->root_fd, m->dest, 0755);
		if (fd < 0)
			return root_mount_fail(
				m, fd,
				is_fixed ? "the mount point must be a directory and cannot be made"
					 : "the mount point is missing and cannot be made",
				e);
	}
	if (is_fixed && (fd == -ENOTDIR || fd == -ELOOP))
		return root_mount_fail(
			m, fd, "must be mounted on ordinary directory, not on a link or file", e);
	if (fd < 0)
		return root_mount_fail(m, fd, "the mount point cannot be opened", e);
	r = check_place(p, m, fd, e);
	if (r < 0)
		return r;
	*ret_fd = fd_take(&fd);
	return 0;
}
