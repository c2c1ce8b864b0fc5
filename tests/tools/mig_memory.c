/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mig_memory DIR rr... PROGRAM [ARG...]: live migration of memory, both ends on one machine, with
 * the real criu: starts PROGRAM in a session of its own (its standard error is DIR/told), waits
 * until it has written to DIR/log, sends its memory in rounds, one per r, while it runs, has criu
 * dump it with its pages through mig_ps, mig_memory, a link and mig_store into DIR/images, and then
 * restores it with `criu restore`, as it is or, with LAZY=1 in the environment, with its pages
 * coming later from DIR/images. Prints a JSON line a round, and the pid. For
 * tests/bats/mig_memory.bats.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/proc.h"
#include "checkpoint/internal.h"
#include "checkpoint/mig_memory.h"
#include "checkpoint/mig_store.h"

#define ANSWER_MS 20000

static const char *criu = "/usr/sbin/criu";

static void fail(const struct err *e, const char *what)
{
	fprintf(stderr, "mig_memory: %s: %s\n", what, e ? e->text : strerror(errno));
	exit(1);
}

static int make_dir(const char *path)
{
	int fd = -1;

	if (mkdir(path, 0700) < 0 || (fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		fail(NULL, path);
	return fd;
}

static pid_t start(char **argv, const char *told)
{
	int ready[2];
	char c;

	if (pipe2(ready, O_CLOEXEC) < 0)
		fail(NULL, "pipe");
	pid_t pid = fork();

	if (pid == 0) {
		int null_fd = open("/dev/null", O_RDWR);
		int told_fd = open(told, O_WRONLY | O_CREAT | O_APPEND, 0600);

		/* System V segments are dumped with a namespace of their own. */
		if (unshare(CLONE_NEWIPC) < 0)
			_exit(127);
		setsid();
		for (int i = 0; i < 3; i++)
			dup2(i < 2 ? null_fd : told_fd, i);
		close(null_fd);
		close(told_fd);
		execv(argv[0], argv);
		_exit(127);
	}
	/* Closed by the exec. */
	close(ready[1]);
	if (pid < 0 || read(ready[0], &c, 1) != 0)
		fail(NULL, "start the program");
	close(ready[0]);
	return pid;
}

/* The destination. */
static int receive(int fd, int images_fd)
{
	struct mig_store s = MIG_STORE_NONE;
	struct err e = ERR_INIT;
	struct mig_frame f;
	struct mig_link l;
	uint64_t t;
	int r;

	mig_link_open(&l, fd, fd, "the source");
	r = mig_store_open(&s, images_fd, &e);
	while (r == 0 && (r = mig_link_hear(&l, ANSWER_MS, &f, &e)) == 0 && f.type != MIG_FINAL_END)
		r = f.type == MIG_ROUND_END ? mig_link_say(&l, MIG_ROUND_TAKEN, 0, NULL, 0, &e)
					    : mig_store_take(&s, &f, &e);
	t = proc_now_usec();
	if (r == 0)
		r = mig_store_write(&s, false, &e);
	if (r < 0)
		fail(&e, "destination");
	printf("{\"write_usec\":%llu}\n", (unsigned long long)(proc_now_usec() - t));
	mig_store_done(&s);
	mig_link_done(&l);
	return 0;
}

static void print_count(const char *what, const struct mig_memory_count *c)
{
	printf("{\"%s\":true,\"processes\":%u,\"pages\":%llu,\"dirty\":%llu,\"sent\":%llu,"
	       "\"zero\":%llu,\"ref\":%llu,\"hot\":%llu,\"bytes\":%llu,\"usec\":%llu}\n",
	       what, c->processes, (unsigned long long)c->pages, (unsigned long long)c->dirty,
	       (unsigned long long)c->sent, (unsigned long long)c->zero, (unsigned long long)c->ref,
	       (unsigned long long)c->hot, (unsigned long long)c->bytes,
	       (unsigned long long)c->usec);
	fflush(stdout);
}

static int serve(void *ctx, struct err *e)
{
	return mig_ps_serve(ctx, e);
}

static void dump(struct mig_memory *m, struct mig_link *l, pid_t pid, int images_fd)
{
	struct mig_ps_by by = mig_memory_final(m, l);
	struct mig_ps ps = MIG_PS_NONE;
	struct ckpt_criu c = CKPT_CRIU_NONE;
	struct ckpt_criu_answer answer = {.fd = FD_NONE};
	struct ckpt_request q = {0};
	struct ckpt_common common = {.file_locks = true};
	struct arena a = {0};
	struct err e = ERR_INIT;
	uint64_t t;

	if (mig_ps_open(&ps, &by, &e) < 0)
		fail(&e, "page server");
	struct ckpt_criu_seat seat = {.cgroup_fd = FD_NONE, .fds = &ps.its_fd, .n_fds = 1};
	struct ckpt_criu_aside aside = {ps.fd, serve, &ps};

	if (ckpt_criu_start(criu, &seat, &c, &e) < 0)
		fail(&e, "criu");
	c.aside = &aside;
	ckpt_request_begin(&q, "dump");
	ckpt_request_dirs(&q, images_fd, images_fd);
	ckpt_request_number(&q, CKPT_F_PID, (uint64_t)pid, "--tree");
	ckpt_request_common(&q, &common, "dump.log");
	ckpt_request_pages(&q, ps.its_fd);
	ckpt_request_end(&q);
	auto_fd_done(&ps.its_fd);
	t = proc_now_usec();
	if (ckpt_criu_ask(&c, CKPT_CRIU_DUMP, &q.more, &e) < 0)
		fail(&e, "ask criu");
	for (;;) {
		if (ckpt_criu_hear(&c, FD_NONE, ANSWER_MS, &a, &answer, &e) < 0)
			fail(&e, "dump");
		if (answer.type != CKPT_CRIU_NOTIFY)
			break;
		if (ckpt_criu_allow(&c, true, &e) < 0)
			fail(&e, "dump");
	}
	if (!answer.is_success || !ps.is_closed) {
		err_set(&e, ERR_KERNEL, EIO, "%s", answer.errmsg ? answer.errmsg : "not closed");
		fail(&e, "dump");
	}
	printf("{\"dump_usec\":%llu}\n", (unsigned long long)(proc_now_usec() - t));
	print_count("final", &m->count);
	ckpt_criu_done(&c);
	mig_ps_done(&ps);
	ckpt_request_done(&q);
	arena_done(&a);
}

static void run(char **argv)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execv(argv[0], argv);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) != pid || status != 0)
		fail(NULL, "criu restore");
}

/* The program is at work once it has written there. */
static void wait_for_log(const char *dir)
{
	uint64_t end = proc_now_usec() + ANSWER_MS * 1000ull;
	char path[4096];
	struct stat st;

	snprintf(path, sizeof(path), "%s/log", dir);
	while (stat(path, &st) < 0 || st.st_size == 0) {
		if (proc_now_usec() > end)
			fail(NULL, path);
		usleep(1000);
	}
}

int main(int argc, char **argv)
{
	char images[4096], told[4096];
	struct mig_memory m;
	struct mig_link l;
	struct mig_frame f;
	struct err e = ERR_INIT;
	int pair[2], status;

	if (argc < 4)
		return 2;
	snprintf(images, sizeof(images), "%s/images", argv[1]);
	snprintf(told, sizeof(told), "%s/told", argv[1]);
	int images_fd = make_dir(images);
	pid_t pid = start(argv + 3, told);

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		fail(NULL, "socket");
	pid_t far = fork();

	if (far == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(pair[0]);
		exit(receive(pair[1], images_fd));
	}
	close(pair[1]);
	mig_link_open(&l, pair[0], pair[0], "the destination");
	l.silence_ms = ANSWER_MS;
	wait_for_log(argv[1]);
	if (mig_memory_open_pids(&m, &pid, 1, &e) < 0)
		fail(&e, "memory");
	for (const char *s = argv[2]; *s == 'r'; s++) {
		/* A while of its own in between: it is to write. */
		usleep(100000);
		if (mig_memory_round(&m, &l, &e) < 0 ||
		    mig_link_say(&l, MIG_ROUND_END, 0, NULL, 0, &e) < 0 ||
		    mig_link_expect(&l, MIG_ROUND_TAKEN, ANSWER_MS, &f, &e) < 0)
			fail(&e, "round");
		print_count("round", &m.count);
	}
	dump(&m, &l, pid, images_fd);
	if (mig_link_say(&l, MIG_FINAL_END, 0, NULL, 0, &e) < 0)
		fail(&e, "end");
	mig_memory_done(&m);
	if (ckpt_patch_files(images_fd, &e) < 0)
		fail(&e, "images");
	if (waitpid(far, &status, 0) != far || status != 0)
		fail(NULL, "the destination failed");
	mig_link_done(&l);
	/* criu has ended it: its pid is free. */
	if (waitpid(pid, &status, 0) != pid)
		fail(NULL, "the program is there yet");
	const char *lazy = getenv("LAZY");
	char *restore[] = {(char *)criu,
			   (char *)"restore",
			   (char *)"-D",
			   images,
			   (char *)"-d",
			   (char *)"-o",
			   (char *)"restore.log",
			   (char *)"--file-locks",
			   (char *)"--manage-cgroups=ignore",
			   (char *)"-v4",
			   NULL,
			   NULL};

	if (lazy) {
		char *serve_argv[] = {
			(char *)criu, (char *)"lazy-pages", (char *)"-D",  images, (char *)"-d",
			(char *)"-o", (char *)"lazy.log",   (char *)"-v4", NULL};

		run(serve_argv);
		restore[10] = (char *)"--lazy-pages";
	}
	uint64_t t = proc_now_usec();

	run(restore);
	printf("{\"restore_usec\":%llu}\n{\"pid\":%d}\n", (unsigned long long)(proc_now_usec() - t),
	       (int)pid);
	return 0;
}
