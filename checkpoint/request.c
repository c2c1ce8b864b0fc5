/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/request: builds the options of one request to criu (its rpc.proto), and beside it the
 * command line that would do the same, for who wants to try by hand. Called by dump.c and
 * restore.c.
 */
#include "checkpoint/internal.h"

#include "base/log.h"
#include "checkpoint/wire.h"
#include "base/ban.h"

enum { REQ_OPTS = 2 };
enum { INHERIT_KEY = 1, INHERIT_FD = 2 };
enum { PS_ADDRESS = 1, PS_PORT = 2, PS_FD = 4 };
#define LEVEL_WARN  2
#define LEVEL_DEBUG 4

void ckpt_request_done(struct ckpt_request *r)
{
	buf_done(&r->opts);
	buf_done(&r->line);
	buf_done(&r->more);
}

void ckpt_request_begin(struct ckpt_request *r, const char *verb)
{
	buf_printf(&r->line, "criu %s", verb);
}

void ckpt_request_number(struct ckpt_request *r, unsigned field, uint64_t v, const char *option)
{
	ckpt_wire_number(&r->opts, field, v);
	if (option)
		buf_printf(&r->line, " %s %llu", option, (unsigned long long)v);
}

void ckpt_request_flag(struct ckpt_request *r, unsigned field, bool on, const char *option)
{
	if (!on)
		return;
	ckpt_wire_number(&r->opts, field, true);
	if (option)
		buf_printf(&r->line, " %s", option);
}

void ckpt_request_text(struct ckpt_request *r, unsigned field, const char *text, const char *option)
{
	ckpt_wire_text(&r->opts, field, text);
	if (option)
		buf_printf(&r->line, " %s '%s'", option, text);
}

void ckpt_request_inherit(struct ckpt_request *r, int fd, const char *key)
{
	AUTO(buf) one = {0};

	ckpt_wire_text(&one, INHERIT_KEY, key);
	ckpt_wire_number(&one, INHERIT_FD, (uint64_t)fd);
	ckpt_wire_bytes(&r->opts, CKPT_F_INHERIT_FD, one.data, one.len);
	buf_printf(&r->line, " --inherit-fd 'fd[%d]:%s'", fd, key);
}

void ckpt_request_pages(struct ckpt_request *r, int fd)
{
	AUTO(buf) one = {0};

	ckpt_wire_number(&one, PS_FD, (uint64_t)fd);
	ckpt_wire_bytes(&r->opts, CKPT_F_PS, one.data, one.len);
	buf_printf(&r->line, " --page-server --ps-socket %d", fd);
}

void ckpt_request_server(struct ckpt_request *r, const struct ckpt_server *server)
{
	AUTO(buf) one = {0};

	ckpt_wire_text(&one, PS_ADDRESS, server->host);
	ckpt_wire_number(&one, PS_PORT, server->port);
	ckpt_wire_bytes(&r->opts, CKPT_F_PS, one.data, one.len);
	buf_printf(&r->line, " --page-server --address '%s' --port %u", server->host, server->port);
}

/* Without connections to keep there is nothing to hold (and criu's rules cost 50 ms). */
static void add_lock(struct ckpt_request *r, const struct ckpt_common *c)
{
	static const struct {
		unsigned value;
		const char *word;
	} rows[CKPT_LOCK_N] = {[CKPT_LOCK_IPTABLES] = {1, "iptables"},
			       [CKPT_LOCK_NFTABLES] = {2, "nftables"},
			       [CKPT_LOCK_SKIP] = {3, "skip"}};
	int lock = c->lock.has		? c->lock.v
		   : c->tcp_established ? CKPT_LOCK_IPTABLES
					: CKPT_LOCK_SKIP;

	ckpt_wire_number(&r->opts, CKPT_F_NETWORK_LOCK, rows[lock].value);
	buf_printf(&r->line, " --network-lock %s", rows[lock].word);
}

void ckpt_request_common(struct ckpt_request *r, const struct ckpt_common *c, const char *log_name)
{
	bool is_debug = log_get_level() == LOG_LEVEL_DEBUG;

	ckpt_wire_number(&r->opts, CKPT_F_LOG_LEVEL, is_debug ? LEVEL_DEBUG : LEVEL_WARN);
	ckpt_request_text(r, CKPT_F_LOG_FILE, log_name, "-o");
	ckpt_request_flag(r, CKPT_F_NOTIFY_SCRIPTS, true, NULL);
	/* 0 is ignore: the cgroup is made by us, with what is in force (migration.md 3). */
	ckpt_wire_number(&r->opts, CKPT_F_MANAGE_CGROUPS_MODE, 0);
	buf_adds(&r->line, " --manage-cgroups=ignore");
	ckpt_request_number(r, CKPT_F_GHOST_LIMIT, CKPT_GHOST_MAX, "--ghost-limit");
	ckpt_request_flag(r, CKPT_F_TCP_ESTABLISHED, c->tcp_established, "--tcp-established");
	ckpt_request_flag(r, CKPT_F_TCP_CLOSE, c->tcp_close, "--tcp-close");
	ckpt_request_flag(r, CKPT_F_TCP_SKIP_IN_FLIGHT, c->tcp_skip_in_flight, "--skip-in-flight");
	ckpt_request_flag(r, CKPT_F_EXT_UNIX_SK, c->ext_unix_sk, "--ext-unix-sk");
	ckpt_request_flag(r, CKPT_F_SHELL_JOB, c->shell_job, "--shell-job");
	ckpt_request_flag(r, CKPT_F_FILE_LOCKS, c->file_locks, "--file-locks");
	ckpt_request_flag(r, CKPT_F_LINK_REMAP, c->link_remap, "--link-remap");
	ckpt_request_flag(r, CKPT_F_ORPHAN_PTS_MASTER, true, NULL);
	add_lock(r, c);
}

void ckpt_request_dirs(struct ckpt_request *r, int images_fd, int work_fd)
{
	ckpt_wire_number(&r->opts, CKPT_F_IMAGES_DIR_FD, (uint64_t)images_fd);
	ckpt_wire_number(&r->opts, CKPT_F_WORK_DIR_FD, (uint64_t)work_fd);
}

void ckpt_request_end(struct ckpt_request *r)
{
	ckpt_wire_bytes(&r->more, REQ_OPTS, r->opts.data, r->opts.len);
	log_debug("the same by hand: %s", r->line.data);
}
