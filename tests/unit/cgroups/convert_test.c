// SPDX-License-Identifier: Apache-2.0
/* Tests of cgroups/convert: the vectors of conformance.md section 2. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "cgroups/internal.h"
#include "base/ban.h"

static void R37_shares(void **state)
{
	static const struct {
		uint64_t shares;
		unsigned weight;
	} rows[] = {
		{0, 0},
		{1, 1},
		{2, 1},
		{3, 2},
		{10, 4},
		{100, 17},
		{256, 35},
		{512, 59},
		{1000, 99},
		{1024, 100},
		{2048, 174},
		{4096, 303},
		{10240, 639},
		{65536, 3023},
		{131072, 5478},
		{262143, 10000},
		{262144, 10000},
		{262145, 10000},
		{1ull << 32, 10000},
		{(1ull << 32) + 2, 10000},
		{UINT64_MAX, 10000},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(cg_convert_shares(rows[i].shares), rows[i].weight);
}

static void shares_never_fall(void **state)
{
	unsigned last = 1;

	(void)state;
	for (uint64_t s = 2; s <= 262200; s++) {
		unsigned w = cg_convert_shares(s);
		assert_true(w >= last && w <= 10000);
		last = w;
	}
}

static void V40_blkio_weight(void **state)
{
	(void)state;
	assert_int_equal(cg_convert_blkio_weight(10), 1);
	assert_int_equal(cg_convert_blkio_weight(100), 910);
	assert_int_equal(cg_convert_blkio_weight(500), 4950);
	assert_int_equal(cg_convert_blkio_weight(1000), 10000);
}

static void V21_V22_V23_V24_V25_swap(void **state)
{
	enum { NO = INT32_MIN }; /* not set */
	static const struct {
		int64_t limit, swap;
		int r;
		int64_t value;
	} rows[] = {
		{NO, NO, 0, 0},	       {NO, 0, 0, 0},	    {100, NO, 0, 0},	{100, 0, 0, 0},
		{100, 150, 1, 50},     {100, 100, 1, 0},    {100, -1, 1, -1},	{NO, -1, 1, -1},
		{100, 99, -ERANGE, 0}, {NO, 5, -EINVAL, 0}, {0, 5, -EINVAL, 0}, {-1, NO, 1, -1},
		{-1, 0, 1, -1},	       {-1, 7, 1, 7},	    {-1, -1, 1, -1},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct spec_memory m = {0};
		int64_t v = 0;
		m.limit = (struct opt_i64){rows[i].limit != NO, rows[i].limit};
		m.swap = (struct opt_i64){rows[i].swap != NO, rows[i].swap};
		assert_int_equal(cg_convert_swap(&m, &v), rows[i].r);
		assert_int_equal(v, rows[i].value);
	}
}

static void C08_page_size(void **state)
{
	static const char *const good[] = {"2MB", "64KB", "1GB", "1048576KB"};
	static const char *const bad[] = {"",	 "MB",	 "0MB",		 "02MB", "2mb",
					  "2M",	 "2MiB", "../x",	 "2MB/", "-2MB",
					  "2TB", "2B",	 "99999999999MB"};
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(cg_convert_is_page_size(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(cg_convert_is_page_size(bad[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(R37_shares),	    cmocka_unit_test(shares_never_fall),
		cmocka_unit_test(V40_blkio_weight), cmocka_unit_test(V21_V22_V23_V24_V25_swap),
		cmocka_unit_test(C08_page_size),
	};
	return cmocka_run_group_tests_name("cgroups/convert", tests, NULL, NULL);
}
