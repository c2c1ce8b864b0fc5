/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netns: the public face of the room of network namespaces: proving and entering them, and moving
 * the host's devices into a container's (linux.netDevices). rtnetlink is spoken by nl.c, in the
 * launch binary itself. veth pairs, bridges and routes are the rows of the network issue, whose
 * helper program may use libmnl.
 */
#ifndef STIVA_NETNS_NETNS_H
#define STIVA_NETNS_NETNS_H

#include <stdbool.h>
#include <stddef.h>
#include "base/auto.h"
#include "base/err.h"

/* Checks that linux.netDevices' host names could be moved: a name's grammar (15 bytes, no '/', ':',
 * blank, not "." or ".."). Return: 0 or -EINVAL. */
int net_name_check(const char *name);
/* Opens a network namespace by path and proves what it is (nsfs, NS_GET_NSTYPE). Return: 0; *ret_fd
 * owned by the caller. */
int net_ns_open(const char *path, int *ret_fd, struct err *e) MUST_CHECK;
/* True when fd's namespace is the caller's own. */
bool net_ns_is_own(int ns_fd);

/* ---- move.c: linux.netDevices (D10) ---- */
struct net_move_want {
	const char *host; /* the device's name here */
	const char *name; /* and there; may hold one %d */
};
struct net_moved; /* one device, private to move.c */
struct net_move {
	struct net_moved *v; /* owned */
	size_t n;
	int own_fd, here_fd; /* owned: our namespace, and a netlink socket in it */
	unsigned tag;
};
#define NET_MOVE_NONE                                                                              \
	{                                                                                          \
		.own_fd = FD_NONE, .here_fd = FD_NONE                                              \
	}
void net_move_done(struct net_move *m);
/* Finds the devices and their addresses here, and proves that their names are free in ns_fd
 * (FD_NONE: a namespace that is yet to be made). No side effect. tag: a number of the caller's that
 * no other mover uses at the same time (a pid): devices bear it in their names on the way. The
 * wants are borrowed until net_move_done(). */
int net_move_plan(const struct net_move_want *wants, size_t n, int ns_fd, unsigned tag,
		  struct net_move *ret, struct err *e) MUST_CHECK;
/* Moves each into ns_fd, renames it, gives it back its permanent global addresses, sets it up. On
 * failure some have moved: net_move_undo(). */
int net_move_run(struct net_move *m, int ns_fd, struct err *e) MUST_CHECK;
/* Moves back what has moved, with name, addresses and state; routes are not restored. What cannot
 * be is a warning. */
void net_move_undo(struct net_move *m, int ns_fd);
/* The same after the mover died: of these devices, those that are missing here and found in ns_fd
 * under the name they were to get, or the one they had on the way. */
void net_move_recover(const struct net_move_want *wants, size_t n, int ns_fd, unsigned tag);

#endif
