/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of base/base64: RFC 4648's vectors, and what is no base64. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "base/auto.h"
#include "base/base64.h"
#include "base/ban.h"

static void test_vectors(void **state)
{
	static const char *const rows[][2] = {
		{"", ""},
		{"Zg==", "f"},
		{"Zm8=", "fo"},
		{"Zm9v", "foo"},
		{"Zm9vYg==", "foob"},
		{"Zm9vYmE=", "fooba"},
		{"Zm9vYmFy", "foobar"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO(buf) b = {0};

		assert_int_equal(base64_decode(rows[i][0], &b), 0);
		assert_int_equal(b.len, strlen(rows[i][1]));
		assert_memory_equal(b.len ? b.data : "", rows[i][1], b.len);
	}
}

static void test_all_bytes(void **state)
{
	AUTO(buf) b = {0};

	(void)state;
	assert_int_equal(base64_decode("AP/+f4A7", &b), 0);
	assert_memory_equal(b.data, "\x00\xff\xfe\x7f\x80\x3b", 6);
}

static void test_no_base64(void **state)
{
	static const char *const bad[] = {
		"Zg",	"Zg=",	    "Zg=a",   "Z===", "====", "Zm9v=", "Zm9\n",
		"Zm-_", "Zg==Zm9v", "Zm8=\n", "Zh==", "Zm9=", " Zm9"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		AUTO(buf) b = {0};

		buf_adds(&b, "x");
		assert_int_equal(base64_decode(bad[i], &b), -EINVAL);
		assert_int_equal(b.len, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_all_bytes),
		cmocka_unit_test(test_no_base64),
	};

	return cmocka_run_group_tests_name("base/base64", tests, NULL, NULL);
}
