/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of base/json_out: layout, escapes, what is left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/json.h"
#include "base/ban.h"

static const struct word letters[] = {{"a", 0}, {"b", 0}};
static const struct word_list letter_words = {"letter", letters, 2, ""};

struct item {
	char *key;
	struct opt_i64 n;
};
OBJ_VEC(item);
struct doc {
	struct opt_bool b;
	struct opt_i64 i, kept;
	struct opt_u64 u;
	struct opt_u32 w;
	char *s, *kept_s;
	struct opt_enum e;
	struct strvec strs;
	struct strmap map;
	struct enumvec enums;
	struct u32vec u32s;
	struct item *item;
	struct item_vec list, named;
};
/* clang-format off */
#define T struct doc
static const struct json_row item_rows[] = {
	J_I64(struct item, n, "n", 0),
};
static J_TABLE(item_table, item, item_rows);
static const struct json_row doc_rows[] = {
	J_BOOL(T, b, "b", 0),
	J_I64(T, i, "i", 0),
	J_I64(T, kept, "kept", JF_KEEP),
	J_U64(T, u, "u", 0),
	J_U32(T, w, "w", 0),
	J_STR(T, s, "s", 0),
	J_STR(T, kept_s, "keptS", JF_KEEP),
	J_ENUM(T, e, "e", JF_WARN, &letter_words),
	J_STRS(T, strs, "strs", 0),
	J_STRMAP(T, map, "map", 0),
	J_ENUMS(T, enums, "enums", JF_WARN, &letter_words),
	J_U32S(T, u32s, "u32s", 0),
	J_OBJ(T, item, "item", 0, item, &item_table),
	J_OBJS(T, list, "list", 0, item, &item_table),
	J_OBJMAP(T, named, "named", 0, item, &item_table),
	J_OTHER_OS("windows"),
};
#undef T
/* clang-format on */
static J_TABLE(doc_table, doc, doc_rows);

static void assert_prints(const struct doc *d, int indent, const char *want)
{
	struct buf b = {0};

	json_print(&doc_table, d, indent, &b);
	assert_string_equal(b.data, want);
	buf_done(&b);
}

static void test_empty(void **state)
{
	struct doc d = {0};

	(void)state;
	assert_prints(&d, 0, "{\"kept\":0,\"keptS\":\"\"}");
	assert_prints(&d, 2, "{\n  \"kept\": 0,\n  \"keptS\": \"\"\n}");
	d.e = (struct opt_enum){true, -1}; /* an unknown word has no text */
	assert_prints(&d, 0, "{\"kept\":0,\"keptS\":\"\"}");
}

static void test_all(void **state)
{
	char one[] = "one", two[] = "/two", k[] = "k", x[] = "x";
	char *strs[] = {one, two, NULL}, *unknown[] = {x, NULL};
	struct strpair pairs[] = {{k, one}};
	int enums[] = {1, 0};
	uint32_t u32s[] = {5, 4294967295};
	struct item items[] = {{k, {true, -1}}, {x, {false, 0}}};
	struct doc d = {
		.b = {true, false},
		.i = {true, INT64_MIN},
		.kept = {true, 3},
		.u = {true, UINT64_MAX},
		.w = {true, 9},
		.s = one,
		.kept_s = two,
		.e = {true, 1},
		.strs = {strs, 2},
		.map = {pairs, 1},
		.enums = {enums, 2, {unknown, 1}},
		.u32s = {u32s, 2},
		.item = &items[0],
		.list = {items, 2},
		.named = {items, 2},
	};

	(void)state;
	assert_prints(&d, 0,
		      "{\"b\":false,\"i\":-9223372036854775808,\"kept\":3,"
		      "\"u\":18446744073709551615,\"w\":9,\"s\":\"one\",\"keptS\":\"/two\","
		      "\"e\":\"b\",\"strs\":[\"one\",\"/two\"],\"map\":{\"k\":\"one\"},"
		      "\"enums\":[\"b\",\"a\",\"x\"],\"u32s\":[5,4294967295],\"item\":{\"n\":-1},"
		      "\"list\":[{\"n\":-1},{}],\"named\":{\"k\":{\"n\":-1},\"x\":{}}}");
}

static void test_empty_lists(void **state)
{
	char *none[] = {NULL};
	struct strpair pair = {0};
	struct item item = {0};
	int number = 0;
	uint32_t u = 0;
	struct doc d = {.strs = {none, 0},
			.map = {&pair, 0},
			.enums = {&number, 0, {0}},
			.u32s = {&u, 0},
			.list = {&item, 0},
			.named = {&item, 0}};

	(void)state;
	assert_prints(&d, 0,
		      "{\"kept\":0,\"keptS\":\"\",\"strs\":[],\"map\":{},\"enums\":[],"
		      "\"u32s\":[],\"list\":[],\"named\":{}}");
}

static void test_indent(void **state)
{
	char one[] = "one";
	char *strs[] = {one, one, NULL};
	struct item item = {0};
	struct doc d = {.strs = {strs, 2}, .item = &item};

	(void)state;
	assert_prints(&d, 4,
		      "{\n    \"kept\": 0,\n    \"keptS\": \"\",\n    \"strs\": [\n"
		      "        \"one\",\n        \"one\"\n    ],\n    \"item\": {}\n}");
}

static void assert_literal(const char *s, const char *want)
{
	struct buf b = {0};

	json_print_string(s, &b);
	assert_string_equal(b.data, want);
	buf_done(&b);
}

static void test_strings(void **state)
{
	(void)state;
	assert_literal("", "\"\"");
	assert_literal("a/b", "\"a/b\"");
	assert_literal("\"\\", "\"\\\"\\\\\"");
	assert_literal("\b\t\n\f\r", "\"\\b\\t\\n\\f\\r\"");
	assert_literal("\x01\x1f\x7f", "\"\\u0001\\u001f\x7f\"");
	assert_literal("\xc3\xa9\xf0\x9f\x98\x80", "\"\xc3\xa9\xf0\x9f\x98\x80\"");
	assert_literal("a\xffz", "\"a\xef\xbf\xbdz\"");
	assert_literal("\xc3", "\"\xef\xbf\xbd\"");
	assert_literal("\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),	    cmocka_unit_test(test_all),
		cmocka_unit_test(test_empty_lists), cmocka_unit_test(test_indent),
		cmocka_unit_test(test_strings),
	};
	return cmocka_run_group_tests_name("base/json_out", tests, NULL, NULL);
}
