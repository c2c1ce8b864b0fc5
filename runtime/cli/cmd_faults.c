/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/cli/cmd_faults: the hidden verb faults of test builds: what STIVA_FAULT may name. */
#include "runtime/cli/cmd.h"

#include "base/ban.h"

#ifdef STIVA_FAULTS
static int run(struct cmd_call *call, struct err *e)
{
	(void)e;
	life_faults_print(call->out);
	return 0;
}

const struct cmd_verb cmd_faults = {
	.name = "faults",
	.group = CMD_TOOLS,
	.is_hidden = true,
	.summary = "print the steps that can be made to fail",
	.words = "",
	.detail = "Prints the name of every step, for the variable STIVA_FAULT.",
	.example = "faults",
	.max_words = 0,
	.run = run,
};
#endif
