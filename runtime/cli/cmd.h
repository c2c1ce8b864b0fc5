/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/cli: the inner face of the command line. A verb is one row (struct cmd_verb) in a file of
 * its own, cmd_NAME.c, and one line in verbs.c; everything that a user can read about it (--help,
 * the man page, the completions) is made of that row. A verb's function calls life_NAME(), appends
 * what is to be printed to call->out, and never prints: main.c is the only place that does.
 */
#ifndef STIVA_CLI_CMD_H
#define STIVA_CLI_CMD_H

#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"
#include "base/mem.h"
#include "runtime/cli/opt.h"
#include "runtime/life/life.h"

/* Built in by the Makefile. */
#ifndef STIVA_VERSION
#define STIVA_VERSION "unknown"
#endif
#ifndef STIVA_COMMIT
#define STIVA_COMMIT "unknown"
#endif

#define CMD_EXIT_FAILURE 1
/* exec's own failures, so that they are not taken for the program's (conformance.md U74). */
#define CMD_EXIT_EXEC 255

enum cmd_group { CMD_LIFECYCLE, CMD_OBSERVE, CMD_RESOURCES, CMD_MOVE, CMD_TOOLS, CMD_GROUP_N };

/* What the first positional word is, for the completions. */
enum cmd_word {
	CMD_WORD_NONE,
	CMD_WORD_NEW_ID, /* no such container yet */
	CMD_WORD_ID,
	CMD_WORD_DIR,
	CMD_WORD_VERB,
	CMD_WORD_SHELL,
	CMD_WORD_ADD_REMOVE, /* that, and an ID as the second one */
};

struct cmd_call {
	const struct cmd_verb *verb;
	const struct life_host *host; /* the global options */
	void *args;		      /* the verb's struct, filled by its rows */
	char **words;		      /* the positional words, NULL-terminated */
	size_t n_words;
	struct arena *arena;
	struct buf *out; /* goes to stdout, after a failure too */
	/* Prints what is in `out` so far, for verbs that go on. Story. */
	int (*flush)(struct cmd_call *call, struct err *e);
	int status; /* exit code when the function succeeds */
};

struct cmd_verb {
	const char *name;
	enum cmd_group group;
	bool is_hidden;
	bool wants_seal; /* puts a process of ours into a container: see seal.h */
	int fail_status; /* exit code of a failure; 0 = CMD_EXIT_FAILURE */
	enum cmd_word word;
	const char *summary; /* one line, lower-case start, no full stop */
	const char *words;   /* the positional words for the usage line: "ID [SIGNAL]" */
	const char *detail;  /* paragraphs, divided by an empty line */
	const char *example; /* one command line, without "stiva" */
	const char *exits;   /* what the exit status says; NULL = 0, or 1 after an error */
	struct cmd_opts opts;
	size_t args_size;	     /* of the struct that opts point into */
	size_t min_words, max_words; /* CMD_ALL_WORDS = any number */
	size_t stop_after;	     /* as cmd_opt_parse; 0 = CMD_ALL_WORDS */
	int (*run)(struct cmd_call *call, struct err *e);
};

/* ---- verbs.c ---- */
/* All rows, in the order of the help text; NULL-terminated. */
extern const struct cmd_verb *const cmd_verbs[];
/* The row of a verb, hidden ones too. An unknown name is an error with a suggestion. */
const struct cmd_verb *cmd_verb_find(const char *name, struct err *e) MUST_CHECK;
const char *cmd_group_title(enum cmd_group g);
/* False when no verb that is shown belongs to it. */
bool cmd_group_is_used(enum cmd_group g);

/* ---- the rows, one per cmd_NAME.c ---- */
extern const struct cmd_verb cmd_create, cmd_run, cmd_start, cmd_exec, cmd_kill, cmd_delete,
	cmd_pause, cmd_resume, cmd_update, cmd_resize, cmd_autosize, cmd_mounts, cmd_wait,
	cmd_events, cmd_stats, cmd_state, cmd_list, cmd_inspect, cmd_ps, cmd_checkpoint,
	cmd_restore, cmd_migrate, cmd_migrate_recv, cmd_spec, cmd_validate, cmd_features,
	cmd_doctor, cmd_help, cmd_completion, cmd_faults;

/* ---- cmd_create.c: shared with cmd_run.c ---- */
struct cmd_create_args {
	struct life_create_args life;
	bool plan;
};
extern const struct cmd_opts cmd_create_opts;
/* Prints the plan instead, when --plan was given. Return: 1 when it did, 0 when not, or -e->code.
 */
int cmd_create_plan(struct cmd_call *call, struct err *e) MUST_CHECK;

/* ---- cmd_checkpoint.c: the options that restore shares with it ---- */
extern const struct cmd_opts cmd_checkpoint_common;

/* ---- cmd_kill.c: shared with cmd_delete.c ---- */
/*
 * Calls fn for the container words[0], or with --regex for every one whose id matches it. Goes on
 * after a failure; the first is the result, the others are warnings.
 */
int cmd_each_id(struct cmd_call *call, bool is_regex,
		int (*fn)(struct cmd_call *call, const char *id, struct err *e),
		struct err *e) MUST_CHECK;

/* ---- cmd_events.c: shared with cmd_stats.c ---- */
/* Reads an --interval; text NULL: init. */
int cmd_events_interval(const char *text, const char *init, uint64_t *ret_usec,
			struct err *e) MUST_CHECK;

/* ---- global.c ---- */
struct cmd_global {
	const char *root, *log, *criu;
	struct opt_enum log_format, log_level, manager;
	struct opt_bool rootless;
	bool debug, strict, systemd_cgroup, version;
};
extern const struct cmd_opts cmd_global_opts;
/* Sets the log up and fills *ret for the verbs. */
int cmd_global_log(const struct cmd_global *g, struct err *e) MUST_CHECK;
int cmd_global_host(const struct cmd_global *g, struct life_host *ret, struct err *e) MUST_CHECK;
/* ---- hint.c ---- */
/* What a person could do about this error, or NULL. */
const char *cmd_hint(const struct err *e);

/* The text of --version (conformance.md 3.8). */
void cmd_global_version(struct buf *out);

/* ---- help.c, man.c, complete.c: texts made of the rows ---- */
/* width: columns of the terminal. */
void cmd_help_all(unsigned width, struct buf *out);
void cmd_help_verb(const struct cmd_verb *v, unsigned width, struct buf *out);
/* A man page in roff; v NULL: stiva(1). */
void cmd_man(const struct cmd_verb *v, struct buf *out);
/* stiva-config(5), of the field tables, and stiva-annotations(7). */
void cmd_man_config(struct buf *out);
void cmd_man_annotations(struct buf *out);
/* A note of stiva-config(5) about a property that no table has, or NULL: for the tests. */
const char *cmd_man_config_stray(void);
/* The completion script of one of these shells, by its index. */
extern const struct word_list cmd_complete_shells;
void cmd_complete(int shell, struct buf *out);

#endif
