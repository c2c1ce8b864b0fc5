/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/cli/resize: what the files of the verb resize share: the grammar of its values
 * (resize_value.c, pure), and how before and after are shown (resize_view.c).
 */
#ifndef STIVA_CLI_RESIZE_H
#define STIVA_CLI_RESIZE_H

#include <stdint.h>
#include "base/err.h"
#include "base/mem.h"
#include "runtime/life/life.h"

/* ---- resize_value.c ---- */
enum resize_unit { RESIZE_BYTES, RESIZE_CPUS, RESIZE_COUNT };
#define RESIZE_CPU UINT64_C(1000000) /* one CPU, in RESIZE_CPUS */
struct resize_ask {
	const char *option; /* without dashes */
	enum resize_unit unit;
	uint64_t now; /* what is in force; CG_UNLIMITED: no limit */
};
/*
 * A value of resize: an absolute one (768M, 1.5, 500), "max" (CG_UNLIMITED), or a change of what is
 * in force: +256M, -0.5, +25%. Story.
 */
int cmd_resize_value(const struct resize_ask *ask, const char *text, uint64_t *ret,
		     struct err *e) MUST_CHECK;
/* One --io: DEVICE:KEY=RATE[,KEY=RATE]... */
enum resize_rate { RESIZE_RBPS, RESIZE_WBPS, RESIZE_RIOPS, RESIZE_WIOPS, RESIZE_RATE_N };
struct resize_io {
	char device[256];
	bool has[RESIZE_RATE_N];
	uint64_t rate[RESIZE_RATE_N]; /* CG_UNLIMITED = max */
};
int cmd_resize_io(const char *text, struct resize_io *ret, struct err *e) MUST_CHECK;
/* The numbers of a whole disk: of "/dev/NODE" or "MAJ:MIN". A partition is refused by naming its
 * disk. sys: "/sys", or a fixture. Story. */
int cmd_resize_disk(const char *device, const char *sys, int64_t *ret_major, int64_t *ret_minor,
		    struct err *e) MUST_CHECK;

/* ---- resize_view.c ---- */
/* 1536 as "1.5K", 2^64-1 as "max"; in the arena. */
const char *cmd_resize_text(enum resize_unit unit, uint64_t v, struct arena *a);
/* The CPUs of a quota, as RESIZE_CPUS. */
uint64_t cmd_resize_cpus(const struct cg_limits *l);
/* A table of what was, is, and is used. */
void cmd_resize_table(const struct life_size *before, const struct life_size *after,
		      struct arena *a, struct buf *out);
/* A JSON object of the limits and the usage. */
void cmd_resize_json(const struct life_size *s, struct buf *out);
/* The plan of a dry run: a table, or the members of a JSON object. */
void cmd_resize_plan_table(const struct life_resize_plan *p, const struct life_size *now,
			   struct arena *a, struct buf *out);
void cmd_resize_plan_json(const struct life_resize_plan *p, const struct life_size *now,
			  struct buf *out);

#endif
