/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/cli/resize_view: limits before and after a resize, and its plan, as tables and as JSON.
 * It knows no container and changes nothing. Called by cmd_resize.c.
 */
#include "runtime/cli/resize.h"

#include <inttypes.h>
#include <string.h>
#include "base/str.h"
#include "runtime/cli/out.h"
#include "base/ban.h"

const char *cmd_resize_text(enum resize_unit unit, uint64_t v, struct arena *a)
{
	static const char units[] = "BKMGTPE";
	size_t i = 0;
	double d = (double)v;

	if (v == CG_UNLIMITED)
		return "max";
	if (unit == RESIZE_COUNT)
		return arena_printf(a, "%" PRIu64, v);
	if (unit == RESIZE_CPUS) {
		uint64_t part = v % RESIZE_CPU / 1000;

		if (!part)
			return arena_printf(a, "%" PRIu64, v / RESIZE_CPU);
		char *s = arena_printf(a, "%" PRIu64 ".%03" PRIu64, v / RESIZE_CPU, part);
		for (size_t n = strlen(s); s[n - 1] == '0'; n--)
			s[n - 1] = '\0';
		return s;
	}
	for (; d >= 1023.95 && i + 2 < sizeof(units); i++)
		d /= 1024;
	bool is_whole = (double)(uint64_t)d >= d;
	return arena_printf(a, i && !is_whole ? "%.1f%c" : "%.0f%c", d, units[i]);
}

uint64_t cmd_resize_cpus(const struct cg_limits *l)
{
	if (l->quota < 0 || l->period == 0)
		return CG_UNLIMITED;
	return (uint64_t)((unsigned __int128)l->quota * RESIZE_CPU / l->period);
}

/* ---- before and after ---- */

struct line {
	struct cmd_table *t;
	const struct life_size *before, *after;
};

static void add(struct cmd_table *t, const char *name, const char *before, const char *after,
		const char *used)
{
	cmd_table_add(t, name);
	cmd_table_add(t, before);
	cmd_table_add(t, str_eq(before, after) ? "=" : after);
	cmd_table_add(t, *used ? used : "-");
}

static const char *or_all(const char *list, const char *effective)
{
	return list && *list ? list : effective ? effective : "-";
}

static const char *io_text(const char *lines, struct arena *a)
{
	char *s = arena_strdup(a, lines);
	size_t n = strlen(s);

	if (n && s[n - 1] == '\n')
		s[--n] = '\0';
	for (char *at = strchr(s, '\n'); at; at = strchr(at, '\n'))
		*at = ';';
	return n ? s : "max";
}

static void add_memory(const struct line *l)
{
	const struct cg_limits *b = &l->before->limits, *a = &l->after->limits;
	const struct cg_stats *s = &l->after->stats;
	struct arena *m = l->t->arena;

	if (b->has_memory)
		add(l->t, "memory", cmd_resize_text(RESIZE_BYTES, b->memory, m),
		    cmd_resize_text(RESIZE_BYTES, a->memory, m),
		    cmd_resize_text(RESIZE_BYTES, s->memory.usage.usage, m));
	if (b->has_swap)
		add(l->t, "swap", cmd_resize_text(RESIZE_BYTES, b->swap, m),
		    cmd_resize_text(RESIZE_BYTES, a->swap, m),
		    cmd_resize_text(RESIZE_BYTES, s->memory.swap.usage, m));
	if (b->low || a->low)
		add(l->t, "reservation", cmd_resize_text(RESIZE_BYTES, b->low, m),
		    cmd_resize_text(RESIZE_BYTES, a->low, m), "");
}

void cmd_resize_table(const struct life_size *before, const struct life_size *after,
		      struct arena *m, struct buf *out)
{
	struct cmd_table t = {.arena = m, .n_cols = 4, .min_width = 8, .gap = 3};
	const struct line l = {&t, before, after};
	const struct cg_limits *b = &before->limits, *a = &after->limits;

	add(&t, "LIMIT", "BEFORE", "AFTER", "USED");
	if (b->has_cpu)
		add(&t, "cpus", cmd_resize_text(RESIZE_CPUS, cmd_resize_cpus(b), m),
		    cmd_resize_text(RESIZE_CPUS, cmd_resize_cpus(a), m), "");
	if (b->cpus)
		add(&t, "cpuset", or_all(b->cpus, before->stats.cpuset.cpus),
		    or_all(a->cpus, after->stats.cpuset.cpus), "");
	if (b->mems && !str_eq(b->mems, a->mems ? a->mems : ""))
		add(&t, "cpuset-mems", or_all(b->mems, before->stats.cpuset.mems),
		    or_all(a->mems, after->stats.cpuset.mems), "");
	if (b->weight || a->weight)
		add(&t, "weight", cmd_resize_text(RESIZE_COUNT, b->weight, m),
		    cmd_resize_text(RESIZE_COUNT, a->weight, m), "");
	add_memory(&l);
	if (b->has_pids)
		add(&t, "pids", cmd_resize_text(RESIZE_COUNT, b->pids, m),
		    cmd_resize_text(RESIZE_COUNT, a->pids, m),
		    cmd_resize_text(RESIZE_COUNT, after->stats.pids.current, m));
	if (b->has_io && (*b->io || *a->io))
		add(&t, "io", io_text(b->io, m), io_text(a->io, m), "");
	cmd_table_print(&t, out);
}

/* ---- JSON ---- */

/* null: no limit. */
static void put(struct buf *out, const char *key, uint64_t v)
{
	if (v == CG_UNLIMITED)
		buf_printf(out, "\"%s\":null", key);
	else
		buf_printf(out, "\"%s\":%" PRIu64, key, v);
}

static void put_text(struct buf *out, const char *key, const char *v)
{
	buf_printf(out, "\"%s\":", key);
	if (v)
		json_print_string(v, out);
	else
		buf_adds(out, "null");
}

void cmd_resize_json(const struct life_size *s, struct buf *out)
{
	const struct cg_limits *l = &s->limits;
	uint64_t cpus = cmd_resize_cpus(l);

	buf_addc(out, '{');
	if (cpus == CG_UNLIMITED)
		buf_adds(out, "\"cpus\":null,");
	else
		buf_printf(out, "\"cpus\":%" PRIu64 ".%06" PRIu64 ",", cpus / RESIZE_CPU,
			   cpus % RESIZE_CPU);
	put_text(out, "cpuset", l->cpus);
	buf_addc(out, ',');
	put_text(out, "cpusetMems", l->mems);
	buf_addc(out, ',');
	put(out, "weight", l->weight ? l->weight : CG_UNLIMITED);
	buf_addc(out, ',');
	put(out, "memory", l->memory);
	buf_addc(out, ',');
	put(out, "swap", l->swap);
	buf_addc(out, ',');
	put(out, "reservation", l->low);
	buf_addc(out, ',');
	put(out, "pids", l->pids);
	buf_addc(out, ',');
	put_text(out, "io", l->io);
	buf_adds(out, ",\"used\":{");
	put(out, "memory", s->stats.memory.usage.usage);
	buf_addc(out, ',');
	put(out, "swap", s->stats.memory.swap.usage);
	buf_addc(out, ',');
	put(out, "pids", s->stats.pids.current);
	buf_adds(out, "}}");
}

/* ---- the plan ---- */

static bool fits(const struct life_resize_plan *p, const struct life_size *now)
{
	return !p->target || now->floor <= p->target;
}

void cmd_resize_plan_table(const struct life_resize_plan *p, const struct life_size *now,
			   struct arena *a, struct buf *out)
{
	struct cmd_table t = {.arena = a, .n_cols = 3, .min_width = 8, .gap = 3};

	if (p->n == 0) {
		buf_adds(out, "nothing would change\n");
		return;
	}
	cmd_table_add(&t, "WRITE TO");
	cmd_table_add(&t, "FROM");
	cmd_table_add(&t, "TO");
	for (size_t i = 0; i < p->n; i++) {
		cmd_table_add(&t, p->v[i].file);
		cmd_table_add(&t, p->v[i].from ? p->v[i].from : "-");
		cmd_table_add(&t, p->v[i].to[0] == '\n' ? "" : p->v[i].to);
	}
	cmd_table_print(&t, out);
	if (!p->target)
		return;
	buf_printf(out, "memory: %s is used, at least %s of it cannot be taken back: %s %s\n",
		   cmd_resize_text(RESIZE_BYTES, now->stats.memory.usage.usage, a),
		   cmd_resize_text(RESIZE_BYTES, now->floor, a),
		   cmd_resize_text(RESIZE_BYTES, p->target, a),
		   fits(p, now) ? "may fit" : "does not fit");
}

void cmd_resize_plan_json(const struct life_resize_plan *p, const struct life_size *now,
			  struct buf *out)
{
	buf_adds(out, "\"writes\":[");
	for (size_t i = 0; i < p->n; i++) {
		buf_adds(out, i ? ",{" : "{");
		put_text(out, "file", p->v[i].file);
		buf_addc(out, ',');
		put_text(out, "from", p->v[i].from);
		buf_addc(out, ',');
		put_text(out, "to", p->v[i].to);
		buf_addc(out, '}');
	}
	buf_printf(out, "],\"floor\":%" PRIu64 ",\"fits\":%s", now->floor,
		   fits(p, now) ? "true" : "false");
}
