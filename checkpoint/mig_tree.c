/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/mig_tree: the walk of a round: one directory after the other, each by its whole path
 * from the root, so that neither its depth nor what somebody renames meanwhile leads elsewhere.
 * Called by mig_source.c.
 */
#include "checkpoint/mig_tree_inner.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/auto.h"
#include "base/fd.h"
#include "base/str.h"
#include "base/ban.h"

/* ---- life ---- */

static struct mig_source_node *root(struct mig_tree *t)
{
	return (struct mig_source_node *)mig_model_root(&t->model);
}

int mig_tree_open(int root_fd, uint32_t stream, const char *where, struct mig_tree **ret,
		  struct err *e)
{
	char proc[FD_PROC_MAX];
	struct statx sx;
	struct stat st;

	*ret = NULL;
	if (fstat(root_fd, &st) < 0)
		return err_sys(e, errno, "%s", where);
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return err_set(e, ERR_INPUT, EINVAL, "%s: neither a directory nor a regular file",
			       where);
	AUTO_FD fd = open(fd_proc_path(root_fd, proc), O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return err_sys(e, errno, "%s: open it for reading", where);
	struct mig_tree *t = mem_alloc(sizeof(*t));

	t->root_fd = fd_take(&fd);
	t->stream = stream;
	t->where = where;
	t->batch_type = MIG_FS_ENTRY;
	t->chunk = mem_alloc(MIG_TREE_CHUNK);
	t->names = mem_alloc(MIG_FS_XATTR_MAX);
	t->value = mem_alloc(MIG_FS_XATTR_MAX);
	t->dirents = mem_alloc(MIG_TREE_DIRENTS);
	mig_model_init(&t->model, sizeof(struct mig_source_node), st.st_mode);
	*ret = t;
	if (statx(t->root_fd, "", AT_EMPTY_PATH, MIG_TREE_STATX, &sx) == 0) {
		mig_tree_bind(t, root(t), mig_tree_dev(&sx), sx.stx_ino);
		return 0;
	}
	mig_tree_free(ptr_take(ret));
	return err_sys(e, errno, "%s", where);
}

void mig_tree_free(struct mig_tree *t)
{
	if (!t)
		return;
	auto_fd_done(&t->root_fd);
	mig_model_done(&t->model);
	free(t->inodes);
	free(t->suspects);
	free(t->todo.v);
	free(t->unswept.v);
	buf_done(&t->batch);
	buf_done(&t->late);
	buf_done(&t->path);
	buf_done(&t->meta);
	free(t->chunk);
	free(t->names);
	free(t->value);
	free(t->dirents);
	free(t);
}

/* ---- one directory ---- */

/* Calls `each` for every name but "." and "..". Return: 0, -errno of reading; what `each` gave. */
static int list(struct mig_tree *t, int fd,
		int (*each)(struct mig_tree *t, void *ctx, const char *name, struct err *e),
		void *ctx, struct err *e)
{
	for (;;) {
		const ssize_t n = getdents64(fd, t->dirents, MIG_TREE_DIRENTS);

		if (n <= 0)
			return n < 0 ? -errno : 0;
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *d = (const void *)(t->dirents + at);

			at += d->d_reclen;
			if (str_eq(d->d_name, ".") || str_eq(d->d_name, ".."))
				continue;
			int r = each(t, ctx, d->d_name, e);

			if (r < 0)
				return r;
		}
	}
}

static int entry(struct mig_tree *t, void *ctx, const char *name, struct err *e)
{
	const struct mig_entry *dir = ctx;
	struct mig_entry x = {.dir = dir->dir, .dir_fd = dir->dir_fd, .name = name};

	if (statx(x.dir_fd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, MIG_TREE_STATX, &x.sx) < 0)
		return mig_tree_unsettled(t, &x.dir->n, name, errno, e);
	x.is_border = mig_tree_is_border(&x.sx, x.dir->dev);
	return mig_tree_take(t, &x, e);
}

/* It could not be read. What is known of it stays; if that is nothing, something must be said. */
static int skip_dir(struct mig_tree *t, struct mig_source_node *n, int why, struct err *e)
{
	const struct statx nothing = {.stx_mode = S_IFDIR | 0700};
	int r = mig_tree_unsettled(t, &n->n, NULL, why, e);

	n->is_stale = true;
	if (r < 0 || n->n.has_item)
		return r;
	r = mig_tree_meta_of(t, n, &nothing, 0, FD_NONE, false, e);
	return r < 0 ? r : mig_tree_send_meta(t, n, true, e);
}

static bool has_unseen(const struct mig_tree *t, const struct mig_source_node *n)
{
	for (const struct mig_name *c = n->n.children; c; c = c->after)
		if (c->round != t->round)
			return true;
	return false;
}

/* After its entries: its own metadata. */
static int finish_dir(struct mig_tree *t, struct mig_source_node *n, int fd, const struct statx *sx,
		      struct err *e)
{
	const struct mig_seen before = mig_tree_seen(sx);
	const bool has_lost = has_unseen(t, n), is_due = has_lost || n->touched == t->round;
	const bool is_changed =
		!n->n.has_item || n->is_stale || !mig_seen_is_equal(&before, &n->seen);
	struct statx now;
	bool is_stale = false;

	if (is_changed || is_due) {
		if (statx(fd, "", AT_EMPTY_PATH, MIG_TREE_STATX, &now) < 0)
			return err_sys(e, errno, "%s", t->where);
		const struct mig_seen after = mig_tree_seen(&now);

		is_stale = !mig_seen_is_equal(&before, &after);
		int r = is_stale ? mig_tree_unsettled(t, &n->n, NULL, 0, e) : 0;

		if (r < 0)
			return r;
		mig_tree_now_seen(t, n, &now, is_stale);
		r = mig_tree_meta_of(t, n, &now, 0, fd, false, e);
		if (r == 0)
			r = mig_tree_send_meta(t, n, is_due, e);
		if (r < 0)
			return r;
	}
	if (has_lost)
		mig_tree_push(&t->unswept, n->n.id);
	return 0;
}

static int scan(struct mig_tree *t, struct mig_source_node *n, struct err *e)
{
	struct mig_entry dir = {.dir = n};
	struct statx sx;

	mig_model_path(&n->n, NULL, &t->path);
	AUTO_FD fd = mig_fs_open_path(t->root_fd, t->path.data, O_RDONLY | O_DIRECTORY | O_NOATIME);

	if (fd == -EPERM)
		fd = mig_fs_open_path(t->root_fd, t->path.data, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return skip_dir(t, n, fd, e);
	if (statx(fd, "", AT_EMPTY_PATH, MIG_TREE_STATX, &sx) < 0)
		return skip_dir(t, n, errno, e);
	if (sx.stx_ino != n->ino || mig_tree_dev(&sx) != n->dev)
		return skip_dir(t, n, 0, e);
	dir.dir_fd = fd;
	int r = list(t, fd, entry, &dir, e);

	if (r < 0)
		return e->code ? r : skip_dir(t, n, r, e);
	return finish_dir(t, n, fd, &sx, e);
}

/* ---- a round ---- */

static int begin(struct mig_tree *t, struct err *e)
{
	size_t at;

	if (!t->mark_ns)
		mig_tree_mark(t);
	t->round++;
	t->count = (struct mig_tree_count){0};
	t->todo.n = t->unswept.n = t->batch.len = t->late.len = 0;
	int r = mig_tree_record(t, MIG_FS_ENTRY, MIG_REC_ROUND, &at, e);

	if (r < 0)
		return r;
	mig_fs_put(&t->batch, MIG_FS_VERSION, 4);
	mig_fs_put(&t->batch, t->round, 4);
	mig_fs_put(&t->batch, t->is_final, 1);
	mig_fs_put(&t->batch, root(t)->n.type, 4);
	return mig_tree_recorded(t, at, e);
}

static int root_file(struct mig_tree *t, struct err *e)
{
	struct mig_source_node *n = root(t);
	struct statx sx;

	if (statx(t->root_fd, "", AT_EMPTY_PATH, MIG_TREE_STATX, &sx) < 0)
		return err_sys(e, errno, "%s", t->where);
	const struct mig_seen seen = mig_tree_seen(&sx);

	if (n->n.has_item && !n->is_stale && !n->is_suspect && mig_seen_is_equal(&seen, &n->seen))
		return 0;
	return mig_tree_take_file(t, n, t->root_fd, &sx, e);
}

static int walk(struct mig_tree *t, struct err *e)
{
	int r = 0;

	mig_tree_push(&t->todo, MIG_FS_ROOT);
	while (r == 0 && t->todo.n) {
		struct mig_node *n = mig_model_node(&t->model, t->todo.v[--t->todo.n]);

		r = scan(t, (struct mig_source_node *)n, e);
	}
	return r;
}

/* Names that were not seen again. What they led to may have been seen elsewhere: only now. */
static int sweep(struct mig_tree *t, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < t->unswept.n; i++) {
		struct mig_name *c = mig_model_node(&t->model, t->unswept.v[i])->children, *next;

		for (; r == 0 && c; c = next) {
			next = c->after;
			if (c->round != t->round)
				r = mig_tree_remove(t, c, e);
		}
	}
	return r;
}

static int end(struct mig_tree *t, struct err *e)
{
	AUTO(buf) all = {0};

	mig_model_settle(&t->model, mig_tree_unbind, t);
	mig_fs_put(&all, t->round, 4);
	mig_fs_put(&all, t->is_final, 1);
	mig_model_put(&t->model, &all);
	return mig_link_say(t->link, MIG_FS_END, t->stream, all.data, all.len, e);
}

int mig_tree_round(struct mig_tree *t, struct mig_link *l, bool is_final,
		   struct mig_tree_count *ret, struct err *e)
{
	if (t->is_failed)
		return err_set(e, ERR_BUG, EINVAL, "%s: a round after one that failed", t->where);
	t->link = l;
	t->is_final = is_final;
	int r = begin(t, e);

	if (r == 0)
		r = S_ISDIR(root(t)->n.type) ? walk(t, e) : root_file(t, e);
	if (r == 0)
		r = sweep(t, e);
	if (r == 0)
		r = mig_tree_flush_late(t, e);
	if (r == 0)
		r = end(t, e);
	t->is_failed = r < 0;
	t->mark_ns = 0;
	*ret = t->count;
	return r;
}

/* ---- how much it would be ---- */

struct paths {
	struct buf all; /* each with a NUL; taken from the end */
	struct mig_tree_count *count;
	int fd;
	uint64_t dev;
	const char *at;
};

static int look(struct mig_tree *t, void *ctx, const char *name, struct err *e)
{
	struct paths *p = ctx;
	struct statx sx;

	(void)t;
	(void)e;
	if (statx(p->fd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, MIG_TREE_STATX, &sx) < 0)
		return 0;
	p->count->entries++;
	if (mig_tree_is_border(&sx, p->dev))
		return 0;
	if (S_ISREG(sx.stx_mode) && sx.stx_nlink) {
		const uint64_t stored = sx.stx_blocks * 512;

		p->count->files++;
		p->count->bytes += (stored < sx.stx_size ? stored : sx.stx_size) / sx.stx_nlink;
	}
	if (S_ISDIR(sx.stx_mode)) {
		buf_adds(&p->all, p->at);
		buf_adds(&p->all, *p->at ? "/" : "");
		buf_adds(&p->all, name);
		buf_addc(&p->all, '\0');
	}
	return 0;
}

static int look_below(struct mig_tree *t, struct paths *p, struct err *e)
{
	struct statx sx;
	int r = 0;

	buf_addc(&p->all, '\0');
	while (r == 0 && p->all.len) {
		size_t from = p->all.len - 1;

		while (from && p->all.data[from - 1])
			from--;
		AUTO_FREE char *path = mem_strdup(p->all.data + from);
		AUTO_FD fd = mig_fs_open_path(t->root_fd, path, O_RDONLY | O_DIRECTORY);

		p->all.len = from;
		if (fd < 0 || statx(fd, "", AT_EMPTY_PATH, MIG_TREE_STATX, &sx) < 0)
			continue;
		p->at = path;
		p->fd = fd;
		p->dev = mig_tree_dev(&sx);
		r = list(t, fd, look, p, e);
	}
	return r < 0 ? err_sys(e, r, "%s: look through it", t->where) : 0;
}

int mig_tree_estimate(struct mig_tree *t, struct mig_tree_count *ret, struct err *e)
{
	struct paths p = {.count = ret};
	struct stat st;
	int r = 0;

	*ret = (struct mig_tree_count){.entries = 1};
	if (S_ISDIR(root(t)->n.type))
		r = look_below(t, &p, e);
	else if (fstat(t->root_fd, &st) == 0)
		ret->bytes = (uint64_t)st.st_blocks * 512 < (uint64_t)st.st_size
				     ? (uint64_t)st.st_blocks * 512
				     : (uint64_t)st.st_size;
	buf_done(&p.all);
	return r;
}
