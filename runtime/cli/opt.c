/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/cli/opt: the parser of option tables. It must not know any verb, and it has no side
 * effect but the struct that the rows point into. Called by main.c.
 */
#include "runtime/cli/opt.h"

#include <errno.h>
#include <string.h>
#include "base/auto.h"
#include "base/num.h"
#include "base/ban.h"

#define SUGGEST_DISTANCE 2

const struct cmd_opt *cmd_opt_next(const struct cmd_opts *t, const struct cmd_opt *row)
{
	for (; t; t = t->more) {
		if (!row && t->n > 0)
			return t->rows;
		if (row && row >= t->rows && row < t->rows + t->n) {
			if (row + 1 < t->rows + t->n)
				return row + 1;
			row = NULL;
		}
	}
	return NULL;
}

bool cmd_opt_takes_arg(const struct cmd_opt *row)
{
	switch (row->kind) {
	case CMD_OPT_FLAG:
	case CMD_OPT_MAYBE:
	case CMD_OPT_AUTO:
	case CMD_OPT_KIND_N:
		return false;
	case CMD_OPT_STR:
	case CMD_OPT_U32:
	case CMD_OPT_SIZE:
	case CMD_OPT_WORD:
	case CMD_OPT_STRS:
	case CMD_OPT_IGNORED:
		break;
	}
	return true;
}

enum cmd_opt_arg cmd_opt_arg_kind(const struct cmd_opt *row)
{
	if (row->words)
		return CMD_ARG_WORDS;
	if (!row->arg)
		return CMD_ARG_NONE;
	if (str_eq(row->arg, "DIR"))
		return CMD_ARG_DIR;
	if (str_eq(row->arg, "FILE") || str_eq(row->arg, "SOCKET"))
		return CMD_ARG_FILE;
	return CMD_ARG_NONE;
}

void cmd_opt_arg_text(const struct cmd_opt *row, struct buf *out)
{
	if (row->arg)
		buf_adds(out, row->arg);
	for (size_t i = 0; row->words && i < row->words->n; i++)
		buf_printf(out, "%s%s", i ? "|" : "", row->words->rows[i].text);
}

static bool row_is(const struct cmd_opt *row, const char *name, size_t n)
{
	if (n == 1 && row->letter)
		return row->letter == name[0];
	return strlen(row->name) == n && memcmp(row->name, name, n) == 0;
}

static const struct cmd_opt *find_row(const struct cmd_opts *t, const char *name, size_t n)
{
	for (const struct cmd_opt *r = cmd_opt_next(t, NULL); r; r = cmd_opt_next(t, r)) {
		if (row_is(r, name, n))
			return r;
	}
	return NULL;
}

/* The nearest name that is no further away than its own length allows: "x" is not like "p". */
static const char *nearest(const struct cmd_opts *t, const char *name)
{
	const char *best = NULL;
	unsigned least = SUGGEST_DISTANCE + 1;

	for (const struct cmd_opt *r = cmd_opt_next(t, NULL); r; r = cmd_opt_next(t, r)) {
		unsigned d = str_distance(name, r->name, SUGGEST_DISTANCE);
		if (d < least && d < strlen(r->name) && !r->is_hidden) {
			least = d;
			best = r->name;
		}
	}
	return best;
}

static int unknown(const struct cmd_opts *t, const char *word, size_t n_name, struct err *e)
{
	char name[64];
	const char *like;
	size_t dashes = word[1] == '-' ? 2 : 1;

	if (n_name >= sizeof(name))
		n_name = sizeof(name) - 1;
	memcpy(name, word + dashes, n_name);
	name[n_name] = '\0';
	like = nearest(t, name);
	if (like)
		return err_set(e, ERR_INPUT, EINVAL,
			       "unknown option '%.*s%s'; did you mean '--%s'?", (int)dashes, "--",
			       name, like);
	return err_set(e, ERR_INPUT, EINVAL, "unknown option '%.*s%s'", (int)dashes, "--", name);
}

/* The words that Go's flag package takes too, because engines are written against it. */
static int parse_bool(const char *s, bool *ret)
{
	static const char *const yes[] = {"true", "1", "t", "T", "TRUE", "True"};
	static const char *const no[] = {"false", "0", "f", "F", "FALSE", "False"};

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (str_eq(s, yes[i]) || str_eq(s, no[i])) {
			*ret = str_eq(s, yes[i]);
			return 0;
		}
	}
	return -EINVAL;
}

static void strvec_push(struct strvec *v, char *s, struct arena *a)
{
	/* The vector grows when n is 0 or a power of two; one more place holds the final NULL. */
	if ((v->n & (v->n - 1)) == 0) {
		char **bigger = arena_array(a, (v->n ? v->n * 2 : 1) + 1, sizeof(*bigger));
		if (v->n)
			memcpy(bigger, v->v, v->n * sizeof(*bigger));
		v->v = bigger;
	}
	v->v[v->n++] = s;
	v->v[v->n] = NULL;
}

static int bad_value(const struct cmd_opt *row, const char *value, const char *wanted,
		     struct err *e)
{
	return err_set(e, ERR_INPUT, EINVAL, "option '--%s': \"%s\" is not %s", row->name, value,
		       wanted);
}

static int set_word(const struct cmd_opt *row, const char *value, struct opt_enum *ret,
		    struct err *e)
{
	AUTO(buf) wanted = {0};
	int i = word_find(row->words, value);

	if (i < 0) {
		buf_adds(&wanted, "one of ");
		cmd_opt_arg_text(row, &wanted);
		return bad_value(row, value, wanted.data, e);
	}
	*ret = (struct opt_enum){true, i};
	return 0;
}

static int set_bool(const struct cmd_opt *row, char *at, const char *value, struct err *e)
{
	bool v = true;

	if (row->kind == CMD_OPT_AUTO && value && str_eq(value, "auto")) {
		*(struct opt_bool *)(void *)at = (struct opt_bool){false, false};
		return 0;
	}
	if (value && parse_bool(value, &v) < 0)
		return bad_value(
			row, value,
			row->kind == CMD_OPT_AUTO ? "true, false or auto" : "true or false", e);
	if (row->kind == CMD_OPT_FLAG)
		*(bool *)(void *)at = v;
	else
		*(struct opt_bool *)(void *)at = (struct opt_bool){true, v};
	return 0;
}

/* value: NULL for a bare flag. */
static int set_value(const struct cmd_opt_parse *p, const struct cmd_opt *row, char *value,
		     struct err *e)
{
	char *at = (char *)p->into + row->offset;
	int64_t size;
	uint32_t u;

	switch (row->kind) {
	case CMD_OPT_FLAG:
	case CMD_OPT_MAYBE:
	case CMD_OPT_AUTO:
		return set_bool(row, at, value, e);
	case CMD_OPT_STR:
		*(const char **)(void *)at = value;
		return 0;
	case CMD_OPT_U32:
		if (num_u32(value, &u) < 0)
			return bad_value(row, value, "a number from 0 to 4294967295", e);
		*(unsigned *)(void *)at = u;
		return 0;
	case CMD_OPT_SIZE:
		if (num_size(value, &size) < 0)
			return bad_value(row, value, "a size such as 512M", e);
		*(struct opt_i64 *)(void *)at = (struct opt_i64){true, size};
		return 0;
	case CMD_OPT_WORD:
		return set_word(row, value, (struct opt_enum *)(void *)at, e);
	case CMD_OPT_STRS:
		strvec_push((struct strvec *)(void *)at, value, p->arena);
		return 0;
	case CMD_OPT_IGNORED:
	case CMD_OPT_KIND_N:
		break;
	}
	return 0;
}

static bool is_auto_word(const char *s)
{
	return s && (str_eq(s, "true") || str_eq(s, "false") || str_eq(s, "auto"));
}

/* One option at argv[0]. Return: how many words it took, 0 for help, or -e->code. */
static int parse_one(const struct cmd_opt_parse *p, char **argv, struct err *e)
{
	char *name = argv[0] + (argv[0][1] == '-' ? 2 : 1);
	char *value = strchr(name, '=');
	size_t n_name = value ? (size_t)(value - name) : strlen(name);
	const struct cmd_opt *row = find_row(p->opts, name, n_name);
	int used = 1;
	int r;

	if (value)
		value++;
	if (!row) {
		if (!value && (str_eq(name, "help") || str_eq(name, "h")))
			return 0;
		return unknown(p->opts, argv[0], n_name, e);
	}
	if (!value &&
	    (cmd_opt_takes_arg(row) || (row->kind == CMD_OPT_AUTO && is_auto_word(argv[1])))) {
		/* podman and others grep these words. */
		if (!argv[1])
			return err_set(e, ERR_INPUT, EINVAL, "option '%s%s' requires an argument",
				       n_name == 1 ? "-" : "--", name);
		value = argv[1];
		used = 2;
	}
	r = set_value(p, row, value, e);
	return r < 0 ? r : used;
}

int cmd_opt_parse(struct cmd_opt_parse *p, char **argv, struct err *e)
{
	struct strvec words = {0};

	p->wants_help = false;
	while (*argv && words.n < p->stop_after) {
		if ((*argv)[0] != '-' || (*argv)[1] == '\0') {
			strvec_push(&words, *argv++, p->arena);
			continue;
		}
		if (str_eq(*argv, "--")) {
			argv++;
			break;
		}
		int used = parse_one(p, argv, e);
		if (used < 0)
			return used;
		if (used == 0) {
			p->wants_help = true;
			return 0;
		}
		argv += used;
	}
	while (*argv)
		strvec_push(&words, *argv++, p->arena);
	p->words = words.v ? words.v : arena_array(p->arena, 1, sizeof(*p->words));
	p->n_words = words.n;
	return 0;
}
