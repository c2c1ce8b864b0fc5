/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/cli/cmd_wait: the verb wait. */
#include "runtime/cli/cmd.h"

#include "base/ban.h"

enum wait_format { WAIT_TEXT, WAIT_JSON, WAIT_FORMAT_N };
static const struct word format_rows[] = {{"text", 0}, {"json", 0}};
WORDS_COMPLETE(format_rows, WAIT_FORMAT_N);
static const struct word_list format_words = {"format", format_rows, WAIT_FORMAT_N, ""};

struct wait_args {
	struct opt_enum format;
};
#define A struct wait_args
/* clang-format off */
static const struct cmd_opt rows[] = {
	O_WORD(A, format, "format", 'f', &format_words, "text", "how to print"),
};
/* clang-format on */

static int run(struct cmd_call *call, struct err *e)
{
	const struct wait_args *a = call->args;
	struct life_end end;
	int r = life_await(call->host, call->words[0], &end, e);

	if (r < 0)
		return r;
	if (a->format.has && a->format.v == WAIT_JSON && end.is_known)
		buf_printf(call->out, "{\"id\":\"%s\",\"exitStatus\":%d}\n", call->words[0],
			   end.status);
	else if (a->format.has && a->format.v == WAIT_JSON)
		buf_printf(call->out, "{\"id\":\"%s\",\"exitStatus\":null}\n", call->words[0]);
	else if (end.is_known)
		buf_printf(call->out, "%d\n", end.status);
	else
		buf_adds(call->out, "unknown\n");
	return 0;
}

const struct cmd_verb cmd_wait = {
	.name = "wait",
	.group = CMD_LIFECYCLE,
	.word = CMD_WORD_ID,
	.summary = "wait for the end of a container",
	.words = "ID",
	.detail = "Returns when the first process of the container has ended, and prints its exit "
		  "status, 128 + the signal's number when a signal ended it.\n\n"
		  "Nothing of stiva lives beside a detached container, so the status is known only "
		  "where the kernel tells it: from Linux 6.15 on, or while the process has not "
		  "been reaped by its parent. Otherwise, and for a container that has ended "
		  "already, \"unknown\" is printed (null in JSON).",
	.example = "wait web",
	.exits = "0 when the container has ended, whatever its own status; 1 after an error.",
	.opts = CMD_OPTS(rows),
	.args_size = sizeof(struct wait_args),
	.min_words = 1,
	.max_words = 1,
	.run = run,
};
