/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of base/path: every symlink shape, each with openat2 and with the walk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include "base/auto.h"
#include "base/path.h"
#include "base/str.h"
#include "base/sys.h"
#include "tests/unit/base/answer.h"
#include "tests/unit/base/scratch.h"
#include "base/ban.h"

/* Of <sys/mount.h>, which cannot be included beside <linux/mount.h> with glibc 2.36. */
int mount(const char *source, const char *target, const char *type, unsigned long flags,
	  const void *data);
int umount2(const char *target, int flags);
#define MNT_DETACH_FLAG 2

#define N(v) (sizeof(v) / sizeof((v)[0]))

/* outside/ is what nothing may reach, root/ is the tree. */
struct fixture {
	struct scratch s;
	int root_fd;
	bool has_proc;
};

static void link_to(int root_fd, const char *target, const char *name)
{
	assert_int_equal(symlinkat(target, root_fd, name), 0);
}

/* c1 -> c2 -> ... -> cN -> end: N links. */
static void make_chain(int root_fd, const char *prefix, int n)
{
	char name[32], target[32];

	for (int i = 1; i <= n; i++) {
		snprintf(name, sizeof(name), "%s%d", prefix, i);
		snprintf(target, sizeof(target), "%s%d", prefix, i + 1);
		link_to(root_fd, i == n ? "/etc/passwd" : target, name);
	}
}

static void make_tree(struct fixture *f)
{
	scratch_make(&f->s);
	assert_int_equal(mkdirat(f->s.fd, "root", 0755), 0);
	assert_int_equal(mkdirat(f->s.fd, "outside", 0755), 0);
	scratch_file(&f->s, "outside/secret", "secret");
	f->root_fd = openat(f->s.fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(f->root_fd >= 0);
	assert_int_equal(mkdirat(f->root_fd, "etc", 0755), 0);
	assert_int_equal(mkdirat(f->root_fd, "a", 0755), 0);
	assert_int_equal(mkdirat(f->root_fd, "a/b", 0755), 0);
	assert_int_equal(mkdirat(f->root_fd, "proc", 0755), 0);
	scratch_file(&f->s, "root/etc/passwd", "inside");
	scratch_file(&f->s, "root/a/b/file", "x");
	link_to(f->root_fd, "a/b", "rel");
	link_to(f->root_fd, "/a/b", "abs");
	link_to(f->root_fd, "/a/b/", "abs_slash");
	link_to(f->root_fd, "../../../../etc", "climb");
	link_to(f->root_fd, "/../../etc/passwd", "climb_abs");
	link_to(f->root_fd, "../../../etc", "a/climb");
	link_to(f->root_fd, "../outside/secret", "out");
	link_to(f->root_fd, "loop", "loop");
	link_to(f->root_fd, "loop_b", "loop_a");
	link_to(f->root_fd, "loop_a", "loop_b");
	link_to(f->root_fd, "missing/deep/end", "dangling");
	link_to(f->root_fd, "../../../made/by/link", "a/dangling");
	link_to(f->root_fd, "newfile", "dangling_file");
	link_to(f->root_fd, "etc/passwd", "file");
	link_to(f->root_fd, "etc/passwd/", "file_slash");
	link_to(f->root_fd, "/", "slash");
	link_to(f->root_fd, ".", "dot");
	link_to(f->root_fd, "..", "a/b/up");
	link_to(f->root_fd, "rel/up/b/up", "mixed");
	link_to(f->root_fd, "/proc/self/root", "procroot");
	make_chain(f->root_fd, "x", 39);
	make_chain(f->root_fd, "y", 40);
	make_chain(f->root_fd, "z", 41);
}

/* A procfs in the tree, in a mount namespace of the test's own. */
static void mount_proc(struct fixture *f)
{
	char path[96];

	if (unshare(CLONE_NEWNS) < 0)
		return;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return;
	snprintf(path, sizeof(path), "%s/root/proc", f->s.path);
	f->has_proc = mount("proc", path, "proc", 0, NULL) == 0;
	/* The fds from before lead into the old namespace, where the mount is not. */
	fd_replace(&f->s.fd, open(f->s.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	fd_replace(&f->root_fd, openat(f->s.fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC));
}

static int set_up(void **state)
{
	static struct fixture f;

	make_tree(&f);
	mount_proc(&f);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char path[96];

	snprintf(path, sizeof(path), "%s/root/proc", f->s.path);
	if (f->has_proc)
		umount2(path, MNT_DETACH_FLAG);
	close(f->root_fd);
	scratch_done(&f->s);
	return 0;
}

struct open_case {
	const char *path;
	const char *is; /* the file it must be, below root/; NULL = an error */
	int err;
	int flags; /* 0 = O_PATH */
	bool nofollow;
};

/* O_RDONLY is 0, which means O_PATH in the table. */
#define READ (O_RDONLY | O_NONBLOCK)

static const struct open_case open_cases[] = {
	{"/", "", 0, 0, false},
	{"//", "", 0, 0, false},
	{".", "", 0, 0, false},
	{"..", "", 0, 0, false},
	{"/../../..", "", 0, 0, false},
	{"", NULL, -ENOENT, 0, false},
	{"etc/passwd", "etc/passwd", 0, 0, false},
	{"/etc//./passwd", "etc/passwd", 0, READ, false},
	{"etc/passwd/", NULL, -ENOTDIR, 0, false},
	{"etc/passwd/.", NULL, -ENOTDIR, 0, false},
	{"etc/passwd/..", NULL, -ENOTDIR, 0, false},
	{"etc/passwd", NULL, -ENOTDIR, O_PATH | O_DIRECTORY, false},
	{"a/b/../../etc/passwd", "etc/passwd", 0, 0, false},
	{"a/../../../etc", "etc", 0, 0, false},
	{"nothing", NULL, -ENOENT, 0, false},
	{"nothing/../etc", NULL, -ENOENT, 0, false},
	{"rel", "a/b", 0, 0, false},
	{"rel/", "a/b", 0, 0, false},
	{"rel/file", "a/b/file", 0, READ, false},
	{"abs/file", "a/b/file", 0, 0, false},
	{"abs_slash", "a/b", 0, 0, false},
	{"climb/passwd", "etc/passwd", 0, 0, false},
	{"climb_abs", "etc/passwd", 0, 0, false},
	{"a/climb/passwd", "etc/passwd", 0, 0, false},
	{"out", NULL, -ENOENT, 0, false},
	{"loop", NULL, -ELOOP, 0, false},
	{"loop_a", NULL, -ELOOP, 0, false},
	{"dangling", NULL, -ENOENT, 0, false},
	{"file", "etc/passwd", 0, O_RDWR, false},
	{"file/", NULL, -ENOTDIR, 0, false},
	{"file_slash", NULL, -ENOTDIR, 0, false},
	{"slash/etc/passwd", "etc/passwd", 0, 0, false},
	{"dot/dot/dot/etc", "etc", 0, 0, false},
	{"a/b/up/b/up", "a", 0, 0, false},
	{"mixed", "a", 0, 0, false},
	{"x1", "etc/passwd", 0, 0, false},
	{"y1", "etc/passwd", 0, READ, false},
	{"z1", NULL, -ELOOP, 0, false},
	{"z2", "etc/passwd", 0, 0, false},
	/* the last link is wanted itself, unless slashes or dots follow it */
	{"rel", "rel", 0, 0, true},
	{"loop", "loop", 0, 0, true},
	{"dangling", "dangling", 0, 0, true},
	{"abs/up", "a/b/up", 0, 0, true},
	{"rel/", "a/b", 0, 0, true},
	{"rel/.", "a/b", 0, 0, true},
	{"rel", NULL, -ELOOP, READ, true},
	{"rel", NULL, -ENOTDIR, O_PATH | O_DIRECTORY, true},
	{"rel", NULL, -ENOTDIR, READ | O_DIRECTORY, true},
	{"etc/passwd", "etc/passwd", 0, READ, true},
	/* opens that the last component refuses */
	{"etc", NULL, -EISDIR, O_WRONLY, false},
	{"etc/", NULL, -EISDIR, O_WRONLY, false},
	{"etc", "etc", 0, READ | O_DIRECTORY, false},
	{"etc", NULL, -EINVAL, O_WRONLY | O_CREAT, false},
	{"etc", NULL, -EINVAL, O_WRONLY | O_TMPFILE, false},
};

static struct answer wanted(const struct fixture *f, const struct open_case *c)
{
	char path[PATH_MAX];

	if (!c->is)
		return (struct answer){.err = c->err};
	snprintf(path, sizeof(path), "root/%s", c->is);
	return answer_of(openat(f->s.fd, path, O_PATH | O_NOFOLLOW | O_CLOEXEC));
}

static void open_all(const struct fixture *f)
{
	for (size_t i = 0; i < N(open_cases); i++) {
		const struct open_case *c = &open_cases[i];
		int flags = c->flags ? c->flags : O_PATH, fd;
		struct answer want = wanted(f, c), got;

		fd = c->nofollow ? path_open_in_nofollow(f->root_fd, c->path, flags)
				 : path_open_in(f->root_fd, c->path, flags);
		got = answer_of(fd);
		if (!same(&want, &got))
			fail_msg("\"%s\" flags %o: got %d, want %d (%s)", c->path, flags, got.err,
				 want.err, c->is ? c->is : "-");
	}
}

/* Each case of a test runs under both resolvers and leaves no fd behind. */
static void both(const struct fixture *f, void (*run)(const struct fixture *f))
{
	for (int walk = 0; walk < 2; walk++) {
		int before = scratch_open_fds();

		path_test_force_walk(walk);
		run(f);
		path_test_force_walk(false);
		assert_int_equal(scratch_open_fds(), before);
	}
}

static void test_open(void **state)
{
	both(*state, open_all);
}

static void open_long(const struct fixture *f)
{
	char name[NAME_MAX + 2], path[PATH_MAX + 10];

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(path_open_in(f->root_fd, name, O_PATH), -ENAMETOOLONG);
	memset(path, '/', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(path_open_in(f->root_fd, path, O_PATH), -ENAMETOOLONG);
	path[PATH_MAX - 1] = '\0';
	assert_int_equal(answer_of(path_open_in(f->root_fd, path, O_PATH)).err, 0);
	assert_int_equal(path_open_in(-EBADF, "etc", O_PATH), -EBADF);
}

static void test_open_long(void **state)
{
	both(*state, open_long);
}

/* Links of procfs: the plain ones lead inside, the magic ones nowhere. */
static void open_proc(const struct fixture *f)
{
	static const char *const magic[] = {
		"proc/self/root",	  "proc/self/root/etc/passwd",
		"proc/self/cwd",	  "proc/self/exe",
		"proc/self/fd/0",	  "proc/self/ns/mnt",
		"proc/thread-self/root/", "procroot",
		"procroot/etc",		  "proc/self/task/../cwd/.",
	};

	for (size_t i = 0; i < N(magic); i++) {
		struct answer a = answer_of(path_open_in(f->root_fd, magic[i], O_PATH));

		if (a.err != -ELOOP)
			fail_msg("\"%s\": got %d, want ELOOP", magic[i], a.err);
	}
	/* Of another process, which this one may not be allowed to look into. */
	assert_true(answer_of(path_open_in(f->root_fd, "proc/1/root", O_PATH)).err < 0);
	assert_int_equal(answer_of(path_open_in(f->root_fd, "proc/self/stat", O_RDONLY)).err, 0);
	assert_int_equal(answer_of(path_open_in(f->root_fd, "proc/mounts", O_RDONLY)).err, 0);
	assert_int_equal(answer_of(path_open_in(f->root_fd, "proc/../etc/passwd", O_PATH)).err, 0);
	/* The link itself may be had. */
	assert_int_equal(answer_of(path_open_in_nofollow(f->root_fd, "proc/self/root", O_PATH)).err,
			 0);
	assert_int_equal(path_mkdirs_in(f->root_fd, "procroot/tmp/x", 0755), -ELOOP);
	assert_int_equal(path_mkfile_in(f->root_fd, "proc/self/cwd/x", 0644), -ELOOP);
}

static void test_proc(void **state)
{
	const struct fixture *f = *state;

	if (!f->has_proc)
		skip();
	both(f, open_proc);
}

static void check_dir(const struct fixture *f, const char *path, mode_t mode)
{
	char full[PATH_MAX];
	struct stat st;

	snprintf(full, sizeof(full), "root/%s", path);
	if (fstatat(f->s.fd, full, &st, AT_SYMLINK_NOFOLLOW) < 0)
		fail_msg("%s is missing", full);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(st.st_mode & 07777, mode);
}

static void remove_in(const struct fixture *f, const char *path, bool is_dir)
{
	assert_int_equal(unlinkat(f->root_fd, path, is_dir ? AT_REMOVEDIR : 0), 0);
}

static struct answer made(const struct fixture *f, int fd, const char *path)
{
	const struct open_case c = {path, path, 0, 0, false};
	struct answer a = answer_of(fd), want = wanted(f, &c);

	if (!same(&a, &want))
		fail_msg("%s: not the fd of it (%d)", path, a.err);
	return a;
}

static void mkdirs(const struct fixture *f)
{
	mode_t old = umask(077);

	made(f, path_mkdirs_in(f->root_fd, "/", 0755), "");
	made(f, path_mkdirs_in(f->root_fd, "/a/b/", 0700), "a/b");
	check_dir(f, "a/b", 0755);
	made(f, path_mkdirs_in(f->root_fd, "/n1/n2//n3/.", 01777), "n1/n2/n3");
	check_dir(f, "n1", 01777);
	check_dir(f, "n1/n2/n3", 01777);
	made(f, path_mkdirs_in(f->root_fd, "n1/n4/../n5", 0755), "n1/n5");
	made(f, path_mkdirs_in(f->root_fd, "rel/in", 0711), "a/b/in");
	check_dir(f, "a/b/in", 0711);
	made(f, path_mkdirs_in(f->root_fd, "dangling/more", 0755), "missing/deep/end/more");
	made(f, path_mkdirs_in(f->root_fd, "a/dangling", 0750), "made/by/link");
	check_dir(f, "made/by", 0750);
	made(f, path_mkdirs_in(f->root_fd, "climb/../../../n6", 0755), "n6");
	made(f, path_mkdirs_in(f->root_fd, "out/x", 0755), "outside/secret/x");
	assert_int_equal(path_mkdirs_in(f->root_fd, "etc/passwd", 0755), -ENOTDIR);
	assert_int_equal(path_mkdirs_in(f->root_fd, "etc/passwd/x", 0755), -ENOTDIR);
	assert_int_equal(path_mkdirs_in(f->root_fd, "file/x", 0755), -ENOTDIR);
	assert_int_equal(path_mkdirs_in(f->root_fd, "loop", 0755), -ELOOP);
	assert_int_equal(path_mkdirs_in(f->root_fd, "loop_a/x", 0755), -ELOOP);
	assert_int_equal(path_mkdirs_in(f->root_fd, "z1/x", 0755), -ELOOP);
	assert_int_equal(path_mkdirs_in(f->root_fd, "", 0755), -ENOENT);
	assert_int_equal(umask(old), 077);
	static const char *const gone[] = {"n1/n2/n3",
					   "n1/n2",
					   "n1/n4",
					   "n1/n5",
					   "n1",
					   "a/b/in",
					   "missing/deep/end/more",
					   "missing/deep/end",
					   "missing/deep",
					   "missing",
					   "made/by/link",
					   "made/by",
					   "made",
					   "n6",
					   "outside/secret/x",
					   "outside/secret",
					   "outside"};
	for (size_t i = 0; i < N(gone); i++)
		remove_in(f, gone[i], true);
}

static void test_mkdirs(void **state)
{
	both(*state, mkdirs);
}

static void mkfile(const struct fixture *f)
{
	mode_t old = umask(077);
	struct stat st;

	made(f, path_mkfile_in(f->root_fd, "/m1/m2/f", 0644), "m1/m2/f");
	assert_int_equal(fstatat(f->root_fd, "m1/m2/f", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0644);
	check_dir(f, "m1/m2", 0755);
	made(f, path_mkfile_in(f->root_fd, "etc/passwd", 0600), "etc/passwd");
	assert_int_equal(fstatat(f->root_fd, "etc/passwd", &st, 0), 0);
	assert_int_equal(st.st_size, 6);
	assert_int_equal(st.st_mode & 07777, 0644);
	made(f, path_mkfile_in(f->root_fd, "file", 0600), "etc/passwd");
	made(f, path_mkfile_in(f->root_fd, "dangling_file", 0600), "newfile");
	made(f, path_mkfile_in(f->root_fd, "dangling", 0600), "missing/deep/end");
	assert_int_equal(path_mkfile_in(f->root_fd, "etc", 0644), -EISDIR);
	assert_int_equal(path_mkfile_in(f->root_fd, "etc/", 0644), -EISDIR);
	assert_int_equal(path_mkfile_in(f->root_fd, "rel", 0644), -EISDIR);
	assert_int_equal(path_mkfile_in(f->root_fd, "/", 0644), -EISDIR);
	assert_int_equal(path_mkfile_in(f->root_fd, "none/", 0644), -EISDIR);
	assert_int_equal(path_mkfile_in(f->root_fd, "etc/passwd/x", 0644), -ENOTDIR);
	assert_int_equal(path_mkfile_in(f->root_fd, "loop", 0644), -ELOOP);
	umask(old);
	remove_in(f, "m1/m2/f", false);
	remove_in(f, "m1/m2", true);
	remove_in(f, "m1", true);
	remove_in(f, "newfile", false);
	remove_in(f, "missing/deep/end", false);
	remove_in(f, "missing/deep", true);
	remove_in(f, "missing", true);
}

static void test_mkfile(void **state)
{
	both(*state, mkfile);
}

static void parent(const struct fixture *f)
{
	char name[NAME_MAX + 1], big[NAME_MAX + 2];

	made(f, path_parent_in(f->root_fd, "/etc/passwd", false, name), "etc");
	assert_string_equal(name, "passwd");
	made(f, path_parent_in(f->root_fd, "name", false, name), "");
	assert_string_equal(name, "name");
	made(f, path_parent_in(f->root_fd, "/name", false, name), "");
	made(f, path_parent_in(f->root_fd, "rel/up", false, name), "a/b");
	assert_string_equal(name, "up");
	made(f, path_parent_in(f->root_fd, "p1/p2/n", true, name), "p1/p2");
	check_dir(f, "p1", 0755);
	remove_in(f, "p1/p2", true);
	remove_in(f, "p1", true);
	assert_int_equal(path_parent_in(f->root_fd, "p1/n", false, name), -ENOENT);
	assert_int_equal(path_parent_in(f->root_fd, "etc/passwd/n", true, name), -ENOTDIR);
	assert_int_equal(path_parent_in(f->root_fd, "/", false, name), -EINVAL);
	assert_int_equal(path_parent_in(f->root_fd, "", false, name), -EINVAL);
	assert_int_equal(path_parent_in(f->root_fd, "etc/", false, name), -EINVAL);
	assert_int_equal(path_parent_in(f->root_fd, "etc/.", false, name), -EINVAL);
	assert_int_equal(path_parent_in(f->root_fd, "etc/..", false, name), -EINVAL);
	memset(big, 'n', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	assert_int_equal(path_parent_in(f->root_fd, big, false, name), -ENAMETOOLONG);
}

static void test_parent(void **state)
{
	both(*state, parent);
}

static void test_clean(void **state)
{
	static const char *const cases[][2] = {
		{"", "/"},
		{"/", "/"},
		{"//", "/"},
		{"a", "/a"},
		{"/a/b/", "/a/b"},
		{"a//b", "/a/b"},
		{"/./a/./", "/a"},
		{"..", "/"},
		{"/../../a", "/a"},
		{"/a/..", "/"},
		{"/a/b/..", "/a"},
		{"/a/b/../../..", "/"},
		{"/a/../b/./c//", "/b/c"},
		{"...", "/..."},
		{"/a/..b", "/a/..b"},
		{"/.", "/"},
	};
	char out[16], big[40];

	(void)state;
	for (size_t i = 0; i < N(cases); i++) {
		assert_int_equal(path_clean(cases[i][0], out, sizeof(out)), strlen(cases[i][1]));
		assert_string_equal(out, cases[i][1]);
	}
	assert_int_equal(path_clean("/23456789012345", out, sizeof(out)), 15);
	assert_int_equal(path_clean("/234567890123456", out, sizeof(out)), -ENAMETOOLONG);
	assert_int_equal(path_clean("/", out, 1), -ENAMETOOLONG);
	assert_int_equal(path_clean("/", out, 2), 1);
	memset(big, 'a', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	assert_int_equal(path_clean(big, out, sizeof(out)), -ENAMETOOLONG);
}

static void test_is_name(void **state)
{
	(void)state;
	assert_true(path_is_name("a"));
	assert_true(path_is_name("..."));
	assert_true(path_is_name(".a"));
	assert_false(path_is_name(""));
	assert_false(path_is_name("."));
	assert_false(path_is_name(".."));
	assert_false(path_is_name("a/"));
	assert_false(path_is_name("/a"));
}

/* Nothing of all that has touched what lies beside the root. */
static void test_outside_is_whole(void **state)
{
	const struct fixture *f = *state;
	char text[16] = "";
	AUTO_FD fd = openat(f->s.fd, "outside/secret", O_RDONLY | O_CLOEXEC);

	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	assert_string_equal(text, "secret");
	assert_int_equal(faccessat(f->s.fd, "outside/secret/x", F_OK, 0), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_open_long),
		cmocka_unit_test(test_proc),
		cmocka_unit_test(test_mkdirs),
		cmocka_unit_test(test_mkfile),
		cmocka_unit_test(test_parent),
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_is_name),
		cmocka_unit_test(test_outside_is_whole),
	};

	return cmocka_run_group_tests_name("base/path", tests, set_up, tear_down);
}
