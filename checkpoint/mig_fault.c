/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint/mig_fault: see mig_fault.h. */
#include "checkpoint/mig_fault.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/mem.h"
#include "checkpoint/lazy.h"
#include "checkpoint/mig_hash.h"
#include "base/ban.h"

#define FINISHED    0x52535446 /* criu: all processes run */
#define NOBODY	    (-1)       /* criu: of a process without memory */
#define FAULT_BYTES (64u << 10)
#define CHUNK_BYTES (256u << 10)
#define EVENTS	    64

struct process {
	int fd;	     /* owned: its userfaultfd */
	int file_fd; /* owned: its pages */
	struct mig_ranges left;
};
struct server {
	const struct mig_fault_source *from;
	int listen_fd, criu_fd; /* owned */
	int keeper_fd;		/* borrowed; FD_NONE: it has ended */
	bool has_all;		/* criu has sent what it has to send */
	struct process *v;	/* owned */
	size_t n, cap;
	char *chunk; /* owned */
};

static void process_done(struct process *p)
{
	auto_fd_done(&p->fd);
	auto_fd_done(&p->file_fd);
	mig_ranges_done(&p->left);
}

static void drop(struct server *s, size_t i)
{
	process_done(&s->v[i]);
	s->v[i] = s->v[--s->n];
}

static void add(struct server *s, struct process p)
{
	if (s->n == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 16;
		s->v = mem_realloc(s->v, s->cap, sizeof(*s->v));
	}
	s->v[s->n++] = p;
}

/* ---- pages ---- */

static int wake(const struct process *p, uint64_t at, uint64_t n)
{
	struct uffdio_range range = {at, n};

	return ioctl(p->fd, UFFDIO_WAKE, &range) < 0 ? -errno : 0;
}

static int put_zero(const struct process *p, uint64_t at)
{
	struct uffdio_zeropage z = {.range = {at, MIG_PAGE}};

	if (ioctl(p->fd, UFFDIO_ZEROPAGE, &z) == 0)
		return 0;
	if (errno == EEXIST)
		return wake(p, at, MIG_PAGE);
	/* It has changed its memory just now: the fault comes again, or is gone. */
	return errno == EAGAIN || errno == ENOENT ? wake(p, at, MIG_PAGE) : -errno;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* n bytes of one range, from `at` on, into the process. Return: how many are settled, -EAGAIN when
 * it is changing its memory, whose events come first, -ESRCH when it is gone. */
static int64_t put(struct server *s, const struct process *p, uint64_t at, size_t n, uint64_t shift)
{
	size_t done = 0, part = n;
	ssize_t got = pread(p->file_fd, s->chunk, n, (off_t)(at - shift));

	if (got != (ssize_t)n)
		return got < 0 ? -errno : -EIO;
	while (done < n) {
		struct uffdio_copy c = {.dst = at + done,
					.src = (uintptr_t)s->chunk + done,
					.len = least(part, n - done)};
		int code = ioctl(p->fd, UFFDIO_COPY, &c) < 0 ? errno : 0;

		if (code == 0 || c.copy > 0) {
			done += code == 0 ? c.len : (size_t)c.copy;
			part = n;
			continue;
		}
		/* What is copied at once lies in one mapping, and a range may span several: only of
		 * a single page it says that nobody waits for it. */
		if (code == ENOENT && c.len > MIG_PAGE) {
			part = c.len / 2 & ~(size_t)(MIG_PAGE - 1);
			continue;
		}
		if (code == EEXIST || code == ENOENT) {
			part = n;
			(void)wake(p, at + done, MIG_PAGE);
			done += MIG_PAGE;
			continue;
		}
		if (code == EAGAIN && done)
			return (int64_t)done;
		return -code;
	}
	return (int64_t)n;
}

/* The page, and what is around it. */
static int serve_fault(struct server *s, struct process *p, uint64_t address)
{
	uint64_t page = address & ~(uint64_t)(MIG_PAGE - 1);
	uint64_t window = address & ~(uint64_t)(FAULT_BYTES - 1);
	const struct mig_range *r = mig_ranges_find(&p->left, page);

	if (!r)
		return put_zero(p, page);
	uint64_t start = most(window, r->start), end = least(window + FAULT_BYTES, r->end);
	int64_t n = put(s, p, start, (size_t)(end - start), r->shift);

	if (n > 0)
		mig_ranges_cut(&p->left, start, start + (uint64_t)n);
	/* Not so far as the page: it faults again. */
	if (n > 0 && start + (uint64_t)n <= page)
		return wake(p, page, MIG_PAGE);
	if (n == -EAGAIN)
		return wake(p, page, MIG_PAGE);
	return n < 0 ? (int)n : 0;
}

/* The next piece of what nobody has asked for. */
static int serve_next(struct server *s, struct process *p)
{
	const struct mig_range *r = &p->left.v[p->left.n - 1];
	uint64_t start = r->end - least(CHUNK_BYTES, r->end - r->start), end = r->end;
	int64_t n = put(s, p, start, (size_t)(end - start), r->shift);

	/* From the end: a list is shortened there at no cost. */
	if (n == (int64_t)(end - start))
		mig_ranges_cut(&p->left, start, end);
	return n < 0 ? (int)n : 0;
}

/* ---- what a process does to its memory ---- */

static int take_event(struct server *s, size_t i, const struct uffd_msg *m)
{
	struct process *p = &s->v[i];

	switch (m->event) {
	case UFFD_EVENT_PAGEFAULT:
		return serve_fault(s, p, m->arg.pagefault.address);
	case UFFD_EVENT_FORK: {
		struct process child = {.fd = (int)m->arg.fork.ufd,
					.file_fd = fcntl(p->file_fd, F_DUPFD_CLOEXEC, 3)};

		if (child.file_fd < 0)
			return -errno;
		mig_ranges_copy(&child.left, &p->left);
		(void)fcntl(child.fd, F_SETFL, O_NONBLOCK);
		add(s, child);
		return 0;
	}
	case UFFD_EVENT_REMAP:
		mig_ranges_move(&p->left, m->arg.remap.from, m->arg.remap.to, m->arg.remap.len);
		return 0;
	case UFFD_EVENT_REMOVE:
	case UFFD_EVENT_UNMAP:
		mig_ranges_cut(&p->left, m->arg.remove.start, m->arg.remove.end);
		return 0;
	default:
		return -EPROTO;
	}
}

/* Return: 0, -ESRCH when it is gone, -errno. */
static int take_events(struct server *s, size_t i)
{
	struct uffd_msg v[EVENTS];
	ssize_t n = read(s->v[i].fd, v, sizeof(v));

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0)
		return -ESRCH;
	for (size_t k = 0; k < (size_t)n / sizeof(v[0]); k++) {
		int r = take_event(s, i, &v[k]);

		if (r < 0)
			return r;
	}
	return 0;
}

/* ---- criu ---- */

static int open_socket(struct server *s, int work_fd)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = CKPT_LAZY_SOCKET};

	if (fchdir(work_fd) < 0)
		return -errno;
	s->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->listen_fd < 0 || bind(s->listen_fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    listen(s->listen_fd, 1) < 0)
		return -errno;
	return 0;
}

static int add_process(struct server *s, int pid, int uffd)
{
	struct process p = {.fd = uffd, .file_fd = FD_NONE};
	int r = s->from->open(s->from->ctx, pid, &p.file_fd, &p.left);

	if (r < 0) {
		process_done(&p);
		return r;
	}
	(void)fcntl(uffd, F_SETFL, O_NONBLOCK);
	add(s, p);
	return 0;
}

static int hear_criu(struct server *s)
{
	int pid, uffd = FD_NONE;
	size_t n_fds = 1;
	char dummy;
	ssize_t n = fd_read_all(s->criu_fd, &pid, sizeof(pid));

	/* Also when criu was killed: who runs, runs. */
	if (n != (ssize_t)sizeof(pid) || pid == FINISHED) {
		s->has_all = true;
		auto_fd_done(&s->criu_fd);
		return 0;
	}
	if (pid == NOBODY)
		return 0;
	n = fd_recv(s->criu_fd, &dummy, 1, &uffd, &n_fds);
	if (n != 1 || n_fds != 1 || pid <= 0) {
		auto_fd_done(&uffd);
		return -EPROTO;
	}
	return add_process(s, pid, uffd);
}

static int accept_criu(struct server *s)
{
	s->criu_fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (s->criu_fd < 0)
		return errno == EINTR ? 0 : -errno;
	auto_fd_done(&s->listen_fd);
	return 0;
}

/* ---- the keeper ---- */

static int say(struct server *s, enum mig_fault_word word)
{
	const char byte = (char)word;

	return send(s->keeper_fd, &byte, 1, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static char hear_keeper(struct server *s)
{
	char word = 0;
	ssize_t n;

	do
		n = recv(s->keeper_fd, &word, 1, 0);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		s->keeper_fd = FD_NONE;
	return n == 1 ? word : 0;
}

/* What criu has sent is in its socket: nothing of it waits there when we say that we rest. */
static int rest(struct server *s)
{
	int r = 0;

	for (;;) {
		struct pollfd p = {.fd = s->criu_fd >= 0 ? s->criu_fd : s->listen_fd,
				   .events = POLLIN};

		if (p.fd < 0 || poll(&p, 1, 0) <= 0)
			break;
		r = s->criu_fd >= 0 ? hear_criu(s) : accept_criu(s);
		if (r < 0)
			return r;
	}
	if (say(s, MIG_FAULT_RESTS) == 0)
		(void)hear_keeper(s);
	return 0;
}

/* ---- the loop ---- */

static bool is_background(const struct server *s)
{
	if (!s->has_all)
		return false;
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].left.n)
			return true;
	return false;
}

/* Everything that waits, and then a piece of each process. */
static int turn(struct server *s)
{
	struct pollfd *p = mem_realloc(NULL, s->n + 3, sizeof(*p));
	size_t n = s->n;
	int r = 0;

	p[0] = (struct pollfd){.fd = s->listen_fd, .events = POLLIN};
	p[1] = (struct pollfd){.fd = s->criu_fd, .events = POLLIN};
	for (size_t i = 0; i < n; i++)
		p[2 + i] = (struct pollfd){.fd = s->v[i].fd, .events = POLLIN};
	p[2 + n] = (struct pollfd){.fd = s->keeper_fd, .events = POLLIN};
	if (poll(p, n + 3, is_background(s) ? 0 : -1) < 0 && errno != EINTR)
		r = -errno;
	/* From the last: one that is gone is replaced by a later one. */
	for (size_t i = n; r == 0 && i-- > 0;) {
		if (p[2 + i].revents)
			r = take_events(s, i);
		if (r == 0 && s->has_all && s->v[i].left.n)
			r = serve_next(s, &s->v[i]);
		if (r == -ESRCH) {
			drop(s, i);
			r = 0;
		}
		if (r == -EAGAIN)
			r = 0;
	}
	if (r == 0 && p[1].revents)
		r = hear_criu(s);
	if (r == 0 && p[0].revents)
		r = accept_criu(s);
	if (r == 0 && p[2 + n].revents && hear_keeper(s) == MIG_FAULT_REST)
		r = rest(s);
	free(p);
	return r;
}

int mig_fault_serve(const struct mig_fault_source *from, int work_fd, int keeper_fd)
{
	struct server s = {.from = from,
			   .listen_fd = FD_NONE,
			   .criu_fd = FD_NONE,
			   .keeper_fd = keeper_fd,
			   .chunk = mem_alloc(CHUNK_BYTES)};
	int r = open_socket(&s, work_fd);

	if (r == 0)
		r = say(&s, MIG_FAULT_READY);
	while (r == 0 && (!s.has_all || is_background(&s)))
		r = turn(&s);
	/* With the last descriptor whoever waits yet goes on: all that was to come is there. */
	for (size_t i = 0; i < s.n; i++)
		process_done(&s.v[i]);
	free(s.v);
	free(s.chunk);
	auto_fd_done(&s.listen_fd);
	auto_fd_done(&s.criu_fd);
	return r;
}
