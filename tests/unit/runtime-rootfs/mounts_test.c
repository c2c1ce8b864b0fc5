/* SPDX-License-Identifier: Apache-2.0 */
/* The room's whole sequence on real mounts: what the container then sees. Needs root. */
#include "cage.h"

static bool is_dev(const char *path, unsigned maj, unsigned min)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(maj, min);
}

static void see_default(void)
{
	char buf[64];
	struct stat st;

	CHECK(count_mounts() < 25);
	struct seen s = seen_at("/");
	CHECKF(s.n == 1 && !*s.optional && HAS(s, "ro"), "%s", s.opts);
	s = seen_at("/proc");
	CHECK(s.n == 1 && !strcmp(s.type, "proc"));
	CHECK(HAS(s, "nosuid") && HAS(s, "nodev") && HAS(s, "noexec") && HAS(s, "rw"));
	s = seen_at("/dev");
	CHECK(s.n == 1 && HAS(s, "nosuid") && !HAS(s, "relatime") && HAS(s, "rw"));
	CHECK(strstr(s.sb, "size=65536k") && strstr(s.sb, "mode=755"));
	s = seen_at("/dev/pts");
	CHECK(!strcmp(s.type, "devpts") && HAS(s, "noexec"));
	CHECKF(strstr(s.sb, "mode=620") && strstr(s.sb, "ptmxmode=666") && strstr(s.sb, "gid=5"),
	       "%s", s.sb);
	CHECK(!strcmp(seen_at("/dev/mqueue").type, "mqueue"));
	s = seen_at("/dev/shm");
	CHECK(HAS(s, "nodev") && stat("/dev/shm", &st) == 0 && (st.st_mode & 07777) == 01777);
	s = seen_at("/sys");
	CHECK(HAS(s, "ro") && !strcmp(s.type, "sysfs"));
	s = seen_at("/sys/fs/cgroup");
	CHECK(HAS(s, "ro") && !strcmp(s.type, "cgroup2") && HAS(s, "relatime"));
	CHECK(access("/sys/fs/cgroup/cgroup.procs", F_OK) == 0);

	/* masked and read-only */
	CHECK(access("/proc/kcore", F_OK) < 0 || is_dev("/proc/kcore", 1, 3));
	CHECK(*slurp("/proc/timer_list", buf, sizeof(buf)) == '\0');
	s = seen_at("/sys/firmware");
	if (s.n) {
		CHECK(!strcmp(s.type, "tmpfs") && HAS(s, "ro"));
		CHECK(mkdir("/sys/firmware/x", 0755) < 0 && errno == EROFS);
	}
	CHECK(open("/proc/sys/kernel/core_pattern", O_WRONLY) < 0 && errno == EROFS);
	CHECK(open("/proc/sysrq-trigger", O_WRONLY) < 0 && (errno == EROFS || errno == ENOENT));
	s = seen_at("/proc/sys");
	CHECK(HAS(s, "ro") && HAS(s, "nosuid") && HAS(s, "nodev") && HAS(s, "noexec"));
	CHECK(mkdir("/new", 0755) < 0 && errno == EROFS);

	/* devices */
	CHECK(is_dev("/dev/null", 1, 3) && is_dev("/dev/zero", 1, 5) && is_dev("/dev/full", 1, 7));
	CHECK(is_dev("/dev/random", 1, 8) && is_dev("/dev/urandom", 1, 9) &&
	      is_dev("/dev/tty", 5, 0));
	CHECK(stat("/dev/null", &st) == 0 && (st.st_mode & 07777) == 0666);
	CHECK(readlink("/dev/fd", buf, sizeof(buf)) == 13);
	CHECK(readlink("/dev/stderr", buf, sizeof(buf)) == 15);
	CHECK(readlink("/dev/ptmx", buf, sizeof(buf)) == 8 && is_dev("/dev/ptmx", 5, 2));
	CHECK(stat("/dev/console", &st) == 0 && S_ISCHR(st.st_mode) && major(st.st_rdev) == 136);
	CHECK(access(CAGE, F_OK) < 0);
	CHECK(getcwd(buf, sizeof(buf)) && !strcmp(buf, "/"));

	struct err e = ERR_INIT;
	int m = -1, t = -1;
	CHECK(root_exec_pty(&m, &t, &e) == 0);
	CHECK(ttyname_r(t, buf, sizeof(buf)) == 0 && !strcmp(buf, "/dev/pts/1"));
}

static void see_masks(void)
{
	char buf[64];
	struct stat st;

	for (const char *const *f = (const char *const[]){"/etc/secret", "/data/other", NULL}; *f;
	     f++)
		CHECK(is_dev(*f, 1, 3) && *slurp(*f, buf, sizeof(buf)) == '\0');
	for (const char *const *d =
		     (const char *const[]){"/etc/one", "/etc/two", "/etc/three", NULL};
	     *d; d++) {
		struct seen s = seen_at(*d);

		CHECK(s.n == 1 && !strcmp(s.type, "tmpfs") && HAS(s, "ro") && HAS(s, "noexec"));
		CHECK(stat(*d, &st) == 0 && (st.st_mode & 07777) == 0555 && st.st_nlink == 2);
		CHECK(chmod(*d, 0777) < 0 && errno == EROFS);
	}
	/* One superblock for all of them. */
	struct stat other;
	CHECK(stat("/etc/one", &st) == 0 && stat("/etc/two", &other) == 0);
	CHECK(st.st_dev == other.st_dev && st.st_ino == other.st_ino);
	CHECK(HAS(seen_at("/data"), "ro") && HAS(seen_at("/data/below"), "ro"));
	CHECK(HAS(seen_at("/data/below"), "nosuid") && !HAS(seen_at("/data"), "nosuid"));
	CHECK(mkdir("/data/below/x", 0755) < 0 && errno == EROFS);
}

static void L04_L05_masks(void **state)
{
	struct cage c = {
		.mounts = "[" PROC "," MOUNT("/data/below", "tmpfs", "t", "\"nosuid\"") "]",
		.linux_ =
			",\"maskedPaths\":[\"/etc/secret\",\"/etc/link\",\"/etc/one\",\"/etc/two\","
			"\"/etc/three/\",\"/etc/none\",\"/etc/secret/none\"],\"readonlyPaths\":"
			"[\"/data\",\"/none\",\"/etc/secret\"]",
		.inside = see_masks};
	(void)state;
	put(ROOT "/etc/secret", "secret\n");
	put(ROOT "/data/other", "secret\n");
	assert_int_equal(symlink("../../../data/other", ROOT "/etc/link"), 0);
	mk(ROOT "/etc/one/in");
	mk(ROOT "/etc/two");
	mk(ROOT "/etc/three");
	cage_ok(&c);
	c.linux_ = ",\"maskedPaths\":[\"etc\"]";
	cage_fails(&c, "linux.maskedPaths[0]");
}

static void M24_M27_default(void **state)
{
	struct cage c = {.mounts = DEFAULT_MOUNTS,
			 .linux_ = DEFAULT_PATHS,
			 .root = ",\"readonly\":true",
			 .has_console = true,
			 .inside = see_default};
	(void)state;
	cage_ok(&c);
	/* A second run on the same tree finds its own mount points. */
	cage_ok(&c);
}

static void see_no_pivot(void)
{
	CHECK(!strcmp(seen_at("/proc").type, "proc"));
	CHECK(access(CAGE, F_OK) < 0 && access("/etc/hosts", F_OK) == 0);
}

static void M29_no_pivot(void **state)
{
	struct cage c = {.mounts = DEFAULT_MOUNTS,
			 .linux_ = DEFAULT_PATHS,
			 .no_pivot = true,
			 .inside = see_no_pivot};
	(void)state;
	cage_ok(&c);
}

static void see_binds(void)
{
	char buf[64];
	struct seen s = seen_at("/data/ro");

	CHECK(s.n == 1 && HAS(s, "ro") && HAS(s, "nosuid") && !*s.optional);
	CHECK(HAS(seen_at("/data/ro/below"), "rw"));
	CHECK(!strcmp(slurp("/data/ro/file", buf, sizeof(buf)), "source\n"));
	CHECK(HAS(seen_at("/data/rro/below"), "ro") && HAS(seen_at("/data/rro"), "ro"));
	CHECK(seen_at("/data/one/below").n == 0);
	s = seen_at("/data/new/file");
	CHECK(s.n == 1 && HAS(s, "noexec") && HAS(s, "nosymfollow") && HAS(s, "noatime"));
	CHECK(!strcmp(slurp("/data/new/file", buf, sizeof(buf)), "source\n"));
	CHECK(!strcmp(slurp("/etc/rel", buf, sizeof(buf)), "relative\n"));
	CHECK(!strcmp(slurp("/up", buf, sizeof(buf)), "source\n"));
	CHECK(readlink("/data/link", buf, sizeof(buf)) == 7);
	CHECK(HAS(seen_at("/etc"), "ro"));
	CHECK(seen_at("/etc/rel").n == 1);
	CHECK(HAS(seen_at("/run/notify"), "ro") && access("/run/notify/sock", F_OK) == 0);
}

static void M05_M07_binds(void **state)
{
	struct cage
		c = {.mounts = "[" MOUNT("/etc", "bind", CAGE "/b/rootfs/etc", "\"bind\"") "," MOUNT("/data/ro", "bind", CAGE "/src", "\"rbind\",\"ro\",\"nosuid\"") "," MOUNT(
			     "/data/rro", "none", CAGE "/src",
			     "\"rbind\",\"rro\"") "," MOUNT("/data/one", "bind", CAGE "/src",
							    "") "," MOUNT("/data/new/file", "bind",
									  CAGE "/src/file",
									  "\"bind\",\"noexec\","
									  "\"nosymfollow\","
									  "\"noatime\"") "," MOUNT("/etc/rel",
												   "bind",
												   "rel",
												   "\"rbind\",\"rw\"") "," MOUNT("/../../../up",
																 "bind",
																 CAGE
																 "/src/file",
																 "\"bind\"") "," MOUNT("/data/link",
																		       "bind",
																		       CAGE
																		       "/src/link",
																		       "\"bind\",\"copy-symlink\"") "," MOUNT("/etc",
																							      "none",
																							      "none",
																							      "\"bind\",\"remount\",\"ro\"") "," PROC
																											     "]",
		     .notify_dir = CAGE "/notify",
		     .inside = see_binds};
	(void)state;
	assert_int_equal(mount("t", CAGE "/src/below", "tmpfs", 0, NULL), 0);
	put(CAGE "/b/rel", "relative\n");
	mk(CAGE "/notify");
	put(CAGE "/notify/sock", "");
	assert_int_equal(symlink("nowhere", CAGE "/src/link"), 0);
	cage_ok(&c);
	cage_ok(&c);
}

static void M03_R35_bind_errors(void **state)
{
	struct cage c = {.mounts =
				 "[" PROC "," MOUNT("/data", "bind", CAGE "/none", "\"bind\"") "]"};
	(void)state;
	cage_fails(&c, "mounts[1]: mount \"/data\" from \"" CAGE
		       "/none\": no such file or directory (the source does not exist)");
	c.mounts = "[" MOUNT("/data", "bind", CAGE "/src/file", "") "]";
	cage_fails(&c, "(a file cannot be mounted on a directory)");
	c.mounts = "[" MOUNT("/etc/hosts", "bind", CAGE "/src", "") "]";
	cage_fails(&c, "(a directory cannot be mounted on a file)");
	c.mounts = "[" MOUNT("/etc/hosts/x", "bind", CAGE "/src", "") "]";
	cage_fails(&c, "not a directory");
	c.mounts = "[" MOUNT("/proc", "bind", CAGE "/src", "") "]";
	cage_fails(&c, "only a proc file system may be mounted on /proc");
	c.mounts = "[" MOUNT("/x", "nosuchfs", "x", "") "]";
	cage_fails(&c, "the kernel knows no file system type \"nosuchfs\"");
	c.mounts = "[" MOUNT("/x", "tmpfs", "x", "\"nosuchoption=1\"") "]";
	cage_fails(&c, "nosuchoption");
}

/* tmpfs takes user.* from Linux 6.6 on. */
static bool keeps_xattrs;

static void see_tmpfs(void)
{
	char buf[64];
	struct stat st;

	CHECK(stat("/tmp", &st) == 0 && (st.st_mode & 07777) == 01777);
	CHECK(stat("/data/odd", &st) == 0 && (st.st_mode & 07777) == 0751 && st.st_uid == 7);
	CHECK(stat("/data/given", &st) == 0 && (st.st_mode & 07777) == 0700);
	CHECK(stat("/data/fresh", &st) == 0 && (st.st_mode & 07777) == 01777);
	CHECK(!strcmp(seen_at("/etc").type, "tmpfs"));
	CHECK(!strcmp(slurp("/etc/hosts", buf, sizeof(buf)), "hosts\n"));
	CHECK(stat("/etc/sub/exe", &st) == 0 && (st.st_mode & 07777) == 04711 && st.st_gid == 9);
	if (keeps_xattrs)
		CHECK(getxattr("/etc/sub/exe", "user.stiva", buf, sizeof(buf)) == 5 &&
		      !memcmp(buf, "value", 5));
	CHECK(readlink("/etc/sub/l", buf, sizeof(buf)) == 2);
	CHECK(HAS(seen_at("/run"), "ro") && !strcmp(seen_at("/run/in").type, "tmpfs"));
	CHECK(mkdir("/run/x", 0755) < 0 && errno == EROFS);
	CHECK(HAS(seen_at("/dev"), "ro") && is_dev("/dev/null", 1, 3));
	CHECK(mkdir("/dev/x", 0755) < 0 && errno == EROFS);
}

static void M20_M22_tmpfs(void **state)
{
	struct cage c =
		{.mounts = "[" PROC "," MOUNT("/dev", "tmpfs", "tmpfs", "\"ro\",\"mode=755\"") "," MOUNT("/tmp", "tmpfs", "tmpfs", "\"nosuid\"") "," MOUNT(
			 "/data/odd", "tmpfs", "t",
			 "\"rw\"") "," MOUNT("/data/given", "tmpfs", "t",
					     "\"mode=0700\"") "," MOUNT("/data/fresh", "tmpfs", "t",
									"\"size=50%\"") "," MOUNT("/etc",
												  "tmpfs",
												  "t",
												  "\"tmpcopyup\"") "," MOUNT("/run",
															     "tmpfs",
															     "t",
															     "\"ro\"") "," MOUNT("/run/in",
																		 "tmpfs",
																		 "t",
																		 "\"rw\"") "]",
		 .inside = see_tmpfs};
	(void)state;
	mk(ROOT "/data/odd");
	assert_int_equal(chown(ROOT "/data/odd", 7, 0), 0);
	assert_int_equal(chmod(ROOT "/data/odd", 0751), 0);
	mk(ROOT "/data/given");
	mk(ROOT "/etc/sub");
	put(ROOT "/etc/sub/exe", "x");
	assert_int_equal(chown(ROOT "/etc/sub/exe", 0, 9), 0);
	assert_int_equal(chmod(ROOT "/etc/sub/exe", 04711), 0);
	assert_int_equal(symlink("..", ROOT "/etc/sub/l"), 0);
	keeps_xattrs = setxattr(ROOT "/etc/sub/exe", "user.stiva", "value", 5, 0) == 0;
	cage_ok(&c);
	struct stat st;
	assert_int_equal(stat(ROOT "/data/odd", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0751);
}

static void see_overlay(void)
{
	char buf[64];

	CHECK(!strcmp(seen_at("/data").type, "overlay") && HAS(seen_at("/data"), "ro"));
	CHECK(!strcmp(slurp("/data/f39", buf, sizeof(buf)), "x"));
	CHECK(!strcmp(slurp("/data/f0", buf, sizeof(buf)), "x"));
	/* No word of fsconfig for this flag: made by mount(2). */
	struct seen s = seen_at("/tmp");
	CHECK(!strcmp(s.type, "overlay") && HAS(s, "nosuid") && HAS(s, "ro") &&
	      strstr(s.optional, "shared"));
}

static void M21_overlay(void **state)
{
	struct buf b = {0};
	struct cage c = {.inside = see_overlay};
	(void)state;

	buf_adds(&b,
		 "[" PROC ",{\"destination\":\"/data\",\"type\":\"overlay\",\"source\":\"overlay\","
		 "\"options\":[\"ro\",\"lowerdir=");
	for (int i = 0; i < 40; i++) {
		char path[128], file[160];

		snprintf(path, sizeof(path), CAGE "/layers/some-long-name-of-a-layer-%d", i);
		mk(path);
		snprintf(file, sizeof(file), "%s/f%d", path, i);
		put(file, "x");
		buf_printf(&b, "%s%s", i ? ":" : "", path);
	}
	buf_adds(&b, "\"]}," MOUNT("/tmp", "overlay", "overlay",
				   "\"ro\",\"nosuid\",\"iversion\",\"shared\",\"lowerdir=" CAGE
				   "/src:" CAGE "/canary\"") "]");
	c.mounts = b.data;
	cage_ok(&c);
	free(b.data);
}

static void see_devices(void)
{
	struct stat st;

	CHECK(stat("/dev/net/tun", &st) == 0 && st.st_rdev == makedev(10, 200));
	CHECK((st.st_mode & 07777) == 0640 && st.st_uid == 3 && st.st_gid == 4);
	CHECK(stat("/dev/pipe", &st) == 0 && S_ISFIFO(st.st_mode));
	CHECK(stat("/opt/blk", &st) == 0 && S_ISBLK(st.st_mode) && st.st_rdev == makedev(7, 300));
	CHECK(stat("/dev/zero", &st) == 0 && (st.st_mode & 07777) == 0600);
	CHECK(is_dev("/dev/random", 1, 9));
}

#define DEVICES                                                                                    \
	",\"devices\":[{\"path\":\"/dev/net/tun\",\"type\":\"c\",\"major\":10,\"minor\":200,"      \
	"\"fileMode\":416,\"uid\":3,\"gid\":4},{\"path\":\"/dev/pipe\",\"type\":\"p\"},"           \
	"{\"path\":\"/opt/blk\",\"type\":\"b\",\"major\":7,\"minor\":300},"                        \
	"{\"path\":\"/dev/zero\",\"type\":\"c\",\"major\":1,\"minor\":5,\"fileMode\":384}]"

static void test_devices(void **state)
{
	struct cage c = {.mounts = "[" PROC
				   "," MOUNT("/dev/random", "bind", "/dev/urandom", "\"bind\"") "]",
			 .linux_ = DEVICES,
			 .inside = see_devices};
	(void)state;
	cage_ok(&c);
	/* The nodes are there now, one with another mode: reused and set right. */
	assert_int_equal(chmod(ROOT "/dev/net/tun", 0666), 0);
	cage_ok(&c);
	assert_int_equal(unlink(ROOT "/opt/blk"), 0);
	put(ROOT "/opt/blk", "");
	cage_fails(&c, "linux.devices[2]: device \"/opt/blk\": file exists (a file that is not "
		       "this device");
}

static void see_host_dev(void)
{
	CHECK(is_dev("/dev/null", 1, 3) && seen_at("/dev").n == 1);
}

static void test_dev_bind(void **state)
{
	struct cage c = {.mounts = "[" PROC
				   "," MOUNT("/dev", "bind", CAGE "/hostdev", "\"rbind\"") "]",
			 .linux_ = DEVICES,
			 .inside = see_host_dev};
	struct stat st;
	(void)state;
	mk(CAGE "/hostdev");
	assert_int_equal(mknod(CAGE "/hostdev/null", S_IFCHR | 0666, makedev(1, 3)), 0);
	cage_ok(&c);
	assert_int_equal(stat(CAGE "/hostdev/zero", &st), -1);
	assert_int_equal(lstat(CAGE "/hostdev/fd", &st), -1);
}

static void see_many(void)
{
	CHECK(count_mounts() > 1200 && seen_at("/many/1199").n == 1);
}

static void M28_R32_many(void **state)
{
	struct buf b = {0};
	struct cage c = {.inside = see_many};
	(void)state;

	buf_adds(&b, "[" PROC);
	for (int i = 0; i < 1200; i++)
		buf_printf(&b, "," MOUNT("/many/%d", "bind", CAGE "/src", "\"bind\",\"ro\""), i);
	buf_adds(&b, "]");
	c.mounts = b.data;
	cage_ok(&c);
	free(b.data);
}

static void see_root_mount(void)
{
	char buf[64];

	CHECK(!strcmp(slurp("/file", buf, sizeof(buf)), "source\n"));
	CHECK(access("/etc/hosts", F_OK) < 0 && seen_at("/").n == 1);
}

static void M02_mount_on_root(void **state)
{
	struct cage c = {.mounts = "[" MOUNT("/", "bind", CAGE "/src", "\"bind\"") "," PROC "]",
			 .inside = see_root_mount};
	(void)state;
	cage_ok(&c);
}

static void see_idmapped(void)
{
	struct stat st;

	CHECK(stat("/data/m/file", &st) == 0);
	CHECKF(st.st_uid == 1000 && st.st_gid == 2000, "%u:%u", st.st_uid, st.st_gid);
	CHECK(stat("/data/o/file", &st) == 0 && st.st_uid == 5000 && st.st_gid == 6000);
}

static void M18_M19_idmapped(void **state)
{
	struct cage c = {
		.mounts = "[" PROC
			  ",{\"destination\":\"/data/m\",\"type\":\"bind\",\"source\":\"" CAGE
			  "/src\",\"options\":[\"bind\",\"idmap\"],\"uidMappings\":[{"
			  "\"containerID\":0,"
			  "\"hostID\":1000,\"size\":1}],\"gidMappings\":[{\"containerID\":0,"
			  "\"hostID\":2000,"
			  "\"size\":1}]}," MOUNT(
				  "/data/o", "bind", CAGE "/src",
				  "\"bind\",\"idmap=uids=0-5000-1;gids=0-6000-1\"") "]",
		.inside = see_idmapped};
	(void)state;
	cage_ok(&c);
	c.mounts = "[" MOUNT("/data", "bind", CAGE "/src", "\"bind\",\"idmap\"") "]";
	cage_fails(&c, "mounts[0].options");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(M24_M27_default, cage_setup, cage_teardown),
		cmocka_unit_test_setup_teardown(L04_L05_masks, cage_setup, cage_teardown),
		cmocka_unit_test_setup_teardown(M29_no_pivot, cage_setup, cage_teardown),
		cmocka_unit_test_setup_teardown(M05_M07_binds, cage_setup, cage_teardown),
		cmocka_unit_test_setup_teardown(M03_R35_bind_errors, cage_setup, cage_teardown),
		cmocka_unit_test_setup_teardown(M20_M22_tmpfs, cage_setup, cage_teardown),
		cmocka_unit_test_setup_teardown(M21_overlay, cage_setup, cage_teardown),
		cmocka_unit_test_setup_teardown(test_devices, cage_setup, cage_teardown),
		cmocka_unit_test_setup_teardown(test_dev_bind, cage_setup, cage_teardown),
		cmocka_unit_test_setup_teardown(M28_R32_many, cage_setup, cage_teardown),
		cmocka_unit_test_setup_teardown(M02_mount_on_root, cage_setup, cage_teardown),
		cmocka_unit_test_setup_teardown(M18_M19_idmapped, cage_setup, cage_teardown),
	};

	if (!cage_enter())
		return 0;
	int r = cmocka_run_group_tests_name("runtime-rootfs/mounts", tests, NULL, NULL);
	/* The same where openat2 is blocked (security.md P13). */
	path_test_force_walk(true);
	return r | cmocka_run_group_tests_name("runtime-rootfs/mounts-walk", tests, NULL, NULL);
}
