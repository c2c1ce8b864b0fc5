/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench/stopwatch [-p N] [--] CMD... [+ CMD...]: one sample for bench/measure.py. Runs the commands
 *one after another, or with -p N copies of the one command at once ("%" in a word becomes the
 *copy's number), with /dev/null for their standard streams, and prints
 *
 *	wall (ns)  user (us)  system (us)  largest resident set of one process (KiB)  minor faults
 *status
 *
 * A program of its own because it must be small: a child's peak of memory begins with what its
 *parent had mapped at the fork, and Python's 12 MB would hide every runtime. It must not know any
 *runtime.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define COPIES_MAX 64
#define WORDS_MAX  64

static long long now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* The word with "%" replaced; never freed: the process ends soon. */
static char *numbered(const char *word, int copy)
{
	const char *at = strchr(word, '%');
	char *s;

	if (!at)
		return (char *)word;
	if (asprintf(&s, "%.*s%d%s", (int)(at - word), word, copy, at + 1) < 0)
		exit(125);
	return s;
}

static pid_t start(char **cmd, int copy)
{
	char *argv[WORDS_MAX + 1];
	int n = 0;

	for (; cmd[n] && n < WORDS_MAX; n++)
		argv[n] = numbered(cmd[n], copy);
	argv[n] = NULL;
	pid_t pid = vfork();

	if (pid == 0) {
		for (int i = 0; i < 3; i++)
			dup2(3, i);
		execv(argv[0], argv);
		_exit(127);
	}
	return pid;
}

static int run(char **cmd, int copies)
{
	pid_t pids[COPIES_MAX];
	int first = 0, status;

	for (int i = 0; i < copies; i++)
		pids[i] = start(cmd, i);
	for (int i = 0; i < copies; i++) {
		if (pids[i] < 0 || waitpid(pids[i], &status, 0) < 0)
			return 125;
		if (status && !first)
			first = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	}
	return first;
}

int main(int argc, char **argv)
{
	int copies = 1, status = 0, opt;
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct rusage ru;

	while ((opt = getopt(argc, argv, "+p:")) == 'p')
		copies = atoi(optarg);
	if (opt != -1 || optind >= argc || copies < 1 || copies > COPIES_MAX || null_fd < 0 ||
	    (null_fd != 3 && dup3(null_fd, 3, O_CLOEXEC) < 0)) {
		fprintf(stderr, "usage: stopwatch [-p N] [--] CMD... [+ CMD...]\n");
		return 2;
	}
	long long began = now();

	for (int i = optind; i < argc && status == 0; i++) {
		char **cmd = argv + i;

		while (i < argc && strcmp(argv[i], "+") != 0)
			i++;
		argv[i] = NULL;
		status = run(cmd, copies);
	}
	long long took = now() - began;

	getrusage(RUSAGE_CHILDREN, &ru);
	printf("%lld %lld %lld %ld %ld %d\n", took,
	       ru.ru_utime.tv_sec * 1000000LL + ru.ru_utime.tv_usec,
	       ru.ru_stime.tv_sec * 1000000LL + ru.ru_stime.tv_usec, ru.ru_maxrss, ru.ru_minflt,
	       status);
	return 0;
}
