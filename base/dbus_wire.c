/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/dbus_wire: the D-Bus wire format, both ways. Owns alignment, lengths and every bounds check;
 * it must not know what a message is for, nor a socket. Called by base/dbus and by those who build
 * or read bodies (cgroups/systemd*).
 */
#include "base/dbus_wire.h"

#include <byteswap.h>
#include <string.h>
#include "base/ban.h"

#define ARRAY_MAX (1u << 26)

size_t dbus_align_of(char type)
{
	switch (type) {
	case 'n':
	case 'q':
		return 2;
	case 'b':
	case 'i':
	case 'u':
	case 's':
	case 'o':
	case 'a':
	case 'h':
		return 4;
	case 'x':
	case 't':
	case 'd':
	case '(':
	case '{':
		return 8;
	default: /* y, g, v */
		return 1;
	}
}

/* ---- writing ---- */

void dbus_put_align(struct buf *b, size_t n)
{
	static const char zero[8];

	if (b->len % n)
		buf_add(b, zero, n - b->len % n);
}

void dbus_put_byte(struct buf *b, uint8_t v)
{
	buf_add(b, &v, 1);
}

void dbus_put_u16(struct buf *b, uint16_t v)
{
	dbus_put_align(b, 2);
	buf_add(b, &v, sizeof(v));
}

void dbus_put_u32(struct buf *b, uint32_t v)
{
	dbus_put_align(b, 4);
	buf_add(b, &v, sizeof(v));
}

void dbus_put_u64(struct buf *b, uint64_t v)
{
	dbus_put_align(b, 8);
	buf_add(b, &v, sizeof(v));
}

void dbus_put_str(struct buf *b, const char *s)
{
	size_t n = strlen(s);

	dbus_put_u32(b, (uint32_t)n);
	buf_add(b, s, n + 1);
}

void dbus_put_sig(struct buf *b, const char *sig)
{
	size_t n = strlen(sig);

	dbus_put_byte(b, (uint8_t)n);
	buf_add(b, sig, n + 1);
}

/* The length goes before the padding and does not count it. */
size_t dbus_put_array(struct buf *b, char elem)
{
	dbus_put_u32(b, 0);
	size_t at = b->len;

	dbus_put_align(b, dbus_align_of(elem));
	/* Both places in one number: the padding is less than 8 bytes. */
	return at << 3 | (b->len - at);
}

void dbus_put_end(struct buf *b, size_t mark)
{
	size_t at = mark >> 3, pad = mark & 7;
	uint32_t n = (uint32_t)(b->len - at - pad);

	memcpy(b->data + at - sizeof(n), &n, sizeof(n));
}

/* ---- reading ---- */

/* n bytes at the next multiple of `align`, or NULL. */
static const uint8_t *take(struct dbus_in *in, size_t align, size_t n)
{
	dbus_get_align(in, align);
	if (in->is_bad || n > in->len - in->pos) {
		in->is_bad = true;
		return NULL;
	}
	const uint8_t *p = in->p + in->pos;

	in->pos += n;
	return p;
}

void dbus_get_align(struct dbus_in *in, size_t n)
{
	size_t pad = (n - in->pos % n) % n;

	if (in->is_bad || pad > in->len - in->pos)
		in->is_bad = true;
	else
		in->pos += pad;
}

uint8_t dbus_get_byte(struct dbus_in *in)
{
	const uint8_t *p = take(in, 1, 1);

	return p ? *p : 0;
}

uint32_t dbus_get_u32(struct dbus_in *in)
{
	const uint8_t *p = take(in, 4, 4);
	uint32_t v = 0;

	if (p)
		memcpy(&v, p, sizeof(v));
	return in->is_swapped ? bswap_32(v) : v;
}

uint64_t dbus_get_u64(struct dbus_in *in)
{
	const uint8_t *p = take(in, 8, 8);
	uint64_t v = 0;

	if (p)
		memcpy(&v, p, sizeof(v));
	return in->is_swapped ? bswap_64(v) : v;
}

static const char *text(struct dbus_in *in, size_t n)
{
	const uint8_t *p = n < in->len ? take(in, 1, n + 1) : NULL;

	if (p && p[n] == '\0' && memchr(p, '\0', n + 1) == p + n)
		return (const char *)p;
	in->is_bad = true;
	return "";
}

const char *dbus_get_str(struct dbus_in *in)
{
	uint32_t n = dbus_get_u32(in);

	return in->is_bad ? "" : text(in, n);
}

const char *dbus_get_sig(struct dbus_in *in)
{
	uint8_t n = dbus_get_byte(in);

	return in->is_bad ? "" : text(in, n);
}

size_t dbus_get_array(struct dbus_in *in, char elem)
{
	uint32_t n = dbus_get_u32(in);

	dbus_get_align(in, dbus_align_of(elem));
	if (in->is_bad || n > ARRAY_MAX || n > in->len - in->pos) {
		in->is_bad = true;
		return 0;
	}
	return in->pos + n;
}

/* Types nest: depth is counted, so that a hostile signature cannot eat the stack. */
static size_t type_len(const char *sig, unsigned depth)
{
	size_t n = 1;

	if (depth > DBUS_NEST_MAX || !*sig)
		return 0;
	if (*sig == 'a') {
		size_t m = type_len(sig + 1, depth + 1);

		return m ? m + 1 : 0;
	}
	if (*sig != '(' && *sig != '{')
		return strchr("ybnqiuxtdsogvh", *sig) ? 1 : 0;
	char close = *sig == '(' ? ')' : '}';

	while (sig[n] && sig[n] != close) {
		size_t m = type_len(sig + n, depth + 1);

		if (!m)
			return 0;
		n += m;
	}
	return sig[n] == close && n > 1 ? n + 1 : 0;
}

size_t dbus_type_len(const char *sig)
{
	return type_len(sig, 0);
}

static void skip(struct dbus_in *in, const char *sig, unsigned depth);

/* The members of a struct or dict entry; sig is behind the opening bracket. */
static void skip_members(struct dbus_in *in, const char *sig, unsigned depth)
{
	dbus_get_align(in, 8);
	while (!in->is_bad && *sig && *sig != ')' && *sig != '}') {
		skip(in, sig, depth + 1);
		sig += type_len(sig, depth + 1);
	}
}

static void skip_array(struct dbus_in *in, const char *elem, unsigned depth)
{
	size_t end = dbus_get_array(in, *elem);

	while (!in->is_bad && in->pos < end)
		skip(in, elem, depth + 1);
	if (in->pos != end)
		in->is_bad = true;
}

/* sig: begins with a complete type. */
static void skip(struct dbus_in *in, const char *sig, unsigned depth)
{
	if (depth > DBUS_NEST_MAX || !type_len(sig, depth)) {
		in->is_bad = true;
		return;
	}
	switch (*sig) {
	case 'y':
		(void)dbus_get_byte(in);
		return;
	case 'n':
	case 'q':
		(void)take(in, 2, 2);
		return;
	case 's':
	case 'o':
		(void)dbus_get_str(in);
		return;
	case 'g':
		(void)dbus_get_sig(in);
		return;
	case 'a':
		skip_array(in, sig + 1, depth);
		return;
	case '(':
	case '{':
		skip_members(in, sig + 1, depth);
		return;
	case 'v': {
		const char *inner = dbus_get_sig(in);

		if (in->is_bad || type_len(inner, depth) != strlen(inner))
			in->is_bad = true;
		else
			skip(in, inner, depth + 1);
		return;
	}
	default:
		(void)take(in, dbus_align_of(*sig), dbus_align_of(*sig));
	}
}

void dbus_skip(struct dbus_in *in, const char **sig)
{
	size_t n = dbus_type_len(*sig);

	if (!n)
		in->is_bad = true;
	if (in->is_bad)
		return;
	skip(in, *sig, 0);
	*sig += n;
}
