/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of runtime/life/spawn and wait: namespaces to join, the clone, a child that dies or says
 * nothing. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <sched.h>
#include "base/fd.h"
#include "base/file.h"
#include "base/proc.h"
#include "base/str.h"
#include "runtime/life/internal.h"
#include "tests/unit/story.h"
#include "base/ban.h"

static struct spec_linux linux_conf;
static struct spec_config conf = {.linux_ = &linux_conf};
static struct spec_namespace spaces[4];
static struct init_job job;

static int plan(enum spec_ns_type type, const char *path)
{
	spaces[0] = (struct spec_namespace){.type = {true, (int)type}, .path = (char *)path};
	linux_conf.namespaces.v = spaces;
	linux_conf.namespaces.n = 1;
	job = (struct init_job){0};
	init_job_reset(&job);
	err_clear(&e);
	return life_spawn_plan(&conf, &job.ns, &e);
}

static void test_namespaces_by_path(void **state)
{
	(void)state;
	assert_int_equal(plan(SPEC_NS_NETWORK, "/proc/self/ns/net"), 0);
	assert_true(job.ns.join_fd[SPEC_NS_NETWORK] >= 0);
	assert_int_equal(job.ns.clone_flags, 0);
	life_spawn_plan_done(&job.ns);
	assert_int_equal(job.ns.join_fd[SPEC_NS_NETWORK], FD_NONE);
	assert_int_equal(plan(SPEC_NS_NETWORK, "/proc/self/ns/uts"), -EINVAL);
	HAS("linux.namespaces[0].path: \"/proc/self/ns/uts\" is not a network namespace");
	assert_int_equal(plan(SPEC_NS_NETWORK, "/etc/passwd"), -EINVAL);
	HAS("is not a network namespace");
	assert_int_equal(plan(SPEC_NS_NETWORK, "/dev/null"), -EINVAL);
	assert_int_equal(plan(SPEC_NS_NETWORK, "/proc/999999999/ns/net"), -ENOENT);
	assert_int_equal(plan(SPEC_NS_MOUNT, "/proc/self/ns/mnt"), -EINVAL);
	HAS("is the mount namespace of the host");
	for (int t = 0; t < SPEC_NS_N; t++)
		assert_int_equal(job.ns.join_fd[t], FD_NONE);
}

static void test_a_fifo_is_not_waited_for(void **state)
{
	char path[] = "/tmp/stiva-fifo.XXXXXX";

	(void)state;
	close(mkstemp(path));
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(plan(SPEC_NS_IPC, path), -EINVAL);
	unlink(path);
}

static void test_new_namespaces(void **state)
{
	(void)state;
	assert_int_equal(plan(SPEC_NS_PID, NULL), 0);
	assert_int_equal(job.ns.clone_flags, CLONE_NEWPID);
	assert_int_equal(plan(SPEC_NS_CGROUP, NULL), 0);
	assert_true(job.ns.new_cgroup && job.ns.clone_flags == 0);
	assert_int_equal(plan(SPEC_NS_TIME, NULL), 0);
	assert_true(job.ns.new_time && job.ns.clone_flags == 0);
	if (geteuid() == 0) {
		assert_int_equal(plan(SPEC_NS_USER, NULL), -EINVAL);
		HAS("needs uidMappings and gidMappings");
	}
}

/* ---- the clone, with a child that says what the test wants ---- */

static int (*says)(int sock_fd);

static _Noreturn void entry(struct init_job *j)
{
	_exit(says(j->sock_fd));
}

static void spawn(int (*fn)(int), struct life_child *c)
{
	says = fn;
	linux_conf = (struct spec_linux){0};
	job = (struct init_job){.conf = &conf};
	init_job_reset(&job);
	*c = (struct life_child)LIFE_CHILD_INIT;
	OK(life_spawn(&job, &(const struct life_seat){NULL, FD_NONE, 0}, entry, c, &e));
	assert_true(c->pid > 0 && c->pidfd >= 0 && c->sock_fd >= 0);
}

static void end(struct life_child *c)
{
	life_spawn_kill(c);
	life_spawn_kill(c);
	life_child_done(c);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static int say_ready(int fd)
{
	return init_proto_send(fd, INIT_MSG_READY, NULL, 0, NULL, 0, &e) < 0;
}

static int say_nothing(int fd)
{
	(void)fd;
	pause();
	return 0;
}

static int end_with_7(int fd)
{
	(void)fd;
	return 7;
}

static int die(int fd)
{
	(void)fd;
	raise(SIGKILL);
	return 0;
}

static void test_messages_and_ends(void **state)
{
	struct life_child c;
	struct msg m;

	(void)state;
	spawn(say_ready, &c);
	OK(life_wait_expect(&c, INIT_MSG_READY, 10000, &m, &e));
	msg_done(&m);
	end(&c);

	spawn(end_with_7, &c);
	FAILS(EPIPE, life_wait_expect(&c, INIT_MSG_READY, 10000, &m, &e));
	assert_int_equal(life_spawn_explain(&c, NULL, &e), -ECHILD);
	HAS("init ended with status 7 during its setup");
	end(&c);

	spawn(die, &c);
	FAILS(EPIPE, life_wait_expect(&c, INIT_MSG_READY, 10000, &m, &e));
	assert_int_equal(life_spawn_explain(&c, NULL, &e), -ECHILD);
	HAS("killed by signal 9");
	end(&c);

	/* Another error is not explained away. */
	spawn(say_nothing, &c);
	FAILS(ETIMEDOUT, life_wait_expect(&c, INIT_MSG_READY, 20, &m, &e));
	HAS("READY");
	assert_int_equal(life_spawn_explain(&c, NULL, &e), -ETIMEDOUT);
	end(&c);
}

/* As an older engine's profile does it. */
static int hide_clone3(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog p = {sizeof(code) / sizeof(code[0]), code};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p) < 0;
}

/* In a process of its own, which keeps the filter. Return: its exit status. */
static int spawn_hidden(const struct life_seat *seat)
{
	struct life_child c = LIFE_CHILD_INIT;
	char want[16], has[16];
	struct msg m;

	says = say_ready;
	linux_conf = (struct spec_linux){0};
	job = (struct init_job){.conf = &conf};
	init_job_reset(&job);
	err_clear(&e);
	if (hide_clone3() != 0)
		return 77;
	if (life_spawn(&job, seat, entry, &c, &e) < 0)
		return 1;
	snprintf(want, sizeof(want), "%d", (int)c.pid);
	if (file_read_kernel(seat->fd, "cgroup.procs", has, sizeof(has)) < 0 || !str_eq(want, has))
		return 2;
	return life_wait_expect(&c, INIT_MSG_READY, 10000, &m, &e) < 0 ? 3 : 0;
}

/* A plain directory: what is written there is seen. */
static void test_without_clone3_it_is_moved(void **state)
{
	static struct cg cg = CG_NONE;
	char dir[] = "/tmp/stiva-spawn.XXXXXX";
	int status = 0;

	(void)state;
	assert_non_null(mkdtemp(dir));
	AUTO_FD fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	close(openat(fd, "cgroup.procs", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	pid_t pid = fork();

	if (pid == 0)
		_exit(spawn_hidden(&(const struct life_seat){&cg, fd, 0}));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	unlinkat(fd, "cgroup.procs", 0);
	rmdir(dir);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_a_signal_ends_the_wait(void **state)
{
	AUTO_FD abort_fd = FD_NONE;
	struct life_child c;
	struct msg m;

	(void)state;
	OK(life_wait_signals(&abort_fd, &e));
	spawn(say_nothing, &c);
	c.abort_fd = abort_fd;
	kill(getpid(), SIGTERM);
	FAILS(EINTR, life_wait_expect(&c, INIT_MSG_READY, -1, &m, &e));
	HAS("interrupted by SIGTERM");
	/* Taken: not told twice. */
	FAILS(ETIMEDOUT, life_wait_expect(&c, INIT_MSG_READY, 20, &m, &e));
	end(&c);
	proc_reset_signals();
}

/* ---- the launch ---- */

static int launch_then(int fd)
{
	return init_proto_send(fd, INIT_MSG_LAUNCH, NULL, 0, NULL, 0, &e) < 0;
}

static int launch_then_fail(int fd)
{
	struct err theirs = ERR_INIT;

	if (init_proto_send(fd, INIT_MSG_LAUNCH, NULL, 0, NULL, 0, &e) < 0)
		return 1;
	err_set(&theirs, ERR_INPUT, ENOEXEC, "exec format error");
	init_proto_fail(fd, &theirs);
	return 1;
}

static void test_launch(void **state)
{
	struct life_launch l = {NULL, NULL, NULL, FD_NONE, 0};
	struct life_child c;

	(void)state;
	spawn(launch_then, &c);
	OK(life_start_wait(c.sock_fd, &l, &e));
	end(&c);
	spawn(launch_then_fail, &c);
	FAILS(ENOEXEC, life_start_wait(c.sock_fd, &l, &e));
	HAS("exec format error");
	end(&c);
	spawn(end_with_7, &c);
	FAILS(EPIPE, life_start_wait(c.sock_fd, &l, &e));
	HAS("before it could run the program");
	end(&c);
	spawn(say_ready, &c);
	FAILS(EBADMSG, life_start_wait(c.sock_fd, &l, &e));
	HAS("unexpected message READY");
	end(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_namespaces_by_path),
		cmocka_unit_test(test_a_fifo_is_not_waited_for),
		cmocka_unit_test(test_new_namespaces),
		cmocka_unit_test(test_messages_and_ends),
		cmocka_unit_test(test_without_clone3_it_is_moved),
		cmocka_unit_test(test_a_signal_ends_the_wait),
		cmocka_unit_test(test_launch),
	};

	return cmocka_run_group_tests_name("runtime-life/spawn", tests, NULL, NULL);
}
