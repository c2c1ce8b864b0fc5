/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/cli/doctor_tools: programs beside stiva: systemd, criu, lxcfs, and the engines that may
 * call it. It must not know how findings are printed. Called by cmd_doctor.c.
 */
#include "runtime/cli/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/auto.h"
#include "base/file.h"
#include "base/num.h"
#include "base/proc.h"
#include "base/str.h"
#include "runtime/rootfs/rootfs.h"
#include "checkpoint/checkpoint.h"
#include "base/ban.h"

#define TOOL_MS	    5000
#define TOOL_OUTPUT 4096
#define CONFIG_MAX  (1u << 20)

/* What `PROGRAM --version` prints. */
static int ask_version(const char *program, struct buf *ret)
{
	char *argv[] = {(char *)program, (char *)"--version", NULL};
	char *envp[] = {(char *)"LC_ALL=C", (char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
	struct proc_helper h = {
		.path = program,
		.argv = argv,
		.envp = envp,
		.timeout_ms = TOOL_MS,
		.max_output = TOOL_OUTPUT,
		.stdout_fd = FD_NONE,
		.stderr_fd = FD_NONE,
	};
	int status = 0;
	int r = proc_run_helper(&h, ret, &status);

	return r < 0 ? r : status || !ret->len ? -EIO : 0;
}

static void criu(struct doctor_out *o)
{
	struct ckpt_criu_info c;
	struct err e = ERR_INIT;
	AUTO(buf) has = {0};

	if (ckpt_criu_probe(NULL, &c, &e) < 0) {
		doctor_tell(o, DOCTOR_WARNING, "containers cannot be checkpointed",
			    e.class == ERR_MISSING ? "install criu 4.1 or later"
						   : "run it by hand: criu check",
			    "%s", e.text);
		return;
	}
	/* Without one of them there is another way, so that none of them is a warning. */
	buf_printf(&has, "%s%s%s", c.has_mem_track ? ", memory tracking" : "",
		   c.has_lazy_pages ? ", lazy pages" : "",
		   c.has_pidfd_store ? ", pidfd store" : "");
	doctor_say(o, DOCTOR_OK, "%s %u.%u.%u%s%s", c.path, c.major, c.minor, c.sublevel,
		   has.len ? ":" : "", has.len ? has.data + 1 : "");
}

static void lxcfs(struct doctor_out *o)
{
	static const char means[] = "with --view containers still see the host's memory and CPUs";
	char path[PATH_MAX];
	struct err e = ERR_INIT;
	int r = root_lxcfs_find(path, &e);

	if (r == 0)
		doctor_say(o, DOCTOR_OK, "mounted at %s", path);
	else if (r != -ENOENT)
		doctor_tell(o, DOCTOR_WARNING, means, "start it again: systemctl restart lxcfs",
			    "%s", e.text);
	else if (proc_find_program("lxcfs", path, sizeof(path)) == 0)
		doctor_tell(o, DOCTOR_WARNING, means, "start it: systemctl enable --now lxcfs",
			    "%s, not mounted", path);
	else
		doctor_tell(o, DOCTOR_WARNING, means, "install lxcfs and start it", "no lxcfs");
}

static void systemd(struct doctor_out *o)
{
	char path[PATH_MAX];
	AUTO(buf) text = {0};

	if (access("/run/systemd/system", F_OK) < 0) {
		doctor_tell(
			o, DOCTOR_WARNING,
			"--systemd-cgroup, which podman and CRI-O use by default, does not work",
			"use --cgroup-manager cgroupfs, in the engine's configuration too",
			"not the init system of this machine");
		return;
	}
	if (proc_find_program("systemctl", path, sizeof(path)) < 0 ||
	    ask_version(path, &text) < 0) {
		doctor_say(o, DOCTOR_OK, "runs, version unknown");
		return;
	}
	text.data[strcspn(text.data, "\n")] = '\0';
	doctor_say(o, DOCTOR_OK, "%.60s", text.data);
}

static void bus(struct doctor_out *o)
{
	const char *dir = getenv("XDG_RUNTIME_DIR");
	bool is_user = geteuid() != 0;
	char path[PATH_MAX];
	int n;

	if (access("/run/systemd/system", F_OK) < 0) {
		doctor_say(o, DOCTOR_OK, "not needed without systemd");
		return;
	}
	n = is_user ? snprintf(path, sizeof(path), "%s/bus", dir ? dir : "")
		    : snprintf(path, sizeof(path), "/run/systemd/private");
	if (!is_user && access(path, F_OK) < 0)
		n = snprintf(path, sizeof(path), "/run/dbus/system_bus_socket");
	if (n > 0 && (size_t)n < sizeof(path) && (!is_user || dir) &&
	    access(path, R_OK | W_OK) == 0)
		doctor_say(o, DOCTOR_OK, "%s", path);
	else
		doctor_tell(o, DOCTOR_WARNING, "--systemd-cgroup does not work",
			    is_user ? "log in through systemd, or loginctl enable-linger USER"
				    : "start dbus",
			    "no bus at %s", is_user && !dir ? "$XDG_RUNTIME_DIR/bus" : path);
}

/* ---- engines ---- */

static bool file_mentions(const char *path)
{
	AUTO(buf) text = {0};

	return file_read_path(path, CONFIG_MAX, &text) == 0 && text.len &&
	       strstr(text.data, "stiva");
}

static bool dir_mentions(const char *dir)
{
	AUTO_DIR d = opendir(dir);

	for (struct dirent *de = d ? readdir(d) : NULL; de; de = readdir(d)) {
		char path[PATH_MAX];
		int n = snprintf(path, sizeof(path), "%s/%s", dir, de->d_name);
		if (n > 0 && (size_t)n < sizeof(path) && str_ends(path, ".conf") &&
		    file_mentions(path))
			return true;
	}
	return false;
}

static void podman(struct doctor_out *o)
{
	static const char *const files[] = {"/usr/share/containers/containers.conf",
					    "/etc/containers/containers.conf"};
	static const char *const dirs[] = {"/usr/share/containers/containers.conf.d",
					   "/etc/containers/containers.conf.d"};
	const char *home = getenv("HOME");
	char path[PATH_MAX];
	bool is_known = false;

	if (proc_find_program("podman", path, sizeof(path)) < 0) {
		doctor_say(o, DOCTOR_OK, "not installed");
		return;
	}
	for (size_t i = 0; i < 2; i++)
		is_known = is_known || file_mentions(files[i]) || dir_mentions(dirs[i]);
	if (home && *home == '/' &&
	    snprintf(path, sizeof(path), "%s/.config/containers/containers.conf", home) > 0)
		is_known = is_known || file_mentions(path);
	if (is_known)
		doctor_say(o, DOCTOR_OK, "knows stiva");
	else
		doctor_tell(o, DOCTOR_WARNING,
			    "podman --runtime stiva works by path only, and without its JSON log",
			    "copy contrib/containers.conf.d/50-stiva.conf to "
			    "/etc/containers/containers.conf.d/",
			    "no containers.conf mentions stiva");
}

static void engine(struct doctor_out *o, const char *program, const char *file, const char *fix)
{
	char path[PATH_MAX];

	if (proc_find_program(program, path, sizeof(path)) < 0)
		doctor_say(o, DOCTOR_OK, "not installed");
	else if (file_mentions(file))
		doctor_say(o, DOCTOR_OK, "knows stiva");
	else
		doctor_tell(o, DOCTOR_WARNING, "it does not offer stiva", fix,
			    "%s does not mention stiva", file);
}

static void docker(struct doctor_out *o)
{
	engine(o, "dockerd", "/etc/docker/daemon.json",
	       "add \"runtimes\": {\"stiva\": {\"path\": \"/usr/local/bin/stiva\"}} to it");
}

static void containerd(struct doctor_out *o)
{
	engine(o, "containerd", "/etc/containerd/config.toml",
	       "add a runtime of the type io.containerd.runc.v2 with the option BinaryName = "
	       "\"/usr/local/bin/stiva\"");
}

/* clang-format off */
static const struct doctor_check rows[] = {
	{"tools.systemd", systemd},
	{"tools.bus", bus},
	{"tools.criu", criu},
	{"tools.lxcfs", lxcfs},
	{"tools.podman", podman},
	{"tools.docker", docker},
	{"tools.containerd", containerd},
};
/* clang-format on */
const struct doctor_group doctor_tools = DOCTOR_GROUP("beside stiva", rows);
