/* SPDX-License-Identifier: PostgreSQL */
/*
 * token_verdicts - what src/auth says about tokens, for tests/fuzz/tokens.mjs.
 *
 *   token_verdicts --now S --leeway_s S [--hs256_secret TEXT] [--rs256_public_key FILE]
 *       [--es256_public_key FILE] [--jwks_file FILE] [--audience TEXT] [--issuer TEXT] < tokens
 *
 * Reads a token a line, in hexadecimal; writes a verdict a line: "invalid", or "ok" or "expired"
 * with member, jti (both in hexadecimal), iat and exp.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "pgcable/auth.h"
#include "pgcable/buf.h"

struct verdicts {
    struct pgc_auth_conf conf;
    int64_t now_s;
};

static bool
verdicts_read_flag(struct verdicts *verdicts, const char *name, const char *value)
{
    struct pgc_auth_conf *conf = &verdicts->conf;
    const struct {
        const char *name;
        const char **value;
    } texts[] = {
        {"--hs256_secret", &conf->hs256_secret},
        {"--rs256_public_key", &conf->rs256_public_key},
        {"--es256_public_key", &conf->es256_public_key},
        {"--jwks_file", &conf->jwks_file},
        {"--audience", &conf->audience},
        {"--issuer", &conf->issuer},
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (strcmp(texts[i].name, name) == 0) {
            *texts[i].value = value;
            return true;
        }
    }
    if (strcmp(name, "--now") == 0) {
        verdicts->now_s = strtoll(value, NULL, 10);
        return true;
    }
    if (strcmp(name, "--leeway_s") == 0) {
        conf->leeway_s = (int)strtol(value, NULL, 10);
        return true;
    }
    return false;
}

static void
verdicts_add_bytes(struct pgc_buf *token, const char *line)
{
    char digits[3] = {0};

    for (; line[0] != '\0' && line[1] != '\0'; line += 2) {
        digits[0] = line[0];
        digits[1] = line[1];
        pgc_buf_addc(token, (char)strtol(digits, NULL, 16));
    }
}

static void
verdicts_print_text(const char *text)
{
    (void)putchar(' ');
    for (; *text != '\0'; text++) {
        (void)printf("%02x", (unsigned)(unsigned char)*text);
    }
}

static void
verdicts_judge(const struct pgc_auth *auth, int64_t now_s, const struct pgc_buf *token)
{
    struct pgc_identity identity;
    enum pgc_auth_result result =
        pgc_auth_verify(auth, token->data, token->length, now_s, &identity, NULL);

    if (result == PGC_AUTH_INVALID) {
        (void)puts("invalid");
        return;
    }
    (void)fputs(result == PGC_AUTH_OK ? "ok" : "expired", stdout);
    verdicts_print_text(identity.member);
    verdicts_print_text(identity.jti);
    (void)printf(" %" PRId64 " %" PRId64 "\n", identity.issued_s, identity.expires_s);
}

int
main(int argc, char **argv)
{
    struct verdicts verdicts = {.conf = {.member_claim = "community_member_id"}};
    struct pgc_err err = {0};
    struct pgc_auth *auth;
    struct pgc_buf token = {0};
    char *line = NULL;
    size_t size = 0;

    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc || !verdicts_read_flag(&verdicts, argv[i], argv[i + 1])) {
            (void)fprintf(stderr, "token_verdicts: what is \"%s\"?\n", argv[i]);
            return 2;
        }
    }
    auth = pgc_auth_new(&verdicts.conf, &err);
    if (auth == NULL) {
        (void)fprintf(stderr, "token_verdicts: %s\n", err.message);
        return 1;
    }
    while (getline(&line, &size, stdin) > 0) {
        line[strcspn(line, "\n")] = '\0';
        pgc_buf_clear(&token);
        verdicts_add_bytes(&token, line);
        verdicts_judge(auth, verdicts.now_s, &token);
    }
    free(line);
    pgc_buf_fini(&token);
    pgc_auth_free(auth);
    return 0;
}
