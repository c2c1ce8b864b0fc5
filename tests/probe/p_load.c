// SPDX-License-Identifier: Apache-2.0
/*
 * probe: load on the resources that cgroups limit (a busy CPU, memory that is held, forks, direct
 * I/O, huge pages), and what the device filter answers. Each says in one line what the kernel gave.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "probe.h"

#define MIB 1048576L

/* Until TERM, also as process 1; whoever is killed before that never comes back. */
static void hold(void)
{
	sigset_t set;
	int s;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigwait(&set, &s);
}

static void say(const char *text)
{
	write_all(1, text, strlen(text));
}

/* burn [CPU]: says "ready", then keeps that CPU, or one of all, busy until killed */
static int cmd_burn(int argc, char **argv)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	if (argc > 1)
		CPU_SET((unsigned long)number(argv[1]), &set);
	if (argc > 1 && sched_setaffinity(0, sizeof(set), &set) < 0)
		die("sched_setaffinity");
	say("ready\n");
	for (volatile unsigned long n = 0;; n++)
		;
}

/* Anonymous memory of n bytes, each page written. */
static char *take(long n)
{
	char *p = mmap(NULL, (size_t)n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		die("mmap");
	for (long i = 0; i < n; i += 4096) {
		p[i] = (char)(i >> 12);
		p[i + 1] = 1;
	}
	return p;
}

/* eat BYTES: a child takes them; "ready" when it has them, "killed N" when a signal ended it */
static int cmd_eat(int argc, char **argv)
{
	int status, pipe_fd[2];
	char c;

	if (argc < 2 || pipe(pipe_fd) < 0)
		return 2;
	pid_t pid = fork();

	if (pid == 0) {
		take(number(argv[1]));
		write_all(pipe_fd[1], "x", 1);
		for (;;)
			pause();
	}
	close(pipe_fd[1]);
	if (read(pipe_fd[0], &c, 1) == 1)
		say("ready\n");
	if (waitpid(pid, &status, 0) == pid)
		printf("killed %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	fflush(stdout);
	hold();
	return 0;
}

/* keep FILE COLD HOT: reads FILE into the page cache, writes COLD bytes once and HOT bytes all the
 * time; "ready" when all is there. One process: what takes memory from it kills it, or does not. */
static int cmd_keep(int argc, char **argv)
{
	static char buf[65536];
	int fd;

	if (argc < 4)
		return 2;
	take(number(argv[2]));
	long hot = number(argv[3]);
	char *p = take(hot);

	fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die(argv[1]);
	while (read(fd, buf, sizeof(buf)) > 0)
		;
	say("ready\n");
	for (;;) {
		for (long i = 0; i < hot; i += 4096)
			p[i]++;
		usleep(20000);
	}
}

/* forks N: as many children as there may be, at most N; "forked K ok|ERRNO", and they end */
static int cmd_forks(int argc, char **argv)
{
	long n = argc > 1 ? number(argv[1]) : 0, i;
	int why = 0;

	if (n < 1 || n > 1000)
		return 2;
	pid_t *pids = calloc((size_t)n, sizeof(*pids));

	for (i = 0; pids && i < n; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			for (;;)
				pause();
		if (pids[i] < 0) {
			why = errno;
			break;
		}
	}
	printf("forked %ld %s\n", i, why ? strerrorname_np(why) : "ok");
	while (i-- > 0) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	free(pids);
	return 0;
}

/* direct r|w PATH BYTES BLOCK: past the page cache; "ms N", the time that it took */
static int cmd_direct(int argc, char **argv)
{
	struct timespec from, to;
	void *p;

	if (argc < 5)
		return 2;
	const int is_write = argv[1][0] == 'w';
	const long total = number(argv[3]), block = number(argv[4]);
	int fd = open(argv[2], (is_write ? O_WRONLY | O_CREAT : O_RDONLY) | O_DIRECT | O_CLOEXEC,
		      0600);

	if (fd < 0)
		die(argv[2]);
	if (posix_memalign(&p, 4096, (size_t)block))
		return 2;
	memset(p, 7, (size_t)block);
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (long did = 0; did < total; did += block)
		if ((is_write ? pwrite(fd, p, (size_t)block, did)
			      : pread(fd, p, (size_t)block, did)) != block)
			die(is_write ? "write" : "read");
	clock_gettime(CLOCK_MONOTONIC, &to);
	printf("ms %ld\n",
	       (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000);
	return 0;
}

/* hugepages N: maps N huge pages of 2 MiB one by one; "got K ok|ERRNO" */
static int cmd_hugepages(int argc, char **argv)
{
	long n = argc > 1 ? number(argv[1]) : 1, i;
	int why = 0;

	for (i = 0; i < n; i++) {
		char *p = mmap(NULL, 2 * MIB, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
		if (p == MAP_FAILED) {
			why = errno;
			break;
		}
		*p = 1;
	}
	printf("got %ld %s\n", i, why ? strerrorname_np(why) : "ok");
	return 0;
}

/* ---- the device filter ---- */

/* Denied is EPERM; whatever else there is to say about the device comes after that. */
static char opened(const char *path, int flags)
{
	int fd = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	int why = errno;

	if (fd >= 0)
		close(fd);
	return fd < 0 && why == EPERM ? '-' : '+';
}

static char made(const char *path)
{
	struct stat st;
	char copy[256];

	if (lstat(path, &st) < 0)
		return '?';
	snprintf(copy, sizeof(copy), "%s.new", path);
	if (mknod(copy, (st.st_mode & S_IFMT) | 0600, st.st_rdev) < 0)
		return errno == EPERM ? '-' : '?';
	unlink(copy);
	return '+';
}

static void answer_devices(FILE *out, int n, char **paths)
{
	for (int i = 0; i < n; i++)
		fprintf(out, "%s%c%c%c%c", i ? " " : "", opened(paths[i], O_RDONLY),
			opened(paths[i], O_WRONLY), opened(paths[i], O_RDWR), made(paths[i]));
	fprintf(out, "\n");
	fflush(out);
}

/* devices NODE...: for each "rwbm", + or -: open for reading, for writing, for both, mknod */
static int cmd_devices(int argc, char **argv)
{
	answer_devices(stdout, argc - 1, argv + 1);
	return 0;
}

/* ask FIFO FIFO NODE...: the same for each line that comes from the first, into the second */
static int cmd_ask(int argc, char **argv)
{
	char line[64];

	if (argc < 3)
		return 2;
	FILE *in = fopen(argv[1], "re"), *out = fopen(argv[2], "we");

	if (!in || !out)
		die(argv[1]);
	while (fgets(line, sizeof(line), in))
		answer_devices(out, argc - 3, argv + 3);
	return 0;
}

/* threaded DIR: makes the threaded cgroup DIR, puts a second thread's worth of itself there */
static int cmd_threaded(int argc, char **argv)
{
	char path[512];

	if (argc < 2)
		return 2;
	if (mkdir(argv[1], 0755) < 0)
		die(argv[1]);
	snprintf(path, sizeof(path), "%s/cgroup.type", argv[1]);
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "threaded", 8) != 8)
		die(path);
	close(fd);
	snprintf(path, sizeof(path), "%s/cgroup.threads", argv[1]);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	/* 0: this thread */
	if (fd < 0 || write(fd, "0", 1) != 1)
		die(path);
	close(fd);
	say("ready\n");
	hold();
	return 0;
}

const struct probe_command commands_load[] = {
	{"burn", cmd_burn, "[CPU]"},
	{"eat", cmd_eat, "BYTES"},
	{"keep", cmd_keep, "FILE COLD HOT"},
	{"forks", cmd_forks, "N"},
	{"direct", cmd_direct, "r|w PATH BYTES BLOCK"},
	{"hugepages", cmd_hugepages, "N"},
	{"devices", cmd_devices, "NODE..."},
	{"ask", cmd_ask, "FIFO FIFO NODE..."},
	{"threaded", cmd_threaded, "DIR"},
	{NULL, NULL, NULL},
};
