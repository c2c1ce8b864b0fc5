/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/life/autosize_policy: what autosize decides. Pure: no system call, no clock; time and
 * samples are inputs, so that tests can run through hours. It must not know how a limit is changed.
 * Called by autosize.c and autosize_act.c.
 *
 * The law: a limit grows at once, by much, when the container is pressed; it shrinks after a time
 * of calm, in steps, towards what was needed in that time and some headroom. A shrink that was
 * followed by pressure, or refused, doubles the time of calm that the next one takes (up to
 * calmMaxMs); one that was not halves it again.
 */
#include "runtime/life/internal.h"

#include "base/ban.h"

#define MIB UINT64_C(1048576)
/* What a memory limit and a CPU limit are rounded up to. */
#define CPU_STEP (AUTOSIZE_ONE_CPU / 100)
/* Times calmMaxMs without a wrong shrink: half the calm will do again. */
#define TRUST_AFTER 4
#define PERCENT	    100 /* pressures are in hundredths of a percent */

const struct autosize_rules *life_autosize_rules(const struct autosize_policy *p,
						 enum autosize_res res)
{
	return res == AUTOSIZE_MEMORY ? p->memory : p->cpu;
}

/* v * n / 100 without overflow. */
static uint64_t percent(uint64_t v, uint64_t n)
{
	return v / 100 * n + v % 100 * n / 100;
}

static uint64_t ms(struct opt_u32 v)
{
	return (uint64_t)v.v * 1000;
}

static uint64_t clamp(uint64_t v, const struct autosize_range *range)
{
	return v < range->min ? range->min : v > range->max ? range->max : v;
}

static uint64_t round_up(enum autosize_res res, uint64_t v)
{
	const uint64_t step = res == AUTOSIZE_MEMORY ? MIB : CPU_STEP;

	return (v + step - 1) / step * step;
}

uint64_t life_autosize_goal(const struct autosize_policy *p, enum autosize_res res,
			    const struct autosize_range *range, uint64_t need)
{
	const struct autosize_rules *r = life_autosize_rules(p, res);
	uint64_t goal = need + percent(need, r->headroom.v);

	/* The headroom is what is free below the barrier. */
	if (res == AUTOSIZE_MEMORY)
		goal = goal * 100 / (100 - r->guard.v);
	return clamp(round_up(res, goal), range);
}

uint64_t life_autosize_barrier(const struct autosize_policy *p, const struct autosize_range *range,
			       uint64_t limit)
{
	/* At the top nobody could raise it: there the container has what any other has. */
	if (!p->memory->guard.v || limit >= range->max)
		return AUTOSIZE_NONE;
	return (limit - percent(limit, p->memory->guard.v)) & ~(uint64_t)4095;
}

/* ---- pressed, calm, or neither ---- */

/* So full of what cannot be taken back that events at the limit mean want, not a warm cache: clean
 * file pages fill every limit, and are dropped at no cost. */
static bool is_tight(const struct autosize_policy *p, const struct autosize_sample *s)
{
	const uint64_t barrier = s->limit - percent(s->limit, p->memory->guard.v);

	return s->need >= barrier - percent(barrier, 10);
}

static bool is_pressed(const struct autosize_policy *p, enum autosize_res res,
		       const struct autosize_sample *s, enum autosize_why *why)
{
	const bool is_high = s->pressure >= life_autosize_rules(p, res)->pressure.v * PERCENT;

	if (res == AUTOSIZE_CPU) {
		/* One period may be cut short by a burst; and what waits for a CPU that others have
		   is not helped by a larger quota: the share of throttled periods decides. */
		*why = AUTOSIZE_WHY_PRESSURE;
		return is_high && s->events >= 2;
	}
	*why = s->ooms ? AUTOSIZE_WHY_OOM : is_high ? AUTOSIZE_WHY_PRESSURE : AUTOSIZE_WHY_EVENTS;
	if (s->ooms || (s->events && is_tight(p, s)))
		return true;
	/* Far from its limit it waits for memory that the host has not. */
	return is_high && s->used >= s->limit - percent(s->limit, 10 + p->memory->guard.v);
}

static bool is_calm(const struct autosize_policy *p, enum autosize_res res,
		    const struct autosize_sample *s)
{
	if (s->ooms || s->pressure > life_autosize_rules(p, res)->quiet.v * PERCENT)
		return false;
	return res == AUTOSIZE_CPU || !s->events || !is_tight(p, s);
}

/* ---- the memory of what went wrong ---- */

static uint64_t calm_of(const struct autosize_rules *r, const struct autosize_state *st)
{
	return st->calm_usec ? st->calm_usec : ms(r->calm);
}

static void back_off(const struct autosize_rules *r, struct autosize_state *st, uint64_t now)
{
	const uint64_t longer = calm_of(r, st) * 2;

	st->calm_usec = longer > ms(r->calm_max) ? ms(r->calm_max) : longer;
	st->wrong_at = now;
}

/* Pressed: was it our last shrink? What came back sooner than a few times the calm that led to it
 * was not worth it. */
static void regret(const struct autosize_rules *r, struct autosize_state *st, uint64_t now)
{
	if (!st->shrunk_at || st->has_regretted ||
	    now - st->shrunk_at > ms(r->regret) + 2 * calm_of(r, st))
		return;
	st->has_regretted = true;
	back_off(r, st, now);
}

/* Trust grows again, but slowly: a load that swings would be followed each time it is lost. */
static void forgive(const struct autosize_rules *r, struct autosize_state *st, uint64_t now)
{
	if (!st->calm_usec || now - st->wrong_at <= TRUST_AFTER * ms(r->calm_max))
		return;
	st->calm_usec /= 2;
	st->wrong_at = now;
	if (st->calm_usec <= ms(r->calm))
		st->calm_usec = 0;
}

/* ---- the largest need ---- */

uint64_t life_autosize_peak(const struct autosize_state *st)
{
	return st->peak > st->peak_before ? st->peak : st->peak_before;
}

static void forget_peaks(struct autosize_state *st, const struct autosize_sample *s)
{
	st->peak = s->need;
	st->peak_before = 0;
	st->peak_since = s->now;
}

/* Two stretches as long as calm has to be: what was needed in that time is in one of them, what was
 * needed long ago in none. */
static void note_peak(const struct autosize_rules *r, struct autosize_state *st,
		      const struct autosize_sample *s)
{
	if (!st->peak_since || s->now - st->peak_since >= calm_of(r, st)) {
		st->peak_before = st->peak_since ? st->peak : 0;
		st->peak_since = s->now;
		st->peak = s->need;
	}
	if (s->need > st->peak)
		st->peak = s->need;
}

/* ---- the decision ---- */

static void decide_pressed(const struct autosize_rules *r, enum autosize_res res,
			   const struct autosize_range *range, struct autosize_state *st,
			   const struct autosize_sample *s, struct autosize_decision *d)
{
	d->is_pressed = true;
	regret(r, st, s->now);
	st->calm_since = s->now;
	forget_peaks(st, s);
	if (s->limit >= range->max) {
		d->why = AUTOSIZE_WHY_TOP;
		return;
	}
	if (st->grown_at && s->now - st->grown_at < ms(r->cooldown)) {
		d->why = AUTOSIZE_WHY_COOLDOWN;
		d->wait_usec = st->grown_at + ms(r->cooldown) - s->now;
		return;
	}
	uint64_t to = round_up(res, s->limit + percent(s->limit, r->grow.v));

	if (d->goal > to)
		to = d->goal;
	d->verdict = AUTOSIZE_GROW;
	d->to = clamp(to, range);
}

static void decide_calm(const struct autosize_policy *p, enum autosize_res res,
			const struct autosize_range *range, struct autosize_state *st,
			const struct autosize_sample *s, struct autosize_decision *d)
{
	const struct autosize_rules *r = life_autosize_rules(p, res);
	const uint64_t least = percent(s->limit, r->min_change.v);
	const uint64_t calm = calm_of(r, st);
	uint64_t since = st->calm_since + calm;

	forgive(r, st, s->now);
	/* min_change is the hysteresis: what a shrink would gain must be worth it. */
	if (s->limit <= range->min || d->goal + least > s->limit) {
		d->why = AUTOSIZE_WHY_FITS;
		/* A peak that is about to be forgotten. */
		if (s->limit > range->min &&
		    life_autosize_goal(p, res, range, s->need) + least <= s->limit)
			d->wait_usec = st->peak_since + calm - s->now;
		return;
	}
	if (st->shrunk_at && st->shrunk_at + ms(r->step) > since)
		since = st->shrunk_at + ms(r->step);
	if (s->now < since) {
		d->why = AUTOSIZE_WHY_CALM;
		d->wait_usec = since - s->now;
		return;
	}
	uint64_t to = round_up(res, s->limit - percent(s->limit, r->shrink.v));

	if (d->goal > to)
		to = d->goal;
	if (st->floor && st->floor > to)
		to = clamp(round_up(res, st->floor), range);
	st->floor = 0; /* it is asked again the next time */
	if (to + least > s->limit) {
		d->why = AUTOSIZE_WHY_FITS;
		st->calm_since = s->now;
		return;
	}
	d->verdict = AUTOSIZE_SHRINK;
	d->why = AUTOSIZE_WHY_SHRINK;
	d->to = clamp(to, range);
}

void life_autosize_decide(const struct autosize_policy *p, enum autosize_res res,
			  const struct autosize_range *range, struct autosize_state *st,
			  const struct autosize_sample *s, struct autosize_decision *ret)
{
	const struct autosize_rules *r = life_autosize_rules(p, res);
	struct autosize_decision d = {.to = s->limit};

	if (!st->calm_since) /* the first look: what came before is not known */
		st->calm_since = s->now;
	note_peak(r, st, s);
	d.goal = life_autosize_goal(p, res, range, life_autosize_peak(st));
	if (s->limit < range->min || s->limit > range->max) {
		d.verdict = s->limit < range->min ? AUTOSIZE_GROW : AUTOSIZE_SHRINK;
		d.why = AUTOSIZE_WHY_ENTER;
		d.to = clamp(s->limit, range);
		/* Refused before: not at every look. */
		if (d.verdict == AUTOSIZE_SHRINK && st->calm_usec &&
		    s->now - st->calm_since < st->calm_usec) {
			d.verdict = AUTOSIZE_STAY;
			d.wait_usec = st->calm_since + st->calm_usec - s->now;
			d.to = s->limit;
		}
	} else if (is_pressed(p, res, s, &d.why)) {
		decide_pressed(r, res, range, st, s, &d);
	} else if (!is_calm(p, res, s)) {
		st->calm_since = s->now;
		d.why = AUTOSIZE_WHY_UNQUIET;
		d.wait_usec = calm_of(r, st);
	} else {
		decide_calm(p, res, range, st, s, &d);
	}
	*ret = d;
}

void life_autosize_changed(struct autosize_state *st, const struct autosize_sample *s, uint64_t to,
			   uint64_t now)
{
	if (to > s->limit) {
		st->grown_at = now;
		st->calm_since = now;
		return;
	}
	/* The calm goes on. */
	st->shrunk_at = now;
	st->has_regretted = false;
}

void life_autosize_refused(const struct autosize_policy *p, enum autosize_res res,
			   struct autosize_state *st, uint64_t floor, uint64_t now)
{
	back_off(life_autosize_rules(p, res), st, now);
	st->calm_since = now;
	st->floor = floor;
}

/* ---- the budget ---- */

bool life_autosize_is_worth(const struct autosize_rules *r, uint64_t giver, uint64_t give,
			    uint64_t getter, uint64_t gain)
{
	return give >= percent(giver, r->min_change.v) || gain >= percent(getter, r->min_change.v);
}

/* The sum of what everybody has at this level (in 1/1024 of a unit for each weight). */
static unsigned __int128 fill(struct autosize_claim *v, size_t n, uint64_t level)
{
	unsigned __int128 sum = 0;

	for (size_t i = 0; i < n; i++) {
		const unsigned __int128 share = (unsigned __int128)level * v[i].weight / 1024;

		v[i].grant = share < v[i].min	 ? v[i].min
			     : share > v[i].wish ? v[i].wish
						 : (uint64_t)share;
		sum += v[i].grant;
	}
	return sum;
}

bool life_autosize_share(uint64_t budget, struct autosize_claim *v, size_t n)
{
	/* The highest level whose sum fits, by bisection; at 2^63 all have their wish. */
	uint64_t low = 0, high = UINT64_C(1) << 63;

	if (fill(v, n, 0) > budget)
		return false;
	if (fill(v, n, high) <= budget)
		return true;
	while (high - low > 1) {
		const uint64_t mid = low + (high - low) / 2;

		if (fill(v, n, mid) <= budget)
			low = mid;
		else
			high = mid;
	}
	(void)fill(v, n, low);
	return true;
}
