/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/cli/cmd_migrate: the verb migrate: a running container goes to another host. */
#include "runtime/cli/cmd.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>
#include "base/num.h"
#include "checkpoint/checkpoint.h"
#include "base/ban.h"

enum migrate_format { MIGRATE_TEXT, MIGRATE_JSON, MIGRATE_FORMAT_N };
static const struct word format_rows[] = {{"text", 0}, {"json", 0}};
WORDS_COMPLETE(format_rows, MIGRATE_FORMAT_N);
static const struct word_list format_words = {"format", format_rows, MIGRATE_FORMAT_N, ""};

struct migrate_cmd {
	struct ckpt_migrate_args args;
	const char *max_downtime, *max_frozen, *silence, *doubt;
	struct opt_i64 bandwidth;
	struct opt_enum format;
	bool recover;
};
#define A struct migrate_cmd
/* clang-format off */
static const struct cmd_opt rows[] = {
	O_WORD(A, args.mode, "mode", 0, &ckpt_words_mode, "precopy", "when memory is sent: while the container runs and again what changes, or once it stands still"),
	O_STR(A, max_downtime, "max-downtime", 0, "TIME", "100ms", "how long it may stand still: rounds go on until that is in reach"),
	O_U32(A, args.max_iterations, "max-iterations", 0, "N", "30", "how many rounds at most"),
	O_SIZE(A, bandwidth, "bandwidth", 0, "SIZE", "no limit", "how many bytes a second to send"),
	O_WORD(A, args.on_stall, "on-stall", 0, &ckpt_words_stall, "auto", "what to do about a container that changes faster than can be sent: slow it down by its CPU time, stop it all the same, or give up"),
	O_STRS(A, args.volumes, "volume", 0, "DESTINATION=HOW", "what becomes of the mount there: copy its files, shared (the other host has them), or fail"),
	O_STR(A, args.bundle, "bundle", 'b', "DIR", "as here", "the bundle on the other host"),
	O_FLAG(A, args.is_replace, "replace", 0, "files that are in the way on the other host are replaced"),
	O_STR(A, args.console_socket, "console-socket", 0, "SOCKET", NULL, "on the other host: who takes the terminal's master"),
	O_STR(A, args.rsh, "rsh", 0, "COMMAND", "ssh -T -e none", "the command that leads to the other host"),
	O_STR(A, args.remote_stiva, "remote-stiva", 0, "COMMAND", "stiva", "stiva there, and global options of it"),
	O_FLAG(A, args.is_check, "check", 0, "only say whether it would go; nothing is made there, and the container does not notice"),
	O_FLAG(A, recover, "recover", 0, "finish what migrations that were cut off have left on this host"),
	O_WORD(A, args.on_doubt, "on-doubt", 0, &ckpt_words_doubt, "wait", "when the other host cannot be asked whether it runs there: wait, or (unsafe) let it go on here, or delete it here"),
	O_STR(A, doubt, "doubt", 0, "TIME", "60s", "how long to ask it"),
	O_STR(A, silence, "silence", 0, "TIME", "5s", "how long the other host may be silent while the container stands still"),
	O_STR(A, max_frozen, "max-frozen", 0, "TIME", "no limit", "after so long it goes on here, whatever happens"),
	O_WORD(A, format, "format", 'f', &format_words, "text", "how to tell of the progress; json is one object a line"),
	O_FLAG(A, args.is_quiet, "quiet", 'q', "say nothing unless it fails"),
	O_FLAG(A, args.common.tcp_established, "tcp-established", 0, "keep established TCP connections"),
	O_FLAG(A, args.common.tcp_close, "tcp-close", 0, "close TCP connections"),
	O_FLAG(A, args.common.tcp_skip_in_flight, "tcp-skip-in-flight", 0, "leave out TCP connections that are being made"),
	O_FLAG(A, args.common.ext_unix_sk, "ext-unix-sk", 0, "allow unix sockets whose other end is outside"),
	O_FLAG(A, args.common.file_locks, "file-locks", 0, "keep file locks"),
	O_FLAG(A, args.common.link_remap, "link-remap", 0, "keep deleted files that are open by a hard link"),
};
/* clang-format on */

/* An --option of TIME; text NULL: it is not given. */
static int read_time(const char *option, const char *text, uint32_t *ret_ms, struct err *e)
{
	uint64_t usec;

	if (!text)
		return 0;
	if (num_duration(text, &usec) < 0 || usec < 1000 || usec / 1000 > INT32_MAX)
		return err_set(e, ERR_INPUT, EINVAL,
			       "option '--%s': \"%.64s\" is not a time from 1 ms on, such as 5s",
			       option, text);
	*ret_ms = (uint32_t)(usec / 1000);
	return 0;
}

static int read_options(A *a, struct err *e)
{
	int r = read_time("max-downtime", a->max_downtime, &a->args.max_downtime_ms, e);

	if (r == 0)
		r = read_time("max-frozen", a->max_frozen, &a->args.max_frozen_ms, e);
	if (r == 0)
		r = read_time("silence", a->silence, &a->args.silence_ms, e);
	if (r == 0)
		r = read_time("doubt", a->doubt, &a->args.doubt_ms, e);
	if (r == 0 && a->bandwidth.has && a->bandwidth.v < 1)
		r = err_set(e, ERR_INPUT, EINVAL,
			    "option '--bandwidth': it is a number of bytes a second, such as 100M");
	a->args.bandwidth = a->bandwidth.has ? (uint64_t)a->bandwidth.v : 0;
	a->args.is_json = a->format.has && a->format.v == MIGRATE_JSON;
	return r;
}

static int run(struct cmd_call *call, struct err *e)
{
	A *a = call->args;
	int r = read_options(a, e);

	if (r < 0)
		return r;
	/* Who reads the progress may go away. */
	(void)signal(SIGPIPE, SIG_IGN);
	if (a->recover) {
		if (call->n_words > 1)
			return err_set(e, ERR_INPUT, EINVAL,
				       "migrate --recover takes one ID or none: the other host is "
				       "known");
		return ckpt_migrate_recover(call->host, call->n_words ? call->words[0] : NULL,
					    &a->args, call->out, e);
	}
	if (call->n_words != 2)
		return err_set(e, ERR_INPUT, EINVAL,
			       "migrate takes the ID of a container and the [USER@]HOST where it "
			       "goes");
	a->args.host = call->words[1];
	if (a->args.host[0] == '-')
		return err_set(e, ERR_INPUT, EINVAL, "\"%.64s\" is not the name of a host",
			       a->args.host);
	return ckpt_migrate(call->host, call->words[0], &a->args, STDOUT_FILENO, e);
}

const struct cmd_verb cmd_migrate = {
	.name = "migrate",
	.group = CMD_MOVE,
	.word = CMD_WORD_ID,
	.summary = "move a running container to another host",
	.words = "ID [USER@]HOST",
	.detail =
		"Moves a container to a host that has stiva and CRIU as well, over ssh or the "
		"command of --rsh. Its files and memory are sent while it runs, and again what has "
		"changed meanwhile; then it stands still for a moment, the rest follows, the other "
		"host restores and audits it, and it runs on there. It is deleted here only then. "
		"Whatever fails before that, it goes on here as if nothing had happened, and "
		"nothing of it stays on the other host.\n\n"
		"Its root file system is copied, unless both hosts see the same storage at its "
		"path, which is found out. So it is with every bind mount; where it cannot be "
		"found out, or must be copied, --volume says so.\n\n"
		"If the line is cut at the moment of handing over, the other host is asked over "
		"another one whether it has it. While that cannot be found out the container "
		"stands still: never do two run. migrate --recover asks again, and removes what "
		"an interrupted migration to this host has left.\n\n"
		"Standard streams: a file becomes the file of the same name there, anything else "
		"/dev/null. The network namespace there is a new one, as config.json and its hooks "
		"make it.",
	.example = "migrate --max-downtime 50ms web root@two.example",
	.exits = "0: it runs on the other host. 1: it goes on here, or stands still in doubt, as "
		 "the message says.",
	.opts = CMD_OPTS(rows),
	.args_size = sizeof(A),
	.min_words = 0,
	.max_words = 2,
	.run = run,
};
