/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint/mig_model: see mig_model.h. Called by mig_tree*.c and mig_sink*.c. */
#include "checkpoint/mig_model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/auto.h"
#include "base/ban.h"

/* ---- sums ---- */

static void count(struct mig_model *m, uint32_t id, struct mig_hash h, int sign)
{
	const unsigned i = id % MIG_MODEL_BUCKETS;

	if (sign < 0)
		h = (struct mig_hash){0 - h.lo, 0 - h.hi};
	m->sum[i].lo += h.lo;
	m->sum[i].hi += h.hi;
	m->sum[i].weighted += h.lo * id;
}

static struct mig_hash hash_name(const struct mig_name *n)
{
	char raw[300];
	const uint32_t head[2] = {n->parent->id, n->node->id};

	for (unsigned i = 0; i < 8; i++)
		raw[i] = (char)(head[i / 4] >> (8 * (i % 4)));
	memcpy(raw + 8, n->text, n->n);
	return mig_fs_hash(raw, 8u + n->n);
}

struct mig_hash mig_model_item(const struct mig_node *n, const char *meta, size_t n_meta)
{
	AUTO(buf) all = {0};

	mig_fs_put(&all, n->type, 4);
	mig_fs_put(&all, n->major, 4);
	mig_fs_put(&all, n->minor, 4);
	mig_fs_put_name(&all, n->target ? n->target : "", n->target ? strlen(n->target) : 0);
	if (n->blocks.n) {
		AUTO(buf) blocks = {0};

		(void)buf_room(&blocks, n->blocks.n * 24);
		for (size_t i = 0; i < n->blocks.n; i++) {
			const struct mig_block *b = &n->blocks.v[i];
			const uint64_t word[3] = {b->index, b->hash.lo, b->hash.hi};

			for (unsigned k = 0; k < 3; k++)
				mig_fs_put(&blocks, word[k], 8);
		}
		struct mig_hash h = mig_fs_hash(blocks.data, blocks.len);

		mig_fs_put(&all, h.lo, 8);
		mig_fs_put(&all, h.hi, 8);
	}
	buf_add(&all, meta, n_meta);
	return mig_fs_hash(all.data, all.len);
}

void mig_model_set_item(struct mig_model *m, struct mig_node *n, struct mig_hash item)
{
	if (n->has_item)
		count(m, n->id, n->item, -1);
	n->item = item;
	n->has_item = true;
	count(m, n->id, n->item, 1);
}

/* ---- nodes ---- */

void mig_model_init(struct mig_model *m, size_t node_size, mode_t root_type)
{
	*m = (struct mig_model){.node_size = node_size, .table_size = 1024};
	m->table = mem_alloc(m->table_size * sizeof(struct mig_name *));
	(void)mig_model_new(m, root_type);
	m->n_nameless = 0;
}

static void free_node(struct mig_model *m, struct mig_node *n)
{
	if (n->has_item)
		count(m, n->id, n->item, -1);
	m->by_id[n->id] = NULL;
	m->n_nodes--;
	mig_blocks_done(&n->blocks);
	free(n->target);
	free(n);
}

void mig_model_done(struct mig_model *m)
{
	for (size_t i = 0; m->table && i < m->table_size; i++)
		for (struct mig_name *n = m->table[i], *next; n; n = next) {
			next = n->chain;
			free(n);
		}
	for (uint32_t id = 1; m->by_id && id <= m->last_id; id++)
		if (m->by_id[id])
			free_node(m, m->by_id[id]);
	free(m->by_id);
	free(m->table);
	free(m->nameless);
	*m = (struct mig_model){0};
}

struct mig_node *mig_model_node(struct mig_model *m, uint64_t id)
{
	return id > 0 && id <= m->last_id ? m->by_id[id] : NULL;
}

static void note_nameless(struct mig_model *m, uint32_t id)
{
	if (m->n_nameless == m->cap_nameless) {
		m->cap_nameless = m->cap_nameless ? 2 * m->cap_nameless : 64;
		m->nameless = mem_realloc(m->nameless, m->cap_nameless, sizeof(*m->nameless));
	}
	m->nameless[m->n_nameless++] = id;
}

struct mig_node *mig_model_new(struct mig_model *m, mode_t type)
{
	if (m->last_id >= MIG_FS_NODES_MAX)
		return NULL;
	if (m->last_id + 1 >= m->ids_cap) {
		m->ids_cap = m->ids_cap ? 2 * m->ids_cap : 256;
		m->by_id = mem_realloc(m->by_id, m->ids_cap, sizeof(struct mig_node *));
		m->by_id[0] = NULL;
	}
	struct mig_node *n = mem_alloc(m->node_size);

	n->id = ++m->last_id;
	n->type = type & S_IFMT;
	m->by_id[n->id] = n;
	m->n_nodes++;
	note_nameless(m, n->id);
	return n;
}

void mig_model_settle(struct mig_model *m, void (*gone)(void *ctx, struct mig_node *n), void *ctx)
{
	for (size_t i = 0; i < m->n_nameless; i++) {
		struct mig_node *n = mig_model_node(m, m->nameless[i]);

		if (!n || n->n_names || n->id == MIG_FS_ROOT)
			continue;
		if (gone)
			gone(ctx, n);
		free_node(m, n);
	}
	m->n_nameless = 0;
}

/* ---- names ---- */

/* FNV-1a; the parent's number goes first. */
static uint32_t spot(const struct mig_node *parent, const char *text, size_t n)
{
	uint64_t h = (1469598103934665603u ^ parent->id) * 1099511628211u;

	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)text[i]) * 1099511628211u;
	return (uint32_t)(h >> 32 ^ h);
}

static void grow(struct mig_model *m)
{
	const size_t size = m->table_size * 2;
	struct mig_name **table = mem_alloc(size * sizeof(struct mig_name *));

	for (size_t i = 0; i < m->table_size; i++)
		for (struct mig_name *n = m->table[i], *next; n; n = next) {
			next = n->chain;
			n->chain = table[n->hash & (size - 1)];
			table[n->hash & (size - 1)] = n;
		}
	free(m->table);
	m->table = table;
	m->table_size = size;
}

struct mig_name *mig_model_find(struct mig_model *m, const struct mig_node *parent,
				const char *text, size_t n)
{
	const uint32_t h = spot(parent, text, n);
	struct mig_name *at = m->table[h & (m->table_size - 1)];

	while (at && !(at->hash == h && at->parent == parent && at->n == n &&
		       memcmp(at->text, text, n) == 0))
		at = at->chain;
	return at;
}

struct mig_name *mig_model_link(struct mig_model *m, struct mig_node *parent, struct mig_node *node,
				const char *text, size_t n)
{
	if (m->n_names >= MIG_FS_NODES_MAX || parent->depth >= MIG_FS_DEPTH_MAX)
		return NULL;
	if (m->n_names >= m->table_size)
		grow(m);
	struct mig_name *name = mem_alloc(sizeof(*name) + n + 1);

	memcpy(name->text, text, n);
	name->n = (uint16_t)n;
	name->parent = parent;
	name->node = node;
	name->hash = spot(parent, text, n);
	struct mig_name **bucket = &m->table[name->hash & (m->table_size - 1)];

	name->chain = *bucket;
	*bucket = name;
	name->after = parent->children;
	if (name->after)
		name->after->before = name;
	parent->children = name;
	name->other = node->names;
	if (name->other)
		name->other->other_before = name;
	node->names = name;
	node->n_names++;
	node->depth = parent->depth + 1;
	m->n_names++;
	count(m, node->id, hash_name(name), 1);
	return name;
}

void mig_model_unlink(struct mig_model *m, struct mig_name *name)
{
	struct mig_name **at = &m->table[name->hash & (m->table_size - 1)];

	count(m, name->node->id, hash_name(name), -1);
	while (*at != name)
		at = &(*at)->chain;
	*at = name->chain;
	*(name->before ? &name->before->after : &name->parent->children) = name->after;
	if (name->after)
		name->after->before = name->before;
	*(name->other_before ? &name->other_before->other : &name->node->names) = name->other;
	if (name->other)
		name->other->other_before = name->other_before;
	if (--name->node->n_names == 0)
		note_nameless(m, name->node->id);
	m->n_names--;
	free(name);
}

void mig_model_path(const struct mig_node *n, const char *name, struct buf *out)
{
	size_t total = name ? strlen(name) : 0;

	for (const struct mig_node *at = n; at->names; at = at->names->parent)
		total += at->names->n + 1u;
	total -= total && !name;
	out->len = 0;
	(void)buf_room(out, total + 1);
	out->len = total;
	out->data[total] = '\0';
	if (name) {
		total -= strlen(name);
		memcpy(out->data + total, name, strlen(name));
		total -= total > 0;
	}
	for (const struct mig_node *at = n; at->names; at = at->names->parent) {
		if (total < out->len)
			out->data[total] = '/';
		total -= at->names->n;
		memcpy(out->data + total, at->names->text, at->names->n);
		total -= total > 0;
	}
}

/* ---- the other side's ---- */

void mig_model_put(const struct mig_model *m, struct buf *out)
{
	mig_fs_put(out, m->n_nodes, 8);
	mig_fs_put(out, m->n_names, 8);
	for (unsigned i = 0; i < MIG_MODEL_BUCKETS; i++) {
		mig_fs_put(out, m->sum[i].lo, 8);
		mig_fs_put(out, m->sum[i].hi, 8);
		mig_fs_put(out, m->sum[i].weighted, 8);
	}
}

/* The only one of a bucket that differs by so much. */
static void name_it(struct mig_model *m, unsigned bucket, uint64_t lo, uint64_t weighted,
		    struct buf *ret_path)
{
	for (uint32_t id = bucket ? bucket : MIG_MODEL_BUCKETS; id <= m->last_id && !ret_path->len;
	     id += MIG_MODEL_BUCKETS)
		if (m->by_id[id] && lo * id == weighted) {
			mig_model_path(m->by_id[id], NULL, ret_path);
			if (!ret_path->len)
				buf_adds(ret_path, ".");
		}
}

int mig_model_compare(struct mig_model *m, struct mig_fs_in *in, struct buf *ret_path)
{
	bool is_equal = true;

	ret_path->len = 0;
	buf_adds(ret_path, "");
	is_equal &= mig_fs_take(in, 8) == m->n_nodes;
	is_equal &= mig_fs_take(in, 8) == m->n_names;
	for (unsigned i = 0; i < MIG_MODEL_BUCKETS; i++) {
		const uint64_t lo = mig_fs_take(in, 8) - m->sum[i].lo;
		const uint64_t hi = mig_fs_take(in, 8) - m->sum[i].hi;
		const uint64_t weighted = mig_fs_take(in, 8) - m->sum[i].weighted;

		if (in->is_short)
			return -EBADMSG;
		if (lo || hi || weighted) {
			is_equal = false;
			name_it(m, i, lo, weighted, ret_path);
		}
	}
	return is_equal ? 0 : -EILSEQ;
}
