/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint/mig_serve: see mig_serve.h. */
#include "checkpoint/mig_serve.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/proc.h"
#include "checkpoint/lazy.h"
#include "checkpoint/mig_hash.h"
#include "checkpoint/mig_ps.h"
#include "checkpoint/watchdog.h"
#include "base/ban.h"

#define CMD_ADD_F   6u
#define CMD_GET	    7u
#define CMD_CLOSE   0x1023u
#define CMD_FORCE   0x1024u
#define HEAD_SHORT  24u /* criu up to 4.1 */
#define HEAD_LONG   32u
#define REQUEST_MAX (UINT64_C(1) << 18) /* pages */

struct request {
	unsigned char head[HEAD_LONG];
	size_t n_head;
	uint32_t cmd;
	uint64_t nr, vaddr, id; /* id as criu says it: a pid */
};

/* {cmd u32, nr u32, vaddr u64, id u64}, or {cmd u32, 0 u32, nr u64, vaddr u64, id u64}. */
static int read_request(int fd, struct request *q)
{
	uint32_t second;
	ssize_t n = fd_read_all(fd, q->head, HEAD_SHORT);

	if (n <= 0)
		return n < 0 ? (int)n : -ENODATA;
	if (n != (ssize_t)HEAD_SHORT)
		return -EBADMSG;
	memcpy(&q->cmd, q->head, sizeof(q->cmd));
	memcpy(&second, q->head + 4, sizeof(second));
	q->n_head = HEAD_SHORT;
	if (q->cmd == CMD_GET && second == 0) {
		q->n_head = HEAD_LONG;
		if (fd_read_all(fd, q->head + HEAD_SHORT, HEAD_LONG - HEAD_SHORT) !=
		    (ssize_t)(HEAD_LONG - HEAD_SHORT))
			return -EBADMSG;
		memcpy(&q->nr, q->head + 8, sizeof(q->nr));
	} else {
		q->nr = second;
	}
	memcpy(&q->vaddr, q->head + q->n_head - 16, sizeof(q->vaddr));
	memcpy(&q->id, q->head + q->n_head - 8, sizeof(q->id));
	return 0;
}

static int send_pages(int sock_fd, int file_fd, uint64_t vaddr, uint64_t nr)
{
	off_t at = (off_t)vaddr;
	size_t left = nr * MIG_PAGE;

	while (left) {
		ssize_t n = sendfile(sock_fd, file_fd, &at, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		left -= (size_t)n;
	}
	return 0;
}

/* All that is asked for, under the same head. */
static int answer(const struct mig_store *s, int sock_fd, struct request *q, uint64_t *id, int *fd)
{
	const uint32_t cmd = CMD_ADD_F | MIG_RUN_PRESENT << 16;
	uint64_t want = MIG_PS_ID(q->id, MIG_PS_KIND_PROCESS);

	if (q->nr == 0 || q->nr > REQUEST_MAX || q->vaddr % MIG_PAGE ||
	    q->vaddr > MIG_ADDRESS_MAX - q->nr * MIG_PAGE)
		return -EBADMSG;
	if (*fd < 0 || *id != want) {
		fd_replace(fd, mig_store_file(s, want));
		*id = want;
	}
	if (*fd < 0)
		return -ENOENT;
	memcpy(q->head, &cmd, sizeof(cmd));
	int r = fd_write_all(sock_fd, q->head, q->n_head);

	return r < 0 ? r : send_pages(sock_fd, *fd, q->vaddr, q->nr);
}

int mig_serve(const struct mig_store *s, int sock_fd)
{
	AUTO_FD fd = FD_NONE;
	uint64_t id = 0;

	for (;;) {
		const int32_t well = 0;
		struct request q = {0};
		int r = read_request(sock_fd, &q);

		if (r == -ENODATA)
			return 0;
		if (r == 0 && q.cmd == CMD_GET)
			r = answer(s, sock_fd, &q, &id, &fd);
		else if (r == 0 && (q.cmd == CMD_CLOSE || q.cmd == CMD_FORCE))
			r = fd_write_all(sock_fd, &well, sizeof(well));
		else if (r == 0)
			r = -EBADMSG;
		if (r < 0)
			return r;
	}
}

static _Noreturn void be(const struct mig_store *s, int sock_fd)
{
	const int keep[] = {s->base_fd};
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	(void)setsid();
	(void)prctl(PR_SET_NAME, CKPT_LAZY_PAGES);
	if (ckpt_watchdog_alone(keep, 1, sock_fd) < 0)
		_exit(1);
	_exit(mig_serve(s, sock_fd) < 0);
}

int mig_serve_start(const struct mig_store *s, int cgroup_fd, int *ret_fd, struct err *e)
{
	int pair[2];
	AUTO_FD pidfd = FD_NONE;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, errno, "socket for the memory that comes later");
	AUTO_FD ours = pair[0];
	AUTO_FD its = pair[1];
	pid_t pid = proc_clone(0, cgroup_fd, &pidfd);

	if (pid == 0)
		be(s, ours);
	if (pid < 0)
		return err_sys(e, (int)pid, "start the server of memory");
	*ret_fd = fd_take(&its);
	return 0;
}
