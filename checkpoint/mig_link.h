/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/mig_link: the line between the two ends of a migration: frames over two descriptors
 * (a pipe pair to ssh, or one socket twice), each with its number and checksums, and the table of
 * all frames. It knows no container, no image and no order of frames: mig_source.c and
 * mig_target.c do. (migration.md 8.)
 *
 * A frame: 32 bytes, little-endian: magic "STVM", type u16, flags u16, length u32 (at most
 * MIG_FRAME_MAX), stream u32, sequence u64 (from 0, each way), CRC-32C of these 24 bytes, CRC-32C
 * of the payload; then the payload. Control payloads are JSON, bulk payloads binary.
 */
#ifndef STIVA_CHECKPOINT_MIG_LINK_H
#define STIVA_CHECKPOINT_MIG_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/auto.h"
#include "base/err.h"
#include "base/mem.h"
#include "checkpoint/digest.h"

#define MIG_FRAME_MAX (4u << 20)
#define MIG_HEAD_SIZE 32

/* number, name, who sends it (S: the source, D: the destination, B: both), meaning.
 * From 32 on: bulk, which --bandwidth holds back. */
#define MIG_FRAMES(X)                                                                              \
	X(1, HELLO, "S", "versions, architecture, kernel, criu, clock of the source")              \
	X(2, CAPS, "D", "the same of the destination")                                             \
	X(3, RESERVE, "S", "epoch, id, config.json, limits, mounts, estimate of bytes")            \
	X(4, RESERVED, "D", "the name is held, there is room, everything fits")                    \
	X(5, ROUND_BEGIN, "S", "number of the round")                                              \
	X(6, ROUND_END, "S", "what the round sent; the destination answers ROUND_TAKEN")           \
	X(7, ROUND_TAKEN, "D", "all of the round is in its place")                                 \
	X(8, FREEZE, "S", "from now on the container stands still; the time of it")                \
	X(9, FINAL_END, "S", "the container is complete; digest of everything since RESERVE")      \
	X(10, READY, "D", "restored, audited, and held")                                           \
	X(11, COMMIT, "S", "epoch: it is yours; the source will not let it run again")             \
	X(12, RUNNING, "D", "epoch, pid, time: it runs")                                           \
	X(13, ABORT, "B", "why; from either side, before COMMIT")                                  \
	X(14, ABORTED, "B", "everything of this migration is gone on this side")                   \
	X(15, STATUS, "B", "epoch: which record does the other side hold?")                        \
	X(16, STATUS_IS, "B", "epoch, phase, boot id")                                             \
	X(17, PING, "B", "a number and the time; answered at once")                                \
	X(18, PONG, "B", "the number, the time, and the time of the PING")                         \
	X(19, DONE, "S", "RUNNING was heard, and the source is gone: nobody will ask any more")    \
	X(32, IMAGE, "S", "a piece of an image file (not of memory)")                              \
	X(33, FS_ENTRY, "S", "names, kinds, owners, times, xattrs of a tree: no contents")         \
	X(34, FS_DATA, "S", "a piece of a file's contents")                                        \
	X(35, FS_DEL, "S", "what is no longer there")                                              \
	X(36, FS_END, "S", "the round over this tree is complete; digest")                         \
	X(37, PAGES, "S", "runs of pages and their contents")                                      \
	X(38, PAGES_ZERO, "S", "runs of pages that are zero")                                      \
	X(39, PAGES_REF, "S", "runs of pages that are as the destination has them")                \
	X(40, PAGES_MAP, "S", "what criu said of its memory images: opened, closed")

enum mig_frame_type {
#define MIG_FRAME_ENUM(number, name, who, meaning) MIG_##name = (number),
	MIG_FRAMES(MIG_FRAME_ENUM)
#undef MIG_FRAME_ENUM
};
#define MIG_FIRST_BULK 32

struct mig_frame {
	enum mig_frame_type type;
	uint16_t flags;	  /* of the type */
	uint32_t stream;  /* which tree, which round, ...: of the type */
	uint32_t n;	  /* of data */
	const char *data; /* borrowed: until the next call on the link */
};

struct mig_link {
	int in_fd, out_fd; /* owned; the same number twice is closed once */
	int abort_fd;	   /* borrowed; FD_NONE: none. Readable: the call ends with EINTR */
	const char *peer;  /* borrowed: the other side's name, for messages */
	int silence_ms;	   /* so long nothing may move while a call waits; -1: for ever */
	uint64_t rate;	   /* bytes per second of bulk; 0: as fast as it goes */
	uint64_t end_usec; /* from this proc_now_usec() on no call waits, but ends with ETIME; 0:
			      never */

	/* counted, for reports: bytes each way */
	uint64_t in_total, out_total;
	/* private */
	struct buf in;		      /* owned: what has come */
	size_t in_at;		      /* where the rest of it begins */
	uint64_t in_seq, out_seq;     /* of the next frame */
	uint64_t budget, budget_usec; /* bytes that `rate` allows, as of then */
	/* of the heads of frames; before: of those before the last heard one */
	struct ckpt_digest heard, sent, before;
};
/* Takes both descriptors (made non-blocking). */
void mig_link_open(struct mig_link *l, int in_fd, int out_fd, const char *peer);
void mig_link_done(struct mig_link *l);

/*
 * Sends one frame in full. What comes in meanwhile is kept, so that two sides that both send do not
 * wait for each other; an ABORT among it ends the call. Story: EPIPE the line is gone, ETIMEDOUT
 * nothing moved for silence_ms, EINTR abort_fd, ECONNABORTED the peer gave up (its words).
 */
int mig_link_say(struct mig_link *l, enum mig_frame_type type, uint32_t stream, const void *p,
		 size_t n, struct err *e) MUST_CHECK;
/* The same of a payload in two parts (a head of the type's own, and pages), without copying. */
int mig_link_say2(struct mig_link *l, enum mig_frame_type type, uint32_t stream, const void *head,
		  size_t n_head, const void *p, size_t n, struct err *e) MUST_CHECK;
/*
 * Waits for the next frame, timeout_ms at most (-1: silence_ms alone counts). PING is answered
 * here and not given out. Story, as mig_link_say(); EBADMSG what came is no frame, or not the one
 * that is due.
 */
int mig_link_hear(struct mig_link *l, int timeout_ms, struct mig_frame *ret,
		  struct err *e) MUST_CHECK;
/* Waits for a frame of this type; another one, but an answer to a PING, is an error by name. */
int mig_link_expect(struct mig_link *l, enum mig_frame_type type, int timeout_ms,
		    struct mig_frame *ret, struct err *e) MUST_CHECK;
/* True when a whole frame has come already: hear would not wait. */
bool mig_link_has_frame(const struct mig_link *l);

/* SHA-256, in hex, over the heads (which hold the payloads' checksums) of all frames so far but
 * PING and PONG: what one side sent is what the other has heard. text: CKPT_DIGEST_TEXT bytes. */
void mig_link_sent_digest(const struct mig_link *l, char *text);
void mig_link_heard_digest(const struct mig_link *l, char *text);
/* The same without the frame that was heard last, which holds what it is compared with. */
void mig_link_heard_before(const struct mig_link *l, char *text);

const char *mig_link_name(unsigned type);
/* CRC-32C (Castagnoli), the processor's instruction where it has it. crc: 0 to begin. Pure. */
uint32_t mig_link_crc(uint32_t crc, const void *p, size_t n);

#endif
