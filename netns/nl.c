// SPDX-License-Identifier: Apache-2.0
/*
 * netns/nl: rtnetlink requests and their answers (man 7 rtnetlink, Documentation/userspace-api/
 * netlink). Owns the framing and its bounds: every length comes from the kernel, and none is
 * believed. It must not know of links and addresses. Debian has no static libmnl, and the launch
 * binary is static: hence this file (docs/architecture.md, decisions). Called by the rest of the
 * room.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include "base/mem.h"
#include "base/str.h"
#include "netns/internal.h"
#include "base/ban.h"

/* The kernel's dumps fit into what was offered for the last recv(2); one link is 1 to 3 KiB. */
#define ANSWER_MAX 32768

/* ---- the request ---- */

static void add(struct net_nl_request *q, const void *data, size_t n)
{
	size_t at = q->head.nlmsg_len, end = NLMSG_ALIGN(at + n);

	if (n > sizeof(q->bytes) || end > sizeof(q->bytes)) {
		q->is_cut = true;
		return;
	}
	if (n)
		memcpy(q->bytes + at, data, n);
	q->head.nlmsg_len = (uint32_t)end;
}

void net_nl_begin(struct net_nl_request *q, uint16_t type, uint16_t flags, const void *fixed,
		  size_t n)
{
	memset(q, 0, sizeof(*q));
	q->head.nlmsg_len = NLMSG_HDRLEN;
	q->head.nlmsg_type = type;
	q->head.nlmsg_flags = NLM_F_REQUEST | flags;
	add(q, fixed, n);
}

void net_nl_put(struct net_nl_request *q, uint16_t attr, const void *data, size_t n)
{
	struct nlattr head = {.nla_type = attr, .nla_len = (uint16_t)(NLA_HDRLEN + n)};

	if (n > sizeof(q->bytes)) {
		q->is_cut = true;
		return;
	}
	add(q, &head, sizeof(head));
	add(q, data, n);
}

void net_nl_put_text(struct net_nl_request *q, uint16_t attr, const char *text)
{
	net_nl_put(q, attr, text, strlen(text) + 1);
}

void net_nl_put_u32(struct net_nl_request *q, uint16_t attr, uint32_t v)
{
	net_nl_put(q, attr, &v, sizeof(v));
}

/* ---- the socket ---- */

int net_nl_open(int *ret_fd)
{
	AUTO_FD fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct sockaddr_nl us = {.nl_family = AF_NETLINK};
	struct timeval patience = {.tv_sec = 20}; /* the kernel answers at once: never hang */
	int on = 1;

	if (fd < 0 || bind(fd, (struct sockaddr *)&us, sizeof(us)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
		return -errno;
	/* Better errors, and a dump of one device only: both are older than our lowest kernel, and
	 * neither is needed. */
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	*ret_fd = fd_take(&fd);
	return 0;
}

/* ---- the answer ---- */

const void *net_nl_attrs(const void *body, size_t n, size_t n_fixed, size_t *ret_n)
{
	size_t from = NLMSG_ALIGN(n_fixed);

	*ret_n = 0;
	if (n < n_fixed)
		return NULL;
	if (n > from)
		*ret_n = n - from;
	return (const char *)body + (n > from ? from : n);
}

const void *net_nl_attr(const void *attrs, size_t n, uint16_t type, size_t *ret_n)
{
	const char *s = attrs;

	while (s && n >= NLA_HDRLEN) {
		struct nlattr a;

		memcpy(&a, s, sizeof(a));
		if (a.nla_len < NLA_HDRLEN || a.nla_len > n)
			return NULL;
		if ((a.nla_type & NLA_TYPE_MASK) == type) {
			*ret_n = (size_t)a.nla_len - NLA_HDRLEN;
			return s + NLA_HDRLEN;
		}
		size_t step = NLA_ALIGN(a.nla_len);

		if (step >= n)
			return NULL;
		s += step;
		n -= step;
	}
	return NULL;
}

/* What the kernel adds in words to an error (NETLINK_EXT_ACK). */
static void read_why(const char *body, size_t n, uint16_t flags, char *ret_why)
{
	size_t n_attrs, n_text, skip = sizeof(struct nlmsgerr);

	if (!ret_why || !(flags & NLM_F_ACK_TLVS))
		return;
	/* Without NETLINK_CAP_ACK the whole request stands before the attributes. */
	if (!(flags & NLM_F_CAPPED)) {
		struct nlmsgerr m;

		memcpy(&m, body, sizeof(m));
		if (m.msg.nlmsg_len < NLMSG_HDRLEN || m.msg.nlmsg_len > n)
			return;
		skip += m.msg.nlmsg_len - NLMSG_HDRLEN;
	}
	const void *attrs = net_nl_attrs(body, n, skip, &n_attrs);
	const char *text = net_nl_attr(attrs, n_attrs, NLMSGERR_ATTR_MSG, &n_text);

	if (!text || !n_text)
		return;
	if (n_text >= NET_NL_WHY_MAX)
		n_text = NET_NL_WHY_MAX - 1;
	memcpy(ret_why, text, n_text);
	ret_why[n_text] = '\0';
}

static int read_error(const struct nlmsghdr *h, const char *body, size_t n, char *ret_why)
{
	struct nlmsgerr m;

	if (n < sizeof(m))
		return -EBADMSG;
	memcpy(&m, body, sizeof(m));
	if (m.error == 0)
		return 0;
	if (m.error > 0 || m.error < -4095)
		return -EBADMSG;
	read_why(body, n, h->nlmsg_flags, ret_why);
	return m.error;
}

/* One message of our answer. */
static int read_message(const struct nlmsghdr *h, const char *body, size_t n, net_nl_see see,
			void *ctx, char *ret_why, bool *ret_done)
{
	int32_t code = 0;

	if (h->nlmsg_flags & NLM_F_DUMP_INTR)
		return -EAGAIN;
	switch (h->nlmsg_type) {
	case NLMSG_NOOP:
		return 0;
	case NLMSG_OVERRUN:
		return -ENOBUFS;
	case NLMSG_ERROR:
		*ret_done = true;
		return read_error(h, body, n, ret_why);
	case NLMSG_DONE:
		*ret_done = true;
		/* An error of a dump stands here. */
		if (n >= sizeof(code))
			memcpy(&code, body, sizeof(code));
		return code < 0 && code >= -4095 ? code : 0;
	default:
		return see ? see(ctx, h->nlmsg_type, body, n) : 0;
	}
}

int net_nl_parse(const void *data, size_t n, uint32_t seq, net_nl_see see, void *ctx, char *ret_why,
		 bool *ret_done)
{
	const char *s = data;

	while (n > 0 && !*ret_done) {
		struct nlmsghdr h;

		if (n < NLMSG_HDRLEN)
			return -EBADMSG;
		memcpy(&h, s, sizeof(h));
		if (h.nlmsg_len < NLMSG_HDRLEN || h.nlmsg_len > n)
			return -EBADMSG;
		/* What is left of an earlier answer is not ours. */
		if (h.nlmsg_seq == seq) {
			int r = read_message(&h, s + NLMSG_HDRLEN, h.nlmsg_len - NLMSG_HDRLEN, see,
					     ctx, ret_why, ret_done);

			if (r < 0)
				return r;
		}
		size_t step = NLMSG_ALIGN(h.nlmsg_len);

		if (step >= n)
			break;
		s += step;
		n -= step;
	}
	return 0;
}

static ssize_t receive(int fd, char *buf)
{
	struct sockaddr_nl from;
	struct iovec v = {buf, ANSWER_MAX};
	struct msghdr m = {
		.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &v, .msg_iovlen = 1};

	for (;;) {
		ssize_t n = recvmsg(fd, &m, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		if (m.msg_flags & MSG_TRUNC)
			return -EMSGSIZE;
		/* Port 0 is the kernel; any process may send to a netlink socket. */
		if (m.msg_namelen == sizeof(from) && from.nl_pid == 0)
			return n;
		m.msg_namelen = sizeof(from);
	}
}

int net_nl_ask(int fd, struct net_nl_request *q, net_nl_see see, void *ctx, char *ret_why)
{
	static uint32_t seq; /* only tells one answer of a socket from the next */
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	AUTO_FREE char *buf = mem_alloc(ANSWER_MAX);
	bool done = false;

	if (ret_why)
		ret_why[0] = '\0';
	if (q->is_cut)
		return -E2BIG;
	q->head.nlmsg_seq = ++seq;
	/* NLM_F_EXCL of a NEW request is one of the two bits of a dump. */
	if ((q->head.nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		q->head.nlmsg_flags |= NLM_F_ACK;
	if (sendto(fd, q->bytes, q->head.nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof(kernel)) <
	    0)
		return -errno;
	while (!done) {
		ssize_t n = receive(fd, buf);
		int r = n < 0 ? (int)n : n == 0 ? -EBADMSG : 0;

		if (r == 0)
			r = net_nl_parse(buf, (size_t)n, q->head.nlmsg_seq, see, ctx, ret_why,
					 &done);
		if (r < 0)
			return r;
	}
	return 0;
}
