/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/cli/autosize_view: how autosize tells what it does. Called by cmd_autosize.c. */
#ifndef STIVA_CLI_AUTOSIZE_VIEW_H
#define STIVA_CLI_AUTOSIZE_VIEW_H

#include <stdbool.h>
#include "base/mem.h"
#include "runtime/life/life.h"

/* One line with its time: text, or a JSON object. */
void cmd_autosize_line(const struct autosize_note *n, bool is_json, struct buf *out);
/* The policy in force. */
void cmd_autosize_policy(const struct autosize_policy *p, bool is_json, struct buf *out);

#endif
