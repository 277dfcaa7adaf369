/* SPDX-License-Identifier: PostgreSQL */
/*
 * Why a handshake is never shortened (no tickets, no session cache): keys of tickets would have to
 * be shared by workers and daemons and be changed for secrecy's sake, for clients that connect once
 * and stay.
 */
#include "pgcable/tls.h"

#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "pgcable/mem.h"

/* For TLS 1.2; those of TLS 1.3 are all as good.  Mozilla calls this "intermediate". */
#define TLS_CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"

struct pgc_tls {
    SSL_CTX *pair; /* speaks to nobody: OpenSSL's own place for a certificate, chain and key */
};

static const char tls_certificate_hint[] =
    "PEM: the server's own certificate first, then those that lead to its CA";
static const char tls_key_hint[] = "PEM: the certificate's private key, without a password";

/* What OpenSSL says of a file that is not there is not fit to be read. */
static bool
tls_check_file(const char *setting, const char *path, mode_t forbidden, struct pgc_err *err)
{
    struct stat status = {0};

    if (stat(path, &status) < 0 || access(path, R_OK) < 0) {
        pgc_err_set(err, PGC_ERR_CONF, "open %s \"%s\": %s", setting, path, strerror(errno));
        return pgc_err_hint(err, "name a file that the daemon may read");
    }
    if ((status.st_mode & forbidden) != 0) {
        pgc_err_set(err, PGC_ERR_CONF, "%s \"%s\" is open to everybody (mode %04o)", setting, path,
            (unsigned)status.st_mode & 07777);
        return pgc_err_hint(err, "chmod o= \"%s\", and think of that key as known", path);
    }
    return true;
}

/* The first of OpenSSL's complaints is the cause of the others. */
static bool
tls_complain(const char *setting, const char *path, const char *hint, struct pgc_err *err)
{
    const char *reason = ERR_reason_error_string(ERR_peek_error());

    ERR_clear_error();
    pgc_err_set(err, PGC_ERR_CONF, "use %s \"%s\": %s", setting, path,
        reason != NULL ? reason : "unknown error");
    return pgc_err_hint(err, "%s", hint);
}

static bool
tls_load(SSL_CTX *pair, const char *certificate, const char *key, struct pgc_err *err)
{
    static char no_password[] = ""; /* nobody is there to type one */

    if (!tls_check_file("tls_certificate", certificate, 0, err) ||
        !tls_check_file("tls_key", key, S_IRWXO, err)) {
        return false;
    }
    ERR_clear_error();
    SSL_CTX_set_default_passwd_cb_userdata(pair, no_password);
    if (SSL_CTX_use_PrivateKey_file(pair, key, SSL_FILETYPE_PEM) != 1) {
        return tls_complain("tls_key", key, tls_key_hint, err);
    }
    /* One that is not this key's silently takes its place: in this order all misfits look alike. */
    if (SSL_CTX_use_certificate_chain_file(pair, certificate) != 1) {
        return tls_complain("tls_certificate", certificate, tls_certificate_hint, err);
    }
    if (SSL_CTX_check_private_key(pair) != 1) {
        ERR_clear_error();
        pgc_err_set(err, PGC_ERR_CONF, "tls_key \"%s\" is not the key of tls_certificate \"%s\"",
            key, certificate);
        return pgc_err_hint(err, "%s", tls_key_hint);
    }
    return true;
}

struct pgc_tls *
pgc_tls_new(const char *certificate, const char *key, struct pgc_err *err)
{
    struct pgc_tls *tls = pgc_xcalloc(1, sizeof(*tls));

    tls->pair = SSL_CTX_new(TLS_server_method());
    if (tls->pair == NULL) {
        (void)tls_complain("tls_certificate", certificate, "is OpenSSL installed properly?", err);
    } else if (tls_load(tls->pair, certificate, key, err)) {
        return tls;
    }
    pgc_tls_free(tls);
    return NULL;
}

void
pgc_tls_free(struct pgc_tls *tls)
{
    if (tls != NULL) {
        SSL_CTX_free(tls->pair);
        free(tls);
    }
}

/* By what the file system says of them: a secret need not be read every second.  (FNV-1a) */
uint64_t
pgc_tls_fingerprint(const char *certificate, const char *key)
{
    const char *const paths[] = {certificate, key};
    uint64_t print = 14695981039346656037U;

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        struct stat status = {0};
        uint64_t parts[4];

        (void)stat(paths[i], &status);
        parts[0] = status.st_ino;
        parts[1] = (uint64_t)status.st_size;
        parts[2] = (uint64_t)status.st_ctim.tv_sec;
        parts[3] = (uint64_t)status.st_ctim.tv_nsec;
        for (size_t j = 0; j < sizeof(parts) / sizeof(parts[0]); j++) {
            print = (print ^ parts[j]) * 1099511628211U;
        }
    }
    return print;
}

int64_t
pgc_tls_good_until_s(const struct pgc_tls *tls)
{
    struct tm end = {0};

    if (ASN1_TIME_to_tm(X509_get0_notAfter(SSL_CTX_get0_certificate(tls->pair)), &end) != 1) {
        return 0;
    }
    return timegm(&end);
}

/* A handshake has come to the point where it needs a certificate. */
static int
tls_show(SSL *ssl, void *arg)
{
    struct pgc_tls **current = arg;
    SSL_CTX *pair = (*current)->pair;
    STACK_OF(X509) *chain = NULL;

    SSL_CTX_get0_chain_certs(pair, &chain);
    return SSL_use_cert_and_key(
        ssl, SSL_CTX_get0_certificate(pair), SSL_CTX_get0_privatekey(pair), chain, 1);
}

bool
pgc_tls_govern(void *ssl_ctx, struct pgc_tls **current)
{
    SSL_CTX_set_options(
        ssl_ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET);
    SSL_CTX_set_session_cache_mode(ssl_ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_cert_cb(ssl_ctx, tls_show, current);
    return SSL_CTX_set_num_tickets(ssl_ctx, 0) == 1 &&
           SSL_CTX_set_min_proto_version(ssl_ctx, TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(ssl_ctx, 0) == 1 &&
           SSL_CTX_set_cipher_list(ssl_ctx, TLS_CIPHERS) == 1;
}

void
pgc_tls_say_end(void *ssl)
{
    if (ssl != NULL) {
        (void)SSL_shutdown(ssl);
        ERR_clear_error();
    }
}
