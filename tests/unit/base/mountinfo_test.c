/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/mountinfo: lines as the kernel writes them, and what is no line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "base/mountinfo.h"
#include "base/ban.h"

static void test_lines(void **state)
{
	const char *s = "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw\n"
			"not a line\n"
			"1 2 - ext4 none rw\n"
			"x 35 98:0 / /a rw - ext4 none rw\n"
			"37 35 98:0 / /a\\040b\\134\\011 rw - fuse.lxcfs lxcfs rw,user_id=0,x\n"
			"38 35 0:4 / /proc rw shared:5 master:6 - proc";
	struct mountinfo m;

	(void)state;
	assert_true(mountinfo_next(&s, &m));
	assert_int_equal(m.id, 36);
	assert_false(m.is_whole);
	assert_string_equal(m.at, "/mnt2");
	assert_true(mountinfo_is(&m, "ext3"));
	assert_false(mountinfo_is(&m, "ext"));
	assert_false(mountinfo_is(&m, "ext33"));
	assert_true(mountinfo_has(&m, "rw"));
	assert_true(mountinfo_next(&s, &m));
	assert_int_equal(m.id, 37);
	assert_true(m.is_whole);
	assert_string_equal(m.at, "/a b\\\t");
	assert_true(mountinfo_is(&m, "fuse.lxcfs"));
	assert_true(mountinfo_has(&m, "rw"));
	assert_true(mountinfo_has(&m, "user_id=0"));
	assert_true(mountinfo_has(&m, "x"));
	assert_false(mountinfo_has(&m, "user_id=00"));
	assert_false(mountinfo_has(&m, "user_id="));
	assert_true(mountinfo_next(&s, &m));
	assert_string_equal(m.at, "/proc");
	assert_true(mountinfo_is(&m, "proc"));
	assert_false(mountinfo_has(&m, "rw"));
	assert_false(mountinfo_next(&s, &m));
	assert_false(mountinfo_next(&s, &m));
}

static void test_too_long(void **state)
{
	static char text[PATH_MAX + 100];
	const char *s = text;
	struct mountinfo m;

	(void)state;
	memcpy(text, "1 2 0:1 / /", 11);
	memset(text + strlen(text), 'a', PATH_MAX);
	memcpy(text + strlen(text), " rw - proc none rw", 19);
	assert_false(mountinfo_next(&s, &m));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests_name("base/mountinfo", tests, NULL, NULL);
}
