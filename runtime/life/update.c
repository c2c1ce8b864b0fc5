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
	struct life_box box;
	struct spec_config *conf;
	struct spec_resources want, in_force, merged;
};

static int load_document(struct update *u, struct err *e)
{
	const char *name = u->a->resources;
	const bool is_stdin = str_eq(name, "-");
	struct json_errors errs = {.arena = &u->box.arena};
	struct spec_resources *doc;
	AUTO(buf) text = {0};
	int r = file_read_path(is_stdin ? "/dev/stdin" : name, JSON_DOCUMENT_MAX, &text);

	if (is_stdin)
		name = "standard input";
	if (r < 0)
		return err_sys(e, r, "--resources: read \"%s\"", name);
	if (spec_load_resources(text.data ? text.data : "", text.len, &u->box.arena, &errs, &doc) <
	    0)
		return spec_errors_to_err(&errs, name, e);
	json_merge(&spec_table_resources, &u->want, doc, &u->box.arena);
	return 0;
}

/* U108. has_only_check: does nothing but refuse where there is no group. */
static int update_rdt(const struct update *u, bool has_only_check, struct err *e)
{
	struct cg_rdt rdt = life_rdt_of(u->box.rec);

	if (has_only_check && rdt.group)
		return 0;
	return cg_rdt_update(&rdt, u->a->l3_cache_schema, u->a->mem_bw_schema, e);
}

static void merge(struct update *u)
{
	const struct spec_resources *force =
		u->box.rec->resources ? u->box.rec->resources : u->conf->linux_->resources;
	struct arena *a = &u->box.arena;

	if (force)
		u->in_force = *force;
	u->merged = u->in_force;
	json_merge(&spec_table_resources, &u->merged, &u->want, a);
	/* V24: memory without a limit is swap without one. */
	const struct spec_memory *m = u->want.memory;
	if (m && m->limit.v < 0 && !m->swap.v)
		u->merged.memory->swap = (struct opt_i64){true, -1};
}

/* What a property says now, `unified` must not say otherwise later. */
static void drop_overridden(struct update *u, const struct cg_update *done)
{
	struct strmap *v = &u->merged.unified;
	struct strmap kept = {.v = arena_array(&u->box.arena, v->n + 1, sizeof(*v->v))};

	for (size_t i = 0; i < v->n; i++) {
		bool is_asked = false;
		for (size_t k = 0; k < u->want.unified.n; k++)
			is_asked = is_asked || str_eq(u->want.unified.v[k].key, v->v[i].key);
		if (is_asked || !cg_update_sets(done, v->v[i].key))
			kept.v[kept.n++] = v->v[i];
	}
	if (v->v)
		*v = kept;
}

static void put_record_back(struct update *u)
{
	struct err e = ERR_INIT;

	if (life_store_write(&u->box, u->box.rec, &e) < 0)
		log_warn("put the record of the old limits back: %s", e.text);
}

static int change(const struct life_host *h, struct update *u, struct err *e)
{
	AUTO(cg) cg = CG_NONE;
	AUTO(cg_update)
	up = {.want = &u->want,
	      .force = &u->in_force,
	      .conf = u->conf,
	      .is_rootless = life_is_rootless(h)};
	int r = life_machine_cgroup(&u->box, &cg, e);

	if (r < 0)
		return err_prefix(e, "its limits cannot be changed");
	r = cg_update(&cg, &up, e);
	if (r < 0)
		return r;
	drop_overridden(u, &up);
	struct life_record rec = *u->box.rec;

	rec.resources = &u->merged;
	r = life_store_write(&u->box, &rec, e);
	/* Last: schemata that were taken cannot be put back, all else can. */
	if (r == 0) {
		r = update_rdt(u, false, e);
		if (r < 0)
			put_record_back(u);
	}
	if (r < 0)
		cg_update_undo(&cg, &up);
	return r;
}

int life_update(const struct life_host *h, const struct life_update_args *a, struct err *e)
{
	struct update u = {.a = a, .box = LIFE_BOX_INIT};
	/* Before the lock: whoever writes the document may take his time. */
	int r = a->resources ? load_document(&u, e) : 0;

	if (r == 0 && a->on_top)
		json_merge(&spec_table_resources, &u.want, a->on_top, &u.box.arena);
	if (r == 0)
		r = life_store_open(h, a->id, true, &u.box, e);
	if (r == 0)
		r = life_machine_check(LIFE_UPDATE, life_machine_status(&u.box), e);
	if (r == 0)
		r = life_store_config(&u.box, &u.conf, e);
	if (r == 0)
		r = update_rdt(&u, true, e);
	if (r == 0 && !a->resources && !a->on_top) {
		r = update_rdt(&u, false, e);
	} else if (r == 0) {
		merge(&u);
		r = change(h, &u, e);
	}
	life_box_done(&u.box);
	return r;
}
