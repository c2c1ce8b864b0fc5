/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/rootfs/special: mounts that are new file systems: proc, sysfs, tmpfs, devpts, mqueue and
 * any other type, with the binds of the host's that stand in where a user namespace may not mount
 * them. Called by attach.c in the child.
 */
#include "base/sys.h"

#include <fcntl.h>
#include <linux/mount.h>
#include "base/log.h"
#include "base/path.h"
#include "runtime/rootfs/plan.h"
#include "base/ban.h"

#define LOG_MAX 200
/* Of more tmpfs than that which become read-only at the end, the ids are kept instead. */
#define LATE_FDS_MAX 64
/* What fs_of() may add to the config's data: mode, uid, gid, context. */
#define EXTRA_DATA 4

struct making {
	struct root_plan *p;
	struct root_mount *m;
	struct root_fs fs;
	struct root_data *data; /* fs.data, room for EXTRA_DATA more */
	int target_fd;		/* owned */
	bool existed;
	size_t owner_at, n_owner; /* in the data: the owner that inherit() has added */
	const char *label_key;	  /* NULL: no label in the data */
};

static void making_done(struct making *k)
{
	auto_fd_done(&k->target_fd);
}

static bool has_data(const struct making *k, const char *key)
{
	for (size_t i = 0; i < k->fs.n_data; i++)
		if (str_eq(k->data[i].key, key))
			return true;
	return false;
}

static void add_data(struct making *k, const char *key, const char *value)
{
	k->data[k->fs.n_data++] = (struct root_data){key, value};
}

/* A tmpfs takes over mode and owner of the directory that it covers (conformance M22). */
static int inherit(struct making *k, struct err *e)
{
	struct stat st;

	if (!k->existed || k->m->has_mode)
		return 0;
	if (fstat(k->target_fd, &st) < 0)
		return root_mount_fail(k->m, -errno, "reading the mount point", e);
	add_data(k, "mode", arena_printf(k->p->arena, "%o", st.st_mode & 07777));
	k->owner_at = k->fs.n_data;
	if (st.st_uid != 0 && !has_data(k, "uid"))
		add_data(k, "uid", arena_printf(k->p->arena, "%u", st.st_uid));
	if (st.st_gid != 0 && !has_data(k, "gid"))
		add_data(k, "gid", arena_printf(k->p->arena, "%u", st.st_gid));
	k->n_owner = k->fs.n_data - k->owner_at;
	return 0;
}

/* linux.mountLabel, under the option name that run.oci.mount_context_type asks for. */
static void add_label(struct making *k)
{
	const char *label = k->p->conf->linux_->mount_label;
	const char *key = spec_annotation(k->p->conf, "run.oci.mount_context_type");

	if (!label || !*label)
		return;
	if (!key)
		key = "context";
	if (has_data(k, key))
		return;
	add_data(k, key, label);
	k->label_key = key;
}

static int fill(struct making *k, struct err *e)
{
	const struct root_mount *m = k->m;
	struct root_fs *f = &k->fs;

	k->data = arena_array(k->p->arena, m->n_data + EXTRA_DATA, sizeof(*k->data));
	for (size_t i = 0; i < m->n_data; i++)
		k->data[i] = m->data[i];
	f->type = m->type;
	f->source = m->source;
	f->data = k->data;
	f->n_data = m->n_data;
	f->attr = root_attr_fresh(m);
	f->sb = m->sb & (MS_SYNCHRONOUS | MS_DIRSYNC | MS_LAZYTIME);
	if (m->kind == ROOT_TMPFS) {
		if (m->is_ro_late)
			f->attr &= ~(unsigned)MOUNT_ATTR_RDONLY;
		int r = inherit(k, e);
		if (r < 0)
			return r;
	}
	if (m->kind == ROOT_FS) {
		f->sb = m->sb;
		/* A disk that cannot be written must not be tried read-write. */
		if (f->attr & MOUNT_ATTR_RDONLY)
			f->sb |= MS_RDONLY;
	}
	if (m->kind == ROOT_TMPFS || m->kind == ROOT_DEVPTS || m->kind == ROOT_FS)
		add_label(k);
	return 0;
}

/* The host's own instance, with the flags asked for on everything in it. */
static int clone_host(struct making *k, const char *path, int *ret_fd, struct err *e)
{
	struct root_mount as = *k->m;
	AUTO_FD fd =
		sys_open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);

	if (fd < 0)
		return root_mount_fail(k->m, fd, "neither mounted anew nor bound from the host", e);
	log_debug("mount \"%s\": not permitted here: bound from the host's %s", k->m->dest, path);
	/* Flags are only added: those of the host's mounts are locked in a user namespace. */
	as.rec = (struct root_attr){(as.top.set | as.rec.set) & ~(uint64_t)MOUNT_ATTR__ATIME, 0};
	as.top = (struct root_attr){0, 0};
	int r = root_attr_apply(fd, &as, true, MS_PRIVATE | MS_REC, e);
	if (r < 0)
		return r;
	*ret_fd = fd_take(&fd);
	return 0;
}

static bool is_refused(int r)
{
	return r == -EPERM || r == -EBUSY;
}

/* The host directory that may stand in, or NULL. */
static const char *stand_in(const struct making *k, int r)
{
	/* In a running container these paths are its own. */
	if (k->p->is_live)
		return NULL;
	switch (k->m->kind) {
	case ROOT_PROC:
		/* With a pid namespace of its own the container would see the wrong processes. */
		return is_refused(r) && !k->p->is_new_pidns ? "/proc" : NULL;
	case ROOT_SYSFS:
		return is_refused(r) ? "/sys" : NULL;
	case ROOT_MQUEUE:
		return is_refused(r) ? "/dev/mqueue" : NULL;
	case ROOT_BIND:
	case ROOT_TMPFS:
	case ROOT_DEVPTS:
	case ROOT_CGROUP:
	case ROOT_FS:
	case ROOT_REMOUNT:
	case ROOT_KIND_N:
		break;
	}
	return NULL;
}

static bool drop_gid(struct making *k)
{
	size_t n = 0;

	for (size_t i = 0; i < k->fs.n_data; i++)
		if (!str_eq(k->data[i].key, "gid"))
			k->data[n++] = k->data[i];
	bool dropped = n != k->fs.n_data;
	k->fs.n_data = n;
	return dropped;
}

static bool drop_owner(struct making *k)
{
	size_t end = k->owner_at + k->n_owner;

	if (!k->n_owner)
		return false;
	memmove(&k->data[k->owner_at], &k->data[end], (k->fs.n_data - end) * sizeof(*k->data));
	k->fs.n_data -= k->n_owner;
	k->n_owner = 0;
	return true;
}

static int make_failed(struct making *k, int r, const char *log_text, struct err *e)
{
	const char *hint = log_text[0] ? log_text : NULL;
	char unknown[LOG_MAX];

	if (r == -ENOSYS)
		hint = "no fsopen(2) here: it takes Linux 5.15, and no seccomp filter around us "
		       "that forbids it";
	else if (r == -ENOENT && !hint && root_fs_missing(&k->fs, unknown, sizeof(unknown)))
		hint = unknown;
	else if (k->label_key && r == -EINVAL && hint && strstr(hint, k->label_key)) {
		snprintf(unknown, sizeof(unknown),
			 "linux.mountLabel: this kernel takes no %s=, is SELinux enabled?",
			 k->label_key);
		hint = unknown;
	} else if (r == -ENODEV && !hint) {
		snprintf(unknown, sizeof(unknown), "the kernel knows no file system type \"%s\"",
			 k->m->type);
		hint = unknown;
	} else if (r == -EPERM && k->m->kind == ROOT_PROC && !hint)
		hint = "a new procfs is not allowed where the host's is partly covered";
	else if (r == -EINVAL && !hint)
		hint = "an option that the file system refuses";
	return root_mount_fail(k->m, r, hint, e);
}

/* fsmount(2) has set the attributes already. */
static int apply_propagation(const struct making *k, int fd, struct err *e)
{
	struct root_mount as = *k->m;

	if (as.n_prop == 0)
		return 0;
	as.top = as.rec = (struct root_attr){0, 0};
	return root_attr_apply(fd, &as, false, 0, e);
}

static int make(struct making *k, int *ret_fd, struct err *e)
{
	char log_text[LOG_MAX];
	int r = root_fs_make(&k->fs, ret_fd, log_text, sizeof(log_text));

	/* gid=5 where the map has no such id, in a namespace whose map is not in the config. */
	if (r == -EINVAL && k->m->kind == ROOT_DEVPTS && drop_gid(k)) {
		r = root_fs_make(&k->fs, ret_fd, log_text, sizeof(log_text));
		if (r == 0)
			log_debug("mount \"%s\": devpts gid is not mapped: dropped", k->m->dest);
	}
	/* The mount point's owner is none of this user namespace: stat(2) says nobody, who need not
	 * be mapped either. */
	if (r == -EINVAL && drop_owner(k))
		r = root_fs_make(&k->fs, ret_fd, log_text, sizeof(log_text));
	if (r == 0)
		return apply_propagation(k, *ret_fd, e);
	const char *host = stand_in(k, r);
	if (host)
		return clone_host(k, host, ret_fd, e);
	return make_failed(k, r, log_text, e);
}

static int copy_up(const struct making *k, int tree_fd, struct err *e)
{
	if (!k->m->is_copy_up || !k->existed)
		return 0;
	AUTO_FD from_fd = openat(k->target_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD to_fd = openat(tree_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = from_fd < 0 || to_fd < 0 ? err_sys(e, errno, "open it for tmpcopyup")
					 : root_copy_up(from_fd, to_fd, e);

	return r < 0 ? err_prefix(e, "mounts[%zu]: mount \"%s\"", k->m->index, k->m->dest) : 0;
}

static int attach(struct making *k, int *tree_fd, struct err *e)
{
	struct root_mount *m = k->m;
	int r = copy_up(k, *tree_fd, e);

	if (r == 0)
		r = root_mount_attach(k->p, m, tree_fd, k->target_fd, e);
	if (r < 0 || *tree_fd < 0 || !(m->is_ro_late || m->is_kept))
		return r;
	if (m->is_kept || k->p->n_late++ < LATE_FDS_MAX) {
		m->tree_fd = fd_take(tree_fd);
		return 0;
	}
	r = sys_mount_id(*tree_fd, &m->id);
	return r < 0 ? root_mount_fail(m, r, "asking for its id", e) : 0;
}

/* For what fsconfig cannot carry; the mount is made in place, so the rest is set right after. */
static int mount2(struct making *k, struct err *e)
{
	if (str_eq(k->m->dest, "/"))
		return root_mount_fail(k->m, -EINVAL, "its options are too long for the root", e);
	int r = root_fs_mount2(&k->fs, k->target_fd);
	if (r < 0)
		return make_failed(k, r, "", e);
	if (k->m->n_prop == 0)
		return 0;
	AUTO_FD fd = path_open_in(k->p->root_fd, k->m->dest, O_PATH);
	if (fd < 0)
		return root_mount_fail(k->m, fd, "setting its propagation", e);
	return apply_propagation(k, fd, e);
}

int root_special_mount(struct root_plan *p, struct root_mount *m, struct err *e)
{
	AUTO(making) k = {.p = p, .m = m, .target_fd = FD_NONE};
	AUTO_FD tree_fd = FD_NONE;
	int r = root_target_open(p, m, FD_NONE, &k.target_fd, &k.existed, e);

	if (r == 0)
		r = fill(&k, e);
	if (r < 0)
		return r;
	if (m->kind == ROOT_FS && root_fs_needs_mount2(&k.fs)) {
		char log_text[LOG_MAX];

		/* A long overlay alone may still fit layer by layer; older kernels refuse that. */
		if (!(k.fs.sb & MS_I_VERSION) && str_eq(m->type, "overlay") &&
		    root_fs_make(&k.fs, &tree_fd, log_text, sizeof(log_text)) == 0)
			return attach(&k, &tree_fd, e);
		return mount2(&k, e);
	}
	r = make(&k, &tree_fd, e);
	return r < 0 ? r : attach(&k, &tree_fd, e);
}

int root_special_make(struct root_plan *p, struct root_mount *m, int target_fd, bool existed,
		      int *ret_tree_fd, struct err *e)
{
	AUTO(making) k = {.p = p, .m = m, .target_fd = FD_NONE, .existed = existed};
	AUTO_FD tree_fd = FD_NONE;
	int r;

	if (target_fd >= 0) {
		k.target_fd = fcntl(target_fd, F_DUPFD_CLOEXEC, 3);
		if (k.target_fd < 0)
			return err_sys(e, errno, "mounts[%zu]: keep its mount point", m->index);
	}
	r = fill(&k, e);
	/* mount(2) mounts in place, which cannot be prepared. */
	if (r == 0 && m->kind == ROOT_FS && root_fs_needs_mount2(&k.fs) &&
	    ((k.fs.sb & MS_I_VERSION) || !str_eq(m->type, "overlay")))
		return root_mount_fail(m, -ENOTSUP, "an option that needs mount(2)", e);
	if (r == 0)
		r = make(&k, &tree_fd, e);
	if (r == 0)
		r = copy_up(&k, tree_fd, e);
	if (r < 0)
		return r;
	*ret_tree_fd = fd_take(&tree_fd);
	return 0;
}
