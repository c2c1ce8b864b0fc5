/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of base/file: bounded reads, refusals, replacement that is whole or not at all, locks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include "base/auto.h"
#include "base/file.h"
#include "base/proc.h"
#include "tests/unit/base/scratch.h"
#include "base/ban.h"

static int set_up(void **state)
{
	static struct scratch s;

	scratch_make(&s);
	*state = &s;
	return 0;
}

static int tear_down(void **state)
{
	scratch_done(*state);
	return 0;
}

/* Names in the directory, without "." and "..". */
static int count_names(const struct scratch *s)
{
	AUTO_DIR d = opendir(s->path);
	int n = 0;

	while (readdir(d))
		n++;
	return n - 2;
}

static void test_read_at(void **state)
{
	const struct scratch *s = *state;
	AUTO(buf) b = {0};

	scratch_file(s, "f", "hello");
	buf_adds(&b, ">");
	assert_int_equal(file_read_at(s->fd, "f", 100, &b), 0);
	assert_string_equal(b.data, ">hello");
	assert_int_equal(b.len, 6);
	assert_int_equal(file_read_at(s->fd, "f", 5, &b), 0);
	assert_int_equal(file_read_at(s->fd, "f", 4, &b), -EFBIG);
	assert_string_equal(b.data, ">hellohello");
	scratch_file(s, "empty", "");
	buf_done(&b);
	assert_int_equal(file_read_at(s->fd, "empty", 0, &b), 0);
	assert_string_equal(b.data, "");
}

static void test_read_at_refusals(void **state)
{
	const struct scratch *s = *state;
	AUTO(buf) b = {0};

	assert_int_equal(mkdirat(s->fd, "dir", 0755), 0);
	assert_int_equal(mkfifoat(s->fd, "fifo", 0644), 0);
	assert_int_equal(symlinkat("f", s->fd, "link"), 0);
	assert_int_equal(file_read_at(s->fd, "dir", 100, &b), -EISDIR);
	assert_int_equal(file_read_at(s->fd, "fifo", 100, &b), -EINVAL);
	assert_int_equal(file_read_at(s->fd, "link", 100, &b), -ELOOP);
	assert_int_equal(file_read_at(s->fd, "none", 100, &b), -ENOENT);
	assert_int_equal(file_read_at(s->fd, "../etc", 100, &b), -EINVAL);
	assert_int_equal(file_read_at(s->fd, "", 100, &b), -EINVAL);
	assert_int_equal(file_read_at(s->fd, "..", 100, &b), -EINVAL);
	assert_int_equal(b.len, 0);
}

static void test_kernel_files(void **state)
{
	const struct scratch *s = *state;
	char text[6];

	scratch_file(s, "k", "12345");
	assert_int_equal(file_read_kernel(s->fd, "k", text, sizeof(text)), 5);
	assert_string_equal(text, "12345");
	assert_int_equal(file_read_kernel(s->fd, "k", text, 5), -EFBIG);
	assert_int_equal(file_read_kernel(s->fd, "none", text, sizeof(text)), -ENOENT);
	assert_string_equal(text, "");
	assert_int_equal(file_read_kernel(AT_FDCWD, "/proc/self/stat", text, sizeof(text)), -EFBIG);
	assert_int_equal(file_write_kernel(s->fd, "k", "99"), 0);
	assert_int_equal(file_read_kernel(s->fd, "k", text, sizeof(text)), 5);
	assert_string_equal(text, "99345");
	assert_int_equal(file_write_kernel(s->fd, "none", "1"), -ENOENT);
	assert_int_equal(file_write_kernel(AT_FDCWD, "/proc/self/oom_score_adj", "junk"), -EINVAL);
}

static void test_replace(void **state)
{
	const struct scratch *s = *state;
	AUTO(buf) b = {0};
	char path[128];
	struct stat st;
	int before;

	assert_int_equal(file_replace_at(s->fd, "r", "one", 3, 0600), 0);
	before = count_names(s);
	assert_int_equal(file_replace_at(s->fd, "r", "second", 6, 0640), 0);
	assert_int_equal(file_read_at(s->fd, "r", 100, &b), 0);
	assert_string_equal(b.data, "second");
	assert_int_equal(fstatat(s->fd, "r", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	snprintf(path, sizeof(path), "%s/r", s->path);
	assert_int_equal(file_replace_path(path, "3", 1, 0644), 0);
	buf_done(&b);
	assert_int_equal(file_read_at(s->fd, "r", 100, &b), 0);
	assert_string_equal(b.data, "3");
	assert_int_equal(count_names(s), before);
	assert_int_equal(file_replace_at(s->fd, "a/b", "x", 1, 0600), -EINVAL);
	assert_int_equal(file_replace_at(s->fd, "..", "x", 1, 0600), -EINVAL);
	assert_int_equal(file_replace_path("/nonexistent/x", "x", 1, 0600), -ENOENT);
	assert_int_equal(file_replace_path("/", "x", 1, 0600), -EINVAL);
	/* The link is replaced, not what it leads to. */
	assert_int_equal(symlinkat("r", s->fd, "rl"), 0);
	assert_int_equal(file_replace_at(s->fd, "rl", "new", 3, 0600), 0);
	assert_int_equal(fstatat(s->fd, "rl", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISREG(st.st_mode));
}

/* A write that fails half-way (file size limit) leaves the old file and nothing else. */
static void test_replace_fails_whole(void **state)
{
	const struct scratch *s = *state;
	AUTO(buf) b = {0};
	int status, before;
	pid_t pid;

	assert_int_equal(file_replace_at(s->fd, "keep", "old", 3, 0600), 0);
	before = count_names(s);
	pid = fork();
	if (pid == 0) {
		static char big[8192];
		struct rlimit limit = {4096, 4096};

		signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &limit);
		_exit(file_replace_at(s->fd, "keep", big, sizeof(big), 0600) == -EFBIG ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	/* And one whose rename fails: a directory is in the way. */
	assert_int_equal(mkdirat(s->fd, "wall", 0755), 0);
	assert_int_equal(file_replace_at(s->fd, "wall", "x", 1, 0600), -EISDIR);
	assert_int_equal(count_names(s), before + 1);
	assert_int_equal(file_read_at(s->fd, "keep", 100, &b), 0);
	assert_string_equal(b.data, "old");
}

static void test_lock(void **state)
{
	const struct scratch *s = *state;
	AUTO_FD a = openat(s->fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	AUTO_FD b = openat(s->fd, "lock", O_RDWR | O_CLOEXEC);
	uint64_t start;
	int status;
	pid_t pid;

	assert_int_equal(file_lock(a, false, 0), 0);
	assert_int_equal(file_lock(b, false, 0), 0);
	assert_int_equal(file_lock(a, true, 0), -EBUSY);
	assert_int_equal(flock(b, LOCK_UN), 0);
	assert_int_equal(file_lock(a, true, 0), 0);
	start = proc_now_usec();
	assert_int_equal(file_lock(b, true, 60), -EBUSY);
	assert_true(proc_now_usec() - start >= 60000);
	/* Got as soon as the holder goes. */
	pid = fork();
	if (pid == 0) {
		usleep(30000);
		_exit(flock(a, LOCK_UN));
	}
	assert_int_equal(file_lock(b, true, 10000), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(file_lock(-1, true, 10), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read_at),
		cmocka_unit_test(test_read_at_refusals),
		cmocka_unit_test(test_kernel_files),
		cmocka_unit_test(test_replace),
		cmocka_unit_test(test_replace_fails_whole),
		cmocka_unit_test(test_lock),
	};

	return cmocka_run_group_tests_name("base/file", tests, set_up, tear_down);
}
