/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of spec/f_state: the state objects. */
#include "tests/unit/spec/doc.h"
#include "base/ban.h"

static void test_state(void **state)
{
	char version[] = "1.3.0", id[] = "c1", bundle[] = "/b", key[] = "k", value[] = "v";
	struct strpair pairs[] = {{key, value}};
	struct spec_state s = {.oci_version = version,
			       .id = id,
			       .status = {true, SPEC_STOPPED},
			       .bundle = bundle,
			       .annotations = {pairs, 1}};
	struct buf b = {0};
	void *again;

	(void)state;
	doc_text("");
	json_print(&spec_table_state, &s, 0, &b); /* H09: compact */
	assert_string_equal(b.data, "{\"ociVersion\":\"1.3.0\",\"id\":\"c1\",\"pid\":0,"
				    "\"status\":\"stopped\",\"bundle\":\"/b\","
				    "\"annotations\":{\"k\":\"v\"}}");
	doc_assert_ok(json_parse(&spec_table_state, b.data, b.len, &doc_arena, &doc_errs, &again));
	assert_int_equal(((struct spec_state *)again)->status.v, SPEC_STOPPED);
	buf_done(&b);
}

static void test_process_state(void **state)
{
	char version[] = "1.3.0", fd[] = "seccompFd", id[] = "c1", bundle[] = "/b";
	char *fds[] = {fd, NULL};
	struct spec_state s = {.oci_version = version,
			       .id = id,
			       .status = {true, SPEC_CREATING},
			       .pid = {true, 4},
			       .bundle = bundle};
	struct spec_process_state p = {version, {fds, 1}, {true, 4}, NULL, &s};
	struct buf b = {0};

	(void)state;
	json_print(&spec_table_process_state, &p, 0, &b);
	assert_string_equal(b.data, "{\"ociVersion\":\"1.3.0\",\"fds\":[\"seccompFd\"],\"pid\":4,"
				    "\"state\":{\"ociVersion\":\"1.3.0\",\"id\":\"c1\",\"pid\":4,"
				    "\"status\":\"creating\",\"bundle\":\"/b\"}}");
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_state),
		cmocka_unit_test(test_process_state),
	};
	return cmocka_run_group_tests_name("spec/f_state", tests, NULL, doc_teardown);
}
