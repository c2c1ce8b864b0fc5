/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/cli/out: tables and wrapped text into a buffer. It knows no verb. Called by the verbs
 * that list something and by help.c.
 */
#ifndef STIVA_CLI_OUT_H
#define STIVA_CLI_OUT_H

#include <stddef.h>
#include <sys/types.h>
#include "base/mem.h"

/* Cells row by row, n_cols to a row; they are copied to the arena, control bytes escaped, so that a
 * container cannot send escape sequences to the caller's terminal. */
struct cmd_table {
	struct arena *arena;
	size_t n_cols;
	size_t min_width, gap; /* of each column but the last */
	size_t width; /* of a line at most, 0 = any: gaps give way, then the first column down to
			 12 characters, then the last columns */
	char **cells;
	size_t n;
};
void cmd_table_add(struct cmd_table *t, const char *text);
void cmd_table_print(const struct cmd_table *t, struct buf *out);

/* A JSON list of numbers, "[1,2]". */
void cmd_out_pids(const pid_t *pids, size_t n, struct buf *out);

/* The columns of the terminal on stdout; 0 when it is none. */
unsigned cmd_out_columns(void);
/* The same for running text: 40 to 120, 80 when it is none. */
unsigned cmd_out_width(void);
/* Adds `text`, broken at blanks so that no line is longer than width; the first line begins at
 * column `at`, the others are indented by `indent`. Ends with a newline. */
void cmd_out_wrap(const char *text, size_t at, size_t indent, unsigned width, struct buf *out);

#endif
