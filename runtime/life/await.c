/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/life/await: waits for the end of a container that is not our child. What it exited with
 * is told only where the kernel knows: nobody of ours lives beside a detached container to record
 * it. Called by runtime/cli.
 */
#include "runtime/life/internal.h"

#include <errno.h>

#include "base/proc.h"
#include "base/ban.h"

int life_await(const struct life_host *h, const char *id, struct life_end *ret, struct err *e)
{
	AUTO(life_box) b = LIFE_BOX_INIT;
	int r = life_store_open(h, id, false, &b, e);

	*ret = (struct life_end){0};
	if (r < 0)
		return r;
	r = life_machine_check(LIFE_WAIT, life_machine_status(&b), e);
	if (r < 0)
		return r;
	AUTO_FD pidfd = life_machine_pidfd(&b);

	if (pidfd == -ESRCH) /* a zombie has no checked pidfd: nothing to wait for */
		return 0;
	if (pidfd < 0)
		return err_sys(e, pidfd, "open a pidfd of the container's init");
	r = proc_wait_gone(pidfd, -1);
	if (r < 0)
		return err_sys(e, r, "wait for the end of the container");
	ret->is_known = proc_exit_status(pidfd, (pid_t)b.rec->init->pid.v, b.rec->init->start.v,
					 &ret->status) == 0;
	return 0;
}
