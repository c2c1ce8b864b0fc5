/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/json_view: looks into JSON that we printed ourselves: one value by its path, or all of it as
 * lines for a terminal. Not for documents of others: those go through base/json.
 */
#ifndef STIVA_BASE_JSON_VIEW_H
#define STIVA_BASE_JSON_VIEW_H

#include <stddef.h>
#include "base/mem.h"

/*
 * Finds the value at `path` in `text`: names divided by ".", "[N]" for a member of a list; a
 * leading "." is allowed. A name that holds dots itself (memory.max) is found as it is. Return: 0
 * with the value's bytes, or -ENOENT.
 */
int json_view_find(const char *text, const char *path, const char **ret, size_t *ret_len);
/* Adds the value as a program wants it alone: strings without quotes, the rest as JSON; newline. */
void json_view_raw(const char *value, size_t len, struct buf *out);
/* Adds an object as indented "name: value" lines; lists of plain values on one line. */
void json_view_outline(const char *text, struct buf *out);

#endif
