/* SPDX-License-Identifier: Apache-2.0 */
/* tests/unit/spec/doc: documents with ' for ", and what is asserted of their errors. */
#ifndef STIVA_TESTS_UNIT_SPEC_DOC_H
#define STIVA_TESTS_UNIT_SPEC_DOC_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "spec/spec.h"

/* A config.json with more members in the top, in `process` and in `linux`, each after a comma. A
 * later duplicate wins, so a member of these can be replaced. */
#define DOC(top, process, linux_)                                                                  \
	"{'ociVersion':'1.3.0','root':{'path':'r'}"                                                \
	",'process':{'cwd':'/','args':['x']" process "}"                                           \
	",'linux':{'namespaces':[{'type':'mount'}]" linux_ "}" top "}"
#define TOP(members)	   DOC("," members, "", "")
#define PROCESS(members)   DOC("", "," members, "")
#define LINUX(members)	   DOC("", "", "," members)
#define RESOURCES(members) LINUX("'resources':{" members "}")
#define SECCOMP(members)   LINUX("'seccomp':{" members "}")

static struct arena doc_arena;
static struct json_errors doc_errs;

/* ' becomes ". The result lives until the next document. */
static inline char *doc_text(const char *doc)
{
	char *text;

	arena_done(&doc_arena);
	doc_errs = (struct json_errors){.arena = &doc_arena};
	text = arena_strdup(&doc_arena, doc);
	for (char *c = text; *c; c++) {
		if (*c == '\'')
			*c = '"';
	}
	return text;
}

static inline void doc_show_errors(void)
{
	for (size_t i = 0; i < doc_errs.n; i++)
		print_error("  %s: %s\n", doc_errs.v[i].path, doc_errs.v[i].text);
}

/* Exactly one error, at this path, with these words in it. */
static inline void doc_assert_error(int r, const char *path, const char *words)
{
	bool is_it = r == -EINVAL && doc_errs.n == 1 && str_eq(doc_errs.v[0].path, path) &&
		     strstr(doc_errs.v[0].text, words);

	if (!is_it) {
		print_error("wanted \"%s\": ...%s...; got %d and\n", path, words, r);
		doc_show_errors();
	}
	assert_true(is_it);
}

static inline void doc_assert_ok(int r)
{
	if (r)
		doc_show_errors();
	assert_int_equal(r, 0);
	assert_int_equal(doc_errs.n, 0);
}

static inline void config_bad(const char *doc, const char *path, const char *words)
{
	char *text = doc_text(doc);
	struct spec_config *c;

	doc_assert_error(spec_load(text, strlen(text), &doc_arena, &doc_errs, &c), path, words);
}

static inline struct spec_config *config_ok(const char *doc)
{
	char *text = doc_text(doc);
	struct spec_config *c;

	doc_assert_ok(spec_load(text, strlen(text), &doc_arena, &doc_errs, &c));
	return c;
}

static inline struct spec_process *process_ok(const char *doc)
{
	char *text = doc_text(doc);
	struct spec_process *p;

	doc_assert_ok(spec_load_process(text, strlen(text), &doc_arena, &doc_errs, &p));
	return p;
}

static inline void process_bad(const char *doc, const char *path, const char *words)
{
	char *text = doc_text(doc);
	struct spec_process *p;

	doc_assert_error(spec_load_process(text, strlen(text), &doc_arena, &doc_errs, &p), path,
			 words);
}

static inline struct spec_resources *resources_ok(const char *doc)
{
	char *text = doc_text(doc);
	struct spec_resources *r;

	doc_assert_ok(spec_load_resources(text, strlen(text), &doc_arena, &doc_errs, &r));
	return r;
}

static inline void resources_bad(const char *doc, const char *path, const char *words)
{
	char *text = doc_text(doc);
	struct spec_resources *r;

	doc_assert_error(spec_load_resources(text, strlen(text), &doc_arena, &doc_errs, &r), path,
			 words);
}

/* A file of tests/data/spec, read whole; the test runs in the root of the tree. */
static inline char *data_read(const char *name, size_t *ret_len)
{
	char *path = arena_printf(&doc_arena, "tests/data/spec/%s", name);
	size_t max = (size_t)1 << 20;
	char *text = arena_alloc(&doc_arena, max);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, max - 1) : -1;

	if (fd >= 0)
		close(fd);
	if (n < 0)
		fail_msg("%s cannot be read", path);
	*ret_len = (size_t)n;
	return text;
}

static inline int doc_teardown(void **state)
{
	(void)state;
	arena_done(&doc_arena);
	return 0;
}

#endif
