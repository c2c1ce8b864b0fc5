/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/mem: the arena, the growable buffer and the one answer to "no memory": say so and end.
 * It must not know what is stored. Called by every room.
 */
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/ban.h"

#define ARENA_ALIGN	_Alignof(max_align_t)
#define ARENA_BLOCK_MIN ((size_t)8 << 10)
#define ARENA_BLOCK_MAX ((size_t)256 << 10)
#define BUF_MIN		((size_t)64)

struct arena_block {
	struct arena_block *next; /* owned */
	max_align_t data[];
};

/* Nothing here may allocate, so the text is a constant and stdio is not used. */
static _Noreturn void no_memory(void)
{
	static const char text[] = "stiva: out of memory\n";
	ssize_t n = write(STDERR_FILENO, text, sizeof(text) - 1);

	(void)n;
	_exit(1);
}

static size_t add_or_die(size_t a, size_t b)
{
	size_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		no_memory();
	return sum;
}

static size_t mul_or_die(size_t a, size_t b)
{
	size_t product;

	if (__builtin_mul_overflow(a, b, &product))
		no_memory();
	return product;
}

/* calloc: memory fresh from the kernel is known to be zero and is not cleared again. */
static struct arena_block *block_new(size_t size)
{
	struct arena_block *b = calloc(1, add_or_die(sizeof(*b), size));

	if (!b)
		no_memory();
	return b;
}

/* A block for one allocation alone goes behind the head, which stays open for small ones. */
static void *alloc_alone(struct arena *a, size_t size)
{
	struct arena_block *b = block_new(size);

	if (a->head) {
		b->next = a->head->next;
		a->head->next = b;
	} else {
		a->head = b;
		a->used = a->cap = 0;
	}
	return b->data;
}

void *arena_alloc(struct arena *a, size_t size)
{
	size_t need = add_or_die(size ? size : 1, ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
	struct arena_block *b;
	size_t cap;
	void *p;

	a->total = add_or_die(a->total, size);
#ifdef STIVA_ONE_ALLOC
	return alloc_alone(a, size ? size : 1);
#endif
	if (need <= a->cap - a->used && a->head) {
		p = (char *)a->head->data + a->used;
		a->used += need;
		return p;
	}
	cap = a->cap * 2 < ARENA_BLOCK_MIN ? ARENA_BLOCK_MIN : a->cap * 2;
	if (cap > ARENA_BLOCK_MAX)
		cap = ARENA_BLOCK_MAX;
	if (need > cap / 2)
		return alloc_alone(a, need);
	b = block_new(cap);
	b->next = a->head;
	a->head = b;
	a->cap = cap;
	a->used = need;
	return b->data;
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
	return arena_alloc(a, mul_or_die(n, size));
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
	char *p;

	n = strnlen(s, n);
	p = arena_alloc(a, n + 1);
	memcpy(p, s, n);
	return p;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_strndup(a, s, strlen(s));
}

/* Length of the formatted text; a format that cannot be printed is a bug with no way on. */
static size_t format_len(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));
static size_t format_len(const char *fmt, va_list ap)
{
	va_list copy;
	int n;

	va_copy(copy, ap);
	n = vsnprintf(NULL, 0, fmt, copy);
	va_end(copy);
	if (n < 0)
		no_memory();
	return (size_t)n;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	size_t n;
	char *p;

	va_start(ap, fmt);
	n = format_len(fmt, ap);
	p = arena_alloc(a, n + 1);
	vsnprintf(p, n + 1, fmt, ap);
	va_end(ap);
	return p;
}

void arena_done(struct arena *a)
{
	struct arena_block *b = a->head;

	while (b) {
		struct arena_block *next = b->next;

		free(b);
		b = next;
	}
	memset(a, 0, sizeof(*a));
}

void *mem_alloc(size_t size)
{
	void *p = calloc(1, size ? size : 1);

	if (!p)
		no_memory();
	return p;
}

void *mem_realloc(void *p, size_t n, size_t size)
{
	size_t bytes = mul_or_die(n, size);
	void *q = realloc(p, bytes ? bytes : 1);

	if (!q)
		no_memory();
	return q;
}

char *mem_strdup(const char *s)
{
	size_t n = strlen(s) + 1;
	char *p = mem_alloc(n);

	memcpy(p, s, n);
	return p;
}

char *mem_printf(const char *fmt, ...)
{
	va_list ap;
	size_t n;
	char *p;

	va_start(ap, fmt);
	n = format_len(fmt, ap);
	p = mem_alloc(n + 1);
	vsnprintf(p, n + 1, fmt, ap);
	va_end(ap);
	return p;
}

char *buf_room(struct buf *b, size_t n)
{
	size_t need = add_or_die(add_or_die(b->len, n), 1);

	if (need > b->cap) {
		size_t cap = b->cap > SIZE_MAX / 2 ? need : b->cap * 2;

		if (cap < need)
			cap = need;
		if (cap < BUF_MIN)
			cap = BUF_MIN;
		b->data = mem_realloc(b->data, cap, 1);
		b->cap = cap;
	}
	/* Both ends: the text as it is now, and as it will be when the caller fills all of n. */
	b->data[b->len] = '\0';
	b->data[b->len + n] = '\0';
	return b->data + b->len;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
	char *to = buf_room(b, n);

	if (n)
		memcpy(to, p, n);
	b->len += n;
}

void buf_adds(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_addc(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	size_t n;

	va_start(ap, fmt);
	n = format_len(fmt, ap);
	vsnprintf(buf_room(b, n), n + 1, fmt, ap);
	va_end(ap);
	b->len += n;
}

void buf_done(struct buf *b)
{
	free(b->data);
	memset(b, 0, sizeof(*b));
}
