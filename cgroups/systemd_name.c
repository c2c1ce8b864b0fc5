/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroups/systemd_name: names of units and slices, and where systemd puts them in the tree
 * (systemd.slice(5), systemd.unit(5)). Owns the form slice:prefix:name of linux.cgroupsPath. Pure:
 * no system call, no bus. Called by systemd.c.
 */
#include <stdio.h>
#include <string.h>
#include "base/str.h"
#include "cgroups/internal.h"
#include "cgroups/systemd.h"
#include "base/ban.h"

static const char what[] = "linux.cgroupsPath";

bool cg_systemd_is_slice(const char *unit)
{
	return str_ends(unit, ".slice");
}

/* The characters of systemd.unit(5). */
static bool is_unit_name(const char *s)
{
	size_t n = strlen(s);

	return n > 0 && n < CG_UNIT_MAX && s[0] != '.' &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\@") ==
		       n;
}

static int bad_slice(const char *slice, const char *why, struct err *e)
{
	return err_set(e, ERR_INPUT, EINVAL, "%s: \"%.128s\" is not a slice: %s", what, slice, why);
}

int cg_systemd_add_unit(char *path, const char *unit)
{
	static const char *const files[] = {"cgroup.", "cpu.",	"cpuset.", "io.",     "memory.",
					    "pids.",   "rdma.", "misc.",   "hugetlb."};
	size_t n = strlen(path);
	bool is_escaped = unit[0] == '_' || unit[0] == '.';

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		is_escaped = is_escaped || str_starts(unit, files[i]);
	int r = snprintf(path + n, CG_PATH_MAX - n, "/%s%s", is_escaped ? "_" : "", unit);

	return r < 0 || (size_t)r >= CG_PATH_MAX - n ? -ENAMETOOLONG : 0;
}

int cg_systemd_slice_path(const char *slice, char *ret, struct err *e)
{
	char part[CG_UNIT_MAX + 8];
	size_t n = strlen(slice), stem = n - 6;

	if (!is_unit_name(slice))
		return bad_slice(slice, "not the name of a unit", e);
	if (!cg_systemd_is_slice(slice) || n == 6)
		return bad_slice(slice, "it must be like x.slice", e);
	if (str_eq(slice, "-.slice"))
		return 0;
	if (slice[0] == '-' || slice[stem - 1] == '-' || memmem(slice, stem, "--", 2))
		return bad_slice(slice, "an empty part between dashes", e);
	for (size_t i = 1; i <= stem; i++) {
		if (i < stem && slice[i] != '-')
			continue;
		snprintf(part, sizeof(part), "%.*s.slice", (int)i, slice);
		if (cg_systemd_add_unit(ret, part) < 0)
			return err_set(e, ERR_INPUT, ENAMETOOLONG, "%s: longer than %d bytes", what,
				       CG_PATH_MAX - 1);
	}
	return 0;
}

size_t cg_systemd_unit_len(const char *path, const char *unit)
{
	char dir[CG_PATH_MAX] = "";

	if (!unit[0] || cg_systemd_add_unit(dir, unit) < 0)
		return 0;
	size_t n = strlen(dir), len = 0;

	/* The last one: around us may be a unit of the same name, of whoever runs us. */
	for (const char *at = strstr(path, dir); at; at = strstr(at + 1, dir))
		if (at[n] == '/' || at[n] == '\0')
			len = (size_t)(at - path) + n;
	return len;
}

static int bad_path(const char *path, const char *why, struct err *e)
{
	return err_set(e, ERR_INPUT, EINVAL, "%s: \"%.128s\": %s", what, path, why);
}

static int copy(char *dst, const char *s, size_t n)
{
	if (n >= CG_UNIT_MAX)
		return -ENAMETOOLONG;
	memcpy(dst, s, n);
	dst[n] = '\0';
	return 0;
}

/* PREFIX-NAME.scope, NAME.scope without a prefix, or NAME itself when it is a slice. */
static int name_unit(const char *prefix, size_t n_prefix, const char *name, struct cg_place *ret)
{
	int r = cg_systemd_is_slice(name)
			? snprintf(ret->unit, sizeof(ret->unit), "%s", name)
			: snprintf(ret->unit, sizeof(ret->unit), "%.*s%s%s.scope", (int)n_prefix,
				   prefix, n_prefix ? "-" : "", name);

	return r < 0 || (size_t)r >= sizeof(ret->unit) ? -ENAMETOOLONG : 0;
}

int cg_systemd_unit(const char *path, const char *id, bool is_user, struct cg_place *ret,
		    struct err *e)
{
	static const char prefix[] = "stiva";
	const char *slice = is_user ? "user.slice" : "system.slice";
	int r;

	if (!path || !path[0]) {
		copy(ret->slice, slice, strlen(slice));
		r = name_unit(prefix, sizeof(prefix) - 1, id, ret);
		path = id;
	} else {
		const char *first = strchr(path, ':');
		const char *second = first ? strchr(first + 1, ':') : NULL;

		if (!second || strchr(second + 1, ':'))
			return bad_path(path,
					"with the systemd cgroup manager it must be of the form "
					"slice:prefix:name",
					e);
		if (!second[1])
			return bad_path(path, "slice:prefix:name without a name", e);
		size_t n = (size_t)(first - path);

		r = n == 0		     ? copy(ret->slice, slice, strlen(slice))
		    : n == 1 && *path == '-' ? copy(ret->slice, "-.slice", 7)
					     : copy(ret->slice, path, n);
		if (r == 0)
			r = name_unit(first + 1, (size_t)(second - first - 1), second + 1, ret);
	}
	if (r < 0)
		return bad_path(path, "the unit's name is longer than 255 bytes", e);
	if (!is_unit_name(ret->unit))
		return bad_path(path, "it has a character that a unit's name cannot have", e);
	return 0;
}
