/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/life/settle: an update that was killed between its first write and its record has not
 * happened: whoever opens the container next puts the limits back to what the record says. The same
 * of a checkpoint that was killed while it held the container still, if its watchdog was killed
 * with it. Called by store.c, for every command, and by hold.c; it must not know what a limit is
 * (cgroups/back.c).
 */
#include "runtime/life/internal.h"

#include <errno.h>
#include <signal.h>

#include "base/log.h"
#include "base/proc.h"
#include "base/sys.h"
#include "base/ban.h"

/* With the devices that the record says. Return: NULL = they did not change. */
static const struct spec_config *config_of(struct life_box *b)
{
	struct err ignored = ERR_INIT;
	struct spec_config *conf = NULL;

	if (!b->rec->undo->has_devices.v || life_store_config(b, &conf, &ignored) < 0)
		return NULL;
	if (b->rec->resources)
		conf->linux_->resources = b->rec->resources;
	return conf;
}

static void put_back(const struct life_host *h, struct life_box *b)
{
	AUTO(cg) cg = CG_NONE;
	struct err e = ERR_INIT;

	/* Without its cgroup it has no limits either. */
	if (life_machine_cgroup(b, &cg, &e) == 0) {
		log_info("an update of the container was killed: its old limits are put back");
		cg_back(&cg, &b->rec->undo->files, config_of(b), life_is_rootless(h));
	}
	b->rec->undo = NULL;
	err_clear(&e);
	if (life_store_write(b, b->rec, &e) < 0)
		log_warn("%s", e.text);
}

/* ---- a checkpoint ---- */

/* criu whose client is gone puts back what it has changed (connections in repair, links) and ends.
 * Shorter than LIFE_WAIT_MS, which others wait for us. */
#define MAKER_MS  5000
#define KILLED_MS 2000
#define FREEZE_MS 10000

/* It thaws and freezes the cgroup itself: not before it is gone. */
static void end_maker(const struct life_record *rec)
{
	const struct life_rec_process *p = rec->held->maker;

	if (!p || !life_machine_is_of_this_boot(rec))
		return;
	AUTO_FD pidfd = proc_open_checked((pid_t)p->pid.v, p->start.v);

	if (pidfd < 0 || proc_wait_gone(pidfd, MAKER_MS) == 0)
		return;
	(void)sys_pidfd_send_signal(pidfd, SIGKILL);
	(void)proc_wait_gone(pidfd, KILLED_MS);
}

void life_settle_held(struct life_box *b, const struct cg *cg)
{
	struct err e = ERR_INIT;

	if (!b->rec->held)
		return;
	end_maker(b->rec);
	if (cg && cg_freeze(cg, b->rec->held->is_paused.v, FREEZE_MS, &e) < 0 && e.code != ENOENT)
		log_warn("put the container back: %s", e.text);
	err_clear(&e);
	b->rec->held = NULL;
	if (life_store_write(b, b->rec, &e) < 0)
		log_warn("%s", e.text);
}

static void put_back_held(struct life_box *b)
{
	AUTO(cg) cg = CG_NONE;
	struct err ignored = ERR_INIT;

	log_info("a checkpoint of the container was killed: it is put back");
	life_settle_held(b, life_machine_cgroup(b, &cg, &ignored) == 0 ? &cg : NULL);
}

/* While its command lives it is no leftover; nor when it is another host's. */
static bool is_left(const struct life_record *rec)
{
	return rec->held && !rec->held->epoch && !life_machine_lives(rec, rec->held->by);
}

/* ---- a migration ---- */

int life_settle_check(const struct life_record *rec, struct err *e)
{
	if (!rec || !rec->held || !rec->held->epoch)
		return 0;
	return err_set(e, ERR_STATE, EBUSY,
		       "the container was handed over to another host: migrate --recover %.64s "
		       "asks there whether it runs",
		       rec->id);
}

/* ---- what store.c calls ---- */

void life_settle(const struct life_host *h, struct life_box *b)
{
	struct err ignored = ERR_INIT;
	const bool was_locked = b->is_locked;

	if (!b->rec || !(b->rec->undo || is_left(b->rec)))
		return;
	/* Whoever holds the lock is at work on it (the watchdog of a killed checkpoint too): then
	 * this was no leftover. */
	if (was_locked || life_store_relock(b, &ignored) == 0) {
		if (b->rec->undo)
			put_back(h, b);
		if (is_left(b->rec))
			put_back_held(b);
	}
	/* Also when the record could not be read again. */
	if (!was_locked)
		life_store_unlock(b);
}
