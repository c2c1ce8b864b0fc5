/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/cli/global: the options that stand before the verb (conformance.md U01-U11), and what
 * they mean for the log and for life. Called by main.c; its rows also by the makers of texts.
 */
#include "runtime/cli/cmd.h"

#include <errno.h>
#include "base/log.h"
#include "base/ban.h"

static const struct word format_rows[] = {{"text", 0}, {"json", 0}};
static const struct word_list format_words = {"log format", format_rows, 2, ""};

static const struct word level_rows[] = {{"error", 0}, {"warning", 0}, {"info", 0}, {"debug", 0}};
WORDS_COMPLETE(level_rows, LOG_LEVEL_N);
static const struct word_list level_words = {"log level", level_rows, LOG_LEVEL_N, ""};

#define G struct cmd_global
/* clang-format off */
static const struct cmd_opt rows[] = {
	O_STR(G, root, "root", 0, "DIR", "/run/stiva",
	      "where the state of containers is kept; for other users than root $XDG_RUNTIME_DIR/stiva"),
	O_STR(G, log, "log", 0, "FILE", NULL, "also append errors and what --log-level asks for to this file; or syslog:NAME, journald:NAME"),
	O_WORD(G, log_format, "log-format", 0, &format_words, "text", "how the log's lines are written"),
	O_WORD(G, log_level, "log-level", 0, &level_words, "error", "the least severe message that is logged"),
	O_FLAG(G, debug, "debug", 0, "the same as --log-level debug"),
	O_FLAG(G, strict, "strict", 0, "a warning is an error"),
	O_FLAG(G, systemd_cgroup, "systemd-cgroup", 0, "the same as --cgroup-manager systemd"),
	O_WORD(G, manager, "cgroup-manager", 0, &cg_words_manager, "cgroupfs", "who makes the cgroups"),
	O_AUTO(G, rootless, "rootless", 0, "auto",
	       "whether to act as an unprivileged user: true, false or auto"),
	O_STR(G, criu, "criu", 0, "FILE", "$STIVA_CRIU, or the one in $PATH", "the criu program of checkpoint and restore, 4.1 or later"),
	O_FLAG(G, version, "version", 'v', "print the version"),
	O_HIDDEN_FLAG(G, version, "version", 'V'),
};
/* clang-format on */
const struct cmd_opts cmd_global_opts = CMD_OPTS(rows);

int cmd_global_log(const struct cmd_global *g, struct err *e)
{
	struct log_settings set = {
		.path = g->log, .level = LOG_LEVEL_ERROR, .is_strict = g->strict};

	set.is_json = g->log_format.has && g->log_format.v == 1;
	if (g->log_level.has)
		set.level = (enum log_level)g->log_level.v;
	if (g->debug)
		set.level = LOG_LEVEL_DEBUG;
	return log_open(&set, e);
}

int cmd_global_host(const struct cmd_global *g, struct life_host *ret, struct err *e)
{
	*ret = (struct life_host){
		.root = g->root, .rootless = g->rootless, .criu = g->criu, .manager = CG_CGROUPFS};
	if (g->manager.has)
		ret->manager = (enum cg_manager)g->manager.v;
	if (!g->systemd_cgroup)
		return 0;
	if (g->manager.has && ret->manager != CG_SYSTEMD)
		return err_set(e, ERR_INPUT, EINVAL,
			       "--systemd-cgroup and --cgroup-manager=%s exclude each other",
			       word_text(&cg_words_manager, g->manager.v));
	ret->manager = CG_SYSTEMD;
	return 0;
}

void cmd_global_version(struct buf *out)
{
	buf_adds(out, "stiva version " STIVA_VERSION "\n"
		      "commit: " STIVA_COMMIT "\n"
		      "spec: " SPEC_VERSION "\n"
		      "+SECCOMP +CAP +CGROUPV2 +SYSTEMD +EBPF +YAJL\n");
}
