/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/proc: processes by pidfd and their identity by start time. It must not know what a process
 * is for; helper programs are in proc_helper.c. Called by every room but spec.
 */
#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "base/auto.h"
#include "base/file.h"
#include "base/num.h"
#include "base/sys.h"
#include "base/ban.h"

/* Fields of /proc/PID/stat are few and short; only the name (at most 64 bytes escaped) varies. */
#define STAT_MAX 2048
/* Of the words behind the name: state is 3, starttime 22 (man 5 proc). */
#define STAT_FIELD_STATE 3
#define STAT_FIELD_START 22

int proc_ns_open(const char *path, int kind)
{
	struct statfs fs;
	/* O_NONBLOCK: the path may name a FIFO. */
	AUTO_FD fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (fstatfs(fd, &fs) < 0 || fs.f_type != NSFS_MAGIC)
		return -ENOTTY;
	if (kind && ioctl(fd, NS_GET_NSTYPE) != kind)
		return -EINVAL;
	return fd_take(&fd);
}

/* Seccomp profiles hide clone3(2), whose flags they cannot see, behind ENOSYS (an outer
 * container's, or the container's own when its startContainer hooks run). Return: as proc_clone. */
static long clone_old(uint64_t flags, int *ret_pidfd)
{
#if defined(__s390x__)
	return syscall(SYS_clone, 0, flags | CLONE_PIDFD | SIGCHLD, ret_pidfd, 0, 0);
#else
	return syscall(SYS_clone, flags | CLONE_PIDFD | SIGCHLD, 0, ret_pidfd, 0, 0);
#endif
}

pid_t proc_clone(uint64_t flags, int cgroup_fd, int *ret_pidfd)
{
	struct clone_args args = {.flags = flags | CLONE_PIDFD, .exit_signal = SIGCHLD};
	int pidfd = FD_NONE;
	long r;

	/* On a shared stack the two returns would destroy each other. */
	if (flags & (CLONE_VM | CLONE_THREAD))
		return -EINVAL;
	args.pidfd = (uint64_t)(uintptr_t)&pidfd;
	/* A sibling signals its parent as this process does; clone3 wants 0 here (man 2 clone3). */
	if (flags & CLONE_PARENT)
		args.exit_signal = 0;
	if (cgroup_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)(unsigned)cgroup_fd;
	}
	r = syscall(SYS_clone3, &args, sizeof(args));
	if (r < 0 && errno == ENOSYS && cgroup_fd < 0 && !(flags & CSIGNAL) && flags <= UINT32_MAX)
		r = clone_old(flags, &pidfd);
	if (r < 0)
		return -errno;
	if (r > 0)
		*ret_pidfd = pidfd;
	return (pid_t)r;
}

/* The text behind the last ')' of the line: the name before it may hold anything, ") R 1" too. */
static int read_stat(pid_t pid, char buf[STAT_MAX], const char **ret_fields)
{
	char path[32];
	char *end;
	int n;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	n = file_read_kernel(AT_FDCWD, path, buf, STAT_MAX);
	if (n < 0)
		return n == -ENOENT ? -ESRCH : n;
	end = strrchr(buf, ')');
	if (!end || end[1] != ' ')
		return -EBADMSG;
	*ret_fields = end + 2;
	return 0;
}

int proc_stat(pid_t pid, char *ret_state, uint64_t *ret_ticks)
{
	char buf[STAT_MAX];
	const char *s;
	int r = read_stat(pid, buf, &s);
	char state;

	if (r < 0)
		return r;
	state = *s;
	for (int i = STAT_FIELD_STATE; i < STAT_FIELD_START; i++) {
		s = strchr(s, ' ');
		if (!s)
			return -EBADMSG;
		s++;
	}
	r = num_u64n(s, strcspn(s, " \n"), ret_ticks);
	if (r < 0)
		return -EBADMSG;
	*ret_state = state;
	return 0;
}

int proc_start_time(pid_t pid, uint64_t *ret_ticks)
{
	char state;

	return proc_stat(pid, &state, ret_ticks);
}

int proc_open_checked(pid_t pid, uint64_t ticks)
{
	AUTO_FD fd = pid > 0 ? sys_pidfd_open(pid, 0) : -ESRCH;
	uint64_t now;
	char state;
	int r;

	/* EINVAL: a thread's number, so not the process we knew. */
	if (fd < 0)
		return fd == -EINVAL ? -ESRCH : fd;
	r = proc_stat(pid, &state, &now);
	if (r < 0)
		return r;
	if (now != ticks)
		return -ESRCH;
	/* Not ended by now: so the number was this process's while stat was read. A zombie is
	 * readable here too; a leader that left its threads behind (state Z as well) is not. */
	r = proc_wait_gone(fd, 0);
	if (r == -ETIMEDOUT)
		return fd_take(&fd);
	return r < 0 ? r : -ESRCH;
}

uint64_t proc_now_usec(void)
{
	struct timespec t = {0, 0};

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

int proc_wait_gone(int pidfd, int timeout_ms)
{
	uint64_t deadline = timeout_ms > 0 ? proc_now_usec() + (uint64_t)timeout_ms * 1000 : 0;
	int left = timeout_ms;

	for (;;) {
		struct pollfd p = {.fd = pidfd, .events = POLLIN};
		int n = poll(&p, 1, left);
		uint64_t now;

		if (n > 0)
			return p.revents & POLLNVAL ? -EBADF : 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (timeout_ms < 0)
			continue;
		now = proc_now_usec();
		if (n == 0 || now >= deadline)
			return -ETIMEDOUT;
		left = (int)((deadline - now + 999) / 1000);
	}
}

int proc_wait(int pidfd, int timeout_ms, int *ret_status)
{
	siginfo_t info = {0};
	int r;

	if (timeout_ms >= 0) {
		r = proc_wait_gone(pidfd, timeout_ms);
		if (r < 0)
			return r;
	}
	do {
		r = waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | __WALL);
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	*ret_status = info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
	return 0;
}

void proc_reset_signals(void)
{
	/* The kernel's own struct: libc refuses signals 32 and 33, which a parent may have ignored.
	 */
	struct {
		void *handler;
		unsigned long flags;
		void *restorer;
		uint64_t mask;
	} standard = {0};
	sigset_t none;

	for (int sig = 1; sig <= 64; sig++) {
		if (sig != SIGKILL && sig != SIGSTOP)
			syscall(SYS_rt_sigaction, sig, &standard, NULL, sizeof(uint64_t));
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}
