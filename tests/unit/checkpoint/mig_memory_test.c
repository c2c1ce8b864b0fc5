/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of checkpoint/mig_memory with checkpoint/mig_store at the other end of a link: a child
 * writes memory, goes through rounds, is stopped; what the store then holds is what the child has.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/proc.h"
#include "checkpoint/mig_memory.h"
#include "checkpoint/mig_store.h"

#define PAGE 4096u

/* ---- the far end: a thread that stores what comes ---- */

struct far {
	char path[64];
	int fd;
	struct mig_link l;
	struct mig_store s;
	struct err e;
	int r;
	pthread_t thread;
	uint64_t write_usec;
};

static void *receive(void *arg)
{
	struct far *x = arg;
	struct mig_frame f;

	while ((x->r = mig_link_hear(&x->l, 20000, &f, &x->e)) == 0) {
		if (f.type == MIG_ROUND_END)
			x->r = mig_link_say(&x->l, MIG_ROUND_TAKEN, 0, NULL, 0, &x->e);
		else if (f.type == MIG_FINAL_END)
			break;
		else
			x->r = mig_store_take(&x->s, &f, &x->e);
		if (x->r < 0)
			break;
	}
	if (x->r == 0) {
		uint64_t t = proc_now_usec();

		x->r = mig_store_write(&x->s, false, &x->e);
		x->write_usec = proc_now_usec() - t;
	}
	return NULL;
}

static void far_open(struct far *x, struct mig_link *near)
{
	int pair[2];

	*x = (struct far){.path = "/dev/shm/mig_memory_XXXXXX", .s = MIG_STORE_NONE};
	assert_non_null(mkdtemp(x->path));
	x->fd = open(x->path, O_RDONLY | O_DIRECTORY);
	assert_int_equal(mig_store_open(&x->s, x->fd, &x->e), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	mig_link_open(near, pair[0], pair[0], "far");
	mig_link_open(&x->l, pair[1], pair[1], "near");
	near->silence_ms = x->l.silence_ms = 60000;
	assert_int_equal(pthread_create(&x->thread, NULL, receive, x), 0);
}

static void remove_all(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *i;

	while (d && (i = readdir(d)))
		if (strcmp(i->d_name, ".") != 0 && strcmp(i->d_name, "..") != 0 &&
		    unlinkat(fd, i->d_name, 0) < 0)
			remove_all(fd, i->d_name);
	if (d)
		closedir(d);
	unlinkat(at, name, AT_REMOVEDIR);
}

static void far_done(struct far *x, struct mig_link *near)
{
	mig_link_done(near);
	mig_link_done(&x->l);
	mig_store_done(&x->s);
	close(x->fd);
	remove_all(AT_FDCWD, x->path);
}

/* ---- the child: memory that it and we know the place of, and a word that it is told what to do by
 * ---- */

struct child {
	pid_t pid;
	char *mem; /* of the child: private, at the same address */
	size_t n;
	volatile uint32_t *word; /* shared: what to do; 0 when it is done */
};
enum { DO_NOTHING, DO_WRITE, DO_SWAP, DO_FEW, DO_ZERO, DO_FOR_EVER };

static uint64_t next_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	return *x ^= *x << 17;
}

static void do_write(char *mem, size_t n, size_t step, uint64_t *seed)
{
	for (size_t at = 0; at < n; at += step * PAGE)
		for (size_t i = 0; i < PAGE; i += 512) {
			uint64_t v = next_random(seed);

			memcpy(mem + at + i, &v, 8);
		}
}

static void be_child(struct child *c)
{
	uint64_t seed = 88172645463325252u;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* The first quarter differs, the second is twice the same, the third zero, the last not
	 * there. */
	do_write(c->mem, c->n / 4, 1, &seed);
	memcpy(c->mem + c->n / 4, c->mem, c->n / 8);
	memset(c->mem + c->n / 2, 0, c->n / 4);
	*c->word = DO_NOTHING;
	for (;;) {
		if (*c->word == DO_WRITE)
			do_write(c->mem, c->n, 3, &seed);
		if (*c->word == DO_FEW)
			do_write(c->mem, c->n / 4, 64, &seed);
		if (*c->word == DO_ZERO)
			memset(c->mem, 0, c->n / 8);
		/* Pages change places: each is where another was. */
		if (*c->word == DO_SWAP)
			for (size_t at = 0; at + 2 * PAGE <= c->n / 4; at += 2 * PAGE) {
				char keep[PAGE];

				memcpy(keep, c->mem + at, PAGE);
				memcpy(c->mem + at, c->mem + at + PAGE, PAGE);
				memcpy(c->mem + at + PAGE, keep, PAGE);
			}
		while (*c->word == DO_FOR_EVER)
			do_write(c->mem, c->n, 5, &seed);
		*c->word = DO_NOTHING;
		while (*c->word == DO_NOTHING)
			usleep(200);
	}
}

static void wait_idle(struct child *c)
{
	while (*c->word != DO_NOTHING)
		usleep(200);
}

static void tell(struct child *c, uint32_t what)
{
	*c->word = what;
	if (what != DO_FOR_EVER)
		wait_idle(c);
}

static void child_open(struct child *c, size_t n)
{
	c->n = n;
	c->mem = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	c->word = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(c->mem != MAP_FAILED && c->word != MAP_FAILED);
	*c->word = DO_WRITE;
	c->pid = fork();
	if (c->pid == 0)
		be_child(c);
	wait_idle(c);
}

static void child_stop(struct child *c)
{
	int status;

	kill(c->pid, SIGSTOP);
	assert_int_equal(waitpid(c->pid, &status, WUNTRACED), c->pid);
	assert_true(WIFSTOPPED(status));
}

static void child_done(struct child *c)
{
	kill(c->pid, SIGKILL);
	waitpid(c->pid, NULL, 0);
	munmap(c->mem, c->n);
	munmap((void *)c->word, PAGE);
}

/* What criu does: every page of the stopped child's memory through the final pass. */
static void push_all(struct child *c, const struct mig_ps_by *by)
{
	static char part[64 * PAGE];
	uint64_t id = MIG_PS_ID(c->pid, MIG_PS_KIND_PROCESS);
	struct err e = ERR_INIT;

	assert_int_equal(by->open(by->ctx, id, &e), 0);
	for (size_t at = 0; at < c->n; at += sizeof(part)) {
		struct iovec ours = {part, sizeof(part)}, its = {c->mem + at, sizeof(part)};

		assert_int_equal(process_vm_readv(c->pid, &ours, 1, &its, 1, 0), sizeof(part));
		assert_int_equal(by->pages(by->ctx, id, (uintptr_t)c->mem + at, 64,
					   MIG_RUN_LAZY | MIG_RUN_PRESENT, part, &e),
				 0);
	}
	assert_int_equal(by->close(by->ctx, &e), 0);
}

static void compare(struct child *c, const struct far *x)
{
	static char is[64 * PAGE], has[64 * PAGE];
	char name[128];
	int fd;

	/* The child's is the only id, or the first. */
	snprintf(name, sizeof(name), "%s/%s/pages-1.img", x->path, MIG_STORE_BASE);
	fd = open(name, O_RDONLY);
	assert_true(fd >= 0);
	for (size_t at = 0; at < c->n; at += sizeof(is)) {
		struct iovec ours = {is, sizeof(is)}, its = {c->mem + at, sizeof(is)};

		assert_int_equal(process_vm_readv(c->pid, &ours, 1, &its, 1, 0), sizeof(is));
		assert_int_equal(pread(fd, has, sizeof(has), (off_t)((uintptr_t)c->mem + at)),
				 sizeof(has));
		assert_memory_equal(is, has, sizeof(is));
	}
	close(fd);
}

static void one_round(struct mig_memory *m, struct mig_link *l)
{
	struct err e = ERR_INIT;
	struct mig_frame f;

	if (mig_memory_round(m, l, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(mig_link_say(l, MIG_ROUND_END, 0, NULL, 0, &e), 0);
	assert_int_equal(mig_link_expect(l, MIG_ROUND_TAKEN, 60000, &f, &e), 0);
}

static void finish(struct mig_link *l, struct far *x)
{
	struct err e = ERR_INIT;

	assert_int_equal(mig_link_say(l, MIG_FINAL_END, 0, NULL, 0, &e), 0);
	pthread_join(x->thread, NULL);
	if (x->r < 0)
		fail_msg("%s", x->e.text);
}

static void what_is_stored_is_what_it_had(void **state)
{
	static const size_t n = 16 << 20;
	struct child c;
	struct far x;
	struct mig_link l;
	struct mig_memory m;
	struct err e = ERR_INIT;

	(void)state;
	child_open(&c, n);
	far_open(&x, &l);
	assert_int_equal(mig_memory_open_pids(&m, &c.pid, 1, &e), 0);
	one_round(&m, &l);
	assert_int_equal(m.count.processes, 1);
	assert_true(m.count.dirty >= n / PAGE / 4);
	assert_true(m.count.ref >= n / PAGE / 8);
	assert_true(m.count.bytes < m.count.pages * PAGE);
	/* Nothing was written but by what runs the child: stack, libc. */
	one_round(&m, &l);
	assert_in_range(m.count.dirty, 0, 64);
	tell(&c, DO_WRITE);
	one_round(&m, &l);
	assert_in_range(m.count.dirty, n / PAGE / 3, n / PAGE / 3 + 64);
	tell(&c, DO_SWAP);
	one_round(&m, &l);
	assert_in_range(m.count.dirty, n / PAGE / 4 - 64, n / PAGE / 4 + 64);
	tell(&c, DO_ZERO);
	one_round(&m, &l);
	/* A third of them has changed in two rounds before: that waits. */
	assert_in_range(m.count.zero, n / PAGE / 12 - 64, n / PAGE / 12 + 64);
	assert_in_range(m.count.zero + m.count.hot, n / PAGE / 8 - 64, n / PAGE / 8 + 64);
	/* It writes while it is read: pages are torn, and the final pass mends them. */
	tell(&c, DO_FOR_EVER);
	for (int i = 0; i < 3; i++)
		one_round(&m, &l);
	child_stop(&c);
	struct mig_ps_by by = mig_memory_final(&m, &l);

	push_all(&c, &by);
	finish(&l, &x);
	compare(&c, &x);
	mig_memory_done(&m);
	far_done(&x, &l);
	child_done(&c);
}

static void what_changes_always_waits(void **state)
{
	struct child c;
	struct far x;
	struct mig_link l;
	struct mig_memory m;
	struct err e = ERR_INIT;
	uint64_t hot = 0, sent = 0, dirty = 0;

	(void)state;
	child_open(&c, 4 << 20);
	far_open(&x, &l);
	assert_int_equal(mig_memory_open_pids(&m, &c.pid, 1, &e), 0);
	for (int i = 0; i < 10; i++) {
		tell(&c, DO_FEW);
		one_round(&m, &l);
		hot += m.count.hot;
		dirty += i ? m.count.dirty : 0;
		sent += i ? m.count.sent + m.count.ref + m.count.zero : 0;
	}
	/* 4 of its pages, in 4 of 9 rounds */
	assert_true(hot >= 16);
	assert_int_equal(sent + hot, dirty);
	child_stop(&c);
	struct mig_ps_by by = mig_memory_final(&m, &l);

	push_all(&c, &by);
	finish(&l, &x);
	compare(&c, &x);
	mig_memory_done(&m);
	far_done(&x, &l);
	child_done(&c);
}

static void a_process_that_has_gone_is_left_out(void **state)
{
	struct child c;
	struct far x;
	struct mig_link l;
	struct mig_memory m;
	struct err e = ERR_INIT;

	(void)state;
	child_open(&c, 1 << 20);
	far_open(&x, &l);
	assert_int_equal(mig_memory_open_pids(&m, &c.pid, 1, &e), 0);
	kill(c.pid, SIGKILL);
	siginfo_t info;

	/* A zombie, then nothing. */
	assert_int_equal(waitid(P_PID, (id_t)c.pid, &info, WEXITED | WNOWAIT), 0);
	one_round(&m, &l);
	assert_int_equal(m.count.pages, 0);
	waitpid(c.pid, NULL, 0);
	one_round(&m, &l);
	assert_int_equal(m.count.processes, 0);
	assert_int_equal(mig_link_say(&l, MIG_FINAL_END, 0, NULL, 0, &e), 0);
	pthread_join(x.thread, NULL);
	assert_int_equal(x.r, -EBADMSG);
	mig_memory_done(&m);
	far_done(&x, &l);
	child_done(&c);
}

/* Figures of the optimised build: STIVA_BENCH=1. */
static void figures(void **state)
{
	struct child c;
	struct far x;
	struct mig_link l;
	struct mig_memory m;
	struct err e = ERR_INIT;
	uint64_t t;

	(void)state;
	if (!getenv("STIVA_BENCH"))
		return;
	child_open(&c, 1u << 30);
	far_open(&x, &l);
	assert_int_equal(mig_memory_open_pids(&m, &c.pid, 1, &e), 0);
	for (int i = 0; i < 4; i++) {
		if (i == 2)
			tell(&c, DO_FEW);
		one_round(&m, &l);
		print_message("round %d: %llu pages, %llu dirty, %llu sent, %llu ref, %llu zero, "
			      "%llu bytes: %llu us, link %llu us\n",
			      i + 1, (unsigned long long)m.count.pages,
			      (unsigned long long)m.count.dirty, (unsigned long long)m.count.sent,
			      (unsigned long long)m.count.ref, (unsigned long long)m.count.zero,
			      (unsigned long long)m.count.bytes, (unsigned long long)m.count.usec,
			      (unsigned long long)m.count.link_usec);
	}
	tell(&c, DO_FEW);
	child_stop(&c);
	struct mig_ps_by by = mig_memory_final(&m, &l);

	push_all(&c, &by);
	print_message("final: %llu pages, %llu dirty: %llu us in it\n",
		      (unsigned long long)m.count.pages, (unsigned long long)m.count.dirty,
		      (unsigned long long)m.count.usec);
	t = proc_now_usec();
	finish(&l, &x);
	t = proc_now_usec() - t;
	print_message("last frame to images: %llu us, of it writing the maps %llu us\n",
		      (unsigned long long)t, (unsigned long long)x.write_usec);
	compare(&c, &x);
	mig_memory_done(&m);
	far_done(&x, &l);
	child_done(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_stored_is_what_it_had),
					   cmocka_unit_test(what_changes_always_waits),
					   cmocka_unit_test(a_process_that_has_gone_is_left_out),
					   cmocka_unit_test(figures)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
