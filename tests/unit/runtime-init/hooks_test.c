/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of runtime/init/hooks: what a hook gets, how its failures are told. */
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
#include "base/auto.h"
#include "base/file.h"
#include "base/str.h"
#include "runtime/init/init.h"
#include "tests/unit/story.h"
#include "base/ban.h"

static struct spec_hooks hooks;
static struct spec_config conf = {.hooks = &hooks};
static struct spec_hook list[3];
static char *argv[3][4];

/* sh -c TEXT as hook i of a kind */
static void hook(size_t i, const char *text)
{
	argv[i][0] = (char *)"sh";
	argv[i][1] = (char *)"-c";
	argv[i][2] = (char *)text;
	list[i] = (struct spec_hook){.path = (char *)"/bin/sh", .args = {argv[i], 3}};
}

static int run_in(enum spec_hook_kind kind, const char *state, const char *cwd)
{
	struct init_hooks_env with = {state, cwd, NULL, FD_NONE, FD_NONE};

	return init_hooks_run(&conf, kind, &with, &e);
}

static int run(enum spec_hook_kind kind, size_t n, const char *state)
{
	hooks = (struct spec_hooks){0};
	hooks.kind[kind].v = list;
	hooks.kind[kind].n = n;
	err_clear(&e);
	return run_in(kind, state, NULL);
}

static void test_none(void **state)
{
	struct spec_config bare = {0};
	struct init_hooks_env with = {"{}", NULL, NULL, FD_NONE, FD_NONE};

	(void)state;
	OK(init_hooks_run(&bare, SPEC_HOOK_PRESTART, &with, &e));
	OK(run(SPEC_HOOK_PRESTART, 0, "{}"));
}

static void H06_H08_state_env_cwd(void **state)
{
	char *env[] = {(char *)"ONLY=this", NULL};

	(void)state;
	setenv("STIVA_TEST_CANARY", "1", 1);
	hook(0, "read x && [ \"$x\" = '{\"id\":\"a\"}' ]");
	OK(run(SPEC_HOOK_PRESTART, 1, "{\"id\":\"a\"}\n"));
	setenv("LD_CANARY", "1", 1);
	hook(0, "[ \"$STIVA_TEST_CANARY\" = 1 ] && [ -z \"$LD_CANARY\" ]");
	OK(run(SPEC_HOOK_PRESTART, 1, "{}"));
	unsetenv("LD_CANARY");
	hook(0, "[ -z \"$STIVA_TEST_CANARY\" ]");
	list[0].env = (struct strvec){env + 1, 0};
	OK(run(SPEC_HOOK_PRESTART, 1, "{}"));
	hook(0, "[ \"$ONLY\" = this ] && [ -z \"$STIVA_TEST_CANARY\" ]");
	list[0].env = (struct strvec){env, 1};
	OK(run(SPEC_HOOK_PRESTART, 1, "{}"));
	hook(0, "[ \"$(pwd)\" = /usr ]");
	hooks.kind[SPEC_HOOK_PRESTART] = (struct spec_hook_vec){list, 1};
	OK(run_in(SPEC_HOOK_PRESTART, "{}", "/usr"));
	unsetenv("STIVA_TEST_CANARY");
}

static void H17_no_fd_of_ours(void **state)
{
	/* not CLOEXEC: as what a caller passes with --preserve-fds */
	int fd = fcntl(0, F_DUPFD, 20);

	(void)state;
	hook(0, "[ ! -e /proc/self/fd/20 ]");
	OK(run(SPEC_HOOK_PRESTART, 1, "{}"));
	close(fd);
}

static void H09_a_state_that_nobody_reads(void **state)
{
	AUTO(buf) big = {0};

	(void)state;
	for (int i = 0; i < 100000; i++)
		buf_adds(&big, "0123456789");
	hook(0, "exit 0");
	OK(run(SPEC_HOOK_PRESTART, 1, big.data));
}

static void H02_failures(void **state)
{
	(void)state;
	hook(0, "exit 0");
	hook(1, "echo first; echo the last line >&2; echo; exit 7");
	hook(2, "echo never >/nonesuch");
	FAILS(ECANCELED, run(SPEC_HOOK_CREATE_RUNTIME, 3, "{}"));
	HAS("error running createRuntime hook #1: /bin/sh: exit status 7: the last line");
	hook(0, "kill -KILL $$");
	FAILS(ECANCELED, run(SPEC_HOOK_START_CONTAINER, 1, "{}"));
	HAS("error running startContainer hook #0: /bin/sh: killed by signal 9 (killed)");
	list[0] = (struct spec_hook){.path = (char *)"/nonesuch/hook"};
	FAILS(ENOENT, run(SPEC_HOOK_POSTSTART, 1, "{}"));
	HAS("error running poststart hook #0: /nonesuch/hook: no such file or directory");
	list[0].path = (char *)"/etc/passwd";
	FAILS(EACCES, run(SPEC_HOOK_POSTSTART, 1, "{}"));
}

static void test_hostile_output(void **state)
{
	(void)state;
	hook(0, "head -c 5000000 /dev/zero; printf 'a\\033[2Jb'; exit 1");
	FAILS(ECANCELED, run(SPEC_HOOK_PRESTART, 1, "{}"));
	for (const char *p = e.text; *p; p++)
		assert_true((unsigned char)*p >= ' ');
	hook(0, "head -c 100000 /dev/zero | tr '\\0' x; exit 1");
	FAILS(ECANCELED, run(SPEC_HOOK_PRESTART, 1, "{}"));
}

static void H07_timeout(void **state)
{
	(void)state;
	hook(0, "sleep 100 & sleep 100");
	list[0].timeout = (struct opt_i64){true, 1};
	FAILS(ETIMEDOUT, run(SPEC_HOOK_PRESTART, 1, "{}"));
	HAS("its timeout of 1 s");
}

/* H04 */
static void H04_poststop_goes_on(void **state)
{
	char path[] = "/tmp/stiva-hook.XXXXXX", text[64];
	int fd = mkstemp(path);
	struct stat st;

	(void)state;
	snprintf(text, sizeof(text), "echo ran >%s", path);
	hook(0, "exit 1");
	hook(1, text);
	OK(run(SPEC_HOOK_POSTSTOP, 2, "{}"));
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 4);
	close(fd);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_none),
		cmocka_unit_test(H06_H08_state_env_cwd),
		cmocka_unit_test(H17_no_fd_of_ours),
		cmocka_unit_test(H09_a_state_that_nobody_reads),
		cmocka_unit_test(H02_failures),
		cmocka_unit_test(test_hostile_output),
		cmocka_unit_test(H07_timeout),
		cmocka_unit_test(H04_poststop_goes_on),
	};

	return cmocka_run_group_tests_name("runtime-init/hooks", tests, NULL, NULL);
}
