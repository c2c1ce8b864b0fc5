/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/mig_memory: the memory of a container on its way to another host: in rounds while it
 * runs, without any help of its processes or of the kernel's trackers, by comparing hashes
 * (migration.md 7.3, T3); and, once it stands still, what criu really writes, of which only what
 * the destination has not is sent. It knows frames (mig_store.h has their layout) and not when they
 * go. Called by mig_source.c.
 *
 * In a round: private memory that has been written to. A page that changes while it is read is
 * sent torn, and found again by its hash. Shared memory is sent in the final pass alone.
 */
#ifndef STIVA_CHECKPOINT_MIG_MEMORY_H
#define STIVA_CHECKPOINT_MIG_MEMORY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/err.h"
#include "cgroups/cgroups.h"
#include "checkpoint/mig_hash.h"
#include "checkpoint/mig_known.h"
#include "checkpoint/mig_lane.h"
#include "checkpoint/mig_link.h"
#include "checkpoint/mig_ps.h"

struct mig_memory_count {
	uint64_t bytes;		  /* of frames, with their heads */
	uint64_t pages;		  /* looked at */
	uint64_t dirty;		  /* of them not as the destination has them */
	uint64_t sent, zero, ref; /* of these, by how they went */
	uint64_t hot;		  /* of these, left for later: changed in every round */
	uint64_t usec, link_usec; /* all of it; of it, waiting for the link */
	uint32_t processes;
};
struct mig_batch; /* private */
struct mig_memory {
	struct mig_memory_count count; /* of the round, or of the final pass so far */
	/* private */
	const struct cg *cg; /* borrowed; NULL: pids */
	const pid_t *pids;   /* borrowed */
	size_t n_pids;
	struct mig_link *link;	  /* borrowed */
	struct mig_hash_key *key; /* owned */
	struct mig_known known;
	struct mig_batch *batch; /* owned */
	char *chunk;		 /* owned: two times what is read at a time */
	struct mig_lane lane;
	struct mig_memory_job {
		struct mig_memory *m;
		uint64_t id, vaddr, nr;
		unsigned flags;
		const char *data;
	} job[2];
	unsigned turn; /* which job and which half is free */
	struct mig_code {
		uint64_t id, vaddr;
		char *page; /* owned */
	} * code;	    /* owned */
	size_t n_code;
	bool is_final;
};
/* The processes of a cgroup (borrowed) and of all below it. Story. */
int mig_memory_open(struct mig_memory *m, const struct cg *cg, struct err *e) MUST_CHECK;
/* These processes instead, which stay ours: for tests. */
int mig_memory_open_pids(struct mig_memory *m, const pid_t *pids, size_t n,
			 struct err *e) MUST_CHECK;
void mig_memory_done(struct mig_memory *m);
/* Hashes and sends from now on in a thread of its own. m stays where it is. Story. */
int mig_memory_thread(struct mig_memory *m, struct err *e) MUST_CHECK;
/* What was read is hashed and sent: until then the link is not the caller's. Story. */
int mig_memory_wait(struct mig_memory *m, struct err *e) MUST_CHECK;
/* One round over all of them; a process that ends meanwhile is left out. Story. */
int mig_memory_round(struct mig_memory *m, struct mig_link *l, struct err *e) MUST_CHECK;
/*
 * Once it stands still, and before criu is asked: the pages in which criu puts its own instructions
 * for a moment (compel's "syscall", at the beginning of a mapping that may be executed). What comes
 * over the socket are references to pages, which may be read only when criu is there again with the
 * old contents, or not yet. Story.
 */
int mig_memory_code(struct mig_memory *m, struct err *e) MUST_CHECK;
/*
 * The final pass: what mig_ps hears of criu goes here, from criu's request on. count begins anew;
 * usec is up to the last page. At criu's CLOSE everything has been sent.
 */
struct mig_ps_by mig_memory_final(struct mig_memory *m, struct mig_link *l);

#endif
