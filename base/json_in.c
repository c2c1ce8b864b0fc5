/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/json_in: text -> structs, by field tables. The only user of yajl. Owns the parse frames and
 * the checks that a row alone decides (flags, ranges, words); knows nothing of what the tables are
 * about. Called through json_parse() by spec/load.c and by every loader of a record.
 *
 * A value goes straight into the struct of its frame; the frame knows by itself whether it is an
 * object, a list or a map, so that a list in a list has no place to go to. A key seen again zeroes
 * its member first: vectors keep their capacity in their length alone (see vec_slot), hence nothing
 * of the first value can be reused.
 */
#include "base/json_frame.h"
#include <errno.h>
#include <stdlib.h>
#include <strings.h>
#include <yajl/yajl_parse.h>
#include "base/json_text.h"
#include "base/ban.h"

/* ---- frames ---- */

static struct json_frame *frame_top(struct json_parser *p)
{
	return p->depth ? &p->frames[p->depth - 1] : NULL;
}

static struct json_frame *frame_push(struct json_parser *p, enum json_frame_kind kind, char *obj)
{
	struct json_frame *f = &p->frames[p->depth++];

	*f = (struct json_frame){.kind = kind, .obj = obj};
	return f;
}

/* The row of the value that comes now; NULL when it has no place (unknown key) or at the top. */
static const struct json_row *row_now(struct json_parser *p)
{
	struct json_frame *f = frame_top(p);
	return f ? f->row : NULL;
}

/* True when this value belongs to a key that no row knows, or lies below such a one. */
static bool is_unwanted(struct json_parser *p)
{
	return p->skip > 0 || (p->depth && !row_now(p));
}

/* A value of a list has been read (or refused): the next one has the next index. */
static void value_done(struct json_parser *p)
{
	struct json_frame *f = frame_top(p);

	if (f && f->kind == FRAME_LIST)
		f->index++;
}

/* An unknown or refused container: only its depth is followed. */
static int skip_open(struct json_parser *p)
{
	p->skip++;
	return 1;
}

/* Every list, map and object asks this before it opens. */
static bool is_too_deep(struct json_parser *p)
{
	if (p->depth + p->skip < JSON_DEPTH_MAX)
		return false;
	json_fail(p, "nested deeper than %d levels", JSON_DEPTH_MAX);
	p->is_stopped = true;
	return true;
}

/* Every string, number, name and object asks this: what takes memory. */
static bool is_too_large(struct json_parser *p)
{
	if (p->a->total - p->total <= JSON_MEMORY_MAX)
		return false;
	json_fail(p, "the document takes more than %zu MiB", JSON_MEMORY_MAX >> 20);
	p->is_stopped = true;
	return true;
}

static void frame_pop(struct json_parser *p)
{
	struct json_frame *f = frame_top(p);
	struct json_vec *vec = (struct json_vec *)(void *)f->obj;
	const struct json_row *row = f->row;

	if (f->kind == FRAME_OBJ) {
		json_check_object(p, f);
		p->depth--;
	} else {
		json_vec_close(p->a, vec, row);
		p->depth--;
		if ((row->flags & JF_NONEMPTY) && vec->n == 0 && f->index == 0)
			json_fail(p, "must not be empty");
	}
	value_done(p);
}

/* ---- yajl callbacks; `got` is what came, by kind_takes() of the row it should fit ---- */

enum got { GOT_BOOL, GOT_NUMBER, GOT_STRING, GOT_OBJECT, GOT_LIST };

static enum got kind_takes(const struct json_frame *f)
{
	static const enum got whole[JSON_KIND_N] = {
		[JSON_BOOL] = GOT_BOOL,	    [JSON_I64] = GOT_NUMBER,	[JSON_U64] = GOT_NUMBER,
		[JSON_U32] = GOT_NUMBER,    [JSON_STR] = GOT_STRING,	[JSON_ENUM] = GOT_STRING,
		[JSON_STRS] = GOT_LIST,	    [JSON_STRMAP] = GOT_OBJECT, [JSON_ENUMS] = GOT_LIST,
		[JSON_U32S] = GOT_LIST,	    [JSON_OBJ] = GOT_OBJECT,	[JSON_OBJS] = GOT_LIST,
		[JSON_OBJMAP] = GOT_OBJECT,
	};

	if (f->kind == FRAME_OBJ)
		return whole[f->row->kind];
	if (f->row->kind == JSON_OBJS || f->row->kind == JSON_OBJMAP)
		return GOT_OBJECT;
	return f->row->kind == JSON_U32S ? GOT_NUMBER : GOT_STRING;
}

static const char *kind_wanted(const struct json_parser *p)
{
	static const char *const words[JSON_KIND_N] = {
		[JSON_BOOL] = "true or false", [JSON_I64] = "an integer",
		[JSON_U64] = "an integer",     [JSON_U32] = "an integer",
		[JSON_STR] = "a string",       [JSON_ENUM] = "a string",
		[JSON_STRS] = "a list",	       [JSON_STRMAP] = "an object",
		[JSON_ENUMS] = "a list",       [JSON_U32S] = "a list",
		[JSON_OBJ] = "an object",      [JSON_OBJS] = "a list",
		[JSON_OBJMAP] = "an object",
	};
	const struct json_frame *f = p->depth ? &p->frames[p->depth - 1] : NULL;

	if (!f)
		return "an object";
	if (f->kind == FRAME_OBJ)
		return words[f->row->kind];
	if (f->row->kind == JSON_OBJS || f->row->kind == JSON_OBJMAP)
		return "an object";
	return f->row->kind == JSON_U32S ? "an integer" : "a string";
}

/* Says the error when the value that came does not fit the place where the parser is. */
static bool is_misfit(struct json_parser *p, enum got got)
{
	static const char *const words[] = {"a boolean", "a number", "a string", "an object",
					    "a list"};
	struct json_frame *f = frame_top(p);

	if (f ? kind_takes(f) == got : got == GOT_OBJECT)
		return false;
	json_fail(p, "expected %s, got %s", kind_wanted(p), words[got]);
	return true;
}

/* Every callback begins here. */
static struct json_parser *parser_at(void *ctx)
{
	struct json_parser *p = ctx;

	p->byte = yajl_get_bytes_consumed(p->yajl);
	return p;
}

static int on_null(void *ctx)
{
	struct json_parser *p = parser_at(ctx);
	struct json_frame *f = frame_top(p);

	if (is_unwanted(p))
		return 1;
	if (f && f->kind == FRAME_OBJ)
		return 1; /* absent: on_key() has zeroed the member */
	if (f && f->kind == FRAME_MAP && f->row->kind == JSON_STRMAP) {
		struct json_vec *vec = (struct json_vec *)(void *)f->obj;
		*(struct strpair *)json_vec_slot(p->a, vec, sizeof(struct strpair)) =
			(struct strpair){f->key, NULL};
		vec->n++;
		return 1;
	}
	json_fail(p, "expected %s, got null", kind_wanted(p));
	value_done(p);
	return 1;
}

static int on_boolean(void *ctx, int v)
{
	struct json_parser *p = parser_at(ctx);
	struct json_frame *f = frame_top(p);

	if (is_unwanted(p))
		return 1;
	if (!is_misfit(p, GOT_BOOL))
		*(struct opt_bool *)(void *)(f->obj + f->row->offset) =
			(struct opt_bool){true, v != 0};
	value_done(p);
	return 1;
}

static int on_number(void *ctx, const char *text, size_t len)
{
	struct json_parser *p = parser_at(ctx);

	if (is_unwanted(p))
		return 1;
	if (is_too_large(p))
		return 0;
	if (!is_misfit(p, GOT_NUMBER))
		json_store_number(p, text, len);
	value_done(p);
	return 1;
}

static int on_string(void *ctx, const unsigned char *text, size_t len)
{
	struct json_parser *p = parser_at(ctx);

	if (is_unwanted(p))
		return 1;
	if (is_too_large(p))
		return 0;
	if (!is_misfit(p, GOT_STRING))
		json_store_string(p, (const char *)text, len);
	value_done(p);
	return 1;
}

/* Writers keep the order of the properties, so the search starts behind the last one found. */
static const struct json_row *row_find(const struct json_frame *f, const char *key, size_t len)
{
	const struct json_table *t = f->table;
	size_t at = f->index;

	for (size_t i = 0; i < t->n_rows; i++, at++) {
		const struct json_row *row;

		if (at >= t->n_rows)
			at = 0;
		row = &t->rows[at];
		if (len && row->key[0] == key[0] && strncmp(row->key, key, len) == 0 &&
		    row->key[len] == '\0')
			return row;
	}
	return NULL;
}

static const struct json_row *row_find_any_case(const struct json_table *t, const char *key,
						size_t len)
{
	for (size_t i = 0; i < t->n_rows; i++)
		if (strlen(t->rows[i].key) == len && strncasecmp(t->rows[i].key, key, len) == 0)
			return &t->rows[i];
	return NULL;
}

static int on_key(void *ctx, const unsigned char *text, size_t len)
{
	struct json_parser *p = parser_at(ctx);
	struct json_frame *f = frame_top(p);
	const char *key = (const char *)text;

	if (p->skip)
		return 1;
	if (f->kind == FRAME_MAP) {
		f->key = NULL; /* the path of an error below is that of the map */
		if (len == 0)
			json_fail(p, "an empty name");
		f->key = arena_strndup(p->a, key, len);
		return 1;
	}
	f->row = row_find(f, key, len);
	if (!f->row && p->is_any_case)
		f->row = row_find_any_case(f->table, key, len);
	if (!f->row && f->table->rows[0].flags & JF_CLOSED) {
		json_fail(p, "unknown property \"%.*s\"", len > 64 ? 64 : (int)len, key);
	} else if (!f->row) {
		json_note_unknown(p, key, len);
	} else if (f->row->flags & JF_OTHER_OS) {
		f->row = NULL;
	} else {
		f->index = (size_t)(f->row - f->table->rows) + 1;
		memset(f->obj + f->row->offset, 0, json_member_size(f->row->kind));
	}
	return 1;
}

static int on_object(void *ctx)
{
	struct json_parser *p = parser_at(ctx);
	struct json_frame *f = frame_top(p);
	char *obj;

	if (is_too_deep(p) || is_too_large(p))
		return 0;
	if (is_unwanted(p) || is_misfit(p, GOT_OBJECT))
		return skip_open(p);
	if (f && f->kind == FRAME_OBJ && f->row->kind != JSON_OBJ) {
		frame_push(p, FRAME_MAP, f->obj + f->row->offset)->row = f->row;
		return 1;
	}
	if (!f) {
		obj = p->ret = arena_alloc(p->a, p->top->size);
	} else if (f->kind == FRAME_OBJ) {
		obj = arena_alloc(p->a, f->row->sub->size);
		*(char **)(void *)(f->obj + f->row->offset) = obj;
	} else {
		struct json_vec *vec = (struct json_vec *)(void *)f->obj;
		obj = json_vec_slot(p->a, vec, f->row->sub->size);
		vec->n++;
		if (f->kind == FRAME_MAP)
			*(char **)(void *)obj = f->key;
	}
	frame_push(p, FRAME_OBJ, obj)->table = f ? f->row->sub : p->top;
	return 1;
}

static int on_list(void *ctx)
{
	struct json_parser *p = parser_at(ctx);
	struct json_frame *f = frame_top(p);

	if (is_too_deep(p))
		return 0;
	if (is_unwanted(p) || is_misfit(p, GOT_LIST))
		return skip_open(p);
	frame_push(p, FRAME_LIST, f->obj + f->row->offset)->row = f->row;
	return 1;
}

static int on_end(void *ctx)
{
	struct json_parser *p = parser_at(ctx);

	if (p->skip == 0)
		frame_pop(p);
	else if (--p->skip == 0)
		value_done(p);
	return 1;
}

/* ---- the face ---- */

static void *yajl_mem_new(void *ctx, size_t n)
{
	(void)ctx;
	return mem_realloc(NULL, n, 1);
}

static void *yajl_mem_more(void *ctx, void *ptr, size_t n)
{
	(void)ctx;
	return mem_realloc(ptr, n, 1);
}

static void yajl_mem_free(void *ctx, void *ptr)
{
	(void)ctx;
	free(ptr);
}

/* An error of the text itself. */
static void text_fail(struct json_parser *p, const char *text, size_t byte, const char *what)
{
	size_t line = 1, column = 1;

	for (size_t i = 0; i < byte; i++) {
		column = text[i] == '\n' ? 1 : column + 1;
		line += text[i] == '\n';
	}
	p->has_failed = true;
	p->ret = NULL;
	json_error_add(p->errs, byte, "", "not valid JSON: %s at line %zu, column %zu", what, line,
		       column);
}

/* yajl's words, without its class and line end: "parse error: trailing garbage\n". */
static void yajl_fail(struct json_parser *p, const char *text, size_t len)
{
	size_t byte = yajl_get_bytes_consumed(p->yajl);
	unsigned char *said = yajl_get_error(p->yajl, 0, (const unsigned char *)text, len);
	char what[160] = "";
	char *colon;

	str_copy(what, sizeof(what), said ? (const char *)said : "parse error");
	what[strcspn(what, "\n")] = '\0';
	colon = strstr(what, ": ");
	yajl_free_error(p->yajl, said);
	text_fail(p, text, byte < len ? byte : len, colon ? colon + 2 : what);
}

enum names { NAMES_EXACT, NAMES_ANY_CASE, NAMES_KNOWN };

static int parse(const struct json_table *t, const char *text, size_t len, enum names names,
		 struct arena *a, struct json_errors *errs, void **ret)
{
	static const yajl_callbacks callbacks = {
		.yajl_null = on_null,
		.yajl_boolean = on_boolean,
		.yajl_number = on_number,
		.yajl_string = on_string,
		.yajl_start_map = on_object,
		.yajl_map_key = on_key,
		.yajl_end_map = on_end,
		.yajl_start_array = on_list,
		.yajl_end_array = on_end,
	};
	yajl_alloc_funcs mem = {yajl_mem_new, yajl_mem_more, yajl_mem_free, NULL};
	struct json_parser p = {.a = a,
				.errs = errs,
				.top = t,
				.total = a->total,
				.is_any_case = names != NAMES_EXACT,
				.warns_unknown = names == NAMES_KNOWN};
	const char *wrong;
	yajl_status status;
	size_t byte = 0;

	*ret = NULL;
	if (len > JSON_DOCUMENT_MAX) {
		json_error_add(errs, 0, "", "larger than %u MiB", JSON_DOCUMENT_MAX >> 20);
		return -EINVAL;
	}
	wrong = len == 0 ? "empty document" : json_text_check(text, len, &byte);
	if (wrong) {
		text_fail(&p, text, byte, wrong);
		return -EINVAL;
	}
	p.yajl = yajl_alloc(&callbacks, &mem, &p);
	yajl_config(p.yajl, yajl_dont_validate_strings,
		    1); /* json_text_check() did, and stricter */
	status = yajl_parse(p.yajl, (const unsigned char *)text, len);
	if (status == yajl_status_ok)
		status = yajl_complete_parse(p.yajl);
	if (status != yajl_status_ok && !p.is_stopped)
		yajl_fail(&p, text, len);
	yajl_free(p.yajl);
	*ret = p.is_stopped ? NULL : p.ret;
	return p.has_failed ? -EINVAL : 0;
}

int json_parse(const struct json_table *t, const char *text, size_t len, struct arena *a,
	       struct json_errors *errs, void **ret)
{
	return parse(t, text, len, NAMES_EXACT, a, errs, ret);
}

int json_parse_any_case(const struct json_table *t, const char *text, size_t len, struct arena *a,
			struct json_errors *errs, void **ret)
{
	return parse(t, text, len, NAMES_ANY_CASE, a, errs, ret);
}

int json_parse_change(const struct json_table *t, const char *text, size_t len, struct arena *a,
		      struct json_errors *errs, void **ret)
{
	return parse(t, text, len, NAMES_KNOWN, a, errs, ret);
}
