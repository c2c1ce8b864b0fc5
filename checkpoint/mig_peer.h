/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/mig_peer: the other host, by a command that leads there (`ssh HOST stiva
 * migrate-recv`), whose standard streams are the link. It must not know what is said. Called by
 * mig_source.c and mig_recover.c.
 */
#ifndef STIVA_CHECKPOINT_MIG_PEER_H
#define STIVA_CHECKPOINT_MIG_PEER_H

#include "base/str.h"
#include "checkpoint/mig_say.h"

struct mig_peer {
	struct mig_link link; /* owned */
	int pidfd;	      /* owned: the command */
	bool is_dead;	      /* the line carries nothing any more: the command is not waited for */
	const char *name;     /* borrowed: for messages */
	struct mig_host *host; /* what it said of itself, in the arena */
};
#define MIG_PEER_NONE                                                                              \
	{                                                                                          \
		.link = {.in_fd = FD_NONE, .out_fd = FD_NONE, .abort_fd = FD_NONE},                \
		.pidfd = FD_NONE                                                                   \
	}
/* Hangs up, and reaps the command: ends it when it does not end by itself. */
void mig_peer_done(struct mig_peer *p);
/* The words of the command: rsh split at blanks (NULL: ssh), the host, remote split at blanks
 * (NULL: "stiva"), "migrate-recv". In the arena. */
struct strvec mig_peer_words(const char *rsh, const char *host, const char *remote,
			     struct arena *a);
/* Runs it, and exchanges HELLO and CAPS. name, words: borrowed for its life. abort_fd: as in
 * mig_link. Story. */
int mig_peer_open(struct mig_peer *p, const char *name, const struct strvec *words, int abort_fd,
		  const struct mig_host *us, struct arena *a, struct err *e) MUST_CHECK;

/* ---- mig_recover.c ---- */
/* Asks the destination by a connection of its own what became of the epoch; the connection stays
 * open in p, for DONE. Story: it could not be asked. */
int mig_recover_ask(const char *name, const struct strvec *peer, const char *epoch, int abort_fd,
		    enum mig_phase *ret, struct mig_peer *p, struct err *e) MUST_CHECK;

#endif
