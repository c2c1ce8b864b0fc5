/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of checkpoint/mig_sink: what a hostile source sends, and what a file system refuses, is one
 * clear line, and nothing outside of the root is touched. */
#include <sched.h>
#include <sys/mount.h>
#include "mig_tree_help.h"

/* ---- frames that no tree sends ---- */

static struct buf b; /* the frame that is being made */

static void put_round(uint32_t version, uint32_t number, unsigned is_final, uint32_t type)
{
	size_t at = mig_fs_open(&b, MIG_REC_ROUND);

	mig_fs_put(&b, version, 4);
	mig_fs_put(&b, number, 4);
	mig_fs_put(&b, is_final, 1);
	mig_fs_put(&b, type, 4);
	mig_fs_close(&b, at);
}

static void put_new(uint32_t id, uint32_t parent, uint32_t mode, const char *name, size_t n,
		    const char *target)
{
	size_t at = mig_fs_open(&b, MIG_REC_NEW);

	mig_fs_put(&b, id, 4);
	mig_fs_put(&b, parent, 4);
	mig_fs_put(&b, mode, 4);
	mig_fs_put(&b, 0, 8);
	mig_fs_put_name(&b, name, n);
	buf_adds(&b, target);
	mig_fs_close(&b, at);
}

static void put_link(uint32_t parent, uint32_t id, const char *name)
{
	size_t at = mig_fs_open(&b, MIG_REC_LINK);

	mig_fs_put(&b, parent, 4);
	mig_fs_put(&b, id, 4);
	mig_fs_put_name(&b, name, strlen(name));
	mig_fs_close(&b, at);
}

static void put_del(uint32_t parent, const char *name)
{
	size_t at = mig_fs_open(&b, MIG_REC_DEL);

	mig_fs_put(&b, parent, 4);
	mig_fs_put_name(&b, name, strlen(name));
	mig_fs_close(&b, at);
}

static void put_meta(uint32_t id, uint32_t mode, uint64_t size, const char *xattr)
{
	size_t at = mig_fs_open(&b, MIG_REC_META);

	mig_fs_put(&b, id, 4);
	mig_fs_put(&b, mode, 4);
	mig_fs_put(&b, 0, 8);
	mig_fs_put(&b, size, 8);
	mig_fs_put(&b, 1000, 8);
	mig_fs_put(&b, 0, 4);
	mig_fs_put(&b, xattr != NULL, 4);
	if (xattr) {
		mig_fs_put(&b, strlen(xattr), 2);
		mig_fs_put(&b, 1, 4);
		buf_adds(&b, xattr);
		buf_addc(&b, 'v');
	}
	mig_fs_close(&b, at);
}

static void put_piece(uint32_t id, unsigned kind, uint64_t from, uint64_t n, const char *data)
{
	size_t at = mig_fs_open(&b, MIG_REC_PIECE);

	mig_fs_put(&b, id, 4);
	mig_fs_put(&b, kind, 1);
	mig_fs_put(&b, from, 8);
	mig_fs_put(&b, n, 8);
	buf_adds(&b, data);
	mig_fs_close(&b, at);
}

static void put_end(uint32_t number, size_t n)
{
	mig_fs_put(&b, number, 4);
	mig_fs_put(&b, 0, 1);
	while (b.len < n)
		buf_addc(&b, '\0');
}

static int take(struct mig_sink *s, enum mig_frame_type type, struct err *e)
{
	const struct mig_frame f = {
		.type = type, .stream = STREAM, .n = (uint32_t)b.len, .data = b.data};
	int r = mig_sink_take(s, &f, e);

	b.len = 0;
	return r;
}

/* A round with a file (2), a directory (3), a symlink out of the root (4) and a fifo (5). */
static void begin(struct mig_sink *s, struct err *e)
{
	put_round(MIG_FS_VERSION, 1, 0, S_IFDIR);
	put_new(2, 1, S_IFREG, "file", 4, "");
	put_new(3, 1, S_IFDIR, "dir", 3, "");
	put_new(4, 1, S_IFLNK, "link", 4, "..");
	put_new(5, 3, S_IFIFO, "fifo", 4, "");
	assert_int_equal(take(s, MIG_FS_ENTRY, e), 0);
}

static void name(const char *p, size_t n)
{
	put_new(6, 1, S_IFREG, p, n, "");
}

static char long_name[300];

#define HOSTILE(X)                                                                                 \
	X(ENTRY, name("..", 2), "a name that no file can have")                                    \
	X(ENTRY, name(".", 1), "a name that no file can have")                                     \
	X(ENTRY, name("", 0), "a name that no file can have")                                      \
	X(ENTRY, name("/etc/passwd", 11), "a name that no file can have")                          \
	X(ENTRY, name("a/../../b", 9), "a name that no file can have")                             \
	X(ENTRY, name("a\0b", 3), "a name that no file can have")                                  \
	X(ENTRY, name(long_name, 256), "a name that no file can have")                             \
	X(ENTRY, put_link(1, 2, ".."), "a name that no file can have")                             \
	X(DEL, put_del(1, "../from"), "a name that no file can have")                              \
	X(ENTRY, put_new(6, 4, S_IFREG, "x", 1, ""), "a name in what is no directory")             \
	X(ENTRY, put_new(6, 2, S_IFREG, "x", 1, ""), "a name in what is no directory")             \
	X(ENTRY, put_new(6, 6, S_IFDIR, "x", 1, ""), "a name in what is no directory")             \
	X(ENTRY, put_new(6, 0, S_IFDIR, "x", 1, ""), "a name in what is no directory")             \
	X(ENTRY, put_new(6, 99999, S_IFREG, "x", 1, ""), "a name in what is no directory")         \
	X(ENTRY, put_new(6, 1, S_IFREG, "file", 4, ""), "an entry that is there already")          \
	X(ENTRY, put_new(2, 1, S_IFREG, "x", 1, ""), "an entry that is there already")             \
	X(ENTRY, put_new(7, 1, S_IFREG, "x", 1, ""), "an entry that is there already")             \
	X(ENTRY, put_new(6, 1, S_IFREG, "x", 1, "text"), "an entry of a kind that does not exist") \
	X(ENTRY, put_new(6, 1, S_IFLNK, "x", 1, ""), "an entry of a kind that does not exist")     \
	X(ENTRY, put_new(6, 1, 0, "x", 1, ""), "an entry of a kind that does not exist")           \
	X(ENTRY, put_link(1, 3, "x"), "a link that cannot be made")                                \
	X(ENTRY, put_link(1, 1, "x"), "a link that cannot be made")                                \
	X(ENTRY, put_link(1, 9, "x"), "a link that cannot be made")                                \
	X(ENTRY, put_link(1, 2, "dir"), "a link that cannot be made")                              \
	X(DEL, put_del(1, "dir"), "removes what is not there, or not empty")                       \
	X(DEL, put_del(1, "nothing"), "removes what is not there, or not empty")                   \
	X(DEL, put_link(1, 2, "x"), "a record in a frame of another type")                         \
	X(ENTRY, put_del(1, "file"), "an unknown record")                                          \
	X(ENTRY, put_meta(9, S_IFREG, 0, NULL), "metadata of another file")                        \
	X(ENTRY, put_meta(2, S_IFDIR | 0755, 0, NULL), "metadata that does not fit its file")      \
	X(ENTRY, put_meta(2, S_IFREG | 0x10000, 0, NULL), "metadata that does not fit its file")   \
	X(ENTRY, put_meta(2, S_IFREG, UINT64_MAX, NULL), "metadata that does not fit its file")    \
	X(ENTRY, put_meta(3, S_IFDIR, 7, NULL), "metadata that does not fit its file")             \
	X(ENTRY, put_meta(2, S_IFREG, 0, "system.nfs4_acl"),                                       \
	  "an extended attribute that is not carried")                                             \
	X(ENTRY, put_meta(2, S_IFREG, 0, ""), "metadata of another length")                        \
	X(ENTRY, put_meta(2, S_IFREG, 0, long_name), "metadata of another length")                 \
	X(ENTRY, put_piece(3, MIG_PIECE_DATA, 0, 1, "x"), "a piece of another file")               \
	X(ENTRY, put_piece(4, MIG_PIECE_DATA, 0, 1, "x"), "a piece of another file")               \
	X(ENTRY, put_piece(5, MIG_PIECE_DATA, 0, 1, "x"), "a piece of another file")               \
	X(ENTRY, put_piece(0, MIG_PIECE_DATA, 0, 1, "x"), "a piece of another file")               \
	X(ENTRY, put_piece(2, MIG_PIECE_DATA, 0, 2, "x"), "a piece of another length")             \
	X(ENTRY, put_piece(2, MIG_PIECE_HOLE, 0, 2, "xx"), "a piece of another length")            \
	X(ENTRY, put_piece(2, MIG_PIECE_DATA, 0, 0, ""), "a piece out of place")                   \
	X(ENTRY, put_piece(2, 0, 0, 1, ""), "a piece out of place")                                \
	X(ENTRY, put_piece(2, 9, 0, 1, ""), "a piece out of place")                                \
	X(ENTRY, put_piece(2, MIG_PIECE_DATA, 5, 1, "x"), "a piece out of place")                  \
	X(ENTRY, put_piece(2, MIG_PIECE_HOLE, 1ull << 62, 1ull << 63, ""), "a piece out of place") \
	X(ENTRY, put_piece(2, MIG_PIECE_HOLE, UINT64_MAX - 65535, 65536, ""),                      \
	  "a piece out of place")                                                                  \
	X(ENTRY, put_piece(2, MIG_PIECE_ZEROS, 0, 1ull << 40, ""), "a piece out of place")         \
	X(ENTRY,                                                                                   \
	  (put_piece(2, MIG_PIECE_DATA, 0, 1, "x"), put_piece(2, MIG_PIECE_DATA, 65536, 1, "x")),  \
	  "a piece out of place")                                                                  \
	X(ENTRY, (put_piece(2, MIG_PIECE_DATA, 0, 1, "x"), put_link(1, 2, "x")),                   \
	  "another record within a file")                                                          \
	X(ENTRY, (put_piece(2, MIG_PIECE_DATA, 0, 1, "x"), put_meta(3, S_IFDIR, 0, NULL)),         \
	  "metadata of another file")                                                              \
	X(ENTRY, put_round(MIG_FS_VERSION, 2, 0, S_IFDIR), "a round begins where none is due")     \
	X(ENTRY, put_round(MIG_FS_VERSION, 1, 2, S_IFDIR),                                         \
	  "a beginning of a round of another length")                                              \
	X(ENTRY, mig_fs_put(&b, 1000, 4), "a record that is longer than its frame")                \
	X(ENTRY, mig_fs_put(&b, UINT32_MAX, 5), "a record that is longer than its frame")          \
	X(ENTRY, mig_fs_close(&b, mig_fs_open(&b, 99)), "an unknown record")                       \
	X(ENTRY, mig_fs_close(&b, mig_fs_open(&b, MIG_REC_NEW)), "a record that is too short")     \
	X(ENTRY, mig_fs_close(&b, mig_fs_open(&b, MIG_REC_META)), "metadata of another file")      \
	X(DATA, buf_adds(&b, "short"), "a piece of another length")                                \
	X(END, buf_adds(&b, "x"), "the end of another round")                                      \
	X(END, put_end(2, 2000), "the end of another round")                                       \
	X(END, put_end(1, 100), "an end of a round of another length")

static void one(const char *what, enum mig_frame_type type, const char *text)
{
	struct pair p = pair_new();
	struct err e = ERR_INIT;
	struct buf frame = b;
	char all[200];

	b = (struct buf){0};
	put_text(p.from_fd, "passwd", "untouched");
	assert_int_equal(mig_sink_open(p.to_fd, STREAM, "the root", &p.sink, &e), 0);
	begin(p.sink, &e);
	buf_done(&b);
	b = frame;
	snprintf(all, sizeof(all), "protocol error: the root: %s", text);
	if (take(p.sink, type, &e) != -EBADMSG || !str_eq(e.text, all))
		fail_msg("%s: \"%s\" where \"%s\" is due", what, e.text, all);
	/* And that was that. */
	err_clear(&e);
	put_new(6, 1, S_IFREG, "after", 5, "");
	assert_int_equal(take(p.sink, MIG_FS_ENTRY, &e), -EBADMSG);
	mig_sink_discard(p.sink);
	remove_below(dup(p.from_fd));
	int fd = open(p.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	/* It is empty, and nothing is beside it. */
	assert_int_equal(unlinkat(fd, "to", AT_REMOVEDIR), 0);
	assert_int_equal(unlinkat(fd, "from", AT_REMOVEDIR), 0);
	close(fd);
	pair_done(&p);
}

static void hostile_frames_are_one_clear_line(void **state)
{
	(void)state;
	memset(long_name, 'n', sizeof(long_name) - 1);
#define ROW(type, make, text)                                                                      \
	make;                                                                                      \
	one(#make, MIG_FS_##type, text);
	HOSTILE(ROW)
#undef ROW
	buf_done(&b);
}

static void frames_outside_of_a_round_are_refused(void **state)
{
	static const enum mig_frame_type types[] = {MIG_FS_ENTRY, MIG_FS_DATA, MIG_FS_DEL,
						    MIG_FS_END, MIG_IMAGE};

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		struct pair p = pair_new();
		struct err e = ERR_INIT;

		assert_int_equal(mig_sink_open(p.to_fd, STREAM, "the root", &p.sink, &e), 0);
		put_new(2, 1, S_IFREG, "x", 1, "");
		assert_int_equal(take(p.sink, types[i], &e), -EBADMSG);
		pair_done(&p);
	}
	struct pair p = pair_new();
	struct err e = ERR_INIT;
	struct mig_frame f = {.type = MIG_FS_ENTRY, .stream = STREAM + 1};

	assert_int_equal(mig_sink_open(p.to_fd, STREAM, "the root", &p.sink, &e), 0);
	assert_int_equal(mig_sink_take(p.sink, &f, &e), -EBADMSG);
	assert_string_equal(e.text, "protocol error: the root: a frame of another tree");
	pair_done(&p);
	p = pair_new();
	err_clear(&e);
	assert_int_equal(mig_sink_open(p.to_fd, STREAM, "the root", &p.sink, &e), 0);
	put_round(MIG_FS_VERSION + 1, 1, 0, S_IFDIR);
	assert_int_equal(take(p.sink, MIG_FS_ENTRY, &e), -EBADMSG);
	assert_string_equal(e.text,
			    "protocol error: the root: version 2 of the records, known is 1");
	pair_done(&p);
	buf_done(&b);
}

static void nesting_is_bounded(void **state)
{
	struct pair p = pair_new();
	struct err e = ERR_INIT;
	int r = 0;

	(void)state;
	assert_int_equal(mig_sink_open(p.to_fd, STREAM, "the root", &p.sink, &e), 0);
	put_round(MIG_FS_VERSION, 1, 0, S_IFDIR);
	assert_int_equal(take(p.sink, MIG_FS_ENTRY, &e), 0);
	for (uint32_t i = 2; r == 0 && i < 5000; i++) {
		put_new(i, i - 1, S_IFDIR, "d", 1, "");
		r = take(p.sink, MIG_FS_ENTRY, &e);
	}
	assert_int_equal(r, -EBADMSG);
	assert_non_null(strstr(e.text, "nested too deep"));
	mig_sink_discard(p.sink);
	pair_done(&p);
	buf_done(&b);
}

/* ---- somebody else's hand ---- */

static void links_that_somebody_puts_there_are_not_followed(bool is_walk)
{
	struct pair p = pair_new();
	struct err e = ERR_INIT;

	mig_fs_test_force_walk(is_walk);
	assert_int_equal(mig_sink_open(p.to_fd, STREAM, "the root", &p.sink, &e), 0);
	begin(p.sink, &e);
	put_new(6, 3, S_IFDIR, "below", 5, "");
	assert_int_equal(take(p.sink, MIG_FS_ENTRY, &e), 0);
	assert_int_equal(renameat(p.to_fd, "dir", p.to_fd, "away"), 0);
	assert_int_equal(symlinkat("../from", p.to_fd, "dir"), 0);
	assert_int_equal(mkdirat(p.from_fd, "below", 0755), 0);
	/* The directory that was used last is kept open: this is another one. */
	put_new(7, 6, S_IFREG, "new", 3, "");
	assert_true(take(p.sink, MIG_FS_ENTRY, &e) < 0);
	mig_fs_test_force_walk(false);
	assert_int_equal(faccessat(p.from_fd, "below/new", F_OK, 0), -1);
	assert_non_null(strstr(e.text, "the root: make \"dir/below/new\": "));
	pair_done(&p);
	buf_done(&b);
}

static void links_are_not_followed(void **state)
{
	(void)state;
	links_that_somebody_puts_there_are_not_followed(false);
	links_that_somebody_puts_there_are_not_followed(true);
}

static void mounts_are_not_entered(void **state)
{
	struct pair p = pair_new();
	struct err e = ERR_INIT;
	char path[100];

	(void)state;
	for (int is_walk = 0; is_walk < 2; is_walk++) {
		mig_fs_test_force_walk(is_walk);
		assert_int_equal(mig_sink_open(p.to_fd, STREAM, "the root", &p.sink, &e), 0);
		begin(p.sink, &e);
		snprintf(path, sizeof(path), "%s/to/dir", p.dir);
		put_new(6, 1, S_IFDIR, "other", 5, "");
		put_new(7, 6, S_IFREG, "file", 4, "");
		assert_int_equal(take(p.sink, MIG_FS_ENTRY, &e), 0);
		assert_int_equal(mount("none", path, "tmpfs", 0, NULL), 0);
		put_new(8, 3, S_IFREG, "new", 3, "");
		assert_int_equal(take(p.sink, MIG_FS_ENTRY, &e), -EXDEV);
		assert_int_equal(umount(path), 0);
		mig_fs_test_force_walk(false);
		mig_sink_discard(p.sink);
		mig_sink_free(ptr_take(&p.sink));
		err_clear(&e);
	}
	pair_done(&p);
	buf_done(&b);
}

static void what_is_there_is_not_overwritten(void **state)
{
	struct pair p = pair_new();
	struct err e = ERR_INIT;

	(void)state;
	put_text(p.to_fd, "mine", "");
	assert_int_equal(mig_sink_open(p.to_fd, STREAM, "volume \"/data\"", &p.sink, &e),
			 -ENOTEMPTY);
	assert_string_equal(e.text,
			    "volume \"/data\": the directory is not empty, and what is in it "
			    "would be lost");
	assert_int_equal(unlinkat(p.to_fd, "mine", 0), 0);
	err_clear(&e);
	assert_int_equal(mig_sink_open(p.to_fd, STREAM, "the root", &p.sink, &e), 0);
	begin(p.sink, &e);
	put_text(p.to_fd, "mine", "");
	put_new(6, 1, S_IFREG, "mine", 4, "");
	assert_int_equal(take(p.sink, MIG_FS_ENTRY, &e), -EEXIST);
	assert_string_equal(e.text, "the root: make \"mine\": file exists");
	/* It is not ours. */
	mig_sink_discard(p.sink);
	assert_int_equal(unlinkat(p.to_fd, "mine", 0), 0);
	pair_done(&p);
	buf_done(&b);
}

/* ---- what a file system refuses ---- */

static void a_full_destination_is_named(void **state)
{
	struct pair p = pair_new();
	char path[100], *data = calloc(1, 4 << 20);

	(void)state;
	memset(data, 'x', 4 << 20);
	put_file(p.from_fd, "large", data, 4 << 20);
	snprintf(path, sizeof(path), "%s/to", p.dir);
	if (mount("none", path, "tmpfs", 0, "size=1m") < 0)
		skip();
	close(p.to_fd);
	p.to_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	pair_open(&p);
	assert_int_equal(pair_round(&p, false), -ENOSPC);
	assert_string_equal(p.sink_err.text, "the root: write \"large\": no space left on device");
	mig_sink_discard(p.sink);
	mig_sink_free(ptr_take(&p.sink));
	close(p.to_fd);
	assert_int_equal(umount(path), 0);
	/* Too many files. */
	assert_int_equal(mount("none", path, "tmpfs", 0, "nr_inodes=10"), 0);
	p.to_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	mig_tree_free(ptr_take(&p.tree));
	mig_link_done(&p.a);
	mig_link_done(&p.b);
	for (int i = 0; i < 20; i++) {
		snprintf(path, sizeof(path), "%d", i);
		put_text(p.from_fd, path, "");
	}
	pair_open(&p);
	assert_int_equal(pair_round(&p, false), -ENOSPC);
	assert_non_null(strstr(p.sink_err.text, "the root: make \""));
	mig_sink_free(ptr_take(&p.sink));
	close(p.to_fd);
	snprintf(path, sizeof(path), "%s/to", p.dir);
	assert_int_equal(umount(path), 0);
	p.to_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(data);
	pair_done(&p);
}

/* ---- what does not arrive as it was sent ---- */

/* A byte of the contents: the link's checksum is not there to see it. */
static void flip(struct mig_frame *f, void *ctx)
{
	const char *at = memmem(f->data, f->n, ctx, strlen(ctx));

	if (f->type == MIG_FS_ENTRY && at)
		((char *)(uintptr_t)at)[0] ^= 1;
}

static void a_difference_is_named(void **state)
{
	static const char *const rows[][2] = {
		{"contents of five",
		 "the root: \"sub/5\" did not arrive as it was sent: its digest "
		 "differs"},
		{"user.five",
		 "the root: \"sub/5\" did not arrive as it was sent: its digest differs"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pair p = pair_new();
		char name[32];

		assert_int_equal(mkdirat(p.from_fd, "sub", 0755), 0);
		for (int k = 0; k < 300; k++) {
			snprintf(name, sizeof(name), "sub/%d", k);
			put_text(p.from_fd, name, k == 5 ? "contents of five" : "others");
		}
		int fd = openat(p.from_fd, "sub/5", O_RDONLY | O_CLOEXEC);

		/* Another last letter is an attribute, too. */
		assert_int_equal(fsetxattr(fd, "trusted.user.five", "5", 1, 0), 0);
		close(fd);
		pair_open(&p);
		p.spoil = flip;
		p.ctx = (char *)(uintptr_t)rows[i][0];
		assert_int_equal(pair_round(&p, true), -EILSEQ);
		assert_string_equal(p.sink_err.text, rows[i][1]);
		assert_false(mig_sink_is_complete(p.sink));
		pair_done(&p);
	}
}

static void drop_link(struct mig_frame *f, void *ctx)
{
	(void)ctx;
	/* A round without the name: the beginning alone. */
	if (f->type == MIG_FS_ENTRY && f->data[4] == MIG_REC_ROUND)
		f->n = 18;
}

static void a_name_that_is_missing_is_noticed(void **state)
{
	struct pair p = pair_new();

	(void)state;
	put_text(p.from_fd, "file", "x");
	pair_open(&p);
	round_ok(&p, false);
	assert_int_equal(linkat(p.from_fd, "file", p.from_fd, "link", 0), 0);
	p.spoil = drop_link;
	assert_int_equal(pair_round(&p, true), -EILSEQ);
	assert_non_null(strstr(p.sink_err.text, "did not arrive as it was sent"));
	pair_done(&p);
}

/* ---- putting away ---- */

static void discard_leaves_nothing(void **state)
{
	struct pair p = pair_new();
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(mkdirat(p.from_fd, "a", 0755), 0);
	assert_int_equal(mkdirat(p.from_fd, "a/b", 0), 0);
	put_text(p.from_fd, "a/b/file", "x");
	assert_int_equal(linkat(p.from_fd, "a/b/file", p.from_fd, "link", 0), 0);
	assert_int_equal(symlinkat("/", p.from_fd, "symlink"), 0);
	pair_open(&p);
	round_ok(&p, false);
	assert_int_equal(mig_sink_sync(p.sink, &e), 0);
	/* In the middle of a round, with something in limbo. */
	put_round(MIG_FS_VERSION, 2, 0, S_IFDIR);
	assert_int_equal(take(p.sink, MIG_FS_ENTRY, &e), 0);
	put_del(1, "symlink");
	assert_int_equal(take(p.sink, MIG_FS_DEL, &e), 0);
	mig_sink_discard(p.sink);
	int fd = open(p.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(unlinkat(fd, "to", AT_REMOVEDIR), 0);
	assert_int_equal(mkdirat(fd, "to", 0755), 0);
	close(fd);
	pair_done(&p);
	buf_done(&b);
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
		cmocka_unit_test(hostile_frames_are_one_clear_line),
		cmocka_unit_test(frames_outside_of_a_round_are_refused),
		cmocka_unit_test(nesting_is_bounded),
		cmocka_unit_test(links_are_not_followed),
		cmocka_unit_test(mounts_are_not_entered),
		cmocka_unit_test(what_is_there_is_not_overwritten),
		cmocka_unit_test(a_full_destination_is_named),
		cmocka_unit_test(a_difference_is_named),
		cmocka_unit_test(a_name_that_is_missing_is_noticed),
		cmocka_unit_test(discard_leaves_nothing),
	};

	/* Devices, owners, trusted attributes. */
	if (geteuid() != 0) {
		print_message("1..0 # SKIP not root\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, own_mounts, NULL);
}
