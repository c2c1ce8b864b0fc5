/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/cli/man: man pages in roff, made of the verbs' rows (`stiva help --man VERB`, used by
 * `make docs`). It must not hold a word about a single verb. Called by cmd_help.c.
 */
#include "runtime/cli/cmd.h"

#include <string.h>
#include "runtime/cli/roff.h"
#include "base/ban.h"

static void add_option(const struct cmd_opt *r, struct buf *out)
{
	buf_adds(out, ".TP\n");
	if (r->letter)
		buf_printf(out, "\\fB\\-%c\\fR, ", r->letter);
	buf_adds(out, "\\fB\\-\\-");
	roff_add_words(r->name, out);
	buf_adds(out, "\\fR");
	if (cmd_opt_takes_arg(r)) {
		AUTO(buf) arg = {0};
		cmd_opt_arg_text(r, &arg);
		buf_adds(out, " \\fI");
		roff_add_words(arg.data, out);
		buf_adds(out, "\\fR");
	}
	buf_addc(out, '\n');
	roff_add_words(r->help, out);
	if (r->init) {
		buf_adds(out, " (default: ");
		roff_add_words(r->init, out);
		buf_addc(out, ')');
	}
	if (r->kind == CMD_OPT_STRS)
		buf_adds(out, "; may be given more than once");
	buf_addc(out, '\n');
}

static void add_options(const char *title, const struct cmd_opts *t, struct buf *out)
{
	static const struct cmd_opt help_row = {
		.name = "help", .letter = 'h', .kind = CMD_OPT_FLAG, .help = "print a help text"};

	buf_printf(out, ".SH %s\n", title);
	for (const struct cmd_opt *r = cmd_opt_next(t, NULL); r; r = cmd_opt_next(t, r)) {
		if (!r->is_hidden)
			add_option(r, out);
	}
	add_option(&help_row, out);
}

static void man_verb(const struct cmd_verb *v, struct buf *out)
{
	AUTO(buf) name = {0};

	buf_printf(&name, "stiva-%s", v->name);
	roff_add_head(name.data, 1, "User Commands", v->summary, out);
	buf_printf(out,
		   ".SH SYNOPSIS\n\\fBstiva\\fR [\\fIGLOBAL OPTION\\fR]... \\fB%s\\fR "
		   "[\\fIOPTION\\fR]...",
		   v->name);
	if (*v->words) {
		buf_adds(out, " \\fI");
		roff_add_words(v->words, out);
		buf_adds(out, "\\fR");
	}
	buf_adds(out, "\n.SH DESCRIPTION\n");
	roff_add_paragraphs(v->detail, out);
	add_options("OPTIONS", &v->opts, out);
	buf_adds(out, ".SH EXAMPLE\n.nf\nstiva ");
	roff_add_words(v->example, out);
	buf_adds(out, "\n.fi\n.SH EXIT STATUS\n");
	roff_add_paragraphs(v->exits ? v->exits : "0, or 1 after an error.", out);
	buf_adds(out, ".SH SEE ALSO\n.BR stiva (1)\n");
}

static void man_all(struct buf *out)
{
	roff_add_head("stiva", 1, "User Commands", "run containers from OCI bundles", out);
	buf_adds(out, ".SH SYNOPSIS\n\\fBstiva\\fR [\\fIGLOBAL OPTION\\fR]... \\fICOMMAND\\fR "
		      "[\\fIOPTION\\fR]... [\\fIWORD\\fR]...\n.SH DESCRIPTION\n");
	roff_add_paragraphs(
		"stiva creates, runs and removes containers that are described by a bundle of the "
		"Open Container Initiative: a directory with config.json and a root file system. "
		"It is called by people and by container engines.\n\n"
		"Options begin with one dash or two, and take their argument after \"=\" or as "
		"the next word. \"--\" ends the options.",
		out);
	for (int g = 0; g < CMD_GROUP_N; g++) {
		if (!cmd_group_is_used((enum cmd_group)g))
			continue;
		buf_adds(out, g ? ".SS \"" : ".SH COMMANDS\n.SS \"");
		roff_add_words(cmd_group_title((enum cmd_group)g), out);
		buf_adds(out, "\"\n");
		for (size_t i = 0; cmd_verbs[i]; i++) {
			if (cmd_verbs[i]->is_hidden || (int)cmd_verbs[i]->group != g)
				continue;
			buf_printf(out, ".TP\n\\fB%s\\fR\n", cmd_verbs[i]->name);
			roff_add_words(cmd_verbs[i]->summary, out);
			buf_addc(out, '\n');
		}
	}
	add_options("GLOBAL OPTIONS", &cmd_global_opts, out);
	buf_adds(out,
		 ".SH EXIT STATUS\n0, or 1 after an error; \\fBexec\\fR uses 255 instead of 1. A "
		 "program in the foreground gives its own status, or 128 + the signal\\(aqs "
		 "number.\n.SH SEE ALSO\n");
	for (size_t i = 0; cmd_verbs[i]; i++) {
		if (cmd_verbs[i]->is_hidden)
			continue;
		buf_printf(out, ".BR stiva\\-%s (1),\n", cmd_verbs[i]->name);
	}
	buf_adds(out, ".BR stiva\\-config (5),\n.BR stiva\\-annotations (7)\n");
}

void cmd_man(const struct cmd_verb *v, struct buf *out)
{
	if (v)
		man_verb(v, out);
	else
		man_all(out);
}
