/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/json_out: structs -> text, by field tables; and string literals. Owns the form of every JSON
 * document that stiva writes. Knows nothing of what the tables are about. Called for the state, the
 * `spec` template, records and events.
 */
#include "base/json_frame.h"
#include <inttypes.h>
#include "base/json_text.h"
#include "base/ban.h"

struct printer {
	struct buf *out;
	int indent; /* blanks per level, 0 = compact */
	int level;
};

/* ---- strings ---- */

static void print_escape(unsigned char c, struct buf *out)
{
	static const char letters[0x20] = {
		['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r',
	};

	if (c < 0x20 && letters[c]) {
		buf_addc(out, '\\');
		buf_addc(out, letters[c]);
	} else if (c < 0x20) {
		buf_printf(out, "\\u%04x", c);
	} else {
		buf_addc(out, '\\');
		buf_addc(out, (char)c);
	}
}

void json_print_string(const char *s, struct buf *out)
{
	const char *end = s + strlen(s), *run = s;

	buf_addc(out, '"');
	while (s < end) {
		unsigned char c = (unsigned char)*s;
		unsigned len = 1;

		if (c >= 0x80)
			len = json_text_utf8((const unsigned char *)s, (size_t)(end - s));
		if (len && c >= 0x20 && c != '"' && c != '\\') {
			s += len;
			continue;
		}
		buf_add(out, run, (size_t)(s - run));
		if (len)
			print_escape(c, out);
		else
			buf_adds(out, "\xef\xbf\xbd");
		run = ++s;
	}
	buf_add(out, run, (size_t)(s - run));
	buf_addc(out, '"');
}

/* ---- layout ---- */

static void print_line(struct printer *p)
{
	if (p->indent == 0)
		return;
	buf_addc(p->out, '\n');
	for (int i = 0; i < p->level * p->indent; i++)
		buf_addc(p->out, ' ');
}

static void print_open(struct printer *p, char c)
{
	buf_addc(p->out, c);
	p->level++;
}

static void print_close(struct printer *p, char c, bool is_empty)
{
	p->level--;
	if (!is_empty)
		print_line(p);
	buf_addc(p->out, c);
}

/* In front of the i-th element. */
static void print_next(struct printer *p, bool is_first)
{
	if (!is_first)
		buf_addc(p->out, ',');
	print_line(p);
}

static void print_key(struct printer *p, const char *key)
{
	json_print_string(key, p->out);
	buf_adds(p->out, p->indent ? ": " : ":");
}

/* ---- values ---- */

static void print_object(struct printer *p, const struct json_table *t, const char *obj);

static void print_strings(struct printer *p, const struct strvec *s)
{
	print_open(p, '[');
	for (size_t i = 0; i < s->n; i++) {
		print_next(p, i == 0);
		json_print_string(s->v[i], p->out);
	}
	print_close(p, ']', s->n == 0);
}

static void print_strmap(struct printer *p, const struct strmap *m)
{
	print_open(p, '{');
	for (size_t i = 0; i < m->n; i++) {
		print_next(p, i == 0);
		print_key(p, m->v[i].key);
		json_print_string(m->v[i].value, p->out);
	}
	print_close(p, '}', m->n == 0);
}

static void print_enums(struct printer *p, const struct json_row *row, const struct enumvec *e)
{
	print_open(p, '[');
	for (size_t i = 0; i < e->n; i++) {
		print_next(p, i == 0);
		json_print_string(word_text(row->words, e->v[i]), p->out);
	}
	for (size_t i = 0; i < e->unknown.n; i++) {
		print_next(p, e->n + i == 0);
		json_print_string(e->unknown.v[i], p->out);
	}
	print_close(p, ']', e->n + e->unknown.n == 0);
}

static void print_u32s(struct printer *p, const struct u32vec *u)
{
	print_open(p, '[');
	for (size_t i = 0; i < u->n; i++) {
		print_next(p, i == 0);
		buf_printf(p->out, "%" PRIu32, u->v[i]);
	}
	print_close(p, ']', u->n == 0);
}

static void print_objects(struct printer *p, const struct json_row *row, const struct json_vec *vec)
{
	bool is_map = row->kind == JSON_OBJMAP;

	print_open(p, is_map ? '{' : '[');
	for (size_t i = 0; i < vec->n; i++) {
		const char *elem = (const char *)vec->v + i * row->sub->size;

		print_next(p, i == 0);
		if (is_map)
			print_key(p, *(char *const *)(const void *)elem);
		print_object(p, row->sub, elem);
	}
	print_close(p, is_map ? '}' : ']', vec->n == 0);
}

static bool is_absent(const struct json_row *row, const void *at)
{
	/* A kept unknown word has no text to print. */
	if (row->kind == JSON_ENUM && ((const struct opt_enum *)at)->v < 0)
		return true;
	return json_is_absent(row, at);
}

static void print_value(struct printer *p, const struct json_row *row, const void *at)
{
	switch (row->kind) {
	case JSON_BOOL:
		buf_adds(p->out, ((const struct opt_bool *)at)->v ? "true" : "false");
		break;
	case JSON_I64:
		buf_printf(p->out, "%" PRId64, ((const struct opt_i64 *)at)->v);
		break;
	case JSON_U64:
		buf_printf(p->out, "%" PRIu64, ((const struct opt_u64 *)at)->v);
		break;
	case JSON_U32:
		buf_printf(p->out, "%" PRIu32, ((const struct opt_u32 *)at)->v);
		break;
	case JSON_STR:
		json_print_string(*(char *const *)at ? *(char *const *)at : "", p->out);
		break;
	case JSON_ENUM:
		json_print_string(word_text(row->words, ((const struct opt_enum *)at)->v), p->out);
		break;
	case JSON_STRS:
		print_strings(p, at);
		break;
	case JSON_STRMAP:
		print_strmap(p, at);
		break;
	case JSON_ENUMS:
		print_enums(p, row, at);
		break;
	case JSON_U32S:
		print_u32s(p, at);
		break;
	case JSON_OBJ:
		print_object(p, row->sub, *(char *const *)at);
		break;
	case JSON_OBJS:
	case JSON_OBJMAP:
		print_objects(p, row, at);
		break;
	case JSON_KIND_N:
		break;
	}
}

/* obj may be NULL (JF_KEEP of an absent object): then it is empty. */
static void print_object(struct printer *p, const struct json_table *t, const char *obj)
{
	bool is_empty = true;

	print_open(p, '{');
	for (size_t i = 0; obj && i < t->n_rows; i++) {
		const struct json_row *row = &t->rows[i];
		const void *at = obj + row->offset;

		if (row->flags & JF_OTHER_OS)
			continue;
		if (is_absent(row, at) && !(row->flags & JF_KEEP))
			continue;
		print_next(p, is_empty);
		print_key(p, row->key);
		print_value(p, row, at);
		is_empty = false;
	}
	print_close(p, '}', is_empty);
}

void json_print(const struct json_table *t, const void *obj, int indent, struct buf *out)
{
	struct printer p = {.out = out, .indent = indent};

	print_object(&p, t, obj);
}
