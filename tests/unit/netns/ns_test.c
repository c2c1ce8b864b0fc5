// SPDX-License-Identifier: Apache-2.0
/* Tests of netns/ns. */
#include <errno.h>
#include <setjmp.h>
#include <sched.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/auto.h"
#include "base/str.h"
#include "netns/netns.h"
#include "base/ban.h"

static void names(void **state)
{
	static const char *const good[] = {"lo",  "eth0",   "a",       "fifteen-bytes-x",
					   "...", "eth0.5", "\xc3\xa9"};
	static const char *const bad[] = {
		"", ".", "..", "a/b", "a:1", "a b", "a\n", "sixteen-bytes-xx", "a\177"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(net_name_check(good[i]), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(net_name_check(bad[i]), -EINVAL);
}

static void own(void **state)
{
	struct err e = ERR_INIT;
	AUTO_FD fd = FD_NONE;

	(void)state;
	assert_int_equal(net_ns_open("/proc/self/ns/net", &fd, &e), 0);
	assert_true(net_ns_is_own(fd));
	if (unshare(CLONE_NEWNET) < 0)
		return;
	assert_false(net_ns_is_own(fd));
}

static void no_namespace(void **state)
{
	static const char *const paths[] = {"/proc/self/ns/uts", "/proc/self/status", "/",
					    "/dev/null"};
	struct err e = ERR_INIT;
	int fd = FD_NONE;

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		assert_int_equal(net_ns_open(paths[i], &fd, &e), -EINVAL);
		assert_true(str_ends(e.text, "\" is not a network namespace"));
		assert_int_equal(e.class, ERR_INPUT);
	}
	assert_int_equal(net_ns_open("/none", &fd, &e), -ENOENT);
	assert_string_equal(e.text, "open network namespace \"/none\": no such file or directory");
	assert_int_equal(fd, FD_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(own),
		cmocka_unit_test(no_namespace),
	};
	return cmocka_run_group_tests_name("netns/ns", tests, NULL, NULL);
}
