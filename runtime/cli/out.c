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
#define FIRST_LEAST   12

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

static void measure(const struct cmd_table *t, size_t gap, size_t min_width, size_t *widths)
{
	memset(widths, 0, t->n_cols * sizeof(*widths));
	for (size_t i = 0; i < t->n; i++) {
		size_t *w = &widths[i % t->n_cols];
		size_t need = columns(t->cells[i]) + gap;
		if (need < min_width)
			need = min_width;
		if (*w < need)
			*w = need;
	}
}

/* Of a line with the first n columns; nothing follows the last. */
static size_t line_width(const size_t *widths, size_t n, size_t gap)
{
	size_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += widths[i];
	return sum - gap;
}

/* Sets the columns' widths. Return: how many are shown. */
static size_t fit(const struct cmd_table *t, size_t *widths)
{
	size_t n = t->n_cols;

	measure(t, t->gap, t->min_width, widths);
	if (!t->width || line_width(widths, n, t->gap) <= t->width)
		return n;
	measure(t, 1, 0, widths);
	size_t line = line_width(widths, n, 1);
	for (; line > t->width && widths[0] > FIRST_LEAST + 1; line--)
		widths[0]--;
	while (line > t->width && n > 1)
		line -= widths[--n];
	return n;
}

/* As much of a cell as goes into so many columns. */
static void add_cut(const char *s, size_t width, struct buf *out)
{
	size_t n = 0;

	for (const char *c = s; *c; c++) {
		bool is_first = ((unsigned char)*c & 0xc0) != 0x80;
		if (is_first && n == width)
			return;
		n += is_first;
		buf_addc(out, *c);
	}
}

void cmd_table_print(const struct cmd_table *t, struct buf *out)
{
	size_t *widths = arena_array(t->arena, t->n_cols, sizeof(*widths));
	size_t shown = fit(t, widths);

	for (size_t i = 0; i < t->n; i++) {
		size_t col = i % t->n_cols, len = columns(t->cells[i]), width = widths[col];

		if (col >= shown)
			continue;
		if (len > width - (col + 1 < shown))
			add_cut(t->cells[i], width - 1, out);
		else
			buf_adds(out, t->cells[i]);
		if (col + 1 == shown)
			buf_addc(out, '\n');
		else
			pad(out, len < width ? width - len : 1);
	}
}

void cmd_out_pids(const pid_t *pids, size_t n, struct buf *out)
{
	buf_addc(out, '[');
	for (size_t i = 0; i < n; i++)
		buf_printf(out, "%s%d", i ? "," : "", (int)pids[i]);
	buf_adds(out, "]\n");
}

unsigned cmd_out_columns(void)
{
	struct winsize w;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) < 0 ? 0 : w.ws_col;
}

unsigned cmd_out_width(void)
{
	unsigned n = cmd_out_columns();

	if (n == 0)
		return WIDTH_DEFAULT;
	if (n < WIDTH_LEAST)
		return WIDTH_LEAST;
	return n > WIDTH_MOST ? WIDTH_MOST : n;
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
