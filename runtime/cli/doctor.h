/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/cli/doctor: what the files of `stiva doctor` share: a check is a row, and its function
 * looks at one thing of the machine and changes nothing.
 */
#ifndef STIVA_CLI_DOCTOR_H
#define STIVA_CLI_DOCTOR_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/mem.h"

enum doctor_verdict { DOCTOR_OK, DOCTOR_WARNING, DOCTOR_FAILURE, DOCTOR_N };

struct doctor_out {
	struct arena *arena;
	enum doctor_verdict verdict;
	char *found;	   /* what was seen, one line */
	const char *means; /* what follows from it; NULL when all is well */
	const char *fix;   /* what to do; NULL when nothing can or need be done */
};

struct doctor_check {
	const char *name; /* "kernel.openat2": stable, for programs */
	void (*look)(struct doctor_out *o);
};
struct doctor_group {
	const char *title;
	const struct doctor_check *rows;
	size_t n;
};
#define DOCTOR_GROUP(title, rows)                                                                  \
	{                                                                                          \
		title, rows, sizeof(rows) / sizeof((rows)[0])                                      \
	}

/* ---- doctor_kernel.c, doctor_host.c, doctor_tools.c ---- */
extern const struct doctor_group doctor_kernel, doctor_cgroup, doctor_users, doctor_host,
	doctor_tools;

/* ---- cmd_doctor.c ---- */
/* Sets verdict and text. */
void doctor_say(struct doctor_out *o, enum doctor_verdict v, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
/* The same with its meaning and its fix, both static. */
void doctor_tell(struct doctor_out *o, enum doctor_verdict v, const char *means, const char *fix,
		 const char *fmt, ...) PRINTF_LIKE(5, 6);

#endif
