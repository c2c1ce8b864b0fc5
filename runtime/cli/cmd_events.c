/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/cli/cmd_events: the verb events. Its JSON is read by programs (conformance.md U109). */
#include "runtime/cli/cmd.h"

#include <errno.h>
#include <inttypes.h>
#include <time.h>
#include "base/num.h"
#include "base/proc.h"
#include "runtime/cli/stats_view.h"
#include "base/ban.h"

enum events_format { EVENTS_JSON, EVENTS_TABLE, EVENTS_FORMAT_N };
static const struct word format_rows[] = {{"json", 0}, {"table", 0}};
WORDS_COMPLETE(format_rows, EVENTS_FORMAT_N);
static const struct word_list format_words = {"format", format_rows, EVENTS_FORMAT_N, ""};

struct events_args {
	bool stats, limits;
	const char *interval;
	struct opt_enum format;
};
#define A struct events_args
/* clang-format off */
static const struct cmd_opt rows[] = {
	O_FLAG(A, stats, "stats", 0, "print what the container uses now, and end"),
	O_FLAG(A, limits, "limits", 0, "also tell when limits of memory, swap and pids are met, at most once a second"),
	O_STR(A, interval, "interval", 0, "TIME", "5s", "time between two prints: 5s, 500ms, 1m30s"),
	O_WORD(A, format, "format", 'f', &format_words, "json", "how to print"),
};
/* clang-format on */

#define INTERVAL_DEFAULT "5s"
#define TABLE_COLS	 (2 + CMD_STATS_COLS)

struct events {
	struct cmd_call *call;
	struct life_watch watch;
	struct cmd_stats_rates rates;
	bool is_table, has_head;
};

int cmd_events_interval(const char *text, const char *init, uint64_t *ret_usec, struct err *e)
{
	if (!text)
		text = init;
	if (num_duration(text, ret_usec) < 0)
		return err_set(e, ERR_INPUT, EINVAL,
			       "option '--interval': \"%.64s\" is not a time such as 5s or 500ms",
			       text);
	if (*ret_usec < 1000)
		return err_set(e, ERR_INPUT, EINVAL,
			       "option '--interval': duration interval must be greater than 0 (at "
			       "least 1ms)");
	return 0;
}

/* One row: the time, the event, and, for stats, the cells. */
static void add_row(struct events *ev, const char *event, const struct cg_stats *s,
		    struct arena *arena)
{
	struct cmd_table t = {.arena = arena, .n_cols = TABLE_COLS, .min_width = 11, .gap = 2};
	const time_t now = time(NULL);
	struct tm tm = {0};
	char clock[16];

	if (!ev->has_head) {
		cmd_table_add(&t, "TIME");
		cmd_table_add(&t, "EVENT");
		cmd_stats_head(&t);
		ev->has_head = true;
	}
	localtime_r(&now, &tm);
	strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	cmd_table_add(&t, clock);
	cmd_table_add(&t, event);
	if (s)
		cmd_stats_cells(&t, &ev->rates, s);
	for (size_t i = 0; !s && i < CMD_STATS_COLS; i++)
		cmd_table_add(&t, "");
	cmd_table_print(&t, ev->call->out);
}

static int print_stats(struct events *ev, struct err *e)
{
	AUTO(arena) a = {0};
	struct cg_stats s;
	int r = cg_stats_read(&ev->watch.cg, &a, &s, e);

	if (r < 0)
		return r;
	cmd_stats_count(&ev->rates, &s, ev->watch.start_ticks);
	if (ev->is_table)
		add_row(ev, "stats", &s, &a);
	else
		cmd_stats_event(ev->call->words[0], &s, ev->call->out);
	return ev->call->flush(ev->call, e);
}

static int print_oom(struct events *ev, struct err *e)
{
	AUTO(arena) a = {0};

	if (ev->is_table)
		add_row(ev, "oom", NULL, &a);
	else
		cmd_stats_oom_event(ev->call->words[0], ev->call->out);
	return ev->call->flush(ev->call, e);
}

static int print_limits(struct events *ev, struct err *e)
{
	const uint64_t *risen = ev->watch.risen;
	AUTO(arena) a = {0};

	for (int i = 0; ev->is_table && i < LIFE_LIMIT_N; i++)
		if (risen[i])
			add_row(ev,
				arena_printf(&a, "%s +%" PRIu64, word_text(&life_words_limit, i),
					     risen[i]),
				NULL, &a);
	if (!ev->is_table)
		cmd_stats_limit_event(ev->call->words[0], &life_words_limit, risen, ev->call->out);
	return ev->call->flush(ev->call, e);
}

static int print_event(struct events *ev, enum life_event what, struct err *e)
{
	switch (what) {
	case LIFE_EVENT_OOM:
		return print_oom(ev, e);
	case LIFE_EVENT_LIMIT:
		return print_limits(ev, e);
	case LIFE_EVENT_TICK:
		return print_stats(ev, e);
	case LIFE_EVENT_END:
		break;
	}
	return 0;
}

/* Until the container has ended, which is no failure, even in the middle of a look. */
static int loop(struct events *ev, uint64_t interval, struct err *e)
{
	uint64_t next = proc_now_usec() + interval;
	enum life_event what;
	int r;

	while ((r = life_watch_wait(&ev->watch, next, &what, e)) == 0 && what != LIFE_EVENT_END) {
		r = print_event(ev, what, e);
		if (r == -ENOENT) {
			err_clear(e);
			return 0;
		}
		if (r < 0)
			return r;
		if (what == LIFE_EVENT_TICK)
			next += interval;
		/* Stopped for a while (SIGSTOP, suspend): not all that was missed at once. */
		if (next < proc_now_usec())
			next = proc_now_usec() + interval;
	}
	return r;
}

static int run(struct cmd_call *call, struct err *e)
{
	const struct events_args *a = call->args;
	struct events ev = {.call = call,
			    .watch = LIFE_WATCH_INIT,
			    .is_table = a->format.has && a->format.v == EVENTS_TABLE};
	uint64_t interval;
	int r = cmd_events_interval(a->interval, INTERVAL_DEFAULT, &interval, e);

	if (r == 0)
		r = life_watch_open(call->host, call->words[0], &ev.watch, e);
	if (r == 0 && a->limits)
		life_watch_limits(&ev.watch);
	if (r == 0)
		r = a->stats ? print_stats(&ev, e) : loop(&ev, interval, e);
	life_watch_done(&ev.watch);
	return r;
}

const struct cmd_verb cmd_events = {
	.name = "events",
	.group = CMD_OBSERVE,
	.word = CMD_WORD_ID,
	.summary = "print what a container uses, and when it runs out of memory",
	.words = "ID",
	.detail =
		"Prints one JSON object a line, in the layout of runc events: each --interval one "
		"of type stats, and one of type oom as soon as the kernel has ended a process of "
		"the container for want of memory. Ends when the container does. What the host "
		"does not count (a missing controller) is left out or 0; no limit is "
		"18446744073709551615; swap is memory and swap together.\n\n"
		"With --limits there are objects of a further type, limit, which runc does not "
		"have: data tells how often since the one before (the first: since the command "
		"began) the kernel met which limit: memory.high (slowed down), memory.max "
		"(reclaimed), memory.oom, memory.oom_kill, memory.oom_group_kill, "
		"memory.swap.high, memory.swap.max, memory.swap.fail, pids.max (a fork was "
		"refused). The first comes at once, further ones together, one a second.",
	.example = "events --stats web",
	.opts = CMD_OPTS(rows),
	.args_size = sizeof(struct events_args),
	.min_words = 1,
	.max_words = 1,
	.run = run,
};
