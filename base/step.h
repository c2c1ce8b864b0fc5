/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/step: runs a list of {name, when, do, undo} rows. A row that fails makes the runner undo
 * the rows done so far, last first; the first error is kept. Every row is a fault point: in a test
 * build (-DSTIVA_FAULTS) the environment variable
 *     STIVA_FAULT=<list>.<row>:fail | <list>.<row>:kill | <list>.<row>:fail-after | ...:kill-after
 * fails or SIGKILLs the process before (or after) that row's do; `<list>.undo.<row>:kill` before
 * its undo. Each row's time goes to log_step_time().
 */
#ifndef STIVA_BASE_STEP_H
#define STIVA_BASE_STEP_H

#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"

struct step {
	const char *name;
	bool (*when)(const void *ctx); /* NULL = always */
	int (*run)(void *ctx, struct err *e);
	void (*undo)(void *ctx); /* NULL = nothing to undo; must tolerate a half-done run */
};

struct step_list {
	const char *name;
	const struct step *rows;
	size_t n;
};

/* Runs all rows. On failure undoes the failed row too (it may be half done) and those before it. */
int step_run(const struct step_list *l, void *ctx, struct err *e) MUST_CHECK;
/* Runs every undo, last row first, ignoring `when`: for delete, from the state on disk. */
void step_undo_all(const struct step_list *l, void *ctx);

#endif
