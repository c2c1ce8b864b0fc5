/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/idmap_sub: subordinate ids (man 5 subuid) and the setuid programs that may map them.
 * No name services: only /etc/passwd of the host is read. Called by base/idmap.c, runtime/life.
 */
#include "base/idmap_sub.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/auto.h"
#include "base/fd.h"
#include "base/num.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/ban.h"

#define HOST_FILE_MAX	  ((size_t)1 << 20)
#define HELPER_TIMEOUT_MS 10000
#define HELPER_OUTPUT_MAX 300
#define OWN_RANGES_MAX	  ((size_t)16)

/* A file of the host's administrator, which may be a symlink. */
static int read_host_file(const char *path, struct buf *out)
{
	AUTO_FD fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	ssize_t n;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if ((uint64_t)st.st_size > HOST_FILE_MAX)
		return -EFBIG;
	n = fd_read_all(fd, buf_room(out, (size_t)st.st_size), (size_t)st.st_size);
	if (n < 0)
		return (int)n;
	out->len += (size_t)n;
	out->data[out->len] = '\0';
	return 0;
}

/* Cuts the next line into its fields at ':'. Return: number of fields, -1 at the end. */
static int next_line(char **inout_at, char **fields, int n_fields)
{
	char *line = *inout_at;
	int n = 0;

	if (*line == '\0')
		return -1;
	*inout_at = line + strcspn(line, "\n");
	if (**inout_at)
		*(*inout_at)++ = '\0';
	while (n < n_fields) {
		fields[n++] = line;
		line += strcspn(line, ":");
		if (*line == '\0')
			break;
		*line++ = '\0';
	}
	return n;
}

/* Name of a uid, or NULL. The text lives in `passwd`. */
static const char *name_of(uid_t uid, struct buf *passwd)
{
	char *at, *f[4];
	int n;

	if (read_host_file("/etc/passwd", passwd) < 0)
		return NULL;
	at = passwd->data;
	while ((n = next_line(&at, f, 4)) >= 0) {
		uint32_t id;

		if (n >= 3 && num_id(f[2], &id) == 0 && id == uid)
			return f[0];
	}
	return NULL;
}

/* The nth of them, from 0. */
static int nth_subid(const char *file, uid_t uid, size_t nth, uint32_t *ret_first,
		     uint32_t *ret_count)
{
	AUTO(buf) text = {0};
	AUTO(buf) passwd = {0};
	const char *name = name_of(uid, &passwd);
	char *at, *f[4];
	int n, r = read_host_file(file, &text);

	if (r < 0)
		return r;
	at = text.data;
	while ((n = next_line(&at, f, 4)) >= 0) {
		uint32_t id, first, count;
		bool is_his = (name && str_eq(f[0], name)) || (num_id(f[0], &id) == 0 && id == uid);

		if (!is_his || n != 3 || num_u32(f[1], &first) < 0 || num_u32(f[2], &count) < 0)
			continue;
		if (count == 0 || first > UINT32_MAX - count || nth-- > 0)
			continue;
		*ret_first = first;
		*ret_count = count;
		return 0;
	}
	return -ENOENT;
}

int idmap_subid(const char *file, uid_t uid, uint32_t *ret_first, uint32_t *ret_count)
{
	return nth_subid(file, uid, 0, ret_first, ret_count);
}

/* The helper is trusted with our rights: only root's own file, at a fixed place. */
static const char *find_helper(bool is_gid)
{
	static const char *const places[2][3] = {
		{"/usr/bin/newuidmap", "/bin/newuidmap", "/usr/local/bin/newuidmap"},
		{"/usr/bin/newgidmap", "/bin/newgidmap", "/usr/local/bin/newgidmap"},
	};

	for (size_t i = 0; i < 3; i++) {
		const char *path = places[is_gid][i];
		struct stat st;

		if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == 0 &&
		    (st.st_mode & S_IXUSR) && !(st.st_mode & (S_IWGRP | S_IWOTH)))
			return path;
	}
	return NULL;
}

/* The own id as 0, then all ranges of the file, one behind the other. */
static void own_map(const char *file, uint32_t own, struct arena *a, struct id_map *ret)
{
	struct id_range *v = arena_array(a, OWN_RANGES_MAX, sizeof(*v));
	uint32_t next = 1, first, count;
	size_t n = 0;

	v[n++] = (struct id_range){0, own, 1};
	while (n < OWN_RANGES_MAX && nth_subid(file, geteuid(), n - 1, &first, &count) == 0 &&
	       count <= UINT32_MAX - next) {
		v[n++] = (struct id_range){next, first, count};
		next += count;
	}
	*ret = (struct id_map){v, n};
}

void idmap_own(struct arena *a, struct id_map *ret_uids, struct id_map *ret_gids)
{
	own_map("/etc/subuid", geteuid(), a, ret_uids);
	own_map("/etc/subgid", getegid(), a, ret_gids);
	if (ret_uids->n > 1 && ret_gids->n > 1 && find_helper(false) && find_helper(true))
		return;
	ret_uids->n = ret_gids->n = 1;
}

/* Its words as one line; it says "newuidmap: uid range [0-1) -> [5-6) not allowed". */
static const char *one_line(struct buf *output)
{
	if (output->len == 0)
		return "no message";
	while (output->len > 0 && output->data[output->len - 1] == '\n')
		output->data[--output->len] = '\0';
	for (char *p = output->data; (p = strchr(p, '\n'));)
		*p = ' ';
	return output->data;
}

static int refused(const struct id_map *m, bool is_gid, struct buf *output, struct err *e)
{
	const char *id = is_gid ? "gid" : "uid";

	/* The remedy comes early, the helper's own words may be long. */
	return err_set(e, ERR_KERNEL, EPERM,
		       "map %ss for user %u (%s %u to host %s %u, size %u): new%smap refused; "
		       "add a range for the user to /etc/sub%s (%s)",
		       id, (unsigned)geteuid(), id, m->v[0].container_id, id, m->v[0].host_id,
		       m->v[0].size, id, id, one_line(output));
}

int idmap_write_by_helper(pid_t pid, const struct id_map *m, bool is_gid, struct err *e)
{
	static const char *const env[] = {"PATH=/usr/bin:/bin", NULL};
	const char *path = find_helper(is_gid), *id = is_gid ? "gid" : "uid";
	AUTO(arena) a = {0};
	AUTO(buf) output = {0};
	char **argv;
	size_t n = 0;
	int r, status = 0;

	if (!path)
		return err_set(
			e, ERR_MISSING, ENOENT,
			"map %ss for user %u: new%smap is not installed (package uidmap), and "
			"without it only the user's own %s can be mapped",
			id, (unsigned)geteuid(), id, id);
	argv = arena_array(&a, 3 + 3 * m->n, sizeof(*argv));
	argv[n++] = arena_strdup(&a, path);
	argv[n++] = arena_printf(&a, "%d", (int)pid);
	for (size_t i = 0; i < m->n; i++) {
		argv[n++] = arena_printf(&a, "%u", m->v[i].container_id);
		argv[n++] = arena_printf(&a, "%u", m->v[i].host_id);
		argv[n++] = arena_printf(&a, "%u", m->v[i].size);
	}
	r = proc_run_helper(&(struct proc_helper){.path = path,
						  .argv = argv,
						  .envp = (char *const *)(uintptr_t)env,
						  .cwd = "/",
						  .timeout_ms = HELPER_TIMEOUT_MS,
						  .max_output = HELPER_OUTPUT_MAX,
						  .stdout_fd = FD_NONE,
						  .stderr_fd = FD_NONE},
			    &output, &status);
	if (r < 0)
		return err_sys(e, r, "run %s", path);
	return status == 0 ? 0 : refused(m, is_gid, &output, e);
}
