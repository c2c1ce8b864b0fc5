/* SPDX-License-Identifier: Apache-2.0 */
/* Identity and capabilities as /proc/self/status tells them, in a child each: as root, as another
 * user, in a new user namespace, under a seccomp filter. */
#include "tests/unit/runtime-guard/helpers.h"

#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/syscall.h>

#include "base/auto.h"
#include "runtime/guard/guard.h"

/* ---- helpers ---- */

static void status_line(const char *key, char *ret, size_t size)
{
	char text[8192];

	read_text(AT_FDCWD, "/proc/self/status", text, sizeof(text));
	char *p = strstr(text, key);
	NEED(p);
	p += strlen(key);
	p += strspn(p, "\t ");
	size_t n = strcspn(p, "\n");
	while (n > 0 && p[n - 1] == ' ')
		n--;
	NEED(n < size);
	memcpy(ret, p, n);
	ret[n] = '\0';
}

#define NEED_LINE(key, want)                                                                       \
	do {                                                                                       \
		char line_[512];                                                                   \
		status_line("\n" key ":", line_, sizeof(line_));                                   \
		if (strcmp(line_, want) != 0) {                                                    \
			dprintf(2, "%s:%d: %s is \"%s\", not \"%s\"\n", __FILE__, __LINE__, key,   \
				line_, want);                                                      \
			leave(1);                                                                  \
		}                                                                                  \
	} while (0)

#define NO_CAPS "0000000000000000"

struct who {
	struct guard_identity id;
	const char *caps; /* JSON of process.capabilities, or NULL */
	struct arena a;
};

static const struct spec_capabilities *caps_of(struct who *w)
{
	char json[1024];

	if (!w->caps)
		return NULL;
	snprintf(json, sizeof(json),
		 "{\"cwd\":\"/"
		 "\",\"args\":[\"x\"],\"user\":{\"uid\":0,\"gid\":0},\"capabilities\":%s}",
		 w->caps);
	struct spec_process *p = parse(&w->a, &spec_table_process, json);
	return p->capabilities;
}

static void apply(struct who *w)
{
	struct err e = ERR_INIT;

	w->id.caps = caps_of(w);
	NEED_OK(guard_identity_apply(&w->id, &e), &e);
}

static int refused(struct who *w, const char *text)
{
	struct err e = ERR_INIT;

	w->id.caps = caps_of(w);
	int r = guard_identity_apply(&w->id, &e);
	if (r == 0 || !strstr(e.text, text)) {
		dprintf(2, "%d: \"%s\" has no \"%s\"\n", r, e.text, text);
		leave(1);
	}
	return r;
}

/* Becomes root of a user namespace that maps 0 to 999. */
static void enter_userns(void)
{
	int to[2], status;
	char path[64], c = 'x';
	pid_t me = getpid();

	NEED(pipe(to) == 0);
	pid_t pid = fork();
	NEED(pid >= 0);
	if (pid == 0) {
		NEED(read(to[0], &c, 1) == 1);
		snprintf(path, sizeof(path), "/proc/%d/uid_map", me);
		write_text(AT_FDCWD, path, "0 100000 1000\n");
		snprintf(path, sizeof(path), "/proc/%d/gid_map", me);
		write_text(AT_FDCWD, path, "0 100000 1000\n");
		leave(0);
	}
	NEED(unshare(CLONE_NEWUSER) == 0);
	NEED(write(to[1], &c, 1) == 1);
	NEED(waitpid(pid, &status, 0) == pid && status == 0);
	NEED(setresgid(0, 0, 0) == 0 && setresuid(0, 0, 0) == 0);
}

/* The engine's usual 11 (podman). */
#define PODMAN_LIST                                                                                \
	"[\"CAP_CHOWN\",\"CAP_DAC_OVERRIDE\",\"CAP_FOWNER\",\"CAP_FSETID\",\"CAP_KILL\","          \
	"\"CAP_NET_BIND_SERVICE\",\"CAP_SETFCAP\",\"CAP_SETGID\",\"CAP_SETPCAP\","                 \
	"\"CAP_SETUID\",\"CAP_SYS_CHROOT\"]"
#define PODMAN_MASK "00000000800405fb"
#define SETS(b, e, i, p, a)                                                                        \
	"{\"bounding\":" b ",\"effective\":" e ",\"inheritable\":" i ",\"permitted\":" p           \
	",\"ambient\":" a "}"
#define PODMAN_SETS SETS(PODMAN_LIST, PODMAN_LIST, "[]", PODMAN_LIST, "[]")

/* ---- as root ---- */

static void root_podman(void *arg)
{
	(void)arg;
	struct who w = {.id = {.uid = 0, .gid = 0}, .caps = PODMAN_SETS};

	apply(&w);
	NEED_LINE("CapInh", NO_CAPS);
	NEED_LINE("CapPrm", PODMAN_MASK);
	NEED_LINE("CapEff", PODMAN_MASK);
	NEED_LINE("CapBnd", PODMAN_MASK);
	NEED_LINE("CapAmb", NO_CAPS);
	NEED_LINE("Uid", "0\t0\t0\t0");
	NEED_LINE("Gid", "0\t0\t0\t0");
	NEED_LINE("Groups", "");
}

static void root_no_caps(void *arg)
{
	(void)arg;
	struct who w = {.id = {.uid = 0, .gid = 0}};

	apply(&w);
	NEED_LINE("CapInh", NO_CAPS);
	NEED_LINE("CapPrm", NO_CAPS);
	NEED_LINE("CapEff", NO_CAPS);
	NEED_LINE("CapBnd", NO_CAPS);
	NEED_LINE("CapAmb", NO_CAPS);
}

/* What the caller had inheritable and ambient goes. */
static void root_had_ambient(void *arg)
{
	(void)arg;
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2];
	struct who w = {.id = {.uid = 0, .gid = 0}, .caps = PODMAN_SETS};

	NEED(syscall(SYS_capget, &h, d) == 0);
	d[0].inheritable = d[0].permitted;
	NEED(syscall(SYS_capset, &h, d) == 0);
	NEED(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0) == 0);
	NEED(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0) == 0);
	apply(&w);
	NEED_LINE("CapInh", NO_CAPS);
	NEED_LINE("CapAmb", NO_CAPS);
	NEED_LINE("CapPrm", PODMAN_MASK);
}

static void root_ambient_narrower(void *arg)
{
	(void)arg;
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2];
	struct who w = {.id = {.uid = 0, .gid = 0},
			.caps = SETS("[\"CAP_KILL\",\"CAP_CHOWN\"]", "[\"CAP_KILL\"]",
				     "[\"CAP_KILL\",\"CAP_CHOWN\"]", "[\"CAP_KILL\",\"CAP_CHOWN\"]",
				     "[\"CAP_CHOWN\"]")};

	NEED(syscall(SYS_capget, &h, d) == 0);
	d[0].inheritable = d[0].permitted;
	NEED(syscall(SYS_capset, &h, d) == 0);
	NEED(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0) == 0);
	apply(&w);
	NEED_LINE("CapInh", "0000000000000021");
	NEED_LINE("CapPrm", "0000000000000021");
	NEED_LINE("CapEff", "0000000000000020");
	NEED_LINE("CapBnd", "0000000000000021");
	NEED_LINE("CapAmb", "0000000000000001");
}

static void test_root(void **state)
{
	(void)state;
	need_root();
	assert_int_equal(in_child(root_podman, NULL), 0);
	assert_int_equal(in_child(root_no_caps, NULL), 0);
	assert_int_equal(in_child(root_had_ambient, NULL), 0);
	assert_int_equal(in_child(root_ambient_narrower, NULL), 0);
}

/* ---- as another user ---- */

static void user_groups(void *arg)
{
	(void)arg;
	uint32_t groups[] = {10, 2147483648u, 4294967294u};
	struct who w = {.id = {.uid = 4294967294u,
			       .gid = 2147483648u,
			       .groups = {groups, 3},
			       .umask = {true, 027}},
			.caps = SETS(PODMAN_LIST, "[\"CAP_KILL\"]", "[]", "[\"CAP_KILL\"]", "[]")};
	gid_t have[] = {1, 2, 3};

	NEED(setgroups(3, have) == 0);
	apply(&w);
	NEED_LINE("Uid", "4294967294\t4294967294\t4294967294\t4294967294");
	NEED_LINE("Gid", "2147483648\t2147483648\t2147483648\t2147483648");
	NEED_LINE("Groups", "10 2147483648 4294967294");
	NEED_LINE("CapPrm", "0000000000000020");
	NEED_LINE("CapEff", "0000000000000020");
	NEED_LINE("CapBnd", PODMAN_MASK);
	NEED(umask(0) == 027);
}

static void user_plain(void *arg)
{
	(void)arg;
	struct who w = {.id = {.uid = 1000, .gid = 1000}, .caps = PODMAN_SETS};
	gid_t have[] = {1, 2, 3};

	umask(0123);
	NEED(setgroups(3, have) == 0);
	apply(&w);
	NEED_LINE("Uid", "1000\t1000\t1000\t1000");
	NEED_LINE("Groups", "");
	NEED_LINE("CapPrm", PODMAN_MASK);
	NEED_LINE("CapAmb", NO_CAPS);
	NEED(umask(0) == 0123); /* P08: not asked, not changed */
	NEED(setuid(0) < 0 || getuid() == 0);
}

static void user_ambient(void *arg)
{
	(void)arg;
	struct who w = {.id = {.uid = 1000, .gid = 1000},
			.caps = SETS("[\"CAP_KILL\",\"CAP_NET_BIND_SERVICE\"]",
				     "[\"CAP_NET_BIND_SERVICE\"]", "[\"CAP_NET_BIND_SERVICE\"]",
				     "[\"CAP_NET_BIND_SERVICE\"]",
				     "[\"CAP_NET_BIND_SERVICE\",\"CAP_KILL\"]")};

	apply(&w);
	NEED_LINE("CapInh", "0000000000000400");
	NEED_LINE("CapPrm", "0000000000000400");
	NEED_LINE("CapEff", "0000000000000400");
	NEED_LINE("CapBnd", "0000000000000420");
	NEED_LINE("CapAmb", "0000000000000400");
}

static void user_keep_groups(void *arg)
{
	(void)arg;
	uint32_t groups[] = {10};
	struct who w = {
		.id = {.uid = 1000, .gid = 1000, .groups = {groups, 1}, .keep_groups = true}};
	gid_t have[] = {1, 2, 3};

	NEED(setgroups(3, have) == 0);
	apply(&w);
	NEED_LINE("Groups", "1 2 3");
}

static void test_user(void **state)
{
	(void)state;
	need_root();
	assert_int_equal(in_child(user_groups, NULL), 0);
	assert_int_equal(in_child(user_plain, NULL), 0);
	assert_int_equal(in_child(user_ambient, NULL), 0);
	assert_int_equal(in_child(user_keep_groups, NULL), 0);
}

/* ---- what cannot be ---- */

/* One warning a capability, on stderr; the rest of the set is granted. */
static void warnings(void *arg)
{
	int *out = arg;
	struct who w = {
		.id = {.uid = 0, .gid = 0},
		.caps = SETS("[\"CAP_KILL\",\"CAP_CHOWN\",\"CAP_FROBNICATE\"]",
			     "[\"CAP_KILL\",\"CAP_CHOWN\",\"CAP_FROBNICATE\",\"CAP_FSETID\"]", "[]",
			     "[\"CAP_KILL\",\"CAP_CHOWN\",\"CAP_FROBNICATE\"]", "[\"CAP_CHOWN\"]")};
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2];

	NEED(dup2(*out, 2) == 2);
	/* CAP_KILL is gone from here on. */
	NEED(prctl(PR_CAPBSET_DROP, CAP_KILL, 0, 0, 0) == 0);
	NEED(syscall(SYS_capget, &h, d) == 0);
	d[0].permitted &= ~(1u << CAP_KILL);
	d[0].effective &= ~(1u << CAP_KILL);
	d[0].inheritable = 0;
	NEED(syscall(SYS_capset, &h, d) == 0);
	apply(&w);
	NEED_LINE("CapPrm", "0000000000000001");
	NEED_LINE("CapEff", "0000000000000001");
	NEED_LINE("CapBnd", "0000000000000001");
}

static void test_warnings(void **state)
{
	(void)state;
	char path[64], text[2048];

	need_root();
	int dir = tmp_make(path);
	int out = openat(dir, "log", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(in_child(warnings, &out), 0);
	read_text(dir, "log", text, sizeof(text));
	close(out);
	tmp_remove(dir, path, (const char *const[]){"log", NULL});
	static const char *const want[] = {"CAP_FROBNICATE", "CAP_KILL", "CAP_FSETID", "CAP_CHOWN"};
	for (size_t i = 0; i < 4; i++) {
		const char *p = strstr(text, want[i]);
		assert_non_null(p);
		assert_null(strstr(p + 1, want[i]));
	}
}

static void no_setpcap(void *arg)
{
	(void)arg;
	struct who w = {.id = {.uid = 1000, .gid = 1000}, .caps = PODMAN_SETS};

	NEED(setresuid(1000, 1000, 1000) == 0);
	NEED(refused(&w, "process.capabilities.bounding: drop CAP_") == -EPERM);
}

static void bad_ids(void *arg)
{
	(void)arg;
	uint32_t none[] = {5, UINT32_MAX};
	struct who uid = {.id = {.uid = UINT32_MAX, .gid = 1}};
	struct who gid = {.id = {.uid = 1, .gid = UINT32_MAX}};
	struct who groups = {.id = {.uid = 1, .gid = 1, .groups = {none, 2}}};
	struct who many = {.id = {.uid = 1, .gid = 1, .groups = {none, 65537}}};
	struct who denied = {
		.id = {.uid = 1, .gid = 1, .groups = {none, 1}, .setgroups_denied = true}};

	NEED(refused(&uid, "process.user.uid") == -EINVAL);
	NEED(refused(&gid, "process.user.gid") == -EINVAL);
	NEED(refused(&groups, "process.user.additionalGids") == -EINVAL);
	NEED(refused(&many, "process.user.additionalGids: 65537") == -EINVAL);
	NEED_LINE("Uid", "0\t0\t0\t0");
	NEED(refused(&denied, "process.user.additionalGids") == -EPERM);
	NEED_LINE("Uid", "0\t0\t0\t0");
}

static void test_refusals(void **state)
{
	(void)state;
	need_root();
	assert_int_equal(in_child(no_setpcap, NULL), 0);
	assert_int_equal(in_child(bad_ids, NULL), 0);
}

/* ---- in a user namespace ---- */

static void userns_user(void *arg)
{
	(void)arg;
	uint32_t groups[] = {7, 999};
	struct who w = {.id = {.uid = 999, .gid = 998, .groups = {groups, 2}}, .caps = PODMAN_SETS};

	enter_userns();
	apply(&w);
	NEED_LINE("Uid", "999\t999\t999\t999");
	NEED_LINE("Gid", "998\t998\t998\t998");
	NEED_LINE("Groups", "7 999");
	NEED_LINE("CapPrm", PODMAN_MASK);
	NEED_LINE("CapBnd", PODMAN_MASK);
}

static void userns_root(void *arg)
{
	(void)arg;
	struct who w = {.id = {.uid = 0, .gid = 0}, .caps = PODMAN_SETS};

	enter_userns();
	apply(&w);
	NEED_LINE("Uid", "0\t0\t0\t0");
	NEED_LINE("Groups", "");
	NEED_LINE("CapEff", PODMAN_MASK);
	NEED_LINE("CapBnd", PODMAN_MASK);
	NEED_LINE("CapInh", NO_CAPS);
}

static void userns_unmapped(void *arg)
{
	(void)arg;
	uint32_t groups[] = {7, 1000};
	struct who uid = {.id = {.uid = 1000, .gid = 0}};
	struct who gid = {.id = {.uid = 0, .gid = 1000}};
	struct who grp = {.id = {.uid = 0, .gid = 0, .groups = {groups, 2}}};

	enter_userns();
	NEED(refused(&grp, "unmapped group in user namespace") == -EINVAL);
	NEED(refused(&gid, "cannot set gid to unmapped group in user namespace") == -EINVAL);
	NEED(refused(&uid, "cannot set uid to unmapped user in user namespace") == -EINVAL);
}

/* A namespace of one id, made without help: setgroups is off. */
static void userns_single(void *arg)
{
	(void)arg;
	uint32_t groups[] = {0};
	struct who asked = {
		.id = {.uid = 0, .gid = 0, .groups = {groups, 1}, .setgroups_denied = true}};
	struct who w = {.id = {.uid = 0, .gid = 0, .setgroups_denied = true}, .caps = PODMAN_SETS};

	NEED(setgroups(0, NULL) == 0);
	NEED(setresgid(1000, 1000, 1000) == 0 && setresuid(1000, 1000, 1000) == 0);
	NEED(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
	NEED(unshare(CLONE_NEWUSER) == 0);
	write_text(AT_FDCWD, "/proc/self/setgroups", "deny");
	write_text(AT_FDCWD, "/proc/self/uid_map", "0 1000 1\n");
	write_text(AT_FDCWD, "/proc/self/gid_map", "0 1000 1\n");
	NEED(refused(&asked, "forbids setgroups") == -EPERM);
	apply(&w);
	NEED_LINE("Uid", "0\t0\t0\t0");
	NEED_LINE("CapBnd", PODMAN_MASK);
}

static void test_userns(void **state)
{
	(void)state;
	need_root();
	assert_int_equal(in_child(userns_user, NULL), 0);
	assert_int_equal(in_child(userns_root, NULL), 0);
	assert_int_equal(in_child(userns_unmapped, NULL), 0);
	assert_int_equal(in_child(userns_single, NULL), 0);
}

/* ---- under a filter ---- */

static void filtered(void *arg)
{
	const char *json = arg;
	struct arena a = {0};
	struct guard_filter f = {0};
	struct err e = ERR_INIT;
	int listener;
	struct who w = {.id = {.uid = 1000, .gid = 1000}, .caps = PODMAN_SETS};

	NEED_OK(guard_seccomp_prepare(parse(&a, &spec_table_seccomp, json), FD_NONE, &a, &f, &e),
		&e);
	NEED_OK(guard_seccomp_load(&f, &listener, &e), &e);
	apply(&w);
	NEED_LINE("Uid", "1000\t1000\t1000\t1000");
	NEED_LINE("CapPrm", PODMAN_MASK);
	NEED_LINE("CapBnd", PODMAN_MASK);
}

/* A filter that answers "done" and does nothing. */
static void filtered_lie(void *arg)
{
	struct arena a = {0};
	struct guard_filter f = {0};
	struct err e = ERR_INIT;
	int listener;
	struct who w = {.id = {.uid = 1000, .gid = 1000}, .caps = PODMAN_SETS};

	NEED_OK(guard_seccomp_prepare(parse(&a, &spec_table_seccomp, arg), FD_NONE, &a, &f, &e),
		&e);
	NEED_OK(guard_seccomp_load(&f, &listener, &e), &e);
	refused(&w, "process.");
}

static void test_under_filter(void **state)
{
	(void)state;
	static char profile[65536];
	char no_get[] =
		"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"getresuid\","
		"\"getresgid\",\"capget\"],\"action\":\"SCMP_ACT_ERRNO\"}]}";
	static const char *const lies[] = {"setresuid", "setresgid", "capset"};

	need_root();
	read_text(AT_FDCWD, "tests/data/guard/seccomp-podman.json", profile, sizeof(profile));
	assert_int_equal(in_child(filtered, profile), 0);
	for (size_t i = 0; i < 3; i++) {
		char json[256];
		snprintf(json, sizeof(json),
			 "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"%s\"],"
			 "\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":0}]}",
			 lies[i]);
		assert_int_equal(in_child(filtered_lie, json), 0);
	}
	assert_int_equal(in_child(filtered, no_get),
			 0); /* asking is forbidden: the kernel judged */
}

static void nnp(void *arg)
{
	(void)arg;
	struct err e = ERR_INIT;

	NEED_OK(guard_no_new_privs(&e), &e);
	NEED_LINE("NoNewPrivs", "1");
}

static void test_no_new_privs(void **state)
{
	(void)state;
	assert_int_equal(in_child(nnp, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_root),	     cmocka_unit_test(test_user),
		cmocka_unit_test(test_warnings),     cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_userns),	     cmocka_unit_test(test_under_filter),
		cmocka_unit_test(test_no_new_privs),
	};
	return cmocka_run_group_tests_name("runtime-guard/caps", tests, NULL, NULL);
}
