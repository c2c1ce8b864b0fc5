/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/life/inspect: all that can be known of one container in one document: its state, what its
 * configuration asked for, and what the kernel says now. A field table is the format; programs read
 * it, so members are only ever added. Reads a snapshot without the lock. Called by runtime/cli.
 */
#include "runtime/life/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/ban.h"

struct inspect_ns {
	char *type, *path;
	struct opt_u64 inode;
	struct opt_bool is_callers; /* the same namespace as that of whoever asks */
};
OBJ_VEC(inspect_ns);
struct inspect_map {
	struct opt_u32 container, host, size;
};
OBJ_VEC(inspect_map);
struct inspect_cgroup {
	struct opt_enum manager;
	char *path;
	struct strmap values;
};
struct inspect {
	struct spec_state *state;
	char *state_dir, *config;
	struct spec_process *process;
	struct inspect_ns_vec namespaces;
	struct inspect_map_vec uids, gids;
	struct spec_mount_vec mounts;
	struct spec_hooks *hooks;
	struct inspect_cgroup *cgroup;
	struct life_rec_view *view;
};

/* clang-format off */
static const struct json_row ns_rows[] = {
	J_STR(struct inspect_ns, type, "type", 0),
	J_STR(struct inspect_ns, path, "path", 0),
	J_U64(struct inspect_ns, inode, "inode", 0),
	J_BOOL(struct inspect_ns, is_callers, "isCallers", 0),
};
static J_TABLE(ns_table, inspect_ns, ns_rows);

static const struct json_row map_rows[] = {
	J_U32(struct inspect_map, container, "containerID", 0),
	J_U32(struct inspect_map, host, "hostID", 0),
	J_U32(struct inspect_map, size, "size", 0),
};
static J_TABLE(map_table, inspect_map, map_rows);

static const struct json_row mount_rows[] = {
	J_STR(struct spec_mount, destination, "destination", 0),
	J_STR(struct spec_mount, type, "type", 0),
	J_STR(struct spec_mount, source, "source", 0),
	J_STRS(struct spec_mount, options, "options", 0),
};
static J_TABLE(mount_table, spec_mount, mount_rows);

static const struct json_row cgroup_rows[] = {
	J_ENUM(struct inspect_cgroup, manager, "manager", 0, &cg_words_manager),
	J_STR(struct inspect_cgroup, path, "path", 0),
	J_STRMAP(struct inspect_cgroup, values, "values", 0),
};
static J_TABLE(cgroup_table, inspect_cgroup, cgroup_rows);

static const struct json_row inspect_rows[] = {
	J_OBJ(struct inspect, state, "state", 0, spec_state, &spec_table_state),
	J_STR(struct inspect, state_dir, "stateDir", 0),
	J_STR(struct inspect, config, "config", 0),
	J_OBJ(struct inspect, process, "process", 0, spec_process, &spec_table_process),
	J_OBJS(struct inspect, namespaces, "namespaces", 0, inspect_ns, &ns_table),
	J_OBJS(struct inspect, uids, "uidMappings", 0, inspect_map, &map_table),
	J_OBJS(struct inspect, gids, "gidMappings", 0, inspect_map, &map_table),
	J_OBJ(struct inspect, cgroup, "cgroup", 0, inspect_cgroup, &cgroup_table),
	J_OBJS(struct inspect, mounts, "mounts", 0, spec_mount, &mount_table),
	J_OBJ(struct inspect, hooks, "hooks", 0, spec_hooks, &spec_table_hooks),
	J_OBJ(struct inspect, view, "view", 0, life_rec_view, &life_table_view),
};
static J_TABLE(inspect_table, inspect, inspect_rows);

/* The values in force, each of one line or few. */
static const char *const value_files[] = {
	"cgroup.controllers", "cgroup.freeze", "cpu.max", "cpu.weight", "cpu.idle",
	"cpuset.cpus.effective", "cpuset.mems.effective", "io.max", "io.weight", "memory.current",
	"memory.high", "memory.low", "memory.max", "memory.min", "memory.peak", "memory.swap.current",
	"memory.swap.max", "pids.current", "pids.max",
};
/* clang-format on */
#define N_VALUE_FILES (sizeof(value_files) / sizeof(value_files[0]))

static void add_values(const struct cg *cg, struct arena *a, struct strmap *ret)
{
	ret->v = arena_array(a, N_VALUE_FILES, sizeof(*ret->v));
	for (size_t i = 0; i < N_VALUE_FILES; i++) {
		char text[1024];
		int n = file_read_kernel(cg->dir_fd, value_files[i], text, sizeof(text));

		while (n > 0 && text[n - 1] == '\n')
			text[--n] = '\0';
		if (n <= 0)
			continue;
		for (char *s = strchr(text, '\n'); s; s = strchr(s, '\n'))
			*s = ';';
		ret->v[ret->n++] =
			(struct strpair){arena_strdup(a, value_files[i]), arena_strdup(a, text)};
	}
}

static void add_cgroup(struct life_box *b, struct inspect *in)
{
	const struct life_rec_cgroup *c = b->rec->cgroup;
	AUTO(cg) cg = CG_NONE;
	struct err ignored = ERR_INIT;

	in->cgroup = arena_alloc(&b->arena, sizeof(*in->cgroup));
	in->cgroup->manager = c->manager;
	in->cgroup->path = c->path;
	if (life_machine_cgroup(b, &cg, &ignored) == 0)
		add_values(&cg, &b->arena, &in->cgroup->values);
}

static void add_namespaces(struct life_box *b, pid_t pid, struct inspect_ns_vec *ret)
{
	ret->v = arena_array(&b->arena, spec_words_ns.n, sizeof(*ret->v));
	for (size_t i = 0; i < spec_words_ns.n; i++) {
		const char *name = word_text(&spec_words_ns_proc, (int)i);
		struct inspect_ns *ns = &ret->v[ret->n];
		char own[64];
		struct stat st, mine;

		ns->path = arena_printf(&b->arena, "/proc/%d/ns/%s", (int)pid, name);
		snprintf(own, sizeof(own), "/proc/self/ns/%s", name);
		if (stat(ns->path, &st) < 0)
			continue;
		ns->type = arena_strdup(&b->arena, word_text(&spec_words_ns, (int)i));
		ns->inode = (struct opt_u64){true, st.st_ino};
		if (stat(own, &mine) == 0)
			ns->is_callers = (struct opt_bool){true, st.st_ino == mine.st_ino};
		ret->n++;
	}
}

static void add_maps(struct life_box *b, pid_t pid, bool is_gid, struct inspect_map_vec *ret)
{
	struct id_map map = {0};
	struct err ignored = ERR_INIT;

	if (idmap_read(pid, is_gid, &b->arena, &map, &ignored) < 0)
		return;
	ret->v = arena_array(&b->arena, map.n + 1, sizeof(*ret->v));
	for (size_t i = 0; i < map.n; i++)
		ret->v[ret->n++] = (struct inspect_map){{true, map.v[i].container_id},
							{true, map.v[i].host_id},
							{true, map.v[i].size}};
}

/* What the copy of the configuration says; the environment stays in it: it may hold secrets. */
static void add_config(struct life_box *b, struct inspect *in)
{
	struct spec_config *conf = NULL;
	struct err ignored = ERR_INIT;

	if (life_store_config(b, &conf, &ignored) < 0)
		return;
	if (conf->process) {
		in->process = arena_alloc(&b->arena, sizeof(*in->process));
		*in->process = *conf->process;
		in->process->env = (struct strvec){0};
	}
	in->mounts = conf->mounts;
	in->hooks = conf->hooks;
}

int life_inspect(const struct life_host *h, const char *id, struct buf *out, struct err *e)
{
	AUTO(life_box) b = LIFE_BOX_INIT;
	struct inspect in = {0};
	struct spec_state state;
	char root[PATH_MAX];
	int r = life_store_open(h, id, false, &b, e);

	if (r == 0)
		r = life_store_root_path(h, root, sizeof(root), e);
	if (r < 0)
		return r;
	life_machine_state(&b, life_machine_status(&b), &state);
	if (b.rec)
		state.resources = b.rec->resources;
	in.state = &state;
	in.state_dir = arena_printf(&b.arena, "%s/%s", root, b.id);
	if (b.rec) {
		in.config = arena_printf(&b.arena, "%s/%s", in.state_dir, LIFE_CONFIG);
		in.view = b.rec->view;
		add_config(&b, &in);
		add_cgroup(&b, &in);
	}
	if (state.pid.v > 0) {
		add_namespaces(&b, (pid_t)state.pid.v, &in.namespaces);
		add_maps(&b, (pid_t)state.pid.v, false, &in.uids);
		add_maps(&b, (pid_t)state.pid.v, true, &in.gids);
	}
	json_print(&inspect_table, &in, 0, out);
	return 0;
}
