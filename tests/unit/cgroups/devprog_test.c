// SPDX-License-Identifier: Apache-2.0
/*
 * Tests of cgroups/devprog: programs are run by a small interpreter of the instructions that it
 * emits, and compared with the algorithm of conformance.md 2.6 written down directly.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "cgroups/internal.h"
#include "base/ban.h"

#define R   BPF_DEVCG_ACC_READ
#define W   BPF_DEVCG_ACC_WRITE
#define M   BPF_DEVCG_ACC_MKNOD
#define RWM (R | W | M)
#define ANY CG_DEV_ANY

/* ---- the interpreter: fails the test for anything the verifier would not take ---- */

static uint64_t load(const struct bpf_cgroup_dev_ctx *ctx, unsigned size, int off)
{
	uint32_t word;
	uint16_t half;

	assert_true(off >= 0);
	if (size == BPF_W) {
		assert_true(off + sizeof(word) <= sizeof(*ctx));
		memcpy(&word, (const char *)ctx + off, sizeof(word));
		return word;
	}
	assert_int_equal(size, BPF_H);
	assert_true(off + sizeof(half) <= 4);
	memcpy(&half, (const char *)ctx + off, sizeof(half));
	return half;
}

/* What an instruction does to its register, given the other operand. */
static uint64_t compute(unsigned op, uint64_t x, uint64_t y)
{
	switch (op) {
	case BPF_MOV:
		return y;
	case BPF_AND:
		return x & y;
	case BPF_OR:
		return x | y;
	case BPF_XOR:
		return x ^ y;
	case BPF_SUB:
		return x - y;
	case BPF_LSH:
		return x << y;
	case BPF_RSH:
		return x >> y;
	case BPF_ARSH:
		return (uint64_t)((int64_t)x >> y);
	default:
		fail_msg("unknown operation 0x%02x", op);
		return 0;
	}
}

static int run(const struct bpf_insn *v, size_t n, const struct bpf_cgroup_dev_ctx *ctx)
{
	uint64_t reg[16] = {0};

	for (size_t pc = 0;; pc++) {
		assert_true(pc < n);
		const struct bpf_insn *i = &v[pc];
		const unsigned class = BPF_CLASS(i->code);
		if (class == BPF_LDX) {
			assert_int_equal(BPF_MODE(i->code), BPF_MEM);
			assert_int_equal(i->src_reg, BPF_REG_1);
			reg[i->dst_reg] = load(ctx, BPF_SIZE(i->code), i->off);
			continue;
		}
		if (class == BPF_JMP) {
			assert_int_equal(BPF_OP(i->code), BPF_EXIT);
			assert_true(reg[0] <= 1);
			return (int)reg[0];
		}
		assert_true(class == BPF_ALU || class == BPF_ALU64);
		uint64_t other = (uint64_t)(int64_t)i->imm;
		if (BPF_SRC(i->code) == BPF_X)
			other = reg[i->src_reg];
		uint64_t r = compute(BPF_OP(i->code), reg[i->dst_reg], other);
		reg[i->dst_reg] = class == BPF_ALU ? (uint32_t)r : r;
	}
}

static bool ask(const struct cg_dev_rules *rules, char type, unsigned major, unsigned minor,
		unsigned access)
{
	AUTO(arena) a = {0};
	size_t n = 0;
	struct bpf_cgroup_dev_ctx ctx = {.major = major, .minor = minor};
	unsigned kernel_type = type == 'c' ? BPF_DEVCG_DEV_CHAR : BPF_DEVCG_DEV_BLOCK;

	ctx.access_type = access << 16 | kernel_type;
	const struct bpf_insn *v = cg_devprog_build(rules, &a, &n);
	return run(v, n, &ctx) == 1;
}

/* ---- the reference ---- */

static bool reference(const struct cg_dev_rules *rules, char type, unsigned major, unsigned minor,
		      unsigned access)
{
	for (size_t i = rules->n; access && i-- > 0;) {
		const struct cg_dev_rule *r = &rules->v[i];
		if ((r->type != 'a' && r->type != type) ||
		    (r->major != ANY && r->major != (int64_t)major) ||
		    (r->minor != ANY && r->minor != (int64_t)minor) || !(r->access & access))
			continue;
		if (!r->allow)
			return false;
		access &= ~r->access;
	}
	return access == 0;
}

/* ---- tests ---- */

#define RULES(...)                                                                                 \
	(&(struct cg_dev_rules){(struct cg_dev_rule[]){__VA_ARGS__},                               \
				sizeof((struct cg_dev_rule[]){__VA_ARGS__}) /                      \
					sizeof(struct cg_dev_rule)})
#define ALLOW_ALL                                                                                  \
	{                                                                                          \
		true, 'a', RWM, ANY, ANY                                                           \
	}
#define DENY_ALL                                                                                   \
	{                                                                                          \
		false, 'a', RWM, ANY, ANY                                                          \
	}

/* V60 to V63, on /dev/fuse (c 10:229) opened for reading and writing. */
static void V60_V61_V62_V63_cases_of_the_table(void **state)
{
	const struct cg_dev_rules *r;

	(void)state;
	r = RULES(ALLOW_ALL, {false, 'c', W, 10, 229});
	assert_false(ask(r, 'c', 10, 229, R | W));
	assert_true(ask(r, 'c', 10, 229, R));
	assert_true(ask(r, 'c', 10, 228, R | W));
	assert_true(ask(r, 'b', 10, 229, R | W));
	r = RULES(DENY_ALL, {true, 'c', RWM, 10, 229}, {false, 'c', W, 10, 229});
	assert_false(ask(r, 'c', 10, 229, R | W));
	assert_true(ask(r, 'c', 10, 229, R | M));
	r = RULES(DENY_ALL, {true, 'c', R, 10, 229}, {true, 'c', W, 10, 229});
	assert_true(ask(r, 'c', 10, 229, R | W));
	assert_false(ask(r, 'c', 10, 229, R | W | M));
	r = RULES(DENY_ALL, {true, 'c', RWM, 10, ANY}, {false, 'c', RWM, 10, 229});
	assert_false(ask(r, 'c', 10, 229, R));
	assert_true(ask(r, 'c', 10, 200, R));
}

static void nothing_is_denied_by_default(void **state)
{
	struct cg_dev_rules none = {NULL, 0};

	(void)state;
	assert_false(ask(&none, 'c', 1, 3, R));
	assert_true(ask(&none, 'c', 1, 3, 0));
	assert_true(ask(RULES(DENY_ALL), 'c', 1, 3, 0));
	/* The edges of a device number: compared whole, and larger ones are nobody's. */
	const struct cg_dev_rules *r = RULES({true, 'b', RWM, 0xfff, 0xfffff});
	assert_true(ask(r, 'b', 0xfff, 0xfffff, RWM));
	assert_false(ask(r, 'b', 0xfff, 0, RWM));
	assert_false(ask(r, 'b', 0, 0xfffff, RWM));
	assert_false(ask(r, 'c', 0xfff, 0xfffff, RWM));
	r = RULES({true, 'b', RWM, 0x1000, 0}, {true, 'b', RWM, 0, 0x100000},
		  {true, 'b', RWM, ANY, 1ll << 31}, {true, 'b', RWM, UINT32_MAX, ANY});
	assert_false(ask(r, 'b', 0, 0, RWM));
	assert_false(ask(r, 'b', 1, 0, RWM));
	assert_false(ask(r, 'b', 0xfff, 0xfffff, RWM));
	r = RULES({true, 'b', RWM, ANY, 7}, {false, 'b', W, 8, ANY});
	assert_true(ask(r, 'b', 9, 7, RWM));
	assert_true(ask(r, 'b', 8, 7, R));
	assert_false(ask(r, 'b', 8, 7, W));
	assert_false(ask(r, 'b', 9, 8, R));
}

static void allows_all(void **state)
{
	(void)state;
	assert_true(cg_devprog_allows_all(RULES(DENY_ALL, ALLOW_ALL)));
	assert_true(cg_devprog_allows_all(RULES(ALLOW_ALL, {true, 'c', R, 1, 1})));
	assert_false(cg_devprog_allows_all(RULES(ALLOW_ALL, {false, 'c', R, 1, 1})));
	assert_false(cg_devprog_allows_all(RULES({true, 'a', R | W, ANY, ANY})));
	assert_false(cg_devprog_allows_all(RULES({true, 'c', RWM, ANY, ANY})));
	assert_false(cg_devprog_allows_all(&(struct cg_dev_rules){NULL, 0}));
}

static uint32_t random_next(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static void random_rules(void **state)
{
	uint32_t seed = 20260101;

	(void)state;
	for (int round = 0; round < 4000; round++) {
		AUTO(arena) a = {0};
		struct cg_dev_rule v[24];
		struct cg_dev_rules rules = {v, random_next(&seed) % 24};
		size_t n = 0;
		for (size_t i = 0; i < rules.n; i++) {
			v[i].allow = random_next(&seed) % 2;
			v[i].type = "abc"[random_next(&seed) % 3];
			v[i].access = random_next(&seed) % 8;
			v[i].major = (int64_t)(random_next(&seed) % 4) - 1;
			v[i].minor = (int64_t)(random_next(&seed) % 4) - 1;
		}
		const struct bpf_insn *prog = cg_devprog_build(&rules, &a, &n);
		bool is_all = cg_devprog_allows_all(&rules);
		for (int k = 0; k < 64; k++) {
			char type = "bc"[random_next(&seed) % 2];
			unsigned access = random_next(&seed) % 8;
			struct bpf_cgroup_dev_ctx ctx = {.major = random_next(&seed) % 4,
							 .minor = random_next(&seed) % 4};
			ctx.access_type = access << 16 | (type == 'c' ? 2 : 1);
			bool want = reference(&rules, type, ctx.major, ctx.minor, access);
			assert_int_equal(run(prog, n, &ctx), want);
			assert_true(want || !is_all);
		}
	}
}

/* ---- from a config ---- */

static struct spec_linux linux_;
static struct spec_resources res;
static const struct spec_config conf = {.linux_ = &linux_};

static int setup(void **state)
{
	(void)state;
	memset(&linux_, 0, sizeof(linux_));
	memset(&res, 0, sizeof(res));
	linux_.resources = &res;
	return 0;
}

static void C04_D11_default_devices(void **state)
{
	AUTO(arena) a = {0};
	struct err e = ERR_INIT;
	struct cg_dev_rules r;
	char c[] = "c", p[] = "p", b[] = "b", u[] = "u";
	struct spec_device_rule deny[] = {{.allow = {true, false}}};
	struct spec_device devices[] = {
		{.type = c, .major = {true, 10}, .minor = {true, 229}},
		{.type = p},
		{.type = b, .major = {true, 8}, .minor = {true, 0}},
		{.type = u, .major = {true, 99}, .minor = {true, 1}},
	};

	(void)state;
	res.devices.v = deny;
	res.devices.n = 1;
	linux_.devices.v = devices;
	linux_.devices.n = 4;
	assert_int_equal(cg_devprog_rules(&conf, &a, &r, &e), 0);
	assert_true(ask(&r, 'c', 1, 3, RWM));
	assert_true(ask(&r, 'c', 136, 77, R | W));
	assert_true(ask(&r, 'c', 10, 200, R | W));
	/* The rules decide about linux.devices too. */
	assert_false(ask(&r, 'c', 10, 229, R));
	assert_false(ask(&r, 'b', 8, 0, W));
	assert_true(ask(&r, 'b', 8, 1, M));
	assert_false(ask(&r, 'b', 8, 1, R));
	assert_false(ask(&r, 'c', 1, 1, R)); /* mem */
	assert_false(ask(&r, 'c', 5, 1, R)); /* console */
	assert_false(cg_devprog_allows_all(&r));
	/* Without one rule of the user's the default is the same: deny. */
	linux_.resources = NULL;
	assert_int_equal(cg_devprog_rules(&conf, &a, &r, &e), 0);
	assert_false(ask(&r, 'c', 1, 1, R));
	assert_true(ask(&r, 'c', 10, 229, RWM));
	assert_true(ask(&r, 'b', 8, 0, RWM));
	assert_true(ask(&r, 'c', 99, 1, RWM));
}

static void R47_tun_can_be_denied(void **state)
{
	AUTO(arena) a = {0};
	struct err e = ERR_INIT;
	struct cg_dev_rules r;
	char c[] = "c", rw[] = "rw";
	struct spec_device_rule rules[] = {
		{.allow = {true, true}},
		{.allow = {true, false},
		 .type = c,
		 .major = {true, 10},
		 .minor = {true, 200},
		 .access = rw},
	};

	(void)state;
	res.devices.v = rules;
	res.devices.n = 2;
	assert_int_equal(cg_devprog_rules(&conf, &a, &r, &e), 0);
	assert_false(ask(&r, 'c', 10, 200, R));
	assert_true(ask(&r, 'c', 10, 200, M));
	assert_true(ask(&r, 'c', 10, 201, R));
}

/* V64: type a is the whole reset that it was in v1, whatever numbers it has. */
static void V64_type_a_has_no_numbers(void **state)
{
	AUTO(arena) a = {0};
	struct err e = ERR_INIT;
	struct cg_dev_rules r;
	char type[] = "a", rwm[] = "rwm";
	struct spec_device_rule rules[] = {
		{.allow = {true, true}},
		{.allow = {true, false}, .type = type, .major = {true, 10}, .access = rwm},
	};

	(void)state;
	res.devices.v = rules;
	res.devices.n = 2;
	assert_int_equal(cg_devprog_rules(&conf, &a, &r, &e), 0);
	assert_false(ask(&r, 'c', 11, 1, R));
}

static void bad_rules(void **state)
{
	char z[] = "z", cc[] = "cc", rx[] = "rx", c[] = "c";
	static const struct {
		const char *want;
	} texts[] = {
		{"linux.resources.devices[0].type: \"z\" is not a, b or c"},
		{"linux.resources.devices[0].type: \"cc\" is not a, b or c"},
		{"linux.resources.devices[0].access: not made of r, w and m"},
		{"linux.resources.devices[0].major: -7 is out of range"},
		{"linux.resources.devices[0].minor: 4294967296 is out of range"},
	};
	struct spec_device_rule rules[] = {
		{.type = z},
		{.type = cc},
		{.type = c, .access = rx},
		{.type = c, .major = {true, -7}},
		{.type = c, .minor = {true, 1ll << 32}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		AUTO(arena) a = {0};
		struct err e = ERR_INIT;
		struct cg_dev_rules r;
		res.devices.v = &rules[i];
		res.devices.n = 1;
		assert_true(cg_devprog_rules(&conf, &a, &r, &e) < 0);
		assert_int_equal(e.class, ERR_INPUT);
		assert_string_equal(e.text, texts[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(V60_V61_V62_V63_cases_of_the_table),
		cmocka_unit_test(nothing_is_denied_by_default),
		cmocka_unit_test(allows_all),
		cmocka_unit_test(random_rules),
		cmocka_unit_test_setup(C04_D11_default_devices, setup),
		cmocka_unit_test_setup(R47_tun_can_be_denied, setup),
		cmocka_unit_test_setup(V64_type_a_has_no_numbers, setup),
		cmocka_unit_test_setup(bad_rules, setup),
	};
	return cmocka_run_group_tests_name("cgroups/devprog", tests, NULL, NULL);
}
