/* SPDX-License-Identifier: Apache-2.0 */
/* base/proc: processes by pidfd; identity by start time; running a helper program with a deadline.
 */
#ifndef STIVA_BASE_PROC_H
#define STIVA_BASE_PROC_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/err.h"
#include "base/mem.h"

/*
 * clone3(2) like fork: the child returns 0 on a copy of the stack. cgroup_fd >= 0 adds
 * CLONE_INTO_CGROUP. *ret_pidfd is the child's (CLOEXEC), untouched in the child.
 * Return: pid, 0 in the child, or -errno.
 */
pid_t proc_clone(uint64_t flags, int cgroup_fd, int *ret_pidfd);

/* Field 22 of /proc/PID/stat, in clock ticks since boot; parsed after the last ')'. */
int proc_start_time(pid_t pid, uint64_t *ret_ticks);
/* State letter of /proc/PID/stat ('R','S','Z',...) with the start time in one read. */
int proc_stat(pid_t pid, char *ret_state, uint64_t *ret_ticks);
/*
 * A pidfd of `pid` if its start time is `ticks` and it is not a zombie. Return: fd, -ESRCH when the
 * process is gone, a zombie or another one.
 */
int proc_open_checked(pid_t pid, uint64_t ticks);

/* Waits until the child of this pidfd ends. timeout_ms -1 = for ever; -ETIMEDOUT.
 * ret_status: exit code, or 128 + signal number. Return: 0 or -errno. Reaps the child. */
int proc_wait(int pidfd, int timeout_ms, int *ret_status);
/* Waits until a process (child or not) ends, without reaping. */
int proc_wait_gone(int pidfd, int timeout_ms);

/* How the process of this pidfd, which has ended and is no child of ours, did so: as proc_wait.
 * ticks: its start time. -ENODATA when the kernel does not tell (before 6.15, once it is reaped).
 */
int proc_exit_status(int pidfd, pid_t pid, uint64_t ticks, int *ret_status);

/* Opens the namespace file `path` and proves that it is one of the kind CLONE_NEW* (0 = any).
 * Return: fd, -ENOTTY when it is no namespace (nsfs), -EINVAL when it is another kind, -errno of
 * open. */
int proc_ns_open(const char *path, int kind);

/* All dispositions to default, all signals unblocked: for a child just before exec. */
void proc_reset_signals(void);
/* An absolute deadline helper: CLOCK_MONOTONIC now, in microseconds. */
uint64_t proc_now_usec(void);

/* The program of that name in $PATH, or where distributions have it. Relative folders of $PATH are
 * passed over. Return: 0, -ENOENT. */
int proc_find_program(const char *name, char *ret, size_t size);

struct proc_helper {
	const char *path; /* absolute */
	char *const *argv;
	char *const *envp; /* exactly this environment */
	const char *cwd;   /* NULL: as is */
	const void *input; /* written to its stdin by poll, EPIPE ignored; NULL = /dev/null */
	size_t n_input;
	int timeout_ms;	   /* -1 = none; at expiry the helper's whole process group is killed */
	size_t max_output; /* of stdout+stderr kept in ret_output; more is read and dropped */
	int stdout_fd, stderr_fd; /* >= 0: given to the helper as they are instead of the capture */
};
/*
 * Runs it in its own session and waits for its end (not for the end of its output: a daemon that
 * keeps the pipe open does not hang us). ret_status as proc_wait. -ETIMEDOUT after killing.
 * -errno of exec is returned when it cannot be started.
 */
int proc_run_helper(const struct proc_helper *h, struct buf *ret_output, int *ret_status);

#endif
