// SPDX-License-Identifier: Apache-2.0
/*
 * image/digest: the grammar of content digests. The hashing itself comes with the image issue.
 */
#include <errno.h>
#include <string.h>
#include "base/str.h"
#include "image/image.h"
#include "base/ban.h"

int img_digest_check(const char *digest)
{
	static const struct {
		const char *prefix;
		size_t n_hex;
	} kinds[] = {{"sha256:", 64}, {"sha512:", 128}};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const char *hex = str_after(digest, kinds[i].prefix);
		if (hex && strspn(hex, "0123456789abcdef") == kinds[i].n_hex &&
		    !hex[kinds[i].n_hex])
			return 0;
	}
	return -EINVAL;
}
