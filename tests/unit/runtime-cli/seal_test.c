/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of runtime/cli/seal_start and seal_image: which command lines go to the launch image, and
 * that it is there and is a program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <cmocka.h>
#include "runtime/cli/cmd.h"
#include "runtime/cli/seal.h"

static bool is_launch(const char *const *words)
{
	return cmd_seal_is_launch((char *const *)words);
}

#define LAUNCH(...) assert_true(is_launch((const char *const[]){__VA_ARGS__, NULL}))
#define OTHER(...)  assert_false(is_launch((const char *const[]){__VA_ARGS__, NULL}))

static void verbs_of_the_launch_image(void **state)
{
	(void)state;
	LAUNCH("run", "x");
	LAUNCH("create", "--help");
	LAUNCH("exec", "x", "list");
	OTHER("list");
	OTHER("delete", "run");
	OTHER("kill", "exec", "KILL");
	OTHER("mounts", "add", "x");
	OTHER("restore", "x");
	OTHER("runs");
	OTHER("ru");
	OTHER("run=x");
	assert_false(is_launch((const char *const[]){NULL}));
}

static void what_engines_call(void **state)
{
	(void)state;
	/* podman by conmon, containerd's shim, CRI-O */
	LAUNCH("--systemd-cgroup", "create", "--bundle", "/b", "x");
	LAUNCH("--root", "/run/r", "--log-format=json", "--log", "/l", "create", "x");
	LAUNCH("--root", "/run/r", "--log", "/l", "--log-format", "json", "--systemd-cgroup",
	       "exec", "--process", "/p", "x");
	LAUNCH("--root=/r", "--cgroup-manager", "systemd", "--debug", "run", "x");
	OTHER("--root", "run", "list");
	OTHER("--root=run", "list");
	OTHER("--root");
	OTHER("--root", "run");
}

/* Main prints the help of all commands, or the version, whatever follows: the launch image would
 * not know the other commands. */
static void what_main_has_to_decide(void **state)
{
	(void)state;
	OTHER("--help", "run", "x");
	OTHER("-h", "run", "x");
	OTHER("--version", "run", "x");
	OTHER("--rootless", "true", "run", "x");
	OTHER("--no-such", "run", "x");
	OTHER("--", "run", "x");
	OTHER("--debugging", "run", "x");
}

/* Whatever option is added to the table: what is called a launch here is one to the parser. */
static void never_other_than_the_parser(void **state)
{
	(void)state;
	for (size_t i = 0; i < cmd_global_opts.n; i++) {
		const struct cmd_opt *row = &cmd_global_opts.rows[i];
		char name[64], with[80];

		snprintf(name, sizeof(name), "--%s", row->name);
		snprintf(with, sizeof(with), "--%s=json", row->name);
		for (int form = 0; form < 3; form++) {
			char *argv[6] = {NULL};
			int n = 0;

			argv[n++] = form == 2 ? with : name;
			if (form == 1)
				argv[n++] = (char *)"json";
			argv[n++] = (char *)"run";
			argv[n++] = (char *)"x";
			if (!cmd_seal_is_launch(argv))
				continue;
			struct cmd_global g = {0};
			AUTO(arena) arena = {0};
			struct cmd_opt_parse p = {.opts = &cmd_global_opts,
						  .into = &g,
						  .stop_after = 1,
						  .arena = &arena};
			struct err e = ERR_INIT;

			if (cmd_opt_parse(&p, argv, &e) < 0)
				continue; /* told by either image */
			assert_string_equal(p.words[0], "run");
			assert_false(p.wants_help || g.version);
		}
	}
}

/* A verb that is in the launch image and does not want to be sealed would run unsealed. */
static void launch_verbs_are_sealed(void **state)
{
	(void)state;
	for (size_t i = 0; cmd_verbs[i]; i++) {
		const char *const words[] = {cmd_verbs[i]->name, NULL};

		if (is_launch(words))
			assert_true(cmd_verbs[i]->wants_seal);
	}
#define ROW(name) assert_true(is_launch((const char *const[]){#name, NULL}));
	CMD_LAUNCH_VERBS(ROW)
}

static void image_is_in_the_file(void **state)
{
	struct cmd_seal_image image = {0}, whole = {0};
	const void *phdr = (const void *)getauxval(AT_PHDR);
	unsigned long n = getauxval(AT_PHNUM);
	char head[4] = "";
	FILE *f = fopen("/proc/self/exe", "re");

	(void)state;
	assert_non_null(f);
	assert_true(cmd_seal_image_launch(phdr, n, &image));
	cmd_seal_image_whole(phdr, n, &whole);
	assert_true(image.from > 0 && image.from + image.size <= whole.size);
	assert_int_equal(fseek(f, (long)image.from, SEEK_SET), 0);
	assert_int_equal(fread(head, 1, sizeof(head), f), sizeof(head));
	assert_memory_equal(head, ELFMAG, sizeof(head));
	fclose(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verbs_of_the_launch_image),
		cmocka_unit_test(what_engines_call),
		cmocka_unit_test(what_main_has_to_decide),
		cmocka_unit_test(never_other_than_the_parser),
		cmocka_unit_test(launch_verbs_are_sealed),
		cmocka_unit_test(image_is_in_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
