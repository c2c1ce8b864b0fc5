/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/cli/cmd_completion: the verb completion. */
#include "runtime/cli/cmd.h"

#include <errno.h>
#include "base/ban.h"

static int run(struct cmd_call *call, struct err *e)
{
	int shell = word_find(&cmd_complete_shells, call->words[0]);

	if (shell < 0)
		return err_set(e, ERR_INPUT, EINVAL, "shell \"%s\" is none of bash, zsh and fish",
			       call->words[0]);
	cmd_complete(shell, call->out);
	return 0;
}

const struct cmd_verb cmd_completion = {
	.name = "completion",
	.group = CMD_TOOLS,
	.word = CMD_WORD_SHELL,
	.summary = "print a completion script for a shell",
	.words = "bash|zsh|fish",
	.detail = "Prints a script that makes the shell complete commands, options, ids and files.",
	.example = "completion bash > /etc/bash_completion.d/stiva",
	.min_words = 1,
	.max_words = 1,
	.run = run,
};
