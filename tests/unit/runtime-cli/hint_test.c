/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of runtime/cli/hint: the right advice for the errors that people meet, and none elsewhere.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "runtime/cli/cmd.h"

static const char *hint_of(enum err_class class, int code, const char *text)
{
	struct err e = ERR_INIT;

	err_set(&e, class, code, "%s", text);
	return cmd_hint(&e);
}

static void known_errors_have_a_hint(void **state)
{
	(void)state;
	assert_non_null(strstr(hint_of(ERR_STATE, ENOENT, "state x: container does not exist"),
			       "stiva list"));
	assert_non_null(strstr(hint_of(ERR_STATE, EEXIST,
				       "create x: container with given ID already exists: \"x\""),
			       "another id"));
	assert_non_null(strstr(
		hint_of(ERR_STATE, EBUSY, "exec x: cannot exec in a paused container (use ...)"),
		"resume"));
	assert_non_null(strstr(hint_of(ERR_MISSING, ENOTSUP, "whatever"), "stiva doctor"));
	assert_non_null(strstr(hint_of(ERR_BUG, EIO, "whatever"), "report"));
}

static void others_have_none(void **state)
{
	(void)state;
	assert_null(hint_of(ERR_INPUT, EINVAL, "process.cwd: is not absolute"));
	assert_null(hint_of(ERR_KERNEL, EIO, "read \"/x\": input/output error"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_errors_have_a_hint),
		cmocka_unit_test(others_have_none),
	};

	return cmocka_run_group_tests_name("runtime-cli/hint", tests, NULL, NULL);
}
