/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/mig_fault: memory that comes after the processes, from the store of a migration or
 * from images: what they touch at once, the rest meanwhile. It stands where `criu lazy-pages` could
 * stand, and speaks its protocol: the socket lazy-pages.socket in CRIU's working directory, over
 * which `criu restore` sends for each process its pid (an int) and its userfaultfd, and a word when
 * all run. CRIU's own server serves one page at a time from lists that grow with every fault, and
 * nothing else meanwhile: who writes all over its memory at once would stand still for many
 * seconds. (man 2 userfaultfd, ioctl_userfaultfd.) Called by mig_target.c and restore.c, in a
 * process of lazy.c's.
 */
#ifndef STIVA_CHECKPOINT_MIG_FAULT_H
#define STIVA_CHECKPOINT_MIG_FAULT_H

#include <stddef.h>
#include <stdint.h>

struct mig_ranges;
/* Where memory comes from. */
struct mig_fault_source {
	void *ctx;
	/* Of the process that had this pid: a file (the server closes it), and what of it may still
	 * be missing; the kernel knows what really is. Leaf. */
	int (*open)(void *ctx, int pid, int *ret_fd, struct mig_ranges *ret);
};
/* What a server and its keeper say to each other, a byte each. */
enum mig_fault_word {
	MIG_FAULT_READY = 'r', /* the server: criu may connect */
	/* The keeper: criu has sent all processes. The server: it has them, and rests until it is
	 * told to go on, or nobody is there to tell it. */
	MIG_FAULT_REST = 'h',
	MIG_FAULT_RESTS = 'k',
	MIG_FAULT_GO_ON = 'g',
};
/*
 * Serves until all is there, or nobody is left. keeper_fd: a socket to the keeper. Return: 0 or
 * -errno: then some of it will never come.
 */
int mig_fault_serve(const struct mig_fault_source *from, int work_fd, int keeper_fd);

/* ---- mig_fault_range.c: what of a process is still to come ---- */
struct mig_range {
	uint64_t start, end; /* addresses */
	uint64_t shift; /* what is at `start` lies in the file at start - shift (modulo 2^64) */
};
/* Sorted by start, and disjoint. */
struct mig_ranges {
	struct mig_range *v; /* owned */
	size_t n, cap;
};
void mig_ranges_done(struct mig_ranges *r);
void mig_ranges_add(struct mig_ranges *r, uint64_t start, uint64_t end, uint64_t shift);
void mig_ranges_copy(struct mig_ranges *to, const struct mig_ranges *from);
/* The one that has the address; NULL: none. */
const struct mig_range *mig_ranges_find(const struct mig_ranges *r, uint64_t address);
/* Takes these addresses out. */
void mig_ranges_cut(struct mig_ranges *r, uint64_t start, uint64_t end);
/* mremap(2). */
void mig_ranges_move(struct mig_ranges *r, uint64_t from, uint64_t to, uint64_t length);

#endif
