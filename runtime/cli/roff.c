/* SPDX-License-Identifier: Apache-2.0 */
/* runtime/cli/roff: text into the source of a man page. It must not know a verb. Called by man*.c.
 */
#include "runtime/cli/roff.h"

#include <string.h>
#include "runtime/cli/cmd.h"
#include "base/ban.h"

void roff_add_text(const char *s, size_t n, struct buf *out)
{
	/* A leading "." or "'" would be a request. */
	if (n && (s[0] == '.' || s[0] == '\''))
		buf_adds(out, "\\&");
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '\\')
			buf_adds(out, "\\e");
		else if (s[i] == '-')
			buf_adds(out, "\\-");
		else if (s[i] == '\'')
			buf_adds(out, "\\(aq");
		else
			buf_addc(out, s[i]);
	}
}

void roff_add_words(const char *s, struct buf *out)
{
	roff_add_text(s, strlen(s), out);
}

void roff_add_paragraphs(const char *s, struct buf *out)
{
	while (s && *s) {
		const char *end = strstr(s, "\n\n");
		roff_add_text(s, end ? (size_t)(end - s) : strlen(s), out);
		buf_addc(out, '\n');
		s = end ? end + 2 : NULL;
		if (s)
			buf_adds(out, ".PP\n");
	}
}

void roff_add_head(const char *name, int section, const char *manual, const char *summary,
		   struct buf *out)
{
	AUTO(buf) page = {0};

	for (const char *s = name; *s; s++)
		buf_addc(&page, *s >= 'a' && *s <= 'z' ? (char)(*s - 'a' + 'A') : *s);
	buf_printf(out, ".\\\" Made by `stiva help --man`; do not edit.\n.TH \"%s\" %d \"\" ",
		   page.data, section);
	buf_printf(out, "\"stiva " STIVA_VERSION "\" \"%s\"\n.nh\n.ad l\n.SH NAME\n", manual);
	roff_add_words(name, out);
	buf_adds(out, " \\- ");
	roff_add_words(summary, out);
	buf_addc(out, '\n');
}
