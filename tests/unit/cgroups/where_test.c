// SPDX-License-Identifier: Apache-2.0
/* Tests of cgroups/where: the grammar of paths (security.md B66) and the choice of one. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "cgroups/internal.h"
#include "cgroups/systemd.h"
#include "base/ban.h"

static void own_cgroup(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{"0::/\n", "/"},
		{"0::/user.slice/a.scope\n", "/user.slice/a.scope"},
		{"5:memory:/x\n1:name=systemd:/y\n0::/z\n", "/z"},
		{"5:memory:/0::/x\n", "/"},
		{"0::/a/b (deleted)\n", "/a/b"},
		{"0::/..\n", "/"},
		{"0::/../../x\n", "/"},
		{"0::/..x\n", "/..x"},
		{"0::/no newline", "/no newline"},
		{"", "/"},
	};
	char got[CG_PATH_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(cg_where_parse_self(rows[i].text, got), 0);
		assert_string_equal(got, rows[i].want);
	}
}

static void C01_good_paths(void **state)
{
	static const struct {
		const char *path, *parent, *want;
	} rows[] = {
		{NULL, "/", "/id"},
		{"", "/", "/id"},
		{NULL, "/user.slice", "/user.slice/id"},
		{"/a/b", "/user.slice", "/a/b"},
		{"a/b", "/user.slice", "/user.slice/a/b"},
		{"a", "/", "/a"},
		{"/a b/..c", "/", "/a b/..c"},
		{"x.slice:p:n", "/", "/x.slice:p:n"}, /* not the systemd manager: a name */
		{"/a/x:y:z", "/", "/a/x:y:z"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err e = ERR_INIT;
		char got[CG_PATH_MAX];
		assert_int_equal(cg_where_join(rows[i].path, "id", rows[i].parent, got, &e), 0);
		assert_string_equal(got, rows[i].want);
	}
}

static void C01_bad_paths(void **state)
{
	static const struct {
		const char *path, *why;
	} rows[] = {
		{"/", "linux.cgroupsPath: \"/\": the root cgroup is not a container's"},
		{"..", "linux.cgroupsPath: \"..\": it has a component \"..\""},
		{"../x", "linux.cgroupsPath: \"../x\": it has a component \"..\""},
		{"/a/../b", "linux.cgroupsPath: \"/a/../b\": it has a component \"..\""},
		{"a/../../../..", NULL},
		{".", "linux.cgroupsPath: \".\": it has a component \".\""},
		{"/a/./b", NULL},
		{"//", "linux.cgroupsPath: \"//\": it has an empty component"},
		{"/a//b", NULL},
		{"a/", "linux.cgroupsPath: \"a/\": it has an empty component"},
		{"/a\nb", NULL},
		{"/a\177b", NULL},
		{"x.slice:a/b:c", "linux.cgroupsPath: \"x.slice:a/b:c\": slice:prefix:name with a "
				  "slash in it"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err e = ERR_INIT;
		char got[CG_PATH_MAX];
		assert_int_equal(cg_where_join(rows[i].path, "id", "/", got, &e), -EINVAL);
		assert_int_equal(e.class, ERR_INPUT);
		if (rows[i].why)
			assert_string_equal(e.text, rows[i].why);
	}
}

static void long_paths(void **state)
{
	char path[CG_PATH_MAX + 2], got[CG_PATH_MAX];
	struct err e = ERR_INIT;

	(void)state;
	memset(path, 'x', sizeof(path));
	for (size_t i = 0; i < sizeof(path); i += 200)
		path[i] = '/';
	path[CG_PATH_MAX - 1] = '\0';
	assert_int_equal(cg_where_join(path, "id", "/", got, &e), 0);
	path[CG_PATH_MAX - 1] = 'x';
	path[CG_PATH_MAX] = '\0';
	assert_int_equal(cg_where_join(path, "id", "/", got, &e), -ENAMETOOLONG);
	path[CG_PATH_MAX - 1] = '\0';
	assert_int_equal(cg_where_join(path + 1, "id", "/parent", got, &e), -ENAMETOOLONG);
	memset(path, 'x', 300);
	path[256] = '\0';
	assert_int_equal(cg_where_join(path, "id", "/", got, &e), -EINVAL);
	path[255] = '\0';
	assert_int_equal(cg_where_join(path, "id", "/", got, &e), 0);
}

static void bad_ids(void **state)
{
	static const char *const ids[] = {"", ".", "..", "a/b"};
	char got[CG_PATH_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		struct err e = ERR_INIT;
		assert_int_equal(cg_where_join(NULL, ids[i], "/", got, &e), -EINVAL);
	}
}

static void systemd_form(void **state)
{
	static const struct {
		const char *path;
		bool is_good;
	} rows[] = {
		{"system.slice:docker:abc", true},
		{":docker:abc", true},
		{"-:p:n", true},
		{"a-b.slice::n", true},
		{NULL, true},
		{"", true},
		{"/a/b", false},
		{"a:b", false},
		{"a.slice:b:c:d", false},
		{"a/b.slice:p:n", false},
		{"a.slice:p/..:n", false},
		{"a.slice:p:", false},
		{"a:p:n", false},
		{".slice:p:n", false},
		{"x:p:n", false},
		{"a.slice:p:n\n", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err e = ERR_INIT;
		struct cg_place got = {0};
		char path[CG_PATH_MAX] = "";
		int r = cg_systemd_unit(rows[i].path, "id", false, &got, &e);
		if (r == 0)
			r = cg_systemd_slice_path(got.slice, path, &e);
		assert_int_equal(r == 0, rows[i].is_good);
		if (!rows[i].is_good)
			assert_int_equal(e.class, ERR_INPUT);
	}
}

static void C17_disabled_has_none(void **state)
{
	const struct cg_wish w = {.cgroups_path = "/..", .id = "id"};
	struct cg_place got = {.path = "x"};
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(cg_choose(CG_DISABLED, &w, &got, &e), 0);
	assert_string_equal(got.path, "");
	assert_int_equal(word_find(&cg_words_manager, "cgroupfs"), CG_CGROUPFS);
	assert_int_equal(word_find(&cg_words_manager, "systemd"), CG_SYSTEMD);
	assert_int_equal(word_find(&cg_words_manager, "disabled"), CG_DISABLED);
}

static void v1_lines(void **state)
{
	static const char text[] =
		"4:memory:/m\n3:blkio:/\n2:cpu,cpuacct:/x:y\n1:name=systemd:/\n0::/\n";

	(void)state;
	assert_true(cg_enable_is_v1(text, "memory"));
	assert_true(cg_enable_is_v1(text, "io"));
	assert_true(cg_enable_is_v1(text, "cpu"));
	assert_false(cg_enable_is_v1(text, "pids"));
	assert_false(cg_enable_is_v1(text, "y"));
	assert_false(cg_enable_is_v1(text, "m"));
	assert_false(cg_enable_is_v1("0::/memory\n", "memory"));
	assert_false(cg_enable_is_v1("", "memory"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own_cgroup),
		cmocka_unit_test(C01_good_paths),
		cmocka_unit_test(C01_bad_paths),
		cmocka_unit_test(long_paths),
		cmocka_unit_test(bad_ids),
		cmocka_unit_test(systemd_form),
		cmocka_unit_test(C17_disabled_has_none),
		cmocka_unit_test(v1_lines),
	};
	return cmocka_run_group_tests_name("cgroups/where", tests, NULL, NULL);
}
