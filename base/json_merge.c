/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/json_merge: lays one object over another of the same table: what the upper one has replaces
 * what the lower one has, member by member. Knows nothing of what the tables are about. Called by
 * runtime/life, for the limits in force after an update.
 */
#include "base/json_frame.h"
#include "base/ban.h"

static void merge_object(const struct json_table *t, char *into, const char *over, struct arena *a);

static bool is_same_text(const char *a, const char *b)
{
	return a && b ? str_eq(a, b) : a == b;
}

/* Equal in the member of a key row: an integer (JSON_I64) or a string. */
static bool is_same_key(const struct json_row *row, const char *a, const char *b)
{
	if (row->kind == JSON_STR)
		return is_same_text(*(char *const *)(const void *)a,
				    *(char *const *)(const void *)b);
	const struct opt_i64 *x = (const void *)a, *y = (const void *)b;

	return x->has == y->has && x->v == y->v;
}

static bool has_key(const struct json_table *t)
{
	for (size_t i = 0; i < t->n_rows; i++)
		if (t->rows[i].flags & JF_KEY)
			return true;
	return false;
}

static bool is_same_element(const struct json_table *t, const char *a, const char *b)
{
	for (size_t i = 0; i < t->n_rows; i++) {
		const struct json_row *row = &t->rows[i];

		if ((row->flags & JF_KEY) && !is_same_key(row, a + row->offset, b + row->offset))
			return false;
	}
	return true;
}

/* The element of `into` that is the same as elem, or a new one at its end. */
static char *find_element(const struct json_row *row, struct json_vec *into, const char *elem,
			  struct arena *a)
{
	const size_t size = row->kind == JSON_STRMAP ? sizeof(struct strpair) : row->sub->size;

	for (size_t i = 0; i < into->n; i++) {
		char *old = (char *)into->v + i * size;
		/* A map's elements begin with their key. */
		bool is_same = row->kind == JSON_OBJS ? is_same_element(row->sub, old, elem)
						      : str_eq(*(char **)(void *)old,
							       *(char *const *)(const void *)elem);
		if (is_same)
			return old;
	}
	char *slot = json_vec_slot(a, into, size);

	memset(slot, 0, size);
	into->n++;
	return slot;
}

static void merge_vector(const struct json_row *row, struct json_vec *into,
			 const struct json_vec *over, struct arena *a)
{
	const size_t size = row->kind == JSON_STRMAP ? sizeof(struct strpair) : row->sub->size;
	struct json_vec copy = {0};

	/* The lower list is somebody else's. */
	for (size_t i = 0; i < into->n; i++, copy.n++)
		memcpy(json_vec_slot(a, &copy, size), (const char *)into->v + i * size, size);
	for (size_t i = 0; i < over->n; i++) {
		const char *elem = (const char *)over->v + i * size;
		char *slot = find_element(row, &copy, elem, a);

		if (row->kind == JSON_STRMAP) {
			memcpy(slot, elem, size);
			continue;
		}
		if (row->kind == JSON_OBJMAP)
			*(char **)(void *)slot = *(char *const *)(const void *)elem;
		merge_object(row->sub, slot, elem, a);
	}
	into->v = copy.v;
	into->n = copy.n;
}

static void merge_member(const struct json_row *row, char *into, const char *over, struct arena *a)
{
	bool is_by_key = row->kind == JSON_STRMAP || row->kind == JSON_OBJMAP ||
			 (row->kind == JSON_OBJS && has_key(row->sub));

	if (is_by_key) {
		merge_vector(row, (struct json_vec *)(void *)into,
			     (const struct json_vec *)(const void *)over, a);
		return;
	}
	if (row->kind != JSON_OBJ) {
		memcpy(into, over, json_member_size(row->kind));
		return;
	}
	char *copy = arena_alloc(a, row->sub->size);
	const char *old = *(char *const *)(const void *)into;

	if (old)
		memcpy(copy, old, row->sub->size);
	merge_object(row->sub, copy, *(char *const *)(const void *)over, a);
	*(char **)(void *)into = copy;
}

static void merge_object(const struct json_table *t, char *into, const char *over, struct arena *a)
{
	for (size_t i = 0; i < t->n_rows; i++) {
		const struct json_row *row = &t->rows[i];

		if (!(row->flags & JF_OTHER_OS) && !json_is_absent(row, over + row->offset))
			merge_member(row, into + row->offset, over + row->offset, a);
	}
}

void json_merge(const struct json_table *t, void *into, const void *over, struct arena *a)
{
	merge_object(t, into, over, a);
}
