/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/rootfs/dev: device nodes, the links of /dev, the console. All of it happens through one
 * verified fd of the container's /dev or of the node's own directory, by single names that are
 * never followed (security.md C4). Where nodes may not be made (user namespace) the host's are
 * bound, their type and number checked. Called by runtime/init in the child.
 */
#include "base/sys.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "runtime/rootfs/plan.h"
#include "base/ban.h"

static int fail(const struct root_device *d, int neg, const char *hint, struct err *e)
{
	int code = neg < 0 ? -neg : neg;
	char at[40] = "";

	if (d->index != ROOT_NO_INDEX)
		snprintf(at, sizeof(at), "linux.devices[%zu]: ", d->index);
	return err_set(e, ERR_KERNEL, code, "%sdevice \"%s\": %s%s%s%s", at, d->path,
		       err_words(code), hint ? " (" : "", hint ? hint : "", hint ? ")" : "");
}

static bool is_same_device(const struct stat *st, const struct root_device *d)
{
	if ((st->st_mode & S_IFMT) != (d->mode & S_IFMT))
		return false;
	return S_ISFIFO(d->mode) || st->st_rdev == d->rdev;
}

/* A node that is already there: it must be this very device (D02); mode and owner are set right. */
static int reuse(const struct root_device *d, int dir_fd, const char *name, struct err *e)
{
	char link[FD_PROC_MAX];
	struct stat st;
	AUTO_FD fd = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0)
		return fail(d, -errno, NULL, e);
	if (!is_same_device(&st, d))
		return fail(d, -EEXIST, "a file that is not this device is there", e);
	if ((st.st_uid != d->uid || st.st_gid != d->gid) &&
	    fchownat(fd, "", d->uid, d->gid, AT_EMPTY_PATH) < 0)
		return fail(d, -errno, "setting the owner", e);
	/* fchmod refuses O_PATH; the fd is the checked node itself, so its link cannot be
	 * redirected. */
	if ((st.st_mode & 07777) != (d->mode & 07777) &&
	    fchmodat(AT_FDCWD, fd_proc_path(fd, link), d->mode & 07777, 0) < 0)
		return fail(d, -errno, "setting the mode", e);
	return 0;
}

/* The mount point of a bound node: a new file, or the one that an earlier run has left. */
static int open_bind_target(const struct root_device *d, int dir_fd, const char *name, int *ret_fd,
			    struct err *e)
{
	struct stat st;
	AUTO_FD fd = openat(dir_fd, name, O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			    d->mode & 0777);

	if (fd < 0 && errno != EEXIST)
		return fail(d, -errno, "making its mount point", e);
	if (fd < 0) {
		fd = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0 || fstat(fd, &st) < 0)
			return fail(d, -errno, NULL, e);
		if (!is_same_device(&st, d) && !(S_ISREG(st.st_mode) && st.st_size == 0))
			return fail(d, -EEXIST, "a file that is not this device is there", e);
	}
	*ret_fd = fd_take(&fd);
	return 0;
}

static int bind_host(const struct root_device *d, int dir_fd, const char *name, struct err *e)
{
	struct stat st;
	AUTO_FD target_fd = FD_NONE;
	AUTO_FD fd =
		d->tree_fd >= 0
			? fcntl(d->tree_fd, F_DUPFD_CLOEXEC, 3)
			: sys_open_tree(AT_FDCWD, d->path,
					OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);

	if (fd < 0)
		return fail(d, fd, "no nodes can be made here, and the host's cannot be bound", e);
	if (fstat(fd, &st) < 0 || !is_same_device(&st, d))
		return fail(d, -ENODEV, "the host's file of this name is another device", e);
	int r = open_bind_target(d, dir_fd, name, &target_fd, e);
	if (r < 0)
		return r;
	r = root_attach_tree(fd, target_fd);
	return r < 0 ? fail(d, r, "binding the host's", e) : 0;
}

static int make_node(const struct root_device *d, int dir_fd, const char *name, bool *is_bind,
		     struct err *e)
{
	if (*is_bind && !S_ISFIFO(d->mode))
		return bind_host(d, dir_fd, name, e);
	if (mknodat(dir_fd, name, d->mode, d->rdev) < 0) {
		if (errno == EEXIST)
			return reuse(d, dir_fd, name, e);
		if (errno != EPERM || S_ISFIFO(d->mode))
			return fail(d, -errno, NULL, e);
		*is_bind = true;
		return bind_host(d, dir_fd, name, e);
	}
	if ((d->uid || d->gid) && fchownat(dir_fd, name, d->uid, d->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(d, -errno, "setting the owner", e);
	return 0;
}

static int make_device(const struct root_plan *p, const struct root_device *d, int dev_fd,
		       bool *is_bind, struct err *e)
{
	char name[NAME_MAX + 1];

	if (d->name)
		return make_node(d, dev_fd, d->name, is_bind, e);
	AUTO_FD dir_fd = path_parent_in(p->root_fd, d->path, true, name);
	if (dir_fd < 0)
		return fail(d, dir_fd, "making its directory", e);
	struct statfs fs;
	if (fstatfs(dir_fd, &fs) < 0 || fs.f_type == PROC_SUPER_MAGIC || fs.f_type == SYSFS_MAGIC)
		return fail(d, -EPERM, "its directory lies in a procfs or sysfs", e);
	return make_node(d, dir_fd, name, is_bind, e);
}

static int make_links(int dev_fd, struct err *e)
{
	static const struct {
		const char *name, *text;
	} links[] = {{"fd", "/proc/self/fd"},
		     {"stdin", "/proc/self/fd/0"},
		     {"stdout", "/proc/self/fd/1"},
		     {"stderr", "/proc/self/fd/2"},
		     {"core", "/proc/kcore"}};

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		if (symlinkat(links[i].text, dev_fd, links[i].name) == 0 || errno == EEXIST)
			continue;
		if (errno != EROFS)
			return err_sys(e, errno, "link \"/dev/%s\"", links[i].name);
		log_debug("link \"/dev/%s\": read-only file system", links[i].name);
	}
	return 0;
}

/* /dev/ptmx must be the container's: the link, or the node, which looks for pts/ beside itself. */
static int make_ptmx(int dev_fd, struct err *e)
{
	char text[32];
	struct stat st;

	if (symlinkat("pts/ptmx", dev_fd, "ptmx") == 0)
		return 0;
	if (errno != EEXIST)
		return errno == EROFS ? 0 : err_sys(e, errno, "link \"/dev/ptmx\"");
	if (fstatat(dev_fd, "ptmx", &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, errno, "\"/dev/ptmx\"");
	if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(5, 2))
		return 0;
	if (S_ISLNK(st.st_mode)) {
		ssize_t n = readlinkat(dev_fd, "ptmx", text, sizeof(text) - 1);

		text[n > 0 ? n : 0] = '\0';
		if (str_eq(text, "pts/ptmx") || str_eq(text, "/dev/pts/ptmx"))
			return 0;
	}
	if (unlinkat(dev_fd, "ptmx", 0) < 0 || symlinkat("pts/ptmx", dev_fd, "ptmx") < 0)
		return err_sys(e, errno, "replace \"/dev/ptmx\"");
	return 0;
}

static int open_dev(const struct root_plan *p, int *ret_fd, struct err *e)
{
	AUTO_FD fd = path_open_in_nofollow(p->root_fd, "/dev", O_PATH | O_DIRECTORY);

	if (fd == -ENOENT)
		fd = path_mkdirs_in(p->root_fd, "/dev", 0755);
	if (fd == -ENOTDIR || fd == -ELOOP)
		return err_set(e, ERR_INPUT, ENOTDIR,
			       "\"/dev\" of the root must be a directory, not a link");
	if (fd < 0)
		return err_sys(e, fd, "open \"/dev\" of the root");
	*ret_fd = fd_take(&fd);
	return 0;
}

int root_devices(struct root_plan *p, struct err *e)
{
	AUTO_FD dev_fd = FD_NONE;
	bool is_bind = p->has_userns;

	/* Whoever binds the host's /dev has all devices, and anything made would stay on the host.
	 */
	if (p->is_dev_bind) {
		log_debug("/dev is a bind mount: no devices are made");
		return 0;
	}
	int r = open_dev(p, &dev_fd, e);
	if (r < 0)
		return r;
	mode_t mask = umask(0);
	for (size_t i = 0; r == 0 && i < p->n_devices; i++)
		r = make_device(p, &p->devices[i], dev_fd, &is_bind, e);
	if (r == 0)
		r = make_links(dev_fd, e);
	if (r == 0 && p->has_pts)
		r = make_ptmx(dev_fd, e);
	umask(mask);
	return r;
}

/* ---- the console ---- */

static int open_console_target(const struct root_plan *p, int *ret_fd, struct err *e)
{
	AUTO_FD dev_fd = FD_NONE;
	struct stat st;
	int r = open_dev(p, &dev_fd, e);

	if (r < 0)
		return r;
	AUTO_FD fd = openat(dev_fd, "console", O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			    0600);
	if (fd < 0 && errno == EEXIST) {
		fd = openat(dev_fd, "console", O_PATH | O_NOFOLLOW | O_CLOEXEC);
		if (fd >= 0 && fstat(fd, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode))
			return err_set(
				e, ERR_INPUT, EEXIST,
				"\"/dev/console\" of the root is neither a file nor a device");
	}
	if (fd < 0)
		return err_sys(e, errno, "make \"/dev/console\"");
	*ret_fd = fd_take(&fd);
	return 0;
}

/* The container's devpts, or the host's when the config mounts none. */
static int open_pts(const struct root_plan *p, int *ret_fd, struct err *e)
{
	AUTO_FD fd = p->has_pts ? path_open_in(p->root_fd, "/dev/pts", O_PATH | O_DIRECTORY)
				: openat(AT_FDCWD, "/dev/pts", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(e, p->has_pts ? fd : errno, "terminal: open \"/dev/pts\"");
	*ret_fd = fd_take(&fd);
	return 0;
}

int root_console(struct root_plan *p, int *ret_master_fd, int *ret_slave_fd, struct err *e)
{
	AUTO_FD pts_fd = FD_NONE, master_fd = FD_NONE, slave_fd = FD_NONE, target_fd = FD_NONE;
	int r = open_pts(p, &pts_fd, e);

	if (r == 0)
		r = root_pty_open(pts_fd, &master_fd, &slave_fd, e);
	if (r == 0 && !p->is_dev_bind)
		r = open_console_target(p, &target_fd, e);
	if (r < 0)
		return r;
	if (target_fd >= 0) {
		AUTO_FD tree_fd = sys_open_tree(
			slave_fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);

		r = tree_fd < 0 ? tree_fd : root_attach_tree(tree_fd, target_fd);
		if (r < 0)
			return err_sys(e, r, "terminal: bind it on \"/dev/console\"");
	}
	*ret_master_fd = fd_take(&master_fd);
	*ret_slave_fd = fd_take(&slave_fd);
	return 0;
}
