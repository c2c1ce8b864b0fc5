/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint/proof: see proof.h. Called by image.c. */
#include "checkpoint/proof.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/auto.h"
#include "base/proc.h"
#include "base/sys.h"
#include "base/ban.h"

#define NAME  "stiva:digests"
#define ASIDE 10 /* nice */
#define FEW   4	 /* pieces: not worth a process */
#define ALIGN 64

/* In memory of all of them. */
struct ckpt_proof_shared {
	_Atomic uint64_t next; /* piece to take */
	_Atomic uint64_t n_made;
	_Atomic int error, file; /* the first -errno, and where */
	struct ckpt_blake pieces[];
};

static uint64_t pieces_of(uint64_t size)
{
	return size ? (size + CKPT_BLAKE_PIECE - 1) / CKPT_BLAKE_PIECE : 1;
}

/* ---- one piece after another, in a child or, of few, in ourselves ---- */

/* The file that is being read. */
struct source {
	size_t file;
	uint64_t first; /* piece of it, of all */
	int fd;		/* owned; FD_NONE: not opened yet */
	char *map;	/* owned; NULL: it is read */
};

static void close_file(const struct ckpt_proof *p, struct source *s)
{
	if (s->map)
		munmap(s->map, p->files[s->file].size);
	s->map = NULL;
	auto_fd_done(&s->fd);
}

/* A map saves a copy. Who cuts the file off meanwhile ends a child that has one (SIGBUS), and the
 * pieces that are missing then are the error; we ourselves only read. */
static int open_file(const struct ckpt_proof *p, bool is_child, struct source *s)
{
	AUTO_FD fd = openat(p->files[s->file].dir_fd, p->files[s->file].name,
			    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	const uint64_t size = p->files[s->file].size;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != size)
		return -ESTALE;
	if (is_child && size) {
		void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);

		s->map = map == MAP_FAILED ? NULL : map;
	}
	fd_replace(&s->fd, fd_take(&fd));
	return 0;
}

static int read_all_at(int fd, char *to, size_t n, uint64_t at)
{
	while (n) {
		ssize_t got = pread(fd, to, n, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -ESTALE;
		to += got;
		n -= (size_t)got;
		at += (uint64_t)got;
	}
	return 0;
}

static int make_piece(const struct ckpt_proof *p, const struct source *from, uint64_t in_file,
		      char *room, struct ckpt_blake *ret)
{
	const uint64_t size = p->files[from->file].size, at = in_file * CKPT_BLAKE_PIECE;
	const size_t n = size - at < CKPT_BLAKE_PIECE ? (size_t)(size - at) : CKPT_BLAKE_PIECE;
	int r = from->map ? 0 : read_all_at(from->fd, room, n, at);

	if (r == 0)
		ckpt_blake_piece(from->map ? from->map + at : room, n, in_file,
				 pieces_of(size) == 1, ret);
	return r;
}

static void work(const struct ckpt_proof *p, bool is_child)
{
	struct ckpt_proof_shared *s = p->shared;
	AUTO_FREE char *room = mem_alloc(CKPT_BLAKE_PIECE);
	struct source from = {.fd = FD_NONE};
	uint64_t i;

	while ((i = atomic_fetch_add(&s->next, 1)) < p->n_pieces && !atomic_load(&s->error)) {
		int r = 0, none = 0;

		while (i - from.first >= pieces_of(p->files[from.file].size)) {
			close_file(p, &from);
			from.first += pieces_of(p->files[from.file++].size);
		}
		if (from.fd < 0)
			r = open_file(p, is_child, &from);
		if (r == 0)
			r = make_piece(p, &from, i - from.first, room, &s->pieces[i]);
		if (r == 0)
			atomic_fetch_add(&s->n_made, 1);
		else if (atomic_compare_exchange_strong(&s->error, &none, r))
			atomic_store(&s->file, (int)from.file);
	}
	close_file(p, &from);
}

static _Noreturn void be_worker(const struct ckpt_proof *p, pid_t maker, bool is_aside)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != maker)
		_exit(1);
	(void)prctl(PR_SET_NAME, NAME);
	proc_reset_signals();
	if (is_aside)
		(void)setpriority(PRIO_PROCESS, 0, ASIDE);
	work(p, true);
	_exit(0);
}

/* ---- the maker ---- */

void ckpt_proof_done(struct ckpt_proof *p)
{
	int status;

	for (; p->n_workers; p->n_workers--) {
		int *pidfd = &p->pidfds[p->n_workers - 1];

		if (*pidfd < 0)
			continue;
		(void)sys_pidfd_send_signal(*pidfd, SIGKILL);
		proc_wait(*pidfd, -1, &status);
		auto_fd_done(pidfd);
	}
	if (p->shared)
		munmap(p->shared, p->shared_size);
	p->shared = NULL;
}

static unsigned processors(void)
{
	cpu_set_t set;
	int n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

	return n > CKPT_PROOF_MAX ? CKPT_PROOF_MAX : (unsigned)n;
}

int ckpt_proof_start(struct ckpt_proof *p, struct ckpt_proof_file *files, size_t n, bool is_aside,
		     struct err *e)
{
	const pid_t maker = getpid();

	*p = (struct ckpt_proof){.files = files, .n_files = n};
	for (size_t i = 0; i < n; i++)
		p->n_pieces += pieces_of(files[i].size);
	p->shared_size = sizeof(*p->shared) + p->n_pieces * sizeof(struct ckpt_blake);
	void *shared = mmap(NULL, p->shared_size, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (shared == MAP_FAILED)
		return err_sys(e, errno, "memory for the digests of images");
	p->shared = shared;
	for (unsigned want = p->n_pieces > FEW ? processors() : 0; p->n_workers < want;) {
		int *pidfd = &p->pidfds[p->n_workers];

		*pidfd = FD_NONE;
		pid_t pid = proc_clone(0, FD_NONE, pidfd);

		if (pid == 0)
			be_worker(p, maker, is_aside);
		/* One does it as well as many. */
		if (pid < 0 && p->n_workers)
			break;
		if (pid < 0)
			return err_sys(e, pid, "start a process for the digests of images");
		p->pids[p->n_workers++] = pid;
	}
	return 0;
}

/* They have all the time now. */
static int wait_for(const struct ckpt_proof *p, int abort_fd, struct err *e)
{
	for (unsigned i = 0; i < p->n_workers; i++)
		(void)setpriority(PRIO_PROCESS, (id_t)p->pids[i], 0);
	for (unsigned i = 0; i < p->n_workers;) {
		struct pollfd f[2] = {{.fd = p->pidfds[i], .events = POLLIN},
				      {.fd = abort_fd, .events = POLLIN}};
		int n = poll(f, 2, -1);

		if (n < 0 && errno != EINTR)
			return err_sys(e, errno, "wait for the digests of images");
		if (n > 0 && f[1].revents)
			return err_set(e, ERR_STATE, EINTR, "interrupted by a signal");
		if (n > 0 && f[0].revents)
			i++;
	}
	return 0;
}

int ckpt_proof_end(struct ckpt_proof *p, int abort_fd, struct err *e)
{
	struct ckpt_proof_shared *s = p->shared;
	int r = wait_for(p, abort_fd, e);

	if (r < 0)
		return r;
	/* Of few pieces all, and what a killed worker has not begun. */
	work(p, false);
	r = atomic_load(&s->error);
	if (r < 0) {
		const char *name = p->files[atomic_load(&s->file)].name;

		return r == -ESTALE
			       ? err_set(e, ERR_INPUT, EBADMSG,
					 "the image \"%.100s\" was changed: it has not the size "
					 "that it had",
					 name)
			       : err_sys(e, r, "read the image \"%.100s\"", name);
	}
	if (atomic_load(&s->n_made) != p->n_pieces)
		return err_set(e, ERR_KERNEL, EIO, "the digests of images were cut off");
	struct ckpt_blake *at = s->pieces;

	for (size_t i = 0; i < p->n_files; i++) {
		ckpt_blake_join(at, pieces_of(p->files[i].size), p->files[i].digest);
		at += pieces_of(p->files[i].size);
	}
	ckpt_proof_done(p);
	return 0;
}
