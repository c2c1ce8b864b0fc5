/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroups/systemd_props: limits as properties of a unit (systemd.resource-control(5)), so that a
 * daemon-reload does not undo what was written to the files. Owns one table, keyed by the
 * controller file that knobs.c would write, which covers `resources` and `unified` alike (V56).
 * Pure: no bus. Called by systemd.c.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/num.h"
#include "base/str.h"
#include "cgroups/internal.h"
#include "cgroups/systemd.h"
#include "base/ban.h"

#define QUOTA_STEP_USEC 10000 /* systemd rounds to it; up, so that the file's value is not cut */
#define MASK_BITS	8192
#define ANNOTATION	"org.systemd.property."

/* ---- one property: (sv) ---- */

static void begin(struct buf *b, const char *name, const char *type)
{
	dbus_put_align(b, 8);
	dbus_put_str(b, name);
	if (type)
		dbus_put_sig(b, type);
}

void cg_props_bool(struct buf *b, const char *name, bool v)
{
	begin(b, name, "b");
	dbus_put_u32(b, v);
}

void cg_props_str(struct buf *b, const char *name, const char *v)
{
	begin(b, name, "s");
	dbus_put_str(b, v);
}

void cg_props_u64(struct buf *b, const char *name, uint64_t v)
{
	begin(b, name, "t");
	dbus_put_u64(b, v);
}

/* ---- the table of files ---- */

struct prop_ctx {
	struct buf *out;
	unsigned version;
	const char *name;
	const struct knob_write *w;
};

/* "max" is the largest number. -EINVAL: a grammar that only the kernel knows: no property. */
static int number(const char *s, size_t n, uint64_t *ret)
{
	if (n == 3 && !strncmp(s, "max", 3)) {
		*ret = UINT64_MAX;
		return 0;
	}
	return num_u64n(s, n, ret);
}

static void put_number(const struct prop_ctx *c)
{
	uint64_t v;

	if (number(c->w->text, strlen(c->w->text), &v) == 0)
		cg_props_u64(c->out, c->name, v);
}

static void put_tasks(const struct prop_ctx *c)
{
	uint64_t v;

	if (number(c->w->text, strlen(c->w->text), &v) < 0)
		return;
	/* TasksMax=0 is invalid; the file says 0 in the end (V51). */
	cg_props_u64(c->out, c->name, v ? v : 1);
}

static void put_idle(const struct prop_ctx *c)
{
	/* CPUWeight=idle is 0 on the bus, since 252; a weight that is given beside is dropped. */
	if (str_eq(c->w->text, "1") && c->version >= 252)
		cg_props_u64(c->out, c->name, 0);
}

static void put_cpu_max(const struct prop_ctx *c)
{
	const char *s = c->w->text;
	size_t n = strcspn(s, " ");
	uint64_t quota, period = 100000;

	if (number(s, n, &quota) < 0 || (s[n] && num_u64(s + n + 1, &period) < 0) || period == 0)
		return;
	if (quota != UINT64_MAX) {
		if (quota > UINT64_MAX / 1000000)
			return;
		quota = quota * 1000000 / period;
		quota = (quota + QUOTA_STEP_USEC - 1) / QUOTA_STEP_USEC * QUOTA_STEP_USEC;
	}
	cg_props_u64(c->out, "CPUQuotaPerSecUSec", quota);
	cg_props_u64(c->out, "CPUQuotaPeriodUSec", period);
}

/* A list of CPUs or nodes as bytes, the lowest bit first. */
static void put_mask(const struct prop_ctx *c)
{
	uint64_t bits[MASK_BITS / 64] = {0};
	bool is_lifted = !c->w->text[strspn(c->w->text, "\n")];
	size_t n = is_lifted ? 0 : MASK_BITS / 8;

	if (!is_lifted && num_list(c->w->text, bits, MASK_BITS) < 0)
		return;
	while (n > 1 && !(bits[(n - 1) / 8] >> (n - 1) % 8 * 8 & 0xff))
		n--;
	begin(c->out, c->name, "ay");
	size_t mark = dbus_put_array(c->out, 'y');

	for (size_t i = 0; i < n; i++)
		dbus_put_byte(c->out, (uint8_t)(bits[i / 8] >> i % 8 * 8));
	dbus_put_end(c->out, mark);
}

static void put_device_u64(struct buf *b, const char *name, const char *dev, size_t n, uint64_t v)
{
	char path[64];

	snprintf(path, sizeof(path), "/dev/block/%.*s", (int)n, dev);
	begin(b, name, "a(st)");
	size_t mark = dbus_put_array(b, '(');

	dbus_put_align(b, 8);
	dbus_put_str(b, path);
	dbus_put_u64(b, v);
	dbus_put_end(b, mark);
}

/* "8:0" at the begin of a line: its length, or 0. */
static size_t device_len(const char *s)
{
	size_t n = strspn(s, "0123456789:");

	return n < 24 && s[n] == ' ' && memchr(s, ':', n) ? n : 0;
}

static void put_io_weight(const struct prop_ctx *c)
{
	/* knobs.c writes BFQ's scale first, with io.weight's as the other one. */
	const char *s = c->w->alt_text ? c->w->alt_text : c->w->text;
	const char *all = str_after(s, "default ");
	size_t n = device_len(s);
	uint64_t v;

	if (num_u64(all ? all : n ? s + n + 1 : s, &v) < 0)
		return;
	if (n)
		put_device_u64(c->out, "IODeviceWeight", s, n, v);
	else
		cg_props_u64(c->out, c->name, v);
}

static void put_io_max(const struct prop_ctx *c)
{
	static const struct {
		const char *key, *name;
	} keys[] = {
		{"rbps=", "IOReadBandwidthMax"},
		{"wbps=", "IOWriteBandwidthMax"},
		{"riops=", "IOReadIOPSMax"},
		{"wiops=", "IOWriteIOPSMax"},
	};
	const char *s = c->w->text;
	size_t n = device_len(s);

	for (const char *word = s + n; n && *word;) {
		word += strspn(word, " ");
		size_t len = strcspn(word, " ");

		for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
			const char *v = str_after(word, keys[i].key);
			uint64_t rate;

			if (v && number(v, len - (size_t)(v - word), &rate) == 0)
				put_device_u64(c->out, keys[i].name, s, n, rate);
		}
		word += len;
	}
}

static void put_oom(const struct prop_ctx *c)
{
	if (c->version >= 253)
		cg_props_str(c->out, c->name, str_eq(c->w->text, "1") ? "kill" : "continue");
}

/* clang-format off */
static const struct {
	const char *file, *name;
	void (*put)(const struct prop_ctx *c);
} files[] = {
	{"cpu.idle",		"CPUWeight",		put_idle},
	{"cpu.weight",		"CPUWeight",		put_number},
	{"cpu.max",		"CPUQuotaPerSecUSec",	put_cpu_max},
	{"cpuset.cpus",		"AllowedCPUs",		put_mask},
	{"cpuset.mems",		"AllowedMemoryNodes",	put_mask},
	{"memory.min",		"MemoryMin",		put_number},
	{"memory.low",		"MemoryLow",		put_number},
	{"memory.high",		"MemoryHigh",		put_number},
	{"memory.max",		"MemoryMax",		put_number},
	{"memory.swap.max",	"MemorySwapMax",	put_number},
	{"memory.oom.group",	"OOMPolicy",		put_oom},
	{"pids.max",		"TasksMax",		put_tasks},
	{"io.weight",		"IOWeight",		put_io_weight},
	{"io.bfq.weight",	"IOWeight",		put_io_weight},
	{"io.max",		"IOReadBandwidthMax",	put_io_max},
};
/* clang-format on */

void cg_props_plan(const struct knob_plan *p, unsigned version, struct buf *b)
{
	for (size_t i = 0; i < p->n; i++)
		for (size_t k = 0; k < sizeof(files) / sizeof(files[0]); k++) {
			struct prop_ctx c = {b, version, files[k].name, &p->v[i]};

			if (str_eq(p->v[i].file, files[k].file))
				files[k].put(&c);
		}
}

/* ---- devices (V68) ---- */

static void put_device(struct buf *b, const struct cg_dev_rule *r, char type, unsigned bits)
{
	const char *kind = type == 'b' ? "block" : "char";
	char node[64], access[4] = "", *at = access;

	/* A minor of every major cannot be said: the wider one, which our own filter narrows. */
	if (r->major == CG_DEV_ANY)
		snprintf(node, sizeof(node), "%s-*", kind);
	else if (r->minor == CG_DEV_ANY)
		snprintf(node, sizeof(node), "%s-%" PRId64, kind, r->major);
	else
		snprintf(node, sizeof(node), "/dev/%s/%" PRId64 ":%" PRId64, kind, r->major,
			 r->minor);
	if (bits & BPF_DEVCG_ACC_READ)
		*at++ = 'r';
	if (bits & BPF_DEVCG_ACC_WRITE)
		*at++ = 'w';
	if (bits & BPF_DEVCG_ACC_MKNOD)
		*at++ = 'm';
	if (at == access)
		return;
	dbus_put_align(b, 8);
	dbus_put_str(b, node);
	dbus_put_str(b, access);
}

static bool is_of(const struct cg_dev_rule *r, char type)
{
	return r->allow && (r->type == type || r->type == 'a');
}

/* The same words to systemd, where the last entry of a node replaces the others. */
static bool is_same_node(const struct cg_dev_rule *a, const struct cg_dev_rule *b)
{
	return a->major == b->major && (a->minor == b->minor || a->major == CG_DEV_ANY);
}

static bool is_covered(const struct cg_dev_rule *r, const struct cg_dev_rule *by)
{
	return by->major == CG_DEV_ANY ||
	       (by->major == r->major && (by->minor == CG_DEV_ANY || by->minor == r->minor));
}

/* To systemd one entry must allow all bits of an access, so each has those of all that cover it. */
static void put_devices(struct buf *b, const struct cg_dev_rules *rules, char type)
{
	for (size_t i = 0; i < rules->n; i++) {
		const struct cg_dev_rule *r = &rules->v[i];
		bool is_first = is_of(r, type);
		unsigned bits = 0;

		for (size_t k = 0; is_first && k < rules->n; k++) {
			const struct cg_dev_rule *by = &rules->v[k];

			if (!is_of(by, type))
				continue;
			if (is_covered(r, by))
				bits |= by->access;
			is_first = k >= i || !is_same_node(r, by);
		}
		if (is_first)
			put_device(b, r, type, bits);
	}
}

/* Adds the rules of a config to *ret. The last rule for everything decides what all after it add
 * to; deny rules behind it are our own filter's alone. Return: 1 = all is allowed, 0, or a story.
 */
static int add_rules(const struct spec_config *conf, struct arena *a, struct cg_dev_rules *ret,
		     struct err *e)
{
	struct cg_dev_rules rules;
	bool allows_all = false;
	size_t from = 0;
	int r = cg_devprog_rules(conf, a, &rules, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < rules.n; i++) {
		const struct cg_dev_rule *d = &rules.v[i];

		if (d->type != 'a' || d->major != CG_DEV_ANY || d->minor != CG_DEV_ANY)
			continue;
		if (d->access != (BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE | BPF_DEVCG_ACC_MKNOD))
			continue;
		allows_all = d->allow;
		from = i + 1;
	}
	struct cg_dev_rule *v = arena_array(a, ret->n + rules.n + 1, sizeof(*v));

	if (ret->n)
		memcpy(v, ret->v, ret->n * sizeof(*v));
	if (rules.n > from)
		memcpy(v + ret->n, rules.v + from, (rules.n - from) * sizeof(*v));
	ret->v = v;
	ret->n += rules.n - from;
	return allows_all;
}

static void put_list(struct buf *b, const struct cg_dev_rules *rules)
{
	begin(b, "DeviceAllow", "a(ss)");
	size_t mark = dbus_put_array(b, '(');

	if (rules) {
		put_devices(b, rules, 'c');
		put_devices(b, rules, 'b');
	}
	dbus_put_end(b, mark);
}

int cg_props_devices(const struct spec_config *conf, struct arena *a, struct buf *b, struct err *e)
{
	struct cg_dev_rules rules = {0};
	int r = add_rules(conf, a, &rules, e);

	if (r < 0)
		return r;
	cg_props_str(b, "DevicePolicy", r ? "auto" : "strict");
	/* An empty list takes away what there is; the next one is added to that. */
	put_list(b, NULL);
	if (!r)
		put_list(b, &rules);
	return 0;
}

int cg_props_devices_wider(const struct spec_config *before, const struct spec_config *now,
			   struct arena *a, struct buf *b, struct err *e)
{
	struct cg_dev_rules rules = {0};
	int had_all = add_rules(before, a, &rules, e);
	int has_all = had_all < 0 ? had_all : add_rules(now, a, &rules, e);

	if (has_all < 0 || had_all)
		return has_all < 0 ? has_all : 0;
	if (has_all)
		return cg_props_devices(now, a, b, e);
	put_list(b, &rules);
	return 0;
}

/* ---- annotations (A01) ---- */

static bool is_property_name(const char *s)
{
	size_t n = strlen(s);

	return n >= 3 && n <= 64 &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == n;
}

static int put_annotation(const char *name, const char *value, struct buf *b, struct err *e)
{
	size_t n = strlen(name);
	char usec[80];
	uint64_t v;

	if (!is_property_name(name))
		return err_set(e, ERR_INPUT, EINVAL,
			       "not the name of a property (at least three letters)");
	/* TimeoutStopSec=5 of a unit file is TimeoutStopUSec on the bus. */
	if (str_ends(name, "Sec") && !str_ends(name, "USec")) {
		int r = cg_gvariant_seconds(value, &v, e);

		if (r < 0)
			return r;
		snprintf(usec, sizeof(usec), "%.*sUSec", (int)(n - 3), name);
		cg_props_u64(b, usec, v);
		return 0;
	}
	begin(b, name, NULL);
	return cg_gvariant_put(value, str_ends(name, "USec") ? "t" : NULL, b, e);
}

int cg_props_annotations(const struct spec_config *conf, struct buf *b, struct err *e)
{
	for (size_t i = 0; i < conf->annotations.n; i++) {
		const struct strpair *p = &conf->annotations.v[i];
		const char *name = str_after(p->key, ANNOTATION);
		int r = name ? put_annotation(name, p->value, b, e) : 0;

		if (r < 0) {
			char shown[80];

			return err_prefix(e, "annotations.%s%s", ANNOTATION,
					  str_printable(shown, sizeof(shown), name));
		}
	}
	return 0;
}
