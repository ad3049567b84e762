// OpenSSL as Swift sees it: the headers, and one inline function for each macro that Swift cannot call.
#ifndef SLUICE_COPENSSL_SHIM_H
#define SLUICE_COPENSSL_SHIM_H

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

static inline EVP_PKEY *sluice_p256_key(void) { return EVP_EC_gen("P-256"); }

static inline long sluice_ctx_set_min_tls12(SSL_CTX *context) {
    return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
}

// Writes may come back from another address after a retry, and buffers of idle connections are given back.
static inline long sluice_ctx_set_modes(SSL_CTX *context) {
    return SSL_CTX_set_mode(context, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS |
                                         SSL_MODE_ENABLE_PARTIAL_WRITE);
}

static inline unsigned long sluice_ctx_set_options(SSL_CTX *context) {
    return SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
}

static inline long sluice_ctx_add_chain_certificate(SSL_CTX *context, X509 *certificate) {
    return SSL_CTX_add1_chain_cert(context, certificate);
}

// An empty memory BIO says "try again", not "end of file".
static inline void sluice_bio_set_retry_on_empty(BIO *bio) { BIO_set_mem_eof_return(bio, -1); }

static inline size_t sluice_bio_pending(BIO *bio) { return BIO_ctrl_pending(bio); }

static inline long sluice_bio_memory(BIO *bio, char **bytes) { return BIO_get_mem_data(bio, bytes); }

static inline int sluice_error_is_plain_http(unsigned long error) {
    return ERR_GET_LIB(error) == ERR_LIB_SSL &&
           (ERR_GET_REASON(error) == SSL_R_HTTP_REQUEST || ERR_GET_REASON(error) == SSL_R_HTTPS_PROXY_REQUEST);
}

static inline X509_EXTENSION *sluice_extension(X509 *issuer, X509 *subject, int nid, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, subject, NULL, NULL, 0);
    return X509V3_EXT_conf_nid(NULL, &context, nid, value);
}

#endif
