/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of base/str. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include "base/str.h"
#include "base/ban.h"

enum fruit { APPLE, PEAR, CHERRY, FRUIT_N };
static const struct word fruits[] = {
	[APPLE] = {"apple", 10}, [PEAR] = {"pear", 20}, [CHERRY] = {"cherry", 30}};
WORDS_COMPLETE(fruits, FRUIT_N);
static const struct word_list fruit_words = {"fruit", fruits, FRUIT_N, "FRUIT_"};

static void test_ends(void **state)
{
	(void)state;
	assert_true(str_starts("cgroup.procs", "cgroup."));
	assert_true(str_starts("x", ""));
	assert_false(str_starts("cg", "cgroup"));
	assert_string_equal(str_after("SIGKILL", "SIG"), "KILL");
	assert_null(str_after("KILL", "SIG"));
	assert_true(str_ends("a.conf", ".conf"));
	assert_true(str_ends("a", ""));
	assert_false(str_ends("f", ".conf"));
}

static void test_words(void **state)
{
	(void)state;
	assert_int_equal(word_find(&fruit_words, "pear"), PEAR);
	assert_int_equal(word_find(&fruit_words, "FRUIT_cherry"), CHERRY);
	assert_int_equal(word_find(&fruit_words, "Pear"), -EINVAL);
	assert_int_equal(word_find(&fruit_words, ""), -EINVAL);
	assert_string_equal(word_text(&fruit_words, APPLE), "apple");
	assert_string_equal(word_text(&fruit_words, -1), "?");
	assert_string_equal(word_text(&fruit_words, FRUIT_N), "?");
	assert_int_equal(word_value(&fruit_words, CHERRY), 30);
	assert_int_equal(word_value(&fruit_words, 99), 0);
}

static void test_suggest(void **state)
{
	(void)state;
	assert_string_equal(word_suggest(&fruit_words, "aple"), "apple");
	assert_string_equal(word_suggest(&fruit_words, "chery"), "cherry");
	assert_string_equal(word_suggest(&fruit_words, "peer"), "pear");
	assert_null(word_suggest(&fruit_words, "banana"));
	assert_null(word_suggest(&fruit_words, ""));
}

static void test_distance(void **state)
{
	static const char long_word[] =
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

	(void)state;
	assert_int_equal(str_distance("", "", 2), 0);
	assert_int_equal(str_distance("abc", "abc", 2), 0);
	assert_int_equal(str_distance("kitten", "sitting", 5), 3);
	assert_int_equal(str_distance("kitten", "sitting", 2), 3);
	assert_int_equal(str_distance("a", "abcdef", 2), 3);
	assert_int_equal(str_distance("", "ab", 2), 2);
	assert_int_equal(str_distance(long_word, long_word, 2), 0);
	assert_int_equal(str_distance(long_word, "a", 2), 3);
}

static void test_copy(void **state)
{
	char b[4] = "zzz";

	(void)state;
	assert_int_equal(str_copy(b, sizeof(b), "abc"), 3);
	assert_string_equal(b, "abc");
	assert_int_equal(str_copy(b, sizeof(b), "abcd"), -ENAMETOOLONG);
	assert_string_equal(b, "abc");
	assert_int_equal(str_copy(b, sizeof(b), ""), 0);
	assert_string_equal(b, "");
	assert_int_equal(str_copy(b, 1, "x"), -ENAMETOOLONG);
	assert_string_equal(b, "");
	assert_int_equal(str_copy(b, 0, "x"), -ENAMETOOLONG);
}

static void test_printable(void **state)
{
	char b[64];

	(void)state;
	assert_string_equal(str_printable(b, sizeof(b), "plain \\ text"), "plain \\ text");
	assert_string_equal(str_printable(b, sizeof(b), "a\x01\r\x7f"), "a\\x01\\x0d\\x7f");
	/* Two, three and four byte characters stay. */
	assert_string_equal(str_printable(b, sizeof(b), "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
			    "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
	/* C1 control, lone tail, overlong, surrogate, beyond U+10FFFF, cut short. */
	assert_string_equal(str_printable(b, sizeof(b), "\xc2\x9b"), "\\xc2\\x9b");
	assert_string_equal(str_printable(b, sizeof(b), "\x9b"), "\\x9b");
	assert_string_equal(str_printable(b, sizeof(b), "\xc0\x8a"), "\\xc0\\x8a");
	assert_string_equal(str_printable(b, sizeof(b), "\xed\xa0\x80"), "\\xed\\xa0\\x80");
	assert_string_equal(str_printable(b, sizeof(b), "\xf4\x90\x80\x80"),
			    "\\xf4\\x90\\x80\\x80");
	assert_string_equal(str_printable(b, sizeof(b), "\xe2\x82"), "\\xe2\\x82");
	/* Nothing is cut in two. */
	assert_string_equal(str_printable(b, 4, "ab\n"), "ab");
	assert_string_equal(str_printable(b, 7, "ab\n"), "ab\\x0a");
	assert_string_equal(str_printable(b, 3, "a\xc3\xa9"), "a");
	assert_string_equal(str_printable(b, 4, "a\xc3\xa9"), "a\xc3\xa9");
	assert_string_equal(str_printable(b, 1, "abc"), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ends),	cmocka_unit_test(test_words),
		cmocka_unit_test(test_suggest), cmocka_unit_test(test_distance),
		cmocka_unit_test(test_copy),	cmocka_unit_test(test_printable),
	};

	return cmocka_run_group_tests_name("base/str", tests, NULL, NULL);
}
