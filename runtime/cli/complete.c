/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/cli/complete: completion scripts for bash, zsh and fish, made of the verbs' rows. Ids
 * come from `stiva list -q` at the moment of completion. It must not hold a word about a single
 * verb. Called by cmd_completion.c.
 */
#include "runtime/cli/cmd.h"

#include <string.h>
#include "base/ban.h"

enum shell { SHELL_BASH, SHELL_ZSH, SHELL_FISH, SHELL_N };
static const struct word shell_rows[] = {{"bash", 0}, {"zsh", 0}, {"fish", 0}};
WORDS_COMPLETE(shell_rows, SHELL_N);
const struct word_list cmd_complete_shells = {"shell", shell_rows, SHELL_N, ""};

#define SIGNALS "TERM KILL INT HUP QUIT USR1 USR2 STOP CONT WINCH"

/* Names of verbs, divided by blanks. */
static void add_verbs(struct buf *out)
{
	for (size_t i = 0; cmd_verbs[i]; i++) {
		if (!cmd_verbs[i]->is_hidden)
			buf_printf(out, "%s%s", i ? " " : "", cmd_verbs[i]->name);
	}
}

static void add_words(const struct word_list *l, const char *between, struct buf *out)
{
	for (size_t i = 0; i < l->n; i++)
		buf_printf(out, "%s%s", i ? between : "", l->rows[i].text);
}

/* True when the second positional word is a signal: the only verb word that is worth completing. */
static bool has_signal(const struct cmd_verb *v)
{
	return strstr(v->words, "SIGNAL");
}

/* ---- bash ---- */

/* "name:kind" of an option that takes an argument. */
static void bash_arg(const char *dashes, const char *name, size_t n, const struct cmd_opt *r,
		     struct buf *out)
{
	buf_printf(out, " %s%.*s:", dashes, (int)n, name);
	switch (cmd_opt_arg_kind(r)) {
	case CMD_ARG_NONE:
		break;
	case CMD_ARG_FILE:
		buf_adds(out, "file");
		break;
	case CMD_ARG_DIR:
		buf_adds(out, "dir");
		break;
	case CMD_ARG_WORDS:
		buf_adds(out, "=");
		add_words(r->words, ",", out);
		break;
	}
}

static void bash_options(const struct cmd_opts *t, struct buf *out)
{
	buf_adds(out, "\t\topts='");
	for (const struct cmd_opt *r = cmd_opt_next(t, NULL); r; r = cmd_opt_next(t, r)) {
		if (r->is_hidden)
			continue;
		if (r->letter)
			buf_printf(out, "-%c ", r->letter);
		buf_printf(out, "--%s ", r->name);
	}
	buf_adds(out, "-h --help'\n\t\targs='");
	for (const struct cmd_opt *r = cmd_opt_next(t, NULL); r; r = cmd_opt_next(t, r)) {
		if (r->is_hidden || !cmd_opt_takes_arg(r))
			continue;
		if (r->letter)
			bash_arg("-", &r->letter, 1, r, out);
		bash_arg("--", r->name, strlen(r->name), r, out);
	}
	buf_adds(out, "'\n");
}

static void bash_word(const struct cmd_verb *v, struct buf *out)
{
	buf_adds(out, "\t\twords=(");
	switch (v->word) {
	case CMD_WORD_NONE:
	case CMD_WORD_NEW_ID:
		break;
	case CMD_WORD_ID:
		buf_adds(out, has_signal(v) ? "'=id' '=" SIGNALS "'" : "'=id'");
		break;
	case CMD_WORD_ADD_REMOVE:
		buf_adds(out, "'=add remove' '=id' 'file'");
		break;
	case CMD_WORD_DIR:
		buf_adds(out, "'=dir'");
		break;
	case CMD_WORD_VERB:
		buf_adds(out, "'=");
		add_verbs(out);
		buf_addc(out, '\'');
		break;
	case CMD_WORD_SHELL:
		buf_adds(out, "'=");
		add_words(&cmd_complete_shells, " ", out);
		buf_addc(out, '\'');
		break;
	}
	buf_adds(out, ")\n\t\t;;\n");
}

static void bash(struct buf *out)
{
	buf_adds(out, "# bash completion of stiva: made by `stiva completion bash`\n"
		      "_stiva_rows()\n{\n\topts='' args='' words=()\n\tcase $1 in\n\t'')\n");
	bash_options(&cmd_global_opts, out);
	buf_adds(out, "\t\twords=('=");
	add_verbs(out);
	buf_adds(out, "')\n\t\t;;\n");
	for (size_t i = 0; cmd_verbs[i]; i++) {
		if (cmd_verbs[i]->is_hidden)
			continue;
		buf_printf(out, "\t%s)\n", cmd_verbs[i]->name);
		bash_options(&cmd_verbs[i]->opts, out);
		bash_word(cmd_verbs[i], out);
	}
	buf_adds(out, "\tesac\n}\n\n"
		      "# Words before the cursor: the verb, how many words it has, what the last "
		      "option waits "
		      "for.\n"
		      "# bash splits at \"=\", so --x=v is three words.\n"
		      "_stiva()\n{\n"
		      "\tlocal cur=${COMP_WORDS[COMP_CWORD]} verb='' opts args words root='' w a i "
		      "n=0 kind=''\n"
		      "\t_stiva_rows ''\n"
		      "\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
		      "\t\tw=${COMP_WORDS[i]}\n"
		      "\t\tif [[ $w == '=' ]]; then continue; fi\n"
		      "\t\tif [[ $kind ]]; then\n"
		      "\t\t\tif [[ $kind == root: ]]; then root=$w; fi\n"
		      "\t\t\tkind=''\n"
		      "\t\t\tcontinue\n"
		      "\t\tfi\n"
		      "\t\tif [[ $w == -* ]]; then\n"
		      "\t\t\tfor a in $args; do\n"
		      "\t\t\t\tif [[ ${a%%:*} == \"$w\" ]]; then kind=:${a#*:}; fi\n"
		      "\t\t\tdone\n"
		      "\t\t\tif [[ $w == --root && -z $verb ]]; then kind=root:; fi\n"
		      "\t\telif [[ -z $verb ]]; then\n"
		      "\t\t\tverb=$w\n"
		      "\t\t\t_stiva_rows \"$verb\"\n"
		      "\t\telse\n"
		      "\t\t\tn=$((n + 1))\n"
		      "\t\tfi\n"
		      "\tdone\n"
		      "\tif [[ $cur == '=' ]]; then cur=''; fi\n"
		      "\tif [[ $kind == root: ]]; then kind=:dir; fi\n"
		      "\tif [[ -z $kind && $cur == -* ]]; then\n"
		      "\t\tmapfile -t COMPREPLY < <(compgen -W \"$opts\" -- \"$cur\")\n"
		      "\t\treturn\n"
		      "\tfi\n"
		      "\tif [[ -z $kind ]]; then kind=${words[n]:-:}; kind=:${kind#:}; fi\n"
		      "\tcase $kind in\n"
		      "\t:file) mapfile -t COMPREPLY < <(compgen -f -- \"$cur\") ;;\n"
		      "\t:dir | :=dir) mapfile -t COMPREPLY < <(compgen -d -- \"$cur\") ;;\n"
		      "\t:=id) mapfile -t COMPREPLY < <(compgen -W \"$(stiva ${root:+--root "
		      "\"$root\"} list "
		      "-q 2>/dev/null)\" -- \"$cur\") ;;\n"
		      "\t:=*) a=${kind#:=}; mapfile -t COMPREPLY < <(compgen -W \"${a//,/ }\" -- "
		      "\"$cur\") ;;\n"
		      "\tesac\n}\n"
		      "complete -o filenames -F _stiva stiva\n");
}

/* ---- zsh ---- */

/* A help line inside a zsh or fish single-quoted string; zsh also minds brackets and colons. */
static void add_quoted(const char *s, const char *escaped, struct buf *out)
{
	for (; *s; s++) {
		if (*s == '\'')
			buf_adds(out, "'\\''");
		else if (strchr(escaped, *s))
			buf_printf(out, "\\%c", *s);
		else
			buf_addc(out, *s);
	}
}

static void zsh_arg(const struct cmd_opt *r, struct buf *out)
{
	buf_printf(out, ":%s:", r->arg ? r->arg : "word");
	switch (cmd_opt_arg_kind(r)) {
	case CMD_ARG_NONE:
		break;
	case CMD_ARG_FILE:
		buf_adds(out, "_files");
		break;
	case CMD_ARG_DIR:
		buf_adds(out, "_files -/");
		break;
	case CMD_ARG_WORDS:
		buf_addc(out, '(');
		add_words(r->words, " ", out);
		buf_addc(out, ')');
		break;
	}
}

static void zsh_options(const struct cmd_opts *t, struct buf *out)
{
	for (const struct cmd_opt *r = cmd_opt_next(t, NULL); r; r = cmd_opt_next(t, r)) {
		const char *equals = cmd_opt_takes_arg(r) ? "=" : "";
		const char *many = r->kind == CMD_OPT_STRS ? "*" : "";
		if (r->is_hidden)
			continue;
		if (r->letter)
			buf_printf(out, "\t\t'%s'{-%c,--%s%s}'", many, r->letter, r->name, equals);
		else
			buf_printf(out, "\t\t'%s--%s%s", many, r->name, equals);
		buf_addc(out, '[');
		add_quoted(r->help, "[]:\\", out);
		buf_addc(out, ']');
		if (*equals)
			zsh_arg(r, out);
		buf_adds(out, "' \\\n");
	}
	buf_adds(out, "\t\t'(- *)'{-h,--help}'[print a help text]'");
}

static void zsh_word(const struct cmd_verb *v, struct buf *out)
{
	switch (v->word) {
	case CMD_WORD_NONE:
		break;
	case CMD_WORD_NEW_ID:
		buf_adds(out, " \\\n\t\t'1:ID:'");
		break;
	case CMD_WORD_ID:
		buf_adds(out, " \\\n\t\t'1:ID:_stiva_ids'");
		if (has_signal(v))
			buf_adds(out, " \\\n\t\t'2:SIGNAL:(" SIGNALS ")'");
		break;
	case CMD_WORD_ADD_REMOVE:
		buf_adds(out, " \\\n\t\t'1:ACTION:(add remove)' \\\n\t\t'2:ID:_stiva_ids'"
			      " \\\n\t\t'3:FILE:_files'");
		break;
	case CMD_WORD_DIR:
		buf_adds(out, " \\\n\t\t'1:DIR:_files -/'");
		break;
	case CMD_WORD_VERB:
		buf_adds(out, " \\\n\t\t'1:COMMAND:(");
		add_verbs(out);
		buf_adds(out, ")'");
		break;
	case CMD_WORD_SHELL:
		buf_adds(out, " \\\n\t\t'1:SHELL:(");
		add_words(&cmd_complete_shells, " ", out);
		buf_adds(out, ")'");
		break;
	}
	buf_addc(out, '\n');
}

static void zsh(struct buf *out)
{
	buf_adds(out, "#compdef stiva\n# zsh completion of stiva: made by `stiva completion zsh`\n"
		      "_stiva_ids()\n{\n\tlocal -a ids\n"
		      "\tids=(${(f)\"$(stiva list -q 2>/dev/null)\"})\n\tcompadd -a ids\n}\n\n"
		      "_stiva()\n{\n\tlocal curcontext=$curcontext state line\n"
		      "\tlocal -a verbs\n\ttypeset -A opt_args\n\tverbs=(\n");
	for (size_t i = 0; cmd_verbs[i]; i++) {
		if (cmd_verbs[i]->is_hidden)
			continue;
		buf_printf(out, "\t\t'%s:", cmd_verbs[i]->name);
		add_quoted(cmd_verbs[i]->summary, ":\\", out);
		buf_adds(out, "'\n");
	}
	buf_adds(out, "\t)\n\t_arguments -C \\\n");
	zsh_options(&cmd_global_opts, out);
	buf_adds(out,
		 " \\\n\t\t'1:COMMAND:->verb' \\\n\t\t'*::word:->words'\n"
		 "\tif [[ $state == verb ]]; then\n\t\t_describe command verbs\n\t\treturn\n\tfi\n"
		 "\tcase $line[1] in\n");
	for (size_t i = 0; cmd_verbs[i]; i++) {
		if (cmd_verbs[i]->is_hidden)
			continue;
		buf_printf(out, "\t%s)\n\t\t_arguments \\\n", cmd_verbs[i]->name);
		zsh_options(&cmd_verbs[i]->opts, out);
		zsh_word(cmd_verbs[i], out);
		buf_adds(out, "\t\t;;\n");
	}
	buf_adds(out, "\tesac\n}\n\ncompdef _stiva stiva\n");
}

/* ---- fish ---- */

static void fish_options(const struct cmd_opts *t, const char *when, struct buf *out)
{
	for (const struct cmd_opt *r = cmd_opt_next(t, NULL); r; r = cmd_opt_next(t, r)) {
		if (r->is_hidden)
			continue;
		buf_printf(out, "complete -c stiva -n '%s'", when);
		if (r->letter)
			buf_printf(out, " -s %c", r->letter);
		buf_printf(out, " -l %s", r->name);
		if (cmd_opt_takes_arg(r)) {
			switch (cmd_opt_arg_kind(r)) {
			case CMD_ARG_NONE:
				buf_adds(out, " -x");
				break;
			case CMD_ARG_FILE:
				buf_adds(out, " -r -F");
				break;
			case CMD_ARG_DIR:
				buf_adds(out, " -x -a '(__fish_complete_directories)'");
				break;
			case CMD_ARG_WORDS:
				buf_adds(out, " -x -a '");
				add_words(r->words, " ", out);
				buf_addc(out, '\'');
				break;
			}
		}
		buf_adds(out, " -d '");
		add_quoted(r->help, "\\", out);
		buf_adds(out, "'\n");
	}
}

static void fish_word(const struct cmd_verb *v, const char *when, struct buf *out)
{
	if (v->word == CMD_WORD_NONE || v->word == CMD_WORD_NEW_ID)
		return;
	buf_printf(out, "complete -c stiva -n '%s' -a '", when);
	if (v->word == CMD_WORD_ID)
		buf_adds(out, "(stiva list -q 2>/dev/null)");
	else if (v->word == CMD_WORD_ADD_REMOVE)
		buf_adds(out, "add remove (stiva list -q 2>/dev/null)");
	else if (v->word == CMD_WORD_DIR)
		buf_adds(out, "(__fish_complete_directories)");
	else if (v->word == CMD_WORD_VERB)
		add_verbs(out);
	else
		add_words(&cmd_complete_shells, " ", out);
	if (has_signal(v))
		buf_adds(out, " " SIGNALS);
	buf_adds(out, "'\n");
}

static void fish(struct buf *out)
{
	buf_adds(out, "# fish completion of stiva: made by `stiva completion fish`\n"
		      "complete -c stiva -f\n");
	fish_options(&cmd_global_opts, "__fish_use_subcommand", out);
	buf_adds(out, "complete -c stiva -s h -l help -d 'print a help text'\n");
	for (size_t i = 0; cmd_verbs[i]; i++) {
		AUTO(buf) when = {0};
		if (cmd_verbs[i]->is_hidden)
			continue;
		buf_printf(out, "complete -c stiva -n __fish_use_subcommand -a %s -d '",
			   cmd_verbs[i]->name);
		add_quoted(cmd_verbs[i]->summary, "\\", out);
		buf_adds(out, "'\n");
		buf_printf(&when, "__fish_seen_subcommand_from %s", cmd_verbs[i]->name);
		fish_options(&cmd_verbs[i]->opts, when.data, out);
		fish_word(cmd_verbs[i], when.data, out);
	}
}

void cmd_complete(int shell, struct buf *out)
{
	static void (*const makers[])(struct buf *) = {bash, zsh, fish};
	_Static_assert(sizeof(makers) / sizeof(makers[0]) == SHELL_N, "one per shell");

	if (shell >= 0 && shell < SHELL_N)
		makers[shell](out);
}
