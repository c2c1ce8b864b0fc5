/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/cli/cmd_create: the verb create, and the options that run shares with it. */
#include "runtime/cli/cmd.h"

#include "base/ban.h"

#define A struct cmd_create_args
/* clang-format off */
static const struct cmd_opt rows[] = {
	O_STR(A, life.bundle, "bundle", 'b', "DIR", "the current directory", "the bundle"),
	O_STR(A, life.config, "config", 'f', "FILE", "config.json in the bundle", "the configuration"),
	O_STR(A, life.console_socket, "console-socket", 0, "SOCKET", NULL,
	      "send the terminal's master over this unix socket"),
	O_STR(A, life.pidfd_socket, "pidfd-socket", 0, "SOCKET", NULL,
	      "send a pidfd of the container's first process over this unix socket"),
	O_STR(A, life.pid_file, "pid-file", 0, "FILE", NULL, "write the pid of the first process to this file"),
	O_FLAG(A, life.no_pivot, "no-pivot", 0,
	       "move the root mount instead of pivoting, for a root file system on a ramdisk"),
	O_FLAG(A, life.no_new_keyring, "no-new-keyring", 0, "keep the caller's session keyring"),
	O_MAYBE(A, life.view, "view", 0,
		"show the container its own memory, CPUs and load, by lxcfs: free, nproc and top follow its limits"),
	O_STR(A, life.view_from, "view-from", 0, "DIR", NULL, "the same, by the lxcfs that is mounted there"),
	O_U32(A, life.preserve_fds, "preserve-fds", 0, "N", "0",
	      "pass N more file descriptors to the program, from 3 on"),
	O_FLAG(A, life.no_subreaper, "no-subreaper", 0,
	       "do not become the parent of orphaned processes while run waits"),
	O_FLAG(A, plan, "plan", 0, "print what would be mounted, unshared and limited, and do nothing"),
};
/* clang-format on */
const struct cmd_opts cmd_create_opts = CMD_OPTS(rows);

int cmd_create_plan(struct cmd_call *call, struct err *e)
{
	const struct cmd_create_args *a = call->args;
	int r;

	if (!a->plan)
		return 0;
	r = life_plan_print(call->host, &a->life, call->out, e);
	return r < 0 ? r : 1;
}

static int run(struct cmd_call *call, struct err *e)
{
	struct cmd_create_args *a = call->args;
	int r;

	a->life.id = call->words[0];
	r = cmd_create_plan(call, e);
	if (r != 0)
		return r < 0 ? r : 0;
	return life_create(call->host, &a->life, e);
}

const struct cmd_verb cmd_create = {
	.name = "create",
	.group = CMD_LIFECYCLE,
	.wants_seal = true,
	.word = CMD_WORD_NEW_ID,
	.summary = "make a container and leave it waiting for start",
	.words = "ID",
	.detail = "Makes the container ID from a bundle: its namespaces, cgroup, mounts and first "
		  "process, which waits. The program of config.json runs when stiva start is "
		  "called.\n\n"
		  "ID may hold letters, digits and the characters _ + - . and must not be in use.",
	.example = "create --bundle /srv/web --pid-file /run/web.pid web",
	.opts = CMD_OPTS(rows),
	.args_size = sizeof(struct cmd_create_args),
	.min_words = 1,
	.max_words = 1,
	.run = run,
};
