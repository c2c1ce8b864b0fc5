/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/json: the field-table engine. One row per property drives parse, check, print and the
 * features document. A yajl callback parser (no DOM) fills structs in an arena, with one frame per
 * open object; each struct member is one *value shape* that carries its own presence.
 *
 * Law of the parser (conformance.md G02-G04, security.md B16-B22, design.md 1.6): numbers are
 * taken as text (u64 exact; fractions and exponents refused for integers); NUL and raw control
 * bytes in strings refused; null = absent; unknown keys skipped; a duplicate key: the last wins,
 * with no memory of the first; nesting cap 64; document cap 16 MiB; trailing bytes refused; a list
 * in a list, or a scalar where a list is wanted, refused. All errors of a document are collected,
 * each with its JSON path ("linux.resources.memory.limit") and byte.
 */
#ifndef STIVA_BASE_JSON_H
#define STIVA_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/mem.h"
#include "base/str.h"

/* ---- value shapes ---- */
struct opt_bool {
	bool has, v;
};
struct opt_i64 {
	bool has;
	int64_t v;
};
struct opt_u64 {
	bool has;
	uint64_t v;
};
struct opt_u32 {
	bool has;
	uint32_t v;
};
/* Index into the row's word list. has && v == -1: a word unknown to us, in `text` (lists whose
 * policy is "warn", such as capabilities). */
struct opt_enum {
	bool has;
	int v;
};
/* v is NULL-terminated; v == NULL: absent; v != NULL with n == 0: empty list. */
struct strvec {
	char **v;
	size_t n;
};
struct strpair {
	char *key, *value;
};
struct strmap {
	struct strpair *v;
	size_t n;
};
/* Borrowed from the map; NULL: it has no such key. */
static inline const char *json_map_value(const struct strmap *m, const char *key)
{
	for (size_t i = 0; i < m->n; i++)
		if (str_eq(m->v[i].key, key))
			return m->v[i].value;
	return NULL;
}
/* Indices into the row's word list. Words unknown to us under the "warn" policy are left out of v
 * and kept in `unknown`. v != NULL with n == 0: empty list. */
struct enumvec {
	int *v;
	size_t n;
	struct strvec unknown;
};
struct u32vec {
	uint32_t *v;
	size_t n;
};
/* An object: `struct T *` (NULL absent). A list of objects: `struct T_vec`. A map of objects: as a
 * vector whose struct's first member is `char *key`. */
#define OBJ_VEC(T)                                                                                 \
	struct T##_vec {                                                                           \
		struct T *v;                                                                       \
		size_t n;                                                                          \
	}

/* ---- rows and tables ---- */
enum json_kind {
	JSON_BOOL,
	JSON_I64,
	JSON_U64,
	JSON_U32,
	JSON_STR,
	JSON_ENUM,
	JSON_STRS,
	JSON_STRMAP,
	JSON_ENUMS,
	JSON_U32S,
	JSON_OBJ,
	JSON_OBJS,
	JSON_OBJMAP,
	JSON_KIND_N
};

enum json_flag {
	JF_REQ = 1 << 0,       /* must be there */
	JF_ABS = 1 << 1,       /* string: absolute path */
	JF_NONEMPTY = 1 << 2,  /* string, list or map: not empty */
	JF_LIVE = 1 << 3,      /* may change in `update` */
	JF_SENSITIVE = 1 << 4, /* never printed in logs or state */
	JF_WARN = 1 << 5,      /* unknown words are kept aside, not refused */
	JF_KEEP = 1 << 6,      /* printed even when empty or zero (state's pid) */
	JF_OTHER_OS = 1 << 7,  /* known, ignored on Linux */
	JF_KEY = 1 << 8,       /* in a list of objects: which one it is, for json_merge() */
	JF_CLOSED = 1 << 9,    /* of a table's first row: a property without a row is an error */
};

struct json_table;
struct json_row {
	const char *key;
	enum json_kind kind;
	unsigned flags; /* enum json_flag */
	size_t offset;
	const struct json_table *sub;  /* OBJ, OBJS, OBJMAP */
	const struct word_list *words; /* ENUM, ENUMS */
	int64_t min;		       /* I64, U64, U32: accepted range when min < max */
	uint64_t max;
};
struct json_table {
	const char *name; /* "process", for the schema check and docs */
	size_t size;	  /* of the struct */
	const struct json_row *rows;
	size_t n_rows;
};

/* Offset of member m, refused by the compiler when its type is not `type`. */
#define JSON_OFF(T, m, type) _Generic(((T *)0)->m, type : offsetof(T, m))

/* clang-format off */
#define J_BOOL(T, m, key, fl)	   {key, JSON_BOOL, fl, JSON_OFF(T, m, struct opt_bool), 0, 0, 0, 0}
#define J_I64(T, m, key, fl)	   {key, JSON_I64, fl, JSON_OFF(T, m, struct opt_i64), 0, 0, 0, 0}
#define J_I64R(T, m, key, fl, lo, hi)                                                              \
	{key, JSON_I64, fl, JSON_OFF(T, m, struct opt_i64), 0, 0, lo, hi}
#define J_U64(T, m, key, fl)	   {key, JSON_U64, fl, JSON_OFF(T, m, struct opt_u64), 0, 0, 0, 0}
#define J_U64R(T, m, key, fl, lo, hi)                                                              \
	{key, JSON_U64, fl, JSON_OFF(T, m, struct opt_u64), 0, 0, lo, hi}
#define J_U32(T, m, key, fl)	   {key, JSON_U32, fl, JSON_OFF(T, m, struct opt_u32), 0, 0, 0, 0}
#define J_U32R(T, m, key, fl, lo, hi)                                                              \
	{key, JSON_U32, fl, JSON_OFF(T, m, struct opt_u32), 0, 0, lo, hi}
#define J_STR(T, m, key, fl)	   {key, JSON_STR, fl, JSON_OFF(T, m, char *), 0, 0, 0, 0}
#define J_ENUM(T, m, key, fl, w)   {key, JSON_ENUM, fl, JSON_OFF(T, m, struct opt_enum), 0, w, 0, 0}
#define J_STRS(T, m, key, fl)	   {key, JSON_STRS, fl, JSON_OFF(T, m, struct strvec), 0, 0, 0, 0}
#define J_STRMAP(T, m, key, fl)	   {key, JSON_STRMAP, fl, JSON_OFF(T, m, struct strmap), 0, 0, 0, 0}
#define J_ENUMS(T, m, key, fl, w)  {key, JSON_ENUMS, fl, JSON_OFF(T, m, struct enumvec), 0, w, 0, 0}
#define J_U32S(T, m, key, fl)	   {key, JSON_U32S, fl, JSON_OFF(T, m, struct u32vec), 0, 0, 0, 0}
/* A list of numbers in a range. */
#define J_U32SR(T, m, key, fl, lo, hi)                                                             \
	{key, JSON_U32S, fl, JSON_OFF(T, m, struct u32vec), 0, 0, lo, hi}
/* A property for other systems: known, skipped, in no struct. */
#define J_OTHER_OS(key)		   {key, JSON_OBJ, JF_OTHER_OS, 0, 0, 0, 0, 0}
#define J_OBJ(T, m, key, fl, S, sub)                                                               \
	{key, JSON_OBJ, fl, JSON_OFF(T, m, struct S *), sub, 0, 0, 0}
#define J_OBJS(T, m, key, fl, S, sub)                                                              \
	{key, JSON_OBJS, fl, JSON_OFF(T, m, struct S##_vec), sub, 0, 0, 0}
#define J_OBJMAP(T, m, key, fl, S, sub)                                                            \
	{key, JSON_OBJMAP, fl, JSON_OFF(T, m, struct S##_vec), sub, 0, 0, 0}
#define J_TABLE(var, T, rows_)                                                                     \
	const struct json_table var = {#T, sizeof(struct T), rows_, sizeof(rows_) / sizeof(rows_[0])}
/* clang-format on */

/* ---- errors of a document ---- */
struct json_error {
	char *path; /* "linux.namespaces[2].type"; "" = the document */
	char *text;
	size_t byte; /* 0 = not known (rules) */
};
#define JSON_ERRORS_MAX 100
struct json_errors {
	struct arena *arena; /* borrowed: where paths and texts live */
	struct json_error *v;
	size_t n, cap; /* at most 100 are kept */
};
/* Adds one (rules use it). path and text are formatted into the arena. */
void json_error_add(struct json_errors *errs, size_t byte, const char *path, const char *fmt, ...)
	PRINTF_LIKE(4, 5);

/* Adds a name to a path: ".name", or ["na me"] when it is not a plain word. */
void json_path_add(struct buf *path, const char *key);

/* ---- the engine ---- */
#define JSON_DOCUMENT_MAX (16u << 20)

/*
 * Parses and checks `text` by table `t` into a new object in arena `a`. Every error is added to
 * errs; *ret is set even then (partly filled) so that rules can go on, and NULL only when the
 * top level is not an object or the text is not JSON to its end. A value that is wrong in itself is
 * an error even when a later duplicate of its key replaces it. Return: 0 when errs stayed as it
 * was, else -EINVAL.
 */
int json_parse(const struct json_table *t, const char *text, size_t len, struct arena *a,
	       struct json_errors *errs, void **ret);
/* The same, for documents that Go programs write for a Go reader: a property whose name is not that
 * of a row is looked for again without regard to case. Keys of maps are taken as they are. */
int json_parse_any_case(const struct json_table *t, const char *text, size_t len, struct arena *a,
			struct json_errors *errs, void **ret);
/* The same, for what somebody wants changed, which may not go unheard: a property without a row is
 * a warning. A configuration, on the other hand, may have those of later versions. */
int json_parse_change(const struct json_table *t, const char *text, size_t len, struct arena *a,
		      struct json_errors *errs, void **ret);
/*
 * Prints `obj` by its table; absent members are left out. indent 0 = one compact line, else blanks
 * per level. No final newline. Slashes are not escaped.
 */
void json_print(const struct json_table *t, const void *obj, int indent, struct buf *out);
/*
 * Lays `over` over *into, both objects of t: what over has replaces what into has, objects member
 * by member. Maps, and lists whose rows have a JF_KEY, keep their other elements; other lists are
 * replaced as a whole. Strings are shared; vectors and objects are copied to the arena first, so
 * that what *into was copied from stays as it is.
 */
void json_merge(const struct json_table *t, void *into, const void *over, struct arena *a);
/* A JSON string literal of s, with its quotes. Bytes that are not UTF-8 become U+FFFD. */
void json_print_string(const char *s, struct buf *out);

#endif
