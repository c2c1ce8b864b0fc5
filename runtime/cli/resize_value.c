/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/cli/resize_value: the values of the verb resize: absolute ones, changes of what is in
 * force, rates of a disk. Owns their grammar; it looks at nothing but sysfs for a disk. Called by
 * cmd_resize.c.
 */
#include "runtime/cli/resize.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "base/file.h"
#include "base/num.h"
#include "base/str.h"
#include "base/ban.h"

#define PAGE_BYTES    UINT64_C(4096)
#define PERCENT_PARTS 100 /* hundredths of a percent */

static const char *const wanted[] = {
	[RESIZE_BYTES] = "a size such as 768M, a change such as +256M or -25%, or max",
	[RESIZE_CPUS] = "a number of CPUs such as 1.5, a change such as +0.5 or -25%, or max",
	[RESIZE_COUNT] = "a number, a change such as +100 or -25%, or max",
};

/* ---- numbers ---- */

/* "1.25" in parts of which `one` (a power of ten) are 1. Leaf. */
static int parse_decimal(const char *s, size_t n, uint64_t one, uint64_t *ret)
{
	size_t whole = 0;
	uint64_t v = 0, part = 0, scale = one;

	while (whole < n && s[whole] != '.')
		whole++;
	int r = num_u64n(s, whole, &v);

	if (r < 0)
		return r;
	if (v > UINT32_MAX)
		return -ERANGE;
	if (whole + 1 == n)
		return -EINVAL;
	for (size_t i = whole + 1; i < n; i++) {
		scale /= 10;
		if (s[i] < '0' || s[i] > '9' || scale == 0)
			return -EINVAL;
		part += (uint64_t)(s[i] - '0') * scale;
	}
	*ret = v * one + part;
	return 0;
}

/* Leaf. */
static int parse_amount(enum resize_unit unit, const char *s, uint64_t *ret)
{
	int64_t size;
	int r;

	switch (unit) {
	case RESIZE_CPUS:
		return parse_decimal(s, strlen(s), RESIZE_CPU, ret);
	case RESIZE_COUNT:
		return num_u64(s, ret);
	case RESIZE_BYTES:
		break;
	}
	r = num_size(s, &size);
	if (r == 0 && size < 0)
		return -EINVAL;
	*ret = r == 0 ? (uint64_t)size : 0;
	return r;
}

/* now and a change of it. Leaf. */
static int apply(const struct resize_ask *ask, bool is_minus, uint64_t change, uint64_t *ret)
{
	if (is_minus && change > ask->now)
		return -ERANGE;
	if (!is_minus && change > INT64_MAX - ask->now)
		return -ERANGE;
	*ret = is_minus ? ask->now - change : ask->now + change;
	return 0;
}

static int bad(const struct resize_ask *ask, const char *text, const char *why, struct err *e)
{
	char shown[80];

	return err_set(e, ERR_INPUT, EINVAL, "option '--%s': \"%s\" %s", ask->option,
		       str_printable(shown, sizeof(shown), text), why);
}

static int not_one(const struct resize_ask *ask, const char *text, struct err *e)
{
	char why[128];

	snprintf(why, sizeof(why), "is not %s", wanted[ask->unit]);
	return bad(ask, text, why, e);
}

static int relative(const struct resize_ask *ask, const char *text, uint64_t *ret, struct err *e)
{
	const bool is_minus = text[0] == '-';
	size_t n = strlen(text + 1);
	uint64_t amount, change;
	int r;

	if (str_eq(text, "-1"))
		return bad(ask, text, "could be a change or no limit: max lifts the limit", e);
	if (n > 1 && text[n] == '%') {
		r = parse_decimal(text + 1, n - 1, PERCENT_PARTS, &amount);
		if (r < 0 || amount > 1000 * 100 * PERCENT_PARTS)
			return not_one(ask, text, e);
		change = (uint64_t)((unsigned __int128)ask->now * amount /
				    ((uint64_t)100 * PERCENT_PARTS));
	} else {
		r = parse_amount(ask->unit, text + 1, &change);
		if (r < 0)
			return not_one(ask, text, e);
	}
	if (ask->now == CG_UNLIMITED)
		return bad(ask, text, "is a change, but there is no limit in force to change", e);
	if (apply(ask, is_minus, change, ret) < 0)
		return bad(ask, text,
			   is_minus ? "is more than the limit in force" : "is out of range", e);
	return 0;
}

int cmd_resize_value(const struct resize_ask *ask, const char *text, uint64_t *ret, struct err *e)
{
	uint64_t v = 0;
	int r;

	if (str_eq(text, "max")) {
		*ret = CG_UNLIMITED;
		return 0;
	}
	if (text[0] == '+' || text[0] == '-') {
		r = relative(ask, text, &v, e);
		if (r < 0)
			return r;
	} else if (str_ends(text, "%")) {
		return bad(ask, text, "needs a sign: +25% and -25% are of the limit in force", e);
	} else if (parse_amount(ask->unit, text, &v) < 0) {
		return not_one(ask, text, e);
	}
	/* The kernel rounds down to pages as well: so that what is shown is what is in force. */
	*ret = ask->unit == RESIZE_BYTES ? v / PAGE_BYTES * PAGE_BYTES : v;
	return 0;
}

/* ---- disks ---- */

static int bad_io(const char *text, const char *why, struct err *e)
{
	char shown[80];

	return err_set(e, ERR_INPUT, EINVAL, "option '--io': \"%s\" %s",
		       str_printable(shown, sizeof(shown), text), why);
}

static int parse_rate(const char *s, size_t n, struct resize_io *ret)
{
	static const char *const keys[] = {"rbps=", "wbps=", "riops=", "wiops="};
	char value[32];

	for (size_t i = 0; i < RESIZE_RATE_N; i++) {
		const char *v = str_after(s, keys[i]);
		size_t len = v ? n - (size_t)(v - s) : 0;
		int64_t size;

		if (!v || len == 0 || len >= sizeof(value))
			continue;
		memcpy(value, v, len);
		value[len] = '\0';
		/* Operations are counted in thousands, not in 1024s. */
		bool is_count = i == RESIZE_RIOPS || i == RESIZE_WIOPS;
		int r = is_count && !str_eq(value, "max") ? num_i64(value, &size)
							  : num_size(value, &size);
		if (r < 0 || size == 0 || (size < 0 && !str_eq(value, "max")))
			return -EINVAL;
		ret->has[i] = true;
		ret->rate[i] = size < 0 ? CG_UNLIMITED : (uint64_t)size;
		return 0;
	}
	return -EINVAL;
}

int cmd_resize_io(const char *text, struct resize_io *ret, struct err *e)
{
	const char *form = "is not DEVICE:KEY=RATE[,KEY=RATE]... with the keys rbps, wbps, riops, "
			   "wiops";
	const char *end = strchr(text, '='), *colon = end;

	*ret = (struct resize_io){0};
	/* The last one before the first value: "8:0:rbps=1M". */
	while (colon && colon > text && *colon != ':')
		colon--;
	if (!colon || colon == text)
		return bad_io(text, form, e);
	size_t n = (size_t)(colon - text);

	if (n >= sizeof(ret->device))
		return bad_io(text, form, e);
	memcpy(ret->device, text, n);
	for (const char *s = colon + 1;;) {
		size_t len = strcspn(s, ",");
		if (parse_rate(s, len, ret) < 0)
			return bad_io(text, form, e);
		s += len;
		if (!*s)
			return 0;
		s++;
	}
}

/* The directory above that of a partition is its disk's: ".../sda/sda1". */
static int tell_partition(const char *device, const char *dir, struct err *e)
{
	char real[PATH_MAX];
	ssize_t n = readlink(dir, real, sizeof(real) - 1);

	if (n < 0)
		return err_sys(e, errno, "option '--io': \"%.64s\"", device);
	real[n] = '\0';
	char *slash = strrchr(real, '/');
	if (slash)
		*slash = '\0';
	slash = strrchr(real, '/');
	return err_set(e, ERR_INPUT, EINVAL,
		       "option '--io': \"%.64s\" is a partition, and limits are of whole disks: "
		       "name /dev/%.64s",
		       device, slash ? slash + 1 : real);
}

int cmd_resize_disk(const char *device, const char *sys, int64_t *ret_major, int64_t *ret_minor,
		    struct err *e)
{
	char dir[PATH_MAX], inside[PATH_MAX + 16];
	struct stat st;
	size_t n = strcspn(device, ":");

	if (device[0] == '/') {
		if (stat(device, &st) < 0)
			return err_sys(e, errno, "option '--io': \"%.64s\"", device);
		if (!S_ISBLK(st.st_mode))
			return err_set(e, ERR_INPUT, ENOTBLK,
				       "option '--io': \"%.64s\" is not a disk", device);
		*ret_major = major(st.st_rdev);
		*ret_minor = minor(st.st_rdev);
	} else if (device[n] != ':' || num_i64n(device, n, ret_major) < 0 ||
		   num_i64(device + n + 1, ret_minor) < 0 || *ret_major < 0 || *ret_minor < 0) {
		return err_set(e, ERR_INPUT, EINVAL,
			       "option '--io': \"%.64s\" is neither /dev/DISK nor MAJOR:MINOR",
			       device);
	}
	snprintf(dir, sizeof(dir), "%s/dev/block/%" PRId64 ":%" PRId64, sys, *ret_major,
		 *ret_minor);
	if (stat(dir, &st) < 0)
		return err_set(e, ERR_INPUT, ENOENT, "option '--io': \"%.64s\": no such disk",
			       device);
	snprintf(inside, sizeof(inside), "%s/partition", dir);
	return stat(inside, &st) == 0 ? tell_partition(device, dir, e) : 0;
}
