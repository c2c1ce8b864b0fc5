/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/cli/cmd_kill: the verb kill, and the loop over ids that delete shares with it. */
#include "runtime/cli/cmd.h"

#include "base/log.h"
#include "base/ban.h"

struct kill_args {
	bool all, regex;
};
#define A struct kill_args
/* clang-format off */
static const struct cmd_opt rows[] = {
	O_FLAG(A, all, "all", 'a', "signal every process of the container, not only the first"),
	O_FLAG(A, regex, "regex", 'r', "ID is a regular expression: all containers whose id matches"),
};
/* clang-format on */

int cmd_each_id(struct cmd_call *call, bool is_regex,
		int (*fn)(struct cmd_call *call, const char *id, struct err *e), struct err *e)
{
	AUTO(life_ids) ids = {0};
	int r;

	if (!is_regex)
		return fn(call, call->words[0], e);
	r = life_ids_find(call->host, call->words[0], &ids, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ids.n; i++) {
		struct err one = ERR_INIT;
		if (fn(call, ids.v[i], &one) >= 0)
			continue;
		err_prefix(&one, "%s", ids.v[i]);
		if (r < 0)
			log_warn("%s", one.text);
		else
			*e = one;
		r = -e->code;
	}
	return r;
}

static int kill_one(struct cmd_call *call, const char *id, struct err *e)
{
	const struct kill_args *a = call->args;

	return life_kill(call->host, id, call->n_words > 1 ? call->words[1] : NULL, a->all, e);
}

static int run(struct cmd_call *call, struct err *e)
{
	const struct kill_args *a = call->args;

	return cmd_each_id(call, a->regex, kill_one, e);
}

const struct cmd_verb cmd_kill = {
	.name = "kill",
	.group = CMD_LIFECYCLE,
	.word = CMD_WORD_ID,
	.summary = "send a signal to a container",
	.words = "ID [SIGNAL]",
	.detail = "Sends SIGNAL to the first process of a container that is created or running. "
		  "SIGNAL is "
		  "a number or a name such as KILL, SIGTERM, hup or RTMIN+3; without it, the stop "
		  "signal "
		  "of the container's image, else TERM. 0 sends nothing and tells whether the "
		  "process is "
		  "there. KILL with --all returns when no process of the container is left.",
	.example = "kill web HUP",
	.opts = CMD_OPTS(rows),
	.args_size = sizeof(struct kill_args),
	.min_words = 1,
	.max_words = 2,
	.run = run,
};
