/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/json_view: a walker over compact JSON of our own making: well-formed, of small depth. It
 * must not know what the document says. Called by runtime/cli (inspect, doctor).
 */
#include "base/json_view.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "base/auto.h"
#include "base/num.h"
#include "base/str.h"
#include "base/ban.h"

#define INDENT 2

/* ---- walking ---- */

static const char *skip_blanks(const char *s)
{
	return s + strspn(s, " \t\r\n");
}

/* s stands at the opening quote. Return: behind the closing one. */
static const char *skip_string(const char *s)
{
	for (s++; *s && *s != '"'; s++) {
		if (*s == '\\' && s[1])
			s++;
	}
	return *s ? s + 1 : s;
}

static const char *skip_value(const char *s)
{
	int depth = 0;

	s = skip_blanks(s);
	do {
		if (*s == '"') {
			s = skip_string(s);
		} else if (*s == '{' || *s == '[') {
			depth++;
			s++;
		} else if (*s == '}' || *s == ']') {
			depth--;
			s++;
		} else if (depth) {
			s++;
		} else {
			s += strcspn(s, ",}] \t\r\n");
		}
	} while (*s && depth > 0);
	return s;
}

/* The next member of the container that `*at` stands in (first: behind its bracket). An object's
 * has a key, its quotes left out. Return: its value, or NULL at the end. */
static const char *next_member(const char **at, bool is_object, const char **ret_key, size_t *ret_n)
{
	const char *s = skip_blanks(*at);

	if (*s == ',')
		s = skip_blanks(s + 1);
	if (*s == '}' || *s == ']' || *s == '\0')
		return NULL;
	if (is_object) {
		const char *end = skip_string(s);
		*ret_key = s + 1;
		*ret_n = (size_t)(end - s) - 2;
		s = skip_blanks(end);
		s = skip_blanks(s + (*s == ':'));
	}
	*at = skip_value(s);
	return s;
}

/* ---- one value ---- */

/* "[N]" at *path. Return: N, or -1. */
static int64_t take_index(const char **path)
{
	size_t n = strcspn(*path + 1, "]");
	uint64_t v;

	if ((*path)[1 + n] != ']' || num_u64n(*path + 1, n, &v) < 0 || v > INT32_MAX)
		return -1;
	*path += n + 2;
	return (int64_t)v;
}

/* The member that the path begins with, the longest of those that fit. */
static const char *find_key(const char *object, const char **path)
{
	const char *at = object + 1, *best = NULL, *key = NULL, *value;
	size_t n = 0, longest = 0;

	while ((value = next_member(&at, true, &key, &n))) {
		if (n < longest || strncmp(*path, key, n) != 0 || n == 0 ||
		    !strchr(".[", (*path)[n]))
			continue;
		best = value;
		longest = n;
	}
	*path += longest;
	return best;
}

int json_view_find(const char *text, const char *path, const char **ret, size_t *ret_len)
{
	const char *s = skip_blanks(text), *key = NULL;
	size_t n = 0;

	path += *path == '.';
	while (*path && s) {
		if (*path == '[' && *s == '[') {
			int64_t i = take_index(&path);
			const char *at = s + 1;
			for (s = i < 0 ? NULL : next_member(&at, false, &key, &n); s && i > 0; i--)
				s = next_member(&at, false, &key, &n);
		} else {
			s = *s == '{' ? find_key(s, &path) : NULL;
		}
		if (*path == '.')
			path++;
		else if (*path && *path != '[')
			return -ENOENT;
	}
	if (!s)
		return -ENOENT;
	*ret = s;
	*ret_len = (size_t)(skip_value(s) - s);
	return 0;
}

/* ---- text for people ---- */

static void put_hex(const char *s, struct buf *out)
{
	unsigned v = 0;

	for (int i = 0; i < 4; i++) {
		char c = s[i];
		v = v * 16 + (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	/* json_print_string() escapes control bytes only. */
	if (v < 0x80)
		buf_addc(out, (char)v);
	else
		buf_addc(out, '?');
}

/* A string literal's text, without its quotes. */
static void put_string(const char *s, size_t len, struct buf *out)
{
	static const char from[] = "nrtbf", to[] = "\n\r\t\b\f";

	for (const char *end = s + len; s < end; s++) {
		const char *known;
		if (*s != '\\' || s + 1 >= end) {
			buf_addc(out, *s);
			continue;
		}
		s++;
		known = strchr(from, *s);
		if (*s == 'u' && end - s > 4) {
			put_hex(s + 1, out);
			s += 4;
		} else {
			buf_addc(out, known ? to[known - from] : *s);
		}
	}
}

void json_view_raw(const char *value, size_t len, struct buf *out)
{
	if (len >= 2 && *value == '"')
		put_string(value + 1, len - 2, out);
	else
		buf_add(out, value, len);
	buf_addc(out, '\n');
}

/* A plain value, control bytes escaped: the text may be the container's. */
static void put_plain(const char *s, struct buf *out)
{
	AUTO(buf) raw = {0};
	AUTO_FREE char *shown = NULL;
	size_t size;

	json_view_raw(s, (size_t)(skip_value(s) - s), &raw);
	raw.data[raw.len - 1] = '\0';
	size = raw.len * 4 + 1;
	shown = mem_alloc(size);
	buf_adds(out, str_printable(shown, size, raw.data));
}

static bool is_plain(const char *s)
{
	return *s != '{' && *s != '[';
}

static bool is_plain_list(const char *s)
{
	const char *at = s + 1, *key = NULL, *value;
	size_t n = 0;

	while (*s == '[' && (value = next_member(&at, false, &key, &n)))
		if (!is_plain(value))
			return false;
	return *s == '[';
}

static void put_list(const char *s, struct buf *out)
{
	const char *at = s + 1, *key = NULL, *value;
	size_t n = 0;

	while ((value = next_member(&at, false, &key, &n))) {
		buf_addc(out, ' ');
		put_plain(value, out);
	}
}

/* An object that has plain values and lists of them only. */
static bool is_flat_object(const char *s)
{
	const char *at = s + 1, *key = NULL, *value;
	size_t n = 0;

	while (*s == '{' && (value = next_member(&at, true, &key, &n)))
		if (!is_plain(value) && !is_plain_list(value))
			return false;
	return *s == '{';
}

/* "- name value, name value": a member of a list. */
static void put_flat_object(const char *s, struct buf *out)
{
	const char *at = s + 1, *key = NULL, *value, *between = "- ";
	size_t n = 0;

	while ((value = next_member(&at, true, &key, &n))) {
		buf_printf(out, "%s%.*s", between, (int)n, key);
		if (is_plain(value)) {
			buf_addc(out, ' ');
			put_plain(value, out);
		} else {
			put_list(value, out);
		}
		between = ", ";
	}
	buf_addc(out, '\n');
}

struct level {
	const char *at;
	bool is_object;
	unsigned index;
};

/* One member's line. Return: true when its own members follow. */
static bool put_member(const char *value, const struct level *l, const char *key, size_t n_key,
		       unsigned depth, struct buf *out)
{
	for (unsigned i = 0; i < depth * INDENT; i++)
		buf_addc(out, ' ');
	if (!l->is_object && is_flat_object(value)) {
		put_flat_object(value, out);
		return false;
	}
	if (l->is_object)
		buf_printf(out, "%.*s:", (int)n_key, key);
	else
		buf_printf(out, "%u:", l->index);
	if (is_plain(value)) {
		buf_addc(out, ' ');
		put_plain(value, out);
		buf_addc(out, '\n');
		return false;
	}
	if (is_plain_list(value)) {
		put_list(value, out);
		buf_addc(out, '\n');
		return false;
	}
	buf_addc(out, '\n');
	return true;
}

void json_view_outline(const char *text, struct buf *out)
{
	struct level levels[16];
	unsigned depth = 0;
	const char *s = skip_blanks(text);

	levels[0] = (struct level){s + 1, *s == '{', 0};
	for (;;) {
		struct level *l = &levels[depth];
		const char *key = NULL, *value;
		size_t n = 0;

		value = next_member(&l->at, l->is_object, &key, &n);
		if (!value && depth == 0)
			return;
		if (!value) {
			depth--;
			continue;
		}
		if (put_member(value, l, key, n, depth, out) &&
		    depth + 1 < sizeof(levels) / sizeof(levels[0]))
			levels[++depth] = (struct level){value + 1, *value == '{', 0};
		l->index++;
	}
}
