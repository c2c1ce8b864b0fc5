/* SPDX-License-Identifier: Apache-2.0 */
/* checkpoint/mig_report: see mig_report.h. */
#include "checkpoint/mig_report.h"

#include <stdarg.h>
#include <stdio.h>
#include "base/auto.h"
#include "base/err.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/proc.h"
#include "base/ban.h"

void mig_report_mark(struct mig_report *r, enum mig_moment m)
{
	r->at[m] = proc_now_usec();
}

/* From one moment to the next, in ms; 0 when it did not come to both. */
static double span(const struct mig_report *r, enum mig_moment from, enum mig_moment to)
{
	return r->at[from] && r->at[to] > r->at[from] ? (double)(r->at[to] - r->at[from]) / 1e3 : 0;
}

static double mib(uint64_t bytes)
{
	return (double)bytes / (1 << 20);
}

/* Somebody who does not read any more does not stop a migration. */
static void put(struct mig_report *r, struct buf *b)
{
	buf_addc(b, '\n');
	(void)!fd_write_all(r->out_fd, b->data, b->len);
}

static void say(struct mig_report *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void say(struct mig_report *r, const char *fmt, ...)
{
	AUTO(buf) b = {0};
	char line[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	buf_adds(&b, line);
	put(r, &b);
}

void mig_report_reserved(struct mig_report *r, unsigned trees, unsigned shared)
{
	mig_report_mark(r, MIG_AT_RESERVED);
	if (r->is_json)
		say(r, "{\"event\":\"reserved\",\"trees\":%u,\"shared\":%u,\"ms\":%.1f}", trees,
		    shared, span(r, MIG_AT_BEGIN, MIG_AT_RESERVED));
	else if (!r->is_quiet)
		say(r, "the destination is ready: %u of %u trees of files are the same storage",
		    shared, trees);
}

static void round_json(struct mig_report *r, const struct mig_report_round *n)
{
	AUTO(buf) b = {0};

	buf_printf(&b,
		   "{\"event\":\"round\",\"round\":%u,\"ms\":%.1f,\"files\":{\"entries\":%llu,"
		   "\"bytes\":%llu},\"memory\":{\"pages\":%llu,\"bytes\":%llu},"
		   "\"bytes_per_s\":%llu,\"dirty_bytes_per_s\":%llu",
		   n->number, (double)n->usec / 1e3, (unsigned long long)n->entries,
		   (unsigned long long)n->file_bytes, (unsigned long long)n->pages,
		   (unsigned long long)n->memory_bytes, (unsigned long long)n->bandwidth,
		   (unsigned long long)n->dirty_rate);
	if (n->downtime_usec != UINT64_MAX)
		buf_printf(&b, ",\"predicted_downtime_ms\":%.1f", (double)n->downtime_usec / 1e3);
	if (n->verdict) {
		buf_adds(&b, ",\"verdict\":");
		json_print_string(n->verdict, &b);
	}
	buf_addc(&b, '}');
	put(r, &b);
}

void mig_report_round(struct mig_report *r, const struct mig_report_round *n)
{
	AUTO(buf) b = {0};

	r->rounds = n->number;
	r->file_bytes += n->file_bytes;
	r->memory_bytes += n->memory_bytes;
	if (r->is_json) {
		round_json(r, n);
		return;
	}
	if (r->is_quiet)
		return;
	buf_printf(&b, "round %u: memory %.1f MiB, files %.1f MiB in %.1f ms (%.1f MiB/s)",
		   n->number, mib(n->memory_bytes), mib(n->file_bytes), (double)n->usec / 1e3,
		   mib(n->bandwidth));
	if (n->dirty_rate)
		buf_printf(&b, ", %.1f MiB/s change", mib(n->dirty_rate));
	if (n->downtime_usec != UINT64_MAX)
		buf_printf(&b, "; stopped now: %.0f ms", (double)n->downtime_usec / 1e3);
	if (n->verdict)
		buf_printf(&b, "; %s", n->verdict);
	put(r, &b);
}

void mig_report_asks(struct mig_report *r, const char *why)
{
	AUTO(buf) b = {0};

	if (r->is_quiet)
		return;
	if (r->is_json) {
		buf_adds(&b, "{\"event\":\"asks\",\"why\":");
		json_print_string(why, &b);
		buf_addc(&b, '}');
	} else {
		buf_printf(&b, "%s: asking whether the container runs there", why);
	}
	put(r, &b);
}

static void end_json(struct mig_report *r, const char *why, bool is_in_doubt)
{
	AUTO(buf) b = {0};

	buf_printf(&b, "{\"event\":\"end\",\"result\":\"%s\",\"id\":",
		   !why		 ? "moved"
		   : is_in_doubt ? "in-doubt"
				 : "not-moved");
	json_print_string(r->id, &b);
	buf_adds(&b, ",\"host\":");
	json_print_string(r->host, &b);
	if (r->epoch)
		buf_printf(&b, ",\"migration\":\"%s\"", r->epoch);
	if (why) {
		buf_adds(&b, ",\"reason\":");
		json_print_string(why, &b);
	}
	buf_printf(&b,
		   ",\"total_ms\":%.1f,\"downtime_ms\":%.1f,\"downtime\":{\"freeze\":%.1f,"
		   "\"dump\":%.1f,\"files\":%.1f,\"restore\":%.1f,\"commit\":%.1f},"
		   "\"rounds\":%u,\"bytes\":{\"wire\":%llu,\"images\":%llu,\"files\":%llu,"
		   "\"memory\":%llu,\"last_memory\":%llu},\"mode\":\"%s\"",
		   span(r, MIG_AT_BEGIN, MIG_AT_END), span(r, MIG_AT_STOP, MIG_AT_RUNNING),
		   span(r, MIG_AT_STOP, MIG_AT_FROZEN), span(r, MIG_AT_FROZEN, MIG_AT_SEALED),
		   span(r, MIG_AT_SEALED, MIG_AT_SENT), span(r, MIG_AT_SENT, MIG_AT_READY),
		   span(r, MIG_AT_READY, MIG_AT_RUNNING), r->rounds,
		   (unsigned long long)r->wire_bytes, (unsigned long long)r->image_bytes,
		   (unsigned long long)r->file_bytes, (unsigned long long)r->memory_bytes,
		   (unsigned long long)r->last_memory_bytes, r->mode);
	if (r->criu_source && r->criu_destination)
		buf_printf(&b, ",\"criu\":{\"source\":\"%s\",\"destination\":\"%s\"}",
			   r->criu_source, r->criu_destination);
	buf_printf(&b, ",\"clock_skew_ms\":%.1f}", (double)r->clock_skew_usec / 1e3);
	put(r, &b);
}

void mig_report_end(struct mig_report *r, const char *why, bool is_in_doubt)
{
	mig_report_mark(r, MIG_AT_END);
	if (r->is_json) {
		end_json(r, why, is_in_doubt);
		return;
	}
	if (why || r->is_quiet)
		return;
	say(r, "%s runs on %s: it stood still for %.1f ms of %.1f ms", r->id, r->host,
	    span(r, MIG_AT_STOP, MIG_AT_RUNNING), span(r, MIG_AT_BEGIN, MIG_AT_END));
	say(r,
	    "  freeze %.1f, dump %.1f, last files and images %.1f, restore %.1f, hand over %.1f ms",
	    span(r, MIG_AT_STOP, MIG_AT_FROZEN), span(r, MIG_AT_FROZEN, MIG_AT_SEALED),
	    span(r, MIG_AT_SEALED, MIG_AT_SENT), span(r, MIG_AT_SENT, MIG_AT_READY),
	    span(r, MIG_AT_READY, MIG_AT_RUNNING));
	say(r,
	    "  sent %.1f MiB: memory %.1f (%.1f of it while it stood still), files %.1f, images "
	    "%.1f; %u rounds",
	    mib(r->wire_bytes), mib(r->memory_bytes), mib(r->last_memory_bytes), mib(r->file_bytes),
	    mib(r->image_bytes), r->rounds);
}
