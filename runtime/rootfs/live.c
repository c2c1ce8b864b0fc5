/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/rootfs/live: what is done to the root of a container that runs already: a pty of its
 * devpts, and mounts that are put in or taken away (the verb `mounts`). The container may be
 * hostile and may change its tree meanwhile: the devpts is checked before anything in it is opened
 * (security.md P5), the slave comes from its master, mount points are resolved once under the root,
 * mounts are made detached, named by their ids and moved by fd. It must not know processes or
 * state files. Called by dev.c, by runtime/init in the child and by runtime/life in the parent.
 */
#include "base/sys.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
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

/* ---- mounts: in the parent ---- */

/* The host's proc, sysfs and cgroup2 are other ones than the container's, and what lies on the root
 * or on these directories is what the rest of the runtime relies on. */
static int check_live(const struct root_mount *m, struct err *e)
{
	static const char *const fixed[] = {"/", "/proc", "/sys", "/dev"};

	if (m->kind == ROOT_PROC || m->kind == ROOT_SYSFS || m->kind == ROOT_CGROUP ||
	    m->kind == ROOT_REMOUNT || m->is_copy_symlink)
		return err_set(e, ERR_INPUT, EINVAL,
			       "mounts[%zu]: %s cannot be added to a running container", m->index,
			       m->kind == ROOT_REMOUNT ? "a remount"
			       : m->is_copy_symlink    ? "copy-symlink"
						       : m->type);
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		if (str_eq(m->dest, fixed[i]))
			return err_set(e, ERR_INPUT, EINVAL,
				       "mounts[%zu].destination: \"%s\" of a running container "
				       "cannot be covered",
				       m->index, m->dest);
	return 0;
}

int root_live_plan(const struct spec_config *conf, const struct root_host *host, struct arena *a,
		   struct root_plan **ret, struct err *e)
{
	struct root_plan *p = arena_alloc(a, sizeof(*p));

	root_plan_init(p, conf, host, a);
	p->is_live = true;
	/* Nothing of ours may travel back to the host, unless it is asked for. */
	p->wants_events = true;
	int r = root_plan_mounts(p, e);
	if (r == 0)
		*ret = p;
	return r;
}

static int open_host_proc(struct root_plan *p, struct err *e)
{
	struct statfs fs;
	AUTO_FD fd = openat(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || fstatfs(fd, &fs) < 0)
		return err_sys(e, errno, "open the host's \"/proc\"");
	if (fs.f_type != PROC_SUPER_MAGIC)
		return err_set(e, ERR_STATE, ENODEV, "the host's \"/proc\" is not a procfs");
	p->host_proc_fd = fd_take(&fd);
	return 0;
}

static int open_one(struct root_plan *p, struct root_mount *m, struct err *e)
{
	int r = check_live(m, e);

	if (r < 0)
		return r;
	if (m->kind == ROOT_BIND) {
		/* The kernel lets the mounts of a namespace be cloned by its own root alone. */
		if (!p->host.is_privileged)
			return root_mount_fail(m, -EPERM,
					       "into a running container only root can bind", e);
		r = root_bind_open(p, m, &m->tree_fd, e);
		if (r == 0 && m->is_idmap)
			r = root_idmap_apply(p, m, m->tree_fd, e);
	} else if (m->kind == ROOT_FS) {
		/* What it is made of has the names that the caller knows. */
		r = root_special_make(p, m, FD_NONE, false, &m->tree_fd, e);
	}
	return r;
}

int root_live_open(struct root_plan *p, struct err *e)
{
	int r = open_host_proc(p, e);

	for (size_t i = 0; r == 0 && i < p->n_mounts; i++)
		r = open_one(p, &p->mounts[i], e);
	return r;
}

int root_live_open_remove(struct root_plan *p, const uint64_t *ids, struct err *e)
{
	for (size_t i = 0; i < p->n_mounts; i++)
		p->mounts[i].id = ids[i];
	return open_host_proc(p, e);
}

size_t root_live_count(const struct root_plan *p)
{
	return p->n_mounts;
}

const char *root_live_dest(const struct root_plan *p, size_t i)
{
	return p->mounts[i].dest;
}

/* ---- mounts: in the child ---- */

int root_live_enter(struct root_plan *p, struct err *e)
{
	struct stat st;
	AUTO_FD fd = openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, errno, "open the container's root");
	p->root_dev = st.st_dev;
	p->root_ino = st.st_ino;
	fd_replace(&p->root_fd, fd_take(&fd));
	return 0;
}

int root_live_make(struct root_plan *p, size_t i, uint64_t *ret_id, struct err *e)
{
	struct root_mount *m = &p->mounts[i];
	bool existed;
	int r = root_target_open(p, m, m->tree_fd, &m->target_fd, &existed, e);

	if (r < 0)
		return r;
	m->made_target = !existed;
	if (m->tree_fd < 0)
		r = root_special_make(p, m, m->target_fd, existed, &m->tree_fd, e);
	if (r < 0)
		return r;
	r = sys_mount_id(m->tree_fd, &m->id);
	if (r < 0)
		return root_mount_fail(m, r, "asking for its id", e);
	*ret_id = m->id;
	return 0;
}

int root_live_attach(struct root_plan *p, size_t i, struct err *e)
{
	struct root_mount *m = &p->mounts[i];
	int r = root_mount_attach(p, m, &m->tree_fd, m->target_fd, e);

	m->is_attached = r == 0;
	return r;
}

int root_live_seal(struct root_plan *p, struct err *e)
{
	/* The fds stay for an undo until the end of the process. */
	struct mount_attr ro = {.attr_set = MOUNT_ATTR_RDONLY};

	for (size_t i = 0; i < p->n_mounts; i++) {
		struct root_mount *m = &p->mounts[i];
		int r = m->is_ro_late
				? sys_mount_setattr(m->tree_fd, "", AT_EMPTY_PATH, &ro, sizeof(ro))
				: 0;

		if (r < 0)
			return root_mount_fail(m, r, "making it read-only", e);
	}
	return 0;
}

/* Takes the mount that fd is the root of away, whatever lies above its name by now: umount2(2)
 * knows paths only, and this one is of the host's procfs. Leaf. */
static int detach(const struct root_plan *p, int fd)
{
	char path[32];
	int r = 0;

	snprintf(path, sizeof(path), "self/fd/%d", fd);
	if (fchdir(p->host_proc_fd) < 0)
		return -errno;
	if (umount2(path, MNT_DETACH) < 0)
		r = -errno;
	if (chdir("/") < 0 && r == 0)
		r = -errno;
	return r;
}

/* Removes the mount point that we made, if it is still that empty one. */
static void drop_target(const struct root_plan *p, const struct root_mount *m)
{
	char name[NAME_MAX + 1];
	struct stat made, now;

	if (!m->made_target || fstat(m->target_fd, &made) < 0)
		return;
	AUTO_FD dir_fd = path_parent_in(p->root_fd, m->dest, false, name);
	if (dir_fd < 0 || fstatat(dir_fd, name, &now, AT_SYMLINK_NOFOLLOW) < 0 ||
	    now.st_ino != made.st_ino || now.st_dev != made.st_dev)
		return;
	if (S_ISDIR(now.st_mode))
		unlinkat(dir_fd, name, AT_REMOVEDIR);
	else if (S_ISREG(now.st_mode) && now.st_size == 0)
		unlinkat(dir_fd, name, 0);
}

void root_live_undo(struct root_plan *p)
{
	for (size_t i = p->n_mounts; i-- > 0;) {
		struct root_mount *m = &p->mounts[i];

		if (m->is_attached)
			(void)detach(p, m->tree_fd);
		m->is_attached = false;
		if (m->target_fd >= 0)
			drop_target(p, m);
	}
}

static int find(const struct root_plan *p, struct root_mount *m, struct err *e)
{
	uint64_t id;
	AUTO_FD fd = m->is_dest_nofollow ? path_open_in_nofollow(p->root_fd, m->dest, O_PATH)
					 : path_open_in(p->root_fd, m->dest, O_PATH);

	if (fd < 0)
		return err_sys(e, fd, "mounts[%zu].destination: \"%s\"", m->index, m->dest);
	int r = sys_mount_id(fd, &id);
	if (r < 0 && r != -ENOENT)
		return err_sys(e, r, "mounts[%zu].destination: \"%s\"", m->index, m->dest);
	if (r == -ENOENT || id != m->id)
		return err_set(e, ERR_STATE, ENOENT,
			       "mounts[%zu].destination: the mount that was added at \"%s\" is not "
			       "there any more, or covered by another one",
			       m->index, m->dest);
	m->tree_fd = fd_take(&fd);
	return 0;
}

int root_live_remove(struct root_plan *p, struct err *e)
{
	int r = 0;

	/* All are found before any is taken, but those that the list itself has covered. */
	for (size_t i = 0; r == 0 && i < p->n_mounts; i++)
		r = root_plan_is_covered(p, i) ? 0 : find(p, &p->mounts[i], e);
	for (size_t i = p->n_mounts; r == 0 && i-- > 0;) {
		struct root_mount *m = &p->mounts[i];

		if (m->tree_fd < 0)
			r = find(p, m, e);
		if (r < 0)
			return r;
		int code = detach(p, m->tree_fd);

		if (code < 0)
			r = err_sys(e, code, "mounts[%zu].destination: unmount \"%s\"", m->index,
				    m->dest);
	}
	return r;
}
