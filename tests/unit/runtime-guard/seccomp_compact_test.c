/* SPDX-License-Identifier: Apache-2.0 */
/* The shorter program must answer as the one it was made of: real profiles over all numbers, and
 * random programs over the constants that are in them. */
#include "tests/unit/runtime-guard/seccomp_helpers.h"

#include "runtime/guard/seccomp.h"

static struct guard_filter as_filter(const struct guard_program *p)
{
	return (struct guard_filter){.insns = p->insns, .n = (unsigned short)p->n};
}

/* The old program stays as it is: the new one has its own memory. */
static void compact(const struct guard_program *p, struct arena *a, struct guard_program *ret)
{
	*ret = *p;
	guard_seccomp_compact(ret, a);
	assert_true(ret->n <= p->n);
}

static void same_for(const struct guard_program *a, const struct guard_program *b, uint32_t arch,
		     uint32_t nr)
{
	static const uint64_t args[] = {0,	    1,		2,	    8,		9,
					10,	    16,		38,	    40,		0x20000,
					0x7e020000, UINT32_MAX, 0xfffeffff, 1ull << 32, UINT64_MAX};
	struct guard_filter x = as_filter(a), y = as_filter(b);

	for (size_t i = 0; i < sizeof(args) / sizeof(args[0]); i++)
		assert_int_equal(run_bpf(&x, arch, nr, args[i]), run_bpf(&y, arch, nr, args[i]));
}

static void same_everywhere(const struct guard_program *a, const struct guard_program *b)
{
	static const uint32_t arches[] = {AUDIT_ARCH_X86_64,  AUDIT_ARCH_I386,	AUDIT_ARCH_AARCH64,
					  AUDIT_ARCH_RISCV64, AUDIT_ARCH_S390X, 0,
					  UINT32_MAX};
	static const uint32_t bases[] = {0, 0x40000000, 0x7ffffe00, 0x80000000, 0xfffffa00};

	for (size_t i = 0; i < sizeof(arches) / sizeof(arches[0]); i++)
		for (size_t k = 0; k < sizeof(bases) / sizeof(bases[0]); k++)
			for (uint32_t nr = 0; nr < 1000; nr++)
				same_for(a, b, arches[i], bases[k] + nr);
}

static void check_profile(const char *json, size_t max)
{
	AUTO(arena) a = {0};
	struct guard_program p, q;
	struct err e = ERR_INIT;

	NEED_OK(guard_seccomp_compile(parse(&a, &spec_table_seccomp, json), &a, &p, &e), &e);
	compact(&p, &a, &q);
	print_message("%zu -> %zu instructions\n", p.n, q.n);
	assert_true(q.n <= max);
	same_everywhere(&p, &q);
}

static void test_podman(void **state)
{
	(void)state;
	check_profile(read_profile(), 600);
}

static void test_small(void **state)
{
	(void)state;
	check_profile(DEFAULT_EPERM, 40);
	check_profile(ALLOW_BUT("{\"names\":[\"getpid\"],\"action\":\"SCMP_ACT_ERRNO\"}"), 40);
	check_profile("{\"defaultAction\":\"SCMP_ACT_ALLOW\"}", 40);
	check_profile(
		ALLOW_BUT("{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_ERRNO\",\"args\":["
			  "{\"index\":0,\"value\":38,\"op\":\"SCMP_CMP_EQ\"}]},"
			  "{\"names\":[\"personality\"],\"action\":\"SCMP_ACT_TRAP\",\"args\":["
			  "{\"index\":0,\"value\":8,\"op\":\"SCMP_CMP_GT\"}]}"),
		80);
}

/* ---- random programs ---- */

static uint32_t random_of(uint32_t *seed, uint32_t n)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (uint32_t)(((uint64_t)*seed * n) >> 32);
}

static uint32_t constant(uint32_t *seed)
{
	static const uint32_t edges[] = {0, 1, UINT32_MAX, UINT32_MAX - 1, 0x80000000, 0x7fffffff};

	return random_of(seed, 8) ? random_of(seed, 60) : edges[random_of(seed, 6)];
}

static struct sock_filter random_insn(uint32_t *seed, uint32_t left)
{
	static const uint16_t compares[] = {BPF_JEQ, BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET};
	uint32_t reach = left > 250 ? 250 : left;
	struct sock_filter f = {.code = BPF_RET | BPF_K, .k = random_of(seed, 4)};

	switch (random_of(seed, 12)) {
	case 0:
		break;
	case 1:
		f = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						 random_of(seed, 2) ? 0 : 16);
		break;
	case 2:
		f = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, constant(seed));
		break;
	case 3:
		f = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JA, random_of(seed, left), 0, 0);
		break;
	default:
		f = (struct sock_filter)BPF_JUMP(
			(uint16_t)(BPF_JMP | BPF_K | compares[random_of(seed, 5)]), constant(seed),
			(uint8_t)random_of(seed, reach), (uint8_t)random_of(seed, reach));
	}
	return f;
}

static void test_random(void **state)
{
	uint32_t seed = 20260101;
	size_t shorter = 0;

	(void)state;
	for (int round = 0; round < 3000; round++) {
		AUTO(arena) a = {0};
		struct sock_filter v[400];
		uint32_t n = 4 + random_of(&seed, round % 10 ? 40 : 390);
		struct guard_program p = {v, n}, q;

		v[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0);
		for (uint32_t i = 1; i < n - 1; i++)
			v[i] = random_insn(&seed, n - 1 - i);
		v[n - 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 9);
		compact(&p, &a, &q);
		shorter += q.n < p.n;
		for (uint32_t i = 0; i < n; i++) {
			same_for(&p, &q, 0, v[i].k - 1);
			same_for(&p, &q, 0, v[i].k);
			same_for(&p, &q, 0, v[i].k + 1);
		}
	}
	assert_true(shorter > 100);
}

/* Longer than a conditional jump reaches: the search needs its long form. */
static void test_long(void **state)
{
	AUTO(arena) a = {0};
	struct sock_filter v[4000];
	struct guard_program p = {v, 0}, q;

	(void)state;
	v[p.n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0);
	for (uint32_t i = 0; i < 1300; i++) {
		v[p.n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 3 * i, 0, 1);
		v[p.n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, i % 3);
	}
	v[p.n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 9);
	compact(&p, &a, &q);
	for (uint32_t nr = 0; nr < 4000; nr++)
		same_for(&p, &q, 0, nr);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_podman),
		cmocka_unit_test(test_small),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests_name("runtime-guard/seccomp_compact", tests, NULL, NULL);
}
