/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of checkpoint/mig_tree: after the last round the destination's tree is the source's, to the
 * bit, whatever is in it and whatever happened to it between the rounds. */
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include "mig_tree_help.h"

/* A tree with one of everything. */
static void put_everything(int fd)
{
	static const unsigned char cap[20] = {1, 0, 0, 2, 0, 4};
	/* user::rw- user:1000:r-- group::r-- mask::r-- other::--- */
	static const unsigned char acl[] = {
		2, 0,	 0,    0,    1,	   0,	 6,  0, 0xff, 0xff, 0xff, 0xff, 2,    0,   4,
		0, 0xe8, 3,    0,    0,	   4,	 0,  4, 0,    0xff, 0xff, 0xff, 0xff, 16,  0,
		4, 0,	 0xff, 0xff, 0xff, 0xff, 32, 0, 0,    0,    0xff, 0xff, 0xff, 0xff};
	const struct timespec times[2] = {{1, 2}, {1234567890, 123456789}};
	char name[256];

	put_text(fd, "file", "contents");
	put_text(fd, "empty", "");
	put_text(fd, "setuid", "#!");
	assert_int_equal(fchownat(fd, "setuid", 1000, 100, 0), 0);
	assert_int_equal(fchmodat(fd, "setuid", 06751, 0), 0);
	assert_int_equal(symlinkat("/etc/pass\nwd", fd, "link"), 0);
	assert_int_equal(fchownat(fd, "link", 12, 34, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(utimensat(fd, "link", times, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(mkdirat(fd, "dir", 01777), 0);
	assert_int_equal(mkdirat(fd, "dir/below", 0), 0);
	put_text(fd, "dir/below/file", "x");
	assert_int_equal(linkat(fd, "file", fd, "dir/hard", 0), 0);
	assert_int_equal(linkat(fd, "link", fd, "dir/hardlink", 0), 0);
	assert_int_equal(mkfifoat(fd, "fifo", 0640), 0);
	assert_int_equal(mknodat(fd, "socket", S_IFSOCK | 0755, 0), 0);
	assert_int_equal(mknodat(fd, "whiteout", S_IFCHR, makedev(0, 0)), 0);
	assert_int_equal(mknodat(fd, "null", S_IFCHR | 0666, makedev(1, 3)), 0);
	assert_int_equal(mknodat(fd, "disk", S_IFBLK | 0660, makedev(259, 70000)), 0);
	memset(name, 'n', 255);
	name[255] = '\0';
	put_text(fd, name, "long");
	put_text(fd, "odd \"name\"\n\xff", "odd");
	assert_int_equal(fsetxattr(fd, "trusted.overlay.opaque", "y", 1, 0), 0);
	int x = openat(fd, "file", O_RDONLY | O_CLOEXEC);

	assert_int_equal(fsetxattr(x, "trusted.overlay.redirect", "/a", 2, 0), 0);
	assert_int_equal(fsetxattr(x, "user.empty", "", 0, 0), 0);
	assert_int_equal(fsetxattr(x, "system.posix_acl_access", acl, sizeof(acl), 0), 0);
	close(x);
	x = openat(fd, "setuid", O_RDONLY | O_CLOEXEC);
	assert_int_equal(fsetxattr(x, "security.capability", cap, sizeof(cap), 0), 0);
	close(x);
	x = openat(fd, "dir", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(fsetxattr(x, "system.posix_acl_default", acl, sizeof(acl), 0), 0);
	close(x);
	assert_int_equal(utimensat(fd, "dir/below", times, 0), 0);
	assert_int_equal(utimensat(fd, "dir", times, 0), 0);
	assert_int_equal(futimens(fd, times), 0);
}

static void everything_arrives(void **state)
{
	struct pair p = pair_new();

	(void)state;
	put_everything(p.from_fd);
	pair_open(&p);
	round_ok(&p, false);
	same_trees(&p);
	round_ok(&p, true);
	same_trees(&p);
	assert_int_equal(p.count.entries, 0);
	assert_int_equal(p.count.bytes, 0);
	pair_done(&p);
}

/* So long that no change of before is so young that it might be taken again. */
static void let_time_pass(void)
{
	usleep(80000);
}

static void what_stands_still_is_not_read_again(void **state)
{
	struct pair p = pair_new();

	(void)state;
	put_everything(p.from_fd);
	pair_open(&p);
	round_ok(&p, false);
	/* All of it is young: a change in the same tick of the clock would show the same ctime. */
	round_ok(&p, false);
	assert_true(p.count.files >= 4);
	assert_int_equal(p.count.entries, 0);
	let_time_pass();
	round_ok(&p, false);
	round_ok(&p, false);
	assert_int_equal(p.count.files, 0);
	assert_true(p.wire < 2000);
	/* Metadata alone: the contents are read and not sent. */
	assert_int_equal(fchmodat(p.from_fd, "file", 0600, 0), 0);
	round_ok(&p, true);
	assert_int_equal(p.count.files, 1);
	assert_int_equal(p.count.entries, 1);
	assert_int_equal(p.count.bytes, 0);
	same_trees(&p);
	pair_done(&p);
}

static void changes_between_rounds_arrive(void **state)
{
	struct pair p = pair_new();
	const int fd = p.from_fd;

	(void)state;
	put_everything(fd);
	assert_int_equal(mkdirat(fd, "tree", 0755), 0);
	assert_int_equal(mkdirat(fd, "tree/sub", 0755), 0);
	put_text(fd, "tree/sub/one", "one");
	put_text(fd, "log", "log 0");
	put_text(fd, "log.1", "log 1 is longer");
	put_text(fd, "log.2", "log 2");
	put_text(fd, "kind", "a file");
	assert_int_equal(symlinkat("here", fd, "points"), 0);
	pair_open(&p);
	round_ok(&p, false);
	let_time_pass();

	/* Rotated: everything changes its name, one goes. */
	assert_int_equal(renameat(fd, "log.1", fd, "log.2"), 0);
	assert_int_equal(renameat(fd, "log", fd, "log.1"), 0);
	put_text(fd, "log", "new");
	/* A directory with all that is in it, and one more link to what was sent long ago. */
	assert_int_equal(renameat(fd, "tree/sub", fd, "dir/sub"), 0);
	assert_int_equal(linkat(fd, "setuid", fd, "dir/sub/setuid", 0), 0);
	/* Two change places. */
	assert_int_equal(renameat2(fd, "file", fd, "empty", RENAME_EXCHANGE), 0);
	/* Another kind, another target, another device. */
	assert_int_equal(unlinkat(fd, "kind", 0), 0);
	assert_int_equal(mkdirat(fd, "kind", 0700), 0);
	put_text(fd, "kind/file", "in what was one");
	assert_int_equal(unlinkat(fd, "points", 0), 0);
	assert_int_equal(symlinkat("there", fd, "points"), 0);
	assert_int_equal(unlinkat(fd, "whiteout", 0), 0);
	assert_int_equal(mknodat(fd, "whiteout", S_IFCHR, makedev(5, 1)), 0);
	round_ok(&p, false);
	assert_int_equal(p.count.bytes, strlen("new") + strlen("in what was one"));
	same_trees(&p);
	let_time_pass();

	/* And a directory becomes a file, a link goes, attributes change. */
	assert_int_equal(unlinkat(fd, "kind/file", 0), 0);
	assert_int_equal(unlinkat(fd, "kind", AT_REMOVEDIR), 0);
	put_text(fd, "kind", "a file again");
	assert_int_equal(unlinkat(fd, "dir/hard", 0), 0);
	int x = openat(fd, "empty", O_RDONLY | O_CLOEXEC);

	assert_int_equal(fremovexattr(x, "user.empty"), 0);
	assert_int_equal(fremovexattr(x, "system.posix_acl_access"), 0);
	assert_int_equal(fsetxattr(x, "user.new", "value", 5, 0), 0);
	close(x);
	/* It gets an ACL from its directory on the destination, or it does not. */
	put_text(fd, "dir/inherits", "");
	x = openat(fd, "dir/inherits", O_RDONLY | O_CLOEXEC);
	assert_int_equal(fremovexattr(x, "system.posix_acl_access"), 0);
	close(x);
	assert_int_equal(renameat(fd, "dir/sub/one", fd, "out"), 0);
	assert_int_equal(unlinkat(fd, "dir/sub/setuid", 0), 0);
	assert_int_equal(unlinkat(fd, "dir/sub", AT_REMOVEDIR), 0);
	round_ok(&p, true);
	assert_int_equal(p.count.bytes, strlen("a file again"));
	same_trees(&p);
	pair_done(&p);
}

/* ---- contents ---- */

static void only_blocks_that_changed_are_sent(void **state)
{
	struct pair p = pair_new();
	const size_t n = (8 << 20) + 1000;
	char *data = noise(n, 1);

	(void)state;
	put_file(p.from_fd, "data", data, n);
	pair_open(&p);
	round_ok(&p, false);
	assert_int_equal(p.count.bytes, n);
	same_trees(&p);
	poke(p.from_fd, "data", 3 << 20, "x");
	poke(p.from_fd, "data", (5 << 20) - 1, "across");
	round_ok(&p, false);
	assert_int_equal(p.count.bytes, 3 * 65536);
	same_trees(&p);
	/* Longer by a little, in the last block. */
	poke(p.from_fd, "data", (off_t)n, "more");
	round_ok(&p, false);
	assert_int_equal(p.count.bytes, 1004);
	same_trees(&p);
	/* Shorter; and shorter, then longer by a hole. */
	int fd = openat(p.from_fd, "data", O_RDWR | O_CLOEXEC);

	assert_int_equal(ftruncate(fd, 65536 * 3 + 5), 0);
	round_ok(&p, false);
	assert_int_equal(p.count.bytes, 5);
	same_trees(&p);
	assert_int_equal(ftruncate(fd, 70000), 0);
	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	round_ok(&p, true);
	assert_true(p.count.bytes <= 65536);
	same_trees(&p);
	close(fd);
	free(data);
	pair_done(&p);
}

static blkcnt_t blocks(int dir_fd, const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(dir_fd, name, &st, 0), 0);
	return st.st_blocks;
}

static void what_is_sparse_stays_sparse(void **state)
{
	struct pair p = pair_new();
	char *data = noise(1 << 20, 2), *zeros = calloc(1, 1 << 20);

	(void)state;
	put_text(p.from_fd, "holes", "begin");
	poke(p.from_fd, "holes", 1000000, "middle");
	poke(p.from_fd, "holes", (off_t)3 << 40, "end");
	put_text(p.from_fd, "all", "");
	put_file(p.from_fd, "zeros", zeros, 1 << 20);
	put_file(p.from_fd, "dense", data, 1 << 20);
	int fd = openat(p.from_fd, "all", O_WRONLY | O_CLOEXEC);

	assert_int_equal(ftruncate(fd, (off_t)1 << 40), 0);
	close(fd);
	fd = openat(p.from_fd, "holes", O_RDONLY | O_CLOEXEC);
	if (lseek(fd, 200000, SEEK_DATA) == 200000)
		skip();
	close(fd);
	pair_open(&p);
	round_ok(&p, false);
	assert_int_equal(blocks(p.to_fd, "holes"), blocks(p.from_fd, "holes"));
	assert_int_equal(blocks(p.to_fd, "all"), 0);
	assert_int_equal(blocks(p.to_fd, "zeros"), blocks(p.from_fd, "zeros"));
	assert_true(p.wire < (1 << 20) + 100000);
	let_time_pass();

	/* Contents become a hole, in part of a block and over many; a hole becomes contents. */
	fd = openat(p.from_fd, "dense", O_RDWR | O_CLOEXEC);
	assert_int_equal(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096, 300000),
			 0);
	assert_int_equal(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 524288, 65536),
			 0);
	close(fd);
	poke(p.from_fd, "all", 12345678, "here");
	round_ok(&p, true);
	assert_int_equal(blocks(p.to_fd, "dense"), blocks(p.from_fd, "dense"));
	assert_int_equal(blocks(p.to_fd, "all"), blocks(p.from_fd, "all"));
	/* Not by same_trees(): nobody reads terabytes of nothing. */
	for (int i = 0; i < 2; i++) {
		char text[8] = "";

		fd = openat(p.to_fd, i ? "holes" : "all", O_RDONLY | O_CLOEXEC);
		assert_true(pread(fd, text, i ? 3 : 4, i ? (off_t)3 << 40 : 12345678) > 0);
		assert_string_equal(text, i ? "end" : "here");
		close(fd);
		assert_int_equal(unlinkat(p.from_fd, i ? "holes" : "all", 0), 0);
		assert_int_equal(unlinkat(p.to_fd, i ? "holes" : "all", 0), 0);
	}
	{
		char a[96], b[96];

		for (int i = 0; i < 2; i++) {
			const char *name = i ? "dense" : "zeros";

			snprintf(a, sizeof(a), "%s/from/%s", p.dir, name);
			snprintf(b, sizeof(b), "%s/to/%s", p.dir, name);
			same_node(a, b, &(struct pairs){0});
		}
	}
	free(data);
	free(zeros);
	pair_done(&p);
}

/* ---- while it is being read ---- */

/* At the first piece of the large file, of which the source has then read a few MiB at most. */
static void append_once(struct mig_frame *f, void *ctx)
{
	struct pair *p = ctx;

	if (f->type != MIG_FS_DATA)
		return;
	poke(p->from_fd, "large", 0, "changed at its beginning");
	p->spoil = NULL;
}

static void a_change_during_a_round_is_for_the_next(void **state)
{
	struct pair p = pair_new();
	char *data = noise(32 << 20, 3);

	(void)state;
	put_file(p.from_fd, "large", data, 32 << 20);
	pair_open(&p);
	p.spoil = append_once;
	p.ctx = &p;
	round_ok(&p, false);
	assert_true(p.count.unsettled >= 1);
	round_ok(&p, false);
	assert_int_equal(p.count.unsettled, 0);
	assert_int_equal(p.count.bytes, 65536);
	same_trees(&p);
	/* When nothing may change any more it is an error. */
	free(data);
	data = noise(32 << 20, 4);
	put_file(p.from_fd, "large", data, 32 << 20);
	p.spoil = append_once;
	assert_int_equal(pair_round(&p, true), -EBUSY);
	assert_string_equal(p.source_err.text,
			    "the root: \"large\" changed while the container stood still: somebody "
			    "else writes there");
	assert_false(mig_sink_is_complete(p.sink));
	/* Nobody knows what has arrived. */
	assert_int_equal(pair_round(&p, true), -EINVAL);
	free(data);
	pair_done(&p);
}

/* Whether somebody has it open for writing. */
static bool is_written(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	bool is = fcntl(fd, F_SETLEASE, F_RDLCK) < 0;

	if (is)
		assert_int_equal(errno, EAGAIN);
	close(fd);
	return is;
}

static void what_is_complete_can_be_run(void **state)
{
	struct pair p = pair_new();

	(void)state;
	put_file(p.from_fd, "program", "the last that was written", 25);
	pair_open(&p);
	round_ok(&p, false);
	round_ok(&p, true);
	same_trees(&p);
	assert_false(is_written(p.to_fd, "program"));
	pair_done(&p);
}

static void replace_large(struct mig_frame *f, void *ctx)
{
	struct pair *p = ctx;

	if (f->type != MIG_FS_DATA)
		return;
	assert_int_equal(unlinkat(p->from_fd, "large", 0), 0);
	for (int i = 0; i < 50; i++) {
		char name[32];

		snprintf(name, sizeof(name), "sub/%d", i);
		(void)unlinkat(p->from_fd, name, 0);
	}
	(void)unlinkat(p->from_fd, "sub", AT_REMOVEDIR);
	assert_int_equal(symlinkat("/etc", p->from_fd, "sub"), 0);
	p->spoil = NULL;
}

static void what_vanishes_during_a_round_is_gone_in_the_next(void **state)
{
	struct pair p = pair_new();
	char *data = noise(32 << 20, 5);

	(void)state;
	put_file(p.from_fd, "large", data, 32 << 20);
	assert_int_equal(mkdirat(p.from_fd, "sub", 0755), 0);
	for (int i = 0; i < 50; i++) {
		char name[32];

		snprintf(name, sizeof(name), "sub/%d", i);
		put_text(p.from_fd, name, name);
	}
	pair_open(&p);
	p.spoil = replace_large;
	p.ctx = &p;
	round_ok(&p, false);
	round_ok(&p, true);
	same_trees(&p);
	free(data);
	pair_done(&p);
}

/* What a mapping writes after the first time leaves no trace at the file. */
static void a_mapped_file_is_read_again(void **state)
{
	struct pair p = pair_new();
	struct stat before, after;
	char text[16] = "";

	(void)state;
	put_text(p.from_fd, "mapped", "0123456789");
	int fd = openat(p.from_fd, "mapped", O_RDWR | O_CLOEXEC);
	char *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	assert_true(map != MAP_FAILED);
	memcpy(map, "first", 5);
	let_time_pass();
	pair_open(&p);
	assert_int_equal(fstat(fd, &before), 0);
	mig_tree_mark(p.tree);
	mig_tree_suspect(p.tree, before.st_ino);
	round_ok(&p, false);
	memcpy(map, "again", 5);
	round_ok(&p, true);
	assert_int_equal(fstat(fd, &after), 0);
	/* Otherwise this test shows nothing. */
	if (after.st_ctim.tv_sec == before.st_ctim.tv_sec &&
	    after.st_ctim.tv_nsec == before.st_ctim.tv_nsec)
		assert_int_equal(p.count.files, 1);
	int to = openat(p.to_fd, "mapped", O_RDONLY | O_CLOEXEC);

	assert_int_equal(read(to, text, 10), 10);
	assert_string_equal(text, "again56789");
	close(to);
	munmap(map, 4096);
	close(fd);
	pair_done(&p);
}

static void everything_arrives_without_openat2(void **state)
{
	mig_fs_test_force_walk(true);
	everything_arrives(state);
	changes_between_rounds_arrive(state);
	mig_fs_test_force_walk(false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_arrives),
		cmocka_unit_test(what_stands_still_is_not_read_again),
		cmocka_unit_test(changes_between_rounds_arrive),
		cmocka_unit_test(only_blocks_that_changed_are_sent),
		cmocka_unit_test(what_is_sparse_stays_sparse),
		cmocka_unit_test(what_is_complete_can_be_run),
		cmocka_unit_test(a_change_during_a_round_is_for_the_next),
		cmocka_unit_test(what_vanishes_during_a_round_is_gone_in_the_next),
		cmocka_unit_test(a_mapped_file_is_read_again),
		cmocka_unit_test(everything_arrives_without_openat2),
	};

	/* Devices, owners, trusted attributes. */
	if (geteuid() != 0) {
		print_message("1..0 # SKIP not root\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
