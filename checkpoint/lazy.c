/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint/lazy: see lazy.h. Called by restore.c and dump.c. */
#include "checkpoint/lazy.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/file.h"
#include "base/num.h"
#include "base/proc.h"
#include "base/sys.h"
#include "checkpoint/mig_fault.h"
#include "checkpoint/watchdog.h"
#include "base/ban.h"

#define NAME   "stiva:lazy"
#define SERVER "stiva:pages"
#define END_MS 2000
#define UFFD   "anon_inode:[userfaultfd]"

/* What the two say to each other. */
enum said { READY = 'r', FAILED = 'x', HOLD = 'h', HELD = 'k' };
struct message {
	enum said word;
	pid_t pid; /* of HOLD */
};

bool ckpt_lazy_is_possible(void)
{
	/* As criu asks: what it must hear of a process that changes its memory meanwhile. */
	struct uffdio_api api = {.api = UFFD_API,
				 .features = UFFD_FEATURE_EVENT_FORK | UFFD_FEATURE_EVENT_REMAP |
					     UFFD_FEATURE_EVENT_UNMAP | UFFD_FEATURE_EVENT_REMOVE};
	AUTO_FD fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	return fd >= 0 && ioctl(fd, UFFDIO_API, &api) == 0;
}

/* ---- the keeper ---- */

struct keeper {
	const struct ckpt_lazy_job *job;
	/* To our maker, to the server, its pidfd, the container's. FD_NONE: not, or not any more.
	 */
	int sock_fd, talk_fd, server_fd, init_fd;
	pid_t server;
	bool is_ready, is_held, has_served; /* all of it */
};

static _Noreturn void be_server(const struct ckpt_lazy_job *job, int keeper_fd)
{
	(void)prctl(PR_SET_NAME, SERVER);
	_exit(job->serve(job->ctx, job->work_fd, keeper_fd) < 0);
}

static int start_server(struct keeper *k)
{
	int pair[2];

	(void)unlinkat(k->job->work_fd, CKPT_LAZY_SOCKET, 0);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	AUTO_FD its = pair[1];

	k->talk_fd = pair[0];
	k->server = proc_clone(0, FD_NONE, &k->server_fd);
	if (k->server == 0) {
		/* The maker's end is seen by who keeps; the keeper's by who serves. */
		auto_fd_done(&k->sock_fd);
		auto_fd_done(&k->talk_fd);
		be_server(k->job, its);
	}
	return k->server < 0 ? (int)k->server : 0;
}

static void tell(const struct keeper *k, enum said word)
{
	const struct message m = {.word = word};

	(void)!send(k->sock_fd, &m, sizeof(m), MSG_NOSIGNAL);
}

/* Without the server, but with these, who touches a page that did not come waits for it. */
static int keep_faults(const struct keeper *k)
{
	char path[64], target[64];
	AUTO_DIR d = NULL;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)k->server);
	d = opendir(path);
	if (!d)
		return -errno;
	for (struct dirent *de; errno = 0, (de = readdir(d));) {
		ssize_t n = readlinkat(dirfd(d), de->d_name, target, sizeof(target) - 1);
		uint32_t fd;

		if (n < 0)
			continue;
		target[n] = '\0';
		if (strcmp(target, UFFD) == 0 && num_u32(de->d_name, &fd) == 0 &&
		    sys_pidfd_getfd(k->server_fd, (int)fd, 0) < 0)
			return -errno;
	}
	return -errno;
}

/* Return: false when all is over. */
static bool hear_server(struct keeper *k)
{
	struct err ignored = ERR_INIT;
	int status;

	k->has_served = proc_wait(k->server_fd, -1, &status) == 0 && status == 0;
	auto_fd_done(&k->server_fd);
	if (k->has_served)
		return !k->is_held;
	if (k->is_held)
		(void)!cg_kill(k->job->cg, &ignored);
	else
		tell(k, FAILED);
	return !k->is_held;
}

static int say(const struct keeper *k, enum mig_fault_word word)
{
	const char byte = (char)word;

	return send(k->talk_fd, &byte, 1, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* It has every process then, and nobody waits for it but who proves the images, which takes all
 * processors. */
static int let_rest(struct keeper *k)
{
	char word = 0;
	int r = say(k, MIG_FAULT_REST);

	if (r == 0 && (recv(k->talk_fd, &word, 1, 0) != 1 || word != MIG_FAULT_RESTS))
		r = -EPIPE;
	return r;
}

static void hold(struct keeper *k, pid_t pid)
{
	int r = sys_pidfd_open(pid, 0);

	if (r >= 0) {
		k->init_fd = r;
		r = k->server_fd >= 0 ? let_rest(k) : 0;
	}
	if (r == 0 && k->server_fd >= 0)
		r = keep_faults(k);
	/* All that there was to bring has come already. */
	if (r == -EPIPE && k->server_fd >= 0) {
		(void)hear_server(k);
		r = k->has_served ? 0 : r;
	}
	k->is_held = r == 0 && (k->server_fd >= 0 || k->has_served);
	(void)unlinkat(k->job->work_fd, CKPT_LAZY_SOCKET, 0);
	tell(k, k->is_held ? HELD : FAILED);
}

static void end_server(struct keeper *k)
{
	int status;

	if (k->server_fd < 0)
		return;
	(void)sys_pidfd_send_signal(k->server_fd, SIGKILL);
	proc_wait(k->server_fd, -1, &status);
	(void)unlinkat(k->job->work_fd, CKPT_LAZY_SOCKET, 0);
}

/* A word of our maker's, or its end. Return: false when all is over. */
static bool hear_maker(struct keeper *k)
{
	struct message m;
	ssize_t n = recv(k->sock_fd, &m, sizeof(m), 0);

	if (n == (ssize_t)sizeof(m) && m.word == HOLD) {
		hold(k, m.pid);
		return !k->is_held || k->server_fd >= 0;
	}
	if (n < 0 && errno == EINTR)
		return true;
	auto_fd_done(&k->sock_fd);
	if (!k->is_held)
		end_server(k);
	else if (k->server_fd >= 0)
		(void)say(k, MIG_FAULT_GO_ON);
	return k->is_held;
}

/* Ready, or about to end. */
static void hear_ready(struct keeper *k)
{
	char word;

	if (recv(k->talk_fd, &word, 1, 0) == 1 && word == MIG_FAULT_READY)
		tell(k, READY);
	k->is_ready = true;
}

static void keep(struct keeper *k)
{
	for (;;) {
		struct pollfd p[4] = {{.fd = k->sock_fd, .events = POLLIN},
				      {.fd = k->is_ready ? -1 : k->talk_fd, .events = POLLIN},
				      {.fd = k->server_fd, .events = POLLIN},
				      {.fd = k->init_fd, .events = POLLIN}};

		if (poll(p, 4, -1) < 0)
			continue;
		if (p[0].revents && !hear_maker(k))
			return;
		if (p[1].revents)
			hear_ready(k);
		/* Nobody is left to bring it to. */
		if (p[3].revents) {
			end_server(k);
			return;
		}
		if (p[2].revents && !hear_server(k))
			return;
	}
}

static _Noreturn void be_keeper(const struct ckpt_lazy_job *job, int sock_fd)
{
	const int kept[] = {job->work_fd, job->cg->dir_fd, job->keep_fd};
	struct keeper k = {.job = job,
			   .sock_fd = sock_fd,
			   .talk_fd = FD_NONE,
			   .server_fd = FD_NONE,
			   .init_fd = FD_NONE};
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	(void)setsid();
	(void)prctl(PR_SET_NAME, NAME);
	if (ckpt_watchdog_alone(kept, 3, sock_fd) < 0 || start_server(&k) < 0)
		_exit(1);
	keep(&k);
	_exit(0);
}

/* ---- the maker ---- */

int ckpt_lazy_start(const struct ckpt_lazy_job *job, struct ckpt_lazy *ret, struct err *e)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, errno, "socket to the keeper of memory");
	AUTO_FD ours = pair[0];
	AUTO_FD its = pair[1];
	pid_t r = proc_clone(0, job->cgroup_fd, &ret->pidfd);

	if (r == 0)
		be_keeper(job, its);
	if (r < 0)
		return err_sys(e, r, "start the keeper of memory");
	fd_replace(&ret->fd, fd_take(&ours));
	return 0;
}

static int expect(const struct ckpt_lazy *l, enum said word, struct err *e)
{
	struct message m = {.word = FAILED};
	ssize_t n;

	do
		n = recv(l->fd, &m, sizeof(m), 0);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(m) && m.word == word
		       ? 0
		       : err_set(e, ERR_KERNEL, EIO,
				 "the process that brings the memory has ended");
}

int ckpt_lazy_ready(struct ckpt_lazy *l, struct err *e)
{
	return expect(l, READY, e);
}

int ckpt_lazy_hold(struct ckpt_lazy *l, pid_t pid, struct err *e)
{
	const struct message m = {.word = HOLD, .pid = pid};

	if (send(l->fd, &m, sizeof(m), MSG_NOSIGNAL) < 0)
		return err_sys(e, errno, "tell the keeper of memory");
	return expect(l, HELD, e);
}

void ckpt_lazy_let_go(struct ckpt_lazy *l)
{
	auto_fd_done(&l->fd);
	auto_fd_done(&l->pidfd);
}

void ckpt_lazy_done(struct ckpt_lazy *l)
{
	int status;

	auto_fd_done(&l->fd);
	if (l->pidfd < 0)
		return;
	/* After it holds, who gives up ends the cgroup, and it with that. */
	if (proc_wait(l->pidfd, END_MS, &status) == -ETIMEDOUT) {
		(void)sys_pidfd_send_signal(l->pidfd, SIGKILL);
		proc_wait(l->pidfd, -1, &status);
	}
	auto_fd_done(&l->pidfd);
}

/* ---- who comes later ---- */

static bool is_keeper(pid_t pid)
{
	char path[64], name[32];
	struct stat its, ours;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	/* And who has the pages. */
	if (file_read_kernel(AT_FDCWD, path, name, sizeof(name)) < 0 ||
	    (strcmp(name, NAME "\n") != 0 && strcmp(name, SERVER "\n") != 0))
		return false;
	/* A process of the container may call itself as it likes. */
	snprintf(path, sizeof(path), "/proc/%d/ns/pid", (int)pid);
	return stat(path, &its) == 0 && stat("/proc/self/ns/pid", &ours) == 0 &&
	       its.st_ino == ours.st_ino;
}

int ckpt_lazy_settle(const struct cg *cg, int timeout_ms, int abort_fd, struct err *e)
{
	AUTO_FREE pid_t *pids = NULL;
	size_t n = 0;
	int r = cg_pids(cg, &pids, &n, e);

	for (size_t i = 0; r == 0 && i < n; i++) {
		AUTO_FD pidfd = sys_pidfd_open(pids[i], 0);
		struct pollfd p[2] = {{.fd = pidfd, .events = POLLIN},
				      {.fd = abort_fd, .events = POLLIN}};
		int got = -1;

		if (pidfd < 0 || !is_keeper(pids[i]))
			continue;
		do
			got = poll(p, 2, timeout_ms);
		while (got < 0 && errno == EINTR);
		if (got > 0 && p[1].revents)
			r = err_set(e, ERR_STATE, EINTR, "interrupted by a signal");
		else if (got <= 0)
			r = err_set(e, ERR_BUSY, EBUSY,
				    "the memory of its last restore has not all come yet");
	}
	return r;
}
