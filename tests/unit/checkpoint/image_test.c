/* SPDX-License-Identifier: Apache-2.0 */
/* What is read of criu's log, and what is taken out of its images. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "checkpoint/internal.h"
#include "checkpoint/wire.h"

static void first_error(void **state)
{
	static const char log[] = "(00.043535) Error (criu/util.c:1533): rlimit: Can't setup "
				  "RLIMIT_NOFILE for self: x\n"
				  "(00.044) Warn  (criu/x.c:1): not this\n"
				  "(00.046590)      1: Error (criu/mount.c:753): mnt: 177:./x "
				  "doesn't have a proper root\n"
				  "(00.046625) Error (criu/cr-dump.c:2111): Dumping FAILED.\n";
	struct arena a = {0};

	(void)state;
	assert_string_equal(ckpt_words_first(log, sizeof(log) - 1, &a),
			    "mnt: 177:./x doesn't have a proper root");
	assert_null(ckpt_words_first(log, 80, &a));
	assert_null(ckpt_words_first("", 0, &a));
	assert_null(ckpt_words_first("Error (", 7, &a));
	arena_done(&a);
}

static void remedies(void **state)
{
	(void)state;
	assert_string_equal(ckpt_words_remedy("x: Connected TCP socket, consider"),
			    "use --tcp-established, or --tcp-close for a restore");
	assert_string_equal(ckpt_words_remedy("Can't create link remap for /a"),
			    "use --link-remap");
	assert_null(ckpt_words_remedy("something else"));
}

/* A file_entry with a reg_file_entry of this size. */
static void add_file(struct buf *image, uint64_t size, bool is_outside)
{
	struct buf reg = {0}, entry = {0};

	ckpt_wire_number(&reg, 1, 7);
	ckpt_wire_text(&reg, 6, "dir/file");
	ckpt_wire_number(&reg, 8, size);
	if (is_outside)
		ckpt_wire_number(&reg, 9, 1);
	ckpt_wire_number(&reg, 10, 0100644);
	ckpt_wire_number(&entry, 1, 1);
	ckpt_wire_number(&entry, 2, 7);
	ckpt_wire_bytes(&entry, 3, reg.data, reg.len);
	uint32_t n = (uint32_t)entry.len;

	buf_add(image, &n, sizeof(n));
	buf_add(image, entry.data, entry.len);
	buf_done(&reg);
	buf_done(&entry);
}

static void begin(struct buf *image)
{
	static const uint32_t magic[2] = {0x54564319, 0x56303138};

	buf_add(image, magic, sizeof(magic));
}

/* Of each entry: whether it has a size, a mode, its name still. */
static void look(const struct buf *image, size_t n_entries, bool *has_size)
{
	size_t at = 8;

	for (size_t i = 0; i < n_entries; i++) {
		uint32_t n;
		bool has_name = false, has_mode = false;

		memcpy(&n, image->data + at, sizeof(n));
		at += sizeof(n);
		struct ckpt_wire w = {(const unsigned char *)image->data + at,
				      (const unsigned char *)image->data + at + n};
		struct ckpt_wire_field f, inner;

		has_size[i] = false;
		while (ckpt_wire_next(&w, &f) > 0) {
			if (f.number != 3)
				continue;
			struct ckpt_wire in = {(const unsigned char *)f.data,
					       (const unsigned char *)f.data + f.n};

			while (ckpt_wire_next(&in, &inner) > 0) {
				has_size[i] |= inner.number == 8;
				has_mode |= inner.number == 10;
				has_name |= inner.number == 6 && inner.n == 8;
			}
		}
		assert_true(has_name);
		assert_int_equal(has_mode, has_size[i]);
		at += n;
	}
	assert_int_equal(at, image->len);
}

static void sizes_of_outside_files(void **state)
{
	struct buf in = {0}, out = {0};
	bool has_size[3];

	(void)state;
	begin(&in);
	add_file(&in, 5, false);
	add_file(&in, 1234567, true);
	add_file(&in, 0, false);
	assert_int_equal(ckpt_patch_image(in.data, in.len, &out), 0);
	look(&out, 3, has_size);
	assert_true(has_size[0]);
	assert_false(has_size[1]);
	assert_true(has_size[2]);
	assert_true(out.len < in.len);
	/* each cut is refused, but for those between two entries */
	size_t good = 0;

	for (size_t n = 0; n < in.len; n++) {
		struct buf part = {0};

		good += ckpt_patch_image(in.data, n, &part) == 0;
		buf_done(&part);
	}
	assert_int_equal(good, 3);
	in.data[0] ^= 1;
	assert_int_equal(ckpt_patch_image(in.data, in.len, &out), -EBADMSG);
	buf_done(&in);
	buf_done(&out);
}

/* A timerfd_entry as criu writes it: seconds and nanoseconds left, and of the period. */
static void add_timer(struct buf *image, uint64_t ticks, uint64_t left, uint64_t period)
{
	AUTO(buf) timer = {0}, entry = {0};

	ckpt_wire_number(&timer, 5, ticks);
	ckpt_wire_number(&timer, 7, 0);
	ckpt_wire_number(&timer, 8, left);
	ckpt_wire_number(&timer, 9, 0);
	ckpt_wire_number(&timer, 10, period);
	ckpt_wire_number(&entry, 1, 17);
	ckpt_wire_bytes(&entry, 12, timer.data, timer.len);
	uint32_t n = (uint32_t)entry.len;

	buf_add(image, &n, sizeof(n));
	buf_add(image, entry.data, entry.len);
}

/* The nanoseconds left of the timer of one entry; *ret_at: the next entry. */
static uint64_t time_left(const struct buf *image, size_t at, size_t *ret_at)
{
	struct ckpt_wire_field f, inner;
	uint64_t left = 0;
	uint32_t n;

	memcpy(&n, image->data + at, sizeof(n));
	at += sizeof(n);
	struct ckpt_wire w = {(const unsigned char *)image->data + at,
			      (const unsigned char *)image->data + at + n};

	while (ckpt_wire_next(&w, &f) > 0) {
		if (f.number != 12)
			continue;
		struct ckpt_wire in = {(const unsigned char *)f.data,
				       (const unsigned char *)f.data + f.n};

		while (ckpt_wire_next(&in, &inner) > 0)
			if (inner.number == 8)
				left = inner.v;
	}
	*ret_at = at + n;
	return left;
}

static void timers_that_have_expired(void **state)
{
	/* expired and not read; running; disarmed; expired, not periodic */
	static const uint64_t rows[][4] = {
		{1, 0, 700, 700}, {0, 5, 700, 5}, {0, 0, 700, 0}, {1, 0, 0, 0}};
	struct buf in = {0}, out = {0};
	size_t at;

	(void)state;
	begin(&in);
	at = in.len;
	for (size_t i = 0; i < 4; i++)
		add_timer(&in, rows[i][0], rows[i][1], rows[i][2]);
	assert_int_equal(ckpt_patch_image(in.data, in.len, &out), 0);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(time_left(&out, at, &at), rows[i][3]);
	assert_int_equal(at, out.len);
	buf_done(&in);
	buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_error),
		cmocka_unit_test(remedies),
		cmocka_unit_test(sizes_of_outside_files),
		cmocka_unit_test(timers_that_have_expired),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
