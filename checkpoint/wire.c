/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint/wire: see wire.h. Source: protobuf.dev/programming-guides/encoding. */
#include "checkpoint/wire.h"

#include <errno.h>
#include <string.h>
#include "base/ban.h"

enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_LENGTH = 2, WIRE_FIXED32 = 5 };
#define FIELD_MAX ((UINT64_C(1) << 29) - 1)

static void add_varint(struct buf *b, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		buf_addc(b, (char)(0x80 | (v & 0x7f)));
	buf_addc(b, (char)v);
}

void ckpt_wire_number(struct buf *b, unsigned field, uint64_t v)
{
	add_varint(b, (uint64_t)field << 3 | WIRE_VARINT);
	add_varint(b, v);
}

void ckpt_wire_bytes(struct buf *b, unsigned field, const void *p, size_t n)
{
	add_varint(b, (uint64_t)field << 3 | WIRE_LENGTH);
	add_varint(b, n);
	if (n)
		buf_add(b, p, n);
}

void ckpt_wire_text(struct buf *b, unsigned field, const char *s)
{
	ckpt_wire_bytes(b, field, s, strlen(s));
}

static int take_varint(struct ckpt_wire *w, uint64_t *ret)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		if (w->at == w->end)
			return -EBADMSG;
		unsigned char c = *w->at++;
		/* The tenth byte has one bit left. */
		if (shift == 63 && c > 1)
			return -EBADMSG;
		v |= (uint64_t)(c & 0x7f) << shift;
		if (c < 0x80) {
			*ret = v;
			return 0;
		}
	}
	return -EBADMSG;
}

/* Little-endian, as the format is. */
static int take_fixed(struct ckpt_wire *w, size_t n, uint64_t *ret)
{
	uint64_t v = 0;

	if ((size_t)(w->end - w->at) < n)
		return -EBADMSG;
	for (size_t i = 0; i < n; i++)
		v |= (uint64_t)w->at[i] << (8 * i);
	w->at += n;
	*ret = v;
	return 0;
}

static int take_value(struct ckpt_wire *w, unsigned type, struct ckpt_wire_field *f)
{
	int r;

	switch (type) {
	case WIRE_VARINT:
		return take_varint(w, &f->v);
	case WIRE_FIXED64:
		return take_fixed(w, 8, &f->v);
	case WIRE_FIXED32:
		return take_fixed(w, 4, &f->v);
	case WIRE_LENGTH:
		r = take_varint(w, &f->v);
		if (r < 0 || f->v > (uint64_t)(w->end - w->at))
			return -EBADMSG;
		f->n = (size_t)f->v;
		f->data = (const char *)w->at;
		w->at += f->n;
		return 0;
	default: /* groups, which CRIU does not use */
		return -EBADMSG;
	}
}

int ckpt_wire_next(struct ckpt_wire *w, struct ckpt_wire_field *ret)
{
	struct ckpt_wire_field f = {0};
	uint64_t key;

	if (w->at == w->end)
		return 0;
	if (take_varint(w, &key) < 0 || key >> 3 == 0 || key >> 3 > FIELD_MAX)
		return -EBADMSG;
	f.number = (unsigned)(key >> 3);
	if (take_value(w, (unsigned)(key & 7), &f) < 0)
		return -EBADMSG;
	*ret = f;
	return 1;
}
