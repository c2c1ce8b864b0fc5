/* SPDX-License-Identifier: Apache-2.0 */
/* base/mountinfo: reads the lines of /proc/PID/mountinfo, and which of them an fd is on (proc(5)).
 * It knows no file system. */
#ifndef STIVA_BASE_MOUNTINFO_H
#define STIVA_BASE_MOUNTINFO_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mountinfo {
	uint64_t id, parent;
	bool is_whole;	   /* its root is that of the file system */
	char at[PATH_MAX]; /* the mount point, unescaped */
	/* in the text, not terminated */
	const char *device, *type, *options; /* options: of the file system, not of the mount */
	size_t n_device, n_type, n_options;
};
/* Reads the line at *text, which is moved behind it; lines that are none are passed over. Return:
 * false at the end of the text. */
bool mountinfo_next(const char **text, struct mountinfo *ret);
bool mountinfo_is(const struct mountinfo *m, const char *type);
/* True when the file system has exactly this option, "user_id=0". */
bool mountinfo_has(const struct mountinfo *m, const char *option);
/* The id of the mount that `fd` of process `pid` ("self", "12") is on. Return: 0 or -errno. */
int mountinfo_of_fd(const char *pid, int fd, uint64_t *ret_id);

#endif
