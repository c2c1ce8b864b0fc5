/* SPDX-License-Identifier: Apache-2.0 */
/* base/dbus_wire: what is put comes back, in both byte orders; nothing that a peer sends is read
 * past its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/dbus_wire.h"
#include "base/ban.h"

static struct dbus_in reader(const struct buf *b)
{
	return (struct dbus_in){(const uint8_t *)b->data, b->len, 0, false, false};
}

static void values_come_back(void **state)
{
	struct buf b = {0};

	(void)state;
	dbus_put_byte(&b, 7);
	dbus_put_u64(&b, UINT64_C(0x1122334455667788));
	dbus_put_str(&b, "hello");
	dbus_put_sig(&b, "a(sv)");
	size_t mark = dbus_put_array(&b, '(');
	dbus_put_align(&b, 8);
	dbus_put_str(&b, "x");
	dbus_put_u32(&b, 5);
	dbus_put_end(&b, mark);
	size_t empty = dbus_put_array(&b, 't');
	dbus_put_end(&b, empty);
	struct dbus_in in = reader(&b);
	assert_int_equal(dbus_get_byte(&in), 7);
	assert_true(dbus_get_u64(&in) == UINT64_C(0x1122334455667788));
	assert_string_equal(dbus_get_str(&in), "hello");
	assert_string_equal(dbus_get_sig(&in), "a(sv)");
	size_t end = dbus_get_array(&in, '(');
	dbus_get_align(&in, 8);
	assert_string_equal(dbus_get_str(&in), "x");
	assert_int_equal(dbus_get_u32(&in), 5);
	assert_int_equal(in.pos, end);
	end = dbus_get_array(&in, 't');
	assert_int_equal(end, in.pos);
	assert_false(in.is_bad);
	assert_int_equal(in.pos, b.len);
	buf_done(&b);
}

static void the_other_order(void **state)
{
	static const uint8_t bytes[] = {0x00, 0x00, 0x00, 0x02, 'h', 'i', 0};
	struct dbus_in in = {bytes, sizeof(bytes), 0, true, false};

	(void)state;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	assert_string_equal(dbus_get_str(&in), "hi");
	assert_false(in.is_bad);
#endif
}

static void types(void **state)
{
	static const struct {
		const char *sig;
		size_t n;
	} rows[] = {
		{"s", 1},      {"as", 2},	 {"a(sv)", 5},
		{"a{sv}u", 5}, {"(ii)", 4},	 {"", 0},
		{"a", 0},      {"(", 0},	 {"()", 0},
		{"(s", 0},     {"{sv", 0},	 {"?", 0},
		{"v", 1},      {"a(sa(sv))", 9}, {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaas", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(dbus_type_len(rows[i].sig), rows[i].n);
}

/* Every cut of a message, and every byte of it changed, under ASan. */
static void hostile_bytes(void **state)
{
	struct buf b = {0};

	(void)state;
	size_t mark = dbus_put_array(&b, '(');
	dbus_put_align(&b, 8);
	dbus_put_str(&b, "name");
	dbus_put_sig(&b, "as");
	size_t list = dbus_put_array(&b, 's');
	dbus_put_str(&b, "one");
	dbus_put_str(&b, "two");
	dbus_put_end(&b, list);
	dbus_put_end(&b, mark);
	for (size_t cut = 0; cut <= b.len; cut++) {
		uint8_t *copy = mem_alloc(cut + 1);
		memcpy(copy, b.data, cut);
		for (size_t at = 0; at <= cut; at++)
			for (unsigned v = 0; v < 256; v += at < cut ? 15 : 256) {
				const char *sig = "a(sv)";
				uint8_t old = copy[at];
				struct dbus_in in = {copy, cut, 0, (v & 1) != 0, false};
				if (at < cut)
					copy[at] = (uint8_t)v;
				dbus_skip(&in, &sig);
				assert_true(in.is_bad || in.pos <= cut);
				copy[at] = old;
			}
		free(copy);
	}
	buf_done(&b);
}

static void strings_end(void **state)
{
	static const uint8_t no_nul[] = {2, 0, 0, 0, 'h', 'i', 'x'};
	static const uint8_t inner[] = {2, 0, 0, 0, 'h', 0, 0};
	static const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff, 'h', 'i', 0};
	const uint8_t *const rows[] = {no_nul, inner, huge};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dbus_in in = {rows[i], 7, 0, false, false};
		assert_string_equal(dbus_get_str(&in), "");
		assert_true(in.is_bad);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_come_back),
		cmocka_unit_test(the_other_order),
		cmocka_unit_test(types),
		cmocka_unit_test(hostile_bytes),
		cmocka_unit_test(strings_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
