/* SPDX-License-Identifier: Apache-2.0 */
/* Labels: on this kernel mostly that they are refused by name; their protocol against a directory
 * that plays procfs, with honest and forged contents. */
#include "tests/unit/runtime-guard/helpers.h"

#include "base/auto.h"
#include "runtime/guard/guard.h"

#define LABEL "system_u:system_r:container_t:s0:c1,c2"

struct fixture {
	char path[64];
	int proc_fd;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->proc_fd = tmp_make(f->path);
	mkdirat(f->proc_fd, "thread-self", 0700);
	mkdirat(f->proc_fd, "thread-self/attr", 0700);
	mkdirat(f->proc_fd, "thread-self/attr/apparmor", 0700);
	write_text(f->proc_fd, "thread-self/attr/apparmor/exec", "");
	write_text(f->proc_fd, "thread-self/attr/exec", "");
	write_text(f->proc_fd, "filesystems", "nodev\tsysfs\nnodev\tselinuxfs\n\text4\n");
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	tmp_remove(f->proc_fd, f->path,
		   (const char *const[]){"thread-self/attr/apparmor/exec",
					 "thread-self/attr/apparmor/real",
					 "thread-self/attr/apparmor", "thread-self/attr/exec",
					 "thread-self/attr", "thread-self", "filesystems", NULL});
	free(f);
	return 0;
}

static void test_none(void **state)
{
	(void)state;
	struct err e = ERR_INIT;

	assert_int_equal(guard_lsm_apply(NULL, NULL, FD_NONE, &e), 0);
	assert_int_equal(guard_lsm_apply("", "", FD_NONE, &e), 0);
}

/* podman classes it by the path of an attribute in the text. */
static void P14_P15_E09_host_without(void **state)
{
	(void)state;
	struct err e = ERR_INIT;

	if (access("/proc/self/attr/apparmor/exec", F_OK) != 0) {
		assert_int_equal(guard_lsm_apply("docker-default", NULL, FD_NONE, &e), -ENOTSUP);
		assert_non_null(strstr(e.text, "process.apparmorProfile: \"docker-default\""));
		assert_non_null(strstr(e.text, "AppArmor is not enabled on this host"));
		assert_non_null(strstr(e.text, "/proc/thread-self/attr/apparmor/exec"));
		assert_int_equal(e.class, ERR_MISSING);
	}
	if (access("/sys/fs/selinux", F_OK) != 0) {
		assert_int_equal(guard_lsm_apply(NULL, LABEL, FD_NONE, &e), -ENOTSUP);
		assert_non_null(strstr(e.text, "process.selinuxLabel: \"" LABEL "\""));
		assert_non_null(strstr(e.text, "SELinux is not enabled on this host"));
		assert_non_null(strstr(e.text, "/proc/thread-self/attr/exec"));
	}
}

/* A plain file gives back what was written into it: "exec NAME", which is not NAME. */
static void P14_R04_apparmor_forged(void **state)
{
	struct fixture *f = *state;
	struct err e = ERR_INIT;
	char text[256];

	assert_int_equal(guard_lsm_apply("docker-default", NULL, f->proc_fd, &e), -EIO);
	assert_non_null(strstr(e.text, "read back \"exec docker-default\""));
	read_text(f->proc_fd, "thread-self/attr/apparmor/exec", text, sizeof(text));
	assert_string_equal(text, "exec docker-default");
	/* Longer, with a NUL inside. */
	int fd = openat(f->proc_fd, "thread-self/attr/apparmor/exec", O_WRONLY | O_TRUNC);
	assert_int_equal(pwrite(fd, "x\0y", 3, 30), 3);
	close(fd);
	assert_int_equal(guard_lsm_apply("docker-default", NULL, f->proc_fd, &e), -EBADMSG);
	/* A name with a namespace can only be told to be there. */
	write_text(f->proc_fd, "thread-self/attr/apparmor/exec", "");
	assert_int_equal(guard_lsm_apply(":ns:profile", NULL, f->proc_fd, &e), 0);
}

static void P14_R04_apparmor_symlink(void **state)
{
	struct fixture *f = *state;
	struct err e = ERR_INIT;

	/* Out of the tree: never followed. */
	assert_int_equal(unlinkat(f->proc_fd, "thread-self/attr/apparmor/exec", 0), 0);
	assert_int_equal(
		symlinkat("/proc/sysrq-trigger", f->proc_fd, "thread-self/attr/apparmor/exec"), 0);
	assert_int_equal(guard_lsm_apply("p", NULL, f->proc_fd, &e), -EXDEV);
	assert_non_null(strstr(e.text, "process.apparmorProfile: open `/proc/"));
}

static void test_names(void **state)
{
	struct fixture *f = *state;
	static const char *const bad[] = {"a b", "a\nb", "a\tb", "p\x01", "exec;x", "\xff", "a\"b"};
	struct err e = ERR_INIT;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(guard_lsm_apply(bad[i], NULL, f->proc_fd, &e), -EINVAL);
		assert_non_null(strstr(e.text, "is not a profile's name"));
	}
	assert_int_equal(guard_lsm_apply(NULL, "a\nb", f->proc_fd, &e), -EINVAL);
}

static void P15_selinux(void **state)
{
	struct fixture *f = *state;
	struct err e = ERR_INIT;
	char text[256];

	assert_int_equal(guard_lsm_apply(NULL, LABEL, f->proc_fd, &e), 0);
	read_text(f->proc_fd, "thread-self/attr/exec", text, sizeof(text));
	assert_string_equal(text, LABEL);
	/* What was longer before shows through: not our label. */
	write_text(f->proc_fd, "thread-self/attr/exec", LABEL ",c3");
	assert_int_equal(guard_lsm_apply(NULL, LABEL, f->proc_fd, &e), -EIO);
	assert_non_null(strstr(e.text, "read back \"" LABEL ",c3\""));
	/* The kernel may end it with a newline or a NUL. */
	write_text(f->proc_fd, "thread-self/attr/exec", LABEL "\n");
	assert_int_equal(guard_lsm_apply(NULL, LABEL, f->proc_fd, &e), 0);
	/* A file system whose name only ends so. */
	write_text(f->proc_fd, "filesystems", "nodev\tnoselinuxfs\nnodev\tselinuxfsx\n");
	assert_int_equal(guard_lsm_apply(NULL, LABEL, f->proc_fd, &e), -ENOTSUP);
}

#define WITH_DIR(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_none),
		cmocka_unit_test(P14_P15_E09_host_without),
		WITH_DIR(P14_R04_apparmor_forged),
		WITH_DIR(P14_R04_apparmor_symlink),
		WITH_DIR(test_names),
		WITH_DIR(P15_selinux),
	};
	return cmocka_run_group_tests_name("runtime-guard/lsm", tests, NULL, NULL);
}
