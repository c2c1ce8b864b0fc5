/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of spec/words_mount: the table of mount options. */
#include "tests/unit/spec/doc.h"
#include "base/ban.h"

static void test_order(void **state)
{
	size_t n;
	const struct spec_mount_opt *rows = spec_mount_opt_all(&n);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		assert_ptr_equal(spec_mount_opt_find(rows[i].name), &rows[i]);
		if (i)
			assert_true(strcmp(rows[i - 1].name, rows[i].name) < 0);
		/* r forms are recursive, and only they: but for these names. */
		if (rows[i].is_recursive)
			assert_int_equal(rows[i].name[0], 'r');
	}
	assert_null(spec_mount_opt_find(""));
	assert_null(spec_mount_opt_find("size=1"));
	assert_null(spec_mount_opt_find("RO"));
	assert_null(spec_mount_opt_find("zzz"));
}

/* Conformance M07-M20, all of them. */
static void test_complete(void **state)
{
	static const char *const names[] = {
		"bind",		"rbind",	"ro",		"rw",
		"nosuid",	"suid",		"nodev",	"dev",
		"noexec",	"exec",		"noatime",	"atime",
		"norelatime",	"relatime",	"strictatime",	"nostrictatime",
		"nodiratime",	"diratime",	"sync",		"async",
		"dirsync",	"remount",	"silent",	"loud",
		"iversion",	"noiversion",	"lazytime",	"nolazytime",
		"private",	"shared",	"slave",	"unbindable",
		"rprivate",	"rshared",	"rslave",	"runbindable",
		"mand",		"nomand",	"nosymfollow",	"symfollow",
		"rro",		"rrw",		"rnosuid",	"rsuid",
		"rnodev",	"rdev",		"rnoexec",	"rexec",
		"rnodiratime",	"rdiratime",	"rrelatime",	"rnorelatime",
		"rnoatime",	"ratime",	"rstrictatime", "rnostrictatime",
		"rnosymfollow", "rsymfollow",	"idmap",	"ridmap",
		"tmpcopyup",	"copy-symlink", "src-nofollow", "dest-nofollow",
		"defaults",
	};
	size_t n;

	(void)state;
	spec_mount_opt_all(&n);
	assert_int_equal(n, sizeof(names) / sizeof(names[0]));
	for (size_t i = 0; i < n; i++) {
		if (!spec_mount_opt_find(names[i]))
			fail_msg("%s is missing", names[i]);
	}
}

static void test_rows(void **state)
{
	const struct spec_mount_opt *o;

	(void)state;
	o = spec_mount_opt_find("rro");
	assert_true(o->kind == SPEC_MO_ATTR_SET && o->is_recursive && o->attr == 1 && !o->mask);
	o = spec_mount_opt_find("suid");
	assert_true(o->kind == SPEC_MO_ATTR_CLEAR && !o->is_recursive && o->attr == 2);
	o = spec_mount_opt_find("noatime");
	assert_true(o->kind == SPEC_MO_ATTR_SET && o->attr == 0x10 && o->mask == 0x70);
	o = spec_mount_opt_find("relatime");
	assert_true(o->kind == SPEC_MO_ATTR_SET && o->attr == 0 && o->mask == 0x70);
	o = spec_mount_opt_find("async");
	assert_true(o->kind == SPEC_MO_SB_CLEAR && o->attr == 16);
	o = spec_mount_opt_find("rslave");
	assert_true(o->kind == SPEC_MO_PROPAGATION && o->is_recursive && o->attr == 1 << 19);
	o = spec_mount_opt_find("nosymfollow");
	assert_true(o->kind == SPEC_MO_ATTR_SET && o->attr == 0x200000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_complete),
		cmocka_unit_test(test_rows),
	};
	return cmocka_run_group_tests_name("spec/words_mount", tests, NULL, doc_teardown);
}
