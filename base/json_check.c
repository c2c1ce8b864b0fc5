/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/json_check: the list of a document's errors. Owns their cap and their cleaning for a
 * terminal; knows nothing of parsing. Called by json_in.c for what a row alone decides, and by
 * rules (spec/rules.c) for what takes several.
 */
#include "base/json.h"
#include <stdarg.h>
#include <stdio.h>
#include "base/json_frame.h"
#include "base/log.h"
#include "base/str.h"
#include "base/ban.h"

#define NEAR 2 /* letters: what is further away is another word */

void json_error_add(struct json_errors *errs, size_t byte, const char *path, const char *fmt, ...)
{
	char raw[384], clean[512];
	struct json_error *err;
	va_list ap;

	if (errs->n >= JSON_ERRORS_MAX)
		return;
	if (errs->n == errs->cap) {
		size_t cap = errs->cap ? errs->cap * 2 : 8;
		struct json_error *v = arena_array(errs->arena, cap, sizeof(*v));
		if (errs->n)
			memcpy(v, errs->v, errs->n * sizeof(*v));
		errs->v = v;
		errs->cap = cap;
	}
	va_start(ap, fmt);
	vsnprintf(raw, sizeof(raw), fmt, ap);
	va_end(ap);
	err = &errs->v[errs->n++];
	err->text = arena_strdup(errs->arena, str_printable(clean, sizeof(clean), raw));
	err->path = arena_strdup(errs->arena, str_printable(clean, sizeof(clean), path));
	err->byte = byte;
}

static bool is_plain_key(const char *key)
{
	for (const char *c = key; *c; c++) {
		bool is_word = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
			       (*c >= '0' && *c <= '9') || *c == '_' || *c == '-';
		if (!is_word)
			return false;
	}
	return *key != '\0';
}

void json_path_add(struct buf *out, const char *key)
{
	if (is_plain_key(key))
		buf_printf(out, "%s%.100s", out->len ? "." : "", key);
	else
		buf_printf(out, "[\"%.100s\"]", key);
}

/* The place where the parser is, as "linux.devices[2].type". */
static void path_build(const struct json_parser *p, struct buf *out)
{
	for (size_t i = 0; i < p->depth; i++) {
		const struct json_frame *f = &p->frames[i];

		switch (f->kind) {
		case FRAME_OBJ:
			if (f->row)
				json_path_add(out, f->row->key);
			break;
		case FRAME_LIST:
			buf_printf(out, "[%zu]", f->index);
			break;
		case FRAME_MAP:
			if (f->key)
				json_path_add(out, f->key);
			break;
		}
	}
}

static uint64_t row_bit(const struct json_frame *f)
{
	return UINT64_C(1) << ((size_t)(f->row - f->table->rows) % 64);
}

/* The name of a row that was probably meant, or NULL. */
static const char *nearest(const struct json_table *t, const char *key)
{
	const char *found = NULL;
	unsigned best = NEAR + 1;

	for (size_t i = 0; i < t->n_rows; i++) {
		unsigned d = str_distance(key, t->rows[i].key, NEAR);

		if (d >= best || d >= strlen(key))
			continue;
		best = d;
		found = t->rows[i].key;
	}
	return found;
}

void json_note_unknown(const struct json_parser *p, const char *key, size_t len)
{
	const struct json_frame *f = &p->frames[p->depth - 1];
	struct buf path = {0};
	char text[65];

	if (!p->warns_unknown && log_get_level() < LOG_LEVEL_DEBUG)
		return;
	path_build(p, &path);
	snprintf(text, sizeof(text), "%.*s", len > 64 ? 64 : (int)len, key);
	const char *near = nearest(f->table, text);
	if (p->warns_unknown)
		log_warn("unknown property \"%s%s%s\" is ignored%s%s%s", path.data ? path.data : "",
			 path.len ? "." : "", text, near ? "; did you mean \"" : "",
			 near ? near : "", near ? "\"?" : "");
	else
		log_debug("unknown property \"%s\" of \"%s\" ignored", text,
			  path.data ? path.data : "");
	buf_done(&path);
}

int json_fail(struct json_parser *p, const char *fmt, ...)
{
	struct json_frame *f = p->depth ? &p->frames[p->depth - 1] : NULL;
	struct buf path = {0};
	char text[384];
	va_list ap;

	p->has_failed = true;
	if (f && f->kind == FRAME_OBJ && f->row)
		f->bad |= row_bit(f);
	if (p->errs->n >= JSON_ERRORS_MAX)
		return 1;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	path_build(p, &path);
	json_error_add(p->errs, p->byte, path.data ? path.data : "", "%s", text);
	buf_done(&path);
	return 1;
}

bool json_is_absent(const struct json_row *row, const void *at)
{
	switch (row->kind) {
	case JSON_BOOL:
		return !((const struct opt_bool *)at)->has;
	case JSON_I64:
		return !((const struct opt_i64 *)at)->has;
	case JSON_U64:
		return !((const struct opt_u64 *)at)->has;
	case JSON_U32:
		return !((const struct opt_u32 *)at)->has;
	case JSON_ENUM:
		return !((const struct opt_enum *)at)->has;
	case JSON_STR:
	case JSON_OBJ:
	case JSON_STRS:
	case JSON_STRMAP:
	case JSON_ENUMS:
	case JSON_U32S:
	case JSON_OBJS:
	case JSON_OBJMAP:
	case JSON_KIND_N:
		break;
	}
	return !*(char *const *)at; /* all the rest begin with a pointer */
}

void json_check_object(struct json_parser *p, struct json_frame *f)
{
	for (size_t i = 0; i < f->table->n_rows; i++) {
		const struct json_row *row = &f->table->rows[i];

		f->row = row;
		if ((row->flags & JF_REQ) && !(f->bad & row_bit(f)) &&
		    json_is_absent(row, f->obj + row->offset))
			json_fail(p, "must be present");
	}
	f->row = NULL;
}
