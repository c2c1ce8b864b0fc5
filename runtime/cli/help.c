/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/cli/help: the texts of `help` and --help, made of the verbs' rows. It must not hold a
 * word about a single verb. Called by main.c and cmd_help.c.
 */
#include "runtime/cli/cmd.h"

#include <string.h>
#include "runtime/cli/out.h"
#include "base/ban.h"

#define OPTION_COLUMN 30
#define VERB_COLUMN   14

/* Moves to `column`, on a new line when the current one, at `at`, has come too far. */
static void to_column(size_t at, size_t column, struct buf *out)
{
	if (at + 2 > column) {
		buf_addc(out, '\n');
		at = 0;
	}
	while (at++ < column)
		buf_addc(out, ' ');
}

static void add_option(const struct cmd_opt *r, unsigned width, struct buf *out)
{
	AUTO(buf) line = {0};
	size_t start = out->len;

	if (r->letter)
		buf_printf(out, "  -%c, --%s", r->letter, r->name);
	else
		buf_printf(out, "      --%s", r->name);
	if (cmd_opt_takes_arg(r)) {
		buf_addc(out, ' ');
		cmd_opt_arg_text(r, out);
	}
	to_column(out->len - start, OPTION_COLUMN, out);
	buf_adds(&line, r->help);
	if (r->init)
		buf_printf(&line, " (default: %s)", r->init);
	if (r->kind == CMD_OPT_STRS)
		buf_adds(&line, "; may be given more than once");
	cmd_out_wrap(line.data, OPTION_COLUMN, OPTION_COLUMN, width, out);
}

static void add_options(const char *title, const struct cmd_opts *t, unsigned width,
			struct buf *out)
{
	static const struct cmd_opt help_row = {
		.name = "help", .letter = 'h', .kind = CMD_OPT_FLAG, .help = "print this text"};

	buf_printf(out, "\n%s:\n", title);
	for (const struct cmd_opt *r = cmd_opt_next(t, NULL); r; r = cmd_opt_next(t, r)) {
		if (!r->is_hidden)
			add_option(r, width, out);
	}
	add_option(&help_row, width, out);
}

void cmd_help_verb(const struct cmd_verb *v, unsigned width, struct buf *out)
{
	const char *part = v->detail;

	AUTO(buf) title = {0};

	buf_printf(&title, "stiva %s: %s", v->name, v->summary);
	cmd_out_wrap(title.data, 0, 0, width, out);
	buf_addc(out, '\n');
	buf_printf(out, "usage: stiva [GLOBAL OPTION]... %s [OPTION]...%s%s\n", v->name,
		   *v->words ? " " : "", v->words);
	while (part && *part) {
		const char *end = strstr(part, "\n\n");
		AUTO(buf) paragraph = {0};
		buf_add(&paragraph, part, end ? (size_t)(end - part) : strlen(part));
		buf_addc(out, '\n');
		cmd_out_wrap(paragraph.data, 0, 0, width, out);
		part = end ? end + 2 : NULL;
	}
	add_options("options", &v->opts, width, out);
	buf_printf(out, "\nexample:\n  stiva %s\n", v->example);
	buf_adds(out, "\nGlobal options: stiva help\n");
}

void cmd_help_all(unsigned width, struct buf *out)
{
	buf_adds(out, "stiva: run containers from OCI bundles\n\n"
		      "usage: stiva [GLOBAL OPTION]... COMMAND [OPTION]... [WORD]...\n");
	for (int g = 0; g < CMD_GROUP_N; g++) {
		if (!cmd_group_is_used((enum cmd_group)g))
			continue;
		buf_printf(out, "\n%s:\n", cmd_group_title((enum cmd_group)g));
		for (size_t i = 0; cmd_verbs[i]; i++) {
			const struct cmd_verb *v = cmd_verbs[i];
			size_t start = out->len;
			if (v->is_hidden || (int)v->group != g)
				continue;
			buf_printf(out, "  %s", v->name);
			to_column(out->len - start, VERB_COLUMN, out);
			cmd_out_wrap(v->summary, VERB_COLUMN, VERB_COLUMN, width, out);
		}
	}
	add_options("global options, before the command", &cmd_global_opts, width, out);
	buf_adds(out, "\nOptions and an example of a command: stiva help COMMAND\n");
}
