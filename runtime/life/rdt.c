/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/life/rdt: linux.intelRdt in a container's life (conformance L09 to L14): the plan before
 * anything is made, the rows of create.c, the record, and an exec's way into the group. The work is
 * in cgroups/rdt.c. Without the property nothing here looks at resctrl.
 */
#include "runtime/life/internal.h"

#include "base/ban.h"

int life_rdt_plan(struct life_create *c, struct err *e)
{
	const struct spec_intel_rdt *rdt = c->conf->linux_->intel_rdt;

	if (!rdt)
		return 0;
	int r = cg_rdt_plan(rdt, c->a->id, &c->rdt, e);

	c->rec_rdt = (struct life_rec_rdt){
		.group = (char *)c->rdt.group,
		.is_own = {true, c->rdt.is_own},
		.is_monitored = {true, c->rdt.is_monitored},
	};
	c->rec.rdt = &c->rec_rdt;
	return r;
}

int life_rdt_make(struct life_create *c, struct err *e)
{
	return cg_rdt_make(&c->rdt, c->conf->linux_->intel_rdt, e);
}

int life_rdt_join(struct life_create *c, struct err *e)
{
	return cg_rdt_join(&c->rdt, c->child.pid, e);
}

struct cg_rdt life_rdt_of(const struct life_record *rec)
{
	if (!rec || !rec->rdt)
		return (struct cg_rdt){0};
	return (struct cg_rdt){.group = rec->rdt->group,
			       .id = rec->id,
			       .is_own = rec->rdt->is_own.v,
			       .is_monitored = rec->rdt->is_monitored.v};
}

void life_rdt_undo(struct life_create *c)
{
	struct err e = ERR_INIT;
	struct cg_rdt r = c->is_delete ? life_rdt_of(&c->rec) : c->rdt;

	if (c->undo_err.code || !r.group ||
	    (c->is_delete && !life_machine_is_of_this_boot(&c->rec)))
		return;
	/* No resctrl any more: its groups went with it. */
	if (cg_rdt_remove(&r, !c->is_delete, &e) < 0 && e.class != ERR_MISSING)
		c->undo_err = e;
}
