/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/rootfs/mask: maskedPaths and readonlyPaths (conformance L04, L05). What covers a path is
 * made by us or opened from the host before the pivot, never an inode of the container (security.md
 * C5): one empty read-only tmpfs for all directories, the host's null device for all files. Called
 * by attach.c and pivot.c in the child.
 */
#include "base/sys.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/sysmacros.h>
#include "base/path.h"
#include "runtime/rootfs/plan.h"
#include "base/ban.h"

#define CLONE_FLAGS (OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH)

int root_mask_prepare(struct root_plan *p, struct err *e)
{
	struct stat st;

	if (p->masked.n == 0)
		return 0;
	AUTO_FD fd = sys_open_tree(AT_FDCWD, "/dev/null",
				   OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);
	if (fd < 0)
		return err_sys(e, fd, "linux.maskedPaths: the host's \"/dev/null\"");
	if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
		return err_set(
			e, ERR_STATE, ENODEV,
			"linux.maskedPaths: the host's \"/dev/null\" is not the null device");
	p->null_fd = fd_take(&fd);
	return 0;
}

/* One of the two covers. The first use attaches it; later ones clone it from there, since a mount
 * that is still detached can only be cloned from 6.15 on. */
struct cover {
	int fd; /* owned */
	bool is_attached;
};
struct covers {
	struct cover dir, file;
};
static void covers_done(struct covers *c)
{
	auto_fd_done(&c->dir.fd);
	auto_fd_done(&c->file.fd);
}

static int make_empty_dir(int *ret_fd)
{
	/* Nothing can be written to it; the caps are for the kernel's own accounting. */
	static const struct root_data data[] = {
		{"mode", "0555"}, {"nr_inodes", "2"}, {"size", "4k"}};
	struct root_fs fs = {.type = "tmpfs",
			     .source = "tmpfs",
			     .data = data,
			     .n_data = 3,
			     .attr = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
				     MOUNT_ATTR_NOEXEC};

	return root_fs_make(&fs, ret_fd, NULL, 0);
}

static int cover_with(struct cover *c, int target_fd)
{
	int r;

	if (c->is_attached) {
		AUTO_FD fd = sys_open_tree(c->fd, "", CLONE_FLAGS);
		return fd < 0 ? fd : root_attach_tree(fd, target_fd);
	}
	r = root_attach_tree(c->fd, target_fd);
	c->is_attached = r == 0;
	return r;
}

static int mask_one(const struct root_plan *p, struct covers *c, const char *path)
{
	struct stat st;
	int r = 0;
	AUTO_FD fd = path_open_in(p->root_fd, path, O_PATH);

	/* A path below a file cannot be read either. */
	if (fd == -ENOENT || fd == -ENOTDIR)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return fd < 0 ? fd : -errno;
	if (root_is_itself(p, &st))
		return -EINVAL;
	if (!S_ISDIR(st.st_mode))
		return cover_with(&c->file, fd);
	if (c->dir.fd < 0)
		r = make_empty_dir(&c->dir.fd);
	return r < 0 ? r : cover_with(&c->dir, fd);
}

static int readonly_one(const struct root_plan *p, const char *path)
{
	struct stat st;
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
	AUTO_FD fd = path_open_in(p->root_fd, path, O_PATH);

	if (fd == -ENOENT || fd == -ENOTDIR)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return fd < 0 ? fd : -errno;
	if (root_is_itself(p, &st))
		return -EINVAL;
	/* The other flags of the mounts stay; what is mounted below becomes read-only as well. */
	AUTO_FD tree_fd = sys_open_tree(fd, "", CLONE_FLAGS | AT_RECURSIVE);
	if (tree_fd < 0)
		return tree_fd;
	int r = sys_mount_setattr(tree_fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr));
	return r < 0 ? r : root_attach_tree(tree_fd, fd);
}

int root_mask_apply(struct root_plan *p, struct err *e)
{
	AUTO(covers) c = {{FD_NONE, false}, {fd_take(&p->null_fd), false}};

	for (size_t i = 0; i < p->readonly.n; i++) {
		int r = readonly_one(p, p->readonly.v[i]);
		if (r < 0)
			return err_sys(e, r, "linux.readonlyPaths[%zu]: \"%s\"", i,
				       p->readonly.v[i]);
	}
	for (size_t i = 0; i < p->masked.n; i++) {
		int r = mask_one(p, &c, p->masked.v[i]);
		if (r < 0)
			return err_sys(e, r, "linux.maskedPaths[%zu]: \"%s\"", i, p->masked.v[i]);
	}
	return 0;
}
