/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/fuzz/mutate_main: runs a libFuzzer function without libFuzzer, on documents mutated from a
 * corpus, so that gcc's sanitizers do. Knows JSON well enough to mutate values whole. The generator
 * is seeded: the same arguments give the same documents.
 *
 * Usage: prog CORPUS_DIR N SEED
 */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/auto.h"
#include "base/fd.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/str.h"
#include "base/ban.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
extern uint64_t fuzz_accepted; /* how many documents the function took */

#define DOCUMENTS_MAX 256
#define SPANS_MAX     8192
#define SIZE_MAX_DOC  ((size_t)96 << 10)

/* A whole value, or a member with its name: [at, end). */
struct span {
	size_t at, end;
	bool is_member, is_string;
};

static struct buf corpus[DOCUMENTS_MAX];
static size_t corpus_n;
static struct span spans[SPANS_MAX];
static size_t spans_n;
static uint64_t state;

/* xorshift64*: fast, and good enough to choose by. */
static uint64_t rnd(uint64_t below)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return below ? (state * UINT64_C(2685821657736338717) >> 16) % below : 0;
}

/* ---- where the values are ---- */

static size_t skip_blanks(const struct buf *b, size_t i)
{
	while (i < b->len && strchr(" \t\r\n", b->data[i]) && b->data[i])
		i++;
	return i;
}

static size_t skip_string(const struct buf *b, size_t i)
{
	for (i++; i < b->len && b->data[i] != '"'; i++) {
		if (b->data[i] == '\\')
			i++;
	}
	return i < b->len ? i + 1 : b->len;
}

static void span_add(size_t at, size_t end, bool is_member, bool is_string)
{
	if (spans_n < SPANS_MAX && end > at)
		spans[spans_n++] = (struct span){at, end, is_member, is_string};
}

static size_t scan_value(const struct buf *b, size_t i, unsigned depth);

/* i is behind the opening bracket. Return: behind the closing one. */
static size_t scan_inside(const struct buf *b, size_t i, unsigned depth)
{
	for (;;) {
		size_t at = i = skip_blanks(b, i);
		bool is_member = false;

		if (i >= b->len)
			return b->len;
		if (b->data[i] == '}' || b->data[i] == ']')
			return i + 1;
		if (b->data[i] == '"') {
			size_t j = skip_blanks(b, skip_string(b, i));
			is_member = j < b->len && b->data[j] == ':';
			if (is_member)
				i = j + 1;
		}
		i = scan_value(b, i, depth + 1);
		if (is_member)
			span_add(at, i, true, false);
		i = skip_blanks(b, i);
		if (i < b->len && b->data[i] == ',')
			i++;
		else if (i == at)
			return i; /* not JSON: stop here */
	}
}

static size_t scan_value(const struct buf *b, size_t i, unsigned depth)
{
	size_t at = i = skip_blanks(b, i);
	bool is_string = i < b->len && b->data[i] == '"';

	if (i >= b->len)
		return b->len;
	if (is_string) {
		i = skip_string(b, i);
	} else if ((b->data[i] == '{' || b->data[i] == '[') && depth < 100) {
		i = scan_inside(b, i + 1, depth);
	} else {
		while (i < b->len && b->data[i] && !strchr(",]} \t\r\n", b->data[i]))
			i++;
	}
	span_add(at, i, false, is_string);
	return i;
}

static void scan(const struct buf *b)
{
	size_t i = b->len && (b->data[0] == 'P' || b->data[0] == 'R') ? 1 : 0;

	spans_n = 0;
	scan_value(b, i, 0);
}

/* ---- mutations ---- */

static void replace(struct buf *b, size_t at, size_t end, const char *p, size_t n)
{
	struct buf out = {0};

	buf_add(&out, b->data, at);
	buf_add(&out, p, n);
	buf_add(&out, b->data + end, b->len - end);
	buf_done(b);
	*b = out;
}

static const struct span *any_span(void)
{
	return spans_n ? &spans[rnd(spans_n)] : NULL;
}

/* A value of another type, or at the edge of a range. */
static void put_odd_value(struct buf *b, const struct span *s)
{
	static const char *const values[] = {
		"null",
		"true",
		"false",
		"0",
		"-0",
		"1",
		"-1",
		"-2",
		"2147483648",
		"4294967295",
		"4294967296",
		"9223372036854775807",
		"9223372036854775808",
		"-9223372036854775808",
		"-9223372036854775809",
		"18446744073709551615",
		"18446744073709551616",
		"1e3",
		"1.5",
		"99999999999999999999999999999999999999999999999999999999999999999999999999999999",
		"\"\"",
		"\"/\"",
		"\"..\"",
		"\"/../x\"",
		"\"\\u0000\"",
		"\"\\ud800\"",
		"\"\\ud83d\\ude00\"",
		"\"a\\nb\"",
		"\"\xff\"",
		"\"\xc0\x80\"",
		"\"a\nb\"",
		"\"network\"",
		"\"SCMP_ACT_NOTIFY\"",
		"\"CAP_SYS_ADMIN\"",
		"\"2MB\"",
		"\"0-3,7\"",
		"\"a:b:c\"",
		"[]",
		"{}",
		"[[]]",
		"[{}]",
		"[null]",
		"{\"a\":null}",
		"{\"a\":\"b\",\"a\":\"c\"}",
		"{\"\":\"\"}",
		"[\"\",\"\"]",
		"[1,2,3]",
		"{\"type\":\"x\"}",
		"01",
		"tru",
		"/*c*/1",
	};
	const char *v = values[rnd(sizeof(values) / sizeof(values[0]))];

	replace(b, s->at, s->end, v, strlen(v));
}

static void put_nested(struct buf *b, const struct span *s)
{
	size_t n = 1 + rnd(90);
	struct buf v = {0};

	for (size_t i = 0; i < n; i++)
		buf_adds(&v, rnd(2) ? "[" : "{\"a\":");
	buf_adds(&v, "1");
	for (size_t i = 0; i < n; i++)
		buf_addc(&v, rnd(8) ? ']' : '}');
	replace(b, s->at, s->end, v.data, v.len);
	buf_done(&v);
}

/* The same value or member again, once or many times. */
static void put_twice(struct buf *b, const struct span *s)
{
	size_t n = rnd(16) ? 1 : 1 + rnd(150);
	struct buf v = {0};

	for (size_t i = 0; i < n && v.len < SIZE_MAX_DOC / 2; i++) {
		buf_addc(&v, ',');
		buf_add(&v, b->data + s->at, s->end - s->at);
	}
	replace(b, s->end, s->end, v.data, v.len);
	buf_done(&v);
}

/* A member's name again, with another value before or behind. */
static void put_same_key(struct buf *b, const struct span *s)
{
	const struct span *other = any_span();
	size_t name = skip_string(b, s->at);
	struct buf v = {0};

	if (!s->is_member || other->is_member)
		return;
	buf_addc(&v, ',');
	buf_add(&v, b->data + s->at, name - s->at);
	buf_addc(&v, ':');
	buf_add(&v, b->data + other->at, other->end - other->at);
	replace(b, s->end, s->end, v.data, v.len);
	buf_done(&v);
}

/* The element with a comma at one of its sides. */
static void take_out(struct buf *b, const struct span *s)
{
	size_t end = skip_blanks(b, s->end), at = s->at;

	if (end < b->len && b->data[end] == ',')
		end++;
	else if (at && b->data[at - 1] == ',')
		at--;
	replace(b, at, end, "", 0);
}

static void swap(struct buf *b, const struct span *s)
{
	const struct span *o = any_span(), *first = s, *last = o;
	struct buf v = {0};

	if (o->at < s->at) {
		first = o;
		last = s;
	}
	if (first->end > last->at || first->is_member != last->is_member)
		return;
	buf_add(&v, b->data + last->at, last->end - last->at);
	buf_add(&v, b->data + first->end, last->at - first->end);
	buf_add(&v, b->data + first->at, first->end - first->at);
	replace(b, first->at, last->end, v.data, v.len);
	buf_done(&v);
}

/* A value or member of another document. */
static void graft(struct buf *b, const struct span *s)
{
	struct span here = *s;
	const struct buf *o = &corpus[rnd(corpus_n)];
	const struct span *from;

	scan(o);
	from = any_span();
	if (from && from->is_member == here.is_member)
		replace(b, here.at, here.end, o->data + from->at, from->end - from->at);
}

static void bytes(struct buf *b)
{
	size_t at = b->len ? rnd(b->len) : 0;
	char c = (char)rnd(256);

	switch (rnd(4)) {
	case 0:
		replace(b, at, at, &c, 1);
		break;
	case 1:
		b->data[at] ^= (char)(1 << rnd(8));
		break;
	case 2:
		replace(b, at, at + 1, "", 0);
		break;
	default:
		replace(b, at, b->len, "", 0);
		break;
	}
}

static void mutate(struct buf *b)
{
	const struct span *s;

	scan(b);
	s = any_span();
	if (!s || b->len == 0)
		return;
	switch (rnd(14)) {
	case 0:
	case 1:
	case 2:
	case 3:
		put_odd_value(b, s);
		break;
	case 4:
		put_nested(b, s);
		break;
	case 5:
	case 6:
		put_twice(b, s);
		break;
	case 7:
	case 8:
		put_same_key(b, s);
		break;
	case 9:
		take_out(b, s);
		break;
	case 10:
		swap(b, s);
		break;
	case 11:
	case 12:
		graft(b, s);
		break;
	default:
		bytes(b);
		break;
	}
}

/* ---- the run ---- */

/* Names that begin with "process" or "resources" choose the mode by the first byte. */
static void corpus_add(int dir_fd, const char *name)
{
	AUTO_FD fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	struct buf *b = &corpus[corpus_n];
	ssize_t n;

	if (fd < 0 || corpus_n == DOCUMENTS_MAX)
		return;
	if (str_starts(name, "process"))
		buf_addc(b, 'P');
	else if (str_starts(name, "resources"))
		buf_addc(b, 'R');
	while ((n = read(fd, buf_room(b, 65536), 65536)) > 0) {
		b->len += (size_t)n;
		b->data[b->len] = '\0';
	}
	corpus_n++;
}

static int name_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* In the order of names: readdir's is the file system's. */
static void corpus_read(const char *path)
{
	AUTO_DIR d = opendir(path);
	char *names[DOCUMENTS_MAX];
	struct dirent *entry;
	size_t n = 0;

	while (d && n < DOCUMENTS_MAX && (entry = readdir(d))) {
		if (str_ends(entry->d_name, ".json"))
			names[n++] = mem_strdup(entry->d_name);
	}
	qsort(names, n, sizeof(names[0]), name_cmp);
	for (size_t i = 0; i < n; i++) {
		corpus_add(dirfd(d), names[i]);
		free(names[i]);
	}
}

/* A copy of exact size, so that a read behind the end is seen. */
static void run_one(const struct buf *b)
{
	uint8_t *copy = malloc(b->len ? b->len : 1);

	if (!copy)
		abort();
	memcpy(copy, b->data ? b->data : "", b->len);
	LLVMFuzzerTestOneInput(copy, b->len);
	free(copy);
}

int main(int argc, char **argv)
{
	uint64_t n, seed;

	if (argc != 4 || num_u64(argv[2], &n) < 0 || num_u64(argv[3], &seed) < 0) {
		fprintf(stderr, "usage: %s CORPUS_DIR N SEED\n", argv[0]);
		return 2;
	}
	corpus_read(argv[1]);
	if (corpus_n == 0) {
		fprintf(stderr, "%s: no documents in %s\n", argv[0], argv[1]);
		return 2;
	}
	for (uint64_t i = 0; i < n; i++) {
		const struct buf *from = &corpus[i % corpus_n];
		unsigned times = i < corpus_n ? 0 : 1 + (unsigned)rnd(4);
		struct buf b = {0};

		state = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15) + i; /* any i can be run alone */
		rnd(0);
		rnd(0);
		buf_add(&b, from->data ? from->data : "", from->len);
		while (times-- && b.len < SIZE_MAX_DOC)
			mutate(&b);
		run_one(&b);
		buf_done(&b);
	}
	for (size_t i = 0; i < corpus_n; i++)
		buf_done(&corpus[i]);
	fprintf(stderr, "%" PRIu64 " accepted\n", fuzz_accepted);
	printf("%" PRIu64 " documents, no fault\n", n);
	return 0;
}
