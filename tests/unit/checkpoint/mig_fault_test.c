/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of checkpoint/mig_fault: the ranges of what is still to come, against a map of single
 * pages, and memory that comes by userfaultfd to a process that changes it meanwhile. */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/fd.h"
#include "checkpoint/lazy.h"
#include "checkpoint/mig_fault.h"
#include "checkpoint/mig_hash.h"
#include "checkpoint/mig_ps.h"
#include "checkpoint/mig_store.h"
#include "checkpoint/wire.h"

/* ---- ranges ---- */

#define PAGES 512u

static unsigned pick(unsigned *seed, unsigned n)
{
	*seed = *seed * 1664525u + 1013904223u;
	return (*seed >> 8) % n;
}

static void compare(const struct mig_ranges *r, const unsigned *model)
{
	for (uint64_t i = 0; i < PAGES; i++) {
		const struct mig_range *one = mig_ranges_find(r, i * MIG_PAGE);
		/* 0: nothing; else where it lies in the store, plus one. */
		unsigned is = one ? (unsigned)((i * MIG_PAGE - one->shift) / MIG_PAGE) + 1 : 0;

		if (is != model[i])
			fail_msg("page %u: %u, not %u", (unsigned)i, is, model[i]);
	}
	for (size_t i = 1; i < r->n; i++)
		assert_true(r->v[i - 1].end <= r->v[i].start);
}

static void ranges_are_what_single_pages_are(void **state)
{
	unsigned model[PAGES] = {0}, moved[PAGES], seed = 7;
	struct mig_ranges r = {0}, copy;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		unsigned from = pick(&seed, PAGES), n = 1 + pick(&seed, 40),
			 to = pick(&seed, PAGES);

		n = n < PAGES - from ? n : PAGES - from;
		n = n < PAGES - to ? n : PAGES - to;
		switch (pick(&seed, 3)) {
		case 0:
			mig_ranges_add(&r, from * MIG_PAGE, (from + n) * (uint64_t)MIG_PAGE, 0);
			for (unsigned i = from; i < from + n; i++)
				model[i] = i + 1;
			break;
		case 1:
			mig_ranges_cut(&r, from * MIG_PAGE, (from + n) * (uint64_t)MIG_PAGE);
			for (unsigned i = from; i < from + n; i++)
				model[i] = 0;
			break;
		default:
			/* As mremap(2) has it: never onto itself. */
			if (from + n > to && to + n > from)
				break;
			mig_ranges_move(&r, from * MIG_PAGE, to * MIG_PAGE, n * (uint64_t)MIG_PAGE);
			memcpy(moved, model + from, n * sizeof(*model));
			memset(model + from, 0, n * sizeof(*model));
			memcpy(model + to, moved, n * sizeof(*model));
		}
		if (round % 16 == 0)
			compare(&r, model);
	}
	compare(&r, model);
	mig_ranges_copy(&copy, &r);
	compare(&copy, model);
	mig_ranges_done(&copy);
	mig_ranges_done(&r);
}

/* ---- a process ---- */

#define N_PAGES 4096u
#define BASE	((char *)0x200000000000)
#define PID	1

static uint64_t word_of(uint64_t page)
{
	return page * UINT64_C(0x9e3779b97f4a7c15) + 1;
}

static void store_fill(struct mig_store *s, int images_fd)
{
	struct err e = ERR_INIT;
	AUTO(buf) b = {0};
	struct mig_frame f = {.type = MIG_PAGES_MAP};

	assert_int_equal(mig_store_open(s, images_fd, &e), 0);
	for (uint32_t op = 0; op < 2; op++) {
		struct mig_pages_head h = {MIG_PS_ID(PID, MIG_PS_KIND_PROCESS), op, op};
		struct mig_run run = {(uintptr_t)BASE, N_PAGES, MIG_RUN_LAZY | MIG_RUN_PRESENT};

		b.len = 0;
		buf_add(&b, &h, sizeof(h));
		if (op)
			buf_add(&b, &run, sizeof(run));
		f.data = b.data;
		f.n = (uint32_t)b.len;
		assert_int_equal(mig_store_take(s, &f, &e), 0);
	}
	int fd = openat(s->base_fd, "pages-1.img", O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	for (uint64_t i = 0; i < N_PAGES; i++) {
		uint64_t words[MIG_PAGE / 8];

		for (size_t k = 0; k < MIG_PAGE / 8; k++)
			words[k] = word_of(i);
		assert_int_equal(
			pwrite(fd, words, sizeof(words), (off_t)((uintptr_t)BASE + i * MIG_PAGE)),
			sizeof(words));
	}
	close(fd);
}

static bool is_page(const volatile uint64_t *at, uint64_t page)
{
	return at[0] == word_of(page) && at[MIG_PAGE / 8 - 1] == word_of(page);
}

/* What criu does, and then what a program may do. Exit status: which step was wrong. */
static void be_restored(int work_fd)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = CKPT_LAZY_SOCKET};
	struct uffdio_api api = {.api = UFFD_API,
				 .features = UFFD_FEATURE_EVENT_FORK | UFFD_FEATURE_EVENT_REMAP |
					     UFFD_FEATURE_EVENT_UNMAP | UFFD_FEATURE_EVENT_REMOVE};
	int uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	int sock = socket(AF_UNIX, SOCK_STREAM, 0), pid = PID, finished = 0x52535446;
	char *p = mmap(BASE, N_PAGES * MIG_PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	struct uffdio_register reg = {.range = {(uintptr_t)BASE, N_PAGES * MIG_PAGE},
				      .mode = UFFDIO_REGISTER_MODE_MISSING};

	/* Several mappings side by side, as of a thread's stack: what is read at once spans them.
	 */
	if (mprotect(p + 1003 * MIG_PAGE, 37 * MIG_PAGE, PROT_READ) < 0 ||
	    mprotect(p + 1040 * MIG_PAGE, MIG_PAGE, PROT_READ | PROT_WRITE | PROT_EXEC) < 0)
		_exit(9);
	if (p != BASE || ioctl(uffd, UFFDIO_API, &api) < 0 ||
	    ioctl(uffd, UFFDIO_REGISTER, &reg) < 0 || fchdir(work_fd) < 0 ||
	    connect(sock, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    send(sock, &pid, sizeof(pid), 0) != sizeof(pid) || fd_send(sock, "", 1, &uffd, 1) < 0)
		_exit(10);
	/* With the server's, the last one, the end of it all comes to who waits yet. */
	close(uffd);
	/* A page before all run, and one from the middle. */
	if (!is_page((uint64_t *)(void *)(p + 5 * MIG_PAGE), 5) ||
	    !is_page((uint64_t *)(void *)(p + 2000 * MIG_PAGE), 2000))
		_exit(11);
	/* What is thrown away is zero, what is moved is what it was. */
	if (madvise(p + 100 * MIG_PAGE, 50 * MIG_PAGE, MADV_DONTNEED) < 0 || p[120 * MIG_PAGE])
		_exit(12);
	char *q = mremap(p + 3000 * MIG_PAGE, 500 * MIG_PAGE, 500 * MIG_PAGE,
			 MREMAP_MAYMOVE | MREMAP_FIXED, BASE + (1u << 30));

	if (q != BASE + (1u << 30) || !is_page((uint64_t *)(void *)(q + 77 * MIG_PAGE), 3077))
		_exit(13);
	if (munmap(p + 3600 * MIG_PAGE, 100 * MIG_PAGE) < 0)
		_exit(14);
	pid_t child = fork();

	if (child && send(sock, &finished, sizeof(finished), 0) != sizeof(finished))
		_exit(15);
	for (uint64_t i = 0; i < N_PAGES; i++) {
		uint64_t *at = (uint64_t *)(void *)(p + i * MIG_PAGE);

		if (i >= 3000 && i < 3500)
			at = (uint64_t *)(void *)(q + (i - 3000) * MIG_PAGE);
		if (i >= 3600 && i < 3700)
			continue;
		if (i >= 100 && i < 150 ? at[0] != 0 : !is_page(at, i))
			_exit(child ? 16 : 17);
		if (i < 1003 || i >= 1040)
			at[0] = 1;
	}
	int status = 0;

	if (child && (waitpid(child, &status, 0) != child || status))
		_exit(18);
	_exit(0);
}

static void memory_comes_to_who_changes_it(void **state)
{
	char dir[] = "/dev/shm/stiva-fault-XXXXXX", command[96];
	struct mig_store s = MIG_STORE_NONE;
	const struct mig_fault_source from = {&s, mig_store_pages};
	int tube[2], status;
	char ready;

	(void)state;
	if (!ckpt_lazy_is_possible())
		skip();
	assert_non_null(mkdtemp(dir));
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	store_fill(&s, fd);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, tube), 0);
	pid_t server = fork();

	if (server == 0)
		_exit(mig_fault_serve(&from, fd, tube[1]) < 0);
	assert_int_equal(read(tube[0], &ready, 1), 1);
	pid_t program = fork();

	if (program == 0)
		be_restored(fd);
	assert_int_equal(waitpid(program, &status, 0), program);
	if (status)
		kill(server, SIGKILL);
	assert_int_equal(status, 0);
	assert_int_equal(waitpid(server, &status, 0), server);
	assert_int_equal(status, 0);
	mig_store_done(&s);
	close(fd);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	assert_int_equal(system(command), 0);
}

/* ---- criu's images ---- */

enum { LAZY = 2, PRESENT = 4, PARENT = 1 };

static void add_message(struct buf *map, const struct buf *one)
{
	uint32_t n = (uint32_t)one->len;

	buf_add(map, &n, sizeof(n));
	buf_add(map, one->data, one->len);
}

static void add_entry(struct buf *map, uint64_t vaddr, uint64_t nr, uint64_t flags)
{
	AUTO(buf) one = {0};

	ckpt_wire_number(&one, 1, vaddr);
	ckpt_wire_number(&one, 2, nr);
	ckpt_wire_number(&one, 4, flags);
	add_message(map, &one);
}

static int look(int dir_fd, const struct buf *map, int *ret_fd, struct mig_ranges *ret)
{
	int fd = openat(dir_fd, "pagemap-7.img", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, map->data, map->len), 0);
	close(fd);
	return ckpt_lazy_image(&dir_fd, 7, ret_fd, ret);
}

static void what_comes_later_of_images(void **state)
{
	static const uint32_t magic[2] = {0x54564319u, 0x56084025u};
	char dir[] = "/dev/shm/stiva-fault-XXXXXX", command[96];
	AUTO(buf) map = {0};
	AUTO(buf) head = {0};
	struct mig_ranges r = {0};
	int fd = FD_NONE;

	(void)state;
	assert_non_null(mkdtemp(dir));
	int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	buf_add(&map, magic, sizeof(magic));
	ckpt_wire_number(&head, 1, 3);
	add_message(&map, &head);
	add_entry(&map, 0x10000, 2, PRESENT);
	add_entry(&map, 0x20000, 3, PRESENT | LAZY);
	add_entry(&map, 0x30000, 4, PARENT);
	add_entry(&map, 0x40000, 5, LAZY);
	add_entry(&map, 0x50000, 1, PRESENT | LAZY);
	/* Without its file of pages. */
	assert_int_equal(look(dir_fd, &map, &fd, &r), -ENOENT);
	mig_ranges_done(&r);
	close(openat(dir_fd, "pages-3.img", O_WRONLY | O_CREAT, 0600));
	assert_int_equal(look(dir_fd, &map, &fd, &r), 0);
	close(fd);
	assert_int_equal(r.n, 2);
	assert_int_equal(r.v[0].start, 0x20000);
	assert_int_equal(r.v[0].end, 0x23000);
	assert_int_equal(r.v[0].start - r.v[0].shift, 2 * MIG_PAGE);
	assert_int_equal(r.v[1].start - r.v[1].shift, 5 * MIG_PAGE);
	mig_ranges_done(&r);
	/* Whatever is cut off or changed: an error or a range, and nothing else. */
	for (size_t n = 0; n < map.len; n++) {
		struct buf cut = {.data = map.data, .len = n};
		int got = look(dir_fd, &cut, &fd, &r);

		assert_true(got == 0 || got == -EBADMSG || got == -ENOENT);
		if (got == 0)
			close(fd);
		mig_ranges_done(&r);
	}
	for (size_t i = 0; i < map.len * 8; i++) {
		map.data[i / 8] ^= (char)(1 << i % 8);
		int got = look(dir_fd, &map, &fd, &r);

		assert_true(got == 0 || got == -EBADMSG || got == -ENOENT);
		if (got == 0)
			close(fd);
		mig_ranges_done(&r);
		map.data[i / 8] ^= (char)(1 << i % 8);
	}
	close(dir_fd);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_are_what_single_pages_are),
		cmocka_unit_test(memory_comes_to_who_changes_it),
		cmocka_unit_test(what_comes_later_of_images),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
