/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of base/mem: arenas, buffers, and what happens when memory is gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/ban.h"

static void test_arena_sizes(void **state)
{
	AUTO(arena) a = {0};
	char *p[3000];
	size_t total = 0;

	(void)state;
	for (size_t i = 0; i < 3000; i++) {
		size_t n = i % 7 == 0 ? i * 5 : i % 61;

		p[i] = arena_alloc(&a, n);
		assert_non_null(p[i]);
		assert_int_equal((uintptr_t)p[i] % _Alignof(max_align_t), 0);
		for (size_t k = 0; k < n; k++)
			assert_int_equal(p[i][k], 0);
		memset(p[i], (int)(i & 0x7f), n);
		total += n;
	}
	for (size_t i = 0; i < 3000; i++) {
		size_t n = i % 7 == 0 ? i * 5 : i % 61;

		for (size_t k = 0; k < n; k++)
			assert_int_equal(p[i][k], i & 0x7f);
	}
	assert_int_equal(a.total, total);
}

static void test_arena_reuse(void **state)
{
	struct arena a = {0};

	(void)state;
	arena_done(&a);
	for (int i = 0; i < 5; i++) {
		assert_non_null(arena_alloc(&a, 1 << 20));
		assert_non_null(arena_alloc(&a, 10));
		arena_done(&a);
		assert_int_equal(a.total, 0);
		assert_null(a.head);
	}
	arena_done(&a);
}

static void test_arena_strings(void **state)
{
	AUTO(arena) a = {0};
	char *s;

	(void)state;
	assert_string_equal(arena_strdup(&a, "abc"), "abc");
	assert_string_equal(arena_strdup(&a, ""), "");
	assert_string_equal(arena_strndup(&a, "abcdef", 3), "abc");
	assert_string_equal(arena_strndup(&a, "ab", 30), "ab");
	assert_string_equal(arena_printf(&a, "%d-%s", 42, "x"), "42-x");
	s = arena_printf(&a, "%5000d", 1);
	assert_int_equal(strlen(s), 5000);
	assert_non_null(arena_array(&a, 0, 16));
}

static void test_mem(void **state)
{
	AUTO_FREE char *s = mem_printf("%s=%d", "a", 1);
	AUTO_FREE char *t = mem_strdup(s);
	AUTO_FREE int *v = mem_alloc(4 * sizeof(int));

	(void)state;
	assert_string_equal(t, "a=1");
	assert_int_equal(v[3], 0);
	v[3] = 7;
	v = mem_realloc(v, 4000, sizeof(int));
	assert_int_equal(v[3], 7);
	v = mem_realloc(v, 0, sizeof(int));
	assert_non_null(v);
}

static void test_buf(void **state)
{
	AUTO(buf) b = {0};

	(void)state;
	assert_null(b.data);
	buf_adds(&b, "");
	assert_string_equal(b.data, "");
	for (int i = 0; i < 1000; i++) {
		buf_addc(&b, 'x');
		buf_adds(&b, "yz");
		buf_printf(&b, "%03d", i);
		assert_int_equal(b.data[b.len], '\0');
	}
	assert_int_equal(b.len, 6000);
	assert_string_equal(b.data + 5994, "xyz999");
	memcpy(buf_room(&b, 300), "abc", 3);
	b.len += 3;
	buf_add(&b, "\0q", 2);
	assert_int_equal(b.len, 6005);
	assert_memory_equal(b.data + 6000, "abc\0q", 6);
	buf_done(&b);
	buf_done(&b);
	assert_null(b.data);
}

/* A room that is filled to its end is terminated without another call. */
static void test_buf_room_is_terminated(void **state)
{
	AUTO(buf) b = {0};

	(void)state;
	memset(buf_room(&b, 500), 'a', 500);
	b.len += 500;
	assert_int_equal(strlen(b.data), 500);
}

static void hungry_array(void)
{
	struct arena a = {0};

	arena_array(&a, SIZE_MAX / 2, 16);
}

static void hungry_arena(void)
{
	struct arena a = {0};

	arena_alloc(&a, SIZE_MAX - 3);
}

static void hungry_realloc(void)
{
	mem_realloc(NULL, SIZE_MAX / 4, 8);
}

static void hungry_buf(void)
{
	struct buf b = {0};

	buf_adds(&b, "abc");
	buf_room(&b, SIZE_MAX - 2);
}

static void test_out_of_memory(void **state)
{
	void (*const cases[])(void) = {hungry_array, hungry_arena, hungry_realloc, hungry_buf};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[64] = "";
		int ends[2], status;
		pid_t pid;

		assert_int_equal(pipe(ends), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			dup2(ends[1], 2);
			cases[i]();
			_exit(0);
		}
		close(ends[1]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 1);
		assert_true(fd_read_all(ends[0], text, sizeof(text) - 1) > 0);
		assert_string_equal(text, "stiva: out of memory\n");
		close(ends[0]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arena_sizes),   cmocka_unit_test(test_arena_reuse),
		cmocka_unit_test(test_arena_strings), cmocka_unit_test(test_mem),
		cmocka_unit_test(test_buf),	      cmocka_unit_test(test_buf_room_is_terminated),
		cmocka_unit_test(test_out_of_memory),
	};

	return cmocka_run_group_tests_name("base/mem", tests, NULL, NULL);
}
