/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint/mig_ps: see mig_ps.h. Called by mig_source.c. */
#include "checkpoint/mig_ps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "base/mem.h"
#include "checkpoint/mig_hash.h"
#include "base/ban.h"

/* The low 16 bits of a command; above are the flags of ADD_F. */
enum { PS_OPEN2 = 4, PS_PARENT = 5, PS_ADD_F = 6, PS_CLOSE = 0x1023, PS_FORCE_CLOSE = 0x1024 };
#define PS_FLAGS     (MIG_RUN_LAZY | MIG_RUN_PRESENT)
#define PS_PAGES_MAX 4096u /* criu sends 256 at most */
#define ADDRESS_MAX  (UINT64_C(1) << 56)
#define SOCKET_BYTES (1 << 20)
/* A message's head: {u32 cmd, u32 nr_pages, u64 vaddr, u64 dst_id} up to criu 4.1, and since 4.2
 * {u32 cmd, 4 bytes of nothing, u64 nr_pages, u64 vaddr, u64 dst_id}. */
#define HEAD_SHORT 24u
#define HEAD_LONG  32u
/* So much at a time, then whoever waits with us gets his turn. */
#define TURN_BYTES (64u << 20)

int mig_ps_open(struct mig_ps *p, const struct mig_ps_by *by, struct err *e)
{
	int pair[2], size = SOCKET_BYTES;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, errno, "socket for criu's pages");
	*p = (struct mig_ps){.fd = pair[0], .its_fd = pair[1], .by = *by};
	/* A larger one saves turns; without the right to it, it is as it is. */
	for (int i = 0; i < 2; i++)
		if (setsockopt(pair[i], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
			(void)setsockopt(pair[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	return 0;
}

void mig_ps_done(struct mig_ps *p)
{
	auto_fd_done(&p->fd);
	auto_fd_done(&p->its_fd);
	free(ptr_take(&p->data));
	free(ptr_take(&p->spare));
}

static uint64_t take(const unsigned char *s, unsigned n)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < n; i++)
		v |= (uint64_t)s[i] << (8 * i);
	return v;
}

static int strange(const struct mig_ps *p, const char *what, struct err *e)
{
	return err_set(e, ERR_KERNEL, EBADMSG,
		       "criu's page transfer: %s (command %llx, id %llx, %u pages at %llx)", what,
		       (unsigned long long)p->cmd, (unsigned long long)p->id, p->nr,
		       (unsigned long long)p->vaddr);
}

static int answer(struct mig_ps *p, const void *a, size_t n, struct err *e)
{
	/* criu waits for it, and nothing else is on the way there: it fits. */
	ssize_t r = send(p->fd, a, n, MSG_NOSIGNAL | MSG_DONTWAIT);

	return r == (ssize_t)n ? 0 : err_sys(e, r < 0 ? errno : EIO, "answer criu's page transfer");
}

/* ---- messages ---- */

static int add(struct mig_ps *p, struct err *e)
{
	unsigned flags = (unsigned)(p->cmd >> 16);

	int r = p->by.pages(p->by.ctx, p->id, p->vaddr, p->nr, flags,
			    flags & MIG_RUN_PRESENT ? p->data : NULL, e);
	char *taken = p->data;

	p->data = p->spare;
	p->spare = taken;
	return r;
}

/* The first message opens an image, or asks for its parent, and has no address: where a long head
 * has its zeros a short one has an id, which is never 0. */
static void find_form(struct mig_ps *p)
{
	if (!p->head_size && p->n_head >= HEAD_SHORT)
		p->head_size = take(p->head + 16, 8) ? HEAD_SHORT : HEAD_LONG;
}

static bool has_head(const struct mig_ps *p)
{
	return p->head_size && p->n_head == p->head_size;
}

/* The head is there: what follows it? */
static int begin(struct mig_ps *p, struct err *e)
{
	bool is_short = p->head_size == HEAD_SHORT;
	uint64_t nr = is_short ? take(p->head + 4, 4) : take(p->head + 8, 8);
	unsigned flags;

	p->cmd = take(p->head, 4);
	p->vaddr = take(p->head + (is_short ? 8 : 16), 8);
	p->id = take(p->head + (is_short ? 16 : 24), 8);
	p->nr = nr > UINT32_MAX ? UINT32_MAX : (uint32_t)nr;
	p->n_data = p->want = 0;
	if ((p->cmd & 0xffff) != PS_ADD_F)
		return 0;
	flags = (unsigned)(p->cmd >> 16);
	if (!p->is_open)
		return strange(p, "pages before an image is opened", e);
	if (flags & ~(unsigned)PS_FLAGS)
		return strange(p, "unknown flags", e);
	if (p->vaddr % MIG_PAGE || p->vaddr >= ADDRESS_MAX || nr == 0 || nr > PS_PAGES_MAX)
		return strange(p, "no run of pages", e);
	if (flags & MIG_RUN_PRESENT)
		p->want = (size_t)nr * MIG_PAGE;
	if (p->want && !p->data)
		p->data = mem_alloc((size_t)PS_PAGES_MAX * MIG_PAGE);
	return 0;
}

static int finish(struct mig_ps *p, struct err *e)
{
	static const int32_t nothing = 0;
	static const unsigned char no_parent = 0;
	int r;

	p->n_head = 0;
	switch (p->cmd & 0xffff) {
	case PS_OPEN2:
		if ((p->id & 0xff) != MIG_PS_KIND_PROCESS && (p->id & 0xff) != MIG_PS_KIND_SHARED)
			return strange(p, "unknown kind of image", e);
		p->is_open = true;
		r = p->by.open(p->by.ctx, p->id, e);
		return r < 0 ? r : answer(p, &no_parent, sizeof(no_parent), e);
	case PS_PARENT:
		return answer(p, &nothing, sizeof(nothing), e);
	case PS_ADD_F:
		return add(p, e);
	case PS_CLOSE:
	case PS_FORCE_CLOSE:
		p->is_closed = true;
		r = p->by.close(p->by.ctx, e);
		return r < 0 ? r : answer(p, &nothing, sizeof(nothing), e);
	default:
		return strange(p, "unknown command", e);
	}
}

/* Return: bytes, 0 end, -EAGAIN, or -errno. */
static ssize_t read_some(struct mig_ps *p)
{
	size_t left = (p->head_size ? p->head_size : HEAD_SHORT) - p->n_head;
	void *to = p->head + p->n_head;
	ssize_t n;

	if (left == 0) {
		left = p->want - p->n_data;
		to = p->data + p->n_data;
	}
	do
		n = recv(p->fd, to, left, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

int mig_ps_serve(struct mig_ps *p, struct err *e)
{
	for (size_t turn = 0; turn < TURN_BYTES;) {
		ssize_t n = read_some(p);
		int r = 0;

		if (n == -EAGAIN)
			return 1;
		if (n == 0 || n == -ECONNRESET)
			return p->n_head ? strange(p, "it ends within a message", e) : 0;
		if (n < 0)
			return err_sys(e, (int)n, "read criu's page transfer");
		turn += (size_t)n;
		if (!has_head(p)) {
			p->n_head += (uint32_t)n;
			find_form(p);
			if (!has_head(p))
				continue;
			r = begin(p, e);
		} else {
			p->n_data += (size_t)n;
		}
		if (r == 0 && p->n_data == p->want)
			r = finish(p, e);
		if (r < 0)
			return r;
	}
	return 1;
}
