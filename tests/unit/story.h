/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/story: asserts for story functions, whose last parameter is the file's own `struct err
 * e`. Include it after cmocka.h and base/err.h, before base/ban.h.
 */
#ifndef STIVA_TESTS_UNIT_STORY_H
#define STIVA_TESTS_UNIT_STORY_H

static struct err e;

/* The call fails with this errno, and says why. */
#define FAILS(code_, call)                                                                         \
	do {                                                                                       \
		err_clear(&e);                                                                     \
		assert_int_equal(call, -(code_));                                                  \
		assert_int_equal(e.code, code_);                                                   \
		assert_true(e.text[0] && e.len == strlen(e.text));                                 \
	} while (0)
#define OK(call)                                                                                   \
	do {                                                                                       \
		err_clear(&e);                                                                     \
		if ((call) != 0)                                                                   \
			fail_msg("%s: %s", #call, e.text);                                         \
	} while (0)
/* The text of the last failure names this. */
#define HAS(text_)                                                                                 \
	do {                                                                                       \
		if (!strstr(e.text, text_))                                                        \
			fail_msg("no \"%s\" in: %s", text_, e.text);                               \
	} while (0)

#endif
