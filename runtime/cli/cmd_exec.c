/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/cli/cmd_exec: the verb exec. All words after ID belong to the program. */
#include "runtime/cli/cmd.h"

#include <errno.h>
#include "base/ban.h"

#define A struct life_exec_args
/* clang-format off */
static const struct cmd_opt rows[] = {
	O_STR(A, process_file, "process", 'p', "FILE", NULL,
	      "take the process from this file: the process object of a config.json"),
	O_FLAG(A, detach, "detach", 'd', "return when the program runs, and leave it running"),
	O_MAYBE(A, tty, "tty", 't', "give the program a terminal"),
	O_STR(A, console_socket, "console-socket", 0, "SOCKET", NULL,
	      "send the terminal's master over this unix socket"),
	O_STR(A, pidfd_socket, "pidfd-socket", 0, "SOCKET", NULL,
	      "send a pidfd of the program over this unix socket"),
	O_STR(A, pid_file, "pid-file", 0, "FILE", NULL, "write the program's pid to this file"),
	O_STR(A, user, "user", 'u', "UID[:GID]", "the container's", "the user and group of the program"),
	O_STRS(A, groups, "additional-gids", 'g', "GID", "a further group of the program"),
	O_STR(A, cwd, "cwd", 0, "PATH", "the container's", "the working directory, in the container"),
	O_STRS(A, env, "env", 'e', "NAME=VALUE", "add this to the environment"),
	O_STRS(A, caps, "cap", 'c', "CAP", "add this capability"),
	O_MAYBE(A, no_new_privs, "no-new-privs", 0,
		"the program can gain no privileges by setuid files and the like"),
	O_STR(A, apparmor, "apparmor", 0, "PROFILE", NULL, "the AppArmor profile"),
	O_STR(A, process_label, "process-label", 0, "LABEL", NULL, "the SELinux label"),
	O_U32(A, preserve_fds, "preserve-fds", 0, "N", "0",
	      "pass N more file descriptors to the program, from 3 on"),
	O_STR(A, cgroup, "cgroup", 0, "PATH", "the container's",
	      "run in this cgroup below the container's own"),
	O_FLAG(A, ignore_paused, "ignore-paused", 0,
	       "go on though the container is paused; the program starts when it is resumed"),
};
/* clang-format on */

static int run(struct cmd_call *call, struct err *e)
{
	struct life_exec_args *a = call->args;

	a->id = call->words[0];
	a->argv = call->words + 1;
	if (a->process_file && call->n_words > 1)
		return err_set(e, ERR_INPUT, EINVAL,
			       "--process and the program \"%s\" exclude each other", a->argv[0]);
	if (!a->process_file && call->n_words < 2)
		return err_set(e, ERR_INPUT, EINVAL,
			       "which program? give it after the ID, or --process");
	return life_exec(call->host, a, &call->status, e);
}

const struct cmd_verb cmd_exec = {
	.name = "exec",
	.group = CMD_LIFECYCLE,
	.wants_seal = true,
	.fail_status = CMD_EXIT_EXEC,
	.word = CMD_WORD_ID,
	.summary = "run another program in a container",
	.words = "ID PROGRAM [ARGUMENT]...",
	.detail = "Starts one more program in a container that is created or running, with the "
		  "container's namespaces, cgroup, root and security settings. Everything after ID "
		  "belongs to the program. With --process FILE, no PROGRAM is given.",
	.example = "exec --tty --env LANG=C web sh -c 'echo hello'",
	.exits = "That of the program, 128 + the signal's number when a signal ended it, 0 with "
		 "--detach, "
		 "255 when the program could not be started.",
	.opts = CMD_OPTS(rows),
	.args_size = sizeof(struct life_exec_args),
	.min_words = 1,
	.max_words = CMD_ALL_WORDS,
	.stop_after = 1,
	.run = run,
};
