/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/cli/cmd_run: the verb run: create, start, wait and delete in one. */
#include "runtime/cli/cmd.h"

#include "base/ban.h"

#define A struct cmd_create_args
/* clang-format off */
static const struct cmd_opt rows[] = {
	O_FLAG(A, life.detach, "detach", 'd', "return when the program runs, and leave it running"),
	O_FLAG(A, life.keep, "keep", 0, "do not delete the container when the program has ended"),
};
/* clang-format on */

static int run(struct cmd_call *call, struct err *e)
{
	struct cmd_create_args *a = call->args;
	int r;

	a->life.id = call->words[0];
	r = cmd_create_plan(call, e);
	if (r != 0)
		return r < 0 ? r : 0;
	return life_run(call->host, &a->life, &call->status, e);
}

const struct cmd_verb cmd_run = {
	.name = "run",
	.group = CMD_LIFECYCLE,
	.wants_seal = true,
	.word = CMD_WORD_NEW_ID,
	.summary = "create and start a container, wait for its end, delete it",
	.words = "ID",
	.detail =
		"Does what create and start do, passes signals and the terminal on to the program, "
		"and deletes the container when the program has ended. With --detach it returns as "
		"soon as the program runs.",
	.example = "run --bundle /srv/web web",
	.exits = "That of the program, 128 + the signal's number when a signal ended it, 0 with "
		 "--detach, "
		 "1 when the container could not be made or started.",
	.opts = CMD_OPTS_MORE(rows, &cmd_create_opts),
	.args_size = sizeof(struct cmd_create_args),
	.min_words = 1,
	.max_words = 1,
	.run = run,
};
