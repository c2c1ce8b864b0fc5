/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/mountinfo: the lines of /proc/PID/mountinfo, "36 35 98:0 / /mnt rw,noatime shared:1 - ext3
 * /dev/root rw" (proc(5)). Owns their form. It must not know who looks for what. Called by
 * cgroups/rdt.c, runtime/rootfs/lxcfs.c and checkpoint/outside.c.
 */
#include "base/mountinfo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include "base/file.h"
#include "base/num.h"
#include "base/ban.h"

#define FIELDS 5 /* id, parent, device, root, mount point */

/* Blank, tab, line end and backslash are three octal digits there. */
static bool unescape(const char *s, size_t n, char *ret, size_t size)
{
	size_t out = 0;

	for (size_t i = 0; i < n; i++) {
		char c = s[i];

		if (c == '\\' && i + 3 < n && s[i + 1] >= '0' && s[i + 1] <= '3') {
			c = (char)(((s[i + 1] - '0') << 6) | ((s[i + 2] - '0') << 3) |
				   (s[i + 3] - '0'));
			i += 3;
		}
		if (out + 1 >= size)
			return false;
		ret[out++] = c;
	}
	ret[out] = '\0';
	return true;
}

static bool read_line(const char *s, size_t n, struct mountinfo *ret)
{
	const char *field[FIELDS + 1] = {s};
	const char *end = s + n, *dash = memmem(s, n, " - ", 3);

	for (int i = 0; i < FIELDS; i++) {
		const char *blank = memchr(field[i], ' ', (size_t)(end - field[i]));
		if (!blank)
			return false;
		field[i + 1] = blank + 1;
	}
	if (!dash || field[FIELDS] > dash + 1 ||
	    num_u64n(s, (size_t)(field[1] - s) - 1, &ret->id) < 0 ||
	    num_u64n(field[1], (size_t)(field[2] - field[1]) - 1, &ret->parent) < 0)
		return false;
	ret->device = field[2];
	ret->n_device = (size_t)(field[3] - field[2]) - 1;
	ret->is_whole = field[4] - field[3] == 2 && *field[3] == '/';
	ret->type = dash + 3;
	ret->n_type = strcspn(ret->type, " \n");
	/* The source stands between. */
	const char *source = ret->type + ret->n_type + (ret->type + ret->n_type < end);
	ret->options = source + strcspn(source, " \n");
	ret->options += ret->options < end;
	ret->n_options = strcspn(ret->options, " \n");
	return unescape(field[4], (size_t)(field[5] - field[4]) - 1, ret->at, sizeof(ret->at));
}

bool mountinfo_next(const char **text, struct mountinfo *ret)
{
	for (const char *s = *text; *s;) {
		size_t n = strcspn(s, "\n");
		const char *next = s + n + (s[n] == '\n');

		if (read_line(s, n, ret)) {
			*text = next;
			return true;
		}
		s = next;
	}
	return false;
}

bool mountinfo_is(const struct mountinfo *m, const char *type)
{
	return strlen(type) == m->n_type && memcmp(m->type, type, m->n_type) == 0;
}

bool mountinfo_has(const struct mountinfo *m, const char *option)
{
	const size_t n = strlen(option);
	const char *end = m->options + m->n_options;

	for (const char *s = m->options; s < end;) {
		const char *comma = memchr(s, ',', (size_t)(end - s));
		size_t len = (size_t)((comma ? comma : end) - s);
		if (len == n && memcmp(s, option, n) == 0)
			return true;
		s += len + 1;
	}
	return false;
}

int mountinfo_of_fd(const char *pid, int fd, uint64_t *ret_id)
{
	static const char key[] = "mnt_id:\t";
	char path[64], text[512];

	snprintf(path, sizeof(path), "/proc/%s/fdinfo/%d", pid, fd);
	int r = file_read_kernel(AT_FDCWD, path, text, sizeof(text));
	const char *s = r < 0 ? NULL : strstr(text, key);

	if (r < 0 || !s)
		return r < 0 ? r : -ENODATA;
	s += sizeof(key) - 1;
	return num_u64n(s, strcspn(s, "\n"), ret_id);
}
