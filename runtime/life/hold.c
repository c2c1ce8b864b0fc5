/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/life/hold: a living container, locked and opened for checkpoint/, which writes it: what
 * that room may see of the record, the config and the cgroup. Called by checkpoint/dump.c.
 */
#include "runtime/life/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/proc.h"
#include "base/ban.h"

void life_held_done(struct life_held *x)
{
	struct life_box *b = ptr_take(&x->box);

	if (b) {
		life_box_done(b);
		free(b);
	}
	cg_done(&x->cg);
	auto_fd_done(&x->pidfd);
	auto_fd_done(&x->abort_fd);
	x->dir_fd = FD_NONE;
}

static int check(const struct life_box *b, enum spec_status *ret, struct err *e)
{
	*ret = life_machine_status(b);
	if (*ret == SPEC_BROKEN)
		return life_machine_check(LIFE_EXEC, *ret, e);
	if (*ret == SPEC_RUNNING || *ret == SPEC_PAUSED)
		return 0;
	return err_set(e, ERR_STATE, *ret == SPEC_STOPPED ? ESRCH : EBUSY,
		       "container not running (no such process): it is %s",
		       word_text(&spec_words_status, (int)*ret));
}

static int fill(struct life_held *x, struct life_box *b, bool may_have_ended, struct err *e)
{
	struct spec_config *conf = NULL;
	int r = check(b, &x->status, e);

	if (r == -ESRCH && may_have_ended && x->status == SPEC_STOPPED) {
		err_clear(e);
		r = 0;
	}
	if (r == 0)
		r = life_store_config(b, &conf, e);
	if (r < 0)
		return r;
	x->conf = conf;
	x->id = b->id;
	x->bundle = b->rec->bundle;
	x->rootfs = b->rec->rootfs;
	x->resources = b->rec->resources;
	x->has_notify = b->rec->has_notify.v;
	if (b->rec->held && b->rec->held->epoch) {
		x->epoch = b->rec->held->epoch;
		x->peer = &b->rec->held->peer;
	}
	x->dir_fd = b->dir_fd;
	if (x->status == SPEC_STOPPED)
		return 0;
	x->pid = (pid_t)b->rec->init->pid.v;
	x->pidfd = life_machine_pidfd(b);
	if (x->pidfd < 0) {
		x->pidfd = FD_NONE;
		return err_set(e, ERR_STATE, ESRCH, "container not running (no such process)");
	}
	r = life_machine_cgroup(b, &x->cg, e);
	return r == -ENOENT ? err_set(e, ERR_STATE, ENOENT,
				      "the container has no cgroup: it cannot be held still")
			    : r;
}

static int open_it(const struct life_host *h, const char *id, bool may_have_ended,
		   struct life_held *x, struct err *e)
{
	static const struct life_box none = LIFE_BOX_INIT;
	struct life_box *b = mem_alloc(sizeof(*b));

	*b = none;
	x->box = b;
	int r = life_store_open(h, id, true, b, e);

	if (r == 0)
		r = fill(x, b, may_have_ended, e);
	return r < 0 ? r : life_wait_signals(&x->abort_fd, e);
}

int life_held_open(const struct life_host *h, const char *id, struct life_held *x, struct err *e)
{
	int r = open_it(h, id, false, x, e);

	return r == 0 ? life_settle_check(((const struct life_box *)x->box)->rec, e) : r;
}

int life_held_open_any(const struct life_host *h, const char *id, struct life_held *x,
		       struct err *e)
{
	return open_it(h, id, true, x, e);
}

int life_held_end(struct life_held *x, struct err *e)
{
	if (x->status == SPEC_STOPPED)
		return 0;
	int r = cg_kill(&x->cg, e);

	if (r < 0)
		return r;
	r = proc_wait_gone(x->pidfd, LIFE_WAIT_MS);
	return r < 0 ? err_sys(e, r, "wait for the end of the container") : 0;
}

int life_held_note(struct life_held *x, pid_t maker, struct err *e)
{
	struct life_box *b = x->box;
	struct life_rec_process *by = arena_alloc(&b->arena, sizeof(*by));
	struct life_rec_process *its = arena_alloc(&b->arena, sizeof(*its));
	struct life_rec_held *held = arena_alloc(&b->arena, sizeof(*held));
	int r = life_machine_mark(getpid(), by);

	if (r == 0)
		r = life_machine_mark(maker, its);
	if (r < 0)
		return err_sys(e, r, "start times of this process and criu");
	*held = (struct life_rec_held){
		.by = by, .maker = its, .is_paused = {true, x->status == SPEC_PAUSED}};
	b->rec->held = held;
	return life_store_write(b, b->rec, e);
}

int life_held_commit(struct life_held *x, const char *epoch, const struct strvec *peer,
		     struct err *e)
{
	struct life_box *b = x->box;

	if (!b->rec->held)
		return err_set(e, ERR_BUG, EINVAL, "handed over before it was held");
	b->rec->held->epoch = arena_strdup(&b->arena, epoch);
	b->rec->held->peer = *peer;
	int r = life_store_write(b, b->rec, e);

	if (r < 0)
		b->rec->held->epoch = NULL;
	return r;
}

void life_held_back(void *held)
{
	struct life_held *x = held;

	life_settle_held(x->box, x->status == SPEC_STOPPED ? NULL : &x->cg);
}

void life_held_forget(struct life_held *x)
{
	struct life_box *b = x->box;
	struct err e = ERR_INIT;

	if (!b->rec->held)
		return;
	b->rec->held = NULL;
	if (life_store_write(b, b->rec, &e) < 0)
		log_warn("%s", e.text);
}
