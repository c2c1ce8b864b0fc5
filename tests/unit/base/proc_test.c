/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of base/proc: clone, identity, waiting, helper programs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include "base/auto.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/sys.h"
#include "tests/unit/base/scratch.h"
#include "base/ban.h"

static char *const no_env[] = {NULL};

/* Runs `sh -c script` with these limits. */
static int shell(const char *script, const char *input, int timeout_ms, struct buf *out,
		 int *ret_status)
{
	char *argv[] = {(char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c",
			(char *)(uintptr_t)script, NULL};
	struct proc_helper h = {.path = "/bin/sh",
				.argv = argv,
				.envp = no_env,
				.input = input,
				.n_input = input ? strlen(input) : 0,
				.timeout_ms = timeout_ms,
				.max_output = 1 << 20,
				.stdout_fd = FD_NONE,
				.stderr_fd = FD_NONE};

	return proc_run_helper(&h, out, ret_status);
}

static void test_clone(void **state)
{
	int pidfd = FD_NONE, status = 0;
	pid_t pid = proc_clone(0, -1, &pidfd);

	(void)state;
	if (pid == 0)
		_exit(pidfd == FD_NONE ? 42 : 1);
	assert_true(pid > 0);
	assert_int_equal(fcntl(pidfd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(proc_wait(pidfd, -1, &status), 0);
	assert_int_equal(status, 42);
	assert_int_equal(proc_wait(pidfd, -1, &status), -ECHILD);
	close(pidfd);
	pidfd = FD_NONE;
	assert_int_equal(proc_clone(CLONE_VM, -1, &pidfd), -EINVAL);
	assert_int_equal(proc_clone(CLONE_NEWUSER | CLONE_FS, -1, &pidfd), -EINVAL);
	assert_int_equal(pidfd, FD_NONE);
}

/* With CLONE_PARENT the new process is our sibling: our parent is told of its end and reaps it. */
static void test_clone_parent(void **state)
{
	int fd = FD_NONE, status = 0, seen = 0;
	pid_t pid = proc_clone(0, -1, &fd);

	(void)state;
	if (pid == 0) {
		int sibling_fd = FD_NONE;
		pid_t sibling = proc_clone(CLONE_PARENT, -1, &sibling_fd);

		if (sibling == 0)
			_exit(7);
		_exit(sibling > 0 ? 5 : 1);
	}
	assert_int_equal(proc_wait(fd, -1, &status), 0);
	assert_int_equal(status, 5);
	assert_true(waitpid(-1, &seen, 0) > 0);
	assert_int_equal(WEXITSTATUS(seen), 7);
	close(fd);
}

static void test_wait_status(void **state)
{
	int pidfd = FD_NONE, status = 0;
	uint64_t start;
	pid_t pid = proc_clone(0, -1, &pidfd);

	(void)state;
	if (pid == 0) {
		pause();
		_exit(0);
	}
	start = proc_now_usec();
	assert_int_equal(proc_wait(pidfd, 30, &status), -ETIMEDOUT);
	assert_true(proc_now_usec() - start >= 30000);
	assert_int_equal(proc_wait_gone(pidfd, 0), -ETIMEDOUT);
	assert_int_equal(sys_pidfd_send_signal(pidfd, SIGKILL), 0);
	assert_int_equal(proc_wait_gone(pidfd, 5000), 0);
	assert_int_equal(proc_wait_gone(pidfd, -1), 0);
	assert_int_equal(proc_wait(pidfd, 5000, &status), 0);
	assert_int_equal(status, 128 + SIGKILL);
	close(pidfd);
	assert_int_equal(proc_wait_gone(pidfd, 0), -EBADF);
}

/* A name with everything that could mislead a reader of /proc/PID/stat. */
static void test_stat_name(void **state)
{
	uint64_t before, after;
	char name[16] = "", letter = '?';

	(void)state;
	assert_int_equal(prctl(PR_GET_NAME, name), 0);
	assert_int_equal(proc_start_time(getpid(), &before), 0);
	assert_int_equal(prctl(PR_SET_NAME, "x) R 1 1\n(y) Z"), 0);
	assert_int_equal(proc_stat(getpid(), &letter, &after), 0);
	assert_int_equal(prctl(PR_SET_NAME, name), 0);
	assert_int_equal(letter, 'R');
	assert_true(before > 0);
	assert_true(before == after);
	assert_int_equal(proc_start_time(0x7ffffffe, &after), -ESRCH);
}

static void test_open_checked(void **state)
{
	uint64_t ticks;
	int pidfd = FD_NONE, status, fd;
	char letter = '?';
	pid_t pid = proc_clone(0, -1, &pidfd);

	(void)state;
	if (pid == 0) {
		pause();
		_exit(0);
	}
	assert_int_equal(proc_start_time(pid, &ticks), 0);
	fd = proc_open_checked(pid, ticks);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	close(fd);
	assert_int_equal(proc_open_checked(pid, ticks + 1), -ESRCH);
	assert_int_equal(proc_open_checked(0, ticks), -ESRCH);
	assert_int_equal(proc_open_checked(-1, ticks), -ESRCH);
	kill(pid, SIGKILL);
	assert_int_equal(proc_wait_gone(pidfd, 5000), 0);
	/* A zombie is gone. */
	assert_int_equal(proc_stat(pid, &letter, &ticks), 0);
	assert_int_equal(letter, 'Z');
	assert_int_equal(proc_open_checked(pid, ticks), -ESRCH);
	assert_int_equal(proc_wait(pidfd, -1, &status), 0);
	assert_int_equal(proc_open_checked(pid, ticks), -ESRCH);
	close(pidfd);
}

static void test_reset_signals(void **state)
{
	int pidfd = FD_NONE, status = 0;
	pid_t pid = proc_clone(0, -1, &pidfd);

	(void)state;
	if (pid == 0) {
		sigset_t all, now;
		struct sigaction sa;

		sigfillset(&all);
		sigprocmask(SIG_BLOCK, &all, NULL);
		signal(SIGPIPE, SIG_IGN);
		signal(SIGRTMIN + 5, SIG_IGN);
		proc_reset_signals();
		sigprocmask(SIG_SETMASK, NULL, &now);
		for (int sig = 1; sig <= SIGRTMAX; sig++) {
			if (sigismember(&now, sig) == 1)
				_exit(sig);
			if (sigaction(sig, NULL, &sa) == 0 && sa.sa_handler != SIG_DFL)
				_exit(128 + sig);
		}
		_exit(0);
	}
	assert_int_equal(proc_wait(pidfd, -1, &status), 0);
	assert_int_equal(status, 0);
	close(pidfd);
}

static void test_helper_output(void **state)
{
	AUTO(buf) out = {0};
	int status = -1, before = scratch_open_fds();

	(void)state;
	assert_int_equal(shell("echo out; echo err >&2; exit 3", NULL, 10000, &out, &status), 0);
	assert_int_equal(status, 3);
	assert_string_equal(out.data, "out\nerr\n");
	assert_int_equal(shell("kill -TERM $$", NULL, -1, &out, &status), 0);
	assert_int_equal(status, 128 + SIGTERM);
	/* No capture asked for. */
	assert_int_equal(shell("echo x", NULL, -1, NULL, &status), 0);
	assert_int_equal(status, 0);
	assert_int_equal(scratch_open_fds(), before);
}

/* Far more than a pipe holds, both ways at once; and helpers that do not read at all. */
static void test_helper_input(void **state)
{
	AUTO(buf) out = {0};
	AUTO(buf) in = {0};
	int status = -1, before = scratch_open_fds();

	(void)state;
	assert_int_equal(shell("cat", "small", 10000, &out, &status), 0);
	assert_string_equal(out.data, "small");
	while (in.len < 700000)
		buf_adds(&in, "0123456789abcdef");
	out.len = 0;
	assert_int_equal(shell("cat", in.data, 20000, &out, &status), 0);
	assert_int_equal(out.len, in.len);
	assert_memory_equal(out.data, in.data, in.len);
	assert_int_equal(shell("exit 0", in.data, 10000, &out, &status), 0);
	assert_int_equal(status, 0);
	assert_int_equal(shell("exec <&-; sleep 0.1", in.data, 10000, &out, &status), 0);
	assert_int_equal(status, 0);
	assert_int_equal(scratch_open_fds(), before);
}

static void test_helper_output_cap(void **state)
{
	char *argv[] = {(char *)(uintptr_t) "head", (char *)(uintptr_t) "-c",
			(char *)(uintptr_t) "300000", (char *)(uintptr_t) "/dev/zero", NULL};
	struct proc_helper h = {.path = "/usr/bin/head",
				.argv = argv,
				.envp = no_env,
				.timeout_ms = 10000,
				.max_output = 1000,
				.stdout_fd = FD_NONE,
				.stderr_fd = FD_NONE};
	AUTO(buf) out = {0};
	int status = -1;

	(void)state;
	buf_adds(&out, "xx");
	assert_int_equal(proc_run_helper(&h, &out, &status), 0);
	assert_int_equal(status, 0);
	assert_int_equal(out.len, 1002);
}

static void test_helper_deadline(void **state)
{
	AUTO(buf) out = {0};
	int status = -1, before = scratch_open_fds();
	uint64_t start = proc_now_usec();

	(void)state;
	assert_int_equal(shell("echo $$; sleep 30 & sleep 30", NULL, 200, &out, &status),
			 -ETIMEDOUT);
	assert_true(proc_now_usec() - start < 5000000);
	assert_true(out.len > 0);
	assert_int_equal(shell("while :; do echo xxxxxxxxxxxxxxx; done", NULL, 200, &out, &status),
			 -ETIMEDOUT);
	assert_int_equal(shell("trap '' TERM HUP; sleep 30; sleep 30", NULL, 0, &out, &status),
			 -ETIMEDOUT);
	assert_int_equal(scratch_open_fds(), before);
}

/* A daemon left behind keeps the pipe; we neither wait for it nor kill it. */
static void test_helper_daemon(void **state)
{
	AUTO(buf) out = {0};
	int status = -1;
	uint64_t start = proc_now_usec();

	(void)state;
	assert_int_equal(shell("sleep 3 & echo done", NULL, 10000, &out, &status), 0);
	assert_int_equal(status, 0);
	assert_string_equal(out.data, "done\n");
	assert_true(proc_now_usec() - start < 2500000);
}

static void test_helper_cannot_start(void **state)
{
	char *argv[] = {(char *)(uintptr_t) "x", NULL};
	struct proc_helper h = {.path = "/nonexistent",
				.argv = argv,
				.envp = no_env,
				.timeout_ms = -1,
				.stdout_fd = FD_NONE,
				.stderr_fd = FD_NONE};
	AUTO(buf) out = {0};
	int status = -1, before = scratch_open_fds();

	(void)state;
	assert_int_equal(proc_run_helper(&h, &out, &status), -ENOENT);
	h.path = "/etc/passwd";
	assert_int_equal(proc_run_helper(&h, &out, &status), -EACCES);
	h.path = "/etc";
	assert_int_equal(proc_run_helper(&h, &out, &status), -EACCES);
	h.path = "/bin/true";
	h.cwd = "/nonexistent";
	assert_int_equal(proc_run_helper(&h, &out, &status), -ENOENT);
	h.cwd = "/";
	assert_int_equal(proc_run_helper(&h, &out, &status), 0);
	assert_int_equal(status, 0);
	assert_int_equal(scratch_open_fds(), before);
	assert_int_equal(waitpid(-1, &status, WNOHANG), -1);
}

/* What the helper sees: its own session, three fds, default signals, exactly its environment. */
static void test_helper_world(void **state)
{
	static const char script[] =
		"cut -d' ' -f6 /proc/$$/stat | grep -qx $$ || echo session; "
		"[ -e /proc/$$/fd/3 ] && echo fds; "
		"grep -E 'SigBlk:|SigIgn:' /proc/$$/status | grep -v 0000000000000000; "
		"[ -z \"$STIVA_TEST\" ] || echo env; pwd";
	int leak = open("/dev/null", O_RDONLY), status = -1;
	AUTO(buf) out = {0};
	sigset_t set, old;

	(void)state;
	setenv("STIVA_TEST", "1", 1);
	assert_true(fcntl(leak, F_DUPFD, 50) >= 50);
	signal(SIGINT, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, &old);
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(shell(script, NULL, 10000, &out, &status), 0);
	sigprocmask(SIG_SETMASK, &old, NULL);
	signal(SIGINT, SIG_DFL);
	assert_string_equal(out.data, "/\n");
	close(leak);
	close(50);
}

static void test_helper_given_fds(void **state)
{
	char *argv[] = {(char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c",
			(char *)(uintptr_t) "echo out; echo err >&2", NULL};
	struct proc_helper h = {.path = "/bin/sh",
				.argv = argv,
				.envp = no_env,
				.timeout_ms = 10000,
				.max_output = 100,
				.stdout_fd = FD_NONE};
	AUTO(buf) out = {0};
	char text[16] = "";
	int ends[2], status = -1;

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	h.stderr_fd = ends[1];
	assert_int_equal(proc_run_helper(&h, &out, &status), 0);
	assert_string_equal(out.data, "out\n");
	assert_int_equal(read(ends[0], text, sizeof(text) - 1), 4);
	assert_string_equal(text, "err\n");
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clone),
		cmocka_unit_test(test_clone_parent),
		cmocka_unit_test(test_wait_status),
		cmocka_unit_test(test_stat_name),
		cmocka_unit_test(test_open_checked),
		cmocka_unit_test(test_reset_signals),
		cmocka_unit_test(test_helper_output),
		cmocka_unit_test(test_helper_input),
		cmocka_unit_test(test_helper_output_cap),
		cmocka_unit_test(test_helper_deadline),
		cmocka_unit_test(test_helper_daemon),
		cmocka_unit_test(test_helper_cannot_start),
		cmocka_unit_test(test_helper_world),
		cmocka_unit_test(test_helper_given_fds),
	};

	return cmocka_run_group_tests_name("base/proc", tests, NULL, NULL);
}
