/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/mig_sink_name: names of the receiving side: made, linked and removed in directories
 * that are opened anew from the root, by names that this side made. Called by mig_sink.c.
 */
#include "checkpoint/mig_sink_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "base/auto.h"
#include "base/str.h"
#include "base/ban.h"

#define ID_MAX 16

static const char *id_text(const struct mig_node *n, char ret[ID_MAX])
{
	snprintf(ret, ID_MAX, "%u", n->id);
	return ret;
}

/* ---- opening ---- */

/* The directory's descriptor: borrowed, until the next call. */
static int open_dir(struct mig_sink *s, const struct mig_node *dir)
{
	if (dir->id == MIG_FS_ROOT)
		return s->root_fd;
	if (s->dir_fd >= 0 && s->dir_id == dir->id)
		return s->dir_fd;
	mig_model_path(dir, NULL, &s->path);
	fd_replace(&s->dir_fd, mig_fs_open_path(s->root_fd, s->path.data, O_PATH | O_DIRECTORY));
	s->dir_id = dir->id;
	return s->dir_fd;
}

static int open_one(struct mig_sink *s, const struct mig_sink_node *n, int flags)
{
	char id[ID_MAX];

	if (n->is_in_limbo)
		return mig_fs_open_path(s->limbo_fd, id_text(&n->n, id), flags);
	if (!n->n.names)
		return -ENOENT;
	int dir_fd = open_dir(s, n->n.names->parent);

	return dir_fd < 0 ? dir_fd : mig_fs_open_path(dir_fd, n->n.names->text, flags);
}

int mig_sink_open_node(struct mig_sink *s, const struct mig_sink_node *n)
{
	if (n->n.id != MIG_FS_ROOT)
		return open_one(s, n, O_PATH);
	int fd = fcntl(s->root_fd, F_DUPFD_CLOEXEC, 3);

	return fd < 0 ? -errno : fd;
}

int mig_sink_open_file(struct mig_sink *s, struct mig_sink_node *n)
{
	struct stat st;

	if (n->n.id == MIG_FS_ROOT)
		return s->root_fd;
	if (s->file_fd >= 0 && s->file_id == n->n.id)
		return s->file_fd;
	fd_replace(&s->file_fd, open_one(s, n, O_RDWR | O_NONBLOCK | O_NOCTTY));
	s->file_id = n->n.id;
	/* Somebody else's hand. */
	if (s->file_fd >= 0 && (fstat(s->file_fd, &st) < 0 || !S_ISREG(st.st_mode)))
		fd_replace(&s->file_fd, -ESTALE);
	return s->file_fd;
}

/* ---- limbo ---- */

static int open_limbo(struct mig_sink *s)
{
	uint64_t number;

	if (s->limbo_fd >= 0)
		return s->limbo_fd;
	if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
		return -EIO;
	snprintf(s->limbo, sizeof(s->limbo), ".stiva-sink-%016llx", (unsigned long long)number);
	if (mkdirat(s->root_fd, s->limbo, 0700) < 0)
		return -errno;
	fd_replace(&s->limbo_fd, mig_fs_open_path(s->root_fd, s->limbo, O_PATH | O_DIRECTORY));
	if (s->limbo_fd < 0)
		(void)unlinkat(s->root_fd, s->limbo, AT_REMOVEDIR);
	return s->limbo_fd;
}

static void gone(void *ctx, struct mig_node *n)
{
	struct mig_sink *s = ctx;
	char id[ID_MAX];

	if (((struct mig_sink_node *)n)->is_in_limbo)
		(void)unlinkat(s->limbo_fd, id_text(n, id), 0);
	if (s->file_id == n->id)
		auto_fd_done(&s->file_fd);
	if (s->dir_id == n->id)
		auto_fd_done(&s->dir_fd);
	if (s->pass.n == (struct mig_sink_node *)n)
		s->pass.n = NULL;
}

int mig_sink_empty_limbo(struct mig_sink *s, struct err *e)
{
	const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, s->root_mtime};

	mig_model_settle(&s->model, gone, s);
	if (s->limbo_fd < 0)
		return 0;
	auto_fd_done(&s->limbo_fd);
	if (unlinkat(s->root_fd, s->limbo, AT_REMOVEDIR) < 0)
		return err_sys(e, errno, "%s: remove \"%s\"", s->where, s->limbo);
	if (s->has_root_mtime && futimens(s->root_fd, times) < 0)
		return err_sys(e, errno, "%s: set its time", s->where);
	return 0;
}

/* ---- records ---- */

/* A parent and a name in it, as NEW, LINK and DEL have them. */
struct spot {
	struct mig_node *parent;
	char name[NAME_MAX + 1];
	size_t n;
	struct mig_name *known; /* NULL */
};

static int take_spot(struct mig_sink *s, uint64_t parent, struct mig_fs_in *in, struct spot *ret,
		     struct err *e)
{
	const char *name = mig_fs_take_name(in, &ret->n);

	ret->parent = mig_model_node(&s->model, parent);
	if (in->is_short)
		return mig_sink_bad(s, e, "a record that is too short");
	if (!mig_fs_is_name(name, ret->n))
		return mig_sink_bad(s, e, "a name that no file can have");
	if (!ret->parent || !S_ISDIR(ret->parent->type) ||
	    (!ret->parent->n_names && ret->parent->id != MIG_FS_ROOT))
		return mig_sink_bad(s, e, "a name in what is no directory");
	memcpy(ret->name, name, ret->n);
	ret->name[ret->n] = '\0';
	ret->known = mig_model_find(&s->model, ret->parent, ret->name, ret->n);
	return 0;
}

static int make(struct mig_sink *s, int dir_fd, const struct spot *x, const struct mig_node *n)
{
	switch (n->type) {
	case S_IFDIR:
		return mkdirat(dir_fd, x->name, 0700) < 0 ? -errno : 0;
	case S_IFLNK:
		return symlinkat(n->target, dir_fd, x->name) < 0 ? -errno : 0;
	case S_IFREG:
		fd_replace(&s->file_fd,
			   openat(dir_fd, x->name,
				  O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
		s->file_id = n->id;
		return s->file_fd < 0 ? -errno : 0;
	default:
		return mknodat(dir_fd, x->name, n->type | 0600, makedev(n->major, n->minor)) < 0
			       ? -errno
			       : 0;
	}
}

static bool is_type(mode_t type)
{
	return S_ISDIR(type) || S_ISREG(type) || S_ISLNK(type) || S_ISCHR(type) || S_ISBLK(type) ||
	       S_ISFIFO(type) || S_ISSOCK(type);
}

int mig_sink_new(struct mig_sink *s, struct mig_fs_in *in, struct err *e)
{
	struct spot x;
	const uint64_t id = mig_fs_take(in, 4), parent = mig_fs_take(in, 4);
	const mode_t type = (mode_t)mig_fs_take(in, 4) & S_IFMT;
	const uint32_t major = (uint32_t)mig_fs_take(in, 4), minor = (uint32_t)mig_fs_take(in, 4);
	int r = take_spot(s, parent, in, &x, e);

	if (r < 0)
		return r;
	const size_t n_target = in->n;

	if (!is_type(type) || (S_ISLNK(type) ? n_target == 0 || n_target >= PATH_MAX : n_target) ||
	    memchr(in->p, '\0', n_target) || (!S_ISCHR(type) && !S_ISBLK(type) && (major || minor)))
		return mig_sink_bad(s, e, "an entry of a kind that does not exist");
	if (x.known || id != (uint64_t)s->model.last_id + 1)
		return mig_sink_bad(s, e, "an entry that is there already");
	struct mig_node *n = mig_model_new(&s->model, type);

	if (!n || !mig_model_link(&s->model, x.parent, n, x.name, x.n))
		return mig_sink_bad(s, e, "more entries than a tree may have, or nested too deep");
	n->major = major;
	n->minor = minor;
	if (S_ISLNK(type)) {
		n->target = mem_alloc(n_target + 1);
		memcpy(n->target, in->p, n_target);
	}
	const int dir_fd = open_dir(s, x.parent);

	r = dir_fd < 0 ? dir_fd : make(s, dir_fd, &x, n);
	if (r == 0)
		return 0;
	/* It is not ours to discard. */
	mig_model_unlink(&s->model, n->names);
	return mig_sink_failed(s, e, r, "make", x.parent, x.name);
}

int mig_sink_link(struct mig_sink *s, struct mig_fs_in *in, struct err *e)
{
	struct spot x;
	char id[ID_MAX];
	const uint64_t parent = mig_fs_take(in, 4);
	struct mig_node *n = mig_model_node(&s->model, mig_fs_take(in, 4));
	struct mig_sink_node *own = (struct mig_sink_node *)n;
	int r = take_spot(s, parent, in, &x, e);

	if (r < 0)
		return r;
	if (in->n || x.known || !n || S_ISDIR(n->type) || n->id == MIG_FS_ROOT)
		return mig_sink_bad(s, e, "a link that cannot be made");
	if (!n->names && !own->is_in_limbo)
		return mig_sink_bad(s, e, "a link to what is gone");
	AUTO_FD from_fd = FD_NONE;

	if (!own->is_in_limbo) {
		/* The descriptor that is kept is one; here two are needed. */
		from_fd = fcntl(open_dir(s, n->names->parent), F_DUPFD_CLOEXEC, 3);
		r = from_fd < 0 ? -errno : 0;
	}
	const int dir_fd = open_dir(s, x.parent);

	if (r == 0 && dir_fd < 0)
		r = dir_fd;
	if (r == 0 && own->is_in_limbo)
		r = renameat2(s->limbo_fd, id_text(n, id), dir_fd, x.name, RENAME_NOREPLACE) < 0
			    ? -errno
			    : 0;
	else if (r == 0)
		r = linkat(from_fd, n->names->text, dir_fd, x.name, 0) < 0 ? -errno : 0;
	if (r < 0)
		return mig_sink_failed(s, e, r, "link", x.parent, x.name);
	own->is_in_limbo = false;
	if (!mig_model_link(&s->model, x.parent, n, x.name, x.n))
		return mig_sink_bad(s, e, "more entries than a tree may have, or nested too deep");
	return 0;
}

int mig_sink_remove(struct mig_sink *s, struct mig_name *name, struct err *e)
{
	struct mig_sink_node *n = (struct mig_sink_node *)name->node;
	const bool is_dir = S_ISDIR(n->n.type);
	const int limbo_fd = is_dir || n->n.n_names > 1 ? FD_NONE : open_limbo(s);
	const int dir_fd = open_dir(s, name->parent);
	char id[ID_MAX];
	int r = dir_fd < 0 ? dir_fd : 0;

	if (r == 0 && (is_dir || n->n.n_names > 1))
		r = unlinkat(dir_fd, name->text, is_dir ? AT_REMOVEDIR : 0) < 0 ? -errno : 0;
	else if (r == 0 && limbo_fd < 0)
		r = limbo_fd;
	else if (r == 0)
		r = renameat2(dir_fd, name->text, limbo_fd, id_text(&n->n, id), RENAME_NOREPLACE) <
				    0
			    ? -errno
			    : 0;
	if (r < 0)
		return mig_sink_failed(s, e, r, "remove", name->parent, name->text);
	n->is_in_limbo = limbo_fd >= 0;
	if (is_dir && s->dir_id == n->n.id)
		auto_fd_done(&s->dir_fd);
	mig_model_unlink(&s->model, name);
	return 0;
}

int mig_sink_del(struct mig_sink *s, struct mig_fs_in *in, struct err *e)
{
	struct spot x;
	const uint64_t parent = mig_fs_take(in, 4);
	int r = take_spot(s, parent, in, &x, e);

	if (r < 0)
		return r;
	if (in->n || !x.known || x.known->node->children)
		return mig_sink_bad(s, e, "removes what is not there, or not empty");
	return mig_sink_remove(s, x.known, e);
}
