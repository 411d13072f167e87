#include "tests/simulation/liars.hpp"

#include <utility>

#include <rpcbroker/pack.hpp>

#include "common/message.hpp"
#include "tests/simulation/services.hpp"
#include "worker/worker_core.hpp"

namespace rpcbroker::simulation {
namespace {

using namespace std::chrono_literals;

/// Parameters that no damage turns into an honest call's.
std::string strange_params(std::size_t padding) {
    std::string out;
    Packer{out}.array(1).string(std::string(padding, 'y'));
    return out;
}

std::string noise(Random& random) {
    std::string bytes(random.below(30), '\0');
    for (char& c : bytes) c = static_cast<char>(random.next());
    return bytes;
}

/// Almost a message: cut off, or with a byte of it changed.
std::string damaged(Random& random, std::string bytes) {
    if (bytes.empty()) return bytes;
    const auto at = random.below(bytes.size());
    if (random.chance(500))
        bytes.resize(at);
    else
        bytes[at] = static_cast<char>(random.next());
    return bytes;
}

std::string notification(std::string_view method, std::initializer_list<std::uint64_t> numbers) {
    std::string params;
    Packer packer{params};
    packer.array(numbers.size());
    for (const auto number : numbers) packer.unsigned_integer(number);
    std::string out;
    append_notification(out, method, params);
    return out;
}

}  // namespace

// ---- at the frontend

LyingClient::LyingClient(Scene& scene, Place place, std::string name, const std::vector<Place>& brokers)
    : Process(scene, place, std::move(name)) {
    for (const Place broker : brokers)
        dealers_.push_back(std::make_unique<Dealer>(scene.network, place, broker, false, [this] { wake(); }));
}

std::optional<TimePoint> LyingClient::turn(TimePoint) {
    if (scene_.random.chance(20)) reads_ = !reads_;
    for (auto& dealer : dealers_)
        while (dealer->next() != Dealer::What::nothing && (reads_ || dealer->next() != Dealer::What::body))
            dealer->receive();
    if (!std::exchange(acting_, true)) act();
    return std::nullopt;
}

void LyingClient::act() {
    auto& random = scene_.random;
    const auto flood = random.chance(20) ? 40 : 1;
    auto& dealer = *dealers_[random.below(dealers_.size())];
    for (int i = 0; i < flood; ++i) {
        const std::string envelope =
            random.chance(100) ? std::string("envelope") + static_cast<char>('0' + random.below(3)) : "";
        dealer.send({envelope, any_body()});
    }
    at(scene_.events.now() + random.between(0us, Duration{20ms}), [this] { act(); });
    wake();
}

std::string LyingClient::any_request() {
    auto& random = scene_.random;
    RequestOptions options;
    if (random.chance(700))
        options.timeout_ms = static_cast<std::uint32_t>(random.below(random.chance(900) ? 200 : 4000));
    if (random.chance(300)) options.idempotent = random.chance(500);
    if (random.chance(200)) options.stream = static_cast<std::uint32_t>(random.below(random.chance(900) ? 4 : 5000));
    if (random.chance(100)) options.key = "k";
    if (random.chance(50)) options.worker = "none-1";
    const auto msgid = static_cast<std::uint32_t>(random.below(random.chance(900) ? 6 : 1U << 31));
    const auto method = draw_method(random, scene_.settings);
    const auto params = strange_params(random.chance(20) ? 70'000 : random.below(20));
    std::string out;
    if (random.chance(100))
        append_notification(out, method, params, options);
    else
        append_request(out, msgid, method, params, options);
    return out;
}

std::string LyingClient::any_body() {
    auto& random = scene_.random;
    std::string out;
    switch (random.below(12)) {
    case 0: return noise(random);
    case 1: return damaged(random, any_request());
    case 2: return notification("rpc.cancel", {random.below(8)});
    case 3:
        return notification("rpc.credit", {random.below(8), random.chance(900) ? random.below(5) : ~std::uint64_t{0}});
    case 4: return notification(random.chance(500) ? "rpc.heartbeat" : "rpc.nonsense", {});
    case 5: append_result(out, static_cast<std::uint32_t>(random.below(9)), "\xc0"); return out;
    case 6: append_stream_item(out, static_cast<std::uint32_t>(random.below(9)), "\xc0"); return out;
    case 7:
        append_request(out, 0, random.chance(500) ? "rpc.hello" : "rpc.nothing",
                       random.chance(500) ? "\x90" : "\x91\x80");
        return out;
    case 8: out = any_request(); return out + any_request() + (random.chance(500) ? noise(random) : any_request());
    default: return any_request();
    }
}

// ---- at the backend

LyingWorker::LyingWorker(Scene& scene, Place place, std::string name, const std::vector<Place>& brokers)
    : Process(scene, place, std::move(name)) {
    for (const Place broker : brokers)
        links_.push_back({std::make_unique<Dealer>(scene.network, place, broker, true, [this] { wake(); })});
}

std::string LyingWorker::registration() {
    auto& random = scene_.random;
    std::string params;
    Packer{params}
        .array(1)
        .map(6)
        .string("protocol")
        .unsigned_integer(random.chance(950) ? 1 : 2)
        .string("name")
        .string("liar");
    Packer{params}.string("batch").boolean(random.chance(500)).string("heartbeat").boolean(random.chance(500));
    Packer{params}.string("capacity").unsigned_integer(random.chance(900) ? random.below(4) : 1'000'000);
    Packer{params}.string("services").raw(draw_offer(random));
    std::string out;
    append_request(out, static_cast<std::uint32_t>(random.below(3)), "rpc.register", params);
    return out;
}

std::optional<TimePoint> LyingWorker::turn(TimePoint) {
    for (auto& link : links_) receive(link);
    if (!std::exchange(acting_, true)) act();
    return std::nullopt;
}

void LyingWorker::receive(Link& link) {
    while (link.dealer->next() != Dealer::What::nothing) {
        const auto event = link.dealer->receive();
        if (event.what == Dealer::What::connected) link.dealer->send({{}, registration()});
        if (event.what == Dealer::What::body) take_in(link, event.packet.bytes);
    }
}

void LyingWorker::take_in(Link& link, std::string_view body) {
    BodyReader reader{body};
    MessageView message;
    while (reader.next(message) == BodyReader::Step::message)
        if (message.type == MessageType::request) link.calls.push_back(message.msgid);
    while (link.calls.size() > 50) link.calls.pop_front();
}

/// One that it has, had, or that somebody else may have.
std::uint32_t LyingWorker::any_msgid(const Link& link) {
    auto& random = scene_.random;
    if (link.calls.empty() || random.chance(50)) return static_cast<std::uint32_t>(random.below(100));
    const auto msgid = link.calls[random.below(link.calls.size())];
    return random.chance(800) ? msgid : msgid + static_cast<std::uint32_t>(random.below(5)) - 2;
}

void LyingWorker::act() {
    auto& random = scene_.random;
    auto& link = links_[random.below(links_.size())];
    link.dealer->send({random.chance(20) ? "envelope" : "", any_body(link)});
    at(scene_.events.now() + random.between(0us, Duration{10ms}), [this] { act(); });
}

std::string LyingWorker::any_body(Link& link) {
    auto& random = scene_.random;
    const auto msgid = any_msgid(link);
    std::string out;
    switch (random.below(14)) {
    case 0: return noise(random);
    case 1: append_result(out, msgid, "\xc0"); return damaged(random, out);
    case 2: return registration();
    case 3:
        Packer{out}.array(1).array(2).unsigned_integer(msgid).unsigned_integer(any_msgid(link));
        {
            std::string returned;
            append_notification(returned, "rpc.return", out);
            return returned;
        }
    case 4:
        append_stream_item(out, msgid, packed(Echo{1, 1, 0}));
        append_stream_item(out, msgid, packed(Echo{1, 1, 1}));
        return out;
    case 5: {
        std::string beat;
        Packer{beat}
            .array(1)
            .map(1)
            .string("capacity")
            .unsigned_integer(random.chance(900) ? random.below(5) : 1'000'000);
        append_notification(out, "rpc.heartbeat", beat);
        return out;
    }
    case 6: append_error(out, msgid, Error{Code::internal, "so it says", By::worker, Ran::no}); return out;
    case 7: append_error(out, msgid, Error{Code::unavailable, "so it says", By::broker, Ran::no}); return out;
    case 8: Packer{out}.array(4).unsigned_integer(1).fixed_u32(msgid).string("no error object").nil(); return out;
    case 9: return random.chance(100) ? notification("rpc.leave", {}) : notification("rpc.cancel", {msgid});
    default:
        append_result(out, msgid, packed(Echo{random.below(50), 1 + random.below(50), random.below(3)}));
        return out;
    }
}

}  // namespace rpcbroker::simulation
