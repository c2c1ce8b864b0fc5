/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/guard/lsm: what keyring.c needs of it. Private to this room. */
#ifndef STIVA_GUARD_LSM_H
#define STIVA_GUARD_LSM_H

#include "base/err.h"

/* An error that names process.selinuxLabel unless this host has SELinux on (P15). */
int guard_selinux_need(const char *label, int root_fd, struct err *e) MUST_CHECK;

#endif
