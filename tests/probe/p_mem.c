// SPDX-License-Identifier: Apache-2.0
/* probe: memory that a container holds: cold, hot, locked, and page cache. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include "probe.h"

#define MIB	   (1024 * 1024)
#define PAGE	   4096
#define HELD_MAX   8
#define FILE_CHUNK 65536

static struct held {
	uint64_t *v;
	size_t n; /* pages */
	int is_hot;
} held[HELD_MAX];
static size_t n_held;

/* Each page has its own number: swapped out and in again it must be the same. */
static uint64_t word_of(size_t which, size_t page)
{
	return (which + 1) * 1000003 + page;
}

static void hold(long mib, int is_hot, int is_locked)
{
	size_t size = (size_t)mib * MIB;
	struct held *h = &held[n_held];

	h->v = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (h->v == MAP_FAILED)
		die("mmap");
	(void)madvise(h->v, size, MADV_NOHUGEPAGE);
	h->n = size / PAGE;
	h->is_hot = is_hot;
	for (size_t i = 0; i < h->n; i++)
		h->v[i * (PAGE / sizeof(uint64_t))] = word_of(n_held, i);
	if (is_locked && mlock(h->v, size) < 0)
		die("mlock");
	n_held++;
}

static void fill_file(const char *path, long mib)
{
	static char chunk[FILE_CHUNK];
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		die(path);
	for (long i = 0; i < mib * (MIB / FILE_CHUNK); i++)
		write_all(fd, chunk, sizeof(chunk));
	if (fsync(fd) < 0)
		die("fsync");
	close(fd);
}

static void check(int only_hot)
{
	for (size_t k = 0; k < n_held; k++)
		for (size_t i = 0; i < held[k].n && (!only_hot || held[k].is_hot); i++) {
			volatile uint64_t *at = &held[k].v[i * (PAGE / sizeof(uint64_t))];

			if (*at != word_of(k, i)) {
				errno = EIO;
				die("a page has changed");
			}
			*at = word_of(k, i); /* dirty again */
		}
}

/*
 * mem KIND MIB [KIND MIB]...: holds that much cold, hot (used again and again), locked or file
 * (written to /data/mem.N or /mem.N, as page cache); says "ready". USR1: looks at every page, says
 * "intact". TERM ends it.
 */
static int cmd_mem(int argc, char **argv)
{
	const struct timespec none = {0, 0};
	int has_hot = 0;
	sigset_t set;

	if (argc < 3 || argc % 2 == 0 || argc > 2 * HELD_MAX)
		return 2;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 1; i < argc; i += 2) {
		char path[32];

		/* The root may be a tmpfs, whose pages are no cache. */
		snprintf(path, sizeof(path), "%s/mem.%d", access("/data", F_OK) == 0 ? "/data" : "",
			 i);
		if (strcmp(argv[i], "file") == 0)
			fill_file(path, number(argv[i + 1]));
		else
			hold(number(argv[i + 1]), strcmp(argv[i], "hot") == 0,
			     strcmp(argv[i], "locked") == 0);
		has_hot |= strcmp(argv[i], "hot") == 0;
	}
	printf("ready\n");
	for (;;) {
		int s = has_hot ? sigtimedwait(&set, NULL, &none) : sigwaitinfo(&set, NULL);

		if (s == SIGTERM)
			return 0;
		check(s != SIGUSR1);
		if (s == SIGUSR1)
			printf("intact\n");
	}
}

const struct probe_command commands_mem[] = {
	{"mem", cmd_mem, "KIND MIB...: hold memory: cold, hot, locked, file"},
	{NULL, NULL, NULL},
};
