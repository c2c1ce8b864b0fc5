/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/dbus: a D-Bus client connection: authentication by the socket's credentials, method calls
 * with a reply or an error, signals; every wait has a deadline. The peer may be a bus, or one
 * program directly (systemd's private socket). Bytes are in dbus_wire.h.
 */
#ifndef STIVA_BASE_DBUS_H
#define STIVA_BASE_DBUS_H

#include <stdbool.h>
#include <stdint.h>
#include "base/auto.h"
#include "base/dbus_wire.h"
#include "base/err.h"

enum dbus_type { DBUS_CALL = 1, DBUS_REPLY, DBUS_ERROR, DBUS_SIGNAL };

/* A received message; the strings and the body point into raw. */
struct dbus_msg {
	struct buf raw; /* owned */
	uint8_t type;
	uint32_t serial, reply_to;
	/* "" when absent; sender: as the bus says it, so it cannot be forged */
	const char *path, *iface, *member, *error, *sender, *sig;
	struct dbus_in body;
};
void dbus_msg_done(struct dbus_msg *m);

struct dbus {
	int fd; /* owned */
	uint32_t serial;
	struct buf in; /* owned; read and not yet a message */
	/* Called for each signal that arrives during a call or a wait. */
	void (*on_signal)(const struct dbus_msg *m, void *arg);
	void *arg;
};
#define DBUS_INIT                                                                                  \
	{                                                                                          \
		.fd = FD_NONE                                                                      \
	}
void dbus_done(struct dbus *d);

struct dbus_call {
	const char *dest, *path, *iface, *member;
	const char *sig;	/* of body; NULL = no arguments */
	const struct buf *body; /* borrowed */
};

/*
 * Connects to a socket ("/run/...", "@abstract") and authenticates; is_bus: says Hello too.
 * timeout_ms is for all of it. Story; the text names the socket.
 */
int dbus_open(struct dbus *d, const char *socket_path, bool is_bus, int timeout_ms,
	      struct err *e) MUST_CHECK;
/* The same on a connected socket, which becomes d's. `name` is for texts. Story. */
int dbus_open_fd(struct dbus *d, int fd, const char *name, bool is_bus, int timeout_ms,
		 struct err *e) MUST_CHECK;
/* The socket of a D-Bus address list ("unix:path=/a;tcp:..."): the first unix one, with %XX
 * decoded. Return: 0, -EINVAL when it has none, -ENAMETOOLONG. Leaf. */
int dbus_address(const char *address, char *ret, size_t size);
/*
 * Calls and waits for the answer. ret (may be NULL) holds the reply, or, when the peer answered
 * with an error, that: then the text is the peer's, code EREMOTEIO, and ret->error its name. Story.
 */
int dbus_call(struct dbus *d, const struct dbus_call *c, int timeout_ms, struct dbus_msg *ret,
	      struct err *e) MUST_CHECK;
/* Reads messages, for on_signal, until *is_done. ETIMEDOUT when the deadline passes. Story. */
int dbus_wait(struct dbus *d, const bool *is_done, int timeout_ms, struct err *e) MUST_CHECK;

#endif
