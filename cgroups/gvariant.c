/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cgroups/gvariant: the text format of GVariant (GLib reference manual, "GVariant Text Format") as
 * annotations carry it, into D-Bus bytes. Owns the grammar; it must not know a property. Strict:
 * what is not wholly understood is an error. Called by systemd_props.c.
 */
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include "base/num.h"
#include "base/str.h"
#include "cgroups/systemd.h"
#include "base/ban.h"

#define NEST_MAX 8
#define TEXT_MAX 65536

enum gv_kind { GV_BOOL, GV_INT, GV_DOUBLE, GV_STR, GV_ARRAY, GV_TUPLE, GV_ENTRY, GV_VARIANT };
struct gv {
	enum gv_kind kind;
	const char *type; /* the signature, once it is known; NULL = not yet */
	bool is_negative; /* GV_INT: of the magnitude u */
	uint64_t u;
	double d;
	const char *s;
	struct gv *first, *next;
};

struct gv_parser {
	const char *p;
	struct arena *a;
	struct err *e;
};

static int wrong(struct gv_parser *ps, const char *what)
{
	char shown[48];

	str_printable(shown, 40, ps->p);
	return err_set(ps->e, ERR_INPUT, EINVAL, "%s at \"%s\"", what, shown);
}

static void skip_space(struct gv_parser *ps)
{
	ps->p += strspn(ps->p, " \t\n");
}

static bool eat(struct gv_parser *ps, char c)
{
	skip_space(ps);
	if (*ps->p != c)
		return false;
	ps->p++;
	return true;
}

/* ---- types ---- */

static const struct keyword {
	const char *word, *type;
	int64_t min;
	uint64_t max;
} keywords[] = {
	{"boolean", "b", 0, 0},
	{"byte", "y", 0, UINT8_MAX},
	{"int16", "n", INT16_MIN, INT16_MAX},
	{"uint16", "q", 0, UINT16_MAX},
	{"int32", "i", INT32_MIN, INT32_MAX},
	{"uint32", "u", 0, UINT32_MAX},
	{"int64", "x", INT64_MIN, INT64_MAX},
	{"uint64", "t", 0, UINT64_MAX},
	{"double", "d", 0, 0},
	{"string", "s", 0, 0},
	{"objectpath", "o", 0, 0},
	{"signature", "g", 0, 0},
};
#define N_KEYWORDS (sizeof(keywords) / sizeof(keywords[0]))

static bool fits(const struct gv *v, char type)
{
	for (size_t i = 0; strchr("ynqiuxt", type) && i < N_KEYWORDS; i++) {
		const struct keyword *k = &keywords[i];

		if (*k->type != type)
			continue;
		if (v->is_negative)
			return k->min < 0 && v->u <= (uint64_t)0 - (uint64_t)k->min;
		return v->u <= k->max;
	}
	return false;
}

static int mismatch(struct gv_parser *ps, const char *type)
{
	return err_set(ps->e, ERR_INPUT, EINVAL, "a value does not fit the type \"%.32s\"", type);
}

/* Gives v the one complete type at `type`. */
static int set_type(struct gv_parser *ps, struct gv *v, const char *type)
{
	size_t n = dbus_type_len(type);
	const char *own = arena_strndup(ps->a, type, n);
	bool ok = false;

	if (v->type)
		return str_eq(v->type, own) ? 0 : mismatch(ps, own);
	switch (v->kind) {
	case GV_BOOL:
		ok = *own == 'b';
		break;
	case GV_INT:
		ok = *own == 'd' || fits(v, *own);
		break;
	case GV_DOUBLE:
		ok = *own == 'd';
		break;
	case GV_STR:
		ok = *own == 's' || (*own == 'o' && v->s[0] == '/') || *own == 'g';
		break;
	case GV_VARIANT:
		ok = *own == 'v';
		break;
	case GV_ARRAY:
		ok = *own == 'a';
		break;
	case GV_TUPLE:
		ok = *own == '(';
		break;
	case GV_ENTRY:
		ok = *own == '{';
		break;
	}
	if (!ok)
		return mismatch(ps, own);
	v->type = own;
	if (v->kind != GV_ARRAY && v->kind != GV_TUPLE && v->kind != GV_ENTRY)
		return 0;
	const char *member = own + 1;

	for (struct gv *c = v->first; c; c = c->next) {
		if (*member == ')' || *member == '}' || set_type(ps, c, member) < 0)
			return ps->e->code ? -ps->e->code : mismatch(ps, own);
		if (v->kind != GV_ARRAY)
			member += dbus_type_len(member);
	}
	return v->kind == GV_ARRAY || member[1] == '\0' ? 0 : mismatch(ps, own);
}

static int infer(struct gv_parser *ps, struct gv *v);

static int infer_array(struct gv_parser *ps, struct gv *v)
{
	const char *elem = NULL;

	/* An element that says its type says it for all. */
	for (struct gv *c = v->first; c && !elem; c = c->next)
		elem = c->type;
	if (!elem && v->first) {
		int r = infer(ps, v->first);

		if (r < 0)
			return r;
		elem = v->first->type;
	}
	if (!elem)
		return err_set(ps->e, ERR_INPUT, EINVAL, "an empty array needs a type (@as [])");
	if (strlen(elem) >= DBUS_TYPE_MAX)
		return err_set(ps->e, ERR_INPUT, EINVAL, "a type that D-Bus does not have");
	return set_type(ps, v, arena_printf(ps->a, "a%s", elem));
}

static int infer_members(struct gv_parser *ps, struct gv *v, char open, char close)
{
	struct buf sig = {0};
	int r = 0;

	buf_addc(&sig, open);
	for (struct gv *c = v->first; c && r == 0; c = c->next) {
		r = infer(ps, c);
		if (r == 0)
			buf_adds(&sig, c->type);
	}
	buf_addc(&sig, close);
	if (r == 0 && (sig.len > DBUS_TYPE_MAX || dbus_type_len(sig.data) != sig.len))
		r = err_set(ps->e, ERR_INPUT, EINVAL, "a type that D-Bus does not have");
	if (r == 0)
		v->type = arena_strdup(ps->a, sig.data);
	buf_done(&sig);
	return r;
}

/* The type that the text alone gives: a plain integer is an int32. */
static int infer(struct gv_parser *ps, struct gv *v)
{
	if (v->type)
		return 0;
	switch (v->kind) {
	case GV_BOOL:
		return set_type(ps, v, "b");
	case GV_INT:
		return set_type(ps, v, "i");
	case GV_DOUBLE:
		return set_type(ps, v, "d");
	case GV_STR:
		return set_type(ps, v, "s");
	case GV_VARIANT:
		return set_type(ps, v, "v");
	case GV_ARRAY:
		return infer_array(ps, v);
	case GV_TUPLE:
		return infer_members(ps, v, '(', ')');
	case GV_ENTRY:
		return infer_members(ps, v, '{', '}');
	}
	return -EINVAL;
}

/* ---- text ---- */

static int parse(struct gv_parser *ps, unsigned depth, struct gv **ret);

static int parse_string(struct gv_parser *ps, struct gv *v)
{
	char quote = *ps->p;
	struct buf s = {0};
	const char *p = ps->p + 1;

	buf_adds(&s, "");
	for (; *p && *p != quote; p++) {
		static const char from[] = "abfnrtv\\'\"", to[] = "\a\b\f\n\r\t\v\\'\"";
		const char *at = from;

		if (*p == '\\') {
			at = *++p ? strchr(from, *p) : NULL;
			if (!at)
				break;
			buf_addc(&s, to[at - from]);
		} else {
			buf_addc(&s, *p);
		}
	}
	if (*p == quote)
		v->s = arena_strndup(ps->a, s.data, s.len);
	buf_done(&s);
	if (*p != quote)
		return wrong(ps, "a string that does not end, or an unknown escape");
	v->kind = GV_STR;
	ps->p = p + 1;
	return 0;
}

static int parse_number(struct gv_parser *ps, struct gv *v)
{
	const char *p = ps->p;

	v->is_negative = *p == '-';
	p += *p == '-' || *p == '+';
	size_t n = strspn(p, "0123456789");

	if (!n || num_u64n(p, n, &v->u) < 0)
		return wrong(ps, "neither a value nor a type");
	v->kind = GV_INT;
	p += n;
	if (*p == '.') {
		double unit = 1;
		v->kind = GV_DOUBLE;
		v->d = (double)v->u;
		for (p++; *p >= '0' && *p <= '9'; p++) {
			unit /= 10;
			v->d += unit * (*p - '0');
		}
		if (v->is_negative)
			v->d = -v->d;
	}
	if (*p && strchr("_.abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", *p))
		return wrong(ps, "not a decimal number");
	ps->p = p;
	return 0;
}

/* The members of a bracket, up to `close`. has_keys: "k: v" pairs as entries. */
static int parse_list(struct gv_parser *ps, unsigned depth, char close, bool has_keys,
		      struct gv **at)
{
	ps->p++;
	while (!eat(ps, close)) {
		struct gv *v = NULL;
		int r = parse(ps, depth + 1, &v);

		if (r < 0)
			return r;
		if (has_keys) {
			struct gv *entry = arena_alloc(ps->a, sizeof(*entry));

			entry->kind = GV_ENTRY;
			entry->first = v;
			if (!eat(ps, ':'))
				return wrong(ps, "a key without \":\"");
			r = parse(ps, depth + 1, &v->next);
			if (r < 0)
				return r;
			v = entry;
		}
		*at = v;
		at = &v->next;
		skip_space(ps);
		if (*ps->p != close && !eat(ps, ','))
			return wrong(ps, "a list without an end");
	}
	return 0;
}

static int parse_variant(struct gv_parser *ps, unsigned depth, struct gv *v)
{
	ps->p++;
	v->kind = GV_VARIANT;
	int r = parse(ps, depth + 1, &v->first);

	if (r == 0)
		r = infer(ps, v->first);
	if (r == 0 && !eat(ps, '>'))
		r = wrong(ps, "a variant without an end");
	return r;
}

/* "@type value", "uint64 value". Return: 1 = it is none. */
static int parse_typed(struct gv_parser *ps, unsigned depth, struct gv **ret)
{
	size_t n = strcspn(ps->p, " \t\n");
	const char *type = NULL;

	if (*ps->p == '@') {
		type = arena_strndup(ps->a, ps->p + 1, n - 1);
		if (n > DBUS_TYPE_MAX || dbus_type_len(type) != n - 1 || n < 2)
			return wrong(ps, "not a type");
	}
	for (size_t i = 0; i < N_KEYWORDS && !type; i++)
		if (strlen(keywords[i].word) == n && !strncmp(keywords[i].word, ps->p, n))
			type = keywords[i].type;
	if (!type)
		return 1;
	ps->p += n;
	int r = parse(ps, depth + 1, ret);

	return r < 0 ? r : set_type(ps, *ret, type);
}

static bool eat_word(struct gv_parser *ps, const char *word)
{
	const char *rest = str_after(ps->p, word);

	if (!rest || (*rest && !strchr(" \t\n,:]})>", *rest)))
		return false;
	ps->p = rest;
	return true;
}

static int parse(struct gv_parser *ps, unsigned depth, struct gv **ret)
{
	struct gv *v = arena_alloc(ps->a, sizeof(*v));

	skip_space(ps);
	if (depth > NEST_MAX)
		return wrong(ps, "too deep a value");
	*ret = v;
	switch (*ps->p) {
	case '\'':
	case '"':
		return parse_string(ps, v);
	case '[':
		v->kind = GV_ARRAY;
		return parse_list(ps, depth, ']', false, &v->first);
	case '{':
		v->kind = GV_ARRAY;
		return parse_list(ps, depth, '}', true, &v->first);
	case '(':
		v->kind = GV_TUPLE;
		return parse_list(ps, depth, ')', false, &v->first);
	case '<':
		return parse_variant(ps, depth, v);
	default:
		break;
	}
	v->kind = GV_BOOL;
	v->u = eat_word(ps, "true");
	if (v->u || eat_word(ps, "false"))
		return 0;
	int r = parse_typed(ps, depth, ret);

	return r <= 0 ? r : parse_number(ps, v);
}

/* ---- bytes ---- */

static void emit(const struct gv *v, struct buf *out);

static void emit_members(const struct gv *v, struct buf *out)
{
	for (const struct gv *c = v->first; c; c = c->next)
		emit(c, out);
}

static void emit_number(const struct gv *v, struct buf *out)
{
	uint64_t bits = v->is_negative ? (uint64_t)0 - v->u : v->u;
	double d = v->kind == GV_DOUBLE ? v->d : v->is_negative ? -(double)v->u : (double)v->u;

	switch (*v->type) {
	case 'y':
		dbus_put_byte(out, (uint8_t)bits);
		return;
	case 'n':
	case 'q':
		dbus_put_u16(out, (uint16_t)bits);
		return;
	case 'd':
		memcpy(&bits, &d, sizeof(bits));
		dbus_put_u64(out, bits);
		return;
	case 'x':
	case 't':
		dbus_put_u64(out, bits);
		return;
	default:
		dbus_put_u32(out, (uint32_t)bits);
	}
}

static void emit(const struct gv *v, struct buf *out)
{
	switch (v->kind) {
	case GV_STR:
		if (*v->type == 'g')
			dbus_put_sig(out, v->s);
		else
			dbus_put_str(out, v->s);
		return;
	case GV_ARRAY: {
		size_t mark = dbus_put_array(out, v->type[1]);

		emit_members(v, out);
		dbus_put_end(out, mark);
		return;
	}
	case GV_TUPLE:
	case GV_ENTRY:
		dbus_put_align(out, 8);
		emit_members(v, out);
		return;
	case GV_VARIANT:
		dbus_put_sig(out, v->first->type);
		emit(v->first, out);
		return;
	case GV_BOOL:
	case GV_INT:
	case GV_DOUBLE:
		emit_number(v, out);
		return;
	}
}

/* The whole text is one value. */
static int parse_all(struct gv_parser *ps, struct gv **ret)
{
	if (strlen(ps->p) > TEXT_MAX)
		return err_set(ps->e, ERR_INPUT, E2BIG, "longer than %d bytes", TEXT_MAX);
	int r = parse(ps, 0, ret);

	skip_space(ps);
	return r == 0 && *ps->p ? wrong(ps, "something behind the value") : r;
}

int cg_gvariant_put(const char *text, const char *type, struct buf *out, struct err *e)
{
	AUTO(arena) a = {0};
	struct gv_parser ps = {text, &a, e};
	struct gv *v = NULL;
	int r = parse_all(&ps, &v);

	/* A wanted type helps a plain number, and no more: what the text says stays said. */
	if (r == 0 && type && !v->type && v->kind == GV_INT)
		r = set_type(&ps, v, type);
	if (r == 0)
		r = infer(&ps, v);
	if (r < 0)
		return r;
	dbus_put_sig(out, v->type);
	emit(v, out);
	return 0;
}

int cg_gvariant_seconds(const char *text, uint64_t *ret, struct err *e)
{
	static const uint64_t usec = 1000000;
	AUTO(arena) a = {0};
	struct gv_parser ps = {text, &a, e};
	struct gv *v = NULL;
	int r = parse_all(&ps, &v);

	if (r < 0)
		return r;
	if (v->kind == GV_INT && !v->is_negative && v->u <= UINT64_MAX / usec)
		*ret = v->u * usec;
	else if (v->kind == GV_DOUBLE && v->d >= 0 && v->d < 1e12)
		*ret = (uint64_t)(v->d * 1e6 + 0.5);
	else
		return err_set(e, ERR_INPUT, EINVAL, "not a number of seconds");
	return 0;
}
