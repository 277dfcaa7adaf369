/* SPDX-License-Identifier: PostgreSQL */
/*
 * Two ways in: the input as a token, which nobody can sign, and the input as the claims of a token
 * that is rightly signed, which reach the code behind the signature.
 */
#include <stdlib.h>

#include "pgcable/auth.h"

#include "../../src/auth/auth_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct pgc_auth *
fuzz_auth(void)
{
    struct pgc_auth_conf conf = {
        .hs256_secret = "a secret that the fuzzer does not know, longer than 32 bytes",
        .member_claim = "community_member_id",
        .leeway_s = 30,
    };
    struct pgc_auth *auth = pgc_auth_new(&conf, NULL);

    if (auth == NULL) {
        abort();
    }
    return auth;
}

static void
fuzz_claims(const char *text, size_t length)
{
    static const struct pgc_auth_conf rules = {
        .member_claim = "community_member_id", .audience = "a", .leeway_s = 30};
    struct pgc_identity identity;

    if (pgc_claims_check(&rules, text, length, 1790000000, &identity, NULL) == PGC_AUTH_OK &&
        (identity.member[0] == '\0' || identity.expires_s < 1790000000 - 30)) {
        abort();
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct pgc_auth *auth;
    struct pgc_identity identity;

    if (auth == NULL) {
        auth = fuzz_auth();
    }
    if (pgc_auth_verify(auth, (const char *)data, size, 1790000000, &identity, NULL) !=
        PGC_AUTH_INVALID) {
        abort();
    }
    fuzz_claims((const char *)data, size);
    return 0;
}
