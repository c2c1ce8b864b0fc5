// SPDX-License-Identifier: Apache-2.0
/*
 * cgroups/convert: from the OCI's units, which are those of cgroup v1, to cgroup v2's. Owns the
 * arithmetic and nothing else: no system call, no allocation, no error text. Called by knobs.c.
 */
#include <errno.h>
#include <string.h>
#include "cgroups/internal.h"
#include "base/ban.h"

#define SHARES_MIN 2
#define SHARES_MAX 262144
#define WEIGHT_MIN 1
#define WEIGHT_MAX 10000

#define LN2	0.693147180559945309417
#define LOG2_10 3.32192809488736234787

/* log2 of x >= 1. Not libm's: the launch binary is static and this is all that it would need of it.
 */
static double log2_of(double x)
{
	int n = 0;
	while (x >= 2) {
		x /= 2;
		n++;
	}
	/* ln(x) = 2 (t + t^3/3 + t^5/5 + ...), t = (x - 1) / (x + 1) <= 1/3: 20 terms leave 1e-20.
	 */
	double t = (x - 1) / (x + 1), power = t, sum = 0;
	for (int k = 0; k < 20; k++) {
		sum += power / (2 * k + 1);
		power *= t * t;
	}
	return n + 2 * sum / LN2;
}

/* 10^y, 0 <= y <= 4. */
static double exp10_of(double y)
{
	double two = y * LOG2_10;
	int n = (int)two;
	double z = (two - n) * LN2, term = 1, sum = 1;
	for (int k = 1; k < 22; k++) {
		term *= z / k;
		sum += term;
	}
	return sum * (double)(1u << n);
}

unsigned cg_convert_shares(uint64_t shares)
{
	if (shares == 0)
		return 0;
	if (shares <= SHARES_MIN)
		return WEIGHT_MIN;
	if (shares >= SHARES_MAX)
		return WEIGHT_MAX;
	/* A parabola in log2(shares) through (2, 1), (1024, 100) and (262144, 10000), so that the
	 * default of v1 becomes the default of v2 (conformance.md 2.1). The small number keeps the
	 * exact points exact: no other value comes that near to an integer from above. */
	double l = log2_of((double)shares);
	double w = exp10_of((l * l + 125 * l) / 612.0 - 7.0 / 34.0) - 1e-8;
	unsigned floor_w = (unsigned)w;
	return (double)floor_w < w ? floor_w + 1 : floor_w;
}

unsigned cg_convert_blkio_weight(unsigned weight)
{
	return 1 + (weight - 10) * 9999 / 990;
}

int cg_convert_swap(const struct spec_memory *m, int64_t *ret)
{
	int64_t limit = m->limit.has ? m->limit.v : 0;
	int64_t swap = m->swap.has ? m->swap.v : 0;

	if (swap < 0 || (swap == 0 && limit < 0)) {
		*ret = -1; /* no limit on memory means none on swap (Docker's meaning) */
		return 1;
	}
	if (swap == 0)
		return 0;
	if (limit < 0) {
		*ret = swap;
		return 1;
	}
	if (limit == 0)
		return -EINVAL;
	if (swap < limit)
		return -ERANGE;
	*ret = swap - limit; /* v1 counted memory and swap together */
	return 1;
}

bool cg_convert_is_page_size(const char *s)
{
	size_t digits = strspn(s, "0123456789");
	if (digits == 0 || digits > 9 || s[0] == '0')
		return false;
	return s[digits] && strchr("KMG", s[digits]) && strcmp(s + digits + 1, "B") == 0;
}
