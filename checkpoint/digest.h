/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/digest: SHA-256 (FIPS 180-4), by the processor's own instructions where it has them.
 * Pure. No other room includes it. Called by
 * image.c and the mig_ files.
 */
#ifndef STIVA_CHECKPOINT_DIGEST_H
#define STIVA_CHECKPOINT_DIGEST_H

#include <stddef.h>
#include <stdint.h>

struct ckpt_digest {
	uint32_t h[8];
	uint64_t n; /* bytes so far */
	unsigned char rest[64];
};
#define CKPT_DIGEST_TEXT 65 /* 64 lower-case hex digits and the NUL */

void ckpt_digest_begin(struct ckpt_digest *d);
void ckpt_digest_add(struct ckpt_digest *d, const void *p, size_t n);
void ckpt_digest_end(struct ckpt_digest *d, char ret[CKPT_DIGEST_TEXT]);
/* The same, not as text. */
#define CKPT_DIGEST_BYTES 32
void ckpt_digest_end_bytes(struct ckpt_digest *d, unsigned char ret[CKPT_DIGEST_BYTES]);
/* For tests: 1 = never by the processor's own instructions. */
void ckpt_digest_test_plain(int on);

#endif
