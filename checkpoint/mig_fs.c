/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint/mig_fs: see mig_fs.h. Called by mig_tree*.c, mig_sink*.c and mig_model.c. */
#include "checkpoint/mig_fs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/auto.h"
#include "base/str.h"
#include "base/sys.h"
#include "checkpoint/digest.h"
#include "base/ban.h"

/* ---- records ---- */

void mig_fs_put(struct buf *b, uint64_t v, unsigned n_bytes)
{
	char raw[8];

	for (unsigned i = 0; i < n_bytes; i++)
		raw[i] = (char)(v >> (8 * i));
	buf_add(b, raw, n_bytes);
}

void mig_fs_put_name(struct buf *b, const char *name, size_t n)
{
	mig_fs_put(b, n, 2);
	buf_add(b, name, n);
}

size_t mig_fs_open(struct buf *b, enum mig_fs_record kind)
{
	const size_t at = b->len;

	mig_fs_put(b, 0, 4);
	mig_fs_put(b, kind, 1);
	return at;
}

void mig_fs_close(struct buf *b, size_t at)
{
	const size_t n = b->len - at - 5;

	for (unsigned i = 0; i < 4; i++)
		b->data[at + i] = (char)(n >> (8 * i));
}

const char *mig_fs_take_bytes(struct mig_fs_in *in, size_t n)
{
	const char *p = in->p;

	if (in->is_short || n > in->n) {
		in->is_short = true;
		return "";
	}
	in->p += n;
	in->n -= n;
	return p;
}

uint64_t mig_fs_take(struct mig_fs_in *in, unsigned n_bytes)
{
	const unsigned char *p = (const unsigned char *)mig_fs_take_bytes(in, n_bytes);
	uint64_t v = 0;

	for (unsigned i = 0; i < n_bytes && !in->is_short; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

const char *mig_fs_take_name(struct mig_fs_in *in, size_t *ret_n)
{
	*ret_n = mig_fs_take(in, 2);
	const char *p = mig_fs_take_bytes(in, *ret_n);

	*ret_n = in->is_short ? 0 : *ret_n;
	return p;
}

/* ---- contents ---- */

struct mig_hash mig_fs_hash(const void *p, size_t n)
{
	unsigned char raw[CKPT_DIGEST_BYTES];
	struct ckpt_digest d;
	struct mig_hash h;

	ckpt_digest_begin(&d);
	ckpt_digest_add(&d, p, n);
	ckpt_digest_end_bytes(&d, raw);
	/* Both ends may differ in byte order; what is summed up is a number. */
	struct mig_fs_in in = {(const char *)raw, sizeof(raw), false};
	h.lo = mig_fs_take(&in, 8);
	h.hi = mig_fs_take(&in, 8);
	return h;
}

struct mig_hash mig_fs_hash_block(const void *p, size_t n)
{
	const char *s = p;

	/* Zeros, when the first is and each is as the one before it. */
	if (n == 0 || (s[0] == 0 && memcmp(s, s + 1, n - 1) == 0))
		return (struct mig_hash){0, 0};
	return mig_fs_hash(p, n);
}

void mig_blocks_done(struct mig_blocks *b)
{
	free(b->v);
	*b = (struct mig_blocks){0};
}

void mig_blocks_add(struct mig_blocks *b, uint64_t index, struct mig_hash hash)
{
	if (b->n == b->cap) {
		b->cap = b->cap ? b->cap * 2 : 1;
		b->v = mem_realloc(b->v, b->cap, sizeof(*b->v));
	}
	b->v[b->n++] = (struct mig_block){index, hash};
}

size_t mig_blocks_from(const struct mig_blocks *b, uint64_t index)
{
	size_t low = 0, high = b->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (b->v[middle].index < index)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct mig_hash mig_blocks_get(const struct mig_blocks *b, uint64_t index)
{
	const size_t i = mig_blocks_from(b, index);

	if (i < b->n && b->v[i].index == index)
		return b->v[i].hash;
	return (struct mig_hash){0, 0};
}

void mig_blocks_merge(struct mig_blocks *b, const struct mig_blocks *changed, uint64_t size)
{
	const uint64_t end = size / MIG_FS_BLOCK + (size % MIG_FS_BLOCK != 0);
	struct mig_blocks all = {0};
	size_t i = 0, k = 0;

	if (changed->n == 0) {
		b->n = mig_blocks_from(b, end);
		return;
	}
	while (i < b->n || k < changed->n) {
		const bool is_new =
			k < changed->n && (i == b->n || changed->v[k].index <= b->v[i].index);
		const struct mig_block *one = is_new ? &changed->v[k] : &b->v[i];

		i += !is_new || (i < b->n && b->v[i].index == one->index);
		k += is_new;
		if (one->index < end && !mig_hash_is_none(one->hash))
			mig_blocks_add(&all, one->index, one->hash);
	}
	mig_blocks_done(b);
	*b = all;
}

/* ---- paths ---- */

bool mig_fs_is_name(const char *name, size_t n)
{
	return n > 0 && n <= NAME_MAX && !memchr(name, '/', n) && !memchr(name, '\0', n) &&
	       !(name[0] == '.' && (n == 1 || (n == 2 && name[1] == '.')));
}

bool mig_fs_is_xattr(const char *name)
{
	return !str_starts(name, "system.") || str_eq(name, "system.posix_acl_access") ||
	       str_eq(name, "system.posix_acl_default");
}

/* Another mount than from_fd's? */
static int check_mount(int from_fd, int fd)
{
	struct statx a, b;

	if (statx(from_fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &a) < 0 ||
	    statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &b) < 0)
		return -errno;
	return a.stx_mnt_id == b.stx_mnt_id ? 0 : -EXDEV;
}

/* One component after the other, for where openat2 is blocked. */
static int walk(int root_fd, const char *path, int flags)
{
	AUTO_FD fd = openat(root_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	for (const char *p = path;;) {
		const char *end = strchrnul(p, '/');
		char name[NAME_MAX + 1];

		if (!mig_fs_is_name(p, (size_t)(end - p)))
			return -EINVAL;
		memcpy(name, p, (size_t)(end - p));
		name[end - p] = '\0';
		fd_replace(&fd,
			   openat(fd, name,
				  (*end ? O_PATH | O_DIRECTORY : flags) | O_NOFOLLOW | O_CLOEXEC));
		if (fd < 0)
			return -errno;
		if (*end == '\0')
			break;
		p = end + 1;
	}
	int r = check_mount(root_fd, fd);
	return r < 0 ? r : fd_take(&fd);
}

static bool is_walk_forced;

void mig_fs_test_force_walk(bool on)
{
	is_walk_forced = on;
}

static int open_part(int root_fd, const char *path, int flags)
{
	const uint64_t how =
		RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS;
	int fd = -EAGAIN;

	if (is_walk_forced || !sys_has(SYS_OPENAT2))
		return walk(root_fd, path, flags);
	/* EAGAIN: somebody renamed something meanwhile. */
	for (int i = 0; i < 16 && fd == -EAGAIN; i++)
		fd = sys_openat2(root_fd, path, (uint64_t)(flags | O_NOFOLLOW | O_CLOEXEC), 0, how);
	return fd;
}

int mig_fs_open_path(int root_fd, const char *path, int flags)
{
	AUTO_FD at = FD_NONE;
	size_t n = strlen(path);

	if (n == 0) {
		int fd = openat(root_fd, ".", flags | O_CLOEXEC);

		return fd < 0 ? -errno : fd;
	}
	while (n >= PATH_MAX) {
		char part[PATH_MAX];
		const char *cut = memrchr(path, '/', PATH_MAX - 1);

		if (!cut)
			return -ENAMETOOLONG;
		memcpy(part, path, (size_t)(cut - path));
		part[cut - path] = '\0';
		fd_replace(&at, open_part(at >= 0 ? at : root_fd, part, O_PATH | O_DIRECTORY));
		if (at < 0)
			return at;
		n -= (size_t)(cut + 1 - path);
		path = cut + 1;
	}
	return open_part(at >= 0 ? at : root_fd, path, flags);
}
