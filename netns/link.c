// SPDX-License-Identifier: Apache-2.0
/*
 * netns/link: one network device by rtnetlink: found, set up or down, renamed, moved; its addresses
 * read and added. It must not know why. Called by move.c.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "base/str.h"
#include "netns/internal.h"
#include "base/ban.h"

_Static_assert(sizeof(((struct net_link *)0)->name) == IFNAMSIZ, "a name's room");

/* ---- links ---- */

static int see_link(void *ctx, uint16_t type, const void *body, size_t n)
{
	struct net_link *l = ctx;
	struct ifinfomsg i;
	size_t n_attrs, n_name = 0;

	if (type != RTM_NEWLINK || n < sizeof(i))
		return -EBADMSG;
	memcpy(&i, body, sizeof(i));
	const void *attrs = net_nl_attrs(body, n, sizeof(i), &n_attrs);
	const char *name = net_nl_attr(attrs, n_attrs, IFLA_IFNAME, &n_name);

	if (i.ifi_index <= 0 || !name || !n_name || n_name > sizeof(l->name) || name[n_name - 1])
		return -EBADMSG;
	l->index = i.ifi_index;
	l->flags = i.ifi_flags;
	memcpy(l->name, name, n_name);
	return 0;
}

int net_link_find(int fd, const char *name, int index, struct net_link *ret)
{
	struct ifinfomsg i = {.ifi_family = AF_UNSPEC, .ifi_index = name ? 0 : index};
	struct net_nl_request q;
	struct net_link l = {0};

	net_nl_begin(&q, RTM_GETLINK, 0, &i, sizeof(i));
	if (name)
		net_nl_put_text(&q, IFLA_IFNAME, name);
	/* No counters: they are most of an answer. */
	net_nl_put_u32(&q, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	int r = net_nl_ask(fd, &q, see_link, &l, NULL);

	if (r == 0 && l.index == 0)
		r = -EBADMSG;
	if (r == 0)
		*ret = l;
	return r;
}

int net_link_set_up(int fd, int index, bool up, char *ret_why)
{
	struct ifinfomsg i = {.ifi_family = AF_UNSPEC,
			      .ifi_index = index,
			      .ifi_flags = up ? IFF_UP : 0,
			      .ifi_change = IFF_UP};
	struct net_nl_request q;

	net_nl_begin(&q, RTM_NEWLINK, 0, &i, sizeof(i));
	return net_nl_ask(fd, &q, NULL, NULL, ret_why);
}

int net_link_rename(int fd, int index, const char *name, char *ret_why)
{
	struct ifinfomsg i = {.ifi_family = AF_UNSPEC, .ifi_index = index};
	struct net_nl_request q;

	net_nl_begin(&q, RTM_NEWLINK, 0, &i, sizeof(i));
	net_nl_put_text(&q, IFLA_IFNAME, name);
	return net_nl_ask(fd, &q, NULL, NULL, ret_why);
}

int net_link_move(int fd, int index, int ns_fd, const char *name, char *ret_why)
{
	struct ifinfomsg i = {.ifi_family = AF_UNSPEC, .ifi_index = index};
	struct net_nl_request q;

	net_nl_begin(&q, RTM_NEWLINK, 0, &i, sizeof(i));
	net_nl_put_u32(&q, IFLA_NET_NS_FD, (uint32_t)ns_fd);
	net_nl_put_text(&q, IFLA_IFNAME, name);
	return net_nl_ask(fd, &q, NULL, NULL, ret_why);
}

/* ---- addresses ---- */

/* What the kernel says of an address that we may say again; the rest is its own bookkeeping. */
#define KEPT_FLAGS (IFA_F_NODAD | IFA_F_HOMEADDRESS | IFA_F_NOPREFIXROUTE | IFA_F_MCAUTOJOIN)

struct addr_walk {
	int index;
	struct net_addrs *addrs;
};

void net_addrs_done(struct net_addrs *a)
{
	free(a->v);
	*a = (struct net_addrs){0};
}

static uint32_t read_u32(const void *attrs, size_t n, uint16_t type, uint32_t otherwise)
{
	size_t n_data;
	const void *data = net_nl_attr(attrs, n, type, &n_data);
	uint32_t v = otherwise;

	if (data && n_data == sizeof(v))
		memcpy(&v, data, sizeof(v));
	return v;
}

static bool read_addr(const void *attrs, size_t n, uint16_t type, uint8_t *ret, size_t want)
{
	size_t n_data;
	const void *data = net_nl_attr(attrs, n, type, &n_data);

	if (!data || n_data != want)
		return false;
	memcpy(ret, data, want);
	return true;
}

static int see_addr(void *ctx, uint16_t type, const void *body, size_t n)
{
	struct addr_walk *w = ctx;
	struct ifaddrmsg i;
	struct net_addr a = {0};
	size_t n_attrs;

	if (type != RTM_NEWADDR || n < sizeof(i))
		return -EBADMSG;
	memcpy(&i, body, sizeof(i));
	const void *attrs = net_nl_attrs(body, n, sizeof(i), &n_attrs);
	uint32_t flags = read_u32(attrs, n_attrs, IFA_FLAGS, i.ifa_flags);

	/* An older kernel does not filter by device. */
	if ((int)i.ifa_index != w->index || i.ifa_scope != RT_SCOPE_UNIVERSE ||
	    !(flags & IFA_F_PERMANENT) || (i.ifa_family != AF_INET && i.ifa_family != AF_INET6))
		return 0;
	a.family = i.ifa_family;
	a.prefix = i.ifa_prefixlen;
	a.n = i.ifa_family == AF_INET ? 4 : 16;
	a.flags = flags & KEPT_FLAGS;
	a.metric = read_u32(attrs, n_attrs, IFA_RT_PRIORITY, 0);
	if (!read_addr(attrs, n_attrs, IFA_ADDRESS, a.peer, a.n))
		return -EBADMSG;
	if (!read_addr(attrs, n_attrs, IFA_LOCAL, a.local, a.n))
		memcpy(a.local, a.peer, a.n);
	if (a.family == AF_INET)
		a.has_broadcast = read_addr(attrs, n_attrs, IFA_BROADCAST, a.broadcast, 4);
	if (w->addrs->n >= NET_ADDR_MAX)
		return -E2BIG;
	w->addrs->v = mem_realloc(w->addrs->v, w->addrs->n + 1, sizeof(a));
	w->addrs->v[w->addrs->n++] = a;
	return 0;
}

int net_addrs_read(int fd, int index, struct net_addrs *ret)
{
	struct ifaddrmsg i = {.ifa_family = AF_UNSPEC, .ifa_index = (uint32_t)index};
	struct net_nl_request q;
	int r = -EAGAIN;

	/* Somebody changed an address meanwhile: once more. */
	for (int try = 0; r == -EAGAIN && try < 8; try++) {
		struct addr_walk w = {index, ret};

		net_addrs_done(ret);
		net_nl_begin(&q, RTM_GETADDR, NLM_F_DUMP, &i, sizeof(i));
		r = net_nl_ask(fd, &q, see_addr, &w, NULL);
	}
	if (r < 0)
		net_addrs_done(ret);
	return r;
}

int net_addr_add(int fd, int index, const struct net_addr *a, char *ret_why)
{
	struct ifaddrmsg i = {.ifa_family = a->family,
			      .ifa_prefixlen = a->prefix,
			      .ifa_scope = RT_SCOPE_UNIVERSE,
			      .ifa_index = (uint32_t)index};
	struct net_nl_request q;

	net_nl_begin(&q, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &i, sizeof(i));
	net_nl_put(&q, IFA_LOCAL, a->local, a->n);
	net_nl_put(&q, IFA_ADDRESS, a->peer, a->n);
	if (a->has_broadcast)
		net_nl_put(&q, IFA_BROADCAST, a->broadcast, 4);
	if (a->flags)
		net_nl_put_u32(&q, IFA_FLAGS, a->flags);
	if (a->metric)
		net_nl_put_u32(&q, IFA_RT_PRIORITY, a->metric);
	return net_nl_ask(fd, &q, NULL, NULL, ret_why);
}

char *net_addr_text(const struct net_addr *a, char buf[NET_ADDR_TEXT])
{
	char text[INET6_ADDRSTRLEN];

	if (!inet_ntop(a->family, a->local, text, sizeof(text)))
		(void)str_copy(text, sizeof(text), "?");
	snprintf(buf, NET_ADDR_TEXT, "%s/%u", text, a->prefix);
	return buf;
}
