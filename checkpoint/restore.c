/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/restore: the verb restore: proves the images (their memory while criu is at work, and
 * before anything of it runs), lets life make everything around the
 * processes (runtime/life/restore.c), has criu make these in the container's cgroup with every
 * outside thing taken from config.json, and audits them while they are held still. Called by
 * runtime/cli.
 */
#include "checkpoint/internal.h"
#include "checkpoint/lazy.h"
#include "checkpoint/mig_fault.h"
#include "checkpoint/watchdog.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/log.h"
#include "base/proc.h"
#include "base/sys.h"
#include "base/ban.h"

#define LOG_NAME  "restore.log"
#define N_FDS	  5 /* three streams, /dev/null, the network namespace */
#define TICK_MS	  500
#define KEEP_MAX  4
#define FREEZE_MS 10000
#define GONE_MS	  1000
/* Bytes of memory from which on the processes do not wait for it. */
#define LAZY_MIN (32u << 20)

struct restore {
	const struct ckpt_restore_args *a;
	const struct ckpt_restore_by *by; /* NULL: for a user */
	struct arena arena;
	struct ckpt_criu_info info;
	struct ckpt_meta *meta;
	struct ckpt_image_proof proof;
	struct ckpt_criu criu;
	struct ckpt_watchdog dog;
	struct ckpt_lazy lazy;
	bool is_lazy;
	struct cg doomed; /* borrowed from the revival: what the watchdog ends */
	struct ckpt_request req;
	const char *image_path, *work_path;
	pid_t pid;	       /* of the first process, once it is restored */
	int image_fd, work_fd; /* owned */
	int inner_fd;	       /* owned: the images as criu opens them, when that is another way */
	int stream_fd[3], null_fd; /* owned: what the container's streams become */
};
#define RESTORE_INIT                                                                               \
	{                                                                                          \
		.proof = CKPT_IMAGE_PROOF_NONE, .criu = CKPT_CRIU_NONE, .dog = CKPT_WATCHDOG_NONE, \
		.image_fd = FD_NONE, .work_fd = FD_NONE, .inner_fd = FD_NONE,                      \
		.stream_fd = {FD_NONE, FD_NONE, FD_NONE}, .null_fd = FD_NONE                       \
	}

static void restore_done(struct restore *s)
{
	ckpt_watchdog_done(&s->dog);
	ckpt_criu_done(&s->criu);
	ckpt_lazy_done(&s->lazy);
	ckpt_image_proof_done(&s->proof);
	ckpt_request_done(&s->req);
	auto_fd_done(&s->image_fd);
	auto_fd_done(&s->work_fd);
	auto_fd_done(&s->inner_fd);
	for (int i = 0; i < 3; i++)
		auto_fd_done(&s->stream_fd[i]);
	auto_fd_done(&s->null_fd);
	arena_done(&s->arena);
}

/* ---- before anything is made ---- */

static const char *const stream_names[] = {"input", "output", "error"};

static int check_streams(struct restore *s, struct err *e)
{
	const struct ckpt_meta *m = s->meta;

	if (m->streams.n != 3)
		return err_set(e, ERR_INPUT, EBADMSG, CKPT_META ": there are not three streams");
	s->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (s->null_fd < 0)
		return err_sys(e, errno, "open \"/dev/null\"");
	for (int i = 0; i < 3; i++) {
		struct stat st;

		s->stream_fd[i] = fcntl(s->by ? s->by->stream_fds[i] : i, F_DUPFD_CLOEXEC, 3);
		if (s->stream_fd[i] < 0 || fstat(s->stream_fd[i], &st) < 0)
			return err_sys(e, errno, "standard %s", stream_names[i]);
		if (m->streams.v[i].kind.v == CKPT_STREAM_FILE && !S_ISREG(st.st_mode))
			return err_set(e, ERR_INPUT, EINVAL,
				       "its standard %s was the file \"%.200s\": give restore this "
				       "file as its own standard %s",
				       stream_names[i], m->streams.v[i].target, stream_names[i]);
	}
	return 0;
}

static int check_mounts(const struct restore *s, struct life_revival *r, struct err *e)
{
	const struct ckpt_mount_vec *v = &s->meta->mounts;

	for (size_t i = 0; i < v->n; i++)
		if (!life_revival_source(r, v->v[i].from, v->v[i].below ? v->v[i].below : ""))
			return err_set(e, ERR_INPUT, EINVAL,
				       "the images want a mount of the host at \"%.200s\", and "
				       "config.json has none there",
				       v->v[i].path);
	return 0;
}

/* What the images say of the container, against its config. */
static int check_meta(struct restore *s, struct life_revival *r, struct err *e)
{
	int n = ckpt_fits_config(s->meta, life_revival_config(r), e);

	if (n == 0)
		n = check_streams(s, e);
	return n == 0 ? check_mounts(s, r, e) : n;
}

static int check(void *ctx, struct life_revival *r, const struct spec_resources **ret_limits,
		 struct err *e)
{
	struct restore *s = ctx;

	*ret_limits = s->by ? s->by->limits : s->meta->resources;
	/* The images of a migration are not there yet: make() looks. */
	return s->by ? 0 : check_meta(s, r, e);
}

/* ---- the request ---- */

static void add_streams(struct restore *s)
{
	const struct ckpt_stream_vec *v = &s->meta->streams;

	for (size_t i = 0; i < v->n; i++) {
		bool is_known = !v->v[i].key || v->v[i].kind.v == CKPT_STREAM_INSIDE;

		/* Two that were one are one again. */
		for (size_t k = 0; k < i && !is_known; k++)
			is_known = v->v[k].key && str_eq(v->v[k].key, v->v[i].key);
		if (is_known)
			continue;
		ckpt_request_inherit(
			&s->req, v->v[i].kind.v == CKPT_STREAM_NULL ? s->null_fd : s->stream_fd[i],
			v->v[i].key);
	}
}

static void make_request(struct restore *s, struct life_revival *r)
{
	struct ckpt_request *q = &s->req;
	const struct ckpt_mount_vec *v = &s->meta->mounts;

	ckpt_request_begin(q, "restore");
	ckpt_request_dirs(q, s->inner_fd >= 0 ? s->inner_fd : s->image_fd, s->work_fd);
	ckpt_request_text(q, CKPT_F_ROOT, life_revival_root(r), "--root");
	ckpt_request_flag(q, CKPT_F_RST_SIBLING, true, "--restore-sibling");
	ckpt_request_common(q, &s->a->common, LOG_NAME);
	ckpt_request_flag(q, CKPT_F_LAZY_PAGES, s->is_lazy, "--lazy-pages");
	if (ckpt_userns_makes_net(life_revival_config(r)))
		ckpt_request_number(q, CKPT_F_EMPTY_NS, CLONE_NEWNET, "--empty-ns net");
	else if (life_revival_net_fd(r) >= 0 && !ckpt_userns_is_in_net(life_revival_config(r)))
		ckpt_request_inherit(q, life_revival_net_fd(r), CKPT_NET_KEY);
	for (size_t i = 0; i < v->n; i++)
		ckpt_request_text(
			q, CKPT_F_EXTERNAL,
			arena_printf(&s->arena, "mnt[%s]:%s", v->v[i].key,
				     life_revival_source(r, v->v[i].from,
							 v->v[i].below ? v->v[i].below : "")),
			"--external");
	add_streams(s);
	if (s->a->lsm_profile)
		ckpt_request_text(q, CKPT_F_LSM_PROFILE, s->a->lsm_profile, "--lsm-profile");
	if (s->a->lsm_mount_context)
		ckpt_request_text(q, CKPT_F_LSM_MOUNT_CONTEXT, s->a->lsm_mount_context,
				  "--lsm-mount-context");
	ckpt_request_end(q);
}

/* ---- the talk ---- */

static int fail(struct restore *s, const char *errmsg, struct err *e)
{
	return ckpt_words_fail("restore", s->work_fd, s->work_path, LOG_NAME, errmsg, e);
}

static void bite(void *ctx)
{
	struct restore *s = ctx;

	if (s->by && s->by->may_run(s->by->ctx))
		ckpt_watchdog_thaw(&s->doomed);
	else
		ckpt_watchdog_kill(&s->doomed);
}

/*
 * Up to this stage criu whose client is gone ends what it has made. After it, it would let the
 * processes run whatever it hears, and they are not audited before: so from here on it must not see
 * our end (the watchdog has a copy of the connection) but meet its own. The watchdog sits among
 * them, where nothing that ends us and those around us ends it; in a migration they are frozen, and
 * it has to sit where we do.
 */
static int guard(struct restore *s, struct life_revival *r, struct err *e)
{
	s->doomed = *life_revival_cgroup(r);
	int keep[3 + KEEP_MAX] = {s->criu.fd, s->doomed.dir_fd, life_revival_dir_fd(r)};
	struct ckpt_watchdog_job job = {.keep = keep,
					.n_keep = 3,
					.cgroup_fd = s->by ? FD_NONE : cg_into(&s->doomed),
					.max_ms = -1,
					.fire = bite,
					.ctx = s};

	for (size_t i = 0; s->by && i < s->by->n_keep && i < KEEP_MAX; i++)
		keep[job.n_keep++] = s->by->keep[i];

	return s->dog.pidfd >= 0 ? 0 : ckpt_watchdog_start(&job, &s->dog, e);
}

/* What we do in one of criu's stages. */
static int stage(struct restore *s, struct life_revival *r, struct ckpt_criu_answer *answer,
		 struct err *e)
{
	if (answer->script && str_eq(answer->script, "setup-namespaces"))
		return life_revival_hooks(r, answer->pid, e);
	if (answer->script && str_eq(answer->script, "orphan-pts-master") && answer->fd >= 0)
		return life_revival_console(r, fd_take(&answer->fd), e);
	if (answer->script && str_eq(answer->script, "post-restore"))
		return guard(s, r, e);
	return 0;
}

/* Return: -EPIPE when criu has ended; of errors on our side -ECANCELED, whatever their code. */
static int hear(struct restore *s, struct life_revival *r, struct ckpt_criu_answer *ret,
		struct err *e)
{
	for (;;) {
		int n = ckpt_criu_hear(&s->criu, life_revival_abort_fd(r), s->by ? TICK_MS : -1,
				       &s->arena, ret, e);

		if (n != -ETIMEDOUT || !s->by)
			return n;
		err_clear(e);
		if (s->by->tick(s->by->ctx, e) < 0)
			return -ECANCELED;
	}
}

/*
 * Goes on until criu has said `until` (NULL: until its answer), which is not allowed yet. A stage
 * that fails on our side makes criu end what it has made, and is the error.
 */
static int talk(struct restore *s, struct life_revival *r, const char *until, pid_t *ret_pid,
		struct err *e)
{
	struct err mine = ERR_INIT;

	for (;;) {
		struct ckpt_criu_answer answer = {.fd = FD_NONE};
		int n = hear(s, r, &answer, e);

		if (n < 0)
			return n == -EPIPE ? fail(s, NULL, e) : n;
		if (answer.type != CKPT_CRIU_NOTIFY) {
			auto_fd_done(&answer.fd);
			if (mine.code) {
				*e = mine;
				return -e->code;
			}
			if (!answer.is_success)
				return fail(s, answer.errmsg, e);
			return until ? err_set(e, ERR_KERNEL, EPROTO,
					       "criu restored without the stage \"%s\"", until)
				     : 0;
		}
		/* Not every stage names it. */
		if (answer.pid > 0 && ret_pid)
			*ret_pid = answer.pid;
		if (until && answer.script && str_eq(answer.script, until) && !mine.code) {
			auto_fd_done(&answer.fd);
			return 0;
		}
		bool is_right = !mine.code && stage(s, r, &answer, &mine) == 0;

		auto_fd_done(&answer.fd);
		n = ckpt_criu_allow(&s->criu, is_right, e);
		if (n < 0)
			return n;
	}
}

/* The last stage before the processes go on, with all their rights in place. */
#define HELD "pre-resume"

struct entry {
	const struct restore *s;
	struct life_revival *r;
};

/* criu makes folders in /tmp and nowhere else; killed, it leaves them. So its /tmp is its own, but
 * for who has his state or his criu there. */
static int enter(void *ctx, struct err *e)
{
	static const char tmp[] = "/tmp/";
	const struct entry *x = ctx;
	const struct spec_config *conf = life_revival_config(x->r);
	int r = life_revival_enter(x->r, e);

	if (r == 0 && ckpt_userns_is_in_net(conf) &&
	    setns(life_revival_net_fd(x->r), CLONE_NEWNET) < 0)
		return err_sys(e, errno, "join the network namespace");

	if (r < 0 || str_starts(x->s->info.path, tmp) || str_starts(life_revival_root(x->r), tmp))
		return r;
	/* With a user namespace its root makes them. */
	if (mount("stiva", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=1777") < 0)
		log_debug("cover /tmp: %s", err_words(errno));
	return 0;
}

/* The images of a migration come now, and what they say is looked at only then. */
static int fill(struct restore *s, struct life_revival *r, struct err *e)
{
	int n = s->by->fill(s->by->ctx, r, e);

	if (n == 0)
		n = ckpt_image_meta(s->image_fd, &s->info, &s->arena, &s->meta, e);
	return n == 0 ? check_meta(s, r, e) : n;
}

static bool is_much(struct restore *s, int seat_fd)
{
	uint64_t size;

	return seat_fd >= 0 && !s->a->common.lazy_pages &&
	       ckpt_image_memory(s->image_fd, &size) == 0 && size >= LAZY_MIN &&
	       ckpt_lazy_is_possible();
}

/* In a process of its own. */
static int serve_images(void *ctx, int work_fd, int keeper_fd)
{
	struct restore *s = ctx;
	const struct mig_fault_source from = {&s->image_fd, ckpt_lazy_image};

	return mig_fault_serve(&from, work_fd, keeper_fd);
}

/* Of much memory; where it cannot be done, criu restores it all itself. */
static int start_lazy(struct restore *s, struct life_revival *r, int seat_fd, struct err *e)
{
	struct ckpt_lazy_job job = {.work_fd = s->work_fd,
				    .cg = life_revival_cgroup(r),
				    .cgroup_fd = seat_fd,
				    .serve = serve_images,
				    .ctx = s,
				    .keep_fd = s->image_fd};
	struct err why = ERR_INIT;

	/* Its root has no right to userfaultfd(2). */
	if (spec_ns(life_revival_config(r), SPEC_NS_USER))
		return 0;
	if (s->by ? !s->by->is_lazy(s->by->ctx) : !is_much(s, seat_fd))
		return 0;
	if (s->by) {
		job.serve = s->by->serve;
		job.ctx = s->by->ctx;
		job.keep_fd = s->by->serve_fd;
	}
	int n = ckpt_lazy_start(&job, &s->lazy, &why);

	s->is_lazy = n == 0;
	if (n < 0 && s->by)
		*e = why;
	else if (n < 0)
		log_debug("%s", why.text);
	return -e->code;
}

static int wait_lazy(struct restore *s, struct err *e)
{
	struct err why = ERR_INIT;

	if (!s->is_lazy || ckpt_lazy_ready(&s->lazy, &why) == 0)
		return 0;
	s->is_lazy = false;
	ckpt_lazy_done(&s->lazy);
	/* What is in no image cannot be restored otherwise. */
	if (s->by)
		*e = why;
	else
		log_debug("%s", why.text);
	return -e->code;
}

/* The memory that criu has restored is that of the manifest. When criu failed (n), that it is not
 * may be why, and is then what is said. */
static int prove(struct restore *s, struct life_revival *r, int n, struct err *e)
{
	struct err why = ERR_INIT;
	int abort_fd = life_revival_abort_fd(r);

	if (s->by)
		return n;
	if (n == 0)
		return ckpt_image_prove(&s->proof, abort_fd, s->image_path, e);
	if (e->code == EINTR || ckpt_image_prove(&s->proof, abort_fd, s->image_path, &why) == 0)
		return n;
	if (why.code != EINTR)
		*e = why;
	return -e->code;
}

static int make(void *ctx, struct life_revival *r, int seat_fd, pid_t *ret_pid, struct err *e)
{
	struct restore *s = ctx;
	int fds[N_FDS], net_fd = life_revival_net_fd(r);
	struct entry entry = {s, r};
	struct ckpt_criu_seat seat = {
		.cgroup_fd = seat_fd, .fds = fds, .prepare = enter, .ctx = &entry};
	int n = s->by ? fill(s, r, e) : 0;

	if (n == 0)
		n = ckpt_userns_images(life_revival_config(r), s->image_fd, s->by, &s->inner_fd, e);
	for (int i = 0; n == 0 && i < 3; i++)
		n = ckpt_userns_stream(life_revival_config(r), &s->stream_fd[i], e);
	for (int i = 0; i < 3; i++)
		fds[seat.n_fds++] = s->stream_fd[i];
	fds[seat.n_fds++] = s->null_fd;
	if (net_fd >= 0)
		fds[seat.n_fds++] = net_fd;
	if (n == 0)
		n = start_lazy(s, r, seat_fd, e);
	if (n == 0)
		n = ckpt_criu_start(s->info.path, &seat, &s->criu, e);
	if (n == 0)
		n = wait_lazy(s, e);
	if (n == 0) {
		make_request(s, r);
		n = ckpt_criu_ask(&s->criu, CKPT_CRIU_RESTORE, &s->req.more, e);
	}
	if (n == 0)
		n = talk(s, r, HELD, ret_pid, e);
	if (n == 0 && s->dog.pidfd < 0)
		n = err_set(e, ERR_KERNEL, EPROTO, "criu restored without its last stage but one");
	if (n == 0 && *ret_pid <= 0)
		n = err_set(e, ERR_KERNEL, EPROTO, "criu does not name the restored process");
	s->pid = *ret_pid;
	if (n == 0)
		n = ckpt_audit(life_revival_config(r), life_revival_cgroup(r), *ret_pid, net_fd, e);
	if (n == 0 && s->is_lazy)
		n = ckpt_lazy_hold(&s->lazy, *ret_pid, e);
	return prove(s, r, n, e);
}

/* Whose it is, is found out while their cgroup is frozen as well: criu that is killed lets go of
 * them. */
static int hold(struct restore *s, const struct cg *cg, struct err *e)
{
	struct err ignored = ERR_INIT;
	int n = cg_freeze(cg, true, FREEZE_MS, e);

	if (n == 0)
		n = s->by->held(s->by->ctx, s->pid, s->criu.pidfd, e);
	/* Never thawed, not even to end. */
	if (n < 0)
		(void)!cg_kill(cg, &ignored);
	return n == 0 ? cg_freeze(cg, false, FREEZE_MS, e) : n;
}

/* Killed when everything was restored and nothing held them any more, criu has let go of them. */
static bool has_let_go(const struct restore *s)
{
	AUTO_FD pidfd = sys_pidfd_open(s->pid, 0);

	return s->by && proc_wait_gone(s->criu.pidfd, GONE_MS) == 0 && pidfd >= 0 &&
	       proc_wait_gone(pidfd, 0) != 0;
}

static int release(void *ctx, struct life_revival *r, struct err *e)
{
	struct restore *s = ctx;
	int n = s->by ? hold(s, life_revival_cgroup(r), e) : 0;

	if (n < 0)
		return n;
	/* They are audited, and the record is there: from here on they may run without us. */
	ckpt_lazy_let_go(&s->lazy);
	ckpt_watchdog_done(&s->dog);
	n = ckpt_criu_allow(&s->criu, true, e);

	if (n == 0)
		n = talk(s, r, NULL, NULL, e);
	if (n < 0 && has_let_go(s)) {
		log_info("criu was killed when it let the container go, which runs");
		err_clear(e);
		n = 0;
	}
	/* It sits in the container's cgroup, and holds the container's streams. */
	ckpt_criu_done(&s->criu);
	for (int i = 0; i < 3; i++)
		auto_fd_done(&s->stream_fd[i]);
	return n;
}

/* ---- the verb ---- */

static int open_images(struct restore *s, struct err *e)
{
	const struct ckpt_common *c = &s->a->common;

	if (!s->by) {
		s->image_path = c->image_path ? c->image_path : "checkpoint";
		s->work_path = c->work_path ? c->work_path : s->image_path;
		return ckpt_image_open(s->image_path, false, &s->image_fd, e);
	}
	s->work_path = s->by->work_path;
	s->image_fd = fcntl(s->by->image_fd, F_DUPFD_CLOEXEC, 3);
	s->work_fd = fcntl(s->by->work_fd, F_DUPFD_CLOEXEC, 3);
	return s->image_fd < 0 || s->work_fd < 0 ? err_sys(e, errno, "duplicate a descriptor") : 0;
}

static int prepare(struct restore *s, const struct life_host *h, struct err *e)
{
	int r = open_images(s, e);

	if (r == 0)
		r = ckpt_criu_find(h->criu, &s->info, e);
	if (r < 0 || s->by)
		return r;
	r = ckpt_image_read(s->image_fd, s->image_path, &s->info, &s->arena, &s->meta, &s->proof,
			    e);
	return r == 0 ? ckpt_image_open(s->work_path, true, &s->work_fd, e) : r;
}

static int run(struct restore *s, const struct life_host *h, int *ret_status, struct err *e)
{
	const struct ckpt_restore_args *a = s->a;
	struct life_reviver by = {s, check, make, release, NULL};
	int r = ckpt_args_check(&a->common, e);

	*ret_status = 0;
	if (r == 0 && a->lsm_profile)
		r = ckpt_args_lsm(a->lsm_profile, e);
	if (r == 0)
		r = ckpt_args_restore(&a->common, e);
	if (r == 0 && life_is_rootless(h))
		r = err_set(e, ERR_MISSING, EPERM,
			    "restoring takes root of the host: CRIU cannot do it for a user");
	if (r == 0)
		r = prepare(s, h, e);
	/* criu's own is covered anyway, if criu is not there. */
	by.place = str_starts(s->info.path, "/tmp/") ? "/mnt" : "/tmp";
	return r == 0 ? life_restore(h, &a->life, &by, ret_status, e) : r;
}

int ckpt_restore(const struct life_host *h, const struct ckpt_restore_args *a, int *ret_status,
		 struct err *e)
{
	struct restore s = RESTORE_INIT;

	s.a = a;
	int r = run(&s, h, ret_status, e);

	restore_done(&s);
	return r;
}

int ckpt_restore_for(const struct life_host *h, const struct ckpt_restore_args *a,
		     const struct ckpt_restore_by *by, struct err *e)
{
	struct restore s = RESTORE_INIT;
	int status;

	s.a = a;
	s.by = by;
	int r = run(&s, h, &status, e);

	restore_done(&s);
	return r;
}
