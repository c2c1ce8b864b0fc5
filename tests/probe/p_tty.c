// SPDX-License-Identifier: Apache-2.0
/* probe: the terminal as a program in the container sees it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include "probe.h"

static void print_size(void)
{
	struct winsize w;

	if (ioctl(0, TIOCGWINSZ, &w) < 0)
		printf("size %s\n", strerrorname_np(errno));
	else
		printf("size %ux%u\n", w.ws_row, w.ws_col);
}

/* Which of 0 1 2 are terminals, their names, the controlling terminal, the size, session leader. */
static int cmd_tty(int argc, char **argv)
{
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

	(void)argc;
	(void)argv;
	printf("isatty %d %d %d\n", isatty(0), isatty(1), isatty(2));
	for (int i = 0; i < 3; i++) {
		const char *name = ttyname(i);

		printf("ttyname%d %s\n", i, name ? name : "none");
	}
	printf("ctty %s\n", fd >= 0 ? "yes" : "no");
	printf("leader %s\n", getsid(0) == getpid() ? "yes" : "no");
	printf("foreground %s\n", fd >= 0 && tcgetpgrp(fd) == getpgrp() ? "yes" : "no");
	print_size();
	return 0;
}

/* winch N: prints the size, then again after each of N SIGWINCH */
static int cmd_winch(int argc, char **argv)
{
	sigset_t set;
	long n = argc > 1 ? number(argv[1]) : 1;

	sigemptyset(&set);
	sigaddset(&set, SIGWINCH);
	sigprocmask(SIG_BLOCK, &set, NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	print_size();
	printf("ready\n");
	for (; n > 0; n--) {
		sigwaitinfo(&set, NULL);
		print_size();
	}
	printf("done\n");
	return 0;
}

/* sti TEXT: tries to push TEXT into the terminal's input queue (TIOCSTI), then TIOCLINUX's paste */
static int cmd_sti(int argc, char **argv)
{
	int failed = 0;
	char paste = 3;

	for (const char *p = argc > 1 ? argv[1] : ""; *p; p++)
		if (ioctl(0, TIOCSTI, p) < 0)
			failed = errno;
	printf("TIOCSTI %s\n", failed ? strerrorname_np(failed) : "ok");
	printf("TIOCLINUX %s\n", ioctl(0, TIOCLINUX, &paste) < 0 ? strerrorname_np(errno) : "ok");
	return 0;
}

/* modes: the local and output flags which a raw terminal has not */
static int cmd_modes(int argc, char **argv)
{
	struct termios t;

	(void)argc;
	(void)argv;
	if (tcgetattr(0, &t) < 0)
		die("tcgetattr");
	printf("icanon %d\necho %d\nisig %d\nopost %d\nonlcr %d\n", !!(t.c_lflag & ICANON),
	       !!(t.c_lflag & ECHO), !!(t.c_lflag & ISIG), !!(t.c_oflag & OPOST),
	       !!(t.c_oflag & ONLCR));
	return 0;
}

const struct probe_command commands_tty[] = {
	{"tty", cmd_tty, ""},	  {"winch", cmd_winch, "N"}, {"sti", cmd_sti, "TEXT"},
	{"modes", cmd_modes, ""}, {NULL, NULL, NULL},
};
