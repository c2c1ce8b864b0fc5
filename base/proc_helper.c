/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/proc_helper: runs a helper program (hook, newuidmap, nft) with a deadline. It must not know
 * which one. Called by base/idmap, runtime/life and netns.
 */
#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/auto.h"
#include "base/fd.h"
#include "base/sys.h"
#include "base/ban.h"

#define READ_CHUNK  4096
#define READ_ROUNDS 64

/* Ends that the parent keeps of one run. */
struct run {
	int pidfd;     /* owned */
	int input_fd;  /* owned: what is left of the input goes here */
	int output_fd; /* owned: read end of stdout and stderr */
	int exec_fd;   /* owned: errno of a failed exec, or end of file */
	pid_t pid;
	const char *input; /* what is left to write */
	size_t n_input;
	uint64_t deadline; /* 0 = none */
	size_t max_output;
	struct buf *output; /* borrowed, may be NULL */
};

/* What the child needs. */
struct child_fds {
	int in, out, err; /* borrowed or owned by the caller */
	int exec_fd;
};

static void run_done(struct run *r)
{
	auto_fd_done(&r->pidfd);
	auto_fd_done(&r->input_fd);
	auto_fd_done(&r->output_fd);
	auto_fd_done(&r->exec_fd);
}

/* A write to a helper that closed its stdin must not kill us, and the disposition of SIGPIPE is not
 * ours to change: it is blocked, and one that we caused is taken away. */
struct pipe_guard {
	sigset_t old;
	bool is_on, was_pending;
};

static void pipe_guard_done(struct pipe_guard *g)
{
	static const struct timespec at_once = {0, 0};
	sigset_t set;

	if (!g->is_on)
		return;
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	if (!g->was_pending)
		while (sigtimedwait(&set, NULL, &at_once) < 0 && errno == EINTR)
			;
	sigprocmask(SIG_SETMASK, &g->old, NULL);
	g->is_on = false;
}

static void pipe_guard_on(struct pipe_guard *g)
{
	sigset_t set;

	sigemptyset(&set);
	sigpending(&set);
	g->was_pending = sigismember(&set, SIGPIPE) == 1;
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_BLOCK, &set, &g->old);
	g->is_on = true;
}

/* Milliseconds until the deadline, rounded up; -1 = none. */
static int time_left(const struct run *r)
{
	uint64_t now;

	if (r->deadline == 0)
		return -1;
	now = proc_now_usec();
	return now >= r->deadline ? 0 : (int)((r->deadline - now + 999) / 1000);
}

static _Noreturn void child_fails(int exec_fd, int code)
{
	int r = fd_write_all(exec_fd, &code, sizeof(code));

	(void)r;
	_exit(127);
}

static _Noreturn void child(const struct proc_helper *h, const struct child_fds *c)
{
	int from[3] = {c->in, c->out, c->err};
	int exec_fd = fcntl(c->exec_fd, F_DUPFD_CLOEXEC, 3);

	if (exec_fd < 0)
		_exit(127);
	/* First out of the way of 0 to 2, so that no dup2 below hits a source that is still needed.
	 */
	for (int i = 0; i < 3; i++) {
		from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, 3);
		if (from[i] < 0)
			child_fails(exec_fd, errno);
	}
	for (int i = 0; i < 3; i++) {
		if (dup2(from[i], i) < 0)
			child_fails(exec_fd, errno);
	}
	setsid();
	if (fd_cloexec_from(3) < 0)
		child_fails(exec_fd, EBADF);
	if (h->cwd && chdir(h->cwd) < 0)
		child_fails(exec_fd, errno);
	proc_reset_signals();
	execve(h->path, h->argv, h->envp);
	child_fails(exec_fd, errno);
}

/*
 * Writes what the pipe takes at once while our own read end is still open: a usual hook's state
 * fits, and then nothing is left that could meet a broken pipe.
 */
static int input_pipe(struct run *r, const struct proc_helper *h, int *ret_read_fd)
{
	int ends[2];
	ssize_t n;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	*ret_read_fd = ends[0];
	r->input_fd = ends[1];
	r->input = h->input;
	r->n_input = h->n_input;
	/* Only our end: the helper's must block. They are two open files of one pipe. */
	if (fcntl(ends[1], F_SETFL, O_NONBLOCK) < 0)
		return -errno;
	n = write(r->input_fd, r->input, r->n_input);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		return -errno;
	if (n > 0) {
		r->input += n;
		r->n_input -= (size_t)n;
	}
	if (r->n_input == 0)
		auto_fd_done(&r->input_fd);
	return 0;
}

static int output_pipe(struct run *r, int *ret_write_fd)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	r->output_fd = ends[0];
	*ret_write_fd = ends[1];
	return fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

static int start(struct run *r, const struct proc_helper *h)
{
	AUTO_FD in_fd = FD_NONE, out_fd = FD_NONE, exec_fd = FD_NONE;
	bool wants_pipe = r->output && (h->stdout_fd < 0 || h->stderr_fd < 0);
	struct child_fds c;
	int ends[2], e = 0;

	if (h->input && h->n_input)
		e = input_pipe(r, h, &in_fd);
	else if ((in_fd = open("/dev/null", O_RDWR | O_CLOEXEC)) < 0)
		e = -errno;
	if (e == 0 && wants_pipe)
		e = output_pipe(r, &out_fd);
	else if (e == 0 && (out_fd = open("/dev/null", O_WRONLY | O_CLOEXEC)) < 0)
		e = -errno;
	if (e < 0)
		return e;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	r->exec_fd = ends[0];
	exec_fd = ends[1];
	c = (struct child_fds){.in = in_fd,
			       .out = h->stdout_fd >= 0 ? h->stdout_fd : out_fd,
			       .err = h->stderr_fd >= 0 ? h->stderr_fd : out_fd,
			       .exec_fd = exec_fd};
	r->pid = proc_clone(0, -1, &r->pidfd);
	if (r->pid == 0)
		child(h, &c);
	return r->pid < 0 ? r->pid : 0;
}

static void keep_output(struct run *r, const char *p, size_t n)
{
	size_t room = r->output->len < r->max_output ? r->max_output - r->output->len : 0;

	buf_add(r->output, p, n < room ? n : room);
}

/* Reads what is there now; bounded, so that a daemon which writes without end cannot keep us. */
static void read_output(struct run *r)
{
	char chunk[READ_CHUNK];

	for (int i = 0; i < READ_ROUNDS; i++) {
		ssize_t n = read(r->output_fd, chunk, sizeof(chunk));

		if (n > 0) {
			keep_output(r, chunk, (size_t)n);
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0 || errno != EAGAIN)
			auto_fd_done(&r->output_fd);
		return;
	}
}

static void write_input(struct run *r)
{
	ssize_t n = write(r->input_fd, r->input, r->n_input);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		r->input += n;
		r->n_input -= (size_t)n;
	}
	/* EPIPE: it does not want to read, which is its right. */
	if (n < 0 || r->n_input == 0)
		auto_fd_done(&r->input_fd);
}

/* Return: 0 when exec went well, -errno of it, or -ETIMEDOUT. */
static int wait_exec(struct run *r)
{
	for (;;) {
		struct pollfd p = {.fd = r->exec_fd, .events = POLLIN};
		int n = poll(&p, 1, time_left(r)), code = 0;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ETIMEDOUT;
		if (fd_read_all(r->exec_fd, &code, sizeof(code)) != (ssize_t)sizeof(code))
			return 0;
		return code > 0 ? -code : -EIO;
	}
}

/* Serves the pipes until the helper has ended. Return: 0 or -ETIMEDOUT. */
static int serve(struct run *r)
{
	for (;;) {
		struct pollfd p[3] = {{.fd = r->pidfd, .events = POLLIN},
				      {.fd = r->output_fd, .events = POLLIN},
				      {.fd = r->input_fd, .events = POLLOUT}};
		int left = time_left(r);
		int n = poll(p, 3, left);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n < 0)
			continue;
		if (p[1].revents)
			read_output(r);
		if (p[2].revents)
			write_input(r);
		if (p[0].revents)
			return 0;
		if (time_left(r) == 0)
			return -ETIMEDOUT;
	}
}

static void kill_group(const struct run *r)
{
	/* The group exists once setsid was called; the pidfd works before that, too. */
	kill(-r->pid, SIGKILL);
	sys_pidfd_send_signal(r->pidfd, SIGKILL);
}

int proc_run_helper(const struct proc_helper *h, struct buf *ret_output, int *ret_status)
{
	__attribute__((cleanup(run_done))) struct run r = {
		.pidfd = FD_NONE, .input_fd = FD_NONE, .output_fd = FD_NONE, .exec_fd = FD_NONE};
	__attribute__((cleanup(pipe_guard_done))) struct pipe_guard guard = {0};
	int e, status = 0, waited;

	r.output = ret_output;
	r.max_output = ret_output ? ret_output->len + h->max_output : 0;
	if (h->timeout_ms >= 0)
		r.deadline = proc_now_usec() + (uint64_t)h->timeout_ms * 1000;
	e = start(&r, h);
	if (e < 0)
		return e;
	if (r.input_fd >= 0)
		pipe_guard_on(&guard);
	e = wait_exec(&r);
	if (e == 0)
		e = serve(&r);
	if (e < 0)
		kill_group(&r);
	waited = proc_wait(r.pidfd, -1, &status);
	if (r.output_fd >= 0 && ret_output)
		read_output(&r);
	if (e < 0)
		return e;
	if (waited < 0)
		return waited;
	*ret_status = status;
	return 0;
}

int proc_find_program(const char *name, char *ret, size_t size)
{
	const char *path = getenv("PATH");
	AUTO(buf) all = {0};

	buf_printf(&all, "%s:/usr/sbin:/usr/bin:/sbin:/bin", path ? path : "");
	for (const char *at = all.data; *at; at += *at == ':') {
		size_t n = strcspn(at, ":");
		struct stat st;
		int len = snprintf(ret, size, "%.*s/%s", (int)n, at, name);

		if (*at == '/' && len > 0 && (size_t)len < size && stat(ret, &st) == 0 &&
		    S_ISREG(st.st_mode) && access(ret, X_OK) == 0)
			return 0;
		at += n;
	}
	return -ENOENT;
}
