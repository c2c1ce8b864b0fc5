/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/wire: the part of protobuf's wire format that CRIU's RPC needs (migration.md 6.1):
 * varint fields, and fields with a length (strings, bytes, messages). Pure; no other room includes
 * it. Called by criu.c.
 */
#ifndef STIVA_CHECKPOINT_WIRE_H
#define STIVA_CHECKPOINT_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include "base/mem.h"

/* field: the number in CRIU's rpc.proto, from 1. A negative int32 is its 64 bits, as protobuf has
 * it.
 */
void ckpt_wire_number(struct buf *b, unsigned field, uint64_t v);
void ckpt_wire_bytes(struct buf *b, unsigned field, const void *p, size_t n);
void ckpt_wire_text(struct buf *b, unsigned field, const char *s);

/* What is left of a message; begin with {data, data + n}. Borrowed. */
struct ckpt_wire {
	const unsigned char *at, *end;
};
struct ckpt_wire_field {
	unsigned number;
	uint64_t v;	  /* of a varint or a fixed-width field */
	const char *data; /* of a field with a length, else NULL; borrowed, not terminated */
	size_t n;
};
/* The next field. Fields of unknown numbers are returned like others. Return: 1, 0 at the end,
 * -EBADMSG for what is no message. */
int ckpt_wire_next(struct ckpt_wire *w, struct ckpt_wire_field *ret);

#endif
