/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/life/start: opens the gate of a created container and waits until its program runs: the
 * socket's other end is close-on-exec, so its end without a FAIL is the success. Also the hooks
 * that run outside the container. Called by the `start` verb and by run.c.
 */
#include "runtime/life/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/sys.h"
#include "base/ban.h"

int life_hooks_outside(const struct spec_config *conf, enum spec_hook_kind kind,
		       const struct spec_state *state, enum spec_status status, const char *bundle,
		       struct err *e)
{
	AUTO(buf) text = {0};
	AUTO_FD out_fd = FD_NONE;
	AUTO_FD err_fd = FD_NONE;
	struct spec_state s = *state;

	if (!conf->hooks || !conf->hooks->kind[kind].n)
		return 0;
	int r = init_hooks_open(conf, &out_fd, &err_fd, e);

	/* H04: they undo what others did, which is worth more than what they say. */
	if (r < 0 && kind == SPEC_HOOK_POSTSTOP) {
		log_warn("%s", e->text);
		err_clear(e);
		r = 0;
	}
	if (r < 0)
		return r;
	s.status = (struct opt_enum){true, (int)status};
	json_print(&spec_table_state, &s, 0, &text);
	struct init_hooks_env with = {text.data, bundle, NULL, out_fd, err_fd};

	return init_hooks_run(conf, kind, &with, e);
}

/* ---- the seccomp agent (config-linux.md "The Container Process State") ---- */

static int send_listener(const struct life_launch *l, int fd, struct err *e)
{
	const struct spec_seccomp *s = l->conf ? l->conf->linux_->seccomp : NULL;
	char fd_name[] = "seccompFd";
	char *fds[] = {fd_name, NULL};
	struct spec_state inner = *l->state;
	AUTO(buf) text = {0};

	if (!s || !s->listener_path)
		return err_set(e, ERR_INPUT, EINVAL,
			       "linux.seccomp.listenerPath: needed by SCMP_ACT_NOTIFY");
	struct spec_process_state ps = {
		.oci_version = (char *)SPEC_VERSION,
		.fds = {fds, 1},
		/* Of an exec it is not that of the state. */
		.pid = l->pid > 0 ? (struct opt_i64){true, l->pid} : l->state->pid,
		.metadata = s->listener_metadata,
		.state = &inner,
	};

	json_print(&spec_table_process_state, &ps, 0, &text);
	AUTO_FD sock = fd_unix_connect(s->listener_path);

	if (sock < 0)
		return err_sys(
			e, sock,
			"linux.seccomp.listenerPath: failed to connect with seccomp agent \"%s\"",
			s->listener_path);
	int r = fd_send(sock, text.data, text.len, &fd, 1);

	if (r < 0)
		return err_sys(e, r, "linux.seccomp.listenerPath: send to \"%s\"",
			       s->listener_path);
	return 0;
}

/* ---- RUN, and what comes back ---- */

/* One message of the launch. Return: 0 to wait on. */
static int take_message(int sock_fd, struct msg *m, const struct life_launch *l, struct err *e)
{
	if (m->number == INIT_MSG_FAIL)
		return init_proto_take_fail(m, e);
	if (m->number == INIT_MSG_CONSOLE && m->n_fds == 1 && l->ret_console_fd) {
		fd_replace(l->ret_console_fd, m->fds[0]);
		m->n_fds = 0;
		return 0;
	}
	if (m->number == INIT_MSG_LISTENER && m->n_fds == 1) {
		int r = send_listener(l, m->fds[0], e);

		return r < 0 ? r
			     : init_proto_send(sock_fd, INIT_MSG_LISTENING, NULL, 0, NULL, 0, e);
	}
	return err_set(e, ERR_BUG, EBADMSG, "unexpected message %s during the launch",
		       init_proto_name(m->number));
}

int life_start_wait(int sock_fd, const struct life_launch *l, struct err *e)
{
	bool is_launched = false;

	for (;;) {
		struct msg m;
		int r = life_wait_readable(sock_fd, l->abort_fd, -1, e);

		if (r < 0)
			return r;
		r = msg_recv(sock_fd, -1, &m);
		if (r == -EPIPE || r == -ECONNRESET)
			return is_launched ? 0
					   : err_set(e, ERR_KERNEL, EPIPE,
						     "init ended before it could run the program");
		if (r < 0)
			return err_sys(e, r, "wait for the program to start");
		is_launched |= m.number == INIT_MSG_LAUNCH;
		r = m.number == INIT_MSG_LAUNCH ? 0 : take_message(sock_fd, &m, l, e);
		msg_done(&m);
		if (r < 0)
			return r;
	}
}

int life_start_run(int sock_fd, const struct life_launch *l, struct err *e)
{
	struct spec_state state = *l->state;
	struct life_launch launch = *l;
	int r = init_proto_send(sock_fd, INIT_MSG_RUN, NULL, 0, NULL, 0, e);

	/* A seccomp agent hears of a program that does not run yet. */
	state.status = (struct opt_enum){true, SPEC_CREATING};
	launch.state = &state;
	return r < 0 ? r : life_start_wait(sock_fd, &launch, e);
}

static int connect_gate(const struct life_box *b, int *ret_fd, struct err *e)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	char dir[FD_PROC_MAX];
	AUTO_FD fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/%s", fd_proc_path(b->dir_fd, dir),
		 LIFE_GATE);
	bool is_connected = fd >= 0 && connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0;

	/* It ended since we looked. */
	if (!is_connected && (errno == ECONNREFUSED || errno == ENOENT))
		return life_machine_check(LIFE_START, SPEC_STOPPED, e);
	if (!is_connected)
		return err_sys(e, errno, "open the container's start gate");
	*ret_fd = fd_take(&fd);
	return 0;
}

/* Opens the gate with RUN; a container that then fails is seen as stopped when we return. */
static int run_by_gate(int *gate_fd, int pidfd, const struct life_launch *l, struct err *e)
{
	int r = life_start_run(*gate_fd, l, e);

	/* It has said FAIL and is about to end, or waits for an answer of ours: without us it ends
	 * too. */
	auto_fd_done(gate_fd);
	if (r < 0)
		(void)proc_wait_gone(pidfd, LIFE_WAIT_MS);
	return r;
}

/* H03: a failing poststart hook stops and removes the container. */
static int poststart(const struct life_host *h, struct life_box *b, const struct spec_config *conf,
		     const struct spec_state *s, struct err *e)
{
	struct err ignored = ERR_INIT;
	int r = life_hooks_outside(conf, SPEC_HOOK_POSTSTART, s, SPEC_RUNNING, b->rec->bundle, e);

	if (r < 0 && life_delete_box(h, b, true, &ignored) < 0)
		log_warn("container \"%s\": clean up after its poststart hook: %s", b->id,
			 ignored.text);
	return r;
}

/* P01. Nothing can ever start it: it ends, as after any other start that fails. */
static int refuse_without_process(int pidfd, struct err *e)
{
	if (sys_pidfd_send_signal(pidfd, SIGKILL) == 0)
		(void)proc_wait_gone(pidfd, LIFE_WAIT_MS);
	return err_set(e, ERR_STATE, EINVAL,
		       "cannot start a container whose config.json has no process");
}

static int start_locked(const struct life_host *h, struct life_box *b, struct err *e)
{
	struct spec_config *conf = NULL;
	struct spec_state state;
	AUTO_FD gate = FD_NONE;
	AUTO_FD notify = FD_NONE;
	int r = life_machine_check(LIFE_START, life_machine_status(b), e);

	if (r < 0)
		return r;
	AUTO_FD pidfd = life_machine_pidfd(b);

	if (pidfd < 0)
		return life_machine_check(LIFE_START, SPEC_STOPPED, e);
	if (!b->rec->has_process.v)
		return refuse_without_process(pidfd, e);
	AUTO(cg) cg = CG_NONE;
	struct err no_cgroup = ERR_INIT;

	if (life_machine_cgroup(b, &cg, &no_cgroup) == 0 && cg_is_frozen(&cg) == 1)
		return life_machine_check(LIFE_START, SPEC_PAUSED, e);
	/* Parsed always: a seccomp profile may need its agent, and hooks are in it. */
	r = life_store_config(b, &conf, e);
	if (r < 0)
		return r;
	life_machine_state(b, SPEC_RUNNING, &state);
	state.root = state.rootfs;
	if (b->rec->has_notify.v && getenv("NOTIFY_SOCKET")) {
		r = life_notify_bind(b->dir_fd, &notify, e);
		if (r < 0)
			return r;
	}
	r = connect_gate(b, &gate, e);
	if (r == 0)
		r = run_by_gate(&gate, pidfd, &(struct life_launch){conf, &state, NULL, FD_NONE, 0},
				e);
	if (unlinkat(b->dir_fd, LIFE_GATE, 0) < 0 && errno != ENOENT)
		log_warn("container \"%s\": remove its start gate: %s", b->id, err_words(errno));
	if (r < 0)
		return r;
	r = poststart(h, b, conf, &state, e);
	/* READY=1 may take long, or never come: nobody shall have to wait with us. */
	if (r == 0 && notify >= 0)
		life_store_unlock(b);
	if (r == 0 && notify >= 0)
		r = life_notify_wait(notify, pidfd, (pid_t)state.pid.v, e);
	return r;
}

int life_start(const struct life_host *h, const char *id, struct err *e)
{
	AUTO(life_box) b = LIFE_BOX_INIT;
	int r = life_store_open(h, id, true, &b, e);

	return r < 0 ? r : start_locked(h, &b, e);
}
