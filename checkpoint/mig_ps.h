/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/mig_ps: criu's page server, as we play it: the end of a socket that criu writes the
 * memory into when its request has the field `ps` (migration.md 7.1, of criu 4.2; criu 4.1.1 has
 * another head to its messages, and both are understood).
 * It knows messages and runs of pages, and neither images nor a link. Called by mig_source.c
 * through struct ckpt_criu_aside, and by tests.
 *
 * An id is (number << 8 | kind): kind 1: the memory of the process of that pid in its pid namespace
 * (pagemap-NUMBER.img), kind 2: a shared segment (pagemap-shmem-NUMBER.img).
 */
#ifndef STIVA_CHECKPOINT_MIG_PS_H
#define STIVA_CHECKPOINT_MIG_PS_H

#include <stdbool.h>
#include <stdint.h>
#include "base/auto.h"
#include "base/err.h"

#define MIG_PS_KIND_PROCESS	1u
#define MIG_PS_KIND_SHARED	2u
#define MIG_PS_ID(number, kind) ((uint64_t)(number) << 8 | (kind))

/* Flags of a run, as in criu's pagemap images. */
enum { MIG_RUN_PARENT = 1, MIG_RUN_LAZY = 2, MIG_RUN_PRESENT = 4 };

/* What criu says; each returns 0 or story. */
struct mig_ps_by {
	void *ctx; /* borrowed */
	int (*open)(void *ctx, uint64_t id, struct err *e);
	/* nr pages from vaddr on, in order of addresses within an id; data: of them, or NULL where
	 * the flags lack MIG_RUN_PRESENT; it stays as it is until the call after the next one. */
	int (*pages)(void *ctx, uint64_t id, uint64_t vaddr, uint32_t nr, unsigned flags,
		     const void *data, struct err *e);
	int (*close)(void *ctx, struct err *e);
};
struct mig_ps {
	int fd;	    /* owned: our end */
	int its_fd; /* owned: criu's, whose number is told to criu; close it once criu runs */
	struct mig_ps_by by;
	bool is_closed; /* criu has said that this was all; whether of a dump or of a failed one,
			 * its answer tells: it ends both in the same way */
	/* private */
	unsigned char head[32];
	unsigned head_size; /* 0: not known yet */
	uint64_t cmd, vaddr, id;
	uint32_t nr, n_head;
	size_t n_data, want; /* of the data that belongs to the head */
	char *data, *spare;  /* owned */
	bool is_open;
};
#define MIG_PS_NONE                                                                                \
	{                                                                                          \
		.fd = FD_NONE, .its_fd = FD_NONE                                                   \
	}
/* A pair of sockets. its_fd is close-on-exec: ckpt_criu_seat.fds changes that in criu. */
int mig_ps_open(struct mig_ps *p, const struct mig_ps_by *by, struct err *e) MUST_CHECK;
void mig_ps_done(struct mig_ps *p);
/*
 * Takes what is there, without waiting. Return: 1 when there may be more to come, 0 when criu has
 * hung up (is_closed tells whether it was done), or story: EBADMSG for what is no such message.
 */
int mig_ps_serve(struct mig_ps *p, struct err *e) MUST_CHECK;

#endif
