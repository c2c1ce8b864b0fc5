/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/life/restore: a container whose processes come from elsewhere: all that create makes
 * around them (claim, cgroup, network namespace, mounts, record, pid file), by create's own rows,
 * so that `delete` undoes it in the same way. Who makes the processes is a struct life_reviver,
 * checkpoint/restore.c; it must not know CRIU. Called by checkpoint/restore.c.
 */
#include "runtime/life/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/sys.h"
#include "base/ban.h"

struct life_revival {
	struct life_create c; /* first: the rows have only that */
	const struct life_reviver *by;
	const struct spec_resources *limits; /* in force; NULL: none */
	char dir[PATH_MAX];		     /* the state directory, where the stage is */
};

static struct life_revival *revival_of(struct life_create *c)
{
	return (struct life_revival *)(void *)c;
}

/* The root of a user namespace of the container's reads the stage: it must not lie where only the
 * host's root may look. */
static const char *place_of(const struct life_revival *r)
{
	return spec_ns_is_new(r->c.conf, SPEC_NS_USER) ? r->by->place : NULL;
}

static const char *stage_of(const struct life_revival *r)
{
	const char *place = place_of(r);

	return place ? place : r->dir;
}

/* ---- what the reviver may ask ---- */

const struct spec_config *life_revival_config(const struct life_revival *r)
{
	return r->c.conf;
}

const struct cg *life_revival_cgroup(const struct life_revival *r)
{
	return &r->c.cg;
}

int life_revival_dir_fd(const struct life_revival *r)
{
	return r->c.box.dir_fd;
}

int life_revival_abort_fd(const struct life_revival *r)
{
	return r->c.abort_fd;
}

int life_revival_net_fd(const struct life_revival *r)
{
	return r->c.net_fd;
}

const char *life_revival_root(struct life_revival *r)
{
	return arena_printf(&r->c.arena, "%s/" ROOT_STAGE_ROOT, stage_of(r));
}

const char *life_revival_source(struct life_revival *r, const char *from, const char *below)
{
	return root_stage_source(r->c.plan, stage_of(r), from, below);
}

int life_revival_enter(void *revival, struct err *e)
{
	struct life_revival *r = revival;

	/* We sit in the container's cgroup by now: that becomes the root of the namespace. */
	if (spec_ns_is_new(r->c.conf, SPEC_NS_CGROUP) && unshare(CLONE_NEWCGROUP) < 0)
		return err_sys(e, errno, "make a cgroup namespace");
	if (unshare(CLONE_NEWNS) < 0)
		return err_sys(e, errno, "make a mount namespace");
	return root_stage(r->c.plan, r->dir, place_of(r), e);
}

int life_revival_console(struct life_revival *r, int master_fd, struct err *e)
{
	struct life_create *c = &r->c;
	AUTO_FD fd = master_fd;

	if (!c->conf->process || !c->conf->process->terminal.v)
		return err_set(e, ERR_INPUT, EINVAL,
			       "the images have a terminal, but process.terminal is false");
	if (c->a->console_socket)
		return life_tty_send(c->a->console_socket, fd, "/dev/pts/ptmx", "--console-socket",
				     e);
	fd_replace(&c->console_fd, fd_take(&fd));
	return 0;
}

/* ---- the network namespace ---- */

/* Those of the network; all others are in the images. */
static int net_sysctls(const struct life_create *c, struct err *e)
{
	struct spec_linux l = *c->conf->linux_;
	struct spec_config conf = *c->conf;
	AUTO(arena) a = {0};
	struct strpair *v = arena_array(&a, l.sysctl.n + 1, sizeof(*v));
	size_t n = 0;

	for (size_t i = 0; i < l.sysctl.n; i++)
		if (str_starts(l.sysctl.v[i].key, "net."))
			v[n++] = l.sysctl.v[i];
	l.sysctl = (struct strmap){v, n};
	conf.linux_ = &l;
	AUTO_FD proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (proc_fd < 0)
		return err_sys(e, errno, "open \"/proc\"");
	return guard_sysctl_apply(&conf, proc_fd, e);
}

/* Of the namespace that we are in. */
static int fill_net(struct life_create *c, struct err *e)
{
	int r = sys_loopback_up();

	return r < 0 ? err_sys(e, r, "bring the loopback interface up") : net_sysctls(c, e);
}

/* The network is the user namespace's that it was made in: CRIU makes both, and we fill it. */
static bool is_net_of_userns(const struct life_create *c)
{
	return spec_ns_is_new(c->conf, SPEC_NS_USER) && spec_ns_is_new(c->conf, SPEC_NS_NETWORK);
}

static int open_net(struct life_create *c, struct err *e)
{
	int r = fill_net(c, e);

	if (r < 0)
		return r;
	c->net_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	return c->net_fd < 0 ? err_sys(e, errno, "open the network namespace") : 0;
}

static int make_net(struct life_create *c, struct err *e)
{
	AUTO_FD own = FD_NONE;
	int r = 0;

	if (c->job.ns.join_fd[SPEC_NS_NETWORK] >= 0) {
		c->net_fd = fd_take(&c->job.ns.join_fd[SPEC_NS_NETWORK]);
		return 0;
	}
	if (!spec_ns_is_new(c->conf, SPEC_NS_NETWORK) || is_net_of_userns(c))
		return 0;
	own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (own < 0)
		return err_sys(e, errno, "open the own network namespace");
	if (unshare(CLONE_NEWNET) < 0)
		return err_sys(e, errno, "make a network namespace");
	r = open_net(c, e);
	if (setns(own, CLONE_NEWNET) < 0)
		r = err_sys(e, errno, "go back to the own network namespace");
	return r;
}

/* ---- and what depends on it ---- */

/* That of a process that CRIU has just made. */
static int fill_net_of(struct life_create *c, pid_t pid, struct err *e)
{
	char path[64];
	AUTO_FD own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	AUTO_FD its = open(path, O_RDONLY | O_CLOEXEC);

	if (own < 0 || its < 0 || setns(its, CLONE_NEWNET) < 0)
		return err_sys(e, errno, "enter the network namespace of the restored process");
	int r = fill_net(c, e);

	if (setns(own, CLONE_NEWNET) < 0)
		r = err_sys(e, errno, "go back to the own network namespace");
	return r;
}

int life_revival_hooks(struct life_revival *r, pid_t pid, struct err *e)
{
	struct life_create *c = &r->c;

	c->state.pid = (struct opt_i64){true, pid};
	c->ran_hooks = true;
	int n = is_net_of_userns(c) ? fill_net_of(c, pid, e) : 0;

	if (n == 0)
		n = life_hooks_outside(c->conf, SPEC_HOOK_PRESTART, &c->state, SPEC_CREATING,
				       c->bundle, e);
	return n < 0 ? n
		     : life_hooks_outside(c->conf, SPEC_HOOK_CREATE_RUNTIME, &c->state,
					  SPEC_CREATING, c->bundle, e);
}

/* ---- the time namespace ---- */

/* CRIU puts the processes into a time namespace, so that their clocks go on where they stood; what
 * joins them later must enter it too: so the saved config has it. */
static int note_time_ns(struct life_create *c, struct err *e)
{
	struct spec_namespace_vec *v = &c->conf->linux_->namespaces;
	struct stat own, its;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/time", (int)c->child.pid);
	if (spec_ns(c->conf, SPEC_NS_TIME) || stat(path, &its) < 0)
		return 0;
	if (stat("/proc/self/ns/time", &own) < 0)
		return err_sys(e, errno, "the own time namespace");
	if (own.st_ino == its.st_ino && own.st_dev == its.st_dev)
		return 0;
	struct spec_namespace *more = arena_array(&c->arena, v->n + 1, sizeof(*more));

	for (size_t i = 0; i < v->n; i++)
		more[i] = v->v[i];
	more[v->n] = (struct spec_namespace){.type = {true, SPEC_NS_TIME}};
	v->v = more;
	v->n++;
	c->text.len = 0;
	json_print(&spec_table_config, c->conf, 0, &c->text);
	return 0;
}

/* ---- the rows ---- */

static int spawn(struct life_create *c, struct err *e)
{
	struct life_revival *rv = revival_of(c);
	int r = make_net(c, e);

	if (r == 0)
		r = rv->by->make(rv->by->ctx, rv, cg_into(&c->cg), &c->child.pid, e);
	if (r < 0)
		return r;
	c->child.pidfd = sys_pidfd_open(c->child.pid, 0);
	if (c->child.pidfd >= 0)
		return note_time_ns(c, e);
	r = c->child.pidfd;
	c->child.pidfd = FD_NONE;
	return err_sys(e, r, "open the restored process");
}

/* The maker too: what it traces could not be waited for. */
static void undo(struct life_create *c)
{
	struct err ignored = ERR_INIT;

	if (c->cg.dir_fd >= 0)
		(void)!cg_kill(&c->cg, &ignored);
}

/* Not before: making the processes takes more than they need then. */
static int limits(struct life_create *c, struct err *e)
{
	const struct spec_resources *res = revival_of(c)->limits;

	if (!res || c->cg.dir_fd < 0)
		return 0;
	int r = cg_apply(&c->cg, res, e);

	return r < 0 ? r : cg_apply_late(&c->cg, res, e);
}

static int commit(struct life_create *c, struct err *e)
{
	struct life_revival *rv = revival_of(c);

	return rv->by->release(rv->by->ctx, rv, e);
}

static const struct life_revive_rows revive_rows = {spawn, undo, limits, commit};

/* ---- the verb ---- */

static int refuse(const struct life_create *c, struct err *e)
{
	if (c->is_rootless)
		return err_set(e, ERR_MISSING, EPERM,
			       "restoring takes root of the host: CRIU cannot do it for a user");
	if (!c->conf->process)
		return err_set(e, ERR_INPUT, EINVAL, "config.json has no process");
	if (c->place.manager == CG_DISABLED)
		return err_set(e, ERR_MISSING, ENOTSUP,
			       "restoring without a cgroup is not built into this version");
	if (c->netdev.n)
		return err_set(e, ERR_MISSING, ENOTSUP,
			       "linux.netDevices: restoring with them is not built into this "
			       "version");
	if (c->rdt.group)
		return err_set(e, ERR_MISSING, ENOTSUP,
			       "linux.intelRdt: restoring with it is not built into this version");
	return 0;
}

static int prepare(struct life_revival *rv, struct err *e)
{
	struct life_create *c = &rv->c;
	char root[PATH_MAX];
	int r = life_create_prepare(c, e);

	if (r == 0)
		r = refuse(c, e);
	if (r == 0)
		r = life_store_root_path(c->h, root, sizeof(root), e);
	if (r < 0)
		return r;
	if (snprintf(rv->dir, sizeof(rv->dir), "%s/%s", root, c->a->id) >= (int)sizeof(rv->dir))
		return err_set(e, ERR_INPUT, ENAMETOOLONG, "--root: the path is too long");
	rv->limits = NULL;
	r = rv->by->check(rv->by->ctx, rv, &rv->limits, e);
	if (r < 0)
		return r;
	if (rv->limits)
		c->rec.resources = (struct spec_resources *)rv->limits;
	else
		rv->limits = c->conf->linux_->resources;
	return 0;
}

static int run(struct life_revival *rv, struct err *e)
{
	int r = prepare(rv, e);

	return r == 0 ? life_create_go(&rv->c, e) : r;
}

int life_restore(const struct life_host *h, const struct life_create_args *a,
		 const struct life_reviver *by, int *ret_status, struct err *e)
{
	AUTO(arena) own = {0};
	struct life_revival *rv = arena_alloc(&own, sizeof(*rv));
	struct life_create *c = &rv->c;
	AUTO_FD signals = FD_NONE;
	int r = 0;

	*ret_status = 0;
	*c = (struct life_create){.h = h, .a = a, .is_run = true, .revive = &revive_rows};
	rv->by = by;
	life_create_init(c);
	if (!a->detach && !a->no_subreaper)
		prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (!a->detach)
		r = life_relay_signals(&signals, e);
	if (r == 0)
		r = run(rv, e);
	if (r == 0)
		life_create_tell(c);
	if (r == 0 && !a->detach)
		r = life_run_supervise(c, FD_NONE, signals, ret_status, e);
	life_create_done(c);
	return r;
}
