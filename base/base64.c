/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/base64: decodes what annotations carry. It must not know what the bytes are. Called by
 * runtime/guard.
 */
#include "base/base64.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "base/ban.h"

static int digit(char c)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(alphabet, c) : NULL;

	return at ? (int)(at - alphabet) : -1;
}

/* Four characters to one to three bytes. Return: how many, or -EINVAL. */
static int decode_group(const char *s, bool is_last, unsigned char ret[3])
{
	int pad = s[3] == '=' ? (s[2] == '=' ? 2 : 1) : 0;
	uint32_t bits = 0;

	if (pad && !is_last)
		return -EINVAL;
	for (int i = 0; i < 4; i++) {
		int d = i >= 4 - pad ? 0 : digit(s[i]);

		if (d < 0)
			return -EINVAL;
		bits = bits << 6 | (uint32_t)d;
	}
	/* Bits that no byte takes must be zero, or two texts would be the same bytes. */
	if ((pad == 1 && bits & 0xff) || (pad == 2 && bits & 0xffff))
		return -EINVAL;
	ret[0] = (unsigned char)(bits >> 16);
	ret[1] = (unsigned char)(bits >> 8);
	ret[2] = (unsigned char)bits;
	return 3 - pad;
}

int base64_decode(const char *text, struct buf *out)
{
	size_t n = strlen(text), before = out->len;
	unsigned char bytes[3];

	if (n % 4)
		return -EINVAL;
	for (size_t i = 0; i < n; i += 4) {
		int got = decode_group(text + i, i + 4 == n, bytes);

		if (got < 0) {
			out->len = before;
			return got;
		}
		buf_add(out, bytes, (size_t)got);
	}
	return 0;
}
