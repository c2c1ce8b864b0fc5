// SPDX-License-Identifier: Apache-2.0
/*
 * cgroups/rdt_schema: the text of resctrl's schemata: "RESOURCE:DOMAIN=VALUE;DOMAIN=VALUE", one
 * line a resource, compared by what it means. Pure. Called by rdt.c.
 */
#include <errno.h>
#include <string.h>
#include "base/num.h"
#include "cgroups/internal.h"
#include "base/ban.h"

struct span {
	const char *s;
	size_t n;
};

static struct span trim(struct span t)
{
	while (t.n && (*t.s == ' ' || *t.s == '\t')) {
		t.s++;
		t.n--;
	}
	while (t.n && (t.s[t.n - 1] == ' ' || t.s[t.n - 1] == '\t' || t.s[t.n - 1] == '\r'))
		t.n--;
	return t;
}

/* Cuts the part up to `sep` off *rest. Return: false when nothing is left. */
static bool cut(struct span *rest, char sep, struct span *ret)
{
	if (!rest->s || !rest->n)
		return false;
	const char *end = memchr(rest->s, sep, rest->n);
	size_t n = end ? (size_t)(end - rest->s) : rest->n;

	*ret = trim((struct span){rest->s, n});
	rest->n -= n + (end != NULL);
	rest->s = end ? end + 1 : rest->s + n;
	return true;
}

static bool is_same(struct span a, struct span b)
{
	return a.n == b.n && memcmp(a.s, b.s, a.n) == 0;
}

/* A mask in hexadecimal digits, whatever their case and leading zeros. */
static bool read_hex(struct span t, uint64_t *ret)
{
	uint64_t v = 0;

	if (t.n > 2 && t.s[0] == '0' && (t.s[1] | 0x20) == 'x')
		t = (struct span){t.s + 2, t.n - 2};
	if (!t.n || t.n > 16)
		return false;
	for (size_t i = 0; i < t.n; i++) {
		unsigned char c = (unsigned char)t.s[i], low = c | 0x20;

		if (c >= '0' && c <= '9')
			v = v << 4 | (uint64_t)(c - '0');
		else if (low >= 'a' && low <= 'f')
			v = v << 4 | (uint64_t)(low - 'a' + 10);
		else
			return false;
	}
	*ret = v;
	return true;
}

static bool is_equal(struct span a, struct span b, bool is_bandwidth)
{
	uint64_t x, y;

	if (is_same(a, b))
		return true;
	if (is_bandwidth)
		return num_u64n(a.s, a.n, &x) == 0 && num_u64n(b.s, b.n, &y) == 0 && x == y;
	return read_hex(a, &x) && read_hex(b, &y) && x == y;
}

/* The domains of a resource in a schemata text. */
static bool find_resource(const char *text, struct span name, struct span *ret)
{
	struct span rest = {text, strlen(text)}, line, key;

	while (cut(&rest, '\n', &line))
		if (cut(&line, ':', &key) && is_same(key, name)) {
			*ret = line;
			return true;
		}
	return false;
}

static bool find_domain(struct span domains, struct span id, struct span *ret)
{
	struct span part, key;

	while (cut(&domains, ';', &part))
		if (cut(&part, '=', &key) && is_same(key, id)) {
			*ret = trim(part);
			return true;
		}
	return false;
}

int cg_rdt_compare(const char *line, size_t n, const char *text)
{
	struct span want = trim((struct span){line, n}), name, have, part, id, value;

	if (!cut(&want, ':', &name) || !find_resource(text, name, &have))
		return -ENOENT;
	/* MB and SMBA count; the others are masks. */
	bool is_bandwidth = memmem(name.s, name.n, "MB", 2) != NULL;

	while (cut(&want, ';', &part)) {
		if (!part.n)
			continue;
		if (!cut(&part, '=', &id) || !find_domain(have, id, &value))
			return -ENOENT;
		if (!is_equal(trim(part), value, is_bandwidth))
			return -EINVAL;
	}
	return 0;
}
