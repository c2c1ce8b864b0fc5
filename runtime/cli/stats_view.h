/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/cli/stats_view: how a snapshot of cgroups/stats.h is told: to people, to programs, and to
 * those who know runc's events. Shared by the verbs events and stats. */
#ifndef STIVA_CLI_STATS_VIEW_H
#define STIVA_CLI_STATS_VIEW_H

#include <stdint.h>
#include "base/mem.h"
#include "cgroups/cgroups.h"
#include "runtime/cli/out.h"

/* ---- stats_event.c: one line each, in runc's layout ---- */
void cmd_stats_event(const char *id, const struct cg_stats *s, struct buf *out);
void cmd_stats_oom_event(const char *id, struct buf *out);
/* Of our own: those counts that are not 0, by their names. */
void cmd_stats_limit_event(const char *id, const struct word_list *names, const uint64_t *counts,
			   struct buf *out);

/* ---- stats_view.c ---- */
/* The rates between a snapshot and the one before it. */
struct cmd_stats_rates {
	/* kept from one call to the next; zeroed: none yet */
	uint64_t at_usec, usage, periods, throttled;
	/* since the one before, in hundredths of a percent; of one CPU */
	uint64_t cpu, throttled_share;
};
/* Counts on from `r` to `s`. The first time: since the container's init began (start_ticks). */
void cmd_stats_count(struct cmd_stats_rates *r, const struct cg_stats *s, uint64_t start_ticks);
/* The columns' heads, and their cells for one container. */
#define CMD_STATS_COLS 8
void cmd_stats_head(struct cmd_table *t);
void cmd_stats_cells(struct cmd_table *t, const struct cmd_stats_rates *r,
		     const struct cg_stats *s);
/* The members of a JSON object that programs read, without its braces. */
void cmd_stats_members(const struct cmd_stats_rates *r, const struct cg_stats *s, struct buf *out);
/* 105 as 1.05, 100 as 1. */
void cmd_stats_centi(uint64_t v, struct buf *out);

#endif
