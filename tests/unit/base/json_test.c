/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of base/json_in, json_store and json_check: each law of the parser, on a small table.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include "base/json.h"
#include "base/ban.h"

enum color { RED, BLUE, COLOR_N };
static const struct word colors[] = {[RED] = {"red", 1}, [BLUE] = {"blue", 2}};
static const struct word_list color_words = {"color", colors, COLOR_N, ""};

struct leaf {
	char *key; /* first, for maps */
	char *name;
	struct opt_u32 size;
};
OBJ_VEC(leaf);
struct tree {
	struct opt_bool flag;
	struct opt_i64 i, ranged;
	struct opt_u64 u;
	struct opt_u32 w;
	char *s, *path;
	struct opt_enum color, loose;
	struct strvec words, paths;
	struct strmap map;
	struct enumvec colors, loose_colors;
	struct u32vec numbers;
	struct leaf *leaf;
	struct leaf_vec leaves, named;
	struct tree *deep;
};

/* clang-format off */
static const struct json_row leaf_rows[] = {
	J_STR(struct leaf, name, "name", JF_REQ | JF_NONEMPTY),
	J_U32(struct leaf, size, "size", 0),
};
static J_TABLE(leaf_table, leaf, leaf_rows);
static const struct json_table tree_table;
static const struct json_row tree_rows[] = {
	J_BOOL(struct tree, flag, "flag", 0),
	J_I64(struct tree, i, "i", 0),
	J_I64R(struct tree, ranged, "ranged", 0, -5, 5),
	J_U64(struct tree, u, "u", 0),
	J_U32(struct tree, w, "w", 0),
	J_STR(struct tree, s, "s", 0),
	J_STR(struct tree, path, "path", JF_ABS),
	J_ENUM(struct tree, color, "color", 0, &color_words),
	J_ENUM(struct tree, loose, "loose", JF_WARN, &color_words),
	J_STRS(struct tree, words, "words", JF_NONEMPTY),
	J_STRS(struct tree, paths, "paths", JF_ABS),
	J_STRMAP(struct tree, map, "map", 0),
	J_ENUMS(struct tree, colors, "colors", 0, &color_words),
	J_ENUMS(struct tree, loose_colors, "looseColors", JF_WARN, &color_words),
	J_U32SR(struct tree, numbers, "numbers", 0, 1, 1000),
	J_OBJ(struct tree, leaf, "leaf", 0, leaf, &leaf_table),
	J_OBJS(struct tree, leaves, "leaves", 0, leaf, &leaf_table),
	J_OBJMAP(struct tree, named, "named", 0, leaf, &leaf_table),
	J_OBJ(struct tree, deep, "deep", 0, tree, &tree_table),
	J_OTHER_OS("other"),
};
/* clang-format on */
static const struct json_table tree_table = {"tree", sizeof(struct tree), tree_rows,
					     sizeof(tree_rows) / sizeof(tree_rows[0])};

static struct arena arena;
static struct json_errors errs;
static struct tree *tree;

/* Documents here use ' for ". */
static int parse(const char *doc)
{
	char *text = mem_strdup(doc);
	void *obj;
	int r;

	arena_done(&arena);
	errs = (struct json_errors){.arena = &arena};
	for (char *c = text; *c; c++) {
		if (*c == '\'')
			*c = '"';
	}
	r = json_parse(&tree_table, text, strlen(text), &arena, &errs, &obj);
	tree = obj;
	free(text);
	return r;
}

static void ok(const char *doc)
{
	int r = parse(doc);

	if (errs.n)
		print_error("%s: %s\n", errs.v[0].path, errs.v[0].text);
	assert_int_equal(r, 0);
	assert_int_equal(errs.n, 0);
	assert_non_null(tree);
}

/* Exactly one error, at this path, with these words in it. */
static void bad(const char *doc, const char *path, const char *words)
{
	int r = parse(doc);

	assert_int_equal(r, -EINVAL);
	if (errs.n != 1)
		for (size_t i = 0; i < errs.n; i++)
			print_error("%s: %s\n", errs.v[i].path, errs.v[i].text);
	assert_int_equal(errs.n, 1);
	assert_string_equal(errs.v[0].path, path);
	if (!strstr(errs.v[0].text, words))
		print_error("\"%s\" lacks \"%s\"\n", errs.v[0].text, words);
	assert_non_null(strstr(errs.v[0].text, words));
}

static void test_values(void **state)
{
	(void)state;
	ok("{'flag':true,'i':-9223372036854775808,'u':18446744073709551615,'w':4294967295,"
	   "'s':'a\\u00e9\\ud83d\\ude00\\n\\/','path':'/x','color':'blue','words':['a',''],"
	   "'map':{'k':'v','l':''},'colors':['red','red'],'numbers':[1,1000],"
	   "'leaf':{'name':'n','size':7},'leaves':[{'name':'a'},{'name':'b'}],"
	   "'named':{'x':{'name':'y'}}}");
	assert_true(tree->flag.has && tree->flag.v);
	assert_true(tree->i.v == INT64_MIN && tree->u.v == UINT64_MAX && tree->w.v == UINT32_MAX);
	assert_string_equal(tree->s, "a\xc3\xa9\xf0\x9f\x98\x80\n/");
	assert_int_equal(tree->color.v, BLUE);
	assert_int_equal(tree->words.n, 2);
	assert_string_equal(tree->words.v[1], "");
	assert_null(tree->words.v[2]);
	assert_string_equal(tree->map.v[1].key, "l");
	assert_int_equal(tree->colors.n, 2);
	assert_int_equal(tree->numbers.v[1], 1000);
	assert_int_equal(tree->leaf->size.v, 7);
	assert_string_equal(tree->leaves.v[1].name, "b");
	assert_string_equal(tree->named.v[0].key, "x");
	assert_string_equal(tree->named.v[0].name, "y");
}

static void test_presence(void **state)
{
	(void)state;
	ok("{}");
	assert_false(tree->flag.has || tree->i.has || tree->color.has);
	assert_null(tree->s);
	assert_null(tree->paths.v);
	assert_null(tree->leaves.v);
	ok("{'paths':[],'leaves':[],'map':{},'named':{},'colors':[],'numbers':[]}");
	assert_true(tree->paths.v && tree->leaves.v && tree->map.v && tree->named.v &&
		    tree->colors.v && tree->numbers.v);
	assert_int_equal(tree->paths.n + tree->leaves.n + tree->map.n + tree->named.n, 0);
	ok("{'i':null,'s':null,'paths':null,'leaf':null,'map':{'a':null,'b':'c'},'named':null}");
	assert_false(tree->i.has);
	assert_true(!tree->s && !tree->paths.v && !tree->leaf && !tree->named.v);
	assert_int_equal(tree->map.n, 1);
}

static void test_numbers(void **state)
{
	(void)state;
	bad("{'i':9223372036854775808}", "i", "out of range");
	bad("{'i':-9223372036854775809}", "i", "out of range");
	bad("{'u':18446744073709551616}", "u", "out of range");
	bad("{'u':-1}", "u", "must not be negative, got -1");
	bad("{'w':4294967296}", "w", "out of range for 32 bits");
	bad("{'i':1.0}", "i", "expected an integer, got 1.0");
	bad("{'i':1e3}", "i", "expected an integer, got 1e3");
	bad("{'u':1E3}", "u", "expected an integer");
	bad("{'ranged':6}", "ranged", "must be in -5..5, got 6");
	bad("{'ranged':-6}", "ranged", "must be in -5..5, got -6");
	bad("{'numbers':[1,0]}", "numbers[1]", "must be in 1..1000");
	bad("{'numbers':[1001]}", "numbers[0]", "must be in 1..1000");
	bad("{'i':01}", "", "not valid JSON");
	ok("{'ranged':-5}");
	ok("{'i':-0}");
}

static void test_kinds(void **state)
{
	(void)state;
	bad("{'flag':1}", "flag", "expected true or false, got a number");
	bad("{'flag':'true'}", "flag", "got a string");
	bad("{'i':'1'}", "i", "expected an integer, got a string");
	bad("{'i':true}", "i", "got a boolean");
	bad("{'s':1}", "s", "expected a string, got a number");
	bad("{'s':['a']}", "s", "expected a string, got a list");
	bad("{'s':{'a':1}}", "s", "expected a string, got an object");
	bad("{'words':'a'}", "words", "expected a list, got a string");
	bad("{'words':{'a':'b'}}", "words", "expected a list, got an object");
	bad("{'words':['a',['b']]}", "words[1]", "expected a string, got a list");
	bad("{'words':[null]}", "words[0]", "expected a string, got null");
	bad("{'words':[{}]}", "words[0]", "got an object");
	bad("{'numbers':[[1]]}", "numbers[0]", "expected an integer, got a list");
	bad("{'leaf':[]}", "leaf", "expected an object, got a list");
	bad("{'leaves':{'name':'a'}}", "leaves", "expected a list, got an object");
	bad("{'leaves':[[{'name':'a'}]]}", "leaves[0]", "expected an object, got a list");
	bad("{'leaves':[{'name':'a'},3]}", "leaves[1]", "expected an object, got a number");
	bad("{'map':{'a':1}}", "map.a", "expected a string, got a number");
	bad("{'map':[]}", "map", "expected an object, got a list");
	bad("{'named':{'a':[]}}", "named.a", "expected an object, got a list");
	bad("{'named':{'a':null}}", "named.a", "got null");
	/* The values behind a refused one keep their places. */
	bad("{'words':['a',[['x']],'b'],'i':5}", "words[1]", "got a list");
	assert_int_equal(tree->words.n, 2);
	assert_int_equal(tree->i.v, 5);
}

static void test_top(void **state)
{
	(void)state;
	bad("[]", "", "expected an object, got a list");
	assert_null(tree);
	bad("null", "", "expected an object, got null");
	bad("'x'", "", "expected an object, got a string");
	bad("3", "", "expected an object, got a number");
	bad("true", "", "expected an object, got a boolean");
	bad("", "", "empty document");
	bad("  ", "", "not valid JSON");
}

static void test_text(void **state)
{
	(void)state;
	bad("{} x", "", "not valid JSON");
	assert_null(tree);
	bad("{}{}", "", "not valid JSON");
	bad("{'i':1", "", "not valid JSON");
	assert_null(tree);
	bad("{'i':1,}", "", "not valid JSON");
	bad("{'i':1 'u':2}", "", "not valid JSON");
	bad("{\n  /* c */ 'i':1}", "", "line 2");
	bad("\xef\xbb\xbf{}", "", "byte order mark");
	bad("{'s':'a\nb'}", "", "control byte");
	bad("{'s':'a\tb'}", "", "control byte");
	bad("{'x\ny':1}", "", "control byte");
	bad("{'s':'a\\u0000b'}", "", "NUL character");
	bad("{'a\\u0000b':1}", "", "NUL character");
	bad("{'s':'\\ud800'}", "", "surrogate");
	bad("{'s':'\\udc00x'}", "", "surrogate");
	bad("{'s':'\\ud800\\u0041'}", "", "surrogate");
	bad("{'s':'\xff'}", "", "UTF-8");
	bad("{'s':'\xc0\x80'}", "", "UTF-8");
	bad("{'s':'\xed\xa0\x80'}", "", "UTF-8");
	bad("{'s':'\\x'}", "", "not valid JSON");
	bad("{'s':'abc", "", "not valid JSON");
	bad("{\n'i':1,\n  'u' 5}", "", "line 3, column");
	assert_true(errs.v[0].byte > 12 && errs.v[0].byte < 22);
}

static void test_too_large(void **state)
{
	size_t len = JSON_DOCUMENT_MAX + 1;
	char *text = mem_alloc(len);
	void *obj;

	(void)state;
	errs = (struct json_errors){.arena = &arena};
	assert_int_equal(json_parse(&tree_table, text, len, &arena, &errs, &obj), -EINVAL);
	assert_null(obj);
	assert_string_equal(errs.v[0].text, "larger than 16 MiB");
	free(text);
}

/* Three bytes that make a struct: the arena is capped, whatever the document's size. */
static void test_memory(void **state)
{
	struct buf b = {0};

	(void)state;
	buf_adds(&b, "{'leaves':[{}");
	for (int i = 0; i < 2000000; i++)
		buf_adds(&b, ",{}");
	buf_adds(&b, "]}");
	assert_int_equal(parse(b.data), -EINVAL);
	assert_null(tree);
	assert_true(arena.total < 80u << 20);
	buf_done(&b);
}

static void nest(struct buf *b, const char *open, const char *close, int n)
{
	buf_adds(b, "{'x':");
	for (int i = 0; i < n; i++)
		buf_adds(b, open);
	buf_adds(b, "1");
	for (int i = 0; i < n; i++)
		buf_adds(b, close);
	buf_adds(b, "}");
}

static void test_depth(void **state)
{
	struct buf b = {0};

	(void)state;
	nest(&b, "[", "]", 63);
	ok(b.data);
	b.len = 0;
	nest(&b, "[", "]", 64);
	bad(b.data, "", "nested deeper than 64");
	assert_null(tree);
	b.len = 0;
	for (int i = 0; i < 65; i++)
		buf_adds(&b, "{'deep':");
	bad(b.data,
	    "deep.deep.deep.deep.deep.deep.deep.deep.deep.deep.deep.deep.deep.deep.deep."
	    "deep.deep.deep.deep.deep.deep.deep.deep.deep.deep.deep.deep.deep.deep.deep."
	    "deep.deep.deep.deep.deep.deep.deep.deep.deep.deep.deep.deep.deep.deep.deep."
	    "deep.deep.deep.deep.deep.deep.deep.deep.deep.deep.deep.deep.deep.deep.deep."
	    "deep.deep.deep.deep",
	    "nested deeper");
	buf_done(&b);
}

static void test_unknown_keys(void **state)
{
	(void)state;
	ok("{'x':1,'y':[1,[2,{'i':3}],'s'],'z':{'i':{'i':[]}},'i':4,'other':{'i':1},"
	   "'leaf':{'nope':[{'name':'no'}],'name':'n','':0}}");
	assert_int_equal(tree->i.v, 4);
	assert_string_equal(tree->leaf->name, "n");
	/* A prefix of a name, or a name with more behind it, is another name. */
	ok("{'wor':'x','wordsx':'x','pat':3}");
	assert_null(tree->words.v);
}

static void test_duplicates(void **state)
{
	struct buf b = {0};

	(void)state;
	ok("{'i':1,'s':'a','words':['a','b','c'],'leaf':{'name':'x','size':1},'i':2,'s':'b',"
	   "'words':['d'],'leaf':{'name':'y'}}");
	assert_int_equal(tree->i.v, 2);
	assert_string_equal(tree->s, "b");
	assert_int_equal(tree->words.n, 1);
	assert_string_equal(tree->words.v[0], "d");
	assert_null(tree->words.v[1]);
	assert_string_equal(tree->leaf->name, "y");
	assert_false(tree->leaf->size.has);
	ok("{'i':1,'words':['a'],'leaf':{'name':'x'},'i':null,'words':null,'leaf':null}");
	assert_true(!tree->i.has && !tree->words.v && !tree->leaf);
	ok("{'map':{'a':'1','b':'2','a':'3','c':'4','b':null}}");
	assert_int_equal(tree->map.n, 2);
	assert_string_equal(tree->map.v[0].key, "a");
	assert_string_equal(tree->map.v[0].value, "3");
	assert_string_equal(tree->map.v[1].key, "c");
	ok("{'named':{'a':{'name':'1','size':1},'b':{'name':'2'},'a':{'name':'3'}}}");
	assert_int_equal(tree->named.n, 2);
	assert_string_equal(tree->named.v[1].name, "3");
	assert_false(tree->named.v[1].size.has);
	/* The prototype's fault: a long vector, restarted, written at its old length. */
	buf_adds(&b, "{'words':['0'");
	for (int i = 0; i < 40; i++)
		buf_adds(&b, ",'x'");
	buf_adds(&b, "],'words':['1'],'words':['2','3','4','5','6']}");
	ok(b.data);
	assert_int_equal(tree->words.n, 5);
	buf_done(&b);
	/* A value that is wrong in itself stays an error. */
	bad("{'i':'x','i':1}", "i", "expected an integer");
}

static void test_flags(void **state)
{
	(void)state;
	bad("{'leaf':{}}", "leaf.name", "must be present");
	bad("{'leaf':{'name':null}}", "leaf.name", "must be present");
	bad("{'leaf':{'name':''}}", "leaf.name", "must not be empty");
	bad("{'leaf':{'name':1}}", "leaf.name", "expected a string"); /* said once */
	bad("{'leaves':[{'name':'a'},{'size':1}]}", "leaves[1].name", "must be present");
	bad("{'named':{'a b':{}}}", "named[\"a b\"].name", "must be present");
	bad("{'words':[]}", "words", "must not be empty");
	bad("{'path':'x'}", "path", "must be an absolute path, got \"x\"");
	bad("{'path':''}", "path", "must be an absolute path");
	bad("{'paths':['/a','b']}", "paths[1]", "must be an absolute path");
	bad("{'map':{'':'x'}}", "map", "an empty name");
}

static void test_words(void **state)
{
	(void)state;
	bad("{'color':'green'}", "color", "unknown color \"green\"");
	bad("{'color':'bleu'}", "color", "did you mean \"blue\"?");
	bad("{'color':''}", "color", "unknown color");
	bad("{'colors':['red','green']}", "colors[1]", "unknown color");
	ok("{'loose':'green','looseColors':['green','blue','x']}");
	assert_true(tree->loose.has && tree->loose.v == -1);
	assert_int_equal(tree->loose_colors.n, 1);
	assert_int_equal(tree->loose_colors.v[0], BLUE);
	assert_int_equal(tree->loose_colors.unknown.n, 2);
	assert_string_equal(tree->loose_colors.unknown.v[1], "x");
	assert_null(tree->loose_colors.unknown.v[2]);
	ok("{'looseColors':['green']}");
	assert_true(tree->loose_colors.v && tree->loose_colors.n == 0);
}

static void test_all_errors(void **state)
{
	struct buf b = {0};

	(void)state;
	assert_int_equal(parse("{'i':'x','leaf':{},'color':'no','deep':{'words':[],'u':-1}}"),
			 -EINVAL);
	assert_int_equal(errs.n, 5);
	assert_string_equal(errs.v[3].path, "deep.words");
	assert_string_equal(errs.v[4].path, "deep.u");
	assert_true(errs.v[0].byte > 0 && errs.v[0].byte < errs.v[4].byte);
	assert_non_null(tree);
	buf_adds(&b, "{'numbers':[0");
	for (int i = 0; i < 500; i++)
		buf_adds(&b, ",0");
	buf_adds(&b, "],'i':3}");
	assert_int_equal(parse(b.data), -EINVAL);
	assert_int_equal(errs.n, JSON_ERRORS_MAX);
	assert_int_equal(tree->i.v, 3);
	buf_done(&b);
	/* Control bytes of the document do not reach a terminal. */
	parse("{'color':'\\u001b[31m'}");
	assert_null(strchr(errs.v[0].text, '\x1b'));
}

static double parse_seconds(const struct buf *b)
{
	struct timespec from, to;

	clock_gettime(CLOCK_MONOTONIC, &from);
	parse(b->data);
	clock_gettime(CLOCK_MONOTONIC, &to);
	return (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
}

/* Ten times the entries must not take a hundred times as long. */
static void test_linear(void **state)
{
	static const char *const parts[][3] = {
		{"{'words':['x'", ",'K=%d'", "]}"},
		{"{'map':{'x':''", ",'%d':'v'", "}}"},
		{"{'leaves':[{'name':'x'}", ",{'name':'%d'}", "]}"},
		{"{'x':1", ",'unknown%d':1", "}"},
	};

	(void)state;
	for (size_t k = 0; k < sizeof(parts) / sizeof(parts[0]); k++) {
		double seconds[2];

		for (int s = 0; s < 2; s++) {
			struct buf b = {0};

			buf_adds(&b, parts[k][0]);
			for (int i = 0; i < (s ? 50000 : 5000); i++) {
				const char *at = strchr(parts[k][1], '%');
				buf_add(&b, parts[k][1], (size_t)(at - parts[k][1]));
				buf_printf(&b, "%d", i);
				buf_adds(&b, at + 2);
			}
			buf_adds(&b, parts[k][2]);
			seconds[s] = parse_seconds(&b);
			assert_int_equal(errs.n, 0);
			buf_done(&b);
		}
		assert_true(seconds[1] < 0.02 + seconds[0] * 40);
	}
}

static void test_error_add(void **state)
{
	(void)state;
	arena_done(&arena);
	errs = (struct json_errors){.arena = &arena};
	for (int i = 0; i < 150; i++)
		json_error_add(&errs, (size_t)i, "a.b", "number %d", i);
	assert_int_equal(errs.n, JSON_ERRORS_MAX);
	assert_string_equal(errs.v[99].text, "number 99");
	assert_string_equal(errs.v[99].path, "a.b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),	   cmocka_unit_test(test_presence),
		cmocka_unit_test(test_numbers),	   cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_top),	   cmocka_unit_test(test_text),
		cmocka_unit_test(test_too_large),  cmocka_unit_test(test_depth),
		cmocka_unit_test(test_memory),	   cmocka_unit_test(test_unknown_keys),
		cmocka_unit_test(test_duplicates), cmocka_unit_test(test_flags),
		cmocka_unit_test(test_words),	   cmocka_unit_test(test_all_errors),
		cmocka_unit_test(test_linear),	   cmocka_unit_test(test_error_add),
	};
	int r = cmocka_run_group_tests_name("base/json", tests, NULL, NULL);

	arena_done(&arena);
	return r;
}
