/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of runtime/cli/resize_value: the grammar of the values of resize, and which disk is meant.
 */
#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "runtime/cli/resize.h"

#define MIB  UINT64_C(1048576)
#define NONE CG_UNLIMITED

static struct err e;
static const struct {
	enum resize_unit unit;
	uint64_t now;
	const char *text;
	uint64_t want;
} good[] = {
	{RESIZE_BYTES, NONE, "768M", 768 * MIB},
	{RESIZE_BYTES, 5, "1.5G", 1536 * MIB},
	{RESIZE_BYTES, 5, "max", NONE},
	{RESIZE_BYTES, 5, "0", 0},
	{RESIZE_BYTES, 100 * MIB, "+256M", 356 * MIB},
	{RESIZE_BYTES, 100 * MIB, "-25%", 75 * MIB},
	{RESIZE_BYTES, 100 * MIB, "+12.5%", (uint64_t)112.5 * MIB + MIB / 2},
	{RESIZE_BYTES, 100 * MIB, "-100M", 0},
	{RESIZE_BYTES, 0, "+50%", 0},
	{RESIZE_BYTES, 0, "4097", 4096}, /* whole pages */
	{RESIZE_BYTES, UINT64_C(1) << 62, "-50%", UINT64_C(1) << 61},
	{RESIZE_CPUS, NONE, "1.5", 1500000},
	{RESIZE_CPUS, NONE, "2", 2000000},
	{RESIZE_CPUS, 1500000, "+0.5", 2000000},
	{RESIZE_CPUS, 1500000, "-0.25", 1250000},
	{RESIZE_CPUS, 1500000, "-50%", 750000},
	{RESIZE_CPUS, 1500000, "0.000001", 1},
	{RESIZE_COUNT, 500, "+100", 600},
	{RESIZE_COUNT, 500, "-2", 498},
	{RESIZE_COUNT, 500, "-10%", 450},
	{RESIZE_COUNT, NONE, "0", 0},
	{RESIZE_COUNT, 1, "max", NONE},
};

static void test_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		const struct resize_ask ask = {"x", good[i].unit, good[i].now};
		uint64_t v = 77;

		err_clear(&e);
		if (cmd_resize_value(&ask, good[i].text, &v, &e) != 0 || v != good[i].want)
			fail_msg("%s: %llu, not %llu (%s)", good[i].text, (unsigned long long)v,
				 (unsigned long long)good[i].want, e.text);
	}
}

static const struct {
	enum resize_unit unit;
	uint64_t now;
	const char *text, *why;
} bad[] = {
	{RESIZE_BYTES, 5, "", "is not a size"},
	{RESIZE_BYTES, 5, "x", "is not a size"},
	{RESIZE_BYTES, 5, "12Q", "is not a size"},
	{RESIZE_BYTES, 5, "+", "is not a size"},
	{RESIZE_BYTES, 5, "-", "is not a size"},
	{RESIZE_BYTES, 5, "+max", "is not a size"},
	{RESIZE_BYTES, 5, "+-1", "is not a size"},
	{RESIZE_BYTES, 5, "%", "needs a sign"},
	{RESIZE_BYTES, 5, "25%", "needs a sign"},
	{RESIZE_BYTES, 5, "+%", "is not a size"},
	{RESIZE_BYTES, 5, "-1.%", "is not a size"},
	{RESIZE_BYTES, 5, "-1.234%", "is not a size"},
	{RESIZE_BYTES, 5, "-x%", "is not a size"},
	{RESIZE_BYTES, 5, "+999999999%", "is not a size"},
	{RESIZE_BYTES, 5, "-1", "max lifts the limit"},
	{RESIZE_BYTES, NONE, "+256M", "no limit in force"},
	{RESIZE_BYTES, NONE, "-25%", "no limit in force"},
	{RESIZE_BYTES, 100 * MIB, "-101M", "more than the limit in force"},
	{RESIZE_BYTES, 100 * MIB, "-101%", "more than the limit in force"},
	{RESIZE_BYTES, INT64_MAX, "+1", "out of range"},
	{RESIZE_CPUS, 5, "1.", "is not a number of CPUs"},
	{RESIZE_CPUS, 5, ".5", "is not a number of CPUs"},
	{RESIZE_CPUS, 5, "1.1234567", "is not a number of CPUs"},
	{RESIZE_CPUS, 5, "1e3", "is not a number of CPUs"},
	{RESIZE_CPUS, 5, "5000000000", "is not a number of CPUs"},
	{RESIZE_CPUS, 5, "nan", "is not a number of CPUs"},
	{RESIZE_COUNT, 5, "1.5", "is not a number"},
	{RESIZE_COUNT, 5, "1k", "is not a number"},
	{RESIZE_COUNT, 5, "99999999999999999999", "is not a number"},
	{RESIZE_COUNT, 5, "-1", "max lifts the limit"},
};

static void test_what_is_none(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct resize_ask ask = {"name", bad[i].unit, bad[i].now};
		uint64_t v = 77;

		err_clear(&e);
		if (cmd_resize_value(&ask, bad[i].text, &v, &e) != -EINVAL || v != 77 ||
		    !strstr(e.text, bad[i].why) || !strstr(e.text, "--name"))
			fail_msg("\"%s\": %llu, \"%s\"", bad[i].text, (unsigned long long)v,
				 e.text);
	}
}

static void test_rates(void **state)
{
	static const char *const no[] = {
		"",
		"/dev/vda",
		"/dev/vda:",
		"/dev/vda:rbps",
		"rbps=1",
		":rbps=1",
		"/dev/vda:rbps=0",
		"/dev/vda:rbps=-1",
		"/dev/x:y=1",
		"/dev/vda:rbps=1,",
		"/dev/vda:rbps=1,,wbps=1",
		"/dev/vda:riops=1k",
	};
	struct resize_io io;

	(void)state;
	assert_int_equal(cmd_resize_io("/dev/vda:rbps=10M,wiops=100", &io, &e), 0);
	assert_string_equal(io.device, "/dev/vda");
	assert_true(io.has[RESIZE_RBPS] && io.rate[RESIZE_RBPS] == 10 * MIB);
	assert_true(io.has[RESIZE_WIOPS] && io.rate[RESIZE_WIOPS] == 100);
	assert_false(io.has[RESIZE_WBPS] || io.has[RESIZE_RIOPS]);
	assert_int_equal(cmd_resize_io("8:16:wbps=max,riops=max", &io, &e), 0);
	assert_string_equal(io.device, "8:16");
	assert_true(io.rate[RESIZE_WBPS] == NONE && io.rate[RESIZE_RIOPS] == NONE);
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		err_clear(&e);
		if (cmd_resize_io(no[i], &io, &e) != -EINVAL)
			fail_msg("\"%s\" was taken", no[i]);
	}
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static void make(const char *top, const char *dir)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", top, dir);
	for (char *s = path + strlen(top) + 1; (s = strchr(s, '/')); s++) {
		*s = '\0';
		(void)mkdir(path, 0700);
		*s = '/';
	}
	assert_int_equal(mkdir(path, 0700), 0);
}

static void test_disks(void **state)
{
	char top[] = "/tmp/stiva-sys.XXXXXX", at[64];
	int64_t major = 0, minor = 0;

	(void)state;
	assert_non_null(mkdtemp(top));
	make(top, "devices/pci/block/sda/sda1/partition");
	make(top, "dev/block");
	snprintf(at, sizeof(at), "%s/dev/block/8:0", top);
	assert_int_equal(symlink("../../devices/pci/block/sda", at), 0);
	snprintf(at, sizeof(at), "%s/dev/block/8:1", top);
	assert_int_equal(symlink("../../devices/pci/block/sda/sda1", at), 0);
	assert_int_equal(cmd_resize_disk("8:0", top, &major, &minor, &e), 0);
	assert_true(major == 8 && minor == 0);
	assert_int_equal(cmd_resize_disk("8:1", top, &major, &minor, &e), -EINVAL);
	assert_non_null(strstr(e.text, "is a partition"));
	assert_non_null(strstr(e.text, "name /dev/sda"));
	assert_null(strstr(e.text, "/dev/sda1"));
	assert_int_equal(cmd_resize_disk("9:9", top, &major, &minor, &e), -ENOENT);
	assert_int_equal(cmd_resize_disk("/dev/null", top, &major, &minor, &e), -ENOTBLK);
	assert_int_equal(cmd_resize_disk("/nonesuch", top, &major, &minor, &e), -ENOENT);
	assert_int_equal(cmd_resize_disk("sda", top, &major, &minor, &e), -EINVAL);
	assert_int_equal(cmd_resize_disk("-8:0", top, &major, &minor, &e), -EINVAL);
	nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void test_texts(void **state)
{
	AUTO(arena) a = {0};
	const struct cg_limits none = {.quota = -1, .period = 100000},
			       some = {.quota = 150000, .period = 100000};

	(void)state;
	assert_string_equal(cmd_resize_text(RESIZE_BYTES, 768 * MIB, &a), "768M");
	assert_string_equal(cmd_resize_text(RESIZE_BYTES, 1536 * MIB, &a), "1.5G");
	assert_string_equal(cmd_resize_text(RESIZE_BYTES, 0, &a), "0B");
	assert_string_equal(cmd_resize_text(RESIZE_BYTES, NONE, &a), "max");
	assert_string_equal(cmd_resize_text(RESIZE_CPUS, 1500000, &a), "1.5");
	assert_string_equal(cmd_resize_text(RESIZE_CPUS, 2000000, &a), "2");
	assert_string_equal(cmd_resize_text(RESIZE_COUNT, 500, &a), "500");
	assert_true(cmd_resize_cpus(&none) == NONE);
	assert_true(cmd_resize_cpus(&some) == 1500000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values), cmocka_unit_test(test_what_is_none),
		cmocka_unit_test(test_rates),  cmocka_unit_test(test_disks),
		cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
