/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/json_text: the bytes of a JSON text. Owns UTF-8 and the checks that yajl does not make
 * (it takes overlong UTF-8, and turns half a surrogate pair into "?"); knows nothing of tables or
 * grammar. Called by json_in.c before the parse, and by json_out.c for strings of unknown origin.
 */
#include "base/json_text.h"
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "base/ban.h"

unsigned json_text_utf8(const unsigned char *s, size_t n)
{
	/* The second byte's range depends on the first one (Unicode 15, table 3-7). */
	unsigned char lo = 0x80, hi = 0xbf;
	unsigned len;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	len = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (len > n)
		return 0;
	if (s[0] == 0xe0)
		lo = 0xa0;
	else if (s[0] == 0xed)
		hi = 0x9f;
	else if (s[0] == 0xf0)
		lo = 0x90;
	else if (s[0] == 0xf4)
		hi = 0x8f;
	if (s[1] < lo || s[1] > hi)
		return 0;
	for (unsigned i = 2; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	return len;
}

static int hex_digit(unsigned char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The value of "\uXXXX" at p, or -1. */
static long escape_value(const unsigned char *p, const unsigned char *end)
{
	long v = 0;

	if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
		return -1;
	for (int i = 2; i < 6; i++) {
		int d = hex_digit(p[i]);
		if (d < 0)
			return -1;
		v = v * 16 + d;
	}
	return v;
}

/* p is at a backslash. Sets *ret_len to the length of the escape. Return: NULL or what is wrong. */
static const char *check_escape(const unsigned char *p, const unsigned char *end, size_t *ret_len)
{
	long v = escape_value(p, end);

	*ret_len = end - p < 2 ? 1 : 2; /* not \u, or a broken one: yajl judges it */
	if (v < 0)
		return NULL;
	*ret_len = 6;
	if (v == 0)
		return "NUL character in a string";
	if (v >= 0xdc00 && v <= 0xdfff)
		return "half of a surrogate pair in a string";
	if (v < 0xd800 || v > 0xdbff)
		return NULL;
	v = escape_value(p + 6, end);
	if (v < 0xdc00 || v > 0xdfff)
		return "half of a surrogate pair in a string";
	*ret_len = 12;
	return NULL;
}

/* Bytes that need a second look inside a string: control bytes, quote, backslash, non-ASCII. */
static inline bool is_special(unsigned char c)
{
	return c < 0x20 || c == '"' || c == '\\' || c >= 0x80;
}

#define EVERY_BYTE(c) (UINT64_C(0x0101010101010101) * (c))

/* The same for eight bytes at a time: most of a document is plain. */
static inline bool has_special(const unsigned char *s)
{
	uint64_t x, quote, slash;

	memcpy(&x, s, sizeof(x));
	quote = x ^ EVERY_BYTE('"');
	slash = x ^ EVERY_BYTE('\\');
	/* The top bit of a byte is set where the byte is below 0x20, zero, zero, or above 0x7f. */
	return (((x - EVERY_BYTE(0x20)) | (quote - EVERY_BYTE(1)) | (slash - EVERY_BYTE(1)) | x) &
		EVERY_BYTE(0x80)) != 0;
}

/* *p is behind the opening quote, and is moved behind the closing one (or to the end). */
static const char *check_string(const unsigned char **p, const unsigned char *end)
{
	const unsigned char *s = *p;
	const char *wrong = NULL;

	while (s < end && !wrong) {
		size_t len = 1;

		if (end - s >= 8 && !has_special(s)) {
			s += 8;
			continue;
		}
		if (!is_special(*s)) {
			s++;
			continue;
		}
		if (*s == '"') {
			*p = s + 1;
			return NULL;
		}
		if (*s == '\\') {
			wrong = check_escape(s, end, &len);
		} else if (*s < 0x20) {
			wrong = "control byte in a string";
		} else {
			len = json_text_utf8(s, (size_t)(end - s));
			if (len == 0)
				wrong = "bytes that are not UTF-8 in a string";
		}
		if (!wrong)
			s += len;
	}
	*p = s;
	return wrong;
}

const char *json_text_check(const char *text, size_t len, size_t *ret_byte)
{
	const unsigned char *p = (const unsigned char *)text, *end = p + len;
	const char *wrong = NULL;

	*ret_byte = 0;
	if (len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
		return "starts with a byte order mark";
	if (memchr(text, '\0', len)) {
		*ret_byte = (size_t)((const char *)memchr(text, '\0', len) - text);
		return "NUL byte";
	}
	while (!wrong && p < end) {
		p = memchr(p, '"', (size_t)(end - p));
		if (!p)
			break;
		p++;
		wrong = check_string(&p, end);
	}
	if (wrong)
		*ret_byte = (size_t)((const char *)p - text);
	return wrong;
}
