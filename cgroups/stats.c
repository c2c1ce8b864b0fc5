// SPDX-License-Identifier: Apache-2.0
/*
 * cgroups/stats: reads what a cgroup uses, all controllers in one snapshot. Owns the forms of the
 * statistics' files; it must not know in which layout they are told. A file that is missing or not
 * supported is what it is on a host without that controller: zeros. Called by runtime/life.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "base/num.h"
#include "base/str.h"
#include "cgroups/internal.h"
#include "base/ban.h"

#define TEXT_MAX 65536

struct reader {
	const struct cg *c;
	struct arena *a;
	char *text; /* TEXT_MAX bytes */
};

/* The whole file into r->text. Return: true when there is one. */
static bool get(const struct reader *r, const char *file)
{
	return file_read_kernel(r->c->dir_fd, file, r->text, TEXT_MAX) >= 0;
}

/* The number in a file of one number, or of this key; `none` without it. */
static uint64_t number(const struct reader *r, const char *file, const char *key, uint64_t none)
{
	uint64_t v;

	return get(r, file) && cg_read_key(r->text, key, &v) == 0 ? v : none;
}

/* ---- pressure ---- */

/* "1.05" as 105. */
static uint64_t hundredths(const char *s)
{
	size_t n = strcspn(s, ". \n");
	uint64_t whole = 0, part = 0;

	if (num_u64n(s, n, &whole) < 0)
		return 0;
	if (s[n] == '.' && num_u64n(s + n + 1, strcspn(s + n + 1, " \n"), &part) < 0)
		part = 0;
	return whole * 100 + part;
}

/* The value of "key=..." in this line. */
static const char *field(const char *line, const char *key)
{
	size_t n = strlen(key);

	for (const char *s = line; *s && *s != '\n'; s += *s == ' ') {
		if (strncmp(s, key, n) == 0 && s[n] == '=')
			return s + n + 1;
		s += strcspn(s, " \n");
	}
	return "";
}

static void read_psi_line(const char *text, const char *word, struct cg_psi_line *ret)
{
	const size_t n = strlen(word);

	for (const char *s = text; *s; s += strcspn(s, "\n"), s += *s == '\n') {
		if (strncmp(s, word, n) != 0 || s[n] != ' ')
			continue;
		const char *total = field(s, "total");
		ret->avg10 = hundredths(field(s, "avg10"));
		ret->avg60 = hundredths(field(s, "avg60"));
		ret->avg300 = hundredths(field(s, "avg300"));
		if (num_u64n(total, strcspn(total, " \n"), &ret->total) < 0)
			ret->total = 0;
		return;
	}
}

/* Without PSI in the kernel there is no file; switched off for a cgroup, it cannot be read. */
static void read_psi(const struct reader *r, const char *file, struct cg_psi *ret)
{
	if (!get(r, file) || !r->text[0])
		return;
	ret->has = true;
	read_psi_line(r->text, "some", &ret->some);
	read_psi_line(r->text, "full", &ret->full);
}

/* ---- cpu, cpuset, pids ---- */

static void read_cpu(const struct reader *r, struct cg_stats *s)
{
	const struct {
		const char *key;
		uint64_t *to;
	} keys[] = {
		{"usage_usec", &s->cpu.usage},	     {"user_usec", &s->cpu.user},
		{"system_usec", &s->cpu.kernel},     {"nr_periods", &s->cpu.periods},
		{"nr_throttled", &s->cpu.throttled}, {"throttled_usec", &s->cpu.throttled_usec},
	};

	/* cpu.stat is there without its controller too, with the first three. */
	if (get(r, "cpu.stat")) {
		s->cpu.has_limit = cg_read_key(r->text, "nr_periods", &s->cpu.periods) == 0;
		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
			if (cg_read_key(r->text, keys[i].key, keys[i].to) < 0)
				*keys[i].to = 0;
	}
	read_psi(r, "cpu.pressure", &s->cpu.psi);
}

static const char *read_list(const struct reader *r, const char *file)
{
	return get(r, file) ? arena_strndup(r->a, r->text, strcspn(r->text, "\n")) : NULL;
}

static uint64_t count_lines(const char *text)
{
	uint64_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static void read_pids(const struct reader *r, struct cg_stats *s)
{
	s->pids.limit = number(r, "pids.max", NULL, CG_UNLIMITED);
	s->pids.has_controller = get(r, "pids.current");
	if (s->pids.has_controller)
		s->pids.current = number(r, "pids.current", NULL, 0);
	else if (get(r, "cgroup.threads") || get(r, "cgroup.procs"))
		s->pids.current = count_lines(r->text); /* the controller counts tasks too */
}

/* ---- memory ---- */

static int compare_keys(const void *a, const void *b)
{
	return strcmp(((const struct cg_stat_value *)a)->key,
		      ((const struct cg_stat_value *)b)->key);
}

static void read_raw(const struct reader *r, struct cg_stats *s)
{
	if (!get(r, "memory.stat"))
		return;
	s->memory.raw = arena_array(r->a, count_lines(r->text) + 1, sizeof(*s->memory.raw));
	for (const char *t = r->text; *t; t += strcspn(t, "\n"), t += *t == '\n') {
		struct cg_stat_value *v = &s->memory.raw[s->memory.n_raw];
		size_t n = strcspn(t, " \n");
		if (t[n] != ' ' || num_u64n(t + n + 1, strcspn(t + n + 1, "\n"), &v->v) < 0)
			continue;
		v->key = arena_strndup(r->a, t, n);
		if (str_eq(v->key, "file"))
			s->memory.cache = v->v;
		s->memory.n_raw++;
	}
	qsort(s->memory.raw, s->memory.n_raw, sizeof(*s->memory.raw), compare_keys);
}

static void read_memory(const struct reader *r, struct cg_stats *s)
{
	s->memory.has = get(r, "memory.current");
	if (s->memory.has) {
		read_raw(r, s);
		s->memory.usage.usage = number(r, "memory.current", NULL, 0);
		s->memory.usage.limit = number(r, "memory.max", NULL, CG_UNLIMITED);
		s->memory.usage.max = number(r, "memory.peak", NULL, 0); /* since 5.19 */
		s->memory.oom_kills = number(r, "memory.events", "oom_kill", 0);
	}
	s->memory.has_swap = get(r, "memory.swap.current");
	if (s->memory.has_swap) {
		s->memory.swap.usage = number(r, "memory.swap.current", NULL, 0);
		s->memory.swap.limit = number(r, "memory.swap.max", NULL, CG_UNLIMITED);
		s->memory.swap.max = number(r, "memory.swap.peak", NULL, 0); /* since 6.5 */
	}
	read_psi(r, "memory.pressure", &s->memory.psi);
}

/* ---- io ---- */

static uint64_t io_value(const char *line, const char *key)
{
	const char *v = field(line, key);
	uint64_t n = 0;

	return num_u64n(v, strcspn(v, " \n"), &n) < 0 ? 0 : n;
}

static void read_io(const struct reader *r, struct cg_stats *s)
{
	s->io.has = get(r, "io.stat");
	if (s->io.has) {
		s->io.v = arena_array(r->a, count_lines(r->text) + 1, sizeof(*s->io.v));
		for (const char *t = r->text; *t; t += strcspn(t, "\n"), t += *t == '\n') {
			struct cg_io_stat *v = &s->io.v[s->io.n];
			size_t colon = strcspn(t, ": \n");
			size_t n = strcspn(t, " \n");
			/* A disk that was never used has a line without values. */
			if (t[colon] != ':' || *field(t, "rbytes") == '\0' ||
			    num_u64n(t, colon, &v->major) < 0 ||
			    num_u64n(t + colon + 1, n - colon - 1, &v->minor) < 0)
				continue;
			v->rbytes = io_value(t, "rbytes");
			v->wbytes = io_value(t, "wbytes");
			v->rios = io_value(t, "rios");
			v->wios = io_value(t, "wios");
			s->io.n++;
		}
	}
	read_psi(r, "io.pressure", &s->io.psi);
}

/* ---- hugetlb ---- */

#define SIZES_MAX 16

static int compare_sizes(const void *a, const void *b)
{
	return strcmp(((const struct cg_hugetlb_stat *)a)->size,
		      ((const struct cg_hugetlb_stat *)b)->size);
}

static void read_hugetlb(const struct reader *r, struct cg_stats *s)
{
	struct dirent *ent;
	AUTO_DIR d = NULL;
	AUTO_FD fd = openat(r->c->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	d = fd >= 0 ? fdopendir(fd) : NULL;
	if (!d)
		return;
	fd_take(&fd);
	s->hugetlb = arena_array(r->a, SIZES_MAX, sizeof(*s->hugetlb));
	while ((ent = readdir(d)) && s->n_hugetlb < SIZES_MAX) {
		const char *size = str_after(ent->d_name, "hugetlb.");
		size_t n = size ? strcspn(size, ".") : 0;
		if (!n || !str_eq(size + n, ".current"))
			continue;
		struct cg_hugetlb_stat *h = &s->hugetlb[s->n_hugetlb++];
		h->size = arena_strndup(r->a, size, n);
		const char *plain = arena_printf(r->a, "hugetlb.%s", h->size);
		/* Reservations count before their pages do, since 5.7. */
		h->u.usage =
			number(r, arena_printf(r->a, "%s.rsvd.current", plain), NULL, CG_UNLIMITED);
		if (h->u.usage == CG_UNLIMITED)
			h->u.usage = number(r, ent->d_name, NULL, 0);
		h->u.limit = number(r, arena_printf(r->a, "%s.max", plain), NULL, CG_UNLIMITED);
		h->u.failcnt = number(r, arena_printf(r->a, "%s.events", plain), "max", 0);
	}
	if (s->n_hugetlb)
		qsort(s->hugetlb, s->n_hugetlb, sizeof(*s->hugetlb), compare_sizes);
}

int cg_stats_read(const struct cg *c, struct arena *a, struct cg_stats *ret, struct err *e)
{
	AUTO_FREE char *text = mem_alloc(TEXT_MAX);
	const struct reader r = {.c = c, .a = a, .text = text};

	*ret = (struct cg_stats){0};
	/* The one file that every cgroup has: gone is gone. */
	if (!get(&r, "cgroup.events"))
		return err_set(e, ERR_STATE, ENOENT, "cgroup \"%s\" does not exist", c->path);
	read_cpu(&r, ret);
	ret->cpuset.cpus = read_list(&r, "cpuset.cpus.effective");
	ret->cpuset.mems = read_list(&r, "cpuset.mems.effective");
	read_memory(&r, ret);
	read_pids(&r, ret);
	read_io(&r, ret);
	read_hugetlb(&r, ret);
	return 0;
}
