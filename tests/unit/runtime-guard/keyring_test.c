/* SPDX-License-Identifier: Apache-2.0 */
/* The session keyring: a new one, named, with its permissions; the caller's keys are out of it. */
#include "tests/unit/runtime-guard/helpers.h"

#include <linux/keyctl.h>

#include "base/auto.h"
#include "runtime/guard/guard.h"

static bool has_keys(void)
{
	return syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0) >= 0;
}

static void fresh(void *arg)
{
	(void)arg;
	struct err e = ERR_INIT;
	char text[256];

	NEED(syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) > 0);
	long secret =
		syscall(SYS_add_key, "user", "stiva:test", "s", 1UL, KEY_SPEC_SESSION_KEYRING);
	NEED(secret > 0);
	NEED(syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, "user", "stiva:test",
		     0) == secret);
	NEED_OK(guard_keyring_new("guard.test-1", NULL, &e), &e);
	long n = syscall(SYS_keyctl, KEYCTL_DESCRIBE, KEY_SPEC_SESSION_KEYRING, text, sizeof(text));
	NEED(n > 0);
	char want[64];
	snprintf(want, sizeof(want), "keyring;%d;%d;3f1b0000;_ses.guard.test-1", getuid(),
		 getgid());
	NEED(strcmp(text, want) == 0);
	NEED(syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, "user", "stiva:test", 0) <
	     0);
	/* An exec joins the same one. */
	long id = syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);
	NEED(syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) > 0);
	NEED(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0) != id);
}

static void test_fresh(void **state)
{
	(void)state;
	if (!has_keys())
		skip();
	assert_int_equal(in_child(fresh, NULL), 0);
}

static void test_long_id(void **state)
{
	(void)state;
	struct err e = ERR_INIT;
	char id[2000];

	memset(id, 'a', sizeof(id));
	id[sizeof(id) - 1] = '\0';
	assert_int_equal(guard_keyring_new(id, NULL, &e), -ENAMETOOLONG);
}

/* A label without SELinux cannot be set on the keys: an error, and no keyring is joined. */
static void labelled(void *arg)
{
	(void)arg;
	struct err e = ERR_INIT;
	long before = syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0);

	NEED(guard_keyring_new("x", "system_u:system_r:container_t:s0", &e) < 0);
	NEED(strstr(e.text, "process.selinuxLabel: "));
	NEED(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0) == before);
}

static void test_label(void **state)
{
	(void)state;
	if (!has_keys() || access("/sys/fs/selinux", F_OK) == 0)
		skip();
	assert_int_equal(in_child(labelled, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fresh),
		cmocka_unit_test(test_long_id),
		cmocka_unit_test(test_label),
	};
	return cmocka_run_group_tests_name("runtime-guard/keyring", tests, NULL, NULL);
}
