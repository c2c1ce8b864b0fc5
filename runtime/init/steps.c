/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/init/steps: the child's script, row by row, beside life/create.c's: the rows that send or
 * wait for a message are named after it. No row has an undo: all that the child makes is in its own
 * namespaces, and dying is its undo. Called by life/spawn.c right after the clone.
 */
#include "runtime/init/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/sys.h"
#include "base/ban.h"

void init_job_reset(struct init_job *j)
{
	for (int t = 0; t < SPEC_NS_N; t++)
		j->ns.join_fd[t] = FD_NONE;
	j->ns.join_pidfd = j->ns.join_root_fd = FD_NONE;
	j->sock_fd = j->gate_fd = j->console_fd = j->proc_fd = FD_NONE;
	j->hook_out_fd = j->hook_err_fd = FD_NONE;
}

void init_hook_state(const struct init_job *j, enum spec_status status, struct buf *out)
{
	struct spec_state s = *j->state;

	s.status = (struct opt_enum){true, (int)status};
	/* runtime-spec "State": hooks in the container's namespaces get its pid as seen there. */
	s.pid = (struct opt_i64){true, getpid()};
	json_print(&spec_table_state, &s, 0, out);
}

/* ---- conditions ---- */

static bool wants_go(const void *ctx)
{
	return ((const struct init_job *)ctx)->wants_go;
}

static bool wants_keyring(const void *ctx)
{
	return ((const struct init_job *)ctx)->wants_keyring;
}

static bool has_sysctl(const void *ctx)
{
	return ((const struct init_job *)ctx)->conf->linux_->sysctl.n;
}

static bool has_process(const void *ctx)
{
	return ((const struct init_job *)ctx)->process;
}

static bool has_console(const void *ctx)
{
	const struct init_job *j = ctx;

	return j->process && j->process->terminal.v;
}

static bool has_create_hooks(const void *ctx)
{
	const struct init_job *j = ctx;

	return j->conf->hooks && j->conf->hooks->kind[SPEC_HOOK_CREATE_CONTAINER].n;
}

/* ---- rows ---- */

static int hello(void *ctx, struct err *e)
{
	return init_enter_hello(ctx, e);
}

static int join(void *ctx, struct err *e)
{
	return init_enter_join(ctx, e);
}

static int namespaced(void *ctx, struct err *e)
{
	struct init_job *j = ctx;
	struct msg m;
	int r = init_proto_send(j->sock_fd, INIT_MSG_NAMESPACED, NULL, 0, NULL, 0, e);

	if (r < 0)
		return r;
	r = init_proto_expect(j->sock_fd, INIT_MSG_GO, -1, &m, e);
	if (r < 0)
		return r;
	msg_done(&m);
	return 0;
}

static int names(void *ctx, struct err *e)
{
	return init_enter_names(ctx, e);
}

static int keyring(void *ctx, struct err *e)
{
	struct init_job *j = ctx;

	return guard_keyring_new(j->id, j->process ? j->process->selinux_label : NULL, e);
}

static int attach(void *ctx, struct err *e)
{
	return root_attach(((struct init_job *)ctx)->root, e);
}

static int want(void *ctx, size_t i, int *ret_fd, struct err *e)
{
	struct init_job *j = ctx;
	struct msg m;
	int r = init_proto_send(j->sock_fd, INIT_MSG_WANT, &i, sizeof(i), NULL, 0, e);

	if (r == 0)
		r = init_proto_expect(j->sock_fd, INIT_MSG_TREE, -1, &m, e);
	if (r < 0)
		return r;
	if (m.n_fds != 1) {
		msg_done(&m);
		return err_set(e, ERR_BUG, EBADMSG, "TREE without its fd");
	}
	*ret_fd = m.fds[0];
	m.n_fds = 0;
	msg_done(&m);
	return 0;
}

static int mounts(void *ctx, struct err *e)
{
	struct init_job *j = ctx;

	root_plan_fetcher(j->root, want, j);
	return root_mount_all(j->root, e);
}

static int devices(void *ctx, struct err *e)
{
	return root_devices(((struct init_job *)ctx)->root, e);
}

static int sysctl(void *ctx, struct err *e)
{
	struct init_job *j = ctx;
	int r = init_enter_proc(j, e);

	return r < 0 ? r : guard_sysctl_apply(j->conf, j->proc_fd, e);
}

/* Line ends stay as the program writes them: whoever reads our stdout through a pipe gets no
 * carriage returns, and a user's terminal adds them itself (life/relay.c). */
static void plain_newlines(int fd)
{
	struct termios t;

	if (tcgetattr(fd, &t) < 0)
		return;
	t.c_oflag &= ~(tcflag_t)ONLCR;
	(void)tcsetattr(fd, TCSANOW, &t);
}

/* Sends the master away and keeps the slave for the launch. */
static int send_console(struct init_job *j, int master_fd, struct err *e)
{
	int r = init_launch_console_size(j, e);

	if (j->is_relayed)
		plain_newlines(j->console_fd);
	return r < 0 ? r : init_proto_send(j->sock_fd, INIT_MSG_CONSOLE, NULL, 0, &master_fd, 1, e);
}

static int console(void *ctx, struct err *e)
{
	struct init_job *j = ctx;
	AUTO_FD master = FD_NONE;
	int r = root_console(j->root, &master, &j->console_fd, e);

	return r < 0 ? r : send_console(j, master, e);
}

static int create_hooks(void *ctx, struct err *e)
{
	struct init_job *j = ctx;
	AUTO(buf) state = {0};

	init_hook_state(j, SPEC_CREATING, &state);
	/* In the root that is about to become "/", as in runc: hooks use paths below it. */
	int r = root_chdir(j->root, e);

	if (r < 0)
		return r;
	struct init_hooks_env with = {state.data, NULL, NULL, j->hook_out_fd, j->hook_err_fd};

	return init_hooks_run(j->conf, SPEC_HOOK_CREATE_CONTAINER, &with, e);
}

static int pivot(void *ctx, struct err *e)
{
	return root_pivot(((struct init_job *)ctx)->root, e);
}

/* Before the root becomes read-only, since a missing cwd is made. */
static int program(void *ctx, struct err *e)
{
	struct init_job *j = ctx;
	AUTO_FD root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root_fd < 0)
		return err_sys(e, errno, "open the container's root");
	int r = init_launch_workdir(j, root_fd, e);

	if (r < 0)
		return r;
	init_ids_env(j, root_fd);
	return init_ids_program(j, root_fd, e);
}

static int seal(void *ctx, struct err *e)
{
	struct init_job *j = ctx;
	int r = root_seal(j->root, e);

	root_plan_close(j->root);
	return r;
}

static _Noreturn void end_created(int sig)
{
	_exit(128 + sig);
}

/* A created container ends on a signal, though pid 1 ignores what it does not handle (U84). */
static void handle_signals(void)
{
	static const int ends[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM};

	proc_reset_signals();
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct sigaction sa = {.sa_handler = end_created};

		sigaction(ends[i], &sa, NULL);
	}
}

static int ready(void *ctx, struct err *e)
{
	struct init_job *j = ctx;
	struct msg m;

	/* Of a run nobody can see this moment, and the launch resets them anyway: 69 calls. */
	if (j->gate_fd >= 0)
		handle_signals();
	/* A create's stdout and stderr are its caller's: containerd's shim reads them to their end
	 * before it goes on, so who waits at the gate must not hold them. */
	if (j->gate_fd >= 0 && j->console_fd >= 0) {
		int r = init_launch_console_stdio(j, e);

		if (r < 0)
			return r;
	}
	/* From READY on the socket's end tells us of the parent's death. The signal must go first:
	 * the parent may end right after CREATED, while we have not run yet. */
	prctl(PR_SET_PDEATHSIG, 0);
	if (j->gate_fd >= 0)
		prctl(PR_SET_NAME, "stiva:created");
	int r = init_proto_send(j->sock_fd, INIT_MSG_READY, NULL, 0, NULL, 0, e);

	if (r < 0)
		return r;
	r = init_proto_expect(j->sock_fd, INIT_MSG_CREATED, -1, &m, e);
	if (r == 0)
		msg_done(&m);
	return r;
}

/* ---- the lists ---- */

/* clang-format off */
static const struct step init_rows[] = {
	{"hello",	 NULL,		   hello,	 NULL}, /* HELLO ->, <- MAPPED */
	{"join",	 NULL,		   join,	 NULL},
	{"namespaced",	 wants_go,	   namespaced,	 NULL}, /* NAMESPACED ->, <- GO */
	{"names",	 NULL,		   names,	 NULL},
	{"keyring",	 wants_keyring,	   keyring,	 NULL},
	{"attach",	 NULL,		   attach,	 NULL},
	{"mounts",	 NULL,		   mounts,	 NULL},
	{"devices",	 NULL,		   devices,	 NULL},
	{"sysctl",	 has_sysctl,	   sysctl,	 NULL},
	{"console",	 has_console,	   console,	 NULL}, /* CONSOLE -> */
	{"create-hooks", has_create_hooks, create_hooks, NULL},
	{"pivot",	 NULL,		   pivot,	 NULL},
	{"program",	 has_process,	   program,	 NULL},
	{"seal",	 NULL,		   seal,	 NULL},
	{"ready",	 NULL,		   ready,	 NULL}, /* READY ->, <- CREATED */
};
/* clang-format on */
static const struct step_list init_steps = {"init", init_rows,
					    sizeof(init_rows) / sizeof(init_rows[0])};

/* Waits at the gate until a `start` says RUN; one that dies before saying it changes nothing. */
static int wait_gate(struct init_job *j, struct err *e)
{
	struct msg m;

	if (j->gate_fd < 0) {
		int r = init_proto_expect(j->sock_fd, INIT_MSG_RUN, -1, &m, e);

		if (r == 0)
			msg_done(&m);
		return r;
	}
	auto_fd_done(&j->sock_fd);
	for (;;) {
		AUTO_FD conn = accept4(j->gate_fd, NULL, NULL, SOCK_CLOEXEC);

		if (conn < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (conn < 0)
			return err_sys(e, errno, "wait at the start gate");
		if (init_proto_expect(conn, INIT_MSG_RUN, -1, &m, e) < 0)
			continue;
		msg_done(&m);
		j->sock_fd = fd_take(&conn);
		auto_fd_done(&j->gate_fd);
		return 0;
	}
}

static _Noreturn void fail(struct init_job *j, const struct err *e)
{
	init_proto_fail(j->sock_fd, e);
	_exit(1);
}

_Noreturn void init_main(struct init_job *j)
{
	struct err e = ERR_INIT;

	if (step_run(&init_steps, j, &e) < 0)
		fail(j, &e);
	init_launch_sweep(j);
	if (wait_gate(j, &e) < 0)
		fail(j, &e);
	init_launch_exec(j);
}

/* ---- exec ---- */

static int exec_join(void *ctx, struct err *e)
{
	struct init_job *j = ctx;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_DUMPABLE, 0);
	/* Directories of the host are open here, and the container sees us already (C1). */
	init_launch_sweep(j);
	int r = init_enter_running(j, e);

	if (r < 0)
		return r;
	/* Changing credentials cleared it. */
	if (j->ns.join_flags & CLONE_NEWUSER)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (setsid() < 0 && errno != EPERM)
		return err_sys(e, errno, "make a session");
	return 0;
}

static int exec_console(void *ctx, struct err *e)
{
	struct init_job *j = ctx;
	AUTO_FD master = FD_NONE;
	int r = root_exec_pty(&master, &j->console_fd, e);

	return r < 0 ? r : send_console(j, master, e);
}

/* clang-format off */
static const struct step exec_rows[] = {
	{"join",    NULL,	   exec_join,	 NULL},
	{"keyring", wants_keyring, keyring,	 NULL},
	{"console", has_console,   exec_console, NULL}, /* CONSOLE -> */
	{"program", NULL,	   program,	 NULL},
	{"ready",   wants_go,	   ready,	 NULL}, /* READY ->, <- CREATED */
};
/* clang-format on */
static const struct step_list exec_steps = {"exec", exec_rows,
					    sizeof(exec_rows) / sizeof(exec_rows[0])};

_Noreturn void init_exec_main(struct init_job *j)
{
	struct err e = ERR_INIT;

	if (step_run(&exec_steps, j, &e) < 0)
		fail(j, &e);
	init_launch_exec(j);
}

void init_steps_print(struct buf *out)
{
	const struct step_list *lists[] = {&init_steps, &init_launch_steps, &exec_steps,
					   &init_mounts_add_steps, &init_mounts_remove_steps};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (size_t k = 0; k < lists[i]->n; k++)
			buf_printf(out, "%s.%s\n", lists[i]->name, lists[i]->rows[k].name);
}
