/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint/mig_image: see mig_image.h. */
#include "checkpoint/mig_image.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "checkpoint/internal.h"
#include "base/ban.h"

#define PIECE (1u << 20)

/* ---- source ---- */

static int send_file(struct mig_link *l, int dir_fd, const char *name, char *piece,
		     uint64_t *ret_bytes, struct err *e)
{
	char head[1 + NAME_MAX + 1];
	const size_t n_head = 1 + strlen(name) + 1;
	AUTO_FD fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, errno, "open the image \"%s\"", name);
	memcpy(head + 1, name, n_head - 1);
	for (off_t left = st.st_size;;) {
		size_t want = left < (off_t)PIECE ? (size_t)left : PIECE;
		ssize_t n = fd_read_all(fd, piece, want);

		if (n < 0 || (size_t)n != want)
			return err_sys(e, n < 0 ? (int)n : EIO, "read the image \"%s\"", name);
		left -= n;
		head[0] = left == 0;
		int r = mig_link_say2(l, MIG_IMAGE, 0, head, n_head, piece, want, e);

		if (r < 0)
			return r;
		*ret_bytes += want;
		if (left == 0)
			return 0;
	}
}

int mig_image_send(struct mig_link *l, int dir_fd, uint64_t *ret_bytes, struct err *e)
{
	AUTO_FD own = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_DIR d = own >= 0 ? fdopendir(own) : NULL;
	AUTO_FREE char *piece = mem_alloc(PIECE);
	int r = 0;

	*ret_bytes = 0;
	if (!d)
		return err_sys(e, errno, "list the images");
	(void)fd_take(&own);
	for (struct dirent *de; r == 0 && (errno = 0, de = readdir(d));)
		if (ckpt_image_is_ours(de->d_name))
			r = send_file(l, dir_fd, de->d_name, piece, ret_bytes, e);
	return r == 0 && errno ? err_sys(e, errno, "list the images") : r;
}

/* ---- destination ---- */

void mig_sink_image_done(struct mig_sink_image *s)
{
	if (s->name[0])
		auto_fd_done(&s->fd);
	s->name[0] = '\0';
}

bool mig_sink_image_is_open(const struct mig_sink_image *s)
{
	return s->name[0] != '\0';
}

static int begin(struct mig_sink_image *s, int dir_fd, const char *name, struct err *e)
{
	if (!path_is_name(name) || !ckpt_image_is_ours(name))
		return err_set(e, ERR_INPUT, EBADMSG,
			       "protocol error: \"%.100s\" is not the name of an image", name);
	s->fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (s->fd < 0 && errno == EEXIST)
		return err_set(e, ERR_INPUT, EBADMSG,
			       "protocol error: the image \"%.100s\" comes twice", name);
	if (s->fd < 0)
		return err_sys(e, errno, "make the image \"%.100s\"", name);
	(void)str_copy(s->name, sizeof(s->name), name);
	return 0;
}

int mig_sink_image_take(struct mig_sink_image *s, int dir_fd, const struct mig_frame *f,
			struct err *e)
{
	const size_t n_name = f->n > 2 ? strnlen(f->data + 1, f->n - 1) : 0;

	/* The NUL must be in the frame. */
	if (n_name == 0 || n_name >= sizeof(s->name) || n_name + 2 > f->n)
		return err_set(e, ERR_INPUT, EBADMSG, "protocol error: an IMAGE without a name");
	const char *name = f->data + 1, *piece = name + n_name + 1;
	const size_t n = f->n - 1 - n_name - 1;

	if (s->name[0] && !str_eq(s->name, name))
		return err_set(e, ERR_INPUT, EBADMSG,
			       "protocol error: the image \"%.100s\" in the middle of \"%.100s\"",
			       name, s->name);
	int r = s->name[0] ? 0 : begin(s, dir_fd, name, e);

	if (r < 0)
		return r;
	r = fd_write_all(s->fd, piece, n);
	if (r < 0)
		return err_sys(e, r, "write the image \"%.100s\"%s", name,
			       r == -ENOSPC ? " (it is larger than the source has said)" : "");
	s->total += n;
	if (f->data[0])
		mig_sink_image_done(s);
	return 0;
}
