/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/msg: one message = number, payload, fds, over SOCK_SEQPACKET. It knows no protocol.
 * Called by runtime/init and runtime/life.
 */
#include "base/msg.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include "base/proc.h"
#include "base/ban.h"

/* What is on the wire: both ends are the same program on the same machine. */
struct frame {
	uint32_t number;
	uint32_t len;
	char payload[MSG_PAYLOAD_MAX];
};
#define FRAME_HEAD offsetof(struct frame, payload)

int msg_send(int sock_fd, uint32_t number, const void *payload, size_t len, const int *fds,
	     size_t n_fds)
{
	struct frame f;
	int r;

	if (len > MSG_PAYLOAD_MAX || n_fds > FD_PASS_MAX)
		return -EMSGSIZE;
	f.number = number;
	f.len = (uint32_t)len;
	if (len)
		memcpy(f.payload, payload, len);
	r = fd_send(sock_fd, &f, FRAME_HEAD + len, fds, n_fds);
	return r == -ECONNRESET ? -EPIPE : r;
}

int msg_write(int sock_fd, uint32_t number)
{
	uint32_t head[FRAME_HEAD / sizeof(uint32_t)] = {number, 0};
	ssize_t n = write(sock_fd, head, sizeof(head));

	return n < 0 ? -errno : 0;
}

static int wait_readable(int fd, int timeout_ms)
{
	uint64_t deadline = proc_now_usec() + (uint64_t)timeout_ms * 1000;

	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int n = poll(&p, 1, timeout_ms);
		uint64_t now;

		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		now = proc_now_usec();
		if (n == 0 || now >= deadline)
			return -ETIMEDOUT;
		timeout_ms = (int)((deadline - now + 999) / 1000);
	}
}

int msg_recv(int sock_fd, int timeout_ms, struct msg *ret)
{
	struct frame f;
	ssize_t n;

	ret->number = 0;
	ret->len = 0;
	ret->n_fds = 0;
	if (timeout_ms >= 0) {
		int r = wait_readable(sock_fd, timeout_ms);

		if (r < 0)
			return r;
	}
	ret->n_fds = FD_PASS_MAX;
	n = fd_recv(sock_fd, &f, sizeof(f), ret->fds, &ret->n_fds);
	if (n == 0 || n == -ECONNRESET || n == -EPIPE) {
		msg_done(ret);
		return -EPIPE;
	}
	if (n < 0)
		return n == -EMSGSIZE ? -EBADMSG : (int)n;
	if ((size_t)n < FRAME_HEAD || f.len != (size_t)n - FRAME_HEAD) {
		msg_done(ret);
		return -EBADMSG;
	}
	ret->number = f.number;
	ret->len = f.len;
	memcpy(ret->payload, f.payload, f.len);
	/* Texts are read in place: a NUL behind the payload costs nothing and bounds every reader.
	 */
	if (f.len < MSG_PAYLOAD_MAX)
		ret->payload[f.len] = '\0';
	return 0;
}

void msg_done(struct msg *m)
{
	for (size_t i = 0; i < m->n_fds && i < FD_PASS_MAX; i++) {
		if (m->fds[i] >= 0)
			close(m->fds[i]);
		m->fds[i] = -EBADF;
	}
	m->n_fds = 0;
}
