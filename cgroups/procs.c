// SPDX-License-Identifier: Apache-2.0
/*
 * cgroups/procs: the processes inside: listing, joining, freezing, killing, waiting for the end.
 * Owns the waits on cgroup.events, all with a deadline. It must not know of limits, nor which of
 * the processes is init. Called by tree.c and runtime/life.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/num.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/sys.h"
#include "cgroups/internal.h"
#include "base/ban.h"

#define SIGNAL_FREEZE_MS 2000
#define THAW_STEP_MS	 5
#define HELD_BACK_MS	 8
#define LOST_MS		 1000
#define SURVIVORS_SHOWN	 4

static bool is_gone(int r)
{
	return r == -ENOENT || r == -ENODEV;
}

/* ---- waiting ---- */

/*
 * The event ends the wait. Two things make us look without one: the kernel holds an event back for
 * 10 ms after the last one of that file (CGROUP_FILE_NOTIFY_MIN_INTV, kernel/cgroup/cgroup.c), long
 * when all that is waited for is over in one, so we look at 1, 3, 7 and 15 ms; and one that is held
 * back when somebody else removes the cgroup is lost, so we look once a second.
 */
static int next_look_ms(int *step)
{
	int ms = *step <= HELD_BACK_MS ? *step : LOST_MS;

	*step = 2 * ms;
	return ms;
}

int cg_procs_event(int dir_fd, const char *key, unsigned want, int timeout_ms)
{
	AUTO_FD fd = openat(dir_fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
	const uint64_t start = proc_now_usec();
	int step = 1;

	if (fd < 0)
		return -errno;
	for (;;) {
		char text[256];
		uint64_t v = 0;
		ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
		if (n < 0)
			return -errno;
		text[n] = '\0';
		int r = cg_read_key(text, key, &v);
		if (r < 0 || v == want)
			return r;
		int64_t left = (int64_t)timeout_ms - (int64_t)((proc_now_usec() - start) / 1000);
		if (timeout_ms >= 0 && left <= 0)
			return -ETIMEDOUT;
		struct pollfd p = {.fd = fd, .events = POLLPRI};
		int look_ms = next_look_ms(&step);
		r = poll(&p, 1, timeout_ms >= 0 && left < look_ms ? (int)left : look_ms);
		if (r < 0 && errno != EINTR)
			return -errno;
	}
}

int cg_wait_empty(const struct cg *c, int timeout_ms, struct err *e)
{
	int r = cg_procs_event(c->dir_fd, "populated", 0, timeout_ms);
	char what[64];

	if (is_gone(r))
		return 0;
	if (r == -ETIMEDOUT) {
		snprintf(what, sizeof(what), "did not end within %d ms", timeout_ms);
		return cg_procs_survivors(c, what, e);
	}
	return r < 0 ? err_sys(e, r, "wait for the end of cgroup \"%s\"", c->path) : 0;
}

/* ---- listing ---- */

struct pids {
	pid_t *v; /* owned */
	size_t n, cap;
	bool is_below; /* the top has been visited */
};
static void pids_done(struct pids *p)
{
	free(p->v);
	p->v = NULL;
}

static void add_pid(struct pids *p, pid_t pid)
{
	if (p->n == p->cap) {
		p->cap = p->cap ? 2 * p->cap : 64;
		p->v = mem_realloc(p->v, p->cap, sizeof(*p->v));
	}
	p->v[p->n++] = pid;
}

static int read_procs(int dir_fd, struct buf *out)
{
	AUTO_FD fd = openat(dir_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	for (;;) {
		ssize_t n = read(fd, buf_room(out, 4096), 4096);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return 0;
		if (n > 0)
			out->len += (size_t)n;
	}
}

static int visit_procs(int dir_fd, void *arg)
{
	struct pids *p = arg;
	AUTO(buf) text = {0};
	int r = read_procs(dir_fd, &text);
	bool is_top = !p->is_below;

	p->is_below = true;
	/* EOPNOTSUPP: a threaded cgroup, whose processes stand in its domain's file. */
	if ((is_gone(r) && !is_top) || r == -EOPNOTSUPP)
		return 0;
	if (r < 0)
		return r;
	for (size_t i = 0; i < text.len;) {
		const char *s = text.data + i;
		const char *end = memchr(s, '\n', text.len - i);
		size_t n = end ? (size_t)(end - s) : text.len - i;
		int64_t pid;
		r = num_i64n(s, n, &pid);
		if (r < 0)
			return r;
		/* 0: a process that our pid namespace cannot see. */
		if (pid > 0 && pid <= INT32_MAX)
			add_pid(p, (pid_t)pid);
		i += n + 1;
	}
	return 0;
}

static int compare_pids(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;
	return (x > y) - (x < y);
}

int cg_pids(const struct cg *c, pid_t **ret_pids, size_t *ret_n, struct err *e)
{
	static const struct cg_visitor v = {.enter = visit_procs};
	AUTO(pids) p = {0};
	size_t n = 0;

	int r = cg_walk(c->dir_fd, &v, &p);
	/* A sub-cgroup went away while we stood in it: once more. */
	for (int i = 0; is_gone(r) && i < 8 && faccessat(c->dir_fd, "cgroup.procs", F_OK, 0) == 0;
	     i++) {
		p.n = 0;
		p.is_below = false;
		r = cg_walk(c->dir_fd, &v, &p);
	}
	if (is_gone(r))
		return err_set(e, ERR_STATE, ENOENT, "cgroup \"%s\" does not exist", c->path);
	if (r < 0)
		return err_sys(e, r, "list the processes of cgroup \"%s\"", c->path);
	if (p.n)
		qsort(p.v, p.n, sizeof(*p.v), compare_pids);
	/* One that moved between two sub-cgroups was seen twice. */
	for (size_t i = 0; i < p.n; i++)
		if (n == 0 || p.v[n - 1] != p.v[i])
			p.v[n++] = p.v[i];
	*ret_pids = ptr_take(&p.v);
	*ret_n = n;
	return 0;
}

/* " pid 7 (state D, in do_wait)" */
static void describe(struct buf *out, pid_t pid)
{
	char path[64], wchan[128] = "";
	uint64_t ticks;
	char state;

	if (proc_stat(pid, &state, &ticks) < 0)
		return;
	snprintf(path, sizeof(path), "/proc/%d/wchan", (int)pid);
	if (file_read_kernel(AT_FDCWD, path, wchan, sizeof(wchan)) <= 0 || str_eq(wchan, "0"))
		wchan[0] = '\0';
	buf_printf(out, "%s pid %d (state %c%s%s)", out->len ? "," : ":", (int)pid, state,
		   wchan[0] ? ", in " : "", wchan);
}

int cg_procs_survivors(const struct cg *c, const char *what, struct err *e)
{
	AUTO_FREE pid_t *pids = NULL;
	AUTO(buf) text = {0};
	size_t n = 0;

	if (cg_pids(c, &pids, &n, e) < 0)
		n = 0;
	for (size_t i = 0; i < n && i < SURVIVORS_SHOWN; i++)
		describe(&text, pids[i]);
	if (n > SURVIVORS_SHOWN)
		buf_adds(&text, ", ...");
	return err_set(e, ERR_BUSY, ETIMEDOUT, "cgroup \"%s\": %zu process%s %s%s", c->path, n,
		       n == 1 ? "" : "es", what, text.data ? text.data : "");
}

/* ---- joining ---- */

int cg_join(int dir_fd, pid_t pid, struct err *e)
{
	char text[24];

	snprintf(text, sizeof(text), "%d", (int)pid);
	int r = file_write_kernel(dir_fd, "cgroup.procs", text);
	switch (-r) {
	case 0:
		return 0;
	case EOPNOTSUPP:
		return err_set(e, ERR_STATE, EOPNOTSUPP,
			       "move process %d into the cgroup: it is below a threaded cgroup",
			       (int)pid);
	case EBUSY:
		return err_set(e, ERR_STATE, EBUSY,
			       "move process %d into the cgroup: it gives controllers to "
			       "sub-cgroups, so it cannot have processes",
			       (int)pid);
	default:
		return err_sys(e, r, "move process %d into the cgroup", (int)pid);
	}
}

/* ---- freezing ---- */

int cg_is_frozen(const struct cg *c)
{
	uint64_t v = 0;
	int r = cg_read_u64(c, "cgroup.events", "frozen", &v);

	return r < 0 ? r : v == 1;
}

/*
 * Seen on 6.18: when a task ends in a frozen cgroup one of whose descendants is not frozen at that
 * moment, the kernel takes the cgroup for frozen (cgroup_update_frozen() does not look below), and
 * a thaw at that moment misses it: "frozen 1" for ever, though all in it runs. A descendant that
 * goes from frozen to thawed clears the flag of all above it; an empty one does so at once.
 */
static void clear_stuck_flag(int dir_fd)
{
	static const char name[] = "stiva-thaw";
	int r = mkdirat(dir_fd, name, 0700) < 0 ? -errno : 0;

	if (r == 0 || r == -EEXIST)
		r = file_write_kernel(dir_fd, "stiva-thaw/cgroup.freeze", "1");
	if (r == 0)
		r = file_write_kernel(dir_fd, "stiva-thaw/cgroup.freeze", "0");
	if (unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 || r < 0)
		log_debug("thaw: %s: %s", name, err_words(r < 0 ? r : errno));
}

/* Leaf. */
static int thaw(int dir_fd, int timeout_ms)
{
	bool is_long = timeout_ms < 0 || timeout_ms > THAW_STEP_MS;
	int r = file_write_kernel(dir_fd, "cgroup.freeze", "0");

	if (r == 0)
		r = cg_procs_event(dir_fd, "frozen", 0, is_long ? THAW_STEP_MS : timeout_ms);
	if (r != -ETIMEDOUT || !is_long)
		return r;
	clear_stuck_flag(dir_fd);
	return cg_procs_event(dir_fd, "frozen", 0, timeout_ms);
}

/* Leaf. */
static int freeze(int dir_fd, int timeout_ms)
{
	int r = file_write_kernel(dir_fd, "cgroup.freeze", "1");

	return r < 0 ? r : cg_procs_event(dir_fd, "frozen", 1, timeout_ms);
}

int cg_freeze(const struct cg *c, bool on, int timeout_ms, struct err *e)
{
	const char *verb = on ? "freeze" : "thaw";
	char what[64];

	int r = on ? freeze(c->dir_fd, timeout_ms) : thaw(c->dir_fd, timeout_ms);
	if (r == 0)
		return 0;
	/* Never left half frozen. */
	int undo = on && !is_gone(r) ? file_write_kernel(c->dir_fd, "cgroup.freeze", "0") : 0;
	if (undo < 0)
		log_debug("cgroup \"%s\": not thawed: %s", c->path, err_words(undo));
	if (is_gone(r))
		return err_set(e, ERR_STATE, ENOENT, "%s cgroup \"%s\": it does not exist", verb,
			       c->path);
	if (r == -ETIMEDOUT && !on)
		return err_set(
			e, ERR_BUSY, ETIMEDOUT,
			"thaw cgroup \"%s\": still frozen after %d ms: a cgroup above it is frozen",
			c->path, timeout_ms);
	if (r == -ETIMEDOUT) {
		snprintf(what, sizeof(what), "did not freeze within %d ms", timeout_ms);
		return cg_procs_survivors(c, what, e);
	}
	return err_sys(e, r, "%s cgroup \"%s\"", verb, c->path);
}

/* ---- signals ---- */

static int signal_one(pid_t pid, int sig)
{
	/* They are frozen, so the number is still theirs; the pidfd makes that sure where they
	 * could not be frozen. */
	AUTO_FD pidfd = pid == getpid() ? -ESRCH : sys_pidfd_open(pid, 0);
	int r = pidfd < 0 ? pidfd : sys_pidfd_send_signal(pidfd, sig);

	return r == -ESRCH ? 0 : r;
}

static int signal_listed(const struct cg *c, int sig, struct err *e)
{
	AUTO_FREE pid_t *pids = NULL;
	size_t n = 0;
	char name[16];

	int r = cg_pids(c, &pids, &n, e);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		int one = signal_one(pids[i], sig);
		if (one < 0 && r == 0)
			r = err_sys(e, one, "send %s to process %d of cgroup \"%s\"",
				    num_signal_name(sig, name), (int)pids[i], c->path);
	}
	return r;
}

int cg_signal(const struct cg *c, int sig, struct err *e)
{
	struct err late = ERR_INIT;
	bool is_ours = false;

	/* Frozen, nobody forks away from the list. A paused container stays paused. */
	if (cg_is_frozen(c) != 1) {
		int r = cg_freeze(c, true, SIGNAL_FREEZE_MS, e);
		if (r == -ENOENT)
			return r;
		is_ours = r == 0;
		if (r < 0)
			log_debug("signal without a freeze: %s", e->text);
		err_clear(e);
	}
	int r = signal_listed(c, sig, e);
	if (is_ours && cg_freeze(c, false, SIGNAL_FREEZE_MS, &late) < 0 && r == 0 &&
	    late.code != ENOENT) {
		*e = late;
		r = -late.code;
	}
	return r;
}

int cg_kill(const struct cg *c, struct err *e)
{
	/* 5.14: the whole subtree, frozen or not, without a race against fork. */
	int r = file_write_kernel(c->dir_fd, "cgroup.kill", "1");
	if (r == 0)
		return 0;
	if (r != -ENOENT && r != -EOPNOTSUPP)
		return err_sys(e, r, "kill cgroup \"%s\"", c->path);
	return cg_signal(c, SIGKILL, e);
}
