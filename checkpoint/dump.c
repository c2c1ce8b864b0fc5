/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/dump: the verb checkpoint: holds the container still by its own cgroup, lets criu
 * write it with everything outside named, writes our files beside the images while criu still holds
 * the processes, and only then ends the container (migration.md 0.3, 6.2). Whatever fails before
 * that leaves it as it was. Called by runtime/cli.
 */
#include "checkpoint/internal.h"
#include "checkpoint/lazy.h"
#include "checkpoint/watchdog.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/log.h"
#include "base/proc.h"
#include "base/ban.h"

#define LOG_NAME  "dump.log"
#define FREEZE_MS 10000
#define TICK_MS	  500
#define SETTLE_MS 60000

struct dump {
	const struct ckpt_dump_args *a;
	const struct ckpt_dump_by *by; /* NULL: for a user */
	struct arena arena;
	struct ckpt_criu_info info;
	struct life_held held;
	struct ckpt_meta meta;
	struct ckpt_memory memory; /* where it goes */
	struct ckpt_server server;
	struct ckpt_criu criu;
	struct ckpt_watchdog dog;
	struct ckpt_request req;
	const char *image_path, *work_path;
	int image_fd, work_fd; /* owned */
	bool is_written;       /* the images are complete */
	bool may_have_ended;   /* then they may be all there is of the container */
};
#define DUMP_INIT                                                                                  \
	{                                                                                          \
		.held = LIFE_HELD_INIT, .criu = CKPT_CRIU_NONE, .dog = CKPT_WATCHDOG_NONE,         \
		.image_fd = FD_NONE, .work_fd = FD_NONE                                            \
	}

static void dump_done(struct dump *d)
{
	/* While the lock that it shares is ours. */
	ckpt_watchdog_done(&d->dog);
	ckpt_criu_done(&d->criu);
	ckpt_request_done(&d->req);
	life_held_done(&d->held);
	auto_fd_done(&d->image_fd);
	auto_fd_done(&d->work_fd);
	arena_done(&d->arena);
}

/* ---- what cannot be written, before anything is held ---- */

static int refuse_joined(const struct spec_config *conf, struct err *e)
{
	const struct spec_namespace_vec *v = &conf->linux_->namespaces;

	for (size_t i = 0; i < v->n; i++)
		if (v->v[i].path && v->v[i].type.v != SPEC_NS_NETWORK)
			return err_set(e, ERR_MISSING, ENOTSUP,
				       "linux.namespaces[%zu]: a joined %s namespace cannot be "
				       "checkpointed by this version",
				       i, word_text(&spec_words_ns, v->v[i].type.v));
	if (!spec_ns(conf, SPEC_NS_PID))
		return err_set(e, ERR_MISSING, ENOTSUP,
			       "without a pid namespace of its own a container cannot be "
			       "checkpointed");
	return 0;
}

static int refuse(const struct life_held *x, struct err *e)
{
	const struct spec_linux *l = x->conf->linux_;

	if (l->net_devices.n)
		return err_set(e, ERR_MISSING, ENOTSUP,
			       "linux.netDevices: devices of the host cannot be checkpointed");
	if (l->intel_rdt)
		return err_set(e, ERR_MISSING, ENOTSUP,
			       "linux.intelRdt: checkpointing with it is not built into this "
			       "version");
	if (l->seccomp && l->seccomp->listener_path)
		return err_set(
			e, ERR_MISSING, ENOTSUP,
			"linux.seccomp.listenerPath: a seccomp agent cannot be checkpointed");
	int r = ckpt_userns_check(x->conf, e);

	if (r == 0)
		r = refuse_joined(x->conf, e);
	return r == 0 ? ckpt_userns_below(x, e) : r;
}

/* Memory that has not come since the last restore would be missing. Paused, it does not come. */
static int settle(struct dump *d, struct err *e)
{
	return ckpt_lazy_settle(&d->held.cg, d->held.status == SPEC_PAUSED ? 0 : SETTLE_MS,
				d->held.abort_fd, e);
}

/* What is in the way is named before anything is held still; all of it, when out is given. */
static int refuse_blockers(struct dump *d, struct buf *out, struct err *e)
{
	AUTO(ckpt_blockers) b = {.arena = &d->arena};
	int r = ckpt_preflight(&d->held, &d->a->common, &b, e);

	if (r < 0 || b.n == 0)
		return r;
	if (out)
		buf_add(out, b.all.data, b.all.len);
	if (out || b.n > 1)
		return err_set(e, ERR_STATE, EBUSY, "%s%s%zu thing%s in the way%s",
			       out ? "" : b.first, out ? "" : ", and ", out ? b.n : b.n - 1,
			       (out ? b.n : b.n - 1) > 1 ? "s are" : " is",
			       out ? "" : " besides (checkpoint --check names them)");
	return err_set(e, ERR_STATE, EBUSY, "%s", b.first);
}

/* ---- the request ---- */

static const char *at_path(struct dump *d, int fd)
{
	return arena_printf(&d->arena, "/proc/%d/fd/%d", (int)getpid(), fd);
}

static int add_net(struct dump *d, struct err *e)
{
	struct stat st;
	char path[64];

	if (!spec_ns(d->held.conf, SPEC_NS_NETWORK))
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)d->held.pid);
	if (stat(path, &st) < 0)
		return err_sys(e, errno, "\"%s\"", path);
	d->meta.has_net = (struct opt_bool){true, true};
	if (ckpt_userns_is_in_net(d->held.conf))
		return 0;
	if (ckpt_userns_makes_net(d->held.conf)) {
		ckpt_request_number(&d->req, CKPT_F_EMPTY_NS, CLONE_NEWNET, "--empty-ns net");
		return 0;
	}
	ckpt_request_text(
		&d->req, CKPT_F_EXTERNAL,
		arena_printf(&d->arena, "net[%llu]:" CKPT_NET_KEY, (unsigned long long)st.st_ino),
		"--external");
	return 0;
}

/* Connections and links that criu has put aside would be lost with the processes if it let them go
 * on first: then it must end them itself, at the very end. */
static bool criu_ends_it(const struct dump *d)
{
	return !d->a->leave_running && (d->a->common.tcp_established || d->a->common.link_remap);
}

static int make_request(struct dump *d, struct err *e)
{
	struct ckpt_request *q = &d->req;
	const struct ckpt_meta *m = &d->meta;

	ckpt_request_begin(q, "dump");
	ckpt_request_dirs(q, d->image_fd, d->work_fd);
	ckpt_request_text(q, CKPT_F_ROOT, d->held.rootfs, "--root");
	ckpt_request_number(q, CKPT_F_PID, (uint64_t)d->held.pid, "--tree");
	ckpt_request_flag(q, CKPT_F_LEAVE_RUNNING, !criu_ends_it(d), "--leave-running");
	ckpt_request_text(q, CKPT_F_FREEZE_CGROUP, at_path(d, d->held.cg.dir_fd),
			  "--freeze-cgroup");
	ckpt_request_flag(q, CKPT_F_FORCE_IRMAP, true, "--force-irmap");
	ckpt_request_common(q, &d->a->common, LOG_NAME);
	for (size_t i = 0; i < m->mounts.n; i++)
		ckpt_request_text(q, CKPT_F_EXTERNAL,
				  arena_printf(&d->arena, "mnt[%s]:%s", m->mounts.v[i].path,
					       m->mounts.v[i].key),
				  "--external");
	for (size_t i = 0; i < m->streams.n; i++)
		if (m->streams.v[i].key && m->streams.v[i].kind.v != CKPT_STREAM_PIPE)
			ckpt_request_text(q, CKPT_F_EXTERNAL, m->streams.v[i].key, "--external");
	if (d->by && d->by->pages_fd >= 0)
		ckpt_request_pages(q, d->by->pages_fd);
	if (d->memory.where.v == CKPT_MEMORY_SERVER)
		ckpt_request_server(q, &d->server);
	int r = add_net(d, e);

	if (r == 0)
		ckpt_request_end(q);
	return r;
}

/* ---- the talk ---- */

static int fail(struct dump *d, const char *errmsg, struct err *e)
{
	return ckpt_words_fail("dump", d->work_fd, d->work_path, LOG_NAME, errmsg, e);
}

/* criu holds everything, and its images are complete: the last moment to say no. */
static int seal(struct dump *d, struct err *e)
{
	int r = ckpt_patch_files(d->image_fd, e);

	if (r == 0)
		r = ckpt_image_write(d->image_fd, &d->meta, &d->memory, e);
	if (r == 0 && d->by)
		r = d->by->sealed(d->by->ctx, e);
	d->is_written = r == 0;
	d->may_have_ended = d->is_written && criu_ends_it(d);
	return r;
}

/* Return: -EPIPE when criu has ended; of errors on our side -ECANCELED, whatever their code. */
static int hear(struct dump *d, struct ckpt_criu_answer *ret, struct err *e)
{
	for (;;) {
		int r = ckpt_criu_hear(&d->criu, d->held.abort_fd, d->by ? TICK_MS : -1, &d->arena,
				       ret, e);

		if (r != -ETIMEDOUT || !d->by)
			return r;
		err_clear(e);
		if (d->by->tick(d->by->ctx, e) < 0)
			return -ECANCELED;
	}
}

static int talk(struct dump *d, struct err *e)
{
	struct err mine = ERR_INIT;
	int r = ckpt_criu_ask(&d->criu, CKPT_CRIU_DUMP, &d->req.more, e);

	while (r == 0) {
		struct ckpt_criu_answer answer = {.fd = FD_NONE};

		r = hear(d, &answer, e);
		auto_fd_done(&answer.fd);
		if (r < 0)
			break;
		if (answer.type != CKPT_CRIU_NOTIFY) {
			if (mine.code) {
				*e = mine;
				return -e->code;
			}
			return answer.is_success ? 0 : fail(d, answer.errmsg, e);
		}
		bool is_last = answer.script && str_eq(answer.script, "post-dump");
		bool is_right = !is_last || seal(d, &mine) == 0;

		r = ckpt_criu_allow(&d->criu, is_right, e);
	}
	return r == -EPIPE ? fail(d, NULL, e) : r;
}

/* ---- the verb ---- */

static int open_dirs(struct dump *d, struct err *e)
{
	const struct ckpt_common *c = &d->a->common;

	d->image_path = c->image_path ? c->image_path : "checkpoint";
	d->work_path = c->work_path ? c->work_path : d->image_path;
	if (!d->by) {
		int r = ckpt_image_open(d->image_path, true, &d->image_fd, e);

		return r == 0 ? ckpt_image_open(d->work_path, true, &d->work_fd, e) : r;
	}
	d->work_path = d->by->work_path;
	d->image_fd = fcntl(d->by->image_fd, F_DUPFD_CLOEXEC, 3);
	d->work_fd = fcntl(d->by->work_fd, F_DUPFD_CLOEXEC, 3);
	return d->image_fd < 0 || d->work_fd < 0 ? err_sys(e, errno, "duplicate a descriptor") : 0;
}

static int plan_memory(struct dump *d, struct err *e)
{
	const struct ckpt_common *c = &d->a->common;

	if (!c->page_server)
		return 0;
	d->memory.where = (struct opt_enum){true, CKPT_MEMORY_SERVER};
	return ckpt_args_page_server(c->page_server, &d->server, e);
}

static int prepare(struct dump *d, struct err *e)
{
	int r = open_dirs(d, e);

	if (r == 0)
		r = ckpt_image_host(&d->meta, &d->info, &d->arena, e);
	if (r < 0)
		return r;
	char *digest = arena_alloc(&d->arena, CKPT_DIGEST_TEXT);
	uint64_t size;

	r = ckpt_image_digest(d->held.dir_fd, "config.json", &size, digest);
	if (r < 0)
		return err_sys(e, r, "the container's saved config.json");
	d->meta.id = (char *)d->held.id;
	d->meta.config = digest;
	d->meta.resources = (struct spec_resources *)d->held.resources;
	const struct spec_process *p = d->held.conf->process;

	d->meta.has_terminal = (struct opt_bool){true, p && p->terminal.v};
	d->meta.has_user = (struct opt_bool){true, spec_ns_is_new(d->held.conf, SPEC_NS_USER)};
	d->meta.has_notify = (struct opt_bool){true, d->held.has_notify};
	return plan_memory(d, e);
}

static int enter_net(void *ctx, struct err *e)
{
	const struct dump *d = ctx;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)d->held.pid);
	AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 || setns(fd, CLONE_NEWNET) < 0
		       ? err_sys(e, errno, "enter the container's network namespace")
		       : 0;
}

/* Killed from here on, we leave no container that nobody thaws: the watchdog does it, or, if that
 * was killed as well, the next command by the note. criu is ready to be asked before the freeze,
 * and no part of the pause. */
static int hold(struct dump *d, struct err *e)
{
	const int keep[] = {d->held.dir_fd, d->held.cg.dir_fd};
	const struct ckpt_watchdog_job job = {.keep = keep,
					      .n_keep = 2,
					      .cgroup_fd = FD_NONE,
					      .max_ms = d->by ? d->by->max_frozen_ms : -1,
					      .fire = life_held_back,
					      .ctx = &d->held};
	const struct ckpt_criu_seat seat = {
		.cgroup_fd = FD_NONE,
		.fds = d->by ? &d->by->pages_fd : NULL,
		.n_fds = d->by && d->by->pages_fd >= 0,
		.prepare = ckpt_userns_is_in_net(d->held.conf) ? enter_net : NULL,
		.ctx = d};
	int r = ckpt_criu_start(d->info.path, &seat, &d->criu, e);

	if (d->by)
		d->criu.aside = d->by->aside;
	if (r == 0)
		r = life_held_note(&d->held, d->criu.pid, e);
	if (r == 0)
		r = ckpt_watchdog_start(&job, &d->dog, e);
	if (r == 0 && d->by)
		d->by->freezing(d->by->ctx);
	return r == 0 ? cg_freeze(&d->held.cg, true, FREEZE_MS, e) : r;
}

/* What an exec has put into it since the first look would be lost. */
static int look_again(struct dump *d, struct err *e)
{
	AUTO(ckpt_blockers) b = {.arena = &d->arena};
	int r = ckpt_preflight_again(&d->held, &b, e);

	return r == 0 && b.n ? err_set(e, ERR_STATE, EBUSY, "%s", b.first) : r;
}

/* Between freeze and thaw, or the end. */
static int write_frozen(struct dump *d, struct err *e)
{
	int r = look_again(d, e);

	if (r == 0 && d->by)
		r = d->by->frozen(d->by->ctx, e);
	if (r == 0)
		r = ckpt_outside_find(&d->held, &d->meta, &d->arena, e);

	if (r == 0)
		r = make_request(d, e);
	if (r == 0)
		r = ckpt_image_clear(d->image_fd, e);
	if (r == 0)
		r = talk(d, e);
	/* criu that still lives could thaw it behind our back. */
	ckpt_criu_done(&d->criu);
	if (r < 0)
		return r;
	if (!d->is_written)
		return err_set(e, ERR_KERNEL, EPROTO, "criu ended its dump without its last stage");
	if (d->a->leave_running || d->by)
		return 0;
	d->may_have_ended = true;
	return life_held_end(&d->held, e);
}

static void drop_images(struct dump *d)
{
	struct err ignored = ERR_INIT;

	(void)!ckpt_image_clear(d->image_fd, &ignored);
}

/* Up to where nothing has been done yet. */
static int look(struct dump *d, const struct life_host *h, const char *id, struct buf *out,
		struct err *e)
{
	const struct ckpt_dump_args *a = d->a;
	int r = ckpt_args_check(&a->common, e);

	if (r == 0)
		r = life_held_open(h, id, &d->held, e);
	if (r == 0)
		r = ckpt_args_dump(a, e);
	if (r == 0)
		r = ckpt_criu_find(h->criu, &d->info, e);
	if (r == 0)
		r = refuse(&d->held, e);
	if (r == 0)
		r = settle(d, e);
	return r == 0 ? refuse_blockers(d, a->check ? out : NULL, e) : r;
}

int ckpt_dump(const struct life_host *h, const char *id, const struct ckpt_dump_args *a,
	      struct buf *out, struct err *e)
{
	struct dump d = DUMP_INIT;

	d.a = a;
	int r = look(&d, h, id, out, e);

	if (r < 0 || a->check) {
		dump_done(&d);
		return r;
	}
	r = prepare(&d, e);
	if (r == 0) {
		r = hold(&d, e);
		if (r == 0)
			r = write_frozen(&d, e);
		ckpt_criu_done(&d.criu);
		if (r < 0 || a->leave_running)
			life_held_back(&d.held);
		else
			life_held_forget(&d.held);
		if (r < 0 && d.may_have_ended)
			err_prefix(e, "the images in \"%.150s\" are complete, and kept",
				   d.image_path);
		else if (r < 0)
			drop_images(&d);
	}
	dump_done(&d);
	return r;
}

/* ---- for a migration ---- */

static bool has_ended(const struct dump *d)
{
	return proc_wait_gone(d->held.pidfd, 0) == 0;
}

/* Everything is written, and offered to the other side; up to the note it is ours. *ret: whose it
 * is. */
static int hand_over(struct dump *d, enum ckpt_fate *ret, struct err *e)
{
	const struct ckpt_dump_by *by = d->by;
	/* criu that died in between, or its freezer, may have let it run. */
	int r = cg_freeze(&d->held.cg, true, FREEZE_MS, e);

	if (r == 0)
		r = by->offer(by->ctx, e);
	if (r == 0 && has_ended(d))
		r = err_set(e, ERR_STATE, ESRCH, "the container was ended meanwhile");
	if (ckpt_watchdog_stand_down(&d->dog) && r == 0)
		r = err_set(e, ERR_BUSY, ETIME, "it has taken too long");
	if (r == 0)
		r = life_held_commit(&d->held, by->epoch, by->peer, e);
	if (r == 0)
		*ret = by->commit(by->ctx, e);
	return r;
}

static int move(struct dump *d, struct err *e)
{
	enum ckpt_fate fate = CKPT_GOES_ON;
	int r = d->by->begin(d->by->ctx, &d->held, e);

	if (r == 0)
		r = prepare(d, e);
	if (r < 0)
		return r;
	r = hold(d, e);
	if (r == 0)
		r = write_frozen(d, e);
	ckpt_criu_done(&d->criu);
	if (r == 0)
		r = hand_over(d, &fate, e);
	if (fate == CKPT_GOES_ON) {
		/* With criu the watchdog's thaw is no harm, but what came of it is an error of its
		 * own. */
		if (r < 0 && (r == -ETIME || ckpt_watchdog_has_fired(&d->dog)))
			r = err_set(e, ERR_BUSY, ETIME,
				    "it took longer than %d ms: the container goes on here",
				    d->by->max_frozen_ms);
		life_held_back(&d->held);
		return e->code ? -e->code : r;
	}
	if (fate == CKPT_IN_DOUBT)
		return -e->code;
	return life_held_end(&d->held, e);
}

int ckpt_dump_for(const struct life_host *h, const char *id, const struct ckpt_common *c,
		  const struct ckpt_dump_by *by, struct err *e)
{
	const struct ckpt_dump_args a = {.common = *c, .leave_running = true};
	struct dump d = DUMP_INIT;

	d.a = &a;
	d.by = by;
	int r = look(&d, h, id, NULL, e);

	/* CRIU lets run what it restores. */
	if (r == 0 && d.held.status == SPEC_PAUSED)
		r = err_set(e, ERR_STATE, EBUSY,
			    "it is paused, and would run on the other host: resume it first");
	if (r == 0)
		r = move(&d, e);
	dump_done(&d);
	return r;
}
