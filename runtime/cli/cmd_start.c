/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/cli/cmd_start: the verb start. */
#include "runtime/cli/cmd.h"

#include "base/ban.h"

static int run(struct cmd_call *call, struct err *e)
{
	return life_start(call->host, call->words[0], e);
}

const struct cmd_verb cmd_start = {
	.name = "start",
	.group = CMD_LIFECYCLE,
	.word = CMD_WORD_ID,
	.summary = "run the program of a created container",
	.words = "ID",
	.detail = "Lets the waiting first process of a created container become the program of its "
		  "config.json, and returns.",
	.example = "start web",
	.min_words = 1,
	.max_words = 1,
	.run = run,
};
