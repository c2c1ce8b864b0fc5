/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of spec/load: engines' configs, round trips, and the questions one asks. */
#include "tests/unit/spec/doc.h"
#include "base/ban.h"

/* Loads a file, prints it, loads that, prints again: equal. */
static void round_trip(const char *name)
{
	struct buf one = {0}, two = {0};
	struct spec_config *c;
	size_t len;
	char *text;

	doc_text("");
	text = data_read(name, &len);
	doc_assert_ok(spec_load(text, len, &doc_arena, &doc_errs, &c));
	json_print(&spec_table_config, c, 0, &one);
	doc_assert_ok(spec_load(one.data, one.len, &doc_arena, &doc_errs, &c));
	json_print(&spec_table_config, c, 0, &two);
	assert_string_equal(one.data, two.data);
	buf_done(&one);
	buf_done(&two);
}

static void test_engines(void **state)
{
	(void)state;
	round_trip("runc-spec.json");
	round_trip("runc-spec-rootless.json");
	round_trip("crun-spec.json");
	round_trip("crun-spec-rootless.json");
	round_trip("podman.json");
	round_trip("docker.json");
	round_trip("containerd.json");
}

/* The document without blanks outside strings. */
static void squeeze(const char *text, size_t len, struct buf *out)
{
	bool is_in = false;

	for (size_t i = 0; i < len; i++) {
		if (text[i] == '"' && (i == 0 || text[i - 1] != '\\'))
			is_in = !is_in;
		if (is_in || !strchr(" \n\t", text[i]))
			buf_addc(out, text[i]);
	}
}

/* Every property is in order.json, in the order of the tables: the print is the document. */
static void test_every_property(void **state)
{
	struct buf want = {0}, got = {0};
	struct spec_config *c;
	size_t len;
	char *text;

	(void)state;
	doc_text("");
	text = data_read("every-property.json", &len);
	doc_assert_ok(spec_load(text, len, &doc_arena, &doc_errs, &c));
	json_print(&spec_table_config, c, 0, &got);
	squeeze(text, len, &want);
	assert_string_equal(got.data, want.data);
	buf_done(&want);
	buf_done(&got);
}

static size_t count_rows(const struct json_table *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n_rows; i++) {
		n += !(t->rows[i].flags & JF_OTHER_OS);
		if (t->rows[i].sub)
			n += count_rows(t->rows[i].sub);
	}
	return n;
}

static bool holds_key(const char *text, const char *key)
{
	char quoted[64];

	snprintf(quoted, sizeof(quoted), "\"%s\":", key);
	return strstr(text, quoted) != NULL;
}

static void assert_all_keys(const char *text, const struct json_table *t)
{
	for (size_t i = 0; i < t->n_rows; i++) {
		if (!(t->rows[i].flags & JF_OTHER_OS) && !holds_key(text, t->rows[i].key))
			fail_msg("every-property.json lacks %s", t->rows[i].key);
		if (t->rows[i].sub)
			assert_all_keys(text, t->rows[i].sub);
	}
}

/* The test above is worth what the file holds. */
static void test_every_property_is_there(void **state)
{
	struct buf squeezed = {0};
	size_t len;
	char *text;

	(void)state;
	text = data_read("every-property.json", &len);
	squeeze(text, len, &squeezed);
	assert_all_keys(squeezed.data, &spec_table_config);
	assert_true(count_rows(&spec_table_config) > 200);
	buf_done(&squeezed);
}

static void test_normal(void **state)
{
	struct spec_config *c;

	(void)state;
	/* linux_ is never NULL, even of a document with errors. */
	c = NULL;
	char *text = doc_text("{'ociVersion':'1.0.0'}");
	assert_int_equal(spec_load(text, strlen(text), &doc_arena, &doc_errs, &c), -EINVAL);
	assert_non_null(c);
	assert_non_null(c->linux_);
	text = doc_text("[]");
	assert_int_equal(spec_load(text, strlen(text), &doc_arena, &doc_errs, &c), -EINVAL);
	assert_null(c);
}

static void test_questions(void **state)
{
	struct spec_config *c;

	(void)state;
	c = config_ok(DOC(",'annotations':{'a':'1','b':''}", "",
			  ",'namespaces':[{'type':'pid'},{'type':'network','path':'/n'},"
			  "{'type':'mount'}]"));
	assert_true(spec_ns_is_new(c, SPEC_NS_PID));
	assert_false(spec_ns_is_new(c, SPEC_NS_NETWORK));
	assert_string_equal(spec_ns(c, SPEC_NS_NETWORK)->path, "/n");
	assert_null(spec_ns(c, SPEC_NS_USER));
	assert_false(spec_ns_is_new(c, SPEC_NS_USER));
	assert_string_equal(spec_annotation(c, "a"), "1");
	assert_string_equal(spec_annotation(c, "b"), "");
	assert_null(spec_annotation(c, "c"));
}

static void test_errors_to_err(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	doc_text("");
	assert_int_equal(spec_errors_to_err(&doc_errs, "config.json", &e), 0);
	assert_int_equal(e.code, 0);
	json_error_add(&doc_errs, 5, "a.b", "is wrong");
	json_error_add(&doc_errs, 0, "", "is no document");
	assert_int_equal(spec_errors_to_err(&doc_errs, "config.json", &e), -EINVAL);
	assert_string_equal(e.text, "config.json: a.b: is wrong; config.json: is no document");
	assert_int_equal(e.class, ERR_INPUT);
	for (int i = 0; i < 50; i++)
		json_error_add(&doc_errs, 0, "some.longer.path", "is wrong in some way, %d", i);
	spec_errors_to_err(&doc_errs, "config.json", &e);
	assert_non_null(strstr(e.text, " (and "));
	assert_true(str_ends(e.text, " more)"));
}

/* 10,000 mounts and environment entries: linear in rules as well. */
static void test_many(void **state)
{
	struct buf b = {0};

	(void)state;
	buf_adds(&b, "{'ociVersion':'1.0.0','root':{'path':'r'},'linux':{'namespaces':["
		     "{'type':'mount'}]},'process':{'cwd':'/','args':['x'],'env':['A=B'");
	for (int i = 0; i < 10000; i++)
		buf_printf(&b, ",'V%d=%d'", i, i);
	buf_adds(&b, "]},'mounts':[{'destination':'/','type':'x'}");
	for (int i = 0; i < 10000; i++)
		buf_printf(&b, ",{'destination':'/m%d','type':'tmpfs','options':['ro']}", i);
	buf_adds(&b, "],'annotations':{'x':'y'");
	for (int i = 0; i < 10000; i++)
		buf_printf(&b, ",'a%d':'%d'", i, i);
	buf_adds(&b, "}}");
	assert_int_equal(config_ok(b.data)->mounts.n, 10001);
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_engines),
		cmocka_unit_test(test_every_property),
		cmocka_unit_test(test_every_property_is_there),
		cmocka_unit_test(test_normal),
		cmocka_unit_test(test_questions),
		cmocka_unit_test(test_errors_to_err),
		cmocka_unit_test(test_many),
	};
	return cmocka_run_group_tests_name("spec/load", tests, NULL, doc_teardown);
}
