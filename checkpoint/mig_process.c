/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint/mig_process: see mig_process.h. Called by mig_memory.c. */
#include "checkpoint/mig_process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/str.h"
#include "base/sys.h"
#include "checkpoint/mig_hash.h"
#include "checkpoint/mig_ps.h"
#include "checkpoint/mig_store.h"
#include "base/ban.h"

#define STATUS_MAX  8192
#define SCAN_RANGES 512u
/* Without PAGEMAP_SCAN every page of a mapping costs 8 bytes to look at, there or not; what is
 * larger is left to the final pass. */
#define PLAIN_BYTES_MAX (UINT64_C(64) << 30)

struct process {
	int dir_fd, pidfd, map_fd; /* owned; of /proc/PID */
	pid_t pid;
	uint64_t id;
};
static void process_done(struct process *p)
{
	auto_fd_done(&p->dir_fd);
	auto_fd_done(&p->pidfd);
	auto_fd_done(&p->map_fd);
}

/* ---- PAGEMAP_SCAN: Documentation/admin-guide/mm/pagemap.rst; Linux 6.7, not in our headers ----
 */

struct scan_range {
	uint64_t start, end, categories;
};
struct scan_arg {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages, inverted, mask, any_of,
		wanted;
};
enum { IS_FILE = 4, IS_PRESENT = 8, IS_SWAPPED = 16, IS_ZERO = 32 };
#define SCAN _IOWR('f', 16, struct scan_arg)

/* Of each 64-bit word of /proc/PID/pagemap */
#define WORD_PRESENT (UINT64_C(1) << 63)
#define WORD_SWAPPED (UINT64_C(1) << 62)
#define WORD_FILE    (UINT64_C(1) << 61)

/* ---- reading ---- */

/* What has been read is of that very process only if it is there yet: its number may be another's
 * the moment it is gone. */
static bool is_there(const struct process *p)
{
	return sys_pidfd_send_signal(p->pidfd, 0) == 0;
}

/* A hole that was made since, or a guard: the rest of the chunk is left to the final pass. */
static int read_range(const struct process *p, const struct mig_process_by *by, uint64_t from,
		      uint64_t to, struct err *e)
{
	while (from < to) {
		size_t n = to - from < (uint64_t)MIG_CHUNK_PAGES * MIG_PAGE
				   ? (size_t)(to - from)
				   : (size_t)MIG_CHUNK_PAGES * MIG_PAGE;
		char *chunk = by->room(by->ctx);
		struct iovec ours = {chunk, n};
		struct iovec its = {(void *)(uintptr_t)from, n};
		ssize_t got = process_vm_readv(p->pid, &ours, 1, &its, 1, 0);
		int r = 0;

		if (got < 0 && errno == ESRCH)
			return 0;
		if (got < 0 && errno != EFAULT)
			return err_sys(e, errno, "read the memory of process %d", (int)p->pid);
		if (got > 0 && !is_there(p))
			return 0;
		if (got >= (ssize_t)MIG_PAGE)
			r = by->pages(by->ctx, p->id, from, chunk, (size_t)got / MIG_PAGE, e);
		if (r < 0)
			return r;
		from += n;
	}
	return 0;
}

/* Return: -ENOTTY when this kernel has no such call. */
static int scan(const struct process *p, const struct mig_process_by *by, uint64_t from,
		uint64_t to, struct err *e)
{
	struct scan_range found[SCAN_RANGES];

	while (from < to) {
		struct scan_arg arg = {.size = sizeof(arg),
				       .start = from,
				       .end = to,
				       .vec = (uintptr_t)found,
				       .vec_len = SCAN_RANGES,
				       .inverted = IS_FILE | IS_ZERO,
				       .mask = IS_FILE | IS_ZERO,
				       .any_of = IS_PRESENT | IS_SWAPPED,
				       .wanted = IS_FILE};
		int n = ioctl(p->map_fd, SCAN, &arg), r = 0;

		if (n < 0 && (errno == ENOTTY || errno == EINVAL))
			return -ENOTTY;
		if (n < 0 && errno == EINTR)
			continue;
		/* It has ended, or the mapping has gone. */
		if (n < 0)
			return 0;
		for (int i = 0; r == 0 && i < n; i++)
			r = read_range(p, by, found[i].start, found[i].end, e);
		if (r < 0)
			return r;
		if (arg.walk_end <= from)
			return 0;
		from = arg.walk_end;
	}
	return 0;
}

static int scan_plain(const struct process *p, const struct mig_process_by *by, uint64_t from,
		      uint64_t to, struct err *e)
{
	uint64_t words[512];

	if (to - from > PLAIN_BYTES_MAX)
		return 0;
	while (from < to) {
		uint64_t left = (to - from) / MIG_PAGE;
		size_t want = left < 512 ? (size_t)left : 512;
		ssize_t n = pread(p->map_fd, words, want * 8, (off_t)(from / MIG_PAGE * 8));
		size_t pages = n > 0 ? (size_t)n / 8 : 0;

		if (pages == 0)
			return 0;
		for (size_t i = 0; i < pages;) {
			size_t k = i;

			while (k < pages && words[k] & (WORD_PRESENT | WORD_SWAPPED) &&
			       !(words[k] & WORD_FILE))
				k++;
			int r = k > i ? read_range(p, by, from + i * MIG_PAGE, from + k * MIG_PAGE,
						   e)
				      : 0;

			if (r < 0)
				return r;
			i = k > i ? k : i + 1;
		}
		from += pages * MIG_PAGE;
	}
	return 0;
}

/* ---- mappings ---- */

static const char *take_hex(const char *s, const char *end, uint64_t *ret)
{
	uint64_t v = 0;

	for (; s < end; s++) {
		unsigned d = *s >= '0' && *s <= '9'   ? (unsigned)(*s - '0')
			     : *s >= 'a' && *s <= 'f' ? (unsigned)(*s - 'a' + 10)
						      : 16;
		if (d == 16)
			break;
		v = v << 4 | d;
	}
	*ret = v;
	return s;
}

/* "55e0-55e1 rw-p ...  NAME": private, readable, and not one of the kernel's own; of code, its
 * first page, and [vdso] as well. */
static bool take_line(const char *s, const char *end, bool is_code, uint64_t *ret_from,
		      uint64_t *ret_to)
{
	s = take_hex(s, end, ret_from);
	if (s == end || *s != '-')
		return false;
	s = take_hex(s + 1, end, ret_to);
	if (end - s < 5 || s[1] != 'r' || s[4] != 'p')
		return false;
	size_t n = (size_t)(end - s);

	if (is_code) {
		*ret_to = *ret_from + MIG_PAGE;
		return s[3] == 'x' && *ret_to <= MIG_ADDRESS_MAX;
	}
	return *ret_to <= MIG_ADDRESS_MAX && *ret_from < *ret_to && !memmem(s, n, "[v", 2);
}

static int read_text(int dir_fd, const char *name, struct buf *out)
{
	AUTO_FD fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	for (;;) {
		ssize_t n = read(fd, buf_room(out, 65536), 65536);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return 0;
		if (n > 0)
			out->len += (size_t)n;
	}
}

static int read_process(const struct process *p, const struct mig_process_by *by, struct err *e)
{
	AUTO(buf) maps = {0};
	const char *s, *all;
	uint64_t from, to;
	bool is_plain = false;
	int r = 0;

	/* Gone, or a zombie: nothing of it. */
	if (read_text(p->dir_fd, "maps", &maps) < 0)
		return 0;
	all = maps.data + maps.len;
	for (s = maps.data; r == 0 && s < all;) {
		const char *end = memchr(s, '\n', (size_t)(all - s));

		end = end ? end : all;
		if (take_line(s, end, by->is_code, &from, &to)) {
			if (by->is_code)
				r = read_range(p, by, from, to, e);
			else
				r = is_plain ? -ENOTTY : scan(p, by, from, to, e);
			if (r == -ENOTTY) {
				is_plain = true;
				r = scan_plain(p, by, from, to, e);
			}
		}
		s = end + 1;
	}
	return r;
}

/* ---- processes ---- */

/* The last number of "NSpid:\t4321\t7\n". */
static int inner_pid(int dir_fd, pid_t *ret)
{
	char text[STATUS_MAX];
	int r = file_read_kernel(dir_fd, "status", text, sizeof(text));
	const char *s = r < 0 ? NULL : strstr(text, "\nNSpid:");
	int64_t v;

	if (!s)
		return r < 0 ? r : -ENODATA;
	const char *end = s + 1 + strcspn(s + 1, "\n"), *at = end;

	while (at > s && at[-1] != '\t')
		at--;
	r = num_i64n(at, (size_t)(end - at), &v);
	*ret = r == 0 ? (pid_t)v : 0;
	return r == 0 && (v <= 0 || v > INT32_MAX) ? -ENODATA : r;
}

/* Return: -ESRCH when it is gone. */
static int open_process(pid_t pid, struct process *ret)
{
	char path[64];
	pid_t inner = 0;

	ret->pid = pid;
	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	ret->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ret->pidfd = ret->dir_fd < 0 ? FD_NONE : sys_pidfd_open(pid, 0);
	ret->map_fd =
		ret->pidfd < 0 ? FD_NONE : openat(ret->dir_fd, "pagemap", O_RDONLY | O_CLOEXEC);
	if (ret->map_fd < 0 || inner_pid(ret->dir_fd, &inner) < 0)
		return -ESRCH;
	ret->id = MIG_PS_ID(inner, MIG_PS_KIND_PROCESS);
	return 0;
}

int mig_process_these(const pid_t *pids, size_t n, const struct mig_process_by *by, uint32_t *ret_n,
		      struct err *e)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		AUTO(process) p = {.dir_fd = FD_NONE, .pidfd = FD_NONE, .map_fd = FD_NONE};

		if (open_process(pids[i], &p) < 0)
			continue;
		++*ret_n;
		r = read_process(&p, by, e);
	}
	return r;
}

static bool has(const pid_t *v, size_t n, pid_t pid)
{
	for (size_t i = 0; i < n; i++)
		if (v[i] == pid)
			return true;
	return false;
}

/* A number is opened first and then seen to be of the cgroup: what was opened is either of it, or
 * gone, and then nothing can be read of it. */
static int read_member(const struct cg *cg, pid_t pid, const struct mig_process_by *by,
		       uint32_t *ret_n, struct err *e)
{
	AUTO(process) p = {.dir_fd = FD_NONE, .pidfd = FD_NONE, .map_fd = FD_NONE};
	AUTO_FREE pid_t *now = NULL;
	size_t n_now = 0;
	int r;

	if (open_process(pid, &p) < 0)
		return 0;
	r = cg_pids(cg, &now, &n_now, e);
	if (r < 0 || !has(now, n_now, pid))
		return r;
	++*ret_n;
	return read_process(&p, by, e);
}

int mig_process_all(const struct cg *cg, const struct mig_process_by *by, uint32_t *ret_n,
		    struct err *e)
{
	AUTO_FREE pid_t *pids = NULL;
	size_t n = 0;
	int r = cg_pids(cg, &pids, &n, e);

	for (size_t i = 0; r == 0 && i < n; i++)
		r = read_member(cg, pids[i], by, ret_n, e);
	return r;
}
