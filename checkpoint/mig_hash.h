/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/mig_hash: a keyed 128-bit hash of pages: equal hashes stand for equal pages, so the
 * key is random in each migration and never leaves the source: what a container writes cannot be
 * made to collide. NH over 32-bit words, four times (RFC 4418 5.2; two different pages meet with a
 * probability of 2^-128), and SipHash-2-4 with 128 bits over what comes out. Pure but for the key.
 * Called by mig_memory.c.
 */
#ifndef STIVA_CHECKPOINT_MIG_HASH_H
#define STIVA_CHECKPOINT_MIG_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MIG_PAGE       4096u
#define MIG_PAGE_WORDS (MIG_PAGE / 8)

struct mig_hash {
	uint64_t lo, hi;
};
struct mig_hash_key {
	uint32_t nh[2 * MIG_PAGE_WORDS + 6]; /* each pass begins two words later */
	uint64_t sip[2];
};
/* A random key. Return: 0 or -errno. */
int mig_hash_key(struct mig_hash_key *ret);
/* Of one page. */
struct mig_hash mig_hash_page(const struct mig_hash_key *k, const void *page);
/* The same without the processor's vectors. */
struct mig_hash mig_hash_page_plain(const struct mig_hash_key *k, const void *page);
/* SipHash-2-4-128 of n bytes; the first 8 bytes of its output are lo. */
struct mig_hash mig_hash_sip(const uint64_t key[2], const void *p, size_t n);
bool mig_hash_is_zero(const void *page);

static inline bool mig_hash_eq(struct mig_hash a, struct mig_hash b)
{
	return a.lo == b.lo && a.hi == b.hi;
}

#endif
