/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/life/netdev: linux.netDevices in a create (conformance D10): what is refused before
 * anything is made, the row that moves, and its undo. The work is in netns/move.c. Called by
 * create.c and prepare.c.
 *
 * Once the container is created its devices are its own: nothing brings them back at its end. A new
 * network namespace takes virtual ones with it, and the kernel returns physical ones to the host; a
 * joined one keeps them. Only a create that fails, or was killed half-way, gives them back.
 */
#include "runtime/life/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"
#include "base/proc.h"
#include "base/ban.h"

/* The path of the namespace that is joined; NULL: a new one. */
static const char *joined_path(const struct life_create *c)
{
	const struct spec_namespace *ns = spec_ns(c->conf, SPEC_NS_NETWORK);

	return ns && ns->path && ns->path[0] ? ns->path : NULL;
}

static struct net_move_want *wants_of(const struct spec_net_device_vec *v, struct arena *a)
{
	struct net_move_want *w = arena_array(a, v->n + 1, sizeof(*w));

	for (size_t i = 0; i < v->n; i++) {
		const char *name = v->v[i].name;

		w[i] = (struct net_move_want){v->v[i].key, name && *name ? name : v->v[i].key};
	}
	return w;
}

/* For a delete after a create that was killed: state.json says what may have moved where. */
static void fill_record(struct life_create *c, const struct net_move_want *w, size_t n)
{
	struct strpair *pairs = arena_array(&c->arena, n + 1, sizeof(*pairs));

	for (size_t i = 0; i < n; i++)
		pairs[i] = (struct strpair){(char *)w[i].host, (char *)w[i].name};
	c->rec.net_devices = (struct strmap){pairs, n};
	c->rec.net_path = (char *)joined_path(c);
}

int life_netdev_plan(struct life_create *c, struct err *e)
{
	const struct spec_net_device_vec *v = &c->conf->linux_->net_devices;
	int joined_fd = c->job.ns.join_fd[SPEC_NS_NETWORK];

	if (!v->n)
		return 0;
	if (c->is_rootless || geteuid() != 0)
		return err_set(e, ERR_INPUT, EPERM,
			       "linux.netDevices: the host's network devices are root's: a "
			       "rootless container cannot have them moved");
	if (joined_fd >= 0 && net_ns_is_own(joined_fd))
		return err_set(e, ERR_INPUT, EINVAL,
			       "linux.netDevices: unable to move network devices without a NET "
			       "namespace: \"%s\" is the host's",
			       joined_path(c));
	/* The spawn uses up the job's. */
	if (joined_fd >= 0) {
		c->net_fd = fcntl(joined_fd, F_DUPFD_CLOEXEC, 3);
		if (c->net_fd < 0)
			return err_sys(e, errno, "linux.netDevices: keep the network namespace");
	}
	const struct net_move_want *w = wants_of(v, &c->arena);

	fill_record(c, w, v->n);
	return net_move_plan(w, v->n, c->net_fd, (unsigned)getpid(), &c->netdev, e);
}

int life_netdev_move(struct life_create *c, struct err *e)
{
	char path[48];

	if (c->net_fd < 0) {
		/* Our child, and not reaped: the pid is its. */
		snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)c->child.pid);
		int r = net_ns_open(path, &c->net_fd, e);

		if (r < 0)
			return r;
	}
	return net_move_run(&c->netdev, c->net_fd, e);
}

/* What a create that was killed has left in a namespace that outlives it. */
static void recover(const struct life_create *c)
{
	const struct strmap *m = &c->rec.net_devices;
	AUTO(arena) a = {0};
	AUTO_FD ns_fd = FD_NONE;
	struct err e = ERR_INIT;

	if (!m->n || !c->rec.net_path || c->rec.stage.v != LIFE_STAGE_CREATING ||
	    !life_machine_is_of_this_boot(&c->rec))
		return;
	if (net_ns_open(c->rec.net_path, &ns_fd, &e) < 0) {
		log_debug("no network device can be moved back: %s", e.text);
		return;
	}
	struct net_move_want *w = arena_array(&a, m->n, sizeof(*w));

	for (size_t i = 0; i < m->n; i++)
		w[i] = (struct net_move_want){m->v[i].key, m->v[i].value};
	net_move_recover(w, m->n, ns_fd, c->rec.creator ? (unsigned)c->rec.creator->pid.v : 0);
}

void life_netdev_undo(struct life_create *c)
{
	if (c->is_delete)
		recover(c);
	else if (c->net_fd >= 0)
		net_move_undo(&c->netdev, c->net_fd);
}
