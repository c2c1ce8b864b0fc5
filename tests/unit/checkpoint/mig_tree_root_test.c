/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of checkpoint/mig_tree: where a tree begins and ends, how deep it may be, what it is
 * estimated to be, and whether it is the same storage on both hosts. */
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include "mig_tree_help.h"

static void the_root_may_be_a_file(void **state)
{
	struct pair p = pair_new();
	struct stat before, after;

	(void)state;
	put_text(p.from_fd, "file", "contents of the volume");
	put_text(p.to_fd, "file", "something older that is longer than the new contents");
	assert_int_equal(fchownat(p.from_fd, "file", 5, 6, 0), 0);
	int from = openat(p.from_fd, "file", O_PATH | O_CLOEXEC);
	int to = openat(p.to_fd, "file", O_PATH | O_CLOEXEC), dir[2] = {p.from_fd, p.to_fd};

	assert_int_equal(fstat(to, &before), 0);
	p.from_fd = from;
	p.to_fd = to;
	pair_open(&p);
	round_ok(&p, false);
	poke(dir[0], "file", 3, "!!!");
	round_ok(&p, true);
	/* Who has it open, or bound somewhere, sees it. */
	assert_int_equal(fstat(to, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(after.st_uid, 5);
	{
		char a[96], b[96];

		snprintf(a, sizeof(a), "%s/from/file", p.dir);
		snprintf(b, sizeof(b), "%s/to/file", p.dir);
		same_node(a, b, &(struct pairs){0});
	}
	close(from);
	close(to);
	p.from_fd = dir[0];
	p.to_fd = dir[1];
	pair_done(&p);
}

static void roots_of_two_kinds_are_an_error(void **state)
{
	struct pair p = pair_new();

	(void)state;
	put_text(p.from_fd, "file", "");
	int from = openat(p.from_fd, "file", O_PATH | O_CLOEXEC);

	close(p.from_fd);
	p.from_fd = from;
	pair_open(&p);
	assert_int_equal(pair_round(&p, false), -EBADMSG);
	assert_string_equal(p.sink_err.text, "the root: it is a directory here and not there");
	pair_done(&p);
}

static void mounts_below_are_not_part_of_it(void **state)
{
	struct pair p = pair_new();
	char path[4][128];

	(void)state;
	for (int i = 0; i < 4; i++)
		snprintf(path[i], sizeof(path[i]), "%s/from/%s", p.dir,
			 (const char *[]){"tmpfs", "bound", "file", "source"}[i]);
	for (int i = 0; i < 4; i++)
		if (i != 2)
			assert_int_equal(mkdir(path[i], 0755), 0);
	put_text(p.from_fd, "file", "under the mount");
	put_text(p.from_fd, "source/file", "a volume's");
	if (mount("none", path[0], "tmpfs", 0, "mode=0711") < 0)
		skip();
	char file[136];

	snprintf(file, sizeof(file), "%s/file", path[3]);
	assert_int_equal(mount(file, path[2], NULL, MS_BIND, NULL), 0);
	assert_int_equal(mount(path[3], path[1], NULL, MS_BIND, NULL), 0);
	put_text(p.from_fd, "tmpfs/inside", "not to be seen");
	pair_open(&p);
	round_ok(&p, false);
	round_ok(&p, true);
	assert_int_equal(faccessat(p.to_fd, "tmpfs", F_OK, 0), 0);
	assert_int_equal(faccessat(p.to_fd, "tmpfs/inside", F_OK, 0), -1);
	assert_int_equal(faccessat(p.to_fd, "bound", F_OK, 0), 0);
	assert_int_equal(faccessat(p.to_fd, "bound/file", F_OK, 0), -1);
	assert_int_equal(faccessat(p.to_fd, "source/file", F_OK, 0), 0);
	struct stat st;

	/* No hard link to what was bound there. */
	assert_int_equal(fstatat(p.to_fd, "file", &st, 0), 0);
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(st.st_size, 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(umount(path[i]), 0);
	pair_done(&p);
}

/* Deeper than a path is long. */
static void deep_trees_arrive(int n, bool is_walk)
{
	struct pair p = pair_new();
	char name[201];
	int fd = dup(p.from_fd), to;

	memset(name, 'd', 200);
	name[200] = '\0';
	for (int i = 0; i < n; i++) {
		assert_int_equal(mkdirat(fd, name, 0755), 0);
		int below = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		close(fd);
		fd = below;
	}
	put_text(fd, "bottom", "here");
	mig_fs_test_force_walk(is_walk);
	pair_open(&p);
	round_ok(&p, false);
	put_text(fd, "bottom", "there");
	close(fd);
	round_ok(&p, true);
	mig_fs_test_force_walk(false);
	to = dup(p.to_fd);
	for (int i = 0; i < n; i++) {
		int below = openat(to, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		assert_true(below >= 0);
		close(to);
		to = below;
	}
	fd = openat(to, "bottom", O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, name, 200), 5);
	assert_memory_equal(name, "there", 5);
	close(fd);
	close(to);
	pair_done(&p);
}

static void trees_deeper_than_paths_arrive(void **state)
{
	(void)state;
	deep_trees_arrive(60, false);
	deep_trees_arrive(60, true);
}

static void estimates(void **state)
{
	struct pair p = pair_new();
	struct mig_tree_count c;
	struct err e = ERR_INIT;
	char *data = noise(100000, 6);

	(void)state;
	assert_int_equal(mkdirat(p.from_fd, "a", 0755), 0);
	assert_int_equal(mkdirat(p.from_fd, "a/b", 0755), 0);
	put_file(p.from_fd, "a/b/data", data, 100000);
	assert_int_equal(linkat(p.from_fd, "a/b/data", p.from_fd, "link", 0), 0);
	poke(p.from_fd, "a/b/data", 1 << 30, "far");
	pair_open(&p);
	assert_int_equal(mig_tree_estimate(p.tree, &c, &e), 0);
	assert_int_equal(c.entries, 5);
	assert_in_range(c.bytes, 100000, 140000);
	free(data);
	pair_done(&p);
}

static void probes_show_what_is_shared(void **state)
{
	struct pair p = pair_new();
	struct mig_probe probe, other;
	struct err e = ERR_INIT;
	struct stat st;

	(void)state;
	int same = openat(p.from_fd, ".", O_PATH | O_CLOEXEC);

	assert_int_equal(mig_tree_probe_write(same, &probe, &e), 0);
	assert_true(mig_tree_probe_look(same, &probe));
	assert_false(mig_tree_probe_look(p.to_fd, &probe));
	/* A copy of an earlier one, and a name that is none. */
	other = probe;
	other.text[0] = other.text[0] == 'a' ? 'b' : 'a';
	assert_false(mig_tree_probe_look(same, &other));
	put_text(p.from_fd, "file", probe.text);
	other = probe;
	(void)str_copy(other.name, sizeof(other.name), "file");
	assert_false(mig_tree_probe_look(same, &other));
	(void)str_copy(other.name, sizeof(other.name), ".stiva-probe-/../file");
	assert_false(mig_tree_probe_look(same, &other));
	mig_tree_probe_remove(same, &probe);
	assert_int_equal(fstatat(same, probe.name, &st, 0), -1);
	close(same);
	int file = openat(p.from_fd, "file", O_PATH | O_CLOEXEC);

	assert_int_equal(mig_tree_probe_write(file, &probe, &e), -ENOTDIR);
	close(file);
	pair_done(&p);
}

/* In a mount namespace of its own, if it may have one. */
static int own_mounts(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNS) == 0)
		(void)mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_root_may_be_a_file),
		cmocka_unit_test(roots_of_two_kinds_are_an_error),
		cmocka_unit_test(mounts_below_are_not_part_of_it),
		cmocka_unit_test(trees_deeper_than_paths_arrive),
		cmocka_unit_test(estimates),
		cmocka_unit_test(probes_show_what_is_shared),
	};

	/* Devices, owners, trusted attributes. */
	if (geteuid() != 0) {
		print_message("1..0 # SKIP not root\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, own_mounts, NULL);
}
