/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/words: what criu says when it fails: the first line of its log that is an error and
 * matters, and what a person can do about it (migration.md 4). Called by dump.c and restore.c.
 */
#include "checkpoint/internal.h"

#include <errno.h>
#include <string.h>
#include "base/file.h"
#include "base/ban.h"

#define LOG_MAX	  (64u << 20)
#define WORDS_MAX 200

/* "(00.123)      1: Error (criu/x.c:12): words" -> "words" */
const char *ckpt_words_first(const char *log, size_t n, struct arena *a)
{
	for (const char *at = log, *end = log + n; at < end;) {
		const char *stop = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((stop ? stop : end) - at);
		char *line = arena_strndup(a, at, len < WORDS_MAX * 2 ? len : WORDS_MAX * 2);
		char *error = strstr(line, "Error (");
		char *words = error ? strstr(error, "): ") : NULL;

		at += len + 1;
		if (words && ckpt_criu_is_error(words) && words[3])
			return words + 3;
	}
	return NULL;
}

const char *ckpt_words_remedy(const char *words)
{
	static const struct {
		const char *part, *remedy;
	} rows[] = {
		{"Connected TCP socket", "use --tcp-established, or --tcp-close for a restore"},
		{"in-flight connection", "use --tcp-skip-in-flight"},
		{"In-flight connection", "use --tcp-skip-in-flight"},
		{"file locks are hold", "use --file-locks"},
		{"Can't create link remap", "use --link-remap"},
		{"link-remap", "use --link-remap"},
		{"External socket is used", "use --ext-unix-sk, if the socket is a datagram one"},
		{"half of stream unix", "a unix socket leads out of the container: end it first"},
		{"Unix socket", "a unix socket leads out of the container: end it first"},
		{"shell-job", "use --shell-job"},
		{"Can't dump ghost file", "a deleted file that is still open is too large"},
		{"nested pid namespace", "CRIU cannot take a pid namespace in the container"},
		{"nested cgroup namespace", "CRIU cannot take a cgroup namespace in the container"},
		{"io_uring", "CRIU cannot take io_uring"},
		{"Can't retrieve FDs", "a descriptor of a kind that CRIU cannot take: io_uring?"},
		{"Can't get rlimit", "CRIU needs CAP_SYS_RESOURCE for processes of other users"},
		{"zombie", "is a process of the container traced, by gdb or strace?"},
		{"outside of its pid namespace", "a process came from outside, as by exec"},
		{"Can't lookup mount", "a process has a file of the host open"},
		{"has bad size", "the file was changed since: bring back the file system of then"},
		{"build-id", "the file was changed since: bring back the file system of then"},
		{"has bad mode", "the file is another one than it was"},
		{"Can't get 1:16 opt", "this criu is too old for this kernel: 4.2 or later"},
		{"kerndat_tcp_repair", "CRIU needs a network namespace whose lo is up"},
		{"Pid ", "is the process id taken? share no pid namespace"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strstr(words, rows[i].part))
			return rows[i].remedy;
	return NULL;
}

int ckpt_words_fail(const char *verb, int work_fd, const char *work_path, const char *log_name,
		    const char *errmsg, struct err *e)
{
	AUTO(buf) log = {0};
	AUTO(arena) a = {0};
	const char *words = NULL;

	if (file_read_at(work_fd, log_name, LOG_MAX, &log) >= 0 && log.len)
		words = ckpt_words_first(log.data, log.len, &a);
	if (!words && ckpt_criu_is_error(errmsg))
		words = ckpt_words_first(errmsg, strlen(errmsg), &a);
	if (!words && ckpt_criu_is_error(errmsg))
		words = errmsg;
	if (!words && !errmsg)
		words = "it ended without an answer";
	const char *remedy = words ? ckpt_words_remedy(words) : NULL;

	return err_set(e, ERR_KERNEL, EIO, "criu's %s failed%s%.*s%s%s%s (log: %.150s/%s)", verb,
		       words ? ": " : "", WORDS_MAX, words ? words : "", remedy ? " (" : "",
		       remedy ? remedy : "", remedy ? ")" : "", work_path, log_name);
}
