/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/mem: the arena and the growable buffer, and the single out-of-memory policy: these
 * functions never return NULL; when memory is gone they print one line with write(2) and _exit(1)
 * (the kernel then undoes what a dead process held, and `delete --force` undoes the rest).
 *
 * An arena owns everything allocated from it and is freed once. With -DSTIVA_ONE_ALLOC (test and
 * fuzz builds) each arena_alloc is its own malloc, so that AddressSanitizer sees every object.
 */
#ifndef STIVA_BASE_MEM_H
#define STIVA_BASE_MEM_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

struct arena_block;
struct arena {
	struct arena_block *head; /* owned */
	size_t used, cap;	  /* of the head block */
	size_t total;		  /* bytes handed out, for the caps of parsers */
};

/* Zeroed memory, aligned for any type. Lives until arena_done(). Never NULL. */
void *arena_alloc(struct arena *a, size_t size);
/* As arena_alloc(a, n * size), with the product checked. */
void *arena_array(struct arena *a, size_t n, size_t size);
/* Copies; the result is NUL-terminated and lives in the arena. */
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_strdup(struct arena *a, const char *s);
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Frees everything; the arena may be used again. Accepts a zeroed arena. */
void arena_done(struct arena *a);

/* malloc family under the same policy, for the few things that outlive an arena. */
void *mem_alloc(size_t size); /* zeroed */
void *mem_realloc(void *p, size_t n, size_t size);
char *mem_strdup(const char *s);
char *mem_printf(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* A growable byte buffer; data is NUL-terminated after every call once it is non-NULL. */
struct buf {
	char *data; /* owned */
	size_t len, cap;
};

void buf_add(struct buf *b, const void *p, size_t n);
void buf_adds(struct buf *b, const char *s);
void buf_addc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Makes room for n more bytes and returns where they go; the caller then raises b->len. */
char *buf_room(struct buf *b, size_t n);
void buf_done(struct buf *b);

#endif
