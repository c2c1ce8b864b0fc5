/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/lazy_image: which memory of a process may come after it, of criu's images: what the
 * pagemap says criu leaves to a server when it restores with lazy_pages. Called by restore.c, in
 * the process that serves it.
 */
#include "checkpoint/internal.h"
#include "checkpoint/lazy.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include "base/file.h"
#include "checkpoint/mig_fault.h"
#include "checkpoint/mig_hash.h"
#include "checkpoint/wire.h"
#include "base/ban.h"

#define MAGIC_COMMON  0x54564319u
#define MAGIC_PAGEMAP 0x56084025u
#define PAGEMAP_MAX   (1u << 30)
#define ENTRY_LAZY    2u
#define ENTRY_PRESENT 4u
#define ADDRESS_MAX   (UINT64_C(1) << 47)
enum { HEAD_PAGES_ID = 1 };
enum { ENTRY_VADDR = 1, ENTRY_NR = 2, ENTRY_IN_PARENT = 3, ENTRY_FLAGS = 4, ENTRY_NR_LONG = 5 };

struct entry {
	uint64_t vaddr, nr, flags;
};

/* One message, which is preceded by its length; *at goes on behind it. */
static int message(const struct buf *b, size_t *at, struct ckpt_wire *ret)
{
	const unsigned char *p = (const unsigned char *)b->data;
	uint32_t n;

	if (b->len - *at < sizeof(n))
		return -EBADMSG;
	memcpy(&n, p + *at, sizeof(n));
	*at += sizeof(n);
	if (b->len - *at < n)
		return -EBADMSG;
	*ret = (struct ckpt_wire){p + *at, p + *at + n};
	*at += n;
	return 0;
}

static int read_entry(struct ckpt_wire w, struct entry *ret)
{
	struct ckpt_wire_field f;
	int r;

	*ret = (struct entry){0};
	while ((r = ckpt_wire_next(&w, &f)) > 0) {
		if (f.number == ENTRY_VADDR)
			ret->vaddr = f.v;
		else if (f.number == ENTRY_NR || (f.number == ENTRY_NR_LONG && f.v))
			ret->nr = f.v;
		else if (f.number == ENTRY_FLAGS)
			ret->flags = f.v;
	}
	if (r < 0 || ret->vaddr % MIG_PAGE || ret->vaddr >= ADDRESS_MAX ||
	    ret->nr > (ADDRESS_MAX - ret->vaddr) / MIG_PAGE)
		return -EBADMSG;
	return 0;
}

/* The file of pages has those of all entries that have some, one after the other. */
static int read_entries(const struct buf *b, size_t at, struct mig_ranges *ret)
{
	uint64_t offset = 0;

	while (at < b->len) {
		struct ckpt_wire w;
		struct entry x;
		int r = message(b, &at, &w);

		if (r == 0)
			r = read_entry(w, &x);
		if (r < 0)
			return r;
		if (!(x.flags & ENTRY_PRESENT))
			continue;
		if (x.flags & ENTRY_LAZY)
			mig_ranges_add(ret, x.vaddr, x.vaddr + x.nr * MIG_PAGE, x.vaddr - offset);
		offset += x.nr * MIG_PAGE;
	}
	return 0;
}

static int read_head(const struct buf *b, size_t *at, uint32_t *ret_id)
{
	uint32_t magic[2];
	struct ckpt_wire w;
	struct ckpt_wire_field f;

	if (b->len < sizeof(magic))
		return -EBADMSG;
	memcpy(magic, b->data, sizeof(magic));
	if (magic[0] != MAGIC_COMMON || magic[1] != MAGIC_PAGEMAP)
		return -EBADMSG;
	*at = sizeof(magic);
	int r = message(b, at, &w);

	*ret_id = 0;
	while (r == 0 && (r = ckpt_wire_next(&w, &f)) > 0) {
		if (f.number == HEAD_PAGES_ID)
			*ret_id = (uint32_t)f.v;
		r = 0;
	}
	return r;
}

int ckpt_lazy_image(void *image_fd, int pid, int *ret_fd, struct mig_ranges *ret)
{
	const int *dir_fd = image_fd;
	AUTO(buf) map = {0};
	char name[48];
	uint32_t id;
	size_t at;

	snprintf(name, sizeof(name), "pagemap-%d.img", pid);
	int r = file_read_at(*dir_fd, name, PAGEMAP_MAX, &map);

	if (r == 0)
		r = read_head(&map, &at, &id);
	if (r == 0)
		r = read_entries(&map, at, ret);
	if (r < 0)
		return r;
	snprintf(name, sizeof(name), "pages-%u.img", id);
	*ret_fd = openat(*dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	return *ret_fd < 0 ? -errno : 0;
}
