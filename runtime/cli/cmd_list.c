/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/cli/cmd_list: the verb list. Its formats are read by programs (conformance.md U94). */
#include "runtime/cli/cmd.h"

#include <stdio.h>
#include "runtime/cli/out.h"
#include "base/ban.h"

enum list_format { LIST_TABLE, LIST_JSON, LIST_FORMAT_N };
static const struct word format_rows[] = {{"table", 0}, {"json", 0}};
WORDS_COMPLETE(format_rows, LIST_FORMAT_N);
static const struct word_list format_words = {"format", format_rows, LIST_FORMAT_N, ""};

struct list_args {
	bool quiet;
	struct opt_enum format;
};
#define A struct list_args
/* clang-format off */
static const struct cmd_opt rows[] = {
	O_FLAG(A, quiet, "quiet", 'q', "print only the ids, one on a line"),
	O_WORD(A, format, "format", 'f', &format_words, "table", "how to print"),
};
/* clang-format on */

static void print_json(const struct life_view_vec *all, struct buf *out)
{
	buf_addc(out, '[');
	for (size_t i = 0; i < all->n; i++) {
		if (i)
			buf_addc(out, ',');
		json_print(&spec_table_state, &all->v[i].state, 0, out);
	}
	buf_adds(out, "]\n");
}

static const char *or_dash(const char *s)
{
	return s && *s ? s : "-";
}

static void print_table(const struct life_view_vec *all, struct arena *arena, struct buf *out)
{
	static const char *const head[] = {"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"};
	struct cmd_table t = {.arena = arena,
			      .n_cols = sizeof(head) / sizeof(head[0]),
			      .min_width = 12,
			      .gap = 3};

	for (size_t i = 0; i < t.n_cols; i++)
		cmd_table_add(&t, head[i]);
	for (size_t i = 0; i < all->n; i++) {
		const struct spec_state *s = &all->v[i].state;
		char pid[24];
		snprintf(pid, sizeof(pid), "%lld", (long long)s->pid.v);
		cmd_table_add(&t, or_dash(s->id));
		cmd_table_add(&t, pid);
		cmd_table_add(&t, word_text(&spec_words_status, s->status.v));
		cmd_table_add(&t, or_dash(s->bundle));
		cmd_table_add(&t, or_dash(s->created));
		cmd_table_add(&t, or_dash(s->owner));
	}
	cmd_table_print(&t, out);
}

static int run(struct cmd_call *call, struct err *e)
{
	const struct list_args *a = call->args;
	struct life_view_vec all = {0};
	int r = life_list(call->host, a->quiet, call->arena, &all, e);

	if (r < 0)
		return r;
	for (size_t i = 0; a->quiet && i < all.n; i++)
		buf_printf(call->out, "%s\n", all.v[i].state.id);
	if (a->quiet)
		return 0;
	if (a->format.has && a->format.v == LIST_JSON)
		print_json(&all, call->out);
	else
		print_table(&all, call->arena, call->out);
	return 0;
}

const struct cmd_verb cmd_list = {
	.name = "list",
	.group = CMD_OBSERVE,
	.summary = "list the containers",
	.words = "",
	.detail = "Lists the containers below --root, whoever made them. A container whose record "
		  "cannot be read is left out with a warning, but for --quiet, which prints the "
		  "ids of all; delete --force removes it.",
	.example = "list --format json",
	.opts = CMD_OPTS(rows),
	.args_size = sizeof(struct list_args),
	.max_words = 0,
	.run = run,
};
