/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/cli/cmd_state: the verb state: one container as the OCI state object. */
#include "runtime/cli/cmd.h"

#include "base/ban.h"

static int run(struct cmd_call *call, struct err *e)
{
	struct life_view view = {0};
	int r = life_state(call->host, call->words[0], call->arena, &view, e);

	if (r < 0)
		return r;
	json_print(&spec_table_state, &view.state, 2, call->out);
	buf_addc(call->out, '\n');
	return 0;
}

const struct cmd_verb cmd_state = {
	.name = "state",
	.group = CMD_OBSERVE,
	.word = CMD_WORD_ID,
	.summary = "print the state of a container as JSON",
	.words = "ID",
	.detail = "Prints the state object of the OCI runtime specification, with the status "
		  "creating, "
		  "created, running, paused or stopped. The pid of a stopped container is 0.",
	.example = "state web",
	.min_words = 1,
	.max_words = 1,
	.run = run,
};
