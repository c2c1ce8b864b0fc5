/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/cli/roff: text into the source of a man page. It knows no verb. Called by man*.c. */
#ifndef STIVA_CLI_ROFF_H
#define STIVA_CLI_ROFF_H

#include <stddef.h>
#include "base/mem.h"

/* Text with what roff would take for its own escaped. */
void roff_add_text(const char *s, size_t n, struct buf *out);
void roff_add_words(const char *s, struct buf *out);
/* Paragraphs that an empty line divides. */
void roff_add_paragraphs(const char *s, struct buf *out);
/* The page's title and its NAME section. manual: the section's name ("User Commands"). */
void roff_add_head(const char *name, int section, const char *manual, const char *summary,
		   struct buf *out);

#endif
