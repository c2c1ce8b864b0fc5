/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/life/autosize_loop: what the files of the controller share: one watched container (a
 * unit), and the controller. No file but autosize*.c includes it.
 */
#ifndef STIVA_LIFE_AUTOSIZE_LOOP_H
#define STIVA_LIFE_AUTOSIZE_LOOP_H

#include "runtime/life/internal.h"

/* What the kernel counts, read at one moment. */
struct autosize_counts {
	uint64_t at; /* us */
	struct {
		uint64_t limit, used, idle; /* idle: clean file pages that nobody used of late */
		uint64_t events, ooms, stall_usec;
		bool has_pressure;
	} memory;
	struct {
		uint64_t limit, period; /* limit in CPU time a second */
		uint64_t usage_usec, periods, throttled, throttled_usec;
	} cpu;
};

enum autosize_wake {			   /* the fds that wake us */
		     AUTOSIZE_WAKE_END,	   /* pidfd */
		     AUTOSIZE_WAKE_CGROUP, /* cgroup.events */
		     AUTOSIZE_WAKE_EVENTS, /* memory.events */
		     AUTOSIZE_WAKE_MEMORY, /* the pressure triggers */
		     AUTOSIZE_WAKE_CPU,
		     AUTOSIZE_WAKE_N
};
struct autosize_unit {
	const char *id; /* borrowed */
	struct life_watch watch;
	int psi_fd[AUTOSIZE_RES_N]; /* owned; FD_NONE = none */
	struct autosize_range range[AUTOSIZE_RES_N];
	struct autosize_state state[AUTOSIZE_RES_N];
	struct autosize_sample last[AUTOSIZE_RES_N];
	uint32_t weight;
	struct autosize_counts counts; /* of the last look */
	uint64_t high_before, high;    /* memory.high: before us, and what we wrote last */
	uint64_t next_look, interval;  /* us */
	uint64_t pressed_at[AUTOSIZE_RES_N];
	int said[AUTOSIZE_RES_N]; /* the reason told last for doing nothing; -1 = none */
	/* Of an fd whose wake-ups led to nothing: not looked at until then. */
	uint64_t muted_until[AUTOSIZE_WAKE_N], mute_usec[AUTOSIZE_WAKE_N];
	bool has_ended;
};
struct autosize {
	const struct life_host *h;
	const struct life_autosize_args *a;
	struct autosize_unit *units; /* owned */
	size_t n, n_live;
	int signal_fd;	     /* owned */
	bool is_interrupted; /* by a signal that a resize has read from under us */
};

static inline uint64_t life_autosize_usec(struct opt_u32 ms)
{
	return (uint64_t)ms.v * 1000;
}

/* ---- autosize_open.c ---- */
/* Checks the arguments and opens what is to be watched; changes nothing. */
int life_autosize_prepare(struct autosize *c, struct err *e) MUST_CHECK;
/* Arms the pressure trigger of a resource. Without one: a warning, and it is looked at by the time
 * alone. */
int life_autosize_arm(struct autosize *c, struct autosize_unit *u, enum autosize_res res,
		      struct err *e) MUST_CHECK;

/* ---- autosize_look.c ---- */
/* Reads the counts of what has a range. -ENOENT: the cgroup is gone. */
int life_autosize_look(const struct autosize_unit *u, struct autosize_counts *ret,
		       struct err *e) MUST_CHECK;
/* What happened between two looks. window_usec: a trigger says that it happened in the last so many
 * microseconds; 0 = over the whole time. Pure. */
void life_autosize_sample(enum autosize_res res, const struct autosize_counts *before,
			  const struct autosize_counts *now, uint64_t window_usec,
			  struct autosize_sample *ret);

/* ---- autosize_act.c ---- */
/* Does what was decided for this unit, as far as the budget goes. Story; only what ends the
 * controller is an error. *ret_is_done: a limit was changed. */
int life_autosize_act(struct autosize *c, struct autosize_unit *u, enum autosize_res res,
		      const struct autosize_decision *d, bool *ret_is_done,
		      struct err *e) MUST_CHECK;
/* Brings all into their ranges and the budget: shrinks first. */
int life_autosize_enter(struct autosize *c, enum autosize_res res, struct err *e) MUST_CHECK;
/* Writes memory.high where it belongs below the present limit; AUTOSIZE_NONE = as it was. */
int life_autosize_set_high(const struct autosize *c, struct autosize_unit *u, uint64_t to,
			   struct err *e) MUST_CHECK;
/* Tells one thing about a unit. */
int life_autosize_tell(struct autosize *c, const struct autosize_unit *u,
		       const struct autosize_note *n, struct err *e) MUST_CHECK;

#endif
