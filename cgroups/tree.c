// SPDX-License-Identifier: Apache-2.0
/*
 * cgroups/tree: makes, opens, delegates and removes cgroups. Owns the directories; it must not know
 * what a limit is. Every path is walked once from the verified root, afterwards only fds are used.
 * Called by runtime/life.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/sys.h"
#include "cgroups/internal.h"
#include "cgroups/knobs.h"
#include "base/ban.h"

#define RACE_TRIES	  128
#define REMOVE_TIMEOUT_MS 10000
#define REMOVE_STEP_MS	  500
#define DIR_MODE	  0755

/* On the parents that we made, so that whoever of several containers below one goes last removes
 * it. cgroup2 takes user.* attributes since 5.7. */
static const char mark[] = "user.stiva.parent";

void cg_done(struct cg *c)
{
	int status;

	if (c->hold_pidfd >= 0) {
		(void)sys_pidfd_send_signal(c->hold_pidfd, SIGKILL);
		(void)proc_wait(c->hold_pidfd, REMOVE_TIMEOUT_MS, &status);
	}
	auto_fd_done(&c->hold_pidfd);
	auto_fd_done(&c->into_fd);
	auto_fd_done(&c->dir_fd);
}

/* ---- opening ---- */

/* Where openat2 is blocked by an outer container: the same, component by component. */
static int open_by_steps(int dir_fd, const char *rel)
{
	char name[NAME_MAX + 1];
	struct stat top, st;
	AUTO_FD at = FD_NONE;

	if (fstat(dir_fd, &top) < 0)
		return -errno;
	for (const char *s = rel; *s;) {
		size_t n = strcspn(s, "/");
		if (n > NAME_MAX)
			return -ENAMETOOLONG;
		memcpy(name, s, n);
		name[n] = '\0';
		if (!path_is_name(name))
			return -EXDEV;
		int fd = openat(at >= 0 ? at : dir_fd, name,
				O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			return -errno;
		fd_replace(&at, fd);
		if (fstat(at, &st) < 0)
			return -errno;
		if (st.st_dev != top.st_dev)
			return -EXDEV;
		s += n;
		s += *s == '/';
	}
	return fd_take(&at);
}

int cg_tree_open(int dir_fd, const char *rel)
{
	if (!rel[0])
		return -EINVAL;
	int r = sys_openat2(dir_fd, rel, O_PATH | O_DIRECTORY | O_CLOEXEC, 0,
			    RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
	return r == -ENOSYS || r == -EPERM ? open_by_steps(dir_fd, rel) : r;
}

int cg_tree_path(int fd, char *ret, size_t size)
{
	struct err ignored = ERR_INIT;
	char link[FD_PROC_MAX], root[CG_PATH_MAX], full[2 * CG_PATH_MAX];
	int root_fd = cg_where_root(&ignored);

	if (root_fd < 0)
		return root_fd;
	ssize_t n = readlink(fd_proc_path(root_fd, link), root, sizeof(root) - 1);
	ssize_t m = n < 0 ? -1 : readlink(fd_proc_path(fd, link), full, sizeof(full) - 1);

	if (n < 0 || m < 0)
		return -errno;
	full[m] = '\0';
	if (m <= n || memcmp(full, root, (size_t)n) != 0 || full[n] != '/')
		return -EXDEV;
	return str_copy(ret, size, full + n) < 0 ? -ENAMETOOLONG : 0;
}

static const char *last_name(const char *path)
{
	return strrchr(path, '/') + 1;
}

/* The fd of path's parent; *ret_fd is the caller's, also when that is the root. Leaf. */
static int open_parent(int root_fd, const char *path, int *ret_fd)
{
	char parent[CG_PATH_MAX];
	size_t n = (size_t)(last_name(path) - 1 - path);
	int fd;

	if (n == 0) {
		fd = fcntl(root_fd, F_DUPFD_CLOEXEC, 3);
		if (fd < 0)
			return -errno;
	} else {
		memcpy(parent, path, n);
		parent[n] = '\0';
		fd = cg_tree_open(root_fd, parent + 1);
		if (fd < 0)
			return fd;
	}
	fd_replace(ret_fd, fd);
	return 0;
}

static int check_path(const char *path, struct err *e)
{
	if (path[0] != '/')
		return err_set(e, ERR_BUG, EINVAL, "cgroup \"%.128s\": not an absolute path", path);
	return cg_where_check(path, "cgroup", e);
}

int cg_open(const char *path, struct cg *ret, struct err *e)
{
	struct stat st;
	int r = check_path(path, e);

	if (r < 0)
		return r;
	int root_fd = cg_where_root(e);
	if (root_fd < 0)
		return root_fd;
	AUTO_FD fd = cg_tree_open(root_fd, path + 1);
	if (fd == -ENOENT)
		return err_set(e, ERR_STATE, ENOENT, "cgroup \"%s\" does not exist", path);
	if (fd < 0)
		return err_sys(e, fd, "open cgroup \"%s\"", path);
	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "stat cgroup \"%s\"", path);
	fd_replace(&ret->dir_fd, fd_take(&fd));
	memcpy(ret->path, path, strlen(path) + 1);
	ret->made_levels = 0;
	ret->ino = st.st_ino;
	return 0;
}

/* ---- making ---- */

struct make {
	const char *path;
	const struct knob_needs *needs;
	int root_fd;	 /* borrowed */
	int parent_fd;	 /* owned; of the leaf */
	unsigned made;	 /* levels, the deepest ones of `path` down to where we are */
	size_t made_len; /* of path, up to the deepest directory that we made */
};
static void make_done(struct make *m)
{
	auto_fd_done(&m->parent_fd);
}

/* Removes the deepest `made` levels above and including path[0..len). */
static void unmake(struct make *m)
{
	char path[CG_PATH_MAX];
	size_t len = m->made_len;

	for (; m->made > 0; m->made--) {
		AUTO_FD parent_fd = FD_NONE;
		memcpy(path, m->path, len);
		path[len] = '\0';
		/* Somebody else's removal, or use, of one of them does not keep us from the rest.
		 */
		if (open_parent(m->root_fd, path, &parent_fd) == 0 &&
		    unlinkat(parent_fd, last_name(path), AT_REMOVEDIR) < 0)
			log_debug("cgroup \"%s\" stays: %s", path, err_words(errno));
		len = (size_t)(last_name(path) - 1 - path);
	}
}

/* mkdirat, and the mode whatever our umask is. Return: 1 = made, 0 = was there, -errno. */
static int make_dir(int parent_fd, const char *name)
{
	if (mkdirat(parent_fd, name, DIR_MODE) == 0)
		return 1;
	return errno == EEXIST ? 0 : -errno;
}

/* The error of a mkdir of the first len bytes of the path. */
static int not_made(const struct make *m, size_t len, int r, struct err *e)
{
	if (r != -EACCES && r != -EPERM && r != -EROFS)
		return err_sys(e, r, "make cgroup \"%.*s\"", (int)len, m->path);
	/* Told apart by the code: without a limit one may go on without a cgroup (rootless). */
	if (m->needs->n)
		return err_set(e, ERR_MISSING, ENOTSUP, "%s: make cgroup \"%.*s\": %s",
			       m->needs->v[0].prop, (int)len, m->path, err_words(r));
	return err_set(e, ERR_MISSING, -r,
		       "make cgroup \"%.*s\": %s (delegate one to this user: `systemd-run --user "
		       "--scope -p Delegate=yes`)",
		       (int)len, m->path, err_words(r));
}

/* An fd that is not O_PATH, for fsetxattr and fgetxattr. */
static int open_readable(int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static void mark_parent(int parent_fd, const char *name)
{
	AUTO_FD fd = open_readable(parent_fd, name);
	if (fd < 0 || fchmod(fd, DIR_MODE) < 0 || fsetxattr(fd, mark, "1", 1, 0) < 0)
		log_debug("cgroup \"%s\": not marked as ours: %s", name, err_words(errno));
}

/* A directory that we had open went away. */
static bool lost_race(int r, struct err *e)
{
	if ((r != -ENOENT && r != -ENODEV) || e->class != ERR_KERNEL)
		return false;
	err_clear(e);
	return true;
}

/* One level of the slow way: enables at *at_fd, then steps into the component `name`. Return: 0,
 * -EAGAIN when somebody removed a directory under us, or a story error. */
static int step_down(struct make *m, int *at_fd, const char *at_path, const char *name, size_t len,
		     struct err *e)
{
	int r = cg_enable(*at_fd, at_path, m->needs, e);
	if (r < 0)
		return lost_race(r, e) ? -EAGAIN : r;
	r = make_dir(*at_fd, name);
	if (r > 0) {
		m->made++;
		m->made_len = len;
		mark_parent(*at_fd, name);
	}
	if (r == -ENOENT)
		return -EAGAIN;
	if (r < 0)
		return not_made(m, len, r, e);
	int fd = cg_tree_open(*at_fd, name);
	if (fd == -ENOENT)
		return -EAGAIN;
	if (fd < 0)
		return err_sys(e, fd, "open cgroup \"%.*s\"", (int)len, m->path);
	fd_replace(at_fd, fd);
	return 0;
}

/* From the root down to the leaf's parent, making what is missing. Return: as step_down. */
static int make_parents(struct make *m, struct err *e)
{
	char at_path[CG_PATH_MAX] = "/", name[NAME_MAX + 1];
	const char *leaf = last_name(m->path);
	AUTO_FD at_fd = fcntl(m->root_fd, F_DUPFD_CLOEXEC, 3);

	if (at_fd < 0)
		return err_sys(e, errno, "duplicate the cgroup root's fd");
	for (const char *s = m->path + 1; s < leaf;) {
		size_t n = strcspn(s, "/");
		memcpy(name, s, n);
		name[n] = '\0';
		size_t len = (size_t)(s + n - m->path);
		int r = step_down(m, &at_fd, at_path, name, len, e);
		if (r < 0)
			return r;
		memcpy(at_path, m->path, len);
		at_path[len] = '\0';
		s += n + 1;
	}
	int r = cg_enable(at_fd, at_path, m->needs, e);
	if (r > 0)
		r = cg_enable_missing(at_fd, at_path, m->needs, e);
	if (r < 0)
		return lost_race(r, e) ? -EAGAIN : r;
	fd_replace(&m->parent_fd, fd_take(&at_fd));
	return 0;
}

/* The fast way: the parent is there and gives what is needed. Return: 0, 1 = take the slow way. */
static int find_parent(struct make *m, struct err *e)
{
	char parent[CG_PATH_MAX];
	size_t n = (size_t)(last_name(m->path) - 1 - m->path);

	int r = open_parent(m->root_fd, m->path, &m->parent_fd);
	if (r == -ENOENT)
		return 1;
	if (r < 0)
		return err_sys(e, r, "open the parent of cgroup \"%s\"", m->path);
	memcpy(parent, n ? m->path : "/", n ? n : 1);
	parent[n ? n : 1] = '\0';
	r = cg_enable(m->parent_fd, parent, m->needs, e);
	return r < 0 && lost_race(r, e) ? 1 : r;
}

int cg_tree_check(int dir_fd, const char *path, struct err *e)
{
	int r = cg_procs_event(dir_fd, "populated", 0, 0);
	if (r == -ETIMEDOUT)
		return err_set(e, ERR_STATE, EBUSY, "container's cgroup is not empty: \"%s\"",
			       path);
	if (r == 0)
		r = cg_procs_event(dir_fd, "frozen", 0, 0);
	if (r == -ETIMEDOUT)
		return err_set(e, ERR_STATE, EBUSY,
			       "container's cgroup unexpectedly frozen: \"%s\"", path);
	return r < 0 ? err_sys(e, r, "read cgroup.events of cgroup \"%s\"", path) : 0;
}

static int make_leaf(struct make *m, struct cg *ret, struct err *e)
{
	const char *name = last_name(m->path);
	struct stat st;

	int is_new = make_dir(m->parent_fd, name);
	if (is_new == -ENOENT)
		return -EAGAIN;
	if (is_new < 0)
		return not_made(m, strlen(m->path), is_new, e);
	if (is_new) {
		m->made++;
		m->made_len = strlen(m->path);
	}
	AUTO_FD fd = cg_tree_open(m->parent_fd, name);
	if (fd == -ENOENT)
		return -EAGAIN;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, fd < 0 ? fd : errno, "open cgroup \"%s\"", m->path);
	int r = is_new ? 0 : cg_tree_check(fd, m->path, e);
	if (r < 0)
		return r;
	if (is_new && (st.st_mode & 0777) != DIR_MODE &&
	    fchmodat(m->parent_fd, name, DIR_MODE, 0) < 0)
		return err_sys(e, errno, "chmod cgroup \"%s\"", m->path);
	fd_replace(&ret->dir_fd, fd_take(&fd));
	ret->ino = st.st_ino;
	return 0;
}

/* Return: 0, -EAGAIN = lost a race against somebody who removes, or a story error. */
static int make_once(const char *path, const struct knob_needs *needs, int root_fd, struct cg *ret,
		     struct err *e)
{
	AUTO(make) m = {.path = path, .needs = needs, .root_fd = root_fd, .parent_fd = FD_NONE};

	int r = find_parent(&m, e);
	if (r > 0)
		r = make_parents(&m, e);
	if (r == 0)
		r = make_leaf(&m, ret, e);
	if (r < 0) {
		unmake(&m);
		return r;
	}
	ret->made_levels = m.made;
	return 0;
}

int cg_tree_make(const char *path, const struct spec_resources *res, struct cg *ret, struct err *e)
{
	AUTO(arena) a = {0};
	struct knob_plan plan = {.arena = &a};
	struct knob_needs needs;

	int r = check_path(path, e);
	if (r < 0)
		return r;
	/* What is wrong with the limits is said before anything is made. */
	r = cg_knobs_plan(res, &plan, e);
	if (r < 0)
		return r;
	cg_knobs_needs(&plan, &needs);
	int root_fd = cg_where_root(e);
	if (root_fd < 0)
		return root_fd;
	for (int i = 0; i < RACE_TRIES; i++) {
		err_clear(e);
		r = make_once(path, &needs, root_fd, ret, e);
		if (r != -EAGAIN || e->code != 0)
			break;
	}
	if (r == -EAGAIN && e->code == 0)
		return err_set(e, ERR_BUSY, EAGAIN,
			       "make cgroup \"%s\": its parents keep vanishing", path);
	if (r == 0)
		memcpy(ret->path, path, strlen(path) + 1);
	return r;
}

/* ---- removing ---- */

static int remove_child(int parent_fd, const char *name, void *arg)
{
	bool *is_busy = arg;

	if (unlinkat(parent_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT || errno == ENODEV)
		return 0;
	if (errno != EBUSY)
		return -errno;
	*is_busy = true;
	return 0;
}

/* All below top_fd, bottom-up. Return: 0, 1 = something is still in use, -errno. */
static int remove_children(int top_fd)
{
	static const struct cg_visitor v = {.leave = remove_child};
	bool is_busy = false;

	int r = cg_walk(top_fd, &v, &is_busy);
	if (r == -ENOENT || r == -ENODEV)
		return 0;
	return r < 0 ? r : is_busy;
}

/* The long way, when a plain rmdir said EBUSY: processes or sub-cgroups are inside. */
static int remove_busy(int parent_fd, const char *name, struct cg *c, struct err *e)
{
	uint64_t end = proc_now_usec() + REMOVE_TIMEOUT_MS * UINT64_C(1000);

	for (;;) {
		/* Each time: an exec may have put somebody in meanwhile. */
		int r = cg_kill(c, e);
		if (r < 0)
			return r == -ENOENT || r == -ENODEV ? 0 : r;
		r = cg_procs_event(c->dir_fd, "populated", 0, REMOVE_STEP_MS);
		if (r == -ENOENT || r == -ENODEV)
			return 0;
		if (r == 0)
			r = remove_children(c->dir_fd);
		if (r < 0 && r != -ETIMEDOUT)
			return err_sys(e, r, "remove the cgroups below \"%s\"", c->path);
		if (unlinkat(parent_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return 0;
		if (errno != EBUSY)
			return err_sys(e, errno, "remove cgroup \"%s\"", c->path);
		if (proc_now_usec() >= end)
			return cg_procs_survivors(c, "did not end within 10 s", e);
	}
}

/* The parents: those that this container's cg_make() made, and those marked by another one's. */
static void remove_parents(int root_fd, const char *path, unsigned made_levels)
{
	char parent[CG_PATH_MAX];
	unsigned left = made_levels > 1 ? made_levels - 1 : 0;

	memcpy(parent, path, strlen(path) + 1);
	for (;;) {
		char *cut = strrchr(parent, '/');
		char yes;
		if (cut == parent)
			return;
		*cut = '\0';
		AUTO_FD above_fd = FD_NONE;
		if (open_parent(root_fd, parent, &above_fd) < 0)
			continue; /* went with somebody else's removal: so may the next */
		AUTO_FD fd = open_readable(above_fd, last_name(parent));
		if (fd < 0 && fd != -ENOENT)
			return;
		if (fd >= 0 && left == 0 && fgetxattr(fd, mark, &yes, 1) != 1)
			return;
		if (fd >= 0 && unlinkat(above_fd, last_name(parent), AT_REMOVEDIR) < 0 &&
		    errno != ENOENT)
			return;
		left -= left > 0;
	}
}

int cg_tree_remove(const char *path, uint64_t ino, unsigned made_levels, struct err *e)
{
	AUTO_FD parent_fd = FD_NONE;
	struct stat st;

	int r = check_path(path, e);
	if (r < 0)
		return r;
	int root_fd = cg_where_root(e);
	if (root_fd < 0)
		return root_fd;
	const char *name = last_name(path);
	r = open_parent(root_fd, path, &parent_fd);
	if (r < 0 && r != -ENOENT)
		return err_sys(e, r, "open the parent of cgroup \"%s\"", path);
	bool is_there = r == 0 && fstatat(parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
	/* Not known is not gone. */
	if (r == 0 && !is_there && errno != ENOENT)
		return err_sys(e, errno, "look for cgroup \"%s\"", path);
	if (is_there && ino != 0 && st.st_ino != ino) {
		log_debug("cgroup \"%s\" is another one by now: left alone", path);
		return 0;
	}
	if (is_there && unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT) {
		AUTO(cg) c = CG_NONE;
		if (errno != EBUSY)
			return err_sys(e, errno, "remove cgroup \"%s\"", path);
		r = cg_open(path, &c, e);
		if (r == 0 && ino != 0 && c.ino != ino)
			return 0;
		if (r == 0)
			r = remove_busy(parent_fd, name, &c, e);
		if (r < 0 && r != -ENOENT)
			return r;
		err_clear(e);
	}
	remove_parents(root_fd, path, made_levels);
	return 0;
}

/* ---- delegation and sub-cgroups ---- */

static int chown_file(const struct cg *c, const char *name, uid_t uid, struct err *e)
{
	/* A kernel older than the list's maker may lack one. */
	if (fchownat(cg_into(c), name, uid, (gid_t)-1, AT_SYMLINK_NOFOLLOW) == 0 || errno == ENOENT)
		return 0;
	return err_sys(e, errno, "chown %s of cgroup \"%s\"", name, c->path);
}

int cg_delegate(const struct cg *c, uid_t uid, struct err *e)
{
	static const char fallback[] = "cgroup.procs\ncgroup.subtree_control\ncgroup.threads\n";
	char list[4096];

	if (fchownat(cg_into(c), "", uid, (gid_t)-1, AT_EMPTY_PATH) < 0)
		return err_sys(e, errno, "chown cgroup \"%s\"", c->path);
	if (file_read_kernel(AT_FDCWD, "/sys/kernel/cgroup/delegate", list, sizeof(list)) <= 0)
		memcpy(list, fallback, sizeof(fallback));
	for (char *s = list; *s;) {
		size_t n = strcspn(s, "\n");
		char *next = s[n] ? s + n + 1 : s + n;
		s[n] = '\0';
		int r = path_is_name(s) ? chown_file(c, s, uid, e) : 0;
		if (r < 0)
			return r;
		s = next;
	}
	return 0;
}

int cg_open_sub(const struct cg *c, const char *sub, int *ret_fd, struct err *e)
{
	const char *rel = sub + strspn(sub, "/");
	int fd;

	if (!*rel) {
		fd = fcntl(c->dir_fd, F_DUPFD_CLOEXEC, 3); /* "/" is the container's own top */
		if (fd < 0)
			return err_sys(e, errno, "duplicate the fd of cgroup \"%s\"", c->path);
		*ret_fd = fd;
		return 0;
	}
	int r = cg_where_check(rel, "bad sub cgroup path", e);
	if (r < 0)
		return r;
	fd = cg_tree_open(c->dir_fd, rel);
	if (fd < 0)
		return err_sys(e, fd, "adding pid to sub-cgroup \"%s\" of \"%s\"", rel, c->path);
	*ret_fd = fd;
	return 0;
}
