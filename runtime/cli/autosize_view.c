/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/cli/autosize_view: the lines of autosize: each decision with the numbers behind it, for
 * people and as JSON. It decides nothing. Called by cmd_autosize.c.
 */
#include "runtime/cli/autosize_view.h"

#include <inttypes.h>
#include <stdio.h>
#include "base/json.h"
#include "base/num.h"
#include "runtime/cli/out.h"
#include "base/ban.h"

#define TEXT_MAX AUTOSIZE_TEXT_MAX

/* ---- text ---- */

static void add_amount(enum autosize_res res, uint64_t v, struct buf *out)
{
	char text[TEXT_MAX];

	buf_adds(out, life_autosize_amount(res, v, text));
}

/* "1m30s", "12s", "0.3s" */
static void add_time(uint64_t usec, struct buf *out)
{
	const uint64_t s = usec / 1000000;

	if (s >= 60)
		buf_printf(out, "%" PRIu64 "m%02" PRIu64 "s", s / 60, s % 60);
	else if (s >= 10)
		buf_printf(out, "%" PRIu64 "s", s);
	else
		buf_printf(out, "%" PRIu64 ".%" PRIu64 "s", s, usec / 100000 % 10);
}

/* (used 121.3M, need 118.2M, 3 events, pressure 14.2%) */
static void add_numbers(const struct autosize_note *n, struct buf *out)
{
	const struct autosize_sample *s = n->s;

	if (!s)
		return;
	buf_adds(out, " (used ");
	add_amount(n->res, s->used, out);
	if (n->res == AUTOSIZE_MEMORY) {
		buf_adds(out, ", need ");
		add_amount(n->res, s->need, out);
		buf_printf(out, ", %" PRIu64 " events, ", s->events);
		if (s->has_pressure)
			buf_printf(out, "pressure %u.%u%%", s->pressure / 100,
				   s->pressure / 10 % 10);
		else
			buf_adds(out, "pressure unknown");
		if (s->ooms)
			buf_printf(out, ", %" PRIu64 " out of memory", s->ooms);
	} else {
		buf_printf(out,
			   ", throttled in %" PRIu64 " of %" PRIu64 " periods, pressure %u.%u%%",
			   s->events, s->periods, s->pressure / 100, s->pressure / 10 % 10);
	}
	if (n->took_usec)
		buf_printf(out, ", took %" PRIu64 ".%" PRIu64 " ms", n->took_usec / 1000,
			   n->took_usec / 100 % 10);
	buf_addc(out, ')');
}

static void add_range(const struct autosize_note *n, struct buf *out)
{
	if (!n->range)
		return;
	add_amount(n->res, n->range->min, out);
	buf_adds(out, "..");
	add_amount(n->res, n->range->max, out);
}

static const char *why_of(const struct autosize_note *n)
{
	return n->d ? word_text(&life_autosize_words_why, (int)n->d->why) : "";
}

static void add_explained(const struct autosize_note *n, struct buf *out)
{
	const struct autosize_decision *d = n->d;

	buf_adds(out, " in ");
	add_range(n, out);
	buf_adds(out, ": ");
	if (d->verdict == AUTOSIZE_STAY)
		buf_adds(out, "would stay");
	else
		buf_adds(out, d->verdict == AUTOSIZE_GROW ? "would grow to " : "would shrink to ");
	if (d->verdict != AUTOSIZE_STAY)
		add_amount(n->res, d->to, out);
	buf_printf(out, ": %s", why_of(n));
	if (d->why == AUTOSIZE_WHY_CALM) {
		buf_adds(out, "; after ");
		add_time(d->wait_usec, out);
		buf_adds(out, " of calm it would shrink towards ");
		add_amount(n->res, d->goal, out);
	}
	add_numbers(n, out);
}

static void add_change(const struct autosize_note *n, struct buf *out)
{
	buf_addc(out, ' ');
	add_amount(n->res, n->from, out);
	buf_adds(out, " -> ");
	add_amount(n->res, n->to, out);
}

static void add_floor(const struct autosize_note *n, struct buf *out)
{
	if (!n->floor)
		return;
	buf_adds(out, "; not below ");
	add_amount(n->res, n->floor, out);
}

static void add_text(const struct autosize_note *n, struct buf *out)
{
	switch (n->kind) {
	case AUTOSIZE_BEGIN:
		buf_addc(out, ' ');
		add_amount(n->res, n->from, out);
		buf_adds(out, ": watched, range ");
		add_range(n, out);
		break;
	case AUTOSIZE_RESIZE:
		add_change(n, out);
		buf_printf(out, ": %s", why_of(n));
		if (n->for_id)
			buf_printf(out, " for %s", n->for_id);
		add_numbers(n, out);
		break;
	case AUTOSIZE_REFUSED:
	case AUTOSIZE_FAILED:
		add_change(n, out);
		buf_printf(out, ": %s: %s", n->kind == AUTOSIZE_REFUSED ? "refused" : "failed",
			   n->text);
		add_floor(n, out);
		add_numbers(n, out);
		break;
	case AUTOSIZE_STAYS:
		buf_addc(out, ' ');
		add_amount(n->res, n->from, out);
		buf_printf(out, ": pressed, stays: %s", why_of(n));
		add_numbers(n, out);
		break;
	case AUTOSIZE_BY_HAND:
		add_change(n, out);
		buf_adds(out, ": changed by somebody else, goes on from there");
		break;
	case AUTOSIZE_EXPLAIN:
		buf_addc(out, ' ');
		add_amount(n->res, n->from, out);
		add_explained(n, out);
		break;
	case AUTOSIZE_END:
	case AUTOSIZE_WARN:
		buf_printf(out, ": %s", n->text);
		break;
	case AUTOSIZE_NOTE_N:
		break;
	}
}

/* ---- JSON ---- */

static void add_member(const char *name, enum autosize_res res, uint64_t v, struct buf *out)
{
	if (v == AUTOSIZE_NONE)
		buf_printf(out, ",\"%s\":null", name);
	else if (res == AUTOSIZE_MEMORY)
		buf_printf(out, ",\"%s\":%" PRIu64, name, v);
	else
		buf_printf(out, ",\"%s\":%" PRIu64 ".%06" PRIu64, name, v / AUTOSIZE_ONE_CPU,
			   v % AUTOSIZE_ONE_CPU);
}

static void add_string(const char *name, const char *v, struct buf *out)
{
	buf_printf(out, ",\"%s\":", name);
	json_print_string(v, out);
}

static void add_sample(const struct autosize_note *n, struct buf *out)
{
	const struct autosize_sample *s = n->s;

	add_member("used", n->res, s->used, out);
	add_member("need", n->res, s->need, out);
	if (s->has_pressure)
		buf_printf(out, ",\"pressure\":%u.%02u", s->pressure / 100, s->pressure % 100);
	else
		buf_adds(out, ",\"pressure\":null");
	buf_printf(out, ",\"events\":%" PRIu64, s->events);
	if (n->res == AUTOSIZE_CPU)
		buf_printf(out, ",\"periods\":%" PRIu64, s->periods);
	else
		buf_printf(out, ",\"outOfMemory\":%" PRIu64, s->ooms);
}

static bool has_limits(const struct autosize_note *n)
{
	return n->kind != AUTOSIZE_END && n->kind != AUTOSIZE_WARN;
}

static void add_json(const struct autosize_note *n, struct buf *out)
{
	static const char *const verdicts[] = {"stay", "grow", "shrink"};

	add_string("event", word_text(&life_autosize_words_note, (int)n->kind), out);
	if (n->id)
		add_string("id", n->id, out);
	if (n->id && n->kind != AUTOSIZE_END)
		add_string("resource", word_text(&life_autosize_words_res, (int)n->res), out);
	if (has_limits(n)) {
		add_member("from", n->res, n->from, out);
		add_member("to", n->res, n->kind == AUTOSIZE_EXPLAIN ? n->d->to : n->to, out);
	}
	if (n->d)
		add_string("reason", why_of(n), out);
	if (n->kind == AUTOSIZE_EXPLAIN) {
		add_string("would", verdicts[n->d->verdict], out);
		add_member("goal", n->res, n->d->goal, out);
		buf_printf(out, ",\"waitMs\":%" PRIu64, n->d->wait_usec / 1000);
	}
	if (n->for_id)
		add_string("for", n->for_id, out);
	if (n->text)
		add_string("text", n->text, out);
	if (n->floor)
		add_member("floor", n->res, n->floor, out);
	if (n->range && has_limits(n)) {
		add_member("min", n->res, n->range->min, out);
		add_member("max", n->res, n->range->max, out);
	}
	if (n->s)
		add_sample(n, out);
	if (n->took_usec)
		buf_printf(out, ",\"tookUsec\":%" PRIu64, n->took_usec);
}

void cmd_autosize_line(const struct autosize_note *n, bool is_json, struct buf *out)
{
	char clock[40];

	num_now_rfc3339(clock);
	if (is_json) {
		buf_adds(out, "{\"time\":");
		json_print_string(clock, out);
		add_json(n, out);
		buf_adds(out, "}\n");
		return;
	}
	/* Milliseconds are enough for people: 2026-11-26T07:00:00.123Z */
	if (n->kind != AUTOSIZE_EXPLAIN)
		buf_printf(out, "%.23sZ ", clock);
	buf_adds(out, n->id ? n->id : "autosize");
	if (n->id && n->kind != AUTOSIZE_END)
		buf_printf(out, " %s", word_text(&life_autosize_words_res, (int)n->res));
	add_text(n, out);
	buf_addc(out, '\n');
}

/* ---- the policy ---- */

/* clang-format off */
static const struct number {
	const char *name, *unit, *help;
	size_t offset;
} numbers[] = {
#define N(m, name, unit, help) {name, unit, help, offsetof(struct autosize_rules, m)}
	N(pressure, "pressure", "%", "stalled (memory) or throttled (cpu) so much: pressed"),
	N(quiet, "quiet", "%", "stalled or throttled at most so much: calm"),
	N(grow, "grow", "%", "a pressed container's limit grows by at least so much"),
	N(headroom, "headroom", "%", "what a limit is to have above the need"),
	N(shrink, "shrink", "%", "a calm one's limit shrinks by at most so much at a time"),
	N(min_change, "minChange", "%", "a smaller shrink is not worth it"),
	N(guard, "guard", "%", "memory.high is so much below memory.max, but at the top"),
	N(cooldown, "cooldownMs", "ms", "between two growths"),
	N(calm, "calmMs", "ms", "of calm before the first shrink; doubled by each that was wrong"),
	N(calm_max, "calmMaxMs", "ms", "what calmMs may double to"),
	N(step, "stepMs", "ms", "between two shrinks"),
	N(regret, "regretMs", "ms", "pressure so soon, and twice the calm, after a shrink: it was wrong"),
#undef N
};
/* clang-format on */

static uint32_t number_of(const struct autosize_rules *r, size_t offset)
{
	return ((const struct opt_u32 *)(const void *)((const char *)r + offset))->v;
}

void cmd_autosize_policy(const struct autosize_policy *p, bool is_json, struct buf *out)
{
	const struct autosize_check *k = p->check;

	if (is_json) {
		buf_adds(out, "{\"policy\":");
		json_print(&life_autosize_table, p, 0, out);
		buf_adds(out, "}\n");
		return;
	}
	buf_printf(out, "%-12s %8s %8s\n", "policy", "memory", "cpu");
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		const struct number *v = &numbers[i];
		const bool has_cpu = v->offset != offsetof(struct autosize_rules, guard);

		buf_printf(out, "%-12s %8" PRIu32, v->name, number_of(p->memory, v->offset));
		if (has_cpu)
			buf_printf(out, " %8" PRIu32, number_of(p->cpu, v->offset));
		else
			buf_printf(out, " %8s", "-");
		buf_printf(out, " %-2s  %s\n", v->unit, v->help);
	}
	buf_printf(out,
		   "check: a pressure window of %" PRIu32 " ms; a look after %" PRIu32
		   " ms of nothing, doubling to %" PRIu32
		   " ms; taking memory back lasts at most %" PRIu32 " ms\n",
		   k->window.v, k->first.v, k->most.v, k->deadline.v);
}
