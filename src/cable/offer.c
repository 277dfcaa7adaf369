/* SPDX-License-Identifier: PostgreSQL */
/*
 * What a handshake's Sec-WebSocket-Protocol offers, e.g.
 *
 *   actioncable-v1-json, actioncable-unsupported        Rails' own client: chosen is the first
 *   actioncable-v1-json, anycable-token.eyJhbGciOi…     AnyCable's client, with a token
 *   actioncable-unsupported, actioncable-v1-json        the client's order decides: the first
 *   graphql-ws                                          nothing we know: chosen is NONE
 */
#include "pgcable/cable.h"

static const struct offer_name {
    const char *name;
    enum pgc_proto proto;
} offer_names[] = {
    {.name = "actioncable-v1-json", .proto = PGC_PROTO_BASE},
    {.name = "actioncable-v1-ext-json", .proto = PGC_PROTO_EXT},
    {.name = "actioncable-unsupported", .proto = PGC_PROTO_UNSUPPORTED},
};

static const char offer_token_prefix[] = "anycable-token.";

const char *
pgc_proto_name(enum pgc_proto proto)
{
    for (size_t i = 0; i < sizeof(offer_names) / sizeof(offer_names[0]); i++) {
        if (offer_names[i].proto == proto) {
            return offer_names[i].name;
        }
    }
    return NULL;
}

static enum pgc_proto
offer_proto(const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof(offer_names) / sizeof(offer_names[0]); i++) {
        const char *known = offer_names[i].name;

        if (strlen(known) == length && memcmp(known, name, length) == 0) {
            return offer_names[i].proto;
        }
    }
    return PGC_PROTO_NONE;
}

static void
offer_take_item(struct pgc_offer *offer, const char *item, size_t length)
{
    const size_t prefix = sizeof(offer_token_prefix) - 1;
    enum pgc_proto proto = offer_proto(item, length);

    if (proto != PGC_PROTO_NONE) {
        if (offer->chosen == PGC_PROTO_NONE) {
            offer->chosen = proto;
        }
        offer->is_rails = offer->is_rails || proto == PGC_PROTO_UNSUPPORTED;
        return;
    }
    if (offer->token == NULL && length > prefix && memcmp(item, offer_token_prefix, prefix) == 0) {
        offer->token = item + prefix;
        offer->token_length = length - prefix;
    }
}

static bool
offer_is_space(char c)
{
    return c == ' ' || c == '\t';
}

void
pgc_offer_parse(const char *header, size_t length, struct pgc_offer *offer)
{
    size_t start = 0;

    *offer = (struct pgc_offer){.chosen = PGC_PROTO_NONE};
    while (start < length) {
        const char *comma = memchr(header + start, ',', length - start);
        size_t end = comma != NULL ? (size_t)(comma - header) : length;
        size_t next = end + 1;

        while (start < end && offer_is_space(header[start])) {
            start++;
        }
        while (end > start && offer_is_space(header[end - 1])) {
            end--;
        }
        offer_take_item(offer, header + start, end - start);
        start = next;
    }
}
