/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/cli/cmd_resume: the verb resume. */
#include "runtime/cli/cmd.h"

#include "base/ban.h"

static int run(struct cmd_call *call, struct err *e)
{
	return life_resume(call->host, call->words[0], e);
}

const struct cmd_verb cmd_resume = {
	.name = "resume",
	.group = CMD_LIFECYCLE,
	.word = CMD_WORD_ID,
	.summary = "let a paused container go on",
	.words = "ID",
	.detail = "Lets the processes of a paused container run again. Resuming a container that "
		  "is not "
		  "paused does nothing.",
	.example = "resume web",
	.min_words = 1,
	.max_words = 1,
	.run = run,
};
