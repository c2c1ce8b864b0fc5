/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/outside: what of a running container lies outside of it, so that CRIU must be told
 * instead of writing it: mounts of the host's file systems, named by the mount of config.json that
 * they came from, and the standard streams. It reads the container by procfs and by fds below its
 * root. Called by dump.c.
 */
#include "checkpoint/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "base/file.h"
#include "base/mountinfo.h"
#include "base/path.h"
#include "base/ban.h"

#define TABLE_MAX (64u << 20)
#define LINK_MAX  4096

/* A line of /proc/PID/mountinfo (man 5 proc). */
struct line {
	uint64_t id, parent;
	const char *device; /* "MAJOR:MINOR" */
	const char *path, *type;
	const char *from; /* the destination in config.json, once known */
	const char *below;
	bool is_outside, is_device;
};
struct table {
	struct line *v;
	size_t n;
};

static int read_table(const char *path, struct arena *a, struct table *ret, struct err *e)
{
	AUTO(buf) text = {0};
	struct mountinfo m;
	size_t lines = 0;
	int r = file_read_path(path, TABLE_MAX, &text);

	if (r < 0)
		return err_sys(e, r, "read \"%s\"", path);
	for (size_t i = 0; i < text.len; i++)
		lines += text.data[i] == '\n';
	ret->v = arena_array(a, lines + 1, sizeof(*ret->v));
	for (const char *s = text.data ? text.data : ""; ret->n < lines && mountinfo_next(&s, &m);)
		ret->v[ret->n++] = (struct line){
			.id = m.id,
			.parent = m.parent,
			.device = arena_strndup(a, m.device, m.n_device),
			.path = arena_strdup(a, m.at),
			.type = arena_strndup(a, m.type, m.n_type),
		};
	if (ret->n < lines)
		return err_set(e, ERR_BUG, EBADMSG, "\"%s\" cannot be read", path);
	return 0;
}

static struct line *by_id(const struct table *t, uint64_t id)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].id == id)
			return &t->v[i];
	return NULL;
}

/* ---- which mount of the config it is ---- */

/* The mount that covers this path of the container belongs to that line of its config. */
static int claim(const struct table *t, int root_fd, const char *dest, struct arena *a,
		 struct err *e)
{
	char clean[LINK_MAX];
	struct line *l;
	uint64_t id;
	AUTO_FD fd = path_open_in(root_fd, dest, O_PATH);

	/* The container has changed its files since. */
	if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP || fd == -EACCES)
		return 0;
	int r = fd < 0 ? fd : mountinfo_of_fd("self", fd, &id);

	if (r < 0)
		return err_sys(e, r, "find the mount at \"%s\"", dest);
	if (path_clean(dest, clean, sizeof(clean)) < 0)
		return 0;
	l = by_id(t, id);
	if (l && !l->from && !str_eq(l->path, "/")) {
		l->from = arena_strdup(a, clean);
		l->below = "";
	}
	return 0;
}

/* With a user namespace device nodes are bound; a mount is one only if it is exactly there. */
static void claim_device(const struct table *t, const char *dest, struct arena *a)
{
	char clean[LINK_MAX];

	if (path_clean(dest, clean, sizeof(clean)) < 0)
		return;
	for (size_t i = t->n; i-- > 0;) {
		struct line *l = &t->v[i];

		if (l->from || !str_eq(l->path, clean))
			continue;
		l->from = arena_strdup(a, clean);
		l->below = "";
		l->is_device = true;
	}
}

static void claim_devices(const struct spec_config *conf, const struct table *t, struct arena *a)
{
	static const char *const defaults[] = {"/dev/null",   "/dev/zero",    "/dev/full",
					       "/dev/random", "/dev/urandom", "/dev/tty"};

	if (!spec_ns(conf, SPEC_NS_USER))
		return;
	for (size_t i = 0; i < conf->linux_->devices.n; i++)
		claim_device(t, conf->linux_->devices.v[i].path, a);
	for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++)
		claim_device(t, defaults[i], a);
}

static int claim_all(const struct life_held *x, const struct table *t, int root_fd, struct arena *a,
		     struct err *e)
{
	int r = 0;

	for (size_t i = x->conf->mounts.n; r == 0 && i-- > 0;)
		r = claim(t, root_fd, x->conf->mounts.v[i].destination, a, e);
	for (size_t i = 0; r == 0 && i < x->conf->linux_->masked_paths.n; i++)
		r = claim(t, root_fd, x->conf->linux_->masked_paths.v[i], a, e);
	if (r == 0)
		claim_devices(x->conf, t, a);
	return r == 0 && x->has_notify ? claim(t, root_fd, "/run/notify", a, e) : r;
}

/* What lies below a mount came with it. */
static void trace(const struct table *t, struct line *l, struct arena *a)
{
	const struct line *up = l;

	for (size_t depth = 0; depth <= t->n && !l->from; depth++) {
		const struct line *next = by_id(t, up->parent);
		const char *rest;

		if (!next || str_eq(up->path, "/")) {
			l->from = "/";
			l->below = str_eq(l->path, "/") ? "" : l->path;
			return;
		}
		up = next;
		rest = up->from ? str_after(l->path, up->path) : NULL;
		if (rest && up->is_outside) {
			l->from = up->from;
			l->below = arena_printf(a, "%s%s", up->below, rest);
		}
	}
}

static bool is_config_bind(const struct life_held *x, const char *from)
{
	for (size_t i = 0; from && i < x->conf->mounts.n; i++) {
		const struct spec_mount *m = &x->conf->mounts.v[i];
		char clean[LINK_MAX];

		if (path_clean(m->destination, clean, sizeof(clean)) < 0 || !str_eq(clean, from))
			continue;
		if (m->type && (str_eq(m->type, "bind") || str_eq(m->type, "rbind")))
			return true;
		for (size_t k = 0; k < m->options.n; k++)
			if (str_eq(m->options.v[k], "bind") || str_eq(m->options.v[k], "rbind"))
				return true;
	}
	return false;
}

/* CRIU makes these anew, whoever else has the same one. */
static bool is_made_anew(const char *type)
{
	return str_eq(type, "proc") || str_eq(type, "sysfs") || str_eq(type, "mqueue") ||
	       str_eq(type, "devpts");
}

static bool is_outside(const struct life_held *x, const struct table *host, const struct line *l)
{
	if (str_eq(l->type, "cgroup2") || str_eq(l->type, "cgroup") || is_config_bind(x, l->from))
		return true;
	if (l->is_device)
		return true;
	if (is_made_anew(l->type))
		return false;
	for (size_t i = 0; i < host->n; i++)
		if (str_eq(host->v[i].device, l->device))
			return true;
	return false;
}

static int find_mounts(const struct life_held *x, const struct table *t, struct ckpt_meta *m,
		       struct arena *a, struct err *e)
{
	struct table host = {0};
	char path[64];
	int r = read_table("/proc/self/mountinfo", a, &host, e);

	snprintf(path, sizeof(path), "/proc/%d/root", (int)x->pid);
	AUTO_FD root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (r == 0 && root_fd < 0)
		r = err_sys(e, errno, "open the container's root");
	if (r == 0)
		r = claim_all(x, t, root_fd, a, e);
	if (r < 0)
		return r;
	m->mounts.v = arena_array(a, t->n + 1, sizeof(*m->mounts.v));
	/* The root's own line may stand anywhere, and has no source. */
	for (size_t i = 0; i < t->n; i++)
		t->v[i].is_outside = !str_eq(t->v[i].path, "/") && is_outside(x, &host, &t->v[i]);
	for (size_t i = 0; i < t->n; i++) {
		struct line *l = &t->v[i];

		if (!l->is_outside)
			continue;
		trace(t, l, a);
		if (strpbrk(l->path, "]:"))
			return err_set(e, ERR_INPUT, EINVAL,
				       "mount \"%.200s\": criu takes no ] or : in its path",
				       l->path);
		m->mounts.v[m->mounts.n] = (struct ckpt_mount){
			.path = (char *)l->path,
			.key = arena_printf(a, "m%zu", m->mounts.n),
			.from = (char *)l->from,
			.below = *l->below ? (char *)l->below : NULL,
		};
		m->mounts.n++;
	}
	return 0;
}

/* ---- streams ---- */

static void classify(struct ckpt_stream *s, const struct stat *st, uint64_t mount, struct arena *a)
{
	enum ckpt_stream_kind kind = CKPT_STREAM_OTHER;

	if (S_ISCHR(st->st_mode) && st->st_rdev == makedev(1, 3))
		kind = CKPT_STREAM_NULL;
	else if (S_ISREG(st->st_mode))
		kind = CKPT_STREAM_FILE;
	s->kind = (struct opt_enum){true, (int)kind};
	if (kind != CKPT_STREAM_OTHER)
		s->key = arena_printf(a, "file[%llx:%llx]", (unsigned long long)mount,
				      (unsigned long long)st->st_ino);
}

static int find_stream(const struct life_held *x, const struct table *t, int fd,
		       struct ckpt_stream *s, struct arena *a, struct err *e)
{
	char path[64], pid[16], link[LINK_MAX];
	struct stat st;
	uint64_t mount = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)x->pid, fd);
	snprintf(pid, sizeof(pid), "%d", (int)x->pid);
	s->target = (char *)"";
	s->kind = (struct opt_enum){true, CKPT_STREAM_INSIDE};
	ssize_t n = readlink(path, link, sizeof(link) - 1);

	if (n < 0 && errno == ENOENT) /* it was closed */
		return 0;
	if (n < 0 || stat(path, &st) < 0)
		return err_sys(e, errno, "read \"%s\"", path);
	link[n] = '\0';
	s->target = arena_strndup(a, link, (size_t)n);
	if (str_starts(link, "pipe:[")) {
		s->kind.v = CKPT_STREAM_PIPE;
		s->key = s->target;
		return 0;
	}
	if (str_starts(link, "socket:[")) {
		s->kind.v = CKPT_STREAM_OTHER;
		return 0;
	}
	int r = mountinfo_of_fd(pid, fd, &mount);

	if (r < 0)
		return err_sys(e, r, "find the mount of \"%s\"", path);
	if (!by_id(t, mount))
		classify(s, &st, mount, a);
	return 0;
}

int ckpt_outside_find(const struct life_held *x, struct ckpt_meta *m, struct arena *a,
		      struct err *e)
{
	struct table t = {0};
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/mountinfo", (int)x->pid);
	int r = read_table(path, a, &t, e);

	if (r == 0)
		r = find_mounts(x, &t, m, a, e);
	m->streams.v = arena_array(a, 3, sizeof(*m->streams.v));
	for (int fd = 0; r == 0 && fd < 3; fd++)
		r = find_stream(x, &t, fd, &m->streams.v[m->streams.n++], a, e);
	return r;
}
