/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of mig_tree and mig_sink share: a source and a destination in a temporary
 * directory, rounds between them, and a comparison of two trees that forgives nothing. */
#ifndef MIG_TREE_HELP_H
#define MIG_TREE_HELP_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/str.h"
#include "checkpoint/mig_fs.h"
#include "checkpoint/mig_sink.h"
#include "checkpoint/mig_tree.h"

#define STREAM 7

struct pair {
	char dir[64]; /* holds "from" and "to" */
	int from_fd, to_fd;
	struct mig_link a, b;
	struct mig_tree *tree;
	struct mig_sink *sink;
	struct mig_tree_count count;
	struct err source_err, sink_err;
	int source_result;
	bool is_final;
	uint64_t wire;				       /* bytes of the last round */
	void (*spoil)(struct mig_frame *f, void *ctx); /* a frame on its way; NULL */
	void *ctx;
};

static inline void pair_link(struct pair *p)
{
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	mig_link_open(&p->a, fd[0], fd[0], "the destination");
	mig_link_open(&p->b, fd[1], fd[1], "the source");
	p->a.silence_ms = p->b.silence_ms = 60000;
}

/* Opens both sides of the roots that are there. */
static inline void pair_open(struct pair *p)
{
	struct err e = ERR_INIT;

	pair_link(p);
	assert_int_equal(mig_tree_open(p->from_fd, STREAM, "the root", &p->tree, &e), 0);
	assert_int_equal(mig_sink_open(p->to_fd, STREAM, "the root", &p->sink, &e), 0);
}

static inline struct pair pair_new(void)
{
	struct pair p = {.dir = "/tmp/stiva-mig-tree-XXXXXX"};

	umask(0);
	assert_non_null(mkdtemp(p.dir));
	int fd = open(p.dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(mkdirat(fd, "from", 0755), 0);
	assert_int_equal(mkdirat(fd, "to", 0755), 0);
	p.from_fd = openat(fd, "from", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	p.to_fd = openat(fd, "to", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	close(fd);
	return p;
}

/* By descriptors: it may be deeper than a path is long. */
static inline void remove_below(int fd)
{
	DIR *dir = fdopendir(fd);
	struct dirent *d;

	assert_non_null(dir);
	while ((d = readdir(dir))) {
		if (str_eq(d->d_name, ".") || str_eq(d->d_name, ".."))
			continue;
		int below = openat(fd, d->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (below >= 0)
			remove_below(below);
		assert_int_equal(unlinkat(fd, d->d_name, below >= 0 ? AT_REMOVEDIR : 0), 0);
	}
	closedir(dir);
}

static inline void pair_done(struct pair *p)
{
	mig_tree_free(p->tree);
	mig_sink_free(p->sink);
	if (p->a.peer) {
		mig_link_done(&p->a);
		mig_link_done(&p->b);
	}
	close(p->from_fd);
	close(p->to_fd);
	remove_below(open(p->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	assert_int_equal(rmdir(p->dir), 0);
}

static inline void *source_side(void *arg)
{
	struct pair *p = arg;

	p->source_result = mig_tree_round(p->tree, &p->a, p->is_final, &p->count, &p->source_err);
	if (p->source_result < 0)
		(void)!mig_link_say(&p->a, MIG_ABORT, 0, "broken off", 10, &(struct err)ERR_INIT);
	return NULL;
}

/* One round. Return: the sink's result, or the source's. */
static inline int pair_round(struct pair *p, bool is_final)
{
	pthread_t t;
	struct mig_frame f = {.type = MIG_FS_ENTRY};
	const uint64_t before = p->b.in_total;
	int r = 0;

	p->is_final = is_final;
	err_clear(&p->source_err);
	err_clear(&p->sink_err);
	assert_int_equal(pthread_create(&t, NULL, source_side, p), 0);
	while (f.type != MIG_FS_END) {
		struct err heard = ERR_INIT;

		if (mig_link_hear(&p->b, 60000, &f, &heard) < 0) {
			assert_int_equal(heard.code, ECONNABORTED);
			break;
		}
		if (r == 0 && p->spoil)
			p->spoil(&f, p->ctx);
		/* To its end: the source is not to be left waiting. */
		if (r == 0)
			r = mig_sink_take(p->sink, &f, &p->sink_err);
	}
	pthread_join(t, NULL);
	p->wire = p->b.in_total - before;
	return r < 0 ? r : p->source_result;
}

static inline void round_ok(struct pair *p, bool is_final)
{
	int r = pair_round(p, is_final);

	if (r < 0)
		print_message("# source: %s; sink: %s\n", p->source_err.text, p->sink_err.text);
	assert_int_equal(r, 0);
	assert_int_equal(mig_sink_is_complete(p->sink), is_final);
}

/* ---- making ---- */

static inline void put_file(int dir_fd, const char *path, const void *p, size_t n)
{
	int fd = openat(dir_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, n), (ssize_t)n);
	close(fd);
}

static inline void put_text(int dir_fd, const char *path, const char *text)
{
	put_file(dir_fd, path, text, strlen(text));
}

/* ---- comparing ---- */

struct pairs { /* of inode numbers: hard links */
	ino_t (*v)[2];
	size_t n;
};

static inline void same_xattrs(const char *a, const char *b)
{
	char names[2][4096], value[2][4096];
	ssize_t n[2] = {llistxattr(a, names[0], 4096), llistxattr(b, names[1], 4096)};
	size_t count[2] = {0, 0};

	for (int i = 0; i < 2; i++)
		for (ssize_t k = 0; k < n[i]; k += (ssize_t)strlen(names[i] + k) + 1)
			count[i]++;
	if (count[0] != count[1])
		fail_msg("%s: %zu xattrs, %zu at the destination", a, count[0], count[1]);
	for (ssize_t k = 0; k < n[0]; k += (ssize_t)strlen(names[0] + k) + 1) {
		ssize_t x = lgetxattr(a, names[0] + k, value[0], 4096);
		ssize_t y = lgetxattr(b, names[0] + k, value[1], 4096);

		if (x != y || (x > 0 && memcmp(value[0], value[1], (size_t)x)))
			fail_msg("%s: xattr %s differs", a, names[0] + k);
	}
}

static inline void same_contents(const char *a, const char *b)
{
	static char buf[2][1 << 20];
	int x = open(a, O_RDONLY | O_CLOEXEC), y = open(b, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	do {
		n = read(x, buf[0], sizeof(buf[0]));
		assert_int_equal(read(y, buf[1], sizeof(buf[1])), n);
		if (n > 0 && memcmp(buf[0], buf[1], (size_t)n))
			fail_msg("%s: contents differ", a);
	} while (n > 0);
	close(x);
	close(y);
}

static inline void same_node(const char *a, const char *b, struct pairs *seen)
{
	struct stat x, y;
	char text[2][4096] = {"", ""};

	if (lstat(a, &x) < 0 || lstat(b, &y) < 0)
		fail_msg("%s: %s", b, strerror(errno));
	if (x.st_mode != y.st_mode || x.st_uid != y.st_uid || x.st_gid != y.st_gid)
		fail_msg("%s: mode %o of %u:%u, %o of %u:%u at the destination", a, x.st_mode,
			 x.st_uid, x.st_gid, y.st_mode, y.st_uid, y.st_gid);
	if (x.st_mtim.tv_sec != y.st_mtim.tv_sec || x.st_mtim.tv_nsec != y.st_mtim.tv_nsec)
		fail_msg("%s: time %ld.%09ld, %ld.%09ld at the destination", a, x.st_mtim.tv_sec,
			 x.st_mtim.tv_nsec, y.st_mtim.tv_sec, y.st_mtim.tv_nsec);
	if (x.st_rdev != y.st_rdev)
		fail_msg("%s: another device", a);
	if (!S_ISDIR(x.st_mode) && x.st_nlink != y.st_nlink)
		fail_msg("%s: %lu links, %lu at the destination", a, x.st_nlink, y.st_nlink);
	if (S_ISREG(x.st_mode) && x.st_size != y.st_size)
		fail_msg("%s: %ld bytes, %ld at the destination", a, x.st_size, y.st_size);
	for (size_t i = 0; !S_ISDIR(x.st_mode) && i < seen->n; i++)
		if ((seen->v[i][0] == x.st_ino) != (seen->v[i][1] == y.st_ino))
			fail_msg("%s: another hard link", a);
	if (!S_ISDIR(x.st_mode) && x.st_nlink > 1) {
		seen->v = realloc(seen->v, (seen->n + 1) * sizeof(*seen->v));
		seen->v[seen->n][0] = x.st_ino;
		seen->v[seen->n++][1] = y.st_ino;
	}
	same_xattrs(a, b);
	if (S_ISREG(x.st_mode))
		same_contents(a, b);
	if (S_ISLNK(x.st_mode)) {
		assert_true(readlink(a, text[0], 4095) > 0 && readlink(b, text[1], 4095) > 0);
		assert_string_equal(text[0], text[1]);
	}
}

static inline size_t same_below(const char *a, const char *b, struct pairs *seen)
{
	struct stat st;
	struct dirent *d;
	size_t n[2] = {0, 0};

	same_node(a, b, seen);
	if (lstat(a, &st) < 0 || !S_ISDIR(st.st_mode))
		return 1;
	DIR *dir = opendir(a);

	while ((d = readdir(dir))) {
		char x[4096], y[4096];

		if (str_eq(d->d_name, ".") || str_eq(d->d_name, ".."))
			continue;
		snprintf(x, sizeof(x), "%s/%s", a, d->d_name);
		snprintf(y, sizeof(y), "%s/%s", b, d->d_name);
		same_below(x, y, seen);
		n[0]++;
	}
	closedir(dir);
	dir = opendir(b);
	while ((d = readdir(dir)))
		n[1] += !str_eq(d->d_name, ".") && !str_eq(d->d_name, "..");
	closedir(dir);
	if (n[0] != n[1])
		fail_msg("%s: %zu entries, %zu at the destination", a, n[0], n[1]);
	return n[0];
}

static inline void same_trees(const struct pair *p)
{
	char a[96], b[96];
	struct pairs seen = {0};

	snprintf(a, sizeof(a), "%s/from", p->dir);
	snprintf(b, sizeof(b), "%s/to", p->dir);
	same_below(a, b, &seen);
	free(seen.v);
}

static inline char *noise(size_t n, unsigned seed)
{
	char *p = malloc(n);

	for (size_t i = 0; i < n; i++) {
		seed = seed * 1664525u + 1013904223u;
		p[i] = (char)(seed >> 24);
	}
	return p;
}

static inline void poke(int dir_fd, const char *name, off_t at, const char *text)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CLOEXEC);

	assert_int_equal(pwrite(fd, text, strlen(text), at), (ssize_t)strlen(text));
	close(fd);
}

#endif
