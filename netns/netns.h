/* SPDX-License-Identifier: Apache-2.0 */
/*
 * netns: the public face of the room of network namespaces. This issue holds only what the launch
 * path needs; veth, bridge, addresses and routes over libmnl (nl.c, link.c, addr.c, bridge.c) are
 * the rows of the network issue. libmnl has no static archive in Debian: the code that needs it
 * will live in the libexec helper, so that it is never mapped when a container is launched.
 */
#ifndef STIVA_NETNS_NETNS_H
#define STIVA_NETNS_NETNS_H

#include <stdbool.h>
#include "base/err.h"

/* Checks that linux.netDevices' host names could be moved: a name's grammar (15 bytes, no '/', ':',
 * blank, not "." or ".."). Return: 0 or -EINVAL. */
int net_name_check(const char *name);
/* Opens a network namespace by path and proves what it is (nsfs, NS_GET_NSTYPE). Return: 0; *ret_fd
 * owned by the caller. */
int net_ns_open(const char *path, int *ret_fd, struct err *e) MUST_CHECK;
/* True when fd's namespace is the caller's own. */
bool net_ns_is_own(int ns_fd);

#endif
