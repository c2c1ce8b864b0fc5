/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/idmap: checks, reads and writes id maps. It must not know what container they belong to;
 * subordinate ranges and the setuid helpers are in idmap_sub.c. Called by spec, rootfs, init, life.
 */
#include "base/idmap.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "base/auto.h"
#include "base/fd.h"
#include "base/file.h"
#include "base/idmap_sub.h"
#include "base/num.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/ban.h"

/* man 7 user_namespaces: 340 lines since 4.15, all of them in one write of less than a page. */
#define RANGES_MAX   340
#define MAP_TEXT_MAX 4095
/* As printed by the kernel: three numbers of 10 columns and a newline. */
#define MAP_READ_MAX (RANGES_MAX * 33 + 1)

int idmap_to_host(const struct id_map *m, uint32_t container_id, uint32_t *ret_host)
{
	for (size_t i = 0; i < m->n; i++) {
		const struct id_range *r = &m->v[i];

		if (container_id >= r->container_id && container_id - r->container_id < r->size) {
			*ret_host = r->host_id + (container_id - r->container_id);
			return 0;
		}
	}
	return -EINVAL;
}

static bool has_range(const struct id_map *m, const struct id_range *r)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->v[i].container_id == r->container_id && m->v[i].host_id == r->host_id &&
		    m->v[i].size == r->size)
			return true;
	return false;
}

bool idmap_equal(const struct id_map *a, const struct id_map *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!has_range(b, &a->v[i]))
			return false;
	return true;
}

static bool overlaps(uint32_t a, uint32_t a_size, uint32_t b, uint32_t b_size)
{
	return a < (uint64_t)b + b_size && b < (uint64_t)a + a_size;
}

static int check_range(const struct id_map *m, size_t i, const char *what, struct err *e)
{
	const struct id_range *r = &m->v[i];

	if (r->size == 0)
		return err_set(e, ERR_INPUT, EINVAL, "%s[%zu].size: must not be 0", what, i);
	/* The last id is 4294967294: (uid_t)-1 is no id. */
	if (r->container_id > UINT32_MAX - r->size)
		return err_set(e, ERR_INPUT, ERANGE,
			       "%s[%zu]: container ids %u + %u end above 4294967294", what, i,
			       r->container_id, r->size);
	if (r->host_id > UINT32_MAX - r->size)
		return err_set(e, ERR_INPUT, ERANGE,
			       "%s[%zu]: host ids %u + %u end above 4294967294", what, i,
			       r->host_id, r->size);
	for (size_t k = 0; k < i; k++) {
		const struct id_range *o = &m->v[k];

		if (overlaps(r->container_id, r->size, o->container_id, o->size))
			return err_set(e, ERR_INPUT, EINVAL,
				       "%s[%zu]: container ids overlap those of %s[%zu]", what, i,
				       what, k);
		if (overlaps(r->host_id, r->size, o->host_id, o->size))
			return err_set(e, ERR_INPUT, EINVAL,
				       "%s[%zu]: host ids overlap those of %s[%zu]", what, i, what,
				       k);
	}
	return 0;
}

int idmap_check(const struct id_map *m, const char *what, struct err *e)
{
	if (m->n > RANGES_MAX)
		return err_set(e, ERR_INPUT, E2BIG, "%s: %zu ranges, the kernel takes at most %d",
			       what, m->n, RANGES_MAX);
	for (size_t i = 0; i < m->n; i++) {
		int r = check_range(m, i, what, e);

		if (r < 0)
			return r;
	}
	return 0;
}

/* CAP_SETUID and CAP_SETGID effective in our user namespace, the parent of the new one. */
static bool is_privileged(void)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
	uint32_t wanted = 1u << CAP_SETUID | 1u << CAP_SETGID;

	return syscall(SYS_capget, &head, data) == 0 && (data[0].effective & wanted) == wanted;
}

/* The one map that the kernel lets anyone write: exactly the writer's own id. */
static bool is_own_id(const struct id_map *m, uint32_t own)
{
	return m->n == 1 && m->v[0].size == 1 && m->v[0].host_id == own;
}

static int write_proc(pid_t pid, const char *file, const char *text)
{
	char path[48];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	return file_write_kernel(AT_FDCWD, path, text);
}

static int write_direct(pid_t pid, const struct id_map *m, bool is_gid, struct err *e)
{
	const char *file = is_gid ? "gid_map" : "uid_map";
	AUTO(buf) text = {0};
	int r;

	for (size_t i = 0; i < m->n; i++)
		buf_printf(&text, "%u %u %u\n", m->v[i].container_id, m->v[i].host_id,
			   m->v[i].size);
	if (text.len > MAP_TEXT_MAX)
		return err_set(
			e, ERR_INPUT, E2BIG,
			"%s mappings: %zu ranges make %zu bytes, the kernel takes at most %d",
			is_gid ? "gid" : "uid", m->n, text.len, MAP_TEXT_MAX);
	r = write_proc(pid, file, text.data);
	if (r < 0)
		return err_sys(e, r, "write /proc/%d/%s (%s %u to host %s %u, %zu range%s)",
			       (int)pid, file, is_gid ? "gid" : "uid", m->v[0].container_id,
			       is_gid ? "gid" : "uid", m->v[0].host_id, m->n, m->n == 1 ? "" : "s");
	return 0;
}

static int deny_setgroups(pid_t pid, struct err *e)
{
	int r = write_proc(pid, "setgroups", "deny");

	return r < 0 ? err_sys(e, r, "write \"deny\" to /proc/%d/setgroups", (int)pid) : 0;
}

static bool is_setgroups_denied(pid_t pid)
{
	char path[48], word[16];

	snprintf(path, sizeof(path), "/proc/%d/setgroups", (int)pid);
	return file_read_kernel(AT_FDCWD, path, word, sizeof(word)) > 0 && str_starts(word, "deny");
}

static int write_one(pid_t pid, const struct id_map *m, bool is_gid, bool privileged, struct err *e)
{
	int r;

	if (m->n == 0)
		return 0;
	if (privileged)
		return write_direct(pid, m, is_gid, e);
	if (!is_own_id(m, is_gid ? getegid() : geteuid()))
		return idmap_write_by_helper(pid, m, is_gid, e);
	/* CVE-2014-8989: without privilege the kernel wants setgroups closed before a gid map. */
	if (is_gid) {
		r = deny_setgroups(pid, e);
		if (r < 0)
			return r;
	}
	return write_direct(pid, m, is_gid, e);
}

int idmap_write(pid_t pid, const struct id_map *uids, const struct id_map *gids,
		bool *ret_setgroups_denied, struct err *e)
{
	bool privileged = is_privileged();
	int r = write_one(pid, uids, false, privileged, e);

	if (r == 0)
		r = write_one(pid, gids, true, privileged, e);
	if (r == 0)
		*ret_setgroups_denied = is_setgroups_denied(pid);
	return r;
}

/* One line "  0  100000  65536". Return: its length with the newline, or -EBADMSG. */
static int read_line(const char *s, struct id_range *ret)
{
	uint32_t *to[3] = {&ret->container_id, &ret->host_id, &ret->size};
	const char *start = s;

	for (int i = 0; i < 3; i++) {
		uint64_t v;
		size_t n;

		s += strspn(s, " ");
		n = strspn(s, "0123456789");
		if (num_u64n(s, n, &v) < 0 || v > UINT32_MAX)
			return -EBADMSG;
		*to[i] = (uint32_t)v;
		s += n;
	}
	return *s == '\n' ? (int)(s + 1 - start) : -EBADMSG;
}

int idmap_read(pid_t pid, bool is_gid, struct arena *a, struct id_map *ret, struct err *e)
{
	AUTO(buf) text = {0};
	struct id_range *v;
	char path[48];
	const char *s;
	size_t n = 0;
	int r;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, is_gid ? "gid_map" : "uid_map");
	s = buf_room(&text, MAP_READ_MAX);
	r = file_read_kernel(AT_FDCWD, path, text.data, MAP_READ_MAX);
	if (r < 0)
		return err_sys(e, r, "read %s", path);
	for (const char *p = s; (p = strchr(p, '\n')); p++)
		n++;
	v = arena_array(a, n, sizeof(*v));
	for (size_t i = 0; i < n; i++) {
		r = read_line(s, &v[i]);
		if (r < 0)
			return err_set(e, ERR_BUG, EBADMSG, "%s: line %zu is not an id range", path,
				       i + 1);
		s += r;
	}
	*ret = (struct id_map){.v = v, .n = n};
	return 0;
}

/* A process that only holds a user namespace until its fd is open; it dies with the pipe. */
int idmap_userns(const struct id_map *uids, const struct id_map *gids, int *ret_fd, struct err *e)
{
	AUTO_FD pidfd = FD_NONE;
	char path[64];
	int ends[2], status;
	bool denied;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_sys(e, errno, "pipe");
	AUTO_FD read_fd = ends[0];
	AUTO_FD write_fd = ends[1];
	pid_t pid = proc_clone(CLONE_NEWUSER, -1, &pidfd);
	if (pid == 0) {
		char c;

		close(write_fd);
		while (read(read_fd, &c, 1) < 0 && errno == EINTR)
			;
		_exit(0);
	}
	if (pid < 0)
		return err_sys(e, pid, "make a user namespace");
	int r = idmap_write(pid, uids, gids, &denied, e);
	snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	AUTO_FD fd = r < 0 ? FD_NONE : openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	if (r == 0 && fd < 0)
		r = err_sys(e, errno, "open the user namespace");
	fd_replace(&write_fd, FD_NONE);
	proc_wait(pidfd, -1, &status);
	if (r == 0)
		*ret_fd = fd_take(&fd);
	return r;
}
