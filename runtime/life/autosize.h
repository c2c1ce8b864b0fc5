/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/life/autosize: the controller that resizes containers as they need it. Part of the room's
 * public face (life.h includes it).
 *
 * Two resources, each a number: memory in bytes (memory.max), CPU in microseconds of CPU time a
 * second (1,000,000 = one CPU; cpu.max). Both go through the same rules with numbers of their own:
 * grow at once and by much when the container is pressed, shrink late and by little when it is
 * calm, and the later the more often that was wrong.
 */
#ifndef STIVA_LIFE_AUTOSIZE_H
#define STIVA_LIFE_AUTOSIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"

struct life_host;

enum autosize_res { AUTOSIZE_MEMORY, AUTOSIZE_CPU, AUTOSIZE_RES_N };
#define AUTOSIZE_NONE	 UINT64_MAX /* no limit */
#define AUTOSIZE_ONE_CPU UINT64_C(1000000)
extern const struct word_list life_autosize_words_res; /* memory, cpu */

/* ---- the policy: every number that decides ---- */
/* In percent, or milliseconds. All are there once life_autosize_policy_settle() was called. */
struct autosize_rules {
	struct opt_u32 pressure;   /* from here on the container is pressed */
	struct opt_u32 quiet;	   /* up to here it is calm; between the two nothing is done */
	struct opt_u32 grow;	   /* a limit grows by at least so much */
	struct opt_u32 headroom;   /* what a limit has above the need */
	struct opt_u32 shrink;	   /* a limit shrinks by at most so much at a time */
	struct opt_u32 min_change; /* what would shrink it by less is not done */
	struct opt_u32 guard;	   /* memory: where memory.high is below memory.max; 0 = nowhere */
	struct opt_u32 cooldown;   /* ms between two growths */
	struct opt_u32 calm;	   /* ms of calm before the first shrink */
	struct opt_u32 calm_max;   /* ms: what the former may double to */
	struct opt_u32 step;	   /* ms between two shrinks */
	struct opt_u32 regret; /* ms: pressure so soon after a shrink, and twice its calm, says it
				  was wrong */
};
struct autosize_check {
	struct opt_u32 window;	 /* ms of the pressure triggers */
	struct opt_u32 first;	 /* ms: looks at a container that nothing woke us for, */
	struct opt_u32 most;	 /* doubling up to this */
	struct opt_u32 deadline; /* ms that taking memory back may last */
};
struct autosize_own { /* of one container */
	char *id;
	struct opt_u32 weight;
	char *memory, *cpus; /* ranges; NULL = those of the options */
};
OBJ_VEC(autosize_own);
struct autosize_policy {
	struct autosize_rules *memory, *cpu;
	struct autosize_check *check;
	char *budget;
	struct autosize_own_vec containers;
};
extern const struct json_table life_autosize_table; /* of a policy file */

#define AUTOSIZE_WEIGHT_DEFAULT 100
#define AUTOSIZE_WEIGHT_MAX	10000

/* Reads a policy file (NULL: none) and puts the defaults where it says nothing. */
int life_autosize_policy_load(const char *file, struct arena *a, struct autosize_policy *ret,
			      struct err *e) MUST_CHECK;
/* The same of a text; name is the file's in errors. */
int life_autosize_policy_parse(const char *text, size_t len, const char *name, struct arena *a,
			       struct autosize_policy *ret, struct err *e) MUST_CHECK;

struct autosize_range {
	bool has;
	uint64_t min, max;
};
/* "128M..2G", "0.25..4". what: "option '--memory'". */
int life_autosize_range(enum autosize_res res, const char *text, const char *what,
			struct autosize_range *ret, struct err *e) MUST_CHECK;
/* "memory=4G,cpus=3"; what is not named is AUTOSIZE_NONE. */
int life_autosize_budget(const char *text, const char *what, uint64_t ret[AUTOSIZE_RES_N],
			 struct err *e) MUST_CHECK;
/* "128.0M", "0.25" into buf. Return: buf. */
#define AUTOSIZE_TEXT_MAX 32
char *life_autosize_amount(enum autosize_res res, uint64_t v, char buf[AUTOSIZE_TEXT_MAX]);

/* ---- one look at one resource ---- */
struct autosize_sample {
	uint64_t now; /* us, monotonic */
	uint64_t limit;
	uint64_t used;
	uint64_t need;	   /* of it: what cannot be taken back at no cost */
	uint32_t pressure; /* hundredths of a percent of the time */
	uint64_t events;   /* since the last look: memory.events high and max; throttled periods */
	uint64_t periods;  /* cpu: of how many */
	uint64_t ooms;	   /* memory.events oom, oom_kill */
	bool has_pressure;
};
/* What is remembered of a resource of a container. */
struct autosize_state {
	uint64_t calm_since;	      /* us */
	uint64_t calm_usec;	      /* how long calm has to last now; 0 = as the rules say */
	uint64_t grown_at, shrunk_at; /* 0 = never */
	bool has_regretted;	      /* this shrink */
	uint64_t wrong_at;	      /* when the last shrink turned out wrong */
	/* The largest need in this stretch of calm_usec, and in the one before. */
	uint64_t peak, peak_before, peak_since;
	uint64_t floor; /* of the last shrink that was refused; 0 = none */
};
enum autosize_verdict { AUTOSIZE_STAY, AUTOSIZE_GROW, AUTOSIZE_SHRINK };
enum autosize_why {
	AUTOSIZE_WHY_FITS,     /* nothing to gain */
	AUTOSIZE_WHY_ENTER,    /* it was outside of its range */
	AUTOSIZE_WHY_OOM,      /* the limit cost a process its life */
	AUTOSIZE_WHY_EVENTS,   /* it is at its limit */
	AUTOSIZE_WHY_PRESSURE, /* its tasks wait */
	AUTOSIZE_WHY_COOLDOWN, /* it has just grown */
	AUTOSIZE_WHY_TOP,      /* the range ends here */
	AUTOSIZE_WHY_UNQUIET,  /* between pressed and calm */
	AUTOSIZE_WHY_CALM,     /* calm, but not for long enough */
	AUTOSIZE_WHY_SHRINK,   /* calm for long enough */
	AUTOSIZE_WHY_BUDGET,   /* others have what it would need; or: they get what it had */
	AUTOSIZE_WHY_N
};
extern const struct word_list life_autosize_words_why;
struct autosize_decision {
	enum autosize_verdict verdict;
	enum autosize_why why;
	bool is_pressed;
	uint64_t to;	    /* the new limit; with STAY the present one */
	uint64_t goal;	    /* what it would have with its present need */
	uint64_t wait_usec; /* when time alone may change it; 0 = it will not */
};

/* ---- autosize_policy.c: pure ---- */
void life_autosize_decide(const struct autosize_policy *p, enum autosize_res res,
			  const struct autosize_range *range, struct autosize_state *st,
			  const struct autosize_sample *s, struct autosize_decision *ret);
/* After the limit was changed: what the kernel took. */
void life_autosize_changed(struct autosize_state *st, const struct autosize_sample *s, uint64_t to,
			   uint64_t now);
/* After a shrink was refused: this much is needed (0: not known). */
void life_autosize_refused(const struct autosize_policy *p, enum autosize_res res,
			   struct autosize_state *st, uint64_t floor, uint64_t now);
/* The largest need that is remembered. */
uint64_t life_autosize_peak(const struct autosize_state *st);
/* The limit with which `need` has its headroom, in the range. */
uint64_t life_autosize_goal(const struct autosize_policy *p, enum autosize_res res,
			    const struct autosize_range *range, uint64_t need);
/* Where memory.high belongs below this limit; AUTOSIZE_NONE = nowhere. */
uint64_t life_autosize_barrier(const struct autosize_policy *p, const struct autosize_range *range,
			       uint64_t limit);
/* The rules of a resource. */
const struct autosize_rules *life_autosize_rules(const struct autosize_policy *p,
						 enum autosize_res res);

/* One that shares a budget. */
struct autosize_claim {
	uint64_t min, wish; /* min <= wish */
	uint32_t weight;
	uint64_t grant; /* out: min..wish */
};
/* Shares a budget: all wishes where they fit, else by weight (water filling), nobody below his min.
 * The grants are never more than the budget. False when the minimums are. */
bool life_autosize_share(uint64_t budget, struct autosize_claim *v, size_t n);
/* Whether one at the limit `giver` gives `give`, so that one at `getter` gains `gain` in all:
 * minChange, of either. What is little for a large one may be half of a small one's. */
bool life_autosize_is_worth(const struct autosize_rules *r, uint64_t giver, uint64_t give,
			    uint64_t getter, uint64_t gain);

/* ---- autosize.c: the controller ---- */
struct autosize_note {
	enum autosize_note_kind {
		AUTOSIZE_BEGIN,	  /* id is watched; limit is what it has */
		AUTOSIZE_RESIZE,  /* from -> to */
		AUTOSIZE_REFUSED, /* a shrink did not go; floor */
		AUTOSIZE_FAILED,  /* text */
		AUTOSIZE_STAYS,	  /* pressed, but nothing can be done; why */
		AUTOSIZE_BY_HAND, /* somebody else changed it */
		AUTOSIZE_END,	  /* the container ended, or (id NULL) we do; text */
		AUTOSIZE_WARN,	  /* text */
		AUTOSIZE_EXPLAIN, /* what would be done now */
		AUTOSIZE_NOTE_N
	} kind;
	const char *id;
	enum autosize_res res;
	const struct autosize_range *range;
	uint64_t from, to;
	const struct autosize_sample *s;   /* NULL: none was taken */
	const struct autosize_decision *d; /* NULL */
	const struct autosize_state *st;
	uint64_t floor, took_usec;
	const char *text, *for_id; /* for_id: who gets it */
};
extern const struct word_list life_autosize_words_note;
struct life_autosize_args {
	char *const *ids;
	size_t n_ids;
	const struct autosize_policy *policy;
	struct autosize_range range[AUTOSIZE_RES_N]; /* of the options */
	uint64_t budget[AUTOSIZE_RES_N];	     /* AUTOSIZE_NONE = none */
	const uint32_t *weights;		     /* of the options, an id each; 0 = not given */
	bool is_explain;
	/* Called for each thing worth a line. Story. */
	int (*tell)(void *arg, const struct autosize_note *n, struct err *e);
	void *arg;
};
/* Until all containers have ended, or a signal asks for it. */
int life_autosize(const struct life_host *h, const struct life_autosize_args *a,
		  struct err *e) MUST_CHECK;

#endif
