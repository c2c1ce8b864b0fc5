/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/step: runs a list of do/undo rows, undoes them when one fails, stamps the time of each and
 * is the place where test builds inject faults. It must not know what a row does.
 * Called by runtime/life, runtime/init, runtime/rootfs and checkpoint.
 */
#include "base/step.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/log.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/ban.h"

#define STEP_MAX 128

enum fault { FAULT_NONE, FAULT_FAIL, FAULT_KILL, FAULT_FAIL_AFTER, FAULT_KILL_AFTER };

#ifdef STIVA_FAULTS
/* "LIST.ROW:what" in the environment names this row? `infix` is "" or "undo.". */
static enum fault fault_of(const char *list, const char *infix, const char *row)
{
	static const char *const whats[] = {"", "fail", "kill", "fail-after", "kill-after"};
	const char *s = getenv("STIVA_FAULT");

	s = s ? str_after(s, list) : NULL;
	s = s ? str_after(s, ".") : NULL;
	s = s ? str_after(s, infix) : NULL;
	s = s ? str_after(s, row) : NULL;
	s = s ? str_after(s, ":") : NULL;
	for (int i = FAULT_FAIL; s && i <= FAULT_KILL_AFTER; i++) {
		if (!str_eq(s, whats[i]))
			continue;
		/* The test must see that the point was reached. */
		dprintf(STDERR_FILENO, "fault fired: %s.%s%s:%s\n", list, infix, row, s);
		return (enum fault)i;
	}
	return FAULT_NONE;
}
#else
static inline enum fault fault_of(const char *list, const char *infix, const char *row)
{
	(void)list;
	(void)infix;
	(void)row;
	return FAULT_NONE;
}
#endif

static void die_if(enum fault f, enum fault wanted)
{
	if (f == wanted)
		kill(getpid(), SIGKILL);
}

static int run_row(const struct step_list *l, const struct step *row, void *ctx, struct err *e)
{
	enum fault f = fault_of(l->name, "", row->name);
	int r;

	die_if(f, FAULT_KILL);
	if (f == FAULT_FAIL)
		return err_set(e, ERR_BUG, EIO, "injected fault before %s.%s", l->name, row->name);
	r = row->run(ctx, e);
	if (r >= 0)
		r = log_strict_check(e);
	if (r < 0 && e->code == 0)
		r = err_set(e, ERR_BUG, -r, "step %s.%s failed without a reason", l->name,
			    row->name);
	if (r < 0) {
		/* The innermost list says it: a child's step before ours that waits for it. */
		if (!e->stage[0])
			snprintf(e->stage, sizeof(e->stage), "%s.%s", l->name, row->name);
		return -e->code;
	}
	die_if(f, FAULT_KILL_AFTER);
	if (f == FAULT_FAIL_AFTER)
		return err_set(e, ERR_BUG, EIO, "injected fault after %s.%s", l->name, row->name);
	return 0;
}

static int timed_row(const struct step_list *l, const struct step *row, void *ctx, struct err *e)
{
	uint64_t start = proc_now_usec();
	int r = run_row(l, row, ctx, e);

	log_step_time(l->name, row->name, proc_now_usec() - start);
	return r;
}

static void undo_row(const struct step_list *l, const struct step *row, void *ctx)
{
	if (!row->undo)
		return;
	die_if(fault_of(l->name, "undo.", row->name), FAULT_KILL);
	row->undo(ctx);
}

int step_run(const struct step_list *l, void *ctx, struct err *e)
{
	bool ran[STEP_MAX];
	/* Two clock reads a row are paid only when somebody looks at them. */
	bool timed = log_get_level() >= LOG_LEVEL_DEBUG || getenv("STIVA_TIMING");
	/* A warning of what came before: nothing is to undo yet. */
	int r = log_strict_check(e);

	if (r < 0)
		return r;
	if (l->n > STEP_MAX)
		return err_set(e, ERR_BUG, E2BIG, "step list %s has more than %d rows", l->name,
			       STEP_MAX);
	for (size_t i = 0; i < l->n && r == 0; i++) {
		const struct step *row = &l->rows[i];

		ran[i] = !row->when || row->when(ctx);
		if (ran[i])
			r = timed ? timed_row(l, row, ctx, e) : run_row(l, row, ctx, e);
		for (size_t k = i + 1; r < 0 && k-- > 0;) {
			if (ran[k])
				undo_row(l, &l->rows[k], ctx);
		}
	}
	return r;
}

void step_undo_all(const struct step_list *l, void *ctx)
{
	for (size_t i = l->n; i-- > 0;)
		undo_row(l, &l->rows[i], ctx);
}
