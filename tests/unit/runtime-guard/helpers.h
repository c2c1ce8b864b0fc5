/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of runtime/guard share: a forked child that reports by its exit code, and models
 * out of JSON text. Every helper is static: each test is a program of its own. */
#ifndef STIVA_TESTS_GUARD_HELPERS_H
#define STIVA_TESTS_GUARD_HELPERS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/mem.h"
#include "spec/spec.h"

#define UNUSED __attribute__((unused))

/* Not _exit(), and not _Noreturn: there sanitizers make calls that the filters under test forbid.
 */
static UNUSED void leave(int code)
{
	(void)syscall(SYS_exit_group, code);
}

/* cmocka's fail() in a child would go on with the other tests there. */
static UNUSED bool is_child;

/* In a child: says what is wrong and ends it. */
#define NEED(cond)                                                                                 \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			dprintf(2, "%s:%d: child: %s (errno %d)\n", __FILE__, __LINE__, #cond,     \
				errno);                                                            \
			leave(1);                                                                  \
		}                                                                                  \
	} while (0)

/* As NEED for a story function. */
#define NEED_OK(call, err)                                                                         \
	do {                                                                                       \
		if ((call) != 0) {                                                                 \
			dprintf(2, "%s:%d: child: %s: %s\n", __FILE__, __LINE__, #call,            \
				(err)->text);                                                      \
			leave(1);                                                                  \
		}                                                                                  \
	} while (0)

/* Runs fn(arg) in a child. Return: its exit code (0 = fn came back), or 1000 + the signal. */
static UNUSED int in_child(void (*fn)(void *arg), void *arg)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		/* cmocka catches these, and would go on with the other tests in the child. */
		static const int caught[] = {SIGSEGV, SIGFPE, SIGILL, SIGBUS, SIGSYS};
		for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
			(void)signal(caught[i], SIG_DFL);
		is_child = true;
		fn(arg);
		leave(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

static UNUSED void write_text(int dir_fd, const char *path, const char *text)
{
	int fd = openat(dir_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	bool is_done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	if (is_child)
		NEED(is_done);
	else
		assert_true(is_done);
}

static UNUSED void read_text(int dir_fd, const char *path, char *ret, size_t size)
{
	int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, ret, size - 1);
	ret[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

/* An object out of JSON text, by its table. */
static UNUSED void *parse(struct arena *a, const struct json_table *t, const char *text)
{
	struct json_errors errs = {.arena = a};
	void *ret = NULL;

	if (json_parse(t, text, strlen(text), a, &errs, &ret) < 0) {
		for (size_t i = 0; i < errs.n; i++)
			print_error("%s: %s\n", errs.v[i].path, errs.v[i].text);
		if (is_child)
			leave(1);
		fail();
	}
	return ret;
}

/* A fresh directory under /tmp; path is kept for tmp_remove(). */
static UNUSED int tmp_make(char path[64])
{
	(void)snprintf(path, 64, "/tmp/guard-test-XXXXXX");
	assert_non_null(mkdtemp(path));
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

/* Removes the directory's files (one level) and closes it. */
static UNUSED void tmp_remove(int fd, const char *path, const char *const *files)
{
	for (; files && *files; files++) {
		if (unlinkat(fd, *files, 0) < 0)
			(void)unlinkat(fd, *files, AT_REMOVEDIR);
	}
	close(fd);
	(void)rmdir(path);
}

static UNUSED void need_root(void)
{
	if (geteuid() != 0)
		skip();
}

#endif
