/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/init/launch: from the open gate to execve: startContainer hooks, stdio, labels, limits,
 * seccomp, identity, working directory. The same rows serve a new container and an exec. Knows
 * nothing of namespaces and mounts. Errors go to whoever opened the gate, over j->sock_fd.
 */
#include "runtime/init/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/sys.h"
#include "base/ban.h"

/* ---- hooks ---- */

static bool has_start_hooks(const void *ctx)
{
	const struct init_job *j = ctx;

	return j->root && j->conf->hooks && j->conf->hooks->kind[SPEC_HOOK_START_CONTAINER].n;
}

/* Last of all: what they run comes out of the image, so it gets what the program gets and no more
 * (identity, capabilities, filter, environment, working directory). */
static int start_hooks(void *ctx, struct err *e)
{
	struct init_job *j = ctx;
	AUTO(buf) state = {0};

	init_hook_state(j, SPEC_CREATED, &state);
	struct init_hooks_env with = {state.data, NULL, j->env, j->hook_out_fd, j->hook_err_fd};

	return init_hooks_run(j->conf, SPEC_HOOK_START_CONTAINER, &with, e);
}

/* ---- stdio ---- */

int init_launch_console_size(struct init_job *j, struct err *e)
{
	const struct spec_console_size *size = j->process->console_size;
	struct winsize ws = j->size;

	if (size && (size->height.v || size->width.v)) {
		ws.ws_row = size->height.v > 0xffff ? 0xffff : (unsigned short)size->height.v;
		ws.ws_col = size->width.v > 0xffff ? 0xffff : (unsigned short)size->width.v;
	}
	if ((ws.ws_row || ws.ws_col) && ioctl(j->console_fd, TIOCSWINSZ, &ws) < 0)
		return err_sys(e, errno, "process.consoleSize: set the terminal's size");
	return 0;
}

int init_launch_console_stdio(struct init_job *j, struct err *e)
{
	for (int i = 0; i < 3; i++)
		if (dup2(j->console_fd, i) < 0)
			return err_sys(e, errno, "dup the console to fd %d", i);
	return 0;
}

static int take_console(struct init_job *j, struct err *e)
{
	if (ioctl(j->console_fd, TIOCSCTTY, 0) < 0)
		return err_sys(e, errno, "make the console the controlling terminal");
	return init_launch_console_stdio(j, e);
}

/*
 * A program that runs as another user can only reopen /dev/stdout when the pipe is its own (docker
 * and podman users rely on it). Only what has no life on the host's file system is given away:
 * pipes, sockets and the console we made.
 */
static void give_stdio(const struct init_job *j)
{
	uint32_t uid = j->process->user ? j->process->user->uid.v : 0;

	for (int i = 0; i < 3; i++) {
		struct stat st;

		if (fstat(i, &st) < 0 || st.st_uid == uid)
			continue;
		if (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) || j->console_fd >= 0)
			(void)!fchown(i, uid, (gid_t)-1);
	}
}

static int stdio(void *ctx, struct err *e)
{
	struct init_job *j = ctx;
	int r = j->console_fd >= 0 ? take_console(j, e) : 0;

	if (r == 0)
		give_stdio(j);
	return r;
}

/* ---- labels, limits, policies ---- */

static bool has_labels(const void *ctx)
{
	const struct init_job *j = ctx;

	return j->process->apparmor_profile || j->process->selinux_label;
}

static int labels(void *ctx, struct err *e)
{
	struct init_job *j = ctx;
	int r = init_enter_proc(j, e);

	if (r < 0)
		return r;
	return guard_lsm_apply(j->process->apparmor_profile, j->process->selinux_label, j->proc_fd,
			       e);
}

/*
 * What an exec asks for; it says nothing about the container's own program. With an initial list
 * and no final one nothing is changed any more: the kernel has the last word (config.md). Otherwise
 * an affinity that the caller happened to have is not the container's (P18).
 */
static int affinity(const struct init_job *j, struct err *e)
{
	const struct spec_exec_affinity *a = j->root ? NULL : j->process->exec_cpu_affinity;
	const char *final = a && a->final && *a->final ? a->final : NULL;

	if (!final && a && a->initial && *a->initial)
		return 0;
	return guard_affinity_apply(final, "process.execCPUAffinity.final", e);
}

static int limits(void *ctx, struct err *e)
{
	struct init_job *j = ctx;
	const struct spec_linux *l = j->conf->linux_;
	struct spec_process process = *j->process;

	process.oom_score_adj.has &= !j->has_oom_score;
	int r = l->personality ? guard_personality(l->personality, e) : 0;

	if (r == 0 && l->memory_policy)
		r = guard_memory_policy(l->memory_policy, e);
	/* Which the container may not have mounted. */
	if (r == 0 && process.oom_score_adj.has)
		r = init_enter_proc(j, e);
	if (r == 0)
		r = guard_limits_apply(&process, j->proc_fd, e);
	return r < 0 ? r : affinity(j, e);
}

/* ---- the last word, and seccomp ---- */

static bool wants_nnp(const void *ctx)
{
	return ((const struct init_job *)ctx)->process->no_new_privileges.v;
}

static bool filters_early(const void *ctx)
{
	return ((const struct init_job *)ctx)->filter.n && !wants_nnp(ctx);
}

static bool filters_late(const void *ctx)
{
	return ((const struct init_job *)ctx)->filter.n && wants_nnp(ctx);
}

/* Hooks come after the filter, and who dies in them has not run the program. */
static bool launches_early(const void *ctx)
{
	return filters_early(ctx) && !has_start_hooks(ctx);
}

static bool launches(const void *ctx)
{
	return !filters_early(ctx) && !has_start_hooks(ctx);
}

/* Before the filter, which may end whoever says a word. */
static int tell_launch(void *ctx, struct err *e)
{
	return init_proto_send(((struct init_job *)ctx)->sock_fd, INIT_MSG_LAUNCH, NULL, 0, NULL, 0,
			       e);
}

static int tell_launch_filtered(void *ctx, struct err *e)
{
	int r = msg_write(((struct init_job *)ctx)->sock_fd, INIT_MSG_LAUNCH);

	return r < 0 ? err_sys(e, r, "tell that the program is about to run") : 0;
}

static int load_filter(void *ctx, struct err *e)
{
	struct init_job *j = ctx;
	AUTO_FD listener = FD_NONE;
	struct msg m;
	int r = guard_seccomp_load(&j->filter, &listener, e);

	if (r < 0 || listener < 0)
		return r;
	/* The agent must have the fd before the next notified call, or nobody would answer it. */
	r = init_proto_send(j->sock_fd, INIT_MSG_LISTENER, NULL, 0, &listener, 1, e);
	if (r == 0)
		r = init_proto_expect(j->sock_fd, INIT_MSG_LISTENING, -1, &m, e);
	if (r == 0)
		msg_done(&m);
	return r;
}

/* ---- identity ---- */

static int identity(void *ctx, struct err *e)
{
	struct init_job *j = ctx;
	const struct spec_user *u = j->process->user;
	struct guard_identity id = {
		.uid = u ? u->uid.v : 0,
		.gid = u ? u->gid.v : 0,
		.caps = j->process->capabilities,
		.keep_groups = init_keeps_groups(j),
		.setgroups_denied = j->setgroups_denied,
	};

	if (u) {
		id.groups = u->additional_gids;
		id.umask = u->umask;
	}
	return guard_identity_apply(&id, e);
}

static int no_new_privs(void *ctx, struct err *e)
{
	(void)ctx;
	return guard_no_new_privs(e);
}

/* ---- working directory ---- */

int init_launch_workdir(struct init_job *j, int root_fd, struct err *e)
{
	const char *cwd = j->process->cwd;
	AUTO_FD fd = path_open_in(root_fd, cwd, O_PATH | O_DIRECTORY);

	if (fd == -ENOENT)
		fd = path_mkdirs_in(root_fd, cwd, 0755);
	if (fd == -EACCES) {
		/* Root of a user namespace may not pass where the user may (0700, NFS). */
		j->needs_late_chdir = true;
		return 0;
	}
	if (fd == -ELOOP)
		return err_set(
			e, ERR_INPUT, ELOOP,
			"process.cwd: \"%s\": cwd outside of container root or a loop of links",
			cwd);
	if (fd < 0)
		return err_sys(e, fd, "process.cwd: \"%s\"", cwd);
	if (fchdir(fd) == 0)
		return 0;
	if (errno != EACCES)
		return err_sys(e, errno, "process.cwd: change to \"%s\"", cwd);
	j->needs_late_chdir = true;
	return 0;
}

static int workdir(void *ctx, struct err *e)
{
	struct init_job *j = ctx;
	char cwd[PATH_MAX];

	if (j->needs_late_chdir) {
		/* By the same rules as the first time: the container may have put a link of procfs
		 * in the way (C1). */
		AUTO_FD root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		AUTO_FD fd = root_fd < 0
				     ? -errno
				     : path_open_in(root_fd, j->process->cwd, O_PATH | O_DIRECTORY);

		if (fd < 0 || fchdir(fd) < 0)
			return err_sys(e, fd < 0 ? fd : errno, "process.cwd: change to \"%s\"",
				       j->process->cwd);
	}
	/* The kernel puts "(unreachable)" in front of a directory outside our root (P10). */
	long n = syscall(SYS_getcwd, cwd, sizeof(cwd));

	if (n < 0)
		return err_sys(e, errno, "process.cwd: where is \"%s\"", j->process->cwd);
	if (cwd[0] != '/')
		return err_set(e, ERR_INPUT, EINVAL,
			       "process.cwd: \"%s\": cwd outside of container root",
			       j->process->cwd);
	return 0;
}

/* ---- the list ---- */

/* clang-format off */
static const struct step launch_rows[] = {
	{"stdio",	 NULL,		  stdio,	NULL},
	{"labels",	 has_labels,	  labels,	NULL},
	{"limits",	 NULL,		  limits,	NULL},
	{"launch-early", launches_early, tell_launch,	NULL}, /* LAUNCH -> */
	{"seccomp-early", filters_early,  load_filter,	NULL}, /* LISTENER ->, <- LISTENING */
	{"identity",	 NULL,		  identity,	NULL},
	{"workdir",	 NULL,		  workdir,	NULL},
	{"no-new-privs", wants_nnp,	  no_new_privs,	NULL},
	{"launch",	 launches,	  tell_launch,	NULL}, /* LAUNCH -> */
	{"seccomp",	 filters_late,	  load_filter,	NULL}, /* LISTENER ->, <- LISTENING */
	{"start-hooks",	 has_start_hooks, start_hooks,	NULL},
	{"launch-late",	 has_start_hooks, tell_launch_filtered, NULL}, /* LAUNCH -> */
};
/* clang-format on */
const struct step_list init_launch_steps = {"launch", launch_rows,
					    sizeof(launch_rows) / sizeof(launch_rows[0])};

_Noreturn void init_launch_exec(struct init_job *j)
{
	struct err e = ERR_INIT;

	/* The user's program must not die with whoever started it. */
	prctl(PR_SET_PDEATHSIG, 0);
	proc_reset_signals();
	fd_cloexec_from(3 + (int)j->preserve_fds);
	if (step_run(&init_launch_steps, j, &e) == 0) {
		execve(j->program, j->process->args.v, j->env);
		err_sys(&e, errno, "process.args[0]: exec %s", j->process->args.v[0]);
	}
	init_proto_fail(j->sock_fd, &e);
	_exit(1);
}

static int compare_ints(const void *a, const void *b)
{
	int x = *(const int *)a, y = *(const int *)b;

	return x < y ? -1 : x > y;
}

void init_launch_sweep(struct init_job *j)
{
	int keep[] = {j->sock_fd,     j->gate_fd,      j->console_fd,	 j->proc_fd,
		      log_fd(),	      log_timing_fd(), j->ns.join_pidfd, j->ns.join_root_fd,
		      j->hook_out_fd, j->hook_err_fd};
	size_t n = sizeof(keep) / sizeof(keep[0]);
	unsigned next = 3 + j->preserve_fds;

	qsort(keep, n, sizeof(keep[0]), compare_ints);
	for (size_t i = 0; i < n; i++) {
		if (keep[i] < 0 || (unsigned)keep[i] < next)
			continue;
		if ((unsigned)keep[i] > next)
			sys_close_range(next, (unsigned)keep[i] - 1, 0);
		next = (unsigned)keep[i] + 1;
	}
	sys_close_range(next, ~0u, 0);
}
