/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A root that an attacker has prepared, user namespaces, and propagation: nothing may reach the
 * canary tree or the host's mounts (cage_run() compares both after every run). Needs root.
 */
#include <sys/prctl.h>
#include "cage.h"

static void drop(const char *path)
{
	if (unlink(path) < 0)
		rmdir(path);
}

static void plant(const char *path, const char *target)
{
	drop(path);
	assert_int_equal(symlink(target, path), 0);
}

/* /dev, /proc, /sys as links, files, pipes: an error, and no effect outside. */
static void R05_fixed_dirs(void **state)
{
	static const char *const names[] = {"/dev", "/proc", "/sys"};
	static const char *const targets[] = {CAGE "/canary", "/etc", "../../canary",
					      "/proc/self/root", "nowhere"};
	struct cage c = {.mounts = DEFAULT_MOUNTS, .linux_ = DEFAULT_PATHS};
	(void)state;

	for (size_t i = 0; i < 3; i++) {
		char path[128];

		snprintf(path, sizeof(path), ROOT "%s", names[i]);
		for (size_t k = 0; k < sizeof(targets) / sizeof(targets[0]); k++) {
			plant(path, targets[k]);
			cage_fails(&c, "directory");
		}
		drop(path);
		put(path, "");
		cage_fails(&c, "directory");
		drop(path);
		assert_int_equal(mkfifo(path, 0666), 0);
		cage_fails(&c, "directory");
		drop(path);
		mk(path);
	}
	/* The same without a mount at /dev. */
	c.mounts = "[" PROC "]";
	plant(ROOT "/dev", CAGE "/canary");
	cage_fails(&c, "directory");
}

static void see_data(void)
{
	CHECK(seen_at("/").n == 1 && access(CAGE "/src", F_OK) < 0);
	CHECK(access("/etc/hosts", F_OK) == 0);
}

/* The shapes of security.md S6 as mount points. */
static void M06_R05_dest_links(void **state)
{
	static const char *const targets[] = {CAGE "/canary",
					      "/../../../../../.." CAGE "/canary/sub",
					      "../../../../../../../.." CAGE "/canary",
					      "/proc/1/root" CAGE "/canary",
					      "/proc/self/cwd/canary",
					      CAGE "/canary/dangling/deep",
					      "/data/link",
					      "/etc/hosts",
					      ".",
					      "/"};
	static const char *const mounts[] = {
		"[" PROC "," MOUNT("/data/link", "tmpfs", "t", "") "]",
		"[" PROC "," MOUNT("/data/link/", "bind", CAGE "/src", "\"rbind\"") "]",
		"[" PROC "," MOUNT("/data/link/x/y", "tmpfs", "t", "") "]",
		"[" PROC "," MOUNT("/data/link", "bind", CAGE "/src/file", "") "]",
		"[" PROC "," MOUNT("/data/link/null", "bind", CAGE "/src/file", "") "]",
		"[" PROC
		"," MOUNT("/data/link", "bind", CAGE "/src/file", "\"dest-nofollow\"") "]"};
	struct cage c = {
		.inside = see_data,
		.linux_ = ",\"maskedPaths\":[\"/data/link\",\"/data/link/sub\"],\"readonlyPaths\":"
			  "[\"/data/link/file\"],\"devices\":[{\"path\":\"/data/link/null\","
			  "\"type\":\"c\",\"major\":1,\"minor\":3}]"};
	(void)state;
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
		for (size_t k = 0; k < sizeof(mounts) / sizeof(mounts[0]); k++) {
			plant(ROOT "/data/link", targets[i]);
			c.mounts = mounts[k];
			cage_run(&c); /* an error or a success inside; the canary is compared */
			if (strstr(c.error, "inside"))
				fail_msg("%s via %s: %s", mounts[k], targets[i], c.error);
		}
}

static void M06_link_chain(void **state)
{
	struct cage c = {.mounts = "[" PROC "," MOUNT("/c0", "tmpfs", "t", "") "]"};
	(void)state;
	for (int i = 0; i < 41; i++) {
		char path[64], target[64];

		snprintf(path, sizeof(path), ROOT "/c%d", i);
		snprintf(target, sizeof(target), i == 40 ? "data" : "c%d", i + 1);
		assert_int_equal(symlink(target, path), 0);
	}
	cage_fails(&c, "too many levels of symbolic links");
	c.mounts = "[" PROC "," MOUNT("/c1", "tmpfs", "t", "") "]";
	cage_ok(&c);
}

static void see_console(void)
{
	struct stat st;

	CHECK(stat("/dev/console", &st) == 0 && S_ISCHR(st.st_mode));
}

/* security.md S8 to S10, with the root's own /dev. */
static void R05_dev_files(void **state)
{
	struct cage c = {
		.mounts = "[" PROC "," PTS "]", .has_console = true, .inside = see_console};
	(void)state;
	cage_ok(&c);
	plant(ROOT "/dev/console", CAGE "/canary/file");
	cage_fails(&c, "\"/dev/console\" of the root is neither a file nor a device");
	drop(ROOT "/dev/console");
	plant(ROOT "/dev/null", CAGE "/canary/file");
	cage_fails(&c, "device \"/dev/null\": file exists");
	drop(ROOT "/dev/null");
	put(ROOT "/dev/null", "");
	cage_fails(&c, "device \"/dev/null\": file exists");
	drop(ROOT "/dev/null");
	assert_int_equal(mknod(ROOT "/dev/null", S_IFCHR | 0666, makedev(1, 5)), 0);
	cage_fails(&c, "not this device");
	drop(ROOT "/dev/null");
	plant(ROOT "/dev/ptmx", CAGE "/canary/file");
	plant(ROOT "/dev/fd", CAGE "/canary");
	plant(ROOT "/dev/stdin", CAGE "/canary/file");
	cage_ok(&c);
	plant(ROOT "/dev/pts", CAGE "/canary");
	cage_run(&c);
}

static void M02_proc_rules(void **state)
{
	static const char *const dests[] = {"/proc/self/attr", "/proc/sys/kernel", "/proc/1/ns",
					    "/proc/../proc/sys", "/proc/cpuinfox"};
	struct cage c = {.mounts = "[" PROC
				   "," MOUNT("/proc/uptime", "bind", CAGE "/src/file", "") "]"};
	char text[512];
	(void)state;

	cage_ok(&c);
	for (size_t i = 0; i < sizeof(dests) / sizeof(dests[0]); i++) {
		snprintf(text, sizeof(text), "[" PROC "," MOUNT("%s", "bind", CAGE "/src", "") "]",
			 dests[i]);
		c.mounts = text;
		cage_fails(&c, "inside /proc, where nothing may be mounted");
	}
	c.mounts = "[" MOUNT("/proc", "tmpfs", "t", "") "]";
	cage_fails(&c, "only a proc file system");
	/* By way of a link of the root's. */
	plant(ROOT "/data/p", "/proc/sys");
	c.mounts = "[" PROC "," MOUNT("/data/p/kernel", "tmpfs", "t", "") "]";
	cage_fails(&c, "the mount point lies in a procfs");
	c.mounts = "[" PROC "," MOUNT("/data/p/kernel/x", "bind", CAGE "/src", "") "]";
	cage_run(&c);
	assert_true(c.error[0]);
	/* The whole of a procfs may be bound there. */
	c.mounts = "[" MOUNT("/proc", "bind", "/proc", "\"rbind\"") "]";
	c.flags = NEW_ALL & ~CLONE_NEWPID;
	cage_ok(&c);
}

/* ---- user namespaces ---- */
static void see_user(void)
{
	struct stat st;
	char buf[64];

	CHECK(stat("/dev/null", &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3));
	CHECK(seen_at("/dev/null").n == 1);
	int fd = open("/dev/null", O_WRONLY);
	CHECK(fd >= 0 && write(fd, "x", 1) == 1);
	CHECK(!strstr(seen_at("/dev/pts").sb, "gid=5"));
	CHECK(HAS(seen_at("/sys"), "ro") && HAS(seen_at("/proc"), "nosuid"));
	CHECK(!strcmp(slurp("/data/file", buf, sizeof(buf)), "source\n"));
	CHECK(HAS(seen_at("/data"), "ro") && HAS(seen_at("/data/below"), "ro"));
	CHECK(stat("/", &st) == 0 && st.st_uid == 0);
	CHECK(stat("/data/file", &st) == 0 && st.st_uid == 65534);
	CHECK(stat("/mapped/file", &st) == 0 && st.st_uid == 0 && st.st_gid == 0);
	struct seen s = seen_at("/sys/fs/cgroup");
	CHECKF(!strcmp(s.type, "cgroup2") && HAS(s, "ro"), "%s %s", s.type, s.opts);
	CHECK(mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL) == 0);
}

static int give(const char *path, const struct stat *st, int type, struct FTW *f)
{
	(void)st;
	(void)type;
	(void)f;
	return lchown(path, 100000, 100000);
}

static void M24_M25_R28_userns(void **state)
{
	struct cage c = {
		.mounts = "[" PROC "," DEV "," PTS "," SHM "," MQUEUE "," SYS "," CGROUP
			  "," MOUNT("/data", "bind", CAGE "/src", "\"rbind\",\"rro\"") "," MOUNT(
				  "/mapped", "bind", CAGE "/src", "\"bind\",\"idmap\"") "]",
		.linux_ = DEFAULT_PATHS,
		.flags = NEW_ALL | CLONE_NEWUSER,
		.inside = see_user};
	(void)state;
	assert_int_equal(mount("t", CAGE "/src/below", "tmpfs", 0, NULL), 0);
	assert_int_equal(nftw(ROOT, give, 16, FTW_PHYS), 0);
	cage_ok(&c);
	/* The terminal too. */
	c.has_console = true;
	cage_ok(&c);
	/* Directories of the host that mapped root cannot enter. */
	assert_int_equal(chmod(CAGE "/b", 0700), 0);
	assert_int_equal(chmod(CAGE "/src", 0755), 0);
	assert_int_equal(chmod(CAGE, 0700), 0);
	cage_ok(&c);
	assert_int_equal(chmod(CAGE, 0755), 0);
	assert_int_equal(chmod(CAGE "/b", 0755), 0);
	/* Without a net namespace of its own sysfs is the host's, still read-only. */
	c.flags &= ~CLONE_NEWNET;
	cage_ok(&c);
}

static void M08_userns_locked(void **state)
{
	struct cage c = {.mounts = "[" PROC
				   "," MOUNT("/data", "bind", CAGE "/ro", "\"rbind\",\"rw\"") "]",
			 .flags = NEW_ALL | CLONE_NEWUSER,
			 .is_unprivileged = true};
	(void)state;
	assert_int_equal(nftw(ROOT, give, 16, FTW_PHYS), 0);
	mk(CAGE "/ro");
	assert_int_equal(mount("t", CAGE "/ro", "tmpfs", MS_RDONLY, NULL), 0);
	cage_fails(&c, "a flag that the options clear is locked");
	c.mounts = "[" PROC "," MOUNT("/data", "bind", CAGE "/ro", "\"rbind\",\"nosuid\"") "]";
	cage_ok(&c);
	assert_int_equal(umount(CAGE "/ro"), 0);
}

/* ---- propagation ---- */
static void see_cgroup_bind(void)
{
	struct seen s = seen_at("/sys/fs/cgroup");

	CHECKF(!strcmp(s.type, "cgroup2") && HAS(s, "ro") && HAS(s, "nosuid"), "%s", s.opts);
	CHECK(access("/sys/fs/cgroup/cgroup.procs", F_OK) == 0);
}

static void M25_R36_no_cgroupns(void **state)
{
	struct cage c = {.mounts = DEFAULT_MOUNTS,
			 .flags = NEW_ALL & ~CLONE_NEWCGROUP,
			 .inside = see_cgroup_bind};
	(void)state;
	struct seen host = seen_at("/sys/fs/cgroup/unified");
	cage_ok(&c);
	c.cgroup_path = "/";
	cage_ok(&c);
	c.cgroup_path = "/no/such/group";
	cage_fails(&c, "opening the container's own cgroup");
	assert_string_equal(seen_at("/sys/fs/cgroup/unified").sb, host.sb);
}

static void see_shared(void)
{
	CHECK(strstr(seen_at("/").optional, "shared:"));
	CHECK(strstr(seen_at("/data").optional, "shared:"));
	CHECK(!strstr(seen_at("/data").optional, "master:"));
	CHECK(mount("t", "/data/below", "tmpfs", 0, NULL) == 0);
	CHECK(mount("t", "/tmp", "tmpfs", 0, NULL) == 0);
	cage_rendezvous();
}
static void host_shared(void)
{
	assert_int_equal(seen_at(CAGE "/src/below").n, 1); /* asked for by rshared */
	assert_int_equal(seen_at(ROOT "/tmp").n, 0);
	assert_int_equal(seen_at(ROOT "/proc").n, 0);
	assert_int_equal(umount(CAGE "/src/below"), 0);
}

static void see_slave(void)
{
	CHECK(strstr(seen_at("/data").optional, "master:") &&
	      !strstr(seen_at("/data").optional, "shared:"));
	CHECK(!*seen_at("/etc").optional && !*seen_at("/").optional);
	cage_rendezvous();
	CHECK(seen_at("/data/below").n == 1 && seen_at("/etc/below").n == 0);
}
static void host_slave(void)
{
	assert_int_equal(mount("t", CAGE "/src/below", "tmpfs", 0, NULL), 0);
}

static void see_root_slave(void)
{
	CHECK(strstr(seen_at("/").optional, "master:"));
}
static void see_root_unbindable(void)
{
	CHECK(strstr(seen_at("/").optional, "unbindable"));
}

static void L03_M12_R29_propagation(void **state)
{
	struct cage c = {.mounts = "[" PROC "," MOUNT("/data", "bind", CAGE "/src",
						      "\"rbind\",\"rshared\"") "]",
			 .linux_ = ",\"rootfsPropagation\":\"shared\"",
			 .inside = see_shared,
			 .meanwhile = host_shared};
	(void)state;
	assert_int_equal(mount(NULL, CAGE, NULL, MS_SHARED, NULL), 0);
	cage_ok(&c);
	c = (struct cage){
		.mounts = "[" PROC
			  "," MOUNT("/data", "bind", CAGE "/src", "\"rbind\",\"rslave\"") "," MOUNT(
				  "/etc", "bind", CAGE "/src", "\"rbind\"") "]",
		.inside = see_slave,
		.meanwhile = host_slave};
	cage_ok(&c);
	assert_int_equal(umount(CAGE "/src/below"), 0);
	c = (struct cage){.mounts = DEFAULT_MOUNTS,
			  .linux_ = ",\"rootfsPropagation\":\"slave\"",
			  .inside = see_root_slave};
	cage_ok(&c);
	c.linux_ = ",\"rootfsPropagation\":\"unbindable\"";
	c.inside = see_root_unbindable;
	cage_ok(&c);
	/* All default mounts on a shared host tree: nothing appears there (compared by cage_run).
	 */
	c = (struct cage){.mounts = DEFAULT_MOUNTS,
			  .linux_ = DEFAULT_PATHS,
			  .flags = NEW_ALL | CLONE_NEWUSER};
	assert_int_equal(nftw(ROOT, give, 16, FTW_PHYS), 0);
	cage_ok(&c);
}

/* security.md S7: a directory on the way is swapped with a link to the canary all the time. */
static void M05_R07_swapper(void **state)
{
	static const char *const mounts[] = {
		"[" PROC "," MOUNT("/data/d/sub", "tmpfs", "t", "") "]",
		"[" PROC "," MOUNT("/data/d/sub/null", "bind", CAGE "/src/file", "") "]",
		"[" PROC "," MOUNT("/data/d/new/dir", "bind", CAGE "/src", "\"rbind\"") "]"};
	struct cage c = {
		.linux_ = ",\"maskedPaths\":[\"/data/d/file\"],\"readonlyPaths\":[\"/data/d\"],"
			  "\"devices\":[{\"path\":\"/data/d/dev/x\",\"type\":\"c\",\"major\":1,"
			  "\"minor\":3}]"};
	int failed = 0;
	(void)state;
	mk(ROOT "/data/d");
	plant(ROOT "/data/l", CAGE "/canary");
	pid_t pid = fork();
	assert_true(pid >= 0);
	/* An assertion that fails jumps over the kill below. */
	if (pid == 0)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (pid == 0)
		for (;;)
			renameat2(AT_FDCWD, ROOT "/data/d", AT_FDCWD, ROOT "/data/l",
				  RENAME_EXCHANGE);
	for (int i = 0; i < 120; i++) {
		c.mounts = mounts[i % 3];
		failed += cage_run(&c) < 0; /* compares canary and mounts */
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	print_message("swapper: %d of 120 runs ended in an error\n", failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(R05_fixed_dirs, cage_setup, cage_teardown),
		cmocka_unit_test_setup_teardown(M06_R05_dest_links, cage_setup, cage_teardown),
		cmocka_unit_test_setup_teardown(M06_link_chain, cage_setup, cage_teardown),
		cmocka_unit_test_setup_teardown(R05_dev_files, cage_setup, cage_teardown),
		cmocka_unit_test_setup_teardown(M02_proc_rules, cage_setup, cage_teardown),
		cmocka_unit_test_setup_teardown(M05_R07_swapper, cage_setup, cage_teardown),
		cmocka_unit_test_setup_teardown(M24_M25_R28_userns, cage_setup, cage_teardown),
		cmocka_unit_test_setup_teardown(M08_userns_locked, cage_setup, cage_teardown),
		cmocka_unit_test_setup_teardown(M25_R36_no_cgroupns, cage_setup, cage_teardown),
		cmocka_unit_test_setup_teardown(L03_M12_R29_propagation, cage_setup, cage_teardown),
	};

	if (!cage_enter())
		return 0;
	int r = cmocka_run_group_tests_name("runtime-rootfs/hostile", tests, NULL, NULL);
	/* The same where openat2 is blocked (security.md P13). */
	path_test_force_walk(true);
	return r | cmocka_run_group_tests_name("runtime-rootfs/hostile-walk", tests, NULL, NULL);
}
