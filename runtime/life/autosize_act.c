/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/life/autosize_act: from a decision to a changed limit: what a budget allows, who gives
 * what to whom, and the change itself by life_resize(). Called by autosize.c.
 *
 * The sum of all limits is never above the budget: who gives is shrunk before who gets is grown,
 * and what the giver's working set does not let go is not given.
 */
#include "runtime/life/autosize_loop.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/proc.h"
#include "base/ban.h"

#define LIMIT_TEXT 24

int life_autosize_tell(struct autosize *c, const struct autosize_unit *u,
		       const struct autosize_note *n, struct err *e)
{
	struct autosize_note note = *n;

	note.id = u ? u->id : NULL;
	if (u && u->range[n->res].has)
		note.range = &u->range[n->res];
	if (u)
		note.st = &u->state[n->res];
	return c->a->tell(c->a->arg, &note, e);
}

/* ---- one limit ---- */

struct change {
	struct spec_resources res;
	struct spec_memory memory;
	struct spec_cpu cpu;
	struct strpair unified;
	char text[LIMIT_TEXT], before[LIMIT_TEXT];
};

static void print_high(uint64_t high, char text[LIMIT_TEXT])
{
	if (high == AUTOSIZE_NONE)
		snprintf(text, LIMIT_TEXT, "max");
	else
		snprintf(text, LIMIT_TEXT, "%" PRIu64, high);
}

/* Return: what it is to be after us; NULL: this. */
static const char *want_high(const struct autosize_unit *u, uint64_t high, struct change *w)
{
	print_high(high, w->text);
	print_high(u->high_before, w->before);
	w->unified = (struct strpair){(char *)"memory.high", w->text};
	w->res.unified = (struct strmap){&w->unified, 1};
	return high == u->high_before ? NULL : w->before;
}

static const char *want_memory(const struct autosize *c, const struct autosize_unit *u, uint64_t to,
			       struct change *w)
{
	uint64_t swap;

	w->memory.limit = (struct opt_i64){true, (int64_t)to};
	/* The config's swap counts memory too: what there is of swap alone stays. */
	if (cg_read_u64(&u->watch.cg, "memory.swap.max", NULL, &swap) == 0 &&
	    swap <= INT64_MAX - to)
		w->memory.swap = (struct opt_i64){true, (int64_t)(to + swap)};
	w->res.memory = &w->memory;
	return want_high(u, life_autosize_barrier(c->a->policy, &u->range[AUTOSIZE_MEMORY], to), w);
}

static void want_cpu(const struct autosize_unit *u, uint64_t to, struct change *w)
{
	const uint64_t period = u->counts.cpu.period;

	w->cpu.period = (struct opt_u64){true, period};
	w->cpu.quota = (struct opt_i64){true, (int64_t)(to * period / AUTOSIZE_ONE_CPU)};
	w->res.cpu = &w->cpu;
}

int life_autosize_set_high(const struct autosize *c, struct autosize_unit *u, uint64_t to,
			   struct err *e)
{
	struct change w = {0};
	struct life_update_args args = {.id = u->id, .on_top = &w.res};

	args.guard = want_high(u, to, &w);
	int r = life_update(c->h, &args, e);

	if (r == 0)
		u->high = to;
	return r;
}

/* What is in force after a change; what happened until here was our doing. */
static int look_again(struct autosize_unit *u, struct err *e)
{
	int r = life_autosize_look(u, &u->counts, e);

	u->last[AUTOSIZE_MEMORY].limit = u->counts.memory.limit;
	u->last[AUTOSIZE_CPU].limit = u->counts.cpu.limit;
	return r;
}

/* Story. *ret_floor: of a shrink that was refused. */
static int resize(struct autosize *c, struct autosize_unit *u, enum autosize_res res, uint64_t to,
		  uint64_t *ret_floor, struct err *e)
{
	struct change w = {0};
	struct life_resize_args args = {
		.id = u->id, .want = &w.res, .deadline_ms = (int)c->a->policy->check->deadline.v};

	if (res == AUTOSIZE_MEMORY)
		args.guard = want_memory(c, u, to, &w);
	else
		want_cpu(u, to, &w);
	int r = life_resize(c->h, &args, e);

	*ret_floor = args.floor;
	if (r == 0 && res == AUTOSIZE_MEMORY)
		u->high = life_autosize_barrier(c->a->policy, &u->range[res], to);
	return r;
}

/*
 * Changes a limit and says so. *ret_is_done: it was changed. An error is one of telling only: a
 * container that ends meanwhile, or does not let go, is no end of the controller.
 */
static int change(struct autosize *c, struct autosize_unit *u, enum autosize_res res, uint64_t to,
		  const struct autosize_decision *d, const char *for_id, bool *ret_is_done,
		  struct err *e)
{
	struct autosize_note n = {.kind = AUTOSIZE_RESIZE,
				  .res = res,
				  .from = u->last[res].limit,
				  .to = to,
				  .s = &u->last[res],
				  .d = d,
				  .for_id = for_id};
	const uint64_t began = proc_now_usec();
	struct err why = ERR_INIT;
	struct autosize_sample s = u->last[res];
	int r = resize(c, u, res, to, &n.floor, &why);
	const uint64_t now = proc_now_usec();

	n.s = &s;
	n.took_usec = now - began;
	c->is_interrupted = c->is_interrupted || r == -EINTR;
	*ret_is_done = r == 0;
	if (r == 0) {
		life_autosize_changed(&u->state[res], &s, to, now);
		u->said[res] = -1;
	} else {
		life_autosize_refused(c->a->policy, res, &u->state[res], n.floor, now);
		n.kind = n.floor ? AUTOSIZE_REFUSED : AUTOSIZE_FAILED;
		n.text = why.text;
	}
	/* Gone: the end of the container is told by its own fds. */
	struct err gone = ERR_INIT;

	if (look_again(u, &gone) < 0)
		return 0;
	if (r == 0)
		n.to = u->last[res].limit;
	return life_autosize_tell(c, u, &n, e);
}

/* ---- the budget ---- */

/* Units that take part. */
static bool counts(const struct autosize_unit *u, enum autosize_res res)
{
	return !u->has_ended && u->range[res].has;
}

/* What is left of the budget. */
static uint64_t left(const struct autosize *c, enum autosize_res res)
{
	uint64_t free = c->a->budget[res];

	for (size_t i = 0; i < c->n; i++) {
		const uint64_t limit = c->units[i].last[res].limit;
		if (counts(&c->units[i], res))
			free = limit > free ? 0 : free - limit;
	}
	return free;
}

/* A look at one that nothing woke us for: what it needs now, and whether it is calm. Its counts
 * stay, so that its own next look sees the same. */
static void peek(const struct autosize *c, struct autosize_unit *u, enum autosize_res res)
{
	struct autosize_counts now;
	struct autosize_sample s;
	struct autosize_decision d;
	struct err e = ERR_INIT;

	if (life_autosize_look(u, &now, &e) < 0)
		return;
	life_autosize_sample(res, &u->counts, &now, 0, &s);
	const uint64_t floor = u->state[res].floor; /* what is decided here is not done */

	u->last[res] = s;
	life_autosize_decide(c->a->policy, res, &u->range[res], &u->state[res], &s, &d);
	u->state[res].floor = floor;
}

/* What a unit would keep while another one asks for more: all when it needs it, or may. */
static uint64_t wish_of(const struct autosize *c, const struct autosize_unit *u,
			enum autosize_res res, uint64_t now)
{
	const struct autosize_rules *r = life_autosize_rules(c->a->policy, res);
	const struct autosize_state *st = &u->state[res];
	const struct autosize_range *range = &u->range[res];
	uint64_t wish = u->last[res].limit;

	if (wish > range->max)
		wish = range->max;
	/* Before the first look nothing is known: not that it is calm. */
	if (st->calm_since && now - st->calm_since >= (uint64_t)r->step.v * 1000) {
		const uint64_t goal =
			life_autosize_goal(c->a->policy, res, range, life_autosize_peak(st));
		wish = goal < wish ? goal : wish;
	}
	return wish < range->min ? range->min : wish;
}

/* The claims of all that take part, u with this wish. Return: how many; *ret_at: u's. */
static size_t claim(const struct autosize *c, const struct autosize_unit *u, enum autosize_res res,
		    uint64_t wish, struct autosize_claim *v, size_t *ret_at)
{
	const uint64_t now = proc_now_usec();
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++) {
		const struct autosize_unit *o = &c->units[i];
		if (!counts(o, res))
			continue;
		if (o == u)
			*ret_at = n;
		v[n++] = (struct autosize_claim){.min = o->range[res].min,
						 .wish = o == u ? wish : wish_of(c, o, res, now),
						 .weight = o->weight};
	}
	return n;
}

/* Shrinks those that have more than they are granted, as far as u asks for it, which gains so
 * much. */
static int take(struct autosize *c, const struct autosize_unit *u, enum autosize_res res,
		const struct autosize_claim *v, uint64_t gain, struct err *e)
{
	const struct autosize_rules *rules = life_autosize_rules(c->a->policy, res);
	const struct autosize_decision d = {.verdict = AUTOSIZE_SHRINK, .why = AUTOSIZE_WHY_BUDGET};
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->n; i++) {
		struct autosize_unit *o = &c->units[i];
		const uint64_t limit = o->last[res].limit;
		bool is_done;
		if (!counts(o, res))
			continue;
		const uint64_t grant = v[n++].grant;
		/* Refused a moment ago: it is not asked at every wake-up of another. */
		const bool is_stubborn =
			o->state[res].floor > grant &&
			proc_now_usec() - o->state[res].calm_since < (uint64_t)rules->step.v * 1000;
		if (o == u || grant >= limit || is_stubborn ||
		    !life_autosize_is_worth(rules, limit, limit - grant, u->last[res].limit, gain))
			continue;
		r = change(c, o, res, grant, &d, u->id, &is_done, e);
	}
	return r;
}

/* What u may grow to. */
static int ask(struct autosize *c, struct autosize_unit *u, enum autosize_res res, uint64_t to,
	       uint64_t *ret, struct err *e)
{
	const uint64_t limit = u->last[res].limit;
	struct autosize_claim *v;
	size_t at = 0;
	int r = 0;

	*ret = to;
	if (c->a->budget[res] == AUTOSIZE_NONE || to - limit <= left(c, res))
		return 0;
	for (size_t i = 0; i < c->n; i++)
		if (&c->units[i] != u && counts(&c->units[i], res))
			peek(c, &c->units[i], res);
	v = mem_alloc(c->n * sizeof(*v));
	if (life_autosize_share(c->a->budget[res], v, claim(c, u, res, to, v, &at))) {
		if (v[at].grant > limit)
			r = take(c, u, res, v, v[at].grant - limit, e);
		if (v[at].grant < to)
			to = v[at].grant;
	}
	free(v);
	const uint64_t free_now = left(c, res);

	if (to > limit && to - limit > free_now)
		to = limit + free_now;
	*ret = to > limit ? to : limit;
	return r;
}

/* Pressed, and nothing to be done: once, until something changes. */
static int stay(struct autosize *c, struct autosize_unit *u, enum autosize_res res,
		const struct autosize_decision *d, enum autosize_why why, struct err *e)
{
	struct autosize_note n = {
		.kind = AUTOSIZE_STAYS, .res = res, .from = d->to, .to = d->to, .s = &u->last[res]};
	struct autosize_decision told = *d;

	if (u->said[res] == (int)why)
		return 0;
	u->said[res] = (int)why;
	told.why = why;
	n.d = &told;
	return life_autosize_tell(c, u, &n, e);
}

int life_autosize_act(struct autosize *c, struct autosize_unit *u, enum autosize_res res,
		      const struct autosize_decision *d, bool *ret_is_done, struct err *e)
{
	const uint64_t limit = u->last[res].limit;
	uint64_t to = d->to;
	int r = 0;

	*ret_is_done = false;
	if (d->verdict == AUTOSIZE_STAY) {
		if (d->is_pressed && d->why == AUTOSIZE_WHY_TOP)
			return stay(c, u, res, d, d->why, e);
		return 0;
	}
	if (d->verdict == AUTOSIZE_GROW) {
		r = ask(c, u, res, d->to, &to, e);
		/* Less than 1 % is not worth a change. */
		if (r == 0 && to - limit < limit / 100 + 1) {
			struct autosize_decision no = *d;
			no.to = limit;
			return stay(c, u, res, &no, AUTOSIZE_WHY_BUDGET, e);
		}
	}
	return r < 0 ? r : change(c, u, res, to, d, NULL, ret_is_done, e);
}

/* ---- the beginning ---- */

int life_autosize_enter(struct autosize *c, enum autosize_res res, struct err *e)
{
	AUTO_FREE struct autosize_claim *v = mem_alloc((c->n + 1) * sizeof(*v));
	const struct autosize_decision shrink = {.verdict = AUTOSIZE_SHRINK,
						 .why = AUTOSIZE_WHY_ENTER};
	const struct autosize_decision grow = {.verdict = AUTOSIZE_GROW, .why = AUTOSIZE_WHY_ENTER};
	size_t n = 0, at = 0;
	bool is_done;
	int r = 0;

	n = claim(c, NULL, res, 0, v, &at);
	if (!life_autosize_share(c->a->budget[res], v, n))
		return 0; /* checked before: the minimums fit */
	for (int pass = 0; pass < 2; pass++) {
		n = 0;
		for (size_t i = 0; r == 0 && i < c->n; i++) {
			struct autosize_unit *u = &c->units[i];
			if (!counts(u, res))
				continue;
			const uint64_t limit = u->last[res].limit, grant = v[n++].grant;
			if (pass == 0 && grant < limit)
				r = change(c, u, res, grant, &shrink, NULL, &is_done, e);
			else if (pass == 1 && grant > limit && grant - limit <= left(c, res))
				r = change(c, u, res, grant, &grow, NULL, &is_done, e);
		}
	}
	return r;
}
