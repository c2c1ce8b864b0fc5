/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of runtime/init/ids: a hostile etc/passwd, the environment, the search for the program. */
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
#include "base/auto.h"
#include "base/file.h"
#include "base/str.h"
#include "runtime/init/internal.h"
#include "tests/unit/story.h"
#include "base/ban.h"

static char dir[] = "/tmp/stiva-ids.XXXXXX";
static int root_fd = FD_NONE;
static struct arena arena;

static int setup(void **state)
{
	(void)state;
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
	if (!mkdtemp(dir))
		return -1;
	root_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return mkdirat(root_fd, "etc", 0755) | mkdirat(root_fd, "bin", 0755);
}

static void clear(const char *sub)
{
	static const char *const names[] = {"passwd", "true", "plain", "folder",
					    "loop",   "exe",  "out"};
	int fd = openat(root_fd, sub, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (unlinkat(fd, names[i], 0) < 0)
			(void)unlinkat(fd, names[i], AT_REMOVEDIR);
	close(fd);
	unlinkat(root_fd, sub, AT_REMOVEDIR);
}

static int teardown(void **state)
{
	(void)state;
	clear("etc");
	clear("bin");
	rmdir(dir);
	auto_fd_done(&root_fd);
	arena_done(&arena);
	return 0;
}

static void passwd(const char *text, size_t n)
{
	int fd = openat(root_fd, "etc/passwd", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_int_equal(write(fd, text, n), n);
	close(fd);
}
#define HOME(uid) init_ids_home(root_fd, uid, &arena)

static void test_home(void **state)
{
	static const char text[] = "root:x:0:0:root:/root:/bin/sh\n"
				   "\n:::::::\nnonsense\n"
				   "neg:x:-1:0::/neg:/x\nbig:x:99999999999999999999:0::/big:/x\n"
				   "empty:x:5:5:::/bin/sh\n"
				   "short:x:6:6:gecos:/short\n"
				   "user:x:1000:1000:user:/home/user:/bin/sh\n"
				   "again:x:1000:1000::/other:/bin/sh\n"
				   "last:x:4294967294:1::/last:";

	(void)state;
	assert_string_equal(HOME(0), "/"); /* no file */
	passwd(text, sizeof(text) - 1);
	assert_string_equal(HOME(0), "/root");
	assert_string_equal(HOME(1000), "/home/user");
	assert_string_equal(HOME(5), "/");
	assert_string_equal(HOME(6), "/short");
	assert_string_equal(HOME(7), "/");
	assert_string_equal(HOME(4294967294u), "/last");
}

static void test_home_of_hostile_files(void **state)
{
	static char line[8192];

	(void)state;
	/* a line that does not end */
	memset(line, 'a', sizeof(line));
	memcpy(line, "x:x:9:9:", 8);
	passwd(line, sizeof(line));
	assert_string_equal(HOME(9), "/");
	/* NUL bytes everywhere */
	memset(line, 0, sizeof(line));
	passwd(line, sizeof(line));
	assert_string_equal(HOME(0), "/");
	passwd("a:x:0:0:g:/h\0idden:/s\n", 23);
	assert_string_equal(HOME(0), "/h");
	/* larger than any real one: a sparse file of 1 TiB */
	passwd("", 0);
	int fd = openat(root_fd, "etc/passwd", O_WRONLY | O_CLOEXEC);

	assert_int_equal(ftruncate(fd, (off_t)1 << 40), 0);
	close(fd);
	assert_string_equal(HOME(0), "/");
	/* what is no file must not be waited for */
	unlinkat(root_fd, "etc/passwd", 0);
	assert_int_equal(mkfifoat(root_fd, "etc/passwd", 0644), 0);
	assert_string_equal(HOME(0), "/");
	unlinkat(root_fd, "etc/passwd", 0);
	assert_int_equal(mkdirat(root_fd, "etc/passwd", 0755), 0);
	assert_string_equal(HOME(0), "/");
	unlinkat(root_fd, "etc/passwd", AT_REMOVEDIR);
	/* links stay inside, and devices of the host are not read */
	static const char *const links[] = {"/../../../../../etc/passwd", "/etc/passwd",
					    "/dev/zero", "/proc/self/environ",
					    "../../../../etc/passwd"};

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		assert_int_equal(symlinkat(links[i], root_fd, "etc/passwd"), 0);
		assert_string_equal(HOME(0), "/");
		unlinkat(root_fd, "etc/passwd", 0);
	}
}

static struct spec_process process;
static struct init_job job;

static void new_job(char **env, size_t n)
{
	arena_done(&job.env_arena);
	job = (struct init_job){0};
	init_job_reset(&job);
	process = (struct spec_process){.env = {env, n}, .cwd = (char *)"/"};
	job.process = &process;
}

static const char *value(const char *key)
{
	const char *found = NULL;

	for (char **p = job.env; *p; p++) {
		const char *rest = str_after(*p, key);

		if (rest && *rest == '=') {
			assert_null(found); /* once */
			found = rest + 1;
		}
	}
	return found;
}

static void test_env(void **state)
{
	char *env[] = {(char *)"A=1",
		       (char *)"AB=2",
		       (char *)"A=3",
		       (char *)"HOME=",
		       (char *)"NOTIFY_SOCKET=/host",
		       (char *)"A==4"};

	(void)state;
	new_job(env, 6);
	job.notify_socket = "/run/notify/notify.sock";
	job.listen_fds = 2;
	setenv("LISTEN_FDNAMES", "a:b", 1);
	init_ids_env(&job, root_fd);
	assert_string_equal(value("A"), "=4");
	assert_string_equal(value("AB"), "2");
	assert_string_equal(value("HOME"), "/");
	assert_string_equal(value("NOTIFY_SOCKET"), "/run/notify/notify.sock");
	assert_string_equal(value("LISTEN_FDS"), "2");
	assert_string_equal(value("LISTEN_FDNAMES"), "a:b");
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	assert_string_equal(value("LISTEN_PID"), pid);
	unsetenv("LISTEN_FDNAMES");
	/* Nothing of ours is inherited. */
	new_job(NULL, 0);
	init_ids_env(&job, root_fd);
	assert_string_equal(job.env[0], "HOME=/");
	assert_null(job.env[1]);
}

/* The order and the winners are those of the plain way, whatever the number. */
static void test_env_of_many(void **state)
{
	static char text[3000][16];
	static char *env[3000];

	(void)state;
	for (size_t n = 1; n <= 3000; n = n * 3 + 1) {
		for (size_t i = 0; i < n; i++) {
			snprintf(text[i], sizeof(text[i]), "K%zu=%zu", i % (n / 2 + 1), i);
			env[i] = text[i];
		}
		new_job(env, n);
		init_ids_env(&job, root_fd);
		size_t count = 0;

		while (job.env[count])
			count++;
		size_t keys = n < n / 2 + 1 ? n : n / 2 + 1;

		assert_int_equal(count, keys + 1);
		for (size_t k = 0; k < keys; k++) {
			char want[64];

			snprintf(want, sizeof(want), "K%zu=%zu", k,
				 k + (n / 2 + 1) < n ? k + (n / 2 + 1) : k);
			assert_string_equal(job.env[k], want);
		}
	}
}

static int find(const char *name, const char *path)
{
	static char var[256];
	static char *env[1] = {var}, *args[1];

	snprintf(var, sizeof(var), "PATH=%s", path ? path : "");
	new_job(env, path ? 1 : 0);
	args[0] = (char *)name;
	process.args = (struct strvec){args, 1};
	init_ids_env(&job, root_fd);
	err_clear(&e);
	return init_ids_program(&job, root_fd, &e);
}

static void make(const char *path, mode_t mode)
{
	int fd = openat(root_fd, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	fchmod(fd, mode);
	close(fd);
}

static void test_program(void **state)
{
	(void)state;
	make("bin/true", 0755);
	make("bin/plain", 0644);
	mkdirat(root_fd, "bin/folder", 0755);
	assert_int_equal(find("true", "/nonesuch:/bin"), 0);
	assert_string_equal(job.program, "/bin/true");
	assert_int_equal(find("true", NULL), 0);
	assert_int_equal(find("/bin/true", "/"), 0);
	assert_int_equal(find("bin/true", "/"), 0);
	assert_int_equal(find("./bin/true", "/"), 0);
	/* A relative or empty entry is below the working directory. */
	assert_int_equal(find("true", "bin"), 0);
	process.cwd = (char *)"/bin";
	assert_int_equal(find("true", ":/x"), -ENOENT);
	HAS("process.args[0]: exec: \"true\": executable file not found in $PATH");
	assert_int_equal(find("nonesuch", "/bin"), -ENOENT);
	HAS("executable file not found in $PATH");
	assert_int_equal(find("/nonesuch", "/bin"), -ENOENT);
	HAS("exec: \"/nonesuch\": no such file or directory");
	assert_int_equal(find("plain", "/bin"), -EACCES);
	HAS("exec: \"plain\": permission denied");
	assert_int_equal(find("/bin/plain", "/bin"), -EACCES);
	assert_int_equal(find("/bin/folder", "/bin"), -EISDIR);
	HAS("is a directory");
	assert_int_equal(find("folder", "/bin"), -ENOENT);
	assert_int_equal(find("/bin/true/x", "/bin"), -ENOTDIR);
	assert_int_equal(find("", "/bin"), -EINVAL);
	process.args.n = 0;
	FAILS(EINVAL, init_ids_program(&job, root_fd, &e));
	/* A later directory is looked into although an earlier one denied it. */
	assert_int_equal(find("plain", "/bin:/etc"), -EACCES);
}

static void test_program_behind_links(void **state)
{
	(void)state;
	assert_int_equal(symlinkat("loop", root_fd, "bin/loop"), 0);
	assert_int_equal(symlinkat("/proc/self/exe", root_fd, "bin/exe"), 0);
	assert_int_equal(symlinkat("../../../../../bin/sh", root_fd, "bin/out"), 0);
	assert_int_equal(find("/bin/loop", "/"), -ENOENT);
	assert_int_equal(find("/bin/exe", "/"), -ENOENT);
	assert_int_equal(find("/bin/out", "/"), -ENOENT); /* there is no sh in this root */
	assert_int_equal(find("/proc/self/exe", "/"), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_home, setup, teardown),
		cmocka_unit_test_setup_teardown(test_home_of_hostile_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_env, setup, teardown),
		cmocka_unit_test_setup_teardown(test_env_of_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_program, setup, teardown),
		cmocka_unit_test_setup_teardown(test_program_behind_links, setup, teardown),
	};

	return cmocka_run_group_tests_name("runtime-init/ids", tests, NULL, NULL);
}
