/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of runtime/cli/out: what of a table gives way on a narrow terminal, and in which order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "base/auto.h"
#include "runtime/cli/out.h"
#include "base/ban.h"

static const char *const table_cells[] = {
	"ID", "STATUS", "CPU",	  "IO",	  "a-long-name-of-22-chars", "running", "0.1%", "12M/3M",
	"b",  "paused", "100.0%", "0B/0B"};

static void expect(size_t width, const char *want)
{
	AUTO(arena) a = {0};
	AUTO(buf) out = {0};
	struct cmd_table t = {.arena = &a, .n_cols = 4, .min_width = 8, .gap = 3, .width = width};

	for (size_t i = 0; i < sizeof(table_cells) / sizeof(table_cells[0]); i++)
		cmd_table_add(&t, table_cells[i]);
	cmd_table_print(&t, &out);
	assert_string_equal(out.data, want);
}

static void test_width(void **state)
{
	(void)state;
	const char *wide = "ID                        STATUS    CPU      IO\n"
			   "a-long-name-of-22-chars   running   0.1%     12M/3M\n"
			   "b                         paused    100.0%   0B/0B\n";

	expect(0, wide);
	expect(51, wide);
	expect(50, "ID                      STATUS  CPU    IO\n"
		   "a-long-name-of-22-chars running 0.1%   12M/3M\n"
		   "b                       paused  100.0% 0B/0B\n");
	expect(40, "ID                 STATUS  CPU    IO\n"
		   "a-long-name-of-22- running 0.1%   12M/3M\n"
		   "b                  paused  100.0% 0B/0B\n");
	expect(33, "ID           STATUS  CPU\n"
		   "a-long-name- running 0.1%\n"
		   "b            paused  100.0%\n");
	expect(1, "ID\na-long-name-\nb\n");
}

static void test_characters(void **state)
{
	AUTO(arena) a = {0};
	AUTO(buf) out = {0};
	struct cmd_table t = {.arena = &a, .n_cols = 2, .min_width = 8, .gap = 3, .width = 15};

	(void)state;
	cmd_table_add(&t, "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
			  "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xb6");
	cmd_table_add(&t, "xy");
	cmd_table_print(&t, &out);
	assert_string_equal(out.data,
			    "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
			    "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4 xy\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_width),
		cmocka_unit_test(test_characters),
	};

	return cmocka_run_group_tests_name("runtime-cli/out", tests, NULL, NULL);
}
