/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/rules_resources: the law across the properties of linux.resources, in config.json and in the
 * document of `update`. Sizes and grammar only: what the kernel takes, and what cgroup v2 lacks, is
 * in cgroups/. Called by rules_linux.c and load.c.
 */
#include "spec/rules.h"
#include <inttypes.h>
#include "base/ban.h"

/* V21, B68. 0 is "not set" and -1 "unlimited" everywhere (V20, V23). */
static void rule_memory(const struct spec_memory *m, const char *at, bool is_update,
			struct json_errors *errs)
{
	if (!m)
		return;
	if (m->swap.v > 0 && m->limit.v > 0 && m->swap.v < m->limit.v)
		spec_rule_error(errs, at, "memory.swap",
				"%" PRId64 " (memory and swap) is below the limit of %" PRId64,
				m->swap.v, m->limit.v);
	if (m->swap.v > 0 && m->limit.v == 0 && !is_update)
		spec_rule_error(errs, at, "memory.swap", "needs memory.limit as well");
	if (m->reservation.v > 0 && m->limit.v > 0 && m->reservation.v > m->limit.v)
		spec_rule_error(errs, at, "memory.reservation",
				"%" PRId64 " is above the limit of %" PRId64, m->reservation.v,
				m->limit.v);
}

/* V06 */
static void rule_cpu_burst(const struct spec_cpu *c, const char *at, struct json_errors *errs)
{
	if (c && c->quota.v > 0 && c->burst.v > (uint64_t)c->quota.v)
		spec_rule_error(errs, at, "cpu.burst", "%" PRIu64 " is above the quota of %" PRId64,
				c->burst.v, c->quota.v);
}

/* V09: the kernel judges the CPUs; a second line is never part of a list. */
static void rule_cpusets(const struct spec_cpu *c, const char *at, struct json_errors *errs)
{
	if (c && c->cpus && spec_rule_has_control(c->cpus))
		spec_rule_error(errs, at, "cpu.cpus", "holds a control byte");
	if (c && c->mems && spec_rule_has_control(c->mems))
		spec_rule_error(errs, at, "cpu.mems", "holds a control byte");
}

/* V40: 0 is "not set". */
static void rule_weight(const struct opt_u32 *weight, const char *at, const char *what,
			struct json_errors *errs)
{
	if (weight->has && weight->v && (weight->v < 10 || weight->v > 1000))
		spec_rule_error(errs, at, what, "must be 10..1000, got %" PRIu32, weight->v);
}

static void rules_block_io(const struct spec_block_io *b, const char *at, struct json_errors *errs)
{
	char path[SPEC_PATH_SIZE];

	if (!b)
		return;
	rule_weight(&b->weight, at, "blockIO.weight", errs);
	rule_weight(&b->leaf_weight, at, "blockIO.leafWeight", errs);
	for (size_t i = 0; i < b->weight_device.n; i++) {
		const struct spec_weight_device *d = &b->weight_device.v[i];

		rule_weight(&d->weight, at,
			    spec_rule_path(path, "blockIO.weightDevice[%zu].weight", i), errs);
		rule_weight(&d->leaf_weight, at,
			    spec_rule_path(path, "blockIO.weightDevice[%zu].leafWeight", i), errs);
	}
}

/* C08: ^[1-9][0-9]*[KMG]B$ */
static bool is_page_size(const char *s)
{
	size_t n = strspn(s, "0123456789");
	return n > 0 && s[0] != '0' && s[n] && strchr("KMG", s[n]) && str_eq(s + n + 1, "B");
}

static void rule_hugepages(const struct spec_resources *r, const char *at, struct json_errors *errs)
{
	char path[SPEC_PATH_SIZE];

	for (size_t i = 0; i < r->hugepage_limits.n; i++) {
		const char *size = r->hugepage_limits.v[i].page_size;

		if (size && !is_page_size(size))
			spec_rule_error(errs, at,
					spec_rule_path(path, "hugepageLimits[%zu].pageSize", i),
					"\"%.100s\" is not a page size such as 2MB", size);
	}
}

/* C11 */
static void rule_rdma(const struct spec_resources *r, const char *at, struct json_errors *errs)
{
	for (size_t i = 0; i < r->rdma.n; i++) {
		const struct spec_rdma *d = &r->rdma.v[i];
		char path[SPEC_PATH_SIZE];

		spec_rule_key(path, "rdma", d->key);
		if (!d->hca_handles.has && !d->hca_objects.has)
			spec_rule_error(errs, at, path, "needs hcaHandles or hcaObjects");
		if (!*d->key || strpbrk(d->key, " /") || spec_rule_has_control(d->key))
			spec_rule_error(errs, at, path, "is not the name of a device");
	}
}

/* C12: a key is the name of one file of the cgroup. */
static void rule_unified(const struct spec_resources *r, const char *at, struct json_errors *errs)
{
	for (size_t i = 0; i < r->unified.n; i++) {
		const char *key = r->unified.v[i].key;
		bool is_name = *key && !strchr(key, '/') && !str_eq(key, ".") &&
			       !str_eq(key, "..") && !spec_rule_has_control(key) &&
			       strlen(key) <= 255;
		if (!is_name)
			spec_rule_error(errs, at, "unified",
					"\"%.100s\" is not the name of a cgroup file", key);
	}
}

/* C04: type "" and access "" are the zero values of engines: all. */
static void rule_devices(const struct spec_resources *r, const char *at, struct json_errors *errs)
{
	char path[SPEC_PATH_SIZE];

	for (size_t i = 0; i < r->devices.n; i++) {
		const struct spec_device_rule *d = &r->devices.v[i];

		if (d->type && *d->type && (strlen(d->type) != 1 || !strchr("abcup", *d->type)))
			spec_rule_error(errs, at, spec_rule_path(path, "devices[%zu].type", i),
					"must be a, b or c, got \"%.20s\"", d->type);
		if (d->access && strspn(d->access, "rwm") != strlen(d->access))
			spec_rule_error(errs, at, spec_rule_path(path, "devices[%zu].access", i),
					"must be of the letters r, w, m, got \"%.20s\"", d->access);
	}
}

void spec_rules_resources(const struct spec_resources *r, const char *at, bool is_update,
			  struct json_errors *errs)
{
	rule_memory(r->memory, at, is_update, errs);
	rule_cpu_burst(r->cpu, at, errs);
	rule_cpusets(r->cpu, at, errs);
	rules_block_io(r->block_io, at, errs);
	rule_hugepages(r, at, errs);
	rule_rdma(r, at, errs);
	rule_unified(r, at, errs);
	rule_devices(r, at, errs);
}
