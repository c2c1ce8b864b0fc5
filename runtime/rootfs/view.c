/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/rootfs/view: files of lxcfs over those of /proc and /sys, so that programs see the
 * container's limits where they look for the machine's. Owns the list, and who has precedence: a
 * masked path, a mount of the config. What is not there is left out, and never an error. It must
 * not know how lxcfs is found (lxcfs.c). Called by plan.c and attach.c in the parent.
 */
#include "base/log.h"
#include "runtime/rootfs/plan.h"
#include "base/ban.h"

#define FLAGS (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

/* The same paths in lxcfs and in the container. Pressure file by file: the kernel has others. An
 * lxcfs without the whole directory of CPUs has the list of them (before 4.0.9). */
static const struct root_lxcfs_file files[] = {
	{"/proc/cpuinfo", NULL},
	{"/proc/diskstats", NULL},
	{"/proc/loadavg", NULL},
	{"/proc/meminfo", NULL},
	{"/proc/slabinfo", NULL},
	{"/proc/stat", NULL},
	{"/proc/swaps", NULL},
	{"/proc/uptime", NULL},
	{"/proc/pressure/cpu", NULL},
	{"/proc/pressure/io", NULL},
	{"/proc/pressure/memory", NULL},
	{"/sys/devices/system/cpu", "/sys/devices/system/cpu/uevent"},
	{"/sys/devices/system/cpu/online", NULL},
};
#define N_FILES (sizeof(files) / sizeof(files[0]))
_Static_assert(N_FILES == ROOT_VIEW_MAX, "as many as plan.h has room for");

/* `path` is `dir` or in it. */
static bool is_in(const char *path, const char *dir)
{
	const char *rest = str_after(path, str_eq(dir, "/") ? "" : dir);

	return rest && (*rest == '\0' || *rest == '/');
}

static bool is_masked(const struct root_plan *p, const char *path)
{
	for (size_t i = 0; i < p->masked.n; i++)
		if (is_in(path, p->masked.v[i]))
			return true;
	return false;
}

/* What the config has at `path` is the kernel's: the last mount over it is /proc or /sys as such,
 * and nothing was put there or below. */
static bool is_free(const struct root_plan *p, const char *path)
{
	bool is_proc = is_in(path, "/proc"), is_kernels = false;

	for (size_t i = 0; i < p->n_mounts; i++) {
		const struct root_mount *m = &p->mounts[i];

		if (m->kind == ROOT_REMOUNT || m->is_view)
			continue;
		if (is_in(path, m->dest))
			/* The source of a bind is looked at when it is attached (target.c). */
			is_kernels = str_eq(m->dest, is_proc ? "/proc" : "/sys") &&
				     (m->kind == ROOT_BIND ||
				      m->kind == (is_proc ? ROOT_PROC : ROOT_SYSFS));
		else if (is_in(m->dest, path))
			return false;
	}
	return is_kernels;
}

void root_view_plan(struct root_plan *p)
{
	const char *place = p->host.view[0] ? p->host.view : "/var/lib/lxcfs";
	size_t before = p->n_mounts;

	/* lxcfs answers by the cgroup of the first process in the reader's pid namespace. */
	if (!p->is_new_pidns) {
		p->view_why = "the container has no pid namespace of its own, by which lxcfs "
			      "knows it";
		return;
	}
	for (size_t i = 0; i < N_FILES; i++) {
		const char *path = files[i].path;

		if (is_masked(p, path) || !is_free(p, path))
			continue;
		p->mounts[p->n_mounts++] = (struct root_mount){
			.tree_fd = FD_NONE,
			.target_fd = FD_NONE,
			.index = ROOT_NO_INDEX,
			.kind = ROOT_BIND,
			.type = "bind",
			.source = path,
			.host_path = arena_printf(p->arena, "%s%s", place, path),
			.dest = path,
			.top.set = FLAGS,
			.is_optional = true,
			.is_src_nofollow = true,
			.is_view = true,
			.view_index = i,
		};
	}
	if (p->n_mounts == before)
		log_debug("view: the config has no /proc or /sys to mount lxcfs over");
}

/* Takes the i-th file over if it is there, and not in a directory that was. */
static bool take(struct root_plan *p, struct root_lxcfs *l, struct root_mount *m, const char *dir)
{
	if (!(l->found >> m->view_index & 1) || (dir && is_in(m->dest, dir)))
		return false;
	m->host_path = arena_printf(p->arena, "%s%s", l->place, m->dest);
	m->tree_fd = fd_take(&l->fds[m->view_index]);
	return true;
}

void root_view_open(struct root_plan *p)
{
	struct root_lxcfs l;
	struct err e = ERR_INIT;
	const char *dir = NULL;
	size_t kept = 0;

	while (kept < p->n_mounts && !p->mounts[kept].is_view)
		kept++;
	if (kept == p->n_mounts)
		return;
	/* Others than root clone in the namespace that is theirs, in the child. */
	if (root_lxcfs_open(p->host.view, files, N_FILES, p->host.is_privileged ? FLAGS : 0, &l,
			    &e) < 0)
		p->view_why = arena_strdup(p->arena, e.text);
	for (size_t i = kept; i < p->n_mounts; i++) {
		struct root_mount *m = &p->mounts[i];

		if (!take(p, &l, m, dir))
			continue;
		dir = m->dest;
		p->mounts[kept++] = *m;
	}
	p->n_mounts = kept;
	for (size_t i = 0; i < N_FILES; i++)
		auto_fd_done(&l.fds[i]);
	if (!p->view_why)
		p->view_place = arena_strdup(p->arena, l.place);
}

const char *root_plan_view(const struct root_plan *p, const char **ret_why)
{
	*ret_why = p->view_why;
	return p->view_place;
}

struct strvec root_plan_view_paths(const struct root_plan *p)
{
	struct strvec v = {arena_array(p->arena, N_FILES, sizeof(*v.v)), 0};

	for (size_t i = 0; i < p->n_mounts; i++)
		if (p->mounts[i].is_view)
			v.v[v.n++] = (char *)p->mounts[i].dest;
	return v;
}
