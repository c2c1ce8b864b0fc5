/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/life/create: the parent's script, row by row, beside init/steps.c's: rows that send or
 * wait for a message say so. Each row's undo is also what `delete` runs against the state on disk
 * (delete.c), so that create and delete cannot drift apart. The intent (record with stage
 * "creating") is on disk before the first side effect outside the state directory.
 */
#include "runtime/life/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/ban.h"

#define READY_MS 60000

void life_create_init(struct life_create *c)
{
	c->box = (struct life_box)LIFE_BOX_INIT;
	c->cg = (struct cg)CG_NONE;
	c->child = (struct life_child)LIFE_CHILD_INIT;
	c->netdev = (struct net_move)NET_MOVE_NONE;
	c->bundle_fd = c->net_fd = c->gate_fd = c->console_fd = c->abort_fd = FD_NONE;
	init_job_reset(&c->job);
}

void life_create_done(struct life_create *c)
{
	if (c->plan)
		root_plan_close(c->plan);
	c->plan = NULL;
	life_spawn_plan_done(&c->job.ns);
	life_child_done(&c->child);
	net_move_done(&c->netdev);
	auto_fd_done(&c->net_fd);
	cg_done(&c->cg);
	life_box_done(&c->box);
	auto_fd_done(&c->bundle_fd);
	auto_fd_done(&c->gate_fd);
	auto_fd_done(&c->console_fd);
	auto_fd_done(&c->abort_fd);
	auto_fd_done(&c->job.hook_out_fd);
	auto_fd_done(&c->job.hook_err_fd);
	buf_done(&c->text);
	arena_done(&c->arena);
}

/* ---- conditions ---- */

static bool has_cgroup(const void *ctx)
{
	return ((const struct life_create *)ctx)->place.manager != CG_DISABLED;
}

static bool has_gate(const void *ctx)
{
	return !((const struct life_create *)ctx)->is_run;
}

static bool has_notify(const void *ctx)
{
	return ((const struct life_create *)ctx)->job.notify_socket;
}

static bool has_netdev(const void *ctx)
{
	return ((const struct life_create *)ctx)->netdev.n;
}

static bool has_rdt(const void *ctx)
{
	return ((const struct life_create *)ctx)->rdt.group;
}

/* A restored container has no init of ours that would answer. */
static bool is_launch(const void *ctx)
{
	return !((const struct life_create *)ctx)->revive;
}

static bool wants_go(const void *ctx)
{
	return is_launch(ctx) && ((const struct life_create *)ctx)->job.wants_go;
}

static bool has_pid_file(const void *ctx)
{
	return ((const struct life_create *)ctx)->a->pid_file;
}

static bool has_pidfd_socket(const void *ctx)
{
	return ((const struct life_create *)ctx)->pidfd_socket;
}

/* ---- claim: the state directory with the intent ---- */

static int claim(void *ctx, struct err *e)
{
	struct life_create *c = ctx;
	int r = life_store_claim(c->h, c->a->id, &c->box, e);

	return r < 0 ? r : life_store_write(&c->box, &c->rec, e);
}

static void claim_undo(void *ctx)
{
	struct life_create *c = ctx;
	struct err e = ERR_INIT;

	/* What could not be undone must stay known. */
	if (c->undo_err.code)
		return;
	if (life_store_remove(&c->box, &e) < 0)
		c->undo_err = e;
}

/* ---- config: the copy that later verbs read ---- */

static int save_config(void *ctx, struct err *e)
{
	struct life_create *c = ctx;
	AUTO_FD fd = openat(c->box.dir_fd, LIFE_CONFIG,
			    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r = fd < 0 ? -errno : fd_write_all(fd, c->text.data, c->text.len);

	if (r < 0)
		return err_sys(e, r, "save %s in the state directory (is it full?)", LIFE_CONFIG);
	return 0;
}

/* ---- cgroup ---- */

/* A normal user without a delegated cgroup still runs, without limits; life_create_tell() says so.
 */
static int without_cgroup(struct life_create *c, struct err *e)
{
	bool denied = e->code == EACCES || e->code == EPERM || e->code == EROFS;

	if (!c->is_rootless || !denied || c->conf->linux_->cgroups_path)
		return -e->code;
	log_debug("no cgroup: %s", e->text);
	err_clear(e);
	c->place.manager = CG_DISABLED;
	/* The mounts look at it: the caller's own, then. */
	c->place.path[0] = c->place.inner[0] = '\0';
	c->rec_cgroup = (struct life_rec_cgroup){.manager = {true, CG_DISABLED}};
	return life_store_write(&c->box, &c->rec, e);
}

static int make_cgroup(void *ctx, struct err *e)
{
	struct life_create *c = ctx;
	const struct spec_resources *res = c->revive ? NULL : c->conf->linux_->resources;
	int r = cg_make(&c->place, c->conf, &c->cg, e);

	if (r < 0)
		return without_cgroup(c, e);
	life_owner_mark(&c->box, &c->cg);
	c->rec_cgroup.ino = (struct opt_u64){true, c->cg.ino};
	c->rec_cgroup.made_levels = (struct opt_u32){true, c->cg.made_levels};
	r = res ? cg_apply(&c->cg, res, e) : 0;
	return r < 0 ? r : cg_admit(&c->cg, res, e);
}

/* After the spawn, since the verifier's time is then the child's as well: until GO or RUN nothing
 * runs in the cgroup but our own init, and what that makes is on the list. */
static int devices(void *ctx, struct err *e)
{
	struct life_create *c = ctx;

	int r = cg_devices_apply(&c->cg, c->conf, c->is_rootless, e);

	return r < 0 ? r : life_delegate(c->conf, &c->cg, e);
}

static void make_cgroup_undo(void *ctx)
{
	struct life_create *c = ctx;
	struct err e = ERR_INIT;

	/* A create that did not get as far as making it must not touch one that stood there before.
	 */
	if (!c->is_delete && c->cg.dir_fd < 0)
		return;
	if (!c->rec_cgroup.path || c->undo_err.code)
		return;
	unsigned levels = c->rec_cgroup.made_levels.has ? c->rec_cgroup.made_levels.v : 1;

	if (cg_remove(&c->place, c->rec_cgroup.ino.v, levels, &e) < 0)
		c->undo_err = e;
}

/* ---- gate: the socket at which a created init waits ---- */

static int make_gate(void *ctx, struct err *e)
{
	struct life_create *c = ctx;
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	char dir[FD_PROC_MAX];

	/* bind(2) takes no directory fd, and a state path may be longer than 107 bytes. */
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/%s", fd_proc_path(c->box.dir_fd, dir),
		 LIFE_GATE);
	c->gate_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	/* The mode of the socket's file is that of its inode, less the umask. */
	if (c->gate_fd < 0 || fchmod(c->gate_fd, 0600) < 0 ||
	    bind(c->gate_fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 || listen(c->gate_fd, 1) < 0)
		return err_sys(e, errno, "make the start gate");
	c->job.gate_fd = c->gate_fd;
	return 0;
}

static int make_notify(void *ctx, struct err *e)
{
	struct life_create *c = ctx;

	/* Any user of the container may write to the socket in it. */
	if (mkdirat(c->box.dir_fd, LIFE_NOTIFY_DIR, 0755) < 0 ||
	    fchmodat(c->box.dir_fd, LIFE_NOTIFY_DIR, 0755, 0) < 0)
		return err_sys(e, errno, "make the sd_notify directory");
	return 0;
}

/* ---- spawn ---- */

static int spawn(void *ctx, struct err *e)
{
	struct life_create *c = ctx;
	const struct life_seat seat = {&c->cg, cg_into(&c->cg), 0};
	int r = c->revive ? c->revive->spawn(c, e)
			  : life_spawn(&c->job, &seat, init_main, &c->child, e);

	if (r == 0)
		r = cg_settle(&c->cg, c->conf->linux_->resources, e);

	if (r < 0)
		return life_spawn_explain(&c->child, &c->cg, e);
	/* The child has them; ours would keep the gate open after its death. */
	auto_fd_done(&c->gate_fd);
	/* Now, while the child is busy. It is ours to reap: dead or alive, it is in /proc. */
	r = life_machine_mark(c->child.pid, &c->rec_init);
	return r < 0 ? err_sys(e, r, "start time of init") : 0;
}

static void spawn_undo(void *ctx)
{
	struct life_create *c = ctx;

	if (c->revive)
		c->revive->undo(c);
	life_spawn_kill(&c->child);
}

/* Raises that only the host's root may do; and the oom score, which is easier from here: the
 * container may have no /proc, or a user namespace that may not write it. */
static int outside_limits(void *ctx, struct err *e)
{
	struct life_create *c = ctx;
	const struct spec_process *p = c->conf->process;

	int r = c->job.ns.new_user ? 0 : guard_oom_apply(p, c->child.pid, FD_NONE, e);

	if (r < 0 || !c->job.ns.new_user || c->is_rootless)
		return r;
	return guard_rlimits_apply(p, c->child.pid, e);
}

/* ---- the group of resctrl ---- */

static int make_rdt(void *ctx, struct err *e)
{
	return life_rdt_make(ctx, e);
}

static void make_rdt_undo(void *ctx)
{
	life_rdt_undo(ctx);
}

static int join_rdt(void *ctx, struct err *e)
{
	return life_rdt_join(ctx, e);
}

/* ---- the host's network devices ---- */

static int netdev(void *ctx, struct err *e)
{
	return life_netdev_move(ctx, e);
}

static void netdev_undo(void *ctx)
{
	life_netdev_undo(ctx);
}

/* ---- hooks outside, between NAMESPACED and GO ---- */

static int go(void *ctx, struct err *e)
{
	struct life_create *c = ctx;
	struct msg m;
	int r = life_wait_expect(&c->child, INIT_MSG_NAMESPACED, READY_MS, &m, e);

	if (r < 0)
		return life_spawn_explain(&c->child, &c->cg, e);
	msg_done(&m);
	c->state.pid = (struct opt_i64){true, c->child.pid};
	c->ran_hooks = true;
	r = life_hooks_outside(c->conf, SPEC_HOOK_PRESTART, &c->state, SPEC_CREATING, c->bundle, e);
	if (r == 0)
		r = life_hooks_outside(c->conf, SPEC_HOOK_CREATE_RUNTIME, &c->state, SPEC_CREATING,
				       c->bundle, e);
	if (r < 0)
		return r;
	return init_proto_send(c->child.sock_fd, INIT_MSG_GO, NULL, 0, NULL, 0, e);
}

/* ---- ready: CONSOLE if there is a terminal, then READY ---- */

static int take_console(struct life_create *c, int timeout, struct err *e)
{
	struct msg m;
	int r = life_wait_expect(&c->child, INIT_MSG_CONSOLE, timeout, &m, e);

	if (r < 0)
		return r;
	if (m.n_fds != 1) {
		msg_done(&m);
		return err_set(e, ERR_BUG, EBADMSG, "CONSOLE without its fd");
	}
	c->console_fd = m.fds[0];
	if (!c->a->console_socket)
		return 0;
	r = life_tty_send(c->a->console_socket, c->console_fd, "/dev/pts/ptmx", "--console-socket",
			  e);
	auto_fd_done(&c->console_fd);
	return r;
}

/* Opens one of the very many sources for the child, when their turn comes. What cannot be opened is
 * the child's error, so that it comes back in its order. */
static int give_tree(struct life_create *c, struct err *e)
{
	struct err theirs = ERR_INIT;
	AUTO_FD fd = FD_NONE;
	struct msg m;
	size_t i = SIZE_MAX;
	int r = life_wait_expect(&c->child, INIT_MSG_WANT, READY_MS, &m, e);

	if (r < 0)
		return r;
	if (m.len == sizeof(i))
		memcpy(&i, m.payload, sizeof(i));
	msg_done(&m);
	if (root_plan_tree(c->plan, i, &fd, &theirs) < 0) {
		init_proto_fail(c->child.sock_fd, &theirs);
		return 0;
	}
	return init_proto_send(c->child.sock_fd, INIT_MSG_TREE, NULL, 0, &fd, 1, e);
}

static int ready(void *ctx, struct err *e)
{
	struct life_create *c = ctx;
	const struct spec_hooks *h = c->conf->hooks;
	struct msg m;
	/* Hooks without a timeout may take as long as they like. */
	bool has_hooks = h && h->kind[SPEC_HOOK_CREATE_CONTAINER].n;
	int timeout = has_hooks ? -1 : READY_MS;
	int r = 0;

	c->ran_hooks = c->ran_hooks || has_hooks;
	for (size_t i = 0; r == 0 && i < root_plan_n_wanted(c->plan); i++)
		r = give_tree(c, e);
	if (r == 0 && c->conf->process && c->conf->process->terminal.v)
		r = take_console(c, timeout, e);
	if (r == 0) {
		r = life_wait_expect(&c->child, INIT_MSG_READY, timeout, &m, e);
		if (r == 0)
			msg_done(&m);
	}
	return r < 0 ? life_spawn_explain(&c->child, &c->cg, e) : 0;
}

static int late_limits(void *ctx, struct err *e)
{
	struct life_create *c = ctx;
	const struct spec_resources *res = c->conf->linux_->resources;

	if (c->revive)
		return c->revive->limits(c, e);
	if (!res || c->cg.dir_fd < 0)
		return 0;
	return cg_apply_late(&c->cg, res, e);
}

/* ---- record, pid file, commit ---- */

static int record(void *ctx, struct err *e)
{
	struct life_create *c = ctx;

	c->rec.init = &c->rec_init;
	c->rec.stage = (struct opt_enum){true, LIFE_STAGE_CREATED};
	return life_store_write(&c->box, &c->rec, e);
}

static int pid_file(void *ctx, struct err *e)
{
	struct life_create *c = ctx;
	char text[16];
	int n = snprintf(text, sizeof(text), "%d", (int)c->child.pid);
	int r = file_replace_path(c->a->pid_file, text, (size_t)n, 0644);

	return r < 0 ? err_sys(e, r, "--pid-file: write \"%s\"", c->a->pid_file) : 0;
}

static void pid_file_undo(void *ctx)
{
	struct life_create *c = ctx;

	/* A deleted container's pid file is its engine's. */
	if (!c->is_delete && has_pid_file(c))
		(void)unlink(c->a->pid_file);
}

static int pidfd_socket(void *ctx, struct err *e)
{
	struct life_create *c = ctx;

	return life_tty_send(
		c->pidfd_socket, c->child.pidfd, c->a->id,
		c->a->pidfd_socket ? "--pidfd-socket" : "annotations.run.oci.pidfd_receiver", e);
}

static int commit(void *ctx, struct err *e)
{
	struct life_create *c = ctx;

	if (c->revive)
		return c->revive->commit(c, e);
	return init_proto_send(c->child.sock_fd, INIT_MSG_CREATED, NULL, 0, NULL, 0, e);
}

/* clang-format off */
static const struct step rows[] = {
	{"claim",	 NULL,		   claim,	   claim_undo},
	{"cgroup",	 has_cgroup,	   make_cgroup,	   make_cgroup_undo},
	{"rdt",		 has_rdt,	   make_rdt,	   make_rdt_undo},
	{"gate",	 has_gate,	   make_gate,	   NULL},
	{"notify",	 has_notify,	   make_notify,	   NULL},
	{"spawn",	 NULL,		   spawn,	   spawn_undo}, /* <- HELLO, MAPPED ->, <- SPAWNED */
	{"limits",	 is_launch,	   outside_limits, NULL},
	{"rdt-join",	 has_rdt,	   join_rdt,	   NULL}, /* init leaves as it dies */
	{"devices",	 has_cgroup,	   devices,	   NULL}, /* undone with the cgroup */
	{"config",	 NULL,		   save_config,	   NULL}, /* undone with the claim */
	{"netdev",	 has_netdev,	   netdev,	   netdev_undo},
	{"go",		 wants_go,	   go,		   NULL}, /* <- NAMESPACED, GO -> */
	{"ready",	 is_launch,	   ready,	   NULL}, /* <- CONSOLE, <- READY */
	{"late-limits",	 NULL,		   late_limits,	   NULL},
	{"record",	 NULL,		   record,	   NULL},
	{"pid-file",	 has_pid_file,	   pid_file,	   pid_file_undo},
	{"pidfd-socket", has_pidfd_socket, pidfd_socket,   NULL},
	{"commit",	 NULL,		   commit,	   NULL}, /* CREATED -> */
};
/* clang-format on */
const struct step_list life_create_steps = {"create", rows, sizeof(rows) / sizeof(rows[0])};

int life_create_go(struct life_create *c, struct err *e)
{
	int r = life_wait_signals(&c->abort_fd, e);

	c->child.abort_fd = c->abort_fd;
	if (r == 0)
		r = step_run(&life_create_steps, c, e);
	/* H02: what a create hook may have begun, the poststop hooks end. */
	if (r < 0 && c->ran_hooks) {
		struct err ignored = ERR_INIT;

		c->state.pid = (struct opt_i64){true, 0};
		(void)!life_hooks_outside(c->conf, SPEC_HOOK_POSTSTOP, &c->state, SPEC_STOPPED,
					  c->bundle, &ignored);
	}
	return r;
}

int life_create_run(struct life_create *c, struct err *e)
{
	int r = life_create_prepare(c, e);

	return r == 0 ? life_create_go(c, e) : r;
}

void life_create_tell(const struct life_create *c)
{
	if (c->place.manager == CG_DISABLED && c->h->manager != CG_DISABLED)
		log_warn("container \"%s\" has no cgroup, so no limits and no pause: none is "
			 "delegated to this user (systemd-run --user --scope -p Delegate=yes)",
			 c->a->id);
}

int life_create(const struct life_host *h, const struct life_create_args *a, struct err *e)
{
	struct life_create c = {.h = h, .a = a};

	life_create_init(&c);
	int r = life_create_run(&c, e);

	if (r == 0)
		life_create_tell(&c);
	life_create_done(&c);
	return r;
}

void life_faults_print(struct buf *out)
{
	for (size_t i = 0; i < life_create_steps.n; i++)
		buf_printf(out, "%s.%s\n", life_create_steps.name, life_create_steps.rows[i].name);
	for (size_t i = 0; i < life_create_steps.n; i++)
		if (life_create_steps.rows[i].undo)
			buf_printf(out, "%s.undo.%s\n", life_create_steps.name,
				   life_create_steps.rows[i].name);
	init_steps_print(out);
}
