/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/cli/cmd_autosize: the verb autosize: limits that follow the need, in a range. */
#include "runtime/cli/cmd.h"

#include <errno.h>
#include <signal.h>
#include "base/num.h"
#include "runtime/cli/autosize_view.h"
#include "base/ban.h"

enum autosize_format { AUTOSIZE_TEXT, AUTOSIZE_JSON, AUTOSIZE_FORMAT_N };
static const struct word format_rows[] = {{"text", 0}, {"json", 0}};
WORDS_COMPLETE(format_rows, AUTOSIZE_FORMAT_N);
static const struct word_list format_words = {"format", format_rows, AUTOSIZE_FORMAT_N, ""};

struct autosize_cmd {
	const char *memory, *cpus, *policy, *budget;
	struct strvec weights;
	bool explain;
	struct opt_enum format;
};
#define A struct autosize_cmd
/* clang-format off */
static const struct cmd_opt rows[] = {
	O_STR(A, memory, "memory", 0, "MIN..MAX", NULL, "range of the memory limit: 128M..2G"),
	O_STR(A, cpus, "cpus", 0, "MIN..MAX", NULL, "range of the CPU limit, in CPUs: 0.25..4"),
	O_STR(A, policy, "policy", 0, "FILE", NULL,
	      "a JSON object with other numbers for the decisions, and with ranges and weights of single containers"),
	O_STR(A, budget, "budget", 0, "LIST", NULL, "what all limits together are at most: memory=4G,cpus=3"),
	O_STRS(A, weights, "weight", 0, "ID=N", "share of a container when the budget is short, 1 to 10000; 100 without"),
	O_FLAG(A, explain, "explain", 0, "print the policy and what would be done now, and change nothing"),
	O_WORD(A, format, "format", 'f', &format_words, "text", "how to print; json is one object a line"),
};
/* clang-format on */

static int tell(void *arg, const struct autosize_note *n, struct err *e)
{
	struct cmd_call *call = arg;
	const A *a = call->args;

	cmd_autosize_line(n, a->format.has && a->format.v == AUTOSIZE_JSON, call->out);
	return call->flush(call, e);
}

static int check_ids(const struct cmd_call *call, struct err *e)
{
	for (size_t i = 0; i < call->n_words; i++)
		for (size_t k = 0; k < i; k++)
			if (str_eq(call->words[i], call->words[k]))
				return err_set(e, ERR_INPUT, EINVAL, "\"%.64s\" is given twice",
					       call->words[i]);
	return 0;
}

/* "ID=N" into the weight of the container with this id. An id may have a "=": the last counts. */
static int set_weight(const struct cmd_call *call, const char *text, uint32_t *weights,
		      struct err *e)
{
	const char *sign = strrchr(text, '=');
	uint32_t v;

	if (!sign || num_u32(sign + 1, &v) < 0 || v < 1 || v > AUTOSIZE_WEIGHT_MAX)
		return err_set(e, ERR_INPUT, EINVAL,
			       "option '--weight': \"%.64s\" is not ID=N with N from 1 to 10000",
			       text);
	const size_t n = (size_t)(sign - text);

	for (size_t i = 0; i < call->n_words; i++) {
		if (strlen(call->words[i]) != n || strncmp(call->words[i], text, n) != 0)
			continue;
		weights[i] = v;
		return 0;
	}
	return err_set(e, ERR_INPUT, EINVAL,
		       "option '--weight': \"%.*s\" is none of the containers that are named",
		       n > 64 ? 64 : (int)n, text);
}

static int read_options(const struct cmd_call *call, const struct autosize_policy *policy,
			struct life_autosize_args *life, struct err *e)
{
	const A *a = call->args;
	uint32_t *weights = arena_array(call->arena, call->n_words + 1, sizeof(*weights));
	int r = 0;

	life->budget[AUTOSIZE_MEMORY] = life->budget[AUTOSIZE_CPU] = AUTOSIZE_NONE;
	life->weights = weights;
	if (a->memory)
		r = life_autosize_range(AUTOSIZE_MEMORY, a->memory, "option '--memory'",
					&life->range[AUTOSIZE_MEMORY], e);
	if (r == 0 && a->cpus)
		r = life_autosize_range(AUTOSIZE_CPU, a->cpus, "option '--cpus'",
					&life->range[AUTOSIZE_CPU], e);
	/* The option stands above the policy. */
	if (r == 0 && a->budget)
		r = life_autosize_budget(a->budget, "option '--budget'", life->budget, e);
	else if (r == 0 && policy->budget)
		r = life_autosize_budget(policy->budget, "policy: budget", life->budget, e);
	for (size_t i = 0; r == 0 && i < a->weights.n; i++)
		r = set_weight(call, a->weights.v[i], weights, e);
	return r;
}

static int run(struct cmd_call *call, struct err *e)
{
	const A *a = call->args;
	struct autosize_policy policy;
	struct life_autosize_args life = {.ids = call->words,
					  .n_ids = call->n_words,
					  .policy = &policy,
					  .is_explain = a->explain,
					  .tell = tell,
					  .arg = call};
	int r = check_ids(call, e);

	if (r == 0)
		r = life_autosize_policy_load(a->policy, call->arena, &policy, e);
	if (r == 0)
		r = read_options(call, &policy, &life, e);
	if (r < 0)
		return r;
	/* A reader that goes away ends it as any error does: memory.high is put back. */
	(void)signal(SIGPIPE, SIG_IGN);
	if (a->explain)
		cmd_autosize_policy(&policy, a->format.has && a->format.v == AUTOSIZE_JSON,
				    call->out);
	r = life_autosize(call->host, &life, e);
	/* An error stands alone. */
	if (r < 0 && a->explain)
		call->out->len = 0;
	return r;
}

const struct cmd_verb cmd_autosize = {
	.name = "autosize",
	.group = CMD_LIFECYCLE,
	.word = CMD_WORD_ID,
	.summary = "let limits follow what containers need, within a range",
	.words = "ID...",
	.detail =
		"Stays in the foreground, sleeps until the kernel tells of pressure on one of the "
		"containers (PSI, memory.events), and changes their limits: grows them at once and "
		"by much when a container is pressed, shrinks them late and in steps when it is "
		"calm, and later each time that this was wrong. A shrink takes memory back first "
		"(as resize does) and is not done when the container needs it. One line on the "
		"standard output tells each decision with its numbers. Ends when the containers "
		"have, or by SIGTERM or SIGINT, after which the limits stay as they are.\n\n"
		"Below the top of its range a container has memory.high a tenth below its limit "
		"(guard): there the kernel slows it down instead of ending a process, which is the "
		"time in which both are raised. When autosize ends, memory.high is put back.\n\n"
		"With --budget the limits of all named containers together never exceed it. Where "
		"they want more, each gets a share by its weight, but never less than the least of "
		"its range; calm ones give what they do not need.\n\n"
		"The file of --policy may have the objects memory, cpu (pressure, quiet, grow, "
		"headroom, shrink, minChange, guard in percent; cooldownMs, calmMs, calmMaxMs, "
		"stepMs, regretMs), check (windowMs, firstMs, maxMs, deadlineMs), the text budget, "
		"and containers: an object by id with memory, cpus (ranges) and weight. --explain "
		"prints what is in force and what each number says.",
	.example = "autosize --memory 128M..2G --cpus 0.25..4 web",
	.opts = CMD_OPTS(rows),
	.args_size = sizeof(A),
	.min_words = 1,
	.max_words = CMD_ALL_WORDS,
	.run = run,
};
