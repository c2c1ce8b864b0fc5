/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroups/systemd: the systemd manager: a transient scope (or slice) holds the container's cgroup,
 * which is a delegated sub-cgroup of it. Owns the order of things: a scope lives only while a
 * process is in it, and init is to be cloned into a finished cgroup (CLONE_INTO_CGROUP), so a
 * placeholder holds the scope until then. The limits stand twice: as properties of the unit, for
 * systemd, and in the files of the sub-cgroup, for the container to see. Called through manager.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/sys.h"
#include "cgroups/internal.h"
#include "cgroups/systemd.h"
#include "base/ban.h"

#define HOLD_DIR "stiva-hold"
#define EMPTY_MS 2000

/* ---- the place ---- */

/* The cgroup below which the instance has its slices. */
static int own_root(bool is_user, char *ret, struct err *e)
{
	char text[CG_PATH_MAX + 64];
	AUTO(cg_bus) bus = {.d = DBUS_INIT};

	if (is_user) {
		int r = cg_bus_open(&bus, true, NULL, e);

		if (r == 0)
			r = cg_bus_manager_str(&bus, "ControlGroup", ret, CG_PATH_MAX, e);
		return r;
	}
	/* Process 1 is in ROOT/init.scope. */
	ret[0] = '\0';
	if (file_read_kernel(AT_FDCWD, "/proc/1/cgroup", text, sizeof(text)) <= 0 ||
	    cg_where_parse_self(text, ret) < 0 || !str_ends(ret, "/init.scope"))
		ret[0] = '\0';
	else
		ret[strlen(ret) - strlen("/init.scope")] = '\0';
	return 0;
}

int cg_systemd_choose(const struct cg_wish *w, struct cg_place *ret, struct err *e)
{
	char root[CG_PATH_MAX] = "";

	ret->is_user_unit = cg_bus_is_user();
	int r = cg_systemd_unit(w->cgroups_path, w->id, ret->is_user_unit, ret, e);

	/* A bad slice is said before the bus is asked. */
	ret->path[0] = '\0';
	const char *slice = cg_systemd_is_slice(ret->unit) ? ret->unit : ret->slice;

	if (r == 0)
		r = cg_systemd_slice_path(slice, ret->path, e);
	if (r == 0)
		r = own_root(ret->is_user_unit, root, e);
	if (r < 0)
		return r;
	ret->path[0] = '\0';
	str_copy(ret->path, CG_PATH_MAX, str_eq(root, "/") ? "" : root);
	r = cg_systemd_slice_path(slice, ret->path, e);
	if (r < 0)
		return r;
	if ((slice != ret->unit && cg_systemd_add_unit(ret->path, ret->unit) < 0) ||
	    (w->subgroup && w->subgroup[0] &&
	     strlen(ret->path) + strlen(w->subgroup) + 2 > CG_PATH_MAX))
		return err_set(e, ERR_INPUT, ENAMETOOLONG,
			       "linux.cgroupsPath: longer than %d bytes", CG_PATH_MAX - 1);
	if (w->subgroup && w->subgroup[0]) {
		size_t n = strlen(ret->path);

		snprintf(ret->path + n, CG_PATH_MAX - n, "/%s", w->subgroup);
		if (cg_systemd_unit_len(ret->path, ret->unit) != n)
			return err_set(e, ERR_INPUT, EINVAL,
				       "annotations[\"run.oci.systemd.subgroup\"]: \"%s\" is the "
				       "unit's own name",
				       w->subgroup);
	}
	return 0;
}

/* The unit's own part of a path. */
void cg_systemd_unit_path(const char *path, const char *unit, char *ret)
{
	size_t n = cg_systemd_unit_len(path, unit);

	memcpy(ret, path, n);
	ret[n] = '\0';
}

/* systemd starts a scope in a cgroup that is there already, frozen or not, and init could then
 * never answer. For one in use its word is that the unit exists; ours is that of the other manager.
 */
static int check_place(const struct cg_place *p, struct err *e)
{
	char dir[CG_PATH_MAX];
	int root_fd = cg_where_root(e);

	if (root_fd < 0)
		return root_fd;
	cg_systemd_unit_path(p->path, p->unit, dir);
	AUTO_FD fd = cg_tree_open(root_fd, dir + 1);

	return fd < 0 ? 0 : cg_tree_check(fd, dir, e);
}

/* ---- the placeholder ---- */

/* Holds nothing of ours, answers to SIGKILL only, and ends with us. Return: pid or -errno. */
static pid_t spawn_hold(int *ret_pidfd)
{
	pid_t parent = getpid();
	sigset_t all, old;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	pid_t pid = proc_clone(0, FD_NONE, ret_pidfd);

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(0);
		close_range(0, ~0U, 0);
		for (;;)
			pause();
	}
	sigprocmask(SIG_SETMASK, &old, NULL);
	return pid;
}

/* ---- starting the unit ---- */

/* Opens and closes the a(sv) of a unit. */
static void put_unit_props(const struct cg_place *p, const char *id, pid_t hold, struct buf *b)
{
	static const char *const accounting[] = {"CPUAccounting", "MemoryAccounting",
						 "IOAccounting", "TasksAccounting"};
	char text[CG_UNIT_MAX + 32];

	snprintf(text, sizeof(text), "stiva container %s", id);
	cg_props_str(b, "Description", text);
	cg_props_bool(b, "DefaultDependencies", false);
	/* A failed one is not to stay: our record says what became of the container. */
	cg_props_str(b, "CollectMode", "inactive-or-failed");
	for (size_t i = 0; i < sizeof(accounting) / sizeof(accounting[0]); i++)
		cg_props_bool(b, accounting[i], true);
	if (hold <= 0)
		return; /* a slice: its name says its parent, and it has no processes */
	cg_props_str(b, "Slice", p->slice);
	cg_props_bool(b, "Delegate", true);
	dbus_put_align(b, 8);
	dbus_put_str(b, "PIDs");
	dbus_put_sig(b, "au");
	size_t mark = dbus_put_array(b, 'u');

	dbus_put_u32(b, (uint32_t)hold);
	dbus_put_end(b, mark);
}

static bool needs_version(const struct knob_plan *plan)
{
	for (size_t i = 0; i < plan->n; i++)
		if (str_eq(plan->v[i].file, "cpu.idle") ||
		    str_eq(plan->v[i].file, "memory.oom.group"))
			return true;
	return false;
}

int cg_systemd_put_limits(struct cg_bus *bus, const struct knob_plan *plan, struct buf *b,
			  struct err *e)
{
	unsigned version = 0;
	int r = needs_version(plan) ? cg_bus_version(bus, &version, e) : 0;

	if (r == 0)
		cg_props_plan(plan, version, b);
	return r;
}

/* Names of a unit that was and is no more block a new one until somebody says so. */
static int reset_failed(struct cg_bus *bus, struct err *e)
{
	AUTO(buf) body = {0};

	dbus_put_str(&body, bus->unit);
	int r = cg_bus_call(bus, "ResetFailedUnit", "s", &body, NULL, e);

	if (r < 0 && e->code == ENOENT) {
		err_clear(e);
		return 0;
	}
	return r;
}

struct start {
	const struct cg_place *p;
	const struct spec_config *conf;
	struct knob_plan plan;
	struct arena *a;
	pid_t hold;
	const char *id;
	bool is_asked; /* of systemd; before that nothing can be ours */
};

static int start_unit(struct start *s, struct cg_bus *bus, struct err *e)
{
	struct err ignored = ERR_INIT;
	AUTO(buf) body = {0};

	dbus_put_str(&body, s->p->unit);
	dbus_put_str(&body, "fail");
	size_t mark = dbus_put_array(&body, '(');

	put_unit_props(s->p, s->id, s->hold, &body);
	int r = cg_systemd_put_limits(bus, &s->plan, &body, e);

	/* A user's instance may load no device filter. */
	if (r == 0 && !s->p->is_user_unit && s->conf->linux_->resources)
		r = cg_props_devices(s->conf, s->a, &body, e);
	if (r == 0)
		r = cg_props_annotations(s->conf, &body, e);
	if (r < 0)
		return r;
	dbus_put_end(&body, mark);
	dbus_put_end(&body, dbus_put_array(&body, '('));
	s->is_asked = true;
	r = cg_bus_job(bus, "StartTransientUnit", "ssa(sv)a(sa(sv))", &body, e);
	if (r < 0 && e->code == EEXIST && reset_failed(bus, &ignored) == 0) {
		err_clear(e);
		r = cg_bus_job(bus, "StartTransientUnit", "ssa(sv)a(sa(sv))", &body, e);
	}
	return r;
}

/* Ends the unit and waits for that. None is success. */
static int stop_unit(struct cg_bus *bus, struct err *e)
{
	AUTO(buf) body = {0};

	dbus_put_str(&body, bus->unit);
	dbus_put_str(&body, "replace");
	int r = cg_bus_job(bus, "StopUnit", "ss", &body, e);

	if (r < 0 && (e->code == ENOENT || e->code == EIO)) {
		/* EIO: another job came in between; whether it is gone is seen below. */
		err_clear(e);
		r = 0;
	}
	return r < 0 ? r : reset_failed(bus, e);
}

/* ---- its cgroups ---- */

/* Opens the unit's directory and sees that systemd put the placeholder there. */
static int open_unit(const char *path, pid_t hold, int *ret_fd, struct err *e)
{
	char proc[64], text[CG_PATH_MAX + 64], at[CG_PATH_MAX];
	int root_fd = cg_where_root(e);

	if (root_fd < 0)
		return root_fd;
	snprintf(proc, sizeof(proc), "/proc/%d/cgroup", (int)hold);
	if (hold > 0 && (file_read_kernel(AT_FDCWD, proc, text, sizeof(text)) <= 0 ||
			 cg_where_parse_self(text, at) < 0))
		return err_sys(e, EIO, "find out where systemd put the unit");
	if (hold > 0 && !str_eq(at, path))
		return err_set(e, ERR_KERNEL, EIO,
			       "systemd put the unit at cgroup \"%.128s\", not at \"%.128s\"", at,
			       path);
	int fd = cg_tree_open(root_fd, path + 1);

	if (fd < 0)
		return err_sys(e, fd, "open cgroup \"%s\"", path);
	fd_replace(ret_fd, fd);
	return 0;
}

/* A cgroup that gives controllers to sub-cgroups has no processes: the placeholder steps aside. */
static int step_aside(int unit_fd, pid_t hold, struct err *e)
{
	if (mkdirat(unit_fd, HOLD_DIR, 0755) < 0 && errno != EEXIST)
		return err_sys(e, errno, "make cgroup \"%s\" of the unit", HOLD_DIR);
	AUTO_FD fd = cg_tree_open(unit_fd, HOLD_DIR);

	return fd < 0 ? err_sys(e, fd, "open cgroup \"%s\" of the unit", HOLD_DIR)
		      : cg_join(fd, hold, e);
}

static int make_leaf(const struct start *s, int unit_fd, const char *unit_dir, struct cg *ret,
		     struct err *e)
{
	const char *sub = s->p->path + strlen(unit_dir);
	struct knob_needs needs;
	struct stat st;
	AUTO_FD fd = FD_NONE;

	cg_knobs_needs(&s->plan, &needs);
	if (!*sub) {
		fd = fcntl(unit_fd, F_DUPFD_CLOEXEC, 3);
	} else {
		int r = cg_enable(unit_fd, unit_dir, &needs, e);

		if (r > 0)
			r = cg_enable_missing(unit_fd, unit_dir, &needs, e);
		if (r < 0)
			return r;
		if (mkdirat(unit_fd, sub + 1, 0755) < 0 && errno != EEXIST)
			return err_sys(e, errno, "make cgroup \"%s\"", s->p->path);
		fd = cg_tree_open(unit_fd, sub + 1);
	}
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, fd < 0 ? fd : errno, "open cgroup \"%s\"", s->p->path);
	fd_replace(&ret->dir_fd, fd_take(&fd));
	ret->ino = st.st_ino;
	ret->made_levels = 1;
	memcpy(ret->path, s->p->path, sizeof(ret->path));
	memcpy(ret->unit, s->p->unit, sizeof(ret->unit));
	ret->is_user_unit = s->p->is_user_unit;
	return 0;
}

static int make_cgroups(const struct start *s, struct cg *ret, struct err *e)
{
	char unit_dir[CG_PATH_MAX];
	AUTO_FD unit_fd = FD_NONE;

	cg_systemd_unit_path(s->p->path, s->p->unit, unit_dir);
	int r = open_unit(unit_dir, s->hold, &unit_fd, e);

	if (r == 0 && s->hold > 0)
		r = step_aside(unit_fd, s->hold, e);
	return r < 0 ? r : make_leaf(s, unit_fd, unit_dir, ret, e);
}

/* Told apart by the code: without a limit one may go on without a cgroup (rootless). */
static int not_made(const struct knob_plan *plan, struct err *e)
{
	if (plan->n && (e->code == EACCES || e->code == EPERM || e->code == EROFS))
		e->code = ENOTSUP;
	return -e->code;
}

int cg_systemd_make(const struct cg_place *p, const struct spec_config *conf, struct cg *ret,
		    struct err *e)
{
	AUTO(arena) a = {0};
	AUTO(cg_bus) bus = {.d = DBUS_INIT};
	AUTO(cg) c = CG_NONE;
	struct err ignored = ERR_INIT;
	struct start s = {.p = p, .conf = conf, .plan = {.arena = &a}, .a = &a, .id = p->id};
	/* What is wrong with the limits is said before anything is made. */
	int r = cg_knobs_plan(conf->linux_->resources, &s.plan, e);

	if (r == 0)
		r = cg_bus_open(&bus, p->is_user_unit, p->unit, e);
	if (r < 0)
		return not_made(&s.plan, e);
	if (!cg_systemd_is_slice(p->unit)) {
		r = check_place(p, e);
		if (r < 0)
			return r;
		s.hold = spawn_hold(&c.hold_pidfd);
		if (s.hold < 0)
			return err_sys(e, s.hold, "clone the unit's placeholder");
	}
	r = start_unit(&s, &bus, e);
	/* Somebody else's stays: who was not asked, or refused us, made none for us. */
	bool is_ours = s.is_asked && (r == 0 || (e->code != EEXIST && e->code != EACCES));

	if (r == 0)
		r = make_cgroups(&s, &c, e);
	if (r < 0) {
		/* The placeholder first: it waits for no SIGTERM of systemd's. */
		cg_done(&c);
		if (is_ours && stop_unit(&bus, &ignored) < 0)
			log_debug("%s", ignored.text);
		return not_made(&s.plan, e);
	}
	cg_done(ret);
	*ret = c;
	c = (struct cg)CG_NONE;
	return 0;
}

/* ---- around the clone ---- */

/* True for limits that have no room for the placeholder beside init (V51). */
static bool is_tight(const struct spec_resources *res)
{
	AUTO(arena) a = {0};
	struct knob_plan plan = {.arena = &a};
	struct err ignored = ERR_INIT;
	bool is = false;

	if (!res || cg_knobs_plan(res, &plan, &ignored) < 0)
		return false;
	for (size_t i = 0; i < plan.n; i++)
		if (str_eq(plan.v[i].file, "pids.max"))
			is = str_eq(plan.v[i].text, "0") || str_eq(plan.v[i].text, "1");
	return is;
}

static int write_unit_tasks(const struct cg *c, const char *text, struct err *e)
{
	char dir[CG_PATH_MAX];
	AUTO_FD fd = FD_NONE;

	cg_systemd_unit_path(c->path, c->unit, dir);
	int r = open_unit(dir, 0, &fd, e);

	if (r < 0)
		return r;
	r = file_write_kernel(fd, "pids.max", text);
	return r < 0 ? err_sys(e, r, "write \"%s\" to pids.max of cgroup \"%s\"", text, dir) : 0;
}

int cg_systemd_admit(const struct cg *c, const struct spec_resources *res, struct err *e)
{
	return c->hold_pidfd >= 0 && is_tight(res) ? write_unit_tasks(c, "2", e) : 0;
}

int cg_systemd_settle(struct cg *c, const struct spec_resources *res, struct err *e)
{
	char dir[CG_PATH_MAX];
	struct err ignored = ERR_INIT;
	AUTO_FD fd = FD_NONE;
	int status;

	if (c->hold_pidfd < 0)
		return 0;
	(void)sys_pidfd_send_signal(c->hold_pidfd, SIGKILL);
	int r = proc_wait(c->hold_pidfd, EMPTY_MS, &status);

	auto_fd_done(&c->hold_pidfd);
	if (r < 0)
		return err_sys(e, r, "end the unit's placeholder");
	cg_systemd_unit_path(c->path, c->unit, dir);
	if (open_unit(dir, 0, &fd, &ignored) < 0 || unlinkat(fd, HOLD_DIR, AT_REMOVEDIR) < 0)
		log_debug("cgroup \"%s/%s\" stays: %s", dir, HOLD_DIR, err_words(errno));
	return is_tight(res) ? write_unit_tasks(c, "1", e) : 0;
}

int cg_systemd_attach(const struct cg *c, const char *path, pid_t pid, struct err *e)
{
	AUTO(cg_bus) bus = {.d = DBUS_INIT};
	AUTO(buf) body = {0};
	/* path is that of c, or below it. */
	size_t n = cg_systemd_unit_len(c->path, c->unit);
	int r = cg_bus_open(&bus, c->is_user_unit, NULL, e);

	if (r < 0)
		return r;
	bus.unit = c->unit;
	dbus_put_str(&body, c->unit);
	dbus_put_str(&body, strlen(path) > n ? path + n : "");
	size_t mark = dbus_put_array(&body, 'u');

	dbus_put_u32(&body, (uint32_t)pid);
	dbus_put_end(&body, mark);
	return cg_bus_call(&bus, "AttachProcessesToUnit", "ssau", &body, NULL, e);
}

/* ---- removing ---- */

/* Ends what is inside, if it is ours. Return: 1 = ours or gone, 0 = another one's, or a story. */
static int empty_leaf(const struct cg_place *p, const char *unit_dir, uint64_t ino, struct err *e)
{
	AUTO(cg) c = CG_NONE;
	int r = cg_open(p->path, &c, e);

	if (r == 0 && (ino == 0 || c.ino == ino)) {
		/* A scope with the placeholder, which no SIGTERM of systemd's ends; a slice may
		 * have units of others in it. */
		r = cg_systemd_is_slice(p->unit) ? 0 : cg_open(unit_dir, &c, e);
		if (r == 0)
			r = cg_kill(&c, e);
		return r < 0 && r != -ENOENT && r != -ENODEV ? r : 1;
	}
	if (r == 0)
		return 0;
	if (r != -ENOENT)
		return r;
	err_clear(e);
	/* Cut off before it had one: nobody but a dying placeholder may be inside. */
	if (cg_open(unit_dir, &c, e) == 0 && cg_wait_empty(&c, EMPTY_MS, e) < 0) {
		err_clear(e);
		return 0;
	}
	err_clear(e);
	return 1;
}

int cg_systemd_remove(const struct cg_place *p, uint64_t ino, unsigned made_levels, struct err *e)
{
	char unit_dir[CG_PATH_MAX];
	AUTO(cg_bus) bus = {.d = DBUS_INIT};
	AUTO_FD unit_fd = FD_NONE;
	struct err ignored = ERR_INIT;

	(void)made_levels;
	cg_systemd_unit_path(p->path, p->unit, unit_dir);
	if (!unit_dir[0])
		return err_set(e, ERR_BUG, EINVAL, "cgroup \"%s\" is not below unit \"%s\"",
			       p->path, p->unit);
	int r = empty_leaf(p, unit_dir, ino, e);

	if (r == 0)
		log_debug("unit \"%s\" is another one by now: left alone", p->unit);
	if (r <= 0)
		return r;
	r = cg_bus_open(&bus, p->is_user_unit, p->unit, e);
	if (r == 0)
		r = stop_unit(&bus, e);
	else if (open_unit(unit_dir, 0, &unit_fd, &ignored) == -ENOENT) {
		/* A user's systemd that ended took its units with it. */
		err_clear(e);
		return 0;
	}
	/* systemd's own removal is under way; this waits for the last of it. */
	return r < 0 ? r : cg_tree_remove(unit_dir, 0, 1, e);
}
