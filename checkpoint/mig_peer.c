/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint/mig_peer: see mig_peer.h. */
#include "checkpoint/mig_peer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/proc.h"
#include "base/sys.h"
#include "base/ban.h"

/* A person may have to answer for a key or a password. */
#define HELLO_MS 120000
#define END_MS	 3000
#define DEAD_MS	 100

static int hang_up(struct mig_peer *p, int wait_ms, int *ret_status)
{
	int r;

	mig_link_done(&p->link);
	if (p->pidfd < 0)
		return -ECHILD;
	r = proc_wait(p->pidfd, wait_ms, ret_status);
	if (r == -ETIMEDOUT) {
		sys_pidfd_send_signal(p->pidfd, SIGKILL);
		(void)proc_wait(p->pidfd, -1, ret_status);
	}
	auto_fd_done(&p->pidfd);
	return r;
}

void mig_peer_done(struct mig_peer *p)
{
	int status;

	(void)hang_up(p, p->is_dead ? DEAD_MS : END_MS, &status);
}

static void add_words(struct strvec *v, const char *text, struct arena *a)
{
	char *copy = arena_strdup(a, text), *save = NULL;

	for (char *w = strtok_r(copy, " \t", &save); w; w = strtok_r(NULL, " \t", &save))
		v->v[v->n++] = w;
}

struct strvec mig_peer_words(const char *rsh, const char *host, const char *remote, struct arena *a)
{
	/* No terminal, and no escape characters in what is not text. */
	const char *first = rsh ? rsh : "ssh -T -e none";
	const char *last = remote ? remote : "stiva";
	struct strvec v = {arena_array(a, strlen(first) + strlen(last) + 4, sizeof(char *)), 0};

	add_words(&v, first, a);
	v.v[v.n++] = arena_strdup(a, host);
	add_words(&v, last, a);
	v.v[v.n++] = arena_strdup(a, "migrate-recv");
	return v;
}

/* In the child. Ctrl-C is for us to act on: the line must outlive it. */
static void become(const struct strvec *words, const char *path, int sock_fd, int tell_fd)
{
	int code;

	proc_reset_signals();
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGQUIT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	if (dup2(sock_fd, STDIN_FILENO) >= 0 && dup2(sock_fd, STDOUT_FILENO) >= 0)
		execv(path, words->v);
	code = errno;
	(void)!fd_write_all(tell_fd, &code, sizeof(code));
	_exit(127);
}

static int start(struct mig_peer *p, const struct strvec *words, struct err *e)
{
	char path[PATH_MAX];
	int pair[2], tube[2], code;
	int r = strchr(words->v[0], '/') ? str_copy(path, sizeof(path), words->v[0])
					 : proc_find_program(words->v[0], path, sizeof(path));

	if (r < 0)
		return err_set(e, ERR_MISSING, ENOENT,
			       "there is no program \"%.100s\" on this host: install it, or give "
			       "--rsh another one",
			       words->v[0]);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, errno, "socket to \"%.100s\"", words->v[0]);
	AUTO_FD ours = pair[0];
	AUTO_FD its = pair[1];

	if (pipe2(tube, O_CLOEXEC) < 0)
		return err_sys(e, errno, "pipe to \"%.100s\"", words->v[0]);
	AUTO_FD hear = tube[0];
	AUTO_FD tell = tube[1];

	r = proc_clone(0, FD_NONE, &p->pidfd);
	if (r == 0)
		become(words, path, its, tell);
	if (r < 0)
		return err_sys(e, r, "start \"%.200s\"", path);
	auto_fd_done(&tell);
	if (fd_read_all(hear, &code, sizeof(code)) == (ssize_t)sizeof(code))
		return err_sys(e, code, "execute \"%.200s\"", path);
	int fd = fd_take(&ours);

	mig_link_open(&p->link, fd, fd, p->name);
	return 0;
}

/* The line ended before a word came over it: the command's exit status says most. */
static int tell_end(struct mig_peer *p, const struct strvec *words, struct err *e)
{
	int status = 0;

	if (hang_up(p, END_MS, &status) < 0)
		return -e->code;
	if (status == 255)
		return err_set(e, ERR_MISSING, EHOSTUNREACH,
			       "\"%.100s\" could not connect to \"%.100s\" (its own words are "
			       "above): nothing was done",
			       words->v[0], p->name);
	if (status == 127)
		return err_set(e, ERR_MISSING, ENOENT,
			       "\"%.100s\" has no stiva: install it there, or say where it is "
			       "with --remote-stiva",
			       p->name);
	return err_set(e, ERR_MISSING, EPIPE,
		       "the command at \"%.100s\" ended before its first word (status %d): "
		       "nothing was done",
		       p->name, status);
}

int mig_peer_open(struct mig_peer *p, const char *name, const struct strvec *words, int abort_fd,
		  const struct mig_host *us, struct arena *a, struct err *e)
{
	p->name = name;
	int r = start(p, words, e);

	if (r < 0)
		return r;
	p->link.abort_fd = abort_fd;
	r = mig_say(&p->link, MIG_HELLO, &mig_table_host, us, e);
	if (r == 0)
		r = mig_say_hear(&p->link, MIG_CAPS, HELLO_MS, &mig_table_host, a, &p->host, e);
	return r == -EPIPE ? tell_end(p, words, e) : r;
}
