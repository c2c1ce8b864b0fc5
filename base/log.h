/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/log: levels and sinks. Nobody prints but main and the child entry; library rooms use
 * log_warn and log_debug only. Messages are one line; control bytes are escaped.
 *
 * Sinks: stderr always for errors and warnings ("stiva: ..."), and, when log_open() was called, the
 * log (then less severe messages go there alone), as text or as one compact JSON object per line:
 * {"level":"error","msg":"...","time":"2026-11-21T21:50:10.123456789Z"} (conformance.md U02-U05).
 */
#ifndef STIVA_BASE_LOG_H
#define STIVA_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG, LOG_LEVEL_N };

struct log_settings {
	/* NULL: no log. A PATH or "file:PATH"; "syslog:IDENT" and "journald:IDENT" send each line
	 * there. Borrowed for the call. */
	const char *path;
	bool is_json;
	enum log_level level;
	/* Warnings wait for log_strict_check(), which makes the first an error. */
	bool is_strict;
};

/* Opens the sink (append, 0600, CLOEXEC). May be called once. */
int log_open(const struct log_settings *set, struct err *e) MUST_CHECK;
/* The log file's fd or FD_NONE: for those who must keep it when they sweep fds. */
int log_fd(void);
/* The fd of STIVA_TIMING's file, or FD_NONE, for the same sweep. */
int log_timing_fd(void);
enum log_level log_get_level(void);
/* Reads a word of error, warning, info, debug. Return: 0 or -EINVAL. */
int log_level_parse(const char *word, enum log_level *ret_level);

/* Prints the error of a failed command: one line on stderr, one line in the log, which as JSON also
 * says class, errno, stage and path, where they are known. hint (NULL: none): what to do; a second
 * line on a terminal, a member in JSON. */
void log_error_hint(const struct err *e, const char *hint);
void log_error(const struct err *e);
/* With --strict: the warning that is waiting, as an error; 0 when there is none. step_run() asks
 * after each row, so that a warning of a launch undoes it; main at the end. */
int log_strict_check(struct err *e) MUST_CHECK;
void log_warn(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_info(const char *fmt, ...) PRINTF_LIKE(1, 2);
void log_debug(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* A step's time in microseconds, at level debug (with --debug); also collected for the bench when
 * STIVA_TIMING names a file. */
void log_step_time(const char *list, const char *step, uint64_t usec);

#endif
