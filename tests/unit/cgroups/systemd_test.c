/* SPDX-License-Identifier: Apache-2.0 */
/* cgroups/systemd_name, gvariant, systemd_props: names, texts and properties, without a bus; and
 * what systemd.c asks a systemd that is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/fd.h"
#include "base/str.h"
#include "cgroups/internal.h"
#include "cgroups/systemd.h"
#include "base/ban.h"

/* ---- names ---- */

static void C03_units_and_slices(void **state)
{
	static const struct {
		const char *path;
		bool is_user;
		const char *unit, *slice, *dir;
	} rows[] = {
		{"a-b-c.slice:pre:n", false, "pre-n.scope", "a-b-c.slice",
		 "/a.slice/a-b.slice/a-b-c.slice"},
		{":pre:n", false, "pre-n.scope", "system.slice", "/system.slice"},
		{":pre:n", true, "pre-n.scope", "user.slice", "/user.slice"},
		{"-:pre:n", false, "pre-n.scope", "-.slice", ""},
		{"-.slice:pre:n", false, "pre-n.scope", "-.slice", ""},
		{"x.slice::n", false, "n.scope", "x.slice", "/x.slice"},
		{"x.slice:pre:n.slice", false, "n.slice", "x.slice", "/x.slice"},
		{"memory.slice:p:n", false, "p-n.scope", "memory.slice", "/_memory.slice"},
		{NULL, false, "stiva-id.scope", "system.slice", "/system.slice"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cg_place p = {0};
		struct err e = ERR_INIT;
		char dir[CG_PATH_MAX] = "";

		assert_int_equal(cg_systemd_unit(rows[i].path, "id", rows[i].is_user, &p, &e), 0);
		assert_string_equal(p.unit, rows[i].unit);
		assert_string_equal(p.slice, rows[i].slice);
		assert_int_equal(cg_systemd_slice_path(p.slice, dir, &e), 0);
		assert_string_equal(dir, rows[i].dir);
	}
}

static void C03_the_units_part_of_a_path(void **state)
{
	(void)state;
	assert_int_equal(cg_systemd_unit_len("/s.slice/p-n.scope/container", "p-n.scope"), 18);
	assert_int_equal(cg_systemd_unit_len("/s.slice/p-n.scope", "p-n.scope"), 18);
	assert_int_equal(cg_systemd_unit_len("/s.slice/p-n.scopex/y", "p-n.scope"), 0);
	assert_int_equal(cg_systemd_unit_len("/p-n.scope/in/s.slice/p-n.scope/in", "p-n.scope"),
			 31);
	assert_int_equal(cg_systemd_unit_len("/s.slice", ""), 0);
}

/* ---- GVariant text ---- */

static int put(const char *text, const char *type, struct buf *b, struct err *e)
{
	b->len = 0;
	err_clear(e);
	return cg_gvariant_put(text, type, b, e);
}

static void A01_gvariant_types(void **state)
{
	static const struct {
		const char *text, *type, *sig;
	} rows[] = {
		{"true", NULL, "b"},
		{"5", NULL, "i"},
		{"-5", NULL, "i"},
		{"5", "t", "t"},
		{"uint64 18446744073709551615", NULL, "t"},
		{"int64 -9223372036854775808", NULL, "x"},
		{"byte 255", NULL, "y"},
		{"'it\\'s'", NULL, "s"},
		{"\"two\"", NULL, "s"},
		{"['a', 'b']", NULL, "as"},
		{"[uint32 1, 2]", NULL, "au"},
		{"@as []", NULL, "as"},
		{"@a(sv) [('x', <5>)]", NULL, "a(sv)"},
		{"('x', 1)", NULL, "(si)"},
		{"{'k': <true>}", NULL, "a{sv}"},
		{"<'v'>", NULL, "v"},
		{"1.5", NULL, "d"},
		{"objectpath '/a'", NULL, "o"},
		{"  true ", NULL, "b"},
	};
	struct buf b = {0};
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(put(rows[i].text, rows[i].type, &b, &e), 0);
		struct dbus_in in = {(const uint8_t *)b.data, b.len, 0, false, false};
		const char *v = "v";

		assert_string_equal(dbus_get_sig(&in), rows[i].sig);
		in.pos = 0;
		dbus_skip(&in, &v);
		assert_false(in.is_bad);
		assert_int_equal(in.pos, b.len);
	}
	buf_done(&b);
}

static void A01_gvariant_garbage(void **state)
{
	static const char *const rows[] = {
		"",
		"inactive",
		"[1,",
		"1 2",
		"'open",
		"['a', 1]",
		"[]",
		"uint64 -1",
		"byte 256",
		"2147483648",
		"@xx 1",
		"['a', 0]",
		"boolean 0",
		"@as 1",
		"0x10",
		"tru",
		"true false",
		"(1",
		"{'a' 1}",
		"<1",
		"'a\\q'",
		"18446744073709551616",
		"objectpath 'a'",
		"[[[[[[[[[[1]]]]]]]]]]",
		"@ 1",
		"uint64",
		"1_000",
		"()",
		"- 1",
	};
	struct buf b = {0}, text = {0};
	struct err e = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(put(rows[i], NULL, &b, &e), -EINVAL);
		assert_true(e.len > 0);
	}
	/* An array of it needs 256 bytes for its type. */
	buf_addc(&text, '[');
	buf_addc(&text, '(');
	for (unsigned i = 0; i < 253; i++)
		buf_adds(&text, "1,");
	buf_adds(&text, ")");
	assert_int_equal(put(text.data + 1, NULL, &b, &e), 0);
	buf_addc(&text, ']');
	assert_int_equal(put(text.data, NULL, &b, &e), -EINVAL);
	buf_done(&text);
	buf_done(&b);
}

static void A01_seconds(void **state)
{
	struct err e = ERR_INIT;
	uint64_t v = 0;

	(void)state;
	assert_int_equal(cg_gvariant_seconds("5", &v, &e), 0);
	assert_int_equal(v, 5000000);
	assert_int_equal(cg_gvariant_seconds("uint64 2", &v, &e), 0);
	assert_int_equal(v, 2000000);
	assert_int_equal(cg_gvariant_seconds("0.25", &v, &e), 0);
	assert_int_equal(v, 250000);
	assert_int_equal(cg_gvariant_seconds("-1", &v, &e), -EINVAL);
	assert_int_equal(cg_gvariant_seconds("'5s'", &v, &e), -EINVAL);
	assert_int_equal(cg_gvariant_seconds("18446744073709551615", &v, &e), -EINVAL);
}

/* ---- properties ---- */

/* "NAME=NUMBER " of each property in b; other types as "NAME:sig". */
static void show(const struct buf *b, char *ret, size_t size)
{
	struct dbus_in in = {(const uint8_t *)b->data, b->len, 0, false, false};
	size_t n = 0;

	ret[0] = '\0';
	while (in.pos < in.len && !in.is_bad) {
		dbus_get_align(&in, 8);
		const char *name = dbus_get_str(&in), *sig = dbus_get_sig(&in);

		if (str_eq(sig, "t")) {
			n += (size_t)snprintf(ret + n, size - n, "%s=%llu ", name,
					      (unsigned long long)dbus_get_u64(&in));
		} else if (str_eq(sig, "ay")) {
			size_t end = dbus_get_array(&in, 'y');

			n += (size_t)snprintf(ret + n, size - n, "%s=", name);
			while (in.pos < end)
				n += (size_t)snprintf(ret + n, size - n, "%02x",
						      dbus_get_byte(&in));
			n += (size_t)snprintf(ret + n, size - n, " ");
		} else if (str_eq(sig, "a(st)")) {
			dbus_get_array(&in, '(');
			dbus_get_align(&in, 8);
			const char *dev = dbus_get_str(&in);
			n += (size_t)snprintf(ret + n, size - n, "%s=%s:%llu ", name, dev,
					      (unsigned long long)dbus_get_u64(&in));
		} else if (str_eq(sig, "s")) {
			n += (size_t)snprintf(ret + n, size - n, "%s=%s ", name, dbus_get_str(&in));
		} else {
			n += (size_t)snprintf(ret + n, size - n, "%s:%s ", name, sig);
			dbus_skip(&in, &sig);
		}
	}
	assert_false(in.is_bad);
}

#define MAX "18446744073709551615"
static void V10_V51_V56_files_are_properties(void **state)
{
	static const struct {
		const char *file, *text;
		unsigned version;
		const char *want;
	} rows[] = {
		{"memory.max", "1048576", 257, "MemoryMax=1048576 "},
		{"memory.max", "max", 257, "MemoryMax=" MAX " "},
		{"memory.low", "5", 257, "MemoryLow=5 "},
		{"memory.swap.max", "0", 257, "MemorySwapMax=0 "},
		{"memory.oom.group", "1", 257, "OOMPolicy=kill "},
		{"memory.oom.group", "1", 252, ""},
		{"cpu.weight", "100", 257, "CPUWeight=100 "},
		{"cpu.idle", "1", 257, "CPUWeight=0 "},
		{"cpu.idle", "1", 251, ""},
		{"cpu.max", "33333 100000", 257,
		 "CPUQuotaPerSecUSec=340000 CPUQuotaPeriodUSec=100000 "},
		{"cpu.max", "50000", 257, "CPUQuotaPerSecUSec=500000 CPUQuotaPeriodUSec=100000 "},
		{"cpu.max", "max 20000", 257,
		 "CPUQuotaPerSecUSec=" MAX " CPUQuotaPeriodUSec=20000 "},
		{"pids.max", "0", 257, "TasksMax=1 "},
		{"pids.max", "7", 257, "TasksMax=7 "},
		{"pids.max", "max", 257, "TasksMax=" MAX " "},
		{"cpuset.cpus", "0,2-3,9", 257, "AllowedCPUs=0d02 "},
		{"cpuset.mems", "0", 257, "AllowedMemoryNodes=01 "},
		{"cpuset.cpus", "\n", 257, "AllowedCPUs= "},
		{"io.weight", "default 50", 257, "IOWeight=50 "},
		{"io.weight", "8:16 50", 257, "IODeviceWeight=/dev/block/8:16:50 "},
		{"io.max", "8:0 rbps=100 wiops=max", 257,
		 "IOReadBandwidthMax=/dev/block/8:0:100 IOWriteIOPSMax=/dev/block/8:0:" MAX " "},
		{"hugetlb.2MB.max", "5", 257, ""},
		{"memory.max", "lots", 257, ""},
		{"cpu.max", "x y", 257, ""},
		{"io.max", "nonsense", 257, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct knob_write w = {
			.file = rows[i].file, .text = rows[i].text, .ctrl = "", .prop = ""};
		struct knob_plan p = {.v = &w, .n = 1};
		struct buf b = {0};
		char got[512];

		cg_props_plan(&p, rows[i].version, &b);
		show(&b, got, sizeof(got));
		assert_string_equal(got, rows[i].want);
		buf_done(&b);
	}
}

/* The access of a node's entry in DeviceAllow, "" = none; the last one is what systemd keeps. */
static const char *access_of(const struct buf *b, const char *node)
{
	const size_t n = strlen(node) + 1;
	const char *found = "";

	for (size_t i = 0; i + n + 12 < b->len; i++)
		if (memcmp(b->data + i, node, n) == 0)
			found = b->data + (i + n + 3) / 4 * 4 + 4;
	return found;
}

static void V62_V68_a_unit_is_never_narrower_than_the_filter(void **state)
{
#define ALLOW(a, i, text)                                                                          \
	{                                                                                          \
		.allow = {true, true}, .type = (char *)"c", .major = a, .minor = i,                \
		.access = (char *)text                                                             \
	}
#define ANY                                                                                        \
	{                                                                                          \
		0                                                                                  \
	}
#define N(v)                                                                                       \
	{                                                                                          \
		true, v                                                                            \
	}
	struct spec_device_rule rules[] = {
		{.allow = {true, false}, .access = (char *)"rwm"},
		ALLOW(N(10), N(229), "r"),
		ALLOW(N(10), N(229), "w"),
		ALLOW(N(10), N(237), "w"),
		ALLOW(N(10), ANY, "r"),
		ALLOW(N(11), N(0), "r"),
	};
	struct spec_device_rule all = {.allow = {true, true}, .access = (char *)"rwm"};
	struct spec_resources res = {.devices = {rules, 6}}, res_all = {.devices = {&all, 1}};
	struct spec_linux linux_ = {.resources = &res}, linux_all = {.resources = &res_all};
	const struct spec_config conf = {.linux_ = &linux_}, conf_all = {.linux_ = &linux_all};
	AUTO(arena) a = {0};
	AUTO(buf) b = {0};
	AUTO(buf) wider = {0};
	AUTO(buf) none = {0};
	struct err e = ERR_INIT;

	(void)state;
	/* mknod of every node is in the default rules. */
	assert_int_equal(cg_props_devices(&conf, &a, &b, &e), 0);
	assert_string_equal(access_of(&b, "/dev/char/10:229"), "rwm");
	assert_string_equal(access_of(&b, "/dev/char/10:237"), "rwm");
	assert_string_equal(access_of(&b, "char-10"), "rm");
	assert_string_equal(access_of(&b, "/dev/char/11:0"), "rm");
	assert_string_equal(access_of(&b, "/dev/block/10:229"), "");
	assert_non_null(memmem(b.data, b.len, "strict", 7));
	/* What had all needs nothing more, what is to have all gets it at once. */
	assert_int_equal(cg_props_devices_wider(&conf_all, &conf, &a, &none, &e), 0);
	assert_int_equal(none.len, 0);
	assert_int_equal(cg_props_devices_wider(&conf, &conf_all, &a, &wider, &e), 0);
	assert_non_null(memmem(wider.data, wider.len, "auto", 5));
	assert_string_equal(access_of(&wider, "char-10"), "");
#undef ALLOW
#undef ANY
#undef N
}

static void A01_annotations(void **state)
{
	struct strpair pairs[] = {
		{(char *)"org.systemd.property.TimeoutStopSec", (char *)"5"},
		{(char *)"org.systemd.property.TimeoutStopUSec", (char *)"7"},
		{(char *)"org.systemd.property.CollectMode", (char *)"'inactive'"},
		{(char *)"something.else", (char *)"garbage"},
	};
	struct spec_config conf = {.annotations = {pairs, 4}};
	struct err e = ERR_INIT;
	struct buf b = {0};
	char got[512];

	(void)state;
	assert_int_equal(cg_props_annotations(&conf, &b, &e), 0);
	show(&b, got, sizeof(got));
	assert_string_equal(got, "TimeoutStopUSec=5000000 TimeoutStopUSec=7 CollectMode=inactive ");
	pairs[0].key = (char *)"org.systemd.property.a-b";
	assert_int_equal(cg_props_annotations(&conf, &b, &e), -EINVAL);
	assert_non_null(strstr(e.text, "org.systemd.property.a-b"));
	buf_done(&b);
}

/* ---- what is asked ---- */

/* Lets one in, and hears it to its end. Return: an exit status, 1 = a call was made. */
static int hear(int listener)
{
	static const char ok[] = "OK 1\r\n", begin[] = "BEGIN\r\n";
	char text[4096];
	AUTO_FD fd = accept(listener, NULL, NULL);

	alarm(20);
	if (fd < 0 || fd_write_all(fd, ok, sizeof(ok) - 1) < 0)
		return 2;
	ssize_t n = fd_read_all(fd, text, sizeof(text));
	size_t m = sizeof(begin) - 1;

	return n >= (ssize_t)m && memcmp(text + n - m, begin, m) == 0 ? 0 : 1;
}

/* The unit of its name is another's: a create that fails before it asked for one must not end it.
 */
static void A01_a_bad_annotation_ends_no_unit(void **state)
{
	static struct cg_place p = {.unit = "u.scope", .slice = "user.slice", .is_user_unit = true};
	static struct cg cg = CG_NONE;
	struct strpair pair = {(char *)"org.systemd.property.KillSignal", (char *)"[1,"};
	struct spec_linux l = {0};
	struct spec_config conf = {.annotations = {&pair, 1}, .linux_ = &l};
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	char dir[] = "/tmp/stiva-systemd.XXXXXX", sub[64];
	struct err e = ERR_INIT;
	int status = 0;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(sub, sizeof(sub), "%s/systemd", dir);
	assert_int_equal(mkdir(sub, 0700), 0);
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/private", sub);
	AUTO_FD listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(listener, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(listener, 1), 0);
	setenv("XDG_RUNTIME_DIR", dir, 1);
	unsetenv("DBUS_SESSION_BUS_ADDRESS");
	str_copy(p.path, sizeof(p.path), "/user.slice/u.scope");
	p.id = "c";
	pid_t pid = fork();

	if (pid == 0)
		_exit(hear(listener));
	assert_int_equal(cg_systemd_make(&p, &conf, &cg, &e), -EINVAL);
	assert_non_null(strstr(e.text, "KillSignal"));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	unlink(sa.sun_path);
	rmdir(sub);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(C03_units_and_slices),
		cmocka_unit_test(C03_the_units_part_of_a_path),
		cmocka_unit_test(A01_gvariant_types),
		cmocka_unit_test(A01_gvariant_garbage),
		cmocka_unit_test(A01_seconds),
		cmocka_unit_test(V10_V51_V56_files_are_properties),
		cmocka_unit_test(V62_V68_a_unit_is_never_narrower_than_the_filter),
		cmocka_unit_test(A01_annotations),
		cmocka_unit_test(A01_a_bad_annotation_ends_no_unit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
