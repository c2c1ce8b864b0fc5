/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint/blake: see blake.h. Called by proof.c. */
#include "checkpoint/blake.h"

#include <stdio.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif
#include "base/ban.h"

#define BLOCK  64u
#define CHUNK  1024u
#define CHUNKS (CKPT_BLAKE_PIECE / CHUNK) /* of a piece: a power of two, so it is a subtree */

enum { CHUNK_START = 1, CHUNK_END = 2, PARENT = 4, ROOT = 8 };

static const uint32_t iv[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
			       0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

/* Which word of the message is taken where, in each of the seven rounds. */
static const uint8_t order[7][16] = {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
				     {2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8},
				     {3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1},
				     {10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6},
				     {12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4},
				     {9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7},
				     {11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13}};

static unsigned width_most = 16;

void ckpt_blake_test_width(unsigned most)
{
	width_most = most;
}

/* ---- one block ---- */

static uint32_t take_le(const unsigned char *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint32_t ror(uint32_t x, unsigned n)
{
	return x >> n | x << (32 - n);
}

static void mix(uint32_t v[16], const uint8_t at[4], uint32_t x, uint32_t y)
{
	uint32_t a = v[at[0]], b = v[at[1]], c = v[at[2]], d = v[at[3]];

	a += b + x, d = ror(d ^ a, 16), c += d, b = ror(b ^ c, 12);
	a += b + y, d = ror(d ^ a, 8), c += d, b = ror(b ^ c, 7);
	v[at[0]] = a, v[at[1]] = b, v[at[2]] = c, v[at[3]] = d;
}

/* n: bytes of the block, the rest of which is 0. */
static void compress(uint32_t h[8], const unsigned char *block, size_t n, uint64_t count,
		     uint32_t flags)
{
	static const uint8_t at[8][4] = {{0, 4, 8, 12},	 {1, 5, 9, 13},	 {2, 6, 10, 14},
					 {3, 7, 11, 15}, {0, 5, 10, 15}, {1, 6, 11, 12},
					 {2, 7, 8, 13},	 {3, 4, 9, 14}};
	unsigned char text[BLOCK] = {0};
	uint32_t m[16], v[16];

	if (n)
		memcpy(text, block, n);
	for (unsigned i = 0; i < 16; i++)
		m[i] = take_le(text + 4 * i);
	memcpy(v, h, 32);
	memcpy(v + 8, iv, 16);
	v[12] = (uint32_t)count;
	v[13] = (uint32_t)(count >> 32);
	v[14] = (uint32_t)n;
	v[15] = flags;
	for (unsigned r = 0; r < 7; r++)
		for (unsigned i = 0; i < 8; i++)
			mix(v, at[i], m[order[r][2 * i]], m[order[r][2 * i + 1]]);
	for (unsigned i = 0; i < 8; i++)
		h[i] = v[i] ^ v[i + 8];
}

/* ---- as many as the vectors are wide ---- */

#if defined(__x86_64__)
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

#define LANES	16
#define TARGET	__attribute__((target("avx512f")))
#define N(name) wide16_##name
#include "checkpoint/blake_lanes.h"

#define LANES	8
#define TARGET	__attribute__((target("avx2")))
#define N(name) wide8_##name
#include "checkpoint/blake_lanes.h"

static unsigned width(void)
{
	static unsigned known = 1;

	if (known == 1)
		known = __builtin_cpu_supports("avx512f") ? 16
			: __builtin_cpu_supports("avx2")  ? 8
							  : 0;
	return known < width_most ? known : width_most;
}

/* Return: how many of the n texts were hashed, from the first on. */
static size_t hash_wide(const unsigned char *p, size_t n, unsigned n_blocks, uint64_t count,
			bool is_chunk, struct ckpt_blake *ret)
{
	const unsigned lanes = width();
	size_t i = 0;

	for (; lanes && i + lanes <= n; i += lanes)
		(lanes == 16 ? wide16_hash : wide8_hash)(p + i * n_blocks * BLOCK, n_blocks,
							 count + i, is_chunk, ret + i);
	return i;
}
#else
static size_t hash_wide(const unsigned char *p, size_t n, unsigned n_blocks, uint64_t count,
			bool is_chunk, struct ckpt_blake *ret)
{
	(void)p, (void)n, (void)n_blocks, (void)count, (void)is_chunk, (void)ret;
	return 0;
}
#endif

/* ---- the tree ---- */

static void hash_chunk(const unsigned char *p, size_t n, uint64_t count, uint32_t more,
		       struct ckpt_blake *ret)
{
	uint32_t flags = CHUNK_START;

	memcpy(ret->h, iv, sizeof(iv));
	for (; n > BLOCK; n -= BLOCK, p += BLOCK, flags = 0)
		compress(ret->h, p, BLOCK, count, flags);
	compress(ret->h, p, n, count, flags | CHUNK_END | more);
}

static void put_le(const struct ckpt_blake *v, unsigned char *p)
{
	for (unsigned i = 0; i < 32; i++)
		p[i] = (unsigned char)(v->h[i / 4] >> 8 * (i % 4));
}

static void hash_parent(const struct ckpt_blake two[2], uint32_t more, struct ckpt_blake *ret)
{
	unsigned char text[BLOCK];

	put_le(&two[0], text);
	put_le(&two[1], text + 32);
	memcpy(ret->h, iv, sizeof(iv));
	compress(ret->h, text, BLOCK, 0, PARENT | more);
}

/* Level by level, each pair becomes one; an odd one at the end goes up as it is, so that the left
 * subtree is always full. */
static void reduce(struct ckpt_blake *v, size_t n, uint32_t more)
{
	struct ckpt_blake out[16];

	while (n > 1) {
		size_t to = 0;

#if defined(__x86_64__) /* little-endian: the words are the text */
		for (; n > 2 && to + 16 <= n / 2 && width(); to += 16) {
			size_t did = hash_wide((const unsigned char *)(v + 2 * to), 16, 1, 0, false,
					       out);

			memcpy(v + to, out, did * sizeof(*v));
		}
#endif
		for (; to < n / 2; to++) {
			hash_parent(v + 2 * to, n == 2 ? more : 0, out);
			v[to] = out[0];
		}
		if (n % 2)
			v[to] = v[n - 1];
		n = (n + 1) / 2;
	}
}

void ckpt_blake_piece(const void *p, size_t n, uint64_t number, bool is_all, struct ckpt_blake *ret)
{
	struct ckpt_blake v[CHUNKS];
	const uint32_t more = is_all ? ROOT : 0;
	const uint64_t first = number * CHUNKS;
	size_t full = n / CHUNK, rest = n % CHUNK;
	/* The whole text is one chunk: that is the root, and none of many. */
	size_t at = full + (rest != 0) > 1 ? hash_wide(p, full, CHUNK / BLOCK, first, true, v) : 0;

	for (; at < full || (at == full && rest) || at == 0; at++)
		hash_chunk((const unsigned char *)p + at * CHUNK, at < full ? CHUNK : rest,
			   first + at, n <= CHUNK ? more : 0, &v[at]);
	reduce(v, at, more);
	*ret = v[0];
}

void ckpt_blake_join(struct ckpt_blake *v, size_t n, char ret[CKPT_BLAKE_TEXT])
{
	unsigned char text[32];

	reduce(v, n, ROOT);
	put_le(&v[0], text);
	for (unsigned i = 0; i < 32; i++)
		snprintf(ret + 2 * i, 3, "%02x", text[i]);
}
