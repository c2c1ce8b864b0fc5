/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/cli/man_config: stiva-config(5): every property that the field tables know, with its kind
 * and words, and beside it what stiva decides where the specification leaves room. A property
 * cannot be missing here; a note whose property is gone fails a unit test. Called by cmd_help.c.
 */
#include "runtime/cli/cmd.h"

#include <string.h>
#include "runtime/cli/roff.h"
#include "spec/spec.h"
#include "base/ban.h"

#define PATH_SIZE 192
#define DEPTH	  8

struct note {
	const char *path, *text;
};
/* clang-format off */
static const struct note notes[] = {
	{"ociVersion", "Versions 1.0.0 to 1.3 and their pre-releases are taken; another major version is refused."},
	{"root", "Must be there."},
	{"root.path", "Relative to the bundle. The directory must exist; it is opened once."},
	{"root.readonly", "Takes effect after all mounts, devices and createContainer hooks."},
	{"hostname", "Refused without a uts namespace that is new or joined."},
	{"domainname", "As hostname."},
	{"annotations", "See stiva-annotations(7). Unknown ones are ignored and kept in the state."},
	{"mounts", "Mounted in the order of the list."},
	{"mounts[].destination",
	 "Resolved inside the root file system. A relative one is taken as below / with a warning."},
	{"mounts[].source", "Of a bind mount: relative to the bundle, and it must exist."},
	{"mounts[].type", "May be absent or \"bind\" for bind mounts. cgroup is mounted as cgroup2."},
	{"mounts[].options",
	 "Words that stiva does not know go to the file system as data; with a bind mount they are an error. "
	 "The words: stiva features, mountOptions."},
	{"mounts[].uidMappings", "Come together with gidMappings; with neither, idmap uses the user namespace's."},
	{"process", "create works without it, start is then an error."},
	{"process.terminal", "With --detach or create, --console-socket is needed."},
	{"process.consoleSize", "Ignored without a terminal."},
	{"process.cwd", "Absolute. Made with mode 0755 when it is missing."},
	{"process.env", "NAME=VALUE; of two the last counts. HOME comes from the container's /etc/passwd when it is "
	 "absent or empty. Nothing of the caller's environment is passed on."},
	{"process.args", "The first word is looked up in the PATH of process.env, inside the container."},
	{"process.user.umask", "When absent the caller's umask stays, as the specification says; crun and runc set 0022."},
	{"process.user.additionalGids", "The supplementary groups are exactly these."},
	{"process.capabilities", "Names that are unknown or cannot be granted are a warning."},
	{"process.rlimits", "The same type twice is an error; so is a limit that cannot be reached."},
	{"process.oomScoreAdj", "Where it may not be lowered, a value at or above the present one is a warning."},
	{"process.apparmorProfile", "Refused on a host without AppArmor."},
	{"process.selinuxLabel", "Refused on a host without SELinux."},
	{"process.noNewPrivileges", "With it, the seccomp filter is loaded as the last thing; without, while there are "
	 "privileges to do so."},
	{"process.execCPUAffinity", "For exec only. Without it, an affinity of the caller's is not passed on."},
	{"hooks.prestart", "Deprecated by the specification, and run before createRuntime. Hooks run one by one, in the "
	 "runtime's namespaces; one that fails ends the creation."},
	{"hooks.poststart", "Run when the program runs; one that fails ends and deletes the container."},
	{"hooks.poststop", "One that fails is a warning."},
	{"linux.namespaces[].path", "Absolute; a namespace of another kind is refused."},
	{"linux.namespaces[].type", "Each at most once."},
	{"linux.uidMappings", "At most 340 lines. For a user's containers newuidmap writes them; a single line for the "
	 "user himself needs none."},
	{"linux.timeOffsets", "Needs a new time namespace."},
	{"linux.devices", "A file that is there already must be the same device. In a user namespace the host's node is "
	 "bound, and must match."},
	{"linux.devices[].fileMode", "Permission bits only; 0666 when absent."},
	{"linux.cgroupsPath", "Absolute: from the root of cgroup2. Relative, or absent (then the id): beside the caller's own "
	 "cgroup. With --systemd-cgroup: SLICE:PREFIX:NAME."},
	{"linux.resources.unified", "Written last, as given."},
	{"linux.resources.devices", "As the kernel's cgroup v1 did it: the rules in their order, all access denied before the "
	 "first."},
	{"linux.resources.memory.limit", "-1 is no limit."},
	{"linux.resources.memory.swap", "Memory and swap together, as in cgroup v1; 0 is unset, -1 no limit."},
	{"linux.resources.memory.kernel", "Of cgroup v1 only: a value is an error."},
	{"linux.resources.cpu.shares", "Converted to cpu.weight so that 1024 is 100."},
	{"linux.resources.cpu.quota", "-1 is no limit."},
	{"linux.resources.cpu.realtimeRuntime", "Of cgroup v1 only: a value is an error."},
	{"linux.resources.pids.limit", "-1 is no limit; 0 allows no further process."},
	{"linux.resources.network", "Of cgroup v1 only: a value is an error."},
	{"linux.sysctl", "Only what belongs to a namespace of the container. Names with dots or slashes."},
	{"linux.seccomp", "Cached by content below --root."},
	{"linux.seccomp.flags", "Absent: SPEC_ALLOW; an empty list is none. A flag that the kernel lacks is an error."},
	{"linux.seccomp.defaultAction", "SCMP_ACT_NOTIFY is refused. With SCMP_ACT_ERRNO, system calls newer than the profile "
	 "give ENOSYS."},
	{"linux.seccomp.syscalls[].names", "Names unknown to libseccomp are skipped."},
	{"linux.seccomp.listenerPath", "Needed by SCMP_ACT_NOTIFY."},
	{"linux.maskedPaths", "A missing one is skipped."},
	{"linux.readonlyPaths", "A missing one is skipped."},
	{"linux.mountLabel", "Refused on a host without SELinux."},
	{"linux.personality.flags", "None is known: one is an error."},
	{"linux.intelRdt", "Refused where resctrl is not mounted."},
	{"linux.netDevices", "Moved from the runtime's network namespace; not moved back."},
};
/* clang-format on */
#define N_NOTES (sizeof(notes) / sizeof(notes[0]))

static const char *kind_text(const struct json_row *r)
{
	static const char *const texts[] = {
		[JSON_BOOL] = "true or false",
		[JSON_I64] = "integer",
		[JSON_U64] = "integer",
		[JSON_U32] = "integer",
		[JSON_STR] = "string",
		[JSON_ENUM] = "word",
		[JSON_STRS] = "list of strings",
		[JSON_STRMAP] = "map of strings",
		[JSON_ENUMS] = "list of words",
		[JSON_U32S] = "list of integers",
		[JSON_OBJ] = "object",
		[JSON_OBJS] = "list of objects",
		[JSON_OBJMAP] = "map of objects",
	};
	_Static_assert(sizeof(texts) / sizeof(texts[0]) == JSON_KIND_N, "one per kind");

	return r->flags & JF_ABS ? "absolute path" : texts[r->kind];
}

static const char *note_of(const char *path)
{
	for (size_t i = 0; i < N_NOTES; i++)
		if (str_eq(notes[i].path, path))
			return notes[i].text;
	return NULL;
}

static void add_property(const struct json_row *r, const char *path, struct buf *out)
{
	const char *note = note_of(path);

	buf_adds(out, ".TP\n\\fB");
	roff_add_words(path, out);
	buf_adds(out, "\\fR\n");
	roff_add_words(kind_text(r), out);
	if (r->flags & JF_REQ)
		buf_adds(out, ", must be there");
	if (r->min < (int64_t)r->max || (r->kind == JSON_U64 && r->max > 0))
		buf_printf(out, ", from %lld to %llu", (long long)r->min,
			   (unsigned long long)r->max);
	else if (r->kind == JSON_U64 || r->kind == JSON_U32)
		buf_adds(out, ", not negative");
	buf_adds(out, ".\n");
	for (size_t i = 0; r->words && i < r->words->n; i++) {
		buf_adds(out, i ? ", " : "Words: ");
		roff_add_words(r->words->rows[i].text, out);
		buf_adds(out, i + 1 == r->words->n ? ".\n" : "");
	}
	if (note) {
		roff_add_words(note, out);
		buf_addc(out, '\n');
	}
}

struct level {
	const struct json_table *table;
	size_t row, n_path; /* of the path, this level's prefix */
};

/* Depth first, without recursion: the tables are a tree of a few levels. */
static void walk(void (*fn)(const struct json_row *, const char *, void *), void *arg)
{
	struct level levels[DEPTH] = {{.table = &spec_table_config}};
	char path[PATH_SIZE] = "";
	size_t depth = 0;

	for (;;) {
		struct level *l = &levels[depth];
		const struct json_row *r = &l->table->rows[l->row];

		if (l->row++ >= l->table->n_rows) {
			if (depth-- == 0)
				return;
			continue;
		}
		if (r->flags & JF_OTHER_OS)
			continue;
		snprintf(path + l->n_path, sizeof(path) - l->n_path, "%s%s", l->n_path ? "." : "",
			 r->key);
		fn(r, path, arg);
		if (!r->sub || depth + 1 >= DEPTH)
			continue;
		if (r->kind != JSON_OBJ)
			strncat(path, r->kind == JSON_OBJS ? "[]" : ".NAME",
				sizeof(path) - strlen(path) - 1);
		levels[++depth] = (struct level){r->sub, 0, strlen(path)};
	}
}

static void print_row(const struct json_row *r, const char *path, void *arg)
{
	add_property(r, path, arg);
}

void cmd_man_config(struct buf *out)
{
	roff_add_head("stiva-config", 5, "File Formats",
		      "the properties of config.json, and what stiva "
		      "does with them",
		      out);
	buf_adds(out, ".SH DESCRIPTION\n");
	roff_add_paragraphs(
		"A bundle holds a file config.json as the OCI runtime specification " SPEC_VERSION
		" describes it. Below are all properties that stiva knows, with their kind, and "
		"what "
		"stiva decides where the specification leaves it to the runtime. Unknown "
		"properties, "
		"and those of other systems, are ignored; null is the same as absent; a number "
		"must be an integer written as one; of a key that is there twice the last "
		"counts.\n\n"
		"stiva validate prints all errors of a document at once, each with the path of the "
		"property. stiva spec writes a document to begin with.",
		out);
	buf_adds(out, ".SH PROPERTIES\n");
	walk(print_row, out);
	buf_adds(out, ".SH SEE ALSO\n.BR stiva (1),\n.BR stiva\\-annotations (7),\n"
		      ".BR stiva\\-validate (1)\n");
}

struct search {
	const char *path;
	bool is_found;
};

static void compare_row(const struct json_row *r, const char *path, void *arg)
{
	struct search *s = arg;

	(void)r;
	s->is_found = s->is_found || str_eq(path, s->path);
}

const char *cmd_man_config_stray(void)
{
	for (size_t i = 0; i < N_NOTES; i++) {
		struct search s = {.path = notes[i].path};
		walk(compare_row, &s);
		if (!s.is_found)
			return notes[i].path;
	}
	return NULL;
}
