#include "common/transport/zap.hpp"

#include <poll.h>

#include <array>
#include <cerrno>
#include <utility>

#include "common/key_text.hpp"

namespace rpcbroker::transport {
namespace {

// What a request is made of, in this order; a reply: version, id, status, text, user, metadata.
enum Field : std::size_t { version, request_id, domain, address, identity, mechanism, credentials, fields };

constexpr std::size_t key_bytes = 32;
constexpr const char* endpoint = "inproc://zeromq.zap.01";

// Refused with 400, a peer would never try again, though its key may be let in a moment later.
constexpr std::string_view come_in = "200";
constexpr std::string_view not_now = "300";

std::string as_text(const std::string& key) {
    std::array<char, key_characters + 1> text{};
    zmq_z85_encode(text.data(), reinterpret_cast<const std::uint8_t*>(key.data()), key.size());
    return text.data();
}

}  // namespace

std::shared_ptr<Zap> Zap::of(const Context& context) {
    auto& state = context.state();
    const std::lock_guard lock{state.zap_mutex};
    auto zap = state.zap.lock();
    if (!zap) state.zap = zap = std::make_shared<Zap>(context);
    return zap;
}

Zap::Zap(const Context& context) : socket_(context, ZMQ_REP) {
    socket_.set(ZMQ_LINGER, 0);
    if (socket_.bind(endpoint) != 0) fail("zmq_bind");
    thread_ = std::thread{[this] { run(); }};
}

Zap::~Zap() {
    {
        const std::lock_guard lock{mutex_};
        quitting_ = true;
    }
    quit_.signal();
    thread_.join();
}

std::string Zap::open(RouterKeys::Admit admit) {
    const std::lock_guard lock{mutex_};
    auto name = "rpcbroker." + std::to_string(++opened_);
    domains_.emplace(name, std::move(admit));
    return name;
}

void Zap::close(const std::string& name) {
    const std::lock_guard lock{mutex_};
    domains_.erase(name);
}

void Zap::run() {
    std::array<pollfd, 2> watched{{{socket_.descriptor(), POLLIN, 0}, {quit_.descriptor(), POLLIN, 0}}};
    for (Frame frame;;) {
        while (socket_.receive(frame)) answer(frame);
        {
            const std::lock_guard lock{mutex_};
            if (quitting_) return;
        }
        ::poll(watched.data(), watched.size(), -1);
    }
}

// `frame` holds the first frame of a request.
void Zap::answer(Frame& frame) {
    std::vector<std::string> request{std::string(frame.bytes())};
    while (frame.more() && socket_.receive(frame)) request.emplace_back(frame.bytes());
    request.resize(std::max<std::size_t>(request.size(), fields));
    const auto number = ask(request);
    for (const std::string_view part : {std::string_view(request[version]), std::string_view(request[request_id]),
                                        number != 0 ? come_in : not_now, std::string_view{}})
        socket_.send(part, Socket::More::yes);
    socket_.send(number != 0 ? std::to_string(number) : std::string{}, Socket::More::yes);
    socket_.send(std::string_view{}, Socket::More::no);
}

// 0: refused, also where that could not be found out.
std::uint64_t Zap::ask(const std::vector<std::string>& request) noexcept try {
    if (request[mechanism] != "CURVE" || request[credentials].size() != key_bytes) return 0;
    const std::lock_guard lock{mutex_};
    const auto found = domains_.find(request[domain]);
    if (found == domains_.end()) return 0;
    return found->second(as_text(request[credentials]), request[address]);
} catch (...) {
    return 0;
}

}  // namespace rpcbroker::transport
