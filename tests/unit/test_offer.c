/* SPDX-License-Identifier: PostgreSQL */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pgcable/cable.h"

static struct pgc_offer
offer_of(const char *header)
{
    struct pgc_offer offer;

    pgc_offer_parse(header, strlen(header), &offer);
    return offer;
}

static void
rails_client_gets_the_base_protocol(void **state PGC_UNUSED)
{
    struct pgc_offer offer = offer_of("actioncable-v1-json, actioncable-unsupported");

    assert_int_equal(offer.chosen, PGC_PROTO_BASE);
    assert_true(offer.is_rails);
    assert_null(offer.token);
}

static void
clients_order_decides(void **state PGC_UNUSED)
{
    struct pgc_offer offer = offer_of("actioncable-unsupported, actioncable-v1-json");

    assert_int_equal(offer.chosen, PGC_PROTO_UNSUPPORTED);
    assert_true(offer.is_rails);
}

static void
anycable_client_is_not_taken_for_rails(void **state PGC_UNUSED)
{
    struct pgc_offer offer = offer_of("actioncable-v1-json, anycable-token.a.b.c");

    assert_int_equal(offer.chosen, PGC_PROTO_BASE);
    assert_false(offer.is_rails);
    assert_int_equal(offer.token_length, 5);
    assert_memory_equal(offer.token, "a.b.c", 5);
}

static void
extended_protocol_is_chosen_only_if_it_is_offered_first(void **state PGC_UNUSED)
{
    assert_int_equal(
        offer_of("actioncable-v1-ext-json, anycable-token.a.b.c").chosen, PGC_PROTO_EXT);
    assert_int_equal(
        offer_of("actioncable-v1-json, actioncable-v1-ext-json").chosen, PGC_PROTO_BASE);
    assert_string_equal(pgc_proto_name(PGC_PROTO_EXT), "actioncable-v1-ext-json");
}

static void
first_token_counts(void **state PGC_UNUSED)
{
    struct pgc_offer offer = offer_of("anycable-token.one, anycable-token.two");

    assert_int_equal(offer.chosen, PGC_PROTO_NONE);
    assert_int_equal(offer.token_length, 3);
    assert_memory_equal(offer.token, "one", 3);
}

static void
nothing_known_chooses_nothing(void **state PGC_UNUSED)
{
    static const char *const headers[] = {
        "",
        "graphql-ws",
        ",",
        " , ,, ",
        "actioncable-v1-jso",
        "actioncable-v1-json2",
        "ACTIONCABLE-V1-JSON",
        "actioncable-v1-ext-jso",
        "actioncable-v1-ext-msgpack",
        "anycable-token.",
        "anycable-token",
    };

    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        struct pgc_offer offer = offer_of(headers[i]);

        assert_int_equal(offer.chosen, PGC_PROTO_NONE);
        assert_false(offer.is_rails);
        assert_null(offer.token);
    }
}

static void
spacing_does_not_matter(void **state PGC_UNUSED)
{
    struct pgc_offer offer = offer_of(" \tx ,actioncable-v1-json\t,anycable-token.t ");

    assert_int_equal(offer.chosen, PGC_PROTO_BASE);
    assert_int_equal(offer.token_length, 1);
}

static void
absent_header_offers_nothing(void **state PGC_UNUSED)
{
    struct pgc_offer offer;

    pgc_offer_parse(NULL, 0, &offer);
    assert_int_equal(offer.chosen, PGC_PROTO_NONE);
}

static void
names_are_those_of_the_handshake(void **state PGC_UNUSED)
{
    assert_string_equal(pgc_proto_name(PGC_PROTO_BASE), "actioncable-v1-json");
    assert_string_equal(pgc_proto_name(PGC_PROTO_UNSUPPORTED), "actioncable-unsupported");
    assert_null(pgc_proto_name(PGC_PROTO_NONE));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rails_client_gets_the_base_protocol),
        cmocka_unit_test(clients_order_decides),
        cmocka_unit_test(anycable_client_is_not_taken_for_rails),
        cmocka_unit_test(extended_protocol_is_chosen_only_if_it_is_offered_first),
        cmocka_unit_test(first_token_counts),
        cmocka_unit_test(nothing_known_chooses_nothing),
        cmocka_unit_test(spacing_does_not_matter),
        cmocka_unit_test(absent_header_offers_nothing),
        cmocka_unit_test(names_are_those_of_the_handshake),
    };

    return cmocka_run_group_tests_name("offer", tests, NULL, NULL);
}
