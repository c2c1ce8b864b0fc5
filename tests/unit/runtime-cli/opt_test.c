/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of runtime/cli/opt: the syntax of U13 and U14, every kind of row, and that every row of
 * every verb is in --help, in the man page and in the completions. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "runtime/cli/cmd.h"

struct target {
	bool flag, other;
	struct opt_bool maybe, automatic;
	const char *str, *str2;
	unsigned number;
	struct opt_i64 size;
	struct opt_enum word;
	struct strvec list;
};
static const struct word word_rows[] = {{"table", 0}, {"json", 0}};
static const struct word_list words = {"format", word_rows, 2, ""};
#define A struct target
static const struct cmd_opt base_rows[] = {
	O_STR(A, str, "bundle", 'b', "DIR", NULL, "a directory"),
	O_STR(A, str2, "no-new-keyring", 0, "FILE", NULL, "a long name"),
};
static const struct cmd_opts base_opts = CMD_OPTS(base_rows);
static const struct cmd_opt more_rows[] = {
	O_FLAG(A, flag, "detach", 'd', "a flag"),
	O_FLAG(A, other, "keep", 0, "another flag"),
	O_MAYBE(A, maybe, "tty", 't', "true, false or absent"),
	O_AUTO(A, automatic, "rootless", 0, "auto", "also as a next word"),
	O_U32(A, number, "preserve-fds", 0, "N", "0", "a number"),
	O_SIZE(A, size, "memory", 'm', "SIZE", NULL, "a size"),
	O_WORD(A, word, "format", 'f', &words, "table", "a word"),
	O_STRS(A, list, "env", 'e', "NAME=VALUE", "a list"),
	O_IGNORED("criu", "FILE", "ignored"),
	O_HIDDEN_FLAG(A, flag, "secret", 'S'),
};
static const struct cmd_opts opts = CMD_OPTS_MORE(more_rows, &base_opts);

struct fixture {
	struct arena arena;
	struct target t;
	struct cmd_opt_parse p;
	struct err e;
};

static int setup(void **state)
{
	static struct fixture f;

	memset(&f, 0, sizeof(f));
	f.p = (struct cmd_opt_parse){.opts = &opts, .stop_after = CMD_ALL_WORDS};
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	arena_done(&f->arena);
	return 0;
}

/* Parses the words of a line, divided by single blanks. */
static int parse(struct fixture *f, const char *line)
{
	char *copy = arena_strdup(&f->arena, line);
	char **argv = arena_array(&f->arena, strlen(line) + 2, sizeof(*argv));
	size_t n = 0;

	while (*copy) {
		size_t len = strcspn(copy, " ");
		argv[n++] = copy;
		copy += len;
		if (*copy)
			*copy++ = '\0';
	}
	memset(&f->t, 0, sizeof(f->t));
	err_clear(&f->e);
	f->p.into = &f->t;
	f->p.arena = &f->arena;
	return cmd_opt_parse(&f->p, argv, &f->e);
}

static void fails(struct fixture *f, const char *line, const char *text)
{
	assert_int_equal(parse(f, line), -EINVAL);
	assert_string_equal(f->e.text, text);
	assert_int_equal(f->e.class, ERR_INPUT);
}

static void U13_takes_one_dash_or_two_and_both_forms_of_value(void **state)
{
	static const char *const lines[] = {"--bundle=/x", "--bundle /x", "-bundle=/x",
					    "-bundle /x",  "-b /x",	  "-b=/x",
					    "--b /x"};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(parse(f, lines[i]), 0);
		assert_string_equal(f->t.str, "/x");
		assert_int_equal(f->p.n_words, 0);
		assert_null(f->p.words[0]);
	}
	assert_int_equal(parse(f, "-no-new-keyring=a=b --bundle="), 0);
	assert_string_equal(f->t.str2, "a=b");
	assert_string_equal(f->t.str, "");
}

static void the_last_of_two_counts(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(parse(f, "-b 1 -b 2 --detach --detach=false"), 0);
	assert_string_equal(f->t.str, "2");
	assert_false(f->t.flag);
}

static void flags_take_go_words(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(parse(f, "-d --keep=T"), 0);
	assert_true(f->t.flag && f->t.other);
	assert_int_equal(parse(f, "-d=false --keep=0"), 0);
	assert_false(f->t.flag || f->t.other);
	assert_false(f->t.maybe.has);
	assert_int_equal(parse(f, "--tty=false"), 0);
	assert_true(f->t.maybe.has && !f->t.maybe.v);
	/* A flag never takes the next word. */
	assert_int_equal(parse(f, "-t false"), 0);
	assert_true(f->t.maybe.has && f->t.maybe.v);
	assert_int_equal(f->p.n_words, 1);
	fails(f, "--keep=maybe", "option '--keep': \"maybe\" is not true or false");
}

static void auto_takes_a_next_word_if_it_is_one(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(parse(f, "--rootless create"), 0);
	assert_true(f->t.automatic.has && f->t.automatic.v);
	assert_int_equal(f->p.n_words, 1);
	assert_int_equal(parse(f, "--rootless false create"), 0);
	assert_true(f->t.automatic.has && !f->t.automatic.v);
	assert_int_equal(f->p.n_words, 1);
	assert_int_equal(parse(f, "--rootless=true --rootless auto"), 0);
	assert_false(f->t.automatic.has);
	fails(f, "--rootless=no", "option '--rootless': \"no\" is not true, false or auto");
}

static void numbers_sizes_and_words(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(parse(f, "--preserve-fds 3 -m 1M --format=json"), 0);
	assert_int_equal(f->t.number, 3);
	assert_true(f->t.size.has && f->t.size.v == 1 << 20);
	assert_true(f->t.word.has && f->t.word.v == 1);
	fails(f, "--preserve-fds -1",
	      "option '--preserve-fds': \"-1\" is not a number from 0 to 4294967295");
	fails(f, "-m x", "option '--memory': \"x\" is not a size such as 512M");
	fails(f, "-f xml", "option '--format': \"xml\" is not one of table|json");
}

static void lists_keep_their_order_and_end_in_null(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(parse(f, "-e A=1 id --env=B=2 -e C=3 -e D=4 -e E=5"), 0);
	assert_int_equal(f->t.list.n, 5);
	assert_string_equal(f->t.list.v[0], "A=1");
	assert_string_equal(f->t.list.v[4], "E=5");
	assert_null(f->t.list.v[5]);
	assert_string_equal(f->p.words[0], "id");
}

static void options_may_follow_the_words(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(parse(f, "web -b /x KILL --detach"), 0);
	assert_int_equal(f->p.n_words, 2);
	assert_string_equal(f->p.words[1], "KILL");
	assert_true(f->t.flag);
	assert_string_equal(f->t.str, "/x");
}

static void after_the_last_word_nothing_is_an_option(void **state)
{
	struct fixture *f = *state;

	f->p.stop_after = 1;
	assert_int_equal(parse(f, "-d web ls --keep -- -x"), 0);
	assert_int_equal(f->p.n_words, 5);
	assert_string_equal(f->p.words[2], "--keep");
	assert_string_equal(f->p.words[3], "--");
	assert_true(f->t.flag);
	assert_false(f->t.other);
}

static void two_dashes_end_the_options(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(parse(f, "-d -- -b --keep"), 0);
	assert_int_equal(f->p.n_words, 2);
	assert_string_equal(f->p.words[0], "-b");
	/* One dash alone is a word: standard input. */
	assert_int_equal(parse(f, "-b - -"), 0);
	assert_string_equal(f->t.str, "-");
	assert_int_equal(f->p.n_words, 1);
}

static void E08_U14_a_missing_argument_is_told_in_the_known_words(void **state)
{
	struct fixture *f = *state;

	fails(f, "--bundle", "option '--bundle' requires an argument");
	fails(f, "web -b", "option '-b' requires an argument");
	fails(f, "-no-new-keyring", "option '--no-new-keyring' requires an argument");
	fails(f, "--criu", "option '--criu' requires an argument");
	assert_int_equal(parse(f, "--criu /bin/criu x"), 0);
	assert_int_equal(f->p.n_words, 1);
}

static void unknown_options_are_told_with_a_suggestion(void **state)
{
	struct fixture *f = *state;

	fails(f, "--bundel x", "unknown option '--bundel'; did you mean '--bundle'?");
	fails(f, "-detsch=1", "unknown option '-detsch'; did you mean '--detach'?");
	fails(f, "--frobnicate", "unknown option '--frobnicate'");
	fails(f, "-dt", "unknown option '-dt'; did you mean '--tty'?");
	fails(f, "--=x", "unknown option '--'");
	fails(f, "--secre", "unknown option '--secre'");
	assert_int_equal(parse(f, "--secret"), 0);
	assert_true(f->t.flag);
}

static void help_stops_the_parser(void **state)
{
	static const char *const lines[] = {"-h", "--help", "-help --nonsense", "id -h"};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		assert_int_equal(parse(f, lines[i]), 0);
		assert_true(f->p.wants_help);
	}
	f->p.stop_after = 1;
	assert_int_equal(parse(f, "id -h"), 0);
	assert_false(f->p.wants_help);
}

/* ---- every row is in every text ---- */

static void contains(const struct buf *text, const char *what, const char *where)
{
	if (!strstr(text->data, what))
		fail_msg("\"%s\" is not in %s", what, where);
}

/* roff writes "-" as "\-". */
static char *roff(struct arena *a, const char *s)
{
	char *out = arena_alloc(a, strlen(s) * 2 + 1), *p = out;

	for (; *s; s++) {
		if (*s == '-')
			*p++ = '\\';
		*p++ = *s;
	}
	return out;
}

static void check_rows(const struct cmd_opts *t, const struct buf *help, const struct buf *man,
		       const struct buf *shells, struct arena *a)
{
	for (const struct cmd_opt *r = cmd_opt_next(t, NULL); r; r = cmd_opt_next(t, r)) {
		char *name = arena_printf(a, "--%s", r->name);
		if (r->is_hidden)
			continue;
		assert_true(r->help && *r->help);
		assert_true(r->help[strlen(r->help) - 1] != '.');
		contains(help, name, "--help");
		contains(man, roff(a, name), "the man page");
		contains(&shells[0], name, "the bash completion");
		contains(&shells[1], name, "the zsh completion");
		contains(&shells[2], arena_printf(a, "-l %s", r->name), "the fish completion");
		if (!r->letter)
			continue;
		contains(help, arena_printf(a, "-%c, --%s", r->letter, r->name), "--help");
		contains(man, arena_printf(a, "\\-%c\\fR", r->letter), "the man page");
		contains(&shells[2], arena_printf(a, "-s %c -l %s", r->letter, r->name), "fish");
	}
}

static void R54_U11_every_option_is_in_every_text(void **state)
{
	struct fixture *f = *state;
	struct buf shells[3] = {0};
	AUTO(buf) help = {0};
	AUTO(buf) man = {0};

	for (int i = 0; i < 3; i++)
		cmd_complete(i, &shells[i]);
	cmd_help_all(80, &help);
	cmd_man(NULL, &man);
	check_rows(&cmd_global_opts, &help, &man, shells, &f->arena);
	for (size_t i = 0; cmd_verbs[i]; i++) {
		const struct cmd_verb *v = cmd_verbs[i];
		AUTO(buf) verb_help = {0};
		AUTO(buf) verb_man = {0};
		if (v->is_hidden)
			continue;
		cmd_help_verb(v, 80, &verb_help);
		cmd_man(v, &verb_man);
		check_rows(&v->opts, &verb_help, &verb_man, shells, &f->arena);
		contains(&help, v->name, "stiva help");
		contains(&help, v->summary, "stiva help");
		contains(&man, v->name, "stiva(1)");
		contains(&verb_help, v->example, "--help");
		for (int s = 0; s < 3; s++)
			contains(&shells[s], v->name, "a completion");
	}
	for (int i = 0; i < 3; i++)
		buf_done(&shells[i]);
}

/* Words of a command line, divided by blanks; quotes hold words together. */
static size_t split(char *line, char **ret, size_t max)
{
	size_t n = 0;

	while (*line && *line != '>' && n + 1 < max) {
		char end = *line == '\'' ? '\'' : ' ';
		line += end == '\'';
		ret[n++] = line;
		while (*line && *line != end)
			line++;
		if (*line)
			*line++ = '\0';
		while (*line == ' ')
			line++;
	}
	ret[n] = NULL;
	return n;
}

static void R54_U11_every_example_is_a_command_line_that_is_taken(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; cmd_verbs[i]; i++) {
		const struct cmd_verb *v = cmd_verbs[i];
		char *argv[32], *line = arena_strdup(&f->arena, v->example);
		struct cmd_opt_parse p = {
			.opts = &v->opts,
			.into = arena_alloc(&f->arena, v->args_size ? v->args_size : 1),
			.stop_after = v->stop_after ? v->stop_after : CMD_ALL_WORDS,
			.arena = &f->arena,
		};
		assert_true(split(line, argv, 32) > 0);
		assert_string_equal(argv[0], v->name);
		if (cmd_opt_parse(&p, argv + 1, &f->e) < 0)
			fail_msg("%s: %s", v->example, f->e.text);
		assert_true(p.n_words >= v->min_words && p.n_words <= v->max_words);
	}
}

static void notes_of_the_config_page_are_about_properties_that_there_are(void **state)
{
	AUTO(buf) page = {0};

	(void)state;
	if (cmd_man_config_stray())
		fail_msg("%s", cmd_man_config_stray());
	cmd_man_config(&page);
	contains(&page, "\\fBlinux.resources.memory.limit\\fR", "stiva-config(5)");
	contains(&page, "\\fBmounts[].options\\fR", "stiva-config(5)");
}

/* A row that could never be reached, or a struct that the rows do not fit, is a slip of the pen. */
static void tables_are_sound(void **state)
{
	(void)state;
	for (size_t i = 0; cmd_verbs[i]; i++) {
		const struct cmd_verb *v = cmd_verbs[i];
		const struct cmd_opts *t = &v->opts;
		assert_true(v->run && v->summary && v->words && v->detail && v->example);
		assert_true(strncmp(v->example, v->name, strlen(v->name)) == 0);
		assert_true(v->min_words <= v->max_words);
		for (const struct cmd_opt *r = cmd_opt_next(t, NULL); r; r = cmd_opt_next(t, r)) {
			assert_true(r->kind == CMD_OPT_IGNORED || r->offset < v->args_size);
			for (const struct cmd_opt *s = cmd_opt_next(t, r); s;
			     s = cmd_opt_next(t, s)) {
				assert_string_not_equal(r->name, s->name);
				assert_true(!r->letter || r->letter != s->letter);
			}
		}
	}
}

static void no_line_of_help_is_too_long(void **state)
{
	(void)state;
	for (size_t i = 0; cmd_verbs[i]; i++) {
		AUTO(buf) help = {0};
		cmd_help_verb(cmd_verbs[i], 80, &help);
		for (const char *s = help.data; *s; s++) {
			size_t n = strcspn(s, "\n");
			assert_true(n <= 80 || strstr(s, "usage") == s || s[0] == ' ');
			s += n;
		}
	}
}

static void U38_unknown_verbs_get_a_suggestion(void **state)
{
	struct fixture *f = *state;

	assert_null(cmd_verb_find("crate", &f->e));
	assert_string_equal(f->e.text, "unknown command \"crate\"; did you mean \"create\"?");
	assert_null(cmd_verb_find("frobnicate", &f->e));
	assert_string_equal(f->e.text, "unknown command \"frobnicate\"; see stiva help");
	assert_ptr_equal(cmd_verb_find("run", &f->e), &cmd_run);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(U13_takes_one_dash_or_two_and_both_forms_of_value),
		T(the_last_of_two_counts),
		T(flags_take_go_words),
		T(auto_takes_a_next_word_if_it_is_one),
		T(numbers_sizes_and_words),
		T(lists_keep_their_order_and_end_in_null),
		T(options_may_follow_the_words),
		T(after_the_last_word_nothing_is_an_option),
		T(two_dashes_end_the_options),
		T(E08_U14_a_missing_argument_is_told_in_the_known_words),
		T(unknown_options_are_told_with_a_suggestion),
		T(help_stops_the_parser),
		T(R54_U11_every_option_is_in_every_text),
		T(R54_U11_every_example_is_a_command_line_that_is_taken),
		T(notes_of_the_config_page_are_about_properties_that_there_are),
		T(tables_are_sound),
		T(no_line_of_help_is_too_long),
		T(U38_unknown_verbs_get_a_suggestion),
	};

	return cmocka_run_group_tests_name("runtime-cli/opt", tests, NULL, NULL);
}
