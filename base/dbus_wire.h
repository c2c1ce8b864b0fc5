/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/dbus_wire: the D-Bus wire format (D-Bus specification, "Message Format" and "Type System"):
 * values into bytes and back. No connection here. Reading trusts nothing: each step is checked
 * against the bytes that are there, and an error is sticky, so that a caller looks once at the end.
 */
#ifndef STIVA_BASE_DBUS_WIRE_H
#define STIVA_BASE_DBUS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/mem.h"

#define DBUS_MESSAGE_MAX (1 << 20) /* what we read; the format allows 128 MiB */
#define DBUS_NEST_MAX	 16
#define DBUS_TYPE_MAX	 255 /* bytes of a signature */

/* ---- writing: native byte order ---- */

/* Appends to b; alignment counts from b's begin, so a body has a buffer of its own. */
void dbus_put_byte(struct buf *b, uint8_t v);
void dbus_put_u16(struct buf *b, uint16_t v);
void dbus_put_u32(struct buf *b, uint32_t v);	 /* also b (0 or 1), i */
void dbus_put_u64(struct buf *b, uint64_t v);	 /* also x, t, d by its bits */
void dbus_put_str(struct buf *b, const char *s); /* s and o */
void dbus_put_sig(struct buf *b, const char *sig);
/* Zero bytes up to a multiple of n (1, 2, 4 or 8). */
void dbus_put_align(struct buf *b, size_t n);
/* Begins an array whose elements begin with the type code `elem` ('(' and '{' align to 8). Return:
 * what dbus_put_end() wants. */
size_t dbus_put_array(struct buf *b, char elem);
void dbus_put_end(struct buf *b, size_t mark);
/* The alignment of a type code. */
size_t dbus_align_of(char type);

/* ---- reading ---- */

struct dbus_in {
	const uint8_t *p; /* borrowed; of the message's body, or its head */
	size_t len, pos;
	bool is_swapped; /* the other byte order */
	bool is_bad;	 /* sticky: it ended early, or was not what was asked for */
};
uint8_t dbus_get_byte(struct dbus_in *in);
uint32_t dbus_get_u32(struct dbus_in *in);
uint64_t dbus_get_u64(struct dbus_in *in);
/* s, o: checked to be NUL-terminated without a NUL inside. Borrowed; "" when bad. */
const char *dbus_get_str(struct dbus_in *in);
const char *dbus_get_sig(struct dbus_in *in);
void dbus_get_align(struct dbus_in *in, size_t n);
/* Begins an array: the position of its end, or 0 when bad. Read while in->pos < end. */
size_t dbus_get_array(struct dbus_in *in, char elem);
/* Skips one complete value of the type at *sig and moves *sig behind that type. */
void dbus_skip(struct dbus_in *in, const char **sig);
/* The length of the first complete type of a signature, 0 when it is none. */
size_t dbus_type_len(const char *sig);

#endif
