/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of checkpoint/mig_hash: SipHash-2-4-128 by the reference's vectors, NH by its definition,
 * and that no bit of a page is without effect. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/proc.h"
#include "checkpoint/mig_hash.h"

static void sip_is_the_reference(void **state)
{
	/* vectors_sip128 of the reference: key 00..0f, input 00, 01, ... of that length */
	static const unsigned char want[2][16] = {{0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6,
						   0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55, 0x02, 0x93},
						  {0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44,
						   0x34, 0x76, 0x59, 0x11, 0x9b, 0x22, 0xfc, 0x45}};
	unsigned char in[16];
	uint64_t key[2];

	(void)state;
	for (size_t i = 0; i < 16; i++)
		in[i] = (unsigned char)i;
	memcpy(key, in, 16);
	for (size_t n = 0; n < 2; n++) {
		struct mig_hash h = mig_hash_sip(key, in, n);

		assert_memory_equal(&h, want[n], 16);
	}
}

static void every_bit_counts(void **state)
{
	static unsigned char page[MIG_PAGE];
	struct mig_hash_key k;

	(void)state;
	assert_int_equal(mig_hash_key(&k), 0);
	for (size_t i = 0; i < sizeof(page); i++)
		page[i] = (unsigned char)(i * 7);
	struct mig_hash h = mig_hash_page(&k, page);

	for (size_t bit = 0; bit < 8 * sizeof(page); bit++) {
		page[bit / 8] ^= (unsigned char)(1u << bit % 8);
		assert_false(mig_hash_eq(mig_hash_page(&k, page), h));
		page[bit / 8] ^= (unsigned char)(1u << bit % 8);
	}
	assert_true(mig_hash_eq(mig_hash_page(&k, page), h));
}

static void vectors_are_the_definition(void **state)
{
	static unsigned char page[MIG_PAGE];
	struct mig_hash_key k;

	(void)state;
	for (int round = 0; round < 64; round++) {
		assert_int_equal(mig_hash_key(&k), 0);
		for (size_t i = 0; i < sizeof(page); i++)
			page[i] = (unsigned char)(i * 7 + (size_t)round * i * i);
		/* all ones: sums that overflow */
		if (round == 1)
			memset(page, 0xff, sizeof(page));
		assert_true(mig_hash_eq(mig_hash_page(&k, page), mig_hash_page_plain(&k, page)));
	}
}

static void words_that_change_places_count(void **state)
{
	static uint64_t page[MIG_PAGE_WORDS];
	struct mig_hash_key k;

	(void)state;
	assert_int_equal(mig_hash_key(&k), 0);
	for (size_t i = 0; i < MIG_PAGE_WORDS; i++)
		page[i] = i;
	struct mig_hash h = mig_hash_page(&k, page);

	for (size_t i = 1; i < MIG_PAGE_WORDS; i++) {
		page[i] = i - 1;
		page[i - 1] = i;
		assert_false(mig_hash_eq(mig_hash_page(&k, page), h));
		page[i] = i;
		page[i - 1] = i - 1;
	}
}

static void the_key_counts(void **state)
{
	static unsigned char page[MIG_PAGE];
	struct mig_hash_key a, b;

	(void)state;
	assert_int_equal(mig_hash_key(&a), 0);
	b = a;
	b.sip[1] ^= 1;
	assert_false(mig_hash_eq(mig_hash_page(&a, page), mig_hash_page(&b, page)));
	assert_int_equal(mig_hash_key(&b), 0);
	assert_memory_not_equal(&a, &b, sizeof(a));
}

static void zero_is_all_zero(void **state)
{
	static unsigned char page[MIG_PAGE];

	(void)state;
	assert_true(mig_hash_is_zero(page));
	for (size_t i = 0; i < sizeof(page); i++) {
		page[i] = 1;
		assert_false(mig_hash_is_zero(page));
		page[i] = 0;
	}
}

/* How fast it is: a figure of the optimised build (STIVA_BENCH=1), no proof. */
static void speed(void **state)
{
	enum { N = 16384 };
	unsigned char *v = malloc((size_t)N * MIG_PAGE);
	struct mig_hash_key k;
	uint64_t x = 0, t;

	(void)state;
	if (!getenv("STIVA_BENCH")) {
		free(v);
		return;
	}
	memset(v, 5, (size_t)N * MIG_PAGE);
	assert_int_equal(mig_hash_key(&k), 0);
	t = proc_now_usec();
	for (int round = 0; round < 16; round++)
		for (size_t i = 0; i < N; i++)
			x += mig_hash_page(&k, v + i * MIG_PAGE).lo;
	t = proc_now_usec() - t;
	print_message("hash: %.2f GB/s (%llx)\n", 16.0 * N * MIG_PAGE / 1e3 / (double)t,
		      (unsigned long long)x);
	free(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(sip_is_the_reference),
					   cmocka_unit_test(every_bit_counts),
					   cmocka_unit_test(vectors_are_the_definition),
					   cmocka_unit_test(words_that_change_places_count),
					   cmocka_unit_test(the_key_counts),
					   cmocka_unit_test(zero_is_all_zero),
					   cmocka_unit_test(speed)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
