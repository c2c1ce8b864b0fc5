/* SPDX-License-Identifier: Apache-2.0 */
/* base/json_text: the bytes of a JSON text, for json_in.c and json_out.c alone. */
#ifndef STIVA_BASE_JSON_TEXT_H
#define STIVA_BASE_JSON_TEXT_H

#include <stddef.h>

/* Length (1-4) of the UTF-8 sequence at s, of which n >= 1 bytes may be read; 0 when it is not one
 * (overlong forms, surrogates and values above U+10FFFF are not). */
unsigned json_text_utf8(const unsigned char *s, size_t n);

/*
 * Looks at what yajl is lax about: a byte order mark, raw control bytes and bytes that are not
 * UTF-8 inside strings, halves of surrogate pairs, NUL bytes and "\u0000". Grammar is left to yajl.
 * Return: NULL, or what is wrong (static text) with *ret_byte set to where.
 */
const char *json_text_check(const char *text, size_t len, size_t *ret_byte);

#endif
