/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/cli/out: tables and wrapped text into a buffer. It must not know any verb, and it writes
 * to no fd. Called by the verbs that list something and by help.c.
 */
#include "runtime/cli/out.h"

#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "base/str.h"
#include "base/ban.h"

#define WIDTH_DEFAULT 80
#define WIDTH_LEAST   40
#define WIDTH_MOST    120

void cmd_table_add(struct cmd_table *t, const char *text)
{
	size_t size = strlen(text) * 4 + 1; /* \xNN */
	char *cell = arena_alloc(t->arena, size);

	/* Grows when n is 0 or a power of two. */
	if ((t->n & (t->n - 1)) == 0) {
		char **bigger = arena_array(t->arena, t->n ? t->n * 2 : 1, sizeof(*bigger));
		if (t->n)
			memcpy(bigger, t->cells, t->n * sizeof(*bigger));
		t->cells = bigger;
	}
	t->cells[t->n++] = str_printable(cell, size, text);
}

/* Characters, not bytes: continuation bytes of UTF-8 take no column. */
static size_t columns(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static void pad(struct buf *out, size_t n)
{
	while (n--)
		buf_addc(out, ' ');
}

void cmd_table_print(const struct cmd_table *t, struct buf *out)
{
	size_t *widths = arena_array(t->arena, t->n_cols, sizeof(*widths));

	for (size_t i = 0; i < t->n; i++) {
		size_t *w = &widths[i % t->n_cols];
		size_t need = columns(t->cells[i]) + t->gap;
		if (need < t->min_width)
			need = t->min_width;
		if (*w < need)
			*w = need;
	}
	for (size_t i = 0; i < t->n; i++) {
		buf_adds(out, t->cells[i]);
		if (i % t->n_cols == t->n_cols - 1)
			buf_addc(out, '\n');
		else
			pad(out, widths[i % t->n_cols] - columns(t->cells[i]));
	}
}

void cmd_out_pids(const pid_t *pids, size_t n, struct buf *out)
{
	buf_addc(out, '[');
	for (size_t i = 0; i < n; i++)
		buf_printf(out, "%s%d", i ? "," : "", (int)pids[i]);
	buf_adds(out, "]\n");
}

unsigned cmd_out_width(void)
{
	struct winsize w;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) < 0 || w.ws_col == 0)
		return WIDTH_DEFAULT;
	if (w.ws_col < WIDTH_LEAST)
		return WIDTH_LEAST;
	return w.ws_col > WIDTH_MOST ? WIDTH_MOST : w.ws_col;
}

void cmd_out_wrap(const char *text, size_t at, size_t indent, unsigned width, struct buf *out)
{
	bool is_first = true;

	while (*text) {
		size_t n = strcspn(text, " \n");
		if (n && !is_first && at + 1 + n > width) {
			buf_addc(out, '\n');
			pad(out, indent);
			at = indent;
		} else if (n && !is_first) {
			buf_addc(out, ' ');
			at++;
		}
		buf_add(out, text, n);
		at += n;
		is_first = is_first && n == 0;
		text += n;
		text += *text != '\0';
	}
	buf_addc(out, '\n');
}
