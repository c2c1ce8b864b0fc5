/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/life/events: what a container uses, and the wait for what happens to it: an OOM kill, a
 * limit that is met, its end. Takes no lock: it only looks. Called by the verbs events and stats.
 */
#include "runtime/life/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "base/proc.h"
#include "base/ban.h"

#define TEXT_MAX   512
#define QUIET_USEC 1000000

void life_watch_done(struct life_watch *w)
{
	cg_done(&w->cg);
	auto_fd_done(&w->pidfd);
	auto_fd_done(&w->oom_fd);
	auto_fd_done(&w->events_fd);
	auto_fd_done(&w->swap_fd);
	auto_fd_done(&w->pids_fd);
}

/* The number after `key` in an open file of lines "key number". Leaf. */
static int read_key(int fd, const char *key, uint64_t *ret)
{
	char text[TEXT_MAX];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	if (n < 0)
		return -errno;
	text[n] = '\0';
	for (const char *s = text; *s; s += strcspn(s, "\n"), s += *s == '\n') {
		const char *v = str_after(s, key);
		if (v && *v == ' ')
			return num_u64n(v + 1, strcspn(v + 1, "\n"), ret);
	}
	return -ENOENT;
}

static uint64_t count_ooms(const struct life_watch *w)
{
	uint64_t n = w->ooms;

	return w->oom_fd >= 0 && read_key(w->oom_fd, "oom_kill", &n) == 0 ? n : w->ooms;
}

int life_watch_open(const struct life_host *h, const char *id, struct life_watch *w, struct err *e)
{
	AUTO(life_box) b = LIFE_BOX_INIT;
	int r = life_store_open(h, id, false, &b, e);

	if (r < 0)
		return r;
	w->status = life_machine_status(&b);
	r = life_machine_check(LIFE_EVENTS, w->status, e);
	if (r == 0)
		r = life_machine_cgroup(&b, &w->cg, e);
	if (r < 0)
		return r;
	w->start_ticks = b.rec->init->start.v;
	w->pidfd = life_machine_pidfd(&b);
	if (w->pidfd == -ESRCH)
		return life_machine_check(LIFE_EVENTS, SPEC_STOPPED, e);
	if (w->pidfd < 0)
		return err_sys(e, w->pidfd, "open the container's process");
	w->events_fd = openat(w->cg.dir_fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
	if (w->events_fd < 0)
		return err_sys(e, errno, "open cgroup.events of cgroup \"%s\"", w->cg.path);
	/* Without the memory controller nobody is killed for this cgroup's sake. */
	w->oom_fd = openat(w->cg.dir_fd, "memory.events", O_RDONLY | O_CLOEXEC);
	w->ooms = count_ooms(w);
	return 0;
}

/* ---- limits ---- */

static const struct word limit_rows[] = {
	{"memory.high", 0},
	{"memory.max", 0},
	{"memory.oom", 0},
	{"memory.oom_kill", 0},
	{"memory.oom_group_kill", 0},
	{"memory.swap.high", 0},
	{"memory.swap.max", 0},
	{"memory.swap.fail", 0},
	{"pids.max", 0},
};
WORDS_COMPLETE(limit_rows, LIFE_LIMIT_N);
const struct word_list life_words_limit = {"limit", limit_rows, LIFE_LIMIT_N, ""};

/* Counts since the cgroup was made; one that the kernel does not keep stays as it was. */
static void count_limits(const struct life_watch *w, uint64_t ret[LIFE_LIMIT_N])
{
	for (int i = 0; i < LIFE_LIMIT_N; i++) {
		int fd = i >= LIFE_LIMIT_PIDS_MAX    ? w->pids_fd
			 : i >= LIFE_LIMIT_SWAP_HIGH ? w->swap_fd
						     : w->oom_fd;
		const char *key = strrchr(limit_rows[i].text, '.') + 1;

		if (fd < 0 || read_key(fd, key, &ret[i]) < 0)
			ret[i] = w->told[i];
	}
}

void life_watch_limits(struct life_watch *w)
{
	w->swap_fd = openat(w->cg.dir_fd, "memory.swap.events", O_RDONLY | O_CLOEXEC);
	w->pids_fd = openat(w->cg.dir_fd, "pids.events", O_RDONLY | O_CLOEXEC);
	w->has_limits = true;
	count_limits(w, w->told);
}

/* True when there is something to tell; it is counted as told when the time has come. */
static bool take_limits(struct life_watch *w, bool is_time)
{
	uint64_t now[LIFE_LIMIT_N];
	bool has = false;

	if (!w->has_limits)
		return false;
	count_limits(w, now);
	for (int i = 0; i < LIFE_LIMIT_N; i++)
		has |= now[i] > w->told[i];
	for (int i = 0; has && is_time && i < LIFE_LIMIT_N; i++) {
		w->risen[i] = now[i] > w->told[i] ? now[i] - w->told[i] : 0;
		w->told[i] = now[i];
	}
	return has;
}

/* ---- waiting ---- */

static bool has_ended(const struct life_watch *w)
{
	struct pollfd p = {.fd = w->pidfd, .events = POLLIN};
	uint64_t populated;

	return poll(&p, 1, 0) > 0 || read_key(w->events_fd, "populated", &populated) < 0 ||
	       populated == 0;
}

int life_watch_wait(struct life_watch *w, uint64_t until_usec, enum life_event *ret, struct err *e)
{
	for (;;) {
		/* First the end, then the count: what led to the end is still told. */
		bool is_end = has_ended(w);

		if (count_ooms(w) > w->ooms) {
			w->ooms++;
			*ret = LIFE_EVENT_OOM;
			return 0;
		}
		uint64_t now = proc_now_usec(), until = until_usec;
		bool is_time = is_end || now >= w->quiet_until_usec;
		bool is_held = take_limits(w, is_time);
		if (is_held && is_time) {
			w->quiet_until_usec = now + QUIET_USEC;
			*ret = LIFE_EVENT_LIMIT;
			return 0;
		}
		if (is_end || now >= until) {
			*ret = is_end ? LIFE_EVENT_END : LIFE_EVENT_TICK;
			return 0;
		}
		if (is_held && w->quiet_until_usec < until)
			until = w->quiet_until_usec;
		/* While a line is held back, more of the same need not wake us. */
		struct pollfd p[] = {{.fd = w->pidfd, .events = POLLIN},
				     {.fd = w->events_fd, .events = POLLPRI},
				     {.fd = w->oom_fd, .events = POLLPRI},
				     {.fd = is_held ? FD_NONE : w->swap_fd, .events = POLLPRI},
				     {.fd = is_held ? FD_NONE : w->pids_fd, .events = POLLPRI}};
		uint64_t ms = (until - now + 999) / 1000;
		if (poll(p, sizeof(p) / sizeof(p[0]), ms > INT32_MAX ? INT32_MAX : (int)ms) < 0 &&
		    errno != EINTR)
			return err_sys(e, errno, "wait for the container's events");
	}
}
