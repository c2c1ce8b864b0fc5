/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 against the examples of FIPS 180-4 and sha256sum, by both ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "checkpoint/digest.h"

static void of(const void *p, size_t n, size_t step, char ret[CKPT_DIGEST_TEXT])
{
	struct ckpt_digest d;

	ckpt_digest_begin(&d);
	for (size_t at = 0; at < n; at += step)
		ckpt_digest_add(&d, (const char *)p + at, n - at < step ? n - at : step);
	ckpt_digest_end(&d, ret);
}

static void examples(void **state)
{
	static const struct {
		const char *text, *digest;
	} rows[] = {
		{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		 "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
	};
	char is[CKPT_DIGEST_TEXT];

	(void)state;
	for (int plain = 0; plain < 2; plain++) {
		ckpt_digest_test_plain(plain);
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			of(rows[i].text, strlen(rows[i].text), 1000, is);
			assert_string_equal(is, rows[i].digest);
		}
	}
}

/* The million "a", in pieces of any size. */
static void pieces(void **state)
{
	static const size_t steps[] = {1, 55, 63, 64, 65, 4096, 1000000};
	char *text = malloc(1000000), is[CKPT_DIGEST_TEXT];

	(void)state;
	assert_non_null(text);
	memset(text, 'a', 1000000);
	for (int plain = 0; plain < 2; plain++) {
		ckpt_digest_test_plain(plain);
		for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
			of(text, 1000000, steps[i], is);
			assert_string_equal(
				is,
				"cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
		}
	}
	free(text);
}

/* Both ways agree at each length around a block's end. */
static void ends(void **state)
{
	char text[200], a[CKPT_DIGEST_TEXT], b[CKPT_DIGEST_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(i * 7 + 3);
	for (size_t n = 0; n <= sizeof(text); n++) {
		ckpt_digest_test_plain(0);
		of(text, n, 200, a);
		ckpt_digest_test_plain(1);
		of(text, n, 13, b);
		assert_string_equal(a, b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples),
		cmocka_unit_test(pieces),
		cmocka_unit_test(ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
