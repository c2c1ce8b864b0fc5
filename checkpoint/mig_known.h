/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/mig_known: what the destination of a migration has, as far as the source knows: the
 * hash of each page by id and address, and where a page of a given hash lies there. Memory only,
 * 40 bytes a page. Called by mig_memory.c.
 */
#ifndef STIVA_CHECKPOINT_MIG_KNOWN_H
#define STIVA_CHECKPOINT_MIG_KNOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "checkpoint/mig_hash.h"

#define MIG_REGION_PAGES 512u

struct mig_known_page {
	struct mig_hash hash; /* all zero: nothing is there, a hole */
	uint32_t batch;	      /* in which it was last sent */
	uint8_t streak;	      /* rounds in a row that found it changed */
};
struct mig_region {
	uint64_t id, base; /* address of its first page */
	struct mig_known_page page[MIG_REGION_PAGES];
};
struct mig_known {
	/* private */
	struct mig_region **v; /* owned */
	size_t n, cap;
	uint32_t *slots; /* owned: of v by id and address, plus 1; open addressing */
	size_t n_slots;
	uint64_t *where; /* owned: of pages by hash, plus 1; forgetful */
	size_t n_where;
	size_t last; /* looked up */
};
void mig_known_done(struct mig_known *k);
/* The page's entry; made when there is none. Good until mig_known_done(). */
struct mig_known_page *mig_known_at(struct mig_known *k, uint64_t id, uint64_t vaddr);
/* Says that the page at this place now has the hash of its entry. */
void mig_known_put(struct mig_known *k, uint64_t id, uint64_t vaddr);
/* A place whose page has this hash. */
bool mig_known_find(const struct mig_known *k, struct mig_hash h, uint64_t *ret_id,
		    uint64_t *ret_vaddr, const struct mig_known_page **ret_page);

#endif
