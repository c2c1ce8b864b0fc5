/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint/criu: see criu.h. Called by the files of this room. */
#include "checkpoint/criu.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
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
enum { REQ_TYPE = 1 };
enum {
	RESP_TYPE = 1,
	RESP_SUCCESS = 2,
	RESP_ERRNO = 7,
	RESP_FEATURES = 8,
	RESP_ERRMSG = 9,
	RESP_VERSION = 10
};
enum { FEATURE_MEM_TRACK = 1, FEATURE_LAZY_PAGES = 2, FEATURE_PIDFD_STORE = 3 };
enum { VERSION_MAJOR = 1, VERSION_MINOR = 2, VERSION_SUBLEVEL = 4 };

void ckpt_criu_done(struct ckpt_criu *c)
{
	int status;

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

/* In the child. Only what fails before the exec is told, through tell_fd. */
static void become(const char *path, int null_fd, int sock_fd, int tell_fd)
{
	char number[16];
	char *argv[] = {(char *)"criu", (char *)"swrk", number, NULL};
	char *envp[] = {(char *)"LC_ALL=C", (char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
	int fd = fcntl(sock_fd, F_DUPFD, 3), r = 0;

	if (fd < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		r = -errno;
	for (int i = 0; r == 0 && i < 3; i++)
		if (dup2(null_fd, i) < 0)
			r = -errno;
	proc_reset_signals();
	if (r == 0) {
		snprintf(number, sizeof(number), "%d", fd);
		execve(path, argv, envp);
		r = -errno;
	}
	fd_write_all(tell_fd, &r, sizeof(r));
	_exit(127);
}

/* Return: 0 once the exec has happened, or its -errno. */
static int exec_outcome(int fd)
{
	int said = 0;
	ssize_t n;

	do
		n = read(fd, &said, sizeof(said));
	while (n < 0 && errno == EINTR);
	return n == sizeof(said) ? said : 0;
}

int ckpt_criu_start(const char *path, struct ckpt_criu *ret, struct err *e)
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
	r = proc_clone(0, -1, &ret->pidfd);
	if (r == 0)
		become(path, null_fd, its, tell);
	if (r < 0)
		return err_sys(e, r, "start \"%s\"", path);
	auto_fd_done(&tell);
	fd_replace(&ret->fd, fd_take(&ours));
	ret->path = path;
	r = exec_outcome(hear);
	return r < 0 ? err_sys(e, r, "execute \"%s\"", path) : 0;
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

static int wait_for(const struct ckpt_criu *c, int timeout_ms, struct err *e)
{
	const uint64_t end = proc_now_usec() + (uint64_t)timeout_ms * 1000;

	for (;;) {
		struct pollfd p = {.fd = c->fd, .events = POLLIN};
		uint64_t now = proc_now_usec();
		int left = now < end ? (int)((end - now + 999) / 1000) : 0;
		int n = poll(&p, 1, timeout_ms < 0 ? -1 : left);

		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return err_sys(e, errno, "wait for \"%s\"", c->path);
		if (n == 0)
			return err_set(e, ERR_BUSY, ETIMEDOUT, "\"%s\" did not answer in %d ms",
				       c->path, timeout_ms);
	}
}

int ckpt_criu_hear(const struct ckpt_criu *c, int timeout_ms, struct arena *a,
		   struct ckpt_criu_answer *ret, struct err *e)
{
	char *text = arena_alloc(a, MESSAGE_MAX);
	ssize_t n;
	int r = wait_for(c, timeout_ms, e);

	if (r < 0)
		return r;
	do
		n = recv(c->fd, text, MESSAGE_MAX, MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return ended(c, e);
	if (n < 0)
		return err_sys(e, errno, "receive the answer of \"%s\"", c->path);
	if (n > MESSAGE_MAX || ckpt_criu_decode(text, (size_t)n, a, ret) < 0)
		return err_set(e, ERR_KERNEL, EBADMSG, "the answer of \"%s\" cannot be read",
			       c->path);
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
	struct ckpt_criu_answer answer = {0};
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
