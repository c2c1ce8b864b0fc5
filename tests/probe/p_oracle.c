// SPDX-License-Identifier: Apache-2.0
/*
 * probe: the oracle of checkpoint, restore and migration: a program that knows what it must be, and
 * ends with one line on its standard error at the first thing that is not so. Every tick of a
 * timerfd it rewrites pages of its heap, hashes the heap, and appends "TICK HASH" to a file; before
 * that it proves its parts, each of which was told the tick before: two pipes to a child that
 * echoes, a thread behind a condition variable, an eventfd with a count, a POSIX timer, a file
 * mapped shared, a memfd, a System V segment, the offset of a file that only grows, a loopback TCP
 * connection to itself.
 *
 * To use it: `probe oracle FILE MIB [tcp]` as the container's program; then, when the container has
 * gone through whatever it is tested with, `probe oracle-check FILE MIB [LEAST]` outside replays
 * the log from its first line and fails at the first tick that is lost, repeated or has another
 * hash.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include "probe.h"

#define MIB	  (1024 * 1024)
#define PAGE	  4096
#define WORDS	  (PAGE / sizeof(uint64_t))
#define TICK_NSEC 10000000 /* 10 ms */
#define TIMER_MS  7
/* Of all pages, each tick: 1/32, and at least one. */
#define DIRTY_PART 32

/* ---- the generator: what the heap is at each tick; the checker has the same one ---- */

struct heap {
	uint64_t *v, *sums; /* the pages, and the hash of each */
	size_t n;	    /* pages */
	uint64_t total;	    /* the sum of sums */
	uint64_t seed;
};

static uint64_t mix(uint64_t x)
{
	x ^= x >> 33;
	x *= UINT64_C(0xff51afd7ed558ccd);
	x ^= x >> 33;
	x *= UINT64_C(0xc4ceb9fe1a85ec53);
	return x ^ x >> 33;
}

static uint64_t next(uint64_t *seed)
{
	*seed += UINT64_C(0x9e3779b97f4a7c15);
	return mix(*seed);
}

static uint64_t hash_page(const uint64_t *p, size_t index)
{
	uint64_t h = mix(index + 1);

	for (size_t i = 0; i < WORDS; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3) + (h >> 47);
	return h;
}

static void write_page(struct heap *h, size_t page, uint64_t word)
{
	uint64_t *p = h->v + page * WORDS;

	for (size_t i = 0; i < WORDS; i++)
		p[i] = word + i * i;
	h->total -= h->sums[page];
	h->sums[page] = hash_page(p, page);
	h->total += h->sums[page];
}

static void make_heap(struct heap *h, long mib)
{
	h->n = (size_t)mib * (MIB / PAGE);
	h->v = mmap(NULL, h->n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	h->sums = calloc(h->n, sizeof(*h->sums));
	if (h->v == MAP_FAILED || !h->sums)
		die("heap");
	h->seed = 42;
	for (size_t i = 0; i < h->n; i++)
		write_page(h, i, next(&h->seed));
}

/* The heap of the next tick. */
static uint64_t advance(struct heap *h)
{
	for (size_t i = 0; i <= h->n / DIRTY_PART; i++) {
		uint64_t r = next(&h->seed);

		write_page(h, (size_t)(r >> 32) % h->n, r);
	}
	return h->total;
}

/* Reads all of it, and does not believe the sums. */
static int is_whole(const struct heap *h)
{
	for (size_t i = 0; i < h->n; i++)
		if (hash_page(h->v + i * WORDS, i) != h->sums[i])
			return 0;
	return 1;
}

/* ---- the parts ---- */

static struct parts {
	int to_child[2], from_child[2];
	int event_fd, log_fd, map_fd, mem_fd;
	int tcp_fd[2]; /* -1: none */
	uint64_t *map, *mem, *segment;
	off_t log_size;
	timer_t timer;
} parts = {.tcp_fd = {-1, -1}};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static uint64_t asked, answered;
static volatile sig_atomic_t timer_ticks;

static void wrong(uint64_t tick, const char *what) __attribute__((noreturn));
static void wrong(uint64_t tick, const char *what)
{
	fprintf(stderr, "probe oracle: tick %" PRIu64 ": %s\n", tick, what);
	exit(1);
}

static void count_timer(int sig)
{
	(void)sig;
	timer_ticks++;
}

static void read_all(int fd, void *p, size_t n, const char *what)
{
	char *at = p;

	while (n > 0) {
		ssize_t got = read(fd, at, n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			if (got == 0)
				errno = EPIPE;
			die(what);
		}
		at += got;
		n -= (size_t)got;
	}
}

static void make_child(void)
{
	uint64_t word;

	if (pipe2(parts.to_child, O_CLOEXEC) < 0 || pipe2(parts.from_child, O_CLOEXEC) < 0)
		die("pipe");
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid > 0) {
		close(parts.to_child[0]);
		close(parts.from_child[1]);
		return;
	}
	close(parts.to_child[1]);
	close(parts.from_child[0]);
	for (;;) {
		ssize_t n = read(parts.to_child[0], &word, sizeof(word));

		if (n == 0)
			_exit(0);
		if (n != (ssize_t)sizeof(word))
			continue;
		word = mix(word);
		write_all(parts.from_child[1], &word, sizeof(word));
	}
}

static void *thread_main(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&lock);
	for (;;) {
		while (asked == answered)
			pthread_cond_wait(&changed, &lock);
		answered = asked;
		pthread_cond_broadcast(&changed);
	}
	return NULL;
}

static uint64_t *map_shared(int fd)
{
	if (ftruncate(fd, PAGE) < 0)
		die("ftruncate");
	void *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		die("mmap");
	return p;
}

static void make_memory(const char *path)
{
	char name[4096];
	int id = shmget(IPC_PRIVATE, PAGE, IPC_CREAT | 0600);

	snprintf(name, sizeof(name), "%s.map", path);
	parts.map_fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (parts.map_fd < 0)
		die(name);
	parts.map = map_shared(parts.map_fd);
	parts.mem_fd = memfd_create("oracle", MFD_CLOEXEC);
	if (parts.mem_fd < 0)
		die("memfd_create");
	parts.mem = map_shared(parts.mem_fd);
	parts.segment = id < 0 ? (void *)-1 : shmat(id, NULL, 0);
	if (parts.segment == (void *)-1)
		die("shmat");
	/* It goes with its last user. */
	shmctl(id, IPC_RMID, NULL);
}

static void make_tcp(void)
{
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t n = sizeof(sa);
	int listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (listen_fd < 0 || bind(listen_fd, (struct sockaddr *)&sa, n) < 0 ||
	    listen(listen_fd, 1) < 0 || getsockname(listen_fd, (struct sockaddr *)&sa, &n) < 0)
		die("listen");
	parts.tcp_fd[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (parts.tcp_fd[0] < 0 || connect(parts.tcp_fd[0], (struct sockaddr *)&sa, n) < 0)
		die("connect");
	parts.tcp_fd[1] = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (parts.tcp_fd[1] < 0)
		die("accept");
	close(listen_fd);
}

static void make_timer(void)
{
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
	struct itimerspec every = {{0, TIMER_MS * 1000000}, {0, TIMER_MS * 1000000}};
	struct sigaction sa = {.sa_handler = count_timer, .sa_flags = SA_RESTART};

	sigaction(SIGUSR2, &sa, NULL);
	if (timer_create(CLOCK_MONOTONIC, &ev, &parts.timer) < 0 ||
	    timer_settime(parts.timer, 0, &every, NULL) < 0)
		die("timer_create");
}

/* ---- each tick: what was told at the tick before must be there; then the next is told ---- */

static void tell(uint64_t tick)
{
	uint64_t one = 1;

	write_all(parts.to_child[1], &tick, sizeof(tick));
	if (parts.tcp_fd[0] >= 0)
		write_all(parts.tcp_fd[0], &tick, sizeof(tick));
	write_all(parts.event_fd, &one, sizeof(one));
	*parts.map = *parts.mem = *parts.segment = mix(tick);
	pthread_mutex_lock(&lock);
	asked = tick;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static void prove_files(uint64_t tick)
{
	uint64_t word;

	if (pread(parts.map_fd, &word, sizeof(word), 0) != (ssize_t)sizeof(word) ||
	    word != mix(tick))
		wrong(tick, "the file that is mapped shared has other bytes");
	if (pread(parts.mem_fd, &word, sizeof(word), 0) != (ssize_t)sizeof(word) ||
	    word != mix(tick) || *parts.mem != word)
		wrong(tick, "the memfd has other bytes");
	if (*parts.segment != mix(tick))
		wrong(tick, "the System V segment has other bytes");
	if (lseek(parts.log_fd, 0, SEEK_CUR) != parts.log_size)
		wrong(tick, "the log's offset has moved");
}

static void prove(uint64_t tick)
{
	static uint64_t events;
	uint64_t word;

	read_all(parts.from_child[0], &word, sizeof(word), "the child's pipe");
	if (word != mix(tick))
		wrong(tick, "the child said something else");
	if (parts.tcp_fd[1] >= 0) {
		read_all(parts.tcp_fd[1], &word, sizeof(word), "the TCP connection");
		if (word != tick)
			wrong(tick, "the TCP connection lost bytes");
	}
	/* It gathers a few before it is read. */
	events++;
	if (tick % 5 == 0) {
		read_all(parts.event_fd, &word, sizeof(word), "the eventfd");
		if (word != events)
			wrong(tick, "the eventfd has another count");
		events = 0;
	}
	pthread_mutex_lock(&lock);
	while (answered != tick)
		pthread_cond_wait(&changed, &lock);
	pthread_mutex_unlock(&lock);
	prove_files(tick);
}

static void prove_timer(uint64_t tick)
{
	static sig_atomic_t last;
	static uint64_t since;

	if (timer_ticks != last)
		since = tick;
	last = timer_ticks;
	/* Ticks are longer than the timer's period; after a restore they may come at once. */
	if (tick - since > 100)
		wrong(tick, "the POSIX timer has stopped");
}

static void say(uint64_t tick, uint64_t hash)
{
	char line[64];
	int n = snprintf(line, sizeof(line), "%" PRIu64 " %016" PRIx64 "\n", tick, hash);

	write_all(parts.log_fd, line, (size_t)n);
	parts.log_size += n;
}

static int cmd_oracle(int argc, char **argv)
{
	struct itimerspec every = {{0, TICK_NSEC}, {0, TICK_NSEC}};
	struct heap heap = {0};
	pthread_t thread;
	sigset_t set;

	if (argc < 3)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	parts.log_fd = open(argv[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	parts.event_fd = eventfd(0, EFD_CLOEXEC);
	int tick_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

	if (parts.log_fd < 0 || parts.event_fd < 0 || tick_fd < 0)
		die(argv[1]);
	make_heap(&heap, number(argv[2]));
	make_child();
	make_memory(argv[1]);
	if (argc > 3)
		make_tcp();
	/* The timer's signal is the first thread's. */
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (pthread_create(&thread, NULL, thread_main, NULL) != 0)
		die("pthread_create");
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	make_timer();
	if (timerfd_settime(tick_fd, 0, &every, NULL) < 0)
		die("timerfd_settime");
	tell(0);
	for (uint64_t tick = 1, passed;; tick++) {
		read_all(tick_fd, &passed, sizeof(passed), "the timerfd");
		prove(tick - 1);
		prove_timer(tick);
		if (!is_whole(&heap))
			wrong(tick, "a page of the heap has changed");
		say(tick, advance(&heap));
		tell(tick);
	}
}

/* ---- outside ---- */

static int cmd_oracle_check(int argc, char **argv)
{
	struct heap heap = {0};
	char line[64];
	uint64_t tick = 0;

	if (argc < 3)
		return 2;
	FILE *f = fopen(argv[1], "re");

	if (!f)
		die(argv[1]);
	make_heap(&heap, number(argv[2]));
	while (fgets(line, sizeof(line), f)) {
		char want[64];

		/* The last one may be half written. */
		if (!strchr(line, '\n'))
			break;
		tick++;
		snprintf(want, sizeof(want), "%" PRIu64 " %016" PRIx64 "\n", tick, advance(&heap));
		if (strcmp(line, want) != 0) {
			printf("line %" PRIu64 " is %.*s, not %s", tick, (int)strcspn(line, "\n"),
			       line, want);
			return 1;
		}
	}
	printf("%" PRIu64 " ticks\n", tick);
	return argc > 3 && tick < (uint64_t)number(argv[3]);
}

const struct probe_command commands_oracle[] = {
	{"oracle", cmd_oracle, "FILE MIB [tcp]: log ticks and hashes, prove everything held"},
	{"oracle-check", cmd_oracle_check, "FILE MIB [LEAST]: replay such a log"},
	{NULL, NULL, NULL},
};
