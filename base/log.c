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
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
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
/* Where the lines go. */
enum log_kind { KIND_FILE, KIND_SYSLOG, KIND_JOURNAL };
static const int severities[] = {3, 4, 6, 7}; /* of syslog(3), by enum log_level */
#define FACILITY_USER  8
#define SYSLOG_SOCKET  "/dev/log"
#define JOURNAL_SOCKET "/run/systemd/journal/socket"

static const struct word_list levels = {"log level", level_words, LOG_LEVEL_N, ""};

static struct {
	int fd;
	enum log_kind kind;
	bool is_json, is_strict;
	enum log_level level;
	char ident[64];
	char held[LINE_MAX_BYTES]; /* the warning that --strict makes an error */
} sink = {.fd = FD_NONE, .level = LOG_LEVEL_ERROR};

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

/* Sets kind and ident of "syslog:IDENT" and "journald:IDENT"; the ident may be empty. */
static const char *socket_of(const char *dest)
{
	const char *ident = str_after(dest, "syslog:");

	sink.kind = KIND_SYSLOG;
	if (!ident) {
		ident = str_after(dest, "journald:");
		sink.kind = KIND_JOURNAL;
	}
	if (!ident) {
		sink.kind = KIND_FILE;
		return NULL;
	}
	str_printable(sink.ident, sizeof(sink.ident), *ident ? ident : "stiva");
	return sink.kind == KIND_SYSLOG ? SYSLOG_SOCKET : JOURNAL_SOCKET;
}

static int open_socket(const char *path)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	AUTO_FD fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	str_copy(to.sun_path, sizeof(to.sun_path), path);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0)
		return -errno;
	return fd_take(&fd);
}

int log_open(const struct log_settings *set, struct err *e)
{
	const char *path = set->path, *rest, *name;
	AUTO_FD fd = FD_NONE;

	sink.level = set->level;
	sink.is_json = set->is_json;
	sink.is_strict = set->is_strict;
	if (!path)
		return 0;
	name = socket_of(path);
	if (name) {
		fd = open_socket(name);
		if (fd < 0)
			return err_sys(e, fd, "--log \"%s\": connect to \"%s\"", path, name);
		fd_replace(&sink.fd, fd_take(&fd));
		return 0;
	}
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

/* The first absolute path in quotes: messages name the object they failed at in this way. */
static size_t find_path(const char *text, const char **ret)
{
	const char *at = strstr(text, "\"/");

	*ret = at ? at + 1 : NULL;
	return at ? strcspn(at + 1, "\"") : 0;
}

static void add_member(const char *key, const char *value, size_t n, struct buf *b)
{
	AUTO_FREE char *copy = NULL;

	if (!value || n == 0)
		return;
	copy = mem_printf("%.*s", (int)n, value);
	buf_printf(b, ",\"%s\":", key);
	json_print_string(copy, b);
}

/* go-runc and podman ignore members that they do not know. */
static void add_error(const struct err *e, const char *hint, struct buf *b)
{
	const char *name = err_name(e->code), *path;
	const char *class = err_class_word(e->class);
	size_t n = find_path(e->text, &path);

	add_member("class", class, strlen(class), b);
	add_member("errno", name, name ? strlen(name) : 0, b);
	add_member("stage", e->stage, strlen(e->stage), b);
	add_member("path", path, n, b);
	add_member("hint", hint, hint ? strlen(hint) : 0, b);
}

/* e: NULL, or the error that `text` is of. */
static void to_log(enum log_level level, const char *text, const struct err *e, const char *hint)
{
	AUTO(buf) b = {0};
	char now[40];

	if (sink.kind == KIND_SYSLOG) {
		buf_printf(&b, "<%d>%s[%d]: %s", FACILITY_USER + severities[level], sink.ident,
			   (int)getpid(), text);
	} else if (sink.kind == KIND_JOURNAL) {
		buf_printf(&b, "MESSAGE=%s\nPRIORITY=%d\nSYSLOG_IDENTIFIER=%s\n", text,
			   severities[level], sink.ident);
	} else {
		num_now_rfc3339(now);
		buf_printf(&b, sink.is_json ? "{\"level\":\"%s\",\"msg\":" : "level=%s msg=",
			   word_text(&levels, (int)level));
		json_print_string(text, &b);
		buf_printf(&b, sink.is_json ? ",\"time\":\"%s\"" : " time=\"%s\"", now);
		if (sink.is_json && e)
			add_error(e, hint, &b);
		buf_adds(&b, sink.is_json ? "}\n" : "\n");
	}
	write_line(sink.fd, b.data, b.len);
}

/* `text` is printable already. */
static void emit(enum log_level level, const char *text)
{
	if (level <= LOG_LEVEL_WARNING || (level <= sink.level && sink.fd < 0))
		to_stderr(level, text);
	if (sink.fd >= 0 && level <= sink.level)
		to_log(level, text, NULL, NULL);
}

/* True when --strict keeps the line for log_strict_check(). */
static bool hold(const char *text)
{
	if (!sink.is_strict || sink.held[0])
		return false;
	str_printable(sink.held, sizeof(sink.held), text);
	return true;
}

static void emit_format(enum log_level level, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));
static void emit_format(enum log_level level, const char *fmt, va_list ap)
{
	char raw[LINE_MAX_BYTES], text[LINE_MAX_BYTES];
	int keep = errno;

	vsnprintf(raw, sizeof(raw), fmt, ap);
	str_printable(text, sizeof(text), raw);
	if (level != LOG_LEVEL_WARNING || !hold(text))
		emit(level, text);
	errno = keep;
}

void log_error_hint(const struct err *e, const char *hint)
{
	char text[2 * sizeof(e->text)], line[LINE_MAX_BYTES];
	int n;

	if (sink.held[0]) /* it came after the error, or while it was undone */
		emit(LOG_LEVEL_WARNING, sink.held);
	str_printable(text, sizeof(text), e->text);
	to_stderr(LOG_LEVEL_ERROR, text);
	if (sink.fd >= 0)
		to_log(LOG_LEVEL_ERROR, text, e, hint);
	if (!hint || !isatty(STDERR_FILENO))
		return;
	n = snprintf(line, sizeof(line), "hint: %s\n", hint);
	if (n > 0 && (size_t)n < sizeof(line))
		write_line(STDERR_FILENO, line, (size_t)n);
}

void log_error(const struct err *e)
{
	log_error_hint(e, NULL);
}

int log_strict_check(struct err *e)
{
	if (!sink.held[0])
		return 0;
	err_set(e, ERR_INPUT, EINVAL, "%.400s (a warning, and --strict)", sink.held);
	sink.held[0] = '\0';
	return -e->code;
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
