/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/cli/stats_event: a snapshot as the `stats` event of runc, whose layout its readers know:
 * the names, their order, what is left out when it is zero (conformance.md 3.6). It knows no
 * container. Called by cmd_events.c.
 */
#include "runtime/cli/stats_view.h"

#include <inttypes.h>
#include "base/json.h"
#include "base/num.h"
#include "base/ban.h"

#define LIST_BITS 8192 /* CPUs or nodes */

/* A comma, but not after the opening bracket. */
static void comma(struct buf *out)
{
	char last = out->len ? out->data[out->len - 1] : '{';

	if (last != '{' && last != '[')
		buf_addc(out, ',');
}

static void key(struct buf *out, const char *name)
{
	comma(out);
	json_print_string(name, out);
	buf_addc(out, ':');
}

static void open_object(struct buf *out, const char *name)
{
	key(out, name);
	buf_addc(out, '{');
}

static void number(struct buf *out, const char *name, uint64_t v)
{
	key(out, name);
	buf_printf(out, "%" PRIu64, v);
}

/* Go's "omitempty". */
static void nonzero(struct buf *out, const char *name, uint64_t v)
{
	if (v)
		number(out, name, v);
}

/* ---- pressure ---- */

static void add_psi_line(struct buf *out, const char *name, const struct cg_psi_line *l)
{
	open_object(out, name);
	key(out, "avg10");
	cmd_stats_centi(l->avg10, out);
	key(out, "avg60");
	cmd_stats_centi(l->avg60, out);
	key(out, "avg300");
	cmd_stats_centi(l->avg300, out);
	number(out, "total", l->total);
	buf_addc(out, '}');
}

static void add_psi(struct buf *out, const struct cg_psi *psi)
{
	if (!psi->has)
		return;
	open_object(out, "psi");
	add_psi_line(out, "some", &psi->some);
	add_psi_line(out, "full", &psi->full);
	buf_addc(out, '}');
}

/* ---- the parts ---- */

static void add_cpu(struct buf *out, const struct cg_stats *s)
{
	open_object(out, "cpu");
	open_object(out, "usage");
	nonzero(out, "total", s->cpu.usage * 1000);
	number(out, "kernel", s->cpu.kernel * 1000);
	number(out, "user", s->cpu.user * 1000);
	buf_addc(out, '}');
	open_object(out, "throttling");
	nonzero(out, "periods", s->cpu.periods);
	nonzero(out, "throttledPeriods", s->cpu.throttled);
	nonzero(out, "throttledTime", s->cpu.throttled_usec * 1000);
	buf_addc(out, '}');
	add_psi(out, &s->cpu.psi);
	buf_addc(out, '}');
}

/* "0-2,5" as [0,1,2,5]. */
static void add_list(struct buf *out, const char *name, const char *list)
{
	uint64_t bits[LIST_BITS / 64] = {0};

	if (!list || !*list || num_list(list, bits, LIST_BITS) < 0)
		return;
	key(out, name);
	buf_addc(out, '[');
	for (size_t i = 0; i < LIST_BITS; i++) {
		if (!(bits[i / 64] >> (i % 64) & 1))
			continue;
		comma(out);
		buf_printf(out, "%zu", i);
	}
	buf_addc(out, ']');
}

/* But for the two lists, only cgroup v1 has these. */
static void add_cpuset(struct buf *out, const struct cg_stats *s)
{
	static const char *const zeros[] = {"mem_hardwall",	  "mem_exclusive",
					    "memory_migrate",	  "memory_spread_page",
					    "memory_spread_slab", "memory_pressure",
					    "sched_load_balance", "sched_relax_domain_level"};

	open_object(out, "cpuset");
	add_list(out, "cpus", s->cpuset.cpus);
	number(out, "cpu_exclusive", 0);
	add_list(out, "mems", s->cpuset.mems);
	for (size_t i = 0; i < sizeof(zeros) / sizeof(zeros[0]); i++)
		number(out, zeros[i], 0);
	buf_addc(out, '}');
}

static void add_usage(struct buf *out, const char *name, const struct cg_usage *u)
{
	open_object(out, name);
	number(out, "limit", u->limit);
	nonzero(out, "usage", u->usage);
	nonzero(out, "max", u->max);
	number(out, "failcnt", u->failcnt);
	buf_addc(out, '}');
}

static uint64_t sum_limits(uint64_t a, uint64_t b)
{
	return a > CG_UNLIMITED - b ? CG_UNLIMITED : a + b;
}

static void add_memory(struct buf *out, const struct cg_stats *s)
{
	const struct cg_usage none = {0};
	/* As cgroup v1 counted: memory and swap together. */
	const struct cg_usage both = {
		.limit = sum_limits(s->memory.usage.limit, s->memory.swap.limit),
		.usage = s->memory.usage.usage + s->memory.swap.usage,
	};

	open_object(out, "memory");
	nonzero(out, "cache", s->memory.cache);
	add_usage(out, "usage", &s->memory.usage);
	add_usage(out, "swap", &both);
	add_usage(out, "kernel", &none);
	add_usage(out, "kernelTCP", &none);
	if (s->memory.n_raw) {
		open_object(out, "raw");
		for (size_t i = 0; i < s->memory.n_raw; i++)
			number(out, s->memory.raw[i].key, s->memory.raw[i].v);
		buf_addc(out, '}');
	}
	add_psi(out, &s->memory.psi);
	buf_addc(out, '}');
}

static void add_io_entry(struct buf *out, const struct cg_io_stat *v, const char *op,
			 uint64_t value)
{
	comma(out);
	buf_addc(out, '{');
	nonzero(out, "major", v->major);
	nonzero(out, "minor", v->minor);
	key(out, "op");
	json_print_string(op, out);
	nonzero(out, "value", value);
	buf_addc(out, '}');
}

static void add_blkio(struct buf *out, const struct cg_stats *s)
{
	open_object(out, "blkio");
	if (s->io.n) {
		key(out, "ioServiceBytesRecursive");
		buf_addc(out, '[');
		for (size_t i = 0; i < s->io.n; i++) {
			add_io_entry(out, &s->io.v[i], "Read", s->io.v[i].rbytes);
			add_io_entry(out, &s->io.v[i], "Write", s->io.v[i].wbytes);
		}
		buf_addc(out, ']');
		key(out, "ioServicedRecursive");
		buf_addc(out, '[');
		for (size_t i = 0; i < s->io.n; i++) {
			add_io_entry(out, &s->io.v[i], "Read", s->io.v[i].rios);
			add_io_entry(out, &s->io.v[i], "Write", s->io.v[i].wios);
		}
		buf_addc(out, ']');
	}
	add_psi(out, &s->io.psi);
	buf_addc(out, '}');
}

static void add_hugetlb(struct buf *out, const struct cg_stats *s)
{
	open_object(out, "hugetlb");
	for (size_t i = 0; i < s->n_hugetlb; i++) {
		open_object(out, s->hugetlb[i].size);
		nonzero(out, "usage", s->hugetlb[i].u.usage);
		nonzero(out, "max", s->hugetlb[i].u.max);
		number(out, "failcnt", s->hugetlb[i].u.failcnt);
		buf_addc(out, '}');
	}
	buf_addc(out, '}');
}

static void open_event(const char *type, const char *id, struct buf *out)
{
	buf_printf(out, "{\"type\":\"%s\",\"id\":", type);
	json_print_string(id, out);
}

void cmd_stats_event(const char *id, const struct cg_stats *s, struct buf *out)
{
	open_event("stats", id, out);
	open_object(out, "data");
	add_cpu(out, s);
	add_cpuset(out, s);
	add_memory(out, s);
	open_object(out, "pids");
	nonzero(out, "current", s->pids.current);
	nonzero(out, "limit", s->pids.limit == CG_UNLIMITED ? 0 : s->pids.limit);
	buf_addc(out, '}');
	add_blkio(out, s);
	add_hugetlb(out, s);
	buf_adds(out, ",\"intel_rdt\":{},\"network_interfaces\":null}}\n");
}

void cmd_stats_oom_event(const char *id, struct buf *out)
{
	open_event("oom", id, out);
	buf_adds(out, "}\n");
}

void cmd_stats_limit_event(const char *id, const struct word_list *names, const uint64_t *counts,
			   struct buf *out)
{
	open_event("limit", id, out);
	open_object(out, "data");
	for (size_t i = 0; i < names->n; i++)
		nonzero(out, word_text(names, (int)i), counts[i]);
	buf_adds(out, "}}\n");
}
