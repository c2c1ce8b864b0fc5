/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint/mig_sink: frames and rounds of the receiving side. Called by mig_target.c. */
#include "checkpoint/mig_sink_inner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/auto.h"
#include "base/fd.h"
#include "base/str.h"
#include "base/ban.h"

int mig_sink_bad(const struct mig_sink *s, struct err *e, const char *what)
{
	return err_set(e, ERR_INPUT, EBADMSG, "protocol error: %s: %s", s->where, what);
}

int mig_sink_failed(struct mig_sink *s, struct err *e, int why, const char *doing,
		    const struct mig_node *n, const char *name)
{
	char text[300];

	mig_model_path(n, name, &s->path);
	str_printable(text, sizeof(text), s->path.len ? s->path.data : ".");
	return err_sys(e, why, "%s: %s \"%s\"", s->where, doing, text);
}

/* ---- life ---- */

static int is_empty(int fd)
{
	struct dirent *d;
	int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_DIR dir = own < 0 ? NULL : fdopendir(own);

	if (!dir)
		return -errno;
	while ((d = readdir(dir)))
		if (!str_eq(d->d_name, ".") && !str_eq(d->d_name, ".."))
			return 0;
	return 1;
}

int mig_sink_open(int root_fd, uint32_t stream, const char *where, struct mig_sink **ret,
		  struct err *e)
{
	char proc[FD_PROC_MAX];
	struct stat st;

	*ret = NULL;
	if (fstat(root_fd, &st) < 0)
		return err_sys(e, errno, "%s", where);
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return err_set(e, ERR_INPUT, EINVAL, "%s: neither a directory nor a regular file",
			       where);
	int r = S_ISDIR(st.st_mode) ? is_empty(root_fd) : 1;

	if (r == 0)
		return err_set(e, ERR_INPUT, ENOTEMPTY,
			       "%s: the directory is not empty, and what is in it would be lost",
			       where);
	if (r < 0)
		return err_sys(e, r, "%s", where);
	AUTO_FD fd = open(fd_proc_path(root_fd, proc),
			  (S_ISDIR(st.st_mode) ? O_RDONLY | O_DIRECTORY : O_RDWR) | O_NONBLOCK |
				  O_CLOEXEC);

	if (fd < 0)
		return err_sys(e, errno, "%s: open it for writing", where);
	struct mig_sink *s = mem_alloc(sizeof(*s));

	s->root_fd = fd_take(&fd);
	s->stream = stream;
	s->where = where;
	s->dir_fd = s->file_fd = s->limbo_fd = FD_NONE;
	s->pass.block = mem_alloc(MIG_FS_BLOCK);
	s->names = mem_alloc(MIG_FS_XATTR_MAX);
	mig_model_init(&s->model, sizeof(struct mig_sink_node), st.st_mode);
	*ret = s;
	return 0;
}

void mig_sink_free(struct mig_sink *s)
{
	struct err ignored = ERR_INIT;

	if (!s)
		return;
	(void)!mig_sink_empty_limbo(s, &ignored);
	auto_fd_done(&s->root_fd);
	auto_fd_done(&s->dir_fd);
	auto_fd_done(&s->file_fd);
	auto_fd_done(&s->limbo_fd);
	mig_blocks_done(&s->pass.changed);
	free(s->pass.block);
	free(s->names);
	buf_done(&s->path);
	mig_model_done(&s->model);
	free(s);
}

bool mig_sink_is_complete(const struct mig_sink *s)
{
	return s->is_complete;
}

int mig_sink_sync(struct mig_sink *s, struct err *e)
{
	return syncfs(s->root_fd) < 0 ? err_sys(e, errno, "%s: write it to the disk", s->where) : 0;
}

void mig_sink_discard(struct mig_sink *s)
{
	struct mig_node *root = mig_model_root(&s->model);
	struct err ignored = ERR_INIT;

	if (S_ISREG(root->type)) {
		(void)!ftruncate(s->root_fd, 0);
		return;
	}
	while (root->children) {
		struct mig_name *at = root->children;

		while (at->node->children)
			at = at->node->children;
		if (mig_sink_remove(s, at, &ignored) < 0)
			/* It stays; what is above it will, too. */
			mig_model_unlink(&s->model, at);
	}
	(void)!mig_sink_empty_limbo(s, &ignored);
	s->is_failed = true;
	s->is_complete = false;
}

/* ---- rounds ---- */

static int begin(struct mig_sink *s, struct mig_fs_in *in, struct err *e)
{
	const uint32_t version = (uint32_t)mig_fs_take(in, 4);
	const uint32_t number = (uint32_t)mig_fs_take(in, 4);
	const uint64_t is_final = mig_fs_take(in, 1);
	const uint64_t type = mig_fs_take(in, 4);

	if (in->is_short || in->n || is_final > 1)
		return mig_sink_bad(s, e, "a beginning of a round of another length");
	if (version != MIG_FS_VERSION)
		return err_set(e, ERR_INPUT, EBADMSG,
			       "protocol error: %s: version %u of the records, known is %u",
			       s->where, version, MIG_FS_VERSION);
	if (s->is_in_round || s->is_complete || number != s->round + 1)
		return mig_sink_bad(s, e, "a round begins where none is due");
	if (type != mig_model_root(&s->model)->type)
		return err_set(e, ERR_INPUT, EBADMSG, "%s: it is a %s here and not there", s->where,
			       S_ISDIR(mig_model_root(&s->model)->type) ? "directory" : "file");
	s->round = number;
	s->is_final = is_final;
	s->is_in_round = true;
	/* Holes are not sent the first time. */
	if (number == 1 && S_ISREG(type) && ftruncate(s->root_fd, 0) < 0)
		return err_sys(e, errno, "%s: empty the file", s->where);
	return 0;
}

/* Nobody may write to a file that a process runs: the kernel would not let the restore say which
 * it is (man 2 PR_SET_MM, EACCES). */
static int let_go(struct mig_sink *s, struct err *e)
{
	struct stat st;
	char proc[FD_PROC_MAX];

	auto_fd_done(&s->file_fd);
	if (fstat(s->root_fd, &st) < 0 || S_ISDIR(st.st_mode))
		return 0;
	AUTO_FD fd = open(fd_proc_path(s->root_fd, proc), O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return err_sys(e, errno, "%s: open it for reading", s->where);
	fd_replace(&s->root_fd, fd_take(&fd));
	return 0;
}

static int end(struct mig_sink *s, const struct mig_frame *f, struct err *e)
{
	struct mig_fs_in in = {f->data, f->n, false};
	const uint32_t number = (uint32_t)mig_fs_take(&in, 4);
	const uint64_t is_final = mig_fs_take(&in, 1);
	AUTO(buf) path = {0};
	char text[300];

	if (s->pass.n)
		return mig_sink_bad(s, e, "a round ends within a file");
	if (in.is_short || number != s->round || is_final != s->is_final)
		return mig_sink_bad(s, e, "the end of another round");
	int r = mig_sink_empty_limbo(s, e);

	if (r < 0)
		return r;
	r = mig_model_compare(&s->model, &in, &path);
	if (r == -EBADMSG || (r == 0 && in.n))
		return mig_sink_bad(s, e, "an end of a round of another length");
	if (r < 0 && path.len)
		return err_set(e, ERR_INPUT, EILSEQ,
			       "%s: \"%s\" did not arrive as it was sent: its digest differs",
			       s->where, str_printable(text, sizeof(text), path.data));
	if (r < 0)
		return err_set(e, ERR_INPUT, EILSEQ,
			       "%s: the tree did not arrive as it was sent: its digest differs",
			       s->where);
	s->is_in_round = false;
	s->is_complete = s->is_final;
	return s->is_complete ? let_go(s, e) : 0;
}

/* ---- frames ---- */

static int take_record(struct mig_sink *s, enum mig_frame_type type, uint64_t kind,
		       struct mig_fs_in *body, struct err *e)
{
	if (kind == MIG_REC_ROUND && type == MIG_FS_ENTRY)
		return begin(s, body, e);
	if (!s->is_in_round)
		return mig_sink_bad(s, e, "a record outside of a round");
	/* What follows the pieces of a file is its META. */
	if (s->pass.n && kind != MIG_REC_PIECE && kind != MIG_REC_META)
		return mig_sink_bad(s, e, "another record within a file");
	if (type == MIG_FS_DEL && kind == MIG_REC_DEL)
		return mig_sink_del(s, body, e);
	if (type != MIG_FS_ENTRY)
		return mig_sink_bad(s, e, "a record in a frame of another type");
	switch (kind) {
	case MIG_REC_NEW:
		return mig_sink_new(s, body, e);
	case MIG_REC_LINK:
		return mig_sink_link(s, body, e);
	case MIG_REC_META:
		return mig_sink_meta(s, body, e);
	case MIG_REC_PIECE:
		return mig_sink_piece(s, body, e);
	default:
		return mig_sink_bad(s, e, "an unknown record");
	}
}

static int take_records(struct mig_sink *s, const struct mig_frame *f, struct err *e)
{
	struct mig_fs_in in = {f->data, f->n, false};
	int r = 0;

	while (r == 0 && in.n) {
		const size_t n = mig_fs_take(&in, 4);
		const uint64_t kind = mig_fs_take(&in, 1);
		struct mig_fs_in body = {mig_fs_take_bytes(&in, n), n, false};

		if (in.is_short)
			return mig_sink_bad(s, e, "a record that is longer than its frame");
		r = take_record(s, f->type, kind, &body, e);
	}
	return r;
}

static int take_frame(struct mig_sink *s, const struct mig_frame *f, struct err *e)
{
	if (f->stream != s->stream)
		return mig_sink_bad(s, e, "a frame of another tree");
	if (f->type == MIG_FS_ENTRY || f->type == MIG_FS_DEL)
		return take_records(s, f, e);
	if (!s->is_in_round)
		return mig_sink_bad(s, e, "a frame outside of a round");
	if (f->type == MIG_FS_END)
		return end(s, f, e);
	if (f->type != MIG_FS_DATA)
		return mig_sink_bad(s, e, "a frame that no tree has");
	struct mig_fs_in in = {f->data, f->n, false};

	return mig_sink_piece(s, &in, e);
}

int mig_sink_take(struct mig_sink *s, const struct mig_frame *f, struct err *e)
{
	if (s->is_failed)
		return mig_sink_bad(s, e, "a frame after one that failed");
	int r = take_frame(s, f, e);

	s->is_failed = r < 0;
	return r;
}
