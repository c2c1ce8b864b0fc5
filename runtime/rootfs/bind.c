/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/rootfs/bind: bind mounts: the source as a detached tree with its final flags (P3), then
 * onto the mount point; copied symlinks; remounts. It must not resolve container paths itself
 * (target.c). Called by attach.c, in the parent for sources that only it can open, else in the
 * child.
 */
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include "base/path.h"
#include "runtime/rootfs/plan.h"
#include "base/ban.h"

/* Inode number of a procfs's root (fs/proc/root.c, PROC_ROOT_INO). */
#define PROC_ROOT_INO 1

static int check_proc_source(const struct root_mount *m, int fd, struct err *e)
{
	struct statfs fs;
	struct stat st;

	if (fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC && fstat(fd, &st) == 0 &&
	    st.st_ino == PROC_ROOT_INO)
		return 0;
	return root_mount_fail(m, -EINVAL, "only a proc file system may be mounted on /proc", e);
}

static const char *source_hint(int r, bool is_rec)
{
	if (r == -ENOENT)
		return "the source does not exist";
	if (r == -EINVAL && !is_rec)
		return "the source has mounts below it that this namespace may not uncover: use "
		       "rbind";
	return "opening the source";
}

/* The flags that a mount of another user namespace keeps for good (MNT_LOCK_*, fs/namespace.c). */
static uint64_t lockable(int fd)
{
	static const struct {
		unsigned long flag;
		uint64_t attr;
	} rows[] = {{ST_RDONLY, MOUNT_ATTR_RDONLY},
		    {ST_NOSUID, MOUNT_ATTR_NOSUID},
		    {ST_NODEV, MOUNT_ATTR_NODEV},
		    {ST_NOEXEC, MOUNT_ATTR_NOEXEC}};
	struct statvfs fs;
	uint64_t attr = 0;

	if (fstatvfs(fd, &fs) < 0)
		return 0;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (fs.f_flag & rows[i].flag)
			attr |= rows[i].attr;
	return attr;
}

/*
 * The flags of the options, and without those of the source that they do not name (M08). In a user
 * namespace the source's are locked: what is not named stays, what is to be cleared is refused. The
 * parent, which opens the source for a new one, has the right to clear them, so it looks itself; a
 * read-only file system, other than a read-only mount, looks the same afterwards.
 */
static int apply_flags(const struct root_plan *p, const struct root_mount *m, int fd,
		       uint64_t default_prop, struct err *e)
{
	const uint64_t never_locked = MOUNT_ATTR_NOSYMFOLLOW;
	struct root_mount as = *m;
	bool is_checked = p->is_new_userns && p->root_fd < 0 && (m->top.clr | m->rec.clr);
	uint64_t before = is_checked ? lockable(fd) & (m->top.clr | m->rec.clr) : 0;
	int r;

	as.top.clr |= p->has_userns ? m->implied_clr & never_locked : m->implied_clr;
	r = root_attr_apply(fd, &as, m->is_rec, default_prop, e);
	if (r == -EPERM && as.top.clr != m->top.clr) {
		/* Inside of another container: locked as well. */
		err_clear(e);
		as.top.clr = m->top.clr;
		r = root_attr_apply(fd, &as, m->is_rec, default_prop, e);
	}
	if (r < 0 || !before || !(before & ~lockable(fd)))
		return r;
	return root_attr_locked(m, e);
}

int root_bind_open(const struct root_plan *p, const struct root_mount *m, int *ret_tree_fd,
		   struct err *e)
{
	unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
	uint64_t default_prop = 0;

	if (m->is_rec)
		flags |= AT_RECURSIVE;
	if (m->is_src_nofollow)
		flags |= AT_SYMLINK_NOFOLLOW;
	AUTO_FD fd = sys_open_tree(AT_FDCWD, m->host_path, flags);
	if (fd < 0)
		return root_mount_fail(m, fd, source_hint(fd, m->is_rec), e);
	/* In the child the whole namespace is private already, unless somebody wants events. */
	if (p->root_fd < 0 || p->wants_events)
		default_prop = MS_PRIVATE | (m->is_rec ? MS_REC : 0);
	int r = apply_flags(p, m, fd, default_prop, e);
	if (r == 0 && str_eq(m->dest, "/proc"))
		r = check_proc_source(m, fd, e);
	if (r < 0)
		return r;
	*ret_tree_fd = fd_take(&fd);
	return 0;
}

/* The source is a symlink and the config wants a copy of it. Return: 1 done, 0 not a link, or < 0.
 */
static int copy_symlink(const struct root_plan *p, const struct root_mount *m, struct err *e)
{
	char text[PATH_MAX], name[NAME_MAX + 1];
	ssize_t n = readlink(m->host_path, text, sizeof(text) - 1);

	if (n < 0)
		return errno == EINVAL ? 0 : root_mount_fail(m, -errno, "reading the source", e);
	text[n] = '\0';
	AUTO_FD dir_fd = path_parent_in(p->root_fd, m->dest, true, name);
	if (dir_fd < 0)
		return root_mount_fail(m, dir_fd, "making the link's directory", e);
	if (symlinkat(text, dir_fd, name) == 0)
		return 1;
	if (errno == EEXIST) {
		char old[PATH_MAX];
		ssize_t k = readlinkat(dir_fd, name, old, sizeof(old));

		if (k == n && memcmp(old, text, (size_t)n) == 0)
			return 1;
		return root_mount_fail(m, -EEXIST, "another file is where the link should be", e);
	}
	return root_mount_fail(m, -errno, "making the link", e);
}

/* New flags for a mount that is there. Its superblock, maybe the host's, is not touched but for a
 * tmpfs that the config has made there (plan_options.c). */
static int remount(struct root_plan *p, struct root_mount *m, struct err *e)
{
	const struct root_fs fs = {
		.type = "tmpfs", .data = m->data, .n_data = m->n_data, .sb = m->sb};
	char log_text[200];
	AUTO_FD fd = path_open_in(p->root_fd, m->dest, O_PATH);

	if (fd < 0)
		return root_mount_fail(m, fd, "the mount point cannot be opened", e);
	int r = m->remount_of ? root_fs_reconfigure(&fs, m->remount_of->tree_fd, log_text,
						    sizeof(log_text))
			      : 0;
	if (r < 0)
		return root_mount_fail(m, r, log_text[0] ? log_text : "new options", e);
	return root_attr_apply(fd, m, true, 0, e);
}

int root_bind_mount(struct root_plan *p, struct root_mount *m, struct err *e)
{
	AUTO_FD target_fd = FD_NONE;
	bool existed;
	int r = 0;

	if (m->kind == ROOT_REMOUNT)
		return remount(p, m, e);
	if (m->is_copy_symlink) {
		r = copy_symlink(p, m, e);
		if (r != 0)
			return r < 0 ? r : 0;
	}
	if (m->is_wanted)
		r = p->fetch(p->fetch_ctx, (size_t)(m - p->mounts), &m->tree_fd, e);
	else if (m->tree_fd < 0)
		r = root_bind_open(p, m, &m->tree_fd, e);
	if (r == 0)
		r = root_target_open(p, m, m->tree_fd, &target_fd, &existed, e);
	if (r == 0)
		r = root_mount_attach(p, m, &m->tree_fd, target_fd, e);
	auto_fd_done(&m->tree_fd);
	return r;
}
