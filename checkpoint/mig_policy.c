/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint/mig_policy: see mig_policy.h. Called by mig_source.c. */
#include "checkpoint/mig_policy.h"

#include "checkpoint/mig_hash.h"
#include "base/ban.h"

#define DOWNTIME_USEC  100000
#define ITERATIONS     30
#define BYTES_TIMES    3
#define STALL_ROUNDS   2  /* in a row */
#define FLOOR_PART     10 /* of the pause that is to come */
#define STALL_PCT      90 /* of the round before: less is progress */
#define THROTTLE_FIRST 20
#define THROTTLE_STEP  10
#define THROTTLE_MOST  90
#define FORCE_TIMES    5       /* of the target */
#define FORCE_USEC     1000000 /* nobody minds less */
#define WAIT_USEC      50000
#define NEW_PART       2 /* a new value counts one half */
#define USEC	       1000000u

void mig_policy_begin(struct mig_policy *p, const struct mig_policy_args *args)
{
	*p = (struct mig_policy){.args = *args};
	if (!p->args.max_downtime_usec)
		p->args.max_downtime_usec = DOWNTIME_USEC;
	if (!p->args.max_iterations)
		p->args.max_iterations = ITERATIONS;
}

/* a * b / c without overflow; what is too large is UINT64_MAX. */
static uint64_t scale(uint64_t a, uint64_t b, uint64_t c)
{
	unsigned __int128 v = (unsigned __int128)a * b / (c ? c : 1);

	return v > UINT64_MAX ? UINT64_MAX : (uint64_t)v;
}

static uint64_t add(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static void average(uint64_t *to, uint64_t v)
{
	*to = *to ? *to - *to / NEW_PART + v / NEW_PART : v;
}

/* A round that sent next to nothing says nothing of the line. */
static void learn(struct mig_policy *p, const struct mig_policy_round *r)
{
	uint64_t line_usec = r->usec > r->scan_usec ? r->usec - r->scan_usec : 0;

	if (r->bytes >= 64 * MIG_PAGE || !p->bandwidth)
		average(&p->bandwidth,
			r->bytes ? scale(r->bytes, USEC, line_usec > 1 ? line_usec : 1) : 0);
	if (p->args.bandwidth && p->bandwidth > p->args.bandwidth)
		p->bandwidth = p->args.bandwidth;
	/* What was dirty was written since the round before began. */
	if (p->n > 1)
		average(&p->dirty_rate,
			scale(scale(r->dirty_pages, MIG_PAGE, 1), USEC, p->last_usec));
}

/* What will be dirty when this round is over: as much as was found dirty at it, which was written
 * while the round before went, and more when this one took longer. A shorter one does not count:
 * who writes again and again into the same pages is as fast as he seems only in a short time. */
static uint64_t left_of(const struct mig_policy *p, const struct mig_policy_round *r)
{
	uint64_t dirty = scale(r->dirty_pages, MIG_PAGE, 1), most = scale(r->pages, MIG_PAGE, 1);

	if (r->usec > p->last_usec)
		dirty = scale(dirty, r->usec, p->last_usec);
	return dirty < most ? dirty : most;
}

static uint64_t predict(const struct mig_policy *p, const struct mig_policy_round *r, uint64_t left)
{
	uint64_t bytes = add(left, r->fs_left_bytes), usec;

	if (p->n < 2)
		return UINT64_MAX;
	if (bytes && !p->bandwidth)
		return UINT64_MAX;
	usec = bytes ? scale(bytes, USEC, p->bandwidth) : 0;
	return add(add(usec, r->scan_usec), add(r->fixed_usec, add(r->rtt_usec, r->rtt_usec)));
}

static void stop(struct mig_policy_answer *a, enum mig_policy_what what, const char *reason)
{
	a->what = what;
	a->reason = reason;
}

/* What is left is so little that it is no part of the pause that counts. */
static bool is_floor(const struct mig_policy *p, const struct mig_policy_answer *a,
		     const struct mig_policy_round *r)
{
	uint64_t bytes = add(a->left_bytes, r->fs_left_bytes);

	return a->downtime_usec != UINT64_MAX &&
	       (!bytes ||
		scale(scale(bytes, USEC, p->bandwidth), FLOOR_PART, 1) <= a->downtime_usec);
}

/* The end is near or the rounds do not help: what on_stall says. */
static void stall(struct mig_policy *p, struct mig_policy_answer *a, const char *reason,
		  bool may_go_on)
{
	uint64_t limit = scale(p->args.max_downtime_usec, FORCE_TIMES, 1);

	limit = limit < FORCE_USEC ? FORCE_USEC : limit;
	enum mig_stall how = p->args.on_stall;

	if (may_go_on && (how == MIG_STALL_AUTO || how == MIG_STALL_THROTTLE) &&
	    p->throttle_pct < THROTTLE_MOST) {
		p->throttle_pct += p->throttle_pct ? THROTTLE_STEP : THROTTLE_FIRST;
		/* The next rounds show whether it helps. */
		p->stalled = 0;
		p->bytes = 0;
		a->throttle_pct = p->throttle_pct;
		stop(a, MIG_POLICY_THROTTLE, reason);
		return;
	}
	if (how == MIG_STALL_FORCE || (how == MIG_STALL_AUTO && a->downtime_usec <= limit))
		stop(a, MIG_POLICY_FORCE, reason);
	else
		stop(a, MIG_POLICY_ABORT, reason);
}

struct mig_policy_answer mig_policy_next(struct mig_policy *p, const struct mig_policy_round *r)
{
	struct mig_policy_answer a = {.what = MIG_POLICY_CONTINUE, .reason = "another round"};
	uint64_t left, most;

	p->n++;
	p->bytes = add(p->bytes, r->bytes);
	if (p->n == 1)
		p->first_pages = r->pages;
	learn(p, r);
	left = left_of(p, r);
	a.left_bytes = left;
	a.bandwidth = p->bandwidth;
	a.dirty_rate = p->dirty_rate;
	a.throttle_pct = p->throttle_pct;
	a.downtime_usec = predict(p, r, left);
	/* The first has nothing before it, and so has the second's rate. */
	if (p->n > 2 && scale(left, 100, STALL_PCT) > p->last_left)
		p->stalled++;
	else
		p->stalled = 0;
	p->last_left = left;
	p->last_usec = r->usec;
	most = p->args.max_bytes ? p->args.max_bytes
				 : scale(p->first_pages, MIG_PAGE * BYTES_TIMES, 1);
	if (a.downtime_usec <= p->args.max_downtime_usec)
		stop(&a, MIG_POLICY_GO, "the pause will be short enough");
	else if (p->n >= p->args.max_iterations)
		stall(p, &a, "the last round that is allowed has been", false);
	else if (p->n > 1 && p->bytes >= most)
		stall(p, &a, "as many bytes as are allowed have been sent",
		      p->args.on_stall == MIG_STALL_THROTTLE);
	else if (p->n > 1 && is_floor(p, &a, r))
		stall(p, &a,
		      "another round would gain little: most of the pause is the same whatever is "
		      "left",
		      false);
	else if (p->n > 1 && p->stalled >= STALL_ROUNDS)
		stall(p, &a, "memory is written as fast as it can be sent", true);
	if (a.what == MIG_POLICY_CONTINUE && p->n > 1) {
		uint64_t half = p->args.max_downtime_usec / 2;

		/* Little is left, and the pause still too long: the rest is fixed cost. */
		if (left < 256 * MIG_PAGE)
			a.wait_usec = half < WAIT_USEC ? half : WAIT_USEC;
	}
	p->last_usec = add(p->last_usec, a.wait_usec);
	return a;
}
