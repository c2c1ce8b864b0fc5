/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/cli/cmd_validate: the verb validate: all that create would refuse a config.json for. */
#include "runtime/cli/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include "base/file.h"
#include "runtime/guard/guard.h"
#include "base/ban.h"

struct validate_args {
	const char *bundle, *config;
};
#define A struct validate_args
/* clang-format off */
static const struct cmd_opt rows[] = {
	O_STR(A, bundle, "bundle", 'b', "DIR", "the current directory", "the bundle"),
	O_STR(A, config, "config", 'f', "FILE", "config.json in the bundle", "the configuration"),
};
/* clang-format on */

static int read_config(const char *dir, const char *file, struct buf *ret, struct err *e)
{
	AUTO_FD fd = FD_NONE;
	int r;

	if (!file) {
		fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return err_sys(e, errno, "open bundle \"%s\"", dir);
		r = file_read_at(fd, "config.json", JSON_DOCUMENT_MAX, ret);
		return r < 0 ? err_sys(e, r, "read \"%s/config.json\"", dir) : 0;
	}
	r = file_read_path(file, JSON_DOCUMENT_MAX, ret);
	return r < 0 ? err_sys(e, r, "read \"%s\"", file) : 0;
}

/* Errors of the document go to stdout: they are what was asked for. */
static int print_errors(const struct json_errors *errs, const char *name, struct buf *out,
			struct err *e)
{
	for (size_t i = 0; i < errs->n; i++) {
		const struct json_error *one = &errs->v[i];
		buf_printf(out, "%s: %s%s%s\n", name, one->path, *one->path ? ": " : "", one->text);
	}
	return err_set(e, ERR_INPUT, EINVAL, "%s: %zu error%s", name, errs->n,
		       errs->n == 1 ? "" : "s");
}

static int run(struct cmd_call *call, struct err *e)
{
	const struct validate_args *a = call->args;
	struct json_errors errs = {.arena = call->arena};
	const char *name = a->config ? a->config : "config.json";
	const char *dir = a->bundle ? a->bundle : ".";
	struct spec_config *conf = NULL;
	struct err rule = ERR_INIT;
	AUTO(buf) text = {0};
	int r;

	if (call->n_words > 0 && a->bundle)
		return err_set(e, ERR_INPUT, EINVAL, "--bundle and \"%s\" exclude each other",
			       call->words[0]);
	if (call->n_words > 0)
		dir = call->words[0];
	r = read_config(dir, a->config, &text, e);
	if (r < 0)
		return r;
	r = spec_load(text.data ? text.data : "", text.len, call->arena, &errs, &conf);
	if (conf && guard_sysctl_check(conf, &rule) < 0)
		json_error_add(&errs, 0, "", "%s", rule.text);
	if (r < 0 || errs.n > 0)
		return print_errors(&errs, name, call->out, e);
	buf_printf(call->out, "%s: ok\n", name);
	return 0;
}

const struct cmd_verb cmd_validate = {
	.name = "validate",
	.group = CMD_TOOLS,
	.word = CMD_WORD_DIR,
	.summary = "check a config.json",
	.words = "[BUNDLE]",
	.detail = "Reads the configuration of a bundle and prints everything that is wrong with "
		  "it, each "
		  "error on a line of its own with the place in the document. Nothing else is "
		  "touched.",
	.example = "validate /srv/web",
	.exits = "0 when there is no error, else 1.",
	.opts = CMD_OPTS(rows),
	.args_size = sizeof(struct validate_args),
	.max_words = 1,
	.run = run,
};
