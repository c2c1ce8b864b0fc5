/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint/mig_fault_range: see mig_fault.h. Pure. Called by mig_fault.c. */
#include "checkpoint/mig_fault.h"

#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "base/ban.h"

void mig_ranges_done(struct mig_ranges *r)
{
	free(r->v);
	*r = (struct mig_ranges){0};
}

/* Of the first range that ends behind the address. */
static size_t place_of(const struct mig_ranges *r, uint64_t address)
{
	size_t lo = 0, hi = r->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (r->v[mid].end <= address)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void insert(struct mig_ranges *r, size_t at, struct mig_range one)
{
	if (r->n == r->cap) {
		r->cap = r->cap ? 2 * r->cap : 16;
		r->v = mem_realloc(r->v, r->cap, sizeof(*r->v));
	}
	memmove(r->v + at + 1, r->v + at, (r->n - at) * sizeof(*r->v));
	r->v[at] = one;
	r->n++;
}

void mig_ranges_add(struct mig_ranges *r, uint64_t start, uint64_t end, uint64_t shift)
{
	if (start >= end)
		return;
	/* Whatever was there is not any more. */
	mig_ranges_cut(r, start, end);
	insert(r, place_of(r, start), (struct mig_range){start, end, shift});
}

void mig_ranges_copy(struct mig_ranges *to, const struct mig_ranges *from)
{
	*to = (struct mig_ranges){.v = mem_realloc(NULL, from->n + 1, sizeof(*from->v)),
				  .n = from->n,
				  .cap = from->n + 1};
	if (from->n)
		memcpy(to->v, from->v, from->n * sizeof(*from->v));
}

const struct mig_range *mig_ranges_find(const struct mig_ranges *r, uint64_t address)
{
	size_t i = place_of(r, address);

	return i < r->n && r->v[i].start <= address ? &r->v[i] : NULL;
}

void mig_ranges_cut(struct mig_ranges *r, uint64_t start, uint64_t end)
{
	size_t i = place_of(r, start), gone = 0;

	if (i < r->n && r->v[i].start < start) {
		struct mig_range rest = {end, r->v[i].end, r->v[i].shift};

		r->v[i].end = start;
		if (rest.start < rest.end) {
			insert(r, i + 1, rest);
			return;
		}
		i++;
	}
	while (i + gone < r->n && r->v[i + gone].end <= end)
		gone++;
	if (gone)
		memmove(r->v + i, r->v + i + gone, (r->n - i - gone) * sizeof(*r->v));
	r->n -= gone;
	if (i < r->n && r->v[i].start < end)
		r->v[i].start = end;
}

void mig_ranges_move(struct mig_ranges *r, uint64_t from, uint64_t to, uint64_t length)
{
	struct mig_ranges moved = {0};

	for (size_t i = place_of(r, from); i < r->n && r->v[i].start < from + length; i++) {
		uint64_t start = r->v[i].start > from ? r->v[i].start : from;
		uint64_t end = r->v[i].end < from + length ? r->v[i].end : from + length;

		insert(&moved, moved.n,
		       (struct mig_range){start + (to - from), end + (to - from),
					  r->v[i].shift + (to - from)});
	}
	mig_ranges_cut(r, from, from + length);
	mig_ranges_cut(r, to, to + length);
	for (size_t i = 0; i < moved.n; i++)
		mig_ranges_add(r, moved.v[i].start, moved.v[i].end, moved.v[i].shift);
	mig_ranges_done(&moved);
}
