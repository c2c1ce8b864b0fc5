/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/life/wait: waiting for the child's messages without turning a deaf ear to the user: a
 * SIGINT or SIGTERM to create, run or exec undoes what was begun, instead of leaving it half-made
 * (security.md R21). No handler, no global: the signals are blocked and read from a signalfd where
 * we wait. Called by spawn.c, create.c, start.c and exec.c.
 */
#include "runtime/life/internal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/num.h"
#include "base/proc.h"
#include "base/ban.h"

int life_wait_signals(int *ret_fd, struct err *e)
{
	/* What ends a process by default and may come from a user or a service manager. */
	static const int asks[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(asks) / sizeof(asks[0]); i++)
		sigaddset(&set, asks[i]);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return err_sys(e, errno, "block signals");
	int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);

	if (fd < 0)
		return err_sys(e, errno, "make a signalfd");
	*ret_fd = fd;
	return 0;
}

int life_wait_tell(int abort_fd, struct err *e)
{
	struct signalfd_siginfo si = {0};
	char name[16];

	if (read(abort_fd, &si, sizeof(si)) != (ssize_t)sizeof(si))
		return 0;
	return err_set(e, ERR_STATE, EINTR, "interrupted by %s",
		       num_signal_name((int)si.ssi_signo, name));
}

int life_wait_readable(int sock_fd, int abort_fd, int timeout_ms, struct err *e)
{
	uint64_t end = proc_now_usec() + (uint64_t)(timeout_ms > 0 ? timeout_ms : 0) * 1000;

	for (;;) {
		struct pollfd p[] = {{.fd = sock_fd, .events = POLLIN},
				     {.fd = abort_fd, .events = POLLIN}};
		uint64_t now = timeout_ms >= 0 ? proc_now_usec() : 0;
		int left = timeout_ms < 0 ? -1 : now >= end ? 0 : (int)((end - now + 999) / 1000);
		int n = poll(p, 2, left);

		if (n < 0 && errno != EINTR)
			return err_sys(e, errno, "wait for the container's init");
		if (n > 0 && p[1].revents) {
			int r = life_wait_tell(abort_fd, e);

			if (r < 0)
				return r;
		}
		if (n > 0 && p[0].revents)
			return 0;
		if (n == 0 && left == 0)
			return err_set(e, ERR_BUSY, ETIMEDOUT,
				       "no answer of the container's init in %d s",
				       timeout_ms / 1000);
	}
}

int life_wait_expect(const struct life_child *c, enum init_message want, int timeout_ms,
		     struct msg *m, struct err *e)
{
	int r = life_wait_readable(c->sock_fd, c->abort_fd, timeout_ms, e);

	if (r < 0)
		return err_prefix(e, "waiting for %s", init_proto_name(want));
	return init_proto_expect(c->sock_fd, want, -1, m, e);
}
