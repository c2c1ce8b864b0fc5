/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of base/json_view: one value by its path, and the outline for a terminal. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/auto.h"
#include "base/json_view.h"
#include "base/ban.h"

static const char doc[] =
	"{\"id\":\"w\\\"eb\",\"pid\":12,\"on\":true,\"none\":[],\"list\":[\"a\",\"b c\"],"
	"\"values\":{\"memory\":{\"x\":1},\"memory.max\":\"9\",\"cpu.max\":\"max 1\"},"
	"\"ns\":[{\"type\":\"pid\",\"o\":[1,2]},{\"type\":\"net\\u001b\"}],"
	"\"deep\":[{\"a\":{\"b\":\"c\"}}]}";

static void finds(const char *path, const char *want)
{
	const char *value = NULL;
	size_t n = 0;
	AUTO(buf) out = {0};

	assert_int_equal(json_view_find(doc, path, &value, &n), 0);
	json_view_raw(value, n, &out);
	out.data[out.len - 1] = '\0';
	assert_string_equal(out.data, want);
}

static void test_find(void **state)
{
	static const char *const wrong[] = {"x",	  "id.x",    "list[2]",	   "list[",
					    "list[x]",	  "ns.type", "values.mem", "pid[0]",
					    "list[0][0]", "none[0]", "ns[0]type"};
	const char *value = NULL;
	size_t n = 0;

	(void)state;
	finds("pid", "12");
	finds(".pid", "12");
	finds("id", "w\"eb");
	finds("on", "true");
	finds("list[1]", "b c");
	finds("list", "[\"a\",\"b c\"]");
	finds("values.memory.max", "9");
	finds("values.memory", "{\"x\":1}");
	finds("values.memory.x", "1");
	finds("ns[0].o[1]", "2");
	finds("deep[0].a.b", "c");
	assert_int_equal(json_view_find(doc, "", &value, &n), 0);
	assert_int_equal(n, sizeof(doc) - 1);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(json_view_find(doc, wrong[i], &value, &n), -ENOENT);
}

static void test_outline(void **state)
{
	AUTO(buf) out = {0};

	(void)state;
	json_view_outline(doc, &out);
	assert_string_equal(out.data,
			    "id: w\"eb\npid: 12\non: true\nnone:\nlist: a b c\nvalues:\n"
			    "  memory:\n    x: 1\n  memory.max: 9\n  cpu.max: max 1\nns:\n"
			    "  - type pid, o 1 2\n  - type net\\x1b\ndeep:\n  0:\n    a:\n"
			    "      b: c\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_outline),
	};

	return cmocka_run_group_tests_name("base/json_view", tests, NULL, NULL);
}
