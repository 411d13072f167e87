// Messages without an end are found, and nothing else is taken for one.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>

#include <catch2/catch.hpp>

#include "tests/transport/support.hpp"

namespace rpcbroker::transport::test {
namespace {

using namespace std::string_literals;
constexpr std::size_t mebibyte = std::size_t{1} << 20;

RouterOptions up_to(std::size_t largest) {
    RouterOptions options;
    options.max_message = largest;
    return options;
}

/// A DEALER of ZMTP 3 by hand. It never waits.
class Raw {
public:
    explicit Raw(const std::string& endpoint) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1))));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        REQUIRE(::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
        const auto handshake = "\xff" + std::string(8, '\0') + "\x7f\x03" + std::string(1, '\0') + "NULL" +
                               std::string(48, '\0') + "\x04\x1c\x05READY\x0bSocket-Type\0\0\0\x06"s + "DEALER";
        REQUIRE(::send(socket_, handshake.data(), handshake.size(), 0) == static_cast<ssize_t>(handshake.size()));
        // libzmq takes a message that comes before it has sent its own READY for a mistake.
        std::array<char, 66> begin{};
        REQUIRE(::recv(socket_, begin.data(), begin.size(), MSG_WAITALL) == static_cast<ssize_t>(begin.size()));
        std::string ready(static_cast<unsigned char>(begin.back()), '\0');
        REQUIRE(::recv(socket_, ready.data(), ready.size(), MSG_WAITALL) == static_cast<ssize_t>(ready.size()));
    }
    ~Raw() { ::close(socket_); }
    Raw(const Raw&) = delete;
    Raw& operator=(const Raw&) = delete;

    void queue(std::string_view bytes) { waiting_ += bytes; }
    void queue_frame(char flags, std::string_view content) {
        waiting_ += {flags, static_cast<char>(content.size())};
        waiting_ += content;
    }
    void queue_large(std::string_view content) {
        waiting_.push_back('\2');
        for (int shift = 56; shift >= 0; shift -= 8) waiting_.push_back(static_cast<char>(content.size() >> shift));
        waiting_ += content;
    }
    /// As much as the system takes. False: the connection is closed.
    bool send() {
        if (is_cut()) return false;
        const auto size = ::send(socket_, waiting_.data(), waiting_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (size > 0) waiting_.erase(0, static_cast<std::size_t>(size));
        return size > 0 || errno == EAGAIN;
    }
    [[nodiscard]] bool is_cut() const {
        std::array<char, 256> bytes{};
        const auto size = ::recv(socket_, bytes.data(), bytes.size(), MSG_DONTWAIT);
        return size == 0 || (size < 0 && errno != EAGAIN);
    }
    [[nodiscard]] std::size_t waiting() const noexcept { return waiting_.size(); }

private:
    int socket_;
    std::string waiting_;
};

/// A turn of a loop: how many bodies were read.
int turn(Bound& bound, std::vector<std::string>& cut) {
    int bodies = 0;
    bound.poller.wait(std::chrono::milliseconds(1));
    while (true) {
        const auto received = bound.router.receive(bound.incoming);
        if (received == Received::nothing) break;
        bodies += received == Received::body ? 1 : 0;
    }
    for (auto& address : bound.router.cut_floods(true, Clock::now())) cut.push_back(std::move(address));
    return bodies;
}

TEST_CASE("inflow: who sends frame after frame and no last one is cut, whatever their size") {
    const auto size = GENERATE(std::size_t{0}, std::size_t{8}, std::size_t{200});
    Bound bound{"tcp://127.0.0.1:*", up_to(4 * mebibyte)};
    Raw raw{bound.endpoint};
    const std::string content(size, 'x');
    std::vector<std::string> cut;
    const auto end = Clock::now() + patience;
    while (raw.send() && Clock::now() < end) {
        while (raw.waiting() < mebibyte) raw.queue_frame(1, content);
        turn(bound, cut);
    }
    CHECK(raw.is_cut());
    turn(bound, cut);  // who was cut is known by then
    REQUIRE(cut.size() == 1);
    CHECK(cut.front().starts_with("127.0.0.1:"));
}

TEST_CASE("inflow: a flood is cut beside others whose messages are never all read") {
    Bound bound{"tcp://127.0.0.1:*", up_to(mebibyte)};
    Raw raw{bound.endpoint};
    Raw other{bound.endpoint};
    const std::string content(200, 'x');
    std::vector<std::string> cut;
    const auto end = Clock::now() + patience;
    while (raw.send() && Clock::now() < end) {
        while (raw.waiting() < mebibyte) raw.queue_frame(1, content);
        while (other.waiting() < mebibyte / 16) other.queue_frame(0, content);
        other.send();
        bound.poller.wait(std::chrono::milliseconds(1));
        for (int i = 0; i < 50; ++i) bound.router.receive(bound.incoming);
        for (auto& address : bound.router.cut_floods(false, Clock::now())) cut.push_back(std::move(address));
    }
    CHECK(raw.is_cut());
    CHECK_FALSE(other.is_cut());
    for (auto& address : bound.router.cut_floods(false, Clock::now())) cut.push_back(std::move(address));
    CHECK(cut.size() == 1);
}

TEST_CASE("inflow: a body as large as may be, and one that looks like frames inside, come in however slowly") {
    const auto body = GENERATE(std::string(4 * mebibyte, 'x'), std::string(4 * mebibyte, '\1'));
    Bound bound{"tcp://127.0.0.1:*", up_to(4 * mebibyte)};
    Raw raw{bound.endpoint};
    std::vector<std::string> cut;
    int bodies = 0;
    constexpr int wanted = 6;
    for (int i = 0; i < wanted; ++i) raw.queue_large(body);
    const auto end = Clock::now() + patience;
    while (bodies < wanted && Clock::now() < end) {
        raw.send();
        bodies += turn(bound, cut);
    }
    CHECK(bodies == wanted);
    CHECK(cut.empty());
}

TEST_CASE("inflow: a loop that was away for long does not take what came meanwhile for a flood") {
    Bound bound{"tcp://127.0.0.1:*", up_to(mebibyte)};
    Raw raw{bound.endpoint};
    std::vector<std::string> cut;
    int bodies = 0;
    constexpr int wanted = 64;
    for (int i = 0; i < wanted; ++i) raw.queue_large(std::string(mebibyte / 2, 'x'));
    const auto end = Clock::now() + patience;
    for (int i = 0; raw.waiting() > 0 && i < 1000; ++i) {
        raw.send();
        ::usleep(1000);
    }
    for (const bool drained : {false, false, true}) {
        ::usleep(30'000);
        if (drained) bodies += turn(bound, cut);
        CHECK(bound.router.cut_floods(drained, Clock::now()).empty());
    }
    while (bodies < wanted && Clock::now() < end) {
        raw.send();
        bodies += turn(bound, cut);
    }
    CHECK(bodies == wanted);
    CHECK(cut.empty());
}

}  // namespace
}  // namespace rpcbroker::transport::test
