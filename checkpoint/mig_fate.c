/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/mig_fate: whose a container is that was handed over: said by the destination, at once
 * or, when the line is cut just then, over another one; and the same afterwards, for migrate
 * --recover (migration.md 9.2). It never guesses unless it is told to. Called by mig_source.c and
 * runtime/cli.
 */
#include "checkpoint/mig_source.h"
#include "checkpoint/mig_target.h"

#include <errno.h>
#include <poll.h>
#include "base/log.h"
#include "base/proc.h"
#include "base/ban.h"

#define AGAIN_MS 500

/* A while until it is asked again; a signal ends it. */
static bool may_go_on(int abort_fd, uint64_t until_usec)
{
	struct pollfd p = {.fd = abort_fd, .events = POLLIN};

	return proc_now_usec() < until_usec && poll(&p, 1, AGAIN_MS) == 0;
}

/* Asks until there is an answer that decides. Return: the phase, or -1: there was none in time, and
 * e says what was in the way. */
static int ask(const char *host, const struct strvec *words, const char *epoch, int abort_fd,
	       uint32_t doubt_ms, struct mig_peer *p, struct err *e)
{
	uint64_t until = proc_now_usec() + (uint64_t)doubt_ms * 1000;

	for (;;) {
		enum mig_phase phase;

		mig_peer_done(p);
		*p = (struct mig_peer)MIG_PEER_NONE;
		err_clear(e);
		if (mig_recover_ask(host, words, epoch, abort_fd, &phase, p, e) == 0) {
			if (phase != MIG_PHASE_RECEIVING)
				return (int)phase;
			err_set(e, ERR_BUSY, EBUSY, "%.100s has not decided", host);
		}
		if (!may_go_on(abort_fd, until))
			return -1;
	}
}

/* What follows from an answer; -1: there is none, and e says why. */
static enum ckpt_fate fate_of(int phase, const char *host, enum ckpt_doubt on_doubt, struct err *e)
{
	struct err why = *e;

	err_clear(e);
	if (phase == MIG_PHASE_COMMITTED)
		return CKPT_IS_OVER;
	if (phase == MIG_PHASE_NONE) {
		err_set(e, ERR_STATE, EAGAIN,
			"the line to %.100s was cut before it had the container: it goes on here",
			host);
		return CKPT_GOES_ON;
	}
	if (phase == MIG_PHASE_LOST)
		err_set(&why, ERR_STATE, EIO, "%.100s had it, and could not let it run", host);
	if (on_doubt == CKPT_DOUBT_SOURCE) {
		err_set(e, ERR_STATE, EAGAIN, "%s: it goes on here, as --on-doubt source says",
			why.text);
		return CKPT_GOES_ON;
	}
	if (on_doubt == CKPT_DOUBT_DESTINATION && phase != MIG_PHASE_LOST) {
		log_warn("%s: it is taken to run there, as --on-doubt destination says", why.text);
		return CKPT_IS_OVER;
	}
	err_set(e, ERR_STATE, EINPROGRESS,
		"it stands still, in doubt: %s; \"stiva migrate --recover\" asks again, and with "
		"--on-doubt source lets it go on here, if it certainly does not run there",
		why.text);
	return CKPT_IN_DOUBT;
}

enum ckpt_fate mig_fate(struct mig_source *s, struct err *e)
{
	const struct ckpt_migrate_args *a = s->a;
	const struct mig_note note = {.epoch = s->epoch};
	struct mig_note *running;

	/* It is handed over whatever somebody wants of us now: the answer is heard first. */
	s->peer.link.abort_fd = FD_NONE;
	s->peer.link.end_usec = 0;
	int r = mig_say_note(&s->peer.link, MIG_COMMIT, &note, e);

	if (r == 0)
		r = mig_say_hear(&s->peer.link, MIG_RUNNING, -1, &mig_table_note, &s->arena,
				 &running, e);
	if (r == 0 && running->epoch && str_eq(running->epoch, s->epoch)) {
		mig_report_mark(&s->report, MIG_AT_RUNNING);
		return CKPT_IS_OVER;
	}
	mig_report_asks(&s->report, r < 0 ? e->text : "protocol error");
	s->report.wire_bytes += s->peer.link.out_total;
	int phase = ask(a->host, &s->words, s->epoch, s->held->abort_fd,
			a->doubt_ms ? a->doubt_ms : MIG_DOUBT_MS, &s->peer, e);

	return fate_of(phase, a->host, (enum ckpt_doubt)a->on_doubt.v, e);
}

/* ---- migrate --recover ---- */

/* Return: 1 something was done, 0 nothing was to do, or story. */
static int settle(struct life_held *x, const struct ckpt_migrate_args *a, struct mig_peer *p,
		  struct buf *out, struct err *e)
{
	static const char host[] = "the destination";

	if (!x->epoch)
		return 0;
	int phase = ask(host, x->peer, x->epoch, x->abort_fd, a->doubt_ms, p, e);
	enum ckpt_fate fate = fate_of(phase, host, (enum ckpt_doubt)a->on_doubt.v, e);

	p->link.abort_fd = FD_NONE;
	if (fate == CKPT_IN_DOUBT)
		return -e->code;
	if (fate == CKPT_GOES_ON) {
		buf_printf(out, "%s: %s%s\n", x->id, e->text,
			   x->status == SPEC_STOPPED ? ", where it has ended meanwhile" : "");
		err_clear(e);
		life_held_back(x);
		return 1;
	}
	buf_printf(out, "%s: it runs on the destination, and is deleted here\n", x->id);
	return life_held_end(x, e) == 0 ? 2 : -e->code;
}

static int recover_one(const struct life_host *h, const char *id, const struct ckpt_migrate_args *a,
		       struct buf *out, struct err *e)
{
	struct life_held x = LIFE_HELD_INIT;
	struct mig_peer p = MIG_PEER_NONE;
	struct err ignored = ERR_INIT;
	int r = life_held_open_any(h, id, &x, e);

	if (r == 0)
		r = settle(&x, a, &p, out, e);
	life_held_done(&x);
	if (r == 2)
		r = life_delete(h, id, true, e);
	/* Both sides know: the destination can forget. */
	if (r >= 0 && p.link.in_fd >= 0)
		(void)!mig_link_say(&p.link, MIG_DONE, 0, NULL, 0, &ignored);
	mig_peer_done(&p);
	return r;
}

/* Every container that was handed over; the first error is the result. */
static int recover_all(const struct life_host *h, const struct ckpt_migrate_args *a,
		       struct buf *out, struct err *e)
{
	AUTO(arena) arena = {0};
	struct life_view_vec all = {0};
	int r = life_list(h, false, &arena, &all, e);

	for (size_t i = 0; r == 0 && i < all.n; i++) {
		const char *id = all.v[i].state.id;
		struct err its = ERR_INIT;

		if (!all.v[i].is_handed_over || recover_one(h, id, a, out, &its) >= 0)
			continue;
		if (e->code)
			log_warn("%s: %s", id, its.text);
		else
			*e = its;
	}
	return -e->code;
}

int ckpt_migrate_recover(const struct life_host *h, const char *id,
			 const struct ckpt_migrate_args *a, struct buf *out, struct err *e)
{
	int r = mig_recover_leftovers(h, e);

	if (r < 0)
		return r;
	if (!id)
		return recover_all(h, a, out, e);
	r = recover_one(h, id, a, out, e);
	if (r == 0)
		buf_printf(out, "%s: no migration of it is in doubt\n", id);
	return r < 0 ? r : 0;
}
