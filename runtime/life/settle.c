/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/life/settle: an update that was killed between its first write and its record has not
 * happened: whoever opens the container next puts the limits back to what the record says. Called
 * by store.c alone, for every command; it must not know what a limit is (cgroups/back.c).
 */
#include "runtime/life/internal.h"

#include "base/log.h"
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

void life_settle(const struct life_host *h, struct life_box *b)
{
	struct err ignored = ERR_INIT;
	const bool was_locked = b->is_locked;

	if (!b->rec || !b->rec->undo)
		return;
	/* Whoever holds the lock is at work on it: then this was no leftover. */
	if ((was_locked || life_store_relock(b, &ignored) == 0) && b->rec->undo)
		put_back(h, b);
	/* Also when the record could not be read again. */
	if (!was_locked)
		life_store_unlock(b);
}
