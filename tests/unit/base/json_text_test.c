/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of base/json_text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/json_text.h"
#include "base/ban.h"

static unsigned utf8(const char *s)
{
	return json_text_utf8((const unsigned char *)s, strlen(s));
}

static void test_utf8(void **state)
{
	(void)state;
	assert_int_equal(utf8("a"), 1);
	assert_int_equal(utf8("\x7f"), 1);
	assert_int_equal(utf8("\xc2\x80"), 2);
	assert_int_equal(utf8("\xe0\xa0\x80"), 3);
	assert_int_equal(utf8("\xef\xbf\xbf"), 3);
	assert_int_equal(utf8("\xf0\x90\x80\x80"), 4);
	assert_int_equal(utf8("\xf4\x8f\xbf\xbf"), 4);
	assert_int_equal(utf8("\x80"), 0);
	assert_int_equal(utf8("\xc0\x80"), 0); /* overlong */
	assert_int_equal(utf8("\xc1\xbf"), 0);
	assert_int_equal(utf8("\xe0\x9f\xbf"), 0);
	assert_int_equal(utf8("\xf0\x8f\xbf\xbf"), 0);
	assert_int_equal(utf8("\xed\xa0\x80"), 0);     /* surrogate */
	assert_int_equal(utf8("\xf4\x90\x80\x80"), 0); /* above U+10FFFF */
	assert_int_equal(utf8("\xf5\x80\x80\x80"), 0);
	assert_int_equal(utf8("\xc3"), 0); /* cut */
	assert_int_equal(utf8("\xe2\x82"), 0);
	assert_int_equal(utf8("\xe2\x82x"), 0);
	assert_int_equal(utf8("\xf0\x9f\x98"), 0);
}

/* A copy of exact size: the sanitizer then sees a read behind the end. */
static const char *check(const char *text, size_t len, size_t *ret_byte)
{
	char *copy = malloc(len ? len : 1);
	const char *wrong;

	assert_non_null(copy);
	memcpy(copy, text, len);
	wrong = json_text_check(copy, len, ret_byte);
	free(copy);
	return wrong;
}

static void assert_wrong(const char *text, size_t len, const char *words, size_t byte)
{
	size_t at;
	const char *wrong = check(text, len, &at);

	assert_non_null(wrong);
	assert_non_null(strstr(wrong, words));
	assert_int_equal(at, byte);
}

static void test_check(void **state)
{
	size_t at;

	(void)state;
	assert_null(check("", 0, &at));
	assert_null(check("{\"a\": \"b\\\"c\\\\\"}\n\t", 17, &at));
	assert_null(check("\"\\ud83d\\ude00\"", 14, &at));
	assert_null(check("\"\\u", 3, &at)); /* cut: yajl says so */
	assert_null(check("\"\\", 2, &at));
	assert_null(check("\"abc", 4, &at));
	assert_wrong("\xef\xbb\xbf{}", 5, "byte order mark", 0);
	assert_wrong("{\0}", 3, "NUL byte", 1);
	assert_wrong("\"ab\x01\"", 5, "control byte", 3);
	assert_wrong("\"12345678\x1f\"", 11, "control byte", 9);
	assert_wrong("\"1234567812345\x80\"", 16, "UTF-8", 14);
	assert_wrong("\"\\u0000\"", 8, "NUL character", 1);
	assert_wrong("\"\\uDFFF\"", 8, "surrogate", 1);
	assert_wrong("\"\\ud83d\\u0041\"", 14, "surrogate", 1);
	assert_wrong("\"\\ud83d", 7, "surrogate", 1);
}

/* Every byte at every place of a word of eight: the fast path must not miss one. */
static void test_every_place(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		for (size_t place = 1; place <= 16; place++) {
			char text[18];
			size_t at;
			bool is_wrong;

			memset(text, 'x', sizeof(text));
			text[0] = text[17] = '"';
			text[place] = (char)c;
			is_wrong = check(text, sizeof(text), &at) != NULL;
			assert_int_equal(is_wrong, c < 0x20 || c >= 0x80);
			if (is_wrong && c)
				assert_int_equal(at, place);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_every_place),
	};
	return cmocka_run_group_tests_name("base/json_text", tests, NULL, NULL);
}
