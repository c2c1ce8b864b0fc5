/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of base/step: order, undo, faults (the last in -DSTIVA_FAULTS builds only). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include "base/auto.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/step.h"
#include "tests/unit/base/scratch.h"
#include "base/ban.h"

struct world {
	struct buf log;
	char fails; /* the row that fails */
	bool skips_b, is_silent;
};

static int run(struct world *w, char row, struct err *e)
{
	buf_addc(&w->log, row);
	if (w->fails != row)
		return 0;
	return w->is_silent ? -ENXIO : err_set(e, ERR_STATE, EBUSY, "row %c", row);
}

static int run_a(void *ctx, struct err *e)
{
	return run(ctx, 'a', e);
}

static int run_b(void *ctx, struct err *e)
{
	return run(ctx, 'b', e);
}

static int run_c(void *ctx, struct err *e)
{
	return run(ctx, 'c', e);
}

static void undo_a(void *ctx)
{
	buf_addc(&((struct world *)ctx)->log, 'A');
}

static void undo_b(void *ctx)
{
	struct world *w = ctx;

	buf_addc(&w->log, 'B');
	/* What `when` says now must not matter any more. */
	w->skips_b = !w->skips_b;
}

static void undo_c(void *ctx)
{
	buf_addc(&((struct world *)ctx)->log, 'C');
}

static bool wants_b(const void *ctx)
{
	return !((const struct world *)ctx)->skips_b;
}

static const struct step rows[] = {{"a", NULL, run_a, undo_a},
				   {"b", wants_b, run_b, undo_b},
				   {"bare", NULL, run_b, NULL},
				   {"c", NULL, run_c, undo_c}};
static const struct step_list list = {"create", rows, 4};

static void expect(struct world w, int want, const char *log)
{
	struct err e = ERR_INIT;

	assert_int_equal(step_run(&list, &w, &e), want);
	assert_string_equal(w.log.data, log);
	assert_int_equal(e.code, -want);
	buf_done(&w.log);
}

static void test_order(void **state)
{
	(void)state;
	expect((struct world){.fails = 0}, 0, "abbc");
	expect((struct world){.skips_b = true}, 0, "abc");
	expect((struct world){.fails = 'a'}, -EBUSY, "aA");
	expect((struct world){.fails = 'b'}, -EBUSY, "abBA");
	expect((struct world){.fails = 'c'}, -EBUSY, "abbcCBA");
	expect((struct world){.fails = 'c', .skips_b = true}, -EBUSY, "abcCA");
}

static void test_error(void **state)
{
	struct world w = {.fails = 'b'};
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(step_run(&list, &w, &e), -EBUSY);
	assert_string_equal(e.text, "row b");
	err_clear(&e);
	w.is_silent = true;
	assert_int_equal(step_run(&list, &w, &e), -ENXIO);
	assert_int_equal(e.class, ERR_BUG);
	assert_non_null(strstr(e.text, "create."));
	buf_done(&w.log);
}

static void test_undo_all(void **state)
{
	struct world w = {.skips_b = true};

	(void)state;
	step_undo_all(&list, &w);
	assert_string_equal(w.log.data, "CBA");
	buf_done(&w.log);
}

static void test_too_long(void **state)
{
	const struct step_list endless = {"endless", rows, 100000};
	struct world w = {0};
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(step_run(&endless, &w, &e), -E2BIG);
	assert_null(w.log.data);
}

#ifdef STIVA_FAULTS
/* Runs the list in a child with this fault; its log comes back by a pipe. */
static void expect_fault(const char *fault, int status, const char *log)
{
	int pidfd = FD_NONE, got = 0, ends[2];
	char text[32] = "";
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	setenv("STIVA_FAULT", fault, 1);
	pid = proc_clone(0, -1, &pidfd);
	if (pid == 0) {
		struct world w = {0};
		struct err e = ERR_INIT;
		int r = step_run(&list, &w, &e);

		_exit(write(ends[1], w.log.data, w.log.len) < 0 ? 9 : -r);
	}
	unsetenv("STIVA_FAULT");
	close(ends[1]);
	assert_int_equal(proc_wait(pidfd, -1, &got), 0);
	assert_int_equal(got, status);
	assert_true(read(ends[0], text, sizeof(text) - 1) >= 0);
	assert_string_equal(text, log);
	close(ends[0]);
	close(pidfd);
}

static void test_faults(void **state)
{
	(void)state;
	expect_fault("create.b:fail", EIO, "aBA");
	expect_fault("create.b:fail-after", EIO, "abBA");
	expect_fault("create.bare:fail", EIO, "abBA");
	expect_fault("create.c:kill", 128 + SIGKILL, "");
	expect_fault("create.c:kill-after", 128 + SIGKILL, "");
	expect_fault("create.undo.a:kill", 0, "abbc");
	expect_fault("other.c:kill", 0, "abbc");
	expect_fault("create.c:junk", 0, "abbc");
	expect_fault("create.:kill", 0, "abbc");
}
#endif

/* STIVA_TIMING: a line per row that ran. Last, because the file stays open. */
static void test_timing(void **state)
{
	struct world w = {.skips_b = true};
	struct err e = ERR_INIT;
	struct scratch s;
	char path[128], text[256] = "";
	int fd;

	(void)state;
	scratch_make(&s);
	snprintf(path, sizeof(path), "%s/timing", s.path);
	setenv("STIVA_TIMING", path, 1);
	assert_int_equal(step_run(&list, &w, &e), 0);
	unsetenv("STIVA_TIMING");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	assert_int_equal(strncmp(text, "create a ", 9), 0);
	assert_non_null(strstr(text, "\ncreate bare "));
	assert_non_null(strstr(text, "\ncreate c "));
	assert_null(strstr(text, "create b "));
	close(fd);
	scratch_done(&s);
	buf_done(&w.log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),	 cmocka_unit_test(test_error),
		cmocka_unit_test(test_undo_all), cmocka_unit_test(test_too_long),
#ifdef STIVA_FAULTS
		cmocka_unit_test(test_faults),
#endif
		cmocka_unit_test(test_timing),
	};

	return cmocka_run_group_tests_name("base/step", tests, NULL, NULL);
}
