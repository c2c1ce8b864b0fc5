/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/life/run: create + start in one process; in the foreground also its supervisor: relays
 * bytes and signals, waits, deletes. No gate is made: RUN goes over the socket that the child
 * already has.
 */
#include "runtime/life/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/log.h"
#include "base/proc.h"
#include "base/ban.h"

/* Removes the container that we made; the box still holds its lock. */
static int remove_own(struct life_create *c, struct err *e)
{
	c->box.rec = &c->rec;
	return life_delete_box(c->h, &c->box, true, e);
}

static void remove_after_failure(struct life_create *c)
{
	struct err ignored = ERR_INIT;
	int status;

	if (remove_own(c, &ignored) < 0)
		log_warn("clean up after the failure: %s", ignored.text);
	/* It was our child: reap it. */
	if (c->child.pidfd >= 0)
		(void)proc_wait(c->child.pidfd, 0, &status);
}

static int start(struct life_create *c, int notify_fd, struct err *e)
{
	struct spec_state s;

	c->box.rec = &c->rec;
	life_machine_state(&c->box, SPEC_RUNNING, &s);
	s.root = s.rootfs;
	struct life_launch l = {c->conf, &s, NULL, c->abort_fd, 0};
	int r = life_start_run(c->child.sock_fd, &l, e);

	if (r < 0)
		r = life_spawn_explain(&c->child, &c->cg, e);
	auto_fd_done(&c->child.sock_fd);
	if (r == 0)
		r = life_hooks_outside(c->conf, SPEC_HOOK_POSTSTART, &s, SPEC_RUNNING, c->bundle,
				       e);
	/* READY=1 may take long, or never come: nobody shall have to wait with us. */
	if (r == 0 && notify_fd >= 0 && c->a->detach)
		life_store_unlock(&c->box);
	if (r == 0 && notify_fd >= 0 && c->a->detach)
		r = life_notify_wait(notify_fd, c->child.pidfd, c->child.pid, e);
	return r;
}

int life_run_supervise(struct life_create *c, int notify_fd, int signal_fd, int *ret_status,
		       struct err *e)
{
	struct life_relay relay = {
		.pidfd = c->child.pidfd,
		.master_fd = c->console_fd,
		.notify_fd = notify_fd,
		.signal_fd = signal_fd,
		.pid = c->child.pid,
		.reaps = !c->a->no_subreaper,
	};
	uint64_t ino = c->box.ino;

	/* Other commands must be able to work on a container while it runs. */
	c->box.rec = NULL;
	life_box_done(&c->box);
	int r = life_relay(&relay, ret_status, e);

	if (r < 0)
		return r;
	auto_fd_done(&c->child.pidfd);
	if (c->a->keep)
		return 0;
	return life_delete_own(c->h, &c->rec, ino, e);
}

int life_run(const struct life_host *h, const struct life_create_args *a, int *ret_status,
	     struct err *e)
{
	struct life_create c = {.h = h, .a = a, .is_run = true};
	AUTO_FD notify = FD_NONE;
	AUTO_FD signals = FD_NONE;

	*ret_status = 0;
	life_create_init(&c);
	if (!a->detach && !a->no_subreaper)
		prctl(PR_SET_CHILD_SUBREAPER, 1);
	int r = life_create_run(&c, e);

	if (r == 0) {
		if (c.job.notify_socket)
			r = life_notify_bind(c.box.dir_fd, &notify, e);
		if (r == 0 && !a->detach)
			r = life_relay_signals(&signals, e);
		if (r == 0)
			r = start(&c, notify, e);
		if (r == 0)
			life_create_tell(&c);
		if (r < 0)
			remove_after_failure(&c);
		else if (!a->detach)
			r = life_run_supervise(&c, notify, signals, ret_status, e);
	}
	life_create_done(&c);
	return r;
}
