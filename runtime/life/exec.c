/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/life/exec: a second process in a container: the process document from a file or the
 * options, one clone (two for a normal user) into the container's cgroup, all namespaces joined at
 * once by the pidfd of init. Reads the saved config, never the bundle (G13).
 */
#include "runtime/life/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/num.h"
#include "base/proc.h"
#include "base/ban.h"

struct exec_run {
	const struct life_host *h;
	const struct life_exec_args *a;
	struct life_box box; /* owned; its arena holds all below */
	struct spec_config *conf;
	struct spec_process *process;
	struct spec_state state;
	struct init_job job;
	struct cg cg;
	struct cg_rdt rdt; /* group NULL: none */
	int cgroup_fd;	   /* owned: the sub-cgroup, or a dup of nothing */
	struct life_child child;
	int console_fd;
	int abort_fd; /* owned */
};

static void exec_run_done(struct exec_run *x)
{
	life_spawn_plan_done(&x->job.ns);
	life_child_done(&x->child);
	auto_fd_done(&x->console_fd);
	auto_fd_done(&x->abort_fd);
	auto_fd_done(&x->cgroup_fd);
	cg_done(&x->cg);
	life_box_done(&x->box);
}

/* ---- the process document ---- */

static int load_process_file(struct exec_run *x, struct err *e)
{
	AUTO(buf) text = {0};
	struct json_errors errs = {.arena = &x->box.arena};
	int r = file_read_path(x->a->process_file, JSON_DOCUMENT_MAX, &text);

	if (r < 0)
		return err_sys(e, r, "--process: read \"%s\"", x->a->process_file);
	if (spec_load_process(text.data, text.len, &x->box.arena, &errs, &x->process) < 0)
		return spec_errors_to_err(&errs, x->a->process_file, e);
	return 0;
}

static struct strvec join_vectors(struct arena *a, struct strvec first, struct strvec second)
{
	struct strvec r = {arena_array(a, first.n + second.n + 1, sizeof(char *)), 0};

	for (size_t i = 0; i < first.n; i++)
		r.v[r.n++] = first.v[i];
	for (size_t i = 0; i < second.n; i++)
		r.v[r.n++] = second.v[i];
	return r;
}

static int parse_user(struct exec_run *x, struct err *e)
{
	struct spec_user *u = arena_alloc(&x->box.arena, sizeof(*u));
	uint32_t uid, gid = 0;
	int has_gid = 0;

	if (x->process->user)
		*u = *x->process->user;
	x->process->user = u;
	if (x->a->user) {
		if (num_user(x->a->user, &uid, &gid, &has_gid) < 0)
			return err_set(
				e, ERR_INPUT, EINVAL,
				"--user \"%.64s\": must be UID or UID:GID, as decimal numbers",
				x->a->user);
		u->uid = (struct opt_u32){true, uid};
		if (has_gid)
			u->gid = (struct opt_u32){true, gid};
	}
	if (!x->a->groups.n)
		return 0;
	u->additional_gids.v = arena_array(&x->box.arena, x->a->groups.n, sizeof(uint32_t));
	u->additional_gids.n = 0;
	for (size_t i = 0; i < x->a->groups.n; i++)
		if (num_id(x->a->groups.v[i], &u->additional_gids.v[u->additional_gids.n++]) < 0)
			return err_set(e, ERR_INPUT, EINVAL,
				       "--additional-gids \"%.64s\": not a group id",
				       x->a->groups.v[i]);
	return 0;
}

static void add_cap(struct arena *a, struct enumvec *set, int cap)
{
	int *v = arena_array(a, set->n + 1, sizeof(int));

	for (size_t i = 0; i < set->n; i++) {
		if (set->v[i] == cap)
			return;
		v[i] = set->v[i];
	}
	v[set->n++] = cap;
	set->v = v;
}

static bool has_cap(const struct enumvec *set, int cap)
{
	for (size_t i = 0; i < set->n; i++)
		if (set->v[i] == cap)
			return true;
	return false;
}

static void add_caps(struct exec_run *x)
{
	struct arena *a = &x->box.arena;
	struct spec_capabilities *c = arena_alloc(a, sizeof(*c));

	if (!x->a->caps.n)
		return;
	if (x->process->capabilities)
		*c = *x->process->capabilities;
	x->process->capabilities = c;
	for (size_t i = 0; i < x->a->caps.n; i++) {
		const char *name = x->a->caps.v[i];
		int cap = word_find(&spec_words_capability, name);

		if (cap < 0)
			cap = word_find(&spec_words_capability, arena_printf(a, "CAP_%s", name));
		/* As in a config (P10). */
		if (cap < 0) {
			log_warn("--cap: unknown capability \"%.64s\" is ignored", name);
			continue;
		}
		/* Inheritable stays as it was: a non-empty set is a known hole (security.md C7). */
		add_cap(a, &c->bounding, cap);
		add_cap(a, &c->effective, cap);
		add_cap(a, &c->permitted, cap);
		if (has_cap(&c->inheritable, cap))
			add_cap(a, &c->ambient, cap);
	}
}

static int build_process(struct exec_run *x, struct err *e)
{
	const struct life_exec_args *a = x->a;
	struct spec_process *p = arena_alloc(&x->box.arena, sizeof(*p));
	size_t n = 0;

	if (x->conf->process)
		*p = *x->conf->process;
	x->process = p;
	while (a->argv && a->argv[n])
		n++;
	if (n == 0)
		return err_set(
			e, ERR_INPUT, EINVAL,
			"exec needs a command: `stiva exec ID CMD [ARG...]` or --process FILE");
	p->args = (struct strvec){(char **)a->argv, n};
	p->terminal = (struct opt_bool){true, a->tty.v};
	p->env = join_vectors(&x->box.arena, p->env, a->env);
	if (a->cwd)
		p->cwd = (char *)a->cwd;
	if (!p->cwd)
		p->cwd = arena_strdup(&x->box.arena, "/");
	if (a->no_new_privs.has)
		p->no_new_privileges = a->no_new_privs;
	if (a->apparmor)
		p->apparmor_profile = (char *)a->apparmor;
	if (a->process_label)
		p->selinux_label = (char *)a->process_label;
	add_caps(x);
	return parse_user(x, e);
}

static int load_process(struct exec_run *x, struct err *e)
{
	int r;

	if (x->a->process_file) {
		r = load_process_file(x, e);
		if (r == 0 && x->a->tty.has)
			x->process->terminal = x->a->tty;
	} else {
		r = build_process(x, e);
	}
	if (r < 0)
		return r;
	if (x->process->cwd && x->process->cwd[0] != '/')
		return err_set(e, ERR_INPUT, EINVAL, "--cwd \"%s\": must be an absolute path",
			       x->process->cwd);
	if (x->process->terminal.v && x->a->detach && !x->a->console_socket)
		return err_set(e, ERR_INPUT, EINVAL, "a detached terminal needs --console-socket");
	if (!x->process->terminal.v && x->a->console_socket)
		return err_set(e, ERR_INPUT, EINVAL,
			       "--console-socket given, but no terminal is wanted");
	return 0;
}

/* ---- what the child needs ---- */

/* A user namespace with a single self-map forbids setgroups(2) for good. */
static bool denies_setgroups(pid_t pid)
{
	char path[64], text[16];

	snprintf(path, sizeof(path), "/proc/%d/setgroups", (int)pid);
	return file_read_kernel(AT_FDCWD, path, text, sizeof(text)) > 0 && str_starts(text, "deny");
}

static int open_target(struct exec_run *x, struct err *e)
{
	const struct spec_namespace_vec *list = &x->conf->linux_->namespaces;
	struct init_ns *ns = &x->job.ns;

	ns->join_pidfd = life_machine_pidfd(&x->box);
	if (ns->join_pidfd < 0) {
		ns->join_pidfd = FD_NONE;
		return life_machine_check(LIFE_EXEC, SPEC_STOPPED, e);
	}
	for (size_t i = 0; i < list->n; i++)
		ns->join_flags |= (int)word_value(&spec_words_ns, list->v[i].type.v);
	if (ns->join_flags & CLONE_NEWUSER)
		x->job.setgroups_denied = denies_setgroups((pid_t)x->state.pid.v);
	/* After MS_MOVE + chroot the mount namespace's root is not the container's. */
	if (x->box.rec->no_pivot.v) {
		char path[64];

		snprintf(path, sizeof(path), "/proc/%d/root", (int)x->state.pid.v);
		ns->join_root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (ns->join_root_fd < 0)
			return err_sys(e, errno, "open the container's root");
	}
	return 0;
}

static int open_cgroup(struct exec_run *x, struct err *e)
{
	int r = life_machine_cgroup(&x->box, &x->cg, e);

	if (r == -ENOENT) {
		err_clear(e);
		return 0;
	}
	if (r == 0 && !x->a->cgroup) {
		const char *inner = spec_annotation(x->conf, "run.oci.delegate-cgroup");

		r = inner ? cg_open_inner(&x->cg, inner, e) : 0;
	}
	if (r < 0 || !x->a->cgroup)
		return r;
	return cg_open_sub(&x->cg, x->a->cgroup, &x->cgroup_fd, e);
}

static int compile_filter(struct exec_run *x, struct err *e)
{
	if (!life_filter_is_wanted(x->conf))
		return 0;
	AUTO_FD cache = openat(x->box.root_fd, LIFE_SECCOMP_DIR,
			       O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return life_filter_make(x->conf, cache, &x->box.arena, &x->job.filter, e);
}

static int check_fds(const struct exec_run *x, struct err *e)
{
	for (unsigned i = 0; i < x->a->preserve_fds; i++)
		if (fcntl(3 + (int)i, F_GETFD) < 0)
			return err_set(e, ERR_INPUT, EBADF, "--preserve-fds %u: fd %u is not open",
				       x->a->preserve_fds, 3 + i);
	return 0;
}

static int prepare(struct exec_run *x, struct err *e)
{
	const struct life_exec_args *a = x->a;
	int r = life_store_open(x->h, a->id, false, &x->box, e);

	if (r < 0)
		return r;
	enum spec_status s = life_machine_status(&x->box);

	if (s != SPEC_PAUSED || !a->ignore_paused)
		r = life_machine_check(LIFE_EXEC, s, e);
	if (r == 0)
		r = check_fds(x, e);
	if (r == 0)
		r = life_store_config(&x->box, &x->conf, e);
	if (r == 0)
		r = load_process(x, e);
	if (r < 0)
		return r;
	life_machine_state(&x->box, s, &x->state);
	r = open_target(x, e);
	if (r == 0)
		r = open_cgroup(x, e);
	if (r == 0)
		r = compile_filter(x, e);
	x->job.conf = x->conf;
	x->job.process = x->process;
	x->job.id = a->id;
	x->job.state = &x->state;
	x->job.preserve_fds = a->preserve_fds;
	x->job.is_relayed = !a->detach && !a->console_socket;
	x->job.wants_keyring = !x->box.rec->no_keyring.v;
	if (!a->detach)
		(void)ioctl(STDIN_FILENO, TIOCGWINSZ, &x->job.size);
	/* Only a child in a user namespace has limits that we must set from outside, and only one
	 * of resctrl has a group that is not its parent's. */
	x->job.has_oom_score = (x->job.ns.join_flags & CLONE_NEWUSER) && geteuid() == 0;
	x->rdt = life_rdt_of(x->box.rec);
	x->job.wants_go = x->job.has_oom_score || x->rdt.group;
	return r;
}

/* ---- the run ---- */

static int write_pid_file(const struct exec_run *x, struct err *e)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%d", (int)x->child.pid);

	if (!x->a->pid_file)
		return 0;
	int r = file_replace_path(x->a->pid_file, text, (size_t)n, 0644);

	return r < 0 ? err_sys(e, r, "--pid-file: write \"%s\"", x->a->pid_file) : 0;
}

static int outside_limits(struct exec_run *x, struct err *e)
{
	struct msg m;
	int r = 0;

	if (!x->job.wants_go)
		return 0;
	if (x->process->terminal.v) {
		r = life_wait_expect(&x->child, INIT_MSG_CONSOLE, -1, &m, e);
		if (r == 0 && m.n_fds == 1) {
			x->console_fd = m.fds[0];
			m.n_fds = 0;
		}
		if (r == 0)
			msg_done(&m);
	}
	if (r == 0)
		r = life_wait_expect(&x->child, INIT_MSG_READY, -1, &m, e);
	if (r < 0)
		return r;
	msg_done(&m);
	r = x->rdt.group ? cg_rdt_join(&x->rdt, x->child.pid, e) : 0;
	if (r == 0 && x->job.has_oom_score)
		r = guard_oom_apply(x->process, x->child.pid, FD_NONE, e);
	if (r == 0 && x->job.has_oom_score)
		r = guard_rlimits_apply(x->process, x->child.pid, e);
	return r < 0 ? r : init_proto_send(x->child.sock_fd, INIT_MSG_CREATED, NULL, 0, NULL, 0, e);
}

static int launch(struct exec_run *x, struct err *e)
{
	bool is_sub = x->cgroup_fd >= 0;
	const struct life_seat seat = {&x->cg, is_sub ? x->cgroup_fd : cg_into(&x->cg),
				       is_sub ? 0 : (pid_t)x->state.pid.v};
	struct life_launch l = {x->conf, &x->state, &x->console_fd, x->abort_fd, 0};
	const struct spec_exec_affinity *cpus = x->process->exec_cpu_affinity;
	int r = 0;

	/* In force from the clone on, until the child sets the final one in the container's cgroup.
	 */
	if (cpus && cpus->initial && *cpus->initial)
		r = guard_affinity_apply(cpus->initial, "process.execCPUAffinity.initial", e);
	if (r == 0)
		r = life_spawn(&x->job, &seat, init_exec_main, &x->child, e);

	l.pid = x->child.pid;
	if (r == 0)
		r = outside_limits(x, e);
	if (r == 0)
		r = life_start_wait(x->child.sock_fd, &l, e);
	if (r < 0)
		return life_spawn_explain(&x->child, &x->cg, e);
	if (x->a->console_socket && x->console_fd >= 0) {
		r = life_tty_send(x->a->console_socket, x->console_fd, "/dev/pts/ptmx",
				  "--console-socket", e);
		auto_fd_done(&x->console_fd);
		auto_fd_done(&x->abort_fd);
	}
	if (r == 0 && x->a->pidfd_socket)
		r = life_tty_send(x->a->pidfd_socket, x->child.pidfd, x->a->id, "--pidfd-socket",
				  e);
	return r < 0 ? r : write_pid_file(x, e);
}

int life_exec(const struct life_host *h, const struct life_exec_args *a, int *ret_status,
	      struct err *e)
{
	struct exec_run x = {.h = h,
			     .a = a,
			     .box = LIFE_BOX_INIT,
			     .cg = CG_NONE,
			     .child = LIFE_CHILD_INIT,
			     .cgroup_fd = FD_NONE,
			     .console_fd = FD_NONE,
			     .abort_fd = FD_NONE};
	struct life_relay relay = {
		.master_fd = FD_NONE, .notify_fd = FD_NONE, .signal_fd = FD_NONE};

	*ret_status = 0;
	init_job_reset(&x.job);
	int r = prepare(&x, e);

	if (r == 0 && !a->detach)
		r = life_relay_signals(&relay.signal_fd, e);
	if (r == 0)
		r = life_wait_signals(&x.abort_fd, e);
	x.child.abort_fd = x.abort_fd;
	if (r == 0)
		r = launch(&x, e);
	auto_fd_done(&x.abort_fd);
	if (r < 0) {
		/* Whatever of it lives must not stay unreaped in the container (U75). */
		life_spawn_kill(&x.child);
	} else if (!a->detach) {
		relay.pidfd = x.child.pidfd;
		relay.pid = x.child.pid;
		relay.master_fd = x.console_fd;
		r = life_relay(&relay, ret_status, e);
	}
	auto_fd_done(&relay.signal_fd);
	exec_run_done(&x);
	return r;
}
