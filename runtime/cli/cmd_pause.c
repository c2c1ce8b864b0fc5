/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/cli/cmd_pause: the verb pause. */
#include "runtime/cli/cmd.h"

#include "base/ban.h"

static int run(struct cmd_call *call, struct err *e)
{
	return life_pause(call->host, call->words[0], e);
}

const struct cmd_verb cmd_pause = {
	.name = "pause",
	.group = CMD_LIFECYCLE,
	.word = CMD_WORD_ID,
	.summary = "freeze all processes of a container",
	.words = "ID",
	.detail = "Stops every process of the container where it is, and returns when all of them "
		  "stand still. "
		  "Pausing a paused container does nothing.",
	.example = "pause web",
	.min_words = 1,
	.max_words = 1,
	.run = run,
};
