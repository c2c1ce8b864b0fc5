// SPDX-License-Identifier: Apache-2.0
/*
 * cgroups/before: what stands in a controller's file before it is written, as the text that brings
 * it back. Owns the files that have a line per device, and those whose text is not what one writes.
 * Only reads. Called by update.c for the container's cgroup, by systemd.c for the unit's.
 */
#include <string.h>
#include "base/file.h"
#include "base/num.h"
#include "base/str.h"
#include "cgroups/internal.h"
#include "base/ban.h"

#define FILE_MAX	   65536 /* io.max has a line per disk */
#define FILE_LIST_MAX	   4096
#define CPU_WEIGHT_DEFAULT "100"

/* Files with a line per device, and what a device without a line has. */
static const struct keyed {
	const char *file, *none;
} keyed_files[] = {
	{"io.max", "rbps=max wbps=max riops=max wiops=max"},
	{"io.bfq.weight", "default"},
	{"io.weight", "default"},
	{"io.latency", "target=0"},
	{"rdma.max", "hca_handle=max hca_object=max"},
	{"misc.max", "max"},
};

static const struct keyed *find_keyed(const char *file)
{
	for (size_t i = 0; i < sizeof(keyed_files) / sizeof(keyed_files[0]); i++)
		if (str_eq(keyed_files[i].file, file))
			return &keyed_files[i];
	return NULL;
}

bool cg_before_is_keyed(const char *file)
{
	return find_keyed(file) != NULL;
}

/* The line of `text` that begins with the first word of `line`; ret in the arena. */
static const char *old_line(const struct keyed *k, const char *text, const char *line,
			    struct arena *a)
{
	/* A weight alone is the default's. */
	const char *key = strchr(line, ' ') ? line : "default ";
	size_t n = strcspn(key, " ");

	for (const char *s = text; *s; s += strcspn(s, "\n"), s += *s == '\n')
		if (strncmp(s, key, n) == 0 && s[n] == ' ')
			return arena_strndup(a, s, strcspn(s, "\n"));
	return arena_printf(a, "%.*s %s", (int)n, key, k->none);
}

int cg_before_read(int dir_fd, const char *file, const char *text, struct arena *a,
		   const char **ret)
{
	AUTO_FREE char *now = mem_alloc(FILE_MAX);
	const struct keyed *k = find_keyed(file);
	int r = file_read_kernel(dir_fd, file, now, FILE_MAX);

	*ret = NULL;
	if (r == -ENOENT)
		return r;
	if (r < 0)
		return 0; /* memory.reclaim and the like: written, never read */
	if (k)
		*ret = old_line(k, now, text, a);
	else if (str_eq(file, "cpu.weight") && str_eq(now, "0\n"))
		*ret = CPU_WEIGHT_DEFAULT; /* of what is idle: no weight that could be written */
	else if (now[0] && now[0] != '\n')
		*ret = arena_strndup(a, now, strcspn(now, "\n"));
	else
		*ret = "\n"; /* an empty list: write(2) of nothing would write nothing */
	return 0;
}

const char *cg_before_full_list(int dir_fd, const char *file, const char *text, struct arena *a)
{
	char list[FILE_LIST_MAX];

	if (!str_eq(text, "\n") || !str_starts(file, "cpuset."))
		return text;
	const char *above = arena_printf(a, "../%s.effective", file);
	return file_read_kernel(dir_fd, above, list, sizeof(list)) > 1
		       ? arena_strndup(a, list, strcspn(list, "\n"))
		       : text;
}

int cg_before_limit(const char *s, uint64_t *ret)
{
	if (str_eq(s, "max")) {
		*ret = UINT64_MAX;
		return 0;
	}
	return num_u64(s, ret);
}

int cg_before_compare(const char *file, const char *now, const char *before)
{
	uint64_t to, from;

	if (!before || find_keyed(file) || (!str_ends(file, ".max") && !str_ends(file, ".high")) ||
	    cg_before_limit(now, &to) < 0 || cg_before_limit(before, &from) < 0 || to == from)
		return 0;
	return to > from ? 1 : -1;
}
