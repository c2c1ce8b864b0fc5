/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/cli/stats_view: a snapshot as cells of a table, and as a JSON object of ours. Owns the
 * rates and the units. It knows no container. Called by cmd_events.c and cmd_stats.c.
 */
#include "runtime/cli/stats_view.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include "base/proc.h"
#include "base/ban.h"

#define USEC_PER_SEC 1000000

/* ---- rates ---- */

static uint64_t since_boot_usec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * USEC_PER_SEC + (uint64_t)t.tv_nsec / 1000;
}

/* part of whole in hundredths of a percent. */
static uint64_t share(uint64_t part, uint64_t whole)
{
	return whole ? (uint64_t)((double)part * 10000 / (double)whole + 0.5) : 0;
}

/* Counters of a cgroup only grow. */
static uint64_t grown(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

void cmd_stats_count(struct cmd_stats_rates *r, const struct cg_stats *s, uint64_t start_ticks)
{
	uint64_t now = since_boot_usec(), since = r->at_usec;

	if (!since)
		since = start_ticks * (USEC_PER_SEC / (uint64_t)sysconf(_SC_CLK_TCK));
	r->cpu = share(grown(s->cpu.usage, r->usage), grown(now, since));
	r->throttled_share =
		share(grown(s->cpu.throttled, r->throttled), grown(s->cpu.periods, r->periods));
	r->at_usec = now;
	r->usage = s->cpu.usage;
	r->periods = s->cpu.periods;
	r->throttled = s->cpu.throttled;
}

/* ---- texts ---- */

void cmd_stats_centi(uint64_t v, struct buf *out)
{
	buf_printf(out, "%" PRIu64, v / 100);
	if (v % 100)
		buf_printf(out, v % 10 ? ".%02u" : ".%u",
			   (unsigned)(v % 10 ? v % 100 : v % 100 / 10));
}

/* 1536 as "1.5K", as it fits into a column. */
static char *size_text(uint64_t v, struct arena *a)
{
	static const char units[] = "BKMGTPE";
	size_t unit = 0;
	double d = (double)v;

	if (v == CG_UNLIMITED)
		return arena_strdup(a, "none");
	for (; d >= 999.5 && unit + 2 < sizeof(units); unit++)
		d /= 1024;
	return arena_printf(a, unit && d < 99.95 ? "%.1f%c" : "%.0f%c", d, units[unit]);
}

static char *percent_text(uint64_t centi, struct arena *a)
{
	return arena_printf(a, "%" PRIu64 ".%" PRIu64 "%%", (centi + 5) / 100,
			    (centi + 5) / 10 % 10);
}

static void add_psi_text(const struct cg_psi *psi, struct buf *out)
{
	if (out->len)
		buf_addc(out, '/');
	if (psi->has)
		buf_printf(out, "%" PRIu64, (psi->some.avg10 + 50) / 100);
	else
		buf_addc(out, '-');
}

static void sum_io(const struct cg_stats *s, uint64_t *ret_read, uint64_t *ret_write)
{
	*ret_read = *ret_write = 0;
	for (size_t i = 0; i < s->io.n; i++) {
		*ret_read += s->io.v[i].rbytes;
		*ret_write += s->io.v[i].wbytes;
	}
}

/* ---- the table ---- */

void cmd_stats_head(struct cmd_table *t)
{
	static const char *const heads[CMD_STATS_COLS] = {"CPU",	  "THROTTLED", "MEMORY",
							  "LIMIT",	  "SWAP",      "PIDS",
							  "READ/WRITTEN", "PSI C/M/IO"};

	for (size_t i = 0; i < CMD_STATS_COLS; i++)
		cmd_table_add(t, heads[i]);
}

void cmd_stats_cells(struct cmd_table *t, const struct cmd_stats_rates *r, const struct cg_stats *s)
{
	struct arena *a = t->arena;
	AUTO(buf) psi = {0};
	uint64_t n_read, n_write;

	sum_io(s, &n_read, &n_write);
	add_psi_text(&s->cpu.psi, &psi);
	add_psi_text(&s->memory.psi, &psi);
	add_psi_text(&s->io.psi, &psi);
	cmd_table_add(t, percent_text(r->cpu, a));
	cmd_table_add(t, s->cpu.has_limit ? percent_text(r->throttled_share, a) : "-");
	cmd_table_add(t, s->memory.has ? size_text(s->memory.usage.usage, a) : "-");
	cmd_table_add(t, s->memory.has ? size_text(s->memory.usage.limit, a) : "-");
	cmd_table_add(t, s->memory.has_swap ? size_text(s->memory.swap.usage, a) : "-");
	cmd_table_add(t, s->pids.limit == CG_UNLIMITED
				 ? arena_printf(a, "%" PRIu64, s->pids.current)
				 : arena_printf(a, "%" PRIu64 "/%" PRIu64, s->pids.current,
						s->pids.limit));
	cmd_table_add(
		t, s->io.has ? arena_printf(a, "%s/%s", size_text(n_read, a), size_text(n_write, a))
			     : "-");
	cmd_table_add(t, psi.data);
}

/* ---- JSON ---- */

static void add_number(struct buf *out, const char *name, uint64_t v)
{
	if (v == CG_UNLIMITED)
		buf_printf(out, "\"%s\":null", name);
	else
		buf_printf(out, "\"%s\":%" PRIu64, name, v);
}

static void add_pressure(struct buf *out, const struct cg_psi *psi)
{
	buf_adds(out, ",\"pressure\":");
	if (psi->has)
		cmd_stats_centi(psi->some.avg10, out);
	else
		buf_adds(out, "null");
}

void cmd_stats_members(const struct cmd_stats_rates *r, const struct cg_stats *s, struct buf *out)
{
	uint64_t n_read, n_write;

	sum_io(s, &n_read, &n_write);
	buf_adds(out, "\"cpu\":{\"percent\":");
	cmd_stats_centi(r->cpu, out);
	buf_printf(out, ",\"usageUsec\":%" PRIu64 ",\"throttledPercent\":", s->cpu.usage);
	if (s->cpu.has_limit)
		cmd_stats_centi(r->throttled_share, out);
	else
		buf_adds(out, "null");
	buf_addc(out, ',');
	add_number(out, "throttledUsec", s->cpu.has_limit ? s->cpu.throttled_usec : CG_UNLIMITED);
	add_pressure(out, &s->cpu.psi);
	buf_adds(out, "},\"memory\":{");
	add_number(out, "usage", s->memory.has ? s->memory.usage.usage : CG_UNLIMITED);
	buf_addc(out, ',');
	add_number(out, "limit", s->memory.has ? s->memory.usage.limit : CG_UNLIMITED);
	buf_addc(out, ',');
	add_number(out, "swap", s->memory.has_swap ? s->memory.swap.usage : CG_UNLIMITED);
	buf_printf(out, ",\"oomKills\":%" PRIu64, s->memory.oom_kills);
	add_pressure(out, &s->memory.psi);
	buf_adds(out, "},\"pids\":{");
	add_number(out, "current", s->pids.current);
	buf_addc(out, ',');
	add_number(out, "limit", s->pids.limit);
	buf_adds(out, "},\"io\":{");
	add_number(out, "read", s->io.has ? n_read : CG_UNLIMITED);
	buf_addc(out, ',');
	add_number(out, "written", s->io.has ? n_write : CG_UNLIMITED);
	add_pressure(out, &s->io.psi);
	buf_addc(out, '}');
}
