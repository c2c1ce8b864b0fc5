/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint/digest: see digest.h. Called by image.c. */
#include "checkpoint/digest.h"

#include <stdio.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif
#include "base/ban.h"

static const uint32_t k[64] __attribute__((aligned(16))) = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
	0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
	0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
	0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
	0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
	0xc67178f2};

static uint32_t ror(uint32_t x, unsigned n)
{
	return x >> n | x << (32 - n);
}

static uint32_t take_be(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void plain_blocks(uint32_t h[8], const unsigned char *p, size_t n_blocks)
{
	uint32_t w[64];

	for (; n_blocks; n_blocks--, p += 64) {
		uint32_t a = h[0], b = h[1], c = h[2], d = h[3];
		uint32_t e = h[4], f = h[5], g = h[6], x = h[7];

		for (unsigned i = 0; i < 16; i++)
			w[i] = take_be(p + 4 * i);
		for (unsigned i = 16; i < 64; i++) {
			uint32_t s0 = ror(w[i - 15], 7) ^ ror(w[i - 15], 18) ^ w[i - 15] >> 3;
			uint32_t s1 = ror(w[i - 2], 17) ^ ror(w[i - 2], 19) ^ w[i - 2] >> 10;

			w[i] = w[i - 16] + s0 + w[i - 7] + s1;
		}
		for (unsigned i = 0; i < 64; i++) {
			uint32_t t1 = x + (ror(e, 6) ^ ror(e, 11) ^ ror(e, 25)) +
				      ((e & f) ^ (~e & g)) + k[i] + w[i];
			uint32_t t2 = (ror(a, 2) ^ ror(a, 13) ^ ror(a, 22)) +
				      ((a & b) ^ (a & c) ^ (b & c));

			x = g, g = f, f = e, e = d + t1;
			d = c, c = b, b = a, a = t1 + t2;
		}
		h[0] += a, h[1] += b, h[2] += c, h[3] += d;
		h[4] += e, h[5] += f, h[6] += g, h[7] += x;
	}
}

static int is_plain;

void ckpt_digest_test_plain(int on)
{
	is_plain = on;
}

#if defined(__x86_64__)
/* CPUID leaf 7, EBX bit 29: the SHA extensions; leaf 1, ECX bit 19: SSE4.1. */
static int has_instructions(void)
{
	unsigned a, b, c, d;

	if (is_plain || !__get_cpuid(1, &a, &b, &c, &d) || !(c & (1u << 19)))
		return 0;
	return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & (1u << 29));
}

/* Intel's SDM, "SHA256RNDS2": the state is kept as ABEF and CDGH. */
__attribute__((target("sha,sse4.1"))) static void own_blocks(uint32_t h[8], const unsigned char *p,
							     size_t n_blocks)
{
	const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
	__m128i t = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)h), 0xb1);
	__m128i s1 =
		_mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)(h + 4)), 0x1b);
	__m128i s0 = _mm_alignr_epi8(t, s1, 8);

	s1 = _mm_blend_epi16(s1, t, 0xf0);
	for (; n_blocks; n_blocks--, p += 64) {
		const __m128i was0 = s0, was1 = s1;
		__m128i w[4];

		for (unsigned i = 0; i < 16; i++) {
			__m128i m;

			if (i < 4) {
				m = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i));
				m = _mm_shuffle_epi8(m, swap);
			} else {
				/* w[i & 3] is the one of 16 words ago. */
				m = _mm_sha256msg1_epu32(w[i & 3], w[(i + 1) & 3]);
				m = _mm_add_epi32(
					m, _mm_alignr_epi8(w[(i + 3) & 3], w[(i + 2) & 3], 4));
				m = _mm_sha256msg2_epu32(m, w[(i + 3) & 3]);
			}
			w[i & 3] = m;
			m = _mm_add_epi32(
				m, _mm_load_si128((const __m128i *)(const void *)(k + 4 * i)));
			s1 = _mm_sha256rnds2_epu32(s1, s0, m);
			s0 = _mm_sha256rnds2_epu32(s0, s1, _mm_shuffle_epi32(m, 0x0e));
		}
		s0 = _mm_add_epi32(s0, was0);
		s1 = _mm_add_epi32(s1, was1);
	}
	t = _mm_shuffle_epi32(s0, 0x1b);
	s1 = _mm_shuffle_epi32(s1, 0xb1);
	_mm_storeu_si128((__m128i *)(void *)h, _mm_blend_epi16(t, s1, 0xf0));
	_mm_storeu_si128((__m128i *)(void *)(h + 4), _mm_alignr_epi8(s1, t, 8));
}
#endif

static void blocks(uint32_t h[8], const unsigned char *p, size_t n_blocks)
{
#if defined(__x86_64__)
	if (has_instructions()) {
		own_blocks(h, p, n_blocks);
		return;
	}
#endif
	plain_blocks(h, p, n_blocks);
}

void ckpt_digest_begin(struct ckpt_digest *d)
{
	*d = (struct ckpt_digest){.h = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
					0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

void ckpt_digest_add(struct ckpt_digest *d, const void *data, size_t n)
{
	const unsigned char *p = data;
	size_t have = d->n % 64;

	d->n += n;
	if (have) {
		size_t part = 64 - have < n ? 64 - have : n;

		memcpy(d->rest + have, p, part);
		if (have + part < 64)
			return;
		blocks(d->h, d->rest, 1);
		p += part;
		n -= part;
	}
	if (n >= 64)
		blocks(d->h, p, n / 64);
	if (n % 64)
		memcpy(d->rest, p + n / 64 * 64, n % 64);
}

static void end(struct ckpt_digest *d)
{
	static const unsigned char pad[64] = {0x80};
	const uint64_t bits = d->n * 8;
	unsigned char length[8];

	for (unsigned i = 0; i < 8; i++)
		length[i] = (unsigned char)(bits >> (56 - 8 * i));
	ckpt_digest_add(d, pad, 1 + (119 - d->n % 64) % 64);
	ckpt_digest_add(d, length, 8);
}

void ckpt_digest_end(struct ckpt_digest *d, char ret[CKPT_DIGEST_TEXT])
{
	end(d);
	for (unsigned i = 0; i < 8; i++)
		snprintf(ret + 8 * i, 9, "%08x", d->h[i]);
}

void ckpt_digest_end_bytes(struct ckpt_digest *d, unsigned char ret[CKPT_DIGEST_BYTES])
{
	end(d);
	for (unsigned i = 0; i < CKPT_DIGEST_BYTES; i++)
		ret[i] = (unsigned char)(d->h[i / 4] >> (24 - 8 * (i % 4)));
}
