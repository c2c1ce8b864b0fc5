/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/rootfs/live: a pty of a given devpts, for the console of a new container and for exec in
 * a running one. The devpts is checked before anything in it is opened (security.md P5), the slave
 * comes from the master itself, never by its name. Called by dev.c and by runtime/init for exec.
 */
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include "base/path.h"
#include "runtime/rootfs/plan.h"
#include "base/ban.h"

int root_pty_open(int pts_fd, int *ret_master_fd, int *ret_slave_fd, struct err *e)
{
	struct statfs fs;
	struct stat st;
	int unlock = 0;

	if (fstatfs(pts_fd, &fs) < 0)
		return err_sys(e, errno, "terminal: \"/dev/pts\"");
	if (fs.f_type != DEVPTS_SUPER_MAGIC)
		return err_set(e, ERR_STATE, ENODEV, "terminal: \"/dev/pts\" is not a devpts");
	/* The kernel alone makes names in a devpts, so this one can be opened. */
	AUTO_FD master = openat(pts_fd, "ptmx", O_RDWR | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);
	if (master < 0)
		return err_sys(e, errno, "terminal: open \"/dev/pts/ptmx\"");
	if (fstat(master, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2))
		return err_set(e, ERR_STATE, ENODEV,
			       "terminal: \"/dev/pts/ptmx\" is not the pty multiplexer");
	if (ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return err_sys(e, errno, "terminal: unlock the pty");
	AUTO_FD slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return err_sys(e, errno, "terminal: open the other end of the pty");
	*ret_master_fd = fd_take(&master);
	*ret_slave_fd = fd_take(&slave);
	return 0;
}

int root_exec_pty(int *ret_master_fd, int *ret_slave_fd, struct err *e)
{
	AUTO_FD root_fd = openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root_fd < 0)
		return err_sys(e, errno, "terminal: open \"/\"");
	AUTO_FD pts_fd = path_open_in(root_fd, "/dev/pts", O_PATH | O_DIRECTORY);
	if (pts_fd < 0)
		return err_sys(e, pts_fd, "terminal: open \"/dev/pts\"");
	return root_pty_open(pts_fd, ret_master_fd, ret_slave_fd, e);
}
