// SPDX-License-Identifier: Apache-2.0
/*
 * cgroups/walk: visits every cgroup of a subtree. A container with a delegated cgroup chooses how
 * deep its tree is, so the walk neither recurses nor keeps a directory open per level: it goes up
 * by "..", which in cgroupfs is always the parent (there are no links, and a cgroup cannot be
 * moved). It must not know what the visit is for. Called by tree.c and procs.c.
 */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include "base/auto.h"
#include "base/mem.h"
#include "base/str.h"
#include "cgroups/internal.h"
#include "base/ban.h"

#define DEPTH_MAX 65536

struct level {
	long cookie;	 /* where to go on in the parent */
	size_t name_off; /* of this directory's name, in names */
};
struct walk {
	DIR *dir; /* owned */
	struct level *v;
	size_t n, cap;
	struct buf names; /* NUL-separated */
};

static void walk_done(struct walk *w)
{
	auto_dir_done(&w->dir);
	free(w->v);
	w->v = NULL;
	buf_done(&w->names);
}

static int open_dir(int at_fd, const char *name, DIR **ret)
{
	AUTO_FD fd = openat(at_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	DIR *d = fdopendir(fd);
	if (!d)
		return -errno;
	fd_take(&fd);
	auto_dir_done(ret);
	*ret = d;
	return 0;
}

static int go_down(struct walk *w, const char *name)
{
	DIR *child = NULL;

	if (w->n >= DEPTH_MAX)
		return -ELOOP;
	int r = open_dir(dirfd(w->dir), name, &child);
	if (r < 0)
		return r;
	if (w->n == w->cap) {
		w->cap = w->cap ? 2 * w->cap : 16;
		w->v = mem_realloc(w->v, w->cap, sizeof(*w->v));
	}
	w->v[w->n].cookie = telldir(w->dir);
	w->v[w->n].name_off = w->names.len;
	w->n++;
	buf_add(&w->names, name, strlen(name) + 1);
	auto_dir_done(&w->dir);
	w->dir = child;
	return 0;
}

static int go_up(struct walk *w, const struct cg_visitor *v, void *arg)
{
	const struct level *l = &w->v[w->n - 1];
	DIR *up = NULL;

	int r = open_dir(dirfd(w->dir), "..", &up);
	if (r < 0)
		return r;
	seekdir(up, l->cookie);
	auto_dir_done(&w->dir);
	w->dir = up;
	if (v->leave)
		r = v->leave(dirfd(up), w->names.data + l->name_off, arg);
	w->names.len = l->name_off;
	w->n--;
	return r;
}

/* The next sub-directory of the current one, or NULL. */
static const char *next_child(DIR *d)
{
	struct dirent *ent;

	while ((ent = readdir(d)))
		if (ent->d_type == DT_DIR && !str_eq(ent->d_name, ".") &&
		    !str_eq(ent->d_name, ".."))
			return ent->d_name;
	return NULL;
}

/* A cgroup may go away under us at any time. */
static bool is_gone(int r)
{
	return r == -ENOENT || r == -ENODEV;
}

int cg_walk(int top_fd, const struct cg_visitor *v, void *arg)
{
	AUTO(walk) w = {0};
	int r = open_dir(top_fd, ".", &w.dir);

	if (r == 0 && v->enter)
		r = v->enter(dirfd(w.dir), arg);
	while (r >= 0) {
		const char *name = next_child(w.dir);
		if (!name && w.n == 0)
			return 0;
		if (!name) {
			r = go_up(&w, v, arg);
			continue;
		}
		r = go_down(&w, name);
		if (is_gone(r))
			r = 0;
		else if (r == 0 && v->enter)
			r = v->enter(dirfd(w.dir), arg);
	}
	return r;
}
