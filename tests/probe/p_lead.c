// SPDX-License-Identifier: Apache-2.0
/* probe: a load that a test leads by words: so much memory, so many busy processes. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "probe.h"

#define MIB	     (1024 * 1024)
#define PAGE	     4096
#define BLOCKS_MAX   65536
#define SPINNERS_MAX 64

static char *blocks[BLOCKS_MAX]; /* of one MiB */
static long n_blocks;
static pid_t spinners[SPINNERS_MAX];
static long n_spinners;

static void set_memory(long mib)
{
	while (n_blocks > mib)
		munmap(blocks[--n_blocks], MIB);
	while (n_blocks < mib && n_blocks < BLOCKS_MAX) {
		char *p =
			mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			die("mmap");
		(void)madvise(p, MIB, MADV_NOHUGEPAGE);
		for (size_t i = 0; i < MIB; i += PAGE)
			p[i] = 1;
		blocks[n_blocks++] = p;
	}
}

static void set_busy(long n)
{
	while (n_spinners > n) {
		pid_t pid = spinners[--n_spinners];

		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	while (n_spinners < n && n_spinners < SPINNERS_MAX) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (volatile unsigned i = 0;; i++)
				;
		}
		spinners[n_spinners++] = pid;
	}
}

/*
 * load FIFO: says "ready", then follows each line of FIFO: "mem MIB" holds that much, "cpu N" has N
 * busy processes, "end" ends it; answers each line with itself once it is so.
 */
static int cmd_load(int argc, char **argv)
{
	char line[64];
	FILE *f;
	int fd;

	if (argc != 2)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	/* Open for both: it has no end while we are there. */
	fd = open(argv[1], O_RDWR | O_CLOEXEC);
	f = fd < 0 ? NULL : fdopen(fd, "r");
	if (!f)
		die(argv[1]);
	printf("ready\n");
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "mem ", 4) == 0)
			set_memory(number(line + 4));
		else if (strncmp(line, "cpu ", 4) == 0)
			set_busy(number(line + 4));
		else if (strcmp(line, "end") == 0)
			break;
		printf("%s\n", line);
	}
	return 0;
}

const struct probe_command commands_lead[] = {
	{"load", cmd_load, "FIFO: memory and busy processes as its lines say: mem MIB, cpu N, end"},
	{NULL, NULL, NULL},
};
