// SPDX-License-Identifier: Apache-2.0
/* probe: processes: descriptors, signals received, children, exits, big and slow input and output.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "probe.h"

/* One line for each open descriptor: "N TARGET" */
static int cmd_fds(int argc, char **argv)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;

	(void)argc;
	(void)argv;
	if (!d)
		die("/proc/self/fd");
	while ((e = readdir(d))) {
		char target[4096];
		ssize_t n;

		if (e->d_name[0] == '.' || number(e->d_name) == dirfd(d))
			continue;
		n = readlinkat(dirfd(d), e->d_name, target, sizeof(target) - 1);
		target[n < 0 ? 0 : n] = '\0';
		printf("%s %s\n", e->d_name, target);
	}
	closedir(d);
	return 0;
}

/*
 * signals EXIT-CODE [SIG...]: says "ready", then the name of each signal as it comes (all that can
 * be caught); TERM (or one of SIG) ends it with EXIT-CODE.
 */
static int cmd_signals(int argc, char **argv)
{
	sigset_t all, ends;

	if (argc < 2)
		return 2;
	sigfillset(&all);
	sigdelset(&all, SIGCHLD);
	sigprocmask(SIG_BLOCK, &all, NULL);
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	for (int i = 2; i < argc; i++)
		sigaddset(&ends, (int)number(argv[i]));
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("ready\n");
	for (;;) {
		int s = sigwaitinfo(&all, NULL);

		if (s < 0)
			continue;
		if (s >= SIGRTMIN)
			printf("RTMIN+%d\n", s - SIGRTMIN);
		else
			printf("%s\n", sigabbrev_np(s));
		if (sigismember(&ends, s))
			return (int)number(argv[1]);
	}
}

/* die SIGNAL: ends by that signal, even as process 1 (by a child when it must) */
static int cmd_die(int argc, char **argv)
{
	if (argc < 2)
		return 2;
	signal((int)number(argv[1]), SIG_DFL);
	raise((int)number(argv[1]));
	return 99;
}

/* wait: says "ready", then sleeps until killed (TERM ends it with 0, also as process 1) */
static int cmd_wait(int argc, char **argv)
{
	sigset_t set;
	int s;

	(void)argc;
	(void)argv;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	write_all(1, "ready\n", 6);
	sigwait(&set, &s);
	return 0;
}

/* hang N: ignores all signals in N children and itself; says "ready" when all are there */
static int cmd_hang(int argc, char **argv)
{
	long n = argc > 1 ? number(argv[1]) : 0;

	for (int s = 1; s < 65; s++)
		signal(s, SIG_IGN);
	for (long i = 0; i < n; i++)
		if (fork() == 0) {
			setsid();
			for (;;)
				pause();
		}
	write_all(1, "ready\n", 6);
	while (pause() < 0)
		continue;
	return 0;
}

/* bomb: forks, and so do its children, without an end; says "full" once a limit refuses the first
 */
static int cmd_bomb(int argc, char **argv)
{
	int *is_full = mmap(NULL, sizeof(*is_full), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	(void)argc;
	(void)argv;
	if (is_full == MAP_FAILED)
		die("mmap");
	for (;;) {
		pid_t pid = fork();

		if (pid < 0 && errno != EAGAIN)
			die("fork");
		if (pid < 0 && __atomic_exchange_n(is_full, 1, __ATOMIC_SEQ_CST) == 0)
			write_all(1, "full\n", 5);
		if (pid < 0)
			sched_yield();
	}
}

/* flood BYTES: writes that many bytes to stdout, a line of 64 at a time */
static int cmd_flood(int argc, char **argv)
{
	char line[65];
	long left = argc > 1 ? number(argv[1]) : 0;

	memset(line, 'x', 63);
	line[63] = '\n';
	for (; left >= 64; left -= 64)
		write_all(1, line, 64);
	write_all(1, line, (size_t)left);
	return 0;
}

/* slurp: counts the bytes of stdin up to its end */
static int cmd_slurp(int argc, char **argv)
{
	char buf[65536];
	long total = 0;
	ssize_t n;

	(void)argc;
	(void)argv;
	while ((n = read(0, buf, sizeof(buf))) > 0)
		total += n;
	if (n < 0)
		die("read");
	printf("%ld\n", total);
	return 0;
}

/* subreaper CMD...: runs CMD, reaps orphans, then exits with CMD's status */
static int cmd_subreaper(int argc, char **argv)
{
	int status, result = 1;
	pid_t pid, child;

	if (argc < 2)
		return 2;
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	child = fork();
	if (child == 0) {
		execvp(argv[1], argv + 1);
		die(argv[1]);
	}
	while ((pid = wait(&status)) > 0)
		if (pid == child)
			result = shell_status(status);
	return result;
}

/* closed FD,FD... CMD...: runs CMD with these descriptors closed */
static int cmd_closed(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	for (char *p = strtok(argv[1], ","); p; p = strtok(NULL, ","))
		close((int)number(p));
	execvp(argv[2], argv + 2);
	die(argv[2]);
}

/* as UID GID CMD...: runs CMD as that user, without other groups */
static int cmd_as(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	if (setgroups(0, NULL) < 0 || setgid((gid_t)number(argv[2])) < 0 ||
	    setuid((uid_t)number(argv[1])) < 0)
		die("setuid");
	execvp(argv[3], argv + 3);
	die(argv[3]);
}

const struct probe_command commands_proc[] = {
	{"fds", cmd_fds, ""},
	{"signals", cmd_signals, "EXIT-CODE [SIG...]"},
	{"die", cmd_die, "SIGNAL"},
	{"wait", cmd_wait, ""},
	{"hang", cmd_hang, "CHILDREN"},
	{"bomb", cmd_bomb, ""},
	{"flood", cmd_flood, "BYTES"},
	{"slurp", cmd_slurp, ""},
	{"subreaper", cmd_subreaper, "CMD..."},
	{"closed", cmd_closed, "FD,FD... CMD..."},
	{"as", cmd_as, "UID GID CMD..."},
	{NULL, NULL, NULL},
};
