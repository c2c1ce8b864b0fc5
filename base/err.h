/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/err: the one error object of the tree.
 *
 * A "story" function takes `struct err *e` as its last parameter and returns 0 or -e->code. The
 * text is set once, where errno and the object's name are both known; callers only add what they
 * newly know, with err_prefix(). The object is of fixed size, lives on a caller's stack, is never
 * allocated (works when memory is gone) and crosses a socket as it is.
 *
 * "Leaf" functions carry no text: they return >= 0 or -errno.
 */
#ifndef STIVA_BASE_ERR_H
#define STIVA_BASE_ERR_H

#include <stdarg.h>

#define MUST_CHECK		__attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))

/* What sort of failure it is: for the JSON log and for callers that decide on it. */
enum err_class {
	ERR_KERNEL,  /* a system call said no */
	ERR_INPUT,   /* the user's file or argument is wrong */
	ERR_STATE,   /* legal, but not in this state of the container (conflict) */
	ERR_MISSING, /* kernel, build or host lacks a feature */
	ERR_BUSY,    /* someone else holds it, or a deadline passed */
	ERR_BUG,     /* broken inside stiva */
	ERR_CLASS_N
};

struct err {
	int code; /* positive errno; 0 = no error */
	enum err_class class;
	unsigned len;	/* of text, without the NUL */
	char text[456]; /* one line, no final full stop, control bytes escaped */
	char stage[24]; /* "list.row" of the step that failed first (base/step), else "" */
};

#define ERR_INIT                                                                                   \
	{                                                                                          \
		0, ERR_KERNEL, 0, "", ""                                                           \
	}

/*
 * Sets the error to `text` alone. code is a positive errno (0 is taken as EIO).
 * Return: -code, so `return err_set(e, ERR_INPUT, EINVAL, "...")` is the idiom.
 */
int err_set(struct err *e, enum err_class class, int code, const char *fmt, ...) PRINTF_LIKE(4, 5);

/*
 * Sets the error to "text: <words of errno>", class ERR_KERNEL. neg may be -errno or errno.
 * The words are our own lower-case table (err_words), never localised. Return: -code.
 */
int err_sys(struct err *e, int neg, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Puts "prefix: " in front of an error already set. Return: -e->code. */
int err_prefix(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The lower-case words of an errno ("no such file or directory"), static storage, never NULL. */
const char *err_words(int code);

/* The errno's name ("ENOENT"), or NULL. */
const char *err_name(int code);

/* The class's word for the JSON log ("kernel", "bad-input", ...). */
const char *err_class_word(enum err_class class);

static inline void err_clear(struct err *e)
{
	e->code = 0;
	e->class = ERR_KERNEL;
	e->len = 0;
	e->text[0] = '\0';
	e->stage[0] = '\0';
}

#endif
