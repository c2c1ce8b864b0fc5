/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/json_frame: what json_in.c (the driver), json_check.c (errors) and json_store.c (values)
 * share. Not for others.
 */
#ifndef STIVA_BASE_JSON_FRAME_H
#define STIVA_BASE_JSON_FRAME_H

#include "base/json.h"

#define JSON_DEPTH_MAX 64
/* What one document may make of the arena: "{}," of three bytes makes a struct of a hundred. */
#define JSON_MEMORY_MAX ((size_t)32 << 20)

/* All vector shapes begin like this. */
struct json_vec {
	void *v;
	size_t n;
} __attribute__((may_alias));

enum json_frame_kind { FRAME_OBJ, FRAME_LIST, FRAME_MAP };

struct json_frame {
	enum json_frame_kind kind;
	const struct json_table *table; /* OBJ: its own */
	const struct json_row *row; /* OBJ: of the last key, NULL = unknown; else the vector's */
	char *obj;		    /* OBJ: the struct; else the vector shape */
	size_t index;		    /* LIST: of the element that comes next */
	char *key;		    /* MAP: of the element that comes next */
	uint64_t bad;		    /* OBJ: rows that already have an error */
};

struct json_parser {
	struct arena *a;
	struct json_errors *errs;
	const struct json_table *top;
	void *ret;
	void *yajl;  /* the handle */
	size_t byte; /* behind the token that is being handled */
	size_t skip; /* containers open below a value that has no place */
	size_t depth;
	size_t total; /* of the arena, before */
	bool has_failed, is_stopped;
	bool is_any_case;   /* of property names */
	bool warns_unknown; /* of them, instead of passing over them */
	struct json_frame frames[JSON_DEPTH_MAX];
};

/* ---- json_check.c ---- */
/* An error at the place where the parser is. Return: 1, for yajl to go on. */
int json_fail(struct json_parser *p, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* B80: a property that no row knows is worth a line of --debug, or, in a document of what is to
 * change, a warning. */
void json_note_unknown(const struct json_parser *p, const char *key, size_t len);
/* Adds the checks that are due when an object ends: the rows that must be there. */
void json_check_object(struct json_parser *p, struct json_frame *f);
/* True when the member at `at`, of this row's kind, is not there. */
bool json_is_absent(const struct json_row *row, const void *at);

/* ---- json_store.c ---- */
/* The place of a vector's next element, zeroed; the caller raises n. */
void *json_vec_slot(struct arena *a, struct json_vec *vec, size_t size);
/* The end of a list or map: one entry per key, the last; terminators. */
void json_vec_close(struct arena *a, struct json_vec *vec, const struct json_row *row);
/* Puts the number or string into the member or list element where the parser is. */
void json_store_number(struct json_parser *p, const char *text, size_t len);
void json_store_string(struct json_parser *p, const char *text, size_t len);
/* Bytes of the member of a row of this kind. */
size_t json_member_size(enum json_kind kind);

#endif
