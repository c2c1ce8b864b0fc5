/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/init/ids: what the container's own files decide: HOME from its etc/passwd, the program
 * from its PATH. The files are hostile (security.md P11, C20): opened under the root fd, regular
 * only, never blocking, size-capped; no libc name service. Called by the child only.
 */
#include "runtime/init/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/num.h"
#include "base/path.h"
#include "base/str.h"
#include "base/ban.h"

#define PASSWD_MAX (1u << 20)
#define LINE_MAX_  4096
/* execvp(3): the path when PATH is unset. */
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* The home field of one passwd line (name:pw:uid:gid:gecos:home:shell) if its uid is ours. */
static const char *line_home(const char *line, size_t len, uint32_t uid, struct arena *a)
{
	const char *field[7];
	size_t flen[7], n = 0;
	const char *p = line, *end = line + len;

	while (n < 7) {
		const char *colon = memchr(p, ':', (size_t)(end - p));

		field[n] = p;
		flen[n++] = (size_t)((colon ? colon : end) - p);
		if (!colon)
			break;
		p = colon + 1;
	}
	uint64_t v;

	if (n < 6 || num_u64n(field[2], flen[2], &v) < 0 || v != uid || flen[5] == 0)
		return NULL;
	return arena_strndup(a, field[5], flen[5]);
}

static int read_regular(int root_fd, const char *path, struct buf *out)
{
	AUTO_FD fd = path_open_in(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size > PASSWD_MAX)
		return -EINVAL;
	size_t want = st.st_size > 0 ? (size_t)st.st_size : PASSWD_MAX;
	ssize_t n = fd_read_all(fd, buf_room(out, want), want);

	if (n < 0)
		return (int)n;
	out->len += (size_t)n;
	return 0;
}

const char *init_ids_home(int root_fd, uint32_t uid, struct arena *a)
{
	AUTO(buf) b = {0};

	if (read_regular(root_fd, "/etc/passwd", &b) < 0)
		return "/";
	const char *p = b.data, *end = b.data + b.len;

	while (p && p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((nl ? nl : end) - p);
		const char *home = len < LINE_MAX_ ? line_home(p, len, uid, a) : NULL;

		if (home)
			return home;
		p = nl ? nl + 1 : end;
	}
	return "/";
}

static size_t key_len(const char *kv)
{
	return strcspn(kv, "=");
}

/* Puts "key=value" in place of an entry of the same key, or at the end. */
static void env_put(char **env, size_t *n, char *kv)
{
	size_t len = key_len(kv);

	for (size_t i = 0; i < *n; i++)
		if (key_len(env[i]) == len && memcmp(env[i], kv, len) == 0) {
			env[i] = kv;
			return;
		}
	env[(*n)++] = kv;
}

static const char *env_get(char *const *env, const char *key)
{
	size_t len = strlen(key);

	for (; *env; env++)
		if (strncmp(*env, key, len) == 0 && (*env)[len] == '=')
			return *env + len + 1;
	return NULL;
}

/* Adding by scan is quadratic: fine for what people write, not for 10,000 entries. */
#define ENV_SCAN_MAX 64

static size_t key_hash(const char *kv)
{
	size_t h = 5381;

	for (; *kv && *kv != '='; kv++)
		h = h * 33 ^ (unsigned char)*kv;
	return h;
}

/* The same as env_put() of each, by an open hash table of positions + 1. */
static size_t env_put_many(char **env, const struct strvec *v, struct arena *a)
{
	size_t size = 1, n = 0;

	while (size < 2 * v->n)
		size *= 2;
	uint32_t *slots = arena_array(a, size, sizeof(*slots));

	for (size_t i = 0; i < v->n; i++) {
		size_t len = key_len(v->v[i]), at = key_hash(v->v[i]) & (size - 1);

		while (slots[at] && (key_len(env[slots[at] - 1]) != len ||
				     memcmp(env[slots[at] - 1], v->v[i], len) != 0))
			at = (at + 1) & (size - 1);
		if (!slots[at])
			slots[at] = (uint32_t)++n;
		env[slots[at] - 1] = v->v[i];
	}
	return n;
}

void init_ids_env(struct init_job *j, int root_fd)
{
	const struct spec_process *p = j->process;
	struct arena *a = &j->env_arena;
	size_t n = 0;

	j->env = arena_array(a, p->env.n + 6, sizeof(char *));
	if (p->env.n > ENV_SCAN_MAX)
		n = env_put_many(j->env, &p->env, a);
	else
		for (size_t i = 0; i < p->env.n; i++)
			env_put(j->env, &n, p->env.v[i]);
	j->env[n] = NULL;
	const char *home = env_get(j->env, "HOME");

	if (!home || !*home) {
		home = init_ids_home(root_fd, p->user ? p->user->uid.v : 0, a);
		env_put(j->env, &n, arena_printf(a, "HOME=%s", home));
	}
	if (j->notify_socket)
		env_put(j->env, &n, arena_printf(a, "NOTIFY_SOCKET=%s", j->notify_socket));
	if (j->listen_fds) {
		/* sd_listen_fds(3): the process that is to use them is this one, pid 1 of a new pid
		 * namespace or whatever getpid says in the one it runs in. */
		env_put(j->env, &n, arena_printf(a, "LISTEN_FDS=%u", j->listen_fds));
		env_put(j->env, &n, arena_printf(a, "LISTEN_PID=%d", (int)getpid()));
		const char *names = getenv("LISTEN_FDNAMES");

		if (names)
			env_put(j->env, &n, arena_printf(a, "LISTEN_FDNAMES=%s", names));
	}
	j->env[n] = NULL;
}

/* 0 when `path` can be executed by somebody; -errno with the reason otherwise. Magic links
 * (/proc/self/exe, /proc/self/fd/N) do not count as programs of the container (B40). */
static int check_program(int root_fd, const char *path)
{
	AUTO_FD fd = path_open_in(root_fd, path, O_PATH);
	struct stat st;

	if (fd < 0)
		return fd == -ELOOP ? -ENOENT : fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode) || !(st.st_mode & 0111))
		return -EACCES;
	return 0;
}

static int tell_program(const char *name, int r, struct err *e)
{
	return err_set(e, ERR_INPUT, r, "process.args[0]: exec: \"%s\": %s", name, err_words(-r));
}

static int search_path(struct init_job *j, int root_fd, const char *name, struct err *e)
{
	const char *path = env_get(j->env, "PATH");
	int worst = -ENOENT;

	for (const char *p = path ? path : DEFAULT_PATH; p;) {
		size_t len = strcspn(p, ":");
		/* An empty entry is the working directory. */
		char *full = len ? arena_printf(&j->env_arena, "%.*s/%s", (int)len, p, name)
				 : arena_printf(&j->env_arena, "%s/%s", j->process->cwd, name);
		if (full[0] != '/')
			full = arena_printf(&j->env_arena, "%s/%s", j->process->cwd, full);
		int r = check_program(root_fd, full);

		if (r == 0) {
			j->program = full;
			return 0;
		}
		if (r == -EACCES)
			worst = r;
		p = p[len] ? p + len + 1 : NULL;
	}
	if (worst == -EACCES)
		return tell_program(name, worst, e);
	return err_set(e, ERR_INPUT, ENOENT,
		       "process.args[0]: exec: \"%s\": executable file not found in $PATH", name);
}

int init_ids_program(struct init_job *j, int root_fd, struct err *e)
{
	const char *name = j->process->args.n ? j->process->args.v[0] : "";

	if (!*name)
		return err_set(e, ERR_INPUT, EINVAL, "process.args must not be empty");
	if (!strchr(name, '/'))
		return search_path(j, root_fd, name, e);
	j->program = name[0] == '/' ? arena_strdup(&j->env_arena, name)
				    : arena_printf(&j->env_arena, "%s/%s", j->process->cwd, name);
	int r = check_program(root_fd, j->program);

	if (r < 0)
		return tell_program(name, r, e);
	return 0;
}
