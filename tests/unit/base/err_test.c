/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of base/err: texts, prefixes, caps, escapes, the words of errnos. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <string.h>
#include "base/err.h"
#include "base/ban.h"

static void assert_whole(const struct err *e)
{
	assert_true(e->len < sizeof(e->text));
	assert_int_equal(e->len, strlen(e->text));
}

static void test_set(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(err_set(&e, ERR_INPUT, EINVAL, "hostname: %s", "too long"), -EINVAL);
	assert_int_equal(e.code, EINVAL);
	assert_int_equal(e.class, ERR_INPUT);
	assert_string_equal(e.text, "hostname: too long");
	assert_whole(&e);
	assert_int_equal(err_set(&e, ERR_BUG, 0, "x"), -EIO);
	assert_int_equal(err_set(&e, ERR_BUG, -ENOENT, "x"), -ENOENT);
	err_clear(&e);
	assert_int_equal(e.code, 0);
	assert_string_equal(e.text, "");
}

static void test_set_from_itself(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	err_set(&e, ERR_STATE, EBUSY, "inner");
	err_set(&e, ERR_STATE, EBUSY, "outer (%s)", e.text);
	assert_string_equal(e.text, "outer (inner)");
	err_prefix(&e, "%s", e.text);
	assert_string_equal(e.text, "outer (inner): outer (inner)");
}

static void test_sys(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(err_sys(&e, -ENOENT, "mount \"/data\" from \"%s\"", "/srv"), -ENOENT);
	assert_string_equal(e.text, "mount \"/data\" from \"/srv\": no such file or directory");
	assert_int_equal(e.class, ERR_KERNEL);
	assert_whole(&e);
	assert_int_equal(err_sys(&e, EPERM, "x"), -EPERM);
	assert_string_equal(e.text, "x: operation not permitted");
	assert_int_equal(err_sys(&e, 0, "x"), -EIO);
	assert_int_equal(err_sys(&e, INT_MIN, "x"), -EIO);
}

static void test_prefix(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	err_sys(&e, -EACCES, "open \"x\"");
	assert_int_equal(err_prefix(&e, "mounts[%d]", 3), -EACCES);
	assert_string_equal(e.text, "mounts[3]: open \"x\": permission denied");
	assert_int_equal(e.code, EACCES);
	assert_whole(&e);
}

/* Long texts in every place: never out of bounds, the parts that matter stay. */
static void test_caps(void **state)
{
	static char big[5000];
	struct err e = ERR_INIT;

	(void)state;
	memset(big, 'a', sizeof(big) - 1);
	err_set(&e, ERR_INPUT, EINVAL, "%s", big);
	assert_int_equal(e.len, sizeof(e.text) - 1);
	assert_whole(&e);
	err_sys(&e, -ENAMETOOLONG, "open \"%s\"", big);
	assert_whole(&e);
	assert_non_null(strstr(e.text, "a: file name too long"));
	err_prefix(&e, "%s", big);
	assert_whole(&e);
	for (int i = 0; i < 300; i++)
		err_prefix(&e, "level %d", i);
	assert_whole(&e);
	assert_int_equal(strncmp(e.text, "level 299: level 298: ", 22), 0);
	/* A short text keeps its end under a long prefix. */
	err_set(&e, ERR_INPUT, EINVAL, "the reason");
	err_prefix(&e, "%s", big);
	assert_whole(&e);
	assert_non_null(strstr(e.text, "a: the reason"));
}

static void test_every_length(void **state)
{
	static char big[1200];

	(void)state;
	for (size_t n = 0; n < sizeof(big) - 1; n++) {
		struct err e = ERR_INIT;

		memset(big, n % 2 ? 'b' : '\x01', n);
		big[n] = '\0';
		err_set(&e, ERR_INPUT, EINVAL, "%s", big);
		assert_whole(&e);
		err_sys(&e, -EINVAL, "%s", big);
		assert_whole(&e);
		assert_non_null(strstr(e.text, ": invalid argument"));
		err_prefix(&e, "%s", big);
		assert_whole(&e);
	}
}

static void test_escapes(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	err_set(&e, ERR_INPUT, EINVAL, "a\nb\033[31m\x7f\xc2\x9b\xff caf\xc3\xa9");
	assert_string_equal(e.text, "a\\x0ab\\x1b[31m\\x7f\\xc2\\x9b\\xff caf\xc3\xa9");
	/* Prefixing again does not escape the escapes. */
	err_prefix(&e, "p\t");
	assert_string_equal(e.text, "p\\x09: a\\x0ab\\x1b[31m\\x7f\\xc2\\x9b\\xff caf\xc3\xa9");
}

static void test_words(void **state)
{
	(void)state;
	assert_string_equal(err_words(ENOENT), "no such file or directory");
	assert_string_equal(err_words(-ENOENT), "no such file or directory");
	assert_string_equal(err_words(ESRCH), "no such process");
	assert_string_equal(err_words(EPERM), "operation not permitted");
	assert_string_equal(err_words(EACCES), "permission denied");
	assert_string_equal(err_words(EISDIR), "is a directory");
	assert_string_equal(err_words(ENOTDIR), "not a directory");
	assert_string_equal(err_words(524), "operation not supported");
	for (int i = -600; i < 600; i++) {
		const char *s = err_words(i);

		assert_non_null(s);
		assert_true(*s != '\0');
		assert_true(s[strlen(s) - 1] != '.');
	}
	assert_string_equal(err_words(INT_MAX), "unknown error");
	assert_string_equal(err_words(INT_MIN), "unknown error");
	/* Every errno that libc has words for has ours. */
	for (int i = 1; i < 134; i++) {
		if (strerrordesc_np(i))
			assert_string_not_equal(err_words(i), "unknown error");
	}
}

static void test_class_words(void **state)
{
	(void)state;
	assert_string_equal(err_class_word(ERR_KERNEL), "kernel");
	assert_string_equal(err_class_word(ERR_INPUT), "bad-input");
	for (int i = 0; i < ERR_CLASS_N; i++)
		assert_non_null(err_class_word((enum err_class)i));
	assert_non_null(err_class_word((enum err_class)99));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set),	    cmocka_unit_test(test_set_from_itself),
		cmocka_unit_test(test_sys),	    cmocka_unit_test(test_prefix),
		cmocka_unit_test(test_caps),	    cmocka_unit_test(test_every_length),
		cmocka_unit_test(test_escapes),	    cmocka_unit_test(test_words),
		cmocka_unit_test(test_class_words),
	};

	return cmocka_run_group_tests_name("base/err", tests, NULL, NULL);
}
