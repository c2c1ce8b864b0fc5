/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/rootfs/lxcfs: finds a living lxcfs and opens files of it. It is a FUSE: every look at it
 * is a question to its daemon, which may be dead (ENOTCONN) or stuck (no answer, ever). So a child
 * asks, with a deadline, and hands over what it has opened. It must not know what the files are put
 * on. Called by view.c, and by the doctor.
 */
#include "base/sys.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include "base/file.h"
#include "base/mountinfo.h"
#include "base/msg.h"
#include "base/num.h"
#include "base/proc.h"
#include "runtime/rootfs/plan.h"
#include "base/ban.h"

#define TYPE	      "fuse.lxcfs"
#define DEFAULT_PLACE "/var/lib/lxcfs"
#define ANSWER_MS     3000
#define REAP_MS	      100
#define MOUNTS_MAX    (16u << 20)

enum answer { ANSWER_FOUND = 1, ANSWER_ERROR };

struct look {
	const char *place; /* "" = anywhere */
	const struct root_lxcfs_file *files;
	size_t n;
	uint64_t flags;
	struct root_lxcfs *ret;
};

/* ---- in the child ---- */

static int fail(const char *place, int neg, struct err *e)
{
	if (neg == -ENOTCONN || neg == -ECONNABORTED)
		return err_set(e, ERR_STATE, -neg, "lxcfs at \"%s\" is dead: %s", place,
			       err_words(neg));
	return err_sys(e, neg, "lxcfs at \"%s\"", place);
}

static int is_there(int place_fd, const char *path)
{
	struct stat st;

	return fstatat(place_fd, path + 1, &st, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

/* Leaf. -ENOENT: this lxcfs has no such file. */
static int open_file(int place_fd, const struct root_lxcfs_file *f, uint64_t flags, int *ret_fd)
{
	struct mount_attr attr = {.attr_set = flags, .propagation = MS_PRIVATE};
	int r = f->needs ? is_there(place_fd, f->needs) : 0;

	if (r < 0 || !flags)
		return r < 0 ? r : is_there(place_fd, f->path);
	AUTO_FD fd = sys_open_tree(place_fd, f->path + 1,
				   OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);
	if (fd < 0)
		return fd;
	r = sys_mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr));
	if (r == 0)
		*ret_fd = fd_take(&fd);
	return r;
}

/* place_fd is the root of a mount of lxcfs at `place`. */
static int open_files(const struct look *l, int place_fd, const char *place, struct err *e)
{
	struct statfs fs;

	/* Asks the daemon. */
	if (fstatfs(place_fd, &fs) < 0)
		return fail(place, -errno, e);
	if (fs.f_type != FUSE_SUPER_MAGIC ||
	    str_copy(l->ret->place, sizeof(l->ret->place), place) < 0)
		return fail(place, -ENODEV, e);
	for (size_t i = 0; i < l->n; i++) {
		int r = open_file(place_fd, &l->files[i], l->flags, &l->ret->fds[i]);

		if (r < 0 && r != -ENOENT)
			return fail(place, r, e);
		l->ret->found |= (uint32_t)(r == 0) << i;
	}
	return 0;
}

/* A user may mount a FUSE of any name, and with user_allow_other (fuse.conf(5)) serve it to all. */
static bool is_roots(const struct mountinfo *m)
{
	return mountinfo_has(m, "user_id=0");
}

static int not_roots(const char *place, struct err *e)
{
	return err_set(e, ERR_STATE, EPERM, "lxcfs at \"%s\" is not root's", place);
}

/* The one that was named: it must be the root of a mount of that type. */
static int look_at(const struct look *l, const char *mounts, struct err *e)
{
	struct mountinfo m;
	uint64_t id;
	AUTO_FD fd = open(l->place, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return fail(l->place, -errno, e);
	int r = mountinfo_of_fd("self", fd, &id);
	while (r == 0 && mountinfo_next(&mounts, &m))
		if (m.id == id && m.is_whole && mountinfo_is(&m, TYPE))
			return is_roots(&m) ? open_files(l, fd, l->place, e)
					    : not_roots(l->place, e);
	return r < 0 ? fail(l->place, r, e)
		     : err_set(e, ERR_STATE, ENODEV, "\"%s\" is not a mount of lxcfs", l->place);
}

/* One that mountinfo has. Return: 1 = another mount lies over it. */
static int look_at_line(const struct look *l, const struct mountinfo *m, struct err *e)
{
	uint64_t id;
	AUTO_FD fd = open(m->at, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || mountinfo_of_fd("self", fd, &id) < 0 || id != m->id)
		return 1;
	return is_roots(m) ? open_files(l, fd, m->at, e) : not_roots(m->at, e);
}

/* The usual place first; a dead one is passed over when there is another. */
static int look_around(const struct look *l, const char *mounts, struct err *e)
{
	struct mountinfo m;

	for (int pass = 0; pass < 2; pass++) {
		const char *s = mounts;

		while (mountinfo_next(&s, &m)) {
			struct err one = ERR_INIT;

			if (!m.is_whole || !mountinfo_is(&m, TYPE) ||
			    str_eq(m.at, DEFAULT_PLACE) != (pass == 0))
				continue;
			l->ret->found = 0;
			int r = look_at_line(l, &m, &one);
			if (r == 0)
				return 0;
			if (r < 0 && !e->code)
				*e = one;
		}
	}
	if (e->code)
		return -e->code;
	return err_set(e, ERR_MISSING, ENOENT, "no lxcfs is mounted here");
}

static int look(const struct look *l, struct err *e)
{
	AUTO(buf) text = {0};
	int r = file_read_path("/proc/self/mountinfo", MOUNTS_MAX, &text);

	if (r < 0)
		return err_sys(e, r, "read /proc/self/mountinfo");
	const char *mounts = text.data ? text.data : "";

	return l->place[0] ? look_at(l, mounts, e) : look_around(l, mounts, e);
}

static void __attribute__((noreturn)) child(const struct look *l, int sock_fd, pid_t parent)
{
	struct err e = ERR_INIT;
	char payload[MSG_PAYLOAD_MAX];
	int fds[ROOT_VIEW_MAX];
	size_t n_fds = 0;

	/* Nobody else ends one whose question is not answered. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	int r = look(l, &e);
	size_t n = strlen(l->ret->place) + 1;

	if (r == 0 && n > sizeof(payload) - sizeof(uint32_t))
		r = fail("a long path", -ENAMETOOLONG, &e);
	if (r < 0) {
		(void)msg_send(sock_fd, ANSWER_ERROR, &e, sizeof(e), NULL, 0);
		_exit(1);
	}
	for (size_t i = 0; i < l->n; i++)
		if (l->ret->found >> i & 1 && l->ret->fds[i] >= 0)
			fds[n_fds++] = l->ret->fds[i];
	memcpy(payload, &l->ret->found, sizeof(uint32_t));
	memcpy(payload + sizeof(uint32_t), l->ret->place, n);
	r = msg_send(sock_fd, ANSWER_FOUND, payload, n + sizeof(uint32_t), fds, n_fds);
	_exit(r < 0);
}

/* ---- in the parent ---- */

static int take_answer(const struct look *l, struct msg *m, struct err *e)
{
	size_t k = 0;

	if (m->number == ANSWER_ERROR && m->len == sizeof(*e)) {
		memcpy(e, m->payload, sizeof(*e));
		return -e->code;
	}
	if (m->number != ANSWER_FOUND || m->len <= sizeof(uint32_t) ||
	    m->payload[m->len - 1] != '\0')
		return err_set(e, ERR_BUG, EBADMSG, "look for lxcfs: answer %u", m->number);
	memcpy(&l->ret->found, m->payload, sizeof(uint32_t));
	str_copy(l->ret->place, sizeof(l->ret->place), m->payload + sizeof(uint32_t));
	for (size_t i = 0; l->flags && i < l->n; i++)
		if ((l->ret->found >> i & 1) && k < m->n_fds)
			l->ret->fds[i] = fd_take(&m->fds[k++]);
	return 0;
}

static int ask(const struct look *l, int pair[2], struct err *e)
{
	struct msg m = {0};
	AUTO_FD pidfd = FD_NONE;
	int status;
	const pid_t parent = getpid();
	pid_t pid = proc_clone(0, -1, &pidfd);

	if (pid == 0)
		child(l, pair[1], parent);
	if (pid < 0)
		return err_sys(e, pid, "look for lxcfs: fork");
	auto_fd_done(&pair[1]);
	int r = msg_recv(pair[0], ANSWER_MS, &m);
	if (r == -ETIMEDOUT)
		(void)sys_pidfd_send_signal(pidfd, SIGKILL);
	/* A question that the daemon has read but not answered cannot be taken back: not reaped, it
	 * is init's one day. */
	(void)proc_wait(pidfd, REAP_MS, &status);
	if (r == 0)
		r = take_answer(l, &m, e);
	else if (r == -ETIMEDOUT)
		err_set(e, ERR_BUSY, ETIMEDOUT, "lxcfs%s%s does not answer (%d s)",
			l->place[0] ? " at " : "", l->place, ANSWER_MS / 1000);
	else
		err_sys(e, r, "look for lxcfs");
	msg_done(&m);
	return r;
}

int root_lxcfs_open(const char *place, const struct root_lxcfs_file *files, size_t n,
		    uint64_t flags, struct root_lxcfs *ret, struct err *e)
{
	const struct look l = {place, files, n, flags, ret};
	int pair[2];

	ret->found = 0;
	ret->place[0] = '\0';
	for (size_t i = 0; i < ROOT_VIEW_MAX; i++)
		ret->fds[i] = FD_NONE;
	int r = fd_seqpacket_pair(pair);
	if (r < 0)
		return err_sys(e, r, "look for lxcfs: socket pair");
	r = ask(&l, pair, e);
	auto_fd_done(&pair[0]);
	auto_fd_done(&pair[1]);
	return r;
}

int root_lxcfs_find(char *ret_place, struct err *e)
{
	struct root_lxcfs found;
	int r = root_lxcfs_open("", NULL, 0, 0, &found, e);

	if (r == 0)
		str_copy(ret_place, PATH_MAX, found.place);
	return r;
}
