/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/rootfs/pivot: makes the attached root the process's root and lets go of the host's, then
 * seals it: masked and read-only paths, propagation, read-only root. Called by runtime/init in the
 * child.
 */
#include "base/sys.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/mount.h>
#include "base/path.h"
#include "runtime/rootfs/plan.h"
#include "base/ban.h"

/* The old root lies on top of the new one after pivot_root(".", "."): man 2 pivot_root. */
static int drop_old_root(const struct root_plan *p, int old_fd, struct err *e)
{
	struct mount_attr slave = {.propagation = MS_SLAVE};

	if (p->is_shared) {
		/* Else the unmount below would travel to the host. */
		int r = sys_mount_setattr(old_fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &slave,
					  sizeof(slave));
		if (r < 0)
			return err_sys(e, r, "detach the old root");
		if (fchdir(old_fd) < 0)
			return err_sys(e, errno, "enter the old root");
	}
	if (umount2(".", MNT_DETACH) < 0)
		return err_sys(e, errno, "let go of the old root");
	return 0;
}

static int pivot(const struct root_plan *p, struct err *e)
{
	AUTO_FD old_fd = FD_NONE;

	if (p->is_shared) {
		old_fd = openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (old_fd < 0)
			return err_sys(e, errno, "open \"/\"");
	}
	int r = sys_pivot_root(".", ".");
	if (r == -EINVAL)
		return err_sys(e, r, "pivot_root (on an initramfs use --no-pivot)");
	if (r < 0)
		return err_sys(e, r, "pivot_root");
	return drop_old_root(p, old_fd, e);
}

/* For a root that cannot be pivoted away (initramfs). */
static int move_over(const struct root_plan *p, struct err *e)
{
	/* With chroot alone an uncovered procfs or sysfs of the host would stay reachable for who
	 * may chroot again, and let a user namespace mount a full one. */
	if (umount2("/proc", MNT_DETACH) == 0)
		umount2("/sys", MNT_DETACH);
	int r = sys_move_mount(p->root_fd, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH);
	if (r < 0)
		return err_sys(e, r, "move the root over \"/\"");
	if (chroot(".") < 0)
		return err_sys(e, errno, "chroot");
	return 0;
}

int root_chdir(const struct root_plan *p, struct err *e)
{
	return fchdir(p->root_fd) < 0 ? err_sys(e, errno, "enter the root") : 0;
}

int root_pivot(struct root_plan *p, struct err *e)
{
	int r = root_chdir(p, e);

	if (r < 0)
		return r;
	r = p->host.no_pivot ? move_over(p, e) : pivot(p, e);
	if (r < 0)
		return r;
	return chdir("/") < 0 ? err_sys(e, errno, "chdir \"/\"") : 0;
}

/* One of very many: its fd was given up, its id not. */
static int find_again(const struct root_plan *p, struct root_mount *m, struct err *e)
{
	uint64_t id = 0;
	AUTO_FD fd = path_open_in(p->root_fd, m->dest, O_PATH);
	int r = fd < 0 ? fd : sys_mount_id(fd, &id);

	if (r == 0 && id == m->id) {
		m->tree_fd = fd_take(&fd);
		return 0;
	}
	return root_mount_fail(m, r < 0 ? r : -ESTALE,
			       "making it read-only: it was moved or covered", e);
}

static int seal_tmpfs(struct root_plan *p, struct err *e)
{
	struct mount_attr ro = {.attr_set = MOUNT_ATTR_RDONLY};

	for (size_t i = 0; i < p->n_mounts; i++) {
		struct root_mount *m = &p->mounts[i];

		if (!m->is_ro_late || (m->tree_fd < 0 && !m->id))
			continue;
		/* Below a later mount nobody reaches it. */
		if (m->tree_fd < 0 && root_plan_is_covered(p, i))
			continue;
		if (m->tree_fd < 0 && find_again(p, m, e) < 0)
			return -e->code;
		int r = sys_mount_setattr(m->tree_fd, "", AT_EMPTY_PATH, &ro, sizeof(ro));
		if (r < 0)
			return root_mount_fail(m, r, "making it read-only", e);
		auto_fd_done(&m->tree_fd);
	}
	return 0;
}

/* Private and slave were there from the start (attach.c); the rest would have leaked meanwhile. */
static int seal_propagation(const struct root_plan *p, struct err *e)
{
	const struct opt_enum *v = &p->conf->linux_->rootfs_propagation;
	struct mount_attr attr = {0};
	bool is_rec = false;

	if (!v->has)
		return 0;
	switch ((enum spec_propagation)v->v) {
	case SPEC_PROP_RSHARED:
		is_rec = true;
		__attribute__((fallthrough));
	case SPEC_PROP_SHARED:
		attr.propagation = MS_SHARED;
		break;
	case SPEC_PROP_RUNBINDABLE:
		is_rec = true;
		__attribute__((fallthrough));
	case SPEC_PROP_UNBINDABLE:
		attr.propagation = MS_UNBINDABLE;
		break;
	case SPEC_PROP_SLAVE:
	case SPEC_PROP_PRIVATE:
	case SPEC_PROP_RSLAVE:
	case SPEC_PROP_RPRIVATE:
	case SPEC_PROP_N:
		return 0;
	}
	int r = sys_mount_setattr(p->root_fd, "", AT_EMPTY_PATH | (is_rec ? AT_RECURSIVE : 0),
				  &attr, sizeof(attr));
	return r < 0 ? err_sys(e, r, "linux.rootfsPropagation") : 0;
}

int root_seal(struct root_plan *p, struct err *e)
{
	struct mount_attr ro = {.attr_set = MOUNT_ATTR_RDONLY};
	int r = root_mask_apply(p, e);

	if (r == 0)
		r = seal_tmpfs(p, e);
	if (r == 0)
		r = seal_propagation(p, e);
	if (r < 0 || !p->conf->root->readonly.v)
		return r;
	r = sys_mount_setattr(p->root_fd, "", AT_EMPTY_PATH, &ro, sizeof(ro));
	return r < 0 ? err_sys(e, r, "root.readonly") : 0;
}
