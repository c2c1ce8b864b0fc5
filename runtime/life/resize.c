/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/life/resize: the verb resize: limits change as in update (update.c), but memory is taken
 * back before its limit is lowered, for which the lock is given up: what the record says then
 * ("shrink") keeps other changes of limits away, and lets the next one put memory.high back when we
 * are killed. It must not know how memory is taken back (cgroups/shrink.c).
 */
#include "runtime/life/internal.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "base/log.h"
#include "base/num.h"
#include "base/proc.h"
#include "base/ban.h"

struct resize {
	const struct life_host *h;
	struct life_resize_args *a;
	struct life_limits l;
	struct cg_shrink s;
};

static uint64_t ooms(const struct resize *z)
{
	uint64_t n = 0;

	return cg_read_u64(&z->l.cg, "memory.events", "oom_kill", &n) == 0 ? n : 0;
}

/* ---- the record while memory is taken back ---- */

static int write_intent(struct resize *z, struct err *e)
{
	struct life_rec_process by;
	struct life_rec_shrink shrink = {.by = &by,
					 .high = z->s.rest,
					 .swap = z->s.swap && !z->s.is_swap_late ? z->s.old_swap
										 : NULL};
	struct life_record rec = *z->l.box.rec;
	int r = life_machine_mark(getpid(), &by);

	if (r < 0)
		return err_sys(e, r, "read our own start time");
	rec.shrink = &shrink;
	return life_store_write(&z->l.box, &rec, e);
}

/* Locked again: nobody else may have changed limits, but the container may have ended. */
static int come_back(struct resize *z, struct err *e)
{
	int r = life_store_relock(&z->l.box, e);
	const struct life_rec_shrink *was = r == 0 ? z->l.box.rec->shrink : NULL;

	if (r < 0)
		return r;
	if (!was || was->by->pid.v != getpid())
		return err_set(e, ERR_STATE, EBUSY,
			       "another command changed the container while memory was taken back");
	z->l.shrink = z->l.box.rec->shrink;
	z->l.box.rec->shrink = NULL;
	return life_machine_check(LIFE_UPDATE, life_machine_status(&z->l.box), e);
}

static void drop_intent(struct resize *z)
{
	struct err e = ERR_INIT;

	if (!z->l.box.is_locked && come_back(z, &e) < 0 && e.code == ENOENT)
		return;
	if (!e.code && life_store_write(&z->l.box, z->l.box.rec, &e) == 0)
		return;
	/* The next resize or update finds the rest of it. */
	log_debug("take the mark of the resize off the record: %s", e.text);
}

/* ---- */

static int take_back(struct resize *z, struct err *e)
{
	AUTO_FD abort_fd = FD_NONE;
	int r = life_wait_signals(&abort_fd, e);

	if (r == 0)
		r = write_intent(z, e);
	if (r < 0)
		return r;
	life_store_unlock(&z->l.box);
	z->s.abort_fd = abort_fd;
	z->s.deadline_ms = z->a->deadline_ms;
	z->s.progress = z->a->progress;
	z->s.arg = z->a->arg;
	r = cg_shrink(&z->l.cg, &z->s, e);
	z->a->taken = z->s.before > z->s.lowest ? z->s.before - z->s.lowest : 0;
	if (r == -EBUSY)
		z->a->floor = z->s.floor;
	if (r == -EINTR) {
		struct err which = ERR_INIT;

		if (life_wait_tell(abort_fd, &which) < 0)
			*e = which;
	}
	if (r == -EBUSY && z->a->is_forced) {
		log_debug("%s", e->text);
		err_clear(e);
		r = 0;
	}
	if (r == 0)
		r = come_back(z, e);
	if (r < 0) {
		cg_shrink_undo(&z->l.cg, &z->s);
		drop_intent(z);
	}
	return r;
}

static int change(struct resize *z, struct err *e)
{
	int r = life_limits_merge(&z->l, e);

	if (r < 0)
		return r;
	AUTO(cg_update) up = life_limits_update(z->h, &z->l);
	uint64_t n_ooms = ooms(z);

	up.is_resize = true;
	r = cg_update_shrinks(&z->l.cg, &up, &z->s, e);
	bool is_shrinking = r > 0;

	if (is_shrinking)
		r = take_back(z, e);
	if (r < 0)
		return r;
	r = life_limits_write(&z->l, &up, e);
	if (r < 0 && is_shrinking) {
		cg_shrink_undo(&z->l.cg, &z->s);
		drop_intent(z);
	}
	if (r < 0)
		return r;
	/* The one that was asked for, from now on. */
	const char *high = json_map_value(&z->l.want.unified, "memory.high");

	if (high)
		str_copy(z->s.rest, sizeof(z->s.rest), high);
	cg_shrink_done(&z->l.cg, &z->s);
	n_ooms = ooms(z) - n_ooms;
	if (is_shrinking && n_ooms)
		log_warn("while its memory limit was lowered the kernel ended %" PRIu64
			 " of the container's processes (oom_kill)",
			 n_ooms);
	return 0;
}

int life_resize(const struct life_host *h, struct life_resize_args *a, struct err *e)
{
	struct resize z = {.h = h, .a = a, .l = LIFE_LIMITS_INIT, .s = {.abort_fd = FD_NONE}};
	int r = life_limits_open(h, a->id, true, &z.l, e);

	a->floor = a->taken = 0;
	if (r == 0) {
		z.l.want = *a->want;
		z.l.guard = a->guard;
		r = change(&z, e);
	}
	life_limits_done(&z.l);
	return r;
}

/* ---- before ---- */

static uint64_t limit_of(const char *text)
{
	uint64_t v;

	return num_u64(text, &v) < 0 ? CG_UNLIMITED : v;
}

int life_resize_look(const struct life_host *h, const char *id, struct arena *a,
		     struct life_size *ret, struct err *e)
{
	AUTO(life_box) b = LIFE_BOX_INIT;
	AUTO(cg) cg = CG_NONE;
	int r = life_store_open(h, id, false, &b, e);

	*ret = (struct life_size){0};
	if (r < 0)
		return r;
	ret->status = life_machine_status(&b);
	r = life_machine_check(LIFE_UPDATE, ret->status, e);
	if (r < 0)
		return r;
	r = life_machine_cgroup(&b, &cg, e);
	if (r < 0)
		return err_prefix(e, "its limits cannot be changed");
	cg_limits_read(&cg, a, &ret->limits);
	/* What a resize that is at work, or was killed, will put back. */
	const struct life_rec_shrink *was = b.rec->shrink;

	if (was)
		ret->limits.high = limit_of(was->high);
	if (was && was->swap)
		ret->limits.swap = limit_of(was->swap);
	/* And what an autosize that was killed has left. */
	const struct life_rec_guard *guard = b.rec->guard;

	if (guard && !life_machine_lives(b.rec, guard->by))
		ret->limits.high = limit_of(guard->high);
	ret->floor = cg_limits_floor(&cg);
	return cg_stats_read(&cg, a, &ret->stats, e);
}

static void add_write(struct life_resize_plan *p, const char *file, const char *from,
		      const char *to)
{
	p->v[p->n++] = (struct cg_write){file, from, to};
}

/* cg_shrink()'s own writes around those of cg_update(). */
static void add_shrink(const struct resize *z, const struct cg_write *v, size_t n, struct arena *a,
		       struct life_resize_plan *ret)
{
	const char *high = arena_printf(a, "%" PRIu64, cg_shrink_high(z->s.target));
	const char *rest = json_map_value(&z->l.want.unified, "memory.high");
	uint64_t usage = 0;

	ret->target = z->s.target;
	if (z->s.swap && !z->s.is_swap_late)
		add_write(ret, "memory.swap.max", z->s.old_swap, z->s.swap);
	add_write(ret, "memory.high", z->s.rest, high);
	if (cg_read_u64(&z->l.cg, "memory.current", NULL, &usage) == 0 &&
	    usage > cg_shrink_high(z->s.target))
		add_write(ret, "memory.reclaim", NULL,
			  arena_printf(a, "%" PRIu64, usage - cg_shrink_high(z->s.target)));
	for (size_t i = 0; i < n; i++)
		if (!str_eq(v[i].file, "memory.high") &&
		    (!z->s.swap || z->s.is_swap_late || !str_eq(v[i].file, "memory.swap.max")))
			ret->v[ret->n++] = v[i];
	add_write(ret, "memory.high", high, rest ? rest : z->s.rest);
}

static void copy(struct cg_write *w, struct arena *a)
{
	w->file = arena_strdup(a, w->file);
	w->from = w->from ? arena_strdup(a, w->from) : NULL;
	w->to = arena_strdup(a, w->to);
}

int life_resize_plan(const struct life_host *h, const struct life_resize_args *args,
		     struct arena *a, struct life_resize_plan *ret, struct err *e)
{
	struct resize z = {.h = h, .l = LIFE_LIMITS_INIT, .s = {.abort_fd = FD_NONE}};
	struct cg_write *v = NULL;
	size_t n = 0;
	int r = life_limits_open(h, args->id, false, &z.l, e);

	*ret = (struct life_resize_plan){0};
	if (r == 0) {
		z.l.want = *args->want;
		r = life_limits_merge(&z.l, e);
	}
	AUTO(cg_update) up = life_limits_update(h, &z.l);

	up.is_resize = true;
	if (r == 0)
		r = cg_update_shrinks(&z.l.cg, &up, &z.s, e);
	bool is_shrinking = r > 0;

	if (r >= 0)
		r = cg_update_list(&z.l.cg, &up, &v, &n, e);
	if (r == 0) {
		ret->v = arena_array(a, n + 4, sizeof(*ret->v));
		if (is_shrinking)
			add_shrink(&z, v, n, a, ret);
		for (size_t i = 0; !is_shrinking && i < n; i++)
			ret->v[ret->n++] = v[i];
		for (size_t i = 0; i < ret->n; i++)
			copy(&ret->v[i], a);
	}
	cg_update_done(&up);
	life_limits_done(&z.l);
	return r;
}
