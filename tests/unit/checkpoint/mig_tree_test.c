/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of checkpoint/mig_tree: after the last round the destination's tree is the source's, to the
 * bit, whatever is in it and whatever happened to it between the rounds. */
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_arrives),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
