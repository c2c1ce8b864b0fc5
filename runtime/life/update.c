/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/life/update: the verb update: from a document and options to the limits that are to be,
 * and the record of those that are in force. It must not know a controller's file
 * (cgroups/update.c).
 */
#include "runtime/life/internal.h"

#include <errno.h>

#include "base/file.h"
#include "base/log.h"
#include "base/ban.h"

struct update {
	const struct life_update_args *a;
	struct life_limits l;
};

static int load_document(struct update *u, struct err *e)
{
	const char *name = u->a->resources;
	const bool is_stdin = str_eq(name, "-");
	struct json_errors errs = {.arena = &u->l.box.arena};
	struct spec_resources *doc;
	AUTO(buf) text = {0};
	int r = file_read_path(is_stdin ? "/dev/stdin" : name, JSON_DOCUMENT_MAX, &text);

	if (is_stdin)
		name = "standard input";
	if (r < 0)
		return err_sys(e, r, "--resources: read \"%s\"", name);
	if (spec_load_resources(text.data ? text.data : "", text.len, &u->l.box.arena, &errs,
				&doc) < 0)
		return spec_errors_to_err(&errs, name, e);
	json_merge(&spec_table_resources, &u->l.want, doc, &u->l.box.arena);
	/* With --strict a warning about the document is an error before anything changes. */
	return log_strict_check(e);
}

/* U108. has_only_check: does nothing but refuse where there is no group. */
static int update_rdt(const struct update *u, bool has_only_check, struct err *e)
{
	struct cg_rdt rdt = life_rdt_of(u->l.box.rec);

	if (has_only_check && rdt.group)
		return 0;
	return cg_rdt_update(&rdt, u->a->l3_cache_schema, u->a->mem_bw_schema, e);
}

/* ---- shared with resize ---- */

void life_limits_done(struct life_limits *l)
{
	cg_done(&l->cg);
	life_box_done(&l->box);
}

/* What a resize that was killed left: memory.high, which would slow the container down for ever. */
static int put_back(struct life_limits *l, struct err *e)
{
	const struct life_rec_shrink *was = l->box.rec->shrink;
	AUTO(cg) cg = CG_NONE;

	if (!was)
		return 0;
	if (life_machine_lives(l->box.rec, was->by))
		return err_set(e, ERR_BUSY, EBUSY,
			       "container is busy: a resize is taking memory back (pid %d)",
			       (int)was->by->pid.v);
	int r = life_machine_cgroup(&l->box, &cg, e);

	if (r < 0)
		return r;
	struct cg_shrink s = {.is_held = true, .swap = was->swap};

	str_copy(s.rest, sizeof(s.rest), was->high);
	str_copy(s.old_swap, sizeof(s.old_swap), was->swap ? was->swap : "");
	cg_shrink_undo(&cg, &s);
	l->box.rec->shrink = NULL;
	return life_store_write(&l->box, l->box.rec, e);
}

/* What an autosize that was killed left, which would do the same: through the manager, since it was
 * put there through it. */
static int put_guard_back(const struct life_host *h, struct life_limits *l, struct err *e)
{
	const struct life_rec_guard *was = l->box.rec->guard;
	const struct spec_resources want = l->want;
	const char *guard = l->guard;

	if (!was || life_machine_lives(l->box.rec, was->by))
		return 0;
	log_info("an autosize of the container was killed: its memory.high is put back");
	struct strpair *high = arena_array(&l->box.arena, 1, sizeof(*high));
	struct spec_resources *now = arena_alloc(&l->box.arena, sizeof(*now));

	*high = (struct strpair){(char *)"memory.high", was->high};
	l->want = (struct spec_resources){.unified = {high, 1}};
	/* It is nobody's afterwards, whoever we are. */
	l->guard = NULL;
	int r = life_limits_merge(l, e);

	if (r == 0) {
		AUTO(cg_update) up = life_limits_update(h, l);

		r = life_limits_write(l, &up, e);
	}
	*now = l->merged;
	l->want = want;
	l->guard = guard;
	cg_done(&l->cg);
	l->cg = (struct cg)CG_NONE;
	if (r < 0)
		return err_prefix(e, "put back the memory.high that a killed autosize left");
	l->box.rec->resources = now;
	l->box.rec->guard = NULL;
	return 0;
}

int life_limits_open(const struct life_host *h, const char *id, bool is_locked,
		     struct life_limits *l, struct err *e)
{
	int r = life_store_open(h, id, is_locked, &l->box, e);

	if (r == 0)
		r = life_machine_check(LIFE_UPDATE, life_machine_status(&l->box), e);
	if (r == 0 && is_locked)
		r = put_back(l, e);
	if (r == 0)
		r = life_store_config(&l->box, &l->conf, e);
	return r == 0 && is_locked ? put_guard_back(h, l, e) : r;
}

int life_limits_settle(const struct life_host *h, const char *id, struct err *e)
{
	struct life_limits l = LIFE_LIMITS_INIT;
	int r = life_limits_open(h, id, true, &l, e);

	life_limits_done(&l);
	return r;
}

int life_limits_merge(struct life_limits *l, struct err *e)
{
	const struct spec_resources *force =
		l->box.rec->resources ? l->box.rec->resources : l->conf->linux_->resources;
	struct arena *a = &l->box.arena;

	if (force)
		l->in_force = *force;
	l->merged = l->in_force;
	json_merge(&spec_table_resources, &l->merged, &l->want, a);
	/* V24: memory without a limit is swap without one. */
	const struct spec_memory *m = l->want.memory;
	if (m && m->limit.v < 0 && !m->swap.v)
		l->merged.memory->swap = (struct opt_i64){true, -1};
	int r = life_machine_cgroup(&l->box, &l->cg, e);

	return r < 0 ? err_prefix(e, "its limits cannot be changed") : 0;
}

struct cg_update life_limits_update(const struct life_host *h, const struct life_limits *l)
{
	return (struct cg_update){.want = &l->want,
				  .force = &l->in_force,
				  .conf = l->conf,
				  .is_rootless = life_is_rootless(h)};
}

/* What a property says now, `unified` must not say otherwise later. */
static void drop_overridden(struct life_limits *l, const struct cg_update *done)
{
	struct strmap *v = &l->merged.unified;
	struct strmap kept = {.v = arena_array(&l->box.arena, v->n + 1, sizeof(*v->v))};

	for (size_t i = 0; i < v->n; i++) {
		if (json_map_value(&l->want.unified, v->v[i].key) ||
		    !cg_update_sets(done, v->v[i].key))
			kept.v[kept.n++] = v->v[i];
	}
	if (v->v)
		*v = kept;
}

/* Killed from here on, it has not happened: the next command puts the limits back (settle.c). */
static int write_intent(struct life_limits *l, struct cg_update *up, struct err *e)
{
	struct life_rec_undo undo = {.has_devices = {true, l->want.devices.n > 0}};
	struct life_record rec = *l->box.rec;
	int r = cg_update_notes(&l->cg, up, &undo.files, e);

	if (r < 0 || (!undo.files.n && !undo.has_devices.v))
		return r;
	rec.undo = &undo;
	rec.shrink = l->shrink;
	return life_store_write(&l->box, &rec, e);
}

static void drop_intent(struct life_limits *l)
{
	struct err e = ERR_INIT;

	if (life_store_write(&l->box, l->box.rec, &e) < 0)
		log_warn("put the record of the old limits back: %s", e.text);
}

/* Whose memory.high it is from now on, if it was asked for. */
static int note_guard(const struct life_limits *l, struct life_record *rec,
		      struct life_rec_guard *guard, struct err *e)
{
	if (!json_map_value(&l->want.unified, "memory.high"))
		return 0;
	rec->guard = NULL;
	if (!l->guard)
		return 0;
	guard->high = (char *)l->guard;
	rec->guard = guard;
	int r = life_machine_mark(getpid(), guard->by);

	return r < 0 ? err_sys(e, r, "read our own start time") : 0;
}

int life_limits_write(struct life_limits *l, struct cg_update *up, struct err *e)
{
	struct life_rec_process by;
	struct life_rec_guard guard = {.by = &by};
	int r = write_intent(l, up, e);

	if (r < 0)
		return r;
	r = cg_update(&l->cg, up, e);
	if (r < 0) {
		drop_intent(l);
		return r;
	}
	drop_overridden(l, up);
	struct life_record rec = *l->box.rec;

	rec.resources = &l->merged;
	rec.shrink = NULL;
	r = note_guard(l, &rec, &guard, e);
	if (r == 0)
		r = life_store_write(&l->box, &rec, e);
	if (r < 0) {
		cg_update_undo(&l->cg, up);
		drop_intent(l);
	}
	return r;
}

/* ---- the verb ---- */

static int change(const struct life_host *h, struct update *u, struct err *e)
{
	int r = life_limits_merge(&u->l, e);

	if (r < 0)
		return r;
	AUTO(cg_update) up = life_limits_update(h, &u->l);

	r = life_limits_write(&u->l, &up, e);
	if (r < 0)
		return r;
	/* Last: schemata that were taken cannot be put back, all else can. */
	r = update_rdt(u, false, e);
	if (r < 0) {
		cg_update_undo(&u->l.cg, &up);
		drop_intent(&u->l);
	}
	return r;
}

int life_update(const struct life_host *h, const struct life_update_args *a, struct err *e)
{
	struct update u = {.a = a, .l = LIFE_LIMITS_INIT};
	/* Before the lock: whoever writes the document may take his time. */
	int r = a->resources ? load_document(&u, e) : 0;

	if (r == 0 && a->on_top)
		json_merge(&spec_table_resources, &u.l.want, a->on_top, &u.l.box.arena);
	u.l.guard = a->guard;
	if (r == 0)
		r = life_limits_open(h, a->id, true, &u.l, e);
	if (r == 0)
		r = update_rdt(&u, true, e);
	if (r == 0 && !a->resources && !a->on_top)
		r = update_rdt(&u, false, e);
	else if (r == 0)
		r = change(h, &u, e);
	life_limits_done(&u.l);
	return r;
}
