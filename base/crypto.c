#include "base/crypto.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

/* Fetching by name takes a lock and a search in OpenSSL 3: done once for the life of the process.
 */
static EVP_MD *sha256;
static EVP_CIPHER *siv_cipher;
static EVP_MAC *hmac;
static pthread_once_t fetched = PTHREAD_ONCE_INIT;
static pthread_key_t contexts_key;
static bool have_all; /* of the above */

/* A thread's contexts, made at its first operation: making one for each costs as much as hashing
 * some hundred bytes. */
struct contexts {
    EVP_MD_CTX *digest;
    EVP_MAC_CTX *hmac;         /* knows its digest from its first use on */
    EVP_CIPHER_CTX *siv_ready; /* with siv_key; a message leaves traces, so it is copied for each */
    EVP_CIPHER_CTX *siv;
    bool hmac_knows_digest;
    bool siv_is_ready;
    uint8_t siv_key[CC_SIV_KEY_BYTES];
};

static void free_contexts(void *value)
{
    struct contexts *contexts = value;
    EVP_MD_CTX_free(contexts->digest);
    EVP_MAC_CTX_free(contexts->hmac);
    EVP_CIPHER_CTX_free(contexts->siv_ready);
    EVP_CIPHER_CTX_free(contexts->siv);
    OPENSSL_cleanse(contexts, sizeof(*contexts));
    free(contexts);
}

static void fetch_all(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    siv_cipher = EVP_CIPHER_fetch(NULL, "AES-256-SIV", NULL);
    hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    have_all =
        sha256 && siv_cipher && hmac && pthread_key_create(&contexts_key, free_contexts) == 0;
}

/* NULL: out of memory, or OpenSSL lacks one of ours. */
static struct contexts *own_contexts(void)
{
    (void)pthread_once(&fetched, fetch_all);
    if (!have_all)
        return NULL;
    struct contexts *contexts = pthread_getspecific(contexts_key);
    if (contexts)
        return contexts;
    contexts = calloc(1, sizeof(*contexts));
    if (!contexts)
        return NULL;
    contexts->digest = EVP_MD_CTX_new();
    contexts->hmac = EVP_MAC_CTX_new(hmac);
    contexts->siv_ready = EVP_CIPHER_CTX_new();
    contexts->siv = EVP_CIPHER_CTX_new();
    if (contexts->digest && contexts->hmac && contexts->siv_ready && contexts->siv &&
        pthread_setspecific(contexts_key, contexts) == 0)
        return contexts;
    free_contexts(contexts);
    return NULL;
}

static const unsigned char *bytes_of(struct cc_slice slice)
{
    return slice.data ? (const unsigned char *)slice.data : (const unsigned char *)"";
}

enum cc_error cc_sha256(struct cc_slice bytes, uint8_t out[CC_SHA256_BYTES])
{
    return cc_sha256_parts(&bytes, 1, out);
}

enum cc_error cc_sha256_parts(const struct cc_slice *parts, size_t count,
                              uint8_t out[CC_SHA256_BYTES])
{
    struct contexts *contexts = own_contexts();
    if (!contexts || EVP_DigestInit_ex(contexts->digest, sha256, NULL) != 1)
        return CC_CRYPTO;
    for (size_t i = 0; i < count; i++) {
        if (EVP_DigestUpdate(contexts->digest, bytes_of(parts[i]), parts[i].length) != 1)
            return CC_CRYPTO;
    }
    return EVP_DigestFinal_ex(contexts->digest, out, NULL) == 1 ? CC_OK : CC_CRYPTO;
}

static bool begin_hmac(struct contexts *contexts, struct cc_slice key)
{
    char digest[] = "SHA256";
    const OSSL_PARAM parameters[] = {OSSL_PARAM_utf8_string("digest", digest, sizeof(digest) - 1),
                                     OSSL_PARAM_END};
    if (EVP_MAC_init(contexts->hmac, bytes_of(key), key.length,
                     contexts->hmac_knows_digest ? NULL : parameters) != 1)
        return false;
    contexts->hmac_knows_digest = true;
    return true;
}

enum cc_error cc_hmac_sha256(struct cc_slice key, const struct cc_slice *parts, size_t count,
                             uint8_t out[CC_SHA256_BYTES])
{
    struct contexts *contexts = own_contexts();
    size_t written = 0;
    if (!contexts || !begin_hmac(contexts, key))
        return CC_CRYPTO;
    for (size_t i = 0; i < count; i++) {
        if (EVP_MAC_update(contexts->hmac, bytes_of(parts[i]), parts[i].length) != 1)
            return CC_CRYPTO;
    }
    if (EVP_MAC_final(contexts->hmac, out, &written, CC_SHA256_BYTES) != 1 ||
        written != CC_SHA256_BYTES)
        return CC_CRYPTO;
    return CC_OK;
}

bool cc_crypto_equal(struct cc_slice a, struct cc_slice b)
{
    return a.length == b.length && CRYPTO_memcmp(bytes_of(a), bytes_of(b), a.length) == 0;
}

struct cc_ed25519 {
    EVP_PKEY *key;
};

/* OpenSSL would ask on the terminal for the pass phrase of an encrypted key. */
static int no_pass_phrase(char *buffer, int size, int writing, void *context)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)context;
    return -1;
}

typedef EVP_PKEY *(*pem_reader)(BIO *bio, EVP_PKEY **key, pem_password_cb *callback, void *context);

static enum cc_error read_pem(struct cc_slice pem, pem_reader read, struct cc_ed25519 **out)
{
    enum { PEM_MAX = 16 * 1024 };
    enum cc_error error = CC_INVALID;
    struct cc_ed25519 *key = NULL;
    BIO *bio = NULL;
    *out = NULL;
    if (pem.length == 0 || pem.length > PEM_MAX)
        return CC_INVALID;
    key = calloc(1, sizeof(*key));
    bio = BIO_new_mem_buf(pem.data, (int)pem.length);
    if (!key || !bio) {
        error = CC_NO_MEMORY;
        goto done;
    }
    key->key = read(bio, NULL, no_pass_phrase, NULL);
    if (key->key && EVP_PKEY_get_id(key->key) == EVP_PKEY_ED25519) {
        *out = key;
        key = NULL;
        error = CC_OK;
    }
done:
    ERR_clear_error();
    BIO_free(bio);
    cc_ed25519_free(key);
    return error;
}

enum cc_error cc_ed25519_from_private_pem(struct cc_slice pem, struct cc_ed25519 **out)
{
    return read_pem(pem, PEM_read_bio_PrivateKey, out);
}

enum cc_error cc_ed25519_from_public_pem(struct cc_slice pem, struct cc_ed25519 **out)
{
    return read_pem(pem, PEM_read_bio_PUBKEY, out);
}

void cc_ed25519_free(struct cc_ed25519 *key)
{
    if (!key)
        return;
    EVP_PKEY_free(key->key);
    free(key);
}

static char *pem_text(BIO *bio)
{
    char *bytes = NULL;
    long length = BIO_get_mem_data(bio, &bytes);
    return length > 0 ? strndup(bytes, (size_t)length) : NULL;
}

enum cc_error cc_ed25519_generate(char **out_private_pem, char **out_public_pem)
{
    enum cc_error error = CC_CRYPTO;
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    BIO *private_bio = BIO_new(BIO_s_secmem());
    BIO *public_bio = BIO_new(BIO_s_mem());
    *out_private_pem = NULL;
    *out_public_pem = NULL;
    if (!key || !private_bio || !public_bio ||
        PEM_write_bio_PKCS8PrivateKey(private_bio, key, NULL, NULL, 0, NULL, NULL) != 1 ||
        PEM_write_bio_PUBKEY(public_bio, key) != 1)
        goto done;
    *out_private_pem = pem_text(private_bio);
    *out_public_pem = pem_text(public_bio);
    error = CC_OK;
    if (!*out_private_pem || !*out_public_pem) {
        free(*out_private_pem);
        free(*out_public_pem);
        *out_private_pem = NULL;
        *out_public_pem = NULL;
        error = CC_NO_MEMORY;
    }
done:
    BIO_free(public_bio);
    BIO_free(private_bio);
    EVP_PKEY_free(key);
    return error;
}

enum cc_error cc_ed25519_sign(const struct cc_ed25519 *key, struct cc_slice bytes,
                              uint8_t out[CC_ED25519_SIGNATURE_BYTES])
{
    enum cc_error error = CC_CRYPTO;
    size_t length = CC_ED25519_SIGNATURE_BYTES;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context && EVP_DigestSignInit(context, NULL, NULL, NULL, key->key) == 1 &&
        EVP_DigestSign(context, out, &length, bytes_of(bytes), bytes.length) == 1 &&
        length == CC_ED25519_SIGNATURE_BYTES)
        error = CC_OK;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return error;
}

enum cc_error cc_ed25519_verify(const struct cc_ed25519 *key, struct cc_slice bytes,
                                struct cc_slice signature)
{
    if (signature.length != CC_ED25519_SIGNATURE_BYTES)
        return CC_SIGNATURE;
    enum cc_error error = CC_CRYPTO;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key->key) == 1) {
        int verdict = EVP_DigestVerify(context, bytes_of(signature), signature.length,
                                       bytes_of(bytes), bytes.length);
        error = verdict == 1 ? CC_OK : CC_SIGNATURE;
    }
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return error;
}

/* OpenSSL cannot do the empty plain text, RFC 5297 allows at most 126 components. */
static bool siv_fits(const struct cc_slice *associated, size_t count, struct cc_slice bytes)
{
    enum { COMPONENTS_MAX = 126, BYTES_MAX = 1 << 24 };
    if (bytes.length == 0 || bytes.length > BYTES_MAX || count > COMPONENTS_MAX)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (associated[i].length > BYTES_MAX)
            return false;
    }
    return true;
}

static bool siv_associate(EVP_CIPHER_CTX *context, const struct cc_slice *associated, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int written = 0;
        if (EVP_CipherUpdate(context, NULL, &written, bytes_of(associated[i]),
                             (int)associated[i].length) != 1)
            return false;
    }
    return true;
}

/* A context under this key that has seen nothing yet; NULL: OpenSSL failed. Calls are sealed under
 * one key for months: its schedule is made once. */
static EVP_CIPHER_CTX *begin_siv(const uint8_t key[CC_SIV_KEY_BYTES])
{
    struct contexts *contexts = own_contexts();
    if (!contexts)
        return NULL;
    if (!contexts->siv_is_ready || CRYPTO_memcmp(contexts->siv_key, key, CC_SIV_KEY_BYTES) != 0) {
        contexts->siv_is_ready =
            EVP_EncryptInit_ex2(contexts->siv_ready, siv_cipher, key, NULL, NULL) == 1;
        memcpy(contexts->siv_key, key, CC_SIV_KEY_BYTES);
    }
    if (!contexts->siv_is_ready || EVP_CIPHER_CTX_copy(contexts->siv, contexts->siv_ready) != 1)
        return NULL;
    return contexts->siv;
}

enum cc_error cc_siv_seal(const uint8_t key[CC_SIV_KEY_BYTES], const struct cc_slice *associated,
                          size_t associated_count, struct cc_slice plain, uint8_t *tag,
                          uint8_t *cipher)
{
    int written = 0;
    if (!siv_fits(associated, associated_count, plain))
        return CC_INVALID;
    EVP_CIPHER_CTX *context = begin_siv(key);
    if (context && siv_associate(context, associated, associated_count) &&
        EVP_EncryptUpdate(context, cipher, &written, bytes_of(plain), (int)plain.length) == 1 &&
        EVP_EncryptFinal_ex(context, cipher + written, &written) == 1 &&
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, CC_SIV_TAG_BYTES, tag) == 1)
        return CC_OK;
    return CC_CRYPTO;
}

enum cc_error cc_siv_open(const uint8_t key[CC_SIV_KEY_BYTES], const struct cc_slice *associated,
                          size_t associated_count, const uint8_t *tag, struct cc_slice cipher,
                          uint8_t *plain)
{
    if (!siv_fits(associated, associated_count, cipher))
        return CC_INVALID;
    enum cc_error error = CC_CRYPTO;
    uint8_t tag_copy[CC_SIV_TAG_BYTES];
    int written = 0;
    memcpy(tag_copy, tag, sizeof(tag_copy));
    EVP_CIPHER_CTX *context = begin_siv(key);
    if (!context || EVP_DecryptInit_ex2(context, NULL, NULL, NULL, NULL) != 1 ||
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, CC_SIV_TAG_BYTES, tag_copy) != 1 ||
        !siv_associate(context, associated, associated_count))
        goto done;
    error = CC_SIGNATURE;
    if (EVP_DecryptUpdate(context, plain, &written, bytes_of(cipher), (int)cipher.length) == 1 &&
        EVP_DecryptFinal_ex(context, plain + written, &written) == 1)
        error = CC_OK;
done:
    if (error) {
        OPENSSL_cleanse(plain, cipher.length);
        ERR_clear_error();
    }
    return error;
}

static const char base64_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64url_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static size_t encode64(struct cc_slice bytes, const char *alphabet, bool pad, char *out)
{
    const unsigned char *in = bytes_of(bytes);
    size_t length = 0;
    for (size_t i = 0; i < bytes.length; i += 3) {
        size_t left = bytes.length - i;
        unsigned group = (unsigned)in[i] << 16;
        if (left > 1)
            group |= (unsigned)in[i + 1] << 8;
        if (left > 2)
            group |= in[i + 2];
        size_t letters = left > 2 ? 4 : left + 1;
        for (size_t j = 0; j < 4; j++) {
            if (j < letters)
                out[length++] = alphabet[(group >> (18 - 6 * j)) & 0x3F];
            else if (pad)
                out[length++] = '=';
        }
    }
    out[length] = '\0';
    return length;
}

/* Value of one letter or -1. special: the alphabet's last two letters. */
static int value64(char c, const char *special)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == special[0])
        return 62;
    return c == special[1] ? 63 : -1;
}

/* text without padding. */
static enum cc_error decode64(struct cc_slice text, const char *special, uint8_t *out,
                              size_t capacity, size_t *out_length)
{
    *out_length = 0;
    if (text.length % 4 == 1)
        return CC_INVALID;
    if (text.length / 4 * 3 + (text.length % 4 ? text.length % 4 - 1 : 0) > capacity)
        return CC_TOO_LARGE;
    unsigned bits = 0;
    unsigned bit_count = 0;
    size_t length = 0;
    for (size_t i = 0; i < text.length; i++) {
        int value = value64(text.data[i], special);
        if (value < 0)
            return CC_INVALID;
        bits = (bits << 6) | (unsigned)value;
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            out[length++] = (uint8_t)(bits >> bit_count);
            bits &= (1u << bit_count) - 1;
        }
    }
    if (bits != 0)
        return CC_INVALID;
    *out_length = length;
    return CC_OK;
}

size_t cc_base64_encode(struct cc_slice bytes, char *out)
{
    return encode64(bytes, base64_alphabet, true, out);
}

size_t cc_base64url_encode(struct cc_slice bytes, char *out)
{
    return encode64(bytes, base64url_alphabet, false, out);
}

enum cc_error cc_base64_decode(struct cc_slice text, uint8_t *out, size_t capacity,
                               size_t *out_length)
{
    *out_length = 0;
    if (text.length % 4 != 0)
        return CC_INVALID;
    for (int i = 0; i < 2 && text.length > 0 && text.data[text.length - 1] == '='; i++)
        text.length--;
    return decode64(text, base64_alphabet + 62, out, capacity, out_length);
}

enum cc_error cc_base64url_decode(struct cc_slice text, uint8_t *out, size_t capacity,
                                  size_t *out_length)
{
    return decode64(text, base64url_alphabet + 62, out, capacity, out_length);
}

void cc_hex_encode(struct cc_slice bytes, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *in = bytes_of(bytes);
    for (size_t i = 0; i < bytes.length; i++) {
        out[2 * i] = digits[in[i] >> 4];
        out[2 * i + 1] = digits[in[i] & 0x0F];
    }
    out[2 * bytes.length] = '\0';
}

enum cc_error cc_random_bytes(uint8_t *out, size_t length)
{
    while (length > 0) {
        ssize_t got = getrandom(out, length, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return CC_CRYPTO;
        out += got;
        length -= (size_t)got;
    }
    return CC_OK;
}
