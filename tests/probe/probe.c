// SPDX-License-Identifier: Apache-2.0
/*
 * probe: the static helper program of the bats suite. Inside a container it reports what the
 * container really is (identity, limits, terminal, descriptors, system calls) one fact a line, in a
 * form that a test compares as text; outside it plays the peers of a runtime (a terminal, a console
 * socket, a notify socket). Each group of subcommands has a file of its own; this one only finds
 * the subcommand.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "probe.h"

void die(const char *what)
{
	fprintf(stderr, "probe: %s: %s\n", what, strerror(errno));
	exit(1);
}

long number(const char *text)
{
	char *end;
	long v;

	errno = 0;
	v = strtol(text, &end, 0);
	if (errno || end == text || *end) {
		errno = EINVAL;
		die(text);
	}
	return v;
}

void write_all(int fd, const void *data, size_t n)
{
	const char *p = data;

	while (n > 0) {
		ssize_t did = write(fd, p, n);

		if (did < 0 && errno == EINTR)
			continue;
		if (did < 0)
			die("write");
		p += did;
		n -= (size_t)did;
	}
}

int shell_status(int wait_status)
{
	if (WIFSIGNALED(wait_status))
		return 128 + WTERMSIG(wait_status);
	return WEXITSTATUS(wait_status);
}

static const struct probe_command *const groups[] = {
	commands_ids,  commands_sys,	commands_proc, commands_tty,  commands_pty,
	commands_sock, commands_mem,	commands_load, commands_lead, commands_oracle,
	commands_wire, commands_frames, commands_slow};

int main(int argc, char **argv)
{
	for (size_t g = 0; argc > 1 && g < sizeof(groups) / sizeof(groups[0]); g++)
		for (const struct probe_command *c = groups[g]; c->name; c++)
			if (strcmp(c->name, argv[1]) == 0)
				return c->run(argc - 1, argv + 1);
	fprintf(stderr, "usage: probe COMMAND ARGS...\n");
	for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++)
		for (const struct probe_command *c = groups[g]; c->name; c++)
			fprintf(stderr, "  %s %s\n", c->name, c->help);
	return 2;
}
