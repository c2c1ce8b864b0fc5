/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint/watchdog: see watchdog.h. */
#include "checkpoint/watchdog.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/proc.h"
#include "base/sys.h"
#include "cgroups/cgroups.h"
#include "base/ban.h"

#define NAME	"stiva:watchdog"
#define THAW_MS 10000

/* What the two say: we, that it may go; the child, that it acts. One byte each. */
#define STAND_DOWN 'd'
#define FIRED	   'f'

void ckpt_watchdog_thaw(void *ctx)
{
	struct err ignored = ERR_INIT;

	(void)!cg_freeze(ctx, false, THAW_MS, &ignored);
}

void ckpt_watchdog_kill(void *ctx)
{
	struct err ignored = ERR_INIT;

	(void)!cg_kill(ctx, &ignored);
}

/* One word, -1 at the end. A peer that ended without reading all is told before its last word. */
static int hear(int fd, int flags)
{
	char word;

	for (int i = 0; i < 2; i++) {
		ssize_t n;

		do
			n = recv(fd, &word, 1, flags);
		while (n < 0 && errno == EINTR);
		if (n == 1)
			return word;
		if (n == 0 || errno != ECONNRESET)
			break;
	}
	return -1;
}

/* ---- the child ---- */

/* The smallest of the kept ones that is not below `from`; -1: none. */
static int next_kept(const int *keep, size_t n, int own, int from)
{
	int least = own >= from ? own : -1;

	for (size_t i = 0; i < n; i++)
		if (keep[i] >= from && (least < 0 || keep[i] < least))
			least = keep[i];
	return least;
}

int ckpt_watchdog_alone(const int *keep, size_t n, int own)
{
	AUTO_FD null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	int from = 3, kept, r = 0;

	if (null_fd < 0)
		return -errno;
	for (int i = 0; i < 3; i++)
		if (dup2(null_fd, i) < 0)
			return -errno;
	while (r == 0 && (kept = next_kept(keep, n, own, from)) >= 0) {
		if (kept > from)
			r = sys_close_range((unsigned)from, (unsigned)kept - 1, 0);
		from = kept + 1;
	}
	fd_take(&null_fd); /* closed with the rest */
	return r < 0 ? r : sys_close_range((unsigned)from, UINT_MAX, 0);
}

/* Return: true when it is to act. */
static bool watch(int fd, int max_ms)
{
	const uint64_t end = proc_now_usec() + (uint64_t)(max_ms < 0 ? 0 : max_ms) * 1000;

	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		uint64_t now = proc_now_usec();
		int left = now < end ? (int)((end - now + 999) / 1000) : 0;
		int n = poll(&p, 1, max_ms < 0 ? -1 : left);

		if (n == 0)
			return true;
		if (n < 0 && errno != EINTR)
			return true;
		/* No word but the end: the maker has died. */
		if (n > 0)
			return hear(fd, 0) != STAND_DOWN;
	}
}

static void be(const struct ckpt_watchdog_job *job, int fd)
{
	const char word = FIRED;
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	/* Neither the terminal nor a kill of the maker's process group reaches it. */
	(void)setsid();
	(void)prctl(PR_SET_NAME, NAME);
	int r = ckpt_watchdog_alone(job->keep, job->n_keep, fd);

	if (r < 0)
		_exit(1);
	/* Ready. */
	if (send(fd, &word, 1, MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET)
		_exit(1);
	if (watch(fd, job->max_ms)) {
		/* First the word: who is told too early errs on the safe side. */
		(void)!send(fd, &word, 1, MSG_NOSIGNAL);
		job->fire(job->ctx);
	}
	_exit(0);
}

/* ---- the maker ---- */

int ckpt_watchdog_start(const struct ckpt_watchdog_job *job, struct ckpt_watchdog *ret,
			struct err *e)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, errno, "socket to the watchdog");
	AUTO_FD ours = pair[0];
	AUTO_FD its = pair[1];
	int r = proc_clone(0, job->cgroup_fd, &ret->pidfd);

	if (r == 0)
		be(job, its);
	if (r < 0)
		return err_sys(e, r, "start the watchdog");
	auto_fd_done(&its);
	fd_replace(&ret->fd, fd_take(&ours));
	if (hear(ret->fd, 0) >= 0)
		return 0;
	ckpt_watchdog_done(ret);
	return err_set(e, ERR_KERNEL, EIO, "the watchdog did not start");
}

bool ckpt_watchdog_has_fired(const struct ckpt_watchdog *w)
{
	return w->fd >= 0 && hear(w->fd, MSG_PEEK | MSG_DONTWAIT) >= 0;
}

bool ckpt_watchdog_stand_down(struct ckpt_watchdog *w)
{
	const char down = STAND_DOWN;
	bool has_fired;
	int status;

	if (w->pidfd < 0)
		return false;
	if (send(w->fd, &down, 1, MSG_NOSIGNAL) < 0)
		(void)sys_pidfd_send_signal(w->pidfd, SIGKILL);
	/* Its end of the socket closes with it. */
	has_fired = hear(w->fd, 0) >= 0;
	proc_wait(w->pidfd, -1, &status);
	auto_fd_done(&w->fd);
	auto_fd_done(&w->pidfd);
	return has_fired;
}

void ckpt_watchdog_done(struct ckpt_watchdog *w)
{
	(void)ckpt_watchdog_stand_down(w);
}
