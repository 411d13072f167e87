#include "gateway/tls/channel.hpp"

#include <algorithm>
#include <array>
#include <new>
#include <utility>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

namespace rpcbroker::tls {

namespace {

constexpr char handshake_record = 0x16;
constexpr std::size_t longest_record = std::size_t{17} * 1024;
/// Read at once: with a record that was begun before, it has room where it is unsealed to.
constexpr std::size_t read_at_once = Channel::read_size - longest_record;
constexpr std::size_t sealed_at_once = std::size_t{64} * 1024;
constexpr std::size_t kept_room = 2 * sealed_at_once;
/// Answers to what the client says below its protocol, such as new keys, if it takes none of them.
constexpr std::size_t most_unsent = std::size_t{1} << 20;

int read_wire(BIO* bio, char* into, std::size_t size, std::size_t* taken) {
    auto& in = static_cast<Wire*>(BIO_get_data(bio))->in;
    BIO_clear_retry_flags(bio);
    *taken = std::min(size, in.size());
    std::copy_n(in.data(), *taken, into);
    in.remove_prefix(*taken);
    if (*taken == 0) BIO_set_retry_read(bio);
    return *taken > 0 ? 1 : 0;
}

int write_wire(BIO* bio, const char* bytes, std::size_t size, std::size_t* written) {
    static_cast<Wire*>(BIO_get_data(bio))->out.append(bytes, size);
    *written = size;
    return 1;
}

long control_wire(BIO* /*bio*/, int command, long /*number*/, void* /*pointer*/) {
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD* make_method() {
    auto* const method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wire");
    if (!method) throw std::bad_alloc{};
    BIO_meth_set_read_ex(method, read_wire);
    BIO_meth_set_write_ex(method, write_wire);
    BIO_meth_set_ctrl(method, control_wire);
    return method;
}

BIO* make_bio(Wire& wire) {
    static BIO_METHOD* const method = make_method();
    auto* const bio = BIO_new(method);
    if (!bio) throw std::bad_alloc{};
    BIO_set_data(bio, &wire);
    return bio;
}

}  // namespace

void TlsChannel::Free::operator()(ssl_st* ssl) const noexcept { SSL_free(ssl); }

TlsChannel::TlsChannel(ssl_ctx_st* context, int socket) : socket_(socket), ssl_(SSL_new(context)) {
    if (!ssl_) throw std::bad_alloc{};
    auto* const bio = make_bio(wire_);
    SSL_set_bio(ssl_.get(), bio, bio);
    SSL_set_accept_state(ssl_.get());
}

bool TlsChannel::is_open() const { return SSL_is_init_finished(ssl_.get()) == 1; }

bool TlsChannel::reads_once_writable() const { return sealed_ == 0 && sent_ < wire_.out.size(); }

Channel::Moved TlsChannel::read(std::span<char> into) {
    static thread_local std::array<char, read_at_once> came;
    if (reads_once_writable()) {
        if (const auto is = send_out(); is != Is::some) return {is};
    }
    const auto moved = socket_.read(came);
    if (moved.is == Is::over && begun_ && !is_open()) return {Is::broken};
    if (moved.is != Is::some) return moved;
    if (!std::exchange(begun_, true) && came[0] != handshake_record) {
        const auto size = std::min(moved.size, into.size());
        std::copy_n(came.data(), size, into.data());
        return {Is::not_tls, size};
    }
    wire_.in = {came.data(), moved.size};
    const auto unsealed = unseal(into);
    wire_.in = {};
    if (send_out() == Is::over) return {Is::over};
    return wire_.out.size() > most_unsent ? Moved{Is::broken} : unsealed;
}

Channel::Moved TlsChannel::unseal(std::span<char> into) {
    for (std::size_t size = 0;;) {
        std::size_t more = 0;
        ERR_clear_error();
        if (SSL_read_ex(ssl_.get(), into.data() + size, into.size() - size, &more) == 1) {
            size += more;
            continue;
        }
        const auto why = SSL_get_error(ssl_.get(), 0);
        if (why == SSL_ERROR_WANT_READ) return {size > 0 ? Is::some : Is::wait, size};
        if (why == SSL_ERROR_ZERO_RETURN) return {size > 0 ? Is::some : Is::over, size};
        over_ = true;
        return {Is::broken};
    }
}

Channel::Moved TlsChannel::write(std::string_view bytes) {
    if (sealed_ == 0 && !seal(bytes.substr(0, sealed_at_once))) return {Is::broken};
    if (const auto is = send_out(); is != Is::some) return {is};
    return {Is::some, std::exchange(sealed_, 0)};
}

bool TlsChannel::seal(std::string_view bytes) {
    ERR_clear_error();
    if (SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &sealed_) == 1) return true;
    over_ = true;
    return false;
}

/// `some` when nothing is left.
Channel::Is TlsChannel::send_out() {
    auto& out = wire_.out;
    while (sent_ < out.size()) {
        const auto moved = socket_.write(std::string_view{out}.substr(sent_));
        if (moved.is != Is::some) return moved.is;
        sent_ += moved.size;
    }
    sent_ = 0;
    out.clear();
    if (out.capacity() > kept_room) out.shrink_to_fit();
    return Is::some;
}

void TlsChannel::end() {
    if (!is_open() || std::exchange(over_, true)) return;
    ERR_clear_error();
    (void)SSL_shutdown(ssl_.get());
    (void)send_out();
}

}  // namespace rpcbroker::tls
