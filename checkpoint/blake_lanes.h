/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/blake_lanes: part of blake.c, included once for each width of vectors, with LANES (8
 * or 16), TARGET (of the compiler) and N() (how its names are spelt) defined: LANES chunks or
 * parents at once, one in each lane of 32 bits. It must not be included by anybody else.
 */
typedef uint32_t N(vec) __attribute__((vector_size(4 * LANES)));

/* Rows become columns: blocks of 1, 2, 4 (and 8) change places across the diagonal. */
#if LANES == 16
#define SWAP(a, b, lo, hi)                                                                         \
	do {                                                                                       \
		N(vec) t = __builtin_shufflevector(a, b, lo);                                      \
		b = __builtin_shufflevector(a, b, hi);                                             \
		a = t;                                                                             \
	} while (0)
#define LO1 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30
#define HI1 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31
#define LO2 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29
#define HI2 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31
#define LO4 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27
#define HI4 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31
#define LO8 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23
#define HI8 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31
#else
#define SWAP(a, b, lo, hi)                                                                         \
	do {                                                                                       \
		N(vec) t = __builtin_shufflevector(a, b, lo);                                      \
		b = __builtin_shufflevector(a, b, hi);                                             \
		a = t;                                                                             \
	} while (0)
#define LO1 0, 8, 2, 10, 4, 12, 6, 14
#define HI1 1, 9, 3, 11, 5, 13, 7, 15
#define LO2 0, 1, 8, 9, 4, 5, 12, 13
#define HI2 2, 3, 10, 11, 6, 7, 14, 15
#define LO4 0, 1, 2, 3, 8, 9, 10, 11
#define HI4 4, 5, 6, 7, 12, 13, 14, 15
#endif

TARGET static inline __attribute__((always_inline)) void N(transpose)(N(vec) r[LANES])
{
	UNROLL
	for (unsigned i = 0; i < LANES; i += 2)
		SWAP(r[i], r[i + 1], LO1, HI1);
	UNROLL
	for (unsigned i = 0; i < LANES; i++)
		if (!(i & 2))
			SWAP(r[i], r[i + 2], LO2, HI2);
	UNROLL
	for (unsigned i = 0; i < LANES; i++)
		if (!(i & 4))
			SWAP(r[i], r[i + 4], LO4, HI4);
#if LANES == 16
	UNROLL
	for (unsigned i = 0; i < LANES / 2; i++)
		SWAP(r[i], r[i + 8], LO8, HI8);
#endif
}

/* The 16 words of one block of each lane; stride: bytes from a lane's text to the next one's. */
TARGET static inline __attribute__((always_inline)) void
N(load)(N(vec) m[16], const unsigned char *p, size_t stride)
{
	for (unsigned half = 0; half < 16; half += LANES) {
		UNROLL
		for (unsigned i = 0; i < LANES; i++)
			memcpy(&m[half + i], p + i * stride + 4 * half, sizeof(m[0]));
		N(transpose)(m + half);
	}
}

#define ROR(x, n) ((x) >> (n) | (x) << (32 - (n)))
#define MIX(a, b, c, d, x, y)                                                                      \
	do {                                                                                       \
		v[a] += v[b] + m[x], v[d] ^= v[a], v[d] = ROR(v[d], 16);                           \
		v[c] += v[d], v[b] ^= v[c], v[b] = ROR(v[b], 12);                                  \
		v[a] += v[b] + m[y], v[d] ^= v[a], v[d] = ROR(v[d], 8);                            \
		v[c] += v[d], v[b] ^= v[c], v[b] = ROR(v[b], 7);                                   \
	} while (0)

TARGET static inline __attribute__((always_inline)) void
N(block)(N(vec) h[8], const N(vec) m[16], N(vec) count_lo, N(vec) count_hi, uint32_t flags)
{
	const N(vec) zero = {0};
	N(vec) v[16];

	UNROLL
	for (unsigned i = 0; i < 8; i++)
		v[i] = h[i];
	UNROLL
	for (unsigned i = 0; i < 4; i++)
		v[8 + i] = zero + iv[i];
	v[12] = count_lo;
	v[13] = count_hi;
	v[14] = zero + BLOCK;
	v[15] = zero + flags;
	UNROLL
	for (unsigned r = 0; r < 7; r++) {
		MIX(0, 4, 8, 12, order[r][0], order[r][1]);
		MIX(1, 5, 9, 13, order[r][2], order[r][3]);
		MIX(2, 6, 10, 14, order[r][4], order[r][5]);
		MIX(3, 7, 11, 15, order[r][6], order[r][7]);
		MIX(0, 5, 10, 15, order[r][8], order[r][9]);
		MIX(1, 6, 11, 12, order[r][10], order[r][11]);
		MIX(2, 7, 8, 13, order[r][12], order[r][13]);
		MIX(3, 4, 9, 14, order[r][14], order[r][15]);
	}
	UNROLL
	for (unsigned i = 0; i < 8; i++)
		h[i] = v[i] ^ v[i + 8];
}

/* LANES texts of n_blocks, one behind the other, into ret[0] to ret[LANES - 1]. count: the number
 * of the first (is_chunk), or 0 of all. */
TARGET static void N(hash)(const unsigned char *p, unsigned n_blocks, uint64_t count, bool is_chunk,
			   struct ckpt_blake *ret)
{
	const size_t stride = (size_t)n_blocks * BLOCK;
	const N(vec) zero = {0};
	N(vec) h[16], m[16], lo = zero, hi = zero;

	for (unsigned i = 0; i < 8; i++)
		h[i] = zero + iv[i];
	for (unsigned i = 0; is_chunk && i < LANES; i++) {
		lo[i] = (uint32_t)(count + i);
		hi[i] = (uint32_t)((count + i) >> 32);
	}
	for (unsigned b = 0; b < n_blocks; b++) {
		uint32_t flags =
			is_chunk ? (b == 0 ? CHUNK_START : 0) | (b + 1 == n_blocks ? CHUNK_END : 0)
				 : PARENT;

		N(load)(m, p + b * BLOCK, stride);
		N(block)(h, m, lo, hi, flags);
	}
	for (unsigned lane = 0; lane < LANES; lane++)
		for (unsigned i = 0; i < 8; i++)
			ret[lane].h[i] = h[i][lane];
}

#undef SWAP
#undef LO1
#undef HI1
#undef LO2
#undef HI2
#undef LO4
#undef HI4
#undef LO8
#undef HI8
#undef ROR
#undef MIX
#undef LANES
#undef TARGET
#undef N
