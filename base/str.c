/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/str: string helpers and word tables. No allocation, no system calls.
 * It must not know any word list itself. Called by every room.
 */
#include "base/str.h"

#include <errno.h>
#include "base/ban.h"

/* Words longer than this are never suggested for a typing mistake. */
#define DISTANCE_MAX 63

bool str_starts(const char *s, const char *prefix)
{
	return str_after(s, prefix) != NULL;
}

const char *str_after(const char *s, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(s, prefix, n) == 0 ? s + n : NULL;
}

bool str_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return m <= n && memcmp(s + n - m, suffix, m) == 0;
}

static const char *without_prefix(const struct word_list *l, const char *text)
{
	const char *rest = l->prefix ? str_after(text, l->prefix) : NULL;

	return rest ? rest : text;
}

int word_find(const struct word_list *l, const char *text)
{
	text = without_prefix(l, text);
	for (size_t i = 0; i < l->n; i++) {
		if (l->rows[i].text && str_eq(l->rows[i].text, text))
			return (int)i;
	}
	return -EINVAL;
}

const char *word_text(const struct word_list *l, int i)
{
	if (i < 0 || (size_t)i >= l->n || !l->rows[i].text)
		return "?";
	return l->rows[i].text;
}

int64_t word_value(const struct word_list *l, int i)
{
	return i < 0 || (size_t)i >= l->n ? 0 : l->rows[i].value;
}

const char *word_suggest(const struct word_list *l, const char *text)
{
	const char *found = NULL;
	unsigned best = 3;

	text = without_prefix(l, text);
	for (size_t i = 0; i < l->n; i++) {
		const char *word = l->rows[i].text;
		unsigned d = word ? str_distance(word, text, best - 1) : best;

		/* Changing every letter of a short word is no likeness. */
		if (d < best && d < strlen(word)) {
			best = d;
			found = word;
		}
		if (best == 0)
			break;
	}
	return found;
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;

	return m < c ? m : c;
}

unsigned str_distance(const char *a, const char *b, unsigned cap)
{
	unsigned row[DISTANCE_MAX + 1];
	size_t n = strlen(a), m = strlen(b);

	if (n > DISTANCE_MAX || m > DISTANCE_MAX)
		return str_eq(a, b) ? 0 : cap + 1;
	if ((n > m ? n - m : m - n) > cap)
		return cap + 1;
	for (size_t j = 0; j <= m; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= n; i++) {
		unsigned corner = row[0], lowest;

		row[0] = lowest = (unsigned)i;
		for (size_t j = 1; j <= m; j++) {
			unsigned up = row[j];

			row[j] = min3(up + 1, row[j - 1] + 1, corner + (a[i - 1] != b[j - 1]));
			corner = up;
			if (row[j] < lowest)
				lowest = row[j];
		}
		if (lowest > cap)
			return cap + 1;
	}
	return row[m] > cap ? cap + 1 : row[m];
}

int str_copy(char *dst, size_t size, const char *s)
{
	size_t n = strlen(s);

	if (size == 0)
		return -ENAMETOOLONG;
	if (n >= size) {
		memcpy(dst, s, size - 1);
		dst[size - 1] = '\0';
		return -ENAMETOOLONG;
	}
	memcpy(dst, s, n + 1);
	return (int)n;
}

static bool is_tail(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

/*
 * Bytes of the UTF-8 character at s that may be shown as it is, 0 when its first byte has to be
 * escaped: a control byte, a C1 control (U+0080 to U+009F, which terminals obey) or no UTF-8.
 */
static size_t shown_len(const unsigned char *s)
{
	if (s[0] < 0x80)
		return s[0] >= 0x20 && s[0] != 0x7f ? 1 : 0;
	if (s[0] >= 0xc2 && s[0] <= 0xdf)
		return is_tail(s[1]) && !(s[0] == 0xc2 && s[1] < 0xa0) ? 2 : 0;
	if ((s[0] & 0xf0) == 0xe0) {
		if (!is_tail(s[1]) || !is_tail(s[2]))
			return 0;
		/* Overlong forms and UTF-16 halves. */
		if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f))
			return 0;
		return 3;
	}
	if (s[0] >= 0xf0 && s[0] <= 0xf4) {
		if (!is_tail(s[1]) || !is_tail(s[2]) || !is_tail(s[3]))
			return 0;
		if ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
			return 0;
		return 4;
	}
	return 0;
}

char *str_printable(char *dst, size_t size, const char *text)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *s = (const unsigned char *)text;
	size_t at = 0;

	if (size == 0)
		return dst;
	while (*s) {
		size_t n = shown_len(s);
		char escape[4] = {'\\', 'x', hex[*s >> 4], hex[*s & 15]};
		size_t out = n ? n : sizeof(escape);

		/* A character or an escape is never cut in two. */
		if (at + out >= size)
			break;
		memcpy(dst + at, n ? (const char *)s : escape, out);
		at += out;
		s += n ? n : 1;
	}
	dst[at] = '\0';
	return dst;
}
