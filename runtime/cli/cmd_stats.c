/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/cli/cmd_stats: the verb stats: what containers use, again and again, for people; and as
 * JSON for programs. */
#include "runtime/cli/cmd.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>
#include "base/log.h"
#include "base/proc.h"
#include "runtime/cli/stats_view.h"
#include "base/ban.h"

enum stats_format { STATS_TABLE, STATS_JSON, STATS_FORMAT_N };
static const struct word format_rows[] = {{"table", 0}, {"json", 0}};
WORDS_COMPLETE(format_rows, STATS_FORMAT_N);
static const struct word_list format_words = {"format", format_rows, STATS_FORMAT_N, ""};

enum stats_sort { SORT_ID, SORT_CPU, SORT_MEMORY, SORT_PIDS, SORT_IO, SORT_N };
static const struct word sort_rows[] = {
	{"id", 0}, {"cpu", 0}, {"memory", 0}, {"pids", 0}, {"io", 0}};
WORDS_COMPLETE(sort_rows, SORT_N);
static const struct word_list sort_words = {"column to sort by", sort_rows, SORT_N, ""};

struct stats_args {
	bool no_stream;
	const char *interval;
	struct opt_enum format, sort;
};
#define A struct stats_args
/* clang-format off */
static const struct cmd_opt rows[] = {
	O_FLAG(A, no_stream, "no-stream", 0, "print once, and end"),
	O_STR(A, interval, "interval", 0, "TIME", "1s", "time between two prints: 1s, 500ms"),
	O_WORD(A, sort, "sort", 0, &sort_words, "id", "which container stands first: the one that uses most"),
	O_WORD(A, format, "format", 'f', &format_words, "table", "how to print; json is one list a line"),
};
/* clang-format on */

#define INTERVAL_DEFAULT "1s"
#define TABLE_COLS	 (2 + CMD_STATS_COLS)
/* To the upper left corner, and clear from there. */
#define CLEAR "\033[H\033[J"

/* One container that was there in the round before. */
struct stats_known {
	char *id; /* owned */
	struct cmd_stats_rates rates;
	bool is_seen; /* in this round */
};
struct stats {
	struct cmd_call *call;
	bool is_json, is_terminal;
	enum stats_sort sort;
	struct stats_known *known; /* owned */
	size_t n_known;
};

static void stats_done(struct stats *st)
{
	for (size_t i = 0; i < st->n_known; i++)
		free(st->known[i].id);
	free(st->known);
	st->known = NULL;
	st->n_known = 0;
}

static struct cmd_stats_rates *rates_of(struct stats *st, const char *id)
{
	for (size_t i = 0; i < st->n_known; i++)
		if (str_eq(st->known[i].id, id)) {
			st->known[i].is_seen = true;
			return &st->known[i].rates;
		}
	st->known = mem_realloc(st->known, st->n_known + 1, sizeof(*st->known));
	struct stats_known *k = &st->known[st->n_known++];
	*k = (struct stats_known){.id = mem_strdup(id), .is_seen = true};
	return &k->rates;
}

/* Who ended is forgotten: another one may get the id. */
static void forget_unseen(struct stats *st)
{
	size_t kept = 0;

	for (size_t i = 0; i < st->n_known; i++) {
		if (!st->known[i].is_seen) {
			free(st->known[i].id);
			continue;
		}
		st->known[kept] = st->known[i];
		st->known[kept++].is_seen = false;
	}
	st->n_known = kept;
}

/* ---- one round ---- */

struct row {
	const char *id, *status;
	struct cmd_stats_rates rates;
	struct cg_stats stats;
	uint64_t weight; /* what it is sorted by */
};
struct round {
	struct stats *st;
	struct arena *arena;
	struct row *rows;
	size_t n;
};

static uint64_t weight_of(enum stats_sort by, const struct row *row)
{
	uint64_t n = 0;

	switch (by) {
	case SORT_CPU:
		return row->rates.cpu;
	case SORT_MEMORY:
		return row->stats.memory.usage.usage;
	case SORT_PIDS:
		return row->stats.pids.current;
	case SORT_IO:
		for (size_t i = 0; i < row->stats.io.n; i++)
			n += row->stats.io.v[i].rbytes + row->stats.io.v[i].wbytes;
		return n;
	case SORT_ID:
	case SORT_N:
		break;
	}
	return 0;
}

/* Most first, else as they came: the table must not jump about for nothing. */
static void sort_by_weight(struct row *v, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct row row = v[i];
		size_t k = i;

		for (; k > 0 && v[k - 1].weight < row.weight; k--)
			v[k] = v[k - 1];
		v[k] = row;
	}
}

static int add_one(struct round *rd, const char *id, struct err *e)
{
	struct life_watch w = LIFE_WATCH_INIT;
	struct row *row = &rd->rows[rd->n];
	int r = life_watch_open(rd->st->call->host, id, &w, e);

	if (r == 0)
		r = cg_stats_read(&w.cg, rd->arena, &row->stats, e);
	if (r == 0) {
		struct cmd_stats_rates *rates = rates_of(rd->st, id);

		cmd_stats_count(rates, &row->stats, w.start_ticks);
		row->rates = *rates;
		row->id = arena_strdup(rd->arena, id);
		row->status = word_text(&spec_words_status, (int)w.status);
		row->weight = weight_of(rd->st->sort, row);
		rd->n++;
	}
	life_watch_done(&w);
	return r;
}

/* All of them that live; those that end meanwhile, or have nothing to count, are left out. */
static int add_all(struct round *rd, struct err *e)
{
	AUTO(life_ids) ids = {0};
	int r = life_ids_find(rd->st->call->host, NULL, &ids, e);

	rd->rows = arena_array(rd->arena, ids.n + 1, sizeof(*rd->rows));
	for (size_t i = 0; r == 0 && i < ids.n; i++) {
		struct err one = ERR_INIT;
		if (add_one(rd, ids.v[i], &one) < 0)
			log_debug("%s: %s", ids.v[i], one.text);
	}
	return r;
}

/* Named ones must be there the first time; later they may end. */
static int add_named(struct round *rd, bool is_first, struct err *e)
{
	char **ids = rd->st->call->words;

	rd->rows = arena_array(rd->arena, rd->st->call->n_words, sizeof(*rd->rows));
	for (size_t i = 0; i < rd->st->call->n_words; i++) {
		struct err one = ERR_INIT;
		if (add_one(rd, ids[i], &one) == 0)
			continue;
		if (is_first) {
			*e = one;
			return err_prefix(e, "%s", ids[i]);
		}
		log_debug("%s: %s", ids[i], one.text);
	}
	return 0;
}

static void print_json(const struct round *rd, struct buf *out)
{
	buf_addc(out, '[');
	for (size_t i = 0; i < rd->n; i++) {
		const struct row *row = &rd->rows[i];

		buf_adds(out, i ? ",{\"id\":" : "{\"id\":");
		json_print_string(row->id, out);
		buf_printf(out, ",\"status\":\"%s\",", row->status);
		cmd_stats_members(&row->rates, &row->stats, out);
		buf_addc(out, '}');
	}
	buf_adds(out, "]\n");
}

static void print_table(const struct round *rd, struct buf *out)
{
	struct cmd_table t = {.arena = rd->arena,
			      .n_cols = TABLE_COLS,
			      .min_width = 8,
			      .gap = 3,
			      .width = cmd_out_columns()};

	cmd_table_add(&t, "ID");
	cmd_table_add(&t, "STATUS");
	cmd_stats_head(&t);
	for (size_t i = 0; i < rd->n; i++) {
		cmd_table_add(&t, rd->rows[i].id);
		cmd_table_add(&t, rd->rows[i].status);
		cmd_stats_cells(&t, &rd->rows[i].rates, &rd->rows[i].stats);
	}
	if (rd->st->is_terminal)
		buf_adds(out, CLEAR);
	cmd_table_print(&t, out);
}

/* *ret_n: how many were told. */
static int print_round(struct stats *st, bool is_first, size_t *ret_n, struct err *e)
{
	AUTO(arena) a = {0};
	struct round rd = {.st = st, .arena = &a};
	int r = st->call->n_words ? add_named(&rd, is_first, e) : add_all(&rd, e);

	if (r < 0)
		return r;
	sort_by_weight(rd.rows, rd.n);
	if (st->is_json)
		print_json(&rd, st->call->out);
	else
		print_table(&rd, st->call->out);
	forget_unseen(st);
	*ret_n = rd.n;
	return st->call->flush(st->call, e);
}

/* Not usleep(3): 32 bits of microseconds are 71 minutes. */
static void nap(uint64_t usec)
{
	const struct timespec t = {.tv_sec = (time_t)(usec / 1000000),
				   .tv_nsec = (long)(usec % 1000000 * 1000)};

	(void)nanosleep(&t, NULL);
}

static int run(struct cmd_call *call, struct err *e)
{
	const struct stats_args *a = call->args;
	struct stats st = {.call = call,
			   .is_json = a->format.has && a->format.v == STATS_JSON,
			   .sort = a->sort.has ? (enum stats_sort)a->sort.v : SORT_ID,
			   .is_terminal = !a->no_stream && isatty(STDOUT_FILENO)};
	bool is_first = true;
	uint64_t interval;
	size_t n = 0;
	int r = cmd_events_interval(a->interval, INTERVAL_DEFAULT, &interval, e);

	while (r == 0) {
		r = print_round(&st, is_first, &n, e);
		/* With names it ends when they have. */
		if (r < 0 || a->no_stream || (call->n_words && n == 0))
			break;
		is_first = false;
		nap(interval);
	}
	stats_done(&st);
	return r;
}

const struct cmd_verb cmd_stats = {
	.name = "stats",
	.group = CMD_OBSERVE,
	.summary = "show what containers use, again and again",
	.words = "[ID...]",
	.detail =
		"Shows a table of the named containers, or of all that live, each --interval. CPU "
		"is "
		"in percent of one CPU: since the last print, or, in the first, since the "
		"container "
		"began. THROTTLED is the share of periods in which the CPU limit stopped it. PSI "
		"is "
		"the share of the last ten seconds in which something in the container waited for "
		"CPU, memory or I/O. A dash: the host does not count that. On a narrow terminal "
		"long IDs are cut, then the last columns are left out.\n\n"
		"With --format json each print is one line, a list of objects: id, status, cpu "
		"(percent, usageUsec, throttledPercent, throttledUsec, pressure), memory (usage, "
		"limit, swap, oomKills, pressure), pids (current, limit), io (read, written, "
		"pressure); sizes in bytes, null for what is not limited or not counted.",
	.example = "stats --no-stream",
	.opts = CMD_OPTS(rows),
	.args_size = sizeof(struct stats_args),
	.max_words = CMD_ALL_WORDS,
	.run = run,
};
