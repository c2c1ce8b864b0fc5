/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/cli/cmd_help: the verb help, and the hidden options that `make docs` uses: --man (a page,
 * or with --list the names of all verbs' pages), --page (one of another section) and --protocol
 * (the table of messages).
 */
#include "runtime/cli/cmd.h"

#include <errno.h>
#include "runtime/cli/out.h"
#include "runtime/init/proto.h"
#include "base/ban.h"

struct help_args {
	bool man, list, protocol;
	const char *page;
};
#define A struct help_args
static const struct cmd_opt rows[] = {
	O_HIDDEN_FLAG(A, man, "man", 0),
	O_HIDDEN_FLAG(A, list, "list", 0),
	O_HIDDEN_FLAG(A, protocol, "protocol", 0),
	O_HIDDEN_STR(A, page, "page", "NAME"),
};

static void print_pages(struct buf *out)
{
	buf_adds(out, "stiva\n");
	for (size_t i = 0; cmd_verbs[i]; i++)
		if (!cmd_verbs[i]->is_hidden)
			buf_printf(out, "%s\n", cmd_verbs[i]->name);
}

/* The pages that are about no verb. */
static int print_page(const char *name, struct buf *out, struct err *e)
{
	if (str_eq(name, "config"))
		cmd_man_config(out);
	else if (str_eq(name, "annotations"))
		cmd_man_annotations(out);
	else
		return err_set(e, ERR_INPUT, EINVAL, "no page \"%s\"", name);
	return 0;
}

static int run(struct cmd_call *call, struct err *e)
{
	const struct help_args *a = call->args;
	const struct cmd_verb *v = NULL;

	if (call->n_words > 0) {
		v = cmd_verb_find(call->words[0], e);
		if (!v)
			return -e->code;
	}
	if (a->page)
		return print_page(a->page, call->out, e);
	if (a->protocol)
		init_proto_print(call->out);
	else if (a->list)
		print_pages(call->out);
	else if (a->man)
		cmd_man(v, call->out);
	else if (v)
		cmd_help_verb(v, cmd_out_width(), call->out);
	else
		cmd_help_all(cmd_out_width(), call->out);
	return 0;
}

const struct cmd_verb cmd_help = {
	.name = "help",
	.group = CMD_TOOLS,
	.word = CMD_WORD_VERB,
	.summary = "explain stiva or one of its commands",
	.words = "[COMMAND]",
	.detail = "Prints the list of the commands, or the options and an example of one.",
	.example = "help create",
	.opts = CMD_OPTS(rows),
	.args_size = sizeof(struct help_args),
	.max_words = 1,
	.run = run,
};
