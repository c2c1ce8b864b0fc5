// SPDX-License-Identifier: Apache-2.0
/*
 * netns/move: linux.netDevices of runtime-spec 1.3 (conformance D10): devices of this namespace are
 * moved into another one, renamed, given back their permanent global addresses and set up; and all
 * of it backwards. Owns the order. It must not know of containers. Called by runtime/life.
 *
 * On its way a device bears a name that nobody else has, made of the caller's tag and its place in
 * the list. So it is found again on the other side whatever index it gets there, it can collide
 * with nothing, and a name that is taken there is refused when the device can still be moved back.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "netns/internal.h"
#include "netns/netns.h"
#include "base/ban.h"

#define AT "linux.netDevices."

struct net_moved {
	struct net_move_want want; /* borrowed */
	char way[IFNAMSIZ];	   /* its name on the way */
	struct net_link link;	   /* as it was here */
	struct net_addrs addrs;
	int index_there; /* 0: not known */
	bool has_left;
};

void net_move_done(struct net_move *m)
{
	for (size_t i = 0; i < m->n; i++)
		net_addrs_done(&m->v[i].addrs);
	free(m->v);
	m->v = NULL;
	m->n = 0;
	auto_fd_done(&m->own_fd);
	auto_fd_done(&m->here_fd);
}

static void name_way(char way[IFNAMSIZ], unsigned tag, size_t i)
{
	/* pids end at 2^22, the list at 1024: 13 bytes. */
	snprintf(way, IFNAMSIZ, "stv%x.%x", tag & 0xffffffu, (unsigned)i & 0xfffu);
}

/* ": <the kernel's words, or errno's>" */
static const char *words(const char *why, int neg)
{
	return why[0] ? why : err_words(-neg);
}

static int open_here(struct net_move *m, struct err *e)
{
	m->own_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (m->own_fd < 0)
		return err_sys(e, errno, "open \"/proc/self/ns/net\"");
	int r = net_nl_open(&m->here_fd);

	return r < 0 ? err_sys(e, r, "linux.netDevices: make a netlink socket") : 0;
}

static int open_there(const struct net_move *m, int ns_fd, int *ret_fd, struct err *e)
{
	int r = net_ns_socket(ns_fd, m->own_fd, ret_fd);

	return r < 0 ? err_sys(e, r, "linux.netDevices: enter the container's network namespace")
		     : 0;
}

/* ---- the plan ---- */

static int find_here(const struct net_move *m, struct net_moved *d, int there_fd, struct err *e)
{
	struct net_link other;
	int r = net_link_find(m->here_fd, d->want.host, 0, &d->link);

	if (r == -ENODEV && there_fd >= 0 && net_link_find(there_fd, d->want.name, 0, &other) == 0)
		return err_set(e, ERR_INPUT, ENODEV,
			       AT "%s: no such network device (is it \"%s\" in the container's "
				  "network namespace by now?)",
			       d->want.host, d->want.name);
	if (r == -ENODEV)
		return err_set(e, ERR_INPUT, ENODEV, AT "%s: no such network device", d->want.host);
	if (r < 0)
		return err_sys(e, r, AT "%s: look for it", d->want.host);
	if (d->link.flags & IFF_LOOPBACK)
		return err_set(e, ERR_INPUT, EINVAL, AT "%s: a loopback device cannot be moved",
			       d->want.host);
	r = net_addrs_read(m->here_fd, d->link.index, &d->addrs);
	return r < 0 ? err_sys(e, r, AT "%s: read its addresses", d->want.host) : 0;
}

static int name_taken(const struct net_moved *d, struct err *e)
{
	return err_set(e, ERR_INPUT, EEXIST,
		       AT "%s.name: \"%s\" exists already in the container's network namespace",
		       d->want.host, d->want.name);
}

static int check_there(const struct net_moved *d, int there_fd, struct err *e)
{
	struct net_link other;
	int r;

	if (there_fd < 0) /* a new one has its loopback */
		return str_eq(d->want.name, "lo") ? name_taken(d, e) : 0;
	if (strchr(d->want.name, '%'))
		return 0;
	r = net_link_find(there_fd, d->want.name, 0, &other);
	if (r == -ENODEV)
		return 0;
	return r < 0 ? err_sys(e, r, AT "%s.name: look for \"%s\"", d->want.host, d->want.name)
		     : name_taken(d, e);
}

int net_move_plan(const struct net_move_want *wants, size_t n, int ns_fd, unsigned tag,
		  struct net_move *m, struct err *e)
{
	AUTO_FD there_fd = FD_NONE;
	int r = open_here(m, e);

	if (r == 0 && ns_fd >= 0)
		r = open_there(m, ns_fd, &there_fd, e);
	if (r < 0)
		return r;
	m->tag = tag;
	m->v = mem_alloc((n + 1) * sizeof(*m->v));
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct net_moved *d = &m->v[m->n++];

		d->want = wants[i];
		name_way(d->way, tag, i);
		r = find_here(m, d, there_fd, e);
		for (size_t k = 0; r == 0 && k < i; k++)
			if (m->v[k].link.index == d->link.index)
				r = err_set(e, ERR_INPUT, EINVAL,
					    AT "%s: is the same device as \"%s\"", d->want.host,
					    m->v[k].want.host);
		if (r == 0)
			r = check_there(d, there_fd, e);
	}
	return r;
}

/* ---- there ---- */

static int settle(const struct net_moved *d, int there_fd, int index, struct err *e)
{
	char why[NET_NL_WHY_MAX], text[NET_ADDR_TEXT];
	int r = net_link_rename(there_fd, index, d->want.name, why);

	if (r == -EEXIST)
		return name_taken(d, e);
	if (r < 0)
		return err_set(e, ERR_KERNEL, -r, AT "%s.name: rename it to \"%s\": %s",
			       d->want.host, d->want.name, words(why, r));
	for (size_t i = 0; i < d->addrs.n; i++) {
		r = net_addr_add(there_fd, index, &d->addrs.v[i], why);
		if (r < 0)
			return err_set(e, ERR_KERNEL, -r, AT "%s: keep its address %s: %s",
				       d->want.host, net_addr_text(&d->addrs.v[i], text),
				       words(why, r));
	}
	r = net_link_set_up(there_fd, index, true, why);
	if (r < 0)
		return err_set(e, ERR_KERNEL, -r, AT "%s: set it up: %s", d->want.host,
			       words(why, r));
	return 0;
}

static int move_one(const struct net_move *m, struct net_moved *d, int ns_fd, int there_fd,
		    struct err *e)
{
	char why[NET_NL_WHY_MAX];
	struct net_link link;
	int r = net_link_move(m->here_fd, d->link.index, ns_fd, d->way, why);

	/* A move that was done and a rename that was not are one error. */
	d->has_left = r == 0 || net_link_find(m->here_fd, NULL, d->link.index, &link) == -ENODEV;
	if (r == -EINVAL || r == -EOPNOTSUPP)
		return err_set(e, ERR_KERNEL, -r,
			       AT "%s: this device cannot leave its network namespace: %s",
			       d->want.host, words(why, r));
	if (r < 0)
		return err_set(e, ERR_KERNEL, -r,
			       AT "%s: move it into the container's network namespace: %s",
			       d->want.host, words(why, r));
	r = net_link_find(there_fd, d->way, 0, &link);
	if (r < 0)
		return err_sys(e, r, AT "%s: find it in the container's network namespace",
			       d->want.host);
	d->index_there = link.index;
	return settle(d, there_fd, link.index, e);
}

int net_move_run(struct net_move *m, int ns_fd, struct err *e)
{
	AUTO_FD there_fd = FD_NONE;
	int r = open_there(m, ns_fd, &there_fd, e);

	for (size_t i = 0; r == 0 && i < m->n; i++)
		r = move_one(m, &m->v[i], ns_fd, there_fd, e);
	return r;
}

/* ---- and back ---- */

/* By what is known of it: its index there, its name on the way, the name that it was to get. */
static int find_there(const struct net_moved *d, int there_fd, struct net_link *ret)
{
	if (d->index_there)
		return net_link_find(there_fd, NULL, d->index_there, ret);
	int r = net_link_find(there_fd, d->way, 0, ret);

	if (r == -ENODEV && !strchr(d->want.name, '%'))
		r = net_link_find(there_fd, d->want.name, 0, ret);
	return r;
}

static void warn_lost(const struct net_move_want *want, const char *what, int neg)
{
	log_warn("network device \"%s\" stays in the container's network namespace: %s: %s",
		 want->host, what, err_words(-neg));
}

/* Addresses and state as they were; what cannot be is told, and the rest is done. */
static void resettle(int here_fd, const char *name, const struct net_addrs *addrs, bool is_up)
{
	char text[NET_ADDR_TEXT];
	struct net_link link;
	int r = net_link_find(here_fd, name, 0, &link);

	for (size_t i = 0; r == 0 && i < addrs->n; i++) {
		int failed = net_addr_add(here_fd, link.index, &addrs->v[i], NULL);

		if (failed < 0 && failed != -EEXIST)
			log_warn("network device \"%s\": give back its address %s: %s", name,
				 net_addr_text(&addrs->v[i], text), err_words(-failed));
	}
	if (r == 0 && is_up)
		r = net_link_set_up(here_fd, link.index, true, NULL);
	if (r < 0)
		log_warn("network device \"%s\": set it up again: %s", name, err_words(-r));
}

static void move_back(const struct net_move *m, struct net_moved *d, int there_fd)
{
	struct net_link link;
	int r = find_there(d, there_fd, &link);

	if (r < 0) {
		warn_lost(&d->want, "find it", r);
		return;
	}
	r = net_link_move(there_fd, link.index, m->own_fd, d->want.host, NULL);
	if (r < 0) {
		warn_lost(&d->want, "move it back", r);
		return;
	}
	d->has_left = false;
	resettle(m->here_fd, d->want.host, &d->addrs, d->link.flags & IFF_UP);
}

void net_move_undo(struct net_move *m, int ns_fd)
{
	AUTO_FD there_fd = FD_NONE;

	for (size_t i = m->n; i-- > 0;) {
		int r = there_fd >= 0 || !m->v[i].has_left
				? 0
				: net_ns_socket(ns_fd, m->own_fd, &there_fd);

		if (r < 0)
			warn_lost(&m->v[i].want, "enter it", r);
		else if (m->v[i].has_left)
			move_back(m, &m->v[i], there_fd);
	}
}

void net_move_recover(const struct net_move_want *wants, size_t n, int ns_fd, unsigned tag)
{
	struct net_move m = NET_MOVE_NONE;
	AUTO_FD there_fd = FD_NONE;
	struct err e = ERR_INIT;

	if (open_here(&m, &e) < 0 || open_there(&m, ns_fd, &there_fd, &e) < 0) {
		log_warn("%s", e.text);
		net_move_done(&m);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		struct net_moved d = {.want = wants[i]};
		struct net_link here;

		name_way(d.way, tag, i);
		if (net_link_find(m.here_fd, d.want.host, 0, &here) == 0 ||
		    find_there(&d, there_fd, &d.link) < 0)
			continue;
		/* They moved with it, or were lost with its old state. */
		(void)net_addrs_read(there_fd, d.link.index, &d.addrs);
		d.link.flags |= IFF_UP;
		move_back(&m, &d, there_fd);
		net_addrs_done(&d.addrs);
	}
	net_move_done(&m);
}
