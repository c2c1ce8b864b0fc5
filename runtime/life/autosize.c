/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/life/autosize: the controller: opens what is to be watched, sleeps in one poll, looks at
 * a container when the kernel says that something happened to it, and seldom otherwise. What is
 * decided is in autosize_policy.c, what is done about it in autosize_act.c. Called by runtime/cli.
 *
 * What can be waited for: pressure (a PSI trigger for each resource), memory.events, the end
 * (pidfd, cgroup.events), signals. What cannot is that a container needs less than before: so each
 * is looked at after a while in which nothing happened, and after twice that while, up to a minute.
 * A wake-up that leads to nothing mutes its fd for a moment, twice as long each time: a container
 * that is pressed at the top of its range costs nothing either.
 */
#include "runtime/life/autosize_loop.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "base/num.h"
#include "base/proc.h"
#include "base/ban.h"

#define MUTE_LEAST UINT64_C(100000)
#define MUTE_MOST  UINT64_C(10000000)
/* memory.high is hit by allocations, one by one: what is written about it must be read soon. */
#define MUTE_EVENTS_MOST UINT64_C(2000000)

static void autosize_done(struct autosize *c)
{
	for (size_t i = 0; i < c->n; i++) {
		life_watch_done(&c->units[i].watch);
		for (int k = 0; k < AUTOSIZE_RES_N; k++)
			auto_fd_done(&c->units[i].psi_fd[k]);
	}
	free(c->units);
	auto_fd_done(&c->signal_fd);
}

/* memory.high as it was before us; what an autosize that was killed left is nobody's wish. */
static void note_high(const struct autosize *c, struct autosize_unit *u)
{
	struct err why = ERR_INIT;

	if (life_limits_settle(c->h, u->id, &why) < 0)
		log_warn("%s: %s", u->id, why.text);
	if (cg_read_u64(&u->watch.cg, "memory.high", NULL, &u->high) < 0)
		u->high = AUTOSIZE_NONE;
	u->high_before = u->high;
}

static int take_high(struct autosize *c, struct autosize_unit *u, struct err *e)
{
	const uint64_t high = life_autosize_barrier(c->a->policy, &u->range[AUTOSIZE_MEMORY],
						    u->last[AUTOSIZE_MEMORY].limit);
	struct err why = ERR_INIT;

	if (!u->range[AUTOSIZE_MEMORY].has || u->high == high ||
	    life_autosize_set_high(c, u, high, &why) == 0)
		return 0;
	const struct autosize_note n = {
		.kind = AUTOSIZE_WARN, .res = AUTOSIZE_MEMORY, .text = why.text};

	return life_autosize_tell(c, u, &n, e);
}

static int begin(struct autosize *c, struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->n; i++) {
		struct autosize_unit *u = &c->units[i];
		note_high(c, u);
		for (int k = 0; r == 0 && k < AUTOSIZE_RES_N; k++) {
			const struct autosize_note n = {.kind = AUTOSIZE_BEGIN,
							.res = (enum autosize_res)k,
							.from = u->last[k].limit,
							.to = u->last[k].limit};
			if (!u->range[k].has)
				continue;
			r = life_autosize_tell(c, u, &n, e);
			if (r == 0)
				r = life_autosize_arm(c, u, n.res, e);
		}
	}
	for (int k = 0; r == 0 && k < AUTOSIZE_RES_N; k++)
		r = life_autosize_enter(c, (enum autosize_res)k, e);
	for (size_t i = 0; r == 0 && i < c->n; i++) {
		struct autosize_unit *u = &c->units[i];
		r = take_high(c, u, e);
		u->next_look = proc_now_usec() + u->interval;
	}
	return r;
}

/* ---- one look ---- */

/* Somebody else changed a limit: it is what we go on from. */
static int notice(struct autosize *c, struct autosize_unit *u, enum autosize_res res,
		  uint64_t limit, struct err *e)
{
	const struct autosize_note n = {
		.kind = AUTOSIZE_BY_HAND, .res = res, .from = u->last[res].limit, .to = limit};
	struct err why = ERR_INIT;

	if (limit == u->last[res].limit)
		return 0;
	u->last[res].limit = limit;
	u->state[res].calm_since = proc_now_usec();
	u->said[res] = -1;
	if (res == AUTOSIZE_MEMORY &&
	    life_autosize_set_high(c, u, life_autosize_barrier(c->a->policy, &u->range[res], limit),
				   &why) < 0)
		log_debug("%s: memory.high: %s", u->id, why.text);
	return life_autosize_tell(c, u, &n, e);
}

/* When to look again if nothing wakes us. */
static void plan_next(const struct autosize *c, struct autosize_unit *u, bool is_done,
		      bool is_woken, uint64_t hint)
{
	const struct autosize_check *k = c->a->policy->check;
	const uint64_t now = proc_now_usec();

	if (is_done)
		u->interval = life_autosize_usec(k->first);
	else if (!is_woken)
		u->interval = u->interval * 2 > life_autosize_usec(k->most)
				      ? life_autosize_usec(k->most)
				      : u->interval * 2;
	/* Throttling without a trigger can only be seen. */
	if (u->range[AUTOSIZE_CPU].has && u->psi_fd[AUTOSIZE_CPU] < 0)
		u->interval = life_autosize_usec(k->first);
	u->next_look = now + (hint && hint < u->interval ? hint : u->interval);
}

/* window_usec: as life_autosize_sample(). *ret_is_done: something was changed. */
static int look(struct autosize *c, struct autosize_unit *u, uint64_t window_usec,
		bool *ret_is_done, struct err *e)
{
	struct autosize_counts now;
	struct err gone = ERR_INIT;
	uint64_t hint = 0;
	int r = 0;

	*ret_is_done = false;
	if (life_autosize_look(u, &now, &gone) < 0) {
		/* Its end is in the poll; until that says so, not again and again. */
		log_debug("%s: %s", u->id, gone.text);
		plan_next(c, u, false, false, 0);
		return 0;
	}
	const struct autosize_counts before = u->counts;
	u->counts = now;
	for (int i = 0; r == 0 && i < AUTOSIZE_RES_N; i++) {
		const enum autosize_res res = (enum autosize_res)i;
		struct autosize_sample s;
		struct autosize_decision d;
		bool is_done = false;
		if (!u->range[i].has)
			continue;
		life_autosize_sample(res, &before, &now, window_usec, &s);
		r = notice(c, u, res, s.limit, e);
		u->last[i] = s;
		life_autosize_decide(c->a->policy, res, &u->range[i], &u->state[i], &s, &d);
		if (r == 0)
			r = life_autosize_act(c, u, res, &d, &is_done, e);
		*ret_is_done = *ret_is_done || is_done;
		if (d.wait_usec && (!hint || d.wait_usec < hint))
			hint = d.wait_usec;
	}
	plan_next(c, u, *ret_is_done, window_usec != 0, hint);
	return r;
}

/* ---- the wait ---- */

static int fd_of(const struct autosize_unit *u, enum autosize_wake w, uint64_t now)
{
	if (u->has_ended || u->muted_until[w] > now)
		return FD_NONE;
	switch (w) {
	case AUTOSIZE_WAKE_END:
		return u->watch.pidfd;
	case AUTOSIZE_WAKE_CGROUP:
		return u->watch.events_fd;
	case AUTOSIZE_WAKE_EVENTS:
		return u->range[AUTOSIZE_MEMORY].has ? u->watch.oom_fd : FD_NONE;
	case AUTOSIZE_WAKE_MEMORY:
		return u->psi_fd[AUTOSIZE_MEMORY];
	case AUTOSIZE_WAKE_CPU:
		return u->psi_fd[AUTOSIZE_CPU];
	case AUTOSIZE_WAKE_N:
		break;
	}
	return FD_NONE;
}

/* Milliseconds until time alone wakes us. */
static int timeout_of(const struct autosize *c, uint64_t now)
{
	uint64_t at = now + UINT64_C(3600000000);

	for (size_t i = 0; i < c->n; i++) {
		const struct autosize_unit *u = &c->units[i];
		if (u->has_ended)
			continue;
		if (u->next_look < at)
			at = u->next_look;
		for (int w = 0; w < AUTOSIZE_WAKE_N; w++)
			if (u->muted_until[w] > now && u->muted_until[w] < at)
				at = u->muted_until[w];
	}
	return at <= now ? 0 : (int)((at - now + 999) / 1000);
}

static void mute(struct autosize_unit *u, enum autosize_wake w, bool is_done)
{
	const uint64_t most = w == AUTOSIZE_WAKE_EVENTS ? MUTE_EVENTS_MOST : MUTE_MOST;
	const uint64_t now = proc_now_usec();

	/* What comes seldom is heard at once. */
	if (is_done || now - u->muted_until[w] > u->mute_usec[w] * 4)
		u->mute_usec[w] = 0;
	u->mute_usec[w] = u->mute_usec[w] ? u->mute_usec[w] * 2 : MUTE_LEAST;
	if (u->mute_usec[w] > most)
		u->mute_usec[w] = most;
	/* After a change the next one may be needed at once. */
	u->muted_until[w] = is_done ? 0 : now + u->mute_usec[w];
}

static bool has_ended(const struct autosize_unit *u)
{
	struct pollfd p = {.fd = u->watch.pidfd, .events = POLLIN};
	uint64_t populated;
	char text[256];
	ssize_t n = pread(u->watch.events_fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	const char *v = strstr(text, "populated ");

	return poll(&p, 1, 0) > 0 || !v ||
	       num_u64n(v + strlen("populated "), strcspn(v + strlen("populated "), "\n"),
			&populated) < 0 ||
	       populated == 0;
}

static int end_unit(struct autosize *c, struct autosize_unit *u, struct err *e)
{
	const struct autosize_note n = {.kind = AUTOSIZE_END, .text = "the container has ended"};

	u->has_ended = true;
	c->n_live--;
	return life_autosize_tell(c, u, &n, e);
}

/* woken: a bit for each fd that did. */
static int serve(struct autosize *c, struct autosize_unit *u, unsigned woken, struct err *e)
{
	const unsigned ends = 1u << AUTOSIZE_WAKE_END | 1u << AUTOSIZE_WAKE_CGROUP;
	const bool is_due = proc_now_usec() >= u->next_look;
	bool is_done = false;
	int r = 0;

	if (woken & ends && has_ended(u))
		return end_unit(c, u, e);
	woken &= ~ends;
	if (!woken && !is_due)
		return 0;
	r = look(c, u, woken ? life_autosize_usec(c->a->policy->check->window) : 0, &is_done, e);
	for (int w = 0; w < AUTOSIZE_WAKE_N; w++)
		if (woken & 1u << w)
			mute(u, (enum autosize_wake)w, is_done);
	return r;
}

static int signalled(struct autosize *c, struct err *e)
{
	struct signalfd_siginfo si = {0};
	char name[16], text[96];
	const struct autosize_note n = {.kind = AUTOSIZE_END, .text = text};

	if (read(c->signal_fd, &si, sizeof(si)) == (ssize_t)sizeof(si))
		num_signal_name((int)si.ssi_signo, name);
	else if (c->is_interrupted)
		str_copy(name, sizeof(name), "a signal");
	else
		return 0;
	snprintf(text, sizeof(text), "ended by %s; the limits stay as they are", name);
	c->n_live = 0;
	return life_autosize_tell(c, NULL, &n, e);
}

static int loop(struct autosize *c, struct err *e)
{
	const size_t n_fds = 1 + c->n * AUTOSIZE_WAKE_N;
	AUTO_FREE struct pollfd *p = mem_alloc(n_fds * sizeof(*p));
	int r = 0;

	while (r == 0 && c->n_live > 0) {
		if (c->is_interrupted)
			return signalled(c, e);
		const uint64_t now = proc_now_usec();

		p[0] = (struct pollfd){.fd = c->signal_fd, .events = POLLIN};
		for (size_t i = 1; i < n_fds; i++) {
			const size_t w = (i - 1) % AUTOSIZE_WAKE_N;
			p[i] = (struct pollfd){.fd = fd_of(&c->units[(i - 1) / AUTOSIZE_WAKE_N],
							   (enum autosize_wake)w, now),
					       .events = w == AUTOSIZE_WAKE_END ? POLLIN : POLLPRI};
		}
		if (poll(p, n_fds, timeout_of(c, now)) < 0) {
			if (errno == EINTR)
				continue;
			return err_sys(e, errno, "wait for pressure");
		}
		if (p[0].revents)
			return signalled(c, e);
		for (size_t i = 0; r == 0 && i < c->n; i++) {
			unsigned woken = 0;
			for (unsigned w = 0; w < AUTOSIZE_WAKE_N; w++)
				if (p[1 + i * AUTOSIZE_WAKE_N + w].revents)
					woken |= 1u << w;
			if (!c->units[i].has_ended)
				r = serve(c, &c->units[i], woken, e);
		}
	}
	return r;
}

/* ---- explain ---- */

/* One window is looked at, and told what would be done at its end. */
static int explain(struct autosize *c, struct err *e)
{
	const uint64_t window = life_autosize_usec(c->a->policy->check->window);
	const uint64_t end = proc_now_usec() + window;
	struct pollfd p = {.fd = c->signal_fd, .events = POLLIN};
	int r = 0;

	for (uint64_t now; (now = proc_now_usec()) < end;)
		if (poll(&p, 1, (int)((end - now + 999) / 1000)) > 0)
			return signalled(c, e);
	for (size_t i = 0; r == 0 && i < c->n; i++) {
		struct autosize_unit *u = &c->units[i];
		struct autosize_counts now;
		r = life_autosize_look(u, &now, e);
		for (int k = 0; r == 0 && k < AUTOSIZE_RES_N; k++) {
			struct autosize_decision d;
			struct autosize_note n = {.kind = AUTOSIZE_EXPLAIN,
						  .res = (enum autosize_res)k,
						  .s = &u->last[k],
						  .d = &d};
			if (!u->range[k].has)
				continue;
			life_autosize_sample(n.res, &u->counts, &now, 0, &u->last[k]);
			life_autosize_decide(c->a->policy, n.res, &u->range[k], &u->state[k],
					     &u->last[k], &d);
			n.from = n.to = u->last[k].limit;
			r = life_autosize_tell(c, u, &n, e);
		}
	}
	return r;
}

/* ---- the whole ---- */

/* What slows allocations down must not outlive who would raise it. */
static void leave(struct autosize *c)
{
	for (size_t i = 0; i < c->n; i++) {
		struct autosize_unit *u = &c->units[i];
		struct err why = ERR_INIT;
		uint64_t high;
		if (u->has_ended || !u->range[AUTOSIZE_MEMORY].has || has_ended(u) ||
		    u->high == u->high_before ||
		    cg_read_u64(&u->watch.cg, "memory.high", NULL, &high) < 0 || high != u->high)
			continue;
		if (life_autosize_set_high(c, u, u->high_before, &why) < 0)
			log_warn("%s: take memory.high back: %s", u->id, why.text);
	}
}

int life_autosize(const struct life_host *h, const struct life_autosize_args *a, struct err *e)
{
	struct autosize c = {.h = h, .a = a, .signal_fd = FD_NONE};
	int r = life_autosize_prepare(&c, e);

	if (r == 0)
		r = life_wait_signals(&c.signal_fd, e);
	if (r == 0 && a->is_explain) {
		r = explain(&c, e);
	} else if (r == 0) {
		r = begin(&c, e);
		if (r == 0)
			r = loop(&c, e);
		leave(&c);
	}
	autosize_done(&c);
	return r;
}
