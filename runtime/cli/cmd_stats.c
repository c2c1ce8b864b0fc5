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

struct stats_args {
	bool no_stream;
	const char *interval;
	struct opt_enum format;
};
#define A struct stats_args
/* clang-format off */
static const struct cmd_opt rows[] = {
	O_FLAG(A, no_stream, "no-stream", 0, "print once, and end"),
	O_STR(A, interval, "interval", 0, "TIME", "1s", "time between two prints: 1s, 500ms"),
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

struct round {
	struct stats *st;
	struct cmd_table table;
	struct buf *out;
	size_t n;
};

static int add_one(struct round *rd, const char *id, struct err *e)
{
	struct life_watch w = LIFE_WATCH_INIT;
	struct cg_stats s;
	int r = life_watch_open(rd->st->call->host, id, &w, e);

	if (r == 0)
		r = cg_stats_read(&w.cg, rd->table.arena, &s, e);
	if (r == 0) {
		struct cmd_stats_rates *rates = rates_of(rd->st, id);
		const char *status = word_text(&spec_words_status, (int)w.status);

		cmd_stats_count(rates, &s, w.start_ticks);
		if (rd->st->is_json) {
			buf_adds(rd->out, rd->n ? ",{\"id\":" : "{\"id\":");
			json_print_string(id, rd->out);
			buf_printf(rd->out, ",\"status\":\"%s\",", status);
			cmd_stats_members(rates, &s, rd->out);
			buf_addc(rd->out, '}');
		} else {
			cmd_table_add(&rd->table, id);
			cmd_table_add(&rd->table, status);
			cmd_stats_cells(&rd->table, rates, &s);
		}
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

/* *ret_n: how many were told. */
static int print_round(struct stats *st, bool is_first, size_t *ret_n, struct err *e)
{
	AUTO(arena) a = {0};
	struct buf *out = st->call->out;
	struct round rd = {.st = st,
			   .table = {.arena = &a, .n_cols = TABLE_COLS, .min_width = 8, .gap = 3},
			   .out = out};

	if (st->is_json) {
		buf_addc(out, '[');
	} else {
		cmd_table_add(&rd.table, "ID");
		cmd_table_add(&rd.table, "STATUS");
		cmd_stats_head(&rd.table);
	}
	int r = st->call->n_words ? add_named(&rd, is_first, e) : add_all(&rd, e);
	if (r < 0) {
		out->len = 0;
		return r;
	}
	if (st->is_json) {
		buf_adds(out, "]\n");
	} else {
		if (st->is_terminal)
			buf_adds(out, CLEAR);
		cmd_table_print(&rd.table, out);
	}
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
		"CPU, memory or I/O. A dash: the host does not count that.\n\n"
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
