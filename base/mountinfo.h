/* SPDX-License-Identifier: Apache-2.0 */
/* base/mountinfo: reads the lines of /proc/PID/mountinfo (proc(5)). It knows no file system. */
#ifndef STIVA_BASE_MOUNTINFO_H
#define STIVA_BASE_MOUNTINFO_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mountinfo {
	uint64_t id;
	bool is_whole;	   /* its root is that of the file system */
	char at[PATH_MAX]; /* the mount point, unescaped */
	/* in the text, not terminated */
	const char *type, *options; /* options: of the file system, not of the mount */
	size_t n_type, n_options;
};
/* Reads the line at *text, which is moved behind it; lines that are none are passed over. Return:
 * false at the end of the text. */
bool mountinfo_next(const char **text, struct mountinfo *ret);
bool mountinfo_is(const struct mountinfo *m, const char *type);
/* True when the file system has exactly this option, "user_id=0". */
bool mountinfo_has(const struct mountinfo *m, const char *option);

#endif
