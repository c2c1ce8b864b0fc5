/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/cli/hint: what a person could do about an error: one list, looked through when an error
 * is printed. The texts that engines read are not touched by it. Called by main.c.
 */
#include "runtime/cli/cmd.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "base/ban.h"

struct hint_row {
	int class;	  /* enum err_class, or ANY */
	int code;	  /* errno, or 0 */
	const char *text; /* words of the message, or NULL */
	bool only_user;	  /* not for root */
	const char *hint;
};
#define ANY (-1)

/* clang-format off */
static const struct hint_row rows[] = {
	{ERR_STATE, ENOENT, "container does not exist", false,
	 "stiva list shows the containers; another --root has others"},
	{ERR_STATE, EEXIST, "container with given ID already exists", false,
	 "choose another id, or remove that container: stiva delete ID"},
	{ERR_STATE, 0, "cannot delete container that is not stopped", false,
	 "stop it first (stiva kill ID), or end and delete it at once: stiva delete --force ID"},
	{ERR_STATE, 0, "cannot exec in a paused container", false, "stiva resume ID"},
	{ERR_STATE, 0, "cannot start a paused container", false, "stiva resume ID"},
	{ERR_STATE, 0, "record is broken", false, "stiva delete --force ID"},
	{ANY, 0, "executable file not found in $PATH", false,
	 "is it in the root file system, and its directory in PATH of process.env?"},
	{ANY, EACCES, "exec", false, "is the file executable, and its file system mounted without noexec?"},
	{ANY, ENOENT, "config.json", false,
	 "a bundle is a directory with config.json and a root file system: stiva spec writes the first"},
	{ANY, ENOENT, "root.path", false, "root.path of config.json is relative to the bundle"},
	{ANY, 0, "--console-socket", false,
	 "process.terminal is true: run without --detach, or give --console-socket"},
	{ANY, 0, "not built into this version", false, "stiva features says what is"},
	{ANY, 0, "unknown option", false, "add --help to the command to see its options"},
	{ANY, 0, "too few arguments", false, "add --help to the command for an example"},
	{ERR_KERNEL, EPERM, NULL, true, "stiva doctor says what this user may do here"},
	{ERR_KERNEL, EACCES, NULL, true, "stiva doctor says what this user may do here"},
	{ERR_MISSING, 0, NULL, false, "stiva doctor says what this machine lacks"},
	{ERR_KERNEL, ENOSYS, NULL, false, "stiva doctor says what this machine lacks"},
	{ERR_BUG, 0, NULL, false, "this is a mistake in stiva: please report it, with --debug's output"},
};
/* clang-format on */

const char *cmd_hint(const struct err *e)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct hint_row *h = &rows[i];
		if ((h->class == ANY || h->class == (int)e->class) &&
		    (h->code == 0 || h->code == e->code) &&
		    (!h->text || strstr(e->text, h->text)) && (!h->only_user || geteuid() != 0))
			return h->hint;
	}
	return NULL;
}
