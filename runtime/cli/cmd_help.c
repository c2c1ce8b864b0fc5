/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/cli/cmd_help: the verb help, and the hidden --man that `make docs` uses. */
#include "runtime/cli/cmd.h"

#include "runtime/cli/out.h"
#include "base/ban.h"

struct help_args {
	bool man;
};
#define A struct help_args
static const struct cmd_opt rows[] = {O_HIDDEN_FLAG(A, man, "man", 0)};

static int run(struct cmd_call *call, struct err *e)
{
	const struct help_args *a = call->args;
	const struct cmd_verb *v = NULL;

	if (call->n_words > 0) {
		v = cmd_verb_find(call->words[0], e);
		if (!v)
			return -e->code;
	}
	if (a->man)
		cmd_man(v, call->out);
	else if (v)
		cmd_help_verb(v, cmd_out_width(), call->out);
	else
		cmd_help_all(cmd_out_width(), call->out);
	return 0;
}

const struct cmd_verb cmd_help = {
	.name = "help",
	.group = CMD_TOOLS,
	.word = CMD_WORD_VERB,
	.summary = "explain stiva or one of its commands",
	.words = "[COMMAND]",
	.detail = "Prints the list of the commands, or the options and an example of one.",
	.example = "help create",
	.opts = CMD_OPTS(rows),
	.args_size = sizeof(struct help_args),
	.max_words = 1,
	.run = run,
};
