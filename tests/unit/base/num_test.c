/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of base/num: what is a number and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include "base/num.h"
#include "base/ban.h"

#define N(v) (sizeof(v) / sizeof((v)[0]))

/* Refused by every one of the functions. */
static const char *const junk[] = {"",	  " ",	   " 1",  "1 ",	 "+1",	     "0x10",
				   "1e3", "1_000", "1\n", "\t1", "--1",	     "-",
				   "1-",  "NaN",   "inf", "1,2", "\xd9\xa1", "a"};

static void test_junk(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(junk); i++) {
		uint64_t u = 77;
		int64_t s = 77;
		uint32_t w = 77;
		int n = 77;

		assert_int_equal(num_u64(junk[i], &u), -EINVAL);
		assert_int_equal(num_i64(junk[i], &s), -EINVAL);
		assert_int_equal(num_u32(junk[i], &w), -EINVAL);
		assert_int_equal(num_int(junk[i], &n), -EINVAL);
		assert_int_equal(num_id(junk[i], &w), -EINVAL);
		assert_true(num_size(junk[i], &s) == -EINVAL);
		assert_true(u == 77 && s == 77 && w == 77 && n == 77);
	}
}

static void test_u64(void **state)
{
	uint64_t v;

	(void)state;
	assert_int_equal(num_u64("0", &v), 0);
	assert_true(v == 0);
	assert_int_equal(num_u64("18446744073709551615", &v), 0);
	assert_true(v == UINT64_MAX);
	assert_int_equal(num_u64("18446744073709551616", &v), -ERANGE);
	assert_int_equal(num_u64("99999999999999999999999999", &v), -ERANGE);
	assert_int_equal(num_u64("99999999999999999999999999x", &v), -EINVAL);
	assert_int_equal(num_u64("-1", &v), -EINVAL);
	assert_int_equal(num_u64n("123abc", 3, &v), 0);
	assert_true(v == 123);
	assert_int_equal(num_u64n("123", 0, &v), -EINVAL);
}

static void test_i64(void **state)
{
	int64_t v;
	int n;

	(void)state;
	assert_int_equal(num_i64("-9223372036854775808", &v), 0);
	assert_true(v == INT64_MIN);
	assert_int_equal(num_i64("9223372036854775807", &v), 0);
	assert_true(v == INT64_MAX);
	assert_int_equal(num_i64("9223372036854775808", &v), -ERANGE);
	assert_int_equal(num_i64("-9223372036854775809", &v), -ERANGE);
	assert_int_equal(num_i64("-0", &v), 0);
	assert_true(v == 0);
	assert_int_equal(num_int("2147483647", &n), 0);
	assert_int_equal(n, INT_MAX);
	assert_int_equal(num_int("-2147483648", &n), 0);
	assert_int_equal(n, INT_MIN);
	assert_int_equal(num_int("2147483648", &n), -ERANGE);
	assert_int_equal(num_int("-2147483649", &n), -ERANGE);
}

static void test_ids(void **state)
{
	uint32_t uid = 7, gid = 8;
	int has;

	(void)state;
	assert_int_equal(num_u32("4294967295", &uid), 0);
	assert_int_equal(num_u32("4294967296", &uid), -ERANGE);
	assert_int_equal(num_id("4294967294", &uid), 0);
	assert_true(uid == 4294967294u);
	assert_int_equal(num_id("4294967295", &uid), -ERANGE);
	assert_int_equal(num_id("01", &uid), -EINVAL);
	assert_int_equal(num_id("00", &uid), -EINVAL);
	assert_int_equal(num_id("-1", &uid), -EINVAL);
	assert_int_equal(num_id("0", &uid), 0);

	assert_int_equal(num_user("1000", &uid, &gid, &has), 0);
	assert_true(uid == 1000 && gid == 8 && has == 0);
	assert_int_equal(num_user("5:6", &uid, &gid, &has), 0);
	assert_true(uid == 5 && gid == 6 && has == 1);
	assert_int_equal(num_user("5:", &uid, &gid, &has), -EINVAL);
	assert_int_equal(num_user(":5", &uid, &gid, &has), -EINVAL);
	assert_int_equal(num_user("5:6:7", &uid, &gid, &has), -EINVAL);
	assert_int_equal(num_user("5:root", &uid, &gid, &has), -EINVAL);
	assert_int_equal(num_user("5:4294967295", &uid, &gid, &has), -ERANGE);
	assert_true(uid == 5 && gid == 6);
}

static void test_size(void **state)
{
	static const struct {
		const char *text;
		int64_t v;
	} good[] = {
		{"0", 0},
		{"4096", 4096},
		{"1b", 1},
		{"512k", 512 << 10},
		{"512K", 512 << 10},
		{"512kb", 512 << 10},
		{"1M", 1 << 20},
		{"1Mi", 1 << 20},
		{"2GiB", (int64_t)2 << 30},
		{"1.5G", (int64_t)3 << 29},
		{"0.5k", 512},
		{"1.000k", 1024},
		{"0.0001k", 0},
		{"3T", (int64_t)3 << 40},
		{"1P", (int64_t)1 << 50},
		{"7E", (int64_t)7 << 60},
		{"9223372036854775807", INT64_MAX},
		{"-1", -1},
		{"max", -1},
	};
	static const char *const bad[] = {"1.5",
					  "1.",
					  ".5G",
					  "1.G",
					  "1.5b",
					  "k",
					  "1kk",
					  "1 k",
					  "-2",
					  "-1k",
					  "1ki ",
					  "MAX",
					  "1bi",
					  "1.2.3k",
					  "1x",
					  "0x1k",
					  "1.1234567890123456789k"};
	int64_t v;

	(void)state;
	for (size_t i = 0; i < N(good); i++) {
		assert_int_equal(num_size(good[i].text, &v), 0);
		assert_true(v == good[i].v);
	}
	for (size_t i = 0; i < N(bad); i++)
		assert_int_equal(num_size(bad[i], &v), -EINVAL);
	assert_int_equal(num_size("8E", &v), -ERANGE);
	assert_int_equal(num_size("7.9999999999999999E", &v), 0);
	assert_int_equal(num_size("9223372036854775808", &v), -ERANGE);
	assert_int_equal(num_size("99999999999999999999G", &v), -ERANGE);
}

static void U109_durations(void **state)
{
	static const struct {
		const char *text;
		uint64_t usec;
	} good[] = {
		{"5s", 5000000},
		{"500ms", 500000},
		{"1m", 60000000},
		{"1h30m", 5400000000},
		{"1.5s", 1500000},
		{"0", 0},
		{"0s", 0},
		{"100us", 100},
		{"3\xc2\xb5s", 3},
		{".5s", 500000},
		{"1m30s500ms", 90500000},
		{"1.s", 1000000},
		{"999ns", 0},
		{"1.0000001s", 1000000},
	};
	static const char *const bad[] = {"",	 "5",	"s",   "5x", "-1s",  "+1s", "1s ",
					  " 1s", "1 s", "1sm", ".s", "1e3s", "5s3", "00"};
	uint64_t v;

	(void)state;
	for (size_t i = 0; i < N(good); i++) {
		assert_int_equal(num_duration(good[i].text, &v), 0);
		assert_true(v == good[i].usec);
	}
	for (size_t i = 0; i < N(bad); i++)
		assert_int_equal(num_duration(bad[i], &v), -EINVAL);
	assert_int_equal(num_duration("9999999999h", &v), -ERANGE);
	assert_int_equal(num_duration("2562047h2562047h", &v), -ERANGE);
	assert_int_equal(num_duration("99999999999999999999s", &v), -ERANGE);
}

static void test_signals(void **state)
{
	static const char *const bad[] = {"",	     "SIG",	"-1",	  "SIGSIGKILL", "KILLX",
					  "RTMIN-1", "RTMAX+1", "RTMIN+", "RTMIN+-1",	" 9",
					  "RTMIN3",  "RT",	"SIG9"};
	char buf[16];
	int v;

	(void)state;
	assert_int_equal(num_signal("9", &v), 0);
	assert_int_equal(v, 9);
	assert_int_equal(num_signal("0", &v), 0);
	assert_int_equal(v, 0);
	assert_int_equal(num_signal("KILL", &v), 0);
	assert_int_equal(v, SIGKILL);
	assert_int_equal(num_signal("SIGTERM", &v), 0);
	assert_int_equal(v, SIGTERM);
	assert_int_equal(num_signal("kill", &v), 0);
	assert_int_equal(v, SIGKILL);
	assert_int_equal(num_signal("SIGRTMIN+3", &v), 0);
	assert_int_equal(v, SIGRTMIN + 3);
	assert_int_equal(num_signal("rtmax-1", &v), 0);
	assert_int_equal(v, SIGRTMAX - 1);
	assert_int_equal(num_signal("RTMAX", &v), 0);
	assert_int_equal(v, SIGRTMAX);
	assert_int_equal(num_signal("65", &v), -ERANGE);
	assert_int_equal(num_signal("RTMIN+31", &v), -ERANGE);
	for (size_t i = 0; i < N(bad); i++)
		assert_int_equal(num_signal(bad[i], &v), -EINVAL);
	for (int i = 0; i <= 64; i++) {
		assert_int_equal(num_signal(num_signal_name(i, buf), &v), 0);
		assert_int_equal(v, i);
	}
	assert_string_equal(num_signal_name(SIGABRT, buf), "SIGABRT");
	assert_string_equal(num_signal_name(SIGRTMIN + 3, buf), "SIGRTMIN+3");
}

static void test_list(void **state)
{
	static const char *const bad[] = {"",	",", "1,",    ",1", "1,,2", "3-1",  "1-",
					  "-1", "a", "1-2-3", "1 ", "0-3 ", "0-3\n"};
	uint64_t bits[2] = {~(uint64_t)0, ~(uint64_t)0};

	(void)state;
	assert_int_equal(num_list("0-3,7,64-65", bits, 128), 0);
	assert_true(bits[0] == 0x8f && bits[1] == 3);
	assert_int_equal(num_list("127", bits, 128), 0);
	assert_true(bits[0] == 0 && bits[1] == (uint64_t)1 << 63);
	assert_int_equal(num_list("128", bits, 128), -ERANGE);
	assert_int_equal(num_list("0-18446744073709551615", bits, 128), -ERANGE);
	assert_int_equal(num_list("0-99999999999999999999", bits, 128), -ERANGE);
	for (size_t i = 0; i < N(bad); i++)
		assert_int_equal(num_list(bad[i], bits, 128), -EINVAL);
}

/* Against libc's calendar: the same second, or the one after. */
static void test_now(void **state)
{
	char ours[40], theirs[40];
	time_t before = time(NULL), after;
	int found = 0;

	(void)state;
	num_now_rfc3339(ours);
	after = time(NULL);
	assert_int_equal(strlen(ours), 30);
	assert_int_equal(ours[29], 'Z');
	for (time_t t = before; t <= after; t++) {
		struct tm tm;

		gmtime_r(&t, &tm);
		strftime(theirs, sizeof(theirs), "%Y-%m-%dT%H:%M:%S", &tm);
		found |= strncmp(ours, theirs, 19) == 0;
	}
	assert_true(found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_junk),	  cmocka_unit_test(test_u64),
		cmocka_unit_test(test_i64),	  cmocka_unit_test(test_ids),
		cmocka_unit_test(test_size),	  cmocka_unit_test(test_signals),
		cmocka_unit_test(U109_durations), cmocka_unit_test(test_list),
		cmocka_unit_test(test_now),
	};

	return cmocka_run_group_tests_name("base/num", tests, NULL, NULL);
}
