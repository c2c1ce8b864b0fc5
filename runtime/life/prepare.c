/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/life/prepare: everything of a create that comes before the first side effect: the config
 * read and checked, plans made, host paths opened, the seccomp filter compiled. Fills struct
 * life_create.
 */
#include "runtime/life/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/file.h"
#include "base/log.h"
#include "base/num.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/sys.h"
#include "base/ban.h"

/* ---- the bundle and its config ---- */

/* Absolute, without what path_clean() would take out. */
static bool is_clean(const char *path)
{
	char clean[PATH_MAX];

	return path[0] == '/' && path_clean(path, clean, sizeof(clean)) > 0 && str_eq(path, clean);
}

static int open_bundle(struct life_create *c, struct err *e)
{
	const char *path = c->a->bundle ? c->a->bundle : ".";
	char link[FD_PROC_MAX], real[PATH_MAX];

	c->bundle_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (c->bundle_fd < 0)
		return err_sys(e, errno, "bundle \"%s\"", path);
	ssize_t n = readlink(fd_proc_path(c->bundle_fd, link), real, sizeof(real) - 1);

	if (n < 0)
		return err_sys(e, errno, "bundle \"%s\": find its absolute path", path);
	/* A clean absolute path is told as it was given, links and all (crun #2025). */
	c->bundle = is_clean(path) ? arena_strdup(&c->arena, path)
				   : arena_strndup(&c->arena, real, (size_t)n);
	return 0;
}

static int read_config(struct life_create *c, struct err *e)
{
	const char *name = c->a->config ? c->a->config : LIFE_CONFIG;
	int r = c->a->config ? file_read_path(name, JSON_DOCUMENT_MAX, &c->text)
			     : file_read_at(c->bundle_fd, name, JSON_DOCUMENT_MAX, &c->text);

	if (r == -ENOENT)
		return err_set(e, ERR_INPUT, ENOENT,
			       "%s: no such file or directory in bundle \"%s\" (make one with "
			       "`stiva spec`)",
			       name, c->bundle);
	if (r == -EFBIG)
		return err_set(e, ERR_INPUT, EFBIG, "%s larger than 16 MiB", name);
	if (r < 0)
		return err_sys(e, r, "%s in bundle \"%s\"", name, c->bundle);
	struct json_errors errs = {.arena = &c->arena};

	if (spec_load(c->text.data, c->text.len, &c->arena, &errs, &c->conf) < 0)
		return spec_errors_to_err(&errs, name, e);
	/* start and exec may be called without the variable: then the copy must know its value. */
	if (c->conf->linux_->seccomp && getenv(SPEC_RECEIVER_ENV)) {
		c->text.len = 0;
		json_print(&spec_table_config, c->conf, 0, &c->text);
	}
	return 0;
}

static bool has_hooks(const struct spec_config *conf, enum spec_hook_kind kind)
{
	return conf->hooks && conf->hooks->kind[kind].n;
}

/* ---- what the command line says ---- */

static int check_fds(struct life_create *c, struct err *e)
{
	const char *fds = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
	uint32_t n = 0, owner;

	/* sd_listen_fds(3): they are ours only when LISTEN_PID says so. */
	if (fds && num_u32(fds, &n) == 0 && n < 1024 &&
	    (!pid || (num_u32(pid, &owner) == 0 && owner == (uint32_t)getpid())))
		c->job.listen_fds = n;
	c->job.preserve_fds = c->a->preserve_fds + c->job.listen_fds;
	for (unsigned i = 0; i < c->job.preserve_fds; i++)
		if (fcntl(3 + (int)i, F_GETFD) < 0)
			return err_set(e, ERR_INPUT, EBADF, "--preserve-fds %u: fd %u is not open",
				       c->a->preserve_fds, 3 + i);
	return 0;
}

static int check_console(const struct life_create *c, struct err *e)
{
	bool terminal = c->conf->process && c->conf->process->terminal.v;
	bool foreground = c->is_run && !c->a->detach;

	if (c->is_run && !c->conf->process)
		return err_set(e, ERR_INPUT, EINVAL,
			       "config.json has no process: it can be created, not run");
	if (terminal && !foreground && !c->a->console_socket)
		return err_set(
			e, ERR_INPUT, EINVAL,
			"process.terminal: use --console-socket for a terminal that is not that of "
			"a run in the foreground");
	if (!terminal && c->a->console_socket)
		return err_set(e, ERR_INPUT, EINVAL,
			       "--console-socket given, but process.terminal is false");
	return 0;
}

/* The child's hooks write there too, when it sees the host no more (A08). */
static int open_hook_output(struct life_create *c, struct err *e)
{
	if (!has_hooks(c->conf, SPEC_HOOK_CREATE_CONTAINER) &&
	    !has_hooks(c->conf, SPEC_HOOK_START_CONTAINER))
		return 0;
	return init_hooks_open(c->conf, &c->job.hook_out_fd, &c->job.hook_err_fd, e);
}

/* runc and crun make the user namespace implicit or refuse; we say what is missing (N06). */
static int check_rootless(const struct life_create *c, struct err *e)
{
	if (geteuid() == 0 || spec_ns(c->conf, SPEC_NS_USER))
		return 0;
	return err_set(
		e, ERR_INPUT, EPERM,
		"linux.namespaces: rootless containers need a user namespace (see `stiva spec "
		"--rootless`)");
}

/* ---- plans ---- */

static int choose_cgroup(struct life_create *c, struct err *e)
{
	struct cg_wish w;
	int r = cg_wish_read(c->conf, c->a->id, c->is_rootless, &w, e);

	return r < 0 ? r : cg_choose(c->h->manager, &w, &c->place, e);
}

/* What the command line says stands above the annotation. NULL: no view is wanted. */
static const char *choose_view(const struct life_create *c)
{
	const struct life_create_args *a = c->a;
	const char *noted = spec_view(c->conf);

	if (a->view.has ? !a->view.v : !a->view_from && !noted)
		return NULL;
	return a->view_from ? a->view_from : noted ? noted : "";
}

static int plan_root(struct life_create *c, struct err *e)
{
	const struct cg_place *at = &c->place;
	struct root_host host = {
		.bundle_fd = c->bundle_fd,
		.bundle = c->bundle,
		.cgroup_path = at->inner[0] ? arena_printf(&c->arena, "%s/%s", at->path, at->inner)
					    : at->path,
		.is_privileged = geteuid() == 0,
		.no_pivot = c->a->no_pivot,
		.view = choose_view(c),
	};

	if (c->a->view_from && c->a->view_from[0] != '/')
		return err_set(e, ERR_INPUT, EINVAL,
			       "option '--view-from': \"%.64s\" must be an absolute path",
			       c->a->view_from);
	if (getenv("NOTIFY_SOCKET") && c->conf->process) {
		char root[PATH_MAX];
		int r = life_store_root_path(c->h, root, sizeof(root), e);

		if (r < 0)
			return r;
		host.notify_socket_dir =
			arena_printf(&c->arena, "%s/%s/%s", root, c->a->id, LIFE_NOTIFY_DIR);
		c->job.notify_socket = LIFE_NOTIFY_ENV;
	}
	return root_plan_make(c->conf, &host, &c->arena, &c->plan, e);
}

static int compile_filter(struct life_create *c, struct err *e)
{
	AUTO_FD root_fd = FD_NONE;
	AUTO_FD cache_fd = FD_NONE;

	if (!life_filter_is_wanted(c->conf))
		return 0;
	int r = life_store_root(c->h, true, &root_fd, e);

	if (r < 0)
		return r;
	cache_fd = openat(root_fd, LIFE_SECCOMP_DIR, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (cache_fd < 0 && errno == ENOENT && mkdirat(root_fd, LIFE_SECCOMP_DIR, 0700) == 0)
		cache_fd = openat(root_fd, LIFE_SECCOMP_DIR,
				  O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return life_filter_make(c->conf, cache_fd, &c->arena, &c->job.filter, e);
}

static void fill_job(struct life_create *c)
{
	struct init_job *j = &c->job;
	const struct spec_config *conf = c->conf;

	c->state = (struct spec_state){
		.oci_version = (char *)SPEC_VERSION,
		.id = (char *)c->a->id,
		.bundle = c->bundle,
		.root = (char *)root_plan_rootfs(c->plan),
		.annotations = conf->annotations,
	};
	j->conf = conf;
	j->process = conf->process;
	j->id = c->a->id;
	j->root = c->plan;
	j->state = &c->state;
	j->wants_keyring = !c->a->no_new_keyring;
	c->pidfd_socket = c->a->pidfd_socket ? c->a->pidfd_socket
					     : spec_annotation(conf, "run.oci.pidfd_receiver");
	j->has_oom_score = true;
	j->is_relayed = c->is_run && !c->a->detach && !c->a->console_socket;
	/* Hooks look at the container between its namespaces and its root; and its sysctls may be
	 * those of devices that are moved in. */
	j->wants_go = has_hooks(conf, SPEC_HOOK_PRESTART) ||
		      has_hooks(conf, SPEC_HOOK_CREATE_RUNTIME) || conf->linux_->net_devices.n;
	if (c->is_run && !c->a->detach)
		(void)ioctl(STDIN_FILENO, TIOCGWINSZ, &j->size);
}

/* What the program will see: on record for whoever has to make the same mounts again. */
static void fill_view(struct life_create *c)
{
	const char *why, *from = root_plan_view(c->plan, &why);

	if (from) {
		c->rec_view = (struct life_rec_view){(char *)from, root_plan_view_paths(c->plan)};
		c->rec.view = &c->rec_view;
	}
	if (why)
		log_warn("view: %s: the container sees the host's memory and CPUs", why);
}

static int fill_record(struct life_create *c, struct err *e)
{
	int r = sys_boot_id(c->boot_id);

	if (r == 0)
		r = life_machine_mark(getpid(), &c->rec_creator);
	if (r < 0)
		return err_sys(e, r, "find out who we are in /proc (is it mounted?)");
	num_now_rfc3339(c->created);
	if (geteuid() == 0)
		str_copy(c->owner, sizeof(c->owner), "root");
	else
		snprintf(c->owner, sizeof(c->owner), "%u", geteuid());
	c->rec_cgroup = (struct life_rec_cgroup){
		.manager = {true, (int)c->place.manager},
		.path = c->place.path[0] ? c->place.path : NULL,
		.unit = c->place.unit[0] ? c->place.unit : NULL,
		.is_user_unit = {c->place.is_user_unit, c->place.is_user_unit},
	};
	/* The default place is beside our own cgroup; others may have to be made. Killed while it
	 * makes them, we could not tell any more. */
	if (c->place.path[0] && !c->place.unit[0] && c->conf->linux_->cgroups_path)
		c->rec_cgroup.made_levels =
			(struct opt_u32){true, life_owner_levels(c->place.path)};
	c->rec = (struct life_record){
		.schema = {true, LIFE_SCHEMA},
		.id = (char *)c->a->id,
		.oci_version = (char *)SPEC_VERSION,
		.boot_id = c->boot_id,
		.bundle = c->bundle,
		.rootfs = (char *)root_plan_rootfs(c->plan),
		.created = c->created,
		.owner = c->owner,
		.stage = {true, LIFE_STAGE_CREATING},
		.creator = &c->rec_creator,
		.cgroup = &c->rec_cgroup,
		.no_pivot = {c->a->no_pivot, c->a->no_pivot},
		.no_keyring = {c->a->no_new_keyring, c->a->no_new_keyring},
		.has_process = {true, c->conf->process != NULL},
		.has_poststart = {true, has_hooks(c->conf, SPEC_HOOK_POSTSTART)},
		.has_poststop = {true, has_hooks(c->conf, SPEC_HOOK_POSTSTOP)},
		.has_notify = {true, c->job.notify_socket != NULL},
		.annotations = c->conf->annotations,
	};
	return 0;
}

int life_create_prepare(struct life_create *c, struct err *e)
{
	int r = life_store_id_check(c->a->id, e);

	c->is_rootless = life_is_rootless(c->h);
	if (r == 0)
		r = open_bundle(c, e);
	if (r == 0)
		r = read_config(c, e);
	if (r == 0)
		r = check_fds(c, e);
	if (r == 0)
		r = check_console(c, e);
	if (r == 0)
		r = check_rootless(c, e);
	if (r == 0)
		r = guard_sysctl_check(c->conf, e);
	if (r == 0)
		r = choose_cgroup(c, e);
	if (r == 0)
		r = plan_root(c, e);
	if (r == 0)
		r = life_spawn_plan(c->conf, &c->job.ns, e);
	if (r == 0)
		r = root_plan_open(c->plan, e);
	if (r == 0)
		r = open_hook_output(c, e);
	if (r == 0)
		r = compile_filter(c, e);
	if (r < 0)
		return r;
	fill_job(c);
	r = fill_record(c, e);
	if (r == 0)
		r = life_rdt_plan(c, e);
	if (r == 0)
		r = life_netdev_plan(c, e);
	if (r == 0) /* last: its warning is for a container that is made */
		fill_view(c);
	return r;
}

int life_plan_print(const struct life_host *h, const struct life_create_args *a, struct buf *out,
		    struct err *e)
{
	struct life_create c = {.h = h, .a = a, .is_run = true};
	int r = life_store_id_check(a->id, e);

	life_create_init(&c);
	c.is_rootless = life_is_rootless(h);
	if (r == 0)
		r = open_bundle(&c, e);
	if (r == 0)
		r = read_config(&c, e);
	if (r == 0)
		r = choose_cgroup(&c, e);
	if (r == 0)
		r = plan_root(&c, e);
	if (r == 0) {
		const struct spec_namespace_vec *ns = &c.conf->linux_->namespaces;

		buf_printf(out, "bundle: %s\ncgroup: %s\n", c.bundle,
			   c.place.path[0] ? c.place.path : "none");
		for (size_t i = 0; i < ns->n; i++)
			buf_printf(out, "namespace: %s %s\n",
				   word_text(&spec_words_ns, ns->v[i].type.v),
				   ns->v[i].path ? ns->v[i].path : "new");
		root_plan_print(c.plan, out);
	}
	life_create_done(&c);
	return r;
}
