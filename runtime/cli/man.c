/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/cli/man: man pages in roff, made of the verbs' rows (`stiva help --man VERB`, used by
 * `make docs`). It must not hold a word about a single verb. Called by cmd_help.c.
 */
#include "runtime/cli/cmd.h"

#include <string.h>
#include "base/ban.h"

/* Text with what roff would take for its own escaped. A leading "." or "'" would be a request. */
static void add_text(const char *s, size_t n, struct buf *out)
{
	if (n && (s[0] == '.' || s[0] == '\''))
		buf_adds(out, "\\&");
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '\\')
			buf_adds(out, "\\e");
		else if (s[i] == '-')
			buf_adds(out, "\\-");
		else if (s[i] == '\'')
			buf_adds(out, "\\(aq");
		else
			buf_addc(out, s[i]);
	}
}

static void add_words(const char *s, struct buf *out)
{
	add_text(s, strlen(s), out);
}

static void add_paragraphs(const char *s, struct buf *out)
{
	while (s && *s) {
		const char *end = strstr(s, "\n\n");
		add_text(s, end ? (size_t)(end - s) : strlen(s), out);
		buf_addc(out, '\n');
		s = end ? end + 2 : NULL;
		if (s)
			buf_adds(out, ".PP\n");
	}
}

static void add_option(const struct cmd_opt *r, struct buf *out)
{
	buf_adds(out, ".TP\n");
	if (r->letter)
		buf_printf(out, "\\fB\\-%c\\fR, ", r->letter);
	buf_adds(out, "\\fB\\-\\-");
	add_words(r->name, out);
	buf_adds(out, "\\fR");
	if (cmd_opt_takes_arg(r)) {
		AUTO(buf) arg = {0};
		cmd_opt_arg_text(r, &arg);
		buf_adds(out, " \\fI");
		add_words(arg.data, out);
		buf_adds(out, "\\fR");
	}
	buf_addc(out, '\n');
	add_words(r->help, out);
	if (r->init) {
		buf_adds(out, " (default: ");
		add_words(r->init, out);
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

static void add_head(const char *name, const char *summary, struct buf *out)
{
	AUTO(buf) page = {0};

	for (const char *s = name; *s; s++)
		buf_addc(&page, *s >= 'a' && *s <= 'z' ? (char)(*s - 'a' + 'A') : *s);
	buf_printf(out, ".\\\" Made by `stiva help --man`; do not edit.\n.TH \"%s\" 1 \"\" ",
		   page.data);
	buf_adds(out, "\"stiva " STIVA_VERSION "\" \"User Commands\"\n.nh\n.ad l\n.SH NAME\n");
	add_words(name, out);
	buf_adds(out, " \\- ");
	add_words(summary, out);
	buf_addc(out, '\n');
}

static void man_verb(const struct cmd_verb *v, struct buf *out)
{
	AUTO(buf) name = {0};

	buf_printf(&name, "stiva-%s", v->name);
	add_head(name.data, v->summary, out);
	buf_printf(out,
		   ".SH SYNOPSIS\n\\fBstiva\\fR [\\fIGLOBAL OPTION\\fR]... \\fB%s\\fR "
		   "[\\fIOPTION\\fR]...",
		   v->name);
	if (*v->words) {
		buf_adds(out, " \\fI");
		add_words(v->words, out);
		buf_adds(out, "\\fR");
	}
	buf_adds(out, "\n.SH DESCRIPTION\n");
	add_paragraphs(v->detail, out);
	add_options("OPTIONS", &v->opts, out);
	buf_adds(out, ".SH EXAMPLE\n.nf\nstiva ");
	add_words(v->example, out);
	buf_adds(out, "\n.fi\n.SH EXIT STATUS\n");
	add_paragraphs(v->exits ? v->exits : "0, or 1 after an error.", out);
	buf_adds(out, ".SH SEE ALSO\n.BR stiva (1)\n");
}

static void man_all(struct buf *out)
{
	add_head("stiva", "run containers from OCI bundles", out);
	buf_adds(out, ".SH SYNOPSIS\n\\fBstiva\\fR [\\fIGLOBAL OPTION\\fR]... \\fICOMMAND\\fR "
		      "[\\fIOPTION\\fR]... [\\fIWORD\\fR]...\n.SH DESCRIPTION\n");
	add_paragraphs(
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
		add_words(cmd_group_title((enum cmd_group)g), out);
		buf_adds(out, "\"\n");
		for (size_t i = 0; cmd_verbs[i]; i++) {
			if (cmd_verbs[i]->is_hidden || (int)cmd_verbs[i]->group != g)
				continue;
			buf_printf(out, ".TP\n\\fB%s\\fR\n", cmd_verbs[i]->name);
			add_words(cmd_verbs[i]->summary, out);
			buf_addc(out, '\n');
		}
	}
	add_options("GLOBAL OPTIONS", &cmd_global_opts, out);
	buf_adds(out,
		 ".SH EXIT STATUS\n0, or 1 after an error; \\fBexec\\fR uses 255 instead of 1. A "
		 "program in the foreground gives its own status, or 128 + the signal\\(aqs "
		 "number.\n.SH SEE ALSO\n");
	for (size_t i = 0; cmd_verbs[i]; i++) {
		bool is_last = !cmd_verbs[i + 1] || cmd_verbs[i + 1]->is_hidden;
		if (cmd_verbs[i]->is_hidden)
			continue;
		buf_printf(out, ".BR stiva\\-%s (1)%s\n", cmd_verbs[i]->name, is_last ? "" : ",");
	}
}

void cmd_man(const struct cmd_verb *v, struct buf *out)
{
	if (v)
		man_verb(v, out);
	else
		man_all(out);
}
