/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/guard/seccomp_compact: makes libseccomp's program several times shorter without changing
 * what it decides. The kernel translates a filter twice (to eBPF, then to machine code) each time
 * that one is loaded: with an engine's profile that is a quarter of a millisecond of each launch,
 * and memory of each container, all in proportion to the length.
 *
 * libseccomp compares the system call's number with each number that the profile names. Here such a
 * part (any run of comparisons of the accumulator with constants, and jumps) is seen as what it is,
 * a function of one number which is constant between the constants: it is evaluated there and
 * written again as a binary search over the ranges. Where it ends, in a return or at an instruction
 * of another kind, is kept exactly, and so is the accumulator. Comparisons of arguments, loads and
 * bit tests stay as they are.
 *
 * Knows classic BPF only. Called by seccomp.c, when a profile is not in the cache.
 */
#include <linux/filter.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/guard/seccomp.h"
#include "base/ban.h"

#define JUMP_MAX    255 /* of a conditional jump */
#define RETURNS_MAX 8

/* From `low` up to the next range's `low`, the part ends at instruction `exit` of the old program.
 */
struct range {
	uint32_t low;
	size_t exit;
};

/* A part that is written anew: entered at its first instruction. n_ranges is 0 for all other
 * instructions. */
struct part {
	struct range *ranges;
	size_t n_ranges, size;
	size_t returns[RETURNS_MAX],
		n_returns; /* those behind the search: exits; 0: none is there */
};

struct compact {
	const struct sock_filter *old;
	size_t n;
	struct part *parts; /* by old index */
	bool *is_reached;   /* by old index */
	size_t *at;	    /* new index by old one */
	struct sock_filter *out;
	size_t n_out;
	bool is_failed; /* a jump that is too far */
};

static bool is_jump(const struct sock_filter *i)
{
	return i->code == (BPF_JMP | BPF_JA);
}

static bool is_compare(const struct sock_filter *i)
{
	return i->code == (BPF_JMP | BPF_JEQ | BPF_K) || i->code == (BPF_JMP | BPF_JGT | BPF_K) ||
	       i->code == (BPF_JMP | BPF_JGE | BPF_K);
}

static bool is_return(const struct sock_filter *i)
{
	return i->code == (BPF_RET | BPF_K);
}

/* Where the part that begins at `i` ends when the accumulator is x. Jumps go forward only: it ends.
 */
static size_t follow(const struct compact *c, size_t i, uint32_t x)
{
	for (; i < c->n; i++) {
		const struct sock_filter *o = &c->old[i];
		bool yes;

		if (is_jump(o)) {
			i += o->k;
			continue;
		}
		if (!is_compare(o))
			break;
		if (BPF_OP(o->code) == BPF_JEQ)
			yes = x == o->k;
		else if (BPF_OP(o->code) == BPF_JGT)
			yes = x > o->k;
		else
			yes = x >= o->k;
		i += yes ? o->jt : o->jf;
	}
	return i;
}

static bool is_same_exit(const struct compact *c, size_t a, size_t b)
{
	return a == b ||
	       (is_return(&c->old[a]) && is_return(&c->old[b]) && c->old[a].k == c->old[b].k);
}

static int compare_lows(const void *a, const void *b)
{
	uint32_t x = ((const struct range *)a)->low, y = ((const struct range *)b)->low;

	return x < y ? -1 : x > y;
}

/* Marks what is reached inside the part that begins at `from`; returns how many comparisons and
 * jumps. */
static size_t mark_inside(const struct compact *c, size_t from, bool *inside)
{
	size_t count = 0;

	memset(inside, 0, c->n);
	inside[from] = true;
	for (size_t i = from; i < c->n; i++) {
		const struct sock_filter *o = &c->old[i];

		if (!inside[i] || !(is_jump(o) || is_compare(o)))
			continue;
		count++;
		if (is_jump(o)) {
			if (o->k < c->n - i - 1)
				inside[i + 1 + o->k] = true;
			continue;
		}
		if (i + 1 + o->jt < c->n)
			inside[i + 1 + o->jt] = true;
		if (i + 1 + o->jf < c->n)
			inside[i + 1 + o->jf] = true;
	}
	return count;
}

/*
 * The search over n ranges: a comparison in front of the left and the right half. A range that ends
 * in a return needs no instruction of its own when all returns, one of each kind behind the search,
 * are within the reach of its comparisons (`is_near`).
 */
static size_t tree_size(const struct compact *c, const struct range *r, size_t n, bool is_near)
{
	size_t left = n / 2, skip;

	if (n == 1)
		return !is_near || !is_return(&c->old[r->exit]);
	skip = tree_size(c, r, left, is_near);
	return 1 + (skip > JUMP_MAX) + skip + tree_size(c, r + left, n - left, is_near);
}

static size_t find_return(const struct compact *c, const struct part *p, size_t exit)
{
	size_t i = 0;

	while (i < p->n_returns && !is_same_exit(c, p->returns[i], exit))
		i++;
	return i;
}

static void choose_form(const struct compact *c, struct part *p)
{
	size_t near_size = tree_size(c, p->ranges, p->n_ranges, true);

	for (size_t i = 0; i < p->n_ranges && p->n_returns < RETURNS_MAX; i++) {
		size_t exit = p->ranges[i].exit;

		if (is_return(&c->old[exit]) && find_return(c, p, exit) == p->n_returns)
			p->returns[p->n_returns++] = exit;
	}
	p->size = near_size + p->n_returns;
	if (p->n_ranges > 1 && p->n_returns < RETURNS_MAX && p->size <= JUMP_MAX)
		return;
	p->n_returns = 0;
	p->size = tree_size(c, p->ranges, p->n_ranges, false);
}

/* The part that begins at `from`, as ranges. It stays as it is when that would not be shorter. */
static void find_part(struct compact *c, size_t from, bool *inside, struct arena *a)
{
	size_t count = mark_inside(c, from, inside), n = 0, kept = 0;
	struct range *r = arena_array(a, 2 * count + 1, sizeof(*r));

	r[n++].low = 0;
	for (size_t i = from; i < c->n; i++) {
		const struct sock_filter *o = &c->old[i];

		if (!inside[i] || !is_compare(o))
			continue;
		if (BPF_OP(o->code) != BPF_JGT)
			r[n++].low = o->k;
		if (BPF_OP(o->code) != BPF_JGE && o->k != UINT32_MAX)
			r[n++].low = o->k + 1;
	}
	qsort(r, n, sizeof(*r), compare_lows);
	for (size_t i = 0; i < n; i++) {
		struct range one = {r[i].low, follow(c, from, r[i].low)};

		if (one.exit >= c->n) /* runs off the end: not a program of libseccomp's */
			return;
		if (kept == 0 || !is_same_exit(c, r[kept - 1].exit, one.exit))
			r[kept++] = one;
	}
	struct part p = {.ranges = r, .n_ranges = kept};

	choose_form(c, &p);
	if (p.size < count)
		c->parts[from] = p;
}

static void reach(struct compact *c, size_t i)
{
	if (i < c->n)
		c->is_reached[i] = true;
	else
		c->is_failed = true;
}

/* What is left of the old program, part after part, in the old order; then every new index is
 * known. */
static void lay_out(struct compact *c, bool *inside, struct arena *a)
{
	bool is_loaded = false;
	size_t next = 0;

	reach(c, 0);
	for (size_t i = 0; i < c->n; i++) {
		const struct sock_filter *o = &c->old[i];

		c->at[i] = next;
		if (!c->is_reached[i])
			continue;
		/* A fresh value begins a new question. */
		if (is_loaded && is_compare(o))
			find_part(c, i, inside, a);
		is_loaded = BPF_CLASS(o->code) == BPF_LD;
		struct part *p = &c->parts[i];

		next += p->n_ranges ? p->size : 1;
		for (size_t k = 0; k < p->n_ranges; k++)
			if (!is_return(&c->old[p->ranges[k].exit]))
				reach(c, p->ranges[k].exit);
		if (p->n_ranges || BPF_CLASS(o->code) == BPF_RET)
			continue;
		if (is_jump(o)) {
			reach(c, o->k < c->n ? i + 1 + o->k : c->n);
		} else if (BPF_CLASS(o->code) == BPF_JMP) {
			reach(c, i + 1 + o->jt);
			reach(c, i + 1 + o->jf);
		} else {
			reach(c, i + 1);
		}
	}
	c->n_out = next;
}

/* Writes the search over r[0..n) of p at c->out[pos]. Return: the index behind it. */
static size_t write_tree(struct compact *c, const struct part *p, const struct range *r, size_t n,
			 size_t pos);

static void write_leaf(struct compact *c, const struct range *r, size_t pos)
{
	const struct sock_filter *o = &c->old[r->exit];

	if (is_return(o))
		c->out[pos] = *o;
	else
		c->out[pos] = (struct sock_filter)BPF_JUMP(
			BPF_JMP | BPF_JA, (uint32_t)(c->at[r->exit] - pos - 1), 0, 0);
}

/* Where a comparison at `pos` goes for r[0..n), which is written at `next` if it is written at all.
 */
static uint8_t target(const struct compact *c, const struct part *p, const struct range *r,
		      size_t n, size_t pos, size_t next)
{
	size_t end = c->at[p - c->parts] + p->size;

	if (n == 1 && p->n_returns && is_return(&c->old[r->exit]))
		next = end - p->n_returns + find_return(c, p, r->exit);
	return (uint8_t)(next - pos - 1);
}

static size_t write_node(struct compact *c, const struct part *p, const struct range *r, size_t n,
			 size_t pos)
{
	size_t left = n / 2, skip = tree_size(c, r, left, p->n_returns), at = pos++;
	const uint32_t low = r[left].low;

	if (skip <= JUMP_MAX) {
		uint8_t yes = target(c, p, r + left, n - left, at, pos + skip);
		uint8_t no = target(c, p, r, left, at, pos);

		c->out[at] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, low, yes, no);
	} else {
		c->out[at] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, low, 0, 1);
		c->out[pos++] =
			(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JA, (uint32_t)skip, 0, 0);
	}
	pos = write_tree(c, p, r, left, pos);
	return write_tree(c, p, r + left, n - left, pos);
}

static size_t write_tree(struct compact *c, const struct part *p, const struct range *r, size_t n,
			 size_t pos)
{
	if (n > 1)
		return write_node(c, p, r, n, pos);
	if (p->n_returns && is_return(&c->old[r->exit]))
		return pos;
	write_leaf(c, r, pos);
	return pos + 1;
}

static void write_part(struct compact *c, const struct part *p, size_t pos)
{
	pos = write_tree(c, p, p->ranges, p->n_ranges, pos);
	for (size_t i = 0; i < p->n_returns; i++)
		c->out[pos++] = c->old[p->returns[i]];
}

static uint8_t near(struct compact *c, size_t from, size_t to)
{
	size_t off = c->at[to] - c->at[from] - 1;

	if (off > JUMP_MAX)
		c->is_failed = true;
	return (uint8_t)off;
}

static void write_all(struct compact *c)
{
	for (size_t i = 0; i < c->n; i++) {
		const struct sock_filter *o = &c->old[i];
		struct sock_filter *out = &c->out[c->at[i]];

		if (!c->is_reached[i])
			continue;
		if (c->parts[i].n_ranges) {
			write_part(c, &c->parts[i], c->at[i]);
			continue;
		}
		*out = *o;
		if (is_jump(o)) {
			out->k = (uint32_t)(c->at[i + 1 + o->k] - c->at[i] - 1);
		} else if (BPF_CLASS(o->code) == BPF_JMP) {
			out->jt = near(c, i, i + 1 + o->jt);
			out->jf = near(c, i, i + 1 + o->jf);
		}
	}
}

void guard_seccomp_compact(struct guard_program *p, struct arena *a)
{
	struct compact c = {.old = p->insns, .n = p->n};

	if (p->n == 0 || p->n > BPF_MAXINSNS)
		return;
	c.parts = arena_array(a, c.n, sizeof(*c.parts));
	c.is_reached = arena_array(a, c.n, sizeof(*c.is_reached));
	c.at = arena_array(a, c.n, sizeof(*c.at));
	lay_out(&c, arena_array(a, c.n, sizeof(bool)), a);
	if (c.is_failed || c.n_out >= c.n)
		return;
	c.out = arena_array(a, c.n_out, sizeof(*c.out));
	write_all(&c);
	if (c.is_failed)
		return;
	*p = (struct guard_program){c.out, c.n_out};
}
