/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroups/knobs: the table of controller files, and the list of writes that a `resources` object
 * comes to. The list is data: it can be printed, tested and, for a live update, undone.
 */
#ifndef STIVA_CGROUPS_KNOBS_H
#define STIVA_CGROUPS_KNOBS_H

#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"
#include "base/mem.h"
#include "spec/spec.h"

enum knob_flag {
	/* Takes a limit away: without its controller or its file there is nothing to take away. */
	KNOB_LIFT = 1 << 0,
	/* The file may be missing (memory.swap.max without swap accounting); the controller may
	   not. */
	KNOB_FILE_OPTIONAL = 1 << 1,
	/* Only once init is inside. */
	KNOB_LATE = 1 << 2,
	/* EINVAL: it depends on the next one in the list, so it is tried once more after that. */
	KNOB_AGAIN = 1 << 3
};

/* One write(2) to one controller file. All strings live in the plan's arena or are static. */
struct knob_write {
	const char *prop; /* JSON path: "linux.resources.memory.limit" */
	const char *ctrl; /* controller: "memory" */
	const char *file; /* "memory.max" */
	const char *text;
	const char *alt_file, *alt_text; /* instead, when `file` does not exist; NULL = none */
	unsigned flags;			 /* enum knob_flag */
	const char *was; /* in a live update: what the manager's unit has; NULL: not known */
};
struct knob_plan {
	struct arena *arena;  /* borrowed */
	struct knob_write *v; /* in the arena */
	size_t n, cap;
	bool is_update; /* an empty list of CPUs or nodes then takes the limit away (V09) */
};

/* Which controllers a plan needs, and the property to blame for each. */
#define KNOB_NEEDS_MAX 16
struct knob_needs {
	struct {
		const char *ctrl, *prop;
	} v[KNOB_NEEDS_MAX];
	size_t n;
};

/*
 * Turns res (NULL: nothing) into writes, in the order of conformance.md section 2, `unified` last.
 * What cgroup v2 cannot do, and values out of range, are errors that start with the JSON path.
 * Story; makes no system call.
 */
int cg_knobs_plan(const struct spec_resources *res, struct knob_plan *p, struct err *e) MUST_CHECK;
/* The controllers without which p cannot be written. */
void cg_knobs_needs(const struct knob_plan *p, struct knob_needs *ret);
/* True when res has a write with KNOB_LATE: asked before a plan is made, so that most pay nothing.
 */
bool cg_knobs_has_late(const struct spec_resources *res);

#endif
