/* SPDX-License-Identifier: Apache-2.0 */
/* Random changes to a tree, between the rounds of mig_tree and during them, and damaged frames for
 * mig_sink. STIVA_FUZZ_ROUNDS and STIVA_FUZZ_SEED take other amounts than a test may last. */
#include <sched.h>
#include <stdatomic.h>
#include "base/num.h"
#include "mig_tree_help.h"

static uint64_t seed;

static unsigned any(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

static unsigned from_env(const char *name, unsigned otherwise)
{
	const char *text = getenv(name);
	uint64_t v;

	return text && num_u64(text, &v) == 0 ? (unsigned)v : otherwise;
}

/* Few names and few directories, so that changes meet. */
static const char *any_path(char ret[64])
{
	static const char *const dirs[] = {"", "a/", "b/", "a/c/", "a/c/d/", "b/e/"};

	snprintf(ret, 64, "%s%c", dirs[any(6)], "abcdefghxyz"[any(11)]);
	return ret;
}

static void change_contents(int fd, const char *path)
{
	static char data[200000];
	/* Not what somebody made of the name meanwhile: a fifo would wait. */
	int x = openat(fd, path, O_RDWR | O_CREAT | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC, 0644);
	struct stat st;

	if (x < 0)
		return;
	if (fstat(x, &st) == 0 && S_ISREG(st.st_mode)) {
		const off_t at = any(3) ? any(300000) : any(100) * 65536;
		const size_t n = any(4) ? any(100) : any(sizeof(data));

		memset(data, any(3) ? (int)any(256) : 0, n);
		switch (any(6)) {
		case 0:
			(void)!ftruncate(x, any(2) ? at : any(100) * 65536);
			break;
		case 1:
			(void)fallocate(x, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at,
					(off_t)n + 1);
			break;
		default:
			(void)!pwrite(x, data, n, at);
		}
	}
	close(x);
}

static void change_meta(int fd, const char *path)
{
	char proc[64], name[32];
	const struct timespec times[2] = {{0, UTIME_OMIT}, {any(100000), any(1000000000)}};
	int x = openat(fd, path, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (x < 0)
		return;
	snprintf(proc, sizeof(proc), "/proc/self/fd/%d", x);
	snprintf(name, sizeof(name), "trusted.%c", 'a' + any(3));
	switch (any(5)) {
	case 0:
		(void)!fchownat(x, "", any(5), any(5), AT_EMPTY_PATH);
		break;
	case 1:
		(void)!chmod(proc, any(010000));
		break;
	case 2:
		(void)!setxattr(proc, name, "value", any(6), 0);
		break;
	case 3:
		(void)!removexattr(proc, name);
		break;
	default:
		(void)!utimensat(AT_FDCWD, proc, times, 0);
	}
	close(x);
}

static void change(int fd)
{
	char a[64], b[64];

	any_path(a);
	any_path(b);
	switch (any(14)) {
	case 0:
		(void)!mkdirat(fd, a, 0755);
		break;
	case 1:
		(void)!unlinkat(fd, a, any(2) ? AT_REMOVEDIR : 0);
		break;
	case 2:
		(void)!linkat(fd, a, fd, b, 0);
		break;
	case 3:
	case 4:
		(void)!renameat(fd, a, fd, b);
		break;
	case 5:
		(void)!renameat2(fd, a, fd, b, RENAME_EXCHANGE);
		break;
	case 6:
		(void)!symlinkat(b, fd, a);
		break;
	case 7:
		(void)!mknodat(fd, a,
			       (const mode_t[]){S_IFIFO, S_IFSOCK, S_IFCHR, S_IFBLK}[any(4)] | 0600,
			       makedev(any(2), any(3)));
		break;
	case 8:
	case 9:
	case 10:
		change_meta(fd, a);
		break;
	default:
		change_contents(fd, a);
	}
}

static void prepare(struct pair *p)
{
	static const char *const dirs[] = {"a", "b", "a/c", "a/c/d", "b/e"};

	*p = pair_new();
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		assert_int_equal(mkdirat(p->from_fd, dirs[i], 0755), 0);
	for (int i = 0; i < 100; i++)
		change(p->from_fd);
	pair_open(p);
}

static void changes_between_rounds(void **state)
{
	struct pair p;
	const unsigned n = from_env("STIVA_FUZZ_ROUNDS", 60);

	(void)state;
	seed = from_env("STIVA_FUZZ_SEED", 1);
	prepare(&p);
	for (unsigned i = 0; i < n; i++) {
		for (unsigned k = any(30); k-- > 0;)
			change(p.from_fd);
		round_ok(&p, i == n - 1);
		assert_int_equal(p.count.unsettled, 0);
		same_trees(&p);
	}
	pair_done(&p);
}

static atomic_bool is_over;

static void *keep_changing(void *arg)
{
	const int *fd = arg;

	while (!is_over)
		change(*fd);
	return NULL;
}

static void changes_during_rounds(void **state)
{
	const unsigned n = from_env("STIVA_FUZZ_ROUNDS", 60) / 10;

	(void)state;
	for (unsigned i = 0; i < n; i++) {
		struct pair p;
		pthread_t t;

		seed = from_env("STIVA_FUZZ_SEED", 1) * 1000 + i;
		prepare(&p);
		is_over = false;
		assert_int_equal(pthread_create(&t, NULL, keep_changing, &p.from_fd), 0);
		for (int k = 0; k < 10; k++)
			round_ok(&p, false);
		is_over = true;
		pthread_join(t, NULL);
		round_ok(&p, true);
		same_trees(&p);
		pair_done(&p);
	}
}

/* ---- frames that were damaged on purpose ---- */

struct tape {
	struct mig_frame f[64];
	size_t n;
};

static void record(struct mig_frame *f, void *ctx)
{
	struct tape *t = ctx;

	if (t->n == 64)
		return;
	t->f[t->n] = *f;
	char *copy = malloc(f->n ? f->n : 1);

	memcpy(copy, f->data, f->n);
	t->f[t->n++].data = copy;
}

/* Bytes, lengths, order. */
static void play_damaged(struct mig_sink *s, const struct tape *t)
{
	struct err e = ERR_INIT;
	int r = 0;

	for (size_t i = 0; r == 0 && i < t->n; i++) {
		struct mig_frame f = t->f[any(20) ? i : any((unsigned)t->n)];
		char *copy = malloc(f.n ? f.n : 1);

		memcpy(copy, f.data, f.n);
		for (unsigned k = any(4); k-- > 0 && f.n;)
			copy[any(2) ? any(f.n) : any(f.n < 200 ? f.n : 200)] = (char)any(256);
		if (f.n && any(20) == 0)
			f.n = any(f.n);
		f.data = copy;
		r = mig_sink_take(s, &f, &e);
		free(copy);
	}
	if (r < 0)
		assert_true(e.len > 0);
}

static void damaged_frames(void **state)
{
	struct pair p;
	struct tape t = {.n = 0};

	(void)state;
	seed = from_env("STIVA_FUZZ_SEED", 1);
	prepare(&p);
	p.spoil = record;
	p.ctx = &t;
	for (int i = 0; i < 3; i++) {
		round_ok(&p, i == 2);
		for (int k = 0; k < 20; k++)
			change(p.from_fd);
	}
	for (unsigned i = 0; i < from_env("STIVA_FUZZ_ROUNDS", 60) * 5; i++) {
		struct err e = ERR_INIT;
		struct mig_sink *s;
		int fd;

		assert_int_equal(mkdirat(p.from_fd, "damaged", 0700), 0);
		fd = openat(p.from_fd, "damaged", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_int_equal(mig_sink_open(fd, STREAM, "the root", &s, &e), 0);
		play_damaged(s, &t);
		mig_sink_discard(s);
		mig_sink_free(s);
		close(fd);
		/* Nothing is left. */
		assert_int_equal(unlinkat(p.from_fd, "damaged", AT_REMOVEDIR), 0);
	}
	for (size_t i = 0; i < t.n; i++)
		free((char *)(uintptr_t)t.f[i].data);
	pair_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changes_between_rounds),
		cmocka_unit_test(changes_during_rounds),
		cmocka_unit_test(damaged_frames),
	};

	/* Devices, owners, trusted attributes. */
	if (geteuid() != 0) {
		print_message("1..0 # SKIP not root\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
