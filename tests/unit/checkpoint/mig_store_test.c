/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of checkpoint/mig_store: pages come out as they went in, whatever the frames; what a peer
 * may not send is refused, and nothing of it is trusted. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/mem.h"
#include "checkpoint/mig_ps.h"
#include "checkpoint/mig_store.h"
#include "checkpoint/mig_target.h"

#define PAGE 4096u
#define ID   MIG_PS_ID(7, MIG_PS_KIND_PROCESS)
#define TOP  (MIG_ADDRESS_MAX - PAGE)

struct place {
	char path[64];
	int fd;
	struct mig_store s;
};

static void remove_all(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *x;

	while (d && (x = readdir(d)))
		if (strcmp(x->d_name, ".") != 0 && strcmp(x->d_name, "..") != 0 &&
		    unlinkat(fd, x->d_name, 0) < 0)
			remove_all(fd, x->d_name);
	if (d)
		closedir(d);
	unlinkat(at, name, AT_REMOVEDIR);
}

static struct place place(void)
{
	struct place p = {.path = "/dev/shm/mig_store_XXXXXX", .s = MIG_STORE_NONE};
	struct err e = ERR_INIT;

	assert_non_null(mkdtemp(p.path));
	p.fd = open(p.path, O_RDONLY | O_DIRECTORY);
	assert_true(p.fd >= 0);
	assert_int_equal(mig_store_open(&p.s, p.fd, &e), 0);
	return p;
}

/* In a file system of so many bytes. */
static struct place small_place(uint64_t bytes)
{
	struct place p = {.s = MIG_STORE_NONE};
	struct err e = ERR_INIT;

	assert_int_equal(mig_place_images(bytes, &p.fd, &e), 0);
	assert_int_equal(mig_store_open(&p.s, p.fd, &e), 0);
	return p;
}

static void place_done(struct place *p)
{
	mig_store_done(&p->s);
	close(p->fd);
	if (p->path[0])
		remove_all(AT_FDCWD, p->path);
}

static void head(struct buf *b, uint64_t id, uint32_t n, uint32_t op)
{
	struct mig_pages_head h = {id, n, op};

	b->len = 0;
	buf_add(b, &h, sizeof(h));
}

static void run(struct buf *b, uint64_t vaddr, uint32_t nr, uint32_t flags)
{
	struct mig_run r = {vaddr, nr, flags};

	buf_add(b, &r, sizeof(r));
}

static void fill(struct buf *b, int c)
{
	char page[PAGE];

	memset(page, c, sizeof(page));
	buf_add(b, page, sizeof(page));
}

static int give(struct place *p, enum mig_frame_type type, const struct buf *b, struct err *e)
{
	struct mig_frame f = {.type = type, .n = (uint32_t)b->len, .data = b->data};

	return mig_store_take(&p->s, &f, e);
}

/* The byte that the page of this process at this address is full of. */
static int byte_at(struct place *p, uint64_t vaddr)
{
	char name[128], page[PAGE];
	int fd, c;

	snprintf(name, sizeof(name), "%s/%s/pages-1.img", p->path, MIG_STORE_BASE);
	fd = open(name, O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, page, PAGE, (off_t)vaddr), PAGE);
	close(fd);
	c = (unsigned char)page[0];
	for (size_t i = 0; i < PAGE; i++)
		assert_int_equal((unsigned char)page[i], c);
	return c;
}

static void pages_come_out_as_they_went_in(void **state)
{
	struct place p = place();
	struct err e = ERR_INIT;
	struct buf b = {0};
	struct stat st;
	char name[96], link[16] = "";

	(void)state;
	head(&b, ID, 2, 0);
	run(&b, 0x10000, 2, 0);
	run(&b, TOP, 1, 0);
	fill(&b, 1);
	fill(&b, 2);
	fill(&b, 3);
	assert_int_equal(give(&p, MIG_PAGES, &b, &e), 0);
	struct mig_ref ref = {0x20000, ID, 0x11000};

	head(&b, ID, 1, 0);
	buf_add(&b, &ref, sizeof(ref));
	assert_int_equal(give(&p, MIG_PAGES_REF, &b, &e), 0);
	head(&b, ID, 1, 0);
	run(&b, 0x11000, 1, 0);
	assert_int_equal(give(&p, MIG_PAGES_ZERO, &b, &e), 0);
	assert_int_equal(byte_at(&p, 0x10000), 1);
	assert_int_equal(byte_at(&p, 0x11000), 0);
	assert_int_equal(byte_at(&p, 0x20000), 2);
	assert_int_equal(byte_at(&p, TOP), 3);
	/* the map: runs in order, one that goes on is one with it */
	head(&b, ID, 0, MIG_MAP_BEGIN);
	assert_int_equal(give(&p, MIG_PAGES_MAP, &b, &e), 0);
	head(&b, ID, 3, MIG_MAP_RUNS);
	run(&b, 0x10000, 1, MIG_RUN_LAZY | MIG_RUN_PRESENT);
	run(&b, 0x11000, 1, MIG_RUN_LAZY | MIG_RUN_PRESENT);
	run(&b, 0x20000, 1, MIG_RUN_PRESENT);
	assert_int_equal(give(&p, MIG_PAGES_MAP, &b, &e), 0);
	assert_int_equal(mig_store_write(&p.s, false, &e), 0);
	/* as criu 4.1.1 writes it: magics, {1: pages id}, {1: address, 2: pages, 4: flags} */
	static const unsigned char want[] = {
		0x19, 0x43, 0x56, 0x54, 0x25, 0x40, 0x08, 0x56, 2,  0,	0,  0,	8,
		1,    8,    0,	  0,	0,    8,    0x80, 0x80, 4,  16, 2,  32, 1,
		8,    0,    0,	  0,	8,    0x80, 0x80, 8,	16, 1,	32, 1};
	unsigned char got[sizeof(want) + 1];

	snprintf(name, sizeof(name), "%s/pagemap-7.img", p.path);
	int fd = open(name, O_RDONLY);

	assert_int_equal(read(fd, got, sizeof(got)), sizeof(want));
	assert_memory_equal(got, want, sizeof(want));
	close(fd);
	assert_int_equal(fstatat(p.fd, MIG_STORE_BASE "/pagemap-7.img", &st, 0), 0);
	assert_int_equal(fstatat(p.fd, "pages-1.img", &st, 0), 0);
	assert_int_equal(readlinkat(p.fd, "parent", link, sizeof(link) - 1), 6);
	assert_string_equal(link, MIG_STORE_BASE);
	assert_int_equal(p.s.pages, 3);
	assert_int_equal(p.s.zero, 1);
	assert_int_equal(p.s.refs, 1);
	buf_done(&b);
	place_done(&p);
}

static void a_limit_holds(void **state)
{
	const uint64_t pages = 16;
	struct place p = small_place(pages * PAGE);
	struct err e = ERR_INIT;
	struct buf b = {0};
	int r = 0;

	(void)state;
	/* The same pages may come as often as they are written there. */
	for (uint64_t i = 0; i < 100 * pages; i++) {
		head(&b, ID, 1, 0);
		run(&b, 0x10000 + i % 8 * PAGE, 1, 0);
		fill(&b, 1);
		assert_int_equal(give(&p, MIG_PAGES, &b, &e), 0);
	}
	for (uint64_t i = 0; r == 0 && i < pages; i++) {
		head(&b, ID, 1, 0);
		run(&b, 0x100000 + i * PAGE, 1, 0);
		fill(&b, 1);
		r = give(&p, MIG_PAGES, &b, &e);
	}
	assert_int_equal(r, -ENOSPC);
	assert_non_null(strstr(e.text, "more memory arrives"));
	p.s.max_ids = 1;
	err_clear(&e);
	head(&b, MIG_PS_ID(8, 1), 0, 0);
	assert_int_equal(give(&p, MIG_PAGES_MAP, &b, &e), -EBADMSG);
	buf_done(&b);
	place_done(&p);
}

static void nothing_is_no_memory(void **state)
{
	struct place p = place();
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(mig_store_write(&p.s, false, &e), -EBADMSG);
	place_done(&p);
}

struct hostile {
	enum mig_frame_type type;
	uint64_t id;
	uint32_t n, op;
	uint64_t items[3]; /* that follow the head, as words */
	size_t n_items, n_pages;
	size_t cut; /* bytes off the end */
};

#define NR(nr, flags) ((uint64_t)(flags) << 32 | (nr))
static const struct hostile hostiles[] = {
	{MIG_PAGES, 0, 1, 0, {0x1000, NR(1, 0)}, 2, 1, 0},		  /* no id */
	{MIG_PAGES, 7 << 8, 1, 0, {0x1000, NR(1, 0)}, 2, 1, 0},		  /* no kind */
	{MIG_PAGES, 7 << 8 | 3, 1, 0, {0x1000, NR(1, 0)}, 2, 1, 0},	  /* no such kind */
	{MIG_PAGES, UINT64_MAX - 254, 1, 0, {0x1000, NR(1, 0)}, 2, 1, 0}, /* a number too large */
	{MIG_PAGES, 1, 1, 0, {0x1000, NR(1, 0)}, 2, 1, 0},		  /* number 0 */
	{MIG_PAGES, ID, 1, 0, {0x1001, NR(1, 0)}, 2, 1, 0},		  /* within a page */
	{MIG_PAGES, ID, 1, 0, {MIG_ADDRESS_MAX, NR(1, 0)}, 2, 1, 0},	  /* beyond the end */
	{MIG_PAGES, ID, 1, 0, {TOP, NR(2, 0)}, 2, 2, 0},		  /* over the end */
	{MIG_PAGES, ID, 1, 0, {UINT64_MAX - 4095, NR(1, 0)}, 2, 1, 0},
	{MIG_PAGES, ID, 1, 0, {0x1000, NR(0, 0)}, 2, 0, 0},	     /* nothing */
	{MIG_PAGES, ID, 1, 0, {0x1000, NR(UINT32_MAX, 0)}, 2, 1, 0}, /* more than there is */
	{MIG_PAGES, ID, 1, 0, {0x1000, NR(2, 0)}, 2, 1, 0},
	{MIG_PAGES, ID, 1, 0, {0x1000, NR(1, 0)}, 2, 2, 0},	     /* less than there is */
	{MIG_PAGES, ID, 1, 0, {0x1000, NR(1, 0)}, 2, 1, 1},	     /* cut */
	{MIG_PAGES, ID, 1, 1, {0x1000, NR(1, 0)}, 2, 1, 0},	     /* reserved */
	{MIG_PAGES, ID, UINT32_MAX, 0, {0x1000, NR(1, 0)}, 2, 1, 0}, /* runs that are not there */
	{MIG_PAGES, ID, 2, 0, {0x1000, NR(1, 0)}, 2, 0, 0},
	{MIG_PAGES, ID, 0, 0, {0}, 0, 0, 1}, /* half a head */
	{MIG_PAGES_ZERO, ID, 1, 0, {0x1001, NR(1, 0)}, 2, 0, 0},
	{MIG_PAGES_ZERO, ID, 1, 0, {TOP, NR(2, 0)}, 2, 0, 0},
	{MIG_PAGES_ZERO, ID, 1, 0, {0x1000, NR(1, 0)}, 2, 1, 0}, /* pages with it */
	{MIG_PAGES_ZERO, ID, 2, 0, {0x1000, NR(1, 0)}, 2, 0, 0},
	{MIG_PAGES_REF, ID, 1, 0, {0x1000, MIG_PS_ID(9, 1), 0x1000}, 3, 0, 0}, /* of an unknown id
										*/
	{MIG_PAGES_REF, ID, 1, 0, {0x1000, 0, 0x1000}, 3, 0, 0},
	{MIG_PAGES_REF, ID, 1, 0, {0x1001, ID, 0x1000}, 3, 0, 0},
	{MIG_PAGES_REF, ID, 1, 0, {0x1000, ID, 0x1001}, 3, 0, 0},
	{MIG_PAGES_REF, ID, 1, 0, {0x1000, ID, MIG_ADDRESS_MAX}, 3, 0, 0},
	{MIG_PAGES_REF, ID, 1, 0, {0x1000, ID, 0x1000}, 3, 0, 8},
	{MIG_PAGES_MAP, ID, 1, MIG_MAP_RUNS, {0x1000, NR(1, 4)}, 2, 0, 0},  /* not begun */
	{MIG_PAGES_MAP, ID, 1, 2, {0x1000, NR(1, 4)}, 2, 0, 0},		    /* no such op */
	{MIG_PAGES_MAP, ID, 1, MIG_MAP_BEGIN, {0x1000, NR(1, 1)}, 2, 0, 0}, /* PARENT */
	{MIG_PAGES_MAP, ID, 1, MIG_MAP_BEGIN, {0x1000, NR(1, 8)}, 2, 0, 0},
	{MIG_PAGES_MAP, ID, 1, MIG_MAP_BEGIN, {0x1234, NR(1, 4)}, 2, 0, 0},
	{MIG_READY, ID, 1, 0, {0x1000, NR(1, 0)}, 2, 1, 0},
};

static void what_a_peer_may_not_send(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(hostiles) / sizeof(hostiles[0]); i++) {
		const struct hostile *h = &hostiles[i];
		struct place p = place();
		struct err e = ERR_INIT;
		struct buf b = {0};

		head(&b, h->id, h->n, h->op);
		buf_add(&b, h->items, h->n_items * 8);
		for (size_t k = 0; k < h->n_pages; k++)
			fill(&b, 9);
		b.len -= h->cut;
		/* Exactly as long as it is: ASan sees what is read beyond. */
		char *copy = malloc(b.len);
		struct mig_frame f = {.type = h->type, .n = (uint32_t)b.len, .data = copy};

		memcpy(copy, b.data, b.len);
		if (mig_store_take(&p.s, &f, &e) != -EBADMSG)
			fail_msg("hostile %zu was taken: %s", i, e.text);
		assert_non_null(strstr(e.text, "protocol error"));
		free(copy);
		buf_done(&b);
		place_done(&p);
	}
}

static void a_map_goes_up(void **state)
{
	struct place p = place();
	struct err e = ERR_INIT;
	struct buf b = {0};

	(void)state;
	head(&b, ID, 1, MIG_MAP_BEGIN);
	run(&b, 0x5000, 2, MIG_RUN_PRESENT);
	assert_int_equal(give(&p, MIG_PAGES_MAP, &b, &e), 0);
	head(&b, ID, 1, MIG_MAP_RUNS);
	run(&b, 0x6000, 1, MIG_RUN_PRESENT);
	assert_int_equal(give(&p, MIG_PAGES_MAP, &b, &e), -EBADMSG);
	buf_done(&b);
	place_done(&p);
}

/* Frames of bits: nothing but an error may come of them. */
static void whatever_comes(void **state)
{
	unsigned seed = 1;
	struct place p = place();
	struct buf b = {0};

	(void)state;
	p.s.max_ids = 64;
	for (int i = 0; i < 20000; i++) {
		struct err e = ERR_INIT;

		head(&b, MIG_PS_ID(1 + (unsigned)rand_r(&seed) % 4, 1), (unsigned)rand_r(&seed) % 4,
		     (unsigned)rand_r(&seed) % 2);
		for (int k = rand_r(&seed) % 3; k > 0; k--)
			run(&b, (uint64_t)rand_r(&seed) % 64 * PAGE, (unsigned)rand_r(&seed) % 4,
			    (unsigned)rand_r(&seed) % 8);
		for (int k = rand_r(&seed) % 3; k > 0; k--)
			fill(&b, k);
		for (int k = rand_r(&seed) % 3; k > 0; k--)
			b.data[(size_t)rand_r(&seed) % b.len] ^= (char)(1 << rand_r(&seed) % 8);
		int r = give(&p, (enum mig_frame_type)(MIG_PAGES + rand_r(&seed) % 4), &b, &e);

		assert_true(r == 0 || r == -EBADMSG);
	}
	buf_done(&b);
	place_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(pages_come_out_as_they_went_in),
					   cmocka_unit_test(a_limit_holds),
					   cmocka_unit_test(nothing_is_no_memory),
					   cmocka_unit_test(what_a_peer_may_not_send),
					   cmocka_unit_test(a_map_goes_up),
					   cmocka_unit_test(whatever_comes)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
