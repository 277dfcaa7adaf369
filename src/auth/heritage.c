/* SPDX-License-Identifier: PostgreSQL */
/*
 * heritage.c - keys that are gone stay good for a time, so that tokens signed just before a change
 * do not end at once; and how to see that a key file has changed.
 *
 * Files are compared by what they hold, not by their dates: that is right whether a file was
 * written in place, renamed over, or is a link to elsewhere that was turned, and on any file
 * system.
 */
#include <errno.h>
#include <stdlib.h>

#include <openssl/evp.h>

#include "pgcable/clock.h"
#include "pgcable/mem.h"

#include "auth_internal.h"

/* No key file that is accepted is as large as that. */
#define HERITAGE_MAX_BYTES ((size_t)1 << 20)

/* ---- which key is which ---- */

static uint64_t
heritage_digest(EVP_MD_CTX *hash)
{
    unsigned char digest[EVP_MAX_MD_SIZE] = {0};
    uint64_t number;

    (void)EVP_DigestFinal_ex(hash, digest, NULL);
    EVP_MD_CTX_free(hash);
    memcpy(&number, digest, sizeof(number));
    return number;
}

static EVP_MD_CTX *
heritage_hash(void)
{
    EVP_MD_CTX *hash = EVP_MD_CTX_new();

    if (hash == NULL || EVP_DigestInit_ex(hash, EVP_sha256(), NULL) != 1) {
        pgc_mem_none("OpenSSL");
    }
    return hash;
}

/* Everything about the key, as text. */
static char *
heritage_write(const cjose_jwk_t *jwk)
{
    cjose_err problem = {.code = CJOSE_ERR_NONE};
    char *text = cjose_jwk_to_json(jwk, true, &problem);

    if (text == NULL) {
        pgc_mem_none("cjose"); /* it was read from as much */
    }
    return text;
}

static void
heritage_take_wipe(char *text)
{
    pgc_wipe(text, strlen(text)); /* it may hold secrets */
    free(text);
}

uint64_t
pgc_auth_key_id(const char *alg, const cjose_jwk_t *jwk)
{
    EVP_MD_CTX *hash = heritage_hash();
    char *text = heritage_write(jwk);

    (void)EVP_DigestUpdate(hash, alg, strlen(alg));
    (void)EVP_DigestUpdate(hash, text, strlen(text));
    heritage_take_wipe(text);
    return heritage_digest(hash);
}

/* ---- heirs ---- */

bool
pgc_auth_keys_have(const struct pgc_auth_keys *keys, uint64_t id)
{
    int64_t now_ms = pgc_monotonic_ms();

    for (size_t i = 0; i < keys->count; i++) {
        if (keys->key[i].id == id) {
            return true;
        }
    }
    for (size_t i = 0; i < keys->gone_count; i++) {
        if (keys->gone[i].id == id) {
            return keys->gone[i].until_ms > now_ms;
        }
    }
    return false;
}

/* A copy of its own: the library counts references without regard to threads. */
static void
heritage_add(struct pgc_auth_keys *keys, const struct pgc_auth_key *key, int64_t until_ms)
{
    struct pgc_auth_key *gone = &keys->gone[keys->gone_count];
    cjose_err problem = {.code = CJOSE_ERR_NONE};
    char *text;

    if (keys->gone_count == PGC_AUTH_MAX_KEYS || until_ms <= pgc_monotonic_ms() ||
        pgc_auth_keys_have(keys, key->id)) {
        return;
    }
    text = heritage_write(key->jwk);
    *gone = *key;
    gone->until_ms = until_ms;
    gone->jwk = cjose_jwk_import(text, strlen(text), &problem);
    heritage_take_wipe(text);
    if (gone->jwk != NULL) {
        keys->gone_count++;
    }
}

void
pgc_auth_keys_inherit(struct pgc_auth_keys *keys, const struct pgc_auth_keys *old, int64_t until_ms)
{
    for (size_t i = 0; i < old->count; i++) {
        heritage_add(keys, &old->key[i], until_ms);
    }
    for (size_t i = 0; i < old->gone_count; i++) {
        int64_t before_ms = old->gone[i].until_ms;

        heritage_add(keys, &old->gone[i], before_ms < until_ms ? before_ms : until_ms);
    }
}

/* ---- files ---- */

static void
heritage_add_file(EVP_MD_CTX *hash, const char *path)
{
    FILE *file = path != NULL ? fopen(path, "re") : NULL;
    int error = path == NULL ? -1 : file == NULL ? errno : 0;
    char part[4096];
    size_t length = sizeof(part);
    size_t total = 0;

    while (file != NULL && length == sizeof(part) && total < HERITAGE_MAX_BYTES) {
        length = fread(part, 1, sizeof(part), file);
        total += length;
        (void)EVP_DigestUpdate(hash, part, length);
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    pgc_wipe(part, sizeof(part));
    (void)EVP_DigestUpdate(hash, &error, sizeof(error)); /* which parts the files, too */
}

uint64_t
pgc_auth_fingerprint(const struct pgc_auth_conf *conf)
{
    EVP_MD_CTX *hash = heritage_hash();

    heritage_add_file(hash, conf->rs256_public_key);
    heritage_add_file(hash, conf->es256_public_key);
    heritage_add_file(hash, conf->jwks_file);
    return heritage_digest(hash);
}
