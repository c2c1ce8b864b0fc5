/* SPDX-License-Identifier: Apache-2.0 */
/* The cache: a hit gives the compiler's bytes, and no broken, foreign or renamed file is believed.
 */
#include "tests/unit/runtime-guard/seccomp_helpers.h"

#include <dirent.h>
#include <time.h>

#include "runtime/guard/seccomp.h"

struct fixture {
	char path[64];
	int dir_fd;
	struct arena a;
	struct spec_seccomp *s;
	char name[GUARD_CACHE_NAME_MAX];
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct guard_cache_key key;

	f->dir_fd = tmp_make(f->path);
	f->s = parse(&f->a, &spec_table_seccomp, read_profile());
	guard_cache_key_make(f->s, &key);
	memcpy(f->name, key.name, sizeof(f->name));
	guard_cache_key_done(&key);
	*state = f;
	return 0;
}

static void each_file(int dir_fd, void (*fn)(int dir_fd, const char *name, void *arg), void *arg)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fdopendir(fd);
	struct dirent *entry;

	assert_non_null(d);
	while ((entry = readdir(d))) {
		if (entry->d_name[0] != '.' || entry->d_name[1] > '.')
			fn(dir_fd, entry->d_name, arg);
	}
	closedir(d);
}

static void remove_one(int dir_fd, const char *name, void *arg)
{
	(void)arg;
	unlinkat(dir_fd, name, 0);
}

static void count_one(int dir_fd, const char *name, void *arg)
{
	(void)dir_fd;
	(void)name;
	++*(int *)arg;
}

static int count(int dir_fd)
{
	int n = 0;
	each_file(dir_fd, count_one, &n);
	return n;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	each_file(f->dir_fd, remove_one, NULL);
	tmp_remove(f->dir_fd, f->path, NULL);
	arena_done(&f->a);
	free(f);
	return 0;
}

/* Prepares with the cache; the result must be what the compiler gives. */
static void check(struct fixture *f)
{
	struct guard_filter with = {0}, without = {0};
	struct err e = ERR_INIT;

	assert_int_equal(guard_seccomp_prepare(f->s, f->dir_fd, &f->a, &with, &e), 0);
	assert_int_equal(guard_seccomp_prepare(f->s, FD_NONE, &f->a, &without, &e), 0);
	assert_int_equal(with.n, without.n);
	assert_memory_equal(with.insns, without.insns, with.n * sizeof(with.insns[0]));
	assert_int_equal(with.flags, without.flags);
}

static bool is_hit(struct fixture *f)
{
	struct guard_cache_key key;
	struct guard_program p;

	guard_cache_key_make(f->s, &key);
	bool hit = guard_cache_load(f->dir_fd, &key, &f->a, &p);
	guard_cache_key_done(&key);
	return hit;
}

static void test_miss_then_hit(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	assert_false(is_hit(f));
	check(f);
	assert_true(is_hit(f));
	check(f);
	assert_int_equal(count(f->dir_fd), 1);
	assert_int_equal(fstatat(f->dir_fd, f->name, &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

/* Every kind of damage: one byte anywhere, any length. */
static void test_tampered(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	check(f);
	assert_int_equal(fstatat(f->dir_fd, f->name, &st, 0), 0);
	off_t steps[] = {0, 8, 12, 16, 23, 24, 40, 5000, st.st_size - 100, st.st_size - 1};
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		int fd = openat(f->dir_fd, f->name, O_RDWR | O_CLOEXEC);
		unsigned char c;
		assert_int_equal(pread(fd, &c, 1, steps[i]), 1);
		c ^= 0x10;
		assert_int_equal(pwrite(fd, &c, 1, steps[i]), 1);
		close(fd);
		assert_false(is_hit(f));
		check(f);
		assert_true(is_hit(f));
	}
	assert_int_equal(count(f->dir_fd), 1);
}

static void test_truncated(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	check(f);
	assert_int_equal(fstatat(f->dir_fd, f->name, &st, 0), 0);
	off_t sizes[] = {0,	 1, 23, 24, 500, st.st_size - 8, st.st_size - 1, st.st_size + 8,
			 1 << 20};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		int fd = openat(f->dir_fd, f->name, O_RDWR | O_CLOEXEC);
		assert_int_equal(ftruncate(fd, sizes[i]), 0);
		close(fd);
		assert_false(is_hit(f));
		check(f);
		assert_true(is_hit(f));
	}
}

/* Another profile's whole file under this profile's name. */
static void test_renamed(void **state)
{
	struct fixture *f = *state;
	struct guard_cache_key key;
	struct guard_filter g;
	struct err e = ERR_INIT;
	struct spec_seccomp *other = parse(&f->a, &spec_table_seccomp, DEFAULT_EPERM);

	assert_int_equal(guard_seccomp_prepare(other, f->dir_fd, &f->a, &g, &e), 0);
	guard_cache_key_make(other, &key);
	assert_int_equal(renameat(f->dir_fd, key.name, f->dir_fd, f->name), 0);
	guard_cache_key_done(&key);
	assert_false(is_hit(f));
	check(f);
	assert_true(is_hit(f));
}

static void test_not_ours(void **state)
{
	struct fixture *f = *state;

	check(f);
	assert_int_equal(fchmodat(f->dir_fd, f->name, 0666, 0), 0);
	assert_false(is_hit(f));
	check(f);
	assert_true(is_hit(f));
	if (geteuid() == 0) {
		assert_int_equal(fchownat(f->dir_fd, f->name, 1234, 0, 0), 0);
		assert_false(is_hit(f));
		check(f);
	}
	/* A symlink, a FIFO (must not hang) and a directory at the name. */
	assert_int_equal(renameat(f->dir_fd, f->name, f->dir_fd, "real"), 0);
	assert_int_equal(symlinkat("real", f->dir_fd, f->name), 0);
	assert_false(is_hit(f));
	check(f);
	assert_true(is_hit(f));
	assert_int_equal(unlinkat(f->dir_fd, f->name, 0), 0);
	assert_int_equal(mkfifoat(f->dir_fd, f->name, 0600), 0);
	assert_false(is_hit(f));
	check(f);
	assert_true(is_hit(f));
	assert_int_equal(unlinkat(f->dir_fd, f->name, 0), 0);
	assert_int_equal(mkdirat(f->dir_fd, f->name, 0700), 0);
	check(f); /* works without a cache */
	assert_int_equal(unlinkat(f->dir_fd, f->name, AT_REMOVEDIR), 0);
}

/* Whatever changes the program changes the key; what does not, does not. */
static void test_key(void **state)
{
	struct fixture *f = *state;
	static const char *const texts[] = {
		ALLOW_BUT("{\"names\":[\"mkdir\",\"rmdir\"],\"action\":\"SCMP_ACT_KILL\"}"),
		ALLOW_BUT("{\"names\":[\"mkdir\"],\"action\":\"SCMP_ACT_KILL\"}"),
		ALLOW_BUT("{\"names\":[\"mkdir\"],\"action\":\"SCMP_ACT_ERRNO\"}"),
		ALLOW_BUT("{\"names\":[\"mkdir\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":0}"),
		ALLOW_BUT("{\"names\":[\"mkdir\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":1}"),
		ALLOW_BUT("{\"names\":[\"mkdir\"],\"action\":\"SCMP_ACT_KILL\"},{\"names\":["
			  "\"rmdir\"],\"action\":\"SCMP_ACT_KILL\"}"),
		ALLOW_BUT("{\"names\":[\"mkdir\"],\"action\":\"SCMP_ACT_KILL\",\"args\":[{"
			  "\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_EQ\"}]}"),
		ALLOW_BUT("{\"names\":[\"mkdir\"],\"action\":\"SCMP_ACT_KILL\",\"args\":[{"
			  "\"index\":1,\"value\":1,\"op\":\"SCMP_CMP_EQ\"}]}"),
		ALLOW_BUT("{\"names\":[\"mkdir\"],\"action\":\"SCMP_ACT_KILL\",\"args\":[{"
			  "\"index\":0,\"value\":4294967297,\"op\":\"SCMP_CMP_EQ\"}]}"),
		ALLOW_BUT("{\"names\":[\"mkdir\"],\"action\":\"SCMP_ACT_KILL\",\"args\":[{"
			  "\"index\":0,\"value\":1,\"valueTwo\":1,\"op\":\"SCMP_CMP_EQ\"}]}"),
		ALLOW_BUT("{\"names\":[\"mkdir\"],\"action\":\"SCMP_ACT_KILL\",\"args\":[{"
			  "\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_NE\"}]}"),
		"{\"defaultAction\":\"SCMP_ACT_LOG\"}",
		"{\"defaultAction\":\"SCMP_ACT_LOG\",\"architectures\":[\"SCMP_ARCH_X86\"]}",
		"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":38}",
		"{\"defaultAction\":\"SCMP_ACT_ERRNO\"}",
	};
	enum { N = sizeof(texts) / sizeof(texts[0]) };
	struct guard_cache_key keys[N], same;

	for (size_t i = 0; i < N; i++)
		guard_cache_key_make(parse(&f->a, &spec_table_seccomp, texts[i]), &keys[i]);
	for (size_t i = 0; i < N; i++) {
		for (size_t k = 0; k < i; k++) {
			assert_string_not_equal(keys[i].name, keys[k].name);
			assert_false(keys[i].canon.len == keys[k].canon.len &&
				     memcmp(keys[i].canon.data, keys[k].canon.data,
					    keys[i].canon.len) == 0);
		}
	}
	guard_cache_key_make(parse(&f->a, &spec_table_seccomp,
				   "{\"flags\":[\"SECCOMP_FILTER_FLAG_LOG\"],\"defaultAction\":"
				   "\"SCMP_ACT_LOG\"}"),
			     &same);
	assert_string_equal(same.name, keys[11].name);
	guard_cache_key_done(&same);
	for (size_t i = 0; i < N; i++)
		guard_cache_key_done(&keys[i]);
}

static void test_bounded(void **state)
{
	struct fixture *f = *state;
	struct guard_filter g;
	struct err e = ERR_INIT;
	char json[128];

	write_text(f->dir_fd, "unrelated", "x");
	for (int i = 0; i < 80; i++) {
		snprintf(json, sizeof(json),
			 "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":%d}", 2 + i);
		assert_int_equal(guard_seccomp_prepare(parse(&f->a, &spec_table_seccomp, json),
						       f->dir_fd, &f->a, &g, &e),
				 0);
	}
	assert_int_equal(count(f->dir_fd), 65);
	assert_int_equal(faccessat(f->dir_fd, "unrelated", F_OK, 0), 0);
	/* The newest is among them. */
	struct guard_cache_key key;
	guard_cache_key_make(parse(&f->a, &spec_table_seccomp, json), &key);
	assert_int_equal(faccessat(f->dir_fd, key.name, F_OK, 0), 0);
	guard_cache_key_done(&key);
}

static double usec_of(struct fixture *f, int dir_fd, int rounds)
{
	struct timespec t0, t1;
	struct guard_filter g;
	struct err e = ERR_INIT;

	clock_gettime(CLOCK_MONOTONIC, &t0);
	for (int i = 0; i < rounds; i++) {
		struct arena a = {0};
		assert_int_equal(guard_seccomp_prepare(f->s, dir_fd, &a, &g, &e), 0);
		arena_done(&a);
	}
	clock_gettime(CLOCK_MONOTONIC, &t1);
	return ((double)(t1.tv_sec - t0.tv_sec) * 1e6 + (double)(t1.tv_nsec - t0.tv_nsec) / 1e3) /
	       rounds;
}

/* Not a deadline, only the proportion: a hit must be worth its file. */
static void test_speed(void **state)
{
	struct fixture *f = *state;

	check(f);
	double hit = usec_of(f, f->dir_fd, 200), miss = usec_of(f, FD_NONE, 10);
	print_message("hit %.1f us, compile %.1f us\n", hit, miss);
	assert_true(hit * 4 < miss);
}

#define WITH_DIR(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_DIR(test_miss_then_hit), WITH_DIR(test_tampered), WITH_DIR(test_truncated),
		WITH_DIR(test_renamed),	      WITH_DIR(test_not_ours), WITH_DIR(test_key),
		WITH_DIR(test_bounded),	      WITH_DIR(test_speed),
	};
	return cmocka_run_group_tests_name("runtime-guard/seccomp_cache", tests, NULL, NULL);
}
