/* SPDX-License-Identifier: Apache-2.0 */
/* base/dbus: the handshake, calls and signals against a peer that is a list of bytes; deadlines;
 * a peer that lies. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/dbus.h"
#include "base/fd.h"
#include "base/str.h"
#include "base/ban.h"

#define WAIT_MS 2000

/* A message as a peer would send it; body may be NULL. */
static void add_message(struct buf *out, uint8_t type, uint32_t reply_to, const char *error,
			const char *sig, const struct buf *body)
{
	struct buf b = {0};

	dbus_put_byte(&b, 'l');
	dbus_put_byte(&b, type);
	dbus_put_byte(&b, 0);
	dbus_put_byte(&b, 1);
	dbus_put_u32(&b, body ? (uint32_t)body->len : 0);
	dbus_put_u32(&b, 99);
	size_t mark = dbus_put_array(&b, '(');
	dbus_put_align(&b, 8);
	dbus_put_byte(&b, 5);
	dbus_put_sig(&b, "u");
	dbus_put_u32(&b, reply_to);
	const struct {
		uint8_t code;
		const char *sig, *text;
	} fields[] = {{3, "s", "Member"}, {4, "s", error}, {7, "s", ":1.7"}, {8, "g", sig}};
	for (size_t i = 0; i < 4; i++) {
		if (!fields[i].text)
			continue;
		dbus_put_align(&b, 8);
		dbus_put_byte(&b, fields[i].code);
		dbus_put_sig(&b, fields[i].sig);
		if (fields[i].sig[0] == 'g')
			dbus_put_sig(&b, fields[i].text);
		else
			dbus_put_str(&b, fields[i].text);
	}
	dbus_put_end(&b, mark);
	dbus_put_align(&b, 8);
	buf_add(out, b.data, b.len);
	if (body)
		buf_add(out, body->data, body->len);
	buf_done(&b);
}

/* Opens d on a socket whose peer has said `said` already. */
static int open_against(struct dbus *d, const struct buf *said, int *ret_peer, struct err *e)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(fd_write_all(pair[1], said->data, said->len), 0);
	*ret_peer = pair[1];
	return dbus_open_fd(d, pair[0], "test", false, WAIT_MS, e);
}

static const struct dbus_call call = {"d.e.s.t", "/o", "i.face", "Do", NULL, NULL};

static void on_signal(const struct dbus_msg *m, void *arg)
{
	assert_string_equal(m->member, "Member");
	assert_string_equal(m->sender, ":1.7");
	*(bool *)arg = true;
}

static void a_call_and_a_signal_before_its_reply(void **state)
{
	struct dbus d = DBUS_INIT;
	struct dbus_msg m = {0};
	struct err e = ERR_INIT;
	struct buf said = {0}, body = {0};
	bool seen = false;
	int peer;

	(void)state;
	dbus_put_str(&body, "/job/1");
	buf_adds(&said, "DATA\r\nOK 0123\r\n");
	add_message(&said, DBUS_SIGNAL, 0, NULL, NULL, NULL);
	add_message(&said, DBUS_REPLY, 77, NULL, NULL, NULL); /* nobody asked */
	add_message(&said, DBUS_REPLY, 1, NULL, "o", &body);
	assert_int_equal(open_against(&d, &said, &peer, &e), 0);
	d.on_signal = on_signal;
	d.arg = &seen;
	assert_int_equal(dbus_call(&d, &call, WAIT_MS, &m, &e), 0);
	assert_true(seen);
	assert_string_equal(m.sig, "o");
	assert_string_equal(dbus_get_str(&m.body), "/job/1");
	dbus_msg_done(&m);
	dbus_done(&d);
	close(peer);
	buf_done(&said);
	buf_done(&body);
}

static void an_error_has_the_peers_text(void **state)
{
	struct dbus d = DBUS_INIT;
	struct dbus_msg m = {0};
	struct err e = ERR_INIT;
	struct buf said = {0}, body = {0};
	int peer;

	(void)state;
	dbus_put_str(&body, "no\nsuch unit");
	buf_adds(&said, "OK 0123\r\n");
	add_message(&said, DBUS_ERROR, 1, "a.b.NoSuchUnit", "s", &body);
	assert_int_equal(open_against(&d, &said, &peer, &e), 0);
	assert_int_equal(dbus_call(&d, &call, WAIT_MS, &m, &e), -EREMOTEIO);
	assert_string_equal(m.error, "a.b.NoSuchUnit");
	assert_non_null(strstr(e.text, "such unit"));
	assert_null(strchr(e.text, '\n'));
	dbus_msg_done(&m);
	dbus_done(&d);
	close(peer);
	buf_done(&said);
	buf_done(&body);
}

static void a_refusal_and_a_silence(void **state)
{
	struct dbus d = DBUS_INIT;
	struct err e = ERR_INIT;
	struct buf said = {0};
	bool never = false;
	int peer;

	(void)state;
	buf_adds(&said, "REJECTED EXTERNAL\r\n");
	assert_int_equal(open_against(&d, &said, &peer, &e), -EACCES);
	close(peer);
	said.len = 0;
	buf_adds(&said, "OK 1\r\n");
	err_clear(&e);
	assert_int_equal(open_against(&d, &said, &peer, &e), 0);
	assert_int_equal(dbus_call(&d, &call, 50, NULL, &e), -ETIMEDOUT);
	err_clear(&e);
	assert_int_equal(dbus_wait(&d, &never, 50, &e), -ETIMEDOUT);
	close(peer);
	err_clear(&e);
	assert_true(dbus_call(&d, &call, WAIT_MS, NULL, &e) < 0);
	dbus_done(&d);
	buf_done(&said);
}

/* The deadline holds though there is always something to read. */
static void a_peer_that_never_stops(void **state)
{
	struct dbus d = DBUS_INIT;
	struct err e = ERR_INIT;
	struct buf said = {0}, signals = {0};
	int peer;

	(void)state;
	buf_adds(&said, "OK 1\r\n");
	for (unsigned i = 0; i < 500; i++)
		add_message(&signals, DBUS_SIGNAL, 0, NULL, NULL, NULL);
	assert_int_equal(open_against(&d, &said, &peer, &e), 0);
	pid_t pid = fork();

	if (pid == 0) {
		alarm(20);
		while (fd_write_all(peer, signals.data, signals.len) == 0)
			;
		_exit(0);
	}
	assert_int_equal(dbus_call(&d, &call, 100, NULL, &e), -ETIMEDOUT);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	dbus_done(&d);
	close(peer);
	buf_done(&said);
	buf_done(&signals);
}

/* Each byte of a good stream changed, and each cut of it: an error or an answer, in bounded time.
 */
static void a_peer_that_lies(void **state)
{
	struct buf said = {0}, body = {0};

	(void)state;
	dbus_put_str(&body, "x");
	add_message(&said, DBUS_REPLY, 1, NULL, "s", &body);
	for (size_t at = 0; at < said.len; at++)
		for (unsigned v = 0; v < 3; v++) {
			struct dbus d = DBUS_INIT;
			struct dbus_msg m = {0};
			struct err e = ERR_INIT;
			struct buf copy = {0};
			int peer;

			buf_adds(&copy, "OK 1\r\n");
			buf_add(&copy, said.data, v == 2 ? at : said.len);
			if (v < 2)
				copy.data[6 + at] = (char)(v ? 0xff : copy.data[6 + at] ^ 1);
			assert_int_equal(open_against(&d, &copy, &peer, &e), 0);
			shutdown(peer, SHUT_WR);
			if (dbus_call(&d, &call, 200, &m, &e) == 0)
				(void)dbus_get_str(&m.body);
			dbus_msg_done(&m);
			dbus_done(&d);
			close(peer);
			buf_done(&copy);
		}
	buf_done(&said);
	buf_done(&body);
}

static void addresses(void **state)
{
	static const struct {
		const char *text, *path;
	} rows[] = {
		{"unix:path=/run/user/1/bus", "/run/user/1/bus"},
		{"unix:path=/a%20b,guid=1", "/a b"},
		{"tcp:host=x;unix:abstract=/tmp/x", "@/tmp/x"},
		{"unix:guid=5,path=/x;unix:path=/y", "/x"},
		{"tcp:host=x", NULL},
		{"unix:path=", NULL},
		{"unix:path=/a%2", NULL},
		{"unix:path=/a%00", NULL},
		{"", NULL},
	};
	char got[64];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int r = dbus_address(rows[i].text, got, sizeof(got));

		assert_int_equal(r == 0, rows[i].path != NULL);
		if (rows[i].path)
			assert_string_equal(got, rows[i].path);
	}
	assert_int_equal(dbus_address("unix:path=/0123456789", got, 8), -ENAMETOOLONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_and_a_signal_before_its_reply),
		cmocka_unit_test(an_error_has_the_peers_text),
		cmocka_unit_test(a_refusal_and_a_silence),
		cmocka_unit_test(a_peer_that_never_stops),
		cmocka_unit_test(a_peer_that_lies),
		cmocka_unit_test(addresses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
