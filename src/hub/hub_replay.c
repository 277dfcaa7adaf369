/* SPDX-License-Identifier: PostgreSQL */
#include <stdlib.h>

#include "pgcable/mem.h"

#include "hub_internal.h"

static const char *const replay_labels[PGC_REPLAY_RESULTS] = {
    [PGC_REPLAY_DONE] = "result=\"done\"",
    [PGC_REPLAY_UNKNOWN] = "result=\"unknown_place\"",
    [PGC_REPLAY_TOO_OLD] = "result=\"too_old\"",
    [PGC_REPLAY_HOLE] = "result=\"hole\"",
    [PGC_REPLAY_TOO_LONG] = "result=\"too_long\"",
};

struct hub_metrics
pgc_hub_register_metrics(struct pgc_metrics *metrics)
{
    struct hub_metrics own = {
        .replayed = pgc_counter(metrics, "pgcable_replayed_messages_total", "",
            "Messages sent again to subscriptions."),
        .streams = pgc_gauge(metrics, "pgcable_streams", "",
            "Streams that somebody is subscribed to; each worker counts its own."),
    };

    for (size_t i = 0; i < PGC_REPLAY_RESULTS; i++) {
        own.replays[i] = pgc_counter(metrics, "pgcable_replays_total", replay_labels[i],
            "Subscriptions that wanted to go on where they stopped, by what came of it.");
    }
    return own;
}

/* The topics that the subscription is attached to beside its stream, up to `size` of them. */
static size_t
hub_list_further(const struct pgc_sub *sub, const char **topics, size_t size)
{
    const struct hub_link *link;
    size_t count = 0;

    LIST_FOREACH(link, &sub->links, by_sub) {
        if (link->topic == sub->stream) {
            continue;
        }
        if (count < size) {
            topics[count] = link->topic->name;
        }
        count++;
    }
    return count;
}

static void
hub_deliver_found(struct pgc_hub *hub, struct pgc_sub *sub, const struct backlog_found *found)
{
    for (size_t i = 0; i < found->count && !sub->dead; i++) {
        struct pgc_msg *const *msg = &found->items[i]->msg;

        sub->ops->deliver(sub->owner, sub, &(struct pgc_run){.msgs = msg, .count = 1});
        pgc_metric_add(hub->metrics.replayed, 1);
    }
}

enum pgc_replay
pgc_hub_replay(struct pgc_hub *hub, struct pgc_sub *sub, const struct pgc_since *since)
{
    size_t topic_count = hub_list_further(sub, NULL, 0);
    const char **topics = pgc_xcalloc(topic_count + 1, sizeof(*topics));
    struct backlog_found found = {0};
    struct backlog_query query = {
        .stream = sub->stream->name,
        .member = sub->member->id,
        .topics = topics,
        .topic_count = topic_count,
        .since = since,
        .until = sub->made,
    };
    enum pgc_replay result;

    (void)hub_list_further(sub, topics, topic_count);
    result = pgc_backlog_find(hub->backlog, &query, &found);
    pgc_metric_add(hub->metrics.replays[result], 1);
    if (result == PGC_REPLAY_DONE) {
        hub_deliver_found(hub, sub, &found);
    }
    free(found.items);
    free(topics);
    return result;
}
