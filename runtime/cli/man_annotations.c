/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/cli/man_annotations: stiva-annotations(7): which annotations mean something to stiva, and
 * which of other runtimes do not (conformance.md section 4). Called by cmd_help.c.
 */
#include "runtime/cli/cmd.h"

#include "runtime/cli/roff.h"
#include "base/ban.h"

struct row {
	const char *key, *text;
};
/* clang-format off */
static const struct row taken[] = {
	{"org.opencontainers.image.stopSignal", "The signal that stiva kill sends when none is named."},
	{"org.systemd.property.NAME", "With --systemd-cgroup: a further property of the unit, its value as GVariant text; "
	 "names that end in Sec become those in USec."},
	{"org.criu.config", "A configuration file for CRIU: kept, without effect, since it could name programs for CRIU to "
	 "run. The options of checkpoint and restore say all."},
	{"run.oci.mount_context_type", "Which SELinux option linux.mountLabel is given to mounts by: context, fscontext, "
	 "defcontext or rootcontext."},
	{"run.oci.keep_original_groups", "1: the supplementary groups of the caller stay, and setgroups is not called."},
	{"run.oci.systemd.subgroup", "With --systemd-cgroup: the cgroup below the scope that the container is in; empty: none."},
	{"run.oci.delegate-cgroup", "A cgroup below the container's that is handed over to it."},
	{"run.oci.hooks.stdout", "Hooks append their output to this file."},
	{"run.oci.hooks.stderr", "Hooks append their errors to this file."},
	{"run.oci.seccomp.receiver", "The socket that gets the seccomp listener; linux.seccomp.listenerPath wins."},
	{"run.oci.seccomp_fail_unknown_syscall", "1: a system call name that libseccomp does not know is an error."},
	{"run.oci.seccomp_bpf_data", "A filter program in base64, in place of linux.seccomp."},
	{"run.oci.pidfd_receiver", "The same as --pidfd-socket, which wins."},
};
static const struct row own[] = {
	{"stiva.view", "true, or the directory at which lxcfs is mounted: the same as --view and --view-from, which win. "
	 "false, 0 or empty: nothing."},
};
static const struct row refused[] = {
	{"run.oci.handler", "stiva has no other executor than its own: a name is an error, so that what asks for a virtual "
	 "machine or wasm never runs as an ordinary container."},
	{"run.oci.systemd.force_cgroup_v1", "There is no cgroup v1 to give."},
	{"run.oci.seccomp.plugins", "No library is loaded into the runtime. Use linux.seccomp.listenerPath."},
};
static const struct row ignored[] = {
	{"module.wasm.image/variant, io.kubernetes.cri.container-type, krun.*", "Switches of executors that stiva does not have."},
	{"io.kubernetes.cri-o.*", "CRI-O acts on them itself, before it calls a runtime."},
	{"bundle", "A user's own: stiva keeps its bundle elsewhere."},
};
/* clang-format on */

static void add_rows(const char *title, const char *text, const struct row *rows, size_t n,
		     struct buf *out)
{
	buf_printf(out, ".SH %s\n", title);
	roff_add_paragraphs(text, out);
	for (size_t i = 0; i < n; i++) {
		buf_adds(out, ".TP\n\\fB");
		roff_add_words(rows[i].key, out);
		buf_adds(out, "\\fR\n");
		roff_add_words(rows[i].text, out);
		buf_addc(out, '\n');
	}
}
#define ADD_ROWS(title, text, rows, out)                                                           \
	add_rows(title, text, rows, sizeof(rows) / sizeof((rows)[0]), out)

void cmd_man_annotations(struct buf *out)
{
	roff_add_head("stiva-annotations", 7, "Miscellanea",
		      "annotations of a container that stiva knows", out);
	buf_adds(out, ".SH DESCRIPTION\n");
	roff_add_paragraphs(
		"annotations of config.json are a map of strings. All of them are kept in the "
		"state of "
		"a container and printed by stiva state; those below change what stiva does. They "
		"were made by other runtimes, and mean the same here.\n\n"
		"Who lets the untrusted set annotations should not let them set those that begin "
		"with "
		"org.criu.config, org.systemd.property., run.oci. and stiva.: stiva features lists "
		"these as potentiallyUnsafeConfigAnnotations.",
		out);
	ADD_ROWS("TAKEN", "", taken, out);
	ADD_ROWS("REFUSED", "A value other than an empty one, 0 or false is an error.", refused,
		 out);
	ADD_ROWS("IGNORED",
		 "The specification wants unknown annotations to be ignored. Among them:", ignored,
		 out);
	ADD_ROWS("OWN",
		 "Names that begin with stiva. are reserved: one that is not listed here is a "
		 "warning, and with --strict an error.",
		 own, out);
	buf_adds(out, ".SH MOUNT OPTIONS\n");
	roff_add_paragraphs(
		"Options of mounts that other runtimes know (tmpcopyup, copy-symlink, "
		"src-nofollow, "
		"dest-nofollow, idmap=...) are words of mounts[].options: see stiva-config(5).",
		out);
	buf_adds(out, ".SH SEE ALSO\n.BR stiva (1),\n.BR stiva\\-config (5)\n");
}
