/* SPDX-License-Identifier: Apache-2.0 */
/*
 * image: the room of OCI images (layouts, archives, layers, overlay). Its code comes with the image
 * issue; the room exists so that its rank (2: base and spec only) is checked from the first day.
 */
#ifndef STIVA_IMAGE_IMAGE_H
#define STIVA_IMAGE_IMAGE_H

#include "base/err.h"

/* Checks a digest's grammar (image-spec descriptor.md): "sha256:" + 64 lower-case hex digits, or
 * "sha512:" + 128. Return: 0 or -EINVAL. */
int img_digest_check(const char *digest);

#endif
