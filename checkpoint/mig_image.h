/* SPDX-License-Identifier: Apache-2.0 */
/*
 * checkpoint/mig_image: the files of a checkpoint's image directory over the link, as frames IMAGE:
 * a byte that is 1 for the file's last piece, its name with a NUL, and the piece. They come one
 * after the other. It knows no container. Called by mig_source.c and mig_target.c.
 */
#ifndef STIVA_CHECKPOINT_MIG_IMAGE_H
#define STIVA_CHECKPOINT_MIG_IMAGE_H

#include "checkpoint/mig_link.h"

/* Sends every image and every file of ours in the directory. *ret_bytes: of their contents. Story.
 */
int mig_image_send(struct mig_link *l, int dir_fd, uint64_t *ret_bytes, struct err *e) MUST_CHECK;

/* Zeroed: none yet. */
struct mig_sink_image {
	int fd; /* owned while name is not empty */
	char name[256];
	uint64_t total; /* bytes taken */
};
void mig_sink_image_done(struct mig_sink_image *s);
bool mig_sink_image_is_open(const struct mig_sink_image *s);
/* Takes one frame. Names that an image directory does not have, a file that comes twice or is cut
 * off by another one: EBADMSG. Story. */
int mig_sink_image_take(struct mig_sink_image *s, int dir_fd, const struct mig_frame *f,
			struct err *e) MUST_CHECK;

#endif
