/* SPDX-License-Identifier: Apache-2.0 */
/* base/str: string helpers, string vectors, word tables (enum <-> text). */
#ifndef STIVA_BASE_STR_H
#define STIVA_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline bool str_eq(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}
bool str_starts(const char *s, const char *prefix);
/* The rest of s after prefix, or NULL. */
const char *str_after(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);

/*
 * A word table: the texts of an enum whose members count from 0. `value` is the number that the
 * kernel or a library knows the word by (a CLONE_ flag, a RLIMIT_ number); unused ones are 0.
 * WORDS_COMPLETE asserts that a table has one row per enum member.
 */
struct word {
	const char *text;
	int64_t value;
};
struct word_list {
	const char *what; /* what one is called in an error: "namespace type" ("unknown ..."), or
			   * "invalid memory policy mode" where callers look for these very words */
	const struct word *rows;
	size_t n;
	const char *prefix; /* taken off before the compare if present ("" if none) */
};
#define WORDS_COMPLETE(rows, n_enum)                                                               \
	_Static_assert(sizeof(rows) / sizeof((rows)[0]) == (n_enum), "one row per enum member")

/* Return: index or -EINVAL. Exact, case-sensitive. */
int word_find(const struct word_list *l, const char *text);
/* The text of index i; "?" out of range. */
const char *word_text(const struct word_list *l, int i);
int64_t word_value(const struct word_list *l, int i);
/* The closest word within an edit distance of 2, or NULL: for "did you mean". */
const char *word_suggest(const struct word_list *l, const char *text);
/* Edit distance with a cap (returns cap + 1 when larger). */
unsigned str_distance(const char *a, const char *b, unsigned cap);

/* Copies s into dst (size bytes), always terminated. Return: length or -ENAMETOOLONG. */
int str_copy(char *dst, size_t size, const char *s);
/* Escapes control bytes and non-ASCII control sequences as \xNN, cuts at size. Return: dst. */
char *str_printable(char *dst, size_t size, const char *s);

#endif
