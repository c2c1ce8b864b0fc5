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
	ret->type = in->type ? in->type[0] : 'a';
	if (in->type && (!strchr("abc", ret->type) || !ret->type || in->type[1]))
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

/* R0 is the answer, R1 the context, R2 what is compared, R3 the bits still to be decided. */
enum { ANSWER = BPF_REG_0, CTX = BPF_REG_1, FIELD = BPF_REG_2, NEED = BPF_REG_3 };
#define INSNS_PER_RULE 10 /* at most: 3 x (load, compare), 4 for the bits */
#define INSNS_AROUND   6

struct program {
	struct bpf_insn *v;
	size_t n;
};

static void emit(struct program *p, unsigned code, unsigned dst, int off, int imm)
{
	p->v[p->n++] = (struct bpf_insn){.code = (uint8_t)code,
					 .dst_reg = (uint8_t)(dst & 15),
					 .off = (int16_t)off,
					 .imm = imm};
}

static void emit_load(struct program *p, unsigned size, unsigned dst, size_t off)
{
	emit(p, BPF_LDX | BPF_MEM | size, dst, (int)off, 0);
	p->v[p->n - 1].src_reg = CTX;
}

static void emit_answer(struct program *p, bool yes)
{
	emit(p, BPF_ALU64 | BPF_MOV | BPF_K, ANSWER, 0, yes);
	emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0);
}

/*
 * Jumps to the next rule (off is filled in later) unless the field has this value. The field is
 * loaded anew each time, so that the register is dead at the next rule: were it kept, the verifier
 * would learn its value and follow each rule's path through all later ones on its own, which is
 * quadratic and passes its limit (1 million) at about a thousand rules.
 */
static void emit_match(struct program *p, unsigned size, size_t off, int64_t value)
{
	emit_load(p, size, FIELD, off);
	emit(p, BPF_JMP32 | BPF_JNE | BPF_K, FIELD, 0, (int)(uint32_t)value);
}

static void emit_rule(struct program *p, const struct cg_dev_rule *r)
{
	const size_t start = p->n;
	const size_t type_off = offsetof(struct bpf_cgroup_dev_ctx, access_type);

	if (r->type != 'a')
		emit_match(p, BPF_H, type_off,
			   r->type == 'c' ? BPF_DEVCG_DEV_CHAR : BPF_DEVCG_DEV_BLOCK);
	if (r->major != CG_DEV_ANY)
		emit_match(p, BPF_W, offsetof(struct bpf_cgroup_dev_ctx, major), r->major);
	if (r->minor != CG_DEV_ANY)
		emit_match(p, BPF_W, offsetof(struct bpf_cgroup_dev_ctx, minor), r->minor);
	if (r->access == RWM) {
		emit_answer(p, r->allow);
	} else if (r->allow) {
		emit(p, BPF_ALU64 | BPF_AND | BPF_K, NEED, 0, (int)(RWM & ~r->access));
		emit(p, BPF_JMP | BPF_JNE | BPF_K, NEED, 2, 0);
		emit_answer(p, true);
	} else {
		emit(p, BPF_JMP | BPF_JSET | BPF_K, NEED, 1, (int)r->access);
		emit(p, BPF_JMP | BPF_JA, 0, 2, 0);
		emit_answer(p, false);
	}
	for (size_t i = start; i < p->n; i++)
		if (p->v[i].code == (BPF_JMP32 | BPF_JNE | BPF_K))
			p->v[i].off = (int16_t)(p->n - i - 1);
}

struct bpf_insn *cg_devprog_build(const struct cg_dev_rules *rules, struct arena *a, size_t *ret_n)
{
	struct program p = {
		arena_array(a, rules->n * INSNS_PER_RULE + INSNS_AROUND, sizeof(struct bpf_insn)),
		0};
	bool is_decided = false;

	/* access_type is access << 16 | type: the upper half, where that is in this byte order. */
	const size_t half = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 2 : 0;
	emit_load(&p, BPF_H, NEED, offsetof(struct bpf_cgroup_dev_ctx, access_type) + half);
	/* Nothing is asked for (access(2) of a node): nothing is to be denied. */
	emit(&p, BPF_JMP | BPF_JNE | BPF_K, NEED, 2, 0);
	emit_answer(&p, true);
	for (size_t i = rules->n; i-- > 0 && !is_decided;) {
		if (rules->v[i].access)
			emit_rule(&p, &rules->v[i]);
		is_decided = is_whole(&rules->v[i]); /* no earlier rule has a say */
	}
	if (!is_decided)
		emit_answer(&p, false);
	*ret_n = p.n;
	return p.v;
}
