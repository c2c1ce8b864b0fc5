/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/patch: the one place that changes an image of criu's: a file of the host that was a
 * standard stream may have grown when it is given again, or be a new one; criu would compare its
 * size and mode with those of the dump. So these are taken out of files.img for files that are
 * given from outside, and for no others. Called by dump.c, before the digests are taken.
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

/* Numbers of file_entry (fdinfo.proto) and reg_file_entry (regfile.proto). */
enum { ENTRY_REG = 3 };
enum { REG_SIZE = 8, REG_EXT = 9, REG_MODE = 10 };

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

static int patch_entry(const char *data, size_t n, struct buf *out)
{
	AUTO(buf) entry = {0}, reg = {0};
	struct ckpt_wire_field f;
	uint32_t size = (uint32_t)n;
	int r = find_outside(data, n, &f);

	if (r > 0) {
		r = copy_fields(f.data, f.n, is_measure, &reg);
		if (r == 0)
			r = copy_fields(data, n, is_reg, &entry);
		if (r < 0)
			return r;
		ckpt_wire_bytes(&entry, ENTRY_REG, reg.data, reg.len);
		data = entry.data;
		size = (uint32_t)entry.len;
	}
	if (r < 0)
		return r;
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

int ckpt_patch_streams(int dir_fd, const struct ckpt_meta *m, struct err *e)
{
	AUTO(buf) was = {0}, is = {0};
	bool has_file = false;

	for (size_t i = 0; i < m->streams.n; i++)
		has_file |= m->streams.v[i].kind.v == CKPT_STREAM_FILE;
	if (!has_file)
		return 0;
	int r = file_read_at(dir_fd, NAME, IMAGE_MAX, &was);

	if (r >= 0)
		r = ckpt_patch_image(was.data, was.len, &is);
	if (r >= 0)
		r = file_replace_at(dir_fd, NAME, is.data, is.len, 0600);
	return r < 0 ? err_sys(e, r, "take the sizes of the streams out of \"" NAME "\"") : 0;
}
