/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/mig_process: reads the private memory of processes that run and know nothing of it.
 * It knows no frames and no hashes. Called by mig_memory.c.
 */
#ifndef STIVA_CHECKPOINT_MIG_PROCESS_H
#define STIVA_CHECKPOINT_MIG_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/err.h"
#include "cgroups/cgroups.h"

#define MIG_CHUNK_PAGES 256u

struct mig_process_by {
	void *ctx; /* borrowed */
	/* n pages of id (mig_ps.h; by the pid in the process's own pid namespace). Story. */
	int (*pages)(void *ctx, uint64_t id, uint64_t vaddr, const char *p, size_t n,
		     struct err *e);
	/* Where the next ones are read to: MIG_CHUNK_PAGES pages, free until `pages` takes them. */
	char *(*room)(void *ctx);
	bool is_code; /* instead: the first page of each mapping that may be executed */
};
/* All private pages, present or swapped out, that are not those of a file any more. A process or a
 * mapping that goes away meanwhile is passed over. ret_n: how many processes were read. */
int mig_process_all(const struct cg *cg, const struct mig_process_by *by, uint32_t *ret_n,
		    struct err *e) MUST_CHECK;
int mig_process_these(const pid_t *pids, size_t n, const struct mig_process_by *by, uint32_t *ret_n,
		      struct err *e) MUST_CHECK;

#endif
