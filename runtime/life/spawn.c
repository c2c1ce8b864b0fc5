/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/life/spawn: makes the child of a create or an exec: opens and proves the namespaces to
 * join, clones into the cgroup, writes id maps, reaps the stage. Owns no container state. Sources:
 * man 2 clone3, man 7 user_namespaces, pid_namespaces, time_namespaces.
 *
 * A pid or time namespace takes hold of children only, so a privileged parent enters it for the
 * length of the clone and goes back: one fork. Where that needs the powers of a user namespace, the
 * stage S does it.
 */
#include "runtime/life/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/idmap.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/sys.h"
#include "base/ban.h"

#define HANDSHAKE_MS 30000

void life_child_done(struct life_child *c)
{
	auto_fd_done(&c->pidfd);
	auto_fd_done(&c->sock_fd);
}

void life_spawn_kill(struct life_child *c)
{
	int status;

	auto_fd_done(&c->sock_fd);
	if (c->pidfd < 0)
		return;
	(void)sys_pidfd_send_signal(c->pidfd, SIGKILL);
	(void)proc_wait(c->pidfd, LIFE_WAIT_MS, &status);
	auto_fd_done(&c->pidfd);
}

int life_spawn_explain(struct life_child *c, const struct cg *cg, struct err *e)
{
	uint64_t kills = 0;
	int status = 0;

	if (e->code != EPIPE || c->pidfd < 0)
		return -e->code;
	if (proc_wait(c->pidfd, 1000, &status) < 0)
		return -e->code;
	auto_fd_done(&c->pidfd);
	if (cg && cg->dir_fd >= 0 && cg_read_u64(cg, "memory.events", "oom_kill", &kills) == 0 &&
	    kills)
		return err_set(e, ERR_KERNEL, ENOMEM,
			       "init was killed for want of memory during its setup: raise "
			       "linux.resources.memory.limit");
	if (status > 128)
		return err_set(e, ERR_KERNEL, ECHILD,
			       "init was killed by signal %d during its setup", status - 128);
	return err_set(e, ERR_KERNEL, ECHILD, "init ended with status %d during its setup", status);
}

/* ---- which namespaces ---- */

static bool is_same_file(int fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

/* The container's root is pivoted to in the mount namespace that it gets: never in ours (C27). */
static bool is_own_mounts(const struct spec_namespace *n, int fd)
{
	return (enum spec_ns_type)n->type.v == SPEC_NS_MOUNT &&
	       (is_same_file(fd, "/proc/self/ns/mnt") || is_same_file(fd, "/proc/1/ns/mnt"));
}

static int open_ns(const struct spec_namespace *n, size_t index, int *ret_fd, struct err *e)
{
	const char *kind = word_text(&spec_words_ns, n->type.v);
	int fd = proc_ns_open(n->path, (int)word_value(&spec_words_ns, n->type.v));

	if (fd == -ENOTTY || fd == -EINVAL)
		return err_set(e, ERR_INPUT, EINVAL,
			       "linux.namespaces[%zu].path: \"%s\" is not a %s namespace%s", index,
			       n->path, kind, fd == -ENOTTY ? ", nor any other" : "");
	if (fd < 0)
		return err_sys(e, fd, "linux.namespaces[%zu].path: open \"%s\" as %s namespace",
			       index, n->path, kind);
	if (is_own_mounts(n, fd)) {
		close(fd);
		return err_set(e, ERR_INPUT, EINVAL,
			       "linux.namespaces[%zu].path: \"%s\" is the mount namespace of the "
			       "host: its root would be replaced",
			       index, n->path);
	}
	*ret_fd = fd;
	return 0;
}

void life_spawn_plan_done(struct init_ns *ns)
{
	for (int t = 0; t < SPEC_NS_N; t++)
		auto_fd_done(&ns->join_fd[t]);
	auto_fd_done(&ns->join_pidfd);
	auto_fd_done(&ns->join_root_fd);
}

static int check_maps(const struct spec_linux *l, struct err *e)
{
	if (l->uid_mappings.n && l->gid_mappings.n)
		return 0;
	/* `crun spec --rootless` leaves them out: a normal user gets what is theirs. */
	if (geteuid() != 0 && !l->uid_mappings.n && !l->gid_mappings.n)
		return 0;
	return err_set(e, ERR_INPUT, EINVAL,
		       "linux.%s: a new user namespace needs uidMappings and gidMappings",
		       l->uid_mappings.n ? "gidMappings" : "uidMappings");
}

int life_spawn_plan(const struct spec_config *conf, struct init_ns *ns, struct err *e)
{
	const struct spec_namespace_vec *list = &conf->linux_->namespaces;

	if (spec_ns_is_new(conf, SPEC_NS_USER) && check_maps(conf->linux_, e) < 0)
		return -e->code;
	for (size_t i = 0; i < list->n; i++) {
		const struct spec_namespace *n = &list->v[i];
		enum spec_ns_type t = (enum spec_ns_type)n->type.v;

		if (n->path) {
			int r = open_ns(n, i, &ns->join_fd[t], e);

			if (r < 0)
				return r;
			continue;
		}
		if (t == SPEC_NS_CGROUP)
			ns->new_cgroup = true;
		else if (t == SPEC_NS_TIME)
			ns->new_time = true;
		else
			ns->clone_flags |= (uint64_t)word_value(&spec_words_ns, (int)t);
		if (t == SPEC_NS_USER)
			ns->new_user = true;
	}
	return 0;
}

/* ---- the clone ---- */

static bool needs_stage(const struct init_job *j)
{
	const struct init_ns *ns = &j->ns;
	bool joins_children = ns->join_fd[SPEC_NS_PID] >= 0 || ns->join_fd[SPEC_NS_TIME] >= 0 ||
			      ns->new_time || (ns->join_flags & (CLONE_NEWPID | CLONE_NEWTIME));

	if (ns->join_fd[SPEC_NS_USER] >= 0)
		return true;
	/* Who is root of a user namespace only could not come back: rootless podman's caller. */
	return joins_children && (geteuid() != 0 || sys_in_user_ns());
}

/* The parent's own namespaces, where it goes back to after the clone. */
struct ways_back {
	int fd[SPEC_NS_N]; /* owned */
};

static void ways_back_done(struct ways_back *w)
{
	for (int t = 0; t < SPEC_NS_N; t++)
		auto_fd_done(&w->fd[t]);
}

/* Without the way back we must not go. */
static int open_way_back(struct ways_back *w, enum spec_ns_type t, struct err *e)
{
	static const char *const names[SPEC_NS_N] = {
		[SPEC_NS_PID] = "pid", [SPEC_NS_TIME] = "time", [SPEC_NS_NETWORK] = "net",
		[SPEC_NS_IPC] = "ipc", [SPEC_NS_UTS] = "uts",	[SPEC_NS_CGROUP] = "cgroup"};
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/ns/%s", names[t]);
	w->fd[t] = open(path, O_RDONLY | O_CLOEXEC);
	return w->fd[t] < 0 ? err_sys(e, errno, "open \"%s\"", path) : 0;
}

static int go_back(const struct ways_back *w, struct err *e)
{
	int r = 0;

	for (int t = 0; t < SPEC_NS_N; t++)
		if (w->fd[t] >= 0 && setns(w->fd[t], (int)word_value(&spec_words_ns, t)) < 0)
			r = err_sys(e, errno, "go back to the own %s namespace",
				    word_text(&spec_words_ns, t));
	return r;
}

static int enter_one(struct init_job *j, enum spec_ns_type t, struct ways_back *w, struct err *e)
{
	int fd = j->ns.join_fd[t];

	if (fd < 0)
		return 0;
	int r = w->fd[t] < 0 ? open_way_back(w, t, e) : 0;

	if (r == 0 && setns(fd, (int)word_value(&spec_words_ns, (int)t)) < 0)
		r = err_sys(e, errno, "join the %s namespace", word_text(&spec_words_ns, (int)t));
	/* The child is born in it. */
	auto_fd_done(&j->ns.join_fd[t]);
	return r;
}

/* What is the host's can be entered only with the host's rights, which a child in a new user
 * namespace has no more. */
static int enter_with_rights(struct init_job *j, struct ways_back *w, struct err *e)
{
	static const enum spec_ns_type types[] = {SPEC_NS_NETWORK, SPEC_NS_IPC, SPEC_NS_UTS,
						  SPEC_NS_CGROUP};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(types) / sizeof(types[0]); i++)
		r = enter_one(j, types[i], w, e);
	return r;
}

static int enter_as_root(struct init_job *j, struct ways_back *w, struct err *e)
{
	int r = enter_one(j, SPEC_NS_TIME, w, e);

	return r < 0 ? r : enter_with_rights(j, w, e);
}

/* Enters what takes hold of children only. */
static int enter_for_children(struct init_job *j, struct ways_back *w, struct err *e)
{
	/* An exec joins both through the pidfd; the rest of its flags are the child's. */
	int by_pidfd = j->ns.join_flags & (CLONE_NEWPID | CLONE_NEWTIME);
	int r = 0;

	if (by_pidfd & CLONE_NEWPID)
		r = open_way_back(w, SPEC_NS_PID, e);
	if (r == 0 && (j->ns.new_time || (by_pidfd & CLONE_NEWTIME)))
		r = open_way_back(w, SPEC_NS_TIME, e);
	if (r < 0)
		return r;
	if (by_pidfd && setns(j->ns.join_pidfd, by_pidfd) < 0)
		return err_sys(e, errno, "join the container's pid namespace");
	j->ns.join_flags &= ~by_pidfd;
	r = enter_one(j, SPEC_NS_PID, w, e);
	if (r == 0)
		r = enter_one(j, SPEC_NS_TIME, w, e);
	if (r == 0 && j->ns.new_user && geteuid() == 0)
		r = enter_with_rights(j, w, e);
	if (r < 0 || !j->ns.new_time)
		return r;
	if (unshare(CLONE_NEWTIME) < 0)
		return err_sys(e, errno, "make a time namespace");
	return init_time_offsets(j->conf, e);
}

/* A systemd in the container made sub-cgroups of its cgroup and moved into one of them. */
static pid_t clone_beside(uint64_t flags, const struct life_seat *seat, int *ret_pidfd)
{
	struct err ignored = ERR_INIT;
	AUTO_FD fd = FD_NONE;

	if (!seat->beside || cg_open_of(seat->cg, seat->beside, &fd, &ignored) < 0)
		return -EBUSY;
	return proc_clone(flags, fd, ret_pidfd);
}

/* The child of clone_outside(): goes on once it was moved, and not without. */
static void wait_moved(int pipe_fd)
{
	char go;

	if (fd_read_all(pipe_fd, &go, 1) != 1)
		_exit(1);
}

/* Threaded or delegated trees refuse the direct way (runc #5101), and where an outer container's
 * seccomp profile hides clone3(2) there is none: moved right after the clone, and
 * before the child does anything, a stage's own child least of all. */
static pid_t clone_outside(uint64_t flags, const struct life_seat *seat, int *ret_pidfd,
			   struct err *e)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(e, errno, "make a pipe");
	AUTO_FD theirs = ends[0];
	AUTO_FD ours = ends[1];
	pid_t pid = proc_clone(flags, FD_NONE, ret_pidfd);

	if (pid == 0) {
		auto_fd_done(&ours);
		wait_moved(theirs);
		return 0;
	}
	if (pid < 0)
		return err_sys(e, pid, "clone the container's init (namespaces)");
	int r = cg_attach(seat->cg, seat->fd, pid, e);

	if (r == 0) {
		r = fd_write_all(ours, "", 1);
		if (r < 0)
			err_sys(e, r, "let the child go on");
	}
	if (r == 0)
		return pid;
	struct life_child c = {
		.pid = pid, .pidfd = *ret_pidfd, .sock_fd = FD_NONE, .abort_fd = FD_NONE};

	life_spawn_kill(&c);
	*ret_pidfd = FD_NONE;
	return err_prefix(e, "put the container's init into its cgroup");
}

static pid_t clone_child(uint64_t flags, const struct life_seat *seat, int *ret_pidfd,
			 struct err *e)
{
	pid_t pid = proc_clone(flags, seat->fd, ret_pidfd);

	if (pid == -EBUSY)
		pid = clone_beside(flags, seat, ret_pidfd);
	if (pid < 0 && seat->fd >= 0 &&
	    (pid == -EOPNOTSUPP || pid == -EBUSY || pid == -EACCES || pid == -ENOENT ||
	     pid == -ENOSYS)) {
		log_debug("clone into the cgroup: %s", err_words(pid));
		return clone_outside(flags, seat, ret_pidfd, e);
	}
	if (pid < 0)
		err_sys(e, pid, "clone the container's init (%s)",
			pid == -EPERM ? "may this user make these namespaces?" : "namespaces");
	return pid;
}

static int write_maps(const struct init_job *j, struct life_child *c, struct err *e)
{
	AUTO(arena) a = {0};
	struct id_map uids, gids;
	struct msg m;
	bool denied = false;
	int r = life_wait_expect(c, INIT_MSG_HELLO, HANDSHAKE_MS, &m, e);

	if (r < 0)
		return r;
	msg_done(&m);
	uids = spec_id_map(&j->conf->linux_->uid_mappings, &a);
	gids = spec_id_map(&j->conf->linux_->gid_mappings, &a);
	if (!uids.n && !gids.n)
		idmap_own(&a, &uids, &gids);
	r = idmap_write(c->pid, &uids, &gids, &denied, e);
	if (r < 0)
		return r;
	/* While it is still dumpable: afterwards an unprivileged parent may not. */
	r = j->has_oom_score ? guard_oom_apply(j->process, c->pid, FD_NONE, e) : 0;
	if (r < 0)
		return r;
	char flag = denied ? 1 : 0;

	return init_proto_send(c->sock_fd, INIT_MSG_MAPPED, &flag, 1, NULL, 0, e);
}

/* Takes I from S and reaps S. */
static int take_from_stage(struct life_child *c, struct err *e)
{
	struct msg m;
	int status, r = life_wait_expect(c, INIT_MSG_SPAWNED, HANDSHAKE_MS, &m, e);

	if (r < 0)
		return r;
	if (m.n_fds != 1 || m.len != sizeof(pid_t)) {
		msg_done(&m);
		return err_set(e, ERR_BUG, EBADMSG, "SPAWNED without a pid and a pidfd");
	}
	(void)proc_wait(c->pidfd, HANDSHAKE_MS, &status);
	fd_replace(&c->pidfd, m.fds[0]);
	memcpy(&c->pid, m.payload, sizeof(c->pid));
	m.n_fds = 0;
	return 0;
}

int life_spawn(struct init_job *j, const struct life_seat *seat, void (*entry)(struct init_job *),
	       struct life_child *c, struct err *e)
{
	AUTO(ways_back) back;
	bool staged = needs_stage(j);
	uint64_t flags = staged ? (j->ns.new_user ? CLONE_NEWUSER : 0) : j->ns.clone_flags;
	int pair[2];

	for (int t = 0; t < SPEC_NS_N; t++)
		back.fd[t] = FD_NONE;
	int r = fd_seqpacket_pair(pair);

	if (r < 0)
		return err_sys(e, r, "make a socket pair");
	c->sock_fd = pair[0];
	AUTO_FD theirs = pair[1];

	j->sock_fd = theirs;
	if (!staged)
		r = enter_for_children(j, &back, e);
	else if (geteuid() == 0)
		/* They may be the host's, and then S has no rights over them once it is in its user
		 * namespace. */
		r = enter_as_root(j, &back, e);
	pid_t pid = r < 0 ? r : clone_child(flags, seat, &c->pidfd, e);

	if (pid == 0) {
		auto_fd_done(&c->sock_fd);
		if (staged)
			init_stage_main(j, entry);
		entry(j);
		_exit(1);
	}
	struct err lost = ERR_INIT;

	if (go_back(&back, &lost) < 0 && pid >= 0) {
		*e = lost;
		r = -e->code;
	}
	if (pid < 0)
		return pid;
	c->pid = pid;
	if (r == 0 && j->ns.new_user)
		r = write_maps(j, c, e);
	if (r == 0 && staged)
		r = take_from_stage(c, e);
	return r;
}
