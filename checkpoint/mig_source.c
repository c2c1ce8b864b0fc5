/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/mig_source: the script of a source (migration.md 8, 9): plans, reserves on the
 * destination, sends while the container runs, has it dumped while it stands still, and hands it
 * over when the other side holds it restored. Up to there whatever fails leaves it running here.
 * Called by runtime/cli.
 */
#include "checkpoint/mig_source.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include "base/file.h"
#include "base/log.h"
#include "base/proc.h"
#include "checkpoint/mig_image.h"
#include "checkpoint/mig_target.h"
#include "base/ban.h"

#define CONFIG	     "config.json"
#define CONFIG_MAX   (16u << 20)
#define RESERVE_MS   60000
#define PS_BYTES_MIN (128ull << 20) /* of images but memory */

static const struct word doubt_rows[] = {{"wait", 0}, {"source", 0}, {"destination", 0}};
WORDS_COMPLETE(doubt_rows, CKPT_DOUBT_N);
const struct word_list ckpt_words_doubt = {"--on-doubt", doubt_rows, CKPT_DOUBT_N, ""};
static const struct word mode_rows[] = {{"precopy", 0}, {"stop", 0}};
WORDS_COMPLETE(mode_rows, CKPT_MODE_N);
const struct word_list ckpt_words_mode = {"--mode", mode_rows, CKPT_MODE_N, ""};
static const struct word stall_rows[] = {{"auto", 0}, {"throttle", 0}, {"force", 0}, {"abort", 0}};
WORDS_COMPLETE(stall_rows, MIG_STALL_N);
const struct word_list ckpt_words_stall = {"--on-stall", stall_rows, MIG_STALL_N, ""};

static void source_done(struct mig_source *s)
{
	mig_trees_done(&s->trees);
	mig_memory_done(&s->memory);
	mig_ps_done(&s->ps);
	mig_throttle_done(&s->throttle);
	mig_peer_done(&s->peer);
	auto_fd_done(&s->image_fd);
	arena_done(&s->arena);
}

/* ---- the offer ---- */

/* What its streams become there: a file of the same name, or nothing. */
static int offer_streams(struct mig_source *s, struct mig_offer *o, struct err *e)
{
	struct ckpt_meta meta = {0};
	int r = ckpt_outside_find(s->held, &meta, &s->arena, e);

	if (r < 0)
		return r;
	o->streams.v = arena_array(&s->arena, 3, sizeof(char *));
	o->streams.n = 3;
	for (size_t i = 0; i < 3; i++) {
		bool is_file = i < meta.streams.n && meta.streams.v[i].kind.v == CKPT_STREAM_FILE &&
			       meta.streams.v[i].target;

		o->streams.v[i] = is_file ? meta.streams.v[i].target : (char *)"null";
	}
	return 0;
}

static int offer_config(struct mig_source *s, struct mig_offer *o, struct err *e)
{
	AUTO(buf) text = {0};
	int r = file_read_at(s->held->dir_fd, CONFIG, CONFIG_MAX, &text);

	if (r < 0)
		return err_sys(e, r, "the container's saved " CONFIG);
	o->config = arena_strdup(&s->arena, text.data);
	return 0;
}

static int make_offer(struct mig_source *s, struct mig_offer *o, struct err *e)
{
	const struct ckpt_migrate_args *a = s->a;
	const struct ckpt_common *c = &a->common;

	*o = (struct mig_offer){
		.epoch = s->epoch,
		.id = (char *)s->held->id,
		.bundle = (char *)(a->bundle ? a->bundle : s->held->bundle),
		.console_socket = (char *)a->console_socket,
		.resources = (struct spec_resources *)s->held->resources,
		.tcp_established = {true, c->tcp_established},
		.tcp_close = {true, c->tcp_close},
		.tcp_skip_in_flight = {true, c->tcp_skip_in_flight},
		.ext_unix_sk = {true, c->ext_unix_sk},
		.shell_job = {true, c->shell_job},
		.file_locks = {true, c->file_locks},
		.link_remap = {true, c->link_remap},
		.is_check = {true, a->is_check},
		.is_replace = {true, a->is_replace},
		.memory = {.has = true},
		.silence_ms = {true, a->silence_ms ? a->silence_ms : MIG_SILENCE_MS}};
	if (s->held->conf->process->terminal.v && !a->console_socket)
		return err_set(e, ERR_INPUT, EINVAL,
			       "config.json: process.terminal: the container has a terminal: "
			       "--console-socket says where it goes on the destination");
	int r = offer_config(s, o, e);

	if (r == 0)
		r = offer_streams(s, o, e);
	if (r == 0)
		r = mig_memory_estimate(&s->held->cg, &o->memory.v, e);
	if (r == 0)
		r = mig_trees_plan(&s->trees, s->held, a, o->bundle, &s->arena, e);
	o->trees = s->trees.plans;
	return r;
}

/* ---- while it runs ---- */

static int reserve(struct mig_source *s, struct mig_offer *o, struct err *e)
{
	struct mig_link *l = &s->peer.link;
	struct mig_note *answer;
	int r;

	l->silence_ms = RESERVE_MS;
	s->is_reserved = true;
	r = mig_say(l, MIG_RESERVE, &mig_table_offer, o, e);
	if (r == 0)
		r = mig_say_hear(l, MIG_RESERVED, RESERVE_MS, &mig_table_note, &s->arena, &answer,
				 e);
	mig_trees_unprobe(&s->trees);
	if (r == 0 && (!answer->epoch || !str_eq(answer->epoch, s->epoch)))
		r = err_set(e, ERR_INPUT, ESTALE, "protocol error: RESERVED of another epoch");
	if (r == 0)
		r = mig_trees_choose(&s->trees, &answer->shared, e);
	if (r < 0)
		return r;
	mig_report_reserved(&s->report, (unsigned)s->trees.plans.n, (unsigned)answer->shared.n);
	return 0;
}

static int serve_pages(void *ctx, struct err *e)
{
	return mig_ps_serve(ctx, e);
}

/* Whatever the mode, criu's pages go over the line as they come, and into no file here. */
static int open_pages(struct mig_source *s, struct err *e)
{
	int r = mig_memory_open(&s->memory, &s->held->cg, e);

	if (r == 0)
		r = mig_memory_thread(&s->memory, e);
	if (r < 0)
		return r;
	const struct mig_ps_by by = mig_memory_final(&s->memory, &s->peer.link);

	r = mig_ps_open(&s->ps, &by, e);
	s->aside = (struct ckpt_criu_aside){s->ps.fd, serve_pages, &s->ps};
	s->by.pages_fd = s->ps.its_fd;
	s->by.aside = &s->aside;
	return r;
}

static int connect_peer(struct mig_source *s, struct err *e)
{
	const struct ckpt_migrate_args *a = s->a;

	s->words = mig_peer_words(a->rsh, a->host, a->remote_stiva, &s->arena);
	s->by.peer = &s->words;
	int r = mig_peer_open(&s->peer, a->host, &s->words, s->held->abort_fd, &s->us, &s->arena,
			      e);

	if (r == 0)
		r = mig_say_check_host(&s->us, s->peer.host, a->host, e);
	if (r < 0)
		return r;
	int64_t skew = (int64_t)(s->peer.host->time.v - mig_say_now());

	s->report.clock_skew_usec = (uint64_t)(skew < 0 ? -skew : skew);
	s->report.criu_source = s->us.criu;
	s->report.criu_destination = s->peer.host->criu;
	return 0;
}

static int begin(void *ctx, const struct life_held *x, struct err *e)
{
	struct mig_source *s = ctx;
	struct mig_offer offer;

	s->held = x;
	/* CRIU's log outlives a migration that fails. */
	s->by.work_fd = x->dir_fd;
	int r = make_offer(s, &offer, e);

	if (r == 0)
		r = mig_place_images(offer.memory.v + PS_BYTES_MIN, &s->image_fd, e);
	s->by.image_fd = s->image_fd;
	if (r == 0)
		r = connect_peer(s, e);
	if (r == 0)
		r = reserve(s, &offer, e);
	if (r < 0)
		return r;
	if (s->a->is_check)
		return err_set(e, ERR_STATE, ECANCELED, "only asked");
	s->peer.link.silence_ms = MIG_PATIENCE_MS;
	s->peer.link.rate = s->a->bandwidth;
	r = open_pages(s, e);
	if (r == 0)
		r = mig_rounds(s, e);
	if (r == 0) {
		const struct mig_ps_by by = mig_memory_final(&s->memory, &s->peer.link);

		s->ps.by = by;
	}
	return r;
}

/* ---- while it stands still ---- */

static void freezing(void *ctx)
{
	struct mig_source *s = ctx;

	/* Who has no CPU time left freezes when he has some again, and criu's code in him needs it
	 * too. */
	mig_throttle_done(&s->throttle);
	mig_report_mark(&s->report, MIG_AT_STOP);
}

static int frozen(void *ctx, struct err *e)
{
	struct mig_source *s = ctx;
	const struct mig_note note = {.epoch = s->epoch, .time = {true, mig_say_now()}};

	mig_report_mark(&s->report, MIG_AT_FROZEN);
	/* criu has its own copy. */
	auto_fd_done(&s->ps.its_fd);
	s->peer.link.silence_ms = s->a->silence_ms ? (int)s->a->silence_ms : MIG_SILENCE_MS;
	if (s->a->max_frozen_ms)
		s->peer.link.end_usec = proc_now_usec() + (uint64_t)s->a->max_frozen_ms * 1000;
	int r = mig_say_note(&s->peer.link, MIG_FREEZE, &note, e);

	return r == 0 ? mig_memory_code(&s->memory, e) : r;
}

static int tick(void *ctx, struct err *e)
{
	struct mig_source *s = ctx;

	int r = mig_memory_wait(&s->memory, e);

	return r < 0 || s->is_said ? r : mig_say_tick(&s->peer.link, e);
}

/* What criu still had to say of its memory. */
static int drain(struct mig_source *s, struct err *e)
{
	while (!s->ps.is_closed) {
		struct pollfd p = {.fd = s->ps.fd, .events = POLLIN};
		int r = poll(&p, 1, s->peer.link.silence_ms);

		if (r <= 0)
			return err_set(e, ERR_KERNEL, ETIMEDOUT, "criu does not end its memory");
		r = mig_ps_serve(&s->ps, e);
		if (r < 0)
			return r;
		if (r == 0 && !s->ps.is_closed)
			return err_set(e, ERR_KERNEL, EPROTO, "criu did not send all memory");
	}
	return 0;
}

/* All of it is written: the other side can restore while criu tidies up here. */
static int sealed(void *ctx, struct err *e)
{
	struct mig_source *s = ctx;
	struct mig_link *l = &s->peer.link;
	struct mig_tree_count files;
	char digest[CKPT_DIGEST_TEXT];
	const struct mig_note end = {.epoch = s->epoch, .digest = digest};
	int r = drain(s, e);

	mig_report_mark(&s->report, MIG_AT_SEALED);
	if (r == 0)
		r = mig_trees_round(&s->trees, l, &s->held->cg, true, &files, e);
	if (r < 0)
		return r;
	s->report.file_bytes += files.bytes;
	s->report.last_memory_bytes = s->memory.count.bytes;
	s->report.memory_bytes += s->memory.count.bytes;
	r = mig_image_send(l, s->image_fd, &s->report.image_bytes, e);
	mig_link_sent_digest(l, digest);
	if (r == 0)
		r = mig_say_note(l, MIG_FINAL_END, &end, e);
	s->is_said = r == 0;
	mig_report_mark(&s->report, MIG_AT_SENT);
	return r;
}

static int offer(void *ctx, struct err *e)
{
	struct mig_source *s = ctx;
	struct mig_note *ready;
	int r = mig_say_hear(&s->peer.link, MIG_READY, -1, &mig_table_note, &s->arena, &ready, e);

	if (r == 0 && (!ready->epoch || !str_eq(ready->epoch, s->epoch)))
		r = err_set(e, ERR_INPUT, ESTALE, "protocol error: READY of another epoch");
	mig_report_mark(&s->report, MIG_AT_READY);
	return r;
}

static enum ckpt_fate commit(void *ctx, struct err *e)
{
	struct mig_source *s = ctx;

	s->is_handed_over = true;
	return mig_fate(s, e);
}

/* ---- the verb ---- */

static int prepare(struct mig_source *s, struct err *e)
{
	if (life_is_rootless(s->h))
		return err_set(e, ERR_MISSING, EPERM,
			       "migrating takes root of the host: CRIU cannot do it for a user");
	int r = ckpt_criu_probe(s->h->criu, &s->info, e);

	if (r == 0)
		r = mig_say_host(&s->info, &s->arena, &s->us, e);
	return r == 0 ? mig_say_epoch(s->epoch, e) : r;
}

/* It goes on here (or stands still, in doubt): the other side puts away what it has. Over a line
 * that does not carry any more it learns that by the line's end. */
static void give_up(struct mig_source *s, const struct err *e)
{
	struct err ignored = ERR_INIT;

	/* It uses the line. */
	(void)!mig_memory_wait(&s->memory, &ignored);
	if (e->code == ETIMEDOUT || e->code == EPIPE)
		s->peer.is_dead = true;
	else if (s->is_reserved && !s->is_handed_over && s->peer.link.in_fd >= 0 &&
		 e->code != ECONNABORTED)
		s->peer.is_dead = !mig_say_abort(&s->peer.link, e->text);
}

/* It runs there. What is left here is only a name. */
static void tidy(struct mig_source *s, const char *id)
{
	struct err ignored = ERR_INIT;

	if (life_delete(s->h, id, true, &ignored) < 0)
		log_warn("%s runs on %s; what is left of it here: %s", id, s->a->host,
			 ignored.text);
	err_clear(&ignored);
	s->peer.link.abort_fd = FD_NONE;
	if (s->peer.link.in_fd >= 0)
		(void)!mig_link_say(&s->peer.link, MIG_DONE, 0, NULL, 0, &ignored);
}

static int run(struct mig_source *s, const char *id, struct err *e)
{
	int r = prepare(s, e);

	if (r < 0)
		return r;
	s->by.epoch = s->epoch;
	s->by.work_path = "the container's state directory";
	r = ckpt_dump_for(s->h, id, &s->a->common, &s->by, e);
	s->report.wire_bytes += s->peer.link.out_total;
	if (r == 0)
		tidy(s, id);
	else
		give_up(s, e);
	if (s->a->is_check && e->code == ECANCELED) {
		err_clear(e);
		return 0;
	}
	mig_report_end(&s->report, r == 0 ? NULL : e->text, e->code == EINPROGRESS);
	return r;
}

int ckpt_migrate(const struct life_host *h, const char *id, const struct ckpt_migrate_args *a,
		 int out_fd, struct err *e)
{
	struct mig_source s = {
		.h = h,
		.a = a,
		.image_fd = FD_NONE,
		.peer = MIG_PEER_NONE,
		.ps = MIG_PS_NONE,
		.throttle = MIG_THROTTLE_NONE,
		.by = {.image_fd = FD_NONE,
		       .work_fd = FD_NONE,
		       .pages_fd = FD_NONE,
		       .max_frozen_ms = a->max_frozen_ms ? (int)a->max_frozen_ms : -1,
		       .begin = begin,
		       .freezing = freezing,
		       .frozen = frozen,
		       .tick = tick,
		       .sealed = sealed,
		       .offer = offer,
		       .commit = commit},
		.report = {.out_fd = out_fd,
			   .is_json = a->is_json,
			   .is_quiet = a->is_quiet,
			   .id = id,
			   .host = a->host,
			   .mode = word_text(&ckpt_words_mode, a->mode.v)}};
	int r;

	s.by.ctx = &s;
	s.report.epoch = s.epoch;
	mig_report_mark(&s.report, MIG_AT_BEGIN);
	r = run(&s, id, e);
	source_done(&s);
	return r;
}
