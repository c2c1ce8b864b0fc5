/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/rootfs/attach: gets the root into place and every mount onto its mount point by fd: the
 * parent's opens, the child's own propagation, the clone of the rootfs, attributes of detached
 * mounts. It must not know kinds of file systems. Called by runtime/life (open, close) and by
 * runtime/init in the child (the rest).
 */
#include <fcntl.h>
#include <linux/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include "base/fd.h"
#include "base/log.h"
#include "runtime/rootfs/plan.h"
#include "base/ban.h"

/* So many detached trees at most are handed down by the fork, a quarter of what RLIMIT_NOFILE lets
 * us have; the child asks for the others when their turn comes. */
#define PARENT_TREES_MAX 256

int root_mount_fail(const struct root_mount *m, int neg, const char *hint, struct err *e)
{
	int code = neg < 0 ? -neg : neg;
	char at[32] = "";

	if (m->index != ROOT_NO_INDEX)
		snprintf(at, sizeof(at), "mounts[%zu]: ", m->index);
	return err_set(e, ERR_KERNEL, code, "%smount \"%s\" from \"%s\": %s%s%s%s", at, m->dest,
		       m->host_path ? m->host_path : m->source, err_words(code), hint ? " (" : "",
		       hint ? hint : "", hint ? ")" : "");
}

int root_call_fail(int neg, const char *call, const char *what, struct err *e)
{
	if (neg == -ENOSYS)
		return err_set(
			e, ERR_MISSING, ENOSYS,
			"%s: no %s(2) here: it takes Linux 5.15, and no seccomp filter around "
			"us that forbids it",
			what, call);
	return err_sys(e, neg, "%s", what);
}

static int set_attr(int fd, bool is_rec, const struct root_attr *a, uint64_t prop)
{
	struct mount_attr attr = {
		.attr_set = a->set, .attr_clr = a->clr, .propagation = prop & ~(uint64_t)MS_REC};

	return sys_mount_setattr(fd, "", AT_EMPTY_PATH | (is_rec ? AT_RECURSIVE : 0), &attr,
				 sizeof(attr));
}

/* One call where the two levels cannot differ, else one for the mount and one for the tree. */
static int set_attrs(int fd, const struct root_mount *m, bool is_rec_tree, uint64_t prop)
{
	static const struct root_attr none;
	bool prop_rec = (prop & MS_REC) != 0;
	int r = 0;

	if (!is_rec_tree) {
		struct root_attr a = {(m->top.set & ~m->rec.clr) | m->rec.set,
				      m->top.clr | m->rec.clr};
		return a.set | a.clr | prop ? set_attr(fd, false, &a, prop) : 0;
	}
	if (m->top.set | m->top.clr | (prop_rec ? 0 : prop))
		r = set_attr(fd, false, &m->top, prop_rec ? 0 : prop);
	if (r == 0 && (m->rec.set | m->rec.clr | (prop_rec ? prop : 0)))
		r = set_attr(fd, true, prop_rec || (m->rec.set | m->rec.clr) ? &m->rec : &none,
			     prop_rec ? prop : 0);
	return r;
}

int root_attr_locked(const struct root_mount *m, struct err *e)
{
	return root_mount_fail(
		m, -EPERM,
		"a flag that the options clear is locked by the mount namespace of the source", e);
}

int root_attr_apply(int fd, const struct root_mount *m, bool is_rec_tree, uint64_t default_prop,
		    struct err *e)
{
	static const struct root_attr none;
	int r = set_attrs(fd, m, is_rec_tree, m->n_prop ? m->prop[0] : default_prop);

	for (size_t i = 1; r == 0 && i < m->n_prop; i++)
		r = set_attr(fd, is_rec_tree && (m->prop[i] & MS_REC), &none, m->prop[i]);
	if (r == 0)
		return 0;
	if (r == -EPERM && (m->top.clr | m->rec.clr))
		return root_attr_locked(m, e);
	return root_mount_fail(m, r, "setting its flags", e);
}

unsigned root_attr_fresh(const struct root_mount *m)
{
	return (unsigned)((m->top.set & ~m->rec.clr) | m->rec.set);
}

int root_attach_tree(int tree_fd, int target_fd)
{
	return sys_move_mount(tree_fd, "", target_fd, "",
			      MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

static bool is_dir(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

bool root_is_itself(const struct root_plan *p, const struct stat *st)
{
	return st->st_dev == p->root_dev && st->st_ino == p->root_ino;
}

/* From now on `fd` resolves every path of the container. */
static int take_root(struct root_plan *p, int *fd, struct err *e)
{
	struct stat st;

	if (fstat(*fd, &st) < 0)
		return err_sys(e, errno, "root.path: read the attached root");
	p->root_dev = st.st_dev;
	p->root_ino = st.st_ino;
	fd_replace(&p->root_fd, fd_take(fd));
	return 0;
}

int root_mount_attach(struct root_plan *p, const struct root_mount *m, int *tree_fd, int target_fd,
		      struct err *e)
{
	int r = root_attach_tree(*tree_fd, target_fd);

	if (r < 0 && is_dir(*tree_fd) != is_dir(target_fd))
		return root_mount_fail(m, -ENOTDIR,
				       is_dir(*tree_fd) ? "a directory cannot be mounted on a file"
							: "a file cannot be mounted on a directory",
				       e);
	if (r < 0)
		return root_mount_fail(m, r, NULL, e);
	return str_eq(m->dest, "/") ? take_root(p, tree_fd, e) : 0;
}

/* ---- in the parent ---- */

static int open_rootfs(struct root_plan *p, struct err *e)
{
	const char *path = p->conf->root->path;
	char link[FD_PROC_MAX], real[4096];
	struct stat st;
	AUTO_FD fd = openat(p->host.bundle_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(e, errno, "root.path: \"%s\"", path);
	ssize_t n = readlink(fd_proc_path(fd, link), real, sizeof(real) - 1);
	if (n < 0)
		return err_sys(e, errno, "root.path: \"%s\": its real path", path);
	real[n] = '\0';
	if ((size_t)n == sizeof(real) - 1 || real[0] != '/' || fstat(fd, &st) < 0)
		return err_set(e, ERR_INPUT, ENAMETOOLONG, "root.path: \"%s\": has no real path",
			       path);
	if (str_eq(real, "/"))
		return err_set(e, ERR_INPUT, EINVAL,
			       "root.path: the host's own root cannot be the root of a container");
	p->path = arena_strndup(p->arena, real, (size_t)n);
	p->root_dev = st.st_dev;
	p->root_ino = st.st_ino;
	p->rootfs_fd = fd_take(&fd);
	return 0;
}

/* The propagation that the rootfs has until it is sealed: nothing made in it may reach the host. */
static uint64_t early_propagation(const struct root_plan *p)
{
	const struct opt_enum *v = &p->conf->linux_->rootfs_propagation;

	return v->has && (v->v == SPEC_PROP_SLAVE || v->v == SPEC_PROP_RSLAVE) ? MS_SLAVE
									       : MS_PRIVATE;
}

static int clone_rootfs(const struct root_plan *p, int dir_fd, int *ret_fd, struct err *e)
{
	struct mount_attr attr = {.propagation = early_propagation(p)};
	AUTO_FD fd = sys_open_tree(
		dir_fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_EMPTY_PATH);
	int r;

	if (fd == -ENOSYS)
		return root_call_fail(fd, "open_tree", "root.path", e);
	if (fd < 0)
		return err_sys(e, fd, "root.path: clone the mount of \"%s\"", p->path);
	r = sys_mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr));
	if (r < 0)
		return root_call_fail(r, "mount_setattr",
				      "root.path: detach its clone from the host's mounts", e);
	*ret_fd = fd_take(&fd);
	return 0;
}

int root_plan_tree(struct root_plan *p, size_t i, int *ret_fd, struct err *e)
{
	const struct root_mount *m = &p->mounts[i];
	AUTO_FD fd = FD_NONE;
	int r = i < p->n_mounts && m->is_wanted
			? root_bind_open(p, m, &fd, e)
			: err_set(e, ERR_BUG, EINVAL, "mount %zu wanted", i);

	if (r == 0 && m->is_idmap)
		r = root_idmap_apply(p, m, fd, e);
	if (r == 0)
		*ret_fd = fd_take(&fd);
	return r;
}

size_t root_plan_n_wanted(const struct root_plan *p)
{
	return p->n_wanted;
}

void root_plan_fetcher(struct root_plan *p,
		       int (*fetch)(void *ctx, size_t i, int *ret_fd, struct err *e), void *ctx)
{
	p->fetch = fetch;
	p->fetch_ctx = ctx;
}

static size_t trees_max(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) < 0 || lim.rlim_cur / 4 >= PARENT_TREES_MAX)
		return PARENT_TREES_MAX;
	return (size_t)lim.rlim_cur / 4;
}

int root_plan_open(struct root_plan *p, struct err *e)
{
	bool is_for_child = p->is_new_userns && p->host.is_privileged;
	size_t n_open = 0, max = 16;
	int r = open_rootfs(p, e);

	/* Mapped root may not reach host directories of mode 0700, and would get locked flags. */
	if (r == 0 && is_for_child)
		r = clone_rootfs(p, p->rootfs_fd, &p->clone_fd, e);
	if (r == 0 && is_for_child && !p->is_dev_bind)
		r = root_devnodes_open(p, e);
	if (r == 0 && p->host.view)
		root_view_open(p);
	for (size_t i = 0; r == 0 && i < p->n_mounts; i++) {
		struct root_mount *m = &p->mounts[i];

		if (m->kind != ROOT_BIND || m->is_copy_symlink || m->is_view)
			continue;
		if (!m->is_idmap && !is_for_child)
			continue;
		if (n_open == 16)
			max = trees_max();
		if (n_open++ >= max) {
			m->is_wanted = true;
			p->n_wanted++;
			continue;
		}
		r = root_bind_open(p, m, &m->tree_fd, e);
		if (r < 0 && m->is_optional) {
			/* The directory of sd_notify's socket is made later, below one that is
			 * root's alone: the child asks when it is there. */
			err_clear(e);
			m->is_wanted = true;
			p->n_wanted++;
			r = 0;
			continue;
		}
		if (r == 0 && m->is_idmap)
			r = root_idmap_apply(p, m, m->tree_fd, e);
	}
	return r;
}

void root_plan_close(struct root_plan *p)
{
	auto_fd_done(&p->rootfs_fd);
	auto_fd_done(&p->clone_fd);
	auto_fd_done(&p->root_fd);
	auto_fd_done(&p->null_fd);
	auto_fd_done(&p->host_proc_fd);
	for (size_t i = 0; i < p->n_mounts; i++) {
		auto_fd_done(&p->mounts[i].tree_fd);
		auto_fd_done(&p->mounts[i].target_fd);
	}
	for (size_t i = 0; i < p->n_devices; i++)
		auto_fd_done(&p->devices[i].tree_fd);
}

/* ---- in the child ---- */

/*
 * The mount namespace is a copy whose shared mounts still send events to the host. Private when
 * nobody wants events, slave when some mount does; with rootfsPropagation "shared" they stay, and
 * the mount below the rootfs becomes private instead (see private_parent).
 */
static int own_propagation(const struct root_plan *p, struct err *e)
{
	struct mount_attr attr = {.propagation = p->wants_events ? MS_SLAVE : MS_PRIVATE};
	int r;

	if (p->is_shared)
		return 0;
	r = sys_mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &attr, sizeof(attr));
	if (r == -EINVAL)
		return err_set(
			e, ERR_STATE, EINVAL,
			"detach from the host's mounts: \"/\" is not a mount point (chroot)");
	return r < 0 ? root_call_fail(r, "mount_setattr", "detach from the host's mounts", e) : 0;
}

/* Sources that must keep their peers are taken before private_parent() cuts the mount they lie on.
 */
static int open_event_binds(struct root_plan *p, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->n_mounts; i++) {
		struct root_mount *m = &p->mounts[i];

		if (m->kind == ROOT_BIND && !m->is_copy_symlink && m->tree_fd < 0 && m->n_prop &&
		    (m->prop[0] & (MS_SHARED | MS_SLAVE)))
			r = root_bind_open(p, m, &m->tree_fd, e);
	}
	return r;
}

/* Makes the mount that holds `dir_fd` private: mount_setattr takes a mount's root only, so walk up.
 */
static int private_parent(int dir_fd, struct err *e)
{
	struct mount_attr attr = {.propagation = MS_PRIVATE};
	AUTO_FD fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 3);

	for (int depth = 0; fd >= 0 && depth < 4096; depth++) {
		int r = sys_mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr));

		if (r != -EINVAL)
			return r < 0 ? err_sys(e, r, "make the mount below the rootfs private") : 0;
		fd_replace(&fd, openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC));
	}
	return err_set(e, ERR_KERNEL, EINVAL, "make the mount below the rootfs private: not found");
}

static int private_all(struct err *e)
{
	struct mount_attr attr = {.propagation = MS_PRIVATE};
	int r = sys_mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &attr, sizeof(attr));

	return r < 0 ? err_sys(e, r, "detach from the host's mounts") : 0;
}

/* The rootfs directory in the child's own copy of the mounts, the same one that the parent saw. */
static int open_own_rootfs(const struct root_plan *p, int *ret_fd, struct err *e)
{
	struct stat st;
	AUTO_FD fd = openat(AT_FDCWD, p->path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	/* Unreachable for mapped root: then the clone may as well lie on "/" until the pivot. */
	if (fd < 0 && errno == EACCES && p->clone_fd >= 0) {
		fd = openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return err_sys(e, errno, "open \"/\"");
		*ret_fd = fd_take(&fd);
		return 0;
	}
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, errno, "root.path: \"%s\"", p->path);
	if (!root_is_itself(p, &st))
		return err_set(e, ERR_STATE, ESTALE, "root.path: \"%s\" was replaced meanwhile",
			       p->path);
	*ret_fd = fd_take(&fd);
	return 0;
}

int root_attach_at(struct root_plan *p, int at_fd, struct err *e)
{
	AUTO_FD dir_fd = FD_NONE;
	int r = open_own_rootfs(p, &dir_fd, e);

	if (r == 0 && p->clone_fd < 0)
		r = clone_rootfs(p, dir_fd, &p->clone_fd, e);
	if (r < 0)
		return r;
	r = root_attach_tree(p->clone_fd, at_fd);
	return r < 0 ? root_call_fail(r, "move_mount", "root.path: attach its clone", e)
		     : take_root(p, &p->clone_fd, e);
}

int root_attach(struct root_plan *p, struct err *e)
{
	AUTO_FD dir_fd = FD_NONE;
	int r = own_propagation(p, e);

	if (r == 0)
		r = open_own_rootfs(p, &dir_fd, e);
	if (r == 0 && p->is_shared)
		r = open_event_binds(p, e);
	/* Without a pivot the root is moved onto "/", which must not travel to a host that shares
	 * it (runc #1961). What keeps its peers is a tree of its own by now. */
	if (r == 0 && p->is_shared)
		r = p->host.no_pivot ? private_all(e) : private_parent(dir_fd, e);
	if (r == 0 && p->clone_fd < 0)
		r = clone_rootfs(p, dir_fd, &p->clone_fd, e);
	if (r < 0)
		return r;
	r = root_attach_tree(p->clone_fd, dir_fd);
	if (r < 0)
		return root_call_fail(r, "move_mount", "root.path: attach its clone", e);
	/* Attached, the clone is an ordinary mount whose root resolves every path of the container.
	 */
	auto_fd_done(&p->rootfs_fd);
	r = take_root(p, &p->clone_fd, e);
	return r < 0 ? r : root_mask_prepare(p, e);
}

static int mount_one(struct root_plan *p, struct root_mount *m, struct err *e)
{
	switch (m->kind) {
	case ROOT_BIND:
	case ROOT_REMOUNT:
		return root_bind_mount(p, m, e);
	case ROOT_CGROUP:
		return root_cgroup_mount(p, m, e);
	case ROOT_PROC:
	case ROOT_SYSFS:
	case ROOT_TMPFS:
	case ROOT_DEVPTS:
	case ROOT_MQUEUE:
	case ROOT_FS:
		return root_special_mount(p, m, e);
	case ROOT_KIND_N:
		break;
	}
	return err_set(e, ERR_BUG, EINVAL, "mounts[%zu]: planned without a kind", m->index);
}

int root_mount_all(struct root_plan *p, struct err *e)
{
	/* Modes of what is made in the container are the config's, whatever the caller's umask. */
	mode_t mask = umask(0);
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->n_mounts; i++) {
		struct root_mount *m = &p->mounts[i];

		r = mount_one(p, m, e);
		if (r < 0 && m->is_optional) {
			log_debug("%s: left out", e->text);
			err_clear(e);
			r = 0;
		}
	}
	umask(mask);
	return r;
}
