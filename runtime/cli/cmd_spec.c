/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/cli/cmd_spec: the verb spec: writes a config.json to begin with, never over another. */
#include "runtime/cli/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include "base/fd.h"
#include "base/idmap.h"
#include "base/ban.h"

struct spec_args {
	const char *bundle, *config;
	bool rootless;
};
#define A struct spec_args
/* clang-format off */
static const struct cmd_opt rows[] = {
	O_STR(A, bundle, "bundle", 'b', "DIR", "the current directory", "where to write it"),
	O_STR(A, config, "config", 'f', "FILE", "config.json", "the name of the file"),
	O_FLAG(A, rootless, "rootless", 0,
	       "for the calling user: a user namespace with this user as its root and the ranges "
	       "of /etc/subuid and /etc/subgid as its other ids, and no resources"),
};
/* clang-format on */

static int write_new(int dir_fd, const char *name, const struct buf *text, struct err *e)
{
	AUTO_FD fd =
		openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	int r;

	if (fd < 0 && errno == EEXIST)
		return err_set(e, ERR_STATE, EEXIST, "\"%s\" is there already; remove it first",
			       name);
	if (fd < 0)
		return err_sys(e, errno, "create \"%s\"", name);
	r = fd_write_all(fd, text->data, text->len);
	if (r < 0) {
		unlinkat(dir_fd, name, 0);
		return err_sys(e, r, "write \"%s\"", name);
	}
	return 0;
}

static int run(struct cmd_call *call, struct err *e)
{
	const struct spec_args *a = call->args;
	const char *dir = a->bundle ? a->bundle : ".";
	AUTO_FD dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO(buf) text = {0};
	const struct spec_config *conf;
	struct id_map uids, gids;

	if (dir_fd < 0)
		return err_sys(e, errno, "open bundle \"%s\"", dir);
	idmap_own(call->arena, &uids, &gids);
	conf = spec_default(call->arena, a->rootless ? &uids : NULL, &gids);
	json_print(&spec_table_config, conf, 4, &text);
	buf_addc(&text, '\n');
	return write_new(dir_fd, a->config ? a->config : "config.json", &text, e);
}

const struct cmd_verb cmd_spec = {
	.name = "spec",
	.group = CMD_TOOLS,
	.summary = "write a config.json to begin with",
	.words = "",
	.detail = "Writes a configuration that runs sh from the directory rootfs of the bundle, "
		  "with a "
		  "terminal, few capabilities and a read-only root. An existing file is never "
		  "overwritten.",
	.example = "spec --bundle /srv/web",
	.opts = CMD_OPTS(rows),
	.args_size = sizeof(struct spec_args),
	.max_words = 0,
	.run = run,
};
