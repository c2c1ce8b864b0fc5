/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/preflight: what of a running container stands in the way of a checkpoint, named before
 * anything is held still (migration.md 4): what CRIU cannot take, and what it takes by an option
 * that was not given. All of it from procfs, without a word to the processes; CRIU is the judge of
 * what is not listed here. Called by dump.c.
 */
#include "checkpoint/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "base/file.h"
#include "base/num.h"
#include "base/ban.h"

#define STATUS_MAX 8192
#define LINK_MAX   4096
#define TABLE_MAX  (64u << 20)
#define CAP_BIT	   24 /* CAP_SYS_RESOURCE */

static void add(struct ckpt_blockers *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void add(struct ckpt_blockers *b, const char *fmt, ...)
{
	char line[400], clean[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	str_printable(clean, sizeof(clean), line);
	if (!b->n++)
		b->first = arena_strdup(b->arena, clean);
	buf_printf(&b->all, "%s\n", clean);
}

/* The number after "\nNAME:" of a status file; false when it is not there. */
static bool status_number(const char *status, const char *name, uint64_t *ret)
{
	const char *at = strstr(status, name);

	if (!at)
		return false;
	at += strlen(name);
	at += strspn(at, " \t");
	return num_u64n(at, strspn(at, "0123456789"), ret) == 0;
}

static bool may_set_limits(void)
{
	char status[STATUS_MAX];
	const char *at;

	if (file_read_kernel(AT_FDCWD, "/proc/self/status", status, sizeof(status)) < 0)
		return true;
	at = strstr(status, "\nCapEff:\t");
	/* 16 hex digits after 9 bytes: bit 24 is the lowest of the tenth */
	if (!at || strlen(at) < 25)
		return true;
	char digit = at[9 + 15 - CAP_BIT / 4];

	return (digit <= '9' ? digit - '0' : digit - 'a' + 10) & 1;
}

/* ---- descriptors ---- */

/* Kinds that are known by their names alone. */
static const char *refused_kind(const char *link)
{
	static const char *const kinds[] = {
		"anon_inode:[io_uring]",    "anon_inode:[perf_event]",
		"anon_inode:[userfaultfd]", "anon_inode:bpf-map",
		"anon_inode:bpf-prog",	    "anon_inode:landlock-ruleset",
		"anon_inode:[fscontext]",   "anon_inode:[landlock-ruleset]",
		"anon_inode:[kvm-vm]"};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (str_eq(link, kinds[i]))
			return kinds[i] + strlen("anon_inode:");
	return NULL;
}

/* A file is told once, however many have it open. */
static bool is_told(const struct ckpt_blockers *b, const char *link)
{
	char quoted[200];

	snprintf(quoted, sizeof(quoted), "\"%.150s\"", link);
	return b->all.data && strstr(b->all.data, quoted);
}

static void check_file(struct ckpt_blockers *b, const struct ckpt_common *c, int pid,
		       const char *path, const char *link)
{
	struct stat st;
	struct statfs fs;

	if (link[0] != '/' || stat(path, &st) < 0)
		return;
	if (statfs(path, &fs) == 0 && fs.f_type == HUGETLBFS_MAGIC)
		add(b, "process %d has memory of huge pages open: CRIU cannot take it", pid);
	else if (statfs(path, &fs) == 0 && (unsigned)fs.f_type == 0x19800202u)
		add(b, "process %d has the message queue \"%.100s\" open: CRIU cannot take it", pid,
		    link);
	if (!S_ISREG(st.st_mode) || !str_ends(link, " (deleted)") || is_told(b, link))
		return;
	if (st.st_nlink > 0 && !c->link_remap && !str_starts(link, "/memfd:"))
		add(b,
		    "process %d has \"%.150s\" open, which has another name still: "
		    "use --link-remap",
		    pid, link);
	if (st.st_nlink == 0 && !str_starts(link, "/memfd:") && st.st_size > CKPT_GHOST_MAX)
		add(b, "process %d has \"%.150s\" open, of %lld bytes: a deleted file may have %u",
		    pid, link, (long long)st.st_size, CKPT_GHOST_MAX);
}

static void check_fds(struct ckpt_blockers *b, const struct ckpt_common *c, int pid)
{
	char path[300], link[LINK_MAX];

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	AUTO_DIR d = opendir(path);

	for (struct dirent *de = d ? readdir(d) : NULL; de; de = readdir(d)) {
		if (de->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/fd/%s", pid, de->d_name);
		ssize_t n = readlink(path, link, sizeof(link) - 1);

		if (n < 0)
			continue;
		link[n] = '\0';
		const char *kind = refused_kind(link);

		if (kind)
			add(b, "process %d has a descriptor of the kind %s: CRIU cannot take it",
			    pid, kind);
		else
			check_file(b, c, pid, path, link);
	}
}

/* ---- processes ---- */

static void check_nested(struct ckpt_blockers *b, int pid, pid_t init)
{
	static const struct {
		const char *name, *words;
	} rows[] = {{"pid_for_children", "pid"}, {"cgroup", "cgroup"}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char path[64];
		struct stat its, inits;

		snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, rows[i].name);
		if (stat(path, &its) < 0)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)init, rows[i].name);
		if (stat(path, &inits) == 0 && its.st_ino != inits.st_ino)
			add(b,
			    "process %d is in a %s namespace inside the container: CRIU cannot "
			    "take it",
			    pid, rows[i].words);
	}
}

static void check_process(struct ckpt_blockers *b, const struct life_held *x,
			  const struct ckpt_common *c, int pid, bool has_right)
{
	char path[64], status[STATUS_MAX];
	uint64_t v;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	if (file_read_kernel(AT_FDCWD, path, status, sizeof(status)) < 0)
		return; /* it ended */
	if (status_number(status, "\nTracerPid:", &v) && v)
		add(b, "process %d is traced by process %llu: end that first", pid,
		    (unsigned long long)v);
	if (!has_right && status_number(status, "\nUid:", &v) && v)
		add(b, "process %d is of uid %llu: CRIU needs CAP_SYS_RESOURCE for that", pid,
		    (unsigned long long)v);
	check_nested(b, pid, x->pid);
	check_fds(b, c, pid);
}

/* What descends from the first process is taken; what an exec put beside it would be lost without a
 * word: its parent is outside. */
static void check_stranger(struct ckpt_blockers *b, const struct life_held *x, const pid_t *pids,
			   size_t n, pid_t pid)
{
	char path[64], status[STATUS_MAX];
	uint64_t parent;

	if (pid == x->pid)
		return;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (file_read_kernel(AT_FDCWD, path, status, sizeof(status)) < 0 ||
	    !status_number(status, "\nPPid:", &parent))
		return;
	for (size_t i = 0; i < n; i++)
		if (pids[i] == (pid_t)parent)
			return;
	add(b, "process %d came in by exec: it would be lost (end it first)", (int)pid);
}

/* ---- what the whole container has ---- */

/* Connections of the own network namespace. Column 4 of /proc/net/tcp: 01 established, 0A listens,
 * 07 closed. */
static void check_tcp(struct ckpt_blockers *b, const struct life_held *x,
		      const struct ckpt_common *c)
{
	static const char *const files[] = {"tcp", "tcp6"};
	unsigned n = 0;

	if (c->tcp_established || c->tcp_close || !spec_ns(x->conf, SPEC_NS_NETWORK))
		return;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		AUTO(buf) text = {0};
		char path[64], *save = NULL;

		snprintf(path, sizeof(path), "/proc/%d/net/%s", (int)x->pid, files[i]);
		if (file_read_path(path, TABLE_MAX, &text) < 0 || !text.data)
			continue;
		for (char *l = strtok_r(text.data, "\n", &save); l;
		     l = strtok_r(NULL, "\n", &save)) {
			char *inner = NULL, *w = strtok_r(l, " ", &inner);

			for (int k = 0; w && k < 3; k++)
				w = strtok_r(NULL, " ", &inner);
			/* Who waits for its last packets is no process's any more. */
			n += w && (str_eq(w, "01") || str_eq(w, "08"));
		}
	}
	if (n)
		add(b, "%u ends of TCP connections are established: use --tcp-established", n);
}

static void check_locks(struct ckpt_blockers *b, const struct ckpt_common *c, const pid_t *pids,
			size_t n)
{
	AUTO(buf) text = {0};
	char *save = NULL;

	if (c->file_locks || file_read_path("/proc/locks", TABLE_MAX, &text) < 0 || !text.data)
		return;
	/* "1: POSIX  ADVISORY  WRITE 1234 08:01:567 0 EOF" */
	for (char *l = strtok_r(text.data, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		char *inner = NULL, *w = strtok_r(l, " ", &inner);
		uint32_t pid;

		for (int k = 0; w && k < 4; k++)
			w = strtok_r(NULL, " ", &inner);
		if (!w || num_u32(w, &pid) < 0)
			continue;
		for (size_t i = 0; i < n; i++)
			if (pids[i] == (pid_t)pid)
				add(b, "process %u holds a file lock: use --file-locks", pid);
	}
}

void ckpt_blockers_done(struct ckpt_blockers *b)
{
	buf_done(&b->all);
}

int ckpt_preflight_again(const struct life_held *x, struct ckpt_blockers *b, struct err *e)
{
	AUTO_FREE pid_t *pids = NULL;
	size_t n = 0;
	int r = cg_pids(&x->cg, &pids, &n, e);

	for (size_t i = 0; r == 0 && i < n; i++)
		check_stranger(b, x, pids, n, pids[i]);
	return r;
}

int ckpt_preflight(const struct life_held *x, const struct ckpt_common *c, struct ckpt_blockers *b,
		   struct err *e)
{
	AUTO_FREE pid_t *pids = NULL;
	bool has_right = may_set_limits();
	size_t n = 0;
	int r = cg_pids(&x->cg, &pids, &n, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		check_stranger(b, x, pids, n, pids[i]);
		check_process(b, x, c, (int)pids[i], has_right);
	}
	check_tcp(b, x, c);
	check_locks(b, c, pids, n);
	return 0;
}
