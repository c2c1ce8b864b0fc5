/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/mig_sink_node: contents and metadata of the receiving side. Owner, then xattrs (a
 * change of the owner takes capabilities away), then the mode (it, too, takes set-uid away), then
 * the time; and then it is looked at whether the file system kept all of it. Called by mig_sink.c.
 */
#include "checkpoint/mig_sink_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "base/auto.h"
#include "base/fd.h"
#include "base/str.h"
#include "base/ban.h"

/* The kernel lists 64 KiB of names. */
#define XATTRS_MAX 8192

/* ---- pieces ---- */

static void block_done(struct mig_pass *p, struct mig_hash h)
{
	const uint64_t index = (p->next - 1) / MIG_FS_BLOCK;

	/* What was and is zero is no change. */
	if (!mig_hash_is_none(h) || !mig_hash_is_none(mig_blocks_get(&p->n->n.blocks, index)))
		mig_blocks_add(&p->changed, index, h);
	p->fill = 0;
}

/* Whole blocks without contents, from p->next on. */
static void skip_blocks(struct mig_pass *p, uint64_t n_blocks)
{
	const struct mig_blocks *had = &p->n->n.blocks;
	const uint64_t first = p->next / MIG_FS_BLOCK;

	for (size_t i = mig_blocks_from(had, first);
	     i < had->n && had->v[i].index < first + n_blocks; i++)
		mig_blocks_add(&p->changed, had->v[i].index, (struct mig_hash){0, 0});
	p->next += n_blocks * MIG_FS_BLOCK;
}

/* What a piece means for the hashes. data NULL: zeros. */
static void feed(struct mig_pass *p, const char *data, uint64_t n)
{
	while (n) {
		uint64_t part = MIG_FS_BLOCK - p->fill;

		if (!data && p->fill == 0 && n >= MIG_FS_BLOCK) {
			skip_blocks(p, n / MIG_FS_BLOCK);
			n %= MIG_FS_BLOCK;
			continue;
		}
		part = part < n ? part : n;
		p->next += part;
		n -= part;
		if (data && part == MIG_FS_BLOCK) {
			block_done(p, mig_fs_hash_block(data, MIG_FS_BLOCK));
		} else {
			if (data)
				memcpy(p->block + p->fill, data, part);
			else
				memset(p->block + p->fill, 0, part);
			p->fill += (uint32_t)part;
			if (p->fill == MIG_FS_BLOCK)
				block_done(p, mig_fs_hash_block(p->block, MIG_FS_BLOCK));
		}
		data = data ? data + part : NULL;
	}
}

static int write_at(int fd, const char *p, uint64_t n, uint64_t at)
{
	while (n) {
		const ssize_t k = pwrite(fd, p, n, (off_t)at);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return k < 0 ? -errno : -EIO;
		p += k;
		n -= (uint64_t)k;
		at += (uint64_t)k;
	}
	return 0;
}

static int write_zeros(int fd, uint64_t n, uint64_t at)
{
	static const char zeros[MIG_FS_BLOCK];
	int r = 0;

	while (r == 0 && n) {
		const uint64_t part = n < sizeof(zeros) ? n : sizeof(zeros);

		r = write_at(fd, zeros, part, at);
		n -= part;
		at += part;
	}
	return r;
}

static int punch(int fd, uint64_t n, uint64_t at)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	/* Beyond the end there is nothing to lose. */
	if (at >= (uint64_t)st.st_size)
		return 0;
	n = n < (uint64_t)st.st_size - at ? n : (uint64_t)st.st_size - at;
	if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at, (off_t)n) == 0)
		return 0;
	return errno == EOPNOTSUPP ? write_zeros(fd, n, at) : -errno;
}

int mig_sink_piece(struct mig_sink *s, struct mig_fs_in *in, struct err *e)
{
	struct mig_pass *p = &s->pass;
	struct mig_node *n = mig_model_node(&s->model, mig_fs_take(in, 4));
	const uint64_t kind = mig_fs_take(in, 1), at = mig_fs_take(in, 8), len = mig_fs_take(in, 8);

	if (in->is_short || in->n != (kind == MIG_PIECE_DATA ? len : 0))
		return mig_sink_bad(s, e, "a piece of another length");
	if (!n || !S_ISREG(n->type) || (p->n && &p->n->n != n))
		return mig_sink_bad(s, e, "a piece of another file");
	if (!p->n)
		*p = (struct mig_pass){.n = (struct mig_sink_node *)n, .block = p->block};
	if (kind < MIG_PIECE_DATA || kind > MIG_PIECE_HOLE || len == 0 ||
	    (kind != MIG_PIECE_HOLE && len > MIG_FS_PIECE_MAX) || len > INT64_MAX ||
	    at > INT64_MAX - len || (p->fill ? at != p->next : at < p->next || at % MIG_FS_BLOCK))
		return mig_sink_bad(s, e, "a piece out of place");
	const int fd = mig_sink_open_file(s, p->n);
	int r = fd < 0 ? fd : 0;

	if (r == 0 && kind == MIG_PIECE_DATA)
		r = write_at(fd, in->p, len, at);
	else if (r == 0)
		r = kind == MIG_PIECE_ZEROS ? write_zeros(fd, len, at) : punch(fd, len, at);
	if (r < 0)
		return mig_sink_failed(s, e, r, "write", n, NULL);
	if (!p->fill)
		p->next = at;
	feed(p, kind == MIG_PIECE_DATA ? in->p : NULL, len);
	return 0;
}

/* The pieces of a file are complete. */
static void pass_done(struct mig_sink *s, uint64_t size)
{
	struct mig_pass *p = &s->pass;

	if (p->fill)
		block_done(p, mig_fs_hash_block(p->block, p->fill));
	mig_blocks_merge(&p->n->n.blocks, &p->changed, size);
	mig_blocks_done(&p->changed);
	p->n = NULL;
}

/* ---- metadata ---- */

struct meta {
	uint32_t mode, uid, gid, mtime_ns, n_xattrs;
	uint64_t size;
	int64_t mtime;
	struct mig_fs_in xattrs; /* n_xattrs of them, checked */
};

struct xattr {
	char name[XATTR_NAME_MAX + 1];
	const char *value;
	size_t n;
};

static void take_xattr(struct mig_fs_in *in, struct xattr *ret)
{
	const size_t n = mig_fs_take(in, 2);

	ret->n = mig_fs_take(in, 4);
	const char *name = mig_fs_take_bytes(in, n);

	ret->value = mig_fs_take_bytes(in, ret->n);
	ret->name[0] = '\0';
	if (n == 0 || n > XATTR_NAME_MAX || ret->n > MIG_FS_XATTR_MAX || memchr(name, '\0', n))
		in->is_short = true;
	if (in->is_short)
		return;
	memcpy(ret->name, name, n);
	ret->name[n] = '\0';
}

static bool has_xattr(const struct meta *m, const char *name)
{
	struct mig_fs_in in = m->xattrs;
	struct xattr x;

	for (uint32_t i = 0; i < m->n_xattrs; i++) {
		take_xattr(&in, &x);
		if (str_eq(x.name, name))
			return true;
	}
	return false;
}

static int take_meta(struct mig_sink *s, struct mig_fs_in *in, struct meta *m, struct err *e)
{
	struct xattr x;

	m->mode = (uint32_t)mig_fs_take(in, 4);
	m->uid = (uint32_t)mig_fs_take(in, 4);
	m->gid = (uint32_t)mig_fs_take(in, 4);
	m->size = mig_fs_take(in, 8);
	m->mtime = (int64_t)mig_fs_take(in, 8);
	m->mtime_ns = (uint32_t)mig_fs_take(in, 4);
	m->n_xattrs = (uint32_t)mig_fs_take(in, 4);
	m->xattrs = *in;
	if (m->n_xattrs > XATTRS_MAX)
		return mig_sink_bad(s, e, "more extended attributes than a file can have");
	for (uint32_t i = 0; i < m->n_xattrs && !in->is_short; i++) {
		take_xattr(in, &x);
		if (!in->is_short && !mig_fs_is_xattr(x.name))
			return mig_sink_bad(s, e, "an extended attribute that is not carried");
	}
	if (in->is_short || in->n)
		return mig_sink_bad(s, e, "metadata of another length");
	return 0;
}

/* x: the one that failed. Those that are too many go: a new file may have got some from its
 * directory. */
static int set_xattrs(struct mig_sink *s, const struct meta *m, const char *proc, struct xattr *x)
{
	struct mig_fs_in in = m->xattrs;
	ssize_t n = listxattr(proc, s->names, MIG_FS_XATTR_MAX);

	for (ssize_t i = 0; i < n; i += (ssize_t)strlen(s->names + i) + 1) {
		const char *name = s->names + i;

		(void)str_copy(x->name, sizeof(x->name), name);
		if (!mig_fs_is_xattr(name) || has_xattr(m, name))
			continue;
		/* A label that the host gives to every file cannot go. */
		if (removexattr(proc, name) < 0 && !str_eq(name, "security.selinux"))
			return -errno;
	}
	for (uint32_t i = 0; i < m->n_xattrs; i++) {
		take_xattr(&in, x);
		if (setxattr(proc, x->name, x->value, x->n, 0) < 0)
			return -errno;
	}
	return 0;
}

static int check_kept(struct mig_sink *s, const struct mig_node *n, const struct meta *m, int fd,
		      struct err *e)
{
	struct statx sx;
	const char *what = NULL;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &sx) < 0)
		return mig_sink_failed(s, e, errno, "look at", n, NULL);
	if (sx.stx_uid != m->uid || sx.stx_gid != m->gid)
		what = "owner";
	else if (sx.stx_mode != m->mode && !S_ISLNK(n->type))
		what = "mode";
	else if (sx.stx_mtime.tv_sec != m->mtime || sx.stx_mtime.tv_nsec != m->mtime_ns)
		what = "modification time";
	else if (S_ISREG(n->type) && sx.stx_size != m->size)
		what = "size";
	if (!what)
		return 0;
	mig_model_path(n, NULL, &s->path);
	return err_set(e, ERR_MISSING, EIO,
		       "%s: the file system here does not keep the %s of \"%.300s\"", s->where,
		       what, s->path.len ? s->path.data : ".");
}

static int apply(struct mig_sink *s, struct mig_node *n, const struct meta *m, int fd,
		 struct err *e)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
					  {.tv_sec = m->mtime, .tv_nsec = m->mtime_ns}};
	char proc[FD_PROC_MAX], doing[XATTR_NAME_MAX + 32];
	struct xattr x = {0};

	fd_proc_path(fd, proc);
	if (S_ISREG(n->type) && ftruncate(fd, (off_t)m->size) < 0)
		return mig_sink_failed(s, e, errno, "set the size of", n, NULL);
	if (fchownat(fd, "", m->uid, m->gid, AT_EMPTY_PATH) < 0)
		return mig_sink_failed(s, e, errno, "set the owner of", n, NULL);
	int r = set_xattrs(s, m, proc, &x);

	if (r < 0) {
		snprintf(doing, sizeof(doing), "set the attribute %s of", x.name);
		return mig_sink_failed(s, e, r, doing, n, NULL);
	}
	/* The link in /proc leads to the node itself: even a symlink's target is not followed. */
	if (!S_ISLNK(n->type) && chmod(proc, m->mode & 07777) < 0)
		return mig_sink_failed(s, e, errno, "set the mode of", n, NULL);
	if (utimensat(AT_FDCWD, proc, times, 0) < 0)
		return mig_sink_failed(s, e, errno, "set the time of", n, NULL);
	if (n->id == MIG_FS_ROOT) {
		s->root_mtime = times[1];
		s->has_root_mtime = true;
	}
	return check_kept(s, n, m, fd, e);
}

int mig_sink_meta(struct mig_sink *s, struct mig_fs_in *in, struct err *e)
{
	const char *body = in->p;
	const size_t n_body = in->n;
	struct meta m;
	struct mig_sink_node *n =
		(struct mig_sink_node *)mig_model_node(&s->model, mig_fs_take(in, 4));

	if (!n || (s->pass.n && s->pass.n != n))
		return mig_sink_bad(s, e, "metadata of another file");
	int r = take_meta(s, in, &m, e);

	if (r < 0)
		return r;
	if ((m.mode & S_IFMT) != n->n.type || (m.mode & ~(S_IFMT | 07777u)) ||
	    (S_ISREG(n->n.type) ? m.size > INT64_MAX : m.size != 0) || m.mtime_ns >= 1000000000)
		return mig_sink_bad(s, e, "metadata that does not fit its file");
	const bool is_file = S_ISREG(n->n.type);
	AUTO_FD own_fd = is_file ? FD_NONE : mig_sink_open_node(s, n);
	const int fd = is_file ? mig_sink_open_file(s, n) : own_fd;

	if (fd < 0)
		return mig_sink_failed(s, e, fd, "open", &n->n, NULL);
	r = apply(s, &n->n, &m, fd, e);
	if (r < 0)
		return r;
	if (s->pass.n)
		pass_done(s, m.size);
	else if (is_file)
		mig_blocks_merge(&n->n.blocks, &(struct mig_blocks){0}, m.size);
	mig_model_set_item(&s->model, &n->n, mig_model_item(&n->n, body, n_body));
	return 0;
}
