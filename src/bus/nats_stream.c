/* SPDX-License-Identifier: PostgreSQL */
#include <stdlib.h>
#include <string.h>

#include "pgcable/clock.h"
#include "pgcable/mem.h"

#include "nats_internal.h"

#define STREAM_NS_PER_S INT64_C(1000000000)
#define STREAM_NO_ERROR ((jsErrCode)0) /* none of the enum's */

/* Without any other word from the server. */
#define STREAM_HEARTBEAT_NS (STREAM_NS_PER_S / 2)

/* How long the server remembers a consumer whose follower has gone. */
#define STREAM_FORGET_NS (10 * STREAM_NS_PER_S)

static jsOptions
stream_options(void)
{
    return (jsOptions){.Wait = NATS_CALL_MS};
}

static bool
stream_complain(
    struct pgc_err *err, const struct nats_wire *wire, natsStatus status, jsErrCode code)
{
    (void)pgc_nats_complain(err, status);
    if (code == JSStreamNotFoundErr) {
        (void)pgc_err_hint(err, "it is made by a daemon with role = feed: is there one?");
    } else if (code == JSNotEnabledErr || code == JSNotEnabledForAccountErr) {
        (void)pgc_err_hint(err, "enable JetStream in the NATS server and for this account");
    } else if (status == NATS_TIMEOUT) {
        (void)pgc_err_hint(err,
            "is JetStream enabled, are most servers of the cluster up, and may this user use "
            "the stream's API?");
    } else if (status == NATS_NO_RESPONDERS) {
        (void)pgc_err_hint(err, "enable JetStream in the NATS server");
    }
    return pgc_err_wrap(err, "stream \"%s\"", wire->prefix);
}

/* ---- keep it ---- */

static bool
stream_create(struct nats_hand *hand, struct pgc_err *err)
{
    const struct nats_wire *wire = hand->wire;
    char *subject = pgc_xasprintf("%s.batch", wire->prefix);
    const char *subjects[] = {subject};
    jsOptions options = stream_options();
    jsErrCode code = STREAM_NO_ERROR;
    jsStreamConfig config;
    natsStatus status;

    (void)jsStreamConfig_Init(&config);
    config.Name = wire->prefix;
    config.Description = "pgcable: what was committed, in order";
    config.Subjects = subjects;
    config.SubjectsLen = 1;
    config.MaxAge = wire->retention_s * STREAM_NS_PER_S;
    config.Replicas = wire->replicas;
    status = js_AddStream(NULL, hand->stream, &config, &options, &code);
    free(subject);
    if (status != NATS_OK) {
        (void)stream_complain(err, wire, status, code);
        return pgc_err_wrap(err, "create a stream of %lld replicas", (long long)wire->replicas);
    }
    return true;
}

static bool
stream_update(struct nats_hand *hand, jsStreamConfig *config, struct pgc_err *err)
{
    const struct nats_wire *wire = hand->wire;
    jsOptions options = stream_options();
    jsErrCode code = STREAM_NO_ERROR;
    natsStatus status;

    config->MaxAge = wire->retention_s * STREAM_NS_PER_S;
    if (config->Duplicates > config->MaxAge) {
        config->Duplicates = config->MaxAge;
    }
    status = js_UpdateStream(NULL, hand->stream, config, &options, &code);
    if (status != NATS_OK) {
        (void)stream_complain(err, wire, status, code);
        return pgc_err_wrap(err, "let packets be kept for %lld s", (long long)wire->retention_s);
    }
    return true;
}

bool
pgc_nats_stream_keep(struct nats_hand *hand, struct pgc_err *err)
{
    jsOptions options = stream_options();
    jsStreamInfo *info = NULL;
    jsErrCode code = STREAM_NO_ERROR;
    natsStatus status = js_GetStreamInfo(&info, hand->stream, hand->wire->prefix, &options, &code);
    bool ok = true;

    if (status == NATS_NOT_FOUND || code == JSStreamNotFoundErr) {
        ok = stream_create(hand, err);
    } else if (status != NATS_OK) {
        (void)stream_complain(err, hand->wire, status, code);
        ok = pgc_err_wrap(err, "look for the stream");
    } else if (info->Config->MaxAge != hand->wire->retention_s * STREAM_NS_PER_S) {
        ok = stream_update(hand, info->Config, err);
    }
    jsStreamInfo_Destroy(info);
    return ok;
}

/* ---- its newest packet ---- */

void
pgc_nats_stream_last(struct nats_hand *hand, const struct nats_job *job)
{
    const char *prefix = hand->wire->prefix;
    jsOptions options = stream_options();
    struct nats_event event = {
        .kind = NATS_EVENT_LAST, .session = job->session, .number = job->number};
    jsStreamInfo *info = NULL;
    jsErrCode code = STREAM_NO_ERROR;
    natsStatus status = js_GetStreamInfo(&info, hand->stream, prefix, &options, &code);

    if (status == NATS_OK) {
        event.sequence = info->State.LastSeq;
        if (info->State.Msgs > 0) {
            status = js_GetMsg(&event.msg, hand->stream, prefix, event.sequence, &options, &code);
        }
    }
    if (status != NATS_OK) {
        event.err = pgc_xcalloc(1, sizeof(*event.err));
        (void)stream_complain(event.err, hand->wire, status, code);
        (void)pgc_err_wrap(event.err, "ask for the newest packet");
    }
    jsStreamInfo_Destroy(info);
    pgc_nats_post(hand->wire, &event);
}

/* ---- follow it ---- */

/*
 * What the server's clock says, which need not be what ours does.  There is no asking for it, but
 * it tells when it made a consumer: this one is never heard of again.
 */
static natsStatus
stream_clock(struct nats_hand *hand, int64_t *now_ns, jsErrCode *code)
{
    char *inbox = pgc_xasprintf("%s.nobody", hand->wire->inbox);
    jsOptions options = stream_options();
    jsConsumerInfo *info = NULL;
    jsConsumerConfig config;
    natsStatus status;

    (void)jsConsumerConfig_Init(&config);
    config.DeliverSubject = inbox;
    config.DeliverPolicy = js_DeliverNew;
    config.AckPolicy = js_AckNone;
    config.InactiveThreshold = STREAM_NS_PER_S;
    config.MemoryStorage = true;
    config.Replicas = 1;
    status = js_AddConsumer(&info, hand->stream, hand->wire->prefix, &config, &options, code);
    if (status == NATS_OK) {
        *now_ns = info->Created;
    }
    jsConsumerInfo_Destroy(info);
    free(inbox);
    return status;
}

/*
 * libnats 3.4 writes what a time has beyond its second without the zeroes at its front: 0.05 s
 * becomes 0.5 s, and what was stored in between would be left out.  So a little earlier then,
 * without any.
 */
static int64_t
stream_time(int64_t ns)
{
    int64_t beyond_ns = ns % STREAM_NS_PER_S;

    return beyond_ns < STREAM_NS_PER_S / 10 ? ns - beyond_ns : ns;
}

/*
 * `first` gets the sequence it will begin with.  In a cluster the server may be one that does not
 * have all of the stream yet: then that is not sure, and 0.
 */
static natsStatus
stream_consume(struct nats_hand *hand, const struct nats_job *job, const char *inbox,
    uint64_t *first, jsErrCode *code)
{
    jsOptions options = stream_options();
    jsConsumerInfo *info = NULL;
    jsConsumerConfig config;
    int64_t now_ns = 0;
    natsStatus status = NATS_OK;

    (void)jsConsumerConfig_Init(&config);
    config.DeliverSubject = inbox;
    config.AckPolicy = js_AckNone;
    config.FlowControl = true;
    config.Heartbeat = STREAM_HEARTBEAT_NS;
    config.InactiveThreshold = STREAM_FORGET_NS;
    config.MemoryStorage = true; /* it is made again, not recovered */
    config.Replicas = 1;
    if (job->sequence > 0) {
        config.DeliverPolicy = js_DeliverByStartSequence;
        config.OptStartSeq = job->sequence;
    } else {
        status = stream_clock(hand, &now_ns, code);
        config.DeliverPolicy = js_DeliverByStartTime;
        now_ns -= (pgc_monotonic_us() - job->since_us) * 1000;
        config.OptStartTime = now_ns > STREAM_NS_PER_S ? stream_time(now_ns) : STREAM_NS_PER_S;
    }
    if (status == NATS_OK) {
        status = js_AddConsumer(&info, hand->stream, hand->wire->prefix, &config, &options, code);
    }
    if (status == NATS_OK) {
        *first = info->Cluster == NULL ? info->Delivered.Stream + 1 : 0;
    }
    jsConsumerInfo_Destroy(info);
    return status;
}

bool
pgc_nats_stream_follow(struct nats_hand *hand, const struct nats_job *job, struct pgc_err *err)
{
    const struct nats_tap packets = {.kind = NATS_EVENT_PACKET, .number = job->number};
    char *inbox =
        pgc_xasprintf("%s.follow.%llu", hand->wire->inbox, (unsigned long long)job->number);
    struct nats_event event = {
        .kind = NATS_EVENT_FOLLOWING, .session = job->session, .number = job->number};
    jsErrCode code = STREAM_NO_ERROR;
    bool ok;

    if (hand->following != NULL) {
        pgc_nats_tap_close(hand, hand->following);
    }
    ok = pgc_nats_tap_open(hand, inbox, &packets, &hand->following, err);
    if (ok) {
        natsStatus status = stream_consume(hand, job, inbox, &event.sequence, &code);

        ok = status == NATS_OK || stream_complain(err, hand->wire, status, code);
    }
    if (ok) {
        pgc_nats_post(hand->wire, &event);
    }
    free(inbox);
    return ok || pgc_err_wrap(err, "follow");
}
