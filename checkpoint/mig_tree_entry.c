/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/mig_tree_entry: one entry of a directory: which node of the model it is, whether it
 * has changed, and what of it goes to the other side. Nothing is opened before it is known to be a
 * file: opening a device may have effects. Called by mig_tree.c.
 */
#include "checkpoint/mig_tree_inner.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/auto.h"
#include "base/fd.h"
#include "base/str.h"
#include "base/ban.h"

/* ---- inodes ---- */

static size_t spot(const struct mig_tree *t, uint64_t ino)
{
	return (size_t)(ino * 0x9e3779b97f4a7c15u >> 20) & (t->inodes_size - 1);
}

static void grow(struct mig_tree *t)
{
	struct mig_source_node **old = t->inodes;
	const size_t n_old = t->inodes_size;

	t->inodes_size = n_old ? 2 * n_old : 1024;
	t->inodes = mem_alloc(t->inodes_size * sizeof(struct mig_source_node *));
	for (size_t i = 0; i < n_old; i++)
		for (struct mig_source_node *n = old[i], *next; n; n = next) {
			next = n->chain;
			n->chain = t->inodes[spot(t, n->ino)];
			t->inodes[spot(t, n->ino)] = n;
		}
	free(old);
}

void mig_tree_bind(struct mig_tree *t, struct mig_source_node *n, uint64_t dev, uint64_t ino)
{
	if (t->n_inodes >= t->inodes_size)
		grow(t);
	n->dev = dev;
	n->ino = ino;
	n->is_bound = true;
	n->chain = t->inodes[spot(t, ino)];
	t->inodes[spot(t, ino)] = n;
	t->n_inodes++;
	for (size_t i = 0; i < t->n_suspects; i++)
		n->is_suspect = n->is_suspect || t->suspects[i] == ino;
}

void mig_tree_unbind(void *ctx, struct mig_node *node)
{
	struct mig_source_node *n = (struct mig_source_node *)node;
	struct mig_tree *t = ctx;

	if (!n->is_bound)
		return;
	struct mig_source_node **at = &t->inodes[spot(t, n->ino)];

	while (*at != n)
		at = &(*at)->chain;
	*at = n->chain;
	n->is_bound = false;
	t->n_inodes--;
}

static struct mig_source_node *by_inode(const struct mig_tree *t, const struct statx *sx)
{
	struct mig_source_node *n = t->inodes_size ? t->inodes[spot(t, sx->stx_ino)] : NULL;

	while (n && !(n->ino == sx->stx_ino && n->dev == mig_tree_dev(sx)))
		n = n->chain;
	return n;
}

void mig_tree_suspect(struct mig_tree *t, uint64_t ino)
{
	for (size_t i = 0; i < t->n_suspects; i++)
		if (t->suspects[i] == ino)
			return;
	if (t->n_suspects == t->cap_suspects) {
		t->cap_suspects = t->cap_suspects ? 2 * t->cap_suspects : 16;
		t->suspects = mem_realloc(t->suspects, t->cap_suspects, sizeof(uint64_t));
	}
	t->suspects[t->n_suspects++] = ino;
	struct mig_source_node *n = t->inodes_size ? t->inodes[spot(t, ino)] : NULL;

	for (; n; n = n->chain)
		n->is_suspect = n->is_suspect || n->ino == ino;
}

/* ---- what changes in the tree's names ---- */

void mig_tree_push(struct mig_ids *v, uint32_t id)
{
	if (v->n == v->cap) {
		v->cap = v->cap ? 2 * v->cap : 64;
		v->v = mem_realloc(v->v, v->cap, sizeof(uint32_t));
	}
	v->v[v->n++] = id;
}

static int too_much(const struct mig_tree *t, struct err *e)
{
	return err_set(e, ERR_INPUT, E2BIG,
		       "%s: more than %u entries, or directories nested more than %u deep",
		       t->where, MIG_FS_NODES_MAX, MIG_FS_DEPTH_MAX);
}

static void touch(const struct mig_tree *t, struct mig_node *dir)
{
	((struct mig_source_node *)dir)->touched = t->round;
}

static int send_del(struct mig_tree *t, struct mig_name *name, struct err *e)
{
	size_t at;
	int r = mig_tree_record(t, MIG_FS_DEL, MIG_REC_DEL, &at, e);

	if (r < 0)
		return r;
	mig_fs_put(&t->batch, name->parent->id, 4);
	mig_fs_put_name(&t->batch, name->text, name->n);
	touch(t, name->parent);
	t->count.removed++;
	mig_model_unlink(&t->model, name);
	return mig_tree_recorded(t, at, e);
}

/* A name and all that is below it, the deepest first. */
int mig_tree_remove(struct mig_tree *t, struct mig_name *top, struct err *e)
{
	struct mig_name *at;
	int r;

	do {
		for (at = top; at->node->children;)
			at = at->node->children;
		bool is_top = at == top;

		r = send_del(t, at, e);
		if (is_top)
			break;
	} while (r == 0);
	return r;
}

/* A node that the other side does not have, under this name. target: of a symlink. */
static int send_new(struct mig_tree *t, struct mig_node *parent, const char *name,
		    const struct statx *sx, const char *target, struct mig_source_node **ret,
		    struct err *e)
{
	struct mig_node *n = mig_model_new(&t->model, sx->stx_mode);
	size_t at;

	if (!n || !mig_model_link(&t->model, parent, n, name, strlen(name)))
		return too_much(t, e);
	touch(t, parent);
	n->names->round = t->round;
	n->major = S_ISCHR(n->type) || S_ISBLK(n->type) ? sx->stx_rdev_major : 0;
	n->minor = S_ISCHR(n->type) || S_ISBLK(n->type) ? sx->stx_rdev_minor : 0;
	n->target = target ? mem_strdup(target) : NULL;
	*ret = (struct mig_source_node *)n;
	int r = mig_tree_record(t, MIG_FS_ENTRY, MIG_REC_NEW, &at, e);

	if (r < 0)
		return r;
	mig_fs_put(&t->batch, n->id, 4);
	mig_fs_put(&t->batch, parent->id, 4);
	mig_fs_put(&t->batch, sx->stx_mode, 4);
	mig_fs_put(&t->batch, n->major, 4);
	mig_fs_put(&t->batch, n->minor, 4);
	mig_fs_put_name(&t->batch, name, strlen(name));
	buf_adds(&t->batch, target ? target : "");
	return mig_tree_recorded(t, at, e);
}

static int send_link(struct mig_tree *t, struct mig_node *parent, const char *name,
		     struct mig_node *n, struct err *e)
{
	struct mig_name *made = mig_model_link(&t->model, parent, n, name, strlen(name));
	size_t at;

	if (!made)
		return too_much(t, e);
	touch(t, parent);
	made->round = t->round;
	t->count.entries++;
	int r = mig_tree_record(t, MIG_FS_ENTRY, MIG_REC_LINK, &at, e);

	if (r < 0)
		return r;
	mig_fs_put(&t->batch, parent->id, 4);
	mig_fs_put(&t->batch, n->id, 4);
	mig_fs_put_name(&t->batch, name, strlen(name));
	return mig_tree_recorded(t, at, e);
}

/* ---- one entry ---- */

static int unsettled(struct mig_tree *t, const struct mig_entry *x, int why, struct err *e)
{
	return mig_tree_unsettled(t, &x->dir->n, x->name, why, e);
}

/* Another file system's, or bound over it. */
bool mig_tree_is_border(const struct statx *sx, uint64_t dev)
{
	if (sx->stx_attributes_mask & STATX_ATTR_MOUNT_ROOT)
		return sx->stx_attributes & STATX_ATTR_MOUNT_ROOT;
	return mig_tree_dev(sx) != dev;
}

void mig_tree_now_seen(struct mig_tree *t, struct mig_source_node *n, const struct statx *sx,
		       bool is_stale)
{
	n->seen = mig_tree_seen(sx);
	n->is_stale = is_stale || n->is_suspect || mig_tree_is_racy(t, &n->seen);
}

/* Makes the node known to the other side, unless it is. */
static int appear(struct mig_tree *t, struct mig_entry *x, const struct statx *sx,
		  const char *target, struct err *e)
{
	if (x->n)
		return 0;
	int r = send_new(t, &x->dir->n, x->name, sx, target, &x->n, e);

	if (r == 0 && !x->is_border)
		mig_tree_bind(t, x->n, mig_tree_dev(sx), sx->stx_ino);
	if (r == 0)
		x->n->is_border = x->is_border;
	return r;
}

int mig_tree_meta_of(struct mig_tree *t, struct mig_source_node *n, const struct statx *sx,
		     uint64_t size, int fd, bool is_path, struct err *e)
{
	int r = mig_tree_meta(t, &n->n, sx, size, fd, is_path);

	if (r == 0)
		return 0;
	if (r == -E2BIG) {
		mig_model_path(&n->n, NULL, &t->path);
		return err_sys(e, r, "%s: extended attributes of \"%.200s\"", t->where,
			       t->path.data);
	}
	n->is_stale = true;
	r = mig_tree_unsettled(t, &n->n, NULL, r, e);
	return r < 0 ? r : mig_tree_meta(t, &n->n, sx, size, FD_NONE, false);
}

/* A file that is open: contents, then metadata. */
int mig_tree_take_file(struct mig_tree *t, struct mig_source_node *n, int fd,
		       const struct statx *before, struct err *e)
{
	struct statx after;
	uint64_t size = before->stx_size;
	const uint64_t had = n->sent_size;
	bool is_sent;
	int why;
	int r = mig_tree_contents(t, n, fd, &size, &is_sent, &why, e);

	if (r < 0)
		return r;
	const bool is_short = r == 1;

	if (statx(fd, "", AT_EMPTY_PATH, MIG_TREE_STATX, &after) < 0)
		return err_sys(e, errno, "%s", t->where);
	const struct mig_seen a = mig_tree_seen(before), b = mig_tree_seen(&after);
	const bool is_stale = is_short || !mig_seen_is_equal(&a, &b);

	if (is_stale) {
		r = mig_tree_unsettled(t, &n->n, NULL, why, e);
		if (r < 0)
			return r;
	}
	mig_tree_now_seen(t, n, &after, is_stale);
	r = mig_tree_meta_of(t, n, &after, size, fd, false, e);
	return r < 0 ? r : mig_tree_send_meta(t, n, is_sent || size != had, e);
}

static int open_file(int path_fd)
{
	char proc[FD_PROC_MAX];
	const int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	int fd = open(fd_proc_path(path_fd, proc), flags | O_NOATIME);

	/* For the owner alone, and who is as good as he. */
	if (fd < 0 && errno == EPERM)
		fd = open(proc, flags);
	return fd < 0 ? -errno : fd;
}

static int take_file(struct mig_tree *t, struct mig_entry *x, int path_fd, struct err *e)
{
	struct statx sx;
	AUTO_FD fd = open_file(path_fd);

	if (fd < 0)
		return unsettled(t, x, fd, e);
	if (statx(fd, "", AT_EMPTY_PATH, MIG_TREE_STATX, &sx) < 0)
		return unsettled(t, x, errno, e);
	int r = appear(t, x, &sx, NULL, e);

	return r < 0 ? r : mig_tree_take_file(t, x->n, fd, &sx, e);
}

/* Neither file nor directory. */
static int take_node(struct mig_tree *t, struct mig_entry *x, int path_fd, const char *target,
		     struct err *e)
{
	int r = appear(t, x, &x->sx, target, e);

	if (r < 0)
		return r;
	mig_tree_now_seen(t, x->n, &x->sx, false);
	r = mig_tree_meta_of(t, x->n, &x->sx, 0, path_fd, true, e);
	return r < 0 ? r : mig_tree_send_meta(t, x->n, false, e);
}

/* Opens what was listed, without any effect on it. FD_NONE: it is not that any more. */
static int hold(struct mig_tree *t, struct mig_entry *x, int *ret_fd, struct err *e)
{
	const uint64_t ino = x->sx.stx_ino;
	const uint32_t type = x->sx.stx_mode & S_IFMT;
	AUTO_FD fd = openat(x->dir_fd, x->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	*ret_fd = FD_NONE;
	if (fd < 0 || statx(fd, "", AT_EMPTY_PATH, MIG_TREE_STATX, &x->sx) < 0)
		return unsettled(t, x, errno, e);
	if (x->sx.stx_ino != ino || (x->sx.stx_mode & S_IFMT) != type ||
	    mig_tree_is_border(&x->sx, x->dir->dev) != x->is_border)
		return unsettled(t, x, 0, e);
	*ret_fd = fd_take(&fd);
	return 0;
}

static int take(struct mig_tree *t, struct mig_entry *x, struct err *e)
{
	char target[PATH_MAX] = "";
	AUTO_FD fd = FD_NONE;
	int r = hold(t, x, &fd, e);

	if (r < 0 || fd < 0)
		return r;
	if (S_ISREG(x->sx.stx_mode))
		return take_file(t, x, fd, e);
	if (S_ISLNK(x->sx.stx_mode)) {
		ssize_t n = readlinkat(fd, "", target, sizeof(target) - 1);

		if (n < 0)
			return unsettled(t, x, errno, e);
		target[n] = '\0';
	}
	return take_node(t, x, fd, S_ISLNK(x->sx.stx_mode) ? target : NULL, e);
}

/* The place where something else is mounted: empty, and with what can be seen of it. */
static int take_border(struct mig_tree *t, struct mig_entry *x, struct err *e)
{
	int r = appear(t, x, &x->sx, NULL, e);

	if (r < 0)
		return r;
	x->n->seen = mig_tree_seen(&x->sx);
	r = mig_tree_meta(t, &x->n->n, &x->sx, 0, FD_NONE, false);
	if (r == 0)
		r = mig_tree_send_meta(t, x->n, false, e);
	if (r == 0 && S_ISDIR(x->sx.stx_mode))
		mig_tree_push(&t->unswept, x->n->n.id);
	return r;
}

/* Can the node be what the directory shows? Numbers of inodes are used again, what a symlink says
 * and a device is stays for life. */
static bool is_same_node(const struct mig_entry *x, const struct mig_source_node *n)
{
	char target[PATH_MAX];

	if (n->n.type != (x->sx.stx_mode & S_IFMT))
		return false;
	if (S_ISCHR(n->n.type) || S_ISBLK(n->n.type))
		return n->n.major == x->sx.stx_rdev_major && n->n.minor == x->sx.stx_rdev_minor;
	if (!S_ISLNK(n->n.type))
		return true;
	ssize_t k = readlinkat(x->dir_fd, x->name, target, sizeof(target) - 1);

	target[k < 0 ? 0 : k] = '\0';
	return k >= 0 && n->n.target && str_eq(target, n->n.target);
}

/* Finds out which node of the model it is, if any. */
static void recognise(struct mig_tree *t, struct mig_entry *x)
{
	x->known = mig_model_find(&t->model, &x->dir->n, x->name, strlen(x->name));
	struct mig_source_node *under = x->known ? (struct mig_source_node *)x->known->node : NULL;

	if (x->is_border) {
		x->n = under && under->is_border && under->n.type == (x->sx.stx_mode & S_IFMT)
			       ? under
			       : NULL;
		return;
	}
	struct mig_source_node *n = by_inode(t, &x->sx);

	if (!n)
		return;
	const struct mig_seen seen = mig_tree_seen(&x->sx);

	/* A directory has one name: under another one it counts as new, and what is in it is
	 * linked. */
	if ((mig_seen_is_equal(&seen, &n->seen) || is_same_node(x, n)) &&
	    (!S_ISDIR(n->n.type) || n == under))
		x->n = n;
	else
		mig_tree_unbind(t, &n->n);
}

static int take_dir(struct mig_tree *t, struct mig_entry *x, struct err *e)
{
	int r = appear(t, x, &x->sx, NULL, e);

	if (r == 0)
		mig_tree_push(&t->todo, x->n->n.id);
	return r;
}

int mig_tree_take(struct mig_tree *t, struct mig_entry *x, struct err *e)
{
	int r = 0;

	recognise(t, x);
	/* Listed twice, because it was renamed meanwhile. */
	if (x->known && x->known->round == t->round)
		return &x->n->n == x->known->node ? 0 : unsettled(t, x, 0, e);
	if (x->known && (struct mig_source_node *)x->known->node != x->n) {
		r = mig_tree_remove(t, x->known, e);
		x->known = NULL;
	}
	if (r == 0 && x->n && !x->known)
		r = send_link(t, &x->dir->n, x->name, &x->n->n, e);
	if (x->known)
		x->known->round = t->round;
	if (r < 0)
		return r;
	if (x->is_border)
		return take_border(t, x, e);
	if (S_ISDIR(x->sx.stx_mode))
		return take_dir(t, x, e);
	const struct mig_seen seen = mig_tree_seen(&x->sx);

	if (x->n && (x->n->round == t->round || (!x->n->is_stale && !x->n->is_suspect &&
						 mig_seen_is_equal(&seen, &x->n->seen))))
		return 0;
	r = take(t, x, e);
	if (x->n)
		x->n->round = t->round;
	return r;
}
