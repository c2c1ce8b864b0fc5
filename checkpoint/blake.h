/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/blake: BLAKE3 (its specification of 2021, the plain hash of 256 bits): a tree over
 * pieces that any process may take, several times as fast as SHA-256 where the processor has wide
 * vectors. For memory images alone, whose hash would stand in the pause. Pure. No other room
 * includes it. Called by proof.c.
 */
#ifndef STIVA_CHECKPOINT_BLAKE_H
#define STIVA_CHECKPOINT_BLAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CKPT_BLAKE_PIECE (1u << 18) /* bytes */
#define CKPT_BLAKE_TEXT	 65	    /* 64 lower-case hex digits and the NUL */

struct ckpt_blake {
	uint32_t h[8];
};
/* One piece of a text: its number, and n bytes, which are CKPT_BLAKE_PIECE but for the last.
 * is_all: it is the whole text, and *ret its hash. */
void ckpt_blake_piece(const void *p, size_t n, uint64_t number, bool is_all,
		      struct ckpt_blake *ret);
/* The hash of the text of these pieces, which are changed. n: at least 1; of 1: itself. */
void ckpt_blake_join(struct ckpt_blake *v, size_t n, char ret[CKPT_BLAKE_TEXT]);
/* For tests: at most this wide vectors (16, 8, 0: none). */
void ckpt_blake_test_width(unsigned most);

#endif
