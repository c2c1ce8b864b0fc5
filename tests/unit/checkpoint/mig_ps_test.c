/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of checkpoint/mig_ps: what criu says is understood in whatever pieces it comes, what it may
 * not say is refused, and a waiting ckpt_criu_hear() serves it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/sys.h"
#include "checkpoint/criu.h"
#include "checkpoint/mig_ps.h"

#define PAGE 4096u
#define ID   MIG_PS_ID(7, MIG_PS_KIND_PROCESS)

struct told {
	char text[512];
	uint64_t sum;
	int fails; /* the next callback says no */
};

static int say(struct told *t, struct err *e, const char *what, uint64_t a, uint64_t b)
{
	size_t n = strlen(t->text);

	snprintf(t->text + n, sizeof(t->text) - n, "%s %llx %llx;", what, (unsigned long long)a,
		 (unsigned long long)b);
	return t->fails ? err_set(e, ERR_STATE, ENOSPC, "no room") : 0;
}

static int opened(void *ctx, uint64_t id, struct err *e)
{
	return say(ctx, e, "open", id, 0);
}

static int paged(void *ctx, uint64_t id, uint64_t vaddr, uint32_t nr, unsigned flags,
		 const void *data, struct err *e)
{
	struct told *t = ctx;

	assert_int_equal(id, ID);
	assert_int_equal(!data, !(flags & MIG_RUN_PRESENT));
	for (size_t i = 0; data && i < (size_t)nr * PAGE; i++)
		t->sum += ((const unsigned char *)data)[i];
	return say(t, e, data ? "data" : "none", vaddr, nr);
}

static int closed(void *ctx, struct err *e)
{
	return say(ctx, e, "close", 0, 0);
}

static void start(struct mig_ps *p, struct told *t)
{
	struct mig_ps_by by = {t, opened, paged, closed};
	struct err e = ERR_INIT;

	assert_int_equal(mig_ps_open(p, &by, &e), 0);
}

static bool is_short; /* the heads of criu 4.1 */

static size_t head(unsigned char *to, uint32_t cmd, uint64_t nr, uint64_t vaddr, uint64_t id)
{
	uint64_t s[3] = {nr << 32 | cmd, vaddr, id};

	if (is_short) {
		memcpy(to, s, 24);
		return 24;
	}
	uint64_t v[4] = {cmd, nr, vaddr, id};

	memcpy(to, v, 32);
	return 32;
}

static size_t whole(unsigned char *to)
{
	unsigned char *at = to;

	at += head(at, 5, 0, 0, ID);
	at += head(at, 4, 0, 0, ID);
	at += head(at, 6 | 6 << 16, 3, 0x10000, ID);
	memset(at, 1, 3 * PAGE);
	at += 3 * PAGE;
	at += head(at, 6, 2, 0x20000, ID);
	at += head(at, 6 | 4 << 16, 1, 0x30000, ID);
	memset(at, 2, PAGE);
	at += PAGE;
	at += head(at, 0x1023, 0, 0, 0);
	return (size_t)(at - to);
}

static void a_dump_is_understood_in_any_pieces(void **state)
{
	static unsigned char all[5 * PAGE];
	static const size_t pieces[] = {1, 7, 31, 33, 4096, 5 * PAGE};

	(void)state;
	for (size_t k = 0; k < 2 * (sizeof(pieces) / sizeof(pieces[0])); k++) {
		size_t piece = pieces[k / 2];

		is_short = k % 2;
		size_t n = whole(all);
		struct told t = {.text = ""};
		struct err e = ERR_INIT;
		struct mig_ps p = MIG_PS_NONE;
		unsigned char said[32];

		start(&p, &t);
		for (size_t at = 0; at < n; at += piece) {
			size_t part = n - at < piece ? n - at : piece;

			assert_int_equal(write(p.its_fd, all + at, part), (int)part);
			assert_int_equal(mig_ps_serve(&p, &e), 1);
		}
		assert_string_equal(t.text, "open 701 0;data 10000 3;none 20000 2;data 30000 1;"
					    "close 0 0;");
		assert_int_equal(t.sum, 3 * PAGE + 2 * PAGE);
		assert_true(p.is_closed);
		/* int32 of PARENT, a byte of OPEN2, int32 of CLOSE; nothing else */
		assert_int_equal(recv(p.its_fd, said, sizeof(said), MSG_DONTWAIT), 9);
		assert_memory_equal(said, "\0\0\0\0\0\0\0\0\0", 9);
		auto_fd_done(&p.its_fd);
		assert_int_equal(mig_ps_serve(&p, &e), 0);
		mig_ps_done(&p);
	}
	is_short = false;
}

static void what_criu_does_not_say_is_refused(void **state)
{
	static const struct {
		uint32_t cmd;
		uint64_t nr, vaddr, id;
		bool is_open;
		const char *words;
	} rows[] = {
		{6 | 4 << 16, 1, 0x1000, ID, false, "before an image"},
		{6 | 4 << 16, 1, 0x1001, ID, true, "no run of pages"},
		{6 | 4 << 16, 0, 0x1000, ID, true, "no run of pages"},
		{6 | 4 << 16, UINT64_MAX, 0x1000, ID, true, "no run of pages"},
		{6 | 4 << 16, 1, UINT64_MAX - 4095, ID, true, "no run of pages"},
		{6 | 32 << 16, 1, 0x1000, ID, true, "unknown flags"},
		{6 | 1 << 16, 1, 0x1000, ID, true, "unknown flags"},
		{4, 0, 0, 7 << 8 | 9, false, "unknown kind"},
		{7, 0, 0, ID, true, "unknown command"},
		{0, 0, 0, 0, false, "unknown command"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct told t = {.text = ""};
		struct err e = ERR_INIT;
		struct mig_ps p = MIG_PS_NONE;
		unsigned char msg[64], *at = msg;

		start(&p, &t);
		if (rows[i].is_open)
			at += head(at, 4, 0, 0, ID);
		at += head(at, rows[i].cmd, rows[i].nr, rows[i].vaddr, rows[i].id);
		assert_int_equal(write(p.its_fd, msg, (size_t)(at - msg)), at - msg);
		assert_int_equal(mig_ps_serve(&p, &e), -EBADMSG);
		assert_non_null(strstr(e.text, rows[i].words));
		mig_ps_done(&p);
	}
}

static void an_end_within_a_message_is_no_end(void **state)
{
	static unsigned char all[5 * PAGE];
	struct told t = {.text = ""};
	struct err e = ERR_INIT;
	struct mig_ps p = MIG_PS_NONE;

	(void)state;
	start(&p, &t);
	(void)whole(all);
	assert_int_equal(write(p.its_fd, all, 64 + 32 + PAGE), 64 + 32 + PAGE);
	assert_int_equal(mig_ps_serve(&p, &e), 1);
	auto_fd_done(&p.its_fd);
	assert_int_equal(mig_ps_serve(&p, &e), -EBADMSG);
	assert_false(p.is_closed);
	mig_ps_done(&p);
}

static int serve(void *ctx, struct err *e)
{
	return mig_ps_serve(ctx, e);
}

/* criu is a child that sends its pages, waits for the last answer, and says that it is done. */
static void who_hears_criu_serves_its_pages(void **state)
{
	(void)state;
	for (int fails = 0; fails < 2; fails++) {
		struct told t = {.text = "", .fails = fails};
		struct err e = ERR_INIT;
		struct mig_ps p = MIG_PS_NONE;
		struct arena a = {0};
		struct ckpt_criu c = CKPT_CRIU_NONE;
		struct ckpt_criu_answer answer;
		int pair[2];

		start(&p, &t);
		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
		pid_t pid = fork();

		if (pid == 0) {
			static unsigned char all[5 * PAGE], said[9];
			size_t n = whole(all);

			close(p.fd);
			close(pair[0]);
			if (write(p.its_fd, all, n) == (ssize_t)n &&
			    recv(p.its_fd, said, 9, MSG_WAITALL) == 9)
				(void)!write(pair[1], "\x08\x01\x10\x01", 4);
			_exit(0);
		}
		auto_fd_done(&p.its_fd);
		close(pair[1]);
		struct ckpt_criu_aside aside = {p.fd, serve, &p};

		c.fd = pair[0];
		c.path = "criu";
		c.pidfd = sys_pidfd_open(pid, 0);
		c.aside = &aside;
		int r = ckpt_criu_hear(&c, FD_NONE, 20000, &a, &answer, &e);

		if (fails) {
			assert_int_equal(r, -ECANCELED);
			assert_string_equal(e.text, "no room");
			assert_int_equal(aside.fd, FD_NONE);
		} else {
			assert_int_equal(r, 0);
			assert_true(answer.is_success);
			assert_true(p.is_closed);
		}
		mig_ps_done(&p);
		ckpt_criu_done(&c);
		arena_done(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(a_dump_is_understood_in_any_pieces),
					   cmocka_unit_test(what_criu_does_not_say_is_refused),
					   cmocka_unit_test(an_end_within_a_message_is_no_end),
					   cmocka_unit_test(who_hears_criu_serves_its_pages)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
