/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/mig_report: what a migration tells the person or the program that asked for it: a line
 * for each event, and at the end the report (migration.md 15), as text or as JSON lines. It decides
 * nothing. Called by mig_source.c.
 */
#ifndef STIVA_CHECKPOINT_MIG_REPORT_H
#define STIVA_CHECKPOINT_MIG_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include "base/mem.h"

/* Moments, by proc_now_usec(); 0: it did not come to that. */
enum mig_moment {
	MIG_AT_BEGIN,
	MIG_AT_RESERVED,
	MIG_AT_STOP,   /* the freeze begins: from here on it does not run */
	MIG_AT_FROZEN, /* the dump begins */
	MIG_AT_SEALED, /* criu is through, the last files are sent */
	MIG_AT_SENT,   /* all is sent */
	MIG_AT_READY,  /* restored and held */
	MIG_AT_RUNNING,
	MIG_AT_END,
	MIG_MOMENT_N
};
/* A round while it ran. */
struct mig_report_round {
	unsigned number; /* from 1 */
	uint64_t usec;
	uint64_t entries, file_bytes;	/* of trees of files */
	uint64_t pages, memory_bytes;	/* that were not as the destination had them; sent */
	uint64_t bandwidth, dirty_rate; /* bytes per second */
	uint64_t downtime_usec;		/* predicted, were it stopped now; UINT64_MAX: unknown */
	const char *verdict;		/* why it goes on as it does */
};
struct mig_report {
	int out_fd; /* borrowed */
	bool is_json, is_quiet;
	const char *id, *host, *epoch, *mode; /* borrowed */
	uint64_t at[MIG_MOMENT_N];
	unsigned rounds;
	uint64_t image_bytes, file_bytes, memory_bytes, wire_bytes;
	uint64_t last_memory_bytes;		    /* of them, while it stood still */
	const char *criu_source, *criu_destination; /* borrowed; NULL: not known */
	uint64_t clock_skew_usec;
};
void mig_report_mark(struct mig_report *r, enum mig_moment m);
/* One event, with what belongs to it. */
void mig_report_reserved(struct mig_report *r, unsigned trees, unsigned shared);
void mig_report_round(struct mig_report *r, const struct mig_report_round *n);
/* The line is cut, and the destination is asked. */
void mig_report_asks(struct mig_report *r, const char *why);
/* The end. why NULL: it has moved; else it goes on here (is_in_doubt: nobody knows yet). */
void mig_report_end(struct mig_report *r, const char *why, bool is_in_doubt);

#endif
