/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/mig_memory: see mig_memory.h. The pages' way into frames; mig_process.c finds them in
 * processes that run. Called by mig_source.c.
 */
#include "checkpoint/mig_memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "base/proc.h"
#include "checkpoint/mig_process.h"
#include "checkpoint/mig_store.h"
#include "base/ban.h"

#define CHUNK_BYTES ((size_t)MIG_CHUNK_PAGES * MIG_PAGE)

#define BATCH_PAGES 256u
/* A page that changed in so many rounds in a row is left out of as many. */
#define HOT_FROM 3u
#define HOT_UPTO 7u

/*
 * What is to be sent of one id. A page is at most once in it. `first`: copies of pages as they are
 * at the destination before the batch, which go before its pages; `then`: copies of what the batch
 * itself brings, which go after them. So what a copy names is there, and not yet overwritten.
 */
struct mig_batch {
	uint64_t id;
	uint32_t number;
	uint32_t n_pages, n_runs, n_zero, n_first, n_then, n_map;
	bool is_map_begun; /* of the final pass: the id's map */
	struct mig_run runs[BATCH_PAGES], zero[MIG_RUNS_MAX], map[MIG_RUNS_MAX];
	struct mig_ref first[MIG_RUNS_MAX], then[MIG_RUNS_MAX];
	char data[BATCH_PAGES * MIG_PAGE];
};

/* ---- life ---- */

int mig_memory_open_pids(struct mig_memory *m, const pid_t *pids, size_t n, struct err *e)
{
	int r;

	*m = (struct mig_memory){.pids = pids, .n_pids = n};
	if (sysconf(_SC_PAGESIZE) != (long)MIG_PAGE)
		return err_set(e, ERR_MISSING, ENOTSUP,
			       "pages of %ld bytes: memory goes in rounds only in pages of %u",
			       sysconf(_SC_PAGESIZE), MIG_PAGE);
	m->key = mem_alloc(sizeof(*m->key));
	r = mig_hash_key(m->key);
	if (r < 0)
		return err_sys(e, r, "random key for the hash of pages");
	m->batch = mem_alloc(sizeof(*m->batch));
	m->batch->number = 1;
	m->chunk = mem_alloc(2 * CHUNK_BYTES);
	return 0;
}

int mig_memory_thread(struct mig_memory *m, struct err *e)
{
	return mig_lane_open(&m->lane, e);
}

int mig_memory_wait(struct mig_memory *m, struct err *e)
{
	return mig_lane_wait(&m->lane, e);
}

int mig_memory_open(struct mig_memory *m, const struct cg *cg, struct err *e)
{
	int r = mig_memory_open_pids(m, NULL, 0, e);

	m->cg = cg;
	return r;
}

void mig_memory_done(struct mig_memory *m)
{
	mig_lane_done(&m->lane);
	for (size_t i = 0; i < m->n_code; i++)
		free(m->code[i].page);
	free(ptr_take(&m->code));
	m->n_code = 0;
	mig_known_done(&m->known);
	free(m->key);
	free(m->batch);
	free(m->chunk);
	m->key = NULL;
	m->batch = NULL;
	m->chunk = NULL;
}

/* ---- frames ---- */

static int say(struct mig_memory *m, enum mig_frame_type type, const void *items, size_t each,
	       uint32_t n, uint32_t op, const void *data, size_t n_data, struct err *e)
{
	struct mig_pages_head h = {m->batch->id, n, op};
	AUTO(buf) head = {0};

	buf_add(&head, &h, sizeof(h));
	if (n)
		buf_add(&head, items, n * each);
	m->count.bytes += MIG_HEAD_SIZE + head.len + n_data;
	return mig_link_say2(m->link, type, 0, head.data, head.len, data, n_data, e);
}

static int flush(struct mig_memory *m, struct err *e)
{
	struct mig_batch *b = m->batch;
	uint64_t from = proc_now_usec();
	int r = 0;

	if (b->n_first)
		r = say(m, MIG_PAGES_REF, b->first, sizeof(b->first[0]), b->n_first, 0, NULL, 0, e);
	if (r == 0 && b->n_runs)
		r = say(m, MIG_PAGES, b->runs, sizeof(b->runs[0]), b->n_runs, 0, b->data,
			(size_t)b->n_pages * MIG_PAGE, e);
	if (r == 0 && b->n_zero)
		r = say(m, MIG_PAGES_ZERO, b->zero, sizeof(b->zero[0]), b->n_zero, 0, NULL, 0, e);
	if (r == 0 && b->n_then)
		r = say(m, MIG_PAGES_REF, b->then, sizeof(b->then[0]), b->n_then, 0, NULL, 0, e);
	if (r == 0 && b->n_map)
		r = say(m, MIG_PAGES_MAP, b->map, sizeof(b->map[0]), b->n_map, MIG_MAP_RUNS, NULL,
			0, e);
	b->n_first = b->n_runs = b->n_pages = b->n_zero = b->n_then = b->n_map = 0;
	b->number++;
	m->count.link_usec += proc_now_usec() - from;
	return r;
}

/* The batch is of this id from here on. */
static int turn_to(struct mig_memory *m, uint64_t id, struct err *e)
{
	int r = m->batch->id != id ? flush(m, e) : 0;

	m->batch->id = id;
	return r;
}

/* A run more, or the last one longer. */
static void add_run(struct mig_run *v, uint32_t *n, uint64_t vaddr, uint32_t nr, uint32_t flags)
{
	struct mig_run *last = *n ? &v[*n - 1] : NULL;

	if (last && last->flags == flags && last->vaddr + (uint64_t)last->nr * MIG_PAGE == vaddr)
		last->nr += nr;
	else
		v[(*n)++] = (struct mig_run){vaddr, nr, flags};
}

static bool is_full(const struct mig_batch *b)
{
	return b->n_pages == BATCH_PAGES || b->n_zero == MIG_RUNS_MAX ||
	       b->n_first == MIG_RUNS_MAX || b->n_then == MIG_RUNS_MAX || b->n_map == MIG_RUNS_MAX;
}

/* ---- one page ---- */

/* Changed in every round: it will be so again. */
static bool is_hot(struct mig_memory *m, struct mig_known_page *p)
{
	if (m->is_final)
		return false;
	p->streak++;
	if (p->streak >= HOT_UPTO)
		p->streak = HOT_FROM - 1;
	return p->streak >= HOT_FROM;
}

static void add_page(struct mig_memory *m, uint64_t vaddr, const char *page, struct mig_hash h)
{
	struct mig_batch *b = m->batch;
	const struct mig_known_page *as;
	uint64_t from_id, from;

	if (mig_known_find(&m->known, h, &from_id, &from, &as)) {
		struct mig_ref ref = {vaddr, from_id, from};

		if (as->batch == b->number)
			b->then[b->n_then++] = ref;
		else
			b->first[b->n_first++] = ref;
		m->count.ref++;
		return;
	}
	memcpy(b->data + (size_t)b->n_pages * MIG_PAGE, page, MIG_PAGE);
	b->n_pages++;
	add_run(b->runs, &b->n_runs, vaddr, 1, 0);
	m->count.sent++;
}

/* Of the batch's id. */
static int take_page(struct mig_memory *m, uint64_t vaddr, const char *page, struct err *e)
{
	static const struct mig_hash hole = {0};
	struct mig_batch *b = m->batch;
	bool is_zero = mig_hash_is_zero(page);
	struct mig_hash h = is_zero ? hole : mig_hash_page(m->key, page);
	struct mig_known_page *p = mig_known_at(&m->known, b->id, vaddr);

	m->count.pages++;
	if (mig_hash_eq(p->hash, h)) {
		p->streak = 0;
		return 0;
	}
	m->count.dirty++;
	if (is_hot(m, p)) {
		m->count.hot++;
		return 0;
	}
	if (is_zero) {
		add_run(b->zero, &b->n_zero, vaddr, 1, 0);
		m->count.zero++;
	} else {
		add_page(m, vaddr, page, h);
	}
	p->hash = h;
	p->batch = b->number;
	if (!is_zero)
		mig_known_put(&m->known, b->id, vaddr);
	return is_full(b) ? flush(m, e) : 0;
}

/* ---- a round ---- */

static char *room(void *ctx)
{
	struct mig_memory *m = ctx;

	return m->chunk + m->turn * CHUNK_BYTES;
}

/* ---- pages that criu changes for a moment ---- */

static int keep_code(void *ctx, uint64_t id, uint64_t vaddr, const char *p, size_t n, struct err *e)
{
	struct mig_memory *m = ctx;

	(void)e;
	for (size_t i = 0; i < n; i++) {
		struct mig_code c = {id, vaddr + i * MIG_PAGE, mem_alloc(MIG_PAGE)};

		memcpy(c.page, p + i * MIG_PAGE, MIG_PAGE);
		if ((m->n_code & (m->n_code + 1)) == 0)
			m->code = mem_realloc(m->code, 2 * m->n_code + 1, sizeof(c));
		m->code[m->n_code++] = c;
	}
	return 0;
}

static int compare_code(const void *a, const void *b)
{
	const struct mig_code *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return x->vaddr < y->vaddr ? -1 : x->vaddr > y->vaddr;
}

int mig_memory_code(struct mig_memory *m, struct err *e)
{
	const struct mig_process_by by = {
		.ctx = m, .pages = keep_code, .room = room, .is_code = true};
	uint32_t n;
	int r = m->cg ? mig_process_all(m->cg, &by, &n, e)
		      : mig_process_these(m->pids, m->n_pids, &by, &n, e);

	if (m->n_code)
		qsort(m->code, m->n_code, sizeof(*m->code), compare_code);
	return r;
}

static const char *code_or(const struct mig_memory *m, uint64_t id, uint64_t vaddr,
			   const char *page)
{
	const struct mig_code key = {id, vaddr, NULL};
	const struct mig_code *c =
		m->n_code ? bsearch(&key, m->code, m->n_code, sizeof(key), compare_code) : NULL;

	return c ? c->page : page;
}

/* In the lane. */
static int take_pages(void *ctx, struct err *e)
{
	const struct mig_memory_job *j = ctx;
	int r = turn_to(j->m, j->id, e);

	for (uint64_t i = 0; r == 0 && i < j->nr; i++) {
		uint64_t vaddr = j->vaddr + i * MIG_PAGE;

		r = take_page(j->m, vaddr, code_or(j->m, j->id, vaddr, j->data + i * MIG_PAGE), e);
	}
	return r;
}

static int give(struct mig_memory *m, int (*job)(void *ctx, struct err *e),
		const struct mig_memory_job *what, struct err *e)
{
	struct mig_memory_job *j = &m->job[m->turn];

	*j = *what;
	m->turn ^= 1;
	return mig_lane_give(&m->lane, job, j, e);
}

static int take_chunk(void *ctx, uint64_t id, uint64_t vaddr, const char *p, size_t n,
		      struct err *e)
{
	const struct mig_memory_job j = {.m = ctx, .id = id, .vaddr = vaddr, .nr = n, .data = p};

	return give(ctx, take_pages, &j, e);
}

int mig_memory_round(struct mig_memory *m, struct mig_link *l, struct err *e)
{
	uint64_t from = proc_now_usec();
	const struct mig_process_by by = {.ctx = m, .pages = take_chunk, .room = room};

	m->link = l;
	m->count = (struct mig_memory_count){0};
	int r = m->cg ? mig_process_all(m->cg, &by, &m->count.processes, e)
		      : mig_process_these(m->pids, m->n_pids, &by, &m->count.processes, e);

	if (r == 0)
		r = mig_lane_wait(&m->lane, e);
	if (r == 0)
		r = flush(m, e);
	m->count.usec = proc_now_usec() - from;
	return r;
}

/* ---- the final pass ---- */

static int final_open(void *ctx, uint64_t id, struct err *e)
{
	struct mig_memory *m = ctx;
	int r = mig_lane_wait(&m->lane, e);

	if (r == 0)
		r = flush(m, e);
	if (r < 0)
		return r;
	m->batch->id = id;
	m->count.processes += (id & 0xff) == MIG_PS_KIND_PROCESS;
	return say(m, MIG_PAGES_MAP, NULL, 0, 0, MIG_MAP_BEGIN, NULL, 0, e);
}

/* In the lane. */
static int take_run(void *ctx, struct err *e)
{
	const struct mig_memory_job *j = ctx;
	struct mig_memory *m = j->m;
	uint64_t from = proc_now_usec();
	int r = turn_to(m, j->id, e);

	if (r == 0)
		add_run(m->batch->map, &m->batch->n_map, j->vaddr, (uint32_t)j->nr, j->flags);
	if (r == 0 && is_full(m->batch))
		r = flush(m, e);
	if (r == 0 && j->data)
		r = take_pages(ctx, e);
	m->count.usec += proc_now_usec() - from;
	return r;
}

static int final_pages(void *ctx, uint64_t id, uint64_t vaddr, uint32_t nr, unsigned flags,
		       const void *data, struct err *e)
{
	const struct mig_memory_job j = {ctx, id, vaddr, nr, flags, data};

	if (vaddr >= MIG_ADDRESS_MAX || nr > (MIG_ADDRESS_MAX - vaddr) / MIG_PAGE)
		return err_set(e, ERR_MISSING, ENOTSUP,
			       "memory above %llx cannot be moved by this version",
			       (unsigned long long)MIG_ADDRESS_MAX);
	return give(ctx, take_run, &j, e);
}

static int final_close(void *ctx, struct err *e)
{
	struct mig_memory *m = ctx;
	int r = mig_lane_wait(&m->lane, e);

	return r == 0 ? flush(m, e) : r;
}

struct mig_ps_by mig_memory_final(struct mig_memory *m, struct mig_link *l)
{
	m->link = l;
	m->is_final = true;
	m->count = (struct mig_memory_count){0};
	return (struct mig_ps_by){m, final_open, final_pages, final_close};
}
