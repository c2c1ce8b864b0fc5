// SPDX-License-Identifier: Apache-2.0
/*
 * cgroups/read: reads single values of a cgroup's files. Owns the two forms that such files have
 * (one number, or lines of "key number"). Called by procs.c, and by runtime/life for error texts.
 */
#include <string.h>
#include "base/file.h"
#include "base/num.h"
#include "base/str.h"
#include "cgroups/internal.h"
#include "base/ban.h"

#define TEXT_MAX 8192

int cg_read_key(const char *text, const char *key, uint64_t *ret)
{
	size_t n = key ? strlen(key) : 0;

	for (const char *s = text; *s; s += *s == '\n') {
		size_t len = strcspn(s, "\n");
		const char *value = s;
		if (key) {
			bool is_ours = len > n && memcmp(s, key, n) == 0 && s[n] == ' ';
			value = is_ours ? s + n + 1 : NULL;
		}
		size_t n_value = value ? (size_t)(s + len - value) : 0;
		if (value && n_value == 3 && memcmp(value, "max", 3) == 0) {
			*ret = UINT64_MAX;
			return 0;
		}
		if (value)
			return num_u64n(value, n_value, ret);
		s += len;
	}
	return -ENOENT;
}

int cg_read_u64(const struct cg *c, const char *file, const char *key, uint64_t *ret)
{
	char text[TEXT_MAX];
	int r = file_read_kernel(c->dir_fd, file, text, sizeof(text));

	return r < 0 ? r : cg_read_key(text, key, ret);
}
