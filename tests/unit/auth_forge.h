/* SPDX-License-Identifier: PostgreSQL */
/*
 * auth_forge.h - tokens of any shape, signed by OpenSSL, and the files with the keys to them.
 *
 * Independent of src/auth on purpose: what is checked there is made here another way.
 */
#ifndef PGCABLE_TESTS_AUTH_FORGE_H
#define PGCABLE_TESTS_AUTH_FORGE_H

#include <openssl/evp.h>

#include "pgcable/auth.h"

#define FORGE_SECRET "0123456789abcdef0123456789abcdef"
#define FORGE_HS256  "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define FORGE_NOW    1790000000
#define FORGE_CLAIMS "{\"community_member_id\":42,\"exp\":1790003600}"

/* All text returned is the caller's to free. */

char *forge_base64url(const void *bytes, size_t length);

/* header.claims, each in base64url */
char *forge_signed_part(const char *header, const char *claims);

/* Signed with HMAC over SHA-256 under `secret`, whatever the header says. */
char *forge_hs256(const char *header, const char *claims, const char *secret);

/* Signed with this key, RSA or EC, over SHA-256, whatever the header says; PSS padding if it says
 * PS256. */
char *forge_with_key(const char *header, const char *claims, EVP_PKEY *key);

/* A JWK of a key's public half; `more` is put behind it, e.g. ",\"kid\":\"a\"". */
char *forge_jwk(EVP_PKEY *key, const char *more);

/* A new file under a name that mkstemp() gives; the caller unlinks it. */
char *forge_file(const char *content);
char *forge_pem_file(EVP_PKEY *key);

/* Rules with the secret above, no leeway, and nothing else. */
struct pgc_auth_conf forge_conf(void);

/* Verify at FORGE_NOW. */
enum pgc_auth_result forge_verify(
    const struct pgc_auth *auth, const char *token, struct pgc_identity *identity);

#endif
