#include "gateway/tls/context.hpp"

#include <cstring>
#include <new>
#include <optional>
#include <utility>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "common/key_text.hpp"
#include "common/transport/key_file.hpp"
#include "gateway/tls/channel.hpp"

namespace rpcbroker::tls {

namespace {

constexpr std::size_t max_key_file = 64 * 1024;

/// Nobody is there to be asked.
int no_passphrase(char* /*into*/, int /*size*/, int /*writes*/, void* /*of*/) { return -1; }

/// What OpenSSL complained of first.
std::string complaint() {
    const auto error = ERR_peek_error();
    ERR_clear_error();
    if (ERR_SYSTEM_ERROR(error)) return std::strerror(ERR_GET_REASON(error));
    const char* const reason = ERR_reason_error_string(error);
    return reason ? reason : "OpenSSL does not say why";
}

void set_rules(SSL_CTX* context) {
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);  // clients keep their sessions, as tickets
    SSL_CTX_set_default_passwd_cb(context, no_passphrase);
}

std::optional<Error> use_certificate(SSL_CTX* context, const std::string& path) {
    if (SSL_CTX_use_certificate_chain_file(context, path.c_str()) == 1) return std::nullopt;
    return Error{Code::invalid_argument, path + ": no certificate in PEM could be read: " + complaint()};
}

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

Key parse_key(const std::string& text) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> source{BIO_new_mem_buf(text.data(), static_cast<int>(text.size())),
                                                           BIO_free};
    return {source ? PEM_read_bio_PrivateKey(source.get(), nullptr, no_passphrase, nullptr) : nullptr, EVP_PKEY_free};
}

std::optional<Error> use_key(SSL_CTX* context, const Files& files) {
    auto file = read_key_file(files.key, max_key_file);
    if (!file) return std::move(file).error();
    const auto key = parse_key(file->text);
    wipe(file->text);
    if (auto problem = problem_with_secret(files.key, file->mode)) return problem;
    if (!key)
        return Error{Code::invalid_argument,
                     files.key + ": no key in PEM, without a passphrase, could be read: " + complaint()};
    if (SSL_CTX_use_PrivateKey(context, key.get()) == 1 && SSL_CTX_check_private_key(context) == 1) return std::nullopt;
    return Error{Code::invalid_argument,
                 files.key + ": this is not the key of " + files.certificate + ": " + complaint()};
}

}  // namespace

Context::~Context() { SSL_CTX_free(context_); }

Result<std::shared_ptr<const Context>> Context::read(const Files& files) {
    ERR_clear_error();
    auto* const made = SSL_CTX_new(TLS_server_method());
    if (!made) throw std::bad_alloc{};
    std::shared_ptr<const Context> context{new Context{made}};
    set_rules(made);
    if (auto problem = use_certificate(made, files.certificate)) return *std::move(problem);
    if (auto problem = use_key(made, files)) return *std::move(problem);
    return context;
}

std::unique_ptr<Channel> Context::accept(int socket) const { return std::make_unique<TlsChannel>(context_, socket); }

}  // namespace rpcbroker::tls
