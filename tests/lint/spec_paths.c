/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tests/lint/spec_paths: prints the property paths and types of the field tables, in the form of
 * tests/data/spec/schema-1.3-paths.txt, for tests/lint/schema to compare. Links spec and base only.
 */
#include <stdio.h>
#include "spec/tables.h"
#include "base/ban.h"

static const char *kind_type(enum json_kind kind)
{
	static const char *const types[JSON_KIND_N] = {
		[JSON_BOOL] = "boolean",  [JSON_I64] = "integer",   [JSON_U64] = "integer",
		[JSON_U32] = "integer",	  [JSON_STR] = "string",    [JSON_ENUM] = "string",
		[JSON_STRS] = "string",	  [JSON_STRMAP] = "string", [JSON_ENUMS] = "string",
		[JSON_U32S] = "integer",  [JSON_OBJ] = "object",    [JSON_OBJS] = "object",
		[JSON_OBJMAP] = "object",
	};
	return types[kind];
}

static const char *kind_suffix(enum json_kind kind)
{
	if (kind == JSON_STRMAP || kind == JSON_OBJMAP)
		return "{}";
	if (kind == JSON_STRS || kind == JSON_ENUMS || kind == JSON_U32S || kind == JSON_OBJS)
		return "[]";
	return "";
}

/* Return: how many rows were printed. */
static size_t walk(const char *document, const struct json_table *t, const char *above)
{
	size_t n = t->n_rows;

	if (t->n_rows > 64) /* the parser keeps a bit per row */
		printf("%s %s too-many-rows\n", document, t->name);
	for (size_t i = 0; i < t->n_rows; i++) {
		const struct json_row *row = &t->rows[i];
		char path[512];

		snprintf(path, sizeof(path), "%s%s%s%s", above, *above ? "." : "", row->key,
			 kind_suffix(row->kind));
		printf("%s %s %s\n", document, path,
		       str_eq(row->key, "commandLine") ? "string" : kind_type(row->kind));
		if (row->sub)
			n += walk(document, row->sub, path);
	}
	return n;
}

int main(void)
{
	size_t n = walk("config", &spec_table_config, "");

	n += walk("state", &spec_table_state, "");
	n += walk("features", &spec_table_features, "");
	fprintf(stderr, "%zu rows\n", n);
	return 0;
}
