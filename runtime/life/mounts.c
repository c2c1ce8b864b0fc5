/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/life/mounts: mounts put into a running container and taken away again (`mounts`,
 * conformance U35). The sources are opened here, in the caller's namespaces; a child joins the
 * container's and does the rest (init/mounts.c). What was added is recorded by its mount id before
 * it is attached: a removal takes that mount and no other, whatever the container has put in its
 * way. The mounts themselves end with the container, so the record needs no undo of its own.
 */
#include "runtime/life/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "base/file.h"
#include "base/proc.h"
#include "base/ban.h"

#define RECORD	  "mounts.json"
#define ANSWER_MS 30000

struct added {
	char *destination;
	struct opt_u64 id;
};
OBJ_VEC(added);
struct added_list {
	struct added_vec mounts;
};

/* clang-format off */
static const struct json_row added_rows[] = {
	J_STR(struct added, destination, "destination", JF_REQ | JF_ABS),
	J_U64(struct added, id, "id", JF_REQ),
};
static const struct json_table added_table = {"added", sizeof(struct added), added_rows,
					      sizeof(added_rows) / sizeof(added_rows[0])};
static const struct json_row list_rows[] = {
	J_OBJS(struct added_list, mounts, "mounts", JF_REQ | JF_KEEP, added, &added_table),
};
static const struct json_table list_table = {"added_list", sizeof(struct added_list), list_rows,
					     sizeof(list_rows) / sizeof(list_rows[0])};
/* clang-format on */

struct mounts_run {
	struct life_box box; /* owned; its arena holds all below */
	struct spec_config *conf;
	struct root_plan *plan; /* its fds are owned */
	struct init_job job;
	struct life_child child;
	struct added_list list;
	bool is_add;
};

static void mounts_run_done(struct mounts_run *x)
{
	life_spawn_plan_done(&x->job.ns);
	life_child_done(&x->child);
	if (x->plan)
		root_plan_close(x->plan);
	auto_fd_done(&x->child.abort_fd);
	life_box_done(&x->box);
}

/* ---- the record ---- */

static int read_record(struct mounts_run *x, struct err *e)
{
	AUTO(buf) text = {0};
	struct json_errors errs = {.arena = &x->box.arena};
	void *obj = NULL;
	int r = file_read_at(x->box.dir_fd, RECORD, JSON_DOCUMENT_MAX, &text);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return err_sys(e, r, "read \"%s\" of the container's state", RECORD);
	if (json_parse(&list_table, text.data, text.len, &x->box.arena, &errs, &obj) < 0)
		return spec_errors_to_err(&errs, RECORD " of the container's state", e);
	x->list = *(struct added_list *)obj;
	return 0;
}

static int write_record(const struct mounts_run *x, struct err *e)
{
	AUTO(buf) out = {0};

	json_print(&list_table, &x->list, 0, &out);
	buf_addc(&out, '\n');
	int r = file_replace_at(x->box.dir_fd, RECORD, out.data, out.len, 0600);

	return r < 0 ? err_sys(e, r, "write \"%s\" of the container's state", RECORD) : 0;
}

/* Room for the mounts of this call. */
static void grow_record(struct mounts_run *x)
{
	size_t n = x->list.mounts.n;
	struct added *v = arena_array(&x->box.arena, n + root_live_count(x->plan) + 1, sizeof(*v));

	for (size_t i = 0; i < n; i++)
		v[i] = x->list.mounts.v[i];
	x->list.mounts.v = v;
}

/* The mount added last at this destination, or NULL. */
static struct added *find_added(const struct mounts_run *x, const char *dest)
{
	for (size_t i = x->list.mounts.n; i-- > 0;)
		if (x->list.mounts.v[i].id.has && str_eq(x->list.mounts.v[i].destination, dest))
			return &x->list.mounts.v[i];
	return NULL;
}

/* ---- what both need ---- */

static int load_file(struct mounts_run *x, const char *file, struct err *e)
{
	AUTO(buf) text = {0};
	struct json_errors errs = {.arena = &x->box.arena};
	bool is_stdin = str_eq(file, "-");
	const struct spec_config *of = x->conf;
	int r = file_read_path(is_stdin ? "/dev/stdin" : file, JSON_DOCUMENT_MAX, &text);

	if (r < 0)
		return err_sys(e, r, "read \"%s\"", is_stdin ? "standard input" : file);
	if (spec_load_mounts(text.data, text.len, of, !x->is_add, &x->box.arena, &errs, &x->conf) <
	    0)
		return spec_errors_to_err(&errs, is_stdin ? "standard input" : file, e);
	return 0;
}

static int open_target(struct mounts_run *x, struct err *e)
{
	static const enum spec_ns_type joined[] = {SPEC_NS_USER, SPEC_NS_MOUNT, SPEC_NS_IPC,
						   SPEC_NS_NETWORK};
	struct init_ns *ns = &x->job.ns;
	char path[64];

	ns->join_pidfd = life_machine_pidfd(&x->box);
	if (ns->join_pidfd < 0) {
		ns->join_pidfd = FD_NONE;
		return life_machine_check(LIFE_MOUNTS, SPEC_STOPPED, e);
	}
	for (size_t i = 0; i < sizeof(joined) / sizeof(joined[0]); i++)
		if (spec_ns(x->conf, joined[i]))
			ns->join_flags |= (int)word_value(&spec_words_ns, (int)joined[i]);
	if (!x->box.rec->no_pivot.v)
		return 0;
	/* After MS_MOVE + chroot the mount namespace's root is not the container's. */
	snprintf(path, sizeof(path), "/proc/%d/root", (int)x->box.rec->init->pid.v);
	ns->join_root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return ns->join_root_fd < 0 ? err_sys(e, errno, "open the container's root") : 0;
}

static int prepare(struct mounts_run *x, const struct life_host *h, const char *id,
		   const char *file, struct err *e)
{
	int r = life_store_open(h, id, true, &x->box, e);

	if (r == 0)
		r = life_machine_check(LIFE_MOUNTS, life_machine_status(&x->box), e);
	if (r == 0)
		r = life_store_config(&x->box, &x->conf, e);
	if (r == 0)
		r = load_file(x, file, e);
	if (r < 0)
		return r;
	struct root_host host = {.bundle_fd = FD_NONE,
				 .bundle = x->box.rec->bundle,
				 .is_privileged = geteuid() == 0,
				 /* Of this pid for certain: the child joins by the pidfd. */
				 .userns = arena_printf(&x->box.arena, "/proc/%d/ns/user",
							(int)x->box.rec->init->pid.v)};

	r = root_live_plan(x->conf, &host, &x->box.arena, &x->plan, e);
	if (r == 0)
		r = read_record(x, e);
	if (r == 0)
		r = open_target(x, e);
	x->job.conf = x->conf;
	x->job.id = id;
	x->job.root = x->plan;
	return r;
}

/* Lets the child undo what it began, then makes sure that it is gone. Return: whether it ended by
 * itself; killed, it has undone nothing. */
static bool end_child(struct mounts_run *x)
{
	bool is_own_end = false;
	int status;

	auto_fd_done(&x->child.sock_fd);
	if (x->child.pidfd >= 0 && proc_wait(x->child.pidfd, LIFE_WAIT_MS, &status) == 0) {
		is_own_end = status <= 128;
		auto_fd_done(&x->child.pidfd);
	}
	life_spawn_kill(&x->child);
	return is_own_end;
}

static int spawn(struct mounts_run *x, struct err *e)
{
	/* In our own cgroup: that of the container may be frozen. */
	static const struct life_seat ours = {NULL, FD_NONE, 0};
	int r = life_wait_signals(&x->child.abort_fd, e);

	return r < 0 ? r
		     : life_spawn(&x->job, &ours,
				  x->is_add ? init_mounts_add_main : init_mounts_remove_main,
				  &x->child, e);
}

static int expect_ready(struct mounts_run *x, struct err *e)
{
	struct msg m;
	int r = life_wait_expect(&x->child, INIT_MSG_READY, ANSWER_MS, &m, e);

	if (r == 0)
		msg_done(&m);
	return r;
}

/* ---- add ---- */

static int put_on_record(struct mounts_run *x, size_t i, struct err *e)
{
	struct added *a = &x->list.mounts.v[x->list.mounts.n];
	struct msg m;
	int r = life_wait_expect(&x->child, INIT_MSG_MOUNTING, ANSWER_MS, &m, e);

	if (r < 0)
		return r;
	*a = (struct added){(char *)root_live_dest(x->plan, i), {true, 0}};
	if (m.len == sizeof(a->id.v))
		memcpy(&a->id.v, m.payload, sizeof(a->id.v));
	msg_done(&m);
	x->list.mounts.n++;
	r = write_record(x, e);
	return r < 0 ? r : init_proto_send(x->child.sock_fd, INIT_MSG_GO, NULL, 0, NULL, 0, e);
}

static int add(struct mounts_run *x, struct err *e)
{
	size_t before = x->list.mounts.n;
	int r = root_live_open(x->plan, e);

	if (r == 0)
		r = spawn(x, e);
	if (r < 0)
		return r;
	grow_record(x);
	for (size_t i = 0; r == 0 && i < root_live_count(x->plan); i++)
		r = put_on_record(x, i, e);
	if (r == 0)
		r = expect_ready(x, e);
	bool is_undone = end_child(x);

	/* What may be there still must stay known, or it could not be removed. */
	if (r == 0 || x->list.mounts.n == before || !is_undone)
		return r;
	struct err lost = ERR_INIT;

	x->list.mounts.n = before;
	(void)!write_record(x, &lost);
	return r;
}

int life_mounts_add(const struct life_host *h, const char *id, const char *file, struct err *e)
{
	struct mounts_run x = {.box = LIFE_BOX_INIT, .child = LIFE_CHILD_INIT, .is_add = true};

	init_job_reset(&x.job);
	int r = prepare(&x, h, id, file, e);

	if (r == 0 && x.conf->mounts.n)
		r = add(&x, e);
	mounts_run_done(&x);
	return r;
}

/* ---- remove ---- */

/* The ids of the mounts to take, in the arena. Taken out of the list, so that a destination named
 * twice means the one below as well. */
static int choose(struct mounts_run *x, uint64_t **ret_ids, struct err *e)
{
	size_t n = root_live_count(x->plan);

	*ret_ids = arena_array(&x->box.arena, n + 1, sizeof(**ret_ids));
	/* Last first, as they were stacked. */
	for (size_t i = n; i-- > 0;) {
		struct added *a = find_added(x, root_live_dest(x->plan, i));

		if (!a)
			return err_set(e, ERR_STATE, ENOENT,
				       "mounts[%zu].destination: `mounts add` has put nothing at "
				       "\"%s\"",
				       i, root_live_dest(x->plan, i));
		(*ret_ids)[i] = a->id.v;
		a->id.has = false;
	}
	return 0;
}

static void drop_chosen(struct mounts_run *x)
{
	size_t n = 0;

	for (size_t i = 0; i < x->list.mounts.n; i++)
		if (x->list.mounts.v[i].id.has)
			x->list.mounts.v[n++] = x->list.mounts.v[i];
	x->list.mounts.n = n;
}

static int take(struct mounts_run *x, struct err *e)
{
	uint64_t *ids;
	int r = choose(x, &ids, e);

	if (r == 0)
		r = root_live_open_remove(x->plan, ids, e);
	if (r == 0)
		r = spawn(x, e);
	if (r == 0)
		r = expect_ready(x, e);
	(void)end_child(x);
	if (r < 0)
		return r;
	drop_chosen(x);
	return write_record(x, e);
}

int life_mounts_remove(const struct life_host *h, const char *id, const char *file, struct err *e)
{
	struct mounts_run x = {.box = LIFE_BOX_INIT, .child = LIFE_CHILD_INIT};

	init_job_reset(&x.job);
	int r = prepare(&x, h, id, file, e);

	if (r == 0 && x.conf->mounts.n)
		r = take(&x, e);
	mounts_run_done(&x);
	return r;
}
