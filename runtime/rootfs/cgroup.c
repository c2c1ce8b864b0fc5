/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/rootfs/cgroup: the cgroup file system in the container (conformance M25): cgroup2 anew
 * inside a cgroup namespace of its own, else a bind of the container's own cgroup directory. It
 * must never give options to the one cgroup2 superblock, and mount it only where the kernel ignores
 * them: from the initial cgroup namespace a mount without options would clear nsdelegate for the
 * whole host. Called by attach.c in the child.
 */
#include "base/sys.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <sys/vfs.h>
#include "base/file.h"
#include "base/log.h"
#include "base/path.h"
#include "runtime/rootfs/plan.h"
#include "base/ban.h"

/* Inode of the initial cgroup namespace (include/linux/proc_ns.h, PROC_CGROUP_INIT_INO). */
#define INITIAL_CGROUP_NS 0xEFFFFFFBu

static bool is_own_cgroupns(const struct root_plan *p)
{
	struct stat st;

	if (!p->has_cgroupns)
		return false;
	if (spec_ns_is_new(p->conf, SPEC_NS_CGROUP))
		return true;
	return fstatat(AT_FDCWD, "/proc/self/ns/cgroup", &st, 0) == 0 &&
	       st.st_ino != INITIAL_CGROUP_NS;
}

/* The host's cgroup2 mount, at its place on unified and on hybrid hosts. */
static int open_host_root(void)
{
	static const char *const paths[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct statfs fs;
		AUTO_FD fd = openat(AT_FDCWD, paths[i], O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (fd >= 0 && fstatfs(fd, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
			return fd_take(&fd);
	}
	return -ENOENT;
}

/* "0::/a/b" of the calling process, which is in the container's cgroup by now. */
static int own_path(char *text, size_t n, const char **ret)
{
	int r = file_read_kernel(AT_FDCWD, "/proc/self/cgroup", text, n);

	if (r < 0)
		return r;
	for (char *line = text; *line;) {
		char *end = strchrnul(line, '\n');
		bool is_last = *end == '\0';

		*end = '\0';
		if (str_starts(line, "0::/")) {
			*ret = line + 3;
			return 0;
		}
		line = is_last ? end : end + 1;
	}
	return -ENOENT;
}

static int bind_own(const struct root_plan *p, const struct root_mount *m, int *ret_fd,
		    struct err *e)
{
	struct root_mount as = *m;
	char text[4096];
	const char *path = p->host.cgroup_path;
	int r = 0;

	AUTO_FD root_fd = open_host_root();
	if (root_fd < 0)
		return root_mount_fail(m, root_fd, "the host has no cgroup2 at /sys/fs/cgroup", e);
	if (!path || !path[0])
		r = own_path(text, sizeof(text), &path);
	if (r < 0)
		return root_mount_fail(m, r, "finding the container's own cgroup", e);
	AUTO_FD dir_fd = path_open_in(root_fd, path, O_PATH | O_DIRECTORY);
	if (dir_fd < 0)
		return root_mount_fail(m, dir_fd, "opening the container's own cgroup", e);
	AUTO_FD fd = sys_open_tree(dir_fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	if (fd < 0)
		return root_mount_fail(m, fd, "cloning the container's own cgroup", e);
	/* As clone_host() of special.c: nothing locked is cleared. */
	as.top = (struct root_attr){(m->top.set | m->rec.set) & ~(uint64_t)MOUNT_ATTR__ATIME, 0};
	as.rec = (struct root_attr){0, 0};
	r = root_attr_apply(fd, &as, false, MS_PRIVATE, e);
	if (r < 0)
		return r;
	*ret_fd = fd_take(&fd);
	return 0;
}

int root_cgroup_make(const struct root_plan *p, const struct root_mount *m, int *ret_tree_fd,
		     struct err *e)
{
	struct root_fs fs = {.type = "cgroup2", .source = m->source, .attr = root_attr_fresh(m)};
	AUTO_FD tree_fd = FD_NONE;
	int r = is_own_cgroupns(p) ? root_fs_make(&fs, &tree_fd, NULL, 0) : -EPERM;

	if (r == -EPERM || r == -EBUSY) {
		log_debug("mount \"%s\": bound from the container's own cgroup", m->dest);
		r = bind_own(p, m, &tree_fd, e);
		if (r < 0)
			return r;
	} else if (r < 0) {
		return root_mount_fail(m, r, NULL, e);
	} else if (m->n_prop) {
		struct root_mount as = *m;

		as.top = as.rec = (struct root_attr){0, 0};
		r = root_attr_apply(tree_fd, &as, false, 0, e);
		if (r < 0)
			return r;
	}
	*ret_tree_fd = fd_take(&tree_fd);
	return 0;
}

int root_cgroup_mount(struct root_plan *p, struct root_mount *m, struct err *e)
{
	AUTO_FD target_fd = FD_NONE;
	AUTO_FD tree_fd = FD_NONE;
	bool existed;
	int r = root_target_open(p, m, FD_NONE, &target_fd, &existed, e);

	if (r == 0)
		r = root_cgroup_make(p, m, &tree_fd, e);
	return r < 0 ? r : root_mount_attach(p, m, &tree_fd, target_fd, e);
}
