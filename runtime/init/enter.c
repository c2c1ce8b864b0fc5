/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/init/enter: how the child gets into its namespaces: the order of joins and unshares, the
 * stage process S, time offsets, host and domain name. Owns nothing after it returns. Knows nothing
 * of mounts or identity. Sources: man 7 user_namespaces, pid_namespaces, time_namespaces, man 2
 * setns.
 */
#include "runtime/init/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "base/idmap.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/sys.h"
#include "base/ban.h"

/* The order after the user namespace; the mount namespace last, since paths change with it. pid and
 * time are joined by the parent (or S): they only take hold of children. */
static const enum spec_ns_type join_order[] = {SPEC_NS_IPC, SPEC_NS_UTS, SPEC_NS_NETWORK,
					       SPEC_NS_CGROUP, SPEC_NS_MOUNT};

bool init_keeps_groups(const struct init_job *j)
{
	const char *keep = spec_annotation(j->conf, "run.oci.keep_original_groups");

	return keep && str_eq(keep, "1");
}

/* Says HELLO, waits for the maps, becomes root of the new user namespace. */
static int become_mapped(struct init_job *j, struct err *e)
{
	struct msg m;
	int r = init_proto_send(j->sock_fd, INIT_MSG_HELLO, NULL, 0, NULL, 0, e);

	if (r < 0)
		return r;
	r = init_proto_expect(j->sock_fd, INIT_MSG_MAPPED, -1, &m, e);
	if (r < 0)
		return r;
	j->setgroups_denied = m.len == 1 && m.payload[0] == 1;
	msg_done(&m);
	/* Groups of the caller mean nothing here, unless they are asked for; a single self-map
	 * forbids the call. */
	if (!j->setgroups_denied && !init_keeps_groups(j) && setgroups(0, NULL) < 0)
		return err_sys(e, errno, "drop supplementary groups in the user namespace");
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return err_sys(e, errno,
			       "become root in the user namespace (is container id 0 mapped?)");
	return 0;
}

/* A dead parent before the commit ends us: the create is undone by whoever comes next. */
static void arm_parent_death(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

int init_enter_hello(struct init_job *j, struct err *e)
{
	arm_parent_death();
	if (j->ns.new_user) {
		int r = become_mapped(j, e);

		if (r < 0)
			return r;
		/* Changing credentials cleared it. */
		arm_parent_death();
	}
	/* From here on nothing that joins or is joined may ptrace us or open our /proc files. Not
	 * sooner: an unprivileged parent could not have written the maps. */
	prctl(PR_SET_DUMPABLE, 0);
	return 0;
}

static int join_one(struct init_job *j, enum spec_ns_type t, struct err *e)
{
	int fd = j->ns.join_fd[t];

	if (fd < 0)
		return 0;
	if (setns(fd, (int)word_value(&spec_words_ns, (int)t)) < 0)
		return err_sys(e, errno, "join the %s namespace",
			       word_text(&spec_words_ns, (int)t));
	return 0;
}

int init_enter_join(struct init_job *j, struct err *e)
{
	for (size_t i = 0; i < sizeof(join_order) / sizeof(join_order[0]); i++) {
		int r = join_one(j, join_order[i], e);

		if (r < 0)
			return r;
	}
	/* After the clone into the cgroup, so that its root is the container's own (N10). */
	if (j->ns.new_cgroup && unshare(CLONE_NEWCGROUP) < 0)
		return err_sys(e, errno, "make a cgroup namespace");
	if (setsid() < 0 && errno != EPERM)
		return err_sys(e, errno, "make a session");
	if (j->ns.clone_flags & CLONE_NEWNET) {
		int r = sys_loopback_up();

		if (r < 0)
			return err_sys(e, r, "bring the loopback interface up");
	}
	return 0;
}

int init_enter_names(struct init_job *j, struct err *e)
{
	const struct spec_config *c = j->conf;

	if (c->hostname && sethostname(c->hostname, strlen(c->hostname)) < 0)
		return err_sys(e, errno, "hostname: set \"%s\"", c->hostname);
	if (c->domainname && setdomainname(c->domainname, strlen(c->domainname)) < 0)
		return err_sys(e, errno, "domainname: set \"%s\"", c->domainname);
	return 0;
}

int init_enter_proc(struct init_job *j, struct err *e)
{
	if (j->proc_fd >= 0)
		return 0;
	return guard_proc_open(&j->proc_fd, e);
}

int init_time_offsets(const struct spec_config *conf, struct err *e)
{
	const struct spec_time_offset_vec *offs = &conf->linux_->time_offsets;

	for (size_t i = 0; i < offs->n; i++) {
		const struct spec_time_offset *o = &offs->v[i];
		char line[96];

		snprintf(line, sizeof(line), "%s %lld %u\n", o->key, (long long)o->secs.v,
			 o->nanosecs.v);
		int r = file_write_kernel(AT_FDCWD, "/proc/self/timens_offsets", line);

		if (r < 0)
			return err_sys(e, r, "linux.timeOffsets.%s: write \"%lld %u\"", o->key,
				       (long long)o->secs.v, o->nanosecs.v);
	}
	return 0;
}

int init_enter_running(struct init_job *j, struct err *e)
{
	if (j->ns.join_pidfd >= 0 && j->ns.join_flags &&
	    setns(j->ns.join_pidfd, j->ns.join_flags) < 0)
		return err_sys(e, errno, "join the container's namespaces");
	if ((j->ns.join_flags & CLONE_NEWUSER) &&
	    (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0))
		return err_sys(e, errno, "become root in the container's user namespace");
	if (j->ns.join_root_fd >= 0 && (fchdir(j->ns.join_root_fd) < 0 || chroot(".") < 0))
		return err_sys(e, errno, "enter the container's root");
	return 0;
}

/* ---- the stage S ---- */

/* N05: containerd and cri-o send the maps beside the path: then they must be the namespace's own.
 * They are never written. */
static int check_joined_map(const struct spec_id_mapping_vec *v, bool is_gid, struct err *e)
{
	AUTO(arena) a = {0};
	struct id_map want = spec_id_map(v, &a), have;

	if (!v->n)
		return 0;
	int ret = idmap_read(getpid(), is_gid, &a, &have, e);

	if (ret < 0)
		return ret;
	if (idmap_equal(&want, &have))
		return 0;
	return err_set(e, ERR_INPUT, EINVAL,
		       "linux.%s: are not those of the user namespace that is joined (its first of "
		       "%zu: %u %u %u)",
		       is_gid ? "gidMappings" : "uidMappings", have.n,
		       have.n ? have.v[0].container_id : 0, have.n ? have.v[0].host_id : 0,
		       have.n ? have.v[0].size : 0);
}

static int stage_enter(struct init_job *j, struct err *e)
{
	int r = init_enter_hello(j, e);

	if (r < 0)
		return r;
	if (j->ns.join_fd[SPEC_NS_USER] >= 0) {
		r = join_one(j, SPEC_NS_USER, e);
		if (r == 0 && j->root) /* a new container, not an exec */
			r = check_joined_map(&j->conf->linux_->uid_mappings, false, e);
		if (r == 0 && j->root)
			r = check_joined_map(&j->conf->linux_->gid_mappings, true, e);
		if (r < 0)
			return r;
		if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
			return err_sys(e, errno, "become root in the joined user namespace");
		arm_parent_death();
	}
	if (j->ns.join_pidfd >= 0 && j->ns.join_flags &&
	    setns(j->ns.join_pidfd, j->ns.join_flags) < 0)
		return err_sys(e, errno, "join the container's namespaces");
	r = join_one(j, SPEC_NS_PID, e);
	if (r < 0)
		return r;
	r = join_one(j, SPEC_NS_TIME, e);
	if (r < 0)
		return r;
	if (j->ns.new_time) {
		if (unshare(CLONE_NEWTIME) < 0)
			return err_sys(e, errno, "make a time namespace");
		r = init_time_offsets(j->conf, e);
	}
	return r;
}

_Noreturn void init_stage_main(struct init_job *j, void (*entry)(struct init_job *))
{
	struct err e = ERR_INIT;
	AUTO_FD pidfd = FD_NONE;

	if (stage_enter(j, &e) < 0) {
		init_proto_fail(j->sock_fd, &e);
		_exit(1);
	}
	uint64_t flags = j->ns.clone_flags & ~(uint64_t)CLONE_NEWUSER;
	/* The maps are done: I must not ask for them again. */
	j->ns.new_user = false;
	j->ns.join_pidfd = FD_NONE;
	/* I must not speak before P knows it: both have the same socket. */
	int hold[2];

	if (pipe2(hold, O_CLOEXEC) < 0) {
		err_sys(&e, errno, "make a pipe");
		init_proto_fail(j->sock_fd, &e);
		_exit(1);
	}
	pid_t pid = proc_clone(flags | CLONE_PARENT, FD_NONE, &pidfd);

	if (pid == 0) {
		char c;

		close(hold[1]);
		while (read(hold[0], &c, 1) < 0 && errno == EINTR)
			;
		close(hold[0]);
		entry(j);
		_exit(1);
	}
	if (pid < 0) {
		err_sys(&e, pid, "clone the container's init from the stage");
		init_proto_fail(j->sock_fd, &e);
		_exit(1);
	}
	if (init_proto_send(j->sock_fd, INIT_MSG_SPAWNED, &pid, sizeof(pid), &pidfd, 1, &e) < 0)
		_exit(1);
	_exit(0);
}
