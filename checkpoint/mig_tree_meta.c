/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint/mig_tree_meta: records, frames and metadata of the source's side of a tree. Called by
 * mig_tree.c and mig_tree_file.c. */
#include "checkpoint/mig_tree_inner.h"

#include <errno.h>
#include <string.h>
#include <sys/xattr.h>
#include <time.h>
#include "base/fd.h"
#include "base/str.h"
#include "base/ban.h"

#define BATCH_MAX (256u << 10)
/* A file system's clock ticks every 10 ms at most; one that keeps whole seconds, every two. */
#define MARGIN_NS	 50000000
#define COARSE_MARGIN_NS 2000000000

/* ---- frames ---- */

int mig_tree_flush(struct mig_tree *t, struct err *e)
{
	int r = 0;

	if (t->batch.len)
		r = mig_link_say(t->link, t->batch_type, t->stream, t->batch.data, t->batch.len, e);
	t->batch.len = 0;
	return r;
}

int mig_tree_record(struct mig_tree *t, enum mig_frame_type type, enum mig_fs_record kind,
		    size_t *ret_at, struct err *e)
{
	int r = t->batch_type == type ? 0 : mig_tree_flush(t, e);

	t->batch_type = type;
	*ret_at = mig_fs_open(&t->batch, kind);
	return r;
}

int mig_tree_recorded(struct mig_tree *t, size_t at, struct err *e)
{
	mig_fs_close(&t->batch, at);
	return t->batch.len >= BATCH_MAX ? mig_tree_flush(t, e) : 0;
}

int mig_tree_flush_late(struct mig_tree *t, struct err *e)
{
	struct mig_fs_in in = {t->late.data, t->late.len, false};
	int r = mig_tree_flush(t, e);

	while (r == 0 && in.n) {
		const char *from = in.p;

		while (in.n && in.p - from < (ptrdiff_t)BATCH_MAX) {
			const size_t n = mig_fs_take(&in, 4);

			(void)mig_fs_take_bytes(&in, n + 1);
		}
		r = mig_link_say(t->link, MIG_FS_ENTRY, t->stream, from, (size_t)(in.p - from), e);
	}
	t->late.len = 0;
	return r;
}

int mig_tree_unsettled(struct mig_tree *t, const struct mig_node *n, const char *name, int why,
		       struct err *e)
{
	char text[300];

	t->count.unsettled++;
	if (!t->is_final)
		return 0;
	mig_model_path(n, name, &t->path);
	str_printable(text, sizeof(text), t->path.len ? t->path.data : ".");
	if (why)
		return err_sys(e, why, "%s: read \"%s\"", t->where, text);
	return err_set(e, ERR_STATE, EBUSY,
		       "%s: \"%s\" changed while the container stood still: somebody else writes "
		       "there",
		       t->where, text);
}

/* ---- metadata ---- */

struct mig_seen mig_tree_seen(const struct statx *sx)
{
	return (struct mig_seen){.mode = sx->stx_mode,
				 .uid = sx->stx_uid,
				 .gid = sx->stx_gid,
				 .size = S_ISREG(sx->stx_mode) ? sx->stx_size : 0,
				 .mtime = sx->stx_mtime.tv_sec,
				 .mtime_ns = sx->stx_mtime.tv_nsec,
				 .ctime = sx->stx_ctime.tv_sec,
				 .ctime_ns = sx->stx_ctime.tv_nsec};
}

bool mig_tree_is_racy(const struct mig_tree *t, const struct mig_seen *s)
{
	const int64_t margin = s->ctime_ns ? MARGIN_NS : COARSE_MARGIN_NS;
	const int64_t mark = t->mark_ns - margin;

	return s->ctime > mark / 1000000000 ||
	       (s->ctime == mark / 1000000000 && s->ctime_ns >= mark % 1000000000);
}

void mig_tree_mark(struct mig_tree *t)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	t->mark_ns = now.tv_sec * 1000000000 + now.tv_nsec;
}

static int add_xattr(struct mig_tree *t, const char *name, int fd, const char *proc)
{
	const ssize_t n = proc ? getxattr(proc, name, t->value, MIG_FS_XATTR_MAX)
			       : fgetxattr(fd, name, t->value, MIG_FS_XATTR_MAX);

	if (n < 0)
		return -errno;
	mig_fs_put(&t->meta, strlen(name), 2);
	mig_fs_put(&t->meta, (uint64_t)n, 4);
	buf_adds(&t->meta, name);
	buf_add(&t->meta, t->value, (size_t)n);
	return t->meta.len <= MIG_FS_META_MAX ? 0 : -E2BIG;
}

static int add_xattrs(struct mig_tree *t, int fd, bool is_path)
{
	char text[FD_PROC_MAX];
	/* An O_PATH descriptor cannot be asked; the link in /proc leads to the node itself, even to
	 * a symlink. */
	const char *proc = is_path ? fd_proc_path(fd, text) : NULL;
	const ssize_t n = proc ? listxattr(proc, t->names, MIG_FS_XATTR_MAX)
			       : flistxattr(fd, t->names, MIG_FS_XATTR_MAX);
	const size_t at = t->meta.len;
	uint32_t count = 0;

	mig_fs_put(&t->meta, 0, 4);
	if (n < 0)
		return errno == EOPNOTSUPP ? 0 : -errno;
	for (ssize_t i = 0; i < n; i += (ssize_t)strlen(t->names + i) + 1) {
		int r = mig_fs_is_xattr(t->names + i) ? add_xattr(t, t->names + i, fd, proc) : 1;

		if (r < 0)
			return r;
		count += r == 0;
	}
	for (unsigned i = 0; i < 4; i++)
		t->meta.data[at + i] = (char)(count >> (8 * i));
	return 0;
}

int mig_tree_meta(struct mig_tree *t, const struct mig_node *n, const struct statx *sx,
		  uint64_t size, int fd, bool is_path)
{
	t->meta.len = 0;
	mig_fs_put(&t->meta, n->id, 4);
	mig_fs_put(&t->meta, sx->stx_mode, 4);
	mig_fs_put(&t->meta, sx->stx_uid, 4);
	mig_fs_put(&t->meta, sx->stx_gid, 4);
	mig_fs_put(&t->meta, size, 8);
	mig_fs_put(&t->meta, (uint64_t)sx->stx_mtime.tv_sec, 8);
	mig_fs_put(&t->meta, sx->stx_mtime.tv_nsec, 4);
	if (fd >= 0)
		return add_xattrs(t, fd, is_path);
	mig_fs_put(&t->meta, 0, 4);
	return 0;
}

int mig_tree_send_meta(struct mig_tree *t, struct mig_source_node *n, bool is_due, struct err *e)
{
	const struct mig_hash item = mig_model_item(&n->n, t->meta.data, t->meta.len);
	size_t at;

	if (!is_due && n->n.has_item && mig_hash_is_equal(item, n->n.item))
		return 0;
	mig_model_set_item(&t->model, &n->n, item);
	t->count.entries++;
	/* What is in a directory comes first: it would change the directory's times. */
	if (S_ISDIR(n->n.type)) {
		at = mig_fs_open(&t->late, MIG_REC_META);
		buf_add(&t->late, t->meta.data, t->meta.len);
		mig_fs_close(&t->late, at);
		return 0;
	}
	int r = mig_tree_record(t, MIG_FS_ENTRY, MIG_REC_META, &at, e);

	if (r < 0)
		return r;
	buf_add(&t->batch, t->meta.data, t->meta.len);
	return mig_tree_recorded(t, at, e);
}
