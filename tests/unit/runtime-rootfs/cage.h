/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/unit/runtime-rootfs/cage: runs the room's real sequence on a small root, in namespaces of
 * its own, and lets a check look around inside. The test program itself sits in a private mount
 * namespace with a tmpfs for everything, so that nothing of the machine is touched.
 */
#ifndef STIVA_TEST_CAGE_H
#define STIVA_TEST_CAGE_H

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */
#include "base/sys.h"

#include <fcntl.h>
#include <ftw.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include "base/fd.h"
#include "base/idmap.h"
#include "base/path.h"
#include "base/proc.h"
#include "runtime/rootfs/rootfs.h"

#define CAGE "/tmp/stiva-rootfs-cage"
#define ROOT CAGE "/b/rootfs"

#define NEW_ALL                                                                                    \
	(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWCGROUP)

/* In the child: reports and ends. */
static int cage_report_fd = -1;
#define CHECK(cond) CHECKF(cond, "%s", "")
#define CHECKF(cond, ...)                                                                          \
	do {                                                                                       \
		if (!(cond))                                                                       \
			cage_fail(__LINE__, #cond, __VA_ARGS__);                                   \
	} while (0)

static void __attribute__((noreturn, format(printf, 3, 4)))
cage_fail(int line, const char *cond, const char *fmt, ...)
{
	char extra[1024];
	va_list ap;

	int keep = errno;
	va_start(ap, fmt);
	vsnprintf(extra, sizeof(extra), fmt, ap);
	va_end(ap);
	dprintf(cage_report_fd, "inside, line %d: %s (errno %d) %s", line, cond, keep, extra);
	_exit(1);
}

struct cage {
	const char *mounts; /* JSON list of mounts */
	const char *linux_; /* further members of "linux", starting with a comma, or "" */
	const char *root;   /* further members of "root", as above */
	int flags; /* CLONE_NEW*; 0 = NEW_ALL. They are also listed as the config's namespaces */
	bool has_console, no_pivot, is_unprivileged;
	const char *notify_dir, *cgroup_path;
	void (*inside)(void);	 /* after the seal */
	void (*before)(void);	 /* before the pivot, hooks' time */
	void (*meanwhile)(void); /* on the host, while inside() waits by cage_rendezvous() */
	char error[600];	 /* what plan or child said; "" = all went well */
};

static int cage_sync[2] = {-1, -1};
/* In the child: lets meanwhile() run on the host and waits for its end. */
static inline void cage_rendezvous(void)
{
	char c = 0;

	CHECK(write(cage_sync[1], &c, 1) == 1);
	CHECK(read(cage_sync[1], &c, 1) == 1);
}

/* ---- the tree ---- */
static inline void mk(const char *path)
{
	char buf[512];

	snprintf(buf, sizeof(buf), "%s", path);
	for (char *s = buf + 1; *s; s++)
		if (*s == '/') {
			*s = '\0';
			mkdir(buf, 0755);
			*s = '/';
		}
	if (mkdir(buf, 0755) < 0)
		assert_int_equal(errno, EEXIST);
}

static inline void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static inline void cage_make(void)
{
	static const char *const dirs[] = {"/b/rootfs/proc", "/b/rootfs/sys", "/b/rootfs/dev",
					   "/b/rootfs/tmp",  "/b/rootfs/etc", "/b/rootfs/data",
					   "/canary/sub",    "/src/below"};

	mkdir(CAGE, 0755);
	assert_int_equal(mount("cage", CAGE, "tmpfs", 0, "mode=755"), 0);
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		char path[256];

		snprintf(path, sizeof(path), CAGE "%s", dirs[i]);
		mk(path);
	}
	assert_int_equal(chmod(ROOT "/tmp", 01777), 0);
	put(ROOT "/etc/hosts", "hosts\n");
	put(CAGE "/canary/file", "canary\n");
	put(CAGE "/canary/sub/null", "");
	put(CAGE "/src/file", "source\n");
	put(CAGE "/src/below/deep", "deep\n");
}

static inline int cage_setup(void **state)
{
	(void)state;
	cage_make();
	return 0;
}

static inline int cage_teardown(void **state)
{
	(void)state;
	while (umount2(CAGE, MNT_DETACH) == 0)
		;
	rmdir(CAGE);
	return 0;
}

/* A sum over names, inodes, modes, owners, sizes and change times of the canary tree. */
static uint64_t canary_sum;
static int canary_add(const char *path, const struct stat *st, int type, struct FTW *f)
{
	char text[600];

	(void)type;
	(void)f;
	int n = snprintf(text, sizeof(text), "%s %lu %o %u %u %ld %ld.%09ld", path,
			 (unsigned long)st->st_ino, st->st_mode, st->st_uid, st->st_gid,
			 (long)st->st_size, (long)st->st_ctim.tv_sec, st->st_ctim.tv_nsec);
	for (int i = 0; i < n; i++)
		canary_sum = (canary_sum ^ (unsigned char)text[i]) * 1099511628211u;
	return 0;
}
static inline uint64_t canary(void)
{
	canary_sum = 14695981039346656037u;
	nftw(CAGE "/canary", canary_add, 16, FTW_PHYS);
	return canary_sum;
}

static inline char *slurp(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = fd < 0 ? -1 : fd_read_all(fd, buf, size - 1);

	buf[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
	return buf;
}

/* ---- mountinfo ---- */
struct seen {
	char opts[264], optional[1024], type[32], sb[512], root[256];
	int n; /* mounts at this point; the fields are of the last */
};
static inline struct seen seen_at(const char *point)
{
	struct seen s = {.n = 0};
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[4096];

	while (f && fgets(line, sizeof(line), f)) {
		char root[256], at[256], opts[256], rest[1024];

		if (sscanf(line, "%*d %*d %*s %255s %255s %255s %1023[^\n]", root, at, opts,
			   rest) != 4 ||
		    strcmp(at, point))
			continue;
		char *dash = strstr(rest, "- ");
		s.n++;
		snprintf(s.opts, sizeof(s.opts), ",%s,", opts);
		snprintf(s.root, sizeof(s.root), "%s", root);
		snprintf(s.optional, sizeof(s.optional), "%.*s", (int)(dash - rest), rest);
		sscanf(dash, "- %31s %*s %511s", s.type, s.sb);
	}
	if (f)
		fclose(f);
	return s;
}
#define HAS(s, word) (strstr((s).opts, "," word ",") != NULL)

static inline int count_mounts(void)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	char line[4096];
	int n = 0;

	while (f && fgets(line, sizeof(line), f))
		n++;
	if (f)
		fclose(f);
	return n;
}

/* ---- the run ---- */
static inline char *cage_config(const struct cage *c, int flags)
{
	static const struct {
		int flag;
		const char *type;
	} ns[] = {{CLONE_NEWNS, "mount"}, {CLONE_NEWPID, "pid"},     {CLONE_NEWIPC, "ipc"},
		  {CLONE_NEWUTS, "uts"},  {CLONE_NEWNET, "network"}, {CLONE_NEWCGROUP, "cgroup"},
		  {CLONE_NEWUSER, "user"}};
	struct buf b = {0};

	buf_printf(&b,
		   "{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"rootfs\"%s},\"mounts\":%s,"
		   "\"linux\":{\"namespaces\":[",
		   c->root ? c->root : "", c->mounts);
	for (size_t i = 0, n = 0; i < sizeof(ns) / sizeof(ns[0]); i++)
		if (flags & ns[i].flag)
			buf_printf(&b, "%s{\"type\":\"%s\"}", n++ ? "," : "", ns[i].type);
	buf_adds(&b, "]");
	if (flags & CLONE_NEWUSER)
		buf_adds(&b, ",\"uidMappings\":[{\"containerID\":0,\"hostID\":100000,\"size\":4}],"
			     "\"gidMappings\":[{\"containerID\":0,\"hostID\":100000,\"size\":4}]");
	buf_printf(&b, "%s}}", c->linux_ ? c->linux_ : "");
	return b.data;
}

static inline void cage_child(const struct cage *c, struct root_plan *p, int go_fd, bool is_user)
{
	struct err e = ERR_INIT;
	int master = -1, slave = -1;
	char ch;

	if (read(go_fd, &ch, 1) != 1)
		_exit(1);
	if (is_user)
		CHECK(setresgid(0, 0, 0) == 0 && setresuid(0, 0, 0) == 0);
	int r = root_attach(p, &e);
	if (r == 0)
		r = root_mount_all(p, &e);
	if (r == 0)
		r = root_devices(p, &e);
	if (r == 0 && c->has_console)
		r = root_console(p, &master, &slave, &e);
	if (r == 0 && c->before)
		c->before();
	if (r == 0)
		r = root_pivot(p, &e);
	if (r == 0)
		r = root_seal(p, &e);
	if (r < 0) {
		dprintf(cage_report_fd, "%s", e.text);
		_exit(1);
	}
	root_plan_close(p);
	if (c->inside)
		c->inside();
	_exit(0);
}

static inline int cage_fork(struct cage *c, struct root_plan *p, int flags)
{
	static const struct id_range range = {0, 100000, 4};
	const struct id_map map = {&range, 1};
	struct err e = ERR_INIT;
	int report[2], go[2], pidfd = -1, status = 0;
	bool denied;

	assert_int_equal(pipe2(report, O_CLOEXEC), 0);
	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	assert_int_equal(fd_seqpacket_pair(cage_sync), 0);
	pid_t pid = proc_clone((uint64_t)flags, -1, &pidfd);
	assert_true(pid >= 0);
	if (pid == 0) {
		cage_report_fd = report[1];
		close(report[0]);
		close(cage_sync[0]);
		cage_child(c, p, go[0], flags & CLONE_NEWUSER);
	}
	close(report[1]);
	close(cage_sync[1]);
	if (flags & CLONE_NEWUSER)
		assert_int_equal(idmap_write(pid, &map, &map, &denied, &e), 0);
	assert_int_equal(write(go[1], "g", 1), 1);
	if (c->meanwhile) {
		char ch;

		if (read(cage_sync[0], &ch, 1) == 1) {
			c->meanwhile();
			assert_int_equal(write(cage_sync[0], &ch, 1), 1);
		}
	}
	ssize_t n = fd_read_all(report[0], c->error, sizeof(c->error) - 1);
	c->error[n > 0 ? n : 0] = '\0';
	assert_int_equal(proc_wait(pidfd, 20000, &status), 0);
	if (status != 0 && !c->error[0])
		snprintf(c->error, sizeof(c->error), "status %d", status);
	close(report[0]);
	close(go[0]);
	close(go[1]);
	close(cage_sync[0]);
	close(pidfd);
	return c->error[0] ? -1 : 0;
}

/* Plans, opens, runs. Return: 0 or -1 with c->error; checks that host mounts and canary are as
 * before. */
static inline int cage_run(struct cage *c)
{
	struct arena a = {0};
	struct json_errors errs = {.arena = &a};
	struct spec_config *conf = NULL;
	struct root_plan *p = NULL;
	struct err e = ERR_INIT;
	static char before[16384], after[16384];
	int flags = c->flags ? c->flags : NEW_ALL;
	char *text = cage_config(c, flags);

	c->error[0] = '\0';
	int r = spec_load(text, strlen(text), &a, &errs, &conf);
	if (r < 0) {
		snprintf(c->error, sizeof(c->error), "%s: %s", errs.v[0].path, errs.v[0].text);
		arena_done(&a);
		free(text);
		return -1;
	}
	int bundle_fd = open(CAGE "/b", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct root_host host = {.bundle_fd = bundle_fd,
				 .bundle = CAGE "/b",
				 .cgroup_path = c->cgroup_path,
				 .is_privileged = !c->is_unprivileged,
				 .no_pivot = c->no_pivot,
				 .notify_socket_dir = c->notify_dir};
	slurp("/proc/self/mountinfo", before, sizeof(before));
	uint64_t sum = canary();
	r = root_plan_make(conf, &host, &a, &p, &e);
	if (r == 0)
		r = root_plan_open(p, &e);
	if (r < 0)
		snprintf(c->error, sizeof(c->error), "%s", e.text);
	else
		r = cage_fork(c, p, flags);
	if (p)
		root_plan_close(p);
	close(bundle_fd);
	if (!c->meanwhile)
		assert_string_equal(slurp("/proc/self/mountinfo", after, sizeof(after)), before);
	assert_true(canary() == sum);
	arena_done(&a);
	free(text);
	return r;
}

#define cage_ok(c)                                                                                 \
	do {                                                                                       \
		if (cage_run(c) < 0)                                                               \
			fail_msg("%s", (c)->error);                                                \
	} while (0)
#define cage_fails(c, words)                                                                       \
	do {                                                                                       \
		assert_true(cage_run(c) < 0);                                                      \
		if (!strstr((c)->error, words))                                                    \
			fail_msg("error is: %s", (c)->error);                                      \
	} while (0)

/* For main: a private mount namespace, or "skip everything" when not root. */
static inline bool cage_enter(void)
{
	if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		puts("SKIP: needs root and mount namespaces");
		return false;
	}
	umask(022);
	return true;
}

#define MOUNT(dest, type, source, options)                                                         \
	"{\"destination\":\"" dest "\",\"type\":\"" type "\",\"source\":\"" source                 \
	"\",\"options\":[" options "]}"
#define PROC MOUNT("/proc", "proc", "proc", "\"nosuid\",\"noexec\",\"nodev\"")
#define DEV                                                                                        \
	MOUNT("/dev", "tmpfs", "tmpfs", "\"nosuid\",\"strictatime\",\"mode=755\",\"size=65536k\"")
#define PTS                                                                                        \
	MOUNT("/dev/pts", "devpts", "devpts",                                                      \
	      "\"nosuid\",\"noexec\",\"newinstance\",\"ptmxmode=0666\",\"mode=0620\",\"gid=5\"")
#define SHM                                                                                        \
	MOUNT("/dev/shm", "tmpfs", "shm",                                                          \
	      "\"nosuid\",\"noexec\",\"nodev\",\"mode=1777\",\"size=65536k\"")
#define MQUEUE MOUNT("/dev/mqueue", "mqueue", "mqueue", "\"nosuid\",\"noexec\",\"nodev\"")
#define SYS    MOUNT("/sys", "sysfs", "sysfs", "\"nosuid\",\"noexec\",\"nodev\",\"ro\"")
#define CGROUP                                                                                     \
	MOUNT("/sys/fs/cgroup", "cgroup", "cgroup",                                                \
	      "\"nosuid\",\"noexec\",\"nodev\",\"relatime\",\"ro\"")
#define DEFAULT_MOUNTS "[" PROC "," DEV "," PTS "," SHM "," MQUEUE "," SYS "," CGROUP "]"
#define DEFAULT_PATHS                                                                              \
	",\"maskedPaths\":[\"/proc/acpi\",\"/proc/asound\",\"/proc/kcore\",\"/proc/keys\","        \
	"\"/proc/latency_stats\",\"/proc/timer_list\",\"/proc/timer_stats\",\"/proc/"              \
	"sched_debug\","                                                                           \
	"\"/sys/firmware\",\"/proc/scsi\"],\"readonlyPaths\":[\"/proc/bus\",\"/proc/fs\","         \
	"\"/proc/irq\",\"/proc/sys\",\"/proc/sysrq-trigger\"]"

#endif
