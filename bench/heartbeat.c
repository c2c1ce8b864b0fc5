/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench/heartbeat FILE MIB [RATE]: what bench/gap.py and bench/moves run in a container: MIB of
 * memory that no compressor and no zero page makes smaller, of which RATE MiB are written to a
 * second, all over it (a word of each page, which is not compared), and a beat every millisecond.
 * Each beat reads one page of it, somewhere, and compares all of it with what it must be. What the
 * beats saw is in FILE, which is mapped, so that whoever looks costs it nothing: struct seen. Its
 * clock is CLOCK_REALTIME: the monotonic ones are those of the container's time namespace, and
 * continue after a restore as if no time had gone by. It must not know stiva; it includes nothing
 * of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PAGE   4096u
#define WORDS  (PAGE / 8)
#define STRIDE 7919 /* pages; prime */

struct seen {
	volatile uint64_t beats;
	volatile uint64_t gap;	 /* ns, the longest between two beats since gap was last 0 */
	volatile uint64_t wrong; /* pages */
	volatile uint64_t all;	 /* 1 asks for a look at every page; 2: done */
};

static _Noreturn void fail(const char *what)
{
	dprintf(STDERR_FILENO, "heartbeat: %s: %s\n", what, strerror(errno));
	_exit(1);
}

static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int is_wrong(const uint64_t *memory, uint64_t page)
{
	for (uint64_t i = page * WORDS + 1; i < (page + 1) * WORDS; i++)
		if (memory[i] != mix(i))
			return 1;
	return 0;
}

static void look_at_all(const uint64_t *memory, uint64_t pages, struct seen *seen)
{
	for (uint64_t i = 0; i < pages; i++)
		seen->wrong += (uint64_t)is_wrong(memory, i);
	seen->all = 2;
}

int main(int argc, char **argv)
{
	const struct timespec beat = {0, 1000000};
	const uint64_t pages =
		argc == 3 || argc == 4 ? strtoull(argv[2], NULL, 10) * (1 << 20) / PAGE : 0;
	int fd = pages ? open(argv[1], O_RDWR | O_CREAT, 0600) : -1;

	if (fd < 0 || ftruncate(fd, PAGE) < 0)
		fail("usage: heartbeat FILE MIB [RATE]");
	struct seen *seen = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	uint64_t *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (seen == MAP_FAILED || memory == MAP_FAILED)
		fail("map");
	close(fd);
	for (uint64_t i = 0; i < pages * WORDS; i++)
		memory[i] = mix(i);
	const uint64_t rate = argc == 4 ? strtoull(argv[3], NULL, 10) * (1 << 20) / PAGE : 0;
	const uint64_t begin = now();
	uint64_t written = 0, at = 0;

	for (uint64_t last = now(), t;; last = t) {
		for (; written < rate * (last - begin) / 1000000000; written++) {
			at = (at + STRIDE) % pages;
			memory[at * WORDS]++;
		}
		nanosleep(&beat, NULL);
		t = now();
		if (t > last && t - last > seen->gap)
			seen->gap = t - last;
		if (seen->all == 1)
			look_at_all(memory, pages, seen);
		seen->wrong += (uint64_t)is_wrong(memory, mix(seen->beats) % pages);
		seen->beats++;
	}
}
