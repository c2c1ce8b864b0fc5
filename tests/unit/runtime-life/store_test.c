/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of runtime/life/store: ids, the root, claims and locks of several processes, damage,
 * removal. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <sys/file.h>
#include "base/file.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/sys.h"
#include "runtime/life/internal.h"
#include "tests/unit/story.h"
#include "base/ban.h"

static char top[] = "/tmp/stiva-store.XXXXXX", root[64];
static struct life_host host = {.root = root};
static char boot[37];
static struct life_rec_process self;
static struct life_rec_cgroup cgroup = {.manager = {true, CG_DISABLED}};

static int setup(void **state)
{
	uint64_t start;

	(void)state;
	memcpy(top + sizeof(top) - 7, "XXXXXX", 6);
	if (!mkdtemp(top) || sys_boot_id(boot) < 0 || proc_start_time(getpid(), &start) < 0)
		return -1;
	snprintf(root, sizeof(root), "%s/deep/state", top);
	self = (struct life_rec_process){{true, getpid()}, {true, start}};
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "%s", top);
	char *const argv[] = {(char *)"rm", (char *)"-rf", command, NULL};
	pid_t pid = fork();

	if (pid == 0) {
		execv("/bin/rm", argv);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
	return 0;
}

static struct life_record record(const char *id, enum life_stage stage)
{
	return (struct life_record){
		.schema = {true, 1},
		.id = (char *)id,
		.oci_version = (char *)"1.3.0",
		.boot_id = boot,
		.bundle = (char *)"/b",
		.rootfs = (char *)"/b/rootfs",
		.created = (char *)"now",
		.owner = (char *)"root",
		.stage = {true, (int)stage},
		.init = stage == LIFE_STAGE_CREATED ? &self : NULL,
		.creator = &self,
		.cgroup = &cgroup,
	};
}

static void make(const char *id, struct life_box *b)
{
	struct life_record intent = record(id, LIFE_STAGE_CREATING);
	struct life_record created = record(id, LIFE_STAGE_CREATED);

	OK(life_store_claim(&host, id, b, &e));
	OK(life_store_write(b, &intent, &e));
	OK(life_store_write(b, &created, &e));
}

static void test_ids(void **state)
{
	char id[LIFE_ID_MAX + 2];
	static const char *const good[] = {"a", "A-b_c+d.e", "-x", ".hidden", "...", "0"};
	static const char *const bad[] = {"",	  ".",	      "..",  ".seccomp", "a/b",	 "a b",
					  "a\nb", "\xc3\xa4", "a:b", "a@b",	 "../x", "a*"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		OK(life_store_id_check(good[i], &e));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		FAILS(EINVAL, life_store_id_check(bad[i], &e));
	memset(id, 'x', sizeof(id));
	id[LIFE_ID_MAX + 1] = '\0';
	FAILS(EINVAL, life_store_id_check(id, &e));
	HAS("container id too long (max 255)");
	id[LIFE_ID_MAX] = '\0';
	OK(life_store_id_check(id, &e));
	for (int c = 1; c < 256; c++) {
		char one[2] = {(char)c, '\0'};
		bool is_good = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
			       (c >= 'A' && c <= 'Z') || c == '_' || c == '+' || c == '-';

		err_clear(&e);
		assert_int_equal(life_store_id_check(one, &e) == 0, is_good);
	}
}

static void test_roots(void **state)
{
	struct life_host h = {.root = "relative"};
	char path[128];
	int fd = FD_NONE;

	(void)state;
	FAILS(EINVAL, life_store_root(&h, true, &fd, &e));
	h.root = "/";
	FAILS(EINVAL, life_store_root(&h, true, &fd, &e));
	h.root = "/tmp/..//.";
	FAILS(EINVAL, life_store_root(&h, true, &fd, &e));
	err_clear(&e);
	assert_int_equal(life_store_root(&host, false, &fd, &e), -ENOENT);
	assert_int_equal(e.code, 0);
	mode_t mask = umask(0);

	OK(life_store_root(&host, true, &fd, &e));
	umask(mask);
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(fchmod(fd, 0770), 0);
	auto_fd_done(&fd);
	FAILS(EPERM, life_store_root(&host, true, &fd, &e));
	HAS("others may write in it");
	chmod(root, 0700);
	snprintf(path, sizeof(path), "%s/link", top);
	assert_int_equal(symlink(root, path), 0);
	h.root = path;
	err_clear(&e);
	assert_true(life_store_root(&h, false, &fd, &e) < 0);
	assert_true(e.code == ELOOP || e.code == ENOTDIR);
	unlink(path);
	assert_int_equal(close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);
	FAILS(ENOTDIR, life_store_root(&h, true, &fd, &e));
	assert_int_equal(fd, FD_NONE);
}

static void test_a_life(void **state)
{
	AUTO(life_box) b = LIFE_BOX_INIT;
	AUTO(life_box) second = LIFE_BOX_INIT;
	AUTO(life_box) reader = LIFE_BOX_INIT;

	(void)state;
	FAILS(ENOENT, life_store_open(&host, "a", false, &reader, &e));
	assert_string_equal(e.text, "container does not exist");
	make("a", &b);
	FAILS(EEXIST, life_store_claim(&host, "a", &second, &e));
	HAS("container with given ID already exists");
	/* Readers need no lock. */
	life_box_done(&reader);
	OK(life_store_open(&host, "a", false, &reader, &e));
	assert_non_null(reader.rec);
	assert_int_equal(reader.rec->stage.v, LIFE_STAGE_CREATED);
	assert_int_equal(reader.rec->init->pid.v, getpid());
	OK(life_store_remove(&b, &e));
	OK(life_store_remove(&b, &e)); /* once more */
	life_box_done(&reader);
	FAILS(ENOENT, life_store_open(&host, "a", true, &reader, &e));
}

/* N processes do the same at the same moment. Return: how many exit with 0. */
static int together(int n, int (*fn)(int))
{
	int go[2], good = 0;
	pid_t pids[32];

	assert_int_equal(pipe(go), 0);
	for (int i = 0; i < n; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			char c;

			close(go[1]);
			(void)!read(go[0], &c, 1);
			_exit(fn(i));
		}
	}
	close(go[0]);
	close(go[1]);
	for (int i = 0; i < n; i++) {
		int status = 0;

		waitpid(pids[i], &status, 0);
		good += WIFEXITED(status) && WEXITSTATUS(status) == 0;
	}
	return good;
}

static int claim_one(int i)
{
	struct life_box b = LIFE_BOX_INIT;

	(void)i;
	err_clear(&e);
	return life_store_claim(&host, "race", &b, &e) == 0 ? 0 : e.code == EEXIST ? 1 : 2;
}

static void test_one_of_many_claims(void **state)
{
	(void)state;
	for (int round = 0; round < 10; round++) {
		AUTO(life_box) b = LIFE_BOX_INIT;

		assert_int_equal(together(16, claim_one), 1);
		OK(life_store_open(&host, "race", true, &b, &e));
		assert_null(b.rec);
		OK(life_store_remove(&b, &e));
	}
}

/* Even numbers make, odd ones remove; nobody may see anything but whole things. */
static int make_or_remove(int i)
{
	for (int k = 0; k < 50; k++) {
		AUTO(life_box) b = LIFE_BOX_INIT;
		int r;

		err_clear(&e);
		if (i % 2 == 0) {
			struct life_record rec = record("flip", LIFE_STAGE_CREATING);

			r = life_store_claim(&host, "flip", &b, &e);
			if (r < 0 && e.code != EEXIST && e.code != EBUSY)
				return 1;
			if (r == 0 && life_store_write(&b, &rec, &e) < 0)
				return 2;
			rec = record("flip", LIFE_STAGE_CREATED);
			if (r == 0 && life_store_write(&b, &rec, &e) < 0)
				return 3;
			continue;
		}
		r = life_store_open(&host, "flip", i % 4 == 1, &b, &e);
		if (r < 0 && e.code != ENOENT)
			return 4;
		if (r == 0 && i % 4 == 1 && life_store_remove(&b, &e) < 0)
			return 5;
		/* A maker's process may have ended: what it made is whole nevertheless. */
		if (r == 0 && !b.rec && b.why.code != ENOENT)
			return 6;
	}
	return 0;
}

static void test_makers_removers_readers(void **state)
{
	(void)state;
	assert_int_equal(together(16, make_or_remove), 16);
}

static void test_a_lock_is_waited_for(void **state)
{
	AUTO(life_box) b = LIFE_BOX_INIT;
	AUTO(life_box) c = LIFE_BOX_INIT;

	(void)state;
	make("held", &b);
	pid_t pid = fork();

	if (pid == 0) {
		/* the child has a copy of the locked fd: unlocking must not depend on it */
		usleep(300000);
		_exit(0);
	}
	uint64_t start = proc_now_usec();

	life_box_done(&b);
	OK(life_store_open(&host, "held", true, &c, &e));
	assert_true(proc_now_usec() - start < 250000);
	waitpid(pid, NULL, 0);
}

/* A directory without records: its maker is at work, and is waited for. */
static void test_an_unfinished_claim_is_waited_for(void **state)
{
	AUTO(life_box) b = LIFE_BOX_INIT;
	int ready[2];
	char c;

	(void)state;
	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();

	if (pid == 0) {
		struct life_box mine = LIFE_BOX_INIT;
		struct life_record rec = record("slow", LIFE_STAGE_CREATED);

		if (life_store_claim(&host, "slow", &mine, &e) < 0)
			_exit(1);
		(void)!write(ready[1], "x", 1);
		usleep(200000);
		_exit(life_store_write(&mine, &rec, &e) < 0);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	OK(life_store_open(&host, "slow", false, &b, &e));
	assert_non_null(b.rec);
	assert_int_equal(b.rec->stage.v, LIFE_STAGE_CREATED);
	waitpid(pid, NULL, 0);
	close(ready[0]);
	close(ready[1]);
}

static void put(const char *id, const char *name, const char *text, size_t n)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/%s/%s", root, id, name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, n), n);
	close(fd);
}

static size_t get(const char *id, const char *name, char *text, size_t size)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/%s/%s", root, id, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, text, size);

	close(fd);
	assert_true(n > 0);
	return (size_t)n;
}

/* Every byte changed, every length: broken, with the intent to clean by; never another truth. */
static void test_every_damage_is_seen(void **state)
{
	AUTO(life_box) b = LIFE_BOX_INIT;
	char text[2048], bad[2048];

	(void)state;
	make("d", &b);
	life_box_done(&b);
	size_t n = get("d", "state.json", text, sizeof(text));

	for (size_t i = 0; i < 2 * n; i++) {
		AUTO(life_box) c = LIFE_BOX_INIT;
		size_t len = i < n ? n : i - n;

		memcpy(bad, text, n);
		if (i < n)
			bad[i] = (char)(bad[i] ^ (1 << (i % 7)));
		put("d", "state.json", bad, len);
		OK(life_store_open(&host, "d", true, &c, &e));
		/* the newline at the end is not worth an error */
		if (i == n - 1 || len == n - 1)
			continue;
		if (c.rec)
			fail_msg("damage %zu of %zu is not seen", i, n);
		assert_non_null(c.intent);
		assert_true(c.why.code > 0);
		assert_int_equal(life_machine_status(&c), SPEC_BROKEN);
	}
}

static void test_a_record_of_another(void **state)
{
	AUTO(life_box) a = LIFE_BOX_INIT;
	AUTO(life_box) b = LIFE_BOX_INIT;
	AUTO(life_box) c = LIFE_BOX_INIT;
	char text[2048];

	(void)state;
	make("one", &a);
	make("two", &b);
	put("two", "state.json", text, get("one", "state.json", text, sizeof(text)));
	life_box_done(&b);
	OK(life_store_open(&host, "two", true, &c, &e));
	assert_null(c.rec);
	assert_non_null(strstr(c.why.text, "of \"one\""));
}

static void test_a_record_of_another_version(void **state)
{
	AUTO(life_box) b = LIFE_BOX_INIT;
	AUTO(life_box) c = LIFE_BOX_INIT;
	struct life_record rec = record("v", LIFE_STAGE_CREATED);

	(void)state;
	rec.schema.v = 2;
	OK(life_store_claim(&host, "v", &b, &e));
	OK(life_store_write(&b, &rec, &e));
	life_box_done(&b);
	OK(life_store_open(&host, "v", true, &c, &e));
	assert_null(c.rec);
	assert_non_null(strstr(c.why.text, "another version of stiva (schema 2, not 1)"));
}

static void test_removal_of_strange_things(void **state)
{
	AUTO(life_box) b = LIFE_BOX_INIT;
	char path[160];
	struct stat st;

	(void)state;
	make("x", &b);
	int fd = b.dir_fd;

	assert_int_equal(mkfifoat(fd, "fifo", 0600), 0);
	assert_int_equal(symlinkat("/etc", fd, "link"), 0);
	assert_int_equal(unlinkat(fd, "state.json", 0), 0);
	assert_int_equal(mkdirat(fd, "state.json", 0700), 0);
	snprintf(path, sizeof(path), "%s/x/deep", root);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(mkdir(path, 0700), 0);
		strncat(path, "/d", sizeof(path) - strlen(path) - 1);
	}
	OK(life_store_remove(&b, &e));
	snprintf(path, sizeof(path), "%s/x", root);
	assert_int_equal(stat(path, &st), -1);
	assert_int_equal(stat("/etc/passwd", &st), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_ids, setup, teardown),
		cmocka_unit_test_setup_teardown(test_roots, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_life, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_of_many_claims, setup, teardown),
		cmocka_unit_test_setup_teardown(test_makers_removers_readers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_lock_is_waited_for, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_unfinished_claim_is_waited_for, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_every_damage_is_seen, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_record_of_another, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_record_of_another_version, setup, teardown),
		cmocka_unit_test_setup_teardown(test_removal_of_strange_things, setup, teardown),
	};

	return cmocka_run_group_tests_name("runtime-life/store", tests, NULL, NULL);
}
