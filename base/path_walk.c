/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/path_walk: resolves a path one component at a time. Every directory on the way stays open in
 * a stack, so ".." is a pop: it cannot leave the root whatever an attacker renames meanwhile.
 * Symlinks are never followed by the kernel: their text is put in front of the rest and walked
 * here. It must not know what a path is for. Called by base/path.c only.
 */
#include "base/path_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "base/auto.h"
#include "base/mem.h"
#include "base/ban.h"

/* The kernel's MAXSYMLINKS. */
#define LINKS_MAX 40
/* Directories below the root that may be open at a time; well under the usual limit of 1024 fds. */
#define DEPTH_MAX 400
/* A last component that turns into a link between two looks is looked at again. */
#define SWAPS_MAX     16
#define PROC_ROOT_INO 1

struct walk {
	int fds[DEPTH_MAX]; /* owned: the directories below the root, outermost first */
	size_t depth;
	int root_fd; /* borrowed */
	unsigned links, swaps;
	struct buf text; /* what is still to be walked, from `at` on */
	size_t at;
	const struct path_goal *goal;
};

/* One component and what comes behind it. */
struct part {
	char name[NAME_MAX + 1];
	bool is_last;	/* nothing but slashes behind it */
	bool wants_dir; /* slashes behind it */
};

static void walk_done(struct walk *w)
{
	while (w->depth > 0)
		close(w->fds[--w->depth]);
	buf_done(&w->text);
}

static int top(const struct walk *w)
{
	return w->depth ? w->fds[w->depth - 1] : w->root_fd;
}

static void pop_all(struct walk *w)
{
	while (w->depth > 0)
		close(w->fds[--w->depth]);
}

static int push(struct walk *w, int *fd)
{
	if (w->depth == DEPTH_MAX)
		return -ENAMETOOLONG;
	w->fds[w->depth++] = fd_take(fd);
	return 0;
}

/* Puts the text of a link in place of its name; an absolute one starts at the root again. */
static void insert_target(struct walk *w, const char *target, size_t n)
{
	struct buf next = {0};

	buf_add(&next, target, n);
	buf_add(&next, w->text.data + w->at, w->text.len - w->at);
	buf_done(&w->text);
	w->text = next;
	w->at = 0;
	if (target[0] == '/')
		pop_all(w);
}

/*
 * Links of procfs whose text is not where they lead (/proc/PID/root, fd/N, ns/NAME). The plain ones
 * ("self", "mounts") all live in the root directory of procfs.
 */
static int check_magic(const struct walk *w, int link_fd)
{
	struct statfs fs;
	struct stat st;

	if (fstatfs(link_fd, &fs) < 0)
		return -errno;
	if (fs.f_type != PROC_SUPER_MAGIC)
		return 0;
	if (fstat(top(w), &st) < 0)
		return -errno;
	return st.st_ino == PROC_ROOT_INO ? 0 : -ELOOP;
}

static int follow(struct walk *w, int link_fd)
{
	char target[PATH_MAX];
	ssize_t n;
	int r;

	if (w->links++ >= LINKS_MAX)
		return -ELOOP;
	n = readlinkat(link_fd, "", target, sizeof(target));
	if (n < 0)
		return -errno;
	/* Only now: for a magic link of a process we may not look into, the kernel says EACCES. */
	r = check_magic(w, link_fd);
	if (r < 0)
		return r;
	if (n == 0)
		return -ENOENT;
	if ((size_t)n == sizeof(target))
		return -ENAMETOOLONG;
	insert_target(w, target, (size_t)n);
	return 0;
}

/* Makes the missing component. Losing a race for it is no failure: it is looked at again. */
static int make_part(const struct walk *w, const struct part *p)
{
	bool is_file = w->goal->make == PATH_MAKE_FILE && p->is_last;
	mode_t mode = p->is_last ? w->goal->mode : w->goal->dir_mode;
	mode_t old;
	int r;

	if (is_file && p->wants_dir)
		return -EISDIR;
	/* The mode is exact from the start; a chmod afterwards would need a path or a kernel 6.6.
	 */
	old = umask(0);
	r = is_file ? mknodat(top(w), p->name, S_IFREG | mode, 0) : mkdirat(top(w), p->name, mode);
	r = r < 0 ? -errno : 0;
	umask(old);
	return r == -EEXIST ? 0 : r;
}

/* An O_PATH fd of the component itself, made first if it is missing and the goal says so. */
static int look(const struct walk *w, const struct part *p)
{
	int fd = openat(top(w), p->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	int r;

	if (fd >= 0)
		return fd;
	if (errno != ENOENT || w->goal->make == PATH_MAKE_NONE)
		return -errno;
	r = make_part(w, p);
	if (r < 0)
		return r;
	fd = openat(top(w), p->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* The last component, which is no link (or one that the caller wants). -EAGAIN: look again. */
static int finish(struct walk *w, const struct part *p, int *fd, bool is_dir)
{
	int flags = w->goal->flags;
	int r;

	if (flags & O_PATH) {
		if ((flags & O_DIRECTORY) && !is_dir)
			return -ENOTDIR;
		return fd_take(fd);
	}
	if (p->wants_dir)
		flags |= O_DIRECTORY;
	r = openat(top(w), p->name, flags | O_NOFOLLOW | O_CLOEXEC);
	if (r >= 0)
		return r;
	if (errno == ELOOP && !(flags & O_NOFOLLOW) && w->swaps++ < SWAPS_MAX)
		return -EAGAIN;
	return -errno;
}

/* One component. Return: fd when that was the end, -EAGAIN to go on, or -errno. */
static int step_part(struct walk *w, const struct part *p, size_t next_at)
{
	bool keeps_link = p->is_last && !p->wants_dir && (w->goal->flags & O_NOFOLLOW);
	AUTO_FD fd = look(w, p);
	struct stat st;
	int r;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode) && !keeps_link) {
		w->at = next_at;
		r = follow(w, fd);
		return r < 0 ? r : -EAGAIN;
	}
	if (!S_ISDIR(st.st_mode) && (!p->is_last || p->wants_dir))
		return -ENOTDIR;
	if (p->is_last)
		return finish(w, p, &fd, S_ISDIR(st.st_mode));
	w->at = next_at;
	r = push(w, &fd);
	return r < 0 ? r : -EAGAIN;
}

/* The path ended in a directory that is open already ("/", "a/.", "a/.."). */
static int finish_dir(const struct walk *w)
{
	int fd = openat(top(w), ".", (w->goal->flags & ~O_NOFOLLOW) | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Cuts the next component off at `at`. Return: 1, 0 at the end of the text, or -ENAMETOOLONG. */
static int next_part(struct walk *w, struct part *ret, size_t *ret_next_at)
{
	const char *s;
	size_t n;

	w->at += strspn(w->text.data + w->at, "/");
	s = w->text.data + w->at;
	n = strcspn(s, "/");
	if (n == 0)
		return 0;
	if (n > NAME_MAX)
		return -ENAMETOOLONG;
	memcpy(ret->name, s, n);
	ret->name[n] = '\0';
	ret->wants_dir = s[n] == '/';
	ret->is_last = s[n + strspn(s + n, "/")] == '\0';
	*ret_next_at = w->at + n;
	return 1;
}

/* "." and "..". Return: 1 when the component was one of them, 0, or -errno. */
static int step_dots(struct walk *w, const struct part *p, size_t next_at)
{
	bool is_up = strcmp(p->name, "..") == 0;
	AUTO_FD fd = FD_NONE;

	if (!is_up && strcmp(p->name, ".") != 0)
		return 0;
	/* As any other name, they may be looked up only where the caller has search permission. */
	fd = openat(top(w), ".", O_PATH | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* ".." of the root is the root. */
	if (is_up && w->depth > 0)
		close(w->fds[--w->depth]);
	w->at = next_at;
	return 1;
}

int path_walk(int root_fd, const char *path, const struct path_goal *goal)
{
	__attribute__((cleanup(walk_done))) struct walk w = {.root_fd = root_fd, .goal = goal};
	size_t len = strlen(path);

	if (len == 0)
		return -ENOENT;
	if (len >= PATH_MAX)
		return -ENAMETOOLONG;
	buf_add(&w.text, path, len);
	for (;;) {
		struct part p;
		size_t next_at;
		int r = next_part(&w, &p, &next_at);

		if (r < 0)
			return r;
		if (r == 0)
			return finish_dir(&w);
		r = step_dots(&w, &p, next_at);
		if (r < 0)
			return r;
		if (r > 0)
			continue;
		r = step_part(&w, &p, next_at);
		if (r != -EAGAIN)
			return r;
	}
}
