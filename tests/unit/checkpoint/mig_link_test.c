/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of checkpoint/mig_link: what one side says the other hears, every damaged bit is noticed,
 * and nobody waits for ever. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/proc.h"
#include "checkpoint/mig_link.h"

struct pair {
	struct mig_link a, b;
};

static struct pair pair(void)
{
	struct pair p;
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	mig_link_open(&p.a, fd[0], fd[0], "A's peer");
	mig_link_open(&p.b, fd[1], fd[1], "B's peer");
	p.a.silence_ms = p.b.silence_ms = 20000;
	return p;
}

static void pair_done(struct pair *p)
{
	mig_link_done(&p->a);
	mig_link_done(&p->b);
}

static void crc_is_castagnoli(void **state)
{
	(void)state;
	/* RFC 3720, B.4 */
	assert_int_equal(mig_link_crc(0, "123456789", 9), 0xe3069283u);
	assert_int_equal(mig_link_crc(mig_link_crc(0, "1234", 4), "56789", 5), 0xe3069283u);
}

static void frames_arrive_in_order_with_equal_digests(void **state)
{
	struct pair p = pair();
	struct err e = ERR_INIT;
	struct mig_frame f;
	char sent[CKPT_DIGEST_TEXT], heard[CKPT_DIGEST_TEXT];

	(void)state;
	assert_int_equal(mig_link_say(&p.a, MIG_HELLO, 0, "{}", 2, &e), 0);
	assert_int_equal(mig_link_say2(&p.a, MIG_PAGES, 7, "head", 4, "pages", 5, &e), 0);
	assert_int_equal(mig_link_expect(&p.b, MIG_HELLO, 1000, &f, &e), 0);
	assert_memory_equal(f.data, "{}", 2);
	assert_int_equal(mig_link_hear(&p.b, 1000, &f, &e), 0);
	assert_int_equal(f.type, MIG_PAGES);
	assert_int_equal(f.stream, 7);
	assert_int_equal(f.n, 9);
	assert_memory_equal(f.data, "headpages", 9);
	mig_link_sent_digest(&p.a, sent);
	mig_link_heard_digest(&p.b, heard);
	assert_string_equal(sent, heard);
	pair_done(&p);
}

static void another_frame_is_named(void **state)
{
	struct pair p = pair();
	struct err e = ERR_INIT;
	struct mig_frame f;

	(void)state;
	assert_int_equal(mig_link_say(&p.a, MIG_READY, 0, NULL, 0, &e), 0);
	assert_int_equal(mig_link_expect(&p.b, MIG_COMMIT, 1000, &f, &e), -EBADMSG);
	assert_non_null(strstr(e.text, "sent READY where COMMIT is due"));
	pair_done(&p);
}

static void an_abort_has_the_peers_words(void **state)
{
	struct pair p = pair();
	struct err e = ERR_INIT;
	struct mig_frame f;

	(void)state;
	assert_int_equal(mig_link_say(&p.a, MIG_ABORT, 0, "no room", 7, &e), 0);
	assert_int_equal(mig_link_hear(&p.b, 1000, &f, &e), -ECONNABORTED);
	assert_string_equal(e.text, "B's peer: no room");
	pair_done(&p);
}

static void an_abort_ends_a_long_send(void **state)
{
	struct pair p = pair();
	struct err e = ERR_INIT;
	char *big = calloc(1, MIG_FRAME_MAX);
	int r = 0;

	(void)state;
	assert_int_equal(mig_link_say(&p.b, MIG_ABORT, 0, "no room", 7, &e), 0);
	for (int i = 0; i < 3 && r == 0; i++)
		r = mig_link_say(&p.a, MIG_PAGES, 0, big, MIG_FRAME_MAX, &e);
	assert_int_equal(r, -ECONNABORTED);
	assert_string_equal(e.text, "A's peer: no room");
	free(big);
	pair_done(&p);
}

static void what_is_too_long_is_a_bug(void **state)
{
	struct pair p = pair();
	struct err e = ERR_INIT;
	char *big = calloc(1, MIG_FRAME_MAX + 1);

	(void)state;
	assert_int_equal(mig_link_say(&p.a, MIG_PAGES, 0, big, MIG_FRAME_MAX + 1, &e), -EMSGSIZE);
	free(big);
	pair_done(&p);
}

/* The bytes of one frame, with one changed. */
static int hear_with(size_t at, unsigned char flip, struct err *e)
{
	struct pair p = pair();
	unsigned char raw[64];
	struct mig_frame f;
	int fd[2], r;
	struct mig_link l;

	assert_int_equal(mig_link_say(&p.a, MIG_COMMIT, 3, "epoch 17", 8, e), 0);
	assert_int_equal(read(p.b.in_fd, raw, sizeof(raw)), 40);
	raw[at] ^= flip;
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(write(fd[1], raw, 40), 40);
	mig_link_open(&l, fd[0], fd[1], "the peer");
	l.silence_ms = 1000;
	r = mig_link_hear(&l, 1000, &f, e);
	mig_link_done(&l);
	pair_done(&p);
	return r;
}

static void every_damaged_byte_is_noticed(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(hear_with(0, 0, &e), 0);
	for (size_t i = 0; i < 40; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			err_clear(&e);
			assert_int_equal(hear_with(i, (unsigned char)(1u << bit), &e), -EBADMSG);
			assert_non_null(strstr(e.text, "protocol error at frame 0"));
		}
}

static void a_replayed_frame_is_refused(void **state)
{
	struct pair p = pair();
	struct err e = ERR_INIT;
	struct mig_frame f;
	unsigned char raw[64];

	(void)state;
	assert_int_equal(mig_link_say(&p.a, MIG_COMMIT, 0, NULL, 0, &e), 0);
	assert_int_equal(recv(p.b.in_fd, raw, sizeof(raw), MSG_PEEK), MIG_HEAD_SIZE);
	assert_int_equal(mig_link_hear(&p.b, 1000, &f, &e), 0);
	assert_int_equal(write(p.a.out_fd, raw, MIG_HEAD_SIZE), MIG_HEAD_SIZE);
	assert_int_equal(mig_link_hear(&p.b, 1000, &f, &e), -EBADMSG);
	assert_non_null(strstr(e.text, "another one is due"));
	pair_done(&p);
}

static void end_and_silence_are_told_apart(void **state)
{
	struct pair p = pair();
	struct err e = ERR_INIT;
	struct mig_frame f;

	(void)state;
	p.b.silence_ms = 20;
	assert_int_equal(mig_link_hear(&p.b, -1, &f, &e), -ETIMEDOUT);
	assert_non_null(strstr(e.text, "has not been heard of for 0.0 s"));
	p.b.silence_ms = -1;
	assert_int_equal(mig_link_hear(&p.b, 20, &f, &e), -ETIMEDOUT);
	mig_link_done(&p.a);
	assert_int_equal(mig_link_hear(&p.b, -1, &f, &e), -EPIPE);
	assert_string_equal(e.text, "the connection to B's peer is gone");
	pair_done(&p);
}

struct sender {
	struct mig_link *l;
	int n, r;
	int heard; /* frames, after all is sent */
};

static void *send_all(void *arg)
{
	struct sender *s = arg;
	struct err e = ERR_INIT;
	char *big = calloc(1, 1u << 20);

	for (int i = 0; i < s->n && s->r == 0; i++)
		s->r = mig_link_say(s->l, MIG_PAGES, (unsigned)i, big, 1u << 20, &e);
	free(big);
	for (struct mig_frame f; s->heard > 0 && s->r == 0; s->heard--)
		s->r = mig_link_hear(s->l, 5000, &f, &e);
	return NULL;
}

static void hear_all(struct mig_link *l, int n)
{
	struct err e = ERR_INIT;
	struct mig_frame f;

	for (int i = 0; i < n; i++) {
		assert_int_equal(mig_link_hear(l, 5000, &f, &e), 0);
		assert_int_equal(f.stream, i);
		assert_int_equal(f.n, 1u << 20);
	}
}

static void much_goes_one_way(void **state)
{
	struct pair p = pair();
	struct sender s = {&p.a, 64, 0, 0};
	pthread_t t;

	(void)state;
	assert_int_equal(pthread_create(&t, NULL, send_all, &s), 0);
	hear_all(&p.b, 64);
	pthread_join(t, NULL);
	assert_int_equal(s.r, 0);
	assert_int_equal(p.a.out_total, 64ull * ((1u << 20) + MIG_HEAD_SIZE));
	pair_done(&p);
}

/* Each side's frame is larger than what the sockets hold: nobody may wait for ever. */
static void both_may_send_at_once(void **state)
{
	struct pair p = pair();
	struct sender s[2] = {{&p.a, 3, 0, 3}, {&p.b, 3, 0, 3}};
	pthread_t t[2];

	(void)state;
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&t[i], NULL, send_all, &s[i]), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(s[0].r, 0);
	assert_int_equal(s[1].r, 0);
	pair_done(&p);
}

static void bulk_keeps_to_the_rate(void **state)
{
	struct pair p = pair();
	struct sender s = {&p.a, 2, 0, 0};
	uint64_t began = proc_now_usec();
	pthread_t t;

	(void)state;
	p.a.rate = 10u << 20;
	assert_int_equal(pthread_create(&t, NULL, send_all, &s), 0);
	hear_all(&p.b, 2);
	pthread_join(t, NULL);
	/* 2 MiB at 10 MiB/s, less the burst. */
	assert_true(proc_now_usec() - began > 150000);
	assert_int_equal(s.r, 0);
	pair_done(&p);
}

static void a_ping_is_answered(void **state)
{
	struct pair p = pair();
	struct err e = ERR_INIT;
	struct mig_frame f;

	(void)state;
	assert_int_equal(mig_link_say(&p.a, MIG_PING, 0, "0123456789abcdef", 16, &e), 0);
	assert_int_equal(mig_link_say(&p.a, MIG_HELLO, 0, NULL, 0, &e), 0);
	assert_int_equal(mig_link_expect(&p.b, MIG_HELLO, 1000, &f, &e), 0);
	assert_int_equal(mig_link_expect(&p.a, MIG_PONG, 1000, &f, &e), 0);
	assert_int_equal(f.n, 24);
	assert_memory_equal(f.data, "0123456789abcdef", 16);
	pair_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crc_is_castagnoli),
		cmocka_unit_test(frames_arrive_in_order_with_equal_digests),
		cmocka_unit_test(another_frame_is_named),
		cmocka_unit_test(an_abort_has_the_peers_words),
		cmocka_unit_test(an_abort_ends_a_long_send),
		cmocka_unit_test(what_is_too_long_is_a_bug),
		cmocka_unit_test(every_damaged_byte_is_noticed),
		cmocka_unit_test(a_replayed_frame_is_refused),
		cmocka_unit_test(end_and_silence_are_told_apart),
		cmocka_unit_test(much_goes_one_way),
		cmocka_unit_test(both_may_send_at_once),
		cmocka_unit_test(bulk_keeps_to_the_rate),
		cmocka_unit_test(a_ping_is_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
