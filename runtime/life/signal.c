/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/life/signal: kill, pause, resume. A process is only ever signalled through a pidfd whose
 * start time was compared with the record (security.md section 4, C28).
 */
#include "runtime/life/internal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/num.h"
#include "base/proc.h"
#include "base/sys.h"
#include "base/ban.h"

#define FREEZE_MS 10000
#define KILL_MS	  10000

static int choose_signal(const struct life_box *b, const char *text, int *ret, struct err *e)
{
	const char *stop =
		b->rec ? json_map_value(&b->rec->annotations, "org.opencontainers.image.stopSignal")
		       : NULL;

	if (!text && stop && num_signal(stop, ret) == 0)
		return 0;
	if (!text) {
		*ret = SIGTERM;
		return 0;
	}
	if (num_signal(text, ret) < 0)
		return err_set(
			e, ERR_INPUT, EINVAL,
			"unknown signal \"%.40s\": give a number or a name such as KILL, SIGTERM, "
			"RTMIN+3",
			text);
	return 0;
}

/* Without a pid namespace of its own, KILL to init leaves the rest: the cgroup is the container
 * (U83). */
static bool owns_pid_ns(struct life_box *b)
{
	struct spec_config *conf = NULL;
	struct err e = ERR_INIT;

	return life_store_config(b, &conf, &e) < 0 || spec_ns_is_new(conf, SPEC_NS_PID);
}

static int kill_all(struct life_box *b, int sig, struct err *e)
{
	AUTO(cg) cg = CG_NONE;
	int r = life_machine_cgroup(b, &cg, e);

	if (r == -ENOENT) {
		/* Nothing left to signal. */
		err_clear(e);
		return 0;
	}
	if (r < 0)
		return r;
	if (sig != SIGKILL)
		return cg_signal(&cg, sig, e);
	/* All is over when we return: nobody has to ask again and again whether it is. */
	r = cg_kill(&cg, e);
	return r < 0 ? r : cg_wait_empty(&cg, KILL_MS, e);
}

/* Init ended, and without a pid namespace that did not end the others: they can still be killed. */
static bool has_survivors(struct life_box *b)
{
	AUTO(cg) cg = CG_NONE;
	struct err ignored = ERR_INIT;

	return !owns_pid_ns(b) && life_machine_cgroup(b, &cg, &ignored) == 0 &&
	       cg_wait_empty(&cg, 0, &ignored) < 0;
}

int life_kill(const struct life_host *h, const char *id, const char *signal, bool all,
	      struct err *e)
{
	AUTO(life_box) b = LIFE_BOX_INIT;
	int sig = 0, r = life_store_open(h, id, false, &b, e);

	if (r == 0)
		r = choose_signal(&b, signal, &sig, e);
	if (r < 0)
		return r;
	enum spec_status s = life_machine_status(&b);

	/* containerd and podman send --all to containers that are gone. */
	if (all &&
	    (s == SPEC_STOPPED || s == SPEC_CREATED || s == SPEC_RUNNING || s == SPEC_PAUSED))
		return kill_all(&b, sig, e);
	if (s == SPEC_STOPPED && sig == SIGKILL && has_survivors(&b))
		return kill_all(&b, sig, e);
	r = life_machine_check(LIFE_KILL, s, e);
	if (r < 0)
		return r;
	if (sig == SIGKILL && !owns_pid_ns(&b))
		return kill_all(&b, sig, e);
	AUTO_FD pidfd = life_machine_pidfd(&b);

	r = pidfd < 0 ? pidfd : sys_pidfd_send_signal(pidfd, sig);
	if (r == -ESRCH)
		return life_machine_check(LIFE_KILL, SPEC_STOPPED, e);
	if (r < 0)
		return err_sys(e, r, "send signal %d", sig);
	return 0;
}

static int set_frozen(const struct life_host *h, const char *id, bool on, struct err *e)
{
	AUTO(life_box) b = LIFE_BOX_INIT;
	AUTO(cg) cg = CG_NONE;
	int r = life_store_open(h, id, true, &b, e);

	if (r == 0)
		r = life_settle_check(b.rec, e);
	if (r == 0)
		r = life_machine_check(on ? LIFE_PAUSE : LIFE_RESUME, life_machine_status(&b), e);
	if (r == 0)
		r = life_machine_cgroup(&b, &cg, e);
	if (r == -ENOENT && b.rec)
		return err_set(e, ERR_STATE, ENOENT, "the container has no cgroup: it cannot be %s",
			       on ? "paused" : "resumed");
	return r < 0 ? r : cg_freeze(&cg, on, FREEZE_MS, e);
}

int life_pause(const struct life_host *h, const char *id, struct err *e)
{
	return set_frozen(h, id, true, e);
}

int life_resume(const struct life_host *h, const char *id, struct err *e)
{
	return set_frozen(h, id, false, e);
}
