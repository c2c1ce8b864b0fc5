/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of spec/defaults: the config of the spec verb. */
#include "tests/unit/spec/doc.h"
#include "base/ban.h"

static void assert_loads(const struct spec_config *c)
{
	struct buf b = {0};
	struct spec_config *again;

	json_print(&spec_table_config, c, 4, &b);
	doc_assert_ok(spec_load(b.data, b.len, &doc_arena, &doc_errs, &again));
	buf_done(&b);
}

static void test_root(void **state)
{
	const struct spec_config *c;

	(void)state;
	doc_text("");
	c = spec_default(&doc_arena, false, 0, 0);
	assert_loads(c);
	assert_string_equal(c->oci_version, SPEC_VERSION);
	assert_string_equal(c->process->args.v[0], "sh");
	assert_true(c->process->terminal.v && c->process->no_new_privileges.v &&
		    c->root->readonly.v);
	assert_int_equal(c->process->user->umask.v, 022);
	assert_int_equal(c->process->capabilities->bounding.n, 3);
	assert_null(c->process->capabilities->ambient.v);
	assert_int_equal(c->mounts.n, 7);
	assert_int_equal(c->linux_->namespaces.n, 6);
	assert_null(spec_ns(c, SPEC_NS_USER));
	assert_non_null(c->linux_->resources);
}

static void test_rootless(void **state)
{
	const struct spec_config *c;

	(void)state;
	doc_text("");
	c = spec_default(&doc_arena, true, 1000, 1001);
	assert_loads(c);
	assert_true(spec_ns_is_new(c, SPEC_NS_USER) && spec_ns_is_new(c, SPEC_NS_NETWORK));
	assert_int_equal(c->linux_->uid_mappings.v[0].host_id.v, 1000);
	assert_int_equal(c->linux_->gid_mappings.v[0].host_id.v, 1001);
	assert_int_equal(c->linux_->gid_mappings.v[0].size.v, 1);
	assert_null(c->linux_->resources);
	for (size_t i = 0; i < c->mounts.n; i++) {
		const struct spec_mount *m = &c->mounts.v[i];

		for (size_t k = 0; k < m->options.n; k++)
			assert_false(str_starts(m->options.v[k], "gid="));
		if (str_eq(m->destination, "/sys"))
			assert_string_equal(m->options.v[0], "rbind");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_root),
		cmocka_unit_test(test_rootless),
	};
	return cmocka_run_group_tests_name("spec/defaults", tests, NULL, doc_teardown);
}
