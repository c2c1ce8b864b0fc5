// SPDX-License-Identifier: Apache-2.0
/*
 * cgroups/where: where the cgroup2 tree is, and which path in it a container gets. Owns the root
 * directory fd and the grammar of paths; makes and removes nothing. It must not know of limits.
 * Called by the rest of the room and, through manager.c, by runtime/life.
 */
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "base/file.h"
#include "base/num.h"
#include "base/path.h"
#include "base/str.h"
#include "cgroups/internal.h"
#include "base/ban.h"

static const struct word manager_rows[] = {{"cgroupfs", 0}, {"systemd", 0}, {"disabled", 0}};
WORDS_COMPLETE(manager_rows, CG_MANAGER_N);
const struct word_list cg_words_manager = {"cgroup manager", manager_rows, CG_MANAGER_N, ""};

static const char *const places[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
#define PLACE_HYBRID 1

/* A cached probe: the root is the same for the whole life of the process. */
static struct {
	int fd;
	size_t place;
} root = {FD_NONE, 0};

void cg_where_root_for_test(int fd)
{
	root.fd = fd >= 0 ? fd : FD_NONE;
	root.place = 0;
}

const char *cg_where_root_name(void)
{
	return places[root.place];
}

bool cg_where_is_hybrid(void)
{
	return root.place == PLACE_HYBRID;
}

int cg_where_root(struct err *e)
{
	if (root.fd >= 0)
		return root.fd;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct statfs fs;
		AUTO_FD fd = openat(AT_FDCWD, places[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 && errno != ENOENT && errno != ENOTDIR)
			return err_sys(e, errno, "open the cgroup root \"%s\"", places[i]);
		/* The magic number proves that it is cgroup2 and no look-alike of an image. */
		if (fd < 0 || fstatfs(fd, &fs) < 0 || fs.f_type != CGROUP2_SUPER_MAGIC)
			continue;
		root.place = i;
		root.fd = fd_take(&fd);
		return root.fd;
	}
	return err_set(e, ERR_MISSING, ENOENT, "no cgroup2 file system at %s or %s", places[0],
		       places[1]);
}

/* ---- the grammar ---- */

static bool has_control(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return true;
	return false;
}

static int check_component(const char *s, size_t n, const char *path, const char *what,
			   struct err *e)
{
	const char *why = NULL;

	if (n == 0)
		why = "it has an empty component";
	else if (n == 1 && s[0] == '.')
		why = "it has a component \".\"";
	else if (n == 2 && s[0] == '.' && s[1] == '.')
		why = "it has a component \"..\"";
	else if (n > NAME_MAX)
		why = "it has a component of more than 255 bytes";
	if (!why)
		return 0;
	return err_set(e, ERR_INPUT, EINVAL, "%s: \"%.128s\": %s", what, path, why);
}

int cg_where_check(const char *path, const char *what, struct err *e)
{
	if (strlen(path) >= CG_PATH_MAX)
		return err_set(e, ERR_INPUT, ENAMETOOLONG, "%s: longer than %d bytes", what,
			       CG_PATH_MAX - 1);
	if (has_control(path))
		return err_set(e, ERR_INPUT, EINVAL, "%s: \"%.128s\": it has a control character",
			       what, path);
	/* Everything of the host is below the root: to kill or to remove that is never meant. */
	if (str_eq(path, "/"))
		return err_set(e, ERR_INPUT, EINVAL,
			       "%s: \"/\": the root cgroup is not a container's", what);
	const char *s = path[0] == '/' ? path + 1 : path;
	for (;;) {
		const char *end = strchrnul(s, '/');
		int r = check_component(s, (size_t)(end - s), path, what, e);
		if (r < 0)
			return r;
		if (!*end)
			return 0;
		s = end + 1;
	}
}

/* ---- the caller's own cgroup ---- */

int cg_where_parse_self(const char *text, char *ret)
{
	const char *s = text, *path = NULL;

	while (s && *s) {
		path = str_after(s, "0::");
		if (path)
			break;
		s = strchr(s, '\n');
		s = s ? s + 1 : NULL;
	}
	size_t n = path ? strcspn(path, "\n") : 0;
	static const char gone[] = " (deleted)";
	const size_t n_gone = sizeof(gone) - 1;
	if (n > n_gone && memcmp(path + n - n_gone, gone, n_gone) == 0)
		n -= n_gone;
	if (n >= CG_PATH_MAX)
		return -ENAMETOOLONG;
	/* "/../x": outside of our cgroup namespace, so it cannot be reached by the mount we see. */
	bool is_outside = n >= 3 && memcmp(path, "/..", 3) == 0 && (n == 3 || path[3] == '/');
	if (n == 0 || path[0] != '/' || is_outside)
		return str_copy(ret, CG_PATH_MAX, "/") < 0 ? -ENAMETOOLONG : 0;
	memcpy(ret, path, n);
	ret[n] = '\0';
	return 0;
}

static int own_cgroup(char *ret, struct err *e)
{
	const size_t size = 2 * CG_PATH_MAX;
	AUTO_FREE char *text = mem_alloc(size);
	int r = file_read_kernel(AT_FDCWD, "/proc/self/cgroup", text, size);

	if (r >= 0)
		r = cg_where_parse_self(text, ret);
	return r < 0 ? err_sys(e, r, "read /proc/self/cgroup") : 0;
}

int cg_open_of(const struct cg *c, pid_t pid, int *ret_fd, struct err *e)
{
	char file[64], text[CG_PATH_MAX + 64], path[CG_PATH_MAX];
	size_t n = strlen(c->path);
	int root_fd = cg_where_root(e);

	if (root_fd < 0)
		return root_fd;
	snprintf(file, sizeof(file), "/proc/%d/cgroup", (int)pid);
	int r = file_read_kernel(AT_FDCWD, file, text, sizeof(text));

	if (r >= 0)
		r = cg_where_parse_self(text, path);
	if (r < 0)
		return err_sys(e, r, "read %s", file);
	if (strncmp(path, c->path, n) != 0 || (path[n] && path[n] != '/'))
		return err_set(e, ERR_STATE, EXDEV, "process %d is not in cgroup \"%s\"", (int)pid,
			       c->path);
	int fd = cg_tree_open(root_fd, path + 1);

	if (fd < 0)
		return err_sys(e, fd, "open cgroup \"%s\"", path);
	*ret_fd = fd;
	return 0;
}

/* ---- the choice ---- */

static int join(const char *parent, const char *name, char *ret, struct err *e)
{
	int n = snprintf(ret, CG_PATH_MAX, "%s/%s", str_eq(parent, "/") ? "" : parent, name);
	if (n < 0 || n >= CG_PATH_MAX)
		return err_set(e, ERR_INPUT, ENAMETOOLONG,
			       "linux.cgroupsPath: longer than %d bytes below \"%.128s\"",
			       CG_PATH_MAX - 1, parent);
	return 0;
}

static void cut_last(char *path)
{
	char *slash = strrchr(path, '/');
	if (slash == path)
		slash[1] = '\0';
	else if (slash)
		*slash = '\0';
}

/* The systemd form with a slash in it is a mistake, not a relative path with colons. */
static bool is_crooked_systemd(const char *path)
{
	const char *first = strchr(path, ':');
	const char *second = first ? strchr(first + 1, ':') : NULL;
	return path[0] != '/' && second && !strchr(second + 1, ':') && strchr(path, '/');
}

int cg_where_join(const char *cgroups_path, const char *id, const char *parent, char *ret,
		  struct err *e)
{
	static const char what[] = "linux.cgroupsPath";

	if (cgroups_path && cgroups_path[0]) {
		int r = cg_where_check(cgroups_path, what, e);
		if (r < 0)
			return r;
		if (is_crooked_systemd(cgroups_path))
			return err_set(e, ERR_INPUT, EINVAL,
				       "%s: \"%.128s\": slice:prefix:name with a slash in it", what,
				       cgroups_path);
		if (cgroups_path[0] == '/')
			return str_copy(ret, CG_PATH_MAX, cgroups_path) < 0 ? -ENAMETOOLONG : 0;
	} else if (!path_is_name(id)) {
		return err_set(e, ERR_INPUT, EINVAL, "container id \"%.128s\": not a cgroup's name",
			       id);
	}
	return join(parent, cgroups_path && cgroups_path[0] ? cgroups_path : id, ret, e);
}

/* May the caller make cgroups below `path`, and move processes there? */
static bool is_delegated(int root_fd, const char *path)
{
	AUTO_FD fd = path[1] ? cg_tree_open(root_fd, path + 1) : fcntl(root_fd, F_DUPFD_CLOEXEC, 3);
	return fd >= 0 && faccessat(fd, "cgroup.procs", W_OK, AT_EACCESS) == 0 &&
	       faccessat(fd, ".", W_OK, AT_EACCESS) == 0;
}

/* Rootless: below the parent of the own cgroup when that is the user's (the usual case, a scope
 * below app.slice), else below the own cgroup when that was delegated (systemd-run -p
 * Delegate=yes). With neither the parent stays: cg_make() will say what is wrong, and its caller
 * knows whether it may go on without a cgroup. */
static void prefer_delegated(const char *own, char *parent)
{
	struct err ignored = ERR_INIT;
	int root_fd = cg_where_root(&ignored);

	if (root_fd >= 0 && !is_delegated(root_fd, parent) && is_delegated(root_fd, own))
		memcpy(parent, own, strlen(own) + 1);
}

int cg_where_choose(const struct cg_wish *w, struct cg_place *ret, struct err *e)
{
	char own[CG_PATH_MAX], parent[CG_PATH_MAX] = "/";
	const char *path = w->cgroups_path;

	/* An absolute path says it all: no need to look at our own. */
	if (!path || path[0] != '/') {
		int r = own_cgroup(own, e);
		if (r < 0)
			return r;
		/* A sibling, not a child: our own cgroup has processes (us), so it could not give
		 * its children controllers (cgroup-v2.rst, no internal process constraint). */
		memcpy(parent, own, strlen(own) + 1);
		cut_last(parent);
		if (w->is_rootless)
			prefer_delegated(own, parent);
	}
	return cg_where_join(path, w->id, parent, ret->path, e);
}
