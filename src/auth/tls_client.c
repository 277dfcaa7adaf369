/* SPDX-License-Identifier: PostgreSQL */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "pgcable/mem.h"
#include "pgcable/tls.h"

struct pgc_tls_client {
    SSL_CTX *trust;
};

struct pgc_tls_client *
pgc_tls_client_new(const char *ca_file, struct pgc_err *err)
{
    struct pgc_tls_client *client = pgc_xcalloc(1, sizeof(*client));
    bool ok;

    client->trust = SSL_CTX_new(TLS_client_method());
    ok = client->trust != NULL && SSL_CTX_set_min_proto_version(client->trust, TLS1_2_VERSION) == 1;
    if (ok) {
        SSL_CTX_set_mode(client->trust, SSL_MODE_RELEASE_BUFFERS);
        SSL_CTX_set_verify(client->trust, SSL_VERIFY_PEER, NULL);
        ok = (ca_file == NULL ? SSL_CTX_set_default_verify_paths(client->trust)
                              : SSL_CTX_load_verify_file(client->trust, ca_file)) == 1;
    }
    if (!ok) {
        const char *reason = ERR_reason_error_string(ERR_peek_error());

        pgc_err_set(err, PGC_ERR_CONF, "use \"%s\" to know servers by: %s",
            ca_file != NULL ? ca_file : "the system's certificates",
            reason != NULL ? reason : "unknown error");
        ERR_clear_error();
        pgc_tls_client_free(client);
        return NULL;
    }
    return client;
}

void
pgc_tls_client_free(struct pgc_tls_client *client)
{
    if (client != NULL) {
        SSL_CTX_free(client->trust);
        free(client);
    }
}

void *
pgc_tls_client_open(struct pgc_tls_client *client, int fd, const char *host)
{
    SSL *ssl = SSL_new(client->trust);
    char *name = pgc_xstrdup(host); /* OpenSSL's macro takes it as one to be changed */
    bool ok = ssl != NULL && SSL_set_fd(ssl, fd) == 1;

    if (ok && X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) != 1) {
        ok = SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1;
    }
    free(name);
    if (!ok) {
        pgc_mem_none("OpenSSL");
    }
    SSL_set_connect_state(ssl);
    return ssl;
}

void
pgc_tls_client_close(void *ssl)
{
    SSL_free(ssl);
}

/* What it came to, as send() and recv() would put it. */
static ssize_t
tls_client_result(SSL *ssl, int result)
{
    int error;

    if (result > 0) {
        return result;
    }
    error = SSL_get_error(ssl, result);
    ERR_clear_error();
    if (error == SSL_ERROR_ZERO_RETURN) {
        return 0;
    }
    errno = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? EAGAIN : EPROTO;
    return -1;
}

static int
tls_client_length(size_t length)
{
    return length < INT_MAX ? (int)length : INT_MAX;
}

ssize_t
pgc_tls_client_write(void *ssl, const void *bytes, size_t length)
{
    ERR_clear_error();
    return tls_client_result(ssl, SSL_write(ssl, bytes, tls_client_length(length)));
}

ssize_t
pgc_tls_client_read(void *ssl, void *bytes, size_t size)
{
    ERR_clear_error();
    return tls_client_result(ssl, SSL_read(ssl, bytes, tls_client_length(size)));
}
