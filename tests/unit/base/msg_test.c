/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of base/msg: frames, fds, deadlines, broken peers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include "base/auto.h"
#include "base/msg.h"
#include "base/proc.h"
#include "tests/unit/base/scratch.h"
#include "base/ban.h"

struct pair {
	int a, b;
};

static int set_up(void **state)
{
	static struct pair p;
	int fds[2];

	assert_int_equal(fd_seqpacket_pair(fds), 0);
	p = (struct pair){fds[0], fds[1]};
	*state = &p;
	return 0;
}

static int tear_down(void **state)
{
	struct pair *p = *state;

	auto_fd_done(&p->a);
	auto_fd_done(&p->b);
	return 0;
}

static void test_payloads(void **state)
{
	const struct pair *p = *state;
	char big[MSG_PAYLOAD_MAX + 1];
	AUTO(msg) m = {0};

	memset(big, 'p', sizeof(big));
	for (size_t n = 0; n <= MSG_PAYLOAD_MAX; n += n < 8 ? 1 : 127) {
		assert_int_equal(msg_send(p->a, (uint32_t)n + 7, big, n, NULL, 0), 0);
		assert_int_equal(msg_recv(p->b, -1, &m), 0);
		assert_int_equal(m.number, n + 7);
		assert_int_equal(m.len, n);
		assert_int_equal(m.n_fds, 0);
		assert_memory_equal(m.payload, big, n);
	}
	assert_int_equal(msg_send(p->a, 1, big, sizeof(big), NULL, 0), -EMSGSIZE);
	assert_int_equal(msg_send(p->a, 1, NULL, 0, NULL, 0), 0);
	assert_int_equal(msg_recv(p->b, 1000, &m), 0);
}

static void test_error_crosses(void **state)
{
	const struct pair *p = *state;
	struct err e = ERR_INIT, got = ERR_INIT;
	AUTO(msg) m = {0};

	err_sys(&e, -EACCES, "open \"/x\"");
	assert_int_equal(msg_send(p->a, 99, &e, sizeof(e), NULL, 0), 0);
	assert_int_equal(msg_recv(p->b, -1, &m), 0);
	assert_int_equal(m.len, sizeof(got));
	memcpy(&got, m.payload, sizeof(got));
	assert_string_equal(got.text, "open \"/x\": permission denied");
	assert_int_equal(got.code, EACCES);
}

static void test_fds(void **state)
{
	const struct pair *p = *state;
	int before = scratch_open_fds(), fds[2];
	struct msg m;

	fds[0] = fds[1] = p->a;
	assert_int_equal(msg_send(p->a, 5, "x", 1, fds, 2), 0);
	assert_int_equal(msg_recv(p->b, -1, &m), 0);
	assert_int_equal(m.n_fds, 2);
	assert_int_equal(scratch_open_fds(), before + 2);
	close(fd_take(&m.fds[0]));
	msg_done(&m);
	msg_done(&m);
	assert_int_equal(scratch_open_fds(), before);
	assert_int_equal(msg_send(p->a, 5, "x", 1, fds, FD_PASS_MAX + 1), -EMSGSIZE);
}

static void test_deadline(void **state)
{
	const struct pair *p = *state;
	uint64_t start = proc_now_usec();
	struct msg m;

	assert_int_equal(msg_recv(p->b, 0, &m), -ETIMEDOUT);
	assert_int_equal(msg_recv(p->b, 40, &m), -ETIMEDOUT);
	assert_true(proc_now_usec() - start >= 40000);
	assert_int_equal(m.n_fds, 0);
}

static void test_broken_frames(void **state)
{
	const struct pair *p = *state;
	int before = scratch_open_fds(), fd = p->a;
	uint32_t head[3] = {1, 99, 0};
	static char huge[4 * MSG_PAYLOAD_MAX];
	struct msg m;

	assert_int_equal(fd_send(p->a, "abc", 3, &fd, 1), 0);
	assert_int_equal(msg_recv(p->b, -1, &m), -EBADMSG);
	assert_int_equal(fd_send(p->a, head, sizeof(head), &fd, 1), 0);
	assert_int_equal(msg_recv(p->b, -1, &m), -EBADMSG);
	assert_int_equal(fd_send(p->a, huge, sizeof(huge), &fd, 1), 0);
	assert_int_equal(msg_recv(p->b, -1, &m), -EBADMSG);
	assert_int_equal(m.n_fds, 0);
	assert_int_equal(scratch_open_fds(), before);
}

static void test_peer_gone(void **state)
{
	struct pair *p = *state;
	struct msg m;

	auto_fd_done(&p->a);
	assert_int_equal(msg_recv(p->b, -1, &m), -EPIPE);
	assert_int_equal(msg_recv(p->b, 1000, &m), -EPIPE);
	assert_int_equal(msg_send(p->b, 1, "x", 1, NULL, 0), -EPIPE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_payloads, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_error_crosses, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_fds, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_deadline, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_broken_frames, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_peer_gone, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("base/msg", tests, NULL, NULL);
}
