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
	c = spec_default(&doc_arena, NULL, NULL);
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

static bool has_option(const struct spec_config *c, const char *start)
{
	for (size_t i = 0; i < c->mounts.n; i++)
		for (size_t k = 0; k < c->mounts.v[i].options.n; k++)
			if (str_starts(c->mounts.v[i].options.v[k], start))
				return true;
	return false;
}

static void test_rootless(void **state)
{
	static const struct id_range uid = {0, 1000, 1}, gid = {0, 1001, 1};
	const struct id_map uids = {&uid, 1}, gids = {&gid, 1};
	const struct spec_config *c;

	(void)state;
	doc_text("");
	c = spec_default(&doc_arena, &uids, &gids);
	assert_loads(c);
	assert_true(spec_ns_is_new(c, SPEC_NS_USER) && spec_ns_is_new(c, SPEC_NS_NETWORK));
	assert_int_equal(c->linux_->uid_mappings.v[0].host_id.v, 1000);
	assert_int_equal(c->linux_->gid_mappings.v[0].host_id.v, 1001);
	assert_int_equal(c->linux_->gid_mappings.v[0].size.v, 1);
	assert_null(c->linux_->resources);
	assert_false(has_option(c, "gid="));
	for (size_t i = 0; i < c->mounts.n; i++)
		if (str_eq(c->mounts.v[i].destination, "/sys"))
			assert_string_equal(c->mounts.v[i].options.v[0], "rbind");
}

/* With ranges of /etc/subuid they are all written, and options whose ids they map stay. */
static void test_rootless_ranges(void **state)
{
	static const struct id_range uid[] = {{0, 1000, 1}, {1, 100000, 3}, {4, 200000, 65536}};
	static const struct id_range gid[] = {{0, 1001, 1}, {1, 100000, 65536}};
	const struct id_map uids = {uid, 3}, gids = {gid, 2};
	const struct spec_config *c;

	(void)state;
	doc_text("");
	c = spec_default(&doc_arena, &uids, &gids);
	assert_loads(c);
	assert_int_equal(c->linux_->uid_mappings.n, 3);
	assert_int_equal(c->linux_->uid_mappings.v[2].container_id.v, 4);
	assert_int_equal(c->linux_->uid_mappings.v[2].host_id.v, 200000);
	assert_int_equal(c->linux_->uid_mappings.v[2].size.v, 65536);
	assert_int_equal(c->linux_->gid_mappings.n, 2);
	assert_true(has_option(c, "gid=5"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_root),
		cmocka_unit_test(test_rootless),
		cmocka_unit_test(test_rootless_ranges),
	};
	return cmocka_run_group_tests_name("spec/defaults", tests, NULL, doc_teardown);
}
