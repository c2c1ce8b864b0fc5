/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runtime/init/proto: every message between the processes of a launch, in one table. It gives the
 * enum, the names, each side's check ("expected READY, got GO") and docs/protocol.md (make docs).
 *
 * Processes: P, the verb (create, run, exec); S, the stage: only when a user namespace is joined,
 * or an unprivileged caller joins or makes a pid or time namespace, which forces a second fork; I,
 * the container's init (or the exec'd process); V, the `start` verb (in `run`, P itself).
 *
 * What the ladder does not need to carry: everything known before the fork (config, plans, host
 * fds) is inherited by fork, so there is no message for mount fds.
 */
#ifndef STIVA_INIT_PROTO_H
#define STIVA_INIT_PROTO_H

#include "base/mem.h"
#include "base/msg.h"

/* number, name, sender -> receiver, carries, meaning */
#define INIT_MESSAGES(X)                                                                           \
	X(1, SPAWNED, "S -> P", "pid, pidfd", "the real init exists; S ends")                      \
	X(2, HELLO, "I/S -> P", "",                                                                \
	  "in its cgroup and new user namespace, parent-death signal armed")                       \
	X(3, MAPPED, "P -> I/S", "setgroups flag", "uid and gid maps are written")                 \
	X(4, NAMESPACED, "I -> P", "",                                                             \
	  "all joins and unshares are done; the host side may act on them")                        \
	X(5, GO, "P -> I", "",                                                                     \
	  "prestart and createRuntime hooks are done; the mount is on record")                     \
	X(6, CONSOLE, "I -> P", "fd", "the terminal's master")                                     \
	X(7, READY, "I -> P", "", "rootfs pivoted, createContainer hooks done, program found")     \
	X(8, CREATED, "P -> I", "", "the state is on disk; P may die now and the container lives") \
	X(9, RUN, "V -> I", "",                                                                    \
	  "the gate is open: privileges dropped, startContainer hooks, exec")                      \
	X(10, LISTENER, "I -> V", "fd", "the seccomp notify fd")                                   \
	X(11, LISTENING, "V -> I", "", "the seccomp agent has the notify fd")                      \
	X(12, FAIL, "any -> any", "struct err",                                                    \
	  "the sender is about to exit; the receiver unwinds")                                     \
	X(13, LAUNCH, "I -> V", "",                                                                \
	  "the filter may forbid the next word: the socket's end is now execve's success")         \
	X(14, MOUNTING, "I -> P", "mount id",                                                      \
	  "`mounts add`: this mount is about to be attached; GO says that it is on record")        \
	X(15, WANT, "I -> P", "index",                                                             \
	  "one of very many bind sources that only P can open: its turn has come")                 \
	X(16, TREE, "P -> I", "fd", "that source, detached")

enum init_message {
#define INIT_MESSAGE_ENUM(number, name, who, carries, meaning) INIT_MSG_##name = (number),
	INIT_MESSAGES(INIT_MESSAGE_ENUM)
#undef INIT_MESSAGE_ENUM
};

const char *init_proto_name(uint32_t number);
/* Sends a message without or with fds. Story: the peer's disappearance is told as such. */
int init_proto_send(int sock_fd, enum init_message m, const void *p, size_t n, const int *fds,
		    size_t n_fds, struct err *e) MUST_CHECK;
/*
 * Waits for `want`. A FAIL from the peer becomes *e; another message is an error by name; the
 * peer's end without a word gives code EPIPE (the caller then finds out why it died). timeout_ms as
 * msg_recv. *m is the message (its fds are the caller's), valid only on success.
 */
int init_proto_expect(int sock_fd, enum init_message want, int timeout_ms, struct msg *m,
		      struct err *e) MUST_CHECK;
/* Sends FAIL with *e; failures to send are ignored (nobody is left to tell). */
void init_proto_fail(int sock_fd, const struct err *e);
/* Turns a received FAIL into *e. Return: -e->code. */
int init_proto_take_fail(const struct msg *m, struct err *e);
/* The ladder as a Markdown table, for docs/protocol.md. */
void init_proto_print(struct buf *out);

#endif
