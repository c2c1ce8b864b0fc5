/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of checkpoint/wire and of what checkpoint/criu reads with it: the numbers of the protobuf
 * guide, every cut of a message, and random bytes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "checkpoint/criu.h"
#include "checkpoint/wire.h"

static struct ckpt_wire open_at(const void *p, size_t n)
{
	return (struct ckpt_wire){p, (const unsigned char *)p + n};
}

/* The examples of protobuf.dev/programming-guides/encoding. */
static void examples_of_the_guide(void **state)
{
	AUTO(buf) b = {0};

	(void)state;
	ckpt_wire_number(&b, 1, 150);
	assert_int_equal(b.len, 3);
	assert_memory_equal(b.data, "\x08\x96\x01", 3);
	b.len = 0;
	ckpt_wire_text(&b, 2, "testing");
	assert_memory_equal(b.data, "\x12\x07testing", 9);
	b.len = 0;
	ckpt_wire_number(&b, 1, (uint64_t)-2);
	assert_memory_equal(b.data, "\x08\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11);
}

static void there_and_back(void **state)
{
	static const uint64_t values[] = {0,	 1,	     127,	128,	   16383,
					  16384, UINT32_MAX, INT64_MAX, UINT64_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		AUTO(buf) b = {0};
		struct ckpt_wire_field f;

		ckpt_wire_number(&b, 67, values[i]);
		ckpt_wire_bytes(&b, 9, "", 0);
		struct ckpt_wire w = open_at(b.data, b.len);
		assert_int_equal(ckpt_wire_next(&w, &f), 1);
		assert_int_equal(f.number, 67);
		assert_true(f.v == values[i] && !f.data);
		assert_int_equal(ckpt_wire_next(&w, &f), 1);
		assert_int_equal(f.number, 9);
		assert_true(f.data && f.n == 0);
		assert_int_equal(ckpt_wire_next(&w, &f), 0);
	}
}

static void what_is_no_message(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} bad[] = {
		{"\x08", 1},					      /* no value */
		{"\x08\x80", 2},				      /* it goes on */
		{"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11}, /* 65 bits */
		{"\x12\x05"
		 "abcd",
		 6},						      /* longer than there is */
		{"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11}, /* the same, by far */
		{"\x0b\x0c", 2},				      /* a group */
		{"\x00\x01", 2},				      /* field 0 */
		{"\x0d\x01\x02\x03", 4},			      /* half of a fixed32 */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct ckpt_wire w = open_at(bad[i].bytes, bad[i].n);
		struct ckpt_wire_field f;
		assert_int_equal(ckpt_wire_next(&w, &f), -EBADMSG);
	}
}

/* As criu 4.1.1 answers. */
static void make_answer(struct buf *b)
{
	AUTO(buf) version = {0}, features = {0};

	ckpt_wire_number(&version, 1, 4);
	ckpt_wire_number(&version, 2, 1);
	ckpt_wire_text(&version, 3, "v4.1.1");
	ckpt_wire_number(&version, 4, 1);
	ckpt_wire_number(&features, 2, 1);
	ckpt_wire_number(&features, 77, 1); /* of a later criu */
	ckpt_wire_number(b, 1, CKPT_CRIU_VERSION);
	ckpt_wire_number(b, 2, 1);
	ckpt_wire_number(b, 7, (uint64_t)-EPERM);
	ckpt_wire_bytes(b, 8, features.data, features.len);
	ckpt_wire_text(b, 9, "Error (criu/util.c:1534): something");
	ckpt_wire_bytes(b, 10, version.data, version.len);
	ckpt_wire_bytes(b, 99, "x", 1);
}

static void answers(void **state)
{
	struct ckpt_criu_answer got = {0};
	AUTO(arena) a = {0};
	AUTO(buf) b = {0};

	(void)state;
	make_answer(&b);
	assert_int_equal(ckpt_criu_decode(b.data, b.len, &a, &got), 0);
	assert_int_equal(got.type, CKPT_CRIU_VERSION);
	assert_true(got.is_success && got.has_lazy_pages && !got.has_mem_track);
	assert_int_equal(got.cr_errno, -EPERM);
	assert_string_equal(got.errmsg, "Error (criu/util.c:1534): something");
	assert_int_equal(got.major * 10000 + got.minor * 100 + got.sublevel, 40101);
	/* A message where a number should be. */
	b.len = 0;
	ckpt_wire_number(&b, 10, 4);
	assert_int_equal(ckpt_criu_decode(b.data, b.len, &a, &got), -EBADMSG);
	assert_int_equal(got.major, 4);
}

/* Every cut, every changed byte and random bytes: an answer or -EBADMSG, nothing read outside
 * (under ASan, each in a block of its own size). */
static void whatever_comes(void **state)
{
	AUTO(buf) b = {0};
	unsigned seed = 1;

	(void)state;
	make_answer(&b);
	for (size_t i = 0; i < 20000; i++) {
		AUTO(arena) a = {0};
		struct ckpt_criu_answer got;
		size_t n = i < b.len ? i : i % (b.len + 1);
		unsigned char *p = malloc(n + !n);

		assert_non_null(p);
		memcpy(p, b.data, n);
		if (i >= b.len && n)
			for (unsigned k = 0; k < 1 + i % 3; k++)
				p[(unsigned)rand_r(&seed) % n] = (unsigned char)rand_r(&seed);
		int r = ckpt_criu_decode(p, n, &a, &got);
		assert_true(r == 0 || r == -EBADMSG);
		free(p);
	}
}

static void harmless_errors(void **state)
{
	(void)state;
	assert_false(ckpt_criu_is_error(NULL));
	assert_false(ckpt_criu_is_error(""));
	assert_false(ckpt_criu_is_error("Error (criu/util.c:1534): rlimit: Can't setup "
					"RLIMIT_NOFILE for self: Operation not permitted"));
	assert_true(ckpt_criu_is_error("Error (criu/cr-dump.c:1): Unable to freeze"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples_of_the_guide), cmocka_unit_test(there_and_back),
		cmocka_unit_test(what_is_no_message),	 cmocka_unit_test(answers),
		cmocka_unit_test(whatever_comes),	 cmocka_unit_test(harmless_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
