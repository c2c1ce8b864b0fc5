/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/life/relay: the foreground supervisor: terminal bytes both ways, window sizes, signals,
 * the end of the process. One poll loop; POLLOUT is asked for only while bytes are pending, so a
 * slow reader costs nothing. The user's terminal is restored on every way out.
 */
#include "runtime/life/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/proc.h"
#include "base/sys.h"
#include "base/ban.h"

/* PIPE_BUF: what a pipe that polls writable takes without blocking. */
#define CHUNK 4096
/* Twice what the kernel buffers for one terminal (drivers/tty/tty_buffer.c: 64 KiB). */
#define DRAIN_CHUNKS 32

struct stream {
	int from_fd, to_fd; /* borrowed; FD_NONE once ended */
	char data[CHUNK];
	size_t start, len; /* pending bytes */
};

/* ---- signals ---- */

int life_relay_signals(int *ret_fd, struct err *e)
{
	/* Not forwarded: SIGPIPE and SIGURG are ours (U51), the faults cannot be blocked sensibly.
	 */
	static const int not_ours[] = {SIGPIPE, SIGURG,	 SIGSEGV, SIGBUS,  SIGFPE,
				       SIGILL,	SIGABRT, SIGTRAP, SIGTTIN, SIGTTOU};
	sigset_t set;

	sigfillset(&set);
	for (size_t i = 0; i < sizeof(not_ours) / sizeof(not_ours[0]); i++)
		sigdelset(&set, not_ours[i]);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return err_sys(e, errno, "block signals");
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);

	if (fd < 0)
		return err_sys(e, errno, "make a signalfd");
	*ret_fd = fd;
	signal(SIGPIPE, SIG_IGN);
	return 0;
}

static void resize(const struct life_relay *r)
{
	struct winsize ws;

	if (r->master_fd >= 0 && ioctl(STDIN_FILENO, TIOCGWINSZ, &ws) == 0)
		(void)ioctl(r->master_fd, TIOCSWINSZ, &ws);
}

/* Zombies of a container without a pid namespace would stay until we end. Init itself is
 * proc_wait's business; once it is first in the list, the end is near anyway. */
static void reap_orphans(const struct life_relay *r)
{
	for (;;) {
		siginfo_t si = {0};

		if (waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT | __WALL) < 0 ||
		    si.si_pid == 0 || si.si_pid == r->pid)
			return;
		(void)waitid(P_PID, (id_t)si.si_pid, &si, WEXITED | WNOHANG | __WALL);
	}
}

static void forward_signals(const struct life_relay *r)
{
	struct signalfd_siginfo si;

	while (read(r->signal_fd, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		if (si.ssi_signo == SIGWINCH)
			resize(r);
		else if (si.ssi_signo == SIGCHLD && r->reaps)
			reap_orphans(r);
		else if (si.ssi_signo != SIGCHLD)
			(void)sys_pidfd_send_signal(r->pidfd, (int)si.ssi_signo);
	}
}

/* ---- bytes ---- */

static void stream_end(struct stream *s)
{
	s->from_fd = FD_NONE;
}

/* Reads when nothing is pending. */
static void stream_read(struct stream *s)
{
	ssize_t n = read(s->from_fd, s->data, sizeof(s->data));

	if (n > 0) {
		s->start = 0;
		s->len = (size_t)n;
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		/* A terminal's master says EIO once the last slave is closed. */
		stream_end(s);
	}
}

static void stream_write(struct stream *s)
{
	ssize_t n = write(s->to_fd, s->data + s->start, s->len);

	if (n > 0) {
		s->start += (size_t)n;
		s->len -= (size_t)n;
	} else if (n < 0 && errno != EAGAIN && errno != EINTR) {
		/* Nobody reads any more: drop, but keep draining, or the program would block. */
		s->len = 0;
		if (s->to_fd != STDOUT_FILENO)
			stream_end(s);
	}
}

static void stream_poll(struct stream *s, struct pollfd *in, struct pollfd *out)
{
	*in = (struct pollfd){.fd = s->len ? -1 : s->from_fd, .events = POLLIN};
	*out = (struct pollfd){.fd = s->len ? s->to_fd : -1, .events = POLLOUT};
}

static void stream_step(struct stream *s, const struct pollfd *in, const struct pollfd *out)
{
	if (in->fd >= 0 && in->revents)
		stream_read(s);
	if (out->fd >= 0 && out->revents)
		stream_write(s);
}

/* After the end of the process: what the terminal still holds (crun OCPBUGS-59854), and no more: a
 * process that it left behind may write for ever. */
static void stream_drain(struct stream *s)
{
	for (int i = 0; i < DRAIN_CHUNKS && s->from_fd >= 0; i++) {
		struct pollfd p = {.fd = s->from_fd, .events = POLLIN};

		if (!s->len && poll(&p, 1, 0) <= 0)
			break;
		if (!s->len)
			stream_read(s);
		while (s->len) {
			struct pollfd w = {.fd = s->to_fd, .events = POLLOUT};

			if (poll(&w, 1, 10000) <= 0)
				return;
			stream_write(s);
		}
	}
}

/* ---- the terminal ---- */

struct raw_terminal {
	bool is_raw;
	struct termios old;
};

static void raw_terminal_done(struct raw_terminal *t)
{
	if (t->is_raw)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &t->old);
	t->is_raw = false;
}

static void make_raw(struct raw_terminal *t)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &t->old) < 0)
		return;
	raw = t->old;
	cfmakeraw(&raw);
	/* The container's terminal leaves line ends to this one (init/steps.c). */
	raw.c_oflag = t->old.c_oflag;
	t->is_raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

/* ---- the loop ---- */

enum { FD_IN, FD_IN_OUT, FD_OUT_IN, FD_OUT, FD_SIGNAL, FD_NOTIFY, FD_PID, FD_N };

int life_relay(struct life_relay *r, int *ret_status, struct err *e)
{
	AUTO(raw_terminal) terminal = {0};
	struct stream in = {.from_fd = FD_NONE, .to_fd = FD_NONE};
	struct stream out = {.from_fd = FD_NONE, .to_fd = FD_NONE};

	if (r->master_fd >= 0) {
		in = (struct stream){.from_fd = STDIN_FILENO, .to_fd = r->master_fd};
		out = (struct stream){.from_fd = r->master_fd, .to_fd = STDOUT_FILENO};
		(void)fcntl(r->master_fd, F_SETFL, O_NONBLOCK);
		make_raw(&terminal);
		resize(r);
	}
	for (;;) {
		struct pollfd p[FD_N] = {
			[FD_SIGNAL] = {.fd = r->signal_fd, .events = POLLIN},
			[FD_NOTIFY] = {.fd = r->notify_fd, .events = POLLIN},
			[FD_PID] = {.fd = r->pidfd, .events = POLLIN},
		};

		stream_poll(&in, &p[FD_IN], &p[FD_IN_OUT]);
		stream_poll(&out, &p[FD_OUT_IN], &p[FD_OUT]);
		if (poll(p, FD_N, -1) < 0 && errno != EINTR)
			return err_sys(e, errno, "wait for the container");
		stream_step(&in, &p[FD_IN], &p[FD_IN_OUT]);
		stream_step(&out, &p[FD_OUT_IN], &p[FD_OUT]);
		if (p[FD_SIGNAL].revents)
			forward_signals(r);
		if (p[FD_NOTIFY].revents)
			(void)life_notify_forward(r->notify_fd, r->pid);
		if (p[FD_PID].revents)
			break;
	}
	stream_drain(&out);
	int rc = proc_wait(r->pidfd, -1, ret_status);

	return rc < 0 ? err_sys(e, rc, "wait for the container's end") : 0;
}
