// SPDX-License-Identifier: Apache-2.0
/*
 * cgroups/knobs: the table of controller files, one row each, in the order in which they are
 * written. Owns what a property means in cgroup v2 (conformance.md section 2) and which ones have
 * no meaning there. It must not know a cgroup: it makes no system call. Called by tree.c (which
 * controllers?), apply.c (which writes?) and update.c.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/str.h"
#include "cgroups/internal.h"
#include "cgroups/knobs.h"
#include "base/ban.h"

#define CPU_PERIOD_DEFAULT 100000
#define CPU_PERIOD_MIN	   1000 /* kernel/sched/core.c: 1 ms to 1 s */
#define CPU_PERIOD_MAX	   1000000
#define CPU_QUOTA_MIN	   1000
#define BLKIO_WEIGHT_MIN   10
#define BLKIO_WEIGHT_MAX   1000

struct knob {
	const char *prop, *ctrl, *file;
	int (*plan)(const struct knob *k, const struct spec_resources *res, struct knob_plan *p,
		    struct err *e);
	/* For rows that share a function: which list of blockIO, and its key in io.max. */
	size_t list;
	const char *key;
};

/* ---- the list ---- */

static struct knob_write *add(struct knob_plan *p, const struct knob *k, unsigned flags,
			      const char *text)
{
	if (p->n == p->cap) {
		size_t cap = p->cap ? 2 * p->cap : 16;
		struct knob_write *v = arena_array(p->arena, cap, sizeof(*v));
		if (p->n)
			memcpy(v, p->v, p->n * sizeof(*v));
		p->v = v;
		p->cap = cap;
	}
	struct knob_write *w = &p->v[p->n++];
	*w = (struct knob_write){
		.prop = k->prop, .ctrl = k->ctrl, .file = k->file, .text = text, .flags = flags};
	return w;
}

/* A number, or "max" for a negative one, which takes the limit away. */
static void add_number(struct knob_plan *p, const struct knob *k, unsigned flags, int64_t v)
{
	if (v < 0)
		add(p, k, flags | KNOB_LIFT, "max");
	else
		add(p, k, flags, arena_printf(p->arena, "%" PRId64, v));
}

static int out_of_range(const struct knob *k, int64_t v, const char *range, struct err *e)
{
	return err_set(e, ERR_INPUT, ERANGE, "%s: %" PRId64 " is out of range (%s)", k->prop, v,
		       range);
}

/* ---- cpu ---- */

static int plan_cpu_idle(const struct knob *k, const struct spec_resources *res,
			 struct knob_plan *p, struct err *e)
{
	if (!res->cpu || !res->cpu->idle.has)
		return 0;
	int64_t idle = res->cpu->idle.v;
	if (idle != 0 && idle != 1)
		return out_of_range(k, idle, "0 or 1", e);
	add(p, k, idle ? 0 : KNOB_LIFT, idle ? "1" : "0");
	return 0;
}

static int plan_cpu_weight(const struct knob *k, const struct spec_resources *res,
			   struct knob_plan *p, struct err *e)
{
	(void)e;
	if (!res->cpu || !res->cpu->shares.has || res->cpu->shares.v == 0)
		return 0;
	/* The kernel refuses a weight while cpu.idle is 1 (EINVAL): idle has the last word. */
	if (res->cpu->idle.has && res->cpu->idle.v == 1)
		return 0;
	add_number(p, k, 0, cg_convert_shares(res->cpu->shares.v));
	return 0;
}

static int plan_cpu_burst(const struct knob *k, const struct spec_resources *res,
			  struct knob_plan *p, struct err *e)
{
	if (!res->cpu || !res->cpu->burst.has)
		return 0;
	uint64_t burst = res->cpu->burst.v;
	const struct opt_i64 *quota = &res->cpu->quota;
	if (quota->has && quota->v > 0 && burst > (uint64_t)quota->v)
		return err_set(e, ERR_INPUT, EINVAL,
			       "%s: %" PRIu64 " is more than the quota, %" PRId64, k->prop, burst,
			       quota->v);
	/* Before cpu.max for a rising quota, after it for a falling one: the kernel wants
	 * burst <= quota at each moment. */
	add(p, k, KNOB_AGAIN | (burst == 0 ? KNOB_LIFT : 0),
	    arena_printf(p->arena, "%" PRIu64, burst));
	return 0;
}

static int plan_cpu_max(const struct knob *k, const struct spec_resources *res, struct knob_plan *p,
			struct err *e)
{
	static const struct knob period_knob = {.prop = "linux.resources.cpu.period"};
	int64_t quota = res->cpu && res->cpu->quota.has ? res->cpu->quota.v : 0;
	uint64_t period = res->cpu && res->cpu->period.has ? res->cpu->period.v : 0;

	if (quota == 0 && period == 0)
		return 0; /* engines send 0 for "not set" */
	if (period != 0 && (period < CPU_PERIOD_MIN || period > CPU_PERIOD_MAX))
		return out_of_range(&period_knob, (int64_t)(period & INT64_MAX), "1000 to 1000000",
				    e);
	if (quota > 0 && quota < CPU_QUOTA_MIN)
		return out_of_range(k, quota, "at least 1000, or -1", e);
	if (period == 0)
		period = CPU_PERIOD_DEFAULT;
	if (quota > 0)
		add(p, k, 0, arena_printf(p->arena, "%" PRId64 " %" PRIu64, quota, period));
	else
		add(p, k, KNOB_LIFT, arena_printf(p->arena, "max %" PRIu64, period));
	return 0;
}

static int plan_cpuset(const struct knob *k, const struct spec_resources *res, struct knob_plan *p,
		       struct err *e)
{
	const char *list = NULL;

	if (res->cpu)
		list = str_eq(k->file, "cpuset.cpus") ? res->cpu->cpus : res->cpu->mems;
	if (list && !*list && p->is_update)
		add(p, k, KNOB_LIFT, "\n");
	if (!list || !*list)
		return 0;
	for (const char *s = list; *s; s++)
		if ((unsigned char)*s < ' ')
			return err_set(e, ERR_INPUT, EINVAL, "%s: it has a control character",
				       k->prop);
	add(p, k, 0, list);
	return 0;
}

/* ---- memory ---- */

static int plan_memory_swap(const struct knob *k, const struct spec_resources *res,
			    struct knob_plan *p, struct err *e)
{
	int64_t v = 0;

	if (!res->memory)
		return 0;
	if (res->memory->swap.has && res->memory->swap.v < -1)
		return out_of_range(k, res->memory->swap.v, "at least 1, or -1 for unlimited", e);
	int r = cg_convert_swap(res->memory, &v);
	if (r == -EINVAL)
		return err_set(e, ERR_INPUT, EINVAL,
			       "%s: it counts memory and swap together, so it needs memory.limit",
			       k->prop);
	if (r == -ERANGE)
		return err_set(e, ERR_INPUT, EINVAL,
			       "%s: %" PRId64 " is less than memory.limit, %" PRId64
			       " (it counts memory and swap together)",
			       k->prop, res->memory->swap.v, res->memory->limit.v);
	/* Where swap is not accounted there is no swap to be kept from (V26). */
	if (r > 0)
		add_number(p, k, v == 0 ? KNOB_FILE_OPTIONAL : 0, v);
	return 0;
}

static int plan_memory_max(const struct knob *k, const struct spec_resources *res,
			   struct knob_plan *p, struct err *e)
{
	if (!res->memory || !res->memory->limit.has || res->memory->limit.v == 0)
		return 0;
	if (res->memory->limit.v < -1)
		return out_of_range(k, res->memory->limit.v, "at least 1, or -1 for unlimited", e);
	add_number(p, k, 0, res->memory->limit.v);
	return 0;
}

static int plan_memory_low(const struct knob *k, const struct spec_resources *res,
			   struct knob_plan *p, struct err *e)
{
	if (!res->memory || !res->memory->reservation.has || res->memory->reservation.v == 0)
		return 0;
	int64_t v = res->memory->reservation.v;
	const struct opt_i64 *limit = &res->memory->limit;
	if (v < -1)
		return out_of_range(k, v, "at least 1, or -1 for everything", e);
	if (limit->has && limit->v > 0 && v > limit->v)
		return err_set(e, ERR_INPUT, EINVAL,
			       "%s: %" PRId64 " is more than memory.limit, %" PRId64, k->prop, v,
			       limit->v);
	/* Here "max" is not the absence of a limit: it protects all of the memory. */
	if (v < 0)
		add(p, k, 0, "max");
	else
		add_number(p, k, 0, v);
	return 0;
}

/* ---- pids ---- */

static bool unified_sets(const struct spec_resources *res, const char *file, const char *value)
{
	const char *set = json_map_value(&res->unified, file);

	return set && (!value || str_eq(set, value));
}

static int plan_pids(const struct knob *k, const struct spec_resources *res, struct knob_plan *p,
		     struct err *e)
{
	(void)e;
	/* unified overrides all; and a late 0 must not come after it. */
	if (!res->pids || !res->pids->limit.has || unified_sets(res, k->file, NULL))
		return 0;
	/* 0 is a limit like any other, but init's own clone is charged too. */
	add_number(p, k, res->pids->limit.v == 0 ? KNOB_LATE : 0, res->pids->limit.v);
	return 0;
}

/* ---- io ---- */

static int check_blkio_weight(const char *prop, uint32_t weight, struct err *e)
{
	if (weight >= BLKIO_WEIGHT_MIN && weight <= BLKIO_WEIGHT_MAX)
		return 0;
	return err_set(e, ERR_INPUT, ERANGE, "%s: %" PRIu32 " is out of range (10 to 1000)", prop,
		       weight);
}

/* With the BFQ scheduler there is io.bfq.weight, with iocost io.weight: one of them or none. */
static void add_weight(struct knob_plan *p, const struct knob *k, const char *whom, uint32_t weight)
{
	struct knob_write *w = add(p, k, 0, arena_printf(p->arena, "%s %" PRIu32, whom, weight));
	w->alt_file = "io.weight";
	w->alt_text = arena_printf(p->arena, "%s %u", whom, cg_convert_blkio_weight(weight));
}

static int plan_io_weight(const struct knob *k, const struct spec_resources *res,
			  struct knob_plan *p, struct err *e)
{
	if (!res->block_io || !res->block_io->weight.has || res->block_io->weight.v == 0)
		return 0;
	int r = check_blkio_weight(k->prop, res->block_io->weight.v, e);
	if (r == 0)
		add_weight(p, k, "default", res->block_io->weight.v);
	return r;
}

/* "8:0" of a device; ret in the arena. */
static int device_text(const char *prop, const struct opt_i64 *major, const struct opt_i64 *minor,
		       struct arena *a, const char **ret, struct err *e)
{
	if (!major->has || !minor->has || major->v < 0 || major->v > UINT32_MAX || minor->v < 0 ||
	    minor->v > UINT32_MAX)
		return err_set(e, ERR_INPUT, EINVAL, "%s: it needs a major and a minor number",
			       prop);
	*ret = arena_printf(a, "%" PRId64 ":%" PRId64, major->v, minor->v);
	return 0;
}

static int plan_io_weight_device(const struct knob *k, const struct spec_resources *res,
				 struct knob_plan *p, struct err *e)
{
	const struct spec_block_io *io = res->block_io;

	for (size_t i = 0; io && i < io->weight_device.n; i++) {
		const struct spec_weight_device *d = &io->weight_device.v[i];
		struct knob row = *k;
		const char *whom;
		row.prop = arena_printf(p->arena, "%s[%zu]", k->prop, i);
		if (d->leaf_weight.has && d->leaf_weight.v != 0)
			return err_set(e, ERR_MISSING, ENOTSUP,
				       "%s.leafWeight: cgroup v2 has no such setting", row.prop);
		if (!d->weight.has || d->weight.v == 0)
			continue;
		int r = check_blkio_weight(row.prop, d->weight.v, e);
		if (r == 0)
			r = device_text(row.prop, &d->major, &d->minor, p->arena, &whom, e);
		if (r < 0)
			return r;
		add_weight(p, &row, whom, d->weight.v);
	}
	return 0;
}

static int plan_io_max(const struct knob *k, const struct spec_resources *res, struct knob_plan *p,
		       struct err *e)
{
	if (!res->block_io)
		return 0;
	const struct spec_throttle_device_vec *list =
		(const void *)((const char *)res->block_io + k->list);
	for (size_t i = 0; i < list->n; i++) {
		const struct spec_throttle_device *d = &list->v[i];
		struct knob row = *k;
		const char *whom;
		row.prop = arena_printf(p->arena, "%s[%zu]", k->prop, i);
		int r = device_text(row.prop, &d->major, &d->minor, p->arena, &whom, e);
		if (r < 0)
			return r;
		/* v1's 0 took the limit away; v2's io.max refuses it (ERANGE). */
		if (!d->rate.has || d->rate.v == 0)
			add(p, &row, KNOB_LIFT, arena_printf(p->arena, "%s %s=max", whom, k->key));
		else
			add(p, &row, 0,
			    arena_printf(p->arena, "%s %s=%" PRIu64, whom, k->key, d->rate.v));
	}
	return 0;
}

/* ---- hugetlb and rdma ---- */

static int plan_hugetlb(const struct knob *k, const struct spec_resources *res, struct knob_plan *p,
			struct err *e)
{
	for (size_t i = 0; i < res->hugepage_limits.n; i++) {
		const struct spec_hugepage_limit *h = &res->hugepage_limits.v[i];
		struct knob row = *k;
		row.prop = arena_printf(p->arena, "%s[%zu]", k->prop, i);
		if (!h->page_size || !cg_convert_is_page_size(h->page_size))
			return err_set(e, ERR_INPUT, EINVAL,
				       "%s.pageSize: \"%.64s\" is not a page size such as 2MB",
				       row.prop, h->page_size ? h->page_size : "");
		if (!h->limit.has)
			continue;
		const char *text = arena_printf(p->arena, "%" PRIu64, h->limit.v);
		/* The reservation limit, since 5.7, gives an error where the plain one gives
		 * SIGBUS. */
		row.file = arena_printf(p->arena, "hugetlb.%s.rsvd.max", h->page_size);
		add(p, &row, KNOB_FILE_OPTIONAL, text);
		row.file = arena_printf(p->arena, "hugetlb.%s.max", h->page_size);
		add(p, &row, 0, text);
	}
	return 0;
}

static int plan_rdma(const struct knob *k, const struct spec_resources *res, struct knob_plan *p,
		     struct err *e)
{
	for (size_t i = 0; i < res->rdma.n; i++) {
		const struct spec_rdma *d = &res->rdma.v[i];
		struct knob row = *k;
		struct buf text = {0};
		row.prop = arena_printf(p->arena, "%s.%s", k->prop, d->key);
		if (!d->key[0] || d->key[strcspn(d->key, " \t\n")])
			return err_set(e, ERR_INPUT, EINVAL, "%s: not the name of a device",
				       row.prop);
		if (!d->hca_handles.has && !d->hca_objects.has)
			return err_set(e, ERR_INPUT, EINVAL,
				       "%s: it needs hcaHandles or hcaObjects", row.prop);
		buf_adds(&text, d->key);
		if (d->hca_handles.has)
			buf_printf(&text, " hca_handle=%" PRIu32, d->hca_handles.v);
		if (d->hca_objects.has)
			buf_printf(&text, " hca_object=%" PRIu32, d->hca_objects.v);
		add(p, &row, 0, arena_strdup(p->arena, text.data));
		buf_done(&text);
	}
	return 0;
}

/* ---- unified ---- */

/* [A-Za-z0-9_.-], with a dot between two parts: no way out of the directory. */
static bool is_file_name(const char *s)
{
	const char *dot = strchr(s, '.');

	if (!dot || dot == s || !dot[1] || strlen(s) > 128)
		return false;
	for (; *s; s++) {
		bool is_alnum = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
				(*s >= '0' && *s <= '9');
		if (!is_alnum && !strchr("_.-", *s))
			return false;
	}
	return true;
}

static void add_lines(struct knob_plan *p, const struct knob *k, const char *value)
{
	/* One write per line, as the kernel takes one device per write. */
	for (const char *s = value; *s;) {
		size_t n = strcspn(s, "\n");
		bool is_late = n == 1 && *s == '0' && str_eq(k->file, "pids.max");
		if (n > 0)
			add(p, k, is_late ? KNOB_LATE : 0, arena_strndup(p->arena, s, n));
		s += n;
		s += *s == '\n';
	}
}

static int plan_unified(const struct knob *k, const struct spec_resources *res, struct knob_plan *p,
			struct err *e)
{
	for (size_t i = 0; i < res->unified.n; i++) {
		const char *key = res->unified.v[i].key;
		struct knob row = *k;
		if (!is_file_name(key))
			return err_set(e, ERR_INPUT, EINVAL,
				       "%s: the specified key has not the form CONTROLLER.VALUE "
				       "`%.128s`",
				       k->prop, key);
		/* cgroup.procs, cgroup.freeze, cgroup.kill...: ours, not limits (security.md C9).
		 */
		if (str_starts(key, "cgroup."))
			return err_set(e, ERR_INPUT, EPERM, "%s.%s: cgroup.* files cannot be set",
				       k->prop, key);
		row.prop = arena_printf(p->arena, "%s.%s", k->prop, key);
		row.ctrl = arena_strndup(p->arena, key, strcspn(key, "."));
		row.file = key;
		add_lines(p, &row, res->unified.v[i].value);
	}
	return 0;
}

/* ---- the table ---- */

#define R    "linux.resources."
#define L(m) offsetof(struct spec_block_io, m)
/* clang-format off */
static const struct knob knobs[] = {
	/* property                              controller  file               how            list, key */
	{R "cpu.idle",                           "cpu",     "cpu.idle",         plan_cpu_idle, 0, NULL},
	{R "cpu.shares",                         "cpu",     "cpu.weight",       plan_cpu_weight, 0, NULL},
	{R "cpu.burst",                          "cpu",     "cpu.max.burst",    plan_cpu_burst, 0, NULL},
	{R "cpu.quota",                          "cpu",     "cpu.max",          plan_cpu_max, 0, NULL},
	{R "memory.swap",                        "memory",  "memory.swap.max",  plan_memory_swap, 0, NULL},
	{R "memory.limit",                       "memory",  "memory.max",       plan_memory_max, 0, NULL},
	{R "memory.reservation",                 "memory",  "memory.low",       plan_memory_low, 0, NULL},
	{R "pids.limit",                         "pids",    "pids.max",         plan_pids, 0, NULL},
	{R "blockIO.weight",                     "io",      "io.bfq.weight",    plan_io_weight, 0, NULL},
	{R "blockIO.weightDevice",               "io",      "io.bfq.weight",    plan_io_weight_device, 0, NULL},
	{R "blockIO.throttleReadBpsDevice",      "io",      "io.max",           plan_io_max, L(read_bps), "rbps"},
	{R "blockIO.throttleWriteBpsDevice",     "io",      "io.max",           plan_io_max, L(write_bps), "wbps"},
	{R "blockIO.throttleReadIOPSDevice",     "io",      "io.max",           plan_io_max, L(read_iops), "riops"},
	{R "blockIO.throttleWriteIOPSDevice",    "io",      "io.max",           plan_io_max, L(write_iops), "wiops"},
	{R "hugepageLimits",                     "hugetlb", NULL,               plan_hugetlb, 0, NULL},
	{R "rdma",                               "rdma",    "rdma.max",         plan_rdma, 0, NULL},
	{R "cpu.cpus",                           "cpuset",  "cpuset.cpus",      plan_cpuset, 0, NULL},
	{R "cpu.mems",                           "cpuset",  "cpuset.mems",      plan_cpuset, 0, NULL},
	{R "unified",                            NULL,      NULL,               plan_unified, 0, NULL},
};

/* What cgroup v1 had and v2 has not: refused, but for the values that mean "not set" (V28). */
enum refuse_when { WHEN_I64_POSITIVE, WHEN_I64_SET, WHEN_U64_SET, WHEN_U64_THERE, WHEN_U32_SET,
		   WHEN_TRUE, WHEN_FALSE, WHEN_LIST };
#define V1(prop, ptr, T, m, when) {R prop, offsetof(struct spec_resources, ptr), offsetof(struct T, m), when}
static const struct refusal {
	const char *prop;
	size_t object, member; /* object: where spec_resources points to the struct that has it */
	enum refuse_when when;
} refusals[] = {
	V1("cpu.realtimeRuntime",     cpu,      spec_cpu,      realtime_runtime,   WHEN_I64_SET),
	V1("cpu.realtimePeriod",      cpu,      spec_cpu,      realtime_period,    WHEN_U64_SET),
	V1("memory.kernel",           memory,   spec_memory,   kernel,             WHEN_I64_POSITIVE),
	V1("memory.kernelTCP",        memory,   spec_memory,   kernel_tcp,         WHEN_I64_POSITIVE),
	V1("memory.swappiness",       memory,   spec_memory,   swappiness,         WHEN_U64_THERE),
	V1("memory.disableOOMKiller", memory,   spec_memory,   disable_oom_killer, WHEN_TRUE),
	V1("memory.useHierarchy",     memory,   spec_memory,   use_hierarchy,      WHEN_FALSE),
	V1("blockIO.leafWeight",      block_io, spec_block_io, leaf_weight,        WHEN_U32_SET),
	V1("network.classID",         network,  spec_network,  class_id,           WHEN_U32_SET),
	V1("network.priorities",      network,  spec_network,  priorities,         WHEN_LIST),
};
/* clang-format on */
#undef R
#undef L
#undef V1

static bool is_refused(const struct refusal *f, const struct spec_resources *res)
{
	const char *object;

	memcpy(&object, (const char *)res + f->object, sizeof(object));
	if (!object)
		return false;
	const void *m = object + f->member;
	switch (f->when) {
	case WHEN_I64_POSITIVE:
		return ((const struct opt_i64 *)m)->has && ((const struct opt_i64 *)m)->v > 0;
	case WHEN_I64_SET:
		return ((const struct opt_i64 *)m)->has && ((const struct opt_i64 *)m)->v != 0;
	case WHEN_U64_SET:
		return ((const struct opt_u64 *)m)->has && ((const struct opt_u64 *)m)->v != 0;
	case WHEN_U64_THERE:
		return ((const struct opt_u64 *)m)->has;
	case WHEN_U32_SET:
		return ((const struct opt_u32 *)m)->has && ((const struct opt_u32 *)m)->v != 0;
	case WHEN_TRUE:
		return ((const struct opt_bool *)m)->has && ((const struct opt_bool *)m)->v;
	case WHEN_FALSE:
		return ((const struct opt_bool *)m)->has && !((const struct opt_bool *)m)->v;
	case WHEN_LIST:
		return ((const struct spec_interface_priority_vec *)m)->n > 0;
	}
	return false;
}

int cg_knobs_plan(const struct spec_resources *res, struct knob_plan *p, struct err *e)
{
	if (!res)
		return 0;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		if (is_refused(&refusals[i], res))
			return err_set(e, ERR_MISSING, ENOTSUP, "%s: cgroup v2 has no such setting",
				       refusals[i].prop);
	for (size_t i = 0; i < sizeof(knobs) / sizeof(knobs[0]); i++) {
		int r = knobs[i].plan(&knobs[i], res, p, e);
		if (r < 0)
			return r;
	}
	return 0;
}

void cg_knobs_needs(const struct knob_plan *p, struct knob_needs *ret)
{
	ret->n = 0;
	for (size_t i = 0; i < p->n && ret->n < KNOB_NEEDS_MAX; i++) {
		const struct knob_write *w = &p->v[i];
		size_t k = 0;
		if (w->flags & KNOB_LIFT)
			continue;
		while (k < ret->n && !str_eq(ret->v[k].ctrl, w->ctrl))
			k++;
		if (k < ret->n)
			continue;
		ret->v[ret->n].ctrl = w->ctrl;
		ret->v[ret->n++].prop = w->prop;
	}
}

bool cg_knobs_has_late(const struct spec_resources *res)
{
	if (!res)
		return false;
	return (res->pids && res->pids->limit.has && res->pids->limit.v == 0) ||
	       unified_sets(res, "pids.max", "0");
}
