/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/cli/main: from argv to a verb's function, and the only place of the parent side that
 * prints. Exit codes (conformance.md 6.3): 0; 1 for any failure; 255 for exec's own failures; the
 * program's for run and exec in the foreground.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/log.h"
#include "runtime/cli/cmd.h"
#include "runtime/cli/out.h"
#include "runtime/cli/seal.h"
#include "base/ban.h"

/* The umask is inherited by the container (P08), but our own files need their owner's bits. */
static void umask_prepare(void)
{
	mode_t old = umask(022);

	if (old != 022)
		umask(old & ~(mode_t)S_IRWXU);
}

static int print(const struct buf *out, struct err *e)
{
	int r = out->len ? fd_write_all(STDOUT_FILENO, out->data, out->len) : 0;

	return r < 0 ? err_sys(e, r, "write to the standard output") : 0;
}

static int flush(struct cmd_call *call, struct err *e)
{
	int r = print(call->out, e);

	call->out->len = 0;
	return r;
}

static int check_words(const struct cmd_call *call, struct err *e)
{
	const struct cmd_verb *v = call->verb;

	if (call->n_words < v->min_words)
		return err_set(e, ERR_INPUT, EINVAL,
			       "too few arguments: usage: stiva %s [OPTION]... %s", v->name,
			       v->words);
	if (call->n_words > v->max_words)
		return err_set(e, ERR_INPUT, EINVAL,
			       "unexpected argument \"%s\": usage: stiva %s [OPTION]...%s%s",
			       call->words[v->max_words], v->name, *v->words ? " " : "", v->words);
	return 0;
}

/* Parses the verb's own words and calls it. argv: from the verb on. */
static int run_verb(struct cmd_call *call, char **argv, struct err *e)
{
	const struct cmd_verb *v = call->verb;
	struct cmd_opt_parse p = {
		.opts = &v->opts,
		.stop_after = v->stop_after ? v->stop_after : CMD_ALL_WORDS,
		.arena = call->arena,
	};
	int r;

	call->args = arena_alloc(call->arena, v->args_size ? v->args_size : 1);
	p.into = call->args;
	r = cmd_opt_parse(&p, argv + 1, e);
	if (r >= 0 && p.wants_help) {
		cmd_help_verb(v, cmd_out_width(), call->out);
		return 0;
	}
	call->words = p.words;
	call->n_words = p.n_words;
	if (r >= 0)
		r = check_words(call, e);
	if (r >= 0)
		r = v->run(call, e);
	if (r >= 0)
		return r;
	/* The order of a message: command, container, then what went wrong. */
	if ((v->word == CMD_WORD_ID || v->word == CMD_WORD_NEW_ID) && call->n_words > 0)
		return err_prefix(e, "%s %s", v->name, call->words[0]);
	if (v->word == CMD_WORD_ADD_REMOVE && call->n_words > 1)
		return err_prefix(e, "%s %s %s", v->name, call->words[0], call->words[1]);
	return err_prefix(e, "%s", v->name);
}

/* The error of whatever fails before the verb itself should reach the log too; should the log fail
 * as well, the first error is the one to tell. */
static int fail_early(const struct cmd_global *g, struct err *e)
{
	struct err second = ERR_INIT;

	if (cmd_global_log(g, &second) < 0)
		log_debug("%s", second.text);
	return -e->code;
}

/* words: the verb and all that follows; argv: the whole command line. */
static int run_command(const struct cmd_global *g, char **words, char **argv, struct cmd_call *call,
		       struct err *e)
{
	struct life_host host;
	int r;

	call->verb = cmd_verb_find(words[0], e);
	if (!call->verb)
		return fail_early(g, e);
	/* First of all: nothing is open or made yet, and no byte of the bundle was read. */
	if (call->verb->wants_seal && cmd_seal(argv, cmd_seal_is_launch(words), e) < 0) {
		err_prefix(e, "%s", call->verb->name);
		return fail_early(g, e);
	}
	r = cmd_global_log(g, e);
	if (r < 0)
		return r;
	r = cmd_global_host(g, &host, e);
	if (r < 0)
		return r;
	call->host = &host;
	return run_verb(call, words, e);
}

int main(int argc, char **argv)
{
	AUTO(arena) arena = {0};
	AUTO(buf) out = {0};
	struct err e = ERR_INIT;
	struct cmd_global global = {0};
	struct cmd_opt_parse p = {
		.opts = &cmd_global_opts, .into = &global, .stop_after = 1, .arena = &arena};
	struct cmd_call call = {.arena = &arena, .out = &out, .flush = flush};
	int r = fd_secure_stdio();

	if (r < 0)
		return CMD_EXIT_FAILURE; /* there is nowhere to tell it */
	umask_prepare();
	r = cmd_opt_parse(&p, argv + (argc > 0), &e);
	if (r < 0)
		r = fail_early(&global, &e);
	else if (global.version)
		cmd_global_version(&out);
	else if (p.wants_help || p.n_words == 0)
		cmd_help_all(cmd_out_width(), &out);
	else
		r = run_command(&global, p.words, argv, &call, &e);
	if (r >= 0)
		r = log_strict_check(&e);
	/* Output stands before the error; both are there when validate finds something. */
	if (r >= 0)
		r = print(&out, &e);
	else if (out.len)
		fd_write_all(STDOUT_FILENO, out.data, out.len);
	if (r >= 0)
		return call.status;
	log_error_hint(&e, cmd_hint(&e));
	return call.verb && call.verb->fail_status ? call.verb->fail_status : CMD_EXIT_FAILURE;
}
