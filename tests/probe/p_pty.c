// SPDX-License-Identifier: Apache-2.0
/*
 * probe pty: plays the user at a terminal. Runs a command on a new pty (its controlling terminal)
 * and copies what it prints to stdout. The conversation is a list of steps: wait until a text was
 * printed, then do something. When the command ends, all that is left in the pty is copied, and its
 * exit status (128 + signal) becomes ours. A deadline of 20 s (PROBE_DEADLINE) ends a conversation
 * that hangs: 124.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include "probe.h"

struct step {
	const char *expect, *action;
};

struct talk {
	int master;
	pid_t child;
	struct step steps[32];
	int n, at;
	char seen[1 << 16]; /* printed since the last step */
	size_t len;
};

static struct winsize parse_size(const char *text)
{
	struct winsize w = {0};

	if (sscanf(text, "%hux%hu", &w.ws_row, &w.ws_col) != 2)
		die(text);
	return w;
}

static void act(struct talk *t, const char *action)
{
	const char *arg = strchr(action, ':');

	arg = arg ? arg + 1 : "";
	if (!strncmp(action, "type:", 5)) {
		write_all(t->master, arg, strlen(arg));
	} else if (!strncmp(action, "resize:", 7)) {
		struct winsize w = parse_size(arg);

		ioctl(t->master, TIOCSWINSZ, &w);
	} else if (!strncmp(action, "kill:", 5)) {
		kill(t->child, (int)number(arg));
	} else if (!strcmp(action, "hangup")) {
		close(t->master);
		t->master = -1;
	} else if (strcmp(action, "none") != 0) {
		errno = EINVAL;
		die(action);
	}
}

/* Takes new output, and does each step whose text has come. */
static void feed(struct talk *t, const char *data, size_t n)
{
	write_all(1, data, n);
	if (t->len + n >= sizeof(t->seen))
		t->len = 0;
	memcpy(t->seen + t->len, data, n);
	t->len += n;
	while (t->at < t->n && t->master >= 0) {
		const struct step *s = &t->steps[t->at];
		char *p = memmem(t->seen, t->len, s->expect, strlen(s->expect));
		size_t used;

		if (!p)
			return;
		used = (size_t)(p - t->seen) + strlen(s->expect);
		memmove(t->seen, t->seen + used, t->len - used);
		t->len -= used;
		t->at++;
		act(t, s->action);
	}
}

static pid_t start(int master, const struct winsize *w, char **argv)
{
	pid_t pid;
	int slave;

	if (grantpt(master) < 0 || unlockpt(master) < 0)
		die("unlockpt");
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	if (slave < 0)
		die("open the slave");
	ioctl(slave, TIOCSWINSZ, w);
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		setsid();
		ioctl(slave, TIOCSCTTY, 0);
		dup2(slave, 0);
		dup2(slave, 1);
		dup2(slave, 2);
		if (slave > 2)
			close(slave);
		close(master);
		execvp(argv[0], argv);
		die(argv[0]);
	}
	close(slave);
	return pid;
}

static void converse(struct talk *t)
{
	char buf[4096];
	ssize_t n;

	while (t->master >= 0) {
		n = read(t->master, buf, sizeof(buf));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return; /* EIO: the last slave was closed */
		feed(t, buf, (size_t)n);
	}
}

/* pty [-s ROWSxCOLS] [-e TEXT ACTION]... CMD... */
static int cmd_pty(int argc, char **argv)
{
	static struct talk t;
	struct winsize w = {.ws_row = 24, .ws_col = 80};
	struct termios before, after;
	const char *deadline = getenv("PROBE_DEADLINE");
	int i = 1, status;

	for (; i < argc && argv[i][0] == '-'; i++) {
		if (!strcmp(argv[i], "-s") && i + 1 < argc) {
			w = parse_size(argv[++i]);
		} else if (!strcmp(argv[i], "-e") && i + 2 < argc && t.n < 32) {
			t.steps[t.n++] = (struct step){argv[i + 1], argv[i + 2]};
			i += 2;
		} else {
			return 2;
		}
	}
	if (i >= argc)
		return 2;
	t.master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (t.master < 0)
		die("/dev/ptmx");
	tcgetattr(t.master, &before);
	t.child = start(t.master, &w, argv + i);
	alarm(deadline ? (unsigned)number(deadline) : 20);
	converse(&t);
	while (waitpid(t.child, &status, 0) < 0)
		if (errno != EINTR)
			die("waitpid");
	if (t.master >= 0 && tcgetattr(t.master, &after) == 0 &&
	    (before.c_lflag != after.c_lflag || before.c_oflag != after.c_oflag ||
	     before.c_iflag != after.c_iflag))
		printf("[terminal modes changed]\n");
	if (t.at < t.n)
		printf("[never saw: %s]\n", t.steps[t.at].expect);
	return shell_status(status);
}

const struct probe_command commands_pty[] = {
	{"pty", cmd_pty,
	 "[-s ROWSxCOLS] [-e TEXT type:TEXT|resize:RxC|kill:N|hangup|none]... CMD..."},
	{NULL, NULL, NULL},
};
