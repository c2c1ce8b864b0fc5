/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/mig_store: memory where it arrives: it takes the PAGES* frames of a migration, puts
 * every page at once where criu will read it, and in the end writes the maps. Nothing is copied
 * while the container stands still. It trusts nothing of the peer. Called by mig_target.c.
 *
 * Each id (mig_ps.h) has a sparse file, pages-N.img, in which a page lies at the offset that is its
 * address; the directory BASE has one to each, with a pagemap of some runs that span all addresses.
 * In the image directory itself are the maps as criu gave them at the source, whose runs are all
 * "as in the parent", and "parent" is a link to BASE: an incremental image, as criu's own. The file
 * system has to take files of 128 TiB with holes: tmpfs, xfs, btrfs; the engine's is tmpfs.
 *
 * Payloads, little-endian, `stream` of the frame is not used:
 *   PAGES       u64 id, u32 n, u32 0, n * {u64 vaddr, u32 nr, u32 0}, the pages of the runs
 *   PAGES_ZERO  u64 id, u32 n, u32 0, n * {u64 vaddr, u32 nr, u32 0}
 *   PAGES_REF   u64 id, u32 n, u32 0, n * {u64 vaddr, u64 from_id, u64 from_vaddr}: one page each,
 *               as the destination has that one now
 *   PAGES_MAP   u64 id, u32 n, u32 op, n * {u64 vaddr, u32 nr, u32 flags}: op 0: the map of id
 *               begins anew; 1: its next runs, addresses rising; flags MIG_RUN_LAZY and
 *               MIG_RUN_PRESENT as criu has them; a run without PRESENT has no contents
 */
#ifndef STIVA_CHECKPOINT_MIG_STORE_H
#define STIVA_CHECKPOINT_MIG_STORE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/auto.h"
#include "base/err.h"
#include "checkpoint/mig_link.h"

#define MIG_STORE_BASE	"memory" /* in the image directory */
#define MIG_ADDRESS_MAX (UINT64_C(1) << 47)
#define MIG_RUNS_MAX	4096u /* in a frame */

struct mig_pages_head {
	uint64_t id;
	uint32_t n, op;
};
struct mig_run {
	uint64_t vaddr;
	uint32_t nr, flags;
};
struct mig_ref {
	uint64_t vaddr, from_id, from_vaddr;
};
enum { MIG_MAP_BEGIN = 0, MIG_MAP_RUNS = 1 };

struct mig_store_id; /* private */
struct mig_store {
	uint32_t max_ids; /* 0: 65536 */
	/* counted */
	uint64_t pages, zero, refs;
	/* private */
	int dir_fd, base_fd;	/* owned */
	struct mig_store_id *v; /* owned, by id */
	size_t n, cap;
	char *page; /* owned */
};
#define MIG_STORE_NONE                                                                             \
	{                                                                                          \
		.dir_fd = FD_NONE, .base_fd = FD_NONE                                              \
	}
/* images_fd: an empty directory of ours (not taken). Story. */
int mig_store_open(struct mig_store *s, int images_fd, struct err *e) MUST_CHECK;
/* Files stay: who gives up removes the directory. */
void mig_store_done(struct mig_store *s);
/* Whether it is a frame for mig_store_take(). */
bool mig_store_is_for(const struct mig_frame *f);
/* One frame; how much may come, over and over, only the file system limits. Story: EBADMSG for what
 * may not be, ENOSPC. */
int mig_store_take(struct mig_store *s, const struct mig_frame *f, struct err *e) MUST_CHECK;
/*
 * Writes the maps: then criu can restore from images_fd. is_lazy: with lazy_pages, and with a
 * server of the pages (mig_fault.h): then the memory of processes has no parent, which `criu
 * lazy-pages` would trip over, but what must be there at once is copied. Story: EBADMSG when no map
 * came.
 */
int mig_store_write(struct mig_store *s, bool is_lazy, struct err *e) MUST_CHECK;
/* For mig_fault.h, of a struct mig_store (const): the runs of a process that have contents: what of
 * them CRIU leaves to a server, CRIU alone knows, and the kernel, which does not take the others;
 * each page lies at its address. Of the store base_fd and what is in memory are used. */
struct mig_ranges;
int mig_store_pages(void *store, int pid, int *ret_fd, struct mig_ranges *ret);

#endif
