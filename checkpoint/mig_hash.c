/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint/mig_hash: see mig_hash.h. Called by mig_memory.c. */
#include "checkpoint/mig_hash.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif
#include "base/ban.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words are taken as they lie in memory");

int mig_hash_key(struct mig_hash_key *ret)
{
	for (size_t at = 0; at < sizeof(*ret);) {
		ssize_t n = getrandom((char *)ret + at, sizeof(*ret) - at, 0);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			at += (size_t)n;
	}
	return 0;
}

/* ---- SipHash (Aumasson, Bernstein 2012), with the 128-bit output of its reference ---- */

struct sip {
	uint64_t v[4];
};

static uint64_t rotate(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

static void sip_rounds(struct sip *s, int n)
{
	uint64_t *v = s->v;

	for (; n; n--) {
		v[0] += v[1];
		v[1] = rotate(v[1], 13) ^ v[0];
		v[0] = rotate(v[0], 32);
		v[2] += v[3];
		v[3] = rotate(v[3], 16) ^ v[2];
		v[0] += v[3];
		v[3] = rotate(v[3], 21) ^ v[0];
		v[2] += v[1];
		v[1] = rotate(v[1], 17) ^ v[2];
		v[2] = rotate(v[2], 32);
	}
}

static void sip_word(struct sip *s, uint64_t m)
{
	s->v[3] ^= m;
	sip_rounds(s, 2);
	s->v[0] ^= m;
}

static uint64_t sip_out(const struct sip *s)
{
	return s->v[0] ^ s->v[1] ^ s->v[2] ^ s->v[3];
}

struct mig_hash mig_hash_sip(const uint64_t key[2], const void *p, size_t n)
{
	struct sip s = {{key[0] ^ UINT64_C(0x736f6d6570736575),
			 key[1] ^ UINT64_C(0x646f72616e646f6d) ^ 0xee,
			 key[0] ^ UINT64_C(0x6c7967656e657261),
			 key[1] ^ UINT64_C(0x7465646279746573)}};
	const unsigned char *at = p;
	uint64_t last = (uint64_t)n << 56, word;
	struct mig_hash h;
	size_t left = n;

	for (; left >= 8; left -= 8, at += 8) {
		memcpy(&word, at, 8);
		sip_word(&s, word);
	}
	for (size_t i = 0; i < left; i++)
		last |= (uint64_t)at[i] << (8 * i);
	sip_word(&s, last);
	s.v[2] ^= 0xee;
	sip_rounds(&s, 4);
	h.lo = sip_out(&s);
	s.v[1] ^= 0xdd;
	sip_rounds(&s, 4);
	h.hi = sip_out(&s);
	return h;
}

/* ---- pages ---- */

#define PASSES 4

/* Sums modulo 2^32 of words and key, modulo 2^64 of products, as NH has it. */
struct mig_hash mig_hash_page_plain(const struct mig_hash_key *k, const void *page)
{
	const unsigned char *p = page;
	uint64_t sum[PASSES] = {0};

	for (size_t i = 0; i < MIG_PAGE / 4; i += 2) {
		uint32_t a, b;

		memcpy(&a, p + 4 * i, 4);
		memcpy(&b, p + 4 * i + 4, 4);
		for (size_t n = 0; n < PASSES; n++)
			sum[n] += (uint64_t)(a + k->nh[i + 2 * n]) * (b + k->nh[i + 2 * n + 1]);
	}
	return mig_hash_sip(k->sip, sum, sizeof(sum));
}

#ifdef __x86_64__
/* The lower word of each pair by the upper one. */
#define PAGE(name, isa, type, bits)                                                                \
	__attribute__((target(isa))) static struct mig_hash name(const struct mig_hash_key *k,     \
								 const void *page)                 \
	{                                                                                          \
		const char *p = page, *key = (const char *)k->nh;                                  \
		uint64_t lanes[sizeof(type) / 8], out[PASSES] = {0};                               \
		type sum[PASSES];                                                                  \
                                                                                                   \
		memset(sum, 0, sizeof(sum));                                                       \
		for (size_t i = 0; i < MIG_PAGE; i += sizeof(type)) {                              \
			type words, t;                                                             \
                                                                                                   \
			memcpy(&words, p + i, sizeof(words));                                      \
			_Pragma("GCC unroll 4") for (size_t n = 0; n < PASSES; n++)                \
			{                                                                          \
				memcpy(&t, key + i + 8 * n, sizeof(t));                            \
				t = _mm##bits##_add_epi32(t, words);                               \
				t = _mm##bits##_mul_epu32(t, _mm##bits##_srli_epi64(t, 32));       \
				sum[n] = _mm##bits##_add_epi64(sum[n], t);                         \
			}                                                                          \
		}                                                                                  \
		for (size_t n = 0; n < PASSES; n++) {                                              \
			memcpy(lanes, &sum[n], sizeof(lanes));                                     \
			for (size_t i = 0; i < sizeof(type) / 8; i++)                              \
				out[n] += lanes[i];                                                \
		}                                                                                  \
		return mig_hash_sip(k->sip, out, sizeof(out));                                     \
	}
PAGE(page_avx512, "avx512f", __m512i, 512)
PAGE(page_avx2, "avx2", __m256i, 256)
#endif

struct mig_hash mig_hash_page(const struct mig_hash_key *k, const void *page)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx512f"))
		return page_avx512(k, page);
	if (__builtin_cpu_supports("avx2"))
		return page_avx2(k, page);
#endif
	return mig_hash_page_plain(k, page);
}

bool mig_hash_is_zero(const void *page)
{
	const unsigned char *p = page;

	/* The first word tells of most pages; then all of it equals itself, one byte on. */
	for (size_t i = 0; i < 16; i++)
		if (p[i])
			return false;
	return memcmp(p, p + 16, MIG_PAGE - 16) == 0;
}
