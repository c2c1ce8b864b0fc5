/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/dbus: one D-Bus connection. Owns the handshake, the framing of messages and the deadlines;
 * it must not know what any method means. The peer is not trusted: every length is bounded before
 * it is used. Called by cgroups/systemd_bus.
 */
#include "base/dbus.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/proc.h"
#include "base/str.h"
#include "base/ban.h"

#define HEAD_SIZE 16
#define AUTH_MAX  1024 /* bytes of the peer's side of the handshake */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ORDER_OURS  'l'
#define ORDER_OTHER 'B'
#else
#define ORDER_OURS  'B'
#define ORDER_OTHER 'l'
#endif

enum field {
	FIELD_PATH = 1,
	FIELD_IFACE,
	FIELD_MEMBER,
	FIELD_ERROR,
	FIELD_REPLY_TO,
	FIELD_DEST,
	FIELD_SENDER,
	FIELD_SIG
};

void dbus_msg_done(struct dbus_msg *m)
{
	buf_done(&m->raw);
	*m = (struct dbus_msg){0};
}

void dbus_done(struct dbus *d)
{
	auto_fd_done(&d->fd);
	buf_done(&d->in);
}

/* ---- bytes with a deadline ---- */

/* Leaf: 0 when the event is there, -ETIMEDOUT. */
static int wait_io(const struct dbus *d, short events, uint64_t end)
{
	for (;;) {
		uint64_t now = proc_now_usec();
		struct pollfd p = {.fd = d->fd, .events = events};

		if (now >= end)
			return -ETIMEDOUT;
		int r = poll(&p, 1, (int)((end - now) / 1000) + 1);

		if (r > 0)
			return 0;
		if (r < 0 && errno != EINTR)
			return -errno;
	}
}

static int send_all(struct dbus *d, const void *data, size_t n, uint64_t end)
{
	const char *p = data;

	while (n) {
		ssize_t r = send(d->fd, p, n, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (r < 0 && errno == EAGAIN) {
			int w = wait_io(d, POLLOUT, end);

			if (w < 0)
				return w;
			continue;
		}
		if (r < 0 && errno != EINTR)
			return -errno;
		if (r > 0) {
			p += r;
			n -= (size_t)r;
		}
	}
	return 0;
}

/* At least one more byte into d->in. */
static int receive_some(struct dbus *d, uint64_t end)
{
	for (;;) {
		/* A peer that never stops talking is no reason to stay. */
		if (proc_now_usec() >= end)
			return -ETIMEDOUT;
		/* Descriptors that a peer may send are dropped by the kernel: no control buffer. */
		ssize_t r = recv(d->fd, buf_room(&d->in, 4096), 4096, MSG_DONTWAIT);

		if (r > 0) {
			d->in.len += (size_t)r;
			return 0;
		}
		if (r == 0)
			return -ECONNRESET;
		if (errno == EAGAIN) {
			int w = wait_io(d, POLLIN, end);

			if (w < 0)
				return w;
		} else if (errno != EINTR) {
			return -errno;
		}
	}
}

static void consume(struct dbus *d, size_t n)
{
	memmove(d->in.data, d->in.data + n, d->in.len - n);
	d->in.len -= n;
}

/* ---- the handshake ---- */

/* One line of the peer's, without \r\n, into ret. */
static int auth_line(struct dbus *d, char *ret, size_t size, uint64_t end)
{
	for (;;) {
		char *nl = d->in.len ? memmem(d->in.data, d->in.len, "\r\n", 2) : NULL;

		if (nl) {
			size_t n = (size_t)(nl - d->in.data);

			if (n >= size)
				return -EPROTO;
			memcpy(ret, d->in.data, n);
			ret[n] = '\0';
			consume(d, n + 2);
			return 0;
		}
		if (d->in.len > AUTH_MAX)
			return -EPROTO;
		int r = receive_some(d, end);

		if (r < 0)
			return r;
	}
}

/* EXTERNAL with an empty identity: the peer takes that of the socket, which is right in a user
 * namespace too, where we do not know our number outside. */
static int authenticate(struct dbus *d, const char *name, uint64_t end, struct err *e)
{
	static const char hello[] = "\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n";
	char line[AUTH_MAX], shown[128];
	int r = send_all(d, hello, sizeof(hello) - 1, end);

	if (r == 0)
		r = auth_line(d, line, sizeof(line), end);
	if (r == 0 && (str_eq(line, "DATA") || str_starts(line, "DATA ")))
		r = auth_line(d, line, sizeof(line), end);
	if (r < 0)
		return err_sys(e, r, "D-Bus at \"%s\": authenticate", name);
	if (!str_starts(line, "OK ") && !str_eq(line, "OK"))
		return err_set(e, ERR_MISSING, EACCES, "D-Bus at \"%s\": refused to let us in: %s",
			       name, str_printable(shown, sizeof(shown), line));
	return 0;
}

/* ---- messages ---- */

static void put_field(struct buf *b, enum field f, const char *sig, const char *text)
{
	dbus_put_align(b, 8);
	dbus_put_byte(b, (uint8_t)f);
	dbus_put_sig(b, sig);
	if (str_eq(sig, "g"))
		dbus_put_sig(b, text);
	else
		dbus_put_str(b, text);
}

static int send_call(struct dbus *d, const struct dbus_call *c, uint32_t *ret_serial, uint64_t end)
{
	AUTO(buf) b = {0};

	*ret_serial = ++d->serial ? d->serial : ++d->serial;
	dbus_put_byte(&b, ORDER_OURS);
	dbus_put_byte(&b, DBUS_CALL);
	dbus_put_byte(&b, 0);
	dbus_put_byte(&b, 1);
	dbus_put_u32(&b, c->sig ? (uint32_t)c->body->len : 0);
	dbus_put_u32(&b, *ret_serial);
	size_t mark = dbus_put_array(&b, '(');

	put_field(&b, FIELD_PATH, "o", c->path);
	put_field(&b, FIELD_IFACE, "s", c->iface);
	put_field(&b, FIELD_MEMBER, "s", c->member);
	put_field(&b, FIELD_DEST, "s", c->dest);
	if (c->sig)
		put_field(&b, FIELD_SIG, "g", c->sig);
	dbus_put_end(&b, mark);
	dbus_put_align(&b, 8);
	if (c->sig && c->body->len)
		buf_add(&b, c->body->data, c->body->len);
	return b.len > DBUS_MESSAGE_MAX ? -EMSGSIZE : send_all(d, b.data, b.len, end);
}

/* What the fields' codes and types say; others are skipped. */
static void read_field(struct dbus_in *in, struct dbus_msg *m)
{
	dbus_get_align(in, 8);
	uint8_t code = dbus_get_byte(in);
	const char *sig = dbus_get_sig(in);

	if (in->is_bad || dbus_type_len(sig) != strlen(sig)) {
		in->is_bad = true;
		return;
	}
	const char **text = code == FIELD_PATH	   ? &m->path
			    : code == FIELD_IFACE  ? &m->iface
			    : code == FIELD_MEMBER ? &m->member
			    : code == FIELD_ERROR  ? &m->error
			    : code == FIELD_SENDER ? &m->sender
						   : NULL;

	if (text && (*sig == 's' || *sig == 'o'))
		*text = dbus_get_str(in);
	else if (code == FIELD_SIG && *sig == 'g')
		m->sig = dbus_get_sig(in);
	else if (code == FIELD_REPLY_TO && *sig == 'u')
		m->reply_to = dbus_get_u32(in);
	else
		dbus_skip(in, &sig);
}

static int parse(struct dbus_msg *m, size_t head_len, size_t body_at, size_t body_len,
		 bool is_swapped)
{
	struct dbus_in in = {(const uint8_t *)m->raw.data, HEAD_SIZE + head_len, HEAD_SIZE,
			     is_swapped, false};

	m->path = m->iface = m->member = m->error = m->sender = m->sig = "";
	while (!in.is_bad && in.pos < in.len)
		read_field(&in, m);
	m->body = (struct dbus_in){(const uint8_t *)m->raw.data + body_at, body_len, 0, is_swapped,
				   false};
	return in.is_bad ? -EBADMSG : 0;
}

/* Leaf. */
static int receive(struct dbus *d, struct dbus_msg *m, uint64_t end)
{
	while (d->in.len < HEAD_SIZE) {
		int r = receive_some(d, end);

		if (r < 0)
			return r;
	}
	const uint8_t *p = (const uint8_t *)d->in.data;
	struct dbus_in head = {p, HEAD_SIZE, 4, p[0] == ORDER_OTHER, false};
	bool is_ours = p[0] == ORDER_OURS || p[0] == ORDER_OTHER;
	uint8_t type = p[1], version = p[3];
	size_t body_len = dbus_get_u32(&head);
	uint32_t serial = dbus_get_u32(&head);
	size_t head_len = dbus_get_u32(&head);

	if (!is_ours || version != 1 || head_len > DBUS_MESSAGE_MAX || body_len > DBUS_MESSAGE_MAX)
		return -EBADMSG;
	size_t body_at = (HEAD_SIZE + head_len + 7) / 8 * 8;

	while (d->in.len < body_at + body_len) {
		int r = receive_some(d, end);

		if (r < 0)
			return r;
	}
	dbus_msg_done(m);
	buf_add(&m->raw, d->in.data, body_at + body_len);
	consume(d, body_at + body_len);
	m->type = type;
	m->serial = serial;
	return parse(m, head_len, body_at, body_len, head.is_swapped);
}

/* Receives one message and hands a signal on. Leaf. */
static int step(struct dbus *d, struct dbus_msg *m, uint64_t end)
{
	int r = receive(d, m, end);

	if (r == 0 && m->type == DBUS_SIGNAL && d->on_signal)
		d->on_signal(m, d->arg);
	return r;
}

static uint64_t deadline(int timeout_ms)
{
	return proc_now_usec() + (uint64_t)timeout_ms * 1000;
}

static int answered_error(const struct dbus_msg *m, struct err *e)
{
	struct dbus_in in = m->body;
	char shown[400];
	const char *text = *m->sig == 's' ? dbus_get_str(&in) : "";

	if (!*text)
		text = m->error;
	return err_set(e, ERR_KERNEL, EREMOTEIO, "%s", str_printable(shown, sizeof(shown), text));
}

int dbus_call(struct dbus *d, const struct dbus_call *c, int timeout_ms, struct dbus_msg *ret,
	      struct err *e)
{
	AUTO(dbus_msg) m = {0};
	uint64_t end = deadline(timeout_ms);
	uint32_t serial;
	int r = send_call(d, c, &serial, end);

	while (r == 0) {
		r = step(d, &m, end);
		if (r == 0 && (m.type == DBUS_REPLY || m.type == DBUS_ERROR) &&
		    m.reply_to == serial)
			break;
	}
	if (r < 0)
		return err_sys(e, r, "D-Bus call %s", c->member);
	if (m.type == DBUS_ERROR)
		r = answered_error(&m, e);
	if (ret) {
		dbus_msg_done(ret);
		*ret = m;
		m = (struct dbus_msg){0};
	}
	return r;
}

int dbus_wait(struct dbus *d, const bool *is_done, int timeout_ms, struct err *e)
{
	AUTO(dbus_msg) m = {0};
	uint64_t end = deadline(timeout_ms);
	int r = 0;

	while (r == 0 && !*is_done)
		r = step(d, &m, end);
	return r < 0 ? err_sys(e, r, "wait for a D-Bus signal") : 0;
}

/* ---- opening ---- */

int dbus_open_fd(struct dbus *d, int fd, const char *name, bool is_bus, int timeout_ms,
		 struct err *e)
{
	static const struct dbus_call hello = {"org.freedesktop.DBus",
					       "/org/freedesktop/DBus",
					       "org.freedesktop.DBus",
					       "Hello",
					       NULL,
					       NULL};

	fd_replace(&d->fd, fd);
	int r = authenticate(d, name, deadline(timeout_ms), e);

	if (r == 0 && is_bus) {
		r = dbus_call(d, &hello, timeout_ms, NULL, e);
		if (r < 0)
			err_prefix(e, "D-Bus at \"%s\"", name);
	}
	if (r < 0)
		dbus_done(d);
	return r;
}

int dbus_open(struct dbus *d, const char *path, bool is_bus, int timeout_ms, struct err *e)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	struct timeval tv = {timeout_ms / 1000, timeout_ms % 1000 * 1000};
	size_t n = strlen(path);

	if (n >= sizeof(sa.sun_path))
		return err_set(e, ERR_MISSING, ENAMETOOLONG,
			       "D-Bus at \"%.128s\": the path is too long for a socket", path);
	memcpy(sa.sun_path, path, n);
	if (path[0] == '@')
		sa.sun_path[0] = '\0';
	AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	/* A bus whose queue is full makes connect(2) wait. */
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)) < 0 ||
	    connect(fd, (struct sockaddr *)&sa,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0)
		return err_set(e, ERR_MISSING, errno, "D-Bus at \"%s\": %s", path,
			       err_words(errno));
	return dbus_open_fd(d, fd_take(&fd), path, is_bus, timeout_ms, e);
}

static int hex(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

/* Decodes up to ',' or ';'. */
static int unescape(const char *s, char *ret, size_t size)
{
	size_t n = 0;

	for (; *s && *s != ',' && *s != ';'; s++) {
		char c = *s;

		if (c == '%') {
			int hi = hex(s[1]), lo = hi < 0 ? -1 : hex(s[2]);

			if (lo < 0 || (hi == 0 && lo == 0))
				return -EINVAL;
			c = (char)(hi << 4 | lo);
			s += 2;
		}
		if (n + 1 >= size)
			return -ENAMETOOLONG;
		ret[n++] = c;
	}
	ret[n] = '\0';
	return n ? 0 : -EINVAL;
}

int dbus_address(const char *address, char *ret, size_t size)
{
	for (const char *s = address; *s;) {
		const char *end = strchrnul(s, ';'), *key = str_after(s, "unix:");

		while (key && key < end) {
			const char *path = str_after(key, "path=");
			const char *abstract = str_after(key, "abstract=");

			if (path)
				return unescape(path, ret, size);
			if (abstract && size > 1) {
				ret[0] = '@';
				return unescape(abstract, ret + 1, size - 1);
			}
			key += strcspn(key, ",;");
			key += *key == ',';
			if (*key == ';')
				break;
		}
		s = *end ? end + 1 : end;
	}
	return -EINVAL;
}
