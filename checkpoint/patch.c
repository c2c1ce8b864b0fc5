/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/patch: the one place that changes an image of criu's, files.img. A file of the host
 * that was a standard stream may have grown when it is given again, or be a new one; criu would
 * compare its size and mode with those of the dump: these are taken out for files that are given
 * from outside, and for no others. A periodic timerfd that has expired and was not read yet has no
 * time left, and criu (issue 3162) would restore it as one that is not armed, for ever: it gets its
 * period. Called by dump.c, before the digests are taken.
 */
#include "checkpoint/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include "base/file.h"
#include "checkpoint/wire.h"
#include "base/ban.h"

#define NAME	     "files.img"
#define IMAGE_MAX    (256u << 20)
#define COMMON_MAGIC 0x54564319u /* IMG_COMMON_MAGIC of criu's magic.h: two words, then entries */
#define HEAD	     8

/* Numbers of file_entry (fdinfo.proto), reg_file_entry (regfile.proto), timerfd_entry
 * (timerfd.proto). */
enum { ENTRY_REG = 3, ENTRY_TFD = 12 };
enum { REG_SIZE = 8, REG_EXT = 9, REG_MODE = 10 };
enum { TFD_TICKS = 5, TFD_VSEC = 7, TFD_VNSEC, TFD_ISEC, TFD_INSEC, TFD_N };

static uint32_t word_at(const char *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v)); /* images are in the machine's own order */
	return v;
}

/* Copies a message without some fields. The text of a field is what lies between two of them. */
static int copy_fields(const char *data, size_t n, bool (*drops)(unsigned number), struct buf *out)
{
	struct ckpt_wire w = {(const unsigned char *)data, (const unsigned char *)data + n};
	struct ckpt_wire_field f;
	const unsigned char *from = w.at;
	int r;

	while ((r = ckpt_wire_next(&w, &f)) > 0) {
		if (!drops(f.number))
			buf_add(out, from, (size_t)(w.at - from));
		from = w.at;
	}
	return r;
}

static bool is_measure(unsigned number)
{
	return number == REG_SIZE || number == REG_MODE;
}

static bool is_reg(unsigned number)
{
	return number == ENTRY_REG;
}

/* The regular file of an entry, when it is one from outside. Return: 1, 0, -EBADMSG. */
static int find_outside(const char *data, size_t n, struct ckpt_wire_field *ret)
{
	struct ckpt_wire w = {(const unsigned char *)data, (const unsigned char *)data + n};
	struct ckpt_wire_field f, inner;
	bool is_outside = false;
	int r;

	while ((r = ckpt_wire_next(&w, &f)) > 0) {
		if (f.number != ENTRY_REG || !f.data)
			continue;
		struct ckpt_wire in = {(const unsigned char *)f.data,
				       (const unsigned char *)f.data + f.n};

		*ret = f;
		while ((r = ckpt_wire_next(&in, &inner)) > 0)
			is_outside |= inner.number == REG_EXT && inner.v;
		if (r < 0)
			return r;
	}
	return r < 0 ? r : is_outside;
}

static bool is_tfd(unsigned number)
{
	return number == ENTRY_TFD;
}

static bool is_left(unsigned number)
{
	return number == TFD_VSEC || number == TFD_VNSEC;
}

/* The timer of an entry, when it is a periodic one that has expired. Return: 1, 0, -EBADMSG. */
static int find_expired(const char *data, size_t n, struct ckpt_wire_field *ret, uint64_t v[TFD_N])
{
	struct ckpt_wire w = {(const unsigned char *)data, (const unsigned char *)data + n};
	struct ckpt_wire_field f, inner;
	int r;

	while ((r = ckpt_wire_next(&w, &f)) > 0) {
		if (f.number != ENTRY_TFD || !f.data)
			continue;
		struct ckpt_wire in = {(const unsigned char *)f.data,
				       (const unsigned char *)f.data + f.n};

		*ret = f;
		while ((r = ckpt_wire_next(&in, &inner)) > 0)
			if (inner.number < TFD_N)
				v[inner.number] = inner.v;
		if (r < 0)
			return r;
	}
	/* One that was disarmed keeps its period, but has no tick. */
	return r < 0 ? r
		     : v[TFD_TICKS] && !v[TFD_VSEC] && !v[TFD_VNSEC] &&
			       (v[TFD_ISEC] || v[TFD_INSEC]);
}

/* The entry as it is to be. Return: 1, 0 as it was, -EBADMSG. */
static int change_entry(const char *data, size_t n, struct buf *entry)
{
	AUTO(buf) inner = {0};
	uint64_t v[TFD_N] = {0};
	struct ckpt_wire_field f = {0};
	int what = ENTRY_REG, r = find_outside(data, n, &f);

	if (r > 0)
		r = copy_fields(f.data, f.n, is_measure, &inner);
	else if (r == 0) {
		what = ENTRY_TFD;
		r = find_expired(data, n, &f, v);
		if (r <= 0)
			return r;
		r = copy_fields(f.data, f.n, is_left, &inner);
		ckpt_wire_number(&inner, TFD_VSEC, v[TFD_ISEC]);
		ckpt_wire_number(&inner, TFD_VNSEC, v[TFD_INSEC]);
	}
	if (r == 0)
		r = copy_fields(data, n, what == ENTRY_REG ? is_reg : is_tfd, entry);
	if (r < 0)
		return r;
	ckpt_wire_bytes(entry, (unsigned)what, inner.data, inner.len);
	return 1;
}

static int patch_entry(const char *data, size_t n, struct buf *out)
{
	AUTO(buf) entry = {0};
	uint32_t size = (uint32_t)n;
	int r = change_entry(data, n, &entry);

	if (r < 0)
		return r;
	if (r > 0) {
		data = entry.data;
		size = (uint32_t)entry.len;
	}
	buf_add(out, &size, sizeof(size));
	buf_add(out, data, size);
	return 0;
}

int ckpt_patch_image(const char *p, size_t n, struct buf *out)
{
	if (n < HEAD || word_at(p) != COMMON_MAGIC)
		return -EBADMSG;
	buf_add(out, p, HEAD);
	for (size_t at = HEAD; at < n;) {
		if (n - at < sizeof(uint32_t))
			return -EBADMSG;
		uint32_t size = word_at(p + at);

		at += sizeof(uint32_t);
		if (size > n - at)
			return -EBADMSG;
		int r = patch_entry(p + at, size, out);

		if (r < 0)
			return r;
		at += size;
	}
	return 0;
}

int ckpt_patch_files(int dir_fd, struct err *e)
{
	AUTO(buf) was = {0}, is = {0};
	int r = file_read_at(dir_fd, NAME, IMAGE_MAX, &was);

	if (r >= 0)
		r = ckpt_patch_image(was.data, was.len, &is);
	if (r >= 0 && (was.len != is.len || memcmp(was.data, is.data, is.len) != 0))
		r = file_replace_at(dir_fd, NAME, is.data, is.len, 0600);
	return r < 0 ? err_sys(e, r, "change what criu has written of the files, \"" NAME "\"") : 0;
}
