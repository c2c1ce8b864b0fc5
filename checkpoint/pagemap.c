/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/pagemap: criu's pagemap images, as far as they say how much memory must be there: of
 * memory that another program wrote (a page server) no digest was made. Called by manifest.c.
 */
#include "checkpoint/internal.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "checkpoint/wire.h"
#include "base/ban.h"

#define MAGIC_SERVICE 0x54564319u
#define MAGIC_PAGEMAP 0x56084025u
#define IMAGE_MAX     (64u << 20)
#define PE_PARENT     1u
#define PE_PRESENT    4u
enum { HEAD_PAGES_ID = 1 };
enum { ENTRY_NR = 2, ENTRY_IN_PARENT = 3, ENTRY_FLAGS = 4, ENTRY_NR_LONG = 5 };

/* Whether an entry has its pages here; older ones have no flags. Return: 0 or -EBADMSG. */
static int entry(const char *p, size_t n, uint64_t *ret_pages)
{
	struct ckpt_wire w = {(const unsigned char *)p, (const unsigned char *)p + n};
	struct ckpt_wire_field f;
	uint64_t nr = 0, flags = PE_PRESENT;
	int r;

	while ((r = ckpt_wire_next(&w, &f)) > 0) {
		if (f.number == ENTRY_NR || (f.number == ENTRY_NR_LONG && f.v))
			nr = f.v;
		if (f.number == ENTRY_IN_PARENT && f.v)
			flags = PE_PARENT;
		if (f.number == ENTRY_FLAGS)
			flags = f.v;
	}
	*ret_pages = r == 0 && (flags & PE_PRESENT) && !(flags & PE_PARENT) ? nr : 0;
	return r;
}

static int head(const char *p, size_t n, uint32_t *ret_pages)
{
	struct ckpt_wire w = {(const unsigned char *)p, (const unsigned char *)p + n};
	struct ckpt_wire_field f;
	int r;

	while ((r = ckpt_wire_next(&w, &f)) > 0)
		if (f.number == HEAD_PAGES_ID && f.v <= UINT32_MAX)
			*ret_pages = (uint32_t)f.v;
	return r;
}

int ckpt_pagemap_sum(const char *p, size_t n, uint32_t *ret_pages, uint64_t *ret_bytes)
{
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint32_t word[2];
	uint64_t sum = 0;
	bool has_head = false;

	if (n < sizeof(word))
		return -EBADMSG;
	memcpy(word, p, sizeof(word));
	if (word[0] != MAGIC_SERVICE || word[1] != MAGIC_PAGEMAP)
		return -EBADMSG;
	*ret_pages = 0;
	for (size_t at = sizeof(word); at < n;) {
		uint32_t size;
		uint64_t pages = 0;
		int r;

		if (n - at < sizeof(size))
			return -EBADMSG;
		memcpy(&size, p + at, sizeof(size));
		at += sizeof(size);
		if (size > n - at)
			return -EBADMSG;
		r = has_head ? entry(p + at, size, &pages) : head(p + at, size, ret_pages);
		if (r < 0 || pages > UINT64_MAX / page / 2 || sum > UINT64_MAX / 2)
			return -EBADMSG;
		sum += pages * page;
		has_head = true;
		at += size;
	}
	*ret_bytes = sum;
	return has_head ? 0 : -EBADMSG;
}

int ckpt_pagemap_check(int dir_fd, const char *name, struct err *e)
{
	AUTO(buf) text = {0};
	char pages[32];
	uint32_t id;
	uint64_t want, has = 0;
	int r = file_read_at(dir_fd, name, IMAGE_MAX, &text);

	if (r == -ENOENT)
		return err_set(e, ERR_INPUT, ENOENT,
			       "its memory went to a page server: there is no \"%.100s\" (put the "
			       "files of the page server's directory beside the images)",
			       name);
	if (r < 0)
		return err_sys(e, r, "read the image \"%.100s\"", name);
	if (ckpt_pagemap_sum(text.data, text.len, &id, &want) < 0)
		return err_set(e, ERR_INPUT, EBADMSG, "the image \"%.100s\" is damaged", name);
	snprintf(pages, sizeof(pages), "pages-%u.img", id);
	r = ckpt_image_size(dir_fd, pages, &has);
	if (r == -ENOENT && want == 0)
		return 0;
	if (r < 0)
		return err_sys(e, r, "the image \"%s\" of \"%.100s\"", pages, name);
	return has == want
		       ? 0
		       : err_set(e, ERR_INPUT, EBADMSG,
				 "the image \"%s\" has %llu bytes, not the %llu of \"%.100s\"",
				 pages, (unsigned long long)has, (unsigned long long)want, name);
}
