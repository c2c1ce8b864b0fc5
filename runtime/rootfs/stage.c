/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/rootfs/stage: lays out what CRIU restores a container's mounts from (rootfs.h, "stage").
 * Sources come from the config alone: an image says which mount it wants, never from where. Called
 * by runtime/life, in the child that becomes criu; root_stage_source() in the parent.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include "base/path.h"
#include "base/sys.h"
#include "runtime/rootfs/plan.h"
#include "base/ban.h"

static bool has_source(const struct root_mount *m)
{
	return (m->kind == ROOT_BIND && !m->is_copy_symlink) || m->kind == ROOT_CGROUP;
}

static bool is_masked(const struct root_plan *p, const char *path)
{
	for (size_t i = 0; i < p->masked.n; i++)
		if (str_eq(p->masked.v[i], path))
			return true;
	return false;
}

/* With a user namespace nodes are bound: those that were made for it, else the host's. */
static const char *device_source(const struct root_plan *p, const char *dir, const char *from)
{
	struct stat st;

	for (size_t i = 0; p->is_new_userns && i < p->n_devices; i++) {
		const struct root_device *d = &p->devices[i];

		if (!str_eq(d->path, from))
			continue;
		if (d->tree_fd >= 0)
			return arena_printf(p->arena, "%s/d%zu", dir, i);
		return stat(d->path, &st) == 0 && (st.st_mode & S_IFMT) == (d->mode & S_IFMT) &&
				       st.st_rdev == d->rdev
			       ? d->path
			       : NULL;
	}
	return NULL;
}

const char *root_stage_source(const struct root_plan *p, const char *dir, const char *from,
			      const char *below)
{
	char clean[4096];

	/* It goes into a path: nothing of it may lead elsewhere. */
	if (*below && (path_clean(below, clean, sizeof(clean)) < 0 || !str_eq(below, clean)))
		return NULL;
	for (size_t i = p->n_mounts; i-- > 0;)
		if (str_eq(p->mounts[i].dest, from))
			return has_source(&p->mounts[i])
				       ? arena_printf(p->arena, "%s/%zu%s", dir, i, below)
				       : NULL;
	if (str_eq(from, "/"))
		return arena_printf(p->arena, "%s/" ROOT_STAGE_ROOT "%s", dir, below);
	if (*below)
		return NULL;
	return is_masked(p, from) ? "/dev/null" : device_source(p, dir, from);
}

static bool is_dir(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

static int place(int dir_fd, const char *name, int tree_fd)
{
	AUTO_FD at = is_dir(tree_fd) ? path_mkdirs_in(dir_fd, name, 0755)
				     : path_mkfile_in(dir_fd, name, 0644);

	return at < 0 ? at : root_attach_tree(tree_fd, at);
}

/* What is mounted on another mount of the config has its mount point there. */
static bool is_on_root(const struct root_plan *p, size_t i)
{
	for (size_t k = 0; k < i; k++) {
		const char *below = str_after(p->mounts[i].dest, p->mounts[k].dest);

		if (below && *below == '/')
			return false;
	}
	return p->mounts[i].index != ROOT_NO_INDEX && !str_eq(p->mounts[i].dest, "/");
}

static int stage_one(struct root_plan *p, int dir_fd, size_t i, struct err *e)
{
	struct root_mount *m = &p->mounts[i];
	AUTO_FD tree_fd = fd_take(&m->tree_fd);
	AUTO_FD target_fd = FD_NONE;
	char name[24];
	bool existed;
	int r = 0;

	if (m->kind == ROOT_CGROUP)
		r = root_cgroup_make(p, m, &tree_fd, e);
	else if (has_source(m) && tree_fd < 0)
		r = root_bind_open(p, m, &tree_fd, e);
	if (r < 0 && m->is_optional) {
		err_clear(e);
		return 0;
	}
	if (r == 0 && is_on_root(p, i) && m->kind != ROOT_REMOUNT && !m->is_copy_symlink)
		r = root_target_open(p, m, tree_fd, &target_fd, &existed, e);
	if (r < 0 || tree_fd < 0)
		return r;
	snprintf(name, sizeof(name), "%zu", i);
	r = place(dir_fd, name, tree_fd);
	return r < 0 ? root_mount_fail(m, r, "keeping its source for the restore", e) : 0;
}

static int stage_device(const struct root_plan *p, int dir_fd, size_t i, struct err *e)
{
	const struct root_device *d = &p->devices[i];
	char name[24];

	if (d->tree_fd < 0)
		return 0;
	snprintf(name, sizeof(name), "d%zu", i);
	int r = place(dir_fd, name, d->tree_fd);

	return r < 0 ? err_sys(e, r, "keep the device \"%s\" for the restore", d->path) : 0;
}

/* In the caller's own mount namespace, of which nothing may reach the host. */
static int cover(const char *dir, bool is_open, int *ret_fd, struct err *e)
{
	const struct root_data data[] = {{"mode", is_open ? "1777" : "0700"}};
	struct root_fs fs = {.type = "tmpfs", .source = "stiva", .data = data, .n_data = 1};
	struct mount_attr attr = {.propagation = MS_PRIVATE};
	AUTO_FD tree_fd = FD_NONE;
	AUTO_FD at = open(dir, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int r = at < 0 ? -errno
		       : sys_mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &attr, sizeof(attr));

	if (r == 0)
		r = root_fs_make(&fs, &tree_fd, NULL, 0);
	if (r == 0)
		r = root_attach_tree(tree_fd, at);
	if (r < 0)
		return err_sys(e, r, "make a place for the restore at \"%s\"", dir);
	*ret_fd = fd_take(&tree_fd);
	return 0;
}

/* All of it goes to where everybody may look. */
static int move(int dir_fd, const char *place, struct err *e)
{
	AUTO_FD at = open(place, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r = at < 0 ? -errno : root_attach_tree(dir_fd, at);

	return r < 0 ? err_sys(e, r, "make a place for the restore at \"%s\"", place) : 0;
}

int root_stage(struct root_plan *p, const char *dir, const char *place, struct err *e)
{
	mode_t mask = umask(0);
	AUTO_FD dir_fd = FD_NONE;
	int r = cover(dir, place, &dir_fd, e);

	if (r == 0) {
		AUTO_FD at = path_mkdirs_in(dir_fd, ROOT_STAGE_ROOT, 0755);

		r = at < 0 ? err_sys(e, at, "make a place for the root") : root_attach_at(p, at, e);
	}
	for (size_t i = 0; r == 0 && i < p->n_mounts; i++)
		r = stage_one(p, dir_fd, i, e);
	for (size_t i = 0; r == 0 && i < p->n_devices; i++)
		r = stage_device(p, dir_fd, i, e);
	if (r == 0 && place)
		r = move(dir_fd, place, e);
	umask(mask);
	return r;
}
