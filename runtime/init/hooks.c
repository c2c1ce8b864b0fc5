/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/init/hooks: runs the hooks of one kind (runtime-spec config.md "POSIX-platform Hooks").
 * Used by the child for createContainer and startContainer, by life/ for the four that run outside.
 * Knows nothing of when they are due.
 *
 * The environment is hooks[].env; an empty list is an empty environment. A hook without the
 * property gets the runtime's own, as runc and crun do and as hooks that need a PATH rely on (H06),
 * less what a dynamic loader would take for orders: whoever may set variables for us is not thereby
 * to choose the libraries of a hook (security.md C14). The container's environment never reaches a
 * hook that runs outside of it.
 */
#include "runtime/init/init.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/ban.h"

#define HOOK_OUTPUT_MAX (64u << 10)

/* The last non-empty line of the hook's output, cut, for the error. */
static const char *last_line(struct buf *out)
{
	if (!out->data)
		return "";
	while (out->len && (out->data[out->len - 1] == '\n' || out->data[out->len - 1] == '\r'))
		out->data[--out->len] = '\0';
	const char *nl = strrchr(out->data, '\n');
	const char *line = nl ? nl + 1 : out->data;

	return line;
}

/* man 8 ld.so: variables that load other code into a program, or change how it is loaded. */
static bool is_for_the_loader(const char *kv)
{
	return str_starts(kv, "LD_") || str_starts(kv, "GLIBC_TUNABLES=") ||
	       str_starts(kv, "GCONV_PATH=");
}

static char **own_env(struct arena *a)
{
	size_t n = 0, kept = 0;

	while (environ && environ[n])
		n++;
	char **ret = arena_array(a, n + 1, sizeof(*ret));

	for (size_t i = 0; i < n; i++)
		if (!is_for_the_loader(environ[i]))
			ret[kept++] = environ[i];
	return ret;
}

/* strsignal(3) in the case of our other words: "bad system call". */
static const char *signal_words(int sig, char ret[64])
{
	const char *text = sigdescr_np(sig);

	(void)snprintf(ret, 64, "%s", text ? text : "unknown");
	if (ret[0] >= 'A' && ret[0] <= 'Z')
		ret[0] = (char)(ret[0] - 'A' + 'a');
	return ret;
}

static int run_one(const struct spec_hook *h, const struct init_hooks_env *with, struct err *e)
{
	AUTO(buf) out = {0};
	AUTO(arena) arena = {0};
	char *const only_path[] = {h->path, NULL};
	char words[64];
	int status = 0;
	struct proc_helper run = {
		.path = h->path,
		.argv = h->args.n ? h->args.v : only_path,
		.envp = h->env.v    ? h->env.v
			: with->env ? with->env
				    : own_env(&arena),
		.cwd = with->cwd,
		.input = with->state,
		.n_input = strlen(with->state),
		.timeout_ms = -1,
		.max_output = HOOK_OUTPUT_MAX,
		.stdout_fd = with->out_fd,
		.stderr_fd = with->err_fd,
	};

	if (h->timeout.has)
		run.timeout_ms = h->timeout.v > INT_MAX / 1000 ? INT_MAX : (int)h->timeout.v * 1000;
	int r = proc_run_helper(&run, &out, &status);

	if (r == -ETIMEDOUT)
		return err_set(e, ERR_BUSY, ETIMEDOUT, "%s: no end within its timeout of %d s",
			       h->path, run.timeout_ms / 1000);
	if (r < 0)
		return err_sys(e, r, "%s", h->path);
	if (status > 128)
		return err_set(e, ERR_KERNEL, ECANCELED, "%s: killed by signal %d (%s): %.200s",
			       h->path, status - 128, signal_words(status - 128, words),
			       last_line(&out));
	if (status)
		return err_set(e, ERR_KERNEL, ECANCELED, "%s: exit status %d: %.200s", h->path,
			       status, last_line(&out));
	return 0;
}

int init_hooks_run(const struct spec_config *conf, enum spec_hook_kind kind,
		   const struct init_hooks_env *with, struct err *e)
{
	if (!conf->hooks)
		return 0;
	const struct spec_hook_vec *list = &conf->hooks->kind[kind];

	for (size_t i = 0; i < list->n; i++) {
		struct err one = ERR_INIT;

		if (run_one(&list->v[i], with, &one) == 0)
			continue;
		/* The words of runc, which callers know. */
		err_prefix(&one, "error running %s hook #%zu",
			   word_text(&spec_words_hook, (int)kind), i);
		/* H04: a failing poststop hook is a warning, and the others still run. */
		if (kind == SPEC_HOOK_POSTSTOP) {
			log_warn("%s", one.text);
			continue;
		}
		*e = one;
		return -one.code;
	}
	return 0;
}

/* ---- A08 ---- */

static int open_output(const struct spec_config *conf, const char *key, int *ret_fd, struct err *e)
{
	const char *path = spec_annotation(conf, key);

	*ret_fd = FD_NONE;
	if (!path || !*path)
		return 0;
	/* O_NONBLOCK: a fifo that nobody reads is an error, not a wait for ever. */
	int fd =
		open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, 0644);

	if (fd < 0)
		return err_sys(e, errno, "annotations.%s: open \"%s\"", key, path);
	(void)fcntl(fd, F_SETFL, O_APPEND);
	*ret_fd = fd;
	return 0;
}

int init_hooks_open(const struct spec_config *conf, int *ret_out_fd, int *ret_err_fd, struct err *e)
{
	int r = open_output(conf, "run.oci.hooks.stdout", ret_out_fd, e);

	*ret_err_fd = FD_NONE;
	return r < 0 ? r : open_output(conf, "run.oci.hooks.stderr", ret_err_fd, e);
}
