// SPDX-License-Identifier: Apache-2.0
/*
 * cgroups/shrink: takes memory back from a living cgroup, as a balloon does from a virtual machine,
 * so that a limit can be lowered without an OOM kill. Owns memory.high while it works, the rounds
 * of memory.reclaim (kernel 5.19), and the reasons why memory cannot be taken. It must not know a
 * container, nor write memory.max (update.c does). Called by runtime/life/resize.c.
 *
 * The ladder: memory.high follows the usage down, so that what was taken stays taken: who grows
 * meanwhile is slowed down and reclaimed from (memory.high never kills). Then it stands slightly
 * below the target until memory.max is written, which so is never lower than the usage.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "base/log.h"
#include "base/num.h"
#include "base/proc.h"
#include "base/str.h"
#include "cgroups/internal.h"
#include "base/ban.h"

#define KIB		 UINT64_C(1024)
#define MIB		 (1024 * KIB)
#define PAGE_BYTES	 UINT64_C(4096)
#define DEADLINE_MS	 30000
#define CHUNK_MIN	 (1 * MIB) /* of one round: signals and the deadline wait for its end */
#define CHUNK_FIRST	 (8 * MIB)
#define CHUNK_MAX	 (256 * MIB)
#define ROUND_SHORT_USEC 50000
#define ROUND_LONG_USEC	 200000
#define PAUSE_MIN_MS	 10 /* between rounds that brought nothing */
#define PAUSE_MAX_MS	 200
#define STUCK_MS	 2000 /* without a new lowest usage: it will not come */
#define STUCK_ROUNDS	 6
#define SETTLE_MS	 250 /* is the rest enough to work with? One window of several */
#define SETTLE_WINDOWS	 12
/* Thrashing: all tasks wait for memory for so much of the time, or so much of what they have comes
 * back from swap in a second (a cyclic use is hardly counted as waiting, where swap is fast). */
#define STALL_PERCENT	 50
#define TURNOVER_PERCENT 40
#define REFAULTS_FEW	 256
#define PROGRESS_MIN	 (64 * KIB)

struct shrink {
	const struct cg *c;
	struct cg_shrink *s;
	int events_fd; /* owned */
	bool has_reclaim;
	uint64_t goal;	  /* the target, less what has to come back from swap */
	uint64_t want;	  /* the usage that is worked towards, slightly below the goal */
	uint64_t surplus; /* in swap, above the new limit of swap */
	uint64_t usage;	  /* now */
	uint64_t chunk;
	uint64_t end_usec;
	uint64_t low_usec; /* when the usage was lowest */
	uint64_t calm;	   /* the lowest usage at which the tasks did not wait for memory */
	unsigned n_stuck;  /* rounds since then */
	unsigned n_windows;
	bool is_thrashing;
};
static void shrink_done(struct shrink *b)
{
	auto_fd_done(&b->events_fd);
}

/* So much below a limit memory.high is held: tasks may run over it by their batches. */
static uint64_t margin_of(uint64_t limit)
{
	uint64_t m = limit / 64;

	return m < 256 * KIB ? 256 * KIB : m > 16 * MIB ? 16 * MIB : m;
}

uint64_t cg_shrink_high(uint64_t target)
{
	uint64_t margin = margin_of(target);

	return target > margin ? target - margin : 0;
}

static uint64_t round_up_mib(uint64_t v)
{
	return (v + MIB - 1) / MIB * MIB;
}

/* "153M", or "812K". */
static const char *size_text(uint64_t v, char ret[32])
{
	if (v < 10 * MIB)
		snprintf(ret, 32, "%" PRIu64 "K", (v + KIB - 1) / KIB);
	else
		snprintf(ret, 32, "%" PRIu64 "M", (v + MIB - 1) / MIB);
	return ret;
}

/* ---- the two files that are changed ---- */

static int write_number(const struct cg *c, const char *file, uint64_t v)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64, v);
	return file_write_kernel(c->dir_fd, file, text);
}

static uint64_t rest_of(const struct cg_shrink *s)
{
	uint64_t v;

	return num_u64(s->rest, &v) < 0 ? CG_UNLIMITED : v;
}

/* What the user set himself is not raised. */
static int hold(const struct shrink *b, uint64_t high)
{
	uint64_t rest = rest_of(b->s);

	return write_number(b->c, "memory.high", high < rest ? high : rest);
}

/* A manager that keeps limits of its own has the cgroup above, which must be as wide. */
static int set_swap(const struct cg *c, const char *text, struct err *e)
{
	struct strpair pair = {(char *)"memory.swap.max", (char *)text};
	const struct spec_resources res = {.unified = {&pair, 1}};
	int r = cg_set(c, &res, CG_AFTER, e);

	if (r < 0)
		return r;
	r = file_write_kernel(c->dir_fd, "memory.swap.max", text);
	return r < 0 ? err_sys(e, r, "write \"%s\" to memory.swap.max of cgroup \"%s\"", text,
			       c->path)
		     : 0;
}

void cg_shrink_done(const struct cg *c, struct cg_shrink *s)
{
	int r = s->is_held ? file_write_kernel(c->dir_fd, "memory.high", s->rest) : 0;

	s->is_held = false;
	if (r < 0 && r != -ENOENT && r != -ENODEV)
		log_warn("put \"%s\" back into memory.high of cgroup \"%s\": %s", s->rest, c->path,
			 err_words(r));
}

void cg_shrink_undo(const struct cg *c, struct cg_shrink *s)
{
	struct err e = ERR_INIT;

	if (s->swap && !s->is_swap_late && s->old_swap[0] && set_swap(c, s->old_swap, &e) < 0 &&
	    e.code != ENOENT && e.code != ENODEV)
		log_warn("put the old swap limit back: %s", e.text);
	s->swap = NULL;
	cg_shrink_done(c, s);
}

/* ---- looking ---- */

static int gone(struct err *e)
{
	return err_set(e, ERR_STATE, ESRCH, "the container ended while memory was taken back");
}

/* What is in swap above the new limit of swap can only come back, so room is left for it. */
static void set_goal(struct shrink *b)
{
	uint64_t limit, now;

	b->surplus = 0;
	if (b->s->swap && num_u64(b->s->swap, &limit) == 0 &&
	    cg_read_u64(b->c, "memory.swap.current", NULL, &now) == 0 && now > limit)
		b->surplus = now - limit;
	b->goal = b->s->target > b->surplus ? b->s->target - b->surplus : 0;
	b->want = cg_shrink_high(b->goal);
}

static int look(struct shrink *b, struct err *e)
{
	uint64_t populated = 1;
	int r = cg_read_u64(b->c, "memory.current", NULL, &b->usage);

	if (r == -ENODEV ||
	    cg_read_u64(b->c, "cgroup.events", "populated", &populated) == -ENODEV ||
	    populated == 0)
		return gone(e);
	if (r < 0)
		return err_sys(e, r, "read memory.current of cgroup \"%s\"", b->c->path);
	set_goal(b);
	b->n_stuck++;
	if (b->usage + PROGRESS_MIN <= b->s->lowest) {
		b->low_usec = proc_now_usec();
		b->n_stuck = 0;
	}
	if (b->usage < b->s->lowest)
		b->s->lowest = b->usage;
	return 0;
}

/* Microseconds in which all tasks at once waited; 0 where nobody counts them. */
static uint64_t stall_usec(const struct cg *c, const char *file)
{
	char text[512];
	uint64_t v = 0;

	if (file_read_kernel(c->dir_fd, file, text, sizeof(text)) <= 0)
		return 0;
	const char *s = strstr(text, "full ");
	s = s ? strstr(s, "total=") : NULL;
	if (!s || num_u64n(s + 6, strcspn(s + 6, " \n"), &v) < 0)
		return 0;
	return v;
}

struct sample {
	uint64_t at_usec, memory, io; /* stalls */
	uint64_t refaults;	      /* pages that came back from swap */
};

static struct sample take_sample(const struct shrink *b)
{
	struct sample s = {.at_usec = proc_now_usec(),
			   .memory = stall_usec(b->c, "memory.pressure"),
			   .io = stall_usec(b->c, "io.pressure")};

	if (cg_read_u64(b->c, "memory.stat", "workingset_refault_anon", &s.refaults) < 0)
		s.refaults = 0;
	return s;
}

/* Since then. */
static bool is_thrash(const struct shrink *b, const struct sample *then)
{
	const struct sample now = take_sample(b);
	const uint64_t usec = now.at_usec - then->at_usec;
	const uint64_t refaults = now.refaults - then->refaults;
	/* The wait for a page of swap is one for a disk. */
	const uint64_t stall =
		now.memory - then->memory + (refaults > REFAULTS_FEW ? now.io - then->io : 0);
	const uint64_t much = b->usage / 1000 * (usec / 1000) / 100 * TURNOVER_PERCENT;

	if (usec == 0)
		return false;
	return stall * 100 >= usec * STALL_PERCENT ||
	       (refaults > REFAULTS_FEW && refaults * PAGE_BYTES >= much);
}

static int64_t left_ms(const struct shrink *b)
{
	uint64_t now = proc_now_usec();

	return now >= b->end_usec ? 0 : (int64_t)((b->end_usec - now) / 1000);
}

static void tell(const struct shrink *b)
{
	struct cg_shrink_step step = {
		.usage = b->usage, .target = b->s->target, .left_ms = left_ms(b)};

	if (!b->s->progress)
		return;
	if (cg_read_u64(b->c, "memory.swap.current", NULL, &step.swap) < 0)
		step.swap = 0;
	b->s->progress(b->s->arg, &step);
}

/* Until the time is over, or the container's end, or somebody who wants us to stop. */
static int wait_ms(const struct shrink *b, int ms, struct err *e)
{
	uint64_t until = proc_now_usec() + (uint64_t)ms * 1000;

	for (;;) {
		uint64_t now = proc_now_usec(), populated;
		struct pollfd p[] = {{.fd = b->s->abort_fd, .events = POLLIN},
				     {.fd = b->events_fd, .events = POLLPRI}};
		int left = now < until ? (int)((until - now + 999) / 1000) : 0;
		int n = poll(p, 2, left);

		if (n < 0 && errno != EINTR)
			return err_sys(e, errno, "wait for cgroup \"%s\"", b->c->path);
		if (n > 0 && p[0].revents)
			return err_set(e, ERR_STATE, EINTR, "interrupted");
		/* Reading it is what makes the next event one. */
		if (n > 0 && p[1].revents &&
		    (cg_read_u64(b->c, "cgroup.events", "populated", &populated) < 0 ||
		     populated == 0))
			return gone(e);
		if (n > 0 && p[1].revents) {
			char text[256];
			(void)!pread(b->events_fd, text, sizeof(text), 0);
		}
		if (left == 0)
			return 0;
	}
}

/* ---- rounds ---- */

static int refused(const struct shrink *b, const char *file, int r, struct err *e)
{
	if (r == -ENODEV || r == -ENOENT)
		return gone(e);
	return err_sys(e, r, "write to %s of cgroup \"%s\"", file, b->c->path);
}

/* One bite, and the time that it took decides about the size of the next. */
static int round_of(struct shrink *b, struct err *e)
{
	const struct sample then = take_sample(b);
	uint64_t more = b->usage > b->want ? b->usage - b->want : 0;
	uint64_t bite = more < b->chunk ? more : b->chunk;
	/* Without memory.reclaim the kernel takes what is above memory.high, at its write. */
	int r = hold(b, b->has_reclaim ? b->want + more : b->want + more - bite);

	if (r < 0)
		return refused(b, "memory.high", r, e);
	r = b->has_reclaim ? write_number(b->c, "memory.reclaim", bite) : 0;
	if (r == -ENOENT)
		b->has_reclaim = false;
	else if (r < 0 && r != -EAGAIN && r != -EINTR && r != -EBUSY)
		return refused(b, "memory.reclaim", r, e);
	const uint64_t took = proc_now_usec() - then.at_usec;

	if (took < ROUND_SHORT_USEC && b->chunk < CHUNK_MAX)
		b->chunk *= 2;
	else if (took > ROUND_LONG_USEC && b->chunk > CHUNK_MIN)
		b->chunk /= 2;
	r = look(b, e);
	if (r == 0 && !is_thrash(b, &then) && b->usage < b->calm)
		b->calm = b->usage;
	return r;
}

/* The target is reached: memory.high stands there. Can the tasks work with what is left, or do they
 * only wait for their own pages? Return: 1 = they can. */
static int settle(struct shrink *b, struct err *e)
{
	int r = hold(b, b->want);

	if (r < 0)
		return refused(b, "memory.high", r, e);
	const struct sample then = take_sample(b);

	/* Nothing was taken, so nothing is missed. */
	if (b->s->before > b->want) {
		r = wait_ms(b, SETTLE_MS, e);
		if (r < 0)
			return r;
	}
	b->is_thrashing = b->s->before > b->want && is_thrash(b, &then);
	b->n_windows++;
	r = look(b, e);
	if (r < 0)
		return r;
	if (!b->is_thrashing && b->usage < b->calm)
		b->calm = b->usage;
	return !b->is_thrashing && b->usage <= b->goal;
}

static bool is_stuck(const struct shrink *b)
{
	struct cg_parts p;

	if (b->n_stuck < STUCK_ROUNDS || proc_now_usec() - b->low_usec < STUCK_MS * 1000)
		return false;
	/* A slow disk is no reason to give up before the deadline. */
	cg_limits_parts(b->c, &p);
	return p.writes < 4 * MIB;
}

/* Return: 1 = the target is reached and held, 0 = it cannot be. */
static int take_back(struct shrink *b, struct err *e)
{
	int pause = PAUSE_MIN_MS;

	for (;;) {
		uint64_t lowest = b->s->lowest;
		int r = b->usage > b->want ? round_of(b, e) : 0;

		tell(b);
		/* What is below the target, but not by the margin, is enough when no more comes. */
		if (r == 0 &&
		    (b->usage <= b->want || (b->usage <= b->goal && b->n_stuck >= STUCK_ROUNDS)))
			r = settle(b, e);
		if (r != 0)
			return r;
		if (b->n_windows >= SETTLE_WINDOWS || left_ms(b) == 0 || is_stuck(b))
			return 0;
		bool is_lower = b->s->lowest < lowest;

		pause = is_lower ? PAUSE_MIN_MS : pause < PAUSE_MAX_MS ? pause * 2 : PAUSE_MAX_MS;
		r = wait_ms(b, is_lower ? 0 : pause, e);
		if (r == 0)
			r = look(b, e);
		if (r < 0)
			return r;
	}
}

/* ---- why it does not fit ---- */

static void add_reason(struct buf *out, const char *text)
{
	buf_printf(out, "%s%s", out->len ? ", " : "", text);
}

static void add_anon(const struct shrink *b, const struct cg_parts *p, struct buf *out)
{
	char text[32], part[160];
	uint64_t max = CG_UNLIMITED;
	struct cg_host host;
	const char *why = "swap is full";

	cg_limits_host(&host);
	if (host.swap == 0)
		why = "the host has no swap";
	else if (cg_read_u64(b->c, "memory.swap.max", NULL, &max) == 0 && max == 0)
		why = "its swap limit is 0";
	else if (max != CG_UNLIMITED && host.swap_free > MIB)
		why = "its swap is full";
	snprintf(part, sizeof(part), "%s is anonymous or tmpfs, and %s", size_text(p->anon, text),
		 why);
	add_reason(out, part);
}

static int does_not_fit(struct shrink *b, struct err *e)
{
	char used[32], low[32], target[32], fits[32], part[64];
	AUTO(buf) why = {0};
	struct cg_parts p;
	uint64_t floor = b->is_thrashing && b->calm > b->s->lowest ? b->calm : b->s->lowest;
	uint64_t max;

	/* Shortly above the lowest usage that was seen: the same margin again. */
	b->s->floor = round_up_mib(floor + floor / 32 + 256 * KIB + b->surplus);
	if (cg_read_u64(b->c, "memory.max", NULL, &max) == 0 && max < b->s->floor)
		b->s->floor = max;
	cg_limits_parts(b->c, &p);
	if (p.anon > MIB && p.swap_left < MIB)
		add_anon(b, &p, &why);
	if (b->surplus) {
		snprintf(part, sizeof(part), "%s of swap has to come back",
			 size_text(b->surplus, used));
		add_reason(&why, part);
	}
	if (p.locked > MIB) {
		snprintf(part, sizeof(part), "%s is locked", size_text(p.locked, used));
		add_reason(&why, part);
	}
	if (p.writes > MIB) {
		snprintf(part, sizeof(part), "%s waits to be written to disk",
			 size_text(p.writes, used));
		add_reason(&why, part);
	}
	if (!why.len && left_ms(b) == 0)
		add_reason(&why, "the time was over");
	if (b->is_thrashing)
		return err_set(e, ERR_STATE, EBUSY,
			       "%s of memory is too little for it: with so little all its tasks "
			       "only wait for their own memory; it can go down to about %s",
			       size_text(b->s->target, target), size_text(b->s->floor, fits));
	if (b->s->before - b->s->lowest < MIB)
		return err_set(e, ERR_STATE, EBUSY,
			       "%s of memory is too little for it: its usage of %s does not go "
			       "down%s%s%s; it can go down to %s",
			       size_text(b->s->target, target), size_text(b->s->before, used),
			       why.len ? " (" : "", why.len ? why.data : "", why.len ? ")" : "",
			       size_text(b->s->floor, fits));
	return err_set(e, ERR_STATE, EBUSY,
		       "%s of memory is too little for it: its usage went from %s to %s and no "
		       "further%s%s%s; it can go down to %s",
		       size_text(b->s->target, target), size_text(b->s->before, used),
		       size_text(b->s->lowest, low), why.len ? " (" : "", why.len ? why.data : "",
		       why.len ? ")" : "", size_text(b->s->floor, fits));
}

/* ---- begin and end ---- */

/* Everything that is to be put back is read before anything is changed. */
static int begin(struct shrink *b, struct err *e)
{
	struct cg_shrink *s = b->s;
	const struct cg *c = b->c;
	char text[64];
	int r = look(b, e);

	if (r == 0 && file_read_kernel(c->dir_fd, "memory.high", text, sizeof(text)) <= 0)
		r = err_set(e, ERR_MISSING, ENOENT, "cgroup \"%s\" has no memory.high", c->path);
	if (r < 0)
		return r;
	text[strcspn(text, "\n")] = '\0';
	if (!s->rest[0])
		str_copy(s->rest, sizeof(s->rest), text);
	s->before = s->lowest = b->calm = b->usage;
	b->has_reclaim = faccessat(c->dir_fd, "memory.reclaim", F_OK, 0) == 0;
	b->events_fd = openat(c->dir_fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
	return s->swap && !s->is_swap_late ? set_swap(c, s->swap, e) : 0;
}

int cg_shrink(const struct cg *c, struct cg_shrink *s, struct err *e)
{
	__attribute__((cleanup(shrink_done))) struct shrink b = {
		.c = c, .s = s, .events_fd = FD_NONE, .chunk = CHUNK_FIRST};

	s->floor = s->before = s->lowest = 0;
	s->is_held = false;
	b.low_usec = proc_now_usec();
	b.end_usec =
		b.low_usec + (uint64_t)(s->deadline_ms > 0 ? s->deadline_ms : DEADLINE_MS) * 1000;
	int r = begin(&b, e);

	s->is_held = r == 0;
	set_goal(&b);
	if (r == 0 && b.goal > 0)
		r = take_back(&b, e);
	if (r > 0)
		return 0;
	if (r == 0)
		r = does_not_fit(&b, e);
	cg_shrink_undo(c, s);
	return r;
}
