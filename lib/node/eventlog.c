/* SPDX-License-Identifier: BSD-3-Clause */
/* The frame of an event log: prefix, records, and the hashes that protect them. */
#include "eventlog.h"

#include "bytes.h"
#include "eventlog_event.h"
#include "eventlog_setup.h"
#include "hash.h"

static const uint8_t magic[8] = { 'T', 'I', 'D', 'A', 'L', 'L', 'O', 'G' };

#define LENGTH_BYTES 4
#define CHECK_BYTES 4
#define SETUP_HASH_BYTES 8

void eventlog_writer_init(struct eventlog_writer *w, unsigned hash)
{
	*w = (struct eventlog_writer){ .hash = hash };
}

size_t eventlog_put_setup(const struct eventlog_writer *w, const struct tidal_params *params,
			  uint8_t *bytes)
{
	struct out o = out_init(bytes + EVENTLOG_PREFIX,
				EVENTLOG_SETUP_MAX - EVENTLOG_PREFIX - SETUP_HASH_BYTES);
	struct out prefix = out_init(bytes, EVENTLOG_PREFIX);
	struct out hash;

	eventlog_encode_setup(&o, params);
	if (o.bad)
		return 0;
	out_bytes(&prefix, magic, sizeof(magic));
	out_u16(&prefix, EVENTLOG_VERSION);
	out_u8(&prefix, w->hash);
	out_u8(&prefix, 0);
	out_u32(&prefix, o.len);
	hash = out_init(o.at, SETUP_HASH_BYTES);
	out_u64(&hash, hash_bytes(w->hash, 0, bytes + EVENTLOG_PREFIX, o.len));
	return EVENTLOG_PREFIX + o.len + SETUP_HASH_BYTES;
}

static struct out record_begin(const struct eventlog_writer *w, unsigned kind, tidal_time now,
			       uint8_t *bytes)
{
	struct out o = out_init(bytes + LENGTH_BYTES,
				EVENTLOG_RECORD_MAX - LENGTH_BYTES - CHECK_BYTES);

	out_u8(&o, kind);
	out_u64(&o, now);
	out_u32(&o, w->actions);
	out_u64(&o, w->actions_hash);
	return o;
}

static size_t record_end(struct eventlog_writer *w, const struct out *o, uint8_t *bytes)
{
	struct out length = out_init(bytes, LENGTH_BYTES), check = out_init(o->at, CHECK_BYTES);

	if (o->bad)
		return 0;
	w->running = hash_bytes(w->hash, w->running, bytes + LENGTH_BYTES, o->len);
	w->actions = 0;
	out_u32(&length, o->len);
	out_u32(&check, w->running);
	return LENGTH_BYTES + o->len + CHECK_BYTES;
}

size_t eventlog_put_event(struct eventlog_writer *w, tidal_time now,
			  const struct tidal_event *event, int result, uint8_t *bytes)
{
	struct out o = record_begin(w, EVENTLOG_EVENT, now, bytes);

	out_u32(&o, (uint32_t)result);
	eventlog_encode_event(&o, event);
	return record_end(w, &o, bytes);
}

size_t eventlog_put_end(struct eventlog_writer *w, tidal_time now, uint64_t digest, uint8_t *bytes)
{
	struct out o = record_begin(w, EVENTLOG_END, now, bytes);

	out_u64(&o, digest);
	return record_end(w, &o, bytes);
}

void eventlog_action(struct eventlog_writer *w, const struct tidal_action *action)
{
	uint8_t bytes[EVENTLOG_RECORD_MAX];
	struct out o = out_init(bytes, sizeof(bytes));

	eventlog_encode_action(&o, action);
	w->actions_hash = hash_bytes(w->hash, w->actions_hash, bytes, o.len);
	w->actions++;
}

/* --- reading ----------------------------------------------------------------------------- */

static int wrong(struct eventlog_reader *r, const char *why)
{
	r->why = why;
	return TIDAL_EFORMAT;
}

/* The next n bytes; NULL when the log ends before. */
static const uint8_t *take(struct eventlog_reader *r, size_t n)
{
	const uint8_t *p = r->at;

	if (n > r->left)
		return NULL;
	r->at += n;
	r->left -= n;
	return p;
}

int eventlog_open(struct eventlog_reader *r, const void *bytes, size_t len,
		  struct eventlog_setup *setup)
{
	const uint8_t *prefix, *body, *hash;
	struct in in;
	size_t setup_len;

	*r = (struct eventlog_reader){ .start = bytes, .at = bytes, .left = len };
	prefix = take(r, EVENTLOG_PREFIX);
	if (!prefix || memcmp(prefix, magic, sizeof(magic)) != 0)
		return wrong(r, "not an event log");
	in = in_init(prefix + sizeof(magic), EVENTLOG_PREFIX - sizeof(magic));
	if (in_u16(&in) != EVENTLOG_VERSION) {
		r->why = "event log of another version";
		return TIDAL_EVERSION;
	}
	r->hash = in_u8(&in);
	if (!hash_known(r->hash))
		return wrong(r, r->hash == HASH_XXH3 ? "needs a build with xxHash"
						     : "unknown hash");
	if (in_u8(&in) != 0)
		return wrong(r, "damaged prefix");
	setup_len = in_u32(&in);
	body = take(r, setup_len);
	hash = take(r, SETUP_HASH_BYTES);
	if (!body || !hash)
		return wrong(r, "ends within the parameters");
	in = in_init(hash, SETUP_HASH_BYTES);
	if (in_u64(&in) != hash_bytes(r->hash, 0, body, setup_len))
		return wrong(r, "damaged parameters");
	in = in_init(body, setup_len);
	eventlog_decode_setup(&in, setup);
	return in.bad || in.left > 0 ? wrong(r, "parameters of another form") : 0;
}

static void get_record(struct in *in, struct eventlog_record *record)
{
	record->kind = in_u8(in);
	record->now = in_u64(in);
	record->actions = in_u32(in);
	record->actions_hash = in_u64(in);
	switch (record->kind) {
	case EVENTLOG_EVENT:
		record->result = (int32_t)in_u32(in);
		eventlog_decode_event(in, record);
		break;
	case EVENTLOG_END:
		record->digest = in_u64(in);
		break;
	default:
		in->bad = true;
	}
}

int eventlog_next(struct eventlog_reader *r, struct eventlog_record *record)
{
	const uint8_t *length, *body, *check;
	struct in in;
	size_t len;

	if (r->left == 0)
		return 0;
	length = take(r, LENGTH_BYTES);
	in = in_init(length, length ? LENGTH_BYTES : 0);
	len = in_u32(&in);
	if (length && len > EVENTLOG_RECORD_MAX - LENGTH_BYTES - CHECK_BYTES)
		return wrong(r, "damaged record: impossible length");
	body = length ? take(r, len) : NULL;
	check = body ? take(r, CHECK_BYTES) : NULL;
	if (!check)
		return wrong(r, "ends within a record");
	r->running = hash_bytes(r->hash, r->running, body, len);
	in = in_init(check, CHECK_BYTES);
	if (in_u32(&in) != (uint32_t)r->running)
		return wrong(r, "damaged record");
	memset(record, 0, sizeof(*record));
	in = in_init(body, len);
	get_record(&in, record);
	return in.bad || in.left > 0 ? wrong(r, "record of another form") : 1;
}
