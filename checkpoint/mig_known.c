/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint/mig_known: see mig_known.h. Called by mig_memory.c. */
#include "checkpoint/mig_known.h"

#include <stdlib.h>
#include "base/mem.h"
#include "base/ban.h"

#define REGION_BYTES (MIG_REGION_PAGES * (uint64_t)MIG_PAGE)
#define PROBES	     8u
#define FIRST_SLOTS  1024u

void mig_known_done(struct mig_known *k)
{
	for (size_t i = 0; i < k->n; i++)
		free(k->v[i]);
	free(k->v);
	free(k->slots);
	free(k->where);
	*k = (struct mig_known){0};
}

/* ---- regions by id and address ---- */

static size_t mix(uint64_t id, uint64_t base)
{
	uint64_t x = (base / REGION_BYTES) ^ id * UINT64_C(0x9e3779b97f4a7c15);

	x ^= x >> 29;
	x *= UINT64_C(0xbf58476d1ce4e5b9);
	return (size_t)(x ^ x >> 32);
}

static void put_slot(struct mig_known *k, size_t region)
{
	size_t i = mix(k->v[region]->id, k->v[region]->base);

	while (k->slots[i & (k->n_slots - 1)])
		i++;
	k->slots[i & (k->n_slots - 1)] = (uint32_t)region + 1;
}

static void grow_slots(struct mig_known *k)
{
	k->n_slots = k->n_slots ? 2 * k->n_slots : FIRST_SLOTS;
	free(k->slots);
	k->slots = mem_alloc(k->n_slots * sizeof(*k->slots));
	for (size_t i = 0; i < k->n; i++)
		put_slot(k, i);
}

static size_t add_region(struct mig_known *k, uint64_t id, uint64_t base)
{
	struct mig_region *r = mem_alloc(sizeof(*r));

	r->id = id;
	r->base = base;
	if (k->n == k->cap) {
		k->cap = k->cap ? 2 * k->cap : 64;
		k->v = mem_realloc(k->v, k->cap, sizeof(struct mig_region *));
	}
	k->v[k->n++] = r;
	if (2 * k->n >= k->n_slots)
		grow_slots(k);
	else
		put_slot(k, k->n - 1);
	return k->n - 1;
}

static size_t region_of(struct mig_known *k, uint64_t id, uint64_t vaddr)
{
	uint64_t base = vaddr - vaddr % REGION_BYTES;

	if (k->n && k->v[k->last]->id == id && k->v[k->last]->base == base)
		return k->last;
	for (size_t i = mix(id, base); k->n_slots; i++) {
		uint32_t region = k->slots[i & (k->n_slots - 1)];

		if (!region)
			break;
		if (k->v[region - 1]->id == id && k->v[region - 1]->base == base)
			return k->last = region - 1;
	}
	return k->last = add_region(k, id, base);
}

static size_t slot_in(const struct mig_region *r, uint64_t vaddr)
{
	return (size_t)((vaddr - r->base) / MIG_PAGE);
}

struct mig_known_page *mig_known_at(struct mig_known *k, uint64_t id, uint64_t vaddr)
{
	size_t region = region_of(k, id, vaddr);
	struct mig_region *r = k->v[region];

	return &r->page[slot_in(r, vaddr)];
}

/* ---- places by hash ---- */

static const struct mig_known_page *page_of(const struct mig_known *k, uint64_t where)
{
	return &k->v[(where - 1) / MIG_REGION_PAGES]->page[(where - 1) % MIG_REGION_PAGES];
}

/* Would this hash be looked for there? */
static bool is_near(const struct mig_known *k, struct mig_hash h, size_t at)
{
	return ((at - (size_t)h.lo) & (k->n_where - 1)) < PROBES;
}

/* In the first place that is free or tells of a page which has changed since, else instead of the
 * first: what is forgotten is only sent again. */
static void put_where(struct mig_known *k, struct mig_hash h, uint64_t where)
{
	size_t to = (size_t)h.lo & (k->n_where - 1);

	for (size_t i = 0; i < PROBES; i++) {
		size_t at = ((size_t)h.lo + i) & (k->n_where - 1);
		uint64_t old = k->where[at];

		if (old && mig_hash_eq(page_of(k, old)->hash, h))
			return;
		if (!old || !is_near(k, page_of(k, old)->hash, at)) {
			to = at;
			break;
		}
	}
	k->where[to] = where;
}

static void grow_where(struct mig_known *k)
{
	static const struct mig_hash none = {0};
	size_t n = FIRST_SLOTS;

	while (n < 2 * k->n * MIG_REGION_PAGES)
		n *= 2;
	if (n <= k->n_where)
		return;
	k->n_where = n;
	free(k->where);
	k->where = mem_alloc(n * sizeof(*k->where));
	for (size_t i = 0; i < k->n * MIG_REGION_PAGES; i++)
		if (!mig_hash_eq(page_of(k, i + 1)->hash, none))
			put_where(k, page_of(k, i + 1)->hash, i + 1);
}

void mig_known_put(struct mig_known *k, uint64_t id, uint64_t vaddr)
{
	size_t region = region_of(k, id, vaddr);
	size_t slot = slot_in(k->v[region], vaddr);

	grow_where(k);
	put_where(k, k->v[region]->page[slot].hash, region * MIG_REGION_PAGES + slot + 1);
}

bool mig_known_find(const struct mig_known *k, struct mig_hash h, uint64_t *ret_id,
		    uint64_t *ret_vaddr, const struct mig_known_page **ret_page)
{
	for (size_t i = 0; k->n_where && i < PROBES; i++) {
		uint64_t where = k->where[((size_t)h.lo + i) & (k->n_where - 1)];

		if (!where)
			return false;
		const struct mig_known_page *p = page_of(k, where);

		if (mig_hash_eq(p->hash, h)) {
			const struct mig_region *r = k->v[(where - 1) / MIG_REGION_PAGES];

			*ret_id = r->id;
			*ret_vaddr = r->base + (where - 1) % MIG_REGION_PAGES * MIG_PAGE;
			*ret_page = p;
			return true;
		}
	}
	return false;
}
