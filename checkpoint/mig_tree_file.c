/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint/mig_tree_file: what of a file's contents differs from what was sent, by blocks of 64
 * KiB, and where it has no storage. Called by mig_tree.c. */
#include "checkpoint/mig_tree_inner.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "base/ban.h"

/* Larger ones go out from where they were read, alone. */
#define BATCHED_MAX (32u << 10)
#define PIECE_HEAD  21

struct reader {
	struct mig_tree *t;
	struct mig_source_node *n;
	int fd;
	uint64_t size;
	uint64_t data_from, data_to; /* the storage at or after where we are */
	struct mig_blocks changed;   /* owned */
	uint64_t run_from, run_to;   /* changed, not yet sent; in t->chunk */
	uint64_t chunk_from;
	bool is_sent;
};

static int piece(struct reader *r, enum mig_fs_piece kind, uint64_t from, uint64_t to,
		 struct err *e)
{
	const char *data = r->t->chunk + (from - r->chunk_from);
	const size_t n = kind == MIG_PIECE_DATA ? to - from : 0;
	AUTO(buf) head = {0};

	r->is_sent = true;
	r->t->count.bytes += n;
	mig_fs_put(&head, r->n->n.id, 4);
	mig_fs_put(&head, kind, 1);
	mig_fs_put(&head, from, 8);
	mig_fs_put(&head, to - from, 8);
	if (n > BATCHED_MAX) {
		int x = mig_tree_flush(r->t, e);

		return x < 0 ? x
			     : mig_link_say2(r->t->link, MIG_FS_DATA, r->t->stream, head.data,
					     head.len, data, n, e);
	}
	size_t at;
	int x = mig_tree_record(r->t, MIG_FS_ENTRY, MIG_REC_PIECE, &at, e);

	if (x < 0)
		return x;
	buf_add(&r->t->batch, head.data, head.len);
	buf_add(&r->t->batch, data, n);
	return mig_tree_recorded(r->t, at, e);
}

static int send_run(struct reader *r, struct err *e)
{
	const uint64_t from = r->run_from, to = r->run_to;

	r->run_from = r->run_to = 0;
	return to > from ? piece(r, MIG_PIECE_DATA, from, to, e) : 0;
}

/* Where storage begins and ends from `at` on. A file system that cannot tell says: everywhere. */
static void find_storage(struct reader *r, uint64_t at)
{
	off_t from = lseek(r->fd, (off_t)at, SEEK_DATA);

	if (from < 0)
		from = errno == ENXIO ? (off_t)r->size : (off_t)at;
	off_t to = (uint64_t)from < r->size ? lseek(r->fd, from, SEEK_HOLE) : (off_t)r->size;

	r->data_from = (uint64_t)from < at ? at : (uint64_t)from;
	r->data_to = to < 0 || (uint64_t)to > r->size ? r->size : (uint64_t)to;
	if (r->data_from > r->size)
		r->data_from = r->size;
	/* Punched between the two questions. */
	if (r->data_to <= at)
		r->data_to = at + 1;
}

/* Blocks without storage: those that had contents are to lose them. */
static int hole(struct reader *r, uint64_t from, uint64_t to, struct err *e)
{
	const struct mig_blocks *had = &r->n->n.blocks;
	const uint64_t end = to / MIG_FS_BLOCK;
	int x = 0;

	for (size_t i = mig_blocks_from(had, from / MIG_FS_BLOCK);
	     x == 0 && i < had->n && had->v[i].index < end;) {
		const uint64_t first = had->v[i].index;
		uint64_t next = first;

		for (; i < had->n && had->v[i].index == next && next < end; i++)
			mig_blocks_add(&r->changed, next++, (struct mig_hash){0, 0});
		x = piece(r, MIG_PIECE_HOLE, first * MIG_FS_BLOCK, next * MIG_FS_BLOCK, e);
	}
	return x;
}

static bool is_zero(const char *p, uint64_t n)
{
	return mig_hash_is_none(mig_fs_hash_block(p, n));
}

/* One block, of which a part has no storage. */
static int parts(struct reader *r, uint64_t from, uint64_t to, struct err *e)
{
	const uint64_t was_from = r->data_from, was_to = r->data_to;
	int x = 0;

	for (uint64_t at = from; x == 0 && at < to;) {
		find_storage(r, at);
		uint64_t data = r->data_from < to ? r->data_from : to;
		uint64_t end = r->data_to < to ? r->data_to : to;

		/* Read before it was punched. */
		if (data > at && !is_zero(r->t->chunk + (at - r->chunk_from), data - at))
			data = at;
		if (end <= data)
			end = data < to ? data + 1 : to;
		if (data > at)
			x = piece(r, MIG_PIECE_HOLE, at, data, e);
		if (x == 0 && end > data)
			x = piece(r, MIG_PIECE_DATA, data, end, e);
		at = end;
	}
	r->data_from = was_from;
	r->data_to = was_to;
	return x;
}

static int block(struct reader *r, uint64_t from, uint64_t to, struct err *e)
{
	const uint64_t index = from / MIG_FS_BLOCK;
	const struct mig_hash hash =
		mig_fs_hash_block(r->t->chunk + (from - r->chunk_from), to - from);
	const bool is_stored = r->data_from <= from && to <= r->data_to;
	const bool is_changed = !mig_hash_is_equal(hash, mig_blocks_get(&r->n->n.blocks, index));
	int x;

	if (is_changed)
		mig_blocks_add(&r->changed, index, hash);
	if (is_changed && is_stored && !mig_hash_is_none(hash)) {
		if (r->run_from == r->run_to)
			r->run_from = from;
		r->run_to = to;
		return 0;
	}
	x = send_run(r, e);
	if (x < 0 ||
	    (!is_changed && !(is_stored && mig_hash_is_none(hash) && from >= r->n->sent_size)))
		return x;
	return is_stored ? piece(r, MIG_PIECE_ZEROS, from, to, e) : parts(r, from, to, e);
}

static ssize_t read_chunk(struct reader *r, uint64_t from, uint64_t to)
{
	size_t n = 0;

	while (from + n < to) {
		ssize_t k = pread(r->fd, r->t->chunk + n, to - from - n, (off_t)(from + n));

		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -errno;
		if (k == 0)
			break;
		n += (size_t)k;
	}
	return (ssize_t)n;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* From `at` on; *inout_at: how far. Return: as mig_tree_contents(). */
static int step(struct reader *r, uint64_t *inout_at, int *ret_why, struct err *e)
{
	const uint64_t at = *inout_at;
	int x = 0;

	if (at >= r->data_to)
		find_storage(r, at);
	const uint64_t first = r->data_from / MIG_FS_BLOCK * MIG_FS_BLOCK;

	if (first > at) {
		*inout_at = first;
		return hole(r, at, first, e);
	}
	const uint64_t up = (r->data_to + MIG_FS_BLOCK - 1) / MIG_FS_BLOCK * MIG_FS_BLOCK;
	const uint64_t end = least(least(at + MIG_TREE_CHUNK, up), r->size);
	const ssize_t n = read_chunk(r, at, end);

	if (n < (ssize_t)(end - at)) {
		*ret_why = n < 0 ? (int)n : 0;
		r->size = at + (n < 0 ? 0 : (uint64_t)n);
	}
	r->chunk_from = at;
	const uint64_t to = least(end, r->size);

	for (uint64_t b = at; x == 0 && b < to; b += MIG_FS_BLOCK)
		x = block(r, b, least(b + MIG_FS_BLOCK, to), e);
	if (x == 0)
		x = send_run(r, e);
	*inout_at = to;
	return x < 0 ? x : to < end;
}

int mig_tree_contents(struct mig_tree *t, struct mig_source_node *n, int fd, uint64_t *inout_size,
		      bool *ret_sent, int *ret_why, struct err *e)
{
	struct reader r = {.t = t, .n = n, .fd = fd, .size = *inout_size};
	uint64_t at = 0;
	int x = 0;

	*ret_why = 0;
	t->count.files++;
	while (x == 0 && at < r.size)
		x = step(&r, &at, ret_why, e);
	*inout_size = r.size;
	*ret_sent = r.is_sent;
	mig_blocks_merge(&n->n.blocks, &r.changed, r.size);
	mig_blocks_done(&r.changed);
	n->sent_size = r.size;
	return x;
}
