// SPDX-License-Identifier: Apache-2.0
/*
 * probe: a line with a delay and a rate, where the kernel has no netem:
 *
 *   slow MS BYTES_PER_SECOND -- CMD ARGS...   each way; 0: no bound
 *
 * A process for each way: what came is held until its time, at most HELD_MAX of it; the end too.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "probe.h"

#define PIECE	 16384
#define HELD_MAX 1024 /* pieces */

struct piece {
	uint64_t due; /* us */
	size_t n;     /* 0: the end */
	char data[PIECE];
};

static uint64_t now_usec(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* One way, until its end. */
static void carry(int in, int out, uint64_t lag, uint64_t rate)
{
	struct piece *ring = calloc(HELD_MAX, sizeof(*ring));
	size_t first = 0, held = 0;
	uint64_t free_at = 0; /* when the line has sent what it has */
	int has_end = 0;

	if (!ring)
		die("calloc");
	while (!has_end || held) {
		struct piece *p = &ring[first];
		uint64_t now = now_usec();

		if (held && p->due <= now) {
			if (!p->n)
				return;
			write_all(out, p->data, p->n);
			first = (first + 1) % HELD_MAX;
			held--;
			continue;
		}
		struct pollfd f = {.fd = has_end || held == HELD_MAX ? -1 : in, .events = POLLIN};

		if (poll(&f, 1, held ? (int)((p->due - now + 999) / 1000) : -1) <= 0 || !f.revents)
			continue;
		p = &ring[(first + held) % HELD_MAX];
		ssize_t n = read(in, p->data, PIECE);

		if (n < 0 && errno == EINTR)
			continue;
		now = now_usec();
		if (free_at < now)
			free_at = now;
		p->n = n > 0 ? (size_t)n : 0;
		has_end = n <= 0;
		if (rate)
			free_at += p->n * 1000000 / rate;
		p->due = free_at + lag;
		held++;
	}
}

static pid_t carrier(int in, int out, int other, uint64_t lag, uint64_t rate)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid)
		return pid;
	if (other >= 0)
		close(other);
	carry(in, out, lag, rate);
	(void)shutdown(out, SHUT_WR);
	_exit(0);
}

static int cmd_slow(int argc, char **argv)
{
	int ends[2], status;

	if (argc < 5 || strcmp(argv[3], "--") != 0) {
		fprintf(stderr, "usage: slow MS BYTES_PER_SECOND -- CMD ARGS...\n");
		return 2;
	}
	const uint64_t lag = (uint64_t)number(argv[1]) * 1000, rate = (uint64_t)number(argv[2]);

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		die("socketpair");
	pid_t cmd = fork();

	if (cmd == 0) {
		if (dup2(ends[1], 0) < 0 || dup2(ends[1], 1) < 0)
			_exit(126);
		execvp(argv[4], argv + 4);
		die(argv[4]);
	}
	close(ends[1]);
	pid_t to = carrier(0, ends[0], 1, lag, rate), from = carrier(ends[0], 1, 0, lag, rate);

	close(0);
	close(1);
	close(ends[0]);
	/* What it said is passed on before its end is told. */
	if (cmd < 0 || waitpid(from, NULL, 0) < 0 || waitpid(cmd, &status, 0) < 0)
		die("wait");
	kill(to, SIGKILL);
	waitpid(to, NULL, 0);
	return shell_status(status);
}

const struct probe_command commands_slow[] = {
	{"slow", cmd_slow, "MS BYTES_PER_SECOND -- CMD"},
	{0},
};
