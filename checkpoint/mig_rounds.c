/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/mig_rounds: what a source sends while the container runs: its trees of files and, in
 * mode precopy, its memory, again and again, until little enough changes or the user's limits are
 * reached (migration.md 7, 10). Called by mig_source.c.
 */
#include "checkpoint/mig_source.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include "base/proc.h"
#include "base/ban.h"

/* Freeze, dump without memory, restore: as it is with a small container. */
#define FIXED_USEC 45000
/* Without memory in the rounds: so often, or until this little has changed. */
#define FILE_ROUNDS	3
#define FILE_LEFT_BYTES (1u << 20)

/* One round, up to the answer that all of it is in its place. */
static int one_round(struct mig_source *s, unsigned number, bool has_memory,
		     struct mig_report_round *ret, struct mig_policy_round *p, struct err *e)
{
	struct mig_link *l = &s->peer.link;
	const struct mig_note note = {.round = {true, number}};
	struct mig_tree_count files;
	struct mig_frame f;
	uint64_t from = proc_now_usec(), bytes = l->out_total;

	*ret = (struct mig_report_round){.number = number, .downtime_usec = UINT64_MAX};
	int r = mig_say_note(l, MIG_ROUND_BEGIN, &note, e);

	if (r == 0)
		r = mig_trees_round(&s->trees, l, &s->held->cg, false, &files, e);
	s->memory.count = (struct mig_memory_count){0};
	if (r == 0 && has_memory)
		r = mig_memory_round(&s->memory, l, e);
	if (r == 0)
		r = mig_say_note(l, MIG_ROUND_END, &note, e);
	uint64_t said = proc_now_usec();

	if (r == 0)
		r = mig_link_expect(l, MIG_ROUND_TAKEN, -1, &f, e);
	if (r < 0)
		return r;
	const struct mig_memory_count *m = &s->memory.count;
	uint64_t now = proc_now_usec();

	*p = (struct mig_policy_round){.bytes = l->out_total - bytes,
				       .usec = now - from,
				       .scan_usec = m->usec - m->link_usec,
				       .pages = m->pages,
				       .dirty_pages = m->dirty,
				       .fs_left_bytes = number > 1 ? files.bytes : 0,
				       .rtt_usec = now - said,
				       .fixed_usec = FIXED_USEC};
	ret->usec = p->usec;
	ret->entries = files.entries + files.removed;
	ret->file_bytes = files.bytes;
	ret->pages = m->dirty;
	ret->memory_bytes = m->bytes;
	ret->bandwidth = p->usec ? p->bytes * 1000000 / p->usec : 0;
	return 0;
}

static bool has_trees(const struct mig_source *s)
{
	for (size_t i = 0; i < s->trees.plans.n; i++)
		if (s->trees.v[i].is_moved)
			return true;
	return false;
}

/* Files alone. */
static int file_rounds(struct mig_source *s, struct err *e)
{
	struct mig_report_round n;
	struct mig_policy_round p;
	int r = 0;

	for (unsigned i = 1; r == 0 && i <= FILE_ROUNDS && has_trees(s); i++) {
		r = one_round(s, i, false, &n, &p, e);
		if (r < 0)
			break;
		mig_report_round(&s->report, &n);
		if (i > 1 && n.file_bytes < FILE_LEFT_BYTES)
			break;
	}
	return r;
}

/* A while in which it does not matter what comes: but a signal ends it. */
static int pause_for(struct mig_source *s, uint64_t usec, struct err *e)
{
	struct pollfd p = {.fd = s->peer.link.abort_fd, .events = POLLIN};

	if (usec && poll(&p, 1, (int)(usec / 1000) + 1) > 0)
		return err_set(e, ERR_STATE, EINTR, "interrupted by a signal");
	return 0;
}

/* Return: 1 another round, 0 stop it now, or story. */
static int judge(struct mig_source *s, const struct mig_policy_answer *a, struct err *e)
{
	if (a->what == MIG_POLICY_ABORT)
		return err_set(e, ERR_STATE, EAGAIN,
			       "%s: it would stand still for %llu ms, and --max-downtime is %u ms "
			       "(--on-stall force moves it all the same)",
			       a->reason, (unsigned long long)(a->downtime_usec / 1000),
			       s->a->max_downtime_ms ? s->a->max_downtime_ms : 100);
	if (a->what == MIG_POLICY_GO || a->what == MIG_POLICY_FORCE)
		return 0;
	if (a->what == MIG_POLICY_THROTTLE) {
		int r = mig_throttle(&s->throttle, &s->held->cg, a->throttle_pct, e);

		return r < 0 ? r : 1;
	}
	int r = pause_for(s, a->wait_usec, e);

	return r < 0 ? r : 1;
}

int mig_rounds(struct mig_source *s, struct err *e)
{
	const struct ckpt_migrate_args *a = s->a;
	const struct mig_policy_args args = {
		.max_downtime_usec = (uint64_t)a->max_downtime_ms * 1000,
		.bandwidth = a->bandwidth,
		.max_iterations = a->max_iterations,
		.on_stall = a->on_stall.has ? (enum mig_stall)a->on_stall.v : MIG_STALL_AUTO};
	struct mig_policy policy;
	int r = 1;

	if (a->mode.v == CKPT_MODE_STOP)
		return file_rounds(s, e);
	mig_policy_begin(&policy, &args);
	for (unsigned i = 1; r == 1; i++) {
		struct mig_report_round n;
		struct mig_policy_round p;
		struct mig_policy_answer answer;

		mig_throttle_look(&s->throttle, &s->held->cg);
		r = one_round(s, i, true, &n, &p, e);
		if (r < 0)
			break;
		answer = mig_policy_next(&policy, &p);
		n.dirty_rate = answer.dirty_rate;
		n.downtime_usec = answer.downtime_usec;
		n.verdict = answer.reason;
		mig_report_round(&s->report, &n);
		r = judge(s, &answer, e);
	}
	return r;
}
