/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests of base/log: what goes where at which level, and in what form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include "base/auto.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "tests/unit/base/scratch.h"
#include "base/ban.h"

struct fixture {
	struct scratch s;
	char log_path[96];
	int saved_stderr, err_fd, log_read_fd;
};

static int set_up(void **state)
{
	static struct fixture f;

	scratch_make(&f.s);
	snprintf(f.log_path, sizeof(f.log_path), "%s/log", f.s.path);
	f.saved_stderr = fcntl(2, F_DUPFD_CLOEXEC, 3);
	f.err_fd = openat(f.s.fd, "stderr", O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	dup2(f.err_fd, 2);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	dup2(f->saved_stderr, 2);
	close(f->saved_stderr);
	close(f->err_fd);
	scratch_done(&f->s);
	return 0;
}

/* What is in the file now; it is empty afterwards. */
static char *taken(const struct fixture *f, const char *name)
{
	static char text[8192];
	AUTO_FD fd = openat(f->s.fd, name, O_RDWR | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	text[n < 0 ? 0 : n] = '\0';
	if (fd >= 0)
		assert_int_equal(ftruncate(fd, 0), 0);
	return text;
}

static void open_log(const char *path, bool is_json, enum log_level level)
{
	struct log_settings set = {path, is_json, level, false};
	struct err e = ERR_INIT;

	assert_int_equal(log_open(&set, &e), 0);
	assert_int_equal(log_get_level(), level);
}

static void say_all(void)
{
	struct err e = ERR_INIT;

	err_set(&e, ERR_INPUT, EINVAL, "an \"error\"\n");
	log_error(&e);
	log_warn("a %s", "warning");
	log_info("an info");
	log_debug("a debug");
}

static void test_words(void **state)
{
	enum log_level l = LOG_LEVEL_N;

	(void)state;
	assert_int_equal(log_level_parse("error", &l), 0);
	assert_int_equal(l, LOG_LEVEL_ERROR);
	assert_int_equal(log_level_parse("debug", &l), 0);
	assert_int_equal(l, LOG_LEVEL_DEBUG);
	assert_int_equal(log_level_parse("Debug", &l), -EINVAL);
	assert_int_equal(log_level_parse("", &l), -EINVAL);
	assert_int_equal(l, LOG_LEVEL_DEBUG);
}

static void test_stderr_only(void **state)
{
	const struct fixture *f = *state;

	assert_int_equal(log_get_level(), LOG_LEVEL_ERROR);
	say_all();
	assert_string_equal(taken(f, "stderr"),
			    "stiva: an \"error\"\\x0a\nstiva: warning: a warning\n");
	open_log(NULL, false, LOG_LEVEL_DEBUG);
	assert_int_equal(log_fd(), FD_NONE);
	say_all();
	assert_string_equal(taken(f, "stderr"),
			    "stiva: an \"error\"\\x0a\nstiva: warning: a warning\n"
			    "stiva: info: an info\nstiva: debug: a debug\n");
}

static void test_json_file(void **state)
{
	const struct fixture *f = *state;
	static const char start[] =
		"{\"level\":\"error\",\"msg\":\"an \\\"error\\\"\\\\x0a\",\"time\":\"2";
	struct stat st;
	char *text, *line;

	open_log(f->log_path, true, LOG_LEVEL_ERROR);
	assert_int_equal(fcntl(log_fd(), F_GETFD), FD_CLOEXEC);
	assert_true(fcntl(log_fd(), F_GETFL) & O_APPEND);
	assert_int_equal(fstat(log_fd(), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	say_all();
	text = taken(f, "log");
	assert_int_equal(strncmp(text, start, sizeof(start) - 1), 0);
	line = strchr(text, '\n');
	assert_non_null(line);
	assert_string_equal(line, "\n");
	*line = '\0';
	assert_true(str_ends(text, "Z\",\"class\":\"bad-input\",\"errno\":\"EINVAL\"}"));
	taken(f, "stderr");
}

/* What a program can take out of the object beside level, msg and time. */
static void test_json_extras(void **state)
{
	const struct fixture *f = *state;
	struct err e = ERR_INIT;
	char *text;

	open_log(f->log_path, true, LOG_LEVEL_ERROR);
	err_sys(&e, ENOENT, "mount \"/data\" from \"/srv\"");
	str_copy(e.stage, sizeof(e.stage), "init.mounts");
	log_error_hint(&e, "make it \"first\"");
	text = taken(f, "log");
	assert_non_null(strstr(text, "\"class\":\"kernel\",\"errno\":\"ENOENT\",\"stage\":"
				     "\"init.mounts\",\"path\":\"/data\",\"hint\":\"make it "
				     "\\\"first\\\"\"}\n"));
	/* No terminal: no second line. */
	assert_string_equal(taken(f, "stderr"),
			    "stiva: mount \"/data\" from \"/srv\": no such file or "
			    "directory\n");
}

static void test_strict(void **state)
{
	const struct fixture *f = *state;
	struct log_settings set = {f->log_path, true, LOG_LEVEL_ERROR, true};
	struct err e = ERR_INIT;

	assert_int_equal(log_open(&set, &e), 0);
	assert_int_equal(log_strict_check(&e), 0);
	log_warn("one");
	log_warn("two");
	assert_int_equal(log_strict_check(&e), -EINVAL);
	assert_string_equal(e.text, "one (a warning, and --strict)");
	assert_int_equal(log_strict_check(&e), 0);
	assert_string_equal(taken(f, "stderr"), "stiva: warning: two\n");
	/* Beside an error it is told as what it is. */
	log_warn("three");
	log_error(&e);
	assert_non_null(strstr(taken(f, "stderr"), "stiva: warning: three\nstiva: one"));
	taken(f, "log");
}

static void test_file_levels(void **state)
{
	const struct fixture *f = *state;
	AUTO_FREE char *url = mem_printf("file:%s", f->log_path);
	char *text;

	open_log(url, false, LOG_LEVEL_INFO);
	say_all();
	text = taken(f, "log");
	assert_int_equal(strncmp(text, "level=error msg=\"an \\\"error\\\"\\\\x0a\" time=\"2", 42),
			 0);
	assert_non_null(strstr(text, "\nlevel=warning msg=\"a warning\" time="));
	assert_non_null(strstr(text, "\nlevel=info msg=\"an info\" time="));
	assert_null(strstr(text, "debug"));
	taken(f, "stderr");
}

static void test_long_lines(void **state)
{
	const struct fixture *f = *state;
	static char big[10000];
	char *text;

	memset(big, '\x02', sizeof(big) - 1);
	errno = ENOTTY;
	log_warn("%s", big);
	assert_int_equal(errno, ENOTTY);
	text = taken(f, "stderr");
	assert_true(strlen(text) > 1000);
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	taken(f, "log");
}

static void test_refusals(void **state)
{
	struct log_settings set = {"/nonexistent/x", false, LOG_LEVEL_ERROR, false};
	struct err e = ERR_INIT;

	(void)state;
	assert_int_equal(log_open(&set, &e), -ENOENT);
	assert_string_equal(e.text, "open log \"/nonexistent/x\": no such file or directory");
	set.path = "file:";
	assert_int_equal(log_open(&set, &e), -EINVAL);
	/* Neither is there in a test's namespaces, or it is a socket that takes all. */
	set.path = "journald:x";
	if (log_open(&set, &e) < 0)
		assert_non_null(strstr(e.text, "connect to \"/run/systemd/journal/socket\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),	   cmocka_unit_test(test_stderr_only),
		cmocka_unit_test(test_json_file),  cmocka_unit_test(test_file_levels),
		cmocka_unit_test(test_long_lines), cmocka_unit_test(test_json_extras),
		cmocka_unit_test(test_refusals),   cmocka_unit_test(test_strict),
	};

	return cmocka_run_group_tests_name("base/log", tests, set_up, tear_down);
}
