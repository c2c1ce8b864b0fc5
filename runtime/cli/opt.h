/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/cli/opt: options as tables. One row gives the parser, --help, the man page and the shell
 * completions. It knows nothing of verbs. Called by main.c (the global options), and for the texts
 * by help.c, man.c and complete.c.
 *
 * The syntax (conformance.md U13, U14): -opt, --opt, --opt=v, --opt v, with one dash or two for
 * long and short names alike; no bundling of letters; "--" ends the options; a flag takes =true or
 * =false.
 */
#ifndef STIVA_CLI_OPT_H
#define STIVA_CLI_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

enum cmd_opt_kind {
	CMD_OPT_FLAG,  /* bool */
	CMD_OPT_MAYBE, /* struct opt_bool: --x, --x=false */
	CMD_OPT_AUTO,  /* struct opt_bool: --x, --x=false, --x auto (= absent), also as a next word
			*/
	CMD_OPT_STR,   /* const char *, borrowed from argv */
	CMD_OPT_U32,   /* unsigned */
	CMD_OPT_SIZE,  /* struct opt_i64: bytes with a unit, -1 = max */
	CMD_OPT_WORD,  /* struct opt_enum: index in the row's words */
	CMD_OPT_STRS,  /* struct strvec: may be repeated */
	CMD_OPT_IGNORED, /* takes a value and does nothing: for callers of old runtimes */
	CMD_OPT_KIND_N
};

/* What the row's argument is: for the completion scripts. */
enum cmd_opt_arg {
	CMD_ARG_NONE, /* nothing to offer */
	CMD_ARG_FILE,
	CMD_ARG_DIR,
	CMD_ARG_WORDS, /* the row's words, or true and false */
};

struct cmd_opt {
	const char *name; /* without dashes */
	char letter;	  /* 0 = none */
	bool is_hidden;	  /* parsed, but in no text */
	enum cmd_opt_kind kind;
	size_t offset;	  /* in the verb's struct */
	const char *arg;  /* the argument's name in texts: DIR, FILE, ... */
	const char *init; /* the default, as text; NULL = none worth telling */
	const char *help; /* one line, lower-case start, no full stop */
	const struct word_list *words;
};

/* Rows, and a table whose rows follow (run's options are create's and a few more). */
struct cmd_opts {
	const struct cmd_opt *rows;
	size_t n;
	const struct cmd_opts *more;
};

/* Offset of member m, refused by the compiler when its type is not `type`. */
#define CMD_OFF(T, m, type) _Generic(((T *)0)->m, type : offsetof(T, m))

#define O_FLAG(T, m, name, letter, help)                                                           \
	{                                                                                          \
		name, letter, false, CMD_OPT_FLAG, CMD_OFF(T, m, bool), 0, 0, help, 0              \
	}
#define O_MAYBE(T, m, name, letter, help)                                                          \
	{                                                                                          \
		name, letter, false, CMD_OPT_MAYBE, CMD_OFF(T, m, struct opt_bool), 0, 0, help, 0  \
	}
#define O_AUTO(T, m, name, letter, init, help)                                                     \
	{                                                                                          \
		name, letter, false, CMD_OPT_AUTO, CMD_OFF(T, m, struct opt_bool), 0, init, help,  \
			0                                                                          \
	}
#define O_STR(T, m, name, letter, arg, init, help)                                                 \
	{                                                                                          \
		name, letter, false, CMD_OPT_STR, CMD_OFF(T, m, const char *), arg, init, help, 0  \
	}
#define O_U32(T, m, name, letter, arg, init, help)                                                 \
	{                                                                                          \
		name, letter, false, CMD_OPT_U32, CMD_OFF(T, m, unsigned), arg, init, help, 0      \
	}
#define O_SIZE(T, m, name, letter, arg, init, help)                                                \
	{                                                                                          \
		name, letter, false, CMD_OPT_SIZE, CMD_OFF(T, m, struct opt_i64), arg, init, help, \
			0                                                                          \
	}
#define O_WORD(T, m, name, letter, words, init, help)                                              \
	{                                                                                          \
		name, letter, false, CMD_OPT_WORD, CMD_OFF(T, m, struct opt_enum), 0, init, help,  \
			words                                                                      \
	}
#define O_STRS(T, m, name, letter, arg, help)                                                      \
	{                                                                                          \
		name, letter, false, CMD_OPT_STRS, CMD_OFF(T, m, struct strvec), arg, 0, help, 0   \
	}
#define O_IGNORED(name, arg, help)                                                                 \
	{                                                                                          \
		name, 0, true, CMD_OPT_IGNORED, 0, arg, 0, help, 0                                 \
	}
/* A value for callers of old runtimes, in no text. */
#define O_HIDDEN_STR(T, m, name, arg)                                                              \
	{                                                                                          \
		name, 0, true, CMD_OPT_STR, CMD_OFF(T, m, const char *), arg, 0, "", 0             \
	}
/* A second spelling of another row, in no text. */
#define O_HIDDEN_FLAG(T, m, name, letter)                                                          \
	{                                                                                          \
		name, letter, true, CMD_OPT_FLAG, CMD_OFF(T, m, bool), 0, 0, "", 0                 \
	}

#define CMD_OPTS(rows_)                                                                            \
	{                                                                                          \
		rows_, sizeof(rows_) / sizeof((rows_)[0]), NULL                                    \
	}
#define CMD_OPTS_MORE(rows_, more_)                                                                \
	{                                                                                          \
		rows_, sizeof(rows_) / sizeof((rows_)[0]), more_                                   \
	}

/* The row after `row` (NULL: the first) of a table and those that follow it; NULL at the end. */
const struct cmd_opt *cmd_opt_next(const struct cmd_opts *t, const struct cmd_opt *row);
/* True when the option's argument is a word of its own on the command line ("--x v"). */
bool cmd_opt_takes_arg(const struct cmd_opt *row);
enum cmd_opt_arg cmd_opt_arg_kind(const struct cmd_opt *row);
/* "FILE", "text|json", "" for a flag: what help and man show. Appended to out. */
void cmd_opt_arg_text(const struct cmd_opt *row, struct buf *out);

#define CMD_ALL_WORDS SIZE_MAX
struct cmd_opt_parse {
	/* in */
	const struct cmd_opts *opts;
	void *into;	   /* the verb's struct, already zeroed or set to its defaults */
	size_t stop_after; /* so many positional words end the options: 1 for the global ones and
			    * for exec; CMD_ALL_WORDS: options may follow every word */
	struct arena *arena;
	/* out */
	char **words; /* the positional words, NULL-terminated, in the arena */
	size_t n_words;
	bool wants_help; /* -h or --help was met; parsing ended there */
};
/* argv[0] is the first word to look at; argv is NULL-terminated. Story. */
int cmd_opt_parse(struct cmd_opt_parse *p, char **argv, struct err *e) MUST_CHECK;

#endif
