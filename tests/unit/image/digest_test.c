// SPDX-License-Identifier: Apache-2.0
/* Tests of image/digest. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "image/image.h"
#include "base/ban.h"

static int check(const char *prefix, char digit, size_t n, const char *suffix)
{
	char text[256], hex[200];

	memset(hex, digit, n);
	hex[n] = '\0';
	snprintf(text, sizeof(text), "%s%s%s", prefix, hex, suffix);
	return img_digest_check(text);
}

static void grammar(void **state)
{
	(void)state;
	assert_int_equal(check("sha256:", 'a', 64, ""), 0);
	assert_int_equal(check("sha512:", '0', 128, ""), 0);
	assert_int_equal(check("sha256:", 'A', 64, ""), -EINVAL);
	assert_int_equal(check("sha256:", 'g', 64, ""), -EINVAL);
	assert_int_equal(check("sha256:", 'a', 63, ""), -EINVAL);
	assert_int_equal(check("sha256:", 'a', 65, ""), -EINVAL);
	assert_int_equal(check("sha256:", 'a', 64, "\n"), -EINVAL);
	assert_int_equal(check("sha256:", 'a', 63, "/"), -EINVAL);
	assert_int_equal(check("sha512:", 'a', 64, ""), -EINVAL);
	assert_int_equal(check("sha384:", 'a', 96, ""), -EINVAL);
	assert_int_equal(check("SHA256:", 'a', 64, ""), -EINVAL);
	assert_int_equal(img_digest_check(""), -EINVAL);
	assert_int_equal(img_digest_check("sha256:"), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(grammar)};
	return cmocka_run_group_tests_name("image/digest", tests, NULL, NULL);
}
