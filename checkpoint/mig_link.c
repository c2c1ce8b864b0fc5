/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/mig_link: see mig_link.h. One direction never starves the other: while it waits to
 * write it reads. Called by mig_source.c, mig_target.c and what sends for them.
 */
#include "checkpoint/mig_link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#include <nmmintrin.h>
#endif
#include "base/proc.h"
#include "base/ban.h"

#define MAGIC	    0x4d565453u /* "STVM" */
#define READ_CHUNK  (256u << 10)
#define IN_MAX	    (MIG_FRAME_MAX + MIG_HEAD_SIZE)
#define BUCKET_USEC 20000u /* a burst is at most so much of the rate */

/* ---- CRC-32C ---- */

static uint32_t crc_plain(uint32_t crc, const unsigned char *p, size_t n)
{
	for (; n; n--) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (0x82f63b78u & (0u - (crc & 1u)));
	}
	return crc;
}

#if defined(__x86_64__)
/* CPUID leaf 1, ECX bit 20: SSE4.2. */
static bool has_crc(void)
{
	unsigned a, b, c, d;

	return __get_cpuid(1, &a, &b, &c, &d) && (c & (1u << 20));
}

__attribute__((target("sse4.2"))) static uint32_t crc_own(uint32_t crc, const unsigned char *p,
							  size_t n)
{
	uint64_t wide = crc, word;

	for (; n >= 8; n -= 8, p += 8) {
		memcpy(&word, p, 8);
		wide = _mm_crc32_u64(wide, word);
	}
	crc = (uint32_t)wide;
	for (; n; n--)
		crc = _mm_crc32_u8(crc, *p++);
	return crc;
}
#endif

uint32_t mig_link_crc(uint32_t crc, const void *p, size_t n)
{
	crc = ~crc;
#if defined(__x86_64__)
	if (has_crc())
		return ~crc_own(crc, p, n);
#endif
	return ~crc_plain(crc, p, n);
}

/* ---- heads ---- */

static const struct {
	unsigned number;
	const char *name;
} names[] = {
#define ROW(number, name, who, meaning) {(number), #name},
	MIG_FRAMES(ROW)
#undef ROW
};

const char *mig_link_name(unsigned type)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].number == type)
			return names[i].name;
	return "unknown";
}

static void put(unsigned char *p, uint64_t v, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		p[i] = (unsigned char)(v >> (8 * i));
}

static uint64_t take(const char *s, unsigned n)
{
	const unsigned char *p = (const unsigned char *)s;
	uint64_t v = 0;

	for (unsigned i = 0; i < n; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

static bool is_counted(unsigned type)
{
	return type != MIG_PING && type != MIG_PONG;
}

/* ---- life ---- */

void mig_link_open(struct mig_link *l, int in_fd, int out_fd, const char *peer)
{
	*l = (struct mig_link){.in_fd = in_fd,
			       .out_fd = out_fd,
			       .abort_fd = FD_NONE,
			       .peer = peer,
			       .silence_ms = -1};
	(void)fcntl(in_fd, F_SETFL, fcntl(in_fd, F_GETFL) | O_NONBLOCK);
	(void)fcntl(out_fd, F_SETFL, fcntl(out_fd, F_GETFL) | O_NONBLOCK);
	ckpt_digest_begin(&l->heard);
	ckpt_digest_begin(&l->sent);
}

void mig_link_done(struct mig_link *l)
{
	if (l->out_fd != l->in_fd)
		auto_fd_done(&l->out_fd);
	auto_fd_done(&l->in_fd);
	l->out_fd = FD_NONE;
	buf_done(&l->in);
}

static int lost(const struct mig_link *l, struct err *e)
{
	return err_set(e, ERR_KERNEL, EPIPE, "the connection to %.100s is gone", l->peer);
}

/* ---- what comes ---- */

/* Drops what was given out, and reads once. Return: 0, -EAGAIN, or story. */
static int fill(struct mig_link *l, bool *ret_moved, struct err *e)
{
	size_t rest = l->in.len - l->in_at;

	if (rest >= IN_MAX)
		return 0;
	/* Moving is cheap once most of the buffer was given out. */
	if (l->in_at && (rest == 0 || l->in_at > IN_MAX)) {
		memmove(l->in.data, l->in.data + l->in_at, rest);
		l->in.len = rest;
		l->in_at = 0;
	}
	ssize_t n = read(l->in_fd, buf_room(&l->in, READ_CHUNK), READ_CHUNK);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n < 0 && errno != ECONNRESET)
		return err_sys(e, errno, "read from %.100s", l->peer);
	if (n <= 0)
		return lost(l, e);
	l->in.len += (size_t)n;
	l->in.data[l->in.len] = '\0';
	l->in_total += (uint64_t)n;
	*ret_moved = true;
	return 0;
}

/* The head at the front, if it is all there. Return: 1, 0, or story. */
static int look(const struct mig_link *l, struct mig_frame *ret, struct err *e)
{
	const char *head = l->in.data + l->in_at;

	if (l->in.len - l->in_at < MIG_HEAD_SIZE)
		return 0;
	*ret = (struct mig_frame){.type = (enum mig_frame_type)take(head + 4, 2),
				  .flags = (uint16_t)take(head + 6, 2),
				  .n = (uint32_t)take(head + 8, 4),
				  .stream = (uint32_t)take(head + 12, 4),
				  .data = head + MIG_HEAD_SIZE};
	if (take(head, 4) != MAGIC)
		return err_set(e, ERR_INPUT, EBADMSG,
			       "protocol error at frame %llu of %.100s: this is no frame of "
			       "stiva-migrate",
			       (unsigned long long)l->in_seq, l->peer);
	if (take(head + 24, 4) != mig_link_crc(0, head, 24))
		return err_set(e, ERR_INPUT, EBADMSG,
			       "protocol error at frame %llu of %.100s: its head is damaged",
			       (unsigned long long)l->in_seq, l->peer);
	if (ret->n > MIG_FRAME_MAX || take(head + 16, 8) != l->in_seq)
		return err_set(e, ERR_INPUT, EBADMSG, "protocol error at frame %llu of %.100s: %s",
			       (unsigned long long)l->in_seq, l->peer,
			       ret->n > MIG_FRAME_MAX ? "it is too long" : "another one is due");
	return l->in.len - l->in_at - MIG_HEAD_SIZE >= ret->n;
}

/* Takes the frame at the front out. Return: as look(). */
static int next(struct mig_link *l, struct mig_frame *ret, struct err *e)
{
	int r = look(l, ret, e);

	if (r <= 0)
		return r;
	const char *head = l->in.data + l->in_at;

	if (take(head + 28, 4) != mig_link_crc(0, ret->data, ret->n))
		return err_set(e, ERR_INPUT, EBADMSG,
			       "protocol error at frame %llu (%s) of %.100s: its contents are "
			       "damaged",
			       (unsigned long long)l->in_seq, mig_link_name(ret->type), l->peer);
	l->before = l->heard;
	if (is_counted(ret->type))
		ckpt_digest_add(&l->heard, head, MIG_HEAD_SIZE);
	l->in_seq++;
	l->in_at += MIG_HEAD_SIZE + ret->n;
	return 1;
}

bool mig_link_has_frame(const struct mig_link *l)
{
	struct err ignored = ERR_INIT;
	struct mig_frame f;

	return look(l, &f, &ignored) != 0;
}

static int gave_up(const struct mig_link *l, const struct mig_frame *f, struct err *e)
{
	return err_set(e, ERR_STATE, ECONNABORTED, "%.100s: %.*s", l->peer,
		       f->n < 300 ? (int)f->n : 300, f->data);
}

/* An ABORT that waits at the front, while we send. */
static int check_abort(struct mig_link *l, struct err *e)
{
	struct mig_frame f;
	int r = look(l, &f, e);

	return r < 0 ? r : r && f.type == MIG_ABORT ? gave_up(l, &f, e) : 0;
}

/* ---- waiting ---- */

/*
 * Waits until out_fd takes more (want_out), or something has come. deadline: proc_now_usec(), 0:
 * none.
 */
static int await(struct mig_link *l, bool want_out, uint64_t deadline, struct err *e)
{
	bool wants_in = l->in.len - l->in_at < IN_MAX, moved = false;
	struct pollfd p[3] = {{.fd = l->abort_fd >= 0 ? l->abort_fd : -1, .events = POLLIN},
			      {.fd = wants_in ? l->in_fd : -1, .events = POLLIN},
			      {.fd = want_out ? l->out_fd : -1, .events = POLLOUT}};
	uint64_t now = proc_now_usec(), until = deadline;

	if (l->end_usec && now >= l->end_usec)
		return err_set(e, ERR_BUSY, ETIME, "it has taken too long");
	if (l->end_usec && (!until || l->end_usec < until))
		until = l->end_usec;
	int ms = until == 0 ? -1 : until <= now ? 0 : (int)((until - now + 999) / 1000);
	int n = poll(p, 3, ms);

	if (n < 0 && errno != EINTR)
		return err_sys(e, errno, "wait for %.100s", l->peer);
	if (n > 0 && p[0].revents)
		return err_set(e, ERR_BUSY, EINTR, "ended by a signal");
	if (n > 0 && p[1].revents)
		return fill(l, &moved, e);
	return n == 0 && deadline && until == deadline ? -ETIMEDOUT : 0;
}

static int silent(const struct mig_link *l, struct err *e)
{
	return err_set(e, ERR_BUSY, ETIMEDOUT, "%.100s has not been heard of for %.1f s", l->peer,
		       l->silence_ms / 1e3);
}

static uint64_t deadline_of(int ms)
{
	return ms < 0 ? 0 : proc_now_usec() + (uint64_t)ms * 1000 + 1;
}

/* ---- what goes ---- */

/* How much of n may go now, by the rate; waits (and reads) until it is something. */
static int allowance(struct mig_link *l, size_t n, size_t *ret, struct err *e)
{
	for (;;) {
		uint64_t now = proc_now_usec(), past = now - l->budget_usec;
		uint64_t most = l->rate * BUCKET_USEC / 1000000 + 4096;

		if (past > BUCKET_USEC)
			past = BUCKET_USEC;
		l->budget += l->rate * past / 1000000;
		if (l->budget > most)
			l->budget = most;
		l->budget_usec = now;
		if (l->budget >= 4096 || l->budget >= n) {
			*ret = n < l->budget ? n : (size_t)l->budget;
			return 0;
		}
		uint64_t wait = 4096 * 1000000ull / l->rate + 1;
		int r = await(l, false, now + wait, e);

		if (r < 0 && r != -ETIMEDOUT)
			return r;
		r = check_abort(l, e);
		if (r < 0)
			return r;
	}
}

static void step_on(struct iovec *v, int *i, size_t n)
{
	while (*i < 3 && n >= v[*i].iov_len)
		n -= v[(*i)++].iov_len;
	if (*i < 3) {
		v[*i].iov_base = (char *)v[*i].iov_base + n;
		v[*i].iov_len -= n;
	}
}

/* One write of what is left. Return: bytes, 0 when it must be waited for, or story. */
static ssize_t push(struct mig_link *l, struct iovec *v, int i, bool is_bulk, struct err *e)
{
	struct iovec part[3];
	int n_part = 0;
	size_t most = SIZE_MAX, all = 0;

	for (int k = i; k < 3; k++)
		all += v[k].iov_len;
	if (is_bulk && l->rate) {
		int r = allowance(l, all, &most, e);

		if (r < 0)
			return r;
	}
	for (size_t left = most; i < 3 && left; i++) {
		part[n_part] = v[i];
		if (part[n_part].iov_len > left)
			part[n_part].iov_len = left;
		left -= part[n_part++].iov_len;
	}
	ssize_t n = writev(l->out_fd, part, n_part);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n < 0 && errno != EPIPE && errno != ECONNRESET)
		return err_sys(e, errno, "write to %.100s", l->peer);
	if (n < 0) {
		/* It may have said why before it hung up. */
		bool moved;

		do {
			struct err ignored = ERR_INIT;

			moved = false;
			(void)!fill(l, &moved, &ignored);
			if (check_abort(l, e) < 0)
				return -e->code;
		} while (moved);
		return lost(l, e);
	}
	if (is_bulk && l->rate)
		l->budget -= (uint64_t)n < l->budget ? (uint64_t)n : l->budget;
	return n;
}

int mig_link_say2(struct mig_link *l, enum mig_frame_type type, uint32_t stream, const void *head,
		  size_t n_head, const void *p, size_t n, struct err *e)
{
	unsigned char h[MIG_HEAD_SIZE];
	struct iovec v[3] = {{h, sizeof(h)}, {(void *)head, n_head}, {(void *)p, n}};
	uint64_t deadline = deadline_of(l->silence_ms);

	if (n_head + n > MIG_FRAME_MAX)
		return err_set(e, ERR_BUG, EMSGSIZE, "a frame %s of %zu bytes", mig_link_name(type),
			       n_head + n);
	put(h, MAGIC, 4);
	put(h + 4, type, 2);
	put(h + 6, 0, 2);
	put(h + 8, n_head + n, 4);
	put(h + 12, stream, 4);
	put(h + 16, l->out_seq, 8);
	put(h + 24, mig_link_crc(0, h, 24), 4);
	put(h + 28, mig_link_crc(mig_link_crc(0, head, n_head), p, n), 4);
	if (is_counted(type))
		ckpt_digest_add(&l->sent, h, sizeof(h));
	l->out_seq++;
	for (int i = 0; i < 3;) {
		ssize_t done = push(l, v, i, type >= MIG_FIRST_BULK, e);

		if (done < 0)
			return (int)done;
		l->out_total += (uint64_t)done;
		if (done) {
			step_on(v, &i, (size_t)done);
			deadline = deadline_of(l->silence_ms);
			continue;
		}
		int r = await(l, true, deadline, e);

		if (r == -ETIMEDOUT)
			return silent(l, e);
		if (r == 0)
			r = check_abort(l, e);
		if (r < 0)
			return r;
	}
	return 0;
}

int mig_link_say(struct mig_link *l, enum mig_frame_type type, uint32_t stream, const void *p,
		 size_t n, struct err *e)
{
	return mig_link_say2(l, type, stream, NULL, 0, p, n, e);
}

/* ---- hearing ---- */

/* PONG: what PING carried, and our time. */
static int answer_ping(struct mig_link *l, const struct mig_frame *f, struct err *e)
{
	char copy[16] = {0};
	unsigned char now[8];

	if (f->n != sizeof(copy))
		return err_set(e, ERR_INPUT, EBADMSG, "protocol error: a PING of %u bytes", f->n);
	memcpy(copy, f->data, sizeof(copy));
	put(now, proc_now_usec(), 8);
	return mig_link_say2(l, MIG_PONG, f->stream, copy, sizeof(copy), now, sizeof(now), e);
}

int mig_link_hear(struct mig_link *l, int timeout_ms, struct mig_frame *ret, struct err *e)
{
	uint64_t until = deadline_of(timeout_ms), deadline = deadline_of(l->silence_ms);

	for (;;) {
		uint64_t came = l->in_total;
		int r = next(l, ret, e);

		if (r > 0 && ret->type == MIG_PING) {
			r = answer_ping(l, ret, e);
		} else if (r > 0) {
			return ret->type == MIG_ABORT ? gave_up(l, ret, e) : 0;
		}
		if (r < 0)
			return r;
		if (mig_link_has_frame(l))
			continue;
		uint64_t first = until && (!deadline || until < deadline) ? until : deadline;

		r = await(l, false, first, e);
		if (r == -ETIMEDOUT)
			return until && first == until
				       ? err_set(e, ERR_BUSY, ETIMEDOUT,
						 "no answer of %.100s within %.1f s", l->peer,
						 timeout_ms / 1e3)
				       : silent(l, e);
		if (r < 0)
			return r;
		if (l->in_total != came)
			deadline = deadline_of(l->silence_ms);
	}
}

int mig_link_expect(struct mig_link *l, enum mig_frame_type type, int timeout_ms,
		    struct mig_frame *ret, struct err *e)
{
	int r;

	do
		r = mig_link_hear(l, timeout_ms, ret, e);
	while (r == 0 && ret->type == MIG_PONG && type != MIG_PONG);
	if (r == 0 && ret->type != type)
		return err_set(e, ERR_INPUT, EBADMSG,
			       "protocol error: %.100s sent %s where %s is due", l->peer,
			       mig_link_name(ret->type), mig_link_name(type));
	return r;
}

/* ---- digests ---- */

static void print_digest(const struct ckpt_digest *d, char *text)
{
	struct ckpt_digest copy = *d;

	ckpt_digest_end(&copy, text);
}

void mig_link_sent_digest(const struct mig_link *l, char *text)
{
	print_digest(&l->sent, text);
}

void mig_link_heard_digest(const struct mig_link *l, char *text)
{
	print_digest(&l->heard, text);
}

void mig_link_heard_before(const struct mig_link *l, char *text)
{
	print_digest(&l->before, text);
}
