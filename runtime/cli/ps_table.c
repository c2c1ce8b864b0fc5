/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/cli/ps_table: a table of processes like that of `ps -ef`, made from /proc. It must not
 * know about containers. Called by cmd_ps.c.
 */
#include "runtime/cli/ps_table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "base/auto.h"
#include "base/file.h"
#include "base/num.h"
#include "base/str.h"
#include "runtime/cli/out.h"
#include "base/ban.h"

#define PASSWD	   "/etc/passwd"
#define PASSWD_MAX (1 << 20)
#define CELL_MAX   64
#define FIELD_MAX  24 /* of /proc/PID/stat; the later ones are not wanted */
#define DAY	   86400

/* Numbers of man 5 proc, "stat". */
enum stat_field {
	F_PPID = 4,
	F_TTY = 7,
	F_UTIME = 14,
	F_STIME = 15,
	F_NICE = 19,
	F_THREADS = 20,
	F_START = 22,
	F_RSS = 24
};

struct ps_process {
	pid_t pid;
	char state, comm[32];
	int64_t field[FIELD_MAX + 1];
	uint32_t uid;
	char cmd[4096];
};
struct ps_clock {
	int64_t ticks_per_sec, now, boot; /* seconds since the epoch */
	struct buf passwd;		  /* the text of PASSWD, or empty */
};

static int read_stat(int proc_fd, struct ps_process *p)
{
	char path[32], text[1024];
	char *s, *open, *close;
	int i = 4, r;

	snprintf(path, sizeof(path), "%d/stat", (int)p->pid);
	r = file_read_kernel(proc_fd, path, text, sizeof(text));
	if (r < 0)
		return r;
	/* A name may hold blanks and ")". */
	open = strchr(text, '(');
	close = strrchr(text, ')');
	if (!open || !close || close < open || close[1] != ' ' || close[2] == '\0')
		return -EINVAL;
	*close = '\0';
	str_printable(p->comm, sizeof(p->comm), open + 1);
	p->state = close[2];
	for (s = close + 3; *s == ' ' && i <= FIELD_MAX; i++) {
		size_t n = strcspn(++s, " \n");
		r = num_i64n(s, n, &p->field[i]);
		/* Numbers above the signed range are times and sizes beyond all reason. */
		if (r < 0)
			p->field[i] = 0;
		s += n;
	}
	return i > FIELD_MAX ? 0 : -EINVAL;
}

static int read_uid(int proc_fd, struct ps_process *p)
{
	char path[32], text[4096];
	const char *s;
	uint64_t uid;
	int r;

	snprintf(path, sizeof(path), "%d/status", (int)p->pid);
	r = file_read_kernel(proc_fd, path, text, sizeof(text));
	if (r < 0)
		return r;
	s = strstr(text, "\nUid:\t"); /* real, effective, ... */
	if (!s)
		return -EINVAL;
	s += strlen("\nUid:\t");
	s += strcspn(s, "\t");
	s += *s == '\t';
	r = num_u64n(s, strcspn(s, "\t\n"), &uid);
	p->uid = (uint32_t)uid;
	return r;
}

static int read_cmd(int proc_fd, struct ps_process *p)
{
	char path[32];
	int n;

	snprintf(path, sizeof(path), "%d/cmdline", (int)p->pid);
	n = file_read_kernel(proc_fd, path, p->cmd, sizeof(p->cmd));
	if (n == -EFBIG) /* the beginning is there */
		n = (int)sizeof(p->cmd) - 1;
	if (n < 0)
		return n;
	while (n > 0 && p->cmd[n - 1] == '\0')
		n--;
	for (int i = 0; i < n; i++) {
		if (p->cmd[i] == '\0')
			p->cmd[i] = ' ';
	}
	if (n == 0) /* a zombie or a kernel thread */
		snprintf(p->cmd, sizeof(p->cmd), "[%s]", p->comm);
	return 0;
}

static int64_t cpu_ticks(const struct ps_process *p)
{
	return p->field[F_UTIME] + p->field[F_STIME];
}

static int64_t start_time(const struct ps_process *p, const struct ps_clock *c)
{
	return c->boot + p->field[F_START] / c->ticks_per_sec;
}

/* ---- columns ---- */

static void put_uid(const struct ps_process *p, const struct ps_clock *c, char *ret)
{
	(void)c;
	snprintf(ret, CELL_MAX, "%u", p->uid);
}

/* man 5 passwd: "name:password:uid:...". The caller's users: to those of the container the numbers
 * may say something else. */
static bool find_name(const char *text, uint32_t uid, char *ret)
{
	for (const char *line = text; line && *line;
	     line = strchr(line, '\n'), line += line != NULL) {
		size_t name = strcspn(line, ":\n");
		const char *s = line + name;
		uint64_t v;

		if (*s == ':')
			s += 1 + strcspn(s + 1, ":\n");
		if (*s != ':' || name == 0 || name >= CELL_MAX)
			continue;
		s++;
		if (num_u64n(s, strcspn(s, ":\n"), &v) < 0 || v != uid)
			continue;
		memcpy(ret, line, name);
		ret[name] = '\0';
		return true;
	}
	return false;
}

static void put_user(const struct ps_process *p, const struct ps_clock *c, char *ret)
{
	char name[CELL_MAX];

	if (c->passwd.data && find_name(c->passwd.data, p->uid, name))
		str_printable(ret, CELL_MAX, name);
	else
		put_uid(p, c, ret);
}

static void put_pid(const struct ps_process *p, const struct ps_clock *c, char *ret)
{
	(void)c;
	snprintf(ret, CELL_MAX, "%d", (int)p->pid);
}

static void put_ppid(const struct ps_process *p, const struct ps_clock *c, char *ret)
{
	(void)c;
	snprintf(ret, CELL_MAX, "%lld", (long long)p->field[F_PPID]);
}

/* Percent of one CPU over the life of the process. */
static void put_c(const struct ps_process *p, const struct ps_clock *c, char *ret)
{
	int64_t life = (c->now - start_time(p, c)) * c->ticks_per_sec;
	int64_t v = life > 0 ? cpu_ticks(p) * 100 / life : 0;

	snprintf(ret, CELL_MAX, "%lld", (long long)(v > 99 ? 99 : v));
}

static void put_stime(const struct ps_process *p, const struct ps_clock *c, char *ret)
{
	time_t start = (time_t)start_time(p, c), now = (time_t)c->now;
	struct tm a = {0}, b = {0};
	size_t n;

	localtime_r(&start, &a);
	localtime_r(&now, &b);
	if (a.tm_year != b.tm_year)
		n = strftime(ret, CELL_MAX, "%Y", &a);
	else if (a.tm_yday != b.tm_yday && now - start >= DAY)
		n = strftime(ret, CELL_MAX, "%b%d", &a);
	else
		n = strftime(ret, CELL_MAX, "%H:%M", &a);
	if (n == 0)
		ret[0] = '\0';
}

/* Documentation/admin-guide/devices.txt: 4 = virtual consoles and serial lines, 136-143 = pts. */
static void put_tty(const struct ps_process *p, const struct ps_clock *c, char *ret)
{
	unsigned dev = (unsigned)p->field[F_TTY];
	unsigned major = (dev >> 8) & 0xfff, minor = (dev & 0xff) | ((dev >> 12) & 0xfff00);

	(void)c;
	if (dev == 0)
		str_copy(ret, CELL_MAX, "?");
	else if (major >= 136 && major <= 143)
		snprintf(ret, CELL_MAX, "pts/%u", (major - 136) * 256 + minor);
	else if (major == 4)
		snprintf(ret, CELL_MAX, minor < 64 ? "tty%u" : "ttyS%u",
			 minor < 64 ? minor : minor - 64);
	else
		snprintf(ret, CELL_MAX, "%u:%u", major, minor);
}

static void put_time(const struct ps_process *p, const struct ps_clock *c, char *ret)
{
	long long s = (long long)(cpu_ticks(p) / c->ticks_per_sec);
	int n = 0;

	if (s >= DAY)
		n = snprintf(ret, CELL_MAX, "%lld-", s / DAY);
	snprintf(ret + n, (size_t)(CELL_MAX - n), "%02lld:%02lld:%02lld", s % DAY / 3600,
		 s / 60 % 60, s % 60);
}

static void put_state(const struct ps_process *p, const struct ps_clock *c, char *ret)
{
	(void)c;
	snprintf(ret, CELL_MAX, "%c", p->state);
}

static void put_nice(const struct ps_process *p, const struct ps_clock *c, char *ret)
{
	(void)c;
	snprintf(ret, CELL_MAX, "%lld", (long long)p->field[F_NICE]);
}

static void put_threads(const struct ps_process *p, const struct ps_clock *c, char *ret)
{
	(void)c;
	snprintf(ret, CELL_MAX, "%lld", (long long)p->field[F_THREADS]);
}

static void put_rss(const struct ps_process *p, const struct ps_clock *c, char *ret)
{
	(void)c;
	snprintf(ret, CELL_MAX, "%lld",
		 (long long)(p->field[F_RSS] * (sysconf(_SC_PAGESIZE) / 1024)));
}

struct ps_column {
	const char *name, *head; /* name NULL: not to be chosen by name */
	void (*put)(const struct ps_process *p, const struct ps_clock *c, char *ret); /* CELL_MAX */
};
/* put NULL: the text is in the process. */
static const struct ps_column columns[] = {
	{NULL, "UID", put_user},     {"pid", "PID", put_pid},	    {"ppid", "PPID", put_ppid},
	{"c", "C", put_c},	     {"stime", "STIME", put_stime}, {"tty", "TTY", put_tty},
	{"time", "TIME", put_time},  {"cmd", "CMD", NULL},	    {"comm", "COMMAND", NULL},
	{"s", "S", put_state},	     {"ni", "NI", put_nice},	    {"nlwp", "NLWP", put_threads},
	{"uid", "UID", put_uid},     {"user", "USER", put_user},    {"rss", "RSS", put_rss},
	{"stat", "STAT", put_state}, {"command", "COMMAND", NULL},
};
#define N_COLUMNS (sizeof(columns) / sizeof(columns[0]))
#define N_DEFAULT 8 /* the first ones: ps -ef */
#define N_CHOSEN  32

struct ps_choice {
	const struct ps_column *v[N_CHOSEN];
	size_t n;
};

static int choose_list(const char *list, struct ps_choice *ret, struct err *e)
{
	for (const char *s = list;; s++) {
		size_t n = strcspn(s, ",");
		size_t i = 0;
		while (i < N_COLUMNS && !(columns[i].name && strlen(columns[i].name) == n &&
					  memcmp(columns[i].name, s, n) == 0))
			i++;
		if (i == N_COLUMNS || ret->n == N_CHOSEN)
			return err_set(e, ERR_INPUT, EINVAL, "-o: no column \"%.*s\"", (int)n, s);
		ret->v[ret->n++] = &columns[i];
		s += n;
		if (*s == '\0')
			return 0;
	}
}

/* What ps prints for -x. */
#define COLUMNS_X "pid,tty,stat,time,command"

static int choose(char *const *args, struct ps_choice *ret, struct err *e)
{
	bool is_x = false;

	for (; *args; args++) {
		const char *a = *args;
		int r = 0;
		if (str_eq(a, "-o") && args[1])
			r = choose_list(*++args, ret, e);
		else if (str_starts(a, "-o") && a[2])
			r = choose_list(a + 2, ret, e);
		else if (a[0] != '-' || a[1] == '\0' || strspn(a + 1, "eAfFx") != strlen(a + 1))
			r = err_set(e, ERR_INPUT, EINVAL,
				    "argument \"%s\" is none of -e, -f, -x and -o COLUMN,...", a);
		else
			is_x = is_x || strchr(a, 'x');
		if (r < 0)
			return r;
	}
	if (ret->n == 0 && is_x)
		return choose_list(COLUMNS_X, ret, e);
	for (size_t i = 0; ret->n == 0 && i < N_DEFAULT; i++)
		ret->v[i] = &columns[i];
	if (ret->n == 0)
		ret->n = N_DEFAULT;
	return 0;
}

static void add_row(const struct ps_process *p, const struct ps_choice *chosen,
		    const struct ps_clock *c, struct cmd_table *t)
{
	for (size_t i = 0; i < chosen->n; i++) {
		const struct ps_column *col = chosen->v[i];
		char cell[CELL_MAX];
		if (col->put) {
			col->put(p, c, cell);
			cmd_table_add(t, cell);
		} else {
			cmd_table_add(t, str_eq(col->name, "comm") ? p->comm : p->cmd);
		}
	}
}

static void clock_read(struct ps_clock *ret)
{
	struct timespec real = {0}, boot = {0};

	clock_gettime(CLOCK_REALTIME, &real);
	clock_gettime(CLOCK_BOOTTIME, &boot);
	ret->ticks_per_sec = sysconf(_SC_CLK_TCK);
	ret->now = real.tv_sec;
	ret->boot = real.tv_sec - boot.tv_sec;
	tzset();
}

int cmd_ps_table(const pid_t *pids, size_t n, char *const *args, struct arena *arena,
		 struct buf *out, struct err *e)
{
	struct ps_choice chosen = {0};
	struct cmd_table t = {.arena = arena, .gap = 2};
	struct ps_clock c = {0};
	AUTO_FD proc_fd = FD_NONE;
	int r = choose(args, &chosen, e);

	if (r < 0)
		return r;
	proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (proc_fd < 0)
		return err_sys(e, errno, "open \"/proc\"");
	clock_read(&c);
	(void)!file_read_path(PASSWD, PASSWD_MAX, &c.passwd); /* without it: numbers */
	t.n_cols = chosen.n;
	for (size_t i = 0; i < chosen.n; i++)
		cmd_table_add(&t, chosen.v[i]->head);
	for (size_t i = 0; i < n; i++) {
		struct ps_process p = {.pid = pids[i]};
		if (read_stat(proc_fd, &p) >= 0 && read_uid(proc_fd, &p) >= 0 &&
		    read_cmd(proc_fd, &p) >= 0)
			add_row(&p, &chosen, &c, &t);
	}
	cmd_table_print(&t, out);
	buf_done(&c.passwd);
	return 0;
}
