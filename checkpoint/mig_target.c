/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/mig_target: the script of a destination (migration.md 8, 9): says what it has, makes
 * everything around the container as restore does, takes what comes into it, restores, and holds
 * the processes until the source has said that they are ours. Up to that word everything goes again
 * when anything fails; from it on the container is this host's. Called by runtime/cli.
 */
#include "checkpoint/mig_target.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "base/log.h"
#include "base/path.h"
#include "base/proc.h"
#include "checkpoint/internal.h"
#include "checkpoint/lazy.h"
#include "checkpoint/mig_fault.h"
#include "checkpoint/mig_hash.h"
#include "checkpoint/mig_image.h"
#include "checkpoint/mig_store.h"
#include "checkpoint/watchdog.h"
#include "base/ban.h"

/* Bytes of memory from which on the processes do not wait for it. */
#define LAZY_MIN (16u << 20)
#define HELLO_MS 10000
#define OFFER_MS 30000
#define DONE_MS	 10000
/* Longer than the source waits: who thaws is sure that the other has given up or will. */
#define SILENCE_TIMES 3
#define SILENCE_MAX   600000
/* While it runs there, nothing is lost by waiting. */
#define PATIENCE_MS 120000

struct target {
	const struct life_host *h;
	struct arena arena;
	struct mig_link link;
	struct ckpt_criu_info info;
	struct mig_host us, *them;
	struct mig_offer *offer;
	struct mig_place place;
	struct mig_sink_image image;
	struct mig_store store;
	struct ckpt_restore_by by;
	int rec_fd; /* owned */
	struct ckpt_watchdog dog;
	pid_t pid;
	bool is_frozen, is_complete, is_committed, is_lazy;
	bool may_be_lazy;	/* the root of a user namespace has no right to userfaultfd(2) */
	uint64_t complete_usec; /* when the last of it was here */
};

/* ---- what comes ---- */

static bool is_of_tree(const struct mig_frame *f)
{
	return f->type == MIG_FS_ENTRY || f->type == MIG_FS_DATA || f->type == MIG_FS_DEL ||
	       f->type == MIG_FS_END;
}

static int take_file(struct target *t, const struct mig_frame *f, struct err *e)
{
	const struct mig_plan_vec *v = &t->offer->trees;

	for (size_t i = 0; i < v->n; i++)
		if (v->v[i].stream.v == f->stream && t->place.sink[i])
			return mig_sink_take(t->place.sink[i], f, e);
	return err_set(e, ERR_INPUT, EBADMSG, "protocol error: %s of a tree that is not copied",
		       mig_link_name(f->type));
}

static int silence_ms(const struct target *t)
{
	uint64_t ms = (uint64_t)t->offer->silence_ms.v * SILENCE_TIMES;

	return ms < SILENCE_MAX ? (int)ms : SILENCE_MAX;
}

static int take_frame(struct target *t, const struct mig_frame *f, struct err *e)
{
	if (is_of_tree(f))
		return take_file(t, f, e);
	if (mig_store_is_for(f))
		return mig_store_take(&t->store, f, e);
	if (f->type == MIG_FREEZE) {
		/* A source that is silent now will have let it go on. */
		t->link.silence_ms = silence_ms(t);
		t->is_frozen = true;
		return 0;
	}
	if (f->type == MIG_IMAGE)
		return mig_sink_image_take(&t->image, t->place.image_fd, f, e);
	if (f->type == MIG_ROUND_BEGIN)
		return 0;
	if (f->type == MIG_ROUND_END)
		return mig_link_say(&t->link, MIG_ROUND_TAKEN, f->stream, "{}", 2, e);
	return err_set(e, ERR_INPUT, EBADMSG,
		       "protocol error: the source sent %s where none is due",
		       mig_link_name(f->type));
}

static bool is_all_there(const struct target *t)
{
	for (size_t i = 0; i < t->offer->trees.n; i++)
		if (t->place.sink[i] && !mig_sink_is_complete(t->place.sink[i]))
			return false;
	return t->is_frozen && !mig_sink_image_is_open(&t->image);
}

/* What both sides have seen is the same, to the last byte. */
static int check_final(struct target *t, const struct mig_frame *f, struct err *e)
{
	char ours[CKPT_DIGEST_TEXT];
	struct mig_note *n;
	int r = mig_say_parse(&t->link, f, &mig_table_note, &t->arena, &n, e);

	if (r < 0)
		return r;
	if (!is_all_there(t))
		return err_set(e, ERR_INPUT, EBADMSG,
			       "protocol error: FINAL_END before everything was there");
	mig_link_heard_before(&t->link, ours);
	if (!n->digest || !str_eq(ours, n->digest))
		return err_set(e, ERR_INPUT, EBADMSG,
			       "what arrived is not what was sent: its digest differs");
	t->is_complete = true;
	t->complete_usec = proc_now_usec();
	/* What is much comes after the processes, and each page at once that they touch. */
	t->is_lazy =
		t->may_be_lazy && t->store.pages * MIG_PAGE >= LAZY_MIN && ckpt_lazy_is_possible();
	return mig_store_write(&t->store, t->is_lazy, e);
}

static bool is_lazy(void *ctx)
{
	const struct target *t = ctx;

	return t->is_lazy;
}

/* In a process of its own. */
static int serve(void *ctx, int work_fd, int keeper_fd)
{
	struct target *t = ctx;
	const struct mig_fault_source from = {&t->store, mig_store_pages};

	return mig_fault_serve(&from, work_fd, keeper_fd);
}

static int fill(void *ctx, struct life_revival *r, struct err *e)
{
	struct target *t = ctx;
	struct stat st;

	/* From here on a recovery knows which container is this one. */
	if (fstat(life_revival_dir_fd(r), &st) < 0)
		return err_sys(e, errno, "the state directory");
	t->place.rec.dir_ino = (struct opt_u64){true, st.st_ino};
	int n = mig_record_write(t->rec_fd, &t->place.rec, e);

	t->link.abort_fd = life_revival_abort_fd(r);
	t->link.silence_ms = PATIENCE_MS;
	t->may_be_lazy = !spec_ns(life_revival_config(r), SPEC_NS_USER);
	if (n == 0)
		n = mig_store_open(&t->store, t->place.image_fd, e);
	t->by.serve_fd = t->store.base_fd;
	if (n == 0)
		n = mig_say_note(&t->link, MIG_RESERVED, &t->place.reserved, e);
	if (n == 0 && t->offer->is_check.v)
		return err_set(e, ERR_STATE, ECANCELED, "only asked");
	while (n == 0 && !t->is_complete) {
		struct mig_frame f;

		n = mig_link_hear(&t->link, -1, &f, e);
		if (n == 0)
			n = f.type == MIG_FINAL_END ? check_final(t, &f, e) : take_frame(t, &f, e);
	}
	return n;
}

static int tick(void *ctx, struct err *e)
{
	struct target *t = ctx;

	return mig_say_tick(&t->link, e);
}

/* ---- whose it is ---- */

static int held(void *ctx, pid_t pid, int criu_pidfd, struct err *e)
{
	struct target *t = ctx;
	const struct mig_note ready = {.epoch = t->offer->epoch,
				       .ms = {true, (proc_now_usec() - t->complete_usec) / 1000}};
	struct mig_note *n;
	int r = mig_say_note(&t->link, MIG_READY, &ready, e);

	t->pid = pid;
	if (r == 0)
		r = mig_say_hear(&t->link, MIG_COMMIT, -1, &mig_table_note, &t->arena, &n, e);
	if (r == 0 && (!n->epoch || !str_eq(n->epoch, t->offer->epoch)))
		r = err_set(e, ERR_INPUT, ESTALE, "protocol error: COMMIT of another epoch");
	if (r == 0 && proc_wait_gone(criu_pidfd, 0) == 0)
		r = err_set(e, ERR_KERNEL, ECHILD, "criu, which holds it restored, was killed");
	if (r < 0)
		return r;
	t->place.rec.phase.v = MIG_PHASE_COMMITTED;
	r = mig_record_write(t->rec_fd, &t->place.rec, e);
	t->is_committed = mig_record_is_committed(t->rec_fd);
	/* Even if writing failed afterwards: what is recorded holds. */
	return t->is_committed ? 0 : r;
}

static bool may_run(void *ctx)
{
	const struct target *t = ctx;

	return mig_record_is_committed(t->rec_fd);
}

/* ---- the restore ---- */

static int restore(struct target *t, struct err *e)
{
	const struct mig_offer *o = t->offer;
	const char *config = arena_printf(&t->arena, "/proc/self/fd/%d/config.json", t->rec_fd);
	const struct ckpt_restore_args a = {
		.common = {.tcp_established = o->tcp_established.v,
			   .tcp_close = o->tcp_close.v,
			   .tcp_skip_in_flight = o->tcp_skip_in_flight.v,
			   .ext_unix_sk = o->ext_unix_sk.v,
			   .shell_job = o->shell_job.v,
			   .file_locks = o->file_locks.v,
			   .link_remap = o->link_remap.v},
		.life = {.id = o->id,
			 .bundle = o->bundle,
			 .config = config,
			 .console_socket = o->console_socket,
			 .detach = true}};
	t->by = (struct ckpt_restore_by){
		.ctx = t,
		.image_fd = t->place.image_fd,
		.work_fd = t->rec_fd,
		.work_path = arena_printf(&t->arena, "%s/.migrations",
					  t->h->root ? t->h->root : "/run/stiva"),
		.stream_fds = t->place.stream_fd,
		.limits = o->resources,
		.fill = fill,
		.is_lazy = is_lazy,
		.serve = serve,
		.serve_fd = FD_NONE,
		.tick = tick,
		.held = held,
		.may_run = may_run,
		.keep = &t->rec_fd,
		.n_keep = 1};

	return ckpt_restore_for(t->h, &a, &t->by, e);
}

/* ---- how it ends ---- */

/* It runs. What is not heard any more does not matter to it. */
static void tell_running(struct target *t)
{
	const struct mig_note running = {.epoch = t->offer->epoch,
					 .pid = {true, (uint64_t)t->pid},
					 .time = {true, mig_say_now()}};
	struct err ignored = ERR_INIT;
	struct mig_frame f;

	mig_record_released(t->rec_fd);
	t->link.abort_fd = FD_NONE;
	int r = mig_say_note(&t->link, MIG_RUNNING, &running, &ignored);

	/* Who asks over another line need not wait for us. */
	mig_record_unlock(t->rec_fd);
	/* Its files are in memory yet, and the source's are still there. */
	for (size_t i = 0; i < t->offer->trees.n; i++)
		if (t->place.sink[i] && mig_sink_sync(t->place.sink[i], &ignored) < 0)
			log_warn("%s", ignored.text);
	err_clear(&ignored);
	if (r == 0 && mig_link_expect(&t->link, MIG_DONE, DONE_MS, &f, &ignored) == 0)
		mig_record_remove(t->h, t->offer->epoch, t->rec_fd);
}

/* It is ours, and did not come to run: only a person can say what follows. */
static void tell_lost(struct target *t, const struct err *why)
{
	const struct mig_note lost = {.epoch = t->offer->epoch,
				      .phase = {true, MIG_PHASE_LOST},
				      .boot_id = t->us.boot_id,
				      .reason = (char *)why->text};
	struct err ignored = ERR_INIT;

	t->place.rec.phase.v = MIG_PHASE_LOST;
	(void)!mig_record_write(t->rec_fd, &t->place.rec, &ignored);
	(void)!mig_say_note(&t->link, MIG_STATUS_IS, &lost, &ignored);
}

/* Everything is put away before the source hears why: what it does next may be to try again. */
static int give_up(struct target *t, struct err *e)
{
	const bool was_told = e->code == ECONNABORTED, is_check = t->offer && t->offer->is_check.v;
	struct err its = *e, ignored = ERR_INIT;

	mig_place_done(&t->place);
	if (t->rec_fd >= 0 && mig_place_discard(t->h, t->rec_fd, &t->place.rec, &ignored) < 0)
		log_warn("%s", ignored.text);
	t->link.abort_fd = FD_NONE;
	t->link.silence_ms = DONE_MS;
	int r = was_told || (is_check && its.code == ECANCELED)
			? mig_link_say(&t->link, MIG_ABORTED, 0, NULL, 0, &ignored)
			: mig_link_say(&t->link, MIG_ABORT, 0, its.text, its.len, &ignored);

	/* Who hears it prints it; once is enough. */
	if (r == 0)
		err_clear(e);
	return r == 0 ? 0 : -e->code;
}

/* Killed before it was ours: nothing of it stays. The lock on the record is the watchdog's too. */
static void tidy(void *ctx)
{
	struct target *t = ctx;
	struct err ignored = ERR_INIT;

	(void)!mig_recover_dead(t->h, t->offer->epoch, t->rec_fd, &ignored);
}

static int guard(struct target *t, struct err *e)
{
	const struct ckpt_watchdog_job job = {.keep = &t->rec_fd,
					      .n_keep = 1,
					      .cgroup_fd = FD_NONE,
					      .max_ms = -1,
					      .fire = tidy,
					      .ctx = t};

	return ckpt_watchdog_start(&job, &t->dog, e);
}

/* ---- the verb ---- */

static int take_offer(struct target *t, struct err *e)
{
	struct mig_offer *o = t->offer;
	struct err left = ERR_INIT;

	if (!mig_say_is_epoch(o->epoch))
		return err_set(e, ERR_INPUT, EBADMSG, "protocol error: RESERVE has no epoch");
	if (life_is_rootless(t->h))
		return err_set(e, ERR_MISSING, EPERM,
			       "receiving a container takes root of the host: CRIU cannot do it "
			       "for a user");
	int r = mig_say_check_host(t->them, &t->us, "the source", e);

	/* What is in the way of this one says so itself. */
	if (r == 0 && mig_recover_leftovers(t->h, &left) < 0)
		log_warn("what an earlier migration left: %s", left.text);
	if (r == 0)
		r = mig_record_make(t->h, o->epoch, &t->rec_fd, e);
	t->place = (struct mig_place){.h = t->h,
				      .offer = o,
				      .arena = &t->arena,
				      .rec_fd = t->rec_fd,
				      .image_fd = FD_NONE,
				      .stream_fd = {FD_NONE, FD_NONE, FD_NONE}};
	if (r == 0)
		r = guard(t, e);
	if (r == 0)
		r = mig_place_make(&t->place, e);
	return r == 0 ? restore(t, e) : r;
}

static int receive(struct target *t, const struct mig_frame *f, int *ret_status, struct err *e)
{
	int r = mig_say_parse(&t->link, f, &mig_table_offer, &t->arena, &t->offer, e);

	t->link.silence_ms = PATIENCE_MS;
	if (r == 0)
		r = take_offer(t, e);
	if (r == 0) {
		tell_running(t);
		return 0;
	}
	*ret_status = 1;
	if (t->is_committed) {
		tell_lost(t, e);
		return -e->code;
	}
	return give_up(t, e);
}

static int answer(struct target *t, const struct mig_frame *f, struct err *e)
{
	struct mig_note *n;
	int r = mig_say_parse(&t->link, f, &mig_table_note, &t->arena, &n, e);

	if (r == 0 && (!n->epoch || !mig_say_is_epoch(n->epoch)))
		r = err_set(e, ERR_INPUT, EBADMSG, "protocol error: STATUS has no epoch");
	return r == 0 ? mig_recover_answer(t->h, &t->link, n->epoch, e) : r;
}

static int talk(struct target *t, int *ret_status, struct err *e)
{
	struct err none = ERR_INIT;
	struct mig_frame f;
	/* Without criu this host can still say what it knows of an epoch. */
	bool has_criu = ckpt_criu_probe(t->h->criu, &t->info, &none) == 0;
	int r = mig_say_host(has_criu ? &t->info : NULL, &t->arena, &t->us, e);

	t->us.problem = none.code ? none.text : NULL;
	if (r == 0)
		r = mig_say_hear(&t->link, MIG_HELLO, HELLO_MS, &mig_table_host, &t->arena,
				 &t->them, e);
	if (r == 0)
		r = mig_say(&t->link, MIG_CAPS, &mig_table_host, &t->us, e);
	if (r == 0)
		r = mig_link_hear(&t->link, OFFER_MS, &f, e);
	/* It has heard what it wanted, or does not like it. */
	if (r == -EPIPE && t->them) {
		err_clear(e);
		return 0;
	}
	if (r == 0 && f.type == MIG_STATUS)
		return answer(t, &f, e);
	if (r == 0 && f.type != MIG_RESERVE)
		r = err_set(e, ERR_INPUT, EBADMSG,
			    "protocol error: the source sent %s where RESERVE is due",
			    mig_link_name(f.type));
	if (r == 0 && has_criu)
		return receive(t, &f, ret_status, e);
	if (r == 0)
		*e = none;
	*ret_status = 1;
	return give_up(t, e);
}

int ckpt_migrate_receive(const struct life_host *h, int in_fd, int out_fd, int *ret_status,
			 struct err *e)
{
	struct target t = {
		.h = h, .rec_fd = FD_NONE, .dog = CKPT_WATCHDOG_NONE, .store = MIG_STORE_NONE};

	*ret_status = 0;
	mig_link_open(&t.link, in_fd, out_fd, "the source");
	int r = talk(&t, ret_status, e);

	ckpt_watchdog_done(&t.dog);
	mig_sink_image_done(&t.image);
	mig_store_done(&t.store);
	mig_place_done(&t.place);
	auto_fd_done(&t.rec_fd);
	mig_link_done(&t.link);
	arena_done(&t.arena);
	return r;
}
