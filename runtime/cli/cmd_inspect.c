/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/cli/cmd_inspect: the verb inspect: all that is known of a container. */
#include "runtime/cli/cmd.h"

#include <errno.h>
#include <unistd.h>
#include "base/json_view.h"
#include "base/ban.h"

struct inspect_args {
	const char *format;
};
#define A struct inspect_args
/* clang-format off */
static const struct cmd_opt rows[] = {
	O_STR(A, format, "format", 'f', "json|text|PATH", "text on a terminal, else json",
	      "how to print; PATH prints one value, such as state.pid or cgroup.values.memory.max"),
};
/* clang-format on */

static int print_one(const struct buf *json, const char *path, struct buf *out, struct err *e)
{
	const char *value = NULL;
	size_t n = 0;

	if (json_view_find(json->data, path, &value, &n) < 0)
		return err_set(e, ERR_INPUT, ENOENT, "nothing is at \"%s\" of what inspect prints",
			       path);
	json_view_raw(value, n, out);
	return 0;
}

static int run(struct cmd_call *call, struct err *e)
{
	const struct inspect_args *a = call->args;
	const char *format = a->format;
	AUTO(buf) json = {0};
	int r = life_inspect(call->host, call->words[0], &json, e);

	if (r < 0)
		return r;
	if (!format)
		format = isatty(STDOUT_FILENO) ? "text" : "json";
	if (str_eq(format, "text")) {
		json_view_outline(json.data, call->out);
	} else if (str_eq(format, "json")) {
		buf_add(call->out, json.data, json.len);
		buf_addc(call->out, '\n');
	} else {
		return print_one(&json, format, call->out, e);
	}
	return 0;
}

const struct cmd_verb cmd_inspect = {
	.name = "inspect",
	.group = CMD_OBSERVE,
	.word = CMD_WORD_ID,
	.summary = "print all that is known of a container",
	.words = "ID",
	.detail = "Prints the state, the process, namespaces, id maps, the cgroup with the values "
		  "that are in force, the mounts and hooks of the configuration, and where its "
		  "copy is. The environment is left out, because it may hold secrets.",
	.example = "inspect --format state.pid web",
	.opts = CMD_OPTS(rows),
	.args_size = sizeof(struct inspect_args),
	.min_words = 1,
	.max_words = 1,
	.run = run,
};
