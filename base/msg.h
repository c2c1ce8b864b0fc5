/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/msg: one framed message = number + payload + fds, over SOCK_SEQPACKET; and struct err as a
 * payload. It knows no protocol: runtime/init/proto.h does.
 */
#ifndef STIVA_BASE_MSG_H
#define STIVA_BASE_MSG_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/fd.h"

#define MSG_PAYLOAD_MAX 1024

struct msg {
	uint32_t number;
	uint32_t len;
	char payload[MSG_PAYLOAD_MAX];
	size_t n_fds;
	int fds[FD_PASS_MAX]; /* owned by the receiver; msg_done() closes the rest */
};

/* Return: 0 or -errno (-EPIPE when the peer is gone; SIGPIPE is never raised). */
int msg_send(int sock_fd, uint32_t number, const void *payload, size_t len, const int *fds,
	     size_t n_fds);
/* The same without a payload, by write(2): where a seccomp filter may know no sendmsg(2). A peer
 * that has gone is a SIGPIPE. */
int msg_write(int sock_fd, uint32_t number) MUST_CHECK;
/* timeout_ms -1 = none. Return: 0, -EPIPE when the peer closed, -ETIMEDOUT, -EBADMSG, -errno. */
int msg_recv(int sock_fd, int timeout_ms, struct msg *ret);
void msg_done(struct msg *m);

#endif
