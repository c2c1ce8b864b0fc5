/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spec/rules: the law that takes more than one row of a table, one named function per rule, each
 * with its ID in conformance.md or security.md (B numbers). Not for other rooms: load.c runs it.
 */
#ifndef STIVA_SPEC_RULES_H
#define STIVA_SPEC_RULES_H

#include "spec/spec.h"

/* Adds an error at "AT.what"; at is "" for the top of a document. */
void spec_rule_error(struct json_errors *errs, const char *at, const char *what, const char *fmt,
		     ...) PRINTF_LIKE(4, 5);
/* "AT[i]" or "AT.key" into a caller's buffer. Return: buf. */
#define SPEC_PATH_SIZE 192
char *spec_rule_path(char buf[SPEC_PATH_SIZE], const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The path of a map's entry, made as the parser makes it. Return: buf. */
char *spec_rule_key(char buf[SPEC_PATH_SIZE], const char *at, const char *key);

void spec_rules_config(const struct spec_config *c, struct json_errors *errs);
void spec_rules_annotations(const struct spec_config *c, struct json_errors *errs);
void spec_rules_process(const struct spec_process *p, const char *at, struct json_errors *errs);
/* Of the mounts alone; the rest of c says in what container. */
void spec_rules_mounts(const struct spec_config *c, struct json_errors *errs);
void spec_rules_linux(const struct spec_config *c, struct json_errors *errs);
void spec_rules_seccomp(const struct spec_config *c, struct json_errors *errs);
/* An update may name a part of what the container has: rules between parts then wait. */
void spec_rules_resources(const struct spec_resources *r, const char *at, bool is_update,
			  struct json_errors *errs);

/* ---- shared by the rules ---- */
/* Checks the lines of an id map: at most 340 (the kernel's limit), no overlap, no wrap. */
void spec_rule_id_map(const struct spec_id_mapping_vec *map, const char *at,
		      struct json_errors *errs);
/* True when s is a cpu or node list as the kernel prints it: "0-3,7". */
bool spec_rule_is_list(const char *s);
/* True when a path has ".." as a component. */
bool spec_rule_has_dotdot(const char *path);
bool spec_rule_has_control(const char *s);

/* spec/version.c. NULL when this ociVersion is one of ours, else what is wrong with it. */
const char *spec_version_wrong(const char *version);

#endif
