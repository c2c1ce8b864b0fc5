/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of cgroups/psi: what is written to arm a trigger, what an unprivileged caller gets, errors.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "cgroups/internal.h"
#include "fixture.h"
#include "tests/unit/story.h"
#include "base/ban.h"

static void test_arm_writes_one_trigger(void **state)
{
	struct fixture f;
	struct cg c = CG_NONE;
	struct cg_psi_trigger t = {
		.file = CG_PSI_MEMORY, .stall_usec = 100000, .window_usec = 1000000};
	char text[64] = "";
	int fd = -1;

	(void)state;
	fixture_make(&f);
	fixture_put(&f, "memory.pressure", "");
	fixture_put(&f, "cpu.pressure", "");
	c.dir_fd = f.fd;
	OK(cg_psi_arm(&c, &t, &fd, &e));
	assert_int_equal(pread(fd, text, sizeof(text), 0), strlen("some 100000 1000000") + 1);
	assert_string_equal(text, "some 100000 1000000"); /* with its NUL */
	close(fd);
	t = (struct cg_psi_trigger){
		.file = CG_PSI_CPU, .is_full = true, .stall_usec = 50000, .window_usec = 500000};
	OK(cg_psi_arm(&c, &t, &fd, &e));
	assert_true(pread(fd, text, sizeof(text), 0) > 0);
	assert_string_equal(text, "full 50000 500000");
	close(fd);
	fixture_done(&f);
}

/* Linux 6.5 and later: without CAP_SYS_RESOURCE only multiples of 2 s. */
static void test_widen(void **state)
{
	static const struct {
		uint32_t stall, window, wide_stall, wide_window;
	} rows[] = {{100000, 1000000, 200000, 2000000},
		    {50000, 500000, 200000, 2000000},
		    {300000, 3000000, 400000, 4000000},
		    {1000000, 10000000, 1000000, 10000000}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cg_psi_trigger t = {.stall_usec = rows[i].stall,
					   .window_usec = rows[i].window};

		assert_int_equal(cg_psi_widen(&t), rows[i].window != rows[i].wide_window);
		assert_int_equal(t.stall_usec, rows[i].wide_stall);
		assert_int_equal(t.window_usec, rows[i].wide_window);
		assert_false(cg_psi_widen(&t));
	}
}

static void test_refusals(void **state)
{
	struct fixture f;
	struct cg c = CG_NONE;
	struct cg_psi_trigger t = {
		.file = CG_PSI_MEMORY, .stall_usec = 100000, .window_usec = 1000000};
	int fd = -1;

	(void)state;
	fixture_make(&f);
	c.dir_fd = f.fd;
	snprintf(c.path, sizeof(c.path), "/web");
	/* No file: psi=0, or no PSI at all. */
	FAILS(EOPNOTSUPP, cg_psi_arm(&c, &t, &fd, &e));
	HAS("memory.pressure");
	HAS("psi=1");
	assert_int_equal(e.class, ERR_MISSING);
	assert_int_equal(fd, -1);
	/* A kernel file that takes no such text refuses the first, and the wider one. */
	assert_int_equal(symlinkat("/proc/self/oom_score_adj", f.fd, "memory.pressure"), 0);
	FAILS(EINVAL, cg_psi_arm(&c, &t, &fd, &e));
	HAS("200000 us in 2000000 us");
	assert_int_equal(t.window_usec, 2000000);
	fixture_done(&f);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(cg_psi_name(CG_PSI_CPU), "cpu.pressure");
	assert_string_equal(cg_psi_name(CG_PSI_IO), "io.pressure");
	assert_string_equal(cg_psi_name(CG_PSI_MEMORY), "memory.pressure");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_arm_writes_one_trigger),
		cmocka_unit_test(test_widen),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
