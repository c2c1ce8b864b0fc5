/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netns/internal: what the files of the room share with one another and with their unit tests. No
 * other room includes it.
 */
#ifndef STIVA_NETNS_INTERNAL_H
#define STIVA_NETNS_INTERNAL_H

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/auto.h"
#include "base/err.h"

/* ---- nl.c: rtnetlink, request and answer ---- */

/* A request under construction; what does not fit is remembered and refused by the send. */
#define NET_NL_REQUEST_MAX 512
struct net_nl_request {
	union {
		struct nlmsghdr head;
		char bytes[NET_NL_REQUEST_MAX];
	};
	bool is_cut;
};
/* Begins one: RTM_*, flags beside NLM_F_REQUEST, and the fixed part (struct ifinfomsg, ...). */
void net_nl_begin(struct net_nl_request *q, uint16_t type, uint16_t flags, const void *fixed,
		  size_t n);
void net_nl_put(struct net_nl_request *q, uint16_t attr, const void *data, size_t n);
void net_nl_put_text(struct net_nl_request *q, uint16_t attr, const char *text); /* with its NUL */
void net_nl_put_u32(struct net_nl_request *q, uint16_t attr, uint32_t v);

/* A NETLINK_ROUTE socket of the caller's network namespace, with extended errors. Leaf. */
int net_nl_open(int *ret_fd);

/* Sees every message of an answer but the ack: fixed part and attributes, n bytes in all. A
 * negative return ends the reading. */
typedef int (*net_nl_see)(void *ctx, uint16_t type, const void *body, size_t n);
/*
 * Sends q and reads its answer up to the ack or the end of a dump. Return: 0, the kernel's -errno,
 * what `see` returned, -EBADMSG for an answer that is none, -EAGAIN for a dump that changed
 * meanwhile. The kernel's own words, when it has some, go to ret_why (may be NULL; else
 * NET_NL_WHY_MAX bytes, emptied first).
 */
#define NET_NL_WHY_MAX 96
int net_nl_ask(int fd, struct net_nl_request *q, net_nl_see see, void *ctx, char *ret_why);
/* Finds an attribute in n bytes of them. Return: its data, *ret_n bytes, or NULL: there is none, or
 * what comes before it is malformed. */
const void *net_nl_attr(const void *attrs, size_t n, uint16_t type, size_t *ret_n);
/* The attributes behind a fixed part of n_fixed bytes. Return: NULL when the body is shorter. */
const void *net_nl_attrs(const void *body, size_t n, size_t n_fixed, size_t *ret_n);
/* Takes one datagram of an answer apart; a part of net_nl_ask() for the tests. *ret_done: the
 * answer is complete. */
int net_nl_parse(const void *data, size_t n, uint32_t seq, net_nl_see see, void *ctx, char *ret_why,
		 bool *ret_done);

/* ---- ns.c ---- */
/* A netlink socket in the namespace ns_fd; the caller is back in own_fd's when it returns. Leaf. */
int net_ns_socket(int ns_fd, int own_fd, int *ret_fd);

/* ---- link.c: one device and its addresses ---- */
struct net_link {
	int index;
	unsigned flags; /* IFF_* */
	char name[16];
};
/* By name, or by index when name is NULL. Return: 0, -ENODEV, -errno. */
int net_link_find(int fd, const char *name, int index, struct net_link *ret);
int net_link_set_up(int fd, int index, bool up, char *ret_why);
int net_link_rename(int fd, int index, const char *name, char *ret_why);
/* Moves it into the namespace ns_fd under this name. */
int net_link_move(int fd, int index, int ns_fd, const char *name, char *ret_why);

#define NET_ADDR_MAX 256
struct net_addr {
	uint8_t family, prefix;
	uint32_t flags, metric;
	uint8_t n;		     /* bytes of an address: 4 or 16 */
	uint8_t local[16], peer[16]; /* peer: the address itself when there is none */
	uint8_t broadcast[4];	     /* IPv4 only */
	bool has_broadcast;
};
struct net_addrs {
	struct net_addr *v; /* owned: free */
	size_t n;
};
void net_addrs_done(struct net_addrs *a);
/* The permanent global addresses of a device, in the kernel's order. */
int net_addrs_read(int fd, int index, struct net_addrs *ret);
int net_addr_add(int fd, int index, const struct net_addr *a, char *ret_why);
/* "192.0.2.1/24" into buf. Return: buf. */
#define NET_ADDR_TEXT 64
char *net_addr_text(const struct net_addr *a, char buf[NET_ADDR_TEXT]);

#endif
