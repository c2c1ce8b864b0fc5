// SPDX-License-Identifier: Apache-2.0
/*
 * cgroups/update: changes the limits of a living cgroup. Owns what a change needs beyond a first
 * write (apply.c): the other half of a value that was given by half, the order that never passes
 * through a state tighter than both the old and the new one, and the way back when a write fails.
 * It must not know a container, nor what a property means (knobs.c). Called by runtime/life.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "base/log.h"
#include "base/num.h"
#include "base/str.h"
#include "cgroups/internal.h"
#include "cgroups/knobs.h"
#include "base/ban.h"

/* One write, and the way back. */
struct cg_update_item {
	struct knob_write w; /* of the file that is really there; text NULL: only the way back */
	const char *old;     /* what to write to go back; NULL: not known */
	int direction;	     /* 1 looser, -1 tighter, 0 neither */
	bool is_dropped;     /* a later item overrides it, or nothing would change */
	bool is_all;	     /* an empty list: what that comes to is known when it is written */
};

void cg_update_done(struct cg_update *u)
{
	arena_done(&u->arena);
	u->items = NULL;
	u->done = NULL;
	u->plan = NULL;
	u->n = u->n_done = 0;
}

/* ---- what is not said stays as it is ---- */

/* V02, V03, V06: quota, period and burst are one value with three parts. */
static int complete_bandwidth(const struct cg *c, struct spec_cpu *cpu, struct err *e)
{
	const bool has_quota = cpu->quota.has && cpu->quota.v != 0;
	const bool has_period = cpu->period.has && cpu->period.v != 0;
	const bool has_burst = cpu->burst.has && cpu->burst.v != 0;
	uint64_t period, burst = 0;
	int64_t quota;

	if (!has_quota && !has_period && !has_burst)
		return 0;
	int r = cg_limits_cpu_max(c, &quota, &period);
	/* Without the file the write will say so. Not known is not the same as none. */
	if (r < 0 && r != -ENOENT && (!has_quota || !has_period))
		return err_sys(e, r, "read cpu.max of cgroup \"%s\"", c->path);
	if (!has_period)
		cpu->period = (struct opt_u64){true, period};
	if (!has_quota)
		cpu->quota = (struct opt_i64){true, quota};
	if (cpu->burst.has || cpu->quota.v <= 0 ||
	    cg_read_u64(c, "cpu.max.burst", NULL, &burst) < 0 || burst <= (uint64_t)cpu->quota.v)
		return 0;
	return err_set(e, ERR_INPUT, EINVAL,
		       "linux.resources.cpu.quota: %" PRId64
		       " is less than the burst in force, %" PRIu64 ": lower cpu.burst as well",
		       cpu->quota.v, burst);
}

/* The kernel forgets the weight of what is idle, and refuses one for it (conformance.md 2.1). */
static void complete_weight(const struct cg *c, struct cg_update *u, struct spec_resources *res)
{
	struct spec_cpu *cpu = res->cpu;
	uint64_t idle = 0;

	if (cg_read_u64(c, "cpu.idle", NULL, &idle) < 0)
		idle = 0;
	if (idle && !cpu->idle.has && cpu->shares.has && cpu->shares.v) {
		log_warn("linux.resources.cpu.shares: without effect while cpu.idle is 1");
		cpu->idle = (struct opt_i64){true, 1};
		return;
	}
	if (!idle || !cpu->idle.has || cpu->idle.v != 0 || cpu->shares.has ||
	    json_map_value(&res->unified, "cpu.weight"))
		return;
	/* In force, but for the idleness. */
	if (u->force->cpu && u->force->cpu->shares.has)
		cpu->shares = u->force->cpu->shares;
	const char *weight = json_map_value(&u->force->unified, "cpu.weight");
	if (!weight)
		return;
	struct strpair *v = arena_array(&u->arena, res->unified.n + 1, sizeof(*v));
	if (res->unified.n)
		memcpy(v, res->unified.v, res->unified.n * sizeof(*v));
	v[res->unified.n++] = (struct strpair){(char *)"cpu.weight", (char *)weight};
	res->unified.v = v;
}

/* V21: memory.swap counts both, so each of the two depends on the other. */
static int complete_memory(const struct cg *c, const struct cg_update *u, struct spec_memory *m,
			   struct err *e)
{
	const struct spec_memory *force = u->force->memory;
	const bool has_limit = m->limit.has && m->limit.v != 0;
	const bool has_swap = m->swap.has && m->swap.v != 0;
	uint64_t limit;

	if (has_limit && !has_swap && m->limit.v > 0 && force && force->swap.v > 0) {
		if (force->swap.v < m->limit.v)
			return err_set(e, ERR_INPUT, EINVAL,
				       "linux.resources.memory.limit: %" PRId64
				       " is more than the memory.swap in force, %" PRId64
				       " (memory and swap together): raise memory.swap as well",
				       m->limit.v, force->swap.v);
		m->swap = force->swap;
	}
	if (has_limit || !has_swap || m->swap.v < 0)
		return 0;
	if (cg_read_u64(c, "memory.max", NULL, &limit) < 0)
		return 0; /* the write itself will say so */
	if (limit <= INT64_MAX)
		m->limit = (struct opt_i64){true, (int64_t)limit};
	else if (force && force->limit.v < 0)
		m->limit = force->limit; /* it was lifted: swap is counted alone (V25) */
	return 0;
}

/* V29. The words are those of runc, which its callers know. */
static int check_usage(const struct cg *c, const struct cg_update *u, const struct spec_memory *m,
		       struct err *e)
{
	const struct spec_memory *force = u->force->memory;
	const struct opt_bool *check = m->check_before_update.has || !force
					       ? &m->check_before_update
					       : &force->check_before_update;
	uint64_t usage = 0, swap = 0;

	if (u->is_resize || !check->v || cg_read_u64(c, "memory.current", NULL, &usage) < 0)
		return 0;
	if (cg_read_u64(c, "memory.swap.current", NULL, &swap) < 0)
		swap = 0;
	if (m->swap.v > 0 && (uint64_t)m->swap.v <= usage + swap)
		return err_set(e, ERR_STATE, EBUSY,
			       "linux.resources.memory.swap: rejecting memory+swap limit %" PRId64
			       ": the container uses %" PRIu64 " (checkBeforeUpdate)",
			       m->swap.v, usage + swap);
	if (m->limit.v > 0 && (uint64_t)m->limit.v <= usage)
		return err_set(e, ERR_STATE, EBUSY,
			       "linux.resources.memory.limit: rejecting memory limit %" PRId64
			       ": the container uses %" PRIu64 " (checkBeforeUpdate)",
			       m->limit.v, usage);
	return 0;
}

/* *ret is u->want with the parts that it leaves as they are. */
static int complete(const struct cg *c, struct cg_update *u, struct spec_resources *ret,
		    struct err *e)
{
	int r = 0;

	*ret = *u->want;
	if (ret->cpu) {
		struct spec_cpu *cpu = arena_alloc(&u->arena, sizeof(*cpu));
		*cpu = *u->want->cpu;
		ret->cpu = cpu;
		complete_weight(c, u, ret);
		r = complete_bandwidth(c, cpu, e);
	}
	if (r == 0 && ret->memory) {
		struct spec_memory *m = arena_alloc(&u->arena, sizeof(*m));
		*m = *u->want->memory;
		ret->memory = m;
		r = complete_memory(c, u, m, e);
		if (r == 0)
			r = check_usage(c, u, m, e);
	}
	return r;
}

/* ---- the way back ---- */

static int read_old(const struct cg *c, struct cg_update_item *it, struct arena *a)
{
	return cg_before_read(c->dir_fd, it->w.file, it->w.text, a, &it->old);
}

/* One row of the plan, with the file that is there. Return: 1 = an item, 0 = nothing to do. */
static int make_item(const struct cg *c, struct cg_update *u, const struct knob_write *w,
		     struct cg_update_item *it, struct err *e)
{
	*it = (struct cg_update_item){.w = *w};
	if (w->alt_file && faccessat(c->dir_fd, w->file, F_OK, 0) < 0) {
		it->w.file = w->alt_file;
		it->w.text = w->alt_text;
	}
	int r = read_old(c, it, &u->arena);
	if (r == -ENOENT && (w->flags & (KNOB_LIFT | KNOB_FILE_OPTIONAL)))
		return 0;
	if (r < 0)
		return cg_apply_refused(c, w, r, e);
	it->w.alt_file = NULL;
	it->direction = cg_before_compare(it->w.file, it->w.text, it->old);
	it->is_dropped = it->old && str_eq(it->old, it->w.text);
	it->is_all = !it->is_dropped && str_eq(it->w.text, "\n");
	if (it->is_all)
		it->w.text = cg_before_full_list(c->dir_fd, it->w.file, "\n", &u->arena);
	return 1;
}

static void add_item(struct cg_update *u, const struct cg_update_item *it)
{
	/* The last one to name a file has the word: unified overrides (V56). */
	for (size_t i = 0; it->w.text && i < u->n; i++)
		if (str_eq(u->items[i].w.file, it->w.file) && !cg_before_is_keyed(it->w.file))
			u->items[i].is_dropped = true;
	u->items[u->n++] = *it;
}

static int make_items(const struct cg *c, struct cg_update *u, const struct knob_plan *p,
		      struct err *e)
{
	u->n = u->n_done = 0;
	/* One more for each: the weight that an idle cgroup loses. */
	u->items = arena_array(&u->arena, 2 * p->n + 1, sizeof(*u->items));
	u->done = arena_array(&u->arena, 2 * p->n + 1, sizeof(*u->done));
	for (size_t i = 0; i < p->n; i++) {
		struct cg_update_item it;
		int r = make_item(c, u, &p->v[i], &it, e);
		if (r < 0)
			return r;
		if (r == 0)
			continue;
		if (str_eq(it.w.file, "cpu.idle") && str_eq(it.w.text, "1") && !it.is_dropped) {
			struct cg_update_item weight = {.w = p->v[i]};
			weight.w.file = "cpu.weight";
			weight.w.text = "";
			r = read_old(c, &weight, &u->arena);
			weight.w.text = NULL;
			if (r == 0)
				add_item(u, &weight);
		}
		add_item(u, &it);
	}
	return 0;
}

static void put_back(const struct cg *c, const struct cg_update_item *it, struct arena *a)
{
	/* By now the one above may have all again. */
	const char *old = it->old ? cg_before_full_list(c->dir_fd, it->w.file, it->old, a) : NULL;
	int r = old ? file_write_kernel(c->dir_fd, it->w.file, old) : 0;

	if (!it->old)
		log_warn("%s of cgroup \"%s\": its old value is not known, so it stays changed",
			 it->w.file, c->path);
	else if (r < 0)
		log_warn("put \"%.64s\" back into %s of cgroup \"%s\": %s", old, it->w.file,
			 c->path, err_words(r));
}

/* ---- devices ---- */

/* U106: only when they are named. is_back: the rules in force take the place of the new ones. */
static int replace_devices(const struct cg *c, const struct cg_update *u, bool is_back,
			   struct err *e)
{
	struct spec_config now = *u->conf, before = *u->conf;
	struct spec_linux linux_now = *u->conf->linux_, linux_before = *u->conf->linux_;
	struct spec_resources res_now = {.devices = u->want->devices};

	linux_now.resources = &res_now;
	now.linux_ = &linux_now;
	linux_before.resources = (struct spec_resources *)u->force;
	before.linux_ = &linux_before;
	const struct spec_config *from = is_back ? &now : &before, *to = is_back ? &before : &now;
	int r = cg_set_devices(c, from, to, e);

	if (r == 0)
		r = cg_devices_replace(c, from, to, u->is_rootless, e);
	return r == 0 ? cg_set_devices(c, NULL, to, e) : r;
}

/* ---- writing ---- */

static void set_back(const struct cg *c, const struct cg_update *u, enum cg_when when)
{
	struct err e = ERR_INIT;

	if (u->plan && cg_set_plan(c, u->plan, when, &e) < 0)
		log_warn("put the old limits back: %s", e.text);
}

void cg_update_undo(const struct cg *c, struct cg_update *u)
{
	struct err e = ERR_INIT;

	if (u->has_new_devices && replace_devices(c, u, true, &e) < 0)
		log_warn("put the old device rules back: %s", e.text);
	u->has_new_devices = false;
	err_clear(&e);
	set_back(c, u, CG_BACK_BEFORE);
	while (u->n_done > 0)
		put_back(c, &u->items[u->done[--u->n_done]], &u->arena);
	set_back(c, u, CG_BACK_AFTER);
}

bool cg_update_sets(const struct cg_update *u, const char *file)
{
	for (size_t i = 0; i < u->n; i++)
		if (u->items[i].w.text && str_eq(u->items[i].w.file, file) &&
		    !str_starts(u->items[i].w.prop, "linux.resources.unified"))
			return true;
	return false;
}

/* Writes item i. *again: a burst that waits for its quota. */
static int write_item(const struct cg *c, struct cg_update *u, size_t i, size_t *again,
		      struct err *e)
{
	struct cg_update_item *it = &u->items[i];
	uint64_t limit;

	if (it->is_all)
		it->w.text = cg_before_full_list(c->dir_fd, it->w.file, "\n", &u->arena);
	if (it->w.text)
		log_debug("update: \"%.64s\" to %s", it->w.text, it->w.file);
	if (it->direction < 0 && str_eq(it->w.file, "memory.max") &&
	    cg_before_limit(it->w.text, &limit) == 0)
		cg_room_make(c, limit);
	int r = it->w.text ? cg_apply_write(c, &it->w) : 0;

	if (r == -EINVAL && (it->w.flags & KNOB_AGAIN)) {
		*again = i;
		return 0;
	}
	if (r < 0)
		return cg_apply_refused(c, &it->w, r, e);
	u->done[u->n_done++] = i;
	if (*again == SIZE_MAX)
		return 0;
	r = cg_apply_write(c, &u->items[*again].w);
	if (r == 0) {
		u->done[u->n_done++] = *again;
		*again = SIZE_MAX;
	}
	return 0;
}

/*
 * First what loosens or is neither, in the order of the table; then what tightens, backwards, so
 * that memory.max shrinks while there still is the swap to shrink into. So memory that moves to
 * swap, or back, never finds less room than before and afterwards.
 */
static int write_items(const struct cg *c, struct cg_update *u, struct err *e)
{
	size_t again = SIZE_MAX;
	int r = 0;

	for (size_t i = 0; r == 0 && i < u->n; i++)
		if (!u->items[i].is_dropped && u->items[i].direction >= 0)
			r = write_item(c, u, i, &again, e);
	if (r == 0 && again != SIZE_MAX) {
		r = cg_apply_write(c, &u->items[again].w);
		if (r < 0)
			return cg_apply_refused(c, &u->items[again].w, r, e);
		u->done[u->n_done++] = again;
	}
	for (size_t i = u->n; r == 0 && i-- > 0;)
		if (!u->items[i].is_dropped && u->items[i].direction < 0)
			r = write_item(c, u, i, &again, e);
	return r;
}

/* The kernel may round a number down, it never makes a limit looser; cpu.max and what is no limit
 * it takes as it is. Texts of another grammar it has judged itself. */
static bool is_in_force(const struct cg_update_item *it, const char *now)
{
	uint64_t want, got;

	if (cg_before_is_keyed(it->w.file))
		return true;
	if (str_eq(it->w.file, "cpu.max"))
		return str_eq(now, it->w.text) || str_starts(it->w.prop, "linux.resources.unified");
	if (cg_before_limit(it->w.text, &want) < 0 || cg_before_limit(now, &got) < 0)
		return true;
	return str_eq(it->w.file, "cpu.weight") || str_eq(it->w.file, "cpu.idle") ? got == want
										  : got <= want;
}

static int verify(const struct cg *c, struct cg_update *u, struct err *e)
{
	for (size_t i = 0; i < u->n_done; i++) {
		const struct cg_update_item *it = &u->items[u->done[i]];
		const char *now = NULL;

		if (!it->w.text || !it->old ||
		    cg_before_read(c->dir_fd, it->w.file, it->w.text, &u->arena, &now) < 0 ||
		    !now || is_in_force(it, now))
			continue;
		return err_set(
			e, ERR_KERNEL, EIO,
			"%s: \"%.64s\" was written to %s of cgroup \"%s\", but it holds \"%.64s\"",
			it->w.prop, it->w.text, it->w.file, c->path, now);
	}
	return 0;
}

/* All that is wrong in itself ends here: nothing was written. *ret is u->want, completed. */
static int prepare(const struct cg *c, struct cg_update *u, struct spec_resources *ret,
		   struct err *e)
{
	struct knob_plan *plan = arena_alloc(&u->arena, sizeof(*plan));
	int r = complete(c, u, ret, e);

	*plan = (struct knob_plan){.arena = &u->arena, .is_update = true};
	if (r == 0)
		r = cg_knobs_plan(ret, plan, e);
	u->plan = plan;
	return r == 0 ? make_items(c, u, plan, e) : r;
}

int cg_update_list(const struct cg *c, struct cg_update *u, struct cg_write **ret, size_t *ret_n,
		   struct err *e)
{
	struct spec_resources res;
	int r = prepare(c, u, &res, e);

	if (r < 0)
		return r;
	struct cg_write *v = arena_array(&u->arena, u->n + 1, sizeof(*v));
	size_t n = 0;

	/* As write_items(). */
	for (size_t k = 0; k < 2 * u->n; k++) {
		const struct cg_update_item *it = &u->items[k < u->n ? k : 2 * u->n - 1 - k];
		bool is_tighter = it->direction < 0;

		if (it->w.text && !it->is_dropped && is_tighter == (k >= u->n))
			v[n++] = (struct cg_write){it->w.file, it->old, it->w.text};
	}
	*ret = v;
	*ret_n = n;
	return 0;
}

int cg_update_notes(const struct cg *c, struct cg_update *u, struct strvec *ret, struct err *e)
{
	struct spec_resources res;
	int r = prepare(c, u, &res, e);

	if (r < 0)
		return r;
	u->is_ready = true;
	ret->v = arena_array(&u->arena, u->n + 1, sizeof(*ret->v));
	ret->n = 0;
	/* As write_items(); a weight that an idle cgroup loses stands before its idleness. */
	for (size_t k = 0; k < 2 * u->n; k++) {
		const struct cg_update_item *it = &u->items[k < u->n ? k : 2 * u->n - 1 - k];

		if (it->old && !it->is_dropped && (it->direction < 0) == (k >= u->n))
			ret->v[ret->n++] = arena_printf(&u->arena, "%s %s", it->w.file, it->old);
	}
	return 0;
}

/* A swap limit below what is in swap makes that come back, for which there must be room: then the
 * memory limit in force is s->target. */
static bool swap_shrinks(const struct cg *c, const struct cg_update_item *it, struct cg_shrink *s)
{
	uint64_t limit, now;

	return it->direction < 0 && cg_before_limit(it->w.text, &limit) == 0 &&
	       cg_read_u64(c, "memory.swap.current", NULL, &now) == 0 && now > limit &&
	       cg_read_u64(c, "memory.max", NULL, &s->target) == 0 && s->target != CG_UNLIMITED;
}

int cg_update_shrinks(const struct cg *c, struct cg_update *u, struct cg_shrink *s, struct err *e)
{
	struct spec_resources res;
	char high[64];
	uint64_t limit = CG_UNLIMITED;
	int memory = 0, swap = 0; /* directions */
	int r = prepare(c, u, &res, e);

	if (r < 0)
		return r;
	s->rest[0] = '\0';
	if (file_read_kernel(c->dir_fd, "memory.high", high, sizeof(high)) > 0) {
		high[strcspn(high, "\n")] = '\0';
		str_copy(s->rest, sizeof(s->rest), high);
	}
	for (size_t i = 0; i < u->n; i++) {
		const struct cg_update_item *it = &u->items[i];

		if (!it->w.text || it->is_dropped || it->direction == 0)
			continue;
		if (str_eq(it->w.file, "memory.max") && cg_before_limit(it->w.text, &limit) == 0) {
			memory = it->direction;
			r = r || memory < 0;
		}
		if (!str_eq(it->w.file, "memory.swap.max"))
			continue;
		s->swap = it->w.text;
		str_copy(s->old_swap, sizeof(s->old_swap), it->old);
		swap = it->direction;
		r = swap_shrinks(c, it, s) || r;
	}
	s->is_swap_late = memory > 0 && swap < 0;
	if (memory > 0 && limit == CG_UNLIMITED)
		r = 0;
	if (limit != CG_UNLIMITED)
		s->target = limit;
	return r;
}

int cg_update(const struct cg *c, struct cg_update *u, struct err *e)
{
	struct spec_resources res;
	int r = u->is_ready ? 0 : prepare(c, u, &res, e);

	u->is_ready = false;
	if (r == 0)
		r = cg_set_plan(c, u->plan, CG_BEFORE, e);
	if (r < 0)
		return r;
	r = write_items(c, u, e);
	if (r == 0)
		r = verify(c, u, e);
	if (r == 0)
		r = cg_apply_check_lists(c, u->want, e);
	/* After what may be refused: it is one step that either happens or not. */
	if (r == 0 && u->want->devices.n) {
		u->has_new_devices = true;
		r = replace_devices(c, u, false, e);
	}
	if (r == 0)
		r = cg_set_plan(c, u->plan, CG_AFTER, e);
	if (r < 0)
		cg_update_undo(c, u);
	return r;
}
