/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint/criu: see criu.h. Called by the files of this room. */
#include "checkpoint/criu.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/sys.h"
#include "checkpoint/wire.h"
#include "base/ban.h"

#define MESSAGE_MAX 65536
#define END_MS	    2000

/* Numbers of fields in rpc.proto. */
enum { REQ_TYPE = 1, REQ_NOTIFY_SUCCESS = 3 };
enum {
	RESP_TYPE = 1,
	RESP_SUCCESS = 2,
	RESP_RESTORE = 4,
	RESP_NOTIFY = 5,
	RESP_ERRNO = 7,
	RESP_FEATURES = 8,
	RESP_ERRMSG = 9,
	RESP_VERSION = 10
};
enum { RESTORE_PID = 1 };
enum { NOTIFY_SCRIPT = 1, NOTIFY_PID = 2 };
enum { FEATURE_MEM_TRACK = 1, FEATURE_LAZY_PAGES = 2, FEATURE_PIDFD_STORE = 3 };
enum { VERSION_MAJOR = 1, VERSION_MINOR = 2, VERSION_SUBLEVEL = 4 };

/* Its other end is not kept waiting for us. */
static void end_aside(const struct ckpt_criu *c)
{
	if (c->aside && c->aside->fd >= 0)
		(void)shutdown(c->aside->fd, SHUT_RDWR);
	if (c->aside)
		c->aside->fd = FD_NONE;
}

void ckpt_criu_done(struct ckpt_criu *c)
{
	int status;

	end_aside(c);
	auto_fd_done(&c->fd);
	if (c->pidfd < 0)
		return;
	if (proc_wait(c->pidfd, END_MS, &status) == -ETIMEDOUT) {
		sys_pidfd_send_signal(c->pidfd, SIGKILL);
		proc_wait(c->pidfd, -1, &status);
	}
	auto_fd_done(&c->pidfd);
}

/* ---- starting it ---- */

/* Moves fds 0 to 2 away and keeps what criu is to have. */
static int give_fds(const struct ckpt_criu_seat *seat, int null_fd)
{
	for (int i = 0; i < 3; i++)
		if (dup2(null_fd, i) < 0)
			return -errno;
	for (size_t i = 0; seat && i < seat->n_fds; i++) {
		int r = fd_set_cloexec(seat->fds[i], false);

		if (r < 0)
			return r;
	}
	return 0;
}

/* In the child. Only what fails before the exec is told, through tell_fd. No PDEATHSIG: criu undoes
 * what it has begun when its client is gone, and must be let to. */
static void become(const char *path, const struct ckpt_criu_seat *seat, int null_fd, int sock_fd,
		   int tell_fd)
{
	char number[16];
	char *argv[] = {(char *)"criu", (char *)"swrk", number, NULL};
	char *envp[] = {(char *)"LC_ALL=C", (char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
	struct err e = ERR_INIT;
	int fd = fcntl(sock_fd, F_DUPFD, 3), r = 0;

	if (fd < 0)
		r = err_sys(&e, errno, "duplicate a descriptor");
	if (r == 0 && seat && seat->prepare)
		r = seat->prepare(seat->ctx, &e);
	if (r == 0) {
		r = give_fds(seat, null_fd);
		if (r < 0)
			err_sys(&e, r, "give criu its descriptors");
	}
	proc_reset_signals();
	if (r == 0) {
		snprintf(number, sizeof(number), "%d", fd);
		execve(path, argv, envp);
		err_sys(&e, errno, "execute \"%s\"", path);
	}
	fd_write_all(tell_fd, &e, sizeof(e));
	_exit(127);
}

/* 0 once the exec has happened, or the child's error. */
static int exec_outcome(int fd, struct err *e)
{
	struct err said;
	ssize_t n = fd_read_all(fd, &said, sizeof(said));

	if (n != (ssize_t)sizeof(said))
		return n == 0 ? 0 : err_set(e, ERR_KERNEL, EIO, "criu's start was cut off");
	*e = said;
	return -e->code;
}

int ckpt_criu_start(const char *path, const struct ckpt_criu_seat *seat, struct ckpt_criu *ret,
		    struct err *e)
{
	AUTO_FD null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	AUTO_FD ours = FD_NONE;
	AUTO_FD its = FD_NONE;
	AUTO_FD hear = FD_NONE;
	AUTO_FD tell = FD_NONE;
	int pair[2], tube[2], r;

	if (null_fd < 0)
		return err_sys(e, errno, "open \"/dev/null\"");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, errno, "socket to criu");
	ours = pair[0];
	its = pair[1];
	if (pipe2(tube, O_CLOEXEC) < 0)
		return err_sys(e, errno, "pipe to criu");
	hear = tube[0];
	tell = tube[1];
	r = proc_clone(0, seat ? seat->cgroup_fd : FD_NONE, &ret->pidfd);
	if (r == 0)
		become(path, seat, null_fd, its, tell);
	if (r < 0)
		return err_sys(e, r, "start \"%s\"", path);
	ret->pid = (pid_t)r;
	auto_fd_done(&tell);
	fd_replace(&ret->fd, fd_take(&ours));
	ret->path = path;
	return exec_outcome(hear, e);
}

/* ---- talking ---- */

static int ended(const struct ckpt_criu *c, struct err *e)
{
	return err_set(e, ERR_KERNEL, EPIPE, "\"%s\" ended without an answer", c->path);
}

int ckpt_criu_ask(const struct ckpt_criu *c, enum ckpt_criu_type type, const struct buf *more,
		  struct err *e)
{
	AUTO(buf) b = {0};

	ckpt_wire_number(&b, REQ_TYPE, type);
	if (more && more->len)
		buf_add(&b, more->data, more->len);
	if (send(c->fd, b.data, b.len, MSG_NOSIGNAL) < 0)
		return errno == EPIPE ? ended(c, e)
				      : err_sys(e, errno, "send a request to \"%s\"", c->path);
	return 0;
}

int ckpt_criu_allow(const struct ckpt_criu *c, bool is_right, struct err *e)
{
	AUTO(buf) more = {0};

	ckpt_wire_number(&more, REQ_NOTIFY_SUCCESS, is_right);
	return ckpt_criu_ask(c, CKPT_CRIU_NOTIFY, &more, e);
}

/* Return: 0, or -ECANCELED with e. */
static int serve_aside(const struct ckpt_criu *c, struct err *e)
{
	int r = c->aside->serve(c->aside->ctx, e);

	if (r < 0)
		end_aside(c);
	if (r == 0)
		c->aside->fd = FD_NONE;
	return r < 0 ? -ECANCELED : 0;
}

static int wait_for(const struct ckpt_criu *c, int abort_fd, int timeout_ms, struct err *e)
{
	const uint64_t end = proc_now_usec() + (uint64_t)timeout_ms * 1000;

	for (;;) {
		/* A killed criu's helpers may hold its end of the connection open. */
		struct pollfd p[4] = {{.fd = c->fd, .events = POLLIN},
				      {.fd = abort_fd, .events = POLLIN},
				      {.fd = c->pidfd, .events = POLLIN},
				      {.fd = c->aside ? c->aside->fd : FD_NONE, .events = POLLIN}};
		uint64_t now = proc_now_usec();
		int left = now < end ? (int)((end - now + 999) / 1000) : 0;
		int n = poll(p, 4, timeout_ms < 0 ? -1 : left);

		if (n > 0 && p[1].revents)
			return err_set(e, ERR_STATE, EINTR, "interrupted by a signal");
		/* First, since what criu says next may mean that all of it was taken. */
		if (n > 0 && p[3].revents) {
			int r = serve_aside(c, e);

			if (r < 0)
				return r;
			/* Who has something to do beside is not kept waiting by criu's being busy.
			 */
			if (timeout_ms < 0 || proc_now_usec() < end)
				continue;
			n = 0;
		}
		if (n > 0 && p[0].revents)
			return 0;
		/* Its last word may have come between the two looks. */
		if (n > 0 && poll(p, 1, 0) == 0)
			return ended(c, e);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return err_sys(e, errno, "wait for \"%s\"", c->path);
		if (n == 0)
			return err_set(e, ERR_BUSY, ETIMEDOUT, "\"%s\" did not answer in %d ms",
				       c->path, timeout_ms);
	}
}

/* One packet with at most one fd. Return: bytes or -errno. */
static ssize_t take_packet(int sock_fd, char *text, int *ret_fd)
{
	size_t n_fds = 1;
	int fd = FD_NONE;
	ssize_t n = fd_recv(sock_fd, text, MESSAGE_MAX, &fd, &n_fds);

	if (n >= 0 && n_fds == 1)
		*ret_fd = fd;
	return n;
}

int ckpt_criu_hear(const struct ckpt_criu *c, int abort_fd, int timeout_ms, struct arena *a,
		   struct ckpt_criu_answer *ret, struct err *e)
{
	char *text = arena_alloc(a, MESSAGE_MAX);
	int fd = FD_NONE;
	int r = wait_for(c, abort_fd, timeout_ms, e);

	if (r < 0)
		return r;
	ssize_t n = take_packet(c->fd, text, &fd);

	if (n == 0 || n == -ECONNRESET)
		return ended(c, e);
	if (n < 0 && n != -EMSGSIZE)
		return err_sys(e, (int)n, "receive the answer of \"%s\"", c->path);
	if (n < 0 || ckpt_criu_decode(text, (size_t)n, a, ret) < 0) {
		auto_fd_done(&fd);
		return err_set(e, ERR_KERNEL, EBADMSG, "the answer of \"%s\" cannot be read",
			       c->path);
	}
	ret->fd = fd;
	return 0;
}

static int decode_features(const struct ckpt_wire_field *in, struct ckpt_criu_answer *ret)
{
	struct ckpt_wire w = {(const unsigned char *)in->data,
			      (const unsigned char *)in->data + in->n};
	struct ckpt_wire_field f;
	int r;

	while ((r = ckpt_wire_next(&w, &f)) > 0) {
		bool *to = f.number == FEATURE_MEM_TRACK     ? &ret->has_mem_track
			   : f.number == FEATURE_LAZY_PAGES  ? &ret->has_lazy_pages
			   : f.number == FEATURE_PIDFD_STORE ? &ret->has_pidfd_store
							     : NULL;
		if (to)
			*to = f.v != 0;
	}
	return r;
}

static int decode_version(const struct ckpt_wire_field *in, struct ckpt_criu_answer *ret)
{
	struct ckpt_wire w = {(const unsigned char *)in->data,
			      (const unsigned char *)in->data + in->n};
	struct ckpt_wire_field f;
	int r;

	while ((r = ckpt_wire_next(&w, &f)) > 0) {
		unsigned *to = f.number == VERSION_MAJOR      ? &ret->major
			       : f.number == VERSION_MINOR    ? &ret->minor
			       : f.number == VERSION_SUBLEVEL ? &ret->sublevel
							      : NULL;
		if (to && f.v <= INT32_MAX)
			*to = (unsigned)f.v;
	}
	return r;
}

static int decode_restore(const struct ckpt_wire_field *in, struct ckpt_criu_answer *ret)
{
	struct ckpt_wire w = {(const unsigned char *)in->data,
			      (const unsigned char *)in->data + in->n};
	struct ckpt_wire_field f;
	int r;

	while ((r = ckpt_wire_next(&w, &f)) > 0)
		if (f.number == RESTORE_PID && f.v <= INT32_MAX)
			ret->pid = (pid_t)f.v;
	return r;
}

static int decode_notify(const struct ckpt_wire_field *in, struct arena *a,
			 struct ckpt_criu_answer *ret)
{
	struct ckpt_wire w = {(const unsigned char *)in->data,
			      (const unsigned char *)in->data + in->n};
	struct ckpt_wire_field f;
	int r;

	while ((r = ckpt_wire_next(&w, &f)) > 0) {
		if (f.number == NOTIFY_SCRIPT && f.data)
			ret->script = arena_strndup(a, f.data, f.n);
		if (f.number == NOTIFY_PID && f.v <= INT32_MAX)
			ret->pid = (pid_t)f.v;
	}
	return r;
}

static int decode_field(const struct ckpt_wire_field *f, struct arena *a,
			struct ckpt_criu_answer *ret)
{
	switch (f->number) {
	case RESP_TYPE:
		ret->type = f->v <= INT32_MAX ? (enum ckpt_criu_type)f->v : CKPT_CRIU_EMPTY;
		return 0;
	case RESP_SUCCESS:
		ret->is_success = f->v != 0;
		return 0;
	case RESP_ERRNO:
		ret->cr_errno = (int)(int64_t)f->v;
		return 0;
	case RESP_ERRMSG:
		ret->errmsg = f->data ? arena_strndup(a, f->data, f->n) : NULL;
		return 0;
	case RESP_RESTORE:
		return f->data ? decode_restore(f, ret) : -EBADMSG;
	case RESP_NOTIFY:
		return f->data ? decode_notify(f, a, ret) : -EBADMSG;
	case RESP_FEATURES:
		return f->data ? decode_features(f, ret) : -EBADMSG;
	case RESP_VERSION:
		return f->data ? decode_version(f, ret) : -EBADMSG;
	default:
		return 0;
	}
}

int ckpt_criu_decode(const void *p, size_t n, struct arena *a, struct ckpt_criu_answer *ret)
{
	struct ckpt_wire w = {p, (const unsigned char *)p + n};
	struct ckpt_criu_answer answer = {.fd = FD_NONE};
	struct ckpt_wire_field f;
	int r;

	while ((r = ckpt_wire_next(&w, &f)) > 0) {
		r = decode_field(&f, a, &answer);
		if (r < 0)
			return r;
	}
	if (r == 0)
		*ret = answer;
	return r;
}

bool ckpt_criu_is_error(const char *errmsg)
{
	return errmsg && *errmsg && !strstr(errmsg, "Can't setup RLIMIT_NOFILE for self");
}
