/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/log: levels, stderr and the log file. Each line is one write(2), so lines of several
 * processes that share the file do not mix. It must not know who calls; only runtime/cli/main and
 * the child entry call log_error().
 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/auto.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/str.h"
#include "base/ban.h"

#define LINE_MAX_BYTES 2048

static const struct word level_words[] = {
	[LOG_LEVEL_ERROR] = {"error", 0},
	[LOG_LEVEL_WARNING] = {"warning", 0},
	[LOG_LEVEL_INFO] = {"info", 0},
	[LOG_LEVEL_DEBUG] = {"debug", 0},
};
WORDS_COMPLETE(level_words, LOG_LEVEL_N);
static const struct word_list levels = {"log level", level_words, LOG_LEVEL_N, ""};

static struct {
	int fd;
	bool is_json;
	enum log_level level;
} sink = {FD_NONE, false, LOG_LEVEL_ERROR};

/* The bench's file of step times, kept open because the root changes while steps run. */
static struct {
	bool is_tried;
	int fd;
	dev_t dev;
	ino_t ino;
} timing = {false, FD_NONE, 0, 0};

int log_level_parse(const char *word, enum log_level *ret_level)
{
	int i = word_find(&levels, word);

	if (i < 0)
		return i;
	*ret_level = (enum log_level)i;
	return 0;
}

int log_open(const struct log_settings *set, struct err *e)
{
	const char *path = set->path, *rest;
	AUTO_FD fd = FD_NONE;

	sink.level = set->level;
	sink.is_json = set->is_json;
	if (!path)
		return 0;
	if (str_starts(path, "syslog:") || str_starts(path, "journald:"))
		return err_set(e, ERR_MISSING, ENOTSUP,
			       "--log \"%s\": only files are supported (use file:PATH)", path);
	rest = str_after(path, "file:");
	if (rest)
		path = rest;
	if (*path == '\0')
		return err_set(e, ERR_INPUT, EINVAL, "--log: the path is empty");
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(e, errno, "open log \"%s\"", path);
	fd_replace(&sink.fd, fd_take(&fd));
	return 0;
}

int log_fd(void)
{
	return sink.fd;
}

enum log_level log_get_level(void)
{
	return sink.level;
}

/* Losing a log line is no reason to fail. */
static void write_line(int fd, const char *p, size_t n)
{
	int r = fd_write_all(fd, p, n);

	(void)r;
}

static void to_stderr(enum log_level level, const char *text)
{
	char line[LINE_MAX_BYTES + 32];
	const char *word = level == LOG_LEVEL_ERROR ? "" : word_text(&levels, (int)level);
	int n = snprintf(line, sizeof(line), "stiva: %s%s%s\n", word, *word ? ": " : "", text);

	if (n > 0 && (size_t)n < sizeof(line))
		write_line(STDERR_FILENO, line, (size_t)n);
}

static void to_file(enum log_level level, const char *text)
{
	AUTO(buf) b = {0};
	char now[40];

	num_now_rfc3339(now);
	buf_printf(&b, sink.is_json ? "{\"level\":\"%s\",\"msg\":" : "level=%s msg=",
		   word_text(&levels, (int)level));
	json_print_string(text, &b);
	buf_printf(&b, sink.is_json ? ",\"time\":\"%s\"}\n" : " time=\"%s\"\n", now);
	write_line(sink.fd, b.data, b.len);
}

/* `text` is printable already. */
static void emit(enum log_level level, const char *text)
{
	if (level <= LOG_LEVEL_WARNING || level <= sink.level)
		to_stderr(level, text);
	if (sink.fd >= 0 && level <= sink.level)
		to_file(level, text);
}

static void emit_format(enum log_level level, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));
static void emit_format(enum log_level level, const char *fmt, va_list ap)
{
	char raw[LINE_MAX_BYTES], text[LINE_MAX_BYTES];
	int keep = errno;

	vsnprintf(raw, sizeof(raw), fmt, ap);
	emit(level, str_printable(text, sizeof(text), raw));
	errno = keep;
}

void log_error(const struct err *e)
{
	char text[2 * sizeof(e->text)];

	emit(LOG_LEVEL_ERROR, str_printable(text, sizeof(text), e->text));
}

void log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit_format(LOG_LEVEL_WARNING, fmt, ap);
	va_end(ap);
}

void log_info(const char *fmt, ...)
{
	va_list ap;

	if (sink.level < LOG_LEVEL_INFO)
		return;
	va_start(ap, fmt);
	emit_format(LOG_LEVEL_INFO, fmt, ap);
	va_end(ap);
}

void log_debug(const char *fmt, ...)
{
	va_list ap;

	if (sink.level < LOG_LEVEL_DEBUG)
		return;
	va_start(ap, fmt);
	emit_format(LOG_LEVEL_DEBUG, fmt, ap);
	va_end(ap);
}

static void timing_open(void)
{
	const char *path = getenv("STIVA_TIMING");
	struct stat st;

	timing.is_tried = true;
	if (!path || !*path)
		return;
	timing.fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (timing.fd >= 0 && fstat(timing.fd, &st) == 0) {
		timing.dev = st.st_dev;
		timing.ino = st.st_ino;
	}
}

int log_timing_fd(void)
{
	return timing.fd;
}

void log_step_time(const char *list, const char *step, uint64_t usec)
{
	char line[256];
	struct stat st;
	int n;

	log_debug("step %s.%s: %llu us", list, step, (unsigned long long)usec);
	if (!timing.is_tried)
		timing_open();
	if (timing.fd < 0)
		return;
	/* A child that swept its fds may have another file under this number by now. */
	if (fstat(timing.fd, &st) < 0 || st.st_dev != timing.dev || st.st_ino != timing.ino) {
		timing.fd = FD_NONE;
		return;
	}
	n = snprintf(line, sizeof(line), "%s %s %llu\n", list, step, (unsigned long long)usec);
	if (n > 0 && (size_t)n < sizeof(line))
		write_line(timing.fd, line, (size_t)n);
}
