/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of runtime/life/record: what is written is what is read; what is not a record is refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/str.h"
#include "runtime/life/internal.h"
#include "tests/unit/story.h"
#include "base/ban.h"

static struct life_rec_process init = {{true, 4711}, {true, UINT64_MAX}};
static struct life_rec_process creator = {{true, INT32_MAX}, {true, 0}};
static struct life_rec_cgroup cgroup = {{true, CG_CGROUPFS}, (char *)"/a \"b\"/c",
					{true, UINT64_MAX},  {true, 3},
					(char *)"x.scope",   {true, true}};
static struct life_rec_shrink shrink = {&creator, (char *)"max", (char *)"4096"};
static char *notes[] = {(char *)"cpuset.cpus \n", (char *)"io.max 8:0 rbps=max"};
static struct life_rec_undo undo = {{notes, 2}, {true, true}};
static struct strpair pairs[] = {{(char *)"k", (char *)""},
				 {(char *)"\xc3\xa4/\\", (char *)"\n\"sum\":\""}};

static struct life_record full(void)
{
	return (struct life_record){
		.schema = {true, 1},
		.sum = (char *)"0000000000000000",
		.id = (char *)"id",
		.oci_version = (char *)"1.3.0",
		.boot_id = (char *)"boot",
		.bundle = (char *)"/b",
		.rootfs = (char *)"/r",
		.created = (char *)"now",
		.owner = (char *)"root",
		.stage = {true, LIFE_STAGE_CREATED},
		.init = &init,
		.creator = &creator,
		.cgroup = &cgroup,
		.no_pivot = {true, true},
		.shrink = &shrink,
		.undo = &undo,
		.has_notify = {true, false},
		.annotations = {pairs, 2},
	};
}

static struct life_record *parse(const char *text, struct arena *a)
{
	struct json_errors errs = {.arena = a};
	void *rec = NULL;

	err_clear(&e);
	if (json_parse(&life_table_record, text, strlen(text), a, &errs, &rec) < 0) {
		(void)!spec_errors_to_err(&errs, "record", &e);
		return NULL;
	}
	return rec;
}

static void test_round_trip(void **state)
{
	AUTO(arena) a = {0};
	AUTO(buf) first = {0};
	AUTO(buf) second = {0};
	struct life_record rec = full(), *back;

	(void)state;
	json_print(&life_table_record, &rec, 0, &first);
	back = parse(first.data, &a);
	assert_non_null(back);
	assert_int_equal(back->init->pid.v, 4711);
	assert_true(back->init->start.v == UINT64_MAX);
	assert_true(back->cgroup->ino.v == UINT64_MAX);
	assert_int_equal(back->shrink->by->pid.v, INT32_MAX);
	assert_string_equal(back->shrink->high, "max");
	assert_string_equal(back->shrink->swap, "4096");
	assert_int_equal(back->undo->files.n, 2);
	assert_string_equal(back->undo->files.v[0], notes[0]);
	assert_true(back->undo->has_devices.v);
	assert_string_equal(back->cgroup->path, cgroup.path);
	assert_int_equal(back->cgroup->made_levels.v, 3);
	assert_true(back->no_pivot.v && !back->no_keyring.has && back->has_notify.has &&
		    !back->has_notify.v);
	assert_int_equal(back->annotations.n, 2);
	assert_string_equal(back->annotations.v[1].value, pairs[1].value);
	json_print(&life_table_record, back, 0, &second);
	assert_string_equal(first.data, second.data);
	/* The checksum is found by its first place: no text of a caller's may come before it. */
	assert_ptr_equal(strstr(first.data, "\"sum\":"), first.data + strlen("{\"schema\":1,"));
}

/* Each required member away, each number out of its range. */
static void test_what_is_no_record(void **state)
{
	static const char *const words[][2] = {
		{"\"schema\":1", "\"schema\":-1"},
		{"\"schema\":1,", ""},
		{"\"sum\"", "\"x\""},
		{"\"id\":\"id\"", "\"id\":\"\""},
		{"\"id\":", "\"i\":"},
		{"\"bootId\":", "\"b\":"},
		{"\"stage\":\"created\"", "\"stage\":\"x\""},
		{"\"stage\":", "\"s\":"},
		{"\"bundle\":\"/b\"", "\"bundle\":\"b\""},
		{"\"pid\":4711", "\"pid\":0"},
		{"\"pid\":4711", "\"pid\":-1"},
		{"\"pid\":4711", "\"pid\":4294967297"},
		{"\"pid\":4711", "\"pid\":1.5"},
		{"\"pid\":4711", "\"p\":4711"},
		{"\"manager\":\"cgroupfs\"", "\"manager\":\"v1\""},
		{"\"cgroup\":{", "\"c\":{"},
		{"\"inode\":18446744073709551615", "\"inode\":18446744073709551616"},
		{"{\"schema\"", "[{\"schema\""},
		{"}", ""},
	};
	AUTO(buf) text = {0};
	struct life_record rec = full();

	(void)state;
	rec.annotations.n = 0;
	rec.annotations.v = NULL;
	json_print(&life_table_record, &rec, 0, &text);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		AUTO(arena) a = {0};
		AUTO(buf) bad = {0};
		const char *at = strstr(text.data, words[i][0]);

		if (!at)
			fail_msg("no %s in %s", words[i][0], text.data);
		buf_add(&bad, text.data, (size_t)(at - text.data));
		buf_adds(&bad, words[i][1]);
		buf_adds(&bad, at + strlen(words[i][0]));
		if (parse(bad.data, &a))
			fail_msg("taken: %s", bad.data);
		assert_true(e.code > 0);
	}
}

static void test_words(void **state)
{
	AUTO(buf) text = {0};
	struct life_record rec = full();

	(void)state;
	rec.stage.v = LIFE_STAGE_CREATING;
	cgroup.manager.v = CG_DISABLED;
	json_print(&life_table_record, &rec, 0, &text);
	assert_non_null(strstr(text.data, "\"stage\":\"creating\""));
	assert_non_null(strstr(text.data, "\"manager\":\"disabled\""));
	cgroup.manager.v = CG_CGROUPFS;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_what_is_no_record),
		cmocka_unit_test(test_words),
	};

	return cmocka_run_group_tests_name("runtime-life/record", tests, NULL, NULL);
}
