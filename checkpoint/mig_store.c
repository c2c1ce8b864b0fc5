/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint/mig_store: see mig_store.h. Called by mig_target.c. */
#include "checkpoint/mig_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/mem.h"
#include "checkpoint/mig_fault.h"
#include "checkpoint/mig_hash.h"
#include "checkpoint/mig_ps.h"
#include "checkpoint/wire.h"
#include "base/ban.h"

#define IDS_MAX	       65536u
#define NUMBER_MAX     INT32_MAX  /* a pid */
#define MAP_RUNS_MAX   (1u << 24) /* of one id */
#define NAME_SIZE      64
#define CRIU_MAGIC     0x54564319u /* IMG_COMMON_MAGIC of criu's images */
#define CRIU_MAGIC_MAP 0x56084025u /* PAGEMAP_MAGIC */
/* criu counts the pages of a run in an int. */
#define BASE_RUN_PAGES (UINT64_C(1) << 30)

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "payloads are taken as they lie");
_Static_assert(sizeof(struct mig_pages_head) == 16 && sizeof(struct mig_run) == 16 &&
		       sizeof(struct mig_ref) == 24,
	       "as on the wire");

struct mig_store_id {
	uint64_t id;
	int fd;		 /* owned: its pages */
	unsigned number; /* of its files of pages */
	bool has_map;
	struct buf runs; /* struct mig_run */
	uint64_t end;	 /* of the last run */
};

/* ---- life ---- */

int mig_store_open(struct mig_store *s, int images_fd, struct err *e)
{
	s->dir_fd = fcntl(images_fd, F_DUPFD_CLOEXEC, 3);
	if (s->dir_fd < 0)
		return err_sys(e, errno, "duplicate a descriptor");
	if (mkdirat(s->dir_fd, MIG_STORE_BASE, 0700) < 0)
		return err_sys(e, errno, "make \"%s\" for memory", MIG_STORE_BASE);
	s->base_fd =
		openat(s->dir_fd, MIG_STORE_BASE, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (s->base_fd < 0)
		return err_sys(e, errno, "open \"%s\"", MIG_STORE_BASE);
	s->page = mem_alloc(MIG_PAGE);
	return 0;
}

void mig_store_done(struct mig_store *s)
{
	for (size_t i = 0; i < s->n; i++) {
		auto_fd_done(&s->v[i].fd);
		buf_done(&s->v[i].runs);
	}
	free(s->v);
	free(s->page);
	s->v = NULL;
	s->page = NULL;
	s->n = s->cap = 0;
	auto_fd_done(&s->dir_fd);
	auto_fd_done(&s->base_fd);
}

bool mig_store_is_for(const struct mig_frame *f)
{
	return f->type >= MIG_PAGES && f->type <= MIG_PAGES_MAP;
}

/* ---- ids ---- */

static int wrong(const struct mig_frame *f, const char *what, struct err *e)
{
	return err_set(e, ERR_INPUT, EBADMSG, "protocol error: %s: %s", mig_link_name(f->type),
		       what);
}

/* Where it is, or would be. */
static size_t place_of(const struct mig_store *s, uint64_t id)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->v[mid].id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static struct mig_store_id *find(const struct mig_store *s, uint64_t id)
{
	size_t i = place_of(s, id);

	return i < s->n && s->v[i].id == id ? &s->v[i] : NULL;
}

/* The first System V segment of a namespace has number 0. */
static bool is_id(uint64_t id)
{
	unsigned kind = id & 0xff;
	uint64_t number = id >> 8;

	return kind == MIG_PS_KIND_PROCESS ? number && number <= NUMBER_MAX
					   : kind == MIG_PS_KIND_SHARED;
}

/* A new one, with its file of all addresses, of which nothing is there. */
static int make(struct mig_store *s, uint64_t id, struct mig_store_id **ret, struct err *e)
{
	struct mig_store_id new = {.id = id, .number = (unsigned)s->n + 1};
	size_t at = place_of(s, id);
	char name[NAME_SIZE];

	if (s->n >= (s->max_ids ? s->max_ids : IDS_MAX))
		return err_set(e, ERR_INPUT, EBADMSG,
			       "protocol error: the memory of more than %zu processes", s->n);
	snprintf(name, sizeof(name), "pages-%u.img", new.number);
	new.fd = openat(s->base_fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (new.fd < 0)
		return err_sys(e, errno, "make \"%s\" for memory", name);
	if (ftruncate(new.fd, (off_t)MIG_ADDRESS_MAX) < 0) {
		int r = errno;

		auto_fd_done(&new.fd);
		if (r == EFBIG || r == EINVAL)
			return err_set(
				e, ERR_MISSING, ENOTSUP,
				"the file system for memory cannot hold files of 128 TiB with "
				"holes (tmpfs, xfs and btrfs can)");
		return err_sys(e, r, "make room in \"%s\"", name);
	}
	if (s->n == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 16;
		s->v = mem_realloc(s->v, s->cap, sizeof(*s->v));
	}
	memmove(s->v + at + 1, s->v + at, (s->n - at) * sizeof(*s->v));
	s->v[at] = new;
	s->n++;
	*ret = &s->v[at];
	return 0;
}

static int get(struct mig_store *s, const struct mig_frame *f, uint64_t id,
	       struct mig_store_id **ret, struct err *e)
{
	if (!is_id(id))
		return wrong(f, "an id that cannot be", e);
	*ret = find(s, id);
	return *ret ? 0 : make(s, id, ret, e);
}

/* ---- frames ---- */

static bool is_run(uint64_t vaddr, uint64_t nr)
{
	return vaddr % MIG_PAGE == 0 && vaddr < MIG_ADDRESS_MAX && nr &&
	       nr <= (MIG_ADDRESS_MAX - vaddr) / MIG_PAGE;
}

/* The runs are copied: what comes from a frame may lie at any address. */
static int take_run(const struct mig_frame *f, size_t i, struct mig_run *ret, struct err *e)
{
	memcpy(ret, f->data + sizeof(struct mig_pages_head) + i * sizeof(*ret), sizeof(*ret));
	return is_run(ret->vaddr, ret->nr) ? 0 : wrong(f, "a run of pages that cannot be", e);
}

static int put_pages(const struct mig_store_id *d, uint64_t vaddr, const char *p, size_t n,
		     struct err *e)
{
	while (n) {
		ssize_t done = pwrite(d->fd, p, n, (off_t)vaddr);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0 && errno == ENOSPC)
			return err_set(e, ERR_STATE, ENOSPC,
				       "more memory arrives than there was room made for: the "
				       "container has grown; the next try makes more");
		if (done <= 0)
			return err_sys(e, done < 0 ? errno : EIO,
				       "write memory to \"pages-%u.img\"", d->number);
		p += done;
		vaddr += (uint64_t)done;
		n -= (size_t)done;
	}
	return 0;
}

static int take_pages(struct mig_store *s, struct mig_store_id *d, const struct mig_frame *f,
		      uint32_t n, struct err *e)
{
	size_t at = sizeof(struct mig_pages_head) + (size_t)n * sizeof(struct mig_run);
	struct mig_run run;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < n; i++) {
		r = take_run(f, i, &run, e);
		if (r < 0)
			return r;
		size_t bytes = (size_t)run.nr * MIG_PAGE;

		if (bytes > f->n - at)
			return wrong(f, "fewer pages than its runs say", e);
		r = put_pages(d, run.vaddr, f->data + at, bytes, e);
		at += bytes;
		s->pages += run.nr;
	}
	return r == 0 && at != f->n ? wrong(f, "more pages than its runs say", e) : r;
}

static int take_zero(struct mig_store *s, struct mig_store_id *d, const struct mig_frame *f,
		     uint32_t n, struct err *e)
{
	struct mig_run run;

	for (uint32_t i = 0; i < n; i++) {
		int r = take_run(f, i, &run, e);

		if (r < 0)
			return r;
		if (fallocate(d->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)run.vaddr,
			      (off_t)run.nr * MIG_PAGE) < 0)
			return err_sys(e, errno, "empty a part of \"pages-%u.img\"", d->number);
		s->zero += run.nr;
	}
	return 0;
}

static int take_ref(struct mig_store *s, uint64_t id, const struct mig_frame *f, uint32_t n,
		    struct err *e)
{
	const struct mig_store_id *to = find(s, id), *from;
	struct mig_ref ref;
	int r;

	for (uint32_t i = 0; i < n; i++) {
		memcpy(&ref, f->data + sizeof(struct mig_pages_head) + i * sizeof(ref),
		       sizeof(ref));
		from = is_id(ref.from_id) ? find(s, ref.from_id) : NULL;
		if (!from || !is_run(ref.vaddr, 1) || !is_run(ref.from_vaddr, 1))
			return wrong(f, "a page that cannot be", e);
		if (pread(from->fd, s->page, MIG_PAGE, (off_t)ref.from_vaddr) != (ssize_t)MIG_PAGE)
			return err_sys(e, EIO, "read memory from \"pages-%u.img\"", from->number);
		r = put_pages(to, ref.vaddr, s->page, MIG_PAGE, e);
		if (r < 0)
			return r;
		s->refs++;
	}
	return 0;
}

/* A run that goes on where the last one ended is one with it. */
static void add_run(struct mig_store_id *d, const struct mig_run *run)
{
	struct mig_run *last = NULL;

	if (d->runs.len)
		last = (struct mig_run *)(void *)(d->runs.data + d->runs.len - sizeof(*last));
	if (last && run->vaddr == d->end && last->flags == run->flags &&
	    (uint64_t)last->nr + run->nr < BASE_RUN_PAGES)
		last->nr += run->nr;
	else
		buf_add(&d->runs, run, sizeof(*run));
	d->end = run->vaddr + (uint64_t)run->nr * MIG_PAGE;
}

static int take_map(struct mig_store_id *d, const struct mig_frame *f,
		    const struct mig_pages_head *h, struct err *e)
{
	struct mig_run run;

	if (h->op == MIG_MAP_BEGIN) {
		d->runs.len = 0;
		d->end = 0;
		d->has_map = true;
	} else if (h->op != MIG_MAP_RUNS || !d->has_map) {
		return wrong(f, "runs of a map that has not begun", e);
	}
	for (uint32_t i = 0; i < h->n; i++) {
		int r = take_run(f, i, &run, e);

		if (r < 0)
			return r;
		if (run.vaddr < d->end || run.flags & ~(uint32_t)(MIG_RUN_LAZY | MIG_RUN_PRESENT))
			return wrong(f, "a map that is not in order", e);
		if (d->runs.len / sizeof(run) >= MAP_RUNS_MAX)
			return wrong(f, "a map with too many runs", e);
		add_run(d, &run);
	}
	return 0;
}

int mig_store_take(struct mig_store *s, const struct mig_frame *f, struct err *e)
{
	struct mig_pages_head h;
	struct mig_store_id *d;
	size_t each = f->type == MIG_PAGES_REF ? sizeof(struct mig_ref) : sizeof(struct mig_run);
	size_t all;
	int r;

	if (!mig_store_is_for(f) || f->n < sizeof(h))
		return wrong(f, "it is too short", e);
	memcpy(&h, f->data, sizeof(h));
	all = sizeof(h) + h.n * each;
	if (h.n > MIG_RUNS_MAX || f->n < all || (f->type != MIG_PAGES && f->n != all))
		return wrong(f, "its length is not that of its runs", e);
	if (f->type != MIG_PAGES_MAP && h.op)
		return wrong(f, "a reserved field is set", e);
	r = get(s, f, h.id, &d, e);
	if (r < 0)
		return r;
	return f->type == MIG_PAGES	   ? take_pages(s, d, f, h.n, e)
	       : f->type == MIG_PAGES_ZERO ? take_zero(s, d, f, h.n, e)
	       : f->type == MIG_PAGES_REF  ? take_ref(s, h.id, f, h.n, e)
					   : take_map(d, f, &h, e);
}

/* ---- criu's images ---- */

enum { HEAD_PAGES_ID = 1 };
enum { ENTRY_VADDR = 1, ENTRY_NR = 2, ENTRY_IN_PARENT = 3, ENTRY_FLAGS = 4 };

/* An entry of an image: its length, then itself. */
static void add_entry(struct buf *b, const struct buf *one)
{
	uint32_t n = (uint32_t)one->len;

	buf_add(b, &n, sizeof(n));
	buf_add(b, one->data, one->len);
}

static void begin_map(struct buf *b, unsigned number)
{
	static const uint32_t magic[2] = {CRIU_MAGIC, CRIU_MAGIC_MAP};
	AUTO(buf) one = {0};

	buf_add(b, magic, sizeof(magic));
	ckpt_wire_number(&one, HEAD_PAGES_ID, number);
	add_entry(b, &one);
}

static void add_map(struct buf *b, struct buf *one, uint64_t vaddr, uint64_t nr, unsigned flags)
{
	one->len = 0;
	ckpt_wire_number(one, ENTRY_VADDR, vaddr);
	ckpt_wire_number(one, ENTRY_NR, nr);
	ckpt_wire_number(one, ENTRY_FLAGS, flags);
	add_entry(b, one);
}

static int write_file(int dir_fd, const char *name, const struct buf *b, struct err *e)
{
	AUTO_FD fd =
		openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r = fd < 0 ? -errno : fd_write_all(fd, b->data, b->len);

	return r < 0 ? err_sys(e, r, "write \"%s\"", name) : 0;
}

/* All addresses, each at the offset that it is. */
static int write_base(const struct mig_store *s, const struct mig_store_id *d, const char *name,
		      struct err *e)
{
	AUTO(buf) b = {0};
	AUTO(buf) one = {0};

	begin_map(&b, d->number);
	for (uint64_t page = 0; page < MIG_ADDRESS_MAX / MIG_PAGE; page += BASE_RUN_PAGES)
		add_map(&b, &one, page * MIG_PAGE, BASE_RUN_PAGES, MIG_RUN_PRESENT);
	return write_file(s->base_fd, name, &b, e);
}

/* A run without contents says so; the rest is as the parent has it, and never LAZY then: `criu
 * lazy-pages` reads a page of a parent and then forgets to hand it out, so that who touches it
 * waits for ever (seen with 4.1.1: only the uppermost page reader has its io_complete). */
static unsigned flags_of(const struct mig_run *run, bool is_lazy)
{
	if (!is_lazy)
		return run->flags & MIG_RUN_PRESENT ? MIG_RUN_PARENT : run->flags;
	return run->flags & MIG_RUN_LAZY ? MIG_RUN_LAZY : run->flags;
}

/* What a lazy restore needs at once, one run after the other. */
static int copy_run(const struct mig_store *s, const struct mig_store_id *d,
		    const struct mig_run *run, int to_fd, struct err *e)
{
	for (uint64_t i = 0; i < run->nr; i++) {
		uint64_t at = run->vaddr + i * MIG_PAGE;
		int r = pread(d->fd, s->page, MIG_PAGE, (off_t)at) == (ssize_t)MIG_PAGE
				? fd_write_all(to_fd, s->page, MIG_PAGE)
				: -EIO;

		if (r < 0)
			return err_sys(e, r, "copy memory of \"pages-%u.img\"", d->number);
	}
	return 0;
}

static int write_map(const struct mig_store *s, const struct mig_store_id *d, const char *name,
		     bool is_lazy, struct err *e)
{
	AUTO(buf) b = {0};
	AUTO(buf) one = {0};
	char pages[NAME_SIZE];
	int r = 0;

	snprintf(pages, sizeof(pages), "pages-%u.img", d->number);
	AUTO_FD fd = openat(s->dir_fd, pages, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
			    0600);

	if (fd < 0)
		return err_sys(e, errno, "write \"%s\"", pages);
	begin_map(&b, d->number);
	for (size_t i = 0; r == 0 && i < d->runs.len; i += sizeof(struct mig_run)) {
		struct mig_run run;
		unsigned flags;

		memcpy(&run, d->runs.data + i, sizeof(run));
		flags = flags_of(&run, is_lazy);
		add_map(&b, &one, run.vaddr, run.nr, flags);
		if (flags & MIG_RUN_PRESENT)
			r = copy_run(s, d, &run, fd, e);
	}
	return r == 0 ? write_file(s->dir_fd, name, &b, e) : r;
}

int mig_store_pages(void *store, int pid, int *ret_fd, struct mig_ranges *ret)
{
	const struct mig_store *s = store;
	const struct mig_store_id *d = find(s, MIG_PS_ID((unsigned)pid, MIG_PS_KIND_PROCESS));
	char name[NAME_SIZE];

	if (!d)
		return -ENOENT;
	for (size_t i = 0; i < d->runs.len; i += sizeof(struct mig_run)) {
		struct mig_run run;

		memcpy(&run, d->runs.data + i, sizeof(run));
		if (run.flags & (MIG_RUN_LAZY | MIG_RUN_PRESENT))
			mig_ranges_add(ret, run.vaddr, run.vaddr + (uint64_t)run.nr * MIG_PAGE, 0);
	}
	snprintf(name, sizeof(name), "pages-%u.img", d->number);
	*ret_fd = openat(s->base_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	return *ret_fd < 0 ? -errno : 0;
}

int mig_store_write(struct mig_store *s, bool is_lazy, struct err *e)
{
	bool any = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->n; i++) {
		const struct mig_store_id *d = &s->v[i];
		bool is_process = (d->id & 0xff) == MIG_PS_KIND_PROCESS;
		char name[NAME_SIZE];

		/* Of a process that has ended since. */
		if (!d->has_map)
			continue;
		any = true;
		snprintf(name, sizeof(name),
			 is_process ? "pagemap-%llu.img" : "pagemap-shmem-%llu.img",
			 (unsigned long long)(d->id >> 8));
		/* Shared memory is never lazy. */
		if (!is_lazy || !is_process)
			r = write_base(s, d, name, e);
		if (r == 0)
			r = write_map(s, d, name, is_lazy && is_process, e);
	}
	if (r == 0 && !any)
		return err_set(e, ERR_INPUT, EBADMSG, "protocol error: no map of any memory came");
	if (r == 0 && symlinkat(MIG_STORE_BASE, s->dir_fd, "parent") < 0)
		return err_sys(e, errno, "make the link \"parent\"");
	return r;
}
