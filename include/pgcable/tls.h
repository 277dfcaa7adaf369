/* SPDX-License-Identifier: PostgreSQL */
/*
 * tls.h - the certificate that clients are shown, and the rules by which TLS is spoken with them.
 *
 * Knows no socket: whoever speaks TLS lends its SSL_CTX and SSL, untyped, because no other folder
 * includes OpenSSL.  A certificate is read once, never changed, and may be shown by all threads.
 */
#ifndef PGCABLE_TLS_H
#define PGCABLE_TLS_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "pgcable/err.h"

struct pgc_tls;

/* Reads both PEM files: the certificate with the chain behind it, and its key without a password.
 */
struct pgc_tls *pgc_tls_new(
    const char *certificate, const char *key, struct pgc_err *err) PGC_MUSTCHECK;
void pgc_tls_free(struct pgc_tls *tls); /* connections that were shown it go on; NULL is fine */

/* Another number when one of the files is another or may be read by others; either may be "". */
uint64_t pgc_tls_fingerprint(const char *certificate, const char *key);

/* Until when the certificate is good, in seconds since 1970. */
int64_t pgc_tls_good_until_s(const struct pgc_tls *tls);

/* From now on handshakes of this SSL_CTX follow our rules, each with the certificate that
 * `*current` is at that moment.  `current` must live as long as the SSL_CTX. */
bool pgc_tls_govern(void *ssl_ctx, struct pgc_tls **current) PGC_MUSTCHECK;

/* Tells the peer of this SSL, or of none (NULL), that nothing more will come (close_notify). */
void pgc_tls_say_end(void *ssl);

/* ---- the other end, for who measures ---- */

struct pgc_tls_client;

/* Servers are believed that show a certificate of these CAs (a PEM file; NULL: the system's), for
 * the name that they are called by. */
struct pgc_tls_client *pgc_tls_client_new(const char *ca_file, struct pgc_err *err) PGC_MUSTCHECK;
void pgc_tls_client_free(struct pgc_tls_client *client); /* NULL is fine */

/* The SSL of a descriptor that never blocks and stays the caller's; `host` is a name or an address.
 */
void *pgc_tls_client_open(struct pgc_tls_client *client, int fd, const char *host);
void pgc_tls_client_close(void *ssl); /* NULL is fine */

/* As send() and recv() do, -1 with errno; EAGAIN also as long as the handshake lasts. */
ssize_t pgc_tls_client_write(void *ssl, const void *bytes, size_t length);
ssize_t pgc_tls_client_read(void *ssl, void *bytes, size_t size);

#endif
