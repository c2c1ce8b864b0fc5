/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of runtime/init/proto: the wrong message, a hostile FAIL, a peer that is gone. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/auto.h"
#include "base/fd.h"
#include "runtime/init/proto.h"
#include "tests/unit/story.h"
#include "base/ban.h"

static int pair[2];

static void open_pair(void)
{
	assert_int_equal(fd_seqpacket_pair(pair), 0);
}

static void close_pair(void)
{
	close(pair[0]);
	close(pair[1]);
}

static void test_every_message_has_a_name_of_its_own(void **state)
{
	AUTO(buf) out = {0};

	(void)state;
	for (uint32_t a = INIT_MSG_SPAWNED; a <= INIT_MSG_TREE; a++) {
		assert_string_not_equal(init_proto_name(a), "?");
		for (uint32_t b = a + 1; b <= INIT_MSG_TREE; b++)
			assert_string_not_equal(init_proto_name(a), init_proto_name(b));
	}
	assert_string_equal(init_proto_name(0), "?");
	assert_string_equal(init_proto_name(INIT_MSG_TREE + 1), "?");
	init_proto_print(&out);
	assert_non_null(strstr(out.data, "| 16 | TREE |"));
}

/* Each expected against each sent. */
static void test_the_wrong_message_is_refused_by_name(void **state)
{
	(void)state;
	open_pair();
	for (int want = INIT_MSG_SPAWNED; want <= INIT_MSG_TREE; want++) {
		for (int sent = INIT_MSG_SPAWNED; sent <= INIT_MSG_TREE; sent++) {
			struct msg m;

			if (want == INIT_MSG_FAIL || sent == INIT_MSG_FAIL)
				continue;
			OK(init_proto_send(pair[0], (enum init_message)sent, "x", 1, NULL, 0, &e));
			if (want == sent) {
				OK(init_proto_expect(pair[1], (enum init_message)want, 1000, &m,
						     &e));
				assert_int_equal(m.len, 1);
				msg_done(&m);
				continue;
			}
			FAILS(EBADMSG,
			      init_proto_expect(pair[1], (enum init_message)want, 1000, &m, &e));
			HAS(init_proto_name((uint32_t)want));
			HAS(init_proto_name((uint32_t)sent));
		}
	}
	close_pair();
}

static void test_a_number_of_nobody(void **state)
{
	struct msg m;

	(void)state;
	open_pair();
	assert_int_equal(msg_send(pair[0], 4711, NULL, 0, NULL, 0), 0);
	FAILS(EBADMSG, init_proto_expect(pair[1], INIT_MSG_GO, 1000, &m, &e));
	HAS("expected the message GO, got ?");
	close_pair();
}

static void test_fds_of_a_wrong_message_are_closed(void **state)
{
	struct msg m;
	int fds[2] = {pair[0], pair[1]};

	(void)state;
	open_pair();
	fds[0] = fds[1] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int next = dup(fds[0]);

	close(next);
	OK(init_proto_send(pair[0], INIT_MSG_CONSOLE, NULL, 0, fds, 2, &e));
	FAILS(EBADMSG, init_proto_expect(pair[1], INIT_MSG_READY, 1000, &m, &e));
	int after = dup(fds[0]);

	assert_int_equal(after, next);
	close(after);
	close(fds[0]);
	close_pair();
}

static void test_fail_carries_the_peers_words(void **state)
{
	struct err theirs = ERR_INIT;
	struct msg m;

	(void)state;
	open_pair();
	err_set(&theirs, ERR_INPUT, ENOENT, "mount \"/x\": no such file or directory");
	init_proto_fail(pair[0], &theirs);
	FAILS(ENOENT, init_proto_expect(pair[1], INIT_MSG_READY, 1000, &m, &e));
	assert_string_equal(e.text, theirs.text);
	assert_int_equal(e.class, ERR_INPUT);
	close_pair();
}

static void test_a_hostile_fail(void **state)
{
	struct err theirs;
	struct msg m;

	(void)state;
	open_pair();
	memset(&theirs, 0xff, sizeof(theirs));
	memset(theirs.text, 'A', sizeof(theirs.text));
	init_proto_fail(pair[0], &theirs);
	FAILS(EIO, init_proto_expect(pair[1], INIT_MSG_READY, 1000, &m, &e));
	assert_true(e.len < sizeof(e.text));
	assert_int_equal(e.class, ERR_BUG);
	/* Control bytes would reach the user's terminal. */
	theirs = (struct err)ERR_INIT;
	theirs.code = EPERM;
	memcpy(theirs.text, "a\x1b[2Jb\nc", 9);
	init_proto_fail(pair[0], &theirs);
	FAILS(EPERM, init_proto_expect(pair[1], INIT_MSG_READY, 1000, &m, &e));
	for (const char *p = e.text; *p; p++)
		assert_true((unsigned char)*p >= ' ' && *p != 0x7f);
	/* Too short, and nothing at all. */
	assert_int_equal(msg_send(pair[0], INIT_MSG_FAIL, "abc", 3, NULL, 0), 0);
	FAILS(EBADMSG, init_proto_expect(pair[1], INIT_MSG_READY, 1000, &m, &e));
	assert_int_equal(msg_send(pair[0], INIT_MSG_FAIL, NULL, 0, NULL, 0), 0);
	FAILS(EBADMSG, init_proto_expect(pair[1], INIT_MSG_READY, 1000, &m, &e));
	close_pair();
}

static void test_raw_garbage(void **state)
{
	char raw[2000];
	struct msg m;

	(void)state;
	open_pair();
	for (size_t n = 1; n < sizeof(raw); n += 37) {
		memset(raw, (int)n, sizeof(raw));
		assert_int_equal(fd_send(pair[0], raw, n, NULL, 0), 0);
		FAILS(EBADMSG, init_proto_expect(pair[1], INIT_MSG_READY, 1000, &m, &e));
	}
	close_pair();
}

static void test_a_peer_that_is_gone(void **state)
{
	struct msg m;

	(void)state;
	open_pair();
	close(pair[0]);
	FAILS(EPIPE, init_proto_expect(pair[1], INIT_MSG_READY, 1000, &m, &e));
	HAS("waiting for READY");
	FAILS(EPIPE, init_proto_send(pair[1], INIT_MSG_GO, NULL, 0, NULL, 0, &e));
	HAS("send GO");
	init_proto_fail(pair[1], &e);
	close(pair[1]);
}

static void test_no_answer(void **state)
{
	struct msg m;

	(void)state;
	open_pair();
	FAILS(ETIMEDOUT, init_proto_expect(pair[1], INIT_MSG_READY, 10, &m, &e));
	HAS("READY");
	close_pair();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_message_has_a_name_of_its_own),
		cmocka_unit_test(test_the_wrong_message_is_refused_by_name),
		cmocka_unit_test(test_a_number_of_nobody),
		cmocka_unit_test(test_fds_of_a_wrong_message_are_closed),
		cmocka_unit_test(test_fail_carries_the_peers_words),
		cmocka_unit_test(test_a_hostile_fail),
		cmocka_unit_test(test_raw_garbage),
		cmocka_unit_test(test_a_peer_that_is_gone),
		cmocka_unit_test(test_no_answer),
	};

	return cmocka_run_group_tests_name("runtime-init/proto", tests, NULL, NULL);
}
