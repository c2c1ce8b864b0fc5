/* SPDX-License-Identifier: Apache-2.0 */
/* How much memory a pagemap image says must be there; ADDRESS:PORT. */
#include <setjmp.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "checkpoint/internal.h"
#include "checkpoint/wire.h"

static void add(struct buf *image, struct buf *entry)
{
	uint32_t n = (uint32_t)entry->len;

	buf_add(image, &n, sizeof(n));
	if (n)
		buf_add(image, entry->data, entry->len);
	buf_done(entry);
	*entry = (struct buf){0};
}

static void run(struct buf *image, uint64_t nr, uint64_t in_parent, uint64_t flags, bool has_flags)
{
	struct buf entry = {0};

	ckpt_wire_number(&entry, 1, 0x7000);
	ckpt_wire_number(&entry, 2, nr);
	if (in_parent)
		ckpt_wire_number(&entry, 3, in_parent);
	if (has_flags)
		ckpt_wire_number(&entry, 4, flags);
	add(image, &entry);
}

static void sums(void **state)
{
	static const uint32_t magic[2] = {0x54564319, 0x56084025};
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	struct buf image = {0}, head = {0};
	uint32_t id;
	uint64_t n;

	(void)state;
	buf_add(&image, magic, sizeof(magic));
	assert_int_equal(ckpt_pagemap_sum(image.data, image.len, &id, &n), -EBADMSG);
	ckpt_wire_number(&head, 1, 77);
	add(&image, &head);
	assert_int_equal(ckpt_pagemap_sum(image.data, image.len, &id, &n), 0);
	assert_int_equal(id, 77);
	assert_int_equal(n, 0);
	run(&image, 3, 0, 0, false); /* as old ones are: there */
	run(&image, 5, 1, 0, false); /* in the parent */
	run(&image, 7, 0, 1, true);  /* the same, by its flag */
	run(&image, 11, 0, 2, true); /* comes later */
	run(&image, 13, 0, 6, true); /* may come later, and is there */
	run(&image, 17, 0, 4, true);
	assert_int_equal(ckpt_pagemap_sum(image.data, image.len, &id, &n), 0);
	assert_int_equal(n, (3 + 13 + 17) * page);
	for (size_t cut = 1; cut < 6; cut++)
		assert_int_equal(ckpt_pagemap_sum(image.data, image.len - cut, &id, &n), -EBADMSG);
	image.data[0] ^= 1;
	assert_int_equal(ckpt_pagemap_sum(image.data, image.len, &id, &n), -EBADMSG);
	buf_done(&image);
}

static void servers(void **state)
{
	static const char *const wrong[] = {"",	   ":",	      "a",   "a:",   ":1",
					    "a:0", "a:65536", "a:x", "[]:1", "a:1 "};
	static const struct {
		const char *text, *host;
		uint32_t port;
	} right[] = {{"127.0.0.1:27", "127.0.0.1", 27},
		     {"host:65535", "host", 65535},
		     {"::1:7", "::1", 7},
		     {"[fe80::1]:7", "fe80::1", 7}};
	struct ckpt_server s;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct err e = ERR_INIT;

		assert_int_equal(ckpt_args_page_server(wrong[i], &s, &e), -EINVAL);
	}
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		struct err e = ERR_INIT;

		assert_int_equal(ckpt_args_page_server(right[i].text, &s, &e), 0);
		assert_string_equal(s.host, right[i].host);
		assert_int_equal(s.port, right[i].port);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(sums), cmocka_unit_test(servers)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
