/* SPDX-License-Identifier: Apache-2.0 */
/* base/base64: the text form of bytes in annotations (RFC 4648, section 4). */
#ifndef STIVA_BASE_BASE64_H
#define STIVA_BASE_BASE64_H

#include "base/mem.h"

/* Appends the bytes of text to out. Strict: the standard alphabet, padded, nothing between or
 * behind. Return: 0 or -EINVAL, then out is as before. */
int base64_decode(const char *text, struct buf *out);

#endif
