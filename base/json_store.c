/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/json_store: one value -> its member, with the checks that its row alone decides (range,
 * word, absolute path); vectors and maps. Knows neither yajl nor the document around. Called by
 * json_in.c.
 */
#include "base/json_frame.h"
#include <errno.h>
#include <stdlib.h>
#include "base/auto.h"
#include "base/num.h"
#include "base/ban.h"

/* ---- vectors ---- */

/*
 * The place of the next element, zeroed; the caller raises n. Capacities are powers of two from 4
 * on, so that the length tells when one is full; a vector that restarts at n = 0 gets new memory.
 */
void *json_vec_slot(struct arena *a, struct json_vec *vec, size_t size)
{
	if (vec->n == 0) {
		vec->v = arena_array(a, 4, size);
	} else if (vec->n >= 4 && (vec->n & (vec->n - 1)) == 0) {
		void *v = arena_array(a, vec->n * 2, size);
		memcpy(v, vec->v, vec->n * size);
		vec->v = v;
	}
	return (char *)vec->v + vec->n * size;
}

static size_t elem_size(const struct json_row *row)
{
	switch (row->kind) {
	case JSON_STRS:
		return sizeof(char *);
	case JSON_STRMAP:
		return sizeof(struct strpair);
	case JSON_ENUMS:
		return sizeof(int);
	case JSON_U32S:
		return sizeof(uint32_t);
	case JSON_OBJS:
	case JSON_OBJMAP:
		return row->sub->size;
	case JSON_BOOL:
	case JSON_I64:
	case JSON_U64:
	case JSON_U32:
	case JSON_STR:
	case JSON_ENUM:
	case JSON_OBJ:
	case JSON_KIND_N:
		break;
	}
	return sizeof(void *);
}

struct map_ref {
	const char *key;
	size_t index;
};

static int map_ref_cmp(const void *a, const void *b)
{
	const struct map_ref *x = a, *y = b;
	int c = strcmp(x->key, y->key);

	return c ? c : (x->index > y->index) - (x->index < y->index);
}

/* Keeps the last entry of each key, in order; a null entry of a string map deletes. Sorting keeps
 * this at n log n for a hostile map of a million keys. */
static void map_close(struct json_vec *vec, const struct json_row *row)
{
	size_t size = elem_size(row), kept = 0;
	AUTO_FREE struct map_ref *refs = NULL;
	char *v = vec->v;

	if (vec->n == 0 || (vec->n == 1 && row->kind == JSON_OBJMAP))
		return;
	refs = mem_realloc(NULL, vec->n, sizeof(*refs));
	for (size_t i = 0; i < vec->n; i++)
		refs[i] = (struct map_ref){*(char **)(void *)(v + i * size), i};
	qsort(refs, vec->n, sizeof(*refs), map_ref_cmp);
	/* The first member is the key: NULL there marks what goes. */
	for (size_t i = 0; i < vec->n; i++) {
		char *elem = v + refs[i].index * size;
		bool is_shadowed = i + 1 < vec->n && str_eq(refs[i].key, refs[i + 1].key);
		bool is_null = row->kind == JSON_STRMAP && !((struct strpair *)(void *)elem)->value;
		if (is_shadowed || is_null)
			*(char **)(void *)elem = NULL;
	}
	for (size_t i = 0; i < vec->n; i++) {
		if (!*(char **)(void *)(v + i * size))
			continue;
		if (kept != i)
			memcpy(v + kept * size, v + i * size, size);
		kept++;
	}
	memset(v + kept * size, 0, (vec->n - kept) * size);
	vec->n = kept;
}

/* Presence must outlive an empty list, and a string vector ends with NULL. */
void json_vec_close(struct arena *a, struct json_vec *vec, const struct json_row *row)
{
	if (row->kind == JSON_STRMAP || row->kind == JSON_OBJMAP)
		map_close(vec, row);
	if (vec->n == 0 || row->kind == JSON_STRS)
		memset(json_vec_slot(a, vec, elem_size(row)), 0, elem_size(row));
	if (row->kind == JSON_ENUMS) {
		struct enumvec *e = (struct enumvec *)(void *)vec;
		if (e->unknown.n)
			memset(json_vec_slot(a, (struct json_vec *)&e->unknown, sizeof(char *)), 0,
			       sizeof(char *));
	}
}

size_t json_member_size(enum json_kind kind)
{
	static const size_t sizes[JSON_KIND_N] = {
		[JSON_BOOL] = sizeof(struct opt_bool),
		[JSON_I64] = sizeof(struct opt_i64),
		[JSON_U64] = sizeof(struct opt_u64),
		[JSON_U32] = sizeof(struct opt_u32),
		[JSON_STR] = sizeof(char *),
		[JSON_ENUM] = sizeof(struct opt_enum),
		[JSON_STRS] = sizeof(struct strvec),
		[JSON_STRMAP] = sizeof(struct strmap),
		[JSON_ENUMS] = sizeof(struct enumvec),
		[JSON_U32S] = sizeof(struct u32vec),
		[JSON_OBJ] = sizeof(void *),
		[JSON_OBJS] = sizeof(struct json_vec),
		[JSON_OBJMAP] = sizeof(struct json_vec),
	};
	return sizes[kind];
}

/* ---- scalars ---- */

void json_store_number(struct json_parser *p, const char *text, size_t len)
{
	const struct json_frame *f = &p->frames[p->depth - 1];
	const struct json_row *row = f->row;
	char *at = f->kind == FRAME_OBJ ? f->obj + row->offset : f->obj;
	bool has_range = row->min < 0 || (uint64_t)row->min < row->max;
	uint64_t u = 0;
	int64_t i = 0;
	int r = row->kind == JSON_I64 ? num_i64n(text, len, &i) : num_u64n(text, len, &u);
	int shown = len > 40 ? 40 : (int)len;
	bool is_below, is_above;

	/* Digits alone are an integer; anything else that yajl lets through has one of these. */
	if (r < 0 && (memchr(text, '.', len) || memchr(text, 'e', len) || memchr(text, 'E', len))) {
		json_fail(p, "expected an integer, got %.*s", shown, text);
		return;
	}
	is_below = row->kind == JSON_I64 ? i < row->min : row->min > 0 && u < (uint64_t)row->min;
	is_above = row->kind == JSON_I64 ? i > 0 && (uint64_t)i > row->max : u > row->max;
	if (r < 0 && row->kind != JSON_I64 && text[0] == '-') {
		json_fail(p, "must not be negative, got %.*s", shown, text);
		return;
	}
	if (r == 0 && has_range && (is_below || is_above)) {
		/* Kept all the same, so that no rule takes it for absent. */
		json_fail(p, "must be in %lld..%llu, got %.*s", (long long)row->min,
			  (unsigned long long)row->max, shown, text);
	} else if (r < 0 || (u > UINT32_MAX && row->kind != JSON_U64)) {
		json_fail(p, "out of range for %s bits, got %.*s",
			  row->kind == JSON_I64 || row->kind == JSON_U64 ? "64" : "32", shown,
			  text);
		return;
	}
	if (row->kind == JSON_I64) {
		*(struct opt_i64 *)(void *)at = (struct opt_i64){true, i};
	} else if (row->kind == JSON_U64) {
		*(struct opt_u64 *)(void *)at = (struct opt_u64){true, u};
	} else if (row->kind == JSON_U32) {
		*(struct opt_u32 *)(void *)at = (struct opt_u32){true, (uint32_t)u};
	} else {
		struct json_vec *vec = (struct json_vec *)(void *)at;
		*(uint32_t *)json_vec_slot(p->a, vec, sizeof(uint32_t)) = (uint32_t)u;
		vec->n++;
	}
}

/* The index of a word, -1 for an unknown one that may be kept, -2 for one that was refused. */
static int word_read(struct json_parser *p, const struct json_row *row, const char *text,
		     size_t len)
{
	char word[64];
	const char *near;
	int i = -EINVAL;

	if (len < sizeof(word)) {
		memcpy(word, text, len);
		word[len] = '\0';
		i = word_find(row->words, word);
	}
	if (i >= 0)
		return i;
	if (row->flags & JF_WARN)
		return -1;
	near = len < sizeof(word) ? word_suggest(row->words, word) : NULL;
	json_fail(p, "%s%s \"%.*s\"%s%s%s",
		  str_starts(row->words->what, "invalid ") ? "" : "unknown ", row->words->what,
		  len > 64 ? 64 : (int)len, text, near ? ", did you mean \"" : "", near ? near : "",
		  near ? "\"?" : "");
	return -2;
}

static void words_store(struct json_parser *p, const struct json_row *row, char *at,
			const char *text, size_t len)
{
	struct enumvec *e = (struct enumvec *)(void *)at;
	int i = word_read(p, row, text, len);

	if (i >= 0) {
		*(int *)json_vec_slot(p->a, (struct json_vec *)e, sizeof(int)) = i;
		e->n++;
	} else if (i == -1) {
		struct json_vec *vec = (struct json_vec *)&e->unknown;
		*(char **)json_vec_slot(p->a, vec, sizeof(char *)) = arena_strndup(p->a, text, len);
		vec->n++;
	}
}

void json_store_string(struct json_parser *p, const char *text, size_t len)
{
	const struct json_frame *f = &p->frames[p->depth - 1];
	const struct json_row *row = f->row;
	char *at = f->kind == FRAME_OBJ ? f->obj + row->offset : f->obj;
	struct json_vec *vec = (struct json_vec *)(void *)at;

	if ((row->flags & JF_ABS) && (len == 0 || text[0] != '/')) {
		json_fail(p, "must be an absolute path, got \"%.*s\"", len > 200 ? 200 : (int)len,
			  text);
		return;
	}
	if (row->kind == JSON_ENUM) {
		int i = word_read(p, row, text, len);
		if (i >= -1)
			*(struct opt_enum *)(void *)at = (struct opt_enum){true, i};
	} else if (row->kind == JSON_ENUMS) {
		words_store(p, row, at, text, len);
	} else if (row->kind == JSON_STR) {
		if ((row->flags & JF_NONEMPTY) && len == 0)
			json_fail(p, "must not be empty");
		*(char **)(void *)at = arena_strndup(p->a, text, len);
	} else if (row->kind == JSON_STRS) {
		*(char **)json_vec_slot(p->a, vec, sizeof(char *)) = arena_strndup(p->a, text, len);
		vec->n++;
	} else {
		struct strpair *pair = json_vec_slot(p->a, vec, sizeof(*pair));
		*pair = (struct strpair){f->key, arena_strndup(p->a, text, len)};
		vec->n++;
	}
}
