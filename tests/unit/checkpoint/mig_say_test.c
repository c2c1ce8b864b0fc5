/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of checkpoint/mig_say, mig_image, mig_record and mig_lane: what one side says in words the
 * other understands, and what it must not is refused by name. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/fd.h"
#include "checkpoint/mig_image.h"
#include "checkpoint/mig_lane.h"
#include "checkpoint/mig_say.h"

struct pair {
	struct mig_link a, b;
	struct arena arena;
};

static void pair_new(struct pair *p)
{
	int fd[2];

	*p = (struct pair){0};
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	mig_link_open(&p->a, fd[0], fd[0], "two");
	mig_link_open(&p->b, fd[1], fd[1], "one");
	p->a.silence_ms = p->b.silence_ms = 20000;
}

static void pair_done(struct pair *p)
{
	mig_link_done(&p->a);
	mig_link_done(&p->b);
	arena_done(&p->arena);
}

/* ---- words ---- */

static void a_note_arrives(void **state)
{
	const struct mig_note said = {.epoch = (char *)"0123456789abcdef0123456789abcdef",
				      .phase = {true, MIG_PHASE_COMMITTED},
				      .pid = {true, 4711}};
	struct err e = ERR_INIT;
	struct mig_note *heard;
	struct pair p;

	(void)state;
	pair_new(&p);
	assert_int_equal(mig_say_note(&p.a, MIG_STATUS_IS, &said, &e), 0);
	assert_int_equal(
		mig_say_hear(&p.b, MIG_STATUS_IS, 1000, &mig_table_note, &p.arena, &heard, &e), 0);
	assert_string_equal(heard->epoch, said.epoch);
	assert_int_equal(heard->phase.v, MIG_PHASE_COMMITTED);
	assert_int_equal(heard->pid.v, 4711);
	assert_false(heard->time.has);
	pair_done(&p);
}

/* A frame with this text: what the other side says of it. */
static void refuse(enum mig_frame_type type, const struct json_table *t, const char *text,
		   const char *words)
{
	struct err e = ERR_INIT;
	struct pair p;
	void *obj;

	pair_new(&p);
	assert_int_equal(mig_link_say(&p.a, type, 0, text, strlen(text), &e), 0);
	assert_true(mig_say_hear(&p.b, type, 1000, t, &p.arena, &obj, &e) < 0);
	if (!strstr(e.text, words) || !strstr(e.text, mig_link_name(type)))
		fail_msg("%s: it says: %s", text, e.text);
	pair_done(&p);
}

static void what_is_no_document_is_refused_by_name(void **state)
{
	(void)state;
	refuse(MIG_READY, &mig_table_note, "", "one");
	refuse(MIG_READY, &mig_table_note, "{\"epoch\":", "one");
	refuse(MIG_READY, &mig_table_note, "{\"epoch\":7}", "epoch");
	refuse(MIG_READY, &mig_table_note, "{\"phase\":\"perhaps\"}", "phase");
	refuse(MIG_READY, &mig_table_note, "{\"pid\":-1}", "pid");
	refuse(MIG_HELLO, &mig_table_host, "{\"major\":1}", "minor");
	refuse(MIG_RESERVE, &mig_table_offer,
	       "{\"epoch\":\"x\",\"id\":\"\",\"bundle\":\"/b\",\"config\":\"{}\",\"memory\":1,"
	       "\"silence\":1,\"streams\":[],\"trees\":[]}",
	       "id");
	refuse(MIG_RESERVE, &mig_table_offer,
	       "{\"epoch\":\"x\",\"id\":\"c\",\"bundle\":\"b\",\"config\":\"{}\",\"memory\":1,"
	       "\"silence\":1,\"streams\":[],\"trees\":[]}",
	       "bundle");
}

static void ticks_are_answered_and_hide_nothing(void **state)
{
	struct err e = ERR_INIT;
	struct mig_frame f;
	struct pair p;

	(void)state;
	pair_new(&p);
	assert_int_equal(mig_say_tick(&p.a, &e), 0);
	/* b answers while it waits for something else. */
	assert_int_equal(mig_link_hear(&p.b, 50, &f, &e), -ETIMEDOUT);
	err_clear(&e);
	assert_int_equal(mig_say_tick(&p.a, &e), 0);
	assert_int_equal(mig_link_say(&p.b, MIG_READY, 0, "{}", 2, &e), 0);
	assert_true(mig_say_tick(&p.a, &e) < 0);
	assert_non_null(strstr(e.text, "READY where nothing is due"));
	pair_done(&p);
}

/* ---- hosts ---- */

static void hosts_that_do_not_fit_are_told_apart(void **state)
{
	struct mig_host one = {.major = {true, 1},
			       .minor = {true, 0},
			       .page_size = {true, 4096},
			       .arch = (char *)"x86_64",
			       .criu = (char *)"4.1.1"};
	struct mig_host two = one;
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(mig_say_check_host(&one, &two, "two", &e), 0);
	two.criu = (char *)"4.2";
	assert_int_equal(mig_say_check_host(&one, &two, "two", &e), 0);
	two.criu = (char *)"4.0.9";
	assert_int_equal(mig_say_check_host(&one, &two, "two", &e), -ENOTSUP);
	assert_non_null(strstr(e.text, "4.1.1"));
	assert_non_null(strstr(e.text, "4.0.9"));
	err_clear(&e);
	two.criu = NULL;
	two.problem = (char *)"there is no criu in $PATH";
	assert_int_equal(mig_say_check_host(&one, &two, "two", &e), -ENOENT);
	assert_string_equal(e.text, "two: there is no criu in $PATH");
	err_clear(&e);
	two = one;
	two.arch = (char *)"aarch64";
	assert_int_equal(mig_say_check_host(&one, &two, "two", &e), -ENOEXEC);
	err_clear(&e);
	two = one;
	two.page_size.v = 65536;
	assert_int_equal(mig_say_check_host(&one, &two, "two", &e), -ENOEXEC);
	err_clear(&e);
	two = one;
	two.major.v = 2;
	assert_int_equal(mig_say_check_host(&one, &two, "two", &e), -EPROTONOSUPPORT);
	assert_non_null(strstr(e.text, "1.0 and 2.0"));
}

static void epochs_are_all_different(void **state)
{
	char a[MIG_EPOCH_SIZE], b[MIG_EPOCH_SIZE];
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(mig_say_epoch(a, &e), 0);
	assert_int_equal(mig_say_epoch(b, &e), 0);
	assert_true(mig_say_is_epoch(a));
	assert_string_not_equal(a, b);
	assert_false(mig_say_is_epoch("../../../../../../../etc/passwd.."));
	assert_false(mig_say_is_epoch("0123456789ABCDEF0123456789ABCDEF"));
	assert_false(mig_say_is_epoch(""));
}

/* ---- images ---- */

struct images {
	char path[64];
	int fd;
	struct mig_sink_image sink;
};

static void images_new(struct images *d)
{
	*d = (struct images){.path = "/tmp/stiva-images-XXXXXX"};
	assert_non_null(mkdtemp(d->path));
	d->fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(d->fd >= 0);
}

static void images_done(struct images *d)
{
	char command[96];

	mig_sink_image_done(&d->sink);
	close(d->fd);
	snprintf(command, sizeof(command), "rm -rf %s", d->path);
	assert_int_equal(system(command), 0);
}

static int take(struct images *d, char is_last, const char *name, const char *data, struct err *e)
{
	struct mig_frame f = {.type = MIG_IMAGE};
	AUTO(buf) b = {0};

	buf_addc(&b, is_last);
	buf_add(&b, name, strlen(name) + 1);
	buf_adds(&b, data);
	f.data = b.data;
	f.n = (uint32_t)b.len;
	return mig_sink_image_take(&d->sink, d->fd, &f, e);
}

static void put(struct images *d, const char *name, size_t n)
{
	char *data = calloc(1, n + 1);
	int fd = openat(d->fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	memset(data, 'x', n);
	assert_int_equal(fd_write_all(fd, data, n), 0);
	close(fd);
	free(data);
}

static void images_arrive(void **state)
{
	struct err e = ERR_INIT;
	struct images from, to;
	uint64_t bytes;
	struct stat st;
	struct pair p;

	(void)state;
	pair_new(&p);
	images_new(&from);
	images_new(&to);
	put(&from, "core-1.img", 100);
	put(&from, "empty.img", 0);
	put(&from, "dump.log", 10);
	put(&from, "stiva.json", 7);
	assert_int_equal(mig_image_send(&p.a, from.fd, &bytes, &e), 0);
	assert_int_equal(bytes, 107);
	for (int i = 0; i < 3; i++) {
		struct mig_frame f;

		assert_int_equal(mig_link_expect(&p.b, MIG_IMAGE, 1000, &f, &e), 0);
		assert_int_equal(mig_sink_image_take(&to.sink, to.fd, &f, &e), 0);
	}
	assert_false(mig_sink_image_is_open(&to.sink));
	assert_int_equal(fstatat(to.fd, "core-1.img", &st, 0), 0);
	assert_int_equal(st.st_size, 100);
	assert_int_equal(fstatat(to.fd, "empty.img", &st, 0), 0);
	assert_int_equal(faccessat(to.fd, "dump.log", F_OK, 0), -1);
	images_done(&from);
	images_done(&to);
	pair_done(&p);
}

static void images_that_cannot_be_are_refused(void **state)
{
	static const char *const names[] = {"../x.img", "a/b.img", "..",	 "",
					    "passwd",	"parent",  "/etc/x.img", ".img/../x.img"};
	struct err e = ERR_INIT;
	struct images d;

	(void)state;
	images_new(&d);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_int_equal(take(&d, 1, names[i], "data", &e), -EBADMSG);
		err_clear(&e);
	}
	assert_int_equal(take(&d, 0, "a.img", "1", &e), 0);
	assert_int_equal(take(&d, 1, "b.img", "2", &e), -EBADMSG);
	assert_non_null(strstr(e.text, "in the middle of"));
	err_clear(&e);
	assert_int_equal(take(&d, 1, "a.img", "3", &e), 0);
	assert_int_equal(take(&d, 1, "a.img", "4", &e), -EBADMSG);
	assert_non_null(strstr(e.text, "comes twice"));
	err_clear(&e);
	/* A link where an image is to be. */
	assert_int_equal(symlinkat("/etc/passwd", d.fd, "c.img"), 0);
	assert_true(take(&d, 1, "c.img", "5", &e) < 0);
	err_clear(&e);
	/* No NUL in the frame. */
	const struct mig_frame f = {.type = MIG_IMAGE, .data = "\1x.img", .n = 6};

	assert_int_equal(mig_sink_image_take(&d.sink, d.fd, &f, &e), -EBADMSG);
	images_done(&d);
}

/* ---- the lane ---- */

struct count {
	int done, fails_at;
};

static int step(void *ctx, struct err *e)
{
	struct count *c = ctx;

	if (++c->done == c->fails_at)
		return err_set(e, ERR_STATE, ENOSPC, "no room");
	return 0;
}

static void a_lane_does_one_job_after_the_other(void **state)
{
	struct count c = {.fails_at = 1000};
	struct mig_lane l = {0};
	struct err e = ERR_INIT;

	(void)state;
	/* Not opened: at once. */
	assert_int_equal(mig_lane_give(&l, step, &c, &e), 0);
	assert_int_equal(c.done, 1);
	assert_int_equal(mig_lane_open(&l, &e), 0);
	for (int i = 1; i < 1000; i++)
		assert_int_equal(mig_lane_give(&l, step, &c, &e), 0);
	/* The last one's error is told to who comes next, once. */
	assert_int_equal(mig_lane_wait(&l, &e), -ENOSPC);
	assert_string_equal(e.text, "no room");
	err_clear(&e);
	assert_int_equal(mig_lane_give(&l, step, &c, &e), 0);
	assert_int_equal(mig_lane_wait(&l, &e), 0);
	assert_int_equal(c.done, 1001);
	mig_lane_done(&l);
	mig_lane_done(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_note_arrives),
		cmocka_unit_test(what_is_no_document_is_refused_by_name),
		cmocka_unit_test(ticks_are_answered_and_hide_nothing),
		cmocka_unit_test(hosts_that_do_not_fit_are_told_apart),
		cmocka_unit_test(epochs_are_all_different),
		cmocka_unit_test(images_arrive),
		cmocka_unit_test(images_that_cannot_be_are_refused),
		cmocka_unit_test(a_lane_does_one_job_after_the_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
