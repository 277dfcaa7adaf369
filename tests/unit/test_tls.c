/* SPDX-License-Identifier: PostgreSQL */
/* The certificate that clients are shown: handshakes through memory, pairs made here. */
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "pgcable/clock.h"
#include "pgcable/mem.h"
#include "pgcable/tls.h"

enum { DAYS = 30, DAY_S = 24 * 3600, ROUNDS = 20, PATIENCE_MS = 60000 };

struct pair {
    char *certificate;
    char *key;
};

struct scene {
    char dir[32];
    struct pair one;
    struct pair two;
};

static void
write_key(const char *path, EVP_PKEY *key)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_int_equal(fchmod(fileno(file), 0600), 0);
    assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(fclose(file), 0);
}

static void
write_certificate(const char *path, const char *name, EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    X509_NAME *subject = X509_get_subject_name(certificate);
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_int_equal(X509_NAME_add_entry_by_txt(
                         subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0),
        1);
    assert_int_equal(X509_set_issuer_name(certificate, subject), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(certificate), 0));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(certificate), (long)DAYS * DAY_S));
    assert_int_equal(X509_set_pubkey(certificate, key), 1);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_X509(file, certificate), 1);
    assert_int_equal(fclose(file), 0);
    X509_free(certificate);
}

static struct pair
make_pair(const char *dir, const char *name)
{
    struct pair pair = {
        .certificate = pgc_xasprintf("%s/%s.crt", dir, name),
        .key = pgc_xasprintf("%s/%s.key", dir, name),
    };
    EVP_PKEY *key = EVP_EC_gen("P-256");

    assert_non_null(key);
    write_key(pair.key, key);
    write_certificate(pair.certificate, name, key);
    EVP_PKEY_free(key);
    return pair;
}

static void
drop_pair(struct pair *pair)
{
    (void)unlink(pair->certificate);
    (void)unlink(pair->key);
    free(pair->certificate);
    free(pair->key);
}

static int
setup(void **state)
{
    struct scene *scene = pgc_xcalloc(1, sizeof(*scene));

    (void)snprintf(scene->dir, sizeof(scene->dir), "/tmp/pgcable-tls-XXXXXX");
    assert_non_null(mkdtemp(scene->dir));
    scene->one = make_pair(scene->dir, "one");
    scene->two = make_pair(scene->dir, "two");
    *state = scene;
    return 0;
}

static int
teardown(void **state)
{
    struct scene *scene = *state;

    drop_pair(&scene->one);
    drop_pair(&scene->two);
    assert_int_equal(rmdir(scene->dir), 0);
    free(scene);
    return 0;
}

static struct pgc_tls *
load(const struct pair *pair)
{
    struct pgc_err err = {0};
    struct pgc_tls *tls = pgc_tls_new(pair->certificate, pair->key, &err);

    if (tls == NULL) {
        fail_msg("%s", err.message);
    }
    return tls;
}

static SSL_CTX *
governed(struct pgc_tls **current)
{
    SSL_CTX *server = SSL_CTX_new(TLS_server_method());

    /* As OpenSSL may be configured on a machine. */
    SSL_CTX_set_security_level(server, 0);
    assert_int_equal(SSL_CTX_set_min_proto_version(server, TLS1_VERSION), 1);
    assert_true(pgc_tls_govern(server, current));
    return server;
}

static SSL *
speaker(SSL_CTX *ctx, BIO *wire)
{
    SSL *ssl = SSL_new(ctx);

    SSL_set_bio(ssl, wire, wire);
    return ssl;
}

/* A client that would speak up to `version`; the name it is shown, free() it, or NULL.  What comes
 * behind the handshake is read, too. */
static char *
shown(SSL_CTX *server, int version)
{
    SSL_CTX *willing = SSL_CTX_new(TLS_client_method());
    BIO *here = NULL;
    BIO *there = NULL;
    SSL *client;
    SSL *ours;
    char name[64] = "";

    SSL_CTX_set_security_level(willing, 0);
    assert_int_equal(SSL_CTX_set_min_proto_version(willing, TLS1_VERSION), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(willing, version), 1);
    assert_int_equal(BIO_new_bio_pair(&here, 0, &there, 0), 1);
    client = speaker(willing, there);
    ours = speaker(server, here);
    SSL_set_connect_state(client);
    SSL_set_accept_state(ours);
    for (int i = 0; i < ROUNDS; i++) {
        (void)SSL_do_handshake(client);
        (void)SSL_do_handshake(ours);
    }
    if (SSL_is_init_finished(client) == 1 && SSL_is_init_finished(ours) == 1) {
        char byte;

        assert_true(SSL_read(client, &byte, 1) <= 0);
        assert_int_equal(SSL_SESSION_is_resumable(SSL_get_session(client)), 0);
        X509_NAME_get_text_by_NID(X509_get_subject_name(SSL_get0_peer_certificate(client)),
            NID_commonName, name, sizeof(name));
        pgc_tls_say_end(ours);
        assert_int_equal(SSL_get_error(client, SSL_read(client, &byte, 1)), SSL_ERROR_ZERO_RETURN);
    }
    SSL_free(client);
    SSL_free(ours);
    SSL_CTX_free(willing);
    return name[0] != '\0' ? pgc_xstrdup(name) : NULL;
}

static void
expect_shown(SSL_CTX *server, int version, const char *name)
{
    char *got = shown(server, version);

    assert_non_null(got);
    assert_string_equal(got, name);
    free(got);
}

static void
each_handshake_shows_the_certificate_of_its_moment(void **state)
{
    const struct scene *scene = *state;
    struct pgc_tls *current = load(&scene->one);
    SSL_CTX *server = governed(&current);

    expect_shown(server, TLS1_3_VERSION, "one");
    pgc_tls_free(current);
    current = load(&scene->two);
    expect_shown(server, TLS1_3_VERSION, "two");
    expect_shown(server, TLS1_2_VERSION, "two");
    SSL_CTX_free(server);
    pgc_tls_free(current);
}

static void
nothing_older_than_tls_1_2_is_spoken(void **state)
{
    const struct scene *scene = *state;
    struct pgc_tls *current = load(&scene->one);
    SSL_CTX *server = governed(&current);

    assert_null(shown(server, TLS1_1_VERSION));
    expect_shown(server, TLS1_2_VERSION, "one");
    SSL_CTX_free(server);
    pgc_tls_free(current);
}

static void
refused(const char *certificate, const char *key, const char *why)
{
    struct pgc_err err = {0};

    assert_null(pgc_tls_new(certificate, key, &err));
    assert_int_equal(err.code, PGC_ERR_CONF);
    assert_non_null(strstr(err.message, why));
    assert_true(err.hint[0] != '\0');
    assert_null(pgc_tls_new(certificate, key, NULL));
}

static void
what_is_no_pair_is_refused_by_file_and_reason(void **state)
{
    const struct scene *scene = *state;
    const struct pair *one = &scene->one;

    refused(one->certificate, scene->two.key, "two.key\" is not the key of tls_certificate");
    refused("/nonexistent/a", one->key, "open tls_certificate \"/nonexistent/a\": No such file");
    refused(one->certificate, "/nonexistent/b", "open tls_key \"/nonexistent/b\": No such file");
    refused(one->key, one->key, "one.key\": no start line");
    assert_int_equal(chmod(one->certificate, 0600), 0);
    refused(one->certificate, one->certificate, "use tls_key \"");
    assert_int_equal(chmod(one->key, 0604), 0);
    refused(one->certificate, one->key, "one.key\" is open to everybody (mode 0604)");
    pgc_tls_free(NULL);
}

static void
fingerprint_tells_that_a_file_changed(void **state)
{
    const struct pair *one = &((struct scene *)*state)->one;
    uint64_t before = pgc_tls_fingerprint(one->certificate, one->key);
    int64_t deadline_ms = pgc_monotonic_ms() + PATIENCE_MS;

    assert_true(pgc_tls_fingerprint(one->certificate, one->key) == before);
    assert_true(pgc_tls_fingerprint("", "") == pgc_tls_fingerprint("", ""));
    assert_true(pgc_tls_fingerprint(one->key, one->certificate) != before);
    /* The same file, as large as before: its time is another one, by a clock that ticks slowly. */
    while (pgc_tls_fingerprint(one->certificate, one->key) == before) {
        assert_true(pgc_monotonic_ms() < deadline_ms);
        assert_int_equal(chmod(one->key, 0640), 0);
    }
    before = pgc_tls_fingerprint(one->certificate, one->key);
    assert_int_equal(rename(one->key, one->certificate), 0);
    assert_true(pgc_tls_fingerprint(one->certificate, one->key) != before);
}

static void
its_end_is_known(void **state)
{
    const struct scene *scene = *state;
    struct pgc_tls *tls = load(&scene->one);
    int64_t left = pgc_tls_good_until_s(tls) - (int64_t)time(NULL);

    assert_in_range(left, (DAYS - 1) * DAY_S, DAYS * DAY_S);
    pgc_tls_free(tls);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            each_handshake_shows_the_certificate_of_its_moment, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_older_than_tls_1_2_is_spoken, setup, teardown),
        cmocka_unit_test_setup_teardown(
            what_is_no_pair_is_refused_by_file_and_reason, setup, teardown),
        cmocka_unit_test_setup_teardown(fingerprint_tells_that_a_file_changed, setup, teardown),
        cmocka_unit_test_setup_teardown(its_end_is_known, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
