/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/mig_recover: what a migration that was cut off has left, on both sides (migration.md
 * 9.2): on the destination, the answer to STATUS, which is never wrong: a side without "committed"
 * has never let the container run and never will; on the source, what follows from that answer.
 * Called by mig_source.c, mig_target.c and runtime/cli.
 */
#include "checkpoint/mig_target.h"

#include <errno.h>
#include "base/log.h"
#include "checkpoint/mig_peer.h"
#include "base/ban.h"

/* An engine whose line was cut notices it, and puts everything away. */
#define ENGINE_MS 10000

/* ---- destination ---- */

/* Committed, and its engine killed together with its watchdog before it let it run. */
static void let_run(const struct life_host *h, int rec_fd, const struct mig_record *rec)
{
	struct err ignored = ERR_INIT;

	if (mig_record_is_released(rec_fd))
		return;
	if (life_resume(h, rec->id, &ignored) == 0)
		log_info("\"%s\" was handed over to this host, and runs now", rec->id);
	mig_record_released(rec_fd);
}

/* *ret: what holds from now on. */
static int decide(const struct life_host *h, const char *epoch, int rec_fd, enum mig_phase *ret,
		  struct err *e)
{
	AUTO(arena) a = {0};
	struct mig_record *rec;
	int r = mig_record_read(rec_fd, &a, &rec, e);

	*ret = MIG_PHASE_NONE;
	/* Nothing had been made yet. */
	if (r == -ENOENT && !e->code) {
		mig_record_remove(h, epoch, rec_fd);
		return 0;
	}
	if (r < 0)
		return r;
	if (rec->phase.v == MIG_PHASE_COMMITTED)
		let_run(h, rec_fd, rec);
	if (rec->phase.v != MIG_PHASE_RECEIVING) {
		*ret = (enum mig_phase)rec->phase.v;
		return 0;
	}
	log_info("a migration of \"%s\" to this host was cut off: what came of it is removed",
		 rec->id);
	return mig_place_discard(h, rec_fd, rec, e);
}

int mig_recover_dead(const struct life_host *h, const char *epoch, int rec_fd, struct err *e)
{
	enum mig_phase phase;

	return decide(h, epoch, rec_fd, &phase, e);
}

static int discard_dead(void *ctx, const char *epoch, struct err *e)
{
	const struct life_host *h = ctx;
	AUTO_FD fd = FD_NONE;
	int r = mig_record_open(h, epoch, 0, &fd, e);

	/* Somebody is at work on it, or has just finished. */
	if (r == -EBUSY || r == -ENOENT) {
		err_clear(e);
		return 0;
	}
	return r == 0 ? mig_recover_dead(h, epoch, fd, e) : r;
}

int mig_recover_leftovers(const struct life_host *h, struct err *e)
{
	return mig_record_each(h, discard_dead, (void *)h, e);
}

/* What holds, said by who has the lock; what was not decided is decided now: it never runs here. */
static int find_phase(const struct life_host *h, const char *epoch, struct mig_note *ret,
		      struct err *e)
{
	AUTO_FD fd = FD_NONE;
	enum mig_phase phase;
	int r = mig_record_open(h, epoch, ENGINE_MS, &fd, e);

	ret->phase = (struct opt_enum){true, MIG_PHASE_NONE};
	if (r == -ENOENT) {
		err_clear(e);
		return 0;
	}
	if (r == -EBUSY) {
		err_clear(e);
		ret->phase.v = MIG_PHASE_RECEIVING;
		return 0;
	}
	if (r == 0)
		r = decide(h, epoch, fd, &phase, e);
	if (r == 0)
		ret->phase.v = (int)phase;
	return r;
}

static void forget(const struct life_host *h, const char *epoch)
{
	struct err ignored = ERR_INIT;
	AUTO_FD fd = FD_NONE;

	if (mig_record_open(h, epoch, ENGINE_MS, &fd, &ignored) == 0)
		mig_record_remove(h, epoch, fd);
}

int mig_recover_answer(const struct life_host *h, struct mig_link *l, const char *epoch,
		       struct err *e)
{
	AUTO(arena) a = {0};
	struct mig_note answer = {.epoch = (char *)epoch};
	struct mig_host us;
	struct mig_frame f;
	int r = mig_say_host(NULL, &a, &us, e);

	if (r == 0)
		r = find_phase(h, epoch, &answer, e);
	answer.boot_id = us.boot_id;
	if (r == 0)
		r = mig_say_note(l, MIG_STATUS_IS, &answer, e);
	if (r < 0 || answer.phase.v == MIG_PHASE_RECEIVING)
		return r;
	/* The source has drawn its conclusion: nobody will ask again. Without its word the record
	 * stays. */
	if (mig_link_expect(l, MIG_DONE, ENGINE_MS, &f, e) == 0)
		forget(h, epoch);
	err_clear(e);
	return 0;
}

/* ---- source ---- */

int mig_recover_ask(const char *name, const struct strvec *peer, const char *epoch, int abort_fd,
		    enum mig_phase *ret, struct mig_peer *p, struct err *e)
{
	AUTO(arena) a = {0};
	const struct mig_note ask = {.epoch = (char *)epoch};
	struct mig_note *answer;
	struct mig_host us;
	int r = mig_say_host(NULL, &a, &us, e);

	if (r == 0)
		r = mig_peer_open(p, name, peer, abort_fd, &us, &a, e);
	if (r == 0)
		r = mig_say_note(&p->link, MIG_STATUS, &ask, e);
	if (r == 0)
		r = mig_say_hear(&p->link, MIG_STATUS_IS, 2 * ENGINE_MS, &mig_table_note, &a,
				 &answer, e);
	p->host = NULL; /* it was in the arena */
	if (r < 0)
		return r;
	if (!answer->epoch || !str_eq(answer->epoch, epoch) || !answer->phase.has)
		return err_set(e, ERR_INPUT, EBADMSG, "protocol error: STATUS_IS of %.100s", name);
	*ret = (enum mig_phase)answer->phase.v;
	return 0;
}
