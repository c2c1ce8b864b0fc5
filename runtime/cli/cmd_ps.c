/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/cli/cmd_ps: the verb ps. */
#include "runtime/cli/cmd.h"

#include "runtime/cli/out.h"
#include "runtime/cli/ps_table.h"
#include "base/ban.h"

enum ps_format { PS_TABLE, PS_JSON, PS_FORMAT_N };
static const struct word format_rows[] = {{"table", 0}, {"json", 0}};
WORDS_COMPLETE(format_rows, PS_FORMAT_N);
static const struct word_list format_words = {"format", format_rows, PS_FORMAT_N, ""};

struct ps_args {
	struct opt_enum format;
};
#define A struct ps_args
/* clang-format off */
static const struct cmd_opt rows[] = {
	O_WORD(A, format, "format", 'f', &format_words, "table", "how to print; json is a list of pids"),
};
/* clang-format on */

static int run(struct cmd_call *call, struct err *e)
{
	const struct ps_args *a = call->args;
	AUTO_FREE pid_t *pids = NULL;
	size_t n = 0;
	int r = life_ps(call->host, call->words[0], &pids, &n, e);

	if (r < 0)
		return r;
	if (!a->format.has || a->format.v == PS_TABLE)
		return cmd_ps_table(pids, n, call->words + 1, call->arena, call->out, e);
	cmd_out_pids(pids, n, call->out);
	return 0;
}

const struct cmd_verb cmd_ps = {
	.name = "ps",
	.group = CMD_OBSERVE,
	.word = CMD_WORD_ID,
	.summary = "list the processes of a container",
	.words = "ID [-o COLUMN,...]",
	.detail =
		"Lists all processes of the container, those in its sub-cgroups too, with the pids "
		"of the caller's pid namespace; of a stopped container, none. Options stand "
		"before ID; what follows it is for the table: -o chooses columns of uid, pid, "
		"ppid, c, stime, tty, time, cmd, comm, command, s, stat, ni, nlwp and rss; -x "
		"means pid, tty, stat, time and command; -e and -f change nothing.",
	.example = "ps web -o pid,rss,cmd",
	.opts = CMD_OPTS(rows),
	.args_size = sizeof(struct ps_args),
	.min_words = 1,
	.max_words = CMD_ALL_WORDS,
	.stop_after = 1,
	.run = run,
};
