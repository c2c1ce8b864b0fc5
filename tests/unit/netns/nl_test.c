// SPDX-License-Identifier: Apache-2.0
/* Tests of netns/nl: requests are cut, answers are not believed (D10). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "netns/internal.h"
#include "base/ban.h"

struct seen {
	unsigned n;
	size_t last;
};

static int count(void *ctx, uint16_t type, const void *body, size_t n)
{
	struct seen *s = ctx;

	(void)body;
	s->n++;
	s->last = n;
	return type == 99 ? -ENOSPC : 0;
}

/* A message of `n` bytes of body, copied to the heap so that ASan sees each byte too much. */
static size_t put(char *to, uint32_t len, uint16_t type, uint16_t flags, uint32_t seq,
		  const void *body, size_t n)
{
	struct nlmsghdr h = {.nlmsg_len = len ? len : (uint32_t)(NLMSG_HDRLEN + n),
			     .nlmsg_type = type,
			     .nlmsg_flags = flags,
			     .nlmsg_seq = seq};

	memset(to, 0, NLMSG_ALIGN(NLMSG_HDRLEN + n));
	memcpy(to, &h, sizeof(h));
	if (n)
		memcpy(to + NLMSG_HDRLEN, body, n);
	return NLMSG_ALIGN(NLMSG_HDRLEN + n);
}

static int parse(const char *data, size_t n, struct seen *s, char *why, bool *done)
{
	char *heap = malloc(n ? n : 1);

	assert_non_null(heap);
	memcpy(heap, data, n);
	int r = net_nl_parse(heap, n, 7, count, s, why, done);

	free(heap);
	return r;
}

static void D10_answers_end_with_their_ack(void **state)
{
	char data[512], why[NET_NL_WHY_MAX] = "";
	struct nlmsgerr ok = {0};
	struct seen s = {0};
	bool done = false;
	size_t n = put(data, 0, 16, 0, 6, "old", 3); /* of an earlier request */

	(void)state;
	n += put(data + n, 0, 16, 0, 7, "12345", 5);
	n += put(data + n, 0, NLMSG_NOOP, 0, 7, NULL, 0);
	n += put(data + n, 0, NLMSG_ERROR, 0, 7, &ok, sizeof(ok));
	n += put(data + n, 0, 16, 0, 7, "after", 5);
	assert_int_equal(parse(data, n, &s, why, &done), 0);
	assert_true(done);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.last, 5);
}

static void D10_errors_of_the_kernel(void **state)
{
	struct {
		struct nlmsgerr m;
		struct nlattr a;
		char text[8];
	} body = {.m = {.error = -EEXIST},
		  .a = {NLA_HDRLEN + 8, NLMSGERR_ATTR_MSG},
		  .text = "no way"};
	static const int bad[] = {5, -70000};
	char data[512], why[NET_NL_WHY_MAX] = "";
	struct seen s = {0};
	bool done = false;
	int32_t code = -ENOBUFS;
	size_t n = put(data, 0, NLMSG_ERROR, NLM_F_CAPPED | NLM_F_ACK_TLVS, 7, &body, sizeof(body));

	(void)state;
	assert_int_equal(parse(data, n, &s, why, &done), -EEXIST);
	assert_string_equal(why, "no way");
	/* The request comes back in front of the words, with a length that is not to be believed.
	 */
	why[0] = '\0';
	body.m.msg.nlmsg_len = 4000;
	done = false;
	n = put(data, 0, NLMSG_ERROR, NLM_F_ACK_TLVS, 7, &body, sizeof(body));
	assert_int_equal(parse(data, n, &s, why, &done), -EEXIST);
	assert_string_equal(why, "");
	for (size_t i = 0; i < 2; i++) {
		body.m.error = bad[i];
		n = put(data, 0, NLMSG_ERROR, 0, 7, &body, sizeof(body.m));
		done = false;
		assert_int_equal(parse(data, n, &s, why, &done), -EBADMSG);
	}
	n = put(data, 0, NLMSG_ERROR, 0, 7, &body, 4);
	done = false;
	assert_int_equal(parse(data, n, &s, why, &done), -EBADMSG);
	n = put(data, 0, NLMSG_DONE, NLM_F_MULTI, 7, &code, sizeof(code));
	done = false;
	assert_int_equal(parse(data, n, &s, why, &done), -ENOBUFS);
	n = put(data, 0, 16, NLM_F_DUMP_INTR, 7, NULL, 0);
	done = false;
	assert_int_equal(parse(data, n, &s, why, &done), -EAGAIN);
	n = put(data, 0, 99, 0, 7, NULL, 0);
	done = false;
	assert_int_equal(parse(data, n, &s, why, &done), -ENOSPC);
}

static void D10_lengths_are_not_believed(void **state)
{
	static const uint32_t bad[] = {1, 15, 17 + 16, 4096, 0xffffffff};
	char data[64], why[NET_NL_WHY_MAX] = "";
	struct seen s = {0};
	bool done = false;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		size_t n = put(data, bad[i], 16, 0, 7, "0123456789", 10);

		assert_int_equal(parse(data, n, &s, why, &done), -EBADMSG);
	}
	for (size_t n = 1; n < NLMSG_HDRLEN; n++)
		assert_int_equal(parse(data, n, &s, why, &done), -EBADMSG);
	/* The last one may lack its padding. */
	size_t n = put(data, 0, 16, 0, 7, "0123456789", 10);
	assert_int_equal(parse(data, n - 2, &s, why, &done), 0);
	assert_false(done);
}

static void D10_attributes(void **state)
{
	struct net_nl_request q;
	uint32_t fixed = 0x01020304;
	size_t n, n_data;

	(void)state;
	net_nl_begin(&q, 16, 0, &fixed, sizeof(fixed));
	net_nl_put_text(&q, 3, "eth0");
	net_nl_put_u32(&q, 28, 77);
	assert_false(q.is_cut);
	const char *body = q.bytes + NLMSG_HDRLEN;
	const void *attrs = net_nl_attrs(body, q.head.nlmsg_len - NLMSG_HDRLEN, 4, &n);

	assert_string_equal(net_nl_attr(attrs, n, 3, &n_data), "eth0");
	assert_int_equal(n_data, 5);
	uint32_t v;
	memcpy(&v, net_nl_attr(attrs, n, 28, &n_data), sizeof(v));
	assert_int_equal(v, 77);
	assert_null(net_nl_attr(attrs, n, 4, &n_data));
	/* Every cut of it is survived, and says no more than what is whole. */
	for (size_t cut = 0; cut < n; cut++) {
		char *heap = malloc(cut + 1);

		assert_non_null(heap);
		memcpy(heap, attrs, cut);
		assert_null(net_nl_attr(heap, cut, 28, &n_data));
		free(heap);
	}
	assert_null(net_nl_attrs(body, 3, 4, &n));
	assert_int_equal(n, 0);
	assert_non_null(net_nl_attrs(body, 4, 4, &n));
	assert_int_equal(n, 0);
}

static void D10_a_request_that_does_not_fit(void **state)
{
	struct net_nl_request q;
	char big[NET_NL_REQUEST_MAX] = {0};

	(void)state;
	net_nl_begin(&q, 16, 0, NULL, 0);
	net_nl_put(&q, 1, big, NET_NL_REQUEST_MAX - NLMSG_HDRLEN - NLA_HDRLEN);
	assert_false(q.is_cut);
	net_nl_put_u32(&q, 2, 1);
	assert_true(q.is_cut);
	assert_int_equal(net_nl_ask(-1, &q, NULL, NULL, NULL), -E2BIG);
	net_nl_begin(&q, 16, 0, NULL, 0);
	net_nl_put(&q, 1, big, 100000);
	assert_true(q.is_cut);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(D10_answers_end_with_their_ack),
		cmocka_unit_test(D10_errors_of_the_kernel),
		cmocka_unit_test(D10_lengths_are_not_believed),
		cmocka_unit_test(D10_attributes),
		cmocka_unit_test(D10_a_request_that_does_not_fit),
	};
	return cmocka_run_group_tests_name("netns/nl", tests, NULL, NULL);
}
