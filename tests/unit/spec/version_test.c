/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of spec/version: the window of ociVersion. */
#include "tests/unit/spec/doc.h"
#include "base/ban.h"

static void G01_wrong(void **state)
{
	(void)state;
	config_bad("{'root':{'path':'r'},'linux':{'namespaces':[{'type':'mount'}]}}", "ociVersion",
		   "must be present");
	config_bad(TOP("'ociVersion':''"), "ociVersion", "is not a semantic version");
	config_bad(TOP("'ociVersion':'1'"), "ociVersion", "is not a semantic version");
	config_bad(TOP("'ociVersion':'1.0'"), "ociVersion", "is not a semantic version");
	config_bad(TOP("'ociVersion':'1.0.0.0'"), "ociVersion", "is not a semantic version");
	config_bad(TOP("'ociVersion':'01.0.0'"), "ociVersion", "is not a semantic version");
	config_bad(TOP("'ociVersion':'1.0.0-'"), "ociVersion", "is not a semantic version");
	config_bad(TOP("'ociVersion':'1.0.0-a..b'"), "ociVersion", "is not a semantic version");
	config_bad(TOP("'ociVersion':'1.0.0+'"), "ociVersion", "is not a semantic version");
	config_bad(TOP("'ociVersion':'v1.0.0'"), "ociVersion", "is not a semantic version");
	config_bad(TOP("'ociVersion':' 1.0.0'"), "ociVersion", "is not a semantic version");
	config_bad(TOP("'ociVersion':'garbage'"), "ociVersion", "is not a semantic version");
	config_bad(TOP("'ociVersion':'2.0.0'"), "ociVersion", "is not a version 1.x");
	config_bad(TOP("'ociVersion':'0.9.0'"), "ociVersion", "is not a version 1.x");
	config_bad(TOP("'ociVersion':'10.0.0'"), "ociVersion", "is not a version 1.x");
	config_bad(TOP("'ociVersion':1"), "ociVersion", "expected a string");
}

static void G01_right(void **state)
{
	(void)state;
	config_ok(TOP("'ociVersion':'1.0.0'"));
	config_ok(TOP("'ociVersion':'1.0.2-dev'"));
	config_ok(TOP("'ociVersion':'1.0.0-rc5+build.7-x'"));
	config_ok(TOP("'ociVersion':'1.3.0'"));
	config_ok(TOP("'ociVersion':'1.12.0'"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(G01_wrong),
		cmocka_unit_test(G01_right),
	};
	return cmocka_run_group_tests_name("spec/version", tests, NULL, doc_teardown);
}
