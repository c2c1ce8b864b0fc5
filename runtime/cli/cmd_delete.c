/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/cli/cmd_delete: the verb delete. */
#include "runtime/cli/cmd.h"

#include "base/ban.h"

struct delete_args {
	bool force, regex;
};
#define A struct delete_args
/* clang-format off */
static const struct cmd_opt rows[] = {
	O_FLAG(A, force, "force", 'f',
	       "kill the container first if it is alive; no error when there is none"),
	O_FLAG(A, regex, "regex", 'r', "ID is a regular expression: all containers whose id matches"),
};
/* clang-format on */

static int delete_one(struct cmd_call *call, const char *id, struct err *e)
{
	const struct delete_args *a = call->args;

	return life_delete(call->host, id, a->force, e);
}

static int run(struct cmd_call *call, struct err *e)
{
	const struct delete_args *a = call->args;

	return cmd_each_id(call, a->regex, delete_one, e);
}

const struct cmd_verb cmd_delete = {
	.name = "delete",
	.group = CMD_LIFECYCLE,
	.word = CMD_WORD_ID,
	.summary = "remove a stopped container and all that was made for it",
	.words = "ID",
	.detail = "Removes what create made for a container: cgroup, mounts and state. A container "
		  "whose "
		  "program runs is refused without --force.",
	.example = "delete --force web",
	.opts = CMD_OPTS(rows),
	.args_size = sizeof(struct delete_args),
	.min_words = 1,
	.max_words = 1,
	.run = run,
};
