// SPDX-License-Identifier: Apache-2.0
/*
 * cgroups/devprog: device rules and the program that applies them. Owns the default devices and
 * the meaning of a list of rules (conformance.md 2.6): each requested bit of read, write and mknod
 * is decided by the last rule that covers it, what no rule covers is denied. Pure: it must not know
 * a cgroup, makes no system call. Called by bpf.c.
 */
#include <inttypes.h>
#include <string.h>
#include "base/log.h"
#include "base/str.h"
#include "cgroups/internal.h"
#include "base/ban.h"

#define M   BPF_DEVCG_ACC_MKNOD
#define RW  (BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE)
#define RWM (M | RW)

#define TUN_MAJOR 10
#define TUN_MINOR 200

/* clang-format off */
static const struct cg_dev_rule defaults[] = {
	{true, 'c', M,   CG_DEV_ANY, CG_DEV_ANY}, /* a node that cannot be opened harms nobody */
	{true, 'b', M,   CG_DEV_ANY, CG_DEV_ANY},
	{true, 'c', RWM, 1, 3},                   /* null */
	{true, 'c', RWM, 1, 5},                   /* zero */
	{true, 'c', RWM, 1, 7},                   /* full */
	{true, 'c', RWM, 1, 8},                   /* random */
	{true, 'c', RWM, 1, 9},                   /* urandom */
	{true, 'c', RWM, 5, 0},                   /* tty */
	{true, 'c', RWM, 5, 2},                   /* ptmx */
	{true, 'c', RWM, 136, CG_DEV_ANY},        /* pts */
	{true, 'c', RWM, TUN_MAJOR, TUN_MINOR},
};
/* clang-format on */
#define N_DEFAULTS (sizeof(defaults) / sizeof(defaults[0]))

/* ---- rules ---- */

static int read_number(const struct opt_i64 *v, size_t i, const char *what, int64_t *ret,
		       struct err *e)
{
	*ret = v->has ? v->v : CG_DEV_ANY;
	if (*ret >= CG_DEV_ANY && *ret <= UINT32_MAX)
		return 0;
	return err_set(e, ERR_INPUT, ERANGE,
		       "linux.resources.devices[%zu].%s: %" PRId64 " is out of range", i, what,
		       *ret);
}

static int read_access(const char *s, size_t i, unsigned *ret, struct err *e)
{
	*ret = s ? 0 : RWM;
	for (; s && *s; s++) {
		switch (*s) {
		case 'r':
			*ret |= BPF_DEVCG_ACC_READ;
			break;
		case 'w':
			*ret |= BPF_DEVCG_ACC_WRITE;
			break;
		case 'm':
			*ret |= BPF_DEVCG_ACC_MKNOD;
			break;
		default:
			return err_set(
				e, ERR_INPUT, EINVAL,
				"linux.resources.devices[%zu].access: not made of r, w and m", i);
		}
	}
	return 0;
}

static int read_rule(const struct spec_device_rule *in, size_t i, struct cg_dev_rule *ret,
		     struct err *e)
{
	ret->allow = in->allow.has && in->allow.v;
	/* Engines write "" for all (C04). */
	ret->type = in->type && in->type[0] ? in->type[0] : 'a';
	if (!strchr("abc", ret->type) || (in->type && in->type[0] && in->type[1]))
		return err_set(e, ERR_INPUT, EINVAL,
			       "linux.resources.devices[%zu].type: \"%.32s\" is not a, b or c", i,
			       in->type);
	int r = read_number(&in->major, i, "major", &ret->major, e);
	if (r == 0)
		r = read_number(&in->minor, i, "minor", &ret->minor, e);
	if (r == 0)
		r = read_access(in->access, i, &ret->access, e);
	if (r < 0 || ret->type != 'a')
		return r;
	/* As the kernel's v1 did (security/device_cgroup.c): "a" is every device there is. */
	if (ret->major != CG_DEV_ANY || ret->minor != CG_DEV_ANY)
		log_warn("linux.resources.devices[%zu]: type a is all devices: its numbers have no "
			 "effect",
			 i);
	ret->major = ret->minor = CG_DEV_ANY;
	return 0;
}

/* Tun is in the defaults only for Docker's sake: a rule that names it takes it out. */
static bool is_tun_denied(const struct cg_dev_rules *rules)
{
	for (size_t i = rules->n; i-- > 0;) {
		const struct cg_dev_rule *r = &rules->v[i];
		if (r->type == 'c' && r->major == TUN_MAJOR && r->minor == TUN_MINOR)
			return !r->allow;
	}
	return false;
}

/* Only where the config has no rules at all. With rules, engines list each device among them with
 * the access that its user asked for ("--device /dev/x:/dev/x:r"): what they say is the law. */
static void add_devices(const struct spec_device_vec *devices, struct cg_dev_rules *ret)
{
	for (size_t i = 0; i < devices->n; i++) {
		const struct spec_device *d = &devices->v[i];
		char type = d->type ? d->type[0] : '\0';
		if (type == 'u')
			type = 'c';
		/* A fifo ("p") is no device. */
		if ((type != 'c' && type != 'b') || !d->major.has || !d->minor.has)
			continue;
		ret->v[ret->n++] = (struct cg_dev_rule){true, type, RWM, d->major.v, d->minor.v};
	}
}

int cg_devprog_rules(const struct spec_config *conf, struct arena *a, struct cg_dev_rules *ret,
		     struct err *e)
{
	static const struct spec_device_rule_vec none;
	const struct spec_resources *res = conf->linux_->resources;
	const struct spec_device_rule_vec *in = res ? &res->devices : &none;
	const struct spec_device_vec *devices = &conf->linux_->devices;

	ret->n = 0;
	ret->v = arena_array(a, in->n + N_DEFAULTS + devices->n, sizeof(*ret->v));
	for (size_t i = 0; i < in->n; i++) {
		int r = read_rule(&in->v[i], i, &ret->v[i], e);
		if (r < 0)
			return r;
		ret->n++;
	}
	bool has_tun = !is_tun_denied(ret);
	for (size_t i = 0; i < N_DEFAULTS; i++)
		if (has_tun || defaults[i].major != TUN_MAJOR)
			ret->v[ret->n++] = defaults[i];
	if (!in->n)
		add_devices(devices, ret);
	return 0;
}

static bool is_whole(const struct cg_dev_rule *r)
{
	return r->type == 'a' && r->access == RWM && r->major == CG_DEV_ANY &&
	       r->minor == CG_DEV_ANY;
}

bool cg_devprog_allows_all(const struct cg_dev_rules *rules)
{
	for (size_t i = rules->n; i-- > 0;) {
		if (!rules->v[i].allow && rules->v[i].access)
			return false;
		if (is_whole(&rules->v[i]))
			return true;
	}
	return false;
}

/* ---- the program ---- */

/*
 * Straight-line code without one branch: what costs time when a container starts is not the run of
 * the program but its check by the kernel's verifier, which goes each way of each branch with a
 * copy of its state (a program with three branches a rule took 250 us to load here, this one 40),
 * and whose limit a few hundred rules would reach. So each rule, last first, computes which of the
 * bits still needed it covers, takes them out of NEED and, if it denies, puts them into DENIED.
 */
enum {
	COVERED = BPF_REG_0, /* and, at the end, the answer */
	CTX = BPF_REG_1,
	DEV = BPF_REG_2, /* the kernel's dev_t: major << 20 | minor */
	NEED = BPF_REG_3,
	DENIED = BPF_REG_4,
	IS_CHAR = BPF_REG_5, /* all ones or 0 */
	IS_BLOCK = BPF_REG_6,
	MATCH = BPF_REG_7,
};
#define INSNS_PER_RULE 10 /* at most: 4 for the numbers, 6 for the bits */
#define INSNS_AROUND   20
#define MINOR_BITS     20
#define MAJOR_MAX      0xfff
#define MINOR_MAX      0xfffff

struct program {
	struct bpf_insn *v;
	size_t n;
};

/* One instruction on registers, or with a number. */
static void emit(struct program *p, unsigned code, unsigned dst, unsigned src, int off, int imm)
{
	p->v[p->n++] = (struct bpf_insn){.code = (uint8_t)code,
					 .dst_reg = (uint8_t)(dst & 15),
					 .src_reg = (uint8_t)(src & 15),
					 .off = (int16_t)off,
					 .imm = imm};
}

static void emit_num(struct program *p, unsigned op, unsigned dst, int imm)
{
	emit(p, BPF_ALU64 | op | BPF_K, dst, 0, 0, imm);
}

static void emit_reg(struct program *p, unsigned op, unsigned dst, unsigned src)
{
	emit(p, BPF_ALU64 | op | BPF_X, dst, src, 0, 0);
}

static void emit_start(struct program *p)
{
	const int type = offsetof(struct bpf_cgroup_dev_ctx, access_type);
	/* access_type is access << 16 | type: the halves, where this byte order has them. */
	const int is_little = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;

	emit(p, BPF_LDX | BPF_MEM | BPF_H, NEED, CTX, type + (is_little ? 2 : 0), 0);
	emit(p, BPF_LDX | BPF_MEM | BPF_H, IS_CHAR, CTX, type + (is_little ? 0 : 2), 0);
	/* Block is 1, character 2: bit 1 becomes the mask. */
	_Static_assert(BPF_DEVCG_DEV_BLOCK == 1 && BPF_DEVCG_DEV_CHAR == 2, "types of bpf.h");
	emit_num(p, BPF_LSH, IS_CHAR, 62);
	emit_num(p, BPF_ARSH, IS_CHAR, 63);
	emit_reg(p, BPF_MOV, IS_BLOCK, IS_CHAR);
	emit_num(p, BPF_XOR, IS_BLOCK, -1);
	emit(p, BPF_LDX | BPF_MEM | BPF_W, DEV, CTX, offsetof(struct bpf_cgroup_dev_ctx, major), 0);
	emit_num(p, BPF_LSH, DEV, MINOR_BITS);
	emit(p, BPF_LDX | BPF_MEM | BPF_W, COVERED, CTX, offsetof(struct bpf_cgroup_dev_ctx, minor),
	     0);
	emit_reg(p, BPF_OR, DEV, COVERED);
	emit_num(p, BPF_MOV, DENIED, 0);
}

/* dst is negative where the numbers are the rule's. */
static void emit_match(struct program *p, const struct cg_dev_rule *r, unsigned dst)
{
	const bool any_major = r->major == CG_DEV_ANY, any_minor = r->minor == CG_DEV_ANY;
	const uint32_t major = any_major ? 0 : (uint32_t)r->major;
	const uint32_t minor = any_minor ? 0 : (uint32_t)r->minor;
	const uint32_t mask =
		(any_major ? 0 : (uint32_t)MAJOR_MAX << MINOR_BITS) | (any_minor ? 0 : MINOR_MAX);

	if (!mask) {
		emit_num(p, BPF_MOV, dst, -1);
		return;
	}
	/* In 32 bits, which clears the upper half: then only 0 less 1 is negative. */
	emit(p, BPF_ALU | BPF_MOV | BPF_X, dst, DEV, 0, 0);
	if (any_major || any_minor)
		emit(p, BPF_ALU | BPF_AND | BPF_K, dst, 0, 0, (int)mask);
	emit(p, BPF_ALU | BPF_XOR | BPF_K, dst, 0, 0, (int)(major << MINOR_BITS | minor));
	emit_num(p, BPF_SUB, dst, 1);
}

/* No device has such numbers, and they would spill over into another's. */
static bool is_nobody(const struct cg_dev_rule *r)
{
	return r->major > MAJOR_MAX || r->minor > MINOR_MAX || !r->access;
}

static bool is_same_kind(const struct cg_dev_rule *a, const struct cg_dev_rule *b)
{
	return a->allow == b->allow && a->type == b->type && a->access == b->access;
}

/* v[0..n): rules of the same kind. */
static void emit_group(struct program *p, const struct cg_dev_rule *v, size_t n)
{
	size_t n_match = 0;

	for (size_t i = 0; i < n; i++) {
		if (is_nobody(&v[i]))
			continue;
		emit_match(p, &v[i], n_match ? MATCH : COVERED);
		if (n_match++)
			emit_reg(p, BPF_OR, COVERED, MATCH);
	}
	if (!n_match)
		return;
	emit_num(p, BPF_ARSH, COVERED, 63);
	if (v->type != 'a')
		emit_reg(p, BPF_AND, COVERED, v->type == 'c' ? IS_CHAR : IS_BLOCK);
	emit_num(p, BPF_AND, COVERED, (int)v->access);
	emit_reg(p, BPF_AND, COVERED, NEED);
	emit_reg(p, BPF_XOR, NEED, COVERED);
	if (!v->allow)
		emit_reg(p, BPF_OR, DENIED, COVERED);
}

/* 1 when nothing was denied and nothing is left undecided. */
static void emit_end(struct program *p)
{
	emit_reg(p, BPF_MOV, COVERED, NEED);
	emit_reg(p, BPF_OR, COVERED, DENIED);
	emit_num(p, BPF_SUB, COVERED, 1);
	emit_num(p, BPF_RSH, COVERED, 63);
	emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

struct bpf_insn *cg_devprog_build(const struct cg_dev_rules *rules, struct arena *a, size_t *ret_n)
{
	struct program p = {
		arena_array(a, rules->n * INSNS_PER_RULE + INSNS_AROUND, sizeof(struct bpf_insn)),
		0};
	size_t end = rules->n, first = 0;

	/* Nothing before the last rule for everything has a say, and what is left undecided at
	 * the end is denied anyway. */
	for (size_t i = 0; i < end; i++)
		if (is_whole(&rules->v[i]))
			first = rules->v[i].allow ? i : i + 1;
	emit_start(&p);
	while (end > first) {
		size_t from = end - 1;
		while (from > first && is_same_kind(&rules->v[from - 1], &rules->v[end - 1]))
			from--;
		emit_group(&p, rules->v + from, end - from);
		end = from;
	}
	emit_end(&p);
	*ret_n = p.n;
	return p.v;
}
