/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of base/json_merge: member by member, maps and keyed lists by element. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/auto.h"
#include "base/json.h"
#include "base/ban.h"

struct disk {
	struct opt_i64 major, minor;
	struct opt_u64 rate;
};
OBJ_VEC(disk);
struct sized {
	char *key;
	char *size;
	struct opt_u32 n;
};
OBJ_VEC(sized);
struct part {
	struct opt_i64 a, b;
	char *s;
};
struct doc {
	struct opt_bool flag;
	struct part *part;
	struct strmap map;
	struct strvec words;
	struct disk_vec disks, rules;
	struct sized_vec sizes, named;
};
/* clang-format off */
static const struct json_row disk_rows[] = {
	J_I64(struct disk, major, "major", JF_KEY),
	J_I64(struct disk, minor, "minor", JF_KEY),
	J_U64(struct disk, rate, "rate", 0),
};
static J_TABLE(disk_table, disk, disk_rows);
static const struct json_row rule_rows[] = {
	J_I64(struct disk, major, "major", 0),
};
static J_TABLE(rule_table, disk, rule_rows);
static const struct json_row sized_rows[] = {
	J_STR(struct sized, size, "size", JF_KEY),
	J_U32(struct sized, n, "n", 0),
};
static J_TABLE(sized_table, sized, sized_rows);
static const struct json_row part_rows[] = {
	J_I64(struct part, a, "a", 0),
	J_I64(struct part, b, "b", 0),
	J_STR(struct part, s, "s", 0),
};
static J_TABLE(part_table, part, part_rows);
static const struct json_row doc_rows[] = {
	J_BOOL(struct doc, flag, "flag", 0),
	J_OBJ(struct doc, part, "part", 0, part, &part_table),
	J_STRMAP(struct doc, map, "map", 0),
	J_STRS(struct doc, words, "words", 0),
	J_OBJS(struct doc, disks, "disks", 0, disk, &disk_table),
	J_OBJS(struct doc, rules, "rules", 0, disk, &rule_table),
	J_OBJS(struct doc, sizes, "sizes", 0, sized, &sized_table),
	J_OBJMAP(struct doc, named, "named", 0, sized, &sized_table),
	J_OTHER_OS("windows"),
};
/* clang-format on */
static J_TABLE(doc_table, doc, doc_rows);

static struct doc *parse(const char *text, struct arena *a)
{
	struct json_errors errs = {.arena = a};
	void *ret;

	assert_int_equal(json_parse(&doc_table, text, strlen(text), a, &errs, &ret), 0);
	return ret;
}

static void check(const char *lower, const char *upper, const char *want)
{
	AUTO(arena) a = {0};
	AUTO(buf) before = {0}, after = {0}, merged = {0};
	struct doc *low = parse(lower, &a);
	struct doc into = *low;

	json_print(&doc_table, low, 0, &before);
	json_merge(&doc_table, &into, parse(upper, &a), &a);
	json_print(&doc_table, &into, 0, &merged);
	assert_string_equal(merged.data, want);
	/* What it was copied from is as it was. */
	json_print(&doc_table, low, 0, &after);
	assert_string_equal(after.data, before.data);
}

static void U104_members(void **state)
{
	(void)state;
	check("{}", "{}", "{}");
	check("{\"flag\":true}", "{}", "{\"flag\":true}");
	check("{\"flag\":true}", "{\"flag\":false}", "{\"flag\":false}");
	check("{\"part\":{\"a\":1,\"s\":\"x\"}}", "{\"part\":{\"b\":2,\"s\":\"\"}}",
	      "{\"part\":{\"a\":1,\"b\":2,\"s\":\"\"}}");
	check("{}", "{\"part\":{\"b\":2}}", "{\"part\":{\"b\":2}}");
	check("{\"words\":[\"a\",\"b\"]}", "{\"words\":[\"c\"]}", "{\"words\":[\"c\"]}");
}

static void U104_maps_keep_their_other_keys(void **state)
{
	(void)state;
	check("{\"map\":{\"a\":\"1\",\"b\":\"2\"}}", "{\"map\":{\"b\":\"3\",\"c\":\"4\"}}",
	      "{\"map\":{\"a\":\"1\",\"b\":\"3\",\"c\":\"4\"}}");
	check("{\"named\":{\"x\":{\"size\":\"s\",\"n\":1}}}",
	      "{\"named\":{\"x\":{\"n\":2},\"y\":{\"n\":3}}}",
	      "{\"named\":{\"x\":{\"size\":\"s\",\"n\":2},\"y\":{\"n\":3}}}");
}

static void V44_keyed_lists_keep_their_other_elements(void **state)
{
	(void)state;
	check("{\"disks\":[{\"major\":8,\"minor\":0,\"rate\":1},{\"major\":8,\"minor\":16,\"rate\":"
	      "2}]}",
	      "{\"disks\":[{\"major\":8,\"minor\":16,\"rate\":3},{\"major\":9,\"minor\":0,\"rate\":"
	      "4}]}",
	      "{\"disks\":[{\"major\":8,\"minor\":0,\"rate\":1},{\"major\":8,\"minor\":16,\"rate\":"
	      "3},"
	      "{\"major\":9,\"minor\":0,\"rate\":4}]}");
	check("{\"sizes\":[{\"size\":\"2MB\",\"n\":1}]}",
	      "{\"sizes\":[{\"size\":\"1GB\",\"n\":2},{\"size\":\"2MB\",\"n\":3}]}",
	      "{\"sizes\":[{\"size\":\"2MB\",\"n\":3},{\"size\":\"1GB\",\"n\":2}]}");
	/* Without a key: as a whole. */
	check("{\"rules\":[{\"major\":1},{\"major\":2}]}", "{\"rules\":[{\"major\":3}]}",
	      "{\"rules\":[{\"major\":3}]}");
	/* More than the first memory of a list. */
	check("{\"disks\":[{\"major\":1,\"minor\":0},{\"major\":2,\"minor\":0},{\"major\":3,"
	      "\"minor\":0}]}",
	      "{\"disks\":[{\"major\":4,\"minor\":0},{\"major\":5,\"minor\":0},{\"major\":6,"
	      "\"minor\":0}]}",
	      "{\"disks\":[{\"major\":1,\"minor\":0},{\"major\":2,\"minor\":0},{\"major\":3,"
	      "\"minor\":0},"
	      "{\"major\":4,\"minor\":0},{\"major\":5,\"minor\":0},{\"major\":6,\"minor\":0}]}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(U104_members),
		cmocka_unit_test(U104_maps_keep_their_other_keys),
		cmocka_unit_test(V44_keyed_lists_keep_their_other_elements),
	};

	return cmocka_run_group_tests_name("base/json_merge", tests, NULL, NULL);
}
