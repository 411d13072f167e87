// TLS over a pair of sockets, against OpenSSL's own client.
#include "gateway/tls/context.hpp"

#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

namespace rpcbroker::tls::test {
namespace {

using Is = Channel::Is;

template <class T, auto free>
struct Freed {
    void operator()(T* thing) const noexcept { free(thing); }
};
template <class T, auto free>
using Held = std::unique_ptr<T, Freed<T, free>>;

/// A certificate that nobody signed but itself, in a folder of its own.
class Folder {
public:
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "tls-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path_ = name;
        const Held<EVP_PKEY, EVP_PKEY_free> key{EVP_EC_gen("P-256")};
        const Held<X509, X509_free> certificate{X509_new()};
        X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
        X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
        X509_set_pubkey(certificate.get(), key.get());
        REQUIRE(X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0);
        const Held<FILE, std::fclose> certificate_file{std::fopen(files().certificate.c_str(), "w")};
        PEM_write_X509(certificate_file.get(), certificate.get());
        const Held<FILE, std::fclose> key_file{std::fopen(files().key.c_str(), "w")};
        REQUIRE(::chmod(files().key.c_str(), 0600) == 0);
        PEM_write_PrivateKey(key_file.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    [[nodiscard]] Files files() const { return {path_ / "certificate", path_ / "key"}; }

private:
    std::filesystem::path path_;
};

/// A client, and the gateway's end of its connection; neither waits.
class Pair {
public:
    Pair() {
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sockets_.data()) == 0);
        const Folder folder;
        channel = context(folder)->accept(sockets_[0]);
        client.reset(SSL_new(client_context_.get()));
        SSL_set_fd(client.get(), sockets_[1]);
        SSL_set_connect_state(client.get());
    }
    ~Pair() {
        for (const int socket : sockets_) ::close(socket);
    }
    Pair(const Pair&) = delete;
    Pair& operator=(const Pair&) = delete;

    static std::shared_ptr<const Context> context(const Folder& folder) {
        return Context::read(folder.files()).value();
    }

    void shake_hands() {
        for (int turn = 0; turn < 10 && (SSL_do_handshake(client.get()) != 1 || !channel->is_open()); ++turn)
            CHECK(read().first == Is::wait);
        REQUIRE(channel->is_open());
    }
    std::pair<Is, std::string> read() {
        const auto [is, size] = channel->read(buffer_);
        return {is, std::string{buffer_.data(), size}};
    }
    /// What the client can read now.
    std::string received() {
        std::string all;
        std::size_t size = 0;
        while (SSL_read_ex(client.get(), buffer_.data(), buffer_.size(), &size) == 1) all.append(buffer_.data(), size);
        return all;
    }
    void send(std::string_view bytes) const {
        std::size_t written = 0;
        REQUIRE(SSL_write_ex(client.get(), bytes.data(), bytes.size(), &written) == 1);
    }
    void send_raw(std::string_view bytes) const {
        REQUIRE(::send(sockets_[1], bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
    }
    /// False: the connection takes no more.
    [[nodiscard]] bool ask_for_new_keys() const {
        SSL_key_update(client.get(), SSL_KEY_UPDATE_REQUESTED);
        return SSL_do_handshake(client.get()) == 1;
    }

    std::unique_ptr<Channel> channel;
    Held<SSL, SSL_free> client;

private:
    std::array<int, 2> sockets_{};
    Held<SSL_CTX, SSL_CTX_free> client_context_{SSL_CTX_new(TLS_client_method())};
    std::array<char, Channel::read_size> buffer_{};
};

std::string long_text() {
    std::string text;
    while (text.size() < 3'000'000) text += std::to_string(text.size()) + ' ';
    return text;
}

TEST_CASE("TLS: bytes go both ways") {
    Pair pair;
    CHECK(!pair.channel->is_open());
    pair.shake_hands();
    CHECK(pair.read().first == Is::wait);
    pair.send("a question");
    pair.send(", and more of it");
    CHECK(pair.read() == std::pair{Is::some, std::string{"a question, and more of it"}});
    CHECK(pair.channel->write("an answer").size == 9);
    CHECK(pair.received() == "an answer");
}

TEST_CASE("TLS: what the system does not take is offered again") {
    Pair pair;
    pair.shake_hands();
    (void)pair.received();
    const auto text = long_text();
    std::string came;
    bool waited = false;
    for (std::size_t written = 0; written < text.size();) {
        const auto [is, size] = pair.channel->write(std::string_view{text}.substr(written));
        written += size;
        if (is != Is::wait) continue;
        waited = true;
        came += pair.received();
    }
    CHECK(waited);
    came += pair.received();
    CHECK(came == text);
}

TEST_CASE("TLS: much that came at once is read in turns") {
    Pair pair;
    pair.shake_hands();
    const std::string text(150'000, 'x');
    pair.send(text);
    std::string came;
    while (came.size() < text.size()) {
        auto [is, some] = pair.read();
        REQUIRE(is == Is::some);
        came += some;
    }
    CHECK(came == text);
}

TEST_CASE("TLS: the end is told, from either side") {
    Pair pair;
    pair.shake_hands();
    pair.send("last words");
    CHECK(SSL_shutdown(pair.client.get()) == 0);
    CHECK(pair.read() == std::pair{Is::some, std::string{"last words"}});
    pair.channel->end();
    CHECK(SSL_shutdown(pair.client.get()) == 1);
}

TEST_CASE("TLS: what does not begin with a handshake is handed on") {
    Pair pair;
    pair.send_raw("GET / HTTP/1.1\r\n");
    CHECK(pair.read() == std::pair{Is::not_tls, std::string{"GET / HTTP/1.1\r\n"}});
}

TEST_CASE("TLS: nonsense is broken, before the handshake's end and after it") {
    Pair pair;
    pair.send_raw("\x16nonsense");
    CHECK(pair.read().first == Is::broken);
    Pair other;
    other.shake_hands();
    other.send_raw(std::string{"\x17\x03\x03\x00\x20", 5} + std::string(32, 'x'));
    CHECK(other.read().first == Is::broken);
    other.channel->end();
}

TEST_CASE("TLS: a client that asks for new keys, and takes none, is not read on") {
    Pair pair;
    pair.shake_hands();
    while (!pair.channel->reads_once_writable()) {
        REQUIRE(pair.ask_for_new_keys());
        REQUIRE(pair.read().first == Is::wait);
    }
    while (pair.ask_for_new_keys()) CHECK(pair.read().first == Is::wait);
}

TEST_CASE("TLS: a client that asks for new keys, and takes nothing of what it is sent, is cut") {
    Pair pair;
    pair.shake_hands();
    const auto text = long_text();
    while (pair.channel->write(text).is == Is::some) {
    }
    auto is = Is::wait;
    while (is == Is::wait && pair.ask_for_new_keys()) is = pair.read().first;
    CHECK(is == Is::broken);
}

}  // namespace
}  // namespace rpcbroker::tls::test
