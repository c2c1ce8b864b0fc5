/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/init/hooks: runs the hooks of one kind (runtime-spec config.md "POSIX-platform Hooks").
 * Used by the child for createContainer and startContainer, by life/ for the four that run outside.
 * Knows nothing of when they are due. The environment is exactly hooks[].env, empty when absent:
 * the caller's environment never reaches a hook (security.md C14).
 */
#include "runtime/init/init.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/log.h"
#include "base/proc.h"
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

static int run_one(const struct spec_hook *h, const char *state, const char *cwd, struct err *e)
{
	AUTO(buf) out = {0};
	char *const no_env[] = {NULL};
	char *const only_path[] = {h->path, NULL};
	int status = 0;
	struct proc_helper run = {
		.path = h->path,
		.argv = h->args.n ? h->args.v : only_path,
		.envp = h->env.v ? h->env.v : no_env,
		.cwd = cwd,
		.input = state,
		.n_input = strlen(state),
		.timeout_ms = -1,
		.max_output = HOOK_OUTPUT_MAX,
		.stdout_fd = FD_NONE,
		.stderr_fd = FD_NONE,
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
		return err_set(e, ERR_KERNEL, ECANCELED, "%s: killed by signal %d: %.200s", h->path,
			       status - 128, last_line(&out));
	if (status)
		return err_set(e, ERR_KERNEL, ECANCELED, "%s: exit status %d: %.200s", h->path,
			       status, last_line(&out));
	return 0;
}

int init_hooks_run(const struct spec_config *conf, enum spec_hook_kind kind, const char *state,
		   const char *cwd, struct err *e)
{
	if (!conf->hooks)
		return 0;
	const struct spec_hook_vec *list = &conf->hooks->kind[kind];
	int first = 0;

	for (size_t i = 0; i < list->n; i++) {
		struct err one = ERR_INIT;

		if (run_one(&list->v[i], state, cwd, &one) == 0)
			continue;
		err_prefix(&one, "%s hook %zu", word_text(&spec_words_hook, (int)kind), i);
		/* H04: a failing poststop hook is a warning, and the others still run. */
		if (kind == SPEC_HOOK_POSTSTOP) {
			log_warn("%s", one.text);
			continue;
		}
		*e = one;
		first = -one.code;
		break;
	}
	return first;
}
