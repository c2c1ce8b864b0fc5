/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/life/delete: removes all that a create made, by the undo rows of create.c against the
 * state on disk; works from any cut-off point of a create. Order: the program, its cgroup, the
 * state directory; poststop hooks after all is gone but the record (runtime-spec "Lifecycle" 11 to
 * 13).
 */
#include "runtime/life/internal.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/log.h"
#include "base/proc.h"
#include "base/sys.h"
#include "base/ban.h"

#define UNFINISHED_MS 1000

/* Their errors and paths are large, and not needed at the same time. */
#define NOINLINE __attribute__((noinline))

/* Fills the create context from the record, so that the undo rows find what they undo. */
static void context_from_box(const struct life_host *h, struct life_box *b, struct life_create *c,
			     struct life_create_args *a)
{
	*a = (struct life_create_args){.id = b->id};
	/* Large: no second one on the stack. */
	memset(c, 0, sizeof(*c));
	c->h = h;
	c->a = a;
	c->is_delete = true;
	life_create_init(c);
	if (b->rec) {
		c->rec = *b->rec;
		c->rec_cgroup = *b->rec->cgroup;
		life_owner_settle(b, &c->rec_cgroup);
		c->child.pidfd = life_machine_pidfd(b);
	} else {
		life_owner_guess(h, b, &c->rec_cgroup, &c->place);
	}
	life_owner_place(&c->rec_cgroup, &c->place);
	if (c->child.pidfd < 0)
		c->child.pidfd = FD_NONE;
}

/* Not our child: life_spawn_kill() cannot reap it, so its end is waited for here, with a deadline.
 */
static int end_init(struct life_create *c, struct err *e)
{
	if (c->child.pidfd < 0)
		return 0;
	int r = sys_pidfd_send_signal(c->child.pidfd, SIGKILL);

	if (r < 0 && r != -ESRCH)
		return err_sys(e, r, "kill the container's init");
	r = proc_wait_gone(c->child.pidfd, LIFE_WAIT_MS);
	if (r < 0)
		return err_sys(e, r, "wait for the end of the container");
	return 0;
}

/* With no cgroup and its init gone, the creator's death took the half-made init with it. */
static NOINLINE void kill_cgroup(struct life_create *c)
{
	struct err e = ERR_INIT;

	if (c->rec_cgroup.path && c->rec_cgroup.ino.has &&
	    cg_open(c->rec_cgroup.path, &c->cg, &e) == 0 && c->rec_cgroup.ino.v == c->cg.ino) {
		/* criu whose restore was killed ends what it has made, and takes its folders out of
		 * /tmp: it is let to. An init without its creator is gone already. */
		if (c->rec.stage.v == LIFE_STAGE_CREATING)
			(void)!cg_wait_empty(&c->cg, UNFINISHED_MS, &e);
		(void)!cg_kill(&c->cg, &e);
	}
	cg_done(&c->cg);
}

/* The hooks, read while there is a copy of the config to read them from; NULL: none. */
static NOINLINE const struct spec_config *poststop_config(struct life_box *b)
{
	struct spec_config *conf = NULL;
	struct err why = ERR_INIT;

	if (!b->rec || !b->rec->has_poststop.v || !b->rec->init)
		return NULL;
	if (life_store_config(b, &conf, &why) == 0)
		return conf;
	log_warn("container \"%s\": its poststop hooks cannot be run: %s", b->id, why.text);
	return NULL;
}

/* H04: whatever they do, the container is deleted. */
static NOINLINE void poststop(const struct life_box *b, const struct spec_config *conf)
{
	struct spec_state state;
	struct err why = ERR_INIT;

	life_machine_state(b, SPEC_STOPPED, &state);
	state.root = state.rootfs;
	if (life_hooks_outside(conf, SPEC_HOOK_POSTSTOP, &state, SPEC_STOPPED, b->rec->bundle,
			       &why) < 0)
		log_warn("%s", why.text);
}

int life_delete_box(const struct life_host *h, struct life_box *b, bool is_forced, struct err *e)
{
	struct life_create_args a;
	AUTO(arena) own = {0};
	struct life_create *c = arena_alloc(&own, sizeof(*c)); /* too large for a stack frame */

	if (!b->rec && !is_forced) {
		*e = b->why;
		return -e->code;
	}
	const struct spec_config *conf = poststop_config(b);

	context_from_box(h, b, c, &a);
	/* Everything at once: tasks that outlive init in a shared pid namespace too. */
	kill_cgroup(c);
	int r = end_init(c, e);

	if (r == 0) {
		/* The box stays the caller's: its fds and record are only lent. */
		c->box = *b;
		step_undo_all(&life_create_steps, c);
		c->box = (struct life_box)LIFE_BOX_INIT;
		if (c->undo_err.code) {
			*e = c->undo_err;
			r = -e->code;
		}
	}
	if (r == 0 && conf)
		poststop(b, conf);
	life_create_done(c);
	return r;
}

int life_delete(const struct life_host *h, const char *id, bool force, struct err *e)
{
	AUTO(life_box) b = LIFE_BOX_INIT;
	int r = life_store_open(h, id, true, &b, e);

	if (r == -ENOENT && force) {
		err_clear(e);
		return 0;
	}
	if (r < 0)
		return r;
	if (!force) {
		r = life_machine_check(LIFE_DELETE, life_machine_status(&b), e);
		if (r < 0)
			return r;
	}
	/* A broken state: the intent says where the cgroup is. */
	if (force && !b.rec)
		b.rec = b.intent;
	return life_delete_box(h, &b, force, e);
}

int life_delete_made(const struct life_host *h, const char *id, uint64_t dir_ino, struct err *e)
{
	AUTO(life_box) b = LIFE_BOX_INIT;
	int r = life_store_open(h, id, true, &b, e);

	if (r == -ENOENT) {
		err_clear(e);
		return 0;
	}
	if (r < 0 || b.ino != dir_ino)
		return r;
	if (!b.rec)
		b.rec = b.intent;
	return life_delete_box(h, &b, true, e);
}

/* The same creator: one process makes one container of an id at a time. */
static bool is_same(const struct life_box *b, const struct life_record *own, uint64_t own_ino)
{
	const struct life_record *rec = b->rec ? b->rec : b->intent;

	if (!rec || !rec->creator)
		return b->ino == own_ino;
	return str_eq(rec->boot_id, own->boot_id) && rec->creator->pid.v == own->creator->pid.v &&
	       rec->creator->start.v == own->creator->start.v;
}

int life_delete_own(const struct life_host *h, const struct life_record *own, uint64_t own_ino,
		    struct err *e)
{
	AUTO(life_box) b = LIFE_BOX_INIT;
	int r = life_store_open(h, own->id, true, &b, e);

	if (r == -ENOENT) {
		err_clear(e);
		return 0;
	}
	if (r < 0)
		return r;
	if (!is_same(&b, own, own_ino)) {
		log_debug("container \"%s\" was deleted by another command and made anew", own->id);
		return 0;
	}
	if (!b.rec)
		b.rec = b.intent;
	return life_delete_box(h, &b, true, e);
}
